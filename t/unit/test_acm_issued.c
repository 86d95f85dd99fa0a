
/*
 * Copyright (C) The ngx_acm authors
 *
 * What a CA may issue, and what it must not.
 */


#include <openssl/ct.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "acm_issued.h"
#include "test.h"


#define NOW  1795600000LL
#define DAY  86400LL


typedef struct {
    const char  *cn;
    const char  *san;                /* as in OpenSSL's configuration */
    int          ca;
    int64_t      from;
    int64_t      to;
    X509        *issuer;             /* NULL: itself */
    EVP_PKEY    *key;                /* of the issuer */
    EVP_PKEY    *pkey;
    int          scts;
} test_cert_t;


static EVP_PKEY   *key_root, *key_old, *key_int, *key_leaf, *key_other;
static X509       *root, *old, *cross, *ca_int;
static acm_str_t   key_secret;
static char       *test_names[] = { "www.example.com", "example.com" };


static void
test_ext(X509 *x, int nid, const char *value, X509 *issuer)
{
    X509V3_CTX       ctx;
    X509_EXTENSION  *ext;

    X509V3_set_ctx(&ctx, (issuer == NULL) ? x : issuer, x, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(ext);
    assert_int_equal(X509_add_ext(x, ext, -1), 1);
    X509_EXTENSION_free(ext);
}


static void
test_scts(X509 *x, int n)
{
    SCT             *sct;
    uint8_t          id[32], sig[8];
    STACK_OF(SCT)   *list;

    list = sk_SCT_new_null();
    memset(sig, 7, sizeof(sig));

    for (memset(id, 0, sizeof(id)); n > 0; n--) {
        id[0]++;
        sct = SCT_new();
        assert_int_equal(SCT_set_version(sct, SCT_VERSION_V1), 1);
        assert_int_equal(SCT_set1_log_id(sct, id, sizeof(id)), 1);
        SCT_set_timestamp(sct, NOW * 1000);
        assert_int_equal(SCT_set_signature_nid(sct, NID_ecdsa_with_SHA256),
                         1);
        assert_int_equal(SCT_set1_signature(sct, sig, sizeof(sig)), 1);
        sk_SCT_push(list, sct);
    }

    assert_int_equal(X509_add1_ext_i2d(x, NID_ct_precert_scts, list, 0, 0),
                     1);
    SCT_LIST_free(list);
}


static X509 *
test_make(const test_cert_t *t)
{
    X509  *x;

    static long  serial = 0x87654320;

    x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set_int64(X509_get_serialNumber(x), ++serial);
    X509_time_adj_ex(X509_getm_notBefore(x), 0, 0, &(time_t) { t->from });
    X509_time_adj_ex(X509_getm_notAfter(x), 0, 0, &(time_t) { t->to });

    if (t->cn != NULL) {
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN",
                                   MBSTRING_UTF8, (const uint8_t *) t->cn,
                                   -1, -1, 0);
    }

    X509_set_issuer_name(x, X509_get_subject_name((t->issuer == NULL)
                                                  ? x : t->issuer));
    X509_set_pubkey(x, t->pkey);
    test_ext(x, NID_basic_constraints, t->ca ? "critical,CA:TRUE"
                                             : "critical,CA:FALSE", NULL);
    test_ext(x, NID_subject_key_identifier, "hash", NULL);

    if (t->issuer != NULL) {
        test_ext(x, NID_authority_key_identifier, "keyid:always", t->issuer);
    }

    if (t->san != NULL) {
        test_ext(x, NID_subject_alt_name, t->san, NULL);
    }

    if (t->scts) {
        test_scts(x, t->scts);
    }

    assert_true(X509_sign(x, t->key, EVP_sha256()) > 0);

    return x;
}


/* a leaf as it should be; changed by each test */

static test_cert_t
test_leaf(void)
{
    test_cert_t  t;

    memset(&t, 0, sizeof(t));

    t.cn = "www.example.com";
    t.san = "DNS:example.com,DNS:www.example.com";
    t.from = NOW - DAY;
    t.to = NOW + 89 * DAY;
    t.issuer = ca_int;
    t.key = key_int;
    t.pkey = key_leaf;

    return t;
}


