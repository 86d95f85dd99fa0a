
/*
 * Copyright (C) The ngx_acm authors
 *
 * Versions that are kept, and one of them in use again; on both back ends.
 */


#include <openssl/err.h>

#include "acm_issue.h"
#include "acm_version.h"
#include "test_store.h"


#define START    1800000000LL
#define DAY      86400LL
#define ACCOUNT  "123456789012"
#define REGION   "us-east-1"


typedef struct {
    char               *dir;             /* NULL: in memory */
    acm_store_t        *store;
    acm_keyring_t      *ring;
    acm_key_secret_t    master;
    acm_issuer_t        issuer;
    acm_request_t       req;
    char                uuid[ACM_UUID_LEN + 1];
} test_t;


static char  *test_www[] = { "www.example.com", "example.com" };


static void
test_start(test_t *t, int lmdb)
{
    acm_err_t         err;

    memset(t, 0, sizeof(test_t));

    if (lmdb) {
        t->dir = test_mkdir();
        t->store = test_open_at(t->dir, 64 << 20);
        assert_non_null(t->store);

    } else {
        t->store = test_open_memory();
    }

    test_ok(acm_key_random(&t->master, &err));
    test_ok(acm_keyring_open(t->store, &t->master, 1, &t->ring, &err));

    t->issuer.name = "internal";
    t->issuer.ca_key = ACM_KEY_EC_P256;
    t->issuer.lifetime = 30 * DAY;

    t->req.account = ACCOUNT;
    t->req.region = REGION;
    t->req.issuer = "internal";
    t->req.key = ACM_KEY_EC_P256;
    t->req.type = ACM_TYPE_PRIVATE;
    t->req.names = test_www;
    t->req.nnames = 2;

    test_ok(acm_certificate_ensure(t->store, &t->req, START, t->uuid, &err));
}


static void
test_stop(test_t *t)
{
    acm_keyring_close(t->ring);
    acm_store_close(t->store);

    if (t->dir != NULL) {
        test_rmdir(t->dir);
    }
}


static void
test_get(test_t *t, acm_cert_t *cert, uint64_t *revision)
{
    acm_snap_t  *snap;

    test_ok(acm_store_begin(t->store, &snap, NULL));
    test_ok(acm_cert_get(snap, ACCOUNT, REGION, t->uuid, cert, revision));
    acm_store_end(snap);
}


/* One more version, as the engine makes it; serial gets its own. */

static void
test_issue(test_t *t, int64_t now, char *serial)
{
    uint64_t        revision;
    acm_err_t       err;
    acm_cert_t      cert;
    acm_bundle_t    bundle;
    acm_install_t   install;

    test_get(t, &cert, &revision);
    test_ok(acm_issue_bundle(t->ring, &t->issuer, &cert, now, &bundle,
                             &err));

    memset(&install, 0, sizeof(install));
    install.now = now;
    install.renew_at = acm_sched_renew_at(bundle.info.not_before,
                                          bundle.info.not_after);
    install.ari_at = now + 3600;
    install.issued_by = "internal";

    test_ok(acm_certificate_install(t->ring, &cert, revision, &bundle,
                                    &install, &err));

    if (serial != NULL) {
        snprintf(serial, 64, "%s", bundle.info.serial);
    }

    acm_bundle_free(&bundle);
    acm_cert_free(&cert);
}


static size_t
test_list(test_t *t, acm_version_t *list)
{
    size_t       n;
    acm_snap_t  *snap;

    test_ok(acm_store_begin(t->store, &snap, NULL));
    test_ok(acm_certificate_versions(snap, t->uuid, list, &n, NULL));
    acm_store_end(snap);

    return n;
}


static uint32_t
test_setting(test_t *t)
{
    uint32_t     n;
    acm_snap_t  *snap;

    test_ok(acm_store_begin(t->store, &snap, NULL));
    n = acm_versions_get(snap);
    acm_store_end(snap);

    return n;
}


static acm_rc_t
test_rollback(test_t *t, uint32_t version, int forced, int64_t now,
    acm_err_t *err)
{
    return acm_certificate_rollback(t->ring, ACCOUNT, REGION, t->uuid,
                                    &version, forced, now, err);
}


/* What is served for the name is the certificate with that serial number,
   under its number, and its key opens. */

