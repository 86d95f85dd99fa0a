
/*
 * Copyright (C) The ngx_acm authors
 *
 * Handles that share a store, one for each thread; another process grows the
 * map under them.
 */


#include "test_store.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>


#define TEST_THREADS  6
#define TEST_ROUNDS   50
#define TEST_PAGES    12         /* values of a batch, each a page or two */
#define TEST_VALUE    3000       /* octets */


typedef struct {
    acm_store_t    *store;
    pthread_t       thread;
    unsigned        id;
    unsigned        conflicts;
    unsigned        full;            /* 1: the disk may be */
    const char     *fault;           /* no assertions off the main thread */
} test_thread_t;


static void
test_open(const char *path, uint64_t size, acm_store_t **store)
{
    acm_store_conf_t  conf;

    memset(&conf, 0, sizeof(conf));
    conf.path = path;
    conf.create = 1;
    conf.map_size = size;

    test_ok(acm_store_lmdb_open(&conf, store, NULL));
}


/* The counter that all threads raise: no step may be lost. */

static acm_rc_t
test_step(test_thread_t *t)
{
    uint32_t      n;
    uint64_t      revision;
    acm_rc_t      rc;
    acm_snap_t   *snap;
    acm_batch_t   batch;
    acm_entry_t   entry;

    rc = acm_store_begin(t->store, &snap, NULL);

    if (rc != ACM_OK) {
        return rc;
    }

    n = 0;
    revision = 0;
    rc = acm_store_get(snap, ACM_DB_USED, "counter", 7, &entry);

    if (rc == ACM_OK) {
        memcpy(&n, entry.data, sizeof(n));
        revision = entry.revision;
    }

    acm_store_end(snap);

    if (rc != ACM_OK && rc != ACM_NOTFOUND) {
        return rc;
    }

    n++;

    acm_batch_init(&batch);
    acm_batch_expect(&batch, ACM_DB_USED, "counter", 7, revision);
    acm_batch_put(&batch, ACM_DB_USED, "counter", 7, &n, sizeof(n));
    acm_batch_count(&batch, ACM_DB_QUOTA, "n", 1, 2, INT64_MAX);
    rc = acm_store_commit(t->store, &batch, NULL);
    acm_batch_free(&batch);

    return rc;
}


static void *
test_run(void *data)
{
    unsigned        n;
    acm_rc_t        rc;
    test_thread_t  *t = data;

    for (n = 0; n < TEST_ROUNDS && t->fault == NULL; ) {
        (void) acm_store_generation(t->store);
        rc = test_step(t);

        if (rc == ACM_OK) {
            n++;

        } else if (rc == ACM_CONFLICT) {
            t->conflicts++;

        } else if (rc != ACM_FULL || !t->full) {
            t->fault = acm_rc_text(rc);
        }
    }

    return NULL;
}


static uint32_t
test_counter(acm_store_t *store)
{
    uint32_t      n;
    acm_snap_t   *snap;
    acm_entry_t   entry;

    test_ok(acm_store_begin(store, &snap, NULL));
    test_ok(acm_store_get(snap, ACM_DB_USED, "counter", 7, &entry));
    memcpy(&n, entry.data, sizeof(n));
    test_ok(acm_store_get(snap, ACM_DB_QUOTA, "n", 1, &entry));
    assert_int_equal(acm_count_read(&entry), 2 * n);
    acm_store_end(snap);

    return n;
}


/* Another process, with a larger map, fills it beyond the size of ours. */

static void
test_grow(const char *path)
{
    uint8_t      *data;
    uint32_t      i;
    acm_batch_t   batch;
    acm_store_t  *store;

    test_open(path, 256 << 20, &store);

    data = calloc(1, 100000);

    for (i = 0; i < 60; i++) {
        acm_batch_init(&batch);
        acm_batch_put(&batch, ACM_DB_EVENT, &i, sizeof(i), data, 100000);
        test_ok(acm_store_commit(store, &batch, NULL));
        acm_batch_free(&batch);
    }

    free(data);
    acm_store_close(store);
}


