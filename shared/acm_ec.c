
/*
 * Copyright (C) The ngx_acm authors
 *
 * To make a curve from its number takes OpenSSL five times as long as all the
 * rest of a key, so that is done once.
 *
 * At the first signature OpenSSL would copy a decoded key for the provider,
 * and keep both; unless it has a method of its own.
 *
 * Each key has a copy of the curve, of which a signature reads some 25 cache
 * lines, and none of another key's are of use.  So it is made with one key
 * that all of a curve share, and that has the secret for as long.
 */


#define OPENSSL_SUPPRESS_DEPRECATED  /* keys with a method */

#include <pthread.h>

#include "acm_der.h"
#include "acm_ec.h"


#define ACM_EC_CURVES   (ACM_KEY_EC_P521 - ACM_KEY_EC_P256 + 1)


typedef struct {
    EC_KEY           *model;         /* of what is decoded; without a key */
    EC_KEY           *signer;
    pthread_mutex_t   lock;          /* of the signer */
} acm_ec_curve_t;


static acm_ec_curve_t *acm_ec_curve(acm_key_e key);
static int acm_ec_curve_make(acm_ec_curve_t *curve, acm_key_e key);
static EC_KEY_METHOD *acm_ec_method_new(void);
static acm_ec_curve_t *acm_ec_lend(EC_KEY *ec);
static void acm_ec_return(acm_ec_curve_t *curve);
static int acm_ec_sign(int type, const uint8_t *digest, int len, uint8_t *sig,
    unsigned int *siglen, const BIGNUM *kinv, const BIGNUM *r, EC_KEY *ec);
static ECDSA_SIG *acm_ec_sign_sig(const uint8_t *digest, int len,
    const BIGNUM *kinv, const BIGNUM *r, EC_KEY *ec);


static EC_KEY_METHOD    *acm_ec_method;
static pthread_mutex_t   acm_ec_lock = PTHREAD_MUTEX_INITIALIZER;
static acm_ec_curve_t    acm_ec_curves[ACM_EC_CURVES] = {
    { NULL, NULL, PTHREAD_MUTEX_INITIALIZER },
    { NULL, NULL, PTHREAD_MUTEX_INITIALIZER },
    { NULL, NULL, PTHREAD_MUTEX_INITIALIZER }
};


EC_KEY *
acm_ec_key(acm_key_e key, const acm_str_t *der_secret)
{
    EC_KEY          *ec;
    acm_der_ec_t     parts;
    acm_ec_curve_t  *curve;

    if (!acm_der_ec(der_secret, &parts)
        || parts.oid.len == 0 || parts.point.len == 0)
    {
        return NULL;
    }

    curve = acm_ec_curve(key);
    ec = (curve != NULL) ? EC_KEY_dup(curve->model) : NULL;

    if (ec == NULL
        || EC_KEY_oct2key(ec, parts.point.data, parts.point.len, NULL) != 1
        || EC_KEY_oct2priv(ec, parts.scalar.data, parts.scalar.len) != 1)
    {
        EC_KEY_free(ec);
        return NULL;
    }

    return ec;
}


void
acm_ec_done(void)
{
    size_t  i;

    (void) pthread_mutex_lock(&acm_ec_lock);

    for (i = 0; i < ACM_EC_CURVES; i++) {
        EC_KEY_free(acm_ec_curves[i].model);
        EC_KEY_free(acm_ec_curves[i].signer);
        acm_ec_curves[i].model = NULL;
        acm_ec_curves[i].signer = NULL;
    }

    if (acm_ec_method != NULL) {
        EC_KEY_METHOD_free(acm_ec_method);
        acm_ec_method = NULL;
    }

    (void) pthread_mutex_unlock(&acm_ec_lock);
}


