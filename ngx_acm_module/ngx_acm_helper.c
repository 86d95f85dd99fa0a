
/*
 * Copyright (C) The ngx_acm authors
 *
 * The helper: the process that nginx keeps for paths with a manager.  It is
 * the only one that issues and renews.  It may be killed at any moment: what
 * it knows is in the store.
 */


#include <sched.h>
#include <sys/file.h>
#include <sys/resource.h>

#include "ngx_acm.h"
#include "../shared/acm_revocation.h"
#include "../shared/acm_sweep.h"


#define NGX_ACM_TICK         1000            /* milliseconds, at most */
#define NGX_ACM_LOCK_RETRY   250             /* milliseconds at most, and */
#define NGX_ACM_LOCK_FIRST   8               /* at first, then doubled */
#define NGX_ACM_NICE         5               /* behind the workers */
#define NGX_ACM_SLICE        20              /* milliseconds of work at once */
#define NGX_ACM_HOUSEKEEP    60              /* seconds */
#define NGX_ACM_SWEEP_FIRST  3600            /* seconds after its start: an
                                                older version, which does not
                                                know of it, is gone by then */
#define NGX_ACM_SWEEP        ACM_REVOKED_SWEEP
#define NGX_ACM_FAULT_WAIT   1000            /* doubled with each fault */
#define NGX_ACM_FAULT_MAX    30000
#define NGX_ACM_JUMP         60              /* seconds, of the clock */


typedef struct {
    void              *ident[4];             /* what the timer's log reads */
    ngx_event_t        timer;
    ngx_event_t        posted;               /* a CA has answered */
    ngx_acm_conf_t    *amcf;                 /* of the cycle seen last */
    acm_engine_t       engine;
    acm_watch_t        watch;
    ngx_fd_t           lock;
    ngx_msec_t         lock_wait;
    time_t             housekeep;            /* not before */
    time_t             sweep_at;             /* not before */
    acm_revoked_sweep_t
                       revoked;
    acm_sweep_t        sweep;                /* behind that */
    ngx_msec_t         wait;                 /* after a fault */
    int64_t            wall;                 /* the clock, seconds, and */
    int64_t            ticks;                /* real time, ms, when it was
                                                looked at */
    unsigned           locked:1;
    unsigned           started:1;
    unsigned           exit:1;               /* atexit() was called */
    unsigned           look:1;               /* at what is due */
    unsigned           recovered:1;          /* orders of the one before */
    unsigned           swept:1;              /* revocations, chains not yet */
    unsigned           unswept:1;            /* they could not be read */
} ngx_acm_helper_t;


static void ngx_acm_helper_yield(ngx_log_t *log);
static void ngx_acm_helper_bell(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf);
static void ngx_acm_helper_rung(ngx_event_t *ev);
static void ngx_acm_helper_timer(ngx_event_t *ev);
static void ngx_acm_helper_posted(ngx_event_t *ev);
static void ngx_acm_helper_wake(void *data);
static void ngx_acm_helper_ended(void *data);
static void ngx_acm_helper_vacant(void *data);
static void ngx_acm_helper_housekeep(ngx_acm_helper_t *h, ngx_log_t *log);
static ngx_uint_t ngx_acm_helper_sweep(ngx_acm_helper_t *h, ngx_log_t *log);
static ngx_uint_t ngx_acm_helper_sweep_revoked(ngx_acm_helper_t *h,
    ngx_log_t *log);
static ngx_uint_t ngx_acm_helper_sweep_chains(ngx_acm_helper_t *h,
    ngx_log_t *log);
static ngx_msec_t ngx_acm_helper_orders(ngx_acm_helper_t *h,
    ngx_msec_t wait, ngx_log_t *log);
static acm_rc_t ngx_acm_helper_recover(ngx_acm_helper_t *h, acm_err_t *err);
static ngx_msec_t ngx_acm_helper_due(ngx_acm_helper_t *h, ngx_log_t *log);
static void ngx_acm_helper_clock(ngx_acm_helper_t *h, ngx_log_t *log);
static ngx_msec_t ngx_acm_helper_run(ngx_acm_helper_t *h, ngx_log_t *log);
static void ngx_acm_helper_adopt(ngx_acm_helper_t *h, ngx_acm_conf_t *amcf,
    ngx_log_t *log);
