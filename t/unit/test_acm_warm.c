
/*
 * Copyright (C) The ngx_acm authors
 *
 * The table of names that are used most, and its form in a file.
 */


#include <openssl/evp.h>

#include "acm_warm.h"
#include "test.h"


static acm_warm_t  warm, other;


static int
test_setup(void **state)
{
    (void) state;

    memset(&warm, 0, sizeof(acm_warm_t));
    memset(&other, 0, sizeof(acm_warm_t));
    warm.seed = 1;
    other.seed = 2;

    return 0;
}


static void
test_note(size_t i, uint32_t uses)
{
    int   len;
    char  key[24];

    len = snprintf(key, sizeof(key), "n%zu", i);
    acm_warm_note(&warm, (uint8_t *) key, (size_t) len, uses);
}


/* UINT32_MAX: it is not there */

static uint32_t
test_weight(const acm_warm_t *w, size_t i)
{
    int     len;
    char    key[24];
    size_t  n;

    len = snprintf(key, sizeof(key), "n%zu", i);

    for (n = 0; n < w->n; n++) {
        if (w->names[n].len == (size_t) len
            && memcmp(w->names[n].key, key, (size_t) len) == 0)
        {
            return w->weights[n];
        }
    }

    return UINT32_MAX;
}


static void
test_most(void **state)
{
    size_t    i, n;
    uint16_t  order[ACM_WARM_NAMES];

    (void) state;

    assert_int_equal(acm_warm_order(&warm, order), 0);

    for (i = 0; i < ACM_WARM_NAMES; i++) {
        test_note(i, (uint32_t) i + 1);
        assert_int_equal(warm.n, i + 1);
    }

    /* one more: not for as many uses as the least has, but for more */

    test_note(5000, 1);
    assert_int_equal(test_weight(&warm, 5000), UINT32_MAX);
    assert_int_equal(test_weight(&warm, 0), 1);

    test_note(5000, 2);
    assert_int_equal(test_weight(&warm, 5000), 2);
    assert_int_equal(test_weight(&warm, 0), UINT32_MAX);
    assert_int_equal(warm.n, ACM_WARM_NAMES);

    /* those that are there are counted up, and found, whoever left */

    test_note(1, 1);
    assert_int_equal(test_weight(&warm, 1), 3);

    for (i = 6000; i < 6000 + 10 * ACM_WARM_NAMES; i++) {
        test_note(i, 1000);
    }

    for (i = 1000; i < ACM_WARM_NAMES; i++) {
        test_note(i, 10000);
        assert_int_equal(test_weight(&warm, i), 10000 + i + 1);
    }

    n = acm_warm_order(&warm, order);
    assert_int_equal(n, ACM_WARM_NAMES);

    for (i = 1; i < n; i++) {
        assert_true(warm.weights[order[i - 1]] >= warm.weights[order[i]]);
    }

    assert_int_equal(warm.weights[order[0]], 10000 + ACM_WARM_NAMES);
}


static void
test_keys(void **state)
{
    uint8_t  key[ACM_WARM_KEY + 1] = { 'k' };

    (void) state;

    acm_warm_note(&warm, key, 0, 1);
    acm_warm_note(&warm, key, ACM_WARM_KEY + 1, 1);
    assert_int_equal(warm.n, 0);
    assert_int_equal(warm.changes, 0);

    acm_warm_note(&warm, key, ACM_WARM_KEY, 1);
    assert_int_equal(warm.n, 1);
    assert_int_equal(warm.changes, 1);

    /* no number of uses overflows */

    acm_warm_note(&warm, key, ACM_WARM_KEY, UINT32_MAX);
    assert_int_equal(warm.n, 1);
    assert_int_equal(warm.weights[0], UINT32_MAX);
    assert_int_equal(warm.changes, 2);
}


static void
test_age(void **state)
{
    (void) state;

    acm_warm_age(&warm, 1000);
    test_note(1, 9);

    acm_warm_age(&warm, 1000 + ACM_WARM_HALF - 1);
    assert_int_equal(test_weight(&warm, 1), 9);

    acm_warm_age(&warm, 1000 + ACM_WARM_HALF);
    assert_int_equal(test_weight(&warm, 1), 4);

    /* a clock that is set back does not stop it */

    acm_warm_age(&warm, 10);
    assert_int_equal(test_weight(&warm, 1), 2);
    acm_warm_age(&warm, 10 + ACM_WARM_HALF - 1);
    assert_int_equal(test_weight(&warm, 1), 2);
    acm_warm_age(&warm, 10 + ACM_WARM_HALF);
    assert_int_equal(test_weight(&warm, 1), 1);
}


static void
test_file(void **state)
{
    size_t     i;
    uint8_t    key[ACM_WARM_KEY];
    acm_err_t  err;
    acm_buf_t  buf;

    (void) state;

    /* the largest one */

    memset(key, 'x', sizeof(key));

    for (i = 0; i < ACM_WARM_NAMES; i++) {
        (void) snprintf((char *) key, 8, "%zu", i);
        acm_warm_note(&warm, key, ACM_WARM_KEY, (uint32_t) i);
    }

    acm_buf_init(&buf, ACM_WARM_MAX);
    assert_int_equal(acm_warm_encode(&warm, &buf), ACM_OK);
    assert_int_equal(buf.len, ACM_WARM_MAX);

    assert_int_equal(acm_warm_decode(&other, buf.data, buf.len, &err),
                     ACM_OK);
    assert_int_equal(other.n, ACM_WARM_NAMES);

    for (i = 0; i < ACM_WARM_NAMES; i++) {
        assert_memory_equal(other.names[ACM_WARM_NAMES - 1 - i].key,
                            warm.names[i].key, ACM_WARM_KEY);
        assert_int_equal(other.weights[ACM_WARM_NAMES - 1 - i], i);
    }

    acm_buf_free(&buf);
}


