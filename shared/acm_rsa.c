
/*
 * Copyright (C) The ngx_acm authors
 *
 * Before RSA raises m to d, it multiplies m by r^e, for a random r, and the
 * result by r^-1, so that the time it takes tells nothing about d.  OpenSSL
 * takes r between 0 and n, and at the first signature of a key most of the
 * time that such a signature takes beyond others goes into r^-1.
 *
 * Here r has 256 bits, the first of which is 1.  Then one division leads from
 * n^-1 mod r, of numbers an eighth as long, to r^-1 mod n.  Nobody who has to
 * guess one of 2^255 values knows r^e mod n, which is as long as n and looks
 * like any number, since e is at least 65537; other keys are left to OpenSSL,
 * and so is whatever else is not usual, or fails.  All that sees r is done as
 * OpenSSL does it: the inverse without branches, products by Montgomery, both
 * factors squared for the next signature, and made anew for the 33rd.
 *
 * Nothing but the factors is made here.  OpenSSL's own code does the private
 * operation and looks whether its result is right before it is given out, the
 * provider encodes what is signed, and decryption does not come here at all.
 */


#define OPENSSL_SUPPRESS_DEPRECATED  /* methods of RSA */

#include <pthread.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "acm.h"
#include "acm_rsa.h"


#define ACM_RSA_BITS   256           /* of r */
#define ACM_RSA_USES   32            /* of what is made from one r */


typedef struct {
    BIGNUM     *a;                   /* r^e and */
    BIGNUM     *ai;                  /* r^-1, as Montgomery has them */
    unsigned    uses;
} acm_rsa_blind_t;


static int acm_rsa_init(void);
static void acm_rsa_new(void *rsa, void *ptr, CRYPTO_EX_DATA *ad, int index,
    long argl, void *argp);
static int acm_rsa_finish(RSA *rsa);
static int acm_rsa_sign(int len, const unsigned char *from, unsigned char *to,
    RSA *rsa, int padding);
static int acm_rsa_blinded(BIGNUM *m, BIGNUM *s, RSA *rsa, BN_MONT_CTX *mont,
    BN_CTX *ctx);
static int acm_rsa_usual(const RSA *rsa);
static int acm_rsa_pad(BIGNUM *m, const RSA *rsa, const uint8_t *from, int len,
    int padding);
static acm_rsa_blind_t *acm_rsa_blind(RSA *rsa);
static int acm_rsa_fresh(acm_rsa_blind_t *b, const RSA *rsa, BN_MONT_CTX *mont,
    BN_CTX *ctx);


static RSA_METHOD       *acm_rsa_method;     /* OpenSSL's, but to sign */
static int               acm_rsa_index = -1;
static pthread_mutex_t   acm_rsa_lock = PTHREAD_MUTEX_INITIALIZER;

static __thread int      acm_rsa_preparing;


void
acm_rsa_prepare(EVP_PKEY *pkey)
{
    EVP_PKEY_CTX  *ctx;

    ctx = acm_rsa_init() ? EVP_PKEY_CTX_new(pkey, NULL) : NULL;

    if (ctx != NULL) {
        acm_rsa_preparing = 1;
        (void) EVP_PKEY_sign_init(ctx);
        acm_rsa_preparing = 0;
    }

    EVP_PKEY_CTX_free(ctx);
}


void
acm_rsa_done(void)
{
    (void) pthread_mutex_lock(&acm_rsa_lock);

    if (acm_rsa_method != NULL) {
        (void) CRYPTO_free_ex_index(CRYPTO_EX_INDEX_RSA, acm_rsa_index);
        acm_rsa_index = -1;
        RSA_meth_free(acm_rsa_method);
        acm_rsa_method = NULL;
    }

    (void) pthread_mutex_unlock(&acm_rsa_lock);
}


