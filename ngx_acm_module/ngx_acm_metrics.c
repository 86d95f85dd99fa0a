
/*
 * Copyright (C) The ngx_acm authors
 *
 * Counting.  What workers count is a macro in ngx_acm.h; the rest here is
 * counted by the helper, the one that has the lock.
 */


#include "ngx_acm.h"


#define NGX_ACM_CENSUS         60            /* seconds, though nothing was
                                                changed: time goes on */
#define NGX_ACM_CENSUS_SHARE   50            /* a walk of one second in so
                                                many */
#define NGX_ACM_CENSUS_PAUSE   4             /* ms between its steps: it is in
                                                nobody's way at a reload */
#define NGX_ACM_CENSUS_TRIES   100


typedef struct {
    acm_census_walk_t          walk;
    ngx_acm_conf_t            *amcf;
    ngx_msec_t                 next;         /* not before */
    uint64_t                   took;         /* us of work, of this walk */
    time_t                     done;         /* the last one */
    uint64_t                   generation;   /* of the store, then */
} ngx_acm_census_t;


static void ngx_acm_metrics_time(ngx_acm_times_t *t, const uint64_t *bounds,
    uint64_t took);
static ngx_acm_counted_t *ngx_acm_metrics_issuer(ngx_acm_metrics_t *m,
    const char *name);
static void ngx_acm_metrics_validations(ngx_acm_metrics_t *m,
    const acm_order_t *order, ngx_uint_t ok);
static void ngx_acm_metrics_validation(ngx_acm_metrics_t *m,
    acm_method_e method, ngx_uint_t ok);
static void ngx_acm_metrics_publish(ngx_acm_metrics_t *m,
    const acm_census_t *census);


const char *const  ngx_acm_commit_bounds[NGX_ACM_BUCKETS] = {
    "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25",
    "0.5", "1.0", "2.5"
};

const char *const  ngx_acm_order_bounds[NGX_ACM_BUCKETS] = {
    "1.0", "5.0", "10.0", "30.0", "60.0", "120.0", "300.0", "600.0",
    "1200.0", "1800.0", "3600.0"
};


/* the same in microseconds */

static const uint64_t  ngx_acm_commit_limits[NGX_ACM_BUCKETS] = {
    1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000,
    2500000
};

static const uint64_t  ngx_acm_order_limits[NGX_ACM_BUCKETS] = {
    1000000, 5000000, 10000000, 30000000, 60000000, 120000000, 300000000,
    600000000, 1200000000, 1800000000, 3600000000ULL
};


/* of the helper's process */

static ngx_acm_census_t  ngx_acm_census;


uint64_t
ngx_acm_metrics_total(ngx_acm_conf_t *amcf, ngx_acm_counter_e what)
{
    uint64_t            n;
    ngx_uint_t          i;
    ngx_acm_metrics_t  *m;

    m = &ngx_acm_shared(amcf)->metrics;

    for (n = 0, i = 0; i < NGX_ACM_SLOTS; i++) {
        n += m->slots[i].n[what];
    }

    return n;
}


void
ngx_acm_metrics_sum(ngx_acm_conf_t *amcf)
{
    ngx_acm_shared_t  *shared;

    shared = ngx_acm_shared(amcf);

    shared->hits = (ngx_atomic_uint_t)
                   ngx_acm_metrics_total(amcf, NGX_ACM_CACHE_HIT);
    shared->misses = (ngx_atomic_uint_t)
                     ngx_acm_metrics_total(amcf, NGX_ACM_CACHE_MISS);
    shared->warmed = (ngx_atomic_uint_t)
                     ngx_acm_metrics_total(amcf, NGX_ACM_CACHE_WARMED);
    shared->fallbacks = (ngx_atomic_uint_t)
                        (ngx_acm_metrics_total(amcf, NGX_ACM_SERVED_FALLBACK)
                         + ngx_acm_metrics_total(amcf,
                                                 NGX_ACM_SERVED_REJECTED));
}


static void
ngx_acm_metrics_time(ngx_acm_times_t *t, const uint64_t *bounds,
    uint64_t took)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_ACM_BUCKETS; i++) {
        if (took <= bounds[i] * 1000) {
            break;
        }
    }

    (void) ngx_atomic_fetch_add(&t->sum, (ngx_atomic_int_t) took);
    (void) ngx_atomic_fetch_add(&t->counts[i], 1);
}


