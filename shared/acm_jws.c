
/*
 * Copyright (C) The ngx_acm authors
 *
 * JSON Web Signatures.  What goes into the JSON is base64url or an URL that
 * was checked, but for the nonce and the kid, which are escaped by refusal.
 */


#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <string.h>

#include "acm_jws.h"
#include "acm_x509.h"


#define ACM_MAX_COORDINATE   48          /* octets: P-384 */
#define ACM_MAX_MODULUS      512         /* octets: RSA-4096 */
#define ACM_MAX_SIGNATURE    512


static int acm_jws_key_ok(acm_key_e key);
static acm_rc_t acm_jwk_ec(EVP_PKEY *pkey, acm_key_e key, acm_buf_t *out,
    acm_err_t *err);
static acm_rc_t acm_jwk_rsa(EVP_PKEY *pkey, acm_buf_t *out, acm_err_t *err);
static acm_rc_t acm_jwk_bn(EVP_PKEY *pkey, const char *name, size_t len,
    acm_buf_t *out, acm_err_t *err);
static acm_rc_t acm_jws_protected(const acm_jws_t *jws, acm_key_e key,
    acm_buf_t *out, acm_err_t *err);
static int acm_jws_plain(const char *s);
static acm_rc_t acm_jws_flatten(const acm_buf_t *head,
    const char *payload, acm_buf_t *input, acm_err_t *err);
static acm_rc_t acm_jws_signature(EVP_PKEY *pkey, acm_key_e key,
    const acm_buf_t *input, uint8_t *sig, size_t *len, acm_err_t *err);
static acm_rc_t acm_jws_raw(acm_key_e key, uint8_t *sig, size_t *len,
    acm_err_t *err);
static acm_rc_t acm_jws_join(acm_buf_t *out, const acm_buf_t *input,
    const uint8_t *sig, size_t len, acm_err_t *err);
static acm_rc_t acm_jws_rc(const acm_buf_t *b, acm_err_t *err);


static const char  acm_b64url_set[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


void
acm_b64url(acm_buf_t *out, const void *data, size_t len)
{
    char            text[4];
    size_t          i, n;
    uint32_t        v;
    const uint8_t  *p;

    p = data;

    for (i = 0; i < len; i += 3) {
        n = (len - i < 3) ? len - i : 3;

        v = (uint32_t) p[i] << 16;

        if (n > 1) {
            v |= (uint32_t) p[i + 1] << 8;
        }

        if (n > 2) {
            v |= p[i + 2];
        }

        text[0] = acm_b64url_set[v >> 18];
        text[1] = acm_b64url_set[(v >> 12) & 63];
        text[2] = acm_b64url_set[(v >> 6) & 63];
        text[3] = acm_b64url_set[v & 63];

        acm_buf_add(out, text, n + 1);
    }
}


acm_rc_t
acm_b64url_decode(acm_buf_t *out, const char *s, size_t len)
{
    size_t       i;
    uint32_t     v;
    unsigned     bits;
    const char  *p;

    v = 0;
    bits = 0;

    for (i = 0; i < len; i++) {
        p = (s[i] == '\0') ? NULL : strchr(acm_b64url_set, s[i]);

        if (p == NULL) {
            return ACM_INVALID;
        }

        v = (v << 6) | (uint32_t) (p - acm_b64url_set);
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            acm_buf_u8(out, (uint8_t) (v >> bits));
            v &= (1U << bits) - 1;
        }
    }

    if (bits >= 6 || v != 0) {
        return ACM_INVALID;
    }

    return acm_buf_rc(out);
}


acm_rc_t
acm_jwk(EVP_PKEY *pkey, acm_buf_t *out, acm_err_t *err)
{
    acm_key_e  key;

    key = acm_key_type(pkey);

    if (!acm_jws_key_ok(key)) {
        return acm_fail(err, ACM_INVALID, "an account key is ecdsa:256, "
                        "ecdsa:384 or rsa:2048 to rsa:4096");
    }

    if (key == ACM_KEY_EC_P256 || key == ACM_KEY_EC_P384) {
        return acm_jwk_ec(pkey, key, out, err);
    }

    return acm_jwk_rsa(pkey, out, err);
}


