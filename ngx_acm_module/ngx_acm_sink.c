
/*
 * Copyright (C) The ngx_acm authors
 *
 * Deliveries, in the helper: takes letters from the outbox to sinks, each of
 * which goes at its own pace.  What was delivered is written a moment later,
 * many at a time.
 */


#include <openssl/rand.h>

#include "ngx_acm_sink.h"


#define NGX_ACM_SINK_FLUSH   200             /* milliseconds */
#define NGX_ACM_SINK_TURNS   4               /* of one sink, at a time */
#define NGX_ACM_SINK_TIDY    60              /* seconds */
#define NGX_ACM_SINK_FAULT   5               /* seconds, of the store */
#define NGX_ACM_SINK_LOG     60              /* seconds between its faults */


typedef struct {
    ngx_int_t          (*deliver)(ngx_acm_sink_t *s);
    void               (*stop)(ngx_acm_sink_t *s);
    size_t               max;                /* letters at a time */
} ngx_acm_sink_kind_t;


typedef struct {
    acm_outbox_t        *outbox;             /* NULL: not started */
    ngx_acm_conf_t      *amcf;
    acm_transport_t      transport;
    ngx_acm_sink_t      *sinks;
    ngx_uint_t           n;
    ngx_event_t          timer;
    void                *ident[4];           /* what its log reads */
    void               (*wake)(void *data);
    void                *data;
    ngx_log_t           *log;
    time_t               tidy;               /* not before */
    time_t               fault;              /* nothing before */
    time_t               logged;
    unsigned             curl:1;
} ngx_acm_sinks_t;


static ngx_int_t ngx_acm_sink_outbox(ngx_acm_sinks_t *all,
    acm_err_t *err);
static ngx_uint_t ngx_acm_sink_next(ngx_acm_sinks_t *all, ngx_acm_sink_t *s);
static void ngx_acm_sink_soon(ngx_acm_sinks_t *all);
static void ngx_acm_sink_flush(ngx_acm_sinks_t *all, ngx_uint_t now);
static void ngx_acm_sink_timer(ngx_event_t *ev);
static void ngx_acm_sink_tidy(ngx_acm_sinks_t *all);
static void ngx_acm_sink_store_fault(ngx_acm_sinks_t *all, acm_rc_t rc,
    acm_err_t *err);
static void ngx_acm_sink_note(void *data, acm_outbox_note_e note,
    const char *sink, uint64_t n, const char *text);


/* in the order of ngx_acm_sink_e */

static ngx_acm_sink_kind_t  ngx_acm_sink_kinds[] = {
    { ngx_acm_sink_file, NULL, ACM_OUTBOX_WINDOW },
    { ngx_acm_sink_syslog, ngx_acm_sink_file_stop, ACM_OUTBOX_WINDOW },
    { ngx_acm_sink_http, ngx_acm_sink_http_stop, 1 },
    { ngx_acm_sink_mail, ngx_acm_sink_mail_stop, 1 },
    { ngx_acm_sink_exec, ngx_acm_sink_exec_stop, 1 },
    { ngx_acm_sink_eventbridge, ngx_acm_sink_http_stop, ACM_MAX_PUT_EVENTS }
};


/* one in a process, as the helper */

static ngx_acm_sinks_t  ngx_acm_sinks;


