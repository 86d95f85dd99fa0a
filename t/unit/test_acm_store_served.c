
/*
 * Copyright (C) The ngx_acm authors
 *
 * Whether what was found in a store still says which certificate is served:
 * in both back ends, and for what other processes commit, also one of a
 * version that does not know of the question.
 */


#include "acm_state.h"
#include "acm_store_impl.h"
#include "test_store.h"

#include <dlfcn.h>
#include <lmdb.h>
#include <sys/wait.h>
#include <unistd.h>


#define TEST_MAP     (4 << 20)     /* octets */
#define TEST_GROWN   (256 << 20)
#define TEST_LARGE   100000
#define TEST_MANY    60            /* of them are more than TEST_MAP */


/* With one more operation, that is refused. */

static void
test_put(acm_store_t *s, acm_db_e db, const void *data, size_t len,
    acm_rc_t rc)
{
    acm_batch_t  batch;

    acm_batch_init(&batch);
    acm_batch_put(&batch, db, "k", 1, data, len);

    if (rc == ACM_CONFLICT) {
        acm_batch_expect(&batch, db, "absent", 6, 1);
    }

    assert_int_equal(acm_store_commit(s, &batch, NULL), rc);
    acm_batch_free(&batch);
}


static void
test_delete(acm_store_t *s, acm_db_e db, const char *key)
{
    acm_batch_t  batch;

    acm_batch_init(&batch);
    acm_batch_delete(&batch, db, key, strlen(key));
    acm_batch_put(&batch, ACM_DB_USED, "k", 1, "v", 1);
    test_ok(acm_store_commit(s, &batch, NULL));
    acm_batch_free(&batch);
}


static int
test_serves(acm_db_e db)
{
    return db == ACM_DB_CERTIFICATE || db == ACM_DB_MATERIAL
           || db == ACM_DB_CHAIN || db == ACM_DB_NAME
           || db == ACM_DB_IDENTITY || db == ACM_DB_SEAL
           || db == ACM_DB_STAPLE;
}


static void
test_maps(acm_store_t *s)
{
    uint64_t  last;
    unsigned  db;

    for (db = 0; db < ACM_DB_MAX; db++) {
        last = acm_store_generation(s);
        assert_int_equal(acm_store_current(s, last), 1);

        /* what is refused is none */

        test_put(s, (acm_db_e) db, "v", 1, ACM_CONFLICT);
        assert_int_equal(acm_store_current(s, last), 1);

        test_put(s, (acm_db_e) db, "v", 1, ACM_OK);
        assert_int_equal(acm_store_generation(s), last + 1);
        assert_int_equal(acm_store_current(s, last), !test_serves(db));
        assert_int_equal(acm_store_current(s, last + 1), 1);

        /* nor what another store had that was here */

        assert_int_equal(acm_store_current(s, last + 2), 0);
    }

    /* of what was not there nothing went */

    last = acm_store_generation(s);
    test_delete(s, ACM_DB_NAME, "absent");
    assert_int_equal(acm_store_generation(s), last + 1);
    assert_int_equal(acm_store_current(s, last), 1);
    test_delete(s, ACM_DB_NAME, "k");
    assert_int_equal(acm_store_current(s, last + 1), 0);

    /* from before two of them, too, and with a third behind */

    test_put(s, ACM_DB_USED, "w", 1, ACM_OK);
    assert_int_equal(acm_store_current(s, last + 1), 0);
    assert_int_equal(acm_store_current(s, last + 2), 1);
    assert_int_equal(acm_store_current(s, last + 3), 1);
}


static void
test_memory(void **state)
{
    acm_store_t  *s;

    (void) state;

    s = test_open_memory();
    test_maps(s);
    acm_store_close(s);
}


static void
test_lmdb(void **state)
{
    char         *dir;
    uint64_t      last;
    acm_store_t  *s, *other;

    (void) state;

    dir = test_mkdir();
    s = test_open_at(dir, 0);
    assert_non_null(s);

    /* to make the maps is no batch, so that the first one tells */

    test_put(s, ACM_DB_USED, "v", 1, ACM_OK);
    test_maps(s);

    /* of each handle */

    test_ok(acm_store_share(s, &other, NULL));
    last = acm_store_generation(other);
    assert_int_equal(acm_store_current(other, last), 1);
    test_put(s, ACM_DB_USED, "v", 1, ACM_OK);
    assert_int_equal(acm_store_current(other, last), 1);
    test_put(s, ACM_DB_NAME, "v", 1, ACM_OK);
    assert_int_equal(acm_store_current(other, last), 0);
    acm_store_close(other);

    /* and the next time */

    last = acm_store_generation(s);
    test_put(s, ACM_DB_USED, "w", 1, ACM_OK);
    acm_store_close(s);

    s = test_open_at(dir, 0);
    assert_non_null(s);
    assert_int_equal(acm_store_current(s, last), 1);
    assert_int_equal(acm_store_current(s, last - 1), 0);
    acm_store_close(s);

    test_rmdir(dir);
}


