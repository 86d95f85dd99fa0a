
/*
 * Copyright (C) The ngx_acm authors
 *
 * JSON from elsewhere.
 */


#include <malloc.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>

#include "acm_json.h"
#include "test.h"


#define TEST_SECRET   "kX9aQ2mZ7rT4wB8c"
#define TEST_THREADS  4
#define TEST_ROUNDS   2000


static atomic_uint  test_left;       /* pieces of memory with the secret */
static atomic_uint  test_freed;


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


/* What jansson is given in place of free(): looks at what is in it. */

static void
test_give_back(void *p)
{
    if (p != NULL) {
        test_freed++;

        if (memmem(p, malloc_usable_size(p), TEST_SECRET,
                   sizeof(TEST_SECRET) - 1)
            != NULL)
        {
            test_left++;
            OPENSSL_cleanse(p, malloc_usable_size(p));
        }
    }

    free(p);
}


/* Strings, keys, and what the lexer has of them. */

static void
test_secret(void)
{
    unsigned   i;
    json_t    *json;
    acm_err_t  err;

    static const char  text[] = "{\"Secret\":\"" TEST_SECRET "\",\"a\":"
                                "{\"" TEST_SECRET TEST_SECRET "\":[\"x\"]}}";

    for (i = 0; i < 2; i++) {

        /* the second time with an error at its end */

        if (acm_json_parse(text, sizeof(text) - 1 - i, 4096, &json, &err)
            == ACM_OK)
        {
            json_decref(json);
        }
    }
}


static void *
test_wiper(void *data)
{
    unsigned  i;

    (void) data;

    for (i = 0; i < TEST_ROUNDS; i++) {
        acm_json_wipe_begin();
        acm_json_wipe_begin();
        test_secret();
        acm_json_wipe_end();
        test_secret();
        acm_json_wipe_end();
    }

    return NULL;
}


/* Threads that do not wipe, with memory from before, beside those that do. */

static void
test_wipe(void **state)
{
    json_t     *before;
    unsigned    i;
    pthread_t   threads[TEST_THREADS];

    (void) state;

    json_set_alloc_funcs(malloc, test_give_back);

    before = json_pack("{s:s}", "before", TEST_SECRET);
    assert_non_null(before);
    test_secret();
    assert_true(test_left > 0);

    test_left = 0;
    test_freed = 0;

    for (i = 0; i < TEST_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, test_wiper, NULL),
                         0);
    }

    for (i = 0; i < TEST_ROUNDS; i++) {
        json_decref(json_pack("{s:[s,i]}", "other", "thread", i));
    }

    for (i = 0; i < TEST_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }

    assert_int_equal(test_left, 0);
    assert_true(test_freed > TEST_THREADS * TEST_ROUNDS);

    /* only where it is asked for */

    json_decref(before);
    assert_true(test_left > 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_wipe)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
