
/*
 * Copyright (C) The ngx_acm authors
 *
 * The mutations of acm_certificate.h.  Each builds one batch, whose first
 * precondition is that the certificate's record is as it was read.
 */


#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "acm_certificate.h"
#include "acm_name.h"
#include "acm_sched.h"


#define ACM_MAX_IDENTITY  (ACM_MAX_NAMES * (ACM_MAX_NAME + 1) + 1024)


static int acm_name_order(const void *a, const void *b);
static acm_rc_t acm_ensure_read(acm_store_t *store,
    const uint8_t *identity, acm_cert_t *cert, uint64_t *revision,
    uint64_t *id_revision, acm_err_t *err);
static acm_rc_t acm_ensure_again(acm_store_t *store, const acm_cert_t *cert,
    uint64_t revision, int64_t now, acm_err_t *err);
static acm_rc_t acm_ensure_new(acm_store_t *store, const acm_request_t *req,
    const uint8_t *identity, uint64_t id_revision, int64_t now,
    const char *uuid, acm_err_t *err);
static void acm_batch_cert(acm_batch_t *batch, const acm_cert_t *cert);
static void acm_batch_expect_cert(acm_batch_t *batch, const acm_cert_t *cert,
    uint64_t revision);
static void acm_batch_ref(acm_batch_t *batch, acm_db_e db, const void *key,
    size_t len, const acm_cert_t *cert);
static void acm_batch_due(acm_batch_t *batch, const acm_cert_t *cert,
    int put);
static void acm_batch_names(acm_batch_t *batch, const acm_cert_t *cert,
    int put);
static void acm_batch_record(acm_batch_t *batch, acm_db_e db,
    const void *key, size_t len, acm_rc_t rc, acm_buf_t *buf);
static acm_rc_t acm_batch_material(acm_batch_t *batch, acm_keyring_t *ring,
    acm_store_t *store, const acm_cert_t *next, const acm_bundle_t *bundle,
    acm_err_t *err);
static acm_rc_t acm_batch_chain(acm_batch_t *batch, acm_snap_t *snap,
    const acm_bundle_t *bundle, acm_material_t *m);
static void acm_install_next(acm_cert_t *next, const acm_cert_t *cert,
    const acm_bundle_t *bundle, int64_t now, acm_due_e due, int64_t due_at);
static acm_rc_t acm_cert_copy(const acm_cert_t *from, acm_cert_t *to);
static acm_rc_t acm_import_record(acm_store_t *store, const char *account,
    const char *region, const acm_bundle_t *bundle, int64_t now,
    const char *uuid, acm_cert_t *cert, uint64_t *revision, acm_err_t *err);
static acm_rc_t acm_read_cert(acm_store_t *store, const char *account,
    const char *region, const char *uuid, acm_cert_t *cert,
    uint64_t *revision, acm_err_t *err);
static acm_rc_t acm_commit(acm_store_t *store, acm_batch_t *batch,
    acm_err_t *err);


void
acm_request_identity(const acm_request_t *req, uint8_t identity[ACM_HASH_LEN])
{
    size_t        i;
    uint8_t       key;
    const char   *sorted[ACM_MAX_NAMES];
    EVP_MD_CTX   *md;
    unsigned      len;

    memset(identity, 0, ACM_HASH_LEN);

    for (i = 0; i < req->nnames && i < ACM_MAX_NAMES; i++) {
        sorted[i] = req->names[i];
    }

    qsort(sorted, i, sizeof(char *), acm_name_order);

    key = (uint8_t) req->key;
    md = EVP_MD_CTX_new();

    if (md != NULL
        && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1
        && EVP_DigestUpdate(md, req->account, strlen(req->account) + 1) == 1
        && EVP_DigestUpdate(md, req->region, strlen(req->region) + 1) == 1
        && EVP_DigestUpdate(md, req->issuer, strlen(req->issuer) + 1) == 1
        && EVP_DigestUpdate(md, &key, 1) == 1)
    {
        for (i = 0; i < req->nnames && i < ACM_MAX_NAMES; i++) {
            (void) EVP_DigestUpdate(md, sorted[i], strlen(sorted[i]) + 1);
        }

        (void) EVP_DigestFinal_ex(md, identity, &len);
    }

    EVP_MD_CTX_free(md);
}


