
/*
 * Copyright (C) The ngx_acm authors
 *
 * Response rate limiting for DNS over UDP: how often one client network is
 * answered, so that nobody with a forged address can point many answers at
 * it.  A table of fixed size in the memory of one worker; time comes from
 * the caller.
 */


#ifndef _ACM_RRL_H_INCLUDED_
#define _ACM_RRL_H_INCLUDED_


#include "acm.h"


#define ACM_RRL_RATE         20      /* answers a second, by default */
#define ACM_MAX_RRL_RATE     100000
#define ACM_RRL_SETS         1024    /* a power of two */
#define ACM_RRL_WAYS         4


typedef enum {
    ACM_RRL_ANSWER = 0,
    ACM_RRL_TRUNCATE,                /* empty, TC set: TCP still works */
    ACM_RRL_DROP
} acm_rrl_e;


typedef struct {
    uint64_t        network;         /* 0: not in use */
    int64_t         time;            /* milliseconds, of the last filling */
    uint32_t        tokens;          /* thousandths of an answer */
    uint32_t        over;            /* queries since there was no token */
} acm_rrl_bucket_t;


typedef struct {
    uint64_t          seed;          /* keeps collisions from being chosen */
    uint32_t          rate;          /* a second, and at once */
    acm_rrl_bucket_t  buckets[ACM_RRL_SETS][ACM_RRL_WAYS];
} acm_rrl_t;


/* rate: 1 to ACM_MAX_RRL_RATE; seed: any random number. */
void acm_rrl_init(acm_rrl_t *rrl, uint32_t rate, uint64_t seed);

/*
 * What to do with a query from the address of len (4 or 16) octets; now in
 * milliseconds of a clock that does not go back.  Networks are /24 and /56.
 */
acm_rrl_e acm_rrl_check(acm_rrl_t *rrl, const uint8_t *addr, size_t len,
    int64_t now);


#endif /* _ACM_RRL_H_INCLUDED_ */
