
/*
 * Copyright (C) The ngx_acm authors
 *
 * The helper's orders over ACME: what they need of nginx, and what is said
 * of them in the log and to the status page.
 */


#include "ngx_acm.h"
#include "ngx_acm_check.h"
#include "ngx_acm_curl.h"
#include "ngx_acm_dns.h"
#include "ngx_acm_update.h"


typedef struct {
    ngx_acm_conf_t     *amcf;
    void              (*wake)(void *data);
    void              (*ended)(void *data);
    void              (*vacant)(void *data);
    void               *data;
    acm_transport_t     transport;
    acm_checker_t       checker;
} ngx_acm_acme_t;


static void ngx_acm_acme_after(void *data);
static void ngx_acm_acme_vacant(void *data);
static void ngx_acm_acme_report(void *data, acm_orders_e what,
    const acm_cert_t *cert, const acm_order_t *order, const char *text);
static void ngx_acm_acme_issued(ngx_acm_acme_t *acme, acm_orders_e what,
    const acm_cert_t *cert, const char *arn, ngx_log_t *log);
static void ngx_acm_acme_revoked(const acm_cert_t *cert, const char *arn,
    const char *due, const char *text, ngx_log_t *log);
static void ngx_acm_acme_session(void *data, const char *issuer, int trouble,
    const char *text);
static ngx_acm_trouble_t *ngx_acm_acme_place(ngx_acm_conf_t *amcf);


/* one in a process, as the helper */

static ngx_acm_acme_t  ngx_acm_acme;


acm_orders_t *
ngx_acm_acme_start(ngx_acm_conf_t *amcf, acm_keyring_t *ring,
    void (*wake)(void *data), void (*ended)(void *data),
    void (*vacant)(void *data), void *data, ngx_log_t *log)
{
    acm_err_t            err;
    ngx_uint_t           i;
    acm_orders_t        *orders;
    ngx_acm_acme_t      *acme;
    acm_orders_conf_t    conf;
    ngx_acm_issuer_t    *issuer;

    acme = &ngx_acm_acme;
    issuer = amcf->issuers.elts;

    for (i = 0; i < amcf->issuers.nelts; i++) {
        if (!issuer[i].ca) {
            break;
        }
    }

    if (i == amcf->issuers.nelts) {
        return NULL;
    }

    acme->amcf = amcf;
    acme->wake = wake;
    acme->ended = ended;
    acme->vacant = vacant;
    acme->data = data;

    if (ngx_acm_curl_init(&acme->transport, ngx_acm_acme_after, acme, log)
        != NGX_OK)
    {
        return NULL;
    }

    if (amcf->validation
        && acm_validation_zone_set(acm_keyring_store(ring),
                                   amcf->validation->name, &err)
           != ACM_OK)
    {
        ngx_log_error(NGX_LOG_CRIT, log, 0, "acm: %s", err.text);
    }

    ngx_acm_check_init(amcf, ring, &acme->transport, &acme->checker,
                       ngx_acm_acme_after, acme, log);

    ngx_memzero(&conf, sizeof(acm_orders_conf_t));

    conf.ring = ring;
    conf.issuers = amcf->engine_issuers;
    conf.nissuers = amcf->issuers.nelts;
    conf.transport = &acme->transport;
    conf.checker = &acme->checker;
    conf.committer = ngx_acm_commit_start(acm_keyring_store(ring),
                                          ngx_acm_acme_after, acme, log);
    conf.report = ngx_acm_acme_report;
    conf.session_report = ngx_acm_acme_session;
    conf.vacant = ngx_acm_acme_vacant;
    conf.data = acme;

    orders = acm_orders_new(&conf);

    if (orders == NULL) {
        ngx_acm_commit_stop();
        ngx_acm_curl_done();
    }

    return orders;
}


void
ngx_acm_acme_stop(acm_orders_t *orders)
{
    if (orders == NULL) {
        return;
    }

    ngx_acm_acme_exit(orders);

    acm_orders_free(orders);
    ngx_acm_commit_stop();
    ngx_acm_update_done();
    ngx_acm_dns_done();
    ngx_acm_curl_done();
}


void
ngx_acm_acme_exit(acm_orders_t *orders)
{
    acm_err_t  err;

    err.text[0] = '\0';

    if (orders != NULL && acm_orders_release(orders, &err) != ACM_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "acm: orders will wait after this, as after a crash: "
                      "%s", err.text);
    }
}


static void
ngx_acm_acme_after(void *data)
{
    ngx_acm_acme_t  *acme = data;

    acme->wake(acme->data);
}


static void
ngx_acm_acme_vacant(void *data)
{
    ngx_acm_acme_t  *acme = data;

    acme->vacant(acme->data);
}


