
/*
 * Copyright (C) The ngx_acm authors
 *
 * The store on LMDB, which no other file knows.  Rules it keeps for its
 * users: one environment per process and path, never one from before a
 * fork(); durable flags only; a map which another process has grown is
 * adopted; slots of dead readers are freed when they are in the way.
 */


#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "acm_store_lmdb.h"


#define ACM_LMDB_TXN_TRIES   4       /* of starting a transaction */


static int acm_lmdb_adopt(acm_lmdb_t *s);
static void acm_lmdb_lost(acm_lmdb_t *s);
static int acm_lmdb_resize(acm_lmdb_t *s);
static uint64_t acm_lmdb_generation(acm_store_t *store);
static acm_rc_t acm_lmdb_begin(acm_store_t *store, acm_err_t *err);
static void acm_lmdb_end(acm_store_t *store);
static acm_rc_t acm_lmdb_get(acm_store_t *store, acm_db_e db,
    acm_entry_t *entry);
static acm_rc_t acm_lmdb_seek(acm_store_t *store, acm_db_e db,
    acm_entry_t *entry);
static acm_rc_t acm_lmdb_next(acm_store_t *store, acm_db_e db,
    acm_entry_t *entry);
static acm_rc_t acm_lmdb_before(acm_store_t *store, acm_db_e db,
    acm_entry_t *entry);
static acm_rc_t acm_lmdb_entries(acm_store_t *store, acm_db_e db,
    uint64_t *n);
static acm_rc_t acm_lmdb_map(acm_store_t *store, acm_store_map_t *map);
static uint64_t acm_lmdb_served(acm_store_t *store);
static int acm_lmdb_cursor(acm_lmdb_t *s, acm_db_e db);
static acm_rc_t acm_lmdb_move(acm_lmdb_t *s, acm_db_e db, MDB_val *key,
    MDB_cursor_op op, acm_entry_t *entry);
static int acm_lmdb_ordered(const MDB_val *key, const MDB_val *bound,
    MDB_cursor_op op);
static acm_rc_t acm_lmdb_rc(int rc);
static const char *acm_lmdb_cure(int rc);


const acm_store_ops_t  acm_lmdb_ops = {
    acm_lmdb_close,
    acm_lmdb_generation,
    acm_lmdb_begin,
    acm_lmdb_end,
    acm_lmdb_get,
    acm_lmdb_seek,
    acm_lmdb_next,
    acm_lmdb_before,
    acm_lmdb_entries,
    acm_lmdb_map,
    acm_lmdb_served,
    acm_lmdb_commit,
    acm_lmdb_stat,
    acm_lmdb_housekeep,
    acm_lmdb_backup,
    acm_lmdb_share
};


void
acm_lmdb_lock(acm_lmdb_t *s)
{
    (void) pthread_rwlock_rdlock(&s->e->lock);
}


void
acm_lmdb_lock_alone(acm_lmdb_t *s)
{
    (void) pthread_rwlock_wrlock(&s->e->lock);
    s->alone = 1;
}


void
acm_lmdb_unlock(acm_lmdb_t *s)
{
    s->alone = 0;
    (void) pthread_rwlock_unlock(&s->e->lock);
}


acm_rc_t
acm_lmdb_schema_read(acm_lmdb_t *s, MDB_txn *txn)
{
    int          rc;
    MDB_val      key, value;
    acm_rc_t     code;
    acm_entry_t  entry;

    key.mv_data = (void *) ACM_SCHEMA_KEY;
    key.mv_size = ACM_SCHEMA_KEY_LEN;

    rc = mdb_get(txn, s->e->dbi[ACM_DB_META], &key, &value);

    if (rc != 0) {
        return acm_lmdb_rc(rc);
    }

    entry.key = (const uint8_t *) ACM_SCHEMA_KEY;
    entry.key_len = ACM_SCHEMA_KEY_LEN;

    code = acm_envelope_read(ACM_DB_META, &entry, value.mv_data,
                             value.mv_size);

    if (code != ACM_OK) {
        return code;
    }

    return acm_schema_read(&entry, &s->schema);
}


