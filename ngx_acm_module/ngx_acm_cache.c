
/*
 * Copyright (C) The ngx_acm authors
 *
 * The certificates a worker has in memory: parsed, with opened keys, found
 * by name.  An entry is good as long as the store's generation is the one it
 * was made at; after a change it is looked up again, but parsed again only
 * if it is another version.  When the store cannot be read, what is here
 * goes on being served.
 */


#include "ngx_acm.h"


#define NGX_ACM_CHAINS        256            /* CA certificates shared */
#define NGX_ACM_EXPIRED_WAIT  10             /* seconds between looks for a
                                                successor of an expired one */


typedef struct {
    ngx_str_node_t             sn;           /* directive and name */
    ngx_queue_t                queue;
    ngx_acm_pair_t             pair;
    uint64_t                   generation;
    time_t                     recheck;      /* whatever the generation */
    u_char                     key[ACM_HASH_LEN + ACM_MAX_NAME];
} ngx_acm_entry_t;


typedef struct {
    ngx_rbtree_t               entries;
    ngx_rbtree_node_t          entries_sentinel;
    ngx_rbtree_t               materials;
    ngx_rbtree_node_t          materials_sentinel;
    ngx_rbtree_t               chains;       /* of ngx_acm_link_t, by DER */
    ngx_rbtree_node_t          chains_sentinel;
    ngx_queue_t                lru;          /* last used first */
    ngx_uint_t                 nentries;
    ngx_uint_t                 nchains;
    time_t                     rung;
    unsigned                   ready:1;
} ngx_acm_cache_t;


/* a CA certificate that several materials share */

typedef struct {
    ngx_str_node_t             sn;
    X509                      *x;
} ngx_acm_link_t;


static void ngx_acm_cache_init(ngx_acm_cache_t *cache);
static ngx_acm_entry_t *ngx_acm_cache_lookup(ngx_acm_cache_t *cache,
    ngx_str_t *key, uint32_t hash);
static ngx_int_t ngx_acm_cache_resolve(ngx_acm_conf_t *amcf,
    ngx_acm_want_t *want, const char *name, ngx_acm_entry_t *old,
    ngx_acm_pair_t *pair, uint64_t *generation, ngx_log_t *log);
static acm_rc_t ngx_acm_cache_find(acm_snap_t *snap, ngx_acm_want_t *want,
    const char *name, acm_found_t *found, acm_err_t *err);
static acm_rc_t ngx_acm_cache_find_auto(acm_snap_t *snap,
    ngx_acm_want_t *want, const char *name, acm_found_t *found,
    acm_err_t *err);
static ngx_acm_material_t *ngx_acm_cache_material(ngx_acm_cache_t *cache,
    acm_keyring_t *ring, acm_snap_t *snap, acm_name_rec_t *rec,
    const char *name, ngx_log_t *log);
static ngx_acm_material_t *ngx_acm_cache_parse(ngx_acm_cache_t *cache,
    acm_bundle_t *bundle, acm_name_rec_t *rec, acm_err_t *err);
static void ngx_acm_cache_free_material(ngx_acm_material_t *m);
static ngx_uint_t ngx_acm_cache_covers(ngx_acm_material_t *m,
    const char *name);
static ngx_uint_t ngx_acm_cache_named(ngx_acm_pair_t *pair,
    const char *name);
static X509 *ngx_acm_cache_link(ngx_acm_cache_t *cache, acm_str_t *der,
    acm_err_t *err);
static void ngx_acm_cache_free_links(ngx_acm_cache_t *cache);
static ngx_int_t ngx_acm_cache_store(ngx_acm_conf_t *amcf,
    ngx_acm_cache_t *cache, ngx_acm_entry_t *entry, ngx_str_t *key,
    uint32_t hash, ngx_acm_pair_t *pair, uint64_t generation);
static void ngx_acm_cache_remove(ngx_acm_cache_t *cache,
    ngx_acm_entry_t *entry);
static void ngx_acm_cache_hold(ngx_acm_material_t *m);
static void ngx_acm_cache_drop(ngx_acm_cache_t *cache,
    ngx_acm_material_t *m);
static void ngx_acm_cache_missing(ngx_acm_conf_t *amcf,
    ngx_acm_want_t *want, ngx_log_t *log);


/* belongs to the process, as the store's handle does */

static ngx_acm_cache_t  ngx_acm_cache;


