
/*
 * Copyright (C) The ngx_acm authors
 *
 * Entries are a ring in the order in which they came, and chained from a
 * table of as many buckets.  An entry of no use keeps its place until the
 * ring comes round to it.
 */


#include <openssl/rand.h>
#include <string.h>

#include "acm_replay.h"


#define ACM_REPLAY_NONE  UINT32_MAX


typedef struct {
    uint8_t                signature[ACM_HASH_LEN];
    int64_t                expires;
    uint32_t               next;         /* of the chain */
    unsigned               used:1;
} acm_replay_entry_t;


struct acm_replay_s {
    uint64_t               seed;         /* of each process another */
    uint64_t               evicted;
    size_t                 size;
    size_t                 head;         /* the next place of the ring */
    uint32_t              *buckets;
    acm_replay_entry_t    *entries;
};


static uint32_t *acm_replay_bucket(const acm_replay_t *replay,
    const uint8_t *signature);
static acm_replay_entry_t *acm_replay_find(const acm_replay_t *replay,
    const uint8_t *signature);
static void acm_replay_remove(acm_replay_t *replay, acm_replay_entry_t *e);


acm_replay_t *
acm_replay_new(size_t size)
{
    size_t         i;
    acm_replay_t  *replay;

    if (size == 0 || size > ACM_MAX_REPLAY_SIZE) {
        return NULL;
    }

    replay = acm_calloc(1, sizeof(acm_replay_t));

    if (replay == NULL) {
        return NULL;
    }

    replay->size = size;
    replay->buckets = acm_calloc(size, sizeof(uint32_t));
    replay->entries = acm_calloc(size, sizeof(acm_replay_entry_t));

    if (replay->buckets == NULL || replay->entries == NULL
        || RAND_bytes((unsigned char *) &replay->seed,
                      sizeof(replay->seed))
           != 1)
    {
        acm_replay_free(replay);
        return NULL;
    }

    for (i = 0; i < size; i++) {
        replay->buckets[i] = ACM_REPLAY_NONE;
    }

    return replay;
}


void
acm_replay_free(acm_replay_t *replay)
{
    if (replay == NULL) {
        return;
    }

    acm_free(replay->buckets);
    acm_free(replay->entries);
    acm_free(replay);
}


int
acm_replay_used(acm_replay_t *replay, const uint8_t *signature,
    int64_t expires, int64_t now)
{
    uint32_t            *bucket;
    acm_replay_entry_t  *e;

    e = acm_replay_find(replay, signature);

    if (e != NULL) {
        if (e->expires >= now) {
            return 1;
        }

        e->expires = expires;
        return 0;
    }

    e = &replay->entries[replay->head];
    replay->head = (replay->head + 1) % replay->size;

    if (e->used) {
        replay->evicted += (e->expires >= now);
        acm_replay_remove(replay, e);
    }

    bucket = acm_replay_bucket(replay, signature);

    memcpy(e->signature, signature, ACM_HASH_LEN);
    e->expires = expires;
    e->used = 1;
    e->next = *bucket;
    *bucket = (uint32_t) (e - replay->entries);

    return 0;
}


void
acm_replay_forget(acm_replay_t *replay, const uint8_t *signature)
{
    acm_replay_entry_t  *e;

    e = acm_replay_find(replay, signature);

    if (e != NULL) {
        acm_replay_remove(replay, e);
    }
}


uint64_t
acm_replay_evicted(const acm_replay_t *replay)
{
    return replay->evicted;
}


/*
 * Whoever has a key can choose among signatures, but not such that share
 * their first eight octets, and does not know the seed.
 */

static uint32_t *
acm_replay_bucket(const acm_replay_t *replay, const uint8_t *signature)
{
    uint64_t  x;

    memcpy(&x, signature, sizeof(x));

    x = (x ^ replay->seed) * 0x9e3779b97f4a7c15ULL;
    x ^= x >> 32;
    x *= 0xc4ceb9fe1a85ec53ULL;
    x ^= x >> 33;

    return &replay->buckets[x % replay->size];
}


static acm_replay_entry_t *
acm_replay_find(const acm_replay_t *replay, const uint8_t *signature)
{
    uint32_t             i;
    acm_replay_entry_t  *e;

    i = *acm_replay_bucket(replay, signature);

    while (i != ACM_REPLAY_NONE) {
        e = &replay->entries[i];

        if (memcmp(e->signature, signature, ACM_HASH_LEN) == 0) {
            return e;
        }

        i = e->next;
    }

    return NULL;
}


static void
acm_replay_remove(acm_replay_t *replay, acm_replay_entry_t *e)
{
    uint32_t  *link, i;

    i = (uint32_t) (e - replay->entries);

    link = acm_replay_bucket(replay, e->signature);

    while (*link != i) {
        link = &replay->entries[*link].next;
    }

    *link = e->next;
    e->used = 0;
}
