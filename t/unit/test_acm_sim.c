
/*
 * Copyright (C) The ngx_acm authors
 *
 * Orders over ACME in a simulated world: everything that goes wrong.
 *   ACM_SIM=1000000 makes the random walk that long, and ACM_SIM_SEED=2
 *   another one.
 */


#include "sim.h"


/* the tokens of RFC 8555 s6.7, RFC 9773 and profiles */

static const char *const  test_problems[] = {
    "accountDoesNotExist", "alreadyReplaced", "alreadyRevoked", "badCSR",
    "badNonce", "badPublicKey", "badRevocationReason",
    "badSignatureAlgorithm", "caa", "compound", "connection", "dns",
    "externalAccountRequired", "incorrectResponse", "invalidContact",
    "invalidProfile", "malformed", "orderNotReady", "rateLimited",
    "rejectedIdentifier", "serverInternal", "tls", "unauthorized",
    "unsupportedContact", "unsupportedIdentifier", "userActionRequired",
    "unheardOf"
};


/* One fault for a day, then none: nothing is stuck, and it is issued. */

static void
test_one_fault(sim_step_e step, const sim_fault_t *fault)
{
    size_t       n;
    sim_t       *s;
    uint64_t     requests;
    acm_cert_t   c;

    s = sim_new(1, 2);
    s->cas[0].fault[step] = *fault;
    s->cas[0].fault[step].times = SIM_LASTING;

    sim_run(s, SIM_DAY);
    sim_settle(s, 7200);
    sim_check_quiet(s);

    requests = sim_requests(s);
    sim_cert(s, 0, &c);

    if (c.version == 0) {
        assert_true(c.last_error_at != 0);
        assert_string_not_equal(c.last_error, "");
        assert_true(c.due_at >= sim_now(s));
        assert_true(c.due_at <= sim_now(s) + SIM_DAY * 5 / 4);

        /* four waits of the ladder, or as the whole CA is left alone */

        assert_true(c.attempts <= 5);
        assert_int_equal(c.due, ACM_DUE_ISSUE);

        if (requests >= 2000) {
            fail_msg("step %u, status %d, problem %s: %" PRIu64 " requests",
                     step, fault->status,
                     fault->problem ? fault->problem : "-", requests);
        }

        /* again in a week: at most daily, for the name's own sake */

        sim_run(s, 7 * SIM_DAY);
        assert_true(sim_requests(s) - requests < 4000);
    }

    acm_cert_free(&c);

    sim_lift(&s->cas[0]);

    n = sim_until(s, 1, SIM_DAY * 5 / 4 + 60);

    if (n != 1) {
        fail_msg("step %u, status %d, problem %s: not issued in the end: %s",
                 step, fault->status, fault->problem ? fault->problem : "-",
                 s->text);
    }

    sim_run(s, 60);
    sim_check_quiet(s);

    sim_free(s);
}


static void
test_faults(void **state)
{
    static const sim_fault_t  rows[] = {
        { .status = 0 },
        { .status = 302 },
        { .status = 404 },
        { .status = 429 },
        { .status = 500 },
        { .status = 502 },
        { .status = 503 },
        { .status = 503, .retry_after = "3600" },
        { .status = 200, .body = "" },
        { .status = 200, .body = "{" },
        { .status = 200, .body = "{\"status\":\"none\"}" },
        { .status = 200, .body = "[]" },
        { .type = "text/html", .done = 1 },
        { .no_location = 1, .done = 1 },
        { .no_nonce = 1, .done = 1 },
        { .cut = 1, .done = 1 },
        { .status = 500, .done = 1 },
        { .status = 0, .done = 1 }
    };

    size_t       i;
    sim_step_e   step;
    sim_fault_t  f;

    (void) state;

    for (step = SIM_DIRECTORY; step <= SIM_DOWNLOAD; step++) {

        for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            test_one_fault(step, &rows[i]);
        }

        for (i = 0; i < sizeof(test_problems) / sizeof(test_problems[0]);
             i++)
        {
            memset(&f, 0, sizeof(f));
            f.status = 400;
            f.problem = test_problems[i];
            test_one_fault(step, &f);
        }
    }
}


