
/*
 * Copyright (C) The ngx_acm authors
 *
 * What ImportCertificate says of what it does not take: a row for each text,
 * and the order of them.
 */


#include "test_import.h"


/* keys and certificates that rows name */

typedef enum {
    TEST_NOTHING,
    TEST_LEAF,                   /* of the CA "issuing" */
    TEST_SELF,                   /* signed by itself */
    TEST_EXPIRED,
    TEST_FUTURE,
    TEST_VERSION_1,
    TEST_NO_ISSUER,
    TEST_OCSP,                   /* an URL of 1000 octets */
    TEST_OCSP_LONG,              /* and of one more */
    TEST_IP,
    TEST_LEAF_SHORT,             /* of an RSA key of 1536 bits */
    TEST_LEAF_CURVE,
    TEST_LEAF_ED25519,
    TEST_ISSUING,
    TEST_ROOT,
    TEST_FAKE,                   /* "issuing" with another key */
    TEST_KEY,                    /* of all of them but those above */
    TEST_KEY_OTHER,
    TEST_KEY_ENCRYPTED,
    TEST_KEY_OLD,                /* SEC1, with its parameters */
    TEST_KEY_OLD_ENCRYPTED,
    TEST_KEY_CURVELESS,          /* SEC1, of no curve */
    TEST_KEY_PARAMETERS,
    TEST_KEY_PUBLIC,
    TEST_KEY_SHORT,
    TEST_KEY_CURVE,
    TEST_KEY_ED25519,
    TEST_GARBAGE,
    TEST_HEADER,                 /* a first line alone */
    TEST_BOTH,                   /* leaf and issuing CA */
    TEST_CHAIN,                  /* issuing and root */
    TEST_REVERSED,
    TEST_WITH_LEAF,              /* leaf, issuing, root */
    TEST_MAX
} test_input_e;


static char  *test_inputs[TEST_MAX];


#define TEST_V        "ValidationException"
#define TEST_ORDER(n)                                                         \
    "Unable to validate certificate chain. The certificate chain must start " \
    "with the immediate signing certificate, followed by any intermediaries " \
    "in order. The index within the chain of the invalid certificate is: " n
#define TEST_PARSE                                                            \
    "Unable to parse certificate. Please ensure the certificate is in PEM "   \
    "format."
#define TEST_NO_CHAIN                                                         \
    "Provided certificate is not a valid self signed. Please provide either " \
    "a valid self-signed certificate or certificate chain."


typedef struct {
    test_input_e   leaf;
    test_input_e   key;
    test_input_e   chain;
    const char    *more;         /* members */
    const char    *fault;        /* NULL: it is imported */
    const char    *message;
} test_row_t;