static int
acm_jws_key_ok(acm_key_e key)
{
    switch (key) {

    case ACM_KEY_EC_P256:
    case ACM_KEY_EC_P384:
    case ACM_KEY_RSA_2048:
    case ACM_KEY_RSA_3072:
    case ACM_KEY_RSA_4096:
        return 1;

    case ACM_KEY_NONE:
    case ACM_KEY_RSA_1024:
    case ACM_KEY_EC_P521:
        break;
    }

    return 0;
}


static acm_rc_t
acm_jwk_ec(EVP_PKEY *pkey, acm_key_e key, acm_buf_t *out, acm_err_t *err)
{
    size_t    len;
    acm_rc_t  rc;

    len = (key == ACM_KEY_EC_P256) ? 32 : 48;

    acm_buf_text(out, "{\"crv\":\"");
    acm_buf_text(out, (key == ACM_KEY_EC_P256) ? "P-256" : "P-384");
    acm_buf_text(out, "\",\"kty\":\"EC\",\"x\":\"");

    rc = acm_jwk_bn(pkey, OSSL_PKEY_PARAM_EC_PUB_X, len, out, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_buf_text(out, "\",\"y\":\"");

    rc = acm_jwk_bn(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, len, out, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_buf_text(out, "\"}");

    return acm_jws_rc(out, err);
}


static acm_rc_t
acm_jwk_rsa(EVP_PKEY *pkey, acm_buf_t *out, acm_err_t *err)
{
    acm_rc_t  rc;

    acm_buf_text(out, "{\"e\":\"");

    rc = acm_jwk_bn(pkey, OSSL_PKEY_PARAM_RSA_E, 0, out, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_buf_text(out, "\",\"kty\":\"RSA\",\"n\":\"");

    rc = acm_jwk_bn(pkey, OSSL_PKEY_PARAM_RSA_N, 0, out, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_buf_text(out, "\"}");

    return acm_jws_rc(out, err);
}


/* A public number, big endian; padded to len octets if that is not 0. */

static acm_rc_t
acm_jwk_bn(EVP_PKEY *pkey, const char *name, size_t len, acm_buf_t *out,
    acm_err_t *err)
{
    BIGNUM   *bn;
    uint8_t   octets[ACM_MAX_MODULUS];

    bn = NULL;

    if (EVP_PKEY_get_bn_param(pkey, name, &bn) != 1) {
        return acm_fail_ssl(err, ACM_ERROR, "the account key cannot be "
                            "read");
    }

    if (len == 0) {
        len = (size_t) BN_num_bytes(bn);
    }

    if (len > sizeof(octets) || BN_bn2binpad(bn, octets, (int) len) < 0) {
        BN_free(bn);
        return acm_fail_ssl(err, ACM_ERROR, "the account key is too long");
    }

    BN_free(bn);

    acm_b64url(out, octets, len);

    return ACM_OK;
}


acm_rc_t
acm_jwk_thumbprint(EVP_PKEY *pkey, char *text, acm_err_t *err)
{
    acm_rc_t   rc;
    acm_buf_t  jwk;

    acm_buf_init(&jwk, 2048);

    rc = acm_jwk(pkey, &jwk, err);

    if (rc == ACM_OK) {
        acm_buf_u8(&jwk, '\0');
        rc = acm_jws_rc(&jwk, err);
    }

    if (rc == ACM_OK) {
        rc = acm_jws_digest((char *) jwk.data, text, err);
    }

    acm_buf_free(&jwk);

    return rc;
}


acm_rc_t
acm_jws_digest(const char *key_auth, char *text, acm_err_t *err)
{
    uint8_t    md[ACM_HASH_LEN];
    acm_buf_t  out;

    if (EVP_Digest(key_auth, strlen(key_auth), md, NULL, EVP_sha256(), NULL)
        != 1)
    {
        return acm_fail_ssl(err, ACM_ERROR, "SHA-256 failed");
    }

    acm_buf_init(&out, ACM_THUMBPRINT_LEN + 1);

    acm_b64url(&out, md, sizeof(md));
    acm_buf_u8(&out, '\0');

    if (acm_buf_rc(&out) != ACM_OK) {
        acm_buf_free(&out);
        return acm_fail(err, ACM_NOMEM, "no memory for a digest");
    }

    memcpy(text, out.data, ACM_THUMBPRINT_LEN + 1);

    acm_buf_free(&out);

    return ACM_OK;
}


acm_rc_t
acm_jws_sign(const acm_jws_t *jws, const char *payload, acm_buf_t *out,
    acm_err_t *err)
{
    size_t     len;
    uint8_t    sig[ACM_MAX_SIGNATURE];
    acm_rc_t   rc;
    acm_key_e  key;
    acm_buf_t  head, input;

    key = acm_key_type(jws->pkey);

    if (!acm_jws_key_ok(key)) {
        return acm_fail(err, ACM_INVALID, "an account key is ecdsa:256, "
                        "ecdsa:384 or rsa:2048 to rsa:4096");
    }

    acm_buf_init(&head, ACM_MAX_JWS);
    acm_buf_init(&input, ACM_MAX_JWS);

    rc = acm_jws_protected(jws, key, &head, err);

    if (rc == ACM_OK) {
        rc = acm_jws_flatten(&head, payload, &input, err);
    }

    if (rc == ACM_OK) {
        len = sizeof(sig);
        rc = acm_jws_signature(jws->pkey, key, &input, sig, &len, err);
    }

    if (rc == ACM_OK) {
        rc = acm_jws_join(out, &input, sig, len, err);
    }

    acm_buf_free(&head);
    acm_buf_free(&input);

    return rc;
}


static acm_rc_t
acm_jws_protected(const acm_jws_t *jws, acm_key_e key, acm_buf_t *out,
    acm_err_t *err)
{
    acm_rc_t  rc;

    acm_buf_text(out, "{\"alg\":\"");
    acm_buf_text(out, (key == ACM_KEY_EC_P256) ? "ES256"
                      : (key == ACM_KEY_EC_P384) ? "ES384" : "RS256");

    if (jws->kid != NULL) {
        acm_buf_text(out, "\",\"kid\":\"");
        acm_buf_text(out, jws->kid);
        acm_buf_text(out, "\"");

    } else {
        acm_buf_text(out, "\",\"jwk\":");

        rc = acm_jwk(jws->pkey, out, err);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    if (jws->nonce != NULL) {
        acm_buf_text(out, ",\"nonce\":\"");
        acm_buf_text(out, jws->nonce);
        acm_buf_text(out, "\"");
    }

    acm_buf_text(out, ",\"url\":\"");
    acm_buf_text(out, jws->url);
    acm_buf_text(out, "\"}");

    if (!acm_jws_plain(jws->url)
        || (jws->kid != NULL && !acm_jws_plain(jws->kid))
        || (jws->nonce != NULL && !acm_jws_plain(jws->nonce)))
    {
        return acm_fail(err, ACM_INVALID, "a URL or nonce of the CA has "
                        "characters that it must not have");
    }

    return acm_jws_rc(out, err);
}


static int
acm_jws_plain(const char *s)
{
    for ( ; *s != '\0'; s++) {
        if (*s <= ' ' || *s >= 0x7f || *s == '"' || *s == '\\') {
            return 0;
        }
    }

    return 1;
}


static acm_rc_t
acm_jws_flatten(const acm_buf_t *head, const char *payload,
    acm_buf_t *input, acm_err_t *err)
{
    acm_rc_t  rc;

    rc = acm_jws_rc(head, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_b64url(input, head->data, head->len);
    acm_buf_u8(input, '.');

    if (payload != NULL) {
        acm_b64url(input, payload, strlen(payload));
    }

    return acm_jws_rc(input, err);
}


static acm_rc_t
acm_jws_rc(const acm_buf_t *b, acm_err_t *err)
{
    switch (acm_buf_rc(b)) {

    case ACM_OK:
        return ACM_OK;

    case ACM_TOOBIG:
        return acm_fail(err, ACM_TOOBIG, "a request of over %zu octets",
                        b->max);

    default:
        return acm_fail(err, acm_buf_rc(b), "no memory for a request");
    }
}


static acm_rc_t
acm_jws_signature(EVP_PKEY *pkey, acm_key_e key, const acm_buf_t *input,
    uint8_t *sig, size_t *len, acm_err_t *err)
{
    int            ok;
    EVP_MD_CTX    *ctx;
    const EVP_MD  *md;

    md = (key == ACM_KEY_EC_P384) ? EVP_sha384() : EVP_sha256();

    ctx = EVP_MD_CTX_new();

    if (ctx == NULL) {
        return acm_fail_ssl(err, ACM_NOMEM, "no memory for a signature");
    }

    ok = EVP_DigestSignInit(ctx, NULL, md, NULL, pkey) == 1
         && EVP_DigestSign(ctx, sig, len, input->data, input->len) == 1;

    EVP_MD_CTX_free(ctx);

    if (!ok) {
        return acm_fail_ssl(err, ACM_ERROR, "signing a request failed");
    }

    return acm_jws_raw(key, sig, len, err);
}


/* ECDSA: two numbers of fixed length instead of DER, RFC 7518 s3.4. */

static acm_rc_t
acm_jws_raw(acm_key_e key, uint8_t *sig, size_t *len, acm_err_t *err)
{
    int             n;
    ECDSA_SIG      *pair;
    const uint8_t  *p;

    if (key != ACM_KEY_EC_P256 && key != ACM_KEY_EC_P384) {
        return ACM_OK;
    }

    n = (key == ACM_KEY_EC_P256) ? 32 : ACM_MAX_COORDINATE;
    p = sig;

    pair = d2i_ECDSA_SIG(NULL, &p, (long) *len);

    if (pair == NULL
        || BN_bn2binpad(ECDSA_SIG_get0_r(pair), sig, n) < 0
        || BN_bn2binpad(ECDSA_SIG_get0_s(pair), sig + n, n) < 0)
    {
        ECDSA_SIG_free(pair);
        return acm_fail_ssl(err, ACM_ERROR, "a signature cannot be read");
    }

    ECDSA_SIG_free(pair);

    *len = 2 * (size_t) n;

    return ACM_OK;
}


/* input is "protected.payload" in base64url */

static acm_rc_t
acm_jws_join(acm_buf_t *out, const acm_buf_t *input, const uint8_t *sig,
    size_t len, acm_err_t *err)
{
    size_t          n;
    const uint8_t  *dot;

    dot = memchr(input->data, '.', input->len);
    n = (size_t) (dot - input->data);

    acm_buf_text(out, "{\"protected\":\"");
    acm_buf_add(out, input->data, n);
    acm_buf_text(out, "\",\"payload\":\"");
    acm_buf_add(out, dot + 1, input->len - n - 1);
    acm_buf_text(out, "\",\"signature\":\"");
    acm_b64url(out, sig, len);
    acm_buf_text(out, "\"}");

    return acm_jws_rc(out, err);
}


acm_rc_t
acm_jws_eab(EVP_PKEY *pkey, const char *kid, const char *url,
    const acm_str_t *key_secret, acm_buf_t *out, acm_err_t *err)
{
    uint8_t    mac[EVP_MAX_MD_SIZE];
    acm_rc_t   rc;
    unsigned   len;
    acm_buf_t  head, jwk, input;

    if (!acm_jws_plain(kid) || !acm_jws_plain(url)) {
        return acm_fail(err, ACM_INVALID, "the key id of the external "
                        "account binding has characters that it must not "
                        "have");
    }

    if (key_secret->len == 0 || key_secret->len > ACM_MAX_EAB_KEY) {
        return acm_fail(err, ACM_INVALID, "the key of the external account "
                        "binding has %zu octets; give one of 1 to %d",
                        key_secret->len, ACM_MAX_EAB_KEY);
    }

    acm_buf_init(&head, ACM_MAX_JWS);
    acm_buf_init(&jwk, ACM_MAX_JWS);
    acm_buf_init(&input, ACM_MAX_JWS);

    acm_buf_text(&head, "{\"alg\":\"HS256\",\"kid\":\"");
    acm_buf_text(&head, kid);
    acm_buf_text(&head, "\",\"url\":\"");
    acm_buf_text(&head, url);
    acm_buf_text(&head, "\"}");

    rc = acm_jwk(pkey, &jwk, err);

    if (rc == ACM_OK) {
        acm_buf_u8(&jwk, '\0');
        rc = acm_jws_rc(&jwk, err);
    }

    if (rc == ACM_OK) {
        rc = acm_jws_flatten(&head, (char *) jwk.data, &input, err);
    }

    if (rc == ACM_OK
        && HMAC(EVP_sha256(), key_secret->data, (int) key_secret->len,
                input.data, input.len, mac, &len)
           == NULL)
    {
        rc = acm_fail_ssl(err, ACM_ERROR, "HMAC failed");
    }

    if (rc == ACM_OK) {
        rc = acm_jws_join(out, &input, mac, len, err);
    }

    acm_buf_free(&head);
    acm_buf_free(&jwk);
    acm_buf_free(&input);

    return rc;
}
