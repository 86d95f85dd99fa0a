
/*
 * Copyright (C) The ngx_acm authors
 *
 * Threads that commit at once: each batch is wholly there when its commit
 * returns, or not at all, whatever became of those that it was together with.
 */


#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "test_store.h"


#define TEST_THREADS  16
#define TEST_EACH     40


typedef struct {
    acm_store_t   *store;
    unsigned       n;
    unsigned       done;
    unsigned       refused;
    unsigned       others;           /* other failures */
    int            fd;
} test_thread_t;


static pthread_barrier_t  test_barrier;


static void
test_threads(acm_store_t *store, void *(*body)(void *data),
    test_thread_t threads[TEST_THREADS])
{
    size_t     i;
    pthread_t  ids[TEST_THREADS];

    pthread_barrier_init(&test_barrier, NULL, TEST_THREADS);

    for (i = 0; i < TEST_THREADS; i++) {
        memset(&threads[i], 0, sizeof(test_thread_t));
        threads[i].n = (unsigned) i;
        test_ok(acm_store_share(store, &threads[i].store, NULL));
    }

    for (i = 0; i < TEST_THREADS; i++) {
        assert_int_equal(pthread_create(&ids[i], NULL, body, &threads[i]),
                         0);
    }

    for (i = 0; i < TEST_THREADS; i++) {
        pthread_join(ids[i], NULL);
        acm_store_close(threads[i].store);
    }

    pthread_barrier_destroy(&test_barrier);
}


static uint64_t
test_entries(acm_store_t *store, acm_db_e db)
{
    uint64_t     n;
    acm_snap_t  *snap;

    test_ok(acm_store_begin(store, &snap, NULL));
    test_ok(acm_store_entries(snap, db, &n));
    acm_store_end(snap);

    return n;
}


static int64_t
test_counter(acm_store_t *store)
{
    int64_t       n;
    acm_rc_t      rc;
    acm_snap_t   *snap;
    acm_entry_t   e;

    test_ok(acm_store_begin(store, &snap, NULL));
    rc = acm_store_get(snap, ACM_DB_QUOTA, "q", 1, &e);
    n = (rc == ACM_OK) ? acm_count_read(&e) : 0;
    acm_store_end(snap);

    return n;
}


/* Two keys, an event and a count in each; what was committed is seen. */

static void *
test_body(void *data)
{
    test_thread_t  *t = data;

    char           key[32];
    unsigned       i;
    acm_batch_t    b;
    acm_snap_t    *snap;
    acm_entry_t    e;

    pthread_barrier_wait(&test_barrier);

    for (i = 0; i < TEST_EACH; i++) {
        acm_batch_init(&b);
        snprintf(key, sizeof(key), "%02u-%04u", t->n, i);
        acm_batch_expect(&b, ACM_DB_NAME, key, strlen(key), 0);
        acm_batch_put(&b, ACM_DB_NAME, key, strlen(key), key, strlen(key));
        acm_batch_put(&b, ACM_DB_USED, key, strlen(key), key, strlen(key));
        acm_batch_append(&b, ACM_DB_EVENT, key, strlen(key));
        acm_batch_count(&b, ACM_DB_QUOTA, "q", 1, 1, INT64_MAX);

        if (acm_store_commit(t->store, &b, NULL) != ACM_OK) {
            t->others++;
        }

        acm_batch_free(&b);

        if (acm_store_begin(t->store, &snap, NULL) != ACM_OK
            || acm_store_get(snap, ACM_DB_USED, key, strlen(key), &e)
               != ACM_OK)
        {
            t->others++;
        }

        acm_store_end(snap);
    }

    return NULL;
}


static void
test_all(void **state)
{
    char            *dir;
    size_t           i;
    uint64_t         before;
    acm_store_t     *s;
    test_thread_t    threads[TEST_THREADS];

    (void) state;

    dir = test_mkdir();
    s = test_open_at(dir, 64 << 20);
    before = acm_store_generation(s);

    test_threads(s, test_body, threads);

    for (i = 0; i < TEST_THREADS; i++) {
        assert_int_equal(threads[i].others, 0);
    }

    /* of events none took the place of another */

    assert_int_equal(test_entries(s, ACM_DB_NAME), TEST_THREADS * TEST_EACH);
    assert_int_equal(test_entries(s, ACM_DB_USED), TEST_THREADS * TEST_EACH);
    assert_int_equal(test_entries(s, ACM_DB_EVENT), TEST_THREADS * TEST_EACH);
    assert_int_equal(test_counter(s), TEST_THREADS * TEST_EACH);

    /* and they did share syncs */

    assert_true(acm_store_generation(s) - before
                < TEST_THREADS * TEST_EACH / 2);

    acm_store_close(s);
    test_rmdir(dir);
}


