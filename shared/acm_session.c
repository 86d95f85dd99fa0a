
/*
 * Copyright (C) The ngx_acm authors
 *
 * Directory, nonces, and the queue of signed requests.
 */


#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acm_sched.h"
#include "acm_session_impl.h"


static int acm_session_directory_fresh(acm_session_t *s, int64_t ticks);
static void acm_session_fetch_directory(acm_session_t *s);
static void acm_session_got_directory(acm_http_t *http);
static void acm_session_clock(acm_session_t *s, const acm_http_t *http);
static acm_rc_t acm_directory_origin(acm_session_t *s,
    const acm_directory_t *d, acm_err_t *err);
static void acm_session_fetch_nonces(acm_session_t *s, size_t wanted);
static void acm_session_got_nonce(acm_http_t *http);
static void acm_session_keep_nonce(acm_session_t *s, acm_http_t *http);
static acm_rc_t acm_session_send(acm_session_t *s, acm_http_t *http,
    acm_err_t *err);
static void acm_session_dispatch(acm_session_t *s);
static acm_rc_t acm_session_sign(acm_session_t *s, acm_call_t *call,
    acm_err_t *err);
static void acm_call_answered(acm_http_t *http);
static int acm_call_again(acm_call_t *call);
static void acm_session_block(acm_session_t *s, int64_t retry_after);
static void acm_call_judge(acm_call_t *call);
static int acm_call_unlink(acm_call_t **list, acm_call_t *call);


acm_session_t *
acm_session_new(const acm_session_conf_t *conf)
{
    acm_session_t  *s;

    s = acm_calloc(1, sizeof(acm_session_t));

    if (s == NULL) {
        return NULL;
    }

    s->conf = *conf;
    s->tail = &s->queue;

    acm_buf_init(&s->payload, ACM_MAX_JWS);

    return s;
}


void
acm_session_free(acm_session_t *s)
{
    size_t            i;
    acm_call_t       *call;
    acm_transport_t  *t;

    if (s == NULL) {
        return;
    }

    t = s->conf.transport;

    for (call = s->active; call != NULL; call = call->next) {
        t->cancel(t->data, call->http);
        acm_call_reset(call);
    }

    if (s->fetch != NULL) {
        t->cancel(t->data, s->fetch);
        acm_http_free(s->fetch);
    }

    for (i = 0; i < ACM_SESSION_FETCHES; i++) {
        if (s->fetches[i] != NULL) {
            t->cancel(t->data, s->fetches[i]);
            acm_http_free(s->fetches[i]);
        }
    }

    for (i = 0; i < s->nnonces; i++) {
        acm_free(s->nonces[i]);
    }

    if (s->have_directory) {
        json_decref(s->directory.json);
    }

    if (s->have_account) {
        acm_account_free(&s->account);
    }

    acm_call_reset(&s->ask);
    acm_free(s->ask_url);
    acm_buf_free(&s->payload);
    EVP_PKEY_free(s->pkey);
    EVP_PKEY_free(s->next_key);
    acm_free(s);
}


void
acm_session_call(acm_session_t *s, acm_call_t *call)
{
    acm_call_reset(call);

    call->session = s;
    call->next = NULL;
    call->tries = 0;
    call->sent = 0;

    *s->tail = call;
    s->tail = &call->next;
}


void
acm_session_cancel(acm_session_t *s, acm_call_t *call)
{
    acm_transport_t  *t;

    t = s->conf.transport;

    if (acm_call_unlink(&s->active, call)) {
        t->cancel(t->data, call->http);
    }

    (void) acm_call_unlink(&s->queue, call);

    for (s->tail = &s->queue; *s->tail != NULL; s->tail = &(*s->tail)->next) {
        /* void */
    }

    acm_call_reset(call);
}


static int
acm_call_unlink(acm_call_t **list, acm_call_t *call)
{
    for ( ; *list != NULL; list = &(*list)->next) {

        if (*list == call) {
            *list = call->next;
            call->next = NULL;
            return 1;
        }
    }

    return 0;
}