static int
acm_name_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}


acm_rc_t
acm_certificate_ensure(acm_store_t *store, const acm_request_t *req,
    int64_t now, char *uuid, acm_err_t *err)
{
    uint8_t     identity[ACM_HASH_LEN];
    acm_rc_t    rc;
    uint64_t    revision, id_revision;
    acm_cert_t  cert;

    acm_request_identity(req, identity);

    rc = acm_ensure_read(store, identity, &cert, &revision, &id_revision,
                         err);

    if (rc == ACM_NOTFOUND) {

        if (acm_uuid(uuid) != ACM_OK) {
            return acm_fail_ssl(err, ACM_ERROR, "no random numbers");
        }

        return acm_ensure_new(store, req, identity, id_revision, now, uuid,
                              err);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    memcpy(uuid, cert.uuid, sizeof(cert.uuid));

    if (cert.due != ACM_DUE_ISSUE && cert.due != ACM_DUE_RENEW) {
        rc = acm_ensure_again(store, &cert, revision, now, err);
    }

    acm_cert_free(&cert);

    return rc;
}


/* The certificate of an identity; an entry that leads nowhere is as good as
   none, and id_revision lets it be replaced. */

static acm_rc_t
acm_ensure_read(acm_store_t *store, const uint8_t *identity,
    acm_cert_t *cert, uint64_t *revision, uint64_t *id_revision,
    acm_err_t *err)
{
    acm_rc_t      rc;
    acm_ref_t     ref;
    acm_snap_t   *snap;
    acm_entry_t   entry;

    *id_revision = 0;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_store_get(snap, ACM_DB_IDENTITY, identity, ACM_HASH_LEN,
                       &entry);

    if (rc == ACM_OK) {
        *id_revision = entry.revision;
        rc = acm_ref_decode(entry.data, entry.len, &ref);
    }

    if (rc == ACM_OK) {
        rc = acm_cert_get(snap, ref.account, ref.region, ref.uuid, cert,
                          revision);
    }

    acm_store_end(snap);

    if (rc != ACM_OK && rc != ACM_NOTFOUND) {
        return acm_fail(err, rc, "a configured certificate cannot be read: "
                        "%s", acm_rc_text(rc));
    }

    return rc;
}


static acm_rc_t
acm_ensure_again(acm_store_t *store, const acm_cert_t *cert,
    uint64_t revision, int64_t now, acm_err_t *err)
{
    acm_rc_t    rc;
    acm_cert_t  next;

    next = *cert;

    if (cert->version == 0) {
        next.due = ACM_DUE_ISSUE;
        next.due_at = now;

    } else {
        next.due = ACM_DUE_RENEW;
        next.due_at = acm_sched_renew_at(cert->not_before, cert->not_after);

        if (next.due_at < now) {
            next.due_at = now;
        }
    }

    rc = acm_certificate_update(store, cert, revision, &next, err);

    /* whoever was faster did the same */

    return (rc == ACM_CONFLICT) ? ACM_OK : rc;
}


static acm_rc_t
acm_ensure_new(acm_store_t *store, const acm_request_t *req,
    const uint8_t *identity, uint64_t id_revision, int64_t now,
    const char *uuid, acm_err_t *err)
{
    acm_rc_t      rc;
    acm_cert_t    cert;
    acm_batch_t   batch;

    if (req->nnames == 0 || req->nnames > ACM_MAX_NAMES) {
        return acm_fail(err, ACM_INVALID, "a certificate has 1 to %d names",
                        ACM_MAX_NAMES);
    }

    memset(&cert, 0, sizeof(acm_cert_t));

    /* borrowed: the record is only encoded */

    cert.account = (char *) req->account;
    cert.region = (char *) req->region;
    memcpy(cert.uuid, uuid, sizeof(cert.uuid));
    cert.type = req->type;
    cert.status = ACM_STATUS_PENDING_VALIDATION;
    cert.key = req->key;
    cert.domain = req->names[0];
    cert.names = (char **) req->names;
    cert.nnames = req->nnames;
    cert.issuer = (char *) req->issuer;
    memcpy(cert.identity, identity, ACM_HASH_LEN);
    cert.created_at = now;
    cert.due = ACM_DUE_ISSUE;
    cert.due_at = now;

    acm_batch_init(&batch);
    batch.grow = 1;

    acm_batch_expect(&batch, ACM_DB_IDENTITY, identity, ACM_HASH_LEN,
                     id_revision);
    acm_batch_expect_cert(&batch, &cert, 0);
    acm_batch_cert(&batch, &cert);
    acm_batch_ref(&batch, ACM_DB_IDENTITY, identity, ACM_HASH_LEN, &cert);
    acm_batch_due(&batch, &cert, 1);

    rc = acm_commit(store, &batch, err);

    acm_batch_free(&batch);

    return rc;
}


acm_rc_t
acm_certificate_install(acm_keyring_t *ring, acm_cert_t *cert,
    uint64_t revision, const acm_bundle_t *bundle, int64_t now,
    acm_due_e due, int64_t due_at, acm_err_t *err)
{
    acm_rc_t      rc;
    acm_cert_t    next, copy;
    acm_batch_t   batch;
    acm_store_t  *store;

    store = acm_keyring_store(ring);

    rc = acm_keyring_ensure(ring, cert->account, cert->region, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_install_next(&next, cert, bundle, now, due, due_at);

    acm_batch_init(&batch);
    batch.grow = (cert->version == 0);

    /* what cannot fail must come behind the commit */

    rc = acm_cert_copy(&next, &copy);

    if (rc != ACM_OK) {
        (void) acm_fail(err, rc, "no memory for a certificate");
        goto done;
    }

    acm_batch_expect_cert(&batch, cert, revision);
    acm_batch_due(&batch, cert, 0);
    acm_batch_names(&batch, cert, 0);
    acm_batch_cert(&batch, &next);
    acm_batch_due(&batch, &next, 1);
    acm_batch_names(&batch, &next, 1);

    rc = acm_batch_material(&batch, ring, store, &next, bundle, err);

    if (rc == ACM_OK) {
        rc = acm_commit(store, &batch, err);
    }

    if (rc == ACM_OK) {
        acm_cert_free(cert);
        *cert = copy;

    } else {
        acm_cert_free(&copy);
    }

done:

    acm_batch_free(&batch);

    return rc;
}


/* The record as it will be; its strings are borrowed from both. */

static void
acm_install_next(acm_cert_t *next, const acm_cert_t *cert,
    const acm_bundle_t *bundle, int64_t now, acm_due_e due, int64_t due_at)
{
    *next = *cert;

    next->version = cert->version + 1;
    next->status = ACM_STATUS_ISSUED;
    next->subject = bundle->info.subject;
    next->issuer_dn = bundle->info.issuer;
    next->serial = bundle->info.serial;
    next->sigalg = bundle->info.sigalg;
    next->not_before = bundle->info.not_before;
    next->not_after = bundle->info.not_after;
    next->due = due;
    next->due_at = due_at;
    next->attempts = 0;
    next->last_error = (char *) "";
    next->last_error_at = 0;

    if (cert->type == ACM_TYPE_IMPORTED) {
        next->domain = bundle->info.domain;
        next->names = bundle->info.names;
        next->nnames = bundle->info.nnames;
        next->imported_at = now;

    } else {
        next->issued_at = now;
    }
}


/* By way of the encoding: what is copied is what is stored. */

static acm_rc_t
acm_cert_copy(const acm_cert_t *from, acm_cert_t *to)
{
    acm_rc_t   rc;
    acm_buf_t  buf;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    rc = acm_cert_encode(from, &buf);

    if (rc == ACM_OK) {
        rc = acm_cert_decode(buf.data, buf.len, to);
    }

    acm_buf_free(&buf);

    return rc;
}


static acm_rc_t
acm_batch_material(acm_batch_t *batch, acm_keyring_t *ring,
    acm_store_t *store, const acm_cert_t *next, const acm_bundle_t *bundle,
    acm_err_t *err)
{
    char             arn[ACM_MAX_ARN];
    size_t           len;
    uint8_t          key[ACM_MAX_STORE_KEY];
    acm_rc_t         rc;
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
        rc = acm_batch_chain(batch, snap, bundle, &m);
    }

    acm_store_end(snap);

    if (rc == ACM_OK) {
        acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

        len = acm_material_key(key, next->uuid, next->version);
        acm_batch_record(batch, ACM_DB_MATERIAL, key, len,
                         acm_material_encode(&m, &buf), &buf);
    }

    /* the version before stays, for a worker that is just reading it */

    if (next->version > 2) {
        len = acm_material_key(key, next->uuid, next->version - 2);
        acm_batch_delete(batch, ACM_DB_MATERIAL, key, len);
    }

    acm_free(m.sealed.data);

    return rc;
}


static acm_rc_t
acm_batch_chain(acm_batch_t *batch, acm_snap_t *snap,
    const acm_bundle_t *bundle, acm_material_t *m)
{
    size_t            i;
    acm_entry_t       entry;
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

        /* its key is its hash: if it is there, it is the same */

        if (acm_store_get(snap, ACM_DB_CHAIN, m->chain[i], ACM_HASH_LEN,
                          &entry)
            != ACM_OK)
        {
            acm_batch_put(batch, ACM_DB_CHAIN, m->chain[i], ACM_HASH_LEN,
                          der->data, der->len);
        }
    }

    return ACM_OK;
}


