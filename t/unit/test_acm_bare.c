
/*
 * Copyright (C) The ngx_acm authors
 *
 * The short way of reading certificates and keys gives what the long way
 * gives, or nothing.
 */


#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "acm_bare.h"
#include "test.h"


typedef struct {
    EVP_PKEY  *pkey;
    X509      *x;
    uint8_t   *der;
    size_t     len;
} test_leaf_t;


static EVP_PKEY  *ca;


static void
test_make(test_leaf_t *l, EVP_PKEY *pkey, EVP_PKEY *signer, const char *issuer,
    const EVP_MD *md)
{
    memset(l, 0, sizeof(test_leaf_t));

    l->pkey = pkey;
    l->x = X509_new();

    assert_non_null(l->x);
    assert_int_equal(X509_set_version(l->x, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(l->x), 7), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(l->x), -60));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(l->x), 3600));
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(l->x),
                     "CN", MBSTRING_ASC, (uint8_t *) "www.example.com", -1, -1,
                     0), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_issuer_name(l->x),
                     "CN", MBSTRING_ASC, (uint8_t *) issuer, -1, -1, 0), 1);
    assert_int_equal(X509_set_pubkey(l->x, pkey), 1);
    assert_true(X509_sign(l->x, signer, md) > 0);

    l->len = (size_t) i2d_X509(l->x, &l->der);
    assert_true(l->len > 100 && l->len < 10000);
}


static void
test_drop(test_leaf_t *l)
{
    X509_free(l->x);
    OPENSSL_free(l->der);
    EVP_PKEY_free(l->pkey);
}


static acm_key_e
test_decode(test_leaf_t *l, acm_bare_t *bare, X509 **x)
{
    acm_err_t  err;

    assert_int_equal(acm_bare_decode(l->der, l->len, x, bare, &err), ACM_OK);
    assert_int_equal(X509_cmp(l->x, *x), 0);

    return bare->key;
}


/* What PrivateKeyInfo is, in DER. */

static uint8_t *
test_pkcs8(EVP_PKEY *pkey, size_t *len)
{
    uint8_t              *der;
    PKCS8_PRIV_KEY_INFO  *p8;

    der = NULL;
    p8 = EVP_PKEY2PKCS8(pkey);
    assert_non_null(p8);

    *len = (size_t) i2d_PKCS8_PRIV_KEY_INFO(p8, &der);
    PKCS8_PRIV_KEY_INFO_free(p8);

    return der;
}


static void
test_key(const acm_bare_t *bare, const uint8_t *der, size_t len, int pkcs8,
    const acm_str_t *want)
{
    size_t     i;
    uint8_t   *copy;
    acm_str_t  got;

    assert_int_equal(acm_bare_key(bare, der, len, pkcs8, &got), ACM_OK);
    assert_int_equal(got.len, want->len);
    assert_memory_equal(got.data, want->data, want->len);
    acm_free_secret(got.data, got.len);

    /* cut short, too long, and with any octet changed it is no such key */

    assert_int_equal(acm_bare_key(bare, der, len, !pkcs8, &got),
                     ACM_NOTFOUND);

    copy = malloc(len + 1);
    memcpy(copy, der, len);
    copy[len] = 0;

    assert_int_equal(acm_bare_key(bare, copy, len + 1, pkcs8, &got),
                     ACM_NOTFOUND);

    for (i = 0; i < len; i++) {
        assert_int_equal(acm_bare_key(bare, copy, i, pkcs8, &got),
                         ACM_NOTFOUND);

        copy[i] ^= 1;
        assert_int_equal(acm_bare_key(bare, copy, len, pkcs8, &got),
                         ACM_NOTFOUND);
        copy[i] ^= 1;
    }

    free(copy);
}


static void
test_curves(void **state)
{
    size_t        i, len;
    X509         *x;
    uint8_t      *der;
    acm_err_t     err;
    acm_str_t     want;
    acm_bare_t    bare;
    test_leaf_t   l;

    static const acm_key_e  keys[] = {
        ACM_KEY_EC_P256, ACM_KEY_EC_P384, ACM_KEY_EC_P521
    };

    (void) state;

    for (i = 0; i < 3; i++) {
        assert_int_equal(acm_key_generate(keys[i], &l.pkey, &err), ACM_OK);
        test_make(&l, l.pkey, ca, "ca", EVP_sha256());
        assert_int_equal(test_decode(&l, &bare, &x), keys[i]);

        assert_int_equal(acm_key_encode(l.pkey, &want, &err), ACM_OK);
        test_key(&bare, want.data, want.len, 0, &want);

        der = NULL;
        len = (size_t) i2d_PrivateKey(l.pkey, &der);
        assert_int_equal(want.len, len);
        assert_memory_equal(want.data, der, len);
        OPENSSL_free(der);

        der = test_pkcs8(l.pkey, &len);
        test_key(&bare, der, len, 1, &want);
        OPENSSL_free(der);

        acm_free_secret(want.data, want.len);
        X509_free(x);
        test_drop(&l);
    }
}


