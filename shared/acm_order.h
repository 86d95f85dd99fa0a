
/*
 * Copyright (C) The ngx_acm authors
 *
 * One ACME order (RFC 8555 s7.4) as a machine without I/O: what happened
 * goes in, what is to be done comes out.  The record is all that survives a
 * process: with the order's URL and the key everything else can be asked
 * for again.
 */


#ifndef _ACM_ORDER_H_INCLUDED_
#define _ACM_ORDER_H_INCLUDED_


#include "acm_challenge.h"
#include "acm_issuer.h"
#include "acm_session.h"


#define ACM_ORDER_LIFE        3600       /* seconds an order may take */
#define ACM_ORDER_TRIES       6          /* of one request, CA in trouble */
#define ACM_ORDER_POLL_NEAR   2          /* milliseconds, a CA of our own */
#define ACM_ORDER_POLL_FAR    500        /* milliseconds, any other */
#define ACM_ORDER_POLL_MAX    15000
#define ACM_ORDER_POLLS       8          /* then authorizations are read */
#define ACM_ORDER_FINALIZES   6          /* of one order, still "ready" */
#define ACM_ORDER_SCARCE      60         /* of one order, no memory */
#define ACM_ORDER_SCARCE_WAIT 1000       /* milliseconds until the next one */
#define ACM_MAX_ALTERNATES    8          /* alternate chains looked at */
#define ACM_MAX_REPLACES      256        /* octets of an ARI id */
#define ACM_MAX_CSR           32768      /* octets, DER */


typedef struct {
    char          *account;              /* of the certificate */
    char          *region;
    char           uuid[ACM_UUID_LEN + 1];
    char          *issuer;
    char          *directory;
    uint32_t       version;              /* the certificate will have */
    acm_key_e      key;
    acm_str_t      sealed;               /* private key, for ARN, version */
    acm_str_t      csr;                  /* DER */
    char         **names;
    size_t         nnames;
    char          *url;                  /* "" before the CA answered */
    char          *replaces;             /* "" if nothing */
    uint32_t       staging;              /* 1: a rehearsal */
    uint32_t       method;               /* which comes first this time */
    uint32_t       only;                 /* acm_method_e, 0: any */
    uint32_t       resumed;              /* by how many processes, without
                                            those that ended in peace */
    int64_t        resume_at;            /* seconds, not before */
    int64_t        created_at;
} acm_order_rec_t;


typedef struct {
    char              *url;
    const char        *wanted;           /* which of the order's names it
                                            is for; NULL: not known */
    const char        *name;             /* the same without "*.", once it
                                            is to be answered */
    char              *challenge;        /* URL */
    char              *token;
    char              *cas;              /* of dns-persist-01, or "" */
    acm_method_e       method;
    unsigned           valid:1;          /* nothing is to be done */
    unsigned           posted:1;
} acm_order_authz_t;


typedef enum {
    ACM_ORDER_NEW = 0,                   /* newOrder is to be asked */
    ACM_ORDER_RESUMED,                   /* has an URL, from the store */
    ACM_ORDER_CREATED,                   /* URL is to be committed */
    ACM_ORDER_AUTHZ,                     /* reading authorizations */
    ACM_ORDER_PUBLISH,                   /* answers are to be committed */
    ACM_ORDER_CHECK,                     /* our own look at them */
    ACM_ORDER_CHALLENGE,                 /* telling the CA to look */
    ACM_ORDER_POLL,
    ACM_ORDER_FINALIZE,
    ACM_ORDER_DOWNLOAD,
    ACM_ORDER_ALTERNATE,
    ACM_ORDER_REASON,                    /* why it is invalid */
    ACM_ORDER_DONE,
    ACM_ORDER_FAILED
} acm_order_e;


typedef enum {
    ACM_EVENT_GO,                        /* start, or what was done is done */
    ACM_EVENT_REPLY,                     /* order->call is answered */
    ACM_EVENT_TIMER
} acm_order_event_e;


typedef enum {
    ACM_ACT_CALL,                        /* order->call, by the session */
    ACM_ACT_WAIT,                        /* until order->wake, ticks */
    ACM_ACT_SAVE,                        /* commit the record */
    ACM_ACT_PUBLISH,                     /* commit answers to challenges */
    ACM_ACT_CHECK,                       /* look for what the CA will see */
    ACM_ACT_DONE,                        /* order->pem is the certificate */
    ACM_ACT_FAILED                       /* order->problem */
} acm_action_e;


typedef struct {
    acm_order_rec_t       rec;
    const acm_issuer_t   *issuer;        /* borrowed, as all of these */
    acm_session_t        *session;
    acm_order_e           state;

    acm_order_authz_t    *authz;
    size_t                nauthz;
    size_t                current;       /* authorization at hand */
    char                 *finalize;
    char                 *certificate;
    int64_t               expires;       /* seconds, 0: not said */

    acm_call_t            call;
    char                 *url;           /* of the call */
    acm_buf_t             payload;
    int64_t               wake;          /* ticks */
    unsigned              tries;
    unsigned              polls;
    unsigned              finalizes;
    unsigned              scarce;        /* so often memory ran out */
    unsigned              lost:1;        /* the account, once */
    unsigned              checked:1;     /* our own first look is done */
    unsigned              unspent:1;     /* failed before the CA looked */
    unsigned              waiting:1;     /* the call is to be made again */

    char                 *alternates[ACM_MAX_ALTERNATES];
    size_t                nalternates;
    acm_buf_t             pem;
    acm_problem_t         problem;
    unsigned              vague:1;       /* problem: does not say whose */
    int64_t               retry_after;   /* seconds, -1: not said */
} acm_order_t;


acm_rc_t acm_order_encode(const acm_order_rec_t *rec, acm_buf_t *out);
acm_rc_t acm_order_decode(const uint8_t *data, size_t len,
    acm_order_rec_t *rec);
void acm_order_rec_free(acm_order_rec_t *rec);

/* Takes over rec; issuer and session are borrowed. */
void acm_order_init(acm_order_t *o, acm_order_rec_t *rec,
    const acm_issuer_t *issuer, acm_session_t *session);
/* The call must not be under way any more. */
void acm_order_free(acm_order_t *o);

/*
 * One step: the event goes in, the action comes out.  ticks: the time, for
 * waits.  After ACM_ACT_SAVE, _PUBLISH and _CHECK the next event is
 * ACM_EVENT_GO; if one of them fails, acm_order_fail() comes first.
 */
acm_action_e acm_order_step(acm_order_t *o, acm_order_event_e event,
    int64_t ticks);

/* Ends the order with a problem of ours; returns ACM_ACT_FAILED. */
acm_action_e acm_order_fail(acm_order_t *o, acm_fault_e fault,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));


#endif /* _ACM_ORDER_H_INCLUDED_ */
