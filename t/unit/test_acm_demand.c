
/*
 * Copyright (C) The ngx_acm authors
 *
 * Names on demand: who is asked for, how often, and what is remembered.
 */


#include "acm_demand.h"
#include "test.h"


#define HOOK    7ULL
#define START   1000LL


static const uint8_t  test_client[4] = { 192, 0, 2, 1 };


/* Each from a network of its own, each of a domain of its own. */

static acm_demand_e
test_take(acm_demand_t *d, unsigned i, int64_t now)
{
    char     name[64];
    uint8_t  addr[4];

    snprintf(name, sizeof(name), "www.d%u.example", i);
    addr[0] = 10;
    addr[1] = (uint8_t) (i >> 8);
    addr[2] = (uint8_t) i;
    addr[3] = 1;

    return acm_demand_take(d, HOOK, name, addr, 4, now);
}


static acm_demand_name_t *
test_ask(acm_demand_t *d, const char *name, int64_t now)
{
    assert_int_equal(acm_demand_take(d, HOOK, name, test_client, 4, now),
                     ACM_DEMAND_WAIT);

    return acm_demand_next(d);
}


static void
test_answers(void **state)
{
    acm_demand_t       *d;
    acm_demand_name_t  *n;

    (void) state;

    d = acm_demand_new(1);
    assert_non_null(d);
    assert_null(acm_demand_next(d));

    assert_int_equal(acm_demand_known(d, HOOK, "www.a.example", START),
                     ACM_DEMAND_NEW);
    assert_int_equal(acm_demand_take(d, HOOK, "www.a.example", test_client,
                                     4, START), ACM_DEMAND_WAIT);

    /* once, also while it is asked for */

    assert_int_equal(acm_demand_known(d, HOOK, "www.a.example", START),
                     ACM_DEMAND_WAIT);
    assert_int_equal(acm_demand_take(d, HOOK, "www.a.example", test_client,
                                     4, START), ACM_DEMAND_WAIT);

    n = acm_demand_next(d);
    assert_non_null(n);
    assert_string_equal(n->name, "www.a.example");
    assert_string_equal(n->ip, "192.0.2.1");
    assert_int_equal(n->wanted, 1);
    assert_int_equal(n->renewal, 0);
    assert_null(acm_demand_next(d));
    assert_int_equal(acm_demand_asked(d), 1);
    assert_int_equal(acm_demand_known(d, HOOK, "www.a.example", START + 99),
                     ACM_DEMAND_WAIT);

    /* another hook may say something else */

    assert_int_equal(acm_demand_known(d, 8, "www.a.example", START),
                     ACM_DEMAND_NEW);

    acm_demand_answer(d, n, ACM_DEMAND_YES, START);
    assert_int_equal(acm_demand_asked(d), 0);
    assert_int_equal(acm_demand_known(d, HOOK, "www.a.example",
                                      START + ACM_DEMAND_ACCEPTED - 1),
                     ACM_DEMAND_YES);
    assert_int_equal(acm_demand_known(d, HOOK, "www.a.example",
                                      START + ACM_DEMAND_ACCEPTED),
                     ACM_DEMAND_NEW);

    acm_demand_free(d);
    acm_demand_free(NULL);
}


