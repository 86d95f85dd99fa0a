
/*
 * Copyright (C) The ngx_acm authors
 *
 * What is told of one certificate and of all of them.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acm_history.h"
#include "acm_json.h"
#include "acm_limit.h"
#include "acm_status.h"
#include "acm_used.h"
#include "acm_version.h"


#define ACM_STATUS_ENDING  (30 * 86400)  /* seconds before the end: time to
                                            import the next one */


typedef struct {
    const char   *name;
    int64_t       ahead;                 /* seconds */
} acm_horizon_t;

typedef struct {
    size_t        n;
    acm_limit_t   limits[ACM_MAX_STATUS_LIMITS];
} acm_limits_t;

typedef struct {
    json_t       *row;
    int64_t       left;                  /* seconds */
    size_t        place;                 /* as it was found */
} acm_status_rank_t;


static const char *acm_reason_cure(acm_reason_e reason);
static int acm_row_put(json_t *o, const char *name, const char *text);
static int acm_row_time(json_t *o, const char *name, int64_t t);
static int acm_row_state(json_t *o, const acm_cert_t *cert, int64_t now);
static int acm_row_whole(acm_status_view_t *view, json_t *o,
    const acm_cert_t *cert);
static json_t *acm_row_versions(acm_status_view_t *view,
    const acm_cert_t *cert);
static acm_rc_t acm_row_step(void *data, const acm_history_t *step);
static const char *acm_row_urgency(const acm_cert_t *cert, int64_t now);
static acm_rc_t acm_status_search(acm_status_view_t *view, const char *uuid,
    acm_cert_t *cert);
static json_t *acm_status_counts(acm_status_view_t *view,
    const acm_store_stat_t *stat);
static int acm_status_urgent(json_t *stuck, json_t *counts);
static int acm_status_rank_cmp(const void *one, const void *two);
static int64_t acm_status_count(acm_status_view_t *view, int64_t from,
    int64_t to, int *cut);
static acm_rc_t acm_limits_add(void *data, const acm_limit_t *limit);
static json_t *acm_limits_json(const acm_limit_t *limit);


/* in the order of acm_state_e */

static const char *const  acm_states[ACM_STATE_MAX] = {
    "ok", "renewing", "pending", "ending", "stuck", "failed", "expired",
    "revoked", "inactive"
};


const char *
acm_state_text(acm_state_e state)
{
    return (state < ACM_STATE_MAX) ? acm_states[state] : "unknown";
}


acm_state_e
acm_status_state(const acm_cert_t *cert, int64_t now)
{
    switch (cert->status) {

    case ACM_STATUS_REVOKED:
        return ACM_STATE_REVOKED;

    case ACM_STATUS_FAILED:
    case ACM_STATUS_VALIDATION_TIMED_OUT:
        return ACM_STATE_FAILED;

    case ACM_STATUS_INACTIVE:
        return ACM_STATE_INACTIVE;

    case ACM_STATUS_PENDING_VALIDATION:
    case ACM_STATUS_ISSUED:
    case ACM_STATUS_EXPIRED:
        break;
    }

    /* whoever has no next step was given up, not stuck */

    if (cert->due != ACM_DUE_NONE
        && (cert->attempts || cert->overdue || *cert->findings != '\0'))
    {
        return ACM_STATE_STUCK;
    }

    if (cert->status == ACM_STATUS_EXPIRED
        || (cert->not_after && cert->not_after <= now))
    {
        return ACM_STATE_EXPIRED;
    }

    if (cert->not_after == 0) {
        return ACM_STATE_PENDING;
    }

    if (cert->renewal == ACM_RENEWAL_PENDING_AUTO_RENEWAL
        || cert->renewal == ACM_RENEWAL_PENDING_VALIDATION
        || (cert->due == ACM_DUE_RENEW && cert->due_at <= now))
    {
        return ACM_STATE_RENEWING;
    }

    if ((cert->due == ACM_DUE_NONE || cert->due == ACM_DUE_EXPIRE)
        && cert->not_after - now < ACM_STATUS_ENDING)
    {
        return ACM_STATE_ENDING;
    }

    return ACM_STATE_OK;
}


