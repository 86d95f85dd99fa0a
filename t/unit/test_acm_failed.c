
/*
 * Copyright (C) The ngx_acm authors
 *
 * Requests over the API that come to nothing: when they are given up, why,
 * and that nobody is asked any more.  What is configured goes on.
 */


#include "sim.h"

#include "acm_certificate_impl.h"
#include "acm_event.h"
#include "acm_failed.h"
#include "acm_limit.h"
#include "acm_orders_impl.h"
#include "acm_watch.h"


#define ACCOUNT  "123456789012"
#define REGION   "us-east-1"


static char  *test_names[] = { "www.example.com", "a.example.com",
    "*.b.example.com" };


/* As RequestCertificate does; uuid gets which. */

static void
test_request(sim_t *s, acm_type_e type, const char *issuer, char **names,
    size_t n, char *uuid)
{
    acm_cert_t   cert;
    acm_batch_t  batch;

    memset(&cert, 0, sizeof(acm_cert_t));
    test_ok(acm_uuid(cert.uuid));
    memcpy(uuid, cert.uuid, sizeof(cert.uuid));

    cert.account = (char *) ACCOUNT;
    cert.region = (char *) REGION;
    cert.type = type;
    cert.status = ACM_STATUS_PENDING_VALIDATION;
    cert.key = ACM_KEY_EC_P256;
    cert.domain = names[0];
    cert.names = names;
    cert.nnames = n;
    cert.issuer = (char *) issuer;
    cert.managed = 1;
    cert.created_at = sim_now(s);
    cert.due = ACM_DUE_ISSUE;
    cert.due_at = sim_now(s);
    cert.last_error = (char *) "";
    cert.findings = (char *) "";

    acm_batch_init(&batch);
    acm_batch_change(&batch, NULL, &cert, sim_now(s));
    test_ok(acm_commit(s->store, &batch, NULL));
    acm_batch_free(&batch);
}


static void
test_cert(sim_t *s, const char *uuid, acm_cert_t *cert)
{
    acm_snap_t  *snap;

    test_ok(acm_store_begin(s->store, &snap, NULL));
    test_ok(acm_cert_get(snap, ACCOUNT, REGION, uuid, cert, NULL));
    acm_store_end(snap);
}


static unsigned
test_alarms(sim_t *s)
{
    unsigned      n;
    acm_rc_t      rc;
    acm_snap_t   *snap;
    acm_event_t   event;
    acm_entry_t   entry;

    n = 0;

    test_ok(acm_store_begin(s->store, &snap, NULL));

    for (rc = acm_store_seek(snap, ACM_DB_EVENT, NULL, 0, &entry);
         rc == ACM_OK;
         rc = acm_store_next(snap, ACM_DB_EVENT, &entry))
    {
        test_ok(acm_event_decode(entry.data, entry.len, &event));
        n += (event.kind == ACM_EVENT_ALARM
              && strstr(event.detail, "ISSUANCE_FAILED") != NULL);
        acm_event_free(&event);
    }

    acm_store_end(snap);

    return n;
}


/* What the CA says of the name, and how often it is asked before the end. */

static void
test_refused(void **state)
{
    static const struct {
        int status; const char *problem; acm_reason_e reason; unsigned asked;
    } answers[] = {
        { 403, "rejectedIdentifier", ACM_REASON_DOMAIN_NOT_ALLOWED,
          ACM_FAILED_REFUSED },
        { 400, "unsupportedIdentifier", ACM_REASON_INVALID_PUBLIC_DOMAIN,
          ACM_FAILED_REFUSED },
        { 403, "caa", ACM_REASON_CAA_ERROR, ACM_FAILED_CAA },
        { 400, "badCSR", ACM_REASON_OTHER, ACM_FAILED_OTHER },
        { 403, "userActionRequired", ACM_REASON_OTHER, ACM_FAILED_OTHER },
        { 400, "malformed", ACM_REASON_OTHER, ACM_FAILED_OTHER }
    };

    char         uuid[ACM_UUID_LEN + 1];
    sim_t       *s;
    size_t       i, asked;
    acm_cert_t   c;

    (void) state;

    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        s = sim_new(0, 1);
        sim_fault(&s->cas[0], SIM_ORDER, answers[i].status,
                  answers[i].problem);
        test_request(s, ACM_TYPE_ISSUED, "ca0", test_names, 3, uuid);

        /* one attempt before the last: pending still */

        while (s->cas[0].count[SIM_ORDER] < answers[i].asked) {
            test_cert(s, uuid, &c);
            assert_int_equal(c.status, ACM_STATUS_PENDING_VALIDATION);
            acm_cert_free(&c);
            assert_true(s->ticks < 3 * SIM_DAY * 1000);
            sim_step(s, s->ticks + 60000);
        }

        sim_run(s, 60);
        test_cert(s, uuid, &c);
        assert_int_equal(c.status, ACM_STATUS_FAILED);
        assert_int_equal(c.reason, answers[i].reason);
        assert_int_equal(c.attempts, answers[i].asked);
        assert_int_equal(c.due, ACM_DUE_NONE);
        assert_string_equal(c.culprit, "");
        assert_non_null(strstr(c.last_error, answers[i].problem));
        acm_cert_free(&c);
        assert_int_equal(test_alarms(s), 1);

        /* and the CA hears no more of it */

        sim_lift(&s->cas[0]);
        asked = sim_requests(s);
        sim_kill(s);
        sim_run(s, 10 * SIM_DAY);
        assert_int_equal(sim_requests(s), asked);
        test_cert(s, uuid, &c);
        assert_int_equal(c.status, ACM_STATUS_FAILED);
        acm_cert_free(&c);
        assert_int_equal(test_alarms(s), 1);
        sim_free(s);
    }
}


