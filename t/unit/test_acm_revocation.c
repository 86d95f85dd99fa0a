
/*
 * Copyright (C) The ngx_acm authors
 *
 * Revocation, at CAs of the simulated world: it is not lost whatever happens,
 * and what is revoked is served no more.
 */


#include "test_revocation.h"

#include "acm_orders_impl.h"
#include "acm_version.h"


/* What handshakes find of the first certificate. */

static acm_rc_t
test_found(sim_t *s, const char *name)
{
    acm_rc_t      rc, by_uuid;
    acm_cert_t    cert;
    acm_snap_t   *snap;
    acm_found_t   found;

    sim_cert(s, 0, &cert);

    test_ok(acm_store_begin(s->store, &snap, NULL));
    rc = acm_find_name(snap, name, sim_now(s), &found);
    by_uuid = acm_find_uuid(snap, cert.account, cert.region, cert.uuid,
                            &found, NULL);
    acm_store_end(snap);

    assert_int_equal(rc, by_uuid);
    acm_cert_free(&cert);

    return rc;
}


/* The CA is told, nobody is served, and what is configured is made anew. */

static void
test_done(void **state)
{
    sim_t        *s;
    acm_cert_t    c;
    test_list_t   list;

    (void) state;

    s = sim_new(1, 2);
    assert_int_equal(sim_until(s, 1, 60), 1);
    test_ok(test_found(s, s->requests[0].names[1]));

    test_ok(test_revoke(s, 0, 0, ACM_REVOKED_KEY_COMPROMISE));

    assert_int_equal(test_found(s, s->requests[0].names[1]), ACM_NOTFOUND);
    sim_cert(s, 0, &c);
    assert_int_equal(c.status, ACM_STATUS_REVOKED);
    assert_int_equal(c.revoking, ACM_REVOKING_WANTED);
    assert_int_equal(c.revocation, ACM_REVOKED_KEY_COMPROMISE);
    assert_int_equal(c.revoked_at, sim_now(s));
    assert_int_equal(c.due, ACM_DUE_RENEW);
    assert_int_equal(c.due_at, sim_now(s));
    test_list(s, "ca0", &list);
    assert_int_equal(list.state, ACM_REVOKING_WANTED);
    assert_string_equal(list.serial, c.serial);
    assert_true(list.leaf > 100);
    acm_cert_free(&c);

    /* once more changes nothing */

    test_ok(test_revoke(s, 0, 0, ACM_REVOKED_UNSPECIFIED));
    assert_int_equal(sim_entries(s, ACM_DB_REVOCATION), 2);

    test_until(s, 30);
    test_list(s, "ca0", &list);
    assert_int_equal(list.n, 1);
    assert_int_equal(list.state, ACM_REVOKING_DONE);
    assert_int_equal(list.attempts, 1);
    assert_int_equal(list.leaf, 0);
    assert_int_equal(sim_entries(s, ACM_DB_REVOCATION), 1);
    test_list(s, "ca", &list);
    assert_int_equal(list.n, 0);

    assert_int_equal(s->cas[0].count[SIM_REVOKE], 1);
    assert_int_equal(s->cas[0].reason, 1);
    assert_int_equal(s->reports[ACM_ORDERS_REVOKED], 1);
    assert_int_equal(test_events(s, "ACM Certificate Revoked"), 1);

    assert_int_equal(sim_until(s, 2, 60), 1);
    sim_check_quiet(s);
    sim_cert(s, 0, &c);
    assert_int_equal(c.status, ACM_STATUS_ISSUED);
    assert_int_equal(c.revoking, ACM_REVOKING_NONE);
    assert_int_equal(c.revoked_at, 0);
    assert_int_equal(c.revocation, ACM_REVOKED_NOT);
    acm_cert_free(&c);
    test_ok(test_found(s, s->requests[0].names[1]));

    sim_run(s, SIM_DAY);
    assert_int_equal(s->cas[0].count[SIM_REVOKE], 1);
    sim_free(s);
}


/* A CA that does not take the reason is asked without one. */

