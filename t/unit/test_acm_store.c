
/*
 * Copyright (C) The ngx_acm authors
 *
 * The contract of acm_store.h on both back ends, and both against each other.
 */


#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "test_store.h"


typedef acm_rc_t (*test_open_pt)(const acm_store_conf_t *conf,
    acm_store_t **store, acm_err_t *err);


static acm_rc_t
test_put(acm_store_t *store, acm_db_e db, const char *key, const char *value,
    int grow)
{
    acm_rc_t     rc;
    acm_batch_t  b;

    acm_batch_init(&b);
    b.grow = grow ? 1 : 0;
    acm_batch_put(&b, db, key, strlen(key), value, strlen(value));
    rc = acm_store_commit(store, &b, NULL);
    acm_batch_free(&b);

    return rc;
}


static acm_rc_t
test_delete(acm_store_t *store, acm_db_e db, const char *key)
{
    acm_rc_t     rc;
    acm_batch_t  b;

    acm_batch_init(&b);
    acm_batch_delete(&b, db, key, strlen(key));
    rc = acm_store_commit(store, &b, NULL);
    acm_batch_free(&b);

    return rc;
}


static uint64_t
test_revision(acm_store_t *store, acm_db_e db, const char *key)
{
    uint64_t      revision;
    acm_snap_t   *snap;
    acm_entry_t   e;

    test_ok(acm_store_begin(store, &snap, NULL));
    revision = (acm_store_get(snap, db, key, strlen(key), &e) == ACM_OK)
               ? e.revision : 0;
    acm_store_end(snap);

    return revision;
}


