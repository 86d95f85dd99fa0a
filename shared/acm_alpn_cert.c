
/*
 * Copyright (C) The ngx_acm authors
 *
 * tls-alpn-01.  Nobody trusts these certificates: a CA looks at the name and
 * at the digest.
 */


#include <arpa/inet.h>
#include <openssl/objects.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <string.h>

#include "acm_alpn_cert.h"
#include "acm_buf.h"
#include "acm_name.h"
#include "acm_x509.h"


#define ACM_ALPN_CN      "ACME challenge"
#define ACM_ALPN_BEFORE  86400           /* seconds: a clock may be wrong */
#define ACM_ALPN_LIFE    (7 * 86400)
#define ACM_ALPN_SERIAL  16              /* octets */

#define ACM_IP4_SUFFIX   ".in-addr.arpa"
#define ACM_IP6_SUFFIX   ".ip6.arpa"
#define ACM_IP6_NIBBLES  32

#define ACM_SNI_HOST     0               /* host_name */


static acm_rc_t acm_alpn_fill(X509 *x, EVP_PKEY *pkey, acm_err_t *err);
static acm_rc_t acm_alpn_san(X509 *x, const char *name, acm_err_t *err);
static acm_rc_t acm_alpn_digest(X509 *x, const char *key_auth,
    acm_err_t *err);
static size_t acm_alpn_below(const char *name, const char *suffix);
static int acm_alpn_ip4(const char *name, size_t len, uint8_t *octets);
static int acm_alpn_ip6(const char *name, size_t len, uint8_t *octets);


int
acm_alpn_only(const uint8_t *ext, size_t len)
{
    /* octets of the list, octets of the name, the name */

    static const uint8_t  only[] = "\0\013\012" ACM_ALPN_PROTOCOL;

    return len == sizeof(only) - 1 && memcmp(ext, only, len) == 0;
}


acm_rc_t
acm_alpn_sni(const uint8_t *ext, size_t len, char *name)
{
    size_t          n;
    const uint8_t  *p;
    acm_reader_t    r;

    acm_reader_init(&r, ext, len);

    n = acm_read_u16(&r);

    if (n != len - 2 || acm_read_u8(&r) != ACM_SNI_HOST) {
        return ACM_INVALID;
    }

    n = acm_read_u16(&r);
    p = acm_read_bytes(&r, n);

    if (p == NULL || r.pos != r.end) {
        return ACM_INVALID;
    }

    return acm_name_sni(p, n, name);
}


acm_rc_t
acm_alpn_certificate(const char *name, const char *key_auth, X509 **x,
    EVP_PKEY **pkey, acm_err_t *err)
{
    X509      *made;
    acm_rc_t   rc;
    EVP_PKEY  *key;

    rc = acm_key_generate(ACM_KEY_EC_P256, &key, err);

    if (rc != ACM_OK) {
        return rc;
    }

    made = X509_new();

    if (made == NULL) {
        EVP_PKEY_free(key);
        return acm_fail_ssl(err, ACM_NOMEM, "no memory for a certificate");
    }

    rc = acm_alpn_fill(made, key, err);

    if (rc == ACM_OK) {
        rc = acm_alpn_san(made, name, err);
    }

    if (rc == ACM_OK) {
        rc = acm_alpn_digest(made, key_auth, err);
    }

    if (rc == ACM_OK && X509_sign(made, key, EVP_sha256()) == 0) {
        rc = acm_fail_ssl(err, ACM_ERROR, "signing a challenge certificate "
                          "for \"%s\" failed", name);
    }

    if (rc != ACM_OK) {
        X509_free(made);
        EVP_PKEY_free(key);
        return rc;
    }

    *x = made;
    *pkey = key;

    return ACM_OK;
}


static acm_rc_t
acm_alpn_fill(X509 *x, EVP_PKEY *pkey, acm_err_t *err)
{
    int         ok;
    BIGNUM     *bn;
    int64_t     now;
    uint8_t     serial[ACM_ALPN_SERIAL];
    X509_NAME  *subject;

    if (RAND_bytes(serial, sizeof(serial)) != 1) {
        return acm_fail_ssl(err, ACM_ERROR, "no random numbers");
    }

    /* positive, and not zero */
    serial[0] = (serial[0] & 0x7f) | 0x01;

    bn = BN_bin2bn(serial, sizeof(serial), NULL);
    ok = (bn != NULL
          && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) != NULL);
    BN_free(bn);

    now = acm_now();
    subject = X509_get_subject_name(x);

    if (!ok
        || X509_set_version(x, X509_VERSION_3) == 0
        || ASN1_TIME_set(X509_getm_notBefore(x),
                         (time_t) (now - ACM_ALPN_BEFORE))
           == NULL
        || ASN1_TIME_set(X509_getm_notAfter(x),
                         (time_t) (now + ACM_ALPN_LIFE))
           == NULL
        || X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                      (const uint8_t *) ACM_ALPN_CN, -1, -1,
                                      0)
           == 0
        || X509_set_issuer_name(x, subject) == 0
        || X509_set_pubkey(x, pkey) == 0)
    {
        return acm_fail_ssl(err, ACM_ERROR, "filling a challenge certificate "
                            "failed");
    }

    return ACM_OK;
}


