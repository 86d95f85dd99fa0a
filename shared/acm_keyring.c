
/*
 * Copyright (C) The ngx_acm authors
 */


#include <string.h>

#include <openssl/crypto.h>
#include "acm_keyring.h"


#define ACM_AAD_DATA      "acm data key v1"
#define ACM_AAD_KEY       "acm key v1"
#define ACM_MAX_AAD       1024
#define ACM_MAX_ENSURE    16     /* tries against other writers */


typedef struct {
    char                account[ACM_MAX_LABEL + 1];
    char                region[ACM_MAX_LABEL + 1];
    acm_key_secret_t    key;
} acm_data_key_t;


struct acm_keyring_s {
    acm_store_t        *store;
    uint8_t             id[ACM_MASTER_ID];
    acm_key_secret_t    master;
    acm_data_key_t     *keys;
    size_t              nkeys;
    size_t              size;
};


static acm_rc_t acm_keyring_claim(acm_keyring_t *ring, int create,
    acm_err_t *err);
static int acm_master_proven(acm_keyring_t *ring);
static acm_rc_t acm_master_check(acm_keyring_t *ring, uint64_t *revision,
    acm_err_t *err);
static acm_rc_t acm_master_read(acm_store_t *store,
    acm_master_rec_t *master, uint64_t *revision, acm_err_t *err);
static acm_rc_t acm_master_put(acm_batch_t *batch, const uint8_t *id);
static acm_rc_t acm_keyring_make(acm_keyring_t *ring, const char *account,
    const char *region, acm_err_t *err);
static acm_data_key_t *acm_keyring_lookup(acm_keyring_t *ring,
    const char *account, const char *region);
static acm_rc_t acm_keyring_data_key(acm_keyring_t *ring, acm_snap_t *snap,
    const char *account, const char *region, acm_data_key_t **key,
    acm_err_t *err);
static acm_rc_t acm_keyring_keep(acm_keyring_t *ring, const char *account,
    const char *region, const acm_key_secret_t *secret,
    acm_data_key_t **key, acm_err_t *err);
static acm_rc_t acm_data_key_wrap(const acm_key_secret_t *master,
    const uint8_t *id, const char *account, const char *region,
    const acm_key_secret_t *key, acm_batch_t *batch, acm_err_t *err);
static acm_rc_t acm_data_key_unwrap(const acm_key_secret_t *master,
    const uint8_t *id, const char *account, const char *region,
    const acm_entry_t *entry, acm_key_secret_t *key, acm_err_t *err);
static acm_rc_t acm_aad_data(acm_buf_t *aad, const char *account,
    const char *region);
static acm_rc_t acm_aad_key(acm_buf_t *aad, const char *subject,
    uint32_t version);
static acm_rc_t acm_rekey_all(acm_snap_t *snap,
    const acm_key_secret_t *old_key, const acm_key_secret_t *new_key,
    acm_batch_t *batch, unsigned *damaged, acm_err_t *err);
static acm_rc_t acm_rekey_one(const acm_entry_t *entry,
    const acm_key_secret_t *old_key, const acm_key_secret_t *new_key,
    acm_batch_t *batch, acm_err_t *err);


acm_rc_t
acm_keyring_open(acm_store_t *store, const acm_key_secret_t *master,
    int create, acm_keyring_t **out, acm_err_t *err)
{
    acm_rc_t        rc;
    acm_keyring_t  *ring;

    ring = acm_calloc(1, sizeof(acm_keyring_t));

    if (ring == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for a keyring");
    }

    ring->store = store;
    ring->master = *master;

    rc = acm_key_id(master, ring->id, err);

    if (rc == ACM_OK) {
        rc = acm_keyring_claim(ring, create, err);
    }

    if (rc == ACM_CONFLICT) {
        /* another process has claimed it at the same instant */
        rc = acm_keyring_claim(ring, create, err);
    }

    if (rc != ACM_OK) {
        acm_keyring_close(ring);
        return rc;
    }

    *out = ring;

    return ACM_OK;
}


static acm_rc_t
acm_keyring_claim(acm_keyring_t *ring, int create, acm_err_t *err)
{
    acm_rc_t      rc;
    uint64_t      revision;
    acm_batch_t   batch;

    rc = acm_master_check(ring, &revision, err);

    if (rc == ACM_CORRUPT && acm_master_proven(ring)) {
        acm_batch_init(&batch);

        /* it is known all the same: whoever can write does */

        if (acm_master_put(&batch, ring->id) == ACM_OK) {
            (void) acm_store_commit(ring->store, &batch, NULL);
        }

        acm_batch_free(&batch);

        return ACM_OK;
    }

    if (rc != ACM_NOTFOUND || !create) {
        return rc;
    }

    acm_batch_init(&batch);

    acm_batch_expect(&batch, ACM_DB_META, ACM_META_MASTER,
                     sizeof(ACM_META_MASTER) - 1, 0);
    rc = acm_master_put(&batch, ring->id);

    if (rc == ACM_OK) {
        rc = acm_store_commit(ring->store, &batch, err);
    }

    acm_batch_free(&batch);

    return rc;
}


