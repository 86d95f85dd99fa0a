
/*
 * Copyright (C) The ngx_acm authors
 *
 * How many calls of an operation an account makes in a region: token buckets
 * in memory that processes and threads share, without a lock.  As in
 * acm_limit.h a bucket is one number, the time up to which what was taken is
 * paid for; here it and whose it is are one word, which is changed at once,
 * so that whoever is killed leaves nothing half done.
 */


#ifndef _ACM_THROTTLE_H_INCLUDED_
#define _ACM_THROTTLE_H_INCLUDED_


#include "acm_issuer.h"


#define ACM_THROTTLE_SLOTS  4096     /* buckets that are not full at a time */
#define ACM_THROTTLE_SEED   16       /* octets */


/* zeros but for the seed, which is random: places in the table are not to be
   guessed */

typedef struct {
    uint8_t     seed[ACM_THROTTLE_SEED];
    uint64_t    slots[ACM_THROTTLE_SLOTS];
} acm_throttle_t;


/*
 * 1 if a call may be made, and is counted.  ticks: milliseconds of a clock
 * that never goes back, such as acm_ticks().  A bucket of `number` fills in
 * `period`; number 0: all may be made.  When the table is full of others the
 * call may be made, too.
 */
int acm_throttle_take(acm_throttle_t *throttle, const acm_rate_t *rate,
    const char *account, const char *region, const char *operation,
    int64_t ticks);


#endif /* _ACM_THROTTLE_H_INCLUDED_ */
