
/*
 * Copyright (C) The ngx_acm authors
 *
 * One name after the other: CAA, then the address or the CNAME that its
 * challenge needs; later, whether the answer to the challenge is seen.
 */


#include "ngx_acm_check.h"
#include "ngx_acm_preflight.h"
#include "ngx_acm_update.h"


#define NGX_ACM_CHECK_TIMEOUT  5000      /* milliseconds, port 80 */
#define NGX_ACM_CHECK_LIMIT    60000     /* without answers, of all names */
#define NGX_ACM_CHECK_PATH  "/.well-known/acme-challenge/"
/* no TXT value: only the way to it is looked at */
#define NGX_ACM_CHECK_NONE  "-------------------------------------------"


typedef enum {
    NGX_ACM_CHECK_CAA = 0,               /* of an answer: the update */
    NGX_ACM_CHECK_RECORD,                /* address, CNAME, the answer */
    NGX_ACM_CHECK_FETCH,                 /* the answer, by http */
    NGX_ACM_CHECK_NEXT
} ngx_acm_check_e;


typedef struct {
    acm_preflight_t     *preflight;
    ngx_uint_t           name;           /* of the order, or authorization */
    ngx_msec_t           start;
    ngx_acm_check_e      step;
    acm_rc_t             worst;
    acm_caa_t            caa;
    acm_dns_check_t      dns;
    acm_http_t          *http;
    char                 host[2 * sizeof("_acme-challenge.") + ACM_MAX_NAME];
    char                 target[ACM_LABEL_LEN + 1 + ACM_MAX_NAME + 1];
    char                 alias[2 * ACM_MAX_DNS_NAME];
    char                 value[ACM_THUMBPRINT_LEN + 1];
    char                 address[ACM_DNS_ADDR_LEN];
    char                 cas[ACM_MAX_PERSIST_CAS];
    char                 persist[ACM_MAX_PERSIST];
    unsigned             dns_used:1;
    ngx_event_t          event;
} ngx_acm_check_t;


static acm_rc_t ngx_acm_check_start(void *data, acm_preflight_t *preflight,
    acm_err_t *err);
static void ngx_acm_check_cancel(void *data, acm_preflight_t *preflight);
static void ngx_acm_check_posted(ngx_event_t *ev);
static void ngx_acm_check_run(ngx_acm_check_t *check);
static ngx_int_t ngx_acm_check_before(ngx_acm_check_t *check);
static ngx_int_t ngx_acm_check_caa(ngx_acm_check_t *check,
    const char *name);
static ngx_int_t ngx_acm_check_record(ngx_acm_check_t *check,
    const char *name);
static ngx_int_t ngx_acm_check_answer(ngx_acm_check_t *check);
static ngx_int_t ngx_acm_check_update(ngx_acm_check_t *check,
    const acm_order_authz_t *a);
static void ngx_acm_check_updated(void *data, acm_rc_t rc, const char *why);
static ngx_int_t ngx_acm_check_dns(ngx_acm_check_t *check, const char *name,
    acm_method_e method, const char *value);
static ngx_int_t ngx_acm_check_persist(ngx_acm_check_t *check,
    const char *name, const char *cas);
static ngx_int_t ngx_acm_check_ask(ngx_acm_check_t *check);
static ngx_int_t ngx_acm_check_locate(ngx_acm_check_t *check,
    const acm_order_authz_t *a);
static void ngx_acm_check_located(void *data, ngx_int_t rc,
    const char *text);
static ngx_int_t ngx_acm_check_http(ngx_acm_check_t *check,
    const acm_order_authz_t *a);
static void ngx_acm_check_fetched(acm_http_t *http);
static void ngx_acm_check_done(void *data, ngx_int_t rc, const char *text);
static void ngx_acm_check_note(ngx_acm_check_t *check, ngx_int_t rc,
    const char *text);
static const char *ngx_acm_check_name(ngx_acm_check_t *check);
static void ngx_acm_check_end(ngx_acm_check_t *check);
static void ngx_acm_check_free(ngx_acm_check_t *check);
static acm_method_e ngx_acm_check_method(ngx_acm_check_t *check,
    const char *name);


/* one in a process, as the helper */

static ngx_acm_checker_t  ngx_acm_checker;


