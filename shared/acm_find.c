
/*
 * Copyright (C) The ngx_acm authors
 *
 * The reading half of acm_certificate.h: what serves a name.  Called in every
 * worker, in a handshake that misses the cache.
 */


#include <string.h>

#include "acm_certificate.h"
#include "acm_name.h"


static acm_rc_t acm_find_one(acm_snap_t *snap, const char *name,
    int64_t now, acm_found_t *found);
static void acm_found_offer(acm_found_t *found, const acm_name_rec_t *rec,
    int64_t now);
static int acm_name_rec_better(const acm_name_rec_t *a,
    const acm_name_rec_t *b, int64_t now);
static acm_rc_t acm_find_ref(acm_snap_t *snap, const char *account,
    const char *region, const char *uuid, acm_name_rec_t *rec,
    acm_err_t *err);


acm_rc_t
acm_find_name(acm_snap_t *snap, const char *name, int64_t now,
    acm_found_t *found)
{
    char      wildcard[ACM_MAX_NAME + 3];
    acm_rc_t  rc;

    rc = acm_find_one(snap, name, now, found);

    if (rc == ACM_NOTFOUND && acm_name_wildcard(name, wildcard)) {
        rc = acm_find_one(snap, wildcard, now, found);
    }

    return rc;
}


static acm_rc_t
acm_find_one(acm_snap_t *snap, const char *name, int64_t now,
    acm_found_t *found)
{
    size_t           len;
    uint8_t          prefix[ACM_MAX_STORE_KEY];
    acm_rc_t         rc;
    acm_entry_t      entry;
    acm_name_rec_t   rec;

    memset(found, 0, sizeof(acm_found_t));

    len = acm_name_prefix(prefix, name);

    if (len == 0) {
        return ACM_NOTFOUND;
    }

    /* a damaged entry is passed over: another may serve the name */

    for (rc = acm_store_seek(snap, ACM_DB_NAME, prefix, len, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_NAME, &entry))
    {
        if (entry.key_len <= len || memcmp(entry.key, prefix, len) != 0) {
            rc = ACM_NOTFOUND;
            break;
        }

        if (rc == ACM_OK
            && acm_name_rec_decode(entry.data, entry.len, &rec) == ACM_OK)
        {
            acm_found_offer(found, &rec, now);
        }
    }

    if (found->ec.key != ACM_KEY_NONE || found->rsa.key != ACM_KEY_NONE) {
        return ACM_OK;
    }

    return rc;
}


static void
acm_found_offer(acm_found_t *found, const acm_name_rec_t *rec, int64_t now)
{
    acm_name_rec_t  *slot;

    slot = (rec->key >= ACM_KEY_EC_P256) ? &found->ec : &found->rsa;

    if (slot->key == ACM_KEY_NONE || acm_name_rec_better(rec, slot, now)) {
        *slot = *rec;
    }
}


static int
acm_name_rec_better(const acm_name_rec_t *a, const acm_name_rec_t *b,
    int64_t now)
{
    int  va, vb;

    va = (a->not_before <= now && now <= a->not_after);
    vb = (b->not_before <= now && now <= b->not_after);

    if (va != vb) {
        return va;
    }

    return a->not_before > b->not_before;
}


acm_rc_t
acm_find_uuid(acm_snap_t *snap, const char *account, const char *region,
    const char *uuid, acm_found_t *found, acm_err_t *err)
{
    acm_rc_t        rc;
    acm_name_rec_t  rec;

    memset(found, 0, sizeof(acm_found_t));

    rc = acm_find_ref(snap, account, region, uuid, &rec, err);

    if (rc == ACM_OK) {
        acm_found_offer(found, &rec, 0);
    }

    return rc;
}


acm_rc_t
acm_find_identity(acm_snap_t *snap, const uint8_t identity[ACM_HASH_LEN],
    acm_name_rec_t *rec, acm_err_t *err)
{
    acm_rc_t      rc;
    acm_ref_t     ref;
    acm_entry_t   entry;

    rc = acm_store_get(snap, ACM_DB_IDENTITY, identity, ACM_HASH_LEN,
                       &entry);

    if (rc == ACM_OK) {
        rc = acm_ref_decode(entry.data, entry.len, &ref);
    }

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "a configured certificate cannot be read: "
                        "%s; see \"acmctl verify\"", acm_rc_text(rc));
    }

    return acm_find_ref(snap, ref.account, ref.region, ref.uuid, rec, err);
}


