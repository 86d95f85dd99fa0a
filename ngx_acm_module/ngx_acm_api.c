
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the API is told of the configuration, and the handles on the store
 * that its calls have, each on a thread of its own.
 */


#include "ngx_acm.h"


typedef struct {
    ngx_acm_handle_t          *free;
    ngx_uint_t                 n;
} ngx_acm_handles_t;


static ngx_int_t ngx_acm_api_servers(ngx_cycle_t *cycle,
    ngx_acm_conf_t *amcf);
static void ngx_acm_api_audit(void *data, const acm_api_caller_t *caller,
    const acm_api_event_t *event);
static void ngx_acm_api_caller(acm_audit_t *call,
    const acm_api_caller_t *caller);
static acm_rc_t ngx_acm_api_authorize(void *data,
    const acm_api_caller_t *caller, const acm_api_access_t *access,
    char *message);


/* of the process, as its handle on the store is; touched by the event loop
   only */

static ngx_acm_handles_t  ngx_acm_handles;


ngx_int_t
ngx_acm_api_init(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf)
{
    u_char          *p, *text;
    size_t           len;
    ngx_str_t       *name;
    ngx_uint_t       i;
    acm_api_conf_t  *api;

    if (amcf->api_file == NULL) {
        return NGX_OK;
    }

    if (!amcf->enabled || amcf->users_file.data == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "\"acm_api\" in %s:%ui needs users: add \"acm { users "
                      "FILE; }\", and make the file by \"acmctl user\"",
                      amcf->api_file, amcf->api_line);
        return NGX_ERROR;
    }

    api = &amcf->api;
    name = amcf->default_issuers->elts;
    len = 1;

    for (i = 0; i < amcf->default_issuers->nelts; i++) {
        len += name[i].len + 1;
    }

    text = ngx_pnalloc(cycle->pool, len);
    if (text == NULL) {
        return NGX_ERROR;
    }

    p = text;

    for (i = 0; i < amcf->default_issuers->nelts; i++) {
        p = ngx_sprintf(p, "%s%V", i ? " " : "", &name[i]);
    }

    *p = '\0';

    api->issuers = amcf->engine_issuers;
    api->nissuers = amcf->issuers.nelts;
    api->default_issuers = (char *) text;
    api->zone = amcf->validation ? amcf->validation->name : NULL;
    api->authorize = ngx_acm_api_authorize;
    api->audit = amcf->audit ? ngx_acm_api_audit : NULL;
    api->data = amcf;
    api->page = NGX_ACM_API_PAGE;
    api->in_use = amcf->in_use;
    api->home = amcf->one_region ? ngx_acm_home_region(amcf) : NULL;

    return ngx_acm_api_servers(cycle, amcf);
}


/* Who uses which certificate, or any that there is for a name. */

static ngx_int_t
ngx_acm_api_servers(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf)
{
    ngx_uint_t          i, k, n;
    ngx_acm_want_t     *want, **wants;
    acm_api_server_t   *server;

    wants = amcf->wants.elts;

    server = ngx_pcalloc(cycle->pool, (amcf->wants.nelts + 1)
                                      * NGX_ACM_KEY_TYPES
                                      * sizeof(acm_api_server_t));
    if (server == NULL) {
        return NGX_ERROR;
    }

    n = 0;

    for (i = 0; i < amcf->wants.nelts; i++) {
        want = wants[i];

        switch (want->mode) {

        case NGX_ACM_AUTO:

            for (k = 0; k < want->nkeys; k++) {
                ngx_memcpy(server[n].identity, want->identity[k],
                           ACM_HASH_LEN);
                server[n++].name = (char *) want->name.data;
            }

            break;

        case NGX_ACM_ARN:
            ngx_memcpy(server[n].uuid, want->uuid, ACM_UUID_LEN + 1);
            server[n++].name = (char *) want->name.data;
            break;

        case NGX_ACM_SNI:
            server[n].id = want->server;
            server[n++].name = (char *) want->name.data;
            break;

        default: /* NGX_ACM_OFF */
            break;
        }
    }

    acm_api_servers_sort(server, n);

    amcf->api.servers = server;
    amcf->api.nservers = n;

    return NGX_OK;
}


/* In the thread of the call, as what follows. */

