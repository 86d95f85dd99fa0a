
/*
 * Copyright (C) The ngx_acm authors
 *
 * Keys of ACM_DB_CHALLENGE: one octet of the kind, the subject, and for TXT
 * values NUL and the value, as several may be live for one label.  Keys of
 * ACM_DB_VALIDATION: "n", account, NUL, domain; and "l", label.
 */


#include <openssl/rand.h>
#include <string.h>

#include "acm_challenge.h"
#include "acm_record_impl.h"


#define ACM_CHALLENGE_SWEEP  256         /* deletions at once */
#define ACM_META_ZONE        "validation zone"


static size_t acm_challenge_key(uint8_t *buf, acm_challenge_e kind,
    const char *subject, size_t len, const char *value);
static size_t acm_domain_key(uint8_t *buf, const char *account,
    const char *domain);
static size_t acm_label_key(uint8_t *buf, const char *label);
static acm_rc_t acm_validation_mend(acm_store_t *store, const char *account,
    const char *domain, char *label, acm_err_t *err);
static int acm_validation_is(const acm_entry_t *entry, const char *account,
    const char *domain, char *label);
static acm_rc_t acm_validation_make(acm_store_t *store,
    const char *account, const char *domain, int64_t now, char *label,
    acm_err_t *err);


static const acm_field_t  acm_challenge_fields[] = {
    acm_field(1, ACM_FIELD_ENUM, acm_challenge_t, kind, ACM_CHALLENGE_HTTP,
              ACM_CHALLENGE_DNS),
    acm_field(2, ACM_FIELD_STR, acm_challenge_t, subject, 1, ACM_MAX_NAME),
    acm_field(3, ACM_FIELD_STR, acm_challenge_t, value, 1,
              ACM_MAX_KEY_AUTH),
    acm_field(4, ACM_FIELD_UUID, acm_challenge_t, uuid, 1, ACM_UUID_LEN),
    acm_field(5, ACM_FIELD_TIME, acm_challenge_t, expires, 0, 0)
};

static const acm_field_t  acm_validation_fields[] = {
    acm_field(1, ACM_FIELD_STR, acm_validation_t, account, 1, ACM_MAX_LABEL),
    acm_field(2, ACM_FIELD_STR, acm_validation_t, domain, 1, ACM_MAX_NAME),
    acm_field(3, ACM_FIELD_TEXT, acm_validation_t, label, ACM_LABEL_LEN,
              ACM_LABEL_LEN),
    acm_field(4, ACM_FIELD_TIME, acm_validation_t, created_at, 0, 0)
};

static const acm_layout_t  acm_challenge_layout =
    acm_layout(ACM_REC_CHALLENGE, acm_challenge_t, acm_challenge_fields);
static const acm_layout_t  acm_validation_layout =
    acm_layout(ACM_REC_VALIDATION, acm_validation_t, acm_validation_fields);


acm_rc_t
acm_challenge_encode(const acm_challenge_t *c, acm_buf_t *out)
{
    return acm_record_encode(&acm_challenge_layout, c, out);
}


acm_rc_t
acm_challenge_decode(const uint8_t *data, size_t len, acm_challenge_t *c)
{
    return acm_record_decode(&acm_challenge_layout, data, len, c);
}


void
acm_challenge_free(acm_challenge_t *c)
{
    acm_record_free(&acm_challenge_layout, c);
}


acm_rc_t
acm_validation_encode(const acm_validation_t *v, acm_buf_t *out)
{
    return acm_record_encode(&acm_validation_layout, v, out);
}


acm_rc_t
acm_validation_decode(const uint8_t *data, size_t len, acm_validation_t *v)
{
    return acm_record_decode(&acm_validation_layout, data, len, v);
}


void
acm_validation_free(acm_validation_t *v)
{
    acm_record_free(&acm_validation_layout, v);
}


/* 0 if it cannot be a key: too long, or empty */

static size_t
acm_challenge_key(uint8_t *buf, acm_challenge_e kind, const char *subject,
    size_t len, const char *value)
{
    size_t  n;

    if (len == 0 || len > ACM_MAX_NAME) {
        return 0;
    }

    buf[0] = (uint8_t) kind;
    memcpy(buf + 1, subject, len);
    n = 1 + len;

    if (kind == ACM_CHALLENGE_DNS) {
        buf[n++] = '\0';

        if (value != NULL) {
            len = strlen(value);

            if (len == 0 || len > ACM_MAX_KEY_AUTH) {
                return 0;
            }

            memcpy(buf + n, value, len);
            n += len;
        }
    }

    return n;
}


