
/*
 * Copyright (C) The ngx_acm authors
 *
 * The engine renews what was made on demand, and is told whether it may.
 */


#include "test.h"


#define START    1800000000LL
#define DAY      86400LL


typedef struct {
    acm_store_t        *store;
    acm_keyring_t      *ring;
    acm_key_secret_t    master;
    acm_engine_t        engine;
    acm_issuer_t        issuer;
    unsigned            steps[ACM_STEP_IDLE + 1];
    char                text[ACM_MAX_ERROR];
    acm_demand_e        answer;
    unsigned            demands;
} test_t;


static char  *test_www[] = { "www.example.com" };


static void
test_report(void *data, acm_step_e step, const acm_cert_t *cert,
    const char *text)
{
    test_t  *t = data;

    (void) cert;

    t->steps[step]++;
    snprintf(t->text, sizeof(t->text), "%s", text);
}


static void
test_request(acm_request_t *req, char **names, size_t n)
{
    memset(req, 0, sizeof(acm_request_t));
    req->account = "123456789012";
    req->region = "us-east-1";
    req->issuer = "internal";
    req->key = ACM_KEY_EC_P256;
    req->type = ACM_TYPE_PRIVATE;
    req->names = names;
    req->nnames = n;
}


static void
test_start(test_t *t, int64_t lifetime, const acm_request_t *reqs, size_t n)
{
    acm_err_t          err;
    acm_store_conf_t   conf;

    memset(t, 0, sizeof(test_t));
    memset(&conf, 0, sizeof(conf));
    conf.path = "memory";
    conf.create = 1;

    test_ok(acm_store_mem_open(&conf, &t->store, &err));
    test_ok(acm_key_random(&t->master, &err));
    test_ok(acm_keyring_open(t->store, &t->master, 1, &t->ring, &err));

    t->issuer.name = "internal";
    t->issuer.ca_key = ACM_KEY_EC_P256;
    t->issuer.lifetime = lifetime;

    t->engine.ring = t->ring;
    t->engine.store = t->store;
    t->engine.issuers = &t->issuer;
    t->engine.nissuers = 1;
    t->engine.requests = reqs;
    t->engine.nrequests = n;
    t->engine.report = test_report;
    t->engine.data = t;
}


static void
test_stop(test_t *t)
{
    acm_engine_done(&t->engine);
    acm_keyring_close(t->ring);
    acm_store_close(t->store);
}


/* Runs all that is due at a time; returns when the next step is. */

static int64_t
test_run(test_t *t, int64_t now)
{
    int64_t    next;
    acm_rc_t   rc;
    acm_err_t  err;
    unsigned   n;

    for (n = 0; n < 100000; n++) {
        rc = acm_engine_tick(&t->engine, now, &next, &err);

        if (rc == ACM_NOTFOUND) {
            return next;
        }

        if (rc != ACM_OK) {
            print_error("%s\n", err.text);
        }

        assert_int_equal(rc, ACM_OK);
    }

    fail();
    return 0;
}


static void
test_cert(test_t *t, const acm_request_t *req, acm_cert_t *cert)
{
    uint8_t       id[ACM_HASH_LEN];
    acm_ref_t     ref;
    acm_snap_t   *snap;
    acm_entry_t   e;

    acm_request_identity(req, id);
    test_ok(acm_store_begin(t->store, &snap, NULL));
    test_ok(acm_store_get(snap, ACM_DB_IDENTITY, id, ACM_HASH_LEN, &e));
    test_ok(acm_ref_decode(e.data, e.len, &ref));
    test_ok(acm_cert_get(snap, ref.account, ref.region, ref.uuid, cert,
                         NULL));
    acm_store_end(snap);
}


static acm_demand_e
test_demanded(void *data, const acm_cert_t *cert, int64_t now, int64_t *at)
{
    test_t  *t = data;

    assert_string_equal(cert->domain, "www.example.com");

    t->demands++;
    *at = now + 60;

    return t->answer;
}


/* What was made on demand is in no configuration, and asked for before each
   renewal. */

