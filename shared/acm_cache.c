
/*
 * Copyright (C) The ngx_acm authors
 *
 * Two queues, first in first out.  What is new goes through the short one: at
 * its end it moves to the long one if it was used more than once meanwhile,
 * else it leaves, but its hash is remembered, and when it comes back soon it
 * starts in the long one.  There, what was used goes round again.  A use is a
 * number that is counted up, so that hits move nothing.
 */


#include <string.h>

#include <openssl/rand.h>

#include "acm_cache.h"


#define ACM_CACHE_NEW      10        /* one in so many may be new */
#define ACM_CACHE_PROOF    2         /* uses of what stays */
#define ACM_CACHE_USES     3         /* counted at most */
#define ACM_CACHE_BUCKET   1024      /* octets bring a bucket with them */
#define ACM_CACHE_WAYS     8         /* of remembering one that left */
#define ACM_CACHE_MULT     0x9e3779b97f4a7c15ULL
#define ACM_CACHE_BITS     64        /* of a word */


typedef struct {
    acm_cached_t     *oldest;
    acm_cached_t     *newest;
    size_t            n;
} acm_cache_queue_t;


/* of one that left unproven */

typedef struct {
    uint32_t          hash;
    uint32_t          turn;
} acm_cache_ghost_t;


struct acm_cache_s {
    size_t              entries;
    size_t              max;         /* octets */
    size_t              bytes;
    size_t              own;         /* of them, of the cache itself */
    uint64_t            seed;
    uint32_t            mask;
    uint32_t            turn;        /* how many have left */
    uint64_t            evicted;
    unsigned            held:1;
    unsigned            refused:1;   /* while it was held */
    acm_cache_queue_t   fresh;
    acm_cache_queue_t   proven;
    acm_cached_t      **buckets;
    uint64_t           *asked;       /* bits of buckets: it had hits */
    acm_cache_ghost_t  *ghosts;
    void              (*drop)(acm_cached_t *entry);
};


static uint32_t acm_cache_hash(const acm_cache_t *cache, const uint8_t *key,
    size_t len);
static void acm_cache_asked(acm_cache_t *cache, uint32_t hash);
static int acm_cache_room(acm_cache_t *cache, size_t entries, size_t bytes);
static void acm_cache_evict(acm_cache_t *cache);
static void acm_cache_leave(acm_cache_t *cache, acm_cached_t *entry);
static int acm_cache_returns(acm_cache_t *cache, uint32_t hash);
static acm_cache_ghost_t *acm_cache_ghosts(const acm_cache_t *cache,
    uint32_t hash);
static void acm_cache_push(acm_cache_t *cache, acm_cached_t *entry,
    int proven);
static void acm_cache_pull(acm_cache_t *cache, acm_cached_t *entry);


acm_cache_t *
acm_cache_create(size_t entries, size_t bytes,
    void (*drop)(acm_cached_t *entry))
{
    size_t        n, words;
    acm_cache_t  *cache;

    cache = acm_calloc(1, sizeof(acm_cache_t));

    if (cache == NULL) {
        return NULL;
    }

    /* pages of the tables that are not touched take no memory */

    n = ACM_CACHE_WAYS;

    while (n < entries && n < bytes / ACM_CACHE_BUCKET) {
        n *= 2;
    }

    words = (n + ACM_CACHE_BITS - 1) / ACM_CACHE_BITS;

    cache->entries = entries;
    cache->max = bytes;
    cache->mask = (uint32_t) (n - 1);
    cache->drop = drop;
    cache->buckets = acm_calloc(n, sizeof(acm_cached_t *));
    cache->asked = acm_calloc(words, sizeof(uint64_t));
    cache->ghosts = acm_calloc(n, sizeof(acm_cache_ghost_t));
    cache->own = sizeof(acm_cache_t) + words * sizeof(uint64_t)
                 + n * (sizeof(acm_cached_t *) + sizeof(acm_cache_ghost_t));
    cache->bytes = cache->own;

    if (cache->buckets == NULL || cache->asked == NULL || cache->ghosts == NULL
        || RAND_bytes((uint8_t *) &cache->seed, sizeof(uint64_t)) != 1)
    {
        acm_cache_free(cache);
        return NULL;
    }

    return cache;
}


