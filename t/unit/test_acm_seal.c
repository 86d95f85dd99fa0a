
/*
 * Copyright (C) The ngx_acm authors
 */


#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>

#include "test.h"


static void
test_round_trip(void **state)
{
    size_t             i;
    uint8_t            plain[100];
    acm_err_t          err;
    acm_str_t          a, b, out;
    acm_key_secret_t   key, other;

    (void) state;

    memset(plain, 7, sizeof(plain));
    test_ok(acm_key_random(&key, &err));
    test_ok(acm_key_random(&other, &err));

    test_ok(acm_seal(&key, "aad", 3, plain, sizeof(plain), &a, &err));
    test_ok(acm_seal(&key, "aad", 3, plain, sizeof(plain), &b, &err));
    assert_int_equal(a.len, sizeof(plain) + ACM_SEAL_OVERHEAD);
    assert_memory_not_equal(a.data, b.data, a.len);

    test_ok(acm_unseal(&key, "aad", 3, a.data, a.len, &out, &err));
    assert_int_equal(out.len, sizeof(plain));
    assert_memory_equal(out.data, plain, sizeof(plain));
    acm_free_secret(out.data, out.len);

    assert_int_equal(acm_unseal(&other, "aad", 3, a.data, a.len, &out, &err),
                     ACM_CORRUPT);
    assert_int_equal(acm_unseal(&key, "aae", 3, a.data, a.len, &out, &err),
                     ACM_CORRUPT);
    assert_int_equal(acm_unseal(&key, "aad", 2, a.data, a.len, &out, &err),
                     ACM_CORRUPT);

    for (i = 0; i < a.len; i++) {
        a.data[i] ^= 0x10;
        assert_int_not_equal(acm_unseal(&key, "aad", 3, a.data, a.len, &out,
                                        &err), ACM_OK);
        a.data[i] ^= 0x10;
        assert_int_not_equal(acm_unseal(&key, "aad", 3, a.data, i, &out,
                                        &err), ACM_OK);
    }

    acm_free(a.data);
    acm_free(b.data);
    acm_key_wipe(&key);

    for (i = 0; i < ACM_KEY_LEN; i++) {
        assert_int_equal(key.octets[i], 0);
    }
}


static int  test_scarce;


static void *
test_new(size_t size, const char *file, int line)
{
    (void) file;
    (void) line;

    return test_scarce ? NULL : malloc(size);
}


static void *
test_grow(void *p, size_t size, const char *file, int line)
{
    (void) file;
    (void) line;

    return test_scarce ? NULL : realloc(p, size);
}


static void
test_gone(void *p, const char *file, int line)
{
    (void) file;
    (void) line;

    free(p);
}


static void
test_key_id(void **state)
{
    uint8_t            a[8], b[8];
    acm_err_t          err;
    acm_key_secret_t   key;

    (void) state;

    test_ok(acm_key_random(&key, &err));
    test_ok(acm_key_id(&key, a, &err));
    test_ok(acm_key_id(&key, b, &err));
    assert_memory_equal(a, b, 8);
    assert_memory_not_equal(a, key.octets, 8);

    key.octets[31] ^= 1;
    test_ok(acm_key_id(&key, b, &err));
    assert_memory_not_equal(a, b, 8);

    /* without memory it is none, and not one that all keys have */

    test_scarce = 1;
    assert_int_equal(acm_key_id(&key, b, &err), ACM_NOMEM);
    test_scarce = 0;
}


static void
test_file(void **state)
{
    int                fd;
    char              *dir, path[600], link[600];
    acm_err_t          err;
    struct stat        st;
    acm_key_secret_t   key, again;

    (void) state;

    dir = test_mkdir();
    snprintf(path, sizeof(path), "%s/acm.key", dir);
    snprintf(link, sizeof(link), "%s/link.key", dir);

    assert_int_equal(acm_master_key_read(path, &key, &err), ACM_NOTFOUND);
    assert_non_null(strstr(err.text, path));

    test_ok(acm_master_key_create(path, &key, &err));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 45);

    test_ok(acm_master_key_read(path, &again, &err));
    assert_memory_equal(key.octets, again.octets, ACM_KEY_LEN);

    /* never over an existing one */
    assert_int_equal(acm_master_key_create(path, &again, &err),
                     ACM_CONFLICT);
    test_ok(acm_master_key_read(path, &again, &err));
    assert_memory_equal(key.octets, again.octets, ACM_KEY_LEN);

    chmod(path, 0640);
    assert_int_equal(acm_master_key_read(path, &again, &err), ACM_DENIED);
    chmod(path, 0604);
    assert_int_equal(acm_master_key_read(path, &again, &err), ACM_DENIED);
    chmod(path, 0400);
    test_ok(acm_master_key_read(path, &again, &err));

    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(acm_master_key_read(link, &again, &err), ACM_DENIED);
    assert_int_equal(acm_master_key_read(dir, &again, &err), ACM_DENIED);

    chmod(path, 0600);
    fd = open(path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "short\n", 6), 6);
    close(fd);
    assert_int_equal(acm_master_key_read(path, &again, &err), ACM_INVALID);

    fd = open(path, O_WRONLY | O_TRUNC);
    close(fd);
    assert_int_equal(acm_master_key_read(path, &again, &err), ACM_INVALID);

    test_rmdir(dir);
}


static void
test_sched(void **state)
{
    static const struct { int64_t life, left; }  t[] = {
        { 30, 15 }, { 6, 3 }, { 6 * 86400, 3 * 86400 },
        { 45 * 86400, 15 * 86400 }, { 90 * 86400, 30 * 86400 },
        { 198 * 86400, 66 * 86400 }
    };

    size_t    i;
    int64_t   life, at, wait, min;
    uint32_t  n;

    (void) state;

    for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        at = acm_sched_renew_at(1000, 1000 + t[i].life);
        assert_true(at == 1000 + t[i].life - t[i].left);
    }

    for (life = 1; life < 20LL * 365 * 86400; life += life / 3 + 1) {
        at = acm_sched_renew_at(5000, 5000 + life);
        assert_true(at >= 5000 && at <= 5000 + life);

        if (life >= 395 * 86400) {
            assert_true(at <= 5000 + life - 60 * 86400);
        }
    }

    /* failure never makes us faster, however many there were */

    for (min = 1; min <= 86400; min = min * 7 + 1) {
        for (n = 0; n <= 1000000; n += n / 2 + 1) {
            wait = acm_sched_backoff(n, min, 86400, 0);
            assert_true(wait >= min / 2 && wait <= 86400);
            wait = acm_sched_backoff(n, min, 86400, 65535);
            assert_true(wait >= min / 2 && wait <= 86400);
        }
    }

    wait = acm_sched_backoff(UINT32_MAX, 60, 86400, 0);
    assert_true(wait >= 43200 && wait <= 86400);

    assert_int_equal(acm_sched_backoff_min(30), 1);
    assert_int_equal(acm_sched_backoff_min(395 * 86400), ACM_BACKOFF_MIN);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_key_id),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_sched)
    };

    if (CRYPTO_set_mem_functions(test_new, test_grow, test_gone) != 1) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
