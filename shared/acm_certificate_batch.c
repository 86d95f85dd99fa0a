
/*
 * Copyright (C) The ngx_acm authors
 */


#include <openssl/evp.h>
#include <string.h>

#include "acm_certificate_impl.h"
#include "acm_event.h"
#include "acm_history.h"
#include "acm_name.h"
#include "acm_quota.h"
#include "acm_state.h"
#include "acm_version.h"


static void acm_batch_record(acm_batch_t *batch, acm_db_e db,
    const void *key, size_t len, acm_rc_t rc, acm_buf_t *buf);
static void acm_batch_created(acm_batch_t *batch, const acm_cert_t *cert,
    int put);
static void acm_batch_due(acm_batch_t *batch, const acm_cert_t *cert,
    int put);
static void acm_batch_time(acm_batch_t *batch, acm_db_e db, int64_t at,
    const acm_cert_t *cert, int put);
static void acm_batch_entry(acm_batch_t *batch, acm_db_e db,
    const uint8_t *key, size_t len, const acm_cert_t *cert, int put);
static acm_rc_t acm_batch_chain(acm_batch_t *batch,
    const acm_bundle_t *bundle, const acm_bundle_t *like, acm_material_t *m);
static int acm_batch_chained(const acm_bundle_t *like, const acm_str_t *der);


/* Builders.  A failure sticks in the batch, as those of acm_store.h. */

void
acm_batch_expect_cert(acm_batch_t *batch, const acm_cert_t *cert,
    uint64_t revision)
{
    size_t   len;
    uint8_t  key[ACM_MAX_STORE_KEY];

    len = acm_cert_key(key, cert->account, cert->region, cert->uuid);

    acm_batch_expect(batch, ACM_DB_CERTIFICATE, key, len, revision);
}


void
acm_batch_cert(acm_batch_t *batch, const acm_cert_t *cert)
{
    size_t     len;
    uint8_t    key[ACM_MAX_STORE_KEY];
    acm_buf_t  buf;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    len = acm_cert_key(key, cert->account, cert->region, cert->uuid);

    acm_batch_record(batch, ACM_DB_CERTIFICATE, key, len,
                     acm_cert_encode(cert, &buf), &buf);
}


void
acm_batch_ref(acm_batch_t *batch, acm_db_e db, const void *key, size_t len,
    const acm_cert_t *cert)
{
    acm_buf_t  buf;
    acm_ref_t  ref;

    memset(&ref, 0, sizeof(acm_ref_t));

    if (strlen(cert->account) > ACM_MAX_LABEL
        || strlen(cert->region) > ACM_MAX_LABEL)
    {
        batch->rc = ACM_TOOBIG;
        return;
    }

    memcpy(ref.account, cert->account, strlen(cert->account));
    memcpy(ref.region, cert->region, strlen(cert->region));
    memcpy(ref.uuid, cert->uuid, ACM_UUID_LEN);

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    acm_batch_record(batch, db, key, len, acm_ref_encode(&ref, &buf), &buf);
}


void
acm_batch_change(acm_batch_t *batch, const acm_cert_t *old,
    acm_cert_t *next, int64_t now)
{
    acm_history_changes(batch, old, next, now);
    acm_event_changes(batch, old, next, now);

    acm_batch_moves(batch, old, next);
}


/* What stays where it is is not touched: each page written is a copy. */

