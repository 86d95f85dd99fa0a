
/*
 * Copyright (C) The ngx_acm authors
 *
 * Regions: which there are, and whether they differ.
 */


#include "ngx_acm.h"


char *
ngx_acm_region(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    size_t       n;
    u_char       ch;
    ngx_str_t   *value, *region;
    ngx_uint_t   i;

    if (amcf->regions) {
        return "is duplicate";
    }

    amcf->regions = ngx_array_create(cf->pool, cf->args->nelts,
                                     sizeof(ngx_str_t));
    if (amcf->regions == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "any") == 0) {
            amcf->any_region = 1;
            continue;
        }

        if (ngx_strcmp(value[i].data, "namespace=one") == 0) {
            amcf->one_region = 1;
            continue;
        }

        for (n = 0; n < value[i].len; n++) {
            ch = value[i].data[n];

            if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9')
                  || ch == '-'))
            {
                break;
            }
        }

        if (n == 0 || n != value[i].len || n > 32) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid region \"%V\": use up to 32 lower "
                               "case letters, digits and hyphens",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        region = ngx_array_push(amcf->regions);
        if (region == NULL) {
            return NGX_CONF_ERROR;
        }

        *region = value[i];
    }

    if (amcf->regions->nelts == 0) {
        region = ngx_array_push(amcf->regions);
        ngx_str_set(region, NGX_ACM_REGION);
    }

    return NGX_CONF_OK;
}


const char *
ngx_acm_home_region(ngx_acm_conf_t *amcf)
{
    ngx_str_t  *name;

    if (amcf->regions == NULL) {
        return NGX_ACM_REGION;
    }

    name = amcf->regions->elts;

    return (char *) name[0].data;
}


ngx_uint_t
ngx_acm_region_known(ngx_acm_conf_t *amcf, const char *region)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    if (amcf->regions == NULL) {
        return ngx_strcmp(region, NGX_ACM_REGION) == 0;
    }

    if (amcf->any_region) {
        return 1;
    }

    name = amcf->regions->elts;

    for (i = 0; i < amcf->regions->nelts; i++) {
        if (ngx_strcmp(name[i].data, region) == 0) {
            return 1;
        }
    }

    return 0;
}
