
/*
 * Copyright (C) The ngx_acm authors
 *
 * The http module: acm_certificate, acm_status and acm_api.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_acm_server.h"
#include "ngx_http_acm.h"


#define NGX_HTTP_ACM_MAX_METRICS  100000

/* "ssl on" was a directive until 1.25.1 */
#if (nginx_version >= 1025001)
#if (NGX_HTTP_V3)
#define ngx_http_acm_tls(addr, sscf)  ((addr)->opt.ssl || (addr)->opt.quic)
#else
#define ngx_http_acm_tls(addr, sscf)  ((addr)->opt.ssl)
#endif
#else
#define ngx_http_acm_tls(addr, sscf)  ((addr)->opt.ssl || (sscf)->enable == 1)
#endif


typedef struct {
    ngx_acm_want_t            *want;
    ngx_acm_hello_t           *hello;
    unsigned                   tls:1;        /* at one of its addresses */
    unsigned                   api:1;        /* all of it is acm_api */
} ngx_http_acm_srv_conf_t;


static void *ngx_http_acm_create_srv_conf(ngx_conf_t *cf);
static ngx_int_t ngx_http_acm_init(ngx_conf_t *cf);
static void ngx_http_acm_ports(ngx_conf_t *cf,
    ngx_http_core_main_conf_t *cmcf);
static ngx_int_t ngx_http_acm_addresses(ngx_conf_t *cf,
    ngx_http_core_main_conf_t *cmcf);
static ngx_int_t ngx_http_acm_address(ngx_conf_t *cf,
    ngx_http_conf_addr_t *addr);
static ngx_int_t ngx_http_acm_init_server(ngx_conf_t *cf,
    ngx_http_core_srv_conf_t *cscf);
