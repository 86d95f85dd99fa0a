
/*
 * Copyright (C) The ngx_acm authors
 *
 * The self-check: what a client takes, and what it does not.
 */


#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "acm_handshake.h"
#include "test.h"


#define NOW   1795600000LL
#define DAY   86400LL


typedef struct {
    const char  *cn;
    const char  *san;                /* as in OpenSSL's configuration */
    const char  *eku;
    int          ca;
    int64_t      from;
    int64_t      to;
    X509        *issuer;             /* NULL: itself */
    EVP_PKEY    *key;                /* of the issuer */
    EVP_PKEY    *pkey;
} test_cert_t;


static EVP_PKEY  *key_root, *key_int, *key_leaf, *key_other;
static X509      *root, *ca_int, *ca_old;


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


static X509 *
test_make(const test_cert_t *t)
{
    X509  *x;

    static long  serial = 1000;

    x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set_int64(X509_get_serialNumber(x), ++serial);
    X509_time_adj_ex(X509_getm_notBefore(x), 0, 0, &(time_t) { t->from });
    X509_time_adj_ex(X509_getm_notAfter(x), 0, 0, &(time_t) { t->to });
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                               (const uint8_t *) t->cn, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name((t->issuer == NULL)
                                                  ? x : t->issuer));
    X509_set_pubkey(x, t->pkey);
    test_ext(x, NID_basic_constraints, t->ca ? "critical,CA:TRUE"
                                             : "critical,CA:FALSE", NULL);
    test_ext(x, NID_subject_key_identifier, "hash", NULL);

    if (t->san != NULL) {
        test_ext(x, NID_subject_alt_name, t->san, NULL);
    }

    if (t->eku != NULL) {
        test_ext(x, NID_ext_key_usage, t->eku, NULL);
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

    t.cn = "Some leaf";
    t.san = "DNS:www.example.com";
    t.from = NOW - DAY;
    t.to = NOW + 89 * DAY;
    t.issuer = ca_int;
    t.key = key_int;
    t.pkey = key_leaf;

    return t;
}


static X509 *
test_ca(const char *cn, X509 *issuer, EVP_PKEY *key, EVP_PKEY *pkey,
    int64_t to)
{
    test_cert_t  t;

    t = test_leaf();
    t.cn = cn;
    t.san = NULL;
    t.ca = 1;
    t.from = NOW - 100 * DAY;
    t.to = to;
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
    test_ok(acm_key_generate(ACM_KEY_EC_P256, &key_int, NULL));
    test_ok(acm_key_generate(ACM_KEY_EC_P256, &key_leaf, NULL));
    test_ok(acm_key_generate(ACM_KEY_EC_P256, &key_other, NULL));

    root = test_ca("Root", NULL, key_root, key_root, NOW + 1000 * DAY);
    ca_int = test_ca("Intermediate", root, key_root, key_int,
                     NOW + 500 * DAY);
    ca_old = test_ca("Intermediate", root, key_root, key_int, NOW - DAY);

    return 0;
}


static int
test_teardown(void **state)
{
    (void) state;

    acm_handshake_done();
    acm_handshake_done();

    X509_free(root);
    X509_free(ca_int);
    X509_free(ca_old);
    EVP_PKEY_free(key_root);
    EVP_PKEY_free(key_int);
    EVP_PKEY_free(key_leaf);
    EVP_PKEY_free(key_other);

    return 0;
}


/* The chain ends with NULL. */

static void
test_bundle(acm_bundle_t *b, X509 *leaf, EVP_PKEY *pkey, X509 **chain)
{
    memset(b, 0, sizeof(acm_bundle_t));

    b->info.key = acm_key_type(pkey);
    test_ok(acm_key_encode(pkey, &b->key_secret, NULL));
    test_ok(acm_x509_encode(leaf, &b->leaf, NULL));

    while (*chain != NULL) {
        test_ok(acm_x509_encode(*chain++, &b->chain[b->nchain++], NULL));
    }
}


/* why: part of the text, NULL if it is to be taken */

