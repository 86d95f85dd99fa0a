
/*
 * Copyright (C) The ngx_acm authors
 *
 * How an order begins: the attempt, a new key and its request, and what is
 * taken from our limits are one commit, before the CA hears of it.
 */


#include <openssl/rand.h>
#include <string.h>

#include "acm_issued.h"
#include "acm_limit.h"
#include "acm_orders_impl.h"
#include "acm_renewal.h"
#include "acm_sched.h"


static void acm_begin_record(acm_slot_t *slot, const acm_cert_t *cert,
    int64_t now, acm_order_rec_t *rec);
static acm_rc_t acm_begin_key(acm_orders_t *o, const acm_cert_t *cert,
    acm_order_rec_t *rec, EVP_PKEY **pkey, acm_err_t *err);
static acm_rc_t acm_begin_replaces(acm_orders_t *o, const acm_cert_t *cert,
    char *id);
static acm_rc_t acm_begin_commit(acm_job_t *job, const acm_cert_t *cert,
    uint64_t revision, const acm_order_rec_t *rec, int64_t now,
    acm_err_t *err);
static acm_rc_t acm_begin_put(acm_job_t *job, const acm_cert_t *cert,
    uint64_t revision, const acm_cert_t *next, acm_batch_t *batch,
    int64_t now, acm_err_t *err);
static acm_rc_t acm_order_copy(const acm_order_rec_t *from,
    acm_order_rec_t *to);


acm_rc_t
acm_orders_begin(acm_orders_t *o, const acm_issuer_t *issuer,
    const acm_cert_t *cert, uint64_t revision, int64_t now, acm_err_t *err)
{
    char              id[ACM_ARI_ID_LEN];
    acm_rc_t          rc;
    EVP_PKEY         *pkey;
    acm_job_t        *job;
    acm_slot_t       *slot;
    acm_order_rec_t   rec, copy;

    slot = acm_orders_slot(o, issuer->name);

    if (slot == NULL || !acm_orders_room(o, issuer, ACM_URGENCY_LATE)) {
        return acm_fail(err, ACM_BUSY, "no more than %zu orders at a time "
                        "for issuer \"%s\"", issuer->orders, issuer->name);
    }

    memset(&copy, 0, sizeof(acm_order_rec_t));
    acm_begin_record(slot, cert, now, &rec);

    if (!rec.staging && acm_begin_replaces(o, cert, id) == ACM_OK
        && strcmp(cert->issued_by, issuer->name) == 0)
    {
        rec.replaces = id;
    }

    pkey = NULL;
    rc = acm_begin_key(o, cert, &rec, &pkey, err);

    if (rc == ACM_OK) {
        rc = acm_order_copy(&rec, &copy);

        if (rc != ACM_OK) {
            (void) acm_fail(err, rc, "an order cannot be written down: %s",
                            acm_rc_text(rc));
        }
    }

    /* what cannot fail must come behind the commit */

    job = (rc == ACM_OK) ? acm_job_new(o, slot, &copy) : NULL;

    if (job != NULL) {
        job->pkey = pkey;

    } else {
        EVP_PKEY_free(pkey);
    }

    if (rc == ACM_OK && job == NULL) {
        rc = acm_fail(err, ACM_NOMEM, "no memory for an order");
    }

    if (rc == ACM_OK) {
        rc = acm_begin_commit(job, cert, revision, &rec, now, err);
    }

    acm_free(rec.sealed.data);
    acm_free(rec.csr.data);
    acm_order_rec_free(&copy);

    if (rc != ACM_OK) {
        if (job != NULL) {
            o->jobs = job->next;
            acm_job_free(job);
        }

        return rc;
    }

    job->held = 1;
    job->placed = 1;
    slot->inflight++;
    o->njobs++;
    acm_session_hold(job->order.session, 1);

    if (!job->fresh) {
        acm_job_go(job, ACM_EVENT_GO);
    }

    if (o->conf.report != NULL) {
        o->conf.report(o->conf.data, ACM_ORDERS_STARTED, cert, &job->order,
                       "");
    }

    return ACM_OK;
}


/* Borrowed: the record is encoded and decoded again. */

static void
acm_begin_record(acm_slot_t *slot, const acm_cert_t *cert, int64_t now,
    acm_order_rec_t *rec)
{
    memset(rec, 0, sizeof(acm_order_rec_t));

    rec->account = cert->account;
    rec->region = cert->region;
    memcpy(rec->uuid, cert->uuid, sizeof(rec->uuid));
    rec->issuer = (char *) slot->issuer->name;
    rec->staging = (slot->staging != NULL && cert->attempts > 0
                    && cert->rehearsed == 0) ? 1 : 0;
    rec->directory = (char *) (rec->staging ? slot->issuer->staging
                                            : slot->issuer->directory);
    rec->version = cert->version + 1;
    rec->key = cert->key;
    rec->names = cert->names;
    rec->nnames = cert->nnames;
    rec->method = cert->attempts + cert->checks;
    rec->only = cert->method;
    rec->created_at = now;
    rec->resume_at = now;
}


/* A new key pair, sealed for the version to come, and its request. */

