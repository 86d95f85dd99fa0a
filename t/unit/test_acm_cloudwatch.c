
/*
 * Copyright (C) The ngx_acm authors
 *
 * Bodies for PutMetricData.
 */


#include "acm_cloudwatch.h"
#include "acm_json.h"
#include "test_store.h"


#define TEST_NOW  1800000000LL


static void
test_put(acm_batch_t *batch, unsigned n, int64_t at, const char *region)
{
    size_t     len;
    uint8_t    key[ACM_MAX_STORE_KEY];
    acm_buf_t  buf;
    acm_ref_t  ref;

    memset(&ref, 0, sizeof(ref));
    snprintf(ref.account, sizeof(ref.account), "123456789012");
    snprintf(ref.region, sizeof(ref.region), "%s", region);
    snprintf(ref.uuid, sizeof(ref.uuid), "%08x-0000-4000-8000-000000000000",
             n);

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    test_ok(acm_ref_encode(&ref, &buf));
    len = acm_time_key(key, at, ref.uuid);
    acm_batch_put(batch, ACM_DB_EXPIRY, key, len, buf.data, buf.len);
    acm_buf_free(&buf);
}


static json_t *
test_next(acm_store_t *store, size_t max, acm_cloudwatch_t *where)
{
    size_t       n;
    json_t      *json;
    acm_rc_t     rc;
    acm_buf_t    out;
    acm_err_t    err;
    acm_snap_t  *snap;

    acm_buf_init(&out, 2 * ACM_MAX_CLOUDWATCH_BODY);
    test_ok(acm_store_begin(store, &snap, &err));
    rc = acm_cloudwatch_body(snap, "My/Certificates", TEST_NOW, max, where,
                             &out, &n);
    acm_store_end(snap);

    if (rc == ACM_NOTFOUND) {
        assert_int_equal(n, 0);
        acm_buf_free(&out);
        return NULL;
    }

    test_ok(rc);
    assert_true(out.len <= ACM_MAX_CLOUDWATCH_BODY);
    test_ok(acm_json_parse(out.data, out.len, out.len, &json, &err));
    assert_string_equal(acm_json_string(json, "Namespace"),
                        "My/Certificates");
    assert_int_equal(json_array_size(acm_json_array(json, "MetricData")), n);
    acm_buf_free(&out);

    return json;
}


static void
test_body(void **state)
{
    char              *text;
    json_t            *json;
    acm_err_t          err;
    acm_store_t       *store;
    acm_batch_t        batch;
    acm_cloudwatch_t   where;

    (void) state;

    store = test_open_memory();
    memset(&where, 0, sizeof(where));

    assert_null(test_next(store, 10, &where));

    acm_batch_init(&batch);
    test_put(&batch, 1, TEST_NOW - 1, "us-east-1");
    test_put(&batch, 2, TEST_NOW, "us-east-1");
    test_put(&batch, 3, TEST_NOW + 1, "us-east-1");
    test_put(&batch, 4, TEST_NOW + 86400, "us-east-1");
    test_put(&batch, 5, TEST_NOW + 86401, "eu-west-1");
    test_put(&batch, 6, TEST_NOW + 90000, "\"quoted\"");
    acm_batch_put(&batch, ACM_DB_EXPIRY, "\x7f", 1, "garbage", 7);
    test_ok(acm_store_commit(store, &batch, &err));
    acm_batch_free(&batch);

    memset(&where, 0, sizeof(where));
    json = test_next(store, 10, &where);
    text = json_dumps(acm_json_array(json, "MetricData"),
                      JSON_COMPACT|JSON_SORT_KEYS);
    assert_string_equal(text,
        "[{\"Dimensions\":[{\"Name\":\"CertificateArn\",\"Value\":"
        "\"arn:aws:acm:us-east-1:123456789012:certificate/"
        "00000003-0000-4000-8000-000000000000\"}],"
        "\"MetricName\":\"DaysToExpiry\",\"Timestamp\":1800000000,"
        "\"Unit\":\"Count\",\"Value\":1},"
        "{\"Dimensions\":[{\"Name\":\"CertificateArn\",\"Value\":"
        "\"arn:aws:acm:us-east-1:123456789012:certificate/"
        "00000004-0000-4000-8000-000000000000\"}],"
        "\"MetricName\":\"DaysToExpiry\",\"Timestamp\":1800000000,"
        "\"Unit\":\"Count\",\"Value\":1},"
        "{\"Dimensions\":[{\"Name\":\"CertificateArn\",\"Value\":"
        "\"arn:aws:acm:eu-west-1:123456789012:certificate/"
        "00000005-0000-4000-8000-000000000000\"}],"
        "\"MetricName\":\"DaysToExpiry\",\"Timestamp\":1800000000,"
        "\"Unit\":\"Count\",\"Value\":2}]");
    free(text);
    json_decref(json);

    assert_null(test_next(store, 10, &where));

    acm_store_close(store);
}


static void
test_pages(void **state)
{
    size_t             n, pages;
    char               region[ACM_MAX_LABEL + 1];
    json_t            *json;
    unsigned           i;
    acm_err_t          err;
    acm_store_t       *store;
    acm_batch_t        batch;
    acm_cloudwatch_t   where;

    (void) state;

    store = test_open_memory();
    memset(region, 'r', sizeof(region));
    region[ACM_MAX_LABEL] = '\0';

    acm_batch_init(&batch);

    for (i = 0; i < 2 * ACM_MAX_CLOUDWATCH_DATA + 1; i++) {
        test_put(&batch, i, TEST_NOW + 1 + i % 7, region);
    }

    test_ok(acm_store_commit(store, &batch, &err));
    acm_batch_free(&batch);

    /* at the limit, and what is asked for past it */

    memset(&where, 0, sizeof(where));
    n = 0;

    for (pages = 0; /* void */ ; pages++) {
        json = test_next(store, ACM_MAX_CLOUDWATCH_DATA + 1, &where);

        if (json == NULL) {
            break;
        }

        n += json_array_size(acm_json_array(json, "MetricData"));
        json_decref(json);
    }

    assert_int_equal(pages, 3);
    assert_int_equal(n, 2 * ACM_MAX_CLOUDWATCH_DATA + 1);

    acm_store_close(store);
}


static void
test_namespace(void **state)
{
    char       text[ACM_MAX_CLOUDWATCH_NAMESPACE + 1];
    size_t     i;
    acm_err_t  err;

    static const char *const  good[] = {
        "CertificateManager", "a", "AWS/CertificateManager", "a.b-c_d/e#f:g"
    };

    static const char *const  bad[] = {
        "", ":a", "a b", "a\"b", "a\\b", "\xc3\xbc", "a\nb"
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        test_ok(acm_cloudwatch_namespace(good[i], strlen(good[i]), &err));
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(acm_cloudwatch_namespace(bad[i], strlen(bad[i]),
                                                  &err), ACM_INVALID);
    }

    assert_int_equal(acm_cloudwatch_namespace("a\0b", 3, &err), ACM_INVALID);

    memset(text, 'n', sizeof(text));
    test_ok(acm_cloudwatch_namespace(text, sizeof(text) - 1, &err));
    assert_int_equal(acm_cloudwatch_namespace(text, sizeof(text), &err),
                     ACM_INVALID);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_body),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_namespace)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
