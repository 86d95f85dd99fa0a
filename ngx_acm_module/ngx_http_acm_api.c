
/*
 * Copyright (C) The ngx_acm authors
 *
 * acm_api: requests of ACM's clients.  The event loop reads the body and sends
 * the answer; what is between, from the signature to the commit, is done by a
 * thread, so that no handshake waits for it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_acm.h"
#include "ngx_http_acm.h"


#if (NGX_THREADS)


#define NGX_HTTP_ACM_API_QUEUE  1024         /* requests that wait */
#define NGX_HTTP_ACM_API_TIMER  60000        /* milliseconds */

/* a store that is not there yet, or that others open at this instant */

#define NGX_HTTP_ACM_API_WAIT   3000         /* milliseconds */
#define NGX_HTTP_ACM_API_PAUSE  30           /* between two attempts */


/* of a request whose body has not come yet */

typedef struct {
    ngx_http_request_t        *request;
    ngx_http_event_handler_pt  read;         /* nginx's own */
} ngx_http_acm_api_body_t;


typedef struct {
    ngx_queue_t                queue;
    ngx_http_request_t        *request;
    ngx_acm_conf_t            *amcf;
    ngx_thread_pool_t         *pool;
    ngx_thread_task_t         *task;
    ngx_acm_handle_t          *handle;       /* while it is under way */
    ngx_event_t                wake;         /* for another attempt */
    ngx_msec_t                 since;        /* of the first one */
    acm_api_conf_t             conf;
    acm_sigv4_request_t        signed_request;
    acm_api_request_t          api;
    char                       address[NGX_SOCKADDR_STRLEN + 1];
    char                      *agent;
    char                      *host;         /* or NULL; so are the next */
    const char                *tls_version;
    const char                *tls_cipher;
    unsigned                   secure:1;
    unsigned                   waiting:1;    /* in the queue */
    acm_api_answer_t           answer;
} ngx_http_acm_api_ctx_t;


static void ngx_http_acm_api_read(ngx_http_request_t *r);
static void ngx_http_acm_api_wipe(void *data);
static void ngx_http_acm_api_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_acm_api_payload(ngx_http_request_t *r,
    acm_str_t *payload);
static ngx_int_t ngx_http_acm_api_request(ngx_http_acm_api_ctx_t *ctx);
static ngx_int_t ngx_http_acm_api_headers(ngx_http_acm_api_ctx_t *ctx);
static acm_str_t ngx_http_acm_api_str(ngx_str_t *str);
static ngx_int_t ngx_http_acm_api_start(ngx_http_acm_api_ctx_t *ctx);
static void ngx_http_acm_api_wake(ngx_event_t *ev);
static void ngx_http_acm_api_cleanup(void *data);
static void ngx_http_acm_api_thread(void *data, ngx_log_t *log);
static void ngx_http_acm_api_refuse(ngx_http_acm_api_ctx_t *ctx,
    const acm_api_caller_t *caller, const acm_sigv4_fault_t *fault,
    int64_t now);
static ngx_int_t ngx_http_acm_api_replayed(ngx_http_acm_api_ctx_t *ctx,
    acm_sigv4_user_t *user, int64_t now);
static void ngx_http_acm_api_done(ngx_event_t *ev);
static void ngx_http_acm_api_next(void);
static void ngx_http_acm_api_finish(ngx_http_acm_api_ctx_t *ctx);


/* requests that wait for a handle; touched by the event loop only */

static ngx_queue_t  ngx_http_acm_api_queue;
static ngx_uint_t   ngx_http_acm_api_waiting;


ngx_int_t
ngx_http_acm_api_handler(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_pool_cleanup_t       *cln;
    ngx_http_acm_api_body_t  *body;

    /* also of a request that is never complete */

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_acm_api_body_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body = cln->data;
    body->request = r;
    cln->handler = ngx_http_acm_api_wipe;

    /* in memory, and never in a file: private keys come this way */

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_acm_api_body);

    if (rc == NGX_AGAIN) {
        body->read = r->read_event_handler;
        r->read_event_handler = ngx_http_acm_api_read;
    }

    return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
}


