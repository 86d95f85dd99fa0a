
/*
 * Copyright (C) The ngx_acm authors
 *
 * What of a store is kept in memory: pages that have gone come back.
 */


#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "acm_record.h"
#include "acm_resident.h"
#include "test_store.h"


#define TEST_NAMES     4000
#define TEST_MATERIALS 400
#define TEST_PAGE      ((uint64_t) sysconf(_SC_PAGESIZE))
#define TEST_ALL       (1ULL << 30)


static const char *const  test_uuids[] = {
    "00000001-0000-4000-8000-000000000000",
    "80000001-0000-4000-8000-000000000000"
};

static char        *test_dir;
static acm_store_t *test_store;
static int64_t      test_now;


static void
test_fill(acm_store_t *store, unsigned from, unsigned to)
{
    char         key[40];
    uint8_t      value[100];
    unsigned     i;
    acm_batch_t  b;

    memset(value, 'v', sizeof(value));

    for (i = from; i < to; i++) {
        if ((i - from) % 500 == 0) {
            acm_batch_init(&b);
        }

        snprintf(key, sizeof(key), "com.example.n%07u", i);
        acm_batch_put(&b, ACM_DB_NAME, key, strlen(key), value,
                      sizeof(value));

        if ((i - from) % 500 == 499 || i == to - 1) {
            test_ok(acm_store_commit(store, &b, NULL));
            acm_batch_free(&b);
        }
    }
}


static int
test_setup(void **state)
{
    char         key[40];
    size_t       i, len;
    uint8_t      name[ACM_MAX_STORE_KEY], *value;
    acm_batch_t  b;

    (void) state;

    test_now = 1000000;
    test_dir = test_mkdir();
    test_store = test_open_at(test_dir, 8 << 20);
    assert_non_null(test_store);

    test_fill(test_store, 0, TEST_NAMES);

    value = calloc(1, 10000);
    acm_batch_init(&b);

    for (i = 0; i < TEST_MATERIALS; i++) {
        snprintf(key, sizeof(key), "%08zx-0000-4000-8000-000000000000",
                 i * 0x9fffff);
        len = acm_material_key(name, key, 1);
        acm_batch_put(&b, ACM_DB_MATERIAL, name, len, value, 1000);
    }

    for (i = 0; i < 2; i++) {
        len = acm_material_key(name, test_uuids[i], 1);
        acm_batch_put(&b, ACM_DB_MATERIAL, name, len, value, 10000);
    }

    test_ok(acm_store_commit(test_store, &b, NULL));
    acm_batch_free(&b);
    free(value);

    return 0;
}


static int
test_teardown(void **state)
{
    (void) state;

    acm_store_close(test_store);
    test_rmdir(test_dir);

    return 0;
}


/* A whole round; what the system reads by itself has time to come. */

static unsigned
test_round(acm_resident_t *r)
{
    int              more;
    acm_err_t        err;
    unsigned         steps;
    struct timespec  pause;

    pause.tv_sec = 0;
    pause.tv_nsec = 2000000;

    for (steps = 0; steps < 10000; steps++) {
        if (acm_resident_step(r, test_store, test_now, &more, &err)
            != ACM_OK)
        {
            fail_msg("%s", err.text);
        }

        if (!more) {
            return steps;
        }

        nanosleep(&pause, NULL);
    }

    fail_msg("a round without an end");

    return 0;
}


/* Of the pages of the index. */

static size_t
test_there(const acm_resident_t *r)
{
    size_t   i, n;
    uint8_t  in;

    for (i = 0, n = 0; i < r->index.n; i++) {
        in = 0;
        assert_int_equal(mincore((void *) r->index.at[i], 1, &in), 0);
        n += in & 1;
    }

    return n;
}


/* As if the system had needed the memory, in which neighbours go together; 0:
   this file system has no disk. */

static int
test_drop(const acm_resident_t *r)
{
    FILE             *f;
    char              line[600], *end;
    acm_snap_t       *snap;
    unsigned long     from, to;
    acm_store_map_t   map;

    f = fopen("/proc/self/maps", "r");
    assert_non_null(f);

    while (fgets(line, sizeof(line), f) != NULL) {
        if (strstr(line, test_dir) != NULL && strstr(line, "data.mdb") != NULL)
        {
            from = strtoul(line, &end, 16);
            to = strtoul(end + 1, NULL, 16);
            assert_int_equal(madvise((void *) from, to - from, MADV_DONTNEED),
                             0);
        }
    }

    fclose(f);

    test_ok(acm_store_begin(test_store, &snap, NULL));
    test_ok(acm_store_map(snap, &map));
    acm_store_end(snap);

    assert_int_equal(fsync(map.fd), 0);
    assert_int_equal(posix_fadvise(map.fd, 0, 0, POSIX_FADV_DONTNEED), 0);

    return test_there(r) <= r->index.n / 4;
}


