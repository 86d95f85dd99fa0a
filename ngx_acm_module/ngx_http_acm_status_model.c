
/*
 * Copyright (C) The ngx_acm authors
 *
 * What is in the status: the model that programs get as it is and pages are
 * made from.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "../shared/acm_json_sinks.h"
#include "ngx_http_acm.h"


#define NGX_HTTP_ACM_STATUS_QUEUE    1000    /* due entries counted */
#define NGX_HTTP_ACM_STATUS_REGIONS  16      /* where a UUID is looked for */


/* a part of the overview that needs the store; a new reference */
typedef json_t *(*ngx_http_acm_status_part_pt)(ngx_acm_conf_t *amcf,
    acm_snap_t *snap);

typedef struct {
    const char                   *name;
    ngx_http_acm_status_part_pt   make;
} ngx_http_acm_status_part_t;

typedef struct {
    ngx_acm_conf_t               *amcf;
    acm_status_view_t             view;
    ngx_uint_t                    records;   /* of rows too */
    const char                   *regions[NGX_HTTP_ACM_STATUS_REGIONS];
    char                          texts[NGX_HTTP_ACM_STATUS_REGIONS]
                                       [ACM_MAX_LABEL + 1];
    char                          account[ACM_MAX_LABEL + 1];
} ngx_http_acm_status_ctx_t;


static json_t *ngx_http_acm_status_root(ngx_acm_conf_t *amcf,
    const acm_status_where_t *where);
static void ngx_http_acm_status_init(ngx_http_acm_status_ctx_t *ctx,
    ngx_acm_conf_t *amcf, acm_snap_t *snap);
static void ngx_http_acm_status_more(void *data, const acm_cert_t *cert,
    json_t *o, int whole);
static json_t *ngx_http_acm_status_helper(ngx_acm_shared_t *shared);
static json_t *ngx_http_acm_status_handshakes(ngx_acm_shared_t *shared);
static json_t *ngx_http_acm_status_demand(ngx_acm_shared_t *shared);
static ngx_int_t ngx_http_acm_status_home(ngx_http_acm_status_ctx_t *ctx,
    const acm_status_query_t *query, const acm_store_stat_t *stat,
    json_t *root);
static json_t *ngx_http_acm_status_census(ngx_acm_conf_t *amcf,
    acm_snap_t *snap);
static json_t *ngx_http_acm_status_sinks(ngx_acm_conf_t *amcf,
    acm_snap_t *snap);
static ngx_int_t ngx_http_acm_status_certs(ngx_http_acm_status_ctx_t *ctx,
    const acm_status_query_t *query, json_t *root);
static int ngx_http_acm_status_memory(ngx_acm_conf_t *amcf, json_t *o);
static json_t *ngx_http_acm_status_store(ngx_acm_conf_t *amcf,
    const acm_store_stat_t *stat);
static ngx_uint_t ngx_http_acm_status_queue(acm_snap_t *snap);


/* Each becomes a member of the overview, and is a table on its page; NULL is
   left out. */

static const ngx_http_acm_status_part_t  ngx_http_acm_status_parts[] = {
    { "Issuers", ngx_http_acm_status_issuers },
    { "Sinks", ngx_http_acm_status_sinks },
    { "Census", ngx_http_acm_status_census },
    { NULL, NULL }
};