/* What is configured is tried for ever. */

static void
test_configured(void **state)
{
    sim_t       *s;
    acm_cert_t   c;

    (void) state;

    s = sim_new(1, 1);
    sim_fault(&s->cas[0], SIM_ORDER, 403, "rejectedIdentifier");
    sim_run(s, 20 * SIM_DAY);
    sim_cert(s, 0, &c);
    assert_int_equal(c.status, ACM_STATUS_PENDING_VALIDATION);
    assert_int_equal(c.due, ACM_DUE_ISSUE);
    assert_int_equal(c.reason, ACM_REASON_DOMAIN_NOT_ALLOWED);
    acm_cert_free(&c);
    assert_int_equal(test_alarms(s), 0);
    sim_lift(&s->cas[0]);
    assert_int_equal(sim_until(s, 1, 2 * SIM_DAY), 1);
    sim_free(s);
}


/* A CA in trouble is none that refuses; after 72 hours it is over. */

static void
test_pending(void **state)
{
    static const struct { int status; const char *problem; }  answers[] = {
        { 0, NULL }, { 500, "serverInternal" }, { 429, "rateLimited" }
    };

    char         uuid[ACM_UUID_LEN + 1];
    sim_t       *s;
    size_t       i, asked;
    acm_cert_t   c;

    (void) state;

    for (i = 0; i <= sizeof(answers) / sizeof(answers[0]); i++) {
        s = sim_new(0, 1);

        if (i < sizeof(answers) / sizeof(answers[0])) {
            sim_fault(&s->cas[0], SIM_ORDER, answers[i].status,
                      answers[i].problem);

        } else {
            s->cas[0].invalid = "dns";
        }

        test_request(s, ACM_TYPE_ISSUED, "ca0", test_names, 2, uuid);

        sim_run(s, ACM_VALIDATION_TIME - 60);
        test_cert(s, uuid, &c);
        assert_int_equal(c.status, ACM_STATUS_PENDING_VALIDATION);
        acm_cert_free(&c);

        sim_run(s, 4000);
        test_cert(s, uuid, &c);
        assert_int_equal(c.status, ACM_STATUS_VALIDATION_TIMED_OUT);
        assert_int_equal(c.due, ACM_DUE_NONE);
        acm_cert_free(&c);

        sim_lift(&s->cas[0]);
        s->cas[0].invalid = NULL;
        asked = sim_requests(s);
        sim_run(s, 3 * SIM_DAY);
        assert_int_equal(sim_requests(s), asked);
        sim_free(s);
    }
}


/* A clock that is ahead for a moment ends no request: it is pending again when
   the clock is right, in the same process or another one. */

