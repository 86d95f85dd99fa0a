
/*
 * Copyright (C) The ngx_acm authors
 *
 * Revocations that are due: who is to be asked, or why nobody can be.
 */


#include <string.h>

#include "acm_certificate_impl.h"
#include "acm_engine_impl.h"


static acm_rc_t acm_engine_revocation(acm_engine_t *e, acm_revocation_t *r,
    uint64_t revision, int64_t now, acm_err_t *err);
static acm_rc_t acm_engine_revoke_over(acm_engine_t *e, acm_revocation_t *r,
    uint64_t revision, int64_t now, acm_err_t *err);
static acm_rc_t acm_engine_revoke_put(acm_engine_t *e, acm_revocation_t *r,
    uint64_t revision, acm_revoking_e state, int64_t due_at, int64_t now,
    const char *text, acm_err_t *err);


acm_rc_t
acm_engine_revoke(acm_engine_t *e, int64_t now, acm_err_t *err)
{
    acm_rc_t           rc;
    uint64_t           generation, revision;
    acm_snap_t        *snap;
    acm_revocation_t   r;

    generation = acm_store_generation(e->store);

    if (generation == e->revoke_generation && now < e->revoke_at && !e->back)
    {
        return ACM_NOTFOUND;
    }

    rc = acm_store_begin(e->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_revocation_due(snap, now, &r, &revision, &e->revoke_at);

    acm_store_end(snap);

    e->revoke_generation = generation;

    if (rc == ACM_OK) {
        e->revoke_at = now;
        rc = acm_engine_revocation(e, &r, revision, now, err);
        acm_revocation_free(&r);

    } else if (rc != ACM_NOTFOUND) {
        return acm_fail(err, rc, "the revocations that are due cannot be "
                        "read: %s", acm_rc_text(rc));
    }

    if (rc == ACM_BUSY) {

        /* as many as may be are under way: one of them will end */

        e->revoke_at = acm_add_sat(now, 1);
        rc = ACM_NOTFOUND;
    }

    return (rc == ACM_CONFLICT) ? ACM_OK : rc;
}


static acm_rc_t
acm_engine_revocation(acm_engine_t *e, acm_revocation_t *r,
    uint64_t revision, int64_t now, acm_err_t *err)
{
    int64_t              wait;
    acm_err_t            why;
    const acm_issuer_t  *issuer;

    issuer = acm_engine_issuer(e, r->issuer, strlen(r->issuer));

    if (now >= acm_add_sat(r->not_after, ACM_REVOKE_PAST)) {
        return acm_engine_revoke_over(e, r, revision, now, err);
    }

    if (issuer == NULL || (issuer->directory != NULL && e->orders == NULL)) {
        (void) acm_fail(&why, ACM_NOTFOUND, "issuer \"%s\" is not configured: "
                        "add it to \"acm\" until this is done", r->issuer);

        return acm_engine_revoke_put(e, r, revision, ACM_REVOKING_WANTED,
                                     acm_add_sat(now, ACM_REVOKE_BACKOFF_MAX),
                                     now, why.text, err);
    }

    if (issuer->directory == NULL) {
        (void) acm_fail(&why, ACM_INVALID, "the built-in CA \"%s\" did not "
                        "make it", r->issuer);

        return acm_engine_revoke_put(e, r, revision, ACM_REVOKING_REFUSED, 0,
                                     now, why.text, err);
    }

    wait = acm_orders_revoking(e->orders, r)
           ? ACM_REVOKE_INFLIGHT : acm_orders_blocked(e->orders, issuer);

    if (wait != 0) {
        return acm_engine_revoke_put(e, r, revision, ACM_REVOKING_WANTED,
                                     acm_add_sat(now, wait), now, NULL, err);
    }

    return acm_orders_revoke(e->orders, issuer, r, revision, now, err);
}


/*
 * It is given up when it is looked at on another day, and the clock says so
 * still: one that is ahead for a moment, by however much, ends nothing.
 */

static acm_rc_t
acm_engine_revoke_over(acm_engine_t *e, acm_revocation_t *r,
    uint64_t revision, int64_t now, acm_err_t *err)
{
    if (r->due_at < acm_add_sat(r->not_after, ACM_REVOKE_PAST)) {
        return acm_engine_revoke_put(e, r, revision, ACM_REVOKING_WANTED,
                                     acm_add_sat(now, ACM_REVOKE_AHEAD), now,
                                     NULL, err);
    }

    return acm_engine_revoke_put(e, r, revision, ACM_REVOKING_REFUSED, 0, now,
                                 "the certificate has expired before the CA "
                                 "could be asked", err);
}


/* text: NULL, it stays what it is */

static acm_rc_t
acm_engine_revoke_put(acm_engine_t *e, acm_revocation_t *r,
    uint64_t revision, acm_revoking_e state, int64_t due_at, int64_t now,
    const char *text, acm_err_t *err)
{
    char        *error;
    int64_t      was;
    acm_rc_t     rc;
    acm_cert_t   cert;

    was = r->due_at;
    r->state = state;
    r->due_at = due_at;

    if (text != NULL) {
        error = acm_strdup(text);

        if (error == NULL) {
            return acm_fail(err, ACM_NOMEM, "no memory for a revocation");
        }

        acm_free(r->error);
        r->error = error;
    }

    rc = acm_revocation_update(e->store, r, &revision, was, now, err);

    if (rc == ACM_OK && text != NULL && e->report != NULL) {

        /* borrowed: the certificate itself may be gone */

        memset(&cert, 0, sizeof(acm_cert_t));
        cert.account = r->account;
        cert.region = r->region;
        memcpy(cert.uuid, r->uuid, sizeof(cert.uuid));
        cert.domain = r->domain;
        cert.issuer = r->issuer;
        cert.issued_by = r->issuer;
        cert.due_at = r->due_at;
        cert.revoking = r->state;

        e->report(e->data, ACM_STEP_UNREVOKED, &cert, text);
    }

    return rc;
}