/* All want the same key, and each a key of its own with it: one gets it. */

static void *
test_race_body(void *data)
{
    test_thread_t  *t = data;

    char           key[32], own[32];
    unsigned       i;
    acm_rc_t       rc;
    acm_err_t      err;
    acm_batch_t    b;

    for (i = 0; i < TEST_EACH; i++) {
        pthread_barrier_wait(&test_barrier);

        acm_batch_init(&b);
        snprintf(key, sizeof(key), "%04u", i);
        snprintf(own, sizeof(own), "%04u-%02u", i, t->n);
        acm_batch_expect(&b, ACM_DB_NAME, key, strlen(key), 0);
        acm_batch_put(&b, ACM_DB_USED, own, strlen(own), own, strlen(own));
        acm_batch_put(&b, ACM_DB_NAME, key, strlen(key), own, strlen(own));

        err.text[0] = '\0';
        rc = acm_store_commit(t->store, &b, &err);
        acm_batch_free(&b);

        if (rc == ACM_OK) {
            t->done++;

        } else if (rc == ACM_CONFLICT
                   && strstr(err.text, "changed meanwhile") != NULL)
        {
            t->refused++;

        } else {
            t->others++;
        }
    }

    return NULL;
}


static void
test_race(void **state)
{
    char            *dir;
    size_t           i;
    unsigned         done, refused;
    acm_store_t     *s;
    test_thread_t    threads[TEST_THREADS];

    (void) state;

    dir = test_mkdir();
    s = test_open_at(dir, 64 << 20);

    test_threads(s, test_race_body, threads);

    done = 0;
    refused = 0;

    for (i = 0; i < TEST_THREADS; i++) {
        assert_int_equal(threads[i].others, 0);
        done += threads[i].done;
        refused += threads[i].refused;
    }

    assert_int_equal(done, TEST_EACH);
    assert_int_equal(refused, (TEST_THREADS - 1) * TEST_EACH);
    assert_int_equal(test_entries(s, ACM_DB_NAME), TEST_EACH);
    assert_int_equal(test_entries(s, ACM_DB_USED), TEST_EACH);

    acm_store_close(s);
    test_rmdir(dir);
}


/* A quota that is reached meanwhile: what was written before it was looked at
   is taken back, of those that it refuses and of no other. */

static void *
test_quota_body(void *data)
{
    test_thread_t  *t = data;

    char           key[32];
    unsigned       i;
    acm_rc_t       rc;
    acm_batch_t    b;

    pthread_barrier_wait(&test_barrier);

    for (i = 0; i < TEST_EACH; i++) {
        acm_batch_init(&b);
        snprintf(key, sizeof(key), "%02u-%04u", t->n, i);
        acm_batch_put(&b, ACM_DB_NAME, key, strlen(key), key, strlen(key));
        acm_batch_count(&b, ACM_DB_QUOTA, "q", 1, 1, 100);

        rc = acm_store_commit(t->store, &b, NULL);
        acm_batch_free(&b);

        t->done += (rc == ACM_OK);
        t->refused += (rc == ACM_CONFLICT);
        t->others += (rc != ACM_OK && rc != ACM_CONFLICT);
    }

    return NULL;
}


static void
test_quota(void **state)
{
    char            *dir;
    size_t           i;
    unsigned         done;
    acm_store_t     *s;
    test_thread_t    threads[TEST_THREADS];

    (void) state;

    dir = test_mkdir();
    s = test_open_at(dir, 64 << 20);

    test_threads(s, test_quota_body, threads);

    for (i = 0, done = 0; i < TEST_THREADS; i++) {
        assert_int_equal(threads[i].others, 0);
        done += threads[i].done;
    }

    assert_int_equal(done, 100);
    assert_int_equal(test_counter(s), 100);
    assert_int_equal(test_entries(s, ACM_DB_NAME), 100);

    acm_store_close(s);
    test_rmdir(dir);
}


/* A full store: each is told so itself, the reserve stays, and what was
   acknowledged is there. */

static void *
test_full_body(void *data)
{
    test_thread_t  *t = data;

    char           key[32], value[3000];
    unsigned       i;
    acm_rc_t       rc;
    acm_err_t      err;
    acm_batch_t    b;

    memset(value, 'v', sizeof(value));
    pthread_barrier_wait(&test_barrier);

    for (i = 0; i < TEST_EACH; i++) {
        acm_batch_init(&b);
        b.grow = 1;
        snprintf(key, sizeof(key), "%02u-%04u", t->n, i);
        acm_batch_put(&b, ACM_DB_NAME, key, strlen(key), value,
                      sizeof(value));

        err.text[0] = '\0';
        rc = acm_store_commit(t->store, &b, &err);
        acm_batch_free(&b);

        t->done += (rc == ACM_OK);
        t->refused += (rc == ACM_FULL && strstr(err.text, "full") != NULL);
        t->others += (rc != ACM_OK && rc != ACM_FULL);
    }

    return NULL;
}


