
/*
 * Copyright (C) The ngx_acm authors
 *
 * kill -9 of a process that commits: all that was acknowledged is there and
 * as it was written, and the one commit that may have been under way is
 * there wholly or not at all.  ACM_KILLS sets how often, 200 by default.
 */


#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "test_store.h"


#define TEST_MAP   (256 << 20)


/* What commit n writes: as long as n says, and of n in every octet. */

static size_t
test_value(uint32_t n, char *value)
{
    size_t  i, len;

    len = 16 + (n * 37) % 900;

    snprintf(value, 16, "%010u", n);

    for (i = 10; i < len; i++) {
        value[i] = (char) ('a' + (n + i) % 26);
    }

    return len;
}


/* One batch in two maps; n - 1 goes from the second one. */

static acm_rc_t
test_commit(acm_store_t *store, uint32_t n)
{
    char         key[16], old[16], value[1024];
    size_t       len;
    acm_rc_t     rc;
    acm_batch_t  b;

    snprintf(key, sizeof(key), "%010u", n);
    snprintf(old, sizeof(old), "%010u", n - 1);
    len = test_value(n, value);

    acm_batch_init(&b);
    acm_batch_expect(&b, ACM_DB_CERTIFICATE, key, 10, 0);
    acm_batch_put(&b, ACM_DB_CERTIFICATE, key, 10, value, len);
    acm_batch_put(&b, ACM_DB_DUE, key, 10, value, len);
    acm_batch_delete(&b, ACM_DB_DUE, old, 10);

    rc = acm_store_commit(store, &b, NULL);

    acm_batch_free(&b);

    return rc;
}


static void
test_writer(const char *dir, uint32_t n, int fd)
{
    acm_store_t  *store;

    store = test_open_at(dir, TEST_MAP);

    while (store != NULL && test_commit(store, n) == ACM_OK
           && write(fd, &n, sizeof(n)) == sizeof(n))
    {
        n++;
    }

    _exit(1);
}


/* All of 1 to last, in both maps; returns the last one there is. */

static uint32_t
test_look(const char *dir, uint32_t last)
{
    char          key[16], value[1024];
    size_t        len;
    uint32_t      n;
    acm_rc_t      rc;
    acm_snap_t   *snap;
    acm_entry_t   e;
    acm_store_t  *store;

    store = test_open_at(dir, TEST_MAP);
    assert_non_null(store);

    (void) acm_store_housekeep(store);
    test_ok(acm_store_begin(store, &snap, NULL));

    n = 0;

    for (rc = acm_store_seek(snap, ACM_DB_CERTIFICATE, NULL, 0, &e);
         rc == ACM_OK;
         rc = acm_store_next(snap, ACM_DB_CERTIFICATE, &e))
    {
        n++;
        snprintf(key, sizeof(key), "%010u", n);
        len = test_value(n, value);

        assert_int_equal(e.key_len, 10);
        assert_memory_equal(e.key, key, 10);
        assert_int_equal(e.len, len);
        assert_memory_equal(e.data, value, len);
    }

    assert_int_equal(rc, ACM_NOTFOUND);

    /* nothing acknowledged is missing, and at most one more is there */

    assert_true(n == last || n == last + 1);

    rc = acm_store_seek(snap, ACM_DB_DUE, NULL, 0, &e);

    if (n == 0) {
        assert_int_equal(rc, ACM_NOTFOUND);

    } else {
        assert_int_equal(rc, ACM_OK);
        assert_memory_equal(e.key, key, 10);
        assert_int_equal(acm_store_next(snap, ACM_DB_DUE, &e),
                         ACM_NOTFOUND);
    }

    acm_store_end(snap);
    acm_store_close(store);

    return n;
}


static void
test_kill(void **state)
{
    int            pipes[2], status;
    char          *dir;
    pid_t          pid;
    uint32_t       seed, n, last, acknowledged, kills, round;
    const char    *env;

    (void) state;

    env = getenv("ACM_KILLS");
    kills = (env == NULL) ? 200 : (uint32_t) strtoul(env, NULL, 10);
    dir = test_mkdir();
    seed = 99;
    last = 0;
    acknowledged = 0;

    (void) test_look(dir, 0);

    for (round = 0; round < kills; round++) {

        assert_int_equal(pipe(pipes), 0);
        pid = fork();
        assert_true(pid >= 0);

        if (pid == 0) {
            close(pipes[0]);
            test_writer(dir, last + 1, pipes[1]);
        }

        close(pipes[1]);

        /* not before it writes, and then at any moment */

        assert_int_equal(read(pipes[0], &n, sizeof(n)), sizeof(n));
        last = n;
        acknowledged++;

        usleep(test_random(&seed) % 6000);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));

        while (read(pipes[0], &n, sizeof(n)) == sizeof(n)) {
            last = n;
            acknowledged++;
        }

        close(pipes[0]);

        last = test_look(dir, last);
    }

    print_message("%u kills, %u acknowledged commits, none lost\n", kills,
                  acknowledged);
    test_rmdir(dir);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_kill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
