
/*
 * Copyright (C) The ngx_acm authors
 *
 * Settings and notes of an account that are damaged: nothing of it waits for
 * them, and a new one takes their place.
 */


#include "acm_challenge.h"
#include "acm_quota.h"
#include "acm_setting.h"
#include "acm_state.h"
#include "acm_watch_impl.h"
#include "test_api.h"


#define NOW  TEST_START


static char *
test_disk(test_api_t *t)
{
    char  *dir;

    test_api_start(t);
    acm_keyring_close(t->ring);
    acm_store_close(t->store);

    dir = test_mkdir();
    t->store = test_open_at(dir, 64 << 20);
    assert_non_null(t->store);
    test_ok(acm_keyring_open(t->store, &t->master, 1, &t->ring, NULL));
    t->engine.ring = t->ring;
    t->engine.store = t->store;

    return dir;
}


static void
test_end(test_api_t *t, char *dir)
{
    test_api_stop(t);
    test_rmdir(dir);
}


static uint64_t
test_days(test_api_t *t)
{
    json_t    *json;
    uint64_t   n;

    json = test_api_ok(t, "GetAccountConfiguration", "{}");
    n = (uint64_t) json_integer_value(
                       json_object_get(json_object_get(json, "ExpiryEvents"),
                                       "DaysBeforeExpiry"));
    json_decref(json);

    return n;
}


/* When somebody is told of an end: certificates are issued all the same. */

static void
test_warnings(void **state)
{
    char           text[32], *dir;
    json_t        *json, *cert;
    test_api_t     t;
    acm_batch_t    batch;
    acm_ladder_t   ladder;

    (void) state;

    dir = test_disk(&t);

    json_decref(test_api_ok(&t, "PutAccountConfiguration",
                            "{'IdempotencyToken': 'a', 'ExpiryEvents': "
                            "{'DaysBeforeExpiry': 20}}"));
    assert_int_equal(test_days(&t), 20);

    acm_ladder_default(&ladder);
    acm_batch_init(&batch);
    acm_ladder_put(&batch, &ladder, 1);
    test_ok(acm_store_commit(t.store, &batch, NULL));
    acm_batch_free(&batch);

    snprintf(text, sizeof(text), "%s/%s", TEST_ACCOUNT, TEST_REGION);
    test_spoil(t.store, ACM_DB_SETTING, text, strlen(text));
    test_spoil(t.store, ACM_DB_META, "ladder", 6);

    json = test_api_ok(&t, "RequestCertificate",
                       "{'DomainName': 'www.example.com'}");
    snprintf(test_arn, sizeof(test_arn), "%s",
             json_string_value(json_object_get(json, "CertificateArn")));
    json_decref(json);

    test_api_run(&t);

    json = test_api_ok(&t, "DescribeCertificate",
                       test_with_arn("{'CertificateArn': '%s'}"));
    cert = json_object_get(json, "Certificate");
    assert_string_equal(json_string_value(json_object_get(cert, "Status")),
                        "ISSUED");
    json_decref(json);

    /* it is told of, and can be given anew */

    t.quiet = 1;
    test_api_fault(&t, "GetAccountConfiguration", "{}", "InternalFailure",
                   NULL);
    json_decref(test_api_ok(&t, "PutAccountConfiguration",
                            "{'IdempotencyToken': 'a', 'ExpiryEvents': "
                            "{'DaysBeforeExpiry': 30}}"));
    assert_int_equal(test_days(&t), 30);

    test_end(&t, dir);
}


static uint64_t
test_used(test_api_t *t)
{
    int64_t      n;
    acm_snap_t  *snap;

    test_ok(acm_store_begin(t->store, &snap, NULL));
    n = acm_quota_used(snap, ACM_QUOTA_CERTIFICATES, TEST_ACCOUNT,
                       TEST_REGION, NULL, t->now);
    acm_store_end(snap);

    return (uint64_t) n;
}


/* That all was counted: it is counted anew. */

static void
test_counted(void **state)
{
    char        *dir;
    test_api_t   t;
    acm_snap_t  *snap;
    acm_entry_t  e;

    (void) state;

    dir = test_disk(&t);
    json_decref(test_api_ok(&t, "RequestCertificate",
                            "{'DomainName': 'www.example.com'}"));
    test_ok(acm_quota_init(t.store, NULL));
    assert_int_equal(test_used(&t), 1);

    test_spoil(t.store, ACM_DB_META, "quotas", 6);
    test_ok(acm_quota_init(t.store, NULL));
    assert_int_equal(test_used(&t), 1);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_store_get(snap, ACM_DB_META, "quotas", 6, &e));
    acm_store_end(snap);

    test_end(&t, dir);
}


/* What a token was given for: it is forgotten with all others. */

