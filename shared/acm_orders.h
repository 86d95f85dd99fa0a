
/*
 * Copyright (C) The ngx_acm authors
 *
 * All ACME orders in flight, of all issuers: starts them within the limits,
 * carries out what each order's machine asks for, and brings their end into
 * the certificate's record.  Every change is committed before the CA is told
 * of the next one; what only reads goes on meanwhile.  After a crash the
 * orders in the store go on.
 */


#ifndef _ACM_ORDERS_H_INCLUDED_
#define _ACM_ORDERS_H_INCLUDED_


#include "acm_certificate.h"
#include "acm_order.h"
#include "acm_revocation.h"


#define ACM_ORDERS_FINISH    (ACM_ORDER_LIFE + 600)  /* answers live, s */
#define ACM_PREFLIGHT_BACKOFF    30          /* seconds, after a failed check;
                                            "retry" may say less */
#define ACM_PREFLIGHT_BACKOFF_MAX 3600
#define ACM_PREFLIGHT_TRIES      8           /* looks for one's own answer */
#define ACM_PREFLIGHT_WAIT       2000        /* milliseconds, then doubled */
#define ACM_LIMIT_STREAK     3           /* names limited in a row: it is
                                            the account */
#define ACM_ARI_SOON         60          /* seconds, CA not asked yet */
#define ACM_ARI_RETRY        (6 * 3600)  /* seconds; half a day at most */


typedef struct acm_orders_s  acm_orders_t;
typedef struct acm_preflight_s   acm_preflight_t;


typedef enum {
    ACM_PREFLIGHT_BEFORE,                    /* records, before an order */
    ACM_PREFLIGHT_ANSWERS                    /* what the CA will find */
} acm_preflight_e;


/*
 * A look at the world for one order, before a CA attempt is spent.  done is
 * called once: ACM_OK; ACM_BUSY: not visible yet, look again; ACM_INVALID:
 * it will not work.  findings: a line each, "name: what is wrong; cure".
 */

struct acm_preflight_s {
    acm_preflight_e              stage;
    const acm_order_t       *order;
    const acm_directory_t   *directory;  /* of the CA */
    const char              *account;    /* URL, for CAA; or NULL */
    acm_rc_t                 rc;
    acm_buf_t                findings;
    unsigned                 caa:1;      /* CAA is among them */
    const char              *denied;     /* name of the order that CAA does
                                            not let the CA issue for, until a
                                            record is changed; or NULL */
    void                   (*done)(acm_preflight_t *check);
    void                    *data;
    void                    *handle;     /* of the checker */
};


/* who looks; both may be NULL */

typedef struct {
    acm_rc_t               (*start)(void *data, acm_preflight_t *check,
                                    acm_err_t *err);
    void                   (*cancel)(void *data, acm_preflight_t *check);
    /* the order ends: takes records away that start() made; the store still
       has the answers */
    void                   (*clean)(void *data, const acm_order_t *order);
    void                    *data;
} acm_checker_t;


/* told of the end of a commit; err is only lent */
typedef void (*acm_committed_pt)(void *arg, acm_rc_t rc,
    const acm_err_t *err);


/*
 * Who waits for the disk while other orders go on; may be NULL.  One batch at
 * a time, which is the committer's until done is called: in the thread of the
 * caller, and not from within start.
 */

typedef struct {
    acm_rc_t               (*start)(void *data, acm_batch_t *batch,
                                    acm_committed_pt done, void *arg,
                                    acm_err_t *err);
    /* waits for what is under way, and calls its done */
    void                   (*finish)(void *data);
    void                    *data;
} acm_committer_t;


typedef enum {
    ACM_ORDERS_ISSUED,
    ACM_ORDERS_RENEWED,
    ACM_ORDERS_REHEARSED,                /* by the staging directory */
    ACM_ORDERS_FAILED,
    ACM_ORDERS_STARTED,
    ACM_ORDERS_REVOKED,                  /* as of acm_orders_revoke() */
    ACM_ORDERS_UNREVOKED,                /* refused, or tried again */
    ACM_ORDERS_WINDOW                    /* the CA moved the renewal */
} acm_orders_e;


/* told of each start and end; order may be NULL; both are only lent.  Of a
   revocation only who the certificate is, domain, serial, issued_by, attempts,
   due_at and revoking are there. */
typedef void (*acm_orders_report_pt)(void *data, acm_orders_e what,
    const acm_cert_t *cert, const acm_order_t *order, const char *text);


