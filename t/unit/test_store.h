
/*
 * Copyright (C) The ngx_acm authors
 *
 * Stores that unit tests open.
 */


#ifndef _TEST_STORE_H_INCLUDED_
#define _TEST_STORE_H_INCLUDED_


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


#endif /* _TEST_STORE_H_INCLUDED_ */
