
/*
 * Copyright (C) The ngx_acm authors
 *
 * DNS over UDP: one datagram, one session.  Over TCP: queries one after the
 * other with their length in front (RFC 7766), each answered before the next
 * one is read.
 */


#include "ngx_stream_acm.h"


#define NGX_STREAM_ACM_LENGTH  2             /* octets in front, by TCP */


typedef struct {
    size_t             have;                 /* octets in "in" */
    size_t             sent;                 /* of "out" */
    size_t             size;                 /* of "out", 0: no answer */
    ngx_uint_t         queries;
    u_char             in[NGX_STREAM_ACM_LENGTH + ACM_MAX_DNS_QUERY];
    u_char             out[NGX_STREAM_ACM_LENGTH + ACM_MAX_DNS_ANSWER];
} ngx_stream_acm_dns_ctx_t;


/* for the lookup of one query */

typedef struct {
    acm_store_t       *store;                /* NULL: cannot be read */
    ngx_log_t         *log;
} ngx_stream_acm_lookup_t;


static void ngx_stream_acm_dns_udp(ngx_stream_session_t *s);
static acm_rrl_e ngx_stream_acm_dns_limit(ngx_stream_session_t *s);
static ngx_int_t ngx_stream_acm_dns_send(ngx_connection_t *c, u_char *data,
    size_t len);
static void ngx_stream_acm_dns_tcp(ngx_stream_session_t *s);
static void ngx_stream_acm_dns_tcp_handler(ngx_event_t *ev);
static void ngx_stream_acm_dns_run(ngx_stream_session_t *s);
static ngx_int_t ngx_stream_acm_dns_flush(ngx_stream_session_t *s,
    ngx_stream_acm_dns_ctx_t *ctx);
static ngx_int_t ngx_stream_acm_dns_next(ngx_stream_session_t *s,
    ngx_stream_acm_dns_ctx_t *ctx);
static ngx_int_t ngx_stream_acm_dns_read(ngx_stream_session_t *s,
    ngx_stream_acm_dns_ctx_t *ctx);
static ngx_int_t ngx_stream_acm_dns_wait(ngx_connection_t *c);
static acm_rc_t ngx_stream_acm_dns_answer(ngx_stream_session_t *s,
    u_char *query, size_t len, size_t max, u_char *out, size_t *out_len);
static acm_rc_t ngx_stream_acm_dns_lookup(void *data, const char *label,
    char values[ACM_MAX_TXT][ACM_TXT_LEN + 1], size_t *n);


void
ngx_stream_acm_dns_handler(ngx_stream_session_t *s)
{
    ngx_connection_t  *c;

    c = s->connection;

    c->log->action = "answering DNS query";

    if (c->type == SOCK_DGRAM) {
        ngx_stream_acm_dns_udp(s);
        return;
    }

    ngx_stream_acm_dns_tcp(s);
}