static void
test_served(test_t *t, int64_t now, uint32_t version, const char *serial)
{
    X509             *x;
    EVP_PKEY         *pkey;
    acm_cert_t        cert;
    acm_snap_t       *snap;
    acm_found_t       found;
    acm_bundle_t      bundle;
    acm_x509_info_t   info;

    test_ok(acm_store_begin(t->store, &snap, NULL));
    test_ok(acm_find_name(snap, "example.com", now, &found));
    assert_string_equal(found.ec.uuid, t->uuid);
    assert_int_equal(found.ec.version, version);
    test_ok(acm_material_open(t->ring, snap, t->uuid, version, &bundle,
                              NULL));
    acm_store_end(snap);

    test_ok(acm_x509_decode(bundle.leaf.data, bundle.leaf.len, &x, NULL));
    test_ok(acm_x509_info(x, &info, NULL));
    assert_string_equal(info.serial, serial);
    assert_true(found.ec.not_before == info.not_before);
    assert_true(found.ec.not_after == info.not_after);
    test_ok(acm_key_decode(bundle.info.key, bundle.key_secret.data,
                           bundle.key_secret.len, &pkey, NULL));
    assert_true(acm_x509_match(x, pkey));
    assert_int_equal(bundle.nchain, 1);

    test_get(t, &cert, NULL);
    assert_int_equal(cert.version, version);
    assert_string_equal(cert.serial, serial);
    assert_string_equal(cert.subject, info.subject);
    assert_string_equal(cert.issuer_dn, info.issuer);
    assert_true(cert.not_before == info.not_before);
    assert_true(cert.not_after == info.not_after);
    acm_cert_free(&cert);

    EVP_PKEY_free(pkey);
    X509_free(x);
    acm_x509_info_free(&info);
    acm_bundle_free(&bundle);
}


static void
test_setting_limits(test_t *t)
{
    uint8_t       data[5];
    uint64_t      generation;
    acm_err_t     err;
    acm_batch_t   batch;

    static const struct { uint8_t data[5]; size_t len; }  odd[] = {
        { { 0, 0, 0, 1 }, 4 }, { { 0, 0, 0, 101 }, 4 }, { { 0, 0, 0 }, 3 },
        { { 0, 0, 0, 5, 0 }, 5 }, { { 255, 255, 255, 255 }, 4 }, { { 0 }, 0 }
    };
    size_t        i;

    assert_int_equal(test_setting(t), ACM_VERSIONS);

    /* what is so already is not written */

    generation = acm_store_generation(t->store);
    test_ok(acm_versions_set(t->store, ACM_VERSIONS, &err));
    assert_true(acm_store_generation(t->store) == generation);

    test_ok(acm_versions_set(t->store, ACM_MIN_VERSIONS, &err));
    assert_int_equal(test_setting(t), ACM_MIN_VERSIONS);
    test_ok(acm_versions_set(t->store, ACM_MAX_VERSIONS, &err));
    assert_int_equal(test_setting(t), ACM_MAX_VERSIONS);

    assert_int_equal(acm_versions_set(t->store, ACM_MIN_VERSIONS - 1, &err),
                     ACM_INVALID);
    assert_non_null(strstr(err.text, "2 to 100"));
    assert_int_equal(acm_versions_set(t->store, ACM_MAX_VERSIONS + 1, &err),
                     ACM_INVALID);
    assert_int_equal(test_setting(t), ACM_MAX_VERSIONS);

    for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        acm_batch_init(&batch);
        memcpy(data, odd[i].data, sizeof(data));
        acm_batch_put(&batch, ACM_DB_META, "versions", 8, data, odd[i].len);
        test_ok(acm_store_commit(t->store, &batch, &err));
        acm_batch_free(&batch);
        assert_int_equal(test_setting(t), ACM_VERSIONS);
    }
}


