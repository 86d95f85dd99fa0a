
/*
 * Copyright (C) The ngx_acm authors
 *
 * The built-in CA, as a strict client sees it; keys and requests too.
 */


#include <openssl/x509v3.h>

#include "test.h"


static char  *test_names[] = { "www.example.com", "*.example.com",
                               "example.com" };


static void
test_strict(const acm_ca_t *ca, const acm_str_t *der, int64_t now,
    const char *host)
{
    X509             *root, *issuing, *leaf;
    X509_STORE       *trust;
    X509_STORE_CTX   *ctx;
    STACK_OF(X509)   *chain;

    test_ok(acm_x509_decode(ca->root.data, ca->root.len, &root, NULL));
    test_ok(acm_x509_decode(ca->issuing.data, ca->issuing.len, &issuing,
                            NULL));
    test_ok(acm_x509_decode(der->data, der->len, &leaf, NULL));

    trust = X509_STORE_new();
    X509_STORE_add_cert(trust, root);
    chain = sk_X509_new_null();
    sk_X509_push(chain, issuing);
    ctx = X509_STORE_CTX_new();
    X509_STORE_CTX_init(ctx, trust, leaf, chain);
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT);
    X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER);
    X509_STORE_CTX_set_time(ctx, 0, (time_t) now);

    if (X509_verify_cert(ctx) != 1) {
        print_error("%s\n", X509_verify_cert_error_string(
                                X509_STORE_CTX_get_error(ctx)));
        fail();
    }

    assert_int_equal(X509_check_host(leaf, host, 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(leaf, "other.example.org", 0, 0, NULL),
                     0);
    assert_int_equal(X509_get_extension_flags(leaf) & EXFLAG_CA, 0);
    assert_int_equal(X509_get_extended_key_usage(leaf), XKU_SSL_SERVER);
    assert_non_null(X509_get0_subject_key_id(leaf));
    assert_non_null(X509_get0_authority_key_id(leaf));
    assert_int_equal(X509_get_pathlen(issuing), 0);

    X509_STORE_CTX_free(ctx);
    sk_X509_free(chain);
    X509_STORE_free(trust);
    X509_free(root);
    X509_free(issuing);
    X509_free(leaf);
}


static void
test_types(void **state)
{
    static const acm_key_e  types[] = { ACM_KEY_EC_P256, ACM_KEY_EC_P384,
                                        ACM_KEY_RSA_2048 };
    static const int64_t    lives[] = { 5, 30, 6 * 86400, 395 * 86400 };

    size_t            i, j, k;
    int64_t           now;
    EVP_PKEY         *pkey;
    acm_ca_t          ca;
    acm_err_t         err;
    acm_str_t         der, key;
    X509             *x;
    EVP_PKEY         *again;
    acm_x509_info_t   info;

    (void) state;

    now = 1800000000;

    for (i = 0; i < 3; i++) {
        test_ok(acm_ca_create("internal", types[i], now, &ca, &err));

        for (j = 0; j < 3; j++) {
            test_ok(acm_key_generate(types[j], &pkey, &err));
            assert_int_equal(acm_key_type(pkey), types[j]);
            test_ok(acm_key_encode(pkey, &key, &err));
            test_ok(acm_key_decode(types[j], key.data, key.len, &again,
                                   &err));
            assert_int_equal(EVP_PKEY_eq(pkey, again), 1);
            EVP_PKEY_free(again);

            for (k = 0; k < 4; k++) {
                test_ok(acm_ca_sign(&ca, pkey, test_names, 3, now, lives[k],
                                    "http://crl.example.com/a,b.crl", &der,
                                    &err));
                test_strict(&ca, &der, now, "www.example.com");
                test_strict(&ca, &der, now, "shop.example.com");
                test_ok(acm_x509_decode(der.data, der.len, &x, &err));
                assert_true(acm_x509_match(x, pkey));
                assert_true(X509_get_ext_by_NID(x,
                                NID_crl_distribution_points, -1) >= 0);
                test_ok(acm_x509_info(x, &info, &err));
                assert_int_equal(info.nnames, 3);
                assert_int_equal(info.key, types[j]);
                assert_true(info.not_after - info.not_before == lives[k]);
                assert_true(info.not_before <= now && now < info.not_after);
                assert_int_equal(strlen(info.serial), 16 * 3 - 1);
                acm_x509_info_free(&info);
                X509_free(x);
                acm_free(der.data);
            }

            acm_free_secret(key.data, key.len);
            EVP_PKEY_free(pkey);
        }

        acm_ca_free(&ca);
    }
}


