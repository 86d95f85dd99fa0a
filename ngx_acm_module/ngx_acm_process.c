
/*
 * Copyright (C) The ngx_acm authors
 *
 * What one process holds: its handle on the store and the keyring.
 */


#include "ngx_acm.h"


#define NGX_ACM_RETRY      10                /* milliseconds */
#define NGX_ACM_LOG_AFTER  2000              /* milliseconds without a store */
#define NGX_ACM_LOG_EVERY  60000             /* milliseconds, for a fault */
#define NGX_ACM_FAULTS     16                /* kinds of them, acm_rc_t */


typedef struct {
    acm_store_t       *store;
    acm_keyring_t     *ring;
    ngx_msec_t         retry;                /* not before */
    ngx_msec_t         since;                /* the first failed attempt */
    acm_rc_t           fault;                /* the last one */
    ngx_msec_t         logged[NGX_ACM_FAULTS];
    unsigned           tried:1;
    unsigned           failed:1;             /* the last attempt */
} ngx_acm_process_t;


static ngx_int_t ngx_acm_open_store(ngx_acm_conf_t *amcf, ngx_uint_t create,
    acm_err_t *err, acm_rc_t *rc);
static void ngx_acm_open_failed(acm_rc_t rc, acm_err_t *err, ngx_log_t *log);


/*
 * LMDB allows one handle on a store in a process, and without a master the
 * process goes through several cycles: so this hangs off the process.
 */

static ngx_acm_process_t  ngx_acm_process;


ngx_int_t
ngx_acm_open(ngx_acm_conf_t *amcf, ngx_uint_t create, acm_store_t **store,
    acm_keyring_t **ring, ngx_log_t *log)
{
    acm_rc_t            rc;
    acm_err_t           err;
    ngx_acm_process_t  *p;

    p = &ngx_acm_process;

    if (p->ring == NULL) {

        if (p->tried && !create
            && (ngx_msec_int_t) (p->retry - ngx_current_msec) > 0)
        {
            return NGX_DECLINED;
        }

        p->tried = 1;
        p->retry = ngx_current_msec + NGX_ACM_RETRY;

        err.text[0] = '\0';

        if (ngx_acm_open_store(amcf, create, &err, &rc) != NGX_OK) {

            /* not there yet is found out at no cost, and a CA that has been
               told to look does not come twice */

            p->tried = (rc != ACM_NOTFOUND && rc != ACM_BUSY);
            ngx_acm_open_failed(rc, &err, log);
            return NGX_DECLINED;
        }

        p->fault = ACM_OK;
        p->failed = 0;
    }

    *store = p->store;
    *ring = p->ring;

    return NGX_OK;
}


