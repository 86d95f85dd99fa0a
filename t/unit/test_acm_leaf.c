
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates with their keys, as handshakes use them: what comes out is
 * what went in, and costs what it says.
 */


#define OPENSSL_SUPPRESS_DEPRECATED

#include <malloc.h>
#include <pthread.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "acm_leaf.h"
#include "test.h"


#define CACHED    1000                   /* objects that are weighed */
#define PER_NAME  8192                   /* octets, what one may cost */
#define THREADS   8
#define ROUNDS    20


typedef struct {
    acm_str_t   der;
    acm_str_t   key_secret;
} test_pair_t;


static const char *const  test_exts[][2] = {
    { SN_basic_constraints, "critical,CA:FALSE" },
    { SN_key_usage, "critical,digitalSignature" },
    { SN_ext_key_usage, "serverAuth,clientAuth" },
    { SN_subject_key_identifier, "hash" },
    { SN_info_access, "OCSP;URI:http://ocsp.example.com/,"
                      "caIssuers;URI:http://ca.example.com/ca.crt" },
    { SN_crl_distribution_points, "URI:http://crl.example.com/ca.crl" }
};


static void
test_ext(X509 *x, int nid, const char *value)
{
    X509V3_CTX       ctx;
    X509_EXTENSION  *ext;

    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(ext);
    assert_int_equal(X509_add_ext(x, ext, -1), 1);
    X509_EXTENSION_free(ext);
}


/* As a public CA makes them. */

static void
test_pair(EVP_PKEY *pkey, size_t nnames, test_pair_t *pair)
{
    char       san[32 * ACM_MAX_NAMES];
    X509      *x;
    size_t     i, len;
    acm_err_t  err;

    x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), UINT64_MAX / 3);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                               (const uint8_t *) "n000.example.com", -1, -1,
                               0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_set_pubkey(x, pkey);

    for (i = 0; i < sizeof(test_exts) / sizeof(test_exts[0]); i++) {
        test_ext(x, OBJ_sn2nid(test_exts[i][0]), test_exts[i][1]);
    }

    for (i = 0, len = 0; i < nnames; i++) {
        len += (size_t) snprintf(san + len, sizeof(san) - len,
                                 "%sDNS:N%03zu.example.com", i ? "," : "", i);
    }

    test_ext(x, NID_subject_alt_name, san);
    X509_sign(x, pkey, EVP_sha256());

    test_ok(acm_x509_encode(x, &pair->der, &err));
    test_ok(acm_key_encode(pkey, &pair->key_secret, &err));

    X509_free(x);
}


static void
test_pair_new(acm_key_e key, size_t nnames, test_pair_t *pair)
{
    EVP_PKEY   *pkey;
    acm_err_t   err;

    test_ok(acm_key_generate(key, &pkey, &err));
    test_pair(pkey, nnames, pair);
    EVP_PKEY_free(pkey);
}


/* The point is not encoded as OpenSSL does it. */

static void
test_pair_compressed(test_pair_t *pair)
{
    EC_KEY    *ec;
    EVP_PKEY  *pkey;

    ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    EC_KEY_generate_key(ec);
    EC_KEY_set_conv_form(ec, POINT_CONVERSION_COMPRESSED);
    pkey = EVP_PKEY_new();
    EVP_PKEY_assign_EC_KEY(pkey, ec);

    test_pair(pkey, 1, pair);
    EVP_PKEY_free(pkey);
}


static void
test_pair_free(test_pair_t *pair)
{
    acm_free(pair->der.data);
    acm_free_secret(pair->key_secret.data, pair->key_secret.len);
}


static void
test_sign(EVP_PKEY *pkey, EVP_PKEY *pub)
{
    size_t       len;
    uint8_t      sig[1024];
    EVP_MD_CTX  *md;

    len = sizeof(sig);
    md = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, pkey),
                     1);
    assert_int_equal(EVP_DigestSign(md, sig, &len, (uint8_t *) "text", 4), 1);
    EVP_MD_CTX_free(md);

    if (pub != NULL) {
        md = EVP_MD_CTX_new();
        EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, pub);
        assert_int_equal(EVP_DigestVerify(md, sig, len, (uint8_t *) "text",
                                          4), 1);
        EVP_MD_CTX_free(md);
    }
}


/* A handshake of the version, with the cipher suites if they are given. */

