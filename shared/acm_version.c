
/*
 * Copyright (C) The ngx_acm authors
 */


#include <string.h>

#include "acm_certificate_impl.h"
#include "acm_handshake.h"
#include "acm_issued.h"
#include "acm_sched.h"
#include "acm_version.h"


#define ACM_META_VERSIONS   "versions"
#define ACM_VERSION_OCTETS  4
#define ACM_ROLLBACK_TRIES  10       /* against others that write */


static acm_rc_t acm_version_next(const acm_entry_t *entry, const char *uuid,
    acm_rc_t rc, uint32_t *version);
static void acm_version_read(const acm_entry_t *entry, acm_version_t *v);
static acm_rc_t acm_rollback_try(acm_keyring_t *ring, const char *account,
    const char *region, const char *uuid, uint32_t *version, int forced,
    int64_t now, acm_err_t *err);
static acm_rc_t acm_rollback_before(acm_snap_t *snap, const acm_cert_t *cert,
    uint32_t *version, acm_err_t *err);
static acm_rc_t acm_rollback_open(acm_keyring_t *ring, acm_snap_t *snap,
    const acm_cert_t *cert, uint32_t version, acm_bundle_t *bundle,
    acm_err_t *err);
static acm_rc_t acm_rollback_revoked(acm_snap_t *snap,
    const acm_cert_t *cert, uint32_t version, const acm_bundle_t *bundle,
    acm_err_t *err);
static acm_rc_t acm_rollback_check(const acm_cert_t *cert, uint32_t version,
    const acm_bundle_t *bundle, int forced, int64_t now, acm_err_t *err);
static acm_rc_t acm_rollback_install(acm_keyring_t *ring, acm_cert_t *cert,
    uint64_t revision, const acm_bundle_t *bundle, int64_t now,
    acm_err_t *err);


uint32_t
acm_versions_get(acm_snap_t *snap)
{
    uint32_t      n;
    acm_entry_t   entry;
    acm_reader_t  r;

    if (acm_store_get(snap, ACM_DB_META, ACM_META_VERSIONS,
                      sizeof(ACM_META_VERSIONS) - 1, &entry)
        != ACM_OK)
    {
        return ACM_VERSIONS;
    }

    acm_reader_init(&r, entry.data, entry.len);
    n = acm_read_u32(&r);

    /* a certificate is not to be lost for a number that is damaged */

    return (entry.len == ACM_VERSION_OCTETS && n >= ACM_MIN_VERSIONS
            && n <= ACM_MAX_VERSIONS)
           ? n : ACM_VERSIONS;
}


acm_rc_t
acm_versions_set(acm_store_t *store, uint32_t n, acm_err_t *err)
{
    acm_rc_t     rc;
    uint32_t     old;
    acm_buf_t    buf;
    acm_snap_t  *snap;
    acm_batch_t  batch;

    if (n < ACM_MIN_VERSIONS || n > ACM_MAX_VERSIONS) {
        return acm_fail(err, ACM_INVALID, "%u versions cannot be kept: it is "
                        "%d to %d", (unsigned) n, ACM_MIN_VERSIONS,
                        ACM_MAX_VERSIONS);
    }

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    old = acm_versions_get(snap);

    acm_store_end(snap);

    if (old == n) {
        return ACM_OK;
    }

    acm_batch_init(&batch);
    acm_buf_init(&buf, ACM_VERSION_OCTETS);

    acm_buf_u32(&buf, n);
    rc = acm_buf_rc(&buf);

    if (rc == ACM_OK) {
        acm_batch_put(&batch, ACM_DB_META, ACM_META_VERSIONS,
                      sizeof(ACM_META_VERSIONS) - 1, buf.data, buf.len);
    }

    rc = (rc == ACM_OK) ? acm_commit(store, &batch, err)
                        : acm_fail(err, rc, "no memory for a setting");

    acm_buf_free(&buf);
    acm_batch_free(&batch);

    return rc;
}