static ngx_int_t ngx_acm_helper_lock(ngx_acm_helper_t *h, ngx_log_t *log);
static ngx_msec_t ngx_acm_helper_work(ngx_acm_helper_t *h, ngx_log_t *log);
static void ngx_acm_helper_sinks(ngx_acm_helper_t *h, ngx_log_t *log);
static ngx_msec_t ngx_acm_helper_fault(ngx_acm_helper_t *h, acm_rc_t rc,
    acm_err_t *err, ngx_log_t *log);
static void ngx_acm_helper_report(void *data, acm_step_e step,
    const acm_cert_t *cert, const char *text);


/* one in a process, and like the store's handle it outlives a cycle */

static ngx_acm_helper_t  ngx_acm_helper;


ngx_msec_t
ngx_acm_helper_manager(void *data)
{
    /*
     * Other paths may call this early or late: it only starts the helper,
     * which then keeps its own time.
     */

    if (!ngx_acm_helper.started) {
        ngx_acm_helper_start((ngx_cycle_t *) ngx_cycle);
    }

    return 3600000;
}


void
ngx_acm_helper_start(ngx_cycle_t *cycle)
{
    ngx_acm_conf_t    *amcf;
    ngx_acm_helper_t  *h;

    h = &ngx_acm_helper;
    amcf = ngx_acm_get_conf(cycle);

    h->started = 1;

    if (ngx_process != NGX_PROCESS_SINGLE) {
        ngx_acm_helper_yield(cycle->log);
    }

    h->lock = NGX_INVALID_FILE;
    h->ident[3] = (void *) -1;

    h->timer.handler = ngx_acm_helper_timer;
    h->timer.data = h->ident;
    h->timer.log = cycle->log;
    h->timer.cancelable = 1;

    h->posted.handler = ngx_acm_helper_posted;
    h->posted.data = h->ident;
    h->posted.log = cycle->log;

    ngx_acm_helper_bell(cycle, amcf);

    /* nginx has no hook for such a process: it ends by exit() */

    if (!h->exit && ngx_process != NGX_PROCESS_SINGLE) {
        h->exit = (atexit(ngx_acm_helper_exit) == 0);
    }

    ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                  "acm: helper process %P started for store \"%V\"",
                  ngx_pid, &amcf->store);

    ngx_add_timer(&h->timer, 1);
}


/*
 * A server that is busy has handshakes to make first.  By SCHED_BATCH one that
 * is being made is not interrupted each time that the helper wakes up, which
 * with orders under way is thousands of times a second.  Threads that are made
 * later have the same.
 */

static void
ngx_acm_helper_yield(ngx_log_t *log)
{
    struct sched_param  param;

    ngx_memzero(&param, sizeof(struct sched_param));

    if (sched_setscheduler(0, SCHED_BATCH, &param) == -1) {
        ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                      "acm: sched_setscheduler() failed");
    }

    if (setpriority(PRIO_PROCESS, 0, NGX_ACM_NICE) == -1) {
        ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                      "acm: setpriority() failed");
    }
}


static void
ngx_acm_helper_bell(ngx_cycle_t *cycle, ngx_acm_conf_t *amcf)
{
    ngx_connection_t  *c;

    if (amcf->bell == -1 || ngx_process == NGX_PROCESS_SINGLE) {
        return;
    }

    c = ngx_get_connection(amcf->bell, cycle->log);
    if (c == NULL) {
        return;
    }

    c->recv = NULL;
    c->read->handler = ngx_acm_helper_rung;
    c->read->log = cycle->log;
    c->write->log = cycle->log;

    if (ngx_add_event(c->read, NGX_READ_EVENT, 0) != NGX_OK) {
        ngx_free_connection(c);
    }
}