static void
test_tls(acm_leaf_t *leaf, int version, const char *ciphers)
{
    int       i, done;
    BIO      *up, *down;
    SSL      *server, *client;
    SSL_CTX  *ctx;

    ctx = SSL_CTX_new(TLS_method());
    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);

    if (ciphers != NULL) {
        assert_int_equal(SSL_CTX_set_cipher_list(ctx, ciphers), 1);
    }

    server = SSL_new(ctx);
    client = SSL_new(ctx);
    assert_int_equal(BIO_new_bio_pair(&up, 0, &down, 0), 1);
    SSL_set_bio(server, up, up);
    SSL_set_bio(client, down, down);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);

    SSL_certs_clear(server);
    assert_int_equal(SSL_use_cert_and_key(server, leaf->x, leaf->pkey, NULL,
                                          1), 1);

    for (i = 0, done = 0; i < 16 && done != 2; i++) {
        done = (SSL_do_handshake(client) == 1);
        done += (SSL_do_handshake(server) == 1);
    }

    assert_int_equal(done, 2);
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(
                                     SSL_get0_peer_certificate(client)),
                                 leaf->pkey), 1);

    SSL_free(server);
    SSL_free(client);
    SSL_CTX_free(ctx);
}


/* What OpenSSL decodes in full is the measure. */

/* Its own objects, and of keys those of EC that no copy was made of. */

static void
test_hot(const acm_leaf_t *leaf)
{
    int     shared;
    size_t  i, n;

    shared = X509_get0_pubkey(leaf->x) == leaf->pkey
             && EVP_PKEY_get_base_id(leaf->pkey) == EVP_PKEY_EC;

    for (i = 0, n = 0; i < ACM_LEAF_HOT; i++) {
        n += (leaf->hot[i] != NULL);
    }

    assert_ptr_equal(leaf->hot[0], leaf->x);
    assert_ptr_equal(leaf->hot[1], leaf->pkey);
    assert_int_equal(n, shared ? ACM_LEAF_HOT : 5);

    if (shared) {
        assert_ptr_equal(leaf->hot[5], EVP_PKEY_get0_EC_KEY(leaf->pkey));
    }

    acm_leaf_prefetch(leaf);
}


static void
test_open_one(const test_pair_t *pair, acm_key_e key, size_t nnames)
{
    X509        *x;
    acm_str_t    again;
    acm_err_t    err;
    acm_leaf_t   leaf;

    test_ok(acm_leaf_open(&leaf, key, &pair->der, &pair->key_secret, &err));
    assert_int_equal(ERR_peek_error(), 0);

    test_ok(acm_x509_encode(leaf.x, &again, &err));
    assert_int_equal(again.len, pair->der.len);
    assert_memory_equal(again.data, pair->der.data, again.len);
    acm_free(again.data);

    assert_int_equal(leaf.nnames, nnames);
    assert_string_equal(leaf.names[0], "n000.example.com");
    test_hot(&leaf);

    test_ok(acm_x509_decode(pair->der.data, pair->der.len, &x, &err));
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(x), leaf.pkey), 1);
    test_sign(leaf.pkey, X509_get0_pubkey(x));
    X509_free(x);

    test_tls(&leaf, TLS1_3_VERSION, NULL);
    test_tls(&leaf, TLS1_2_VERSION, NULL);

    if (EVP_PKEY_get_base_id(leaf.pkey) == EVP_PKEY_RSA) {
        test_tls(&leaf, TLS1_2_VERSION, "AES128-GCM-SHA256");
    }

    acm_leaf_close(&leaf);
}


static void
test_open(void **state)
{
    size_t       i;
    test_pair_t  pair;

    static const acm_key_e  keys[] = {
        ACM_KEY_RSA_2048, ACM_KEY_RSA_3072, ACM_KEY_RSA_4096,
        ACM_KEY_EC_P256, ACM_KEY_EC_P384, ACM_KEY_EC_P521
    };

    (void) state;

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        test_pair_new(keys[i], ACM_MAX_NAMES, &pair);
        test_open_one(&pair, keys[i], ACM_MAX_NAMES);
        test_pair_free(&pair);
    }
}


static void
test_compressed(void **state)
{
    test_pair_t  pair;

    (void) state;

    test_pair_compressed(&pair);
    test_open_one(&pair, ACM_KEY_EC_P256, 1);
    test_pair_free(&pair);
}