static void
test_names(const test_cert_t *t, X509 **chain, char **names, size_t n,
    int64_t now, const char *why)
{
    X509          *x;
    acm_rc_t       rc;
    acm_err_t      err;
    acm_bundle_t   b;

    x = test_make(t);
    test_bundle(&b, x, key_leaf, chain);

    memset(&err, 0, sizeof(err));
    rc = acm_handshake_check(&b, names, n, now, &err);
    assert_int_equal(ERR_peek_error(), 0);

    if (why == NULL) {
        if (rc != ACM_OK) {
            print_error("%s\n", err.text);
        }

        assert_int_equal(rc, ACM_OK);

    } else {
        assert_int_equal(rc, ACM_INVALID);

        if (strstr(err.text, why) == NULL) {
            print_error("%s: %s\n", why, err.text);
            fail();
        }

        /* what and where, and the cure */

        assert_non_null(strstr(err.text, "self-check"));
        assert_non_null(strstr(err.text, "tell the CA"));
        assert_int_equal(acm_handshake_check(&b, names, n, now, NULL), rc);
    }

    acm_bundle_free(&b);
    X509_free(x);
}


static void
test_one(const test_cert_t *t, X509 **chain, const char *name, int64_t now,
    const char *why)
{
    char  *names[1];

    names[0] = (char *) name;
    test_names(t, chain, names, 1, now, why);
}


static void
test_hosts(void **state)
{
    static const struct { const char *san, *name; int ok; }  hosts[] = {
        { "DNS:www.example.com", "www.example.com", 1 },
        { "DNS:www.example.com", "example.com", 0 },
        { "DNS:www.example.com", "*.example.com", 0 },
        { "DNS:*.example.com", "*.example.com", 1 },
        { "DNS:*.example.com", "www.example.com", 1 },
        { "DNS:*.example.com", "example.com", 0 },
        { "DNS:*.example.com", "a.b.example.com", 0 },
        { "DNS:*.test", "*.test", 1 },
        { "DNS:*.a_b.example.com", "*.a_b.example.com", 1 },
        { "DNS:_x.example.com", "_x.example.com", 1 },
        { "DNS:localhost", "localhost", 1 },
        { "DNS:xn--bcher-kva.example.com", "xn--bcher-kva.example.com", 1 },
        { "IP:192.0.2.1", "192.0.2.1", 1 },
        { "IP:192.0.2.1", "192.0.2.2", 0 },
        { "DNS:192.0.2.1", "192.0.2.1", 0 },
        { "IP:2001:db8::1", "2001:db8::1", 1 },
        { "IP:2001:db8::1", "2001:db8::2", 0 },
        { "IP:192.0.2.1", "Some leaf", 0 },
        { "email:a@example.com", "www.example.com", 0 }
    };

    size_t        i;
    X509         *chain[] = { NULL, NULL };
    test_cert_t   t;

    (void) state;

    chain[0] = ca_int;

    for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        t = test_leaf();
        t.san = hosts[i].san;
        test_one(&t, chain, hosts[i].name, NOW,
                 hosts[i].ok ? NULL : "a client that asks for");
    }
}


/* As many names as there may be, the last one wrong; the longest. */

static void
test_limits(void **state)
{
    char          san[8192], list[ACM_MAX_NAMES][40], name[ACM_MAX_NAME + 1];
    char         *names[ACM_MAX_NAMES];
    size_t        i, len;
    X509         *chain[] = { NULL, NULL };
    test_cert_t   t;

    (void) state;

    chain[0] = ca_int;
    len = 0;

    for (i = 0; i < ACM_MAX_NAMES; i++) {
        names[i] = list[i];
        snprintf(list[i], sizeof(list[i]), "*.n%zu.example.com", i);
        len += (size_t) snprintf(san + len, sizeof(san) - len, "%sDNS:%s",
                                 i ? "," : "", list[i]);
    }

    t = test_leaf();
    t.san = san;
    test_names(&t, chain, names, ACM_MAX_NAMES, NOW, NULL);
    names[ACM_MAX_NAMES - 1] = (char *) "other.example.com";
    test_names(&t, chain, names, ACM_MAX_NAMES, NOW, "other.example.com");

    /* no name at all is none that fails */

    test_names(&t, chain, names, 0, NOW, NULL);

    memset(name, 'x', ACM_MAX_NAME);
    name[0] = '*';
    name[ACM_MAX_NAME] = '\0';

    for (i = 1; i < ACM_MAX_NAME; i += 50) {
        name[i] = '.';
    }

    snprintf(san, sizeof(san), "DNS:%s", name);
    t.san = san;
    test_one(&t, chain, name, NOW, NULL);
}


