
/*
 * Copyright (C) The ngx_acm authors
 *
 * The core module: the acm {} block and the life of each process.
 */


#include <sys/eventfd.h>

#include "ngx_acm.h"
#include "ngx_acm_sink.h"
#include "ngx_acm_update.h"


static void *ngx_acm_create_conf(ngx_cycle_t *cycle);
static char *ngx_acm_init_conf(ngx_cycle_t *cycle, void *conf);
static ngx_int_t ngx_acm_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_acm_init_process(ngx_cycle_t *cycle);
static void ngx_acm_exit_process(ngx_cycle_t *cycle);
static void ngx_acm_close_bell(void *data);


static ngx_command_t  ngx_acm_commands[] = {

    /*
     * Syntax:  acm { ... }
     * Default: -
     * Context: main
     *
     * Switches the certificate manager on.  An empty block is enough: the
     * store lies beside nginx's own temporary directories, the master key
     * beside nginx.conf, and a built-in CA named "internal" issues.
     */
    { ngx_string("acm"),
      NGX_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_NOARGS,
      ngx_acm_block,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_core_module_t  ngx_acm_module_ctx = {
    ngx_string("acm"),
    ngx_acm_create_conf,
    ngx_acm_init_conf
};


ngx_module_t  ngx_acm_module = {
    NGX_MODULE_V1,
    &ngx_acm_module_ctx,                   /* module context */
    ngx_acm_commands,                      /* module directives */
    NGX_CORE_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_acm_init_module,                   /* init module */
    ngx_acm_init_process,                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_acm_exit_process,                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_acm_create_conf(ngx_cycle_t *cycle)
{
    ngx_acm_conf_t  *amcf;

    amcf = ngx_pcalloc(cycle->pool, sizeof(ngx_acm_conf_t));
    if (amcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     amcf->enabled = 0;
     *     amcf->store = { 0, NULL };
     *     amcf->master_key = { 0, NULL };
     *     amcf->account = { 0, NULL };
     *     amcf->regions = NULL;
     *     amcf->default_issuer = { 0, NULL };
     *     amcf->resolver = { 0, NULL };
     *     amcf->key_secret = NULL;
     *     amcf->validation = NULL;
     *     amcf->updates = NULL;
     *     amcf->sinks = NULL;
     *     amcf->smtp = NULL;
     *     amcf->audit = NULL;
     *     amcf->dns_file = NULL;
     *     amcf->dns_line = 0;
     *     amcf->path = NULL;
     *     amcf->zone = NULL;
     */

    amcf->map_size = NGX_CONF_UNSET;
    amcf->resident = NGX_CONF_UNSET;
    amcf->cache = NGX_CONF_UNSET;
    amcf->unused = NGX_CONF_UNSET;
    amcf->stapling = NGX_CONF_UNSET;
    amcf->in_use = NGX_CONF_UNSET;
    amcf->versions = NGX_CONF_UNSET;
    amcf->helper_timeout = NGX_CONF_UNSET;
    amcf->bell = -1;

    ngx_rbtree_init(&amcf->identities, &amcf->sentinel,
                    ngx_str_rbtree_insert_value);

    if (ngx_array_init(&amcf->issuers, cycle->pool, 4,
                       sizeof(ngx_acm_issuer_t))
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_array_init(&amcf->wants, cycle->pool, 4, sizeof(ngx_acm_want_t *))
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_array_init(&amcf->requests, cycle->pool, 4, sizeof(acm_request_t))
        != NGX_OK)
    {
        return NULL;
    }

    ngx_rbtree_init(&amcf->static_tree, &amcf->static_sentinel,
                    ngx_str_rbtree_insert_value);

    if (ngx_array_init(&amcf->statics, cycle->pool, 4,
                       sizeof(ngx_acm_static_t *))
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_array_init(&amcf->demands, cycle->pool, 1,
                       sizeof(ngx_acm_demand_t))
        != NGX_OK)
    {
        return NULL;
    }

    return amcf;
}


static char *
ngx_acm_init_conf(ngx_cycle_t *cycle, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    /* whatever can fail is done here: init_module must not */

    if (ngx_acm_zone_check(cycle, amcf) != NGX_OK
        || ngx_acm_resolve(cycle, amcf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_acm_users_load(cycle, amcf) != NGX_OK
        || ngx_acm_api_init(cycle, amcf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (!amcf->enabled) {
        return NGX_CONF_OK;
    }

    if (ngx_acm_load_key(cycle, amcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_acm_static_warn(amcf, cycle->log);

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_acm_init_module(ngx_cycle_t *cycle)
{
    ngx_acm_conf_t      *amcf;
    ngx_pool_cleanup_t  *cln;

    amcf = ngx_acm_get_conf(cycle);

    if (!amcf->enabled || ngx_test_config) {
        return NGX_OK;
    }

    ngx_acm_audit_init(cycle, amcf);

    if (amcf->limits) {
        amcf->limits->throttle = &ngx_acm_shared(amcf)->throttle;
    }

    /*
     * An error here would end the master at a reload: without the bell the
     * helper still looks at the store once a second.
     */

    cln = ngx_pool_cleanup_add(cycle->pool, 0);
    if (cln == NULL) {
        return NGX_OK;
    }

    amcf->bell = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);
    if (amcf->bell == -1) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, ngx_errno,
                      "acm: eventfd() failed");
        return NGX_OK;
    }

    cln->handler = ngx_acm_close_bell;
    cln->data = amcf;

    return NGX_OK;
}


static ngx_int_t
ngx_acm_init_process(ngx_cycle_t *cycle)
{
    acm_store_t     *store;
    acm_keyring_t   *ring;
    ngx_acm_conf_t  *amcf;

    amcf = ngx_acm_get_conf(cycle);

    if (!amcf->enabled) {
        return NGX_OK;
    }

    if (ngx_process == NGX_PROCESS_SINGLE) {
        ngx_acm_helper_start(cycle);
        return NGX_OK;
    }

    /*
     * The helper starts on its first manager call: this hook also runs in
     * the cache loader.  A worker that cannot open the store yet asks again
     * when a handshake needs it; an error here would end the worker.
     */

    if (ngx_process == NGX_PROCESS_WORKER) {
        ngx_acm_audit_start(amcf);
        ngx_acm_update_forget(amcf);
        ngx_acm_sink_forget(amcf);
        ngx_acm_cloudwatch_forget(amcf);
        ngx_acm_watch_start(cycle);
        (void) ngx_acm_open(amcf, 0, &store, &ring, cycle->log);
        ngx_acm_warm_start(cycle);
    }

    return NGX_OK;
}


static void
ngx_acm_exit_process(ngx_cycle_t *cycle)
{
    if (ngx_process == NGX_PROCESS_SINGLE) {
        ngx_acm_helper_exit();
    }

    ngx_acm_audit_finish(ngx_acm_get_conf(cycle));
    ngx_acm_warm_stop(ngx_acm_get_conf(cycle), cycle->log);
    ngx_acm_cache_leave();
    ngx_acm_staple_done();
    acm_leaf_done();
    ngx_acm_handles_close();
    ngx_acm_close();
}


static void
ngx_acm_close_bell(void *data)
{
    ngx_acm_conf_t  *amcf = data;

    if (amcf->bell != -1 && close(amcf->bell) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "acm: close() of the doorbell failed");
    }

    amcf->bell = -1;
}