static acm_rc_t
acm_find_ref(acm_snap_t *snap, const char *account, const char *region,
    const char *uuid, acm_name_rec_t *rec, acm_err_t *err)
{
    acm_rc_t    rc;
    acm_cert_t  cert;

    rc = acm_cert_get(snap, account, region, uuid, &cert, NULL);

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "certificate %s cannot be read: %s; see "
                        "\"acmctl verify\"", uuid, acm_rc_text(rc));
    }

    if (cert.version == 0) {
        rc = acm_fail(err, ACM_NOTFOUND, "certificate %s is not issued yet",
                      uuid);

    } else if (cert.status == ACM_STATUS_REVOKED) {
        rc = acm_fail(err, ACM_NOTFOUND, "certificate %s is revoked", uuid);

    } else {
        memset(rec, 0, sizeof(acm_name_rec_t));
        memcpy(rec->uuid, cert.uuid, sizeof(rec->uuid));
        rec->version = cert.version;
        rec->key = cert.key;
        rec->not_before = cert.not_before;
        rec->not_after = cert.not_after;
    }

    acm_cert_free(&cert);

    return rc;
}


acm_rc_t
acm_material_open(acm_keyring_t *ring, acm_snap_t *snap, const char *uuid,
    uint32_t version, acm_bundle_t *bundle, acm_err_t *err)
{
    acm_rc_t         rc;
    acm_material_t   m;

    rc = acm_material_read(snap, uuid, version, &m, err);

    if (rc != ACM_OK) {
        return rc;
    }

    memset(bundle, 0, sizeof(acm_bundle_t));

    rc = acm_material_key_open(ring, snap, uuid, version, &m,
                               &bundle->key_secret, err);

    while (rc == ACM_OK && bundle->nchain < m.nchain) {
        rc = acm_material_link(snap, &m, bundle->nchain,
                               &bundle->chain[bundle->nchain], err);
        bundle->nchain += (rc == ACM_OK);
    }

    if (rc == ACM_OK) {
        bundle->info.key = m.key;
        bundle->leaf = m.leaf;
        memset(&m.leaf, 0, sizeof(acm_str_t));

    } else {
        acm_bundle_free(bundle);
    }

    acm_material_free(&m);

    return rc;
}


acm_rc_t
acm_material_read(acm_snap_t *snap, const char *uuid, uint32_t version,
    acm_material_t *m, acm_err_t *err)
{
    acm_rc_t  rc;

    rc = acm_material_get(snap, uuid, version, m);

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "material of certificate %s, version %u: "
                        "%s", uuid, (unsigned) version, acm_rc_text(rc));
    }

    return ACM_OK;
}


acm_rc_t
acm_material_key_open(acm_keyring_t *ring, acm_snap_t *snap,
    const char *uuid, uint32_t version, const acm_material_t *m,
    acm_str_t *key_secret, acm_err_t *err)
{
    char  arn[ACM_MAX_ARN];

    (void) acm_arn_text(arn, m->account, m->region, uuid);

    return acm_keyring_unseal(ring, snap, m->account, m->region, arn,
                              version, &m->sealed, key_secret, err);
}


acm_rc_t
acm_material_link(acm_snap_t *snap, const acm_material_t *m, size_t i,
    acm_str_t *der, acm_err_t *err)
{
    acm_rc_t      rc;
    acm_entry_t   entry;

    rc = acm_store_get(snap, ACM_DB_CHAIN, m->chain[i], ACM_HASH_LEN, &entry);

    if (rc != ACM_OK) {
        return acm_fail(err, rc == ACM_NOTFOUND ? ACM_CORRUPT : rc,
                        "chain certificate %u: %s", (unsigned) i + 1,
                        acm_rc_text(rc));
    }

    der->data = acm_memdup(entry.data, entry.len);
    der->len = entry.len;

    return (der->data != NULL) ? ACM_OK
           : acm_fail(err, ACM_NOMEM, "no memory for a chain");
}