static void
ngx_acm_acme_report(void *data, acm_orders_e what, const acm_cert_t *cert,
    const acm_order_t *order, const char *text)
{
    ngx_acm_acme_t  *acme = data;

    char         arn[ACM_MAX_ARN], due[32];
    ngx_log_t   *log;
    const char  *issuer;

    log = ngx_cycle->log;
    issuer = order ? order->issuer->name : cert->issued_by;

    (void) acm_arn_text(arn, cert->account, cert->region, cert->uuid);
    (void) acm_time_text(cert->due_at, due);

    ngx_acm_metrics_order(acme->amcf, what, order);

    switch (what) {

    case ACM_ORDERS_STARTED:
        return;

    case ACM_ORDERS_ISSUED:
    case ACM_ORDERS_RENEWED:
        ngx_acm_acme_issued(acme, what, cert, arn, log);
        break;

    case ACM_ORDERS_REHEARSED:
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "acm: certificate \"%s\" for \"%s\" works at the "
                      "staging directory of issuer \"%s\": ordered in "
                      "earnest now", arn, cert->domain, issuer);
        break;

    case ACM_ORDERS_FAILED:

        (void) ngx_atomic_fetch_add(&ngx_acm_shared(acme->amcf)->failed, 1);

        if (cert->status == ACM_STATUS_FAILED) {
            ngx_acm_helper_given_up(cert, arn, text, log);
            break;
        }

        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "acm: certificate \"%s\" for \"%s\" failed at issuer "
                      "\"%s\", attempt %uD, next at %s: %s",
                      arn, cert->domain, issuer, cert->attempts, due, text);
        break;

    case ACM_ORDERS_REVOKED:
    case ACM_ORDERS_UNREVOKED:
        ngx_acm_acme_revoked(cert, arn, due, text, log);
        break;

    case ACM_ORDERS_WINDOW:
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "acm: certificate \"%s\" for \"%s\": %s",
                      arn, cert->domain, text);
        break;
    }

    if (order) {
        acme->ended(acme->data);
    }
}


static void
ngx_acm_acme_issued(ngx_acm_acme_t *acme, acm_orders_e what,
    const acm_cert_t *cert, const char *arn, ngx_log_t *log)
{
    char               not_after[32], renew[32];
    ngx_acm_shared_t  *shared;

    shared = ngx_acm_shared(acme->amcf);

    (void) acm_time_text(cert->not_after, not_after);
    (void) acm_time_text(cert->renew_at, renew);

    (void) ngx_atomic_fetch_add(what == ACM_ORDERS_ISSUED ? &shared->issued
                                : &shared->renewed, 1);

    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "acm: certificate \"%s\" for \"%s\" %s by issuer \"%s\": "
                  "version %uD, valid until %s, renewal at %s, %uD SCTs",
                  arn, cert->domain,
                  what == ACM_ORDERS_ISSUED ? "issued" : "renewed",
                  cert->issued_by, cert->version, not_after, renew,
                  cert->scts);
}


static void
ngx_acm_acme_revoked(const acm_cert_t *cert, const char *arn,
    const char *due, const char *text, ngx_log_t *log)
{
    switch (cert->revoking) {

    case ACM_REVOKING_DONE:
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "acm: certificate \"%s\" for \"%s\", serial number %s: "
                      "revoked by issuer \"%s\"",
                      arn, cert->domain, cert->serial, cert->issued_by);
        break;

    case ACM_REVOKING_REFUSED:
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "acm: certificate \"%s\" for \"%s\", serial number %s: "
                      "issuer \"%s\" refuses to revoke it: %s",
                      arn, cert->domain, cert->serial, cert->issued_by, text);
        break;

    default:
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "acm: certificate \"%s\" for \"%s\", serial number %s: "
                      "not revoked yet by issuer \"%s\", attempt %uD, next "
                      "at %s: %s",
                      arn, cert->domain, cert->serial, cert->issued_by,
                      cert->attempts, due, text);
        break;
    }
}


static void
ngx_acm_acme_session(void *data, const char *issuer, int trouble,
    const char *text)
{
    ngx_acm_acme_t  *acme = data;

    ngx_uint_t          level;
    ngx_acm_trouble_t  *t;

    level = NGX_LOG_NOTICE;

    if (trouble) {
        level = NGX_LOG_WARN;
    }

    ngx_log_error(level, ngx_cycle->log, 0, "acm: issuer \"%s\": %s", issuer,
                  text);

    t = ngx_acm_acme_trouble(acme->amcf, issuer);

    if (t == NULL && trouble) {
        t = ngx_acm_acme_place(acme->amcf);
    }

    if (t == NULL) {
        return;
    }

    t->at = 0;
    ngx_memory_barrier();

    ngx_cpystrn((u_char *) t->name, (u_char *) issuer, sizeof(t->name));
    ngx_cpystrn(t->text, (u_char *) text, NGX_ACM_MAX_TROUBLE);

    ngx_memory_barrier();
    t->at = trouble ? (ngx_atomic_uint_t) ngx_time() : 0;
}


ngx_acm_trouble_t *
ngx_acm_acme_trouble(ngx_acm_conf_t *amcf, const char *issuer)
{
    ngx_uint_t          i;
    ngx_acm_trouble_t  *t;

    t = ngx_acm_shared(amcf)->troubles;

    for (i = 0; i < NGX_ACM_MAX_ISSUERS; i++) {
        if (t[i].at && ngx_strcmp(t[i].name, issuer) == 0) {
            return &t[i];
        }
    }

    return NULL;
}


/* A free one, or that of an issuer that is configured no more. */

static ngx_acm_trouble_t *
ngx_acm_acme_place(ngx_acm_conf_t *amcf)
{
    ngx_str_t           name;
    ngx_uint_t          i;
    ngx_acm_trouble_t  *t, *place;

    t = ngx_acm_shared(amcf)->troubles;
    place = NULL;

    for (i = 0; i < NGX_ACM_MAX_ISSUERS; i++) {

        if (t[i].at == 0) {
            return &t[i];
        }

        name.data = (u_char *) t[i].name;
        name.len = ngx_strlen(t[i].name);

        if (ngx_acm_issuer_find(amcf, &name) == NULL) {
            place = &t[i];
        }
    }

    return place;
}
