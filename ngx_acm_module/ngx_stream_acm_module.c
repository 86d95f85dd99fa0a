
/*
 * Copyright (C) The ngx_acm authors
 *
 * The stream module: directives of stream {}.
 */


#include <openssl/rand.h>

#include "ngx_stream_acm.h"


static void *ngx_stream_acm_create_srv_conf(ngx_conf_t *cf);
static char *ngx_stream_acm_merge_srv_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_stream_acm_init(ngx_conf_t *cf);
static char *ngx_stream_acm_dns(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_conf_num_bounds_t  ngx_stream_acm_rate_bounds = {
    ngx_conf_check_num_bounds, 0, ACM_MAX_RRL_RATE
};


static ngx_command_t  ngx_stream_acm_commands[] = {

#if (NGX_STREAM_SSL)

    /*
     * Syntax:  acm_certificate auto [name ...] | sni | arn
     *          [parameter ...];
     * Default: -
     * Context: stream server
     *
     * As in "http", for a server whose "listen" has "ssl".  "server_name" has
     * the names of "auto" since nginx 1.25.5, of which the stream module
     * knows it; with an older one, as Debian's, they are arguments.  Names
     * that only such servers have are proved by "tls-alpn-01", at port 443,
     * or by DNS.
     */
    { ngx_string("acm_certificate"),
      NGX_STREAM_SRV_CONF|NGX_CONF_1MORE,
      ngx_stream_acm_certificate,
      NGX_STREAM_SRV_CONF_OFFSET,
      0,
      NULL },

#endif

    /*
     * Syntax:  acm_dns;
     * Default: -
     * Context: stream server
     *
     * Answers DNS queries for the "validation_zone" of the acm block, and
     * refuses all others.  The server should listen on both "53 udp" and
     * "53".
     */
    { ngx_string("acm_dns"),
      NGX_STREAM_SRV_CONF|NGX_CONF_NOARGS,
      ngx_stream_acm_dns,
      NGX_STREAM_SRV_CONF_OFFSET,
      0,
      NULL },

    /*
     * Syntax:  acm_dns_rate number;
     * Default: acm_dns_rate 20;
     * Context: stream, stream server
     *
     * How many answers a second each worker gives by UDP to one client
     * network, /24 or /56.  Of what is above it, every second query gets an
     * empty answer that says to ask by TCP, which is not limited, and the
     * rest gets none: so the server is of little use to attack others.
     * 0 is no limit.
     */
    { ngx_string("acm_dns_rate"),
      NGX_STREAM_MAIN_CONF|NGX_STREAM_SRV_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_STREAM_SRV_CONF_OFFSET,
      offsetof(ngx_stream_acm_srv_conf_t, rate),
      &ngx_stream_acm_rate_bounds },

    ngx_null_command
};


static ngx_stream_module_t  ngx_stream_acm_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_stream_acm_init,                   /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    ngx_stream_acm_create_srv_conf,        /* create server configuration */
    ngx_stream_acm_merge_srv_conf          /* merge server configuration */
};


ngx_module_t  ngx_stream_acm_module = {
    NGX_MODULE_V1,
    &ngx_stream_acm_module_ctx,            /* module context */
    ngx_stream_acm_commands,               /* module directives */
    NGX_STREAM_MODULE,                     /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_stream_acm_create_srv_conf(ngx_conf_t *cf)
{
    ngx_stream_acm_srv_conf_t  *ascf;

    ascf = ngx_pcalloc(cf->pool, sizeof(ngx_stream_acm_srv_conf_t));
    if (ascf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     ascf->want = NULL;
     *     ascf->hello = NULL;
     *     ascf->tls = 0;
     *     ascf->dns = 0;
     *     ascf->rrl = NULL;
     *     ascf->amcf = NULL;
     */

    ascf->rate = NGX_CONF_UNSET;

    return ascf;
}


static char *
ngx_stream_acm_merge_srv_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_stream_acm_srv_conf_t *prev = parent;
    ngx_stream_acm_srv_conf_t *conf = child;

    uint64_t  seed;

    ngx_conf_merge_value(conf->rate, prev->rate, ACM_RRL_RATE);

    if (!conf->dns || conf->rate == 0) {
        return NGX_CONF_OK;
    }

    conf->rrl = ngx_palloc(cf->pool, sizeof(acm_rrl_t));
    if (conf->rrl == NULL) {
        return NGX_CONF_ERROR;
    }

    if (RAND_bytes((u_char *) &seed, sizeof(uint64_t)) != 1) {
        return "got no random numbers from OpenSSL";
    }

    acm_rrl_init(conf->rrl, (uint32_t) conf->rate, seed);

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_stream_acm_init(ngx_conf_t *cf)
{
#if (NGX_STREAM_SSL)
    return ngx_stream_acm_ssl_init(cf);
#else
    return NGX_OK;
#endif
}


static char *
ngx_stream_acm_dns(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stream_acm_srv_conf_t *ascf = conf;

    ngx_acm_conf_t              *amcf;
    ngx_stream_core_srv_conf_t  *cscf;

    if (ascf->dns) {
        return "is duplicate";
    }

    cscf = ngx_stream_conf_get_module_srv_conf(cf, ngx_stream_core_module);

    if (cscf->handler) {
        return "cannot be in a server that another directive answers for: "
               "use a server of its own";
    }

    cscf->handler = ngx_stream_acm_dns_handler;

    amcf = ngx_acm_get_conf(cf->cycle);

    /* acm {} may still come: checked when all files are parsed */

    if (amcf->dns_file == NULL) {
        amcf->dns_file = cf->conf_file->file.name.data;
        amcf->dns_line = cf->conf_file->line;
    }

    ascf->dns = 1;
    ascf->amcf = amcf;

    return NGX_CONF_OK;
}
