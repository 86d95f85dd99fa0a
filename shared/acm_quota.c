
/*
 * Copyright (C) The ngx_acm authors
 *
 * Keys of ACM_DB_QUOTA: account, "/", region, NUL, what is counted.  That is
 * a letter; 'p' has the name of the issuer behind it, 'R' and 'M' have a day.
 */


#include <string.h>

#include "acm_certificate_impl.h"
#include "acm_quota.h"


#define ACM_QUOTA_ISSUED      'c'    /* that are there */
#define ACM_QUOTA_IMPORTS     'i'
#define ACM_QUOTA_BY_CA       'p'    /* ever, as those below */
#define ACM_QUOTA_REQUESTS    'r'
#define ACM_QUOTA_TAKEN_IN    'm'
#define ACM_QUOTA_DAY         ('r' - 'R')

#define ACM_DAY               86400  /* seconds */
#define ACM_META_QUOTAS       "quotas"
#define ACM_QUOTA_STALE       64     /* days that a request cleans up */
#define ACM_QUOTA_TRIES       8
#define ACM_QUOTA_OPS         1000   /* of one slice */


/* what one account has in one region, while it is counted */

typedef struct {
    uint8_t        key[ACM_MAX_STORE_KEY];   /* "account/region/" */
    size_t         len;
    int64_t        issued;
    int64_t        imported;
} acm_quota_group_t;


static size_t acm_quota_key(uint8_t *key, const char *account,
    const char *region, int kind, const char *issuer);
static size_t acm_quota_day_key(uint8_t *key, size_t len, int64_t day);
static void acm_quota_put(acm_batch_t *batch, const uint8_t *key, size_t len,
    int64_t n);
static int64_t acm_quota_get(acm_snap_t *snap, const uint8_t *key,
    size_t len);
static int acm_quota_kind(const acm_cert_t *cert);
static void acm_quota_change(acm_batch_t *batch, const acm_cert_t *cert,
    int64_t add);
static int acm_quota_full(acm_snap_t *snap, const uint32_t *limits,
    acm_quota_e quota, const acm_cert_t *cert, int64_t now);
static int64_t acm_quota_limit(const uint32_t *limits, acm_quota_e quota,
    int64_t base);
static void acm_quota_year(acm_batch_t *batch, acm_snap_t *snap,
    const uint32_t *limits, acm_quota_e quota, const acm_cert_t *cert,
    int64_t now);
static int64_t acm_quota_base(acm_snap_t *snap, const uint8_t *key,
    size_t len, int64_t day);
static void acm_quota_forget(acm_batch_t *batch, acm_snap_t *snap,
    const uint8_t *key, size_t len, int64_t day);
static acm_rc_t acm_quota_slice(acm_snap_t *snap, acm_batch_t *batch,
    uint8_t *from, size_t *len);
static void acm_quota_empty(acm_snap_t *snap, acm_batch_t *batch);
static void acm_quota_add(acm_snap_t *snap, acm_batch_t *batch,
    const acm_quota_group_t *group);
static void acm_quota_mend(acm_snap_t *snap, acm_batch_t *batch,
    const acm_quota_group_t *group, int kind, int64_t n);


void
acm_quota_made(acm_batch_t *batch, const acm_cert_t *cert)
{
    acm_quota_change(batch, cert, 1);
}


void
acm_quota_deleted(acm_batch_t *batch, const acm_cert_t *cert)
{
    acm_quota_change(batch, cert, -1);
}


static void
acm_quota_change(acm_batch_t *batch, const acm_cert_t *cert, int64_t add)
{
    int      kind;
    size_t   len;
    uint8_t  key[ACM_MAX_STORE_KEY];

    kind = acm_quota_kind(cert);

    if (kind == 0) {
        return;
    }

    len = acm_quota_key(key, cert->account, cert->region, kind, NULL);

    acm_batch_count(batch, ACM_DB_QUOTA, key, len, add, INT64_MAX);
}


/* 0: of a private CA, whose certificates count by what it ever issued. */

static int
acm_quota_kind(const acm_cert_t *cert)
{
    switch (cert->type) {

    case ACM_TYPE_ISSUED:
        return ACM_QUOTA_ISSUED;

    case ACM_TYPE_IMPORTED:
        return ACM_QUOTA_IMPORTS;

    default:
        return 0;
    }
}


