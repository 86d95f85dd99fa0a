
/*
 * Copyright (C) The ngx_acm authors
 *
 * Revocations of the simulated world, and what the store has of them.
 */


#ifndef _TEST_REVOCATION_H_INCLUDED_
#define _TEST_REVOCATION_H_INCLUDED_


#include "sim.h"

#include "acm_event.h"
#include "acm_revocation.h"


/* Of the nth certificate; what is done is committed. */

static inline acm_rc_t
test_revoke(sim_t *s, size_t n, uint32_t version, acm_revocation_e reason)
{
    acm_rc_t     rc;
    uint64_t     revision;
    acm_err_t    err;
    acm_cert_t   cert, is;
    acm_snap_t  *snap;

    sim_cert(s, n, &cert);

    test_ok(acm_store_begin(s->store, &snap, NULL));
    test_ok(acm_cert_get(snap, cert.account, cert.region, cert.uuid, &is,
                         &revision));
    acm_store_end(snap);

    rc = acm_certificate_revoke(s->store, &is, revision, version, reason,
                                sim_now(s), &err);
    acm_cert_free(&is);
    acm_cert_free(&cert);

    return rc;
}


typedef struct {
    unsigned           n;
    unsigned           states[ACM_REVOKING_REFUSED + 1];
    acm_revocation_e   reason;
    acm_revoking_e     state;
    uint32_t           attempts;
    uint32_t           version;
    int64_t            due_at;
    size_t             leaf;
    char               error[ACM_MAX_ERROR];
    char               serial[ACM_MAX_REC_SERIAL + 1];
} test_list_t;


static inline acm_rc_t
test_note(void *data, const acm_revocation_t *r)
{
    test_list_t  *list = data;

    list->n++;
    list->states[r->state]++;
    list->reason = r->reason;
    list->state = r->state;
    list->attempts = r->attempts;
    list->version = r->version;
    list->due_at = r->due_at;
    list->leaf = r->leaf.len;
    snprintf(list->error, sizeof(list->error), "%s", r->error);
    snprintf(list->serial, sizeof(list->serial), "%s", r->serial);

    return ACM_OK;
}


static inline void
test_list(sim_t *s, const char *issuer, test_list_t *list)
{
    acm_snap_t  *snap;

    memset(list, 0, sizeof(test_list_t));

    test_ok(acm_store_begin(s->store, &snap, NULL));
    test_ok(acm_revocation_each(snap, issuer, test_note, list));
    acm_store_end(snap);
}


static inline unsigned
test_events(sim_t *s, const char *what)
{
    unsigned      n;
    acm_rc_t      rc;
    acm_snap_t   *snap;
    acm_event_t   event;
    acm_entry_t   entry;

    n = 0;

    test_ok(acm_store_begin(s->store, &snap, NULL));

    for (rc = acm_store_seek(snap, ACM_DB_EVENT, NULL, 0, &entry);
         rc == ACM_OK;
         rc = acm_store_next(snap, ACM_DB_EVENT, &entry))
    {
        test_ok(acm_event_decode(entry.data, entry.len, &event));
        n += (strstr(acm_event_type(event.kind), what) != NULL
              || strstr(event.detail, what) != NULL);
        acm_event_free(&event);
    }

    acm_store_end(snap);

    return n;
}


/* Until nothing is wanted any more. */

static inline void
test_until(sim_t *s, int64_t seconds)
{
    int64_t      until;
    test_list_t  list;

    until = s->ticks + seconds * 1000;

    for ( ;; ) {
        test_list(s, NULL, &list);

        if (list.states[ACM_REVOKING_WANTED] == 0) {
            return;
        }

        assert_true(s->ticks < until);
        sim_step(s, until);
    }
}


#endif /* _TEST_REVOCATION_H_INCLUDED_ */
