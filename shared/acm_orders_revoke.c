
/*
 * Copyright (C) The ngx_acm authors
 *
 * Revocations at CAs (RFC 8555 s7.6), signed with the account's key.  Each
 * attempt, and when the next one may be, is written down before it is made.
 */


#include <openssl/rand.h>
#include <string.h>

#include "acm_certificate_impl.h"
#include "acm_orders_impl.h"
#include "acm_sched.h"


/* one that a CA is being asked for */

struct acm_revoking_s {
    acm_revoking_t     *next;
    acm_orders_t       *orders;
    acm_session_t      *session;
    acm_revocation_t    r;
    uint64_t            revision;
    acm_call_t          call;
    acm_buf_t           payload;
    int64_t             wake;        /* ticks: the store had trouble */
    unsigned            answered:1;
    unsigned            lost:1;      /* the account, once */
    unsigned            gone:1;
};


static acm_rc_t acm_revoking_ask(acm_revoking_t *v, acm_err_t *err);
static void acm_revoking_answered(acm_call_t *call);
static acm_rc_t acm_revoking_step(acm_revoking_t *v, acm_err_t *err);
static int acm_revoking_refused(const acm_revoking_t *v);
static acm_rc_t acm_revoking_end(acm_revoking_t *v, acm_revoking_e state,
    const char *text, acm_err_t *err);
static void acm_revoking_tell(acm_revoking_t *v);
static int64_t acm_revoking_wait(const acm_revocation_t *r);
static void acm_revoking_free(acm_revoking_t *v);


int
acm_orders_revoking(acm_orders_t *o, const acm_revocation_t *r)
{
    acm_revoking_t  *v;

    for (v = o->revoking; v != NULL; v = v->next) {
        if (memcmp(v->r.hash, r->hash, ACM_HASH_LEN) == 0) {
            return 1;
        }
    }

    return 0;
}


acm_rc_t
acm_orders_revoke(acm_orders_t *o, const acm_issuer_t *issuer,
    acm_revocation_t *r, uint64_t revision, int64_t now, acm_err_t *err)
{
    int64_t          due_at;
    acm_rc_t         rc;
    acm_slot_t      *slot;
    acm_revoking_t  *v;

    slot = acm_orders_slot(o, issuer->name);

    if (slot == NULL || o->nrevoking == ACM_MAX_REVOKING) {
        return acm_fail(err, ACM_BUSY, "no more than %d revocations at a "
                        "time", ACM_MAX_REVOKING);
    }

    v = acm_calloc(1, sizeof(acm_revoking_t));

    if (v == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for a revocation");
    }

    v->orders = o;
    v->session = slot->session;
    v->r = *r;
    v->revision = revision;
    v->call.revoke = 1;
    v->call.done = acm_revoking_answered;
    v->call.data = v;
    acm_buf_init(&v->payload, ACM_MAX_JWS);

    memset(r, 0, sizeof(acm_revocation_t));

    due_at = v->r.due_at;
    v->r.attempts += (v->r.attempts < UINT32_MAX);
    v->r.due_at = acm_add_sat(now, acm_revoking_wait(&v->r));

    rc = acm_revocation_update(acm_keyring_store(o->conf.ring), &v->r,
                               &v->revision, due_at, now, err);

    if (rc != ACM_OK) {
        acm_revoking_free(v);
        return rc;
    }

    v->next = o->revoking;
    o->revoking = v;
    o->nrevoking++;
    acm_session_hold(v->session, 1);

    return acm_revoking_ask(v, err);
}


static acm_rc_t
acm_revoking_ask(acm_revoking_t *v, acm_err_t *err)
{
    int       reason;
    acm_rc_t  rc;

    acm_buf_free(&v->payload);
    acm_buf_init(&v->payload, ACM_MAX_JWS);

    reason = v->r.bare ? -1 : acm_revocation_code(v->r.reason);
    rc = acm_acme_revoke(&v->r.leaf, reason, &v->payload);

    if (rc != ACM_OK) {

        /* the next attempt is written down already */

        v->gone = 1;
        return acm_fail(err, rc, "a request to revoke cannot be written: %s",
                        acm_rc_text(rc));
    }

    v->answered = 0;
    v->call.payload = (char *) v->payload.data;

    acm_session_call(v->session, &v->call);

    return ACM_OK;
}


static void
acm_revoking_answered(acm_call_t *call)
{
    acm_revoking_t  *v = call->data;

    v->answered = 1;
    v->wake = 0;
}


acm_rc_t
acm_orders_revoke_run(acm_orders_t *o, int64_t ticks, int64_t *wake,
    int *moved, acm_err_t *err)
{
    acm_rc_t         rc;
    acm_revoking_t  *v, **link;

    for (link = &o->revoking; *link != NULL; /* void */) {
        v = *link;

        if (v->answered && v->wake <= ticks) {
            *moved = 1;
            rc = acm_revoking_step(v, err);

            if (rc != ACM_OK) {
                v->wake = ticks + ACM_ORDERS_REDO;
                return rc;
            }
        }

        if (v->gone) {
            *link = v->next;
            o->nrevoking--;
            acm_session_cancel(v->session, &v->call);
            acm_session_hold(v->session, -1);
            acm_revoking_free(v);
            continue;
        }

        if (v->answered && v->wake < *wake) {
            *wake = v->wake;
        }

        link = &v->next;
    }

    return ACM_OK;
}


