
/*
 * Copyright (C) The ngx_acm authors
 *
 * RSA keys with a blinding of their own: they sign what OpenSSL's would, what
 * the exponentiation is given is never what is signed, and nothing of it is
 * left behind.
 */


#define OPENSSL_SUPPRESS_DEPRECATED

#include <malloc.h>
#include <pthread.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "acm_rsa.h"
#include "test.h"


#define THREADS     8
#define ROUNDS      50                   /* signatures of each */
#define USES        32                   /* of factors from one r */
#define FREED       (4 * 1024 * 1024)    /* octets that are remembered */
#define SIZE        1024                 /* octets, a signature */


typedef struct {
    EVP_PKEY   *plain;                   /* OpenSSL's */
    EVP_PKEY   *pkey;
    RSA        *rsa;                     /* the provider's copy of it */
} test_key_t;


typedef int (*test_exp_pt)(BIGNUM *r, const BIGNUM *m, RSA *rsa, BN_CTX *ctx);


static RSA              *test_last;      /* of all RSA, what was made last */
static test_exp_pt       test_exp;       /* OpenSSL's */
static unsigned          test_exps;      /* calls, but of prepared keys only
                                            those by acm_rsa */
static BIGNUM           *test_in;        /* of the last one, if not NULL */
static BIGNUM           *test_out;
static pthread_mutex_t   test_lock = PTHREAD_MUTEX_INITIALIZER;

static int               test_freeing;   /* is remembered */
static uint8_t           test_freed[FREED];
static size_t            test_freed_len;


static void *
test_mem_new(size_t size, const char *file, int line)
{
    (void) file;
    (void) line;

    return malloc(size);
}


static void *
test_mem_more(void *p, size_t size, const char *file, int line)
{
    (void) file;
    (void) line;

    return realloc(p, size);
}


static void
test_mem_free(void *p, const char *file, int line)
{
    size_t  len;

    (void) file;
    (void) line;

    if (test_freeing && p != NULL) {
        len = malloc_usable_size(p);
        assert_true(len <= FREED - test_freed_len);
        memcpy(test_freed + test_freed_len, p, len);
        test_freed_len += len;
    }

    free(p);
}


static void
test_made(void *rsa, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl,
    void *argp)
{
    (void) ptr;
    (void) ad;
    (void) index;
    (void) argl;
    (void) argp;

    (void) pthread_mutex_lock(&test_lock);
    test_last = rsa;
    (void) pthread_mutex_unlock(&test_lock);
}


/* In OpenSSL's method, from where acm_rsa takes it; the method that prepared
   keys have is an older copy. */

static int
test_spy(BIGNUM *r, const BIGNUM *m, RSA *rsa, BN_CTX *ctx)
{
    int  ok;

    ok = test_exp(r, m, rsa, ctx);

    (void) pthread_mutex_lock(&test_lock);

    test_exps++;

    if (test_in != NULL) {
        assert_non_null(BN_copy(test_in, m));
        assert_non_null(BN_copy(test_out, r));
    }

    (void) pthread_mutex_unlock(&test_lock);

    return ok;
}


static EVP_PKEY *
test_decode(const uint8_t *der, long len)
{
    RSA            *rsa;
    EVP_PKEY       *pkey;
    const uint8_t  *p;

    p = der;
    rsa = d2i_RSAPrivateKey(NULL, &p, len);
    pkey = EVP_PKEY_new();
    assert_int_equal(EVP_PKEY_assign_RSA(pkey, rsa), 1);

    return pkey;
}


static void
test_key_from(test_key_t *key, const uint8_t *der, long len)
{
    key->plain = test_decode(der, len);
    key->pkey = test_decode(der, len);

    acm_rsa_prepare(key->pkey);
    assert_int_equal(ERR_peek_error(), 0);
    key->rsa = test_last;
}


static void
test_key(test_key_t *key, int bits, int primes, unsigned long exponent)
{
    int       len;
    RSA      *rsa;
    BIGNUM   *e;
    uint8_t  *der;

    e = BN_new();
    rsa = RSA_new();
    BN_set_word(e, exponent);
    assert_int_equal(RSA_generate_multi_prime_key(rsa, bits, primes, e, NULL),
                     1);
    der = NULL;
    len = i2d_RSAPrivateKey(rsa, &der);
    assert_true(len > 0);

    test_key_from(key, der, len);

    OPENSSL_free(der);
    RSA_free(rsa);
    BN_free(e);
}


