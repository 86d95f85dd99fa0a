
/*
 * Copyright (C) The ngx_acm authors
 *
 * Stores that unit tests open.
 */


#ifndef _TEST_STORE_H_INCLUDED_
#define _TEST_STORE_H_INCLUDED_


#include <unistd.h>

#include "test.h"


/* Of LMDB, in a directory, with a map of so many octets; NULL if it cannot be
   opened, and why is printed. */

static inline acm_store_t *
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


/* In memory. */

static inline acm_store_t *
test_open_memory(void)
{
    acm_err_t          err;
    acm_store_t       *store;
    acm_store_conf_t   conf;

    memset(&conf, 0, sizeof(conf));
    conf.path = "memory";
    conf.create = 1;

    test_ok(acm_store_mem_open(&conf, &store, &err));

    return store;
}


#define TEST_ENVELOPE  12        /* octets in front of a value: its sum last */


/* Damages a value of an LMDB store that is open, wherever it is in the file. */

static inline void
test_spoil(acm_store_t *store, acm_db_e db, const void *key, size_t len)
{
    char             *data, *at;
    uint8_t           value[4096];
    size_t            n;
    acm_snap_t       *snap;
    acm_entry_t       e;
    acm_store_map_t   map;

    test_ok(acm_store_begin(store, &snap, NULL));
    test_ok(acm_store_get(snap, db, key, len, &e));
    test_ok(acm_store_map(snap, &map));

    n = TEST_ENVELOPE + e.len;
    assert_true(n <= sizeof(value));
    memcpy(value, e.data - TEST_ENVELOPE, n);

    data = malloc(map.size);
    assert_non_null(data);
    assert_int_equal(pread(map.fd, data, map.size, 0), map.size);

    for (at = data;
         (at = memmem(at, map.size - (at - data), value, n)) != NULL;
         at++)
    {
        value[TEST_ENVELOPE - 1] ^= 1;
        assert_int_equal(pwrite(map.fd, &value[TEST_ENVELOPE - 1], 1,
                                at - data + TEST_ENVELOPE - 1), 1);
        value[TEST_ENVELOPE - 1] ^= 1;
    }

    free(data);
    acm_store_end(snap);

    test_ok(acm_store_begin(store, &snap, NULL));
    assert_int_equal(acm_store_get(snap, db, key, len, &e), ACM_CORRUPT);
    acm_store_end(snap);
}


#endif /* _TEST_STORE_H_INCLUDED_ */