static const test_row_t  test_rows[] = {

    /* the certificate */

    { TEST_BOTH, TEST_KEY, TEST_NOTHING, "", TEST_V,
      "The certificate field contains more than one certificate. You can "
      "specify only one certificate in this field." },
    { TEST_GARBAGE, TEST_KEY, TEST_NOTHING, "", TEST_V, TEST_PARSE },
    { TEST_KEY, TEST_KEY, TEST_NOTHING, "", TEST_V, TEST_PARSE },
    { TEST_HEADER, TEST_KEY, TEST_NOTHING, "", TEST_V, TEST_PARSE },
    { TEST_VERSION_1, TEST_KEY, TEST_NOTHING, "", TEST_V,
      "The certificate is of version 1, and must be of version 3." },

    /* its key */

    { TEST_LEAF, TEST_KEY_ENCRYPTED, TEST_CHAIN, "", TEST_V,
      "Your private key should not be encrypted." },
    { TEST_LEAF, TEST_KEY_OLD_ENCRYPTED, TEST_CHAIN, "", TEST_V,
      "Your private key should not be encrypted." },
    { TEST_LEAF, TEST_LEAF, TEST_CHAIN, "", TEST_V,
      "Passed PEM was not a private key." },
    { TEST_LEAF, TEST_GARBAGE, TEST_CHAIN, "", TEST_V,
      "Passed PEM was not a private key." },
    { TEST_LEAF, TEST_KEY_PARAMETERS, TEST_CHAIN, "", TEST_V,
      "Passed PEM was not a private key." },
    { TEST_LEAF, TEST_KEY_CURVELESS, TEST_CHAIN, "", TEST_V,
      "Passed PEM was not a private key." },
    { TEST_LEAF, TEST_KEY_PUBLIC, TEST_CHAIN, "", TEST_V,
      "Passed PEM was not a private key." },
    { TEST_LEAF_SHORT, TEST_KEY_SHORT, TEST_NOTHING, "", TEST_V,
      "The private key length 1536 is not supported for key algorithm." },
    { TEST_LEAF_CURVE, TEST_KEY_CURVE, TEST_NOTHING, "", TEST_V,
      "The private key is not supported." },
    { TEST_LEAF_ED25519, TEST_KEY_ED25519, TEST_NOTHING, "", TEST_V,
      "The private key is not supported." },
    { TEST_LEAF, TEST_KEY_OTHER, TEST_CHAIN, "", TEST_V,
      "The private key does not match the certificate." },
    { TEST_LEAF_SHORT, TEST_KEY, TEST_NOTHING, "", TEST_V,
      "The private key does not match the certificate." },

    /* when it is valid, and what it says of its issuer */

    { TEST_EXPIRED, TEST_KEY, TEST_CHAIN, "", TEST_V,
      "The certificate has expired, is not valid." },
    { TEST_FUTURE, TEST_KEY, TEST_CHAIN, "", TEST_V,
      "The certificate is not in effect yet, is not valid." },
    { TEST_NO_ISSUER, TEST_KEY, TEST_CHAIN, "", TEST_V,
      "The certificate has no issuer: the field must not be empty." },
    { TEST_OCSP_LONG, TEST_KEY, TEST_CHAIN, "", TEST_V,
      "The OCSP URL of the certificate is longer than 1000 characters." },
    { TEST_OCSP, TEST_KEY, TEST_CHAIN, "", NULL, NULL },

    /* the chain */

    { TEST_LEAF, TEST_KEY, TEST_NOTHING, "", TEST_V, TEST_NO_CHAIN },
    { TEST_LEAF, TEST_KEY, TEST_HEADER, "", TEST_V,
      "The certificate body/chain provided is not in a valid PEM format." },
    { TEST_LEAF, TEST_KEY, TEST_GARBAGE, "", TEST_V,
      "The certificate body/chain provided is not in a valid PEM format." },
    { TEST_LEAF, TEST_KEY, TEST_ROOT, "", TEST_V, TEST_ORDER("0") },
    { TEST_LEAF, TEST_KEY, TEST_REVERSED, "", TEST_V, TEST_ORDER("0") },
    { TEST_LEAF, TEST_KEY, TEST_WITH_LEAF, "", TEST_V, TEST_ORDER("0") },
    { TEST_SELF, TEST_KEY, TEST_SELF, "", TEST_V, TEST_ORDER("0") },
    { TEST_LEAF, TEST_KEY, TEST_FAKE, "", TEST_V,
      "Could not validate the certificate with the certificate chain." },
    { TEST_LEAF, TEST_KEY, TEST_ISSUING, "", NULL, NULL },
    { TEST_LEAF, TEST_KEY, TEST_CHAIN, "", NULL, NULL },
    { TEST_LEAF, TEST_KEY_OLD, TEST_CHAIN, "", NULL, NULL },
    { TEST_SELF, TEST_KEY, TEST_NOTHING, "", NULL, NULL },
    { TEST_IP, TEST_KEY, TEST_NOTHING, "", NULL, NULL },

    /* tags: before the certificate is looked at */

    { TEST_GARBAGE, TEST_KEY, TEST_NOTHING, ", 'Tags': [{'Key': 'aws:a'}]",
      "InvalidTagException", "Invalid Tag Key: \"aws:a\". AWS internal tags "
      "cannot be changed with this API" },
    { TEST_GARBAGE, TEST_KEY, TEST_NOTHING, ", 'Tags': [{'Key': 'a'},"
      " {'Key': 'a'}]",
      "InvalidTagException", "The tag key \"a\" is there more than once." },
    { TEST_GARBAGE, TEST_KEY, TEST_NOTHING, ", 'Tags': [{'Key': '*'}]",
      TEST_V, "1 validation error detected: Value '*' at 'tags.1.member.key' "
      "failed to satisfy constraint: Member must satisfy regular expression "
      "pattern: [\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@]*" },

    /* and the ARN before that */

    { TEST_GARBAGE, TEST_KEY, TEST_NOTHING, ", 'CertificateArn': '" TEST_NONE
      "', 'Tags': [{'Key': 'a'}]", "ResourceNotFoundException",
      "Could not find certificate " TEST_NONE "." }
};