/* A name as such a version writes it: without a word on what is served. */

static void
test_older(const char *dir)
{
    MDB_dbi   dbi;
    MDB_env  *env;
    MDB_txn  *txn;
    MDB_val   key, value;

    key.mv_data = "older";
    key.mv_size = 5;
    value.mv_data = "no envelope";
    value.mv_size = 11;

    if (mdb_env_create(&env) != 0
        || mdb_env_set_maxdbs(env, ACM_DB_MAX) != 0
        || mdb_env_open(env, dir, 0, 0600) != 0
        || mdb_txn_begin(env, NULL, 0, &txn) != 0
        || mdb_dbi_open(txn, acm_db_name(ACM_DB_NAME), 0, &dbi) != 0
        || mdb_put(txn, dbi, &key, &value, 0) != 0
        || mdb_txn_commit(txn) != 0)
    {
        _exit(1);
    }

    mdb_env_close(env);
}


/* More than the map of another one has room for; nothing that is served. */

static void
test_grow(const char *dir)
{
    uint8_t      *data;
    unsigned      i;
    acm_batch_t   batch;
    acm_store_t  *s;

    s = test_open_at(dir, TEST_GROWN);
    data = calloc(1, TEST_LARGE);

    for (i = 0; s != NULL && i < TEST_MANY; i++) {
        acm_batch_init(&batch);
        acm_batch_append(&batch, ACM_DB_EVENT, data, TEST_LARGE);

        if (acm_store_commit(s, &batch, NULL) != ACM_OK) {
            _exit(1);
        }

        acm_batch_free(&batch);
    }

    free(data);
    acm_store_close(s);
}


/* Started before the store is open here, it goes on when it is told to. */

static void
test_tell(int fd, pid_t pid)
{
    int  status;

    assert_int_equal(write(fd, "g", 1), 1);
    close(fd);

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}


static pid_t
test_other(const char *dir, void (*run)(const char *dir), int *fd)
{
    int    go[2];
    char   c;
    pid_t  pid;

    assert_int_equal(pipe(go), 0);
    pid = fork();
    assert_int_not_equal(pid, -1);

    if (pid == 0) {
        close(go[1]);

        if (read(go[0], &c, 1) != 1) {
            _exit(1);
        }

        run(dir);
        _exit(0);
    }

    close(go[0]);
    *fd = go[1];

    return pid;
}


static void
test_states(acm_store_t *s, int64_t add)
{
    acm_batch_t  batch;

    acm_batch_init(&batch);
    acm_state_count(&batch, add);
    test_ok(acm_store_commit(s, &batch, NULL));
    acm_batch_free(&batch);
}


/* How much there is of the index of states, and of its count. */

static unsigned
test_kept(acm_store_t *s)
{
    unsigned      n;
    acm_snap_t   *snap;
    acm_entry_t   e;

    test_ok(acm_store_begin(s, &snap, NULL));
    n = (acm_store_seek(snap, ACM_DB_STATE, NULL, 0, &e) == ACM_OK);
    n += (acm_store_get(snap, ACM_DB_META, ACM_STATES_KEY,
                        ACM_STATES_KEY_LEN, &e) == ACM_OK);
    acm_store_end(snap);

    return n;
}


