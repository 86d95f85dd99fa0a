
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the pages of an LMDB store are used for.
 */


#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "test_store.h"


static acm_rc_t
test_put(acm_store_t *store, acm_db_e db, const char *key, const char *value)
{
    acm_rc_t     rc;
    acm_batch_t  b;

    acm_batch_init(&b);
    acm_batch_put(&b, db, key, strlen(key), value, strlen(value));
    rc = acm_store_commit(store, &b, NULL);
    acm_batch_free(&b);

    return rc;
}


/* Keys that rise fill their pages: four of 1000 octets are in each. */

static void
test_dense(void **state)
{
    char               key[16], value[980], *dir;
    size_t             i, j;
    acm_batch_t        b;
    acm_store_t       *s;
    acm_snap_t        *snap;
    acm_entry_t        e;
    acm_store_stat_t   st;

    (void) state;

    dir = test_mkdir();
    s = test_open_at(dir, 64 << 20);
    memset(value, 'v', sizeof(value));

    for (i = 0; i < 4000; i += 100) {
        acm_batch_init(&b);

        for (j = i; j < i + 100; j++) {
            snprintf(key, sizeof(key), "%08zu", j);
            acm_batch_put(&b, ACM_DB_MATERIAL, key, 8, value, sizeof(value));
        }

        test_ok(acm_store_commit(s, &b, NULL));
        acm_batch_free(&b);
    }

    test_ok(acm_store_stat(s, &st, NULL));
    assert_int_equal(st.entries[ACM_DB_MATERIAL], 4000);
    assert_in_range(st.octets[ACM_DB_MATERIAL], 1000 * 4096, 1020 * 4096);
    assert_true(st.size >= st.used && st.used > st.octets[ACM_DB_MATERIAL]);

    /* the last of them is replaced, one goes in between, none is lost */

    test_ok(test_put(s, ACM_DB_MATERIAL, "00003999", "last"));
    test_ok(test_put(s, ACM_DB_MATERIAL, "00002000x", "between"));

    test_ok(acm_store_begin(s, &snap, NULL));
    test_ok(acm_store_get(snap, ACM_DB_MATERIAL, "00003999", 8, &e));
    assert_int_equal(e.len, 4);
    test_ok(acm_store_get(snap, ACM_DB_MATERIAL, "00002000x", 9, &e));
    assert_int_equal(e.len, 7);

    i = 0;

    test_ok(acm_store_seek(snap, ACM_DB_MATERIAL, NULL, 0, &e));

    do {
        i++;
    } while (acm_store_next(snap, ACM_DB_MATERIAL, &e) == ACM_OK);

    acm_store_end(snap);
    assert_int_equal(i, 4001);

    acm_store_close(s);
    test_rmdir(dir);
}


/* A store of 2000 entries of which every tenth is left. */

static void
test_sparse(const char *dir)
{
    char          key[16], value[1001];
    size_t        i;
    acm_batch_t   b;
    acm_store_t  *s;

    s = test_open_at(dir, 64 << 20);
    memset(value, 'v', 1000);
    value[1000] = '\0';

    for (i = 0; i < 2000; i++) {
        snprintf(key, sizeof(key), "%08zu", i);
        test_ok(test_put(s, ACM_DB_MATERIAL, key, value));
    }

    acm_batch_init(&b);

    for (i = 0; i < 2000; i++) {
        if (i % 10 != 0) {
            snprintf(key, sizeof(key), "%08zu", i);
            acm_batch_delete(&b, ACM_DB_MATERIAL, key, 8);
        }
    }

    test_ok(acm_store_commit(s, &b, NULL));
    acm_batch_free(&b);
    acm_store_close(s);
}


static size_t
test_count(const char *dir, uint64_t *generation)
{
    size_t        n;
    acm_rc_t      rc;
    acm_snap_t   *snap;
    acm_store_t  *s;
    acm_entry_t   e;

    s = test_open_at(dir, 0);
    *generation = acm_store_generation(s);
    test_ok(acm_store_begin(s, &snap, NULL));
    n = 0;

    for (rc = acm_store_seek(snap, ACM_DB_MATERIAL, NULL, 0, &e);
         rc == ACM_OK; rc = acm_store_next(snap, ACM_DB_MATERIAL, &e))
    {
        assert_int_equal(e.len, 1000);
        assert_int_equal(e.key[7], '0');
        n++;
    }

    acm_store_end(snap);
    acm_store_close(s);

    return n;
}


