
/*
 * Copyright (C) The ngx_acm authors
 *
 * Keys, encodings, what a certificate says, and requests.
 */


#include <openssl/x509v3.h>

#include "test.h"


#define NOW  1800000000


/* len is given as a name may hold NUL */

typedef struct {
    int          type;
    const char  *value;
    size_t       len;
} test_san_t;


static EVP_PKEY  *pkey;


static int
test_setup(void **state)
{
    (void) state;

    return acm_key_generate(ACM_KEY_EC_P256, &pkey, NULL) != ACM_OK;
}


static int
test_teardown(void **state)
{
    (void) state;

    EVP_PKEY_free(pkey);

    return 0;
}


static X509 *
test_cert(const char *cn, const test_san_t *sans, size_t n, long version)
{
    X509           *x;
    size_t          i;
    ASN1_STRING    *value;
    GENERAL_NAME   *name;
    GENERAL_NAMES  *names;

    x = X509_new();
    X509_set_version(x, version);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 0x1a2b03);
    ASN1_TIME_set(X509_getm_notBefore(x), NOW);
    ASN1_TIME_set(X509_getm_notAfter(x), NOW + 86400);

    if (cn != NULL) {
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN",
                                   MBSTRING_UTF8, (const uint8_t *) cn, -1,
                                   -1, 0);
    }

    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_set_pubkey(x, pkey);

    if (n != 0) {
        names = GENERAL_NAMES_new();

        for (i = 0; i < n; i++) {
            name = GENERAL_NAME_new();
            value = ASN1_STRING_type_new(sans[i].type == GEN_IPADD
                                         ? V_ASN1_OCTET_STRING
                                         : V_ASN1_IA5STRING);
            ASN1_STRING_set(value, sans[i].value, (int) sans[i].len);
            GENERAL_NAME_set0_value(name, sans[i].type, value);
            sk_GENERAL_NAME_push(names, name);
        }

        X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0);
        GENERAL_NAMES_free(names);
    }

    assert_true(X509_sign(x, pkey, EVP_sha256()) > 0);

    return x;
}


static void
test_info(void **state)
{
    static const test_san_t  sans[] = {
        { GEN_DNS, "WWW.Example.com", 15 },
        { GEN_DNS, "*.example.com", 13 },
        { GEN_EMAIL, "a@example.com", 13 },
        { GEN_DNS, "_sip.example.com", 16 },
        { GEN_DNS, "www.example.COM", 15 },
        { GEN_DNS, "192.0.2.9", 9 },
        { GEN_IPADD, "\xc0\x00\x02\x01", 4 },
        { GEN_IPADD, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16 }
    };

    X509             *x;
    acm_err_t         err;
    acm_x509_info_t   info;

    (void) state;

    x = test_cert("B\xc3\xbc" "cher, Ltd", sans, 8, 2);
    test_ok(acm_x509_info(x, &info, &err));
    assert_string_equal(info.domain, "www.example.com");
    assert_int_equal(info.nnames, 5);
    assert_string_equal(info.names[0], "www.example.com");
    assert_string_equal(info.names[1], "*.example.com");
    assert_string_equal(info.names[2], "_sip.example.com");
    assert_string_equal(info.names[3], "192.0.2.1");
    assert_string_equal(info.names[4], "2001:db8::1");
    assert_string_equal(info.serial, "1a:2b:03");
    assert_string_equal(info.sigalg, "ecdsa-with-SHA256");
    assert_string_equal(info.subject, "CN=B\\C3\\BCcher\\, Ltd");
    assert_true(info.not_before == NOW && info.not_after == NOW + 86400);
    assert_true(info.self_signed);
    assert_false(info.cn_only);
    assert_false(info.ca);
    acm_x509_info_free(&info);
    acm_x509_info_free(&info);
    X509_free(x);

    /* a CN that is a name goes first, in lower case */

    x = test_cert("Example.COM", sans, 8, 2);
    test_ok(acm_x509_info(x, &info, &err));
    assert_string_equal(info.domain, "example.com");
    assert_int_equal(info.nnames, 5);
    acm_x509_info_free(&info);
    X509_free(x);
}