void
acm_challenge_put(acm_batch_t *batch, const acm_challenge_t *c)
{
    size_t     len;
    uint8_t    key[ACM_MAX_STORE_KEY];
    acm_rc_t   rc;
    acm_buf_t  buf;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    len = acm_challenge_key(key, c->kind, c->subject, strlen(c->subject),
                            c->value);
    rc = (len == 0) ? ACM_INVALID : acm_challenge_encode(c, &buf);

    if (rc == ACM_OK) {
        acm_batch_put(batch, ACM_DB_CHALLENGE, key, len, buf.data, buf.len);

    } else if (batch->rc == ACM_OK) {
        batch->rc = rc;
    }

    acm_buf_free(&buf);
}


void
acm_challenge_delete(acm_batch_t *batch, const acm_challenge_t *c)
{
    size_t   len;
    uint8_t  key[ACM_MAX_STORE_KEY];

    len = acm_challenge_key(key, c->kind, c->subject, strlen(c->subject),
                            c->value);

    if (len != 0) {
        acm_batch_delete(batch, ACM_DB_CHALLENGE, key, len);
    }
}


acm_rc_t
acm_challenge_get(acm_snap_t *snap, acm_challenge_e kind,
    const char *subject, size_t len, int64_t now, acm_challenge_t *c)
{
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    acm_entry_t  entry;

    len = acm_challenge_key(key, kind, subject, len, NULL);

    if (len == 0) {
        return ACM_NOTFOUND;
    }

    rc = acm_store_get(snap, ACM_DB_CHALLENGE, key, len, &entry);

    if (rc == ACM_OK) {
        rc = acm_challenge_decode(entry.data, entry.len, c);
    }

    if (rc == ACM_OK && c->expires <= now) {
        acm_challenge_free(c);
        rc = ACM_NOTFOUND;
    }

    return rc;
}


acm_rc_t
acm_challenge_txt(acm_snap_t *snap, const char *label, const char *uuid,
    int64_t now, char values[ACM_MAX_TXT][ACM_TXT_LEN + 1], size_t *n)
{
    size_t           len;
    uint8_t          key[ACM_MAX_STORE_KEY];
    acm_rc_t         rc;
    acm_entry_t      entry;
    acm_challenge_t  c;

    *n = 0;

    len = acm_label_key(key, label);

    if (len == 0) {
        return ACM_NOTFOUND;
    }

    /* a damaged one is there all the same */

    rc = acm_store_get(snap, ACM_DB_VALIDATION, key, len, &entry);

    if (rc != ACM_OK && rc != ACM_CORRUPT) {
        return rc;
    }

    len = acm_challenge_key(key, ACM_CHALLENGE_DNS, label, strlen(label),
                            NULL);

    for (rc = acm_store_seek(snap, ACM_DB_CHALLENGE, key, len, &entry);
         (rc == ACM_OK || rc == ACM_CORRUPT) && *n < ACM_MAX_TXT;
         rc = acm_store_next(snap, ACM_DB_CHALLENGE, &entry))
    {
        if (entry.key_len < len || memcmp(entry.key, key, len) != 0) {
            break;
        }

        if (rc == ACM_OK) {
            rc = acm_challenge_decode(entry.data, entry.len, &c);
        }

        if (rc == ACM_NOMEM) {
            return rc;
        }

        /* one that cannot be read does not take the others along */

        if (rc != ACM_OK) {
            continue;
        }

        if (c.expires > now && strlen(c.value) == ACM_TXT_LEN
            && (uuid == NULL || strcmp(c.uuid, uuid) == 0))
        {
            memcpy(values[*n], c.value, ACM_TXT_LEN + 1);
            (*n)++;
        }

        acm_challenge_free(&c);
    }

    return (rc == ACM_NOTFOUND || rc == ACM_CORRUPT) ? ACM_OK : rc;
}


acm_rc_t
acm_challenge_sweep(acm_store_t *store, int64_t now, size_t *n,
    acm_err_t *err)
{
    acm_rc_t         rc;
    acm_snap_t      *snap;
    acm_entry_t      entry;
    acm_batch_t      batch;
    acm_challenge_t  c;

    *n = 0;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_batch_init(&batch);

    for (rc = acm_store_seek(snap, ACM_DB_CHALLENGE, NULL, 0, &entry);
         (rc == ACM_OK || rc == ACM_CORRUPT) && *n < ACM_CHALLENGE_SWEEP;
         rc = acm_store_next(snap, ACM_DB_CHALLENGE, &entry))
    {
        if (rc == ACM_OK) {
            rc = acm_challenge_decode(entry.data, entry.len, &c);
        }

        /* what is corrupt goes too: it answers nothing, and hides others */

        if (rc == ACM_CORRUPT || (rc == ACM_OK && c.expires <= now)) {
            acm_batch_delete(&batch, ACM_DB_CHALLENGE, entry.key,
                             entry.key_len);
            (*n)++;
        }

        if (rc == ACM_OK) {
            acm_challenge_free(&c);
        }
    }

    acm_store_end(snap);

    rc = ACM_OK;

    if (*n != 0) {
        rc = acm_store_commit(store, &batch, err);
    }

    acm_batch_free(&batch);

    return rc;
}