void
acm_call_reset(acm_call_t *call)
{
    acm_http_free(call->http);

    call->http = NULL;
    call->rc = ACM_ERROR;
    call->retry_after = -1;
    call->problem.type = ACM_PROBLEM_NONE;
    call->problem.fault = ACM_FAULT_NONE;
    call->problem.text[0] = '\0';
}


int64_t
acm_session_run(acm_session_t *s, int64_t ticks)
{
    if (s->queue == NULL && s->ask.session == NULL && !s->wanted
        && !s->needed && acm_session_idle(s))
    {
        return INT64_MAX;
    }

    if (s->blocked > ticks) {
        return s->blocked;
    }

    s->blocked = 0;

    if (!acm_session_directory_fresh(s, ticks)) {
        return (s->blocked > ticks) ? s->blocked : INT64_MAX;
    }

    s->wanted = 0;

    switch (acm_session_ready(s)) {

    case ACM_OK:
        s->needed = (s->needed && acm_session_account(s) == NULL);
        acm_session_dispatch(s);
        return INT64_MAX;

    case ACM_BUSY:
        return INT64_MAX;

    default:
        return (s->blocked > ticks) ? s->blocked : ticks + 1;
    }
}


int64_t
acm_session_blocked(acm_session_t *s)
{
    return s->blocked;
}


const char *
acm_session_error(acm_session_t *s)
{
    return s->error.text;
}


void
acm_session_want(acm_session_t *s, int account)
{
    s->wanted = !s->have_directory;
    s->needed = (account && acm_session_account(s) == NULL);
}


void
acm_session_hold(acm_session_t *s, int orders)
{
    if (orders < 0) {
        s->held -= (s->held != 0);

    } else {
        s->held++;
    }
}


const acm_directory_t *
acm_session_directory(acm_session_t *s)
{
    return s->have_directory ? &s->directory : NULL;
}


const char *
acm_session_thumbprint(acm_session_t *s)
{
    return (s->pkey != NULL) ? s->thumbprint : NULL;
}


const char *
acm_session_account(acm_session_t *s)
{
    return (s->have_account && *s->account.url != '\0') ? s->account.url
                                                        : NULL;
}


/* An old directory serves on while a new one cannot be had. */

static int
acm_session_directory_fresh(acm_session_t *s, int64_t ticks)
{
    if (s->fetch == NULL
        && (!s->have_directory
            || ticks - s->directory_at > ACM_DIRECTORY_TTL))
    {
        acm_session_fetch_directory(s);
    }

    return s->have_directory;
}


static void
acm_session_fetch_directory(acm_session_t *s)
{
    acm_rc_t     rc;
    acm_err_t    err;
    acm_http_t  *http;

    http = acm_http_new(ACM_HTTP_GET, s->conf.directory);

    if (http == NULL) {
        (void) acm_fail(&err, ACM_NOMEM, "no memory for a request");
        acm_session_fault(s, ACM_FAULT_CA, &err);
        return;
    }

    http->done = acm_session_got_directory;
    http->data = s;

    rc = acm_session_send(s, http, &err);

    if (rc != ACM_OK) {
        acm_http_free(http);
        acm_session_fault(s, ACM_FAULT_CA, &err);
        return;
    }

    s->fetch = http;
    s->directory_at = acm_ticks();
}


static void
acm_session_got_directory(acm_http_t *http)
{
    acm_rc_t          rc;
    acm_err_t         err;
    acm_problem_t     problem;
    acm_session_t    *s;
    acm_directory_t   d;

    s = http->data;
    s->fetch = NULL;

    if (http->rc != ACM_OK || http->status != 200) {
        acm_acme_problem(http, &problem);

        if (!s->have_directory) {
            problem.fault = (problem.fault == ACM_FAULT_LIMIT)
                            ? ACM_FAULT_LIMIT : ACM_FAULT_CA;
            acm_session_failed(s, &problem,
                               acm_http_retry_after(http, acm_now()));
        }

        acm_http_free(http);
        return;
    }

    rc = acm_acme_directory(http, &d, &err);

    if (rc == ACM_OK) {
        rc = acm_directory_origin(s, &d, &err);
    }

    acm_session_clock(s, http);
    acm_session_keep_nonce(s, http);
    acm_http_free(http);

    if (rc != ACM_OK) {
        if (!s->have_directory) {
            acm_session_fault(s, ACM_FAULT_CA, &err);
        }

        return;
    }

    if (s->have_directory) {
        json_decref(s->directory.json);
    }

    s->directory = d;
    s->have_directory = 1;
}


