
/*
 * Copyright (C) The ngx_acm authors
 */


#include <openssl/evp.h>
#include <string.h>

#include "acm_import.h"
#include "acm_name.h"


#define ACM_IMPORT_TRIES   5         /* of a commit that somebody comes into */
/* operations that one certificate may need: all of its names, those of the
   version before, and what else there is of it */
#define ACM_IMPORT_OPS     (2 * ACM_MAX_NAMES + 64)
#define ACM_IMPORT_GROUP   512       /* certificates in one commit */


/* what an import is looked for among */

typedef struct {
    acm_snap_t           *snap;
    const char           *account;
    const char           *region;
    const acm_bundle_t   *bundle;
    size_t                seen;
    int                  *chain;
} acm_alike_t;


static acm_rc_t acm_alike_named(acm_alike_t *a, const char *name,
    char *uuid);
static acm_rc_t acm_alike_ending(acm_alike_t *a, char *uuid);
static acm_rc_t acm_alike_check(acm_alike_t *a, const char *uuid);
static int acm_alike_chain(const acm_bundle_t *bundle,
    const acm_material_t *m);
static acm_rc_t acm_import_group(acm_keyring_t *ring, const char *account,
    const char *region, acm_imported_t *list, size_t *n, int quiet,
    int64_t now, acm_err_t *err);
static acm_rc_t acm_import_add(acm_keyring_t *ring, const char *account,
    const char *region, acm_imported_t *item, acm_install_t *install);
static const acm_imported_t *acm_import_again(const acm_imported_t *list,
    const acm_imported_t *item);


acm_rc_t
acm_import_find(acm_snap_t *snap, const char *account, const char *region,
    const acm_bundle_t *bundle, char *uuid, int *chain, acm_err_t *err)
{
    size_t        i;
    acm_rc_t      rc;
    const char   *name;
    acm_alike_t   a;

    memset(&a, 0, sizeof(acm_alike_t));

    a.snap = snap;
    a.account = account;
    a.region = region;
    a.bundle = bundle;
    a.chain = chain;

    name = NULL;

    /* addresses are in no index */

    for (i = 0; i < bundle->info.nnames && name == NULL; i++) {
        if (!acm_name_is_ip(bundle->info.names[i],
                            strlen(bundle->info.names[i])))
        {
            name = bundle->info.names[i];
        }
    }

    rc = (name != NULL) ? acm_alike_named(&a, name, uuid)
                        : acm_alike_ending(&a, uuid);

    if (rc == ACM_TOOBIG) {
        return acm_fail(err, rc, "there are more than %d certificates for %s "
                        "already: whether this is one of them is not looked "
                        "for; import it by itself", ACM_MAX_ALIKE,
                        name != NULL ? name : "addresses that end with it");
    }

    if (rc != ACM_OK && rc != ACM_NOTFOUND) {
        return acm_fail(err, rc, "what is there already cannot be read: %s",
                        acm_rc_text(rc));
    }

    return rc;
}


/* Among those of one name; a damaged one is passed over, it is none. */

