
/*
 * Copyright (C) The ngx_acm authors
 *
 * What of the status is plain text: who gets metrics instead, and /healthz.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_acm.h"
#include "ngx_http_acm.h"


#define NGX_HTTP_ACM_HEALTH_MAX  2048        /* octets of the answer */


static ngx_uint_t ngx_http_acm_status_ends(ngx_str_t *uri, const char *end);
static ngx_uint_t ngx_http_acm_status_wants(ngx_http_request_t *r,
    ngx_uint_t *open);
static ngx_uint_t ngx_http_acm_status_accepts(ngx_http_request_t *r,
    const char *type);
static ngx_int_t ngx_http_acm_status_health(ngx_http_request_t *r,
    ngx_acm_conf_t *amcf);
static u_char *ngx_http_acm_health_certs(ngx_acm_conf_t *amcf, u_char *p,
    u_char *last);
static ngx_uint_t ngx_http_acm_health_store(ngx_acm_conf_t *amcf,
    ngx_log_t *log);


ngx_int_t
ngx_http_acm_status_text(ngx_http_request_t *r, ngx_acm_conf_t *amcf)
{
    ngx_uint_t  open;

    if (ngx_http_acm_status_ends(&r->uri, "/healthz")) {
        return ngx_http_acm_status_health(r, amcf);
    }

    if (ngx_http_acm_status_wants(r, &open)) {
        return ngx_http_acm_status_metrics(r, amcf, open);
    }

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_acm_status_ends(ngx_str_t *uri, const char *end)
{
    size_t  len;

    len = ngx_strlen(end);

    return uri->len >= len
           && ngx_strncmp(uri->data + uri->len - len, end, len) == 0;
}


static ngx_uint_t
ngx_http_acm_status_wants(ngx_http_request_t *r, ngx_uint_t *open)
{
    ngx_str_t  arg;

    *open = ngx_http_acm_status_accepts(r, "application/openmetrics-text");

    if (ngx_http_arg(r, (u_char *) "format", 6, &arg) == NGX_OK) {

        if (arg.len == 11 && ngx_strncmp(arg.data, "openmetrics", 11) == 0) {
            *open = 1;
            return 1;
        }

        return arg.len == 10 && ngx_strncmp(arg.data, "prometheus", 10) == 0;
    }

    return ngx_http_acm_status_ends(&r->uri, "/metrics") || *open
           || (ngx_http_acm_status_accepts(r, "text/plain")
               && ngx_http_acm_status_accepts(r, "version=0.0.4"));
}


static ngx_uint_t
ngx_http_acm_status_accepts(ngx_http_request_t *r, const char *type)
{
    ngx_uint_t        i;
    ngx_table_elt_t  *h;
    ngx_list_part_t  *part;

    part = &r->headers_in.headers.part;

    for ( ;; ) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == sizeof("Accept") - 1
                && ngx_strncasecmp(h[i].key.data, (u_char *) "Accept",
                                   sizeof("Accept") - 1)
                   == 0
                && ngx_strcasestrn(h[i].value.data, (char *) type,
                                   ngx_strlen(type) - 1)
                   != NULL)
            {
                return 1;
            }
        }

        part = part->next;

        if (part == NULL) {
            return 0;
        }
    }
}


static ngx_int_t
ngx_http_acm_status_health(ngx_http_request_t *r, ngx_acm_conf_t *amcf)
{
    u_char      buf[NGX_HTTP_ACM_HEALTH_MAX], *p, *last;
    ngx_str_t   type, body;
    ngx_uint_t  status;

    p = buf;
    last = buf + NGX_HTTP_ACM_HEALTH_MAX;
    status = NGX_HTTP_SERVICE_UNAVAILABLE;

    if (!ngx_acm_helper_up(amcf)) {
        p = ngx_slprintf(p, last, "the helper process has been silent for "
                         "more than %T s: see the error log\n",
                         amcf->helper_timeout);
    }

    if (!ngx_http_acm_health_store(amcf, r->connection->log)) {
        p = ngx_slprintf(p, last, "the store cannot be read: see the error "
                         "log\n");
    }

    p = ngx_http_acm_health_certs(amcf, p, last);

    if (p == buf) {
        p = ngx_slprintf(p, last, "ok\n");
        status = NGX_HTTP_OK;
    }

    ngx_str_set(&type, "text/plain; charset=utf-8");
    body.data = buf;
    body.len = p - buf;

    return ngx_http_acm_send(r, status, &type, &body);
}


/* What the census says; what it has not counted yet is no fault. */

static u_char *
ngx_http_acm_health_certs(ngx_acm_conf_t *amcf, u_char *p, u_char *last)
{
    acm_census_t  census;

    if (ngx_acm_metrics_counted(amcf, &census) != NGX_OK) {
        return p;
    }

    if (census.expired) {
        p = ngx_slprintf(p, last, "%uL certificates expired though they "
                         "should have been renewed, the first is for "
                         "\"%s\"\n", census.expired, census.first_expired);
    }

    if (census.overdue) {
        p = ngx_slprintf(p, last, "%uL certificates should have been renewed "
                         "by now, the first is for \"%s\"\n",
                         census.overdue, census.first_overdue);
    }

    return p;
}


/* One record that every store has. */

static ngx_uint_t
ngx_http_acm_health_store(ngx_acm_conf_t *amcf, ngx_log_t *log)
{
    acm_rc_t        rc;
    acm_err_t       err;
    acm_snap_t     *snap;
    acm_store_t    *store;
    acm_entry_t     entry;
    acm_keyring_t  *ring;

    if (ngx_acm_open(amcf, 0, &store, &ring, log) != NGX_OK) {
        return 0;
    }

    err.text[0] = '\0';
    rc = acm_store_begin(store, &snap, &err);

    if (rc == ACM_OK) {
        rc = acm_store_get(snap, ACM_DB_META, ACM_META_MASTER,
                           sizeof(ACM_META_MASTER) - 1, &entry);
        acm_store_end(snap);
    }

    if (rc != ACM_OK) {
        ngx_acm_log_fault(rc, &err, log);
        return 0;
    }

    return 1;
}