static void
test_all(void **state)
{
    uint64_t             octets;
    acm_store_stat_t     stat;
    acm_resident_t       r;

    (void) state;

    acm_resident_init(&r, TEST_ALL, NULL, NULL);
    (void) test_round(&r);

    test_ok(acm_store_stat(test_store, &stat, NULL));

    /* all pages but those above the leaves */

    assert_true(r.stat.kept == r.stat.wanted);
    assert_true(r.stat.kept <= stat.octets[ACM_DB_NAME]);
    assert_true(r.stat.kept >= stat.octets[ACM_DB_NAME] * 9 / 10);
    assert_true(r.stat.store == stat.size);
    assert_int_equal(test_there(&r), r.index.n);

    test_ok(acm_resident_count(test_store, &octets, NULL));
    assert_true(octets >= r.stat.kept && octets <= stat.size);
    assert_true(r.stat.resident >= r.stat.kept
                && r.stat.resident <= stat.size);

    /* then nothing, until it is time again: that round is short */

    assert_int_equal(test_round(&r), 0);
    assert_int_equal(r.stat.rounds, 1);

    test_now += ACM_RESIDENT_EVERY - 1;
    assert_int_equal(test_round(&r), 0);
    assert_int_equal(r.stat.rounds, 1);

    test_now++;
    assert_true(test_round(&r) <= 3);
    assert_int_equal(r.stat.rounds, 2);

    acm_resident_done(&r);
}


/* With all of the index looked at, and with a sample of it. */

static void
test_again(void **state)
{
    size_t          n;
    uint64_t        reads;
    acm_resident_t  r;

    acm_resident_init(&r, TEST_ALL, NULL, NULL);
    r.sample = *state ? 16 : ACM_RESIDENT_SAMPLE;
    (void) test_round(&r);

    assert_true(r.index.n > 16 && r.index.n <= ACM_RESIDENT_SAMPLE);

    if (!test_drop(&r)) {
        acm_resident_done(&r);
        skip();
    }

    n = r.index.n;
    reads = r.stat.reads;
    test_now += ACM_RESIDENT_EVERY;
    (void) test_round(&r);

    assert_int_equal(test_there(&r), n);
    assert_true(r.stat.kept == r.stat.wanted);
    assert_true(r.stat.reads >= reads + n / 2);

    /* and then there is nothing to be read */

    reads = r.stat.reads;
    test_now += ACM_RESIDENT_EVERY;
    (void) test_round(&r);
    assert_true(r.stat.reads == reads);

    acm_resident_done(&r);
}


static void
test_limit(void **state)
{
    uint64_t        pages;
    acm_resident_t  r;

    (void) state;

    acm_resident_init(&r, TEST_ALL, NULL, NULL);
    (void) test_round(&r);
    pages = r.index.n;
    acm_resident_done(&r);

    /* it just fits */

    acm_resident_init(&r, pages * TEST_PAGE, NULL, NULL);
    (void) test_round(&r);
    assert_true(r.stat.kept == pages * TEST_PAGE);
    assert_true(r.stat.wanted == pages * TEST_PAGE);
    acm_resident_done(&r);

    /* one octet less */

    acm_resident_init(&r, pages * TEST_PAGE - 1, NULL, NULL);
    (void) test_round(&r);
    assert_true(r.stat.kept == (pages - 1) * TEST_PAGE);
    assert_true(r.stat.wanted == pages * TEST_PAGE);

    if (test_drop(&r)) {
        test_now += ACM_RESIDENT_EVERY;
        (void) test_round(&r);
        assert_int_equal(test_there(&r), pages - 1);
    }

    acm_resident_done(&r);
}


/* The second name has nothing, the third one two certificates. */

static acm_rc_t
test_hot_name(void *data, acm_snap_t *snap, size_t i, acm_found_t *found)
{
    (void) data;
    (void) snap;

    if (i == 3) {
        return ACM_BUSY;
    }

    if (i == 1) {
        return ACM_NOTFOUND;
    }

    found->ec.key = ACM_KEY_EC_P256;
    found->ec.version = 1;
    memcpy(found->ec.uuid, test_uuids[0], ACM_UUID_LEN + 1);

    if (i == 2) {
        found->rsa = found->ec;
        found->rsa.key = ACM_KEY_RSA_2048;
        memcpy(found->rsa.uuid, test_uuids[1], ACM_UUID_LEN + 1);
    }

    return ACM_OK;
}


