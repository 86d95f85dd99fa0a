
/*
 * Copyright (C) The ngx_acm authors
 */


#include "acm_rrl.h"
#include "test.h"


static acm_rrl_t  test_rrl;


/* How many of n queries are answered in full, at one moment. */

static unsigned
ask(const uint8_t *addr, size_t len, unsigned n, int64_t now)
{
    unsigned  i, full;

    full = 0;

    for (i = 0; i < n; i++) {
        full += acm_rrl_check(&test_rrl, addr, len, now) == ACM_RRL_ANSWER;
    }

    return full;
}


static void
test_rate(void **state)
{
    unsigned  i;
    uint8_t   a[4] = { 192, 0, 2, 1 }, b[4] = { 192, 0, 2, 99 };
    uint8_t   c[4] = { 192, 0, 3, 1 };

    (void) state;

    acm_rrl_init(&test_rrl, ACM_RRL_RATE, 1);

    assert_int_equal(ask(a, 4, 19, 1000), 19);

    /* the same /24, and another one */
    assert_int_equal(ask(b, 4, 5, 1000), 1);
    assert_int_equal(ask(c, 4, 21, 1000), 20);

    /* every second one is answered with nothing but TC */

    acm_rrl_init(&test_rrl, ACM_RRL_RATE, 1);
    assert_int_equal(ask(a, 4, 20, 1000), 20);

    for (i = 0; i < 10; i++) {
        assert_int_equal(acm_rrl_check(&test_rrl, a, 4, 1000),
                         i % 2 ? ACM_RRL_DROP : ACM_RRL_TRUNCATE);
    }

    /* 50 ms make one token; the clock does not go back */

    assert_int_equal(ask(a, 4, 5, 1049), 0);
    assert_int_equal(ask(a, 4, 5, 1050), 1);
    assert_int_equal(ask(a, 4, 5, 1040), 0);
    assert_int_equal(ask(a, 4, 5, 1100), 1);
    assert_int_equal(ask(a, 4, 50, 2100), 20);
    assert_int_equal(ask(a, 4, 50, INT64_MAX / 2), 20);
}


static void
test_network(void **state)
{
    uint8_t  a[16] = { 0x20, 1, 0xd, 0xb8, 0, 0, 1 };
    uint8_t  b[16] = { 0x20, 1, 0xd, 0xb8, 0, 0, 1, 0xff, 9 };
    uint8_t  c[16] = { 0x20, 1, 0xd, 0xb8, 0, 0, 2 };
    uint8_t  m[16] = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 7 };
    uint8_t  v4[4] = { 192, 0, 2, 1 }, zero[16] = { 0 };

    (void) state;

    acm_rrl_init(&test_rrl, 5, 42);

    assert_int_equal(ask(a, 16, 10, 0), 5);
    assert_int_equal(ask(b, 16, 10, 0), 0);
    assert_int_equal(ask(c, 16, 10, 0), 5);
    assert_int_equal(ask(v4, 4, 10, 0), 5);
    assert_int_equal(ask(m, 16, 10, 0), 0);
    assert_int_equal(ask(zero, 16, 10, 0), 5);
    assert_int_equal(ask(zero, 4, 10, 0), 5);
    assert_int_equal(ask(NULL, 0, 10, 0), 5);
}


static void
test_bounds(void **state)
{
    uint8_t  a[4] = { 198, 51, 100, 1 };

    (void) state;

    acm_rrl_init(&test_rrl, 1, 3);
    assert_int_equal(ask(a, 4, 10, 0), 1);
    assert_int_equal(ask(a, 4, 10, 999), 0);
    assert_int_equal(ask(a, 4, 10, 1000), 1);

    acm_rrl_init(&test_rrl, ACM_MAX_RRL_RATE, 3);
    assert_int_equal(ask(a, 4, ACM_MAX_RRL_RATE + 10, 0), ACM_MAX_RRL_RATE);
    assert_int_equal(ask(a, 4, ACM_MAX_RRL_RATE, 1), ACM_MAX_RRL_RATE / 1000);
    assert_int_equal(ask(a, 4, ACM_MAX_RRL_RATE + 10, 1001),
                     ACM_MAX_RRL_RATE);
}


/* A flood from everywhere gives the network that is limited nothing back. */

static void
test_flood(void **state)
{
    uint8_t   a[4] = { 203, 0, 113, 1 }, b[4];
    uint32_t  i, random;

    (void) state;

    acm_rrl_init(&test_rrl, 20, 7);
    random = 88172645;

    assert_int_equal(ask(a, 4, 20, 0), 20);

    for (i = 0; i < 200000; i++) {
        (void) test_random(&random);
        memcpy(b, &random, 4);
        (void) acm_rrl_check(&test_rrl, b, 4, 10);

        if (i % 1000 == 0) {
            assert_int_equal(ask(a, 4, 2, 10), 0);
        }
    }

    /* and all is well a second later */

    assert_int_equal(ask(a, 4, 30, 1010), 20);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_flood)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