static void
test_token(void **state)
{
    char         key[ACM_MAX_STORE_KEY], *dir;
    size_t       len;
    uint64_t     n;
    test_api_t   t;
    acm_snap_t  *snap;
    acm_entry_t  e;

    static const char  body[] = "{'DomainName': 'www.example.com', "
                                "'IdempotencyToken': 'a'}";

    (void) state;

    dir = test_disk(&t);
    json_decref(test_api_ok(&t, "RequestCertificate", body));

    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_store_seek(snap, ACM_DB_TOKEN, "r", 1, &e));
    len = e.key_len;
    memcpy(key, e.key, len);
    acm_store_end(snap);

    test_spoil(t.store, ACM_DB_TOKEN, key, len);
    t.now += ACM_TOKEN_LIFE;
    json_decref(test_api_ok(&t, "RequestCertificate",
                            "{'DomainName': 'b.example.com'}"));
    json_decref(test_api_ok(&t, "RequestCertificate", body));

    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_store_entries(snap, ACM_DB_TOKEN, &n));
    assert_int_equal(n, 4);
    acm_store_end(snap);

    test_end(&t, dir);
}


/* The label of a name, which is in zones of others: its twin tells it. */

static void
test_label(void **state)
{
    char               label[ACM_LABEL_LEN + 1], again[ACM_LABEL_LEN + 1];
    char               values[ACM_MAX_TXT][ACM_TXT_LEN + 1], key[64], *dir;
    size_t             n;
    acm_err_t          err;
    test_api_t         t;
    acm_snap_t        *snap;
    acm_batch_t        batch;
    acm_challenge_t    c;

    (void) state;

    dir = test_disk(&t);
    test_ok(acm_validation_ensure(t.store, "a", "a.example.com", NOW, again,
                                  &err));
    test_ok(acm_validation_ensure(t.store, "b", "example.com", NOW, again,
                                  &err));
    test_ok(acm_validation_ensure(t.store, "a", "example.com", NOW, label,
                                  &err));

    test_spoil(t.store, ACM_DB_VALIDATION, "na\0example.com", 14);
    test_ok(acm_validation_ensure(t.store, "a", "*.example.com", NOW, again,
                                  &err));
    assert_string_equal(label, again);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_validation_get(snap, "a", "example.com", again));
    acm_store_end(snap);
    assert_string_equal(label, again);

    /* the twin: what is asked for by it is answered */

    memset(&c, 0, sizeof(c));
    c.kind = ACM_CHALLENGE_DNS;
    c.subject = label;
    c.value = (char *) "0123456789012345678901234567890123456789abc";
    memcpy(c.uuid, TEST_NONE + sizeof(TEST_ARN) - 1, sizeof(c.uuid));
    c.expires = NOW + 60;
    acm_batch_init(&batch);
    acm_challenge_put(&batch, &c);
    test_ok(acm_store_commit(t.store, &batch, NULL));
    acm_batch_free(&batch);

    n = (size_t) snprintf(key, sizeof(key), "l%s", label);
    test_spoil(t.store, ACM_DB_VALIDATION, key, n);
    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_challenge_txt(snap, label, NULL, NOW, values, &n));
    acm_store_end(snap);
    assert_int_equal(n, 1);

    /* both: no other label takes its place */

    test_spoil(t.store, ACM_DB_VALIDATION, "na\0example.com", 14);
    assert_int_equal(acm_validation_ensure(t.store, "a", "example.com", NOW,
                                           again, &err), ACM_CORRUPT);
    assert_string_equal(err.text, "both validation records of "
                        "\"example.com\" are damaged: restore the store from "
                        "a backup");

    test_end(&t, dir);
}


/* All entries that have to do with a UUID, but for events and tokens. */

static unsigned
test_entries(test_api_t *t, const char *uuid)
{
    int          db;
    acm_rc_t     rc;
    unsigned     n;
    acm_ref_t    ref;
    acm_snap_t  *snap;
    acm_entry_t  e;

    n = 0;
    test_ok(acm_store_begin(t->store, &snap, NULL));

    for (db = 0; db < ACM_DB_MAX; db++) {
        for (rc = acm_store_seek(snap, (acm_db_e) db, NULL, 0, &e);
             rc == ACM_OK || rc == ACM_CORRUPT;
             rc = acm_store_next(snap, (acm_db_e) db, &e))
        {
            n += (memmem(e.key, e.key_len, uuid, ACM_UUID_LEN) != NULL);
            n += (db == ACM_DB_IDENTITY
                  && acm_ref_decode(e.data, e.len, &ref) == ACM_OK
                  && strcmp(ref.uuid, uuid) == 0);
        }
    }

    acm_store_end(snap);

    return n;
}


/* A certificate that cannot be read: nothing is left of it, nor missing of
   others. */

