
/*
 * Copyright (C) The ngx_acm authors
 *
 * The status as metrics, in the text format of Prometheus or OpenMetrics.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "../shared/acm_metrics_cert.h"
#include "../shared/acm_metrics_sink.h"
#include "ngx_acm.h"
#include "ngx_http_acm.h"


#define NGX_HTTP_ACM_METRICS_MAX   (64 * 1024 * 1024)    /* octets, and of */
#define NGX_HTTP_ACM_METRICS_CERTS (60 * 1024 * 1024)    /* certificates */
#define NGX_HTTP_ACM_METRICS_QUEUE  10000    /* due entries counted */


static void ngx_http_acm_metrics_helper(acm_metrics_t *m,
    ngx_acm_conf_t *amcf);
static void ngx_http_acm_metrics_workers(acm_metrics_t *m,
    ngx_acm_conf_t *amcf);
static void ngx_http_acm_metrics_memory(acm_metrics_t *m,
    ngx_acm_conf_t *amcf);
static void ngx_http_acm_metrics_orders(acm_metrics_t *m,
    ngx_acm_metrics_t *counted);
static void ngx_http_acm_metrics_failures(acm_metrics_t *m,
    ngx_acm_metrics_t *counted);
static void ngx_http_acm_metrics_cas(acm_metrics_t *m,
    ngx_acm_metrics_t *counted);
static void ngx_http_acm_metrics_times(acm_metrics_t *m, ngx_acm_times_t *t,
    const char *const *bounds);
static void ngx_http_acm_metrics_census(acm_metrics_t *m,
    ngx_acm_conf_t *amcf);
static void ngx_http_acm_metrics_windows(acm_metrics_t *m,
    acm_census_t *census);
static acm_rc_t ngx_http_acm_metrics_store(ngx_http_request_t *r,
    acm_metrics_t *m, ngx_acm_conf_t *amcf);
static acm_rc_t ngx_http_acm_metrics_snap(acm_metrics_t *m,
    ngx_acm_conf_t *amcf, acm_snap_t *snap, ngx_uint_t limit,
    acm_store_stat_t *stat);
static void ngx_http_acm_metrics_stat(acm_metrics_t *m,
    ngx_acm_metrics_t *counted, acm_store_stat_t *stat);
static int64_t ngx_http_acm_metrics_statics(acm_metrics_certs_t *c,
    ngx_acm_conf_t *amcf);
static int64_t ngx_http_acm_metrics_backlog(acm_snap_t *snap);
static void ngx_http_acm_metrics_gauge(acm_metrics_t *m, const char *name,
    int64_t value, const char *help);
static void ngx_http_acm_metrics_counter(acm_metrics_t *m, const char *name,
    uint64_t value, const char *help);


ngx_int_t
ngx_http_acm_status_metrics(ngx_http_request_t *r, ngx_acm_conf_t *amcf,
    ngx_uint_t open)
{
    acm_rc_t       rc;
    ngx_int_t      n;
    ngx_str_t      type, body;
    acm_metrics_t  m;

    acm_metrics_init(&m, (int) open, NGX_HTTP_ACM_METRICS_MAX);

    ngx_http_acm_metrics_helper(&m, amcf);
    ngx_http_acm_metrics_workers(&m, amcf);
    ngx_http_acm_metrics_memory(&m, amcf);
    ngx_http_acm_metrics_orders(&m, &ngx_acm_shared(amcf)->metrics);
    ngx_http_acm_metrics_failures(&m, &ngx_acm_shared(amcf)->metrics);
    ngx_http_acm_metrics_cas(&m, &ngx_acm_shared(amcf)->metrics);
    ngx_http_acm_metrics_census(&m, amcf);

    rc = ngx_http_acm_metrics_store(r, &m, amcf);

    if (rc == ACM_OK) {
        rc = acm_metrics_end(&m);
    }

    if (rc != ACM_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "acm: metrics cannot be written: %s", acm_rc_text(rc));
        acm_metrics_free(&m);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&type, ACM_METRICS_TYPE);

    if (open) {
        ngx_str_set(&type, ACM_METRICS_OPEN_TYPE);
    }

    body.data = m.out.data;
    body.len = m.out.len;

    n = ngx_http_acm_send(r, NGX_HTTP_OK, &type, &body);

    acm_metrics_free(&m);

    return n;
}


