
/*
 * Copyright (C) The ngx_acm authors
 *
 * Plans: which indices have all that a filter can find.  Names are in that of
 * names, ends of validity in that of ends, and what neither has, or is in no
 * ordinary state, in that of states.
 */


#include <stdlib.h>
#include <string.h>

#include "acm_api_impl.h"
#include "acm_state.h"


/* how much is found by what: the least is taken */

#define ACM_PLAN_NAME    1
#define ACM_PLAN_STATE   2
#define ACM_PLAN_END     3
#define ACM_PLAN_ALL     4       /* there is no index for it */


static unsigned acm_plan_any(acm_plan_t *plan, const acm_api_t *api,
    const json_t *statement);
static unsigned acm_plan_and(acm_plan_t *plan, const acm_api_t *api,
    const json_t *list);
static unsigned acm_plan_or(acm_plan_t *plan, const acm_api_t *api,
    const json_t *list);
static unsigned acm_plan_filter(acm_plan_t *plan, const acm_api_t *api,
    const json_t *filter);
static void acm_plan_bounds(acm_plan_t *plan, const json_t *statement);
static unsigned acm_plan_name(acm_plan_t *plan, const acm_api_t *api,
    const json_t *filter);
static unsigned acm_plan_status(acm_plan_t *plan, const acm_api_t *api,
    const char *text);
static unsigned acm_plan_states(acm_plan_t *plan, const acm_api_t *api,
    unsigned from, unsigned to);
static unsigned acm_plan_ends(acm_plan_t *plan, int64_t low, int64_t high);
static const json_t *acm_plan_range(const json_t *filter, int64_t *low,
    int64_t *high);
static int64_t acm_plan_time(const json_t *number, int64_t otherwise);
static acm_range_t *acm_plan_add(acm_plan_t *plan, acm_db_e db);
static acm_rc_t acm_plan_collect(acm_plan_t *plan, const acm_api_t *api,
    acm_snap_t *snap, const acm_range_t *range, size_t *read, size_t max);
static acm_rc_t acm_plan_keep(acm_plan_t *plan, const uint8_t *uuid);
static int acm_plan_order(const void *a, const void *b);


void
acm_plan_statement(acm_plan_t *plan, const acm_api_t *api,
    const json_t *statement)
{
    plan->n = 0;
    plan->from = 0;
    plan->low = 0;
    plan->high = INT64_MAX;

    acm_plan_bounds(plan, statement);

    plan->narrow = (acm_plan_any(plan, api, statement) < ACM_PLAN_ALL);
}


void
acm_plan_statuses(acm_plan_t *plan, const acm_api_t *api, const json_t *list)
{
    size_t  i;

    plan->n = 0;
    plan->from = 0;
    plan->low = 0;
    plan->high = INT64_MAX;
    plan->narrow = (json_array_size(list) != 0);

    for (i = 0; i < json_array_size(list); i++) {
        if (acm_plan_status(plan, api,
                            json_string_value(json_array_get(list, i)))
            == ACM_PLAN_ALL)
        {
            plan->narrow = 0;
        }
    }
}


void
acm_plan_endless(acm_plan_t *plan, const acm_api_t *api)
{
    plan->n = 0;
    plan->from = 0;
    (void) acm_plan_states(plan, api, ACM_STATE_ENDLESS, ACM_STATE_MAX);
}


/* Of members that a statement should not have together the first is what
   counts, as where certificates are held against it. */

static unsigned
acm_plan_any(acm_plan_t *plan, const acm_api_t *api, const json_t *statement)
{
    const json_t  *one;

    one = json_object_get(statement, "And");

    if (one != NULL) {
        return acm_plan_and(plan, api, one);
    }

    one = json_object_get(statement, "Or");

    if (one != NULL) {
        return acm_plan_or(plan, api, one);
    }

    one = json_object_get(statement, "Filter");

    if (one == NULL || json_object_get(statement, "Not") != NULL) {
        return ACM_PLAN_ALL;
    }

    return acm_plan_filter(plan, api, one);
}


/* One that is met by few is enough. */