/* nginx would close the connection without a word. */

static void
ngx_http_acm_api_read(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_event_t              *rev;
    ngx_pool_cleanup_t       *cln;
    ngx_http_acm_api_body_t  *body;

    rev = r->connection->read;

    if (!rev->timedout) {

        for (cln = r->pool->cleanup; cln; cln = cln->next) {
            if (cln->handler == ngx_http_acm_api_wipe) {
                body = cln->data;
                body->read(r);
                return;
            }
        }
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, NGX_ETIMEDOUT,
                  "client timed out");

    rev->timedout = 0;
    r->read_event_handler = ngx_http_block_reading;

    /* what comes now is the rest of it, and no request */

    r->keepalive = 0;
    r->lingering_close = 1;

    rc = ngx_http_special_response_handler(r, NGX_HTTP_REQUEST_TIME_OUT);

    ngx_http_finalize_request(r, rc);
}


/* What has come of the body; what is behind it is another request. */

static void
ngx_http_acm_api_wipe(void *data)
{
    ngx_http_acm_api_body_t *body = data;

    ngx_chain_t         *cl;
    ngx_http_request_t  *r;

    r = body->request;

    if (r->request_body == NULL) {
        return;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        if (ngx_buf_in_memory(cl->buf)) {
            ngx_explicit_memzero(cl->buf->pos, cl->buf->last - cl->buf->pos);
        }
    }
}


static void
ngx_http_acm_api_body(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_acm_loc_conf_t   *alcf;
    ngx_http_acm_api_ctx_t    *ctx;

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_acm_api_ctx_t));
    if (ctx == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_acm_module);

    ctx->request = r;
    ctx->amcf = ngx_acm_get_conf(ngx_cycle);
    ctx->pool = alcf->pool;
    ctx->conf = ctx->amcf->api;
    ctx->conf.all_key_types = alcf->all_key_types;

    rc = ngx_http_acm_api_request(ctx);

    if (rc == NGX_OK) {
        rc = ngx_http_acm_api_start(ctx);
    }

    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, rc);
    }
}


static ngx_int_t
ngx_http_acm_api_payload(ngx_http_request_t *r, acm_str_t *payload)
{
    size_t        len;
    u_char       *p;
    ngx_chain_t  *cl;

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_OK;
    }

    if (r->request_body->temp_file) {

        /* somebody has told nginx to write it */

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "acm: a request of the API was written to a file: "
                      "remove \"client_body_in_file_only\", and raise "
                      "\"client_body_buffer_size\" to %d",
                      ACM_MAX_API_BODY);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cl = r->request_body->bufs;

    if (cl->next == NULL) {
        payload->data = cl->buf->pos;
        payload->len = cl->buf->last - cl->buf->pos;
        return NGX_OK;
    }

    len = 0;

    for ( /* void */ ; cl; cl = cl->next) {
        len += cl->buf->last - cl->buf->pos;
    }

    p = ngx_pnalloc(r->pool, len + 1);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    payload->data = p;
    payload->len = len;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        p = ngx_cpymem(p, cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    return NGX_OK;
}


/* The request as it was received, before nginx has understood it. */

static ngx_int_t
ngx_http_acm_api_request(ngx_http_acm_api_ctx_t *ctx)
{
    size_t               len;
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;

    rc = ngx_http_acm_api_payload(r, &ctx->signed_request.payload);
    if (rc != NGX_OK) {
        return rc;
    }

    ctx->signed_request.method = ngx_http_acm_api_str(&r->method_name);
    ctx->signed_request.target = ngx_http_acm_api_str(&r->unparsed_uri);
    ctx->api.method = ctx->signed_request.method;
    ctx->api.body = ctx->signed_request.payload;

    if (r->connection->sockaddr->sa_family != AF_UNIX) {
        len = ngx_min(r->connection->addr_text.len, NGX_SOCKADDR_STRLEN);
        ngx_memcpy(ctx->address, r->connection->addr_text.data, len);
    }

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        ctx->secure = 1;
        ctx->tls_version = SSL_get_version(r->connection->ssl->connection);
        ctx->tls_cipher = SSL_get_cipher_name(r->connection->ssl->connection);
    }