static char *
test_join(const char *a, const char *b, const char *c)
{
    char    *out;
    size_t   len;

    len = strlen(a) + strlen(b) + strlen(c) + 1;
    out = malloc(len);
    snprintf(out, len, "%s%s%s", a, b, c);

    return out;
}


static EVP_PKEY *
test_new_key(const char *type, size_t n, const char *curve)
{
    EVP_PKEY  *pkey;

    pkey = (curve != NULL) ? EVP_PKEY_Q_keygen(NULL, NULL, type, curve)
           : (n != 0) ? EVP_PKEY_Q_keygen(NULL, NULL, type, n)
                      : EVP_PKEY_Q_keygen(NULL, NULL, type);
    assert_non_null(pkey);

    return pkey;
}


/* ECPrivateKey with neither of what is optional. */

static char *
test_curveless(EVP_PKEY *pkey)
{
    BIO      *bio;
    char     *data, *pem;
    long      len;
    BIGNUM   *d;
    uint8_t   der[7 + 32] = { 0x30, 5 + 32, 2, 1, 1, 4, 32 };

    d = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(pkey, "priv", &d), 1);
    assert_int_equal(BN_bn2binpad(d, der + 7, 32), 32);
    BN_free(d);

    bio = BIO_new(BIO_s_mem());
    assert_true(PEM_write_bio(bio, PEM_STRING_ECPRIVATEKEY, "", der,
                              sizeof(der))
                > 0);
    len = BIO_get_mem_data(bio, &data);
    pem = strndup(data, (size_t) len);
    BIO_free(bio);

    return pem;
}


static void
test_inputs_keys(EVP_PKEY *pkey, EVP_PKEY *other)
{
    BIO       *bio;
    char      *data, *key;
    long       len;
    EVP_PKEY  *odd;

    static const test_cert_t  odds = {
        NULL, NULL, "odd.example.com", "odd.example.com",
        "DNS:odd.example.com", NULL, NULL, NULL, NULL, -60, 86400, 0
    };
    test_cert_t  c;

    /* P-256, as "openssl ecparam -genkey" writes it */

    test_inputs[TEST_KEY_PARAMETERS] =
        strdup("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
               "-----END EC PARAMETERS-----\n");

    key = test_key(pkey, 1, NULL);
    test_inputs[TEST_KEY_OLD] = test_join(test_inputs[TEST_KEY_PARAMETERS],
                                          key, "");
    free(key);

    test_inputs[TEST_KEY] = test_key(pkey, 0, NULL);
    test_inputs[TEST_KEY_OTHER] = test_key(other, 0, NULL);
    test_inputs[TEST_KEY_ENCRYPTED] = test_key(pkey, 0, EVP_aes_256_cbc());
    test_inputs[TEST_KEY_OLD_ENCRYPTED] = test_key(pkey, 1,
                                                   EVP_aes_128_cbc());

    test_inputs[TEST_KEY_CURVELESS] = test_curveless(pkey);

    bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
    len = BIO_get_mem_data(bio, &data);
    test_inputs[TEST_KEY_PUBLIC] = strndup(data, (size_t) len);
    BIO_free(bio);

    c = odds;
    c.pkey = odd = test_new_key("RSA", 1536, NULL);
    test_inputs[TEST_KEY_SHORT] = test_key(odd, 0, NULL);
    test_inputs[TEST_LEAF_SHORT] = test_cert(&c);
    EVP_PKEY_free(odd);

    c.pkey = odd = test_new_key("EC", 0, "secp256k1");
    test_inputs[TEST_KEY_CURVE] = test_key(odd, 0, NULL);
    test_inputs[TEST_LEAF_CURVE] = test_cert(&c);
    EVP_PKEY_free(odd);

    c.pkey = odd = test_new_key("ED25519", 0, NULL);
    test_inputs[TEST_KEY_ED25519] = test_key(odd, 0, NULL);
    c.pkey = odd;
    c.signer = pkey;
    test_inputs[TEST_LEAF_ED25519] = test_cert(&c);
    EVP_PKEY_free(odd);
}