static void
test_chains(void **state)
{
    X509         *chain[ACM_MAX_CHAIN + 1];
    test_cert_t   t;

    (void) state;

    memset(chain, 0, sizeof(chain));

    /* alone, with an issuer, with the root too */

    t = test_leaf();
    test_one(&t, chain, "www.example.com", NOW, NULL);
    chain[0] = ca_int;
    test_one(&t, chain, "www.example.com", NOW, NULL);
    chain[1] = root;
    test_one(&t, chain, "www.example.com", NOW, NULL);

    /* out of order; with a gap; one that has nothing to do with it */

    chain[0] = root;
    chain[1] = ca_int;
    test_one(&t, chain, "www.example.com", NOW, "lead from");
    chain[1] = NULL;
    test_one(&t, chain, "www.example.com", NOW, "unable to get");

    chain[0] = test_ca("Other", NULL, key_other, key_other,
                       NOW + 500 * DAY);
    test_one(&t, chain, "www.example.com", NOW, "unable to get");
    X509_free(chain[0]);

    /* of the same name, with another key */

    chain[0] = test_ca("Intermediate", root, key_root, key_other,
                       NOW + 500 * DAY);
    test_one(&t, chain, "www.example.com", NOW, "signature failure");
    X509_free(chain[0]);

    /* no CA */

    t.issuer = NULL;
    t.key = key_leaf;
    chain[0] = NULL;
    test_one(&t, chain, "www.example.com", NOW, NULL);

    t = test_leaf();
    t.san = NULL;
    t.cn = "Intermediate";
    t.issuer = root;
    t.key = key_root;
    t.pkey = key_int;
    chain[0] = test_make(&t);
    t = test_leaf();
    test_one(&t, chain, "www.example.com", NOW, "invalid CA");
    X509_free(chain[0]);

    /* not for servers */

    chain[0] = NULL;
    t = test_leaf();
    t.eku = "clientAuth";
    test_one(&t, chain, "www.example.com", NOW, "purpose");
    t.eku = "serverAuth,clientAuth";
    test_one(&t, chain, "www.example.com", NOW, NULL);
}


static void
test_dates(void **state)
{
    X509         *chain[] = { NULL, NULL };
    test_cert_t   t;

    (void) state;

    chain[0] = ca_int;
    t = test_leaf();
    test_one(&t, chain, "www.example.com", t.from, NULL);
    test_one(&t, chain, "www.example.com", t.from - 1, "not yet valid");
    test_one(&t, chain, "www.example.com", t.to - 1, NULL);
    test_one(&t, chain, "www.example.com", t.to + 1,
             "the certificate: certificate has expired; look at the clock");

    /* the leaf is good, its issuer is not any more */

    chain[0] = ca_old;
    test_one(&t, chain, "www.example.com", NOW,
             "certificate 1 of the chain: certificate has expired");
}


/* Each key type, as long as the chain may be. */

