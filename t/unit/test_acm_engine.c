
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates live their whole life here, with a clock of our own.
 */


#include "acm_ahead.h"
#include "acm_issue.h"
#include "acm_revocation.h"
#include "acm_watch.h"
#include "test_engine.h"


static char  *test_www[] = { "www.example.com", "example.com" };


static uint64_t
test_entries(test_t *t, acm_db_e db)
{
    acm_store_stat_t  stat;

    test_ok(acm_store_stat(t->store, &stat, NULL));

    return stat.entries[db];
}


static void
test_life(void **state)
{
    static const struct { int64_t life, left; }  lives[] = {
        { 30, 15 }, { 6 * DAY, 3 * DAY }, { 45 * DAY, 15 * DAY },
        { 90 * DAY, 30 * DAY }, { 198 * DAY, 66 * DAY },
        { 395 * DAY, 395 * DAY / 3 }
    };

    size_t          i, n;
    char            uuid[ACM_UUID_LEN + 1], serial[256];
    int64_t         now, next;
    test_t          t;
    acm_err_t       err;
    acm_str_t       key, old;
    acm_cert_t      c;
    acm_snap_t     *snap;
    acm_found_t     found;
    acm_bundle_t    b;
    acm_request_t   req;

    (void) state;

    test_request(&req, test_www, 2);

    for (i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {

        test_start(&t, lives[i].life, &req, 1);
        now = START;
        memset(&old, 0, sizeof(old));
        serial[0] = '\0';
        uuid[0] = '\0';

        for (n = 1; n <= 12; n++) {
            next = test_run(&t, now);

            test_cert(&t, &req, &c);
            assert_int_equal(c.status, ACM_STATUS_ISSUED);
            assert_int_equal(c.version, n);
            assert_int_equal(c.attempts, 0);
            assert_string_equal(c.last_error, "");
            assert_true(c.not_after - c.not_before == lives[i].life);
            assert_true(next == c.due_at);
            assert_true(next == c.not_after - lives[i].left);
            assert_string_not_equal(c.serial, serial);
            snprintf(serial, sizeof(serial), "%s", c.serial);

            if (n > 1) {
                assert_string_equal(c.uuid, uuid);
            }

            memcpy(uuid, c.uuid, sizeof(uuid));

            /* it is what serves the names, with a key of its own */

            test_ok(acm_store_begin(t.store, &snap, NULL));
            test_ok(acm_find_name(snap, "example.com", now, &found));
            assert_int_equal(found.ec.version, n);
            assert_int_equal(found.rsa.key, ACM_KEY_NONE);
            test_ok(acm_material_open(t.ring, snap, c.uuid, c.version, &b,
                                      &err));
            key = b.key_secret;
            assert_int_equal(b.nchain, 1);
            assert_true(old.data == NULL || old.len != key.len
                        || memcmp(old.data, key.data, key.len) != 0);
            acm_free(old.data);
            old.data = acm_memdup(key.data, key.len);
            old.len = key.len;
            acm_bundle_free(&b);

            /* not bound to another version */

            assert_int_not_equal(acm_material_open(t.ring, snap, c.uuid,
                                                   c.version + 1, &b, &err),
                                 ACM_OK);
            acm_store_end(snap);
            acm_cert_free(&c);

            /* a second before nothing happens */

            if (next - 1 > now) {
                assert_true(test_run(&t, next - 1) == next);
            }

            now = next;
        }

        assert_int_equal(t.steps[ACM_STEP_ISSUED], 1);
        assert_int_equal(t.steps[ACM_STEP_RENEWED], 11);
        assert_int_equal(t.steps[ACM_STEP_FAILED], 0);
        assert_int_equal(test_entries(&t, ACM_DB_MATERIAL), 3);
        assert_int_equal(test_entries(&t, ACM_DB_NAME), 2);
        assert_int_equal(test_entries(&t, ACM_DB_DUE), 1);
        acm_free(old.data);
        test_stop(&t);
    }
}


static void
test_many(void **state)
{
    size_t           i;
    char             names[1000][32], *list[1000];
    test_t           t;
    acm_request_t   *reqs;

    (void) state;

    reqs = malloc(1000 * sizeof(acm_request_t));

    for (i = 0; i < 1000; i++) {
        snprintf(names[i], sizeof(names[i]), "n%zu.example.com", i);
        list[i] = names[i];
        test_request(&reqs[i], &list[i], 1);
    }

    test_start(&t, 90 * DAY, reqs, 1000);
    (void) test_run(&t, START);
    assert_int_equal(t.steps[ACM_STEP_ISSUED], 1000);
    assert_int_equal(test_entries(&t, ACM_DB_CERTIFICATE), 1000);
    assert_int_equal(test_entries(&t, ACM_DB_CHAIN), 1);

    /* nothing is written while nothing is due, or at a second start */

    i = acm_store_generation(t.store);
    (void) test_run(&t, START + 3600);
    acm_engine_done(&t.engine);
    t.engine.ensured = 0;
    (void) test_run(&t, START + 7200);
    assert_true(acm_store_generation(t.store) == i);

    test_stop(&t);
    free(reqs);
}


static void
test_configuration(void **state)
{
    char           *other[1] = { "other.example.com" };
    int64_t         next, end;
    test_t          t;
    acm_cert_t      c;
    acm_request_t   reqs[2];

    (void) state;

    test_request(&reqs[0], test_www, 2);
    test_request(&reqs[1], other, 1);

    test_start(&t, 30 * DAY, reqs, 1);
    next = test_run(&t, START);
    test_cert(&t, &reqs[0], &c);
    end = c.not_after;
    acm_cert_free(&c);

    /* gone from the configuration: served to its end, not renewed */

    acm_engine_done(&t.engine);
    t.engine.requests = &reqs[1];
    t.engine.ensured = 0;
    (void) test_run(&t, next);
    assert_int_equal(t.steps[ACM_STEP_IDLE], 1);
    assert_int_equal(t.steps[ACM_STEP_RENEWED], 0);
    test_cert(&t, &reqs[0], &c);
    assert_int_equal(c.due, ACM_DUE_NONE);
    assert_true(c.watch_at > next && c.watch_at <= c.not_after);
    assert_int_equal(c.status, ACM_STATUS_ISSUED);
    acm_cert_free(&c);

    /* back again: renewed at once, since that is overdue */

    acm_engine_done(&t.engine);
    t.engine.requests = reqs;
    t.engine.nrequests = 2;
    t.engine.ensured = 0;
    (void) test_run(&t, next + DAY);
    test_cert(&t, &reqs[0], &c);
    assert_int_equal(c.version, 2);
    end = c.not_after;
    acm_cert_free(&c);

    /* gone for good */

    acm_engine_done(&t.engine);
    t.engine.requests = &reqs[1];
    t.engine.nrequests = 1;
    t.engine.ensured = 0;
    (void) test_run(&t, end - 1);
    (void) test_run(&t, end);
    test_cert(&t, &reqs[0], &c);
    assert_int_equal(c.due, ACM_DUE_NONE);
    acm_cert_free(&c);

    test_stop(&t);
}


static void
test_identity(void **state)
{
    char           *swapped[] = { "example.com", "www.example.com" };
    uint8_t         a[ACM_HASH_LEN], b[ACM_HASH_LEN];
    acm_request_t   x, y;

    (void) state;

    test_request(&x, test_www, 2);
    test_request(&y, swapped, 2);
    acm_request_identity(&x, a);
    acm_request_identity(&y, b);
    assert_memory_equal(a, b, ACM_HASH_LEN);

    y.nnames = 1;
    acm_request_identity(&y, b);
    assert_memory_not_equal(a, b, ACM_HASH_LEN);
    y = x;
    y.key = ACM_KEY_RSA_2048;
    acm_request_identity(&y, b);
    assert_memory_not_equal(a, b, ACM_HASH_LEN);
    y = x;
    y.issuer = "other";
    acm_request_identity(&y, b);
    assert_memory_not_equal(a, b, ACM_HASH_LEN);
}


/* An issuer that is not there: tried ever more seldom, said why, no record
   lost, and issued as soon as it is back. */

static void
test_failure(void **state)
{
    int64_t         now, next, wait, last;
    size_t          n;
    test_t          t;
    acm_cert_t      c;
    acm_request_t   req;

    (void) state;

    test_request(&req, test_www, 2);
    test_start(&t, 90 * DAY, &req, 1);
    t.engine.nissuers = 0;
    now = START;
    last = 0;

    for (n = 1; n <= 30; n++) {
        next = test_run(&t, now);
        assert_int_equal(t.steps[ACM_STEP_FAILED], n);
        assert_non_null(strstr(t.text, "internal"));
        wait = next - now;
        assert_true(wait >= 1 && wait <= ACM_BACKOFF_MAX);
        assert_true(n < 25 || wait >= ACM_BACKOFF_MAX / 2);
        test_cert(&t, &req, &c);
        assert_int_equal(c.attempts, n);
        assert_int_equal(c.status, ACM_STATUS_PENDING_VALIDATION);
        assert_non_null(strstr(c.last_error, "internal"));
        acm_cert_free(&c);
        last = now;
        now = next;
    }

    assert_true(now > last);
    t.engine.nissuers = 1;
    (void) test_run(&t, now);
    test_cert(&t, &req, &c);
    assert_int_equal(c.status, ACM_STATUS_ISSUED);
    assert_int_equal(c.attempts, 0);
    acm_cert_free(&c);
    test_stop(&t);
}


/* Memory that fails at the nth allocation, for every n: nothing is lost, and
   in the end there is one certificate, issued once. */

static void
test_memory(void **state)
{
    int64_t         now, next;
    test_t          t;
    acm_rc_t        rc;
    acm_err_t       err;
    acm_cert_t      c;
    unsigned        i;
    unsigned long   n;
    acm_request_t   req;

    (void) state;

    test_request(&req, test_www, 2);

    for (n = 1; n < 400; n++) {
        test_start(&t, 90 * DAY, &req, 1);
        now = START;
        acm_alloc_fail_at(n);

        for (i = 0; i < 20; i++) {
            rc = acm_engine_tick(&t.engine, now, &next, &err);

            if (rc == ACM_NOTFOUND) {
                if (t.steps[ACM_STEP_ISSUED] || next == INT64_MAX) {
                    break;
                }

                now = next;

            } else if (rc != ACM_OK) {
                now += 61;
            }
        }

        acm_alloc_fail_at(0);
        t.engine.ensured = 0;
        (void) test_run(&t, now + 2 * DAY);
        test_cert(&t, &req, &c);

        if (c.status != ACM_STATUS_ISSUED || c.version != 1) {
            print_error("allocation %lu: %s; status %d, due %d at %lld, "
                        "now %lld, issued %u, renewed %u, failed %u, "
                        "entries %d\n",
                        n, err.text, c.status, c.due, (long long) c.due_at,
                        (long long) now, t.steps[ACM_STEP_ISSUED],
                        t.steps[ACM_STEP_RENEWED], t.steps[ACM_STEP_FAILED],
                        (int) test_entries(&t, ACM_DB_DUE));
        }

        assert_int_equal(c.status, ACM_STATUS_ISSUED);
        assert_int_equal(c.version, 1);
        assert_int_equal(test_entries(&t, ACM_DB_CERTIFICATE), 1);
        assert_int_equal(test_entries(&t, ACM_DB_ISSUER), 1);
        acm_cert_free(&c);
        test_stop(&t);
    }
}


/* A record that cannot be read keeps no other from its turn. */

static void
test_newer_record(void **state)
{
    char           *one[1] = { "one.example.com" };
    char           *two[1] = { "two.example.com" };
    size_t          len;
    uint8_t         key[ACM_MAX_STORE_KEY], value[4096];
    int64_t         next;
    test_t          t;
    acm_rc_t        rc;
    acm_err_t       err;
    acm_cert_t      a, b;
    acm_snap_t     *snap;
    acm_batch_t     batch;
    acm_entry_t     e;
    unsigned        n, told;
    acm_request_t   reqs[2];

    (void) state;

    test_request(&reqs[0], one, 1);
    test_request(&reqs[1], two, 1);
    test_start(&t, 90 * DAY, reqs, 2);
    next = test_run(&t, START);
    test_cert(&t, &reqs[0], &a);

    len = acm_cert_key(key, a.account, a.region, a.uuid);
    test_ok(acm_store_begin(t.store, &snap, &err));
    test_ok(acm_store_get(snap, ACM_DB_CERTIFICATE, key, len, &e));
    memcpy(value, e.data, e.len);
    value[1]++;
    acm_batch_init(&batch);
    acm_batch_put(&batch, ACM_DB_CERTIFICATE, key, len, value, e.len);
    acm_store_end(snap);
    test_ok(acm_store_commit(t.store, &batch, &err));
    acm_batch_free(&batch);

    told = 0;

    for (n = 0; n < 50; n++) {
        rc = acm_engine_tick(&t.engine, next, &next, &err);

        if (rc == ACM_VERSION && strstr(err.text, a.uuid) != NULL) {
            told++;
        }

        if (rc == ACM_NOTFOUND) {
            break;
        }

        next = a.due_at;
    }

    assert_int_equal(told, 1);
    test_cert(&t, &reqs[1], &b);
    assert_int_equal(b.version, 2);
    acm_cert_free(&b);

    /* and it was not rewritten */

    test_ok(acm_store_begin(t.store, &snap, &err));
    test_ok(acm_store_get(snap, ACM_DB_CERTIFICATE, key, len, &e));
    assert_memory_equal(e.data, value, e.len);
    value[1]--;
    acm_batch_init(&batch);
    acm_batch_put(&batch, ACM_DB_CERTIFICATE, key, len, value, e.len);
    acm_store_end(snap);

    /* once it can be read again, it is renewed as if nothing had been */

    test_ok(acm_store_commit(t.store, &batch, &err));
    acm_batch_free(&batch);
    (void) test_run(&t, a.due_at + DAY);
    acm_cert_free(&a);
    test_cert(&t, &reqs[0], &a);
    assert_int_equal(a.version, 2);

    acm_cert_free(&a);
    test_stop(&t);
}


static void
test_delete(void **state)
{
    test_t          t;
    acm_err_t       err;
    acm_cert_t      c;
    acm_request_t   req;

    (void) state;

    test_request(&req, test_www, 2);
    test_start(&t, 90 * DAY, &req, 1);
    (void) test_run(&t, START);
    test_cert(&t, &req, &c);

    test_ok(acm_certificate_delete(t.store, c.account, c.region, c.uuid,
                                   &err));
    assert_int_equal(acm_certificate_delete(t.store, c.account, c.region,
                                            c.uuid, &err), ACM_NOTFOUND);
    assert_int_equal(test_entries(&t, ACM_DB_CERTIFICATE), 0);
    assert_int_equal(test_entries(&t, ACM_DB_MATERIAL), 0);
    assert_int_equal(test_entries(&t, ACM_DB_NAME), 0);
    assert_int_equal(test_entries(&t, ACM_DB_DUE), 0);
    assert_int_equal(test_entries(&t, ACM_DB_IDENTITY), 0);
    acm_cert_free(&c);

    /* what is configured comes back */

    (void) test_run(&t, START + 120);
    test_cert(&t, &req, &c);
    assert_int_equal(c.status, ACM_STATUS_ISSUED);
    acm_cert_free(&c);
    test_stop(&t);
}


static acm_rc_t
test_listed(void *data, const acm_revocation_t *r)
{
    const acm_cert_t  *cert = data;

    uint8_t  nothing[ACM_HASH_LEN];

    memset(nothing, 0, sizeof(nothing));

    assert_string_equal(r->issuer, "internal");
    assert_string_equal(r->serial, cert->serial);
    assert_int_equal(r->state, ACM_REVOKING_DONE);
    assert_int_equal(r->reason, ACM_REVOKED_KEY_COMPROMISE);
    assert_true(r->at == START + 60);
    assert_true(r->ended_at == START + 60);
    assert_true(r->not_after == cert->not_after);
    assert_int_equal(r->leaf.len, 0);
    assert_int_not_equal(memcmp(r->ca, nothing, ACM_HASH_LEN), 0);
    assert_int_not_equal(memcmp(r->ca, r->hash, ACM_HASH_LEN), 0);

    return ACM_OK;
}


/* The built-in CA asks nobody: its list is what there is.  A CA that took its
   name afterwards did not make it. */

static void
test_revoked(void **state)
{
    test_t          t;
    uint64_t        revision;
    acm_err_t       err;
    acm_cert_t      c, next;
    acm_snap_t     *snap;
    acm_batch_t     batch;
    acm_found_t     found;
    acm_request_t   req;

    (void) state;

    test_request(&req, test_www, 2);
    test_start(&t, 90 * DAY, &req, 1);
    (void) test_run(&t, START);

    test_cert(&t, &req, &c);
    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_cert_get(snap, c.account, c.region, c.uuid, &next,
                         &revision));
    acm_store_end(snap);
    acm_cert_free(&next);

    test_ok(acm_certificate_revoke(t.store, &c, revision, 0,
                                   ACM_REVOKED_KEY_COMPROMISE, START + 60,
                                   &err));
    assert_int_equal(acm_certificate_revoke(t.store, &c, revision, 0,
                         ACM_REVOKED_KEY_COMPROMISE, START + 61, &err),
                     ACM_CONFLICT);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_revocation_each(snap, "internal", test_listed, &c));
    assert_int_equal(acm_find_name(snap, "example.com", START, &found),
                     ACM_NOTFOUND);
    acm_store_end(snap);
    assert_int_equal(test_entries(&t, ACM_DB_REVOCATION), 1);
    acm_cert_free(&c);

    (void) test_run(&t, START + 61);
    test_cert(&t, &req, &c);
    assert_int_equal(c.status, ACM_STATUS_ISSUED);
    assert_int_equal(c.version, 2);
    assert_int_equal(c.revoking, ACM_REVOKING_NONE);
    acm_cert_free(&c);

    /* the CA is another one now */

    acm_batch_init(&batch);
    acm_batch_delete(&batch, ACM_DB_ISSUER, "internal", 8);
    test_ok(acm_store_commit(t.store, &batch, &err));
    acm_batch_free(&batch);

    test_cert(&t, &req, &c);
    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_cert_get(snap, c.account, c.region, c.uuid, &next,
                         &revision));
    acm_store_end(snap);
    acm_cert_free(&next);

    test_ok(acm_certificate_revoke(t.store, &c, revision, 0,
                                   ACM_REVOKED_SUPERSEDED, START + 70, &err));
    assert_int_equal(test_entries(&t, ACM_DB_REVOCATION), 3);
    (void) test_run(&t, START + 71);
    assert_int_equal(test_entries(&t, ACM_DB_REVOCATION), 2);
    assert_int_equal(t.steps[ACM_STEP_UNREVOKED], 1);
    acm_cert_free(&c);

    test_stop(&t);
}