static void
ngx_http_acm_metrics_gauge(acm_metrics_t *m, const char *name, int64_t value,
    const char *help)
{
    acm_metrics_family(m, name, ACM_METRIC_GAUGE, help);
    acm_metrics_value(m, value);
}


static void
ngx_http_acm_metrics_counter(acm_metrics_t *m, const char *name,
    uint64_t value, const char *help)
{
    acm_metrics_family(m, name, ACM_METRIC_COUNTER, help);
    acm_metrics_count(m, value);
}


static void
ngx_http_acm_metrics_helper(acm_metrics_t *m, ngx_acm_conf_t *amcf)
{
    ngx_acm_shared_t  *shared;

    shared = ngx_acm_shared(amcf);

    acm_metrics_family(m, "acm_build_info", ACM_METRIC_GAUGE,
                       "The module's version; the value is always 1.");
    acm_metrics_label(m, "version", ACM_VERSION_TEXT);
    acm_metrics_value(m, 1);

    ngx_http_acm_metrics_gauge(m, "acm_helper_up",
                               (int64_t) ngx_acm_helper_up(amcf),
                               "Whether the helper process is alive.");
    ngx_http_acm_metrics_gauge(m, "acm_helper_locked",
                               shared->helper_locked != 0,
                               "Whether the helper has the store's lock.");
    ngx_http_acm_metrics_gauge(m, "acm_helper_start_timestamp_seconds",
                               (int64_t) shared->helper_started,
                               "When the helper took the lock.");
    ngx_http_acm_metrics_gauge(m, "acm_helper_last_tick_timestamp_seconds",
                               (int64_t) shared->helper_tick,
                               "When the helper was last at work.");
    ngx_http_acm_metrics_counter(m, "acm_helper_outages",
                                 shared->metrics.outages,
                                 "How often the helper was found silent.");

    if (amcf->cloudwatch) {
        ngx_http_acm_metrics_gauge(m,
                                   "acm_cloudwatch_last_success_timestamp"
                                   "_seconds",
                                   (int64_t) shared->metrics.cloudwatch,
                                   "When CloudWatch was told of all "
                                   "certificates last; 0: never.");
    }

    ngx_http_acm_metrics_gauge(m, "acm_orders_in_flight",
                               (int64_t) shared->orders,
                               "Orders at CAs that are under way.");
}