static void
test_unfit(void **state)
{
    static const test_san_t  bad[] = {
        { GEN_DNS, "", 0 },
        { GEN_DNS, "b\xc3\xbc" "cher.example.com", 19 },
        { GEN_DNS, "a.example.com\0.example.org", 26 },
        { GEN_DNS, "a.example.com\0", 14 },
        { GEN_DNS, "a\nb.example.com", 15 },
        { GEN_DNS, "a\x7f" "b.example.com", 15 },
        { GEN_DNS, "a b.example.com", 15 },
        { GEN_DNS, "a..example.com", 14 },
        { GEN_DNS, ".example.com", 12 },
        { GEN_DNS, "a.example.com.", 14 },
        { GEN_DNS, "*", 1 },
        { GEN_DNS, "*.", 2 },
        { GEN_DNS, "a.*.example.com", 15 },
        { GEN_DNS, "w*.example.com", 14 },
        { GEN_DNS, "http://a.example.com/", 21 },
        { GEN_IPADD, "\xc0\x00\x02", 3 },
        { GEN_IPADD, "\xc0\x00\x02\x01\xff", 5 },
        { GEN_IPADD, "\xc0\x00\x02\x01\xff\xff\xff\x00", 8 },
        { GEN_EMAIL, "a@example.com", 13 },
        { GEN_DNS, "192.0.2.9", 9 }
    };

    X509             *x;
    size_t            i;
    acm_err_t         err;
    acm_x509_info_t   info;

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        x = test_cert("no name", &bad[i], 1, 2);

        if (acm_x509_info(x, &info, &err) != ACM_INVALID) {
            print_error("\"%s\" was taken\n", bad[i].value);
            fail();
        }

        X509_free(x);
    }

    /* only version 3 has names */

    x = test_cert("a.example.com", NULL, 0, 0);
    assert_int_equal(acm_x509_info(x, &info, &err), ACM_INVALID);
    assert_non_null(strstr(err.text, "version 1"));
    X509_free(x);

    x = test_cert(NULL, NULL, 0, 2);
    assert_int_equal(acm_x509_info(x, &info, &err), ACM_INVALID);
    assert_non_null(strstr(err.text, "no name"));
    X509_free(x);
}


/* Labels of 63, names of 253, 100 names, and one more of each. */

static void
test_limits(void **state)
{
    X509             *x;
    char              text[ACM_MAX_NAMES + 1][20], host[ACM_MAX_NAME + 1];
    size_t            i;
    acm_err_t         err;
    test_san_t        sans[ACM_MAX_NAMES + 2];
    acm_x509_info_t   info;

    (void) state;

    for (i = 0; i <= ACM_MAX_NAMES; i++) {
        snprintf(text[i], sizeof(text[i]), "n%zu.example.com", i);
        sans[i].type = GEN_DNS;
        sans[i].value = text[i];
        sans[i].len = strlen(text[i]);
    }

    /* a repeated name does not count */

    sans[ACM_MAX_NAMES] = sans[0];
    x = test_cert("x", sans, ACM_MAX_NAMES + 1, 2);
    test_ok(acm_x509_info(x, &info, &err));
    assert_int_equal(info.nnames, ACM_MAX_NAMES);
    acm_x509_info_free(&info);
    X509_free(x);

    sans[ACM_MAX_NAMES].value = text[ACM_MAX_NAMES];
    sans[ACM_MAX_NAMES].len = strlen(text[ACM_MAX_NAMES]);
    x = test_cert("x", sans, ACM_MAX_NAMES + 1, 2);
    assert_int_equal(acm_x509_info(x, &info, &err), ACM_TOOBIG);
    X509_free(x);

    memset(host, 'a', sizeof(host));

    for (i = 63; i < sizeof(host); i += 64) {
        host[i] = '.';
    }

    sans[0].value = host;

    for (i = 0; i < 2; i++) {
        sans[0].len = ACM_MAX_NAME + i;
        x = test_cert("x", sans, 1, 2);
        assert_int_equal(acm_x509_info(x, &info, &err),
                         i == 0 ? ACM_OK : ACM_INVALID);

        if (i == 0) {
            acm_x509_info_free(&info);
        }

        X509_free(x);
    }

    memset(host, 'a', 64);

    for (i = 0; i < 2; i++) {
        sans[0].len = 63 + i;
        x = test_cert("x", sans, 1, 2);
        assert_int_equal(acm_x509_info(x, &info, &err),
                         i == 0 ? ACM_OK : ACM_INVALID);

        if (i == 0) {
            acm_x509_info_free(&info);
        }

        X509_free(x);
    }
}