static void
test_clock(void **state)
{
    char          uuid[ACM_UUID_LEN + 1];
    int           again;
    sim_t        *s;
    int64_t       next;
    acm_rc_t      rc;
    acm_cert_t    c;
    acm_watch_t   watch;
    acm_ladder_t  ladder;

    (void) state;

    for (again = 0; again < 2; again++) {
        s = sim_new(0, 1);
        acm_ladder_default(&ladder);
        memset(&watch, 0, sizeof(acm_watch_t));
        watch.store = s->store;
        watch.ladder = &ladder;

        do {
            rc = acm_watch_tick(&watch, sim_now(s), &next, NULL);
        } while (rc == ACM_OK);

        sim_fault(&s->cas[0], SIM_ORDER, 500, "serverInternal");
        test_request(s, ACM_TYPE_ISSUED, "ca0", test_names, 2, uuid);
        sim_run(s, 3600);

        s->skew = ACM_VALIDATION_TIME;
        sim_run(s, 3600);
        test_cert(s, uuid, &c);
        assert_int_equal(c.status, ACM_STATUS_VALIDATION_TIMED_OUT);
        acm_cert_free(&c);

        if (again) {
            sim_kill(s);
            memset(&watch, 0, sizeof(acm_watch_t));
            watch.store = s->store;
            watch.ladder = &ladder;

        } else {
            (void) acm_watch_tick(&watch, sim_now(s), &next, NULL);
        }

        s->skew = 0;
        sim_lift(&s->cas[0]);

        do {
            rc = acm_watch_tick(&watch, sim_now(s), &next, NULL);
        } while (rc == ACM_OK);

        assert_int_equal(rc, ACM_NOTFOUND);
        test_cert(s, uuid, &c);
        assert_int_equal(c.status, ACM_STATUS_PENDING_VALIDATION);
        acm_cert_free(&c);

        sim_run(s, 4000);
        test_cert(s, uuid, &c);
        assert_int_equal(c.status, ACM_STATUS_ISSUED);
        acm_cert_free(&c);
        sim_free(s);
    }
}


/* The name that it was. */

static void
test_culprit(void **state)
{
    static const char  body[] =
        "{\"type\":\"urn:ietf:params:acme:error:rejectedIdentifier\","
        "\"detail\":\"no\",\"subproblems\":[{\"type\":"
        "\"urn:ietf:params:acme:error:rejectedIdentifier\",\"detail\":"
        "\"policy\",\"identifier\":{\"type\":\"dns\",\"value\":"
        "\"a.example.com\"}}]}";

    char         uuid[ACM_UUID_LEN + 1];
    sim_t       *s;
    acm_cert_t   c;

    (void) state;

    s = sim_new(0, 1);
    sim_fault(&s->cas[0], SIM_ORDER, 403, NULL);
    s->cas[0].fault[SIM_ORDER].type = "application/problem+json";
    s->cas[0].fault[SIM_ORDER].body = body;
    test_request(s, ACM_TYPE_ISSUED, "ca0", test_names, 3, uuid);
    sim_run(s, 60);
    test_cert(s, uuid, &c);
    assert_int_equal(c.status, ACM_STATUS_FAILED);
    assert_string_equal(c.culprit, "a.example.com");
    acm_cert_free(&c);

    /* of one name it is that */

    s->cas[0].fault[SIM_ORDER].body = NULL;
    s->cas[0].fault[SIM_ORDER].type = NULL;
    s->cas[0].fault[SIM_ORDER].problem = "rejectedIdentifier";
    test_request(s, ACM_TYPE_ISSUED, "ca0", test_names, 1, uuid);
    sim_run(s, 60);
    test_cert(s, uuid, &c);
    assert_string_equal(c.culprit, "www.example.com");
    acm_cert_free(&c);
    sim_free(s);
}


/* No other issuer is asked for what is wrong with the name; what is wrong
   with our account at one is not the end. */

static void
test_issuers(void **state)
{
    char         uuid[ACM_UUID_LEN + 1];
    sim_t       *s;
    acm_cert_t   c;

    (void) state;

    s = sim_new(0, 1);
    sim_fault(&s->cas[0], SIM_ORDER, 403, "externalAccountRequired");
    test_request(s, ACM_TYPE_ISSUED, "ca0 ca1", test_names, 2, uuid);
    sim_run(s, 120);
    test_cert(s, uuid, &c);
    assert_int_equal(c.status, ACM_STATUS_ISSUED);
    assert_string_equal(c.issued_by, "ca1");
    acm_cert_free(&c);

    sim_fault(&s->cas[0], SIM_ORDER, 403, "rejectedIdentifier");
    test_request(s, ACM_TYPE_ISSUED, "ca0 ca1", test_names, 1, uuid);
    sim_run(s, 120);
    test_cert(s, uuid, &c);
    assert_int_equal(c.status, ACM_STATUS_FAILED);
    acm_cert_free(&c);
    sim_free(s);
}


static const char  *test_denied;     /* by CAA */
static unsigned     test_looks;