acm_rc_t
acm_challenge_drop(acm_store_t *store, const char *uuid, acm_batch_t *batch,
    acm_err_t *err)
{
    acm_rc_t         rc;
    acm_snap_t      *snap;
    acm_entry_t      entry;
    acm_challenge_t  c;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    for (rc = acm_store_seek(snap, ACM_DB_CHALLENGE, NULL, 0, &entry);
         rc == ACM_OK || rc == ACM_CORRUPT;
         rc = acm_store_next(snap, ACM_DB_CHALLENGE, &entry))
    {
        if (rc != ACM_OK
            || acm_challenge_decode(entry.data, entry.len, &c) != ACM_OK)
        {
            continue;
        }

        if (strcmp(c.uuid, uuid) == 0) {
            acm_batch_delete(batch, ACM_DB_CHALLENGE, entry.key,
                             entry.key_len);
        }

        acm_challenge_free(&c);
    }

    acm_store_end(snap);

    if (rc != ACM_NOTFOUND) {
        return acm_fail(err, rc, "answers to a CA cannot be read: %s",
                        acm_rc_text(rc));
    }

    return batch->rc;
}


static size_t
acm_domain_key(uint8_t *buf, const char *account, const char *domain)
{
    size_t  alen, dlen;

    if (domain[0] == '*' && domain[1] == '.') {
        domain += 2;
    }

    alen = strlen(account);
    dlen = strlen(domain);

    if (alen == 0 || alen > ACM_MAX_LABEL || dlen == 0
        || dlen > ACM_MAX_NAME)
    {
        return 0;
    }

    buf[0] = 'n';
    memcpy(buf + 1, account, alen + 1);
    memcpy(buf + 1 + alen + 1, domain, dlen);

    return 1 + alen + 1 + dlen;
}


static size_t
acm_label_key(uint8_t *buf, const char *label)
{
    if (strlen(label) != ACM_LABEL_LEN) {
        return 0;
    }

    buf[0] = 'l';
    memcpy(buf + 1, label, ACM_LABEL_LEN);

    return 1 + ACM_LABEL_LEN;
}


acm_rc_t
acm_validation_get(acm_snap_t *snap, const char *account,
    const char *domain, char *label)
{
    size_t            len;
    uint8_t           key[ACM_MAX_STORE_KEY];
    acm_rc_t          rc;
    acm_entry_t       entry;
    acm_validation_t  v;

    len = acm_domain_key(key, account, domain);

    if (len == 0) {
        return ACM_INVALID;
    }

    rc = acm_store_get(snap, ACM_DB_VALIDATION, key, len, &entry);

    if (rc == ACM_OK) {
        rc = acm_validation_decode(entry.data, entry.len, &v);
    }

    if (rc == ACM_OK) {
        memcpy(label, v.label, ACM_LABEL_LEN + 1);
        acm_validation_free(&v);
    }

    return rc;
}


acm_rc_t
acm_validation_ensure(acm_store_t *store, const char *account,
    const char *domain, int64_t now, char *label, acm_err_t *err)
{
    acm_rc_t     rc;
    acm_snap_t  *snap;

    do {
        rc = acm_store_begin(store, &snap, err);

        if (rc != ACM_OK) {
            return rc;
        }

        rc = acm_validation_get(snap, account, domain, label);

        acm_store_end(snap);

        if (rc == ACM_NOTFOUND) {
            rc = acm_validation_make(store, account, domain, now, label,
                                     err);

        } else if (rc == ACM_CORRUPT) {
            return acm_validation_mend(store, account, domain, label, err);

        } else if (rc != ACM_OK) {
            return acm_fail(err, rc, "the validation record of \"%s\" "
                            "cannot be read: %s", domain, acm_rc_text(rc));
        }

        /* somebody else has just made it */

    } while (rc == ACM_CONFLICT);

    return rc;
}


/* People have the label in their zones: it is in the other record, too. */