static void
test_key_free(test_key_t *key)
{
    EVP_PKEY_free(key->plain);
    EVP_PKEY_free(key->pkey);
}


/* Its length; 0 if there is an error, which is left. */

static size_t
test_sign(EVP_PKEY *pkey, int padding, const EVP_MD *md, uint8_t *sig)
{
    size_t         size, len;
    uint8_t        text[SIZE];
    EVP_PKEY_CTX  *ctx;

    memset(text, 0x5a, sizeof(text));
    size = SIZE;
    len = (md != NULL) ? (size_t) EVP_MD_get_size(md)
                       : (size_t) EVP_PKEY_get_size(pkey);

    ctx = EVP_PKEY_CTX_new(pkey, NULL);
    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);

    if (md != NULL) {
        assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, md), 1);
    }

    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);

    if (EVP_PKEY_sign(ctx, sig, &size, text, len) != 1) {
        size = 0;
    }

    EVP_PKEY_CTX_free(ctx);

    return size;
}


static void
test_verify(EVP_PKEY *pkey, int padding, const EVP_MD *md, const uint8_t *sig,
    size_t size)
{
    uint8_t        text[SIZE];
    EVP_PKEY_CTX  *ctx;

    memset(text, 0x5a, sizeof(text));

    ctx = EVP_PKEY_CTX_new(pkey, NULL);
    assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
    assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, md), 1);
    assert_int_equal(EVP_PKEY_verify(ctx, sig, size, text,
                                     (size_t) EVP_MD_get_size(md)), 1);
    EVP_PKEY_CTX_free(ctx);
}


/* Both sign the same, and it is made here, or by OpenSSL's method alone. */

static void
test_signs(const test_key_t *key, int padding, const EVP_MD *md, int here)
{
    size_t    size;
    uint8_t   sig[SIZE], want[SIZE];
    unsigned  exps;

    exps = test_exps;
    size = test_sign(key->pkey, padding, md, sig);
    assert_int_equal(size, EVP_PKEY_get_size(key->plain));
    assert_int_equal(test_exps, exps + here);

    if (padding == RSA_PKCS1_PSS_PADDING) {
        test_verify(key->plain, padding, md, sig, size);
        return;
    }

    assert_int_equal(test_sign(key->plain, padding, md, want), size);
    assert_memory_equal(sig, want, size);
}


static void
test_signs_all(const test_key_t *key, int here)
{
    test_signs(key, RSA_PKCS1_PADDING, EVP_sha1(), here);
    test_signs(key, RSA_PKCS1_PADDING, EVP_sha256(), here);
    test_signs(key, RSA_PKCS1_PADDING, EVP_sha384(), here);
    test_signs(key, RSA_PKCS1_PADDING, EVP_sha512(), here);
    test_signs(key, RSA_PKCS1_PADDING, EVP_md5_sha1(), here);
    test_signs(key, RSA_PKCS1_PSS_PADDING, EVP_sha256(), here);
    test_signs(key, RSA_PKCS1_PSS_PADDING, EVP_sha384(), here);
    test_signs(key, RSA_NO_PADDING, NULL, here);
    test_signs(key, RSA_X931_PADDING, EVP_sha256(), 0);
}


static void
test_sizes(void **state)
{
    int                i, k;
    test_key_t         key;
    const RSA_METHOD  *method;

    static const int  bits[] = { 1024, 2048, 3072, 4096, 2056, 8192 };

    (void) state;

    for (i = 0; i < 6; i++) {
        test_key(&key, bits[i], 2, RSA_F4);

        /* all else stays OpenSSL's: decryption, for one */

        method = RSA_get_method(key.rsa);
        assert_ptr_not_equal(method, RSA_PKCS1_OpenSSL());
        assert_ptr_equal(RSA_meth_get_priv_dec(method),
                         RSA_meth_get_priv_dec(RSA_PKCS1_OpenSSL()));
        assert_false(RSA_test_flags(key.rsa, RSA_FLAG_NO_BLINDING));
        assert_ptr_equal(RSA_get_method(EVP_PKEY_get0_RSA(key.pkey)),
                         RSA_PKCS1_OpenSSL());

        for (k = 0; k < (bits[i] <= 2056 ? 10 : 1); k++) {
            test_signs_all(&key, 1);
        }

        test_key_free(&key);
    }
}


