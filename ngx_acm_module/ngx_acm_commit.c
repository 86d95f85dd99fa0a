
/*
 * Copyright (C) The ngx_acm authors
 *
 * A thread of the helper that waits for the disk: the event loop goes on
 * meanwhile, with answers of CAs and the requests after them.  A process of
 * nginx's that is no worker has no thread pool, so this one is our own.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "ngx_acm.h"


typedef struct {
    pthread_t            thread;
    pthread_mutex_t      mutex;
    pthread_cond_t       posted;             /* or it is to end */
    pthread_cond_t       made;
    acm_store_t         *store;              /* of the thread */
    ngx_connection_t    *c;                  /* with an eventfd: it is made */

    acm_batch_t         *batch;              /* NULL: nothing is under way */
    acm_committed_pt     done;
    void                *arg;

    /* under the mutex */

    acm_rc_t             rc;
    acm_err_t            err;
    unsigned             waits:1;            /* for the thread */
    unsigned             ready:1;            /* it is made */
    unsigned             quit:1;

    void               (*after)(void *data);
    void                *data;
} ngx_acm_commit_t;


static ngx_int_t ngx_acm_commit_begin(ngx_acm_commit_t *m, ngx_log_t *log);
static ngx_int_t ngx_acm_commit_event(ngx_acm_commit_t *m, ngx_log_t *log);
static void ngx_acm_commit_close(ngx_acm_commit_t *m);
static void *ngx_acm_commit_thread(void *data);
static acm_rc_t ngx_acm_commit_post(void *data, acm_batch_t *batch,
    acm_committed_pt done, void *arg, acm_err_t *err);
static void ngx_acm_commit_made(ngx_event_t *ev);
static void ngx_acm_commit_finish(void *data);
static void ngx_acm_commit_tell(ngx_acm_commit_t *m);


/* one in a process, as the helper */

static ngx_acm_commit_t  ngx_acm_commit;


acm_committer_t *
ngx_acm_commit_start(acm_store_t *store, void (*after)(void *data),
    void *data, ngx_log_t *log)
{
    acm_err_t          err;
    ngx_acm_commit_t  *m;

    static acm_committer_t  committer = {
        ngx_acm_commit_post, ngx_acm_commit_finish, &ngx_acm_commit
    };

    m = &ngx_acm_commit;

    ngx_memzero(m, sizeof(ngx_acm_commit_t));

    m->after = after;
    m->data = data;

    if (acm_store_share(store, &m->store, &err) != ACM_OK) {
        ngx_log_error(NGX_LOG_WARN, log, 0, "acm: %s; orders wait for the "
                      "disk", err.text);
        return NULL;
    }

    acm_store_watch(m->store, ngx_acm_metrics_commit, NULL);

    if (ngx_acm_commit_event(m, log) != NGX_OK
        || ngx_acm_commit_begin(m, log) != NGX_OK)
    {
        ngx_acm_commit_close(m);
        return NULL;
    }

    return &committer;
}


/* Signals are for the thread that nginx's handlers expect. */