static void
test_keys(void **state)
{
    static const acm_key_e  types[] = {
        ACM_KEY_EC_P256, ACM_KEY_EC_P384, ACM_KEY_EC_P521, ACM_KEY_RSA_2048,
        ACM_KEY_RSA_3072
    };

    size_t         i;
    char           cn[32];
    char          *names[] = { (char *) "www.example.com" };
    X509          *x, *chain[ACM_MAX_CHAIN + 1];
    EVP_PKEY      *pkey;
    acm_err_t      err;
    test_cert_t    t;
    acm_bundle_t   b;

    (void) state;

    memset(chain, 0, sizeof(chain));

    for (i = ACM_MAX_CHAIN; i > 0; i--) {
        snprintf(cn, sizeof(cn), "CA %zu", i);
        chain[i - 1] = test_ca(cn, chain[i], key_int, key_int,
                               NOW + 500 * DAY);
    }

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {

        test_ok(acm_key_generate(types[i], &pkey, NULL));

        t = test_leaf();
        t.issuer = chain[0];
        t.pkey = pkey;
        x = test_make(&t);
        test_bundle(&b, x, pkey, chain);
        test_ok(acm_handshake_check(&b, names, 1, NOW, &err));

        /* the key of another one */

        EVP_PKEY_free(pkey);
        acm_free_secret(b.key_secret.data, b.key_secret.len);
        test_ok(acm_key_generate(types[i], &pkey, NULL));
        test_ok(acm_key_encode(pkey, &b.key_secret, NULL));
        assert_int_equal(acm_handshake_check(&b, names, 1, NOW, &err),
                         ACM_INVALID);
        assert_non_null(strstr(err.text, "cannot be used with its key"));

        EVP_PKEY_free(pkey);
        acm_bundle_free(&b);
        X509_free(x);
    }

    for (i = 0; i < ACM_MAX_CHAIN; i++) {
        X509_free(chain[i]);
    }
}


/* A chain that was sent once is not sent again: whatever is wrong with another
   leaf, or at another time, is found all the same. */

static void
test_again(void **state)
{
    size_t         i;
    X509          *ca_other, *ends, *chain[] = { NULL, NULL, NULL };
    test_cert_t    t, bad;

    (void) state;

    ca_other = test_ca("Other", root, key_root, key_other, NOW + 500 * DAY);
    ends = test_ca("Root", NULL, key_root, key_root, NOW + 300 * DAY);
    t = test_leaf();

    for (i = 0; i < 3; i++) {
        chain[0] = ca_int;
        chain[1] = (i == 0) ? NULL : (i == 1) ? root : ends;

        test_one(&t, chain, "www.example.com", NOW, NULL);
        test_one(&t, chain, "www.example.com", NOW, NULL);
        test_one(&t, chain, "example.com", NOW, "example.com");
        test_one(&t, chain, "www.example.com", NOW + 90 * DAY, "expired");

        bad = t;
        bad.issuer = ca_other;
        bad.key = key_other;
        test_one(&bad, chain, "www.example.com", NOW, "refuses");

        /* that name, but not that key */

        bad.issuer = ca_int;
        test_one(&bad, chain, "www.example.com", NOW, "refuses");

        bad = t;
        bad.eku = "clientAuth";
        test_one(&bad, chain, "www.example.com", NOW, "refuses");

        /* all of the chain has come to its end */

        bad = t;
        bad.to = NOW + 2000 * DAY;
        test_one(&bad, chain, "www.example.com", NOW, NULL);
        test_one(&bad, chain, "www.example.com",
                 NOW + ((i == 2) ? 400 : 600) * DAY, "expired");

        test_one(&t, chain, "www.example.com", NOW, NULL);
    }

    X509_free(ends);
    X509_free(ca_other);
}


/* Settings of OpenSSL for all programs; the contexts are made with them. */

static void
test_configure(const char *text)
{
    char   path[256];
    FILE  *f;

    snprintf(path, sizeof(path), "%s/acm-unit-%d.cnf",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (int) getpid());

    f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "openssl_conf=a\n[a]\nssl_conf=b\n[b]\nsystem_default=c\n"
            "[c]\n%s\n", text);
    fclose(f);

    assert_int_equal(CONF_modules_load_file(path, NULL, 0), 1);
    unlink(path);
    acm_handshake_done();
}


/* RSA of TLS 1.3 is RSASSA-PSS; TLS 1.2 does without. */

