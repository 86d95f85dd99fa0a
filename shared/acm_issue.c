
/*
 * Copyright (C) The ngx_acm authors
 */


#include <string.h>

#include "acm_handshake.h"
#include "acm_issue.h"


/* "versions" that the two keys of a CA are sealed under: not to be swapped */

#define ACM_CA_ROOT     0
#define ACM_CA_ISSUING  1

#define ACM_ISSUE_GAIN  (ACM_CA_ISSUING_LIFETIME / 10)


static acm_rc_t acm_issue_ca(acm_keyring_t *ring, const acm_issuer_t *issuer,
    int64_t now, acm_ca_t *ca, acm_err_t *err);
static acm_rc_t acm_issue_store(acm_keyring_t *ring, const char *issuer,
    const acm_ca_t *ca, uint64_t revision, acm_err_t *err);
static acm_rc_t acm_issue_seal(acm_keyring_t *ring, const char *issuer,
    const acm_ca_t *ca, acm_ca_rec_t *rec, acm_err_t *err);
static acm_rc_t acm_issue_unseal(acm_keyring_t *ring, acm_snap_t *snap,
    const char *issuer, acm_ca_rec_t *rec, acm_ca_t *ca, acm_err_t *err);
static int acm_issue_ca_ends(const acm_ca_t *ca, int64_t now,
    int64_t lifetime);
static int acm_issue_ca_ahead(const acm_ca_t *ca, int64_t now);
static int acm_issue_ca_begun(const acm_str_t *der, int64_t now);
static acm_rc_t acm_issue_sign(const acm_ca_t *ca,
    const acm_issuer_t *issuer, const acm_cert_t *cert, int64_t now,
    acm_bundle_t *bundle, acm_err_t *err);
static acm_rc_t acm_issue_check(const acm_bundle_t *bundle, EVP_PKEY *pkey,
    X509 *x, const acm_cert_t *cert, acm_err_t *err);


