
/*
 * Copyright (C) The ngx_acm authors
 *
 * Keys of the map: "r", the issuer's name, NUL and the SHA-256 of the leaf
 * for the records; "t", the time at which a CA is to be asked, and the same
 * for what is due.
 */


#include <openssl/evp.h>
#include <string.h>

#include "acm_certificate_impl.h"
#include "acm_event.h"
#include "acm_history.h"
#include "acm_record_impl.h"
#include "acm_revocation.h"


#define ACM_REVOCATION_TIME  9               /* octets before the rest */


static size_t acm_revocation_key(uint8_t *buf, const char *issuer,
    size_t len, const uint8_t *hash);
static size_t acm_revocation_time(uint8_t *buf, const uint8_t *key,
    size_t len, int64_t at);
static acm_rc_t acm_revocation_read(acm_snap_t *snap, const uint8_t *key,
    size_t len, acm_revocation_t *r, uint64_t *revision);
static int64_t acm_revoked_swept(acm_snap_t *snap);
static acm_rc_t acm_revoked_mark(acm_batch_t *batch, int64_t now,
    acm_err_t *err);
static acm_rc_t acm_revoked_gather(acm_revoked_sweep_t *sweep,
    acm_snap_t *snap, int64_t since, acm_batch_t *batch, int *more,
    acm_err_t *err);
static int acm_revoked_over(const acm_entry_t *entry, int64_t since);
static acm_rc_t acm_revocation_write(acm_store_t *store,
    const acm_revocation_t *r, uint64_t revision, int64_t due_at,
    int64_t now, acm_err_t *err);
static acm_rc_t acm_revocation_cert(acm_store_t *store, acm_batch_t *batch,
    const acm_revocation_t *r, int64_t now, acm_err_t *err);
static void acm_revocation_told(acm_cert_t *next, const acm_revocation_t *r,
    int64_t now);


static const acm_field_t  acm_revocation_fields[] = {
    acm_field(1, ACM_FIELD_STR, acm_revocation_t, issuer, 1, ACM_MAX_LABEL),
    acm_field(2, ACM_FIELD_STR, acm_revocation_t, account, 1, ACM_MAX_LABEL),
    acm_field(3, ACM_FIELD_STR, acm_revocation_t, region, 1, ACM_MAX_LABEL),
    acm_field(4, ACM_FIELD_UUID, acm_revocation_t, uuid, 1, ACM_UUID_LEN),
    acm_field(5, ACM_FIELD_U32, acm_revocation_t, version, 0, 0),
    acm_field(6, ACM_FIELD_STR, acm_revocation_t, domain, 1, ACM_MAX_NAME),
    acm_field(7, ACM_FIELD_STR, acm_revocation_t, serial, 1,
              ACM_MAX_REC_SERIAL),
    acm_field(8, ACM_FIELD_OCTETS, acm_revocation_t, hash, 1, ACM_HASH_LEN),
    acm_field(9, ACM_FIELD_OCTETS, acm_revocation_t, ca, 0, ACM_HASH_LEN),
    acm_field(10, ACM_FIELD_ENUM, acm_revocation_t, state,
              ACM_REVOKING_WANTED, ACM_REVOKING_REFUSED),
    acm_field(11, ACM_FIELD_ENUM, acm_revocation_t, reason,
              ACM_REVOKED_UNSPECIFIED, ACM_REVOKED_A_A_COMPROMISE),
    acm_field(12, ACM_FIELD_TIME, acm_revocation_t, at, 0, 0),
    acm_field(13, ACM_FIELD_TIME, acm_revocation_t, not_after, 0, 0),
    acm_field(14, ACM_FIELD_TIME, acm_revocation_t, ended_at, 0, 0),
    acm_field(15, ACM_FIELD_BLOB, acm_revocation_t, leaf, 0,
              ACM_MAX_CERT_DER),
    acm_field(16, ACM_FIELD_TIME, acm_revocation_t, due_at, 0, 0),
    acm_field(17, ACM_FIELD_U32, acm_revocation_t, attempts, 0, 0),
    acm_field(18, ACM_FIELD_STR, acm_revocation_t, error, 0, ACM_MAX_ERROR),
    acm_field(19, ACM_FIELD_U32, acm_revocation_t, bare, 0, 0)
};

