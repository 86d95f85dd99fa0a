
/*
 * Copyright (C) The ngx_acm authors
 *
 * Challenge certificates: name, digest, dates; names of addresses.
 */


#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "test.h"

#include "acm_alpn_cert.h"


#define NOW   1800000000
#define AUTH  "token.thumbprint"


/* len is given as an extension holds NUL */

typedef struct {
    const char  *data;
    size_t       len;
} test_ext_t;


static X509 *
test_made(const char *name, EVP_PKEY **pkey)
{
    X509       *x;
    acm_err_t   err;

    acm_now_set(NOW);
    test_ok(acm_alpn_certificate(name, AUTH, &x, pkey, &err));
    acm_now_set(-1);

    return x;
}


/* The one name in it, as text. */

static char *
test_name(X509 *x, int type)
{
    char           text[64];
    const uint8_t *data;
    GENERAL_NAME  *name;
    GENERAL_NAMES *names;

    names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    assert_non_null(names);
    assert_int_equal(sk_GENERAL_NAME_num(names), 1);

    name = sk_GENERAL_NAME_value(names, 0);
    assert_int_equal(name->type, type);

    if (type == GEN_DNS) {
        snprintf(text, sizeof(text), "%.*s", name->d.dNSName->length,
                 (const char *) name->d.dNSName->data);

    } else {
        data = ASN1_STRING_get0_data(name->d.iPAddress);
        acm_hex(data, (size_t) ASN1_STRING_length(name->d.iPAddress), text);
    }

    GENERAL_NAMES_free(names);

    return strdup(text);
}


static void
test_is(const char *name, int type, const char *want)
{
    X509      *x;
    char      *got;
    EVP_PKEY  *pkey;

    x = test_made(name, &pkey);
    got = test_name(x, type);

    assert_string_equal(got, want);

    free(got);
    X509_free(x);
    EVP_PKEY_free(pkey);
}


static void
test_names(void **state)
{
    (void) state;

    test_is("www.example.com", GEN_DNS, "www.example.com");
    test_is("xn--bcher-kva.example", GEN_DNS, "xn--bcher-kva.example");
    test_is("1.2.0.192.in-addr.arpa", GEN_IPADD, "c0000201");
    test_is("b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4"
            ".ip6.arpa", GEN_IPADD, "432100000001000200030004056789ab");

    /* in there, but no addresses */
    test_is("2.0.192.in-addr.arpa", GEN_DNS, "2.0.192.in-addr.arpa");
    test_is("256.2.0.192.in-addr.arpa", GEN_DNS, "256.2.0.192.in-addr.arpa");
}


static void
test_certificate(void **state)
{
    int                 i, critical;
    X509               *x;
    int64_t             before, after;
    uint8_t             want[2 + SHA256_DIGEST_LENGTH];
    EVP_PKEY           *pkey;
    acm_err_t           err;
    ASN1_OBJECT        *oid;
    X509_EXTENSION     *ext;
    ASN1_OCTET_STRING  *value;

    (void) state;

    x = test_made("www.example.com", &pkey);

    assert_int_equal(X509_get_version(x), 2);
    assert_int_equal(acm_key_type(pkey), ACM_KEY_EC_P256);
    assert_true(acm_x509_match(x, pkey));
    assert_int_equal(X509_verify(x, pkey), 1);
    assert_int_equal(X509_NAME_cmp(X509_get_subject_name(x),
                                   X509_get_issuer_name(x)), 0);

    test_ok(acm_x509_dates(x, &before, &after, &err));
    assert_true(before < NOW);
    assert_true(after > NOW + 86400);

    oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
    i = X509_get_ext_by_OBJ(x, oid, -1);
    assert_true(i >= 0);
    assert_int_equal(X509_get_ext_by_OBJ(x, oid, i), -1);
    ASN1_OBJECT_free(oid);

    ext = X509_get_ext(x, i);
    critical = X509_EXTENSION_get_critical(ext);
    assert_int_equal(critical, 1);

    want[0] = 0x04;
    want[1] = SHA256_DIGEST_LENGTH;
    SHA256((const uint8_t *) AUTH, strlen(AUTH), want + 2);

    value = X509_EXTENSION_get_data(ext);
    assert_int_equal(ASN1_STRING_length(value), sizeof(want));
    assert_memory_equal(ASN1_STRING_get0_data(value), want, sizeof(want));

    X509_free(x);
    EVP_PKEY_free(pkey);
}


static void
test_differ(void **state)
{
    X509      *a, *b;
    EVP_PKEY  *ka, *kb;

    (void) state;

    a = test_made("www.example.com", &ka);
    b = test_made("www.example.com", &kb);

    assert_int_not_equal(EVP_PKEY_eq(ka, kb), 1);
    assert_int_not_equal(ASN1_INTEGER_cmp(X509_get_serialNumber(a),
                                          X509_get_serialNumber(b)), 0);

    X509_free(a);
    X509_free(b);
    EVP_PKEY_free(ka);
    EVP_PKEY_free(kb);
}


