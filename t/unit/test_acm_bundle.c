
/*
 * Copyright (C) The ngx_acm authors
 *
 * What may be imported and what may not: each case with its own certificates.
 */


#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "test.h"


#define DAY  86400


typedef struct {
    EVP_PKEY   *key;
    X509       *cert;
    acm_str_t   key_pem;
    acm_str_t   cert_pem;
} test_pair_t;


static test_pair_t  root, inter, leaf, rsa;
static acm_str_t    chain, none;


static acm_str_t
test_take(BIO *bio)
{
    char       *data;
    acm_str_t   s;

    s.len = (size_t) BIO_get_mem_data(bio, &data);
    s.data = malloc(s.len + 1);
    memcpy(s.data, data, s.len);
    s.data[s.len] = '\0';
    BIO_free(bio);

    return s;
}


static acm_str_t
test_cert_pem(X509 *x)
{
    BIO  *bio;

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x);

    return test_take(bio);
}


static acm_str_t
test_key_pem(EVP_PKEY *key)
{
    BIO  *bio;

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);

    return test_take(bio);
}


static acm_str_t
test_str(const char *s)
{
    acm_str_t  str;

    str.data = (uint8_t *) s;
    str.len = strlen(s);

    return str;
}


static acm_str_t
test_join(const char *a, const acm_str_t *b, const char *c,
    const acm_str_t *d)
{
    acm_str_t  s;

    s.len = strlen(a) + b->len + strlen(c) + d->len;
    s.data = malloc(s.len + 1);
    snprintf((char *) s.data, s.len + 1, "%s%.*s%s%.*s", a, (int) b->len,
            (char *) b->data, c, (int) d->len, (char *) d->data);

    return s;
}


static void
test_add(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX       ctx;
    X509_EXTENSION  *ext;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(ext);
    X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);
}


/* san: NULL none, "raw:..." a dNSName of any octets, else OpenSSL's text */

static X509 *
test_issue(EVP_PKEY *key, const char *cn, const char *san, int ca,
    test_pair_t *issuer, int from, int to, const EVP_MD *md)
{
    X509             *x;
    GENERAL_NAME     *name;
    GENERAL_NAMES    *names;
    ASN1_IA5STRING   *ia5;

    x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), rand() + 1);
    X509_gmtime_adj(X509_getm_notBefore(x), (long) from * DAY);
    X509_gmtime_adj(X509_getm_notAfter(x), (long) to * DAY);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                               (const uint8_t *) cn, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer->cert
                                                         : x));
    X509_set_pubkey(x, key);
    test_add(x, issuer ? issuer->cert : x, NID_basic_constraints,
             ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    test_add(x, issuer ? issuer->cert : x, NID_key_usage,
             ca ? "critical,keyCertSign,cRLSign"
                : "critical,digitalSignature");

    if (san && strncmp(san, "raw:", 4) == 0) {
        names = GENERAL_NAMES_new();
        name = GENERAL_NAME_new();
        ia5 = ASN1_IA5STRING_new();
        ASN1_STRING_set(ia5, san + 4, -1);
        GENERAL_NAME_set0_value(name, GEN_DNS, ia5);
        sk_GENERAL_NAME_push(names, name);
        X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0);
        GENERAL_NAMES_free(names);

    } else if (san) {
        test_add(x, x, NID_subject_alt_name, san);
    }

    assert_true(X509_sign(x, issuer ? issuer->key : key,
                          md ? md : EVP_sha256()) > 0);

    return x;
}


static void
test_pair(test_pair_t *p, acm_key_e type, const char *cn, const char *san,
    int ca, test_pair_t *issuer, int from, int to, const EVP_MD *md)
{
    if (type == ACM_KEY_RSA_1024) {
        p->key = EVP_RSA_gen(1024);

    } else {
        test_ok(acm_key_generate(type, &p->key, NULL));
    }

    p->cert = test_issue(p->key, cn, san, ca, issuer, from, to, md);
    p->cert_pem = test_cert_pem(p->cert);
    p->key_pem = test_key_pem(p->key);
}


