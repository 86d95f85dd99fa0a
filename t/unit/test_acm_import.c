
/*
 * Copyright (C) The ngx_acm authors
 *
 * Many imports: in one commit, none twice, and all that was acknowledged is
 * there after kill -9.
 */


#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "acm_event.h"
#include "acm_history.h"
#include "acm_import.h"
#include "acm_issue.h"
#include "test.h"


#define START    1800000000LL
#define DAY      86400LL
#define ACCOUNT  "123456789012"
#define REGION   "us-east-1"
#define MANY     600                     /* two commits */


typedef struct {
    char              *dir;
    acm_store_t       *store;
    acm_keyring_t     *ring;
} test_t;


static acm_imported_t     many[MANY];
static acm_key_secret_t   master;
static acm_store_t       *ca_store;
static acm_keyring_t     *ca_ring;
static acm_issuer_t       issuer;


/* A bundle as it comes from another place, for one name. */

static void
test_bundle(const char *name, acm_bundle_t *bundle)
{
    char        *names[1];
    acm_err_t    err;
    acm_cert_t   like;

    memset(&like, 0, sizeof(acm_cert_t));

    names[0] = (char *) name;
    like.account = (char *) ACCOUNT;
    like.region = (char *) REGION;
    like.key = ACM_KEY_EC_P256;
    like.type = ACM_TYPE_PRIVATE;
    like.issuer = (char *) "other";
    like.names = names;
    like.nnames = 1;
    like.domain = names[0];

    test_ok(acm_issue_bundle(ca_ring, &issuer, &like, START, bundle, &err));
}


static void
test_open(test_t *t, uint64_t size)
{
    acm_err_t         err;
    acm_store_conf_t  conf;

    memset(&conf, 0, sizeof(conf));
    conf.path = t->dir;
    conf.create = 1;
    conf.map_size = size;

    test_ok(acm_store_lmdb_open(&conf, &t->store, &err));
    test_ok(acm_keyring_open(t->store, &master, 1, &t->ring, &err));
}


static void
test_close(test_t *t)
{
    acm_keyring_close(t->ring);
    acm_store_close(t->store);
}


static void
test_start(test_t *t)
{
    memset(t, 0, sizeof(test_t));
    t->dir = test_mkdir();
    test_open(t, 64 << 20);
}


static void
test_stop(test_t *t)
{
    test_close(t);
    test_rmdir(t->dir);
}


static uint64_t
test_count(test_t *t, acm_db_e db)
{
    acm_store_stat_t  st;

    test_ok(acm_store_stat(t->store, &st, NULL));

    return st.entries[db];
}


static acm_rc_t
test_import(test_t *t, acm_imported_t *list, size_t n, int quiet)
{
    acm_rc_t   rc;
    acm_err_t  err;

    rc = acm_import_many(t->ring, ACCOUNT, REGION, list, n, quiet, START,
                         &err);

    if (rc != ACM_OK) {
        print_message("%s\n", err.text);
    }

    return rc;
}


/* It serves its name, with the key that it came with. */

static void
test_served(test_t *t, const acm_imported_t *item)
{
    acm_err_t      err;
    acm_snap_t    *snap;
    acm_found_t    found;
    acm_bundle_t   got;

    test_ok(acm_store_begin(t->store, &snap, NULL));
    test_ok(acm_find_name(snap, item->bundle.info.names[0], START, &found));
    assert_string_equal(found.ec.uuid, item->uuid);
    test_ok(acm_material_open(t->ring, snap, item->uuid, found.ec.version,
                              &got, &err));
    acm_store_end(snap);

    assert_int_equal(got.leaf.len, item->bundle.leaf.len);
    assert_memory_equal(got.leaf.data, item->bundle.leaf.data, got.leaf.len);
    assert_int_equal(got.key_secret.len, item->bundle.key_secret.len);
    assert_memory_equal(got.key_secret.data, item->bundle.key_secret.data,
                        got.key_secret.len);
    assert_int_equal(got.nchain, item->bundle.nchain);

    acm_bundle_free(&got);
}


/* When the issuer of the first was written last. */

