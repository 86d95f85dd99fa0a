
/*
 * Copyright (C) The ngx_acm authors
 *
 * What was put off by a clock that was ahead, and the watch that finds it,
 * whoever made the certificate.
 */


#include "test_watch.h"

#include "acm_ahead.h"
#include "acm_staple.h"


#define NOW  (START + DAY)


/* As read back, once a watch that has just begun has been over it. */

static void
test_patrolled(acm_cert_t *c, acm_cert_t *read)
{
    test_t       t;
    acm_snap_t  *snap;

    test_start(&t);
    test_store(&t, c, NOW);

    /* known already, so that no sweep finds it */

    t.watch.ready = 1;
    t.watch.latest = NOW;
    t.watch.patrol_at = NOW;

    (void) test_run(&t, NOW);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_cert_get(snap, c->account, c->region, c->uuid, read, NULL));
    acm_store_end(snap);
    acm_store_close(t.store);
}


static void
test_issued_ahead(void **state)
{
    size_t       i;
    int64_t      slack;
    acm_cert_t   c, read;

    (void) state;

    for (i = 0; i < 2; i++) {
        slack = NOW + ACM_CLOCK_SLACK + (int64_t) i;

        test_issued(&c, 90 * DAY, START);
        c.managed = 1;
        c.issued_at = slack;
        c.renew_at = c.not_after + 300 * DAY;
        c.due_at = c.renew_at;

        assert_int_equal(acm_ahead(&c, NOW), i);
        test_patrolled(&c, &read);

        assert_int_equal(read.due, ACM_DUE_RENEW);
        assert_int_equal(read.due_at, i ? acm_sched_renew_at(c.not_before,
                                                             c.not_after)
                                        : c.due_at);
        assert_int_equal(read.issued_at, i ? NOW : slack);
        assert_false(acm_ahead(&read, NOW));
        acm_cert_free(&read);
    }

    /* the CA said when */

    c.ari_start = NOW + DAY;
    assert_false(acm_ahead(&c, NOW));
}


/* A failure of a time to come: it is tried again now. */

static void
test_failed_ahead(void **state)
{
    size_t       i;
    acm_cert_t   c, read;

    (void) state;

    for (i = 0; i < 2; i++) {
        test_issued(&c, 90 * DAY, START);
        c.renew_at = START + 3600;
        c.due_at = NOW + 200 * DAY;
        c.last_error_at = NOW + ACM_CLOCK_SLACK + (int64_t) i;

        assert_int_equal(acm_ahead(&c, NOW), i);
        test_patrolled(&c, &read);
        assert_int_equal(read.due_at, i ? NOW : c.due_at);
        assert_true(!i || read.last_error_at == NOW);
        acm_cert_free(&read);
    }

    /* never issued: asked for by that clock, and waiting */

    test_issued(&c, 0, 0);
    c.version = 0;
    c.status = ACM_STATUS_PENDING_VALIDATION;
    c.due = ACM_DUE_ISSUE;
    c.due_at = NOW + 200 * DAY;
    c.renew_at = 0;
    c.created_at = NOW + ACM_CLOCK_SLACK;
    assert_false(acm_ahead(&c, NOW));

    c.created_at++;
    assert_true(acm_ahead(&c, NOW));
    acm_ahead_mend(&c, NOW);
    assert_int_equal(c.due, ACM_DUE_ISSUE);
    assert_int_equal(c.due_at, NOW);
    assert_false(acm_ahead(&c, NOW));

    /* tried since by a clock that is right: that has put it off */

    c.due_at = c.created_at;
    assert_true(acm_ahead(&c, NOW));
    c.due_at--;
    assert_false(acm_ahead(&c, NOW));
    c.due_at += 2;
    c.last_error_at = NOW;
    assert_false(acm_ahead(&c, NOW));
}


/* A clock that is behind, as before it is set after a boot, makes nothing older
   than it is. */

static void
test_behind(void **state)
{
    size_t               i;
    acm_cert_t           c;

    static const int64_t  clocks[] = { 1000, START - 30 * DAY, START - 61 };

    (void) state;

    for (i = 0; i < 3; i++) {
        test_issued(&c, 90 * DAY, START);
        c.ari_at = NOW + DAY;
        c.renew_at = c.ari_at + 1;
        acm_certificate_schedule(&c);
        assert_int_equal(c.due, ACM_DUE_ARI);
        assert_true(acm_ahead(&c, clocks[i]));
        acm_ahead_mend(&c, clocks[i]);
        assert_int_equal(c.created_at, START);
        assert_int_equal(c.due_at, clocks[i]);

        /* issued when most of its life was over */

        test_issued(&c, 90 * DAY, START);
        c.renew_at = c.not_after - DAY;
        c.due_at = c.renew_at;
        assert_true(acm_ahead(&c, clocks[i]));
        acm_ahead_mend(&c, clocks[i]);
        assert_int_equal(c.issued_at, START);
        assert_int_equal(c.created_at, START);
        assert_false(acm_ahead(&c, clocks[i]));

        /* a request that waits for its next attempt */

        test_issued(&c, 0, 0);
        c.version = 0;
        c.status = ACM_STATUS_PENDING_VALIDATION;
        c.due = ACM_DUE_ISSUE;
        c.created_at = START;
        c.last_error_at = START + 10;
        c.due_at = START + 3600;
        c.renew_at = 0;
        assert_true(acm_ahead(&c, clocks[i]));
        acm_ahead_mend(&c, clocks[i]);
        assert_int_equal(c.created_at, START);
        assert_int_equal(c.due_at, clocks[i]);
    }
}


static void
test_questions_ahead(void **state)
{
    size_t       i;
    acm_cert_t   c, read;

    (void) state;

    for (i = 0; i < 2; i++) {
        test_issued(&c, 90 * DAY, START);
        c.ari_at = NOW + ACM_CLOCK_SLACK + ACM_ARI_MOST + (int64_t) i;
        c.renew_at = c.ari_at + 1;
        acm_certificate_schedule(&c);
        assert_int_equal(c.due, ACM_DUE_ARI);

        assert_int_equal(acm_ahead(&c, NOW), i);
        test_patrolled(&c, &read);
        assert_int_equal(read.due, ACM_DUE_ARI);
        assert_int_equal(read.due_at, i ? NOW : c.ari_at);
        acm_cert_free(&read);

        /* of an imported certificate only the responder is asked */

        test_issued(&c, 90 * DAY, START);
        c.type = ACM_TYPE_IMPORTED;
        c.due = ACM_DUE_NONE;
        c.due_at = 0;
        c.renew_at = 0;
        c.ocsp_at = NOW + ACM_CLOCK_SLACK + ACM_STAPLE_MOST + (int64_t) i;

        assert_int_equal(acm_ahead(&c, NOW), i);
        test_patrolled(&c, &read);
        assert_int_equal(read.ocsp_at, i ? NOW : c.ocsp_at);
        assert_int_equal(read.due, ACM_DUE_NONE);
        acm_cert_free(&read);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_issued_ahead),
        cmocka_unit_test(test_failed_ahead),
        cmocka_unit_test(test_behind),
        cmocka_unit_test(test_questions_ahead)
    };

    return cmocka_run_group_tests_name("ahead", tests, NULL, NULL);
}
