
/*
 * Copyright (C) The ngx_acm authors
 *
 * The audit log of the API.  nginx makes the file, and makes it anew on USR1;
 * the worker processes open it by its name, since they write in turns and
 * all have to see a new one at the same moment.  A line that cannot be
 * written does not fail its call: it is logged and counted.  Of calls that
 * were refused there are so many lines in a minute, then one that sums up.
 */


#include <pthread.h>

#include "ngx_acm.h"

#if (NGX_THREADS)
#include <ngx_thread_pool.h>
#endif


#define NGX_ACM_AUDIT_REPEAT  60             /* seconds: the same fault */
#define NGX_ACM_AUDIT_POOL    "default"      /* of threads, as of acm_api */


/* of the process */

typedef struct {
    pthread_mutex_t            mutex;        /* of all below */
    acm_audit_log_t           *log;
    u_char                    *path;         /* of log; only compared */
    acm_rc_t                   fault;        /* that was told of */
    time_t                     told;
    acm_audit_limit_t          limit;        /* of refused calls */
} ngx_acm_audit_t;


static void ngx_acm_audit_reopened(ngx_open_file_t *file, ngx_log_t *log);
static acm_rc_t ngx_acm_audit_get(ngx_acm_conf_t *amcf,
    acm_audit_log_t **log, acm_err_t *err);
static void ngx_acm_audit_told(acm_rc_t rc, acm_err_t *err, ngx_log_t *log);
static void ngx_acm_audit_sum(ngx_acm_conf_t *amcf, ngx_uint_t all,
    ngx_log_t *log);
#if (NGX_THREADS)
static void ngx_acm_audit_timer(ngx_event_t *ev);
static void ngx_acm_audit_thread(void *data, ngx_log_t *log);
static void ngx_acm_audit_done(ngx_event_t *ev);
#endif


static ngx_acm_audit_t  ngx_acm_audit_process = {
    .mutex = PTHREAD_MUTEX_INITIALIZER
};

#if (NGX_THREADS)

/* of the event loop: without a master they outlive a cycle, its pool and its
   configuration */

static ngx_event_t         ngx_acm_audit_event;
static ngx_connection_t    ngx_acm_audit_ident = { .fd = -1 };
static ngx_thread_task_t   ngx_acm_audit_task;

#endif


char *
ngx_acm_audit_log(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    ngx_str_t  *value;

    if (amcf->audit_set) {
        return "is duplicate";
    }

    amcf->audit_set = 1;
    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0 && cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (value[1].len == 0) {
        return "has an empty path";
    }

    if (cf->args->nelts == 3) {
        if (ngx_strcmp(value[2].data, "sync") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": \"sync\" is the "
                               "only one", &value[2]);
            return NGX_CONF_ERROR;
        }

        amcf->audit_sync = 1;
    }

    amcf->audit = ngx_conf_open_file(cf->cycle, &value[1]);
    if (amcf->audit == NULL) {
        return NGX_CONF_ERROR;
    }

    if (amcf->audit->name.len >= ACM_MAX_AUDIT_PATH) {
        return "has too long a path";
    }

    amcf->audit->flush = ngx_acm_audit_reopened;

    return NGX_CONF_OK;
}


/* USR1 in a worker: the master has made the new file already. */

static void
ngx_acm_audit_reopened(ngx_open_file_t *file, ngx_log_t *log)
{
    ngx_acm_audit_t  *a;

    a = &ngx_acm_audit_process;

    (void) pthread_mutex_lock(&a->mutex);

    if (a->log != NULL && a->path == file->name.data) {
        acm_audit_reopened(a->log);
    }

    (void) pthread_mutex_unlock(&a->mutex);
}


/* As nginx does it when it reopens a file, but at the start, too. */