acm_rc_t
acm_quota_take(acm_batch_t *batch, acm_snap_t *snap, const uint32_t *limits,
    const acm_cert_t *cert, int64_t now, acm_quota_e *reached)
{
    int          imported, kind;
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_quota_e  there;

    if (cert->type == ACM_TYPE_PRIVATE) {
        *reached = ACM_QUOTA_PRIVATE;

        if (acm_quota_full(snap, limits, *reached, cert, now)) {
            return ACM_DENIED;
        }

        len = acm_quota_key(key, cert->account, cert->region,
                            ACM_QUOTA_BY_CA, cert->issuer);
        acm_batch_count(batch, ACM_DB_QUOTA, key, len, 1,
                        acm_quota_limit(limits, *reached, 0));
        return ACM_OK;
    }

    imported = (cert->type == ACM_TYPE_IMPORTED);
    there = imported ? ACM_QUOTA_IMPORTED : ACM_QUOTA_CERTIFICATES;

    *reached = there;

    if (acm_quota_full(snap, limits, *reached, cert, now)) {
        return ACM_DENIED;
    }

    *reached = imported ? ACM_QUOTA_IMPORTED_YEAR : ACM_QUOTA_REQUESTED;

    if (acm_quota_full(snap, limits, *reached, cert, now)) {
        return ACM_DENIED;
    }

    acm_quota_year(batch, snap, limits, *reached, cert, now);

    /* it is counted already */

    if (limits[there] != 0) {
        kind = acm_quota_kind(cert);
        len = acm_quota_key(key, cert->account, cert->region, kind, NULL);
        acm_batch_count(batch, ACM_DB_QUOTA, key, len, 0, limits[there]);
    }

    return ACM_OK;
}


static int
acm_quota_full(acm_snap_t *snap, const uint32_t *limits, acm_quota_e quota,
    const acm_cert_t *cert, int64_t now)
{
    return limits[quota] != 0
           && acm_quota_used(snap, quota, cert->account, cert->region,
                             cert->issuer, now)
              >= limits[quota];
}


static int64_t
acm_quota_limit(const uint32_t *limits, acm_quota_e quota, int64_t base)
{
    return (limits[quota] == 0) ? INT64_MAX : base + limits[quota];
}


/* One more of a year, and the number before the first of today. */

static void
acm_quota_year(acm_batch_t *batch, acm_snap_t *snap, const uint32_t *limits,
    acm_quota_e quota, const acm_cert_t *cert, int64_t now)
{
    int           kind;
    size_t        day_len, len;
    int64_t       day;
    uint8_t       key[ACM_MAX_STORE_KEY], day_key[ACM_MAX_STORE_KEY];
    acm_entry_t   entry;

    kind = (quota == ACM_QUOTA_REQUESTED) ? ACM_QUOTA_REQUESTS
                                          : ACM_QUOTA_TAKEN_IN;
    len = acm_quota_key(key, cert->account, cert->region, kind, NULL);
    day = now / ACM_DAY;

    if (len != 0) {
        memcpy(day_key, key, len);
        day_len = acm_quota_day_key(day_key, len, day);

        if (acm_store_get(snap, ACM_DB_QUOTA, day_key, day_len, &entry)
            == ACM_NOTFOUND)
        {
            /* what was counted since the snapshot is of today, too */

            acm_batch_expect(batch, ACM_DB_QUOTA, day_key, day_len, 0);
            acm_quota_put(batch, day_key, day_len,
                          acm_quota_get(snap, key, len));
            acm_quota_forget(batch, snap, key, len, day);
        }
    }

    acm_batch_count(batch, ACM_DB_QUOTA, key, len, 1,
                    acm_quota_limit(limits, quota,
                                    acm_quota_base(snap, key, len, day)));
}


/* The number before the year that ends with this day. */

static int64_t
acm_quota_base(acm_snap_t *snap, const uint8_t *key, size_t len, int64_t day)
{
    size_t        from_len;
    uint8_t       from[ACM_MAX_STORE_KEY];
    acm_rc_t      rc;
    acm_entry_t   entry;

    memcpy(from, key, len);
    from_len = acm_quota_day_key(from, len, day - ACM_QUOTA_DAYS + 1);

    for (rc = acm_store_seek(snap, ACM_DB_QUOTA, from, from_len, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_QUOTA, &entry))
    {
        if (entry.key_len != from_len || memcmp(entry.key, from, len) != 0) {
            break;
        }

        if (rc == ACM_OK) {
            return acm_count_read(&entry);
        }
    }

    return acm_quota_get(snap, key, len);
}


