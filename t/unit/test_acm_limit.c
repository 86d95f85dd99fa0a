
/*
 * Copyright (C) The ngx_acm authors
 *
 * Rate limits, with a clock of our own, and with one that jumps.
 */


#include "acm_json.h"
#include "acm_limit.h"
#include "acm_status.h"
#include "test_store.h"


#define NOW  1800000000LL


/* How many can be taken at once; *tat is the bucket. */

static unsigned
test_burst(const acm_rate_t *rate, int64_t *tat, int64_t now)
{
    unsigned  n;

    for (n = 0; n < 10000 && acm_limit_when(rate, *tat, now) <= now; n++) {
        *tat = acm_limit_take(rate, *tat, now);
    }

    return n;
}


static void
test_rates(void **state)
{
    static const acm_rate_t  rates[] = {
        { 1, 1 }, { 1, 60 }, { 2, 1 }, { 3, 1 }, { 7, 10 }, { 300, 10800 },
        { 50, 604800 }, { 600, 1 }, { 999, 1 }, { 1000, 1 }, { 5000, 2 },
        { 1, 31536000 }, { 10, 3 }
    };

    size_t             i;
    int64_t            tat, at, last, n, taken;
    const acm_rate_t  *r;

    (void) state;

    for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        r = &rates[i];
        tat = 0;

        /* a full bucket holds the number, not one more */

        assert_int_equal(test_burst(r, &tat, NOW), r->number);
        at = acm_limit_when(r, tat, NOW);
        assert_true(at > NOW);
        assert_true(at <= NOW + r->period + 1);

        /* at that time there is one, and not before */

        assert_true(acm_limit_when(r, tat, at - 1) > at - 1);
        assert_true(test_burst(r, &tat, at) >= 1);

        /* after the period, and a little for what is rounded, it is full */

        tat = 0;
        test_burst(r, &tat, NOW);
        assert_int_equal(test_burst(r, &tat, NOW + 2 * r->period + 1),
                         r->number);

        /* never more in a period than the bucket and what comes in */

        tat = 0;
        last = NOW;

        for (n = 0, taken = 0; n < 1000; n++) {
            at = acm_limit_when(r, tat, last);
            assert_true(at >= last);
            last = at;
            tat = acm_limit_take(r, tat, at);
            taken++;
        }

        assert_true(taken <= r->number + 1
                    + (last - NOW + 1) * (int64_t) r->number / r->period);
    }
}


static void
test_none(void **state)
{
    acm_rate_t  none = { 0, 60 };

    (void) state;

    assert_int_equal(acm_limit_when(&none, INT64_MAX, NOW), NOW);
    assert_int_equal(acm_limit_take(&none, 5, NOW), 0);
    assert_int_equal(acm_limit_give(&none, 5, NOW), 0);
}


/* What is given back can be taken again, and no more than that. */

static void
test_give(void **state)
{
    int64_t     tat;
    unsigned    n;
    acm_rate_t  rate = { 3, 3600 };

    (void) state;

    tat = 0;

    for (n = 0; n < 100; n++) {
        assert_true(acm_limit_when(&rate, tat, NOW) <= NOW);
        tat = acm_limit_give(&rate, acm_limit_take(&rate, tat, NOW), NOW);
    }

    assert_int_equal(test_burst(&rate, &tat, NOW), 3);

    tat = acm_limit_give(&rate, tat, NOW);
    assert_int_equal(test_burst(&rate, &tat, NOW), 1);

    /* never below nothing, nor by a clock that jumped */

    assert_int_equal(acm_limit_give(&rate, 0, NOW), 0);
    tat = acm_limit_give(&rate, INT64_MAX, NOW);
    assert_int_equal(test_burst(&rate, &tat, NOW), 1);
}