/* Whatever is changed in it: nothing of it is taken. */

static void
test_damaged(void **state)
{
    size_t     i;
    acm_err_t  err;
    acm_buf_t  buf;

    (void) state;

    test_note(1, 7);
    test_note(22, 5);

    acm_buf_init(&buf, ACM_WARM_MAX);
    assert_int_equal(acm_warm_encode(&warm, &buf), ACM_OK);

    for (i = 0; i < buf.len; i++) {
        buf.data[i] ^= 1;
        assert_int_equal(acm_warm_decode(&other, buf.data, buf.len, &err),
                         ACM_CORRUPT);
        buf.data[i] ^= 1;

        assert_int_equal(acm_warm_decode(&other, buf.data, i, &err),
                         ACM_CORRUPT);
        assert_int_equal(other.n, 0);
    }

    assert_int_equal(acm_warm_decode(&other, buf.data, buf.len, &err),
                     ACM_OK);
    assert_int_equal(other.n, 2);
    assert_int_equal(test_weight(&other, 22), 5);

    acm_buf_free(&buf);
}


/* What has a good checksum, but not what a list has. */

static void
test_hostile(void **state)
{
    size_t      i;
    acm_err_t   err;
    acm_buf_t   buf;
    uint8_t     hash[ACM_HASH_LEN];

    static const struct {
        const char  *text;
        size_t       len;
        size_t       zeros;          /* behind it */
        acm_rc_t     rc;
    } t[] = {
        { "", 0, 0, ACM_CORRUPT },
        { "ACM", 3, 0, ACM_CORRUPT },
        { "ACMX\0\1\0\0", 8, 0, ACM_CORRUPT },
        { "ACMW\0", 5, 0, ACM_CORRUPT },
        { "ACMW\0\2\0\0", 8, 0, ACM_VERSION },
        { "ACMW\0\1\0\0", 8, 0, ACM_OK },
        { "ACMW\0\1\0\0", 8, 1, ACM_CORRUPT },
        { "ACMW\0\1\0\1", 8, 0, ACM_CORRUPT },
        { "ACMW\0\1\0\1\0\0\0\1\0\1x", 15, 0, ACM_OK },
        { "ACMW\0\1\0\1\0\0\0\1\0\0", 14, 0, ACM_CORRUPT },
        { "ACMW\0\1\0\2\0\0\0\1\0\1x\0\0\0\1\0\2x", 22, 0, ACM_CORRUPT },
        { "ACMW\0\1\0\1\0\0\0\1\1\x1d", 14, ACM_WARM_KEY, ACM_OK },
        { "ACMW\0\1\0\1\0\0\0\1\1\x1e", 14, ACM_WARM_KEY + 1, ACM_CORRUPT },
        { "ACMW\0\1\4\1", 8, 7 * 1025, ACM_CORRUPT },
    };

    (void) state;

    for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        (void) test_setup(NULL);
        acm_buf_init(&buf, 2 * ACM_WARM_MAX);

        acm_buf_add(&buf, t[i].text, t[i].len);

        while (buf.len < t[i].len + t[i].zeros) {
            acm_buf_u8(&buf, 0);
        }

        assert_int_equal(EVP_Digest(buf.data ? buf.data : hash, buf.len, hash,
                                    NULL, EVP_sha256(), NULL), 1);
        acm_buf_add(&buf, hash, ACM_HASH_LEN);

        assert_int_equal(acm_warm_decode(&other, buf.data, buf.len, &err),
                         t[i].rc);
        assert_int_equal(other.n, t[i].rc == ACM_OK && t[i].len > 8);
        acm_buf_free(&buf);
    }
}


/* A table that a process left half written is read within its bounds. */

static void
test_torn(void **state)
{
    size_t     i;
    acm_buf_t  buf;
    uint16_t   order[ACM_WARM_NAMES];

    (void) state;

    memset(&warm, 0xff, sizeof(acm_warm_t));

    test_note(1, 1);
    acm_warm_age(&warm, 0);
    test_note(1, UINT32_MAX);
    assert_int_equal(acm_warm_order(&warm, order), ACM_WARM_NAMES);

    acm_buf_init(&buf, ACM_WARM_MAX);
    assert_int_equal(acm_warm_encode(&warm, &buf), ACM_OK);
    acm_buf_free(&buf);

    /* a ring of buckets */

    (void) test_setup(NULL);

    for (i = 0; i < ACM_WARM_NAMES; i++) {
        test_note(i, 1);
    }

    for (i = 0; i < ACM_WARM_NAMES; i++) {
        warm.names[i].next = (uint16_t) (i + 1);
        warm.buckets[i] = (uint16_t) (i + 1);
    }

    test_note(5000, 9);
    assert_int_equal(test_weight(&warm, 5000), 9);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(test_most, test_setup),
        cmocka_unit_test_setup(test_keys, test_setup),
        cmocka_unit_test_setup(test_age, test_setup),
        cmocka_unit_test_setup(test_file, test_setup),
        cmocka_unit_test_setup(test_damaged, test_setup),
        cmocka_unit_test_setup(test_hostile, test_setup),
        cmocka_unit_test_setup(test_torn, test_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
