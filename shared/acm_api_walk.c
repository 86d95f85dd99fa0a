
/*
 * Copyright (C) The ngx_acm authors
 *
 * Candidates of a page: those of a plan, and those of an index in its order.
 */


#include <string.h>

#include "acm_api_impl.h"
#include "acm_quota.h"
#include "acm_state.h"


#define ACM_SCAN_SHOWN  8        /* of a UUID, its first group */


static acm_rc_t acm_scan_uuids(acm_scan_t *scan, acm_snap_t *snap, size_t *i);
static size_t acm_scan_first(const acm_scan_t *scan);
static acm_rc_t acm_scan_ready(acm_scan_t *scan);
static int acm_scan_worth(const acm_scan_t *scan, acm_snap_t *snap,
    double all);
static acm_rc_t acm_scan_index(acm_scan_t *scan);
static acm_rc_t acm_scan_entries(acm_scan_t *scan, acm_snap_t *snap,
    uint8_t *key, size_t *len, size_t prefix);
static size_t acm_scan_begin(const acm_scan_t *scan, uint8_t *key,
    size_t prefix);
static acm_rc_t acm_scan_endless(acm_scan_t *scan);
static int acm_scan_behind(const acm_scan_t *scan, const uint8_t *key);
static void acm_scan_entry(acm_scan_entry_t *e, const uint8_t *key);
static acm_rc_t acm_scan_one(acm_scan_t *scan, acm_snap_t *snap,
    const uint8_t *key);
static void acm_scan_skip(acm_scan_t *scan, const uint8_t *key);
static int acm_scan_full(acm_scan_t *scan);


acm_rc_t
acm_scan_listed(acm_scan_t *scan)
{
    size_t       i;
    acm_rc_t     rc;
    acm_snap_t  *snap;

    /* with an order that has an index a page of that reads no more */

    rc = acm_plan_read(scan->plan, scan->api,
                       (scan->index == ACM_DB_META) ? ACM_MAX_PLAN
                                                    : ACM_MAX_SCAN);
    i = (rc == ACM_OK) ? acm_scan_first(scan) : 0;

    while (rc == ACM_OK && i < scan->plan->nuuids
           && !(scan->key == NULL && scan->more))
    {
        rc = acm_store_begin(scan->api->store, &snap, &scan->api->err);

        if (rc == ACM_OK) {
            scan->api->snap = snap;
            rc = acm_scan_uuids(scan, snap, &i);
            scan->api->snap = NULL;
            acm_store_end(snap);
        }
    }

    return rc;
}


/* The first candidate of the page, if pages are in the order of UUIDs. */