acm_rc_t
acm_lmdb_usable(acm_lmdb_t *s, acm_err_t *err)
{
    acm_rc_t  code;

    if (s->e->pid != getpid()) {
        return acm_fail(err, ACM_ERROR, "store \"%s\" was opened before a "
                        "fork: open it in the child", s->e->path);
    }

    if (!s->e->dead) {
        return ACM_OK;
    }

    if (s->alone) {
        return acm_lmdb_revive(s, err);
    }

    acm_lmdb_unlock(s);
    acm_lmdb_lock_alone(s);

    code = acm_lmdb_revive(s, err);

    acm_lmdb_unlock(s);
    acm_lmdb_lock(s);

    /* another handle may have lost it again */

    if (code == ACM_OK && s->e->dead) {
        code = acm_fail(err, ACM_BUSY, "store \"%s\" was lost: try again",
                        s->e->path);
    }

    return code;
}


/* A reader in *txn is renewed. */

int
acm_lmdb_txn(acm_lmdb_t *s, MDB_txn **txn, unsigned flags)
{
    int       dead, rc;
    unsigned  i;

    rc = 0;

    for (i = 0; i < ACM_LMDB_TXN_TRIES; i++) {
        if (s->e->dead && acm_lmdb_usable(s, NULL) != ACM_OK) {
            return MDB_PANIC;
        }

        if (*txn != NULL) {
            rc = mdb_txn_renew(*txn);

        } else {
            rc = mdb_txn_begin(s->e->env, NULL,
                               flags | (s->store.readonly ? MDB_RDONLY : 0),
                               txn);
        }

        if (rc == MDB_MAP_RESIZED) {
            rc = acm_lmdb_adopt(s);

            if (rc != 0) {
                return rc;
            }

            rc = MDB_MAP_RESIZED;

        } else if (rc == MDB_PANIC) {
            acm_lmdb_lost(s);    /* tried again */

        } else if (rc == MDB_READERS_FULL) {
            dead = 0;
            (void) mdb_reader_check(s->e->env, &dead);    /* tried again */

        } else {
            return rc;
        }
    }

    return rc;
}


/* Another process has grown the map: waits until no handle of this one has a
   transaction open. */

static int
acm_lmdb_adopt(acm_lmdb_t *s)
{
    int  rc;

    if (s->alone) {
        return acm_lmdb_resize(s);
    }

    acm_lmdb_unlock(s);
    acm_lmdb_lock_alone(s);

    /* another handle may have done it; twice does no harm; one that is dead
       by now is opened anew, with the map as it is then */

    rc = s->e->dead ? 0 : acm_lmdb_resize(s);

    acm_lmdb_unlock(s);
    acm_lmdb_lock(s);

    return rc;
}


/* A commit could not write what it had begun: LMDB refuses all until it is
   opened anew. */

static void
acm_lmdb_lost(acm_lmdb_t *s)
{
    uint64_t  maps;
    unsigned  alone;

    maps = s->e->maps;
    alone = s->alone;

    if (!alone) {
        acm_lmdb_unlock(s);
        acm_lmdb_lock_alone(s);
    }

    /* another handle may have opened it anew already */

    if (s->e->maps == maps) {
        s->e->generation = acm_lmdb_last(s);
        s->e->dead = 1;
    }

    if (!alone) {
        acm_lmdb_unlock(s);
        acm_lmdb_lock(s);
    }
}


static int
acm_lmdb_resize(acm_lmdb_t *s)
{
    int          rc;
    MDB_envinfo  info;

    (void) mdb_env_info(s->e->env, &info);    /* fails without arguments only */
    s->e->generation = info.me_last_txnid;

    rc = mdb_env_set_mapsize(s->e->env, 0);
    s->e->maps++;

    if (rc != 0) {
        /* the old map is gone: nothing of this environment may be touched */
        s->e->dead = 1;
        return rc;
    }

    (void) mdb_env_info(s->e->env, &info);

    if (s->e->limit < info.me_mapsize) {
        s->e->limit = info.me_mapsize;
    }

    return 0;
}


static uint64_t
acm_lmdb_generation(acm_store_t *store)
{
    uint64_t     generation;
    acm_lmdb_t  *s;

    s = (acm_lmdb_t *) store;

    /* LMDB looks into the map for it */

    acm_lmdb_lock(s);
    generation = acm_lmdb_last(s);
    acm_lmdb_unlock(s);

    return generation;
}


