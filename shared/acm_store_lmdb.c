
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


#define ACM_LMDB_TRIES       10      /* of opening */
#define ACM_LMDB_PAUSE       50000000L       /* nanoseconds between them */
#define ACM_LMDB_TXN_TRIES   4       /* of starting a transaction */
/* a map that was configured below what is there already gets this much
   more, so that deletes work */
#define ACM_LMDB_HEADROOM    (256ULL << 10)


static acm_rc_t acm_lmdb_conf_check(const acm_store_conf_t *conf,
    acm_err_t *err);
static acm_rc_t acm_lmdb_try_open(acm_lmdb_t *s,
    const acm_store_conf_t *conf, unsigned *again, acm_err_t *err);
static int acm_lmdb_env_open(acm_lmdb_t *s, const acm_store_file_t *file);
static acm_rc_t acm_lmdb_maps_open(acm_lmdb_t *s, unsigned create,
    acm_err_t *err);
static acm_rc_t acm_lmdb_maps_find(acm_lmdb_t *s, MDB_txn *txn,
    unsigned *missing, acm_err_t *err);
static acm_rc_t acm_lmdb_maps_create(acm_lmdb_t *s, acm_err_t *err);
static void acm_lmdb_env_close(acm_lmdb_t *s);
static void acm_lmdb_close(acm_store_t *store);
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
static int acm_lmdb_cursor(acm_lmdb_t *s, acm_db_e db);
static acm_rc_t acm_lmdb_move(acm_lmdb_t *s, acm_db_e db, MDB_val *key,
    MDB_cursor_op op, acm_entry_t *entry);
static acm_rc_t acm_lmdb_rc(int rc);
static const char *acm_lmdb_cure(acm_rc_t rc);


static const acm_store_ops_t  acm_lmdb_ops = {
    acm_lmdb_close,
    acm_lmdb_generation,
    acm_lmdb_begin,
    acm_lmdb_end,
    acm_lmdb_get,
    acm_lmdb_seek,
    acm_lmdb_next,
    acm_lmdb_commit,
    acm_lmdb_stat,
    acm_lmdb_housekeep,
    acm_lmdb_backup
};


acm_rc_t
acm_store_lmdb_open(const acm_store_conf_t *conf, acm_store_t **store,
    acm_err_t *err)
{
    acm_rc_t          rc;
    unsigned          again, i;
    acm_lmdb_t       *s;
    struct timespec   pause;

    rc = acm_lmdb_conf_check(conf, err);

    if (rc != ACM_OK) {
        return rc;
    }

    s = acm_calloc(1, sizeof(acm_lmdb_t));

    if (s == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for a store");
    }

    s->store.ops = &acm_lmdb_ops;
    s->store.readonly = conf->readonly;
    s->pid = getpid();
    s->path = acm_strdup(conf->path);
    s->limit = conf->map_size;

    if (s->path == NULL) {
        rc = acm_fail(err, ACM_NOMEM, "no memory for a store");
        goto failed;
    }

    for (i = 0; i < ACM_LMDB_TRIES; i++) {
        again = 0;
        rc = acm_lmdb_try_open(s, conf, &again, err);

        if (rc == ACM_OK) {
            *store = &s->store;
            return ACM_OK;
        }

        acm_lmdb_env_close(s);

        if (!again || conf->nowait) {
            break;
        }

        /* another process opens, closes or makes it at this instant */
        pause.tv_sec = 0;
        pause.tv_nsec = ACM_LMDB_PAUSE;
        (void) nanosleep(&pause, NULL);    /* a shorter one will do */
    }

failed:

    acm_lmdb_close(&s->store);

    return rc;
}


static acm_rc_t
acm_lmdb_conf_check(const acm_store_conf_t *conf, acm_err_t *err)
{
    if (conf->path == NULL || conf->path[0] == '\0') {
        return acm_fail(err, ACM_INVALID, "the store has no path");
    }

    if (conf->map_size != 0 && conf->map_size < ACM_STORE_MIN_MAP) {
        return acm_fail(err, ACM_INVALID, "store \"%s\": a size of %llu "
                        "octets is below the least, %llu", conf->path,
                        (unsigned long long) conf->map_size,
                        (unsigned long long) ACM_STORE_MIN_MAP);
    }

    if (conf->map_size > SIZE_MAX / 2) {
        return acm_fail(err, ACM_TOOBIG, "store \"%s\": the size is more "
                        "than this machine can address", conf->path);
    }

    return ACM_OK;
}


