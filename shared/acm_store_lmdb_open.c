
/*
 * Copyright (C) The ngx_acm authors
 *
 * The LMDB store: opening, sharing and closing of its environment.
 */


#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "acm_store_lmdb.h"


#define ACM_LMDB_TRIES       10      /* of opening */
#define ACM_LMDB_PAUSE       50000000L       /* nanoseconds between them */
/* a map that was configured below what is there already gets this much
   more, so that deletes work */
#define ACM_LMDB_HEADROOM    (256ULL << 10)


static acm_rc_t acm_lmdb_conf_check(const acm_store_conf_t *conf,
    acm_err_t *err);
static acm_rc_t acm_lmdb_try_open(acm_lmdb_t *s,
    const acm_store_conf_t *conf, unsigned *again, acm_err_t *err);
static int acm_lmdb_env_open(acm_lmdb_t *s, const acm_store_conf_t *conf,
    const acm_store_file_t *file);
static unsigned acm_lmdb_env_flags(const acm_store_conf_t *conf,
    const acm_store_file_t *file);
static acm_rc_t acm_lmdb_maps_find(acm_lmdb_t *s, MDB_txn *txn,
    unsigned *missing, acm_err_t *err);
static acm_rc_t acm_lmdb_maps_create(acm_lmdb_t *s, acm_err_t *err);
static acm_rc_t acm_lmdb_env_new(acm_lmdb_t *s,
    const acm_store_conf_t *conf, acm_err_t *err);
static acm_rc_t acm_lmdb_open_alone(acm_lmdb_t *s,
    const acm_store_conf_t *conf, unsigned *again, acm_err_t *err);
static void acm_lmdb_env_close(acm_lmdb_t *s);
static void acm_lmdb_env_drop(acm_lmdb_env_t *e);
static void acm_lmdb_handle_reset(acm_lmdb_t *s);


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

    rc = acm_lmdb_env_new(s, conf, err);

    if (rc != ACM_OK) {
        acm_free(s);
        return rc;
    }

    for (i = 0; i < ACM_LMDB_TRIES; i++) {
        again = 0;
        rc = acm_lmdb_try_open(s, conf, &again, err);

        if (rc == ACM_OK) {
            *store = &s->store;
            return ACM_OK;
        }

        acm_lmdb_env_close(s);

        if (!again) {
            break;
        }

        if (conf->nowait) {
            /* it is damaged only if it stays so */
            rc = acm_fail(err, ACM_BUSY, "store \"%s\" is being made or "
                          "opened by another process: try again",
                          conf->path);
            break;
        }

        /* another process opens, closes or makes it at this instant */
        pause.tv_sec = 0;
        pause.tv_nsec = ACM_LMDB_PAUSE;
        (void) nanosleep(&pause, NULL);    /* a shorter one will do */
    }

    acm_lmdb_close(&s->store);

    return rc;
}


static acm_rc_t
acm_lmdb_env_new(acm_lmdb_t *s, const acm_store_conf_t *conf, acm_err_t *err)
{
    acm_lmdb_env_t  *e;

    e = acm_calloc(1, sizeof(acm_lmdb_env_t));

    if (e == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for a store");
    }

    e->pid = getpid();
    e->path = acm_strdup(conf->path);
    e->conf = *conf;
    e->conf.path = e->path;
    e->conf.create = 0;
    e->limit = conf->map_size;
    e->refs = 1;
    e->handles = s;

    e->last = &e->first;

    if (e->path == NULL || pthread_rwlock_init(&e->lock, NULL) != 0) {
        acm_free(e->path);
        acm_free(e);
        return acm_fail(err, ACM_NOMEM, "no memory for a store");
    }

    /* these two cannot fail on Linux */

    (void) pthread_mutex_init(&e->mutex, NULL);
    (void) pthread_cond_init(&e->cond, NULL);

    s->e = e;

    return ACM_OK;
}


acm_rc_t
acm_lmdb_share(acm_store_t *store, acm_store_t **other, acm_err_t *err)
{
    acm_rc_t     rc;
    acm_lmdb_t  *from, *s;

    from = (acm_lmdb_t *) store;

    s = acm_calloc(1, sizeof(acm_lmdb_t));

    if (s == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for a store");
    }

    s->store.ops = &acm_lmdb_ops;
    s->store.readonly = from->store.readonly;
    s->e = from->e;

    acm_lmdb_lock_alone(from);

    rc = acm_lmdb_usable(from, err);

    if (rc == ACM_OK) {
        s->schema = from->schema;
        s->next = s->e->handles;
        s->e->handles = s;
        s->e->refs++;
    }

    acm_lmdb_unlock(from);

    if (rc != ACM_OK) {
        acm_free(s);
        return rc;
    }

    *other = &s->store;

    return ACM_OK;
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
    acm_rc_t  code;

    acm_lmdb_lock_alone(s);
    code = acm_lmdb_open_alone(s, conf, again, err);
    acm_lmdb_unlock(s);

    return code;
}