/* A wrong clock makes certificates that are not valid yet, or expired. */

static void
acm_session_clock(acm_session_t *s, const acm_http_t *http)
{
    int64_t  now, date;

    now = acm_now();
    date = (http->date == NULL) ? -1 : acm_http_date(http->date, now);

    if (date >= 0 && (date - now > ACM_SESSION_SKEW
                      || now - date > ACM_SESSION_SKEW))
    {
        acm_session_report(s, 1, "the clocks of this machine and of the CA "
                           "differ by %lld seconds: set this one by NTP",
                           (long long) (now - date));
    }
}


int
acm_session_foreign(const acm_session_t *s, const char *url)
{
    return s->conf.issuer->same_origin
           && !acm_http_same_origin(s->conf.directory, url);
}


static acm_rc_t
acm_directory_origin(acm_session_t *s, const acm_directory_t *d,
    acm_err_t *err)
{
    size_t       i;
    acm_rc_t     rc;
    const char  *urls[6];

    urls[0] = d->new_nonce;
    urls[1] = d->new_account;
    urls[2] = d->new_order;
    urls[3] = d->revoke_cert;
    urls[4] = d->key_change;
    urls[5] = d->renewal_info;

    for (i = 0; i < 6; i++) {
        if (urls[i] != NULL && acm_session_foreign(s, urls[i])) {
            rc = acm_fail(err, ACM_DENIED, "the CA's directory names an URL "
                          "of another host, which \"same_origin\" forbids: "
                          "%.200s", urls[i]);
            json_decref(d->json);
            return rc;
        }
    }

    return ACM_OK;
}


static acm_rc_t
acm_session_send(acm_session_t *s, acm_http_t *http, acm_err_t *err)
{
    acm_transport_t  *t;

    if (!acm_http_url_ok(http->url)) {
        return acm_fail(err, ACM_DENIED, "\"%.200s\" is no URL that is asked: "
                        "it must be https", http->url);
    }

    if (acm_session_foreign(s, http->url)) {
        return acm_fail(err, ACM_DENIED, "the CA gave an URL of another "
                        "host, which \"same_origin\" forbids: %.200s",
                        http->url);
    }

    http->ca_file = s->conf.issuer->ca_file;
    http->acme = 1;

    t = s->conf.transport;

    return t->send(t->data, http, err);
}


/* Every request needs one nonce; answers bring most of them. */

static void
acm_session_fetch_nonces(acm_session_t *s, size_t wanted)
{
    size_t       i;
    acm_err_t    err;
    acm_http_t  *http;

    for (i = 0; i < ACM_SESSION_FETCHES && i < wanted; i++) {

        if (s->fetches[i] != NULL) {
            continue;
        }

        http = acm_http_new(ACM_HTTP_HEAD, s->directory.new_nonce);

        if (http == NULL) {
            (void) acm_fail(&err, ACM_NOMEM, "no memory for a request");
            acm_session_fault(s, ACM_FAULT_CA, &err);
            return;
        }

        http->done = acm_session_got_nonce;
        http->data = s;

        if (acm_session_send(s, http, &err) != ACM_OK) {
            acm_http_free(http);
            acm_session_fault(s, ACM_FAULT_CA, &err);
            return;
        }

        s->fetches[i] = http;
    }
}