static const acm_layout_t  acm_revocation_layout =
    acm_layout(ACM_REC_REVOCATION, acm_revocation_t, acm_revocation_fields);


acm_rc_t
acm_revocation_encode(const acm_revocation_t *r, acm_buf_t *out)
{
    return acm_record_encode(&acm_revocation_layout, r, out);
}


acm_rc_t
acm_revocation_decode(const uint8_t *data, size_t len, acm_revocation_t *r)
{
    return acm_record_decode(&acm_revocation_layout, data, len, r);
}


void
acm_revocation_free(acm_revocation_t *r)
{
    acm_record_free(&acm_revocation_layout, r);
}


/* 0: that is no issuer's name */

static size_t
acm_revocation_key(uint8_t *buf, const char *issuer, size_t len,
    const uint8_t *hash)
{
    if (len == 0 || len > ACM_MAX_LABEL) {
        return 0;
    }

    buf[0] = 'r';
    memcpy(buf + 1, issuer, len);
    buf[1 + len] = '\0';
    memcpy(buf + 2 + len, hash, ACM_HASH_LEN);

    return 2 + len + ACM_HASH_LEN;
}


/* The key of what is due, from a record's key. */

static size_t
acm_revocation_time(uint8_t *buf, const uint8_t *key, size_t len, int64_t at)
{
    unsigned  i;

    buf[0] = 't';

    for (i = 0; i < 8; i++) {
        buf[1 + i] = (uint8_t) ((uint64_t) at >> (56 - 8 * i));
    }

    memcpy(buf + ACM_REVOCATION_TIME, key + 1, len - 1);

    return len + ACM_REVOCATION_TIME - 1;
}


acm_rc_t
acm_revocation_entry(acm_snap_t *snap, const acm_revocation_t *r,
    acm_entry_t *entry)
{
    size_t   len;
    uint8_t  key[ACM_MAX_STORE_KEY], time[ACM_MAX_STORE_KEY];

    len = acm_revocation_key(key, r->issuer, strlen(r->issuer), r->hash);

    if (len == 0) {
        return ACM_NOTFOUND;
    }

    len = acm_revocation_time(time, key, len, r->due_at);

    return acm_store_get(snap, ACM_DB_REVOCATION, time, len, entry);
}


void
acm_batch_revocation(acm_batch_t *batch, const acm_revocation_t *r,
    uint64_t revision, int64_t due_at)
{
    size_t     len, n;
    uint8_t    key[ACM_MAX_STORE_KEY], time[ACM_MAX_STORE_KEY];
    acm_rc_t   rc;
    acm_buf_t  buf;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    len = acm_revocation_key(key, r->issuer, strlen(r->issuer), r->hash);
    rc = (len == 0) ? ACM_INVALID : acm_revocation_encode(r, &buf);

    if (rc == ACM_OK) {
        acm_batch_expect(batch, ACM_DB_REVOCATION, key, len, revision);

        if (due_at != 0) {
            n = acm_revocation_time(time, key, len, due_at);
            acm_batch_delete(batch, ACM_DB_REVOCATION, time, n);
        }

        if (r->state == ACM_REVOKING_WANTED) {
            n = acm_revocation_time(time, key, len, r->due_at);
            acm_batch_put(batch, ACM_DB_REVOCATION, time, n, "", 0);
        }

        acm_batch_put(batch, ACM_DB_REVOCATION, key, len, buf.data, buf.len);

    } else if (batch->rc == ACM_OK) {
        batch->rc = rc;
    }

    acm_buf_free(&buf);
}


