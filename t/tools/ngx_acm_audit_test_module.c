
/*
 * Copyright (C) The ngx_acm authors
 *
 * Lets t/audit.t write to the audit log from worker processes: a request to
 * a location with "acm_audit_test" becomes a call of the name that is behind
 * the last "/", and is answered with 204, or 503 if there is no line.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "../../ngx_acm_module/ngx_acm.h"


static char *ngx_acm_audit_test(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_acm_audit_test_handler(ngx_http_request_t *r);


static ngx_command_t  ngx_acm_audit_test_commands[] = {

    { ngx_string("acm_audit_test"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_acm_audit_test,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_acm_audit_test_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


static ngx_module_t  ngx_acm_audit_test_module = {
    NGX_MODULE_V1,
    &ngx_acm_audit_test_ctx,               /* module context */
    ngx_acm_audit_test_commands,           /* module directives */
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


/* what nginx looks for in a file of modules */

ngx_module_t  *ngx_modules[] = { &ngx_acm_audit_test_module, NULL };

char  *ngx_module_names[] = { "ngx_acm_audit_test_module", NULL };

char  *ngx_module_order[] = { NULL };


static char *
ngx_acm_audit_test(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_acm_audit_test_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_acm_audit_test_handler(ngx_http_request_t *r)
{
    char          address[64], name[128];
    u_char       *p, *last;
    acm_audit_t   call;

    ngx_memzero(&call, sizeof(acm_audit_t));

    last = ngx_snprintf((u_char *) address, sizeof(address) - 1, "%V",
                        &r->connection->addr_text);
    *last = '\0';

    last = r->uri.data + r->uri.len;

    for (p = last; p > r->uri.data && p[-1] != '/'; p--) { /* void */ }

    last = ngx_snprintf((u_char *) name, sizeof(name) - 1, "%*s",
                        (size_t) (last - p), p);
    *last = '\0';

    call.account = "123456789012";
    call.arn = "arn:aws:iam::123456789012:user/Alice";
    call.operation = name;
    call.address = address;
    call.region = "us-east-1";
    call.now = ngx_time();

    return ngx_acm_audit_write(ngx_acm_get_conf((ngx_cycle_t *) ngx_cycle),
                               &call, r->connection->log)
           == NGX_OK ? NGX_HTTP_NO_CONTENT : NGX_HTTP_SERVICE_UNAVAILABLE;
}