#endif

    return ngx_http_acm_api_headers(ctx);
}


static ngx_int_t
ngx_http_acm_api_headers(ngx_http_acm_api_ctx_t *ctx)
{
    size_t               len;
    ngx_uint_t           i, n;
    ngx_list_part_t     *part;
    ngx_table_elt_t     *h;
    ngx_http_request_t  *r;
    acm_sigv4_header_t  *fields;

    r = ctx->request;
    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        n += part->nelts;
    }

    fields = ngx_palloc(r->pool, (n + 1) * sizeof(acm_sigv4_header_t));
    if (fields == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            fields[n].name = ngx_http_acm_api_str(&h[i].key);
            fields[n++].value = ngx_http_acm_api_str(&h[i].value);

            len = sizeof("X-Amz-Target") - 1;

            if (h[i].key.len == len
                && ngx_strncasecmp(h[i].key.data, (u_char *) "x-amz-target",
                                   len)
                   == 0)
            {
                ctx->api.target = fields[n - 1].value;
            }
        }
    }

    ctx->signed_request.headers = fields;
    ctx->signed_request.nheaders = n;
    ctx->agent = "";

    if (r->headers_in.content_type) {
        ctx->api.type = ngx_http_acm_api_str(
                                       &r->headers_in.content_type->value);
    }

    if (r->headers_in.user_agent) {

        /* nginx ends what it has parsed with a NUL */

        ctx->agent = (char *) r->headers_in.user_agent->value.data;
    }

    if (r->headers_in.host) {
        ctx->host = (char *) r->headers_in.host->value.data;
    }

    return NGX_OK;
}


static acm_str_t
ngx_http_acm_api_str(ngx_str_t *str)
{
    acm_str_t  s;

    s.len = str->len;
    s.data = str->data;

    return s;
}


/* NGX_OK: it is under way, or waits until another one is over. */

static ngx_int_t
ngx_http_acm_api_start(ngx_http_acm_api_ctx_t *ctx)
{
    ngx_uint_t           busy;
    ngx_http_request_t  *r;
    ngx_pool_cleanup_t  *cln;

    r = ctx->request;

    if (ngx_http_acm_api_queue.next == NULL) {
        ngx_queue_init(&ngx_http_acm_api_queue);
    }

    if (ctx->task == NULL) {
        ctx->task = ngx_thread_task_alloc(r->pool, 0);
        cln = ngx_pool_cleanup_add(r->pool, 0);

        if (ctx->task == NULL || cln == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        cln->handler = ngx_http_acm_api_cleanup;
        cln->data = ctx;

        ctx->task->ctx = ctx;
        ctx->task->handler = ngx_http_acm_api_thread;
        ctx->task->event.handler = ngx_http_acm_api_done;
        ctx->task->event.data = ctx;
        ctx->task->event.log = r->connection->log;

        ctx->wake.handler = ngx_http_acm_api_wake;
        ctx->wake.data = ctx;
        ctx->wake.log = r->connection->log;
        ctx->since = ngx_current_msec;
    }

    ctx->handle = ngx_acm_handle_get(ctx->amcf, &busy, r->connection->log);

    if (ctx->handle == NULL && busy
        && ngx_http_acm_api_waiting < NGX_HTTP_ACM_API_QUEUE)
    {
        ctx->waiting = 1;
        ngx_queue_insert_tail(&ngx_http_acm_api_queue, &ctx->queue);
        ngx_http_acm_api_waiting++;
        return NGX_OK;
    }

    if (ctx->handle == NULL) {

        if (busy) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "acm: api: %ui calls wait for another one already",
                          ngx_http_acm_api_waiting);
            return NGX_HTTP_SERVICE_UNAVAILABLE;
        }

        if (ngx_current_msec - ctx->since >= NGX_HTTP_ACM_API_WAIT) {
            return NGX_HTTP_SERVICE_UNAVAILABLE;
        }

        ngx_add_timer(&ctx->wake, NGX_HTTP_ACM_API_PAUSE);
        return NGX_OK;
    }

    if (ngx_thread_task_post(ctx->pool, ctx->task) != NGX_OK) {
        ngx_acm_handle_put(ctx->handle);
        ctx->handle = NULL;
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    /* a worker that is told to stop goes when it has no timers any more */

    ngx_add_timer(&ctx->task->event, NGX_HTTP_ACM_API_TIMER);

    r->main->blocked++;
    r->aio = 1;

    return NGX_OK;
}