static void
test_hot(void **state)
{
    size_t          n;
    uint64_t        pages;
    acm_resident_t  r;

    (void) state;

    /* what two names have counts once */

    acm_resident_init(&r, TEST_ALL, test_hot_name, NULL);
    (void) test_round(&r);

    n = r.records.n;
    pages = r.index.n;
    assert_in_range(n, 2 * (10000 / TEST_PAGE), 2 * (10000 / TEST_PAGE + 2));
    assert_true(r.stat.kept == (pages + n) * TEST_PAGE);
    assert_true(r.stat.wanted == r.stat.kept);
    acm_resident_done(&r);

    /* they come before the index, within the limit too */

    acm_resident_init(&r, (n + 1) * TEST_PAGE, test_hot_name, NULL);
    (void) test_round(&r);
    assert_int_equal(r.records.n, n);
    assert_int_equal(r.index.n, 1);
    assert_true(r.stat.kept == (n + 1) * TEST_PAGE);
    assert_true(r.stat.wanted == (pages + n) * TEST_PAGE);
    acm_resident_done(&r);

    acm_resident_init(&r, TEST_PAGE, test_hot_name, NULL);
    (void) test_round(&r);
    assert_int_equal(r.records.n, 1);
    assert_int_equal(r.index.n, 0);
    acm_resident_done(&r);
}


/* What changes is learned later, or at once when pages have gone. */

static void
test_changes(void **state)
{
    uint64_t        pages;
    acm_resident_t  r;

    (void) state;

    acm_resident_init(&r, TEST_ALL, NULL, NULL);
    (void) test_round(&r);
    pages = r.nindex;

    test_fill(test_store, TEST_NAMES, 2 * TEST_NAMES);

    test_now += ACM_RESIDENT_WALK - 1;
    (void) test_round(&r);
    assert_true(r.nindex == pages);

    test_now += ACM_RESIDENT_EVERY;
    (void) test_round(&r);
    assert_true(r.nindex >= 2 * pages - 2);

    acm_resident_done(&r);
}


/* Another process makes the map larger: then it is at another address. */

static void
test_moved(void **state)
{
    int              in[2], status;
    char             dir[256];
    pid_t            pid;
    uint64_t         maps, pages;
    acm_store_t     *s;
    acm_resident_t   r;

    /* it has nothing of ours open */

    assert_int_equal(pipe(in), 0);

    pid = fork();
    assert_true(pid >= 0);

    if (pid == 0) {
        close(in[1]);

        if (read(in[0], dir, sizeof(dir)) != sizeof(dir)) {
            _exit(1);
        }

        test_dir = dir;
        s = test_open_at(test_dir, 256 << 20);

        if (s != NULL) {
            test_fill(s, TEST_NAMES, 20 * TEST_NAMES);
            acm_store_close(s);
        }

        _exit(s == NULL);
    }

    (void) test_setup(state);

    acm_resident_init(&r, TEST_ALL, NULL, NULL);
    (void) test_round(&r);
    pages = r.nindex;
    maps = r.maps;

    memset(dir, 0, sizeof(dir));
    snprintf(dir, sizeof(dir), "%s", test_dir);
    assert_int_equal(write(in[1], dir, sizeof(dir)), sizeof(dir));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);

    test_now += ACM_RESIDENT_EVERY;
    (void) test_round(&r);

    assert_true(r.maps != maps);
    assert_true(r.nindex >= 2 * pages - 2);
    assert_true(r.stat.kept == r.stat.wanted);

    acm_resident_done(&r);
    (void) test_teardown(state);

    close(in[0]);
    close(in[1]);
}


static void
test_no_file(void **state)
{
    int                more;
    uint64_t           octets;
    acm_err_t          err;
    acm_store_t       *s;
    acm_resident_t     r;

    (void) state;

    s = test_open_memory();

    acm_resident_init(&r, TEST_ALL, NULL, NULL);
    assert_int_equal(acm_resident_step(&r, s, 1, &more, &err), ACM_NOTFOUND);
    assert_int_equal(more, 0);
    assert_int_equal(acm_resident_count(s, &octets, &err), ACM_NOTFOUND);

    acm_resident_done(&r);
    acm_store_close(s);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_all, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_again, test_setup,
                                        test_teardown),
        cmocka_unit_test_prestate_setup_teardown(test_again, test_setup,
                                                 test_teardown, &test_now),
        cmocka_unit_test_setup_teardown(test_limit, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_hot, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_changes, test_setup,
                                        test_teardown),
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_no_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