static acm_rc_t
acm_alike_named(acm_alike_t *a, const char *name, char *uuid)
{
    size_t           len;
    uint8_t          prefix[ACM_MAX_STORE_KEY];
    acm_rc_t         rc, code;
    acm_entry_t      entry;
    acm_name_rec_t   rec;

    len = acm_name_prefix(prefix, name);

    if (len == 0) {
        return ACM_NOTFOUND;
    }

    for (rc = acm_store_seek(a->snap, ACM_DB_NAME, prefix, len, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(a->snap, ACM_DB_NAME, &entry))
    {
        if (entry.key_len <= len || memcmp(entry.key, prefix, len) != 0) {
            return ACM_NOTFOUND;
        }

        if (a->seen++ == ACM_MAX_ALIKE) {
            return ACM_TOOBIG;
        }

        if (rc != ACM_OK
            || acm_name_rec_decode(entry.data, entry.len, &rec) != ACM_OK
            || rec.key != a->bundle->info.key
            || rec.not_before != a->bundle->info.not_before
            || rec.not_after != a->bundle->info.not_after)
        {
            continue;
        }

        code = acm_alike_check(a, rec.uuid);

        if (code != ACM_NOTFOUND) {
            memcpy(uuid, rec.uuid, sizeof(rec.uuid));
            return code;
        }
    }

    return rc;
}


/* Among those that end in the same second. */

static acm_rc_t
acm_alike_ending(acm_alike_t *a, char *uuid)
{
    char          id[ACM_UUID_LEN + 1];
    size_t        i;
    uint8_t       from[8];
    int64_t       at;
    acm_rc_t      rc, code;
    acm_entry_t   entry;

    for (i = 0; i < sizeof(from); i++) {
        from[i] = (uint8_t) ((uint64_t) a->bundle->info.not_after
                             >> (56 - 8 * i));
    }

    for (rc = acm_store_seek(a->snap, ACM_DB_EXPIRY, from, sizeof(from),
                             &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(a->snap, ACM_DB_EXPIRY, &entry))
    {
        if (acm_time_key_parse(entry.key, entry.key_len, &at, id) != ACM_OK) {
            continue;
        }

        if (at != a->bundle->info.not_after) {
            return ACM_NOTFOUND;
        }

        if (a->seen++ == ACM_MAX_ALIKE) {
            return ACM_TOOBIG;
        }

        code = acm_alike_check(a, id);

        if (code != ACM_NOTFOUND) {
            memcpy(uuid, id, sizeof(id));
            return code;
        }
    }

    return rc;
}


/* ACM_OK: this is it.  The leaf stands for its key. */

static acm_rc_t
acm_alike_check(acm_alike_t *a, const char *uuid)
{
    int              same;
    acm_rc_t         rc;
    acm_cert_t       cert;
    acm_material_t   m;

    rc = acm_cert_get(a->snap, a->account, a->region, uuid, &cert, NULL);

    if (rc != ACM_OK) {
        return (rc == ACM_NOMEM) ? rc : ACM_NOTFOUND;
    }

    same = (cert.type == ACM_TYPE_IMPORTED
            && strcmp(cert.serial, a->bundle->info.serial) == 0);

    rc = same ? acm_material_get(a->snap, uuid, cert.version, &m)
              : ACM_NOTFOUND;

    acm_cert_free(&cert);

    if (rc != ACM_OK) {
        return (rc == ACM_NOMEM) ? rc : ACM_NOTFOUND;
    }

    same = (m.leaf.len == a->bundle->leaf.len
            && memcmp(m.leaf.data, a->bundle->leaf.data, m.leaf.len) == 0);

    *a->chain = acm_alike_chain(a->bundle, &m);

    acm_material_free(&m);

    return same ? ACM_OK : ACM_NOTFOUND;
}


static int
acm_alike_chain(const acm_bundle_t *bundle, const acm_material_t *m)
{
    size_t   i;
    uint8_t  hash[ACM_HASH_LEN];

    if (m->nchain != bundle->nchain) {
        return 0;
    }

    for (i = 0; i < m->nchain; i++) {
        if (EVP_Digest(bundle->chain[i].data, bundle->chain[i].len, hash,
                       NULL, EVP_sha256(), NULL)
            != 1
            || memcmp(hash, m->chain[i], ACM_HASH_LEN) != 0)
        {
            return 0;
        }
    }

    return 1;
}


acm_rc_t
acm_import_many(acm_keyring_t *ring, const char *account, const char *region,
    acm_imported_t *list, size_t n, int quiet, int64_t now, acm_err_t *err)
{
    size_t    i, done, group, tries;
    acm_rc_t  rc;

    /* a commit of its own, and before any other */

    rc = acm_keyring_ensure(ring, account, region, err);

    for (done = 0; rc == ACM_OK && done < n; done += group) {

        for (tries = 0; tries < ACM_IMPORT_TRIES; tries++) {
            group = n - done;
            rc = acm_import_group(ring, account, region, list + done, &group,
                                  quiet, now, err);

            if (rc != ACM_CONFLICT) {
                break;
            }
        }

        if (rc != ACM_OK) {
            break;
        }
    }

    for (i = done; rc != ACM_OK && i < n; i++) {
        if (list[i].rc == ACM_OK) {
            list[i].rc = rc;
            list[i].err = *err;
        }
    }

    return rc;
}


/* As many as go into one batch; n gets how many of the list that was. */

static acm_rc_t
acm_import_group(acm_keyring_t *ring, const char *account,
    const char *region, acm_imported_t *list, size_t *n, int quiet,
    int64_t now, acm_err_t *err)
{
    size_t                  i;
    acm_rc_t                rc;
    acm_batch_t             batch;
    acm_install_t           install;
    const acm_imported_t   *same;

    acm_batch_init(&batch);
    batch.grow = 1;

    memset(&install, 0, sizeof(acm_install_t));

    install.now = now;
    install.issued_by = "";
    install.quiet = quiet ? 1 : 0;
    install.into = &batch;

    for (i = 0; i < *n && i < ACM_IMPORT_GROUP
                && batch.nops + ACM_IMPORT_OPS <= ACM_MAX_BATCH; i++)
    {
        list[i].there = 0;
        list[i].uuid[0] = '\0';

        if (list[i].rc != ACM_OK) {
            continue;
        }

        same = acm_import_again(list, &list[i]);

        if (same != NULL) {
            memcpy(list[i].uuid, same->uuid, sizeof(same->uuid));
            list[i].there = 1;
            continue;
        }

        list[i].rc = acm_import_add(ring, account, region, &list[i],
                                    &install);

        if (list[i].rc == ACM_OK && !list[i].there) {
            install.like = &list[i].bundle;
        }
    }

    *n = i;

    rc = acm_store_commit(acm_keyring_store(ring), &batch, err);

    acm_batch_free(&batch);

    return rc;
}


static acm_rc_t
acm_import_add(acm_keyring_t *ring, const char *account, const char *region,
    acm_imported_t *item, acm_install_t *install)
{
    int          chain;
    acm_rc_t     rc;
    acm_snap_t  *snap;

    rc = acm_store_begin(acm_keyring_store(ring), &snap, &item->err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_import_find(snap, account, region, &item->bundle, item->uuid,
                         &chain, &item->err);

    acm_store_end(snap);

    /* none is no reason to give up the one that it has */

    if (rc == ACM_OK && (chain || item->bundle.nchain == 0)) {
        item->there = 1;
        return ACM_OK;
    }

    if (rc != ACM_OK && rc != ACM_NOTFOUND) {
        return rc;
    }

    return acm_certificate_import(ring, account, region, &item->bundle,
                                  install, item->uuid, &item->err);
}


/* One of the same batch, which the store does not have yet. */

static const acm_imported_t *
acm_import_again(const acm_imported_t *list, const acm_imported_t *item)
{
    const acm_str_t       *a, *b;
    const acm_imported_t  *other;

    for (other = list; other < item; other++) {
        a = &other->bundle.leaf;
        b = &item->bundle.leaf;

        if (other->rc == ACM_OK && a->len == b->len
            && memcmp(a->data, b->data, a->len) == 0)
        {
            return other;
        }
    }

    return NULL;
}