static acm_rc_t
test_look(void *data, acm_preflight_t *check, acm_err_t *err)
{
    size_t  i;

    (void) data;
    (void) err;

    test_looks++;
    check->rc = ACM_INVALID;
    check->caa = 1;

    for (i = 0; test_denied != NULL && i < check->order->rec.nnames; i++) {
        if (strcmp(check->order->rec.names[i], test_denied) == 0) {
            check->denied = check->order->rec.names[i];
        }
    }

    acm_buf_text(&check->findings, "name: CAA");
    check->done(check);

    return ACM_OK;
}


static void
test_forget(void *data, acm_preflight_t *check)
{
    (void) data;
    (void) check;
}


/* Our own look costs nothing, so it is made more often; one that failed says
   nothing. */

static void
test_caa(void **state)
{
    char           uuid[ACM_UUID_LEN + 1];
    sim_t         *s;
    acm_cert_t     c;
    acm_checker_t  checker;

    (void) state;

    memset(&checker, 0, sizeof(acm_checker_t));
    checker.start = test_look;
    checker.cancel = test_forget;
    test_denied = "*.b.example.com";
    test_looks = 0;

    s = sim_new(0, 1);
    s->checker = &checker;
    s->issuers[0].preflight = 1;
    test_request(s, ACM_TYPE_ISSUED, "ca0", test_names, 3, uuid);
    sim_run(s, 3600);

    test_cert(s, uuid, &c);
    assert_int_equal(c.status, ACM_STATUS_FAILED);
    assert_int_equal(c.reason, ACM_REASON_CAA_ERROR);
    assert_string_equal(c.culprit, "*.b.example.com");
    assert_string_equal(c.findings, "name: CAA");
    assert_int_equal(c.attempts, 0);
    assert_int_equal(test_looks, ACM_FAILED_CAA_LOOKS);
    acm_cert_free(&c);

    test_denied = NULL;
    test_request(s, ACM_TYPE_ISSUED, "ca0", test_names, 3, uuid);
    sim_run(s, ACM_VALIDATION_TIME - 60);
    test_cert(s, uuid, &c);
    assert_int_equal(c.status, ACM_STATUS_PENDING_VALIDATION);
    acm_cert_free(&c);
    sim_run(s, 120);
    test_cert(s, uuid, &c);
    assert_int_equal(c.status, ACM_STATUS_VALIDATION_TIMED_OUT);
    acm_cert_free(&c);
    assert_int_equal(s->cas[0].count[SIM_ORDER], 0);
    sim_free(s);
}


/* Names that no public CA issues for, if no issuer is a private one. */

static void
test_public(void **state)
{
    static const struct { const char *name; int ok; }  names[] = {
        { "www.example.com", 1 }, { "*.example.co.uk", 1 },
        { "example.ck", 0 }, { "www.example.ck", 1 }, { "co.uk", 0 },
        { "*.com", 0 }, { "www.example.internal", 0 }, { "a.test", 0 },
        { "host.local", 0 }, { "xn--bcher-kva.de", 1 }, { "192.0.2.1", 1 },
        { "x.github.io", 1 }, { "github.io", 1 }
    };

    char         uuid[ACM_UUID_LEN + 1];
    char        *asked[2];
    sim_t       *s;
    size_t       i;
    acm_cert_t   c;

    (void) state;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (acm_public_name(names[i].name) != names[i].ok) {
            fail_msg("%s", names[i].name);
        }
    }

    /* and CAs that are for these, as far as one can tell */

    assert_true(acm_http_is_public("https://Acme-v02.Example.com/directory"));
    assert_true(acm_http_is_public("https://acme.example.com:8443/"));
    assert_false(acm_http_is_public("https://ca.example.internal/acme"));
    assert_false(acm_http_is_public("https://localhost:14000/dir"));
    assert_false(acm_http_is_public("http://127.0.0.1:14000/dir"));
    assert_false(acm_http_is_public("https://192.0.2.1/dir"));
    assert_false(acm_http_is_public("https://[2001:db8::1]/dir"));
    assert_false(acm_http_is_public("no URL"));

    s = sim_new(0, 1);
    asked[0] = test_names[0];
    asked[1] = (char *) "www.example.internal";
    s->issuers[0].public_names = 1;

    test_request(s, ACM_TYPE_ISSUED, "ca0", asked, 2, uuid);
    sim_run(s, 10);
    test_cert(s, uuid, &c);
    assert_int_equal(c.status, ACM_STATUS_FAILED);
    assert_int_equal(c.reason, ACM_REASON_INVALID_PUBLIC_DOMAIN);
    assert_string_equal(c.culprit, "www.example.internal");
    assert_int_equal(sim_requests(s), 0);
    acm_cert_free(&c);

    /* the other one may */

    test_request(s, ACM_TYPE_ISSUED, "ca0 ca1", asked, 2, uuid);
    sim_run(s, 60);
    test_cert(s, uuid, &c);
    assert_int_equal(c.status, ACM_STATUS_ISSUED);
    acm_cert_free(&c);
    sim_free(s);
}


