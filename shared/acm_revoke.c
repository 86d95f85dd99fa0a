
/*
 * Copyright (C) The ngx_acm authors
 *
 * The wish to revoke: one commit, after which no server has the certificate
 * and its revocation is not forgotten any more.
 */


#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "acm_certificate_impl.h"
#include "acm_history.h"
#include "acm_revocation.h"


static acm_rc_t acm_revoke_read(acm_snap_t *snap, const acm_cert_t *cert,
    uint32_t version, acm_revocation_t *r, int *current, acm_err_t *err);
static acm_rc_t acm_revoke_current(acm_snap_t *snap, const acm_cert_t *cert,
    const acm_material_t *m, uint32_t version, int *current);
static acm_rc_t acm_revoke_what(acm_revocation_t *r, acm_material_t *m,
    acm_err_t *err);
static acm_rc_t acm_revoke_whose(const acm_cert_t *cert,
    acm_revocation_t *r, acm_err_t *err);
static int acm_revoke_own(acm_snap_t *snap, const char *issuer,
    const uint8_t *ca);
static acm_rc_t acm_revoke_commit(acm_store_t *store, const acm_cert_t *cert,
    uint64_t revision, const acm_revocation_t *r, uint64_t known,
    int current, int wanted, int64_t now, acm_err_t *err);
static void acm_revoke_next(const acm_cert_t *cert, acm_cert_t *next,
    const acm_revocation_t *r, int64_t now);


acm_rc_t
acm_certificate_revoke(acm_store_t *store, const acm_cert_t *cert,
    uint64_t revision, uint32_t version, acm_revocation_e reason,
    int64_t now, acm_err_t *err)
{
    int                current, wanted;
    acm_rc_t           rc;
    uint64_t           known;
    acm_snap_t        *snap;
    acm_revocation_t   r, is;

    if (cert->type == ACM_TYPE_IMPORTED) {
        return acm_fail(err, ACM_INVALID, "certificate %s was imported: ask "
                        "the CA that issued it", cert->uuid);
    }

    if (cert->version == 0) {
        return acm_fail(err, ACM_INVALID, "certificate %s is not issued yet",
                        cert->uuid);
    }

    known = 0;
    current = 0;
    wanted = 1;
    memset(&r, 0, sizeof(acm_revocation_t));
    memset(&is, 0, sizeof(acm_revocation_t));

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_revoke_read(snap, cert, version ? version : cert->version, &r,
                         &current, err);

    if (rc == ACM_OK) {
        if (acm_revocation_get(snap, r.issuer, r.hash, &is, &known) != ACM_OK)
        {
            known = 0;

        } else {

            /* what was refused is asked for once more */

            wanted = (is.state == ACM_REVOKING_REFUSED && now < r.not_after);
        }

        r.reason = reason;
        r.at = (known != 0) ? is.at : now;
        r.due_at = now;
        r.state = ACM_REVOKING_WANTED;

        if (acm_revoke_own(snap, r.issuer, r.ca)) {
            r.state = ACM_REVOKING_DONE;
            r.due_at = 0;
            r.ended_at = now;
            acm_free(r.leaf.data);
            memset(&r.leaf, 0, sizeof(acm_str_t));
        }
    }

    acm_store_end(snap);

    if (rc == ACM_OK && known == 0 && now >= r.not_after) {
        rc = acm_fail(err, ACM_INVALID, "version %u of certificate %s has "
                      "expired: it needs no revocation",
                      (unsigned) r.version, cert->uuid);
    }

    if (rc == ACM_OK) {
        rc = acm_revoke_commit(store, cert, revision, wanted ? &r : &is,
                               known, current, wanted, now, err);
    }

    acm_revocation_free(&is);
    acm_revocation_free(&r);

    return rc;
}


static acm_rc_t
acm_revoke_read(acm_snap_t *snap, const acm_cert_t *cert, uint32_t version,
    acm_revocation_t *r, int *current, acm_err_t *err)
{
    acm_rc_t        rc;
    acm_material_t  m;

    rc = acm_material_get(snap, cert->uuid, version, &m);

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "version %u of certificate %s: %s",
                        (unsigned) version, cert->uuid, acm_rc_text(rc));
    }

    rc = acm_revoke_current(snap, cert, &m, version, current);

    if (rc != ACM_OK) {
        rc = acm_fail(err, rc, "version %u of certificate %s: %s",
                      (unsigned) cert->version, cert->uuid, acm_rc_text(rc));

    } else {
        r->version = *current ? cert->version : version;
        rc = acm_revoke_what(r, &m, err);
    }

    if (rc == ACM_OK) {
        rc = acm_revoke_whose(cert, r, err);
    }

    acm_material_free(&m);

    return rc;
}


/* After a rollback the version in use is the copy of an older one. */

static acm_rc_t
acm_revoke_current(acm_snap_t *snap, const acm_cert_t *cert,
    const acm_material_t *m, uint32_t version, int *current)
{
    acm_rc_t        rc;
    acm_material_t  used;

    *current = (version == cert->version);

    if (*current) {
        return ACM_OK;
    }

    rc = acm_material_get(snap, cert->uuid, cert->version, &used);

    if (rc == ACM_OK) {
        *current = (used.leaf.len == m->leaf.len
                    && memcmp(used.leaf.data, m->leaf.data, m->leaf.len)
                       == 0);
        acm_material_free(&used);
    }

    return rc;
}


/* The leaf changes hands. */

