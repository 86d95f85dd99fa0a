
/*
 * Copyright (C) The ngx_acm authors
 *
 * Which server name is next.
 */


#include <math.h>
#include <stdlib.h>

#include "tlsload.h"


static atomic_long  tlsload_next;       /* -S */


/* xorshift64* */

static uint64_t
tlsload_random(tlsload_thread_t *t)
{
    t->rng ^= t->rng >> 12;
    t->rng ^= t->rng << 25;
    t->rng ^= t->rng >> 27;

    return t->rng * UINT64_C(2685821657736338717);
}


static long
tlsload_gcd(long a, long b)
{
    long  c;

    while (b) {
        c = a % b;
        a = b;
        b = c;
    }

    return a;
}


void
tlsload_name_init(void)
{
    long    i, n;
    double  sum;

    n = tlsload_opt.names;

    if (tlsload_opt.stride == 0) {

        /* far from neighbours: about the golden section */

        i = (long) ((double) n * 0.618);
        tlsload_opt.stride = (i > 1) ? i : 1;

        while (tlsload_gcd(tlsload_opt.stride, n) != 1) {
            tlsload_opt.stride++;
        }
    }

    if (tlsload_opt.zipf <= 0) {
        return;
    }

    tlsload_opt.cdf = malloc((size_t) n * sizeof(double));

    if (tlsload_opt.cdf == NULL) {
        tlsload_die("out of memory");
    }

    sum = 0;

    for (i = 0; i < n; i++) {
        sum += 1 / pow((double) (i + 1), tlsload_opt.zipf);
        tlsload_opt.cdf[i] = sum;
    }

    for (i = 0; i < n; i++) {
        tlsload_opt.cdf[i] /= sum;
    }
}


static long
tlsload_rank(tlsload_thread_t *t)
{
    long    lo, hi, mid;
    double  u;

    if (tlsload_opt.sequential) {
        return atomic_fetch_add(&tlsload_next, 1) % tlsload_opt.names;
    }

    if (tlsload_opt.cdf == NULL) {
        return (long) (tlsload_random(t) % (uint64_t) tlsload_opt.names);
    }

    u = (double) (tlsload_random(t) >> 11) / (double) (UINT64_C(1) << 53);
    lo = 0;
    hi = tlsload_opt.names - 1;

    while (lo < hi) {
        mid = (lo + hi) / 2;

        if (tlsload_opt.cdf[mid] < u) {
            lo = mid + 1;

        } else {
            hi = mid;
        }
    }

    return lo;
}


long
tlsload_name(tlsload_thread_t *t)
{
    return tlsload_opt.offset
           + (long) ((uint64_t) tlsload_rank(t)
                     * (uint64_t) tlsload_opt.stride
                     % (uint64_t) tlsload_opt.names);
}


void
tlsload_name_text(long n, char text[TLSLOAD_MAX_NAME])
{
    snprintf(text, TLSLOAD_MAX_NAME, tlsload_opt.format, (int) n);
}
