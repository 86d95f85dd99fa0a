
/*
 * Copyright (C) The ngx_acm authors
 *
 * The machine.  A CA's answer says where an order stands, so every state can
 * be entered from an answer to the order's URL: a new process just asks.
 */


#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acm_issued.h"
#include "acm_order_impl.h"


static acm_action_e acm_order_start(acm_order_t *o);
static acm_action_e acm_order_reply(acm_order_t *o, int64_t ticks);
static int acm_order_unknown(const acm_problem_t *p);
static acm_action_e acm_order_trouble(acm_order_t *o, int64_t ticks);
static acm_action_e acm_order_again(acm_order_t *o, int64_t ticks);
static acm_action_e acm_order_problem(acm_order_t *o,
    const acm_problem_t *problem);
static acm_action_e acm_order_created(acm_order_t *o, int64_t ticks);
static acm_action_e acm_order_stands(acm_order_t *o, int64_t ticks);
static acm_rc_t acm_order_note(acm_order_t *o, const acm_acme_order_t *m);
static acm_action_e acm_order_next_challenge(acm_order_t *o, int64_t ticks);
static acm_action_e acm_order_finalize(acm_order_t *o);
static acm_action_e acm_order_refinalize(acm_order_t *o, int64_t ticks);
static acm_action_e acm_order_downloaded(acm_order_t *o);
static acm_action_e acm_order_next_alternate(acm_order_t *o);
static int acm_order_late(acm_order_t *o);
static acm_action_e acm_order_expired(acm_order_t *o);
static acm_action_e acm_order_not_ready(acm_order_t *o, int64_t ticks);


acm_action_e
acm_order_step(acm_order_t *o, acm_order_event_e event, int64_t ticks)
{
    if (event == ACM_EVENT_REPLY) {
        /* past validation, it may still bring the order to its end */

        if ((o->state != ACM_ORDER_AUTHZ && o->state != ACM_ORDER_CHALLENGE)
            || !acm_order_late(o))
        {
            return acm_order_reply(o, ticks);
        }
    }

    if (acm_order_late(o)) {
        return acm_order_expired(o);
    }

    if (event == ACM_EVENT_TIMER && o->waiting) {
        o->waiting = 0;
        return ACM_ACT_CALL;
    }

    switch (o->state) {

    case ACM_ORDER_NEW:

        if (o->issuer->preflight && !o->checked) {
            return ACM_ACT_CHECK;
        }

        return acm_order_start(o);

    case ACM_ORDER_RESUMED:
        return acm_order_start(o);

    case ACM_ORDER_CREATED:
        return acm_order_stands(o, ticks);

    case ACM_ORDER_AUTHZ:
        return acm_order_next_authz(o, ticks);

    case ACM_ORDER_PUBLISH:
        o->state = ACM_ORDER_CHECK;
        return ACM_ACT_CHECK;

    case ACM_ORDER_CHECK:
        o->state = ACM_ORDER_CHALLENGE;
        o->current = 0;
        return acm_order_next_challenge(o, ticks);

    case ACM_ORDER_CHALLENGE:
        return acm_order_next_challenge(o, ticks);

    case ACM_ORDER_POLL:
        return acm_order_ask(o, o->rec.url);

    case ACM_ORDER_FINALIZE:
        return acm_order_finalize(o);

    case ACM_ORDER_REASON:
        return acm_order_next_reason(o);

    case ACM_ORDER_DOWNLOAD:
        return acm_order_ask(o, o->certificate);

    case ACM_ORDER_ALTERNATE:
        return acm_order_next_alternate(o);

    case ACM_ORDER_DONE:
        return ACM_ACT_DONE;

    case ACM_ORDER_FAILED:
        return ACM_ACT_FAILED;
    }

    return ACM_ACT_FAILED;
}


/* A CA that neither answers nor refuses must not hold a place for ever. */

static int
acm_order_late(acm_order_t *o)
{
    int64_t  now;

    now = acm_now();

    if (o->state == ACM_ORDER_DONE || o->state == ACM_ORDER_FAILED) {
        return 0;
    }

    /* also when the clock was set back, and the end would never come */

    return now >= acm_add_sat(o->rec.created_at, ACM_ORDER_LIFE)
           || o->rec.created_at >= acm_add_sat(now, ACM_ORDER_LIFE)
           || (o->expires != 0 && now >= o->expires
               && o->state != ACM_ORDER_DOWNLOAD);
}