acm_rc_t
acm_certificate_import(acm_keyring_t *ring, const char *account,
    const char *region, const acm_bundle_t *bundle, int64_t now, char *uuid,
    acm_err_t *err)
{
    acm_rc_t      rc;
    uint64_t      revision;
    acm_cert_t    cert;
    acm_store_t  *store;

    store = acm_keyring_store(ring);

    rc = acm_import_record(store, account, region, bundle, now, uuid, &cert,
                           &revision, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_certificate_install(ring, &cert, revision, bundle, now,
                                 ACM_DUE_EXPIRE, bundle->info.not_after,
                                 err);

    if (rc == ACM_OK) {
        memcpy(uuid, cert.uuid, sizeof(cert.uuid));
    }

    acm_cert_free(&cert);

    return rc;
}


static acm_rc_t
acm_import_record(acm_store_t *store, const char *account,
    const char *region, const acm_bundle_t *bundle, int64_t now,
    const char *uuid, acm_cert_t *cert, uint64_t *revision, acm_err_t *err)
{
    acm_rc_t    rc;
    acm_cert_t  new;

    if (*uuid != '\0') {
        rc = acm_read_cert(store, account, region, uuid, cert, revision,
                           err);

        if (rc != ACM_OK) {
            return rc;
        }

        if (cert->type != ACM_TYPE_IMPORTED) {
            rc = acm_fail(err, ACM_INVALID, "certificate %s was not "
                          "imported: only an imported one can be imported "
                          "again", uuid);

        } else if (cert->key != bundle->info.key) {
            rc = acm_fail(err, ACM_INVALID, "certificate %s has a key of "
                          "type %s, the new one has %s: the type must stay",
                          uuid, acm_key_text(cert->key),
                          acm_key_text(bundle->info.key));
        }

        if (rc != ACM_OK) {
            acm_cert_free(cert);
        }

        return rc;
    }

    *revision = 0;

    memset(&new, 0, sizeof(acm_cert_t));

    if (acm_uuid(new.uuid) != ACM_OK) {
        return acm_fail_ssl(err, ACM_ERROR, "no random numbers");
    }

    new.account = (char *) account;
    new.region = (char *) region;
    new.type = ACM_TYPE_IMPORTED;
    new.status = ACM_STATUS_ISSUED;
    new.key = bundle->info.key;
    new.domain = bundle->info.domain;
    new.names = bundle->info.names;
    new.nnames = bundle->info.nnames;
    new.issuer = (char *) "";
    new.created_at = now;

    rc = acm_cert_copy(&new, cert);

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "the certificate cannot be recorded: %s",
                        acm_rc_text(rc));
    }

    return ACM_OK;
}