int
acm_status_stuck(const acm_cert_t *cert, int64_t now)
{
    acm_state_e  state;

    state = acm_status_state(cert, now);

    return state == ACM_STATE_STUCK || state == ACM_STATE_FAILED;
}


static const char *
acm_reason_cure(acm_reason_e reason)
{
    switch (reason) {

    case ACM_REASON_NONE:
    case ACM_REASON_OTHER:
        break;

    case ACM_REASON_NO_AVAILABLE_CONTACTS:
        return "Give the issuer a contact address that the CA takes.";

    case ACM_REASON_ADDITIONAL_VERIFICATION_REQUIRED:
        return "The CA wants to be asked first: see its mail or its portal, "
               "or use another issuer.";

    case ACM_REASON_DOMAIN_NOT_ALLOWED:
        return "The CA never issues for this name: take the name out, or use "
               "another issuer.";

    case ACM_REASON_INVALID_PUBLIC_DOMAIN:
        return "The CA takes this for no public domain: correct the name, or "
               "use the built-in CA for it.";

    case ACM_REASON_DOMAIN_VALIDATION_DENIED:
        return "The CA looked and did not find the answer: see that the name "
               "leads to this server on port 80 or 443, or that its DNS "
               "records are there.";

    case ACM_REASON_PENDING_DOMAIN_VALIDATION:
        return "Create its DNS records; it goes on by itself then.";

    case ACM_REASON_CAA_ERROR:
        return "A CAA record stands in the way: add the CA to it, or use "
               "another issuer.";

    case ACM_REASON_PCA_LIMIT_EXCEEDED:
        return "A limit of the CA was reached: wait, it is tried again by "
               "itself; spread requests, or ask the CA for more.";

    case ACM_REASON_PCA_ACCESS_DENIED:
        return "The CA refuses the account: see external account binding and "
               "the terms of service of the issuer.";

    case ACM_REASON_PCA_INVALID_ARN:
    case ACM_REASON_PCA_RESOURCE_NOT_FOUND:
    case ACM_REASON_SLR_NOT_FOUND:
        return "There is no such issuer any more: correct the configuration.";

    case ACM_REASON_PCA_INVALID_STATE:
    case ACM_REASON_PCA_REQUEST_FAILED:
        return "The CA did not answer as it should: if its status page says "
               "nothing, see the error log.";

    case ACM_REASON_PCA_NAME_CONSTRAINTS_VALIDATION:
    case ACM_REASON_PCA_INVALID_ARGS:
    case ACM_REASON_PCA_INVALID_DURATION:
        return "The CA does not issue such a certificate: correct names, key "
               "type or profile of the request.";
    }

    return NULL;
}


const char *
acm_status_cure(const acm_cert_t *cert, int64_t now)
{
    const char   *cure;
    acm_state_e   state;

    state = acm_status_state(cert, now);

    switch (state) {

    case ACM_STATE_STUCK:
        cure = acm_reason_cure(cert->reason);

        if (cure != NULL) {
            return cure;
        }

        if (*cert->findings != '\0') {
            return NULL;                 /* they hold the cure */
        }

        if (*cert->last_error == '\0') {
            return "The renewal is late although nothing failed: see whether "
                   "the helper is alive and what the error log says.";
        }

        return "Remove what the error names; it is tried again by itself.";

    case ACM_STATE_FAILED:
        cure = acm_reason_cure(cert->reason);

        if (cert->status == ACM_STATUS_VALIDATION_TIMED_OUT) {
            return "Nobody proved the names in time: create the DNS records, "
                   "then request the certificate again.";
        }

        return (cure != NULL) ? cure
               : "It is not tried again: remove what the error names, then "
                 "request the certificate again.";

    case ACM_STATE_ENDING:
        return (cert->type == ACM_TYPE_IMPORTED)
               ? "Nobody renews an imported certificate: import the next one "
                 "under the same ARN."
               : "No server asks for it any more, so it is not renewed: "
                 "delete it, or configure it again.";

    case ACM_STATE_EXPIRED:
        return (cert->due == ACM_DUE_RENEW)
               ? "It should have been renewed: see helper and issuers."
               : "Replace it, or delete it if nobody uses it.";

    case ACM_STATE_REVOKED:
        return (cert->revoking == ACM_REVOKING_REFUSED)
               ? "The CA does not revoke it, LastError says why: ask the CA "
                 "by another way."
               : (cert->due != ACM_DUE_NONE)
               ? "It is made anew; nobody is served until then."
               : "Replace it: no server has it any more.";

    case ACM_STATE_OK:
    case ACM_STATE_RENEWING:
    case ACM_STATE_PENDING:
    case ACM_STATE_INACTIVE:
    case ACM_STATE_MAX:
        break;
    }

    return NULL;
}