static acm_rc_t
acm_revocation_read(acm_snap_t *snap, const uint8_t *key, size_t len,
    acm_revocation_t *r, uint64_t *revision)
{
    acm_rc_t     rc;
    acm_entry_t  entry;

    rc = acm_store_get(snap, ACM_DB_REVOCATION, key, len, &entry);

    if (rc != ACM_OK) {
        return rc;
    }

    if (revision != NULL) {
        *revision = entry.revision;
    }

    return acm_revocation_decode(entry.data, entry.len, r);
}


acm_rc_t
acm_revocation_get(acm_snap_t *snap, const char *issuer,
    const uint8_t hash[ACM_HASH_LEN], acm_revocation_t *r,
    uint64_t *revision)
{
    size_t   len;
    uint8_t  key[ACM_MAX_STORE_KEY];

    len = acm_revocation_key(key, issuer, strlen(issuer), hash);

    return (len == 0) ? ACM_NOTFOUND
                      : acm_revocation_read(snap, key, len, r, revision);
}


acm_rc_t
acm_revocation_find(acm_snap_t *snap, const acm_cert_t *cert,
    const acm_str_t *leaf, acm_revocation_t *r)
{
    size_t       len, n;
    uint8_t      key[ACM_MAX_STORE_KEY], hash[ACM_HASH_LEN];
    acm_rc_t     rc;
    const char  *name;

    if (EVP_Digest(leaf->data, leaf->len, hash, NULL, EVP_sha256(), NULL)
        != 1)
    {
        return ACM_ERROR;
    }

    for (name = cert->issuer; *name != '\0'; name += n + (name[n] == ' ')) {
        n = strcspn(name, " ");
        len = acm_revocation_key(key, name, n, hash);

        rc = (len == 0) ? ACM_NOTFOUND
                        : acm_revocation_read(snap, key, len, r, NULL);

        if (rc != ACM_NOTFOUND) {
            return rc;
        }
    }

    return ACM_NOTFOUND;
}


acm_rc_t
acm_revocation_each(acm_snap_t *snap, const char *issuer,
    acm_revocation_pt handler, void *data)
{
    acm_revocation_walk_t  w;

    memset(&w, 0, sizeof(acm_revocation_walk_t));

    return acm_revocation_some(snap, issuer, &w, SIZE_MAX, handler, data);
}


