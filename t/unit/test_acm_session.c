
/*
 * Copyright (C) The ngx_acm authors
 *
 * A new key of an account at a CA, when answers are lost or refuse it.
 */


#include "test_session.h"


/* The new key is committed; the CA does not know it, and is asked to. */

static acm_http_t *
test_rollover(test_t *t)
{
    acm_http_t  *http;

    test_registered(t);
    test_wish(t, ACM_ACCOUNT_ROLLOVER);

    http = test_asked(t, ACCOUNT);
    t->new = test_key(t, 1);
    assert_true(test_by(http, t->new));
    test_refuse(t, http, "malformed");

    http = test_asked(t, BASE "/key-change");
    assert_true(test_by(http, t->old));

    return http;
}


static void
test_rolled(test_t *t)
{
    EVP_PKEY       *pkey;
    uint64_t        revision;
    acm_account_t   a;

    test_ok(test_account(t, &a, &revision));
    assert_int_equal(a.version, 2);
    assert_int_equal(a.next.len, 0);
    assert_int_equal(a.wish, ACM_ACCOUNT_NOTHING);
    assert_int_equal(a.status, ACM_ACCOUNT_VALID);
    assert_string_equal(a.error, "");
    acm_account_free(&a);

    pkey = test_key(t, 0);
    assert_int_equal(EVP_PKEY_eq(pkey, t->new), 1);
    EVP_PKEY_free(pkey);
}


/* The CA has the new key, but the answer is lost; an order began meanwhile. */

static void
test_lost(void **state)
{
    int          status;
    test_t       t;
    acm_http_t  *http;

    (void) state;

    for (status = 0; status <= 500; status += 500) {
        http = test_rollover(&t);

        acm_session_hold(t.session, 1);
        test_order(&t);
        assert_ptr_equal(test_run(&t), http);
        test_answer(&t, http, status, "");
        assert_int_equal(t.called, 1);
        assert_int_equal(t.call.rc, ACM_ERROR);

        acm_ticks_set(acm_ticks() + HOUR);
        test_order(&t);
        acm_session_account_suspect(t.session);

        http = test_asked(&t, ACCOUNT);
        assert_int_equal(t.nsent, 1);
        assert_true(test_by(http, t.new));
        test_answer(&t, http, 200, "{\"status\":\"valid\"}");

        /* who was suspected is looked at by the key that counts */

        http = test_asked(&t, ACCOUNT);
        test_rolled(&t);
        assert_true(test_by(http, t.new));
        test_answer(&t, http, 200, "{\"status\":\"valid\"}");

        test_ordered(&t, t.new);
        test_stop(&t);
    }
}


/* Killed meanwhile: orders are taken up before the CA is asked anything. */

static void
test_killed(void **state)
{
    test_t       t;
    acm_http_t  *http;

    (void) state;

    (void) test_rollover(&t);
    acm_session_free(t.session);
    test_session(&t);

    acm_session_hold(t.session, 1);
    acm_session_hold(t.session, 1);
    test_order(&t);

    http = test_asked(&t, ACCOUNT);
    assert_int_equal(t.nsent, 1);
    assert_true(test_by(http, t.new));

    /* the CA has not got it: it gets it now */

    test_refuse(&t, http, "malformed");
    http = test_asked(&t, BASE "/key-change");
    assert_int_equal(t.nsent, 1);
    test_answer(&t, http, 200, "{\"status\":\"valid\"}");

    test_ordered(&t, t.new);
    test_rolled(&t);
    test_stop(&t);
}


/* Nobody wants anything, and which key counts is found out all the same. */

static void
test_settles(void **state)
{
    test_t       t;
    acm_http_t  *http;

    (void) state;

    test_answer(&t, test_rollover(&t), 0, "");
    assert_null(test_run(&t));

    acm_ticks_set(acm_ticks() + HOUR);
    http = test_asked(&t, ACCOUNT);
    assert_true(test_by(http, t.new));
    test_answer(&t, http, 200, "{\"status\":\"valid\"}");
    assert_null(test_run(&t));
    test_rolled(&t);
    test_stop(&t);
}


/* A new rollover waits for the end of the orders. */

static void
test_held(void **state)
{
    test_t  t;

    (void) state;

    test_registered(&t);
    acm_session_hold(t.session, 1);
    test_wish(&t, ACM_ACCOUNT_ROLLOVER);
    assert_null(test_run(&t));

    test_order(&t);
    test_ordered(&t, t.old);
    assert_null(test_run(&t));

    acm_session_hold(t.session, -1);
    test_order(&t);
    assert_non_null(test_asked(&t, ACCOUNT));
    test_stop(&t);
}


/* The request came twice: what is refused is the second one. */

static void
test_twice(void **state)
{
    test_t       t;
    acm_http_t  *http;

    (void) state;

    http = test_rollover(&t);
    assert_int_equal(http->fresh, 1);
    test_order(&t);
    test_refuse(&t, http, "malformed");

    http = test_asked(&t, ACCOUNT);
    assert_int_equal(http->fresh, 0);
    assert_true(test_by(http, t.new));
    test_answer(&t, http, 200, "{\"status\":\"valid\"}");

    test_ordered(&t, t.new);
    test_rolled(&t);
    test_stop(&t);
}


