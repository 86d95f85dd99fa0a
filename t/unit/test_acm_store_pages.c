
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the pages of an LMDB store are used for.
 */


#include "test.h"


static acm_store_t *
test_open_at(const char *dir, uint64_t size)
{
    acm_err_t          err;
    acm_store_t       *store;
    acm_store_conf_t   conf;

    memset(&conf, 0, sizeof(conf));
    conf.path = dir;
    conf.map_size = size;
    conf.create = 1;

    if (acm_store_lmdb_open(&conf, &store, &err) != ACM_OK) {
        print_error("%s\n", err.text);
        return NULL;
    }

    return store;
}


static acm_rc_t
test_put(acm_store_t *store, acm_db_e db, const char *key, const char *value)
{
    acm_rc_t     rc;
    acm_batch_t  b;

    acm_batch_init(&b);
    acm_batch_put(&b, db, key, strlen(key), value, strlen(value));
    rc = acm_store_commit(store, &b, NULL);
    acm_batch_free(&b);

    return rc;
}


/* Keys that rise fill their pages: four of 1000 octets are in each. */

static void
test_dense(void **state)
{
    char               key[16], value[980], *dir;
    size_t             i, j;
    acm_batch_t        b;
    acm_store_t       *s;
    acm_snap_t        *snap;
    acm_entry_t        e;
    acm_store_stat_t   st;

    (void) state;

    dir = test_mkdir();
    s = test_open_at(dir, 64 << 20);
    memset(value, 'v', sizeof(value));

    for (i = 0; i < 4000; i += 100) {
        acm_batch_init(&b);

        for (j = i; j < i + 100; j++) {
            snprintf(key, sizeof(key), "%08zu", j);
            acm_batch_put(&b, ACM_DB_MATERIAL, key, 8, value, sizeof(value));
        }

        test_ok(acm_store_commit(s, &b, NULL));
        acm_batch_free(&b);
    }

    test_ok(acm_store_stat(s, &st, NULL));
    assert_int_equal(st.entries[ACM_DB_MATERIAL], 4000);
    assert_in_range(st.octets[ACM_DB_MATERIAL], 1000 * 4096, 1020 * 4096);
    assert_true(st.size >= st.used && st.used > st.octets[ACM_DB_MATERIAL]);

    /* the last of them is replaced, one goes in between, none is lost */

    test_ok(test_put(s, ACM_DB_MATERIAL, "00003999", "last"));
    test_ok(test_put(s, ACM_DB_MATERIAL, "00002000x", "between"));

    test_ok(acm_store_begin(s, &snap, NULL));
    test_ok(acm_store_get(snap, ACM_DB_MATERIAL, "00003999", 8, &e));
    assert_int_equal(e.len, 4);
    test_ok(acm_store_get(snap, ACM_DB_MATERIAL, "00002000x", 9, &e));
    assert_int_equal(e.len, 7);

    i = 0;

    test_ok(acm_store_seek(snap, ACM_DB_MATERIAL, NULL, 0, &e));

    do {
        i++;
    } while (acm_store_next(snap, ACM_DB_MATERIAL, &e) == ACM_OK);

    acm_store_end(snap);
    assert_int_equal(i, 4001);

    acm_store_close(s);
    test_rmdir(dir);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_dense)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
