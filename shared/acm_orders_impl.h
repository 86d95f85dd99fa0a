
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the files of the order manager share.
 */


#ifndef _ACM_ORDERS_IMPL_H_INCLUDED_
#define _ACM_ORDERS_IMPL_H_INCLUDED_


#include "acm_orders.h"


#define ACM_ORDERS_REDO    1000          /* milliseconds, store in trouble */
#define ACM_ORDERS_CHECKS  600           /* of one certificate, each REDO */


typedef struct acm_job_s       acm_job_t;
typedef struct acm_revoking_s  acm_revoking_t;


/* one issuer: its session, and that of its staging directory */

typedef struct {
    const acm_issuer_t   *issuer;
    acm_session_t        *session;
    acm_session_t        *staging;       /* or NULL */
    size_t                inflight;
    unsigned              limited;       /* names in a row */
    int64_t               paused;        /* ticks: no new orders before */
} acm_slot_t;


/* one order, or one question about a renewal window */

struct acm_job_s {
    acm_job_t            *next;
    acm_orders_t         *orders;
    acm_slot_t           *slot;
    acm_order_t           order;
    acm_order_event_e     event;
    acm_action_e          action;        /* to be carried out again */
    int64_t               wake;          /* ticks */
    unsigned              pending:1;     /* event is to be given */
    unsigned              redo:1;        /* action failed by the store */
    unsigned              waiting:1;     /* for wake */
    unsigned              held:1;        /* counted by the session */
    unsigned              placed:1;      /* counted in the slot */
    unsigned              before:1;      /* the first check is done */
    unsigned              checking:1;
    unsigned              ari:1;         /* no order, only the window */
    unsigned              cleaned:1;     /* by the checker */
    unsigned              gone:1;
    unsigned              grouped:1;     /* its changes wait for a commit */
    unsigned              written:1;     /* and are in one that is made */
    unsigned              alone:1;       /* a commit with others failed */
    unsigned              ended:1;       /* issued, once that is committed */
    unsigned              fresh:1;       /* its beginning waits for a commit */
    unsigned              saving:1;      /* its URL waits for a commit: what
                                            only reads does not */
    unsigned              unsaved:1;     /* that commit failed */
    unsigned              later:1;       /* the action waits for it, too */
    unsigned              resumed:1;     /* the store says so, too */
    int64_t               resume_at;     /* as it was before that */
    acm_cert_t            issued;        /* as it then is */
    unsigned              looks;         /* for our own answer */
    unsigned              checks;        /* of the certificate, in vain */
    acm_preflight_t       check;
    acm_directory_t       directory;     /* of check, as it began: what the */
    char                 *account;       /* session has may change meanwhile */
    EVP_PKEY             *pkey;          /* of the order; NULL after a
                                            restart: it is in the record */
    acm_call_t            call;          /* of ari */
    char                 *ari_url;
};


struct acm_orders_s {
    acm_orders_conf_t     conf;
    acm_slot_t           *slots;
    size_t                nslots;
    acm_job_t            *jobs;
    size_t                njobs;         /* orders, without questions */
    acm_revoking_t       *revoking;
    size_t                nrevoking;
    int64_t               swept;         /* seconds */
    acm_batch_t           group;         /* changes of several orders */
    size_t                ngrouped;      /* orders that wait for it */
    acm_batch_t           written;       /* the group before it */
    size_t                nfresh;        /* orders just begun in these */
    size_t                nsingle;       /* to be begun in commits of their
                                            own, after one that failed */
    acm_x509_seen_t       seen;          /* of the CAs' chains */
    acm_rc_t              fault;         /* of a commit, not told yet */
    acm_err_t             why;
    unsigned              writing:1;     /* the committer has the batch */
    unsigned              vacant:1;      /* a place is, and nobody knows */
    unsigned              recovered:1;
};


/* acm_orders.c */

acm_slot_t *acm_orders_slot(acm_orders_t *o, const char *issuer);
/* NULL without memory; on success rec is taken over. */
acm_job_t *acm_job_new(acm_orders_t *o, acm_slot_t *slot,
    acm_order_rec_t *rec);
/* Cancels what is under way for it; it must be off the list. */
void acm_job_free(acm_job_t *job);
/* Its CA has nothing more to do for it. */
void acm_job_leave(acm_job_t *job);
void acm_job_wait(acm_job_t *job, int64_t wake);
void acm_job_go(acm_job_t *job, acm_order_event_e event);

/* The order's record, into the group. */
acm_rc_t acm_job_put(acm_job_t *job, acm_err_t *err);

/* acm_orders_commit.c */

/*
 * Changes of an order go to the disk with those of others, in one commit at
 * the end of a round, or when the one before is made; this adds them.  The job
 * goes on when it is made.
 */
void acm_job_group(acm_job_t *job, const acm_batch_t *batch);
/* Begins to commit what is there, unless the commit before is under way. */
acm_rc_t acm_orders_commit(acm_orders_t *o, int64_t ticks, acm_err_t *err);
/* Commits what is there, and waits for it. */
acm_rc_t acm_orders_commit_now(acm_orders_t *o, int64_t ticks,
    acm_err_t *err);
/* Waits for the commit that is under way, if there is one. */
void acm_orders_finish(acm_orders_t *o);
/* What a commit that nobody waited for ended with, once. */
acm_rc_t acm_orders_fault(acm_orders_t *o, acm_err_t *err);

/* acm_orders_act.c: the actions, each ACM_OK or a fault of the store */

acm_rc_t acm_job_act(acm_job_t *job, acm_action_e action, int64_t ticks,
    acm_err_t *err);
void acm_order_batch_put(acm_batch_t *batch, const acm_order_rec_t *rec);
void acm_order_batch_delete(acm_batch_t *batch, const char *uuid);
/* The answers to the order's challenges, put or deleted. */
acm_rc_t acm_job_answers(acm_job_t *job, acm_batch_t *batch, int put,
    acm_err_t *err);

/* acm_orders_end.c */

void acm_job_forget(acm_job_t *job);     /* what its last check knew */
acm_rc_t acm_job_done(acm_job_t *job, acm_err_t *err);
/* The certificate is committed: tells so, and ends the job. */
void acm_job_issued(acm_job_t *job);
acm_rc_t acm_job_failed(acm_job_t *job, acm_err_t *err);

/* acm_orders_revoke.c */

/* What was answered is written down; wake, ticks, is brought forward, and
   moved set if anything was done. */
acm_rc_t acm_orders_revoke_run(acm_orders_t *o, int64_t ticks, int64_t *wake,
    int *moved, acm_err_t *err);
void acm_orders_revoke_done(acm_orders_t *o);

/* acm_orders_ari.c */

void acm_job_ari_answered(acm_call_t *call);
acm_rc_t acm_job_ari_step(acm_job_t *job, acm_err_t *err);


#endif /* _ACM_ORDERS_IMPL_H_INCLUDED_ */