static void
ngx_acm_helper_rung(ngx_event_t *ev)
{
    uint64_t           n;
    ngx_connection_t  *c;

    c = ev->data;

    while (read(c->fd, &n, sizeof(uint64_t)) > 0) {
        /* void */
    }

    ngx_log_debug0(NGX_LOG_DEBUG_EVENT, ev->log, 0, "acm helper: rung");

    ngx_acm_helper.look = 1;

    ngx_add_timer(&ngx_acm_helper.timer, 1);
}


static void
ngx_acm_helper_timer(ngx_event_t *ev)
{
    ngx_msec_t  wait;

    ngx_acm_helper.look = 1;

    wait = ngx_acm_helper_run(&ngx_acm_helper, ev->log);

    if (wait != NGX_TIMER_INFINITE) {
        ngx_add_timer(ev, wait);
    }
}


static void
ngx_acm_helper_posted(ngx_event_t *ev)
{
    ngx_msec_t  wait;

    wait = ngx_acm_helper_run(&ngx_acm_helper, ev->log);

    if (wait != NGX_TIMER_INFINITE) {
        ngx_add_timer(&ngx_acm_helper.timer, wait);
    }
}


static void
ngx_acm_helper_wake(void *data)
{
    ngx_acm_helper_t  *h = data;

    ngx_post_event(&h->posted, &ngx_posted_events);
}


/* There is room for another one. */

static void
ngx_acm_helper_ended(void *data)
{
    ngx_acm_helper_t  *h = data;

    h->look = 1;
}


/* The same, while orders run: what is begun goes into their next commit. */

static void
ngx_acm_helper_vacant(void *data)
{
    ngx_acm_helper_t  *h = data;

    (void) ngx_acm_helper_due(h, ngx_cycle->log);
}


void
ngx_acm_helper_exit(void)
{
    ngx_acm_acme_exit(ngx_acm_helper.engine.orders);
    ngx_acm_sink_exit();
}


static ngx_msec_t
ngx_acm_helper_run(ngx_acm_helper_t *h, ngx_log_t *log)
{
    ngx_acm_conf_t    *amcf;
    ngx_acm_shared_t  *shared;

    if (ngx_process != NGX_PROCESS_SINGLE && getppid() != ngx_parent) {

        /* the master is gone: its successor's helper needs the lock */

        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "acm: helper process %P lost its master, exiting",
                      ngx_pid);
        exit(0);
    }

    if (ngx_quit || ngx_terminate) {
        return NGX_TIMER_INFINITE;
    }

    amcf = ngx_acm_get_conf(ngx_cycle);

    if (!amcf->enabled) {
        return NGX_ACM_TICK;
    }

    if (amcf != h->amcf) {
        ngx_acm_helper_adopt(h, amcf, log);
    }

    shared = ngx_acm_shared(amcf);
    shared->metrics.beat = (ngx_atomic_uint_t) acm_ticks();
    shared->metrics.pid = (ngx_atomic_uint_t) ngx_pid;

    if (!h->locked) {
        if (ngx_acm_helper_lock(h, log) != NGX_OK) {
            h->lock_wait = h->lock_wait ? ngx_min(h->lock_wait * 2,
                                                  NGX_ACM_LOCK_RETRY)
                                        : NGX_ACM_LOCK_FIRST;
            return h->lock_wait;
        }

        shared->helper_pid = (ngx_atomic_uint_t) ngx_pid;
        shared->helper_started = (ngx_atomic_uint_t) ngx_time();
        shared->helper_error[0] = '\0';
    }

    /* the watchdog may have taken it away from one that was stopped */

    shared->helper_locked = 1;
    shared->helper_tick = (ngx_atomic_uint_t) ngx_time();

    ngx_acm_helper_clock(h, log);

    return ngx_acm_helper_work(h, log);
}


/*
 * A machine that slept, or whose clock was set: what is due changes at once,
 * and whoever reads the log should know why.  Time asleep is none to
 * CLOCK_MONOTONIC.
 */