static void
test_backoff(void **state)
{
    size_t              i;
    int64_t             now;
    acm_demand_t       *d;
    acm_demand_name_t  *n;

    static const int64_t  refused[] = { 300, 600, 1200, 2400, 3600, 3600 };
    static const int64_t  later[] = { 5, 10, 20, 40, 80, 160, 300, 300 };

    (void) state;

    d = acm_demand_new(1);
    now = START;

    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        n = test_ask(d, "www.a.example", now);
        assert_non_null(n);
        acm_demand_answer(d, n, ACM_DEMAND_NO, now);

        now += refused[i] - 1;
        assert_int_equal(acm_demand_known(d, HOOK, "www.a.example", now),
                         ACM_DEMAND_NO);
        now++;
        assert_int_equal(acm_demand_known(d, HOOK, "www.a.example", now),
                         ACM_DEMAND_NEW);
    }

    for (i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        n = test_ask(d, "www.b.example", now);
        assert_non_null(n);
        acm_demand_answer(d, n, ACM_DEMAND_NOT_NOW, now);

        now += later[i] - 1;
        assert_int_equal(acm_demand_known(d, HOOK, "www.b.example", now),
                         ACM_DEMAND_NOT_NOW);
        now++;
        assert_int_equal(acm_demand_known(d, HOOK, "www.b.example", now),
                         ACM_DEMAND_NEW);
    }

    /* another list: what was refused is asked for at once */

    n = test_ask(d, "www.a.example", now);
    acm_demand_answer(d, n, ACM_DEMAND_NO, now);
    acm_demand_forget(d, 8);
    assert_int_equal(acm_demand_known(d, HOOK, "www.a.example", now),
                     ACM_DEMAND_NO);
    acm_demand_forget(d, HOOK);
    assert_int_equal(acm_demand_known(d, HOOK, "www.a.example", now),
                     ACM_DEMAND_NEW);
    n = test_ask(d, "www.a.example", now);
    acm_demand_answer(d, n, ACM_DEMAND_NO, now);
    assert_int_equal(acm_demand_known(d, HOOK, "www.a.example", now + 300),
                     ACM_DEMAND_NEW);

    acm_demand_free(d);
}


/* Takes names until it is told no; returns how many there were. */

static unsigned
test_until(acm_demand_t *d, const char *format, const uint8_t *addr,
    size_t len, int64_t now, acm_demand_e end)
{
    char                name[64];
    unsigned            i;
    acm_demand_e        rc;
    acm_demand_name_t  *n;

    static unsigned  number;

    for (i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), format, ++number);
        rc = acm_demand_take(d, HOOK, name, addr, len, now);

        if (rc != ACM_DEMAND_WAIT) {
            assert_int_equal(rc, end);
            return i;
        }

        n = acm_demand_next(d);
        assert_non_null(n);
        acm_demand_answer(d, n, ACM_DEMAND_NO, now);
    }

    return i;
}


