
/*
 * Copyright (C) The ngx_acm authors
 */


#include "acm_certificate_impl.h"
#include "acm_revocation.h"
#include "acm_store_impl.h"
#include "test_store.h"


static void
test_put(acm_store_t *store, uint32_t n, acm_revoking_e state,
    int64_t not_after)
{
    acm_err_t         err;
    acm_batch_t       batch;
    acm_revocation_t  r;

    memset(&r, 0, sizeof(r));
    r.issuer = (n % 2) ? "one" : "two";
    r.account = "123456789012";
    r.region = "us-east-1";
    r.domain = "a.example";
    r.serial = "01";
    r.error = "";
    r.state = state;
    r.reason = ACM_REVOKED_UNSPECIFIED;
    r.at = 1;
    r.not_after = not_after;
    r.due_at = (state == ACM_REVOKING_WANTED) ? 1 : 0;
    memcpy(r.hash, &n, sizeof(n));
    test_ok(acm_uuid(r.uuid));

    acm_batch_init(&batch);
    acm_batch_revocation(&batch, &r, 0, 0);
    test_ok(acm_store_commit(store, &batch, &err));
    acm_batch_free(&batch);
}


static acm_rc_t
test_note(void *data, const acm_revocation_t *r)
{
    size_t  *n = data;

    (void) r;
    ++*n;

    return ACM_OK;
}


static size_t
test_count(acm_store_t *store)
{
    size_t       n;
    acm_snap_t  *snap;

    n = 0;

    test_ok(acm_store_begin(store, &snap, NULL));
    test_ok(acm_revocation_each(snap, NULL, test_note, &n));
    acm_store_end(snap);

    return n;
}


static void
test_step(acm_store_t *store, acm_revoked_sweep_t *sweep, int64_t now,
    int more)
{
    int        is;
    acm_err_t  err;

    test_ok(acm_revoked_sweep(sweep, store, now, &is, &err));
    assert_int_equal(is, more);
}


/* Records of what had expired at the sweep before go, a step at a time; what
   is wanted, or was valid a second longer, stays. */

static void
test_sweep(void **state)
{
    int64_t              now;
    uint32_t             i;
    acm_store_t         *store;
    acm_revoked_sweep_t  sweep;

    (void) state;

    memset(&sweep, 0, sizeof(sweep));
    store = test_open_memory();

    now = 10 * ACM_REVOKED_KEPT;

    for (i = 0; i < ACM_REVOKED_STEP - 3; i++) {
        test_put(store, i, (i % 3) ? ACM_REVOKING_DONE : ACM_REVOKING_REFUSED,
                 now - ACM_REVOKED_KEPT - 1);
    }

    test_put(store, i, ACM_REVOKING_DONE, now - ACM_REVOKED_KEPT);
    test_put(store, i + 1, ACM_REVOKING_DONE, now + 1);
    test_put(store, i + 2, ACM_REVOKING_WANTED, 1);

    test_step(store, &sweep, now, 0);
    assert_int_equal(test_count(store), ACM_REVOKED_STEP);

    /* less than a day later it is none */

    now += ACM_REVOKED_SWEEP;
    test_step(store, &sweep, now - 1, 0);
    assert_int_equal(test_count(store), ACM_REVOKED_STEP);

    /* as many as one step reads; the index of what is due is not of them */

    test_step(store, &sweep, now, 0);
    assert_int_equal(sweep.removed, ACM_REVOKED_STEP - 3);
    assert_int_equal(test_count(store), 3);

    /* one more than that, half of it by another process */

    for (i = 3; i <= ACM_REVOKED_STEP; i++) {
        test_put(store, 10000 + i, ACM_REVOKING_DONE, 1);
    }

    now += ACM_REVOKED_SWEEP;
    test_step(store, &sweep, now, 1);
    assert_int_equal(sweep.removed, 2 * ACM_REVOKED_STEP - 5);

    memset(&sweep, 0, sizeof(sweep));
    test_step(store, &sweep, now, 0);
    assert_int_equal(sweep.removed, 1);
    assert_int_equal(test_count(store), 2);

    acm_store_close(store);
}


/* A clock that is ahead removes nothing: not when it sweeps, not when it has
   been set back, and not when it is ahead again. */

static void
test_ahead(void **state)
{
    int                  ahead;
    int64_t              now;
    uint8_t              odd[8] = { 0xff, 0xff };
    acm_err_t            err;
    acm_batch_t          batch;
    acm_store_t         *store;
    acm_revoked_sweep_t  sweep;

    (void) state;

    memset(&sweep, 0, sizeof(sweep));
    store = test_open_memory();

    now = 10 * ACM_REVOKED_KEPT;
    test_put(store, 1, ACM_REVOKING_DONE, now);

    test_step(store, &sweep, now, 0);
    test_ok(acm_revoked_clock(store, now, &ahead, &err));
    assert_int_equal(ahead, 0);

    test_step(store, &sweep, 2 * now, 0);
    test_step(store, &sweep, 2 * now - 1, 0);
    test_ok(acm_revoked_clock(store, now + 1, &ahead, &err));
    assert_int_equal(ahead, 1);
    test_step(store, &sweep, 3 * now, 0);
    assert_int_equal(test_count(store), 1);

    /* a time that cannot be */

    acm_batch_init(&batch);
    acm_batch_put(&batch, ACM_DB_META, ACM_META_SWEPT,
                  sizeof(ACM_META_SWEPT) - 1, odd, sizeof(odd));
    test_ok(acm_store_commit(store, &batch, &err));
    acm_batch_free(&batch);

    test_step(store, &sweep, 4 * now, 0);
    assert_int_equal(test_count(store), 1);

    test_step(store, &sweep, 4 * now + ACM_REVOKED_SWEEP, 0);
    assert_int_equal(test_count(store), 0);

    acm_store_close(store);
}


/* In pieces each comes once, and what cannot be read hides no other. */

static void
test_pieces(void **state)
{
    size_t                  n, max, pieces;
    uint32_t                i;
    acm_rc_t                rc;
    acm_err_t               err;
    acm_snap_t             *snap;
    acm_store_t            *store;
    acm_batch_t             batch;
    acm_revocation_walk_t   w;

    (void) state;

    store = test_open_memory();

    for (i = 0; i < 8; i++) {
        test_put(store, i, ACM_REVOKING_DONE, 1);
    }

    for (max = 1; max < 10; max++) {
        memset(&w, 0, sizeof(w));
        n = 0;

        for (pieces = 0; !w.end; pieces++) {
            test_ok(acm_store_begin(store, &snap, NULL));
            test_ok(acm_revocation_some(snap, "one", &w, max, test_note,
                                        &n));
            acm_store_end(snap);
        }

        assert_int_equal(n, 4);
        assert_int_equal(pieces, (max < 4) ? (n + max - 1) / max : 1);
    }

    acm_batch_init(&batch);
    acm_batch_put(&batch, ACM_DB_REVOCATION, "rone", 5, "?", 1);
    test_ok(acm_store_commit(store, &batch, &err));
    acm_batch_free(&batch);

    n = 0;

    test_ok(acm_store_begin(store, &snap, NULL));
    rc = acm_revocation_each(snap, "one", test_note, &n);
    assert_int_equal(rc, ACM_CORRUPT);
    assert_int_equal(n, 4);

    n = 0;
    test_ok(acm_revocation_each(snap, "two", test_note, &n));
    assert_int_equal(n, 4);
    acm_store_end(snap);

    acm_store_close(store);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_ahead),
        cmocka_unit_test(test_pieces)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