static void
test_inputs_ca(EVP_PKEY *root, EVP_PKEY *issuing)
{
    test_cert_t  c;

    static const test_cert_t  ca = {
        NULL, NULL, "root", "root", NULL, "critical,keyCertSign", NULL, NULL,
        "critical,CA:TRUE", -86400, 86400, 0
    };

    c = ca;
    c.pkey = root;
    test_inputs[TEST_ROOT] = test_cert(&c);
    c.pkey = issuing;
    c.signer = root;
    c.subject = "issuing";
    test_inputs[TEST_ISSUING] = test_cert(&c);
    c.pkey = root;
    test_inputs[TEST_FAKE] = test_cert(&c);
}


static void
test_inputs_leaves(EVP_PKEY *pkey, EVP_PKEY *issuing)
{
    char         aia[1200];
    size_t       len;
    test_cert_t  c;

    static const test_cert_t  leaf = {
        NULL, NULL, "www.example.com", "issuing", "DNS:www.example.com",
        "critical,digitalSignature", "serverAuth", NULL, NULL, -60, 86400, 0
    };

    c = leaf;
    c.pkey = pkey;
    c.signer = issuing;

    test_inputs[TEST_LEAF] = test_cert(&c);

    c.from = -86400;
    c.to = -1;
    test_inputs[TEST_EXPIRED] = test_cert(&c);
    c.from = 1;
    c.to = 86400;
    test_inputs[TEST_FUTURE] = test_cert(&c);
    c.from = -60;

    c.issuer = "";
    test_inputs[TEST_NO_ISSUER] = test_cert(&c);
    c.issuer = "issuing";

    len = (size_t) snprintf(aia, sizeof(aia), "OCSP;URI:http://a/");
    memset(aia + len, 'b', 1000);
    aia[strlen("OCSP;URI:") + 1000] = '\0';
    c.aia = aia;
    test_inputs[TEST_OCSP] = test_cert(&c);
    aia[strlen(aia) + 1] = '\0';
    aia[strlen(aia)] = 'b';
    test_inputs[TEST_OCSP_LONG] = test_cert(&c);
    c.aia = NULL;

    c.signer = NULL;
    c.issuer = c.subject;
    test_inputs[TEST_SELF] = test_cert(&c);

    c.san = "IP:192.0.2.1";
    c.subject = c.issuer = "192.0.2.1";
    test_inputs[TEST_IP] = test_cert(&c);

    c = leaf;
    c.pkey = pkey;
    c.issuer = c.subject;
    c.version = 1;
    c.san = c.ku = c.eku = NULL;
    test_inputs[TEST_VERSION_1] = test_cert(&c);
}