static acm_action_e
acm_order_expired(acm_order_t *o)
{
    if (o->state == ACM_ORDER_ALTERNATE) {

        /* one chain is there already */

        o->state = ACM_ORDER_DONE;
        return ACM_ACT_DONE;
    }

    return acm_order_fail(o, ACM_FAULT_CA, "the CA did not come to an end "
                          "with order \"%.200s\" in time", o->rec.url);
}


static acm_action_e
acm_order_start(acm_order_t *o)
{
    acm_rc_t         rc;
    acm_acme_want_t  want;

    if (o->state == ACM_ORDER_RESUMED) {
        return acm_order_ask(o, o->rec.url);
    }

    want.names = o->rec.names;
    want.nnames = o->rec.nnames;
    want.profile = o->issuer->profile;
    want.replaces = o->rec.replaces;

    acm_buf_free(&o->payload);
    acm_buf_init(&o->payload, ACM_MAX_JWS);

    rc = acm_acme_new_order(&want, &o->payload);

    if (rc != ACM_OK) {
        return acm_order_fail(o, ACM_FAULT_NAME, "an order cannot be "
                              "written: %s", acm_rc_text(rc));
    }

    /* where to is in the directory, which the session reads first */

    o->call.url = NULL;
    o->call.payload = (char *) o->payload.data;
    o->call.accept = NULL;
    o->tries = 0;

    return ACM_ACT_CALL;
}


/* POST-as-GET of an URL. */

acm_action_e
acm_order_ask(acm_order_t *o, const char *url)
{
    if (acm_order_text(&o->url, url) != ACM_OK) {
        return acm_order_scarce(o);
    }

    o->call.url = o->url;
    o->call.payload = NULL;
    o->call.accept = NULL;
    o->tries = 0;

    if (o->state == ACM_ORDER_DOWNLOAD || o->state == ACM_ORDER_ALTERNATE) {
        o->call.accept = "application/pem-certificate-chain";
    }

    return ACM_ACT_CALL;
}


static acm_action_e
acm_order_reply(acm_order_t *o, int64_t ticks)
{
    if (o->call.rc != ACM_OK) {
        return acm_order_trouble(o, ticks);
    }

    switch (o->state) {

    case ACM_ORDER_NEW:
        return acm_order_created(o, ticks);

    case ACM_ORDER_RESUMED:
    case ACM_ORDER_POLL:
    case ACM_ORDER_FINALIZE:
        return acm_order_stands(o, ticks);

    case ACM_ORDER_AUTHZ:
        return acm_order_authz(o, ticks);

    case ACM_ORDER_CHALLENGE:
        o->authz[o->current].posted = 1;
        return acm_order_next_challenge(o, ticks);

    case ACM_ORDER_REASON:
        return acm_order_reason(o, ticks);

    case ACM_ORDER_DOWNLOAD:
    case ACM_ORDER_ALTERNATE:
        return acm_order_downloaded(o);

    case ACM_ORDER_CREATED:
    case ACM_ORDER_PUBLISH:
    case ACM_ORDER_CHECK:
    case ACM_ORDER_DONE:
    case ACM_ORDER_FAILED:
        break;
    }

    return acm_order_fail(o, ACM_FAULT_CA, "an answer to no question");
}


/*
 * RFC 9773 s5: the CA does not take what is to be replaced.  It was replaced
 * already, some CAs say only 409; or is another account's, or none that the
 * CA knows of any more.  Without it the order may be good.
 */

static int
acm_order_unknown(const acm_problem_t *p)
{
    return p->type == ACM_PROBLEM_ALREADY_REPLACED
           || p->type == ACM_PROBLEM_MALFORMED
           || p->type == ACM_PROBLEM_UNAUTHORIZED
           || p->status == 404 || p->status == 409;
}


/* What a refusal means depends on what was asked. */

