
/*
 * Copyright (C) The ngx_acm authors
 *
 * The status endpoint: what certificates there are, what happens next, how
 * helper and store are.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "../shared/acm_json_sinks.h"
#include "ngx_acm.h"
#include "ngx_http_acm.h"


#define NGX_HTTP_ACM_STATUS_LIMIT  200       /* certificates in one answer */
#define NGX_HTTP_ACM_STATUS_MAX    1000
#define NGX_HTTP_ACM_STATUS_QUEUE  1000      /* due entries counted */


static json_t *ngx_http_acm_status_json(ngx_http_request_t *r,
    ngx_acm_conf_t *amcf);
static json_t *ngx_http_acm_status_helper(ngx_acm_shared_t *shared);
static json_t *ngx_http_acm_status_handshakes(ngx_acm_shared_t *shared);
static json_t *ngx_http_acm_status_demand(ngx_acm_shared_t *shared);
static ngx_int_t ngx_http_acm_status_store(ngx_http_request_t *r,
    ngx_acm_conf_t *amcf, json_t *root);
static ngx_int_t ngx_http_acm_status_certs(ngx_http_request_t *r,
    ngx_acm_conf_t *amcf, acm_snap_t *snap, json_t *root);
static json_t *ngx_http_acm_status_cert(ngx_acm_conf_t *amcf,
    acm_snap_t *snap, const acm_entry_t *entry, acm_rc_t rc);
static ngx_uint_t ngx_http_acm_status_queue(acm_snap_t *snap);


ngx_int_t
ngx_http_acm_status_handler(ngx_http_request_t *r)
{
    json_t          *root;
    acm_rc_t         rc;
    acm_err_t        err;
    acm_str_t        text;
    ngx_int_t        n;
    ngx_str_t        type, body;
    ngx_acm_conf_t  *amcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    n = ngx_http_discard_request_body(r);
    if (n != NGX_OK) {
        return n;
    }

    amcf = ngx_acm_get_conf(ngx_cycle);

    if (!amcf->enabled) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"acm_status\" needs an \"acm {}\" block");
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    n = ngx_http_acm_status_text(r, amcf);
    if (n != NGX_DECLINED) {
        return n;
    }

    ngx_acm_metrics_sum(amcf);

    root = ngx_http_acm_status_json(r, amcf);
    if (root == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    n = json_object_get(root, "Error") ? NGX_HTTP_SERVICE_UNAVAILABLE
                                       : NGX_HTTP_OK;

    rc = acm_json_text(root, 1, &text, &err);

    json_decref(root);

    if (rc != ACM_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "acm: %s",
                      err.text);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&type, "application/json");
    body.len = text.len;
    body.data = text.data;

    n = ngx_http_acm_send(r, n, &type, &body);

    acm_free(text.data);

    return n;
}


static json_t *
ngx_http_acm_status_json(ngx_http_request_t *r, ngx_acm_conf_t *amcf)
{
    json_t  *root;

    root = json_object();
    if (root == NULL) {
        return NULL;
    }

    if (json_object_set_new(root, "Module", json_string(ACM_VERSION_TEXT))
        != 0
        || json_object_set_new(root, "Helper",
                               ngx_http_acm_status_helper(
                                   ngx_acm_shared(amcf)))
           != 0
        || json_object_set_new(root, "Handshakes",
                               ngx_http_acm_status_handshakes(
                                   ngx_acm_shared(amcf)))
           != 0
        || json_object_set_new(root, "StaticCertificates",
                               ngx_acm_static_list(amcf))
           != 0
        || (amcf->demands.nelts
            && json_object_set_new(root, "OnDemand",
                                   ngx_http_acm_status_demand(
                                       ngx_acm_shared(amcf)))
               != 0)
        || ngx_http_acm_status_store(r, amcf, root) != NGX_OK)
    {
        json_decref(root);
        return NULL;
    }

    return root;
}