/*
 * No handle has a transaction: whoever uses one holds the lock.  An attempt
 * looks at all descriptors of the process, which each handshake would wait
 * for: one that failed stands for a while.
 */

acm_rc_t
acm_lmdb_revive(acm_lmdb_t *s, acm_err_t *err)
{
    int64_t          now;
    acm_rc_t         code;
    unsigned         again;
    acm_lmdb_t      *h;
    acm_lmdb_env_t  *e;

    e = s->e;

    if (!e->dead) {
        return ACM_OK;
    }

    now = acm_ticks();

    if (e->failed != ACM_OK && now >= e->failed_at
        && now - e->failed_at < ACM_STORE_AGAIN)
    {
        return acm_fail(err, e->failed, "%s", e->why.text);
    }

    for (h = e->handles; h != NULL; h = h->next) {
        acm_lmdb_handle_reset(h);
    }

    acm_lmdb_env_drop(e);

    e->maps++;
    e->dead = 0;

    code = acm_lmdb_open_alone(s, &e->conf, &again, &e->why);

    e->failed = code;
    e->failed_at = now;

    if (code != ACM_OK) {
        acm_lmdb_env_drop(e);
        e->dead = 1;
        return acm_fail(err, code, "%s", e->why.text);
    }

    return ACM_OK;
}


static void
acm_lmdb_env_drop(acm_lmdb_env_t *e)
{
    if (e->env != NULL) {
        mdb_env_close(e->env);
        e->env = NULL;
    }

    memset(e->present, 0, sizeof(e->present));
}


static acm_rc_t
acm_lmdb_open_alone(acm_lmdb_t *s, const acm_store_conf_t *conf,
    unsigned *again, acm_err_t *err)
{
    int               rc;
    acm_rc_t          code;
    acm_store_file_t  file;

    code = acm_store_file_check(s->e->path, &file, err);

    if (code != ACM_OK) {
        *again = file.again;
        return code;
    }

    /* LMDB would make an absent one */
    if (!file.found && (!conf->create || conf->readonly)) {
        return acm_fail(err, ACM_NOTFOUND, "store \"%s\" does not exist or "
                        "is still being made", s->e->path);
    }

    if (acm_store_file_is_open(s->e->path, "lock.mdb")) {
        return acm_fail(err, ACM_BUSY, "store \"%s\" is open in this process "
                        "already, or was before a fork: use that handle or "
                        "open after the fork", s->e->path);
    }

    rc = acm_lmdb_env_open(s, conf, &file);

    if (rc != 0) {
        /* INVALID is of a lock file in the making: the data was checked */
        *again = (rc == EAGAIN || rc == EBUSY || rc == ENOENT
                  || rc == MDB_INVALID);
        code = acm_lmdb_fail(s, err, rc, "cannot be opened");

    } else {
        code = acm_lmdb_maps_open(s, conf->create && !conf->readonly, err);
        *again = (code == ACM_BUSY);
    }

    return code;
}


static int
acm_lmdb_env_open(acm_lmdb_t *s, const acm_store_conf_t *conf,
    const acm_store_file_t *file)
{
    int          rc;
    long         page;
    MDB_stat     stat;
    uint64_t     data, size;
    MDB_envinfo  info;

    size = s->e->limit;

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

    rc = mdb_env_create(&s->e->env);

    if (rc != 0) {
        s->e->env = NULL;
        return rc;
    }

    /* without a size LMDB takes the one that the file was made with */

    if (size != 0) {
        rc = mdb_env_set_mapsize(s->e->env, (size_t) size);
    }

    if (rc == 0) {
        rc = mdb_env_set_maxreaders(s->e->env, ACM_STORE_READERS);
    }

    if (rc == 0) {
        rc = mdb_env_set_maxdbs(s->e->env, ACM_DB_MAX);
    }

    if (rc == 0) {
        rc = mdb_env_open(s->e->env, s->e->path,
                          acm_lmdb_env_flags(conf, file), 0600);
    }

    if (rc == 0) {
        rc = mdb_env_stat(s->e->env, &stat);
        s->e->page_size = stat.ms_psize;
    }

    if (rc == 0 && s->e->limit == 0) {
        rc = mdb_env_info(s->e->env, &info);
        s->e->limit = info.me_mapsize;
    }

    return rc;
}


