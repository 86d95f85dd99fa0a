
/*
 * Copyright (C) The ngx_acm authors
 *
 * EC keys that share what they sign with: each signs as itself, whoever signs
 * at the same time, and its secret stays nowhere else.
 */


#define OPENSSL_SUPPRESS_DEPRECATED

#include <dlfcn.h>
#include <pthread.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "acm_ec.h"
#include "test.h"


#define CURVES   3
#define THREADS  8
#define ROUNDS   100


typedef struct {
    EC_KEY     *ec;              /* that signs */
    EC_KEY     *pub;
} test_key_t;


static const uint8_t  test_digest[32] = "what is signed";

static int       test_old;       /* as it was before OpenSSL 3.0.6 */
static EC_KEY   *test_last;      /* whose secret was set */


/* In place of OpenSSL's. */

int
EC_KEY_set_private_key(EC_KEY *ec, const BIGNUM *secret)
{
    int  (*set)(EC_KEY *ec, const BIGNUM *secret);

    test_last = ec;

    if (test_old && secret == NULL) {
        return 0;
    }

    *(void **) &set = dlsym(RTLD_NEXT, "EC_KEY_set_private_key");

    return set(ec, secret);
}


static void
test_key_new(acm_key_e key, test_key_t *k)
{
    EVP_PKEY   *pkey;
    acm_err_t   err;
    acm_str_t   der_secret;

    test_ok(acm_key_generate(key, &pkey, &err));
    test_ok(acm_key_encode(pkey, &der_secret, &err));

    k->ec = acm_ec_key(key, &der_secret);
    k->pub = EVP_PKEY_get1_EC_KEY(pkey);
    assert_non_null(k->ec);
    assert_non_null(k->pub);

    acm_free_secret(der_secret.data, der_secret.len);
    EVP_PKEY_free(pkey);
}


static void
test_key_free(test_key_t *k)
{
    EC_KEY_free(k->ec);
    EC_KEY_free(k->pub);
}


/* Both ways there are; 1 if the key and no other made the signature. */

static int
test_signs(test_key_t *k, test_key_t *other)
{
    int            ok;
    uint8_t        sig[256];
    ECDSA_SIG     *s;
    unsigned int   len;

    len = sizeof(sig);

    ok = ECDSA_sign(0, test_digest, sizeof(test_digest), sig, &len, k->ec)
         == 1
         && ECDSA_verify(0, test_digest, sizeof(test_digest), sig, (int) len,
                         k->pub) == 1
         && ECDSA_verify(0, test_digest, sizeof(test_digest), sig, (int) len,
                         other->pub) != 1;

    s = ECDSA_do_sign(test_digest, sizeof(test_digest), k->ec);

    ok = ok && s != NULL
         && ECDSA_do_verify(test_digest, sizeof(test_digest), s, k->pub) == 1;

    ECDSA_SIG_free(s);

    return ok;
}


static void
test_sign(void **state)
{
    size_t      i;
    test_key_t  a, b;

    (void) state;

    for (i = 0; i < CURVES; i++) {
        test_key_new((acm_key_e) (ACM_KEY_EC_P256 + i), &a);
        test_key_new((acm_key_e) (ACM_KEY_EC_P256 + i), &b);

        assert_true(test_signs(&a, &b));
        assert_true(test_signs(&b, &a));
        assert_true(test_signs(&a, &b));

        test_key_free(&a);
        assert_true(test_signs(&b, &b) == 0);    /* "no other" can fail */
        test_key_free(&b);
    }

    acm_ec_done();
}


/* One without a secret is not signed for with that of the one before. */

static void
test_public(void **state)
{
    uint8_t        sig[256];
    EC_KEY        *public;
    test_key_t     k;
    unsigned int   len;

    (void) state;

    test_key_new(ACM_KEY_EC_P256, &k);
    assert_true(ECDSA_sign(0, test_digest, sizeof(test_digest), sig, &len,
                           k.ec) == 1);

    public = EC_KEY_dup(k.ec);
    (void) EC_KEY_set_private_key(public, NULL);
    assert_null(EC_KEY_get0_private_key(public));

    assert_int_equal(ECDSA_sign(0, test_digest, sizeof(test_digest), sig,
                                &len, public), 0);
    assert_int_equal(len, 0);
    assert_null(ECDSA_do_sign(test_digest, sizeof(test_digest), public));

    assert_true(ECDSA_sign(0, test_digest, sizeof(test_digest), sig, &len,
                           k.ec) == 1);

    ERR_clear_error();
    EC_KEY_free(public);
    test_key_free(&k);
    acm_ec_done();
}


/* What they share has no secret behind a signature. */

static void
test_wiped(void **state)
{
    test_key_t     k;
    const BIGNUM  *secret;

    (void) state;

    for (test_old = 0; test_old < 2; test_old++) {
        test_key_new(ACM_KEY_EC_P256, &k);
        test_last = NULL;
        assert_int_equal(test_signs(&k, &k), 0);
        assert_non_null(test_last);
        assert_ptr_not_equal(test_last, k.ec);

        secret = EC_KEY_get0_private_key(test_last);
        assert_true(secret == NULL || BN_is_one(secret));

        test_key_free(&k);
        acm_ec_done();
    }

    test_old = 0;
}


typedef struct {
    pthread_barrier_t   barrier;
    test_key_t          keys[THREADS];
    size_t              next;
} test_threads_t;


static void *
test_thread(void *data)
{
    test_threads_t  *t = data;

    size_t       i, n;
    test_key_t  *k;

    n = __atomic_fetch_add(&t->next, 1, __ATOMIC_RELAXED);
    k = &t->keys[n];

    (void) pthread_barrier_wait(&t->barrier);

    for (i = 0; i < ROUNDS; i++) {
        if (!test_signs(k, &t->keys[(n + CURVES) % THREADS])) {
            return data;
        }
    }

    return NULL;
}


static void
test_threads(void **state)
{
    void            *failed;
    size_t           i;
    pthread_t        threads[THREADS];
    test_threads_t   t;

    (void) state;

    t.next = 0;
    assert_int_equal(pthread_barrier_init(&t.barrier, NULL, THREADS), 0);

    for (i = 0; i < THREADS; i++) {
        test_key_new((acm_key_e) (ACM_KEY_EC_P256 + i % CURVES), &t.keys[i]);
    }

    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, test_thread, &t),
                         0);
    }

    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }

    for (i = 0; i < THREADS; i++) {
        test_key_free(&t.keys[i]);
    }

    pthread_barrier_destroy(&t.barrier);
    acm_ec_done();
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_sign),
        cmocka_unit_test(test_public),
        cmocka_unit_test(test_wiped),
        cmocka_unit_test(test_threads)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
