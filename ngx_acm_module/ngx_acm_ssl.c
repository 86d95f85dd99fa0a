
/*
 * Copyright (C) The ngx_acm authors
 *
 * TLS: the certificate callback, and the placeholder that lets nginx make a
 * server's context before there is a certificate.
 */


#include <openssl/pem.h>

#include "ngx_acm.h"


#define NGX_ACM_PLACEHOLDER_CN    "certificate not issued yet"
#define NGX_ACM_PLACEHOLDER_LIFE  (10 * 365 * 86400)


static ngx_uint_t ngx_acm_ssl_expired(ngx_acm_pair_t *pair);
static ngx_int_t ngx_acm_ssl_use(ngx_ssl_conn_t *ssl, ngx_acm_material_t *m,
    ngx_log_t *log);
static X509 *ngx_acm_ssl_self_signed(EVP_PKEY *pkey);
static ngx_int_t ngx_acm_ssl_data(ngx_conf_t *cf, X509 *x, EVP_PKEY *pkey,
    ngx_str_t *out);


int
ngx_acm_ssl_cert_cb(ngx_ssl_conn_t *ssl, void *arg)
{
    ngx_acm_want_t *want = arg;

    char               buf[ACM_MAX_NAME + 1], *name;
    ngx_int_t          n;
    const char        *sni;
    ngx_acm_conf_t    *amcf;
    ngx_acm_pair_t     pair;
    ngx_connection_t  *c;

    c = ngx_ssl_get_connection(ssl);
    amcf = ngx_acm_get_conf(ngx_cycle);

    if (!amcf->enabled) {
        /* an old connection, without a master, after acm {} was removed */
        return 1;
    }

    name = NULL;
    sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    /* a name that cannot be a host name is as good as none */

    if (sni
        && acm_name_sni((const uint8_t *) sni, ngx_strlen(sni), buf)
           == ACM_OK)
    {
        name = buf;
    }

    if (ngx_acm_cache_get(amcf, want, name, &pair, c->log) == NGX_OK) {

        if (want->hook && ngx_acm_ssl_expired(&pair)) {
            ngx_acm_demand_post(amcf, want, name, c);
        }

        /*
         * SSL_use_cert_and_key() fills the slot of its own key type only:
         * the placeholder would stay in the other.
         */

        ngx_acm_count(amcf, name == NULL ? NGX_ACM_SERVED_DEFAULT
                            : pair.wildcard ? NGX_ACM_SERVED_WILDCARD
                            : NGX_ACM_SERVED_EXACT);

        SSL_certs_clear(ssl);

        n = ngx_acm_ssl_use(ssl, pair.rsa, c->log);
        n += ngx_acm_ssl_use(ssl, pair.ec, c->log);

        /* which of them the client takes is not known yet */

        ngx_acm_used(amcf, pair.rsa, want);
        ngx_acm_used(amcf, pair.ec, want);

        ngx_acm_pair_drop(&pair);

        return n > 0;
    }

    ngx_acm_count(amcf, want->reject ? NGX_ACM_SERVED_REJECTED
                                     : NGX_ACM_SERVED_FALLBACK);

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, c->log, 0,
                   "acm: no certificate for \"%s\"", name ? name : "");

    if (want->hook && name) {
        ngx_acm_demand_post(amcf, want, name, c);
    }

    if (want->reject) {
        c->ssl->handshake_rejected = 1;
        SSL_certs_clear(ssl);
    }

    return 1;
}


/* nothing is better, so it goes on being served; but it may be asked for */

static ngx_uint_t
ngx_acm_ssl_expired(ngx_acm_pair_t *pair)
{
    return (pair->ec == NULL || pair->ec->not_after <= ngx_time())
           && (pair->rsa == NULL || pair->rsa->not_after <= ngx_time());
}


static ngx_int_t
ngx_acm_ssl_use(ngx_ssl_conn_t *ssl, ngx_acm_material_t *m, ngx_log_t *log)
{
    if (m == NULL) {
        return 0;
    }

    if (ngx_acm_material_use(m, ssl) == NGX_OK) {
        return 1;
    }

    ngx_ssl_error(NGX_LOG_ERR, log, 0,
                  "acm: SSL_use_cert_and_key() failed");

    return 0;
}


ngx_int_t
ngx_acm_ssl_placeholder(ngx_conf_t *cf, ngx_str_t *cert, ngx_str_t *key)
{
    X509       *x;
    EVP_PKEY   *pkey;
    acm_err_t   err;
    ngx_int_t   rc;

    rc = NGX_ERROR;
    x = NULL;

    if (acm_key_generate(ACM_KEY_EC_P256, &pkey, &err) != ACM_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s", err.text);
        return NGX_ERROR;
    }

    x = ngx_acm_ssl_self_signed(pkey);

    if (x == NULL) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "acm: making a placeholder certificate failed");
        goto done;
    }

    if (ngx_acm_ssl_data(cf, x, NULL, cert) != NGX_OK
        || ngx_acm_ssl_data(cf, NULL, pkey, key) != NGX_OK)
    {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "acm: writing a placeholder certificate failed");
        goto done;
    }

    rc = NGX_OK;

done:

    X509_free(x);
    EVP_PKEY_free(pkey);

    return rc;
}


static X509 *
ngx_acm_ssl_self_signed(EVP_PKEY *pkey)
{
    X509       *x;
    X509_NAME  *name;

    x = X509_new();
    if (x == NULL) {
        return NULL;
    }

    name = X509_get_subject_name(x);

    if (X509_set_version(x, 2) == 0
        || ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 0
        || X509_gmtime_adj(X509_getm_notBefore(x), -3600) == NULL
        || X509_gmtime_adj(X509_getm_notAfter(x), NGX_ACM_PLACEHOLDER_LIFE)
           == NULL
        || X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                      (u_char *) NGX_ACM_PLACEHOLDER_CN,
                                      -1, -1, 0)
           == 0
        || X509_set_issuer_name(x, name) == 0
        || X509_set_pubkey(x, pkey) == 0
        || X509_sign(x, pkey, EVP_sha256()) == 0)
    {
        X509_free(x);
        return NULL;
    }

    return x;
}


static ngx_int_t
ngx_acm_ssl_data(ngx_conf_t *cf, X509 *x, EVP_PKEY *pkey, ngx_str_t *out)
{
    BIO        *bio;
    char       *data;
    long        len;
    ngx_int_t   rc;

    rc = NGX_ERROR;

    bio = BIO_new(BIO_s_mem());
    if (bio == NULL) {
        return NGX_ERROR;
    }

    if (BIO_puts(bio, "data:") != sizeof("data:") - 1) {
        goto done;
    }

    if (x && PEM_write_bio_X509(bio, x) == 0) {
        goto done;
    }

    if (pkey
        && PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)
           == 0)
    {
        goto done;
    }

    len = BIO_get_mem_data(bio, &data);

    out->data = ngx_pnalloc(cf->pool, len + 1);
    if (out->data == NULL) {
        goto done;
    }

    ngx_memcpy(out->data, data, len);
    out->data[len] = '\0';
    out->len = len;

    rc = NGX_OK;

done:

    BIO_free(bio);

    return rc;
}