static size_t
acm_scan_first(const acm_scan_t *scan)
{
    size_t            high, low, middle;
    const acm_plan_t  *plan;

    plan = scan->plan;
    low = 0;
    high = plan->nuuids;

    if (!scan->paged || scan->key != NULL) {
        return 0;
    }

    while (low < high) {
        middle = low + (high - low) / 2;

        if (strcmp(plan->uuids[middle], scan->after.uuid) <= 0) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low;
}


/* Those of one snapshot. */

static acm_rc_t
acm_scan_uuids(acm_scan_t *scan, acm_snap_t *snap, size_t *i)
{
    size_t             n;
    acm_rc_t           rc;
    const char        *uuid;
    const acm_cert_t  *cert;

    for (n = 0; n < ACM_MAX_API_SCAN && *i < scan->plan->nuuids; n++, (*i)++)
    {
        if (scan->key == NULL && (scan->more || acm_scan_full(scan))) {
            return ACM_OK;
        }

        uuid = scan->plan->uuids[*i];
        memcpy(scan->last.uuid, uuid, sizeof(scan->last.uuid));
        scan->read++;

        rc = acm_scan_look(scan, snap, uuid, &cert);

        if (rc == ACM_OK) {
            acm_scan_take(scan, cert);

        } else if (rc == ACM_NOMEM) {
            return rc;
        }
    }

    return ACM_OK;
}


acm_rc_t
acm_scan_ordered(acm_scan_t *scan)
{
    acm_rc_t  rc;

    if (scan->paged && scan->after.len != 8) {
        return ACM_DENIED;
    }

    rc = acm_scan_ready(scan);

    if (rc != ACM_OK) {
        return rc;
    }

    memset(&scan->last, 0, sizeof(acm_scan_entry_t));

    /* those without an end come first, or at last */

    rc = scan->falling ? acm_scan_index(scan) : acm_scan_endless(scan);

    if (rc == ACM_OK && !scan->more) {
        rc = scan->falling ? acm_scan_endless(scan) : acm_scan_index(scan);
    }

    if (rc == ACM_DENIED) {
        scan->nfound = 0;
        scan->listed = 0;
    }

    return rc;
}


/* ACM_OK: all certificates are in the index, and it is worth to read it. */

static acm_rc_t
acm_scan_ready(acm_scan_t *scan)
{
    int          ready;
    int64_t      behind;
    acm_rc_t     rc;
    uint64_t     all, created;
    acm_snap_t  *snap;

    rc = acm_store_begin(scan->api->store, &snap, &scan->api->err);

    if (rc != ACM_OK) {
        return rc;
    }

    if (acm_store_entries(snap, ACM_DB_CERTIFICATE, &all) != ACM_OK) {
        ready = 0;

    } else if (scan->index == ACM_DB_CREATED) {
        ready = acm_store_entries(snap, ACM_DB_CREATED, &created) == ACM_OK
                && created == all;

    } else {
        ready = acm_state_behind(snap, &behind) == ACM_OK && behind == 0
                && acm_scan_worth(scan, snap, (double) all);
    }

    acm_store_end(snap);

    return ready ? ACM_OK : ACM_DENIED;
}


/*
 * The index of ends has those of all accounts.  To read all records of a small
 * one is less than to go through what others have between those of a page: an
 * entry takes a quarter of the time of a record.
 */

static int
acm_scan_worth(const acm_scan_t *scan, acm_snap_t *snap, double all)
{
    size_t       prefix;
    double       own;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    acm_entry_t  entry;

    const acm_api_caller_t  *caller = scan->api->caller;

    own = (double) acm_quota_used(snap, ACM_QUOTA_CERTIFICATES,
                                  caller->account, caller->region, NULL, 0)
          + (double) acm_quota_used(snap, ACM_QUOTA_IMPORTED, caller->account,
                                    caller->region, NULL, 0);

    if (own * own * 4 > all * (double) scan->max) {
        return 1;
    }

    /* those of private CAs are not counted there */

    prefix = acm_seal_key(key, caller->account, caller->region);
    key[prefix++] = '/';
    own = 0;

    for (rc = acm_store_seek(snap, ACM_DB_CREATED, key, prefix, &entry);
         rc == ACM_OK && entry.key_len > prefix
         && memcmp(entry.key, key, prefix) == 0;
         rc = acm_store_next(snap, ACM_DB_CREATED, &entry))
    {
        own++;

        if (own * own * 4 > all * (double) scan->max) {
            return 1;
        }
    }

    return 0;
}


static acm_rc_t
acm_scan_index(acm_scan_t *scan)
{
    size_t       len, prefix;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    acm_snap_t  *snap;

    prefix = 0;

    if (scan->index == ACM_DB_CREATED) {
        prefix = acm_seal_key(key, scan->api->caller->account,
                              scan->api->caller->region);

        if (prefix == 0) {
            return ACM_OK;
        }

        key[prefix++] = '/';
    }

    len = acm_scan_begin(scan, key, prefix);

    do {
        rc = acm_store_begin(scan->api->store, &snap, &scan->api->err);

        if (rc != ACM_OK) {
            return rc;
        }

        scan->api->snap = snap;
        rc = acm_scan_entries(scan, snap, key, &len, prefix);
        scan->api->snap = NULL;
        acm_store_end(snap);

    } while (rc == ACM_OK && !scan->more);

    return (rc == ACM_NOTFOUND) ? ACM_OK : rc;
}


/* Where the page begins; what it may have has the prefix. */

static size_t
acm_scan_begin(const acm_scan_t *scan, uint8_t *key, size_t prefix)
{
    size_t    i, len;
    uint64_t  from;

    from = scan->falling ? (uint64_t) INT64_MAX + 1 : 0;

    if (scan->index == ACM_DB_EXPIRY) {
        from = scan->falling ? (uint64_t) scan->plan->high + 1
                             : (uint64_t) scan->plan->low;
    }

    len = prefix;

    for (i = 0; i < 8; i++) {
        key[len++] = (uint8_t) (from >> (56 - 8 * i));
    }

    if (!scan->paged
        || (memcmp(scan->after.key, key + prefix, 8) < 0) != scan->falling)
    {
        return len;
    }

    memcpy(key + prefix, scan->after.key, 8);
    memcpy(key + len, scan->after.uuid, ACM_UUID_LEN);
    len += ACM_UUID_LEN;

    if (!scan->falling) {
        key[len++] = '\0';
    }

    return len;
}


/* Those of one snapshot.  ACM_NOTFOUND: there are no more. */

static acm_rc_t
acm_scan_entries(acm_scan_t *scan, acm_snap_t *snap, uint8_t *key,
    size_t *len, size_t prefix)
{
    char         uuid[ACM_UUID_LEN + 1];
    size_t       n;
    int64_t      at;
    acm_rc_t     rc;
    acm_entry_t  entry;

    for (n = 0; n < ACM_MAX_API_SCAN; n++) {

        if (scan->more || acm_scan_full(scan)) {
            return ACM_OK;
        }

        rc = scan->falling
             ? acm_store_before(snap, scan->index, key, *len, &entry)
             : acm_store_seek(snap, scan->index, key, *len, &entry);

        if (rc != ACM_OK && (rc != ACM_CORRUPT || entry.key == NULL)) {
            return rc;
        }

        if (entry.key_len != prefix + 8 + ACM_UUID_LEN
            || memcmp(entry.key, key, prefix) != 0
            || acm_time_key_parse(entry.key + prefix, 8 + ACM_UUID_LEN, &at,
                                  uuid)
               != ACM_OK
            || (scan->index == ACM_DB_EXPIRY
                && (at < scan->plan->low || at > scan->plan->high)))
        {
            return ACM_NOTFOUND;
        }

        memcpy(key, entry.key, entry.key_len);
        *len = entry.key_len;
        scan->walked++;

        if (scan->index == ACM_DB_EXPIRY && rc == ACM_OK
            && acm_plan_foreign(scan->api, &entry))
        {
            acm_scan_skip(scan, key);
            rc = ACM_OK;

        } else {
            rc = acm_scan_one(scan, snap, key + prefix);
        }

        if (rc != ACM_OK) {
            return rc;
        }

        if (!scan->falling) {
            key[(*len)++] = '\0';
        }
    }

    return ACM_OK;
}


/* What was never issued has no end, and is not in the index of ends. */

static acm_rc_t
acm_scan_endless(acm_scan_t *scan)
{
    size_t       i, n;
    uint8_t      key[8 + ACM_UUID_LEN];
    acm_rc_t     rc;
    acm_snap_t  *snap;

    acm_plan_t  *plan = scan->plan;

    if (scan->index == ACM_DB_CREATED || plan->low > 0
        || plan->high < INT64_MAX)
    {
        return ACM_OK;
    }

    memset(key, 0, 8);

    if (scan->paged && !scan->falling
        && memcmp(scan->after.key, key, 8) != 0)
    {
        return ACM_OK;
    }

    acm_plan_endless(plan, scan->api);
    rc = acm_plan_read(plan, scan->api, ACM_MAX_PLAN);
    n = plan->nuuids;
    i = 0;

    while (rc == ACM_OK && i < n && !scan->more) {

        rc = acm_store_begin(scan->api->store, &snap, &scan->api->err);

        if (rc != ACM_OK) {
            return rc;
        }

        scan->api->snap = snap;

        while (rc == ACM_OK && i < n && !scan->more && !acm_scan_full(scan)) {
            memcpy(key + 8, plan->uuids[scan->falling ? n - 1 - i : i],
                   ACM_UUID_LEN);

            if (acm_scan_behind(scan, key)) {
                rc = acm_scan_one(scan, snap, key);
            }

            if (++i % ACM_MAX_API_SCAN == 0) {
                break;
            }
        }

        scan->api->snap = NULL;
        acm_store_end(snap);
    }

    return rc;
}


/* 1: it comes behind the page before; key: time and UUID */

static int
acm_scan_behind(const acm_scan_t *scan, const uint8_t *key)
{
    acm_scan_entry_t  e;

    acm_scan_entry(&e, key);

    return !scan->paged || acm_scan_order(scan, &e, &scan->after) > 0;
}


static void
acm_scan_entry(acm_scan_entry_t *e, const uint8_t *key)
{
    memset(e, 0, sizeof(acm_scan_entry_t));
    memcpy(e->key, key, 8);
    memcpy(e->uuid, key + 8, ACM_UUID_LEN);
    e->len = 8;
}


static acm_rc_t
acm_scan_one(acm_scan_t *scan, acm_snap_t *snap, const uint8_t *key)
{
    acm_rc_t           rc;
    const acm_cert_t  *cert;
    acm_scan_entry_t   e;

    acm_scan_entry(&e, key);
    scan->read++;

    rc = acm_scan_look(scan, snap, e.uuid, &cert);

    /* what cannot be read is not shown, and hides no other */

    if (rc == ACM_OK && scan->match(scan, cert)) {

        if (scan->nfound < scan->max) {
            scan->found[scan->nfound++] = e;
            scan->listed = 1;

        } else {
            scan->more = 1;
        }
    }

    scan->last = e;

    return (rc == ACM_NOMEM) ? rc : ACM_OK;
}


/*
 * Past what another account has.  Of its UUID a token, which may have to go on
 * from there, gets no more than the beginning.
 */

static void
acm_scan_skip(acm_scan_t *scan, const uint8_t *key)
{
    acm_scan_entry_t  e;

    acm_scan_entry(&e, key);

    memcpy(e.uuid + ACM_SCAN_SHOWN,
           (scan->falling ? "-ffff-4fff-8fff-ffffffffffff"
                          : "-0000-4000-8000-000000000000"),
           ACM_UUID_LEN - ACM_SCAN_SHOWN);

    if (scan->last.uuid[0] == '\0'
        || acm_scan_order(scan, &e, &scan->last) > 0)
    {
        scan->last = e;
    }
}


/* 1: enough was read for one page, and the next one goes on from here. */

static int
acm_scan_full(acm_scan_t *scan)
{
    if (scan->read < ACM_MAX_SCAN && scan->walked < ACM_MAX_PLAN) {
        return 0;
    }

    scan->more = 1;
    scan->cut = 1;

    return 1;
}