static acm_rc_t
acm_lmdb_try_open(acm_lmdb_t *s, const acm_store_conf_t *conf,
    unsigned *again, acm_err_t *err)
{
    int               rc;
    acm_rc_t          code;
    acm_store_file_t  file;

    code = acm_store_file_check(s->path, &file, err);

    if (code != ACM_OK) {
        *again = file.again;
        return code;
    }

    /* LMDB would make an absent one */
    if (!file.found && (!conf->create || conf->readonly)) {
        return acm_fail(err, ACM_NOTFOUND, "store \"%s\" does not exist or "
                        "is still being made", s->path);
    }

    if (acm_store_file_is_open(s->path, "lock.mdb")) {
        return acm_fail(err, ACM_BUSY, "store \"%s\" is open in this process "
                        "already, or was before a fork: use that handle or "
                        "open after the fork", s->path);
    }

    rc = acm_lmdb_env_open(s, &file);

    if (rc != 0) {
        /* INVALID is of a lock file in the making: the data was checked */
        *again = (rc == EAGAIN || rc == EBUSY || rc == ENOENT
                  || rc == MDB_INVALID);
        return acm_lmdb_fail(s, err, rc, "cannot be opened");
    }

    code = acm_lmdb_maps_open(s, conf->create && !conf->readonly, err);
    *again = (code == ACM_BUSY);

    return code;
}


static int
acm_lmdb_env_open(acm_lmdb_t *s, const acm_store_file_t *file)
{
    int          rc;
    long         page;
    MDB_stat     stat;
    uint64_t     data, size;
    MDB_envinfo  info;

    size = s->limit;

    if (size == 0 && !file->found) {
        size = ACM_STORE_MAP_SIZE;
    }

    if (size != 0 && file->found) {
        data = (file->last_page + 1) * file->page_size;
        data += data / 8 + ACM_LMDB_HEADROOM;

        if (size < data) {
            size = data;
        }
    }

    page = sysconf(_SC_PAGESIZE);
    size = (size + (uint64_t) page - 1) / (uint64_t) page * (uint64_t) page;

    rc = mdb_env_create(&s->env);

    if (rc != 0) {
        s->env = NULL;
        return rc;
    }

    /* without a size LMDB takes the one that the file was made with */

    if (size != 0) {
        rc = mdb_env_set_mapsize(s->env, (size_t) size);
    }

    if (rc == 0) {
        rc = mdb_env_set_maxreaders(s->env, ACM_STORE_READERS);
    }

    if (rc == 0) {
        rc = mdb_env_set_maxdbs(s->env, ACM_DB_MAX);
    }

    if (rc == 0) {
        rc = mdb_env_open(s->env, s->path,
                          s->store.readonly ? MDB_RDONLY : 0, 0600);
    }

    if (rc == 0) {
        rc = mdb_env_stat(s->env, &stat);
        s->page_size = stat.ms_psize;
    }

    if (rc == 0 && s->limit == 0) {
        rc = mdb_env_info(s->env, &info);
        s->limit = info.me_mapsize;
    }

    return rc;
}


static acm_rc_t
acm_lmdb_maps_open(acm_lmdb_t *s, unsigned create, acm_err_t *err)
{
    int       rc;
    MDB_txn  *txn;
    acm_rc_t  code;
    unsigned  missing;

    txn = NULL;
    rc = acm_lmdb_txn(s, &txn, MDB_RDONLY);

    if (rc != 0) {
        return acm_lmdb_fail(s, err, rc, "cannot be read");
    }

    code = acm_lmdb_maps_find(s, txn, &missing, err);

    if (code != ACM_OK) {
        mdb_txn_abort(txn);
        return code;
    }

    /* the commit keeps the handles of the maps */
    rc = mdb_txn_commit(txn);

    if (rc != 0) {
        return acm_lmdb_fail(s, err, rc, "cannot be read");
    }

    s->missing = 0;

    if (missing == 0 || s->schema > ACM_STORE_SCHEMA) {
        return ACM_OK;
    }

    if (create) {
        return acm_lmdb_maps_create(s, err);
    }

    if (s->present[ACM_DB_META]) {

        /* of an older version: whoever may will make the maps that it did
           not have; until then nothing is in them */

        s->missing = missing;
        s->missing_at = acm_lmdb_generation(&s->store);

        return ACM_OK;
    }

    return acm_fail(err, ACM_NOTFOUND, "store \"%s\" does not exist or is "
                    "still being made", s->path);
}


