
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates on demand: the parameter of acm_certificate, and what servers
 * have in common.
 */


#include "ngx_acm.h"


static char *ngx_acm_demand_path(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_str_t *value);


char *
ngx_acm_demand_parameter(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_str_t *value)
{
    if (want->on_demand.len) {
        return "has a duplicate \"on_demand\"";
    }

    if (want->mode != NGX_ACM_SNI) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"on_demand=\" goes with \"sni\" only: use "
                           "\"acm_certificate sni on_demand=%V\"", value);
        return NGX_CONF_ERROR;
    }

    if (ngx_strncmp(value->data, "file:", 5) == 0) {
        return ngx_acm_demand_path(cf, want, value);
    }

    if (!acm_http_url_ok((char *) value->data)
        || value->len > NGX_ACM_MAX_HOOK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"on_demand=\" needs an https URL, an http URL "
                           "at a loopback address, both of at most %d octets, "
                           "or \"file:\" and a path: invalid value \"%V\"",
                           NGX_ACM_MAX_HOOK, value);
        return NGX_CONF_ERROR;
    }

    want->on_demand = *value;

    return NGX_CONF_OK;
}


static char *
ngx_acm_demand_path(ngx_conf_t *cf, ngx_acm_want_t *want, ngx_str_t *value)
{
    u_char           *p;
    ngx_str_t         path;
    ngx_file_info_t   fi;

    path.data = value->data + 5;
    path.len = value->len - 5;

    if (path.len == 0) {
        return "has \"on_demand=file:\" without a path";
    }

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_file_info(path.data, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"on_demand\" file \"%V\" cannot be found: make "
                           "one with a name a line, it may be empty", &path);
        return NGX_CONF_ERROR;
    }

    if (!ngx_is_file(&fi) || ngx_file_size(&fi) > ACM_MAX_DEMAND_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"on_demand\" file \"%V\" is no file, or over %d "
                           "octets: use an URL instead", &path,
                           ACM_MAX_DEMAND_FILE);
        return NGX_CONF_ERROR;
    }

    want->on_demand.len = 5 + path.len;
    want->on_demand.data = ngx_pnalloc(cf->pool, want->on_demand.len + 1);
    if (want->on_demand.data == NULL) {
        return NGX_CONF_ERROR;
    }

    p = ngx_cpymem(want->on_demand.data, "file:", 5);
    p = ngx_cpymem(p, path.data, path.len);
    *p = '\0';

    return NGX_CONF_OK;
}


/* The id does not depend on the place in the configuration: workers of an
   older one post to the same helper. */

ngx_int_t
ngx_acm_demand_add(ngx_acm_conf_t *amcf, ngx_acm_want_t *want,
    acm_request_t *req)
{
    u_char             md[EVP_MAX_MD_SIZE];
    uint64_t           id;
    ngx_uint_t         i;
    EVP_MD_CTX        *ctx;
    ngx_acm_demand_t  *demand;

    ctx = EVP_MD_CTX_new();

    if (ctx == NULL
        || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 0
        || EVP_DigestUpdate(ctx, want->on_demand.data,
                            want->on_demand.len + 1) == 0
        || EVP_DigestUpdate(ctx, req->issuer, ngx_strlen(req->issuer)) == 0
        || EVP_DigestUpdate(ctx, want->keys,
                            want->nkeys * sizeof(acm_key_e)) == 0
        || EVP_DigestFinal_ex(ctx, md, NULL) == 0)
    {
        EVP_MD_CTX_free(ctx);
        return NGX_ERROR;
    }

    EVP_MD_CTX_free(ctx);

    ngx_memcpy(&id, md, sizeof(uint64_t));

    want->hook = id ? id : 1;

    if (ngx_acm_demand_find(amcf, want->hook)) {
        return NGX_OK;
    }

    demand = ngx_array_push(&amcf->demands);
    if (demand == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(demand, sizeof(ngx_acm_demand_t));

    demand->id = want->hook;

    if (ngx_strncmp(want->on_demand.data, "file:", 5) == 0) {
        demand->path.data = want->on_demand.data + 5;
        demand->path.len = want->on_demand.len - 5;

    } else {
        demand->url = want->on_demand;
    }

    for (i = 0; i < want->nkeys; i++) {
        demand->requests[i] = *req;
        demand->requests[i].key = want->keys[i];
        demand->nrequests++;
    }

    return NGX_OK;
}


ngx_acm_demand_t *
ngx_acm_demand_find(ngx_acm_conf_t *amcf, uint64_t id)
{
    ngx_uint_t         i;
    ngx_acm_demand_t  *demand;

    demand = amcf->demands.elts;

    for (i = 0; i < amcf->demands.nelts; i++) {
        if (demand[i].id == id) {
            return &demand[i];
        }
    }

    return NULL;
}
