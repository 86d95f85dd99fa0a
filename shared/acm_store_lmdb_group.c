
/*
 * Copyright (C) The ngx_acm authors
 *
 * The LMDB store: threads that commit at once do so in one transaction, with
 * one sync to disk.  Whoever comes while another one commits waits, and then
 * one of those who wait commits for all of them.  Each gets what it would get
 * alone: a batch that does not go with the others is tried again by itself,
 * behind them, and if the transaction comes to nothing all of them are.
 */


#include <string.h>

#include "acm_store_lmdb.h"


struct acm_lmdb_wait_s {
    const acm_batch_t  *batch;
    acm_err_t          *err;
    acm_rc_t            code;
    acm_lmdb_wait_t    *next;
    unsigned            in;          /* is in the transaction */
    unsigned            done;
};


static acm_lmdb_wait_t *acm_lmdb_group_take(acm_lmdb_env_t *e);
static void acm_lmdb_group_run(acm_lmdb_t *s, acm_lmdb_wait_t *group);
static acm_rc_t acm_lmdb_group_write(acm_lmdb_t *s, acm_lmdb_wait_t *group);


acm_rc_t
acm_lmdb_commit(acm_store_t *store, const acm_batch_t *batch, acm_err_t *err)
{
    acm_rc_t          code;
    acm_lmdb_t       *s;
    acm_lmdb_env_t   *e;
    acm_lmdb_wait_t   w, *group, *next;

    s = (acm_lmdb_t *) store;
    e = s->e;

    /* in a child the mutex may be in use by a thread that it does not have */

    acm_lmdb_lock(s);
    code = acm_lmdb_usable(s, err);

    if (code == ACM_OK && e->missing != 0) {
        code = acm_lmdb_maps_again(s, 1, err);
    }

    acm_lmdb_unlock(s);

    if (code != ACM_OK) {
        return code;
    }

    w.batch = batch;
    w.err = err;
    w.code = ACM_OK;
    w.next = NULL;
    w.in = 0;
    w.done = 0;

    (void) pthread_mutex_lock(&e->mutex);

    *e->last = &w;
    e->last = &w.next;

    while (!w.done) {

        if (e->busy) {
            (void) pthread_cond_wait(&e->cond, &e->mutex);
            continue;
        }

        e->busy = 1;
        group = acm_lmdb_group_take(e);

        (void) pthread_mutex_unlock(&e->mutex);

        acm_lmdb_lock(s);
        acm_lmdb_group_run(s, group);
        acm_lmdb_unlock(s);

        (void) pthread_mutex_lock(&e->mutex);

        /* one that is done may be gone as soon as the mutex is free */

        for (/* void */; group != NULL; group = next) {
            next = group->next;
            group->done = 1;
        }

        e->busy = 0;
        (void) pthread_cond_broadcast(&e->cond);
    }

    (void) pthread_mutex_unlock(&e->mutex);

    return w.code;
}


/* Those who came first, as many as one batch might have operations. */

static acm_lmdb_wait_t *
acm_lmdb_group_take(acm_lmdb_env_t *e)
{
    size_t             n;
    acm_lmdb_wait_t   *group, **end;

    group = e->first;
    n = group->batch->nops;

    for (end = &group->next; *end != NULL; end = &(*end)->next) {
        n += (*end)->batch->nops;

        if (n > ACM_MAX_BATCH) {
            break;
        }
    }

    e->first = *end;
    *end = NULL;

    if (e->first == NULL) {
        e->last = &e->first;
    }

    return group;
}


static void
acm_lmdb_group_run(acm_lmdb_t *s, acm_lmdb_wait_t *group)
{
    acm_lmdb_wait_t  *w;

    if (group->next != NULL && acm_lmdb_group_write(s, group) != ACM_OK) {
        for (w = group; w != NULL; w = w->next) {
            w->in = 0;
        }
    }

    for (w = group; w != NULL; w = w->next) {
        w->code = w->in ? ACM_OK
                        : acm_lmdb_commit_alone(s, w->batch, w->err);
    }
}


/* A failure of one that has written something already is one of all. */

static acm_rc_t
acm_lmdb_group_write(acm_lmdb_t *s, acm_lmdb_wait_t *group)
{
    size_t               place;
    MDB_txn             *txn;
    acm_rc_t             code;
    uint64_t             ahead;
    acm_lmdb_wait_t     *w;
    acm_lmdb_changes_t   changes;

    code = ACM_OK;
    ahead = 0;

    for (w = group; code == ACM_OK && w != NULL; w = w->next) {

        /* the reserve of the one before may have lost it */

        code = acm_lmdb_usable(s, NULL);

        if (code == ACM_OK) {
            w->in = (acm_lmdb_reserve(s, w->batch, &ahead, NULL) == ACM_OK);
        }
    }

    if (code == ACM_OK) {
        code = acm_lmdb_write_begin(s, &txn, NULL);
    }

    if (code != ACM_OK) {
        return code;
    }

    memset(&changes, 0, sizeof(acm_lmdb_changes_t));
    place = 0;

    for (w = group; code == ACM_OK && w != NULL; w = w->next) {

        /* also of what others here have written */

        if (!w->in
            || acm_lmdb_expected(s, txn, w->batch, NULL) != ACM_OK)
        {
            w->in = 0;
            continue;
        }

        code = acm_lmdb_write(s, txn, w->batch, place, &changes, NULL);
        place += w->batch->nops;
    }

    if (code != ACM_OK) {
        mdb_txn_abort(txn);
        return code;
    }

    code = acm_lmdb_write_end(s, txn, &changes, NULL);

    if (code == ACM_OK) {
        acm_lmdb_extend(s);
    }

    return code;
}