static void
ngx_http_acm_metrics_workers(acm_metrics_t *m, ngx_acm_conf_t *amcf)
{
    ngx_uint_t  i;

    static const char *const  results[] = {
        "exact", "wildcard", "default", "fallback", "rejected",
        "alpn_challenge"
    };

    acm_metrics_family(m, "acm_handshakes", ACM_METRIC_COUNTER,
                       "Handshakes by the certificate that was served.");

    for (i = NGX_ACM_SERVED_EXACT; i <= NGX_ACM_SERVED_ALPN; i++) {
        acm_metrics_label(m, "result", results[i]);
        acm_metrics_count(m, ngx_acm_metrics_total(amcf, i));
    }

    ngx_http_acm_metrics_counter(m, "acm_cache_hits",
                                 ngx_acm_metrics_total(amcf,
                                                       NGX_ACM_CACHE_HIT),
                                 "Certificates that a worker had ready.");
    ngx_http_acm_metrics_counter(m, "acm_cache_misses",
                                 ngx_acm_metrics_total(amcf,
                                                       NGX_ACM_CACHE_MISS),
                                 "Looks into the store for a handshake.");
    ngx_http_acm_metrics_counter(m, "acm_cache_evictions",
                                 ngx_acm_metrics_total(amcf,
                                                       NGX_ACM_CACHE_EVICTED),
                                 "Names that made room for others.");
    ngx_http_acm_metrics_counter(m, "acm_cache_disk_waits",
                                 ngx_acm_metrics_total(amcf,
                                                       NGX_ACM_CACHE_WAITED),
                                 "Looks into the store that waited for the "
                                 "disk.");
    ngx_http_acm_metrics_counter(m, "acm_cache_warmed",
                                 ngx_acm_metrics_total(amcf,
                                                       NGX_ACM_CACHE_WARMED),
                                 "Names that new workers made ready before "
                                 "they were asked for.");
    ngx_http_acm_metrics_gauge(m, "acm_cache_hot_names",
                               ngx_acm_shared(amcf)->warm.n,
                               "Names that a new worker will make ready.");
    ngx_http_acm_metrics_gauge(m, "acm_cache_names",
                               ngx_acm_metrics_total(amcf,
                                                     NGX_ACM_CACHE_NAMES),
                               "Names that workers have ready.");
    ngx_http_acm_metrics_gauge(m, "acm_cache_bytes",
                               ngx_acm_metrics_total(amcf,
                                                     NGX_ACM_CACHE_BYTES),
                               "Memory of workers for them.");
    ngx_http_acm_metrics_counter(m, "acm_audit_records",
                                 ngx_acm_metrics_total(amcf,
                                                       NGX_ACM_AUDITED),
                                 "Calls of the API in the audit log.");
    ngx_http_acm_metrics_counter(m, "acm_audit_failures",
                                 ngx_acm_metrics_total(amcf,
                                                       NGX_ACM_AUDIT_FAILED),
                                 "Calls that are missing there.");
}


/* Nothing before the helper has looked, or if it does not. */

static void
ngx_http_acm_metrics_memory(acm_metrics_t *m, ngx_acm_conf_t *amcf)
{
    ngx_acm_resident_t  *r;

    r = &ngx_acm_shared(amcf)->resident;

    if (amcf->resident == 0 || r->rounds == 0) {
        return;
    }

    ngx_http_acm_metrics_gauge(m, "acm_store_file_bytes", r->store,
                               "Octets of the store's file.");
    ngx_http_acm_metrics_gauge(m, "acm_store_resident_bytes", r->resident,
                               "Octets of these that are in memory.");
    ngx_http_acm_metrics_gauge(m, "acm_store_wanted_bytes", r->wanted,
                               "Octets of the index of names and of the "
                               "records that are used most.");
    ngx_http_acm_metrics_gauge(m, "acm_store_kept_bytes", r->kept,
                               "Octets of these that are kept in memory.");
    ngx_http_acm_metrics_counter(m, "acm_store_pages_read", r->reads,
                                 "Pages that the helper read to keep them.");
}


static void
ngx_http_acm_metrics_orders(acm_metrics_t *m, ngx_acm_metrics_t *counted)
{
    ngx_uint_t          i;
    ngx_acm_counted_t  *c;

    c = counted->issuers;

    acm_metrics_family(m, "acm_orders_started", ACM_METRIC_COUNTER,
                       "Orders begun at a CA.");

    for (i = 0; i < NGX_ACM_MAX_COUNTED && c[i].used; i++) {
        acm_metrics_label(m, "issuer", c[i].name);
        acm_metrics_count(m, c[i].started);
    }

    acm_metrics_family(m, "acm_certificates_issued", ACM_METRIC_COUNTER,
                       "Certificates issued, by whether for the first time.");

    for (i = 0; i < NGX_ACM_MAX_COUNTED && c[i].used; i++) {
        acm_metrics_label(m, "issuer", c[i].name);
        acm_metrics_label(m, "reason", "request");
        acm_metrics_count(m, c[i].issued);

        acm_metrics_label(m, "issuer", c[i].name);
        acm_metrics_label(m, "reason", "renewal");
        acm_metrics_count(m, c[i].renewed);
    }

    acm_metrics_family(m, "acm_order_duration_seconds", ACM_METRIC_HISTOGRAM,
                       "Time from an order's start to its certificate.");

    for (i = 0; i < NGX_ACM_MAX_COUNTED && c[i].used; i++) {

        /* a built-in CA has no orders */

        if (c[i].started == 0) {
            continue;
        }

        acm_metrics_label(m, "issuer", c[i].name);
        ngx_http_acm_metrics_times(m, &c[i].duration, ngx_acm_order_bounds);
    }
}


