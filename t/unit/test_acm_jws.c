
/*
 * Copyright (C) The ngx_acm authors
 *
 * Signatures, checked by OpenSSL alone; base64url; thumbprints.
 */


#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>

#include "acm_acme.h"
#include "acm_challenge.h"
#include "acm_json.h"
#include "test.h"


static acm_rc_t
test_decode(const char *text, size_t len, const char *want, size_t wlen)
{
    acm_rc_t   rc;
    acm_buf_t  buf;

    acm_buf_init(&buf, 4096);
    rc = acm_b64url_decode(&buf, text, len);

    if (rc == ACM_OK) {
        assert_int_equal(buf.len, wlen);

        if (wlen != 0) {
            assert_memory_equal(buf.data, want, wlen);
        }
    }

    acm_buf_free(&buf);

    return rc;
}


static void
test_b64url(void **state)
{
    static const char *const  pairs[][2] = {
        { "", "" }, { "f", "Zg" }, { "fo", "Zm8" }, { "foo", "Zm9v" },
        { "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" },
        { "foobar", "Zm9vYmFy" }, { "\xfb\xff\xfe", "-__-" }
    };
    static const char *const  bad[] = {
        "A", "AAAAA", "=", "Zg==", "Zg=", "Zm8=", "Zm9v=", "Zh", "Zm9", "Zk",
        "+__-", "-/_-", "Zm 9v", " Zm9v", "Zm9v ", "Zm9v\n", "Zm\r\n9v",
        "Zm9v\x80", "\xff", "Zm9v.", "Zm9v%", "Zm_9v=", "__", "_-_"
    };

    size_t     i, j;
    uint8_t    octets[64];
    uint32_t   seed;
    acm_buf_t  text;

    (void) state;

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        acm_buf_init(&text, 64);
        acm_b64url(&text, pairs[i][0], strlen(pairs[i][0]));
        assert_int_equal(text.len, strlen(pairs[i][1]));
        assert_true(text.len == 0
                    || memcmp(text.data, pairs[i][1], text.len) == 0);
        acm_buf_free(&text);

        test_ok(test_decode(pairs[i][1], strlen(pairs[i][1]), pairs[i][0],
                            strlen(pairs[i][0])));
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (test_decode(bad[i], strlen(bad[i]), "", 0) != ACM_INVALID) {
            print_error("%s\n", bad[i]);
            fail();
        }
    }

    assert_int_equal(test_decode("Zm\0v", 4, "", 0), ACM_INVALID);

    /* one text for each value: every pair of last characters */

    for (i = 0; i < 256; i++) {
        octets[0] = (uint8_t) i;
        octets[1] = (uint8_t) ~i;

        for (j = 1; j <= 2; j++) {
            acm_buf_init(&text, 8);
            acm_b64url(&text, octets, j);
            test_ok(test_decode((char *) text.data, text.len,
                                (char *) octets, j));
            text.data[text.len - 1]++;
            assert_int_equal(test_decode((char *) text.data, text.len,
                                         (char *) octets, j), ACM_INVALID);
            acm_buf_free(&text);
        }
    }

    seed = 42;

    for (i = 0; i < sizeof(octets); i++) {
        octets[i] = (uint8_t) test_random(&seed);
        acm_buf_init(&text, 128);
        acm_b64url(&text, octets, i);
        test_ok(test_decode((char *) text.data, text.len, (char *) octets,
                            i));
        acm_buf_free(&text);
    }

    /* the limit of the buffer */

    acm_buf_init(&text, 2);
    assert_int_equal(acm_b64url_decode(&text, "Zm9v", 4), ACM_TOOBIG);
    acm_buf_free(&text);
    acm_buf_init(&text, 3);
    test_ok(acm_b64url_decode(&text, "Zm9v", 4));
    acm_buf_free(&text);
}


static const char  test_n[] =
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aP"
    "FFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl9"
    "3lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA"
    "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3"
    "XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";


/* the key of RFC 7638 s3.1, which has no private half */

