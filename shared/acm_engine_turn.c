
/*
 * Copyright (C) The ngx_acm authors
 *
 * Whose turn it is: which issuer makes a certificate, what comes before other
 * things, and whether anybody wants it.
 */


#include <stdlib.h>
#include <string.h>

#include "acm_certificate_impl.h"
#include "acm_engine_impl.h"
#include "acm_issue.h"


#define ACM_ENGINE_GROUP   128       /* put off in one commit */


static int acm_identity_order(const void *a, const void *b);
static void acm_engine_off(acm_engine_t *e, acm_batch_t *batch,
    const acm_cert_t *cert, uint64_t revision, int64_t now);


/* With less than half of the time left that a renewal has, or revoked; or
   new. */

acm_urgency_e
acm_engine_urgent(const acm_cert_t *cert, int64_t now)
{
    if (cert->version == 0) {
        return ACM_URGENCY_NEW;
    }

    return (now > cert->not_after - (cert->not_after - cert->renew_at) / 2
            || cert->status == ACM_STATUS_REVOKED)
           ? ACM_URGENCY_LATE : ACM_URGENCY_NONE;
}


int
acm_engine_full(acm_engine_t *e)
{
    size_t               i;
    const acm_issuer_t  *issuer;

    for (i = 0; i < e->nissuers; i++) {
        issuer = &e->issuers[i];

        if (issuer->directory == NULL || e->orders == NULL
            || acm_orders_room(e->orders, issuer, ACM_URGENCY_LATE)
            || acm_orders_blocked(e->orders, issuer) != 0)
        {
            return 0;
        }
    }

    return e->nissuers != 0;
}


/*
 * Whose turn it is, of the certificate's issuers: one whose CA is not known
 * to be in trouble, if there is one.
 */

const acm_issuer_t *
acm_engine_turn(acm_engine_t *e, const acm_cert_t *cert)
{
    size_t               i, n;
    const acm_issuer_t  *issuer, *first;

    first = acm_engine_nth(e, cert->issuer, cert->turn, &n);

    for (i = 0; i < n; i++) {
        issuer = acm_engine_nth(e, cert->issuer,
                                (uint32_t) ((cert->turn + i) % n), &n);

        if (issuer != NULL
            && (issuer->directory == NULL || e->orders == NULL
                || acm_orders_blocked(e->orders, issuer) == 0))
        {
            return issuer;
        }
    }

    return first;
}


/* The nth of issuers' names with spaces between. */

const acm_issuer_t *
acm_engine_nth(acm_engine_t *e, const char *issuers, uint32_t n,
    size_t *count)
{
    size_t               len;
    const acm_issuer_t  *issuer;

    issuer = NULL;

    for (*count = 0; *issuers != '\0'; (*count)++) {
        len = strcspn(issuers, " ");

        if (*count == n) {
            issuer = acm_engine_issuer(e, issuers, len);
        }

        issuers += len + (issuers[len] == ' ');
    }

    return issuer;
}


int
acm_engine_early(void *engine, acm_snap_t *snap, const acm_cert_t *cert,
    int64_t now)
{
    acm_engine_t        *e = engine;
    const acm_issuer_t  *issuer;

    issuer = acm_engine_issuer(e, cert->issued_by, strlen(cert->issued_by));

    return issuer != NULL && issuer->directory == NULL
           && acm_issue_begun(snap, issuer->name, now);
}


const acm_issuer_t *
acm_engine_issuer(acm_engine_t *e, const char *name, size_t len)
{
    size_t  i;

    for (i = 0; i < e->nissuers; i++) {
        if (strlen(e->issuers[i].name) == len
            && memcmp(e->issuers[i].name, name, len) == 0)
        {
            return &e->issuers[i];
        }
    }

    return NULL;
}


/*
 * A CA in trouble may have thousands that are due: they go out of the way of
 * the others together, as each commit waits for the disk.
 */