static void
test_pair_free(test_pair_t *p)
{
    X509_free(p->cert);
    EVP_PKEY_free(p->key);
    free(p->cert_pem.data);
    free(p->key_pem.data);
}


static int
test_setup(void **state)
{
    (void) state;

    test_pair(&root, ACM_KEY_EC_P256, "Root", NULL, 1, NULL, -400, 3650,
              NULL);
    test_pair(&inter, ACM_KEY_EC_P256, "Intermediate", NULL, 1, &root, -300,
              1800, NULL);
    test_pair(&leaf, ACM_KEY_EC_P256, "www.example.com",
              "DNS:www.example.com", 0, &inter, -1, 89, NULL);
    test_pair(&rsa, ACM_KEY_RSA_2048, "rsa.example.com",
              "DNS:rsa.example.com", 0, &inter, -1, 89, NULL);
    chain = test_join("", &inter.cert_pem, "", &root.cert_pem);

    return 0;
}


static int
test_teardown(void **state)
{
    (void) state;

    test_pair_free(&root);
    test_pair_free(&inter);
    test_pair_free(&leaf);
    test_pair_free(&rsa);
    free(chain.data);

    return 0;
}


static void
test_good(const acm_str_t *cert, const acm_str_t *key,
    const acm_str_t *links, size_t n)
{
    acm_rc_t       rc;
    acm_err_t      err;
    acm_bundle_t   b;

    err.text[0] = '\0';
    rc = acm_bundle_parse(cert, key, links, acm_now(), &b, &err);

    if (rc != ACM_OK) {
        print_error("%s\n", err.text);
    }

    assert_int_equal(rc, ACM_OK);
    assert_int_equal(b.nchain, n);
    assert_true(b.leaf.len > 0 && b.key_secret.len > 0);
    acm_bundle_free(&b);
}


static void
test_bad(const acm_str_t *cert, const acm_str_t *key, const acm_str_t *links,
    const char *word)
{
    acm_rc_t       rc;
    acm_err_t      err;
    acm_bundle_t   b;

    err.text[0] = '\0';
    rc = acm_bundle_parse(cert, key, links, acm_now(), &b, &err);

    if (rc == ACM_OK) {
        print_error("accepted, but: %s\n", word);
    }

    assert_true(rc == ACM_INVALID || rc == ACM_TOOBIG);

    if (strcasestr(err.text, word) == NULL) {
        print_error("\"%s\" says nothing of \"%s\"\n", err.text, word);
    }

    assert_non_null(strcasestr(err.text, word));
}


static void
test_control(void **state)
{
    acm_err_t      err;
    acm_bundle_t   b;

    (void) state;

    test_good(&leaf.cert_pem, &leaf.key_pem, &chain, 2);
    test_good(&rsa.cert_pem, &rsa.key_pem, &chain, 2);
    test_good(&leaf.cert_pem, &leaf.key_pem, &none, 0);

    test_ok(acm_bundle_parse(&leaf.cert_pem, &leaf.key_pem, &chain,
                             acm_now(), &b, &err));
    assert_string_equal(b.info.domain, "www.example.com");
    assert_int_equal(b.info.nnames, 1);
    assert_int_equal(b.info.key, ACM_KEY_EC_P256);
    assert_false(b.info.self_signed);
    acm_bundle_free(&b);
}


static acm_str_t
test_crlf(const acm_str_t *in)
{
    size_t     i;
    acm_str_t  s;

    s.data = malloc(in->len * 2);
    s.len = 0;

    for (i = 0; i < in->len; i++) {
        if (in->data[i] == '\n') {
            s.data[s.len++] = '\r';
        }

        s.data[s.len++] = in->data[i];
    }

    return s;
}