void
ngx_acm_metrics_commit(void *data, acm_rc_t rc, uint64_t took)
{
    ngx_acm_conf_t     *amcf;
    ngx_acm_metrics_t  *m;

    /* the store's handle outlives a cycle */

    amcf = ngx_acm_get_conf(ngx_cycle);

    if (!amcf->enabled) {
        return;
    }

    m = &ngx_acm_shared(amcf)->metrics;

    if (rc == ACM_OK) {
        ngx_acm_metrics_time(&m->commits, ngx_acm_commit_limits, took);

    } else if (rc != ACM_CONFLICT) {
        (void) ngx_atomic_fetch_add(&m->commit_failures, 1);
    }
}


void
ngx_acm_metrics_request(const acm_http_t *http)
{
    ngx_uint_t       class;
    ngx_acm_conf_t  *amcf;

    amcf = ngx_acm_get_conf(ngx_cycle);

    if (!http->acme || !amcf->enabled) {
        return;
    }

    class = (http->rc == ACM_OK && http->status >= 100 && http->status < 600)
            ? (ngx_uint_t) http->status / 100 : 0;

    (void) ngx_atomic_fetch_add(&ngx_acm_shared(amcf)->metrics.requests[class],
                                1);
}


/* One of an issuer that comes when all places are taken is not counted. */

static ngx_acm_counted_t *
ngx_acm_metrics_issuer(ngx_acm_metrics_t *m, const char *name)
{
    ngx_uint_t          i;
    ngx_acm_counted_t  *c;

    for (i = 0; i < NGX_ACM_MAX_COUNTED; i++) {
        c = &m->issuers[i];

        if (!c->used) {
            ngx_cpystrn((u_char *) c->name, (u_char *) name,
                        sizeof(c->name));

            /* readers look at the name only behind this */

            ngx_memory_barrier();
            c->used = 1;

            return c;
        }

        if (ngx_strcmp(c->name, name) == 0) {
            return c;
        }
    }

    return NULL;
}


void
ngx_acm_metrics_step(ngx_acm_conf_t *amcf, acm_step_e step,
    const acm_cert_t *cert)
{
    char                name[ACM_MAX_LABEL + 1];
    size_t              len;
    ngx_acm_counted_t  *c;

    /* the first of its issuers, if none has issued it yet */

    len = strcspn(cert->issuer, " ");
    len = ngx_min(len, ACM_MAX_LABEL);

    ngx_memcpy(name, cert->issuer, len);
    name[len] = '\0';

    if (step == ACM_STEP_IDLE || step == ACM_STEP_SERVED
        || step == ACM_STEP_UNREVOKED || len == 0)
    {
        return;
    }

    c = ngx_acm_metrics_issuer(&ngx_acm_shared(amcf)->metrics,
                               *cert->issued_by ? cert->issued_by : name);
    if (c == NULL) {
        return;
    }

    switch (step) {

    case ACM_STEP_ISSUED:
        (void) ngx_atomic_fetch_add(&c->issued, 1);
        break;

    case ACM_STEP_RENEWED:
        (void) ngx_atomic_fetch_add(&c->renewed, 1);
        break;

    default: /* ACM_STEP_FAILED */
        (void) ngx_atomic_fetch_add(&c->failed[ACM_PROBLEM_NONE], 1);
        break;
    }
}


void
ngx_acm_metrics_order(ngx_acm_conf_t *amcf, acm_orders_e what,
    const acm_order_t *order)
{
    int64_t             took;
    ngx_acm_counted_t  *c;
    ngx_acm_metrics_t  *m;

    if (order == NULL) {
        return;
    }

    m = &ngx_acm_shared(amcf)->metrics;
    c = ngx_acm_metrics_issuer(m, order->issuer->name);

    if (c == NULL) {
        return;
    }

    switch (what) {

    case ACM_ORDERS_STARTED:
        (void) ngx_atomic_fetch_add(&c->started, 1);
        return;

    case ACM_ORDERS_ISSUED:
    case ACM_ORDERS_RENEWED:
        (void) ngx_atomic_fetch_add(what == ACM_ORDERS_ISSUED ? &c->issued
                                                              : &c->renewed,
                                    1);

        took = acm_now() - order->rec.created_at;
        took = ngx_max(took, 0);

        ngx_acm_metrics_time(&c->duration, ngx_acm_order_limits,
                             (uint64_t) took * 1000000000);
        break;

    case ACM_ORDERS_FAILED:
        (void) ngx_atomic_fetch_add(&c->failed[order->problem.type], 1);
        break;

    default:
        break;
    }

    ngx_acm_metrics_validations(m, order, what != ACM_ORDERS_FAILED);
}