/* Keys that OpenSSL blinds itself, as it does when memory is short. */

static void
test_others(void **state)
{
    RSA         *rsa;
    test_key_t   key, bare;

    (void) state;

    test_key(&key, 2048, 2, 3);
    test_signs_all(&key, 0);
    test_key_free(&key);

    test_key(&key, 2048, 3, RSA_F4);
    test_signs_all(&key, 0);
    test_key_free(&key);

    /* without primes and what goes with them */

    test_key(&key, 2048, 2, RSA_F4);
    rsa = RSA_new();
    assert_int_equal(RSA_set0_key(rsa, BN_dup(RSA_get0_n(key.rsa)),
                                  BN_dup(RSA_get0_e(key.rsa)),
                                  BN_dup(RSA_get0_d(key.rsa))), 1);
    bare.plain = key.plain;
    bare.pkey = EVP_PKEY_new();
    assert_int_equal(EVP_PKEY_assign_RSA(bare.pkey, rsa), 1);
    acm_rsa_prepare(bare.pkey);
    assert_ptr_not_equal(RSA_get_method(test_last), RSA_PKCS1_OpenSSL());
    test_signs_all(&bare, 0);
    EVP_PKEY_free(bare.pkey);

    acm_alloc_fail_at(1);
    test_signs(&key, RSA_PKCS1_PADDING, EVP_sha256(), 0);
    assert_int_equal(acm_alloc_fail_at(0), 0);
    test_signs(&key, RSA_PKCS1_PADDING, EVP_sha256(), 1);
    test_key_free(&key);

    /* nor is any other concerned */

    rsa = RSA_new();
    assert_ptr_equal(rsa, test_last);
    assert_ptr_equal(RSA_get_method(rsa), RSA_PKCS1_OpenSSL());
    RSA_free(rsa);
}


/* What is too large is refused as OpenSSL does it. */

static void
test_errors(void **state)
{
    int            i, n;
    uint8_t        in[SIZE], sig[SIZE];
    test_key_t     key;
    unsigned long  error;

    static const int  lens[] = { 256, 255, 257, 0 };

    (void) state;

    test_key(&key, 2048, 2, RSA_F4);
    memset(in, 0xff, sizeof(in));

    for (i = 0; i < 8; i++) {
        n = i % 2 ? RSA_PKCS1_PADDING : RSA_NO_PADDING;

        if (n == RSA_PKCS1_PADDING && lens[i / 2] == 0) {
            continue;
        }

        assert_int_equal(RSA_private_encrypt(lens[i / 2], in, sig,
                             (RSA *) EVP_PKEY_get0_RSA(key.plain), n), -1);
        error = ERR_get_error();
        assert_int_not_equal(error, 0);
        ERR_clear_error();

        assert_int_equal(RSA_private_encrypt(lens[i / 2], in, sig, key.rsa,
                                             n), -1);
        assert_int_equal(ERR_get_error(), error);
        assert_int_equal(ERR_peek_error(), 0);
    }

    test_signs(&key, RSA_PKCS1_PADDING, EVP_sha256(), 1);
    test_key_free(&key);
}


/* A fault in one half would give the primes away (Boneh, DeMillo, Lipton). */

static void
test_fault(void **state)
{
    int         i;
    BIGNUM     *part;
    test_key_t  key;

    (void) state;

    for (i = 0; i < 3; i++) {
        test_key(&key, 2048, 2, RSA_F4);

        part = (BIGNUM *) (i == 0 ? RSA_get0_dmp1(key.rsa)
                           : i == 1 ? RSA_get0_dmq1(key.rsa)
                           : RSA_get0_iqmp(key.rsa));
        assert_int_equal(BN_sub_word(part, 2), 1);

        test_signs_all(&key, 1);
        test_signs_all(&key, 1);
        test_key_free(&key);
    }
}


static int
test_decrypt_one(EVP_PKEY *pkey, const uint8_t *in, uint8_t *out, size_t *size)
{
    int            rc;
    EVP_PKEY_CTX  *ctx;

    ctx = EVP_PKEY_CTX_new(pkey, NULL);
    *size = SIZE;
    assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING), 1);
    rc = EVP_PKEY_decrypt(ctx, out, size, in, 256);
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();

    return rc;
}


/* Also of what is no ciphertext, whether or not OpenSSL says so. */