static acm_rc_t
acm_lmdb_maps_find(acm_lmdb_t *s, MDB_txn *txn, unsigned *missing,
    acm_err_t *err)
{
    int       rc;
    unsigned  db;
    MDB_stat  stat;

    *missing = 0;

    for (db = 0; db < ACM_DB_MAX; db++) {
        rc = mdb_dbi_open(txn, acm_db_name((acm_db_e) db), 0, &s->dbi[db]);

        if (rc == MDB_NOTFOUND) {
            (*missing)++;
            continue;
        }

        if (rc == MDB_INCOMPATIBLE) {
            return acm_fail(err, ACM_CORRUPT, "store \"%s\" is of another "
                            "program: use an empty directory", s->path);
        }

        if (rc != 0) {
            return acm_lmdb_fail(s, err, rc, "cannot be read");
        }

        s->present[db] = 1;
    }

    if (s->present[ACM_DB_META]) {
        if (acm_lmdb_schema_read(s, txn) != ACM_OK) {
            return acm_fail(err, ACM_CORRUPT, "store \"%s\" has no valid "
                            "schema record: restore it from a backup",
                            s->path);
        }

        return ACM_OK;
    }

    rc = mdb_env_stat(s->env, &stat);

    if (rc != 0) {
        return acm_lmdb_fail(s, err, rc, "cannot be read");
    }

    /* env_stat may be newer than this snapshot: a creator came between */

    if (mdb_txn_id(txn) != acm_lmdb_generation(&s->store)) {
        return acm_fail(err, ACM_BUSY, "store \"%s\" is being made by "
                        "another process: try again", s->path);
    }

    if (stat.ms_entries != 0) {
        return acm_fail(err, ACM_CORRUPT, "store \"%s\" is of another "
                        "program: use an empty directory", s->path);
    }

    return ACM_OK;
}


/* all maps and the schema record in one transaction */

