
/*
 * Copyright (C) The ngx_acm authors
 */


#include "acm_sched.h"


#define ACM_JITTER_ONE    65536u  /* a factor of 1 */
#define ACM_JITTER_FIRST  32768u  /* a factor of 0.5 */


int64_t
acm_sched_renew_at(int64_t not_before, int64_t not_after)
{
    uint64_t  left, life;

    if (not_after <= not_before) {
        return not_after;
    }

    /* unsigned, since the ends may be further apart than INT64_MAX */

    life = (uint64_t) not_after - (uint64_t) not_before;

    /*
     * A third of 395 days is over 131 days, so the limit of 60 days for long
     * lives needs no code of its own.
     */

    left = (life < ACM_SHORT_LIFE) ? life / 2 : life / 3;

    return not_after - (int64_t) left;
}


int64_t
acm_sched_renew_next(int64_t not_before, int64_t not_after, int64_t now)
{
    int64_t  at, left, least;

    at = acm_sched_renew_at(not_before, not_after);
    left = (not_after > now) ? not_after - now : 0;

    if (at > now && at - now >= left / 4) {
        return at;
    }

    least = (not_after > not_before) ? (not_after - not_before) / 20 : 1;

    if (least > ACM_RENEW_LEAST) {
        least = ACM_RENEW_LEAST;
    }

    return acm_add_sat(now, (left / 2 > least) ? left / 2 : least);
}


int64_t
acm_sched_backoff(uint32_t failures, int64_t min, int64_t max,
    uint16_t jitter)
{
    int64_t   wait;
    uint32_t  n;
    uint64_t  factor, scaled, whole, rest;

    /* a wait of zero would be a busy loop, so not even max may ask for it */

    if (max < 1) {
        max = 1;
    }

    if (min < 1) {
        min = 1;
    }

    if (min > max) {
        min = max;
    }

    /* no shift by a counter: it wraps; this ends after 63 rounds at most */

    wait = min;

    for (n = 1; n < failures && wait < max; n++) {
        wait = (wait > max / 2) ? max : 2 * wait;
    }

    /* under 1.5 * 2^63, which an unsigned integer holds; rounded up */

    factor = ACM_JITTER_FIRST + (uint64_t) jitter;
    whole = (uint64_t) wait / ACM_JITTER_ONE;
    rest = (uint64_t) wait % ACM_JITTER_ONE;
    scaled = whole * factor
             + (rest * factor + ACM_JITTER_ONE - 1) / ACM_JITTER_ONE;

    if (scaled > (uint64_t) max) {
        return max;
    }

    return (int64_t) scaled;
}


int64_t
acm_sched_backoff_min(int64_t lifetime)
{
    int64_t  wait;

    wait = lifetime / 20;

    if (wait < 1) {
        return 1;
    }

    if (wait > ACM_BACKOFF_MIN) {
        return ACM_BACKOFF_MIN;
    }

    return wait;
}


int64_t
acm_sched_retry(const int64_t *ladder, size_t n, uint32_t failures,
    uint16_t jitter)
{
    int64_t  wait;

    if (n == 0) {
        return ACM_BACKOFF_MAX;
    }

    wait = ladder[(failures < n) ? failures : n - 1];

    return acm_add_sat(wait, wait / 262144 * jitter
                             + wait % 262144 * jitter / 262144);
}


int64_t
acm_sched_hurry(int64_t wait, int64_t not_before, int64_t not_after,
    int64_t now)
{
    uint64_t  most, least;

    if (not_after <= now || not_after <= not_before) {
        return wait;
    }

    /* unsigned, since the ends may be further apart than INT64_MAX */

    most = ((uint64_t) not_after - (uint64_t) now) / 4;
    least = ((uint64_t) not_after - (uint64_t) not_before) / 20;

    if (least > ACM_HURRY_LEAST) {
        least = ACM_HURRY_LEAST;
    }

    if (least < 1) {
        least = 1;
    }

    if (most < least) {
        most = least;
    }

    return (wait > 0 && (uint64_t) wait > most) ? (int64_t) most : wait;
}


int64_t
acm_sched_window(int64_t start, int64_t end, int64_t last, uint32_t random)
{
    int64_t   at;
    uint64_t  width, part;

    width = (end > start) ? (uint64_t) end - (uint64_t) start : 0;

    /* width * random / 2^32 without overflow */

    part = (width >> 32) * random + (((width & 0xffffffff) * random) >> 32);

    /* unsigned, since the ends may be further apart than INT64_MAX */

    at = (int64_t) ((uint64_t) start + part);

    return (at > last) ? last : at;
}
