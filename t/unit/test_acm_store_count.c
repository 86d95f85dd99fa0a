
/*
 * Copyright (C) The ngx_acm authors
 *
 * Numbers that are counted in a store, in both back ends.
 */


#include "test_store.h"


static int64_t
test_number(acm_store_t *s, const char *key)
{
    int64_t       n;
    acm_rc_t      rc;
    acm_snap_t   *snap;
    acm_entry_t   e;

    test_ok(acm_store_begin(s, &snap, NULL));
    rc = acm_store_get(snap, ACM_DB_QUOTA, key, strlen(key), &e);
    n = (rc == ACM_OK) ? acm_count_read(&e) : 0;
    acm_store_end(snap);

    return n;
}


static acm_rc_t
test_count_by(acm_store_t *s, const char *key, int64_t add, int64_t max)
{
    acm_rc_t     rc;
    acm_err_t    err;
    acm_batch_t  b, joined;

    acm_batch_init(&b);
    acm_batch_init(&joined);
    acm_batch_put(&b, ACM_DB_META, "beside", 6, "v", 1);
    acm_batch_count(&b, ACM_DB_QUOTA, key, strlen(key), add, max);
    acm_batch_join(&joined, &b);
    rc = acm_store_commit(s, &joined, &err);
    acm_batch_free(&joined);
    acm_batch_free(&b);

    if (rc == ACM_CONFLICT) {
        assert_non_null(strstr(err.text, "must not be above"));
    }

    return rc;
}


static void
test_count_in(acm_store_t *s)
{
    uint64_t      generation;
    acm_batch_t   b;

    /* from nothing, to the maximum, and one past it */

    test_ok(test_count_by(s, "n", 2, 3));
    test_ok(test_count_by(s, "n", 1, 3));
    generation = acm_store_generation(s);
    assert_int_equal(test_count_by(s, "n", 1, 3), ACM_CONFLICT);
    assert_int_equal(acm_store_generation(s), generation);
    assert_int_equal(test_number(s, "n"), 3);

    /* only looked at */

    test_ok(test_count_by(s, "n", 0, 3));
    assert_int_equal(test_count_by(s, "n", 0, 2), ACM_CONFLICT);
    assert_int_equal(test_number(s, "n"), 3);

    /* below nothing, and never around */

    test_ok(test_count_by(s, "n", -5, 0));
    assert_int_equal(test_number(s, "n"), -2);
    test_ok(test_count_by(s, "n", INT64_MAX, INT64_MAX));
    test_ok(test_count_by(s, "n", INT64_MAX, INT64_MAX));
    assert_true(test_number(s, "n") == INT64_MAX);

    /* each in a batch sees those before it; what is no number is nothing */

    acm_batch_init(&b);
    acm_batch_put(&b, ACM_DB_QUOTA, "m", 1, "xx", 2);
    acm_batch_count(&b, ACM_DB_QUOTA, "m", 1, 5, 5);
    acm_batch_count(&b, ACM_DB_QUOTA, "m", 1, 2, 7);
    acm_batch_delete(&b, ACM_DB_QUOTA, "n", 1);
    acm_batch_count(&b, ACM_DB_QUOTA, "n", 1, 4, 4);
    test_ok(acm_store_commit(s, &b, NULL));
    acm_batch_free(&b);

    assert_int_equal(test_number(s, "m"), 7);
    assert_int_equal(test_number(s, "n"), 4);

    acm_batch_init(&b);
    acm_batch_count(&b, ACM_DB_QUOTA, "m", 1, 1, 8);
    acm_batch_count(&b, ACM_DB_QUOTA, "m", 1, 1, 8);
    assert_int_equal(acm_store_commit(s, &b, NULL), ACM_CONFLICT);
    acm_batch_free(&b);

    assert_int_equal(test_number(s, "m"), 7);
}


static void
test_memory(void **state)
{
    acm_store_t       *s;

    (void) state;

    s = test_open_memory();
    test_count_in(s);
    acm_store_close(s);
}


static void
test_lmdb(void **state)
{
    char              *dir;
    acm_store_t       *s;
    acm_store_conf_t   conf;

    (void) state;

    dir = test_mkdir();

    memset(&conf, 0, sizeof(conf));
    conf.path = dir;
    conf.create = 1;

    test_ok(acm_store_lmdb_open(&conf, &s, NULL));
    test_count_in(s);
    acm_store_close(s);

    /* and is there the next time */

    test_ok(acm_store_lmdb_open(&conf, &s, NULL));
    assert_int_equal(test_number(s, "m"), 7);
    acm_store_close(s);

    test_rmdir(dir);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_lmdb)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