static void
test_ends(void **state)
{
    X509             *x;
    int64_t           now, end, from, to;
    EVP_PKEY         *pkey;
    acm_ca_t          ca;
    acm_err_t         err;
    acm_str_t         der, old;

    (void) state;

    now = 1800000000;

    test_ok(acm_ca_create("internal", ACM_KEY_NONE, now, &ca, &err));
    assert_int_equal(ca.key, ACM_KEY_EC_P256);
    test_ok(acm_key_generate(ACM_KEY_EC_P256, &pkey, &err));
    end = acm_ca_not_after(&ca);
    assert_true(end > now + 9 * 365 * 86400LL);

    /* never past the CA's own end */

    test_ok(acm_ca_sign(&ca, pkey, test_names, 1, end - 100, 395 * 86400,
                        NULL, &der, &err));
    test_ok(acm_x509_decode(der.data, der.len, &x, &err));
    test_ok(acm_x509_dates(x, &from, &to, &err));
    assert_true(to == end);
    X509_free(x);
    acm_free(der.data);

    assert_int_equal(acm_ca_sign(&ca, pkey, test_names, 1, end, 100, NULL,
                                 &der, &err), ACM_INVALID);

    /* nor from before its start */

    test_ok(acm_ca_sign(&ca, pkey, test_names, 1, now - 3600, 86400, NULL,
                        &der, &err));
    test_ok(acm_x509_decode(der.data, der.len, &x, &err));
    test_ok(acm_x509_dates(x, &from, &to, &err));
    assert_true(from == now - 3600);
    X509_free(x);
    acm_free(der.data);

    assert_int_equal(acm_ca_sign(&ca, pkey, test_names, 1, now - 3601, 86400,
                                 NULL, &der, &err), ACM_INVALID);

    /* a new issuing CA under the same root */

    old.len = ca.root.len;
    old.data = acm_memdup(ca.root.data, ca.root.len);
    test_ok(acm_ca_renew_issuing("internal", end - 100, &ca, &err));
    assert_int_equal(old.len, ca.root.len);
    assert_memory_equal(old.data, ca.root.data, old.len);
    assert_true(acm_ca_not_after(&ca) > end);
    test_ok(acm_ca_sign(&ca, pkey, test_names, 1, end, 86400, NULL, &der,
                        &err));
    test_strict(&ca, &der, end, "www.example.com");
    acm_free(der.data);
    acm_free(old.data);

    EVP_PKEY_free(pkey);
    acm_ca_free(&ca);
}


static void
test_refused(void **state)
{
    int64_t     now;
    EVP_PKEY   *pkey, *weak;
    acm_ca_t    ca;
    acm_err_t   err;
    acm_str_t   der;

    (void) state;

    now = 1800000000;

    test_ok(acm_ca_create("internal", ACM_KEY_EC_P256, now, &ca, &err));
    test_ok(acm_key_generate(ACM_KEY_EC_P256, &pkey, &err));
    weak = EVP_RSA_gen(1024);

    assert_int_equal(acm_ca_sign(&ca, pkey, test_names, 1, now,
                                 ACM_CA_MIN_LIFETIME - 1, NULL, &der, &err),
                     ACM_INVALID);
    assert_non_null(strstr(err.text, "lifetime"));
    assert_int_equal(acm_ca_sign(&ca, pkey, test_names, 1, now, -86400, NULL,
                                 &der, &err), ACM_INVALID);
    assert_int_equal(acm_ca_sign(&ca, weak, test_names, 1, now, 86400, NULL,
                                 &der, &err), ACM_INVALID);
    assert_non_null(strstr(err.text, "weak"));

    EVP_PKEY_free(weak);
    EVP_PKEY_free(pkey);
    acm_ca_free(&ca);
}


