
/*
 * Copyright (C) The ngx_acm authors
 *
 * Chain certificates that nothing refers to go, all others stay, whoever
 * comes in between; on both back ends.
 */


#include "acm_sweep.h"
#include "test_store.h"


typedef struct {
    char          *dir;                  /* NULL: in memory */
    acm_store_t   *store;
    acm_sweep_t    sweep;
} test_t;


static void
test_start(test_t *t, int lmdb)
{
    memset(t, 0, sizeof(test_t));

    if (lmdb) {
        t->dir = test_mkdir();
        t->store = test_open_at(t->dir, 64 << 20);
        assert_non_null(t->store);

    } else {
        t->store = test_open_memory();
    }
}


static void
test_stop(test_t *t)
{
    acm_store_close(t->store);

    if (t->dir != NULL) {
        test_rmdir(t->dir);
    }
}


/* The key of the nth chain certificate. */

static void
test_hash(uint32_t n, uint8_t *hash)
{
    memset(hash, 0xaa, ACM_HASH_LEN);
    hash[0] = (uint8_t) (n >> 8);
    hash[1] = (uint8_t) n;
}


/* Material number m with chain certificate n, and that one, unless alone. */

static void
test_put(test_t *t, unsigned m, uint32_t n, int alone)
{
    char             uuid[ACM_UUID_LEN + 1];
    size_t           len;
    uint8_t          key[ACM_MAX_STORE_KEY], hash[ACM_HASH_LEN];
    acm_buf_t        buf;
    acm_batch_t      batch;
    acm_material_t   material;

    test_hash(n, hash);
    memset(&material, 0, sizeof(material));

    material.account = (char *) "123456789012";
    material.region = (char *) "us-east-1";
    material.key = ACM_KEY_EC_P256;
    material.leaf.data = (uint8_t *) "leaf";
    material.leaf.len = 4;
    material.sealed = material.leaf;
    material.nchain = 1;
    memcpy(material.chain[0], hash, ACM_HASH_LEN);

    acm_buf_init(&buf, 1024);
    test_ok(acm_material_encode(&material, &buf));

    snprintf(uuid, sizeof(uuid), "00000000-0000-4000-8000-%012x", m);
    len = acm_material_key(key, uuid, 1);

    acm_batch_init(&batch);
    acm_batch_put(&batch, ACM_DB_MATERIAL, key, len, buf.data, buf.len);

    if (!alone) {
        acm_batch_put(&batch, ACM_DB_CHAIN, hash, ACM_HASH_LEN, "chain", 5);
    }

    test_ok(acm_store_commit(t->store, &batch, NULL));

    acm_batch_free(&batch);
    acm_buf_free(&buf);
}


static void
test_orphans(test_t *t, uint32_t from, uint32_t to)
{
    uint32_t     i;
    uint8_t      hash[ACM_HASH_LEN];
    acm_batch_t  batch;

    acm_batch_init(&batch);

    for (i = from; i < to; i++) {
        test_hash(i, hash);
        acm_batch_put(&batch, ACM_DB_CHAIN, hash, ACM_HASH_LEN, "chain", 5);
    }

    test_ok(acm_store_commit(t->store, &batch, NULL));
    acm_batch_free(&batch);
}


static int
test_there(test_t *t, uint32_t n)
{
    acm_rc_t     rc;
    uint8_t      hash[ACM_HASH_LEN];
    acm_snap_t  *snap;
    acm_entry_t  e;

    test_hash(n, hash);
    test_ok(acm_store_begin(t->store, &snap, NULL));
    rc = acm_store_get(snap, ACM_DB_CHAIN, hash, ACM_HASH_LEN, &e);
    acm_store_end(snap);

    return rc == ACM_OK;
}


static uint64_t
test_chains(test_t *t)
{
    acm_store_stat_t  st;

    test_ok(acm_store_stat(t->store, &st, NULL));

    return st.entries[ACM_DB_CHAIN];
}


/* To the end; returns how many steps that took. */

static unsigned
test_sweep(test_t *t)
{
    int        more;
    unsigned   n;
    acm_err_t  err;

    n = 0;

    do {
        test_ok(acm_sweep_step(&t->sweep, t->store, &more, &err));
        n++;
    } while (more);

    return n;
}


static void
test_all(int lmdb)
{
    int        more;
    test_t     t;
    unsigned   m;
    acm_err_t  err;

    test_start(&t, lmdb);
    assert_int_equal(test_sweep(&t), 1);

    /* all in use: the first material that says so ends it */

    test_put(&t, 0, 1, 0);

    for (m = 1; m < 3 * ACM_SWEEP_STEP; m++) {
        test_put(&t, m, 1, 1);
    }

    assert_int_equal(test_sweep(&t), 3);
    assert_true(test_there(&t, 1));

    /* one that is not: all material is read, a piece in each step */

    test_orphans(&t, 7, 8);
    assert_int_equal(test_sweep(&t), 1 + 3 + 1);
    assert_int_equal(t.sweep.removed, 1);
    assert_true(test_there(&t, 1));
    assert_false(test_there(&t, 7));

    /* more than are looked for at a time */

    test_orphans(&t, 10, 10 + 2 * ACM_SWEEP_CHAIN + 1);
    (void) test_sweep(&t);
    assert_int_equal(test_chains(&t), 1);
    assert_int_equal(t.sweep.removed, 2 + 2 * ACM_SWEEP_CHAIN);

    /* material that comes where it has read already brings its chain */

    test_orphans(&t, 8, 10);
    test_ok(acm_sweep_step(&t.sweep, t.store, &more, &err));
    test_ok(acm_sweep_step(&t.sweep, t.store, &more, &err));
    test_put(&t, 0, 9, 0);
    (void) test_sweep(&t);
    assert_true(test_there(&t, 9));
    assert_false(test_there(&t, 8));
    assert_true(test_there(&t, 1));

    test_stop(&t);
}


static void
test_lmdb(void **state)
{
    (void) state;
    test_all(1);
}


static void
test_mem(void **state)
{
    (void) state;
    test_all(0);
}


/* What it cannot read may refer to anything. */

static void
test_unread(void **state)
{
    int          more;
    test_t       t;
    acm_rc_t     rc;
    acm_err_t    err;
    acm_batch_t  batch;

    (void) state;

    test_start(&t, 0);
    test_orphans(&t, 1, 3);

    acm_batch_init(&batch);
    acm_batch_put(&batch, ACM_DB_MATERIAL, "key", 3, "\x02\x7f", 2);
    test_ok(acm_store_commit(t.store, &batch, NULL));
    acm_batch_free(&batch);

    do {
        rc = acm_sweep_step(&t.sweep, t.store, &more, &err);
    } while (rc == ACM_OK && more);

    assert_int_equal(rc, ACM_VERSION);
    assert_non_null(strstr(err.text, "acmctl verify"));
    assert_int_equal(test_chains(&t), 2);
    assert_int_equal(t.sweep.reading, 0);

    test_stop(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_lmdb),
        cmocka_unit_test(test_mem),
        cmocka_unit_test(test_unread)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
