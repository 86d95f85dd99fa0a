
/*
 * Copyright (C) The ngx_acm authors
 *
 * When things are due, for any numbers.
 */


#include "acm_sched.h"
#include "test.h"


static void
test_backoff(void **state)
{
    static const int64_t  limits[][2] = {
        { 60, 86400 }, { 1, 1 }, { 1, 2 }, { 60, 60 }, { 7, 1000003 },
        { 100, 50 }, { 0, 0 }, { -5, -7 }, { 1, INT64_MAX },
        { INT64_MAX, INT64_MAX }
    };
    static const uint16_t  jitters[] = { 0, 1, 32767, 32768, 65535 };

    size_t    i, j;
    int64_t   min, max, wait, last;
    uint32_t  n, step;

    (void) state;

    for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        min = limits[i][0];
        max = limits[i][1];

        for (j = 0; j < sizeof(jitters) / sizeof(jitters[0]); j++) {
            last = 0;

            for (n = 0, step = 1; n <= 1000000; n += step) {
                wait = acm_sched_backoff(n, min, max, jitters[j]);
                assert_true(wait >= 1);
                assert_true(wait >= ((min < max) ? min : max) / 2);
                assert_true(wait <= ((max < 1) ? 1 : max));
                assert_true(wait >= last);
                last = wait;
                step = (n > 1000) ? 997 : 1;
            }

            wait = acm_sched_backoff(UINT32_MAX, min, max, jitters[j]);
            assert_true(wait >= last);
        }
    }

    /* 60, 120, 240 and so on, without jitter */

    assert_int_equal(acm_sched_backoff(0, 60, 86400, 32768), 60);
    assert_int_equal(acm_sched_backoff(1, 60, 86400, 32768), 60);
    assert_int_equal(acm_sched_backoff(2, 60, 86400, 32768), 120);
    assert_int_equal(acm_sched_backoff(5, 60, 86400, 32768), 960);
    assert_int_equal(acm_sched_backoff(100, 60, 86400, 32768), 86400);
    assert_int_equal(acm_sched_backoff(100, 60, 86400, 0), 43200);
}


static void
test_retry(void **state)
{
    static const int64_t  ladder[] = { 10, 600, 3600, 86400 };
    static const int64_t  odd[] = { INT64_MAX, 1 };

    int64_t   wait;
    uint32_t  n, jitter, last;

    (void) state;

    for (n = 0; n < 100; n++) {
        last = (n < 4) ? n : 3;
        assert_int_equal(acm_sched_retry(ladder, 4, n, 0), ladder[last]);

        for (jitter = 0; jitter <= 65535; jitter += 255) {
            wait = acm_sched_retry(ladder, 4, n, (uint16_t) jitter);
            assert_true(wait >= ladder[last]);
            assert_true(wait <= ladder[last] + ladder[last] / 4);
        }
    }

    assert_int_equal(acm_sched_retry(ladder, 4, UINT32_MAX, 0), 86400);
    assert_int_equal(acm_sched_retry(ladder, 1, 7, 0), 10);
    assert_int_equal(acm_sched_retry(NULL, 0, 0, 0), ACM_BACKOFF_MAX);
    assert_true(acm_sched_retry(odd, 2, 0, 65535) == INT64_MAX);
    assert_int_equal(acm_sched_retry(odd, 2, 1, 65535), 1);
    assert_int_equal(acm_sched_retry(ladder, 4, 3, 65535), 107999);
}