static json_t *
ngx_http_acm_status_helper(ngx_acm_shared_t *shared)
{
    char     started[32], tick[32], next[32];
    json_t  *o;

    (void) acm_time_text((int64_t) shared->helper_started, started);
    (void) acm_time_text((int64_t) shared->helper_tick, tick);
    (void) acm_time_text((int64_t) shared->helper_next, next);

    o = json_pack("{s:I, s:b, s:s, s:s, s:I, s:I, s:I, s:I}",
                  "Pid", (json_int_t) shared->helper_pid,
                  "Locked", (int) shared->helper_locked,
                  "StartedAt", started,
                  "LastTickAt", tick,
                  "Issued", (json_int_t) shared->issued,
                  "Renewed", (json_int_t) shared->renewed,
                  "Failed", (json_int_t) shared->failed,
                  "Orders", (json_int_t) shared->orders);

    if (o == NULL) {
        return NULL;
    }

    (void) json_object_set_new(o, "Up",
                               json_boolean(ngx_acm_helper_up(
                                   ngx_acm_get_conf(ngx_cycle))));

    if ((shared->helper_next
         && json_object_set_new(o, "NextStepAt", json_string(next)) != 0)
        || (shared->helper_error[0] != '\0'
            && json_object_set_new(o, "LastError",
                                   json_string((char *)
                                               shared->helper_error))
               != 0))
    {
        json_decref(o);
        return NULL;
    }

    return o;
}


static json_t *
ngx_http_acm_status_handshakes(ngx_acm_shared_t *shared)
{
    return json_pack("{s:I, s:I, s:I}",
                     "CacheHits", (json_int_t) shared->hits,
                     "CacheMisses", (json_int_t) shared->misses,
                     "Fallbacks", (json_int_t) shared->fallbacks);
}


static json_t *
ngx_http_acm_status_demand(ngx_acm_shared_t *shared)
{
    return json_pack("{s:I, s:I, s:I, s:I}",
                     "Asked", (json_int_t) shared->demand_asked,
                     "Accepted", (json_int_t) shared->demand_accepted,
                     "Refused", (json_int_t) shared->demand_refused,
                     "Dropped", (json_int_t) shared->demand_dropped);
}


static ngx_int_t
ngx_http_acm_status_store(ngx_http_request_t *r, ngx_acm_conf_t *amcf,
    json_t *root)
{
    json_t            *o, *issuers, *sinks;
    acm_err_t          err;
    ngx_int_t          rc;
    ngx_uint_t         queue;
    acm_snap_t        *snap;
    acm_store_t       *store;
    acm_keyring_t     *ring;
    acm_store_stat_t   stat;

    ngx_memcpy(err.text, "the store cannot be opened, see the error log",
               sizeof("the store cannot be opened, see the error log"));

    if (ngx_acm_open(amcf, 0, &store, &ring, r->connection->log) != NGX_OK
        || acm_store_stat(store, &stat, &err) != ACM_OK
        || acm_store_begin(store, &snap, &err) != ACM_OK)
    {
        return json_object_set_new(root, "Error", json_string(err.text)) == 0
               ? NGX_OK : NGX_ERROR;
    }

    queue = ngx_http_acm_status_queue(snap);
    rc = ngx_http_acm_status_certs(r, amcf, snap, root);
    issuers = ngx_http_acm_status_issuers(amcf, snap);
    sinks = acm_json_sinks(snap, acm_now());

    acm_store_end(snap);

    o = acm_json_store(&stat);

    if (json_object_set_new(o, "Path",
                            json_stringn((char *) amcf->store.data,
                                         amcf->store.len))
        != 0
        || json_object_set_new(root, "Store", o) != 0
        || json_object_set_new(root, "Issuers", issuers) != 0
        || json_object_set_new(root, "Sinks", sinks) != 0
        || json_object_set_new(json_object_get(root, "Helper"), "Queue",
                               json_integer((json_int_t) queue))
           != 0)
    {
        return NGX_ERROR;
    }

    return rc;
}


