
/*
 * Copyright (C) The ngx_acm authors
 *
 * When somebody is told that a certificate comes to its end: "warn_at", and
 * what the log says of it.
 */


#include "ngx_acm.h"


static void ngx_acm_warn_statics(ngx_acm_conf_t *amcf, acm_watch_t *watch);
static char *ngx_acm_warn_text(ngx_str_t *s);
static void ngx_acm_warn_report(void *data, const acm_cert_t *old,
    const acm_cert_t *next);
static void ngx_acm_warn_alarm(void *data, const char *kind,
    const char *name, const char *text);


char *
ngx_acm_warn_at(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    time_t         at;
    ngx_str_t     *value;
    ngx_uint_t     i;
    acm_ladder_t  *ladder;

    ladder = &amcf->ladder;

    if (amcf->warn_at) {
        return "is duplicate: name all times in one";
    }

    amcf->warn_at = 1;

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    if (cf->args->nelts - 1 > ACM_MAX_RUNGS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d times", ACM_MAX_RUNGS);
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {
        at = ngx_parse_time(&value[i], 1);

        if (at == (time_t) NGX_ERROR || at < 1 || at > ACM_MAX_RUNG) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid time \"%V\": use 1s to 3650d, as in "
                               "\"45d 30d 15d 7d 3d 1d\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (i > 1 && (uint32_t) at >= ladder->rungs[i - 2]) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is not shorter than the time before "
                               "it: begin with the longest", &value[i]);
            return NGX_CONF_ERROR;
        }

        ladder->rungs[i - 1] = (uint32_t) at;
    }

    ladder->nrungs = cf->args->nelts - 1;

    return NGX_CONF_OK;
}


void
ngx_acm_warn_init(ngx_acm_conf_t *amcf, acm_watch_t *watch)
{
    ngx_memzero(watch, sizeof(acm_watch_t));

    watch->ladder = &amcf->ladder;
    watch->account = (char *) amcf->account.data;
    watch->region = ngx_acm_home_region(amcf);
    watch->report = ngx_acm_warn_report;
    watch->alarm = ngx_acm_warn_alarm;
    watch->data = ngx_acm_shared(amcf);

    ngx_acm_warn_statics(amcf, watch);
}


/* Certificates of "ssl_certificate"; without memory nobody is told of them. */

static void
ngx_acm_warn_statics(ngx_acm_conf_t *amcf, acm_watch_t *watch)
{
    ngx_str_t         *names;
    ngx_uint_t         i;
    acm_static_t      *statics;
    ngx_acm_static_t  *s, **list;

    statics = ngx_pcalloc(ngx_cycle->pool,
                          amcf->statics.nelts * sizeof(acm_static_t) + 1);
    if (statics == NULL) {
        return;
    }

    list = amcf->statics.elts;

    for (i = 0; i < amcf->statics.nelts; i++) {
        s = list[i];
        names = s->names.elts;

        ngx_memcpy(statics[i].hash, s->hash, ACM_HASH_LEN);
        statics[i].not_before = s->not_before;
        statics[i].not_after = s->not_after;
        statics[i].name = (s->names.nelts && names[0].len)
                          ? ngx_acm_warn_text(&names[0]) : s->subject;
        statics[i].resource = s->file.len ? ngx_acm_warn_text(&s->file)
                                          : statics[i].name;
    }

    watch->statics = statics;
    watch->nstatics = amcf->statics.nelts;
}


static char *
ngx_acm_warn_text(ngx_str_t *s)
{
    u_char  *p;

    p = ngx_pnalloc(ngx_cycle->pool, s->len + 1);
    if (p == NULL) {
        return "";
    }

    (void) ngx_cpystrn(p, s->data, s->len + 1);

    return (char *) p;
}


static void
ngx_acm_warn_alarm(void *data, const char *kind, const char *name,
    const char *text)
{
    ngx_acm_shared_t  *shared = data;

    (void) ngx_atomic_fetch_add(&shared->overdue, 1);

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "acm: %s \"%s\" needs attention: %s", kind, name, text);
}


static void
ngx_acm_warn_report(void *data, const acm_cert_t *old,
    const acm_cert_t *next)
{
    ngx_acm_shared_t  *shared = data;

    char         arn[ACM_MAX_ARN], at[32];
    ngx_log_t   *log;
    ngx_uint_t   level;

    log = ngx_cycle->log;

    (void) acm_arn_text(arn, next->account, next->region, next->uuid);
    (void) acm_time_text(next->not_after, at);

    if (next->status == ACM_STATUS_EXPIRED && old->status != next->status) {

        /* nobody minds the end of one that nobody asks for */

        level = next->unused_at ? NGX_LOG_NOTICE : NGX_LOG_CRIT;

        ngx_log_error(level, log, 0,
                      "acm: certificate \"%s\" for \"%s\" expired at %s",
                      arn, next->domain, at);
        return;
    }

    if (next->overdue && !old->overdue) {

        (void) ngx_atomic_fetch_add(&shared->overdue, 1);

        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "acm: certificate \"%s\" for \"%s\" should have been "
                      "%s by now%s%s%s%s", arn, next->domain,
                      next->version ? "renewed" : "issued",
                      next->version ? ", it expires at " : "",
                      next->version ? at : "",
                      next->last_error[0] ? "; last error: " : "",
                      next->last_error);
    }

    if (next->warned && (old->warned == 0 || next->warned < old->warned)) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "acm: certificate \"%s\" for \"%s\" expires at %s and "
                      "is not renewed yet%s%s", arn, next->domain, at,
                      next->last_error[0] ? "; last error: " : "",
                      next->last_error);
    }
}