static void
test_contract(acm_store_t *s)
{
    char          big[ACM_MAX_STORE_KEY + 2];
    uint8_t      *value;
    uint64_t      generation, revision, n;
    acm_snap_t   *snap, *second;
    acm_batch_t   b;
    acm_entry_t   e;

    /* what is put is read back, in order, with the revision of its commit */

    generation = acm_store_generation(s);
    test_ok(test_put(s, ACM_DB_NAME, "b", "two", 0));
    test_ok(test_put(s, ACM_DB_NAME, "a", "one", 0));
    test_ok(test_put(s, ACM_DB_NAME, "c", "", 0));
    assert_true(acm_store_generation(s) > generation);

    test_ok(acm_store_begin(s, &snap, NULL));
    assert_int_equal(acm_store_begin(s, &second, NULL), ACM_BUSY);
    assert_true(acm_snap_generation(snap) == acm_store_generation(s));

    test_ok(acm_store_get(snap, ACM_DB_NAME, "b", 1, &e));
    assert_int_equal(e.len, 3);
    assert_memory_equal(e.data, "two", 3);
    assert_true(e.revision > generation);
    assert_int_equal(acm_store_get(snap, ACM_DB_DUE, "b", 1, &e),
                     ACM_NOTFOUND);

    test_ok(acm_store_seek(snap, ACM_DB_NAME, NULL, 0, &e));
    assert_memory_equal(e.key, "a", 1);
    test_ok(acm_store_next(snap, ACM_DB_NAME, &e));
    assert_memory_equal(e.key, "b", 1);
    test_ok(acm_store_next(snap, ACM_DB_NAME, &e));
    assert_memory_equal(e.key, "c", 1);
    assert_int_equal(e.len, 0);
    assert_int_equal(acm_store_next(snap, ACM_DB_NAME, &e), ACM_NOTFOUND);
    test_ok(acm_store_seek(snap, ACM_DB_NAME, "aa", 2, &e));
    assert_memory_equal(e.key, "b", 1);
    assert_int_equal(acm_store_seek(snap, ACM_DB_NAME, "d", 1, &e),
                     ACM_NOTFOUND);

    /* backwards, whether the key is there or not */

    test_ok(acm_store_before(snap, ACM_DB_NAME, NULL, 0, &e));
    assert_memory_equal(e.key, "c", 1);
    test_ok(acm_store_before(snap, ACM_DB_NAME, "d", 1, &e));
    assert_memory_equal(e.key, "c", 1);
    test_ok(acm_store_before(snap, ACM_DB_NAME, "c", 1, &e));
    assert_memory_equal(e.key, "b", 1);
    assert_memory_equal(e.data, "two", 3);
    test_ok(acm_store_before(snap, ACM_DB_NAME, "aa", 2, &e));
    assert_memory_equal(e.key, "a", 1);
    assert_int_equal(acm_store_before(snap, ACM_DB_NAME, "a", 1, &e),
                     ACM_NOTFOUND);
    assert_int_equal(acm_store_before(snap, ACM_DB_DUE, "a", 1, &e),
                     ACM_NOTFOUND);
    assert_int_equal(acm_store_before(snap, ACM_DB_DUE, NULL, 0, &e),
                     ACM_NOTFOUND);
    assert_int_equal(acm_store_before(snap, ACM_DB_MAX, NULL, 0, &e),
                     ACM_INVALID);

    test_ok(acm_store_entries(snap, ACM_DB_NAME, &n));
    assert_int_equal(n, 3);
    test_ok(acm_store_entries(snap, ACM_DB_DUE, &n));
    assert_int_equal(n, 0);
    assert_int_equal(acm_store_entries(snap, ACM_DB_MAX, &n), ACM_INVALID);

    acm_batch_init(&b);
    acm_batch_put(&b, ACM_DB_NAME, "x", 1, "y", 1);
    assert_int_equal(acm_store_commit(s, &b, NULL), ACM_BUSY);
    acm_store_end(snap);
    acm_batch_free(&b);

    /* preconditions: all or nothing */

    revision = test_revision(s, ACM_DB_NAME, "a");
    generation = acm_store_generation(s);

    acm_batch_init(&b);
    acm_batch_put(&b, ACM_DB_NAME, "z", 1, "z", 1);
    acm_batch_expect(&b, ACM_DB_NAME, "a", 1, revision + 1);
    assert_int_equal(acm_store_commit(s, &b, NULL), ACM_CONFLICT);
    acm_batch_free(&b);
    assert_true(test_revision(s, ACM_DB_NAME, "z") == 0);
    assert_true(acm_store_generation(s) == generation);

    acm_batch_init(&b);
    acm_batch_expect(&b, ACM_DB_NAME, "a", 1, revision);
    acm_batch_expect(&b, ACM_DB_NAME, "none", 4, 0);
    acm_batch_put(&b, ACM_DB_NAME, "a", 1, "new", 3);
    acm_batch_delete(&b, ACM_DB_NAME, "b", 1);
    acm_batch_delete(&b, ACM_DB_NAME, "none", 4);
    test_ok(acm_store_commit(s, &b, NULL));
    acm_batch_free(&b);
    assert_true(test_revision(s, ACM_DB_NAME, "a") > revision);
    assert_true(test_revision(s, ACM_DB_NAME, "b") == 0);

    acm_batch_init(&b);
    acm_batch_expect(&b, ACM_DB_NAME, "a", 1, 0);
    assert_int_equal(acm_store_commit(s, &b, NULL), ACM_CONFLICT);
    acm_batch_free(&b);

    /* operations apply in order */

    acm_batch_init(&b);
    acm_batch_delete(&b, ACM_DB_NAME, "a", 1);
    acm_batch_put(&b, ACM_DB_NAME, "a", 1, "again", 5);
    test_ok(acm_store_commit(s, &b, NULL));
    acm_batch_free(&b);
    assert_true(test_revision(s, ACM_DB_NAME, "a") != 0);

    /* limits, at and one past */

    memset(big, 'k', sizeof(big));
    big[ACM_MAX_STORE_KEY] = '\0';
    test_ok(test_put(s, ACM_DB_NAME, big, "v", 0));
    big[ACM_MAX_STORE_KEY] = 'k';
    big[ACM_MAX_STORE_KEY + 1] = '\0';
    assert_int_not_equal(test_put(s, ACM_DB_NAME, big, "v", 0), ACM_OK);
    assert_int_not_equal(test_put(s, ACM_DB_NAME, "", "v", 0), ACM_OK);

    value = malloc(ACM_MAX_STORE_VALUE + 1);
    memset(value, 1, ACM_MAX_STORE_VALUE + 1);
    acm_batch_init(&b);
    acm_batch_put(&b, ACM_DB_NAME, "v", 1, value, ACM_MAX_STORE_VALUE);
    test_ok(acm_store_commit(s, &b, NULL));
    acm_batch_free(&b);
    acm_batch_init(&b);
    acm_batch_put(&b, ACM_DB_NAME, "v", 1, value, ACM_MAX_STORE_VALUE + 1);
    assert_int_equal(b.rc, ACM_TOOBIG);
    assert_int_not_equal(acm_store_commit(s, &b, NULL), ACM_OK);
    acm_batch_free(&b);
    free(value);

    acm_batch_init(&b);

    for (generation = 0; generation < ACM_MAX_BATCH; generation++) {
        acm_batch_delete(&b, ACM_DB_NAME, "q", 1);
    }

    test_ok(b.rc);
    acm_batch_delete(&b, ACM_DB_NAME, "q", 1);
    assert_int_equal(b.rc, ACM_TOOBIG);
    acm_batch_free(&b);
}