static acm_rc_t
acm_validation_mend(acm_store_t *store, const char *account,
    const char *domain, char *label, acm_err_t *err)
{
    size_t            len;
    uint8_t           key[ACM_MAX_STORE_KEY];
    acm_rc_t          rc;
    acm_snap_t       *snap;
    acm_batch_t       batch;
    acm_entry_t       entry;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_batch_init(&batch);
    len = acm_domain_key(key, account, domain);

    for (rc = acm_store_seek(snap, ACM_DB_VALIDATION, "l", 1, &entry);
         (rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL))
         && entry.key[0] == 'l';
         rc = acm_store_next(snap, ACM_DB_VALIDATION, &entry))
    {
        if (rc == ACM_OK
            && acm_validation_is(&entry, account, domain, label))
        {
            acm_batch_put(&batch, ACM_DB_VALIDATION, key, len, entry.data,
                          entry.len);
            break;
        }
    }

    acm_store_end(snap);

    if (batch.nops != 0) {
        rc = acm_store_commit(store, &batch, err);

    } else {
        rc = acm_fail(err, ACM_CORRUPT, "both validation records of \"%s\" "
                      "are damaged: restore the store from a backup", domain);
    }

    acm_batch_free(&batch);

    return rc;
}


static int
acm_validation_is(const acm_entry_t *entry, const char *account,
    const char *domain, char *label)
{
    int               same;
    acm_validation_t  v;

    if (acm_validation_decode(entry->data, entry->len, &v) != ACM_OK) {
        return 0;
    }

    domain += (domain[0] == '*' && domain[1] == '.') ? 2 : 0;
    same = (strcmp(v.account, account) == 0 && strcmp(v.domain, domain) == 0);

    if (same) {
        memcpy(label, v.label, ACM_LABEL_LEN + 1);
    }

    acm_validation_free(&v);

    return same;
}


static acm_rc_t
acm_validation_make(acm_store_t *store, const char *account,
    const char *domain, int64_t now, char *label, acm_err_t *err)
{
    size_t            dlen, llen;
    uint8_t           dkey[ACM_MAX_STORE_KEY], lkey[ACM_MAX_STORE_KEY];
    uint8_t           random[ACM_LABEL_LEN / 2];
    acm_rc_t          rc;
    acm_buf_t         buf;
    acm_batch_t       batch;
    acm_validation_t  v;

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return acm_fail_ssl(err, ACM_ERROR, "no random numbers");
    }

    memset(&v, 0, sizeof(acm_validation_t));

    /* borrowed: the record is only encoded */

    v.account = (char *) account;
    v.domain = (char *) ((domain[0] == '*' && domain[1] == '.')
                         ? domain + 2 : domain);
    v.created_at = now;
    (void) acm_hex(random, sizeof(random), v.label);

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    acm_batch_init(&batch);

    dlen = acm_domain_key(dkey, account, domain);
    llen = acm_label_key(lkey, v.label);
    rc = acm_validation_encode(&v, &buf);

    if (rc == ACM_OK) {
        acm_batch_expect(&batch, ACM_DB_VALIDATION, dkey, dlen, 0);
        acm_batch_expect(&batch, ACM_DB_VALIDATION, lkey, llen, 0);
        acm_batch_put(&batch, ACM_DB_VALIDATION, dkey, dlen, buf.data,
                      buf.len);
        acm_batch_put(&batch, ACM_DB_VALIDATION, lkey, llen, buf.data,
                      buf.len);

        rc = acm_store_commit(store, &batch, err);

    } else {
        (void) acm_fail(err, rc, "the validation record of \"%s\" cannot be "
                        "made: %s", domain, acm_rc_text(rc));
    }

    if (rc == ACM_OK) {
        memcpy(label, v.label, ACM_LABEL_LEN + 1);
    }

    acm_batch_free(&batch);
    acm_buf_free(&buf);

    return rc;
}


acm_rc_t
acm_validation_zone_get(acm_snap_t *snap, char *zone)
{
    acm_rc_t     rc;
    acm_entry_t  entry;

    rc = acm_store_get(snap, ACM_DB_META, ACM_META_ZONE,
                       sizeof(ACM_META_ZONE) - 1, &entry);

    if (rc != ACM_OK) {
        return rc;
    }

    if (entry.len == 0 || entry.len > ACM_MAX_NAME) {
        return ACM_CORRUPT;
    }

    memcpy(zone, entry.data, entry.len);
    zone[entry.len] = '\0';

    return ACM_OK;
}


acm_rc_t
acm_validation_zone_set(acm_store_t *store, const char *zone,
    acm_err_t *err)
{
    char         old[ACM_MAX_NAME + 1];
    acm_rc_t     rc;
    acm_snap_t  *snap;
    acm_batch_t  batch;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_validation_zone_get(snap, old);

    acm_store_end(snap);

    if (rc == ACM_OK && strcmp(old, zone) == 0) {
        return ACM_OK;
    }

    acm_batch_init(&batch);
    acm_batch_put(&batch, ACM_DB_META, ACM_META_ZONE,
                  sizeof(ACM_META_ZONE) - 1, zone, strlen(zone));

    rc = acm_store_commit(store, &batch, err);

    acm_batch_free(&batch);

    return rc;
}