static void
test_budgets(void **state)
{
    int            i;
    char           name[64];
    uint8_t        addr[16];
    acm_demand_t  *d;

    (void) state;

    d = acm_demand_new(2);

    /* a client's network, /24: ten at once, then one each six seconds */

    memcpy(addr, test_client, 4);

    assert_int_equal(test_until(d, "www.c%u.example", addr, 4, START,
                                ACM_DEMAND_OVER_CLIENT),
                     ACM_DEMAND_PER_CLIENT);
    addr[3] = 200;
    assert_int_equal(test_until(d, "www.c%u.example", addr, 4, START + 5,
                                ACM_DEMAND_OVER_CLIENT), 0);
    assert_int_equal(test_until(d, "www.c%u.example", addr, 4, START + 6,
                                ACM_DEMAND_OVER_CLIENT), 1);
    assert_int_equal(test_until(d, "www.c%u.example", addr, 4, START + 1000,
                                ACM_DEMAND_OVER_CLIENT),
                     ACM_DEMAND_PER_CLIENT);
    addr[2] = 3;
    assert_int_equal(test_until(d, "www.c%u.example", addr, 4, START + 1000,
                                ACM_DEMAND_OVER_CLIENT),
                     ACM_DEMAND_PER_CLIENT);

    /* the same address, mapped */

    memset(addr, 0, 16);
    addr[10] = 0xff;
    addr[11] = 0xff;
    addr[12] = 192;
    addr[13] = 0;
    addr[14] = 3;
    assert_int_equal(test_until(d, "www.c%u.example", addr, 16, START + 1000,
                                ACM_DEMAND_OVER_CLIENT), 0);

    /* /56 */

    memset(addr, 0, 16);
    addr[0] = 0x20;
    addr[1] = 1;
    assert_int_equal(test_until(d, "www.c%u.example", addr, 16, START + 1000,
                                ACM_DEMAND_OVER_CLIENT),
                     ACM_DEMAND_PER_CLIENT);
    addr[7] = 0xff;
    addr[15] = 0xff;
    assert_int_equal(test_until(d, "www.c%u.example", addr, 16, START + 1000,
                                ACM_DEMAND_OVER_CLIENT), 0);
    addr[6] = 1;
    assert_int_equal(test_until(d, "www.c%u.example", addr, 16, START + 1000,
                                ACM_DEMAND_OVER_CLIENT),
                     ACM_DEMAND_PER_CLIENT);

    /* without an address all are one */

    assert_int_equal(test_until(d, "www.c%u.example", NULL, 0, START + 1000,
                                ACM_DEMAND_OVER_CLIENT),
                     ACM_DEMAND_PER_CLIENT);

    /* a registered domain: ten, whoever asks */

    for (i = 0; i < ACM_DEMAND_PER_DOMAIN; i++) {
        memset(addr, 50 + i, 4);
        snprintf(name, sizeof(name), "www.m%d.example.co.uk", i);
        assert_int_equal(acm_demand_take(d, HOOK, name, addr, 4,
                                         START + 1000), ACM_DEMAND_WAIT);
        acm_demand_answer(d, acm_demand_next(d), ACM_DEMAND_NO, START + 1000);
    }

    memset(addr, 70, 4);
    assert_int_equal(test_until(d, "n%u.example.co.uk", addr, 4, START + 1000,
                                ACM_DEMAND_OVER_DOMAIN), 0);

    /* which costs those clients nothing */

    memset(addr, 70, 4);
    assert_int_equal(test_until(d, "www.c%u.example", addr, 4, START + 1000,
                                ACM_DEMAND_OVER_CLIENT),
                     ACM_DEMAND_PER_CLIENT);

    memset(addr, 71, 4);
    assert_int_equal(test_until(d, "n%u.example.co.uk", addr, 4,
                                START + 1000 + 359, ACM_DEMAND_OVER_DOMAIN),
                     0);
    assert_int_equal(test_until(d, "n%u.example.co.uk", addr, 4,
                                START + 1000 + 360, ACM_DEMAND_OVER_DOMAIN),
                     1);
    assert_int_equal(test_until(d, "n%u.example2.co.uk", addr, 4,
                                START + 1000 + 360, ACM_DEMAND_OVER_CLIENT),
                     ACM_DEMAND_PER_CLIENT - 1);

    acm_demand_free(d);
}


/* What has a place is asked for again without budgets. */

static void
test_again(void **state)
{
    int                 i;
    int64_t             now;
    acm_demand_t       *d;
    acm_demand_name_t  *n;

    (void) state;

    d = acm_demand_new(3);
    now = START;

    for (i = 0; i < 50; i++) {
        n = test_ask(d, "www.a.example", now);
        assert_non_null(n);
        acm_demand_answer(d, n, ACM_DEMAND_NOT_NOW, now);
        now = n->until;
    }

    acm_demand_free(d);
}