static X509 *
test_ca(const char *cn, X509 *issuer, EVP_PKEY *key, EVP_PKEY *pkey)
{
    test_cert_t  t;

    t = test_leaf();
    t.cn = cn;
    t.san = NULL;
    t.ca = 1;
    t.from = NOW - 100 * DAY;
    t.to = NOW + 1000 * DAY;
    t.issuer = issuer;
    t.key = key;
    t.pkey = pkey;

    return test_make(&t);
}


static int
test_setup(void **state)
{
    (void) state;

    test_ok(acm_key_generate(ACM_KEY_EC_P256, &key_root, NULL));
    test_ok(acm_key_generate(ACM_KEY_EC_P256, &key_old, NULL));
    test_ok(acm_key_generate(ACM_KEY_EC_P256, &key_int, NULL));
    test_ok(acm_key_generate(ACM_KEY_EC_P256, &key_leaf, NULL));
    test_ok(acm_key_generate(ACM_KEY_EC_P256, &key_other, NULL));
    test_ok(acm_key_encode(key_leaf, &key_secret, NULL));

    root = test_ca("Root A", NULL, key_root, key_root);
    old = test_ca("Root Old", NULL, key_old, key_old);
    cross = test_ca("Root A", old, key_old, key_root);
    ca_int = test_ca("Intermediate 1", root, key_root, key_int);

    return 0;
}


static int
test_teardown(void **state)
{
    (void) state;

    acm_free_secret(key_secret.data, key_secret.len);
    X509_free(root);
    X509_free(old);
    X509_free(cross);
    X509_free(ca_int);
    EVP_PKEY_free(key_root);
    EVP_PKEY_free(key_old);
    EVP_PKEY_free(key_int);
    EVP_PKEY_free(key_leaf);
    EVP_PKEY_free(key_other);

    return 0;
}


static void
test_add(acm_buf_t *pem, X509 *x)
{
    BIO   *bio;
    char  *text;
    long   len;

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x);
    len = BIO_get_mem_data(bio, &text);
    acm_buf_add(pem, text, (size_t) len);
    BIO_free(bio);
}


/* why: part of the text, NULL if it is to be taken; frees pem */

static void
test_check(acm_buf_t *pem, const char *why, size_t nchain, unsigned scts)
{
    acm_rc_t           rc;
    acm_err_t          err;
    acm_bundle_t       bundle;
    acm_issued_key_t   key;

    memset(&key, 0, sizeof(key));
    key.type = ACM_KEY_EC_P256;
    key.der_secret = &key_secret;

    memset(&err, 0, sizeof(err));
    ERR_clear_error();
    rc = acm_issued_check(pem, &key, test_names, 2, NOW, &bundle, &err);
    assert_int_equal(ERR_peek_error(), 0);

    if (why == NULL) {
        if (rc != ACM_OK) {
            print_error("%s\n", err.text);
        }

        assert_int_equal(rc, ACM_OK);
        assert_int_equal(bundle.nchain, nchain);
        assert_int_equal(bundle.info.scts, scts);
        assert_int_equal(bundle.info.nnames, 2);
        acm_bundle_free(&bundle);

    } else {
        assert_true(rc == ACM_INVALID || rc == ACM_TOOBIG);

        if (strstr(err.text, why) == NULL) {
            print_error("%s: %s\n", why, err.text);
            fail();
        }
    }

    acm_buf_free(pem);
}


static void
test_check_leaf(const test_cert_t *t, const char *why, unsigned scts)
{
    X509       *x;
    acm_buf_t   pem;

    x = test_make(t);
    acm_buf_init(&pem, 65536);
    test_add(&pem, x);
    test_add(&pem, ca_int);
    X509_free(x);
    test_check(&pem, why, 1, scts);
}


