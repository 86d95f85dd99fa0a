
/*
 * Copyright (C) The ngx_acm authors
 *
 * The keyring: data keys that a master key wraps, another master key, and what
 * is sealed for one certificate only.
 */


#include "test_engine.h"


static char  *test_www[] = { "www.example.com", "example.com" };


/* As many data keys as go into one commit get a new master key, and with one
   more none does. */

static void
test_rekey_most(void **state)
{
    char               account[16];
    unsigned           damaged, i;
    acm_err_t          err;
    acm_store_t       *store;
    acm_keyring_t     *ring;
    acm_key_secret_t   old, fresh;

    (void) state;

    store = test_open_memory();
    test_ok(acm_key_random(&old, &err));
    test_ok(acm_key_random(&fresh, &err));
    test_ok(acm_keyring_open(store, &old, 1, &ring, &err));

    for (i = 0; i < ACM_MAX_REKEY; i++) {
        snprintf(account, sizeof(account), "%012u", i);
        test_ok(acm_keyring_ensure(ring, account, "r", &err));
    }

    acm_keyring_close(ring);
    test_ok(acm_keyring_rekey(store, &old, &fresh, &damaged, &err));
    test_ok(acm_keyring_open(store, &fresh, 0, &ring, &err));
    test_ok(acm_keyring_ensure(ring, "000000000000", "r", &err));
    test_ok(acm_keyring_ensure(ring, account, "r", &err));
    test_ok(acm_keyring_ensure(ring, account, "one-more", &err));
    acm_keyring_close(ring);

    memset(&err, 'x', sizeof(err));
    assert_int_equal(acm_keyring_rekey(store, &fresh, &old, &damaged, &err),
                     ACM_TOOBIG);
    assert_string_equal(err.text, "there are over 4094 data keys, of as many "
                        "accounts and regions: they do not go into one "
                        "commit");
    test_ok(acm_keyring_open(store, &fresh, 0, &ring, &err));
    acm_keyring_close(ring);
    acm_store_close(store);
}


/* A data key that is damaged does not keep all others under a master key that
   somebody may have stolen. */

static void
test_rekey_damaged(void **state)
{
    char              *dir;
    unsigned           damaged;
    acm_err_t          err;
    acm_store_t       *store;
    acm_keyring_t     *ring;
    acm_key_secret_t   old, fresh;

    (void) state;

    dir = test_mkdir();
    store = test_open_at(dir, 0);
    test_ok(acm_key_random(&old, &err));
    test_ok(acm_key_random(&fresh, &err));
    test_ok(acm_keyring_open(store, &old, 1, &ring, &err));
    test_ok(acm_keyring_ensure(ring, "1", "r", &err));
    test_ok(acm_keyring_ensure(ring, "2", "r", &err));
    test_ok(acm_keyring_ensure(ring, "3", "r", &err));
    acm_keyring_close(ring);

    test_spoil(store, ACM_DB_SEAL, "2/r", 3);
    test_ok(acm_keyring_rekey(store, &old, &fresh, &damaged, &err));
    assert_int_equal(damaged, 1);

    test_ok(acm_keyring_open(store, &fresh, 0, &ring, &err));
    test_ok(acm_keyring_ensure(ring, "1", "r", &err));
    test_ok(acm_keyring_ensure(ring, "3", "r", &err));
    assert_int_equal(acm_keyring_ensure(ring, "2", "r", &err), ACM_CORRUPT);
    acm_keyring_close(ring);

    acm_store_close(store);
    test_rmdir(dir);
}


/* Which master key it is, if that is damaged: the one that opens data keys. */