static void
ngx_acm_helper_clock(ngx_acm_helper_t *h, ngx_log_t *log)
{
    int64_t  wall, ticks, jump;

    wall = acm_now();
    ticks = acm_ticks();

    if (h->ticks != 0) {
        jump = (wall - h->wall) - (ticks - h->ticks) / 1000;

        if (jump > NGX_ACM_JUMP || jump < -NGX_ACM_JUMP) {
            ngx_log_error(NGX_LOG_WARN, log, 0,
                          "acm: the clock jumped %s by %L seconds: it was "
                          "set, or the machine was suspended",
                          jump > 0 ? "ahead" : "back",
                          jump > 0 ? jump : -jump);
        }
    }

    h->wall = wall;
    h->ticks = ticks;

    /* what a clock that was ahead has put off */

    if (h->housekeep - ngx_time() > NGX_ACM_HOUSEKEEP) {
        h->housekeep = 0;
    }

    if (h->sweep_at - ngx_time() > NGX_ACM_SWEEP) {
        h->sweep_at = ngx_time() + NGX_ACM_SWEEP_FIRST;
    }
}


/* Takes over the configuration of a cycle: the first one, or, without a
   master, each next. */

static void
ngx_acm_helper_adopt(ngx_acm_helper_t *h, ngx_acm_conf_t *amcf,
    ngx_log_t *log)
{
    ngx_acm_sink_stop();
    ngx_acm_cloudwatch_stop();
    ngx_acm_stapler_stop();
    ngx_acm_demand_stop();
    ngx_acm_proof_stop();
    ngx_acm_acme_stop(h->engine.orders);
    acm_engine_done(&h->engine);

    h->recovered = 0;
    h->housekeep = 0;
    h->sweep_at = ngx_time() + NGX_ACM_SWEEP_FIRST;
    ngx_memzero(&h->sweep, sizeof(acm_sweep_t));
    ngx_memzero(&h->revoked, sizeof(acm_revoked_sweep_t));
    h->swept = 0;
    h->unswept = 0;

    ngx_memzero(&h->engine, sizeof(acm_engine_t));

    h->engine.issuers = amcf->engine_issuers;
    h->engine.nissuers = amcf->issuers.nelts;
    h->engine.requests = amcf->requests.elts;
    h->engine.nrequests = amcf->requests.nelts;
    h->engine.report = ngx_acm_helper_report;
    h->engine.demand = amcf->demands.nelts ? ngx_acm_demand_renew : NULL;
    h->engine.proof = ngx_acm_proof;
    h->engine.data = h;

    ngx_acm_warn_init(amcf, &h->watch);

    h->watch.early = acm_engine_early;
    h->watch.engine = &h->engine;

    h->amcf = amcf;
    h->wait = 0;
}


/*
 * At a reload two helpers exist for a moment, after a binary upgrade two
 * masters: only the one with the lock works.  LMDB's own lock file must not
 * be used for this: closing it would drop LMDB's locks.
 */

static ngx_int_t
ngx_acm_helper_lock(ngx_acm_helper_t *h, ngx_log_t *log)
{
    u_char     path[NGX_MAX_PATH], *p;
    acm_err_t  err;

    if (h->lock == NGX_INVALID_FILE) {
        p = ngx_snprintf(path, NGX_MAX_PATH - 1, "%V/helper.lock",
                         &h->amcf->store);
        *p = '\0';

        h->lock = open((char *) path, O_RDWR|O_CREAT|O_CLOEXEC|O_NOFOLLOW,
                       0600);

        if (h->lock == NGX_INVALID_FILE) {
            ngx_acm_log_denied(path, ngx_errno, &err, log);
            ngx_cpystrn(ngx_acm_shared(h->amcf)->helper_error,
                        (u_char *) err.text, ACM_MAX_ERROR);
            return NGX_DECLINED;
        }
    }

    if (flock(h->lock, LOCK_EX|LOCK_NB) == -1) {
        ngx_log_debug0(NGX_LOG_DEBUG_EVENT, log, ngx_errno,
                       "acm helper: lock is held");
        return NGX_DECLINED;
    }

    h->locked = 1;

    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "acm: helper process %P took the lock", ngx_pid);

    return NGX_OK;
}