static int
acm_row_put(json_t *o, const char *name, const char *text)
{
    if (text == NULL || *text == '\0' || json_object_get(o, name) != NULL) {
        return 0;
    }

    return json_object_set_new(o, name, acm_json_clean(text));
}


static int
acm_row_time(json_t *o, const char *name, int64_t t)
{
    char  text[32];

    return t ? acm_row_put(o, name, acm_time_text(t, text)) : 0;
}


/* How near the end is, in the life of this certificate. */

static const char *
acm_row_urgency(const acm_cert_t *cert, int64_t now)
{
    int64_t  left, life;

    if (cert->not_after == 0) {
        return NULL;
    }

    left = cert->not_after - now;
    life = cert->not_after - cert->not_before;

    if (left <= 0) {
        return "expired";
    }

    if (left < life / 10 || left < 86400) {
        return "critical";
    }

    return (left < life / 4) ? "soon" : "ok";
}


static int
acm_row_state(json_t *o, const acm_cert_t *cert, int64_t now)
{
    int          rc;
    acm_state_e  state;

    state = acm_status_state(cert, now);

    rc = acm_row_put(o, "State", acm_state_text(state));
    rc |= acm_row_put(o, "Urgency", acm_row_urgency(cert, now));
    rc |= acm_row_put(o, "RenewalStatus", acm_renewal_text(cert->renewal));
    rc |= acm_row_put(o, (cert->status == ACM_STATUS_FAILED)
                         ? "FailureReason" : "RenewalStatusReason",
                      acm_reason_text(cert->reason));
    rc |= acm_row_time(o, "RenewalUpdatedAt", cert->renewal_at);
    rc |= acm_row_put(o, "WhatToDo", acm_status_cure(cert, now));

    if (cert->overdue) {
        rc |= json_object_set_new(o, "Overdue", json_true());
    }

    return rc;
}


json_t *
acm_status_row(acm_status_view_t *view, const acm_cert_t *cert, int whole)
{
    json_t  *o;

    o = acm_json_cert(cert, view->now);
    if (o == NULL) {
        return NULL;
    }

    if (acm_row_state(o, cert, view->now) != 0
        || (whole && acm_row_whole(view, o, cert) != 0))
    {
        json_decref(o);
        return NULL;
    }

    if (view->more != NULL) {
        view->more(view->data, cert, o, whole);
    }

    return o;
}


static int
acm_row_whole(acm_status_view_t *view, json_t *o, const acm_cert_t *cert)
{
    int      rc;
    json_t  *list;

    static const uint8_t  nobody[ACM_HASH_LEN];

    rc = acm_row_time(o, "AskedForWindowAt", cert->ari_at);

    rc |= json_object_set_new(o, "Exportable", json_boolean(cert->exportable));
    rc |= json_object_set_new(o, "Exported", json_boolean(cert->exported));
    rc |= json_object_set_new(o, "Configured",
                              json_boolean(memcmp(cert->identity, nobody,
                                                  ACM_HASH_LEN) != 0));
    rc |= json_object_set_new(o, "Versions", acm_row_versions(view, cert));

    list = json_array();

    /* a history that cannot be read must not hide the rest */

    if (list != NULL
        && acm_history_read(view->snap, cert, acm_row_step, list)
           == ACM_NOMEM)
    {
        rc = -1;
    }

    return rc | json_object_set_new(o, "History", list);
}


