
/*
 * Copyright (C) The ngx_acm authors
 *
 * The process in the simulated world, its clock, and what must always hold.
 */


#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/rand.h>

#include "sim.h"


#define SIM_IDLE     (3600 * 1000LL)     /* ticks: the longest sleep */
#define SIM_FAULT    1000                /* ticks after a fault */
#define SIM_SEED     20261125


static sim_t *sim_make(size_t ncerts, size_t nnames, char *dir);
static void sim_store_open(sim_t *s);
static void sim_vacant(void *data);
static acm_rc_t sim_commit(acm_store_t *store, const acm_batch_t *batch,
    acm_err_t *err);
static acm_rc_t sim_aside(void *data, acm_batch_t *batch,
    acm_committed_pt done, void *arg, acm_err_t *err);
static void sim_aside_finish(void *data);
static void sim_report(void *data, acm_orders_e what,
    const acm_cert_t *cert, const acm_order_t *order, const char *text);
static void sim_clock(sim_t *s);


/* keys and jitter: the same in each run */

static uint32_t  sim_seed;

static int
sim_random(unsigned char *buf, int n)
{
    while (n-- > 0) {
        *buf++ = (unsigned char) (test_random(&sim_seed) >> 11);
    }

    return 1;
}

static int
sim_random_status(void)
{
    return 1;
}

static const RAND_METHOD  sim_method = {
    NULL, sim_random, NULL, NULL, sim_random, sim_random_status
};


/* the hooked commit has only the store to go by */

static sim_t  *sim_of_store;


sim_t *
sim_new(size_t ncerts, size_t nnames)
{
    return sim_make(ncerts, nnames, NULL);
}


sim_t *
sim_new_lmdb(size_t ncerts, size_t nnames)
{
    return sim_make(ncerts, nnames, test_mkdir());
}


static sim_t *
sim_make(size_t ncerts, size_t nnames, char *dir)
{
    char           name[64];
    size_t         i, k;
    sim_t         *s;
    acm_err_t      err;
    acm_request_t  *req;

    s = calloc(1, sizeof(sim_t));
    assert_non_null(s);
    assert_true(ncerts <= SIM_CERTS);

    s->dir = dir;
    s->random = SIM_SEED;
    s->trace = (getenv("ACM_SIM_TRACE") != NULL);
    sim_seed = SIM_SEED;
    (void) RAND_set_rand_method(&sim_method);

    s->ticks = 1000;
    s->patience = 13 * SIM_DAY;
    s->aside = 1;
    s->sync = 4;
    s->committer.start = sim_aside;
    s->committer.finish = sim_aside_finish;
    s->committer.data = s;
    sim_clock(s);

    s->seen = calloc(ncerts + 1, sizeof(sim_seen_t));
    assert_non_null(s->seen);

    for (i = 0; i < SIM_CAS; i++) {
        sim_ca_init(s, (unsigned) i);
    }

    for (i = 0; i < ncerts; i++) {
        req = &s->requests[i];
        req->account = "123456789012";
        req->region = "us-east-1";
        req->issuer = "ca0";
        req->key = ACM_KEY_EC_P256;
        req->type = ACM_TYPE_ISSUED;
        req->nnames = nnames;
        req->names = calloc(nnames, sizeof(char *));

        for (k = 0; k < nnames; k++) {
            snprintf(name, sizeof(name), "h%zu.example%zu.com", k, i);
            ((char **) req->names)[k] = strdup(name);
        }
    }

    s->nrequests = ncerts;

    test_ok(acm_key_random(&s->master, &err));

    sim_store_open(s);
    sim_transport(s);

    return s;
}