static int
acm_rsa_init(void)
{
    int          ok;
    RSA_METHOD  *method;

    (void) pthread_mutex_lock(&acm_rsa_lock);

    if (acm_rsa_method == NULL) {
        method = RSA_meth_dup(RSA_PKCS1_OpenSSL());

        if (method != NULL
            && RSA_meth_set_priv_enc(method, acm_rsa_sign)
            && RSA_meth_set_finish(method, acm_rsa_finish))
        {
            acm_rsa_index = RSA_get_ex_new_index(0, NULL, acm_rsa_new, NULL,
                                                 NULL);
        }

        if (acm_rsa_index != -1) {
            acm_rsa_method = method;

        } else {
            RSA_meth_free(method);
        }
    }

    ok = acm_rsa_method != NULL;

    (void) pthread_mutex_unlock(&acm_rsa_lock);

    return ok;
}


/*
 * Called for each RSA that is made in the process.  In what is made meanwhile
 * by acm_rsa_prepare() there is the provider's copy, which nothing else leads
 * to.  With a method from the start the key would not be the provider's, and
 * then there is no key exchange with it.
 */

static void
acm_rsa_new(void *rsa, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl,
    void *argp)
{
    (void) ptr;
    (void) ad;
    (void) index;
    (void) argl;
    (void) argp;

    if (acm_rsa_preparing && RSA_get_method(rsa) == RSA_PKCS1_OpenSSL()) {
        (void) RSA_set_method(rsa, acm_rsa_method);
    }
}


static int
acm_rsa_finish(RSA *rsa)
{
    acm_rsa_blind_t  *b;

    b = RSA_get_ex_data(rsa, acm_rsa_index);

    if (b != NULL) {
        BN_clear_free(b->a);
        BN_clear_free(b->ai);
        acm_free(b);
    }

    return RSA_meth_get_finish(RSA_PKCS1_OpenSSL())(rsa);
}


static int
acm_rsa_sign(int len, const unsigned char *from, unsigned char *to, RSA *rsa,
    int padding)
{
    int           n;
    BIGNUM       *m, *s;
    BN_CTX       *ctx;
    BN_MONT_CTX  *mont;

    (void) ERR_set_mark();

    n = -1;
    ctx = BN_CTX_new();
    mont = BN_MONT_CTX_new();

    if (ctx != NULL && mont != NULL) {
        m = BN_CTX_get(ctx);
        s = BN_CTX_get(ctx);

        /* to make mont takes less time than memory to keep it is worth */

        if (s != NULL && acm_rsa_usual(rsa)
            && acm_rsa_pad(m, rsa, from, len, padding)
            && BN_MONT_CTX_set(mont, RSA_get0_n(rsa), ctx)
            && acm_rsa_blinded(m, s, rsa, mont, ctx))
        {
            n = BN_bn2binpad(s, to, RSA_size(rsa));
        }
    }

    BN_MONT_CTX_free(mont);
    BN_CTX_free(ctx);                /* which clears them */

    (void) ERR_pop_to_mark();

    return (n > 0) ? n
           : RSA_meth_get_priv_enc(RSA_PKCS1_OpenSSL())(len, from, to, rsa,
                                                        padding);
}


/* The factors are taken by one thread after the other. */

static int
acm_rsa_blinded(BIGNUM *m, BIGNUM *s, RSA *rsa, BN_MONT_CTX *mont, BN_CTX *ctx)
{
    int               ok;
    BIGNUM           *a, *ai;
    acm_rsa_blind_t  *b;

    a = BN_CTX_get(ctx);
    ai = BN_CTX_get(ctx);

    (void) pthread_mutex_lock(&acm_rsa_lock);

    b = (ai != NULL) ? acm_rsa_blind(rsa) : NULL;
    ok = 0;

    if (b != NULL) {
        ok = (b->uses++ % ACM_RSA_USES == 0)
             ? acm_rsa_fresh(b, rsa, mont, ctx)
             : BN_mod_mul_montgomery(b->a, b->a, b->a, mont, ctx)
               && BN_mod_mul_montgomery(b->ai, b->ai, b->ai, mont, ctx);

        ok = ok && BN_copy(a, b->a) != NULL && BN_copy(ai, b->ai) != NULL;

        if (!ok) {
            b->uses = 0;
        }
    }

    (void) pthread_mutex_unlock(&acm_rsa_lock);

    return ok && BN_mod_mul_montgomery(m, m, a, mont, ctx)
           && RSA_meth_get_mod_exp(RSA_PKCS1_OpenSSL())(s, m, rsa, ctx)
           && BN_mod_mul_montgomery(s, s, ai, mont, ctx);
}


