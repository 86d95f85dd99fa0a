
/*
 * Copyright (C) The ngx_acm authors
 *
 * When things are due.  Pure arithmetic on seconds; no clock of its own.
 */


#ifndef _ACM_SCHED_H_INCLUDED_
#define _ACM_SCHED_H_INCLUDED_


#include "acm.h"


#define ACM_BACKOFF_MIN   60          /* seconds */
#define ACM_BACKOFF_MAX   86400
#define ACM_SHORT_LIFE    (10 * 86400)
#define ACM_ARI_MOST      86400       /* seconds between two questions when to
                                         renew, at most */
#define ACM_RENEW_LEAST   (6 * 3600)  /* seconds between two renewals */
#define ACM_HURRY_LEAST   900         /* seconds between tries at the end */


/*
 * When a certificate is to be renewed: a third of its own life left, half if
 * the life is under ten days, never later than 60 days before its end when
 * the life is 395 days or more.  Always within [not_before, not_after].
 */
int64_t acm_sched_renew_at(int64_t not_before, int64_t not_after);

/*
 * The same for a certificate that has just been issued, at `now` by our
 * clock.  If that is near or past the time to renew it - the clock is wrong,
 * or the CA gave a life mostly spent - it waits for half of what is left, and
 * at least a twentieth of the life or six hours: nobody is asked in a loop.
 */
int64_t acm_sched_renew_next(int64_t not_before, int64_t not_after,
    int64_t now);

/*
 * How long to wait after the given number of failures in a row: min doubled
 * with each, saturating at max, times 0.5 to 1.5 by jitter (0 to 65535).
 * Never under min/2 nor over max, whatever the arguments.
 */
int64_t acm_sched_backoff(uint32_t failures, int64_t min, int64_t max,
    uint16_t jitter);

/*
 * How long to wait after one more failure, by a ladder of waits: its nth
 * step, the last one for ever, plus up to a quarter by jitter (0 to 65535).
 */
int64_t acm_sched_retry(const int64_t *ladder, size_t n, uint32_t failures,
    uint16_t jitter);

/*
 * A wait that leaves time for more tries before a certificate ends: at most
 * a quarter of what is left, but for this never less than ACM_HURRY_LEAST,
 * or a twentieth of a short life.  Unchanged if nothing is left, as of one
 * that was never issued.
 */
int64_t acm_sched_hurry(int64_t wait, int64_t not_before, int64_t not_after,
    int64_t now);

/*
 * A point in a renewal window (RFC 9773 s4.2), uniformly by random (0 to
 * 2^32 - 1), but not after `last`.
 */
int64_t acm_sched_window(int64_t start, int64_t end, int64_t last,
    uint32_t random);

/* The smallest wait that makes sense for a certificate of this life: a
   twentieth of it, between 1 second and ACM_BACKOFF_MIN. */
int64_t acm_sched_backoff_min(int64_t lifetime);


#endif /* _ACM_SCHED_H_INCLUDED_ */
