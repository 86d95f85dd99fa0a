
/*
 * Copyright (C) The ngx_acm authors
 *
 * The relation to one ACME server: its directory, our account there,
 * anti-replay nonces, and the signed requests under way.  Requests are
 * queued until the account is ready.  No I/O but the store and the
 * transport; all waits are in milliseconds of acm_ticks().
 */


#ifndef _ACM_SESSION_H_INCLUDED_
#define _ACM_SESSION_H_INCLUDED_


#include "acm_account.h"
#include "acm_http.h"


#define ACM_MAX_NONCES       64          /* kept for later */
#define ACM_MAX_NONCE_TRIES  12          /* of one request */
#define ACM_DIRECTORY_TTL    (12 * 3600 * 1000LL)    /* milliseconds */
#define ACM_SESSION_BACKOFF  1000        /* after a first failure */
#define ACM_SESSION_BLOCKED  3600000     /* at most */
#define ACM_SESSION_DEAD     6           /* failures that a dead account is
                                            worth: about a minute */
#define ACM_SESSION_SKEW     300         /* seconds between two clocks */


typedef struct acm_session_s  acm_session_t;
typedef struct acm_call_s     acm_call_t;


/* told of what an operator should know: account made, lost, refused */
typedef void (*acm_session_report_pt)(void *data, const char *issuer,
    int trouble, const char *text);


typedef struct {
    const acm_issuer_t      *issuer;
    const char              *directory;  /* the issuer's, or its staging */
    acm_keyring_t           *ring;
    acm_transport_t         *transport;
    acm_session_report_pt    report;     /* may be NULL */
    void                    *data;
} acm_session_conf_t;


/*
 * One request.  The caller sets url (NULL: the directory's newOrder, or with
 * revoke its revokeCert, and ACM_DENIED if it has none), payload (JSON text;
 * NULL for POST-as-GET), accept, get, revoke, done and data; url and payload
 * are the caller's and stay until done is called or the call is cancelled.
 */

struct acm_call_s {
    const char         *url;
    const char         *payload;
    const char         *accept;
    unsigned            get:1;           /* a plain GET, unsigned */
    unsigned            revoke:1;        /* without url: revokeCert */

    acm_rc_t            rc;              /* ACM_OK: a 2xx answer in http */
    acm_problem_t       problem;         /* otherwise */
    int64_t             retry_after;     /* seconds, -1: not said */
    acm_http_t         *http;            /* may be NULL; session's to free */

    void              (*done)(acm_call_t *call);
    void               *data;

    /* internal */

    acm_session_t      *session;
    acm_call_t         *next;
    unsigned            tries;
    unsigned            own:1;           /* of the session itself */
    unsigned            jwk:1;           /* signed without account URL */
    unsigned            fresh:1;         /* as of acm_http_t */
    unsigned            sent:1;
};


/* NULL without memory. conf is copied; what it points to is borrowed. */
acm_session_t *acm_session_new(const acm_session_conf_t *conf);
/* Forgets all requests; none is told. */
void acm_session_free(acm_session_t *s);

/* Queues a call.  done is called from within acm_session_run() or from the
   transport, never from here. */
void acm_session_call(acm_session_t *s, acm_call_t *call);
/* Forgets a call, sent or not; accepts one that is not under way. */
void acm_session_cancel(acm_session_t *s, acm_call_t *call);
/* Frees the answer of a call, for using it again. */
void acm_call_reset(acm_call_t *call);

/* Brings everything forward; returns when to be called again at the latest
   (INT64_MAX: when something happens). */
int64_t acm_session_run(acm_session_t *s, int64_t ticks);

/* Until when nothing is to be asked for, in ticks; not later than now: it is
   fine. */
int64_t acm_session_blocked(acm_session_t *s);
/* The last trouble of the session as a whole; "" if there is none. */
const char *acm_session_error(acm_session_t *s);

/* An order begins (1) or ends (-1): the account's key stays meanwhile. */
void acm_session_hold(acm_session_t *s, int orders);

/* The directory, and the account too, is wanted though no call waits. */
void acm_session_want(acm_session_t *s, int account);

/* NULL before it is known. */
const acm_directory_t *acm_session_directory(acm_session_t *s);
const char *acm_session_thumbprint(acm_session_t *s);
const char *acm_session_account(acm_session_t *s);

/* The CA said that it does not know our account: it is registered again
   before the next call, with the same key. */
void acm_session_account_lost(acm_session_t *s);
/* The CA refused us: the account's state is asked for before the next. */
void acm_session_account_suspect(acm_session_t *s);


#endif /* _ACM_SESSION_H_INCLUDED_ */
