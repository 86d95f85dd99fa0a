
/*
 * Copyright (C) The ngx_acm authors
 *
 * What is checked of an LMDB store's files before LMDB maps them, because a
 * page which is not there is a SIGBUS later.  The layout of LMDB 0.9 (data
 * version 1) is in FORMAT.md.
 */


#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "acm_store_impl.h"


#define ACM_MDB_MAGIC        0xbeefc0deU
#define ACM_MDB_VERSION      1
#define ACM_MDB_NONE         UINT64_MAX      /* no page */
#define ACM_MDB_META_LEN     152             /* with the page header */
#define ACM_MDB_MIN_PAGE     256             /* octets */
#define ACM_MDB_MAX_PAGE     65536           /* octets */
#define ACM_MDB_MAX_DEPTH    66              /* two trees of 32 levels */

/* offsets in a page */
#define ACM_MDB_FLAGS        10
#define ACM_MDB_LOWER        12
#define ACM_MDB_HEAD         16
#define ACM_MDB_MAGIC_AT     16
#define ACM_MDB_VERSION_AT   20
#define ACM_MDB_SIZE_AT      40
#define ACM_MDB_FREE_AT      80
#define ACM_MDB_MAIN_AT      128
#define ACM_MDB_LAST_AT      136
#define ACM_MDB_TXN_AT       144

/* offsets in a node, and in a map's record within one */
#define ACM_MDB_NODE_FLAGS   4
#define ACM_MDB_NODE_KEY     6
#define ACM_MDB_NODE_HEAD    8
#define ACM_MDB_DB_LEN       48
#define ACM_MDB_DB_ROOT      40

#define ACM_MDB_BRANCH       0x01
#define ACM_MDB_LEAF         0x02
#define ACM_MDB_META         0x08
#define ACM_MDB_BIGDATA      0x01
#define ACM_MDB_SUBDATA      0x02

#define ACM_STORE_PATH       4096            /* octets of a path, with NUL */


typedef struct {
    int        fd;
    uint32_t   page_size;
    uint64_t   pages;                /* whole ones in the file */
    uint64_t   visits;               /* left; a damaged tree may have loops */
} acm_walk_t;


static acm_rc_t acm_store_dir_check(const char *path, acm_err_t *err);
static acm_rc_t acm_store_owner_check(const char *path, const char *name,
    acm_err_t *err);
static acm_rc_t acm_store_data_check(int fd, const char *path,
    acm_store_file_t *file, acm_err_t *err);
static acm_rc_t acm_store_meta_read(int fd, uint64_t offset,
    uint8_t *meta, acm_store_file_t *file);
static acm_rc_t acm_store_walk(acm_walk_t *w, uint64_t page, unsigned depth);
static acm_rc_t acm_store_walk_page(acm_walk_t *w, const uint8_t *p,
    unsigned depth);
static acm_rc_t acm_store_walk_leaf(acm_walk_t *w, const uint8_t *node,
    size_t room, unsigned depth);
static acm_rc_t acm_store_join(char *buf, const char *path,
    const char *name);
static uint16_t acm_native_u16(const uint8_t *p);
static uint32_t acm_native_u32(const uint8_t *p);
static uint64_t acm_native_u64(const uint8_t *p);


acm_rc_t
acm_store_file_check(const char *path, acm_store_file_t *file,
    acm_err_t *err)
{
    int       fd;
    char      name[ACM_STORE_PATH];
    acm_rc_t  rc;

    memset(file, 0, sizeof(acm_store_file_t));

    rc = acm_store_dir_check(path, err);

    if (rc == ACM_OK) {
        rc = acm_store_owner_check(path, "data.mdb", err);
    }

    if (rc == ACM_OK) {
        rc = acm_store_owner_check(path, "lock.mdb", err);
    }

    if (rc == ACM_OK) {
        rc = acm_store_join(name, path, "data.mdb");
    }

    if (rc != ACM_OK) {
        return rc;
    }

    /* closing this one is harmless: only lock.mdb carries fcntl locks */
    fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd == -1) {
        if (errno == ENOENT) {
            return ACM_OK;
        }

        return acm_fail(err, (errno == EACCES) ? ACM_DENIED : ACM_ERROR,
                        "store \"%s\": data.mdb cannot be opened: errno %d",
                        path, errno);
    }

    rc = acm_store_data_check(fd, path, file, err);

    (void) close(fd);    /* nothing was written */

    return rc;
}


