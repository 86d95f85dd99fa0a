
/*
 * Copyright (C) The ngx_acm authors
 *
 * A bucket is given to another network only when it is full, for then
 * nothing is lost: a flood from many networks cannot give one of them a
 * fresh start.  If none of the set is full, the network shares one.
 */


#include <string.h>

#include "acm_rrl.h"


#define ACM_RRL_TOKEN        1000


static uint64_t acm_rrl_network(const uint8_t *addr, size_t len);
static uint64_t acm_rrl_hash(uint64_t x);
static acm_rrl_bucket_t *acm_rrl_bucket(acm_rrl_t *rrl, uint64_t network,
    int64_t now);
static void acm_rrl_fill(const acm_rrl_t *rrl, acm_rrl_bucket_t *b,
    int64_t now);


void
acm_rrl_init(acm_rrl_t *rrl, uint32_t rate, uint64_t seed)
{
    memset(rrl, 0, sizeof(acm_rrl_t));

    rrl->seed = seed;
    rrl->rate = rate;
}


acm_rrl_e
acm_rrl_check(acm_rrl_t *rrl, const uint8_t *addr, size_t len, int64_t now)
{
    acm_rrl_bucket_t  *b;

    b = acm_rrl_bucket(rrl, acm_rrl_network(addr, len), now);

    if (b->tokens >= ACM_RRL_TOKEN) {
        b->tokens -= ACM_RRL_TOKEN;
        b->over = 0;

        return ACM_RRL_ANSWER;
    }

    b->over++;

    return (b->over % 2 == 1) ? ACM_RRL_TRUNCATE : ACM_RRL_DROP;
}


/* Never 0: the top octet says which family.  A mapped address is IPv4. */

static uint64_t
acm_rrl_network(const uint8_t *addr, size_t len)
{
    size_t    i, n;
    uint64_t  network;

    static const uint8_t  mapped[12] =
        { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

    if (len == 16 && memcmp(addr, mapped, sizeof(mapped)) == 0) {
        addr += sizeof(mapped);
        len = 4;
    }

    n = (len == 4) ? 3 : 7;
    network = (len == 4) ? 4 : 6;

    if (len != 4 && len != 16) {
        /* no address at all, such as of a UNIX-domain socket */
        return 1;
    }

    for (i = 0; i < n; i++) {
        network = (network << 8) | addr[i];
    }

    return network;
}


/* the finalizer of MurmurHash3 */

static uint64_t
acm_rrl_hash(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    x ^= x >> 33;

    return x;
}


static acm_rrl_bucket_t *
acm_rrl_bucket(acm_rrl_t *rrl, uint64_t network, int64_t now)
{
    size_t             i;
    uint64_t           hash;
    acm_rrl_bucket_t  *b, *set, *unused;

    hash = acm_rrl_hash(network ^ rrl->seed);
    set = rrl->buckets[hash & (ACM_RRL_SETS - 1)];
    unused = NULL;

    for (i = 0; i < ACM_RRL_WAYS; i++) {
        b = &set[i];

        if (b->network != 0) {
            acm_rrl_fill(rrl, b, now);
        }

        if (b->network == network) {
            return b;
        }

        if (unused == NULL
            && (b->network == 0 || b->tokens == rrl->rate * ACM_RRL_TOKEN))
        {
            unused = b;
        }
    }

    if (unused == NULL) {
        return &set[(hash >> 32) % ACM_RRL_WAYS];
    }

    unused->network = network;
    unused->time = now;
    unused->tokens = rrl->rate * ACM_RRL_TOKEN;
    unused->over = 0;

    return unused;
}


/* A thousandth of "rate" tokens a millisecond. */

static void
acm_rrl_fill(const acm_rrl_t *rrl, acm_rrl_bucket_t *b, int64_t now)
{
    int64_t   elapsed;
    uint32_t  full, more;

    elapsed = now - b->time;

    if (elapsed <= 0) {
        return;
    }

    /* a second fills it from empty */

    full = rrl->rate * ACM_RRL_TOKEN;
    more = (elapsed >= 1000) ? full : rrl->rate * (uint32_t) elapsed;

    b->tokens = (more >= full - b->tokens) ? full : b->tokens + more;
    b->time = now;
}
