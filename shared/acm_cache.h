
/*
 * Copyright (C) The ngx_acm authors
 *
 * A cache of one process, bounded in entries and in octets, which names that
 * are asked for once do not flush (S3-FIFO: Yang, Zhang, Qiu, Yue, Vigfusson,
 * SOSP 2023).  Entries belong to the caller; nothing is allocated but when
 * the cache is made.
 */


#ifndef _ACM_CACHE_H_INCLUDED_
#define _ACM_CACHE_H_INCLUDED_


#include "acm.h"


typedef struct acm_cache_s   acm_cache_t;
typedef struct acm_cached_s  acm_cached_t;


/* the head of an entry; key, len and size are the caller's to set */

struct acm_cached_s {
    acm_cached_t     *chained;       /* in its bucket */
    acm_cached_t     *older;
    acm_cached_t     *newer;
    const uint8_t    *key;
    uint32_t          hash;
    uint32_t          size;          /* octets of the entry itself */
    uint16_t          len;
    uint8_t           uses;          /* since it came, or was looked at */
    uint8_t           proven;
    uint32_t          hits;          /* since acm_cache_walk() was here */
};


typedef struct {
    size_t            entries;
    size_t            bytes;
    uint64_t          evicted;       /* ever */
} acm_cache_stat_t;


/*
 * At most so many entries (at least 1), and so many octets: of entries, of
 * what is charged, and of the cache.  drop releases an entry that made room,
 * or is there when the cache is freed.  NULL: no memory.
 */
acm_cache_t *acm_cache_create(size_t entries, size_t bytes,
    void (*drop)(acm_cached_t *entry));
void acm_cache_free(acm_cache_t *cache);

/* NULL: there is none.  One that is found is used once more. */
acm_cached_t *acm_cache_find(acm_cache_t *cache, const void *key, size_t len);

/* Takes an entry whose key is not there.  Others make room first, so that
   the bounds hold at any time; 0 if it does not fit, and stays the caller's.
   For one that would not fit into the empty cache none leaves. */
int acm_cache_add(acm_cache_t *cache, acm_cached_t *entry);
/* Without drop. */
void acm_cache_remove(acm_cache_t *cache, acm_cached_t *entry);

/* Octets that entries share or point to, before they are allocated; others
   make room.  0 if they do not fit. */
int acm_cache_charge(acm_cache_t *cache, size_t bytes);
void acm_cache_discharge(acm_cache_t *cache, size_t bytes);

/*
 * While it is held nothing makes room: what does not fit is refused, and what
 * is added counts as proven, but not as used.  Returns, when it is let go,
 * whether something was refused that would have fitted into the empty cache.
 */
int acm_cache_hold(acm_cache_t *cache, int held);
int acm_cache_held(const acm_cache_t *cache);

/*
 * Visits entries that were found or added since they were visited last, in the
 * next n buckets after *bucket, which is 0 at first and again at the end.  No
 * visit may change the cache; between two calls it may change.
 */
void acm_cache_walk(acm_cache_t *cache, size_t *bucket, size_t n,
    void (*visit)(void *data, const acm_cached_t *entry), void *data);

void acm_cache_stat(const acm_cache_t *cache, acm_cache_stat_t *stat);


#endif /* _ACM_CACHE_H_INCLUDED_ */
