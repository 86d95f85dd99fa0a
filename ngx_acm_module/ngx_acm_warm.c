
/*
 * Copyright (C) The ngx_acm authors
 *
 * A new worker has ready what is asked for most.  Workers note in shared
 * memory which names they are asked for, and a new one looks these up as it
 * starts, in slices, so that no handshake waits for it: after a reload and
 * after a crash.  The helper keeps a copy in a file, and so does a worker that
 * ends, for a start anew and for another binary, whose memory is its own.
 */


#include <sys/file.h>

#include "ngx_acm.h"


#define NGX_ACM_WARM_EVERY    1000           /* ms between looks at what is
                                                used */
#define NGX_ACM_WARM_BUCKETS  1024           /* of the cache, in one look */
#define NGX_ACM_WARM_PAUSE    25             /* ms until the next ones */
#define NGX_ACM_WARM_LAST     64             /* looks of a worker that ends */
#define NGX_ACM_WARM_SLICE    100            /* us, of names at a time; the
                                                last one may take longer */
#define NGX_ACM_WARM_GAP      2              /* ms between them, for others
                                                on this core */
#define NGX_ACM_WARM_RETRY    10             /* ms */
#define NGX_ACM_WARM_TRIES    1000           /* until the store is there */
#define NGX_ACM_WARM_SAVE     30             /* seconds */


typedef struct {
    ngx_connection_t           dumb;         /* what the timer's log reads */
    ngx_event_t                timer;
    acm_warm_t                *list;         /* NULL: not yet, or no more */
    uint16_t                   order[ACM_WARM_NAMES];
    size_t                     n;
    size_t                     next;
    ngx_uint_t                 made;
    ngx_uint_t                 tries;
    size_t                     bucket;       /* where the look is */
    ngx_atomic_uint_t          asked;        /* when it began */
    unsigned                   started:1;
    unsigned                   done:1;       /* with the list */
} ngx_acm_warm_t;


static void ngx_acm_warm_timer(ngx_event_t *ev);
static ngx_msec_t ngx_acm_warm_fill(ngx_acm_warm_t *w, ngx_acm_conf_t *amcf,
    ngx_log_t *log);
static ngx_int_t ngx_acm_warm_take(ngx_acm_warm_t *w, ngx_acm_conf_t *amcf,
    ngx_log_t *log);
static ngx_int_t ngx_acm_warm_name(ngx_acm_conf_t *amcf,
    acm_warm_name_t *name, ngx_log_t *log);
static ngx_int_t ngx_acm_warm_parse(ngx_acm_conf_t *amcf,
    acm_warm_name_t *name, ngx_acm_want_t **want, char *buf, char **text);
static ngx_acm_want_t *ngx_acm_warm_want(ngx_acm_conf_t *amcf,
    ngx_str_t *key);
static ngx_msec_t ngx_acm_warm_look(ngx_acm_warm_t *w, ngx_acm_conf_t *amcf);
static void ngx_acm_warm_visit(void *data, const acm_cached_t *entry);
static void ngx_acm_warm_end(ngx_acm_warm_t *w);
static void ngx_acm_warm_save(ngx_acm_conf_t *amcf, ngx_log_t *log);
static ngx_int_t ngx_acm_warm_lock(ngx_acm_conf_t *amcf);
static void ngx_acm_warm_unlock(ngx_acm_conf_t *amcf);
static void ngx_acm_warm_path(ngx_acm_conf_t *amcf, u_char *path,
    const char *suffix);
static void ngx_acm_warm_read(u_char *path, acm_buf_t *buf, ngx_log_t *log);
static void ngx_acm_warm_write(u_char *path, u_char *temp, acm_buf_t *buf,
    ngx_log_t *log);


/* of a worker */

static ngx_acm_warm_t  ngx_acm_warm;


void
ngx_acm_warm_start(ngx_cycle_t *cycle)
{
    ngx_acm_warm_t  *w;

    w = &ngx_acm_warm;

    w->started = 1;
    w->dumb.fd = (ngx_socket_t) -1;

    w->timer.handler = ngx_acm_warm_timer;
    w->timer.data = &w->dumb;
    w->timer.log = cycle->log;
    w->timer.cancelable = 1;

    ngx_add_timer(&w->timer, 1);
}


static void
ngx_acm_warm_timer(ngx_event_t *ev)
{
    ngx_msec_t       wait;
    ngx_acm_conf_t  *amcf;
    ngx_acm_warm_t  *w;

    w = &ngx_acm_warm;

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        ngx_acm_warm_end(w);
        return;
    }

    amcf = ngx_acm_get_conf(ngx_cycle);

    wait = w->done ? ngx_acm_warm_look(w, amcf)
                   : ngx_acm_warm_fill(w, amcf, ev->log);

    ngx_add_timer(ev, wait);
}


