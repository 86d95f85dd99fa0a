
/*
 * Copyright (C) The ngx_acm authors
 *
 * The orders in flight: begin, take up again, run.
 */


#include <string.h>

#include "acm_orders_impl.h"
#include "acm_sched.h"


#define ACM_ORDERS_SWEEP   60            /* seconds */
#define ACM_RESUME_MIN     2             /* seconds, doubled per crash */
#define ACM_RESUME_MAX     3600
#define ACM_RELEASE        256           /* orders in one commit */


static acm_rc_t acm_slot_init(acm_orders_t *o, acm_slot_t *slot,
    const acm_issuer_t *issuer);
static acm_rc_t acm_orders_resume(acm_orders_t *o, acm_order_rec_t *rec,
    acm_err_t *err);
static void acm_job_release(acm_job_t *job, acm_snap_t *snap,
    acm_batch_t *batch);
static acm_rc_t acm_orders_drop(acm_orders_t *o,
    const acm_order_rec_t *rec, int64_t now, acm_err_t *err);
static acm_rc_t acm_job_step(acm_job_t *job, int64_t ticks, acm_err_t *err);
static void acm_job_answered(acm_call_t *call);
static acm_rc_t acm_orders_sweep(acm_orders_t *o, acm_err_t *err);
static int64_t acm_orders_sessions(acm_orders_t *o, int64_t ticks);


acm_orders_t *
acm_orders_new(const acm_orders_conf_t *conf)
{
    size_t         i;
    acm_orders_t  *o;

    o = acm_calloc(1, sizeof(acm_orders_t));

    if (o == NULL) {
        return NULL;
    }

    o->conf = *conf;
    acm_batch_init(&o->group);
    acm_batch_init(&o->written);
    o->slots = acm_calloc(conf->nissuers + 1, sizeof(acm_slot_t));

    if (o->slots == NULL) {
        acm_free(o);
        return NULL;
    }

    for (i = 0; i < conf->nissuers; i++) {

        if (conf->issuers[i].directory == NULL) {
            continue;
        }

        if (acm_slot_init(o, &o->slots[o->nslots++], &conf->issuers[i])
            != ACM_OK)
        {
            acm_orders_free(o);
            return NULL;
        }
    }

    return o;
}


static acm_rc_t
acm_slot_init(acm_orders_t *o, acm_slot_t *slot, const acm_issuer_t *issuer)
{
    acm_session_conf_t  conf;

    slot->issuer = issuer;

    conf.issuer = issuer;
    conf.directory = issuer->directory;
    conf.ring = o->conf.ring;
    conf.transport = o->conf.transport;
    conf.report = o->conf.session_report;
    conf.data = o->conf.data;

    slot->session = acm_session_new(&conf);

    if (slot->session == NULL) {
        return ACM_NOMEM;
    }

    if (issuer->staging != NULL) {
        conf.directory = issuer->staging;
        slot->staging = acm_session_new(&conf);

        if (slot->staging == NULL) {
            return ACM_NOMEM;
        }
    }

    return ACM_OK;
}


void
acm_orders_free(acm_orders_t *o)
{
    size_t      i;
    acm_job_t  *job;

    if (o == NULL) {
        return;
    }

    acm_orders_finish(o);

    while (o->jobs != NULL) {
        job = o->jobs;
        o->jobs = job->next;
        acm_job_free(job);
    }

    acm_orders_revoke_done(o);

    for (i = 0; i < o->nslots; i++) {
        acm_session_free(o->slots[i].session);
        acm_session_free(o->slots[i].staging);
    }

    acm_x509_seen_free(&o->seen);
    acm_batch_free(&o->group);
    acm_batch_free(&o->written);
    acm_free(o->slots);
    acm_free(o);
}


acm_slot_t *
acm_orders_slot(acm_orders_t *o, const char *issuer)
{
    size_t  i;

    for (i = 0; i < o->nslots; i++) {
        if (strcmp(o->slots[i].issuer->name, issuer) == 0) {
            return &o->slots[i];
        }
    }

    return NULL;
}