/* And once: it is hardly noticed. */

static void
test_blips(void **state)
{
    size_t       i;
    sim_t       *s;
    sim_step_e   step;

    static const struct { int status; const char *problem; }  rows[] = {
        { 0, NULL }, { 500, NULL }, { 503, NULL }, { 400, "badNonce" },
        { 400, "accountDoesNotExist" }
    };

    (void) state;

    for (step = SIM_DIRECTORY; step <= SIM_DOWNLOAD; step++) {
        for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            s = sim_new(1, 1);
            sim_fault(&s->cas[0], step, rows[i].status, rows[i].problem);
            s->cas[0].fault[step].times = 1;
            assert_int_equal(sim_until(s, 1, 120), 1);
            sim_check_quiet(s);
            assert_true(sim_requests(s) < 30);
            sim_free(s);
        }
    }
}


/* A CA that is not wrong, but never comes to an end. */

static void
test_endless(void **state)
{
    unsigned   i;
    sim_t     *s;

    (void) state;

    for (i = 0; i < 4; i++) {
        s = sim_new(1, 1);
        s->cas[0].delay = 1;
        s->cas[0].stuck = (i == 0);
        s->cas[0].not_ready = (i == 1);
        s->cas[0].back = (i == 2);
        s->cas[0].processing = (i == 3) ? 10 * SIM_DAY * 1000 : 500;

        sim_run(s, 8 * 3600);
        sim_check(s);

        if (s->seen[0].peak > 15 || sim_requests(s) > 2000) {
            fail_msg("row %u: %zu requests in ten seconds, %" PRIu64
                     " in all", i, s->seen[0].peak, sim_requests(s));
        }

        sim_lift(&s->cas[0]);
        s->cas[0].processing = 500;
        assert_int_equal(sim_until(s, 1, 2 * SIM_DAY), 1);
        sim_check_quiet(s);
        sim_free(s);
    }
}


/* The process dies after each commit and each message. */

static void
test_crashes(int lmdb, int renewal, int messages, int aside)
{
    int          more;
    size_t       k;
    sim_t       *s;
    uint32_t     version;
    uint64_t     n;

    more = 1;

    for (n = 1; more; n++) {
        s = lmdb ? sim_new_lmdb(2, 2) : sim_new(2, 2);
        s->aside = (unsigned) aside;
        version = 1;

        if (renewal) {
            assert_int_equal(sim_until(s, 1, 60), 2);
            sim_run(s, 59 * SIM_DAY);
            version = 2;

            for (k = 0; k < 2; k++) {
                s->seen[k].orders = 0;
            }
        }

        if (messages) {
            s->crash_send = s->sends + n;

        } else {
            s->crash_commit = s->commits + n;
        }

        assert_int_equal(sim_until(s, version, 2 * SIM_DAY), 2);
        more = messages ? s->sends >= s->crash_send
                        : s->commits >= s->crash_commit;
        sim_run(s, 3 * 3600);
        sim_check_quiet(s);

        for (k = 0; k < 2; k++) {
            if (s->seen[k].orders > 2) {
                fail_msg("%u orders of one certificate", s->seen[k].orders);
            }
        }

        assert_int_equal(s->reports[ACM_ORDERS_FAILED], 0);
        sim_free(s);
    }

    assert_true(n > 5);
}


static void
test_crash(void **state)
{
    int  i;

    (void) state;

    for (i = 0; i < 8; i++) {
        test_crashes(0, i & 1, i & 2, (i & 4) != 0);
    }
}


static void
test_crash_lmdb(void **state)
{
    (void) state;

    test_crashes(1, 0, 0, 0);
    test_crashes(1, 0, 0, 1);
}


/* A name that fails for 90 days: what a CA sees of it. */

