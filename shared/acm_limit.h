
/*
 * Copyright (C) The ngx_acm authors
 *
 * Our own rate limits towards a CA, kept in the store so that no restart
 * resets them: one bucket for the account and one for each registered
 * domain.  A bucket is one number, the time up to which what was taken is
 * paid for (the generic cell rate algorithm): as a token bucket of `number`
 * that is full after `period`.
 */


#ifndef _ACM_LIMIT_H_INCLUDED_
#define _ACM_LIMIT_H_INCLUDED_


#include "acm_issuer.h"
#include "acm_record.h"


#define ACM_MAX_LIMITS  2000     /* buckets of domains read for a list */


/* When one can be taken: at most now, or later.  Seconds; tat: the bucket's
   number in milliseconds, 0 for an untouched one. */
int64_t acm_limit_when(const acm_rate_t *rate, int64_t tat, int64_t now);
/* The number after one is taken. */
int64_t acm_limit_take(const acm_rate_t *rate, int64_t tat, int64_t now);
/* The number after one that was taken is given back. */
int64_t acm_limit_give(const acm_rate_t *rate, int64_t tat, int64_t now);

/*
 * Takes one order for these names from all buckets of the issuer, as puts in
 * the batch.  ACM_BUSY: not before *when (seconds); the batch is untouched.
 */
acm_rc_t acm_limit_order(acm_snap_t *snap, const acm_issuer_t *issuer,
    char *const *names, size_t nnames, int64_t now, acm_batch_t *batch,
    int64_t *when, acm_err_t *err);

/* Gives one order back that was taken, and that the CA never heard of. */
acm_rc_t acm_limit_return(acm_snap_t *snap, const acm_issuer_t *issuer,
    char *const *names, size_t nnames, int64_t now, acm_batch_t *batch,
    acm_err_t *err);

/* a bucket as it stands */

typedef struct {
    char       domain[ACM_MAX_NAME + 1];     /* "": of the account */
    uint32_t   number;                       /* when it is full */
    int64_t    period;                       /* seconds, to fill it */
    uint32_t   left;
    int64_t    when;                         /* one can be taken, seconds */
} acm_limit_t;

/* not ACM_OK ends the walk, and is its result */
typedef acm_rc_t (*acm_limit_pt)(void *data, const acm_limit_t *limit);

/* The bucket of the account, touched or not, then those of domains in the
   order of the store, of which ACM_MAX_LIMITS are read. */
acm_rc_t acm_limit_list(acm_snap_t *snap, const acm_issuer_t *issuer,
    int64_t now, acm_limit_pt handler, void *data);

/* "example.co.uk" for "www.example.co.uk" by the public suffix list; a name
   that is a suffix, or an address, stays.  Points into name. */
const char *acm_registered_domain(const char *name);

/* 1 if a public CA may have anything to do with a name: an address, or a name
   below a public suffix that a registry runs, which is not one itself. */
int acm_public_name(const char *name);


#endif /* _ACM_LIMIT_H_INCLUDED_ */
