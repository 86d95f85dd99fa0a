
/*
 * Copyright (C) The ngx_acm authors
 *
 * acmctl verify: everything in the store is what it should be.
 */


#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "../shared/acm_name.h"
#include "../shared/acm_event.h"
#include "../shared/acm_revocation.h"
#include "../shared/acm_state.h"
#include "../shared/acm_watch_impl.h"
#include "acmctl_verify.h"


#define ACMCTL_VERIFY_SLICE  256     /* entries checked in one snapshot */


typedef void (*acmctl_entry_pt)(acmctl_verify_t *v, const acm_entry_t *e);


static void acmctl_each(acmctl_verify_t *v, acm_db_e db,
    acmctl_entry_pt check);
static void acmctl_verify_cert(acmctl_verify_t *v, const acm_entry_t *e);
static void acmctl_verify_material(acmctl_verify_t *v,
    const acm_entry_t *e);
static void acmctl_verify_pair(acmctl_verify_t *v, const char *uuid,
    uint32_t version, acm_key_e type);
static int acmctl_name_of(const acm_cert_t *cert, const acm_name_rec_t *rec,
    const acm_entry_t *e);
static void acmctl_verify_index(acmctl_verify_t *v, const acm_cert_t *cert);
static void acmctl_verify_chain(acmctl_verify_t *v, const acm_entry_t *e);
static void acmctl_verify_name(acmctl_verify_t *v, const acm_entry_t *e);
static void acmctl_verify_due(acmctl_verify_t *v, const acm_entry_t *e);
static void acmctl_verify_identity(acmctl_verify_t *v,
    const acm_entry_t *e);
static void acmctl_verify_used(acmctl_verify_t *v, const acm_entry_t *e);
static void acmctl_verify_watch(acmctl_verify_t *v, const acm_entry_t *e);
static void acmctl_verify_expiry(acmctl_verify_t *v, const acm_entry_t *e);
static void acmctl_verify_created(acmctl_verify_t *v, const acm_entry_t *e);
static void acmctl_verify_state(acmctl_verify_t *v, const acm_entry_t *e);
static void acmctl_verify_listed(acmctl_verify_t *v, const acm_entry_t *e,
    acm_db_e db, size_t octets);
static void acmctl_verify_ocsp(acmctl_verify_t *v, const acm_entry_t *e);
static void acmctl_verify_time(acmctl_verify_t *v, const acm_entry_t *e,
    acm_db_e db);
static void acmctl_verify_times(acmctl_verify_t *v, const acm_cert_t *cert);
static void acmctl_verify_event(acmctl_verify_t *v, const acm_entry_t *e);
static void acmctl_verify_revocation(acmctl_verify_t *v,
    const acm_entry_t *e);
static acm_rc_t acmctl_ref_cert(acmctl_verify_t *v, const acm_entry_t *e,
    acm_cert_t *cert);


/* of each map what more there is to look at than checksums */

static const acmctl_entry_pt  acmctl_checks[ACM_DB_MAX] = {
    [ACM_DB_CERTIFICATE] = acmctl_verify_cert,
    [ACM_DB_MATERIAL] = acmctl_verify_material,
    [ACM_DB_CHAIN] = acmctl_verify_chain,
    [ACM_DB_NAME] = acmctl_verify_name,
    [ACM_DB_DUE] = acmctl_verify_due,
    [ACM_DB_IDENTITY] = acmctl_verify_identity,
    [ACM_DB_SEAL] = acmctl_verify_seal,
    [ACM_DB_ORDER] = acmctl_verify_order,
    [ACM_DB_ACCOUNT] = acmctl_verify_account,
    [ACM_DB_EVENT] = acmctl_verify_event,
    [ACM_DB_EXPIRY] = acmctl_verify_expiry,
    [ACM_DB_WATCH] = acmctl_verify_watch,
    [ACM_DB_USED] = acmctl_verify_used,
    [ACM_DB_REVOCATION] = acmctl_verify_revocation,
    [ACM_DB_CREATED] = acmctl_verify_created,
    [ACM_DB_OCSP] = acmctl_verify_ocsp,
    [ACM_DB_STATE] = acmctl_verify_state
};