/* One of P-256 whose scalar begins with a zero. */

static EVP_PKEY *
test_small(void)
{
    int        zero;
    uint8_t   *der;
    EVP_PKEY  *pkey;

    for ( ;; ) {
        pkey = EVP_EC_gen("P-256");
        assert_non_null(pkey);

        der = NULL;
        assert_true(i2d_PrivateKey(pkey, &der) > 7);
        zero = (der[7] == 0);
        OPENSSL_free(der);

        if (zero) {
            return pkey;
        }

        EVP_PKEY_free(pkey);
    }
}


/* What is not written without OpenSSL's encoders is written with them. */

static void
test_write(void **state)
{
    size_t       i, len;
    uint8_t     *der;
    acm_err_t    err;
    acm_str_t    got;
    EVP_PKEY    *pkey[3];

    (void) state;

    pkey[0] = EVP_RSA_gen(2048);
    pkey[1] = EVP_EC_gen("secp256k1");
    pkey[2] = test_small();

    for (i = 0; i < 3; i++) {
        assert_non_null(pkey[i]);
        assert_int_equal(acm_bare_write(pkey[i], &got),
                         (i == 2) ? ACM_OK : ACM_NOTFOUND);

        if (i == 2) {
            acm_free_secret(got.data, got.len);
        }

        assert_int_equal(acm_key_encode(pkey[i], &got, &err), ACM_OK);

        der = NULL;
        len = (size_t) i2d_PrivateKey(pkey[i], &der);
        assert_int_equal(got.len, len);
        assert_memory_equal(got.data, der, len);

        OPENSSL_free(der);
        acm_free_secret(got.data, got.len);
        EVP_PKEY_free(pkey[i]);
    }

    assert_int_equal(ERR_peek_error(), 0);
}


/* A key of ECPrivateKey, with the curve or not; "size" is one that P-256 does
   not have. */

static void
test_scalar(const acm_bare_t *bare, const uint8_t *scalar, size_t size,
    int curve, acm_rc_t want)
{
    size_t     len;
    uint8_t    der[5 + 2 + 66 + 12];
    acm_str_t  got;

    static const uint8_t  p256[] = { 0xa0, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce,
                                     0x3d, 3, 1, 7 };

    len = 7 + size;
    der[0] = 0x30;
    der[2] = 2;
    der[3] = 1;
    der[4] = 1;
    der[5] = 4;
    der[6] = (uint8_t) size;
    memcpy(der + 7, scalar, size);

    if (curve) {
        memcpy(der + len, p256, sizeof(p256));
        len += sizeof(p256);
    }

    der[1] = (uint8_t) (len - 2);

    assert_int_equal(acm_bare_key(bare, der, len, 0, &got), want);

    if (want == ACM_OK) {
        acm_free_secret(got.data, got.len);
    }
}


static void
test_scalars(void **state)
{
    X509              *x;
    BIGNUM            *d, *order;
    uint8_t            scalar[33];
    EC_GROUP          *group;
    acm_err_t          err;
    acm_bare_t         bare;
    test_leaf_t        l;

    (void) state;

    assert_int_equal(acm_key_generate(ACM_KEY_EC_P256, &l.pkey, &err),
                     ACM_OK);
    test_make(&l, l.pkey, ca, "ca", EVP_sha256());
    assert_int_equal(test_decode(&l, &bare, &x), ACM_KEY_EC_P256);

    d = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(l.pkey, "priv", &d), 1);
    group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    order = BN_dup(EC_GROUP_get0_order(group));

    assert_int_equal(BN_bn2binpad(d, scalar, 32), 32);
    test_scalar(&bare, scalar, 32, 1, ACM_OK);

    /* of any curve, OpenSSL does not read it either */

    test_scalar(&bare, scalar, 32, 0, ACM_NOTFOUND);

    test_scalar(&bare, scalar, 31, 1, ACM_NOTFOUND);
    scalar[31] ^= 1;
    test_scalar(&bare, scalar, 32, 1, ACM_NOTFOUND);

    /* the same point by a scalar that is out of range */

    assert_int_equal(BN_add(d, d, order), 1);

    if (BN_num_bytes(d) == 32) {
        assert_int_equal(BN_bn2binpad(d, scalar, 32), 32);
        test_scalar(&bare, scalar, 32, 1, ACM_NOTFOUND);
    }

    assert_int_equal(BN_bn2binpad(d, scalar, 33), 33);
    test_scalar(&bare, scalar, 33, 1, ACM_NOTFOUND);

    memset(scalar, 0, 32);
    test_scalar(&bare, scalar, 32, 1, ACM_NOTFOUND);
    assert_int_equal(BN_bn2binpad(order, scalar, 32), 32);
    test_scalar(&bare, scalar, 32, 1, ACM_NOTFOUND);

    BN_free(d);
    BN_free(order);
    EC_GROUP_free(group);
    X509_free(x);
    test_drop(&l);
}