static int
test_start(void **state)
{
    EVP_PKEY  *pkey, *issuing, *root;

    (void) state;

    pkey = test_new_key("EC", 0, "P-256");
    issuing = test_new_key("EC", 0, "P-256");
    root = test_new_key("EC", 0, "P-256");

    test_inputs[TEST_NOTHING] = NULL;
    test_inputs[TEST_GARBAGE] = strdup("what is this");
    test_inputs[TEST_HEADER] = strdup("-----BEGIN CERTIFICATE-----\n");

    test_inputs_keys(pkey, root);
    test_inputs_ca(root, issuing);
    test_inputs_leaves(pkey, issuing);

    test_inputs[TEST_BOTH] = test_join(test_inputs[TEST_LEAF],
                                       test_inputs[TEST_ISSUING], "");
    test_inputs[TEST_CHAIN] = test_join(test_inputs[TEST_ISSUING],
                                        test_inputs[TEST_ROOT], "");
    test_inputs[TEST_REVERSED] = test_join(test_inputs[TEST_ROOT],
                                           test_inputs[TEST_ISSUING], "");
    test_inputs[TEST_WITH_LEAF] = test_join(test_inputs[TEST_LEAF],
                                            test_inputs[TEST_ISSUING],
                                            test_inputs[TEST_ROOT]);

    EVP_PKEY_free(pkey);
    EVP_PKEY_free(issuing);
    EVP_PKEY_free(root);

    return 0;
}


static int
test_end(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < TEST_MAX; i++) {
        free(test_inputs[i]);
    }

    return 0;
}


static void
test_all_rows(void **state)
{
    size_t             i;
    json_t            *json;
    test_api_t         t;
    const test_row_t  *r;

    (void) state;

    test_api_start(&t);

    for (i = 0; i < sizeof(test_rows) / sizeof(test_rows[0]); i++) {
        r = &test_rows[i];

        test_import_body(test_inputs[r->leaf], test_inputs[r->key],
                         test_inputs[r->chain], r->more);
        json = test_api(&t, "ImportCertificate", test_body);

        if (strcmp(t.fault, (r->fault == NULL) ? "" : r->fault) != 0
            || strcmp(t.message, (r->message == NULL) ? "" : r->message) != 0)
        {
            print_error("row %zu: %s: %s\n", i, t.fault, t.message);
            fail();
        }

        /* nothing is stored of what is refused */

        assert_int_equal(t.changed, r->fault == NULL);
        json_decref(json);
    }

    json = test_api_ok(&t, "ListCertificates", "{'Includes': {'keyTypes':"
                       " ['EC_prime256v1']}}");
    assert_int_equal(json_array_size(json_object_get(json,
                                     "CertificateSummaryList")), 6);
    json_decref(json);

    test_api_stop(&t);
}


/* Lengths are those of what base64 stands for, and values are not shown. */

static void
test_lengths(void **state)
{
    char        *body, *text;
    size_t       i, len;
    test_api_t   t;

    static const struct {
        const char  *name;
        const char  *path;
        size_t       max;
    } limits[] = {
        { "Certificate", "certificate", 32768 },
        { "PrivateKey", "privateKey", 5120 },
        { "CertificateChain", "certificateChain", 2097152 }
    };

    (void) state;

    test_api_start(&t);
    body = malloc(ACM_MAX_API_BODY);
    text = malloc(ACM_MAX_API_BODY);
    memset(text, 'A', ACM_MAX_API_BODY);

    for (i = 0; i < 6; i++) {
        len = limits[i / 2].max + i % 2;

        /* whole groups of four, and padding */

        snprintf(body, ACM_MAX_API_BODY,
                 "{\"Certificate\": \"YQ==\", \"PrivateKey\": \"YQ==\","
                 " \"%s\": \"%.*s%s\"}", limits[i / 2].name,
                 (int) (len / 3 * 4 + (len % 3 ? len % 3 + 1 : 0)), text,
                 (len % 3 == 1) ? "==" : (len % 3 == 2) ? "=" : "");

        /* a name that is there twice is refused by itself */

        if (i / 2 < 2) {
            snprintf(body, ACM_MAX_API_BODY, "{\"%s\": \"YQ==\", \"%s\":"
                     " \"%.*s%s\"}", limits[1 - i / 2].name,
                     limits[i / 2].name,
                     (int) (len / 3 * 4 + (len % 3 ? len % 3 + 1 : 0)), text,
                     (len % 3 == 1) ? "==" : (len % 3 == 2) ? "=" : "");
        }

        json_decref(test_api_raw(&t, "ImportCertificate", body,
                                 strlen(body)));
        assert_string_equal(t.fault, TEST_V);
        snprintf(test_body, sizeof(test_body), "1 validation error detected: "
                 "Value at '%s' failed to satisfy constraint: Member must "
                 "have length less than or equal to %zu", limits[i / 2].path,
                 limits[i / 2].max);
        assert_string_equal(t.message, (i % 2) ? test_body : TEST_PARSE);
    }

    free(body);
    free(text);
    test_api_stop(&t);
}