acm_job_t *
acm_job_new(acm_orders_t *o, acm_slot_t *slot, acm_order_rec_t *rec)
{
    acm_job_t      *job;
    acm_session_t  *session;

    job = acm_calloc(1, sizeof(acm_job_t));

    if (job == NULL) {
        return NULL;
    }

    session = rec->staging ? slot->staging : slot->session;

    acm_order_init(&job->order, rec, slot->issuer, session);

    job->orders = o;
    job->slot = slot;
    job->order.call.done = acm_job_answered;
    job->order.call.data = job;

    acm_buf_init(&job->check.findings, ACM_MAX_FINDINGS);

    job->next = o->jobs;
    o->jobs = job;

    return job;
}


void
acm_job_free(acm_job_t *job)
{
    acm_orders_t  *o;

    o = job->orders;

    if (job->checking) {
        o->conf.checker->cancel(o->conf.checker->data, &job->check);
    }

    acm_session_cancel(job->order.session, &job->order.call);
    acm_session_cancel(job->order.session, &job->call);

    if (job->held) {
        acm_session_hold(job->order.session, -1);
        o->njobs--;
    }

    acm_job_leave(job);

    acm_job_forget(job);

    EVP_PKEY_free(job->pkey);
    acm_cert_free(&job->issued);
    acm_buf_free(&job->check.findings);
    acm_free(job->ari_url);
    acm_order_free(&job->order);
    acm_free(job);
}


void
acm_job_leave(acm_job_t *job)
{
    job->slot->inflight -= job->placed;
    job->placed = 0;
}


void
acm_job_go(acm_job_t *job, acm_order_event_e event)
{
    job->event = event;
    job->pending = 1;
    job->waiting = 0;
}


void
acm_job_wait(acm_job_t *job, int64_t wake)
{
    job->wake = wake;
    job->waiting = 1;
    job->pending = 0;
}


int
acm_orders_room(acm_orders_t *o, const acm_issuer_t *issuer,
    acm_urgency_e urgency)
{
    size_t       most;
    acm_slot_t  *slot;

    slot = acm_orders_slot(o, issuer->name);
    most = issuer->orders;

    switch (urgency) {

    case ACM_URGENCY_NONE:
        most -= issuer->orders / 4;
        break;

    case ACM_URGENCY_NEW:
        most -= issuer->orders / 8;
        break;

    case ACM_URGENCY_LATE:
        break;
    }

    return o->recovered && slot != NULL && slot->inflight < most;
}


int64_t
acm_orders_blocked(acm_orders_t *o, const acm_issuer_t *issuer)
{
    int64_t      ticks, until;
    acm_slot_t  *slot;

    slot = acm_orders_slot(o, issuer->name);

    if (slot == NULL) {
        return 0;
    }

    ticks = acm_ticks();
    until = acm_session_blocked(slot->session);
    until = (slot->paused > until) ? slot->paused : until;

    return (until > ticks) ? (until - ticks + 999) / 1000 : 0;
}


int
acm_orders_has(acm_orders_t *o, const char *uuid)
{
    acm_job_t  *job;

    for (job = o->jobs; job != NULL; job = job->next) {
        if (!job->gone && strcmp(job->order.rec.uuid, uuid) == 0) {
            return 1;
        }
    }

    return 0;
}


int
acm_orders_clash(acm_orders_t *o, const acm_issuer_t *issuer,
    const acm_cert_t *cert)
{
    size_t                  i, k;
    acm_job_t              *job;
    const acm_order_rec_t  *rec;

    for (job = o->jobs; job != NULL; job = job->next) {
        rec = &job->order.rec;

        if (job->gone || job->ari || job->slot->issuer != issuer
            || strcmp(rec->uuid, cert->uuid) == 0)
        {
            continue;
        }

        for (i = 0; i < rec->nnames; i++) {
            for (k = 0; k < cert->nnames; k++) {
                if (strcmp(rec->names[i], cert->names[k]) == 0) {
                    return 1;
                }
            }
        }
    }

    return 0;
}