static void
test_forget(void **state)
{
    char            one[ACM_UUID_LEN + 1], two[ACM_UUID_LEN + 1];
    char            key[128], *dir;
    size_t          len;
    int64_t         behind;
    unsigned        n;
    acm_err_t       err;
    test_api_t      t;
    acm_snap_t     *snap;
    acm_request_t   req[2];

    static char  *names[] = { "www.example.com", "example.com" };

    (void) state;

    dir = test_disk(&t);
    memset(req, 0, sizeof(req));

    for (n = 0; n < 2; n++) {
        req[n].account = TEST_ACCOUNT;
        req[n].region = TEST_REGION;
        req[n].issuer = "internal";
        req[n].key = ACM_KEY_EC_P256;
        req[n].type = ACM_TYPE_PRIVATE;
        req[n].names = names;
        req[n].nnames = n + 1;
    }

    t.engine.requests = req;
    t.engine.nrequests = 2;
    test_api_run(&t);
    test_ok(acm_certificate_ensure(t.store, &req[0], NOW, one, &err));
    test_ok(acm_certificate_ensure(t.store, &req[1], NOW, two, &err));

    n = test_entries(&t, two);
    assert_true(n > 8);
    assert_int_equal(acm_certificate_forget(t.store, TEST_ACCOUNT,
                                            TEST_REGION, two, &err),
                     ACM_INVALID);

    len = (size_t) snprintf(key, sizeof(key), TEST_ACCOUNT "/" TEST_REGION
                            "/%s", one);
    test_spoil(t.store, ACM_DB_CERTIFICATE, key, len);
    test_ok(acm_certificate_forget(t.store, TEST_ACCOUNT, TEST_REGION, one,
                                   &err));
    assert_int_equal(test_entries(&t, one), 0);
    assert_int_equal(test_entries(&t, two), n);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_state_behind(snap, &behind));
    acm_store_end(snap);
    assert_int_equal(behind, 0);

    /* and it is made anew */

    t.now += 3600;
    test_api_run(&t);
    test_ok(acm_certificate_ensure(t.store, &req[0], NOW, key, &err));
    assert_string_not_equal(key, one);
    assert_true(test_entries(&t, key) > 8);

    test_end(&t, dir);
}


/* Which certificate is the configured one, and that one itself. */

static void
test_identity(void **state)
{
    char            uuid[ACM_UUID_LEN + 1], first[ACM_UUID_LEN + 1];
    char            key[128], *dir;
    json_t         *json;
    size_t          len;
    uint8_t         id[ACM_HASH_LEN];
    int64_t         next;
    acm_rc_t        rc;
    unsigned        n;
    acm_err_t       err;
    test_api_t      t;
    acm_request_t   req;

    static char  *names[] = { "www.example.com" };

    (void) state;

    dir = test_disk(&t);
    memset(&req, 0, sizeof(req));
    req.account = TEST_ACCOUNT;
    req.region = TEST_REGION;
    req.issuer = "internal";
    req.key = ACM_KEY_EC_P256;
    req.type = ACM_TYPE_PRIVATE;
    req.names = names;
    req.nnames = 1;
    acm_request_identity(&req, id);

    json_decref(test_api_ok(&t, "RequestCertificate",
                            "{'DomainName': 'b.example.com'}"));
    test_ok(acm_certificate_ensure(t.store, &req, NOW, first, &err));
    json_decref(test_api_ok(&t, "RequestCertificate",
                            "{'DomainName': 'c.example.com'}"));

    test_spoil(t.store, ACM_DB_IDENTITY, id, ACM_HASH_LEN);
    test_ok(acm_certificate_ensure(t.store, &req, NOW, uuid, &err));
    assert_string_equal(uuid, first);

    len = (size_t) snprintf(key, sizeof(key), TEST_ACCOUNT "/" TEST_REGION
                            "/%s", first);
    test_spoil(t.store, ACM_DB_CERTIFICATE, key, len);
    test_spoil(t.store, ACM_DB_IDENTITY, id, ACM_HASH_LEN);
    test_ok(acm_certificate_ensure(t.store, &req, NOW, uuid, &err));
    assert_string_not_equal(uuid, first);

    memcpy(first, uuid, sizeof(first));
    test_ok(acm_certificate_ensure(t.store, &req, NOW, uuid, &err));
    assert_string_equal(uuid, first);

    len = (size_t) snprintf(key, sizeof(key), TEST_ACCOUNT "/" TEST_REGION
                            "/%s", first);
    test_spoil(t.store, ACM_DB_CERTIFICATE, key, len);
    test_ok(acm_certificate_ensure(t.store, &req, NOW, uuid, &err));
    assert_string_not_equal(uuid, first);

    /* what cannot be read is told of, and in nobody's way */

    t.engine.requests = &req;
    t.engine.nrequests = 1;

    for (n = 0; n < 100; n++) {
        rc = acm_engine_tick(&t.engine, t.now, &next, &err);

        if (rc == ACM_NOTFOUND) {
            break;
        }

        assert_true(rc == ACM_OK || rc == ACM_CORRUPT);
    }

    assert_int_equal(rc, ACM_NOTFOUND);
    snprintf(test_arn, sizeof(test_arn), TEST_ARN "%s", uuid);
    json = test_api_ok(&t, "DescribeCertificate",
                       test_with_arn("{'CertificateArn': '%s'}"));
    assert_string_equal(json_string_value(
                            json_object_get(json_object_get(json,
                                                            "Certificate"),
                                            "Status")), "ISSUED");
    json_decref(json);

    test_end(&t, dir);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_counted),
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_label),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_forget)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
