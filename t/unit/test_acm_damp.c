
/*
 * Copyright (C) The ngx_acm authors
 */


#include "acm_damp.h"
#include "test.h"


#define SECOND  1000


static acm_damp_t  test_damp;


static int
test_ask(unsigned n, int64_t seconds, uint64_t left_out)
{
    int       rc;
    uint8_t   key[ACM_DAMP_KEY];
    uint64_t  others;

    memset(key, 0, sizeof(key));
    memcpy(key + ACM_DAMP_KEY - sizeof(n), &n, sizeof(n));

    rc = acm_damp(&test_damp, key, seconds * SECOND, &others);
    assert_int_equal(others, left_out);

    return rc;
}


/* Told at once, and then when twice the time has passed, up to the last. */

static void
test_doubled(void **state)
{
    int64_t  at, wait;

    (void) state;

    memset(&test_damp, 0, sizeof(test_damp));

    assert_int_equal(test_ask(1, 0, 0), 1);

    wait = ACM_DAMP_FIRST;

    for (at = wait; at < 10 * ACM_DAMP_LAST; at += wait) {
        assert_int_equal(test_ask(1, at - 1, 0), 0);
        assert_int_equal(test_ask(1, at, 0), 1);
        wait = (2 * wait < ACM_DAMP_LAST) ? 2 * wait : ACM_DAMP_LAST;
    }

    assert_int_equal(wait, ACM_DAMP_LAST);

    /* another one has times of its own */

    assert_int_equal(test_ask(2, at - 1, 0), 1);
    assert_int_equal(test_ask(1, at - 1, 0), 0);

    /* and one that was not heard of begins anew */

    assert_int_equal(test_ask(1, at + ACM_DAMP_LAST, 0), 1);
    assert_int_equal(test_ask(1, at + ACM_DAMP_LAST + ACM_DAMP_FIRST - 1, 0),
                     0);
    assert_int_equal(test_ask(1, at + ACM_DAMP_LAST + ACM_DAMP_FIRST, 0), 1);
}


/* As many as there is room for; of others it is told how many they were. */

static void
test_full(void **state)
{
    unsigned  n;

    (void) state;

    memset(&test_damp, 0, sizeof(test_damp));

    for (n = 0; n < ACM_DAMP_MAX; n++) {
        assert_int_equal(test_ask(n, 1, 0), 1);
    }

    assert_int_equal(test_ask(n, 1, 0), 0);
    assert_int_equal(test_ask(n + 1, 1, 0), 0);
    assert_int_equal(test_ask(0, 1 + ACM_DAMP_FIRST, 2), 1);
    assert_int_equal(test_ask(1, 1 + ACM_DAMP_FIRST, 0), 1);

    /* there is room when nobody asks any more */

    assert_int_equal(test_ask(n, 2 * ACM_DAMP_FIRST, 0), 0);
    assert_int_equal(test_ask(n, 1 + 2 * ACM_DAMP_FIRST, 1), 1);
    assert_int_equal(test_ask(0, 1 + 2 * ACM_DAMP_FIRST, 0), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_doubled),
        cmocka_unit_test(test_full)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