static void
test_jumps(void **state)
{
    int64_t     tat, later;
    acm_rate_t  rate = { 10, 3600 };

    (void) state;

    /* forth: full, and no more than that */

    tat = 0;
    test_burst(&rate, &tat, NOW);
    assert_int_equal(test_burst(&rate, &tat, NOW + 400 * 86400), 10);

    /* back by little: as if it had not been, but for the difference */

    tat = 0;
    test_burst(&rate, &tat, NOW);
    assert_int_equal(test_burst(&rate, &tat, NOW - 60), 0);
    assert_int_equal(acm_limit_when(&rate, tat, NOW - 60), NOW + 360);
    assert_int_equal(test_burst(&rate, &tat, NOW + 360), 1);

    /* back by years: not stopped for ever, nor all at once */

    tat = 0;
    test_burst(&rate, &tat, NOW + 4000LL * 86400);
    assert_int_equal(test_burst(&rate, &tat, NOW), 1);
    later = acm_limit_when(&rate, tat, NOW);
    assert_int_equal(later, NOW + 360);
    assert_int_equal(test_burst(&rate, &tat, later), 1);
    assert_int_equal(test_burst(&rate, &tat, NOW + 2 * 3600), 10);

    /* the numbers that a damaged record may hold */

    assert_int_equal(acm_limit_when(&rate, INT64_MAX, NOW), NOW);
    assert_true(acm_limit_take(&rate, INT64_MAX, NOW)
                <= (NOW + 3600) * 1000);
    assert_int_equal(acm_limit_when(&rate, INT64_MIN / 2, NOW), NOW);
    tat = acm_limit_take(&rate, INT64_MIN, NOW);
    assert_true(tat == (NOW + 360) * 1000);
    assert_int_equal(acm_limit_when(&rate, -1, 0), 0);
}


static void
test_domains(void **state)
{
    static const char *const  pairs[][2] = {
        { "example.com", "example.com" },
        { "www.example.com", "example.com" },
        { "a.b.c.example.com", "example.com" },
        { "*.example.com", "example.com" },
        { "*.www.example.com", "example.com" },
        { "www.example.co.uk", "example.co.uk" },
        { "example.co.uk", "example.co.uk" },
        { "co.uk", "co.uk" },
        { "*.co.uk", "co.uk" },
        { "a.github.io", "a.github.io" },
        { "www.a.github.io", "a.github.io" },
        { "github.io", "github.io" },
        { "com", "com" },
        { "host.invalidtld", "host.invalidtld" },
        { "a.host.invalidtld", "host.invalidtld" },
        { "www.xn--bcher-kva.example", "xn--bcher-kva.example" },
        { "192.0.2.1", "192.0.2.1" },
        { "10.192.0.2", "10.192.0.2" },
        { "2001:db8::1", "2001:db8::1" }
    };

    size_t  i;

    (void) state;

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        assert_string_equal(acm_registered_domain(pairs[i][0]), pairs[i][1]);
    }
}


typedef struct {
    acm_store_t   *store;
    acm_issuer_t   issuer;
} test_t;


static void
test_start(test_t *t)
{
    memset(t, 0, sizeof(test_t));
    t->store = test_open_memory();

    t->issuer.name = "le";
    t->issuer.account_rate.number = 4;
    t->issuer.account_rate.period = 3600;
    t->issuer.domain_rate.number = 2;
    t->issuer.domain_rate.period = 7200;
}


static acm_rc_t
test_order(test_t *t, char **names, size_t n, int64_t now, int64_t *when)
{
    acm_rc_t      rc;
    size_t        had;
    acm_err_t     err;
    acm_snap_t   *snap;
    acm_batch_t   batch;

    acm_batch_init(&batch);
    acm_batch_delete(&batch, ACM_DB_ORDER, "x", 1);
    had = batch.nops;

    test_ok(acm_store_begin(t->store, &snap, &err));
    rc = acm_limit_order(snap, &t->issuer, names, n, now, &batch, when, &err);
    acm_store_end(snap);

    if (rc == ACM_OK) {
        assert_int_equal(*when, now);
        test_ok(acm_store_commit(t->store, &batch, &err));

    } else {
        assert_int_equal(rc, ACM_BUSY);
        assert_true(*when > now);
        assert_int_equal(batch.nops, had);
        assert_int_equal(batch.rc, ACM_OK);
    }

    acm_batch_free(&batch);

    return rc;
}