/* 1: the master key of the ring opens a data key, and no other is under
   another one. */

static int
acm_master_proven(acm_keyring_t *ring)
{
    int                proven;
    char               name[ACM_MAX_STORE_KEY + 1], *region;
    acm_rc_t           rc, code;
    acm_snap_t        *snap;
    acm_entry_t        entry;
    acm_key_secret_t   key;

    if (acm_store_begin(ring->store, &snap, NULL) != ACM_OK) {
        return 0;
    }

    proven = 0;

    for (rc = acm_store_seek(snap, ACM_DB_SEAL, NULL, 0, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_SEAL, &entry))
    {
        memcpy(name, entry.key, entry.key_len);
        name[entry.key_len] = '\0';
        region = strchr(name, '/');

        if (rc != ACM_OK || region == NULL) {
            continue;
        }

        *region++ = '\0';
        code = acm_data_key_unwrap(&ring->master, ring->id, name, region,
                                   &entry, &key, NULL);

        if (code == ACM_OK) {
            acm_key_wipe(&key);
            proven = 1;

        } else if (code != ACM_CORRUPT) {
            proven = 0;
            break;
        }
    }

    acm_store_end(snap);

    return proven && rc == ACM_NOTFOUND;
}


/* Whether the store is still under the master key of the ring, and the
   revision that says so. */

static acm_rc_t
acm_master_check(acm_keyring_t *ring, uint64_t *revision, acm_err_t *err)
{
    acm_rc_t          rc;
    acm_master_rec_t  master;

    rc = acm_master_read(ring->store, &master, revision, err);

    if (rc == ACM_OK && memcmp(master.id, ring->id, ACM_MASTER_ID) != 0) {
        return acm_fail(err, ACM_DENIED, "the master key is not the one the "
                        "store was sealed with: put the right key file in "
                        "its place");
    }

    return rc;
}


static acm_rc_t
acm_master_read(acm_store_t *store, acm_master_rec_t *master,
    uint64_t *revision, acm_err_t *err)
{
    acm_rc_t      rc;
    acm_snap_t   *snap;
    acm_entry_t   entry;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_store_get(snap, ACM_DB_META, ACM_META_MASTER,
                       sizeof(ACM_META_MASTER) - 1, &entry);

    if (rc == ACM_OK) {
        *revision = entry.revision;
        rc = acm_master_rec_decode(entry.data, entry.len, master);
    }

    acm_store_end(snap);

    if (rc == ACM_NOTFOUND) {
        return acm_fail(err, rc, "the store has no master key yet");
    }

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "the store's record of its master key "
                        "cannot be read: %s", acm_rc_text(rc));
    }

    return ACM_OK;
}


static acm_rc_t
acm_master_put(acm_batch_t *batch, const uint8_t *id)
{
    acm_rc_t          rc;
    acm_buf_t         buf;
    acm_master_rec_t  master;

    memcpy(master.id, id, ACM_MASTER_ID);

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    rc = acm_master_rec_encode(&master, &buf);

    if (rc == ACM_OK) {
        acm_batch_put(batch, ACM_DB_META, ACM_META_MASTER,
                      sizeof(ACM_META_MASTER) - 1, buf.data, buf.len);
    }

    acm_buf_free(&buf);

    return rc;
}


void
acm_keyring_close(acm_keyring_t *ring)
{
    if (ring == NULL) {
        return;
    }

    acm_free_secret(ring->keys, ring->size * sizeof(acm_data_key_t));
    acm_free_secret(ring, sizeof(acm_keyring_t));
}


acm_store_t *
acm_keyring_store(acm_keyring_t *ring)
{
    return ring->store;
}


acm_rc_t
acm_keyring_ensure(acm_keyring_t *ring, const char *account,
    const char *region, acm_err_t *err)
{
    acm_rc_t    rc;
    unsigned    tries;

    if (acm_keyring_lookup(ring, account, region) != NULL) {
        return ACM_OK;
    }

    rc = ACM_CONFLICT;

    for (tries = 0; rc == ACM_CONFLICT && tries < ACM_MAX_ENSURE; tries++) {
        rc = acm_keyring_make(ring, account, region, err);
    }

    return rc;
}