static void
ngx_acm_api_audit(void *data, const acm_api_caller_t *caller,
    const acm_api_event_t *event)
{
    ngx_acm_conf_t *amcf = data;

    acm_audit_t  call;

    ngx_acm_api_caller(&call, caller);

    call.operation = event->operation;
    call.resource = event->resource;
    call.request_id = event->request_id;
    call.fault = event->fault;
    call.message = event->message;
    call.parameters = event->parameters;
    call.response = event->response;
    call.now = event->now;
    call.changes = event->changes;

    (void) ngx_acm_audit_write(amcf, &call, ngx_cycle->log);
}


static void
ngx_acm_api_caller(acm_audit_t *call, const acm_api_caller_t *caller)
{
    ngx_memzero(call, sizeof(acm_audit_t));

    call->account = caller->account;
    call->arn = caller->arn;
    call->key_id = caller->key_id;
    call->address = caller->address;
    call->agent = caller->agent;
    call->region = caller->asked ? caller->asked : caller->region;

    if (caller->secure) {
        call->tls_version = caller->tls_version;
        call->tls_cipher = caller->tls_cipher;
        call->tls_host = caller->host;
    }
}


void
ngx_acm_api_refused(ngx_acm_conf_t *amcf, const acm_api_caller_t *caller,
    const acm_str_t *target, const acm_api_answer_t *answer,
    const char *message, int64_t now)
{
    acm_audit_t  call;

    ngx_acm_api_caller(&call, caller);

    if (call.region == NULL || *call.region == '\0') {

        /* that of the endpoint, as far as there is one */

        call.region = ngx_acm_home_region(amcf);
    }

    call.operation = acm_api_name(target);
    call.request_id = answer->request_id;
    call.fault = answer->fault;
    call.message = message;
    call.now = now;
    call.changes = acm_api_changes(target);

    ngx_acm_audit_refused(amcf, &call, ngx_cycle->log);
}


/* The condition keys have the same form on both sides. */

static acm_rc_t
ngx_acm_api_authorize(void *data, const acm_api_caller_t *caller,
    const acm_api_access_t *access, char *message)
{
    size_t           i;
    acm_access_t     req;
    acm_context_t    context[ACM_MAX_API_KEYS];
    acm_decision_t   decision;

    ngx_memzero(&req, sizeof(acm_access_t));

    for (i = 0; i < access->nkeys; i++) {
        context[i].key = access->keys[i].key;
        context[i].values = access->keys[i].values;
        context[i].n = access->keys[i].n;
    }

    req.action = access->action;
    req.resource = access->resource;
    req.context = context;
    req.ncontext = access->nkeys;
    req.now = access->now;
    req.source_ip = (caller->address[0] == '\0') ? NULL : caller->address;
    req.region = caller->asked;
    req.user_agent = (caller->agent[0] == '\0') ? NULL : caller->agent;
    req.secure = caller->secure;

    (void) acm_policy_decide(caller->user, &req, &decision);

    if (decision.result == ACM_ACCESS_ALLOWED) {
        return ACM_OK;
    }

    (void) ngx_cpystrn((u_char *) message, (u_char *) decision.message,
                       ACM_MAX_API_DENIED);

    return ACM_DENIED;
}


ngx_acm_handle_t *
ngx_acm_handle_get(ngx_acm_conf_t *amcf, ngx_uint_t *busy, ngx_log_t *log)
{
    ngx_acm_handle_t  *h;

    *busy = 0;
    h = ngx_acm_handles.free;

    if (h) {
        ngx_acm_handles.free = h->next;
        return h;
    }

    if (ngx_acm_handles.n == NGX_ACM_API_HANDLES) {
        *busy = 1;
        return NULL;
    }

    h = ngx_calloc(sizeof(ngx_acm_handle_t), log);
    if (h == NULL) {
        return NULL;
    }

    if (ngx_acm_share(amcf, &h->store, &h->ring, log) != NGX_OK) {
        ngx_free(h);
        return NULL;
    }

    ngx_acm_handles.n++;

    return h;
}


void
ngx_acm_handle_put(ngx_acm_handle_t *h)
{
    h->next = ngx_acm_handles.free;
    ngx_acm_handles.free = h;
}


/* At the end of a process no thread is left that could have one. */

void
ngx_acm_handles_close(void)
{
    ngx_acm_handle_t  *h;

    while (ngx_acm_handles.free) {
        h = ngx_acm_handles.free;
        ngx_acm_handles.free = h->next;

        acm_x509_seen_free(&h->seen);
        acm_keyring_close(h->ring);
        acm_store_close(h->store);
        ngx_free(h);
    }

    ngx_acm_handles.n = 0;
}
