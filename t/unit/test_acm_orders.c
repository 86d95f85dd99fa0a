
/*
 * Copyright (C) The ngx_acm authors
 *
 * Orders over ACME in a simulated world: how they go when all is well.
 */


#include "sim.h"

#include "acm_engine_impl.h"
#include "acm_orders_impl.h"


static void
test_happy(void **state)
{
    static const size_t  names[] = { 1, 5, 100 };

    size_t       i;
    sim_t       *s;
    acm_cert_t   c;

    (void) state;

    for (i = 0; i < 3; i++) {
        s = sim_new(1, names[i]);

        assert_int_equal(sim_until(s, 1, 60), 1);
        sim_check_quiet(s);

        sim_cert(s, 0, &c);
        assert_int_equal(c.status, ACM_STATUS_ISSUED);
        assert_int_equal(c.attempts, 0);
        assert_string_equal(c.last_error, "");
        assert_string_equal(c.issued_by, "ca0");
        assert_int_equal(c.due, ACM_DUE_RENEW);
        assert_int_equal(c.due_at, c.not_after - 30 * SIM_DAY);
        acm_cert_free(&c);

        assert_int_equal(s->cas[0].count[SIM_DIRECTORY], 1);
        assert_int_equal(s->cas[0].count[SIM_ACCOUNT], 1);
        assert_int_equal(s->cas[0].count[SIM_ORDER], 1);
        assert_int_equal(s->cas[0].count[SIM_AUTHZ], names[i]);
        assert_int_equal(s->cas[0].count[SIM_CHALLENGE], names[i]);
        assert_int_equal(s->cas[0].count[SIM_FINALIZE], 1);
        assert_int_equal(s->cas[0].count[SIM_DOWNLOAD], 1);
        assert_true(s->cas[0].count[SIM_POLL] < 10);
        assert_int_equal(s->faults, 0);

        sim_free(s);
    }
}



/* Several issuers, many certificates: each at its own, no more than allowed
   at a time. */

static void
test_many(void **state)
{
    size_t       i;
    sim_t       *s;
    acm_cert_t   c;

    (void) state;

    s = sim_new(150, 2);

    for (i = 0; i < 150; i++) {
        s->requests[i].issuer = s->names[i % SIM_CAS];
    }

    assert_int_equal(sim_until(s, 1, 600), 150);
    sim_check_quiet(s);

    for (i = 0; i < 150; i++) {
        sim_cert(s, i, &c);
        assert_string_equal(c.issued_by, s->names[i % SIM_CAS]);
        assert_int_equal(s->seen[i].orders, 1);
        acm_cert_free(&c);
    }

    for (i = 0; i < SIM_CAS; i++) {
        assert_int_equal(s->cas[i].count[SIM_ACCOUNT], 1);
        assert_int_equal(s->cas[i].count[SIM_ORDER], 50);
    }

    sim_free(s);
}


/* One name is not proved for two certificates at a time, though there is
   room: there is one answer for each name. */

static void
test_clash(void **state)
{
    sim_t        *s;
    char         *names[2];
    char *const  *own;

    (void) state;

    s = sim_new(2, 2);
    own = s->requests[1].names;

    names[0] = s->requests[1].names[0];
    names[1] = s->requests[0].names[1];
    s->requests[1].names = names;

    while (sim_until(s, 1, 0) != 2) {
        assert_true(sim_now(s) < SIM_START + 600);
        sim_step(s, s->ticks + 60000);

        if (s->engine.orders != NULL) {
            assert_true(acm_orders_count(s->engine.orders) <= 1);
        }
    }

    sim_check_quiet(s);
    assert_int_equal(s->cas[0].count[SIM_ORDER], 2);

    s->requests[1].names = own;
    sim_free(s);
}


/* Whatever the life: renewed in time, again and again. */

