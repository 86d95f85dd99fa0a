
/*
 * Copyright (C) The ngx_acm authors
 */


#include <openssl/evp.h>
#include <string.h>

#include "acm_record_impl.h"
#include "acm_used.h"


static void acm_used_note_by(acm_used_t *used, uint64_t server, int64_t at,
    int64_t now);


static const acm_field_t  acm_used_fields[] = {
    acm_field(1, ACM_FIELD_TIME, acm_used_t, first, 0, 0),
    acm_field(2, ACM_FIELD_TIME, acm_used_t, last, 0, 0),
    acm_field(3, ACM_FIELD_U32, acm_used_t, count, 0, 0),
    acm_field(4, ACM_FIELD_OCTETS, acm_used_t, by, 0,
              ACM_USED_SERVERS * ACM_USED_BY_LEN)
};

static const acm_layout_t  acm_used_layout =
    acm_layout(ACM_REC_USED, acm_used_t, acm_used_fields);


acm_rc_t
acm_used_encode(const acm_used_t *used, acm_buf_t *out)
{
    return acm_record_encode(&acm_used_layout, used, out);
}


acm_rc_t
acm_used_decode(const uint8_t *data, size_t len, acm_used_t *used)
{
    return acm_record_decode(&acm_used_layout, data, len, used);
}


uint64_t
acm_used_server(const char *name, size_t len)
{
    uint8_t       md[EVP_MAX_MD_SIZE];
    uint64_t      server;
    acm_reader_t  r;

    memset(md, 0, sizeof(md));
    (void) EVP_Digest(name, len, md, NULL, EVP_sha256(), NULL);

    acm_reader_init(&r, md, 8);
    server = acm_read_u64(&r);

    return (server == 0) ? 1 : server;
}


void
acm_used_by(const acm_used_t *used, size_t place, acm_used_by_t *by)
{
    acm_reader_t  r;

    acm_reader_init(&r, used->by + place * ACM_USED_BY_LEN, ACM_USED_BY_LEN);

    by->server = acm_read_u64(&r);
    by->last = (int64_t) acm_read_u64(&r);
}


/* In its own place, or that of the one which had it longest ago. */

static void
acm_used_note_by(acm_used_t *used, uint64_t server, int64_t at, int64_t now)
{
    size_t         i, place;
    unsigned       k;
    uint8_t       *p;
    int64_t        oldest;
    acm_used_by_t  by;

    place = 0;
    oldest = INT64_MAX;

    for (i = 0; i < ACM_USED_SERVERS; i++) {
        acm_used_by(used, i, &by);

        if (by.server == server) {
            place = i;
            at = (by.last > at && by.last <= now) ? by.last : at;
            break;
        }

        if (by.last < oldest) {
            oldest = by.last;
            place = i;
        }
    }

    p = used->by + place * ACM_USED_BY_LEN;

    for (k = 0; k < 8; k++) {
        p[k] = (uint8_t) (server >> (56 - 8 * k));
        p[8 + k] = (uint8_t) ((uint64_t) at >> (56 - 8 * k));
    }
}


acm_rc_t
acm_used_get(acm_snap_t *snap, const char *uuid, acm_used_t *used)
{
    acm_rc_t     rc;
    acm_entry_t  entry;

    if (!acm_uuid_ok(uuid)) {
        return ACM_NOTFOUND;
    }

    rc = acm_store_get(snap, ACM_DB_USED, uuid, ACM_UUID_LEN, &entry);

    if (rc != ACM_OK) {
        return rc;
    }

    return acm_used_decode(entry.data, entry.len, used);
}


/* A worker knows no account and region, but material is found by UUID: of any
   version, as one of them may be damaged. */

acm_rc_t
acm_used_owner(acm_snap_t *snap, const char *uuid, acm_ref_t *ref)
{
    acm_rc_t        rc, result;
    acm_entry_t     entry;
    acm_material_t  m;

    if (!acm_uuid_ok(uuid)) {
        return ACM_NOTFOUND;
    }

    result = ACM_NOTFOUND;

    for (rc = acm_store_seek(snap, ACM_DB_MATERIAL, uuid, ACM_UUID_LEN,
                             &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_MATERIAL, &entry))
    {
        if (entry.key_len < ACM_UUID_LEN
            || memcmp(entry.key, uuid, ACM_UUID_LEN) != 0)
        {
            return result;
        }

        if (rc == ACM_OK) {
            rc = acm_material_decode(entry.data, entry.len, &m);
        }

        if (rc == ACM_OK) {
            break;
        }

        result = rc;
    }

    if (rc != ACM_OK) {
        return (rc == ACM_NOTFOUND) ? result : rc;
    }

    /* the decoder has seen to their lengths */

    memset(ref, 0, sizeof(acm_ref_t));
    memcpy(ref->account, m.account, strnlen(m.account, ACM_MAX_LABEL));
    memcpy(ref->region, m.region, strnlen(m.region, ACM_MAX_LABEL));
    memcpy(ref->uuid, uuid, ACM_UUID_LEN);

    acm_material_free(&m);

    return ACM_OK;
}


void
acm_used_merge(acm_batch_t *batch, acm_snap_t *snap,
    const acm_used_note_t *note, int64_t now)
{
    int64_t     at;
    acm_rc_t    rc;
    acm_buf_t   buf;
    acm_used_t  used;

    rc = acm_used_get(snap, note->uuid, &used);

    if (rc == ACM_VERSION) {
        return;
    }

    if (rc != ACM_OK) {

        /* a damaged one says nothing: it begins anew */

        memset(&used, 0, sizeof(acm_used_t));
    }

    at = (note->at > now) ? now : note->at;

    if (used.first == 0 || used.first > at) {
        used.first = at;
    }

    if (used.last < at || used.last > now) {
        used.last = at;
    }

    if (note->server != 0) {
        acm_used_note_by(&used, note->server, at, now);
    }

    used.count = (used.count > UINT32_MAX - note->count)
                 ? UINT32_MAX : used.count + note->count;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    rc = acm_used_encode(&used, &buf);

    if (rc == ACM_OK) {
        acm_batch_put(batch, ACM_DB_USED, note->uuid, ACM_UUID_LEN, buf.data,
                      buf.len);

    } else if (batch->rc == ACM_OK) {
        batch->rc = rc;
    }

    acm_buf_free(&buf);
}


void
acm_used_delete(acm_batch_t *batch, const char *uuid)
{
    acm_batch_delete(batch, ACM_DB_USED, uuid, ACM_UUID_LEN);
}


int
acm_used_idle(acm_snap_t *snap, const acm_cert_t *cert, int64_t unused,
    int64_t now, int64_t *since)
{
    int64_t     from;
    acm_rc_t    rc;
    acm_used_t  used;

    if (cert->version == 0) {
        return 0;
    }

    from = cert->created_at;
    rc = acm_used_get(snap, cert->uuid, &used);

    if (rc == ACM_OK) {
        from = (used.last > from || from > now) ? used.last : from;

    } else if (rc != ACM_NOTFOUND) {
        return 0;
    }

    if (since != NULL) {
        *since = from;
    }

    return now >= acm_add_sat(from, unused);
}
