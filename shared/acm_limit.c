
/*
 * Copyright (C) The ngx_acm authors
 *
 * Keys of ACM_DB_LIMIT: the issuer's name, NUL, and the registered domain or
 * nothing for the account.
 */


#include <libpsl.h>
#include <string.h>

#include "acm_limit.h"
#include "acm_name.h"
#include "acm_record_impl.h"


typedef struct {
    int64_t   tat;               /* milliseconds */
} acm_bucket_t;


/* A bucket that the rate lets be; all in milliseconds. */

typedef struct {
    int64_t   interval;          /* between two when it is empty */
    int64_t   burst;             /* what a full one lets be taken ahead */
    int64_t   most;              /* no bucket is emptier than that */
} acm_gcra_t;


static void acm_limit_gcra(const acm_rate_t *rate, int64_t now,
    acm_gcra_t *g);
static acm_rc_t acm_limit_each(acm_snap_t *snap, const acm_issuer_t *issuer,
    char *const *names, size_t nnames, int64_t now, acm_batch_t *batch,
    int64_t *when);
static acm_rc_t acm_limit_bucket(acm_snap_t *snap,
    const acm_issuer_t *issuer, const acm_rate_t *rate, const char *domain,
    int64_t now, acm_batch_t *batch, int64_t *when);

static acm_rc_t acm_limit_tell(const acm_rate_t *rate,
    const acm_entry_t *entry, size_t prefix, int64_t now,
    acm_limit_pt handler, void *data);


static const acm_field_t  acm_bucket_fields[] = {
    acm_field(1, ACM_FIELD_TIME, acm_bucket_t, tat, 0, 0)
};

static const acm_layout_t  acm_bucket_layout =
    acm_layout(ACM_REC_BUCKET, acm_bucket_t, acm_bucket_fields);


/* Rounded up, so that never more than the number are taken at once. */

static void
acm_limit_gcra(const acm_rate_t *rate, int64_t now, acm_gcra_t *g)
{
    g->interval = (rate->period * 1000 + rate->number - 1) / rate->number;

    if (g->interval < 1) {
        g->interval = 1;
    }

    g->burst = g->interval * ((int64_t) rate->number - 1);
    g->most = now * 1000 + g->burst + g->interval;
}


int64_t
acm_limit_when(const acm_rate_t *rate, int64_t tat, int64_t now)
{
    acm_gcra_t  g;

    if (rate->number == 0) {
        return now;
    }

    acm_limit_gcra(rate, now, &g);

    /*
     * A clock that was far ahead once must not stop us for ever: a number
     * that is twice as far ahead as can be says nothing, and one is taken.
     */

    if (tat > g.most + g.burst + g.interval) {
        return now;
    }

    if (tat - g.burst <= now * 1000) {
        return now;
    }

    return (tat - g.burst + 999) / 1000;
}


int64_t
acm_limit_take(const acm_rate_t *rate, int64_t tat, int64_t now)
{
    acm_gcra_t  g;

    if (rate->number == 0) {
        return 0;
    }

    acm_limit_gcra(rate, now, &g);

    if (tat < now * 1000) {
        tat = now * 1000;
    }

    return (tat > g.most - g.interval) ? g.most : tat + g.interval;
}


int64_t
acm_limit_give(const acm_rate_t *rate, int64_t tat, int64_t now)
{
    acm_gcra_t  g;

    if (rate->number == 0) {
        return 0;
    }

    acm_limit_gcra(rate, now, &g);

    if (tat > g.most) {
        tat = g.most;
    }

    return (tat < g.interval) ? 0 : tat - g.interval;
}


acm_rc_t
acm_limit_order(acm_snap_t *snap, const acm_issuer_t *issuer,
    char *const *names, size_t nnames, int64_t now, acm_batch_t *batch,
    int64_t *when, acm_err_t *err)
{
    acm_rc_t     rc;
    acm_batch_t  taken;

    *when = now;

    acm_batch_init(&taken);

    rc = acm_limit_each(snap, issuer, names, nnames, now, &taken, when);

    if (rc == ACM_OK && *when > now) {
        rc = ACM_BUSY;
    }

    if (rc == ACM_OK) {
        acm_batch_join(batch, &taken);

    } else if (rc != ACM_BUSY) {
        (void) acm_fail(err, rc, "the rate limits of issuer \"%s\" cannot "
                        "be read: %s", issuer->name, acm_rc_text(rc));
    }

    acm_batch_free(&taken);

    return rc;
}