static void
test_lives(void **state)
{
    static const struct { int64_t life; unsigned renewals; }  lives[] = {
        { 3600, 20 }, { 6 * SIM_DAY, 20 }, { 45 * SIM_DAY, 8 },
        { 90 * SIM_DAY, 6 }, { 398 * SIM_DAY, 3 }
    };

    size_t       i, k;
    int64_t      end;
    sim_t       *s;
    acm_cert_t   c;

    (void) state;

    for (i = 0; i < 2 * sizeof(lives) / sizeof(lives[0]); i++) {
        s = sim_new(1, 1);
        s->cas[0].lifetime = lives[i / 2].life;
        s->cas[0].ari = (i % 2) ? SIM_ARI_FUTURE : SIM_ARI_NONE;

        assert_int_equal(sim_until(s, 1, 60), 1);

        for (k = 2; k <= lives[i / 2].renewals; k++) {
            sim_cert(s, 0, &c);
            end = c.not_after;
            acm_cert_free(&c);

            assert_int_equal(sim_until(s, (uint32_t) k,
                                       lives[i / 2].life), 1);
            sim_check(s);
            assert_true(sim_now(s) < end - lives[i / 2].life / 6);
        }

        assert_int_equal(s->cas[0].count[SIM_ORDER], lives[i / 2].renewals);
        assert_int_equal(s->cas[0].replaces, lives[i / 2].renewals - 1);
        assert_int_equal(s->faults, 0);

        sim_free(s);
    }
}


/* The CA's window of renewal, in all its forms. */

static void
test_ari(void **state)
{
    static const struct {
        sim_ari_e  ari;
        double     first;            /* renewed in this part of the life */
        double     last;
    } rows[] = {
        { SIM_ARI_NONE, 0.66, 0.67 },
        { SIM_ARI_FUTURE, 0.74, 0.81 },
        { SIM_ARI_NOW, 0.0, 0.01 },
        { SIM_ARI_PAST, 0.0, 0.01 },
        { SIM_ARI_INVERTED, 0.66, 0.67 },
        { SIM_ARI_LATE, 0.94, 0.96 },
        { SIM_ARI_FOREIGN, 0.66, 0.67 }
    };

    size_t       i;
    double       part;
    sim_t       *s;
    acm_cert_t   a, b;

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        s = sim_new(1, 1);
        s->cas[0].ari = rows[i].ari;

        assert_int_equal(sim_until(s, 1, 60), 1);
        sim_cert(s, 0, &a);
        assert_int_equal(sim_until(s, 2, 90 * SIM_DAY), 1);
        sim_cert(s, 0, &b);
        sim_check(s);

        part = (double) (b.not_before - a.not_before) / (90 * SIM_DAY);

        if (part < rows[i].first || part > rows[i].last) {
            fail_msg("row %zu: renewed at %f of its life", i, part);
        }

        assert_true(s->cas[0].count[SIM_ARI] <= 90 * 4 + 2);
        assert_int_equal(s->cas[0].replaces, 1);
        assert_int_equal(s->faults, 0);

        acm_cert_free(&a);
        acm_cert_free(&b);

        sim_free(s);
    }
}


/* A window that moves; a CA that says when to ask again; one that fails. */

static void
test_ari_moves(void **state)
{
    sim_t       *s;
    int64_t      before;
    uint64_t     n;
    acm_cert_t   c;

    (void) state;

    s = sim_new(1, 1);
    s->cas[0].ari = SIM_ARI_FUTURE;

    assert_int_equal(sim_until(s, 1, 60), 1);
    sim_run(s, 20 * SIM_DAY);
    sim_cert(s, 0, &c);
    assert_int_equal(c.version, 1);
    assert_true(c.ari_start != 0);
    assert_true(c.renew_at >= c.ari_start && c.renew_at <= c.ari_end);
    before = c.renew_at;
    acm_cert_free(&c);

    /* chosen once */

    n = s->cas[0].count[SIM_ARI];
    sim_run(s, SIM_DAY);
    sim_cert(s, 0, &c);
    assert_int_equal(c.renew_at, before);
    acm_cert_free(&c);
    assert_in_range(s->cas[0].count[SIM_ARI] - n, 3, 5);

    /* no answer changes nothing, and is not asked for more often */

    sim_fault(&s->cas[0], SIM_ARI, 500, NULL);
    n = s->cas[0].count[SIM_ARI];
    sim_run(s, 2 * SIM_DAY);
    sim_cert(s, 0, &c);
    assert_int_equal(c.renew_at, before);
    acm_cert_free(&c);
    assert_in_range(s->cas[0].count[SIM_ARI] - n, 4, 9);
    sim_lift(&s->cas[0]);

    s->cas[0].ari_retry = "60";
    n = s->cas[0].count[SIM_ARI];
    sim_run(s, SIM_DAY);
    assert_in_range(s->cas[0].count[SIM_ARI] - n, 1300, 1450);
    s->cas[0].ari_retry = "0";
    n = s->cas[0].count[SIM_ARI];
    sim_run(s, SIM_DAY);
    assert_in_range(s->cas[0].count[SIM_ARI] - n, 1300, 1450);
    s->cas[0].ari_retry = "999999999";
    sim_run(s, 120);
    n = s->cas[0].count[SIM_ARI];
    sim_run(s, 4 * SIM_DAY);
    assert_in_range(s->cas[0].count[SIM_ARI] - n, 3, 5);

    /* it wants it sooner: revoked, perhaps */

    s->cas[0].ari = SIM_ARI_NOW;
    assert_int_equal(sim_until(s, 2, 2 * SIM_DAY), 1);
    s->cas[0].ari = SIM_ARI_FUTURE;
    sim_check(s);

    sim_free(s);
}