static void
test_kept(test_t *t)
{
    char             serials[40][64];
    size_t           i, n;
    uint32_t         v;
    acm_err_t        err;
    acm_snap_t      *snap;
    acm_version_t    list[ACM_MAX_VERSIONS];
    acm_store_stat_t stat;

    assert_int_equal(test_list(t, list), 0);

    for (v = 1; v <= 6; v++) {
        test_issue(t, START + v, serials[v]);
        n = test_list(t, list);
        assert_int_equal(n, (v < ACM_VERSIONS) ? v : ACM_VERSIONS);

        for (i = 0; i < n; i++) {
            assert_int_equal(list[i].version, v - n + 1 + i);
            test_ok(list[i].rc);
            assert_string_equal(list[i].serial, serials[v - n + 1 + i]);
            assert_true(list[i].not_after - list[i].not_before == 30 * DAY);
        }
    }

    /* more of them, from now on; then fewer: with the next one */

    test_ok(acm_versions_set(t->store, 5, &err));

    for (; v <= 9; v++) {
        test_issue(t, START + v, NULL);
    }

    assert_int_equal(test_list(t, list), 5);
    assert_int_equal(list[0].version, 5);

    test_ok(acm_versions_set(t->store, 2, &err));
    assert_int_equal(test_list(t, list), 5);
    test_issue(t, START + v, NULL);
    assert_int_equal(test_list(t, list), 2);
    assert_int_equal(list[0].version, 9);
    assert_int_equal(list[1].version, 10);

    /* as many as there may be, and one more */

    test_ok(acm_versions_set(t->store, ACM_MAX_VERSIONS, &err));

    for (v = 11; v <= ACM_MAX_VERSIONS + 8; v++) {
        test_issue(t, START + v, NULL);
    }

    assert_int_equal(test_list(t, list), ACM_MAX_VERSIONS);
    assert_int_equal(list[0].version, 9);
    test_issue(t, START + v, NULL);
    assert_int_equal(test_list(t, list), ACM_MAX_VERSIONS);
    assert_int_equal(list[0].version, 10);
    assert_int_equal(list[ACM_MAX_VERSIONS - 1].version, v);

    /* none stays behind */

    test_ok(acm_certificate_delete(t->store, ACCOUNT, REGION, t->uuid,
                                   &err));
    test_ok(acm_store_stat(t->store, &stat, NULL));
    assert_int_equal(stat.entries[ACM_DB_MATERIAL], 0);
    assert_int_equal(stat.entries[ACM_DB_CERTIFICATE], 0);
    assert_int_equal(stat.entries[ACM_DB_NAME], 0);
    assert_int_equal(stat.entries[ACM_DB_DUE], 0);

    test_ok(acm_store_begin(t->store, &snap, NULL));
    test_ok(acm_certificate_versions(snap, t->uuid, list, &n, NULL));
    assert_int_equal(n, 0);
    acm_store_end(snap);
}


/* One certificate's versions do not touch another's. */

static void
test_neighbours(test_t *t)
{
    char           uuid[ACM_UUID_LEN + 1];
    char           name[] = "other.example.com", *names[] = { name };
    unsigned       i, k;
    acm_err_t      err;
    acm_version_t  list[ACM_MAX_VERSIONS];

    memcpy(uuid, t->uuid, sizeof(uuid));

    for (i = 0; i < 4; i++) {
        t->req.names = names;
        t->req.nnames = 1;
        name[0] = (char) ('a' + i);
        test_ok(acm_certificate_ensure(t->store, &t->req, START, t->uuid,
                                       &err));

        for (k = 0; k < 4; k++) {
            test_issue(t, START + k, NULL);
        }

        memcpy(t->uuid, uuid, sizeof(uuid));
        test_issue(t, START + i, NULL);
    }

    assert_int_equal(test_list(t, list), 3);
    test_ok(acm_certificate_delete(t->store, ACCOUNT, REGION, uuid, &err));

    for (i = 0; i < 4; i++) {
        name[0] = (char) ('a' + i);
        test_ok(acm_certificate_ensure(t->store, &t->req, START, t->uuid,
                                       &err));
        assert_int_equal(test_list(t, list), 3);
        assert_int_equal(list[2].version, 4);
    }
}


static void
test_back(test_t *t)
{
    char           serials[5][64];
    uint32_t       version;
    acm_err_t      err;
    acm_cert_t     cert;
    acm_version_t  list[ACM_MAX_VERSIONS];

    assert_int_equal(test_rollback(t, 0, 0, START, &err), ACM_NOTFOUND);
    assert_non_null(strstr(err.text, "no version before"));

    test_issue(t, START, serials[1]);
    assert_int_equal(test_rollback(t, 0, 0, START, &err), ACM_NOTFOUND);
    assert_int_equal(test_rollback(t, 1, 0, START, &err), ACM_INVALID);
    assert_non_null(strstr(err.text, "is in use"));

    test_issue(t, START + 100, serials[2]);
    test_served(t, START + 100, 2, serials[2]);

    /* the one before */

    version = 0;
    test_ok(acm_certificate_rollback(t->ring, ACCOUNT, REGION, t->uuid,
                                     &version, 0, START + 200, &err));
    assert_int_equal(version, 3);
    test_served(t, START + 200, 3, serials[1]);

    test_get(t, &cert, NULL);
    assert_int_equal(cert.status, ACM_STATUS_ISSUED);
    assert_int_equal(cert.due, ACM_DUE_RENEW);
    assert_true(cert.due_at == cert.renew_at);
    assert_true(cert.renew_at == acm_sched_renew_at(cert.not_before,
                                                    cert.not_after));
    assert_true(cert.ari_at == 0 && cert.ari_start == 0);
    assert_string_equal(cert.issued_by, "");
    assert_string_equal(cert.issuer, "internal");
    acm_cert_free(&cert);

    /* and back: of versions 1 to 3 the second */

    test_ok(test_rollback(t, 0, 0, START + 300, &err));
    test_served(t, START + 300, 4, serials[2]);

    /* version 1 is gone by now; an unknown one */

    assert_int_equal(test_list(t, list), 3);
    assert_int_equal(test_rollback(t, 1, 0, START, &err), ACM_NOTFOUND);
    assert_non_null(strstr(err.text, "not kept"));
    assert_int_equal(test_rollback(t, 5, 0, START, &err), ACM_NOTFOUND);
    assert_int_equal(test_rollback(t, UINT32_MAX, 1, START, &err),
                     ACM_NOTFOUND);
    test_ok(test_rollback(t, 3, 0, START + 400, &err));
    test_served(t, START + 400, 5, serials[1]);

    /* a renewal goes on from there */

    test_issue(t, START + 500, serials[3]);
    test_served(t, START + 500, 6, serials[3]);

    memset(t->uuid, '0', 8);
    assert_int_equal(test_rollback(t, 0, 0, START, &err), ACM_NOTFOUND);
}


