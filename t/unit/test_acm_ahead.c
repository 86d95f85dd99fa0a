
/*
 * Copyright (C) The ngx_acm authors
 *
 * What was put off by a clock that was ahead, and the watch that finds it,
 * whoever made the certificate.
 */


#include "test_watch.h"

#include "acm_ahead.h"
#include "acm_failed.h"
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


/* A request over the API, given up. */

static void
test_ended(acm_cert_t *c, acm_status_e status, int64_t created_at)
{
    test_issued(c, 0, 0);
    c->version = 0;
    c->managed = 1;
    c->status = status;
    c->due = ACM_DUE_NONE;
    c->due_at = 0;
    c->renew_at = 0;
    c->created_at = created_at;
}


/* Given up by a clock by which its time was over; also when it is another
   process that finds it. */

static void
test_given_up_ahead(void **state)
{
    size_t        i;
    int64_t       created;
    acm_cert_t    c, read;

    (void) state;

    for (i = 0; i < 2; i++) {
        created = NOW - ACM_VALIDATION_TIME + 1 - (int64_t) i;
        test_ended(&c, ACM_STATUS_VALIDATION_TIMED_OUT, created);

        test_patrolled(&c, &read);
        assert_int_equal(read.status, i ? ACM_STATUS_VALIDATION_TIMED_OUT
                                        : ACM_STATUS_PENDING_VALIDATION);
        assert_int_equal(read.due, i ? ACM_DUE_NONE : ACM_DUE_ISSUE);
        assert_int_equal(read.due_at, i ? 0 : NOW);
        assert_int_equal(read.created_at, created);
        assert_false(acm_ahead(&read, NOW));
        acm_cert_free(&read);

        /* it is now that the clock is wrong */

        test_ended(&c, ACM_STATUS_VALIDATION_TIMED_OUT,
                   NOW + ACM_CLOCK_SLACK + (int64_t) i);
        assert_int_equal(acm_ahead(&c, NOW), !i);

        /* of a private CA, which has failed so often, or said so */

        test_ended(&c, ACM_STATUS_FAILED, NOW - DAY);
        assert_false(acm_ahead(&c, NOW));
        c.type = ACM_TYPE_PRIVATE;
        c.reason = ACM_REASON_PCA_RESOURCE_NOT_FOUND;
        c.culprit = c.domain;
        c.attempts = ACM_FAILED_PRIVATE - 1 + (uint32_t) i;
        test_patrolled(&c, &read);
        assert_int_equal(read.status, i ? ACM_STATUS_FAILED
                                        : ACM_STATUS_PENDING_VALIDATION);
        assert_string_equal(read.culprit, i ? c.domain : "");
        acm_cert_free(&read);

        c.attempts = ACM_FAILED_PRIVATE;
        c.reason = ACM_REASON_PCA_INVALID_STATE;
        c.last_error_at = NOW + ACM_CLOCK_SLACK + (int64_t) i;
        assert_int_equal(acm_ahead(&c, NOW), i);

        c.reason = ACM_REASON_PCA_REQUEST_FAILED;
        c.last_error_at = NOW - 60;
        c.created_at = created;
        assert_int_equal(acm_ahead(&c, NOW), !i);

        /* what is configured is never given up, so it is not taken back */

        c.managed = 0;
        assert_false(acm_ahead(&c, NOW));
    }
}


/* Not served for long, by that clock. */

static void
test_unused_ahead(void **state)
{
    size_t       i, k;
    acm_cert_t   c, read;

    (void) state;

    for (i = 0; i < 2; i++) {
        for (k = 0; k < 2; k++) {
            test_issued(&c, 90 * DAY, START);
            c.unused_at = NOW + ACM_CLOCK_SLACK + (int64_t) i;
            c.renew_at = k ? NOW - 1 : START + 60 * DAY;
            c.due = ACM_DUE_NONE;
            c.due_at = 0;

            test_patrolled(&c, &read);
            assert_int_equal(read.due, i ? ACM_DUE_RENEW : ACM_DUE_NONE);
            assert_int_equal(read.due_at, i ? (k ? NOW : c.renew_at) : 0);
            assert_int_equal(read.unused_at, i ? 0 : c.unused_at);
            assert_false(acm_ahead(&read, NOW));
            acm_cert_free(&read);
        }
    }
}


/* Asked which certificates are of a CA of our own. */

static unsigned  test_asked;
static int       test_own;


static int
test_early_own(void *engine, acm_snap_t *snap, const acm_cert_t *cert,
    int64_t now)
{
    (void) snap;

    assert_true(engine == &test_own);
    assert_true(cert->not_before > now);
    test_asked++;

    return test_own;
}


