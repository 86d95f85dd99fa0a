
/*
 * Copyright (C) The ngx_acm authors
 *
 * The mutations of acm_certificate.h.  Each builds one batch, whose first
 * precondition is that the certificate's record is as it was read.
 */


#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "acm_ahead.h"
#include "acm_certificate_impl.h"
#include "acm_history.h"
#include "acm_name.h"
#include "acm_quota.h"
#include "acm_sched.h"
#include "acm_state.h"
#include "acm_used.h"
#include "acm_watch.h"


static int acm_name_order(const void *a, const void *b);
static acm_rc_t acm_ensure_read(acm_store_t *store,
    const uint8_t *identity, acm_cert_t *cert, uint64_t *revision,
    uint64_t *id_revision, acm_err_t *err);
static int acm_ensure_given_up(const acm_cert_t *cert,
    const acm_request_t *req);
static acm_rc_t acm_ensure_mend(acm_store_t *store,
    const acm_request_t *req, const uint8_t *identity, acm_err_t *err);
static acm_rc_t acm_ensure_again(acm_store_t *store, const acm_cert_t *cert,
    uint64_t revision, const acm_request_t *req, int64_t now,
    acm_err_t *err);
static acm_rc_t acm_ensure_method(acm_store_t *store,
    const acm_cert_t *cert, uint64_t revision, uint32_t method, int64_t now,
    acm_err_t *err);
static acm_rc_t acm_ensure_new(acm_store_t *store, const acm_request_t *req,
    const uint8_t *identity, uint64_t id_revision, int64_t now,
    const char *uuid, acm_batch_t *into, acm_err_t *err);
static void acm_install_next(acm_cert_t *next, const acm_cert_t *cert,
    const acm_bundle_t *bundle, const acm_install_t *install);
static acm_rc_t acm_watch_again(acm_store_t *store, acm_cert_t *cert,
    int64_t now, acm_err_t *err);
static acm_rc_t acm_cert_copy(const acm_cert_t *from, acm_cert_t *to);
static acm_rc_t acm_import_record(acm_store_t *store, const char *account,
    const char *region, const acm_bundle_t *bundle, int64_t now,
    const char *uuid, acm_cert_t *cert, uint64_t *revision, acm_err_t *err);
static acm_rc_t acm_read_cert(acm_store_t *store, const char *account,
    const char *region, const char *uuid, acm_cert_t *cert,
    uint64_t *revision, acm_err_t *err);


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
    return acm_certificate_ensure_into(store, req, now, uuid, NULL, err);
}