static void
ngx_http_acm_metrics_failures(acm_metrics_t *m, ngx_acm_metrics_t *counted)
{
    ngx_uint_t          i, n;
    ngx_acm_counted_t  *c;

    c = counted->issuers;

    acm_metrics_family(m, "acm_orders_failed", ACM_METRIC_COUNTER,
                       "Attempts to issue that failed, by the CA's problem; "
                       "local for one of our own.");

    for (i = 0; i < NGX_ACM_MAX_COUNTED && c[i].used; i++) {

        for (n = 0; n < NGX_ACM_PROBLEMS; n++) {

            /* the first is always there, so that a rate has a beginning */

            if (n != ACM_PROBLEM_NONE && c[i].failed[n] == 0) {
                continue;
            }

            acm_metrics_label(m, "issuer", c[i].name);
            acm_metrics_label(m, "problem",
                              n == ACM_PROBLEM_NONE ? "local"
                              : n == ACM_PROBLEM_OTHER ? "other"
                              : acm_problem_text((acm_problem_e) n));
            acm_metrics_count(m, c[i].failed[n]);
        }
    }
}


static void
ngx_http_acm_metrics_cas(acm_metrics_t *m, ngx_acm_metrics_t *counted)
{
    ngx_uint_t   i, n;
    const char  *method;

    static const char *const  results[] = { "failure", "success" };

    static const char *const  classes[] = {
        "none", "1xx", "2xx", "3xx", "4xx", "5xx"
    };

    acm_metrics_family(m, "acm_validations", ACM_METRIC_COUNTER,
                       "Names that a CA was asked to validate.");

    for (i = 0; i < NGX_ACM_METHODS; i++) {
        method = acm_method_text((acm_method_e) (1 << i));

        for (n = 0; n < 2; n++) {
            acm_metrics_label(m, "method", method);
            acm_metrics_label(m, "result", results[n]);
            acm_metrics_count(m, counted->validations[i][n]);
        }
    }

    acm_metrics_family(m, "acm_acme_requests", ACM_METRIC_COUNTER,
                       "Requests to CAs, by the class of the answer.");

    for (i = 0; i < NGX_ACM_CLASSES; i++) {
        acm_metrics_label(m, "status", classes[i]);
        acm_metrics_count(m, counted->requests[i]);
    }
}


static void
ngx_http_acm_metrics_times(acm_metrics_t *m, ngx_acm_times_t *t,
    const char *const *bounds)
{
    uint64_t         counts[NGX_ACM_BUCKETS + 1];
    ngx_uint_t       i;
    acm_histogram_t  h;

    for (i = 0; i <= NGX_ACM_BUCKETS; i++) {
        counts[i] = t->counts[i];
    }

    h.bounds = bounds;
    h.counts = counts;
    h.n = NGX_ACM_BUCKETS;
    h.sum = t->sum;

    acm_metrics_histogram(m, &h);
}