static void
test_forms(void **state)
{
    BIO         *bio;
    acm_str_t    a, b, c, params, pem;
    acm_err_t    err;
    acm_bundle_t bundle;

    (void) state;

    /* CRLF; what is written again has LF only */

    a = test_crlf(&leaf.cert_pem);
    b = test_crlf(&leaf.key_pem);
    c = test_crlf(&chain);
    test_good(&a, &b, &c, 2);
    test_ok(acm_bundle_parse(&a, &b, &c, acm_now(), &bundle, &err));
    test_ok(acm_pem_certificate(&bundle.leaf, &pem, &err));
    assert_null(memchr(pem.data, '\r', pem.len));
    assert_int_equal(pem.len, leaf.cert_pem.len);
    assert_memory_equal(pem.data, leaf.cert_pem.data, pem.len);
    acm_free(pem.data);
    test_ok(acm_pem_key(bundle.info.key, &bundle.key_secret, &pem, &err));
    assert_memory_equal(pem.data, leaf.key_pem.data, pem.len);
    acm_free_secret(pem.data, pem.len);
    acm_bundle_free(&bundle);
    free(a.data);
    free(b.data);
    free(c.data);

    /* text around the blocks */

    a = test_join("subject=/CN=x\nsome words\n", &leaf.cert_pem,
                  "trailing remark without a newline", &none);
    b = test_join("Bag Attributes\n    friendlyName: leaf\n", &leaf.key_pem,
                  "", &none);
    c = test_join("Bag Attributes\n", &inter.cert_pem, "\n# the root\n",
                  &root.cert_pem);
    test_good(&a, &b, &c, 2);
    free(a.data);
    free(b.data);
    free(c.data);

    /* a byte order mark, no newline at the end */

    a = test_join("\xef\xbb\xbf", &leaf.cert_pem, "", &none);
    a.len--;
    b = test_join("", &leaf.key_pem, "", &none);
    b.len--;
    test_good(&a, &b, &chain, 2);

    /* cut short */

    a.len -= 10;
    test_bad(&a, &b, &chain, "well-formed");
    a.len += 10;
    b.len -= 40;
    test_bad(&a, &b, &chain, "well-formed");
    free(a.data);
    free(b.data);

    /* EC PARAMETERS in front of the key, and alone */

    params = test_str("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                      "-----END EC PARAMETERS-----\n");
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey_traditional(bio, leaf.key, NULL, NULL, 0, NULL,
                                         NULL);
    b = test_take(bio);
    a = test_join("", &params, "", &b);
    test_good(&leaf.cert_pem, &a, &chain, 2);
    test_good(&leaf.cert_pem, &b, &chain, 2);
    test_bad(&leaf.cert_pem, &params, &chain, "private key");
    free(a.data);
    free(b.data);
}


static void
test_counts(void **state)
{
    int         i;
    acm_str_t   a, b, t;

    (void) state;

    a = test_join("", &leaf.cert_pem, "", &chain);
    test_bad(&a, &leaf.key_pem, &none, "more than one");
    free(a.data);

    test_bad(&none, &leaf.key_pem, &none, "no certificate");
    t = test_str("rubbish");
    test_bad(&t, &leaf.key_pem, &none, "no certificate");
    test_bad(&leaf.cert_pem, &none, &none, "private key");
    test_bad(&leaf.cert_pem, &leaf.cert_pem, &none, "private key");
    test_bad(&leaf.key_pem, &leaf.key_pem, &none, "certificate");

    /* order and gaps of the chain */

    a = test_join("", &root.cert_pem, "", &inter.cert_pem);
    test_bad(&leaf.cert_pem, &leaf.key_pem, &a, "certify");
    free(a.data);
    test_bad(&leaf.cert_pem, &leaf.key_pem, &root.cert_pem, "certify");

    /* eleven certificates */

    a = test_join("", &none, "", &none);

    for (i = 0; i <= ACM_MAX_CHAIN; i++) {
        b = test_join("", &a, "", &inter.cert_pem);
        free(a.data);
        a = b;
    }

    test_bad(&leaf.cert_pem, &leaf.key_pem, &a, "10");
    free(a.data);
}


static void
test_deep_chain(void **state)
{
    int           i;
    acm_str_t     a, b;
    test_pair_t   p[ACM_MAX_CHAIN], end;

    (void) state;

    a = test_join("", &none, "", &none);

    for (i = 0; i < ACM_MAX_CHAIN; i++) {
        test_pair(&p[i], ACM_KEY_EC_P256, "Deep", NULL, 1,
                  i ? &p[i - 1] : NULL, -1, 100, NULL);
        b = test_join("", &p[i].cert_pem, "", &a);
        free(a.data);
        a = b;
    }

    test_pair(&end, ACM_KEY_EC_P256, "deep.example.com",
              "DNS:deep.example.com", 0, &p[ACM_MAX_CHAIN - 1], -1, 50,
              NULL);
    test_good(&end.cert_pem, &end.key_pem, &a, ACM_MAX_CHAIN);

    free(a.data);
    test_pair_free(&end);

    for (i = 0; i < ACM_MAX_CHAIN; i++) {
        test_pair_free(&p[i]);
    }
}


static void
test_encrypted(void **state)
{
    BIO        *bio;
    acm_str_t   a;

    (void) state;

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(bio, rsa.key, EVP_aes_128_cbc(), "secret1",
                                  7, NULL, NULL);
    a = test_take(bio);
    test_bad(&rsa.cert_pem, &a, &chain, "encrypted");
    free(a.data);

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey_traditional(bio, rsa.key, EVP_aes_128_cbc(),
                                         (uint8_t *) "secret1", 7, NULL,
                                         NULL);
    a = test_take(bio);
    test_bad(&rsa.cert_pem, &a, &chain, "encrypted");
    free(a.data);
}


static void
test_mismatch(void **state)
{
    (void) state;

    test_bad(&leaf.cert_pem, &inter.key_pem, &chain, "match");
    test_bad(&rsa.cert_pem, &leaf.key_pem, &chain, "match");
}


static void
test_weak(void **state)
{
    test_pair_t  p;

    (void) state;

    test_pair(&p, ACM_KEY_RSA_1024, "weak.example.com",
              "DNS:weak.example.com", 0, &inter, -1, 89, NULL);
    test_bad(&p.cert_pem, &p.key_pem, &chain, "too weak");
    test_pair_free(&p);

    test_pair(&p, ACM_KEY_RSA_2048, "sha1.example.com",
              "DNS:sha1.example.com", 0, &inter, -1, 89, EVP_sha1());
    test_bad(&p.cert_pem, &p.key_pem, &chain, "signature");
    test_pair_free(&p);
}


/* What is wrong above the leaf. */

static void
test_chain_members(void **state)
{
    acm_str_t    a;
    test_pair_t  ca, under, end;

    (void) state;

    /* a fullchain.pem as the chain */

    a = test_join("", &leaf.cert_pem, "", &chain);
    test_bad(&leaf.cert_pem, &leaf.key_pem, &a, "itself");
    free(a.data);

    /* same name, another key */

    test_pair(&ca, ACM_KEY_EC_P256, "Intermediate", NULL, 1, &root, -1, 99,
              NULL);
    test_bad(&leaf.cert_pem, &leaf.key_pem, &ca.cert_pem, "not certify");
    test_pair_free(&ca);

    /* an issuer that is no CA */

    test_pair(&end, ACM_KEY_EC_P256, "a.example.com", "DNS:a.example.com", 0,
              &leaf, -1, 9, NULL);
    test_bad(&end.cert_pem, &end.key_pem, &leaf.cert_pem, "not certify");
    test_pair_free(&end);

    /* expired, and signed by SHA-1 */

    test_pair(&ca, ACM_KEY_EC_P256, "Old CA", NULL, 1, &root, -9, -1, NULL);
    test_pair(&end, ACM_KEY_EC_P256, "a.example.com", "DNS:a.example.com", 0,
              &ca, -1, 9, NULL);
    test_bad(&end.cert_pem, &end.key_pem, &ca.cert_pem, "expired");
    test_pair_free(&end);
    test_pair_free(&ca);

    test_pair(&ca, ACM_KEY_EC_P256, "SHA-1 CA", NULL, 1, &root, -1, 99,
              EVP_sha1());
    test_pair(&end, ACM_KEY_EC_P256, "a.example.com", "DNS:a.example.com", 0,
              &ca, -1, 9, NULL);
    test_bad(&end.cert_pem, &end.key_pem, &ca.cert_pem, "signature");
    test_pair_free(&end);
    test_pair_free(&ca);

    /* the signature of a root is not looked at by anybody */

    test_pair(&ca, ACM_KEY_EC_P256, "SHA-1 root", NULL, 1, NULL, -1, 99,
              EVP_sha1());
    test_pair(&under, ACM_KEY_EC_P256, "CA", NULL, 1, &ca, -1, 99, NULL);
    test_pair(&end, ACM_KEY_EC_P256, "a.example.com", "DNS:a.example.com", 0,
              &under, -1, 9, NULL);
    a = test_join("", &under.cert_pem, "", &ca.cert_pem);
    test_good(&end.cert_pem, &end.key_pem, &a, 2);
    free(a.data);
    test_pair_free(&end);
    test_pair_free(&under);
    test_pair_free(&ca);
}


static void
test_key_types(void **state)
{
    static const acm_key_e  types[] = { ACM_KEY_RSA_3072, ACM_KEY_RSA_4096,
                                        ACM_KEY_EC_P384, ACM_KEY_EC_P521 };

    size_t       i;
    test_pair_t  p;

    (void) state;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        test_pair(&p, types[i], "a.example.com", "DNS:a.example.com", 0,
                  &inter, -1, 9, NULL);
        test_good(&p.cert_pem, &p.key_pem, &chain, 2);
        test_pair_free(&p);
    }
}