acm_rc_t
acm_engine_put_off(acm_engine_t *e, const uint8_t *from, size_t len,
    int64_t now, acm_err_t *err)
{
    size_t        n;
    int64_t       at;
    acm_rc_t      rc;
    acm_ref_t     ref;
    uint64_t      revision;
    acm_due_e     kind;
    acm_cert_t    cert;
    acm_snap_t   *snap;
    acm_batch_t   batch;
    acm_entry_t   entry;

    rc = acm_store_begin(e->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    n = 0;
    acm_batch_init(&batch);

    for (rc = acm_store_seek(snap, ACM_DB_DUE, from, len, &entry);
         (rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL))
         && n < ACM_ENGINE_GROUP;
         rc = acm_store_next(snap, ACM_DB_DUE, &entry))
    {
        n++;

        if (acm_due_key_parse(entry.key, entry.key_len, &at, &kind, ref.uuid)
            != ACM_OK)
        {
            continue;
        }

        if (at > now) {
            break;
        }

        if (rc != ACM_OK
            || acm_ref_decode(entry.data, entry.len, &ref) != ACM_OK
            || acm_cert_get(snap, ref.account, ref.region, ref.uuid, &cert,
                            &revision)
               != ACM_OK)
        {
            continue;
        }

        if (cert.due == kind && cert.due_at == at) {
            acm_engine_off(e, &batch, &cert, revision, now);
        }

        acm_cert_free(&cert);
    }

    acm_store_end(snap);

    rc = (batch.nops != 0) ? acm_commit(e->store, &batch, err)
                           : ACM_NOTFOUND;

    acm_batch_free(&batch);

    return rc;
}


/* Unless it is not this that it waits for; no attempt is counted. */

static void
acm_engine_off(acm_engine_t *e, acm_batch_t *batch, const acm_cert_t *cert,
    uint64_t revision, int64_t now)
{
    int64_t              wait;
    acm_cert_t           next;
    const acm_issuer_t  *issuer;

    if (cert->due != ACM_DUE_ISSUE && cert->due != ACM_DUE_RENEW) {
        return;
    }

    issuer = acm_engine_turn(e, cert);

    if (issuer == NULL || issuer->directory == NULL
        || acm_orders_has(e->orders, cert->uuid))
    {
        return;
    }

    wait = acm_orders_blocked(e->orders, issuer);

    if (wait == 0) {
        return;
    }

    next = *cert;
    next.due_at = acm_add_sat(now, wait);

    acm_batch_expect_cert(batch, cert, revision);
    acm_batch_change(batch, cert, &next, now);
}


/* What was requested over the API is wanted until it is deleted.  What was
   made on demand is renewed as long as anything is made so, and its issuer is
   there. */

int
acm_engine_configured(acm_engine_t *e, const acm_cert_t *cert)
{
    size_t  i, n;

    if (cert->managed || acm_engine_requested(e, cert->identity)) {
        return 1;
    }

    if (!cert->demanded || e->demand == NULL) {
        return 0;
    }

    (void) acm_engine_nth(e, cert->issuer, 0, &n);

    for (i = 0; i < n; i++) {
        if (acm_engine_nth(e, cert->issuer, (uint32_t) i, &n) != NULL) {
            return 1;
        }
    }

    return 0;
}


int
acm_engine_requested(acm_engine_t *e, const uint8_t *identity)
{
    return bsearch(identity, e->identities, e->nrequests, ACM_HASH_LEN,
                   acm_identity_order)
           != NULL;
}


acm_rc_t
acm_engine_identities(acm_engine_t *e, acm_err_t *err)
{
    size_t  i;

    e->identities = acm_calloc(e->nrequests + 1, ACM_HASH_LEN);

    if (e->identities == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for the configured "
                        "certificates");
    }

    for (i = 0; i < e->nrequests; i++) {
        acm_request_identity(&e->requests[i],
                             e->identities + i * ACM_HASH_LEN);
    }

    qsort(e->identities, e->nrequests, ACM_HASH_LEN, acm_identity_order);

    for (i = 1; i < e->nrequests; i++) {
        e->twins |= (acm_identity_order(e->identities + i * ACM_HASH_LEN,
                                        e->identities + (i - 1)
                                                        * ACM_HASH_LEN)
                     == 0);
    }

    return ACM_OK;
}


static int
acm_identity_order(const void *a, const void *b)
{
    return memcmp(a, b, ACM_HASH_LEN);
}