/* The same for whoever has the lock. */

uint64_t
acm_lmdb_last(acm_lmdb_t *s)
{
    MDB_envinfo  info;

    if (s->e->dead) {
        return s->e->generation;
    }

    (void) mdb_env_info(s->e->env, &info);    /* fails without arguments only */

    return info.me_last_txnid;
}


/* The lock is held until the end of the snapshot. */

static acm_rc_t
acm_lmdb_begin(acm_store_t *store, acm_err_t *err)
{
    int          rc;
    acm_rc_t     code;
    acm_lmdb_t  *s;

    s = (acm_lmdb_t *) store;

    acm_lmdb_lock(s);

    code = acm_lmdb_usable(s, err);

    if (code == ACM_OK && s->e->missing != 0
        && s->e->missing_at != acm_lmdb_last(s))
    {
        code = acm_lmdb_maps_again(s, 0, err);
    }

    if (code == ACM_OK) {
        rc = acm_lmdb_txn(s, &s->txn, MDB_RDONLY);

        if (rc != 0) {
            code = acm_lmdb_fail(s, err, rc, "cannot be read");
        }
    }

    if (code != ACM_OK) {
        acm_lmdb_unlock(s);
        return code;
    }

    memset(s->renewed, 0, sizeof(s->renewed));
    memset(s->placed, 0, sizeof(s->placed));
    store->snap.generation = mdb_txn_id(s->txn);

    return ACM_OK;
}


acm_rc_t
acm_lmdb_maps_again(acm_lmdb_t *s, unsigned create, acm_err_t *err)
{
    acm_rc_t  code;

    acm_lmdb_unlock(s);
    acm_lmdb_lock_alone(s);

    code = acm_lmdb_usable(s, err);

    if (code == ACM_OK && s->e->missing != 0) {
        code = acm_lmdb_maps_open(s, create, err);
    }

    acm_lmdb_unlock(s);
    acm_lmdb_lock(s);

    return code;
}


static void
acm_lmdb_end(acm_store_t *store)
{
    acm_lmdb_t  *s;

    s = (acm_lmdb_t *) store;

    if (s->e->pid == getpid()) {
        mdb_txn_reset(s->txn);
    }

    acm_lmdb_unlock(s);
}


static acm_rc_t
acm_lmdb_get(acm_store_t *store, acm_db_e db, acm_entry_t *entry)
{
    int          rc;
    MDB_val      key, value;
    acm_lmdb_t  *s;

    s = (acm_lmdb_t *) store;

    if (!s->e->present[db]) {
        return ACM_NOTFOUND;
    }

    key.mv_data = (void *) entry->key;
    key.mv_size = entry->key_len;

    rc = mdb_get(s->txn, s->e->dbi[db], &key, &value);

    if (rc != 0) {
        return acm_lmdb_rc(rc);
    }

    return acm_envelope_read(db, entry, value.mv_data, value.mv_size);
}


static acm_rc_t
acm_lmdb_seek(acm_store_t *store, acm_db_e db, acm_entry_t *entry)
{
    MDB_val      key;
    acm_lmdb_t  *s;

    s = (acm_lmdb_t *) store;

    if (!s->e->present[db]) {
        return ACM_NOTFOUND;
    }

    if (acm_lmdb_cursor(s, db) != 0) {
        return ACM_ERROR;
    }

    key.mv_data = (void *) entry->key;
    key.mv_size = entry->key_len;

    return acm_lmdb_move(s, db, &key,
                         (entry->key_len == 0) ? MDB_FIRST : MDB_SET_RANGE,
                         entry);
}


static acm_rc_t
acm_lmdb_next(acm_store_t *store, acm_db_e db, acm_entry_t *entry)
{
    MDB_val      key;
    acm_lmdb_t  *s;

    s = (acm_lmdb_t *) store;

    if (!s->placed[db]) {
        return ACM_NOTFOUND;
    }

    return acm_lmdb_move(s, db, &key, MDB_NEXT, entry);
}