static void
test_lmdb(void **state)
{
    char               *dir;
    acm_store_t        *s;
    acm_store_stat_t    stat;

    (void) state;

    dir = test_mkdir();
    s = test_open_at(dir, 64 << 20);
    assert_non_null(s);
    test_contract(s);

    test_ok(acm_store_stat(s, &stat, NULL));
    assert_int_equal(stat.schema, ACM_STORE_SCHEMA);
    assert_int_equal(stat.map_size, 64 << 20);
    assert_true(stat.used > 0 && stat.used < stat.map_size);
    acm_store_close(s);

    /* it is all there in the next process; size 0 keeps the size */

    s = test_open_at(dir, 0);
    assert_non_null(s);
    assert_true(test_revision(s, ACM_DB_NAME, "a") != 0);
    test_ok(acm_store_stat(s, &stat, NULL));
    assert_int_equal(stat.map_size, 64 << 20);
    acm_store_close(s);

    test_rmdir(dir);
}


static void
test_mem(void **state)
{
    acm_store_t       *s;

    (void) state;

    s = test_open_memory();
    test_contract(s);
    acm_store_close(s);
}


/* both back ends say the same of the same operations */

static void
test_twins(void **state)
{
    char               *dir, key[8], value[64], *env;
    size_t              ops, i, n;
    uint32_t            seed, r;
    acm_db_e            db;
    acm_rc_t            ra, rb;
    acm_snap_t         *sa, *sb;
    acm_batch_t         ba, bb;
    acm_entry_t         ea, eb;
    acm_store_t        *a, *b;
    uint64_t            rev_a, rev_b;

    (void) state;

    env = getenv("ACM_STORE_OPS");
    ops = env ? (size_t) strtoul(env, NULL, 10) : 20000;
    seed = 20261125;

    dir = test_mkdir();
    a = test_open_at(dir, 16 << 20);
    assert_non_null(a);
    b = test_open_memory();

    for (i = 0; i < ops; i++) {

        acm_batch_init(&ba);
        acm_batch_init(&bb);

        for (n = test_random(&seed) % 6 + 1; n > 0; n--) {
            r = test_random(&seed);
            db = (acm_db_e) (1 + r % (ACM_DB_MAX - 1));
            snprintf(key, sizeof(key), "k%u", (r >> 8) % 40);

            switch ((r >> 16) % 4) {

            case 0:
            case 1:
                memset(value, 'a' + (int) ((r >> 20) % 26), sizeof(value));
                acm_batch_put(&ba, db, key, strlen(key), value, r % 64);
                acm_batch_put(&bb, db, key, strlen(key), value, r % 64);
                break;

            case 2:
                acm_batch_delete(&ba, db, key, strlen(key));
                acm_batch_delete(&bb, db, key, strlen(key));
                break;

            default:
                rev_a = test_revision(a, db, key);
                rev_b = test_revision(b, db, key);
                assert_int_equal(rev_a == 0, rev_b == 0);

                if ((r >> 26) % 8 == 0) {
                    rev_a += 7;
                    rev_b += 7;
                }

                acm_batch_expect(&ba, db, key, strlen(key), rev_a);
                acm_batch_expect(&bb, db, key, strlen(key), rev_b);
                break;
            }
        }

        ra = acm_store_commit(a, &ba, NULL);
        rb = acm_store_commit(b, &bb, NULL);
        assert_int_equal(ra, rb);

        acm_batch_free(&ba);
        acm_batch_free(&bb);

        if (i % 500 == 0) {
            test_ok(acm_store_begin(a, &sa, NULL));
            test_ok(acm_store_begin(b, &sb, NULL));

            for (db = ACM_DB_CERTIFICATE; db < ACM_DB_MAX; db++) {
                ra = acm_store_seek(sa, db, NULL, 0, &ea);
                rb = acm_store_seek(sb, db, NULL, 0, &eb);

                while (ra == ACM_OK && rb == ACM_OK) {
                    assert_int_equal(ea.key_len, eb.key_len);
                    assert_memory_equal(ea.key, eb.key, ea.key_len);
                    assert_int_equal(ea.len, eb.len);

                    if (ea.len) {
                        assert_memory_equal(ea.data, eb.data, ea.len);
                    }

                    ra = acm_store_next(sa, db, &ea);
                    rb = acm_store_next(sb, db, &eb);
                }

                assert_int_equal(ra, ACM_NOTFOUND);
                assert_int_equal(rb, ACM_NOTFOUND);
            }

            acm_store_end(sa);
            acm_store_end(sb);
        }

        if (i % 2000 == 1999) {
            acm_store_close(a);
            a = test_open_at(dir, (16 << 20) + i * 4096);
            assert_non_null(a);
        }
    }

    acm_store_close(a);
    acm_store_close(b);
    test_rmdir(dir);
}


