
/*
 * Copyright (C) The ngx_acm authors
 *
 * The mail module: acm_certificate in servers of mail.  It is an object of its
 * own, beside the one of the core module, which it needs.
 */


#include "ngx_acm_server.h"

#include <ngx_mail.h>


typedef struct {
    ngx_acm_want_t  *want;
} ngx_mail_acm_srv_conf_t;


static void *ngx_mail_acm_create_srv_conf(ngx_conf_t *cf);
static char *ngx_mail_acm_merge_srv_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_mail_acm_certificate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_command_t  ngx_mail_acm_commands[] = {

    /*
     * Syntax:  acm_certificate auto [name ...] | sni | arn
     *          [parameter ...];
     * Default: -
     * Context: mail server
     *
     * As in "http", for a server with "ssl" in "listen", or with "starttls".
     * Names of "auto" that are not given are that of "server_name".  Names
     * that only such servers have are proved by DNS, or by "http-01".
     */
    { ngx_string("acm_certificate"),
      NGX_MAIL_SRV_CONF|NGX_CONF_1MORE,
      ngx_mail_acm_certificate,
      NGX_MAIL_SRV_CONF_OFFSET,
      0,
      NULL },

    ngx_null_command
};


static ngx_mail_module_t  ngx_mail_acm_module_ctx = {
    NULL,                                  /* protocol */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    ngx_mail_acm_create_srv_conf,          /* create server configuration */
    ngx_mail_acm_merge_srv_conf            /* merge server configuration */
};


ngx_module_t  ngx_mail_acm_module = {
    NGX_MODULE_V1,
    &ngx_mail_acm_module_ctx,              /* module context */
    ngx_mail_acm_commands,                 /* module directives */
    NGX_MAIL_MODULE,                       /* module type */
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
ngx_mail_acm_create_srv_conf(ngx_conf_t *cf)
{
    /*
     * set by ngx_pcalloc():
     *
     *     ascf->want = NULL;
     */

    return ngx_pcalloc(cf->pool, sizeof(ngx_mail_acm_srv_conf_t));
}


/*
 * There is nothing later in which a module of mail could look at its servers.
 * nginx merges those of one module after those of the other, in the order of
 * modules, and this one cannot be loaded before the one whose contexts it
 * uses: so they have been made.
 */

static char *
ngx_mail_acm_merge_srv_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mail_acm_srv_conf_t *conf = child;

    ngx_array_t                names;
    ngx_acm_want_t            *want;
    ngx_acm_server_t           server;
    ngx_mail_ssl_conf_t       *sscf;
    ngx_mail_core_srv_conf_t  *cscf;

    cscf = ngx_mail_conf_get_module_srv_conf(cf, ngx_mail_core_module);
    sscf = ngx_mail_conf_get_module_srv_conf(cf, ngx_mail_ssl_module);
    want = conf->want;

    if (want) {

        if (sscf->ssl.ctx == NULL) {
            ngx_acm_certificate_deaf(cf, want, "add \"ssl\" to its "
                                     "\"listen\", or \"starttls\"");
        }

        /* the default is the name of the host, which nobody has asked for */

        if (cscf->server_name.data != cf->cycle->hostname.data) {
            want->name = cscf->server_name;
        }

        if (want->mode == NGX_ACM_AUTO && want->names.nelts == 0
            && want->name.len
            && ngx_acm_certificate_name(cf, want, &cscf->server_name, 0)
               != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        ngx_acm_server_set(&server, "mail", cscf->server_name, sscf);

        if (ngx_acm_certificate_init(cf, want, &server,
                                     "add \"server_name\" to the server or "
                                     "names to the directive")
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (sscf->ssl.ctx == NULL) {
        return NGX_CONF_OK;
    }

    /* certificates from files are noted, as those of http servers */

    if (ngx_array_init(&names, cf->temp_pool, 1, sizeof(ngx_str_t)) != NGX_OK
        || ngx_acm_static_add(cf, sscf->ssl.ctx, &names) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_mail_acm_certificate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mail_acm_srv_conf_t *ascf = conf;

    ngx_mail_ssl_conf_t  *sscf;

    sscf = ngx_mail_conf_get_module_srv_conf(cf, ngx_mail_ssl_module);

    return ngx_acm_certificate(cf, &ascf->want, &sscf->certificates,
                               &sscf->certificate_keys);
}