static void
test_serials(void **state)
{
    X509             *x;
    uint8_t           octets[ACM_MAX_SERIAL + 1];
    acm_err_t         err;
    ASN1_INTEGER     *serial;
    acm_x509_info_t   info;

    (void) state;

    memset(octets, 0x7a, sizeof(octets));
    x = test_cert("a.example.com", NULL, 0, 2);
    serial = X509_get_serialNumber(x);

    ASN1_STRING_set(serial, octets, ACM_MAX_SERIAL);
    test_ok(acm_x509_info(x, &info, &err));
    assert_int_equal(strlen(info.serial), 3 * ACM_MAX_SERIAL - 1);
    acm_x509_info_free(&info);

    ASN1_STRING_set(serial, octets, ACM_MAX_SERIAL + 1);
    assert_int_equal(acm_x509_info(x, &info, &err), ACM_TOOBIG);

    ASN1_INTEGER_set(serial, 0);
    test_ok(acm_x509_info(x, &info, &err));
    assert_string_equal(info.serial, "00");
    acm_x509_info_free(&info);

    ASN1_INTEGER_set(serial, -5);
    assert_int_equal(acm_x509_info(x, &info, &err), ACM_INVALID);
    assert_non_null(strstr(err.text, "negative"));

    X509_free(x);
}


static void
test_encodings(void **state)
{
    X509       *x, *y;
    size_t      i;
    uint8_t    *longer;
    EVP_PKEY   *again;
    acm_str_t   der, key;
    acm_err_t   err;

    (void) state;

    x = test_cert("a.example.com", NULL, 0, 2);
    test_ok(acm_x509_encode(x, &der, &err));
    test_ok(acm_key_encode(pkey, &key, &err));

    test_ok(acm_x509_decode(der.data, der.len, &y, &err));
    assert_int_equal(X509_cmp(x, y), 0);
    assert_true(acm_x509_match(y, pkey));
    X509_free(y);

    /* cut at each octet, and one octet more */

    for (i = 0; i < der.len; i++) {
        assert_int_equal(acm_x509_decode(der.data, i, &y, &err), ACM_INVALID);
    }

    for (i = 0; i < key.len; i++) {
        assert_int_equal(acm_key_decode(ACM_KEY_EC_P256, key.data, i, &again,
                                        &err), ACM_INVALID);
    }

    longer = calloc(1, ACM_MAX_CERT_DER + 1);
    memcpy(longer, der.data, der.len);
    assert_int_equal(acm_x509_decode(longer, der.len + 1, &y, &err),
                     ACM_INVALID);
    assert_int_equal(acm_x509_decode(longer, ACM_MAX_CERT_DER, &y, &err),
                     ACM_INVALID);
    assert_int_equal(acm_x509_decode(longer, ACM_MAX_CERT_DER + 1, &y, &err),
                     ACM_TOOBIG);

    memcpy(longer, key.data, key.len);
    assert_int_equal(acm_key_decode(ACM_KEY_EC_P256, longer, key.len + 1,
                                    &again, &err), ACM_INVALID);
    assert_int_equal(acm_key_decode(ACM_KEY_EC_P256, longer,
                                    ACM_MAX_KEY_DER + 1, &again, &err),
                     ACM_TOOBIG);

    /* a key of another type */

    assert_int_equal(acm_key_decode(ACM_KEY_EC_P384, key.data, key.len,
                                    &again, &err), ACM_INVALID);
    assert_int_equal(acm_key_decode(ACM_KEY_RSA_2048, key.data, key.len,
                                    &again, &err), ACM_INVALID);
    assert_int_equal(acm_key_decode(ACM_KEY_NONE, key.data, key.len, &again,
                                    &err), ACM_INVALID);
    assert_int_equal(acm_key_generate(ACM_KEY_NONE, &again, &err),
                     ACM_INVALID);

    test_ok(acm_key_generate(ACM_KEY_EC_P256, &again, &err));
    assert_false(acm_x509_match(x, again));
    EVP_PKEY_free(again);

    /* keys that are none of ours */

    again = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_int_equal(acm_key_type(again), ACM_KEY_NONE);
    EVP_PKEY_free(again);
    again = EVP_EC_gen("secp256k1");
    assert_int_equal(acm_key_type(again), ACM_KEY_NONE);
    EVP_PKEY_free(again);

    free(longer);
    acm_free(der.data);
    acm_free_secret(key.data, key.len);
    X509_free(x);
}