static void
test_refused(const acm_str_t *der, const acm_str_t *key_secret,
    acm_key_e key)
{
    acm_err_t   err;
    acm_leaf_t  leaf;

    err.text[0] = '\0';
    assert_int_equal(acm_leaf_open(&leaf, key, der, key_secret, &err),
                     ACM_INVALID);
    assert_int_not_equal(err.text[0], '\0');
}


static void
test_mismatch(void **state)
{
    test_pair_t  ec, ec2, p384, rsa, rsa2;

    (void) state;

    test_pair_new(ACM_KEY_EC_P256, 1, &ec);
    test_pair_new(ACM_KEY_EC_P256, 1, &ec2);
    test_pair_new(ACM_KEY_EC_P384, 1, &p384);
    test_pair_new(ACM_KEY_RSA_2048, 1, &rsa);
    test_pair_new(ACM_KEY_RSA_2048, 1, &rsa2);

    test_refused(&ec.der, &ec2.key_secret, ACM_KEY_EC_P256);
    test_refused(&ec.der, &p384.key_secret, ACM_KEY_EC_P256);
    test_refused(&ec.der, &p384.key_secret, ACM_KEY_EC_P384);
    test_refused(&ec.der, &rsa.key_secret, ACM_KEY_RSA_2048);
    test_refused(&rsa.der, &rsa2.key_secret, ACM_KEY_RSA_2048);
    test_refused(&rsa.der, &ec.key_secret, ACM_KEY_EC_P256);
    test_refused(&ec.der, &ec.key_secret, ACM_KEY_EC_P384);
    test_refused(&ec.der, &ec.key_secret, ACM_KEY_NONE);

    test_pair_free(&ec);
    test_pair_free(&ec2);
    test_pair_free(&p384);
    test_pair_free(&rsa);
    test_pair_free(&rsa2);
}


/* Cut at each octet, and one octet more. */

static void
test_damaged(void **state)
{
    size_t       i;
    acm_str_t    part;
    test_pair_t  pair, longer;

    (void) state;

    test_pair_new(ACM_KEY_EC_P256, 1, &pair);

    for (i = 0; i < pair.der.len; i++) {
        part.data = pair.der.data;
        part.len = i;
        test_refused(&part, &pair.key_secret, ACM_KEY_EC_P256);
    }

    for (i = 0; i < pair.key_secret.len; i++) {
        part.data = pair.key_secret.data;
        part.len = i;
        test_refused(&pair.der, &part, ACM_KEY_EC_P256);
    }

    longer.der.len = pair.der.len + 1;
    longer.der.data = calloc(1, longer.der.len);
    memcpy(longer.der.data, pair.der.data, pair.der.len);
    test_refused(&longer.der, &pair.key_secret, ACM_KEY_EC_P256);
    free(longer.der.data);

    longer.key_secret.len = pair.key_secret.len + 1;
    longer.key_secret.data = calloc(1, longer.key_secret.len);
    memcpy(longer.key_secret.data, pair.key_secret.data, pair.key_secret.len);
    test_refused(&pair.der, &longer.key_secret, ACM_KEY_EC_P256);
    free(longer.key_secret.data);

    test_pair_free(&pair);
}


static void
test_many(const test_pair_t *pair, acm_key_e key, acm_leaf_t *leaves)
{
    size_t     i;
    acm_err_t  err;

    for (i = 0; i < CACHED; i++) {
        test_ok(acm_leaf_open(&leaves[i], key, &pair->der, &pair->key_secret,
                              &err));
        test_sign(leaves[i].pkey, NULL);
    }
}


static void
test_many_close(acm_leaf_t *leaves)
{
    size_t  i;

    for (i = 0; i < CACHED; i++) {
        acm_leaf_close(&leaves[i]);
    }
}


/* Octets of heap for each of many that have signed; what one says itself is
   no less, and not much more. */

static size_t
test_weigh(const test_pair_t *pair, acm_key_e key)
{
    size_t       weight, said;
    acm_leaf_t  *leaves;

    leaves = calloc(CACHED, sizeof(acm_leaf_t));

    /* once before, for what OpenSSL keeps for itself */

    test_many(pair, key, leaves);
    test_many_close(leaves);

    weight = mallinfo2().uordblks;
    test_many(pair, key, leaves);
    weight = (mallinfo2().uordblks - weight) / CACHED;

    said = leaves[0].bytes;

    test_many_close(leaves);
    free(leaves);

    print_message("%s: %zu octets, says %zu\n", acm_key_text(key), weight,
                  said);

    /* the allocator of a sanitizer counts nothing */

    if (weight != 0) {
        assert_true(said >= weight);
        assert_true(said <= weight + weight / 4);
    }

    return said;
}