static void
ngx_stream_acm_dns_udp(ngx_stream_session_t *s)
{
    u_char            *query, out[ACM_MAX_DNS_ANSWER];
    size_t             len, n;
    acm_rc_t           rc;
    ngx_connection_t  *c;

    c = s->connection;

    if (c->buffer == NULL) {
        ngx_stream_finalize_session(s, NGX_STREAM_BAD_REQUEST);
        return;
    }

    query = c->buffer->pos;
    len = c->buffer->last - c->buffer->pos;

    switch (ngx_stream_acm_dns_limit(s)) {

    case ACM_RRL_ANSWER:
        rc = ngx_stream_acm_dns_answer(s, query, len, ACM_DNS_UDP_SIZE, out,
                                       &n);
        break;

    case ACM_RRL_TRUNCATE:
        rc = acm_dns_truncated(query, len, out, &n);
        break;

    default: /* ACM_RRL_DROP */
        ngx_stream_finalize_session(s, NGX_STREAM_SERVICE_UNAVAILABLE);
        return;
    }

    if (rc != ACM_OK) {
        ngx_stream_finalize_session(s, rc == ACM_INVALID
                                       ? NGX_STREAM_BAD_REQUEST
                                       : NGX_STREAM_INTERNAL_SERVER_ERROR);
        return;
    }

    if (ngx_stream_acm_dns_send(c, out, n) != NGX_OK) {
        ngx_stream_finalize_session(s, NGX_STREAM_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_stream_finalize_session(s, NGX_STREAM_OK);
}


static acm_rrl_e
ngx_stream_acm_dns_limit(ngx_stream_session_t *s)
{
    struct sockaddr            *sa;
    struct sockaddr_in         *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6        *sin6;
#endif
    ngx_stream_acm_srv_conf_t  *ascf;

    ascf = ngx_stream_get_module_srv_conf(s, ngx_stream_acm_module);

    if (ascf->rrl == NULL) {
        return ACM_RRL_ANSWER;
    }

    sa = s->connection->sockaddr;

    switch (sa->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        return acm_rrl_check(ascf->rrl, sin6->sin6_addr.s6_addr, 16,
                             (int64_t) ngx_current_msec);
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        return acm_rrl_check(ascf->rrl, (u_char *) &sin->sin_addr, 4,
                             (int64_t) ngx_current_msec);

    default: /* AF_UNIX */
        return ACM_RRL_ANSWER;
    }
}


/*
 * By send_chain: unlike send it answers from the address that was asked, on
 * a wildcard socket too.  A full socket buffer drops the answer.
 */

static ngx_int_t
ngx_stream_acm_dns_send(ngx_connection_t *c, u_char *data, size_t len)
{
    ngx_buf_t     b;
    ngx_chain_t   cl;

    ngx_memzero(&b, sizeof(ngx_buf_t));

    b.pos = data;
    b.last = data + len;
    b.memory = 1;
    b.last_buf = 1;

    cl.buf = &b;
    cl.next = NULL;

    return c->send_chain(c, &cl, 0) == NULL ? NGX_OK : NGX_ERROR;
}


static void
ngx_stream_acm_dns_tcp(ngx_stream_session_t *s)
{
    size_t                     n;
    ngx_connection_t          *c;
    ngx_stream_acm_dns_ctx_t  *ctx;

    c = s->connection;

    ctx = ngx_palloc(c->pool, sizeof(ngx_stream_acm_dns_ctx_t));
    if (ctx == NULL) {
        ngx_stream_finalize_session(s, NGX_STREAM_INTERNAL_SERVER_ERROR);
        return;
    }

    ctx->have = 0;
    ctx->sent = 0;
    ctx->size = 0;
    ctx->queries = 0;

    ngx_stream_set_ctx(s, ctx, ngx_stream_acm_module);

    /* what a preread phase has read */

    if (c->buffer) {
        n = c->buffer->last - c->buffer->pos;

        if (n > sizeof(ctx->in)) {
            ngx_stream_finalize_session(s, NGX_STREAM_BAD_REQUEST);
            return;
        }

        ngx_memcpy(ctx->in, c->buffer->pos, n);
        ctx->have = n;
    }

    c->read->handler = ngx_stream_acm_dns_tcp_handler;
    c->write->handler = ngx_stream_acm_dns_tcp_handler;

    ngx_stream_acm_dns_run(s);
}


static void
ngx_stream_acm_dns_tcp_handler(ngx_event_t *ev)
{
    ngx_connection_t      *c;
    ngx_stream_session_t  *s;

    c = ev->data;
    s = c->data;

    /* closed to make room for others, or since this worker ends */

    if (c->close) {
        ngx_stream_finalize_session(s, NGX_STREAM_OK);
        return;
    }

    if (ev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        ngx_stream_finalize_session(s, NGX_STREAM_OK);
        return;
    }

    ngx_stream_acm_dns_run(s);
}


static void
ngx_stream_acm_dns_run(ngx_stream_session_t *s)
{
    ngx_int_t                  rc;
    ngx_connection_t          *c;
    ngx_stream_acm_dns_ctx_t  *ctx;

    c = s->connection;
    ctx = ngx_stream_get_module_ctx(s, ngx_stream_acm_module);

    ngx_reusable_connection(c, 0);
    c->idle = 0;

    for ( ;; ) {

        rc = ngx_stream_acm_dns_flush(s, ctx);

        if (rc == NGX_OK) {
            rc = ngx_stream_acm_dns_next(s, ctx);

            if (rc == NGX_OK) {
                continue;
            }

            if (rc == NGX_DECLINED) {
                rc = ngx_stream_acm_dns_read(s, ctx);
            }
        }

        if (rc == NGX_AGAIN) {
            return;
        }

        if (rc != NGX_OK) {
            break;
        }
    }

    ngx_stream_finalize_session(s, rc == NGX_DONE ? NGX_STREAM_OK
                                                  : NGX_STREAM_BAD_REQUEST);
}


/* NGX_OK: there is no answer left to be sent. */

static ngx_int_t
ngx_stream_acm_dns_flush(ngx_stream_session_t *s,
    ngx_stream_acm_dns_ctx_t *ctx)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = s->connection;

    while (ctx->sent < ctx->size) {
        n = c->send(c, ctx->out + ctx->sent, ctx->size - ctx->sent);

        if (n == NGX_AGAIN) {
            if (!c->write->timer_set) {
                ngx_add_timer(c->write, NGX_STREAM_ACM_DNS_TIMEOUT);
            }

            return ngx_stream_acm_dns_wait(c);
        }

        if (n <= 0) {
            return NGX_ERROR;
        }

        ctx->sent += n;
    }

    ctx->sent = 0;
    ctx->size = 0;

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    return NGX_OK;
}


/*
 * Answers the query at the start of the buffer; NGX_DECLINED if it is not
 * complete, NGX_ERROR if it is not to be answered, NGX_DONE after the last.
 */

static ngx_int_t
ngx_stream_acm_dns_next(ngx_stream_session_t *s,
    ngx_stream_acm_dns_ctx_t *ctx)
{
    size_t             len, n;
    ngx_connection_t  *c;

    if (ctx->queries == NGX_STREAM_ACM_DNS_QUERIES) {
        return NGX_DONE;
    }

    if (ctx->have < NGX_STREAM_ACM_LENGTH) {
        return NGX_DECLINED;
    }

    len = (ctx->in[0] << 8) | ctx->in[1];

    if (len < ACM_DNS_HEADER_LEN || len > ACM_MAX_DNS_QUERY) {
        return NGX_ERROR;
    }

    if (ctx->have < NGX_STREAM_ACM_LENGTH + len) {
        return NGX_DECLINED;
    }

    if (ngx_stream_acm_dns_answer(s, ctx->in + NGX_STREAM_ACM_LENGTH, len,
                                  ACM_DNS_TCP_SIZE,
                                  ctx->out + NGX_STREAM_ACM_LENGTH, &n)
        != ACM_OK)
    {
        return NGX_ERROR;
    }

    ctx->out[0] = (u_char) (n >> 8);
    ctx->out[1] = (u_char) n;
    ctx->size = NGX_STREAM_ACM_LENGTH + n;

    ctx->have -= NGX_STREAM_ACM_LENGTH + len;
    ngx_memmove(ctx->in, ctx->in + NGX_STREAM_ACM_LENGTH + len, ctx->have);

    ctx->queries++;

    /* the time is for a query, not for an octet */

    c = s->connection;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    return NGX_OK;
}


/* The buffer is never full here: a query that fills it is complete. */

static ngx_int_t
ngx_stream_acm_dns_read(ngx_stream_session_t *s,
    ngx_stream_acm_dns_ctx_t *ctx)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = s->connection;

    n = c->recv(c, ctx->in + ctx->have, sizeof(ctx->in) - ctx->have);

    if (n > 0) {
        ctx->have += n;
        s->received += n;

        return NGX_OK;
    }

    if (n == 0) {
        return (ctx->have == 0) ? NGX_DONE : NGX_ERROR;
    }

    if (n != NGX_AGAIN) {
        return NGX_ERROR;
    }

    if (ngx_exiting && ctx->have == 0) {
        return NGX_DONE;
    }

    if (!c->read->timer_set) {
        ngx_add_timer(c->read, NGX_STREAM_ACM_DNS_TIMEOUT);
    }

    c->idle = (ctx->have == 0);
    ngx_reusable_connection(c, 1);

    return ngx_stream_acm_dns_wait(c);
}


