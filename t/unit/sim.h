
/*
 * Copyright (C) The ngx_acm authors
 *
 * A simulated world: CAs that answer after a while, or not, or wrongly; a
 * helper process that can be killed between any two of its commits and
 * messages; and a clock that goes on to whatever happens next.  No I/O, so a
 * year takes no time.
 */


#ifndef _SIM_H_INCLUDED_
#define _SIM_H_INCLUDED_


#include <inttypes.h>

#include "acm_store_impl.h"
#include "test_store.h"


#define SIM_START      1800000000LL      /* seconds */
#define SIM_DAY        ((int64_t) 86400)
#define SIM_YEAR       (365 * SIM_DAY)
#define SIM_CAS        3
#define SIM_CERTS      1000
#define SIM_NONCES     (1 << 24)
#define SIM_WINDOW     64                /* requests of a name remembered */
#define SIM_LASTING    (~0u)             /* times of a fault: for ever */


typedef struct sim_s     sim_t;
typedef struct sim_ca_s  sim_ca_t;


typedef enum {
    SIM_DIRECTORY,
    SIM_NONCE,
    SIM_ACCOUNT,                         /* newAccount */
    SIM_ORDER,                           /* newOrder */
    SIM_AUTHZ,
    SIM_CHALLENGE,
    SIM_POLL,                            /* the order's URL */
    SIM_FINALIZE,
    SIM_DOWNLOAD,
    SIM_ARI,
    SIM_REVOKE,
    SIM_OTHER,                           /* the account's URL and so on */
    SIM_STEPS
} sim_step_e;


/* what goes wrong with one step; an all zero one is no fault */

typedef struct {
    unsigned           times;            /* how often */
    int                status;           /* 0 and no text: no connection */
    const char        *problem;          /* "rateLimited": a document */
    const char        *type;             /* Content-Type instead */
    const char        *body;             /* instead */
    const char        *retry_after;
    unsigned           done:1;           /* done, but the answer differs */
    unsigned           no_location:1;
    unsigned           no_nonce:1;
    unsigned           cut:1;            /* half of the body */
} sim_fault_t;


typedef enum {
    SIM_ARI_NONE,
    SIM_ARI_FUTURE,                      /* 3/4 to 4/5 of the life */
    SIM_ARI_NOW,                         /* an hour from now */
    SIM_ARI_PAST,                        /* began and ended before now */
    SIM_ARI_INVERTED,
    SIM_ARI_LATE,                        /* up to the very end */
    SIM_ARI_FOREIGN,                     /* before it was issued */
    SIM_ARI_STALE                        /* of the one before: open still */
} sim_ari_e;


typedef enum {
    SIM_PENDING,
    SIM_READY,
    SIM_PROCESSING,
    SIM_VALID,
    SIM_INVALID
} sim_state_e;


/* what is wrong with a certificate */

typedef enum {
    SIM_ISSUE_RIGHT,
    SIM_ISSUE_KEY,                       /* of somebody else */
    SIM_ISSUE_MORE,                      /* a name that was not asked for */
    SIM_ISSUE_FEWER,
    SIM_ISSUE_OLD,                       /* it has ended */
    SIM_ISSUE_EARLY,                     /* it has not begun */
    SIM_ISSUE_BARE,                      /* without its chain */
    SIM_ISSUE_FOREIGN,                   /* with the chain of another CA */
    SIM_ISSUE_TURNED,                    /* the chain comes first */
    SIM_ISSUE_CA,                        /* the chain alone */
    SIM_ISSUE_WAYS
} sim_issue_e;


typedef struct {
    unsigned           id;
    int                cert;             /* which request; -1: none */
    sim_state_e        state;
    char             **names;
    size_t             nnames;
    int64_t           *posted;           /* ticks per challenge, 0: not */
    int64_t            finalized;        /* ticks */
    int64_t            created;          /* ticks */
    int64_t            dated;            /* seconds, our clock */
    acm_buf_t          pem;
    int64_t            not_before;
    int64_t            not_after;
    char               ari[256];
    unsigned           replaced:1;
} sim_order_t;