/* Numbers rise, across batches, deletes and openings, in both back ends. */

static void
test_append_to(acm_store_t *s, uint64_t *last)
{
    size_t        i, n;
    uint64_t      number;
    acm_snap_t   *snap;
    acm_batch_t   b;
    acm_entry_t   e;

    acm_batch_init(&b);
    acm_batch_append(&b, ACM_DB_EVENT, "one", 3);
    acm_batch_put(&b, ACM_DB_META, "k", 1, "v", 1);
    acm_batch_append(&b, ACM_DB_EVENT, "two", 3);
    test_ok(acm_store_commit(s, &b, NULL));
    acm_batch_free(&b);

    test_ok(acm_store_begin(s, &snap, NULL));
    test_ok(acm_store_seek(snap, ACM_DB_EVENT, NULL, 0, &e));

    acm_batch_init(&b);

    for (n = 0; n < 2; n++) {
        assert_int_equal(e.key_len, ACM_NUMBER_LEN);
        assert_memory_equal(e.data, n == 0 ? "one" : "two", 3);

        for (number = 0, i = 0; i < ACM_NUMBER_LEN; i++) {
            number = number << 8 | e.key[i];
        }

        assert_true(number > *last);
        *last = number;

        acm_batch_delete(&b, ACM_DB_EVENT, e.key, e.key_len);

        assert_int_equal(acm_store_next(snap, ACM_DB_EVENT, &e),
                         n == 0 ? ACM_OK : ACM_NOTFOUND);
    }

    acm_store_end(snap);

    test_ok(acm_store_commit(s, &b, NULL));
    acm_batch_free(&b);
}


static void
test_append(void **state)
{
    char              *dir;
    unsigned           n;
    uint64_t           last, last_mem;
    acm_store_t       *s, *mem;

    (void) state;

    dir = test_mkdir();
    mem = test_open_memory();
    last = 0;
    last_mem = 0;

    for (n = 0; n < 5; n++) {
        s = test_open_at(dir, ACM_STORE_MIN_MAP);
        assert_non_null(s);

        test_append_to(s, &last);
        test_append_to(mem, &last_mem);

        acm_store_close(s);
    }

    acm_store_close(mem);
    test_rmdir(dir);
}