static void
test_limits(void **state)
{
    unsigned             i, j;
    int64_t              now;
    acm_demand_t        *d;
    acm_demand_name_t   *asked[ACM_MAX_DEMAND_ASKED], *n;

    (void) state;

    d = acm_demand_new(4);

    for (i = 0; i < ACM_MAX_DEMAND_WAITING; i++) {
        assert_int_equal(test_take(d, i, START), ACM_DEMAND_WAIT);
    }

    assert_int_equal(test_take(d, i, START), ACM_DEMAND_FULL);

    for (i = 0; i < ACM_MAX_DEMAND_ASKED; i++) {
        asked[i] = acm_demand_next(d);
        assert_non_null(asked[i]);
    }

    assert_null(acm_demand_next(d));
    assert_string_equal(asked[0]->name, "www.d0.example");
    assert_string_equal(asked[1]->name, "www.d1.example");

    acm_demand_answer(d, asked[1], ACM_DEMAND_NO, START);
    n = acm_demand_next(d);
    assert_non_null(n);
    assert_null(acm_demand_next(d));
    assert_int_equal(test_take(d, 1000, START), ACM_DEMAND_WAIT);

    asked[1] = n;

    for (i = 0; i < ACM_MAX_DEMAND_ASKED; i++) {
        acm_demand_answer(d, asked[i], ACM_DEMAND_NO, START);
    }

    while ((n = acm_demand_next(d)) != NULL) {
        acm_demand_answer(d, n, ACM_DEMAND_NO, START);
    }

    acm_demand_free(d);

    /* as many as are remembered, and one more: the oldest is forgotten */

    d = acm_demand_new(5);
    now = START;

    for (i = 0; i <= ACM_MAX_DEMAND_NAMES; i++) {

        assert_int_equal(test_take(d, i, now), ACM_DEMAND_WAIT);
        n = acm_demand_next(d);
        assert_non_null(n);
        acm_demand_answer(d, n, ACM_DEMAND_NO, now);

        if (i == ACM_MAX_DEMAND_NAMES - 1) {
            assert_int_equal(acm_demand_known(d, HOOK, "www.d0.example",
                                              now), ACM_DEMAND_NO);
        }
    }

    assert_int_equal(acm_demand_known(d, HOOK, "www.d0.example", now),
                     ACM_DEMAND_NEW);
    assert_int_equal(acm_demand_known(d, HOOK, "www.d1.example", now),
                     ACM_DEMAND_NO);

    /* those that wait are never forgotten, and all come in the end */

    for (i = 10000, j = 0; i < 10000 + ACM_MAX_DEMAND_WAITING; i++) {
        j += test_take(d, i, now) == ACM_DEMAND_WAIT;
    }

    assert_int_equal(j, ACM_MAX_DEMAND_WAITING);

    while ((n = acm_demand_next(d)) != NULL) {
        acm_demand_answer(d, n, ACM_DEMAND_YES, now);
        j--;
    }

    assert_int_equal(j, 0);

    acm_demand_free(d);
}


/* Any order of calls: counts stay right, and nothing is lost. */

static void
test_random_calls(void **state)
{
    char                name[64];
    size_t              nasked;
    int64_t             now, wait;
    uint8_t             addr[4];
    uint32_t            r, seed;
    unsigned            i;
    acm_demand_t       *d;
    acm_demand_name_t  *asked[ACM_MAX_DEMAND_ASKED], *n;

    (void) state;

    d = acm_demand_new(6);
    now = START;
    seed = 1;
    nasked = 0;

    for (i = 0; i < 200000; i++) {
        r = test_random(&seed);
        memcpy(addr, &r, 4);
        snprintf(name, sizeof(name), "www.d%u.example", r % 9000);
        now += r % 64 == 0;

        switch (test_random(&seed) % 8) {

        case 0:
            (void) acm_demand_renew(d, HOOK + r % 2, name, now, &wait);
            break;

        case 1:
        case 2:
            n = acm_demand_next(d);
            assert_true((n == NULL) || nasked < ACM_MAX_DEMAND_ASKED);

            if (n != NULL) {
                asked[nasked++] = n;
            }

            break;

        case 3:
        case 4:
            if (nasked != 0) {
                acm_demand_answer(d, asked[--nasked],
                                  ACM_DEMAND_YES + r % 3, now);
            }

            break;

        case 5:
            if (r % 1000 == 0) {
                acm_demand_forget(d, HOOK);
            }

            break;

        default:
            (void) acm_demand_take(d, HOOK + r % 2, name, addr, 4, now);
        }

        assert_int_equal(acm_demand_asked(d), nasked);
    }

    acm_demand_free(d);
}


/* An answer of a time when the clock was ahead is no answer. */