acm_rc_t
acm_limit_return(acm_snap_t *snap, const acm_issuer_t *issuer,
    char *const *names, size_t nnames, int64_t now, acm_batch_t *batch,
    acm_err_t *err)
{
    acm_rc_t  rc;

    rc = acm_limit_each(snap, issuer, names, nnames, now, batch, NULL);

    if (rc != ACM_OK) {
        (void) acm_fail(err, rc, "the rate limits of issuer \"%s\" cannot "
                        "be read: %s", issuer->name, acm_rc_text(rc));
    }

    return rc;
}


/* All buckets of an order: one is taken, or without "when" given back. */

static acm_rc_t
acm_limit_each(acm_snap_t *snap, const acm_issuer_t *issuer,
    char *const *names, size_t nnames, int64_t now, acm_batch_t *batch,
    int64_t *when)
{
    size_t       i, j;
    acm_rc_t     rc;
    const char  *domains[ACM_MAX_NAMES];

    rc = acm_limit_bucket(snap, issuer, &issuer->account_rate, "", now,
                          batch, when);

    for (i = 0; rc == ACM_OK && i < nnames && i < ACM_MAX_NAMES; i++) {
        domains[i] = acm_registered_domain(names[i]);

        for (j = 0; j < i && strcmp(domains[j], domains[i]) != 0; j++) {
            /* void */
        }

        if (j == i) {
            rc = acm_limit_bucket(snap, issuer, &issuer->domain_rate,
                                  domains[i], now, batch, when);
        }
    }

    return rc;
}


static acm_rc_t
acm_limit_bucket(acm_snap_t *snap, const acm_issuer_t *issuer,
    const acm_rate_t *rate, const char *domain, int64_t now,
    acm_batch_t *batch, int64_t *when)
{
    size_t         len;
    int64_t        at;
    uint8_t        key[ACM_MAX_STORE_KEY];
    acm_rc_t       rc;
    acm_buf_t      buf;
    acm_entry_t    entry;
    acm_bucket_t   bucket;

    if (rate->number == 0) {
        return ACM_OK;
    }

    len = strlen(issuer->name);

    memcpy(key, issuer->name, len + 1);
    memcpy(key + len + 1, domain, strlen(domain));
    len += 1 + strlen(domain);

    rc = acm_store_get(snap, ACM_DB_LIMIT, key, len, &entry);

    bucket.tat = 0;

    if (rc == ACM_OK) {
        rc = acm_record_decode(&acm_bucket_layout, entry.data, entry.len,
                               &bucket);
    }

    if (rc == ACM_CORRUPT) {

        /* as if the clock had been ahead: one is taken, and written over */

        bucket.tat = INT64_MAX;
        rc = ACM_OK;
    }

    if (rc != ACM_OK && rc != ACM_NOTFOUND) {
        return rc;
    }

    if (when == NULL) {
        bucket.tat = acm_limit_give(rate, bucket.tat, now);

    } else {
        at = acm_limit_when(rate, bucket.tat, now);

        if (at > *when) {
            *when = at;
        }

        bucket.tat = acm_limit_take(rate, bucket.tat, now);
    }

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    rc = acm_record_encode(&acm_bucket_layout, &bucket, &buf);

    if (rc == ACM_OK) {
        acm_batch_put(batch, ACM_DB_LIMIT, key, len, buf.data, buf.len);
        rc = batch->rc;
    }

    acm_buf_free(&buf);

    return rc;
}


