
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the files of the client share; the only one that includes libcurl's
 * header.
 */


#ifndef _NGX_ACM_CURL_IMPL_H_INCLUDED_
#define _NGX_ACM_CURL_IMPL_H_INCLUDED_


#include <curl/curl.h>

#include "ngx_acm_curl.h"


#define NGX_ACM_CURL_CONNECT      10000      /* milliseconds */


typedef struct ngx_acm_curl_request_s  ngx_acm_curl_request_t;

/* tells whoever asked, and frees the request before */
typedef void (*ngx_acm_curl_complete_pt)(ngx_acm_curl_request_t *req,
    CURLcode code);

struct ngx_acm_curl_request_s {
    ngx_queue_t                queue;
    acm_http_t                *http;         /* one of these */
    ngx_acm_mail_t            *mail;
    void                     **handle;       /* where it is known by */
    ngx_acm_curl_complete_pt   complete;
    CURL                      *easy;
    struct curl_slist         *fields;       /* of the request, recipients */
    struct curl_slist         *connect;      /* to another address */
    size_t                     octets;       /* of the answer's header; sent */
    ngx_uint_t                 nfields;
    acm_rc_t                   rc;           /* why we gave it up */
    unsigned                   body:1;       /* the header is complete */
    unsigned                   local:1;      /* an address was not asked */
    char                       error[CURL_ERROR_SIZE];
};


typedef struct {
    CURLM                     *multi;
    ngx_queue_t                requests;
    ngx_queue_t                sockets;
    ngx_event_t                timer;
    ngx_event_t                now;          /* a timer of nothing */
    ngx_connection_t           ident;        /* what the timer's log reads */
    ngx_log_t                 *log;
    void                     (*after)(void *data);
    void                      *data;
    ngx_uint_t                 users;
    unsigned                   global:1;     /* curl_global_init() */
} ngx_acm_curl_t;


/* For ngx_acm_curl_init(): HTTP. */
void ngx_acm_curl_transport(acm_transport_t *transport,
    ngx_acm_curl_t *curl);

/* Options of all requests: those that know the process, and trust; a result
   that is not 0 means a failure. */
ngx_uint_t ngx_acm_curl_common(ngx_acm_curl_request_t *req, long timeout);
ngx_uint_t ngx_acm_curl_tls(ngx_acm_curl_request_t *req,
    const char *ca_file);

/* Forgets it; libcurl does, too. */
void ngx_acm_curl_free(ngx_acm_curl_t *curl, ngx_acm_curl_request_t *req);

/* What went wrong, as in "host" ...; sets *rc. */
const char *ngx_acm_curl_what(CURLcode code, acm_rc_t *rc);


extern ngx_acm_curl_t  ngx_acm_curl;


#endif /* _NGX_ACM_CURL_IMPL_H_INCLUDED_ */
