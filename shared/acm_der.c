
/*
 * Copyright (C) The ngx_acm authors
 *
 * OpenSSL decodes the public key of every certificate, by way of a search
 * through all its decoders.  It finds none in a library context without
 * providers: the rest of the certificate is decoded all the same.
 */


#include <pthread.h>

#include <openssl/provider.h>

#include "acm_der.h"


static OSSL_LIB_CTX *acm_der_ctx(void);


static OSSL_LIB_CTX     *acm_der_context;    /* or NULL */
static OSSL_PROVIDER    *acm_der_provider;
static pthread_mutex_t   acm_der_lock = PTHREAD_MUTEX_INITIALIZER;


static OSSL_LIB_CTX *
acm_der_ctx(void)
{
    OSSL_LIB_CTX   *ctx;
    OSSL_PROVIDER  *provider;

    (void) pthread_mutex_lock(&acm_der_lock);

    if (acm_der_context == NULL) {
        ctx = OSSL_LIB_CTX_new();

        /* without any the default provider would come by itself */

        provider = (ctx != NULL) ? OSSL_PROVIDER_load(ctx, "null") : NULL;

        if (provider != NULL) {
            acm_der_context = ctx;
            acm_der_provider = provider;

        } else {
            OSSL_LIB_CTX_free(ctx);
        }
    }

    ctx = acm_der_context;

    (void) pthread_mutex_unlock(&acm_der_lock);

    return ctx;
}


void
acm_der_done(void)
{
    (void) pthread_mutex_lock(&acm_der_lock);

    if (acm_der_context != NULL) {
        (void) OSSL_PROVIDER_unload(acm_der_provider);
        OSSL_LIB_CTX_free(acm_der_context);

        acm_der_provider = NULL;
        acm_der_context = NULL;
    }

    (void) pthread_mutex_unlock(&acm_der_lock);
}


X509 *
acm_der_x509(const uint8_t *der, size_t len)
{
    X509           *x;
    OSSL_LIB_CTX   *ctx;
    const uint8_t  *pos;

    ctx = acm_der_ctx();

    if (ctx == NULL || len > ACM_MAX_CERT_DER) {
        return NULL;
    }

    pos = der;
    x = X509_new_ex(ctx, NULL);

    /* it frees what it cannot fill */

    if (x == NULL || d2i_X509(&x, &pos, (long) len) == NULL
        || pos != der + len)
    {
        X509_free(x);
        return NULL;
    }

    return x;
}


int
acm_der_next(acm_str_t *in, uint8_t tag, acm_str_t *value)
{
    size_t  head, len;

    if (in->len < 2 || in->data[0] != tag) {
        return 0;
    }

    head = 2;
    len = in->data[1];

    if (len == 0x81 && in->len >= 3 && in->data[2] >= 0x80) {
        head = 3;
        len = in->data[2];

    } else if (len >= 0x80) {
        return 0;
    }

    if (len > in->len - head) {
        return 0;
    }

    value->data = in->data + head;
    value->len = len;

    in->data += head + len;
    in->len -= head + len;

    return 1;
}


int
acm_der_ec(const acm_str_t *der, acm_der_ec_t *ec)
{
    acm_str_t  in, key, version, param, point, bits;

    in = *der;
    ec->oid.len = 0;
    ec->point.len = 0;

    if (!acm_der_next(&in, ACM_DER_SEQUENCE, &key) || in.len != 0
        || !acm_der_next(&key, ACM_DER_INTEGER, &version)
        || version.len != 1 || version.data[0] != 1
        || !acm_der_next(&key, ACM_DER_OCTETS, &ec->scalar))
    {
        return 0;
    }

    if (acm_der_next(&key, ACM_DER_CONTEXT_0, &param)
        && (!acm_der_next(&param, ACM_DER_OID, &ec->oid) || param.len != 0
            || ec->oid.len == 0))
    {
        return 0;
    }

    if (acm_der_next(&key, ACM_DER_CONTEXT_1, &point)) {

        /* a point has whole octets */

        if (!acm_der_next(&point, ACM_DER_BIT_STRING, &bits)
            || point.len != 0 || bits.len < 2 || bits.data[0] != 0)
        {
            return 0;
        }

        ec->point.data = bits.data + 1;
        ec->point.len = bits.len - 1;
    }

    return key.len == 0;
}