static acm_rc_t
acm_begin_key(acm_orders_t *o, const acm_cert_t *cert, acm_order_rec_t *rec,
    EVP_PKEY **pkey, acm_err_t *err)
{
    char         arn[ACM_MAX_ARN];
    acm_rc_t     rc;
    acm_str_t    der_secret;
    acm_snap_t  *snap;

    rc = acm_keyring_ensure(o->conf.ring, cert->account, cert->region, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_key_generate(cert->key, pkey, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_csr_der(*pkey, cert->names, cert->nnames, &rec->csr, err);

    if (rc == ACM_OK) {
        rc = acm_key_encode(*pkey, &der_secret, err);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_store_begin(acm_keyring_store(o->conf.ring), &snap, err);

    if (rc == ACM_OK) {
        (void) acm_arn_text(arn, cert->account, cert->region, cert->uuid);

        rc = acm_keyring_seal(o->conf.ring, snap, cert->account,
                              cert->region, arn, rec->version, &der_secret,
                              &rec->sealed, err);
        acm_store_end(snap);
    }

    acm_free_secret(der_secret.data, der_secret.len);

    return rc;
}


/* RFC 9773 s5: which certificate the new one is for. */

static acm_rc_t
acm_begin_replaces(acm_orders_t *o, const acm_cert_t *cert, char *id)
{
    acm_rc_t         rc;
    acm_snap_t      *snap;
    acm_material_t   m;

    if (cert->version == 0) {
        return ACM_NOTFOUND;
    }

    rc = acm_store_begin(acm_keyring_store(o->conf.ring), &snap, NULL);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_material_get(snap, cert->uuid, cert->version, &m);

    acm_store_end(snap);

    if (rc == ACM_OK) {
        rc = acm_ari_id(&m.leaf, id, NULL);
        acm_material_free(&m);
    }

    return rc;
}


static acm_rc_t
acm_begin_commit(acm_job_t *job, const acm_cert_t *cert, uint64_t revision,
    const acm_order_rec_t *rec, int64_t now, acm_err_t *err)
{
    int64_t       when;
    uint16_t      jitter;
    acm_rc_t      rc;
    acm_cert_t    next;
    acm_slot_t   *slot;
    acm_snap_t   *snap;
    acm_store_t  *store;
    acm_batch_t   batch;

    slot = job->slot;
    store = acm_keyring_store(job->orders->conf.ring);

    if (RAND_bytes((unsigned char *) &jitter, sizeof(jitter)) != 1) {
        return acm_fail_ssl(err, ACM_ERROR, "no random numbers");
    }

    acm_batch_init(&batch);

    next = *cert;
    when = acm_sched_retry(slot->issuer->retry, slot->issuer->nretry,
                           cert->attempts, jitter);
    next.due_at = acm_add_sat(now, acm_sched_hurry(when, cert->not_before,
                                                   cert->not_after, now));
    next.attempts = (cert->attempts == UINT32_MAX) ? UINT32_MAX
                                                   : cert->attempts + 1;
    if (next.due == ACM_DUE_ARI) {
        next.due = ACM_DUE_RENEW;
    }

    rc = ACM_OK;

    /* rehearsals and replacements are not counted by CAs */

    if (!rec->staging && (rec->replaces == NULL || *rec->replaces == '\0')) {
        rc = acm_store_begin(store, &snap, err);

        if (rc != ACM_OK) {
            acm_batch_free(&batch);
            return rc;
        }

        rc = acm_limit_order(snap, slot->issuer, cert->names, cert->nnames,
                             now, &batch, &when, err);
        acm_store_end(snap);
    }

    if (rc == ACM_BUSY) {

        /* our own limit: later, and no attempt is counted */

        next.attempts = cert->attempts;
        next.due_at = when;

        rc = acm_certificate_update(store, cert, revision, &next, NULL, now,
                                    err);

        if (rc == ACM_OK) {
            rc = acm_fail(err, ACM_BUSY, "the rate of issuer \"%s\" is used "
                          "up", slot->issuer->name);
        }

    } else if (rc == ACM_OK) {
        job->fresh = (batch.nops == 0);

        acm_order_batch_put(&batch, rec);
        acm_renewal_started(&next, now);
        rc = acm_begin_put(job, cert, revision, &next, &batch, now, err);
    }

    acm_batch_free(&batch);

    return rc;
}


/*
 * With others begun in the same round, unless the limits are among what is
 * changed: those are counted one by one.
 */

static acm_rc_t
acm_begin_put(acm_job_t *job, const acm_cert_t *cert, uint64_t revision,
    const acm_cert_t *next, acm_batch_t *batch, int64_t now, acm_err_t *err)
{
    acm_rc_t       rc;
    acm_store_t   *store;
    acm_orders_t  *o;

    o = job->orders;
    store = acm_keyring_store(o->conf.ring);

    if (job->fresh && o->nsingle > 0) {
        o->nsingle--;
        job->fresh = 0;
    }

    if (!job->fresh) {
        return acm_certificate_update(store, cert, revision, next, batch,
                                      now, err);
    }

    rc = acm_certificate_change(store, batch, cert, revision, next, now,
                                err);

    if (rc == ACM_OK && batch->rc != ACM_OK) {
        rc = acm_fail(err, batch->rc, "an order cannot be written down: %s",
                      acm_rc_text(batch->rc));
    }

    if (rc != ACM_OK) {
        job->fresh = 0;
        return rc;
    }

    acm_job_group(job, batch);
    o->nfresh++;

    return ACM_OK;
}


static acm_rc_t
acm_order_copy(const acm_order_rec_t *from, acm_order_rec_t *to)
{
    acm_rc_t   rc;
    acm_buf_t  buf;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    rc = acm_order_encode(from, &buf);

    if (rc == ACM_OK) {
        rc = acm_order_decode(buf.data, buf.len, to);
    }

    acm_buf_free(&buf);

    return rc;
}