static void
test_decrypt(void **state)
{
    int            i, rc;
    size_t         size, size2;
    uint8_t        in[SIZE], out[SIZE], out2[SIZE];
    unsigned       exps;
    test_key_t     key;
    EVP_PKEY_CTX  *ctx;

    (void) state;

    test_key(&key, 2048, 2, RSA_F4);

    for (i = 0; i < 100; i++) {
        ctx = EVP_PKEY_CTX_new(key.plain, NULL);
        size = SIZE;
        assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
        assert_int_equal(EVP_PKEY_encrypt(ctx, in, &size,
                                          (uint8_t *) "secret", 6), 1);
        EVP_PKEY_CTX_free(ctx);

        if (i % 2) {
            in[255] ^= 1;
        }

        exps = test_exps;
        rc = test_decrypt_one(key.pkey, in, out, &size);
        assert_int_equal(test_exps, exps);
        assert_int_equal(test_decrypt_one(key.plain, in, out2, &size2), rc);

        if (i % 2 == 0) {
            assert_int_equal(rc, 1);
        }

        if (rc == 1) {
            assert_int_equal(size, size2);
            assert_memory_equal(out, out2, size);
        }
    }

    test_key_free(&key);
}


/* The factor that the exponentiation of m was blinded with, and its root. */

static void
test_factors(const test_key_t *key, BIGNUM *a, BIGNUM *r, BN_CTX *ctx)
{
    BIGNUM        *m, *s;
    uint8_t        in[256], sig[256];
    const BIGNUM  *n;

    n = RSA_get0_n(key->rsa);
    m = BN_new();
    s = BN_new();

    memset(in, 0x5a, sizeof(in));
    assert_int_equal(RSA_private_encrypt(256, in, sig, key->rsa,
                                         RSA_NO_PADDING), 256);
    BN_bin2bn(in, 256, m);
    BN_bin2bn(sig, 256, s);

    assert_non_null(BN_mod_inverse(m, m, n, ctx));
    assert_non_null(BN_mod_inverse(s, s, n, ctx));
    assert_int_equal(BN_mod_mul(a, test_in, m, n, ctx), 1);
    assert_int_equal(BN_mod_mul(r, test_out, s, n, ctx), 1);

    BN_free(m);
    BN_free(s);
}


/* One is the square of the one before, but each 32nd, which is new. */

static void
test_many(void **state)
{
    int         i;
    BIGNUM     *a, *before, *first, *r;
    BN_CTX     *ctx;
    test_key_t  key;

    (void) state;

    test_key(&key, 2048, 2, RSA_F4);

    ctx = BN_CTX_new();
    test_in = BN_new();
    test_out = BN_new();
    a = BN_new();
    r = BN_new();
    before = BN_new();
    first = BN_new();

    for (i = 0; i < 4 * USES; i++) {
        test_factors(&key, a, r, ctx);
        BN_mod_sqr(before, before, RSA_get0_n(key.rsa), ctx);

        if (i % USES) {
            assert_int_equal(BN_cmp(a, before), 0);

        } else {
            assert_int_not_equal(BN_cmp(a, before), 0);
            assert_int_not_equal(BN_cmp(a, first), 0);
            assert_int_equal(BN_num_bits(r), 256);
            assert_true(BN_num_bits(a) > 1900);
            BN_copy(first, a);
        }

        BN_copy(before, a);
        BN_mod_exp(r, r, RSA_get0_e(key.rsa), RSA_get0_n(key.rsa), ctx);
        assert_int_equal(BN_cmp(a, r), 0);
    }

    BN_free(first);
    BN_free(before);
    BN_free(r);
    BN_free(a);
    BN_free(test_in);
    BN_free(test_out);
    test_in = NULL;
    BN_CTX_free(ctx);
    test_key_free(&key);
}


/* Nothing that was freed has the number in it, by itself or as Montgomery
   has it. */

static void
test_gone(const BIGNUM *number, int len, BN_MONT_CTX *mont, BN_CTX *ctx)
{
    int       i;
    BIGNUM   *bn;
    uint8_t   octets[256];

    bn = BN_dup(number);

    for (i = 0; i < 2; i++) {
        assert_int_equal(BN_bn2lebinpad(bn, octets, i ? 256 : len),
                         i ? 256 : len);
        assert_null(memmem(test_freed, test_freed_len, octets, 24));
        BN_to_montgomery(bn, bn, mont, ctx);
    }

    BN_free(bn);
}