static ngx_int_t
ngx_acm_commit_begin(ngx_acm_commit_t *m, ngx_log_t *log)
{
    int       err;
    sigset_t  all, old;

    (void) pthread_mutex_init(&m->mutex, NULL);
    (void) pthread_cond_init(&m->posted, NULL);
    (void) pthread_cond_init(&m->made, NULL);

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &old);

    err = pthread_create(&m->thread, NULL, ngx_acm_commit_thread, m);

    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (err) {
        ngx_log_error(NGX_LOG_WARN, log, err, "acm: pthread_create() failed; "
                      "orders wait for the disk");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acm_commit_event(ngx_acm_commit_t *m, ngx_log_t *log)
{
    int                fd;
    ngx_connection_t  *c;

    fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

    if (fd == -1) {
        ngx_log_error(NGX_LOG_WARN, log, ngx_errno, "acm: eventfd() failed; "
                      "orders wait for the disk");
        return NGX_ERROR;
    }

    c = ngx_get_connection(fd, log);

    if (c == NULL) {
        (void) close(fd);
        return NGX_ERROR;
    }

    c->data = m;
    c->read->handler = ngx_acm_commit_made;
    c->read->log = log;
    c->write->log = log;

    m->c = c;

    return ngx_add_event(c->read, NGX_READ_EVENT, 0);
}


void
ngx_acm_commit_stop(void)
{
    ngx_acm_commit_t  *m;

    m = &ngx_acm_commit;

    if (m->c == NULL) {
        return;
    }

    (void) pthread_mutex_lock(&m->mutex);
    m->quit = 1;
    (void) pthread_cond_signal(&m->posted);
    (void) pthread_mutex_unlock(&m->mutex);

    (void) pthread_join(m->thread, NULL);

    ngx_acm_commit_close(m);
}


static void
ngx_acm_commit_close(ngx_acm_commit_t *m)
{
    if (m->c) {
        if (m->c->read->posted) {
            ngx_delete_posted_event(m->c->read);
        }

        ngx_close_connection(m->c);
        m->c = NULL;
    }

    acm_store_close(m->store);
    m->store = NULL;
}


static void *
ngx_acm_commit_thread(void *data)
{
    ngx_acm_commit_t *m = data;

    acm_rc_t   rc;
    uint64_t   one;
    acm_err_t  err;

    one = 1;

    (void) pthread_mutex_lock(&m->mutex);

    for ( ;; ) {

        while (!m->waits && !m->quit) {
            (void) pthread_cond_wait(&m->posted, &m->mutex);
        }

        if (!m->waits) {
            break;
        }

        m->waits = 0;

        (void) pthread_mutex_unlock(&m->mutex);

        err.text[0] = '\0';
        rc = acm_store_commit(m->store, m->batch, &err);

        (void) pthread_mutex_lock(&m->mutex);

        m->rc = rc;
        m->err = err;
        m->ready = 1;

        (void) pthread_cond_signal(&m->made);

        if (write(m->c->fd, &one, sizeof(uint64_t)) == -1) {

            /* it is at its most, and will be read all the same */
        }
    }

    (void) pthread_mutex_unlock(&m->mutex);

    return NULL;
}


static acm_rc_t
ngx_acm_commit_post(void *data, acm_batch_t *batch, acm_committed_pt done,
    void *arg, acm_err_t *err)
{
    ngx_acm_commit_t *m = data;

    if (m->batch) {
        return acm_fail(err, ACM_BUSY, "a commit is under way");
    }

    m->batch = batch;
    m->done = done;
    m->arg = arg;

    (void) pthread_mutex_lock(&m->mutex);
    m->waits = 1;
    (void) pthread_cond_signal(&m->posted);
    (void) pthread_mutex_unlock(&m->mutex);

    return ACM_OK;
}


static void
ngx_acm_commit_made(ngx_event_t *ev)
{
    unsigned           ready;
    uint64_t           n;
    ngx_connection_t  *c;
    ngx_acm_commit_t  *m;

    c = ev->data;
    m = c->data;

    while (read(c->fd, &n, sizeof(uint64_t)) > 0) {
        /* void */
    }

    (void) pthread_mutex_lock(&m->mutex);
    ready = m->ready;
    (void) pthread_mutex_unlock(&m->mutex);

    /* otherwise it was waited for, and is told of already */

    if (ready) {
        ngx_acm_commit_tell(m);
        m->after(m->data);
    }
}


static void
ngx_acm_commit_finish(void *data)
{
    ngx_acm_commit_t *m = data;

    if (m->batch == NULL) {
        return;
    }

    (void) pthread_mutex_lock(&m->mutex);

    while (!m->ready) {
        (void) pthread_cond_wait(&m->made, &m->mutex);
    }

    (void) pthread_mutex_unlock(&m->mutex);

    ngx_acm_commit_tell(m);
}


static void
ngx_acm_commit_tell(ngx_acm_commit_t *m)
{
    m->ready = 0;
    m->batch = NULL;

    m->done(m->arg, m->rc, &m->err);
}
