
/*
 * Copyright (C) The ngx_acm authors
 */


#include "test.h"


static void
test_fail(void **state)
{
    char       big[2 * ACM_MAX_ERROR];
    acm_err_t  err;

    (void) state;

    assert_int_equal(acm_fail(&err, ACM_INVALID, "a \"%s\"", "b\r\n\x01\xc3"),
                     ACM_INVALID);
    assert_null(strpbrk(err.text, "\r\n\x01\xc3"));
    assert_non_null(strstr(err.text, "a \"b"));

    memset(big, 'x', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    assert_int_equal(acm_fail(&err, ACM_ERROR, "%s", big), ACM_ERROR);
    assert_int_equal(strlen(err.text), ACM_MAX_ERROR - 1);

    assert_int_equal(acm_fail(NULL, ACM_FULL, "x"), ACM_FULL);
}


static void
test_rc_text(void **state)
{
    int  i;

    (void) state;

    for (i = 0; i >= -20; i--) {
        assert_non_null(acm_rc_text((acm_rc_t) i));
        assert_true(strlen(acm_rc_text((acm_rc_t) i)) > 0);
    }
}


static void
test_time(void **state)
{
    char  buf[32];

    (void) state;

    assert_string_equal(acm_time_text(0, buf), "1970-01-01T00:00:00Z");
    assert_string_equal(acm_time_text(1795582800, buf),
                        "2026-11-25T05:00:00Z");
    assert_true(strlen(acm_time_text(INT64_MAX, buf)) < 32);
    assert_true(strlen(acm_time_text(INT64_MIN, buf)) < 32);

    acm_now_set(42);
    assert_int_equal(acm_now(), 42);
    acm_now_set(-1);
    assert_true(acm_now() > 1700000000);

    assert_true(acm_add_sat(INT64_MAX, 1) == INT64_MAX);
    assert_true(acm_add_sat(INT64_MIN, -1) == INT64_MIN);
    assert_true(acm_add_sat(40, 2) == 42);
}


static void
test_hex_uuid(void **state)
{
    char     hex[9], a[ACM_UUID_LEN + 1], b[ACM_UUID_LEN + 1];
    size_t   i;
    uint8_t  data[4] = { 0x00, 0x0f, 0xa5, 0xff };

    (void) state;

    assert_string_equal(acm_hex(data, 4, hex), "000fa5ff");

    test_ok(acm_uuid(a));
    test_ok(acm_uuid(b));
    assert_string_not_equal(a, b);
    assert_true(acm_uuid_ok(a));
    assert_int_equal(a[14], '7');
    assert_non_null(strchr("89ab", a[19]));

    /* it holds the time, and they rise, however fast they come */

    b[13] = '\0';
    memmove(b + 8, b + 9, 5);
    assert_in_range(strtoull(b, NULL, 16) / 1000 + 1, time(NULL),
                    time(NULL) + 2);

    for (i = 0; i < 20000; i++) {
        test_ok(acm_uuid(b));
        assert_true(strcmp(a, b) < 0);
        memcpy(a, b, sizeof(a));
    }

    a[0] = 'G';
    assert_false(acm_uuid_ok(a));
    b[35] = '\0';
    assert_false(acm_uuid_ok(b));
    assert_false(acm_uuid_ok(""));
    assert_false(acm_uuid_ok("00000000-0000-4000-8000-0000000000011"));
    assert_false(acm_uuid_ok("00000000x0000-4000-8000-000000000001"));
    assert_false(acm_uuid_ok("0000000A-0000-4000-8000-000000000001"));
    assert_true(acm_uuid_ok("0000000a-0000-4000-8000-000000000001"));
}


static void
test_alloc_fail(void **state)
{
    void  *p;

    (void) state;

    acm_alloc_fail_at(2);
    p = acm_alloc(8);
    assert_non_null(p);
    assert_null(acm_alloc(8));
    acm_free(p);
    p = acm_alloc(8);
    assert_non_null(p);
    acm_free(p);

    acm_free(NULL);
    acm_free_secret(NULL, 0);
    acm_alloc_fail_at(0);
}


static void
test_buf(void **state)
{
    acm_buf_t     b;
    acm_reader_t  r;

    (void) state;

    acm_buf_init(&b, 16);
    acm_buf_u8(&b, 1);
    acm_buf_u16(&b, 0x0203);
    acm_buf_u32(&b, 0x04050607);
    acm_buf_u64(&b, 0x08090a0b0c0d0e0fULL);
    acm_buf_text(&b, "x");
    test_ok(acm_buf_rc(&b));
    assert_int_equal(b.len, 16);

    acm_reader_init(&r, b.data, b.len);
    assert_int_equal(acm_read_u8(&r), 1);
    assert_int_equal(acm_read_u16(&r), 0x0203);
    assert_int_equal(acm_read_u32(&r), 0x04050607);
    assert_true(acm_read_u64(&r) == 0x08090a0b0c0d0e0fULL);
    assert_memory_equal(acm_read_bytes(&r, 1), "x", 1);
    assert_int_equal(r.rc, ACM_OK);
    assert_int_equal(acm_read_u8(&r), 0);
    assert_int_equal(r.rc, ACM_CORRUPT);
    assert_null(acm_read_bytes(&r, 1));

    /* one past the limit; it sticks, and nothing more is added */

    acm_buf_u8(&b, 0);
    assert_int_equal(acm_buf_rc(&b), ACM_TOOBIG);
    assert_int_equal(b.len, 16);
    acm_buf_add(&b, "", 0);
    assert_int_equal(acm_buf_rc(&b), ACM_TOOBIG);
    acm_buf_free(&b);

    acm_buf_init(&b, 1 << 20);
    acm_alloc_fail_at(1);
    acm_buf_text(&b, "x");
    acm_alloc_fail_at(0);
    assert_int_equal(acm_buf_rc(&b), ACM_NOMEM);
    acm_buf_free_secret(&b);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_fail),
        cmocka_unit_test(test_rc_text),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_hex_uuid),
        cmocka_unit_test(test_alloc_fail),
        cmocka_unit_test(test_buf)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