static size_t
test_weigh_new(acm_key_e key, size_t nnames)
{
    size_t       said;
    test_pair_t  pair;

    test_pair_new(key, nnames, &pair);
    said = test_weigh(&pair, key);
    test_pair_free(&pair);

    return said;
}


static void
test_bytes(void **state)
{
    test_pair_t  pair;

    (void) state;

    assert_true(test_weigh_new(ACM_KEY_EC_P256, 1) <= PER_NAME);
    assert_true(test_weigh_new(ACM_KEY_EC_P256, 2) <= PER_NAME);

    (void) test_weigh_new(ACM_KEY_EC_P256, ACM_MAX_NAMES);
    (void) test_weigh_new(ACM_KEY_EC_P384, 2);
    (void) test_weigh_new(ACM_KEY_EC_P521, 2);
    (void) test_weigh_new(ACM_KEY_RSA_2048, 2);
    (void) test_weigh_new(ACM_KEY_RSA_2048, ACM_MAX_NAMES);
    (void) test_weigh_new(ACM_KEY_RSA_3072, 2);
    (void) test_weigh_new(ACM_KEY_RSA_4096, 2);

    test_pair_compressed(&pair);
    (void) test_weigh(&pair, ACM_KEY_EC_P256);
    test_pair_free(&pair);
}


static void
test_no_memory(void **state)
{
    acm_rc_t       rc;
    acm_err_t      err;
    acm_leaf_t     leaf;
    test_pair_t    pair;
    unsigned long  n;

    (void) state;

    test_pair_new(ACM_KEY_EC_P256, 2, &pair);

    for (n = 1; n < 100; n++) {
        acm_alloc_fail_at(n);
        rc = acm_leaf_open(&leaf, ACM_KEY_EC_P256, &pair.der,
                           &pair.key_secret, &err);
        acm_alloc_fail_at(0);

        if (rc == ACM_OK) {
            break;
        }

        assert_int_equal(rc, ACM_NOMEM);
    }

    assert_true(n > 1 && n < 100);

    acm_leaf_close(&leaf);
    test_pair_free(&pair);
}


/* Nothing of it is needed any more, or is made again. */

static void
test_done(void **state)
{
    test_pair_t  pair;

    (void) state;

    acm_leaf_done();
    acm_leaf_done();

    test_pair_new(ACM_KEY_EC_P256, 1, &pair);
    test_open_one(&pair, ACM_KEY_EC_P256, 1);
    test_pair_free(&pair);

    acm_leaf_done();
}


typedef struct {
    pthread_barrier_t   barrier;
    test_pair_t         pairs[3];
} test_threads_t;


/* NULL: all were opened the fast way. */

static void *
test_thread(void *data)
{
    test_threads_t  *t = data;

    int          ok;
    size_t       i;
    acm_err_t    err;
    acm_leaf_t   leaf;

    (void) pthread_barrier_wait(&t->barrier);

    for (i = 0, ok = 1; i < 3 && ok; i++) {
        ok = acm_leaf_open(&leaf, (acm_key_e) (ACM_KEY_EC_P256 + i),
                           &t->pairs[i].der, &t->pairs[i].key_secret, &err)
             == ACM_OK;

        if (ok) {
            ok = X509_get0_pubkey(leaf.x) == leaf.pkey;
            acm_leaf_close(&leaf);
        }
    }

    return ok ? NULL : data;
}


/* Many at once make what all of them use. */

static void
test_threads(void **state)
{
    void            *failed;
    size_t           i, n;
    pthread_t        threads[THREADS];
    test_threads_t   t;

    (void) state;

    for (i = 0; i < 3; i++) {
        test_pair_new((acm_key_e) (ACM_KEY_EC_P256 + i), 1, &t.pairs[i]);
    }

    assert_int_equal(pthread_barrier_init(&t.barrier, NULL, THREADS), 0);

    for (n = 0; n < ROUNDS; n++) {
        acm_leaf_done();

        for (i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, test_thread,
                                            &t), 0);
        }

        for (i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_join(threads[i], &failed), 0);
            assert_null(failed);
        }
    }

    pthread_barrier_destroy(&t.barrier);

    for (i = 0; i < 3; i++) {
        test_pair_free(&t.pairs[i]);
    }

    acm_leaf_done();
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_compressed),
        cmocka_unit_test(test_mismatch),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_done)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
