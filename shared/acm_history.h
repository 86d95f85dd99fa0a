
/*
 * Copyright (C) The ngx_acm authors
 *
 * The history of a certificate: its last ACM_MAX_HISTORY steps, each written
 * in the batch of the change that it tells of.
 */


#ifndef _ACM_HISTORY_H_INCLUDED_
#define _ACM_HISTORY_H_INCLUDED_


#include "acm_record.h"


#define ACM_MAX_HISTORY      128     /* steps kept of a certificate */
#define ACM_MAX_STEP_TEXT    1024    /* octets; what is longer is cut */


/* Numbers are on disk: never renumber. */

typedef enum {
    ACM_HISTORY_REQUESTED = 1,
    ACM_HISTORY_STARTED = 2,        /* an attempt to issue or renew */
    ACM_HISTORY_FAILED = 3,
    ACM_HISTORY_FINDING = 4,        /* of our own checks */
    ACM_HISTORY_ISSUED = 5,
    ACM_HISTORY_RENEWED = 6,
    ACM_HISTORY_IMPORTED = 7,
    ACM_HISTORY_REIMPORTED = 8,
    ACM_HISTORY_ROLLED_BACK = 9,
    ACM_HISTORY_WARNED = 10,        /* a rung was passed */
    ACM_HISTORY_OVERDUE = 11,
    ACM_HISTORY_EXPIRED = 12,
    ACM_HISTORY_RETIRED = 13,       /* nobody renews it any more */
    ACM_HISTORY_REVOKED = 14,
    ACM_HISTORY_FORCED = 15,        /* somebody asked for a renewal */
    ACM_HISTORY_WINDOW = 16,        /* the CA gave a renewal window */
    ACM_HISTORY_REVOCATION = 17,    /* what is done to revoke it */
    ACM_HISTORY_GIVEN_UP = 18       /* FAILED: it is not tried again */
} acm_history_e;


typedef struct {
    acm_history_e   kind;
    int64_t          at;             /* seconds */
    uint32_t         version;        /* of the material then */
    uint32_t         attempt;
    char            *text;           /* "" for none */
} acm_history_t;


/* called for each step, the latest first; not ACM_OK ends the walk */
typedef acm_rc_t (*acm_history_pt)(void *data, const acm_history_t *step);


/* "requested", "renewed" and so on */
const char *acm_history_text(acm_history_e kind);

/*
 * A builder: one more step of a certificate whose record, with its counter
 * raised here, is put into the same batch afterwards.  A failure sticks.
 */
void acm_history_put(acm_batch_t *batch, acm_cert_t *cert,
    const acm_history_t *step);

/* The same, of what happens now; text that is too long is cut. */
void acm_history_add(acm_batch_t *batch, acm_cert_t *cert,
    acm_history_e kind, int64_t now, const char *text);

/* The steps of a change, found by comparison; old may be NULL. */
void acm_history_changes(acm_batch_t *batch, const acm_cert_t *old,
    acm_cert_t *next, int64_t now);

/* All steps go. */
void acm_history_delete(acm_batch_t *batch, const acm_cert_t *cert);

/* What the callback gives, or a fault of the store. */
acm_rc_t acm_history_read(acm_snap_t *snap, const acm_cert_t *cert,
    acm_history_pt handler, void *data);


#endif /* _ACM_HISTORY_H_INCLUDED_ */