int
acm_orders_fresh(acm_orders_t *o, const char *uuid)
{
    acm_job_t  *job;

    if (o->nfresh == 0) {
        return 0;
    }

    for (job = o->jobs; job != NULL; job = job->next) {
        if (job->fresh && strcmp(job->order.rec.uuid, uuid) == 0) {
            return 1;
        }
    }

    return 0;
}


size_t
acm_orders_begun(acm_orders_t *o)
{
    return o->nfresh;
}


size_t
acm_orders_count(acm_orders_t *o)
{
    return o->njobs;
}


acm_rc_t
acm_orders_recover(acm_orders_t *o, int *more, acm_err_t *err)
{
    acm_rc_t          rc;
    acm_snap_t       *snap;
    acm_entry_t       entry;
    acm_store_t      *store;
    acm_order_rec_t   rec;

    *more = 0;
    store = acm_keyring_store(o->conf.ring);

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    /* one at a time: none is in flight that could be among them */

    for (rc = acm_store_seek(snap, ACM_DB_ORDER, NULL, 0, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_ORDER, &entry))
    {
        if (rc != ACM_OK
            || acm_order_decode(entry.data, entry.len, &rec) != ACM_OK)
        {
            continue;
        }

        if (!acm_orders_has(o, rec.uuid)) {
            break;
        }

        acm_order_rec_free(&rec);
    }

    acm_store_end(snap);

    if (rc == ACM_OK) {
        *more = 1;
        rc = acm_orders_resume(o, &rec, err);

        acm_order_rec_free(&rec);

        return rc;
    }

    if (rc == ACM_NOMEM || rc == ACM_BUSY || rc == ACM_ERROR) {
        return acm_fail(err, rc, "the orders under way cannot be read: %s",
                        acm_rc_text(rc));
    }

    o->recovered = 1;

    return ACM_OK;
}


/* A process that dies in an order again and again comes ever later. */

static acm_rc_t
acm_orders_resume(acm_orders_t *o, acm_order_rec_t *rec, acm_err_t *err)
{
    int64_t       now, wait, resume_at;
    acm_rc_t      rc;
    acm_job_t    *job;
    acm_slot_t   *slot;
    acm_batch_t   batch;

    now = acm_now();
    slot = acm_orders_slot(o, rec->issuer);

    if (slot == NULL
        || strcmp(rec->directory, rec->staging ? (slot->issuer->staging
                                                  ? slot->issuer->staging
                                                  : "")
                                               : slot->issuer->directory)
           != 0
        || now >= acm_add_sat(rec->created_at, ACM_ORDER_LIFE)
        || now < rec->created_at)
    {
        return acm_orders_drop(o, rec, now, err);
    }

    resume_at = rec->resume_at;
    wait = resume_at - now;

    if (wait > ACM_RESUME_MAX) {
        wait = ACM_RESUME_MAX;
    }

    rec->resumed += (rec->resumed < UINT32_MAX);
    rec->resume_at = acm_add_sat((wait > 0) ? now + wait : now,
                                 acm_sched_backoff(rec->resumed,
                                                   ACM_RESUME_MIN,
                                                   ACM_RESUME_MAX, 32768));

    acm_batch_init(&batch);
    acm_order_batch_put(&batch, rec);

    rc = acm_store_commit(acm_keyring_store(o->conf.ring), &batch, err);

    acm_batch_free(&batch);

    if (rc != ACM_OK) {
        return rc;
    }

    job = acm_job_new(o, slot, rec);

    if (job == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for an order");
    }

    job->resumed = 1;
    job->resume_at = resume_at;
    job->held = 1;
    job->placed = 1;
    slot->inflight++;
    o->njobs++;
    acm_session_hold(job->order.session, 1);

    if (wait > 0) {
        job->event = ACM_EVENT_GO;
        acm_job_wait(job, acm_ticks() + wait * 1000);

    } else {
        acm_job_go(job, ACM_EVENT_GO);
    }

    return ACM_OK;
}


