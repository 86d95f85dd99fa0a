
/*
 * Copyright (C) The ngx_acm authors
 *
 * An engine with a built-in CA over a store in memory, and what it reports.
 */


#ifndef _TEST_ENGINE_H_INCLUDED_
#define _TEST_ENGINE_H_INCLUDED_


#include "test_store.h"


#define START    1800000000LL
#define DAY      86400LL


typedef struct {
    acm_store_t        *store;
    acm_keyring_t      *ring;
    acm_key_secret_t    master;
    acm_engine_t        engine;
    acm_issuer_t        issuer;
    unsigned            steps[ACM_STEP_UNREVOKED + 1];
    char                text[ACM_MAX_ERROR];
    acm_demand_e        answer;          /* of the test's own hook, and how
                                            often it was asked */
    unsigned            demands;
} test_t;


static inline void
test_report(void *data, acm_step_e step, const acm_cert_t *cert,
    const char *text)
{
    test_t  *t = data;

    (void) cert;

    t->steps[step]++;
    snprintf(t->text, sizeof(t->text), "%s", text);
}


static inline void
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


static inline void
test_start(test_t *t, int64_t lifetime, const acm_request_t *reqs, size_t n)
{
    acm_err_t          err;

    memset(t, 0, sizeof(test_t));
    t->store = test_open_memory();
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


static inline void
test_stop(test_t *t)
{
    acm_engine_done(&t->engine);
    acm_keyring_close(t->ring);
    acm_store_close(t->store);
}


/* Runs all that is due at a time; returns when the next step is. */

static inline int64_t
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


static inline void
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


#endif /* _TEST_ENGINE_H_INCLUDED_ */
