
/*
 * Copyright (C) The ngx_acm authors
 *
 * A compacted copy in the place of a store that nobody has open.  Nothing
 * stops half way: up to the rename the old file is there, and untouched.
 */


#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acm_store_impl.h"


#define ACM_COMPACT_PATH  4096


typedef struct {
    char       dir[ACM_COMPACT_PATH];    /* the copy's, in that of the store */
    char       copy[ACM_COMPACT_PATH];
    char       data[ACM_COMPACT_PATH];
    char       lock[ACM_COMPACT_PATH];
    uint64_t   generation;               /* that was copied */
} acm_compact_t;


static acm_rc_t acm_compact_names(acm_compact_t *c, const char *path,
    acm_err_t *err);
static acm_rc_t acm_compact_copy(acm_compact_t *c, const char *path,
    acm_err_t *err);
static acm_rc_t acm_compact_swap(acm_compact_t *c, const char *path,
    acm_err_t *err);
static acm_rc_t acm_compact_sync(const char *path);


acm_rc_t
acm_store_compact(const char *path, uint64_t *before, uint64_t *after,
    acm_err_t *err)
{
    acm_rc_t       rc;
    struct stat    st;
    acm_compact_t  c;

    rc = acm_compact_names(&c, path, err);

    if (rc == ACM_OK) {
        rc = acm_compact_copy(&c, path, err);
    }

    *before = (rc == ACM_OK && stat(c.data, &st) == 0)
              ? (uint64_t) st.st_size : 0;

    if (rc == ACM_OK) {
        rc = acm_compact_swap(&c, path, err);
    }

    *after = (rc == ACM_OK && stat(c.data, &st) == 0)
             ? (uint64_t) st.st_size : 0;

    /* gone already, unless something failed */

    (void) unlink(c.copy);
    (void) rmdir(c.dir);

    return rc;
}


static acm_rc_t
acm_compact_names(acm_compact_t *c, const char *path, acm_err_t *err)
{
    if (strlen(path) + sizeof("/compact/data.mdb") > ACM_COMPACT_PATH) {
        return acm_fail(err, ACM_TOOBIG, "the path of the store is longer "
                        "than %d octets", ACM_COMPACT_PATH);
    }

    (void) snprintf(c->dir, sizeof(c->dir), "%s/compact", path);
    (void) snprintf(c->copy, sizeof(c->copy), "%s/compact/data.mdb", path);
    (void) snprintf(c->data, sizeof(c->data), "%s/data.mdb", path);
    (void) snprintf(c->lock, sizeof(c->lock), "%s/lock.mdb", path);

    return ACM_OK;
}


static acm_rc_t
acm_compact_copy(acm_compact_t *c, const char *path, acm_err_t *err)
{
    acm_rc_t           rc;
    acm_store_t       *store;
    acm_store_conf_t   conf;

    memset(&conf, 0, sizeof(acm_store_conf_t));
    conf.path = path;

    rc = acm_store_lmdb_open(&conf, &store, err);

    if (rc != ACM_OK) {
        return rc;
    }

    /* of a run that was cut short */

    (void) unlink(c->copy);
    (void) rmdir(c->dir);

    if (mkdir(c->dir, 0700) == -1) {
        rc = acm_fail(err, ACM_ERROR, "\"%s\" cannot be made: errno %d",
                      c->dir, errno);
    }

    c->generation = acm_store_generation(store);

    if (rc == ACM_OK) {
        rc = acm_store_backup(store, c->dir, err);
    }

    acm_store_close(store);

    return rc;
}


/*
 * Whoever has the store open has a lock on the first octet of lock.mdb; this
 * process has none, since it has closed it.  While it holds that lock alone
 * nobody can open the store.  The lock file is emptied, as it names a page of
 * the old file: whoever waits for the lock meanwhile fails and tries again.
 */

static acm_rc_t
acm_compact_swap(acm_compact_t *c, const char *path, acm_err_t *err)
{
    int                fd;
    acm_rc_t           rc;
    struct flock       fl;
    acm_store_file_t   file;

    fd = open(c->lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    if (fd == -1) {
        return acm_fail(err, ACM_ERROR, "\"%s\" cannot be opened: errno %d",
                        c->lock, errno);
    }

    memset(&fl, 0, sizeof(struct flock));
    fl.l_type = F_WRLCK;
    fl.l_whence = SEEK_SET;
    fl.l_start = 0;
    fl.l_len = 1;

    if (fcntl(fd, F_SETLK, &fl) == -1) {
        rc = acm_fail(err, ACM_BUSY, "store \"%s\" is open in another "
                      "process: stop nginx first", path);
        goto done;
    }

    rc = acm_store_file_check(path, &file, err);

    if (rc == ACM_OK && file.txn != c->generation) {
        rc = acm_fail(err, ACM_BUSY, "store \"%s\" was written meanwhile: "
                      "stop nginx, and try again", path);
    }

    if (rc != ACM_OK) {
        goto done;
    }

    if (ftruncate(fd, 0) == -1 || rename(c->copy, c->data) == -1) {
        rc = acm_fail(err, ACM_ERROR, "\"%s\" cannot be replaced: errno %d",
                      c->data, errno);
        goto done;
    }

    rc = acm_compact_sync(path);

    if (rc != ACM_OK) {
        (void) acm_fail(err, rc, "\"%s\" cannot be synced: errno %d", path,
                        errno);
    }

done:

    (void) close(fd);       /* with the lock */

    return rc;
}


static acm_rc_t
acm_compact_sync(const char *path)
{
    int       fd;
    acm_rc_t  rc;

    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd == -1) {
        return ACM_ERROR;
    }

    rc = (fsync(fd) == 0) ? ACM_OK : ACM_ERROR;

    (void) close(fd);       /* nothing was written */

    return rc;
}