static unsigned
acm_plan_and(acm_plan_t *plan, const acm_api_t *api, const json_t *list)
{
    size_t    begin, end, from, i;
    unsigned  best, rank;

    begin = plan->n;
    from = plan->from;
    best = ACM_PLAN_ALL;

    for (i = 0; i < json_array_size(list); i++) {
        end = plan->n;
        plan->from = end;
        rank = acm_plan_any(plan, api, json_array_get(list, i));

        if (rank >= best) {
            plan->n = end;
            continue;
        }

        best = rank;
        memmove(&plan->ranges[begin], &plan->ranges[end],
                (plan->n - end) * sizeof(acm_range_t));
        plan->n = begin + plan->n - end;
    }

    plan->from = from;

    return best;
}


static unsigned
acm_plan_or(acm_plan_t *plan, const acm_api_t *api, const json_t *list)
{
    size_t    begin, i;
    unsigned  rank, worst;

    begin = plan->n;
    worst = 0;

    for (i = 0; i < json_array_size(list); i++) {
        rank = acm_plan_any(plan, api, json_array_get(list, i));

        if (rank == ACM_PLAN_ALL) {
            plan->n = begin;
            return rank;
        }

        if (rank > worst) {
            worst = rank;
        }
    }

    return worst;
}


static unsigned
acm_plan_filter(acm_plan_t *plan, const acm_api_t *api, const json_t *filter)
{
    size_t         begin;
    int64_t        high, low;
    unsigned       rank;
    const json_t  *one;

    begin = plan->n;
    one = json_object_get(filter, "X509AttributeFilter");

    if (one == NULL) {
        one = json_object_get(json_object_get(filter,
                                              "AcmCertificateMetadataFilter"),
                              "Status");

        return acm_plan_status(plan, api, json_string_value(one));
    }

    rank = acm_plan_name(plan, api,
                         json_object_get(json_object_get(one, "Subject"),
                                         "CommonName"));

    if (rank == ACM_PLAN_ALL) {
        plan->n = begin;
        rank = acm_plan_name(plan, api,
                             json_object_get(
                                 json_object_get(one,
                                                 "SubjectAlternativeName"),
                                 "DnsName"));
    }

    if (rank == ACM_PLAN_ALL) {
        plan->n = begin;

        if (acm_plan_range(filter, &low, &high) != NULL) {
            rank = acm_plan_ends(plan, low, high);
        }
    }

    return rank;
}


/* The ends that all that is found must have. */

static void
acm_plan_bounds(acm_plan_t *plan, const json_t *statement)
{
    size_t         i;
    int64_t        high, low;
    const json_t  *list;

    list = json_object_get(statement, "And");

    for (i = 0; i < json_array_size(list); i++) {
        acm_plan_bounds(plan, json_array_get(list, i));
    }

    if (list != NULL || json_object_get(statement, "Or") != NULL
        || json_object_get(statement, "Not") != NULL
        || acm_plan_range(json_object_get(statement, "Filter"), &low, &high)
           == NULL)
    {
        return;
    }

    if (low > plan->low) {
        plan->low = low;
    }

    if (high < plan->high) {
        plan->high = high;
    }
}


/* What is in the index of names, and what is in none. */

static unsigned
acm_plan_name(acm_plan_t *plan, const acm_api_t *api, const json_t *filter)
{
    char          name[ACM_MAX_NAME + 1];
    size_t        i, len;
    const char   *operator, *text;
    acm_range_t  *range;

    operator = json_string_value(json_object_get(filter,
                                                 "ComparisonOperator"));
    text = json_string_value(json_object_get(filter, "Value"));

    if (text == NULL || operator == NULL || strcmp(operator, "EQUALS") != 0) {
        return ACM_PLAN_ALL;
    }

    len = strlen(text);

    if (len != 0 && len <= ACM_MAX_NAME) {

        for (i = 0; i <= len; i++) {
            name[i] = (text[i] >= 'A' && text[i] <= 'Z')
                      ? (char) (text[i] - 'A' + 'a') : text[i];
        }

        range = acm_plan_add(plan, ACM_DB_NAME);

        if (range == NULL) {
            return ACM_PLAN_ALL;
        }

        /* all keys of the name, and no others, begin with it and a NUL */

        range->from_len = acm_name_prefix(range->from, name);
        range->to_len = range->from_len;
        memcpy(range->to, range->from, range->to_len);
        range->to[range->to_len - 1] = 1;
    }

    return (acm_plan_states(plan, api, ACM_STATE_APART, ACM_STATE_MAX)
            == ACM_PLAN_ALL) ? ACM_PLAN_ALL : ACM_PLAN_NAME;
}