static void
test_wiped(void **state)
{
    BIGNUM       *a, *r;
    BN_CTX       *ctx;
    test_key_t    key;
    BN_MONT_CTX  *mont;

    (void) state;

    test_key(&key, 2048, 2, RSA_F4);

    ctx = BN_CTX_new();
    mont = BN_MONT_CTX_new();
    test_in = BN_new();
    test_out = BN_new();
    a = BN_new();
    r = BN_new();
    BN_MONT_CTX_set(mont, RSA_get0_n(key.rsa), ctx);

    /* the signature is in what test_factors() frees, but not the factors */

    test_freeing = 1;
    test_factors(&key, a, r, ctx);
    EVP_PKEY_free(key.pkey);
    test_freeing = 0;

    assert_true(test_freed_len > 4096);
    test_gone(r, 32, mont, ctx);
    test_gone(a, 256, mont, ctx);
    assert_non_null(BN_mod_inverse(r, r,
                                   RSA_get0_n(EVP_PKEY_get0_RSA(key.plain)),
                                   ctx));
    test_gone(r, 256, mont, ctx);

    BN_free(a);
    BN_free(r);
    BN_free(test_in);
    BN_free(test_out);
    test_in = NULL;
    BN_MONT_CTX_free(mont);
    BN_CTX_free(ctx);
    EVP_PKEY_free(key.plain);
}


typedef struct {
    pthread_barrier_t   barrier;
    test_key_t          key;
    uint8_t             want[SIZE];
    size_t              size;
} test_threads_t;


static void *
test_thread(void *data)
{
    test_threads_t  *t = data;

    int       i, ok;
    uint8_t   sig[SIZE];

    (void) pthread_barrier_wait(&t->barrier);

    for (i = 0, ok = 1; i < ROUNDS && ok; i++) {
        ok = test_sign(t->key.pkey, RSA_PKCS1_PADDING, EVP_sha256(), sig)
             == t->size && memcmp(sig, t->want, t->size) == 0;
    }

    return ok ? NULL : data;
}


/* The first signature is one of all of them. */

static void
test_threads(void **state)
{
    int              i;
    void            *failed;
    unsigned         exps;
    pthread_t        threads[THREADS];
    test_threads_t   t;

    (void) state;

    test_key(&t.key, 1024, 2, RSA_F4);
    t.size = test_sign(t.key.plain, RSA_PKCS1_PADDING, EVP_sha256(), t.want);
    assert_int_equal(t.size, 128);
    assert_int_equal(pthread_barrier_init(&t.barrier, NULL, THREADS), 0);
    exps = test_exps;

    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, test_thread, &t),
                         0);
    }

    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }

    assert_int_equal(test_exps, exps + THREADS * ROUNDS);

    pthread_barrier_destroy(&t.barrier);
    test_key_free(&t.key);
}


/* What is kept for all is made again. */

static void
test_done(void **state)
{
    test_key_t  key;

    (void) state;

    acm_rsa_done();
    acm_rsa_done();

    test_key(&key, 2048, 2, RSA_F4);
    assert_ptr_not_equal(RSA_get_method(key.rsa), RSA_PKCS1_OpenSSL());
    test_key_free(&key);

    acm_rsa_done();
}


int
main(void)
{
    int         rc;
    test_key_t  key;

    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_fault),
        cmocka_unit_test(test_decrypt),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_wiped),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_done)
    };

    if (CRYPTO_set_mem_functions(test_mem_new, test_mem_more,
                                 test_mem_free) != 1
        || RSA_get_ex_new_index(0, NULL, test_made, NULL, NULL) == -1)
    {
        return 1;
    }

    /* the method is made with the first key, and then has OpenSSL's */

    test_key(&key, 1024, 2, RSA_F4);
    test_key_free(&key);

    test_exp = RSA_meth_get_mod_exp(RSA_PKCS1_OpenSSL());
    (void) RSA_meth_set_mod_exp((RSA_METHOD *) RSA_PKCS1_OpenSSL(), test_spy);

    rc = cmocka_run_group_tests(tests, NULL, NULL);

    (void) RSA_meth_set_mod_exp((RSA_METHOD *) RSA_PKCS1_OpenSSL(), test_exp);

    return rc;
}
