
/*
 * Copyright (C) The ngx_acm authors
 *
 * Settings and notes of an account that are damaged: nothing of it waits for
 * them, and a new one takes their place.
 */


#include "acm_quota.h"
#include "acm_setting.h"
#include "acm_watch_impl.h"
#include "test_api.h"


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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_counted),
        cmocka_unit_test(test_token)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