struct sim_ca_s {
    sim_t             *sim;
    unsigned           n;
    acm_ca_t           ca;
    char               base[32];
    char               directory[48];

    /* how it behaves */

    int64_t            delay;            /* ms until an answer */
    int64_t            validation;       /* ms */
    int64_t            processing;       /* ms */
    int64_t            lifetime;         /* seconds */
    sim_fault_t        fault[SIM_STEPS];
    const char        *invalid;          /* problem of all challenges */
    int                invalid_cert;     /* only of this one; -1: of all */
    sim_ari_e          ari;
    const char        *ari_retry;
    sim_issue_e        issue;
    const acm_buf_t   *made;             /* what all get instead; or NULL */
    unsigned           chaos;            /* one of so many requests fails */
    unsigned           no_revoke:1;      /* not in the directory */
    unsigned           stuck:1;          /* authorizations stay pending */
    unsigned           not_ready:1;      /* finalize: orderNotReady */
    unsigned           back:1;           /* finalize: answers "ready" */
    unsigned           deactivated:1;    /* our account */
    unsigned           forgotten:1;      /* our account */
    unsigned           known:1;          /* our account */
    unsigned           hostile:1;        /* its answers are altered on the way:
                                            what it sees may make no sense */

    /* what was seen */

    uint64_t           requests;
    uint64_t           count[SIM_STEPS];
    uint64_t           replaces;         /* orders that said so */
    int                reason;           /* of the last one; -1: none */
    uint64_t           issued;
    uint64_t           peak;             /* requests in ten seconds, most */
    uint64_t           ten;
    int64_t            ten_at;
    uint64_t           nonces;
    uint8_t           *spent;            /* nonces, a bit each */
    size_t             nspent;
    sim_order_t      **orders;
    size_t             norders;
    size_t             old;              /* orders below are stripped */
    const char        *wrong;            /* what no client may do, or NULL */
};


/* what was seen of one certificate, at all CAs */

typedef struct {
    int64_t            at[SIM_WINDOW];   /* ticks of requests */
    size_t             nat;
    size_t             peak;             /* in ten seconds */
    unsigned           orders;           /* newOrder */
    unsigned           last[SIM_CAS];    /* id of the latest order */
    int64_t           *failed;           /* ticks of failed validations */
    size_t             nfailed;
    int64_t            ended;            /* ticks: failed order */
} sim_seen_t;


typedef struct {
    acm_http_t        *http;
    int64_t            at;               /* ticks */
} sim_pending_t;


struct sim_s {
    sim_ca_t           cas[SIM_CAS];
    acm_issuer_t       issuers[SIM_CAS];
    char               names[SIM_CAS][8];
    acm_request_t      requests[SIM_CERTS];
    size_t             nrequests;
    sim_seen_t        *seen;

    acm_store_t       *store;
    acm_store_ops_t    ops;              /* ours, over those below */
    const acm_store_ops_t  *below;
    char              *dir;              /* of LMDB, or NULL */
    acm_key_secret_t   master;
    acm_keyring_t     *ring;
    acm_engine_t       engine;
    acm_transport_t    transport;
    acm_checker_t     *checker;
    acm_committer_t    committer;
    acm_batch_t       *batch;            /* that it has; or NULL */
    acm_committed_pt   done;
    void              *arg;
    int64_t            done_at;          /* ticks */
    uint32_t           sync;             /* ticks of a commit, fewer */
    unsigned           made:1;           /* in the store, not told yet */
    acm_rc_t           made_rc;
    acm_err_t          made_err;
    unsigned           aside:1;          /* it is used */
    unsigned           recovered:1;
    unsigned           running:1;
    unsigned           look:1;

