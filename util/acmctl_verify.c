
/*
 * Copyright (C) The ngx_acm authors
 *
 * acmctl verify: everything in the store is what it should be.
 */


#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "../shared/acm_name.h"
#include "acmctl.h"


typedef struct {
    acmctl_t     *ctl;
    acm_snap_t   *snap;
    unsigned      certificates;
    unsigned      keys;
    unsigned      faults;
} acmctl_verify_t;


typedef void (*acmctl_entry_pt)(acmctl_verify_t *v, const acm_entry_t *e);


static void acmctl_each(acmctl_verify_t *v, acm_db_e db,
    acmctl_entry_pt check);
static void acmctl_verify_cert(acmctl_verify_t *v, const acm_entry_t *e);
static void acmctl_verify_material(acmctl_verify_t *v,
    const acm_cert_t *cert);
static void acmctl_verify_index(acmctl_verify_t *v, const acm_cert_t *cert);
static void acmctl_verify_chain(acmctl_verify_t *v, const acm_entry_t *e);
static void acmctl_verify_name(acmctl_verify_t *v, const acm_entry_t *e);
static void acmctl_verify_due(acmctl_verify_t *v, const acm_entry_t *e);
static void acmctl_verify_identity(acmctl_verify_t *v,
    const acm_entry_t *e);
static void acmctl_verify_any(acmctl_verify_t *v, const acm_entry_t *e);
static void acmctl_verify_cas(acmctl_verify_t *v);
static acm_rc_t acmctl_ref_cert(acmctl_verify_t *v, const acm_entry_t *e,
    acm_cert_t *cert);