static void
test_ahead(void **state)
{
    static const acm_demand_e  answers[] = {
        ACM_DEMAND_YES, ACM_DEMAND_NO, ACM_DEMAND_NOT_NOW
    };

    size_t              i;
    int64_t             now, wait;
    acm_demand_t       *d;
    acm_demand_name_t  *n;

    (void) state;

    for (i = 0; i < 3; i++) {
        d = acm_demand_new(7);

        n = test_ask(d, "www.a.example", START);
        acm_demand_answer(d, n, answers[i], START + 86400);
        now = n->until - ACM_MAX_DEMAND_REFUSED;
        assert_int_equal(acm_demand_known(d, HOOK, "www.a.example", now),
                         answers[i]);
        assert_int_equal(acm_demand_known(d, HOOK, "www.a.example", now - 1),
                         ACM_DEMAND_NEW);
        assert_int_equal(acm_demand_renew(d, HOOK, "www.a.example", START,
                                          &wait), ACM_DEMAND_WAIT);

        n = acm_demand_next(d);
        assert_non_null(n);
        acm_demand_answer(d, n, answers[i], START + 86400);
        now = n->until - ACM_MAX_DEMAND_REFUSED;
        assert_int_equal(acm_demand_renew(d, HOOK, "www.a.example", now,
                                          &wait), answers[i]);

        acm_demand_free(d);
    }
}


static void
test_renewal(void **state)
{
    int64_t             wait;
    acm_demand_t       *d;
    acm_demand_name_t  *n;

    (void) state;

    d = acm_demand_new(7);

    assert_int_equal(acm_demand_renew(d, HOOK, "www.a.example", START,
                                      &wait), ACM_DEMAND_WAIT);
    assert_int_equal(acm_demand_renew(d, HOOK, "www.a.example", START,
                                      &wait), ACM_DEMAND_WAIT);
    n = acm_demand_next(d);
    assert_string_equal(n->ip, "");
    assert_int_equal(n->wanted, 0);
    assert_int_equal(n->renewal, 1);
    assert_null(acm_demand_next(d));
    assert_int_equal(acm_demand_renew(d, HOOK, "www.a.example", START,
                                      &wait), ACM_DEMAND_WAIT);

    /* a yes is good for one renewal */

    acm_demand_answer(d, n, ACM_DEMAND_YES, START);
    assert_int_equal(acm_demand_renew(d, HOOK, "www.a.example", START,
                                      &wait), ACM_DEMAND_YES);
    assert_int_equal(acm_demand_renew(d, HOOK, "www.a.example", START,
                                      &wait), ACM_DEMAND_WAIT);
    n = acm_demand_next(d);
    acm_demand_answer(d, n, ACM_DEMAND_NOT_NOW, START);
    assert_int_equal(acm_demand_renew(d, HOOK, "www.a.example", START + 2,
                                      &wait), ACM_DEMAND_NOT_NOW);
    assert_int_equal(wait, ACM_DEMAND_LATER - 2);
    assert_int_equal(acm_demand_renew(d, HOOK, "www.a.example", START + 5,
                                      &wait), ACM_DEMAND_WAIT);
    n = acm_demand_next(d);
    acm_demand_answer(d, n, ACM_DEMAND_NO, START);
    assert_int_equal(acm_demand_renew(d, HOOK, "www.a.example", START,
                                      &wait), ACM_DEMAND_NO);

    /* also for a client */

    assert_int_equal(acm_demand_known(d, HOOK, "www.a.example", START),
                     ACM_DEMAND_NO);

    /* a client's yes is no renewal's */

    n = test_ask(d, "www.b.example", START);
    acm_demand_answer(d, n, ACM_DEMAND_YES, START);
    assert_int_equal(acm_demand_renew(d, HOOK, "www.b.example", START,
                                      &wait), ACM_DEMAND_WAIT);
    n = acm_demand_next(d);
    assert_string_equal(n->name, "www.b.example");

    /* and whoever joins is told */

    assert_int_equal(acm_demand_take(d, HOOK, "www.b.example", test_client,
                                     4, START), ACM_DEMAND_WAIT);
    assert_int_equal(n->wanted, 1);
    assert_int_equal(n->renewal, 1);

    acm_demand_free(d);
}