static void
test_early_at(test_t *t, const acm_cert_t *c, int64_t now, int64_t due_at)
{
    acm_cert_t   read;
    acm_snap_t  *snap;

    (void) test_run(t, now);
    test_ok(acm_store_begin(t->store, &snap, NULL));
    test_ok(acm_cert_get(snap, c->account, c->region, c->uuid, &read, NULL));
    acm_store_end(snap);
    assert_int_equal(read.due, ACM_DUE_RENEW);
    assert_int_equal(read.due_at, due_at);
    acm_cert_free(&read);
}


/* Signed by a clock that was ahead: made anew as soon as it is back, or, of a
   process that has seen no other time, when it has been so for a minute. */

static void
test_early(void **state)
{
    test_t       t;
    size_t       i;
    int64_t      right;
    acm_cert_t   c;

    (void) state;

    right = NOW - ACM_CLOCK_SLACK;

    for (i = 0; i < 2; i++) {
        test_own = 1;
        test_asked = 0;
        test_start(&t);
        t.watch.early = test_early_own;
        t.watch.engine = &test_own;

        test_issued(&c, 90 * DAY, NOW);
        c.managed = (i != 0);
        test_store(&t, &c, NOW);

        /* its time has come, or nearly so */

        test_early_at(&t, &c, NOW + DAY, c.renew_at);
        test_early_at(&t, &c, right, c.renew_at);
        assert_int_equal(test_asked, 0);

        if (i == 0) {
            test_early_at(&t, &c, NOW + DAY, c.renew_at);
            test_early_at(&t, &c, right - 1, right - 1);

        } else {
            memset(&t.watch, 0, sizeof(acm_watch_t));
            t.watch.store = t.store;
            t.watch.ladder = &t.ladder;
            t.watch.early = test_early_own;
            t.watch.engine = &test_own;

            test_early_at(&t, &c, right - 61, c.renew_at);
            test_early_at(&t, &c, right - 2, c.renew_at);
            assert_int_equal(test_asked, 0);
            test_early_at(&t, &c, right - 1, right - 1);
        }

        assert_int_equal(test_asked, 1);
        acm_store_close(t.store);
    }

    /* by another CA; tried already, or put off; revoked; not renewed */

    test_own = 0;
    test_asked = 0;
    test_start(&t);
    t.watch.early = test_early_own;
    t.watch.engine = &test_own;
    test_issued(&c, 90 * DAY, NOW);
    test_store(&t, &c, NOW);
    test_early_at(&t, &c, NOW + DAY, c.renew_at);
    test_early_at(&t, &c, right - 1, c.renew_at);
    assert_int_not_equal(test_asked, 0);
    acm_store_close(t.store);

    assert_true(acm_ahead_early(&c, right - 1));
    assert_false(acm_ahead_early(&c, right));
    c.due_at = right - 1;
    assert_false(acm_ahead_early(&c, right - 1));
    c.due_at = right + 100;
    assert_false(acm_ahead_early(&c, right - 1));
    c.due_at = c.renew_at;
    c.status = ACM_STATUS_REVOKED;
    assert_false(acm_ahead_early(&c, right - 1));
    c.status = ACM_STATUS_ISSUED;
    c.due = ACM_DUE_NONE;
    assert_false(acm_ahead_early(&c, right - 1));
}


/* However many there are, each is come to. */

static void
test_many_ahead(void **state)
{
    char          uuid[ACM_UUID_LEN + 1];
    test_t        t;
    size_t        i, n;
    int64_t       now;
    uint64_t      due;
    acm_cert_t    c;
    acm_snap_t   *snap;

    (void) state;

    n = 300;
    test_start(&t);

    for (i = 0; i < n; i++) {
        test_ended(&c, ACM_STATUS_VALIDATION_TIMED_OUT,
                   (i % 2) ? NOW - DAY : NOW - 30 * DAY);
        test_ok(acm_uuid(uuid));
        memcpy(c.uuid, uuid, sizeof(uuid));
        test_store(&t, &c, NOW);
    }

    t.watch.ready = 1;
    t.watch.latest = NOW;
    t.watch.patrol_at = NOW;
    due = 0;

    for (now = NOW; now < NOW + 30 * 60 && due < n / 2; now += 60) {
        (void) test_run(&t, now);
        test_ok(acm_store_begin(t.store, &snap, NULL));
        test_ok(acm_store_entries(snap, ACM_DB_DUE, &due));
        acm_store_end(snap);
    }

    assert_int_equal(due, n / 2);
    acm_store_close(t.store);
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
        cmocka_unit_test(test_given_up_ahead),
        cmocka_unit_test(test_unused_ahead),
        cmocka_unit_test(test_early),
        cmocka_unit_test(test_many_ahead),
        cmocka_unit_test(test_questions_ahead)
    };

    return cmocka_run_group_tests_name("ahead", tests, NULL, NULL);
}