void
ngx_acm_check_init(ngx_acm_conf_t *amcf, acm_keyring_t *ring,
    acm_transport_t *transport, acm_checker_t *checker,
    void (*after)(void *data), void *data, ngx_log_t *log)
{
    ngx_acm_checker.amcf = amcf;
    ngx_acm_checker.ring = ring;
    ngx_acm_checker.transport = transport;
    ngx_acm_checker.after = after;
    ngx_acm_checker.data = data;
    ngx_acm_checker.log = log;

    ngx_memzero(checker, sizeof(acm_checker_t));

    checker->start = ngx_acm_check_start;
    checker->cancel = ngx_acm_check_cancel;
    checker->clean = ngx_acm_check_clean;
    checker->data = &ngx_acm_checker;
}


static acm_rc_t
ngx_acm_check_start(void *data, acm_preflight_t *preflight, acm_err_t *err)
{
    ngx_acm_check_t  *check;

    check = acm_calloc(1, sizeof(ngx_acm_check_t));

    if (check == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for a check");
    }

    check->preflight = preflight;
    check->start = ngx_current_msec;
    check->event.handler = ngx_acm_check_posted;
    check->event.data = check;
    check->event.log = ngx_acm_checker.log;

    preflight->handle = check;

    /* done must not be called from within */

    ngx_post_event(&check->event, &ngx_posted_events);

    return ACM_OK;
}


static void
ngx_acm_check_cancel(void *data, acm_preflight_t *preflight)
{
    if (preflight->handle) {
        ngx_acm_check_free(preflight->handle);
        preflight->handle = NULL;
    }
}


static void
ngx_acm_check_posted(ngx_event_t *ev)
{
    ngx_acm_check_run(ev->data);
}


/* Goes on until something has to be waited for, or all is looked at. */

static void
ngx_acm_check_run(ngx_acm_check_t *check)
{
    ngx_int_t  rc;

    for ( ;; ) {
        rc = (check->preflight->stage == ACM_PREFLIGHT_BEFORE)
             ? ngx_acm_check_before(check) : ngx_acm_check_answer(check);

        if (rc == NGX_AGAIN) {
            return;
        }

        if (rc == NGX_DONE) {
            ngx_acm_check_end(check);
            return;
        }
    }
}


static const char *
ngx_acm_check_name(ngx_acm_check_t *check)
{
    const acm_order_t  *order;

    order = check->preflight->order;

    if (check->preflight->stage == ACM_PREFLIGHT_BEFORE) {
        return order->rec.names[check->name];
    }

    return order->authz[check->name].name;
}


static ngx_int_t
ngx_acm_check_before(ngx_acm_check_t *check)
{
    const char  *name;

    if (check->name == check->preflight->order->rec.nnames) {
        return NGX_DONE;
    }

    /* a resolver that is dead is so for the rest of the names too */

    if (check->worst != ACM_OK
        && ngx_current_msec - check->start > NGX_ACM_CHECK_LIMIT)
    {
        return NGX_DONE;
    }

    name = ngx_acm_check_name(check);

    switch (check->step) {

    case NGX_ACM_CHECK_CAA:
        check->step = NGX_ACM_CHECK_RECORD;
        return ngx_acm_check_caa(check, name);

    case NGX_ACM_CHECK_RECORD:
        check->step = NGX_ACM_CHECK_NEXT;
        return ngx_acm_check_record(check, name);

    case NGX_ACM_CHECK_FETCH:
    case NGX_ACM_CHECK_NEXT:
        check->step = NGX_ACM_CHECK_CAA;
        check->name++;
        break;
    }

    return NGX_OK;
}


/* An address has no CAA: RFC 8738 leaves it out. */

static ngx_int_t
ngx_acm_check_caa(ngx_acm_check_t *check, const char *name)
{
    ngx_int_t               rc;
    const char             *method;
    const acm_order_t      *order;
    const acm_directory_t  *d;

    d = check->preflight->directory;
    order = check->preflight->order;

    if (d == NULL || acm_name_is_ip(name, ngx_strlen(name))) {
        return NGX_OK;
    }

    /* of several methods any may be allowed */

    method = NULL;

    if (order->rec.only != ACM_METHOD_NONE) {
        method = acm_method_text((acm_method_e) order->rec.only);

    } else if (order->issuer->nmethods == 1) {
        method = acm_method_text(order->issuer->methods[0]);
    }

    if (acm_caa_init(&check->caa, name, name[0] == '*', d->identities,
                     d->nidentities, check->preflight->account, method)
        != ACM_OK)
    {
        return NGX_OK;
    }

    rc = ngx_acm_preflight_caa(ngx_acm_checker.amcf, &check->caa,
                               ngx_acm_check_done, check,
                               ngx_acm_checker.log);

    if (rc != NGX_AGAIN) {
        ngx_acm_check_note(check, rc, check->caa.text);
        return NGX_OK;
    }

    return NGX_AGAIN;
}