ngx_int_t
ngx_acm_sink_start(ngx_acm_conf_t *amcf, acm_store_t *store,
    void (*wake)(void *data), void *data, ngx_log_t *log)
{
    uint64_t              seed;
    acm_err_t             err;
    ngx_uint_t            i;
    ngx_acm_sinks_t      *all;
    ngx_acm_sink_conf_t  *conf;

    all = &ngx_acm_sinks;

    if (all->outbox) {
        return NGX_OK;
    }

    if (ngx_time() < all->fault) {
        return NGX_DECLINED;
    }

    all->amcf = amcf;
    all->wake = wake;
    all->data = data;
    all->log = log;
    all->n = amcf->sinks ? amcf->sinks->nelts : 0;
    all->tidy = 0;

    conf = amcf->sinks ? amcf->sinks->elts : NULL;

    if (all->n) {
        all->sinks = ngx_calloc(all->n * sizeof(ngx_acm_sink_t), log);

        if (all->sinks == NULL || RAND_bytes((u_char *) &seed, 8) != 1
            || ngx_acm_curl_init(&all->transport, wake, data, log) != NGX_OK)
        {
            ngx_acm_sink_stop();
            return NGX_ERROR;
        }

        all->curl = 1;

    } else {
        seed = 1;
    }

    for (i = 0; i < all->n; i++) {
        all->sinks[i].conf = &conf[i];
        all->sinks[i].index = i;
        acm_buf_init(&all->sinks[i].text, ACM_OUTBOX_WINDOW
                                          * ACM_MAX_SINK_BODY);
    }

    all->outbox = acm_outbox_new(store, seed, ngx_acm_sink_note, all);

    if (all->outbox == NULL || ngx_acm_sink_outbox(all, &err) != NGX_OK) {
        ngx_acm_sink_stop();
        return NGX_ERROR;
    }

    ngx_memzero(&all->timer, sizeof(ngx_event_t));

    all->ident[3] = (void *) -1;
    all->timer.handler = ngx_acm_sink_timer;
    all->timer.data = all->ident;
    all->timer.log = log;
    all->timer.cancelable = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_acm_sink_outbox(ngx_acm_sinks_t *all, acm_err_t *err)
{
    acm_rc_t             rc;
    ngx_uint_t           i;
    acm_outbox_conf_t    conf;

    for (i = 0; i < all->n; i++) {
        conf.name = (char *) all->sinks[i].conf->name.data;
        conf.expire = all->sinks[i].conf->expire;
        conf.kinds = all->sinks[i].conf->kinds;

        rc = acm_outbox_add(all->outbox, &conf);

        if (rc != ACM_OK) {
            (void) acm_fail(err, rc, "event sink \"%s\": %s", conf.name,
                            acm_rc_text(rc));
            ngx_acm_sink_store_fault(all, rc, err);
            return NGX_ERROR;
        }
    }

    rc = acm_outbox_begin(all->outbox, acm_now(), err);

    if (rc != ACM_OK) {
        ngx_acm_sink_store_fault(all, rc, err);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_acm_sink_stop(void)
{
    ngx_uint_t        i;
    ngx_acm_sink_t   *s;
    ngx_acm_sinks_t  *all;

    all = &ngx_acm_sinks;

    for (i = 0; all->sinks && i < all->n; i++) {
        s = &all->sinks[i];

        if (s->conf == NULL) {
            continue;
        }

        if (ngx_acm_sink_kinds[s->conf->type].stop) {
            ngx_acm_sink_kinds[s->conf->type].stop(s);
        }

        ngx_acm_sink_untake(s);
        acm_buf_free(&s->text);
    }

    if (all->outbox) {
        ngx_acm_sink_flush(all, 1);
        acm_outbox_free(all->outbox);
        all->outbox = NULL;
    }

    if (all->timer.timer_set) {
        ngx_del_timer(&all->timer);
    }

    if (all->curl) {
        ngx_acm_curl_done();
        all->curl = 0;
    }

    if (all->sinks) {
        ngx_free(all->sinks);
        all->sinks = NULL;
    }

    all->n = 0;
}


void
ngx_acm_sink_run(ngx_log_t *log)
{
    ngx_uint_t        i, n, more;
    ngx_acm_sinks_t  *all;

    all = &ngx_acm_sinks;

    if (all->outbox == NULL || ngx_time() < all->fault) {
        return;
    }

    all->log = log;
    more = 0;

    for (i = 0; i < all->n && ngx_time() >= all->fault; i++) {

        for (n = 0; n < NGX_ACM_SINK_TURNS; n++) {
            if (!ngx_acm_sink_next(all, &all->sinks[i])) {
                break;
            }
        }

        more |= (n == NGX_ACM_SINK_TURNS);
    }

    ngx_acm_sink_flush(all, 0);

    if (ngx_time() >= all->tidy) {
        ngx_acm_sink_tidy(all);
    }

    if (more && ngx_time() >= all->fault) {
        ngx_acm_sink_soon(all);
    }
}


/* Behind whatever else waits. */

static void
ngx_acm_sink_soon(ngx_acm_sinks_t *all)
{
    /* nginx leaves a timer as it is if the change is small */

    if (all->timer.timer_set) {
        ngx_del_timer(&all->timer);
    }

    ngx_add_timer(&all->timer, 1);
}


/* 1: something was delivered, and there may be more. */

static ngx_uint_t
ngx_acm_sink_next(ngx_acm_sinks_t *all, ngx_acm_sink_t *s)
{
    acm_rc_t              rc;
    acm_err_t             err;
    ngx_acm_sink_kind_t  *kind;

    if (s->n) {
        return 0;
    }

    kind = &ngx_acm_sink_kinds[s->conf->type];

    rc = acm_outbox_take(all->outbox, s->index, kind->max, acm_now(),
                         s->letters, &s->n, &err);

    if (rc != ACM_OK) {
        ngx_acm_sink_store_fault(all, rc, &err);
        return 0;
    }

    if (s->n == 0) {
        return 0;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, all->log, 0,
                   "acm sink: %uz events for \"%V\"", s->n, &s->conf->name);

    s->text.len = 0;

    if (kind->deliver(s) == NGX_AGAIN) {
        return 0;
    }

    ngx_acm_sink_results(s, ACM_SINK_FAILED, "no memory");
    s->n = 0;

    return 1;
}


void
ngx_acm_sink_result(ngx_acm_sink_t *s, size_t i, acm_sink_e result,
    const char *why)
{
    if (s->letters[i]) {
        acm_outbox_done(ngx_acm_sinks.outbox, s->index, s->letters[i],
                        result, why, acm_now());
        s->letters[i] = NULL;
    }
}


void
ngx_acm_sink_results(ngx_acm_sink_t *s, acm_sink_e result, const char *why)
{
    size_t  i;

    for (i = 0; i < s->n; i++) {
        ngx_acm_sink_result(s, i, result, why);
    }
}


void
ngx_acm_sink_untake(ngx_acm_sink_t *s)
{
    size_t  i;

    for (i = 0; i < s->n; i++) {
        if (s->letters[i]) {
            acm_outbox_untake(ngx_acm_sinks.outbox, s->index, s->letters[i]);
            s->letters[i] = NULL;
        }
    }
}


void
ngx_acm_sink_wait(ngx_acm_sink_t *s, int64_t seconds)
{
    acm_outbox_wait(ngx_acm_sinks.outbox, s->index, seconds, acm_now());
}


void
ngx_acm_sink_ended(ngx_acm_sink_t *s)
{
    ngx_acm_sinks_t  *all;

    all = &ngx_acm_sinks;

    ngx_acm_sink_results(s, ACM_SINK_FAILED, "no memory");
    s->n = 0;

    if (ngx_quit || ngx_terminate) {
        return;
    }

    ngx_acm_sink_flush(all, 0);

    if (ngx_time() >= all->fault && ngx_acm_sink_next(all, s)) {
        ngx_acm_sink_soon(all);
    }
}


/* Soon, and not one by one. */

static void
ngx_acm_sink_flush(ngx_acm_sinks_t *all, ngx_uint_t now)
{
    size_t     n;
    acm_rc_t   rc;
    acm_err_t  err;

    n = acm_outbox_unwritten(all->outbox);

    if (n == 0) {
        return;
    }

    if (!now && n < ACM_OUTBOX_WINDOW) {

        if (!all->timer.timer_set) {
            ngx_add_timer(&all->timer, NGX_ACM_SINK_FLUSH);
        }

        return;
    }

    rc = acm_outbox_flush(all->outbox, acm_now(), &err);

    if (rc != ACM_OK) {
        ngx_acm_sink_store_fault(all, rc, &err);
    }
}


static void
ngx_acm_sink_timer(ngx_event_t *ev)
{
    ngx_acm_sinks_t  *all;

    all = &ngx_acm_sinks;

    if (all->outbox == NULL || ngx_time() < all->fault) {
        return;
    }

    ngx_acm_sink_flush(all, 1);

    if (!ngx_quit && !ngx_terminate) {
        ngx_acm_sink_run(ev->log);
    }
}


static void
ngx_acm_sink_tidy(ngx_acm_sinks_t *all)
{
    int        more;
    acm_rc_t   rc;
    acm_err_t  err;

    rc = acm_outbox_tidy(all->outbox, acm_now(), &more, &err);

    if (rc != ACM_OK) {
        ngx_acm_sink_store_fault(all, rc, &err);
        return;
    }

    /* the rest comes with the next turns */

    all->tidy = more ? 0 : ngx_time() + NGX_ACM_SINK_TIDY;
}


void
ngx_acm_sink_exit(void)
{
    acm_err_t  err;

    if (ngx_acm_sinks.outbox) {
        (void) acm_outbox_flush(ngx_acm_sinks.outbox, acm_now(), &err);
    }
}


static void
ngx_acm_sink_store_fault(ngx_acm_sinks_t *all, acm_rc_t rc, acm_err_t *err)
{
    all->fault = ngx_time() + NGX_ACM_SINK_FAULT;

    if (ngx_time() - all->logged >= NGX_ACM_SINK_LOG) {
        all->logged = ngx_time();

        ngx_log_error(NGX_LOG_CRIT, all->log, 0,
                      "acm: events are not delivered: %s: %s; trying again",
                      acm_rc_text(rc), err->text);
    }
}


static void
ngx_acm_sink_note(void *data, acm_outbox_note_e note, const char *sink,
    uint64_t n, const char *text)
{
    ngx_acm_sinks_t *all = data;

    switch (note) {

    case ACM_OUTBOX_DOWN:
        ngx_log_error(NGX_LOG_WARN, all->log, 0,
                      "acm: event sink \"%s\" failed: %s; trying again",
                      sink, text);
        break;

    case ACM_OUTBOX_UP:
        ngx_log_error(NGX_LOG_NOTICE, all->log, 0,
                      "acm: event sink \"%s\" works again, after %uL failures",
                      sink, n);
        break;

    case ACM_OUTBOX_DEAD:
        ngx_log_error(NGX_LOG_ERR, all->log, 0,
                      "acm: event sink \"%s\": %uL events became dead "
                      "letters: %s; see \"acmctl events --sink %s --dead\"",
                      sink, n, text, sink);
        break;

    case ACM_OUTBOX_OVERFLOW:
        ngx_log_error(NGX_LOG_CRIT, all->log, 0,
                      "acm: the outbox is full, over %d events: the %uL "
                      "oldest became dead letters of event sink \"%s\", "
                      "which takes none", ACM_MAX_OUTBOX, n, sink);
        break;

    case ACM_OUTBOX_DROPPED:
        ngx_log_error(NGX_LOG_ERR, all->log, 0,
                      "acm: event sink \"%s\" has over %d dead letters: "
                      "the %uL oldest were dropped", sink, ACM_MAX_DEAD, n);
        break;

    case ACM_OUTBOX_BROKEN:
        ngx_log_error(NGX_LOG_ERR, all->log, 0,
                      "acm: event number %uL for event sink \"%s\": %s",
                      n, sink, text);
        break;

    case ACM_OUTBOX_FORGOTTEN:
        ngx_log_error(NGX_LOG_NOTICE, all->log, 0,
                      "acm: event sink \"%s\" was removed %d days ago and is "
                      "forgotten", sink, ACM_SINK_FORGET / 86400);
        break;

    case ACM_OUTBOX_DAMAGED:
        ngx_log_error(NGX_LOG_ERR, all->log, 0,
                      "acm: the record of event sink \"%s\" was damaged and "
                      "is written anew%s", sink,
                      n ? ": the sink gets all events that are kept, some "
                          "maybe once more" : "");
        break;
    }
}


ngx_acm_smtp_t *
ngx_acm_sink_smtp(void)
{
    return ngx_acm_sinks.amcf->smtp;
}


acm_transport_t *
ngx_acm_sink_transport(void)
{
    return &ngx_acm_sinks.transport;
}