acm_rc_t
acm_batch_versions(acm_batch_t *batch, acm_snap_t *snap, const char *uuid,
    uint32_t last, acm_err_t *err)
{
    size_t        len;
    uint8_t       key[ACM_MAX_STORE_KEY];
    acm_rc_t      rc;
    uint32_t      version;
    acm_entry_t   entry;

    len = acm_material_key(key, uuid, 0);

    entry.key = NULL;
    rc = acm_store_seek(snap, ACM_DB_MATERIAL, key, len, &entry);

    for ( ;; ) {
        rc = acm_version_next(&entry, uuid, rc, &version);

        if (rc != ACM_OK && rc != ACM_CORRUPT) {
            break;
        }

        if (version > last) {
            return ACM_OK;
        }

        acm_batch_delete(batch, ACM_DB_MATERIAL, entry.key, entry.key_len);

        entry.key = NULL;
        rc = acm_store_next(snap, ACM_DB_MATERIAL, &entry);
    }

    return (rc == ACM_NOTFOUND)
           ? ACM_OK : acm_fail(err, rc, "old versions of certificate %s: %s",
                               uuid, acm_rc_text(rc));
}


/* rc: of the step that found the entry.  ACM_NOTFOUND: it is another
   certificate's; ACM_CORRUPT: it is one of ours, but damaged. */

static acm_rc_t
acm_version_next(const acm_entry_t *entry, const char *uuid, acm_rc_t rc,
    uint32_t *version)
{
    acm_reader_t  r;

    if (rc != ACM_OK && (rc != ACM_CORRUPT || entry->key == NULL)) {

        /* a map that cannot be read to its end is no end */

        return (rc == ACM_CORRUPT) ? ACM_ERROR : rc;
    }

    if (entry->key_len != ACM_UUID_LEN + ACM_VERSION_OCTETS
        || memcmp(entry->key, uuid, ACM_UUID_LEN) != 0)
    {
        return ACM_NOTFOUND;
    }

    acm_reader_init(&r, entry->key + ACM_UUID_LEN, ACM_VERSION_OCTETS);
    *version = acm_read_u32(&r);

    return rc;
}


acm_rc_t
acm_certificate_versions(acm_snap_t *snap, const char *uuid,
    acm_version_t *list, size_t *n, acm_err_t *err)
{
    size_t        len;
    uint8_t       key[ACM_MAX_STORE_KEY];
    acm_rc_t      rc;
    uint32_t      version;
    acm_entry_t   entry;

    *n = 0;

    len = acm_material_key(key, uuid, 0);

    entry.key = NULL;
    rc = acm_store_seek(snap, ACM_DB_MATERIAL, key, len, &entry);

    for ( ;; ) {
        rc = acm_version_next(&entry, uuid, rc, &version);

        if (rc != ACM_OK && rc != ACM_CORRUPT) {
            break;
        }

        if (*n == ACM_MAX_VERSIONS) {
            (*n)--;
            memmove(list, list + 1, *n * sizeof(acm_version_t));
        }

        memset(&list[*n], 0, sizeof(acm_version_t));

        list[*n].version = version;
        list[*n].rc = rc;

        if (rc == ACM_OK) {
            acm_version_read(&entry, &list[*n]);
        }

        (*n)++;

        entry.key = NULL;
        rc = acm_store_next(snap, ACM_DB_MATERIAL, &entry);
    }

    return (rc == ACM_NOTFOUND)
           ? ACM_OK : acm_fail(err, rc, "versions of certificate %s: %s",
                               uuid, acm_rc_text(rc));
}


static void
acm_version_read(const acm_entry_t *entry, acm_version_t *v)
{
    X509             *x;
    acm_material_t    m;
    acm_x509_info_t   info;

    x = NULL;
    v->rc = acm_material_decode(entry->data, entry->len, &m);

    if (v->rc != ACM_OK) {
        return;
    }

    v->rc = acm_x509_decode(m.leaf.data, m.leaf.len, &x, NULL);

    if (v->rc == ACM_OK) {
        v->rc = acm_x509_info(x, &info, NULL);
    }

    if (v->rc == ACM_OK) {
        v->not_before = info.not_before;
        v->not_after = info.not_after;
        memcpy(v->serial, info.serial, strnlen(info.serial,
                                               sizeof(v->serial) - 1));
        acm_x509_info_free(&info);
    }

    X509_free(x);
    acm_material_free(&m);
}


