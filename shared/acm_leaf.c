
/*
 * Copyright (C) The ngx_acm authors
 *
 * OpenSSL 3.0 takes 90 of the 100 microseconds of d2i_X509() to find a
 * decoder for the public key, and d2i_PrivateKey() looks for one as well.
 * So the certificate is decoded without its key, which stays octets; the
 * private key is decoded without looking for a decoder, and put where the
 * public key would be.  An RSA key is copied for the provider at once, as the
 * key exchange of TLS 1.2 needs that.
 */


#define OPENSSL_SUPPRESS_DEPRECATED  /* the decoders of one type */

#include <string.h>

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "acm_der.h"
#include "acm_ec.h"
#include "acm_leaf.h"
#include "acm_rsa.h"


#define ACM_LEAF_SPKI     1024       /* octets; of RSA-4096 550 */

/*
 * What objects cost on the heap, measured: an X509 and its extensions beside
 * the octets of the certificate, which are there twice; a name; a key.
 */

#define ACM_LEAF_X509     2400
#define ACM_LEAF_OCTETS   2
#define ACM_LEAF_NAME     170
#define ACM_LEAF_EC       2800
#define ACM_LEAF_RSA      2700

#define ACM_LEAF_LINE     64         /* octets that come to the cache at once */


static acm_rc_t acm_leaf_fast(acm_leaf_t *leaf, acm_key_e key,
    const acm_str_t *der, const acm_str_t *der_secret);
static EVP_PKEY *acm_leaf_key(acm_key_e key, const acm_str_t *der_secret);
static RSA *acm_leaf_rsa(const acm_str_t *der_secret);
static int acm_leaf_join(X509 *x, EVP_PKEY *pkey, const acm_str_t *der);
static int acm_leaf_spki(X509 *x, uint8_t *spki);
static acm_rc_t acm_leaf_slow(acm_leaf_t *leaf, acm_key_e key,
    const acm_str_t *der, const acm_str_t *der_secret, acm_err_t *err);
static acm_rc_t acm_leaf_names(acm_leaf_t *leaf, acm_err_t *err);
static size_t acm_leaf_bytes(const acm_leaf_t *leaf, size_t len);
static void acm_leaf_hot(acm_leaf_t *leaf);


/* of each object that a handshake reads, in the order of acm_leaf_t.hot */

static const uint8_t  acm_leaf_lines[ACM_LEAF_HOT] = { 7, 3, 1, 1, 2, 2,
                                                       3, 1, 1 };


acm_rc_t
acm_leaf_open(acm_leaf_t *leaf, acm_key_e key, const acm_str_t *der,
    const acm_str_t *der_secret, acm_err_t *err)
{
    acm_rc_t    rc;
    acm_leaf_t  out;

    memset(&out, 0, sizeof(acm_leaf_t));

    /* digests, for one, are not there either in that context */

    (void) ERR_set_mark();

    rc = acm_leaf_fast(&out, key, der, der_secret);

    (void) ERR_pop_to_mark();

    if (rc != ACM_OK) {
        acm_leaf_close(&out);
        rc = acm_leaf_slow(&out, key, der, der_secret, err);
    }

    if (rc == ACM_OK) {
        rc = acm_leaf_names(&out, err);
    }

    if (rc != ACM_OK) {
        acm_leaf_close(&out);
        return rc;
    }

    out.bytes = acm_leaf_bytes(&out, der->len);
    acm_leaf_hot(&out);
    *leaf = out;

    return ACM_OK;
}


void
acm_leaf_close(acm_leaf_t *leaf)
{
    X509_free(leaf->x);
    EVP_PKEY_free(leaf->pkey);
    acm_free(leaf->names);

    memset(leaf, 0, sizeof(acm_leaf_t));
}


void
acm_leaf_done(void)
{
    acm_ec_done();
    acm_rsa_done();
    acm_der_done();
}


/* Anything but ACM_OK: not this way. */

static acm_rc_t
acm_leaf_fast(acm_leaf_t *leaf, acm_key_e key, const acm_str_t *der,
    const acm_str_t *der_secret)
{
    /* whoever wants FIPS wants that provider to sign */

    if (EVP_default_properties_is_fips_enabled(NULL)) {
        return ACM_ERROR;
    }

    leaf->x = acm_der_x509(der->data, der->len);
    leaf->pkey = acm_leaf_key(key, der_secret);

    if (leaf->x == NULL || leaf->pkey == NULL
        || !acm_leaf_join(leaf->x, leaf->pkey, der))
    {
        return ACM_INVALID;
    }

    /* a handshake asks for them, and they are kept */

    (void) X509_get_extension_flags(leaf->x);

    return ACM_OK;
}


static EVP_PKEY *
acm_leaf_key(acm_key_e key, const acm_str_t *der_secret)
{
    int        ok;
    RSA       *rsa;
    EC_KEY    *ec;
    EVP_PKEY  *pkey;

    pkey = EVP_PKEY_new();

    if (pkey == NULL || der_secret->len > ACM_MAX_KEY_DER) {
        EVP_PKEY_free(pkey);
        return NULL;
    }

    if (acm_key_nid(key) == NID_undef) {
        rsa = acm_leaf_rsa(der_secret);
        ok = rsa != NULL && EVP_PKEY_assign_RSA(pkey, rsa) == 1;

        if (!ok) {
            RSA_free(rsa);

        } else {
            acm_rsa_prepare(pkey);
        }

    } else {
        ec = acm_ec_key(key, der_secret);
        ok = ec != NULL && EVP_PKEY_assign_EC_KEY(pkey, ec) == 1;

        if (!ok) {
            EC_KEY_free(ec);
        }
    }

    if (!ok) {
        EVP_PKEY_free(pkey);
        return NULL;
    }

    return pkey;
}