static ngx_int_t
ngx_acm_open_store(ngx_acm_conf_t *amcf, ngx_uint_t create, acm_err_t *err,
    acm_rc_t *rc)
{
    acm_store_conf_t    conf;
    ngx_acm_process_t  *p;

    p = &ngx_acm_process;

    if (p->store == NULL) {
        ngx_memzero(&conf, sizeof(acm_store_conf_t));

        conf.path = (char *) amcf->store.data;
        conf.map_size = (uint64_t) amcf->map_size;
        conf.create = create ? 1 : 0;

        /* a handshake must not wait, and asks again soon */
        conf.nowait = !conf.create;

        /* the helper walks through it */
        conf.lookups = !conf.create;

        *rc = acm_store_lmdb_open(&conf, &p->store, err);

        if (*rc != ACM_OK) {
            p->store = NULL;
            return NGX_DECLINED;
        }

        acm_store_watch(p->store, ngx_acm_metrics_commit, NULL);
    }

    *rc = acm_keyring_open(p->store, amcf->key_secret, (int) create, &p->ring,
                           err);

    if (*rc != ACM_OK) {
        p->ring = NULL;
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ngx_acm_share(ngx_acm_conf_t *amcf, acm_store_t **store, acm_keyring_t **ring,
    ngx_log_t *log)
{
    acm_rc_t        rc;
    acm_err_t       err;
    acm_store_t    *own;
    acm_keyring_t  *own_ring;

    if (ngx_acm_open(amcf, 0, &own, &own_ring, log) != NGX_OK) {
        return NGX_DECLINED;
    }

    err.text[0] = '\0';

    rc = acm_store_share(own, store, &err);

    if (rc == ACM_OK) {
        rc = acm_keyring_open(*store, amcf->key_secret, 0, ring, &err);

        if (rc != ACM_OK) {
            acm_store_close(*store);
        }
    }

    if (rc != ACM_OK) {
        ngx_acm_log_fault(rc, &err, log);
        return NGX_DECLINED;
    }

    ngx_acm_process.fault = ACM_OK;

    return NGX_OK;
}


/* A store that is just being made, or opened by others, is no fault; one that
   stays so is. */

static void
ngx_acm_open_failed(acm_rc_t rc, acm_err_t *err, ngx_log_t *log)
{
    ngx_acm_process_t  *p;

    p = &ngx_acm_process;

    if (!p->failed) {
        p->failed = 1;
        p->since = ngx_current_msec;
        ngx_memzero(p->logged, sizeof(p->logged));
    }

    if ((rc == ACM_NOTFOUND || rc == ACM_BUSY)
        && ngx_current_msec - p->since < NGX_ACM_LOG_AFTER)
    {
        if (p->fault != rc) {
            p->fault = rc;
            ngx_log_error(NGX_LOG_INFO, log, 0, "acm: %s", err->text);
        }

        return;
    }

    ngx_acm_log_fault(rc, err, log);
}


void
ngx_acm_log_fault(acm_rc_t rc, acm_err_t *err, ngx_log_t *log)
{
    ngx_msec_t  *logged;

    ngx_acm_process.fault = rc;

    logged = &ngx_acm_process.logged[-rc % NGX_ACM_FAULTS];

    if (*logged && ngx_current_msec - *logged < NGX_ACM_LOG_EVERY) {
        return;
    }

    *logged = ngx_max(ngx_current_msec, 1);

    if (err->text[0] == '\0') {
        (void) acm_fail(err, rc, "the store cannot be read: %s",
                        acm_rc_text(rc));
    }

    ngx_log_error(NGX_LOG_CRIT, log, 0, "acm: %s", err->text);
}


void
ngx_acm_log_denied(u_char *path, ngx_err_t e, acm_err_t *err, ngx_log_t *log)
{
    struct stat  st;

    if (e == NGX_EACCES && lstat((char *) path, &st) == 0
        && st.st_uid != geteuid())
    {
        (void) acm_fail(err, ACM_DENIED, "\"%s\" belongs to user %lu, this "
                        "process runs as %lu: \"chown %lu\" all files beside "
                        "it, or run as their owner", path,
                        (unsigned long) st.st_uid,
                        (unsigned long) geteuid(),
                        (unsigned long) geteuid());
    } else {
        (void) acm_fail(err, ACM_DENIED, "\"%s\" cannot be opened: %s", path,
                        strerror(e));
    }

    ngx_acm_log_fault(ACM_DENIED, err, log);
}


void
ngx_acm_close(void)
{
    ngx_acm_process_t  *p;

    p = &ngx_acm_process;

    if (p->ring) {
        acm_keyring_close(p->ring);
        p->ring = NULL;
    }

    if (p->store) {
        acm_store_close(p->store);
        p->store = NULL;
    }
}


void
ngx_acm_ring(ngx_acm_conf_t *amcf, ngx_log_t *log)
{
    uint64_t  n;

    if (amcf->bell == -1) {
        return;
    }

    n = 1;

    /* EAGAIN: it has been rung 2^64 times, which is enough */

    if (write(amcf->bell, &n, sizeof(uint64_t)) == -1
        && ngx_errno != NGX_EAGAIN)
    {
        ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                      "acm: write() to the doorbell failed");
    }
}