static char *ngx_http_acm_certificate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_acm_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_command_t  ngx_http_acm_commands[] = {

    /*
     * Syntax:  acm_certificate auto [name ...] | sni | arn
     *          [issuer=name[,name]] [key=type[,type]]
     *          [validation=http|tls-alpn|dns]
     *          [fallback=self_signed|reject|file]
     *          [on_demand=url|file:path];
     * Default: -
     * Context: server
     *
     * Where the server's certificate comes from; the server needs no
     * "ssl_certificate".
     *
     * "auto": a certificate for the names given here, or for the names of
     * "server_name", is issued and renewed for ever.
     *
     * "sni": whatever the store holds for the name that the client asks for.
     *
     * An ARN: this one certificate, for the names that are in it.
     *
     * "on_demand" is for "sni": a certificate is issued for a name that a
     * client asks for and the store has none for, if a hook allows it.  The
     * hook is an URL, https or http at a loopback address, that is asked with
     * the arguments "domain" and "ip" of the client: 2xx is yes, 4xx is no,
     * all else is not now; or a file with a name or a wildcard a line, which
     * is read again when it has changed.  The handshake itself does not wait
     * and gets the fallback.
     *
     * "issuer" and "key" are for "auto" and "on_demand", "validation" is for
     * "auto": the issuers instead of the default ones, how names are proved
     * to a CA instead of what the issuer's "challenge" says, and one or two
     * of ecdsa:256 (the default), ecdsa:384, rsa:2048, rsa:3072 and rsa:4096;
     * of an ECDSA and an RSA certificate each client gets the one that it can
     * use.  Names may be IP addresses.
     *
     * "fallback" is what a client gets when there is no certificate for the
     * name it asks for: a self-signed one (the default), an alert, or the
     * certificate, chain and key in a PEM file.
     */
    { ngx_string("acm_certificate"),
      NGX_HTTP_SRV_CONF|NGX_CONF_1MORE,
      ngx_http_acm_certificate,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    /*
     * Syntax:  acm_status [metrics=number];
     * Default: -
     * Context: location
     *
     * Answers with the state of certificates, helper and store: a page for
     * whoever accepts HTML or says "format=html", else JSON.  What it has to
     * say is under "Status".
     *
     * Metrics for Prometheus are what "/metrics" below the location answers
     * with, the argument "format=prometheus", or whoever accepts that format
     * or OpenMetrics.  "metrics" is how many certificates have metrics of
     * their own, those that expire first; 1000 by default, 0 for none.
     * "/healthz" below the location answers with 200 and "ok", or with 503
     * and what is wrong, a line each.
     */
    { ngx_string("acm_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_acm_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /*
     * Syntax:  acm_api [key_types=rsa|all];
     * Default: -
     * Context: location
     *
     * Answers clients of AWS Certificate Manager: aws-cli, SDKs, Terraform.
     * Users, and what they may do, are in the file of "users".  The location
     * should be "/", since clients know no other path.  Needs nginx with
     * threads: calls are made in the default thread pool.
     *
     * A body may have 4 MB and is held in memory, whatever the defaults of
     * "client_max_body_size" and "client_body_buffer_size" are.
     *
     * Without a filter of key types ListCertificates shows RSA keys of 1024
     * and 2048 bits only, as ACM does; with "key_types=all" it shows all.
     */
    { ngx_string("acm_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_acm_api,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    ngx_null_command
};


static ngx_http_module_t  ngx_http_acm_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_acm_init,                     /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    ngx_http_acm_create_srv_conf,          /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_acm_create_loc_conf,          /* create location configuration */
    ngx_http_acm_merge_loc_conf            /* merge location configuration */
};


ngx_module_t  ngx_http_acm_module = {
    NGX_MODULE_V1,
    &ngx_http_acm_module_ctx,              /* module context */
    ngx_http_acm_commands,                 /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
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
ngx_http_acm_create_srv_conf(ngx_conf_t *cf)
{
    /*
     * set by ngx_pcalloc():
     *
     *     ascf->want = NULL;
     *     ascf->hello = NULL;
     *     ascf->tls = 0;
     */

    return ngx_pcalloc(cf->pool, sizeof(ngx_http_acm_srv_conf_t));
}


static ngx_int_t
ngx_http_acm_init(ngx_conf_t *cf)
{
    ngx_ssl_t                   *challenge;
    ngx_uint_t                   i;
    ngx_http_ssl_srv_conf_t     *sscf;
    ngx_http_acm_srv_conf_t     *ascf;
    ngx_http_core_srv_conf_t   **cscfp;
    ngx_http_core_main_conf_t   *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    cscfp = cmcf->servers.elts;

    ngx_http_acm_ports(cf, cmcf);

    challenge = ngx_acm_alpn_create(cf);
    if (challenge == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < cmcf->servers.nelts; i++) {

        /* whatever its certificate: it may be the default server of others */

        ascf = cscfp[i]->ctx->srv_conf[ngx_http_acm_module.ctx_index];
        sscf = cscfp[i]->ctx->srv_conf[ngx_http_ssl_module.ctx_index];

        if (sscf->ssl.ctx == NULL) {
            continue;
        }

        ascf->hello = ngx_acm_hello_watch(cf, challenge, sscf->ssl.ctx);
        if (ascf->hello == NULL) {
            return NGX_ERROR;
        }
    }

    if (ngx_http_acm_addresses(cf, cmcf) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < cmcf->servers.nelts; i++) {
        if (ngx_http_acm_init_server(cf, cscfp[i]) != NGX_OK
            || ngx_http_acm_static_init(cf, cscfp[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_http_acm_challenge_init(cf);
}


/* A CA comes to port 80 for http-01: without it that is not tried first. */

static void
ngx_http_acm_ports(ngx_conf_t *cf, ngx_http_core_main_conf_t *cmcf)
{
    ngx_uint_t            i;
    ngx_acm_conf_t       *amcf;
    ngx_http_conf_port_t *port;

    amcf = ngx_acm_get_conf(cf->cycle);

    if (cmcf->ports == NULL) {
        return;
    }

    port = cmcf->ports->elts;

    for (i = 0; i < cmcf->ports->nelts; i++) {
        if (port[i].port == htons(80)) {
            return;
        }
    }

    amcf->no_port_80 = 1;
}


static ngx_int_t
ngx_http_acm_addresses(ngx_conf_t *cf, ngx_http_core_main_conf_t *cmcf)
{
    ngx_uint_t             p, a;
    ngx_http_conf_port_t  *port;
    ngx_http_conf_addr_t  *addr;

    if (cmcf->ports == NULL) {
        return NGX_OK;
    }

    port = cmcf->ports->elts;

    for (p = 0; p < cmcf->ports->nelts; p++) {
        addr = port[p].addrs.elts;

        for (a = 0; a < port[p].addrs.nelts; a++) {
            if (ngx_http_acm_address(cf, &addr[a]) != NGX_OK) {
                ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                              "acm: comparing servers failed");
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* Notes which servers do TLS there, and if they ask clients for the same. */

static ngx_int_t
ngx_http_acm_address(ngx_conf_t *cf, ngx_http_conf_addr_t *addr)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i, n;
    ngx_acm_server_t            server;
    ngx_acm_address_t           a;
    ngx_http_server_name_t     *sn;
    ngx_http_acm_srv_conf_t    *ascf;
    ngx_http_ssl_srv_conf_t    *sscf;
    ngx_http_core_srv_conf_t  **cscfp;

    cscfp = addr->servers.elts;
    rc = ngx_acm_address_begin(&a);

    for (i = 0; rc == NGX_OK && i < addr->servers.nelts; i++) {
        ascf = cscfp[i]->ctx->srv_conf[ngx_http_acm_module.ctx_index];
        sscf = cscfp[i]->ctx->srv_conf[ngx_http_ssl_module.ctx_index];

        if (!ngx_http_acm_tls(addr, sscf)) {
            continue;
        }

        ascf->tls = 1;

        ngx_acm_server_set(&server, "http", cscfp[i]->server_name, sscf);

        rc = ngx_acm_address_add(&a, ascf->want, &server);

        sn = cscfp[i]->server_names.elts;

        for (n = 0; rc == NGX_OK && n < cscfp[i]->server_names.nelts; n++) {
            rc = ngx_acm_address_name(&a, &sn[n].name);
        }
    }

    ascf = addr->default_server->ctx->srv_conf[ngx_http_acm_module.ctx_index];

    return ngx_acm_address_end(&a, rc == NGX_OK ? ascf->hello : NULL) == NGX_OK
           ? rc : NGX_ERROR;
}


static ngx_int_t
ngx_http_acm_init_server(ngx_conf_t *cf, ngx_http_core_srv_conf_t *cscf)
{
    ngx_uint_t                i, regex;
    ngx_acm_want_t           *want;
    ngx_acm_server_t          server;
    ngx_http_server_name_t   *sn;
    ngx_http_ssl_srv_conf_t  *sscf;
    ngx_http_acm_srv_conf_t  *ascf;

    ascf = cscf->ctx->srv_conf[ngx_http_acm_module.ctx_index];
    sscf = cscf->ctx->srv_conf[ngx_http_ssl_module.ctx_index];
    want = ascf->want;

    if (want == NULL) {
        return NGX_OK;
    }

    if (!ascf->tls) {
        ngx_acm_certificate_deaf(cf, want, "add \"ssl\" to its \"listen\"");
    }

    sn = cscf->server_names.elts;

    if (want->mode == NGX_ACM_AUTO && want->names.nelts == 0) {

        for (i = 0; i < cscf->server_names.nelts; i++) {
#if (NGX_PCRE)
            regex = (sn[i].regex != NULL);
#else
            regex = 0;
#endif
            if (ngx_acm_certificate_name(cf, want, &sn[i].name, regex)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    want->name = cscf->server_name;

    ngx_acm_server_set(&server, "http", cscf->server_name, sscf);

    return ngx_acm_certificate_init(cf, want, &server, "add \"server_name\" "
                                    "to the server or names to the "
                                    "directive");
}


static char *
ngx_http_acm_certificate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_acm_srv_conf_t *ascf = conf;

    ngx_http_ssl_srv_conf_t  *sscf;

    sscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_ssl_module);

    return ngx_acm_certificate(cf, &ascf->want, &sscf->certificates,
                               &sscf->certificate_keys);
}


static char *
ngx_http_acm_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_acm_loc_conf_t *alcf = conf;

    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    value = cf->args->elts;

    if (cf->args->nelts == 2) {

        if (ngx_strncmp(value[1].data, "metrics=", 8) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": \"metrics=\" is "
                               "the only one", &value[1]);
            return NGX_CONF_ERROR;
        }

        alcf->metrics = ngx_atoi(value[1].data + 8, value[1].len - 8);

        if (alcf->metrics == NGX_ERROR
            || alcf->metrics > NGX_HTTP_ACM_MAX_METRICS)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid number in \"%V\": use 0 to %d",
                               &value[1], NGX_HTTP_ACM_MAX_METRICS);
            return NGX_CONF_ERROR;
        }
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_acm_status_handler;

    return NGX_CONF_OK;
}


ngx_uint_t
ngx_http_acm_metrics_limit(ngx_http_request_t *r)
{
    ngx_http_acm_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_acm_module);

    return (ngx_uint_t) alcf->metrics;
}


void
ngx_http_acm_api_server(ngx_conf_t *cf)
{
    ngx_http_acm_srv_conf_t  *ascf;

    ascf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_acm_module);
    ascf->api = 1;
}


ngx_uint_t
ngx_http_acm_api_server_has(ngx_http_request_t *r)
{
    ngx_http_acm_srv_conf_t  *ascf;

    ascf = ngx_http_get_module_srv_conf(r, ngx_http_acm_module);

    return ascf->api;
}
