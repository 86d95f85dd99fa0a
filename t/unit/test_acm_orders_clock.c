
/*
 * Copyright (C) The ngx_acm authors
 *
 * Orders over ACME, while the clock is wrong, and when it is right again.
 */


#include "acm_renewal.h"
#include "sim.h"


/* A clock that jumps, alone or with the world. */

static void
test_clock(void **state)
{
    static const int64_t  jumps[] = {
        3 * SIM_DAY, SIM_YEAR, -3 * SIM_DAY, -SIM_YEAR, 61 * SIM_DAY,
        -61 * SIM_DAY
    };

    size_t       i, k;
    sim_t       *s;
    acm_cert_t   c;
    uint32_t     version;

    (void) state;

    /* our clock is wrong for two days, then right again */

    for (i = 0; i < 12; i++) {
        s = sim_new(2, 1);

        for (k = 0; k < 3; k++) {
            s->cas[k].ari = (i >= 6) ? SIM_ARI_FUTURE : SIM_ARI_NONE;
        }

        assert_int_equal(sim_until(s, 1, 60), 2);
        sim_run(s, 10 * SIM_DAY);

        s->skew = jumps[i % 6];
        sim_run(s, 2 * SIM_DAY);
        s->skew = 0;
        sim_run(s, 7200);

        sim_check(s);
        sim_cert(s, 0, &c);
        version = c.version;
        acm_cert_free(&c);

        sim_run(s, 75 * SIM_DAY);
        sim_check(s);
        sim_cert(s, 0, &c);
        assert_true(c.version > version);
        assert_true(c.not_after > sim_now(s) + 25 * SIM_DAY);
        acm_cert_free(&c);

        assert_true(sim_requests(s) < 1000);

        sim_free(s);
    }

    /* in the middle of an order */

    for (i = 0; i < 6; i++) {
        for (k = 0; k < 12; k++) {
            s = sim_new(1, 1);
            sim_run(s, 0);

            while (sim_requests(s) < k) {
                sim_step(s, INT64_MAX);
            }

            s->skew = jumps[i];
            sim_run(s, 5);
            s->skew = 0;

            assert_int_equal(sim_until(s, 1, 2 * SIM_DAY), 1);
            sim_check(s);
            sim_free(s);
        }
    }
}


/* Issued by a clock that is ahead, so that it is to be renewed late; then the
   clock is right again, in the same process or another one. */

static void
test_ahead(void **state)
{
    size_t       i;
    sim_t       *s;
    int64_t      ahead, late;
    acm_cert_t   c;

    (void) state;

    for (i = 0; i < 8; i++) {
        s = sim_new(1, 1);
        s->cas[0].ari = (i & 1) ? SIM_ARI_FUTURE : SIM_ARI_NONE;
        ahead = (i & 2) ? 80 * SIM_DAY : 20 * SIM_DAY;

        s->skew = ahead;
        assert_int_equal(sim_until(s, 1, 60), 1);
        sim_run(s, SIM_DAY);
        sim_cert(s, 0, &c);
        late = c.renew_at;
        assert_true(late > c.not_after - ((i & 2) ? 10 : 31) * SIM_DAY);
        assert_int_equal(c.ari_start != 0, i % 4 == 1);
        acm_cert_free(&c);

        if (i & 4) {
            sim_kill(s);
        }

        s->skew = 0;
        sim_run(s, 7200);
        sim_check_quiet(s);
        sim_cert(s, 0, &c);

        if (i & 2) {
            assert_true(c.issued_at <= sim_now(s));
            assert_true(c.renew_at < c.not_after - 17 * SIM_DAY);
            assert_int_equal(c.ari_start != 0, i & 1);

        } else {
            assert_int_equal(c.renew_at, late);
        }

        acm_cert_free(&c);
        assert_int_equal(sim_until(s, 2, 73 * SIM_DAY), 1);
        assert_int_equal(s->seen[0].orders, 2);
        sim_free(s);
    }
}


/* A renewal that was asked for while the clock was ahead, and failed. */

static void
test_forced(void **state)
{
    int          again;
    sim_t       *s;
    acm_cert_t   c;

    (void) state;

    for (again = 0; again < 2; again++) {
        s = sim_new(1, 1);
        assert_int_equal(sim_until(s, 1, 60), 1);
        sim_run(s, 3600);

        s->skew = 10 * SIM_DAY;
        sim_run(s, 60);
        sim_cert(s, 0, &c);
        test_ok(acm_renewal_force(s->store, c.account, c.region, c.uuid,
                                  sim_now(s), NULL));
        acm_cert_free(&c);
        sim_fault(&s->cas[0], SIM_ORDER, 400, "malformed");
        sim_run(s, 3600);
        sim_lift(&s->cas[0]);
        sim_cert(s, 0, &c);
        assert_int_equal(c.forced, 1);
        assert_true(c.attempts > 1);
        assert_true(c.due_at > sim_now(s) && c.due_at < c.renew_at);
        acm_cert_free(&c);

        if (again) {
            sim_kill(s);
        }

        s->skew = 0;
        assert_int_equal(sim_until(s, 2, 7200), 1);
        sim_check(s);
        sim_free(s);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_ahead),
        cmocka_unit_test(test_forced)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