static void
test_list(void **state)
{
    char               *big;
    acm_err_t           err;
    acm_demand_list_t   list;

    static const char  text[] =
        "# allowed\r\n"
        "www.example.com   # ours\n"
        "\n"
        "\t *.example.org\r\n"
        "B\xc3\xbc" "cher.example.com\n"
        "www.example.com\n"
        "localhost\n"
        "a b.example.com\n"
        "last.example.net";

    (void) state;

    test_ok(acm_demand_list_parse(&list, text, sizeof(text) - 1, &err));
    assert_int_equal(list.nnames, 5);
    assert_int_equal(list.bad, 2);
    assert_int_equal(list.bad_line, 7);
    assert_non_null(strstr(err.text, "localhost"));
    assert_true(acm_demand_list_has(&list, "www.example.com"));
    assert_true(acm_demand_list_has(&list, "last.example.net"));
    assert_true(acm_demand_list_has(&list, "xn--bcher-kva.example.com"));
    assert_true(acm_demand_list_has(&list, "a.example.org"));
    assert_false(acm_demand_list_has(&list, "example.org"));
    assert_false(acm_demand_list_has(&list, "a.b.example.org"));
    assert_false(acm_demand_list_has(&list, "a.example.com"));
    assert_false(acm_demand_list_has(&list, "com"));
    acm_demand_list_free(&list);
    assert_false(acm_demand_list_has(&list, "www.example.com"));

    test_ok(acm_demand_list_parse(&list, "", 0, &err));
    assert_int_equal(list.nnames, 0);
    assert_int_equal(list.bad, 0);
    acm_demand_list_free(&list);

    /* at the limit, and one past */

    big = calloc(1, ACM_MAX_DEMAND_FILE + 1);
    memset(big, '\n', ACM_MAX_DEMAND_FILE + 1);
    test_ok(acm_demand_list_parse(&list, big, ACM_MAX_DEMAND_FILE, &err));
    acm_demand_list_free(&list);
    assert_int_equal(acm_demand_list_parse(&list, big,
                                           ACM_MAX_DEMAND_FILE + 1, &err),
                     ACM_TOOBIG);
    assert_int_equal(list.nnames, 0);
    free(big);
}


static void
test_memory(void **state)
{
    char                text[1024];
    size_t              len;
    unsigned            i, n;
    acm_rc_t            rc;
    acm_err_t           err;
    acm_demand_list_t   list;

    (void) state;

    acm_alloc_fail_at(1);
    assert_null(acm_demand_new(1));
    acm_alloc_fail_at(0);

    for (i = 0, len = 0; len < sizeof(text) - 32; i++) {
        len += (size_t) snprintf(text + len, sizeof(text) - len,
                                 "n%u.example\n", i);
    }

    for (n = 1; ; n++) {
        acm_alloc_fail_at(n);
        rc = acm_demand_list_parse(&list, text, len, &err);
        acm_alloc_fail_at(0);

        if (rc == ACM_OK) {
            break;
        }

        assert_int_equal(rc, ACM_NOMEM);
        assert_int_equal(list.nnames, 0);
    }

    assert_int_equal(list.nnames, i);
    assert_true(n > i);
    acm_demand_list_free(&list);
}


static void
test_names(void **state)
{
    char  name[ACM_MAX_NAME + 2];

    (void) state;

    assert_true(acm_demand_name_ok("www.example.com"));
    assert_true(acm_demand_name_ok("xn--bcher-kva.example.com"));
    assert_false(acm_demand_name_ok("localhost"));
    assert_false(acm_demand_name_ok("a_b.example.com"));
    assert_false(acm_demand_name_ok("*.example.com"));
    assert_false(acm_demand_name_ok("127.0.0.1"));
    assert_false(acm_demand_name_ok("WWW.example.com"));
    assert_false(acm_demand_name_ok("www.example.com."));
    assert_false(acm_demand_name_ok(""));

    memset(name, 'a', sizeof(name));
    memcpy(name + 60, ".", 1);
    memcpy(name + 120, ".", 1);
    memcpy(name + 180, ".", 1);
    memcpy(name + 240, ".", 1);
    name[ACM_MAX_NAME] = '\0';
    assert_true(acm_demand_name_ok(name));
    name[ACM_MAX_NAME] = 'a';
    name[ACM_MAX_NAME + 1] = '\0';
    assert_false(acm_demand_name_ok(name));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_budgets),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_random_calls),
        cmocka_unit_test(test_ahead),
        cmocka_unit_test(test_renewal),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_names)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