acm_rc_t
acm_certificate_rollback(acm_keyring_t *ring, const char *account,
    const char *region, const char *uuid, uint32_t *version, int forced,
    int64_t now, acm_err_t *err)
{
    acm_rc_t  rc;
    unsigned  n;
    uint32_t  from;

    n = 0;

    do {
        from = *version;
        rc = acm_rollback_try(ring, account, region, uuid, &from, forced,
                              now, err);

    } while (rc == ACM_CONFLICT && ++n < ACM_ROLLBACK_TRIES);

    if (rc == ACM_OK) {
        *version = from;
    }

    return rc;
}


static acm_rc_t
acm_rollback_try(acm_keyring_t *ring, const char *account,
    const char *region, const char *uuid, uint32_t *version, int forced,
    int64_t now, acm_err_t *err)
{
    acm_rc_t       rc;
    uint64_t       revision;
    acm_cert_t     cert;
    acm_snap_t    *snap;
    acm_bundle_t   bundle;

    memset(&bundle, 0, sizeof(acm_bundle_t));

    rc = acm_store_begin(acm_keyring_store(ring), &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_cert_get(snap, account, region, uuid, &cert, &revision);

    if (rc != ACM_OK) {
        acm_store_end(snap);
        return acm_fail(err, rc, "certificate %s: %s", uuid,
                        acm_rc_text(rc));
    }

    rc = acm_rollback_before(snap, &cert, version, err);

    if (rc == ACM_OK) {
        rc = acm_rollback_open(ring, snap, &cert, *version, &bundle, err);
    }

    if (rc == ACM_OK) {
        rc = acm_rollback_revoked(snap, &cert, *version, &bundle, err);
    }

    acm_store_end(snap);

    if (rc == ACM_OK) {
        rc = acm_rollback_check(&cert, *version, &bundle, forced, now, err);
    }

    if (rc == ACM_OK) {
        rc = acm_rollback_install(ring, &cert, revision, &bundle, now, err);
        *version = cert.version;
    }

    acm_bundle_free(&bundle);
    acm_cert_free(&cert);

    return rc;
}


static acm_rc_t
acm_rollback_before(acm_snap_t *snap, const acm_cert_t *cert,
    uint32_t *version, acm_err_t *err)
{
    size_t          i, n;
    acm_rc_t        rc;
    acm_version_t  *list;

    if (*version != 0 && *version == cert->version) {
        return acm_fail(err, ACM_INVALID, "version %u of certificate %s is "
                        "in use: name an older one", (unsigned) *version,
                        cert->uuid);
    }

    list = acm_calloc(ACM_MAX_VERSIONS, sizeof(acm_version_t));

    if (list == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for versions");
    }

    rc = acm_certificate_versions(snap, cert->uuid, list, &n, err);

    for (i = n; rc == ACM_OK && i > 0; i--) {
        if (list[i - 1].version < cert->version
            && (*version == 0 || list[i - 1].version == *version))
        {
            break;
        }
    }

    if (rc == ACM_OK && i == 0) {
        rc = (*version == 0)
             ? acm_fail(err, ACM_NOTFOUND, "certificate %s has no version "
                        "before the one in use", cert->uuid)
             : acm_fail(err, ACM_NOTFOUND, "version %u of certificate %s is "
                        "not kept: choose one that is, or restore a backup",
                        (unsigned) *version, cert->uuid);

    } else if (rc == ACM_OK) {
        *version = list[i - 1].version;
    }

    acm_free(list);

    return rc;
}


static acm_rc_t
acm_rollback_open(acm_keyring_t *ring, acm_snap_t *snap,
    const acm_cert_t *cert, uint32_t version, acm_bundle_t *bundle,
    acm_err_t *err)
{
    X509       *x;
    acm_rc_t    rc;
    EVP_PKEY   *pkey;
    acm_err_t   why;

    x = NULL;
    pkey = NULL;

    rc = acm_material_open(ring, snap, cert->uuid, version, bundle, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_x509_decode(bundle->leaf.data, bundle->leaf.len, &x, &why);

    if (rc == ACM_OK) {
        rc = acm_x509_info(x, &bundle->info, &why);
    }

    if (rc == ACM_OK && bundle->info.key != cert->key) {
        rc = acm_fail(&why, ACM_CORRUPT, "its key is of another type");
    }

    if (rc == ACM_OK) {
        rc = acm_key_decode(bundle->info.key, bundle->key_secret.data,
                            bundle->key_secret.len, &pkey, &why);
    }

    if (rc == ACM_OK && !acm_x509_match(x, pkey)) {
        rc = acm_fail(&why, ACM_CORRUPT, "its key is not its own");
    }

    if (rc != ACM_OK) {
        (void) acm_fail(err, rc, "version %u of certificate %s: %s",
                        (unsigned) version, cert->uuid, why.text);
    }

    EVP_PKEY_free(pkey);
    X509_free(x);

    return rc;
}


/* Whoever forces it cannot make clients take it. */

static acm_rc_t
acm_rollback_revoked(acm_snap_t *snap, const acm_cert_t *cert,
    uint32_t version, const acm_bundle_t *bundle, acm_err_t *err)
{
    acm_rc_t           rc;
    acm_revocation_t   r;

    rc = acm_revocation_find(snap, cert, &bundle->leaf, &r);

    if (rc == ACM_NOTFOUND) {
        return ACM_OK;
    }

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "whether version %u of certificate %s is "
                        "revoked cannot be read: %s", (unsigned) version,
                        cert->uuid, acm_rc_text(rc));
    }

    acm_revocation_free(&r);

    return acm_fail(err, ACM_INVALID, "version %u of certificate %s is "
                    "revoked: choose another one", (unsigned) version,
                    cert->uuid);
}


