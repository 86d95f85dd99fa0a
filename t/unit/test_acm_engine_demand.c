
/*
 * Copyright (C) The ngx_acm authors
 *
 * The engine renews what was made on demand, and is told whether it may.
 */


#include "test_engine.h"


static char  *test_www[] = { "www.example.com" };


static acm_demand_e
test_demanded(void *data, const acm_cert_t *cert, int64_t now, int64_t *at)
{
    test_t  *t = data;

    assert_string_equal(cert->domain, "www.example.com");

    t->demands++;
    *at = now + 60;

    return t->answer;
}


/* What was made on demand is in no configuration, and asked for before each
   renewal. */

static void
test_demand(void **state)
{
    char            uuid[ACM_UUID_LEN + 1];
    test_t          t;
    int64_t         now, next;
    acm_err_t       err;
    acm_cert_t      cert;
    acm_request_t   req;

    (void) state;

    test_request(&req, test_www, 1);
    req.demanded = 1;

    test_start(&t, 90 * DAY, NULL, 0);
    t.engine.demand = test_demanded;

    now = START;
    test_ok(acm_certificate_ensure(t.store, &req, now, uuid, &err));
    now = test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_ISSUED], 1);
    assert_int_equal(t.demands, 0);

    /* no answer yet: it is left where it is, and keeps nobody waiting */

    t.answer = ACM_DEMAND_WAIT;
    next = test_run(&t, now);
    assert_true(next > now);
    assert_int_equal(t.demands, 1);
    test_cert(&t, &req, &cert);
    assert_int_equal(cert.demanded, 1);
    assert_int_equal(cert.due, ACM_DUE_RENEW);
    assert_int_equal(cert.due_at, now);
    acm_cert_free(&cert);

    /* not now: when the answer says */

    t.answer = ACM_DEMAND_NOT_NOW;
    assert_int_equal(test_run(&t, now), now + 60);
    assert_int_equal(t.demands, 2);
    assert_int_equal(t.steps[ACM_STEP_FAILED], 0);
    now += 60;

    t.answer = ACM_DEMAND_YES;
    now = test_run(&t, now);
    assert_int_equal(t.demands, 3);
    assert_int_equal(t.steps[ACM_STEP_RENEWED], 1);

    t.answer = ACM_DEMAND_NO;
    assert_int_equal(test_run(&t, now), INT64_MAX);
    assert_int_equal(t.steps[ACM_STEP_RENEWED], 1);
    assert_int_equal(t.steps[ACM_STEP_IDLE], 1);
    assert_non_null(strstr(t.text, "refused"));
    test_cert(&t, &req, &cert);
    assert_int_equal(cert.due, ACM_DUE_NONE);
    acm_cert_free(&cert);

    /* asked for again: the same one */

    test_ok(acm_certificate_ensure(t.store, &req, now, uuid, &err));
    t.answer = ACM_DEMAND_YES;
    (void) test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_RENEWED], 2);
    test_cert(&t, &req, &cert);
    assert_string_equal(cert.uuid, uuid);
    assert_int_equal(cert.version, 3);
    acm_cert_free(&cert);

    test_stop(&t);
}


static void
test_demand_gone(void **state)
{
    char            uuid[ACM_UUID_LEN + 1];
    test_t          t;
    int64_t         now;
    acm_err_t       err;
    acm_request_t   req, same;

    (void) state;

    test_request(&same, test_www, 1);
    req = same;
    req.demanded = 1;

    /* configured too: nobody is asked */

    test_start(&t, 90 * DAY, &same, 1);
    t.engine.demand = test_demanded;
    t.answer = ACM_DEMAND_NO;

    test_ok(acm_certificate_ensure(t.store, &req, START, uuid, &err));
    now = test_run(&t, START);
    now = test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_RENEWED], 1);
    assert_int_equal(t.demands, 0);

    /* nothing is on demand any more: retired, and nobody is asked */

    acm_engine_done(&t.engine);
    t.engine.requests = NULL;
    t.engine.nrequests = 0;
    t.engine.demand = NULL;
    (void) test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_IDLE], 1);
    assert_string_equal(t.text, "");
    test_stop(&t);

    /* its issuer is gone */

    test_start(&t, 90 * DAY, NULL, 0);
    t.engine.demand = test_demanded;
    t.answer = ACM_DEMAND_YES;
    req.issuer = "gone internal";
    test_ok(acm_certificate_ensure(t.store, &req, START, uuid, &err));
    req.issuer = "gone";
    test_ok(acm_certificate_ensure(t.store, &req, START, uuid, &err));
    (void) test_run(&t, START);
    assert_int_equal(t.steps[ACM_STEP_IDLE], 1);
    test_stop(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_demand),
        cmocka_unit_test(test_demand_gone)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
