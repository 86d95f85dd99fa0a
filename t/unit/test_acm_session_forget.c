
/*
 * Copyright (C) The ngx_acm authors
 *
 * Answers of a CA that come when the account is another one by then, and
 * wishes that are not meant for it.
 */


#include "test_session.h"


static void
test_forget(test_t *t)
{
    acm_err_t  err;

    test_ok(acm_account_forget(t->store, "le", DIR, &err));
}


/* Forgotten while it is registered: the account's URL is not the next one's. */

static void
test_forget_register(void **state)
{
    test_t       t;
    acm_http_t  *http;

    (void) state;

    test_start(&t);
    test_order(&t);
    http = test_asked(&t, BASE "/new-account");
    t.old = test_key(&t, 0);
    test_forget(&t);
    assert_ptr_equal(test_run(&t), http);
    test_answer(&t, http, 201, "{\"status\":\"valid\"}");

    http = test_asked(&t, BASE "/new-account");
    t.new = test_key(&t, 0);
    assert_int_equal(EVP_PKEY_eq(t.old, t.new), 0);
    assert_true(test_by(http, t.new));
    test_answer(&t, http, 201, "{\"status\":\"valid\"}");
    test_ordered(&t, t.new);
    test_stop(&t);
}


/* What the CA says of the one before is not said of the next. */

static void
test_forget_status(void **state)
{
    test_t          t;
    uint64_t        revision;
    acm_http_t     *http;
    acm_account_t   a;

    (void) state;

    test_registered(&t);
    test_order(&t);
    acm_session_account_suspect(t.session);
    http = test_asked(&t, ACCOUNT);
    test_forget(&t);
    assert_ptr_equal(test_run(&t), http);
    test_refuse(&t, http, "unauthorized");

    acm_ticks_set(acm_ticks() + HOUR);
    test_order(&t);
    (void) test_asked(&t, BASE "/new-account");
    test_ok(test_account(&t, &a, &revision));
    assert_int_equal(a.status, ACM_ACCOUNT_NEW);
    acm_account_free(&a);
    test_stop(&t);
}


/* A wish that comes while another is asked for is not lost. */

static void
test_wish_meanwhile(void **state)
{
    test_t       t;
    acm_http_t  *http;

    (void) state;

    test_start(&t);
    test_order(&t);
    http = test_asked(&t, BASE "/new-account");
    test_wish(&t, ACM_ACCOUNT_ROLLOVER);
    assert_ptr_equal(test_run(&t), http);
    test_answer(&t, http, 201, "{\"status\":\"valid\"}");

    /* it is registered already, which does not matter */

    test_answer(&t, test_asked(&t, BASE "/new-account"), 201,
                "{\"status\":\"valid\"}");
    http = test_asked(&t, ACCOUNT);
    t.new = test_key(&t, 1);
    assert_true(test_by(http, t.new));
    test_stop(&t);
}


/* The new key's request waits for a nonce when the account is forgotten. */

static void
test_forget_dry(void **state)
{
    test_t       t;
    acm_http_t  *http;

    (void) state;

    test_registered(&t);
    t.dry = 1;

    /* what nonces there are are used up */

    for ( ;; ) {
        test_order(&t);
        http = test_run(&t);

        if (http == NULL) {
            break;
        }

        test_answer(&t, http, 201, "{}");
    }

    test_wish(&t, ACM_ACCOUNT_ROLLOVER);
    assert_null(test_run(&t));
    t.new = test_key(&t, 1);
    test_forget(&t);
    assert_null(test_run(&t));
    t.dry = 0;

    http = test_asked(&t, ACCOUNT);
    assert_true(test_by(http, t.new));
    test_refuse(&t, http, "malformed");
    test_answer(&t, test_asked(&t, BASE "/key-change"), 200, "{}");

    (void) test_asked(&t, BASE "/new-account");
    test_stop(&t);
}


/* The CA says that it does not know the account, while it is asked of it. */

static void
test_lost_status(void **state)
{
    int          late;
    test_t       t;
    acm_call_t   other;
    acm_http_t  *http, *order;

    (void) state;

    for (late = 0; late < 2; late++) {
        test_registered(&t);
        test_order(&t);
        order = test_asked(&t, BASE "/new-order");

        memset(&other, 0, sizeof(acm_call_t));
        other.payload = "{}";
        other.done = test_done;
        other.data = &t;
        acm_session_call(t.session, &other);

        acm_session_account_suspect(t.session);
        (void) test_run(&t);
        assert_int_equal(t.nsent, 2);
        http = (t.sent[0] == order) ? t.sent[1] : t.sent[0];
        assert_string_equal(http->url, ACCOUNT);

        test_refuse(&t, order, "accountDoesNotExist");
        assert_int_equal(t.called, 1);
        acm_session_account_lost(t.session);

        if (late) {
            test_answer(&t, http, 200, "{\"status\":\"valid\"}");
        }

        http = test_asked(&t, BASE "/new-account");
        assert_int_equal(t.nsent, 1);
        test_answer(&t, http, 201, "{\"status\":\"valid\"}");
        (void) test_asked(&t, ACCOUNT);
        test_stop(&t);
    }
}


/* A deactivation is of the account that there was, not of the next. */

static void
test_deactivate(void **state)
{
    test_t          t;
    uint64_t        revision;
    acm_err_t       err;
    acm_http_t     *http;
    acm_account_t   a;

    (void) state;

    test_start(&t);
    test_order(&t);
    http = test_asked(&t, BASE "/new-account");
    assert_int_equal(acm_account_wish(t.store, "le", DIR,
                                      ACM_ACCOUNT_DEACTIVATE, &err),
                     ACM_DENIED);
    assert_non_null(strstr(err.text, "\"le\": the CA does not know it"));
    test_answer(&t, http, 201, "{\"status\":\"valid\"}");
    t.old = test_key(&t, 0);
    test_ordered(&t, t.old);

    /* the CA has lost the account that was not to be any more */

    test_wish(&t, ACM_ACCOUNT_DEACTIVATE);
    test_refuse(&t, test_asked(&t, ACCOUNT), "serverInternal");
    acm_session_account_lost(t.session);

    acm_ticks_set(acm_ticks() + HOUR);
    test_order(&t);
    test_answer(&t, test_asked(&t, BASE "/new-account"), 201,
                "{\"status\":\"valid\"}");
    test_ordered(&t, t.old);
    test_ok(test_account(&t, &a, &revision));
    assert_int_equal(a.wish, ACM_ACCOUNT_NOTHING);
    assert_int_equal(a.status, ACM_ACCOUNT_VALID);
    acm_account_free(&a);

    /* and one that there is is deactivated */

    test_wish(&t, ACM_ACCOUNT_DEACTIVATE);
    http = test_asked(&t, ACCOUNT);
    test_answer(&t, http, 200, "{\"status\":\"deactivated\"}");
    assert_null(test_run(&t));
    test_ok(test_account(&t, &a, &revision));
    assert_int_equal(a.status, ACM_ACCOUNT_DEACTIVATED);
    acm_account_free(&a);
    test_stop(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_forget_register),
        cmocka_unit_test(test_forget_status),
        cmocka_unit_test(test_wish_meanwhile),
        cmocka_unit_test(test_forget_dry),
        cmocka_unit_test(test_lost_status),
        cmocka_unit_test(test_deactivate)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
