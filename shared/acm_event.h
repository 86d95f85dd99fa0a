
/*
 * Copyright (C) The ngx_acm authors
 *
 * Events, in the structure of Amazon EventBridge.  One is committed with the
 * change that it reports, into the outbox, whose keys are numbers that rise;
 * from there it goes to the sinks (acm_outbox.h).
 */


#ifndef _ACM_EVENT_H_INCLUDED_
#define _ACM_EVENT_H_INCLUDED_


#include "acm_json.h"


#define ACM_MAX_EVENT_RESOURCE  512    /* octets: an ARN or a path */
#define ACM_MAX_EVENT_DETAIL    16384  /* octets of JSON */


/* Numbers are on disk: never renumber. */

typedef enum {
    ACM_EVENT_APPROACHING = 1,   /* ACM Certificate Approaching Expiration */
    ACM_EVENT_EXPIRED = 2,       /* ACM Certificate Expired */
    ACM_EVENT_AVAILABLE = 3,     /* ACM Certificate Available */
    ACM_EVENT_ACTION = 4,        /* ACM Certificate Renewal Action Required */
    ACM_EVENT_REVOKED = 5,       /* ACM Certificate Revoked */
    ACM_EVENT_HEALTH = 6,        /* AWS Health Event */
    ACM_EVENT_ALARM = 7          /* of our own watchdog */
} acm_event_e;


typedef struct {
    char          id[ACM_UUID_LEN + 1];
    acm_event_e   kind;
    int64_t       at;            /* seconds */
    char         *account;
    char         *region;
    char         *resource;      /* ARN; "" for none */
    char         *detail;        /* text of a JSON object */
} acm_event_t;


acm_rc_t acm_event_encode(const acm_event_t *event, acm_buf_t *out);
acm_rc_t acm_event_decode(const uint8_t *data, size_t len,
    acm_event_t *event);
void acm_event_free(acm_event_t *event);

/* "ACM Certificate Available" and "aws.acm", and so on */
const char *acm_event_type(acm_event_e kind);
const char *acm_event_source(acm_event_e kind);

/*
 * A builder: puts an event into the outbox; id is made if it is empty.  A
 * failure sticks in the batch.
 */
void acm_event_put(acm_batch_t *batch, acm_event_t *event);

/* The same, with this detail, whose reference is taken; NULL: no memory. */
void acm_event_put_json(acm_batch_t *batch, acm_event_t *event,
    json_t *detail);

/* The whole event, as one line of JSON without a line feed. */
acm_rc_t acm_event_json(const acm_event_t *event, acm_buf_t *out);

/*
 * What the change of a certificate from old to next means to others: puts an
 * event for each such thing into the batch.  old may be NULL, for one that
 * was not there before.  now: seconds.
 */
void acm_event_changes(acm_batch_t *batch, const acm_cert_t *old,
    const acm_cert_t *next, int64_t now);

/* An alarm: the CA does not revoke what a certificate had; of cert only who
   it is and its domain. */
void acm_event_refused(acm_batch_t *batch, const acm_cert_t *cert,
    const char *serial, const char *text, int64_t now);

/* Its OCSP responder says that it was revoked, with this reason or "", at
   `at`. */
void acm_event_withdrawn(acm_batch_t *batch, const acm_cert_t *cert,
    const char *reason, int64_t at, int64_t now);


#endif /* _ACM_EVENT_H_INCLUDED_ */