/* RFC 9773 s5: what is replaced already is asked for without. */

static void
test_replaced(void **state)
{
    size_t   i, k;
    sim_t   *s;

    /* replaced, as the CA knows; or it says no more than 409; or it lost its
       certificates, or thinks that they are somebody else's */

    static const struct {
        int          status;
        const char  *type;
    } faults[] = {
        { 0, NULL },
        { 409, NULL },
        { 404, NULL },
        { 404, "malformed" },
        { 400, "malformed" },
        { 403, "unauthorized" }
    };

    (void) state;

    for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        s = sim_new(1, 1);
        assert_int_equal(sim_until(s, 1, 60), 1);

        for (k = 0; k < s->cas[0].norders; k++) {
            s->cas[0].orders[k]->replaced = (i == 0);
        }

        if (i != 0) {
            sim_fault(&s->cas[0], SIM_ORDER, faults[i].status,
                      faults[i].type);
            s->cas[0].fault[SIM_ORDER].times = 1;
        }

        assert_int_equal(sim_until(s, 2, 61 * SIM_DAY), 1);
        assert_int_equal(s->cas[0].count[SIM_ORDER], 3);
        assert_int_equal(s->reports[ACM_ORDERS_FAILED], 0);
        sim_check_quiet(s);
        sim_free(s);
    }
}


/* The machine sleeps: no ticks, but time goes on; for the CA, too. */

static void
test_suspended(void **state)
{
    size_t       k;
    sim_t       *s;
    acm_cert_t   c;

    (void) state;

    for (k = 0; k < 14; k++) {
        s = sim_new(1, 1);
        sim_run(s, 0);

        while (sim_requests(s) < k && s->ticks < 10000) {
            sim_step(s, INT64_MAX);
        }

        s->slept += 3 * SIM_DAY;
        assert_int_equal(sim_until(s, 1, SIM_DAY), 1);
        sim_run(s, 60);
        sim_check_quiet(s);

        /* due for renewal while asleep */

        s->slept += 62 * SIM_DAY;
        assert_int_equal(sim_until(s, 2, 7200), 1);
        sim_cert(s, 0, &c);
        assert_true(c.not_before > sim_now(s) - 7200);
        acm_cert_free(&c);
        sim_free(s);
    }
}


/* Three hundred are due after ten days of sleep: no burst, and none twice. */

static void
test_woken(void **state)
{
    size_t    i, most, live;
    sim_t    *s;
    uint64_t  n;

    (void) state;

    s = sim_new(300, 1);
    s->issuers[0].orders = 20;
    assert_int_equal(sim_until(s, 1, SIM_DAY), 300);
    sim_run(s, 52 * SIM_DAY);
    assert_int_equal(sim_until(s, 2, 0), 0);

    n = s->cas[0].count[SIM_ORDER];
    most = 0;
    s->slept += 10 * SIM_DAY;

    for (i = 0; i < 1000000 && sim_until(s, 2, 0) < 300; i++) {
        sim_step(s, INT64_MAX);

        live = (size_t) sim_entries(s, ACM_DB_ORDER);
        most = (live > most) ? live : most;
    }

    assert_int_equal(most, 15);
    assert_int_equal(s->cas[0].count[SIM_ORDER] - n, 300);
    sim_check_quiet(s);
    sim_free(s);
}


/* A CA that always says "now", or nonsense: no burst of renewals. */

