
/*
 * Copyright (C) The ngx_acm authors
 *
 * http-01 (RFC 8555 s8.3): every server answers for the tokens that are in
 * the store, whatever its own configuration says.
 *
 * The request is recognized before the first "rewrite" or "return" could
 * send it elsewhere, and goes to its location, whose logs and limits hold
 * for it, with the rewrite phases left out.  It is answered behind the last
 * limit and before access control: a CA has no password, and asks from
 * addresses that nobody knows.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "../shared/acm_challenge.h"
#include "ngx_acm.h"
#include "ngx_http_acm.h"


#define NGX_HTTP_ACM_CHALLENGE  "/.well-known/acme-challenge/"


/* of a request that is answered here */

typedef struct {
    ngx_str_t                  key_auth;
} ngx_http_acm_ctx_t;


static ngx_int_t ngx_http_acm_challenge_add(ngx_http_core_main_conf_t *cmcf,
    ngx_http_phases phase, ngx_http_handler_pt handler);
static ngx_int_t ngx_http_acm_challenge_post_read(ngx_http_request_t *r);
static ngx_int_t ngx_http_acm_challenge_token(ngx_http_request_t *r,
    ngx_str_t *token);
static ngx_int_t ngx_http_acm_challenge_find(ngx_http_request_t *r,
    ngx_str_t *token, ngx_str_t *key_auth);
static ngx_int_t ngx_http_acm_challenge_skip(ngx_http_request_t *r);
static ngx_int_t ngx_http_acm_challenge_preaccess(ngx_http_request_t *r);


