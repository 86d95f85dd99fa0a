
/*
 * Copyright (C) The ngx_acm authors
 *
 * The index of what is not simply issued: which kind a certificate is of, that
 * its entry follows it, and that it comes into a store of an older version.
 */


#include "acm_state.h"
#include "acm_store_impl.h"
#include "test_watch.h"


#define TEST_OLDER  1000         /* more than a slice, or one commit */


static void
test_kind(void **state)
{
    acm_cert_t    c;
    acm_status_e  status;

    static char  *address[] = { "www.example.com", "192.0.2.1" };
    static char  *upper[] = { "www.example.com", "Www.example.com" };

    (void) state;

    memset(&c, 0, sizeof(acm_cert_t));
    assert_int_equal(acm_state_kind(&c), 0);

    test_issued(&c, 90 * DAY, START);
    assert_int_equal(acm_state_kind(&c), 0);

    c.names = address;
    assert_int_equal(acm_state_kind(&c), ACM_STATE_APART + ACM_STATUS_ISSUED);
    c.nnames = 1;
    assert_int_equal(acm_state_kind(&c), 0);
    c.names = upper;
    c.nnames = 2;
    assert_int_equal(acm_state_kind(&c), ACM_STATE_APART + ACM_STATUS_ISSUED);
    c.nnames = 1;
    c.domain = "example.com";
    assert_int_equal(acm_state_kind(&c), ACM_STATE_APART + ACM_STATUS_ISSUED);

    c.names = test_names;
    c.nnames = 2;

    for (status = ACM_STATUS_PENDING_VALIDATION; status <= ACM_STATUS_FAILED;
         status++)
    {
        c.status = status;
        c.version = 1;
        assert_int_equal(acm_state_kind(&c),
                         (status == ACM_STATUS_ISSUED) ? 0
                         : (status == ACM_STATUS_REVOKED)
                           ? ACM_STATE_APART + ACM_STATUS_REVOKED : status);
        c.version = 0;
        assert_int_equal(acm_state_kind(&c), ACM_STATE_APART + status);
        c.not_after = 0;
        assert_int_equal(acm_state_kind(&c), ACM_STATE_ENDLESS + status);
        assert_true(acm_state_kind(&c) < ACM_STATE_MAX);
        c.not_after = c.not_before + 90 * DAY;
    }
}


/* The entries that there are: how many, and of which kind the first is. */

static size_t
test_entries(acm_store_t *store, unsigned *kind)
{
    int64_t      behind;
    size_t       n, prefix;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    acm_snap_t  *snap;
    acm_entry_t  entry;

    prefix = acm_seal_key(key, "123456789012", "us-east-1") + 1;
    *kind = 0;
    n = 0;

    test_ok(acm_store_begin(store, &snap, NULL));

    for (rc = acm_store_seek(snap, ACM_DB_STATE, NULL, 0, &entry);
         rc == ACM_OK;
         rc = acm_store_next(snap, ACM_DB_STATE, &entry))
    {
        assert_int_equal(entry.key_len, prefix + 1 + ACM_UUID_LEN);

        if (n++ == 0) {
            *kind = entry.key[prefix];
        }
    }

    test_ok(acm_state_behind(snap, &behind));
    acm_store_end(snap);

    assert_int_equal(behind, 0);

    return n;
}


static void
test_move(acm_store_t *store, const acm_cert_t *old, acm_cert_t *next)
{
    acm_batch_t  batch;

    acm_batch_init(&batch);
    acm_batch_moves(&batch, old, next);
    test_ok(acm_store_commit(store, &batch, NULL));
    acm_batch_free(&batch);
}


static void
test_moves(void **state)
{
    test_t        t;
    unsigned      kind;
    acm_cert_t    pending, issued, revoked;

    (void) state;

    test_start(&t);

    test_issued(&issued, 90 * DAY, START);
    pending = issued;
    pending.version = 0;
    pending.not_before = 0;
    pending.not_after = 0;
    pending.status = ACM_STATUS_PENDING_VALIDATION;
    revoked = issued;
    revoked.status = ACM_STATUS_REVOKED;

    test_move(t.store, NULL, &pending);
    assert_int_equal(test_entries(t.store, &kind), 1);
    assert_int_equal(kind, ACM_STATE_ENDLESS + ACM_STATUS_PENDING_VALIDATION);

    test_move(t.store, &pending, &issued);
    assert_int_equal(test_entries(t.store, &kind), 0);

    test_move(t.store, &issued, &revoked);
    assert_int_equal(test_entries(t.store, &kind), 1);
    assert_int_equal(kind, ACM_STATE_APART + ACM_STATUS_REVOKED);

    test_move(t.store, &revoked, &issued);
    assert_int_equal(test_entries(t.store, &kind), 0);

    test_move(t.store, &issued, &pending);
    test_ok(acm_certificate_delete(t.store, pending.account, pending.region,
                                   pending.uuid, NULL));
    assert_int_equal(test_entries(t.store, &kind), 0);

    acm_store_close(t.store);
}


