
/*
 * Copyright (C) The ngx_acm authors
 */


#include <string.h>

#include "acm_name.h"
#include "acm_state.h"
#include "acm_store_impl.h"


static int acm_state_named(const acm_cert_t *cert);
static int acm_state_plain(const char *name);


unsigned
acm_state_kind(const acm_cert_t *cert)
{
    if (cert->account == NULL) {
        return 0;
    }

    if (cert->not_after == 0) {
        return ACM_STATE_ENDLESS + cert->status;
    }

    if (!acm_state_named(cert)) {
        return ACM_STATE_APART + cert->status;
    }

    return (cert->status == ACM_STATUS_ISSUED) ? 0 : cert->status;
}


/* 1: the index of names has an entry for each of its names. */

static int
acm_state_named(const acm_cert_t *cert)
{
    int     found;
    size_t  i;

    if (cert->version == 0 || cert->status == ACM_STATUS_REVOKED) {
        return 0;
    }

    found = 0;

    for (i = 0; i < cert->nnames; i++) {
        if (!acm_state_plain(cert->names[i])) {
            return 0;
        }

        found |= (strcmp(cert->names[i], cert->domain) == 0);
    }

    return found;
}


/* What is looked for is in lower case. */

static int
acm_state_plain(const char *name)
{
    size_t  i;

    for (i = 0; name[i] != '\0'; i++) {
        if (name[i] >= 'A' && name[i] <= 'Z') {
            return 0;
        }
    }

    return !acm_name_is_ip(name, i);
}


size_t
acm_state_key(uint8_t *buf, const char *account, const char *region,
    unsigned kind, const char *uuid)
{
    size_t  len;

    len = acm_seal_key(buf, account, region);

    if (len == 0 || !acm_uuid_ok(uuid)) {
        return 0;
    }

    buf[len++] = '/';
    buf[len++] = (uint8_t) kind;
    memcpy(buf + len, uuid, ACM_UUID_LEN);

    return len + ACM_UUID_LEN;
}


size_t
acm_state_cert(uint8_t *key, size_t len, unsigned kind)
{
    size_t  at;

    if (len < ACM_UUID_LEN + 2) {
        return 0;
    }

    at = len - ACM_UUID_LEN - 1;

    if (key[at] < kind) {
        return 0;
    }

    memmove(key + at, key + at + 1, ACM_UUID_LEN);

    return len - 1;
}


void
acm_state_moves(acm_batch_t *batch, const acm_cert_t *old,
    const acm_cert_t *next)
{
    if (acm_state_kind(old) != acm_state_kind(next)) {
        acm_state_entry(batch, old, 0);
        acm_state_entry(batch, next, 1);
    }
}


void
acm_state_entry(acm_batch_t *batch, const acm_cert_t *cert, int put)
{
    size_t    len;
    uint8_t   key[ACM_MAX_STORE_KEY];
    unsigned  kind;

    kind = acm_state_kind(cert);

    if (kind == 0) {
        return;
    }

    len = acm_state_key(key, cert->account, cert->region, kind, cert->uuid);

    if (put) {
        acm_batch_put(batch, ACM_DB_STATE, key, len, "", 0);

    } else {
        acm_batch_delete(batch, ACM_DB_STATE, key, len);
    }
}


void
acm_state_count(acm_batch_t *batch, int64_t add)
{
    acm_batch_count(batch, ACM_DB_META, ACM_STATES_KEY, ACM_STATES_KEY_LEN,
                    add, INT64_MAX);
}


acm_rc_t
acm_state_behind(acm_snap_t *snap, int64_t *n)
{
    acm_rc_t     rc;
    uint64_t     all;
    acm_entry_t  entry;

    rc = acm_store_entries(snap, ACM_DB_CERTIFICATE, &all);

    if (rc != ACM_OK) {
        return rc;
    }

    *n = (int64_t) all;

    rc = acm_store_get(snap, ACM_DB_META, ACM_STATES_KEY, ACM_STATES_KEY_LEN,
                       &entry);

    /* a count that is damaged is counted anew, as it is written anew */

    if (rc == ACM_OK) {
        *n -= acm_count_read(&entry);
    }

    return (rc == ACM_NOTFOUND || rc == ACM_CORRUPT) ? ACM_OK : rc;
}


acm_rc_t
acm_state_emptied(acm_snap_t *snap, uint64_t *revision)
{
    acm_rc_t     rc;
    acm_entry_t  entry;

    rc = acm_store_get(snap, ACM_DB_META, ACM_MISTRUST_KEY,
                       ACM_MISTRUST_KEY_LEN, &entry);

    *revision = (rc == ACM_OK) ? entry.revision : 0;

    return (rc == ACM_NOTFOUND) ? ACM_OK : rc;
}


void
acm_state_expect(acm_batch_t *batch, uint64_t revision)
{
    acm_batch_expect(batch, ACM_DB_META, ACM_MISTRUST_KEY,
                     ACM_MISTRUST_KEY_LEN, revision);
}


void
acm_state_mistrust(acm_batch_t *batch)
{
    acm_batch_put(batch, ACM_DB_META, ACM_MISTRUST_KEY, ACM_MISTRUST_KEY_LEN,
                  "", 0);
}