acm_rc_t
acm_certificate_update(acm_store_t *store, const acm_cert_t *old,
    uint64_t revision, const acm_cert_t *cert, acm_err_t *err)
{
    acm_rc_t     rc;
    acm_batch_t  batch;

    acm_batch_init(&batch);

    acm_batch_expect_cert(&batch, old, revision);

    if (old->due != cert->due || old->due_at != cert->due_at) {
        acm_batch_due(&batch, old, 0);
        acm_batch_due(&batch, cert, 1);
    }

    acm_batch_cert(&batch, cert);

    rc = acm_commit(store, &batch, err);

    acm_batch_free(&batch);

    return rc;
}


acm_rc_t
acm_certificate_delete(acm_store_t *store, const char *account,
    const char *region, const char *uuid, acm_err_t *err)
{
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY], none[ACM_HASH_LEN];
    acm_rc_t     rc;
    uint64_t     revision;
    uint32_t     version;
    acm_cert_t   cert;
    acm_batch_t  batch;

    rc = acm_read_cert(store, account, region, uuid, &cert, &revision, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_batch_init(&batch);

    acm_batch_expect_cert(&batch, &cert, revision);
    acm_batch_due(&batch, &cert, 0);
    acm_batch_names(&batch, &cert, 0);

    len = acm_cert_key(key, account, region, uuid);
    acm_batch_delete(&batch, ACM_DB_CERTIFICATE, key, len);

    for (version = cert.version; version > 0 && version + 2 > cert.version;
         version--)
    {
        len = acm_material_key(key, uuid, version);
        acm_batch_delete(&batch, ACM_DB_MATERIAL, key, len);
    }

    memset(none, 0, ACM_HASH_LEN);

    if (memcmp(cert.identity, none, ACM_HASH_LEN) != 0) {
        acm_batch_delete(&batch, ACM_DB_IDENTITY, cert.identity,
                         ACM_HASH_LEN);
    }

    rc = acm_commit(store, &batch, err);

    acm_batch_free(&batch);
    acm_cert_free(&cert);

    return rc;
}


