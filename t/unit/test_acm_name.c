
/*
 * Copyright (C) The ngx_acm authors
 */


#include "acm_name.h"
#include "test.h"


typedef struct {
    const char  *in;
    const char  *out;            /* NULL: refused */
} test_name_t;


static void
test_sni(void **state)
{
    static const test_name_t  t[] = {
        { "www.example.com", "www.example.com" },
        { "WWW.Example.COM", "www.example.com" },
        { "www.example.com.", "www.example.com" },
        { "localhost", "localhost" },
        { "a_b.example.com", "a_b.example.com" },
        { "xn--bcher-kva.example.com", "xn--bcher-kva.example.com" },
        { "1.2.3.4.5", "1.2.3.4.5" },
        { "", NULL },
        { ".", NULL },
        { "..", NULL },
        { ".example.com", NULL },
        { "www..example.com", NULL },
        { "www.example.com..", NULL },
        { "*.example.com", NULL },
        { "127.0.0.1", NULL },
        { "::1", NULL },
        { "[::1]", NULL },
        { "a b.example.com", NULL },
        { "a/b.example.com", NULL },
        { "b\xc3\xbc" "cher.example.com", NULL },
        { NULL, NULL }
    };

    char     out[ACM_MAX_NAME + 1], name[300];
    size_t   i;

    (void) state;

    for (i = 0; t[i].in != NULL; i++) {
        acm_rc_t  rc;

        rc = acm_name_sni((const uint8_t *) t[i].in, strlen(t[i].in), out);

        if (t[i].out == NULL) {
            if (rc == ACM_OK) {
                print_error("\"%s\" was accepted\n", t[i].in);
            }

            assert_int_equal(rc, ACM_INVALID);

        } else {
            if (rc != ACM_OK) {
                print_error("\"%s\" was refused\n", t[i].in);
            }

            assert_int_equal(rc, ACM_OK);
            assert_string_equal(out, t[i].out);
        }
    }

    /* NUL inside */
    assert_int_equal(acm_name_sni((const uint8_t *) "a\0b.example", 11, out),
                     ACM_INVALID);

    /* 253 octets, and 254; with a trailing dot still 253 */

    memset(name, 'a', sizeof(name));
    name[50] = name[100] = name[150] = name[200] = '.';
    test_ok(acm_name_sni((uint8_t *) name, 253, out));
    name[253] = '.';
    test_ok(acm_name_sni((uint8_t *) name, 254, out));
    assert_int_equal(strlen(out), 253);
    name[253] = 'a';
    assert_int_equal(acm_name_sni((uint8_t *) name, 254, out), ACM_INVALID);

    /* a label of 63 octets, and of 64 */

    memset(name, 'a', sizeof(name));
    name[63] = '.';
    test_ok(acm_name_sni((uint8_t *) name, 70, out));
    name[63] = 'a';
    name[64] = '.';
    assert_int_equal(acm_name_sni((uint8_t *) name, 70, out), ACM_INVALID);
}