/* A block whose label hides an encrypted key must not ask for its phrase. */

static void
test_mislabelled(void **state)
{
    static const char  *labels[] = { "PRIVATE KEY", "RSA PRIVATE KEY",
                                     "EC PRIVATE KEY", "DSA PRIVATE KEY",
                                     "OPENSSH PRIVATE KEY" };

    BIO            *bio;
    size_t          i;
    long            len;
    char           *name, *header;
    acm_str_t       a;
    unsigned char  *data;

    (void) state;

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(bio, rsa.key, EVP_aes_128_cbc(), "secret1",
                                  7, NULL, NULL);
    assert_int_equal(PEM_read_bio(bio, &name, &header, &data, &len), 1);
    BIO_free(bio);

    for (i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        bio = BIO_new(BIO_s_mem());
        PEM_write_bio(bio, labels[i], "", data, len);
        a = test_take(bio);
        test_bad(&rsa.cert_pem, &a, &chain, "private key");
        free(a.data);
    }

    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
}


static void
test_names_and_dates(void **state)
{
    acm_err_t     err;
    test_pair_t   p;
    acm_bundle_t  b;

    (void) state;

    test_pair(&p, ACM_KEY_RSA_2048, "cnonly.example.com", NULL, 0, NULL, -1,
              89, NULL);
    test_ok(acm_bundle_parse(&p.cert_pem, &p.key_pem, &none, acm_now(), &b,
                             &err));
    assert_string_equal(b.info.domain, "cnonly.example.com");
    assert_true(b.info.cn_only);
    assert_true(b.info.self_signed);
    acm_bundle_free(&b);
    test_pair_free(&p);

    test_pair(&p, ACM_KEY_EC_P256, "old.example.com", "DNS:old.example.com",
              0, &inter, -100, -1, NULL);
    test_bad(&p.cert_pem, &p.key_pem, &chain, "expired");
    test_pair_free(&p);

    test_pair(&p, ACM_KEY_EC_P256, "soon.example.com",
              "DNS:soon.example.com", 0, &inter, 2, 90, NULL);
    test_bad(&p.cert_pem, &p.key_pem, &chain, "not valid");
    test_pair_free(&p);

    test_pair(&p, ACM_KEY_EC_P384, "x",
              "DNS:xn--bcher-kva.example.com,DNS:*.Example.COM,IP:192.0.2.1,"
              "IP:2001:db8::1", 0, &inter, -1, 89, NULL);
    test_ok(acm_bundle_parse(&p.cert_pem, &p.key_pem, &chain, acm_now(), &b,
                             &err));
    assert_int_equal(b.info.nnames, 4);
    assert_string_equal(b.info.names[0], "xn--bcher-kva.example.com");
    assert_string_equal(b.info.names[1], "*.example.com");
    assert_string_equal(b.info.names[2], "192.0.2.1");
    acm_bundle_free(&b);
    test_pair_free(&p);

    test_pair(&p, ACM_KEY_EC_P256, "x", "raw:b\xc3\xbc" "cher.example.com",
              0, &inter, -1, 89, NULL);
    test_bad(&p.cert_pem, &p.key_pem, &chain, "name");
    test_pair_free(&p);

    test_pair(&p, ACM_KEY_EC_P256, "x", "raw:a\nb.example.com", 0, &inter,
              -1, 89, NULL);
    test_bad(&p.cert_pem, &p.key_pem, &chain, "name");
    test_pair_free(&p);

    test_pair(&p, ACM_KEY_EC_P256, "no name here", NULL, 0, &inter, -1, 89,
              NULL);
    test_bad(&p.cert_pem, &p.key_pem, &chain, "name");
    test_pair_free(&p);
}