static void
ngx_http_acm_api_wake(ngx_event_t *ev)
{
    ngx_int_t                rc;
    ngx_connection_t        *c;
    ngx_http_acm_api_ctx_t  *ctx;

    ctx = ev->data;
    c = ctx->request->connection;

    ngx_http_set_log_request(c->log, ctx->request);

    rc = ngx_http_acm_api_start(ctx);

    if (rc != NGX_OK) {
        ngx_http_finalize_request(ctx->request, rc);
    }

    ngx_http_run_posted_requests(c);
}


/* The client has gone while its request was waiting, or all is over. */

static void
ngx_http_acm_api_cleanup(void *data)
{
    ngx_http_acm_api_ctx_t  *ctx = data;

    if (ctx->waiting) {
        ngx_queue_remove(&ctx->queue);
        ngx_http_acm_api_waiting--;
    }

    if (ctx->wake.timer_set) {
        ngx_del_timer(&ctx->wake);
    }

    if (ctx->signed_request.payload.len) {
        ngx_explicit_memzero(ctx->signed_request.payload.data,
                             ctx->signed_request.payload.len);
    }

    acm_free(ctx->answer.body.data);
}


/* On a thread: nothing of nginx but what the context has. */

static void
ngx_http_acm_api_thread(void *data, ngx_log_t *log)
{
    ngx_http_acm_api_ctx_t *ctx = data;

    int64_t               now;
    acm_sigv4_user_t      user;
    const acm_user_t     *who;
    acm_api_caller_t      caller;
    acm_sigv4_fault_t     fault;
    acm_sigv4_policy_t    policy;

    ngx_memzero(&policy, sizeof(acm_sigv4_policy_t));
    ngx_memzero(&caller, sizeof(acm_api_caller_t));

    now = acm_now();

    policy.service = ACM_API_SERVICE;
    policy.now = now;
    policy.find = acm_users_find;
    policy.data = ctx->amcf->users;
    policy.root = 1;

    caller.address = ctx->address;
    caller.agent = ctx->agent;
    caller.tls_version = ctx->tls_version;
    caller.tls_cipher = ctx->tls_cipher;
    caller.host = ctx->host;
    caller.secure = ctx->secure;

    if (acm_sigv4_verify(&ctx->signed_request, &policy, &user, &fault)
        != ACM_OK)
    {
        caller.key_id = fault.key_id;
        caller.region = ngx_acm_region_known(ctx->amcf, fault.region)
                        ? fault.region : "";

        ngx_http_acm_api_refuse(ctx, &caller, &fault, now);
        return;
    }

    who = user.user;

    caller.account = who->account;
    caller.region = user.region;
    caller.arn = who->arn;
    caller.key_id = user.key_id;
    caller.user = user.user;
    caller.ticks = acm_ticks();

    if (!ngx_acm_region_known(ctx->amcf, user.region)) {
        (void) ngx_snprintf((u_char *) fault.message,
                            sizeof(fault.message) - 1,
                            "Credential should be scoped to a valid region, "
                            "not '%s'.%Z", user.region);
        fault.type = "InvalidSignatureException";
        fault.status = NGX_HTTP_BAD_REQUEST;

        caller.region = "";

        ngx_http_acm_api_refuse(ctx, &caller, &fault, now);
        return;
    }

    if (ngx_http_acm_api_replayed(ctx, &user, now)) {

        /* clients sign the next attempt anew */

        (void) ngx_cpystrn((u_char *) fault.message, (u_char *)
                           "Rate exceeded: this signature was used already.",
                           sizeof(fault.message));
        fault.type = "ThrottlingException";
        fault.status = NGX_HTTP_BAD_REQUEST;

        ngx_http_acm_api_refuse(ctx, &caller, &fault, now);
        return;
    }

    ctx->api.seen = &ctx->handle->seen;

    acm_api_call(&ctx->conf, ctx->handle->ring, &caller, &ctx->api, now,
                 &ctx->answer);
}


