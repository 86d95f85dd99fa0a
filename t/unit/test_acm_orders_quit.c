
/*
 * Copyright (C) The ngx_acm authors
 *
 * Orders over processes that end in peace, and over some that die.
 */


#include "sim.h"


/* The record of the order of a certificate. */

static void
sim_order_rec(sim_t *s, size_t n, acm_order_rec_t *rec)
{
    acm_cert_t    c;
    acm_snap_t   *snap;
    acm_entry_t   entry;

    sim_cert(s, n, &c);

    test_ok(acm_store_begin(s->store, &snap, NULL));
    test_ok(acm_store_get(snap, ACM_DB_ORDER, c.uuid, ACM_UUID_LEN, &entry));
    test_ok(acm_order_decode(entry.data, entry.len, rec));

    acm_store_end(snap);
    acm_cert_free(&c);
}


/* Reloads in an order, wherever it is, do not hold it up, whether it gets to
   do something between them or not. */

static void
test_quits(void **state)
{
    size_t    k, i, slow;
    sim_t    *s;

    (void) state;

    for (k = 0; k < 12; k++) {
        for (slow = 0; slow < 2; slow++) {
            s = sim_new(1, 1);
            sim_run(s, 0);

            while (sim_requests(s) < k) {
                sim_step(s, INT64_MAX);
            }

            for (i = 0; i < 10; i++) {
                sim_quit(s);
                sim_step(s, s->ticks);
                sim_run(s, (int64_t) slow);
            }

            assert_int_equal(sim_until(s, 1, 60), 1);

            /* an answer that is lost is asked for again */

            assert_in_range(s->seen[0].orders, 1, 2);
            sim_check_quiet(s);
            sim_free(s);
        }
    }
}


/* Crashes hold it up, and reloads between them neither more nor less. */

static void
test_quits_crashes(void **state)
{
    size_t            i, n;
    sim_t            *s;
    int64_t           wait, at;
    uint64_t          requests;
    acm_order_rec_t   rec;

    (void) state;

    s = sim_new(1, 1);
    s->cas[0].stuck = 1;
    sim_run(s, 30);
    sim_kill(s);
    wait = 2;
    at = 0;

    for (n = 1; n <= 6; n++) {
        sim_step(s, s->ticks);

        sim_order_rec(s, 0, &rec);
        assert_int_equal(rec.resumed, n);
        assert_in_range(rec.resume_at - sim_now(s), wait, wait * 5 / 4 + 1);
        acm_order_rec_free(&rec);

        for (i = 0; i < 3; i++) {
            sim_quit(s);

            sim_order_rec(s, 0, &rec);
            assert_int_equal(rec.resumed, n - 1);
            assert_true(rec.resume_at <= sim_now(s));
            acm_order_rec_free(&rec);

            requests = sim_requests(s);
            sim_run(s, 1);
            assert_true(sim_requests(s) > requests);
        }

        /* it dies: the next ones wait, however many of them there are */

        sim_kill(s);
        requests = sim_requests(s);

        for (i = 0; i < 3; i++) {
            sim_order_rec(s, 0, &rec);
            assert_int_equal(rec.resumed, n);
            assert_true(rec.resume_at > sim_now(s));
            at = rec.resume_at;
            acm_order_rec_free(&rec);

            sim_step(s, s->ticks);
            sim_quit(s);
        }

        assert_int_equal(sim_requests(s), requests);
        s->ticks += (at - sim_now(s)) * 1000;
        wait *= 2;
    }

    sim_free(s);
}


/* More than go into one commit, and a process that is killed after each of
   them. */

static void
test_quits_many(void **state)
{
    size_t            i, n;
    sim_t            *s;
    uint64_t          commits, k;
    acm_order_rec_t   rec;

    (void) state;

    for (k = 0; k < 4; k++) {
        s = sim_new(600, 1);
        s->issuers[0].orders = 1000;
        s->cas[0].stuck = 1;
        sim_run(s, 30);
        n = (size_t) sim_entries(s, ACM_DB_ORDER);
        assert_in_range(n, 513, 768);

        sim_quit(s);
        sim_run(s, 1);

        commits = s->commits;
        s->crash_commit = (k != 0) ? commits + k : 0;
        sim_quit(s);
        assert_int_equal(s->commits - commits, (k != 0) ? k : 3);
        s->crash_commit = 0;

        for (i = 0, n = 0; i < 600; i++) {
            sim_order_rec(s, i, &rec);
            assert_in_range(rec.resumed, 0, 1);
            assert_int_equal(rec.resumed, rec.resume_at > sim_now(s));
            n += rec.resumed;
            acm_order_rec_free(&rec);
        }

        assert_int_equal(n, (k == 1) ? 600 - 256 : (k == 2) ? 600 - 512 : 0);

        s->cas[0].stuck = 0;
        assert_int_equal(sim_until(s, 1, 600), 600);
        sim_check(s);
        sim_free(s);
    }
}


/* The first record of an order that is seen is damaged, or the store cannot
   be read for a while. */

static acm_rc_t    seek_rc;
static acm_rc_t  (*seek_below)(acm_store_t *store, acm_db_e db,
    acm_entry_t *entry);


static acm_rc_t
quit_seek(acm_store_t *store, acm_db_e db, acm_entry_t *entry)
{
    acm_rc_t  rc;

    rc = seek_below(store, db, entry);

    if (db == ACM_DB_ORDER && rc == ACM_OK && entry->key_len != 0) {
        rc = seek_rc;
    }

    return rc;
}


static void
test_recovers(void **state)
{
    sim_t  *s;

    (void) state;

    s = sim_new(3, 1);
    s->cas[0].stuck = 1;
    sim_run(s, 30);
    sim_kill(s);
    assert_int_equal(sim_entries(s, ACM_DB_ORDER), 3);

    seek_below = s->ops.seek;
    s->ops.seek = quit_seek;

    /* two are taken up, and nobody else begins before */

    seek_rc = ACM_BUSY;
    sim_step(s, s->ticks);
    assert_int_equal(acm_orders_count(s->engine.orders), 0);
    assert_false(s->recovered);
    assert_in_range(s->faults, 1, 2);

    seek_rc = ACM_CORRUPT;
    s->ticks += 2000;
    sim_step(s, s->ticks);
    assert_int_equal(acm_orders_count(s->engine.orders), 2);
    assert_true(s->recovered);

    s->ops.seek = seek_below;
    sim_free(s);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_quits),
        cmocka_unit_test(test_quits_crashes),
        cmocka_unit_test(test_recovers),
        cmocka_unit_test(test_quits_many)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
