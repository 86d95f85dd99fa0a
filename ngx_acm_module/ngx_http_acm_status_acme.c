
/*
 * Copyright (C) The ngx_acm authors
 *
 * What of CAs is in the status.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "../shared/acm_account.h"
#include "../shared/acm_challenge.h"
#include "../shared/acm_json.h"
#include "../shared/acm_persist.h"
#include "ngx_acm.h"
#include "ngx_acm_update.h"
#include "ngx_http_acm.h"


static json_t *ngx_http_acm_status_issuer(ngx_acm_conf_t *amcf,
    ngx_acm_issuer_t *issuer, acm_snap_t *snap);
static void ngx_http_acm_status_account(json_t *o, acm_issuer_t *issuer,
    acm_snap_t *snap);
static void ngx_http_acm_status_methods(ngx_acm_conf_t *amcf,
    acm_snap_t *snap, const acm_cert_t *cert, ngx_acm_issuer_t *issuer,
    json_t *list);
static void ngx_http_acm_status_record(ngx_acm_conf_t *amcf,
    acm_snap_t *snap, const acm_cert_t *cert, acm_method_e method,
    const acm_account_t *a, json_t *list);
static void ngx_http_acm_status_txt(const acm_cert_t *cert,
    const acm_account_t *a, json_t *list);
static void ngx_http_acm_status_add(json_t *list, json_t *o);
static ngx_int_t ngx_http_acm_status_target(ngx_acm_conf_t *amcf,
    acm_snap_t *snap, const acm_cert_t *cert, const char *domain,
    const char *name, char *value);


json_t *
ngx_http_acm_status_issuers(ngx_acm_conf_t *amcf, acm_snap_t *snap)
{
    char                text[32];
    json_t             *list, *o;
    ngx_uint_t          i;
    ngx_acm_issuer_t   *issuer;
    ngx_acm_trouble_t  *t;

    list = json_array();
    issuer = amcf->issuers.elts;

    for (i = 0; list && i < amcf->issuers.nelts; i++) {
        o = ngx_http_acm_status_issuer(amcf, &issuer[i], snap);
        t = ngx_acm_acme_trouble(amcf, issuer[i].issuer.name);

        if (t) {
            (void) acm_time_text((int64_t) t->at, text);
            (void) json_object_set_new(o, "LastError",
                                       json_string((char *) t->text));
            (void) json_object_set_new(o, "LastErrorAt", json_string(text));
        }

        if (json_array_append_new(list, o) != 0) {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


static json_t *
ngx_http_acm_status_issuer(ngx_acm_conf_t *amcf, ngx_acm_issuer_t *issuer,
    acm_snap_t *snap)
{
    json_t  *o;

    o = json_pack("{s:s, s:s}", "Name", issuer->issuer.name, "Kind",
                  issuer->ca ? "ca" : "acme");

    if (o && !issuer->ca) {
        (void) json_object_set_new(o, "Directory",
                                   json_string(issuer->issuer.directory));
        ngx_http_acm_status_account(o, &issuer->issuer, snap);
        (void) json_object_set_new(o, "RateLimits",
                                   acm_status_limits(snap, &issuer->issuer,
                                                     acm_now()));
    }

    return o;
}


static void
ngx_http_acm_status_account(json_t *o, acm_issuer_t *issuer,
    acm_snap_t *snap)
{
    uint64_t        revision;
    acm_account_t   a;

    static const char *const  states[] = {
        "UNKNOWN", "NEW", "VALID", "DEACTIVATED"
    };

    if (acm_account_get(snap, issuer->name, issuer->directory, &a, &revision)
        != ACM_OK)
    {
        return;
    }

    (void) json_object_set_new(o, "AccountStatus",
                               json_string(states[a.status]));

    if (*a.url != '\0') {
        (void) json_object_set_new(o, "Account", json_string(a.url));
    }

    if (*a.error != '\0') {
        (void) json_object_set_new(o, "AccountError", json_string(a.error));
    }

    acm_account_free(&a);
}


/* What the methods of the certificate's issuers need, of each one once. */

json_t *
ngx_http_acm_status_records(ngx_acm_conf_t *amcf, acm_snap_t *snap,
    const acm_cert_t *cert)
{
    json_t            *list;
    ngx_str_t          name;
    const char        *s;
    ngx_acm_issuer_t  *issuer;

    list = json_array();

    if (list == NULL || cert->type != ACM_TYPE_ISSUED) {
        return list;
    }

    for (s = cert->issuer; *s != '\0'; s += name.len + (s[name.len] == ' ')) {
        name.data = (u_char *) s;
        name.len = strcspn(s, " ");

        issuer = ngx_acm_issuer_find(amcf, &name);

        if (issuer != NULL && !issuer->ca) {
            ngx_http_acm_status_methods(amcf, snap, cert, issuer, list);
        }
    }

    return list;
}