static void
test_return(void **state)
{
    static char  *com[] = { "www.example.com", "a.example.net" };

    test_t        t;
    int64_t       when;
    unsigned      n;
    acm_err_t     err;
    acm_snap_t   *snap;
    acm_batch_t   batch;

    (void) state;

    test_start(&t);

    for (n = 0; n < 10; n++) {
        test_ok(test_order(&t, com, 2, NOW, &when));

        acm_batch_init(&batch);
        test_ok(acm_store_begin(t.store, &snap, &err));
        test_ok(acm_limit_return(snap, &t.issuer, com, 2, NOW, &batch, &err));
        acm_store_end(snap);
        test_ok(acm_store_commit(t.store, &batch, &err));
        acm_batch_free(&batch);
    }

    test_ok(test_order(&t, com, 2, NOW, &when));
    test_ok(test_order(&t, com, 1, NOW, &when));
    assert_int_equal(test_order(&t, com, 1, NOW, &when), ACM_BUSY);

    acm_store_close(t.store);
}


static void
test_orders(void **state)
{
    static char  *com[] = { "www.example.com", "*.example.com",
                            "example.com" };
    static char  *both[] = { "www.example.com", "www.example.co.uk" };
    static char  *uk[] = { "a.example.co.uk", "b.example.co.uk" };
    static char  *others[] = { "www.other.co.uk" };

    test_t   t;
    int64_t  when;

    (void) state;

    test_start(&t);

    /* names of one domain take one only */

    test_ok(test_order(&t, com, 3, NOW, &when));
    test_ok(test_order(&t, com, 3, NOW, &when));
    assert_int_equal(test_order(&t, com, 3, NOW, &when), ACM_BUSY);
    assert_int_equal(when, NOW + 3600);

    /* one of two domains is used up: the other one is not charged */

    assert_int_equal(test_order(&t, both, 2, NOW, &when), ACM_BUSY);
    assert_int_equal(when, NOW + 3600);
    test_ok(test_order(&t, uk, 2, NOW, &when));
    test_ok(test_order(&t, uk, 2, NOW, &when));

    /* co.uk is no domain of anybody; but now the account is used up */

    assert_int_equal(test_order(&t, others, 1, NOW, &when), ACM_BUSY);
    assert_int_equal(when, NOW + 900);
    test_ok(test_order(&t, others, 1, NOW + 900, &when));

    /* the latest of all buckets counts */

    assert_int_equal(test_order(&t, uk, 2, NOW + 900, &when), ACM_BUSY);
    assert_int_equal(when, NOW + 3600);
    test_ok(test_order(&t, both, 2, NOW + 3600, &when));

    /* another issuer has its own */

    t.issuer.name = "zz";
    test_ok(test_order(&t, com, 3, NOW, &when));
    t.issuer.name = "l";
    test_ok(test_order(&t, com, 3, NOW, &when));

    /* no limits: nothing is kept */

    t.issuer.name = "free";
    t.issuer.account_rate.number = 0;
    t.issuer.domain_rate.number = 0;

    for (when = 0; when < NOW; when += NOW) {
        test_ok(test_order(&t, com, 3, NOW, &when));
    }

    acm_store_close(t.store);
}


/* a bucket that cannot be read stops nobody */

static void
test_corrupt(void **state)
{
    static char  *names[] = { "www.example.com" };

    test_t        t;
    int64_t       when;
    acm_err_t     err;
    acm_batch_t   batch;

    (void) state;

    test_start(&t);
    acm_batch_init(&batch);
    acm_batch_put(&batch, ACM_DB_LIMIT, "le\0example.com", 14, "junk", 4);
    test_ok(acm_store_commit(t.store, &batch, &err));
    acm_batch_free(&batch);

    test_ok(test_order(&t, names, 1, NOW, &when));
    assert_int_equal(test_order(&t, names, 1, NOW, &when), ACM_BUSY);
    assert_int_equal(when, NOW + 3600);
    acm_store_close(t.store);
}