json_t *
ngx_http_acm_status_model(ngx_acm_conf_t *amcf,
    const acm_status_where_t *where, const acm_status_query_t *query,
    ngx_uint_t *status, ngx_log_t *log)
{
    json_t                     *root, *o;
    acm_rc_t                    rc;
    acm_err_t                   err;
    ngx_int_t                   done;
    acm_snap_t                 *snap;
    acm_store_t                *store;
    acm_keyring_t              *ring;
    acm_store_stat_t            stat;
    ngx_http_acm_status_ctx_t   ctx;

    root = ngx_http_acm_status_root(amcf, where);
    if (root == NULL) {
        return NULL;
    }

    ngx_memcpy(err.text, "the store cannot be opened, see the error log",
               sizeof("the store cannot be opened, see the error log"));

    if (ngx_acm_open(amcf, 0, &store, &ring, log) != NGX_OK
        || acm_store_stat(store, &stat, &err) != ACM_OK
        || acm_store_begin(store, &snap, &err) != ACM_OK)
    {
        *status = NGX_HTTP_SERVICE_UNAVAILABLE;
        done = NGX_OK;
        goto failed;
    }

    ngx_http_acm_status_init(&ctx, amcf, snap);

    /* rows of pages do not show what is to be created */

    ctx.records = (query->format == ACM_FORMAT_JSON);
    rc = ACM_OK;

    switch (where->page) {

    case ACM_PAGE_HOME:
        done = ngx_http_acm_status_home(&ctx, query, &stat, root);
        break;

    case ACM_PAGE_CERT:
        rc = acm_status_cert(&ctx.view, where->uuid, &o, &err);
        done = NGX_OK;

        if (rc == ACM_OK) {
            json_decref(root);
            root = o;
        }

        break;

    default:
        done = ngx_http_acm_status_certs(&ctx, query, root);
    }

    acm_store_end(snap);

    if (rc == ACM_OK && done == NGX_OK) {
        *status = NGX_HTTP_OK;
        return root;
    }

    *status = (rc == ACM_NOTFOUND) ? NGX_HTTP_NOT_FOUND
                                   : NGX_HTTP_INTERNAL_SERVER_ERROR;

failed:

    if (done != NGX_OK
        || json_object_set_new(root, "Error", json_string(err.text)) != 0)
    {
        json_decref(root);
        return NULL;
    }

    return root;
}


/* What needs no store. */

static json_t *
ngx_http_acm_status_root(ngx_acm_conf_t *amcf,
    const acm_status_where_t *where)
{
    json_t            *root;
    ngx_acm_shared_t  *shared;

    root = json_object();

    if (root == NULL || where->page != ACM_PAGE_HOME) {
        return root;
    }

    ngx_acm_metrics_sum(amcf);

    shared = ngx_acm_shared(amcf);

    if (json_object_set_new(root, "Module", json_string(ACM_VERSION_TEXT))
        != 0
        || json_object_set_new(root, "Helper",
                               ngx_http_acm_status_helper(shared))
           != 0
        || json_object_set_new(root, "Handshakes",
                               ngx_http_acm_status_handshakes(shared))
           != 0
        || json_object_set_new(root, "StaticCertificates",
                               ngx_acm_static_list(amcf))
           != 0
        || (amcf->demands.nelts
            && json_object_set_new(root, "OnDemand",
                                   ngx_http_acm_status_demand(shared))
               != 0))
    {
        json_decref(root);
        return NULL;
    }

    return root;
}


static void
ngx_http_acm_status_init(ngx_http_acm_status_ctx_t *ctx,
    ngx_acm_conf_t *amcf, acm_snap_t *snap)
{
    ngx_str_t   *region;
    ngx_uint_t   i;

    ngx_memzero(ctx, sizeof(ngx_http_acm_status_ctx_t));

    acm_status_view_init(&ctx->view, snap, acm_now());

    ctx->amcf = amcf;
    ctx->view.more = ngx_http_acm_status_more;
    ctx->view.data = ctx;

    (void) ngx_cpystrn((u_char *) ctx->account, amcf->account.data,
                       ngx_min(amcf->account.len, ACM_MAX_LABEL) + 1);

    ctx->view.account = ctx->account;
    ctx->view.regions = ctx->regions;

    if (amcf->regions == NULL) {
        ctx->regions[0] = NGX_ACM_REGION;
        ctx->view.nregions = 1;
        return;
    }

    region = amcf->regions->elts;

    for (i = 0;
         i < amcf->regions->nelts && i < NGX_HTTP_ACM_STATUS_REGIONS;
         i++)
    {
        (void) ngx_cpystrn((u_char *) ctx->texts[i], region[i].data,
                           ngx_min(region[i].len, ACM_MAX_LABEL) + 1);
        ctx->regions[i] = ctx->texts[i];
    }

    ctx->view.nregions = i;
}


/* What the configuration and other maps tell of a certificate. */