acm_rc_t
acm_issue_bundle(acm_keyring_t *ring, const acm_issuer_t *issuer,
    const acm_cert_t *cert, int64_t now, acm_bundle_t *bundle,
    acm_err_t *err)
{
    acm_rc_t  rc;
    acm_ca_t  ca;

    rc = acm_issue_ca(ring, issuer, now, &ca, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_issue_sign(&ca, issuer, cert, now, bundle, err);

    acm_ca_free(&ca);

    return rc;
}


/* Loads the CA; makes it, or its next issuing CA, when that is due. */

static acm_rc_t
acm_issue_ca(acm_keyring_t *ring, const acm_issuer_t *issuer, int64_t now,
    acm_ca_t *ca, acm_err_t *err)
{
    acm_rc_t  rc;
    uint64_t  revision;

    revision = 0;
    rc = acm_issue_load(ring, issuer->name, ca, &revision, err);

    if (rc == ACM_OK && !acm_issue_ca_ends(ca, now, issuer->lifetime)
        && !acm_issue_ca_ahead(ca, now))
    {
        return ACM_OK;
    }

    if (rc == ACM_OK) {
        rc = acm_ca_renew_issuing(issuer->name, now, ca, err);

        if (rc != ACM_OK) {
            acm_ca_free(ca);
        }

    } else if (rc == ACM_NOTFOUND) {
        rc = acm_ca_create(issuer->name, issuer->ca_key, now, ca, err);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_issue_store(ring, issuer->name, ca, revision, err);

    if (rc != ACM_OK) {
        acm_ca_free(ca);
    }

    if (rc == ACM_CONFLICT) {
        return acm_issue_load(ring, issuer->name, ca, NULL, err);
    }

    return rc;
}


acm_rc_t
acm_issue_load(acm_keyring_t *ring, const char *issuer, acm_ca_t *ca,
    uint64_t *revision, acm_err_t *err)
{
    acm_rc_t       rc;
    acm_snap_t    *snap;
    acm_entry_t    entry;
    acm_ca_rec_t   rec;

    rc = acm_store_begin(acm_keyring_store(ring), &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    memset(&rec, 0, sizeof(acm_ca_rec_t));

    rc = acm_store_get(snap, ACM_DB_ISSUER, issuer, strlen(issuer), &entry);

    if (rc == ACM_OK) {
        if (revision != NULL) {
            *revision = entry.revision;
        }

        rc = acm_ca_rec_decode(entry.data, entry.len, &rec);
    }

    if (rc != ACM_OK) {
        rc = acm_fail(err, rc, "built-in CA \"%s\": %s", issuer,
                      acm_rc_text(rc));

    } else {
        rc = acm_issue_unseal(ring, snap, issuer, &rec, ca, err);
    }

    acm_store_end(snap);
    acm_ca_rec_free(&rec);

    return rc;
}


static acm_rc_t
acm_issue_unseal(acm_keyring_t *ring, acm_snap_t *snap, const char *issuer,
    acm_ca_rec_t *rec, acm_ca_t *ca, acm_err_t *err)
{
    acm_rc_t  rc;

    memset(ca, 0, sizeof(acm_ca_t));

    rc = acm_keyring_unseal(ring, snap, ACM_KEYRING_CA, ACM_KEYRING_CA,
                            issuer, ACM_CA_ROOT, &rec->root_sealed,
                            &ca->root_key_secret, err);

    if (rc == ACM_OK) {
        rc = acm_keyring_unseal(ring, snap, ACM_KEYRING_CA, ACM_KEYRING_CA,
                                issuer, ACM_CA_ISSUING, &rec->issuing_sealed,
                                &ca->issuing_key_secret, err);
    }

    if (rc != ACM_OK) {
        acm_ca_free(ca);
        return rc;
    }

    /* the certificates change hands */

    ca->key = rec->key;
    ca->root = rec->root;
    ca->issuing = rec->issuing;

    memset(&rec->root, 0, sizeof(acm_str_t));
    memset(&rec->issuing, 0, sizeof(acm_str_t));

    return ACM_OK;
}


static acm_rc_t
acm_issue_store(acm_keyring_t *ring, const char *issuer, const acm_ca_t *ca,
    uint64_t revision, acm_err_t *err)
{
    acm_rc_t       rc;
    acm_buf_t      buf;
    acm_batch_t    batch;
    acm_ca_rec_t   rec;

    memset(&rec, 0, sizeof(acm_ca_rec_t));

    rc = acm_keyring_ensure(ring, ACM_KEYRING_CA, ACM_KEYRING_CA, err);

    if (rc == ACM_OK) {
        rc = acm_issue_seal(ring, issuer, ca, &rec, err);
    }

    if (rc != ACM_OK) {
        goto done;
    }

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    acm_batch_init(&batch);

    rc = acm_ca_rec_encode(&rec, &buf);

    if (rc == ACM_OK) {
        acm_batch_expect(&batch, ACM_DB_ISSUER, issuer, strlen(issuer),
                         revision);
        acm_batch_put(&batch, ACM_DB_ISSUER, issuer, strlen(issuer),
                      buf.data, buf.len);
        rc = acm_store_commit(acm_keyring_store(ring), &batch, err);

    } else {
        (void) acm_fail(err, rc, "built-in CA \"%s\" cannot be recorded: %s",
                        issuer, acm_rc_text(rc));
    }

    acm_batch_free(&batch);
    acm_buf_free(&buf);

done:

    acm_free(rec.root_sealed.data);
    acm_free(rec.issuing_sealed.data);

    return rc;
}


/* The certificates in rec are borrowed from ca. */

static acm_rc_t
acm_issue_seal(acm_keyring_t *ring, const char *issuer, const acm_ca_t *ca,
    acm_ca_rec_t *rec, acm_err_t *err)
{
    acm_rc_t     rc;
    acm_snap_t  *snap;

    rec->key = ca->key;
    rec->root = ca->root;
    rec->issuing = ca->issuing;

    rc = acm_store_begin(acm_keyring_store(ring), &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_keyring_seal(ring, snap, ACM_KEYRING_CA, ACM_KEYRING_CA, issuer,
                          ACM_CA_ROOT, &ca->root_key_secret,
                          &rec->root_sealed, err);

    if (rc == ACM_OK) {
        rc = acm_keyring_seal(ring, snap, ACM_KEYRING_CA, ACM_KEYRING_CA,
                              issuer, ACM_CA_ISSUING,
                              &ca->issuing_key_secret,
                              &rec->issuing_sealed, err);
    }

    acm_store_end(snap);

    return rc;
}


int
acm_issue_ended(acm_keyring_t *ring, const char *issuer, int64_t now)
{
    int       ended;
    acm_ca_t  ca;

    if (acm_issue_load(ring, issuer, &ca, NULL, NULL) != ACM_OK) {
        return 0;
    }

    ended = (acm_ca_not_after(&ca) <= now);
    acm_ca_free(&ca);

    return ended;
}


/*
 * 1 if a new issuing CA would last longer, and that is needed now.  What lives
 * about as long as an issuing CA does would need one for each certificate:
 * until its life is halved there must be a year to gain.
 */

static int
acm_issue_ca_ends(const acm_ca_t *ca, int64_t now, int64_t lifetime)
{
    X509     *root;
    int64_t   before, root_end, end, gain;

    end = acm_ca_not_after(ca);

    if (end - now > lifetime) {
        return 0;
    }

    if (acm_x509_decode(ca->root.data, ca->root.len, &root, NULL) != ACM_OK) {
        return 0;
    }

    root_end = 0;
    (void) acm_x509_dates(root, &before, &root_end, NULL);

    X509_free(root);

    gain = acm_add_sat(now, ACM_CA_ISSUING_LIFETIME);
    gain = ((gain < root_end) ? gain : root_end) - end;

    return gain >= ((end - now > lifetime / 2) ? ACM_ISSUE_GAIN : 1);
}


/* 1: the issuing CA was made by a clock that was ahead, and signs nothing for
   as long; unless the root is no better, or it is now that the clock is
   wrong. */

static int
acm_issue_ca_ahead(const acm_ca_t *ca, int64_t now)
{
    return !acm_issue_ca_begun(&ca->issuing, now)
           && acm_issue_ca_begun(&ca->root, now);
}


static int
acm_issue_ca_begun(const acm_str_t *der, int64_t now)
{
    X509     *x;
    int64_t   start, end;
    acm_rc_t  rc;

    /* one that cannot be read is not the clock's fault */

    if (acm_x509_decode(der->data, der->len, &x, NULL) != ACM_OK) {
        return 1;
    }

    rc = acm_x509_dates(x, &start, &end, NULL);
    X509_free(x);

    return rc != ACM_OK || start <= now;
}


int
acm_issue_begun(acm_snap_t *snap, const char *issuer, int64_t now)
{
    int           begun;
    acm_entry_t   entry;
    acm_ca_rec_t  rec;

    if (acm_store_get(snap, ACM_DB_ISSUER, issuer, strlen(issuer), &entry)
        != ACM_OK
        || acm_ca_rec_decode(entry.data, entry.len, &rec) != ACM_OK)
    {
        return 0;
    }

    begun = acm_issue_ca_begun(&rec.root, now);
    acm_ca_rec_free(&rec);

    return begun;
}


static acm_rc_t
acm_issue_sign(const acm_ca_t *ca, const acm_issuer_t *issuer,
    const acm_cert_t *cert, int64_t now, acm_bundle_t *bundle,
    acm_err_t *err)
{
    X509      *x;
    EVP_PKEY  *pkey;
    acm_rc_t   rc;

    x = NULL;
    pkey = NULL;
    memset(bundle, 0, sizeof(acm_bundle_t));

    rc = acm_key_generate(cert->key, &pkey, err);

    if (rc == ACM_OK) {
        rc = acm_ca_sign(ca, pkey, cert->names, cert->nnames, now,
                         issuer->lifetime, issuer->crl_url, &bundle->leaf,
                         err);
    }

    if (rc == ACM_OK) {
        rc = acm_key_encode(pkey, &bundle->key_secret, err);
    }

    if (rc == ACM_OK) {
        rc = acm_x509_decode(bundle->leaf.data, bundle->leaf.len, &x, err);
    }

    if (rc == ACM_OK) {
        rc = acm_x509_info(x, &bundle->info, err);
    }

    if (rc == ACM_OK) {
        rc = acm_issue_check(bundle, pkey, x, cert, err);
    }

    if (rc == ACM_OK) {
        /* clients have the root */
        bundle->chain[0].data = acm_memdup(ca->issuing.data,
                                           ca->issuing.len);
        bundle->chain[0].len = ca->issuing.len;
        bundle->nchain = 1;

        if (bundle->chain[0].data == NULL) {
            rc = acm_fail(err, ACM_NOMEM, "no memory for a chain");
        }
    }

    bundle->x = x;
    bundle->pkey = pkey;

    if (rc == ACM_OK) {
        rc = acm_handshake_check(bundle, cert->names, cert->nnames, now, err);
    }

    if (rc != ACM_OK) {
        acm_bundle_free(bundle);
    }

    return rc;
}


static acm_rc_t
acm_issue_check(const acm_bundle_t *bundle, EVP_PKEY *pkey, X509 *x,
    const acm_cert_t *cert, acm_err_t *err)
{
    size_t  i, n;

    if (!acm_x509_match(x, pkey)) {
        return acm_fail(err, ACM_ERROR, "the certificate is for another "
                        "key");
    }

    if (bundle->info.nnames != cert->nnames) {
        return acm_fail(err, ACM_ERROR, "the certificate has %u names "
                        "instead of %u", (unsigned) bundle->info.nnames,
                        (unsigned) cert->nnames);
    }

    for (i = 0; i < cert->nnames; i++) {
        for (n = 0; n < cert->nnames; n++) {
            if (strcmp(bundle->info.names[n], cert->names[i]) == 0) {
                break;
            }
        }

        if (n == cert->nnames) {
            return acm_fail(err, ACM_ERROR, "the certificate lacks \"%s\"",
                            cert->names[i]);
        }
    }

    return ACM_OK;
}
