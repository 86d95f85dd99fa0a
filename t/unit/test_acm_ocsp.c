
/*
 * Copyright (C) The ngx_acm authors
 *
 * OCSP: what is asked, and which answers are worth something.
 */


#include <openssl/err.h>

#include "test_ocsp.h"


/* why: part of the text, NULL if it is to be taken */

static void
test_check(const test_answer_t *a, int64_t now, const char *why,
    acm_ocsp_answer_t *answer)
{
    acm_rc_t   rc;
    acm_err_t  err;
    acm_str_t  der;

    test_respond(a, &der);

    err.text[0] = '\0';
    rc = acm_ocsp_check(leaf, ca, &der, now, answer, &err);
    acm_free(der.data);

    assert_int_equal(ERR_peek_error(), 0);

    if (why == NULL) {
        if (rc != ACM_OK) {
            print_error("%s\n", err.text);
        }

        assert_int_equal(rc, ACM_OK);
        return;
    }

    assert_int_equal(rc, ACM_INVALID);

    if (strstr(err.text, why) == NULL) {
        print_error("%s: %s\n", why, err.text);
        fail();
    }
}


static void
test_answers(void **state)
{
    test_answer_t      a;
    acm_ocsp_answer_t  answer;

    (void) state;

    a = test_answer();
    test_check(&a, NOW, NULL, &answer);
    assert_int_equal(answer.status, ACM_OCSP_GOOD);
    assert_true(answer.this_update == a.from);
    assert_true(answer.next_update == a.to);
    assert_true(answer.revoked_at == 0);

    a.status = V_OCSP_CERTSTATUS_REVOKED;
    a.reason = OCSP_REVOKED_STATUS_KEYCOMPROMISE;
    test_check(&a, NOW, NULL, &answer);
    assert_int_equal(answer.status, ACM_OCSP_REVOKED);
    assert_true(answer.revoked_at == NOW - 2 * HOUR);
    assert_string_equal(answer.reason, "keyCompromise");

    a.reason = OCSP_REVOKED_STATUS_NOSTATUS;
    test_check(&a, NOW, NULL, &answer);
    assert_string_equal(answer.reason, "");

    a.status = V_OCSP_CERTSTATUS_UNKNOWN;
    test_check(&a, NOW, NULL, &answer);
    assert_int_equal(answer.status, ACM_OCSP_UNKNOWN);
}


/* Who may sign, RFC 6960 s4.2.2.2. */

static void
test_signers(void **state)
{
    test_answer_t      a;
    acm_ocsp_answer_t  answer;

    (void) state;

    a = test_answer();
    a.signer = responder;
    a.key = key_responder;
    test_check(&a, NOW, NULL, &answer);

    a.signer = impostor;
    test_check(&a, NOW, "not signed by the issuer", &answer);

    a.signer = other_ca;
    a.key = key_other;
    test_check(&a, NOW, "not signed by the issuer", &answer);

    a.signer = leaf;
    a.key = key_leaf;
    test_check(&a, NOW, "not signed by the issuer", &answer);

    a = test_answer();
    a.of = other_leaf;
    test_check(&a, NOW, "of another certificate", &answer);
}


/* At each limit and one past it. */

static void
test_times(void **state)
{
    test_answer_t      a;
    acm_ocsp_answer_t  answer;

    (void) state;

    a = test_answer();
    test_check(&a, a.to - 1, NULL, &answer);
    test_check(&a, a.to, "was valid until", &answer);
    test_check(&a, a.from - ACM_OCSP_SLACK, NULL, &answer);
    test_check(&a, a.from - ACM_OCSP_SLACK - 1, "not valid before", &answer);

    a.to = 0;
    test_check(&a, NOW, NULL, &answer);
    assert_true(answer.next_update == a.from + ACM_OCSP_LIFE);
    test_check(&a, a.from + ACM_OCSP_LIFE - 1, NULL, &answer);
    test_check(&a, a.from + ACM_OCSP_LIFE, "was valid until", &answer);

    a.to = a.from;
    test_check(&a, a.from, "ends before it starts", &answer);
}


/* No bit that is signed may change, and garbage does no harm. */