static void
test_size(void **state)
{
    acm_str_t  big;

    (void) state;

    big.len = ACM_MAX_PEM + 1;
    big.data = malloc(big.len);
    memset(big.data, ' ', big.len);
    memcpy(big.data, leaf.cert_pem.data, leaf.cert_pem.len);

    test_bad(&big, &leaf.key_pem, &chain, "");
    big.len = ACM_MAX_PEM;
    test_good(&big, &leaf.key_pem, &chain, 2);

    free(big.data);
}


/* What is remembered of the last one changes nothing of the next. */

static void
test_seen(void **state)
{
    size_t            i;
    acm_err_t         err;
    acm_str_t         one;
    acm_bundle_t      b;
    acm_x509_seen_t   seen;

    (void) state;

    memset(&seen, 0, sizeof(seen));
    one = inter.cert_pem;

    for (i = 0; i < 6; i++) {
        assert_int_equal(acm_bundle_parse_seen(&leaf.cert_pem, &leaf.key_pem,
                                               (i % 3) ? &chain : &one,
                                               acm_now(), &seen, &b, &err),
                         ACM_OK);
        assert_int_equal(b.nchain, (i % 3) ? 2 : 1);
        acm_bundle_free(&b);

        /* the same chain does not certify another one */

        assert_int_equal(acm_bundle_parse_seen(&root.cert_pem, &root.key_pem,
                                               (i % 3) ? &chain : &one,
                                               acm_now(), &seen, &b, &err),
                         ACM_INVALID);
    }

    assert_int_equal(acm_bundle_parse_seen(&leaf.cert_pem, &leaf.key_pem,
                                           &none, acm_now(), &seen, &b, &err),
                     ACM_OK);
    assert_int_equal(b.nchain, 0);
    acm_bundle_free(&b);

    acm_x509_seen_free(&seen);
}


static void
test_memory(void **state)
{
    acm_rc_t       rc;
    acm_bundle_t   b;
    unsigned long  n;

    (void) state;

    for (n = 1; n < 200; n++) {
        acm_alloc_fail_at(n);
        rc = acm_bundle_parse(&leaf.cert_pem, &leaf.key_pem, &chain,
                              acm_now(), &b, NULL);
        acm_alloc_fail_at(0);

        if (rc == ACM_OK) {
            acm_bundle_free(&b);
            break;
        }

        assert_int_equal(rc, ACM_NOMEM);
    }

    assert_true(n > 3 && n < 200);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_control),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_deep_chain),
        cmocka_unit_test(test_encrypted),
        cmocka_unit_test(test_mislabelled),
        cmocka_unit_test(test_mismatch),
        cmocka_unit_test(test_key_types),
        cmocka_unit_test(test_chain_members),
        cmocka_unit_test(test_weak),
        cmocka_unit_test(test_names_and_dates),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_seen),
        cmocka_unit_test(test_memory)
    };

    return cmocka_run_group_tests(tests, test_setup, test_teardown);
}