typedef struct {
    const char  *san;
    const char  *ku;
    const char  *eku;
    const char  *message;        /* NULL: it is taken */
} test_again_t;


#define TEST_KU                                                               \
    "New certificate is missing one or more Key Usages supported by the "     \
    "currently imported certificate"
#define TEST_EKU                                                              \
    "New certificate is missing one or more Extended Key Usages supported "   \
    "by the currently imported certificate"


/* Each comes after the one before it under the same ARN: usages can grow, and
   not shrink, nor come where there were none; all names may change. */

static const test_again_t  test_agains[] = {
    { "DNS:a.example.com", "digitalSignature", "serverAuth", NULL },
    { "DNS:other.example.org", "digitalSignature", "serverAuth", NULL },
    { "DNS:a.example.com", "keyAgreement", "serverAuth", TEST_KU },
    { "DNS:a.example.com", NULL, "serverAuth", TEST_KU },
    { "DNS:a.example.com", "digitalSignature", "clientAuth", TEST_EKU },
    { "DNS:a.example.com", "digitalSignature", NULL, TEST_EKU },
    { "DNS:a.example.com", "digitalSignature,keyAgreement",
      "serverAuth,clientAuth", NULL },
    { "DNS:a.example.com", "digitalSignature,keyAgreement", "serverAuth",
      TEST_EKU },
    { "IP:192.0.2.1", "digitalSignature,keyAgreement",
      "serverAuth,clientAuth", "New certificate has no domain name: not all "
      "of them can be taken away on re-import." }
};

static const test_again_t  test_bare[] = {
    { "IP:192.0.2.1", NULL, NULL, NULL },
    { "IP:192.0.2.2", NULL, NULL, NULL },
    { "IP:192.0.2.1", "digitalSignature", NULL, TEST_KU },
    { "IP:192.0.2.1", NULL, "serverAuth", TEST_EKU },
    { "DNS:a.example.com", NULL, NULL, NULL }
};


static void
test_reimport_rows(const test_again_t *rows, size_t n)
{
    char         *leaf, *key, more[ACM_MAX_ARN + 64];
    size_t        i;
    json_t       *json;
    test_api_t    t;
    test_cert_t   c;

    memset(&c, 0, sizeof(c));
    c.pkey = test_new_key("EC", 0, "P-256");
    c.subject = c.issuer = "a.example.com";
    c.from = -60;
    c.to = 86400;
    key = test_key(c.pkey, 0, NULL);
    more[0] = '\0';

    test_api_start(&t);

    for (i = 0; i < n; i++) {
        c.san = rows[i].san;
        c.ku = rows[i].ku;
        c.eku = rows[i].eku;
        c.subject = c.issuer = strchr(rows[i].san, ':') + 1;
        leaf = test_cert(&c);

        t.now++;
        test_import_body(leaf, key, NULL, more);
        json = test_api(&t, "ImportCertificate", test_body);

        if (strcmp(t.message, rows[i].message ? rows[i].message : "") != 0) {
            print_error("row %zu: %s: %s\n", i, t.fault, t.message);
            fail();
        }

        if (i == 0) {
            snprintf(test_arn, sizeof(test_arn), "%s",
                     json_string_value(json_object_get(json,
                                                       "CertificateArn")));
            snprintf(more, sizeof(more), ", 'CertificateArn': '%s'",
                     test_arn);

        } else if (rows[i].message == NULL) {
            test_is(json, "CertificateArn", test_arn);
        }

        json_decref(json);
        free(leaf);
    }

    /* another key of the same type is welcome, another type is not */

    EVP_PKEY_free(c.pkey);
    free(key);
    c.pkey = test_new_key("EC", 0, "P-384");
    key = test_key(c.pkey, 0, NULL);
    leaf = test_cert(&c);
    test_import_body(leaf, key, NULL, more);
    test_api_fault(&t, "ImportCertificate", test_body, TEST_V,
                   "The key type and size cannot change on re-import: they "
                   "were EC-prime256v1, and are EC-secp384r1 now.");
    free(leaf);
    free(key);
    EVP_PKEY_free(c.pkey);

    test_api_stop(&t);
}