static unsigned
acm_plan_status(acm_plan_t *plan, const acm_api_t *api, const char *text)
{
    unsigned  at, rank, status;

    status = ACM_STATUS_PENDING_VALIDATION;

    while (text != NULL && status <= ACM_STATUS_FAILED
           && strcmp(acm_status_text((acm_status_e) status), text) != 0)
    {
        status++;
    }

    if (text == NULL || status > ACM_STATUS_FAILED
        || status == ACM_STATUS_ISSUED)
    {
        return ACM_PLAN_ALL;
    }

    for (at = 0; at < ACM_STATE_MAX; at += ACM_STATE_APART) {
        rank = acm_plan_states(plan, api, at + status, at + status + 1);

        if (rank == ACM_PLAN_ALL) {
            return rank;
        }
    }

    /* what has ended may still be called issued */

    return (status == ACM_STATUS_EXPIRED) ? acm_plan_ends(plan, 0, api->now)
                                          : ACM_PLAN_STATE;
}


/* Of the kinds from one to before another. */

static unsigned
acm_plan_states(acm_plan_t *plan, const acm_api_t *api, unsigned from,
    unsigned to)
{
    size_t        i, len;
    uint8_t       key[ACM_MAX_STORE_KEY];
    acm_range_t  *range;

    len = acm_seal_key(key, api->caller->account, api->caller->region);

    if (len == 0) {

        /* of such an account there is nothing */

        return ACM_PLAN_STATE;
    }

    key[len++] = '/';
    key[len++] = (uint8_t) from;

    for (i = plan->from; i < plan->n; i++) {
        range = &plan->ranges[i];

        if (range->db == ACM_DB_STATE && range->from_len == len
            && memcmp(range->from, key, len) == 0
            && range->to[len - 1] == (uint8_t) to)
        {
            return ACM_PLAN_STATE;
        }
    }

    range = acm_plan_add(plan, ACM_DB_STATE);

    if (range == NULL) {
        return ACM_PLAN_ALL;
    }

    range->from_len = len;
    range->to_len = len;
    memcpy(range->from, key, len);
    key[len - 1] = (uint8_t) to;
    memcpy(range->to, key, len);

    return ACM_PLAN_STATE;
}


static unsigned
acm_plan_ends(acm_plan_t *plan, int64_t low, int64_t high)
{
    unsigned      i;
    uint64_t      behind;
    acm_range_t  *range;

    range = acm_plan_add(plan, ACM_DB_EXPIRY);

    if (range == NULL) {
        return ACM_PLAN_ALL;
    }

    behind = (high < 0) ? 0 : (uint64_t) high + 1;

    for (i = 0; i < 8; i++) {
        range->from[i] = (uint8_t) ((uint64_t) low >> (56 - 8 * i));
        range->to[i] = (uint8_t) (behind >> (56 - 8 * i));
    }

    range->from_len = 8;
    range->to_len = 8;

    return ACM_PLAN_END;
}


/* NotAfter of a filter, which may be NULL, widened to whole seconds; NULL if
   it has none. */

static const json_t *
acm_plan_range(const json_t *filter, int64_t *low, int64_t *high)
{
    const json_t  *range;

    range = json_object_get(json_object_get(filter, "X509AttributeFilter"),
                            "NotAfter");

    *low = acm_plan_time(json_object_get(range, "Start"), 0);
    *high = acm_plan_time(json_object_get(range, "End"), INT64_MAX);

    if (*low < 0) {
        *low = 0;
    }

    return range;
}


static int64_t
acm_plan_time(const json_t *number, int64_t otherwise)
{
    double  at;

    if (number == NULL) {
        return otherwise;
    }

    at = json_number_value(number);

    if (at < 0) {
        return -1;
    }

    /* no time is as late as 2^62 */

    return (at < 0x1p62) ? (int64_t) at : (int64_t) 1 << 62;
}