static void
test_master_damaged(void **state)
{
    char              *dir;
    unsigned           damaged;
    acm_err_t          err;
    acm_store_t       *store;
    acm_keyring_t     *ring;
    acm_key_secret_t   right, wrong;

    (void) state;

    dir = test_mkdir();
    store = test_open_at(dir, 0);
    test_ok(acm_key_random(&right, &err));
    test_ok(acm_key_random(&wrong, &err));
    test_ok(acm_keyring_open(store, &right, 1, &ring, &err));

    /* there is none: any key could be it */

    test_spoil(store, ACM_DB_META, ACM_META_MASTER,
               sizeof(ACM_META_MASTER) - 1);
    acm_keyring_close(ring);
    assert_int_equal(acm_keyring_open(store, &right, 1, &ring, &err),
                     ACM_CORRUPT);

    acm_store_close(store);
    test_rmdir(dir);

    dir = test_mkdir();
    store = test_open_at(dir, 0);
    test_ok(acm_keyring_open(store, &right, 1, &ring, &err));
    test_ok(acm_keyring_ensure(ring, "1", "r", &err));
    test_ok(acm_keyring_ensure(ring, "2", "r", &err));
    acm_keyring_close(ring);

    test_spoil(store, ACM_DB_META, ACM_META_MASTER,
               sizeof(ACM_META_MASTER) - 1);
    test_spoil(store, ACM_DB_SEAL, "1/r", 3);

    assert_int_equal(acm_keyring_open(store, &wrong, 1, &ring, &err),
                     ACM_CORRUPT);
    test_ok(acm_keyring_open(store, &right, 0, &ring, &err));
    test_ok(acm_keyring_ensure(ring, "2", "r", &err));
    test_ok(acm_keyring_ensure(ring, "3", "r", &err));
    acm_keyring_close(ring);

    /* the record is there again */

    assert_int_equal(acm_keyring_open(store, &wrong, 1, &ring, &err),
                     ACM_DENIED);
    test_ok(acm_keyring_rekey(store, &right, &wrong, &damaged, &err));
    test_ok(acm_keyring_open(store, &wrong, 0, &ring, &err));
    acm_keyring_close(ring);

    acm_store_close(store);
    test_rmdir(dir);
}


static void
test_keyring(void **state)
{
    test_t             t;
    acm_err_t          err;
    acm_str_t          plain, sealed, out;
    acm_snap_t        *snap;
    unsigned           damaged;
    acm_keyring_t     *ring;
    acm_request_t      req;
    acm_key_secret_t   wrong, fresh;
    uint64_t           generation;

    (void) state;

    test_request(&req, test_www, 2);
    test_start(&t, 90 * DAY, &req, 1);
    (void) test_run(&t, START);

    /* another key: refused, and nothing changed */

    test_ok(acm_key_random(&wrong, &err));
    generation = acm_store_generation(t.store);
    assert_int_equal(acm_keyring_open(t.store, &wrong, 1, &ring, &err),
                     ACM_DENIED);
    assert_non_null(strstr(err.text, "master key"));
    assert_int_equal(acm_keyring_rekey(t.store, &wrong, &wrong, &damaged,
                                       &err), ACM_DENIED);
    assert_true(acm_store_generation(t.store) == generation);

    /* bound to subject and version */

    plain.data = (uint8_t *) "secret";
    plain.len = 6;
    test_ok(acm_keyring_ensure(t.ring, "1", "r", &err));
    test_ok(acm_store_begin(t.store, &snap, &err));
    test_ok(acm_keyring_seal(t.ring, snap, "1", "r", "arn", 1, &plain,
                             &sealed, &err));
    test_ok(acm_keyring_unseal(t.ring, snap, "1", "r", "arn", 1, &sealed,
                               &out, &err));
    assert_memory_equal(out.data, "secret", 6);
    acm_free_secret(out.data, out.len);
    assert_int_not_equal(acm_keyring_unseal(t.ring, snap, "1", "r", "arn", 2,
                                            &sealed, &out, &err), ACM_OK);
    assert_int_not_equal(acm_keyring_unseal(t.ring, snap, "1", "r", "arm", 1,
                                            &sealed, &out, &err), ACM_OK);
    assert_int_not_equal(acm_keyring_unseal(t.ring, snap, "2", "r", "arn", 1,
                                            &sealed, &out, &err), ACM_OK);
    acm_store_end(snap);

    /* a new master key; the old keyring goes on, a new one needs it */

    test_ok(acm_key_random(&fresh, &err));
    test_ok(acm_keyring_rekey(t.store, &t.master, &fresh, &damaged, &err));
    test_ok(acm_store_begin(t.store, &snap, &err));
    test_ok(acm_keyring_unseal(t.ring, snap, "1", "r", "arn", 1, &sealed,
                               &out, &err));
    acm_free_secret(out.data, out.len);
    acm_store_end(snap);

    /* but it makes no data key, which the new one could not open */

    generation = acm_store_generation(t.store);
    assert_int_equal(acm_keyring_ensure(t.ring, "1", "other", &err),
                     ACM_DENIED);
    assert_true(acm_store_generation(t.store) == generation);

    assert_int_equal(acm_keyring_open(t.store, &t.master, 1, &ring, &err),
                     ACM_DENIED);
    test_ok(acm_keyring_open(t.store, &fresh, 0, &ring, &err));
    test_ok(acm_store_begin(t.store, &snap, &err));
    test_ok(acm_keyring_unseal(ring, snap, "1", "r", "arn", 1, &sealed, &out,
                               &err));
    acm_free_secret(out.data, out.len);
    acm_store_end(snap);
    acm_keyring_close(ring);
    acm_free(sealed.data);
    test_stop(&t);
}