static ngx_int_t
ngx_http_acm_status_certs(ngx_http_request_t *r, ngx_acm_conf_t *amcf,
    acm_snap_t *snap, json_t *root)
{
    size_t        len;
    uint8_t       key[ACM_MAX_STORE_KEY];
    json_t       *list;
    acm_rc_t      rc;
    ngx_int_t     limit;
    u_char       *from, *to;
    ngx_str_t     arg, last;
    acm_entry_t   entry;

    limit = NGX_HTTP_ACM_STATUS_LIMIT;
    ngx_str_null(&last);

    if (ngx_http_arg(r, (u_char *) "limit", 5, &arg) == NGX_OK) {
        limit = ngx_atoi(arg.data, arg.len);

        if (limit < 1 || limit > NGX_HTTP_ACM_STATUS_MAX) {
            limit = NGX_HTTP_ACM_STATUS_MAX;
        }
    }

    len = 0;

    if (ngx_http_arg(r, (u_char *) "after", 5, &arg) == NGX_OK
        && arg.len < ACM_MAX_STORE_KEY)
    {
        from = arg.data;
        to = key;
        ngx_unescape_uri(&to, &from, arg.len, 0);

        /* the first key behind it */

        len = to - key;
        key[len++] = '\0';
    }

    list = json_array();

    if (json_object_set_new(root, "Certificates", list) != 0) {
        return NGX_ERROR;
    }

    for (rc = acm_store_seek(snap, ACM_DB_CERTIFICATE, key, len, &entry);
         rc == ACM_OK || rc == ACM_CORRUPT;
         rc = acm_store_next(snap, ACM_DB_CERTIFICATE, &entry))
    {
        if (limit-- == 0) {
            return json_object_set_new(root, "Next",
                                       json_stringn((char *) last.data,
                                                    last.len))
                   == 0 ? NGX_OK : NGX_ERROR;
        }

        last.len = entry.key_len;
        last.data = (u_char *) entry.key;

        if (json_array_append_new(list,
                                  ngx_http_acm_status_cert(amcf, snap,
                                                           &entry, rc))
            != 0)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static json_t *
ngx_http_acm_status_cert(ngx_acm_conf_t *amcf, acm_snap_t *snap,
    const acm_entry_t *entry, acm_rc_t rc)
{
    json_t      *o, *records;
    acm_cert_t   cert;

    ngx_memzero(&cert, sizeof(acm_cert_t));

    if (rc == ACM_OK) {
        rc = acm_cert_decode(entry->data, entry->len, &cert);
    }

    if (rc != ACM_OK) {
        return json_pack("{s:s%, s:s}", "Key", (char *) entry->key,
                         entry->key_len, "Status", acm_rc_text(rc));
    }

    o = acm_json_cert(&cert, acm_now());
    records = ngx_http_acm_status_records(amcf, snap, &cert);

    acm_cert_free(&cert);

    if (records != NULL && json_array_size(records) != 0) {
        (void) json_object_set_new(o, "DomainValidationRecords", records);

    } else {
        json_decref(records);
    }

    return o;
}


/* how many steps are due and not done yet */

static ngx_uint_t
ngx_http_acm_status_queue(acm_snap_t *snap)
{
    char          uuid[ACM_UUID_LEN + 1];
    int64_t       at;
    acm_rc_t      rc;
    acm_due_e     kind;
    ngx_uint_t    n;
    acm_entry_t   entry;

    n = 0;

    for (rc = acm_store_seek(snap, ACM_DB_DUE, NULL, 0, &entry);
         rc == ACM_OK && n < NGX_HTTP_ACM_STATUS_QUEUE;
         rc = acm_store_next(snap, ACM_DB_DUE, &entry))
    {
        if (acm_due_key_parse(entry.key, entry.key_len, &at, &kind, uuid)
            != ACM_OK
            || at > acm_now())
        {
            break;
        }

        n++;
    }

    return n;
}
