
/*
 * Copyright (C) The ngx_acm authors
 *
 * The cache: its bounds hold at the limit and one past it, and what is used
 * stays whatever passes by.
 */


#include "acm_cache.h"
#include "test.h"


#define ROOM   (1024 * 1024 * 1024)      /* octets, more than is needed */


typedef struct {
    acm_cached_t   head;
    char           key[24];
} test_entry_t;


static size_t  dropped;
static char    last[24];                 /* that was dropped */


static void
test_drop(acm_cached_t *head)
{
    test_entry_t  *e = (test_entry_t *) head;

    dropped++;
    memcpy(last, e->key, sizeof(last));
    free(e);
}


static acm_cached_t *
test_find(acm_cache_t *cache, size_t i)
{
    int   len;
    char  key[24];

    len = snprintf(key, sizeof(key), "n%zu", i);

    return acm_cache_find(cache, key, (size_t) len);
}


static int
test_add(acm_cache_t *cache, size_t i, size_t size)
{
    test_entry_t  *e;

    e = calloc(1, sizeof(test_entry_t));
    e->head.len = (uint16_t) snprintf(e->key, sizeof(e->key), "n%zu", i);
    e->head.key = (uint8_t *) e->key;
    e->head.size = (uint32_t) size;

    if (acm_cache_add(cache, &e->head)) {
        return 1;
    }

    free(e);
    return 0;
}


/* As a worker does it; 1: it was there. */

static int
test_get(acm_cache_t *cache, size_t i)
{
    if (test_find(cache, i) != NULL) {
        return 1;
    }

    assert_true(test_add(cache, i, 100));
    return 0;
}


static size_t
test_count(acm_cache_t *cache)
{
    acm_cache_stat_t  stat;

    acm_cache_stat(cache, &stat);
    return stat.entries;
}


static size_t
test_bytes(acm_cache_t *cache)
{
    acm_cache_stat_t  stat;

    acm_cache_stat(cache, &stat);
    return stat.bytes;
}


static void
test_find_and_remove(void **state)
{
    size_t        i, empty;
    acm_cache_t  *cache;

    (void) state;

    cache = acm_cache_create(1000, ROOM, test_drop);
    empty = test_bytes(cache);
    assert_null(test_find(cache, 0));

    for (i = 0; i < 1000; i++) {
        assert_int_equal(test_get(cache, i), 0);
    }

    for (i = 0; i < 1000; i++) {
        assert_string_equal(((test_entry_t *) test_find(cache, i))->key + 1,
                            ((test_entry_t *) test_find(cache, i))->head.key
                            + 1);
    }

    assert_int_equal(test_bytes(cache), empty + 1000 * 100);
    assert_null(acm_cache_find(cache, "n1\0", 3));
    assert_null(acm_cache_find(cache, "", 0));

    /* each second one, in whatever place of its bucket it is */

    dropped = 0;

    for (i = 0; i < 1000; i += 2) {
        acm_cached_t  *e = test_find(cache, i);

        acm_cache_remove(cache, e);
        free(e);
    }

    for (i = 0; i < 1000; i++) {
        assert_int_equal(test_find(cache, i) != NULL, i % 2);
    }

    assert_int_equal(dropped, 0);
    assert_int_equal(test_count(cache), 500);
    assert_int_equal(test_bytes(cache), empty + 500 * 100);

    acm_cache_free(cache);
    assert_int_equal(dropped, 500);
    acm_cache_free(NULL);
}


static void
test_entries_bound(void **state)
{
    size_t        n, i;
    acm_cache_t  *cache;

    static const size_t  bounds[] = { 1, 2, 10, 1000 };

    (void) state;

    for (n = 0; n < sizeof(bounds) / sizeof(bounds[0]); n++) {
        cache = acm_cache_create(bounds[n], ROOM, test_drop);
        dropped = 0;

        for (i = 0; i < bounds[n]; i++) {
            assert_int_equal(test_get(cache, i), 0);
        }

        assert_int_equal(dropped, 0);
        assert_int_equal(test_count(cache), bounds[n]);

        /* one more: the first to come goes */

        assert_int_equal(test_get(cache, bounds[n]), 0);
        assert_int_equal(dropped, 1);
        assert_string_equal(last, "n0");
        assert_int_equal(test_count(cache), bounds[n]);

        acm_cache_free(cache);
    }
}