static acm_rc_t
acm_lmdb_before(acm_store_t *store, acm_db_e db, acm_entry_t *entry)
{
    int            rc;
    MDB_val        key, value;
    acm_lmdb_t    *s;
    MDB_cursor_op  op;

    s = (acm_lmdb_t *) store;

    if (!s->e->present[db]) {
        return ACM_NOTFOUND;
    }

    if (acm_lmdb_cursor(s, db) != 0) {
        return ACM_ERROR;
    }

    op = MDB_LAST;

    if (entry->key_len != 0) {
        key.mv_data = (void *) entry->key;
        key.mv_size = entry->key_len;

        rc = mdb_cursor_get(s->cursors[db], &key, &value, MDB_SET_RANGE);

        if (rc != 0 && rc != MDB_NOTFOUND) {
            s->placed[db] = 0;
            return ACM_ERROR;
        }

        op = (rc == 0) ? MDB_PREV : MDB_LAST;
    }

    return acm_lmdb_move(s, db, &key, op, entry);
}


static acm_rc_t
acm_lmdb_entries(acm_store_t *store, acm_db_e db, uint64_t *n)
{
    MDB_stat     map;
    acm_lmdb_t  *s;

    s = (acm_lmdb_t *) store;

    if (!s->e->present[db]) {
        return ACM_OK;
    }

    if (mdb_stat(s->txn, s->e->dbi[db], &map) != 0) {
        return ACM_ERROR;
    }

    *n = map.ms_entries;

    return ACM_OK;
}


static acm_rc_t
acm_lmdb_map(acm_store_t *store, acm_store_map_t *map)
{
    acm_lmdb_t   *s;
    MDB_envinfo   info;

    s = (acm_lmdb_t *) store;

    /* both fail without arguments only */

    (void) mdb_env_info(s->e->env, &info);
    (void) mdb_env_get_fd(s->e->env, &map->fd);

    map->size = ((uint64_t) info.me_last_pgno + 1) * s->e->page_size;
    map->maps = s->e->maps;

    return ACM_OK;
}


static uint64_t
acm_lmdb_served(acm_store_t *store)
{
    uint64_t     served;
    acm_lmdb_t  *s;

    s = (acm_lmdb_t *) store;

    /* one that was opened anew may be another store */

    if (s->maps == s->e->maps && s->e->present[ACM_DB_META]
        && acm_lmdb_served_read(s, s->txn, store->snap.generation, &served)
           == 0
        && served != 0)
    {
        return served;
    }

    s->maps = s->e->maps;

    return store->snap.generation;
}


int
acm_lmdb_served_read(acm_lmdb_t *s, MDB_txn *txn, uint64_t last,
    uint64_t *served)
{
    int           rc;
    MDB_val       key, value;
    acm_entry_t   entry;
    acm_reader_t  r;

    *served = 0;

    key.mv_data = (void *) ACM_SERVED_KEY;
    key.mv_size = ACM_SERVED_KEY_LEN;

    rc = mdb_get(txn, s->e->dbi[ACM_DB_META], &key, &value);

    if (rc != 0) {
        return (rc == MDB_NOTFOUND) ? 0 : rc;
    }

    entry.key = (const uint8_t *) ACM_SERVED_KEY;
    entry.key_len = ACM_SERVED_KEY_LEN;

    if (acm_envelope_read(ACM_DB_META, &entry, value.mv_data, value.mv_size)
        == ACM_OK
        && entry.revision == last && entry.len == ACM_SERVED_LEN)
    {
        acm_reader_init(&r, entry.data, entry.len);
        *served = acm_read_u64(&r);
    }

    return 0;
}


static int
acm_lmdb_cursor(acm_lmdb_t *s, acm_db_e db)
{
    int  rc;

    if (s->renewed[db]) {
        return 0;
    }

    if (s->cursors[db] != NULL) {
        rc = mdb_cursor_renew(s->txn, s->cursors[db]);

    } else {
        rc = mdb_cursor_open(s->txn, s->e->dbi[db], &s->cursors[db]);
    }

    s->renewed[db] = (rc == 0);

    return rc;
}


