
/*
 * Copyright (C) The ngx_acm authors
 *
 * A store with a watch over it, for the tests of the watch.
 */


#ifndef _TEST_WATCH_H_INCLUDED_
#define _TEST_WATCH_H_INCLUDED_


#include "test_store.h"

#include "acm_certificate_impl.h"
#include "acm_event.h"
#include "acm_history.h"
#include "acm_json.h"
#include "acm_outbox.h"
#include "acm_renewal.h"
#include "acm_sched.h"
#include "acm_setting.h"
#include "acm_watch_impl.h"


#define DAY    86400
#define START  1800000000


typedef struct {
    acm_store_t    *store;
    acm_ladder_t    ladder;
    acm_watch_t     watch;
    unsigned        reports;
} test_t;


static char  *test_names[] = { "www.example.com", "example.com" };


static inline void
test_report(void *data, const acm_cert_t *old, const acm_cert_t *next)
{
    test_t  *t = data;

    assert_string_equal(old->uuid, next->uuid);
    t->reports++;
}


static inline void
test_start(test_t *t)
{
    memset(t, 0, sizeof(test_t));
    t->store = test_open_memory();
    acm_ladder_default(&t->ladder);

    t->watch.store = t->store;
    t->watch.ladder = &t->ladder;
    t->watch.report = test_report;
    t->watch.data = t;
}


/* A certificate as the engine would have left it; only its dates matter. */

static inline void
test_issued(acm_cert_t *c, int64_t life, int64_t now)
{
    memset(c, 0, sizeof(acm_cert_t));

    c->account = "123456789012";
    c->region = "us-east-1";
    snprintf(c->uuid, sizeof(c->uuid), "%s",
             "11111111-2222-4333-8444-555555555555");
    c->type = ACM_TYPE_ISSUED;
    c->status = ACM_STATUS_ISSUED;
    c->key = ACM_KEY_EC_P256;
    c->domain = test_names[0];
    c->names = test_names;
    c->nnames = 2;
    c->issuer = "le";
    c->issued_by = "le";
    c->version = 1;
    c->subject = "CN=www.example.com";
    c->issuer_dn = "CN=ca";
    c->serial = "01";
    c->sigalg = "ecdsa-with-SHA256";
    c->last_error = "";
    c->findings = "";
    c->not_before = now;
    c->not_after = now + life;
    c->created_at = now;
    c->issued_at = now;
    c->renew_at = acm_sched_renew_at(c->not_before, c->not_after);
    c->due = ACM_DUE_RENEW;
    c->due_at = c->renew_at;
    c->method = ACM_METHOD_DNS_01;
}


static inline void
test_store(test_t *t, acm_cert_t *c, int64_t now)
{
    acm_batch_t  batch;

    acm_watch_look(c, &t->ladder, now);

    acm_batch_init(&batch);
    acm_batch_change(&batch, NULL, c, now);
    test_ok(acm_store_commit(t->store, &batch, NULL));
    acm_batch_free(&batch);
}


static inline int64_t
test_run(test_t *t, int64_t now)
{
    int64_t    next;
    acm_rc_t   rc;
    acm_err_t  err;
    unsigned   n;

    for (n = 0; n < 10000; n++) {
        rc = acm_watch_tick(&t->watch, now, &next, &err);

        if (rc == ACM_NOTFOUND) {
            return next;
        }

        test_ok(rc);
    }

    fail();
    return 0;
}


#endif /* _TEST_WATCH_H_INCLUDED_ */