/* ACM_CONFLICT: another process made a data key or a rekey meanwhile. */

static acm_rc_t
acm_keyring_make(acm_keyring_t *ring, const char *account,
    const char *region, acm_err_t *err)
{
    acm_rc_t           rc;
    uint64_t           revision;
    acm_snap_t        *snap;
    acm_batch_t        batch;
    acm_data_key_t    *found;
    acm_key_secret_t   key;

    rc = acm_master_check(ring, &revision, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_store_begin(ring->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_keyring_data_key(ring, snap, account, region, &found, err);

    acm_store_end(snap);

    if (rc != ACM_NOTFOUND) {
        return rc;
    }

    rc = acm_key_random(&key, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_batch_init(&batch);

    rc = acm_data_key_wrap(&ring->master, ring->id, account, region, &key,
                           &batch, err);

    /* The record of the master key is expected and written anew, so that a
       rekey can neither miss this data key nor come between: it would stay
       under a master key that nobody keeps. */

    if (rc == ACM_OK) {
        acm_batch_expect(&batch, ACM_DB_META, ACM_META_MASTER,
                         sizeof(ACM_META_MASTER) - 1, revision);
        rc = acm_master_put(&batch, ring->id);
    }

    if (rc == ACM_OK) {
        rc = acm_store_commit(ring->store, &batch, err);
    }

    acm_batch_free(&batch);

    if (rc == ACM_OK) {
        rc = acm_keyring_keep(ring, account, region, &key, &found, err);
    }

    acm_key_wipe(&key);

    return rc;
}


static acm_data_key_t *
acm_keyring_lookup(acm_keyring_t *ring, const char *account,
    const char *region)
{
    size_t  i;

    for (i = 0; i < ring->nkeys; i++) {
        if (strcmp(ring->keys[i].account, account) == 0
            && strcmp(ring->keys[i].region, region) == 0)
        {
            return &ring->keys[i];
        }
    }

    return NULL;
}


static acm_rc_t
acm_keyring_data_key(acm_keyring_t *ring, acm_snap_t *snap,
    const char *account, const char *region, acm_data_key_t **key,
    acm_err_t *err)
{
    size_t             len;
    uint8_t            buf[ACM_MAX_STORE_KEY];
    acm_rc_t           rc;
    acm_entry_t        entry;
    acm_key_secret_t   secret;

    *key = acm_keyring_lookup(ring, account, region);

    if (*key != NULL) {
        return ACM_OK;
    }

    len = acm_seal_key(buf, account, region);

    if (len == 0) {
        return acm_fail(err, ACM_INVALID, "\"%s\" and \"%s\" are no account "
                        "and region", account, region);
    }

    rc = acm_store_get(snap, ACM_DB_SEAL, buf, len, &entry);

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "data key of account %s, region %s: %s",
                        account, region, acm_rc_text(rc));
    }

    rc = acm_data_key_unwrap(&ring->master, ring->id, account, region,
                             &entry, &secret, err);

    if (rc == ACM_OK) {
        rc = acm_keyring_keep(ring, account, region, &secret, key, err);
        acm_key_wipe(&secret);
    }

    return rc;
}


static acm_rc_t
acm_keyring_keep(acm_keyring_t *ring, const char *account,
    const char *region, const acm_key_secret_t *secret,
    acm_data_key_t **out, acm_err_t *err)
{
    size_t           size;
    acm_data_key_t  *keys;

    if (ring->nkeys == ACM_MAX_KEYRING) {
        /* all are used alike: start anew rather than grow without end */
        OPENSSL_cleanse(ring->keys, ring->size * sizeof(acm_data_key_t));
        ring->nkeys = 0;
    }

    if (ring->nkeys == ring->size) {
        size = (ring->size == 0) ? 4 : ring->size * 2;

        keys = acm_realloc_secret(ring->keys,
                                  ring->nkeys * sizeof(acm_data_key_t),
                                  size * sizeof(acm_data_key_t));

        if (keys == NULL) {
            return acm_fail(err, ACM_NOMEM, "no memory for a data key");
        }

        ring->keys = keys;
        ring->size = size;
    }

    keys = &ring->keys[ring->nkeys++];

    /* both were checked when they became a key of the store */
    memcpy(keys->account, account, strlen(account) + 1);
    memcpy(keys->region, region, strlen(region) + 1);
    keys->key = *secret;

    *out = keys;

    return ACM_OK;
}


static acm_rc_t
acm_data_key_wrap(const acm_key_secret_t *master, const uint8_t *id,
    const char *account, const char *region, const acm_key_secret_t *key,
    acm_batch_t *batch, acm_err_t *err)
{
    size_t           len;
    uint8_t          name[ACM_MAX_STORE_KEY];
    acm_rc_t         rc;
    acm_buf_t        aad, buf;
    acm_seal_rec_t   rec;

    memset(&rec, 0, sizeof(acm_seal_rec_t));
    acm_buf_init(&aad, ACM_MAX_AAD);
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    len = acm_seal_key(name, account, region);

    if (len == 0) {
        rc = acm_fail(err, ACM_INVALID, "\"%s\" and \"%s\" are no account "
                      "and region", account, region);
        goto done;
    }

    rc = acm_aad_data(&aad, account, region);

    if (rc == ACM_OK) {
        rc = acm_seal(master, aad.data, aad.len, key->octets, ACM_KEY_LEN,
                      &rec.wrapped, err);
    }

    if (rc == ACM_OK) {
        memcpy(rec.master_id, id, ACM_MASTER_ID);
        rc = acm_seal_rec_encode(&rec, &buf);
    }

    if (rc == ACM_OK) {
        acm_batch_put(batch, ACM_DB_SEAL, name, len, buf.data, buf.len);
        rc = batch->rc;
    }

    if (rc == ACM_NOMEM) {
        (void) acm_fail(err, rc, "no memory for a data key");
    }

done:

    acm_seal_rec_free(&rec);
    acm_buf_free(&aad);
    acm_buf_free(&buf);

    return rc;
}


static acm_rc_t
acm_data_key_unwrap(const acm_key_secret_t *master, const uint8_t *id,
    const char *account, const char *region, const acm_entry_t *entry,
    acm_key_secret_t *key, acm_err_t *err)
{
    acm_rc_t         rc;
    acm_buf_t        aad;
    acm_str_t        plain;
    acm_seal_rec_t   rec;

    rc = acm_seal_rec_decode(entry->data, entry->len, &rec);

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "data key of account %s, region %s: %s",
                        account, region, acm_rc_text(rc));
    }

    acm_buf_init(&aad, ACM_MAX_AAD);

    if (memcmp(rec.master_id, id, ACM_MASTER_ID) != 0) {
        rc = acm_fail(err, ACM_DENIED, "data key of account %s, region %s "
                      "is under another master key: reload with the right "
                      "key file", account, region);
        goto done;
    }

    rc = acm_aad_data(&aad, account, region);

    if (rc == ACM_OK) {
        rc = acm_unseal(master, aad.data, aad.len, rec.wrapped.data,
                        rec.wrapped.len, &plain, err);
    }

    if (rc != ACM_OK) {
        goto done;
    }

    if (plain.len == ACM_KEY_LEN) {
        memcpy(key->octets, plain.data, ACM_KEY_LEN);

    } else {
        rc = acm_fail(err, ACM_CORRUPT, "data key of account %s, region %s "
                      "has a wrong length", account, region);
    }

    acm_free_secret(plain.data, plain.len);