static void
test_signatures(void **state)
{
    X509         *x;
    size_t        i;
    acm_err_t     err;
    acm_str_t     der;
    EVP_PKEY     *other;
    acm_bare_t    bare;
    test_leaf_t   l;

    (void) state;

    assert_int_equal(acm_key_generate(ACM_KEY_EC_P256, &l.pkey, &err),
                     ACM_OK);
    assert_int_equal(acm_key_generate(ACM_KEY_EC_P256, &other, &err),
                     ACM_OK);
    test_make(&l, l.pkey, ca, "ca", EVP_sha384());
    assert_int_equal(test_decode(&l, &bare, &x), ACM_KEY_EC_P256);

    der.data = l.der;
    der.len = l.len;

    assert_int_equal(X509_verify(l.x, ca), 1);
    assert_int_equal(acm_bare_signed(&bare, x, &der, ca), 1);
    assert_int_equal(acm_bare_signed(&bare, x, &der, other), 0);

    /* what is signed, with its head */

    for (i = 4; i < 40; i++) {
        l.der[i] ^= 4;
        assert_int_equal(acm_bare_signed(&bare, x, &der, ca), 0);
        l.der[i] ^= 4;
    }

    X509_free(x);
    EVP_PKEY_free(other);
    test_drop(&l);
}


/* All that is unusual is decoded as ever. */

static void
test_usual(void **state)
{
    X509         *x;
    acm_err_t     err;
    EVP_PKEY     *rsa, *ed;
    acm_bare_t    bare;
    test_leaf_t   l;

    (void) state;

    rsa = EVP_RSA_gen(2048);
    ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_non_null(rsa);
    assert_non_null(ed);

    EVP_PKEY_up_ref(rsa);
    test_make(&l, rsa, ca, "ca", EVP_sha256());
    assert_int_equal(test_decode(&l, &bare, &x), ACM_KEY_NONE);
    assert_non_null(X509_get0_pubkey(x));
    X509_free(x);
    test_drop(&l);

    /* self-issued */

    assert_int_equal(acm_key_generate(ACM_KEY_EC_P256, &l.pkey, &err),
                     ACM_OK);
    test_make(&l, l.pkey, l.pkey, "www.example.com", EVP_sha256());
    assert_int_equal(test_decode(&l, &bare, &x), ACM_KEY_NONE);
    assert_non_null(X509_get0_pubkey(x));
    X509_free(x);
    test_drop(&l);

    /* signatures by RSA are usual, Ed25519 has no digest */

    assert_int_equal(acm_key_generate(ACM_KEY_EC_P256, &l.pkey, &err),
                     ACM_OK);
    test_make(&l, l.pkey, rsa, "ca", EVP_sha256());
    assert_int_equal(test_decode(&l, &bare, &x), ACM_KEY_EC_P256);
    X509_free(x);
    test_drop(&l);

    assert_int_equal(acm_key_generate(ACM_KEY_EC_P256, &l.pkey, &err),
                     ACM_OK);
    test_make(&l, l.pkey, ed, "ca", NULL);
    assert_int_equal(test_decode(&l, &bare, &x), ACM_KEY_NONE);
    X509_free(x);
    test_drop(&l);

    /* a compressed point */

    l.pkey = EVP_EC_gen("P-256");
    assert_int_equal(EVP_PKEY_set_utf8_string_param(l.pkey, "point-format",
                     "compressed"), 1);
    test_make(&l, l.pkey, ca, "ca", EVP_sha256());
    assert_int_equal(test_decode(&l, &bare, &x), ACM_KEY_NONE);
    X509_free(x);

    /* octets behind it are told of as ever */

    l.der = OPENSSL_realloc(l.der, l.len + 1);
    l.der[l.len] = 0;
    assert_int_equal(acm_bare_decode(l.der, l.len + 1, &x, &bare, &err),
                     ACM_INVALID);
    assert_non_null(strstr(err.text, "followed by 1 octets"));
    assert_int_equal(acm_bare_decode(l.der, l.len - 1, &x, &bare, &err),
                     ACM_INVALID);
    test_drop(&l);

    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ed);
}


/* Names, extensions and usages of what is only looked at are those of the
   certificate, whatever key it has. */