static void
ngx_http_acm_status_more(void *data, const acm_cert_t *cert, json_t *o,
    int whole)
{
    json_t                     *records;
    acm_used_t                  used;
    acm_staple_t                staple;
    ngx_http_acm_status_ctx_t  *ctx;

    ctx = data;

    if ((whole || ctx->records)
        && acm_used_get(ctx->view.snap, cert->uuid, &used) == ACM_OK)
    {
        (void) acm_json_used(o, &used);
    }

    if ((whole || ctx->records)
        && acm_staple_get(ctx->view.snap, cert->uuid, cert->version, &staple)
           == ACM_OK)
    {
        (void) acm_json_staple(o, &staple);
        acm_staple_free(&staple);
    }

    if (!whole && !ctx->records) {
        return;
    }

    records = ngx_http_acm_status_records(ctx->amcf, ctx->view.snap, cert);

    if (records != NULL && json_array_size(records) != 0) {
        (void) json_object_set_new(o, "DomainValidationRecords", records);

    } else {
        json_decref(records);
    }
}


static json_t *
ngx_http_acm_status_helper(ngx_acm_shared_t *shared)
{
    char     started[32], tick[32], next[32];
    json_t  *o;

    (void) acm_time_text((int64_t) shared->helper_started, started);
    (void) acm_time_text((int64_t) shared->helper_tick, tick);
    (void) acm_time_text((int64_t) shared->helper_next, next);

    o = json_pack("{s:I, s:b, s:s, s:s, s:I, s:I, s:I, s:I}",
                  "Pid", (json_int_t) shared->helper_pid,
                  "Locked", (int) shared->helper_locked,
                  "StartedAt", started,
                  "LastTickAt", tick,
                  "Issued", (json_int_t) shared->issued,
                  "Renewed", (json_int_t) shared->renewed,
                  "Failed", (json_int_t) shared->failed,
                  "Orders", (json_int_t) shared->orders);

    if (o == NULL) {
        return NULL;
    }

    (void) json_object_set_new(o, "Up",
                               json_boolean(ngx_acm_helper_up(
                                   ngx_acm_get_conf(ngx_cycle))));

    if ((shared->helper_next
         && json_object_set_new(o, "NextStepAt", json_string(next)) != 0)
        || (shared->helper_error[0] != '\0'
            && json_object_set_new(o, "LastError",
                                   acm_json_clean((char *)
                                                  shared->helper_error))
               != 0))
    {
        json_decref(o);
        return NULL;
    }

    return o;
}


static json_t *
ngx_http_acm_status_handshakes(ngx_acm_shared_t *shared)
{
    return json_pack("{s:I, s:I, s:I, s:I}",
                     "CacheHits", (json_int_t) shared->hits,
                     "CacheMisses", (json_int_t) shared->misses,
                     "CacheWarmed", (json_int_t) shared->warmed,
                     "Fallbacks", (json_int_t) shared->fallbacks);
}


static json_t *
ngx_http_acm_status_demand(ngx_acm_shared_t *shared)
{
    return json_pack("{s:I, s:I, s:I, s:I}",
                     "Asked", (json_int_t) shared->demand_asked,
                     "Accepted", (json_int_t) shared->demand_accepted,
                     "Refused", (json_int_t) shared->demand_refused,
                     "Dropped", (json_int_t) shared->demand_dropped);
}


