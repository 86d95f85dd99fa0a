
/*
 * Copyright (C) The ngx_acm authors
 *
 * Revocation while the clock is wrong, when it is given up, and what brings it
 * back.
 */


#include "test_revocation.h"

#include "acm_engine_impl.h"


/* A clock that was ahead has put it off for years. */

static void
test_clock(void **state)
{
    sim_t        *s;
    test_list_t   list;

    (void) state;

    s = sim_new(1, 1);
    assert_int_equal(sim_until(s, 1, 60), 1);
    sim_fault(&s->cas[0], SIM_REVOKE, 500, NULL);
    s->skew = 60 * SIM_DAY;
    test_ok(test_revoke(s, 0, 0, ACM_REVOKED_KEY_COMPROMISE));
    sim_run(s, 60);
    test_list(s, NULL, &list);
    assert_int_equal(list.state, ACM_REVOKING_WANTED);

    s->skew = 0;
    sim_lift(&s->cas[0]);
    test_until(s, 120);
    test_list(s, NULL, &list);
    assert_int_equal(list.state, ACM_REVOKING_DONE);
    sim_free(s);
}


/* The end has come by a clock that is ahead, for a moment or an hour: the CA
   is asked all the same, once it answers. */

static void
test_ahead(void **state)
{
    static const int64_t  jumps[] = { 91 * SIM_DAY, SIM_YEAR, 20 * SIM_YEAR };

    size_t        i;
    sim_t        *s;
    test_list_t   list;

    (void) state;

    for (i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
        s = sim_new(1, 1);
        assert_int_equal(sim_until(s, 1, 60), 1);
        sim_fault(&s->cas[0], SIM_REVOKE, 500, NULL);
        test_ok(test_revoke(s, 0, 0, ACM_REVOKED_KEY_COMPROMISE));
        sim_run(s, 60);

        s->skew = jumps[i];
        sim_run(s, 3600);
        test_list(s, "ca0", &list);
        assert_int_equal(list.state, ACM_REVOKING_WANTED);
        assert_true(list.leaf > 100);

        s->skew = 0;
        sim_lift(&s->cas[0]);
        test_until(s, 2 * ACM_REVOKE_BACKOFF_MAX);
        test_list(s, "ca0", &list);
        assert_int_equal(list.state, ACM_REVOKING_DONE);
        assert_int_equal(test_events(s, "REVOCATION_REFUSED"), 0);
        sim_free(s);
    }
}


/* When a CA that does not answer is asked no more: at the limit on two days,
   and not a second before. */

static void
test_over(void **state)
{
    sim_t        *s;
    int64_t       over, after;
    acm_cert_t    c;
    test_list_t   list;

    (void) state;

    s = sim_new(1, 1);
    assert_int_equal(sim_until(s, 1, 60), 1);
    sim_fault(&s->cas[0], SIM_REVOKE, 500, NULL);
    sim_cert(s, 0, &c);
    over = c.not_after + ACM_REVOKE_PAST;
    acm_cert_free(&c);
    test_ok(test_revoke(s, 0, 0, ACM_REVOKED_KEY_COMPROMISE));
    sim_run(s, 60);

    test_ok(acm_engine_revoke(&s->engine, over - 1, NULL));
    test_list(s, "ca0", &list);
    assert_int_equal(list.state, ACM_REVOKING_WANTED);
    assert_true(list.due_at <= over - 1 + ACM_REVOKE_BACKOFF_MAX);

    /* it was put off by a clock that was ahead */

    sim_run(s, 60);
    test_list(s, "ca0", &list);
    assert_true(list.due_at <= sim_now(s) + ACM_REVOKE_BACKOFF_MAX);

    after = over + ACM_REVOKE_AHEAD;
    test_ok(acm_engine_revoke(&s->engine, over, NULL));
    test_list(s, "ca0", &list);
    assert_int_equal(list.state, ACM_REVOKING_WANTED);
    assert_int_equal(list.due_at, after);
    assert_true(list.leaf > 100);

    assert_int_equal(acm_engine_revoke(&s->engine, after - 1, NULL),
                     ACM_NOTFOUND);
    test_list(s, "ca0", &list);
    assert_int_equal(list.state, ACM_REVOKING_WANTED);

    test_ok(acm_engine_revoke(&s->engine, after, NULL));
    test_list(s, "ca0", &list);
    assert_int_equal(list.state, ACM_REVOKING_REFUSED);
    assert_int_equal(list.leaf, 0);
    assert_non_null(strstr(list.error, "has expired"));
    assert_int_equal(test_events(s, "REVOCATION_REFUSED"), 1);
    sim_free(s);
}


/* What was refused is asked for once more by whoever wants it still: in use,
   or with a successor; not when it has expired. */

static void
test_again(void **state)
{
    size_t        i;
    sim_t        *s;
    acm_cert_t    c;
    test_list_t   list;

    (void) state;

    for (i = 0; i < 3; i++) {
        s = sim_new(1, 1);
        assert_int_equal(sim_until(s, 1, 60), 1);
        sim_fault(&s->cas[0], SIM_REVOKE, 403, "unauthorized");

        if (i == 0) {
            sim_fault(&s->cas[0], SIM_ORDER, 500, NULL);
        }

        test_ok(test_revoke(s, 0, 0, ACM_REVOKED_SUPERSEDED));
        test_until(s, 5);
        test_list(s, "ca0", &list);
        assert_int_equal(list.state, ACM_REVOKING_REFUSED);

        if (i == 0) {
            sim_run(s, 60);

        } else {
            assert_int_equal(sim_until(s, 2, 60), 1);
            sim_check_quiet(s);
        }

        s->cas[0].fault[SIM_REVOKE].times = 0;

        if (i == 2) {
            sim_run(s, 91 * SIM_DAY);
            test_ok(test_revoke(s, 0, 1, ACM_REVOKED_KEY_COMPROMISE));
            test_list(s, "ca0", &list);
            assert_int_equal(list.state, ACM_REVOKING_REFUSED);
            sim_free(s);
            continue;
        }

        test_ok(test_revoke(s, 0, 1, ACM_REVOKED_KEY_COMPROMISE));
        test_list(s, "ca0", &list);
        assert_int_equal(list.state, ACM_REVOKING_WANTED);
        assert_true(list.leaf > 100);
        assert_int_equal(sim_entries(s, ACM_DB_REVOCATION), 2);

        sim_cert(s, 0, &c);
        assert_int_equal(c.status, i ? ACM_STATUS_ISSUED
                                     : ACM_STATUS_REVOKED);
        assert_int_equal(c.revoking, i ? ACM_REVOKING_NONE
                                       : ACM_REVOKING_WANTED);
        assert_int_equal(c.revocation, i ? ACM_REVOKED_NOT
                                         : ACM_REVOKED_KEY_COMPROMISE);
        assert_true(i || c.due_at > sim_now(s));
        acm_cert_free(&c);

        test_until(s, 10);
        test_list(s, "ca0", &list);
        assert_int_equal(list.n, 1);
        assert_int_equal(list.state, ACM_REVOKING_DONE);
        assert_string_equal(list.error, "");
        assert_int_equal(s->cas[0].count[SIM_REVOKE], 2);
        assert_int_equal(s->cas[0].reason, 1);
        assert_int_equal(test_events(s, "ACM Certificate Revoked"), 1);
        sim_free(s);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_ahead),
        cmocka_unit_test(test_over),
        cmocka_unit_test(test_again)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