static void
test_reason(void **state)
{
    static const struct { acm_revocation_e reason; int code; }  codes[] = {
        { ACM_REVOKED_UNSPECIFIED, -1 }, { ACM_REVOKED_KEY_COMPROMISE, 1 },
        { ACM_REVOKED_CA_COMPROMISE, 2 },
        { ACM_REVOKED_AFFILIATION_CHANGED, 3 },
        { ACM_REVOKED_SUPERCEDED, 4 }, { ACM_REVOKED_SUPERSEDED, 4 },
        { ACM_REVOKED_CESSATION_OF_OPERATION, 5 },
        { ACM_REVOKED_CERTIFICATE_HOLD, 6 },
        { ACM_REVOKED_REMOVE_FROM_CRL, 8 },
        { ACM_REVOKED_PRIVILEGE_WITHDRAWN, 9 },
        { ACM_REVOKED_A_A_COMPROMISE, 10 }
    };

    sim_t        *s;
    size_t        i;
    test_list_t   list;

    (void) state;

    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        assert_int_equal(acm_revocation_code(codes[i].reason), codes[i].code);
        assert_int_equal(acm_revocation_parse(
                             acm_revocation_text(codes[i].reason)),
                         codes[i].reason);
    }

    assert_int_equal(acm_revocation_parse("KEY_COMPROMISED"),
                     ACM_REVOKED_NOT);
    assert_int_equal(acm_revocation_parse(""), ACM_REVOKED_NOT);

    s = sim_new(1, 1);
    assert_int_equal(sim_until(s, 1, 60), 1);

    sim_fault(&s->cas[0], SIM_REVOKE, 400, "badRevocationReason");
    s->cas[0].fault[SIM_REVOKE].times = 1;
    s->cas[0].reason = 99;

    test_ok(test_revoke(s, 0, 0, ACM_REVOKED_CERTIFICATE_HOLD));
    test_until(s, 5);

    test_list(s, NULL, &list);
    assert_int_equal(list.state, ACM_REVOKING_DONE);
    assert_int_equal(list.attempts, 1);
    assert_int_equal(list.reason, ACM_REVOKED_CERTIFICATE_HOLD);
    assert_int_equal(s->cas[0].count[SIM_REVOKE], 2);
    assert_int_equal(s->cas[0].reason, -1);

    /* that is no way out for ever: without a reason it is a refusal */

    assert_int_equal(sim_until(s, 2, 60), 1);
    sim_fault(&s->cas[0], SIM_REVOKE, 400, "badRevocationReason");
    test_ok(test_revoke(s, 0, 0, ACM_REVOKED_SUPERSEDED));
    test_until(s, 5);
    test_list(s, NULL, &list);
    assert_int_equal(list.n, 2);
    assert_int_equal(list.states[ACM_REVOKING_REFUSED], 1);
    assert_int_equal(s->cas[0].count[SIM_REVOKE], 4);

    sim_free(s);
}


/* What the CA refuses is said, and it is not asked again. */

static void
test_refused(void **state)
{
    static const struct {
        int status; const char *problem; acm_revoking_e state;
    } answers[] = {
        { 403, "unauthorized", ACM_REVOKING_REFUSED },
        { 400, "malformed", ACM_REVOKING_REFUSED },
        { 400, "alreadyRevoked", ACM_REVOKING_DONE }
    };

    sim_t        *s;
    size_t        i;
    test_list_t   list;

    (void) state;

    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        s = sim_new(1, 1);
        assert_int_equal(sim_until(s, 1, 60), 1);

        sim_fault(&s->cas[0], SIM_REVOKE, answers[i].status,
                  answers[i].problem);
        test_ok(test_revoke(s, 0, 0, ACM_REVOKED_KEY_COMPROMISE));
        test_until(s, 5);

        test_list(s, NULL, &list);
        assert_int_equal(list.state, answers[i].state);
        assert_int_equal(test_events(s, "REVOCATION_REFUSED"),
                         answers[i].state == ACM_REVOKING_REFUSED);

        if (answers[i].state == ACM_REVOKING_REFUSED) {
            assert_non_null(strstr(list.error, answers[i].problem));
            assert_int_equal(s->reports[ACM_ORDERS_UNREVOKED], 1);
        }

        sim_lift(&s->cas[0]);
        sim_run(s, 2 * SIM_DAY);
        assert_int_equal(s->cas[0].count[SIM_REVOKE], 1);
        assert_int_equal(sim_until(s, 2, 60), 1);
        sim_free(s);
    }

    /* a CA that revokes nothing */

    s = sim_new(1, 1);
    s->cas[0].no_revoke = 1;
    assert_int_equal(sim_until(s, 1, 60), 1);
    test_ok(test_revoke(s, 0, 0, ACM_REVOKED_KEY_COMPROMISE));
    test_until(s, 5);
    test_list(s, NULL, &list);
    assert_int_equal(list.state, ACM_REVOKING_REFUSED);
    assert_non_null(strstr(list.error, "revokeCert"));
    sim_free(s);
}


/* A CA that is down is asked ever more slowly, and for as long as it takes. */