static void
test_full(void **state)
{
    char               *dir, key[16], value[1001];
    unsigned            n, i;
    acm_rc_t            rc;
    acm_err_t           err;
    acm_batch_t         b;
    acm_store_t        *s;

    (void) state;

    dir = test_mkdir();
    s = test_open_at(dir, ACM_STORE_MIN_MAP);
    assert_non_null(s);

    memset(value, 'v', sizeof(value));
    value[1000] = '\0';
    rc = ACM_OK;

    for (n = 0; n < 5000; n++) {
        snprintf(key, sizeof(key), "%08u", n);
        rc = test_put(s, ACM_DB_MATERIAL, key, value, 1);

        if (rc != ACM_OK) {
            break;
        }
    }

    assert_int_equal(rc, ACM_FULL);
    assert_true(n > 100);

    acm_batch_init(&b);
    b.grow = 1;
    acm_batch_put(&b, ACM_DB_MATERIAL, "x", 1, value, 1000);
    assert_int_equal(acm_store_commit(s, &b, &err), ACM_FULL);
    assert_non_null(strstr(err.text, "full"));
    assert_non_null(strstr(err.text, dir));
    acm_batch_free(&b);

    /* renewals and deletes go on, again and again */

    for (i = 0; i < 300; i++) {
        snprintf(key, sizeof(key), "%08u", i % n);
        test_ok(test_put(s, ACM_DB_MATERIAL, key, value, 0));
    }

    for (i = 0; i < n / 2; i++) {
        snprintf(key, sizeof(key), "%08u", i);
        test_ok(test_delete(s, ACM_DB_MATERIAL, key));
    }

    test_ok(test_put(s, ACM_DB_MATERIAL, "x", value, 1));
    assert_true(test_revision(s, ACM_DB_MATERIAL, key) == 0);

    acm_store_close(s);
    test_rmdir(dir);
}


/* another schema, another owner, another program, half a file */

static void
test_unfit(void **state)
{
    int                 fd;
    char               *dir, path[600];
    acm_err_t           err;
    acm_batch_t         b;
    acm_snap_t         *snap;
    acm_entry_t         e;
    acm_store_t        *s;
    acm_store_conf_t    conf;
    acm_store_stat_t    st;
    uint8_t             schema[64];
    size_t              len;

    (void) state;

    memset(&conf, 0, sizeof(conf));
    conf.path = "/nonexistent/acm";
    conf.create = 1;
    assert_int_not_equal(acm_store_lmdb_open(&conf, &s, &err), ACM_OK);
    assert_non_null(strstr(err.text, "/nonexistent/acm"));

    dir = test_mkdir();
    conf.path = dir;
    conf.create = 0;
    assert_int_equal(acm_store_lmdb_open(&conf, &s, &err), ACM_NOTFOUND);

    s = test_open_at(dir, 0);
    assert_non_null(s);
    test_ok(test_put(s, ACM_DB_NAME, "a", "b", 0));

    if (geteuid() == 0) {
        snprintf(path, sizeof(path), "%s/data.mdb", dir);
        acm_store_close(s);
        assert_int_equal(chown(path, 12345, 12345), 0);
        assert_int_equal(acm_store_lmdb_open(&conf, &s, &err), ACM_DENIED);
        assert_non_null(strstr(err.text, "12345"));
        assert_int_equal(chown(path, 0, 0), 0);
        s = test_open_at(dir, 0);
        assert_non_null(s);
    }

    /* a newer schema opens, is read, and is never written */

    test_ok(acm_store_begin(s, &snap, NULL));
    test_ok(acm_store_seek(snap, ACM_DB_META, NULL, 0, &e));
    len = e.len;
    assert_true(len <= sizeof(schema));
    memcpy(schema, e.data, len);
    memcpy(path, e.key, e.key_len);
    path[e.key_len] = '\0';
    acm_store_end(snap);

    schema[len - 1]++;
    acm_batch_init(&b);
    acm_batch_put(&b, ACM_DB_META, path, strlen(path), schema, len);
    test_ok(acm_store_commit(s, &b, NULL));
    acm_batch_free(&b);

    assert_int_equal(test_put(s, ACM_DB_NAME, "a", "c", 0), ACM_VERSION);
    acm_store_close(s);

    conf.create = 1;
    test_ok(acm_store_lmdb_open(&conf, &s, &err));
    test_ok(acm_store_stat(s, &st, NULL));
    assert_int_equal(st.schema, ACM_STORE_SCHEMA + 1);
    assert_true(test_revision(s, ACM_DB_NAME, "a") != 0);
    assert_int_equal(test_put(s, ACM_DB_NAME, "a", "c", 0), ACM_VERSION);
    acm_store_close(s);

    /* a truncated file */

    snprintf(path, sizeof(path), "%s/data.mdb", dir);
    assert_int_equal(truncate(path, 8192), 0);
    assert_int_equal(acm_store_lmdb_open(&conf, &s, &err), ACM_CORRUPT);
    assert_non_null(strstr(err.text, dir));

    fd = open(path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "this is no database at all", 26), 26);
    close(fd);
    assert_int_equal(acm_store_lmdb_open(&conf, &s, &err), ACM_CORRUPT);

    test_rmdir(dir);
}


