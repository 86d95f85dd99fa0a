
/*
 * Copyright (C) The ngx_acm authors
 *
 * How an order ends: the certificate is checked and installed, or the
 * failure is written down with when to try again, and where.
 */


#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "acm_failed.h"
#include "acm_handshake.h"
#include "acm_issued.h"
#include "acm_limit.h"
#include "acm_orders_impl.h"
#include "acm_renewal.h"
#include "acm_sched.h"


static acm_rc_t acm_job_cert(acm_job_t *job, acm_cert_t *cert,
    uint64_t *revision, acm_err_t *err);
static acm_rc_t acm_job_gone(acm_job_t *job, acm_err_t *err);
static acm_rc_t acm_done_bundle(acm_job_t *job, const acm_cert_t *cert,
    acm_bundle_t *bundle, acm_err_t *err);
static acm_rc_t acm_done_install(acm_job_t *job, acm_cert_t *cert,
    uint64_t revision, const acm_bundle_t *bundle, acm_err_t *err);
static acm_rc_t acm_done_rehearsed(acm_job_t *job, const acm_cert_t *cert,
    uint64_t revision, acm_err_t *err);
static acm_rc_t acm_failed_next(acm_job_t *job, const acm_cert_t *cert,
    acm_cert_t *next);
static void acm_failed_clock(acm_job_t *job, int64_t now,
    acm_cert_t *next);
static void acm_failed_late(acm_cert_t *next, int64_t now);
static void acm_failed_unspent(acm_job_t *job, const acm_cert_t *cert,
    acm_cert_t *next);
static acm_rc_t acm_failed_return(acm_job_t *job, const acm_cert_t *cert,
    acm_batch_t *batch, acm_err_t *err);
static int64_t acm_preflight_wait(const acm_issuer_t *issuer,
    uint32_t checks);
static void acm_failed_limit(acm_job_t *job);
static int64_t acm_failed_wait(acm_job_t *job, uint32_t failures);
static size_t acm_issuer_count(const char *issuers);
static acm_rc_t acm_job_close(acm_job_t *job, acm_batch_t *batch,
    acm_err_t *err);
static void acm_job_end(acm_job_t *job);
static void acm_job_tell(acm_job_t *job, acm_orders_e what,
    const acm_cert_t *cert, const char *text);