static acm_rc_t
acm_lmdb_move(acm_lmdb_t *s, acm_db_e db, MDB_val *key, MDB_cursor_op op,
    acm_entry_t *entry)
{
    int       rc;
    MDB_val   value, bound;
    uint32_t  crc;

    bound.mv_data = (void *) entry->key;
    bound.mv_size = entry->key_len;

    if (op == MDB_NEXT) {
        bound = s->last[db];
    }

    rc = mdb_cursor_get(s->cursors[db], key, &value, op);

    if (rc == 0 && !acm_lmdb_ordered(key, &bound, op)) {
        rc = MDB_CORRUPTED;
    }

    s->placed[db] = (rc == 0);

    if (rc != 0) {
        entry->key = NULL;
        entry->key_len = 0;

        /* without a key this is no damaged value to be stepped over */
        return (rc == MDB_NOTFOUND) ? ACM_NOTFOUND : ACM_ERROR;
    }

    s->last[db] = *key;

    entry->key = key->mv_data;
    entry->key_len = key->mv_size;

    if (entry->key_len > ACM_MAX_STORE_KEY) {

        /* of a damaged page: those who keep it have room for no more */

        entry->key_len = ACM_MAX_STORE_KEY;
        return ACM_CORRUPT;
    }

    return (s->store.skim == db)
           ? acm_envelope_look(entry, value.mv_data, value.mv_size, &crc)
           : acm_envelope_read(db, entry, value.mv_data, value.mv_size);
}


/* On a damaged page keys may not rise: a walk over it would never end. */

static int
acm_lmdb_ordered(const MDB_val *key, const MDB_val *bound, MDB_cursor_op op)
{
    int     order;
    size_t  n;

    if (key->mv_size == 0) {
        return 0;
    }

    n = (key->mv_size < bound->mv_size) ? key->mv_size : bound->mv_size;
    order = (n == 0) ? 0 : memcmp(key->mv_data, bound->mv_data, n);

    if (order == 0) {
        order = (key->mv_size > bound->mv_size)
                - (key->mv_size < bound->mv_size);
    }

    switch (op) {

    case MDB_SET_RANGE:
        return order >= 0;

    case MDB_NEXT:
        return order > 0;

    case MDB_PREV:
        return order < 0;

    default:
        return 1;
    }
}


acm_rc_t
acm_lmdb_fail(acm_lmdb_t *s, acm_err_t *err, int rc, const char *what)
{
    acm_rc_t     code;
    const char  *reason;

    code = acm_lmdb_rc(rc);

    /* for numbers of the system LMDB asks strerror(), which is not ours */

    if (rc < 0) {
        reason = mdb_strerror(rc);
        return acm_fail(err, code, "store \"%s\" %s: %s; %s", s->e->path, what,
                        reason, acm_lmdb_cure(rc));
    }

    return acm_fail(err, code, "store \"%s\" %s: errno %d; %s", s->e->path,
                    what, rc, acm_lmdb_cure(rc));
}


static acm_rc_t
acm_lmdb_rc(int rc)
{
    switch (rc) {

    case MDB_NOTFOUND:
        return ACM_NOTFOUND;

    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ACM_FULL;

    case ENOMEM:
        return ACM_NOMEM;

    case MDB_READERS_FULL:
    case MDB_MAP_RESIZED:
    case EAGAIN:
    case EBUSY:
        return ACM_BUSY;

    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        return ACM_CORRUPT;

    case EACCES:
    case EPERM:
    case EROFS:
        return ACM_DENIED;

    case MDB_TXN_FULL:
        return ACM_TOOBIG;

    default:
        return ACM_ERROR;
    }
}


static const char *
acm_lmdb_cure(int rc)
{
    if (rc == EROFS) {
        return "its file system is read-only: mount it for writing";
    }

    switch (acm_lmdb_rc(rc)) {

    case ACM_FULL:
        return "raise its size, make room on the disk or delete from it";

    case ACM_NOMEM:
        return "lower its size or raise the limit of address space";

    case ACM_BUSY:
        return "try again later";

    case ACM_CORRUPT:
        return "restore it from a backup";

    case ACM_DENIED:
        return "give the files and the directory to the user of this process";

    case ACM_TOOBIG:
        return "make smaller batches";

    default:
        return "close it and open it again";
    }
}