static unsigned
acm_lmdb_env_flags(const acm_store_conf_t *conf, const acm_store_file_t *file)
{
    unsigned  flags;
    uint64_t  data, memory;

    /* a reader belongs to a handle, whatever thread has it */

    flags = MDB_NOTLS | (conf->readonly ? MDB_RDONLY : 0);

    if (conf->lookups && file->found) {
        data = (file->last_page + 1) * file->page_size;
        memory = (uint64_t) sysconf(_SC_PHYS_PAGES)
                 * (uint64_t) sysconf(_SC_PAGESIZE);

        flags |= acm_store_scattered(data, memory) ? MDB_NORDAHEAD : 0;
    }

    return flags;
}


acm_rc_t
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

    s->e->missing = 0;

    if (missing == 0 || s->schema > ACM_STORE_SCHEMA) {
        return ACM_OK;
    }

    /* of an older version: whoever writes will make the maps that it did not
       have; until then nothing is in them */

    s->e->missing = missing;
    s->e->missing_at = acm_lmdb_last(s);

    if (create) {
        return acm_lmdb_maps_create(s, err);
    }

    if (s->e->present[ACM_DB_META]) {
        return ACM_OK;
    }

    return acm_fail(err, ACM_NOTFOUND, "store \"%s\" does not exist or is "
                    "still being made", s->e->path);
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
        rc = mdb_dbi_open(txn, acm_db_name((acm_db_e) db), 0, &s->e->dbi[db]);

        if (rc == MDB_NOTFOUND) {
            (*missing)++;
            continue;
        }

        if (rc == MDB_INCOMPATIBLE) {
            return acm_fail(err, ACM_CORRUPT, "store \"%s\" is of another "
                            "program: use an empty directory", s->e->path);
        }

        if (rc != 0) {
            return acm_lmdb_fail(s, err, rc, "cannot be read");
        }

        s->e->present[db] = 1;
    }

    if (s->e->present[ACM_DB_META]) {
        if (acm_lmdb_schema_read(s, txn) != ACM_OK) {
            return acm_fail(err, ACM_CORRUPT, "store \"%s\" has no valid "
                            "schema record: restore it from a backup",
                            s->e->path);
        }

        return ACM_OK;
    }

    rc = mdb_env_stat(s->e->env, &stat);

    if (rc != 0) {
        return acm_lmdb_fail(s, err, rc, "cannot be read");
    }

    /* env_stat may be newer than this snapshot: a creator came between */

    if (mdb_txn_id(txn) != acm_lmdb_last(s)) {
        return acm_fail(err, ACM_BUSY, "store \"%s\" is being made by "
                        "another process: try again", s->e->path);
    }

    if (stat.ms_entries != 0) {
        return acm_fail(err, ACM_CORRUPT, "store \"%s\" is of another "
                        "program: use an empty directory", s->e->path);
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
                          &s->e->dbi[db]);
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

    memset(s->e->present, 1, sizeof(s->e->present));
    s->e->missing = 0;

    return ACM_OK;

failed:

    if (txn != NULL) {
        mdb_txn_abort(txn);
    }

    return acm_lmdb_fail(s, err, rc, "cannot be made");
}


static void
acm_lmdb_env_close(acm_lmdb_t *s)
{
    if (s->e->env == NULL) {
        return;
    }

    acm_lmdb_handle_reset(s);
    s->schema = 0;

    if (s->e->refs == 1) {

        /* a child which inherited it would free the slots of its parent */

        if (s->e->pid != getpid()) {
            s->e->env = NULL;
        }

        acm_lmdb_env_drop(s->e);
        s->e->dead = 0;
    }
}


static void
acm_lmdb_handle_reset(acm_lmdb_t *s)
{
    unsigned  db;

    if (s->e->pid == getpid()) {
        for (db = 0; db < ACM_DB_MAX; db++) {
            if (s->cursors[db] != NULL) {
                mdb_cursor_close(s->cursors[db]);
            }
        }

        if (s->txn != NULL) {
            mdb_txn_abort(s->txn);
        }
    }

    memset(s->cursors, 0, sizeof(s->cursors));
    s->txn = NULL;
}


void
acm_lmdb_close(acm_store_t *store)
{
    unsigned         left;
    acm_lmdb_t      *s, **p;
    acm_lmdb_env_t  *e;

    s = (acm_lmdb_t *) store;
    e = s->e;

    acm_lmdb_lock_alone(s);

    acm_lmdb_env_close(s);

    /* one that is closed meanwhile may be the last */
    left = --e->refs;

    for (p = &e->handles; *p != s; p = &(*p)->next) { /* void */ }

    *p = s->next;

    acm_lmdb_unlock(s);

    acm_free(s);

    if (left == 0) {
        (void) pthread_cond_destroy(&e->cond);
        (void) pthread_mutex_destroy(&e->mutex);
        (void) pthread_rwlock_destroy(&e->lock);    /* nobody has it */
        acm_free(e->path);
        acm_free(e);
    }
}