static void
test_processes(void **state)
{
    int           older, grow;
    char         *dir;
    pid_t         older_pid, grow_pid;
    uint64_t      last;
    acm_store_t  *s;

    (void) state;

    dir = test_mkdir();
    grow_pid = test_other(dir, test_grow, &grow);
    older_pid = test_other(dir, test_older, &older);
    s = test_open_at(dir, TEST_MAP);
    assert_non_null(s);

    test_put(s, ACM_DB_USED, "v", 1, ACM_OK);
    test_put(s, ACM_DB_STATE, "v", 1, ACM_OK);
    test_states(s, 1);
    last = acm_store_generation(s);
    assert_int_equal(acm_store_current(s, last), 1);
    assert_int_equal(test_kept(s), 2);

    test_tell(older, older_pid);

    assert_int_equal(acm_store_generation(s), last + 1);
    assert_int_equal(acm_store_current(s, last), 0);
    assert_int_equal(acm_store_current(s, last + 1), 1);

    /* also when somebody has been here since, who trusts no index that such a
       version does not know */

    test_put(s, ACM_DB_USED, "w", 1, ACM_OK);
    assert_int_equal(test_kept(s), 0);
    assert_int_equal(acm_store_current(s, last), 0);
    last = acm_store_generation(s);
    assert_int_equal(acm_store_current(s, last), 1);

    /* a file that is mapped anew is looked at as another one, once */

    test_tell(grow, grow_pid);

    assert_int_equal(acm_store_current(s, last), 0);
    last = acm_store_generation(s);
    assert_int_equal(acm_store_current(s, last), 1);
    test_put(s, ACM_DB_USED, "x", 1, ACM_OK);
    assert_int_equal(acm_store_current(s, last), 1);

    acm_store_close(s);
    test_rmdir(dir);
}


/* What others commit just before a copy is made, and just behind. */

static struct {
    int    fd[2];
    pid_t  pid[2];
} test_beside;


int
mdb_env_copyfd2(MDB_env *env, mdb_filehandle_t fd, unsigned flags)
{
    int  rc, (*copy)(MDB_env *env, mdb_filehandle_t fd, unsigned flags);

    copy = dlsym(RTLD_NEXT, "mdb_env_copyfd2");

    if (test_beside.pid[0] != 0) {
        test_tell(test_beside.fd[0], test_beside.pid[0]);
    }

    rc = copy(env, fd, flags);

    if (test_beside.pid[1] != 0) {
        test_tell(test_beside.fd[1], test_beside.pid[1]);
    }

    return rc;
}


static void
test_newer(const char *dir)
{
    acm_store_t  *s;

    s = test_open_at(dir, TEST_MAP);

    if (s == NULL) {
        _exit(1);
    }

    test_put(s, ACM_DB_USED, "o", 1, ACM_OK);
    acm_store_close(s);
}


typedef struct {
    void      (*run[2])(const char *dir);
    int         behind;      /* an older version, before all that */
    unsigned    odd;         /* the number of the commit that is copied */
    unsigned    kept;        /* of the copy's index */
} test_copy_t;


static const test_copy_t  test_copies[] = {
    { { NULL, NULL }, 0, 0, 2 },
    { { NULL, NULL }, 0, 1, 2 },
    { { test_newer, NULL }, 0, 0, 2 },
    { { test_newer, test_newer }, 0, 0, 2 },
    { { NULL, test_newer }, 0, 1, 2 },
    { { NULL, NULL }, 1, 0, 0 },
    { { NULL, NULL }, 1, 1, 0 },
    { { test_older, NULL }, 0, 0, 0 },
    { { test_older, NULL }, 0, 1, 0 },
    { { test_older, test_newer }, 0, 0, 0 },
    { { test_older, test_newer }, 0, 1, 0 },
    { { NULL, test_older }, 0, 1, 0 }
};


/* With an index of which all is there. */

static acm_store_t *
test_indexed(const char *dir, unsigned odd)
{
    acm_store_t  *s;

    s = test_open_at(dir, TEST_MAP);
    assert_non_null(s);

    test_put(s, ACM_DB_USED, "v", 1, ACM_OK);
    test_put(s, ACM_DB_STATE, "v", 1, ACM_OK);
    test_states(s, 1);

    if (acm_store_generation(s) % 2 != odd) {
        test_put(s, ACM_DB_USED, "v", 1, ACM_OK);
    }

    assert_int_equal(test_kept(s), 2);

    return s;
}


/* The index of a copy is kept if it is known that none but versions which
   know of it have been there, whatever is committed meanwhile. */