void
acm_cache_free(acm_cache_t *cache)
{
    acm_cached_t  *entry;

    if (cache == NULL) {
        return;
    }

    while (cache->fresh.n + cache->proven.n != 0) {
        entry = (cache->fresh.n != 0) ? cache->fresh.oldest
                                      : cache->proven.oldest;
        acm_cache_remove(cache, entry);
        cache->drop(entry);
    }

    acm_free(cache->buckets);
    acm_free(cache->asked);
    acm_free(cache->ghosts);
    acm_free(cache);
}


/* Names come from clients: which share a bucket is not for them to know. */

static uint32_t
acm_cache_hash(const acm_cache_t *cache, const uint8_t *key, size_t len)
{
    size_t    i;
    uint64_t  h, word;

    h = cache->seed ^ len;

    for (i = 0; i < len; i += sizeof(uint64_t)) {
        word = 0;
        memcpy(&word, key + i, (len - i < sizeof(uint64_t)) ? len - i
                                                            : sizeof(uint64_t));
        h = (h ^ word) * ACM_CACHE_MULT;
        h ^= h >> 29;
    }

    return (uint32_t) (h ^ h >> 32);
}


acm_cached_t *
acm_cache_find(acm_cache_t *cache, const void *key, size_t len)
{
    uint32_t       hash;
    acm_cached_t  *entry;

    hash = acm_cache_hash(cache, key, len);

    for (entry = cache->buckets[hash & cache->mask];
         entry != NULL;
         entry = entry->chained)
    {
        if (entry->hash == hash && entry->len == len
            && memcmp(entry->key, key, len) == 0)
        {
            if (entry->uses < ACM_CACHE_USES) {
                entry->uses++;
            }

            entry->hits++;
            acm_cache_asked(cache, hash);

            return entry;
        }
    }

    return NULL;
}


/*
 * A walk does not look at entries that nobody asked for: of a large cache each
 * is memory that the handshakes around it would have to fetch again.
 */

static void
acm_cache_asked(acm_cache_t *cache, uint32_t hash)
{
    uint32_t  bucket;

    bucket = hash & cache->mask;
    cache->asked[bucket / ACM_CACHE_BITS] |= 1ULL << bucket % ACM_CACHE_BITS;
}


int
acm_cache_add(acm_cache_t *cache, acm_cached_t *entry)
{
    acm_cached_t  **bucket;

    entry->hash = acm_cache_hash(cache, entry->key, entry->len);
    entry->uses = 0;
    entry->hits = !cache->held;

    if (!acm_cache_room(cache, 1, entry->size)) {
        return 0;
    }

    cache->bytes += entry->size;

    bucket = &cache->buckets[entry->hash & cache->mask];
    entry->chained = *bucket;
    *bucket = entry;

    if (entry->hits != 0) {
        acm_cache_asked(cache, entry->hash);
    }

    acm_cache_push(cache, entry,
                   cache->held || acm_cache_returns(cache, entry->hash));

    return 1;
}


void
acm_cache_remove(acm_cache_t *cache, acm_cached_t *entry)
{
    acm_cached_t  **p;

    acm_cache_pull(cache, entry);

    p = &cache->buckets[entry->hash & cache->mask];

    while (*p != entry) {
        p = &(*p)->chained;
    }

    *p = entry->chained;
    cache->bytes -= entry->size;
}


int
acm_cache_charge(acm_cache_t *cache, size_t bytes)
{
    if (!acm_cache_room(cache, 0, bytes)) {
        return 0;
    }

    cache->bytes += bytes;

    return 1;
}


void
acm_cache_discharge(acm_cache_t *cache, size_t bytes)
{
    cache->bytes -= bytes;
}


static int
acm_cache_room(acm_cache_t *cache, size_t entries, size_t bytes)
{
    size_t  n;

    /* others need not leave for what will not fit anyway */

    if (cache->own > cache->max || bytes > cache->max - cache->own) {
        return 0;
    }

    for ( ;; ) {
        n = cache->fresh.n + cache->proven.n;

        if (n + entries <= cache->entries && cache->bytes <= cache->max
            && bytes <= cache->max - cache->bytes)
        {
            return 1;
        }

        if (cache->held) {
            cache->refused = 1;
            return 0;
        }

        if (n == 0) {
            return 0;
        }

        acm_cache_evict(cache);
    }
}