static void
test_threads(void **state)
{
    int               go[2], status;
    char             *path;
    pid_t             pid;
    unsigned          i;
    acm_err_t         err;
    acm_snap_t       *snap;
    acm_store_t      *store, *other;
    test_thread_t     t[TEST_THREADS];

    (void) state;

    path = test_mkdir();

    /* before the store is open here: its descriptors are not inherited */

    assert_int_equal(pipe(go), 0);
    pid = fork();

    if (pid == 0) {
        close(go[1]);
        (void) !read(go[0], &status, 1);
        test_grow(path);
        _exit(0);
    }

    close(go[0]);
    test_open(path, 4 << 20, &store);

    memset(t, 0, sizeof(t));

    for (i = 0; i < TEST_THREADS; i++) {
        t[i].id = i;
        test_ok(acm_store_share(store, &t[i].store, NULL));
    }

    /* not with a snapshot open */

    test_ok(acm_store_begin(store, &snap, NULL));
    assert_int_equal(acm_store_share(store, &other, &err), ACM_BUSY);
    acm_store_end(snap);

    close(go[1]);

    for (i = 0; i < TEST_THREADS; i++) {
        assert_int_equal(pthread_create(&t[i].thread, NULL, test_run, &t[i]),
                         0);
    }

    for (i = 0; i < TEST_THREADS; i++) {
        pthread_join(t[i].thread, NULL);

        if (t[i].fault != NULL) {
            print_error("%s\n", t[i].fault);
        }

        assert_null(t[i].fault);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);

    assert_int_equal(test_counter(store), TEST_THREADS * TEST_ROUNDS);

    /* the handle that the others came from may go first */

    acm_store_close(store);
    assert_int_equal(test_counter(t[0].store), TEST_THREADS * TEST_ROUNDS);

    for (i = 0; i < TEST_THREADS; i++) {
        acm_store_close(t[i].store);
    }

    /* and then it can be opened again */

    test_open(path, 0, &store);
    acm_store_close(store);

    test_rmdir(path);
}


/* A descriptor of LMDB's: O_RDWR for pages, O_WRONLY for what ends a
   commit. */

static int
test_data_fd(const char *path, int mode)
{
    int          fd, flags;
    char         name[4096];
    struct stat  st, data;

    snprintf(name, sizeof(name), "%s/data.mdb", path);
    assert_int_equal(stat(name, &data), 0);

    for (fd = 3; fd < 1024; fd++) {
        flags = fcntl(fd, F_GETFL);

        if (flags != -1 && (flags & O_ACCMODE) == mode
            && fstat(fd, &st) == 0
            && st.st_dev == data.st_dev && st.st_ino == data.st_ino)
        {
            return fd;
        }
    }

    fail_msg("the store has no descriptor");

    return -1;
}


/*
 * A commit leaves the offset of the descriptor where LMDB has put it: another
 * thread may be between LMDB's lseek() and its writev().  Pages in the middle
 * of the file are used again and again here, so that it is not at the end.
 */

static void
test_offset(void **state)
{
    int           fd;
    char         *path;
    uint8_t       data[TEST_VALUE];
    unsigned      away, i, k;
    acm_batch_t   batch;
    acm_store_t  *store;
    struct stat   st;

    (void) state;

    path = test_mkdir();
    test_open(path, 4 << 20, &store);

    fd = test_data_fd(path, O_RDWR);
    away = 0;

    for (i = 0; i < 40; i++) {
        memset(data, (int) i, sizeof(data));
        acm_batch_init(&batch);

        for (k = 0; k < TEST_PAGES; k++) {
            acm_batch_put(&batch, ACM_DB_USED, &k, sizeof(k), data,
                          sizeof(data));
        }

        test_ok(acm_store_commit(store, &batch, NULL));
        acm_batch_free(&batch);

        assert_int_equal(fstat(fd, &st), 0);
        away += (lseek(fd, 0, SEEK_CUR) != st.st_size);
    }

    assert_true(away > 0);

    acm_store_close(store);
    test_rmdir(path);
}


/* No room for what ends a commit. */

static void
test_fill(const char *path)
{
    int  fd, full;

    fd = test_data_fd(path, O_WRONLY);
    full = open("/dev/full", O_WRONLY);
    assert_int_not_equal(full, -1);
    assert_int_equal(dup2(full, fd), fd);
    close(full);
}


static void
test_move(const char *path, const char *from, const char *to)
{
    char  a[4096], b[4096];

    snprintf(a, sizeof(a), "%s/%s", path, from);
    snprintf(b, sizeof(b), "%s/%s", path, to);
    assert_int_equal(rename(a, b), 0);
}


/*
 * A commit that fails at its end leaves LMDB unable to do anything: all
 * handles go on nevertheless, as it is opened anew.
 */

