
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the files of the LMDB store share; the only file that includes lmdb.h.
 */


#ifndef _ACM_STORE_LMDB_H_INCLUDED_
#define _ACM_STORE_LMDB_H_INCLUDED_


#include <lmdb.h>
#include <pthread.h>

#include "acm_store_impl.h"


/*
 * An environment, of which a process has one only; and the handles on it, one
 * for each thread.  Whoever has a transaction open, or looks at the map, holds
 * the lock for reading; for writing it is held while another map is adopted,
 * while maps are opened, when LMDB wants no transaction at all, and while the
 * environment is opened anew.
 */

typedef struct acm_lmdb_s       acm_lmdb_t;
typedef struct acm_lmdb_wait_s  acm_lmdb_wait_t;


typedef struct {
    MDB_env           *env;          /* NULL if it is dead, perhaps */
    char              *path;
    acm_store_conf_t   conf;         /* to open it again */
    acm_lmdb_t        *handles;      /* all of them; under the lock */
    pid_t              pid;
    pthread_rwlock_t   lock;
    unsigned           refs;         /* handles; under the lock */
    size_t             page_size;    /* octets */
    uint64_t           limit;        /* octets: the map as configured */
    uint64_t           generation;   /* the last one seen, if dead */
    uint64_t           maps;         /* how often it was mapped anew */
    unsigned           missing;      /* maps that a newer version has */
    uint64_t           missing_at;   /* generation of the last look */
    acm_rc_t           failed;       /* the last attempt to open it anew */
    int64_t            failed_at;    /* ticks */
    acm_err_t          why;
    unsigned           dead:1;       /* LMDB refuses all, or has no map */
    acm_lmdb_wait_t   *first;        /* commits that wait; these are under */
    acm_lmdb_wait_t  **last;         /* the mutex */
    unsigned           busy;         /* 1: one commits for those before */
    pthread_mutex_t    mutex;
    pthread_cond_t     cond;
    MDB_dbi            dbi[ACM_DB_MAX];
    uint8_t            present[ACM_DB_MAX];
} acm_lmdb_env_t;


/* of a transaction */

typedef struct {
    size_t             n;
    unsigned           served:1;     /* acm_db_served() is about one */
} acm_lmdb_changes_t;


struct acm_lmdb_s {
    acm_store_t        store;        /* the first member */
    acm_lmdb_env_t    *e;
    acm_lmdb_t        *next;
    MDB_txn           *txn;          /* reset between snapshots */
    unsigned           schema;
    uint64_t           maps;         /* e->maps at the last look at what is
                                        served */
    unsigned           alone:1;      /* the lock is held for writing */
    MDB_cursor        *cursors[ACM_DB_MAX];
    uint8_t            renewed[ACM_DB_MAX];      /* in this snapshot */
    uint8_t            placed[ACM_DB_MAX];       /* the cursor is on an
                                                    entry */
    MDB_val            last[ACM_DB_MAX];         /* its key, if it is */
};


/* Cannot fail: LMDB has fewer readers than such a lock. */
void acm_lmdb_lock(acm_lmdb_t *s);
void acm_lmdb_lock_alone(acm_lmdb_t *s);
void acm_lmdb_unlock(acm_lmdb_t *s);

extern const acm_store_ops_t  acm_lmdb_ops;


acm_rc_t acm_lmdb_maps_open(acm_lmdb_t *s, unsigned create,
    acm_err_t *err);
/* The same with the lock held: whoever may has made the maps that a new
   version needs, perhaps; else it makes them itself, with create. */
acm_rc_t acm_lmdb_maps_again(acm_lmdb_t *s, unsigned create,
    acm_err_t *err);
void acm_lmdb_close(acm_store_t *store);
acm_rc_t acm_lmdb_share(acm_store_t *store, acm_store_t **other,
    acm_err_t *err);
/* The generation, for whoever has the lock. */
uint64_t acm_lmdb_last(acm_lmdb_t *s);
acm_rc_t acm_lmdb_schema_read(acm_lmdb_t *s, MDB_txn *txn);
int acm_lmdb_put(acm_lmdb_t *s, MDB_txn *txn, const acm_op_t *op);
/* What a transaction finds of the last commit that acm_db_served() is about:
   0 if it cannot be known, as one of another version may have come behind
   what is written down; last is the generation of the last commit of all. */
int acm_lmdb_served_read(acm_lmdb_t *s, MDB_txn *txn, uint64_t last,
    uint64_t *served);
/* For whoever has the lock: it is left meanwhile to open a dead one anew. */
acm_rc_t acm_lmdb_usable(acm_lmdb_t *s, acm_err_t *err);
/* Opens it anew if it is dead; the lock is held for writing. */
acm_rc_t acm_lmdb_revive(acm_lmdb_t *s, acm_err_t *err);
int acm_lmdb_txn(acm_lmdb_t *s, MDB_txn **txn, unsigned flags);
/* Together with what other handles commit at the same time. */
acm_rc_t acm_lmdb_commit(acm_store_t *store,
    const acm_batch_t *batch, acm_err_t *err);
/* The steps of a commit, for whoever has the lock.  ahead: octets that others
   of the same transaction need; place: that of its first operation. */
acm_rc_t acm_lmdb_commit_alone(acm_lmdb_t *s, const acm_batch_t *batch,
    acm_err_t *err);
acm_rc_t acm_lmdb_write_begin(acm_lmdb_t *s, MDB_txn **txn, acm_err_t *err);
acm_rc_t acm_lmdb_expected(acm_lmdb_t *s, MDB_txn *txn,
    const acm_batch_t *batch, acm_err_t *err);
acm_rc_t acm_lmdb_write(acm_lmdb_t *s, MDB_txn *txn,
    const acm_batch_t *batch, size_t place, acm_lmdb_changes_t *changes,
    acm_err_t *err);
acm_rc_t acm_lmdb_write_end(acm_lmdb_t *s, MDB_txn *txn,
    const acm_lmdb_changes_t *changes, acm_err_t *err);
acm_rc_t acm_lmdb_reserve(acm_lmdb_t *s, const acm_batch_t *batch,
    uint64_t *ahead, acm_err_t *err);
void acm_lmdb_extend(acm_lmdb_t *s);
int acm_lmdb_free_pages(acm_lmdb_t *s, MDB_txn *txn, uint64_t *pages);
acm_rc_t acm_lmdb_stat(acm_store_t *store, acm_store_stat_t *stat,
    acm_err_t *err);
unsigned acm_lmdb_housekeep(acm_store_t *store);
acm_rc_t acm_lmdb_backup(acm_store_t *store, const char *dir,
    acm_err_t *err);
acm_rc_t acm_lmdb_fail(acm_lmdb_t *s, acm_err_t *err, int rc,
    const char *what);


#endif /* _ACM_STORE_LMDB_H_INCLUDED_ */