static void
test_request(void **state)
{
    static const test_name_t  t[] = {
        { "example.com", "example.com" },
        { "Example.COM", "example.com" },
        { "*.example.com", "*.example.com" },
        { "b\xc3\xbc" "cher.example", "xn--bcher-kva.example" },
        { "xn--bcher-kva.example", "xn--bcher-kva.example" },
        { "a-b.example.com", "a-b.example.com" },
        { "1.example.com", "1.example.com" },
        { "example", NULL },
        { "*", NULL },
        { "*.com.*", NULL },
        { "w*.example.com", NULL },
        { "*.*.example.com", NULL },
        { "www.*.com", NULL },
        { "-a.example.com", NULL },
        { "a-.example.com", NULL },
        { "a_b.example.com", NULL },
        { "ab--cd.example.com", NULL },
        { "xn--zzzzzz99999.example.com", NULL },
        { "192.0.2.1", NULL },
        { "example.123", NULL },
        { "exa mple.com", NULL },
        { "exa\tmple.com", NULL },
        { ".example.com", NULL },
        { "a..example.com", NULL },
        { "", NULL },
        { "\xff\xfe.example.com", NULL },
        { NULL, NULL }
    };

    char       out[ACM_MAX_NAME + 1], name[300];
    size_t     i;
    acm_rc_t   rc;
    acm_err_t  err;

    (void) state;

    for (i = 0; t[i].in != NULL; i++) {
        err.text[0] = '\0';
        rc = acm_name_request(t[i].in, strlen(t[i].in), out, &err);

        if (t[i].out == NULL) {
            if (rc == ACM_OK) {
                print_error("\"%s\" was accepted\n", t[i].in);
            }

            assert_int_not_equal(rc, ACM_OK);
            assert_true(strlen(err.text) > 0);

        } else {
            if (rc != ACM_OK) {
                print_error("\"%s\": %s\n", t[i].in, err.text);
            }

            assert_int_equal(rc, ACM_OK);
            assert_string_equal(out, t[i].out);
        }
    }

    memset(name, 'a', sizeof(name));
    name[50] = name[100] = name[150] = name[200] = '.';
    test_ok(acm_name_request(name, 253, out, &err));
    assert_int_not_equal(acm_name_request(name, 254, out, &err), ACM_OK);

    memset(name, 'a', sizeof(name));
    name[63] = '.';
    test_ok(acm_name_request(name, 70, out, &err));
    name[63] = 'a';
    name[64] = '.';
    assert_int_not_equal(acm_name_request(name, 70, out, &err), ACM_OK);

    assert_int_not_equal(acm_name_request("a\0b.example", 11, out, &err),
                         ACM_OK);
}


static void
test_match(void **state)
{
    char  out[ACM_MAX_NAME + 3];

    (void) state;

    assert_true(acm_name_match("www.example.com", "www.example.com"));
    assert_true(acm_name_match("*.example.com", "www.example.com"));
    assert_false(acm_name_match("*.example.com", "example.com"));
    assert_false(acm_name_match("*.example.com", "a.b.example.com"));
    assert_false(acm_name_match("*.example.com", ".example.com"));
    assert_false(acm_name_match("*.example.com", "wwwexample.com"));
    assert_false(acm_name_match("www.example.com", "www.example.co"));
    assert_false(acm_name_match("", "www.example.com"));

    assert_true(acm_name_wildcard("www.example.com", out));
    assert_string_equal(out, "*.example.com");
    assert_true(acm_name_wildcard("a.b.example.com", out));
    assert_string_equal(out, "*.b.example.com");
    assert_false(acm_name_wildcard("example.com", out));
    assert_false(acm_name_wildcard("com", out));

    acm_name_reverse("www.example.com", out);
    assert_string_equal(out, "com.example.www");
    acm_name_reverse("*.example.com", out);
    assert_string_equal(out, "com.example.*");
    acm_name_reverse("com", out);
    assert_string_equal(out, "com");
}


static void
test_ip(void **state)
{
    (void) state;

    assert_true(acm_name_is_ip("127.0.0.1", 9));
    assert_true(acm_name_is_ip("::1", 3));
    assert_true(acm_name_is_ip("[2001:db8::1]", 13));
    assert_true(acm_name_is_ip("2001:db8::1", 11));
    assert_false(acm_name_is_ip("example.com", 11));
    assert_false(acm_name_is_ip("1.2.3.4.5", 9));
    assert_false(acm_name_is_ip("", 0));
    assert_false(acm_name_is_ip("a.b.c.d", 7));
}


static void
test_random_sni(void **state)
{
    char      out[ACM_MAX_NAME + 1];
    size_t    i, n, len;
    uint8_t   in[300];
    uint32_t  seed;

    (void) state;

    seed = 4711;

    for (n = 0; n < 100000; n++) {
        len = test_random(&seed) % 256;

        for (i = 0; i < len; i++) {
            in[i] = (uint8_t) ((test_random(&seed) & 1)
                               ? (uint8_t) "abz.-_*AZ09"[test_random(&seed)
                                                           % 11]
                               : test_random(&seed));
        }

        if (acm_name_sni(in, len, out) == ACM_OK) {
            assert_true(strlen(out) >= 1 && strlen(out) <= ACM_MAX_NAME);
            assert_int_equal(strspn(out, "abcdefghijklmnopqrstuvwxyz"
                                         "0123456789-_."), strlen(out));
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_sni),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_ip),
        cmocka_unit_test(test_random_sni)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