typedef struct {
    acm_keyring_t           *ring;
    const acm_issuer_t      *issuers;    /* borrowed */
    size_t                   nissuers;
    acm_transport_t         *transport;
    acm_checker_t           *checker;    /* or NULL */
    acm_committer_t         *committer;  /* or NULL */
    acm_orders_report_pt     report;     /* or NULL */
    acm_session_report_pt    session_report;
    /* From within acm_orders_run(): a CA has made a certificate, which is about
       to be committed; what is begun now is in that commit.  Or NULL. */
    void                   (*vacant)(void *data);
    void                    *data;
} acm_orders_conf_t;


/* NULL without memory; conf is copied. */
acm_orders_t *acm_orders_new(const acm_orders_conf_t *conf);
/* Forgets all: what is in the store goes on with the next process. */
void acm_orders_free(acm_orders_t *o);

/*
 * The process ends, or takes another configuration, and no order is to blame:
 * those that it took up are as they were before, so that the next process
 * does not wait.  On an error some of them count as if it had died.  Nothing
 * but acm_orders_free() may follow.
 */
acm_rc_t acm_orders_release(acm_orders_t *o, acm_err_t *err);

/*
 * Takes up an order that an earlier process left; call it again while there
 * are more.  Steps over a record that is damaged.  A failure: the store cannot
 * be read or written now; to be called again, later.
 */
acm_rc_t acm_orders_recover(acm_orders_t *o, int *more, acm_err_t *err);

/* what may not wait behind ordinary renewals, the most urgent last */

typedef enum {
    ACM_URGENCY_NONE,
    ACM_URGENCY_NEW,             /* a name that has no certificate yet */
    ACM_URGENCY_LATE             /* near its end */
} acm_urgency_e;


/*
 * Whether an order of this issuer could be begun now: 0 if as many as allowed
 * are in flight.  A quarter of the places is kept for what is urgent, and of
 * this a half for certificates near their end: neither thousands of renewals
 * nor of new names keep them waiting.
 */
int acm_orders_room(acm_orders_t *o, const acm_issuer_t *issuer,
    acm_urgency_e urgency);
/* Seconds that its CA is left alone from now, 0: none. */
int64_t acm_orders_blocked(acm_orders_t *o, const acm_issuer_t *issuer);
/* 1 if the certificate has an order, or an ARI request, under way. */
int acm_orders_has(acm_orders_t *o, const char *uuid);
/*
 * 1 if another certificate's order has one of these names under way at the
 * same issuer: tls-alpn-01 has one answer a name, and what was proved for
 * the one need not be proved again for the other.
 */
int acm_orders_clash(acm_orders_t *o, const acm_issuer_t *issuer,
    const acm_cert_t *cert);
/* 1 if the certificate's order was begun and that is not committed yet. */
int acm_orders_fresh(acm_orders_t *o, const char *uuid);
/* How many there are of these. */
size_t acm_orders_begun(acm_orders_t *o);
/* How many orders are under way. */
size_t acm_orders_count(acm_orders_t *o);

/*
 * Begins an order for a certificate as read at `revision`.  The attempt, the
 * new key and the limits taken are one commit; the record's due entry moves
 * to when the next attempt may be, should this process die.  The commit is
 * begun by acm_orders_run(), for all that were begun since, and made before the
 * CA hears of them; if it fails nothing was begun, and what is due is due
 * still.
 */
acm_rc_t acm_orders_begin(acm_orders_t *o, const acm_issuer_t *issuer,
    const acm_cert_t *cert, uint64_t revision, int64_t now, acm_err_t *err);

/* Asks the CA when a certificate should be renewed (RFC 9773). */
acm_rc_t acm_orders_ask_ari(acm_orders_t *o, const acm_issuer_t *issuer,
    const acm_cert_t *cert, uint64_t revision, int64_t now, acm_err_t *err);

/*
 * Asks the CA to revoke, once the attempt is committed; r, as read at
 * `revision`, is taken over.  ACM_BUSY: ACM_MAX_REVOKING are under way.
 */
acm_rc_t acm_orders_revoke(acm_orders_t *o, const acm_issuer_t *issuer,
    acm_revocation_t *r, uint64_t revision, int64_t now, acm_err_t *err);
/* 1 if that is under way. */
int acm_orders_revoking(acm_orders_t *o, const acm_revocation_t *r);

/*
 * Brings everything forward.  *next: ticks at which to be called again at
 * the latest.  An error is one of the store; nothing is lost by it.
 */
acm_rc_t acm_orders_run(acm_orders_t *o, int64_t ticks, int64_t *next,
    acm_err_t *err);


#endif /* _ACM_ORDERS_H_INCLUDED_ */