static void
test_hurry(void **state)
{
    int64_t  wait, at, end;

    (void) state;

    /* a long life: a day, until four days are left */

    end = 90 * 86400;

    assert_int_equal(acm_sched_hurry(86400, 0, end, end - 5 * 86400), 86400);
    assert_int_equal(acm_sched_hurry(86400, 0, end, end - 4 * 86400), 86400);
    assert_int_equal(acm_sched_hurry(86400, 0, end, end - 2 * 86400), 43200);
    assert_int_equal(acm_sched_hurry(86400, 0, end, end - 3600), 900);
    assert_int_equal(acm_sched_hurry(86400, 0, end, end - 1), 900);
    assert_int_equal(acm_sched_hurry(60, 0, end, end - 1), 60);

    /* short ones, and none */

    assert_int_equal(acm_sched_hurry(86400, 0, 40, 20), 5);
    assert_int_equal(acm_sched_hurry(86400, 0, 40, 38), 2);
    assert_int_equal(acm_sched_hurry(86400, 0, 4, 3), 1);
    assert_int_equal(acm_sched_hurry(86400, 0, end, end), 86400);
    assert_int_equal(acm_sched_hurry(86400, 0, 0, 5), 86400);
    assert_int_equal(acm_sched_hurry(86400, INT64_MIN, INT64_MAX, 0), 86400);
    assert_int_equal(acm_sched_hurry(INT64_MAX, INT64_MIN, INT64_MAX,
                                     INT64_MIN), INT64_MAX / 2);

    /* of any moment there is another try before the end */

    for (at = end - 30 * 86400; at < end - 900; at += 601) {
        wait = acm_sched_hurry(86400 + 86400 / 4, 0, end, at);
        assert_true(at + wait < end && wait >= 900);
    }
}


static void
test_window(void **state)
{
    static const int64_t  times[] = {
        INT64_MIN, -1, 0, 1, 1800000000, 1800000001, 1800086400, INT64_MAX
    };
    static const uint32_t  randoms[] = { 0, 1, 0x80000000, UINT32_MAX };

    size_t   i, j, k, n;
    int64_t  at, last;

    (void) state;

    assert_int_equal(acm_sched_window(1000, 2000, 9999, 0), 1000);
    assert_int_equal(acm_sched_window(1000, 2000, 9999, 0x80000000), 1500);
    assert_int_equal(acm_sched_window(1000, 2000, 9999, UINT32_MAX), 1999);
    assert_int_equal(acm_sched_window(1000, 2000, 1200, UINT32_MAX), 1200);
    assert_int_equal(acm_sched_window(1000, 2000, 500, 0), 500);

    /* one that is upside down is a point */

    assert_int_equal(acm_sched_window(2000, 1000, 9999, UINT32_MAX), 2000);

    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        for (j = 0; j < sizeof(times) / sizeof(times[0]); j++) {
            for (k = 0; k < sizeof(times) / sizeof(times[0]); k++) {
                last = INT64_MIN;

                for (n = 0; n < sizeof(randoms) / sizeof(randoms[0]); n++) {
                    at = acm_sched_window(times[i], times[j], times[k],
                                          randoms[n]);
                    assert_true(at <= times[k]);
                    assert_true(at >= times[i] || at == times[k]);
                    assert_true(at <= times[j] || times[j] < times[i]);
                    assert_true(at >= last);
                    last = at;
                }
            }
        }
    }
}


static void
test_renewal(void **state)
{
    int64_t  at;

    (void) state;

    assert_int_equal(acm_sched_renew_at(0, 90 * 86400), 60 * 86400);
    assert_int_equal(acm_sched_renew_at(0, 6 * 86400), 3 * 86400);
    assert_int_equal(acm_sched_renew_at(0, ACM_SHORT_LIFE),
                     ACM_SHORT_LIFE - ACM_SHORT_LIFE / 3);
    assert_int_equal(acm_sched_renew_at(0, ACM_SHORT_LIFE - 2),
                     ACM_SHORT_LIFE / 2 - 1);
    assert_int_equal(acm_sched_renew_at(100, 50), 50);
    assert_int_equal(acm_sched_renew_at(100, 100), 100);
    assert_int_equal(acm_sched_renew_at(100, 101), 101);
    at = acm_sched_renew_at(INT64_MIN, INT64_MAX);
    assert_true(at > 0 && at < INT64_MAX);

    assert_int_equal(acm_sched_backoff_min(0), 1);
    assert_int_equal(acm_sched_backoff_min(INT64_MIN), 1);
    assert_int_equal(acm_sched_backoff_min(100), 5);
    assert_int_equal(acm_sched_backoff_min(INT64_MAX), ACM_BACKOFF_MIN);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_retry),
        cmocka_unit_test(test_hurry),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_renewal)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
