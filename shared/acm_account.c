
/*
 * Copyright (C) The ngx_acm authors
 *
 * Account records and their keys.  The key of ACM_DB_ACCOUNT is the issuer's
 * name, NUL and a hash of the directory's URL: another directory is another
 * account.
 */


#include <stdio.h>
#include <string.h>

#include "acm_account.h"
#include "acm_persist.h"
#include "acm_record_impl.h"


static size_t acm_account_db_key(uint8_t *buf, const char *issuer,
    const char *directory);
static acm_rc_t acm_account_seal(acm_keyring_t *ring,
    const acm_account_t *a, acm_key_e key, uint32_t version,
    acm_str_t *sealed, acm_err_t *err);
static void acm_account_subject(char *buf, size_t size,
    const acm_account_t *a);
static acm_rc_t acm_account_bad(const acm_entry_t *entry, acm_rc_t rc,
    acm_err_t *err);


static const acm_field_t  acm_account_fields[] = {
    acm_field(1, ACM_FIELD_STR, acm_account_t, issuer, 1, ACM_MAX_LABEL),
    acm_field(2, ACM_FIELD_STR, acm_account_t, directory, 1, ACM_MAX_URL),
    acm_field(3, ACM_FIELD_ENUM, acm_account_t, status, ACM_ACCOUNT_NEW,
              ACM_ACCOUNT_DEACTIVATED),
    acm_field(4, ACM_FIELD_ENUM, acm_account_t, wish, ACM_ACCOUNT_NOTHING,
              ACM_ACCOUNT_DEACTIVATE),
    acm_field(5, ACM_FIELD_ENUM, acm_account_t, key, ACM_KEY_RSA_1024,
              ACM_KEY_EC_P521),
    acm_field(6, ACM_FIELD_U32, acm_account_t, version, 0, 0),
    acm_field(7, ACM_FIELD_BLOB, acm_account_t, sealed, 1,
              ACM_MAX_KEY_DER + ACM_SEAL_OVERHEAD),
    acm_field(8, ACM_FIELD_BLOB, acm_account_t, next, 0,
              ACM_MAX_KEY_DER + ACM_SEAL_OVERHEAD),
    acm_field(9, ACM_FIELD_STR, acm_account_t, url, 0, ACM_MAX_URL),
    acm_field(10, ACM_FIELD_STR, acm_account_t, contacts, 0,
              ACM_MAX_CONTACT_TEXT),
    acm_field(11, ACM_FIELD_STR, acm_account_t, error, 0, ACM_MAX_ERROR),
    acm_field(12, ACM_FIELD_TIME, acm_account_t, created_at, 0, 0),
    acm_field(13, ACM_FIELD_U32, acm_account_t, methods, 0, 0),
    acm_field(14, ACM_FIELD_STR, acm_account_t, cas, 0, ACM_MAX_PERSIST_CAS)
};

static const acm_layout_t  acm_account_layout =
    acm_layout(ACM_REC_ACCOUNT, acm_account_t, acm_account_fields);


acm_rc_t
acm_account_encode(const acm_account_t *a, acm_buf_t *out)
{
    return acm_record_encode(&acm_account_layout, a, out);
}


acm_rc_t
acm_account_decode(const uint8_t *data, size_t len, acm_account_t *a)
{
    return acm_record_decode(&acm_account_layout, data, len, a);
}


void
acm_account_free(acm_account_t *a)
{
    acm_record_free(&acm_account_layout, a);
}


static size_t
acm_account_db_key(uint8_t *buf, const char *issuer, const char *directory)
{
    size_t  len;

    len = strlen(issuer);

    if (len == 0 || len > ACM_MAX_LABEL) {
        return 0;
    }

    memcpy(buf, issuer, len + 1);

    if (EVP_Digest(directory, strlen(directory), buf + len + 1, NULL,
                   EVP_sha256(), NULL)
        != 1)
    {
        return 0;
    }

    return len + 1 + ACM_HASH_LEN;
}


acm_rc_t
acm_account_get(acm_snap_t *snap, const char *issuer, const char *directory,
    acm_account_t *a, uint64_t *revision)
{
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    acm_entry_t  entry;

    len = acm_account_db_key(key, issuer, directory);

    if (len == 0) {
        return ACM_INVALID;
    }

    rc = acm_store_get(snap, ACM_DB_ACCOUNT, key, len, &entry);

    if (rc == ACM_OK) {
        *revision = entry.revision;
        rc = acm_account_decode(entry.data, entry.len, a);
    }

    return rc;
}