static void
test_hostile(void **state)
{
    size_t              i, taken;
    acm_rc_t            rc;
    acm_err_t           err;
    acm_str_t           der, part;
    uint8_t            *big;
    test_answer_t       a;
    acm_ocsp_answer_t   answer;

    /* tryLater */
    static uint8_t  later[] = { 0x30, 0x03, 0x0a, 0x01, 0x03 };

    (void) state;

    a = test_answer();
    test_respond(&a, &der);
    taken = 0;

    for (i = 0; i < der.len; i++) {
        der.data[i] ^= 0x01;
        rc = acm_ocsp_check(leaf, ca, &der, NOW, &answer, NULL);
        der.data[i] ^= 0x01;

        if (rc == ACM_OK) {
            assert_int_equal(answer.status, ACM_OCSP_GOOD);
            assert_true(answer.this_update == a.from);
            assert_true(answer.next_update == a.to);
            taken++;
        }

        part.data = der.data;
        part.len = i;
        rc = acm_ocsp_check(leaf, ca, &part, NOW, &answer, NULL);
        assert_int_not_equal(rc, ACM_OK);
    }

    part.data = later;
    part.len = sizeof(later);
    assert_int_equal(acm_ocsp_check(leaf, ca, &part, NOW, &answer, &err),
                     ACM_INVALID);
    assert_non_null(strstr(err.text, "\"trylater\""));

    big = calloc(1, ACM_MAX_OCSP + 1);
    part.data = big;
    part.len = ACM_MAX_OCSP;
    assert_int_equal(acm_ocsp_check(leaf, ca, &part, NOW, &answer, &err),
                     ACM_INVALID);
    part.len = ACM_MAX_OCSP + 1;
    assert_int_equal(acm_ocsp_check(leaf, ca, &part, NOW, &answer, &err),
                     ACM_TOOBIG);
    free(big);
    acm_free(der.data);

    /* the wrapping has a few */

    assert_in_range(taken, 0, 8);
}


static void
test_request(void **state)
{
    char             *url, *get, base[ACM_MAX_OCSP_GET + 2];
    size_t            len;
    acm_str_t         der;
    OCSP_CERTID      *id, *want;
    OCSP_REQUEST     *request;
    const uint8_t    *pos;

    (void) state;

    url = acm_ocsp_url(leaf);
    assert_string_equal(url, "http://ocsp.example/a");
    assert_int_equal(acm_ocsp_named(leaf), 1);
    assert_int_equal(acm_ocsp_named(ca), 0);
    assert_null(acm_ocsp_url(ca));

    test_ok(acm_ocsp_request(leaf, ca, &der, NULL));

    pos = der.data;
    request = d2i_OCSP_REQUEST(NULL, &pos, (long) der.len);
    assert_non_null(request);
    assert_int_equal(OCSP_request_onereq_count(request), 1);
    id = OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0));
    want = OCSP_cert_to_id(EVP_sha1(), leaf, ca);
    assert_int_equal(OCSP_id_cmp(id, want), 0);
    OCSP_CERTID_free(want);
    OCSP_REQUEST_free(request);

    get = acm_ocsp_get(url, &der);
    assert_memory_equal(get, "http://ocsp.example/a/M", 23);
    assert_null(strpbrk(get + 22, "+/="));
    len = strlen(get) - strlen(url);
    acm_free(get);

    /* as long as it may be, and one more */

    memset(base, 'a', sizeof(base));
    memcpy(base, "http://", 7);
    base[ACM_MAX_OCSP_GET - len] = '\0';
    get = acm_ocsp_get(base, &der);
    assert_non_null(get);
    assert_int_equal(strlen(get), ACM_MAX_OCSP_GET);
    acm_free(get);

    base[ACM_MAX_OCSP_GET - len] = 'a';
    base[ACM_MAX_OCSP_GET - len + 1] = '\0';
    assert_null(acm_ocsp_get(base, &der));
    assert_null(acm_ocsp_get("http://ocsp.example/?a", &der));

    acm_free(der.data);
    acm_free(url);
}


static void
test_addresses(void **state)
{
    size_t  i;

    static const struct { const char *url; int address; }  urls[] = {
        { "http://ocsp.example/", 0 }, { "http://feed.de", 0 },
        { "http://1.2.3.4.example./a", 0 }, { "http://e4:80/1.2.3.4", 0 },
        { "http://127.0.0.1/", 1 }, { "https://127.1:8080/a", 1 },
        { "http://2130706433", 1 }, { "http://0x7f.1./", 1 },
        { "http://[::1]/", 1 },
        { "http://a@ocsp.example/", 1 }, { "http:///a", 1 },
        { "http://./a", 1 }, { "http://a:b@127.0.0.1/", 1 },
        { "http://a:80@ocsp.example/", 1 }, { "http://127.0.0.%31/", 1 },
        { "http://a\\.example/", 1 }, { "http://ocsp.example:8x/", 1 },
        { "http://ocsp.example:80?a@b", 0 }, { "http://o_1.example:/", 0 },
        { "http://?a", 1 }, { "http://:80/", 1 }
    };

    (void) state;

    for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        if (acm_ocsp_by_address(urls[i].url) != urls[i].address) {
            print_error("%s\n", urls[i].url);
            fail();
        }
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_signers),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_addresses)
    };

    return cmocka_run_group_tests(tests, test_ocsp_setup,
                                  test_ocsp_teardown);
}