static acm_rc_t
acm_store_dir_check(const char *path, acm_err_t *err)
{
    const char     *name;
    struct stat     st;
    struct statfs   fs;

    if (strlen(path) + sizeof("/data.mdb") > ACM_STORE_PATH) {
        return acm_fail(err, ACM_TOOBIG, "the path of the store is longer "
                        "than %d octets", ACM_STORE_PATH);
    }

    if (stat(path, &st) == -1) {
        if (errno == ENOENT) {
            return acm_fail(err, ACM_NOTFOUND, "store \"%s\": there is no "
                            "such directory: create it first", path);
        }

        return acm_fail(err, (errno == EACCES) ? ACM_DENIED : ACM_ERROR,
                        "store \"%s\": stat failed: errno %d", path, errno);
    }

    if (!S_ISDIR(st.st_mode)) {
        return acm_fail(err, ACM_INVALID, "store \"%s\" is no directory: "
                        "name the directory of the store", path);
    }

    if (statfs(path, &fs) == -1) {
        return acm_fail(err, ACM_ERROR, "store \"%s\": statfs failed: "
                        "errno %d", path, errno);
    }

    if (acm_store_is_network_fs((unsigned long) fs.f_type, &name)) {
        return acm_fail(err, ACM_DENIED, "store \"%s\" is on a network file "
                        "system (%s), which cannot carry it: use a local "
                        "disk", path, name);
    }

    return ACM_OK;
}


static acm_rc_t
acm_store_owner_check(const char *path, const char *name, acm_err_t *err)
{
    char         file[ACM_STORE_PATH];
    acm_rc_t     rc;
    struct stat  st;

    rc = acm_store_join(file, path, name);

    if (rc != ACM_OK) {
        return rc;
    }

    if (lstat(file, &st) == -1) {
        if (errno == ENOENT) {
            return ACM_OK;
        }

        return acm_fail(err, (errno == EACCES) ? ACM_DENIED : ACM_ERROR,
                        "store \"%s\": stat of %s failed: errno %d", path,
                        name, errno);
    }

    if (!S_ISREG(st.st_mode)) {
        return acm_fail(err, ACM_DENIED, "store \"%s\": %s is no regular "
                        "file: move it away", path, name);
    }

    if (st.st_uid != geteuid()) {
        return acm_fail(err, ACM_DENIED, "store \"%s\": %s belongs to user "
                        "%lu, this process runs as %lu: \"chown %lu\" the "
                        "file or run as its owner", path, name,
                        (unsigned long) st.st_uid,
                        (unsigned long) geteuid(),
                        (unsigned long) geteuid());
    }

    return ACM_OK;
}


/*
 * A healthy file may end before the last page number: LMDB does not write
 * pages which the same transaction allocated and freed.  Only then are the
 * trees walked, to see that no page in use is missing.
 */

static acm_rc_t
acm_store_data_check(int fd, const char *path, acm_store_file_t *file,
    acm_err_t *err)
{
    uint8_t      meta[ACM_MDB_META_LEN];
    acm_rc_t     rc;
    acm_walk_t   w;
    struct stat  st;

    rc = acm_store_meta_read(fd, 0, meta, file);

    if (rc == ACM_OK && file->found) {
        rc = acm_store_meta_read(fd, file->page_size, meta, file);
    }

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "store \"%s\": data.mdb is no store or is "
                        "truncated: restore it from a backup", path);
    }

    /* after the meta pages, since another process may be growing it */
    if (fstat(fd, &st) == -1) {
        return acm_fail(err, ACM_ERROR, "store \"%s\": fstat failed: errno "
                        "%d", path, errno);
    }

    file->size = (uint64_t) st.st_size;

    if (!file->found || file->last_page < file->size / file->page_size) {
        return ACM_OK;
    }

    w.fd = fd;
    w.page_size = file->page_size;
    w.pages = file->size / file->page_size;
    w.visits = w.pages;

    rc = acm_store_walk(&w, acm_native_u64(meta + ACM_MDB_FREE_AT), 0);

    if (rc == ACM_OK) {
        rc = acm_store_walk(&w, acm_native_u64(meta + ACM_MDB_MAIN_AT), 0);
    }

    if (rc == ACM_CORRUPT) {
        /* or the pages were reused under the walk */
        file->again = 1;
        return acm_fail(err, rc, "store \"%s\": data.mdb is truncated or "
                        "damaged: restore it from a backup", path);
    }

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "store \"%s\": data.mdb could not be "
                        "checked: %s", path, acm_rc_text(rc));
    }

    return ACM_OK;
}


/* keeps the newer of two meta pages in meta and file */