static ngx_msec_t
ngx_acm_helper_work(ngx_acm_helper_t *h, ngx_log_t *log)
{
    ngx_msec_t         wait, more;
    ngx_acm_shared_t  *shared;

    shared = ngx_acm_shared(h->amcf);

    if (h->engine.ring == NULL
        && ngx_acm_open(h->amcf, 1, &h->engine.store, &h->engine.ring, log)
           != NGX_OK)
    {
        ngx_sprintf(shared->helper_error, "the store cannot be opened, see "
                    "the error log%Z");
        return NGX_ACM_TICK;
    }

    h->watch.store = h->engine.store;

    /* before anything brings events: a sink gets them from its start on */

    (void) ngx_acm_sink_start(h->amcf, h->engine.store, ngx_acm_helper_wake,
                              h, log);

    if (h->engine.orders == NULL) {
        h->engine.orders = ngx_acm_acme_start(h->amcf, h->engine.ring,
                                              ngx_acm_helper_wake,
                                              ngx_acm_helper_ended,
                                              ngx_acm_helper_vacant, h, log);
    }

    ngx_acm_proof_start(h->amcf, h->engine.store, ngx_acm_helper_wake, h,
                        log);

    if (h->amcf->demands.nelts) {

        if (ngx_acm_demand_start(h->amcf, h->engine.store,
                                 ngx_acm_helper_wake, ngx_acm_helper_ended, h,
                                 log)
            == NGX_OK)
        {
            ngx_acm_demand_run(log);
        }
    }

    if (ngx_time() >= h->housekeep) {
        ngx_acm_helper_housekeep(h, log);
    }

    more = ngx_acm_metrics_census(h->amcf, h->engine.store, log);

    if (ngx_acm_helper_sweep(h, log)) {
        more = 1;
    }

    ngx_acm_used_run(h->amcf, &h->engine, log);
    ngx_acm_warm_run(h->amcf, log);
    ngx_acm_resident_run(h->amcf, log);

    if (h->engine.orders == NULL) {
        wait = ngx_acm_helper_due(h, log);
        ngx_acm_helper_sinks(h, log);
        return more ? ngx_min(more, wait) : wait;
    }

    /*
     * Orders first: what a CA has answered makes room for others.  What is
     * due is looked at when it may have changed, not with every answer.
     */

    wait = ngx_acm_helper_orders(h, NGX_ACM_TICK, log);

    if (h->look) {
        h->look = 0;
        wait = ngx_min(wait, ngx_acm_helper_due(h, log));
        wait = ngx_acm_helper_orders(h, wait, log);
    }

    shared->orders = (ngx_atomic_uint_t) acm_orders_count(h->engine.orders);

    ngx_acm_helper_sinks(h, log);

    return more ? ngx_min(more, wait) : wait;
}


/* For a setting that cannot be written no renewal waits. */

static void
ngx_acm_helper_housekeep(ngx_acm_helper_t *h, ngx_log_t *log)
{
    int        ahead;
    acm_err_t  err;

    h->housekeep = ngx_time() + NGX_ACM_HOUSEKEEP;

    (void) acm_store_housekeep(h->engine.store);

    if (acm_versions_set(h->engine.store, (uint32_t) h->amcf->versions, &err)
        != ACM_OK
        || acm_quota_init(h->engine.store, &err) != ACM_OK)
    {
        ngx_log_error(NGX_LOG_CRIT, log, 0, "acm: %s", err.text);
    }

    if (acm_revoked_clock(h->engine.store, ngx_time(), &ahead, &err)
        != ACM_OK)
    {
        ngx_log_error(NGX_LOG_ERR, log, 0, "acm: %s", err.text);

    } else if (ahead) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0, "acm: the clock was ahead: "
                      "revocations go with the second sweep from now on");
    }
}


/* A piece of it, once a day; 1: there is another. */

static ngx_uint_t
ngx_acm_helper_sweep(ngx_acm_helper_t *h, ngx_log_t *log)
{
    if (ngx_time() < h->sweep_at) {
        return 0;
    }

    if (!h->swept) {
        h->swept = !ngx_acm_helper_sweep_revoked(h, log);
        return 1;
    }

    if (ngx_acm_helper_sweep_chains(h, log)) {
        return 1;
    }

    h->sweep_at = ngx_time() + (h->unswept ? NGX_ACM_SWEEP_FIRST
                                           : NGX_ACM_SWEEP);
    h->swept = 0;
    h->unswept = 0;

    return 0;
}