/* The method that is taken on first, of those that the name can have. */

static acm_method_e
ngx_acm_check_method(ngx_acm_check_t *check, const char *name)
{
    size_t               i;
    acm_method_e         method;
    const acm_order_t   *order;
    const acm_issuer_t  *issuer;

    order = check->preflight->order;
    issuer = order->issuer;

    if (order->rec.only != ACM_METHOD_NONE) {
        return (acm_method_e) order->rec.only;
    }

    for (i = 0; i < issuer->nmethods; i++) {
        method = issuer->methods[(i + order->rec.method) % issuer->nmethods];

        if (name[0] != '*' || (method != ACM_METHOD_HTTP_01
                               && method != ACM_METHOD_TLS_ALPN_01))
        {
            return method;
        }
    }

    return ACM_METHOD_NONE;
}


static ngx_int_t
ngx_acm_check_record(ngx_acm_check_t *check, const char *name)
{
    acm_method_e  method;

    method = ngx_acm_check_method(check, name);

    switch (method) {

    case ACM_METHOD_NONE:
        return NGX_OK;

    case ACM_METHOD_DNS_PERSIST_01:
        return ngx_acm_check_persist(check, name, NULL);

    case ACM_METHOD_DNS_01:
    case ACM_METHOD_DNS_ACCOUNT_01:
        return ngx_acm_check_dns(check, name, method, NGX_ACM_CHECK_NONE);

    case ACM_METHOD_HTTP_01:
    case ACM_METHOD_TLS_ALPN_01:
        break;
    }

    if (acm_name_is_ip(name, ngx_strlen(name))
        || acm_dns_addresses(&check->dns, name) != ACM_OK)
    {
        return NGX_OK;
    }

    return ngx_acm_check_ask(check);
}


static ngx_int_t
ngx_acm_check_ask(ngx_acm_check_t *check)
{
    ngx_int_t  rc;

    check->dns_used = 1;

    rc = ngx_acm_preflight_check(ngx_acm_checker.amcf, &check->dns,
                                 ngx_acm_check_done, check,
                                 ngx_acm_checker.log);

    if (rc != NGX_AGAIN) {
        ngx_acm_check_note(check, rc, check->dns.text);
        return NGX_OK;
    }

    return NGX_AGAIN;
}


/*
 * cas: names of the CA in the challenge; NULL: before there is one, when any
 * record of our account will do, and the directory has a name for the text.
 */

static ngx_int_t
ngx_acm_check_persist(ngx_acm_check_t *check, const char *name,
    const char *cas)
{
    size_t                  i;
    acm_persist_t           p;
    const acm_directory_t  *d;
    const acm_order_rec_t  *rec;

    d = check->preflight->directory;
    rec = &check->preflight->order->rec;

    ngx_memzero(&p, sizeof(acm_persist_t));

    check->cas[0] = '\0';

    for (i = 0; cas == NULL && d != NULL && i < d->nidentities; i++) {
        acm_persist_add(check->cas, d->identities[i]);
    }

    p.cas = (cas == NULL) ? check->cas : cas;
    p.account = check->preflight->account;
    p.now = acm_now();

    /* one record serves the name and its wildcard */

    name += (name[0] == '*') ? 2 : 0;

    for (i = 0; i < rec->nnames; i++) {
        if (rec->names[i][0] == '*' && ngx_strcmp(rec->names[i] + 2, name)
                                       == 0)
        {
            p.wildcard = 1;
        }
    }

    if (acm_persist_value(&p, check->persist) != ACM_OK
        || acm_method_host(ACM_METHOD_DNS_PERSIST_01, name, NULL,
                           check->host, sizeof(check->host))
           != ACM_OK)
    {
        return NGX_OK;
    }

    if (cas == NULL) {
        p.cas = "";
    }

    if (acm_dns_check_persist(&check->dns, check->host, &p, check->persist)
        != ACM_OK)
    {
        return NGX_OK;
    }

    return ngx_acm_check_ask(check);
}