static void
test_bytes_bound(void **state)
{
    size_t        i, empty, bound;
    acm_cache_t  *cache;

    (void) state;

    cache = acm_cache_create(1000, 1024 * 1024, test_drop);
    empty = test_bytes(cache);
    acm_cache_free(cache);

    bound = empty + 10 * 1000;
    cache = acm_cache_create(1000, bound, test_drop);
    empty = test_bytes(cache);
    dropped = 0;

    for (i = 0; test_bytes(cache) + 1000 <= bound; i++) {
        assert_true(test_add(cache, i, 1000));
    }

    assert_int_equal(dropped, 0);

    /* an octet more than there is */

    assert_true(test_add(cache, i, bound - test_bytes(cache) + 1));
    assert_int_equal(dropped, 1);
    assert_true(test_bytes(cache) <= bound);

    /* what is charged makes room as well, down to nothing */

    assert_int_equal(acm_cache_charge(cache, bound - empty), 1);
    assert_int_equal(test_count(cache), 0);
    assert_int_equal(test_bytes(cache), bound);
    assert_int_equal(test_add(cache, 1, 1), 0);
    assert_null(test_find(cache, 1));
    acm_cache_discharge(cache, bound - empty);
    assert_int_equal(test_bytes(cache), empty);

    /* the largest entry that fits, and one octet more */

    assert_int_equal(test_add(cache, 1, bound - empty + 1), 0);
    assert_int_equal(test_add(cache, 1, bound - empty), 1);
    assert_int_equal(test_bytes(cache), bound);

    acm_cache_free(cache);
}


/* The tables do not fit themselves. */

static void
test_no_room(void **state)
{
    acm_cache_t  *cache;

    (void) state;

    cache = acm_cache_create(1, 1, test_drop);
    assert_int_equal(test_add(cache, 1, 1), 0);
    assert_int_equal(acm_cache_charge(cache, 0), 0);
    acm_cache_free(cache);
}


static void
test_no_memory(void **state)
{
    acm_cache_t    *cache;
    unsigned long   n;

    (void) state;

    cache = NULL;

    for (n = 1; n < 10 && cache == NULL; n++) {
        acm_alloc_fail_at(n);
        cache = acm_cache_create(10, ROOM, test_drop);
        acm_alloc_fail_at(0);
    }

    assert_int_equal(n, 6);
    acm_cache_free(cache);
}


/* A million names that are asked for once, or twice in a row, pass by. */

static void
test_scan(void **state)
{
    int           again;
    size_t        i, hits;
    acm_cache_t  *cache;

    (void) state;

    for (again = 0; again < 2; again++) {
        cache = acm_cache_create(10000, ROOM, test_drop);

        for (i = 0; i < 3 * 9000; i++) {
            test_get(cache, i % 9000);
        }

        for (i = 0; i < 1000000; i++) {
            test_get(cache, 1000000 + i);

            if (again) {
                test_get(cache, 1000000 + i);
            }
        }

        for (hits = 0, i = 0; i < 9000; i++) {
            hits += (test_find(cache, i) != NULL);
        }

        print_message("hot names left: %zu of 9000\n", hits);
        assert_true(hits >= 8990);
        assert_int_equal(test_count(cache), 10000);

        acm_cache_free(cache);
    }
}


/* The hot set changes: the new one is in after a few rounds, wherever names
   are in the tables, which is another place in each cache. */

static void
test_change(void **state)
{
    size_t        i, n, hits, least;
    acm_cache_t  *cache;

    (void) state;

    for (least = 900, n = 0; n < 200; n++) {
        cache = acm_cache_create(1000, ROOM, test_drop);

        for (i = 0; i < 10 * 900; i++) {
            test_get(cache, i % 900);
        }

        for (i = 0; i < 8 * 900; i++) {
            test_get(cache, 900 + i % 900);
        }

        for (hits = 0, i = 0; i < 900; i++) {
            hits += (test_find(cache, 900 + i) != NULL);
        }

        least = (hits < least) ? hits : least;
        acm_cache_free(cache);
    }

    print_message("new hot names: %zu of 900\n", least);
    assert_true(least > 850);
}


/* Names by Zipf's law: the first 1,000 of 100,000 would be 61.9 % of hits,
   which no cache that does not know the law reaches; the last recently used
   are 49 %. */

static void
test_zipf(void **state)
{
    double        sum, *upto;
    size_t        i, lo, hi, mid, hits;
    uint32_t      seed;
    acm_cache_t  *cache;

    (void) state;

    upto = calloc(100000, sizeof(double));

    for (sum = 0, i = 0; i < 100000; i++) {
        sum += 1.0 / (double) (i + 1);
        upto[i] = sum;
    }

    cache = acm_cache_create(1000, ROOM, test_drop);
    seed = 1;

    for (hits = 0, i = 0; i < 1000000; i++) {
        double  at = sum * ((double) test_random(&seed) / 4294967296.0);

        for (lo = 0, hi = 99999; lo < hi; /* void */ ) {
            mid = (lo + hi) / 2;

            if (upto[mid] < at) {
                lo = mid + 1;

            } else {
                hi = mid;
            }
        }

        hits += (size_t) test_get(cache, lo);
    }

    print_message("hits: %zu of 1000000\n", hits);
    assert_true(hits > 550000);

    acm_cache_free(cache);
    free(upto);
}