static void
test_damage(void **state)
{
    int            fd;
    char          *dir, path[600], *data, *at;
    size_t         size;
    uint16_t       len;
    acm_snap_t    *snap;
    acm_entry_t    e;
    acm_store_t   *s;
    struct stat    st;

    (void) state;

    dir = test_mkdir();
    s = test_open_at(dir, 0);
    test_ok(test_put(s, ACM_DB_NAME, "long-key", "", 0));
    test_ok(test_put(s, ACM_DB_NAME, "one", "DAMAGE-ME-1234567890", 0));
    test_ok(test_put(s, ACM_DB_NAME, "two", "leave me", 0));
    acm_store_close(s);

    snprintf(path, sizeof(path), "%s/data.mdb", dir);
    assert_int_equal(stat(path, &st), 0);
    size = (size_t) st.st_size;
    data = malloc(size);
    fd = open(path, O_RDWR);
    assert_int_equal(read(fd, data, size), size);

    for (at = data; at < data + size - 20; at++) {
        if (memcmp(at, "DAMAGE-ME-", 10) == 0) {
            assert_int_equal(pwrite(fd, "d", 1, at - data), 1);
        }

        /* LMDB has the octets of a key before it */

        len = ACM_MAX_STORE_KEY + 1;

        if (at > data + 2 && memcmp(at - 2, "\x08\0long-key", 10) == 0) {
            assert_int_equal(pwrite(fd, &len, 2, at - 2 - data), 2);
        }
    }

    close(fd);
    free(data);

    s = test_open_at(dir, 0);
    test_ok(acm_store_begin(s, &snap, NULL));
    assert_int_equal(acm_store_get(snap, ACM_DB_NAME, "one", 3, &e),
                     ACM_CORRUPT);
    assert_int_equal(acm_store_seek(snap, ACM_DB_NAME, NULL, 0, &e),
                     ACM_CORRUPT);
    assert_non_null(e.key);
    assert_int_equal(e.key_len, ACM_MAX_STORE_KEY);
    assert_int_equal(acm_store_next(snap, ACM_DB_NAME, &e), ACM_CORRUPT);
    assert_non_null(e.key);
    assert_int_equal(e.key_len, 3);
    test_ok(acm_store_next(snap, ACM_DB_NAME, &e));
    assert_memory_equal(e.data, "leave me", 8);
    acm_store_end(snap);
    acm_store_close(s);
    test_rmdir(dir);
}


