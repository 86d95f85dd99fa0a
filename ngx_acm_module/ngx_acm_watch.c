
/*
 * Copyright (C) The ngx_acm authors
 *
 * The watchdog: the first worker looks whether the helper is alive.  One
 * that hangs is found out by nobody else; one that dies is started again by
 * the master.  The clock stands still while the machine sleeps.
 */


#include "ngx_acm.h"


#define NGX_ACM_WATCH_MIN  100               /* milliseconds between looks */
#define NGX_ACM_WATCH_MAX  5000


typedef struct {
    ngx_connection_t   dumb;                 /* what the timer's log reads */
    ngx_event_t        timer;
    int64_t            last;                 /* look, acm_ticks() */
    int64_t            since;                /* this process is not stopped */
} ngx_acm_watch_t;


static void ngx_acm_watch_timer(ngx_event_t *ev);
static ngx_msec_t ngx_acm_watch_wait(ngx_acm_conf_t *amcf);


static ngx_acm_watch_t  ngx_acm_watch;


void
ngx_acm_watch_start(ngx_cycle_t *cycle)
{
    ngx_acm_watch_t  *w;

    if (ngx_worker != 0) {
        return;
    }

    w = &ngx_acm_watch;

    w->dumb.fd = (ngx_socket_t) -1;
    w->last = acm_ticks();
    w->since = w->last;

    w->timer.handler = ngx_acm_watch_timer;
    w->timer.data = &w->dumb;
    w->timer.log = cycle->log;
    w->timer.cancelable = 1;

    ngx_add_timer(&w->timer, ngx_acm_watch_wait(ngx_acm_get_conf(cycle)));
}


static ngx_msec_t
ngx_acm_watch_wait(ngx_acm_conf_t *amcf)
{
    ngx_msec_t  wait;

    wait = (ngx_msec_t) amcf->helper_timeout * 1000 / 4;
    wait = ngx_max(wait, NGX_ACM_WATCH_MIN);

    return ngx_min(wait, NGX_ACM_WATCH_MAX);
}


static void
ngx_acm_watch_timer(ngx_event_t *ev)
{
    int64_t             now, silent;
    ngx_msec_t          wait;
    ngx_acm_conf_t     *amcf;
    ngx_acm_watch_t    *w;
    ngx_acm_metrics_t  *m;

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    w = &ngx_acm_watch;
    amcf = ngx_acm_get_conf(ngx_cycle);
    m = &ngx_acm_shared(amcf)->metrics;

    wait = ngx_acm_watch_wait(amcf);
    now = acm_ticks();

    /* a look that comes late: all of us were stopped, the helper too */

    if (now - w->last > 3 * (int64_t) wait) {
        w->since = now;
    }

    w->last = now;
    silent = now - ngx_max((int64_t) m->beat, w->since);

    if (silent > (int64_t) amcf->helper_timeout * 1000) {

        ngx_acm_shared(amcf)->helper_locked = 0;

        if (!m->down) {
            m->down = 1;
            (void) ngx_atomic_fetch_add(&m->outages, 1);

            ngx_log_error(NGX_LOG_ERR, ev->log, 0,
                          "acm: the helper process %P has been silent for "
                          "%L s: nothing is issued or renewed; if it hangs, "
                          "kill it, and nginx starts another one",
                          (ngx_pid_t) m->pid,
                          silent / 1000);
        }

    } else if (m->down && ngx_acm_helper_up(amcf)) {

        m->down = 0;

        ngx_log_error(NGX_LOG_NOTICE, ev->log, 0,
                      "acm: the helper process %P is back",
                      (ngx_pid_t) m->pid);
    }

    ngx_add_timer(ev, wait);
}


ngx_uint_t
ngx_acm_helper_up(ngx_acm_conf_t *amcf)
{
    int64_t  beat;

    beat = (int64_t) ngx_acm_shared(amcf)->metrics.beat;

    return acm_ticks() - beat <= (int64_t) amcf->helper_timeout * 1000;
}