static void
test_dead(void **state)
{
    static const int  statuses[] = { 0, 500, 503, 429 };

    size_t        i;
    sim_t        *s;
    uint64_t      asked;
    test_list_t   list;

    (void) state;

    for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        s = sim_new(1, 1);
        assert_int_equal(sim_until(s, 1, 60), 1);

        sim_fault(&s->cas[0], SIM_REVOKE, statuses[i], NULL);
        test_ok(test_revoke(s, 0, 0, ACM_REVOKED_KEY_COMPROMISE));

        sim_run(s, 2 * SIM_DAY);

        test_list(s, NULL, &list);
        assert_int_equal(list.state, ACM_REVOKING_WANTED);
        assert_true(list.attempts > 10);
        assert_true(*list.error != '\0');
        asked = s->cas[0].count[SIM_REVOKE];
        assert_true(asked <= 110);
        assert_int_equal(asked, list.attempts);

        /* the process dies, the configuration is read again */

        sim_kill(s);
        sim_lift(&s->cas[0]);
        test_until(s, 2 * ACM_REVOKE_BACKOFF_MAX);
        test_list(s, NULL, &list);
        assert_int_equal(list.state, ACM_REVOKING_DONE);
        assert_string_equal(list.error, "");
        assert_int_equal(s->cas[0].count[SIM_REVOKE], asked + 1);
        sim_free(s);
    }
}


/* Retry-After counts, if it is longer. */

static void
test_retry_after(void **state)
{
    sim_t        *s;
    test_list_t   list;

    (void) state;

    s = sim_new(1, 1);
    assert_int_equal(sim_until(s, 1, 60), 1);
    sim_fault(&s->cas[0], SIM_REVOKE, 429, "rateLimited");
    s->cas[0].fault[SIM_REVOKE].retry_after = "600";
    s->cas[0].fault[SIM_REVOKE].times = 1;
    test_ok(test_revoke(s, 0, 0, ACM_REVOKED_SUPERSEDED));
    sim_run(s, 590);
    assert_int_equal(s->cas[0].count[SIM_REVOKE], 1);
    test_until(s, 30);
    test_list(s, NULL, &list);
    assert_int_equal(list.state, ACM_REVOKING_DONE);
    assert_int_equal(list.attempts, 2);
    sim_free(s);
}


/* Whenever the process dies, the CA is told in the end. */

static void
test_crash(void **state)
{
    sim_t        *s;
    unsigned      at, kind;
    test_list_t   list;

    (void) state;

    for (kind = 0; kind < 2; kind++) {
        for (at = 1; at <= 12; at++) {
            s = sim_new_lmdb(1, 1);
            assert_int_equal(sim_until(s, 1, 60), 1);
            test_ok(test_revoke(s, 0, 0, ACM_REVOKED_SUPERSEDED));

            if (kind == 0) {
                s->crash_commit = s->commits + at;

            } else {
                s->crash_send = s->sends + at;
            }

            test_until(s, 120);
            test_list(s, NULL, &list);
            assert_int_equal(list.state, ACM_REVOKING_DONE);
            assert_true(s->cas[0].count[SIM_REVOKE] <= 2);
            assert_int_equal(sim_until(s, 2, 1200), 1);
            sim_check(s);
            sim_free(s);
        }
    }
}


/* It does not matter whether the certificate is still there. */

static void
test_deleted(void **state)
{
    sim_t        *s;
    acm_cert_t    c;
    test_list_t   list;

    (void) state;

    s = sim_new(1, 1);
    assert_int_equal(sim_until(s, 1, 60), 1);
    sim_fault(&s->cas[0], SIM_REVOKE, 500, NULL);
    test_ok(test_revoke(s, 0, 0, ACM_REVOKED_SUPERSEDED));

    sim_cert(s, 0, &c);
    test_ok(acm_certificate_delete(s->store, c.account, c.region, c.uuid,
                                   NULL));
    acm_cert_free(&c);

    sim_run(s, 60);
    test_list(s, NULL, &list);
    assert_int_equal(list.state, ACM_REVOKING_WANTED);

    sim_lift(&s->cas[0]);
    test_until(s, 200);
    test_list(s, NULL, &list);
    assert_int_equal(list.state, ACM_REVOKING_DONE);
    sim_free(s);
}


/* An issuer that is not configured any more is waited for; an end is not. */