static void
test_readers(void **state)
{
    int                 ready[2], i;
    char               *dir, c;
    pid_t               pids[5];
    acm_snap_t         *snap;
    acm_store_t        *s;
    acm_store_stat_t    stat;

    (void) state;

    dir = test_mkdir();
    s = test_open_at(dir, 0);
    acm_store_close(s);
    assert_int_equal(pipe(ready), 0);

    for (i = 0; i < 5; i++) {
        pids[i] = fork();

        if (pids[i] == 0) {
            s = test_open_at(dir, 0);
            (void) acm_store_begin(s, &snap, NULL);
            (void) !write(ready[1], "x", 1);
            pause();
            _exit(0);
        }
    }

    for (i = 0; i < 5; i++) {
        assert_int_equal(read(ready[0], &c, 1), 1);
    }

    /* the first opener of all would clear the table */

    s = test_open_at(dir, 0);
    assert_non_null(s);

    /* how far they stay behind, and one of them by name */

    test_ok(acm_store_stat(s, &stat, NULL));
    assert_int_equal(stat.lag, 0);

    for (i = 0; i < 3; i++) {
        test_ok(test_put(s, ACM_DB_NAME, "a", "b", 0));
    }

    test_ok(acm_store_stat(s, &stat, NULL));
    assert_int_equal(stat.lag, 3);

    for (i = 0; i < 5 && stat.lag_pid != pids[i]; i++) {
        /* void */
    }

    assert_true(i < 5);

    for (i = 0; i < 5; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }

    test_ok(acm_store_stat(s, &stat, NULL));
    assert_true(stat.readers >= 5);
    assert_int_equal(acm_store_housekeep(s), 5);
    test_ok(acm_store_stat(s, &stat, NULL));
    assert_int_equal(stat.lag_pid, 0);
    assert_true(stat.readers <= 1);
    assert_int_equal(stat.max_readers, ACM_STORE_READERS);
    acm_store_close(s);
    test_rmdir(dir);
}


static void
test_backup(void **state)
{
    char          *dir, *to;
    acm_err_t      err;
    acm_store_t   *s;

    (void) state;

    dir = test_mkdir();
    to = test_mkdir();

    s = test_open_at(dir, 0);
    test_ok(test_put(s, ACM_DB_NAME, "a", "b", 0));
    test_ok(acm_store_backup(s, to, &err));
    assert_int_not_equal(acm_store_backup(s, to, &err), ACM_OK);
    assert_int_not_equal(acm_store_backup(s, "/nonexistent/x", &err),
                         ACM_OK);
    acm_store_close(s);

    s = test_open_at(to, 0);
    assert_non_null(s);
    assert_true(test_revision(s, ACM_DB_NAME, "a") != 0);
    acm_store_close(s);

    test_rmdir(dir);
    test_rmdir(to);
}


static void
test_network(void **state)
{
    const char  *name;

    (void) state;

    assert_true(acm_store_is_network_fs(0x6969, &name));
    assert_string_equal(name, "nfs");
    assert_true(acm_store_is_network_fs(0xff534d42UL, NULL));
    assert_false(acm_store_is_network_fs(0xef53, NULL));
    assert_false(acm_store_is_network_fs(0x01021994, NULL));
}


static void
test_memory(void **state)
{
    char               *dir;
    unsigned long       n;
    acm_rc_t            rc;
    acm_store_t        *s;
    acm_store_conf_t    conf;

    (void) state;

    dir = test_mkdir();
    memset(&conf, 0, sizeof(conf));
    conf.path = dir;
    conf.create = 1;

    for (n = 1; n < 1000; n++) {
        acm_alloc_fail_at(n);
        rc = acm_store_lmdb_open(&conf, &s, NULL);

        if (rc == ACM_OK) {
            rc = test_put(s, ACM_DB_NAME, "a", "b", 0);
            acm_store_close(s);
        }

        acm_alloc_fail_at(0);

        if (rc == ACM_OK) {
            break;
        }

        assert_int_equal(rc, ACM_NOMEM);
    }

    assert_true(n > 1 && n < 1000);
    test_rmdir(dir);
}


/* What the system reads ahead is in the way from half of the memory on. */

static void
test_scattered(void **state)
{
    (void) state;

    assert_false(acm_store_scattered(0, 0));
    assert_false(acm_store_scattered(512, 1024));
    assert_true(acm_store_scattered(513, 1024));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_lmdb),
        cmocka_unit_test(test_mem),
        cmocka_unit_test(test_twins),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_unfit),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_readers),
        cmocka_unit_test(test_backup),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_scattered)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