static void
test_copied(void **state)
{
    int                 fd;
    char               *dir, *to;
    pid_t               pid;
    size_t              i, n;
    uint64_t            last;
    unsigned            odd;
    acm_store_t        *s;
    const test_copy_t  *copy;

    (void) state;

    for (i = 0; i < sizeof(test_copies) / sizeof(test_copies[0]); i++) {
        copy = &test_copies[i];

        dir = test_mkdir();
        to = test_mkdir();
        pid = test_other(dir, test_older, &fd);
        memset(&test_beside, 0, sizeof(test_beside));

        for (n = 0; n < 2; n++) {
            if (copy->run[n] != NULL) {
                test_beside.pid[n] = test_other(dir, copy->run[n],
                                                &test_beside.fd[n]);
            }
        }

        odd = copy->odd ^ (copy->run[0] != NULL) ^ copy->behind;
        s = test_indexed(dir, odd);
        last = acm_store_generation(s) + (copy->run[0] != NULL)
               + copy->behind;

        if (copy->behind) {
            test_tell(fd, pid);
        }

        assert_int_equal(last % 2, copy->odd);
        test_ok(acm_store_backup(s, to, NULL));
        acm_store_close(s);

        if (!copy->behind) {
            test_tell(fd, pid);
        }

        s = test_open_at(to, TEST_MAP);
        assert_non_null(s);
        assert_true(acm_store_generation(s) >= last);
        assert_int_equal(acm_store_generation(s) == last, copy->kept != 0);

        last = acm_store_generation(s);
        test_put(s, ACM_DB_USED, "w", 1, ACM_OK);
        assert_int_equal(test_kept(s), copy->kept);
        assert_int_equal(acm_store_current(s, last), copy->kept != 0);
        acm_store_close(s);

        test_rmdir(dir);
        test_rmdir(to);
    }

    memset(&test_beside, 0, sizeof(test_beside));
}


static void
test_compacted(void **state)
{
    char         *dir;
    unsigned      odd;
    uint64_t      before, after;
    acm_store_t  *s;

    (void) state;

    for (odd = 0; odd < 2; odd++) {
        dir = test_mkdir();
        s = test_indexed(dir, odd);
        acm_store_close(s);

        test_ok(acm_store_compact(dir, &before, &after, NULL));

        s = test_open_at(dir, TEST_MAP);
        assert_non_null(s);
        assert_int_equal(acm_store_generation(s) % 2, odd);
        test_put(s, ACM_DB_USED, "w", 1, ACM_OK);
        test_put(s, ACM_DB_USED, "x", 1, ACM_OK);
        assert_int_equal(test_kept(s), 2);
        acm_store_close(s);
        test_rmdir(dir);
    }
}


/* An older version did not have that map. */

static void
test_drop(const char *dir)
{
    MDB_dbi   dbi;
    MDB_env  *env;
    MDB_txn  *txn;

    if (mdb_env_create(&env) != 0
        || mdb_env_set_maxdbs(env, ACM_DB_MAX) != 0
        || mdb_env_open(env, dir, 0, 0600) != 0
        || mdb_txn_begin(env, NULL, 0, &txn) != 0
        || mdb_dbi_open(txn, acm_db_name(ACM_DB_STATE), 0, &dbi) != 0
        || mdb_drop(txn, dbi, 1) != 0
        || mdb_txn_commit(txn) != 0)
    {
        _exit(1);
    }

    mdb_env_close(env);
}


/* Whoever writes makes it, also if it may not make a store; others find
   nothing in it before, and then what is there. */

static void
test_map_missing(void **state)
{
    int                fd;
    char              *dir;
    pid_t              pid;
    acm_store_t       *s, *reader;
    acm_store_conf_t   conf;

    (void) state;

    dir = test_mkdir();
    acm_store_close(test_open_at(dir, TEST_MAP));
    pid = test_other(dir, test_drop, &fd);
    test_tell(fd, pid);

    memset(&conf, 0, sizeof(acm_store_conf_t));
    conf.path = dir;
    test_ok(acm_store_lmdb_open(&conf, &s, NULL));
    test_ok(acm_store_share(s, &reader, NULL));
    assert_int_equal(test_kept(reader), 0);

    test_delete(s, ACM_DB_STATE, "absent");
    test_put(s, ACM_DB_STATE, "v", 1, ACM_OK);
    assert_int_equal(test_kept(s), 1);
    assert_int_equal(test_kept(reader), 1);

    acm_store_close(reader);
    acm_store_close(s);
    test_rmdir(dir);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_lmdb),
        cmocka_unit_test(test_processes),
        cmocka_unit_test(test_copied),
        cmocka_unit_test(test_compacted),
        cmocka_unit_test(test_map_missing)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