static void
test_reimport(void **state)
{
    (void) state;

    test_reimport_rows(test_agains,
                       sizeof(test_agains) / sizeof(test_agains[0]));
    test_reimport_rows(test_bare, sizeof(test_bare) / sizeof(test_bare[0]));
}


/* What is shown of one without a name that ACM knows. */

static void
test_addresses(void **state)
{
    json_t      *c, *json;
    test_api_t   t;

    (void) state;

    test_api_start(&t);

    test_import_body(test_inputs[TEST_IP], test_inputs[TEST_KEY], NULL, "");
    json = test_api_ok(&t, "ImportCertificate", test_body);
    snprintf(test_arn, sizeof(test_arn), "%s",
             json_string_value(json_object_get(json, "CertificateArn")));
    json_decref(json);

    c = test_describe(&t);
    test_is(c, "DomainName", NULL);
    test_is(c, "Status", "ISSUED");
    test_is(c, "Subject", "CN=192.0.2.1");
    test_is(c, "Issuer", "192.0.2.1");
    assert_int_equal(json_array_size(json_object_get(c,
                                     "SubjectAlternativeNames")), 0);
    assert_int_equal(json_array_size(json_object_get(c,
                                     "DomainValidationOptions")), 0);
    json_decref(c);

    json = test_api_ok(&t, "GetCertificate",
                       test_with_arn("{'CertificateArn': '%s'}"));
    test_is(json, "Certificate", test_inputs[TEST_IP]);
    test_is(json, "CertificateChain", test_inputs[TEST_IP]);
    json_decref(json);

    test_api_stop(&t);
}


/* Each allocation fails in turn: nothing is imported by half, and what is
   answered is a fault of ours. */

static void
test_memory(void **state)
{
    char           *body, *p;
    size_t          before, n;
    json_t         *json;
    test_api_t      t;
    unsigned long   i;

    (void) state;

    test_api_start(&t);
    test_import_body(test_inputs[TEST_LEAF], test_inputs[TEST_KEY],
                     test_inputs[TEST_CHAIN], ", 'Tags': [{'Key': 'a'},"
                     " {'Key': 'b', 'Value': 'c'}]");
    body = strdup(test_body);

    for (p = body; *p != '\0'; p++) {
        *p = (*p == '\'') ? '"' : *p;
    }

    t.quiet = 1;
    n = 0;

    for (i = 1; ; i++) {
        before = n;

        (void) acm_alloc_fail_at(i);
        json = test_api_raw(&t, "ImportCertificate", body, strlen(body));
        json_decref(json);

        if (acm_alloc_fail_at(0) != 0) {
            assert_int_equal(t.status, 200);
            break;
        }

        json = test_api_ok(&t, "ListCertificates", "{'Includes':"
                           " {'keyTypes': ['EC_prime256v1']}}");
        n = json_array_size(json_object_get(json, "CertificateSummaryList"));
        json_decref(json);

        /* an answer may have no memory when all is done */

        assert_true(n == before || n == before + 1);
    }

    assert_true(i > 20);
    assert_true(n < i / 2);

    free(body);
    test_api_stop(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_all_rows),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_reimport),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests_name("acm_api_import", tests, test_start,
                                       test_end);
}