static void
test_leaves(void **state)
{
    test_cert_t  t;

    (void) state;

    t = test_leaf();
    test_check_leaf(&t, NULL, 0);

    /* another key: the CA's own mistake, or somebody else's certificate */

    t.pkey = key_other;
    test_check_leaf(&t, "does not match", 0);

    t = test_leaf();
    t.san = "DNS:www.example.com";
    test_check_leaf(&t, "lacks the name \"example.com\"", 0);
    t.san = "DNS:www.example.com,DNS:example.com,DNS:evil.example.org";
    test_check_leaf(&t, "\"evil.example.org\", which was not asked", 0);
    t.san = "DNS:www.example.com,DNS:example.com,IP:192.0.2.1";
    test_check_leaf(&t, "\"192.0.2.1\", which was not asked", 0);
    t.san = "DNS:*.example.com,DNS:example.com";
    test_check_leaf(&t, "lacks the name \"www.example.com\"", 0);
    t.san = "DNS:WWW.example.com,DNS:EXAMPLE.com";
    test_check_leaf(&t, NULL, 0);
    t.san = NULL;
    test_check_leaf(&t, "lacks the name", 0);
    t.san = "email:a@example.com";
    test_check_leaf(&t, "", 0);

    t = test_leaf();
    t.cn = NULL;
    test_check_leaf(&t, NULL, 0);
    t.cn = "Example Ltd";
    test_check_leaf(&t, NULL, 0);
    t.cn = "example.org";
    test_check_leaf(&t, "common name \"example.org\"", 0);

    /* the only name as common name alone */

    t = test_leaf();
    t.san = NULL;
    test_names[1] = test_names[0];
    test_check_leaf(&t, "as common name only", 0);
    test_names[1] = "example.com";

    t = test_leaf();
    t.to = NOW - 1;
    test_check_leaf(&t, "expired", 0);
    t.to = NOW;
    test_check_leaf(&t, NULL, 0);
    t = test_leaf();
    t.from = NOW + 1;
    test_check_leaf(&t, "not valid before", 0);
    t.from = NOW;
    test_check_leaf(&t, NULL, 0);
    t.to = NOW + ACM_ISSUED_MAX_LIFE;
    test_check_leaf(&t, NULL, 0);
    t.to = NOW + ACM_ISSUED_MAX_LIFE + 1;
    test_check_leaf(&t, "3650 days", 0);

    t = test_leaf();
    t.ca = 1;
    test_check_leaf(&t, "one of a CA", 0);

    /* signed by the wrong key */

    t = test_leaf();
    t.key = key_other;
    test_check_leaf(&t, "does not certify", 0);
}


static void
test_sct(void **state)
{
    static const char  junk[] = "\x04\x04\x00\x02\x00\x09";

    X509                *x;
    unsigned             n;
    acm_buf_t            pem;
    test_cert_t          t;
    X509_EXTENSION      *ext;
    ASN1_OCTET_STRING   *value;

    (void) state;

    for (n = 1; n <= 3; n++) {
        t = test_leaf();
        t.scts = (int) n;
        test_check_leaf(&t, NULL, n);
    }

    /* an extension that is none counts as no SCT */

    t = test_leaf();
    x = test_make(&t);
    value = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(value, (const uint8_t *) junk, 6);
    ext = X509_EXTENSION_create_by_NID(NULL, NID_ct_precert_scts, 0, value);
    X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
    assert_true(X509_sign(x, key_int, EVP_sha256()) > 0);
    acm_buf_init(&pem, 65536);
    test_add(&pem, x);
    X509_free(x);
    test_check(&pem, NULL, 0, 0);
}


