
/*
 * Copyright (C) The ngx_acm authors
 *
 * Counters in the shared zone.  They outlive a reload; another layout of the
 * zone begins anew.  Workers count in slots of their own, so that handshakes
 * do not wait for one another's cache lines.
 */


#ifndef _NGX_ACM_METRICS_H_INCLUDED_
#define _NGX_ACM_METRICS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "../shared/acm_acme.h"
#include "../shared/acm_census.h"


#define NGX_ACM_SLOTS          64            /* then workers share them */
#define NGX_ACM_BUCKETS        11            /* of a histogram */
#define NGX_ACM_MAX_COUNTED    64            /* issuers with counters */
#define NGX_ACM_PROBLEMS       (ACM_PROBLEM_USER_ACTION_REQUIRED + 1)
#define NGX_ACM_METHODS        5
#define NGX_ACM_CLASSES        6             /* no answer, 1xx to 5xx */


/* what workers count */

typedef enum {
    NGX_ACM_SERVED_EXACT = 0,
    NGX_ACM_SERVED_WILDCARD,
    NGX_ACM_SERVED_DEFAULT,                  /* no name was asked for */
    NGX_ACM_SERVED_FALLBACK,
    NGX_ACM_SERVED_REJECTED,
    NGX_ACM_SERVED_ALPN,                     /* a CA, by tls-alpn-01 */
    NGX_ACM_CACHE_HIT,
    NGX_ACM_CACHE_MISS,
    NGX_ACM_CACHE_EVICTED,
    NGX_ACM_CACHE_WAITED,                    /* for the disk */
    NGX_ACM_CACHE_WARMED,                    /* before they were asked for */
    NGX_ACM_CACHE_NAMES,                     /* there now */
    NGX_ACM_CACHE_BYTES,
    NGX_ACM_CACHE_OWNER,                     /* pid: who told of them last */
    NGX_ACM_AUDITED,
    NGX_ACM_AUDIT_FAILED,
    NGX_ACM_COUNTERS
} ngx_acm_counter_e;


/* longer than what is used of it by a cache line: no two workers ever have
   one in common, wherever the slots begin */

typedef struct {
    ngx_atomic_t               n[24];
} ngx_acm_slot_t;


typedef struct {
    ngx_atomic_t               counts[NGX_ACM_BUCKETS + 1];
    ngx_atomic_t               sum;          /* nanoseconds */
} ngx_acm_times_t;


/* by name: the place of an issuer in the configuration may change */

typedef struct {
    ngx_atomic_t               used;
    char                       name[ACM_MAX_LABEL + 1];
    ngx_atomic_t               started;
    ngx_atomic_t               issued;
    ngx_atomic_t               renewed;
    ngx_atomic_t               failed[NGX_ACM_PROBLEMS];
    ngx_acm_times_t            duration;     /* of successful orders */
} ngx_acm_counted_t;


typedef struct {
    ngx_acm_slot_t             slots[NGX_ACM_SLOTS];
    ngx_atomic_t               beat;         /* of the helper: acm_ticks() */
    ngx_atomic_t               pid;          /* whose beat it was */
    ngx_atomic_t               down;         /* 1: told that it is silent */
    ngx_atomic_t               outages;
    ngx_atomic_t               cloudwatch;   /* seconds: told all, 0: never */
    ngx_atomic_t               validations[NGX_ACM_METHODS][2];
    ngx_atomic_t               requests[NGX_ACM_CLASSES];
    ngx_atomic_t               commit_failures;
    ngx_acm_times_t            commits;
    ngx_acm_counted_t          issuers[NGX_ACM_MAX_COUNTED];
    ngx_atomic_t               version;      /* of the census; odd while it
                                                is being written */
    acm_census_t               census;
} ngx_acm_metrics_t;


/* upper bounds, in seconds as text */
extern const char *const  ngx_acm_commit_bounds[NGX_ACM_BUCKETS];
extern const char *const  ngx_acm_order_bounds[NGX_ACM_BUCKETS];


#endif /* _NGX_ACM_METRICS_H_INCLUDED_ */