static void
test_compact(void **state)
{
    char          *dir, path[300];
    uint64_t       before, after, old, new;
    acm_err_t      err;
    acm_store_t   *s;
    struct stat    st;

    (void) state;

    dir = test_mkdir();
    test_sparse(dir);
    assert_int_equal(test_count(dir, &old), 200);

    /* what a run that was killed has left does not matter */

    snprintf(path, sizeof(path), "%s/compact", dir);
    assert_int_equal(mkdir(path, 0700), 0);

    test_ok(acm_store_compact(dir, &before, &after, &err));
    assert_true(after < before / 2);
    assert_int_equal(stat(path, &st), -1);

    /* revisions go on from where they were */

    assert_int_equal(test_count(dir, &new), 200);
    assert_true(new >= old);

    s = test_open_at(dir, 0);
    test_ok(test_put(s, ACM_DB_NAME, "a", "b"));
    assert_true(acm_store_generation(s) > new);
    acm_store_close(s);
    assert_int_equal(test_count(dir, &new), 200);

    test_ok(acm_store_compact(dir, &before, &after, &err));
    assert_int_equal(test_count(dir, &new), 200);

    assert_int_equal(acm_store_compact("/nonexistent", &before, &after, &err),
                     ACM_NOTFOUND);

    test_rmdir(dir);
}


/* Another process has it open: nothing is changed, and nothing left. */

static void
test_compact_busy(void **state)
{
    int            ready[2];
    char          *dir, c, path[300];
    pid_t          pid;
    uint64_t       before, after, generation;
    acm_err_t      err;
    acm_store_t   *s;
    struct stat    st, now;

    (void) state;

    dir = test_mkdir();
    test_sparse(dir);
    assert_int_equal(pipe(ready), 0);

    pid = fork();

    if (pid == 0) {
        s = test_open_at(dir, 0);
        (void) !write(ready[1], "x", (s != NULL));
        pause();
        _exit(0);
    }

    assert_int_equal(read(ready[0], &c, 1), 1);

    snprintf(path, sizeof(path), "%s/data.mdb", dir);
    assert_int_equal(stat(path, &st), 0);

    assert_int_equal(acm_store_compact(dir, &before, &after, &err), ACM_BUSY);
    assert_non_null(strstr(err.text, "stop nginx"));

    assert_int_equal(stat(path, &now), 0);
    assert_true(now.st_ino == st.st_ino && now.st_size == st.st_size);
    snprintf(path, sizeof(path), "%s/compact", dir);
    assert_int_equal(stat(path, &now), -1);

    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(ready[0]);
    close(ready[1]);

    test_ok(acm_store_compact(dir, &before, &after, &err));
    assert_int_equal(test_count(dir, &generation), 200);

    test_rmdir(dir);
}


/* The first octets of a file as another one. */

static void
test_cut(const char *from, const char *to, long size)
{
    FILE  *in, *out;
    char   buf[8192];

    in = fopen(from, "r");
    out = fopen(to, "w");
    assert_non_null(in);
    assert_non_null(out);
    assert_int_equal(fread(buf, 1, (size_t) size, in), size);
    assert_int_equal(fwrite(buf, 1, (size_t) size, out), size);
    fclose(in);
    fclose(out);
}


static acm_rc_t
test_open_half(const char *dir, int nowait, acm_err_t *err)
{
    acm_rc_t           rc;
    acm_store_t       *store;
    acm_store_conf_t   conf;

    memset(&conf, 0, sizeof(conf));
    conf.path = dir;
    conf.nowait = nowait ? 1 : 0;

    rc = acm_store_lmdb_open(&conf, &store, err);

    if (rc == ACM_OK) {
        acm_store_close(store);
    }

    return rc;
}


/* Whoever cannot wait is told to try again while it is being made; only what
   stays so is told to be damaged. */

static void
test_half(void **state)
{
    char         *dir, path[300], whole[300];
    size_t        i;
    acm_err_t     err;
    acm_store_t  *s;

    static const long  sizes[] = { 1, 100, 4096, 4096 + 100 };

    (void) state;

    dir = test_mkdir();
    s = test_open_at(dir, 0);
    test_ok(test_put(s, ACM_DB_NAME, "a", "b"));
    acm_store_close(s);

    test_ok(test_open_half(dir, 1, &err));

    snprintf(path, sizeof(path), "%s/data.mdb", dir);
    snprintf(whole, sizeof(whole), "%s/whole", dir);
    assert_int_equal(rename(path, whole), 0);
    assert_int_equal(test_open_half(dir, 1, &err), ACM_NOTFOUND);

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        test_cut(whole, path, sizes[i]);

        assert_int_equal(test_open_half(dir, 1, &err), ACM_BUSY);
        assert_non_null(strstr(err.text, "try again"));

        assert_int_equal(test_open_half(dir, 0, &err), ACM_CORRUPT);
        assert_non_null(strstr(err.text, "restore it from a backup"));
    }

    assert_int_equal(rename(whole, path), 0);
    test_ok(test_open_half(dir, 1, &err));

    test_rmdir(dir);
}


/* Writes octets to each place that is so far from a text. */

