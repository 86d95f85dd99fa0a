
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates of http servers that come from files: found when the
 * configuration is read, shown by the status.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_acm.h"
#include "ngx_http_acm.h"


static json_t *ngx_http_acm_static_json(ngx_acm_static_t *s);


ngx_int_t
ngx_http_acm_static_init(ngx_conf_t *cf, ngx_http_core_srv_conf_t *cscf)
{
    ngx_str_t                *to;
    ngx_uint_t                i;
    ngx_array_t               names;
    ngx_http_server_name_t   *sn;
    ngx_http_ssl_srv_conf_t  *sscf;

    sscf = cscf->ctx->srv_conf[ngx_http_ssl_module.ctx_index];

    if (sscf->ssl.ctx == NULL) {
        return NGX_OK;
    }

    if (ngx_array_init(&names, cf->temp_pool, 4, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    sn = cscf->server_names.elts;

    for (i = 0; i < cscf->server_names.nelts; i++) {
        to = ngx_array_push(&names);
        if (to == NULL) {
            return NGX_ERROR;
        }

        *to = sn[i].name;
    }

    return ngx_acm_static_add(cf, sscf->ssl.ctx, &names);
}


json_t *
ngx_acm_static_list(ngx_acm_conf_t *amcf)
{
    json_t             *list;
    ngx_uint_t          i;
    ngx_acm_static_t  **s;

    list = json_array();
    s = amcf->statics.elts;

    for (i = 0; list && i < amcf->statics.nelts; i++) {

        if (json_array_append_new(list, ngx_http_acm_static_json(s[i]))
            != 0)
        {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


static json_t *
ngx_http_acm_static_json(ngx_acm_static_t *s)
{
    char         hash[2 * ACM_HASH_LEN + 1];
    char         not_before[32], not_after[32];
    json_t      *o, *names;
    ngx_str_t   *name;
    ngx_uint_t   i;

    (void) acm_hex(s->hash, ACM_HASH_LEN, hash);
    (void) acm_time_text(s->not_before, not_before);
    (void) acm_time_text(s->not_after, not_after);

    names = json_array();
    name = s->names.elts;

    for (i = 0; names && i < s->names.nelts; i++) {
        (void) json_array_append_new(names,
                                     json_stringn((char *) name[i].data,
                                                  name[i].len));
    }

    /* a name that is no UTF-8 is left out, one that is none takes no place */

    o = json_pack("{s:o, s:s, s:s, s:s, s:I}",
                  "ServerNames", names,
                  "Sha256", hash,
                  "NotBefore", not_before,
                  "NotAfter", not_after,
                  "DaysLeft", (json_int_t) ((s->not_after - acm_now())
                                            / 86400));
    if (o == NULL) {
        return NULL;
    }

    (void) json_object_set_new(o, "Subject", acm_json_clean(s->subject));
    (void) json_object_set_new(o, "Issuer", acm_json_clean(s->issuer));
    (void) json_object_set_new(o, "KeyAlgorithm", json_string(s->key));

    if (s->file.len) {
        (void) json_object_set_new(o, "File",
                                   acm_json_clean((char *) s->file.data));
    }

    return o;
}
