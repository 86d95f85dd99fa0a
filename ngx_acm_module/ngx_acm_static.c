
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates that come from files, by "ssl_certificate": nobody renews
 * them here, but somebody should know when they expire.
 */


#include <openssl/x509.h>

#include "ngx_acm.h"


#define NGX_ACM_STATIC_SHARE  3              /* of its life, for short ones */
#define NGX_ACM_MAX_SUBJECT   512            /* octets; longer ones are cut */


static ngx_int_t ngx_acm_static_note(ngx_conf_t *cf, ngx_acm_conf_t *amcf,
    X509 *x, ngx_array_t *names);
static ngx_acm_static_t *ngx_acm_static_new(ngx_conf_t *cf,
    ngx_acm_conf_t *amcf, X509 *x, u_char *hash);
static ngx_int_t ngx_acm_static_names(ngx_acm_static_t *s,
    ngx_array_t *names);
static char *ngx_acm_static_dn(ngx_conf_t *cf, X509_NAME *name);
static int64_t ngx_acm_static_time(const ASN1_TIME *t);


ngx_int_t
ngx_acm_static_add(ngx_conf_t *cf, SSL_CTX *ctx, ngx_array_t *names)
{
    X509            *x, *current;
    ngx_int_t        rc;
    const char      *file;
    ngx_acm_conf_t  *amcf;

    amcf = ngx_acm_get_conf(cf->cycle);

    /* acm {} may still come */

    rc = NGX_OK;
    current = SSL_CTX_get0_certificate(ctx);

    if (SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST) != 1) {
        return NGX_OK;
    }

    do {
        x = SSL_CTX_get0_certificate(ctx);

        if (x == NULL) {
            break;
        }

        file = X509_get_ex_data(x, ngx_ssl_certificate_name_index);

        if (file && amcf->placeholder.data
            && ngx_strcmp(file, amcf->placeholder.data) == 0)
        {
            continue;
        }

        rc = ngx_acm_static_note(cf, amcf, x, names);

    } while (rc == NGX_OK
             && SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT) == 1);

    if (current) {
        (void) SSL_CTX_select_current_cert(ctx, current);
    }

    return rc;
}


static ngx_int_t
ngx_acm_static_note(ngx_conf_t *cf, ngx_acm_conf_t *amcf, X509 *x,
    ngx_array_t *names)
{
    u_char             hash[EVP_MAX_MD_SIZE];
    uint32_t           key;
    ngx_str_t          str;
    unsigned int       len;
    ngx_acm_static_t  *s, **p;

    if (X509_digest(x, EVP_sha256(), hash, &len) != 1
        || len != ACM_HASH_LEN)
    {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "acm: X509_digest() failed");
        return NGX_ERROR;
    }

    str.data = hash;
    str.len = ACM_HASH_LEN;
    key = ngx_murmur_hash2(hash, ACM_HASH_LEN);

    s = (ngx_acm_static_t *) ngx_str_rbtree_lookup(&amcf->static_tree, &str,
                                                   key);

    if (s == NULL) {
        s = ngx_acm_static_new(cf, amcf, x, hash);
        p = ngx_array_push(&amcf->statics);

        if (s == NULL || p == NULL) {
            return NGX_ERROR;
        }

        *p = s;

        s->sn.node.key = key;
        s->sn.str.len = ACM_HASH_LEN;
        s->sn.str.data = s->hash;

        ngx_rbtree_insert(&amcf->static_tree, &s->sn.node);
    }

    return ngx_acm_static_names(s, names);
}


