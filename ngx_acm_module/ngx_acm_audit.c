
/*
 * Copyright (C) The ngx_acm authors
 *
 * The audit log of the API.  nginx makes the file, and makes it anew on USR1;
 * the worker processes open it by its name, since they write in turns and
 * all have to see a new one at the same moment.  A line that cannot be
 * written does not fail its call: it is logged and counted.
 */


#include <pthread.h>

#include "ngx_acm.h"


#define NGX_ACM_AUDIT_REPEAT  60             /* seconds: the same fault */


/* of the process */

typedef struct {
    pthread_mutex_t            mutex;        /* of all below */
    acm_audit_log_t           *log;
    u_char                    *path;         /* of log; only compared */
    acm_rc_t                   fault;        /* that was told of */
    time_t                     told;
} ngx_acm_audit_t;


static acm_rc_t ngx_acm_audit_get(ngx_acm_conf_t *amcf,
    acm_audit_log_t **log, acm_err_t *err);
static void ngx_acm_audit_told(acm_rc_t rc, acm_err_t *err, ngx_log_t *log);


static ngx_acm_audit_t  ngx_acm_audit_process = {
    .mutex = PTHREAD_MUTEX_INITIALIZER
};


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

    return NGX_CONF_OK;
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
                            amcf->audit_sync, &a->log, err);

        a->path = (rc == ACM_OK) ? amcf->audit->name.data : NULL;
    }

    *log = a->log;

    (void) pthread_mutex_unlock(&a->mutex);

    return rc;
}


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
