
/*
 * Copyright (C) The ngx_acm authors
 *
 * The census: how many certificates there are of each kind, and how many
 * are in trouble.  All records are looked at, a few at once, so that a large
 * store holds nobody up; what it says is as old as the walk.
 */


#ifndef _ACM_CENSUS_H_INCLUDED_
#define _ACM_CENSUS_H_INCLUDED_


#include "acm_record.h"


#define ACM_CENSUS_SLICE     64      /* records looked at in one step */
#define ACM_CENSUS_TYPES     (ACM_TYPE_PRIVATE + 1)
#define ACM_CENSUS_STATUSES  (ACM_STATUS_FAILED + 1)
#define ACM_CENSUS_WINDOWS   3


typedef struct {
    uint64_t   certificates[ACM_CENSUS_TYPES][ACM_CENSUS_STATUSES];
    uint64_t   expiring[ACM_CENSUS_WINDOWS];     /* the shorter in the longer */
    uint64_t   expired;          /* though a renewal was planned */
    uint64_t   overdue;          /* to be issued or renewed, not expired */
    uint64_t   failing;          /* the last attempt failed */
    uint64_t   unreadable;
    int64_t    at;               /* seconds, when it ended; 0: never yet */
    char       first_expired[ACM_MAX_NAME + 1];  /* domain, or "" */
    char       first_overdue[ACM_MAX_NAME + 1];
} acm_census_t;


/* all zero at first, and after each end */

typedef struct {
    acm_census_t   counts;
    uint8_t        key[ACM_MAX_STORE_KEY];
    size_t         len;
    unsigned       begun:1;
} acm_census_walk_t;


/* Seconds of each window: a day, a week, thirty days. */
extern const int64_t  acm_census_windows[ACM_CENSUS_WINDOWS];


/*
 * One step.  ACM_OK: call again; ACM_NOTFOUND: this was the last one and
 * *done is the result.  Other results are faults of the store.
 */
acm_rc_t acm_census_step(acm_census_walk_t *walk, acm_store_t *store,
    int64_t now, acm_census_t *done, acm_err_t *err);


#endif /* _ACM_CENSUS_H_INCLUDED_ */