static void
test_ari_stale(void **state)
{
    size_t      i;
    sim_t      *s;
    uint64_t    n;

    static const sim_ari_e  answers[] = {
        SIM_ARI_PAST, SIM_ARI_NOW, SIM_ARI_INVERTED, SIM_ARI_FOREIGN,
        SIM_ARI_STALE
    };

    (void) state;

    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        s = sim_new(1, 1);
        s->cas[0].ari = answers[i];
        assert_int_equal(sim_until(s, 1, 60), 1);
        n = s->cas[0].count[SIM_ORDER];

        /* not within six hours of the issuance, nor oftener than that */

        sim_run(s, 6 * 3600 - 120);
        assert_int_equal(s->cas[0].count[SIM_ORDER], n);
        sim_run(s, 2 * SIM_DAY);
        assert_in_range(s->cas[0].count[SIM_ORDER] - n, 0, 9);

        if (answers[i] == SIM_ARI_INVERTED || answers[i] == SIM_ARI_FOREIGN
            || answers[i] == SIM_ARI_STALE)
        {
            assert_int_equal(s->cas[0].count[SIM_ORDER], n);
        }

        /* and once the answer is right again, none */

        s->cas[0].ari = SIM_ARI_FUTURE;
        sim_run(s, SIM_DAY);
        n = s->cas[0].count[SIM_ORDER];
        sim_run(s, 10 * SIM_DAY);
        assert_int_equal(s->cas[0].count[SIM_ORDER], n);
        sim_check(s);
        sim_free(s);
    }
}


/* Which places are for whom. */

static void
test_urgency(void **state)
{
    size_t       i, k, taken;
    sim_t       *s;
    acm_cert_t   c;

    static const size_t  orders[][4] = {
        /* allowed, and of those for renewals, new names, late ones */
        { 1, 1, 1, 1 }, { 4, 3, 4, 4 }, { 8, 6, 7, 8 }, { 20, 15, 18, 20 },
        { 256, 192, 224, 256 }
    };

    (void) state;

    memset(&c, 0, sizeof(acm_cert_t));
    assert_int_equal(acm_engine_urgent(&c, 0), ACM_URGENCY_NEW);
    c.version = 1;
    c.renew_at = 1000;
    c.not_after = 2000;
    assert_int_equal(acm_engine_urgent(&c, 1500), ACM_URGENCY_NONE);
    assert_int_equal(acm_engine_urgent(&c, 1501), ACM_URGENCY_LATE);
    assert_int_equal(acm_engine_urgent(&c, 9999), ACM_URGENCY_LATE);

    s = sim_new(1, 1);
    assert_int_equal(sim_until(s, 1, 60), 1);
    sim_check_quiet(s);

    for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        s->issuers[0].orders = orders[i][0];

        for (k = ACM_URGENCY_NONE; k <= ACM_URGENCY_LATE; k++) {
            taken = 0;

            while (acm_orders_room(s->engine.orders, &s->issuers[0],
                                   (acm_urgency_e) k))
            {
                s->engine.orders->slots[0].inflight = ++taken;
            }

            assert_int_equal(taken, orders[i][k + 1]);
            s->engine.orders->slots[0].inflight = 0;
        }
    }

    sim_free(s);
}


/* What is due for an order is read as long as one could be begun, or put off,
   or made by a built-in CA. */

static void
test_full(void **state)
{
    size_t        i;
    sim_t        *s;
    const char   *directory;
    acm_slot_t   *slots;

    (void) state;

    s = sim_new(1, 1);
    assert_int_equal(sim_until(s, 1, 60), 1);
    sim_check_quiet(s);

    slots = s->engine.orders->slots;
    assert_int_equal(acm_engine_full(&s->engine), 0);

    for (i = 0; i < SIM_CAS; i++) {
        slots[i].inflight = s->issuers[i].orders;
    }

    assert_int_equal(acm_engine_full(&s->engine), 1);

    for (i = 0; i < SIM_CAS; i++) {
        slots[i].inflight--;
        assert_int_equal(acm_engine_full(&s->engine), 0);
        slots[i].inflight++;

        slots[i].paused = s->ticks + 5000;
        assert_int_equal(acm_engine_full(&s->engine), 0);
        slots[i].paused = 0;

        directory = s->issuers[i].directory;
        s->issuers[i].directory = NULL;
        assert_int_equal(acm_engine_full(&s->engine), 0);
        s->issuers[i].directory = directory;

        assert_int_equal(acm_engine_full(&s->engine), 1);
    }

    s->engine.nissuers = 0;
    assert_int_equal(acm_engine_full(&s->engine), 0);
    s->engine.nissuers = SIM_CAS;

    for (i = 0; i < SIM_CAS; i++) {
        slots[i].inflight = 0;
    }

    sim_free(s);
}


/* Two issuers: the second one at once when the first is down, the first one
   again at the next renewal. */