int
acmctl_verify(acmctl_t *ctl, int argc, char **argv)
{
    acm_err_t         err;
    acmctl_verify_t   v;

    (void) argv;

    if (argc != 1) {
        return ACMCTL_USAGE;
    }

    if (acmctl_open(ctl, 0, 1) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    memset(&v, 0, sizeof(acmctl_verify_t));
    v.ctl = ctl;

    if (acm_store_begin(ctl->store, &v.snap, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    acmctl_each(&v, ACM_DB_META, acmctl_verify_any);
    acmctl_each(&v, ACM_DB_SEAL, acmctl_verify_any);
    acmctl_each(&v, ACM_DB_CERTIFICATE, acmctl_verify_cert);
    acmctl_each(&v, ACM_DB_MATERIAL, acmctl_verify_any);
    acmctl_each(&v, ACM_DB_CHAIN, acmctl_verify_chain);
    acmctl_each(&v, ACM_DB_NAME, acmctl_verify_name);
    acmctl_each(&v, ACM_DB_DUE, acmctl_verify_due);
    acmctl_each(&v, ACM_DB_IDENTITY, acmctl_verify_identity);

    acm_store_end(v.snap);

    acmctl_verify_cas(&v);

    printf("%u certificates, %u keys opened, %u faults\n", v.certificates,
           v.keys, v.faults);

    return v.faults ? ACMCTL_FAULT : ACMCTL_OK;
}


#define acmctl_fault(v, ...)                                                  \
    ((v)->faults++, (void) acmctl_fail(__VA_ARGS__))


static void
acmctl_each(acmctl_verify_t *v, acm_db_e db, acmctl_entry_pt check)
{
    acm_rc_t     rc;
    acm_entry_t  e;
    char         key[2 * ACM_MAX_STORE_KEY + 1];

    for (rc = acm_store_seek(v->snap, db, NULL, 0, &e);
         rc == ACM_OK || (rc == ACM_CORRUPT && e.key != NULL);
         rc = acm_store_next(v->snap, db, &e))
    {
        if (rc == ACM_OK) {
            check(v, &e);

        } else {
            acmctl_fault(v, "map \"%s\", key %s: damaged", acm_db_name(db),
                         acm_hex(e.key, e.key_len, key));
        }
    }

    if (rc != ACM_NOTFOUND) {
        acmctl_fault(v, "map \"%s\" cannot be read to its end: %s",
                     acm_db_name(db), acm_rc_text(rc));
    }
}


static void
acmctl_verify_any(acmctl_verify_t *v, const acm_entry_t *e)
{
    /* its checksum held */
    (void) v;
    (void) e;
}


static void
acmctl_verify_cert(acmctl_verify_t *v, const acm_entry_t *e)
{
    acm_rc_t    rc;
    acm_cert_t  cert;

    v->certificates++;

    rc = acm_cert_decode(e->data, e->len, &cert);

    if (rc != ACM_OK) {
        acmctl_fault(v, "certificate \"%.*s\": %s", (int) e->key_len,
                     (const char *) e->key, acm_rc_text(rc));
        return;
    }

    if (cert.version != 0) {
        acmctl_verify_material(v, &cert);
        acmctl_verify_index(v, &cert);
    }

    acm_cert_free(&cert);
}


static void
acmctl_verify_material(acmctl_verify_t *v, const acm_cert_t *cert)
{
    X509          *x;
    EVP_PKEY      *pkey;
    acm_err_t      err;
    acm_bundle_t   bundle;

    if (acm_material_open(v->ctl->ring, v->snap, cert->uuid, cert->version,
                          &bundle, &err)
        != ACM_OK)
    {
        acmctl_fault(v, "certificate %s, version %u: %s", cert->uuid,
                     (unsigned) cert->version, err.text);
        return;
    }

    v->keys++;
    x = NULL;
    pkey = NULL;

    if (acm_x509_decode(bundle.leaf.data, bundle.leaf.len, &x, &err)
        != ACM_OK
        || acm_key_decode(cert->key, bundle.key_secret.data,
                          bundle.key_secret.len, &pkey, &err)
           != ACM_OK)
    {
        acmctl_fault(v, "certificate %s, version %u: %s", cert->uuid,
                     (unsigned) cert->version, err.text);

    } else if (!acm_x509_match(x, pkey)) {
        acmctl_fault(v, "certificate %s, version %u: the key is not its own",
                     cert->uuid, (unsigned) cert->version);
    }

    X509_free(x);
    EVP_PKEY_free(pkey);
    acm_bundle_free(&bundle);
}


static void
acmctl_verify_index(acmctl_verify_t *v, const acm_cert_t *cert)
{
    size_t           i, len;
    uint8_t          key[ACM_MAX_STORE_KEY];
    acm_entry_t      e;
    acm_name_rec_t   rec;

    for (i = 0; i < cert->nnames; i++) {

        if (acm_name_is_ip(cert->names[i], strlen(cert->names[i]))) {
            continue;
        }

        len = acm_name_key(key, cert->names[i], cert->key, cert->uuid);

        if (acm_store_get(v->snap, ACM_DB_NAME, key, len, &e) != ACM_OK
            || acm_name_rec_decode(e.data, e.len, &rec) != ACM_OK
            || rec.version != cert->version)
        {
            acmctl_fault(v, "certificate %s is not found by its name \"%s\"",
                         cert->uuid, cert->names[i]);
        }
    }

    if (cert->due != ACM_DUE_NONE) {
        len = acm_due_key(key, cert->due_at, cert->due, cert->uuid);

        if (acm_store_get(v->snap, ACM_DB_DUE, key, len, &e) != ACM_OK) {
            acmctl_fault(v, "certificate %s is due, but not in the due "
                         "index", cert->uuid);
        }
    }
}


static void
acmctl_verify_chain(acmctl_verify_t *v, const acm_entry_t *e)
{
    char      hex[2 * ACM_HASH_LEN + 1];
    uint8_t   hash[EVP_MAX_MD_SIZE];

    if (e->key_len != ACM_HASH_LEN
        || EVP_Digest(e->data, e->len, hash, NULL, EVP_sha256(), NULL) != 1
        || memcmp(hash, e->key, ACM_HASH_LEN) != 0)
    {
        acmctl_fault(v, "chain certificate %s is not the one of its hash",
                     acm_hex(e->key, e->key_len > ACM_HASH_LEN
                                     ? ACM_HASH_LEN : e->key_len, hex));
    }
}


static void
acmctl_verify_name(acmctl_verify_t *v, const acm_entry_t *e)
{
    acm_material_t  m;
    acm_name_rec_t  rec;

    if (acm_name_rec_decode(e->data, e->len, &rec) != ACM_OK) {
        acmctl_fault(v, "name \"%.*s\" cannot be read", (int) e->key_len,
                     (const char *) e->key);
        return;
    }

    if (acm_material_get(v->snap, rec.uuid, rec.version, &m) != ACM_OK) {
        acmctl_fault(v, "name \"%.*s\" leads to certificate %s, version %u, "
                     "which is not there", (int) e->key_len,
                     (const char *) e->key, rec.uuid,
                     (unsigned) rec.version);
        return;
    }

    acm_material_free(&m);
}


static void
acmctl_verify_due(acmctl_verify_t *v, const acm_entry_t *e)
{
    char        uuid[ACM_UUID_LEN + 1];
    int64_t     at;
    acm_due_e   kind;
    acm_cert_t  cert;

    if (acm_due_key_parse(e->key, e->key_len, &at, &kind, uuid) != ACM_OK) {
        acmctl_fault(v, "an entry of the due index cannot be read");
        return;
    }

    if (acmctl_ref_cert(v, e, &cert) != ACM_OK) {
        acmctl_fault(v, "the due index leads to certificate %s, which cannot "
                     "be read", uuid);
        return;
    }

    if (cert.due != kind || cert.due_at != at) {
        acmctl_fault(v, "the due index has another time than certificate %s",
                     uuid);
    }

    acm_cert_free(&cert);
}


static void
acmctl_verify_identity(acmctl_verify_t *v, const acm_entry_t *e)
{
    char        hex[2 * ACM_HASH_LEN + 1];
    acm_cert_t  cert;

    if (e->key_len != ACM_HASH_LEN
        || acmctl_ref_cert(v, e, &cert) != ACM_OK)
    {
        acmctl_fault(v, "a configured certificate cannot be read");
        return;
    }

    if (memcmp(cert.identity, e->key, ACM_HASH_LEN) != 0) {
        acmctl_fault(v, "identity %s leads to a certificate of another one",
                     acm_hex(e->key, ACM_HASH_LEN, hex));
    }

    acm_cert_free(&cert);
}


static acm_rc_t
acmctl_ref_cert(acmctl_verify_t *v, const acm_entry_t *e, acm_cert_t *cert)
{
    acm_rc_t   rc;
    acm_ref_t  ref;

    rc = acm_ref_decode(e->data, e->len, &ref);

    if (rc != ACM_OK) {
        return rc;
    }

    return acm_cert_get(v->snap, ref.account, ref.region, ref.uuid, cert,
                        NULL);
}


/* The built-in CAs, one after the other: each needs a snapshot of its own. */

static void
acmctl_verify_cas(acmctl_verify_t *v)
{
    char          name[ACM_MAX_STORE_KEY + 1];
    size_t        len;
    acm_rc_t      rc;
    acm_ca_t      ca;
    acm_err_t     err;
    acm_entry_t   e;

    len = 0;

    for ( ;; ) {

        if (acm_store_begin(v->ctl->store, &v->snap, &err) != ACM_OK) {
            acmctl_fault(v, "%s", err.text);
            return;
        }

        rc = acm_store_seek(v->snap, ACM_DB_ISSUER, name, len, &e);

        if (e.key != NULL && rc != ACM_NOTFOUND) {
            len = e.key_len;
            memcpy(name, e.key, len);
            name[len] = '\0';
        }

        acm_store_end(v->snap);

        if (rc == ACM_NOTFOUND) {
            return;
        }

        if (rc != ACM_OK
            || acm_issue_load(v->ctl->ring, name, &ca, NULL, &err) != ACM_OK)
        {
            acmctl_fault(v, "built-in CA \"%s\": %s", name,
                         rc == ACM_OK ? err.text : acm_rc_text(rc));

        } else {
            v->keys += 2;
            acm_ca_free(&ca);
        }

        /* the least key behind this one */
        len++;
    }
}