void
ngx_acm_audit_init(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf)
{
    ngx_file_info_t   fi;
    ngx_core_conf_t  *ccf;

    if (amcf->audit == NULL || ngx_test_config || geteuid() != 0) {
        return;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    /* without a master nobody becomes another user */

    if (!ccf->master || ccf->user == (ngx_uid_t) NGX_CONF_UNSET_UINT
        || ngx_fd_info(amcf->audit->fd, &fi) == NGX_FILE_ERROR
        || !ngx_is_file(&fi))
    {
        return;
    }

    if (fi.st_uid != ccf->user
        && fchown(amcf->audit->fd, ccf->user, (gid_t) -1) == -1)
    {
        ngx_log_error(NGX_LOG_ERR, cycle->log, ngx_errno,
                      "acm: fchown() of the audit log \"%s\" failed",
                      amcf->audit->name.data);
    }

    if ((fi.st_mode & (S_IRUSR|S_IWUSR)) != (S_IRUSR|S_IWUSR)
        && fchmod(amcf->audit->fd, fi.st_mode | S_IRUSR | S_IWUSR) == -1)
    {
        ngx_log_error(NGX_LOG_ERR, cycle->log, ngx_errno,
                      "acm: fchmod() of the audit log \"%s\" failed",
                      amcf->audit->name.data);
    }
}


ngx_int_t
ngx_acm_audit_write(ngx_acm_conf_t *amcf, const acm_audit_t *call,
    ngx_log_t *log)
{
    acm_rc_t           rc;
    acm_err_t          err;
    acm_audit_log_t   *file;

    if (amcf->audit == NULL) {
        return NGX_OK;
    }

    err.text[0] = '\0';
    rc = ngx_acm_audit_get(amcf, &file, &err);

    if (rc == ACM_OK) {
        rc = acm_audit_write(file, call, &err);
    }

    ngx_acm_count(amcf, rc == ACM_OK ? NGX_ACM_AUDITED
                                     : NGX_ACM_AUDIT_FAILED);
    ngx_acm_audit_told(rc, &err, log);

    return (rc == ACM_OK) ? NGX_OK : NGX_ERROR;
}


/* Opened by the first call that needs it, and again until that works. */

static acm_rc_t
ngx_acm_audit_get(ngx_acm_conf_t *amcf, acm_audit_log_t **log,
    acm_err_t *err)
{
    char              head[ACM_MAX_AUDIT_PATH];
    u_char           *p;
    acm_rc_t          rc;
    ngx_acm_audit_t  *a;

    a = &ngx_acm_audit_process;
    rc = ACM_OK;

    (void) pthread_mutex_lock(&a->mutex);

    if (a->log == NULL || a->path != amcf->audit->name.data) {

        /*
         * Another one only after a reload without master.  The one before is
         * left open: a thread may have it, and closing the head would take
         * the lock from all of the process.
         */

        p = ngx_snprintf((u_char *) head, sizeof(head) - 1, "%V/%s",
                         &amcf->store, ACM_AUDIT_HEAD_NAME);
        *p = '\0';

        rc = acm_audit_open((char *) amcf->audit->name.data, head,
                            amcf->audit_sync, amcf->audit->fd, &a->log, err);

        a->path = (rc == ACM_OK) ? amcf->audit->name.data : NULL;
    }

    *log = a->log;

    (void) pthread_mutex_unlock(&a->mutex);

    return rc;
}


void
ngx_acm_audit_start(ngx_acm_conf_t *amcf)
{
    acm_err_t         err;
    acm_audit_log_t  *file;

    /* what is wrong is told by the first call that needs it */

    if (amcf->audit != NULL) {
        (void) ngx_acm_audit_get(amcf, &file, &err);
    }
}


void
ngx_acm_audit_refused(ngx_acm_conf_t *amcf, const acm_audit_t *call,
    ngx_log_t *log)
{
    ngx_uint_t  allowed;

    if (amcf->audit == NULL) {
        return;
    }

    ngx_acm_audit_sum(amcf, 0, log);

    (void) pthread_mutex_lock(&ngx_acm_audit_process.mutex);

    allowed = acm_audit_allowed(&ngx_acm_audit_process.limit, call->fault,
                                call->now);

    (void) pthread_mutex_unlock(&ngx_acm_audit_process.mutex);

    if (allowed) {
        (void) ngx_acm_audit_write(amcf, call, log);
    }
}


void
ngx_acm_audit_count(ngx_acm_conf_t *amcf, const char *fault)
{
    if (amcf->audit == NULL) {
        return;
    }

    (void) pthread_mutex_lock(&ngx_acm_audit_process.mutex);

    acm_audit_count(&ngx_acm_audit_process.limit, fault, acm_now());

    (void) pthread_mutex_unlock(&ngx_acm_audit_process.mutex);

    ngx_acm_audit_watch(amcf);
}


/* What was counted, when its time is over, or at once. */

static void
ngx_acm_audit_sum(ngx_acm_conf_t *amcf, ngx_uint_t all, ngx_log_t *log)
{
    ngx_uint_t            any;
    acm_audit_t           line;
    acm_audit_refused_t   refused;

    ngx_memzero(&line, sizeof(acm_audit_t));

    line.now = acm_now();
    line.refused = &refused;

    (void) pthread_mutex_lock(&ngx_acm_audit_process.mutex);

    any = acm_audit_summary(&ngx_acm_audit_process.limit, line.now, all,
                            &refused);

    (void) pthread_mutex_unlock(&ngx_acm_audit_process.mutex);

    if (any) {
        (void) ngx_acm_audit_write(amcf, &line, log);
    }
}


void
ngx_acm_audit_finish(ngx_acm_conf_t *amcf)
{
    if (amcf->audit != NULL) {
        ngx_acm_audit_sum(amcf, 1, ngx_cycle->log);
    }
}


void
ngx_acm_audit_watch(ngx_acm_conf_t *amcf)
{
#if (NGX_THREADS)

    ngx_uint_t    any;
    ngx_event_t  *ev;

    ev = &ngx_acm_audit_event;

    if (amcf->audit == NULL || ev->timer_set || ngx_exiting) {
        return;
    }

    (void) pthread_mutex_lock(&ngx_acm_audit_process.mutex);
    any = (ngx_acm_audit_process.limit.out.n != 0);
    (void) pthread_mutex_unlock(&ngx_acm_audit_process.mutex);

    if (!any) {
        return;
    }

    ev->handler = ngx_acm_audit_timer;
    ev->data = &ngx_acm_audit_ident;
    ev->log = ngx_cycle->log;
    ev->cancelable = 1;

    ngx_add_timer(ev, (ACM_AUDIT_PERIOD + 1) * 1000);

#endif
}


#if (NGX_THREADS)

/* No handshake waits for the disk, or for others that write. */

static void
ngx_acm_audit_timer(ngx_event_t *ev)
{
    ngx_str_t           name;
    ngx_thread_task_t  *task;
    ngx_thread_pool_t  *pool;

    ngx_str_set(&name, NGX_ACM_AUDIT_POOL);

    pool = ngx_thread_pool_get((ngx_cycle_t *) ngx_cycle, &name);
    task = &ngx_acm_audit_task;

    if (pool == NULL || task->event.active) {
        return;
    }

    task->ctx = ngx_acm_get_conf(ngx_cycle);
    task->handler = ngx_acm_audit_thread;
    task->event.handler = ngx_acm_audit_done;
    task->event.data = &ngx_acm_audit_ident;

    (void) ngx_thread_task_post(pool, task);
}


static void
ngx_acm_audit_thread(void *data, ngx_log_t *log)
{
    ngx_acm_audit_sum(data, 0, log);
}


static void
ngx_acm_audit_done(ngx_event_t *ev)
{
    ngx_acm_audit_watch(ngx_acm_get_conf(ngx_cycle));
}


#endif


/* A fault at once, the same again once a minute, and its end. */

static void
ngx_acm_audit_told(acm_rc_t rc, acm_err_t *err, ngx_log_t *log)
{
    acm_rc_t          before;
    ngx_uint_t        tell;
    ngx_acm_audit_t  *a;

    a = &ngx_acm_audit_process;

    (void) pthread_mutex_lock(&a->mutex);

    before = a->fault;
    tell = (rc != before
            || (rc != ACM_OK
                && ngx_time() - a->told >= NGX_ACM_AUDIT_REPEAT));

    if (tell) {
        a->fault = rc;
        a->told = ngx_time();
    }

    (void) pthread_mutex_unlock(&a->mutex);

    if (!tell) {
        return;
    }

    if (rc == ACM_OK) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "acm: the audit log is written again");
        return;
    }

    ngx_log_error(NGX_LOG_ALERT, log, 0,
                  "acm: a call is not in the audit log: %s", err->text);
}