void
acm_batch_moves(acm_batch_t *batch, const acm_cert_t *old,
    const acm_cert_t *next)
{
    static const acm_cert_t  nothing;

    if (old == NULL) {
        acm_quota_made(batch, next);
        acm_state_count(batch, 1);
        old = &nothing;
    }

    if (old->due != next->due || old->due_at != next->due_at) {
        acm_batch_due(batch, old, 0);
        acm_batch_due(batch, next, 1);
    }

    if (old->watch_at != next->watch_at) {
        acm_batch_time(batch, ACM_DB_WATCH, old->watch_at, old, 0);
        acm_batch_time(batch, ACM_DB_WATCH, next->watch_at, next, 1);
    }

    if (old->not_after != next->not_after) {
        acm_batch_time(batch, ACM_DB_EXPIRY, old->not_after, old, 0);
        acm_batch_time(batch, ACM_DB_EXPIRY, next->not_after, next, 1);
    }

    if (old->created_at != next->created_at) {
        acm_batch_created(batch, old, 0);
        acm_batch_created(batch, next, 1);
    }

    if (old->ocsp_at != next->ocsp_at) {
        acm_batch_time(batch, ACM_DB_OCSP, old->ocsp_at, old, 0);
        acm_batch_time(batch, ACM_DB_OCSP, next->ocsp_at, next, 1);
    }

    if (old->version != next->version
        || (old->status == ACM_STATUS_REVOKED)
           != (next->status == ACM_STATUS_REVOKED))
    {
        acm_batch_names(batch, old, 0);
        acm_batch_names(batch, next, 1);
    }

    acm_state_moves(batch, old, next);

    acm_batch_cert(batch, next);
}


void
acm_batch_indices(acm_batch_t *batch, const acm_cert_t *cert, int put)
{
    acm_batch_due(batch, cert, put);
    acm_batch_time(batch, ACM_DB_WATCH, cert->watch_at, cert, put);
    acm_batch_time(batch, ACM_DB_EXPIRY, cert->not_after, cert, put);
    acm_batch_time(batch, ACM_DB_OCSP, cert->ocsp_at, cert, put);
    acm_batch_created(batch, cert, put);
    acm_state_entry(batch, cert, put);
}


static void
acm_batch_created(acm_batch_t *batch, const acm_cert_t *cert, int put)
{
    size_t   len;
    uint8_t  key[ACM_MAX_STORE_KEY];

    if (cert->account == NULL) {
        return;
    }

    len = acm_created_key(key, cert->account, cert->region, cert->created_at,
                          cert->uuid);

    if (put) {
        acm_batch_put(batch, ACM_DB_CREATED, key, len, "", 0);

    } else {
        acm_batch_delete(batch, ACM_DB_CREATED, key, len);
    }
}


static void
acm_batch_due(acm_batch_t *batch, const acm_cert_t *cert, int put)
{
    size_t   len;
    uint8_t  key[ACM_MAX_STORE_KEY];

    if (cert->due == ACM_DUE_NONE) {
        return;
    }

    len = acm_due_key(key, cert->due_at, cert->due, cert->uuid);

    acm_batch_entry(batch, ACM_DB_DUE, key, len, cert, put);
}


/* at: 0 for none */

static void
acm_batch_time(acm_batch_t *batch, acm_db_e db, int64_t at,
    const acm_cert_t *cert, int put)
{
    size_t   len;
    uint8_t  key[ACM_MAX_STORE_KEY];

    if (at == 0) {
        return;
    }

    len = acm_time_key(key, at, cert->uuid);

    acm_batch_entry(batch, db, key, len, cert, put);
}


static void
acm_batch_entry(acm_batch_t *batch, acm_db_e db, const uint8_t *key,
    size_t len, const acm_cert_t *cert, int put)
{
    if (put) {
        acm_batch_ref(batch, db, key, len, cert);

    } else {
        acm_batch_delete(batch, db, key, len);
    }
}


/* The index entries of all names; an IP address is never asked for by SNI, and
   what is revoked is served for none. */

void
acm_batch_names(acm_batch_t *batch, const acm_cert_t *cert, int put)
{
    size_t           i, len;
    uint8_t          key[ACM_MAX_STORE_KEY];
    acm_buf_t        buf;
    acm_name_rec_t   rec;

    if (cert->version == 0 || (put && cert->status == ACM_STATUS_REVOKED)) {
        return;
    }

    memset(&rec, 0, sizeof(acm_name_rec_t));
    memcpy(rec.uuid, cert->uuid, sizeof(rec.uuid));
    rec.version = cert->version;
    rec.key = cert->key;
    rec.not_before = cert->not_before;
    rec.not_after = cert->not_after;

    for (i = 0; i < cert->nnames; i++) {

        if (acm_name_is_ip(cert->names[i], strlen(cert->names[i]))) {
            continue;
        }

        len = acm_name_key(key, cert->names[i], cert->key, cert->uuid);

        if (!put) {
            acm_batch_delete(batch, ACM_DB_NAME, key, len);
            continue;
        }

        acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

        acm_batch_record(batch, ACM_DB_NAME, key, len,
                         acm_name_rec_encode(&rec, &buf), &buf);
    }
}