static void
test_look(void **state)
{
    X509               *x;
    size_t              i, k;
    uint8_t            *der;
    uint32_t            usages;
    unsigned            n;
    X509V3_CTX          ctx;
    acm_err_t           err;
    EVP_PKEY           *pkey[3];
    test_leaf_t         l;
    X509_EXTENSION     *e;
    ASN1_OCTET_STRING  *octets;

    static const struct {
        const char  *keys;       /* NULL: no extension; "": a broken one */
        const char  *ext;
        uint32_t     flags;
    } rows[] = {
        { NULL, NULL, UINT32_MAX },
        { "", NULL, 0 },
        { "digitalSignature,keyEncipherment", "serverAuth", 0xa0 },
        { "keyAgreement,decipherOnly", "clientAuth,1.2.3.4", 0x8008 }
    };

    (void) state;

    pkey[0] = EVP_RSA_gen(2048);
    pkey[1] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_int_equal(acm_key_generate(ACM_KEY_EC_P256, &pkey[2], &err),
                     ACM_OK);

    for (k = 0; k < 3; k++) {
        for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            EVP_PKEY_up_ref(pkey[k]);
            test_make(&l, pkey[k], ca, "ca", EVP_sha256());
            X509V3_set_ctx(&ctx, l.x, l.x, NULL, NULL, 0);
            e = NULL;

            if (rows[i].keys != NULL && rows[i].keys[0] == '\0') {
                octets = ASN1_OCTET_STRING_new();
                assert_int_equal(ASN1_OCTET_STRING_set(octets,
                                     (const uint8_t *) "x", 1), 1);
                e = X509_EXTENSION_create_by_NID(NULL, NID_key_usage, 0,
                                                 octets);
                ASN1_OCTET_STRING_free(octets);

            } else if (rows[i].keys != NULL) {
                e = X509V3_EXT_conf_nid(NULL, &ctx, NID_key_usage,
                                        rows[i].keys);
            }

            if (e != NULL) {
                assert_int_equal(X509_add_ext(l.x, e, -1), 1);
                X509_EXTENSION_free(e);
            }

            if (rows[i].ext != NULL) {
                e = X509V3_EXT_conf_nid(NULL, &ctx, NID_ext_key_usage,
                                        rows[i].ext);
                assert_int_equal(X509_add_ext(l.x, e, -1), 1);
                X509_EXTENSION_free(e);
            }

            assert_true(X509_sign(l.x, ca, EVP_sha256()) > 0);
            der = NULL;
            OPENSSL_free(l.der);
            l.len = (size_t) i2d_X509(l.x, &der);
            l.der = der;

            assert_int_equal(acm_bare_look(l.der, l.len, &x, &err), ACM_OK);
            assert_int_equal(ERR_peek_error(), 0);
            assert_null(X509_get0_pubkey(x));
            ERR_clear_error();

            assert_int_equal(X509_get_key_usage(l.x), rows[i].flags);
            usages = acm_x509_usages(x);
            assert_int_equal(usages, acm_x509_usages(l.x));

            /* each bit, and the one for all of them */

            for (n = 0; n < 9; n++) {
                assert_int_equal((usages & ACM_USAGE_KEY << n) != 0,
                                 rows[i].flags != UINT32_MAX
                                 && (rows[i].flags
                                     & (n < 8 ? 0x80u >> n : 0x8000u)));
            }

            assert_int_equal((usages & ACM_USAGE_KEY << 9) != 0,
                             rows[i].flags == UINT32_MAX);
            assert_int_equal(X509_NAME_cmp(X509_get_subject_name(x),
                                           X509_get_subject_name(l.x)), 0);
            assert_int_equal(X509_NAME_cmp(X509_get_issuer_name(x),
                                           X509_get_issuer_name(l.x)), 0);

            X509_free(x);
            test_drop(&l);
        }

        EVP_PKEY_free(pkey[k]);
    }

    /* what is none is told of as ever */

    assert_int_equal(acm_key_generate(ACM_KEY_EC_P256, &l.pkey, &err),
                     ACM_OK);
    test_make(&l, l.pkey, ca, "ca", EVP_sha256());
    l.der = OPENSSL_realloc(l.der, l.len + 1);
    l.der[l.len] = 0;
    assert_int_equal(acm_bare_look(l.der, l.len + 1, &x, &err), ACM_INVALID);
    assert_non_null(strstr(err.text, "followed by 1 octets"));
    assert_int_equal(acm_bare_look(l.der, l.len - 1, &x, &err), ACM_INVALID);
    test_drop(&l);
    ERR_clear_error();
}


int
main(void)
{
    int        rc;
    acm_err_t  err;

    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_curves),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_usual),
        cmocka_unit_test(test_look)
    };

    if (acm_key_generate(ACM_KEY_EC_P256, &ca, &err) != ACM_OK) {
        return 1;
    }

    rc = cmocka_run_group_tests(tests, NULL, NULL);

    EVP_PKEY_free(ca);

    return rc;
}