static acm_rc_t
acm_lmdb_maps_create(acm_lmdb_t *s, acm_err_t *err)
{
    int       rc;
    MDB_txn  *txn;
    uint8_t   data[ACM_SCHEMA_LEN];
    acm_op_t  op;
    acm_rc_t  code;
    unsigned  db;

    txn = NULL;
    rc = acm_lmdb_txn(s, &txn, 0);

    for (db = 0; rc == 0 && db < ACM_DB_MAX; db++) {
        rc = mdb_dbi_open(txn, acm_db_name((acm_db_e) db), MDB_CREATE,
                          &s->dbi[db]);
    }

    if (rc != 0) {
        goto failed;
    }

    code = acm_lmdb_schema_read(s, txn);

    if (code == ACM_NOTFOUND) {
        acm_schema_write(data, ACM_STORE_SCHEMA);

        memset(&op, 0, sizeof(acm_op_t));
        op.db = ACM_DB_META;
        op.key = (uint8_t *) ACM_SCHEMA_KEY;
        op.key_len = ACM_SCHEMA_KEY_LEN;
        op.data = data;
        op.len = sizeof(data);

        rc = acm_lmdb_put(s, txn, &op);

        if (rc != 0) {
            goto failed;
        }

        s->schema = ACM_STORE_SCHEMA;
    }

    rc = mdb_txn_commit(txn);
    txn = NULL;

    if (rc != 0) {
        goto failed;
    }

    memset(s->present, 1, sizeof(s->present));

    return ACM_OK;

failed:

    if (txn != NULL) {
        mdb_txn_abort(txn);
    }

    return acm_lmdb_fail(s, err, rc, "cannot be made");
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

    rc = mdb_get(txn, s->dbi[ACM_DB_META], &key, &value);

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


static void
acm_lmdb_env_close(acm_lmdb_t *s)
{
    unsigned  db;

    if (s->env == NULL) {
        return;
    }

    /* a child which inherited it would free the slots of its parent */

    if (s->pid == getpid()) {
        for (db = 0; db < ACM_DB_MAX; db++) {
            if (s->cursors[db] != NULL) {
                mdb_cursor_close(s->cursors[db]);
            }
        }

        if (s->txn != NULL) {
            mdb_txn_abort(s->txn);
        }

        mdb_env_close(s->env);
    }

    memset(s->cursors, 0, sizeof(s->cursors));
    memset(s->present, 0, sizeof(s->present));
    s->txn = NULL;
    s->env = NULL;
    s->schema = 0;
    s->dead = 0;
}


static void
acm_lmdb_close(acm_store_t *store)
{
    acm_lmdb_t  *s;

    s = (acm_lmdb_t *) store;

    acm_lmdb_env_close(s);
    acm_free(s->path);
    acm_free(s);
}


acm_rc_t
acm_lmdb_usable(acm_lmdb_t *s, acm_err_t *err)
{
    if (s->pid != getpid()) {
        return acm_fail(err, ACM_ERROR, "store \"%s\" was opened before a "
                        "fork: open it in the child", s->path);
    }

    if (s->dead) {
        return acm_fail(err, ACM_ERROR, "store \"%s\" lost its map: close it "
                        "and open it again", s->path);
    }

    return ACM_OK;
}


/* A reader in *txn is renewed. */

int
acm_lmdb_txn(acm_lmdb_t *s, MDB_txn **txn, unsigned flags)
{
    int       dead, rc;
    unsigned  i;

    rc = 0;

    for (i = 0; i < ACM_LMDB_TXN_TRIES; i++) {
        if (*txn != NULL) {
            rc = mdb_txn_renew(*txn);

        } else {
            rc = mdb_txn_begin(s->env, NULL,
                               flags | (s->store.readonly ? MDB_RDONLY : 0),
                               txn);
        }

        if (rc == MDB_MAP_RESIZED) {
            rc = acm_lmdb_resize(s);

            if (rc != 0) {
                return rc;
            }

            rc = MDB_MAP_RESIZED;

        } else if (rc == MDB_READERS_FULL) {
            dead = 0;
            (void) mdb_reader_check(s->env, &dead);    /* tried again */

        } else {
            return rc;
        }
    }

    return rc;
}


/* Another process has grown the map; no transaction is open here. */

static int
acm_lmdb_resize(acm_lmdb_t *s)
{
    int          rc;
    MDB_envinfo  info;

    (void) mdb_env_info(s->env, &info);    /* fails without arguments only */
    s->generation = info.me_last_txnid;

    rc = mdb_env_set_mapsize(s->env, 0);

    if (rc != 0) {
        /* the old map is gone: nothing of this environment may be touched */
        s->dead = 1;
        return rc;
    }

    (void) mdb_env_info(s->env, &info);

    if (s->limit < info.me_mapsize) {
        s->limit = info.me_mapsize;
    }

    return 0;
}


static uint64_t
acm_lmdb_generation(acm_store_t *store)
{
    acm_lmdb_t   *s;
    MDB_envinfo   info;

    s = (acm_lmdb_t *) store;

    if (s->dead) {
        return s->generation;
    }

    (void) mdb_env_info(s->env, &info);    /* fails without arguments only */

    return info.me_last_txnid;
}


static acm_rc_t
acm_lmdb_begin(acm_store_t *store, acm_err_t *err)
{
    int          rc;
    acm_rc_t     code;
    acm_lmdb_t  *s;

    s = (acm_lmdb_t *) store;
    code = acm_lmdb_usable(s, err);

    if (code != ACM_OK) {
        return code;
    }

    if (s->missing != 0
        && s->missing_at != acm_lmdb_generation(store))
    {
        /* a thread has one transaction only, reset or not */

        if (s->txn != NULL) {
            mdb_txn_abort(s->txn);
            s->txn = NULL;
        }

        code = acm_lmdb_maps_open(s, 0, err);

        if (code != ACM_OK) {
            return code;
        }
    }

    rc = acm_lmdb_txn(s, &s->txn, MDB_RDONLY);

    if (rc != 0) {
        return acm_lmdb_fail(s, err, rc, "cannot be read");
    }

    memset(s->renewed, 0, sizeof(s->renewed));
    memset(s->placed, 0, sizeof(s->placed));
    store->snap.generation = mdb_txn_id(s->txn);

    return ACM_OK;
}


static void
acm_lmdb_end(acm_store_t *store)
{
    acm_lmdb_t  *s;

    s = (acm_lmdb_t *) store;

    if (s->pid == getpid()) {
        mdb_txn_reset(s->txn);
    }
}


static acm_rc_t
acm_lmdb_get(acm_store_t *store, acm_db_e db, acm_entry_t *entry)
{
    int          rc;
    MDB_val      key, value;
    acm_lmdb_t  *s;

    s = (acm_lmdb_t *) store;

    if (!s->present[db]) {
        return ACM_NOTFOUND;
    }

    key.mv_data = (void *) entry->key;
    key.mv_size = entry->key_len;

    rc = mdb_get(s->txn, s->dbi[db], &key, &value);

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

    if (!s->present[db]) {
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
        rc = mdb_cursor_open(s->txn, s->dbi[db], &s->cursors[db]);
    }

    s->renewed[db] = (rc == 0);

    return rc;
}


static acm_rc_t
acm_lmdb_move(acm_lmdb_t *s, acm_db_e db, MDB_val *key, MDB_cursor_op op,
    acm_entry_t *entry)
{
    int      rc;
    MDB_val  value;

    rc = mdb_cursor_get(s->cursors[db], key, &value, op);
    s->placed[db] = (rc == 0);

    if (rc != 0) {
        entry->key = NULL;
        entry->key_len = 0;

        /* without a key this is no damaged value to be stepped over */
        return (rc == MDB_NOTFOUND) ? ACM_NOTFOUND : ACM_ERROR;
    }

    entry->key = key->mv_data;
    entry->key_len = key->mv_size;

    return acm_envelope_read(db, entry, value.mv_data, value.mv_size);
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
        return acm_fail(err, code, "store \"%s\" %s: %s; %s", s->path, what,
                        reason, acm_lmdb_cure(code));
    }

    return acm_fail(err, code, "store \"%s\" %s: errno %d; %s", s->path,
                    what, rc, acm_lmdb_cure(code));
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
acm_lmdb_cure(acm_rc_t rc)
{
    switch (rc) {

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