/* From when what the CA makes for a certificate at a time is good; returns the
   same of its issuing CA. */

static int64_t
test_issuing(test_t *t, const acm_cert_t *cert, int64_t now, int64_t *from)
{
    X509          *x;
    int64_t        start, end;
    acm_ca_t       ca;
    acm_err_t      err;
    acm_bundle_t   bundle;

    test_ok(acm_issue_bundle(t->ring, &t->issuer, cert, now, &bundle, &err));
    *from = bundle.info.not_before;
    acm_bundle_free(&bundle);

    test_ok(acm_issue_load(t->ring, "internal", &ca, NULL, &err));
    test_ok(acm_x509_decode(ca.issuing.data, ca.issuing.len, &x, &err));
    test_ok(acm_x509_dates(x, &start, &end, &err));
    X509_free(x);
    acm_ca_free(&ca);

    return start;
}


/* An issuing CA that was made while the clock was ahead is replaced when it is
   right again; none is while it is behind. */

static void
test_ca_ahead(void **state)
{
    test_t          t;
    int64_t         ahead, first, from;
    acm_err_t       err;
    acm_cert_t      cert;
    acm_bundle_t    bundle;
    acm_request_t   req;

    (void) state;

    test_request(&req, test_www, 1);
    test_start(&t, ACM_CA_LEAF_LIFETIME, &req, 1);
    (void) test_run(&t, START);
    test_cert(&t, &req, &cert);

    first = test_issuing(&t, &cert, START, &from);
    assert_true(first <= START && from <= START);

    /* before the root there was nothing */

    assert_int_equal(acm_issue_bundle(t.ring, &t.issuer, &cert,
                                      START - 30 * DAY, &bundle, &err),
                     ACM_INVALID);
    assert_non_null(strstr(err.text, "check the clock"));
    assert_true(test_issuing(&t, &cert, START, &from) == first);

    ahead = test_issuing(&t, &cert, START + ACM_CA_ISSUING_LIFETIME, &from);
    assert_true(ahead > START + ACM_CA_ISSUING_LIFETIME - DAY);

    /* when it begins, and a second before */

    assert_true(test_issuing(&t, &cert, ahead, &from) == ahead);
    assert_true(test_issuing(&t, &cert, ahead - 1, &from) < ahead);
    assert_true(from < ahead);

    first = test_issuing(&t, &cert, START + DAY, &from);
    assert_true(first <= START + DAY && from <= START + DAY);
    assert_true(test_issuing(&t, &cert, START + 2 * DAY, &from) == first);

    acm_cert_free(&cert);
    test_stop(&t);
}


