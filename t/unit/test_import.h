
/*
 * Copyright (C) The ngx_acm authors
 *
 * What is given to ImportCertificate: bodies, and certificates of any kind.
 */


#ifndef _TEST_IMPORT_H_INCLUDED_
#define _TEST_IMPORT_H_INCLUDED_


#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "acm_ca.h"
#include "test_api.h"


/* Imports the PEM of a self-signed certificate, or anything else. */

static inline void
test_import_body(const char *leaf, const char *key, const char *chain,
    const char *more)
{
    char           *out, *end;
    size_t          i;
    const char     *in[3];

    static const char *const  names[] = {
        "Certificate", "PrivateKey", "CertificateChain"
    };

    in[0] = leaf;
    in[1] = key;
    in[2] = chain;

    out = test_body;
    end = test_body + sizeof(test_body);
    out += snprintf(out, 32, "{");

    for (i = 0; i < 3; i++) {
        if (in[i] == NULL) {
            continue;
        }

        /* base64, and what is around it */

        assert_true((size_t) (end - out) > strlen(in[i]) / 3 * 4 + 4 + 64);

        out += snprintf(out, 64, "%s'%s': '", (i != 0) ? ", " : "", names[i]);
        out += EVP_EncodeBlock((uint8_t *) out, (const uint8_t *) in[i],
                               (int) strlen(in[i]));
        *out++ = '\'';
    }

    assert_true((size_t) (end - out) > strlen(more) + 1);
    snprintf(out, (size_t) (end - out), "%s}", more);
}


typedef struct {
    char  *leaf;
    char  *key;
    char  *root;
    char  *chain;
} test_pem_t;


static inline char *
test_text(const acm_str_t *str)
{
    return strndup((char *) str->data, str->len);
}


/* A certificate of a CA that nobody knows. */

static inline void
test_pem(test_api_t *t, test_pem_t *pem, acm_key_e type)
{
    char        *names[] = { "www.example.com", "example.com" };
    acm_ca_t     ca;
    EVP_PKEY    *pkey;
    acm_str_t    der, out;

    test_ok(acm_ca_create("other", ACM_KEY_EC_P256, t->now - 86400, &ca,
                          NULL));
    test_ok(acm_key_generate(type, &pkey, NULL));
    test_ok(acm_ca_sign(&ca, pkey, names, 2, t->now, 90 * 86400, NULL, &der,
                        NULL));

    test_ok(acm_pem_certificate(&der, &out, NULL));
    pem->leaf = test_text(&out);
    acm_free(out.data);
    acm_free(der.data);

    test_ok(acm_pem_certificate(&ca.issuing, &out, NULL));
    pem->chain = test_text(&out);
    acm_free(out.data);

    test_ok(acm_pem_certificate(&ca.root, &out, NULL));
    pem->root = test_text(&out);
    acm_free(out.data);

    test_ok(acm_key_encode(pkey, &der, NULL));
    test_ok(acm_pem_key(type, &der, &out, NULL));
    pem->key = test_text(&out);
    acm_free_secret(out.data, out.len);
    acm_free_secret(der.data, der.len);

    EVP_PKEY_free(pkey);
    acm_ca_free(&ca);
}


static inline void
test_pem_free(test_pem_t *pem)
{
    free(pem->leaf);
    free(pem->key);
    free(pem->root);
    free(pem->chain);
}


/* a certificate that is made, and what is wrong with it */

typedef struct {
    EVP_PKEY    *pkey;
    EVP_PKEY    *signer;         /* NULL: it signs itself */
    const char  *subject;        /* CN */
    const char  *issuer;         /* CN; "": an empty name */
    const char  *san;            /* as OpenSSL reads it, or NULL */
    const char  *ku;
    const char  *eku;
    const char  *aia;
    const char  *constraints;
    int64_t      from;           /* seconds, relative to TEST_START */
    int64_t      to;
    long         version;        /* 0: 3 */
} test_cert_t;


static inline void
test_cert_ext(X509 *x, int nid, const char *value)
{
    X509_EXTENSION  *ext;

    if (value == NULL) {
        return;
    }

    ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(ext);
    assert_int_equal(X509_add_ext(x, ext, -1), 1);
    X509_EXTENSION_free(ext);
}


static inline void
test_cert_name(X509_NAME *name, const char *cn)
{
    if (*cn != '\0') {
        assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             (const uint8_t *) cn, -1, -1, 0), 1);
    }
}


/* Its PEM; free(). */

static inline char *
test_cert(const test_cert_t *c)
{
    BIO       *bio;
    char      *data, *pem;
    long       len;
    X509      *x;
    uint64_t   serial;

    static uint64_t  serials = 1000;

    serial = ++serials;
    x = X509_new();

    assert_int_equal(X509_set_version(x, (c->version == 0)
                                         ? 2 : c->version - 1), 1);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial);
    ASN1_TIME_set(X509_getm_notBefore(x), TEST_START + c->from);
    ASN1_TIME_set(X509_getm_notAfter(x), TEST_START + c->to);
    test_cert_name(X509_get_subject_name(x), c->subject);
    test_cert_name(X509_get_issuer_name(x), c->issuer);
    X509_set_pubkey(x, c->pkey);

    test_cert_ext(x, NID_subject_alt_name, c->san);
    test_cert_ext(x, NID_key_usage, c->ku);
    test_cert_ext(x, NID_ext_key_usage, c->eku);
    test_cert_ext(x, NID_info_access, c->aia);
    test_cert_ext(x, NID_basic_constraints, c->constraints);

    assert_true(X509_sign(x, (c->signer == NULL) ? c->pkey : c->signer,
                          EVP_sha256()) > 0);

    bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, x), 1);
    len = BIO_get_mem_data(bio, &data);
    pem = strndup(data, (size_t) len);
    BIO_free(bio);
    X509_free(x);

    return pem;
}


/* A key in PEM, of PKCS#8, or older; cipher NULL: not encrypted.  free() */

static inline char *
test_key(EVP_PKEY *pkey, int older, const EVP_CIPHER *cipher)
{
    BIO   *bio;
    char  *data, *pem;
    int    rc;
    long   len;

    bio = BIO_new(BIO_s_mem());

    rc = older
         ? PEM_write_bio_PrivateKey_traditional(bio, pkey, cipher,
                                                (uint8_t *) "secret",
                                                cipher ? 6 : 0, NULL, NULL)
         : PEM_write_bio_PKCS8PrivateKey(bio, pkey, cipher, "secret",
                                         cipher ? 6 : 0, NULL, NULL);
    assert_int_equal(rc, 1);

    len = BIO_get_mem_data(bio, &data);
    pem = strndup(data, (size_t) len);
    BIO_free(bio);

    return pem;
}


#endif /* _TEST_IMPORT_H_INCLUDED_ */
