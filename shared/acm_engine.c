
/*
 * Copyright (C) The ngx_acm authors
 *
 * The steps of the helper over the due index.  What is attempted is written
 * down before the attempt, with its back-off, so that a process that dies in
 * a step again and again does so ever more slowly.
 */


#include <openssl/rand.h>
#include <string.h>

#include "acm_engine_impl.h"
#include "acm_failed.h"
#include "acm_issue.h"
#include "acm_renewal.h"


/* after the first failure: a built-in CA is nobody else's, so soon */
#define ACM_ENGINE_BACKOFF   2           /* seconds */
#define ACM_ENGINE_POSTPONE  3600        /* for a record we cannot read */
#define ACM_ENGINE_PASS      16          /* entries passed over at a time */
#define ACM_ENGINE_INFLIGHT  600         /* due again while under way, s */


/* a due entry and the certificate behind it */

typedef struct {
    uint8_t      key[ACM_MAX_STORE_KEY];
    size_t       key_len;
    uint64_t     key_revision;
    int64_t      at;
    acm_due_e    kind;
    acm_ref_t    ref;
    acm_cert_t   cert;
    uint64_t     revision;
    acm_rc_t     rc;                     /* of reading the certificate */
    acm_demand_e demand;                 /* YES: it may be renewed */
    int64_t      demand_at;              /* when NOT_NOW */
    unsigned     unproved:1;             /* NOT_NOW, as names are not */
    char         idle[64];               /* why it is unused, or "" */
} acm_work_t;


static acm_rc_t acm_engine_next(acm_engine_t *e, int64_t now,
    acm_work_t *work, int64_t *next, acm_err_t *err);
static acm_rc_t acm_engine_read(acm_snap_t *snap, const acm_entry_t *entry,
    acm_work_t *work);
static acm_rc_t acm_engine_step(acm_engine_t *e, acm_work_t *work,
    int64_t now, acm_err_t *err);
static acm_rc_t acm_engine_stray(acm_engine_t *e, const acm_work_t *work,
    int64_t now, acm_err_t *err);
static acm_rc_t acm_engine_retire(acm_engine_t *e, acm_work_t *work,
    int64_t now, const char *why, acm_err_t *err);
static int acm_engine_can(acm_engine_t *e, acm_work_t *work, int64_t now);
static acm_rc_t acm_engine_order(acm_engine_t *e, acm_work_t *work,
    const acm_issuer_t *issuer, int64_t now, acm_err_t *err);
static acm_rc_t acm_engine_ari(acm_engine_t *e, acm_work_t *work,
    int64_t now, acm_err_t *err);
static acm_rc_t acm_engine_postpone(acm_engine_t *e, acm_work_t *work,
    int64_t at, int64_t now, acm_err_t *err);
static acm_rc_t acm_engine_issue(acm_engine_t *e, acm_work_t *work,
    int64_t now, acm_err_t *err);
static acm_rc_t acm_engine_attempt(acm_engine_t *e, acm_work_t *work,
    int64_t now, acm_err_t *err);
static acm_rc_t acm_engine_failed(acm_engine_t *e, acm_work_t *work,
    const acm_issuer_t *issuer, int64_t now, const acm_err_t *why,
    acm_err_t *err);
static void acm_engine_tell(acm_engine_t *e, acm_step_e step,
    const acm_cert_t *cert, const char *text);