    int64_t            ticks;            /* ms, for ever */
    int64_t            slept;            /* seconds of suspension */
    int64_t            skew;             /* of our wall clock, seconds */
    int64_t            patience;         /* the longest wait, seconds */
    int64_t            look_at;          /* ticks */
    uint64_t           looked;           /* generation at the last look */
    int64_t            fault_until;      /* ticks: the store had trouble */

    sim_pending_t     *pending;
    size_t             npending;
    size_t             spending;

    uint64_t           commits;
    uint64_t           sends;
    uint64_t           crash_commit;     /* after this one; 0: none */
    uint64_t           crash_send;
    unsigned           crashed:1;
    unsigned           trace:1;          /* ACM_SIM_TRACE is set */
    unsigned           full;             /* one of so many commits fails */
    uint32_t           random;
    unsigned           reports[ACM_ORDERS_WINDOW + 1];
    uint64_t           faults;           /* errors of run or tick */
    char               text[ACM_MAX_ERROR];
};


/* a world with so many certificates of so many names each */
sim_t *sim_new(size_t ncerts, size_t nnames);
sim_t *sim_new_lmdb(size_t ncerts, size_t nnames);
void sim_free(sim_t *s);
/* CAs and the clock begin anew; the store stays, and so do the CAs' keys. */
void sim_again(sim_t *s);

/* the process, and its sudden end */
void sim_start(sim_t *s);
void sim_kill(sim_t *s);
/* Its end at a reload, a stop, an upgrade. */
void sim_quit(sim_t *s);

/* seconds of the wall clock, as the process has it and as it is */
int64_t sim_now(const sim_t *s);
int64_t sim_true(const sim_t *s);

/* One step: all that can be done now, then on to what comes next, but not
   beyond `until` (ticks).  Restarts a process that has crashed. */
void sim_step(sim_t *s, int64_t until);
/* so many seconds */
void sim_run(sim_t *s, int64_t seconds);
/* Until all certificates have this version, at most so many seconds;
   returns how many have it. */
size_t sim_until(sim_t *s, uint32_t version, int64_t seconds);
/* Until no order is under way. */
void sim_settle(sim_t *s, int64_t seconds);

/* the record; to be freed */
void sim_cert(sim_t *s, size_t n, acm_cert_t *cert);
uint64_t sim_entries(sim_t *s, acm_db_e db);
/* What must always hold. */
void sim_check(sim_t *s);
/* And what must hold when nothing is under way. */
void sim_check_quiet(sim_t *s);

/* sim_ca.c */

void sim_ca_init(sim_t *s, unsigned n);
void sim_ca_free(sim_ca_t *ca);
void sim_ca_again(sim_ca_t *ca);
/* Acts, and fills the answer. */
void sim_answer(sim_ca_t *ca, acm_http_t *http);
void sim_fault(sim_ca_t *ca, sim_step_e step, int status,
    const char *problem);
void sim_lift(sim_ca_t *ca);

/* sim_issue.c */

/* The chain as the CA sends it, in o->pem. */
void sim_issue(sim_ca_t *ca, sim_order_t *o, EVP_PKEY *pkey,
    acm_str_t *leaf);

/* sim_net.c */

void sim_transport(sim_t *s);
/* done is called after so many milliseconds, unless the transport cancels. */
void sim_pend(sim_t *s, acm_http_t *http, int64_t delay);
/* A request has come to a CA. */
void sim_take(sim_ca_t *ca, acm_http_t *http);
/* Gives the answers that are there by now. */
void sim_deliver(sim_t *s);
/* ticks of the next answer */
int64_t sim_next(const sim_t *s);
uint64_t sim_requests(const sim_t *s);
/* Which of the certificates an order is for, by its first name; or -1. */
int sim_which(sim_t *s, const char *name);
/* The payload, if there is one; nonces are used once. */
void sim_signed(sim_ca_t *ca, acm_http_t *http, json_t **payload);
void sim_count(sim_ca_t *ca, sim_step_e step, const sim_order_t *o,
    json_t *payload);


#endif /* _SIM_H_INCLUDED_ */