void
sim_free(sim_t *s)
{
    size_t  i, k;

    sim_kill(s);

    (void) RAND_set_rand_method(NULL);
    acm_now_set(-1);
    acm_ticks_set(-1);

    acm_store_close(s->store);

    for (i = 0; i < SIM_CAS; i++) {
        sim_ca_free(&s->cas[i]);
    }

    for (i = 0; i < s->nrequests; i++) {
        for (k = 0; k < s->requests[i].nnames; k++) {
            free(s->requests[i].names[k]);
        }

        free((void *) s->requests[i].names);
        free(s->seen[i].failed);
    }

    if (s->dir != NULL) {
        test_rmdir(s->dir);
    }

    free(s->seen);
    free(s->pending);
    free(s);
}


void
sim_again(sim_t *s)
{
    size_t  i;

    sim_kill(s);

    for (i = 0; i < SIM_CAS; i++) {
        sim_ca_again(&s->cas[i]);
    }

    for (i = 0; i < s->nrequests; i++) {
        free(s->seen[i].failed);
    }

    memset(s->seen, 0, s->nrequests * sizeof(sim_seen_t));

    s->random = SIM_SEED;
    sim_seed = SIM_SEED;
    s->ticks = 1000;
    s->slept = 0;
    s->skew = 0;
    sim_clock(s);
}


static void
sim_store_open(sim_t *s)
{
    if (s->dir != NULL) {
        s->store = test_open_at(s->dir, 64 << 20);
        assert_non_null(s->store);

    } else {
        s->store = test_open_memory();
    }

    /* a hook where the process can die */

    s->below = s->store->ops;
    s->ops = *s->below;
    s->ops.commit = sim_commit;
    s->store->ops = &s->ops;

    sim_of_store = s;
}


static acm_rc_t
sim_commit(acm_store_t *store, const acm_batch_t *batch, acm_err_t *err)
{
    sim_t     *s;
    acm_rc_t   rc;

    s = sim_of_store;

    if (s->crashed) {
        return acm_fail(err, ACM_ERROR, "the process is no more");
    }

    if (s->full != 0 && test_random(&s->random) % s->full == 0) {
        return acm_fail(err, ACM_FULL, "the disk is full");
    }

    rc = s->below->commit(store, batch, err);

    if (rc == ACM_OK && ++s->commits == s->crash_commit) {
        s->crashed = 1;
    }

    return rc;
}


/* At once or at the end: the process can die on either side of it. */

static acm_rc_t
sim_aside(void *data, acm_batch_t *batch, acm_committed_pt done, void *arg,
    acm_err_t *err)
{
    sim_t  *s = data;

    (void) err;

    assert_null(s->batch);

    s->batch = batch;
    s->done = done;
    s->arg = arg;
    s->done_at = s->ticks + test_random(&s->random) % s->sync;
    s->made = test_random(&s->random) % 2;

    if (s->made) {
        s->made_rc = acm_store_commit(s->store, batch, &s->made_err);
    }

    return ACM_OK;
}


static void
sim_aside_finish(void *data)
{
    sim_t  *s = data;

    if (s->batch == NULL) {
        return;
    }

    if (!s->made) {
        s->made_rc = acm_store_commit(s->store, s->batch, &s->made_err);
    }

    s->batch = NULL;
    s->done(s->arg, s->made_rc, &s->made_err);
}


void
sim_start(sim_t *s)
{
    acm_err_t          err;
    unsigned long      left;
    acm_orders_conf_t  conf;

    if (s->running) {
        return;
    }

    left = acm_alloc_fail_at(0);

    test_ok(acm_keyring_open(s->store, &s->master, 1, &s->ring, &err));

    memset(&s->engine, 0, sizeof(acm_engine_t));
    memset(&conf, 0, sizeof(conf));

    conf.ring = s->ring;
    conf.issuers = s->issuers;
    conf.nissuers = SIM_CAS;
    conf.transport = &s->transport;
    conf.checker = s->checker;
    conf.committer = s->aside ? &s->committer : NULL;
    conf.report = sim_report;
    conf.vacant = sim_vacant;
    conf.data = s;

    s->engine.ring = s->ring;
    s->engine.store = s->store;
    s->engine.issuers = s->issuers;
    s->engine.nissuers = SIM_CAS;
    s->engine.requests = s->requests;
    s->engine.nrequests = s->nrequests;
    s->engine.orders = acm_orders_new(&conf);
    assert_non_null(s->engine.orders);

    s->recovered = 0;
    s->running = 1;
    s->look = 1;
    s->fault_until = 0;

    (void) acm_alloc_fail_at(left);
}