static acm_rc_t
acm_store_meta_read(int fd, uint64_t offset, uint8_t *meta,
    acm_store_file_t *file)
{
    ssize_t   n;
    uint8_t   buf[ACM_MDB_META_LEN];
    uint32_t  size;
    uint64_t  txn;

    memset(buf, 0, sizeof(buf));
    n = pread(fd, buf, sizeof(buf), (off_t) offset);

    if (n < 0) {
        return ACM_ERROR;
    }

    if (n == 0 && offset == 0) {
        return ACM_OK;
    }

    if (n < ACM_MDB_META_LEN) {
        /* the first opener may be writing them just now */
        file->again = 1;
        return ACM_CORRUPT;
    }

    size = acm_native_u32(buf + ACM_MDB_SIZE_AT);
    txn = acm_native_u64(buf + ACM_MDB_TXN_AT);

    if (acm_native_u32(buf + ACM_MDB_MAGIC_AT) != ACM_MDB_MAGIC
        || acm_native_u32(buf + ACM_MDB_VERSION_AT) != ACM_MDB_VERSION
        || (acm_native_u16(buf + ACM_MDB_FLAGS) & ACM_MDB_META) == 0
        || size < ACM_MDB_MIN_PAGE
        || size > ACM_MDB_MAX_PAGE
        || (size & (size - 1)) != 0
        || (offset != 0 && size != file->page_size))
    {
        return ACM_CORRUPT;
    }

    if (offset == 0 || txn > file->txn) {
        memcpy(meta, buf, sizeof(buf));
        file->page_size = size;
        file->txn = txn;
        file->last_page = acm_native_u64(buf + ACM_MDB_LAST_AT);
        file->found = 1;
    }

    return ACM_OK;
}


static acm_rc_t
acm_store_walk(acm_walk_t *w, uint64_t page, unsigned depth)
{
    ssize_t   n;
    uint8_t  *p;
    acm_rc_t  rc;

    if (page == ACM_MDB_NONE) {
        return ACM_OK;
    }

    if (page >= w->pages || depth == ACM_MDB_MAX_DEPTH || w->visits == 0) {
        return ACM_CORRUPT;
    }

    w->visits--;

    p = acm_alloc(w->page_size);

    if (p == NULL) {
        return ACM_NOMEM;
    }

    n = pread(w->fd, p, w->page_size, (off_t) (page * w->page_size));

    if (n < 0) {
        rc = ACM_ERROR;

    } else if ((size_t) n < w->page_size) {
        rc = ACM_CORRUPT;

    } else {
        rc = acm_store_walk_page(w, p, depth);
    }

    acm_free(p);

    return rc;
}


static acm_rc_t
acm_store_walk_page(acm_walk_t *w, const uint8_t *p, unsigned depth)
{
    size_t          at, i, n, lower;
    uint64_t        page;
    acm_rc_t        rc;
    unsigned        flags;
    const uint8_t  *node;

    flags = acm_native_u16(p + ACM_MDB_FLAGS);
    lower = acm_native_u16(p + ACM_MDB_LOWER);

    if ((flags & (ACM_MDB_BRANCH | ACM_MDB_LEAF)) == 0
        || lower < ACM_MDB_HEAD
        || lower > w->page_size)
    {
        return ACM_CORRUPT;
    }

    n = (lower - ACM_MDB_HEAD) / sizeof(uint16_t);

    for (i = 0; i < n; i++) {
        at = acm_native_u16(p + ACM_MDB_HEAD + i * sizeof(uint16_t));

        if (at < lower || at + ACM_MDB_NODE_HEAD > w->page_size) {
            return ACM_CORRUPT;
        }

        node = p + at;

        if (flags & ACM_MDB_BRANCH) {
            page = (uint64_t) acm_native_u16(node)
                   | (uint64_t) acm_native_u16(node + 2) << 16
                   | (uint64_t) acm_native_u16(node + ACM_MDB_NODE_FLAGS)
                     << 32;
            rc = acm_store_walk(w, page, depth + 1);

        } else {
            rc = acm_store_walk_leaf(w, node, w->page_size - at, depth);
        }

        if (rc != ACM_OK) {
            return rc;
        }
    }

    return ACM_OK;
}