static RSA *
acm_leaf_rsa(const acm_str_t *der_secret)
{
    RSA            *rsa;
    const uint8_t  *pos;

    pos = der_secret->data;
    rsa = d2i_RSAPrivateKey(NULL, &pos, (long) der_secret->len);

    if (rsa != NULL && pos != der_secret->data + der_secret->len) {
        RSA_free(rsa);
        return NULL;
    }

    return rsa;
}


/*
 * The key's public half must be what the certificate has, octet for octet,
 * and the certificate must stay what it is.
 */

static int
acm_leaf_join(X509 *x, EVP_PKEY *pkey, const acm_str_t *der)
{
    int       n, ok;
    uint8_t   before[ACM_LEAF_SPKI], after[ACM_LEAF_SPKI], *again;

    n = acm_leaf_spki(x, before);

    if (n == 0 || X509_set_pubkey(x, pkey) != 1
        || acm_leaf_spki(x, after) != n || memcmp(before, after, n) != 0)
    {
        return 0;
    }

    again = NULL;
    n = i2d_X509(x, &again);
    ok = n > 0 && (size_t) n == der->len && memcmp(again, der->data, n) == 0;

    OPENSSL_free(again);

    return ok;
}


static int
acm_leaf_spki(X509 *x, uint8_t *spki)
{
    int           n;
    X509_PUBKEY  *pub;

    pub = X509_get_X509_PUBKEY(x);
    n = i2d_X509_PUBKEY(pub, NULL);

    return (n > 0 && n <= ACM_LEAF_SPKI) ? i2d_X509_PUBKEY(pub, &spki) : 0;
}


/* As OpenSSL does it, for what is encoded in a way of its own. */

static acm_rc_t
acm_leaf_slow(acm_leaf_t *leaf, acm_key_e key, const acm_str_t *der,
    const acm_str_t *der_secret, acm_err_t *err)
{
    acm_rc_t  rc;

    rc = acm_x509_decode(der->data, der->len, &leaf->x, err);

    if (rc == ACM_OK) {
        rc = acm_key_decode(key, der_secret->data, der_secret->len,
                            &leaf->pkey, err);
    }

    if (rc == ACM_OK && !acm_x509_match(leaf->x, leaf->pkey)) {
        rc = acm_fail(err, ACM_INVALID, "private key is not that of the "
                      "certificate");
    }

    return rc;
}


static acm_rc_t
acm_leaf_names(acm_leaf_t *leaf, acm_err_t *err)
{
    char              *p;
    size_t             i, len;
    acm_rc_t           rc;
    acm_x509_info_t    info;

    memset(&info, 0, sizeof(acm_x509_info_t));

    rc = acm_x509_names(leaf->x, &info, err);
    len = 0;

    for (i = 0; i < info.nnames; i++) {
        len += sizeof(char *) + strlen(info.names[i]) + 1;
    }

    if (rc == ACM_OK) {
        leaf->names = acm_alloc(len);

        if (leaf->names == NULL) {
            rc = acm_fail(err, ACM_NOMEM, "no memory for names");
        }
    }

    if (rc == ACM_OK) {
        p = (char *) (leaf->names + info.nnames);

        for (i = 0; i < info.nnames; i++) {
            leaf->names[i] = p;
            p = stpcpy(p, info.names[i]) + 1;
        }

        leaf->nnames = info.nnames;
    }

    acm_x509_info_free(&info);

    return rc;
}


static size_t
acm_leaf_bytes(const acm_leaf_t *leaf, size_t len)
{
    size_t  key;

    /* of RSA that is twice nine numbers, three moduli and a blinding */

    key = (EVP_PKEY_get_base_id(leaf->pkey) == EVP_PKEY_RSA)
          ? ACM_LEAF_RSA + (size_t) EVP_PKEY_get_bits(leaf->pkey) * 2
          : ACM_LEAF_EC;

    /* the slow way there is another public key */

    if (X509_get0_pubkey(leaf->x) != leaf->pkey) {
        key += ACM_LEAF_EC;
    }

    return ACM_LEAF_X509 + ACM_LEAF_OCTETS * len
           + ACM_LEAF_NAME * leaf->nnames + key;
}


static void
acm_leaf_hot(acm_leaf_t *leaf)
{
    const void             **hot;
    const EC_KEY            *ec;
    const X509_ALGOR        *algorithm;
    const ASN1_BIT_STRING   *sig;

    X509_get0_signature(&sig, &algorithm, leaf->x);

    hot = leaf->hot;

    *hot++ = leaf->x;
    *hot++ = leaf->pkey;
    *hot++ = X509_get_X509_PUBKEY(leaf->x);
    *hot++ = sig;
    *hot++ = sig->data;

    /* another key would be converted for that */

    ec = (EVP_PKEY_get_base_id(leaf->pkey) == EVP_PKEY_EC
          && X509_get0_pubkey(leaf->x) == leaf->pkey)
         ? EVP_PKEY_get0_EC_KEY(leaf->pkey) : NULL;

    if (ec != NULL) {
        *hot++ = ec;
        *hot++ = EC_KEY_get0_group(ec);
        *hot++ = EC_KEY_get0_private_key(ec);
        *hot = EC_GROUP_get0_order(EC_KEY_get0_group(ec));
    }
}


void
acm_leaf_prefetch(const acm_leaf_t *leaf)
{
    size_t       i, n;
    const char  *p;

    for (i = 0; i < ACM_LEAF_HOT; i++) {
        p = leaf->hot[i];

        for (n = 0; p != NULL && n < acm_leaf_lines[i]; n++) {
            __builtin_prefetch(p + n * ACM_LEAF_LINE);
        }
    }
}