static acm_action_e
acm_order_trouble(acm_order_t *o, int64_t ticks)
{
    const acm_problem_t  *p;

    p = &o->call.problem;

    if (p->type == ACM_PROBLEM_ACCOUNT_DOES_NOT_EXIST && !o->lost) {
        o->lost = 1;
        acm_session_account_lost(o->session);
        return acm_order_again(o, ticks);
    }

    switch (o->state) {

    case ACM_ORDER_NEW:

        if (*o->rec.replaces != '\0' && acm_order_unknown(p)) {
            o->rec.replaces[0] = '\0';
            return acm_order_start(o);
        }

        if (p->type == ACM_PROBLEM_UNAUTHORIZED) {
            acm_session_account_suspect(o->session);
        }

        /* not asked again: the CA may have made the order */

        return acm_order_problem(o, p);

    case ACM_ORDER_FINALIZE:

        if (p->type == ACM_PROBLEM_ORDER_NOT_READY) {
            return acm_order_not_ready(o, ticks);
        }

        break;

    case ACM_ORDER_CHALLENGE:

        if (p->type == ACM_PROBLEM_MALFORMED) {

            /* told already, by a process that died: the order will say */

            o->authz[o->current].posted = 1;
            return acm_order_next_challenge(o, ticks);
        }

        break;

    case ACM_ORDER_RESUMED:

        if (p->fault == ACM_FAULT_NAME || p->status == 404) {
            return acm_order_fail(o, ACM_FAULT_CA, "the CA does not know "
                                  "the order any more");
        }

        break;

    case ACM_ORDER_ALTERNATE:

        /* one chain is there already */

        return acm_order_next_alternate(o);

    case ACM_ORDER_CREATED:
    case ACM_ORDER_AUTHZ:
    case ACM_ORDER_PUBLISH:
    case ACM_ORDER_CHECK:
    case ACM_ORDER_POLL:
    case ACM_ORDER_REASON:
    case ACM_ORDER_DOWNLOAD:
    case ACM_ORDER_DONE:
    case ACM_ORDER_FAILED:
        break;
    }

    /* an URL that is not asked for will not be asked for later either */

    if (o->call.rc != ACM_DENIED
        && (p->fault == ACM_FAULT_CA || p->fault == ACM_FAULT_LIMIT))
    {
        return acm_order_again(o, ticks);
    }

    return acm_order_problem(o, p);
}


/* The same request, later: what was reached so far is not thrown away. */

static acm_action_e
acm_order_again(acm_order_t *o, int64_t ticks)
{
    int64_t  wait;

    if (++o->tries > ACM_ORDER_TRIES) {
        return acm_order_problem(o, &o->call.problem);
    }

    wait = 500LL << o->tries;

    if (o->call.retry_after * 1000 > wait) {
        wait = o->call.retry_after * 1000;
    }

    if (wait > ACM_ORDER_LIFE * 1000LL) {
        return acm_order_problem(o, &o->call.problem);
    }

    if (o->lost && o->tries == 1) {
        wait = 1;
    }

    o->waiting = 1;
    o->wake = ticks + wait;

    return ACM_ACT_WAIT;
}


static acm_action_e
acm_order_problem(acm_order_t *o, const acm_problem_t *problem)
{
    o->problem = *problem;
    o->retry_after = o->call.retry_after;
    o->state = ACM_ORDER_FAILED;

    return ACM_ACT_FAILED;
}


acm_action_e
acm_order_fail(acm_order_t *o, acm_fault_e fault, const char *fmt, ...)
{
    va_list  args;

    memset(&o->problem, 0, sizeof(acm_problem_t));

    o->problem.type = ACM_PROBLEM_OTHER;
    o->problem.fault = fault;

    va_start(args, fmt);
    (void) vsnprintf(o->problem.text, sizeof(o->problem.text), fmt, args);
    va_end(args);

    o->state = ACM_ORDER_FAILED;
    o->waiting = 0;

    return ACM_ACT_FAILED;
}


/*
 * Memory has run out, which is no fault of the CA: goes on a second later from
 * what the record has, as after a restart.  An order that the record has no
 * URL of cannot be found again.
 */

acm_action_e
acm_order_scarce(acm_order_t *o)
{
    void                *data;
    void               (*done)(acm_call_t *call);
    unsigned             n;
    acm_order_rec_t      rec;
    acm_session_t       *session;
    const acm_issuer_t  *issuer;

    n = o->scarce + 1;

    if (n > ACM_ORDER_SCARCE || *o->rec.url == '\0') {
        return acm_order_fail(o, ACM_FAULT_CA, "no memory for an order");
    }

    rec = o->rec;
    memset(&o->rec, 0, sizeof(acm_order_rec_t));

    issuer = o->issuer;
    session = o->session;
    done = o->call.done;
    data = o->call.data;

    acm_order_free(o);
    acm_order_init(o, &rec, issuer, session);

    o->call.done = done;
    o->call.data = data;
    o->scarce = n;
    o->wake = acm_ticks() + ACM_ORDER_SCARCE_WAIT;

    return ACM_ACT_WAIT;
}


static acm_action_e
acm_order_created(acm_order_t *o, int64_t ticks)
{
    const char  *url;

    (void) ticks;

    url = o->call.http->location;

    if (o->call.http->status != 201 || url == NULL
        || !acm_http_url_ok(url))
    {
        return acm_order_fail(o, ACM_FAULT_CA, "the CA took an order with "
                              "status %d, but gave no valid Location of it",
                              o->call.http->status);
    }

    if (acm_order_text(&o->rec.url, url) != ACM_OK) {
        return acm_order_fail(o, ACM_FAULT_CA, "no memory for an order");
    }

    o->state = ACM_ORDER_CREATED;

    return ACM_ACT_SAVE;
}