acm_rc_t
acm_revocation_some(acm_snap_t *snap, const char *issuer,
    acm_revocation_walk_t *w, size_t max, acm_revocation_pt handler,
    void *data)
{
    size_t            len, n;
    uint8_t           key[ACM_MAX_LABEL + 2];
    acm_rc_t          rc, result;
    acm_entry_t       entry;
    acm_revocation_t  r;

    key[0] = 'r';
    len = 1;

    if (issuer != NULL) {
        len = strnlen(issuer, ACM_MAX_LABEL);
        memcpy(key + 1, issuer, len);
        key[1 + len] = '\0';
        len += 2;
    }

    if (w->len == 0) {
        memcpy(w->key, key, len);
        w->len = len;
    }

    result = ACM_OK;
    n = 0;
    w->end = 1;

    for (rc = acm_store_seek(snap, ACM_DB_REVOCATION, w->key, w->len, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_REVOCATION, &entry))
    {
        if (entry.key_len < len || memcmp(entry.key, key, len) != 0) {
            return result;
        }

        if (n++ == max) {
            w->end = 0;
            return result;
        }

        /* the least key behind this one */
        memcpy(w->key, entry.key, entry.key_len);
        w->key[entry.key_len] = 0;
        w->len = entry.key_len + 1;

        if (rc == ACM_OK) {
            rc = acm_revocation_decode(entry.data, entry.len, &r);
        }

        if (rc != ACM_OK) {
            result = ACM_CORRUPT;
            continue;
        }

        rc = handler(data, &r);
        acm_revocation_free(&r);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    return (rc == ACM_NOTFOUND) ? result : rc;
}


acm_rc_t
acm_revocation_due(acm_snap_t *snap, int64_t now, acm_revocation_t *r,
    uint64_t *revision, int64_t *next)
{
    size_t        len;
    int64_t       at;
    uint8_t       key[ACM_MAX_STORE_KEY];
    acm_rc_t      rc;
    acm_entry_t   entry;
    acm_reader_t  reader;

    *next = INT64_MAX;

    for (rc = acm_store_seek(snap, ACM_DB_REVOCATION, "t", 1, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_REVOCATION, &entry))
    {
        if (entry.key_len <= ACM_REVOCATION_TIME || entry.key[0] != 't') {
            return ACM_NOTFOUND;
        }

        acm_reader_init(&reader, entry.key + 1, 8);
        at = (int64_t) acm_read_u64(&reader);

        if (at > now && at - now <= ACM_REVOKE_AHEAD) {
            *next = at;
            return ACM_NOTFOUND;
        }

        len = entry.key_len - ACM_REVOCATION_TIME + 1;
        key[0] = 'r';
        memcpy(key + 1, entry.key + ACM_REVOCATION_TIME, len - 1);

        if (acm_revocation_read(snap, key, len, r, revision) != ACM_OK) {
            continue;
        }

        if (r->state == ACM_REVOKING_WANTED && r->due_at == at) {
            return ACM_OK;
        }

        acm_revocation_free(r);
    }

    return rc;
}


/*
 * Who removes what the sweep before, of another day, found over as well is not
 * led astray by a clock that is ahead for some hours.  That sweep may have
 * been of another process: when it was is in the store.  If that has not come
 * yet, the clock was ahead then, and this sweep is the first.
 */

acm_rc_t
acm_revoked_sweep(acm_revoked_sweep_t *sweep, acm_store_t *store,
    int64_t now, int *more, acm_err_t *err)
{
    size_t        n;
    int64_t       swept;
    acm_rc_t      rc;
    acm_snap_t   *snap;
    acm_batch_t   batch;

    *more = 0;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    swept = acm_revoked_swept(snap);

    if (swept <= now && now - swept < ACM_REVOKED_SWEEP) {
        acm_store_end(snap);
        return ACM_OK;
    }

    acm_batch_init(&batch);

    if (swept <= now) {
        rc = acm_revoked_gather(sweep, snap, swept, &batch, more, err);
    }

    acm_store_end(snap);

    n = batch.nops / 2;

    if (rc == ACM_OK && !*more) {
        sweep->len = 0;
        rc = acm_revoked_mark(&batch, now, err);
    }

    if (rc == ACM_OK && batch.nops != 0) {
        rc = acm_store_commit(store, &batch, err);
    }

    acm_batch_free(&batch);

    /* somebody has changed one of them: it is looked at the next time */

    if (rc == ACM_CONFLICT) {
        return ACM_OK;
    }

    if (rc != ACM_OK) {
        sweep->len = 0;
        *more = 0;
        return rc;
    }

    sweep->removed += n;

    return ACM_OK;
}


acm_rc_t
acm_revoked_clock(acm_store_t *store, int64_t now, int *ahead,
    acm_err_t *err)
{
    int64_t       swept;
    acm_rc_t      rc;
    acm_snap_t   *snap;
    acm_batch_t   batch;

    *ahead = 0;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    swept = acm_revoked_swept(snap);

    acm_store_end(snap);

    if (swept <= now) {
        return ACM_OK;
    }

    acm_batch_init(&batch);

    rc = acm_revoked_mark(&batch, now, err);

    if (rc == ACM_OK) {
        rc = acm_store_commit(store, &batch, err);
    }

    acm_batch_free(&batch);

    *ahead = (rc == ACM_OK);

    return rc;
}


/* When the last sweep ended; 0 if that is not known. */

static int64_t
acm_revoked_swept(acm_snap_t *snap)
{
    int64_t       swept;
    acm_entry_t   entry;
    acm_reader_t  reader;

    if (acm_store_get(snap, ACM_DB_META, ACM_META_SWEPT,
                      sizeof(ACM_META_SWEPT) - 1, &entry)
        != ACM_OK)
    {
        return 0;
    }

    acm_reader_init(&reader, entry.data, entry.len);
    swept = (int64_t) acm_read_u64(&reader);

    return (swept > 0) ? swept : 0;
}


static acm_rc_t
acm_revoked_mark(acm_batch_t *batch, int64_t now, acm_err_t *err)
{
    acm_rc_t   rc;
    acm_buf_t  buf;

    acm_buf_init(&buf, sizeof(uint64_t));
    acm_buf_u64(&buf, (uint64_t) now);

    rc = acm_buf_rc(&buf);

    if (rc == ACM_OK) {
        acm_batch_put(batch, ACM_DB_META, ACM_META_SWEPT,
                      sizeof(ACM_META_SWEPT) - 1, buf.data, buf.len);
    }

    acm_buf_free(&buf);

    return (rc == ACM_OK) ? rc
           : acm_fail(err, rc, "no memory for the time of a sweep");
}


static acm_rc_t
acm_revoked_gather(acm_revoked_sweep_t *sweep, acm_snap_t *snap,
    int64_t since, acm_batch_t *batch, int *more, acm_err_t *err)
{
    size_t       n;
    acm_rc_t     rc;
    acm_entry_t  entry;

    if (sweep->len == 0) {
        sweep->key[0] = 'r';
        sweep->len = 1;
    }

    n = 0;

    for (rc = acm_store_seek(snap, ACM_DB_REVOCATION, sweep->key, sweep->len,
                             &entry);
         (rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL))
         && entry.key_len != 0 && entry.key[0] == 'r';
         rc = acm_store_next(snap, ACM_DB_REVOCATION, &entry))
    {
        if (n++ == ACM_REVOKED_STEP) {
            memcpy(sweep->key, entry.key, entry.key_len);
            sweep->len = entry.key_len;
            *more = 1;
            return ACM_OK;
        }

        if (rc == ACM_OK && acm_revoked_over(&entry, since)) {
            acm_batch_expect(batch, ACM_DB_REVOCATION, entry.key,
                             entry.key_len, entry.revision);
            acm_batch_delete(batch, ACM_DB_REVOCATION, entry.key,
                             entry.key_len);
        }
    }

    if (rc != ACM_OK && rc != ACM_NOTFOUND && entry.key == NULL) {
        return acm_fail(err, rc, "revocations cannot be read: %s",
                        acm_rc_text(rc));
    }

    return ACM_OK;
}