static void
test_polite(void **state)
{
    size_t        i, k, hour, day;
    sim_t        *s;
    sim_seen_t   *seen;

    static const int64_t  delays[] = { 1, 20, 50, 400 };

    (void) state;

    for (k = 0; k < 4; k++) {
        s = sim_new(1, 1);
        s->cas[0].delay = delays[k];
        s->cas[0].validation = (k == 0) ? 6000 : 1500;
        s->cas[0].invalid = "unauthorized";
        sim_run(s, 90 * SIM_DAY);
        sim_check(s);

        seen = &s->seen[0];
        assert_in_range(seen->nfailed, 80, 95);

        if (seen->peak > 10) {
            fail_msg("%zu requests in ten seconds", seen->peak);
        }

        for (i = 0, hour = 0, day = 0; i < seen->nfailed; i++) {

            while (seen->failed[hour] <= seen->failed[i] - 3600 * 1000) {
                hour++;
            }

            while (seen->failed[day] <= seen->failed[i] - SIM_DAY * 1000) {
                day++;
            }

            assert_true(i - hour + 1 <= 5);
            assert_true(i < 4 || day < 4 || i - day + 1 <= 1);
        }

        assert_int_equal(seen->orders, seen->nfailed);
        sim_lift(&s->cas[0]);
        assert_int_equal(sim_until(s, 1, SIM_DAY * 5 / 4), 1);
        sim_free(s);
    }
}


/* The same with a process that is restarted all the time. */

static void
test_restarts(void **state)
{
    size_t       i;
    sim_t       *s;
    uint32_t     attempts;
    acm_cert_t   c;

    (void) state;

    s = sim_new(3, 1);
    s->cas[0].invalid = "unauthorized";

    for (i = 0; i < 1000; i++) {
        sim_run(s, 1 + test_random(&s->random) % 400);
        sim_kill(s);
    }

    for (i = 0; i < 3; i++) {
        assert_in_range(s->seen[i].orders, 4, 7);
        assert_in_range(s->seen[i].nfailed, 3, 6);
    }

    sim_check(s);
    sim_cert(s, 0, &c);
    attempts = c.attempts;
    acm_cert_free(&c);
    assert_in_range(attempts, 4, 7);

    /* in no time at all */

    sim_settle(s, 7200);
    i = (size_t) sim_requests(s);

    for (attempts = 0; attempts < 1000; attempts++) {
        sim_run(s, 0);
        sim_start(s);
        sim_kill(s);
    }

    assert_int_equal(sim_requests(s), i);

    sim_free(s);
}


/* A thousand certificates and a CA that is down, in several ways. */

static void
test_down(void **state)
{
    size_t    i;
    sim_t    *s;

    static const struct { sim_step_e step; int status; }  rows[] = {
        { SIM_DIRECTORY, 0 }, { SIM_NONCE, 503 }, { SIM_ACCOUNT, 500 },
        { SIM_ORDER, 0 }, { SIM_ORDER, 503 }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        s = sim_new(i == 0 ? 1000 : 100, 1);
        sim_fault(&s->cas[0], rows[i].step, rows[i].status, NULL);
        sim_run(s, 6 * 3600);
        sim_check(s);

        if (s->cas[0].peak > 100 || sim_requests(s) > 3000) {
            fail_msg("row %zu: %" PRIu64 " requests in ten seconds, %" PRIu64
                     " in all", i, s->cas[0].peak, sim_requests(s));
        }

        if (i == 0) {

            /* a thousand are put off together, again and again */

            assert_true(acm_store_generation(s->store) < 4000);
        }

        sim_lift(&s->cas[0]);
        s->cas[0].peak = 0;
        assert_int_equal(sim_until(s, 1, SIM_DAY * 5 / 4 + 3600),
                         s->nrequests);
        sim_settle(s, 600);
        sim_check_quiet(s);
        sim_free(s);
    }
}


/* All at once: no more than `orders` at a time, less those that are kept for
   what is near its end, and none twice. */

