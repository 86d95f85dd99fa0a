
/*
 * Copyright (C) The ngx_acm authors
 *
 * What a log is told again and again, as long as nobody mends it: at once,
 * then less and less often, and not for more things than somebody reads.
 */


#ifndef _ACM_DAMP_H_INCLUDED_
#define _ACM_DAMP_H_INCLUDED_


#include "acm.h"


#define ACM_DAMP_MAX    256          /* things that are known at a time */
#define ACM_DAMP_KEY    64           /* octets that name one */
#define ACM_DAMP_FIRST  60           /* seconds, then twice as many each */
#define ACM_DAMP_LAST   3600


typedef struct {
    uint8_t         key[ACM_DAMP_KEY];
    int64_t         at;              /* not before */
    int64_t         wait;            /* 0: free */
} acm_damped_t;


/* all zero before the first */

typedef struct {
    acm_damped_t    list[ACM_DAMP_MAX];
    uint64_t        others;          /* not told, for want of room */
} acm_damp_t;


/*
 * 1: it is to be told, and that `others` were left out since the last 1.
 * ticks: milliseconds of a clock that never goes back.  What was not asked
 * about for twice its time is forgotten.
 */
int acm_damp(acm_damp_t *damp, const uint8_t key[ACM_DAMP_KEY],
    int64_t ticks, uint64_t *others);


#endif /* _ACM_DAMP_H_INCLUDED_ */