static acm_rc_t
acm_read_cert(acm_store_t *store, const char *account, const char *region,
    const char *uuid, acm_cert_t *cert, uint64_t *revision, acm_err_t *err)
{
    acm_rc_t     rc;
    acm_snap_t  *snap;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_cert_get(snap, account, region, uuid, cert, revision);

    acm_store_end(snap);

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "certificate %s: %s", uuid,
                        acm_rc_text(rc));
    }

    return ACM_OK;
}


/* Builders.  A failure sticks in the batch, as those of acm_store.h. */

static void
acm_batch_expect_cert(acm_batch_t *batch, const acm_cert_t *cert,
    uint64_t revision)
{
    size_t   len;
    uint8_t  key[ACM_MAX_STORE_KEY];

    len = acm_cert_key(key, cert->account, cert->region, cert->uuid);

    acm_batch_expect(batch, ACM_DB_CERTIFICATE, key, len, revision);
}


static void
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


static void
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


static void
acm_batch_due(acm_batch_t *batch, const acm_cert_t *cert, int put)
{
    size_t   len;
    uint8_t  key[ACM_MAX_STORE_KEY];

    if (cert->due == ACM_DUE_NONE) {
        return;
    }

    len = acm_due_key(key, cert->due_at, cert->due, cert->uuid);

    if (put) {
        acm_batch_ref(batch, ACM_DB_DUE, key, len, cert);

    } else {
        acm_batch_delete(batch, ACM_DB_DUE, key, len);
    }
}


/* The index entries of all names; an IP address is never asked for by SNI. */

static void
acm_batch_names(acm_batch_t *batch, const acm_cert_t *cert, int put)
{
    size_t           i, len;
    uint8_t          key[ACM_MAX_STORE_KEY];
    acm_buf_t        buf;
    acm_name_rec_t   rec;

    if (cert->version == 0) {
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


static acm_rc_t
acm_commit(acm_store_t *store, acm_batch_t *batch, acm_err_t *err)
{
    if (batch->rc != ACM_OK) {
        return acm_fail(err, batch->rc, "a change of the store cannot be "
                        "written down: %s", acm_rc_text(batch->rc));
    }

    return acm_store_commit(store, batch, err);
}
