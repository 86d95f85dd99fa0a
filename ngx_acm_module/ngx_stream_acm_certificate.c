
/*
 * Copyright (C) The ngx_acm authors
 *
 * Servers of stream with TLS: acm_certificate, and what holds for all of them.
 */


#include "ngx_acm_server.h"
#include "ngx_stream_acm.h"


#if (NGX_STREAM_SSL)


/* names of servers, and with them several servers of one address, came then */

#if (nginx_version >= 1025005)
#define NGX_STREAM_ACM_NAMES  1
#define ngx_stream_acm_name(cscf)  (cscf)->server_name
#define NGX_STREAM_ACM_CURE   "add \"server_name\" to the server or names to "\
                              "the directive"
#else
#define NGX_STREAM_ACM_NAMES  0
#define ngx_stream_acm_name(cscf)  (ngx_str_t) ngx_null_string
#define NGX_STREAM_ACM_CURE   "add names to the directive"
#define ngx_stream_ssl_srv_conf_t  ngx_stream_ssl_conf_t
#endif


static ngx_int_t ngx_stream_acm_watch(ngx_conf_t *cf,
    ngx_stream_core_main_conf_t *cmcf);
static ngx_int_t ngx_stream_acm_addresses(ngx_conf_t *cf,
    ngx_stream_core_main_conf_t *cmcf);
#if (NGX_STREAM_ACM_NAMES)
static ngx_int_t ngx_stream_acm_address(ngx_conf_t *cf,
    ngx_stream_conf_addr_t *addr);
#endif
static ngx_int_t ngx_stream_acm_init_server(ngx_conf_t *cf,
    ngx_stream_core_srv_conf_t *cscf);
static ngx_int_t ngx_stream_acm_names(ngx_conf_t *cf,
    ngx_stream_core_srv_conf_t *cscf, ngx_acm_want_t *want,
    ngx_array_t *names);
static ngx_int_t ngx_stream_acm_challenge(ngx_stream_session_t *s);


char *
ngx_stream_acm_certificate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stream_acm_srv_conf_t *ascf = conf;

    ngx_stream_ssl_srv_conf_t  *sscf;

    sscf = ngx_stream_conf_get_module_srv_conf(cf, ngx_stream_ssl_module);

    return ngx_acm_certificate(cf, &ascf->want, &sscf->certificates,
                               &sscf->certificate_keys);
}