static int
acm_revoked_over(const acm_entry_t *entry, int64_t since)
{
    int               over;
    acm_revocation_t  r;

    if (acm_revocation_decode(entry->data, entry->len, &r) != ACM_OK) {
        return 0;
    }

    over = (r.state != ACM_REVOKING_WANTED
            && acm_add_sat(r.not_after, ACM_REVOKED_KEPT) < since);

    acm_revocation_free(&r);

    return over;
}


acm_rc_t
acm_revocation_update(acm_store_t *store, acm_revocation_t *r,
    uint64_t *revision, int64_t due_at, int64_t now, acm_err_t *err)
{
    acm_rc_t          rc;
    unsigned          n;
    acm_snap_t       *snap;
    acm_revocation_t  is;

    if (r->state != ACM_REVOKING_WANTED) {
        acm_free(r->leaf.data);
        memset(&r->leaf, 0, sizeof(acm_str_t));
        r->due_at = 0;
        r->ended_at = now;
    }

    n = 0;

    do {
        rc = acm_revocation_write(store, r, *revision, due_at, now, err);

        if (rc != ACM_OK && rc != ACM_CONFLICT) {
            return rc;
        }

        if (acm_store_begin(store, &snap, err) != ACM_OK) {
            return ACM_ERROR;
        }

        memset(&is, 0, sizeof(acm_revocation_t));

        if (rc == ACM_OK) {
            rc = acm_revocation_get(snap, r->issuer, r->hash, &is, revision);
            acm_store_end(snap);
            acm_revocation_free(&is);

            return rc;
        }

        acm_store_end(snap);

        /* it was the certificate that was changed: read again */

    } while (++n < ACM_REVOKE_TRIES);

    return rc;
}