/* value: what is to be seen, or only the way to it */

static ngx_int_t
ngx_acm_check_dns(ngx_acm_check_t *check, const char *name,
    acm_method_e method, const char *value)
{
    char             label[ACM_LABEL_LEN + 1];
    acm_err_t        err;
    ngx_acm_conf_t  *amcf;
    const char      *target;

    amcf = ngx_acm_checker.amcf;
    target = NULL;

    if (acm_method_host(method, name, check->preflight->account, check->host,
                        sizeof(check->host))
        != ACM_OK)
    {
        return NGX_OK;
    }

    if (ngx_acm_update_zone(amcf, check->host)) {
        target = ngx_acm_update_alias(amcf, check->host, check->alias);

    } else if (amcf->validation) {

        if (acm_validation_ensure(acm_keyring_store(ngx_acm_checker.ring),
                                  check->preflight->order->rec.account, name,
                                  acm_now(), label, &err)
            != ACM_OK)
        {
            return NGX_OK;
        }

        *ngx_snprintf((u_char *) check->target, sizeof(check->target) - 1,
                      "%s.%s", label, amcf->validation->name)
            = '\0';
        target = check->target;
    }

    if (acm_dns_check_txt(&check->dns, check->host, target, value)
        != ACM_OK)
    {
        return NGX_OK;
    }

    return ngx_acm_check_ask(check);
}


static ngx_int_t
ngx_acm_check_answer(ngx_acm_check_t *check)
{
    ngx_int_t                 rc;
    const acm_order_t        *order;
    const acm_order_authz_t  *a;

    order = check->preflight->order;

    if (check->name == order->nauthz
        || acm_session_thumbprint(order->session) == NULL)
    {
        return NGX_DONE;
    }

    a = &order->authz[check->name];

    if (a->valid) {
        check->step = NGX_ACM_CHECK_NEXT;
    }

    switch (check->step) {

    case NGX_ACM_CHECK_CAA:
        check->step = NGX_ACM_CHECK_RECORD;
        return ngx_acm_check_update(check, a);

    case NGX_ACM_CHECK_RECORD:
        check->step = NGX_ACM_CHECK_NEXT;

        if (!order->issuer->preflight) {
            return NGX_OK;
        }

        if (a->method == ACM_METHOD_DNS_PERSIST_01) {
            return ngx_acm_check_persist(check, a->name, a->cas);
        }

        rc = ngx_acm_check_value(order, a, check->value);

        if (rc == NGX_OK) {
            return ngx_acm_check_dns(check, a->name, a->method,
                                     check->value);
        }

        if (a->method != ACM_METHOD_HTTP_01) {
            return NGX_OK;
        }

        check->step = NGX_ACM_CHECK_FETCH;
        return ngx_acm_check_locate(check, a);

    case NGX_ACM_CHECK_FETCH:
        check->step = NGX_ACM_CHECK_NEXT;
        return ngx_acm_check_http(check, a);

    case NGX_ACM_CHECK_NEXT:
        check->step = NGX_ACM_CHECK_CAA;
        check->name++;
        break;
    }

    return NGX_OK;
}


ngx_int_t
ngx_acm_check_value(const acm_order_t *order, const acm_order_authz_t *a,
    char *value)
{
    char         auth[ACM_MAX_KEY_AUTH + 1];
    acm_err_t    err;
    const char  *thumbprint;

    if (a->method != ACM_METHOD_DNS_01
        && a->method != ACM_METHOD_DNS_ACCOUNT_01)
    {
        return NGX_DECLINED;
    }

    thumbprint = acm_session_thumbprint(order->session);

    if (thumbprint == NULL) {
        return NGX_DECLINED;
    }

    *ngx_snprintf((u_char *) auth, sizeof(auth) - 1, "%s.%s", a->token,
                  thumbprint)
        = '\0';

    return (acm_jws_digest(auth, value, &err) == ACM_OK) ? NGX_OK
                                                         : NGX_DECLINED;
}


/* Puts the record into a zone of another server, if one is set up. */