static void
test_lost(void **state)
{
    char              *path, *to;
    int64_t            ticks;
    uint64_t           generation;
    acm_err_t          err;
    acm_snap_t        *snap;
    acm_entry_t        entry;
    acm_store_t       *store;
    test_thread_t      a, b, c;
    acm_store_stat_t   stat;

    (void) state;

    path = test_mkdir();
    test_open(path, 4 << 20, &store);

    test_ok(acm_store_share(store, &a.store, NULL));
    test_ok(acm_store_share(store, &b.store, NULL));
    test_ok(test_step(&a));
    test_ok(test_step(&b));

    /* a transaction and a cursor, which go with the old environment */

    test_ok(acm_store_begin(b.store, &snap, NULL));
    test_ok(acm_store_seek(snap, ACM_DB_USED, NULL, 0, &entry));
    acm_store_end(snap);

    test_fill(path);

    assert_int_equal(test_step(&a), ACM_FULL);

    assert_int_equal(test_counter(b.store), 2);
    test_ok(test_step(&a));
    test_ok(test_step(&b));
    assert_int_equal(test_counter(store), 4);
    assert_int_equal(acm_store_generation(store),
                     acm_store_generation(a.store));

    /* and new ones can be made */

    test_fill(path);

    assert_int_equal(test_step(&a), ACM_FULL);
    test_ok(acm_store_share(store, &c.store, NULL));
    assert_int_equal(test_counter(c.store), 4);

    /* also for a backup, which comes to its check first */

    test_fill(path);

    assert_int_equal(test_step(&a), ACM_FULL);
    to = test_mkdir();
    test_ok(acm_store_backup(c.store, to, NULL));
    test_rmdir(to);

    /* as long as it cannot be opened, there is an error that says why */

    ticks = acm_ticks();
    acm_ticks_set(ticks);
    generation = acm_store_generation(store);
    test_fill(path);

    assert_int_equal(test_step(&b), ACM_FULL);
    test_move(path, "data.mdb", "away");
    assert_int_equal(acm_store_begin(b.store, &snap, &err), ACM_ERROR);
    assert_int_equal(acm_store_stat(a.store, &stat, &err), ACM_NOTFOUND);
    assert_int_equal(acm_store_generation(a.store), generation);
    assert_int_equal(test_step(&c), ACM_NOTFOUND);
    assert_int_equal(acm_store_begin(b.store, &snap, &err), ACM_NOTFOUND);
    assert_non_null(strstr(err.text, "does not exist"));
    test_move(path, "away", "data.mdb");

    /* it is not tried all the time */

    acm_ticks_set(ticks + ACM_STORE_AGAIN - 1);
    err.text[0] = '\0';
    assert_int_equal(acm_store_begin(b.store, &snap, &err), ACM_NOTFOUND);
    assert_non_null(strstr(err.text, "does not exist"));
    acm_ticks_set(ticks + ACM_STORE_AGAIN);
    assert_int_equal(test_counter(b.store), 4);

    /* after one that succeeded it is tried at once, also by a clock that was
       ahead */

    test_fill(path);
    assert_int_equal(test_step(&a), ACM_FULL);
    assert_int_equal(test_counter(b.store), 4);

    test_fill(path);
    assert_int_equal(test_step(&a), ACM_FULL);
    test_move(path, "data.mdb", "away");
    assert_int_equal(acm_store_begin(b.store, &snap, &err), ACM_ERROR);
    test_move(path, "away", "data.mdb");
    acm_ticks_set(ticks);
    assert_int_equal(test_counter(b.store), 4);
    acm_ticks_set(-1);

    acm_store_close(store);
    acm_store_close(b.store);
    acm_store_close(a.store);
    acm_store_close(c.store);
    test_rmdir(path);
}


static uint64_t
test_maps(acm_store_t *store)
{
    acm_snap_t       *snap;
    acm_store_map_t   map;

    test_ok(acm_store_begin(store, &snap, NULL));
    test_ok(acm_store_map(snap, &map));
    acm_store_end(snap);

    return map.maps;
}


/* The same while other threads read and commit: it is opened once for all. */

static void
test_lost_threads(void **state)
{
    char           *path;
    unsigned        i, round;
    acm_store_t    *store;
    test_thread_t   t[TEST_THREADS];

    (void) state;

    path = test_mkdir();
    test_open(path, 4 << 20, &store);

    memset(t, 0, sizeof(t));

    for (i = 0; i < TEST_THREADS; i++) {
        t[i].full = 1;
        test_ok(acm_store_share(store, &t[i].store, NULL));
    }

    for (round = 1; round <= 4; round++) {
        test_fill(path);

        for (i = 0; i < TEST_THREADS; i++) {
            assert_int_equal(pthread_create(&t[i].thread, NULL, test_run,
                                            &t[i]),
                             0);
        }

        for (i = 0; i < TEST_THREADS; i++) {
            pthread_join(t[i].thread, NULL);
            assert_null(t[i].fault);
        }

        assert_int_equal(test_counter(store),
                         round * TEST_THREADS * TEST_ROUNDS);
        assert_int_equal(test_maps(store), round);
    }

    for (i = 0; i < TEST_THREADS; i++) {
        acm_store_close(t[i].store);
    }

    acm_store_close(store);
    test_rmdir(path);
}


static void
test_memory(void **state)
{
    acm_err_t          err;
    acm_store_t       *store, *other;

    (void) state;

    store = test_open_memory();
    assert_int_equal(acm_store_share(store, &other, &err), ACM_INVALID);
    acm_store_close(store);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_offset),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_lost_threads),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests_name("acm_store_share", tests, NULL, NULL);
}