static void
acm_quota_forget(acm_batch_t *batch, acm_snap_t *snap, const uint8_t *key,
    size_t len, int64_t day)
{
    size_t        from_len, last_len;
    uint8_t       from[ACM_MAX_STORE_KEY], last[ACM_MAX_STORE_KEY];
    acm_rc_t      rc;
    unsigned      n;
    acm_entry_t   entry;

    memcpy(from, key, len);
    from_len = acm_quota_day_key(from, len, 0);

    memcpy(last, key, len);
    last_len = acm_quota_day_key(last, len, day - ACM_QUOTA_DAYS + 1);

    rc = acm_store_seek(snap, ACM_DB_QUOTA, from, from_len, &entry);

    for (n = 0;
         n < ACM_QUOTA_STALE
         && (rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL));
         n++)
    {
        if (entry.key_len != last_len
            || memcmp(entry.key, last, last_len) >= 0)
        {
            return;
        }

        acm_batch_delete(batch, ACM_DB_QUOTA, entry.key, entry.key_len);
        rc = acm_store_next(snap, ACM_DB_QUOTA, &entry);
    }
}


int64_t
acm_quota_used(acm_snap_t *snap, acm_quota_e quota, const char *account,
    const char *region, const char *issuer, int64_t now)
{
    size_t   len;
    uint8_t  key[ACM_MAX_STORE_KEY];

    static const int  kinds[] = {
        ACM_QUOTA_ISSUED, ACM_QUOTA_REQUESTS, ACM_QUOTA_IMPORTS,
        ACM_QUOTA_TAKEN_IN, ACM_QUOTA_BY_CA
    };

    if (quota > ACM_QUOTA_PRIVATE) {
        return 0;
    }

    len = acm_quota_key(key, account, region, kinds[quota],
                        (quota == ACM_QUOTA_PRIVATE) ? issuer : NULL);

    if (len == 0) {
        return 0;
    }

    if (quota != ACM_QUOTA_REQUESTED && quota != ACM_QUOTA_IMPORTED_YEAR) {
        return acm_quota_get(snap, key, len);
    }

    return acm_quota_get(snap, key, len)
           - acm_quota_base(snap, key, len, now / ACM_DAY);
}


/* issuer: NULL for none; 0 if it is too long. */

static size_t
acm_quota_key(uint8_t *key, const char *account, const char *region,
    int kind, const char *issuer)
{
    size_t  len, n;

    len = acm_seal_key(key, account, region);

    if (len == 0) {
        return 0;
    }

    key[len++] = '\0';
    key[len++] = (uint8_t) kind;

    if (issuer == NULL) {
        return len;
    }

    n = strlen(issuer);

    if (n > ACM_MAX_STORE_KEY - len) {
        return 0;
    }

    memcpy(key + len, issuer, n);

    return len + n;
}


/* Turns a key into that of a day; returns its length. */

static size_t
acm_quota_day_key(uint8_t *key, size_t len, int64_t day)
{
    unsigned  i;

    if (day < 0) {
        day = 0;
    }

    key[len - 1] -= ACM_QUOTA_DAY;

    for (i = 0; i < 4; i++) {
        key[len + i] = (uint8_t) ((uint64_t) day >> (24 - 8 * i));
    }

    return len + 4;
}


static int64_t
acm_quota_get(acm_snap_t *snap, const uint8_t *key, size_t len)
{
    acm_entry_t  entry;

    if (acm_store_get(snap, ACM_DB_QUOTA, key, len, &entry) != ACM_OK) {
        return 0;
    }

    return acm_count_read(&entry);
}


static void
acm_quota_put(acm_batch_t *batch, const uint8_t *key, size_t len, int64_t n)
{
    unsigned  i;
    uint8_t   data[8];

    for (i = 0; i < 8; i++) {
        data[i] = (uint8_t) ((uint64_t) n >> (56 - 8 * i));
    }

    acm_batch_put(batch, ACM_DB_QUOTA, key, len, data, sizeof(data));
}


/*
 * In slices.  What a slice adds is how much the number of its snapshot is
 * wrong, so that whoever counts meanwhile does no harm.
 */