static void
ngx_http_acm_metrics_census(acm_metrics_t *m, ngx_acm_conf_t *amcf)
{
    ngx_uint_t    type, status;
    acm_census_t  census;

    if (ngx_acm_metrics_counted(amcf, &census) != NGX_OK) {
        return;
    }

    ngx_http_acm_metrics_gauge(m, "acm_census_timestamp_seconds", census.at,
                               "When certificates were counted last.");

    acm_metrics_family(m, "acm_certificates", ACM_METRIC_GAUGE,
                       "Certificates in the store.");

    for (type = 1; type < ACM_CENSUS_TYPES; type++) {
        for (status = 1; status < ACM_CENSUS_STATUSES; status++) {
            acm_metrics_label(m, "type", acm_type_text((acm_type_e) type));
            acm_metrics_label(m, "status",
                              acm_status_text((acm_status_e) status));
            acm_metrics_count(m, census.certificates[type][status]);
        }
    }

    ngx_http_acm_metrics_windows(m, &census);

    ngx_http_acm_metrics_gauge(m, "acm_certificates_expired_unrenewed",
                               (int64_t) census.expired,
                               "Certificates that expired though a renewal "
                               "was planned.");
    ngx_http_acm_metrics_gauge(m, "acm_certificates_overdue",
                               (int64_t) census.overdue,
                               "Certificates whose renewal is late.");
    ngx_http_acm_metrics_gauge(m, "acm_certificates_failing",
                               (int64_t) census.failing,
                               "Certificates whose last attempt failed.");
    ngx_http_acm_metrics_gauge(m, "acm_certificates_unreadable",
                               (int64_t) census.unreadable,
                               "Records that cannot be read.");
}


static void
ngx_http_acm_metrics_windows(acm_metrics_t *m, acm_census_t *census)
{
    ngx_uint_t  i;

    static const char *const  windows[] = { "1d", "7d", "30d" };

    acm_metrics_family(m, "acm_certificates_expiring", ACM_METRIC_GAUGE,
                       "Valid certificates that expire within the time.");

    for (i = 0; i < ACM_CENSUS_WINDOWS; i++) {
        acm_metrics_label(m, "within", windows[i]);
        acm_metrics_count(m, census->expiring[i]);
    }
}


/* Without a store the rest is still said. */

static acm_rc_t
ngx_http_acm_metrics_store(ngx_http_request_t *r, acm_metrics_t *m,
    ngx_acm_conf_t *amcf)
{
    acm_rc_t           rc;
    acm_err_t          err;
    ngx_uint_t         up;
    acm_snap_t        *snap;
    acm_store_t       *store;
    acm_keyring_t     *ring;
    acm_store_stat_t   stat;

    rc = ACM_OK;
    err.text[0] = '\0';

    up = ngx_acm_open(amcf, 0, &store, &ring, r->connection->log) == NGX_OK
         && acm_store_stat(store, &stat, &err) == ACM_OK
         && acm_store_begin(store, &snap, &err) == ACM_OK;

    ngx_http_acm_metrics_gauge(m, "acm_store_up", (int64_t) up,
                               "Whether this worker can read the store.");

    if (up) {
        rc = ngx_http_acm_metrics_snap(m, amcf, snap,
                                       ngx_http_acm_metrics_limit(r), &stat);
        acm_store_end(snap);

        ngx_http_acm_metrics_stat(m, &ngx_acm_shared(amcf)->metrics, &stat);

    } else if (err.text[0] != '\0') {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "acm: %s",
                      err.text);
    }

    return rc;
}


static acm_rc_t
ngx_http_acm_metrics_snap(acm_metrics_t *m, ngx_acm_conf_t *amcf,
    acm_snap_t *snap, ngx_uint_t limit, acm_store_stat_t *stat)
{
    size_t               shown;
    int64_t              left;
    acm_rc_t             rc;
    acm_metrics_certs_t  certs;

    left = 0;

    acm_metrics_certs_init(&certs, (int) m->open, NGX_HTTP_ACM_METRICS_CERTS);

    rc = acm_metrics_certs_read(&certs, snap, acm_now(), limit, &shown);

    if (rc == ACM_OK) {
        left = ngx_http_acm_metrics_statics(&certs, amcf);
        acm_metrics_certs_end(&certs, m);
    }

    acm_metrics_certs_free(&certs);

    ngx_http_acm_metrics_gauge(m, "acm_certificates_left_out",
                               ngx_max((int64_t) stat->entries[ACM_DB_EXPIRY]
                                       - (int64_t) shown, 0)
                               + left,
                               "Certificates that have no metrics of their "
                               "own here: those that expire last, and those "
                               "that expired long ago.");
    ngx_http_acm_metrics_gauge(m, "acm_due_backlog",
                               ngx_http_acm_metrics_backlog(snap),
                               "Steps that are due and not done yet; no more "
                               "than ten thousand are counted.");

    return (rc == ACM_OK) ? acm_metrics_sinks(m, snap) : rc;
}