static void
test_failover(void **state)
{
    size_t       i;
    sim_t       *s;
    acm_cert_t   c;

    static const struct { sim_step_e step; int status; const char *problem; }
    rows[] = {
        { SIM_DIRECTORY, 0, NULL },
        { SIM_DIRECTORY, 503, NULL },
        { SIM_NONCE, 500, NULL },
        { SIM_ACCOUNT, 500, "serverInternal" },
        { SIM_ACCOUNT, 400, "externalAccountRequired" },
        { SIM_ORDER, 0, NULL },
        { SIM_ORDER, 500, NULL },
        { SIM_ORDER, 429, "rateLimited" },
        { SIM_FINALIZE, 500, "serverInternal" },
        { SIM_DOWNLOAD, 500, NULL }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        s = sim_new(3, 1);
        s->requests[0].issuer = "ca0 ca1";
        s->requests[1].issuer = "ca0 ca1";
        s->requests[2].issuer = "ca0 ca1 ca2";
        sim_fault(&s->cas[0], rows[i].step, rows[i].status, rows[i].problem);

        assert_int_equal(sim_until(s, 1, (rows[i].step < SIM_FINALIZE)
                                         ? 60 : 600), 3);
        sim_check(s);
        sim_cert(s, 0, &c);
        assert_string_equal(c.issued_by, "ca1");
        assert_int_equal(c.turn, 0);
        assert_int_equal(c.attempts, 0);
        acm_cert_free(&c);

        sim_lift(&s->cas[0]);
        assert_int_equal(sim_until(s, 2, 62 * SIM_DAY), 3);
        sim_cert(s, 0, &c);
        assert_string_equal(c.issued_by, "ca0");
        acm_cert_free(&c);
        sim_check(s);
        sim_free(s);
    }

    /* all are down, then one comes back */

    s = sim_new(3, 1);

    for (i = 0; i < 3; i++) {
        s->requests[i].issuer = "ca0 ca1 ca2";
        sim_fault(&s->cas[i], i == 1 ? SIM_ORDER : SIM_DIRECTORY,
                  i == 1 ? 500 : 0, NULL);
    }

    sim_run(s, 2 * SIM_DAY);
    sim_check(s);
    assert_true(sim_requests(s) < 1000);
    sim_lift(&s->cas[2]);
    assert_int_equal(sim_until(s, 1, 2 * SIM_DAY), 3);
    sim_check(s);
    sim_free(s);
}


/* After a failure a rehearsal first; a stage that is down stops nothing. */

static void
test_staging(void **state)
{
    sim_t       *s;
    uint64_t     n;
    acm_cert_t   c;

    (void) state;

    s = sim_new(1, 1);
    s->issuers[0].staging = s->cas[1].directory;
    s->cas[0].invalid = "unauthorized";
    s->cas[1].invalid = "unauthorized";

    sim_run(s, 20 * SIM_DAY);
    sim_check(s);

    /* one attempt in earnest, all others rehearsed */

    assert_int_equal(s->cas[0].count[SIM_ORDER], 1);
    assert_in_range(s->cas[1].count[SIM_ORDER], 15, 25);
    n = s->cas[1].count[SIM_ORDER];

    sim_lift(&s->cas[0]);
    sim_lift(&s->cas[1]);
    assert_int_equal(sim_until(s, 1, 2 * SIM_DAY), 1);
    assert_int_equal(s->cas[1].count[SIM_ORDER], n + 1);
    assert_int_equal(s->cas[0].count[SIM_ORDER], 2);
    sim_cert(s, 0, &c);
    assert_int_equal(c.rehearsed, 0);
    assert_int_equal(c.attempts, 0);
    assert_int_equal(c.version, 1);
    acm_cert_free(&c);
    sim_check_quiet(s);

    /* the stage is down */

    sim_fault(&s->cas[0], SIM_ORDER, 500, NULL);
    sim_fault(&s->cas[1], SIM_ORDER, 500, NULL);
    sim_run(s, 62 * SIM_DAY);
    sim_check(s);
    sim_lift(&s->cas[0]);
    assert_int_equal(sim_until(s, 2, 4 * SIM_DAY), 1);
    sim_check_quiet(s);
    sim_free(s);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_happy),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_clash),
        cmocka_unit_test(test_lives),
        cmocka_unit_test(test_ari),
        cmocka_unit_test(test_ari_moves),
        cmocka_unit_test(test_ari_stale),
        cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_suspended),
        cmocka_unit_test(test_woken),
        cmocka_unit_test(test_urgency),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_failover),
        cmocka_unit_test(test_staging)
    };

    if (getenv("ACM_TEST") != NULL) {
        cmocka_set_test_filter(getenv("ACM_TEST"));
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