acm_rc_t
acm_orders_release(acm_orders_t *o, acm_err_t *err)
{
    acm_rc_t      rc;
    acm_job_t    *job;
    acm_snap_t   *snap;
    acm_store_t  *store;
    acm_batch_t   batch;

    /* what the CA has been told of, or told us, is not lost */

    acm_orders_finish(o);

    for (job = o->jobs; job != NULL; job = job->next) {
        if (job->unsaved) {
            (void) acm_job_put(job, err);
        }
    }

    rc = acm_orders_commit_now(o, acm_ticks(), err);

    store = acm_keyring_store(o->conf.ring);
    job = o->jobs;

    while (job != NULL && rc == ACM_OK) {
        rc = acm_store_begin(store, &snap, err);

        if (rc != ACM_OK) {
            break;
        }

        acm_batch_init(&batch);

        while (job != NULL && batch.nops < ACM_RELEASE) {
            acm_job_release(job, snap, &batch);
            job = job->next;
        }

        acm_store_end(snap);

        if (batch.nops != 0) {
            rc = acm_store_commit(store, &batch, err);
        }

        acm_batch_free(&batch);
    }

    return rc;
}


/* Of the record that is in the store: what this process has of it may be
   ahead, with changes that wait for a commit. */

static void
acm_job_release(acm_job_t *job, acm_snap_t *snap, acm_batch_t *batch)
{
    acm_entry_t      entry;
    acm_order_rec_t  rec;

    if (!job->resumed
        || acm_store_get(snap, ACM_DB_ORDER, job->order.rec.uuid,
                         ACM_UUID_LEN, &entry)
           != ACM_OK
        || acm_order_decode(entry.data, entry.len, &rec) != ACM_OK)
    {
        return;
    }

    rec.resumed -= (rec.resumed > 0);
    rec.resume_at = job->resume_at;

    acm_order_batch_put(batch, &rec);
    acm_order_rec_free(&rec);

    job->resumed = 0;
}


/* The order is no more; if it is of a time to come, the clock was ahead, and
   so is the certificate's next attempt. */

static acm_rc_t
acm_orders_drop(acm_orders_t *o, const acm_order_rec_t *rec, int64_t now,
    acm_err_t *err)
{
    acm_rc_t      rc;
    uint64_t      revision;
    acm_cert_t    cert, next;
    acm_snap_t   *snap;
    acm_store_t  *store;
    acm_batch_t   batch;

    store = acm_keyring_store(o->conf.ring);
    rc = ACM_NOTFOUND;

    if (now < rec->created_at) {
        rc = acm_store_begin(store, &snap, err);

        if (rc != ACM_OK) {
            return rc;
        }

        rc = acm_cert_get(snap, rec->account, rec->region, rec->uuid, &cert,
                          &revision);
        acm_store_end(snap);
    }

    acm_batch_init(&batch);
    acm_order_batch_delete(&batch, rec->uuid);

    /* what cannot be read is swept when it has expired */

    (void) acm_challenge_drop(store, rec->uuid, &batch, NULL);

    if (rc == ACM_OK) {
        next = cert;

        if (next.due == ACM_DUE_ISSUE || next.due == ACM_DUE_RENEW) {
            next.due_at = (next.renew_at > now) ? next.renew_at : now;
        }

        rc = acm_certificate_update(store, &cert, revision, &next, &batch,
                                    now, err);
        acm_cert_free(&cert);

    } else {
        rc = acm_store_commit(store, &batch, err);
    }

    acm_batch_free(&batch);

    return rc;
}


static void
acm_job_answered(acm_call_t *call)
{
    acm_job_go(call->data, ACM_EVENT_REPLY);
}


