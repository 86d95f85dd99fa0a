
/*
 * Copyright (C) The ngx_acm authors
 *
 * The half of acm_x509.h that is about keys.
 */


#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "acm_bare.h"


typedef struct {
    acm_key_e    key;
    int          bits;               /* of an RSA modulus, else 0 */
    const char  *group;              /* of an EC key, else NULL */
    const char  *text;
    const char  *algorithm;
} acm_key_desc_t;


static const acm_key_desc_t *acm_key_desc(acm_key_e key);
static int acm_key_explicit(EVP_PKEY *pkey);


static const acm_key_desc_t  acm_key_descs[] = {
    { ACM_KEY_RSA_1024, 1024, NULL, "rsa:1024", "RSA-1024" },
    { ACM_KEY_RSA_2048, 2048, NULL, "rsa:2048", "RSA-2048" },
    { ACM_KEY_RSA_3072, 3072, NULL, "rsa:3072", "RSA-3072" },
    { ACM_KEY_RSA_4096, 4096, NULL, "rsa:4096", "RSA-4096" },
    { ACM_KEY_EC_P256, 0, "prime256v1", "ecdsa:256", "EC-prime256v1" },
    { ACM_KEY_EC_P384, 0, "secp384r1", "ecdsa:384", "EC-secp384r1" },
    { ACM_KEY_EC_P521, 0, "secp521r1", "ecdsa:521", "EC-secp521r1" }
};

#define ACM_NKEYS  (sizeof(acm_key_descs) / sizeof(acm_key_desc_t))


static const acm_key_desc_t *
acm_key_desc(acm_key_e key)
{
    size_t  i;

    for (i = 0; i < ACM_NKEYS; i++) {
        if (acm_key_descs[i].key == key) {
            return &acm_key_descs[i];
        }
    }

    return NULL;
}


acm_key_e
acm_key_parse(const char *s, size_t len)
{
    size_t       i;
    const char  *text;

    for (i = 0; i < ACM_NKEYS; i++) {
        text = acm_key_descs[i].text;

        if (strlen(text) == len && strncmp(text, s, len) == 0) {
            return acm_key_descs[i].key;
        }
    }

    return ACM_KEY_NONE;
}


const char *
acm_key_text(acm_key_e key)
{
    const acm_key_desc_t  *desc;

    desc = acm_key_desc(key);

    return desc != NULL ? desc->text : "unknown";
}


const char *
acm_key_algorithm(acm_key_e key)
{
    const acm_key_desc_t  *desc;

    desc = acm_key_desc(key);

    return desc != NULL ? desc->algorithm : "unknown";
}


acm_rc_t
acm_key_generate(acm_key_e key, EVP_PKEY **pkey, acm_err_t *err)
{
    EVP_PKEY              *p;
    const acm_key_desc_t  *desc;

    desc = acm_key_desc(key);

    if (desc == NULL) {
        return acm_fail(err, ACM_INVALID, "cannot make a key of an unknown "
                        "type; use ecdsa:256, ecdsa:384 or rsa:2048");
    }

    if (desc->group != NULL) {
        p = EVP_EC_gen(desc->group);

    } else {
        p = EVP_RSA_gen((size_t) desc->bits);
    }

    if (p == NULL) {
        return acm_fail_ssl(err, ACM_ERROR, "cannot make a key of type %s",
                            desc->text);
    }

    *pkey = p;

    return ACM_OK;
}


int
acm_key_nid(acm_key_e key)
{
    const acm_key_desc_t  *desc;

    desc = acm_key_desc(key);

    return (desc != NULL && desc->group != NULL) ? OBJ_sn2nid(desc->group)
                                                 : NID_undef;
}


