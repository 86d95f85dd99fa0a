
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates that a worker has in memory, with their opened keys, each once
 * however many names lead to it; and the chains they share.  They live as
 * long as somebody holds them, and are charged to the cache.
 */


#include <zlib.h>

#include "ngx_acm.h"
#include "../shared/acm_damp.h"


#define NGX_ACM_HEAP        16               /* octets, of each allocation */
#define NGX_ACM_CA_CERT     8192             /* octets of one in memory, and
                                                twice its own */


struct ngx_acm_chain_s {
    ngx_str_node_t             sn;           /* hashes of its certificates */
    STACK_OF(X509)            *certs;
    size_t                     bytes;
    ngx_uint_t                 refs;
    u_char                     ids[];
};


/* of the process, as the store's handle is */

typedef struct {
    ngx_rbtree_t               materials;
    ngx_rbtree_node_t          materials_sentinel;
    ngx_rbtree_t               chains;
    ngx_rbtree_node_t          chains_sentinel;
    acm_damp_t                 unusable;
    unsigned                   ready:1;
} ngx_acm_materials_t;


static void ngx_acm_material_init(ngx_acm_materials_t *all);
static acm_rc_t ngx_acm_material_open(ngx_acm_material_t **out,
    acm_cache_t *cache, acm_keyring_t *ring, acm_snap_t *snap,
    acm_name_rec_t *rec, acm_err_t *err);
static void ngx_acm_material_unusable(acm_cache_t *cache, acm_snap_t *snap,
    acm_name_rec_t *rec, acm_rc_t rc, acm_err_t *err, ngx_log_t *log);
static acm_rc_t ngx_acm_material_fill(ngx_acm_material_t *m,
    acm_keyring_t *ring, acm_snap_t *snap, acm_name_rec_t *rec,
    acm_material_t *record, acm_err_t *err);
static acm_rc_t ngx_acm_chain_get(acm_cache_t *cache, acm_snap_t *snap,
    acm_material_t *record, ngx_acm_chain_t **out, acm_err_t *err);
static acm_rc_t ngx_acm_chain_fill(ngx_acm_chain_t *chain, acm_snap_t *snap,
    acm_material_t *record, acm_err_t *err);
static void ngx_acm_chain_drop(acm_cache_t *cache, ngx_acm_chain_t *chain);
static void ngx_acm_chain_free(ngx_acm_chain_t *chain);


static ngx_acm_materials_t  ngx_acm_materials;