/* Runs sessions and jobs until nothing moves any more. */

acm_rc_t
acm_orders_run(acm_orders_t *o, int64_t ticks, int64_t *next, acm_err_t *err)
{
    int           moved;
    size_t        grouped;
    int64_t       wake;
    acm_rc_t      rc;
    acm_job_t    *job, **link;

    rc = acm_orders_fault(o, err);

    if (rc == ACM_OK) {
        rc = acm_orders_sweep(o, err);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    do {
        moved = 0;
        wake = acm_orders_sessions(o, ticks);

        for (link = &o->jobs; *link != NULL; /* void */) {
            job = *link;

            if (job->waiting && job->wake <= ticks) {
                acm_job_go(job, job->redo ? job->event : ACM_EVENT_TIMER);
            }

            if (job->pending && !job->gone) {
                moved = 1;
                rc = acm_job_step(job, ticks, err);

                if (rc != ACM_OK) {
                    return rc;
                }
            }

            if (job->alone && job->grouped) {
                rc = acm_orders_commit_now(o, ticks, err);

                if (rc != ACM_OK) {
                    return rc;
                }
            }

            if (job->gone) {
                *link = job->next;
                acm_job_free(job);
                continue;
            }

            if (job->waiting && job->wake < wake) {
                wake = job->wake;
            }

            link = &job->next;
        }

        rc = acm_orders_revoke_run(o, ticks, &wake, &moved, err);

        if (rc != ACM_OK) {
            return rc;
        }

        if (o->vacant && o->conf.vacant != NULL) {
            o->vacant = 0;
            o->conf.vacant(o->conf.data);
            moved = 1;
        }

        grouped = o->ngrouped;

        rc = acm_orders_commit(o, ticks, err);

        if (rc != ACM_OK) {
            return rc;
        }

        /* of a commit that is under way its end will be told */

        moved |= (grouped != 0 && !o->writing);

    } while (moved);

    *next = wake;

    return ACM_OK;
}


/* Answers to challenges that nobody will ask for any more. */

static acm_rc_t
acm_orders_sweep(acm_orders_t *o, acm_err_t *err)
{
    size_t   n;
    int64_t  now;

    now = acm_now();

    if (now >= o->swept && now - o->swept < ACM_ORDERS_SWEEP) {
        return ACM_OK;
    }

    o->swept = now;

    return acm_challenge_sweep(acm_keyring_store(o->conf.ring), now, &n, err);
}


static int64_t
acm_orders_sessions(acm_orders_t *o, int64_t ticks)
{
    size_t       i;
    int64_t      at, wake;
    acm_slot_t  *slot;

    wake = INT64_MAX;

    for (i = 0; i < o->nslots; i++) {
        slot = &o->slots[i];

        at = acm_session_run(slot->session, ticks);
        wake = (at < wake) ? at : wake;

        if (slot->staging != NULL) {
            at = acm_session_run(slot->staging, ticks);
            wake = (at < wake) ? at : wake;
        }
    }

    return wake;
}


/* A fault of the store leaves the job where it is, to be tried again. */

static acm_rc_t
acm_job_step(acm_job_t *job, int64_t ticks, acm_err_t *err)
{
    acm_rc_t  rc;

    job->pending = 0;

    if (job->ari) {
        rc = acm_job_ari_step(job, err);

    } else {

        if (!job->redo) {
            job->action = acm_order_step(&job->order, job->event, ticks);
        }

        job->redo = 0;

        rc = acm_job_act(job, job->action, ticks, err);
    }

    if (rc != ACM_OK) {

        if (err != NULL && err->text[0] == '\0') {
            (void) acm_fail(err, rc, "the order for certificate %s cannot go "
                            "on: %s", job->order.rec.uuid, acm_rc_text(rc));
        }

        job->redo = 1;
        acm_job_wait(job, ticks + ACM_ORDERS_REDO);
    }

    return rc;
}