static void
acm_cache_evict(acm_cache_t *cache)
{
    acm_cached_t  *entry;

    for ( ;; ) {

        if (cache->proven.n == 0
            || cache->fresh.n > (cache->fresh.n + cache->proven.n)
                                / ACM_CACHE_NEW)
        {
            entry = cache->fresh.oldest;

            if (entry->uses < ACM_CACHE_PROOF) {
                acm_cache_leave(cache, entry);
                break;
            }

            entry->uses = 0;

        } else {
            entry = cache->proven.oldest;

            if (entry->uses == 0) {
                break;
            }

            entry->uses--;
        }

        acm_cache_pull(cache, entry);
        acm_cache_push(cache, entry, 1);
    }

    acm_cache_remove(cache, entry);
    cache->evicted++;
    cache->drop(entry);
}


static void
acm_cache_leave(acm_cache_t *cache, acm_cached_t *entry)
{
    size_t              i;
    acm_cache_ghost_t  *ghost, *set;

    set = acm_cache_ghosts(cache, entry->hash);
    ghost = set;

    for (i = 0; i < ACM_CACHE_WAYS; i++) {

        if (set[i].hash == entry->hash) {
            ghost = &set[i];
            break;
        }

        if (cache->turn - set[i].turn > cache->turn - ghost->turn) {
            ghost = &set[i];
        }
    }

    ghost->hash = entry->hash;
    ghost->turn = ++cache->turn;
}


/* Whether it left while as many others left as are here. */

static int
acm_cache_returns(acm_cache_t *cache, uint32_t hash)
{
    size_t              i;
    acm_cache_ghost_t  *set;

    set = acm_cache_ghosts(cache, hash);

    for (i = 0; i < ACM_CACHE_WAYS; i++) {
        if (set[i].turn != 0 && set[i].hash == hash) {
            return cache->turn - set[i].turn
                   <= cache->fresh.n + cache->proven.n;
        }
    }

    return 0;
}


/*
 * Any of a set may be the place of one: with a single place each, of two names
 * that share it and come in turn neither would be remembered, however hot.
 */

static acm_cache_ghost_t *
acm_cache_ghosts(const acm_cache_t *cache, uint32_t hash)
{
    hash &= cache->mask;

    return &cache->ghosts[hash - hash % ACM_CACHE_WAYS];
}


static void
acm_cache_push(acm_cache_t *cache, acm_cached_t *entry, int proven)
{
    acm_cache_queue_t  *queue;

    queue = proven ? &cache->proven : &cache->fresh;

    entry->proven = (uint8_t) proven;
    entry->newer = NULL;
    entry->older = queue->newest;

    if (queue->newest != NULL) {
        queue->newest->newer = entry;

    } else {
        queue->oldest = entry;
    }

    queue->newest = entry;
    queue->n++;
}


static void
acm_cache_pull(acm_cache_t *cache, acm_cached_t *entry)
{
    acm_cache_queue_t  *queue;

    queue = entry->proven ? &cache->proven : &cache->fresh;

    if (entry->newer != NULL) {
        entry->newer->older = entry->older;

    } else {
        queue->newest = entry->older;
    }

    if (entry->older != NULL) {
        entry->older->newer = entry->newer;

    } else {
        queue->oldest = entry->newer;
    }

    queue->n--;
}


int
acm_cache_hold(acm_cache_t *cache, int held)
{
    int  refused;

    refused = cache->refused;

    cache->held = (held != 0);
    cache->refused = 0;

    return refused;
}


int
acm_cache_held(const acm_cache_t *cache)
{
    return cache->held;
}


void
acm_cache_walk(acm_cache_t *cache, size_t *bucket, size_t n,
    void (*visit)(void *data, const acm_cached_t *entry), void *data)
{
    uint64_t      *word, bit;
    acm_cached_t  *entry;

    for ( /* void */ ; n != 0; n--) {

        *bucket &= cache->mask;

        word = &cache->asked[*bucket / ACM_CACHE_BITS];
        bit = 1ULL << *bucket % ACM_CACHE_BITS;
        entry = (*word & bit) ? cache->buckets[*bucket] : NULL;
        *word &= ~bit;

        for ( /* void */ ; entry != NULL; entry = entry->chained) {
            if (entry->hits != 0) {
                visit(data, entry);
                entry->hits = 0;
            }
        }

        if (++*bucket > cache->mask) {
            *bucket = 0;
            return;
        }
    }
}


void
acm_cache_stat(const acm_cache_t *cache, acm_cache_stat_t *stat)
{
    stat->entries = cache->fresh.n + cache->proven.n;
    stat->bytes = cache->bytes;
    stat->evicted = cache->evicted;
}