static void
test_visit(void *data, const acm_cached_t *entry)
{
    ((size_t *) data)[0]++;
    ((size_t *) data)[1] += entry->hits;
}


static size_t
test_walk(acm_cache_t *cache, size_t seen[2])
{
    size_t  bucket, calls;

    seen[0] = 0;
    seen[1] = 0;
    bucket = 0;
    calls = 0;

    do {
        acm_cache_walk(cache, &bucket, 3, test_visit, seen);
        calls++;
    } while (bucket != 0);

    return calls;
}


static void
test_hits(void **state)
{
    size_t         i, seen[2];
    acm_cache_t   *cache;
    acm_cached_t  *entry;

    (void) state;

    cache = acm_cache_create(100, ROOM, test_drop);

    assert_int_equal(test_walk(cache, seen), 128 / 3 + 1);
    assert_int_equal(seen[0], 0);

    for (i = 0; i < 100; i++) {
        assert_int_equal(test_get(cache, i), 0);
    }

    for (i = 0; i < 1000; i++) {
        assert_non_null(test_find(cache, 7));
    }

    (void) test_walk(cache, seen);
    assert_int_equal(seen[0], 100);
    assert_int_equal(seen[1], 1100);

    (void) test_walk(cache, seen);
    assert_int_equal(seen[0], 0);

    assert_non_null(test_find(cache, 8));
    (void) test_walk(cache, seen);
    assert_int_equal(seen[0], 1);
    assert_int_equal(seen[1], 1);

    /* one that nobody asks for is not looked at, whatever it says */

    entry = test_find(cache, 9);
    assert_non_null(entry);
    (void) test_walk(cache, seen);
    assert_int_equal(seen[0], 1);

    entry->hits = 1;
    (void) test_walk(cache, seen);
    assert_int_equal(seen[0], 0);
    entry->hits = 0;

    acm_cache_free(cache);
}


/* For what is larger than all there may be nothing leaves. */

static void
test_large(void **state)
{
    size_t            i, room;
    acm_cache_t      *cache;

    (void) state;

    dropped = 0;
    cache = acm_cache_create(10, 10 * 1024, test_drop);
    room = 10 * 1024 - test_bytes(cache);

    for (i = 0; i < 10; i++) {
        assert_int_equal(test_get(cache, i), 0);
    }

    assert_false(test_add(cache, 10, room + 1));
    assert_false(acm_cache_charge(cache, room + 1));
    assert_false(acm_cache_charge(cache, SIZE_MAX));
    assert_int_equal(test_count(cache), 10);
    assert_int_equal(dropped, 0);

    assert_int_equal(acm_cache_hold(cache, 1), 0);
    assert_false(test_add(cache, 10, room + 1));
    assert_int_equal(acm_cache_hold(cache, 0), 0);

    assert_true(test_add(cache, 10, room));
    assert_int_equal(test_count(cache), 1);
    assert_int_equal(dropped, 10);

    acm_cache_free(cache);
}


/* Nothing makes room while it is held. */

static void
test_held(void **state)
{
    size_t            i, seen[2];
    acm_cache_t      *cache;
    acm_cache_stat_t  stat;

    (void) state;

    dropped = 0;
    cache = acm_cache_create(10, 10 * 1024, test_drop);
    assert_int_equal(acm_cache_held(cache), 0);

    assert_int_equal(test_get(cache, 0), 0);
    (void) test_walk(cache, seen);

    assert_int_equal(acm_cache_hold(cache, 1), 0);
    assert_int_equal(acm_cache_held(cache), 1);

    for (i = 1; i < 10; i++) {
        assert_true(test_add(cache, i, 100));
    }

    assert_int_equal(acm_cache_hold(cache, 1), 0);

    /* one more entry, or one more octet */

    assert_false(test_add(cache, 10, 100));
    assert_int_equal(acm_cache_hold(cache, 1), 1);
    assert_int_equal(acm_cache_hold(cache, 1), 0);

    acm_cache_stat(cache, &stat);
    assert_true(acm_cache_charge(cache, 10 * 1024 - stat.bytes));
    assert_false(acm_cache_charge(cache, 1));
    assert_int_equal(acm_cache_hold(cache, 0), 1);

    assert_int_equal(dropped, 0);
    assert_int_equal(test_count(cache), 10);

    /* what came so was not used yet, and leaves before what was */

    (void) test_walk(cache, seen);
    assert_int_equal(seen[0], 0);

    assert_true(acm_cache_charge(cache, 1));
    assert_int_equal(dropped, 1);
    assert_string_equal(last, "n1");

    acm_cache_free(cache);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_find_and_remove),
        cmocka_unit_test(test_entries_bound),
        cmocka_unit_test(test_bytes_bound),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_change),
        cmocka_unit_test(test_zipf),
        cmocka_unit_test(test_hits),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_held)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