static ngx_int_t
ngx_http_acm_status_home(ngx_http_acm_status_ctx_t *ctx,
    const acm_status_query_t *query, const acm_store_stat_t *stat,
    json_t *root)
{
    json_t                            *o;
    ngx_uint_t                         queue;
    const ngx_http_acm_status_part_t  *part;

    /* programs get a page of certificates with it, in the order of the
       store unless they say another */

    if (query->format == ACM_FORMAT_JSON
        && ngx_http_acm_status_certs(ctx, query, root) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->records = 0;
    queue = ngx_http_acm_status_queue(ctx->view.snap);

    if (json_object_set_new(root, "Overview",
                            acm_status_overview(&ctx->view, stat))
        != 0
        || json_object_set_new(root, "Store",
                               ngx_http_acm_status_store(ctx->amcf, stat))
           != 0
        || json_object_set_new(json_object_get(root, "Helper"), "Queue",
                               json_integer((json_int_t) queue))
           != 0)
    {
        return NGX_ERROR;
    }

    for (part = ngx_http_acm_status_parts; part->name; part++) {
        o = part->make(ctx->amcf, ctx->view.snap);

        if (o != NULL && json_object_set_new(root, part->name, o) != 0) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static json_t *
ngx_http_acm_status_sinks(ngx_acm_conf_t *amcf, acm_snap_t *snap)
{
    return acm_json_sinks(snap, acm_now());
}


/* What the helper counted when it last looked at all of them. */

static json_t *
ngx_http_acm_status_census(ngx_acm_conf_t *amcf, acm_snap_t *snap)
{
    char          at[32];
    acm_census_t  census;

    if (ngx_acm_metrics_counted(amcf, &census) != NGX_OK) {
        return NULL;
    }

    return json_pack("{s:s, s:I, s:I, s:I, s:I}", "CountedAt",
                     acm_time_text(census.at, at), "Failing",
                     (json_int_t) census.failing, "Overdue",
                     (json_int_t) census.overdue, "Expired",
                     (json_int_t) census.expired, "Unreadable",
                     (json_int_t) census.unreadable);
}


static ngx_int_t
ngx_http_acm_status_certs(ngx_http_acm_status_ctx_t *ctx,
    const acm_status_query_t *query, json_t *root)
{
    int                 rc;
    json_t             *list;
    ngx_uint_t          most;
    acm_status_query_t  q;

    q = *query;
    most = ACM_MAX_STATUS_PAGE;

    if (q.format == ACM_FORMAT_JSON) {
        most = ACM_MAX_STATUS_JSON;
        q.limit = q.limit ? q.limit : ACM_STATUS_JSON;
        q.sort = q.sort ? q.sort : ACM_SORT_STORE;
    }

    q.limit = ngx_min(q.limit, most);

    list = acm_status_list(&ctx->view, &q);
    if (list == NULL) {
        return NGX_ERROR;
    }

    rc = json_object_update(root, list);
    json_decref(list);

    if (rc == 0 && *query->fault != '\0') {
        rc = json_object_set_new(root, "Warning",
                                 acm_json_clean(query->fault));
    }

    return (rc == 0) ? NGX_OK : NGX_ERROR;
}


/* Nothing before the helper has looked, or if it does not. */

static int
ngx_http_acm_status_memory(ngx_acm_conf_t *amcf, json_t *o)
{
    ngx_acm_resident_t  *r;

    r = &ngx_acm_shared(amcf)->resident;

    if (amcf->resident == 0 || r->rounds == 0) {
        return 0;
    }

    return json_object_set_new(o, "Memory",
                               json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}",
                                         "File", (json_int_t) r->store,
                                         "Resident", (json_int_t) r->resident,
                                         "Limit", (json_int_t) amcf->resident,
                                         "Wanted", (json_int_t) r->wanted,
                                         "Kept", (json_int_t) r->kept,
                                         "PagesRead",
                                         (json_int_t) r->reads));
}


static json_t *
ngx_http_acm_status_store(ngx_acm_conf_t *amcf, const acm_store_stat_t *stat)
{
    json_t  *o;

    o = acm_json_store(stat);

    if (o != NULL
        && (json_object_set_new(o, "Path",
                                acm_json_clean((char *) amcf->store.data))
            != 0
            || json_object_set_new(o, "DiskWaits",
                                   json_integer((json_int_t)
                                                ngx_acm_metrics_total(amcf,
                                                    NGX_ACM_CACHE_WAITED)))
               != 0
            || ngx_http_acm_status_memory(amcf, o) != 0))
    {
        json_decref(o);
        return NULL;
    }

    return o;
}


/* how many steps are due and not done yet */

static ngx_uint_t
ngx_http_acm_status_queue(acm_snap_t *snap)
{
    char          uuid[ACM_UUID_LEN + 1];
    int64_t       at;
    acm_rc_t      rc;
    acm_due_e     kind;
    ngx_uint_t    n;
    acm_entry_t   entry;

    n = 0;

    for (rc = acm_store_seek(snap, ACM_DB_DUE, NULL, 0, &entry);
         (rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL))
         && n < NGX_HTTP_ACM_STATUS_QUEUE;
         rc = acm_store_next(snap, ACM_DB_DUE, &entry))
    {
        if (acm_due_key_parse(entry.key, entry.key_len, &at, &kind, uuid)
            != ACM_OK)
        {
            continue;
        }

        if (at > acm_now()) {
            break;
        }

        n++;
    }

    return n;
}
