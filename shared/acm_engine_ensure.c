
/*
 * Copyright (C) The ngx_acm authors
 *
 * What is configured is there: a record for each request.
 */


#include "acm_certificate_impl.h"
#include "acm_engine_impl.h"


#define ACM_ENGINE_ENSURE    64          /* requests in one slice, which is
                                            one commit */
#define ACM_ENGINE_AGAIN     60          /* seconds between looks at all */


static acm_rc_t acm_engine_ensure_one(acm_engine_t *e, int64_t now,
    acm_batch_t *batch);


/*
 * A clock that was ahead and is right again: what was put off is in a future
 * that is far away now, so that all are looked at.
 */

void
acm_engine_clock(acm_engine_t *e, int64_t now)
{
    if (now < e->latest - ACM_ENGINE_AGAIN) {
        e->back = 1;
        e->ensured = 0;
    }

    if (now > e->latest || e->back) {
        e->latest = now;
    }
}


/* All requests are looked at when the configuration is new, and from time to
   time if the store has changed: a record may have been deleted. */

int
acm_engine_ensured(acm_engine_t *e, int64_t now)
{
    uint64_t  generation;

    if (e->ensured < e->nrequests) {
        return 0;
    }

    if (now >= e->ensured_at && now - e->ensured_at < ACM_ENGINE_AGAIN) {
        return 1;
    }

    e->ensured_at = now;
    generation = acm_store_generation(e->store);

    if (generation == e->generation && !e->back) {
        return 1;
    }

    e->generation = generation;
    e->ensured = 0;

    return e->nrequests == 0;
}


/*
 * One that cannot be made does not keep the others, or renewals, waiting: if
 * their commit fails, each is made in one of its own.
 */

acm_rc_t
acm_engine_ensure(acm_engine_t *e, int64_t now)
{
    size_t        n, from;
    acm_rc_t      rc;
    acm_batch_t   batch;

    acm_batch_init(&batch);
    from = e->ensured;

    for (n = 0; n < ACM_ENGINE_ENSURE && e->ensured < e->nrequests; n++) {

        rc = acm_engine_ensure_one(e, now, e->single ? NULL : &batch);

        e->ensured++;
        e->single -= (e->single != 0);

        if (rc != ACM_OK && rc != ACM_CONFLICT) {
            e->ensure_rc = rc;
        }
    }

    if (batch.nops != 0 && acm_commit(e->store, &batch, NULL) != ACM_OK) {
        e->single = e->ensured - from;
        e->ensured = from;
    }

    acm_batch_free(&batch);

    if (e->ensured >= e->nrequests) {
        e->ensured_at = now;
        e->back = (e->back && e->ensure_rc != ACM_OK);
    }

    return ACM_OK;
}


static acm_rc_t
acm_engine_ensure_one(acm_engine_t *e, int64_t now, acm_batch_t *batch)
{
    char                  uuid[ACM_UUID_LEN + 1];
    acm_rc_t              rc;
    const acm_request_t  *req;

    req = &e->requests[e->ensured];

    rc = acm_certificate_ensure_into(e->store, req, now, uuid,
                                     e->twins ? NULL : batch, &e->ensure_err);

    if (rc == ACM_OK && e->back) {
        rc = acm_certificate_again(e->store, req, now, &e->ensure_err);
    }

    return rc;
}