static void
test_texts(void **state)
{
    size_t       i, begin;
    X509        *leaf;
    test_cert_t  t;
    acm_buf_t    pem, crlf;

    (void) state;

    acm_buf_init(&pem, 65536);
    test_check(&pem, "empty", 0, 0);
    acm_buf_text(&pem, "<html><body>maintenance</body></html>");
    test_check(&pem, "no certificate in PEM", 0, 0);
    acm_buf_text(&pem, "-----END CERTIFICATE-----");
    test_check(&pem, "", 0, 0);
    acm_buf_text(&pem, "-----BEGIN CERTIFICATE-----\nAAAA\n"
                 "-----END CERTIFICATE-----\n");
    test_check(&pem, "", 0, 0);

    t = test_leaf();
    leaf = test_make(&t);

    /* the leaf alone, and with text around it */

    test_add(&pem, leaf);
    test_check(&pem, NULL, 0, 0);
    acm_buf_text(&pem, "subject: www.example.com\n\n");
    test_add(&pem, leaf);
    acm_buf_text(&pem, "\n  issuer:\n");
    test_check(&pem, NULL, 0, 0);
    acm_buf_text(&pem, "a\n");
    test_add(&pem, leaf);
    acm_buf_text(&pem, "\n\nb\n");
    test_add(&pem, ca_int);
    acm_buf_text(&pem, "c\n");
    test_add(&pem, root);
    acm_buf_text(&pem, "d");
    test_check(&pem, NULL, 2, 0);

    /* other line ends */

    test_add(&pem, leaf);
    test_add(&pem, ca_int);
    acm_buf_init(&crlf, 65536);

    for (i = 0; i < pem.len; i++) {
        if (pem.data[i] == '\n') {
            acm_buf_u8(&crlf, '\r');
        }

        acm_buf_u8(&crlf, pem.data[i]);
    }

    acm_buf_free(&pem);
    test_check(&crlf, NULL, 1, 0);

    /* cut off anywhere in the second one: not taken without it */

    test_add(&pem, leaf);
    begin = pem.len;
    test_add(&pem, ca_int);

    for (i = begin + 12; i + 2 < pem.len; i += 31) {
        acm_buf_init(&crlf, 65536);
        acm_buf_add(&crlf, pem.data, i);
        test_check(&crlf, "", 0, 0);
    }

    acm_buf_free(&pem);

    /* other blocks have no place there */

    test_add(&pem, leaf);
    acm_buf_text(&pem, "-----BEGIN X509 CRL-----\nAAAA\n"
                 "-----END X509 CRL-----\n");
    test_check(&pem, "", 0, 0);

    X509_free(leaf);
}


static void
test_chains(void **state)
{
    int          i;
    X509        *leaf, *up[ACM_MAX_CHAIN + 2];
    test_cert_t  t;
    acm_buf_t    pem;

    (void) state;

    t = test_leaf();
    leaf = test_make(&t);
    acm_buf_init(&pem, 65536);

    test_add(&pem, leaf);
    test_add(&pem, ca_int);
    test_add(&pem, cross);
    test_check(&pem, NULL, 2, 0);
    test_add(&pem, leaf);
    test_add(&pem, root);
    test_add(&pem, ca_int);
    test_check(&pem, "does not certify", 0, 0);
    test_add(&pem, leaf);
    test_add(&pem, root);
    test_check(&pem, "does not certify", 0, 0);
    test_add(&pem, ca_int);
    test_add(&pem, leaf);
    test_check(&pem, "", 0, 0);
    test_add(&pem, leaf);
    test_add(&pem, leaf);
    test_check(&pem, "the certificate itself again", 0, 0);
    test_add(&pem, leaf);
    test_add(&pem, ca_int);
    test_add(&pem, old);
    test_check(&pem, "does not certify", 0, 0);
    X509_free(leaf);

    /* self-signed, with our key */

    t.issuer = NULL;
    t.key = key_leaf;
    leaf = test_make(&t);
    test_add(&pem, leaf);
    test_check(&pem, "self-signed", 0, 0);
    X509_free(leaf);

    /* an expired intermediate */

    t = test_leaf();
    t.cn = "Intermediate 1";
    t.san = NULL;
    t.ca = 1;
    t.to = NOW - 1;
    t.issuer = root;
    t.key = key_root;
    t.pkey = key_int;
    up[0] = test_make(&t);
    t = test_leaf();
    leaf = test_make(&t);
    test_add(&pem, leaf);
    test_add(&pem, up[0]);
    test_check(&pem, "expired", 0, 0);
    X509_free(leaf);
    X509_free(up[0]);

    /* as long as can be, and one more */

    up[ACM_MAX_CHAIN + 1] = X509_dup(root);

    for (i = ACM_MAX_CHAIN; i >= 0; i--) {
        up[i] = test_ca("Intermediate", up[i + 1], key_root, key_root);
    }

    t = test_leaf();
    t.issuer = up[0];
    t.key = key_root;
    leaf = test_make(&t);
    test_add(&pem, leaf);

    for (i = 0; i < ACM_MAX_CHAIN; i++) {
        test_add(&pem, up[i]);
    }

    assert_true(acm_chain_is(&pem, "Intermediate"));
    test_check(&pem, NULL, ACM_MAX_CHAIN, 0);
    test_add(&pem, leaf);

    for (i = 0; i < ACM_MAX_CHAIN + 1; i++) {
        test_add(&pem, up[i]);
    }

    assert_false(acm_chain_is(&pem, "Intermediate"));
    test_check(&pem, "more than 10", 0, 0);

    for (i = 0; i < ACM_MAX_CHAIN + 2; i++) {
        X509_free(up[i]);
    }

    X509_free(leaf);
}