static void
test_full(void **state)
{
    char              *dir;
    size_t             i;
    unsigned           done, refused;
    acm_store_t       *s;
    test_thread_t      threads[TEST_THREADS];
    acm_store_stat_t   stat;

    (void) state;

    dir = test_mkdir();
    s = test_open_at(dir, 1 << 20);

    test_threads(s, test_full_body, threads);

    done = 0;
    refused = 0;

    for (i = 0; i < TEST_THREADS; i++) {
        assert_int_equal(threads[i].others, 0);
        done += threads[i].done;
        refused += threads[i].refused;
    }

    assert_int_equal(done + refused, TEST_THREADS * TEST_EACH);
    assert_true(done > 20 && refused > 20);
    assert_int_equal(test_entries(s, ACM_DB_NAME), done);

    test_ok(acm_store_stat(s, &stat, NULL));
    assert_true(stat.used <= stat.map_size - ACM_STORE_MIN_RESERVE);

    acm_store_close(s);
    test_rmdir(dir);
}


/* Killed at any moment: what was acknowledged is there, of each batch all or
   nothing. */

static void *
test_kill_body(void *data)
{
    test_thread_t  *t = data;

    char           key[32];
    uint32_t       told[2];
    acm_batch_t    b;

    told[0] = t->n;

    for (told[1] = 0; /* void */; told[1]++) {
        acm_batch_init(&b);
        snprintf(key, sizeof(key), "%02u-%08u", t->n, (unsigned) told[1]);
        acm_batch_put(&b, ACM_DB_NAME, key, strlen(key), key, strlen(key));
        acm_batch_put(&b, ACM_DB_USED, key, strlen(key), key, strlen(key));

        if (acm_store_commit(t->store, &b, NULL) != ACM_OK
            || write(t->fd, told, sizeof(told)) != sizeof(told))
        {
            _exit(1);
        }

        acm_batch_free(&b);
    }

    return NULL;
}


static void
test_kill_child(const char *dir, int fd)
{
    size_t          i;
    pthread_t       id;
    acm_store_t    *s;
    test_thread_t   threads[TEST_THREADS];

    s = test_open_at(dir, 64 << 20);

    for (i = 0; s != NULL && i < TEST_THREADS; i++) {
        threads[i].n = (unsigned) i;
        threads[i].fd = fd;

        if (acm_store_share(s, &threads[i].store, NULL) != ACM_OK
            || pthread_create(&id, NULL, test_kill_body, &threads[i]) != 0)
        {
            _exit(1);
        }
    }

    pause();
    _exit(1);
}


static void
test_kill(void **state)
{
    int              pipes[2], status;
    char             key[32], *dir;
    pid_t            pid;
    size_t           i, n;
    uint32_t         told[2], last[TEST_THREADS], all, seed, j;
    acm_snap_t      *snap;
    acm_store_t     *s;
    acm_entry_t      e;

    (void) state;

    dir = test_mkdir();
    memset(last, 0, sizeof(last));
    all = 0;
    seed = 7;

    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    assert_true(pid >= 0);

    if (pid == 0) {
        close(pipes[0]);
        test_kill_child(dir, pipes[1]);
    }

    close(pipes[1]);

    while (all < 2000 + test_random(&seed) % 100) {
        assert_int_equal(read(pipes[0], told, sizeof(told)), sizeof(told));
        last[told[0]] = told[1] + 1;
        all++;
    }

    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));

    while (read(pipes[0], told, sizeof(told)) == sizeof(told)) {
        last[told[0]] = told[1] + 1;
    }

    close(pipes[0]);

    s = test_open_at(dir, 0);
    assert_non_null(s);

    test_ok(acm_store_begin(s, &snap, NULL));

    for (i = 0, n = 0; i < TEST_THREADS; i++) {
        for (j = 0; j < last[i]; j++) {
            snprintf(key, sizeof(key), "%02zu-%08u", i, (unsigned) j);
            n += (acm_store_get(snap, ACM_DB_NAME, key, strlen(key), &e)
                  != ACM_OK);
            n += (acm_store_get(snap, ACM_DB_USED, key, strlen(key), &e)
                  != ACM_OK);
        }
    }

    acm_store_end(snap);

    assert_int_equal(n, 0);
    assert_int_equal(test_entries(s, ACM_DB_NAME),
                     test_entries(s, ACM_DB_USED));

    acm_store_close(s);
    test_rmdir(dir);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_kill),
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_race),
        cmocka_unit_test(test_quota),
        cmocka_unit_test(test_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