ngx_int_t
ngx_http_acm_challenge_init(ngx_conf_t *cf)
{
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (ngx_http_acm_challenge_add(cmcf, NGX_HTTP_POST_READ_PHASE,
                                   ngx_http_acm_challenge_post_read)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_acm_challenge_add(cmcf, NGX_HTTP_PREACCESS_PHASE,
                                      ngx_http_acm_challenge_preaccess);
}


/*
 * nginx runs the handlers of a phase from the last one to the first.  Ours
 * is put first, and so runs last, in whatever order modules are loaded:
 * behind realip there, behind limit_req and limit_conn here.
 */

static ngx_int_t
ngx_http_acm_challenge_add(ngx_http_core_main_conf_t *cmcf,
    ngx_http_phases phase, ngx_http_handler_pt handler)
{
    ngx_array_t          *handlers;
    ngx_http_handler_pt  *h;

    handlers = &cmcf->phases[phase].handlers;

    if (ngx_array_push(handlers) == NULL) {
        return NGX_ERROR;
    }

    h = handlers->elts;

    ngx_memmove(h + 1, h,
                (handlers->nelts - 1) * sizeof(ngx_http_handler_pt));
    h[0] = handler;

    return NGX_OK;
}


static ngx_int_t
ngx_http_acm_challenge_post_read(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    ngx_str_t            token, key_auth;
    ngx_http_acm_ctx_t  *ctx;

    if (ngx_http_acm_challenge_token(r, &token) != NGX_OK) {
        return NGX_DECLINED;
    }

    rc = ngx_http_acm_challenge_find(r, &token, &key_auth);
    if (rc != NGX_OK) {
        return rc;
    }

    ctx = ngx_palloc(r->pool, sizeof(ngx_http_acm_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->key_auth = key_auth;

    ngx_http_set_ctx(r, ctx, ngx_http_acm_module);

    return ngx_http_acm_challenge_skip(r);
}


/* This runs for each request: most end at the first comparison. */

static ngx_int_t
ngx_http_acm_challenge_token(ngx_http_request_t *r, ngx_str_t *token)
{
    size_t   len, i;
    u_char  *p;

    len = sizeof(NGX_HTTP_ACM_CHALLENGE) - 1;

    if (r->uri.len <= len || r->uri.len > len + ACM_MAX_TOKEN
        || !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))
        || ngx_memcmp(r->uri.data, NGX_HTTP_ACM_CHALLENGE, len) != 0)
    {
        return NGX_DECLINED;
    }

    token->data = r->uri.data + len;
    token->len = r->uri.len - len;

    for (i = 0; i < token->len; i++) {
        p = token->data + i;

        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
              || (*p >= '0' && *p <= '9') || *p == '-' || *p == '_'))
        {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_acm_challenge_find(ngx_http_request_t *r, ngx_str_t *token,
    ngx_str_t *key_auth)
{
    acm_rc_t          rc;
    acm_err_t         err;
    acm_snap_t       *snap;
    acm_store_t      *store;
    acm_keyring_t    *ring;
    ngx_acm_conf_t   *amcf;
    acm_challenge_t   c;

    amcf = ngx_acm_get_conf(ngx_cycle);

    if (!amcf->enabled
        || ngx_acm_open(amcf, 0, &store, &ring, r->connection->log) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    err.text[0] = '\0';
    rc = acm_store_begin(store, &snap, &err);

    if (rc != ACM_OK) {
        ngx_acm_log_fault(rc, &err, r->connection->log);
        return NGX_DECLINED;
    }

    rc = acm_challenge_get(snap, ACM_CHALLENGE_HTTP, (char *) token->data,
                           token->len, ngx_time(), &c);

    acm_store_end(snap);

    if (rc != ACM_OK) {
        if (rc != ACM_NOTFOUND) {
            (void) acm_fail(&err, rc, "the challenge \"%.*s\" cannot be "
                            "read: %s; see \"acmctl verify\"",
                            (int) token->len, token->data, acm_rc_text(rc));
            ngx_acm_log_fault(rc, &err, r->connection->log);
        }

        return NGX_DECLINED;
    }

    key_auth->len = ngx_strlen(c.value);
    key_auth->data = ngx_pnalloc(r->pool, key_auth->len);

    if (key_auth->data) {
        ngx_memcpy(key_auth->data, c.value, key_auth->len);
    }

    acm_challenge_free(&c);

    return key_auth->data ? NGX_OK : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/*
 * Finds the location as nginx would, and continues behind its rewrite
 * phases.
 */

static ngx_int_t
ngx_http_acm_challenge_skip(ngx_http_request_t *r)
{
    ngx_uint_t                  n;
    ngx_http_phase_handler_t   *ph;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);
    ph = cmcf->phase_engine.handlers;

    for (n = r->phase_handler; ph[n].checker; n++) {
        if (ph[n].checker == ngx_http_core_find_config_phase) {
            break;
        }
    }

    if (ph[n].checker == NULL) {
        return NGX_DECLINED;
    }

    /* an "internal" location counts too: nothing in it will be used */

    r->internal = 1;

    if (ph[n].checker(r, &ph[n]) == NGX_OK) {
        /* finalized: there may be no request any more */
        return NGX_DONE;
    }

    r->internal = 0;

    do {
        n++;
    } while (ph[n].checker == ngx_http_core_rewrite_phase
             || ph[n].checker == ngx_http_core_post_rewrite_phase);

    /* NGX_DECLINED makes nginx go on with the one behind this */

    r->phase_handler = n - 1;

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_acm_challenge_preaccess(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    ngx_str_t            type;
    ngx_http_acm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_acm_module);

    if (ctx == NULL || r != r->main) {
        return NGX_DECLINED;
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "acm: http-01 challenge \"%V\" answered", &r->uri);

    rc = ngx_http_discard_request_body(r);

    if (rc == NGX_OK) {
        ngx_str_set(&type, "application/octet-stream");
        rc = ngx_http_acm_send(r, NGX_HTTP_OK, &type, &ctx->key_auth);
    }

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


ngx_int_t
ngx_http_acm_send(ngx_http_request_t *r, ngx_uint_t status, ngx_str_t *type,
    ngx_str_t *body)
{
    ngx_int_t         rc;
    ngx_buf_t        *b;
    ngx_chain_t       out;
    ngx_table_elt_t  *h;

    b = ngx_create_temp_buf(r->pool, body->len);
    h = ngx_list_push(&r->headers_out.headers);

    if (b == NULL || h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));
    h->hash = 1;
    ngx_str_set(&h->key, "Cache-Control");
    ngx_str_set(&h->value, "no-store");

    r->headers_out.status = status;
    r->headers_out.content_length_n = body->len;
    r->headers_out.content_type = *type;
    r->headers_out.content_type_len = type->len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->last = ngx_cpymem(b->pos, body->data, body->len);
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}