/* Refused, and the new key is not known either: until here. */

static acm_http_t *
test_unknown(test_t *t)
{
    acm_http_t  *http;

    test_refuse(t, test_rollover(t), "badPublicKey");
    test_order(t);

    http = test_asked(t, ACCOUNT);
    assert_true(test_by(http, t->new));
    test_refuse(t, http, "unauthorized");

    http = test_asked(t, ACCOUNT);
    assert_int_equal(t->nsent, 1);
    assert_true(test_by(http, t->old));

    return http;
}


static void
test_unchanged(void **state)
{
    test_t          t;
    uint64_t        revision;
    acm_account_t   a;

    (void) state;

    test_answer(&t, test_unknown(&t), 200, "{\"status\":\"valid\"}");
    test_ordered(&t, t.old);

    test_ok(test_account(&t, &a, &revision));
    assert_int_equal(a.version, 1);
    assert_int_equal(a.next.len, 0);
    assert_int_equal(a.wish, ACM_ACCOUNT_NOTHING);
    assert_non_null(strstr(a.error, "badPublicKey"));
    acm_account_free(&a);

    /* the next one begins from the start */

    EVP_PKEY_free(t.new);
    test_wish(&t, ACM_ACCOUNT_ROLLOVER);
    test_refuse(&t, test_asked(&t, ACCOUNT), "malformed");
    t.new = test_key(&t, 1);
    test_answer(&t, test_asked(&t, BASE "/key-change"), 200, "{}");
    test_order(&t);
    test_ordered(&t, t.new);
    test_rolled(&t);
    test_stop(&t);
}


/* The one that was asked for the new key was behind: it is kept, and the
   account is not taken for dead. */

static void
test_behind(void **state)
{
    test_t       t;
    acm_http_t  *http;

    (void) state;

    test_refuse(&t, test_unknown(&t), "unauthorized");
    assert_int_equal(t.called, 1);
    assert_int_equal(t.call.rc, ACM_ERROR);
    assert_null(test_run(&t));

    acm_ticks_set(acm_ticks() + HOUR);
    test_order(&t);
    http = test_asked(&t, ACCOUNT);
    assert_int_equal(t.nsent, 1);
    assert_true(test_by(http, t.new));
    test_answer(&t, http, 200, "{\"status\":\"valid\"}");

    test_ordered(&t, t.new);
    test_rolled(&t);
    test_stop(&t);
}


/* A directory that leads elsewhere is not followed, and it is said where to. */

static void
test_origin(void **state)
{
    test_t       t;
    acm_http_t  *http;

    (void) state;

    test_start(&t);
    t.issuer.same_origin = 1;
    test_order(&t);

    (void) acm_session_run(t.session, acm_ticks());
    assert_int_equal(t.nsent, 1);
    http = t.sent[0];
    assert_string_equal(http->url, DIR);

    test_answer(&t, http, 200, "{\"newNonce\":\"" BASE "/nonce\","
                "\"newAccount\":\"https://elsewhere.example/new-account\","
                "\"newOrder\":\"" BASE "/new-order\"}");

    assert_null(acm_session_directory(t.session));
    assert_non_null(strstr(acm_session_error(t.session), "\"same_origin\" "
                           "forbids: https://elsewhere.example/new-account"));

    (void) acm_session_run(t.session, acm_ticks());
    assert_int_equal(t.nsent, 0);

    test_stop(&t);

    /* nor is an account's URL kept that could never be asked for */

    test_start(&t);
    t.issuer.same_origin = 1;
    test_order(&t);

    http = test_asked(&t, BASE "/new-account");
    test_header(http, "Location", "https://elsewhere.example/account");
    test_answer(&t, http, 200, "{\"status\":\"valid\"}");

    assert_null(acm_session_account(t.session));
    assert_non_null(strstr(acm_session_error(t.session), "\"same_origin\" "
                           "forbids: https://elsewhere.example/account"));

    test_stop(&t);
}


/* Whatever memory is missing when the new key is the CA's: no request is signed
   by the old one. */

static void
test_memory(void **state)
{
    test_t          t;
    acm_http_t     *http;
    unsigned long   n, left;

    (void) state;

    for (n = 1, left = 0; left == 0; n++) {
        http = test_rollover(&t);
        test_cancel(&t, http);

        http->rc = ACM_OK;
        http->status = 200;
        test_header(http, "Replay-Nonce", "m");

        (void) acm_alloc_fail_at(n);
        http->done(http);
        left = acm_alloc_fail_at(0);

        acm_ticks_set(acm_ticks() + HOUR);
        test_order(&t);
        http = test_run(&t);
        assert_non_null(http);
        assert_int_equal(t.nsent, 1);
        assert_true(test_by(http, t.new));

        if (strcmp(http->url, ACCOUNT) == 0) {
            test_answer(&t, http, 200, "{\"status\":\"valid\"}");
        }

        test_ordered(&t, t.new);
        test_rolled(&t);
        test_stop(&t);
    }

    assert_true(n > 5);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_settles),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_unchanged),
        cmocka_unit_test(test_behind),
        cmocka_unit_test(test_origin),
        cmocka_unit_test(test_memory)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