acm_rc_t
acm_limit_list(acm_snap_t *snap, const acm_issuer_t *issuer, int64_t now,
    acm_limit_pt handler, void *data)
{
    size_t       n, len;
    uint8_t      key[ACM_MAX_LABEL + 1];
    acm_rc_t     rc;
    acm_entry_t  entry;

    len = strlen(issuer->name) + 1;

    if (len > sizeof(key)) {
        return ACM_INVALID;
    }

    memcpy(key, issuer->name, len);

    rc = acm_store_get(snap, ACM_DB_LIMIT, key, len, &entry);

    if (rc == ACM_NOTFOUND) {
        entry.data = NULL;
        entry.key = key;
        entry.key_len = len;
        rc = ACM_OK;
    }

    if (rc == ACM_OK) {
        rc = acm_limit_tell(&issuer->account_rate, &entry, len, now, handler,
                            data);
    }

    if (rc != ACM_OK && rc != ACM_CORRUPT) {
        return rc;
    }

    entry.key = NULL;

    for (n = 0, rc = acm_store_seek(snap, ACM_DB_LIMIT, key, len, &entry);
         n < ACM_MAX_LIMITS
         && (rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL));
         n++, rc = acm_store_next(snap, ACM_DB_LIMIT, &entry))
    {
        if (entry.key_len < len || memcmp(entry.key, key, len) != 0) {
            return ACM_OK;
        }

        if (rc == ACM_OK && entry.key_len > len) {
            rc = acm_limit_tell(&issuer->domain_rate, &entry, len, now,
                                handler, data);

            if (rc != ACM_OK && rc != ACM_CORRUPT) {
                return rc;
            }
        }

        entry.key = NULL;
    }

    return (rc == ACM_NOTFOUND) ? ACM_OK : rc;
}


/* An entry without data is a bucket that nothing was taken from. */

static acm_rc_t
acm_limit_tell(const acm_rate_t *rate, const acm_entry_t *entry,
    size_t prefix, int64_t now, acm_limit_pt handler, void *data)
{
    size_t         len;
    int64_t        taken;
    acm_rc_t       rc;
    acm_gcra_t     g;
    acm_limit_t    limit;
    acm_bucket_t   bucket;

    len = entry->key_len - prefix;

    if (rate->number == 0 || len > ACM_MAX_NAME) {
        return ACM_OK;
    }

    bucket.tat = 0;

    if (entry->data != NULL) {
        rc = acm_record_decode(&acm_bucket_layout, entry->data, entry->len,
                               &bucket);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    memcpy(limit.domain, entry->key + prefix, len);
    limit.domain[len] = '\0';

    acm_limit_gcra(rate, now, &g);

    taken = 0;

    if (bucket.tat > now * 1000) {
        taken = (bucket.tat - now * 1000 + g.interval - 1) / g.interval;
    }

    limit.number = rate->number;
    limit.period = rate->period;
    limit.when = acm_limit_when(rate, bucket.tat, now);
    limit.left = (taken >= (int64_t) rate->number)
                 ? 0 : rate->number - (uint32_t) taken;

    if (limit.left == 0 && limit.when <= now) {
        limit.left = 1;              /* the clock was ahead once */
    }

    return handler(data, &limit);
}


const char *
acm_registered_domain(const char *name)
{
    const char  *domain;

    if (acm_name_is_ip(name, strlen(name))) {
        return name;
    }

    if (name[0] == '*' && name[1] == '.') {
        name += 2;
    }

    domain = psl_registrable_domain(psl_builtin(), name);

    return (domain == NULL) ? name : domain;
}


int
acm_public_name(const char *name)
{
    int              n;
    char             below[ACM_MAX_NAME + 3];
    const char      *top;
    const psl_ctx_t *psl;

    if (acm_name_is_ip(name, strlen(name))) {
        return 1;
    }

    if (name[0] == '*' && name[1] == '.') {
        name += 2;
    }

    psl = psl_builtin();
    top = strrchr(name, '.');

    if (psl == NULL || top == NULL) {
        return psl == NULL;
    }

    /* of some, only what is below them is in the list */

    n = snprintf(below, sizeof(below), "a%s", top);

    if (n < 0 || (size_t) n >= sizeof(below)
        || (!psl_is_public_suffix2(psl, top + 1,
                                   PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE)
            && !psl_is_public_suffix2(psl, below, PSL_TYPE_ICANN
                                                  | PSL_TYPE_NO_STAR_RULE)))
    {
        return 0;
    }

    return !psl_is_public_suffix2(psl, name,
                                  PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE);
}