/* And what was signed meanwhile is made anew, by a CA that has begun. */

static void
test_early(void **state)
{
    test_t          t;
    size_t          i;
    int64_t         next;
    acm_rc_t        rc;
    acm_err_t       err;
    acm_cert_t      cert;
    acm_snap_t     *snap;
    acm_watch_t     watch;
    acm_ladder_t    ladder;
    acm_request_t   reqs[2];

    (void) state;

    test_request(&reqs[0], test_www, 1);
    test_request(&reqs[1], test_www, 2);
    test_start(&t, ACM_CA_LEAF_LIFETIME, reqs, 1);
    (void) test_run(&t, START);
    acm_engine_done(&t.engine);
    t.engine.nrequests = 2;
    t.engine.ensured = 0;

    acm_ladder_default(&ladder);
    memset(&watch, 0, sizeof(acm_watch_t));
    watch.store = t.store;
    watch.ladder = &ladder;
    watch.early = acm_engine_early;
    watch.engine = &t.engine;

    (void) test_run(&t, START + 20 * DAY);
    test_cert(&t, &reqs[1], &cert);
    assert_int_equal(cert.version, 1);
    assert_true(cert.not_before > START + 19 * DAY);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    assert_true(acm_engine_early(&t.engine, snap, &cert, START));
    assert_false(acm_engine_early(&t.engine, snap, &cert, START - DAY));
    t.issuer.directory = "https://ca.example.net/directory";
    assert_false(acm_engine_early(&t.engine, snap, &cert, START));
    t.issuer.directory = NULL;
    t.issuer.name = "another";
    assert_false(acm_engine_early(&t.engine, snap, &cert, START));
    t.issuer.name = "internal";
    acm_store_end(snap);
    acm_cert_free(&cert);

    for (i = 0; i < 2; i++) {
        do {
            rc = acm_watch_tick(&watch, i ? START + 60 : START + 20 * DAY,
                                &next, &err);
        } while (rc == ACM_OK);

        assert_int_equal(rc, ACM_NOTFOUND);
    }

    (void) test_run(&t, START + 60);

    test_cert(&t, &reqs[0], &cert);
    assert_int_equal(cert.version, 1);
    acm_cert_free(&cert);

    test_cert(&t, &reqs[1], &cert);
    assert_int_equal(cert.version, 2);
    assert_true(cert.not_before <= START + 60);
    assert_int_equal(cert.due_at, cert.renew_at);
    assert_false(acm_ahead_early(&cert, START + 60));
    acm_cert_free(&cert);

    test_stop(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_newer_record),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_revoked),
        cmocka_unit_test(test_ca_ahead),
        cmocka_unit_test(test_early)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