/* Both events: with poll() the one that is not waited for must go. */

static ngx_int_t
ngx_stream_acm_dns_wait(ngx_connection_t *c)
{
    if (ngx_handle_read_event(c->read, 0) != NGX_OK
        || ngx_handle_write_event(c->write, 0) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


static acm_rc_t
ngx_stream_acm_dns_answer(ngx_stream_session_t *s, u_char *query, size_t len,
    size_t max, u_char *out, size_t *out_len)
{
    acm_keyring_t              *ring;
    acm_dns_zone_t              zone;
    ngx_stream_acm_lookup_t     lookup;
    ngx_stream_acm_srv_conf_t  *ascf;

    ascf = ngx_stream_get_module_srv_conf(s, ngx_stream_acm_module);

    lookup.log = s->connection->log;

    if (ngx_acm_open(ascf->amcf, 0, &lookup.store, &ring, lookup.log)
        != NGX_OK)
    {
        lookup.store = NULL;
    }

    zone = ascf->amcf->validation->zone;
    zone.serial = 1;
    zone.lookup = ngx_stream_acm_dns_lookup;
    zone.data = &lookup;

    if (lookup.store) {
        zone.serial = (uint32_t) acm_store_generation(lookup.store);
    }

    return acm_dns_answer(&zone, query, len, max, out, out_len);
}


static acm_rc_t
ngx_stream_acm_dns_lookup(void *data, const char *label,
    char values[ACM_MAX_TXT][ACM_TXT_LEN + 1], size_t *n)
{
    ngx_stream_acm_lookup_t *lookup = data;

    acm_rc_t     rc;
    acm_err_t    err;
    acm_snap_t  *snap;

    if (lookup->store == NULL) {
        return ACM_BUSY;
    }

    err.text[0] = '\0';

    rc = acm_store_begin(lookup->store, &snap, &err);

    if (rc == ACM_OK) {
        rc = acm_challenge_txt(snap, label, NULL, ngx_time(), values, n);
        acm_store_end(snap);
    }

    if (rc != ACM_OK && rc != ACM_NOTFOUND) {
        ngx_acm_log_fault(rc, &err, lookup->log);
    }

    return rc;
}