/* A slice of the list, the most used names first; at its end what is used is
   looked at, and not before, as a list that is half read is no worse. */

static ngx_msec_t
ngx_acm_warm_fill(ngx_acm_warm_t *w, ngx_acm_conf_t *amcf, ngx_log_t *log)
{
    int64_t         end;
    ngx_int_t       rc;
    acm_store_t    *store;
    acm_keyring_t  *ring;

    if (w->list == NULL && ngx_acm_warm_take(w, amcf, log) != NGX_OK) {
        return NGX_ACM_WARM_RETRY;
    }

    if (w->next < w->n
        && ngx_acm_open(amcf, 0, &store, &ring, log) != NGX_OK
        && w->tries++ < NGX_ACM_WARM_TRIES)
    {
        return NGX_ACM_WARM_RETRY;
    }

    end = ngx_acm_usec() + NGX_ACM_WARM_SLICE;

    while (w->next < w->n) {

        rc = ngx_acm_warm_name(amcf, &w->list->names[w->order[w->next++]],
                               log);

        if (rc == NGX_ABORT) {
            break;
        }

        if (rc == NGX_OK) {
            w->made++;
            ngx_acm_count(amcf, NGX_ACM_CACHE_WARMED);
        }

        if (ngx_acm_usec() >= end) {
            return NGX_ACM_WARM_GAP;
        }
    }

    if (w->n) {
        ngx_log_error(NGX_LOG_INFO, log, 0,
                      "acm: %ui of the %uz names that are asked for most are "
                      "ready", w->made, w->n);
    }

    ngx_acm_warm_end(w);

    return NGX_ACM_WARM_EVERY;
}


/* A copy of the table, into which the first worker brings the file. */

static ngx_int_t
ngx_acm_warm_take(ngx_acm_warm_t *w, ngx_acm_conf_t *amcf, ngx_log_t *log)
{
    u_char             path[NGX_MAX_PATH];
    acm_rc_t           rc;
    acm_err_t          err;
    acm_buf_t          buf;
    ngx_acm_shared_t  *shared;

    rc = ACM_OK;
    shared = ngx_acm_shared(amcf);

    acm_buf_init(&buf, ACM_WARM_MAX);

    if (!shared->warm_loaded) {
        ngx_acm_warm_path(amcf, path, "");
        ngx_acm_warm_read(path, &buf, log);
    }

    w->list = ngx_alloc(sizeof(acm_warm_t), log);

    if (w->list == NULL || ngx_acm_warm_lock(amcf) != NGX_OK) {
        acm_buf_free(&buf);
        ngx_acm_warm_end(w);
        w->done = 0;
        return NGX_DECLINED;
    }

    if (!shared->warm_loaded) {
        shared->warm_loaded = 1;

        if (buf.len) {
            rc = acm_warm_decode(&shared->warm, buf.data, buf.len, &err);
            shared->warm_saved = shared->warm.changes;
        }
    }

    ngx_memcpy(w->list, &shared->warm, sizeof(acm_warm_t));

    ngx_acm_warm_unlock(amcf);

    if (rc != ACM_OK) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "acm: the list of names in \"%s\" is ignored: %s", path,
                      err.text);
    }

    acm_buf_free(&buf);

    w->n = acm_warm_order(w->list, w->order);

    return NGX_OK;
}


/* NGX_DECLINED: it is not for this cache, or there already; NGX_ABORT: there
   is no room for more. */

static ngx_int_t
ngx_acm_warm_name(ngx_acm_conf_t *amcf, acm_warm_name_t *name, ngx_log_t *log)
{
    char             buf[ACM_MAX_NAME + 1], *text;
    ngx_str_t        key;
    ngx_acm_want_t  *want;

    if (ngx_acm_warm_parse(amcf, name, &want, buf, &text) != NGX_OK) {
        return NGX_DECLINED;
    }

    key.data = name->key;
    key.len = name->len;

    return ngx_acm_cache_warm(amcf, want, text, &key, log);
}