static void
test_demand(void **state)
{
    char            uuid[ACM_UUID_LEN + 1];
    test_t          t;
    int64_t         now, next;
    acm_err_t       err;
    acm_cert_t      cert;
    acm_request_t   req;

    (void) state;

    test_request(&req, test_www, 1);
    req.demanded = 1;

    test_start(&t, 90 * DAY, NULL, 0);
    t.engine.demand = test_demanded;

    now = START;
    test_ok(acm_certificate_ensure(t.store, &req, now, uuid, &err));
    now = test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_ISSUED], 1);
    assert_int_equal(t.demands, 0);

    /* no answer yet: it is left where it is, and keeps nobody waiting */

    t.answer = ACM_DEMAND_WAIT;
    next = test_run(&t, now);
    assert_true(next > now);
    assert_int_equal(t.demands, 1);
    test_cert(&t, &req, &cert);
    assert_int_equal(cert.demanded, 1);
    assert_int_equal(cert.due, ACM_DUE_RENEW);
    assert_int_equal(cert.due_at, now);
    acm_cert_free(&cert);

    /* not now: when the answer says */

    t.answer = ACM_DEMAND_NOT_NOW;
    assert_int_equal(test_run(&t, now), now + 60);
    assert_int_equal(t.demands, 2);
    assert_int_equal(t.steps[ACM_STEP_FAILED], 0);
    now += 60;

    t.answer = ACM_DEMAND_YES;
    now = test_run(&t, now);
    assert_int_equal(t.demands, 3);
    assert_int_equal(t.steps[ACM_STEP_RENEWED], 1);

    t.answer = ACM_DEMAND_NO;
    assert_int_equal(test_run(&t, now), INT64_MAX);
    assert_int_equal(t.steps[ACM_STEP_RENEWED], 1);
    assert_int_equal(t.steps[ACM_STEP_IDLE], 1);
    assert_non_null(strstr(t.text, "refused"));
    test_cert(&t, &req, &cert);
    assert_int_equal(cert.due, ACM_DUE_NONE);
    acm_cert_free(&cert);

    /* asked for again: the same one */

    test_ok(acm_certificate_ensure(t.store, &req, now, uuid, &err));
    t.answer = ACM_DEMAND_YES;
    (void) test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_RENEWED], 2);
    test_cert(&t, &req, &cert);
    assert_string_equal(cert.uuid, uuid);
    assert_int_equal(cert.version, 3);
    acm_cert_free(&cert);

    test_stop(&t);
}


static void
test_demand_gone(void **state)
{
    char            uuid[ACM_UUID_LEN + 1];
    test_t          t;
    int64_t         now;
    acm_err_t       err;
    acm_request_t   req, same;

    (void) state;

    test_request(&same, test_www, 1);
    req = same;
    req.demanded = 1;

    /* configured too: nobody is asked */

    test_start(&t, 90 * DAY, &same, 1);
    t.engine.demand = test_demanded;
    t.answer = ACM_DEMAND_NO;

    test_ok(acm_certificate_ensure(t.store, &req, START, uuid, &err));
    now = test_run(&t, START);
    now = test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_RENEWED], 1);
    assert_int_equal(t.demands, 0);

    /* nothing is on demand any more: retired, and nobody is asked */

    acm_engine_done(&t.engine);
    t.engine.requests = NULL;
    t.engine.nrequests = 0;
    t.engine.demand = NULL;
    (void) test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_IDLE], 1);
    assert_string_equal(t.text, "");
    test_stop(&t);

    /* its issuer is gone */

    test_start(&t, 90 * DAY, NULL, 0);
    t.engine.demand = test_demanded;
    t.answer = ACM_DEMAND_YES;
    req.issuer = "gone internal";
    test_ok(acm_certificate_ensure(t.store, &req, START, uuid, &err));
    req.issuer = "gone";
    test_ok(acm_certificate_ensure(t.store, &req, START, uuid, &err));
    (void) test_run(&t, START);
    assert_int_equal(t.steps[ACM_STEP_IDLE], 1);
    test_stop(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_demand),
        cmocka_unit_test(test_demand_gone)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