static ngx_int_t
ngx_acm_check_update(ngx_acm_check_t *check, const acm_order_authz_t *a)
{
    const acm_order_t  *order;

    order = check->preflight->order;

    if (ngx_acm_check_value(order, a, check->value) != NGX_OK
        || acm_method_host(a->method, a->name, check->preflight->account,
                           check->host, sizeof(check->host))
           != ACM_OK
        || ngx_acm_update_send(ngx_acm_checker.amcf, check->host,
                               check->value, 1, ngx_acm_check_updated, check,
                               ngx_acm_checker.log)
           != NGX_OK)
    {
        return NGX_OK;
    }

    return NGX_AGAIN;
}


static void
ngx_acm_check_updated(void *data, acm_rc_t rc, const char *why)
{
    ngx_acm_check_t  *check = data;

    if (rc != ACM_OK) {

        /* what went wrong here says nothing about the name */

        ngx_acm_check_note(check, (rc == ACM_BUSY || rc == ACM_NOMEM
                                   || rc == ACM_ERROR)
                                  ? NGX_AGAIN : NGX_DECLINED, why);

        /* it cannot be seen then */

        check->step = NGX_ACM_CHECK_NEXT;
    }

    ngx_acm_check_run(check);
}


/* Asked of the resolver, as /etc/hosts often has other addresses. */

static ngx_int_t
ngx_acm_check_locate(ngx_acm_check_t *check, const acm_order_authz_t *a)
{
    check->address[0] = '\0';

    if (acm_name_is_ip(a->name, ngx_strlen(a->name))) {
        return NGX_OK;
    }

    /* not known: then port 80 cannot be looked at */

    check->step = NGX_ACM_CHECK_NEXT;

    if (acm_dns_addresses(&check->dns, a->name) != ACM_OK) {
        return NGX_OK;
    }

    check->dns_used = 1;

    if (ngx_acm_preflight_check(ngx_acm_checker.amcf, &check->dns,
                                ngx_acm_check_located, check,
                                ngx_acm_checker.log)
        == NGX_AGAIN)
    {
        return NGX_AGAIN;
    }

    acm_dns_check_free(&check->dns);
    check->dns_used = 0;

    return NGX_OK;
}


static void
ngx_acm_check_located(void *data, ngx_int_t rc, const char *text)
{
    ngx_acm_check_t  *check = data;

    if (rc == NGX_OK && check->dns.address[0] != '\0') {
        ngx_memcpy(check->address, check->dns.address,
                   sizeof(check->address));
        check->step = NGX_ACM_CHECK_FETCH;
    }

    acm_dns_check_free(&check->dns);
    check->dns_used = 0;

    ngx_acm_check_run(check);
}


/*
 * Through the front door.  We may be hidden from ourselves, by address
 * translation for one, so this never holds an order up.
 */

static ngx_int_t
ngx_acm_check_http(ngx_acm_check_t *check, const acm_order_authz_t *a)
{
    char         url[ACM_MAX_URL];
    acm_err_t    err;
    acm_http_t  *http;

    *ngx_snprintf((u_char *) url, sizeof(url) - 1,
                  ngx_strchr(a->name, ':') ? "http://[%s]%s%s"
                                           : "http://%s%s%s",
                  a->name, NGX_ACM_CHECK_PATH, a->token)
        = '\0';

    http = acm_http_new(ACM_HTTP_GET, url);

    if (http == NULL) {
        return NGX_OK;
    }

    http->plain = 1;
    http->address = check->address[0] ? check->address : NULL;
    http->timeout = NGX_ACM_CHECK_TIMEOUT;
    http->done = ngx_acm_check_fetched;
    http->data = check;

    if (ngx_acm_checker.transport->send(ngx_acm_checker.transport->data,
                                        http, &err)
        != ACM_OK)
    {
        acm_http_free(http);
        return NGX_OK;
    }

    check->http = http;

    return NGX_AGAIN;
}