static acm_rc_t
acm_revocation_write(acm_store_t *store, const acm_revocation_t *r,
    uint64_t revision, int64_t due_at, int64_t now, acm_err_t *err)
{
    acm_rc_t     rc;
    acm_batch_t  batch;

    acm_batch_init(&batch);

    acm_batch_revocation(&batch, r, revision, due_at);

    rc = acm_revocation_cert(store, &batch, r, now, err);

    if (rc == ACM_OK) {
        rc = acm_commit(store, &batch, err);
    }

    acm_batch_free(&batch);

    return rc;
}


/* What it means for the certificate, if that is still there. */

static acm_rc_t
acm_revocation_cert(acm_store_t *store, acm_batch_t *batch,
    const acm_revocation_t *r, int64_t now, acm_err_t *err)
{
    acm_rc_t     rc;
    uint64_t     revision;
    acm_cert_t   cert, next;
    acm_snap_t  *snap;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    memset(&cert, 0, sizeof(acm_cert_t));

    rc = acm_cert_get(snap, r->account, r->region, r->uuid, &cert, &revision);
    acm_store_end(snap);

    if (rc != ACM_OK) {
        rc = (rc == ACM_NOMEM) ? rc : ACM_OK;

    } else {
        next = cert;
        acm_revocation_told(&next, r, now);

        if (r->state == ACM_REVOKING_DONE) {
            acm_history_add(batch, &next, ACM_HISTORY_REVOCATION, now,
                            "done by the CA");

        } else if (r->state == ACM_REVOKING_REFUSED) {
            acm_history_add(batch, &next, ACM_HISTORY_REVOCATION, now,
                            r->error);
        }

        if (next.steps != cert.steps || next.last_error != cert.last_error) {
            rc = acm_certificate_change(store, batch, &cert, revision, &next,
                                        now, err);
        }
    }

    if (rc == ACM_OK && r->state == ACM_REVOKING_REFUSED) {

        /* borrowed: who it was is all that is told of it */

        memset(&next, 0, sizeof(acm_cert_t));
        next.account = r->account;
        next.region = r->region;
        memcpy(next.uuid, r->uuid, sizeof(next.uuid));
        next.domain = r->domain;

        acm_event_refused(batch, &next, r->serial, r->error, now);
    }

    acm_cert_free(&cert);

    return rc;
}


/* As long as nothing newer is in its place. */

static void
acm_revocation_told(acm_cert_t *next, const acm_revocation_t *r, int64_t now)
{
    if (next->status != ACM_STATUS_REVOKED || next->version != r->version) {
        return;
    }

    next->revoking = r->state;

    if (next->due == ACM_DUE_NONE
        && strcmp(next->last_error, r->error) != 0)
    {
        next->last_error = r->error;
        next->last_error_at = now;
    }
}


int
acm_revocation_code(acm_revocation_e reason)
{
    static const int  codes[] = {
        -1, -1, 1, 2, 3, 4, 4, 5, 6, 8, 9, 10
    };

    return (reason <= ACM_REVOKED_A_A_COMPROMISE) ? codes[reason] : -1;
}


acm_revocation_e
acm_revocation_parse(const char *name)
{
    unsigned  n;

    for (n = ACM_REVOKED_UNSPECIFIED; n <= ACM_REVOKED_A_A_COMPROMISE; n++) {
        if (strcmp(acm_revocation_text((acm_revocation_e) n), name) == 0) {
            return (acm_revocation_e) n;
        }
    }

    return ACM_REVOKED_NOT;
}


const char *
acm_revoking_text(acm_revoking_e state)
{
    static const char *const  texts[] = { "", "PENDING", "DONE", "REFUSED" };

    return (state <= ACM_REVOKING_REFUSED) ? texts[state] : "UNKNOWN";
}