static EVP_PKEY *
test_rfc_key(void)
{
    BIGNUM         *n, *e;
    EVP_PKEY       *pkey;
    acm_buf_t       octets;
    OSSL_PARAM     *params;
    EVP_PKEY_CTX   *ctx;
    OSSL_PARAM_BLD *bld;

    acm_buf_init(&octets, 512);
    test_ok(acm_b64url_decode(&octets, test_n, strlen(test_n)));
    n = BN_bin2bn(octets.data, (int) octets.len, NULL);
    acm_buf_free(&octets);
    e = BN_new();
    BN_set_word(e, 65537);

    bld = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e);
    params = OSSL_PARAM_BLD_to_param(bld);
    ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    pkey = NULL;
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY,
                                       params), 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    BN_free(n);
    BN_free(e);

    return pkey;
}


static void
test_thumbprint(void **state)
{
    char        text[ACM_THUMBPRINT_LEN + 1], want[1024];
    EVP_PKEY   *pkey;
    acm_buf_t   jwk;
    acm_err_t   err;

    (void) state;

    pkey = test_rfc_key();
    acm_buf_init(&jwk, 2048);
    test_ok(acm_jwk(pkey, &jwk, &err));
    acm_buf_u8(&jwk, '\0');
    snprintf(want, sizeof(want), "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":"
             "\"%s\"}", test_n);
    assert_string_equal((char *) jwk.data, want);
    acm_buf_free(&jwk);

    test_ok(acm_jwk_thumbprint(pkey, text, &err));
    assert_string_equal(text, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");

    acm_buf_init(&jwk, 100);
    assert_int_equal(acm_jwk(pkey, &jwk, &err), ACM_TOOBIG);
    acm_buf_free(&jwk);
    EVP_PKEY_free(pkey);

    /* SHA-256 of nothing, of "abc": FIPS 180 */

    test_ok(acm_jws_digest("", text, &err));
    assert_string_equal(text, "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
    test_ok(acm_jws_digest("abc", text, &err));
    assert_string_equal(text, "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
    assert_int_equal(ACM_THUMBPRINT_LEN, ACM_TXT_LEN);
}


/* A member in base64url; NUL is added. */

static void
test_member(const json_t *json, const char *name, acm_buf_t *out)
{
    const char  *text;

    text = acm_json_string(json, name);
    assert_non_null(text);
    acm_buf_init(out, ACM_MAX_JWS);
    test_ok(acm_b64url_decode(out, text, strlen(text)));
    acm_buf_u8(out, '\0');
    out->len--;
}


/* by OpenSSL: raw ECDSA signatures are turned into DER again */

static void
test_verify(EVP_PKEY *pkey, const json_t *json)
{
    int         len;
    char        input[8192];
    size_t      half;
    BIGNUM     *r, *s;
    uint8_t    *der;
    acm_buf_t   sig;
    ECDSA_SIG  *pair;
    EVP_MD_CTX *ctx;

    snprintf(input, sizeof(input), "%s.%s",
             acm_json_string(json, "protected"),
             acm_json_string(json, "payload"));
    test_member(json, "signature", &sig);
    ctx = EVP_MD_CTX_new();

    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL,
                         EVP_PKEY_get_bits(pkey) == 384 ? EVP_sha384()
                                                        : EVP_sha256(),
                         NULL, pkey), 1);

    if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC) {
        half = (size_t) EVP_PKEY_get_bits(pkey) / 8;
        assert_int_equal(sig.len, 2 * half);
        r = BN_bin2bn(sig.data, (int) half, NULL);
        s = BN_bin2bn(sig.data + half, (int) half, NULL);
        pair = ECDSA_SIG_new();
        ECDSA_SIG_set0(pair, r, s);
        der = NULL;
        len = i2d_ECDSA_SIG(pair, &der);
        assert_int_equal(EVP_DigestVerify(ctx, der, (size_t) len,
                                          (uint8_t *) input, strlen(input)),
                         1);
        OPENSSL_free(der);
        ECDSA_SIG_free(pair);

    } else {
        assert_int_equal(sig.len, EVP_PKEY_get_size(pkey));
        assert_int_equal(EVP_DigestVerify(ctx, sig.data, sig.len,
                                          (uint8_t *) input, strlen(input)),
                         1);
    }

    EVP_MD_CTX_free(ctx);
    acm_buf_free(&sig);
}


