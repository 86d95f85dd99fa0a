
/*
 * Copyright (C) The ngx_acm authors
 *
 * The status endpoint: as JSON for programs, as pages for people.  What is
 * shown, and how, is in shared/acm_status.h.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "../shared/acm_html.h"
#include "ngx_http_acm.h"


static void ngx_http_acm_status_parse(ngx_http_request_t *r,
    ngx_http_acm_status_t *s);
static ngx_int_t ngx_http_acm_status_json(ngx_http_request_t *r,
    ngx_acm_conf_t *amcf, ngx_http_acm_status_t *s);
static ngx_int_t ngx_http_acm_status_html(ngx_http_request_t *r,
    ngx_acm_conf_t *amcf, ngx_http_acm_status_t *s);
static acm_rc_t ngx_http_acm_status_page(acm_buf_t *buf, const json_t *root,
    ngx_uint_t status, ngx_http_acm_status_t *s);
static ngx_int_t ngx_http_acm_status_headers(ngx_http_request_t *r,
    ngx_http_acm_status_t *s);
static ngx_int_t ngx_http_acm_status_header(ngx_http_request_t *r,
    const char *name, const char *value);


/* By format; metrics and /healthz are answered before. */

static const ngx_http_acm_status_pt
    ngx_http_acm_status_formats[ACM_FORMAT_MAX] =
{
    ngx_http_acm_status_json,
    ngx_http_acm_status_html
};


ngx_int_t
ngx_http_acm_status_handler(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_acm_conf_t         *amcf;
    ngx_http_acm_status_t   s;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    amcf = ngx_acm_get_conf(ngx_cycle);

    if (!amcf->enabled) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"acm_status\" needs an \"acm {}\" block");
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    rc = ngx_http_acm_status_text(r, amcf);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    ngx_http_acm_status_parse(r, &s);

    if (s.where.page == ACM_PAGE_NONE) {
        return NGX_HTTP_NOT_FOUND;
    }

    return ngx_http_acm_status_formats[s.query.format](r, amcf, &s);
}


/* A format that is asked for goes before what the client says it takes. */

static void
ngx_http_acm_status_parse(ngx_http_request_t *r, ngx_http_acm_status_t *s)
{
    size_t                     base;
    ngx_uint_t                 i;
    ngx_list_part_t           *part;
    ngx_table_elt_t           *h;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    base = clcf->name.len;

    if (base > r->uri.len
        || ngx_strncmp(r->uri.data, clcf->name.data, base) != 0)
    {
        base = 0;                          /* of a regular expression */
    }

    acm_status_where((char *) r->uri.data, r->uri.len, base, &s->where);
    acm_status_query((char *) r->args.data, r->args.len, &s->query);

    if (s->query.formatted) {
        return;
    }

    part = &r->headers_in.headers.part;

    for (h = part->elts, i = 0; /* void */ ; i++) {

        if (i == part->nelts) {
            if (part->next == NULL) {
                return;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == 6
            && ngx_strncasecmp(h[i].key.data, (u_char *) "Accept", 6) == 0
            && acm_status_accept((char *) h[i].value.data, h[i].value.len)
               == ACM_FORMAT_HTML)
        {
            s->query.format = ACM_FORMAT_HTML;
            return;
        }
    }
}


static ngx_int_t
ngx_http_acm_status_json(ngx_http_request_t *r, ngx_acm_conf_t *amcf,
    ngx_http_acm_status_t *s)
{
    json_t      *root;
    acm_rc_t     rc;
    acm_err_t    err;
    acm_str_t    text;
    ngx_int_t    n;
    ngx_str_t    type, body;
    ngx_uint_t   status;

    root = ngx_http_acm_status_model(amcf, &s->where, &s->query, &status,
                                     r->connection->log);
    if (root == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = acm_json_text(root, 1, &text, &err);

    json_decref(root);

    if (rc != ACM_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "acm: %s",
                      err.text);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    n = ngx_http_acm_status_headers(r, s);

    if (n == NGX_OK) {
        ngx_str_set(&type, "application/json");
        body.len = text.len;
        body.data = text.data;

        n = ngx_http_acm_send(r, status, &type, &body);
    }

    acm_free(text.data);

    return n;
}


static ngx_int_t
ngx_http_acm_status_html(ngx_http_request_t *r, ngx_acm_conf_t *amcf,
    ngx_http_acm_status_t *s)
{
    json_t      *root;
    acm_rc_t     rc;
    acm_buf_t    buf;
    ngx_int_t    n;
    ngx_str_t    type, body;
    ngx_uint_t   status;

    root = ngx_http_acm_status_model(amcf, &s->where, &s->query, &status,
                                     r->connection->log);
    if (root == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    acm_buf_init(&buf, ACM_MAX_HTML);

    rc = ngx_http_acm_status_page(&buf, root, status, s);

    json_decref(root);

    n = NGX_HTTP_INTERNAL_SERVER_ERROR;

    if (rc != ACM_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "acm: a page of the status: %s", acm_rc_text(rc));

    } else if (ngx_http_acm_status_headers(r, s) == NGX_OK) {
        ngx_str_set(&type, "text/html; charset=utf-8");
        body.len = buf.len;
        body.data = buf.data;

        n = ngx_http_acm_send(r, status, &type, &body);
    }

    acm_buf_free(&buf);

    return n;
}


static acm_rc_t
ngx_http_acm_status_page(acm_buf_t *buf, const json_t *root,
    ngx_uint_t status, ngx_http_acm_status_t *s)
{
    int64_t      now;
    const char  *error;

    now = acm_now();

    if (s->where.page == ACM_PAGE_HOME) {
        return acm_status_html_home(buf, root, s->where.home, now);
    }

    error = json_string_value(json_object_get(root, "Error"));

    if (error != NULL) {
        return acm_status_html_error(buf, (status == NGX_HTTP_NOT_FOUND)
                                          ? "There is no such certificate"
                                          : "The store cannot be read",
                                     error, s->where.home, now);
    }

    if (s->where.page == ACM_PAGE_CERT) {
        return acm_status_html_cert(buf, root, s->where.home, now);
    }

    return acm_status_html_list(buf, root, &s->query, s->where.home, now);
}


/* What is shown comes from elsewhere in part: a browser is told to take
   nothing of it for code. */

static ngx_int_t
ngx_http_acm_status_headers(ngx_http_request_t *r, ngx_http_acm_status_t *s)
{
    char  csp[ACM_MAX_HTML_CSP];

    if (s->query.format == ACM_FORMAT_HTML) {
        if (acm_html_csp(csp) != ACM_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

    } else {
        ngx_memcpy(csp, "default-src 'none'", sizeof("default-src 'none'"));
    }

    if (ngx_http_acm_status_header(r, "Content-Security-Policy", csp)
        != NGX_OK
        || ngx_http_acm_status_header(r, "X-Content-Type-Options", "nosniff")
           != NGX_OK
        || ngx_http_acm_status_header(r, "Referrer-Policy", "no-referrer")
           != NGX_OK
        || ngx_http_acm_status_header(r, "Vary", "Accept") != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_acm_status_header(ngx_http_request_t *r, const char *name,
    const char *value)
{
    u_char           *copy;
    size_t            len;
    ngx_table_elt_t  *h;

    len = ngx_strlen(value);
    copy = ngx_pnalloc(r->pool, len);
    h = ngx_list_push(&r->headers_out.headers);

    if (copy == NULL || h == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy, value, len);
    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.len = ngx_strlen(name);
    h->key.data = (u_char *) name;
    h->value.len = len;
    h->value.data = copy;

    return NGX_OK;
}