/* Two records whose sealed keys were swapped do not open. */

static void
test_swapped(void **state)
{
    char           *one[1] = { "one.example.com" };
    char           *two[1] = { "two.example.com" };
    uint8_t         ka[ACM_MAX_STORE_KEY], kb[ACM_MAX_STORE_KEY];
    size_t          la, lb;
    test_t          t;
    acm_err_t       err;
    acm_cert_t      a, b;
    acm_snap_t     *snap;
    acm_batch_t     batch;
    acm_entry_t     ea, eb;
    acm_bundle_t    bundle;
    acm_request_t   reqs[2];

    (void) state;

    test_request(&reqs[0], one, 1);
    test_request(&reqs[1], two, 1);
    test_start(&t, 90 * DAY, reqs, 2);
    (void) test_run(&t, START);
    test_cert(&t, &reqs[0], &a);
    test_cert(&t, &reqs[1], &b);

    la = acm_material_key(ka, a.uuid, 1);
    lb = acm_material_key(kb, b.uuid, 1);

    acm_batch_init(&batch);
    test_ok(acm_store_begin(t.store, &snap, &err));
    test_ok(acm_store_get(snap, ACM_DB_MATERIAL, ka, la, &ea));
    test_ok(acm_store_get(snap, ACM_DB_MATERIAL, kb, lb, &eb));
    acm_batch_put(&batch, ACM_DB_MATERIAL, ka, la, eb.data, eb.len);
    acm_batch_put(&batch, ACM_DB_MATERIAL, kb, lb, ea.data, ea.len);
    acm_store_end(snap);
    test_ok(acm_store_commit(t.store, &batch, &err));
    acm_batch_free(&batch);

    test_ok(acm_store_begin(t.store, &snap, &err));
    assert_int_equal(acm_material_open(t.ring, snap, a.uuid, 1, &bundle,
                                       &err), ACM_CORRUPT);
    assert_int_equal(acm_material_open(t.ring, snap, b.uuid, 1, &bundle,
                                       &err), ACM_CORRUPT);
    acm_store_end(snap);

    acm_cert_free(&a);
    acm_cert_free(&b);
    test_stop(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_keyring),
        cmocka_unit_test(test_rekey_most),
        cmocka_unit_test(test_rekey_damaged),
        cmocka_unit_test(test_master_damaged),
        cmocka_unit_test(test_swapped)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
