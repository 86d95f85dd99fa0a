
/*
 * Copyright (C) The ngx_acm authors
 */


#include "ngx_acm_preflight.h"


#define NGX_ACM_PREFLIGHT_TIMEOUT  10000     /* milliseconds, the resolver */
#define NGX_ACM_PREFLIGHT_SERVER   5000      /* and one name server */


typedef struct {
    ngx_queue_t             queue;
    ngx_acm_conf_t         *amcf;
    acm_caa_t              *caa;             /* one of the two */
    acm_dns_check_t        *check;
    ngx_acm_preflight_pt    handler;
    void                   *data;
    ngx_log_t              *log;
} ngx_acm_preflight_t;


static ngx_int_t ngx_acm_preflight_start(ngx_acm_preflight_t *from,
    ngx_log_t *log);
static ngx_int_t ngx_acm_preflight_ask(ngx_acm_preflight_t *p);
static void ngx_acm_preflight_answer(void *data, acm_rc_t rc,
    const uint8_t *wire, size_t len, const char *why);
static ngx_int_t ngx_acm_preflight_result(ngx_acm_preflight_t *p,
    const char **text);


/* all that run; linked to itself at first use */

static ngx_queue_t  ngx_acm_preflights;


ngx_int_t
ngx_acm_preflight_caa(ngx_acm_conf_t *amcf, acm_caa_t *caa,
    ngx_acm_preflight_pt handler, void *data, ngx_log_t *log)
{
    ngx_acm_preflight_t  p;

    ngx_memzero(&p, sizeof(ngx_acm_preflight_t));

    p.amcf = amcf;
    p.caa = caa;
    p.handler = handler;
    p.data = data;

    return ngx_acm_preflight_start(&p, log);
}


ngx_int_t
ngx_acm_preflight_check(ngx_acm_conf_t *amcf, acm_dns_check_t *check,
    ngx_acm_preflight_pt handler, void *data, ngx_log_t *log)
{
    ngx_acm_preflight_t  p;

    ngx_memzero(&p, sizeof(ngx_acm_preflight_t));

    p.amcf = amcf;
    p.check = check;
    p.handler = handler;
    p.data = data;

    return ngx_acm_preflight_start(&p, log);
}


static ngx_int_t
ngx_acm_preflight_start(ngx_acm_preflight_t *from, ngx_log_t *log)
{
    ngx_int_t             rc;
    const char           *text;
    ngx_acm_preflight_t  *p;

    if (ngx_acm_preflights.next == NULL) {
        ngx_queue_init(&ngx_acm_preflights);
    }

    p = ngx_alloc(sizeof(ngx_acm_preflight_t), log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p = *from;
    p->log = log;
    ngx_queue_insert_tail(&ngx_acm_preflights, &p->queue);

    if (ngx_acm_preflight_ask(p) == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    /* final without a question; a failure of now is not told from "later" */

    rc = ngx_acm_preflight_result(p, &text);

    ngx_queue_remove(&p->queue);
    ngx_free(p);

    return (rc == NGX_AGAIN) ? NGX_ERROR : rc;
}


/* NGX_AGAIN: the answer will come; NGX_OK: the machine is at its end. */

static ngx_int_t
ngx_acm_preflight_ask(ngx_acm_preflight_t *p)
{
    ngx_msec_t     timeout;
    acm_dns_ask_t  ask;

    for ( ;; ) {
        if (p->caa != NULL) {
            ask.server = NULL;
            ask.name = acm_caa_next(p->caa);
            ask.type = ACM_DNS_CAA;

            if (ask.name == NULL) {
                return NGX_OK;
            }

        } else if (!acm_dns_check_next(p->check, &ask)) {
            return NGX_OK;
        }

        timeout = (ask.server == NULL) ? NGX_ACM_PREFLIGHT_TIMEOUT
                                       : NGX_ACM_PREFLIGHT_SERVER;

        if (ngx_acm_dns_query(p->amcf, ask.server, ask.name, ask.type,
                              timeout, ngx_acm_preflight_answer, p, p->log)
            == NGX_OK)
        {
            return NGX_AGAIN;
        }

        /* machines ask a bounded number of times */

        if (p->caa != NULL) {
            (void) acm_caa_answer(p->caa, ACM_ERROR, NULL, 0,
                                  "the query cannot be sent");

        } else {
            (void) acm_dns_check_answer(p->check, ACM_ERROR, NULL, 0,
                                        "the query cannot be sent");
        }
    }
}


static void
ngx_acm_preflight_answer(void *data, acm_rc_t rc, const uint8_t *wire,
    size_t len, const char *why)
{
    ngx_acm_preflight_t  *p = data;

    ngx_int_t    result;
    const char  *text;

    if (p->caa != NULL) {
        (void) acm_caa_answer(p->caa, rc, wire, len, why);

    } else {
        (void) acm_dns_check_answer(p->check, rc, wire, len, why);
    }

    if (ngx_acm_preflight_ask(p) == NGX_AGAIN) {
        return;
    }

    result = ngx_acm_preflight_result(p, &text);

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, p->log, 0,
                   "acm preflight: %i \"%s\"", result, text);

    ngx_queue_remove(&p->queue);

    p->handler(p->data, result, text);

    ngx_free(p);
}


static ngx_int_t
ngx_acm_preflight_result(ngx_acm_preflight_t *p, const char **text)
{
    if (p->caa != NULL) {
        *text = p->caa->text;

        switch (p->caa->state) {
        case ACM_CAA_ALLOWED:
            return NGX_OK;
        case ACM_CAA_DENIED:
            return NGX_DECLINED;
        case ACM_CAA_ASK:
        case ACM_CAA_FAILED:
            break;
        }

        return NGX_AGAIN;
    }

    *text = p->check->text;

    switch (p->check->state) {
    case ACM_CHECK_SEEN:
        return NGX_OK;
    case ACM_CHECK_FAILED:
        return NGX_DECLINED;
    case ACM_CHECK_ASK:
    case ACM_CHECK_WAIT:
        break;
    }

    return NGX_AGAIN;
}


void
ngx_acm_preflight_cancel(void *data)
{
    ngx_queue_t          *q, *next;
    ngx_acm_preflight_t  *p;

    if (ngx_acm_preflights.next == NULL) {
        return;
    }

    for (q = ngx_queue_head(&ngx_acm_preflights);
         q != ngx_queue_sentinel(&ngx_acm_preflights);
         q = next)
    {
        next = ngx_queue_next(q);
        p = ngx_queue_data(q, ngx_acm_preflight_t, queue);

        if (p->data == data) {
            ngx_acm_dns_cancel(p);
            ngx_queue_remove(&p->queue);
            ngx_free(p);
        }
    }
}
