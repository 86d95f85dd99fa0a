
/*
 * Copyright (C) The ngx_acm authors
 *
 * A place: 38 bits of a hash of the signature, 26 bits of the second up to
 * which it is taken.  Another 11 bits of the hash say which set it is in.
 */


#include <openssl/evp.h>
#include <string.h>

#include "acm_replay.h"


#define ACM_REPLAY_TIME  ((UINT64_C(1) << 26) - 1)


static uint64_t *acm_replay_set(acm_replay_t *replay,
    const uint8_t *signature, uint64_t *tag);
static int acm_replay_find(uint64_t *set, const uint64_t *mine, uint64_t tag,
    int64_t now);
static uint64_t *acm_replay_place(uint64_t *set, int64_t now, uint64_t *value);
static uint64_t acm_replay_left(uint64_t value, int64_t now);


int
acm_replay_used(acm_replay_t *replay, const uint8_t *signature,
    int64_t expires, int64_t now)
{
    uint64_t  *set, *place, tag, old, value;

    set = acm_replay_set(replay, signature, &tag);

    if (expires > acm_add_sat(now, ACM_REPLAY_LIFE)) {
        expires = acm_add_sat(now, ACM_REPLAY_LIFE);
    }

    value = tag | ((uint64_t) expires & ACM_REPLAY_TIME);

    do {
        if (acm_replay_find(set, NULL, tag, now)) {
            return 1;
        }

        place = acm_replay_place(set, now, &old);

    } while (!__atomic_compare_exchange_n(place, &old, value, 0,
                                          __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));

    /* for another one with it a second place may have been free: whoever
       wrote last sees the other, and if both do, neither was the first */

    return acm_replay_find(set, place, tag, now);
}


static uint64_t *
acm_replay_set(acm_replay_t *replay, const uint8_t *signature, uint64_t *tag)
{
    size_t    i;
    uint8_t   text[ACM_REPLAY_SEED + ACM_HASH_LEN], md[EVP_MAX_MD_SIZE];
    uint64_t  hash;

    memset(md, 0, sizeof(md));
    memcpy(text, replay->seed, ACM_REPLAY_SEED);
    memcpy(text + ACM_REPLAY_SEED, signature, ACM_HASH_LEN);

    (void) EVP_Digest(text, sizeof(text), md, NULL, EVP_sha256(), NULL);

    hash = 0;

    for (i = 0; i < 8; i++) {
        hash = hash << 8 | md[i];
    }

    *tag = hash & ~ACM_REPLAY_TIME;

    return replay->slots[hash % ACM_REPLAY_SETS];
}


/* Whether a place other than "mine" has it. */

static int
acm_replay_find(uint64_t *set, const uint64_t *mine, uint64_t tag,
    int64_t now)
{
    size_t    i;
    uint64_t  v;

    for (i = 0; i < ACM_REPLAY_WAYS; i++) {
        v = __atomic_load_n(&set[i], __ATOMIC_SEQ_CST);

        if (&set[i] != mine && (v & ~ACM_REPLAY_TIME) == tag
            && acm_replay_left(v, now))
        {
            return 1;
        }
    }

    return 0;
}


/* The first that is free, or the one that will be soonest. */

static uint64_t *
acm_replay_place(uint64_t *set, int64_t now, uint64_t *value)
{
    size_t     i;
    uint64_t   v, left, least, *place;

    place = set;
    *value = __atomic_load_n(place, __ATOMIC_SEQ_CST);
    least = acm_replay_left(*value, now);

    for (i = 1; i < ACM_REPLAY_WAYS && least; i++) {
        v = __atomic_load_n(&set[i], __ATOMIC_SEQ_CST);
        left = acm_replay_left(v, now);

        if (left < least) {
            place = &set[i];
            least = left;
            *value = v;
        }
    }

    return place;
}


/* Seconds, the last one counts; 0: it is free. */

static uint64_t
acm_replay_left(uint64_t value, int64_t now)
{
    uint64_t  left;

    left = (value - (uint64_t) now) & ACM_REPLAY_TIME;

    return (value && left <= ACM_REPLAY_LIFE) ? left + 1 : 0;
}