static acm_rc_t
acm_revoke_what(acm_revocation_t *r, acm_material_t *m, acm_err_t *err)
{
    X509             *x;
    acm_rc_t          rc;
    acm_x509_info_t   info;

    x = NULL;

    rc = acm_x509_decode(m->leaf.data, m->leaf.len, &x, err);

    if (rc == ACM_OK) {
        rc = acm_x509_info(x, &info, err);
    }

    X509_free(x);

    if (rc != ACM_OK) {
        return rc;
    }

    r->serial = info.serial;
    info.serial = NULL;
    r->not_after = info.not_after;

    acm_x509_info_free(&info);

    if (m->nchain != 0) {
        memcpy(r->ca, m->chain[0], ACM_HASH_LEN);
    }

    if (EVP_Digest(m->leaf.data, m->leaf.len, r->hash, NULL, EVP_sha256(),
                   NULL)
        != 1)
    {
        return acm_fail_ssl(err, ACM_ERROR, "a certificate cannot be hashed");
    }

    r->leaf = m->leaf;
    memset(&m->leaf, 0, sizeof(acm_str_t));

    return ACM_OK;
}


static acm_rc_t
acm_revoke_whose(const acm_cert_t *cert, acm_revocation_t *r, acm_err_t *err)
{
    const char  *issuer;

    issuer = cert->issued_by;

    if (*issuer == '\0') {
        issuer = cert->issuer;

        if (strchr(issuer, ' ') != NULL) {
            return acm_fail(err, ACM_INVALID, "which of the issuers \"%s\" "
                            "made version %u of certificate %s is not known "
                            "any more: revoke it there by hand",
                            cert->issuer, (unsigned) r->version, cert->uuid);
        }
    }

    r->issuer = acm_strdup(issuer);
    r->account = acm_strdup(cert->account);
    r->region = acm_strdup(cert->region);
    r->domain = acm_strdup(cert->domain);
    r->error = acm_strdup("");
    memcpy(r->uuid, cert->uuid, sizeof(r->uuid));

    if (r->issuer == NULL || r->account == NULL || r->region == NULL
        || r->domain == NULL || r->error == NULL)
    {
        return acm_fail(err, ACM_NOMEM, "no memory for a revocation");
    }

    return ACM_OK;
}


/* 1: the built-in CA of that name made it, since its root made what signed
   it; the list is its own then. */

static int
acm_revoke_own(acm_snap_t *snap, const char *issuer, const uint8_t *ca)
{
    int            own;
    X509          *root, *x;
    acm_entry_t    entry;
    acm_ca_rec_t   rec;

    if (acm_store_get(snap, ACM_DB_ISSUER, issuer, strlen(issuer), &entry)
        != ACM_OK
        || acm_ca_rec_decode(entry.data, entry.len, &rec) != ACM_OK)
    {
        return 0;
    }

    root = NULL;
    x = NULL;

    own = acm_store_get(snap, ACM_DB_CHAIN, ca, ACM_HASH_LEN, &entry)
          == ACM_OK
          && acm_x509_decode(entry.data, entry.len, &x, NULL) == ACM_OK
          && acm_x509_decode(rec.root.data, rec.root.len, &root, NULL)
             == ACM_OK
          && X509_verify(x, X509_get0_pubkey(root)) == 1;

    X509_free(x);
    X509_free(root);
    acm_ca_rec_free(&rec);

    return own;
}


/* known: the revision of the record that there is, or 0; wanted: r is to be
   written */

static acm_rc_t
acm_revoke_commit(acm_store_t *store, const acm_cert_t *cert,
    uint64_t revision, const acm_revocation_t *r, uint64_t known,
    int current, int wanted, int64_t now, acm_err_t *err)
{
    char         text[ACM_MAX_STEP_TEXT];
    acm_rc_t     rc;
    acm_cert_t   next;
    acm_batch_t  batch;

    if (!wanted && (!current || cert->status == ACM_STATUS_REVOKED)) {
        return ACM_OK;
    }

    acm_batch_init(&batch);

    next = *cert;

    if (wanted) {
        acm_batch_revocation(&batch, r, known, 0);

        (void) snprintf(text, sizeof(text), "version %u, serial number %s",
                        (unsigned) r->version, r->serial);
        acm_history_add(&batch, &next, ACM_HISTORY_REVOCATION, now, text);
    }

    if (current && cert->status == ACM_STATUS_REVOKED) {
        next.revocation = r->reason;
        next.revoking = r->state;

    } else if (current) {
        acm_revoke_next(cert, &next, r, now);
    }

    rc = acm_certificate_update(store, cert, revision, &next, &batch, now,
                                err);
    acm_batch_free(&batch);

    return rc;
}


/* What is configured, or wanted by clients, is made anew at once. */

static void
acm_revoke_next(const acm_cert_t *cert, acm_cert_t *next,
    const acm_revocation_t *r, int64_t now)
{
    static const uint8_t  nobody[ACM_HASH_LEN];

    next->status = ACM_STATUS_REVOKED;
    next->revoked_at = r->at;
    next->revocation = r->reason;
    next->revoking = r->state;
    next->renew_at = 0;
    next->ari_at = 0;
    next->forced = 0;
    next->due = ACM_DUE_NONE;
    next->due_at = 0;

    if (memcmp(cert->identity, nobody, ACM_HASH_LEN) != 0
        && cert->due != ACM_DUE_NONE)
    {
        next->due = ACM_DUE_RENEW;
        next->due_at = now;
        next->forced = 1;
    }
}