static ngx_acm_static_t *
ngx_acm_static_new(ngx_conf_t *cf, ngx_acm_conf_t *amcf, X509 *x,
    u_char *hash)
{
    char              *file;
    EVP_PKEY          *pkey;
    ngx_acm_static_t  *s;

    s = ngx_pcalloc(cf->pool, sizeof(ngx_acm_static_t));

    if (s == NULL
        || ngx_array_init(&s->names, cf->pool, 1, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NULL;
    }

    ngx_memcpy(s->hash, hash, ACM_HASH_LEN);

    file = X509_get_ex_data(x, ngx_ssl_certificate_name_index);

    /* one that is written out in the configuration has no file */

    if (file && ngx_strncmp(file, "data:", 5) != 0) {
        s->file.data = (u_char *) file;
        s->file.len = ngx_strlen(file);
    }

    s->subject = ngx_acm_static_dn(cf, X509_get_subject_name(x));
    s->issuer = ngx_acm_static_dn(cf, X509_get_issuer_name(x));

    if (s->subject == NULL || s->issuer == NULL) {
        return NULL;
    }

    pkey = X509_get0_pubkey(x);
    s->key = (char *) (pkey ? acm_key_algorithm(acm_key_type(pkey)) : "");

    s->not_before = ngx_acm_static_time(X509_get0_notBefore(x));
    s->not_after = ngx_acm_static_time(X509_get0_notAfter(x));

    ERR_clear_error();

    return s;
}


static ngx_int_t
ngx_acm_static_names(ngx_acm_static_t *s, ngx_array_t *names)
{
    ngx_str_t   *name, *other, *to;
    ngx_uint_t   i, n;

    name = names->elts;

    for (i = 0; i < names->nelts; i++) {

        /* it is for people: not longer than a certificate's own list */

        if (name[i].len == 0 || s->names.nelts >= ACM_MAX_NAMES) {
            continue;
        }

        other = s->names.elts;

        for (n = 0; n < s->names.nelts; n++) {
            if (other[n].len == name[i].len
                && ngx_strncmp(other[n].data, name[i].data, name[i].len) == 0)
            {
                break;
            }
        }

        if (n < s->names.nelts) {
            continue;
        }

        to = ngx_array_push(&s->names);
        if (to == NULL) {
            return NGX_ERROR;
        }

        *to = name[i];
    }

    return NGX_OK;
}


static char *
ngx_acm_static_dn(ngx_conf_t *cf, X509_NAME *name)
{
    BIO    *bio;
    char   *data, *text;
    long    len;

    text = NULL;

    bio = BIO_new(BIO_s_mem());
    if (bio == NULL) {
        return NULL;
    }

    if (X509_NAME_print_ex(bio, name, 0,
                           XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB)
        >= 0)
    {
        len = BIO_get_mem_data(bio, &data);
        len = ngx_min(len, NGX_ACM_MAX_SUBJECT);

        text = ngx_pnalloc(cf->pool, len + 1);

        if (text) {
            ngx_memcpy(text, data, len);
            text[len] = '\0';
        }
    }

    BIO_free(bio);

    return text;
}


/* Seconds; 0 if it is no time. */

static int64_t
ngx_acm_static_time(const ASN1_TIME *t)
{
    struct tm  tm;

    ngx_memzero(&tm, sizeof(struct tm));

    if (ASN1_TIME_to_tm(t, &tm) != 1) {
        return 0;
    }

    return (int64_t) timegm(&tm);
}


void
ngx_acm_static_warn(ngx_acm_conf_t *amcf, ngx_log_t *log)
{
    char                text[32];
    int64_t             left, limit, first;
    ngx_str_t          *name, where;
    ngx_uint_t          i;
    ngx_acm_static_t  **statics, *s;

    statics = amcf->statics.elts;
    first = amcf->ladder.nrungs ? (int64_t) amcf->ladder.rungs[0] : 0;

    for (i = 0; i < amcf->statics.nelts; i++) {
        s = statics[i];

        left = s->not_after - ngx_time();

        /* the first rung of "warn_at", but not for most of its life */

        limit = (s->not_after - s->not_before) / NGX_ACM_STATIC_SHARE;
        limit = ngx_min(limit, first);

        if (left > limit) {
            continue;
        }

        name = s->names.elts;

        where = s->file;

        if (where.len == 0 && s->names.nelts) {
            where = name[0];
        }

        (void) acm_time_text(s->not_after, text);

        if (left <= 0) {
            ngx_log_error(NGX_LOG_WARN, log, 0,
                          "acm: certificate \"%V\" (\"%s\") expired at %s: "
                          "replace the file, or use \"acm_certificate\"",
                          &where, s->subject, text);
        } else {
            ngx_log_error(NGX_LOG_WARN, log, 0,
                          "acm: certificate \"%V\" (\"%s\") expires at %s, "
                          "in %L days: replace the file, or use "
                          "\"acm_certificate\"",
                          &where, s->subject, text, left / 86400);
        }
    }
}