/* as many names, and as long ones, as there can be */

static void
test_many(void **state)
{
    char      name[ACM_MAX_NAMES][ACM_MAX_NAME + 1], label[ACM_MAX_LABEL + 1];
    char     *names[ACM_MAX_NAMES];
    size_t    i;
    test_t    t;
    int64_t   when;

    (void) state;

    test_start(&t);
    memset(label, 'i', sizeof(label));
    label[ACM_MAX_LABEL] = '\0';
    t.issuer.name = label;

    for (i = 0; i < ACM_MAX_NAMES; i++) {
        memset(name[i], 'a', ACM_MAX_NAME);
        name[i][ACM_MAX_NAME] = '\0';
        name[i][0] = (char) ('a' + i % 26);
        name[i][1] = (char) ('a' + i / 26);
        names[i] = name[i];
    }

    test_ok(test_order(&t, names, ACM_MAX_NAMES, NOW, &when));
    test_ok(test_order(&t, names, ACM_MAX_NAMES, NOW, &when));
    assert_int_equal(test_order(&t, names, ACM_MAX_NAMES, NOW, &when),
                     ACM_BUSY);
    acm_store_close(t.store);
}


/* The status has room for some: the account, and those with least left. */

static void
test_shown(void **state)
{
    test_t       t;
    char        *names[1], name[ACM_MAX_NAME + 1];
    json_t      *list, *o;
    int64_t      when;
    size_t       i, n;
    acm_err_t    err;
    acm_snap_t  *snap;

    (void) state;

    test_start(&t);
    t.issuer.account_rate.number = 1000;
    names[0] = name;

    for (i = 0; i < ACM_MAX_STATUS_LIMITS + 10; i++) {
        snprintf(name, sizeof(name), "d%02zu.com", i);

        /* the last but one, and the one before, twice */

        n = (i == ACM_MAX_STATUS_LIMITS + 7 || i == ACM_MAX_STATUS_LIMITS + 8);

        test_ok(test_order(&t, names, 1, NOW + (int64_t) n, &when));

        if (n) {
            test_ok(test_order(&t, names, 1, NOW + 1, &when));
        }

        if (i + 2 > ACM_MAX_STATUS_LIMITS && n == 0) {
            continue;
        }

        test_ok(acm_store_begin(t.store, &snap, &err));
        list = acm_status_limits(snap, &t.issuer, NOW + 1);
        acm_store_end(snap);

        /* up to the limit all, then no more */

        assert_int_equal(json_array_size(list),
                         (i + 2 < ACM_MAX_STATUS_LIMITS)
                         ? i + 2 : ACM_MAX_STATUS_LIMITS);
        json_decref(list);
    }

    test_ok(acm_store_begin(t.store, &snap, &err));
    list = acm_status_limits(snap, &t.issuer, NOW + 1);
    acm_store_end(snap);

    assert_string_equal(acm_json_string(json_array_get(list, 0), "For"),
                        "account");

    for (i = 1; i < ACM_MAX_STATUS_LIMITS; i++) {
        o = json_array_get(list, i);
        n = (i < 3) ? ACM_MAX_STATUS_LIMITS + 6 + i : i - 3;
        snprintf(name, sizeof(name), "d%02zu.com", n);

        assert_string_equal(acm_json_string(o, "For"), name);
        assert_int_equal(json_integer_value(json_object_get(o, "Left")),
                         i >= 3);
        assert_int_equal(acm_json_string(o, "BlockedUntil") != NULL, i < 3);
    }

    json_decref(list);
    acm_store_close(t.store);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_give),
        cmocka_unit_test(test_return),
        cmocka_unit_test(test_jumps),
        cmocka_unit_test(test_domains),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_corrupt),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_shown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