acm_key_e
acm_key_type(EVP_PKEY *pkey)
{
    int     bits, nid, want;
    char    group[80];
    size_t  i;

    bits = 0;
    nid = NID_undef;

    switch (EVP_PKEY_get_base_id(pkey)) {

    case EVP_PKEY_RSA:
        bits = EVP_PKEY_get_bits(pkey);
        break;

    case EVP_PKEY_EC:

        if (acm_key_explicit(pkey)
            || EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) != 1)
        {
            ERR_clear_error();
            return ACM_KEY_NONE;
        }

        /* "P-256" and "prime256v1" are one curve: compare numbers */

        nid = OBJ_txt2nid(group);

        if (nid == NID_undef) {
            nid = EC_curve_nist2nid(group);
        }

        ERR_clear_error();
        break;

    default:
        return ACM_KEY_NONE;
    }

    for (i = 0; i < ACM_NKEYS; i++) {

        if (acm_key_descs[i].group == NULL) {
            if (bits == acm_key_descs[i].bits) {
                return acm_key_descs[i].key;
            }

            continue;
        }

        want = OBJ_sn2nid(acm_key_descs[i].group);

        if (nid != NID_undef && nid == want) {
            return acm_key_descs[i].key;
        }
    }

    return ACM_KEY_NONE;
}


/* Curves spelled out in numbers are refused by TLS peers, RFC 5480 s2.1.1. */

static int
acm_key_explicit(EVP_PKEY *pkey)
{
    int  spelled;

    spelled = 0;

    if (EVP_PKEY_get_int_param(pkey,
                               OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                               &spelled)
        != 1)
    {
        return 0;
    }

    return spelled;
}


acm_rc_t
acm_key_encode(EVP_PKEY *pkey, acm_str_t *der_secret, acm_err_t *err)
{
    int             n;
    size_t          len;
    uint8_t        *data;
    acm_rc_t        rc;
    unsigned char  *der;

    rc = acm_bare_write(pkey, der_secret);

    if (rc == ACM_OK) {
        return ACM_OK;
    }

    if (rc == ACM_NOMEM) {
        return acm_fail(err, ACM_NOMEM, "out of memory for a private key");
    }

    der = NULL;

    n = i2d_PrivateKey(pkey, &der);
    if (n <= 0) {
        return acm_fail_ssl(err, ACM_ERROR, "cannot encode a private key");
    }

    len = (size_t) n;

    if (len > ACM_MAX_KEY_DER) {
        OPENSSL_clear_free(der, len);
        return acm_fail(err, ACM_TOOBIG, "private key has %zu octets; the "
                        "limit is %d", len, ACM_MAX_KEY_DER);
    }

    data = acm_memdup(der, len);
    OPENSSL_clear_free(der, len);

    if (data == NULL) {
        return acm_fail(err, ACM_NOMEM, "out of memory for a private key");
    }

    der_secret->data = data;
    der_secret->len = len;

    return ACM_OK;
}


acm_rc_t
acm_key_decode(acm_key_e key, const uint8_t *der, size_t len,
    EVP_PKEY **pkey, acm_err_t *err)
{
    EVP_PKEY              *p;
    const uint8_t         *pos;
    const acm_key_desc_t  *desc;

    desc = acm_key_desc(key);

    if (desc == NULL) {
        return acm_fail(err, ACM_INVALID, "private key has an unknown type");
    }

    if (len > ACM_MAX_KEY_DER) {
        return acm_fail(err, ACM_TOOBIG, "private key has %zu octets; the "
                        "limit is %d", len, ACM_MAX_KEY_DER);
    }

    pos = der;

    p = d2i_PrivateKey(desc->group != NULL ? EVP_PKEY_EC : EVP_PKEY_RSA,
                       NULL, &pos, (long) len);
    if (p == NULL) {
        return acm_fail_ssl(err, ACM_INVALID, "private key cannot be decoded");
    }

    if (pos != der + len || acm_key_type(p) != key) {
        EVP_PKEY_free(p);
        return acm_fail(err, ACM_INVALID, "private key is not one key of type "
                        "%s", desc->text);
    }

    ERR_clear_error();

    *pkey = p;

    return ACM_OK;
}