static acm_rc_t
acm_rollback_check(const acm_cert_t *cert, uint32_t version,
    const acm_bundle_t *bundle, int forced, int64_t now, acm_err_t *err)
{
    char        at[32];
    acm_rc_t    rc;
    acm_err_t   why;

    if (forced) {
        return ACM_OK;
    }

    if (bundle->info.not_after <= now || bundle->info.not_before > now) {
        return acm_fail(err, ACM_INVALID, "version %u of certificate %s %s "
                        "%s: choose another one, or force it",
                        (unsigned) version, cert->uuid,
                        (bundle->info.not_after <= now) ? "expired at"
                        : "is not valid before",
                        acm_time_text((bundle->info.not_after <= now)
                                      ? bundle->info.not_after
                                      : bundle->info.not_before, at));
    }

    /* an import may be odd, as it was when it was imported */

    if (cert->type == ACM_TYPE_IMPORTED) {
        return ACM_OK;
    }

    rc = acm_handshake_check(bundle, cert->names, cert->nnames, now, &why);

    if (rc != ACM_OK) {
        (void) acm_fail(err, rc, "version %u of certificate %s: %s",
                        (unsigned) version, cert->uuid, why.text);
    }

    return rc;
}


/*
 * Which issuer it was is not known any more, of several.  The CA takes it
 * for replaced, so that an order that replaces it would be refused, and the
 * window of its renewal is past: no name, and no questions.
 */

static acm_rc_t
acm_rollback_install(acm_keyring_t *ring, acm_cert_t *cert,
    uint64_t revision, const acm_bundle_t *bundle, int64_t now,
    acm_err_t *err)
{
    acm_install_t  install;

    memset(&install, 0, sizeof(acm_install_t));

    install.now = now;
    install.issued_by = "";
    install.rolled_back = 1;

    if (cert->type != ACM_TYPE_IMPORTED) {
        install.renew_at = acm_sched_renew_next(bundle->info.not_before,
                                                bundle->info.not_after, now);
    }

    return acm_certificate_install(ring, cert, revision, bundle, &install,
                                   err);
}