static acm_rc_t
acm_revoking_step(acm_revoking_t *v, acm_err_t *err)
{
    acm_rc_t              rc;
    const acm_problem_t  *p;

    p = &v->call.problem;

    if (v->call.rc == ACM_OK || p->type == ACM_PROBLEM_ALREADY_REVOKED) {
        return acm_revoking_end(v, ACM_REVOKING_DONE, "", err);
    }

    if (p->type == ACM_PROBLEM_ACCOUNT_DOES_NOT_EXIST && !v->lost) {
        v->lost = 1;
        acm_session_account_lost(v->session);

        return acm_revoking_ask(v, err);
    }

    if (p->type == ACM_PROBLEM_BAD_REVOCATION_REASON && !v->r.bare
        && acm_revocation_code(v->r.reason) >= 0)
    {
        v->r.bare = 1;

        rc = acm_revocation_update(acm_keyring_store(v->orders->conf.ring),
                                   &v->r, &v->revision, v->r.due_at,
                                   acm_now(), err);
        if (rc != ACM_OK) {
            v->r.bare = 0;
            return rc;
        }

        return acm_revoking_ask(v, err);
    }

    if (p->type == ACM_PROBLEM_UNAUTHORIZED) {
        acm_session_account_suspect(v->session);
    }

    return acm_revoking_end(v, acm_revoking_refused(v) ? ACM_REVOKING_REFUSED
                                                       : ACM_REVOKING_WANTED,
                            p->text, err);
}


/* What the CA says of the certificate or the request is its last word; what
   is about the account or the CA itself may pass. */

static int
acm_revoking_refused(const acm_revoking_t *v)
{
    return v->call.rc == ACM_DENIED
           || v->call.problem.fault == ACM_FAULT_NAME;
}


/* WANTED: it failed, and is tried again. */

static acm_rc_t
acm_revoking_end(acm_revoking_t *v, acm_revoking_e state, const char *text,
    acm_err_t *err)
{
    char      line[ACM_MAX_ERROR];
    char     *error;
    int64_t   due_at, now;
    acm_rc_t  rc;

    now = acm_now();
    due_at = v->r.due_at;

    (void) snprintf(line, sizeof(line), "%s%.*s",
                    (*text == '\0') ? "" : "revocation: ",
                    (int) sizeof(line) - 16, text);

    error = acm_strdup(line);

    if (error == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for a revocation");
    }

    acm_free(v->r.error);
    v->r.error = error;
    v->r.state = state;

    if (state == ACM_REVOKING_WANTED) {
        v->r.due_at = acm_add_sat(now, acm_revoking_wait(&v->r));

        if (v->call.retry_after > v->r.due_at - now) {
            v->r.due_at = acm_add_sat(now,
                              (v->call.retry_after < ACM_REVOKE_AHEAD)
                              ? v->call.retry_after : ACM_REVOKE_AHEAD);
        }
    }

    rc = acm_revocation_update(acm_keyring_store(v->orders->conf.ring),
                               &v->r, &v->revision, due_at, now, err);

    if (rc != ACM_OK && rc != ACM_CONFLICT) {
        v->r.due_at = due_at;
        return rc;
    }

    /* a conflict: somebody else is at it */

    if (rc == ACM_OK) {
        acm_revoking_tell(v);
    }

    v->gone = 1;

    return ACM_OK;
}


static void
acm_revoking_tell(acm_revoking_t *v)
{
    acm_cert_t          cert;
    acm_orders_conf_t  *conf;

    conf = &v->orders->conf;

    if (conf->report == NULL) {
        return;
    }

    /* borrowed: the certificate itself may be gone */

    memset(&cert, 0, sizeof(acm_cert_t));
    cert.account = v->r.account;
    cert.region = v->r.region;
    memcpy(cert.uuid, v->r.uuid, sizeof(cert.uuid));
    cert.domain = v->r.domain;
    cert.serial = v->r.serial;
    cert.issued_by = v->r.issuer;
    cert.attempts = v->r.attempts;
    cert.due_at = v->r.due_at;
    cert.revoking = v->r.state;

    conf->report(conf->data, (v->r.state == ACM_REVOKING_DONE)
                             ? ACM_ORDERS_REVOKED : ACM_ORDERS_UNREVOKED,
                 &cert, NULL, v->r.error);
}


static int64_t
acm_revoking_wait(const acm_revocation_t *r)
{
    uint16_t  jitter;

    if (RAND_bytes((unsigned char *) &jitter, sizeof(jitter)) != 1) {
        jitter = 32768;
    }

    return acm_sched_backoff(r->attempts, ACM_REVOKE_BACKOFF,
                             ACM_REVOKE_BACKOFF_MAX, jitter);
}


void
acm_orders_revoke_done(acm_orders_t *o)
{
    acm_revoking_t  *v;

    while (o->revoking != NULL) {
        v = o->revoking;
        o->revoking = v->next;

        acm_session_cancel(v->session, &v->call);
        acm_revoking_free(v);
    }

    o->nrevoking = 0;
}


static void
acm_revoking_free(acm_revoking_t *v)
{
    acm_call_reset(&v->call);
    acm_buf_free(&v->payload);
    acm_revocation_free(&v->r);
    acm_free(v);
}