static void
test_edit(const char *dir, const char *text, long from, const char *data,
    size_t len)
{
    int          fd;
    char         path[600], *file, *at;
    size_t       size;
    struct stat  st;

    snprintf(path, sizeof(path), "%s/data.mdb", dir);
    assert_int_equal(stat(path, &st), 0);
    size = (size_t) st.st_size;
    file = malloc(size);
    fd = open(path, O_RDWR);
    assert_int_equal(read(fd, file, size), size);

    for (at = file; at < file + size - strlen(text); at++) {
        if (memcmp(at, text, strlen(text)) == 0) {
            assert_int_equal(pwrite(fd, data, len, at - file + from), len);
        }
    }

    close(fd);
    free(file);
}


/* Keys that do not rise, or are none, end a walk that reads on behind the
   last one in snapshots of its own. */

static void
test_order(void **state)
{
    char          *dir, from[ACM_MAX_STORE_KEY + 1];
    size_t         i, n, len;
    acm_rc_t       rc;
    acm_snap_t    *snap;
    acm_entry_t    e;
    acm_store_t   *s;

    static const struct {
        long          at;            /* from the key in the middle */
        const char   *data;
        size_t        len;
    } edits[] = {
        { 4, "0", 1 },
        { 4, "1", 1 },
        { -2, "\0", 2 }              /* the length of the key */
    };

    (void) state;

    for (i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        dir = test_mkdir();
        s = test_open_at(dir, 0);

        test_ok(test_put(s, ACM_DB_NAME, "key-1", "a"));
        test_ok(test_put(s, ACM_DB_NAME, "key-2", "b"));
        test_ok(test_put(s, ACM_DB_NAME, "key-3", "c"));
        acm_store_close(s);

        test_edit(dir, "key-2", edits[i].at, edits[i].data, edits[i].len);

        s = test_open_at(dir, 0);
        len = 0;
        n = 0;

        do {
            test_ok(acm_store_begin(s, &snap, NULL));
            rc = acm_store_seek(snap, ACM_DB_NAME, from, len, &e);

            if (rc != ACM_ERROR && rc != ACM_NOTFOUND) {
                n++;
                memcpy(from, e.key, e.key_len);
                rc = acm_store_next(snap, ACM_DB_NAME, &e);
            }

            if (rc != ACM_ERROR && rc != ACM_NOTFOUND) {
                memcpy(from, e.key, e.key_len);
                from[e.key_len] = '\0';
                len = e.key_len + 1;
            }

            acm_store_end(snap);

        } while (rc != ACM_ERROR && rc != ACM_NOTFOUND && n < 10);

        assert_int_equal(rc, ACM_ERROR);
        assert_in_range(n, 1, 3);

        /* backwards, too */

        test_ok(acm_store_begin(s, &snap, NULL));
        rc = acm_store_before(snap, ACM_DB_NAME, "key-3", 5, &e);
        assert_true(rc == ACM_ERROR || memcmp(e.key, "key-3", 5) < 0);
        acm_store_end(snap);

        acm_store_close(s);
        test_rmdir(dir);
    }
}


/* A walk that does not look at checksums sees what is damaged, of the one map
   and in the one snapshot; whoever reads it alone is told. */

static void
test_skim(void **state)
{
    char         *dir;
    size_t        i;
    acm_snap_t   *snap;
    acm_entry_t   e;
    acm_store_t  *s;

    static const acm_db_e  dbs[] = { ACM_DB_NAME, ACM_DB_CERTIFICATE };

    (void) state;

    dir = test_mkdir();
    s = test_open_at(dir, 0);

    for (i = 0; i < 2; i++) {
        test_ok(test_put(s, dbs[i], "one", "DAMAGE-ME-1234567890"));
        test_ok(test_put(s, dbs[i], "two", "DAMAGE-ME-1234567890"));
    }

    acm_store_close(s);

    test_edit(dir, "DAMAGE-ME-", 0, "d", 1);

    s = test_open_at(dir, 0);
    test_ok(acm_store_begin(s, &snap, NULL));
    acm_store_skim(snap, ACM_DB_CERTIFICATE);

    test_ok(acm_store_seek(snap, ACM_DB_CERTIFICATE, NULL, 0, &e));
    assert_memory_equal(e.data, "dAMAGE-ME-", 10);
    assert_int_equal(e.len, 20);
    test_ok(acm_store_next(snap, ACM_DB_CERTIFICATE, &e));
    assert_memory_equal(e.key, "two", 3);
    assert_memory_equal(e.data, "dAMAGE-ME-", 10);

    assert_int_equal(acm_store_get(snap, ACM_DB_CERTIFICATE, "one", 3, &e),
                     ACM_CORRUPT);
    assert_int_equal(acm_store_seek(snap, ACM_DB_NAME, NULL, 0, &e),
                     ACM_CORRUPT);
    acm_store_end(snap);

    test_ok(acm_store_begin(s, &snap, NULL));
    assert_int_equal(acm_store_seek(snap, ACM_DB_CERTIFICATE, NULL, 0, &e),
                     ACM_CORRUPT);
    acm_store_end(snap);
    acm_store_close(s);
    test_rmdir(dir);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_compact),
        cmocka_unit_test(test_compact_busy),
        cmocka_unit_test(test_half),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_skim)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