done:

    acm_seal_rec_free(&rec);
    acm_buf_free(&aad);

    return rc;
}


static acm_rc_t
acm_aad_data(acm_buf_t *aad, const char *account, const char *region)
{
    acm_buf_add(aad, ACM_AAD_DATA, sizeof(ACM_AAD_DATA));
    acm_buf_add(aad, account, strlen(account) + 1);
    acm_buf_text(aad, region);

    return acm_buf_rc(aad);
}


static acm_rc_t
acm_aad_key(acm_buf_t *aad, const char *subject, uint32_t version)
{
    acm_buf_add(aad, ACM_AAD_KEY, sizeof(ACM_AAD_KEY));
    acm_buf_add(aad, subject, strlen(subject) + 1);
    acm_buf_u32(aad, version);

    return acm_buf_rc(aad);
}


acm_rc_t
acm_keyring_seal(acm_keyring_t *ring, acm_snap_t *snap, const char *account,
    const char *region, const char *subject, uint32_t version,
    const acm_str_t *plain, acm_str_t *sealed, acm_err_t *err)
{
    acm_rc_t         rc;
    acm_buf_t        aad;
    acm_data_key_t  *key;

    rc = acm_keyring_data_key(ring, snap, account, region, &key, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_buf_init(&aad, ACM_MAX_AAD);

    rc = acm_aad_key(&aad, subject, version);

    if (rc == ACM_OK) {
        rc = acm_seal(&key->key, aad.data, aad.len, plain->data, plain->len,
                      sealed, err);
    }

    acm_buf_free(&aad);

    return rc;
}


acm_rc_t
acm_keyring_unseal(acm_keyring_t *ring, acm_snap_t *snap,
    const char *account, const char *region, const char *subject,
    uint32_t version, const acm_str_t *sealed, acm_str_t *plain,
    acm_err_t *err)
{
    acm_rc_t         rc;
    acm_buf_t        aad;
    acm_data_key_t  *key;

    rc = acm_keyring_data_key(ring, snap, account, region, &key, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_buf_init(&aad, ACM_MAX_AAD);

    rc = acm_aad_key(&aad, subject, version);

    if (rc == ACM_OK) {
        rc = acm_unseal(&key->key, aad.data, aad.len, sealed->data,
                        sealed->len, plain, err);
    }

    acm_buf_free(&aad);

    return rc;
}


acm_rc_t
acm_keyring_rekey(acm_store_t *store, const acm_key_secret_t *old_key,
    const acm_key_secret_t *new_key, unsigned *damaged, acm_err_t *err)
{
    uint8_t            id[ACM_MASTER_ID];
    acm_rc_t           rc;
    uint64_t           revision;
    acm_snap_t        *snap;
    acm_batch_t        batch;
    acm_master_rec_t   master;

    *damaged = 0;
    rc = acm_master_read(store, &master, &revision, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_key_id(old_key, id, err);

    if (rc != ACM_OK) {
        return rc;
    }

    if (memcmp(master.id, id, ACM_MASTER_ID) != 0) {
        return acm_fail(err, ACM_DENIED, "the old master key is not the one "
                        "the store was sealed with");
    }

    acm_batch_init(&batch);
    acm_batch_expect(&batch, ACM_DB_META, ACM_META_MASTER,
                     sizeof(ACM_META_MASTER) - 1, revision);

    rc = acm_key_id(new_key, id, err);

    if (rc == ACM_OK) {
        rc = acm_master_put(&batch, id);
    }

    if (rc != ACM_OK) {
        goto done;
    }

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        goto done;
    }

    rc = acm_rekey_all(snap, old_key, new_key, &batch, damaged, err);

    acm_store_end(snap);

    if (rc == ACM_OK) {
        rc = acm_store_commit(store, &batch, err);
    }

done:

    acm_batch_free(&batch);

    return rc;
}


static acm_rc_t
acm_rekey_all(acm_snap_t *snap, const acm_key_secret_t *old_key,
    const acm_key_secret_t *new_key, acm_batch_t *batch, unsigned *damaged,
    acm_err_t *err)
{
    size_t        n;
    acm_rc_t      rc;
    acm_entry_t   entry;

    n = 0;

    /* with the record of the master key, which is expected: no data key can
       have been made since */

    for (rc = acm_store_seek(snap, ACM_DB_SEAL, NULL, 0, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_SEAL, &entry))
    {
        if (rc != ACM_OK) {
            (*damaged)++;
            continue;
        }

        if (n++ == ACM_MAX_REKEY) {
            return acm_fail(err, ACM_TOOBIG, "there are over %d data keys, of "
                            "as many accounts and regions: they do not go "
                            "into one commit", ACM_MAX_REKEY);
        }

        rc = acm_rekey_one(&entry, old_key, new_key, batch, err);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    if (rc != ACM_NOTFOUND) {
        return acm_fail(err, rc, "a data key cannot be read: %s",
                        acm_rc_text(rc));
    }

    return ACM_OK;
}


static acm_rc_t
acm_rekey_one(const acm_entry_t *entry, const acm_key_secret_t *old_key,
    const acm_key_secret_t *new_key, acm_batch_t *batch, acm_err_t *err)
{
    char               name[ACM_MAX_STORE_KEY + 1], *region;
    uint8_t            id[ACM_MASTER_ID];
    acm_rc_t           rc;
    acm_key_secret_t   key;

    memcpy(name, entry->key, entry->key_len);
    name[entry->key_len] = '\0';

    region = strchr(name, '/');

    if (region == NULL) {
        return acm_fail(err, ACM_CORRUPT, "a data key has no account and "
                        "region");
    }

    *region++ = '\0';

    rc = acm_key_id(old_key, id, err);

    if (rc == ACM_OK) {
        rc = acm_data_key_unwrap(old_key, id, name, region, entry, &key, err);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_key_id(new_key, id, err);

    if (rc == ACM_OK) {
        rc = acm_data_key_wrap(new_key, id, name, region, &key, batch, err);
    }

    acm_key_wipe(&key);

    return rc;
}