static void
test_nobody(void **state)
{
    sim_t        *s;
    test_list_t   list;

    (void) state;

    s = sim_new(1, 1);
    assert_int_equal(sim_until(s, 1, 60), 1);
    s->issuers[0].name = "other";
    sim_kill(s);
    test_ok(test_revoke(s, 0, 0, ACM_REVOKED_SUPERSEDED));
    sim_run(s, SIM_DAY);
    test_list(s, NULL, &list);
    assert_int_equal(list.state, ACM_REVOKING_WANTED);
    assert_int_equal(list.attempts, 0);
    assert_non_null(strstr(list.error, "issuer \"ca0\" is not configured"));

    s->issuers[0].name = s->names[0];
    sim_kill(s);
    test_until(s, ACM_REVOKE_BACKOFF_MAX + 60);
    test_list(s, NULL, &list);
    assert_int_equal(list.state, ACM_REVOKING_DONE);
    assert_int_equal(sim_until(s, 2, 2 * SIM_DAY), 1);

    sim_fault(&s->cas[0], SIM_REVOKE, 500, NULL);
    test_ok(test_revoke(s, 0, 0, ACM_REVOKED_SUPERSEDED));
    sim_run(s, 90 * SIM_DAY + ACM_REVOKE_PAST + ACM_REVOKE_AHEAD + 7200);
    test_list(s, NULL, &list);
    assert_int_equal(list.states[ACM_REVOKING_WANTED], 0);
    assert_int_equal(list.states[ACM_REVOKING_REFUSED], 1);
    sim_free(s);
}


/* At the limit all are asked for at once; one more waits for its turn. */

static void
test_limit(void **state)
{
    sim_t            *s;
    size_t            i;
    int64_t           next;
    uint64_t          revision;
    acm_rc_t          rc;
    acm_err_t         err;
    acm_snap_t       *snap;
    test_list_t       list;
    acm_revocation_t  r;

    (void) state;

    s = sim_new(ACM_MAX_REVOKING + 1, 1);
    assert_int_equal(sim_until(s, 1, 600), ACM_MAX_REVOKING + 1);

    for (i = 0; i <= ACM_MAX_REVOKING; i++) {
        test_ok(test_revoke(s, i, 0, ACM_REVOKED_SUPERSEDED));
    }

    for (i = 0; i <= ACM_MAX_REVOKING; i++) {
        test_ok(acm_store_begin(s->store, &snap, NULL));
        test_ok(acm_revocation_due(snap, sim_now(s), &r, &revision, &next));
        acm_store_end(snap);

        rc = acm_orders_revoke(s->engine.orders, &s->issuers[0], &r, revision,
                               sim_now(s), &err);
        acm_revocation_free(&r);
        assert_int_equal(rc, (i < ACM_MAX_REVOKING) ? ACM_OK : ACM_BUSY);
    }

    test_until(s, 30);
    test_list(s, "ca0", &list);
    assert_int_equal(list.states[ACM_REVOKING_DONE], ACM_MAX_REVOKING + 1);
    sim_free(s);
}


/* An old version has another key: it is revoked by its number, and cannot be
   put in use again. */

static void
test_versions(void **state)
{
    sim_t        *s;
    uint32_t      version;
    acm_err_t     err;
    acm_cert_t    c;
    test_list_t   list;

    (void) state;

    s = sim_new(1, 1);
    assert_int_equal(sim_until(s, 3, 200 * SIM_DAY), 1);
    sim_check_quiet(s);

    test_ok(test_revoke(s, 0, 2, ACM_REVOKED_KEY_COMPROMISE));
    sim_cert(s, 0, &c);
    assert_int_equal(c.status, ACM_STATUS_ISSUED);
    test_ok(test_found(s, s->requests[0].names[0]));

    version = 2;
    assert_int_equal(acm_certificate_rollback(s->ring, c.account, c.region,
                         c.uuid, &version, 1, sim_now(s), &err),
                     ACM_INVALID);
    assert_non_null(strstr(err.text, "is revoked"));
    test_until(s, 10);
    test_list(s, NULL, &list);
    assert_int_equal(list.state, ACM_REVOKING_DONE);
    assert_int_equal(list.version, 2);

    assert_int_equal(test_revoke(s, 0, 9, ACM_REVOKED_KEY_COMPROMISE),
                     ACM_NOTFOUND);

    /* one that has expired needs no revocation */

    assert_int_equal(test_revoke(s, 0, 1, ACM_REVOKED_KEY_COMPROMISE),
                     ACM_INVALID);
    acm_cert_free(&c);
    sim_free(s);
}


/* After a rollback the copy in use is what the old number means. */

