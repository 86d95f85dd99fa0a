
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the files of the LMDB store share; the only file that includes lmdb.h.
 */


#ifndef _ACM_STORE_LMDB_H_INCLUDED_
#define _ACM_STORE_LMDB_H_INCLUDED_


#include <lmdb.h>

#include "acm_store_impl.h"


typedef struct {
    acm_store_t   store;             /* the first member */
    MDB_env      *env;
    MDB_txn      *txn;               /* reset between snapshots */
    char         *path;
    pid_t         pid;
    size_t        page_size;         /* octets */
    uint64_t      limit;             /* octets: the map as configured */
    uint64_t      generation;        /* the last one seen, if dead */
    unsigned      schema;
    unsigned      missing;           /* maps that a newer version has */
    uint64_t      missing_at;        /* generation of the last look */
    unsigned      dead:1;            /* the map was lost */
    MDB_dbi       dbi[ACM_DB_MAX];
    MDB_cursor   *cursors[ACM_DB_MAX];
    uint8_t       present[ACM_DB_MAX];
    uint8_t       renewed[ACM_DB_MAX];       /* in this snapshot */
    uint8_t       placed[ACM_DB_MAX];        /* the cursor is on an entry */
} acm_lmdb_t;


acm_rc_t acm_lmdb_schema_read(acm_lmdb_t *s, MDB_txn *txn);
int acm_lmdb_put(acm_lmdb_t *s, MDB_txn *txn, const acm_op_t *op);
acm_rc_t acm_lmdb_usable(acm_lmdb_t *s, acm_err_t *err);
int acm_lmdb_txn(acm_lmdb_t *s, MDB_txn **txn, unsigned flags);
acm_rc_t acm_lmdb_commit(acm_store_t *store,
    const acm_batch_t *batch, acm_err_t *err);
int acm_lmdb_free_pages(acm_lmdb_t *s, MDB_txn *txn, uint64_t *pages);
acm_rc_t acm_lmdb_stat(acm_store_t *store, acm_store_stat_t *stat,
    acm_err_t *err);
unsigned acm_lmdb_housekeep(acm_store_t *store);
acm_rc_t acm_lmdb_backup(acm_store_t *store, const char *dir,
    acm_err_t *err);
acm_rc_t acm_lmdb_fail(acm_lmdb_t *s, acm_err_t *err, int rc,
    const char *what);


#endif /* _ACM_STORE_LMDB_H_INCLUDED_ */
