
/*
 * Copyright (C) The ngx_acm authors
 *
 * What serves which name, as this worker found it in the store.  An entry is
 * good until something is committed that has a part in what is served; then
 * it is looked up again, but a certificate is decoded again only if it is
 * another version.  When the store cannot be read, what is here goes on being
 * served.  Names that have no certificate are remembered apart, so that they
 * take no place from those that have one.
 *
 * Nothing here waits, so no name is looked up twice at a time.
 */


#include <sys/resource.h>

#include "ngx_acm.h"


#define NGX_ACM_ABSENT        1024           /* names without a certificate */
#define NGX_ACM_ABSENT_BYTES  (512 * 1024)   /* more than they take */
#define NGX_ACM_HEAP          16             /* octets, of each allocation */
#define NGX_ACM_RECHECK       10             /* seconds between looks for a
                                                successor of an expired one */


typedef struct {
    acm_cached_t               head;         /* directive and name */
    ngx_acm_pair_t             pair;         /* both NULL: there is none */
    uint64_t                   generation;
    time_t                     recheck;      /* whatever was committed */
    u_char                     key[];
} ngx_acm_entry_t;


typedef struct {
    acm_cache_t               *present;
    acm_cache_t               *absent;
    ngx_int_t                  names;        /* bounds that it has */
    size_t                     size;
    uint64_t                   evicted;      /* counted up to here */
    time_t                     rung;
} ngx_acm_cache_t;


static ngx_int_t ngx_acm_cache_ready(ngx_acm_conf_t *amcf,
    ngx_acm_cache_t *cache);
static ngx_acm_entry_t *ngx_acm_cache_lookup(ngx_acm_cache_t *cache,
    ngx_str_t *key);
static ngx_acm_entry_t *ngx_acm_cache_load(ngx_acm_conf_t *amcf,
    ngx_acm_cache_t *cache, ngx_acm_want_t *want, const char *name,
    ngx_str_t *key, ngx_acm_pair_t *pair, ngx_log_t *log);
static ngx_int_t ngx_acm_cache_resolve(ngx_acm_conf_t *amcf,
    ngx_acm_cache_t *cache, ngx_acm_want_t *want, const char *name,
    ngx_acm_pair_t *pair, uint64_t *generation, ngx_log_t *log);
static ngx_acm_material_t *ngx_acm_cache_material(ngx_acm_cache_t *cache,
    acm_keyring_t *ring, acm_snap_t *snap, acm_name_rec_t *rec,
    const char *name, ngx_log_t *log);
static acm_rc_t ngx_acm_cache_find_auto(acm_snap_t *snap,
    ngx_acm_want_t *want, const char *name, acm_found_t *found,
    acm_err_t *err);
static ngx_uint_t ngx_acm_pair_empty(ngx_acm_pair_t *pair);
static void ngx_acm_pair_hold(ngx_acm_pair_t *pair);
static void ngx_acm_pair_prefetch(ngx_acm_pair_t *pair);
static ngx_acm_entry_t *ngx_acm_cache_store(ngx_acm_cache_t *cache,
    ngx_acm_entry_t *entry, ngx_str_t *key, ngx_acm_pair_t *pair,
    uint64_t generation);
static ngx_acm_entry_t *ngx_acm_cache_add(acm_cache_t *cache, ngx_str_t *key,
    ngx_acm_pair_t *pair);
static time_t ngx_acm_cache_recheck(ngx_acm_pair_t *pair);
static void ngx_acm_cache_drop(acm_cached_t *head);
static ngx_uint_t ngx_acm_cache_faults(void);
static void ngx_acm_cache_tell(ngx_acm_conf_t *amcf, ngx_acm_cache_t *cache);
static void ngx_acm_cache_missing(ngx_acm_conf_t *amcf,
    ngx_acm_want_t *want, ngx_log_t *log);
static void ngx_acm_cache_free(ngx_acm_cache_t *cache);


/* belongs to the process, as the store's handle does */

static ngx_acm_cache_t  ngx_acm_cache;


