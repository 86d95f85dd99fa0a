
/*
 * Copyright (C) The ngx_acm authors
 *
 * The LMDB store: figures, housekeeping, backup.
 */


#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acm_store_lmdb.h"


static acm_rc_t acm_lmdb_stat_locked(acm_lmdb_t *s, acm_store_stat_t *stat,
    acm_err_t *err);
static int acm_lmdb_stat_maps(acm_lmdb_t *s, acm_store_stat_t *stat,
    uint64_t *unused);
static int acm_lmdb_reader(const char *text, void *data);
static acm_rc_t acm_lmdb_copy(acm_lmdb_t *s, int fd, const char *dir,
    acm_err_t *err);
static int acm_lmdb_trusted(acm_lmdb_t *s, uint64_t *last, uint64_t *since);
static uint64_t acm_lmdb_revision(MDB_txn *txn, MDB_dbi dbi,
    const char *name);
static uint64_t acm_lmdb_copied(const char *dir);


/* LMDB's list of them is map 0, which only a reader may walk */

int
acm_lmdb_free_pages(acm_lmdb_t *s, MDB_txn *txn, uint64_t *pages)
{
    int          rc;
    size_t       n;
    MDB_val      key, value;
    MDB_cursor  *cursor;

    (void) s;

    *pages = 0;
    rc = mdb_cursor_open(txn, 0, &cursor);

    if (rc != 0) {
        return rc;
    }

    rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);

    while (rc == 0) {
        if (value.mv_size < sizeof(size_t)) {
            rc = MDB_CORRUPTED;
            break;
        }

        memcpy(&n, value.mv_data, sizeof(size_t));
        *pages += n;
        rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }

    mdb_cursor_close(cursor);

    return (rc == MDB_NOTFOUND) ? 0 : rc;
}


acm_rc_t
acm_lmdb_stat(acm_store_t *store, acm_store_stat_t *stat, acm_err_t *err)
{
    acm_rc_t     code;
    acm_lmdb_t  *s;

    s = (acm_lmdb_t *) store;

    acm_lmdb_lock(s);
    code = acm_lmdb_stat_locked(s, stat, err);
    acm_lmdb_unlock(s);

    return code;
}


static acm_rc_t
acm_lmdb_stat_locked(acm_lmdb_t *s, acm_store_stat_t *stat, acm_err_t *err)
{
    int          rc;
    acm_rc_t     code;
    uint64_t     unused;
    MDB_envinfo  info;

    code = acm_lmdb_usable(s, err);

    if (code != ACM_OK) {
        return code;
    }

    rc = acm_lmdb_txn(s, &s->txn, MDB_RDONLY);

    if (rc == 0) {
        rc = acm_lmdb_stat_maps(s, stat, &unused);
        mdb_txn_reset(s->txn);
    }

    if (rc == 0) {
        rc = mdb_reader_list(s->e->env, acm_lmdb_reader, stat);
        rc = (rc < 0) ? rc : 0;
    }

    if (rc != 0) {
        return acm_lmdb_fail(s, err, rc, "cannot be read");
    }

    (void) mdb_env_info(s->e->env, &info);    /* fails without arguments only */

    stat->map_size = s->e->limit;
    stat->max_readers = info.me_maxreaders;
    stat->size = ((uint64_t) info.me_last_pgno + 1) * s->e->page_size;
    stat->used = stat->size - unused * s->e->page_size;
    stat->schema = s->schema;

    return ACM_OK;
}


static int
acm_lmdb_stat_maps(acm_lmdb_t *s, acm_store_stat_t *stat, uint64_t *unused)
{
    int       rc;
    MDB_stat  map;
    unsigned  db;

    stat->generation = mdb_txn_id(s->txn);

    if (acm_lmdb_schema_read(s, s->txn) != ACM_OK) {
        return MDB_CORRUPTED;
    }

    for (db = 0; db < ACM_DB_MAX; db++) {
        if (!s->e->present[db]) {
            continue;
        }

        rc = mdb_stat(s->txn, s->e->dbi[db], &map);

        if (rc != 0) {
            return rc;
        }

        stat->entries[db] = map.ms_entries;
        stat->octets[db] = ((uint64_t) map.ms_branch_pages
                            + map.ms_leaf_pages + map.ms_overflow_pages)
                           * s->e->page_size;
    }

    return acm_lmdb_free_pages(s, s->txn, unused);
}


/* LMDB gives a line for each slot in use, after a heading: process, thread in
   hexadecimal, and the transaction or "-" */

static int
acm_lmdb_reader(const char *text, void *data)
{
    char               *end;
    int64_t             pid;
    uint64_t            txn;
    acm_store_stat_t   *stat;

    stat = data;
    pid = strtoll(text, &end, 10);

    if (end == text) {
        return 0;
    }

    stat->readers++;

    (void) strtoull(end, &end, 16);
    text = end;
    txn = strtoull(text, &end, 10);

    if (end != text && txn < stat->generation
        && (stat->lag_pid == 0 || stat->generation - txn > stat->lag))
    {
        stat->lag = stat->generation - txn;
        stat->lag_pid = pid;
    }

    return 0;
}


unsigned
acm_lmdb_housekeep(acm_store_t *store)
{
    int          dead;
    acm_lmdb_t  *s;

    s = (acm_lmdb_t *) store;
    dead = 0;

    acm_lmdb_lock(s);

    if (acm_lmdb_usable(s, NULL) != ACM_OK
        || mdb_reader_check(s->e->env, &dead) != 0 || dead < 0)
    {
        dead = 0;
    }

    acm_lmdb_unlock(s);

    return (unsigned) dead;
}


