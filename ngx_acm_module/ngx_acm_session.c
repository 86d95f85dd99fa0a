
/*
 * Copyright (C) The ngx_acm authors
 *
 * Which TLS sessions a server resumes: none that was made under other terms
 * for clients.
 */


#include "ngx_acm_server.h"


static ngx_int_t ngx_acm_session_str(EVP_MD_CTX *md, ngx_str_t *str);
static ngx_int_t ngx_acm_session_names(EVP_MD_CTX *md,
    STACK_OF(X509_NAME) *list);


ngx_int_t
ngx_acm_session_policy(ngx_acm_server_t *s, u_char *hash)
{
    int          mode;
    ngx_int_t    rc;
    EVP_MD_CTX  *md;

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;
    mode = s->ctx ? SSL_CTX_get_verify_mode(s->ctx) : 0;

    if (EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 0
        || EVP_DigestUpdate(md, s->kind, ngx_strlen(s->kind) + 1) == 0
        || EVP_DigestUpdate(md, &mode, sizeof(int)) == 0
        || EVP_DigestUpdate(md, &s->verify, sizeof(ngx_uint_t)) == 0)
    {
        goto done;
    }

    /* whom it trusts matters only if it asks */

    if (s->verify
        && (EVP_DigestUpdate(md, &s->verify_depth, sizeof(ngx_uint_t)) == 0
            || ngx_acm_session_str(md, s->client_certificate) != NGX_OK
            || ngx_acm_session_str(md, s->trusted_certificate) != NGX_OK
            || ngx_acm_session_str(md, s->crl) != NGX_OK
            || (s->ctx
                && ngx_acm_session_names(md,
                                         SSL_CTX_get_client_CA_list(s->ctx))
                   != NGX_OK)))
    {
        goto done;
    }

    if (EVP_DigestFinal_ex(md, hash, NULL) == 1) {
        rc = NGX_OK;
    }

done:

    EVP_MD_CTX_free(md);

    return rc;
}


static ngx_int_t
ngx_acm_session_str(EVP_MD_CTX *md, ngx_str_t *str)
{
    return (EVP_DigestUpdate(md, &str->len, sizeof(size_t)) == 1
            && EVP_DigestUpdate(md, str->data, str->len) == 1)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_acm_session_names(EVP_MD_CTX *md, STACK_OF(X509_NAME) *list)
{
    int           i;
    u_char        buf[EVP_MAX_MD_SIZE];
    unsigned int  len;

    for (i = 0; i < sk_X509_NAME_num(list); i++) {
        if (X509_NAME_digest(sk_X509_NAME_value(list, i), EVP_sha256(), buf,
                             &len)
            == 0
            || EVP_DigestUpdate(md, buf, len) == 0)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_acm_session_context(ngx_acm_want_t *want, ngx_acm_server_t *s)
{
    char         **names;
    u_char         hash[ACM_HASH_LEN];
    ngx_int_t      rc;
    ngx_uint_t     n;
    EVP_MD_CTX    *md;
    unsigned int   len;

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (ngx_acm_session_policy(s, hash) != NGX_OK
        || EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 0
        || EVP_DigestUpdate(md, hash, ACM_HASH_LEN) == 0
        || EVP_DigestUpdate(md, &want->mode, sizeof(want->mode)) == 0
        || EVP_DigestUpdate(md, want->uuid, sizeof(want->uuid)) == 0
        || ngx_acm_session_str(md, &want->issuer) != NGX_OK
        || ngx_acm_session_str(md, &s->name) != NGX_OK)
    {
        goto done;
    }

    names = want->names.elts;

    for (n = 0; n < want->names.nelts; n++) {
        if (EVP_DigestUpdate(md, names[n], ngx_strlen(names[n]) + 1) == 0) {
            goto done;
        }
    }

    if (EVP_DigestFinal_ex(md, hash, &len) == 1
        && SSL_CTX_set_session_id_context(s->ctx, hash, len) == 1)
    {
        rc = NGX_OK;
    }

done:

    EVP_MD_CTX_free(md);

    return rc;
}


ngx_int_t
ngx_acm_address_begin(ngx_acm_address_t *a)
{
    ngx_memzero(a, sizeof(ngx_acm_address_t));

    a->md = EVP_MD_CTX_new();

    return (a->md && EVP_DigestInit_ex(a->md, EVP_sha256(), NULL) == 1)
           ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_acm_address_add(ngx_acm_address_t *a, ngx_acm_want_t *want,
    ngx_acm_server_t *s)
{
    u_char  hash[ACM_HASH_LEN];

    if (ngx_acm_session_policy(s, hash) != NGX_OK
        || EVP_DigestUpdate(a->md, hash, ACM_HASH_LEN) == 0)
    {
        return NGX_ERROR;
    }

    if (want) {
        a->wanted = 1;
    }

    if (a->n++ == 0) {
        ngx_memcpy(a->first, hash, ACM_HASH_LEN);

    } else if (ngx_memcmp(a->first, hash, ACM_HASH_LEN) != 0) {
        a->mixed = 1;
    }

    return NGX_OK;
}


ngx_int_t
ngx_acm_address_name(ngx_acm_address_t *a, ngx_str_t *name)
{
    return ngx_acm_session_str(a->md, name);
}


ngx_int_t
ngx_acm_address_end(ngx_acm_address_t *a, ngx_acm_hello_t *hello)
{
    u_char     hash[ACM_HASH_LEN];
    ngx_int_t  rc;

    rc = NGX_OK;

    if (a->md && a->wanted && a->mixed && hello) {
        rc = (EVP_DigestFinal_ex(a->md, hash, NULL) == 1)
             ? ngx_acm_hello_bind(hello, hash) : NGX_ERROR;
    }

    EVP_MD_CTX_free(a->md);

    return rc;
}