static void
test_preferred(void **state)
{
    size_t       i;
    X509        *leaf, *odd;
    acm_buf_t    pem;
    X509_NAME   *dn;
    test_cert_t  t;

    (void) state;

    t = test_leaf();
    leaf = test_make(&t);
    acm_buf_init(&pem, 65536);

    /* the long chain has Root A in its middle only, the short one on top */

    assert_false(acm_chain_is(&pem, "Root A"));
    test_add(&pem, leaf);
    assert_true(acm_chain_is(&pem, "Intermediate 1"));
    test_add(&pem, ca_int);
    assert_true(acm_chain_is(&pem, "Root A"));
    assert_false(acm_chain_is(&pem, "Intermediate 1"));
    assert_false(acm_chain_is(&pem, "Root"));
    assert_false(acm_chain_is(&pem, "Root A "));
    assert_false(acm_chain_is(&pem, "root a"));
    assert_false(acm_chain_is(&pem, ""));
    assert_false(acm_chain_is(&pem, NULL));
    acm_buf_text(&pem, "\ntext\n");
    assert_true(acm_chain_is(&pem, "Root A"));
    test_add(&pem, cross);
    assert_false(acm_chain_is(&pem, "Root A"));
    assert_true(acm_chain_is(&pem, "Root Old"));
    acm_buf_free(&pem);

    /* with the root itself */

    test_add(&pem, leaf);
    test_add(&pem, ca_int);
    test_add(&pem, root);
    assert_true(acm_chain_is(&pem, "Root A"));
    acm_buf_free(&pem);

    /* damaged on top, or locked: the middle is not taken instead */

    test_add(&pem, leaf);
    test_add(&pem, ca_int);
    i = pem.len;
    acm_buf_text(&pem, "-----BEGIN CERTIFICATE-----\nAAAA\n"
                 "-----END CERTIFICATE-----\n");
    assert_false(acm_chain_is(&pem, "Root A"));
    pem.len = i;
    acm_buf_text(&pem, "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
                 "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
                 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
                 "-----END CERTIFICATE-----\n");
    assert_false(acm_chain_is(&pem, "Root A"));
    pem.len = i;
    acm_buf_text(&pem, "-----BEGIN CERTIFICATE-----\nMII");
    assert_false(acm_chain_is(&pem, "Root A"));
    acm_buf_free(&pem);
    assert_int_equal(ERR_peek_error(), 0);

    /* a NUL in the name */

    odd = X509_dup(leaf);
    dn = X509_NAME_new();
    X509_NAME_add_entry_by_NID(dn, NID_commonName, V_ASN1_UTF8STRING,
                               (const uint8_t *) "Root A\0evil", 11, -1, 0);
    X509_set_issuer_name(odd, dn);
    X509_NAME_free(dn);
    assert_true(X509_sign(odd, key_int, EVP_sha256()) > 0);
    test_add(&pem, odd);
    assert_false(acm_chain_is(&pem, "Root A"));
    acm_buf_free(&pem);
    X509_free(odd);
    X509_free(leaf);
}