/*
 * Of an order that failed, one name did not pass: the one at hand, or the
 * first if the CA spoke of the order as a whole.  Nothing is known of others.
 */

static void
ngx_acm_metrics_validations(ngx_acm_metrics_t *m, const acm_order_t *order,
    ngx_uint_t ok)
{
    size_t                    i;
    const acm_order_authz_t  *a, *failed;

    failed = NULL;

    for (i = 0; i < order->nauthz; i++) {
        a = &order->authz[i];

        if (!a->posted || a->method == ACM_METHOD_NONE) {
            continue;
        }

        if (ok || a->valid) {
            ngx_acm_metrics_validation(m, a->method, 1);

        } else if (failed == NULL || i == order->current) {
            failed = a;
        }
    }

    if (failed && order->problem.fault == ACM_FAULT_NAME) {
        ngx_acm_metrics_validation(m, failed->method, 0);
    }
}


static void
ngx_acm_metrics_validation(ngx_acm_metrics_t *m, acm_method_e method,
    ngx_uint_t ok)
{
    ngx_uint_t  n;

    for (n = 0; n < NGX_ACM_METHODS; n++) {
        if ((1u << n) == (unsigned) method) {
            (void) ngx_atomic_fetch_add(&m->validations[n][ok], 1);
        }
    }
}


int64_t
ngx_acm_usec(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


ngx_msec_t
ngx_acm_metrics_census(ngx_acm_conf_t *amcf, acm_store_t *store,
    ngx_log_t *log)
{
    int64_t            start;
    acm_rc_t           rc;
    acm_err_t          err;
    uint64_t           generation;
    acm_census_t       done;
    ngx_acm_census_t  *c;

    c = &ngx_acm_census;

    if (c->amcf != amcf) {
        ngx_memzero(c, sizeof(ngx_acm_census_t));
        c->amcf = amcf;
        c->next = ngx_current_msec;
    }

    if (!c->walk.begun) {
        generation = acm_store_generation(store);

        if ((ngx_msec_int_t) (c->next - ngx_current_msec) > 0
            || (generation == c->generation
                && ngx_time() >= c->done
                && ngx_time() < c->done + NGX_ACM_CENSUS))
        {
            return 0;
        }

        c->took = 0;
        c->generation = generation;

    } else if ((ngx_msec_int_t) (c->next - ngx_current_msec) > 0) {
        return c->next - ngx_current_msec;
    }

    err.text[0] = '\0';
    start = ngx_acm_usec();
    rc = acm_census_step(&c->walk, store, acm_now(), &done, &err);
    c->took += (uint64_t) (ngx_acm_usec() - start);

    if (rc == ACM_OK) {
        c->next = ngx_current_msec + NGX_ACM_CENSUS_PAUSE;
        return NGX_ACM_CENSUS_PAUSE;
    }

    c->done = ngx_time();
    c->next = ngx_current_msec
              + (ngx_msec_t) (c->took / 1000 + 1) * NGX_ACM_CENSUS_SHARE;

    if (rc == ACM_NOTFOUND) {
        ngx_acm_metrics_publish(&ngx_acm_shared(amcf)->metrics, &done);

    } else {
        c->next = ngx_current_msec + NGX_ACM_CENSUS * 1000;
        ngx_log_error(NGX_LOG_ERR, log, 0, "acm: %s", err.text);
    }

    return 0;
}


static void
ngx_acm_metrics_publish(ngx_acm_metrics_t *m, const acm_census_t *census)
{
    /* one that died in the middle may have left it odd */

    m->version |= 1;
    ngx_memory_barrier();

    m->census = *census;

    ngx_memory_barrier();
    m->version++;
}


ngx_int_t
ngx_acm_metrics_counted(ngx_acm_conf_t *amcf, acm_census_t *census)
{
    ngx_uint_t          i;
    ngx_acm_metrics_t  *m;
    ngx_atomic_uint_t   version;

    m = &ngx_acm_shared(amcf)->metrics;

    for (i = 0; i < NGX_ACM_CENSUS_TRIES; i++) {
        version = m->version;
        ngx_memory_barrier();

        *census = m->census;

        ngx_memory_barrier();

        if (!(version & 1) && version == m->version) {
            return census->at ? NGX_OK : NGX_DECLINED;
        }

        ngx_cpu_pause();
    }

    return NGX_DECLINED;
}
