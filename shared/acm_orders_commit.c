
/*
 * Copyright (C) The ngx_acm authors
 *
 * What orders change, written to the store: one commit for all that wait for
 * one.  While it is made the others go on, and what they change is the next.
 */


#include "acm_orders_impl.h"


static acm_rc_t acm_orders_take(acm_orders_t *o, acm_err_t *err);
static void acm_orders_written(void *arg, acm_rc_t rc, const acm_err_t *err);
static void acm_orders_blame(acm_orders_t *o, acm_rc_t rc,
    const acm_err_t *err);
static void acm_orders_committed(acm_orders_t *o, acm_rc_t rc,
    int64_t ticks);
static void acm_job_committed(acm_job_t *job, acm_rc_t rc, int64_t ticks);
static void acm_job_saved(acm_job_t *job, acm_rc_t rc, int64_t ticks);


/* A group that is as large as a batch may be goes first: what waits for a slow
   disk may be more than that. */

void
acm_job_group(acm_job_t *job, const acm_batch_t *batch)
{
    acm_rc_t       rc;
    acm_err_t      err;
    acm_orders_t  *o;

    o = job->orders;

    if (o->group.nops + batch->nops > ACM_MAX_BATCH) {
        err.text[0] = '\0';
        rc = acm_orders_commit_now(o, acm_ticks(), &err);

        if (rc != ACM_OK) {
            acm_orders_blame(o, rc, &err);
        }
    }

    acm_batch_join(&o->group, batch);

    job->grouped = 1;
    o->ngrouped++;
}


acm_rc_t
acm_orders_commit(acm_orders_t *o, int64_t ticks, acm_err_t *err)
{
    acm_rc_t          rc;
    acm_committer_t  *c;

    if (o->ngrouped == 0 || o->writing) {
        return ACM_OK;
    }

    c = o->conf.committer;

    /* an order may have nothing to be written: it goes on all the same */

    if (c == NULL || o->group.nops == 0) {
        return acm_orders_commit_now(o, ticks, err);
    }

    rc = acm_orders_take(o, err);

    if (rc == ACM_OK) {
        o->writing = 1;
        rc = c->start(c->data, &o->written, acm_orders_written, o, err);
    }

    if (rc != ACM_OK) {
        o->writing = 0;
        acm_orders_committed(o, rc, ticks);
    }

    return rc;
}


acm_rc_t
acm_orders_commit_now(acm_orders_t *o, int64_t ticks, acm_err_t *err)
{
    acm_rc_t  rc;

    acm_orders_finish(o);

    if (o->ngrouped == 0) {
        return ACM_OK;
    }

    rc = acm_orders_take(o, err);

    if (rc == ACM_OK && o->written.nops != 0) {
        rc = acm_store_commit(acm_keyring_store(o->conf.ring), &o->written,
                              err);
    }

    acm_orders_committed(o, rc, ticks);

    return (rc == ACM_CONFLICT) ? ACM_OK : rc;
}


void
acm_orders_finish(acm_orders_t *o)
{
    if (o->writing) {
        o->conf.committer->finish(o->conf.committer->data);
    }
}


acm_rc_t
acm_orders_fault(acm_orders_t *o, acm_err_t *err)
{
    acm_rc_t  rc;

    rc = o->fault;
    o->fault = ACM_OK;

    return (rc == ACM_OK) ? ACM_OK : acm_fail(err, rc, "%s", o->why.text);
}


/* What waits is the next commit; nothing is in it by now. */

static acm_rc_t
acm_orders_take(acm_orders_t *o, acm_err_t *err)
{
    acm_job_t  *job;

    o->written = o->group;
    o->ngrouped = 0;

    acm_batch_init(&o->group);

    for (job = o->jobs; job != NULL; job = job->next) {
        job->written = job->grouped;
        job->grouped = 0;
    }

    if (o->written.rc != ACM_OK) {
        return acm_fail(err, o->written.rc, "changes of orders cannot be "
                        "written down: %s", acm_rc_text(o->written.rc));
    }

    return ACM_OK;
}


static void
acm_orders_written(void *arg, acm_rc_t rc, const acm_err_t *err)
{
    acm_orders_t *o = arg;

    o->writing = 0;

    if (rc != ACM_OK && rc != ACM_CONFLICT) {
        acm_orders_blame(o, rc, err);
    }

    acm_orders_committed(o, rc, acm_ticks());
}


/* acm_orders_fault() tells it. */

static void
acm_orders_blame(acm_orders_t *o, acm_rc_t rc, const acm_err_t *err)
{
    o->fault = rc;
    (void) acm_fail(&o->why, rc, "%s", err->text);
}


static void
acm_orders_committed(acm_orders_t *o, acm_rc_t rc, int64_t ticks)
{
    acm_job_t  *job;

    acm_batch_free(&o->written);

    for (job = o->jobs; job != NULL; job = job->next) {
        if (job->written) {
            job->written = 0;
            acm_job_committed(job, rc, ticks);
        }
    }
}


static void
acm_job_committed(acm_job_t *job, acm_rc_t rc, int64_t ticks)
{
    unsigned       fresh;
    acm_orders_t  *o;

    o = job->orders;
    fresh = job->fresh;

    job->fresh = 0;
    o->nfresh -= fresh;

    if (job->saving) {
        acm_job_saved(job, rc, ticks);

    } else if (rc != ACM_OK && fresh) {

        /* nothing was begun: it is due as before, and its turn comes */

        job->gone = 1;
        o->nsingle++;

    } else if (rc != ACM_OK) {

        /* one of them may stand in the way of the others: each alone */

        job->alone = 1;
        job->ended = 0;
        job->redo = 1;
        job->event = ACM_EVENT_GO;
        acm_job_wait(job, (rc == ACM_CONFLICT)
                          ? ticks : ticks + ACM_ORDERS_REDO);

    } else if (job->ended) {
        acm_job_issued(job);

    } else {
        acm_job_go(job, ACM_EVENT_GO);
    }
}


/* If it failed it is made once more, with what the order does next. */

static void
acm_job_saved(acm_job_t *job, acm_rc_t rc, int64_t ticks)
{
    job->saving = 0;

    if (rc != ACM_OK) {
        job->unsaved = 1;
        job->alone = 1;
    }

    if (!job->later) {
        return;
    }

    job->later = 0;
    job->redo = 1;

    if (rc == ACM_OK || rc == ACM_CONFLICT) {
        acm_job_go(job, ACM_EVENT_GO);

    } else {
        job->event = ACM_EVENT_GO;
        acm_job_wait(job, ticks + ACM_ORDERS_REDO);
    }
}