static acm_ec_curve_t *
acm_ec_curve(acm_key_e key)
{
    int              ok;
    acm_ec_curve_t  *curve;

    curve = &acm_ec_curves[key - ACM_KEY_EC_P256];

    (void) pthread_mutex_lock(&acm_ec_lock);

    if (acm_ec_method == NULL) {
        acm_ec_method = acm_ec_method_new();
    }

    ok = acm_ec_method != NULL
         && (curve->model != NULL || acm_ec_curve_make(curve, key));

    (void) pthread_mutex_unlock(&acm_ec_lock);

    return ok ? curve : NULL;
}


static int
acm_ec_curve_make(acm_ec_curve_t *curve, acm_key_e key)
{
    EC_KEY  *model, *signer;

    model = EC_KEY_new_by_curve_name(acm_key_nid(key));
    signer = (model != NULL) ? EC_KEY_dup(model) : NULL;

    if (signer == NULL || EC_KEY_set_method(model, acm_ec_method) != 1) {
        EC_KEY_free(model);
        EC_KEY_free(signer);
        return 0;
    }

    curve->model = model;
    curve->signer = signer;

    return 1;
}


static EC_KEY_METHOD *
acm_ec_method_new(void)
{
    EC_KEY_METHOD  *method;

    int  (*setup)(EC_KEY *ec, BN_CTX *ctx, BIGNUM **kinv, BIGNUM **r);

    method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());

    if (method != NULL) {
        EC_KEY_METHOD_get_sign(method, NULL, &setup, NULL);
        EC_KEY_METHOD_set_sign(method, acm_ec_sign, setup, acm_ec_sign_sig);
    }

    return method;
}


/* NULL: there is no memory. */

static acm_ec_curve_t *
acm_ec_lend(EC_KEY *ec)
{
    int              nid;
    size_t           i;
    acm_ec_curve_t  *curve;

    nid = EC_GROUP_get_curve_name(EC_KEY_get0_group(ec));

    for (i = 0; i < ACM_EC_CURVES - 1; i++) {
        if (nid == acm_key_nid((acm_key_e) (ACM_KEY_EC_P256 + i))) {
            break;
        }
    }

    curve = &acm_ec_curves[i];

    (void) pthread_mutex_lock(&curve->lock);

    if (EC_KEY_set_private_key(curve->signer, EC_KEY_get0_private_key(ec))
        != 1)
    {
        (void) pthread_mutex_unlock(&curve->lock);
        return NULL;
    }

    return curve;
}


static void
acm_ec_return(acm_ec_curve_t *curve)
{
    /* says that it failed, but wipes it; before OpenSSL 3.0.6 only another
       number does */

    (void) EC_KEY_set_private_key(curve->signer, NULL);

    if (EC_KEY_get0_private_key(curve->signer) != NULL) {
        (void) EC_KEY_set_private_key(curve->signer, BN_value_one());
    }

    (void) pthread_mutex_unlock(&curve->lock);
}


static int
acm_ec_sign(int type, const uint8_t *digest, int len, uint8_t *sig,
    unsigned int *siglen, const BIGNUM *kinv, const BIGNUM *r, EC_KEY *ec)
{
    int              ok;
    acm_ec_curve_t  *curve;

    curve = acm_ec_lend(ec);

    if (curve == NULL) {
        *siglen = 0;
        return 0;
    }

    ok = ECDSA_sign_ex(type, digest, len, sig, siglen, kinv, r,
                       curve->signer);

    acm_ec_return(curve);

    return ok;
}


static ECDSA_SIG *
acm_ec_sign_sig(const uint8_t *digest, int len, const BIGNUM *kinv,
    const BIGNUM *r, EC_KEY *ec)
{
    ECDSA_SIG       *sig;
    acm_ec_curve_t  *curve;

    curve = acm_ec_lend(ec);

    if (curve == NULL) {
        return NULL;
    }

    sig = ECDSA_do_sign_ex(digest, len, kinv, r, curve->signer);

    acm_ec_return(curve);

    return sig;
}
