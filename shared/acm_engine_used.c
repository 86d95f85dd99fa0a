
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates that nobody asks for, and what brings them back.
 */


#include <stdio.h>
#include <string.h>

#include "acm_certificate_impl.h"
#include "acm_engine_impl.h"


#define ACM_ENGINE_RACES  3          /* with acmctl, which may delete */


static acm_rc_t acm_engine_notes(acm_engine_t *e,
    const acm_used_note_t *notes, size_t n, int64_t now, uint8_t *awake,
    acm_err_t *err);
static acm_rc_t acm_engine_note(acm_batch_t *batch, acm_snap_t *snap,
    const acm_used_note_t *note, int64_t now, uint8_t *awake);
static acm_rc_t acm_engine_awake(acm_engine_t *e, const char *uuid,
    int64_t now, acm_err_t *err);
static acm_rc_t acm_engine_by_uuid(acm_snap_t *snap, const char *uuid,
    acm_cert_t *cert, uint64_t *revision);


/* What was asked for by hand, or is being asked for, is not looked at. */

void
acm_engine_idle(acm_engine_t *e, acm_snap_t *snap, const acm_cert_t *cert,
    int64_t now, char *why, size_t size)
{
    char     at[32];
    int64_t  since;

    why[0] = '\0';

    if (e->unused <= 0 || cert->due != ACM_DUE_RENEW || cert->forced
        || (e->orders != NULL && acm_orders_has(e->orders, cert->uuid))
        || !acm_used_idle(snap, cert, e->unused, now, &since))
    {
        return;
    }

    (void) snprintf(why, size, "was not served since %s (\"unused\")",
                    acm_time_text(since, at));
}


acm_rc_t
acm_engine_served(acm_engine_t *e, const acm_used_note_t *notes, size_t n,
    int64_t now, acm_err_t *err)
{
    size_t    i;
    uint8_t   awake[ACM_MAX_NOTES];
    acm_rc_t  rc;
    unsigned  tries;

    if (n > ACM_MAX_NOTES) {
        return acm_fail(err, ACM_TOOBIG, "more than %d notes of served "
                        "certificates", ACM_MAX_NOTES);
    }

    tries = 0;

    do {
        rc = acm_engine_notes(e, notes, n, now, awake, err);
    } while (rc == ACM_CONFLICT && ++tries < ACM_ENGINE_RACES);

    for (i = 0; i < n && rc == ACM_OK; i++) {
        if (awake[i]) {
            rc = acm_engine_awake(e, notes[i].uuid, now, err);
        }
    }

    return rc;
}


static acm_rc_t
acm_engine_notes(acm_engine_t *e, const acm_used_note_t *notes, size_t n,
    int64_t now, uint8_t *awake, acm_err_t *err)
{
    size_t       i;
    acm_rc_t     rc;
    acm_snap_t  *snap;
    acm_batch_t  batch;

    rc = acm_store_begin(e->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_batch_init(&batch);

    /* it is not worth the room that is kept for renewals */

    batch.grow = 1;

    for (i = 0; i < n && rc == ACM_OK; i++) {
        rc = acm_engine_note(&batch, snap, &notes[i], now, &awake[i]);
    }

    acm_store_end(snap);

    if (rc != ACM_OK) {
        (void) acm_fail(err, rc, "which certificates were served cannot be "
                        "written down: %s", acm_rc_text(rc));

    } else if (batch.nops != 0 || batch.rc != ACM_OK) {
        rc = acm_commit(e->store, &batch, err);
    }

    acm_batch_free(&batch);

    return rc;
}


/* One of a certificate that was deleted, or cannot be read, is dropped. */

static acm_rc_t
acm_engine_note(acm_batch_t *batch, acm_snap_t *snap,
    const acm_used_note_t *note, int64_t now, uint8_t *awake)
{
    acm_rc_t    rc;
    uint64_t    revision;
    acm_cert_t  cert;

    *awake = 0;

    rc = acm_engine_by_uuid(snap, note->uuid, &cert, &revision);

    if (rc != ACM_OK) {
        return (rc == ACM_NOMEM) ? rc : ACM_OK;
    }

    *awake = (cert.unused_at != 0);

    acm_batch_expect_cert(batch, &cert, revision);
    acm_used_merge(batch, snap, note, now);

    acm_cert_free(&cert);

    return ACM_OK;
}


/* Its renewal was given up, and now somebody wants it. */

static acm_rc_t
acm_engine_awake(acm_engine_t *e, const char *uuid, int64_t now,
    acm_err_t *err)
{
    acm_rc_t     rc;
    uint64_t     revision;
    acm_cert_t   cert, next;
    acm_snap_t  *snap;

    rc = acm_store_begin(e->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_engine_by_uuid(snap, uuid, &cert, &revision);

    acm_store_end(snap);

    if (rc != ACM_OK) {
        return (rc == ACM_NOMEM) ? rc : ACM_OK;
    }

    if (cert.unused_at == 0) {
        acm_cert_free(&cert);
        return ACM_OK;
    }

    next = cert;
    next.unused_at = 0;
    next.due = ACM_DUE_RENEW;
    next.due_at = now;

    rc = acm_certificate_update(e->store, &cert, revision, &next, NULL, now,
                                err);

    if (rc == ACM_OK && e->report != NULL) {
        e->report(e->data, ACM_STEP_SERVED, &next, "");
    }

    acm_cert_free(&cert);

    /* whoever was faster has changed it: the next sample says so again */

    return (rc == ACM_CONFLICT) ? ACM_OK : rc;
}


static acm_rc_t
acm_engine_by_uuid(acm_snap_t *snap, const char *uuid, acm_cert_t *cert,
    uint64_t *revision)
{
    acm_rc_t   rc;
    acm_ref_t  ref;

    rc = acm_used_owner(snap, uuid, &ref);

    if (rc != ACM_OK) {
        return rc;
    }

    return acm_cert_get(snap, ref.account, ref.region, uuid, cert, revision);
}