static int64_t
test_behind(acm_store_t *store)
{
    int64_t      n;
    acm_snap_t  *snap;

    test_ok(acm_store_begin(store, &snap, NULL));
    test_ok(acm_state_behind(snap, &n));
    acm_store_end(snap);

    return n;
}


/* What an older version left: no entries, and nothing counted. */

static void
test_left(test_t *t, acm_cert_t *c)
{
    char          uuid[ACM_UUID_LEN + 1];
    size_t        i;
    acm_batch_t   batch;

    test_start(t);

    for (i = 0; i < TEST_OLDER; i++) {
        test_issued(c, 90 * DAY, START);
        snprintf(uuid, sizeof(uuid), "%08zx-2222-4333-8444-555555555555", i);
        memcpy(c->uuid, uuid, sizeof(uuid));

        if (i % 4 == 0) {
            c->status = ACM_STATUS_REVOKED;
        }

        acm_batch_init(&batch);
        acm_batch_moves(&batch, NULL, c);
        acm_state_entry(&batch, c, 0);
        acm_state_count(&batch, -1);
        test_ok(acm_store_commit(t->store, &batch, NULL));
        acm_batch_free(&batch);
    }

    assert_int_equal(test_behind(t->store), TEST_OLDER);
}


/* One that is made while the watch goes through them is counted once. */

static void
test_older(void **state)
{
    test_t        t;
    int64_t       next;
    unsigned      kind;
    acm_cert_t    c;
    acm_batch_t   batch;

    (void) state;

    test_left(&t, &c);

    test_ok(acm_watch_tick(&t.watch, START, &next, NULL));
    memcpy(c.uuid, "ffffffff", 8);
    test_move(t.store, NULL, &c);

    (void) test_run(&t, START);
    assert_int_equal(test_entries(t.store, &kind), TEST_OLDER / 4);
    assert_int_equal(kind, ACM_STATE_APART + ACM_STATUS_REVOKED);

    /* one that comes later is found by the patrol */

    acm_batch_init(&batch);
    acm_state_count(&batch, -1);
    test_ok(acm_store_commit(t.store, &batch, NULL));
    acm_batch_free(&batch);

    (void) test_run(&t, START + 60);
    assert_int_equal(test_behind(t.store), 0);
    assert_int_equal(test_entries(t.store, &kind), TEST_OLDER / 4);

    acm_store_close(t.store);
}


/* As the store does it when an older version has been there. */

static void
test_empty(acm_store_t *store)
{
    acm_rc_t      rc;
    acm_snap_t   *snap;
    acm_batch_t   batch;
    acm_entry_t   entry;

    acm_batch_init(&batch);
    test_ok(acm_store_begin(store, &snap, NULL));

    for (rc = acm_store_seek(snap, ACM_DB_STATE, NULL, 0, &entry);
         rc == ACM_OK;
         rc = acm_store_next(snap, ACM_DB_STATE, &entry))
    {
        acm_batch_delete(&batch, ACM_DB_STATE, entry.key, entry.key_len);
    }

    acm_store_end(snap);

    acm_batch_delete(&batch, ACM_DB_META, ACM_STATES_KEY, ACM_STATES_KEY_LEN);
    acm_batch_put(&batch, ACM_DB_META, ACM_MISTRUST_KEY, ACM_MISTRUST_KEY_LEN,
                  NULL, 0);
    test_ok(acm_store_commit(store, &batch, NULL));
    acm_batch_free(&batch);
}


/* The index is emptied while it is filled, early and late: it is filled
   wholly all the same. */

static void
test_emptied(void **state)
{
    int         i, n, ticks;
    test_t      t;
    int64_t     next;
    unsigned    kind;
    acm_cert_t  c;

    (void) state;

    for (n = 1, ticks = 1; n <= ticks; n++) {
        test_left(&t, &c);

        for (i = 0; i < n && (i == 0 || t.watch.sweeping); i++) {
            test_ok(acm_watch_tick(&t.watch, START, &next, NULL));
        }

        ticks += t.watch.sweeping;

        test_empty(t.store);
        assert_int_equal(test_behind(t.store), TEST_OLDER);

        (void) test_run(&t, START);
        (void) test_run(&t, START + 60);
        assert_int_equal(test_behind(t.store), 0);
        assert_int_equal(test_entries(t.store, &kind), TEST_OLDER / 4);

        acm_store_close(t.store);
    }

    assert_in_range(n, 4, 100);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_kind),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_older),
        cmocka_unit_test(test_emptied)
    };

    return cmocka_run_group_tests_name("acm_state", tests, NULL, NULL);
}