/* What has not been committed is lost, what has been sent is sent. */

void
sim_kill(sim_t *s)
{
    unsigned long  left;

    if (!s->running) {
        return;
    }

    left = acm_alloc_fail_at(0);

    /* nor is a commit made that is under way */

    s->crashed = 1;

    acm_orders_free(s->engine.orders);
    acm_engine_done(&s->engine);
    acm_keyring_close(s->ring);

    assert_int_equal(s->npending, 0);

    s->running = 0;
    s->crashed = 0;

    if (s->dir != NULL) {
        acm_store_close(s->store);
        sim_store_open(s);
    }

    (void) acm_alloc_fail_at(left);
}


void
sim_quit(sim_t *s)
{
    unsigned long  left;
    acm_err_t      err;

    if (!s->running) {
        return;
    }

    left = acm_alloc_fail_at(0);

    err.text[0] = '\0';

    if (acm_orders_release(s->engine.orders, &err) != ACM_OK && !s->crashed) {
        fail_msg("the end of a process: %s", err.text);
    }

    (void) acm_alloc_fail_at(left);

    sim_kill(s);
}


static void
sim_report(void *data, acm_orders_e what, const acm_cert_t *cert,
    const acm_order_t *order, const char *text)
{
    sim_t   *s = data;

    size_t   i;

    s->reports[what]++;
    s->look = 1;

    if (what == ACM_ORDERS_FAILED) {
        snprintf(s->text, sizeof(s->text), "%s", text);

        if (s->trace) {
            print_message("%" PRId64 " %s failed: %s, due in %" PRId64 "\n",
                          s->ticks, cert->domain, text,
                          cert->due_at - sim_now(s));
        }

        for (i = 0; i < s->nrequests; i++) {
            if (strcmp(s->requests[i].names[0], cert->names[0]) == 0) {
                s->seen[i].ended = s->ticks;
                break;
            }
        }

        if (order != NULL && *text == '\0') {
            fail_msg("a failure without a reason");
        }
    }
}


int64_t
sim_true(const sim_t *s)
{
    return SIM_START + s->slept + s->ticks / 1000;
}


int64_t
sim_now(const sim_t *s)
{
    return sim_true(s) + s->skew;
}


static void
sim_clock(sim_t *s)
{
    acm_now_set(sim_now(s));
    acm_ticks_set(s->ticks);
}


static void
sim_fault_seen(sim_t *s, acm_err_t *err)
{
    s->faults++;
    s->fault_until = s->ticks + SIM_FAULT;

    assert_true(err->text[0] != '\0');

    if (s->trace) {
        print_message("%" PRId64 " fault: %s\n", s->ticks, err->text);
    }
}


static int64_t
sim_orders(sim_t *s)
{
    int        more;
    int64_t    next;
    acm_rc_t   rc;
    acm_err_t  err;

    rc = ACM_OK;
    next = INT64_MAX;
    err.text[0] = '\0';

    while (!s->recovered && rc == ACM_OK) {
        rc = acm_orders_recover(s->engine.orders, &more, &err);
        s->recovered = (rc == ACM_OK && !more);
    }

    if (rc == ACM_OK) {
        rc = acm_orders_run(s->engine.orders, s->ticks, &next, &err);
    }

    if (rc != ACM_OK && !s->crashed) {
        sim_fault_seen(s, &err);
        next = s->fault_until;
    }

    return next;
}


/* As the helper does: what is due, at once while there is some. */