ngx_int_t
ngx_acm_cache_get(ngx_acm_conf_t *amcf, ngx_acm_want_t *want,
    const char *name, ngx_acm_pair_t *pair, ngx_log_t *log)
{
    u_char            buf[ACM_HASH_LEN + ACM_MAX_NAME], *p;
    uint32_t          hash;
    uint64_t          generation;
    ngx_int_t         rc;
    ngx_str_t         key;
    acm_store_t      *store;
    acm_keyring_t    *ring;
    ngx_acm_cache_t  *cache;
    ngx_acm_entry_t  *entry;

    cache = &ngx_acm_cache;

    if (!cache->ready) {
        ngx_acm_cache_init(cache);
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
    hash = ngx_murmur_hash2(key.data, key.len);

    entry = ngx_acm_cache_lookup(cache, &key, hash);

    if (ngx_acm_open(amcf, 0, &store, &ring, log) != NGX_OK) {
        goto cached;
    }

    if (entry
        && entry->generation == acm_store_generation(store)
        && ngx_time() < entry->recheck)
    {
        ngx_acm_count(amcf, NGX_ACM_CACHE_HIT);
        goto cached;
    }

    ngx_acm_count(amcf, NGX_ACM_CACHE_MISS);

    rc = ngx_acm_cache_resolve(amcf, want, name, entry, pair, &generation,
                               log);

    if (rc == NGX_ERROR) {
        goto cached;
    }

    if (rc == NGX_DECLINED) {
        if (entry) {
            ngx_acm_cache_remove(cache, entry);
        }

        ngx_acm_cache_missing(amcf, want, log);

        return NGX_DECLINED;
    }

    return ngx_acm_cache_store(amcf, cache, entry, &key, hash, pair,
                               generation);

cached:

    if (entry == NULL) {
        return NGX_DECLINED;
    }

    ngx_queue_remove(&entry->queue);
    ngx_queue_insert_head(&cache->lru, &entry->queue);

    *pair = entry->pair;

    return NGX_OK;
}


static void
ngx_acm_cache_init(ngx_acm_cache_t *cache)
{
    ngx_rbtree_init(&cache->entries, &cache->entries_sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_rbtree_init(&cache->materials, &cache->materials_sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_rbtree_init(&cache->chains, &cache->chains_sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_queue_init(&cache->lru);

    cache->ready = 1;
}


static ngx_acm_entry_t *
ngx_acm_cache_lookup(ngx_acm_cache_t *cache, ngx_str_t *key, uint32_t hash)
{
    return (ngx_acm_entry_t *) ngx_str_rbtree_lookup(&cache->entries, key,
                                                     hash);
}


/*
 * NGX_OK: pair is what the store says now; NGX_DECLINED: the store has
 * nothing; NGX_ERROR: it could not be read.
 */

static ngx_int_t
ngx_acm_cache_resolve(ngx_acm_conf_t *amcf, ngx_acm_want_t *want,
    const char *name, ngx_acm_entry_t *old, ngx_acm_pair_t *pair,
    uint64_t *generation, ngx_log_t *log)
{
    acm_rc_t          rc;
    acm_err_t         err;
    acm_snap_t       *snap;
    acm_store_t      *store;
    acm_found_t       found;
    acm_keyring_t    *ring;
    ngx_acm_cache_t  *cache;

    cache = &ngx_acm_cache;
    err.text[0] = '\0';

    if (ngx_acm_open(amcf, 0, &store, &ring, log) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = acm_store_begin(store, &snap, &err);

    if (rc != ACM_OK) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "acm: %s", err.text);
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

    if (rc != ACM_OK) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "acm: %s: %s", acm_rc_text(rc),
                      err.text);
        return NGX_ERROR;
    }

    if (pair->ec || pair->rsa) {
        pair->wildcard = name && !ngx_acm_cache_named(pair, name);
        return NGX_OK;
    }

    /* there is a record that cannot be used: rather the one before it */

    return old ? NGX_ERROR : NGX_DECLINED;
}


static acm_rc_t
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


static ngx_acm_material_t *
ngx_acm_cache_material(ngx_acm_cache_t *cache, acm_keyring_t *ring,
    acm_snap_t *snap, acm_name_rec_t *rec, const char *name, ngx_log_t *log)
{
    u_char               buf[ACM_UUID_LEN + 4];
    uint32_t             hash;
    ngx_str_t            key;
    acm_err_t            err;
    acm_bundle_t         bundle;
    ngx_acm_material_t  *m;

    if (rec->key == ACM_KEY_NONE) {
        return NULL;
    }

    ngx_memcpy(buf, rec->uuid, ACM_UUID_LEN);
    ngx_memcpy(buf + ACM_UUID_LEN, &rec->version, 4);

    key.data = buf;
    key.len = ACM_UUID_LEN + 4;
    hash = ngx_murmur_hash2(key.data, key.len);

    m = (ngx_acm_material_t *) ngx_str_rbtree_lookup(&cache->materials, &key,
                                                     hash);

    if (m == NULL) {
        err.text[0] = '\0';

        if (acm_material_open(ring, snap, rec->uuid, rec->version, &bundle,
                              &err)
            != ACM_OK)
        {
            ngx_log_error(NGX_LOG_ERR, log, 0,
                          "acm: certificate %s version %uD cannot be used: "
                          "%s", rec->uuid, rec->version, err.text);
            return NULL;
        }

        m = ngx_acm_cache_parse(cache, &bundle, rec, &err);

        acm_bundle_free(&bundle);

        if (m == NULL) {
            ngx_log_error(NGX_LOG_ERR, log, 0,
                          "acm: certificate %s version %uD cannot be used: "
                          "%s", rec->uuid, rec->version, err.text);
            return NULL;
        }

        m->sn.node.key = hash;
        m->sn.str.len = key.len;
        m->sn.str.data = m->key;
        ngx_memcpy(m->key, buf, key.len);

        ngx_rbtree_insert(&cache->materials, &m->sn.node);
    }

    if (name && !ngx_acm_cache_covers(m, name)) {
        ngx_log_debug2(NGX_LOG_DEBUG_EVENT, log, 0,
                       "acm: certificate %s is not for \"%s\"", rec->uuid,
                       name);

        ngx_acm_cache_hold(m);
        ngx_acm_cache_drop(cache, m);

        return NULL;
    }

    return m;
}


static ngx_acm_material_t *
ngx_acm_cache_parse(ngx_acm_cache_t *cache, acm_bundle_t *bundle,
    acm_name_rec_t *rec, acm_err_t *err)
{
    X509                *x;
    size_t               i;
    ngx_acm_material_t  *m;

    m = ngx_calloc(sizeof(ngx_acm_material_t), ngx_cycle->log);
    if (m == NULL) {
        (void) acm_fail(err, ACM_NOMEM, "no memory");
        return NULL;
    }

    m->type = rec->key;
    m->not_after = (time_t) rec->not_after;
    m->life = (time_t) (rec->not_after - rec->not_before);

    if (acm_x509_decode(bundle->leaf.data, bundle->leaf.len, &m->leaf, err)
        != ACM_OK
        || acm_x509_info(m->leaf, &bundle->info, err) != ACM_OK
        || acm_key_decode(rec->key, bundle->key_secret.data,
                          bundle->key_secret.len, &m->pkey, err)
           != ACM_OK)
    {
        goto failed;
    }

    /* the rest of what was read out of it goes with the bundle */

    m->names = bundle->info.names;
    m->nnames = bundle->info.nnames;
    bundle->info.names = NULL;
    bundle->info.nnames = 0;

    m->chain = sk_X509_new_null();
    if (m->chain == NULL) {
        (void) acm_fail(err, ACM_NOMEM, "no memory");
        goto failed;
    }

    for (i = 0; i < bundle->nchain; i++) {
        x = ngx_acm_cache_link(cache, &bundle->chain[i], err);

        if (x == NULL) {
            goto failed;
        }

        if (sk_X509_push(m->chain, x) == 0) {
            X509_free(x);
            (void) acm_fail(err, ACM_NOMEM, "no memory");
            goto failed;
        }
    }

    return m;

failed:

    ngx_acm_cache_free_material(m);

    return NULL;
}


static void
ngx_acm_cache_free_material(ngx_acm_material_t *m)
{
    size_t  i;

    for (i = 0; i < m->nnames; i++) {
        acm_free(m->names[i]);
    }

    acm_free(m->names);

    X509_free(m->leaf);
    EVP_PKEY_free(m->pkey);
    sk_X509_pop_free(m->chain, X509_free);

    ngx_free(m);
}


static ngx_uint_t
ngx_acm_cache_covers(ngx_acm_material_t *m, const char *name)
{
    size_t  i;

    for (i = 0; i < m->nnames; i++) {
        if (acm_name_match(m->names[i], name)) {
            return 1;
        }
    }

    return 0;
}


/* As it is, and not by a wildcard. */

static ngx_uint_t
ngx_acm_cache_named(ngx_acm_pair_t *pair, const char *name)
{
    size_t               i;
    ngx_acm_material_t  *m;

    m = pair->ec ? pair->ec : pair->rsa;

    for (i = 0; i < m->nnames; i++) {
        if (ngx_strcmp(m->names[i], name) == 0) {
            return 1;
        }
    }

    return 0;
}


/* A CA certificate is parsed once, however many leaves it has signed. */

static X509 *
ngx_acm_cache_link(ngx_acm_cache_t *cache, acm_str_t *der, acm_err_t *err)
{
    uint32_t         hash;
    ngx_str_t        key;
    ngx_acm_link_t  *link;

    key.len = der->len;
    key.data = der->data;
    hash = ngx_murmur_hash2(key.data, key.len);

    link = (ngx_acm_link_t *) ngx_str_rbtree_lookup(&cache->chains, &key,
                                                    hash);
    if (link == NULL) {

        if (cache->nchains == NGX_ACM_CHAINS) {
            ngx_acm_cache_free_links(cache);
        }

        link = ngx_alloc(sizeof(ngx_acm_link_t) + der->len, ngx_cycle->log);
        if (link == NULL) {
            (void) acm_fail(err, ACM_NOMEM, "no memory");
            return NULL;
        }

        if (acm_x509_decode(der->data, der->len, &link->x, err) != ACM_OK) {
            ngx_free(link);
            return NULL;
        }

        link->sn.node.key = hash;
        link->sn.str.len = der->len;
        link->sn.str.data = (u_char *) link + sizeof(ngx_acm_link_t);
        ngx_memcpy(link->sn.str.data, der->data, der->len);

        ngx_rbtree_insert(&cache->chains, &link->sn.node);
        cache->nchains++;
    }

    X509_up_ref(link->x);

    return link->x;
}


static void
ngx_acm_cache_free_links(ngx_acm_cache_t *cache)
{
    ngx_acm_link_t     *link;
    ngx_rbtree_node_t  *node;

    while (cache->chains.root != cache->chains.sentinel) {
        node = ngx_rbtree_min(cache->chains.root, cache->chains.sentinel);
        link = (ngx_acm_link_t *) node;

        ngx_rbtree_delete(&cache->chains, node);

        X509_free(link->x);
        ngx_free(link);
    }

    cache->nchains = 0;
}


static ngx_int_t
ngx_acm_cache_store(ngx_acm_conf_t *amcf, ngx_acm_cache_t *cache,
    ngx_acm_entry_t *entry, ngx_str_t *key, uint32_t hash,
    ngx_acm_pair_t *pair, uint64_t generation)
{
    time_t           now, end;
    ngx_queue_t     *q;
    ngx_acm_pair_t   old;

    ngx_acm_cache_hold(pair->ec);
    ngx_acm_cache_hold(pair->rsa);

    if (entry == NULL) {

        if (cache->nentries >= (ngx_uint_t) amcf->cache) {
            ngx_acm_count(amcf, NGX_ACM_CACHE_EVICTED);

            q = ngx_queue_last(&cache->lru);
            ngx_acm_cache_remove(cache,
                                 ngx_queue_data(q, ngx_acm_entry_t, queue));
        }

        entry = ngx_calloc(sizeof(ngx_acm_entry_t), ngx_cycle->log);

        if (entry == NULL) {
            ngx_acm_cache_drop(cache, pair->ec);
            ngx_acm_cache_drop(cache, pair->rsa);
            return NGX_DECLINED;
        }

        entry->sn.node.key = hash;
        entry->sn.str.len = key->len;
        entry->sn.str.data = entry->key;
        ngx_memcpy(entry->key, key->data, key->len);

        ngx_rbtree_insert(&cache->entries, &entry->sn.node);
        cache->nentries++;

    } else {
        ngx_queue_remove(&entry->queue);
    }

    ngx_queue_insert_head(&cache->lru, &entry->queue);

    old = entry->pair;
    entry->pair = *pair;
    entry->generation = generation;

    ngx_acm_cache_drop(cache, old.ec);
    ngx_acm_cache_drop(cache, old.rsa);

    now = ngx_time();
    end = pair->ec ? pair->ec->not_after : pair->rsa->not_after;

    if (pair->ec && pair->rsa) {
        end = ngx_min(end, pair->rsa->not_after);
    }

    entry->recheck = ngx_max(end + 1, now + NGX_ACM_EXPIRED_WAIT);

    return NGX_OK;
}


static void
ngx_acm_cache_remove(ngx_acm_cache_t *cache, ngx_acm_entry_t *entry)
{
    ngx_queue_remove(&entry->queue);
    ngx_rbtree_delete(&cache->entries, &entry->sn.node);
    cache->nentries--;

    ngx_acm_cache_drop(cache, entry->pair.ec);
    ngx_acm_cache_drop(cache, entry->pair.rsa);

    ngx_free(entry);
}


static void
ngx_acm_cache_hold(ngx_acm_material_t *m)
{
    if (m) {
        m->refs++;
    }
}


static void
ngx_acm_cache_drop(ngx_acm_cache_t *cache, ngx_acm_material_t *m)
{
    if (m == NULL || --m->refs > 0) {
        return;
    }

    ngx_rbtree_delete(&cache->materials, &m->sn.node);

    ngx_acm_cache_free_material(m);
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


void
ngx_acm_cache_free(void)
{
    ngx_queue_t      *q;
    ngx_acm_cache_t  *cache;

    cache = &ngx_acm_cache;

    if (!cache->ready) {
        return;
    }

    while (!ngx_queue_empty(&cache->lru)) {
        q = ngx_queue_head(&cache->lru);
        ngx_acm_cache_remove(cache,
                             ngx_queue_data(q, ngx_acm_entry_t, queue));
    }

    ngx_acm_cache_free_links(cache);
}