/* An order object has come: from newOrder, finalize, or its own URL. */

static acm_action_e
acm_order_stands(acm_order_t *o, int64_t ticks)
{
    acm_rc_t          rc;
    acm_err_t         err;
    acm_acme_order_t  m;

    rc = acm_acme_order(o->call.http, &m, &err);

    if (rc == ACM_OK) {
        rc = acm_acme_order_names(&m, o->rec.names, o->rec.nnames, &err);

        if (rc == ACM_OK) {
            rc = acm_order_note(o, &m);
        }

        json_decref(m.json);
    }

    if (rc == ACM_NOMEM) {
        return acm_order_scarce(o);
    }

    if (rc != ACM_OK) {
        return acm_order_fail(o, ACM_FAULT_CA, "%s", err.text);
    }

    switch (m.status) {

    case ACM_ACME_PENDING:

        if (o->state != ACM_ORDER_POLL || o->polls % ACM_ORDER_POLLS == 0) {

            /* also when a poll says so again and again: one of them may
               have become invalid */

            o->current = 0;
            o->state = ACM_ORDER_AUTHZ;
            return acm_order_next_authz(o, ticks);
        }

        return acm_order_poll(o, ticks);

    case ACM_ACME_READY:

        if (o->state == ACM_ORDER_FINALIZE) {
            return acm_order_refinalize(o, ticks);
        }

        if (o->finalizes == 0) {
            o->polls = 0;
        }

        o->state = ACM_ORDER_FINALIZE;
        return acm_order_finalize(o);

    case ACM_ACME_PROCESSING:
        o->state = ACM_ORDER_POLL;
        return acm_order_poll(o, ticks);

    case ACM_ACME_VALID:
        o->state = ACM_ORDER_DOWNLOAD;
        return acm_order_ask(o, o->certificate);

    case ACM_ACME_INVALID:

        if (o->problem.type != ACM_PROBLEM_NONE && !o->vague) {
            o->state = ACM_ORDER_FAILED;
            return ACM_ACT_FAILED;
        }

        o->state = ACM_ORDER_REASON;
        o->current = 0;
        return acm_order_next_reason(o);

    case ACM_ACME_DEACTIVATED:
    case ACM_ACME_EXPIRED:
    case ACM_ACME_REVOKED:
        break;
    }

    return acm_order_fail(o, ACM_FAULT_CA, "the CA's order has a status that "
                          "no order has");
}


/* Keeps what is needed of an order object. */

static acm_rc_t
acm_order_note(acm_order_t *o, const acm_acme_order_t *m)
{
    size_t    i;
    acm_rc_t  rc;

    rc = acm_order_text(&o->finalize, m->finalize);

    if (rc == ACM_OK && m->certificate != NULL) {
        rc = acm_order_text(&o->certificate, m->certificate);
    }

    o->expires = m->expires;

    if (m->status == ACM_ACME_INVALID && m->error != NULL) {
        acm_acme_error(m->error, NULL, &o->problem);

        /* of several names, an authorization tells which one */

        o->vague = (m->nauthz > 1
                    && json_array_size(acm_json_array(m->error,
                                                      "subproblems")) == 0);
    }

    if (rc != ACM_OK || o->authz != NULL || m->nauthz == 0) {
        return rc;
    }

    o->authz = acm_calloc(m->nauthz, sizeof(acm_order_authz_t));

    if (o->authz == NULL) {
        return ACM_NOMEM;
    }

    o->nauthz = m->nauthz;

    for (i = 0; rc == ACM_OK && i < m->nauthz; i++) {
        rc = acm_order_text(&o->authz[i].url, m->authz[i]);
    }

    return rc;
}


static acm_action_e
acm_order_next_challenge(acm_order_t *o, int64_t ticks)
{
    acm_action_e  action;

    while (o->current < o->nauthz
           && (o->authz[o->current].valid || o->authz[o->current].posted))
    {
        o->current++;
    }

    if (o->current == o->nauthz) {
        o->state = ACM_ORDER_POLL;
        o->polls = 0;
        return acm_order_poll(o, ticks);
    }

    action = acm_order_ask(o, o->authz[o->current].challenge);

    o->call.payload = "{}";

    return action;
}


/*
 * Waits before the order is asked for: each time twice as long, and a CA that
 * is not our own is asked only a few times in the first seconds.
 */

