
/*
 * Copyright (C) The ngx_acm authors
 *
 * JSON from elsewhere.
 */


#include "acm_json.h"
#include "test.h"


static acm_rc_t
test_parse(const char *text, size_t len, size_t max)
{
    size_t     i;
    json_t    *json;
    acm_rc_t   rc;
    acm_err_t  err;

    json = NULL;
    memset(&err, 0x55, sizeof(err));
    rc = acm_json_parse(text, len, max, &json, &err);

    if (rc == ACM_OK) {
        assert_true(json_is_object(json));
        json_decref(json);
        return rc;
    }

    assert_null(json);
    assert_true(strlen(err.text) < ACM_MAX_ERROR);

    for (i = 0; err.text[i] != '\0'; i++) {
        assert_true(err.text[i] >= ' ' && err.text[i] < 0x7f);
    }

    return rc;
}


static void
test_depth(void **state)
{
    char      text[256];
    unsigned  i, n;

    (void) state;

    for (n = 1; n <= ACM_MAX_JSON_DEPTH + 1; n++) {

        /* objects in objects, and arrays in an object */

        text[0] = '\0';

        for (i = 0; i < n; i++) {
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s",
                     (i + 1 < n) ? "{\"a\":" : "{}");
        }

        for (i = 1; i < n; i++) {
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "}");
        }

        assert_int_equal(test_parse(text, strlen(text), sizeof(text)),
                         (n <= ACM_MAX_JSON_DEPTH) ? ACM_OK : ACM_INVALID);

        snprintf(text, sizeof(text), "{\"a\":%.*s%.*s}", (int) n - 1,
                 "[[[[[[[[[[[[[[[[[[[[", (int) n - 1,
                 "]]]]]]]]]]]]]]]]]]]]");

        if (n > 1) {
            assert_int_equal(test_parse(text, strlen(text), sizeof(text)),
                             (n <= ACM_MAX_JSON_DEPTH) ? ACM_OK
                                                       : ACM_INVALID);
        }
    }

    /* quoted ones do not count, whatever is escaped */

    snprintf(text, sizeof(text), "{\"a\":\"\\\"[[[[[[[[[[[[[[[[[[[[[\\\\\","
             "\"b\":\"{{{{{{{{{{{{{{{{{{{{{{{{\"}");
    test_ok(test_parse(text, strlen(text), sizeof(text)));

    /* many, but side by side */

    snprintf(text, sizeof(text), "{\"a\":[[],[],[],[],[],[],[],[],[],[],[],"
             "[],[],[],[],[],[],[],[],[]]}");
    test_ok(test_parse(text, strlen(text), sizeof(text)));
}


static void
test_texts(void **state)
{
    static const char *const  bad[] = {
        "", " ", "{", "}", "[]", "[{}]", "null", "1", "\"a\"", "{}{}",
        "{}x", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{'a':1}",
        "{\"a\":1,\"a\":2}", "{\"b\":{\"a\":1,\"a\":1}}", "{\"a\":01}",
        "{\"a\":NaN}", "{\"a\":1e999}", "{\"a\":99999999999999999999}",
        "{\"a\":\"\\x\"}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\\u0000\"}",
        "{\"a\\u0000\":1}", "{\"a\":\"\n\"}", "{\"a\":\"\xff\"}",
        "{\"a\":\"\xc0\x80\"}", "{\"a\":\"\xed\xa0\x80\"}",
        "\xef\xbb\xbf{}", "{\"a\":\"", "{\"a\":\"\\", "{/**/}",
        "{\"a\":tru}", "]]]]{}"
    };

    char       *text;
    json_t     *json;
    size_t      i;
    acm_err_t   err;

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (test_parse(bad[i], strlen(bad[i]), 4096) != ACM_INVALID) {
            print_error("%s\n", bad[i]);
            fail();
        }
    }

    assert_int_equal(test_parse(NULL, 0, 4096), ACM_INVALID);
    assert_int_equal(acm_json_parse(NULL, 0, 4096, &json, &err), ACM_INVALID);
    assert_non_null(strstr(err.text, "empty"));
    assert_int_equal(test_parse("{}\0", 3, 4096), ACM_INVALID);
    assert_int_equal(test_parse("{\"a\0\":1}", 8, 4096), ACM_INVALID);

    /* not NUL-terminated, and no octet past the end is looked at */

    text = malloc(9);
    memcpy(text, "{\"a\":[1]}", 9);
    test_ok(test_parse(text, 9, 4096));
    assert_int_equal(test_parse(text, 8, 4096), ACM_INVALID);
    free(text);

    /* the limit, and one past */

    test_ok(test_parse("{\"a\":1}", 7, 7));
    assert_int_equal(test_parse("{\"a\":1}", 7, 6), ACM_TOOBIG);

    test_ok(acm_json_parse("{\"s\":\"x\",\"a\":[],\"o\":{}}", 23, 4096,
                           &json, &err));
    assert_string_equal(acm_json_string(json, "s"), "x");
    assert_null(acm_json_string(json, "a"));
    assert_null(acm_json_string(json, "z"));
    assert_non_null(acm_json_array(json, "a"));
    assert_null(acm_json_array(json, "o"));
    assert_non_null(acm_json_object(json, "o"));
    assert_null(acm_json_object(json, "s"));
    assert_null(acm_json_string(NULL, "s"));
    assert_null(acm_json_object(acm_json_array(json, "a"), "s"));
    json_decref(json);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_texts)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