ngx_int_t
ngx_acm_warm_copy(ngx_acm_conf_t *amcf, acm_warm_t *list)
{
    if (ngx_acm_warm_lock(amcf) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_memcpy(list, &ngx_acm_shared(amcf)->warm, sizeof(acm_warm_t));

    ngx_acm_warm_unlock(amcf);

    return NGX_OK;
}


acm_rc_t
ngx_acm_warm_find(ngx_acm_conf_t *amcf, acm_warm_name_t *name,
    acm_snap_t *snap, acm_found_t *found)
{
    char             buf[ACM_MAX_NAME + 1], *text;
    acm_err_t        err;
    ngx_acm_want_t  *want;

    if (ngx_acm_warm_parse(amcf, name, &want, buf, &text) != NGX_OK) {
        return ACM_NOTFOUND;
    }

    return ngx_acm_cache_find(snap, want, text, found, &err);
}


/* text becomes NULL for a server without a name, or buf. */

static ngx_int_t
ngx_acm_warm_parse(ngx_acm_conf_t *amcf, acm_warm_name_t *name,
    ngx_acm_want_t **want, char *buf, char **text)
{
    u_char     *p;
    size_t      len;
    ngx_str_t   key;

    if (name->len > ACM_WARM_KEY) {
        return NGX_DECLINED;
    }

    key.data = name->key;
    key.len = name->len;

    *text = NULL;
    *want = ngx_acm_warm_want(amcf, &key);

    if (*want == NULL) {
        return NGX_DECLINED;
    }

    p = key.data;
    len = key.len;

    if ((*want)->mode != NGX_ACM_SNI) {
        p += ACM_HASH_LEN;
        len -= ACM_HASH_LEN;

        if (len == 0) {
            return NGX_OK;
        }
    }

    if (acm_name_sni(p, len, buf) != ACM_OK || ngx_strlen(buf) != len
        || ngx_memcmp(buf, p, len) != 0)
    {
        return NGX_DECLINED;
    }

    *text = buf;

    return NGX_OK;
}


/* Whose key it is: see ngx_acm_cache_get(). */

static ngx_acm_want_t *
ngx_acm_warm_want(ngx_acm_conf_t *amcf, ngx_str_t *key)
{
    ngx_uint_t        i;
    ngx_acm_want_t  **wants, *sni;

    sni = NULL;
    wants = amcf->wants.elts;

    for (i = 0; i < amcf->wants.nelts; i++) {

        if (wants[i]->mode == NGX_ACM_SNI) {
            sni = wants[i];

        } else if (key->len >= ACM_HASH_LEN
                   && ngx_memcmp(wants[i]->id, key->data, ACM_HASH_LEN) == 0)
        {
            return wants[i];
        }
    }

    return sni;
}


/* A part of the cache; hits only count, and nobody tells of them. */

static ngx_msec_t
ngx_acm_warm_look(ngx_acm_warm_t *w, ngx_acm_conf_t *amcf)
{
    ngx_atomic_uint_t   asked;
    ngx_acm_shared_t   *shared;

    if (w->bucket == 0) {
        asked = *ngx_acm_counter(amcf, NGX_ACM_CACHE_HIT)
                + *ngx_acm_counter(amcf, NGX_ACM_CACHE_MISS);

        if (asked == w->asked) {
            return NGX_ACM_WARM_EVERY;
        }

        if (ngx_acm_warm_lock(amcf) != NGX_OK) {
            return NGX_ACM_WARM_RETRY;
        }

        w->asked = asked;

    } else if (ngx_acm_warm_lock(amcf) != NGX_OK) {
        return NGX_ACM_WARM_RETRY;
    }

    shared = ngx_acm_shared(amcf);

    acm_warm_age(&shared->warm, ngx_time());
    ngx_acm_cache_walk(&w->bucket, NGX_ACM_WARM_BUCKETS, ngx_acm_warm_visit,
                       &shared->warm);

    ngx_acm_warm_unlock(amcf);

    return w->bucket ? NGX_ACM_WARM_PAUSE : NGX_ACM_WARM_EVERY;
}


static void
ngx_acm_warm_visit(void *data, const acm_cached_t *entry)
{
    acm_warm_note(data, entry->key, entry->len, entry->hits);
}


void
ngx_acm_warm_stop(ngx_acm_conf_t *amcf, ngx_log_t *log)
{
    ngx_uint_t       i;
    ngx_acm_warm_t  *w;

    w = &ngx_acm_warm;

    if (!w->started || !amcf->enabled) {
        return;
    }

    ngx_acm_warm_end(w);

    for (i = 0; i < NGX_ACM_WARM_LAST; i++) {
        if (ngx_acm_warm_look(w, amcf) != NGX_ACM_WARM_PAUSE) {
            break;
        }
    }

    ngx_acm_warm_save(amcf, log);
}


static void
ngx_acm_warm_end(ngx_acm_warm_t *w)
{
    ngx_free(w->list);

    w->list = NULL;
    w->done = 1;
}


void
ngx_acm_warm_run(ngx_acm_conf_t *amcf, ngx_log_t *log)
{
    time_t             now, next;
    ngx_acm_shared_t  *shared;

    shared = ngx_acm_shared(amcf);
    now = ngx_time();
    next = (time_t) shared->warm_next;

    if (now < next && next - now <= NGX_ACM_WARM_SAVE) {
        return;
    }

    if (shared->warm_saved != shared->warm.changes) {
        shared->warm_next = (ngx_atomic_uint_t) (now + NGX_ACM_WARM_SAVE);
        ngx_acm_warm_save(amcf, log);
    }
}


static void
ngx_acm_warm_save(ngx_acm_conf_t *amcf, ngx_log_t *log)
{
    u_char             path[NGX_MAX_PATH], temp[NGX_MAX_PATH];
    acm_rc_t           rc;
    acm_buf_t          buf;
    ngx_acm_shared_t  *shared;

    shared = ngx_acm_shared(amcf);

    /* what the last run left is not overwritten before it was read */

    if (shared->warm_saved == shared->warm.changes || !shared->warm_loaded
        || ngx_acm_warm_lock(amcf) != NGX_OK)
    {
        return;
    }

    acm_buf_init(&buf, ACM_WARM_MAX);

    rc = acm_warm_encode(&shared->warm, &buf);
    shared->warm_saved = shared->warm.changes;

    ngx_acm_warm_unlock(amcf);

    if (rc == ACM_OK) {
        ngx_acm_warm_path(amcf, path, "");
        ngx_acm_warm_path(amcf, temp, ".tmp");
        ngx_acm_warm_write(path, temp, &buf, log);
    }

    acm_buf_free(&buf);
}


/* That of the zone: the master lets it go for one that is killed. */

static ngx_int_t
ngx_acm_warm_lock(ngx_acm_conf_t *amcf)
{
    ngx_slab_pool_t  *shpool;

    shpool = (ngx_slab_pool_t *) amcf->zone->shm.addr;

    return ngx_shmtx_trylock(&shpool->mutex) ? NGX_OK : NGX_DECLINED;
}


static void
ngx_acm_warm_unlock(ngx_acm_conf_t *amcf)
{
    ngx_slab_pool_t  *shpool;

    shpool = (ngx_slab_pool_t *) amcf->zone->shm.addr;

    ngx_shmtx_unlock(&shpool->mutex);
}


static void
ngx_acm_warm_path(ngx_acm_conf_t *amcf, u_char *path, const char *suffix)
{
    (void) ngx_snprintf(path, NGX_MAX_PATH - 1, "%V/names.warm%s%Z",
                        &amcf->store, suffix);
    path[NGX_MAX_PATH - 1] = '\0';
}


static void
ngx_acm_warm_read(u_char *path, acm_buf_t *buf, ngx_log_t *log)
{
    ssize_t   n;
    ngx_fd_t  fd;
    u_char    part[4096];

    fd = open((char *) path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK);

    if (fd == -1) {
        if (ngx_errno != NGX_ENOENT) {
            ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                          "acm: open(\"%s\") failed", path);
        }

        return;
    }

    /* one that is too long fails to be decoded, as it ends in the middle */

    do {
        n = read(fd, part, sizeof(part));

        if (n > 0) {
            acm_buf_add(buf, part, (size_t) n);
        }

    } while (n > 0 && acm_buf_rc(buf) == ACM_OK);

    if (n == -1) {
        ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                      "acm: read(\"%s\") failed", path);
    }

    (void) close(fd);
}


/*
 * Two masters share a store while one binary follows another: who comes
 * second has nothing to add.  What a crash of the machine leaves is found out
 * when it is read, so nothing waits for the disk.
 */

static void
ngx_acm_warm_write(u_char *path, u_char *temp, acm_buf_t *buf, ngx_log_t *log)
{
    ngx_fd_t     fd;
    struct stat  file, named;

    fd = open((char *) temp, O_WRONLY|O_CREAT|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK,
              0600);

    if (fd == -1) {
        ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                      "acm: open(\"%s\") failed", temp);
        return;
    }

    if (flock(fd, LOCK_EX|LOCK_NB) == -1 || fstat(fd, &file) == -1
        || lstat((char *) temp, &named) == -1 || file.st_ino != named.st_ino)
    {
        (void) close(fd);
        return;
    }

    if (ftruncate(fd, 0) == -1
        || write(fd, buf->data, buf->len) != (ssize_t) buf->len
        || rename((char *) temp, (char *) path) == -1)
    {
        ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                      "acm: the list of names cannot be written to \"%s\"",
                      path);
    }

    (void) close(fd);
}