static void
ngx_http_acm_status_methods(ngx_acm_conf_t *amcf, acm_snap_t *snap,
    const acm_cert_t *cert, ngx_acm_issuer_t *issuer, json_t *list)
{
    size_t               i;
    uint64_t             revision;
    acm_rc_t             rc;
    acm_account_t        a;
    const acm_issuer_t  *conf;

    conf = &issuer->issuer;

    rc = acm_account_get(snap, conf->name, conf->directory, &a, &revision);

    if (cert->method != ACM_METHOD_NONE) {
        ngx_http_acm_status_record(amcf, snap, cert,
                                   (acm_method_e) cert->method,
                                   (rc == ACM_OK) ? &a : NULL, list);

    } else {
        for (i = 0; i < conf->nmethods; i++) {
            ngx_http_acm_status_record(amcf, snap, cert, conf->methods[i],
                                       (rc == ACM_OK) ? &a : NULL, list);
        }
    }

    if (rc == ACM_OK) {
        acm_account_free(&a);
    }
}


static void
ngx_http_acm_status_record(ngx_acm_conf_t *amcf, acm_snap_t *snap,
    const acm_cert_t *cert, acm_method_e method, const acm_account_t *a,
    json_t *list)
{
    char         name[2 * sizeof("_acme-challenge.") + ACM_MAX_NAME + 1];
    char         value[2 * ACM_MAX_DNS_NAME + 2];
    ngx_uint_t   i;
    const char  *url;

    url = (a != NULL && *a->url != '\0') ? a->url : NULL;

    if (method == ACM_METHOD_DNS_PERSIST_01) {
        if (url != NULL) {
            ngx_http_acm_status_txt(cert, a, list);
        }

        return;
    }

    for (i = 0; i < cert->nnames; i++) {

        if (acm_method_host(method, cert->names[i], url, name,
                            sizeof(name) - 1)
            != ACM_OK
            || ngx_http_acm_status_target(amcf, snap, cert, cert->names[i],
                                          name, value)
               != NGX_OK)
        {
            continue;
        }

        ngx_http_acm_status_add(list,
                                json_pack("{s:s, s:s+, s:s, s:s+}",
                                          "DomainName", cert->names[i],
                                          "Name", name, ".", "Type", "CNAME",
                                          "Value", value, "."));
    }
}


/* A record with "policy=wildcard" serves the name too. */

static void
ngx_http_acm_status_txt(const acm_cert_t *cert, const acm_account_t *a,
    json_t *list)
{
    char            name[sizeof("_validation-persist.") + ACM_MAX_NAME];
    char            value[ACM_MAX_PERSIST];
    ngx_uint_t      i, n;
    const char     *base, *other;
    acm_persist_t   p;

    ngx_memzero(&p, sizeof(acm_persist_t));

    p.cas = a->cas;
    p.account = a->url;

    for (i = 0; i < cert->nnames; i++) {
        base = cert->names[i] + ((cert->names[i][0] == '*') ? 2 : 0);
        p.wildcard = 0;

        for (n = 0; n < cert->nnames; n++) {
            other = cert->names[n];

            if (other[0] == '*' && ngx_strcmp(other + 2, base) == 0) {
                p.wildcard = 1;
            }
        }

        if (acm_persist_value(&p, value) != ACM_OK
            || acm_method_host(ACM_METHOD_DNS_PERSIST_01, base, NULL, name,
                               sizeof(name))
               != ACM_OK)
        {
            continue;
        }

        ngx_http_acm_status_add(list,
                                json_pack("{s:s, s:s+, s:s, s:s}",
                                          "DomainName", cert->names[i],
                                          "Name", name, ".", "Type", "TXT",
                                          "Value", value));
    }
}


/* Takes o over; two issuers may need the same. */

static void
ngx_http_acm_status_add(json_t *list, json_t *o)
{
    size_t  i;

    for (i = 0; o && i < json_array_size(list); i++) {
        if (json_equal(json_array_get(list, i), o)) {
            json_decref(o);
            return;
        }
    }

    (void) json_array_append_new(list, o);
}


/* Where the name's CNAME must lead to; NGX_DECLINED if it needs none. */

static ngx_int_t
ngx_http_acm_status_target(ngx_acm_conf_t *amcf, acm_snap_t *snap,
    const acm_cert_t *cert, const char *domain, const char *name,
    char *value)
{
    char  label[ACM_LABEL_LEN + 1];

    if (ngx_acm_update_zone(amcf, name)) {
        return ngx_acm_update_alias(amcf, name, value) ? NGX_OK
                                                       : NGX_DECLINED;
    }

    if (amcf->validation == NULL
        || acm_validation_get(snap, cert->account, domain, label) != ACM_OK)
    {
        return NGX_DECLINED;
    }

    *ngx_snprintf((u_char *) value, 2 * ACM_MAX_DNS_NAME, "%s.%s", label,
                  amcf->validation->name)
        = '\0';

    return NGX_OK;
}