static void
test_csr(void **state)
{
    int                        i;
    char                       cn[80], name[66];
    char                      *names[4];
    X509_REQ                  *req;
    acm_err_t                  err;
    X509_NAME                 *subject;
    GENERAL_NAMES             *sans;
    STACK_OF(X509_EXTENSION)  *exts;

    (void) state;

    memset(name, 'a', sizeof(name));
    name[40] = '.';
    name[65] = '\0';

    names[1] = "*.example.com";
    names[2] = "192.0.2.1";
    names[3] = "2001:db8::1";

    /* 64 octets are a CN, 65 are not */

    for (i = 0; i < 2; i++) {
        names[0] = name + 1 - i;
        test_ok(acm_x509_csr(pkey, names, 4, &req, &err));
        assert_int_equal(X509_REQ_verify(req, pkey), 1);

        subject = X509_REQ_get_subject_name(req);
        assert_int_equal(X509_NAME_entry_count(subject), 1 - i);

        if (i == 0) {
            X509_NAME_get_text_by_NID(subject, NID_commonName, cn,
                                      sizeof(cn));
            assert_string_equal(cn, names[0]);
        }

        exts = X509_REQ_get_extensions(req);
        assert_int_equal(sk_X509_EXTENSION_num(exts), 1);
        assert_int_equal(X509_EXTENSION_get_critical(
                             sk_X509_EXTENSION_value(exts, 0)), i);
        sans = X509V3_get_d2i(exts, NID_subject_alt_name, NULL, NULL);
        assert_int_equal(sk_GENERAL_NAME_num(sans), 4);
        assert_int_equal(sk_GENERAL_NAME_value(sans, 1)->type, GEN_DNS);
        assert_int_equal(sk_GENERAL_NAME_value(sans, 2)->type, GEN_IPADD);
        assert_int_equal(sk_GENERAL_NAME_value(sans, 3)->type, GEN_IPADD);
        assert_int_equal(X509_REQ_get_attr_count(req), 1);

        GENERAL_NAMES_free(sans);
        sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
        X509_REQ_free(req);
    }

    names[0] = "a b.example.com";
    assert_int_equal(acm_x509_csr(pkey, names, 1, &req, &err), ACM_INVALID);
    assert_int_equal(acm_x509_csr(pkey, names, 0, &req, &err), ACM_INVALID);
    assert_int_equal(acm_x509_csr(pkey, names, ACM_MAX_NAMES + 1, &req,
                                  &err), ACM_TOOBIG);
}


/* what is sent to a CA: with the key as OpenSSL itself would encode it */

static void
test_csr_der(void **state)
{
    static const acm_key_e  keys[] = {
        ACM_KEY_EC_P256, ACM_KEY_EC_P384, ACM_KEY_EC_P521, ACM_KEY_RSA_2048
    };

    char           *names[1];
    size_t          i;
    uint8_t        *a, *b;
    EVP_PKEY       *p;
    X509_REQ       *req, *own;
    acm_err_t       err;
    acm_str_t       der;
    const uint8_t  *pos;

    (void) state;

    names[0] = "a.example.com";

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        test_ok(acm_key_generate(keys[i], &p, &err));
        test_ok(acm_csr_der(p, names, 1, &der, &err));
        test_ok(acm_x509_csr(p, names, 1, &own, &err));

        pos = der.data;
        req = d2i_X509_REQ(NULL, &pos, (long) der.len);

        assert_non_null(req);
        assert_ptr_equal(pos, der.data + der.len);
        assert_int_equal(X509_REQ_verify(req, X509_REQ_get0_pubkey(req)), 1);
        assert_int_equal(EVP_PKEY_eq(X509_REQ_get0_pubkey(req), p), 1);

        a = NULL;
        b = NULL;
        assert_int_equal(i2d_re_X509_REQ_tbs(req, &a),
                         i2d_re_X509_REQ_tbs(own, &b));
        assert_memory_equal(a, b, i2d_re_X509_REQ_tbs(own, NULL));

        OPENSSL_free(a);
        OPENSSL_free(b);
        X509_REQ_free(req);
        X509_REQ_free(own);
        EVP_PKEY_free(p);
        acm_free(der.data);
    }

    names[0] = "a b.example.com";
    assert_int_equal(acm_csr_der(pkey, names, 1, &der, &err), ACM_INVALID);
}