acm_rc_t
acm_job_done(acm_job_t *job, acm_err_t *err)
{
    acm_rc_t      rc;
    uint64_t      revision;
    acm_err_t     why;
    acm_cert_t    cert;
    acm_bundle_t  bundle;

    rc = acm_job_cert(job, &cert, &revision, err);

    if (rc == ACM_NOTFOUND) {
        return acm_job_gone(job, err);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_done_bundle(job, &cert, &bundle, &why);

    if (rc == ACM_NOMEM || rc == ACM_BUSY || rc == ACM_ERROR) {

        /* it was not looked at: no word about the certificate */

        if (++job->checks < ACM_ORDERS_CHECKS) {
            acm_cert_free(&cert);
            return acm_fail(err, rc, "the certificate that the CA made for "
                            "%s cannot be checked, it is tried again: %s",
                            job->order.rec.names[0], why.text);
        }
    }

    if (rc != ACM_OK) {
        acm_cert_free(&cert);

        (void) acm_order_fail(&job->order, ACM_FAULT_CA, "the CA's "
                              "certificate is refused: %s", why.text);
        job->action = ACM_ACT_FAILED;

        return acm_job_failed(job, err);
    }

    rc = job->order.rec.staging
         ? acm_done_rehearsed(job, &cert, revision, err)
         : acm_done_install(job, &cert, revision, &bundle, err);

    acm_bundle_free(&bundle);
    acm_cert_free(&cert);

    /* somebody changed the record: once more with the new one */

    return (rc == ACM_CONFLICT) ? acm_job_done(job, err) : rc;
}


static acm_rc_t
acm_job_cert(acm_job_t *job, acm_cert_t *cert, uint64_t *revision,
    acm_err_t *err)
{
    acm_rc_t                rc;
    acm_snap_t             *snap;
    const acm_order_rec_t  *rec;

    rec = &job->order.rec;

    rc = acm_store_begin(acm_keyring_store(job->orders->conf.ring), &snap,
                         err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_cert_get(snap, rec->account, rec->region, rec->uuid, cert,
                      revision);

    acm_store_end(snap);

    if (rc != ACM_OK && rc != ACM_NOTFOUND) {
        return acm_fail(err, rc, "certificate %s cannot be read: %s",
                        rec->uuid, acm_rc_text(rc));
    }

    /* made anew by somebody else meanwhile, or wanted no more: ours is of no
       use */

    if (rc == ACM_OK
        && (cert->version + 1 != rec->version
            || (cert->due == ACM_DUE_NONE
                && (cert->status == ACM_STATUS_REVOKED
                    || cert->status == ACM_STATUS_FAILED))))
    {
        acm_cert_free(cert);
        rc = ACM_NOTFOUND;
    }

    return rc;
}


/* The certificate was deleted while its order was under way. */

static acm_rc_t
acm_job_gone(acm_job_t *job, acm_err_t *err)
{
    acm_rc_t     rc;
    acm_batch_t  batch;

    acm_batch_init(&batch);

    rc = acm_job_close(job, &batch, err);

    if (rc == ACM_OK) {
        rc = acm_store_commit(acm_keyring_store(job->orders->conf.ring),
                              &batch, err);
    }

    acm_batch_free(&batch);

    if (rc == ACM_OK) {
        acm_job_end(job);
    }

    return rc;
}


static acm_rc_t
acm_done_bundle(acm_job_t *job, const acm_cert_t *cert,
    acm_bundle_t *bundle, acm_err_t *err)
{
    char                    arn[ACM_MAX_ARN];
    acm_rc_t                rc;
    acm_str_t               key_secret;
    acm_snap_t             *snap;
    acm_issued_key_t        key;
    const acm_order_rec_t  *rec;

    rec = &job->order.rec;

    rc = acm_store_begin(acm_keyring_store(job->orders->conf.ring), &snap,
                         err);

    if (rc != ACM_OK) {
        return rc;
    }

    (void) acm_arn_text(arn, cert->account, cert->region, cert->uuid);

    rc = acm_keyring_unseal(job->orders->conf.ring, snap, cert->account,
                            cert->region, arn, rec->version, &rec->sealed,
                            &key_secret, err);

    acm_store_end(snap);

    if (rc != ACM_OK) {
        return rc;
    }

    key.type = rec->key;
    key.der_secret = &key_secret;
    key.pkey = job->pkey;
    key.seen = &job->orders->seen;

    rc = acm_issued_check(&job->order.pem, &key, rec->names, rec->nnames,
                          acm_now(), bundle, err);

    acm_free_secret(key_secret.data, key_secret.len);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_handshake_check(bundle, rec->names, rec->nnames, acm_now(), err);

    if (rc != ACM_OK) {
        acm_bundle_free(bundle);
    }

    return rc;
}


static acm_rc_t
acm_done_install(acm_job_t *job, acm_cert_t *cert, uint64_t revision,
    const acm_bundle_t *bundle, acm_err_t *err)
{
    int64_t                 wait;
    acm_rc_t                rc;
    acm_batch_t             batch, all;
    acm_install_t           install;
    const acm_directory_t  *d;

    d = acm_session_directory(job->order.session);

    memset(&install, 0, sizeof(acm_install_t));

    install.now = acm_now();
    install.renew_at = acm_sched_renew_next(bundle->info.not_before,
                                            bundle->info.not_after,
                                            install.now);
    install.issued_by = job->slot->issuer->name;
    install.also = &batch;
    install.into = &all;

    if (d != NULL && d->renewal_info != NULL) {
        wait = (bundle->info.not_after - bundle->info.not_before) / 8;
        install.ari_at = acm_add_sat(install.now, (wait < ACM_ARI_RETRY)
                                                  ? wait : ACM_ARI_RETRY);
    }

    acm_batch_init(&batch);
    acm_batch_init(&all);

    rc = acm_job_close(job, &batch, err);

    if (rc == ACM_OK) {
        rc = acm_certificate_install(job->orders->conf.ring, cert, revision,
                                     bundle, &install, err);
    }

    if (rc == ACM_OK) {
        acm_cert_free(&job->issued);
        job->issued = *cert;
        memset(cert, 0, sizeof(acm_cert_t));

        job->ended = 1;
        acm_job_group(job, &all);

        acm_job_leave(job);
        job->orders->vacant = 1;
    }

    acm_batch_free(&batch);
    acm_batch_free(&all);

    return rc;
}


void
acm_job_issued(acm_job_t *job)
{
    job->slot->limited = 0;
    job->slot->paused = 0;

    acm_job_tell(job, (job->issued.version == 1) ? ACM_ORDERS_ISSUED
                                                 : ACM_ORDERS_RENEWED,
                 &job->issued, "");
    acm_job_end(job);
}


/* It works there: now in earnest. */

static acm_rc_t
acm_done_rehearsed(acm_job_t *job, const acm_cert_t *cert,
    uint64_t revision, acm_err_t *err)
{
    acm_rc_t     rc;
    acm_cert_t   next;
    acm_batch_t  batch;

    next = *cert;
    next.rehearsed = 1;
    next.due_at = acm_now();

    acm_batch_init(&batch);

    rc = acm_job_close(job, &batch, err);

    if (rc == ACM_OK) {
        rc = acm_certificate_update(acm_keyring_store(job->orders->conf.ring),
                                    cert, revision, &next, &batch,
                                    acm_now(), err);
    }

    acm_batch_free(&batch);

    if (rc == ACM_OK) {
        acm_job_tell(job, ACM_ORDERS_REHEARSED, &next, "");
        acm_job_end(job);
    }

    return rc;
}


acm_rc_t
acm_job_failed(acm_job_t *job, acm_err_t *err)
{
    acm_rc_t     rc;
    uint64_t     revision;
    acm_cert_t   cert, next;
    acm_batch_t  batch;

    rc = acm_job_cert(job, &cert, &revision, err);

    if (rc == ACM_NOTFOUND) {
        return acm_job_gone(job, err);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    acm_batch_init(&batch);

    rc = acm_failed_next(job, &cert, &next);

    if (rc == ACM_OK) {
        rc = acm_failed_return(job, &cert, &batch, err);
    }

    if (rc == ACM_OK) {
        rc = acm_job_close(job, &batch, err);
    }

    if (rc == ACM_OK) {
        rc = acm_certificate_update(acm_keyring_store(job->orders->conf.ring),
                                    &cert, revision, &next, &batch,
                                    acm_now(), err);
    }

    acm_batch_free(&batch);

    if (rc == ACM_OK) {
        acm_job_tell(job, ACM_ORDERS_FAILED, &next, next.last_error);
        acm_job_end(job);
    }

    acm_cert_free(&cert);

    return (rc == ACM_CONFLICT) ? acm_job_failed(job, err) : rc;
}


/*
 * When and where it is tried again.  A wait is in the record since the
 * attempt's beginning, for a process that does not come back; now it is
 * known how the attempt ended, and it is counted from here.
 */

static acm_rc_t
acm_failed_next(acm_job_t *job, const acm_cert_t *cert, acm_cert_t *next)
{
    int                   moved;
    size_t                n;
    int64_t               now, wait;
    const acm_problem_t  *p;

    moved = 0;
    now = acm_now();
    p = &job->order.problem;

    *next = *cert;
    next->last_error = (char *) p->text;
    next->last_error_at = now;
    next->findings = (char *) "";

    acm_renewal_failed(next, acm_renewal_reason(p), now);

    acm_failed_clock(job, now, next);

    if (job->order.unspent) {
        acm_failed_unspent(job, cert, next);

        if (next->turn != 0 || job->check.denied == NULL
            || !acm_failed_order(next, p, job->check.denied))
        {
            acm_failed_late(next, now);
        }

        return ACM_OK;
    }

    next->checks = 0;

    wait = acm_failed_wait(job, (cert->attempts > 0) ? cert->attempts - 1 : 0);

    if (job->order.retry_after <= 0) {

        /* the last step of the ladder may be longer than what is left */

        wait = acm_sched_hurry(wait, cert->not_before, cert->not_after, now);
    }

    next->due_at = acm_add_sat(now, wait);

    if (job->order.rec.staging && p->fault != ACM_FAULT_NAME) {

        /* a stage in trouble says nothing of the name: next in earnest */

        next->rehearsed = 1;
    }

    n = acm_issuer_count(cert->issuer);

    if (p->fault != ACM_FAULT_NAME && n > 1) {

        /* not the name's fault: the next issuer, and once round a wait */

        next->turn = (cert->turn + 1 < n) ? cert->turn + 1 : 0;

        if (next->turn != 0) {
            next->attempts = (cert->attempts > 0) ? cert->attempts - 1 : 0;
            next->due_at = now;
            moved = 1;
        }
    }

    if (p->fault == ACM_FAULT_LIMIT) {
        acm_failed_limit(job);

        if (!moved && job->order.retry_after > 0) {

            /* it was told when: no attempt is counted */

            next->attempts = (cert->attempts > 0) ? cert->attempts - 1 : 0;
            next->due_at = acm_add_sat(now, acm_failed_wait(job, 0));
        }
    }

    /* what a stage says of our account there is no word of the CA's */

    if (moved || (job->order.rec.staging && p->fault != ACM_FAULT_NAME)
        || !acm_failed_order(next, p, NULL))
    {
        acm_failed_late(next, now);
    }

    return ACM_OK;
}


/* A request that is over at a time is looked at then, not later. */

static void
acm_failed_late(acm_cert_t *next, int64_t now)
{
    int64_t  end;

    end = acm_add_sat(next->created_at, ACM_VALIDATION_TIME);

    if (acm_failed_may(next) && end > now && next->due_at > end) {
        next->due_at = end;
    }
}


/* The wait was written down by a clock that was ahead, perhaps. */

static void
acm_failed_clock(acm_job_t *job, int64_t now, acm_cert_t *next)
{
    int64_t   most;
    uint32_t  n;

    n = (next->attempts > 0) ? next->attempts - 1 : 0;

    most = acm_add_sat(now, acm_sched_retry(job->slot->issuer->retry,
                                            job->slot->issuer->nretry, n,
                                            65535));

    if (next->due_at > most) {
        next->due_at = most;
    }
}


/*
 * The CA did not look: nothing is used up, so look again sooner.  Another
 * issuer may be one that CAA allows; round all of them, and it is a wait.
 */

static void
acm_failed_unspent(acm_job_t *job, const acm_cert_t *cert, acm_cert_t *next)
{
    size_t   n;
    int64_t  wait;

    n = acm_issuer_count(cert->issuer);

    next->findings = (char *) job->check.findings.data;
    next->attempts = (cert->attempts > 0) ? cert->attempts - 1 : 0;

    if (job->check.stage == ACM_PREFLIGHT_BEFORE && n > 1) {
        next->turn = (cert->turn + 1 < n) ? cert->turn + 1 : 0;

        if (next->turn != 0) {
            next->due_at = next->last_error_at;
            return;
        }
    }

    next->checks = (cert->checks == UINT32_MAX) ? UINT32_MAX
                                                : cert->checks + 1;
    wait = acm_sched_hurry(acm_preflight_wait(job->slot->issuer,
                                              next->checks),
                           cert->not_before, cert->not_after,
                           next->last_error_at);
    next->due_at = acm_add_sat(next->last_error_at, wait);
}


/* The CA never heard of it: nor is it one of the orders that are allowed. */

static acm_rc_t
acm_failed_return(acm_job_t *job, const acm_cert_t *cert, acm_batch_t *batch,
    acm_err_t *err)
{
    acm_rc_t                rc;
    acm_snap_t             *snap;
    const acm_order_rec_t  *rec;

    rec = &job->order.rec;

    if (!job->order.unspent || job->check.stage != ACM_PREFLIGHT_BEFORE
        || rec->staging || *rec->replaces != '\0')
    {
        return ACM_OK;
    }

    rc = acm_store_begin(acm_keyring_store(job->orders->conf.ring), &snap,
                         err);

    if (rc == ACM_OK) {
        rc = acm_limit_return(snap, job->slot->issuer, cert->names,
                              cert->nnames, acm_now(), batch, err);
        acm_store_end(snap);
    }

    return rc;
}


/* A look costs the CA nothing: it need not wait longer than an attempt. */

static int64_t
acm_preflight_wait(const acm_issuer_t *issuer, uint32_t checks)
{
    int64_t   min, max;
    uint16_t  jitter;

    min = ACM_PREFLIGHT_BACKOFF;
    max = ACM_PREFLIGHT_BACKOFF_MAX;

    if (issuer->nretry != 0) {
        min = (issuer->retry[0] < min) ? issuer->retry[0] : min;
        max = (issuer->retry[issuer->nretry - 1] < max)
              ? issuer->retry[issuer->nretry - 1] : max;
    }

    if (RAND_bytes((unsigned char *) &jitter, sizeof(jitter)) != 1) {
        jitter = 32768;
    }

    return acm_sched_backoff(checks, min, max, jitter);
}


/* Several names in a row: the account is limited, not the name. */

static void
acm_failed_limit(acm_job_t *job)
{
    job->slot->limited++;

    if (job->slot->limited >= ACM_LIMIT_STREAK) {
        job->slot->limited = 0;
        job->slot->paused = acm_ticks() + acm_failed_wait(job, 0) * 1000;
    }
}


/* As the ladder says after so many failures, and as long as the CA said. */

static int64_t
acm_failed_wait(acm_job_t *job, uint32_t failures)
{
    int64_t              wait;
    uint16_t             jitter;
    const acm_issuer_t  *issuer;

    issuer = job->slot->issuer;

    if (RAND_bytes((unsigned char *) &jitter, sizeof(jitter)) != 1) {
        jitter = 0;
    }

    wait = acm_sched_retry(issuer->retry, issuer->nretry, failures, jitter);

    if (wait < job->order.retry_after) {
        wait = acm_sched_retry(&job->order.retry_after, 1, 0, jitter);
    }

    return wait;
}


static size_t
acm_issuer_count(const char *issuers)
{
    size_t  n;

    for (n = (*issuers != '\0'); *issuers != '\0'; issuers++) {
        n += (*issuers == ' ');
    }

    return n;
}


/* The order and its answers go with whatever ends it. */

static acm_rc_t
acm_job_close(acm_job_t *job, acm_batch_t *batch, acm_err_t *err)
{
    acm_store_t      *store;
    acm_checker_t    *checker;
    acm_order_rec_t  *rec;

    rec = &job->order.rec;
    checker = job->orders->conf.checker;

    /* while the store still says what there is to be taken away */

    if (!job->cleaned && checker != NULL && checker->clean != NULL) {
        checker->clean(checker->data, &job->order);
        job->cleaned = 1;
    }

    acm_order_batch_delete(batch, rec->uuid);

    if (rec->resumed > 0 || job->order.scarce > 0) {

        /* which ones there are was known only before */

        store = acm_keyring_store(job->orders->conf.ring);

        return acm_challenge_drop(store, rec->uuid, batch, err);
    }

    return acm_job_answers(job, batch, 0, err);
}


static void
acm_job_end(acm_job_t *job)
{
    job->gone = 1;
}


static void
acm_job_tell(acm_job_t *job, acm_orders_e what, const acm_cert_t *cert,
    const char *text)
{
    acm_orders_conf_t  *conf;

    conf = &job->orders->conf;

    if (conf->report != NULL) {
        conf->report(conf->data, what, cert, &job->order, text);
    }
}