acm_rc_t
acm_engine_tick(acm_engine_t *e, int64_t now, int64_t *next, acm_err_t *err)
{
    size_t      from;
    acm_rc_t    rc;
    acm_work_t  work;

    if (e->identities == NULL) {
        rc = acm_engine_identities(e, err);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    acm_engine_clock(e, now);

    rc = acm_engine_revoke(e, now, err);

    if (rc != ACM_NOTFOUND) {
        return rc;
    }

    if (!acm_engine_ensured(e, now)) {
        return acm_engine_ensure(e, now);
    }

    if (e->behind && acm_orders_begun(e->orders) == 0) {

        /* that is committed, and its entries have moved */

        e->behind = 0;
        e->cursor_len = 0;
    }

    from = e->cursor_len;

    rc = acm_engine_next(e, now, &work, next, err);

    if (rc == ACM_NOTFOUND && from != 0 && e->cursor_len == 0) {

        /* nothing behind what was passed over: from the beginning again */

        rc = acm_engine_next(e, now, &work, next, err);
    }

    if (rc == ACM_NOTFOUND && e->revoke_at < *next) {
        *next = e->revoke_at;
    }

    if (rc == ACM_NOTFOUND && e->ensure_rc != ACM_OK) {

        /* told once a pass, when nothing more urgent is to be done */

        rc = e->ensure_rc;
        e->ensure_rc = ACM_OK;

        return acm_fail(err, rc, "%s", e->ensure_err.text);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_engine_step(e, &work, now, err);

    if (rc != ACM_OK && err != NULL && err->text[0] == '\0') {
        (void) acm_fail(err, rc, "certificate %s: %s", work.ref.uuid,
                        acm_rc_text(rc));
    }

    acm_cert_free(&work.cert);

    /* somebody else was there meanwhile: look again */

    return (rc == ACM_CONFLICT) ? ACM_OK : rc;
}


void
acm_engine_done(acm_engine_t *e)
{
    acm_free(e->identities);
    e->identities = NULL;
}


/*
 * The first due entry that can be worked on.  An entry that we cannot make
 * sense of, of a newer version perhaps, is left where it is and passed over;
 * so is one whose CA has as many orders as it may have.  What is passed over
 * is not read again in the next slice, which goes on behind it.
 */

static acm_rc_t
acm_engine_next(acm_engine_t *e, int64_t now, acm_work_t *work,
    int64_t *next, acm_err_t *err)
{
    int           full;
    size_t        passed;
    acm_rc_t      rc;
    acm_snap_t   *snap;
    acm_entry_t   entry;

    passed = 0;
    full = acm_engine_full(e);
    *next = INT64_MAX;

    rc = acm_store_begin(e->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    for (rc = acm_store_seek(snap, ACM_DB_DUE, e->cursor, e->cursor_len,
                             &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_DUE, &entry))
    {
        if (acm_due_key_parse(entry.key, entry.key_len, &work->at,
                              &work->kind, work->ref.uuid)
            != ACM_OK)
        {
            continue;
        }

        if (work->at > now) {
            *next = work->at;
            rc = ACM_NOTFOUND;
            break;
        }

        if (rc == ACM_OK
            && !(full && (work->kind == ACM_DUE_ISSUE
                          || work->kind == ACM_DUE_RENEW))
            && acm_engine_read(snap, &entry, work) == ACM_OK)
        {
            acm_engine_idle(e, snap, &work->cert, now, work->idle,
                            sizeof(work->idle));

            if (acm_engine_can(e, work, now)) {
                break;
            }

            acm_cert_free(&work->cert);
        }

        if (++passed == ACM_ENGINE_PASS) {
            memcpy(e->cursor, entry.key, entry.key_len);
            e->cursor_len = entry.key_len;
            e->behind = 0;
            *next = now;
            rc = ACM_NOTFOUND;
            break;
        }
    }

    acm_store_end(snap);

    if (passed != ACM_ENGINE_PASS) {
        e->cursor_len = 0;
    }

    if (rc != ACM_OK && rc != ACM_NOTFOUND) {
        return acm_fail(err, rc, "the due index cannot be read: %s",
                        acm_rc_text(rc));
    }

    return rc;
}


static acm_rc_t
acm_engine_read(acm_snap_t *snap, const acm_entry_t *entry, acm_work_t *work)
{
    acm_rc_t  rc;

    rc = acm_ref_decode(entry->data, entry->len, &work->ref);

    if (rc != ACM_OK) {
        return rc;
    }

    memcpy(work->key, entry->key, entry->key_len);
    work->key_len = entry->key_len;
    work->key_revision = entry->revision;

    memset(&work->cert, 0, sizeof(acm_cert_t));

    work->rc = acm_cert_get(snap, work->ref.account, work->ref.region,
                            work->ref.uuid, &work->cert, &work->revision);

    return ACM_OK;
}


static acm_rc_t
acm_engine_step(acm_engine_t *e, acm_work_t *work, int64_t now,
    acm_err_t *err)
{
    if (work->rc == ACM_NOMEM) {
        return acm_fail(err, ACM_NOMEM, "no memory for a certificate");
    }

    if (work->rc != ACM_OK || work->cert.due != work->kind
        || work->cert.due_at != work->at)
    {
        return acm_engine_stray(e, work, now, err);
    }

    switch (work->kind) {

    case ACM_DUE_NONE:
        return acm_engine_stray(e, work, now, err);

    case ACM_DUE_EXPIRE:

        /* of earlier versions: now the watch does it */

        return acm_engine_retire(e, work, now, NULL, err);

    case ACM_DUE_ISSUE:
    case ACM_DUE_RENEW:
    case ACM_DUE_ARI:
        break;
    }

    if (!acm_engine_configured(e, &work->cert)) {
        return acm_engine_retire(e, work, now, "", err);
    }

    if (work->idle[0] != '\0') {
        return acm_engine_retire(e, work, now, work->idle, err);
    }

    if (acm_engine_late(&work->cert, now)
        && (e->orders == NULL || !acm_orders_has(e->orders, work->cert.uuid)))
    {
        return acm_engine_retire(e, work, now,
                                 (work->cert.type == ACM_TYPE_PRIVATE)
                                 ? "was not issued within 72 hours"
                                 : "was not validated within 72 hours", err);
    }

    if (work->demand == ACM_DEMAND_NO) {
        return acm_engine_retire(e, work, now,
                                 "is refused by \"on_demand\"", err);
    }

    if (work->demand == ACM_DEMAND_NOT_NOW) {
        return acm_engine_postpone(e, work, work->demand_at, now, err);
    }

    if (work->kind == ACM_DUE_ARI) {
        return acm_engine_ari(e, work, now, err);
    }

    return acm_engine_issue(e, work, now, err);
}


/* 0: its CA has enough to do already, or it is being asked for */

static int
acm_engine_can(acm_engine_t *e, acm_work_t *work, int64_t now)
{
    const acm_issuer_t  *issuer;

    work->demand = ACM_DEMAND_YES;
    work->unproved = 0;

    if (work->rc != ACM_OK || work->cert.due != work->kind
        || work->cert.due_at != work->at || work->idle[0] != '\0'
        || (work->kind != ACM_DUE_ISSUE && work->kind != ACM_DUE_RENEW))
    {
        return 1;
    }

    if (e->orders != NULL && acm_orders_fresh(e->orders, work->cert.uuid)) {
        return 0;
    }

    issuer = acm_engine_turn(e, &work->cert);

    if (e->orders != NULL && issuer != NULL && issuer->directory != NULL) {

        if (acm_orders_has(e->orders, work->cert.uuid)
            || acm_orders_blocked(e->orders, issuer) != 0)
        {
            return 1;
        }

        if (acm_orders_clash(e->orders, issuer, &work->cert)) {
            return 0;
        }

        if (!acm_orders_room(e->orders, issuer,
                             acm_engine_urgent(&work->cert, now))) {
            return 0;
        }
    }

    /* the first attempt is made because the answer was yes just now */

    if (work->cert.demanded && e->demand != NULL
        && (work->kind == ACM_DUE_RENEW || work->cert.attempts != 0)
        && acm_engine_configured(e, &work->cert)
        && !acm_engine_requested(e, work->cert.identity))
    {
        work->demand = e->demand(e->data, &work->cert, now,
                                 &work->demand_at);
    }

    if (e->proof != NULL && issuer != NULL && issuer->directory == NULL
        && issuer->dns_proof && work->cert.managed
        && work->cert.type == ACM_TYPE_ISSUED
        && work->cert.proof == ACM_PROOF_DNS
        && !acm_engine_late(&work->cert, now))
    {
        work->demand = e->proof(e->data, &work->cert, now, &work->demand_at);
        work->unproved = (work->demand == ACM_DEMAND_NOT_NOW);
    }

    return work->demand != ACM_DEMAND_WAIT;
}


/* Later, and no attempt is counted. */

static acm_rc_t
acm_engine_postpone(acm_engine_t *e, acm_work_t *work, int64_t at,
    int64_t now, acm_err_t *err)
{
    acm_cert_t  next;

    next = work->cert;
    next.due_at = at;

    if (work->unproved && next.version != 0) {
        acm_renewal_failed(&next, ACM_REASON_PENDING_DOMAIN_VALIDATION, now);
    }

    return acm_certificate_update(e->store, &work->cert, work->revision,
                                  &next, NULL, now, err);
}


static acm_rc_t
acm_engine_order(acm_engine_t *e, acm_work_t *work,
    const acm_issuer_t *issuer, int64_t now, acm_err_t *err)
{
    int64_t    wait;
    acm_rc_t   rc;
    acm_err_t  why;

    if (e->orders == NULL || acm_orders_has(e->orders, work->cert.uuid)) {
        return acm_engine_postpone(e, work,
                                   acm_add_sat(now, ACM_ENGINE_INFLIGHT), now,
                                   err);
    }

    wait = acm_orders_blocked(e->orders, issuer);

    if (wait != 0) {
        rc = acm_engine_put_off(e, work->key, work->key_len, now, err);

        /* raced for, so this one alone */

        return (rc != ACM_NOTFOUND && rc != ACM_CONFLICT) ? rc
               : acm_engine_postpone(e, work, acm_add_sat(now, wait), now,
                                     err);
    }

    why.text[0] = '\0';
    rc = acm_orders_begin(e->orders, issuer, &work->cert, work->revision,
                          now, &why);

    if (rc == ACM_INVALID || rc == ACM_ERROR) {

        /* a key or request that cannot be made is no fault of the store */

        rc = acm_engine_attempt(e, work, now, err);

        return (rc == ACM_OK)
               ? acm_engine_failed(e, work, issuer, now, &why, err) : rc;
    }

    if (rc != ACM_OK && rc != ACM_BUSY) {
        return acm_fail(err, rc, "%s", why.text);
    }

    if (rc == ACM_OK && acm_orders_begun(e->orders) != 0) {

        /* until that is committed its entry is where it was: pass over it */

        memcpy(e->cursor, work->key, work->key_len);
        e->cursor_len = work->key_len;
        e->behind = 1;
    }

    return ACM_OK;
}


static acm_rc_t
acm_engine_ari(acm_engine_t *e, acm_work_t *work, int64_t now,
    acm_err_t *err)
{
    acm_cert_t           next;
    const acm_issuer_t  *issuer;

    issuer = acm_engine_issuer(e, work->cert.issued_by,
                               strlen(work->cert.issued_by));

    if (e->orders != NULL && issuer != NULL && issuer->directory != NULL) {
        return acm_orders_ask_ari(e->orders, issuer, &work->cert,
                                  work->revision, now, err);
    }

    next = work->cert;
    next.ari_at = 0;
    acm_certificate_schedule(&next);

    return acm_certificate_update(e->store, &work->cert, work->revision,
                                  &next, NULL, now, err);
}


/*
 * An entry that its certificate does not know of goes, and the one that it
 * does know of is put in its place; one whose certificate cannot be read now
 * is tried later, so that it blocks no other.
 */

static acm_rc_t
acm_engine_stray(acm_engine_t *e, const acm_work_t *work, int64_t now,
    acm_err_t *err)
{
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    acm_buf_t    buf;
    acm_batch_t  batch;

    acm_batch_init(&batch);
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    acm_batch_expect(&batch, ACM_DB_DUE, work->key, work->key_len,
                     work->key_revision);
    acm_batch_delete(&batch, ACM_DB_DUE, work->key, work->key_len);

    rc = ACM_OK;
    len = 0;

    if (work->rc == ACM_OK && work->cert.due != ACM_DUE_NONE) {
        len = acm_due_key(key, work->cert.due_at, work->cert.due,
                          work->ref.uuid);

    } else if (work->rc != ACM_OK && work->rc != ACM_NOTFOUND) {
        len = acm_due_key(key, acm_add_sat(now, ACM_ENGINE_POSTPONE),
                          work->kind, work->ref.uuid);
    }

    if (len != 0) {
        rc = acm_ref_encode(&work->ref, &buf);

        if (rc == ACM_OK) {
            acm_batch_put(&batch, ACM_DB_DUE, key, len, buf.data, buf.len);
        }
    }

    if (rc == ACM_OK) {
        rc = acm_store_commit(e->store, &batch, err);
    }

    acm_buf_free(&buf);
    acm_batch_free(&batch);

    if (rc == ACM_OK && work->rc != ACM_OK && work->rc != ACM_NOTFOUND) {

        /* it is out of the way; now it can be told */

        return acm_fail(err, work->rc, "certificate %s cannot be read: %s; "
                        "restore it from a backup", work->ref.uuid,
                        acm_rc_text(work->rc));
    }

    return rc;
}


/* Nobody asks for it any more: it lives to its end and is not renewed.  why:
   for the log, NULL for nothing there. */

static acm_rc_t
acm_engine_retire(acm_engine_t *e, acm_work_t *work, int64_t now,
    const char *why, acm_err_t *err)
{
    acm_rc_t    rc;
    acm_cert_t  next;

    next = work->cert;
    next.unused_at = (work->idle[0] != '\0') ? now : 0;
    next.due = ACM_DUE_NONE;
    next.due_at = 0;

    if (acm_engine_late(&work->cert, now)) {
        next.status = ACM_STATUS_VALIDATION_TIMED_OUT;

        if (next.type == ACM_TYPE_PRIVATE) {

            /* there was nothing to validate */

            acm_failed_set(&next, (next.reason == ACM_REASON_NONE)
                                  ? ACM_REASON_PCA_REQUEST_FAILED
                                  : next.reason, NULL);
        }
    }

    rc = acm_certificate_update(e->store, &work->cert, work->revision, &next,
                                NULL, now, err);

    if (rc == ACM_OK && why != NULL) {
        acm_engine_tell(e, ACM_STEP_IDLE, &next, why);
    }

    return rc;
}


static acm_rc_t
acm_engine_issue(acm_engine_t *e, acm_work_t *work, int64_t now,
    acm_err_t *err)
{
    int                  first;
    acm_rc_t             rc;
    acm_err_t            why;
    acm_bundle_t         bundle;
    acm_install_t        install;
    const acm_issuer_t  *issuer;

    why.text[0] = '\0';
    first = (work->cert.version == 0);
    issuer = acm_engine_turn(e, &work->cert);

    if (issuer != NULL && issuer->directory != NULL && work->cert.managed
        && work->cert.type == ACM_TYPE_PRIVATE)
    {
        /* it was a built-in CA, and is none now */

        issuer = NULL;
    }

    if (issuer != NULL && issuer->directory != NULL) {
        rc = acm_engine_hopeless(e, &work->cert, work->revision, now, &why,
                                 err);

        return (rc == ACM_NOTFOUND)
               ? acm_engine_order(e, work, issuer, now, err) : rc;
    }

    rc = acm_engine_attempt(e, work, now, err);

    if (rc != ACM_OK) {
        return rc;
    }

    if (issuer == NULL) {
        (void) acm_fail(&why, ACM_NOTFOUND, "issuer \"%s\" is not "
                        "configured: add it to \"acm\"", work->cert.issuer);
        return acm_engine_failed(e, work, NULL, now, &why, err);
    }

    rc = acm_issue_bundle(e->ring, issuer, &work->cert, now, &bundle, &why);

    if (rc != ACM_OK) {
        return acm_engine_failed(e, work, issuer, now, &why, err);
    }

    memset(&install, 0, sizeof(acm_install_t));

    install.now = now;
    install.renew_at = acm_sched_renew_at(bundle.info.not_before,
                                          bundle.info.not_after);
    install.issued_by = issuer->name;

    rc = acm_certificate_install(e->ring, &work->cert, work->revision,
                                 &bundle, &install, &why);
    acm_bundle_free(&bundle);

    if (rc == ACM_CONFLICT) {
        return rc;
    }

    if (rc != ACM_OK) {
        return acm_engine_failed(e, work, issuer, now, &why, err);
    }

    acm_engine_tell(e, first ? ACM_STEP_ISSUED : ACM_STEP_RENEWED,
                    &work->cert, "");

    return ACM_OK;
}


/* Writes the attempt and when the next one may be, before it is made. */

static acm_rc_t
acm_engine_attempt(acm_engine_t *e, acm_work_t *work, int64_t now,
    acm_err_t *err)
{
    int64_t       due_at, wait;
    uint16_t      jitter;
    uint32_t      attempts;
    acm_rc_t      rc;
    acm_cert_t   *cert, next;
    acm_snap_t   *snap;

    cert = &work->cert;

    if (RAND_bytes((unsigned char *) &jitter, sizeof(jitter)) != 1) {
        return acm_fail_ssl(err, ACM_ERROR, "no random numbers");
    }

    next = *cert;
    next.attempts = (cert->attempts == UINT32_MAX) ? UINT32_MAX
                                                   : cert->attempts + 1;

    wait = acm_sched_backoff(cert->attempts, ACM_ENGINE_BACKOFF,
                             ACM_BACKOFF_MAX, jitter);
    wait = acm_sched_hurry(wait, cert->not_before, cert->not_after, now);

    next.due_at = acm_add_sat(now, wait);

    acm_renewal_started(&next, now);

    rc = acm_certificate_update(e->store, cert, work->revision, &next, NULL,
                                now, err);

    if (rc != ACM_OK) {
        return rc;
    }

    attempts = next.attempts;
    due_at = next.due_at;

    /* the record has a new revision now, and more of it is new */

    rc = acm_store_begin(e->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    memset(&next, 0, sizeof(acm_cert_t));

    rc = acm_cert_get(snap, cert->account, cert->region, cert->uuid, &next,
                      &work->revision);

    acm_store_end(snap);

    if (rc == ACM_OK
        && (next.attempts != attempts || next.due_at != due_at))
    {
        acm_cert_free(&next);
        rc = ACM_CONFLICT;
    }

    if (rc == ACM_OK) {
        acm_cert_free(cert);
        *cert = next;
    }

    return (rc == ACM_NOTFOUND) ? ACM_CONFLICT : rc;
}


/* issuer: NULL, there is none */

static acm_rc_t
acm_engine_failed(acm_engine_t *e, acm_work_t *work,
    const acm_issuer_t *issuer, int64_t now, const acm_err_t *why,
    acm_err_t *err)
{
    acm_rc_t    rc;
    acm_cert_t  next;

    next = work->cert;
    next.last_error = (char *) why->text;
    next.last_error_at = now;
    acm_renewal_failed(&next, (next.type == ACM_TYPE_PRIVATE)
                              ? acm_engine_private(e, &next, issuer, now)
                              : ACM_REASON_OTHER, now);

    rc = acm_certificate_update(e->store, &work->cert, work->revision, &next,
                                NULL, now, err);

    /* also when the store took no note of it: the log is the only witness */

    acm_engine_tell(e, ACM_STEP_FAILED, &next, why->text);

    return rc;
}


static void
acm_engine_tell(acm_engine_t *e, acm_step_e step, const acm_cert_t *cert,
    const char *text)
{
    if (e->report != NULL) {
        e->report(e->data, step, cert, text);
    }
}