static acm_rc_t
acm_alpn_san(X509 *x, const char *name, acm_err_t *err)
{
    int              ok;
    char             addr[ACM_ALPN_ADDR], *san;
    acm_rc_t         rc;
    X509_EXTENSION  *ext;

    san = acm_alpn_address(name, addr) ? addr : (char *) name;

    rc = acm_x509_san(&san, 1, 0, &ext, err);

    if (rc != ACM_OK) {
        return rc;
    }

    ok = (X509_add_ext(x, ext, -1) == 1);

    X509_EXTENSION_free(ext);

    if (!ok) {
        return acm_fail_ssl(err, ACM_ERROR, "adding the name \"%s\" failed",
                            name);
    }

    return ACM_OK;
}


/* Authorization ::= OCTET STRING (SIZE (32)), RFC 8737 s3 */

static acm_rc_t
acm_alpn_digest(X509 *x, const char *key_auth, acm_err_t *err)
{
    int                 ok;
    uint8_t             der[2 + SHA256_DIGEST_LENGTH];
    ASN1_OBJECT        *oid;
    X509_EXTENSION     *ext;
    ASN1_OCTET_STRING  *value;

    der[0] = V_ASN1_OCTET_STRING;
    der[1] = SHA256_DIGEST_LENGTH;

    (void) SHA256((const uint8_t *) key_auth, strlen(key_auth), der + 2);

    ext = NULL;
    oid = OBJ_txt2obj(ACM_ALPN_OID, 1);
    value = ASN1_OCTET_STRING_new();

    if (oid != NULL && value != NULL
        && ASN1_OCTET_STRING_set(value, der, sizeof(der)) == 1)
    {
        ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 1, value);
    }

    ok = (ext != NULL && X509_add_ext(x, ext, -1) == 1);

    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(oid);

    if (!ok) {
        return acm_fail_ssl(err, ACM_ERROR, "adding the digest of a key "
                            "authorization failed");
    }

    return ACM_OK;
}


int
acm_alpn_address(const char *name, char *out)
{
    int      family;
    size_t   len;
    uint8_t  octets[sizeof(struct in6_addr)];

    family = 0;
    len = acm_alpn_below(name, ACM_IP4_SUFFIX);

    if (len != 0 && acm_alpn_ip4(name, len, octets)) {
        family = AF_INET;
    }

    len = acm_alpn_below(name, ACM_IP6_SUFFIX);

    if (len != 0 && acm_alpn_ip6(name, len, octets)) {
        family = AF_INET6;
    }

    return family != 0
           && inet_ntop(family, octets, out, ACM_ALPN_ADDR) != NULL;
}


/* The length of what is in front of the suffix, 0 if that is not there. */

static size_t
acm_alpn_below(const char *name, const char *suffix)
{
    size_t  len, n;

    len = strlen(name);
    n = strlen(suffix);

    if (len <= n || memcmp(name + len - n, suffix, n) != 0) {
        return 0;
    }

    return len - n;
}


/* Four decimal octets, the last one first. */

static int
acm_alpn_ip4(const char *name, size_t len, uint8_t *octets)
{
    char     text[INET_ADDRSTRLEN];
    uint8_t  reversed[sizeof(struct in_addr)];

    if (len >= sizeof(text)) {
        return 0;
    }

    memcpy(text, name, len);
    text[len] = '\0';

    if (inet_pton(AF_INET, text, reversed) != 1) {
        return 0;
    }

    octets[0] = reversed[3];
    octets[1] = reversed[2];
    octets[2] = reversed[1];
    octets[3] = reversed[0];

    return 1;
}


/* A label for each nibble, the last one first. */

static int
acm_alpn_ip6(const char *name, size_t len, uint8_t *octets)
{
    char      c;
    size_t    i, n;
    unsigned  v;

    if (len != 2 * ACM_IP6_NIBBLES - 1) {
        return 0;
    }

    memset(octets, 0, sizeof(struct in6_addr));

    for (i = 0; i < len; i++) {
        c = name[i];

        if (i % 2 == 1) {
            if (c != '.') {
                return 0;
            }

            continue;
        }

        if (c >= '0' && c <= '9') {
            v = (unsigned) (c - '0');

        } else if (c >= 'a' && c <= 'f') {
            v = (unsigned) (c - 'a') + 10;

        } else {
            return 0;
        }

        n = ACM_IP6_NIBBLES - 1 - i / 2;
        octets[n / 2] |= (uint8_t) ((n % 2 == 0) ? v << 4 : v);
    }

    return 1;
}