acm_rc_t
acm_certificate_ensure_into(acm_store_t *store, const acm_request_t *req,
    int64_t now, char *uuid, acm_batch_t *into, acm_err_t *err)
{
    uint8_t     identity[ACM_HASH_LEN];
    acm_rc_t    rc;
    uint64_t    revision, id_revision;
    acm_cert_t  cert;

    acm_request_identity(req, identity);

    rc = acm_ensure_read(store, identity, &cert, &revision, &id_revision,
                         err);

    if (rc == ACM_CORRUPT) {
        rc = acm_ensure_mend(store, req, identity, err);

        if (rc == ACM_OK) {
            rc = acm_ensure_read(store, identity, &cert, &revision,
                                 &id_revision, err);
        }
    }

    if (rc == ACM_NOTFOUND) {

        if (acm_uuid(uuid) != ACM_OK) {
            return acm_fail_ssl(err, ACM_ERROR, "no random numbers");
        }

        return acm_ensure_new(store, req, identity, id_revision, now, uuid,
                              into, err);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    memcpy(uuid, cert.uuid, sizeof(cert.uuid));

    if (acm_ensure_given_up(&cert, req) || acm_ahead(&cert, now)) {
        rc = acm_ensure_again(store, &cert, revision, req, now, err);

    } else if (cert.method != req->method) {
        rc = acm_ensure_method(store, &cert, revision, req->method, now,
                               err);
    }

    acm_cert_free(&cert);

    return rc;
}


/* And is to be made due again: nobody asks for an unused one yet. */

static int
acm_ensure_given_up(const acm_cert_t *cert, const acm_request_t *req)
{
    if (cert->due == ACM_DUE_ISSUE || cert->due == ACM_DUE_RENEW
        || cert->due == ACM_DUE_ARI)
    {
        return 0;
    }

    return cert->unused_at == 0 || !req->unused;
}


acm_rc_t
acm_certificate_again(acm_store_t *store, const acm_request_t *req,
    int64_t now, acm_err_t *err)
{
    uint8_t     identity[ACM_HASH_LEN];
    acm_rc_t    rc;
    uint64_t    revision, id_revision;
    acm_cert_t  cert;

    acm_request_identity(req, identity);

    rc = acm_ensure_read(store, identity, &cert, &revision, &id_revision,
                         err);

    if (rc != ACM_OK) {
        return (rc == ACM_NOTFOUND) ? ACM_OK : rc;
    }

    if (acm_put_off(&cert, now)) {
        rc = acm_ensure_again(store, &cert, revision, req, now, err);
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


/*
 * The entry is damaged, or the certificate that it leads to.  The certificate
 * that says it is the one is, if it can be read; if none does another is made:
 * nothing else would ever be in the place of what is lost.
 */

static acm_rc_t
acm_ensure_mend(acm_store_t *store, const acm_request_t *req,
    const uint8_t *identity, acm_err_t *err)
{
    size_t        len;
    uint8_t       key[ACM_MAX_STORE_KEY];
    acm_rc_t      rc;
    acm_cert_t    cert;
    acm_snap_t   *snap;
    acm_entry_t   entry;
    acm_batch_t   batch;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_batch_init(&batch);
    acm_batch_delete(&batch, ACM_DB_IDENTITY, identity, ACM_HASH_LEN);

    len = acm_seal_key(key, req->account, req->region);
    key[len++] = '/';

    for (rc = acm_store_seek(snap, ACM_DB_CERTIFICATE, key, len, &entry);
         (rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL))
         && entry.key_len > len && memcmp(entry.key, key, len) == 0;
         rc = acm_store_next(snap, ACM_DB_CERTIFICATE, &entry))
    {
        if (rc != ACM_OK
            || acm_cert_decode(entry.data, entry.len, &cert) != ACM_OK)
        {
            continue;
        }

        if (memcmp(cert.identity, identity, ACM_HASH_LEN) == 0) {
            acm_batch_ref(&batch, ACM_DB_IDENTITY, identity, ACM_HASH_LEN,
                          &cert);
        }

        acm_cert_free(&cert);
    }

    acm_store_end(snap);

    if (rc == ACM_OK || rc == ACM_CORRUPT || rc == ACM_NOTFOUND) {
        rc = acm_store_commit(store, &batch, err);

    } else {
        (void) acm_fail(err, rc, "certificates cannot be read: %s",
                        acm_rc_text(rc));
    }

    acm_batch_free(&batch);

    return rc;
}


static acm_rc_t
acm_ensure_again(acm_store_t *store, const acm_cert_t *cert,
    uint64_t revision, const acm_request_t *req, int64_t now,
    acm_err_t *err)
{
    acm_rc_t    rc;
    acm_cert_t  next;

    next = *cert;
    next.demanded = req->demanded;
    next.method = req->method;
    next.unused_at = 0;

    acm_ahead_mend(&next, now);
    acm_due_again(&next, now);

    rc = acm_certificate_update(store, cert, revision, &next, NULL, now,
                                err);

    /* whoever was faster did the same */

    return (rc == ACM_CONFLICT) ? ACM_OK : rc;
}


/* It is no part of the identity: it only says how names are proved. */

static acm_rc_t
acm_ensure_method(acm_store_t *store, const acm_cert_t *cert,
    uint64_t revision, uint32_t method, int64_t now, acm_err_t *err)
{
    acm_cert_t  next;

    next = *cert;
    next.method = method;

    return acm_certificate_update(store, cert, revision, &next, NULL, now,
                                  err);
}


static acm_rc_t
acm_ensure_new(acm_store_t *store, const acm_request_t *req,
    const uint8_t *identity, uint64_t id_revision, int64_t now,
    const char *uuid, acm_batch_t *into, acm_err_t *err)
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
    cert.method = req->method;
    cert.demanded = req->demanded;
    cert.created_at = now;
    cert.due = ACM_DUE_ISSUE;
    cert.due_at = now;
    cert.last_error = (char *) "";
    cert.findings = (char *) "";
    cert.watch_at = acm_add_sat(now, ACM_WATCH_PENDING);

    acm_batch_init(&batch);
    batch.grow = 1;

    acm_batch_expect(&batch, ACM_DB_IDENTITY, identity, ACM_HASH_LEN,
                     id_revision);
    acm_batch_expect_cert(&batch, &cert, 0);
    acm_batch_change(&batch, NULL, &cert, now);
    acm_batch_ref(&batch, ACM_DB_IDENTITY, identity, ACM_HASH_LEN, &cert);

    if (into == NULL) {
        rc = acm_commit(store, &batch, err);

    } else {
        rc = ACM_OK;
        into->grow = 1;
        acm_batch_join(into, &batch);
    }

    acm_batch_free(&batch);

    return rc;
}


acm_rc_t
acm_certificate_install(acm_keyring_t *ring, acm_cert_t *cert,
    uint64_t revision, const acm_bundle_t *bundle,
    const acm_install_t *install, acm_err_t *err)
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

    acm_install_next(&next, cert, bundle, install);

    rc = acm_watch_again(store, &next, install->now, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_batch_init(&batch);
    batch.grow = (cert->version == 0);

    acm_batch_expect_cert(&batch, cert, revision);

    if (install->quiet) {
        acm_batch_moves(&batch, (revision == 0) ? NULL : cert, &next);

    } else {
        acm_batch_change(&batch, (revision == 0) ? NULL : cert, &next,
                         install->now);
    }

    /* what cannot fail must come behind the commit */

    rc = acm_cert_copy(&next, &copy);

    if (rc != ACM_OK) {
        (void) acm_fail(err, rc, "no memory for a certificate");
        goto done;
    }

    rc = acm_batch_material(&batch, ring, store, &next, bundle,
                            install->like, err);

    if (rc == ACM_OK) {
        acm_batch_join(&batch, install->also);

        if (install->into == NULL) {
            rc = acm_commit(store, &batch, err);

        } else if (batch.rc != ACM_OK) {
            rc = acm_fail(err, batch.rc, "a change of the store cannot be "
                          "written down: %s", acm_rc_text(batch.rc));

        } else {
            acm_batch_join(install->into, &batch);
        }
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
    const acm_bundle_t *bundle, const acm_install_t *install)
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
    next->renew_at = install->renew_at;
    next->ari_at = install->ari_at;
    next->ari_start = 0;
    next->ari_end = 0;
    next->issued_by = (char *) install->issued_by;
    next->scts = bundle->info.scts;
    next->usages = bundle->info.usages;
    next->ocsp_at = (bundle->info.ocsp && bundle->nchain != 0)
                    ? install->now : 0;
    next->findings = (char *) "";
    next->checks = 0;
    next->turn = 0;
    next->rehearsed = 0;
    next->attempts = 0;
    next->last_error = (char *) "";
    next->last_error_at = 0;
    next->reason = ACM_REASON_NONE;
    next->warned = 0;
    next->approached = 0;
    next->overdue = 0;
    next->exported = 0;
    next->forced = 0;
    next->rolled_back = install->rolled_back;
    next->unused_at = 0;
    next->revoked_at = 0;
    next->revocation = ACM_REVOKED_NOT;
    next->revoking = ACM_REVOKING_NONE;

    if (cert->version != 0 && cert->type != ACM_TYPE_IMPORTED) {
        next->renewal = ACM_RENEWAL_SUCCESS;
        next->renewal_at = install->now;
    }

    acm_certificate_schedule(next);

    if (cert->type == ACM_TYPE_IMPORTED) {
        next->domain = bundle->info.domain;
        next->names = bundle->info.names;
        next->nnames = bundle->info.nnames;
        next->imported_at = install->now;

    } else {
        next->issued_at = install->now;
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


acm_rc_t
acm_certificate_import(acm_keyring_t *ring, const char *account,
    const char *region, const acm_bundle_t *bundle,
    const acm_install_t *install, char *uuid, acm_err_t *err)
{
    acm_rc_t      rc;
    uint64_t      revision;
    acm_cert_t    cert;
    acm_store_t  *store;

    store = acm_keyring_store(ring);

    rc = acm_import_record(store, account, region, bundle, install->now,
                           uuid, &cert, &revision, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_certificate_install(ring, &cert, revision, bundle, install, err);

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
acm_certificate_change(acm_store_t *store, acm_batch_t *batch,
    const acm_cert_t *old, uint64_t revision, const acm_cert_t *cert,
    int64_t now, acm_err_t *err)
{
    acm_rc_t    rc;
    acm_cert_t  next;

    next = *cert;

    if (next.renew_at != old->renew_at || next.due != old->due
        || next.status != old->status)
    {
        rc = acm_watch_again(store, &next, now, err);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    acm_batch_expect_cert(batch, old, revision);
    acm_batch_change(batch, old, &next, now);

    return ACM_OK;
}


acm_rc_t
acm_certificate_update(acm_store_t *store, const acm_cert_t *old,
    uint64_t revision, const acm_cert_t *cert, acm_batch_t *also,
    int64_t now, acm_err_t *err)
{
    acm_rc_t     rc;
    acm_batch_t  batch;

    acm_batch_init(&batch);

    rc = acm_certificate_change(store, &batch, old, revision, cert, now, err);

    if (rc != ACM_OK) {
        acm_batch_free(&batch);
        return rc;
    }

    acm_batch_join(&batch, also);

    rc = acm_commit(store, &batch, err);

    acm_batch_free(&batch);

    return rc;
}


/* What it is watched for depends on when, and whether, it is renewed. */

static acm_rc_t
acm_watch_again(acm_store_t *store, acm_cert_t *cert, int64_t now,
    acm_err_t *err)
{
    acm_rc_t       rc;
    acm_snap_t    *snap;
    acm_ladder_t   ladder;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_ladder_get(snap, cert->account, cert->region, &ladder);
    acm_store_end(snap);

    acm_watch_look(cert, &ladder, now);

    return ACM_OK;
}


/* The earliest of what is to be done next. */

void
acm_certificate_schedule(acm_cert_t *cert)
{
    if (cert->renew_at == 0) {
        cert->due = ACM_DUE_NONE;
        cert->due_at = 0;

    } else if (cert->ari_at != 0 && cert->ari_at < cert->renew_at) {
        cert->due = ACM_DUE_ARI;
        cert->due_at = cert->ari_at;

    } else {
        cert->due = ACM_DUE_RENEW;
        cert->due_at = cert->renew_at;
    }
}


acm_rc_t
acm_certificate_delete(acm_store_t *store, const char *account,
    const char *region, const char *uuid, acm_err_t *err)
{
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY], none[ACM_HASH_LEN];
    acm_rc_t     rc;
    uint64_t     revision;
    acm_cert_t   cert;
    acm_snap_t  *snap;
    acm_batch_t  batch;

    rc = acm_read_cert(store, account, region, uuid, &cert, &revision, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_batch_init(&batch);

    acm_batch_expect_cert(&batch, &cert, revision);
    acm_batch_indices(&batch, &cert, 0);
    acm_batch_names(&batch, &cert, 0);
    acm_history_delete(&batch, &cert);
    acm_quota_deleted(&batch, &cert);
    acm_state_count(&batch, -1);

    len = acm_cert_key(key, account, region, uuid);
    acm_batch_delete(&batch, ACM_DB_CERTIFICATE, key, len);

    memset(none, 0, ACM_HASH_LEN);

    if (memcmp(cert.identity, none, ACM_HASH_LEN) != 0) {
        acm_batch_delete(&batch, ACM_DB_IDENTITY, cert.identity,
                         ACM_HASH_LEN);
    }

    acm_used_delete(&batch, uuid);
    acm_batch_delete(&batch, ACM_DB_STAPLE, uuid, ACM_UUID_LEN);

    rc = acm_store_begin(store, &snap, err);

    if (rc == ACM_OK) {
        rc = acm_batch_versions(&batch, snap, uuid, cert.version, err);
        acm_store_end(snap);
    }

    if (rc == ACM_OK) {
        rc = acm_commit(store, &batch, err);
    }

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
