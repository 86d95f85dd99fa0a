
/*
 * Copyright (C) The ngx_acm authors
 *
 * A slot: 24 bits of a hash of whose it is, 40 bits of time.  One whose time
 * is over is a full bucket, which says nothing, and anybody's.
 */


#include <openssl/evp.h>
#include <string.h>

#include "acm_throttle.h"


#define ACM_THROTTLE_PROBES  8
#define ACM_THROTTLE_BITS    40
#define ACM_THROTTLE_TIME    ((UINT64_C(1) << ACM_THROTTLE_BITS) - 1)
#define ACM_THROTTLE_TEXT    (ACM_THROTTLE_SEED + 3 * (ACM_MAX_LABEL + 1))


static uint64_t acm_throttle_hash(const acm_throttle_t *throttle,
    const char *account, const char *region, const char *operation);
static uint64_t *acm_throttle_slot(acm_throttle_t *throttle, uint64_t hash,
    uint64_t ticks, uint64_t *value);


int
acm_throttle_take(acm_throttle_t *throttle, const acm_rate_t *rate,
    const char *account, const char *region, const char *operation,
    int64_t ticks)
{
    int        taken;
    uint64_t   burst, hash, interval, now, tat, value, *slot;

    if (rate->number == 0) {
        return 1;
    }

    /* rounded up: never more than the number at once */

    interval = ((uint64_t) rate->period * 1000 + rate->number - 1)
               / rate->number;
    burst = interval * (rate->number - 1);
    now = (uint64_t) ticks & ACM_THROTTLE_TIME;
    hash = acm_throttle_hash(throttle, account, region, operation);

    for ( ;; ) {
        slot = acm_throttle_slot(throttle, hash, now, &value);

        if (slot == NULL) {
            return 1;
        }

        tat = value & ACM_THROTTLE_TIME;

        if (tat < now) {
            tat = now;
        }

        taken = (tat <= now + burst);

        if (!taken && tat <= now + burst + interval) {
            return 0;
        }

        /* of a rate that was slower, before a reload: it is empty, no more */

        tat = taken ? tat + interval : now + burst + interval;
        tat = (tat & ACM_THROTTLE_TIME) | (hash & ~ACM_THROTTLE_TIME);

        if (__atomic_compare_exchange_n(slot, &value, tat, 0,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        {
            return taken;
        }
    }
}


static uint64_t
acm_throttle_hash(const acm_throttle_t *throttle, const char *account,
    const char *region, const char *operation)
{
    size_t       i, len, n;
    uint8_t      text[ACM_THROTTLE_TEXT], md[EVP_MAX_MD_SIZE];
    uint64_t     hash;
    const char  *parts[3];

    parts[0] = account;
    parts[1] = region;
    parts[2] = operation;

    memset(md, 0, sizeof(md));
    memcpy(text, throttle->seed, ACM_THROTTLE_SEED);
    len = ACM_THROTTLE_SEED;

    for (i = 0; i < 3; i++) {
        n = strnlen(parts[i], ACM_MAX_LABEL);
        memcpy(text + len, parts[i], n);
        len += n;
        text[len++] = '\0';
    }

    (void) EVP_Digest(text, len, md, NULL, EVP_sha256(), NULL);

    hash = 0;

    for (i = 0; i < 8; i++) {
        hash = hash << 8 | md[i];
    }

    return hash;
}


/* Its own, or else the first that is free; NULL if there is neither. */

static uint64_t *
acm_throttle_slot(acm_throttle_t *throttle, uint64_t hash, uint64_t now,
    uint64_t *value)
{
    size_t     i;
    uint64_t   v, *slot, *unused;

    unused = NULL;

    for (i = 0; i < ACM_THROTTLE_PROBES; i++) {
        slot = &throttle->slots[(hash + i) % ACM_THROTTLE_SLOTS];
        v = __atomic_load_n(slot, __ATOMIC_ACQUIRE);

        if (v >> ACM_THROTTLE_BITS == hash >> ACM_THROTTLE_BITS) {
            *value = v;
            return slot;
        }

        if (unused == NULL && (v & ACM_THROTTLE_TIME) <= now) {
            unused = slot;
            *value = v;
        }
    }

    return unused;
}