static uint64_t
test_written(test_t *t)
{
    uint8_t      hash[ACM_HASH_LEN];
    uint64_t     revision;
    acm_snap_t  *snap;
    acm_entry_t  e;

    assert_int_equal(EVP_Digest(many[0].bundle.chain[0].data,
                                many[0].bundle.chain[0].len, hash, NULL,
                                EVP_sha256(), NULL), 1);
    test_ok(acm_store_begin(t->store, &snap, NULL));
    test_ok(acm_store_get(snap, ACM_DB_CHAIN, hash, ACM_HASH_LEN, &e));
    revision = e.revision;
    acm_store_end(snap);

    return revision;
}


static void
test_many(void **state)
{
    char      uuid[MANY][ACM_UUID_LEN + 1];
    size_t    i;
    test_t    t;
    uint64_t  before;

    (void) state;

    test_start(&t);
    before = acm_store_generation(t.store);

    test_ok(test_import(&t, many, MANY, 1));

    /* the data key, and two of 512 at most */
    assert_int_equal(acm_store_generation(t.store), before + 3);

    for (i = 0; i < MANY; i++) {
        assert_int_equal(many[i].rc, ACM_OK);
        assert_int_equal(many[i].there, 0);
        test_served(&t, &many[i]);
        memcpy(uuid[i], many[i].uuid, sizeof(uuid[i]));
    }

    assert_int_equal(test_count(&t, ACM_DB_CERTIFICATE), MANY);
    assert_int_equal(test_count(&t, ACM_DB_CHAIN), many[0].bundle.nchain);
    assert_int_equal(test_count(&t, ACM_DB_HISTORY), 0);
    assert_int_equal(test_count(&t, ACM_DB_EVENT), 0);
    assert_int_equal(test_count(&t, ACM_DB_EXPIRY), MANY);

    /* again: nothing is written */

    before = acm_store_generation(t.store);
    test_ok(test_import(&t, many, MANY, 1));
    assert_int_equal(acm_store_generation(t.store), before);

    for (i = 0; i < MANY; i++) {
        assert_int_equal(many[i].rc, ACM_OK);
        assert_int_equal(many[i].there, 1);
        assert_string_equal(many[i].uuid, uuid[i]);
    }

    test_stop(&t);
}


/* What is heard of elsewhere when it is not one of a million. */

static void
test_told(void **state)
{
    test_t  t;

    (void) state;

    test_start(&t);

    test_ok(test_import(&t, many, 3, 0));

    /* nobody may take their issuer for unused: it is written each time */

    test_ok(test_import(&t, many + 3, 2, 0));
    assert_int_equal(test_written(&t), acm_store_generation(t.store));
    assert_int_equal(test_count(&t, ACM_DB_HISTORY), 5);
    assert_true(test_count(&t, ACM_DB_EVENT) >= 5);

    test_stop(&t);
}


static void
test_twice(void **state)
{
    test_t          t;
    acm_imported_t  list[4];

    (void) state;

    test_start(&t);

    memset(list, 0, sizeof(list));
    list[0].bundle = many[0].bundle;
    list[1].bundle = many[1].bundle;
    list[1].rc = ACM_INVALID;
    list[2].bundle = many[0].bundle;
    list[3].bundle = many[2].bundle;

    test_ok(test_import(&t, list, 4, 1));

    assert_int_equal(list[0].there, 0);
    assert_int_equal(list[1].rc, ACM_INVALID);
    assert_int_equal(list[2].rc, ACM_OK);
    assert_int_equal(list[2].there, 1);
    assert_string_equal(list[2].uuid, list[0].uuid);
    assert_int_equal(list[3].there, 0);
    assert_int_equal(test_count(&t, ACM_DB_CERTIFICATE), 2);

    test_stop(&t);
}


/* The same leaf with another chain stays the same certificate. */

static void
test_chain(void **state)
{
    test_t          t;
    acm_cert_t      cert;
    acm_snap_t     *snap;
    acm_imported_t  item;

    (void) state;

    test_start(&t);
    test_ok(test_import(&t, many, 1, 1));

    memset(&item, 0, sizeof(item));
    item.bundle = many[0].bundle;
    item.bundle.nchain = 0;

    test_ok(test_import(&t, &item, 1, 1));
    test_ok(item.rc);
    assert_int_equal(item.there, 1);

    /* nobody looks at what is in it here */

    item.bundle.nchain = many[0].bundle.nchain + 1;
    item.bundle.chain[item.bundle.nchain - 1] = many[1].bundle.leaf;

    test_ok(test_import(&t, &item, 1, 1));
    test_ok(item.rc);
    assert_int_equal(item.there, 0);
    assert_string_equal(item.uuid, many[0].uuid);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_cert_get(snap, ACCOUNT, REGION, item.uuid, &cert, NULL));
    acm_store_end(snap);

    assert_int_equal(cert.version, 2);
    acm_cert_free(&cert);

    assert_int_equal(test_count(&t, ACM_DB_CERTIFICATE), 1);

    test_stop(&t);
}


