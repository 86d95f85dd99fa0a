
/*
 * Copyright (C) The ngx_acm authors
 *
 * Who is told, and when, that a certificate comes to its end.  This looks at
 * dates only, never at what the code that renews thinks of itself: so it also
 * sees a renewal that should have happened and did not.
 */


#ifndef _ACM_WATCH_H_INCLUDED_
#define _ACM_WATCH_H_INCLUDED_


#include "acm_certificate.h"


#define ACM_MAX_RUNGS          16
#define ACM_MAX_RUNG           (3650 * 86400)   /* seconds */
#define ACM_MAX_DAYS_BEFORE    3650
#define ACM_DAYS_BEFORE        45        /* DaysBeforeExpiry */
/* the life that the rungs are meant for: in a short one (ACM_SHORT_LIFE)
   they are as much nearer to the end as it is shorter than this */
#define ACM_LADDER_LIFE        (90 * 86400)
#define ACM_WATCH_PENDING      3600      /* seconds for a first issuance */
#define ACM_WATCH_SINK         3600      /* seconds that an event may wait */


typedef struct {
    uint32_t    rungs[ACM_MAX_RUNGS];    /* seconds before the end, falling */
    uint32_t    nrungs;
    uint32_t    days_before;             /* of the account */
} acm_ladder_t;


/* 45, 30, 15, 7, 3 and 1 days, and ACM_DAYS_BEFORE */
void acm_ladder_default(acm_ladder_t *ladder);

/*
 * The ladder as the store has it, with what the account was configured to;
 * defaults for what is not there or cannot be read: somebody must be told of
 * what ends, and be given what a CA has issued.
 */
void acm_ladder_get(acm_snap_t *snap, const char *account,
    const char *region, acm_ladder_t *ladder);


/* 1: we keep trying to issue or renew it */
int acm_watch_renews(const acm_cert_t *cert);

/*
 * When a renewal that was planned for cert->renew_at is overdue: a tenth of
 * what was left then, later.
 */
int64_t acm_watch_overdue_at(const acm_cert_t *cert);

/* Days until `at`, a part of one counted as one; 0 from then on. */
uint32_t acm_watch_days(int64_t at, int64_t now);

/*
 * What there is to tell of a certificate at `now`: sets warned, approached,
 * overdue, status (EXPIRED, or back if the clock was wrong), renewal, and
 * watch_at, when to look again.
 */
void acm_watch_look(acm_cert_t *cert, const acm_ladder_t *ladder,
    int64_t now);


/* told after the commit; both are only lent */
typedef void (*acm_watch_report_pt)(void *data, const acm_cert_t *old,
    const acm_cert_t *next);

/* the same for what is no certificate of the store */
typedef void (*acm_watch_alarm_pt)(void *data, const char *kind,
    const char *name, const char *text);


/* 1: one whose life has not begun is to be made anew */
typedef int (*acm_watch_early_pt)(void *engine, acm_snap_t *snap,
    const acm_cert_t *cert, int64_t now);


/* a certificate that is served from a file, and that others renew */

typedef struct {
    uint8_t        hash[ACM_HASH_LEN];   /* SHA-256 */
    const char    *name;
    const char    *resource;             /* its file, or where it is used */
    int64_t        not_before;
    int64_t        not_after;
} acm_static_t;


typedef struct {
    acm_store_t           *store;
    const acm_ladder_t    *ladder;       /* as configured */
    const char            *account;      /* of what is in no account */
    const char            *region;
    const acm_static_t    *statics;
    size_t                 nstatics;
    acm_watch_report_pt    report;       /* or NULL */
    acm_watch_alarm_pt     alarm;        /* or NULL */
    void                  *data;
    acm_watch_early_pt     early;        /* acm_engine_early(), or NULL */
    void                  *engine;

    /* internal, all zero at first */

    uint8_t                cursor[ACM_MAX_STORE_KEY];   /* of the sweep */
    size_t                 cursor_len;
    uint64_t               emptied;      /* acm_state_emptied() as it began */
    uint8_t                patrol[ACM_MAX_STORE_KEY];   /* in the expiry */
    size_t                 patrol_len;                  /* index */
    uint8_t                endless[ACM_MAX_STORE_KEY];  /* and in that of */
    size_t                 endless_len;                 /* states */
    int64_t                patrol_at;
    int64_t                early_at;     /* so long the clock may be behind */
    int64_t                latest;       /* the clock was there */
    unsigned               ready:1;      /* the ladder was compared */
    unsigned               sweeping:1;
    unsigned               single:1;     /* the last batch was raced for */
} acm_watch_t;


/*
 * One slice of work.  ACM_OK: call again soon; ACM_NOTFOUND: *next is when
 * there will be something (INT64_MAX: never).  Else a fault of the store.
 */
acm_rc_t acm_watch_tick(acm_watch_t *watch, int64_t now, int64_t *next,
    acm_err_t *err);


#endif /* _ACM_WATCH_H_INCLUDED_ */