static void
test_at_once(void **state)
{
    size_t   i, most, live;
    sim_t   *s;

    (void) state;

    s = sim_new(1000, 1);
    s->issuers[0].orders = 20;
    most = 0;

    for (i = 0; i < 1000000 && sim_until(s, 1, 0) < 1000; i++) {
        sim_step(s, INT64_MAX);

        live = (size_t) sim_entries(s, ACM_DB_ORDER);
        most = (live > most) ? live : most;
    }

    assert_int_equal(most, 18);
    assert_true(s->ticks < 600 * 1000);

    for (i = 0; i < 1000; i++) {
        assert_int_equal(s->seen[i].orders, 1);
    }

    sim_check_quiet(s);
    sim_free(s);
}


/* 429: by seconds, by date, without; one name, then the account. */

static void
test_limited(void **state)
{
    size_t        i;
    char          date[64];
    sim_t        *s;
    time_t        t;
    struct tm     tm;
    uint64_t      n;
    acm_cert_t    c;
    sim_fault_t  *f;

    (void) state;

    s = sim_new(1, 1);
    f = &s->cas[0].fault[SIM_ORDER];
    sim_fault(&s->cas[0], SIM_ORDER, 429, "rateLimited");
    f->retry_after = "7200";
    sim_run(s, 60);
    sim_cert(s, 0, &c);
    assert_in_range(c.due_at - sim_now(s), 7200 - 60, 9000);
    assert_int_equal(c.attempts, 0);
    acm_cert_free(&c);
    sim_run(s, 7000);
    assert_int_equal(s->cas[0].count[SIM_ORDER], 1);

    t = (time_t) (sim_now(s) + 5 * SIM_DAY);
    gmtime_r(&t, &tm);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    f->retry_after = date;
    sim_run(s, 2500);
    assert_int_equal(s->cas[0].count[SIM_ORDER], 2);
    sim_cert(s, 0, &c);
    assert_in_range(c.due_at - sim_now(s), 5 * SIM_DAY - 3000,
                    5 * SIM_DAY * 5 / 4);
    acm_cert_free(&c);

    for (i = 0; i < 50; i++) {
        sim_run(s, 3600);
        sim_kill(s);
    }

    assert_int_equal(s->cas[0].count[SIM_ORDER], 2);
    sim_free(s);

    /* without a word of when: ever more slowly */

    s = sim_new(1, 1);
    sim_fault(&s->cas[0], SIM_ORDER, 429, "rateLimited");
    sim_run(s, 10 * SIM_DAY);
    assert_in_range(s->cas[0].count[SIM_ORDER], 5, 20);
    sim_lift(&s->cas[0]);
    assert_int_equal(sim_until(s, 1, 2 * SIM_DAY), 1);
    sim_free(s);

    /* many names: three are enough to know */

    s = sim_new(100, 1);
    s->issuers[0].orders = 1;
    f = &s->cas[0].fault[SIM_ORDER];
    sim_fault(&s->cas[0], SIM_ORDER, 429, "rateLimited");
    f->retry_after = "3600";
    sim_run(s, 3500);
    assert_int_equal(s->cas[0].count[SIM_ORDER], 3);
    sim_run(s, 7 * 3600);
    n = s->cas[0].count[SIM_ORDER];
    assert_in_range(n, 9, 30);
    sim_lift(&s->cas[0]);
    assert_int_equal(sim_until(s, 1, 2 * 3600), 100);
    sim_check_quiet(s);
    sim_free(s);
}


/* Our own limits, through restarts. */

static void
test_rate(void **state)
{
    size_t    i, k;
    sim_t    *s;

    (void) state;

    s = sim_new(100, 1);
    s->issuers[0].account_rate.number = 10;
    s->issuers[0].account_rate.period = 3600;

    for (i = 1; i <= 8; i++) {
        for (k = 0; k < 60; k++) {
            sim_run(s, 60);
            sim_kill(s);
        }

        /* a full bucket, and what has come in since */

        assert_true(s->cas[0].count[SIM_ORDER] <= 10 + 10 * i);
        assert_true(s->cas[0].count[SIM_ORDER] >= 10 * i);
    }

    assert_int_equal(sim_until(s, 1, 3 * 3600), 100);
    sim_check_quiet(s);
    sim_free(s);
}