/* What of it the store has, the newest first; one of these can be put in use
   again. */

static json_t *
acm_row_versions(acm_status_view_t *view, const acm_cert_t *cert)
{
    int             rc;
    size_t          n;
    json_t         *list, *o;
    acm_err_t       err;
    acm_version_t  *v;

    v = acm_calloc(ACM_MAX_VERSIONS, sizeof(acm_version_t));
    list = json_array();
    n = 0;

    if (v == NULL || list == NULL
        || acm_certificate_versions(view->snap, cert->uuid, v, &n, &err)
           != ACM_OK)
    {
        acm_free(v);
        return list;
    }

    for (rc = 0; n != 0 && rc == 0; n--) {
        o = json_pack("{s:I}", "Version", (json_int_t) v[n - 1].version);
        rc = acm_row_put(o, "Serial", v[n - 1].serial);
        rc |= acm_row_time(o, "NotBefore", v[n - 1].not_before);
        rc |= acm_row_time(o, "NotAfter", v[n - 1].not_after);

        if (v[n - 1].rc != ACM_OK) {
            rc |= acm_row_put(o, "Error", acm_rc_text(v[n - 1].rc));
        }

        rc |= json_array_append_new(list, o);
    }

    acm_free(v);

    return list;
}


static acm_rc_t
acm_row_step(void *data, const acm_history_t *step)
{
    char     at[32];
    json_t  *o;

    o = json_pack("{s:s, s:s, s:I, s:I}", "At", acm_time_text(step->at, at),
                  "What", acm_history_text(step->kind), "Version",
                  (json_int_t) step->version, "Attempt",
                  (json_int_t) step->attempt);

    if (o == NULL || acm_row_put(o, "Text", step->text) != 0) {
        json_decref(o);
        return ACM_NOMEM;
    }

    return json_array_append_new(data, o) == 0 ? ACM_OK : ACM_NOMEM;
}


void
acm_status_view_init(acm_status_view_t *view, acm_snap_t *snap, int64_t now)
{
    memset(view, 0, sizeof(acm_status_view_t));

    view->snap = snap;
    view->now = now;
    view->scan = ACM_MAX_STATUS_SCAN;
    view->until = acm_ticks() + ACM_STATUS_TIME;
}


/* By UUID alone: among ours, else its material tells whose it is. */

acm_rc_t
acm_status_find(acm_status_view_t *view, const char *uuid, acm_cert_t *cert)
{
    size_t     i;
    acm_rc_t   rc;
    acm_ref_t  ref;

    for (i = 0; i < view->nregions; i++) {
        rc = acm_cert_get(view->snap, view->account, view->regions[i], uuid,
                          cert, NULL);

        if (rc != ACM_NOTFOUND) {
            return rc;
        }
    }

    rc = acm_used_owner(view->snap, uuid, &ref);

    return (rc != ACM_OK) ? rc
           : acm_cert_get(view->snap, ref.account, ref.region, uuid, cert,
                          NULL);
}


/* What is of a foreign account or region and was never issued: the keys tell,
   as far as they are looked at. */

static acm_rc_t
acm_status_search(acm_status_view_t *view, const char *uuid,
    acm_cert_t *cert)
{
    acm_rc_t     rc;
    acm_entry_t  entry;

    entry.key = NULL;

    for (rc = acm_store_seek(view->snap, ACM_DB_CERTIFICATE, NULL, 0, &entry);
         (rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL))
         && view->scan != 0;
         rc = acm_store_next(view->snap, ACM_DB_CERTIFICATE, &entry))
    {
        if (entry.key_len > ACM_UUID_LEN
            && memcmp(entry.key + entry.key_len - ACM_UUID_LEN, uuid,
                      ACM_UUID_LEN)
               == 0)
        {
            return (rc != ACM_OK) ? rc
                   : acm_cert_decode(entry.data, entry.len, cert);
        }

        entry.key = NULL;
        view->scan--;
    }

    return ACM_NOTFOUND;
}