static int64_t
sim_due(sim_t *s)
{
    int64_t    next, now;
    unsigned   n;
    acm_rc_t   rc;
    acm_err_t  err;

    s->look = 0;
    now = sim_now(s);

    for (n = 0; n < 20000; n++) {
        err.text[0] = '\0';
        rc = acm_engine_tick(&s->engine, now, &next, &err);

        if (s->crashed) {
            return 0;
        }

        if (rc == ACM_NOTFOUND) {
            if (next == INT64_MAX) {
                return INT64_MAX;
            }

            return s->ticks + ((next > now) ? (next - now) * 1000 : 1000);
        }

        if (rc != ACM_OK) {
            sim_fault_seen(s, &err);
            return s->fault_until;
        }
    }

    fail_msg("what is due comes to no end");

    return 0;
}


static void
sim_vacant(void *data)
{
    sim_t  *s = data;

    s->look_at = sim_due(s);
    s->looked = acm_store_generation(s->store);
}


void
sim_step(sim_t *s, int64_t until)
{
    int64_t   next, at;
    uint64_t  generation;

    sim_start(s);
    sim_clock(s);

    generation = acm_store_generation(s->store);

    sim_deliver(s);

    if (s->batch != NULL && s->done_at <= s->ticks) {
        sim_aside_finish(s);
    }

    next = sim_orders(s);

    if (!s->crashed && (s->look || s->look_at <= s->ticks)) {
        s->look_at = sim_due(s);
        s->looked = acm_store_generation(s->store);

        if (!s->crashed) {
            next = sim_orders(s);
        }
    }

    if (s->crashed) {
        sim_kill(s);
        return;
    }

    if (s->look || acm_store_generation(s->store) != generation) {

        /* whoever waits for what has just happened sees it now */

        return;
    }

    /* the helper looks every second: what was committed may be due */

    if (acm_store_generation(s->store) != s->looked
        && s->look_at > s->ticks + 1000)
    {
        s->look_at = s->ticks + 1000;
    }

    if (s->look_at > s->ticks + SIM_IDLE) {
        s->look_at = s->ticks + SIM_IDLE;
    }

    at = sim_next(s);

    if (s->batch != NULL && s->done_at < at) {
        at = s->done_at;
    }

    if (next == INT64_MAX && at == INT64_MAX
        && acm_orders_count(s->engine.orders) != 0)
    {
        fail_msg("%zu orders are under way, but nothing will happen",
                 acm_orders_count(s->engine.orders));
    }

    next = (at < next) ? at : next;
    next = (s->look_at < next) ? s->look_at : next;
    next = (next < until) ? next : until;

    if (next > s->ticks) {
        s->ticks = next;

    } else if (s->fault_until > s->ticks) {
        s->ticks++;
    }
}


void
sim_run(sim_t *s, int64_t seconds)
{
    int64_t  until;

    until = s->ticks + seconds * 1000;

    while (s->ticks < until) {
        sim_step(s, until);
    }
}


size_t
sim_until(sim_t *s, uint32_t version, int64_t seconds)
{
    size_t      i, n;
    int64_t     until;
    uint32_t    have;
    uint64_t    generation;
    acm_cert_t  cert;

    until = s->ticks + seconds * 1000;
    generation = 0;
    n = 0;

    for ( ;; ) {
        if (acm_store_generation(s->store) != generation) {
            generation = acm_store_generation(s->store);

            for (i = n; i < s->nrequests; i++) {
                if (sim_entries(s, ACM_DB_CERTIFICATE) <= i) {
                    break;
                }

                sim_cert(s, i, &cert);
                have = cert.version;
                acm_cert_free(&cert);

                if (have < version) {
                    break;
                }

                n = i + 1;
            }
        }

        if (n == s->nrequests || s->ticks >= until) {
            return n;
        }

        sim_step(s, until);
    }
}


void
sim_settle(sim_t *s, int64_t seconds)
{
    int64_t  until;

    until = s->ticks + seconds * 1000;

    do {
        sim_step(s, until);
    } while (s->ticks < until
             && (sim_entries(s, ACM_DB_ORDER) != 0 || !s->running
                 || s->npending != 0));
}


/* zero if there is no record yet */