/* An account that the CA has closed, or refuses. */

static void
test_deactivated(void **state)
{
    size_t      i;
    sim_t      *s;
    uint64_t    n;

    (void) state;

    for (i = 0; i < 2; i++) {
        s = sim_new(50, 1);

        if (i == 0) {
            assert_int_equal(sim_until(s, 1, 600), 50);
            sim_run(s, 59 * SIM_DAY);
        }

        s->cas[0].deactivated = 1;
        sim_run(s, 2 * SIM_DAY);
        sim_check(s);
        n = sim_requests(s);
        sim_run(s, 2 * SIM_DAY);

        if (sim_requests(s) - n > 2 * 24 * (i == 0 ? 1 : 4)) {
            fail_msg("%" PRIu64 " requests in two days", sim_requests(s) - n);
        }

        sim_check(s);
        sim_free(s);
    }
}


/* Preflight asks for the directory first: a CA that was down comes back. */

static acm_rc_t
test_no_check(void *data, acm_preflight_t *check, acm_err_t *err)
{
    (void) data;

    assert_non_null(check->directory);

    return acm_fail(err, ACM_ERROR, "cannot be checked");
}


static void
test_preflight(void **state)
{
    sim_t  *s;

    static acm_checker_t  checker = { .start = test_no_check };

    (void) state;

    s = sim_new(1, 1);
    s->checker = &checker;
    s->issuers[0].preflight = 1;
    sim_fault(&s->cas[0], SIM_DIRECTORY, 503, NULL);
    sim_run(s, 3600);
    sim_lift(&s->cas[0]);
    assert_int_equal(sim_until(s, 1, 2 * SIM_DAY), 1);
    sim_check_quiet(s);
    sim_free(s);
}


static void
test_walk_event(sim_t *s)
{
    sim_ca_t    *ca;
    uint32_t     r;
    sim_step_e   step;

    static const int  statuses[] = { 0, 302, 400, 403, 404, 429, 500, 503 };

    ca = &s->cas[test_random(&s->random) % 2];
    r = test_random(&s->random) % 100;

    if (r < 30) {
        step = test_random(&s->random) % (SIM_ARI + 1);
        sim_fault(ca, step, statuses[test_random(&s->random) % 8],
                  (r < 15) ? test_problems[test_random(&s->random) % 27]
                           : NULL);
        ca->fault[step].times = 1 + test_random(&s->random) % 5;
        ca->fault[step].done = r % 2;

        if (r % 7 == 0) {
            ca->fault[step].retry_after = "600";
        }

    } else if (r < 45) {
        s->crash_commit = s->commits + 1 + test_random(&s->random) % 8;

    } else if (r < 60) {
        s->crash_send = s->sends + 1 + test_random(&s->random) % 8;

    } else if (r < 64) {
        ca->forgotten = 1;

    } else if (r < 70) {
        ca->chaos = (ca->chaos != 0) ? 0 : 20;

    } else if (r < 74) {
        ca->invalid = (ca->invalid != NULL) ? NULL : "connection";
        ca->invalid_cert = (int) (test_random(&s->random) % s->nrequests);

    } else if (r < 78) {
        s->full = (s->full != 0) ? 0 : 10;

    } else if (r < 80) {
        s->slept += test_random(&s->random) % (2 * SIM_DAY);

    } else if (r < 82) {
        s->skew = (s->skew != 0) ? 0
                  : (int64_t) (test_random(&s->random) % (40 * SIM_DAY))
                    - 20 * SIM_DAY;
        sim_run(s, 300);

    } else if (r < 84) {
        ca->stuck = !ca->stuck;

    } else {
        sim_run(s, test_random(&s->random)
                   % (r < 97 ? 60 : r < 99 ? 86400 : 10 * SIM_DAY));
    }
}


