
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the files of the stream module share.  They are an object of their
 * own, beside the one of the core module, which it needs.
 */


#ifndef _NGX_STREAM_ACM_H_INCLUDED_
#define _NGX_STREAM_ACM_H_INCLUDED_


#include "ngx_acm_server.h"

#include <ngx_stream.h>

#include "../shared/acm_rrl.h"


#define NGX_STREAM_ACM_DNS_TIMEOUT  10000    /* milliseconds, for a query */
#define NGX_STREAM_ACM_DNS_QUERIES  100      /* on one TCP connection */


typedef struct {
    ngx_acm_want_t   *want;
    ngx_acm_hello_t  *hello;
    unsigned          tls:1;                 /* at one of its addresses */
    ngx_flag_t        dns;                   /* acm_dns was given */
    ngx_int_t         rate;                  /* answers a second, 0: any */
    acm_rrl_t        *rrl;                   /* each worker has its copy */
    ngx_acm_conf_t   *amcf;
} ngx_stream_acm_srv_conf_t;


/* The directive, and what is made of it; only with the stream ssl module. */
char *ngx_stream_acm_certificate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_stream_acm_ssl_init(ngx_conf_t *cf);

/* The content handler of a server with acm_dns. */
void ngx_stream_acm_dns_handler(ngx_stream_session_t *s);


extern ngx_module_t  ngx_stream_acm_module;


#endif /* _NGX_STREAM_ACM_H_INCLUDED_ */
