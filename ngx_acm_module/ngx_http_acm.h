
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the http files share.
 */


#ifndef _NGX_HTTP_ACM_H_INCLUDED_
#define _NGX_HTTP_ACM_H_INCLUDED_


#include "../shared/acm_json.h"
#include "../shared/acm_status.h"
#include "ngx_acm.h"


/* a request for the status */

typedef struct {
    acm_status_where_t   where;
    acm_status_query_t   query;
} ngx_http_acm_status_t;

/* sends an answer, as a content handler does */
typedef ngx_int_t (*ngx_http_acm_status_pt)(ngx_http_request_t *r,
    ngx_acm_conf_t *amcf, ngx_http_acm_status_t *s);


/* What is asked for, as JSON, with its HTTP status; with "Error" if there is
   nothing.  NULL without memory. */
json_t *ngx_http_acm_status_model(ngx_acm_conf_t *amcf,
    const acm_status_where_t *where, const acm_status_query_t *query,
    ngx_uint_t *status, ngx_log_t *log);

/* What of CAs is in the status: the issuers with their accounts, and the
   records that prove the names of a certificate.  NULL without memory. */
json_t *ngx_http_acm_status_issuers(ngx_acm_conf_t *amcf, acm_snap_t *snap);
json_t *ngx_http_acm_status_records(ngx_acm_conf_t *amcf, acm_snap_t *snap,
    const acm_cert_t *cert);

#define NGX_HTTP_ACM_METRICS   1000          /* certificates with metrics */


/* a location with acm_api or acm_status */

typedef struct {
    struct ngx_thread_pool_s  *pool;
    unsigned                   api:1;
    unsigned                   all_key_types:1;  /* listed by default */
    ngx_int_t                  metrics;      /* certificates of acm_status */
} ngx_http_acm_loc_conf_t;

void *ngx_http_acm_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_acm_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);
/* The directive, and its content handler. */
char *ngx_http_acm_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_acm_api_handler(ngx_http_request_t *r);
/* Marks the server as one for the API, and tells if it is. */
void ngx_http_acm_api_server(ngx_conf_t *cf);
ngx_uint_t ngx_http_acm_api_server_has(ngx_http_request_t *r);
/* Adds the header field; id is copied. */
ngx_int_t ngx_http_acm_api_request_id(ngx_http_request_t *r,
    const char *id);

/* The content handler of acm_status; GET and HEAD only. */
ngx_int_t ngx_http_acm_status_handler(ngx_http_request_t *r);

/* Metrics and /healthz: NGX_DECLINED if something else was asked for. */
ngx_int_t ngx_http_acm_status_text(ngx_http_request_t *r,
    ngx_acm_conf_t *amcf);
ngx_int_t ngx_http_acm_status_metrics(ngx_http_request_t *r,
    ngx_acm_conf_t *amcf, ngx_uint_t open);
/* How many certificates have metrics of their own in this location. */
ngx_uint_t ngx_http_acm_metrics_limit(ngx_http_request_t *r);

/* Notes the certificates from files that a server has. */
ngx_int_t ngx_http_acm_static_init(ngx_conf_t *cf,
    ngx_http_core_srv_conf_t *cscf);
/* All that were noted, of http and stream; NULL without memory. */
json_t *ngx_acm_static_list(ngx_acm_conf_t *amcf);

/* Answers CAs in every server: http-01, RFC 8555 s8.3. */
ngx_int_t ngx_http_acm_challenge_init(ngx_conf_t *cf);

/* Sends a whole answer that nobody may keep; body is copied. */
ngx_int_t ngx_http_acm_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type, ngx_str_t *body);


extern ngx_module_t  ngx_http_acm_module;
extern ngx_module_t  ngx_http_acm_filter_module;


#endif /* _NGX_HTTP_ACM_H_INCLUDED_ */
