
/*
 * Copyright (C) The ngx_acm authors
 *
 * A CA with an OCSP responder, for tests.
 */


#ifndef _TEST_OCSP_H_INCLUDED_
#define _TEST_OCSP_H_INCLUDED_


#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "acm_staple.h"
#include "test.h"


#define NOW   1795600000LL
#define HOUR  3600LL
#define DAY   86400LL


typedef struct {
    int          status;             /* V_OCSP_CERTSTATUS_... */
    int          reason;
    int64_t      from;               /* thisUpdate */
    int64_t      to;                 /* nextUpdate; 0: none */
    X509        *of;                 /* which certificate */
    X509        *signer;
    EVP_PKEY    *key;
} test_answer_t;


static EVP_PKEY  *key_ca, *key_leaf, *key_responder, *key_other;
static X509      *ca, *other_ca, *leaf, *other_leaf, *responder, *impostor;


static inline X509 *
test_x509(const char *cn, X509 *issuer, EVP_PKEY *key, EVP_PKEY *pkey,
    const char *const (*exts)[2])
{
    X509            *x;
    X509V3_CTX       ctx;
    X509_EXTENSION  *ext;

    static long  serial = 4000;

    x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set_int64(X509_get_serialNumber(x), ++serial);
    X509_time_adj_ex(X509_getm_notBefore(x), 0, 0, &(time_t) { NOW - DAY });
    X509_time_adj_ex(X509_getm_notAfter(x), 0, 0,
                     &(time_t) { NOW + 300 * DAY });
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                               (const uint8_t *) cn, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name((issuer == NULL)
                                                  ? x : issuer));
    X509_set_pubkey(x, pkey);

    for ( /* void */ ; (*exts)[0] != NULL; exts++) {
        X509V3_set_ctx(&ctx, (issuer == NULL) ? x : issuer, x, NULL, NULL, 0);
        ext = X509V3_EXT_conf_nid(NULL, &ctx, OBJ_sn2nid((*exts)[0]),
                                  (*exts)[1]);
        assert_non_null(ext);
        assert_int_equal(X509_add_ext(x, ext, -1), 1);
        X509_EXTENSION_free(ext);
    }

    assert_true(X509_sign(x, key, EVP_sha256()) > 0);

    return x;
}


static inline int
test_ocsp_setup(void **state)
{
    static const char *const  authority[][2] = {
        { "basicConstraints", "critical,CA:TRUE" },
        { "subjectKeyIdentifier", "hash" }, { NULL, NULL }
    };
    static const char *const  server[][2] = {
        { "basicConstraints", "critical,CA:FALSE" },
        { "subjectAltName", "DNS:www.example.com" },
        { "authorityInfoAccess", "caIssuers;URI:http://ca.example/ca.der,"
          "OCSP;URI:ldap://ca.example/,OCSP;URI:http://ocsp.example/a" },
        { NULL, NULL }
    };
    static const char *const  delegate[][2] = {
        { "basicConstraints", "critical,CA:FALSE" },
        { "extendedKeyUsage", "OCSPSigning" }, { NULL, NULL }
    };

    (void) state;

    test_ok(acm_key_generate(ACM_KEY_EC_P256, &key_ca, NULL));
    test_ok(acm_key_generate(ACM_KEY_EC_P256, &key_leaf, NULL));
    test_ok(acm_key_generate(ACM_KEY_EC_P256, &key_responder, NULL));
    test_ok(acm_key_generate(ACM_KEY_EC_P256, &key_other, NULL));

    ca = test_x509("CA", NULL, key_ca, key_ca, authority);
    other_ca = test_x509("CA", NULL, key_other, key_other, authority);
    leaf = test_x509("leaf", ca, key_ca, key_leaf, server);
    other_leaf = test_x509("leaf", ca, key_ca, key_leaf, server);
    responder = test_x509("OCSP", ca, key_ca, key_responder, delegate);
    impostor = test_x509("OCSP", ca, key_ca, key_responder, delegate + 2);

    return 0;
}


static inline int
test_ocsp_teardown(void **state)
{
    (void) state;

    X509_free(ca);
    X509_free(other_ca);
    X509_free(leaf);
    X509_free(other_leaf);
    X509_free(responder);
    X509_free(impostor);
    EVP_PKEY_free(key_ca);
    EVP_PKEY_free(key_leaf);
    EVP_PKEY_free(key_responder);
    EVP_PKEY_free(key_other);

    return 0;
}


/* good, of the leaf, by its CA, for a week */

static inline test_answer_t
test_answer(void)
{
    test_answer_t  a;

    memset(&a, 0, sizeof(a));

    a.status = V_OCSP_CERTSTATUS_GOOD;
    a.from = NOW - HOUR;
    a.to = NOW - HOUR + 7 * DAY;
    a.of = leaf;
    a.signer = ca;
    a.key = key_ca;

    return a;
}


static inline void
test_respond(const test_answer_t *a, acm_str_t *der)
{
    int              len;
    ASN1_TIME       *from, *to, *revoked;
    OCSP_CERTID     *id;
    OCSP_RESPONSE   *response;
    unsigned char   *out;
    OCSP_BASICRESP  *basic;

    from = ASN1_GENERALIZEDTIME_set(NULL, (time_t) a->from);
    to = (a->to != 0) ? ASN1_GENERALIZEDTIME_set(NULL, (time_t) a->to) : NULL;
    revoked = ASN1_GENERALIZEDTIME_set(NULL, (time_t) NOW - 2 * HOUR);
    id = OCSP_cert_to_id(EVP_sha1(), a->of, ca);
    basic = OCSP_BASICRESP_new();

    assert_non_null(OCSP_basic_add1_status(basic, id, a->status, a->reason,
                                           revoked, from, to));

    /* an issuer is known anyway */

    assert_int_equal(OCSP_basic_sign(basic, a->signer, a->key, EVP_sha256(),
                                     NULL,
                                     (a->signer == ca) ? OCSP_NOCERTS : 0),
                     1);
    response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    assert_non_null(response);

    out = NULL;
    len = i2d_OCSP_RESPONSE(response, &out);
    assert_true(len > 0);
    der->len = (size_t) len;
    der->data = acm_memdup(out, der->len);
    assert_non_null(der->data);

    OPENSSL_free(out);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_GENERALIZEDTIME_free(from);
    ASN1_GENERALIZEDTIME_free(to);
    ASN1_GENERALIZEDTIME_free(revoked);
}


#endif /* _TEST_OCSP_H_INCLUDED_ */