/* Past its renewal it stays a while; expired it is refused. */

static void
test_late(test_t *t)
{
    char        serials[3][64];
    int64_t     now, end;
    acm_err_t   err;
    acm_cert_t  cert;

    test_issue(t, START, serials[1]);
    test_get(t, &cert, NULL);
    end = cert.not_after;
    acm_cert_free(&cert);

    now = end - 2 * DAY;
    test_issue(t, now, serials[2]);

    test_ok(test_rollback(t, 0, 0, now, &err));
    test_served(t, now, 3, serials[1]);
    test_get(t, &cert, NULL);
    assert_true(cert.due_at == now + DAY);
    acm_cert_free(&cert);

    test_ok(test_rollback(t, 0, 0, now, &err));
    test_served(t, now, 4, serials[2]);

    /* at its last second, and behind it */

    assert_int_equal(test_rollback(t, 3, 0, end, &err), ACM_INVALID);
    assert_non_null(strstr(err.text, "expired at"));
    assert_non_null(strstr(err.text, "force"));
    test_served(t, end, 4, serials[2]);
    test_ok(test_rollback(t, 3, 0, end - 1, &err));
    test_ok(test_rollback(t, 4, 0, end, &err));
    test_ok(test_rollback(t, 5, 1, end + DAY, &err));
    test_served(t, end + DAY, 7, serials[1]);

    test_get(t, &cert, NULL);
    assert_int_equal(cert.due, ACM_DUE_RENEW);
    assert_true(cert.due_at > end + DAY && cert.due_at < end + 2 * DAY);
    acm_cert_free(&cert);

    /* by a clock that is behind it is not valid yet */

    assert_int_equal(test_rollback(t, 6, 0, START, &err), ACM_INVALID);
    assert_non_null(strstr(err.text, "not valid before"));
    test_ok(test_rollback(t, 6, 1, START, &err));
}


/* An import has other names in each version, and nobody renews it. */

static void
test_import(test_t *t)
{
    char           *names[] = { (char *) "old.example.com" };
    acm_err_t       err;
    acm_cert_t      cert, copy, like;
    acm_snap_t     *snap;
    acm_found_t     found;
    acm_bundle_t    bundle;
    acm_install_t   install;

    test_get(t, &copy, NULL);

    memset(&install, 0, sizeof(acm_install_t));
    install.now = START;
    install.issued_by = "";

    like = copy;
    like.names = names;
    like.nnames = 1;

    t->uuid[0] = '\0';

    test_ok(acm_issue_bundle(t->ring, &t->issuer, &like, START, &bundle,
                             &err));
    test_ok(acm_certificate_import(t->ring, ACCOUNT, REGION, &bundle,
                                   &install, t->uuid, &err));
    acm_bundle_free(&bundle);

    names[0] = (char *) "new.example.com";
    test_ok(acm_issue_bundle(t->ring, &t->issuer, &like, START, &bundle,
                             &err));
    test_ok(acm_certificate_import(t->ring, ACCOUNT, REGION, &bundle,
                                   &install, t->uuid, &err));
    acm_bundle_free(&bundle);

    test_ok(test_rollback(t, 0, 0, START + 9, &err));

    test_ok(acm_store_begin(t->store, &snap, NULL));
    test_ok(acm_find_name(snap, "old.example.com", START, &found));
    assert_int_equal(found.ec.version, 3);
    assert_int_equal(acm_find_name(snap, "new.example.com", START, &found),
                     ACM_NOTFOUND);
    acm_store_end(snap);

    test_get(t, &cert, NULL);
    assert_int_equal(cert.type, ACM_TYPE_IMPORTED);
    assert_string_equal(cert.domain, "old.example.com");
    assert_int_equal(cert.due, ACM_DUE_NONE);
    assert_true(cert.imported_at == START + 9);
    acm_cert_free(&cert);

    acm_cert_free(&copy);
}