static void
test_fallback(void **state)
{
    char          *names[] = { (char *) "www.example.com" };
    X509          *x, *chain[] = { NULL };
    EVP_PKEY      *pkey;
    acm_err_t      err;
    test_cert_t    t;
    acm_bundle_t   b;

    (void) state;

    test_ok(acm_key_generate(ACM_KEY_RSA_2048, &pkey, NULL));
    t = test_leaf();
    t.pkey = pkey;
    x = test_make(&t);
    test_bundle(&b, x, pkey, chain);

    test_configure("SignatureAlgorithms=RSA+SHA256:ECDSA+SHA256");
    test_ok(acm_handshake_check(&b, names, 1, NOW, &err));

    test_configure("SignatureAlgorithms=ECDSA+SHA256");
    assert_int_equal(acm_handshake_check(&b, names, 1, NOW, &err),
                     ACM_INVALID);
    assert_non_null(strstr(err.text, "no handshake is possible"));
    assert_non_null(strstr(err.text, "tell the CA"));

    test_configure("SignatureAlgorithms=RSA+SHA256:RSA-PSS+SHA256:"
                   "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512");
    test_ok(acm_handshake_check(&b, names, 1, NOW, &err));

    acm_bundle_free(&b);
    X509_free(x);
    EVP_PKEY_free(pkey);
}


/* Each allocation of ours fails once; octets that are no certificate. */

static void
test_faults(void **state)
{
    size_t         i;
    char          *names[] = { (char *) "www.example.com" };
    X509          *x, *chain[] = { NULL, NULL };
    acm_rc_t       rc;
    test_cert_t    t;
    acm_bundle_t   b;

    (void) state;

    chain[0] = ca_int;
    t = test_leaf();
    x = test_make(&t);
    test_bundle(&b, x, key_leaf, chain);

    for (i = 1; i < 100; i++) {
        acm_alloc_fail_at(i);
        rc = acm_handshake_check(&b, names, 1, NOW, NULL);

        if (acm_alloc_fail_at(0) != 0) {
            break;
        }

        assert_int_not_equal(rc, ACM_OK);
    }

    test_ok(rc);

    for (i = 0; i < b.leaf.len; i += 7) {
        b.leaf.data[i] ^= 0x55;
        assert_int_not_equal(acm_handshake_check(&b, names, 1, NOW, NULL),
                             ACM_OK);
        b.leaf.data[i] ^= 0x55;
    }

    b.chain[0].len--;
    assert_int_equal(acm_handshake_check(&b, names, 1, NOW, NULL),
                     ACM_INVALID);
    b.chain[0].len++;
    test_ok(acm_handshake_check(&b, names, 1, NOW, NULL));

    acm_bundle_free(&b);
    X509_free(x);
}


/* What it costs, with ACM_MEASURE=1: from DER, and with leaf and key decoded
   already. */

static void
test_cost(void **state)
{
    int               i, decoded;
    char             *names[] = { (char *) "www.example.com" };
    X509             *x, *chain[] = { NULL, NULL };
    test_cert_t       t;
    acm_bundle_t      b;
    struct timespec   from, to;

    (void) state;

    if (getenv("ACM_MEASURE") == NULL) {
        skip();
    }

    chain[0] = ca_int;
    t = test_leaf();
    x = test_make(&t);
    test_bundle(&b, x, key_leaf, chain);
    test_ok(acm_handshake_check(&b, names, 1, NOW, NULL));

    for (decoded = 0; decoded < 2; decoded++) {
        b.x = decoded ? x : NULL;
        b.pkey = decoded ? key_leaf : NULL;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);

        for (i = 0; i < 1000; i++) {
            test_ok(acm_handshake_check(&b, names, 1, NOW, NULL));
        }

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);

        print_message("%ld us of CPU for each check%s\n",
                      ((to.tv_sec - from.tv_sec) * 1000000
                       + (to.tv_nsec - from.tv_nsec) / 1000) / 1000,
                      decoded ? ", decoded" : "");
    }

    b.pkey = NULL;                   /* x goes with the bundle */
    acm_bundle_free(&b);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_fallback),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_cost)
    };

    return cmocka_run_group_tests(tests, test_setup, test_teardown);
}