/* Before a call is made of it. */

static void
ngx_http_acm_api_refuse(ngx_http_acm_api_ctx_t *ctx,
    const acm_api_caller_t *caller, const acm_sigv4_fault_t *fault,
    int64_t now)
{
    acm_api_refuse(fault->status, fault->type, fault->message, &ctx->answer);

    ngx_acm_api_refused(ctx->amcf, caller, &ctx->api.target, &ctx->answer,
                        fault->quotes ? "The Authorization header is "
                        "malformed: what is in it may be secret."
                        : fault->message, now);
}


/* Whatever only reads may be read again. */

static ngx_int_t
ngx_http_acm_api_replayed(ngx_http_acm_api_ctx_t *ctx,
    acm_sigv4_user_t *user, int64_t now)
{
    if (!acm_api_changes(&ctx->api.target)) {
        return 0;
    }

    return acm_replay_used(&ngx_acm_shared(ctx->amcf)->replay,
                           user->signature,
                           acm_add_sat(user->at, ACM_SIGV4_SKEW), now);
}


static void
ngx_http_acm_api_done(ngx_event_t *ev)
{
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_http_acm_api_ctx_t  *ctx;

    ctx = ev->data;
    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (ev->timedout) {

        /* the thread is not back yet */

        ev->timedout = 0;
        ngx_add_timer(ev, NGX_HTTP_ACM_API_TIMER);
        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_acm_handle_put(ctx->handle);
    ctx->handle = NULL;

    ngx_acm_audit_watch(ctx->amcf);

    r->main->blocked--;
    r->aio = 0;

    ngx_http_acm_api_next();
    ngx_http_acm_api_finish(ctx);

    ngx_http_run_posted_requests(c);
}


/* There is a handle for the one that has waited longest. */

static void
ngx_http_acm_api_next(void)
{
    ngx_int_t                rc;
    ngx_queue_t             *q;
    ngx_connection_t        *c;
    ngx_http_acm_api_ctx_t  *ctx;

    if (ngx_queue_empty(&ngx_http_acm_api_queue)) {
        return;
    }

    q = ngx_queue_head(&ngx_http_acm_api_queue);
    ctx = ngx_queue_data(q, ngx_http_acm_api_ctx_t, queue);

    ngx_queue_remove(q);
    ngx_http_acm_api_waiting--;
    ctx->waiting = 0;

    rc = ngx_http_acm_api_start(ctx);

    if (rc != NGX_OK) {
        c = ctx->request->connection;
        ngx_http_finalize_request(ctx->request, rc);
        ngx_http_run_posted_requests(c);
    }
}


static void
ngx_http_acm_api_finish(ngx_http_acm_api_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_str_t            type, body;
    ngx_http_request_t  *r;

    r = ctx->request;

    if (ctx->answer.changed) {
        ngx_acm_ring(ctx->amcf, r->connection->log);
    }

    if (ctx->answer.err.text[0] != '\0') {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "acm: api: %s",
                      ctx->answer.err.text);
    }

    rc = ngx_http_acm_api_request_id(r, ctx->answer.request_id);

    if (rc == NGX_OK) {
        ngx_str_set(&type, ACM_API_TYPE);
        body.len = ctx->answer.body.len;
        body.data = ctx->answer.body.data;

        rc = ngx_http_acm_send(r, ctx->answer.status, &type, &body);
    }

    ngx_http_finalize_request(r, rc);
}


#endif /* NGX_THREADS */