void
sim_cert(sim_t *s, size_t n, acm_cert_t *cert)
{
    uint8_t       id[ACM_HASH_LEN];
    acm_ref_t     ref;
    acm_snap_t   *snap;
    acm_entry_t   e;

    memset(cert, 0, sizeof(acm_cert_t));

    acm_request_identity(&s->requests[n], id);

    test_ok(acm_store_begin(s->store, &snap, NULL));

    if (acm_store_get(snap, ACM_DB_IDENTITY, id, ACM_HASH_LEN, &e)
        == ACM_OK)
    {
        test_ok(acm_ref_decode(e.data, e.len, &ref));
        test_ok(acm_cert_get(snap, ref.account, ref.region, ref.uuid, cert,
                             NULL));
    }

    acm_store_end(snap);
}


uint64_t
sim_entries(sim_t *s, acm_db_e db)
{
    acm_store_stat_t  stat;

    test_ok(acm_store_stat(s->store, &stat, NULL));

    return stat.entries[db];
}


/* never a material without its key */

static void
sim_check_material(sim_t *s, const acm_cert_t *cert)
{
    X509          *x;
    EVP_PKEY      *pkey;
    acm_err_t      err;
    acm_snap_t    *snap;
    acm_bundle_t   b;

    test_ok(acm_store_begin(s->store, &snap, &err));
    test_ok(acm_material_open(s->ring, snap, cert->uuid, cert->version, &b,
                              &err));
    acm_store_end(snap);

    test_ok(acm_x509_decode(b.leaf.data, b.leaf.len, &x, &err));
    test_ok(acm_key_decode(cert->key, b.key_secret.data, b.key_secret.len,
                           &pkey, &err));
    assert_true(acm_x509_match(x, pkey));

    EVP_PKEY_free(pkey);
    X509_free(x);
    acm_bundle_free(&b);
}


void
sim_check(sim_t *s)
{
    size_t       i, len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    int64_t      now, from;
    acm_cert_t   c;
    acm_snap_t  *snap;
    acm_entry_t  e;

    sim_start(s);
    now = sim_now(s);

    for (i = 0; i < SIM_CAS; i++) {
        if (s->cas[i].wrong != NULL) {
            fail_msg("ca%zu: %s", i, s->cas[i].wrong);
        }
    }

    for (i = 0; i < s->nrequests; i++) {
        sim_cert(s, i, &c);

        if (c.names == NULL) {
            continue;
        }

        /* there is always a next time, and it is in the index */

        assert_true(c.due == ACM_DUE_ISSUE || c.due == ACM_DUE_RENEW
                    || c.due == ACM_DUE_ARI);

        from = (c.renew_at > now) ? c.renew_at : now;

        if (c.due_at > from + s->patience) {
            fail_msg("certificate %zu is not looked at before %" PRId64
                     " days, attempts %u: %s", i, (c.due_at - now) / SIM_DAY,
                     c.attempts, c.last_error);
        }

        len = acm_due_key(key, c.due_at, c.due, c.uuid);
        test_ok(acm_store_begin(s->store, &snap, NULL));
        test_ok(acm_store_get(snap, ACM_DB_DUE, key, len, &e));
        acm_store_end(snap);

        if (c.version != 0) {
            sim_check_material(s, &c);
        }

        acm_cert_free(&c);
    }

    assert_int_equal(sim_entries(s, ACM_DB_DUE),
                     sim_entries(s, ACM_DB_CERTIFICATE));
}


void
sim_check_quiet(sim_t *s)
{
    /* a commit is in the store before its end is told */

    while (s->batch != NULL) {
        sim_step(s, s->ticks + 1);
    }

    sim_check(s);

    assert_int_equal(sim_entries(s, ACM_DB_ORDER), 0);
    assert_int_equal(sim_entries(s, ACM_DB_CHALLENGE), 0);
    assert_int_equal(acm_orders_count(s->engine.orders), 0);
    assert_int_equal(s->npending, 0);
}