/* Addresses are in no index; other accounts have certificates of theirs. */

static void
test_others(void **state)
{
    test_t          t;
    acm_err_t       err;
    acm_imported_t  list[2];

    (void) state;

    test_start(&t);

    memset(list, 0, sizeof(list));
    test_bundle("192.0.2.7", &list[0].bundle);
    test_bundle("192.0.2.8", &list[1].bundle);

    test_ok(test_import(&t, list, 2, 1));
    assert_int_equal(list[0].there + list[1].there, 0);

    test_ok(test_import(&t, list, 2, 1));
    assert_int_equal(list[0].there + list[1].there, 2);
    assert_string_not_equal(list[0].uuid, list[1].uuid);

    test_ok(acm_import_many(t.ring, "999999999999", REGION, list, 2, 1,
                            START, &err));
    assert_int_equal(list[0].there + list[1].there, 0);
    test_ok(acm_import_many(t.ring, ACCOUNT, "eu-west-1", list, 1, 1, START,
                            &err));
    assert_int_equal(list[0].there, 0);
    assert_int_equal(test_count(&t, ACM_DB_CERTIFICATE), 5);

    acm_bundle_free(&list[0].bundle);
    acm_bundle_free(&list[1].bundle);
    test_stop(&t);
}


/* Entries of an index for one name, which lead nowhere. */

static void
test_names(test_t *t, const char *name, size_t from, size_t to)
{
    char             uuid[ACM_UUID_LEN + 1];
    size_t           i, len;
    uint8_t          key[ACM_MAX_STORE_KEY];
    acm_err_t        err;
    acm_buf_t        buf;
    acm_batch_t      batch;
    acm_name_rec_t   rec;

    memset(&rec, 0, sizeof(rec));
    rec.key = ACM_KEY_RSA_2048;
    rec.version = 1;

    acm_batch_init(&batch);

    for (i = from; i < to; i++) {
        snprintf(uuid, sizeof(uuid), "00000000-0000-4000-8000-%012zx", i);
        memcpy(rec.uuid, uuid, sizeof(uuid));
        len = acm_name_key(key, name, rec.key, uuid);
        acm_buf_init(&buf, 1024);
        test_ok(acm_name_rec_encode(&rec, &buf));
        acm_batch_put(&batch, ACM_DB_NAME, key, len, buf.data, buf.len);
        acm_buf_free(&buf);
    }

    test_ok(acm_store_commit(t->store, &batch, &err));
    acm_batch_free(&batch);
}


static void
test_alike(void **state)
{
    test_t      t;
    const char *name;

    (void) state;

    test_start(&t);
    name = many[0].bundle.info.names[0];

    test_names(&t, name, 0, ACM_MAX_ALIKE);
    test_ok(test_import(&t, many, 1, 1));
    test_ok(many[0].rc);

    /* and its own is one more than is looked at */

    test_ok(test_import(&t, many, 1, 1));
    assert_int_equal(many[0].rc, ACM_TOOBIG);
    assert_non_null(strstr(many[0].err.text, "more than 4096"));
    assert_int_equal(test_count(&t, ACM_DB_CERTIFICATE), 1);

    many[0].rc = ACM_OK;
    test_stop(&t);
}


/* What had no room is told of, and what is told to be there is there. */

static void
test_full(void **state)
{
    size_t     i, n, in;
    test_t     t;
    acm_rc_t   rc;
    acm_err_t  err;

    (void) state;

    memset(&t, 0, sizeof(test_t));
    t.dir = test_mkdir();
    test_open(&t, ACM_STORE_MIN_MAP);

    rc = ACM_OK;

    for (i = 0; rc == ACM_OK && i < MANY; i += n) {
        n = 10;
        rc = acm_import_many(t.ring, ACCOUNT, REGION, many + i, n, 1, START,
                             &err);
    }

    assert_int_equal(rc, ACM_FULL);
    assert_non_null(strstr(err.text, "raise its size"));

    in = i - n;
    assert_true(in > 0 && in < MANY);

    for (i = 0; i < in + n; i++) {
        if (i < in) {
            test_ok(many[i].rc);
            test_served(&t, &many[i]);

        } else {
            assert_int_equal(many[i].rc, ACM_FULL);
            many[i].rc = ACM_OK;
        }
    }

    assert_int_equal(test_count(&t, ACM_DB_CERTIFICATE), in);

    /* and with all of them in one list: none of a commit that fails */

    assert_int_equal(acm_import_many(t.ring, ACCOUNT, REGION, many, MANY, 1,
                                     START, &err), ACM_FULL);

    for (i = 0; i < MANY; i++) {
        assert_int_equal(many[i].rc, ACM_FULL);
        many[i].rc = ACM_OK;
    }

    assert_int_equal(test_count(&t, ACM_DB_CERTIFICATE), in);

    test_stop(&t);
}