acm_rc_t
acm_status_cert(acm_status_view_t *view, const char *uuid, json_t **json,
    acm_err_t *err)
{
    json_t      *o;
    acm_rc_t     rc;
    acm_cert_t   cert;

    rc = acm_status_find(view, uuid, &cert);

    if (rc == ACM_NOTFOUND) {
        rc = acm_status_search(view, uuid, &cert);
    }

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "certificate \"%.40s\": %s", uuid,
                        acm_rc_text(rc));
    }

    o = acm_status_row(view, &cert, 1);

    acm_cert_free(&cert);

    if (o == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for a status");
    }

    *json = o;

    return ACM_OK;
}


json_t *
acm_status_overview(acm_status_view_t *view, const acm_store_stat_t *stat)
{
    json_t              *o, *counts, *stuck, *next;
    acm_status_query_t   query;

    acm_status_query("", 0, &query);
    query.sort = ACM_SORT_ATTENTION;
    query.stuck = 1;
    query.limit = ACM_STATUS_COUNTED;

    stuck = acm_status_list(view, &query);
    counts = acm_status_counts(view, stat);

    if (acm_status_urgent(stuck, counts) != 0) {
        json_decref(counts);
        counts = NULL;
    }

    query.sort = ACM_SORT_EXPIRY;
    query.stuck = 0;
    query.limit = ACM_STATUS_NEXT;
    query.after_len = (size_t) snprintf(query.after, sizeof(query.after),
                                        "e%016llx%090d%016llx",
                                        (unsigned long long) view->now, 0,
                                        (unsigned long long) view->now);

    view->scan = ACM_MAX_STATUS_SCAN;
    view->until = acm_ticks() + ACM_STATUS_TIME;

    next = acm_status_list(view, &query);

    o = json_object();

    /* each takes over what it is given, NULL too */

    if (json_object_set_new(o, "Counts", counts)
        | json_object_set_new(o, "Stuck", stuck)
        | json_object_set_new(o, "ExpiresNext", next))
    {
        json_decref(o);
        return NULL;
    }

    return o;
}


/* Of those that were found the ones that end first, and how many it were; what
   was never issued serves nobody yet, and comes before what is good still. */

static int
acm_status_urgent(json_t *stuck, json_t *counts)
{
    size_t              i, n;
    json_t             *all, *list;
    acm_status_rank_t  *ranks;

    all = json_object_get(stuck, "Certificates");
    n = json_array_size(all);
    list = json_array();
    ranks = acm_calloc(n + 1, sizeof(acm_status_rank_t));

    if (all == NULL || list == NULL || ranks == NULL) {
        json_decref(list);
        acm_free(ranks);
        return -1;
    }

    for (i = 0; i < n; i++) {
        ranks[i].row = json_array_get(all, i);
        ranks[i].left = json_integer_value(json_object_get(ranks[i].row,
                                                           "SecondsLeft"));
        ranks[i].place = i;
    }

    qsort(ranks, n, sizeof(acm_status_rank_t), acm_status_rank_cmp);

    for (i = 0; i < n && i < ACM_STATUS_STUCK; i++) {
        (void) json_array_append(list, ranks[i].row);
    }

    acm_free(ranks);

    return json_object_set_new(stuck, "Certificates", list)
           | json_object_set_new(counts, "Stuck",
                                 json_integer((json_int_t) n));
}


static int
acm_status_rank_cmp(const void *one, const void *two)
{
    const acm_status_rank_t  *a, *b;

    a = one;
    b = two;

    if (a->left != b->left) {
        return (a->left < b->left) ? -1 : 1;
    }

    return (a->place < b->place) ? -1 : 1;
}


/* Keys alone are read for these. */