/* the last ones are given again, and one more than are kept pushes one out */

static void
test_seen(void **state)
{
    static const test_san_t  san = { GEN_DNS, "a.example.com", 13 };

    X509             *x, *again;
    size_t            i;
    acm_err_t         err;
    acm_str_t         ders[ACM_MAX_SEEN + 1];
    acm_x509_seen_t   seen;

    (void) state;

    memset(&seen, 0, sizeof(seen));

    for (i = 0; i <= ACM_MAX_SEEN; i++) {
        x = test_cert(NULL, &san, 1, 2);
        test_ok(acm_x509_encode(x, &ders[i], &err));
        X509_free(x);
    }

    for (i = 0; i < ACM_MAX_SEEN; i++) {
        test_ok(acm_x509_decode_seen(&seen, ders[i].data, ders[i].len, &x,
                                     &err));
        test_ok(acm_x509_decode_seen(&seen, ders[i].data, ders[i].len,
                                     &again, &err));
        assert_ptr_equal(x, again);
        X509_free(x);
        X509_free(again);
    }

    assert_int_equal(seen.next, 0);

    test_ok(acm_x509_decode_seen(&seen, ders[i].data, ders[i].len, &x,
                                 &err));
    assert_ptr_equal(seen.x[0], x);
    X509_free(x);

    test_ok(acm_x509_decode_seen(&seen, ders[0].data, ders[0].len, &x,
                                 &err));
    assert_ptr_equal(seen.x[1], x);
    assert_ptr_not_equal(seen.x[0], x);
    X509_free(x);

    test_ok(acm_x509_decode_seen(NULL, ders[0].data, ders[0].len, &x, &err));
    assert_ptr_not_equal(seen.x[1], x);
    X509_free(x);

    /* what cannot be decoded is not kept */

    assert_int_equal(acm_x509_decode_seen(&seen, ders[1].data,
                                          ders[1].len - 1, &x, &err),
                     ACM_INVALID);
    assert_int_equal(seen.next, 2);

    acm_x509_seen_free(&seen);

    for (i = 0; i <= ACM_MAX_SEEN; i++) {
        acm_free(ders[i].data);
    }
}


static void
test_memory(void **state)
{
    static const test_san_t  sans[] = {
        { GEN_DNS, "a.example.com", 13 },
        { GEN_DNS, "b.example.com", 13 },
        { GEN_IPADD, "\xc0\x00\x02\x01", 4 }
    };

    X509             *x;
    size_t            i;
    acm_rc_t          rc;
    acm_str_t         der;
    unsigned long     n;
    acm_x509_info_t   info;

    (void) state;

    for (i = 0; i < 3; i++) {
        x = test_cert(i == 1 ? "no name" : "a.example.com", sans,
                      i == 2 ? 0 : 3, 2);

        for (n = 1; n < 100; n++) {
            acm_alloc_fail_at(n);
            rc = acm_x509_info(x, &info, NULL);
            acm_alloc_fail_at(0);

            if (rc == ACM_OK) {
                acm_x509_info_free(&info);
                break;
            }

            assert_int_equal(rc, ACM_NOMEM);
        }

        assert_true(n > 5 && n < 100);
        X509_free(x);
    }

    x = test_cert("a.example.com", NULL, 0, 2);
    acm_alloc_fail_at(1);
    assert_int_equal(acm_x509_encode(x, &der, NULL), ACM_NOMEM);
    acm_alloc_fail_at(1);
    assert_int_equal(acm_key_encode(pkey, &der, NULL), ACM_NOMEM);
    acm_alloc_fail_at(0);
    X509_free(x);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_unfit),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_serials),
        cmocka_unit_test(test_encodings),
        cmocka_unit_test(test_csr),
        cmocka_unit_test(test_csr_der),
        cmocka_unit_test(test_seen),
        cmocka_unit_test(test_memory)
    };

    return cmocka_run_group_tests(tests, test_setup, test_teardown);
}