ngx_int_t
ngx_acm_cache_get(ngx_acm_conf_t *amcf, ngx_acm_want_t *want,
    const char *name, ngx_acm_pair_t *pair, ngx_log_t *log)
{
    u_char            buf[ACM_HASH_LEN + ACM_MAX_NAME], *p;
    ngx_str_t         key;
    acm_store_t      *store;
    acm_keyring_t    *ring;
    ngx_acm_cache_t  *cache;
    ngx_acm_entry_t  *entry;

    cache = &ngx_acm_cache;
    ngx_memzero(pair, sizeof(ngx_acm_pair_t));

    if (ngx_acm_cache_ready(amcf, cache) != NGX_OK) {
        return NGX_DECLINED;
    }

    p = buf;

    if (want->mode != NGX_ACM_SNI) {
        p = ngx_cpymem(p, want->id, ACM_HASH_LEN);

    } else if (name == NULL) {
        return NGX_DECLINED;
    }

    if (name) {
        p = ngx_cpymem(p, name, ngx_strlen(name));
    }

    key.data = buf;
    key.len = p - buf;

    entry = ngx_acm_cache_lookup(cache, &key);

    if (ngx_acm_open(amcf, 0, &store, &ring, log) == NGX_OK) {

        if (entry
            && acm_store_current(store, entry->generation)
            && ngx_time() < entry->recheck)
        {
            ngx_acm_count(amcf, NGX_ACM_CACHE_HIT);

        } else {
            ngx_acm_count(amcf, NGX_ACM_CACHE_MISS);
            entry = ngx_acm_cache_load(amcf, cache, want, name, &key, pair,
                                       log);
        }
    }

    if (entry) {
        *pair = entry->pair;
        ngx_acm_pair_hold(pair);
        ngx_acm_pair_prefetch(pair);
    }

    if (ngx_acm_pair_empty(pair)) {
        ngx_acm_cache_missing(amcf, want, log);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ngx_acm_cache_warm(ngx_acm_conf_t *amcf, ngx_acm_want_t *want,
    const char *name, ngx_str_t *key, ngx_log_t *log)
{
    int               full;
    uint64_t          generation;
    ngx_int_t         rc;
    ngx_acm_pair_t    pair;
    ngx_acm_cache_t  *cache;

    cache = &ngx_acm_cache;
    ngx_memzero(&pair, sizeof(ngx_acm_pair_t));

    if (ngx_acm_cache_ready(amcf, cache) != NGX_OK) {
        return NGX_ABORT;
    }

    if (ngx_acm_cache_lookup(cache, key)) {
        return NGX_DECLINED;
    }

    (void) acm_cache_hold(cache->present, 1);

    rc = ngx_acm_cache_resolve(amcf, cache, want, name, &pair, &generation,
                               log);

    /* of two certificates one may have been refused */

    full = acm_cache_hold(cache->present, 1);

    if (rc == NGX_OK && !full
        && ngx_acm_cache_store(cache, NULL, key, &pair, generation) == NULL)
    {
        full = 1;
    }

    (void) acm_cache_hold(cache->present, 0);

    ngx_acm_pair_drop(&pair);
    ngx_acm_cache_tell(amcf, cache);

    return full ? NGX_ABORT : rc == NGX_OK ? NGX_OK : NGX_DECLINED;
}


void
ngx_acm_cache_walk(size_t *bucket, size_t n,
    void (*visit)(void *data, const acm_cached_t *entry), void *data)
{
    if (ngx_acm_cache.present) {
        acm_cache_walk(ngx_acm_cache.present, bucket, n, visit, data);
    }
}


/* With other bounds, which a process without a master may get, anew. */

static ngx_int_t
ngx_acm_cache_ready(ngx_acm_conf_t *amcf, ngx_acm_cache_t *cache)
{
    if (cache->absent && cache->names == amcf->cache
        && cache->size == amcf->cache_size)
    {
        return NGX_OK;
    }

    ngx_acm_cache_free(cache);

    cache->names = amcf->cache;
    cache->size = amcf->cache_size;
    cache->present = acm_cache_create((size_t) amcf->cache,
                                      amcf->cache_size - NGX_ACM_ABSENT_BYTES,
                                      ngx_acm_cache_drop);

    if (cache->present) {
        cache->absent = acm_cache_create(NGX_ACM_ABSENT, NGX_ACM_ABSENT_BYTES,
                                         ngx_acm_cache_drop);
    }

    return cache->absent ? NGX_OK : NGX_ERROR;
}


static ngx_acm_entry_t *
ngx_acm_cache_lookup(ngx_acm_cache_t *cache, ngx_str_t *key)
{
    acm_cached_t  *head;

    head = acm_cache_find(cache->present, key->data, key->len);

    if (head == NULL) {
        head = acm_cache_find(cache->absent, key->data, key->len);
    }

    return (ngx_acm_entry_t *) head;
}


/*
 * Brings the entry up to date.  One that is not kept, as there is no memory
 * for it, is NULL, and the caller has the pair.
 */

static ngx_acm_entry_t *
ngx_acm_cache_load(ngx_acm_conf_t *amcf, ngx_acm_cache_t *cache,
    ngx_acm_want_t *want, const char *name, ngx_str_t *key,
    ngx_acm_pair_t *pair, ngx_log_t *log)
{
    uint64_t          generation;
    ngx_int_t         rc;
    ngx_uint_t        faults;
    ngx_acm_entry_t  *entry;

    faults = ngx_acm_cache_faults();

    rc = ngx_acm_cache_resolve(amcf, cache, want, name, pair, &generation,
                               log);

    if (ngx_acm_cache_faults() != faults) {
        ngx_acm_count(amcf, NGX_ACM_CACHE_WAITED);
    }

    /* what came in may have pushed it out */

    entry = ngx_acm_cache_lookup(cache, key);

    if (rc == NGX_ERROR) {
        return entry;
    }

    /* rather the certificate before one that cannot be used */

    if (rc == NGX_ABORT && entry && !ngx_acm_pair_empty(&entry->pair)) {
        entry->generation = generation;
        entry->recheck = ngx_time() + NGX_ACM_RECHECK;
        return entry;
    }

    entry = ngx_acm_cache_store(cache, entry, key, pair, generation);
    ngx_acm_cache_tell(amcf, cache);

    if (entry) {
        ngx_acm_pair_drop(pair);
    }

    return entry;
}


/*
 * NGX_OK: the caller has what the store says now; NGX_DECLINED: the store has
 * nothing; NGX_ABORT: nothing that can be used; NGX_ERROR: it could not be
 * read.
 */

static ngx_int_t
ngx_acm_cache_resolve(ngx_acm_conf_t *amcf, ngx_acm_cache_t *cache,
    ngx_acm_want_t *want, const char *name, ngx_acm_pair_t *pair,
    uint64_t *generation, ngx_log_t *log)
{
    acm_rc_t        rc;
    acm_err_t       err;
    acm_snap_t     *snap;
    acm_store_t    *store;
    acm_found_t     found;
    acm_keyring_t  *ring;

    err.text[0] = '\0';

    if (ngx_acm_open(amcf, 0, &store, &ring, log) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = acm_store_begin(store, &snap, &err);

    if (rc != ACM_OK) {
        ngx_acm_log_fault(rc, &err, log);
        return NGX_ERROR;
    }

    *generation = acm_snap_generation(snap);

    rc = ngx_acm_cache_find(snap, want, name, &found, &err);

    if (rc == ACM_OK) {
        pair->ec = ngx_acm_cache_material(cache, ring, snap, &found.ec, name,
                                          log);
        pair->rsa = ngx_acm_cache_material(cache, ring, snap, &found.rsa,
                                           name, log);
    }

    acm_store_end(snap);

    if (rc == ACM_NOTFOUND) {
        return NGX_DECLINED;
    }

    pair->partial = (found.ec.key != ACM_KEY_NONE && pair->ec == NULL)
                    || (found.rsa.key != ACM_KEY_NONE && pair->rsa == NULL);

    if (rc != ACM_OK) {
        ngx_acm_log_fault(rc, &err, log);
        return NGX_ERROR;
    }

    if (ngx_acm_pair_empty(pair)) {
        return NGX_ABORT;
    }

    pair->wildcard = name
                     && !ngx_acm_material_named(pair->ec ? pair->ec
                                                         : pair->rsa, name);

    return NGX_OK;
}


static ngx_acm_material_t *
ngx_acm_cache_material(ngx_acm_cache_t *cache, acm_keyring_t *ring,
    acm_snap_t *snap, acm_name_rec_t *rec, const char *name, ngx_log_t *log)
{
    ngx_acm_material_t  *m;

    if (rec->key == ACM_KEY_NONE) {
        return NULL;
    }

    m = ngx_acm_material_get(cache->present, ring, snap, rec, log);

    if (m && name && !ngx_acm_material_covers(m, name)) {
        ngx_log_debug2(NGX_LOG_DEBUG_EVENT, log, 0,
                       "acm: certificate %s is not for \"%s\"", rec->uuid,
                       name);

        ngx_acm_material_drop(m);
        m = NULL;
    }

    return m;
}


acm_rc_t
ngx_acm_cache_find(acm_snap_t *snap, ngx_acm_want_t *want, const char *name,
    acm_found_t *found, acm_err_t *err)
{
    if (want->mode == NGX_ACM_SNI) {
        return acm_find_name(snap, name, ngx_time(), found);
    }

    if (want->mode == NGX_ACM_ARN) {
        return acm_find_uuid(snap, want->account, want->region, want->uuid,
                             found, err);
    }

    return ngx_acm_cache_find_auto(snap, want, name, found, err);
}


/*
 * The certificate that was made for this server, if it is there and covers
 * the name; else whatever the store has for the name, such as the server's
 * certificate from before its names were changed.
 */

static acm_rc_t
ngx_acm_cache_find_auto(acm_snap_t *snap, ngx_acm_want_t *want,
    const char *name, acm_found_t *found, acm_err_t *err)
{
    char            **names;
    acm_rc_t          rc;
    ngx_uint_t        i;
    acm_name_rec_t    rec;

    ngx_memzero(found, sizeof(acm_found_t));

    names = want->names.elts;

    for (i = 0; name && i < want->names.nelts; i++) {
        if (acm_name_match(names[i], name)) {
            break;
        }
    }

    if (name == NULL || i < want->names.nelts) {

        for (i = 0; i < want->nkeys; i++) {
            rc = acm_find_identity(snap, want->identity[i], &rec, err);

            if (rc == ACM_NOTFOUND) {
                continue;
            }

            if (rc != ACM_OK) {
                return rc;
            }

            if (rec.key >= ACM_KEY_EC_P256) {
                found->ec = rec;

            } else {
                found->rsa = rec;
            }
        }

        if (found->ec.key != ACM_KEY_NONE || found->rsa.key != ACM_KEY_NONE) {
            return ACM_OK;
        }
    }

    if (name == NULL) {
        return ACM_NOTFOUND;
    }

    return acm_find_name(snap, name, ngx_time(), found);
}


static ngx_uint_t
ngx_acm_pair_empty(ngx_acm_pair_t *pair)
{
    return pair->ec == NULL && pair->rsa == NULL;
}


static void
ngx_acm_pair_hold(ngx_acm_pair_t *pair)
{
    ngx_acm_material_hold(pair->ec);
    ngx_acm_material_hold(pair->rsa);
}


static void
ngx_acm_pair_prefetch(ngx_acm_pair_t *pair)
{
    if (pair->ec) {
        acm_leaf_prefetch(&pair->ec->leaf);
    }

    if (pair->rsa) {
        acm_leaf_prefetch(&pair->rsa->leaf);
    }
}


void
ngx_acm_pair_drop(ngx_acm_pair_t *pair)
{
    ngx_acm_material_drop(pair->ec);
    ngx_acm_material_drop(pair->rsa);
}


/* NULL: it is not kept. */

static ngx_acm_entry_t *
ngx_acm_cache_store(ngx_acm_cache_t *cache, ngx_acm_entry_t *entry,
    ngx_str_t *key, ngx_acm_pair_t *pair, uint64_t generation)
{
    ngx_uint_t      absent;
    acm_cache_t    *from, *to;
    ngx_acm_pair_t  old;

    absent = ngx_acm_pair_empty(pair);
    to = absent ? cache->absent : cache->present;

    if (entry && ngx_acm_pair_empty(&entry->pair) != absent) {
        from = absent ? cache->present : cache->absent;

        acm_cache_remove(from, &entry->head);
        ngx_acm_cache_drop(&entry->head);
        entry = NULL;
    }

    if (entry == NULL) {
        entry = ngx_acm_cache_add(to, key, pair);

        if (entry == NULL) {
            return NULL;
        }

    } else {
        old = entry->pair;
        entry->pair = *pair;

        ngx_acm_pair_hold(&entry->pair);
        ngx_acm_pair_drop(&old);
    }

    entry->generation = generation;
    entry->recheck = ngx_acm_cache_recheck(pair);

    return entry;
}


static ngx_acm_entry_t *
ngx_acm_cache_add(acm_cache_t *cache, ngx_str_t *key, ngx_acm_pair_t *pair)
{
    ngx_acm_entry_t  *entry;

    entry = ngx_calloc(sizeof(ngx_acm_entry_t) + key->len, ngx_cycle->log);

    if (entry == NULL) {
        return NULL;
    }

    ngx_memcpy(entry->key, key->data, key->len);

    entry->head.key = entry->key;
    entry->head.len = (uint16_t) key->len;
    entry->head.size = (uint32_t) (sizeof(ngx_acm_entry_t) + key->len
                                   + NGX_ACM_HEAP);
    entry->pair = *pair;
    ngx_acm_pair_hold(&entry->pair);

    if (!acm_cache_add(cache, &entry->head)) {
        ngx_acm_cache_drop(&entry->head);
        return NULL;
    }

    return entry;
}


static time_t
ngx_acm_cache_recheck(ngx_acm_pair_t *pair)
{
    time_t  end, soon;

    soon = ngx_time() + NGX_ACM_RECHECK;

    if (ngx_acm_pair_empty(pair) || pair->partial) {
        return soon;
    }

    end = pair->ec ? pair->ec->not_after : pair->rsa->not_after;

    if (pair->ec && pair->rsa) {
        end = ngx_min(end, pair->rsa->not_after);
    }

    return ngx_max(end + 1, soon);
}


static void
ngx_acm_cache_drop(acm_cached_t *head)
{
    ngx_acm_entry_t  *entry = (ngx_acm_entry_t *) head;

    ngx_acm_pair_drop(&entry->pair);
    ngx_free(entry);
}


/* How often this thread had to wait for the disk to read memory. */

static ngx_uint_t
ngx_acm_cache_faults(void)
{
    struct rusage  usage;

    return (getrusage(RUSAGE_THREAD, &usage) == 0)
           ? (ngx_uint_t) usage.ru_majflt : 0;
}


static void
ngx_acm_cache_tell(ngx_acm_conf_t *amcf, ngx_acm_cache_t *cache)
{
    acm_cache_stat_t  stat;

    acm_cache_stat(cache->present, &stat);

    if (stat.evicted != cache->evicted) {
        (void) ngx_atomic_fetch_add(ngx_acm_counter(amcf,
                                                    NGX_ACM_CACHE_EVICTED),
                                    (ngx_atomic_int_t)
                                    (stat.evicted - cache->evicted));
        cache->evicted = stat.evicted;
    }

    *ngx_acm_counter(amcf, NGX_ACM_CACHE_NAMES) = stat.entries;
    *ngx_acm_counter(amcf, NGX_ACM_CACHE_BYTES) = stat.bytes;

    *ngx_acm_counter(amcf, NGX_ACM_CACHE_OWNER) = (ngx_atomic_uint_t) ngx_pid;
}


/* A configured certificate that is not there: the helper may have been told
   of it by nobody, after the store was replaced for example. */

static void
ngx_acm_cache_missing(ngx_acm_conf_t *amcf, ngx_acm_want_t *want,
    ngx_log_t *log)
{
    if (want->mode == NGX_ACM_AUTO && ngx_acm_cache.rung != ngx_time()) {
        ngx_acm_cache.rung = ngx_time();
        ngx_acm_ring(amcf, log);
    }
}


static void
ngx_acm_cache_free(ngx_acm_cache_t *cache)
{
    acm_cache_free(cache->present);
    acm_cache_free(cache->absent);

    ngx_memzero(cache, sizeof(ngx_acm_cache_t));
}


/*
 * Thousands of certificates are hundreds of thousands of pieces of memory, and
 * to give them back one by one takes time from the handshakes of the worker
 * that follows on the same core.  The kernel takes them at once.  Sanitizers
 * are to see that nothing is lost.
 */

void
ngx_acm_cache_leave(void)
{
    ngx_acm_conf_t  *amcf;

    amcf = ngx_acm_get_conf(ngx_cycle);

    /* after a reload another worker may tell of its own */

    if (amcf->enabled
        && *ngx_acm_counter(amcf, NGX_ACM_CACHE_OWNER)
           == (ngx_atomic_uint_t) ngx_pid)
    {
        *ngx_acm_counter(amcf, NGX_ACM_CACHE_NAMES) = 0;
        *ngx_acm_counter(amcf, NGX_ACM_CACHE_BYTES) = 0;
    }

#if (__SANITIZE_ADDRESS__)

    ngx_acm_cache_free(&ngx_acm_cache);

#endif
}


char *
ngx_acm_cache_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    off_t       size;
    ngx_str_t  *value, s;

    if (amcf->cache != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;
    amcf->cache = ngx_atoi(value[1].data, value[1].len);

    if (amcf->cache < 1 || amcf->cache > NGX_ACM_MAX_CACHE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number of names \"%V\": use 1 to %d",
                           &value[1], NGX_ACM_MAX_CACHE);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[2].data, "size=", 5) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": use \"size=\"",
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    s.data = value[2].data + 5;
    s.len = value[2].len - 5;
    size = ngx_parse_offset(&s);

    if (size < NGX_ACM_CACHE_LEAST || size > NGX_ACM_CACHE_MOST) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\": use 4m to 1024g", &s);
        return NGX_CONF_ERROR;
    }

    amcf->cache_size = (size_t) size;

    return NGX_CONF_OK;
}