int
acmctl_verify(acmctl_t *ctl, int argc, char **argv)
{
    unsigned         db;
    acmctl_verify_t  v;

    (void) argv;

    if (argc != 1) {
        return ACMCTL_USAGE;
    }

    if (acmctl_open(ctl, 0, 1) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    memset(&v, 0, sizeof(acmctl_verify_t));
    v.ctl = ctl;

    for (db = 0; db < ACM_DB_MAX; db++) {

        if (db == ACM_DB_ISSUER) {
            acmctl_verify_cas(&v);

        } else {
            acmctl_each(&v, (acm_db_e) db, acmctl_checks[db]);
        }
    }

    printf("%u certificates, %u keys opened, %u faults\n", v.certificates,
           v.keys, v.faults);

    return v.faults ? ACMCTL_FAULT : ACMCTL_OK;
}


/* In slices: a snapshot over the whole store would make it grow while nginx
   writes.  What is compared with an entry is read in the entry's snapshot. */

static void
acmctl_each(acmctl_verify_t *v, acm_db_e db, acmctl_entry_pt check)
{
    char          hex[2 * ACM_MAX_STORE_KEY + 1];
    size_t        n, len;
    uint8_t       from[ACM_MAX_STORE_KEY + 1];
    acm_rc_t      rc;
    acm_err_t     err;
    acm_entry_t   e;

    len = 0;

    do {
        rc = acm_store_begin(v->ctl->store, &v->snap, &err);

        if (rc != ACM_OK) {
            acmctl_fault(v, "%s", err.text);
            return;
        }

        n = 0;
        e.key = NULL;
        rc = acm_store_seek(v->snap, db, from, len, &e);

        while (rc == ACM_OK || (rc == ACM_CORRUPT && e.key != NULL)) {

            if (n++ == ACMCTL_VERIFY_SLICE) {
                break;
            }

            /* the least key behind this one */
            memcpy(from, e.key, e.key_len);
            from[e.key_len] = 0;
            len = e.key_len + 1;

            if (rc == ACM_OK && check != NULL) {
                check(v, &e);

            } else if (rc != ACM_OK) {
                acmctl_fault(v, "map \"%s\", key %s: damaged",
                             acm_db_name(db),
                             acm_hex(e.key, e.key_len, hex));
            }

            e.key = NULL;
            rc = acm_store_next(v->snap, db, &e);
        }

        acm_store_end(v->snap);

    } while (n > ACMCTL_VERIFY_SLICE);

    if (rc != ACM_NOTFOUND) {
        acmctl_fault(v, "map \"%s\" cannot be read to its end: %s",
                     acm_db_name(db), acm_rc_text(rc));
    }
}


static void
acmctl_verify_used(acmctl_verify_t *v, const acm_entry_t *e)
{
    char        uuid[ACM_UUID_LEN + 1];
    acm_rc_t    rc;
    acm_ref_t   ref;
    acm_used_t  used;

    memset(uuid, 0, sizeof(uuid));

    if (e->key_len == ACM_UUID_LEN) {
        memcpy(uuid, e->key, ACM_UUID_LEN);
    }

    rc = acm_used_owner(v->snap, uuid, &ref);

    if (rc == ACM_OK) {
        rc = acm_used_decode(e->data, e->len, &used);
    }

    if (rc != ACM_OK) {
        acmctl_fault(v, "when certificate \"%s\" was served: %s", uuid,
                     acm_rc_text(rc));
    }
}


static void
acmctl_verify_cert(acmctl_verify_t *v, const acm_entry_t *e)
{
    size_t      len;
    uint8_t     key[ACM_MAX_STORE_KEY];
    acm_rc_t    rc;
    acm_cert_t  cert;

    v->certificates++;

    rc = acm_cert_decode(e->data, e->len, &cert);

    if (rc != ACM_OK) {
        acmctl_fault(v, "certificate \"%.*s\": %s", (int) e->key_len,
                     (const char *) e->key, acm_rc_text(rc));
        return;
    }

    len = acm_cert_key(key, cert.account, cert.region, cert.uuid);

    if (len != e->key_len || memcmp(key, e->key, len) != 0) {
        acmctl_fault(v, "certificate \"%.*s\" has the record of another one",
                     (int) e->key_len, (const char *) e->key);
    }

    acmctl_verify_index(v, &cert);

    acm_cert_free(&cert);
}


/* The material in use and those before it: all are opened. */

static void
acmctl_verify_material(acmctl_verify_t *v, const acm_entry_t *e)
{
    char             uuid[ACM_UUID_LEN + 1];
    size_t           len;
    uint8_t          key[ACM_MAX_STORE_KEY];
    acm_rc_t         rc;
    uint32_t         version;
    acm_cert_t       cert;
    acm_reader_t     r;
    acm_material_t   m;

    memset(uuid, 0, sizeof(uuid));
    version = 0;
    len = 0;

    if (e->key_len > ACM_UUID_LEN) {
        memcpy(uuid, e->key, ACM_UUID_LEN);
        acm_reader_init(&r, e->key + ACM_UUID_LEN, e->key_len - ACM_UUID_LEN);
        version = acm_read_u32(&r);
        len = acm_material_key(key, uuid, version);
    }

    if (len == 0 || len != e->key_len || memcmp(key, e->key, len) != 0) {
        acmctl_fault(v, "an entry of the map \"material\" has a key that is "
                     "none");
        return;
    }

    rc = acm_material_decode(e->data, e->len, &m);

    if (rc != ACM_OK) {
        acmctl_fault(v, "material of certificate %s, version %u: %s", uuid,
                     (unsigned) version, acm_rc_text(rc));
        return;
    }

    rc = acm_cert_get(v->snap, m.account, m.region, uuid, &cert, NULL);

    if (rc != ACM_OK) {
        acmctl_fault(v, "material of certificate %s, version %u: the "
                     "certificate: %s", uuid, (unsigned) version,
                     acm_rc_text(rc));

    } else {
        if (version > cert.version
            || cert.version - version >= ACM_MAX_VERSIONS)
        {
            acmctl_fault(v, "material of certificate %s, version %u: the "
                         "certificate is at version %u", uuid,
                         (unsigned) version, (unsigned) cert.version);
        }

        acm_cert_free(&cert);
    }

    acmctl_verify_pair(v, uuid, version, m.key);

    acm_material_free(&m);
}


static void
acmctl_verify_pair(acmctl_verify_t *v, const char *uuid, uint32_t version,
    acm_key_e type)
{
    X509          *x;
    EVP_PKEY      *pkey;
    acm_err_t      err;
    acm_bundle_t   bundle;

    if (acm_material_open(v->ctl->ring, v->snap, uuid, version, &bundle,
                          &err)
        != ACM_OK)
    {
        acmctl_fault(v, "certificate %s, version %u: %s", uuid,
                     (unsigned) version, err.text);
        return;
    }

    v->keys++;
    x = NULL;
    pkey = NULL;

    if (acm_x509_decode(bundle.leaf.data, bundle.leaf.len, &x, &err)
        != ACM_OK
        || acm_key_decode(type, bundle.key_secret.data,
                          bundle.key_secret.len, &pkey, &err)
           != ACM_OK)
    {
        acmctl_fault(v, "certificate %s, version %u: %s", uuid,
                     (unsigned) version, err.text);

    } else if (!acm_x509_match(x, pkey)) {
        acmctl_fault(v, "certificate %s, version %u: the key is not its own",
                     uuid, (unsigned) version);
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

    len = acm_material_key(key, cert->uuid, cert->version);

    if (cert->version != 0
        && acm_store_get(v->snap, ACM_DB_MATERIAL, key, len, &e) != ACM_OK)
    {
        acmctl_fault(v, "certificate %s, version %u: its material is not "
                     "there", cert->uuid, (unsigned) cert->version);
    }

    for (i = 0; cert->version != 0 && cert->status != ACM_STATUS_REVOKED
                && i < cert->nnames; i++)
    {

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

    acmctl_verify_times(v, cert);
}


/* A store of an earlier version has these when the helper has been there. */

static void
acmctl_verify_times(acmctl_verify_t *v, const acm_cert_t *cert)
{
    int            swept;
    size_t         len;
    uint8_t        key[ACM_MAX_STORE_KEY];
    int64_t        behind;
    uint64_t       revision, n;
    acm_entry_t    e;
    acm_ladder_t   ladder;

    if (acm_ladder_read(v->snap, &ladder, &swept, &revision) != ACM_OK
        || !swept)
    {
        return;
    }

    if (cert->watch_at != 0) {
        len = acm_time_key(key, cert->watch_at, cert->uuid);

        if (acm_store_get(v->snap, ACM_DB_WATCH, key, len, &e) != ACM_OK) {
            acmctl_fault(v, "certificate %s is watched, but not in the watch "
                         "index", cert->uuid);
        }
    }

    len = acm_created_key(key, cert->account, cert->region, cert->created_at,
                          cert->uuid);

    /* none: the helper of this version was not there yet */

    if (acm_store_entries(v->snap, ACM_DB_CREATED, &n) == ACM_OK && n != 0
        && acm_store_get(v->snap, ACM_DB_CREATED, key, len, &e) != ACM_OK)
    {
        acmctl_fault(v, "certificate %s is not in the created index",
                     cert->uuid);
    }

    len = acm_state_key(key, cert->account, cert->region,
                        acm_state_kind(cert), cert->uuid);

    if (acm_state_kind(cert) != 0
        && acm_state_behind(v->snap, &behind) == ACM_OK && behind == 0
        && acm_store_get(v->snap, ACM_DB_STATE, key, len, &e) != ACM_OK)
    {
        acmctl_fault(v, "certificate %s is not in the state index",
                     cert->uuid);
    }

    if (cert->ocsp_at != 0) {
        len = acm_time_key(key, cert->ocsp_at, cert->uuid);

        if (acm_store_get(v->snap, ACM_DB_OCSP, key, len, &e) != ACM_OK) {
            acmctl_fault(v, "certificate %s is not in the ocsp index",
                         cert->uuid);
        }
    }

    if (cert->not_after != 0) {
        len = acm_time_key(key, cert->not_after, cert->uuid);

        if (acm_store_get(v->snap, ACM_DB_EXPIRY, key, len, &e) != ACM_OK) {
            acmctl_fault(v, "certificate %s is not in the expiry index",
                         cert->uuid);
        }
    }
}


static void
acmctl_verify_watch(acmctl_verify_t *v, const acm_entry_t *e)
{
    acmctl_verify_time(v, e, ACM_DB_WATCH);
}


static void
acmctl_verify_expiry(acmctl_verify_t *v, const acm_entry_t *e)
{
    acmctl_verify_time(v, e, ACM_DB_EXPIRY);
}


static void
acmctl_verify_created(acmctl_verify_t *v, const acm_entry_t *e)
{
    acmctl_verify_listed(v, e, ACM_DB_CREATED, 8);
}


static void
acmctl_verify_state(acmctl_verify_t *v, const acm_entry_t *e)
{
    acmctl_verify_listed(v, e, ACM_DB_STATE, 1);
}


/* Account, region, so many octets and UUID: all that there is. */

static void
acmctl_verify_listed(acmctl_verify_t *v, const acm_entry_t *e, acm_db_e db,
    size_t octets)
{
    char         uuid[ACM_UUID_LEN + 1];
    size_t       len, n;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    acm_cert_t   cert;
    acm_entry_t  entry;

    n = octets + ACM_UUID_LEN;
    memset(uuid, 0, sizeof(uuid));

    if (e->key_len > n) {
        memcpy(uuid, e->key + e->key_len - ACM_UUID_LEN, ACM_UUID_LEN);
    }

    if (!acm_uuid_ok(uuid)) {
        acmctl_fault(v, "an entry of the %s index cannot be read",
                     acm_db_name(db));
        return;
    }

    len = e->key_len - n;
    memcpy(key, e->key, len);
    memcpy(key + len, uuid, ACM_UUID_LEN);

    rc = acm_store_get(v->snap, ACM_DB_CERTIFICATE, key, len + ACM_UUID_LEN,
                       &entry);

    if (rc == ACM_OK) {
        rc = acm_cert_decode(entry.data, entry.len, &cert);
    }

    if (rc != ACM_OK) {
        acmctl_fault(v, "the %s index leads to certificate %s, which cannot "
                     "be read", acm_db_name(db), uuid);
        return;
    }

    len = (db == ACM_DB_STATE)
          ? acm_state_key(key, cert.account, cert.region,
                          acm_state_kind(&cert), cert.uuid)
          : acm_created_key(key, cert.account, cert.region, cert.created_at,
                            cert.uuid);

    if (len != e->key_len || memcmp(key, e->key, len) != 0) {
        acmctl_fault(v, "the %s index has another %s than certificate %s",
                     acm_db_name(db),
                     (db == ACM_DB_STATE) ? "state" : "time", uuid);
    }

    acm_cert_free(&cert);
}


static void
acmctl_verify_ocsp(acmctl_verify_t *v, const acm_entry_t *e)
{
    acmctl_verify_time(v, e, ACM_DB_OCSP);
}


static void
acmctl_verify_time(acmctl_verify_t *v, const acm_entry_t *e, acm_db_e db)
{
    char         uuid[ACM_UUID_LEN + 1];
    int64_t      at;
    acm_cert_t   cert;
    const char  *name;

    name = acm_db_name(db);

    if (acm_time_key_parse(e->key, e->key_len, &at, uuid) != ACM_OK) {
        acmctl_fault(v, "an entry of the %s index cannot be read", name);
        return;
    }

    if (acmctl_ref_cert(v, e, &cert) != ACM_OK) {
        acmctl_fault(v, "the %s index leads to certificate %s, which cannot "
                     "be read", name, uuid);
        return;
    }

    if (at != ((db == ACM_DB_WATCH) ? cert.watch_at
               : (db == ACM_DB_OCSP) ? cert.ocsp_at : cert.not_after))
    {
        acmctl_fault(v, "the %s index has another time than certificate %s",
                     name, uuid);
    }

    acm_cert_free(&cert);
}


static void
acmctl_verify_event(acmctl_verify_t *v, const acm_entry_t *e)
{
    acm_event_t  event;

    if (acm_event_decode(e->data, e->len, &event) != ACM_OK) {
        acmctl_fault(v, "an event cannot be read");
        return;
    }

    acm_event_free(&event);
}


/* Of those that are wanted the list of what is due has one entry each. */

static void
acmctl_verify_revocation(acmctl_verify_t *v, const acm_entry_t *e)
{
    acm_rc_t           rc;
    acm_entry_t        due;
    acm_revocation_t   r;

    if (e->key_len == 0 || e->key[0] != 'r') {
        return;
    }

    rc = acm_revocation_decode(e->data, e->len, &r);

    if (rc != ACM_OK) {
        acmctl_fault(v, "a revocation cannot be read: %s", acm_rc_text(rc));
        return;
    }

    if (r.state == ACM_REVOKING_WANTED
        && acm_revocation_entry(v->snap, &r, &due) != ACM_OK)
    {
        acmctl_fault(v, "the revocation of serial number %s is due, but not "
                     "in the index", r.serial);
    }

    acm_revocation_free(&r);
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
    acm_rc_t        rc;
    acm_cert_t      cert;
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

    rc = acm_cert_get(v->snap, m.account, m.region, rec.uuid, &cert, NULL);

    acm_material_free(&m);

    if (rc != ACM_OK) {
        acmctl_fault(v, "name \"%.*s\" leads to certificate %s: %s",
                     (int) e->key_len, (const char *) e->key, rec.uuid,
                     acm_rc_text(rc));
        return;
    }

    if (!acmctl_name_of(&cert, &rec, e)) {
        acmctl_fault(v, "name \"%.*s\" leads to certificate %s, which is for "
                     "other names, dates or a later version, or revoked",
                     (int) e->key_len, (const char *) e->key, rec.uuid);
    }

    acm_cert_free(&cert);
}


/* 1 if the entry is what the certificate has in the index for a name. */

static int
acmctl_name_of(const acm_cert_t *cert, const acm_name_rec_t *rec,
    const acm_entry_t *e)
{
    size_t   i, len;
    uint8_t  key[ACM_MAX_STORE_KEY];

    if (rec->version != cert->version || rec->key != cert->key
        || cert->status == ACM_STATUS_REVOKED
        || rec->not_before != cert->not_before
        || rec->not_after != cert->not_after)
    {
        return 0;
    }

    for (i = 0; i < cert->nnames; i++) {
        len = acm_name_key(key, cert->names[i], cert->key, cert->uuid);

        if (len == e->key_len && memcmp(key, e->key, len) == 0) {
            return 1;
        }
    }

    return 0;
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