acm_rc_t
acm_account_put(acm_store_t *store, const acm_account_t *a,
    uint64_t revision, acm_err_t *err)
{
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    acm_buf_t    buf;
    acm_batch_t  batch;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    acm_batch_init(&batch);

    len = acm_account_db_key(key, a->issuer, a->directory);
    rc = acm_account_encode(a, &buf);

    if (rc == ACM_OK) {
        acm_batch_expect(&batch, ACM_DB_ACCOUNT, key, len, revision);
        acm_batch_put(&batch, ACM_DB_ACCOUNT, key, len, buf.data, buf.len);

        rc = acm_store_commit(store, &batch, err);

    } else {
        (void) acm_fail(err, rc, "the account at issuer \"%s\" cannot be "
                        "written down: %s", a->issuer, acm_rc_text(rc));
    }

    acm_batch_free(&batch);
    acm_buf_free(&buf);

    return rc;
}


acm_rc_t
acm_account_create(acm_keyring_t *ring, const acm_issuer_t *issuer,
    const char *directory, int64_t now, acm_account_t *a, acm_err_t *err)
{
    acm_rc_t       rc;
    acm_buf_t      buf;
    acm_account_t  new;

    memset(&new, 0, sizeof(acm_account_t));

    /* borrowed: the record is only encoded */

    new.issuer = (char *) issuer->name;
    new.directory = (char *) directory;
    new.status = ACM_ACCOUNT_NEW;
    new.key = issuer->account_key;
    new.version = 1;
    new.created_at = now;

    rc = acm_account_seal(ring, &new, new.key, new.version, &new.sealed,
                          err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_account_put(acm_keyring_store(ring), &new, 0, err);

    if (rc == ACM_OK) {
        acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

        rc = acm_account_encode(&new, &buf);

        if (rc == ACM_OK) {
            rc = acm_account_decode(buf.data, buf.len, a);
        }

        acm_buf_free(&buf);
    }

    acm_free(new.sealed.data);

    return rc;
}


/* A new key pair of this type, sealed. */

static acm_rc_t
acm_account_seal(acm_keyring_t *ring, const acm_account_t *a, acm_key_e key,
    uint32_t version, acm_str_t *sealed, acm_err_t *err)
{
    char         subject[ACM_MAX_LABEL + ACM_MAX_URL + 8];
    acm_rc_t     rc;
    EVP_PKEY    *pkey;
    acm_str_t    der_secret;
    acm_snap_t  *snap;

    rc = acm_keyring_ensure(ring, ACM_KEYRING_CA, ACM_KEYRING_CA, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_key_generate(key, &pkey, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_key_encode(pkey, &der_secret, err);

    EVP_PKEY_free(pkey);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_store_begin(acm_keyring_store(ring), &snap, err);

    if (rc == ACM_OK) {
        acm_account_subject(subject, sizeof(subject), a);

        rc = acm_keyring_seal(ring, snap, ACM_KEYRING_CA, ACM_KEYRING_CA,
                              subject, version, &der_secret, sealed, err);
        acm_store_end(snap);
    }

    acm_free_secret(der_secret.data, der_secret.len);

    return rc;
}


/* No allocation, which could fail: a key sealed under another subject is
   lost. */

static void
acm_account_subject(char *buf, size_t size, const acm_account_t *a)
{
    (void) snprintf(buf, size, "acme:%s %s", a->issuer, a->directory);
}


acm_rc_t
acm_account_key(acm_keyring_t *ring, const acm_account_t *a, int next,
    EVP_PKEY **pkey, acm_err_t *err)
{
    acm_rc_t     rc;
    acm_snap_t  *snap;

    rc = acm_store_begin(acm_keyring_store(ring), &snap, err);

    if (rc == ACM_OK) {
        rc = acm_account_open(ring, snap, a, next, pkey, err);
        acm_store_end(snap);
    }

    return rc;
}


acm_rc_t
acm_account_open(acm_keyring_t *ring, acm_snap_t *snap,
    const acm_account_t *a, int next, EVP_PKEY **pkey, acm_err_t *err)
{
    char              subject[ACM_MAX_LABEL + ACM_MAX_URL + 8];
    acm_rc_t          rc;
    acm_str_t         plain_secret;
    const acm_str_t  *sealed;

    sealed = next ? &a->next : &a->sealed;
    acm_account_subject(subject, sizeof(subject), a);

    rc = acm_keyring_unseal(ring, snap, ACM_KEYRING_CA, ACM_KEYRING_CA,
                            subject, a->version + (next ? 1 : 0), sealed,
                            &plain_secret, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_key_decode(a->key, plain_secret.data, plain_secret.len, pkey,
                        err);

    acm_free_secret(plain_secret.data, plain_secret.len);

    return rc;
}


acm_rc_t
acm_account_next(acm_keyring_t *ring, acm_account_t *a, acm_err_t *err)
{
    acm_rc_t   rc;
    acm_str_t  sealed;

    rc = acm_account_seal(ring, a, a->key, a->version + 1, &sealed, err);

    if (rc == ACM_OK) {
        acm_free(a->next.data);
        a->next = sealed;
    }

    return rc;
}


acm_rc_t
acm_account_wish(acm_store_t *store, const char *issuer,
    const char *directory, acm_account_wish_e wish, acm_err_t *err)
{
    acm_rc_t        rc;
    uint64_t        revision;
    acm_snap_t     *snap;
    acm_account_t   a;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_account_get(snap, issuer, directory, &a, &revision);

    acm_store_end(snap);

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "account of issuer \"%s\": %s", issuer,
                        acm_rc_text(rc));
    }

    if (wish == ACM_ACCOUNT_DEACTIVATE && *a.url == '\0') {
        rc = acm_fail(err, ACM_DENIED, "account of issuer \"%s\": the CA does "
                      "not know it yet, there is nothing to deactivate; to "
                      "make another one, \"acmctl account forget\"", issuer);

    } else {
        a.wish = wish;
        rc = acm_account_put(store, &a, revision, err);
    }

    acm_account_free(&a);

    return rc;
}


void
acm_account_contacts(const acm_issuer_t *issuer, char *text)
{
    size_t  i, len, n;

    len = 0;

    for (i = 0; i < issuer->ncontacts; i++) {
        n = strlen(issuer->contacts[i]);

        if (len + 1 + n > ACM_MAX_CONTACT_TEXT) {
            break;
        }

        if (len != 0) {
            text[len++] = ' ';
        }

        memcpy(text + len, issuer->contacts[i], n);
        len += n;
    }

    text[len] = '\0';
}


acm_rc_t
acm_account_each(acm_store_t *store,
    acm_rc_t (*each)(void *data, const acm_account_t *a), void *data,
    acm_err_t *err)
{
    acm_rc_t        rc, code, result;
    acm_snap_t     *snap;
    acm_entry_t     entry;
    acm_account_t   a;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    result = ACM_OK;

    for (rc = acm_store_seek(snap, ACM_DB_ACCOUNT, NULL, 0, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_ACCOUNT, &entry))
    {
        if (rc == ACM_OK) {
            rc = acm_account_decode(entry.data, entry.len, &a);
        }

        if (rc != ACM_OK) {
            result = acm_account_bad(&entry, rc, err);
            continue;
        }

        code = each(data, &a);
        acm_account_free(&a);

        if (code != ACM_OK) {
            acm_store_end(snap);
            return acm_fail(err, code, "accounts: %s", acm_rc_text(code));
        }
    }

    acm_store_end(snap);

    if (rc != ACM_NOTFOUND) {
        return acm_fail(err, rc, "accounts cannot be read to their end: %s",
                        acm_rc_text(rc));
    }

    return result;
}


/* The key begins with the issuer and a NUL. */

static acm_rc_t
acm_account_bad(const acm_entry_t *entry, acm_rc_t rc, acm_err_t *err)
{
    int          len;
    const char  *issuer;

    issuer = (const char *) entry->key;
    len = (int) strnlen(issuer, entry->key_len);

    (void) acm_fail(err, rc, "the account at issuer \"%.*s\" cannot be read: "
                    "%s; \"acmctl account forget %.*s\" removes it, the next "
                    "order makes another one", len, issuer, acm_rc_text(rc),
                    len, issuer);

    return ACM_CORRUPT;
}


acm_rc_t
acm_account_forget(acm_store_t *store, const char *issuer,
    const char *directory, acm_err_t *err)
{
    size_t        len;
    uint8_t       key[ACM_MAX_STORE_KEY];
    acm_rc_t      rc;
    acm_snap_t   *snap;
    acm_batch_t   batch;
    acm_entry_t   entry;

    len = acm_account_db_key(key, issuer, directory ? directory : "");

    if (len == 0) {
        return acm_fail(err, ACM_INVALID, "no issuer \"%s\"", issuer);
    }

    if (directory == NULL) {
        len = strlen(issuer) + 1;
    }

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_batch_init(&batch);

    for (rc = acm_store_seek(snap, ACM_DB_ACCOUNT, key, len, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_ACCOUNT, &entry))
    {
        if (entry.key_len < len || memcmp(entry.key, key, len) != 0) {
            rc = ACM_NOTFOUND;
            break;
        }

        acm_batch_delete(&batch, ACM_DB_ACCOUNT, entry.key, entry.key_len);
    }

    acm_store_end(snap);

    if (rc != ACM_NOTFOUND || batch.nops == 0) {
        rc = acm_fail(err, rc, "account at issuer \"%s\": %s", issuer,
                      acm_rc_text(rc));

    } else {
        rc = acm_store_commit(store, &batch, err);
    }

    acm_batch_free(&batch);

    return rc;
}