static json_t *
acm_status_counts(acm_status_view_t *view, const acm_store_stat_t *stat)
{
    int      cut;
    json_t  *o;
    size_t   i;
    int64_t  n;

    static const acm_horizon_t  horizons[] = {
        { "ExpiresIn7Days", 7 * 86400 },
        { "ExpiresIn30Days", 30 * 86400 }
    };

    cut = 0;
    n = acm_status_count(view, 0, view->now, &cut);

    o = json_pack("{s:I, s:I}", "Certificates",
                  (json_int_t) stat->entries[ACM_DB_CERTIFICATE], "Expired",
                  (json_int_t) n);

    for (i = 0; o && i < sizeof(horizons) / sizeof(horizons[0]); i++) {
        n = acm_status_count(view, view->now, view->now + horizons[i].ahead,
                             &cut);
        (void) json_object_set_new(o, horizons[i].name,
                                   json_integer((json_int_t) n));
    }

    if (o && cut) {
        (void) json_object_set_new(o, "AtLeast", json_true());
    }

    return o;
}


static int64_t
acm_status_count(acm_status_view_t *view, int64_t from, int64_t to, int *cut)
{
    char         uuid[ACM_UUID_LEN + 1];
    size_t       i;
    int64_t      n, at;
    uint8_t      key[8];
    acm_rc_t     rc;
    acm_entry_t  entry;

    for (i = 0; i < 8; i++) {
        key[i] = (uint8_t) ((uint64_t) from >> (56 - 8 * i));
    }

    n = 0;
    entry.key = NULL;

    for (rc = acm_store_seek(view->snap, ACM_DB_EXPIRY, key, 8, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(view->snap, ACM_DB_EXPIRY, &entry))
    {
        if (acm_time_key_parse(entry.key, entry.key_len, &at, uuid) == ACM_OK
            && at >= to)
        {
            break;
        }

        if (n++ == ACM_MAX_STATUS_SCAN) {
            *cut = 1;
            return ACM_MAX_STATUS_SCAN;
        }

        entry.key = NULL;
    }

    return n;
}


json_t *
acm_status_limits(acm_snap_t *snap, const acm_issuer_t *issuer, int64_t now)
{
    size_t        i;
    json_t       *list;
    acm_limits_t  limits;

    limits.n = 0;
    list = json_array();

    /* what can be read of a store is shown */

    (void) acm_limit_list(snap, issuer, now, acm_limits_add, &limits);

    for (i = 0; i < limits.n; i++) {
        if (json_array_append_new(list, acm_limits_json(&limits.limits[i]))
            != 0)
        {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


/* The account always, and first; of the domains those with the least left,
   as far as there is room. */

static acm_rc_t
acm_limits_add(void *data, const acm_limit_t *limit)
{
    size_t         i;
    acm_limit_t   *l;
    acm_limits_t  *limits;

    limits = data;
    l = limits->limits;

    if (*limit->domain != '\0' && limit->left == limit->number) {
        return ACM_OK;
    }

    for (i = limits->n;
         i != 0 && *l[i - 1].domain != '\0' && limit->left < l[i - 1].left;
         i--)
    {
        /* void */
    }

    if (i == ACM_MAX_STATUS_LIMITS) {
        return ACM_OK;
    }

    limits->n += (limits->n < ACM_MAX_STATUS_LIMITS);

    memmove(&l[i + 1], &l[i], (limits->n - 1 - i) * sizeof(acm_limit_t));
    l[i] = *limit;

    return ACM_OK;
}


static json_t *
acm_limits_json(const acm_limit_t *limit)
{
    char     at[32];
    json_t  *o;

    o = json_pack("{s:s, s:I, s:I, s:I}", "For",
                  *limit->domain ? limit->domain : "account", "Number",
                  (json_int_t) limit->number, "Period",
                  (json_int_t) limit->period, "Left",
                  (json_int_t) limit->left);

    if (o != NULL && limit->left == 0) {
        (void) json_object_set_new(o, "BlockedUntil",
                                   json_string(acm_time_text(limit->when,
                                                             at)));
    }

    return o;
}
