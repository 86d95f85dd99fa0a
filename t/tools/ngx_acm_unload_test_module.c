
/*
 * Copyright (C) The ngx_acm authors
 *
 * Lets t/unload.t see what OpenSSL calls when modules are unloaded: some of its
 * objects are freed behind that, as nginx does with those that it caches.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


static void *ngx_acm_unload_test_create_conf(ngx_cycle_t *cycle);
static void ngx_acm_unload_test_free(void *data);


static ngx_command_t  ngx_acm_unload_test_commands[] = { ngx_null_command };


static ngx_core_module_t  ngx_acm_unload_test_ctx = {
    ngx_string("acm_unload_test"),
    ngx_acm_unload_test_create_conf,
    NULL
};


static ngx_module_t  ngx_acm_unload_test_module = {
    NGX_MODULE_V1,
    &ngx_acm_unload_test_ctx,              /* module context */
    ngx_acm_unload_test_commands,          /* module directives */
    NGX_CORE_MODULE,                       /* module type */
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

ngx_module_t  *ngx_modules[] = { &ngx_acm_unload_test_module, NULL };

char  *ngx_module_names[] = { "ngx_acm_unload_test_module", NULL };

char  *ngx_module_order[] = { NULL };


/* Called when this module is loaded: handlers that were added first are called
   last. */

static void *
ngx_acm_unload_test_create_conf(ngx_cycle_t *cycle)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cycle->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_acm_unload_test_free;

    return cycle;
}


static void
ngx_acm_unload_test_free(void *data)
{
    X509          *x;
    EVP_PKEY      *rsa, *ec;
    EVP_PKEY_CTX  *ctx;

    x = X509_new();
    rsa = EVP_RSA_gen(1024);
    ec = EVP_EC_gen("P-256");
    ctx = EVP_PKEY_CTX_new(rsa, NULL);

    if (x == NULL || ec == NULL || ctx == NULL || EVP_PKEY_sign_init(ctx) != 1)
    {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "no objects of OpenSSL");
    }

    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(rsa);
    X509_free(x);

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0, "unload test: done");
}