/* A private CA that is not there, and one that is no private CA any more. */

static void
test_private(void **state)
{
    char         uuid[ACM_UUID_LEN + 1];
    sim_t       *s;
    acm_cert_t   c;
    const char  *issuers[] = { "gone", "ca1" };
    size_t       i;

    (void) state;

    for (i = 0; i < 2; i++) {
        s = sim_new(0, 1);
        test_request(s, ACM_TYPE_PRIVATE, issuers[i], test_names, 2, uuid);
        sim_run(s, 2);
        test_cert(s, uuid, &c);
        assert_int_equal(c.status, ACM_STATUS_PENDING_VALIDATION);
        acm_cert_free(&c);

        sim_run(s, 120);
        test_cert(s, uuid, &c);
        assert_int_equal(c.status, ACM_STATUS_FAILED);
        assert_int_equal(c.reason, ACM_REASON_PCA_RESOURCE_NOT_FOUND);
        assert_int_equal(c.attempts, ACM_FAILED_PRIVATE);
        acm_cert_free(&c);
        assert_int_equal(sim_requests(s), 0);
        sim_free(s);
    }
}


/* A private CA whose root has ended; what cannot be done for another reason
   is tried until the time is over. */

static void
test_ended(void **state)
{
    char         uuid[ACM_UUID_LEN + 1];
    sim_t       *s;
    acm_cert_t   c;
    acm_batch_t  batch;

    (void) state;

    s = sim_new(0, 1);
    memset(&s->issuers[2], 0, sizeof(acm_issuer_t));
    s->issuers[2].name = "ca2";
    s->issuers[2].ca_key = ACM_KEY_EC_P256;
    s->issuers[2].lifetime = 90 * SIM_DAY;

    test_request(s, ACM_TYPE_PRIVATE, "ca2", test_names, 1, uuid);
    sim_run(s, 10);
    test_cert(s, uuid, &c);
    assert_int_equal(c.status, ACM_STATUS_ISSUED);
    test_ok(acm_certificate_delete(s->store, ACCOUNT, REGION, uuid, NULL));
    acm_cert_free(&c);

    s->skew = 21 * SIM_YEAR;
    test_request(s, ACM_TYPE_PRIVATE, "ca2", test_names, 1, uuid);
    sim_run(s, 120);
    test_cert(s, uuid, &c);
    assert_int_equal(c.status, ACM_STATUS_FAILED);
    assert_int_equal(c.reason, ACM_REASON_PCA_INVALID_STATE);
    acm_cert_free(&c);

    /* a record of the CA that is damaged */

    s->skew = 0;
    acm_batch_init(&batch);
    acm_batch_put(&batch, ACM_DB_ISSUER, "ca2", 3, "x", 1);
    test_ok(acm_store_commit(s->store, &batch, NULL));
    acm_batch_free(&batch);

    test_request(s, ACM_TYPE_PRIVATE, "ca2", test_names, 1, uuid);
    sim_run(s, ACM_VALIDATION_TIME - 60);
    test_cert(s, uuid, &c);
    assert_int_equal(c.status, ACM_STATUS_PENDING_VALIDATION);
    acm_cert_free(&c);
    sim_run(s, 2 * SIM_DAY);
    test_cert(s, uuid, &c);
    assert_int_equal(c.status, ACM_STATUS_FAILED);
    assert_int_equal(c.reason, ACM_REASON_PCA_REQUEST_FAILED);
    acm_cert_free(&c);
    sim_free(s);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_configured),
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_culprit),
        cmocka_unit_test(test_issuers),
        cmocka_unit_test(test_caa),
        cmocka_unit_test(test_public),
        cmocka_unit_test(test_private),
        cmocka_unit_test(test_ended)
    };

    if (getenv("ACM_TEST") != NULL) {
        cmocka_set_test_filter(getenv("ACM_TEST"));
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