acm_rc_t
acm_lmdb_backup(acm_store_t *store, const char *dir, acm_err_t *err)
{
    int          dirfd, fd;
    acm_rc_t     code;
    acm_lmdb_t  *s;

    s = (acm_lmdb_t *) store;

    acm_lmdb_lock(s);
    code = acm_lmdb_usable(s, err);
    acm_lmdb_unlock(s);

    if (code == ACM_OK) {
        code = acm_store_dir_empty(dir, err);
    }

    if (code != ACM_OK) {
        return code;
    }

    fd = -1;
    dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dirfd != -1) {
        /* our own descriptor, since LMDB's would have mode 0666 */
        fd = openat(dirfd, "data.mdb", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                    0600);
    }

    if (fd == -1) {
        code = acm_fail(err, (errno == EACCES) ? ACM_DENIED : ACM_ERROR,
                        "backup \"%s\": data.mdb cannot be created: errno "
                        "%d", dir, errno);
        goto done;
    }

    acm_lmdb_lock(s);
    code = acm_lmdb_copy(s, fd, dir, err);
    acm_lmdb_unlock(s);

    if (code == ACM_OK && fsync(dirfd) == -1) {
        code = acm_fail(err, ACM_ERROR, "backup \"%s\": fsync failed: errno "
                        "%d", dir, errno);
    }

    if (code != ACM_OK) {
        /* half a backup is worse than none; it may be gone already */
        (void) unlinkat(dirfd, "data.mdb", 0);
    }

done:

    if (fd != -1) {
        (void) close(fd);       /* synced or removed */
    }

    if (dirfd != -1) {
        (void) close(dirfd);    /* as above */
    }

    return code;
}


/*
 * The copy is of some commit between two looks.  If each of these was of a
 * version that writes down what it served, that is the number which the copy
 * has; and with the same number again its indices are trusted as those of its
 * source are.
 */

static acm_rc_t
acm_lmdb_copy(acm_lmdb_t *s, int fd, const char *dir, acm_err_t *err)
{
    int       rc;
    uint64_t  first, last, before, behind, copied, generation;

    /* this also adopts a grown map, which the copy does not */

    rc = acm_lmdb_trusted(s, &first, &before);

    if (rc == 0) {
        rc = mdb_env_copyfd2(s->e->env, fd, MDB_CP_COMPACT);
    }

    if (rc == 0) {
        rc = acm_lmdb_trusted(s, &last, &behind);
    }

    if (rc != 0) {
        return acm_lmdb_fail(s, err, rc, "cannot be copied");
    }

    /* not below that of the copy, and none that it may have by chance */

    generation = last + 1;

    if (before <= first && behind <= first) {
        copied = acm_lmdb_copied(dir);

        if (copied >= first && copied <= last) {
            generation = copied;
        }
    }

    if (acm_store_file_stamp(fd, generation) != ACM_OK) {
        return acm_fail(err, ACM_ERROR, "backup \"%s\": the copy has an "
                        "unknown form: report the version of LMDB, %s", dir,
                        mdb_version(NULL, NULL, NULL));
    }

    if (fsync(fd) == -1) {
        return acm_fail(err, ACM_ERROR, "backup \"%s\": fsync failed: errno "
                        "%d", dir, errno);
    }

    return ACM_OK;
}


/* The last commit, and since which one they are all of versions that write
   down what they served; UINT64_MAX: the last one is not. */

static int
acm_lmdb_trusted(acm_lmdb_t *s, uint64_t *last, uint64_t *since)
{
    int       rc;
    uint64_t  served;

    *since = UINT64_MAX;

    rc = acm_lmdb_txn(s, &s->txn, MDB_RDONLY);

    if (rc != 0) {
        return rc;
    }

    *last = mdb_txn_id(s->txn);

    if (s->e->present[ACM_DB_META]) {
        rc = acm_lmdb_served_read(s, s->txn, *last, &served);

        if (rc == 0 && served != 0) {
            *since = acm_lmdb_revision(s->txn, s->e->dbi[ACM_DB_META],
                                       ACM_MISTRUST_KEY);
        }
    }

    mdb_txn_reset(s->txn);

    return rc;
}


/* Of an entry; 0 if it is not there, UINT64_MAX if it cannot be read. */

static uint64_t
acm_lmdb_revision(MDB_txn *txn, MDB_dbi dbi, const char *name)
{
    int          rc;
    MDB_val      key, value;
    acm_entry_t  entry;

    key.mv_data = (void *) name;
    key.mv_size = strlen(name);

    rc = mdb_get(txn, dbi, &key, &value);

    if (rc != 0) {
        return (rc == MDB_NOTFOUND) ? 0 : UINT64_MAX;
    }

    entry.key = (const uint8_t *) name;
    entry.key_len = strlen(name);

    return (acm_envelope_read(ACM_DB_META, &entry, value.mv_data,
                              value.mv_size)
            == ACM_OK) ? entry.revision : UINT64_MAX;
}


/* Which commit wrote down last what is served in the copy; 0: none. */

static uint64_t
acm_lmdb_copied(const char *dir)
{
    MDB_dbi    dbi;
    MDB_env   *env;
    MDB_txn   *txn;
    uint64_t   revision;

    if (mdb_env_create(&env) != 0) {
        return 0;
    }

    revision = 0;

    if (mdb_env_set_maxdbs(env, 1) == 0
        && mdb_env_open(env, dir, MDB_RDONLY | MDB_NOLOCK, 0600) == 0
        && mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0)
    {
        if (mdb_dbi_open(txn, acm_db_name(ACM_DB_META), 0, &dbi) == 0) {
            revision = acm_lmdb_revision(txn, dbi, ACM_SERVED_KEY);
        }

        mdb_txn_abort(txn);
    }

    mdb_env_close(env);

    return revision;
}