static void
test_sign_one(EVP_PKEY *pkey, const char *alg, const char *kid,
    const char *nonce, const char *payload)
{
    char        want[4096];
    json_t     *json;
    acm_jws_t   jws;
    acm_err_t   err;
    acm_buf_t   out, head, text, jwk;

    jws.pkey = pkey;
    jws.kid = kid;
    jws.nonce = nonce;
    jws.url = "https://ca.example.net/acme/order/1?x=%20";

    acm_buf_init(&out, ACM_MAX_JWS);
    test_ok(acm_jws_sign(&jws, payload, &out, &err));
    test_ok(acm_json_parse(out.data, out.len, ACM_MAX_JWS, &json, &err));
    acm_buf_free(&out);
    assert_int_equal(json_object_size(json), 3);

    acm_buf_init(&jwk, 2048);
    test_ok(acm_jwk(pkey, &jwk, &err));
    acm_buf_u8(&jwk, '\0');
    snprintf(want, sizeof(want), "{\"alg\":\"%s\",%s%s%s%s%s%s,\"url\":"
             "\"https://ca.example.net/acme/order/1?x=%%20\"}", alg,
             (kid != NULL) ? "\"kid\":\"" : "\"jwk\":",
             (kid != NULL) ? kid : (char *) jwk.data,
             (kid != NULL) ? "\"" : "",
             (nonce != NULL) ? ",\"nonce\":\"" : "",
             (nonce != NULL) ? nonce : "", (nonce != NULL) ? "\"" : "");
    acm_buf_free(&jwk);

    test_member(json, "protected", &head);
    assert_string_equal((char *) head.data, want);
    acm_buf_free(&head);

    test_member(json, "payload", &text);
    assert_string_equal((char *) text.data, (payload == NULL) ? "" : payload);
    acm_buf_free(&text);

    test_verify(pkey, json);
    json_decref(json);
}


static void
test_sign(void **state)
{
    static const struct {
        acm_key_e    key;
        const char  *alg;
        unsigned     times;      /* a leading zero in one of 128 */
    } rows[] = {
        { ACM_KEY_EC_P256, "ES256", 1000 }, { ACM_KEY_EC_P384, "ES384", 200 },
        { ACM_KEY_RSA_2048, "RS256", 3 }, { ACM_KEY_RSA_4096, "RS256", 1 }
    };

    size_t     i;
    unsigned   n;
    EVP_PKEY  *pkey;
    acm_err_t  err;

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        test_ok(acm_key_generate(rows[i].key, &pkey, &err));

        for (n = 0; n < rows[i].times; n++) {
            test_sign_one(pkey, rows[i].alg, NULL, "bm9uY2U", "{\"a\":1}");
        }

        test_sign_one(pkey, rows[i].alg, "https://ca.example.net/acct/1",
                      "bm9uY2U", NULL);
        test_sign_one(pkey, rows[i].alg, NULL, NULL, "");
        test_sign_one(pkey, rows[i].alg, "https://ca.example.net/acct/1",
                      NULL, "{}");
        EVP_PKEY_free(pkey);
    }
}


/* coordinates with zeros in front: kept, as RFC 7518 s6.2.1.2 says */

static void
test_padding(void **state)
{
    size_t      i;
    json_t     *json;
    unsigned    short_ones;
    EVP_PKEY   *pkey;
    acm_buf_t   jwk, x, y;
    acm_err_t   err;

    (void) state;

    for (i = 0, short_ones = 0; i < 2000 && short_ones == 0; i++) {
        test_ok(acm_key_generate(ACM_KEY_EC_P256, &pkey, &err));
        acm_buf_init(&jwk, 2048);
        test_ok(acm_jwk(pkey, &jwk, &err));
        test_ok(acm_json_parse(jwk.data, jwk.len, 2048, &json, &err));
        test_member(json, "x", &x);
        test_member(json, "y", &y);
        assert_int_equal(x.len, 32);
        assert_int_equal(y.len, 32);
        short_ones += (x.data[0] == 0) + (y.data[0] == 0);
        acm_buf_free(&x);
        acm_buf_free(&y);
        json_decref(json);
        acm_buf_free(&jwk);
        EVP_PKEY_free(pkey);
    }

    assert_true(short_ones != 0);
}