acm_rc_t
acm_quota_init(acm_store_t *store, acm_err_t *err)
{
    size_t       len;
    uint8_t      from[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    unsigned     tries;
    acm_snap_t  *snap;
    acm_entry_t  entry;
    acm_batch_t  batch;

    len = 0;
    tries = 0;

    do {
        rc = acm_store_begin(store, &snap, err);

        if (rc != ACM_OK) {
            return rc;
        }

        rc = acm_store_get(snap, ACM_DB_META, ACM_META_QUOTAS,
                           sizeof(ACM_META_QUOTAS) - 1, &entry);

        if (rc == ACM_OK) {
            acm_store_end(snap);
            return ACM_OK;
        }

        acm_batch_init(&batch);

        /* one that is damaged is expected in vain */

        if (rc == ACM_NOTFOUND) {
            acm_batch_expect(&batch, ACM_DB_META, ACM_META_QUOTAS,
                             sizeof(ACM_META_QUOTAS) - 1, 0);
        }

        rc = acm_quota_slice(snap, &batch, from, &len);

        acm_store_end(snap);

        if (rc == ACM_NOTFOUND) {
            acm_batch_put(&batch, ACM_DB_META, ACM_META_QUOTAS,
                          sizeof(ACM_META_QUOTAS) - 1, "1", 1);
        }

        if (rc == ACM_NOTFOUND || rc == ACM_OK) {
            len = (rc == ACM_OK) ? len : SIZE_MAX;
            rc = acm_commit(store, &batch, err);
        }

        acm_batch_free(&batch);

    } while ((rc == ACM_OK && len != SIZE_MAX)
             || (rc == ACM_CONFLICT && ++tries < ACM_QUOTA_TRIES));

    return rc;
}


/* ACM_NOTFOUND: the last one was counted; else go on from this key. */

static acm_rc_t
acm_quota_slice(acm_snap_t *snap, acm_batch_t *batch, uint8_t *from,
    size_t *len)
{
    acm_rc_t           rc;
    acm_cert_t         cert;
    acm_entry_t        entry;
    acm_quota_group_t  group;

    memset(&group, 0, sizeof(group));

    for (rc = acm_store_seek(snap, ACM_DB_CERTIFICATE, from, *len, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_CERTIFICATE, &entry))
    {
        if (entry.key_len <= ACM_UUID_LEN) {
            continue;
        }

        if (group.len != entry.key_len - ACM_UUID_LEN
            || memcmp(group.key, entry.key, group.len) != 0)
        {
            acm_quota_add(snap, batch, &group);

            memset(&group, 0, sizeof(group));
            group.len = entry.key_len - ACM_UUID_LEN;
            memcpy(group.key, entry.key, group.len);

            if (batch->nops >= ACM_QUOTA_OPS) {
                memcpy(from, group.key, group.len);
                *len = group.len;
                return ACM_OK;
            }
        }

        /* what cannot be read cannot be deleted either */

        if (rc == ACM_OK
            && acm_cert_decode(entry.data, entry.len, &cert) == ACM_OK)
        {
            group.issued += (acm_quota_kind(&cert) == ACM_QUOTA_ISSUED);
            group.imported += (acm_quota_kind(&cert) == ACM_QUOTA_IMPORTS);
            acm_cert_free(&cert);
        }
    }

    acm_quota_add(snap, batch, &group);

    if (rc == ACM_NOTFOUND) {
        acm_quota_empty(snap, batch);
    }

    return rc;
}


/* Where the last one was deleted before it was counted. */

static void
acm_quota_empty(acm_snap_t *snap, acm_batch_t *batch)
{
    size_t        len;
    int64_t       n;
    uint8_t       key[ACM_MAX_STORE_KEY];
    acm_rc_t      rc;
    acm_entry_t   cert, entry;

    for (rc = acm_store_seek(snap, ACM_DB_QUOTA, NULL, 0, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_QUOTA, &entry))
    {
        n = (rc == ACM_OK) ? acm_count_read(&entry) : 0;

        if (n >= 0 || entry.key_len <= 2) {
            continue;
        }

        len = entry.key_len - 2;
        memcpy(key, entry.key, len);
        key[len++] = '/';

        if (acm_store_seek(snap, ACM_DB_CERTIFICATE, key, len, &cert)
            == ACM_NOTFOUND
            || cert.key_len < len || memcmp(cert.key, key, len) != 0)
        {
            acm_batch_count(batch, ACM_DB_QUOTA, entry.key, entry.key_len,
                            -n, INT64_MAX);
        }
    }
}


static void
acm_quota_add(acm_snap_t *snap, acm_batch_t *batch,
    const acm_quota_group_t *group)
{
    if (group->len == 0) {
        return;
    }

    acm_quota_mend(snap, batch, group, ACM_QUOTA_ISSUED, group->issued);
    acm_quota_mend(snap, batch, group, ACM_QUOTA_IMPORTS, group->imported);
}


static void
acm_quota_mend(acm_snap_t *snap, acm_batch_t *batch,
    const acm_quota_group_t *group, int kind, int64_t n)
{
    size_t   len;
    int64_t  add;
    uint8_t  key[ACM_MAX_STORE_KEY];

    /* without the slash behind the region */

    len = group->len - 1;
    memcpy(key, group->key, len);
    key[len++] = '\0';
    key[len++] = (uint8_t) kind;

    add = n - acm_quota_get(snap, key, len);

    if (add != 0) {
        acm_batch_count(batch, ACM_DB_QUOTA, key, len, add, INT64_MAX);
    }
}