static acm_range_t *
acm_plan_add(acm_plan_t *plan, acm_db_e db)
{
    acm_range_t  *range;

    if (plan->n == ACM_MAX_RANGES) {
        return NULL;
    }

    range = &plan->ranges[plan->n++];
    range->db = db;

    return range;
}


/* In one snapshot: what moves from one index to another is in one of them. */

acm_rc_t
acm_plan_read(acm_plan_t *plan, acm_api_t *api, size_t max)
{
    size_t       i, n, read;
    int64_t      behind;
    acm_rc_t     rc;
    acm_snap_t  *snap;

    plan->nuuids = 0;
    rc = acm_store_begin(api->store, &snap, &api->err);

    if (rc != ACM_OK) {
        return rc;
    }

    read = 0;
    rc = acm_state_behind(snap, &behind);

    if (rc == ACM_OK && behind != 0) {
        rc = ACM_DENIED;
    }

    for (i = 0; rc == ACM_OK && i < plan->n; i++) {
        rc = acm_plan_collect(plan, api, snap, &plan->ranges[i], &read, max);
    }

    acm_store_end(snap);

    if (rc != ACM_OK || plan->nuuids == 0) {
        return rc;
    }

    /* those of one kind are in order */

    for (i = 1; i < plan->nuuids; i++) {
        if (acm_plan_order(plan->uuids[i - 1], plan->uuids[i]) > 0) {
            qsort(plan->uuids, plan->nuuids, sizeof(acm_plan_uuid_t),
                  acm_plan_order);
            break;
        }
    }

    for (i = 1, n = 1; i < plan->nuuids; i++) {
        if (strcmp(plan->uuids[i], plan->uuids[n - 1]) != 0) {
            memcpy(plan->uuids[n++], plan->uuids[i], sizeof(acm_plan_uuid_t));
        }
    }

    plan->nuuids = n;

    return ACM_OK;
}


static acm_rc_t
acm_plan_collect(acm_plan_t *plan, const acm_api_t *api, acm_snap_t *snap,
    const acm_range_t *range, size_t *read, size_t max)
{
    size_t       len;
    acm_rc_t     rc;
    acm_entry_t  entry;

    for (rc = acm_store_seek(snap, range->db, range->from, range->from_len,
                             &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, range->db, &entry))
    {
        len = (entry.key_len < range->to_len) ? entry.key_len : range->to_len;

        if (memcmp(entry.key, range->to, len) >= 0) {
            return ACM_OK;
        }

        if ((*read)++ == max) {
            return ACM_DENIED;
        }

        if (entry.key_len < ACM_UUID_LEN
            || (range->db == ACM_DB_EXPIRY && rc == ACM_OK
                && acm_plan_foreign(api, &entry)))
        {
            continue;
        }

        rc = acm_plan_keep(plan,
                           entry.key + entry.key_len - ACM_UUID_LEN);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    return (rc == ACM_NOTFOUND) ? ACM_OK : rc;
}


int
acm_plan_foreign(const acm_api_t *api, const acm_entry_t *entry)
{
    acm_ref_t  ref;

    return acm_ref_decode(entry->data, entry->len, &ref) == ACM_OK
           && (strcmp(ref.account, api->caller->account) != 0
               || strcmp(ref.region, api->caller->region) != 0);
}


static acm_rc_t
acm_plan_keep(acm_plan_t *plan, const uint8_t *uuid)
{
    size_t            n;
    acm_plan_uuid_t  *uuids;

    n = plan->nuuids;

    /* full whenever it has a power of two of them, from 64 on */

    if (n == 0 || (n >= 64 && (n & (n - 1)) == 0)) {
        uuids = acm_realloc(plan->uuids,
                            (n < 64 ? 64 : 2 * n) * sizeof(acm_plan_uuid_t));

        if (uuids == NULL) {
            return ACM_NOMEM;
        }

        plan->uuids = uuids;
    }

    memcpy(plan->uuids[n], uuid, ACM_UUID_LEN);
    plan->uuids[n][ACM_UUID_LEN] = '\0';
    plan->nuuids++;

    return ACM_OK;
}


static int
acm_plan_order(const void *a, const void *b)
{
    return memcmp(a, b, ACM_UUID_LEN);
}
