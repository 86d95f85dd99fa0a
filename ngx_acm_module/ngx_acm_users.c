
/*
 * Copyright (C) The ngx_acm authors
 *
 * The users of the API, whose file the master reads as it reads nginx.conf:
 * workers inherit what was in it and cannot read it themselves.
 */


#include "ngx_acm.h"


static void ngx_acm_users_cleanup(void *data);


char *
ngx_acm_users(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    ngx_str_t  *value;

    if (amcf->users_file.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    amcf->users_file = value[1];

    if (ngx_conf_full_name(cf->cycle, &amcf->users_file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_acm_users_load(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf)
{
    acm_err_t            err;
    ngx_pool_cleanup_t  *cln;

    if (amcf->users_file.data == NULL) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(cycle->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    err.text[0] = '\0';

    if (acm_users_read((char *) amcf->users_file.data, &amcf->users, &err)
        != ACM_OK)
    {
        amcf->users = NULL;
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "\"users\" in \"acm\" in %s:%ui: %s", amcf->file,
                      amcf->line, err.text);
        return NGX_ERROR;
    }

    cln->handler = ngx_acm_users_cleanup;
    cln->data = amcf;

    return NGX_OK;
}


static void
ngx_acm_users_cleanup(void *data)
{
    ngx_acm_conf_t  *amcf = data;

    acm_users_free(amcf->users);
    amcf->users = NULL;
}