/* Two primes and all that goes with them, and an exponent that is not small. */

static int
acm_rsa_usual(const RSA *rsa)
{
    return RSA_get_version((RSA *) rsa) == RSA_ASN1_VERSION_DEFAULT
           && RSA_get0_p(rsa) != NULL && RSA_get0_q(rsa) != NULL
           && RSA_get0_dmp1(rsa) != NULL && RSA_get0_dmq1(rsa) != NULL
           && RSA_get0_iqmp(rsa) != NULL && RSA_get0_d(rsa) != NULL
           && RSA_get0_e(rsa) != NULL && BN_num_bits(RSA_get0_e(rsa)) > 16;
}


/* As TLS 1.2 has it; for TLS 1.3 the provider pads. */

static int
acm_rsa_pad(BIGNUM *m, const RSA *rsa, const uint8_t *from, int len,
    int padding)
{
    int      ok, size;
    uint8_t  buf[OPENSSL_RSA_MAX_MODULUS_BITS / 8];

    size = RSA_size(rsa);

    if (size > (int) sizeof(buf)) {
        return 0;
    }

    ok = (padding == RSA_PKCS1_PADDING)
         ? RSA_padding_add_PKCS1_type_1(buf, size, from, len)
         : padding == RSA_NO_PADDING
           && RSA_padding_add_none(buf, size, from, len);

    return ok == 1 && BN_bin2bn(buf, size, m) != NULL
           && BN_ucmp(m, RSA_get0_n(rsa)) < 0;
}


static acm_rsa_blind_t *
acm_rsa_blind(RSA *rsa)
{
    acm_rsa_blind_t  *b;

    b = RSA_get_ex_data(rsa, acm_rsa_index);

    if (b != NULL) {
        return b;
    }

    b = acm_calloc(1, sizeof(acm_rsa_blind_t));

    if (b == NULL) {
        return NULL;
    }

    b->a = BN_new();
    b->ai = BN_new();

    if (b->a != NULL && b->ai != NULL
        && RSA_set_ex_data(rsa, acm_rsa_index, b))
    {
        return b;
    }

    BN_free(b->a);
    BN_free(b->ai);
    acm_free(b);

    return NULL;
}


/* n k = 1 + r j, so -j is r^-1. */

static int
acm_rsa_fresh(acm_rsa_blind_t *b, const RSA *rsa, BN_MONT_CTX *mont,
    BN_CTX *ctx)
{
    BIGNUM        *r, *k, *j;
    const BIGNUM  *n;

    n = RSA_get0_n(rsa);
    r = BN_CTX_get(ctx);
    k = BN_CTX_get(ctx);
    j = BN_CTX_get(ctx);

    if (j == NULL
        || !BN_priv_rand(r, ACM_RSA_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY)
        || !BN_mod_exp_mont(b->a, r, RSA_get0_e(rsa), n, ctx, mont))
    {
        return 0;
    }

    BN_set_flags(r, BN_FLG_CONSTTIME);

    return BN_mod_inverse(k, n, r, ctx) != NULL
           && BN_mul(j, n, k, ctx) && BN_sub_word(j, 1)
           && BN_div(j, NULL, j, r, ctx) && BN_sub(b->ai, n, j)
           && BN_to_montgomery(b->a, b->a, mont, ctx)
           && BN_to_montgomery(b->ai, b->ai, mont, ctx);
}