static acm_rc_t
acm_store_walk_leaf(acm_walk_t *w, const uint8_t *node, size_t room,
    unsigned depth)
{
    size_t          head, len;
    uint64_t        page, pages;
    unsigned        flags;
    const uint8_t  *data;

    flags = acm_native_u16(node + ACM_MDB_NODE_FLAGS);
    head = ACM_MDB_NODE_HEAD
           + (size_t) acm_native_u16(node + ACM_MDB_NODE_KEY);
    len = (size_t) acm_native_u16(node)
          | (size_t) acm_native_u16(node + 2) << 16;
    data = node + head;

    if (flags & ACM_MDB_BIGDATA) {
        if (head + sizeof(uint64_t) > room) {
            return ACM_CORRUPT;
        }

        page = acm_native_u64(data);
        pages = (len + ACM_MDB_HEAD + w->page_size - 1) / w->page_size;

        if (page >= w->pages || pages > w->pages - page) {
            return ACM_CORRUPT;
        }

        return ACM_OK;
    }

    if (head + len > room) {
        return ACM_CORRUPT;
    }

    if (flags & ACM_MDB_SUBDATA) {
        if (len != ACM_MDB_DB_LEN) {
            return ACM_CORRUPT;
        }

        return acm_store_walk(w, acm_native_u64(data + ACM_MDB_DB_ROOT),
                              depth + 1);
    }

    return ACM_OK;
}


/*
 * LMDB starts a compacted copy at transaction 1 in its second meta page,
 * which holds the odd ones.  Revisions in the copy would then be given out
 * again, so it continues where its source was.
 */

acm_rc_t
acm_store_file_stamp(int fd, uint64_t txn)
{
    off_t             at;
    uint8_t           meta[ACM_MDB_META_LEN];
    acm_rc_t          rc;
    acm_store_file_t  file;

    memset(&file, 0, sizeof(acm_store_file_t));
    rc = acm_store_meta_read(fd, 0, meta, &file);

    if (rc == ACM_OK && file.found) {
        rc = acm_store_meta_read(fd, file.page_size, meta, &file);
    }

    if (rc != ACM_OK || file.txn != 1) {
        return ACM_CORRUPT;
    }

    memcpy(meta + ACM_MDB_TXN_AT, &txn, sizeof(txn));
    at = (txn & 1) ? (off_t) file.page_size : 0;

    if (pwrite(fd, meta + ACM_MDB_HEAD, ACM_MDB_META_LEN - ACM_MDB_HEAD,
               at + ACM_MDB_HEAD)
        != ACM_MDB_META_LEN - ACM_MDB_HEAD)
    {
        return ACM_ERROR;
    }

    return ACM_OK;
}


int
acm_store_file_is_open(const char *path, const char *name)
{
    int             found;
    DIR            *dir;
    char            file[ACM_STORE_PATH];
    struct stat     st, fd;
    struct dirent  *de;

    if (acm_store_join(file, path, name) != ACM_OK
        || stat(file, &st) == -1)
    {
        return 0;
    }

    dir = opendir("/proc/self/fd");

    if (dir == NULL) {
        return 0;
    }

    found = 0;

    for (de = readdir(dir); de != NULL && !found; de = readdir(dir)) {
        if (fstatat(dirfd(dir), de->d_name, &fd, 0) == 0
            && fd.st_dev == st.st_dev
            && fd.st_ino == st.st_ino)
        {
            found = 1;
        }
    }

    (void) closedir(dir);    /* nothing was written */

    return found;
}


acm_rc_t
acm_store_dir_empty(const char *dir, acm_err_t *err)
{
    DIR            *d;
    acm_rc_t        rc;
    struct dirent  *de;

    d = opendir(dir);

    if (d == NULL) {
        return acm_fail(err, (errno == ENOENT) ? ACM_NOTFOUND : ACM_ERROR,
                        "backup \"%s\": the directory cannot be opened: "
                        "errno %d; create it first", dir, errno);
    }

    rc = ACM_OK;

    for (de = readdir(d); de != NULL && rc == ACM_OK; de = readdir(d)) {
        if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0) {
            rc = acm_fail(err, ACM_INVALID, "backup \"%s\": the directory "
                          "is not empty: name an empty one", dir);
        }
    }

    (void) closedir(d);    /* nothing was written */

    return rc;
}


static acm_rc_t
acm_store_join(char *buf, const char *path, const char *name)
{
    int  n;

    n = snprintf(buf, ACM_STORE_PATH, "%s/%s", path, name);

    return (n < 0 || n >= ACM_STORE_PATH) ? ACM_TOOBIG : ACM_OK;
}


/* LMDB writes numbers as the machine has them */

static uint16_t
acm_native_u16(const uint8_t *p)
{
    uint16_t  v;

    memcpy(&v, p, sizeof(v));

    return v;
}


static uint32_t
acm_native_u32(const uint8_t *p)
{
    uint32_t  v;

    memcpy(&v, p, sizeof(v));

    return v;
}


static uint64_t
acm_native_u64(const uint8_t *p)
{
    uint64_t  v;

    memcpy(&v, p, sizeof(v));

    return v;
}