static void
test_walk(void **state)
{
    size_t       i;
    sim_t       *s;
    unsigned     k;
    const char  *text;
    uint64_t     n, steps;
    uint32_t     seed;

    (void) state;

    text = getenv("ACM_SIM");
    steps = (text != NULL) ? strtoull(text, NULL, 10) : 100000;

    text = getenv("ACM_SIM_SEED");
    seed = (text != NULL) ? (uint32_t) strtoul(text, NULL, 10) : 0;

    s = NULL;

    for (n = 0; n < steps; n++) {

        if (n % 20000 == 0) {
            if (s != NULL) {
                sim_free(s);
            }

            s = sim_new(8, 2);
            s->random += (uint32_t) n + seed;
            s->patience += 20 * SIM_DAY;

            for (i = 0; i < 8; i++) {
                s->requests[i].issuer = (i % 3 == 0) ? "ca0 ca1"
                                        : (i % 3 == 1) ? "ca1" : "ca0";
            }

            s->issuers[0].staging = s->cas[2].directory;
            s->cas[0].lifetime = 6 * SIM_DAY;
            s->cas[0].ari = SIM_ARI_FUTURE;
            s->cas[1].lifetime = 20 * SIM_DAY;
        }

        if (test_random(&s->random) % 32 == 0) {
            test_walk_event(s);

        } else {
            sim_step(s, s->ticks + 600 * 1000);
        }

        if (n % 64 == 0) {
            sim_check(s);
        }

        if (n % 5000 == 4999) {

            /* all is well again: so it must be with all certificates */

            for (k = 0; k < SIM_CAS; k++) {
                sim_lift(&s->cas[k]);
            }

            s->full = 0;
            s->skew = 0;
            s->crash_commit = 0;
            s->crash_send = 0;

            sim_run(s, 2 * SIM_DAY);
            sim_check(s);
            assert_int_equal(sim_until(s, 1, SIM_DAY), 8);

            for (i = 0; i < 8; i++) {
                acm_cert_t  c;

                sim_cert(s, i, &c);

                if (c.not_after < sim_now(s) + SIM_DAY / 2
                    || (c.attempts > 1 && c.due != ACM_DUE_ARI
                        && c.due_at != c.renew_at))
                {
                    fail_msg("certificate %zu: version %u, attempts %u, "
                             "ends in %" PRId64 " s, due in %" PRId64
                             ": %s", i, c.version, c.attempts,
                             c.not_after - sim_now(s),
                             c.due_at - sim_now(s),
                             c.last_error);
                }

                acm_cert_free(&c);
            }
        }
    }

    sim_free(s);
}


/* Each allocation of a whole order fails once. */

static void
test_memory(void **state)
{
    sim_t          *s;
    uint32_t        version;
    unsigned long   n, left;

    (void) state;

    left = 0;

    for (n = 1; left == 0; n++) {
        s = sim_new(1, 2);
        version = 1;

        if (n % 2 == 0) {
            s->cas[0].ari = SIM_ARI_FUTURE;
        }

        sim_start(s);
        (void) acm_alloc_fail_at(n);
        sim_run(s, 30);
        left = acm_alloc_fail_at(0);

        if (sim_until(s, version, 7200) != 1) {
            fail_msg("allocation %lu: not issued: %s", n, s->text);
        }

        sim_settle(s, 7200);
        sim_check_quiet(s);
        sim_free(s);
    }

    assert_true(n > 100);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_blips),
        cmocka_unit_test(test_endless),
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_crash_lmdb),
        cmocka_unit_test(test_polite),
        cmocka_unit_test(test_restarts),
        cmocka_unit_test(test_down),
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_limited),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_deactivated),
        cmocka_unit_test(test_preflight),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_memory)
    };

    if (getenv("ACM_TEST") != NULL) {
        cmocka_set_test_filter(getenv("ACM_TEST"));
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