static void
test_writer(test_t *t, int fd)
{
    char       uuid[7][ACM_UUID_LEN + 1];
    size_t     i, j, n;
    acm_err_t  err;

    test_open(t, 64 << 20);

    for (i = 0; i < MANY; i += n) {
        n = (MANY - i < 7) ? MANY - i : 7;

        if (acm_import_many(t->ring, ACCOUNT, REGION, many + i, n, 1, START,
                            &err)
            != ACM_OK)
        {
            _exit(1);
        }

        for (j = 0; j < n; j++) {
            memcpy(uuid[j], many[i + j].uuid, sizeof(uuid[j]));
        }

        /* comes in one piece, or not at all */

        if (write(fd, uuid, n * sizeof(uuid[0]))
            != (ssize_t) (n * sizeof(uuid[0])))
        {
            _exit(1);
        }
    }

    _exit(0);
}


/* Killed after ever more of it; the last run comes to the end. */

static void
test_kill(void **state)
{
    int             fds[2], status;
    char            uuid[MANY][ACM_UUID_LEN + 1];
    size_t          i, acked, runs, there;
    pid_t           pid;
    test_t          t;
    ssize_t         n;

    (void) state;

    memset(&t, 0, sizeof(test_t));
    t.dir = test_mkdir();

    for (runs = 1; runs < 60; runs++) {
        assert_int_equal(pipe(fds), 0);
        pid = fork();

        if (pid == 0) {
            close(fds[0]);
            test_writer(&t, fds[1]);
        }

        close(fds[1]);
        acked = 0;

        while (acked < runs * 31
               && (n = read(fds[0], uuid[acked], sizeof(uuid[0]))) != 0)
        {
            assert_int_equal(n, sizeof(uuid[0]));
            acked++;
        }

        (void) kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        close(fds[0]);

        test_open(&t, 64 << 20);
        test_ok(test_import(&t, many, acked, 1));
        there = 0;

        for (i = 0; i < acked; i++) {
            assert_int_equal(many[i].there, 1);
            assert_string_equal(many[i].uuid, uuid[i]);
            there += many[i].there;
        }

        assert_true(test_count(&t, ACM_DB_CERTIFICATE) >= there);
        test_close(&t);

        if (acked == MANY) {
            break;
        }
    }

    test_open(&t, 64 << 20);
    assert_int_equal(test_count(&t, ACM_DB_CERTIFICATE), MANY);

    for (i = 0; i < MANY; i++) {
        test_served(&t, &many[i]);
    }

    test_stop(&t);
}


int
main(void)
{
    int                rc;
    char               name[64];
    size_t             i;
    acm_err_t          err;
    acm_store_conf_t   conf;

    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_alike),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_kill)
    };

    memset(&conf, 0, sizeof(conf));
    conf.path = "memory";
    conf.create = 1;

    if (acm_store_mem_open(&conf, &ca_store, &err) != ACM_OK
        || acm_key_random(&master, &err) != ACM_OK
        || acm_keyring_open(ca_store, &master, 1, &ca_ring, &err) != ACM_OK)
    {
        return 1;
    }

    issuer.name = "other";
    issuer.ca_key = ACM_KEY_EC_P256;
    issuer.lifetime = 30 * DAY;

    for (i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "n%zu.example.com", i);
        test_bundle(name, &many[i].bundle);
    }

    rc = cmocka_run_group_tests(tests, NULL, NULL);

    for (i = 0; i < MANY; i++) {
        acm_bundle_free(&many[i].bundle);
    }

    acm_keyring_close(ca_ring);
    acm_store_close(ca_store);

    return rc;
}