static void
acm_session_got_nonce(acm_http_t *http)
{
    size_t          i;
    int64_t         retry_after;
    acm_problem_t   problem;
    acm_session_t  *s;

    s = http->data;

    for (i = 0; i < ACM_SESSION_FETCHES; i++) {
        if (s->fetches[i] == http) {
            s->fetches[i] = NULL;
        }
    }

    acm_acme_problem(http, &problem);

    if (http->rc == ACM_OK && (http->status == 200 || http->status == 204)) {

        if (http->nonce != NULL) {
            acm_session_keep_nonce(s, http);
            acm_http_free(http);
            return;
        }

        (void) snprintf(problem.text, sizeof(problem.text),
                        "the CA gave no nonce: newNonce was answered without "
                        "Replay-Nonce");
    }

    if (problem.fault != ACM_FAULT_LIMIT) {
        problem.fault = ACM_FAULT_CA;
    }

    retry_after = acm_http_retry_after(http, acm_now());
    acm_http_free(http);

    acm_session_failed(s, &problem, retry_after);
}


static void
acm_session_keep_nonce(acm_session_t *s, acm_http_t *http)
{
    if (http->nonce == NULL || s->nnonces == ACM_MAX_NONCES
        || strlen(http->nonce) > ACM_MAX_NONCE)
    {
        return;
    }

    s->nonces[s->nnonces++] = http->nonce;
    http->nonce = NULL;
}


static void
acm_session_dispatch(acm_session_t *s)
{
    size_t        wanted;
    acm_rc_t      rc;
    acm_err_t     err;
    acm_call_t   *call, **link;

    wanted = 0;
    err.text[0] = '\0';

    for (link = &s->queue; *link != NULL; /* void */) {
        call = *link;

        if (!call->own
            && (s->asking != ACM_SESSION_NOTHING
                || (!call->get && acm_session_rolling(s))))
        {
            link = &call->next;
            continue;
        }

        if (!call->get && s->nnonces == 0) {
            wanted++;
            link = &call->next;
            continue;
        }

        *link = call->next;
        call->next = s->active;
        s->active = call;
        call->sent = 1;

        rc = acm_session_sign(s, call, &err);

        if (rc == ACM_OK) {
            rc = acm_session_send(s, call->http, &err);
        }

        if (rc == ACM_OK) {
            continue;
        }

        (void) acm_call_unlink(&s->active, call);

        call->rc = (rc == ACM_DENIED) ? ACM_DENIED : ACM_ERROR;
        call->problem.type = ACM_PROBLEM_OTHER;
        call->problem.fault = ACM_FAULT_CA;
        (void) snprintf(call->problem.text, sizeof(call->problem.text), "%s",
                        (err.text[0] == '\0') ? "out of memory" : err.text);

        /* the callback may change the queue: start again */

        for (s->tail = &s->queue; *s->tail != NULL;
             s->tail = &(*s->tail)->next)
        {
            /* void */
        }

        call->done(call);

        link = &s->queue;
        wanted = 0;
    }

    s->tail = link;

    if (wanted != 0) {
        acm_session_fetch_nonces(s, wanted);
    }
}


static acm_rc_t
acm_session_sign(acm_session_t *s, acm_call_t *call, acm_err_t *err)
{
    char         *nonce;
    const char   *url;
    acm_rc_t      rc;
    acm_jws_t     jws;
    acm_http_t   *http;

    url = (call->url != NULL) ? call->url
          : call->revoke ? s->directory.revoke_cert : s->directory.new_order;

    if (url == NULL) {
        return acm_fail(err, ACM_DENIED, "the CA revokes nothing: its "
                        "directory has no \"revokeCert\"");
    }

    http = acm_http_new(call->get ? ACM_HTTP_GET : ACM_HTTP_POST, url);

    if (http == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for a request");
    }

    http->done = acm_call_answered;
    http->data = call;
    http->accept = call->accept;

    acm_http_free(call->http);
    call->http = http;

    if (call->get) {
        return ACM_OK;
    }

    /* the newest: the oldest may have been forgotten by the CA */

    nonce = s->nonces[--s->nnonces];

    jws.pkey = (s->asking == ACM_SESSION_KEY_CHECK && call->own)
               ? s->next_key : s->pkey;
    jws.kid = call->jwk ? NULL : s->account.url;
    jws.nonce = nonce;
    jws.url = url;

    http->type = "application/jose+json";
    http->fresh = call->fresh;

    rc = acm_jws_sign(&jws, call->payload, &http->body, err);

    acm_free(nonce);

    return rc;
}