static void
ngx_http_acm_metrics_stat(acm_metrics_t *m, ngx_acm_metrics_t *counted,
    acm_store_stat_t *stat)
{
    ngx_http_acm_metrics_gauge(m, "acm_store_used_bytes",
                               (int64_t) stat->used,
                               "Octets of the store in use.");
    ngx_http_acm_metrics_gauge(m, "acm_store_size_bytes",
                               (int64_t) stat->map_size,
                               "Octets that the store may grow to.");
    ngx_http_acm_metrics_gauge(m, "acm_store_readers",
                               (int64_t) stat->readers,
                               "Reader slots of the store in use.");
    ngx_http_acm_metrics_gauge(m, "acm_store_generation",
                               (int64_t) stat->generation,
                               "The number of the last commit.");
    ngx_http_acm_metrics_gauge(m, "acm_events_kept",
                               (int64_t) stat->entries[ACM_DB_EVENT],
                               "Events in the outbox, delivered or not.");

    acm_metrics_family(m, "acm_store_commit_duration_seconds",
                       ACM_METRIC_HISTOGRAM,
                       "Time that a commit took, with its sync to disk.");
    ngx_http_acm_metrics_times(m, &counted->commits, ngx_acm_commit_bounds);

    ngx_http_acm_metrics_counter(m, "acm_store_commit_failures",
                                 counted->commit_failures,
                                 "Commits that the store refused.");
}


/* Returns how many there is no room for. */

static int64_t
ngx_http_acm_metrics_statics(acm_metrics_certs_t *c, ngx_acm_conf_t *amcf)
{
    char                hash[2 * ACM_HASH_LEN + 1];
    char                domain[ACM_MAX_NAME + 1];
    ngx_str_t          *name;
    ngx_uint_t          i;
    ngx_acm_static_t  **s;
    acm_metric_cert_t   row;

    s = amcf->statics.elts;

    for (i = 0; i < amcf->statics.nelts; i++) {
        name = s[i]->names.elts;
        domain[0] = '\0';

        if (s[i]->names.nelts) {
            *ngx_snprintf((u_char *) domain, ACM_MAX_NAME, "%V", &name[0])
                = '\0';
        }

        row.id = acm_hex(s[i]->hash, ACM_HASH_LEN, hash);
        row.arn = "";
        row.domain = domain;
        row.type = "STATIC";
        row.issuer = s[i]->issuer;
        row.status = (s[i]->not_after > acm_now()) ? "ISSUED" : "EXPIRED";
        row.key = s[i]->key;
        row.source = "static";
        row.not_before = s[i]->not_before;
        row.not_after = s[i]->not_after;
        row.renew_at = 0;

        if (acm_metrics_cert(c, &row) != ACM_OK) {
            return (int64_t) (amcf->statics.nelts - i);
        }
    }

    return 0;
}


static int64_t
ngx_http_acm_metrics_backlog(acm_snap_t *snap)
{
    char         uuid[ACM_UUID_LEN + 1];
    int64_t      at, n, now;
    acm_rc_t     rc;
    acm_due_e    kind;
    acm_entry_t  entry;

    n = 0;
    now = acm_now();

    for (rc = acm_store_seek(snap, ACM_DB_DUE, NULL, 0, &entry);
         (rc == ACM_OK || rc == ACM_CORRUPT)
         && n < NGX_HTTP_ACM_METRICS_QUEUE;
         rc = acm_store_next(snap, ACM_DB_DUE, &entry))
    {
        if (acm_due_key_parse(entry.key, entry.key_len, &at, &kind, uuid)
            != ACM_OK)
        {
            continue;
        }

        if (at > now) {
            break;
        }

        n++;
    }

    return n;
}