static ngx_uint_t
ngx_acm_helper_sweep_revoked(ngx_acm_helper_t *h, ngx_log_t *log)
{
    int        more;
    uint64_t   removed;
    acm_err_t  err;

    removed = h->revoked.removed;

    if (acm_revoked_sweep(&h->revoked, h->engine.store, ngx_time(), &more,
                          &err)
        != ACM_OK)
    {
        ngx_log_error(NGX_LOG_ERR, log, 0, "acm: %s", err.text);
        h->unswept = 1;
    }

    if (h->revoked.removed != removed) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0, "acm: removed %uL revocations "
                      "of certificates that have expired",
                      h->revoked.removed - removed);
    }

    return (ngx_uint_t) more;
}


static ngx_uint_t
ngx_acm_helper_sweep_chains(ngx_acm_helper_t *h, ngx_log_t *log)
{
    int        more;
    uint64_t   removed;
    acm_err_t  err;

    removed = h->sweep.removed;

    if (acm_sweep_step(&h->sweep, h->engine.store, &more, &err) != ACM_OK) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "acm: %s", err.text);
        more = 0;
    }

    if (h->sweep.removed != removed) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0, "acm: removed %uL chain "
                      "certificates that nothing used",
                      h->sweep.removed - removed);
    }

    return (ngx_uint_t) more;
}


/* Behind the rest, whose commits have brought events. */

static void
ngx_acm_helper_sinks(ngx_acm_helper_t *h, ngx_log_t *log)
{
    if (ngx_acm_sink_start(h->amcf, h->engine.store, ngx_acm_helper_wake, h,
                           log)
        == NGX_OK)
    {
        ngx_acm_sink_run(log);
    }

    ngx_acm_cloudwatch_run(h->amcf, h->engine.store, ngx_acm_helper_wake, h,
                           log);
    ngx_acm_stapler_run(h->amcf, h->engine.store, ngx_acm_helper_wake, h,
                        log);
}


static ngx_msec_t
ngx_acm_helper_orders(ngx_acm_helper_t *h, ngx_msec_t wait, ngx_log_t *log)
{
    int64_t    ticks, next;
    acm_rc_t   rc;
    acm_err_t  err;

    err.text[0] = '\0';
    rc = h->recovered ? ACM_OK : ngx_acm_helper_recover(h, &err);

    ticks = acm_ticks();

    if (rc == ACM_OK) {
        rc = acm_orders_run(h->engine.orders, ticks, &next, &err);
    }

    if (rc != ACM_OK) {
        return ngx_acm_helper_fault(h, rc, &err, log);
    }

    if (next <= ticks) {
        return 1;
    }

    return (next - ticks < (int64_t) wait) ? (ngx_msec_t) (next - ticks)
                                           : wait;
}


static acm_rc_t
ngx_acm_helper_recover(ngx_acm_helper_t *h, acm_err_t *err)
{
    int       more;
    acm_rc_t  rc;

    do {
        rc = acm_orders_recover(h->engine.orders, &more, err);
    } while (rc == ACM_OK && more);

    h->recovered = (rc == ACM_OK);

    return rc;
}