static void
test_long_names(void **state)
{
    int          i;
    char         n64[80], n65[80], *names[1], *many[ACM_MAX_NAMES + 1];
    X509        *x;
    acm_ca_t     ca;
    acm_err_t    err;
    acm_str_t    der;
    EVP_PKEY    *pkey;

    (void) state;

    memset(n64, 'a', sizeof(n64));
    memset(n65, 'a', sizeof(n65));
    n64[50] = n65[50] = '.';
    memcpy(n64 + 60, ".com", 5);
    memcpy(n65 + 61, ".com", 5);

    test_ok(acm_ca_create("internal", ACM_KEY_EC_P256, acm_now(), &ca,
                          &err));
    test_ok(acm_key_generate(ACM_KEY_EC_P256, &pkey, &err));

    names[0] = n64;
    test_ok(acm_ca_sign(&ca, pkey, names, 1, acm_now(), 86400, NULL, &der,
                        &err));
    test_strict(&ca, &der, acm_now(), n64);
    test_ok(acm_x509_decode(der.data, der.len, &x, &err));
    assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(x)), 1);
    X509_free(x);
    acm_free(der.data);

    /* too long for a CN: an empty subject, and a critical SAN */

    names[0] = n65;
    test_ok(acm_ca_sign(&ca, pkey, names, 1, acm_now(), 86400, NULL, &der,
                        &err));
    test_strict(&ca, &der, acm_now(), n65);
    test_ok(acm_x509_decode(der.data, der.len, &x, &err));
    assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(x)), 0);
    i = X509_get_ext_by_NID(x, NID_subject_alt_name, -1);
    assert_int_equal(X509_EXTENSION_get_critical(X509_get_ext(x, i)), 1);
    X509_free(x);
    acm_free(der.data);

    for (i = 0; i <= ACM_MAX_NAMES; i++) {
        many[i] = "n.example.com";
    }

    test_ok(acm_ca_sign(&ca, pkey, many, ACM_MAX_NAMES, acm_now(), 86400,
                        NULL, &der, &err));
    acm_free(der.data);
    assert_int_equal(acm_ca_sign(&ca, pkey, many, ACM_MAX_NAMES + 1,
                                 acm_now(), 86400, NULL, &der, &err),
                     ACM_INVALID);
    assert_int_equal(acm_ca_sign(&ca, pkey, many, 0, acm_now(), 86400, NULL,
                                 &der, &err), ACM_INVALID);

    EVP_PKEY_free(pkey);
    acm_ca_free(&ca);
}


static void
test_csr(void **state)
{
    EVP_PKEY    *pkey;
    X509_REQ    *req;
    acm_err_t    err;

    (void) state;

    test_ok(acm_key_generate(ACM_KEY_EC_P256, &pkey, &err));
    test_ok(acm_x509_csr(pkey, test_names, 3, &req, &err));
    assert_int_equal(X509_REQ_verify(req, pkey), 1);
    X509_REQ_free(req);
    EVP_PKEY_free(pkey);
}


static void
test_words(void **state)
{
    acm_key_e  k;

    (void) state;

    for (k = ACM_KEY_RSA_1024; k <= ACM_KEY_EC_P521; k++) {
        assert_int_equal(acm_key_parse(acm_key_text(k),
                                       strlen(acm_key_text(k))), k);
        assert_true(strlen(acm_key_algorithm(k)) > 0);
    }

    assert_int_equal(acm_key_parse("ecdsa:2566", 10), ACM_KEY_NONE);
    assert_int_equal(acm_key_parse("", 0), ACM_KEY_NONE);
    assert_non_null(acm_key_text((acm_key_e) 99));
}


static void
test_memory(void **state)
{
    acm_rc_t       rc;
    acm_ca_t       ca;
    unsigned long  n;

    (void) state;

    for (n = 1; n < 200; n++) {
        acm_alloc_fail_at(n);
        rc = acm_ca_create("internal", ACM_KEY_EC_P256, acm_now(), &ca,
                           NULL);
        acm_alloc_fail_at(0);

        if (rc == ACM_OK) {
            acm_ca_free(&ca);
            break;
        }
    }

    assert_true(n > 2 && n < 200);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_csr),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_memory)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