static void
ngx_acm_material_init(ngx_acm_materials_t *all)
{
    ngx_rbtree_init(&all->materials, &all->materials_sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_rbtree_init(&all->chains, &all->chains_sentinel,
                    ngx_str_rbtree_insert_value);

    all->ready = 1;
}


ngx_acm_material_t *
ngx_acm_material_get(acm_cache_t *cache, acm_keyring_t *ring,
    acm_snap_t *snap, acm_name_rec_t *rec, ngx_log_t *log)
{
    u_char                buf[ACM_UUID_LEN + 4];
    uint32_t              hash;
    ngx_str_t             key;
    acm_rc_t              rc;
    acm_err_t             err;
    ngx_acm_material_t   *m;
    ngx_acm_materials_t  *all;

    all = &ngx_acm_materials;

    if (!all->ready) {
        ngx_acm_material_init(all);
    }

    ngx_memcpy(buf, rec->uuid, ACM_UUID_LEN);
    ngx_memcpy(buf + ACM_UUID_LEN, &rec->version, 4);

    key.data = buf;
    key.len = ACM_UUID_LEN + 4;
    hash = ngx_murmur_hash2(key.data, key.len);

    m = (ngx_acm_material_t *) ngx_str_rbtree_lookup(&all->materials, &key,
                                                     hash);
    if (m) {
        m->refs++;
        ngx_acm_staple_refresh(m, snap, rec);
        return m;
    }

    err.text[0] = '\0';
    rc = ngx_acm_material_open(&m, cache, ring, snap, rec, &err);

    if (rc != ACM_OK) {
        ngx_acm_material_unusable(cache, snap, rec, rc, &err, log);
        return NULL;
    }

    m->sn.node.key = hash;
    m->sn.str.len = key.len;
    m->sn.str.data = m->key;
    ngx_memcpy(m->key, buf, key.len);

    ngx_rbtree_insert(&all->materials, &m->sn.node);

    ngx_acm_staple_refresh(m, snap, rec);

    return m;
}


/*
 * It is looked at again and again, in case that it was mended by what is not
 * its record, a chain certificate for example; told are its record and reason.
 */

static void
ngx_acm_material_unusable(acm_cache_t *cache, acm_snap_t *snap,
    acm_name_rec_t *rec, acm_rc_t rc, acm_err_t *err, ngx_log_t *log)
{
    u_char       buf[ACM_DAMP_KEY], key[ACM_MAX_STORE_KEY], *p;
    uint32_t     reason;
    uint64_t     others;
    const char  *cure;
    acm_entry_t  entry;

    if (acm_cache_held(cache)) {

        /* a handshake that needs it will tell of it */

        ngx_log_error(NGX_LOG_INFO, log, 0,
                      "acm: certificate %s version %uD cannot be used: %s",
                      rec->uuid, rec->version, err->text);
        return;
    }

    if (acm_store_get(snap, ACM_DB_MATERIAL, key,
                      acm_material_key(key, rec->uuid, rec->version), &entry)
        != ACM_OK)
    {
        entry.revision = 0;
    }

    reason = (uint32_t) crc32(0, (u_char *) err->text,
                              (uInt) ngx_strlen(err->text));

    ngx_memzero(buf, ACM_DAMP_KEY);
    p = ngx_cpymem(buf, rec->uuid, ACM_UUID_LEN);
    p = ngx_cpymem(p, &rec->version, sizeof(rec->version));
    p = ngx_cpymem(p, &entry.revision, sizeof(entry.revision));
    ngx_memcpy(p, &reason, sizeof(reason));

    if (!acm_damp(&ngx_acm_materials.unusable, buf, acm_ticks(), &others)) {
        return;
    }

    switch (rc) {

    case ACM_FULL:
        cure = "raise the size of \"cache\" and reload";
        break;

    case ACM_NOMEM:
        cure = "give this machine more memory";
        break;

    default:
        cure = "see \"acmctl verify\"; renew it, import it again, or restore "
               "the store";
        break;
    }

    ngx_log_error(NGX_LOG_CRIT, log, 0,
                  "acm: certificate %s version %uD cannot be used: %s; %s",
                  rec->uuid, rec->version, err->text, cure);

    if (others) {
        ngx_log_error(NGX_LOG_CRIT, log, 0,
                      "acm: nor could others, in %uL attempts that were not "
                      "logged: see \"acmctl verify\"", others);
    }
}


static acm_rc_t
ngx_acm_material_open(ngx_acm_material_t **out, acm_cache_t *cache,
    acm_keyring_t *ring, acm_snap_t *snap, acm_name_rec_t *rec,
    acm_err_t *err)
{
    acm_rc_t             rc;
    acm_material_t       record;
    ngx_acm_material_t  *m;

    rc = acm_material_read(snap, rec->uuid, rec->version, &record, err);

    if (rc != ACM_OK) {
        return rc;
    }

    m = ngx_calloc(sizeof(ngx_acm_material_t), ngx_cycle->log);

    if (m == NULL) {
        acm_material_free(&record);
        return acm_fail(err, ACM_NOMEM, "no memory");
    }

    rc = ngx_acm_material_fill(m, ring, snap, rec, &record, err);

    if (rc == ACM_OK) {
        rc = ngx_acm_chain_get(cache, snap, &record, &m->chain, err);
    }

    if (rc == ACM_OK) {
        m->leaf.bytes += sizeof(ngx_acm_material_t) + NGX_ACM_HEAP;

        if (!acm_cache_charge(cache, m->leaf.bytes)) {
            ngx_acm_chain_drop(cache, m->chain);
            rc = acm_fail(err, ACM_FULL, "the cache is too small for it");
        }
    }

    acm_material_free(&record);

    if (rc != ACM_OK) {
        acm_leaf_close(&m->leaf);
        ngx_free(m);
        return rc;
    }

    m->cache = cache;
    m->refs = 1;
    *out = m;

    return ACM_OK;
}


static acm_rc_t
ngx_acm_material_fill(ngx_acm_material_t *m, acm_keyring_t *ring,
    acm_snap_t *snap, acm_name_rec_t *rec, acm_material_t *record,
    acm_err_t *err)
{
    acm_rc_t   rc;
    acm_str_t  key_secret;

    m->not_after = (time_t) rec->not_after;
    m->life = (time_t) (rec->not_after - rec->not_before);

    rc = acm_material_key_open(ring, snap, rec->uuid, rec->version, record,
                               &key_secret, err);

    if (rc == ACM_OK) {
        rc = acm_leaf_open(&m->leaf, record->key, &record->leaf, &key_secret,
                           err);
        acm_free_secret(key_secret.data, key_secret.len);
    }

    return rc;
}


void
ngx_acm_material_hold(ngx_acm_material_t *m)
{
    if (m) {
        m->refs++;
    }
}


void
ngx_acm_material_drop(ngx_acm_material_t *m)
{
    if (m == NULL || --m->refs > 0) {
        return;
    }

    ngx_rbtree_delete(&ngx_acm_materials.materials, &m->sn.node);

    ngx_acm_chain_drop(m->cache, m->chain);
    acm_cache_discharge(m->cache, m->leaf.bytes);

    acm_leaf_close(&m->leaf);
    ngx_free(m);
}


ngx_int_t
ngx_acm_material_use(ngx_acm_material_t *m, SSL *ssl)
{
    if (SSL_use_cert_and_key(ssl, m->leaf.x, m->leaf.pkey, m->chain->certs, 1)
        != 1)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_acm_material_covers(ngx_acm_material_t *m, const char *name)
{
    size_t  i;

    for (i = 0; i < m->leaf.nnames; i++) {
        if (acm_name_match(m->leaf.names[i], name)) {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
ngx_acm_material_named(ngx_acm_material_t *m, const char *name)
{
    size_t  i;

    for (i = 0; i < m->leaf.nnames; i++) {
        if (ngx_strcmp(m->leaf.names[i], name) == 0) {
            return 1;
        }
    }

    return 0;
}


/* One more reference to the chain of a record. */

static acm_rc_t
ngx_acm_chain_get(acm_cache_t *cache, acm_snap_t *snap,
    acm_material_t *record, ngx_acm_chain_t **out, acm_err_t *err)
{
    uint32_t              hash;
    acm_rc_t              rc;
    ngx_str_t             key;
    ngx_acm_chain_t      *chain;
    ngx_acm_materials_t  *all;

    all = &ngx_acm_materials;

    key.data = record->chain[0];
    key.len = record->nchain * ACM_HASH_LEN;
    hash = ngx_murmur_hash2(key.data, key.len);

    chain = (ngx_acm_chain_t *) ngx_str_rbtree_lookup(&all->chains, &key,
                                                      hash);
    if (chain) {
        chain->refs++;
        *out = chain;
        return ACM_OK;
    }

    chain = ngx_calloc(sizeof(ngx_acm_chain_t) + key.len, ngx_cycle->log);

    if (chain == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory");
    }

    rc = ngx_acm_chain_fill(chain, snap, record, err);

    if (rc == ACM_OK && !acm_cache_charge(cache, chain->bytes)) {
        rc = acm_fail(err, ACM_FULL, "the cache is too small for its chain");
    }

    if (rc != ACM_OK) {
        ngx_acm_chain_free(chain);
        return rc;
    }

    chain->refs = 1;
    chain->sn.node.key = hash;
    chain->sn.str.len = key.len;
    chain->sn.str.data = chain->ids;
    ngx_memcpy(chain->ids, key.data, key.len);

    ngx_rbtree_insert(&all->chains, &chain->sn.node);
    *out = chain;

    return ACM_OK;
}


static acm_rc_t
ngx_acm_chain_fill(ngx_acm_chain_t *chain, acm_snap_t *snap,
    acm_material_t *record, acm_err_t *err)
{
    X509       *x;
    size_t      i;
    acm_rc_t    rc;
    acm_str_t   der;

    chain->bytes = sizeof(ngx_acm_chain_t) + NGX_ACM_HEAP;
    chain->certs = sk_X509_new_null();

    rc = (chain->certs != NULL) ? ACM_OK
                                : acm_fail(err, ACM_NOMEM, "no memory");

    for (i = 0; rc == ACM_OK && i < record->nchain; i++) {
        rc = acm_material_link(snap, record, i, &der, err);

        if (rc != ACM_OK) {
            break;
        }

        rc = acm_x509_decode(der.data, der.len, &x, err);

        if (rc == ACM_OK && sk_X509_push(chain->certs, x) == 0) {
            X509_free(x);
            rc = acm_fail(err, ACM_NOMEM, "no memory");
        }

        chain->bytes += ACM_HASH_LEN + NGX_ACM_CA_CERT + 2 * der.len;
        acm_free(der.data);
    }

    return rc;
}


static void
ngx_acm_chain_drop(acm_cache_t *cache, ngx_acm_chain_t *chain)
{
    if (--chain->refs > 0) {
        return;
    }

    ngx_rbtree_delete(&ngx_acm_materials.chains, &chain->sn.node);

    acm_cache_discharge(cache, chain->bytes);
    ngx_acm_chain_free(chain);
}


static void
ngx_acm_chain_free(ngx_acm_chain_t *chain)
{
    sk_X509_pop_free(chain->certs, X509_free);
    ngx_free(chain);
}