ngx_int_t
ngx_stream_acm_ssl_init(ngx_conf_t *cf)
{
    ngx_uint_t                     i;
    ngx_stream_handler_pt         *h;
    ngx_stream_core_srv_conf_t   **cscfp;
    ngx_stream_core_main_conf_t   *cmcf;

    cmcf = ngx_stream_conf_get_module_main_conf(cf, ngx_stream_core_module);
    cscfp = cmcf->servers.elts;

    if (ngx_stream_acm_watch(cf, cmcf) != NGX_OK
        || ngx_stream_acm_addresses(cf, cmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < cmcf->servers.nelts; i++) {
        if (ngx_stream_acm_init_server(cf, cscfp[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    h = ngx_array_push(&cmcf->phases[NGX_STREAM_PREREAD_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_stream_acm_challenge;

    return NGX_OK;
}


static ngx_int_t
ngx_stream_acm_watch(ngx_conf_t *cf, ngx_stream_core_main_conf_t *cmcf)
{
    ngx_ssl_t                    *challenge;
    ngx_uint_t                    i;
    ngx_stream_acm_srv_conf_t    *ascf;
    ngx_stream_ssl_srv_conf_t    *sscf;
    ngx_stream_core_srv_conf_t  **cscfp;

    cscfp = cmcf->servers.elts;
    challenge = NULL;

    for (i = 0; i < cmcf->servers.nelts; i++) {
        ascf = cscfp[i]->ctx->srv_conf[ngx_stream_acm_module.ctx_index];
        sscf = cscfp[i]->ctx->srv_conf[ngx_stream_ssl_module.ctx_index];

        if (sscf->ssl.ctx == NULL) {
            continue;
        }

        if (challenge == NULL) {
            challenge = ngx_acm_alpn_create(cf);
            if (challenge == NULL) {
                return NGX_ERROR;
            }
        }

        ascf->hello = ngx_acm_hello_watch(cf, challenge, sscf->ssl.ctx);
        if (ascf->hello == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


#if (NGX_STREAM_ACM_NAMES)

static ngx_int_t
ngx_stream_acm_addresses(ngx_conf_t *cf, ngx_stream_core_main_conf_t *cmcf)
{
    ngx_uint_t               p, a;
    ngx_stream_conf_port_t  *port;
    ngx_stream_conf_addr_t  *addr;

    if (cmcf->ports == NULL) {
        return NGX_OK;
    }

    port = cmcf->ports->elts;

    for (p = 0; p < cmcf->ports->nelts; p++) {
        addr = port[p].addrs.elts;

        for (a = 0; a < port[p].addrs.nelts; a++) {
            if (addr[a].opt.ssl
                && ngx_stream_acm_address(cf, &addr[a]) != NGX_OK)
            {
                ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                              "acm: comparing servers failed");
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_stream_acm_address(ngx_conf_t *cf, ngx_stream_conf_addr_t *addr)
{
    ngx_int_t                     rc;
    ngx_uint_t                    i, n;
    ngx_acm_server_t              server;
    ngx_acm_address_t             a;
    ngx_stream_server_name_t     *sn;
    ngx_stream_acm_srv_conf_t    *ascf;
    ngx_stream_ssl_srv_conf_t    *sscf;
    ngx_stream_core_srv_conf_t  **cscfp;

    cscfp = addr->servers.elts;
    rc = ngx_acm_address_begin(&a);

    for (i = 0; rc == NGX_OK && i < addr->servers.nelts; i++) {
        ascf = cscfp[i]->ctx->srv_conf[ngx_stream_acm_module.ctx_index];
        sscf = cscfp[i]->ctx->srv_conf[ngx_stream_ssl_module.ctx_index];

        ascf->tls = 1;

        ngx_acm_server_set(&server, "stream", cscfp[i]->server_name, sscf);

        rc = ngx_acm_address_add(&a, ascf->want, &server);

        sn = cscfp[i]->server_names.elts;

        for (n = 0; rc == NGX_OK && n < cscfp[i]->server_names.nelts; n++) {
            rc = ngx_acm_address_name(&a, &sn[n].name);
        }
    }

    ascf = addr->default_server->ctx->srv_conf[ngx_stream_acm_module
                                                                 .ctx_index];

    return ngx_acm_address_end(&a, rc == NGX_OK ? ascf->hello : NULL) == NGX_OK
           ? rc : NGX_ERROR;
}


#else

static ngx_int_t
ngx_stream_acm_addresses(ngx_conf_t *cf, ngx_stream_core_main_conf_t *cmcf)
{
    ngx_uint_t                  i;
    ngx_stream_listen_t        *ls;
    ngx_stream_acm_srv_conf_t  *ascf;

    ls = cmcf->listen.elts;

    for (i = 0; i < cmcf->listen.nelts; i++) {
        if (ls[i].ssl) {
            ascf = ls[i].ctx->srv_conf[ngx_stream_acm_module.ctx_index];
            ascf->tls = 1;
        }
    }

    return NGX_OK;
}


#endif


static ngx_int_t
ngx_stream_acm_init_server(ngx_conf_t *cf, ngx_stream_core_srv_conf_t *cscf)
{
    ngx_str_t                  *name;
    ngx_array_t                 names;
    ngx_acm_want_t             *want;
    ngx_acm_server_t            server;
    ngx_stream_acm_srv_conf_t  *ascf;
    ngx_stream_ssl_srv_conf_t  *sscf;

    ascf = cscf->ctx->srv_conf[ngx_stream_acm_module.ctx_index];
    sscf = cscf->ctx->srv_conf[ngx_stream_ssl_module.ctx_index];
    want = ascf->want;

    if (ngx_array_init(&names, cf->temp_pool, 1, sizeof(ngx_str_t)) != NGX_OK
        || ngx_stream_acm_names(cf, cscf, want, &names) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (want) {

        if (!ascf->tls) {
            ngx_acm_certificate_deaf(cf, want,
                                     "add \"ssl\" to its \"listen\"");
        }

        if (names.nelts) {
            name = names.elts;
            want->name = name[0];
        }

        ngx_acm_server_set(&server, "stream", ngx_stream_acm_name(cscf),
                           sscf);

        if (ngx_acm_certificate_init(cf, want, &server, NGX_STREAM_ACM_CURE)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    /* certificates from files are noted, as those of http servers */

    return sscf->ssl.ctx ? ngx_acm_static_add(cf, sscf->ssl.ctx, &names)
                         : NGX_OK;
}


/* Those of the server, which are also what an "auto" one is for. */

static ngx_int_t
ngx_stream_acm_names(ngx_conf_t *cf, ngx_stream_core_srv_conf_t *cscf,
    ngx_acm_want_t *want, ngx_array_t *names)
{
#if (NGX_STREAM_ACM_NAMES)

    ngx_str_t                 *to;
    ngx_uint_t                 i, regex, wanted;
    ngx_stream_server_name_t  *sn;

    sn = cscf->server_names.elts;
    wanted = (want && want->mode == NGX_ACM_AUTO && want->names.nelts == 0);

    for (i = 0; i < cscf->server_names.nelts; i++) {
#if (NGX_PCRE)
        regex = (sn[i].regex != NULL);
#else
        regex = 0;
#endif
        if (wanted
            && ngx_acm_certificate_name(cf, want, &sn[i].name, regex)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        to = ngx_array_push(names);
        if (to == NULL) {
            return NGX_ERROR;
        }

        *to = sn[i].name;
    }

#endif

    return NGX_OK;
}


/* A CA has what it wanted: nothing is proxied. */

static ngx_int_t
ngx_stream_acm_challenge(ngx_stream_session_t *s)
{
    ngx_connection_t  *c;

    c = s->connection;

    return (c->ssl && ngx_acm_alpn_answered(c->ssl->connection))
           ? NGX_STREAM_OK : NGX_DECLINED;
}


#endif