static void
ngx_acm_check_fetched(acm_http_t *http)
{
    size_t                    len;
    acm_err_t                 err;
    const char               *thumbprint;
    ngx_acm_check_t          *check;
    const acm_order_authz_t  *a;

    check = http->data;
    check->http = NULL;

    a = &check->preflight->order->authz[check->name];
    thumbprint = acm_session_thumbprint(check->preflight->order->session);
    len = ngx_strlen(a->token);

    err.text[0] = '\0';

    if (http->rc != ACM_OK) {
        (void) acm_fail(&err, ACM_ERROR, "port 80 is not reached from here: "
                        "%.200s", http->why.text);

    } else if (http->status != 200 || thumbprint == NULL
               || http->answer.len < len + 1 + ACM_THUMBPRINT_LEN
               || ngx_strncmp(http->answer.data, a->token, len) != 0
               || http->answer.data[len] != '.'
               || ngx_strncmp(http->answer.data + len + 1, thumbprint,
                              ACM_THUMBPRINT_LEN)
                  != 0)
    {
        (void) acm_fail(&err, ACM_ERROR, "port 80 does not lead to this "
                        "server: status %d; point the name's address records "
                        "here", http->status);
    }

    acm_http_free(http);

    if (err.text[0] != '\0') {
        ngx_log_error(NGX_LOG_INFO, ngx_acm_checker.log, 0,
                      "acm: \"%s\": %s", a->name, err.text);
    }

    ngx_acm_check_run(check);
}


static void
ngx_acm_check_done(void *data, ngx_int_t rc, const char *text)
{
    ngx_acm_check_t  *check = data;

    ngx_acm_check_note(check, rc, text);
    ngx_acm_check_run(check);
}


static void
ngx_acm_check_note(ngx_acm_check_t *check, ngx_int_t rc, const char *text)
{
    acm_rc_t    worst;
    acm_buf_t  *findings;

    /* the way leads to where the value will be */

    if (rc == NGX_AGAIN && check->dns_used
        && check->preflight->stage == ACM_PREFLIGHT_BEFORE)
    {
        rc = NGX_OK;
    }

    /* the way was there before the order: it may be again, but not a record
       that nobody has made */

    if (rc == NGX_DECLINED && check->dns_used
        && check->dns.persist.account == NULL
        && check->preflight->stage == ACM_PREFLIGHT_ANSWERS)
    {
        rc = NGX_AGAIN;
    }

    if (rc != NGX_OK && rc != NGX_ERROR) {
        worst = (rc == NGX_AGAIN) ? ACM_BUSY : ACM_INVALID;
        findings = &check->preflight->findings;

        if (check->worst == ACM_OK || worst == ACM_INVALID) {
            check->worst = worst;
        }

        if (check->preflight->stage == ACM_PREFLIGHT_BEFORE
            && check->step == NGX_ACM_CHECK_RECORD)
        {
            check->preflight->caa = 1;

            if (rc == NGX_DECLINED && check->preflight->denied == NULL) {
                check->preflight->denied = ngx_acm_check_name(check);
            }
        }

        if (findings->len + ngx_strlen(text) + ACM_MAX_NAME + 4
            < ACM_MAX_FINDINGS)
        {
            if (findings->len != 0) {
                acm_buf_u8(findings, '\n');
            }

            acm_buf_text(findings, ngx_acm_check_name(check));
            acm_buf_text(findings, ": ");
            acm_buf_text(findings, text);
        }
    }

    if (check->dns_used) {
        acm_dns_check_free(&check->dns);
        check->dns_used = 0;
    }
}


static void
ngx_acm_check_end(ngx_acm_check_t *check)
{
    acm_preflight_t  *preflight;

    preflight = check->preflight;
    preflight->rc = check->worst;
    preflight->handle = NULL;

    if (check->worst == ACM_BUSY
        && preflight->stage == ACM_PREFLIGHT_ANSWERS)
    {
        ngx_log_error(NGX_LOG_NOTICE, ngx_acm_checker.log, 0,
                      "acm: certificate for \"%s\" waits, the CA is told "
                      "later: %*s", preflight->order->rec.names[0],
                      preflight->findings.len, preflight->findings.data);
    }

    ngx_acm_check_free(check);

    preflight->done(preflight);

    ngx_acm_checker.after(ngx_acm_checker.data);
}


static void
ngx_acm_check_free(ngx_acm_check_t *check)
{
    ngx_acm_preflight_cancel(check);
    ngx_acm_update_cancel(check);

    if (check->http) {
        ngx_acm_checker.transport->cancel(ngx_acm_checker.transport->data,
                                          check->http);
        acm_http_free(check->http);
    }

    if (check->dns_used) {
        acm_dns_check_free(&check->dns);
    }

    if (check->event.posted) {
        ngx_delete_posted_event(&check->event);
    }

    acm_free(check);
}