static void
test_refused(void **state)
{
    static const char *const  bad[] = {
        "a\"b", "a\\b", "a b", "a\nb", "\x7f", "\xc3\xbc", "a\tb"
    };

    char       *payload;
    size_t      i;
    EVP_PKEY   *pkey, *odd;
    acm_rc_t    rc;
    acm_buf_t   out;
    acm_err_t   err;
    acm_jws_t   jws;
    acm_str_t   key;

    (void) state;

    test_ok(acm_key_generate(ACM_KEY_EC_P256, &pkey, &err));
    key.data = (uint8_t *) "secret";
    key.len = 6;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        acm_buf_init(&out, ACM_MAX_JWS);
        memset(&jws, 0, sizeof(jws));
        jws.pkey = pkey;
        jws.url = bad[i];
        assert_int_equal(acm_jws_sign(&jws, NULL, &out, &err), ACM_INVALID);
        jws.url = "https://a/";
        jws.kid = bad[i];
        assert_int_equal(acm_jws_sign(&jws, NULL, &out, &err), ACM_INVALID);
        jws.kid = NULL;
        jws.nonce = bad[i];
        assert_int_equal(acm_jws_sign(&jws, NULL, &out, &err), ACM_INVALID);
        assert_int_equal(acm_jws_eab(pkey, bad[i], "https://a/", &key, &out,
                                     &err), ACM_INVALID);
        assert_int_equal(acm_jws_eab(pkey, "kid", bad[i], &key, &out, &err),
                         ACM_INVALID);
        assert_int_equal(out.len, 0);
        acm_buf_free(&out);
    }

    /* keys that no CA takes, whether named by kid or not */

    memset(&jws, 0, sizeof(jws));
    jws.url = "https://a/";

    for (i = 0; i < 4; i++) {

        if (i < 2) {
            test_ok(acm_key_generate(ACM_KEY_EC_P521, &odd, &err));

        } else {
            odd = (i == 2) ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                           : EVP_PKEY_Q_keygen(NULL, NULL, "RSA",
                                               (size_t) 1024);
        }

        assert_non_null(odd);
        jws.pkey = odd;
        jws.kid = (i == 0) ? NULL : "https://a/acct";
        acm_buf_init(&out, ACM_MAX_JWS);
        assert_int_equal(acm_jws_sign(&jws, NULL, &out, &err), ACM_INVALID);
        assert_int_equal(acm_jwk(odd, &out, &err), ACM_INVALID);
        assert_int_equal(out.len, 0);
        acm_buf_free(&out);
        EVP_PKEY_free(odd);
    }

    /* the limit */

    payload = malloc(ACM_MAX_JWS + 1);
    memset(payload, 'a', ACM_MAX_JWS);
    payload[ACM_MAX_JWS] = '\0';
    jws.pkey = pkey;
    acm_buf_init(&out, ACM_MAX_JWS);
    memset(&err, 0, sizeof(err));
    assert_int_equal(acm_jws_sign(&jws, payload, &out, &err), ACM_TOOBIG);
    assert_non_null(strstr(err.text, "131072"));
    payload[64] = '\0';
    acm_buf_free(&out);
    acm_buf_init(&out, 100);
    memset(&err, 0, sizeof(err));
    assert_int_equal(acm_jws_sign(&jws, payload, &out, &err), ACM_TOOBIG);
    assert_non_null(strstr(err.text, "100"));
    acm_buf_free(&out);
    free(payload);

    /* no memory, at each place */

    for (i = 1, rc = ACM_NOMEM; rc != ACM_OK; i++) {
        acm_buf_init(&out, ACM_MAX_JWS);
        memset(&err, 0, sizeof(err));
        acm_alloc_fail_at(i);
        rc = acm_jws_sign(&jws, "{}", &out, &err);
        acm_alloc_fail_at(0);
        assert_true(rc == ACM_OK || rc == ACM_NOMEM);
        assert_true(rc == ACM_OK || err.text[0] != '\0');
        acm_buf_free(&out);
    }

    assert_true(i > 3);

    for (i = 1, rc = ACM_NOMEM; rc != ACM_OK; i++) {
        acm_buf_init(&out, ACM_MAX_JWS);
        memset(&err, 0, sizeof(err));
        acm_alloc_fail_at(i);
        rc = acm_jws_eab(pkey, "kid", "https://a/", &key, &out, &err);
        acm_alloc_fail_at(0);
        assert_true(rc == ACM_OK || rc == ACM_NOMEM);
        assert_true(rc == ACM_OK || err.text[0] != '\0');
        acm_buf_free(&out);
    }

    assert_true(i > 3);
    EVP_PKEY_free(pkey);
}