static void
test_long_name(void **state)
{
    char       name[ACM_MAX_NAME + 3];
    X509      *x;
    size_t     i;
    acm_rc_t   rc;
    EVP_PKEY  *pkey;
    acm_err_t  err;

    (void) state;

    for (i = 0; i < sizeof(name) - 1; i++) {
        name[i] = (i % 50 == 49) ? '.' : 'a';
    }

    name[ACM_MAX_NAME] = '\0';

    x = test_made(name, &pkey);
    X509_free(x);
    EVP_PKEY_free(pkey);

    rc = acm_alpn_certificate("", AUTH, &x, &pkey, &err);
    assert_int_equal(rc, ACM_INVALID);
}


static void
test_address(void **state)
{
    char         addr[ACM_ALPN_ADDR];
    size_t       i;
    const char  *none[] = {
        "", "in-addr.arpa", ".in-addr.arpa", "www.example.com",
        "192.0.2.1", "2.0.192.in-addr.arpa", "1.1.2.0.192.in-addr.arpa",
        "256.2.0.192.in-addr.arpa", "01.2.0.192.in-addr.arpa",
        "1.2.0.192.in-addr.arpa.", "1.2.0.192.in-addr.arpa.example.com",
        "x.2.0.192.in-addr.arpa", "1.2.0.192xin-addr.arpa", "ip6.arpa",
        "1.0.0.0.ip6.arpa",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0"
        ".ip6.arpa",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.0"
        ".ip6.arpa",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.g.d.0.1.0.0.2"
        ".ip6.arpa",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.d.0.1.0.0.2"
        ".ip6.arpa",
        "10.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.0"
        ".ip6.arpa"
    };

    (void) state;

    assert_true(acm_alpn_address("1.2.0.192.in-addr.arpa", addr));
    assert_string_equal(addr, "192.0.2.1");

    assert_true(acm_alpn_address("255.255.255.255.in-addr.arpa", addr));
    assert_string_equal(addr, "255.255.255.255");

    assert_true(acm_alpn_address("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
                                 ".0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", addr));
    assert_string_equal(addr, "2001:db8::1");

    for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_false(acm_alpn_address(none[i], addr));
    }
}


static void
test_alpn(void **state)
{
    size_t       i;
    const char   only[] = "\0\013\012acme-tls/1";
    test_ext_t   none[] = {
        { "", 0 },
        { "\0\013", 2 },
        { "\0\013\012acme-tls/", 12 },
        { "\0\013\012acme-tls/2", 13 },
        { "\0\013\012acme-tls/1x", 14 },
        { "\0\013\013acme-tls/1", 13 },
        { "\0\016\012acme-tls/1\002h2", 16 },
        { "\0\016\002h2\012acme-tls/1", 16 },
        { "\0\003\002h2", 5 }
    };

    (void) state;

    assert_true(acm_alpn_only((const uint8_t *) only, sizeof(only) - 1));

    for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_false(acm_alpn_only((const uint8_t *) none[i].data,
                                   none[i].len));
    }
}


static void
test_sni(void **state)
{
    char         name[ACM_MAX_NAME + 1];
    size_t       i;
    test_ext_t   none[] = {
        { "", 0 },
        { "\0", 1 },
        { "\0\0", 2 },
        { "\0\003\0\0\0", 5 },
        { "\0\007\001\0\004a.bc", 9 },
        { "\0\007\0\0\005a.bc", 9 },
        { "\0\010\0\0\004a.bc", 9 },
        { "\0\007\0\0\004a.bcx", 10 },
        { "\0\010\0\0\004a.bcx", 10 },
        { "\0\007\0\0\004a.\0c", 9 },
        { "\0\007\0\0\004a..c", 9 },
        { "\0\014\0\0\011127.0.0.1", 14 },
        { "\377\377\0\0\004a.bc", 9 }
    };

    (void) state;

    test_ok(acm_alpn_sni((const uint8_t *) "\0\007\0\0\004A.bC", 9, name));
    assert_string_equal(name, "a.bc");

    test_ok(acm_alpn_sni((const uint8_t *) "\0\010\0\0\005a.bc.", 10, name));
    assert_string_equal(name, "a.bc");

    for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        assert_int_equal(acm_alpn_sni((const uint8_t *) none[i].data,
                                      none[i].len, name), ACM_INVALID);
    }
}


static void
test_memory(void **state)
{
    X509           *x;
    acm_rc_t        rc;
    EVP_PKEY       *pkey;
    acm_err_t       err;
    unsigned long   n;

    (void) state;

    for (n = 1; n < 50; n++) {
        acm_alloc_fail_at(n);
        rc = acm_alpn_certificate("www.example.com", AUTH, &x, &pkey, &err);
        acm_alloc_fail_at(0);

        if (rc == ACM_OK) {
            X509_free(x);
            EVP_PKEY_free(pkey);
            return;
        }
    }

    fail();
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_certificate),
        cmocka_unit_test(test_differ),
        cmocka_unit_test(test_long_name),
        cmocka_unit_test(test_address),
        cmocka_unit_test(test_alpn),
        cmocka_unit_test(test_sni),
        cmocka_unit_test(test_memory)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