acm_action_e
acm_order_poll(acm_order_t *o, int64_t ticks)
{
    int       near;
    int64_t   wait;
    unsigned  n;

    near = acm_http_is_near(o->rec.url);
    wait = near ? ACM_ORDER_POLL_NEAR : ACM_ORDER_POLL_FAR;

    for (n = 0; n < o->polls && wait < ACM_ORDER_POLL_MAX; n++) {
        wait *= (near || wait >= 1000) ? 2 : 4;
    }

    o->polls += (o->polls < UINT32_MAX);

    if (wait > ACM_ORDER_POLL_MAX) {
        wait = ACM_ORDER_POLL_MAX;
    }

    if (o->call.retry_after > 0) {
        wait = (o->call.retry_after < ACM_ORDER_LIFE)
               ? o->call.retry_after * 1000 : ACM_ORDER_LIFE * 1000LL;
    }

    o->wake = ticks + wait;

    return ACM_ACT_WAIT;
}


static acm_action_e
acm_order_finalize(acm_order_t *o)
{
    acm_action_e  action;

    if (++o->finalizes > ACM_ORDER_FINALIZES) {
        return acm_order_fail(o, ACM_FAULT_CA, "the CA says that the order is "
                              "ready, but does not take its request");
    }

    acm_buf_free(&o->payload);
    acm_buf_init(&o->payload, ACM_MAX_JWS);

    if (acm_acme_finalize(&o->rec.csr, &o->payload) != ACM_OK) {
        return acm_order_scarce(o);
    }

    action = acm_order_ask(o, o->finalize);

    o->call.payload = (char *) o->payload.data;

    return action;
}


static acm_action_e
acm_order_not_ready(acm_order_t *o, int64_t ticks)
{
    if (o->finalizes > 1) {
        return acm_order_refinalize(o, ticks);
    }

    /* perhaps finalized by a process that died: look */

    o->state = ACM_ORDER_POLL;

    return acm_order_ask(o, o->rec.url);
}


/* A CA that does not take what it waits for: no need to hurry. */

static acm_action_e
acm_order_refinalize(acm_order_t *o, int64_t ticks)
{
    if (o->polls < ACM_ORDER_POLLS / 2) {
        o->polls = ACM_ORDER_POLLS / 2;
    }

    o->state = ACM_ORDER_POLL;

    return acm_order_poll(o, ticks);
}


static acm_action_e
acm_order_downloaded(acm_order_t *o)
{
    char              *url;
    size_t             i;
    const acm_http_t  *http;

    http = o->call.http;

    if (!acm_http_is_type(http, "application/pem-certificate-chain")) {

        if (o->state == ACM_ORDER_ALTERNATE) {
            return acm_order_next_alternate(o);
        }

        return acm_order_fail(o, ACM_FAULT_CA, "the CA sent content of type "
                              "\"%.64s\" as a certificate",
                              (http->answer_type == NULL)
                              ? "" : http->answer_type);
    }

    if (o->state == ACM_ORDER_DOWNLOAD) {

        for (i = 0; i < ACM_MAX_ALTERNATES; i++) {
            url = acm_http_link(http, "alternate", i);

            if (url == NULL) {
                break;
            }

            o->alternates[o->nalternates++] = url;
        }
    }

    if (o->state == ACM_ORDER_DOWNLOAD
        || acm_chain_is(&http->answer, o->issuer->preferred_chain))
    {
        acm_buf_free(&o->pem);
        acm_buf_init(&o->pem, ACM_MAX_HTTP_BODY);
        acm_buf_add(&o->pem, http->answer.data, http->answer.len);

        if (acm_buf_rc(&o->pem) != ACM_OK) {
            return acm_order_scarce(o);
        }
    }

    if (o->issuer->preferred_chain == NULL
        || acm_chain_is(&o->pem, o->issuer->preferred_chain))
    {
        o->state = ACM_ORDER_DONE;
        return ACM_ACT_DONE;
    }

    if (o->state == ACM_ORDER_DOWNLOAD) {
        o->state = ACM_ORDER_ALTERNATE;
        o->current = 0;
    }

    return acm_order_next_alternate(o);
}


/* The preferred chain is a wish: without it the first one is taken. */

static acm_action_e
acm_order_next_alternate(acm_order_t *o)
{
    if (o->current < o->nalternates) {
        return acm_order_ask(o, o->alternates[o->current++]);
    }

    o->state = ACM_ORDER_DONE;

    return ACM_ACT_DONE;
}


acm_rc_t
acm_order_text(char **slot, const char *text)
{
    char  *copy;

    copy = acm_strdup(text);

    if (copy == NULL) {
        return ACM_NOMEM;
    }

    acm_free(*slot);
    *slot = copy;

    return ACM_OK;
}
