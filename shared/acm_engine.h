
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the helper does: keep the configured certificates in being and bring
 * forward whatever the due index says.  Every step is one committed batch
 * and the record is the only state, so a crash between two steps loses
 * nothing.  No I/O but the store; no clock but the caller's.
 */


#ifndef _ACM_ENGINE_H_INCLUDED_
#define _ACM_ENGINE_H_INCLUDED_


#include "acm_certificate.h"
#include "acm_demand.h"
#include "acm_orders.h"
#include "acm_sched.h"
#include "acm_used.h"


typedef enum {
    ACM_STEP_ISSUED,
    ACM_STEP_RENEWED,
    ACM_STEP_FAILED,             /* will be tried again */
    ACM_STEP_IDLE,               /* e.g. no longer configured: postponed */
    ACM_STEP_SERVED,             /* was given up as unused: to be renewed */
    ACM_STEP_UNREVOKED           /* it cannot be revoked, or not yet */
} acm_step_e;


/* told after each step, for the log; cert is only lent; text may be "" */
typedef void (*acm_engine_report_pt)(void *data, acm_step_e step,
    const acm_cert_t *cert, const char *text);

/*
 * Whether a certificate that was made on demand may be renewed:
 * ACM_DEMAND_YES; ACM_DEMAND_NO: it is retired; ACM_DEMAND_NOT_NOW: at *at;
 * ACM_DEMAND_WAIT: the answer will come, call acm_engine_tick() then.
 */
typedef acm_demand_e (*acm_engine_demand_pt)(void *data,
    const acm_cert_t *cert, int64_t now, int64_t *at);

/* "proof" is asked in the same way whether the names of a certificate are
   proved, each time before a built-in CA with dns_proof issues; it never says
   ACM_DEMAND_NO. */


typedef struct {
    acm_keyring_t          *ring;
    acm_store_t            *store;
    const acm_issuer_t     *issuers;
    size_t                  nissuers;
    const acm_request_t    *requests;    /* the configured certificates */
    size_t                  nrequests;
    acm_orders_t           *orders;      /* NULL: no issuer over ACME */
    acm_engine_report_pt    report;
    acm_engine_demand_pt    demand;      /* NULL: nothing is on demand */
    acm_engine_demand_pt    proof;       /* NULL: nobody looks */
    void                   *data;
    int64_t                 unused;      /* not renewed if not served for so
                                            long, seconds; 0: renewed */

    /* internal, all zero at first */

    uint8_t                *identities;  /* of the requests, sorted */
    size_t                  ensured;     /* requests done in this pass */
    size_t                  single;      /* of the next: not in one commit */
    int64_t                 ensured_at;
    int64_t                 latest;      /* the clock was there, seconds */
    uint64_t                generation;  /* of the store in the last pass */
    acm_rc_t                ensure_rc;   /* a failure of this pass */
    acm_err_t               ensure_err;
    uint8_t                 cursor[ACM_MAX_STORE_KEY];   /* in the due */
    size_t                  cursor_len;                  /* index */
    uint64_t                revoke_generation;   /* of the store, at the last
                                            look at revocations */
    int64_t                 revoke_at;   /* when one is due, seconds */
    unsigned                back:1;      /* the clock went back */
    unsigned                behind:1;    /* the cursor is at what was begun */
    unsigned                twins:1;     /* two requests are for the same */
} acm_engine_t;


/*
 * One slice of work at time `now`: ensure one batch of configured
 * certificates, or one due entry, or nothing.  ACM_OK: call again soon;
 * ACM_NOTFOUND: nothing is due, *next is when something will be (INT64_MAX:
 * never).  Other results are faults of the store; the caller waits and tries
 * again.  A failed issuance is no fault: it is recorded with its back-off.
 */
acm_rc_t acm_engine_tick(acm_engine_t *engine, int64_t now, int64_t *next,
    acm_err_t *err);

/*
 * Takes samples of what was served, ACM_MAX_NOTES at most: one batch, and one
 * for each certificate whose renewal was given up before.  Notes of
 * certificates that are not there are dropped.  A failure loses samples only.
 */
acm_rc_t acm_engine_served(acm_engine_t *engine,
    const acm_used_note_t *notes, size_t n, int64_t now, acm_err_t *err);

/*
 * 1: the certificate, whose life has not begun, was signed by a built-in CA
 * that would sign it anew so that it is good now.  For acm_watch_t.
 */
int acm_engine_early(void *engine, acm_snap_t *snap, const acm_cert_t *cert,
    int64_t now);

/* Frees what the engine holds itself; it may then be given a new
   configuration. */
void acm_engine_done(acm_engine_t *engine);


#endif /* _ACM_ENGINE_H_INCLUDED_ */