static void
test_ari(void **state)
{
    static const uint8_t  serial[] = { 0x87, 0x65, 0x43, 0x21 };
    static const uint8_t  akid[] = {
        0x69, 0x88, 0x5b, 0x6b, 0x87, 0x46, 0x40, 0x41, 0xe1, 0xb3,
        0x7b, 0x84, 0x7b, 0xa0, 0xae, 0x2c, 0xde, 0x01, 0xc8, 0xd4
    };

    char              id[ACM_ARI_ID_LEN];
    X509             *x;
    size_t            n;
    uint8_t           octets[300];
    BIGNUM           *bn;
    acm_rc_t          rc;
    acm_err_t         err;
    acm_str_t         der;
    test_cert_t       t;
    AUTHORITY_KEYID  *aki;

    (void) state;

    /* the example of RFC 9773 s4.1 */

    t = test_leaf();
    x = test_make(&t);
    X509_EXTENSION_free(X509_delete_ext(x,
            X509_get_ext_by_NID(x, NID_authority_key_identifier, -1)));
    X509_set_issuer_name(x, X509_get_subject_name(root));
    bn = BN_bin2bn(serial, sizeof(serial), NULL);
    BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
    BN_free(bn);
    X509_sign(x, key_root, EVP_sha256());
    test_ok(acm_x509_encode(x, &der, &err));
    assert_int_equal(acm_ari_id(&der, id, &err), ACM_NOTFOUND);
    acm_free(der.data);

    aki = AUTHORITY_KEYID_new();
    aki->keyid = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(aki->keyid, akid, sizeof(akid));
    X509_add1_ext_i2d(x, NID_authority_key_identifier, aki, 0, 0);
    X509_sign(x, key_root, EVP_sha256());
    test_ok(acm_x509_encode(x, &der, &err));
    test_ok(acm_ari_id(&der, id, &err));
    assert_string_equal(id, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
    acm_free(der.data);

    /* a small one without the zero in front */

    ASN1_INTEGER_set(X509_get_serialNumber(x), 0x7f);
    X509_sign(x, key_root, EVP_sha256());
    test_ok(acm_x509_encode(x, &der, &err));
    test_ok(acm_ari_id(&der, id, &err));
    assert_string_equal(id, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.fw");
    acm_free(der.data);
    AUTHORITY_KEYID_free(aki);

    /* whatever the lengths, never more than the buffer */

    memset(octets, 0x7f, sizeof(octets));

    for (n = 1; n < sizeof(octets); n += 13) {
        aki = AUTHORITY_KEYID_new();
        aki->keyid = ASN1_OCTET_STRING_new();
        ASN1_OCTET_STRING_set(aki->keyid, octets, (int) n);
        X509_add1_ext_i2d(x, NID_authority_key_identifier, aki, 0,
                          X509V3_ADD_REPLACE);
        AUTHORITY_KEYID_free(aki);
        bn = BN_bin2bn(octets, (int) (n < 60 ? n : n / 2), NULL);
        BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
        BN_free(bn);
        X509_sign(x, key_root, EVP_sha256());
        test_ok(acm_x509_encode(x, &der, &err));
        memset(id, 'x', sizeof(id));
        rc = acm_ari_id(&der, id, &err);
        assert_true(rc != ACM_OK || strlen(id) < sizeof(id));
        assert_true(rc == ACM_OK || n > 60);
        acm_free(der.data);
    }

    X509_free(x);

    der.data = (uint8_t *) "junk";
    der.len = 4;
    assert_int_equal(acm_ari_id(&der, id, &err), ACM_INVALID);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_leaves),
        cmocka_unit_test(test_sct),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_preferred),
        cmocka_unit_test(test_ari)
    };

    return cmocka_run_group_tests(tests, test_setup, test_teardown);
}
