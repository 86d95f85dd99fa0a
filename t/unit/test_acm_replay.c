
/*
 * Copyright (C) The ngx_acm authors
 */


#include "acm_replay.h"
#include "test.h"


static const uint8_t *
test_signature(uint32_t n)
{
    static uint8_t  signature[ACM_HASH_LEN];

    memset(signature, 0, sizeof(signature));
    memcpy(signature + 28, &n, sizeof(n));

    return signature;
}


static void
test_use(void **state)
{
    acm_replay_t  *r;

    (void) state;

    r = acm_replay_new(ACM_REPLAY_SIZE);
    assert_non_null(r);

    assert_int_equal(acm_replay_used(r, test_signature(1), 100, 50), 0);
    assert_int_equal(acm_replay_used(r, test_signature(1), 100, 50), 1);
    assert_int_equal(acm_replay_used(r, test_signature(2), 100, 50), 0);
    assert_int_equal(acm_replay_used(r, test_signature(1), 100, 100), 1);

    /* past its time; from then on it is new */

    assert_int_equal(acm_replay_used(r, test_signature(1), 200, 101), 0);
    assert_int_equal(acm_replay_used(r, test_signature(1), 200, 101), 1);

    acm_replay_forget(r, test_signature(1));
    acm_replay_forget(r, test_signature(1));
    acm_replay_forget(r, test_signature(9));
    assert_int_equal(acm_replay_used(r, test_signature(1), 200, 101), 0);
    assert_int_equal(acm_replay_used(r, test_signature(1), 200, 101), 1);
    assert_int_equal(acm_replay_evicted(r), 0);

    acm_replay_free(r);
    acm_replay_free(NULL);
}


/* The oldest go, and are counted only if they were of use. */

static void
test_full(void **state)
{
    uint32_t       i;
    acm_replay_t  *r;

    (void) state;

    r = acm_replay_new(100);
    assert_non_null(r);

    for (i = 0; i < 100; i++) {
        assert_int_equal(acm_replay_used(r, test_signature(i), 10, 1), 0);
    }

    for (i = 0; i < 100; i++) {
        assert_int_equal(acm_replay_used(r, test_signature(i), 10, 1), 1);
    }

    assert_int_equal(acm_replay_evicted(r), 0);
    assert_int_equal(acm_replay_used(r, test_signature(100), 10, 1), 0);
    assert_int_equal(acm_replay_evicted(r), 1);

    for (i = 1; i <= 100; i++) {
        assert_int_equal(acm_replay_used(r, test_signature(i), 10, 1), 1);
    }

    assert_int_equal(acm_replay_used(r, test_signature(0), 10, 1), 0);
    assert_int_equal(acm_replay_evicted(r), 2);

    for (i = 1000; i < 1100; i++) {
        assert_int_equal(acm_replay_used(r, test_signature(i), 30, 11), 0);
    }

    assert_int_equal(acm_replay_evicted(r), 2);
    acm_replay_free(r);
}


/* against a plain array */

static void
test_random_use(void **state)
{
    int            want;
    size_t         i;
    uint32_t       seed, n;
    acm_replay_t  *r;

    static uint8_t  used[64];

    (void) state;

    r = acm_replay_new(70000);
    assert_non_null(r);
    seed = 7;

    for (i = 0; i < 60000; i++) {
        n = test_random(&seed) % 64;

        if (test_random(&seed) % 3 == 0) {
            acm_replay_forget(r, test_signature(n));
            used[n] = 0;

        } else {
            want = used[n];
            assert_int_equal(acm_replay_used(r, test_signature(n), 2, 1),
                             want);
            used[n] = 1;
        }
    }

    acm_replay_free(r);
}


static void
test_sizes(void **state)
{
    unsigned long  i;
    acm_replay_t  *r;

    (void) state;

    assert_null(acm_replay_new(0));
    assert_null(acm_replay_new(ACM_MAX_REPLAY_SIZE + 1));

    r = acm_replay_new(ACM_MAX_REPLAY_SIZE);
    assert_non_null(r);
    acm_replay_free(r);

    r = acm_replay_new(1);
    assert_int_equal(acm_replay_used(r, test_signature(1), 2, 1), 0);
    assert_int_equal(acm_replay_used(r, test_signature(2), 2, 1), 0);
    assert_int_equal(acm_replay_used(r, test_signature(2), 2, 1), 1);
    assert_int_equal(acm_replay_used(r, test_signature(1), 2, 1), 0);
    acm_replay_free(r);

    for (i = 1; i <= 3; i++) {
        acm_alloc_fail_at(i);
        assert_null(acm_replay_new(10));
    }

    acm_alloc_fail_at(0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_use),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_random_use),
        cmocka_unit_test(test_sizes)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