static void
acm_batch_record(acm_batch_t *batch, acm_db_e db, const void *key,
    size_t len, acm_rc_t rc, acm_buf_t *buf)
{
    if (rc == ACM_OK) {
        acm_batch_put(batch, db, key, len, buf->data, buf->len);

    } else if (batch->rc == ACM_OK) {
        batch->rc = rc;
    }

    acm_buf_free(buf);
}


acm_rc_t
acm_commit(acm_store_t *store, acm_batch_t *batch, acm_err_t *err)
{
    if (batch->rc != ACM_OK) {
        return acm_fail(err, batch->rc, "a change of the store cannot be "
                        "written down: %s", acm_rc_text(batch->rc));
    }

    return acm_store_commit(store, batch, err);
}


acm_rc_t
acm_batch_material(acm_batch_t *batch, acm_keyring_t *ring,
    acm_store_t *store, const acm_cert_t *next, const acm_bundle_t *bundle,
    const acm_bundle_t *like, acm_err_t *err)
{
    char             arn[ACM_MAX_ARN];
    size_t           len;
    uint8_t          key[ACM_MAX_STORE_KEY];
    acm_rc_t         rc;
    uint32_t         n;
    acm_buf_t        buf;
    acm_snap_t      *snap;
    acm_material_t   m;

    memset(&m, 0, sizeof(acm_material_t));

    m.account = next->account;
    m.region = next->region;
    m.key = next->key;
    m.leaf = bundle->leaf;

    (void) acm_arn_text(arn, next->account, next->region, next->uuid);

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_keyring_seal(ring, snap, next->account, next->region, arn,
                          next->version, &bundle->key_secret, &m.sealed,
                          err);

    if (rc == ACM_OK) {
        rc = acm_batch_chain(batch, bundle, like, &m);
    }

    /* the version before always stays: a worker may be reading it */

    n = acm_versions_get(snap);

    if (rc == ACM_OK && next->version > n) {
        rc = acm_batch_versions(batch, snap, next->uuid, next->version - n,
                                err);
    }

    acm_store_end(snap);

    if (rc == ACM_OK) {
        acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

        len = acm_material_key(key, next->uuid, next->version);
        acm_batch_record(batch, ACM_DB_MATERIAL, key, len,
                         acm_material_encode(&m, &buf), &buf);
    }

    acm_free(m.sealed.data);

    return rc;
}


/* Written even if it is there, so that acm_sweep.h does not take it away. */

static acm_rc_t
acm_batch_chain(acm_batch_t *batch, const acm_bundle_t *bundle,
    const acm_bundle_t *like, acm_material_t *m)
{
    size_t            i;
    const acm_str_t  *der;

    for (i = 0; i < bundle->nchain; i++) {
        der = &bundle->chain[i];

        if (EVP_Digest(der->data, der->len, m->chain[i], NULL, EVP_sha256(),
                       NULL)
            != 1)
        {
            return ACM_ERROR;
        }

        m->nchain++;

        if (!acm_batch_chained(like, der)) {
            acm_batch_put(batch, ACM_DB_CHAIN, m->chain[i], ACM_HASH_LEN,
                          der->data, der->len);
        }
    }

    return ACM_OK;
}


static int
acm_batch_chained(const acm_bundle_t *like, const acm_str_t *der)
{
    size_t  i;

    for (i = 0; like != NULL && i < like->nchain; i++) {
        if (like->chain[i].len == der->len
            && memcmp(like->chain[i].data, der->data, der->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