static ngx_msec_t
ngx_acm_helper_due(ngx_acm_helper_t *h, ngx_log_t *log)
{
    int64_t            now, next, watch;
    acm_rc_t           rc;
    acm_err_t          err;
    ngx_msec_t         start;
    ngx_acm_shared_t  *shared;

    shared = ngx_acm_shared(h->amcf);
    start = ngx_current_msec;

    do {
        err.text[0] = '\0';
        now = acm_now();

        rc = acm_engine_tick(&h->engine, now, &next, &err);

        if (rc == ACM_NOTFOUND) {
            rc = acm_watch_tick(&h->watch, now, &watch, &err);
            next = ngx_min(next, watch);
        }

        if (rc != ACM_OK && rc != ACM_NOTFOUND) {
            return ngx_acm_helper_fault(h, rc, &err, log);
        }

        ngx_time_update();

        shared->metrics.beat = (ngx_atomic_uint_t) acm_ticks();
        shared->helper_tick = (ngx_atomic_uint_t) ngx_time();

        if (rc == ACM_NOTFOUND) {
            h->wait = 0;
            shared->helper_error[0] = '\0';
            shared->helper_next = (next == INT64_MAX) ? 0
                                  : (ngx_atomic_uint_t) next;
            return NGX_ACM_TICK;
        }

    } while (ngx_current_msec - start < NGX_ACM_SLICE);

    /* more to do, but signals and the doorbell come first */

    h->look = 1;

    return 1;
}


static ngx_msec_t
ngx_acm_helper_fault(ngx_acm_helper_t *h, acm_rc_t rc, acm_err_t *err,
    ngx_log_t *log)
{
    ngx_acm_shared_t  *shared;

    h->wait = h->wait ? ngx_min(h->wait * 2, NGX_ACM_FAULT_MAX)
                      : NGX_ACM_FAULT_WAIT;

    shared = ngx_acm_shared(h->amcf);

    ngx_cpystrn(shared->helper_error, (u_char *) err->text, ACM_MAX_ERROR);

    ngx_log_error(NGX_LOG_CRIT, log, 0,
                  "acm: %s: %s; trying again in %M ms", acm_rc_text(rc),
                  err->text, h->wait);

    return h->wait;
}


void
ngx_acm_helper_given_up(const acm_cert_t *cert, const char *arn,
    const char *text, ngx_log_t *log)
{
    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "acm: certificate \"%s\" for \"%s\" is given up, %s, "
                  "attempts %uD: %s", arn, cert->domain,
                  acm_reason_text(cert->reason), cert->attempts, text);
}


static void
ngx_acm_helper_report(void *data, acm_step_e step, const acm_cert_t *cert,
    const char *text)
{
    ngx_acm_helper_t  *h = data;

    char               arn[ACM_MAX_ARN], not_after[32], due[32];
    ngx_log_t         *log;
    ngx_acm_shared_t  *shared;

    log = ngx_cycle->log;
    shared = ngx_acm_shared(h->amcf);

    (void) acm_arn_text(arn, cert->account, cert->region, cert->uuid);
    (void) acm_time_text(cert->not_after, not_after);
    (void) acm_time_text(cert->due_at, due);

    ngx_acm_metrics_step(h->amcf, step, cert);

    switch (step) {

    case ACM_STEP_ISSUED:
    case ACM_STEP_RENEWED:

        (void) ngx_atomic_fetch_add(step == ACM_STEP_ISSUED ? &shared->issued
                                    : &shared->renewed, 1);

        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "acm: certificate \"%s\" for \"%s\" %s: version %uD, "
                      "valid until %s, renewal at %s",
                      arn, cert->domain,
                      step == ACM_STEP_ISSUED ? "issued" : "renewed",
                      cert->version, not_after, due);
        break;

    case ACM_STEP_FAILED:

        (void) ngx_atomic_fetch_add(&shared->failed, 1);

        if (cert->status == ACM_STATUS_FAILED) {
            ngx_acm_helper_given_up(cert, arn, text, log);
            break;
        }

        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "acm: certificate \"%s\" for \"%s\" failed, attempt "
                      "%uD, next at %s: %s",
                      arn, cert->domain, cert->attempts, due, text);
        break;

    case ACM_STEP_IDLE:

        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "acm: certificate \"%s\" for \"%s\" %s and will not be "
                      "renewed", arn, cert->domain,
                      *text ? text : "is no longer configured");
        break;

    case ACM_STEP_SERVED:

        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "acm: certificate \"%s\" for \"%s\" is served again "
                      "and will be renewed", arn, cert->domain);
        break;

    case ACM_STEP_UNREVOKED:

        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "acm: certificate \"%s\" for \"%s\" is not revoked at "
                      "its CA: %s", arn, cert->domain, text);
        break;
    }
}