static void
test_copy(void **state)
{
    sim_t        *s;
    uint32_t      version;
    acm_err_t     err;
    acm_cert_t    c;
    test_list_t   list;

    (void) state;

    s = sim_new(1, 1);
    assert_int_equal(sim_until(s, 2, 100 * SIM_DAY), 1);
    sim_check_quiet(s);
    sim_cert(s, 0, &c);

    version = 1;
    test_ok(acm_certificate_rollback(s->ring, c.account, c.region, c.uuid,
                                     &version, 0, sim_now(s), &err));
    assert_int_equal(version, 3);
    acm_cert_free(&c);

    test_ok(test_revoke(s, 0, 1, ACM_REVOKED_KEY_COMPROMISE));
    sim_cert(s, 0, &c);
    assert_int_equal(c.status, ACM_STATUS_REVOKED);
    assert_int_equal(test_found(s, s->requests[0].names[0]), ACM_NOTFOUND);
    test_list(s, NULL, &list);
    assert_int_equal(list.version, 3);
    acm_cert_free(&c);

    test_until(s, 10);
    assert_int_equal(sim_until(s, 4, 60), 1);
    test_list(s, NULL, &list);
    assert_int_equal(list.n, 1);
    sim_free(s);
}


/* Of several issuers nobody knows which one made what was rolled back to; it
   is not said that it was revoked. */

static void
test_whose(void **state)
{
    sim_t        *s;
    uint32_t      version;
    acm_err_t     err;
    acm_cert_t    c;
    test_list_t   list;

    (void) state;

    s = sim_new(1, 1);
    s->requests[0].issuer = "ca0 ca1";
    assert_int_equal(sim_until(s, 2, 100 * SIM_DAY), 1);
    sim_check_quiet(s);
    sim_cert(s, 0, &c);

    version = 1;
    test_ok(acm_certificate_rollback(s->ring, c.account, c.region, c.uuid,
                                     &version, 0, sim_now(s), &err));
    acm_cert_free(&c);

    assert_int_equal(test_revoke(s, 0, 0, ACM_REVOKED_SUPERSEDED),
                     ACM_INVALID);
    sim_cert(s, 0, &c);
    assert_int_equal(c.status, ACM_STATUS_ISSUED);
    acm_cert_free(&c);
    test_list(s, NULL, &list);
    assert_int_equal(list.n, 0);

    /* of the next one it is known again */

    assert_int_equal(sim_until(s, 4, 100 * SIM_DAY), 1);
    test_ok(test_revoke(s, 0, 0, ACM_REVOKED_SUPERSEDED));
    test_until(s, 10);
    test_list(s, "ca0", &list);
    assert_int_equal(list.state, ACM_REVOKING_DONE);
    sim_free(s);
}


/* What is revoked and not wanted any more does not come back with an order
   that was under way. */

static void
test_under_way(void **state)
{
    sim_t        *s;
    uint64_t      revision;
    acm_err_t     err;
    acm_cert_t    c, is, next;
    acm_snap_t   *snap;

    (void) state;

    s = sim_new(1, 1);
    assert_int_equal(sim_until(s, 1, 60), 1);
    sim_check_quiet(s);
    s->cas[0].stuck = 1;

    while (acm_orders_count(s->engine.orders) == 0) {
        assert_true(s->ticks < 80 * SIM_DAY * 1000);
        sim_step(s, s->ticks + 60000);
    }

    sim_run(s, 60);
    assert_int_equal(acm_orders_count(s->engine.orders), 1);
    sim_cert(s, 0, &c);

    test_ok(acm_store_begin(s->store, &snap, NULL));
    test_ok(acm_cert_get(snap, c.account, c.region, c.uuid, &is, &revision));
    acm_store_end(snap);

    next = is;
    next.due = ACM_DUE_NONE;
    next.due_at = 0;
    next.status = ACM_STATUS_REVOKED;
    s->nrequests = 0;
    acm_engine_done(&s->engine);
    s->engine.nrequests = 0;
    test_ok(acm_certificate_update(s->store, &is, revision, &next, NULL,
                                   sim_now(s), &err));
    s->cas[0].stuck = 0;
    sim_run(s, 3 * 3600);
    assert_int_equal(acm_orders_count(s->engine.orders), 0);
    s->nrequests = 1;

    acm_cert_free(&is);
    acm_cert_free(&c);
    sim_cert(s, 0, &c);
    assert_int_equal(c.version, 1);
    assert_int_equal(c.status, ACM_STATUS_REVOKED);
    acm_cert_free(&c);
    sim_free(s);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_done),
        cmocka_unit_test(test_reason),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_dead),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_deleted),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_whose),
        cmocka_unit_test(test_under_way)
    };

    if (getenv("ACM_TEST") != NULL) {
        cmocka_set_test_filter(getenv("ACM_TEST"));
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