/* Damage: the list shows it, a rollback to it fails, another one does not. */

static void
test_damage(test_t *t)
{
    char             serials[4][64];
    size_t           la, lb;
    uint8_t          a[ACM_MAX_STORE_KEY], b[ACM_MAX_STORE_KEY];
    acm_err_t        err;
    acm_snap_t      *snap;
    acm_entry_t      ea, eb;
    acm_batch_t      batch;
    acm_version_t    list[ACM_MAX_VERSIONS];

    test_issue(t, START, serials[1]);
    test_issue(t, START, serials[2]);
    test_issue(t, START, serials[3]);

    /* the material of another version: its key does not open */

    la = acm_material_key(a, t->uuid, 1);
    lb = acm_material_key(b, t->uuid, 2);
    acm_batch_init(&batch);
    test_ok(acm_store_begin(t->store, &snap, NULL));
    test_ok(acm_store_get(snap, ACM_DB_MATERIAL, a, la, &ea));
    test_ok(acm_store_get(snap, ACM_DB_MATERIAL, b, lb, &eb));
    acm_batch_put(&batch, ACM_DB_MATERIAL, a, la, eb.data, eb.len);
    acm_batch_put(&batch, ACM_DB_MATERIAL, b, lb, "x", 1);
    acm_store_end(snap);
    test_ok(acm_store_commit(t->store, &batch, NULL));
    acm_batch_free(&batch);

    assert_int_equal(test_list(t, list), 3);
    assert_int_equal(list[1].version, 2);
    assert_int_not_equal(list[1].rc, ACM_OK);
    assert_string_equal(list[1].serial, "");
    test_ok(list[2].rc);

    assert_int_equal(test_rollback(t, 1, 0, START, &err), ACM_CORRUPT);
    assert_int_equal(test_rollback(t, 1, 1, START, &err), ACM_CORRUPT);
    assert_int_not_equal(test_rollback(t, 0, 1, START, &err), ACM_OK);
    test_served(t, START, 3, serials[3]);

    /* it goes away in the end, as others do */

    test_issue(t, START, NULL);
    test_issue(t, START, NULL);
    assert_int_equal(test_list(t, list), 3);
    assert_int_equal(list[0].version, 3);
    test_ok(test_rollback(t, 3, 0, START, &err));
    test_served(t, START, 6, serials[3]);
    assert_int_equal(ERR_peek_error(), 0);
}


/* Each allocation fails once: nothing is changed, or all. */

static void
test_faults(test_t *t)
{
    char           serials[2][64];
    uint32_t       version;
    acm_rc_t       rc;
    unsigned long  i, left;

    test_issue(t, START, serials[1]);
    test_issue(t, START, serials[0]);
    version = 2;

    for (i = 1; i < 10000; i++) {
        acm_alloc_fail_at(i);
        rc = test_rollback(t, 0, 0, START, NULL);
        left = acm_alloc_fail_at(0);

        /* that of a version which is only listed can be done without */

        version += (rc == ACM_OK);
        test_served(t, START, version, serials[version % 2]);

        if (left != 0) {
            break;
        }
    }

    test_ok(rc);
    assert_true(i > 50);
}


typedef void (*test_pt)(test_t *t);


static void
test_both(test_pt run)
{
    int     lmdb;
    test_t  t;

    for (lmdb = 0; lmdb < 2; lmdb++) {
        test_start(&t, lmdb);
        run(&t);
        test_stop(&t);
    }
}


#define test_of(name)                                                         \
    static void                                                               \
    name##_both(void **state)                                                 \
    {                                                                         \
        (void) state;                                                         \
        test_both(name);                                                      \
    }

test_of(test_setting_limits)
test_of(test_kept)
test_of(test_neighbours)
test_of(test_back)
test_of(test_late)
test_of(test_import)
test_of(test_damage)
test_of(test_faults)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_setting_limits_both),
        cmocka_unit_test(test_kept_both),
        cmocka_unit_test(test_neighbours_both),
        cmocka_unit_test(test_back_both),
        cmocka_unit_test(test_late_both),
        cmocka_unit_test(test_import_both),
        cmocka_unit_test(test_damage_both),
        cmocka_unit_test(test_faults_both)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
