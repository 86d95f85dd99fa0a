
/*
 * Copyright (C) The ngx_acm authors
 *
 * A certificate whose record is damaged does not say what else there is of it:
 * all maps are looked through.
 */


#include <string.h>

#include "acm_certificate_impl.h"
#include "acm_state.h"
#include "acm_used.h"


typedef enum {
    ACM_FORGET_BEGIN,            /* of the key is the UUID */
    ACM_FORGET_END,
    ACM_FORGET_REF               /* the value refers to it */
} acm_forget_e;


static acm_rc_t acm_forget_all(acm_batch_t *batch, acm_snap_t *snap,
    const char *uuid);
static acm_rc_t acm_forget_map(acm_batch_t *batch, acm_snap_t *snap,
    acm_db_e db, acm_forget_e where, const char *uuid);
static int acm_forget_is(const acm_entry_t *entry, acm_rc_t rc,
    acm_forget_e where, const char *uuid);


acm_rc_t
acm_certificate_forget(acm_store_t *store, const char *account,
    const char *region, const char *uuid, acm_err_t *err)
{
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    acm_cert_t   cert;
    acm_snap_t  *snap;
    acm_batch_t  batch;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_batch_init(&batch);

    rc = acm_cert_get(snap, account, region, uuid, &cert, NULL);

    if (rc == ACM_OK) {
        acm_cert_free(&cert);
        rc = ACM_INVALID;

    } else if (rc == ACM_CORRUPT) {
        len = acm_cert_key(key, account, region, uuid);
        acm_batch_delete(&batch, ACM_DB_CERTIFICATE, key, len);
        acm_batch_delete(&batch, ACM_DB_STAPLE, uuid, ACM_UUID_LEN);
        acm_used_delete(&batch, uuid);
        acm_state_count(&batch, -1);

        rc = acm_forget_all(&batch, snap, uuid);
    }

    acm_store_end(snap);

    rc = (rc == ACM_OK) ? acm_commit(store, &batch, err)
                        : acm_fail(err, rc, "certificate %s cannot be "
                                   "forgotten: %s", uuid, acm_rc_text(rc));

    acm_batch_free(&batch);

    return rc;
}


static acm_rc_t
acm_forget_all(acm_batch_t *batch, acm_snap_t *snap, const char *uuid)
{
    size_t    i;
    acm_rc_t  rc;

    static const struct {
        acm_db_e      db;
        acm_forget_e  where;
    } maps[] = {
        { ACM_DB_MATERIAL, ACM_FORGET_BEGIN },
        { ACM_DB_HISTORY, ACM_FORGET_BEGIN },
        { ACM_DB_NAME, ACM_FORGET_END },
        { ACM_DB_DUE, ACM_FORGET_END },
        { ACM_DB_WATCH, ACM_FORGET_END },
        { ACM_DB_EXPIRY, ACM_FORGET_END },
        { ACM_DB_OCSP, ACM_FORGET_END },
        { ACM_DB_CREATED, ACM_FORGET_END },
        { ACM_DB_STATE, ACM_FORGET_END },
        { ACM_DB_IDENTITY, ACM_FORGET_REF }
    };

    rc = ACM_OK;

    for (i = 0; rc == ACM_OK && i < sizeof(maps) / sizeof(maps[0]); i++) {
        rc = acm_forget_map(batch, snap, maps[i].db, maps[i].where, uuid);
    }

    return rc;
}


static acm_rc_t
acm_forget_map(acm_batch_t *batch, acm_snap_t *snap, acm_db_e db,
    acm_forget_e where, const char *uuid)
{
    acm_rc_t     rc;
    acm_entry_t  entry;

    for (rc = acm_store_seek(snap, db, uuid,
                             (where == ACM_FORGET_BEGIN) ? ACM_UUID_LEN : 0,
                             &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, db, &entry))
    {
        if (acm_forget_is(&entry, rc, where, uuid)) {
            acm_batch_delete(batch, db, entry.key, entry.key_len);

        } else if (where == ACM_FORGET_BEGIN) {
            return ACM_OK;
        }
    }

    return (rc == ACM_NOTFOUND) ? ACM_OK : rc;
}


static int
acm_forget_is(const acm_entry_t *entry, acm_rc_t rc, acm_forget_e where,
    const char *uuid)
{
    acm_ref_t  ref;

    if (where == ACM_FORGET_REF) {
        return rc == ACM_OK
               && acm_ref_decode(entry->data, entry->len, &ref) == ACM_OK
               && strcmp(ref.uuid, uuid) == 0;
    }

    return entry->key_len >= ACM_UUID_LEN
           && memcmp(entry->key + ((where == ACM_FORGET_END)
                                   ? entry->key_len - ACM_UUID_LEN : 0),
                     uuid, ACM_UUID_LEN)
              == 0;
}