static void
acm_call_answered(acm_http_t *http)
{
    acm_call_t     *call;
    acm_session_t  *s;

    call = http->data;
    s = call->session;

    (void) acm_call_unlink(&s->active, call);

    acm_session_keep_nonce(s, http);

    call->retry_after = acm_http_retry_after(http, acm_now());

    acm_call_judge(call);

    if (acm_call_again(call)) {

        /* first in line again, with the nonce of this very answer */

        acm_http_free(call->http);
        call->http = NULL;
        call->tries++;
        call->sent = 0;
        call->next = s->queue;
        s->queue = call;

        if (call->next == NULL) {
            s->tail = &call->next;
        }

        return;
    }

    if (call->rc == ACM_OK) {
        s->fails = 0;

    } else if (!call->own && !call->get
               && (http->rc != ACM_OK || http->status >= 500))
    {
        /* out of order altogether, perhaps: others need not find out */

        acm_session_block(s, call->retry_after);
    }

    call->done(call);
}


/* RFC 8555 s6.5: a badNonce is retried with the new nonce, boundedly. */

static int
acm_call_again(acm_call_t *call)
{
    return call->rc != ACM_OK
           && call->problem.type == ACM_PROBLEM_BAD_NONCE
           && call->tries < ACM_MAX_NONCE_TRIES;
}


static void
acm_call_judge(acm_call_t *call)
{
    acm_http_t  *http;

    http = call->http;

    if (http->rc == ACM_OK && http->status >= 200 && http->status < 300) {
        call->rc = ACM_OK;
        return;
    }

    call->rc = ACM_ERROR;

    acm_acme_problem(http, &call->problem);
}


void
acm_session_fault(acm_session_t *s, acm_fault_e fault, const acm_err_t *why)
{
    acm_problem_t  problem;

    memset(&problem, 0, sizeof(acm_problem_t));

    problem.type = ACM_PROBLEM_OTHER;
    problem.fault = fault;
    (void) snprintf(problem.text, sizeof(problem.text), "%s",
                    (why->text[0] == '\0') ? "out of memory" : why->text);

    acm_session_failed(s, &problem, -1);
}


/*
 * Nothing is asked for a while, ever longer.  What was sent before the first
 * failure and fails too is no further one.
 */

static void
acm_session_block(acm_session_t *s, int64_t retry_after)
{
    int64_t   ticks, until;
    uint16_t  jitter;

    ticks = acm_ticks();
    until = s->blocked;

    if (until <= ticks) {

        if (RAND_bytes((unsigned char *) &jitter, sizeof(jitter)) != 1) {
            jitter = 0;
        }

        s->fails += (s->fails < UINT32_MAX);

        until = ticks + acm_sched_backoff(s->fails, ACM_SESSION_BACKOFF,
                                          ACM_SESSION_BLOCKED, jitter);
    }

    if (retry_after >= 0 && ticks + retry_after * 1000 > until) {
        until = ticks + retry_after * 1000;
    }

    s->blocked = until;
}


void
acm_session_failed(acm_session_t *s, const acm_problem_t *problem,
    int64_t retry_after)
{
    acm_call_t  *call, *queue;

    acm_session_block(s, retry_after);

    if (strcmp(s->error.text, problem->text) != 0) {
        (void) acm_fail(&s->error, ACM_ERROR, "%s", problem->text);
        acm_session_report(s, 1, "%s", problem->text);
    }

    s->wanted = 0;
    s->needed = 0;
    queue = s->queue;
    s->queue = NULL;
    s->tail = &s->queue;

    while (queue != NULL) {
        call = queue;
        queue = call->next;
        call->next = NULL;

        call->rc = ACM_ERROR;
        call->problem = *problem;
        call->retry_after = retry_after;

        call->done(call);
    }
}


void
acm_session_report(acm_session_t *s, int trouble, const char *fmt, ...)
{
    char     text[ACM_MAX_ERROR];
    va_list  args;

    if (s->conf.report == NULL) {
        return;
    }

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    s->conf.report(s->conf.data, s->conf.issuer->name, trouble, text);
}