/* RFC 2104, word for word */

static void
test_hmac(const acm_str_t *key, const char *text, uint8_t *mac)
{
    size_t      i;
    uint8_t     block[64], pad[64];
    acm_buf_t   in, out;

    memset(block, 0, sizeof(block));

    if (key->len > sizeof(block)) {
        EVP_Digest(key->data, key->len, block, NULL, EVP_sha256(), NULL);

    } else {
        memcpy(block, key->data, key->len);
    }

    for (i = 0; i < sizeof(pad); i++) {
        pad[i] = block[i] ^ 0x36;
    }

    acm_buf_init(&in, 8192);
    acm_buf_add(&in, pad, sizeof(pad));
    acm_buf_text(&in, text);
    EVP_Digest(in.data, in.len, mac, NULL, EVP_sha256(), NULL);
    acm_buf_free(&in);

    for (i = 0; i < sizeof(pad); i++) {
        pad[i] = block[i] ^ 0x5c;
    }

    acm_buf_init(&out, 8192);
    acm_buf_add(&out, pad, sizeof(pad));
    acm_buf_add(&out, mac, 32);
    EVP_Digest(out.data, out.len, mac, NULL, EVP_sha256(), NULL);
    acm_buf_free(&out);
}


static void
test_eab_one(EVP_PKEY *pkey, const acm_str_t *key)
{
    char        input[4096], jwk_text[2048];
    json_t     *json;
    uint8_t     mac[32];
    acm_buf_t   out, jwk, head, text, sig;
    acm_err_t   err;

    acm_buf_init(&out, ACM_MAX_JWS);
    test_ok(acm_jws_eab(pkey, "kid-1", "https://ca.example.net/new-acct", key,
                        &out, &err));
    test_ok(acm_json_parse(out.data, out.len, ACM_MAX_JWS, &json, &err));
    acm_buf_free(&out);
    assert_int_equal(json_object_size(json), 3);

    test_member(json, "protected", &head);
    assert_string_equal((char *) head.data, "{\"alg\":\"HS256\",\"kid\":"
                        "\"kid-1\",\"url\":"
                        "\"https://ca.example.net/new-acct\"}");
    acm_buf_free(&head);

    acm_buf_init(&jwk, 2048);
    test_ok(acm_jwk(pkey, &jwk, &err));
    snprintf(jwk_text, sizeof(jwk_text), "%.*s", (int) jwk.len, jwk.data);
    acm_buf_free(&jwk);
    test_member(json, "payload", &text);
    assert_string_equal((char *) text.data, jwk_text);
    acm_buf_free(&text);

    snprintf(input, sizeof(input), "%s.%s",
             acm_json_string(json, "protected"),
             acm_json_string(json, "payload"));
    test_hmac(key, input, mac);
    test_member(json, "signature", &sig);
    assert_int_equal(sig.len, 32);
    assert_memory_equal(sig.data, mac, 32);
    acm_buf_free(&sig);
    json_decref(json);
}


static void
test_eab(void **state)
{
    uint8_t    octets[ACM_MAX_EAB_KEY + 1];
    EVP_PKEY  *pkey;
    acm_buf_t  out;
    acm_err_t  err;
    acm_str_t  key;

    (void) state;

    memset(octets, 0xa5, sizeof(octets));
    octets[5] = 0;
    key.data = octets;

    test_ok(acm_key_generate(ACM_KEY_RSA_2048, &pkey, &err));

    for (key.len = 1; key.len < 200; key.len += 31) {
        test_eab_one(pkey, &key);
    }

    key.len = ACM_MAX_EAB_KEY;
    test_eab_one(pkey, &key);

    acm_buf_init(&out, ACM_MAX_JWS);
    key.len = ACM_MAX_EAB_KEY + 1;
    assert_int_equal(acm_jws_eab(pkey, "k", "https://a/", &key, &out, &err),
                     ACM_INVALID);
    key.len = 0;
    assert_int_equal(acm_jws_eab(pkey, "k", "https://a/", &key, &out, &err),
                     ACM_INVALID);
    acm_buf_free(&out);
    EVP_PKEY_free(pkey);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_b64url),
        cmocka_unit_test(test_thumbprint),
        cmocka_unit_test(test_sign),
        cmocka_unit_test(test_padding),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_eab)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
