
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


static acm_rc_t
acm_lmdb_copy(acm_lmdb_t *s, int fd, const char *dir, acm_err_t *err)
{
    int          rc;
    uint64_t     generation;
    MDB_envinfo  info;

    /*
     * The copy opens a reader of its own and does not adopt a grown map:
     * an empty snapshot before it does.
     */
    rc = acm_lmdb_txn(s, &s->txn, MDB_RDONLY);

    if (rc == 0) {
        mdb_txn_reset(s->txn);
        rc = mdb_env_copyfd2(s->e->env, fd, MDB_CP_COMPACT);
    }

    if (rc != 0) {
        return acm_lmdb_fail(s, err, rc, "cannot be copied");
    }

    /* taken after the copy, so that it is not below the copy's own */
    (void) mdb_env_info(s->e->env, &info);    /* fails without arguments only */
    generation = info.me_last_txnid;

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
