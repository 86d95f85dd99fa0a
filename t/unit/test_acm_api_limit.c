
/*
 * Copyright (C) The ngx_acm authors
 *
 * What ACM limits: rates, and quotas, each at its limit and one past it.
 */


#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>

#include "test_api.h"


#define DAY            86400
#define TEST_THREADS   4
#define TEST_CALLS     2000


static void
test_limits(test_api_t *t, acm_api_limits_t *limits)
{
    memset(limits, 0, sizeof(acm_api_limits_t));
    test_api_start(t);
    t->conf.limits = limits;
}


static int
test_take(acm_throttle_t *th, uint32_t number, int64_t period,
    const char *account, const char *region, const char *op, int64_t ticks)
{
    acm_rate_t  rate;

    memset(&rate, 0, sizeof(rate));
    rate.number = number;
    rate.period = period;

    return acm_throttle_take(th, &rate, account, region, op, ticks);
}


static void
test_buckets(void **state)
{
    char             region[32];
    int64_t          at;
    unsigned         i, n;
    acm_throttle_t  *th;

    (void) state;

    th = calloc(1, sizeof(acm_throttle_t));
    at = 5000000;

    /* as many at once as are allowed, and one more */

    for (i = 0; i < 8; i++) {
        assert_true(test_take(th, 8, 1, "1", "r", "Op", at));
    }

    assert_false(test_take(th, 8, 1, "1", "r", "Op", at));

    /* others have their own */

    assert_true(test_take(th, 8, 1, "2", "r", "Op", at));
    assert_true(test_take(th, 8, 1, "1", "s", "Op", at));
    assert_true(test_take(th, 8, 1, "1", "r", "Other", at));

    /* one comes back in each eighth of a second */

    assert_false(test_take(th, 8, 1, "1", "r", "Op", at + 124));
    assert_true(test_take(th, 8, 1, "1", "r", "Op", at + 125));
    assert_false(test_take(th, 8, 1, "1", "r", "Op", at + 125));
    assert_true(test_take(th, 8, 1, "1", "r", "Op", at + 250));

    /* and never more than there were */

    for (n = 0; test_take(th, 8, 1, "1", "r", "Op", at + 100000); n++) {
        assert_true(n < 8);
    }

    assert_int_equal(n, 8);

    /* in a minute; rounded so that it is never too much */

    assert_true(test_take(th, 1, 60, "m", "r", "Op", at));
    assert_false(test_take(th, 1, 60, "m", "r", "Op", at + 59999));
    assert_true(test_take(th, 1, 60, "m", "r", "Op", at + 60000));
    assert_true(test_take(th, 3, 1, "t", "r", "Op", at));
    assert_true(test_take(th, 3, 1, "t", "r", "Op", at));
    assert_true(test_take(th, 3, 1, "t", "r", "Op", at));
    assert_false(test_take(th, 3, 1, "t", "r", "Op", at + 333));
    assert_true(test_take(th, 3, 1, "t", "r", "Op", at + 334));

    /* a rate that becomes faster: the bucket is empty, no more than that */

    assert_true(test_take(th, 1, 60, "f", "r", "Op", at));
    assert_false(test_take(th, 8, 1, "f", "r", "Op", at));
    assert_false(test_take(th, 8, 1, "f", "r", "Op", at + 124));
    assert_true(test_take(th, 8, 1, "f", "r", "Op", at + 125));
    assert_false(test_take(th, 8, 1, "f", "r", "Op", at + 125));

    /* none */

    for (i = 0; i < 100; i++) {
        assert_true(test_take(th, 0, 0, "1", "r", "Op", at));
    }

    /* a table that is full refuses nobody, and forgets nobody */

    at += 200000;
    assert_true(test_take(th, 1, 1, "1", "r", "Op", at));

    for (i = 0; i < 4 * ACM_THROTTLE_SLOTS; i++) {
        snprintf(region, sizeof(region), "r%u", i);
        assert_true(test_take(th, 1, 1, "x", region, "Op", at));
    }

    assert_false(test_take(th, 1, 1, "1", "r", "Op", at + 999));
    assert_true(test_take(th, 1, 1, "1", "r", "Op", at + 1000));

    free(th);
}


typedef struct {
    pthread_t         thread;
    acm_throttle_t   *throttle;
    unsigned          taken;
} test_taker_t;


static void *
test_taker(void *data)
{
    unsigned       i;
    test_taker_t  *t = data;

    for (i = 0; i < TEST_CALLS; i++) {
        t->taken += (unsigned) test_take(t->throttle, 1000, 60, "1", "r",
                                         "Op", 1000000);
    }

    return NULL;
}


/* Many threads get as much as one does. */

static void
test_takers(void **state)
{
    unsigned         i, n;
    test_taker_t     t[TEST_THREADS];
    acm_throttle_t  *th;

    (void) state;

    th = calloc(1, sizeof(acm_throttle_t));
    memset(t, 0, sizeof(t));

    for (i = 0; i < TEST_THREADS; i++) {
        t[i].throttle = th;
        assert_int_equal(pthread_create(&t[i].thread, NULL, test_taker,
                                        &t[i]), 0);
    }

    for (i = 0, n = 0; i < TEST_THREADS; i++) {
        pthread_join(t[i].thread, NULL);
        n += t[i].taken;
    }

    assert_int_equal(n, 1000);

    free(th);
}


static void
test_rates(void **state)
{
    json_t            *json, *list;
    test_api_t         t;
    acm_api_limits_t   limits;

    (void) state;

    test_limits(&t, &limits);
    limits.throttle = calloc(1, sizeof(acm_throttle_t));
    limits.rates[ACM_OPERATION_LIST_CERTIFICATES].number = 2;
    limits.rates[ACM_OPERATION_LIST_CERTIFICATES].period = 1;
    t.caller.ticks = 1000000;

    json_decref(test_api_ok(&t, "ListCertificates", "{}"));

    /* whatever it is answered, it is a call */

    test_api_fault(&t, "ListCertificates", "{'MaxItems': 0}",
                   "ValidationException", NULL);

    json = test_api(&t, "ListCertificates", "{}");
    assert_string_equal(t.fault, "ThrottlingException");
    assert_string_equal(t.message, "Rate exceeded");
    assert_int_equal(t.status, 400);
    list = json_object_get(json, "throttlingReasons");
    assert_int_equal(json_array_size(list), 1);
    test_is(json_array_get(list, 0), "reason", "RequestRateExceeded");
    test_is(json_array_get(list, 0), "resource", "acm:ListCertificates");
    json_decref(json);

    /* other operations, other regions */

    json_decref(test_api_ok(&t, "GetAccountConfiguration", "{}"));
    t.caller.region = "eu-central-1";
    json_decref(test_api_ok(&t, "ListCertificates", "{}"));
    t.caller.region = TEST_REGION;

    t.caller.ticks += 499;
    test_api_fault(&t, "ListCertificates", "{}", "ThrottlingException",
                   "Rate exceeded");
    t.caller.ticks++;
    json_decref(test_api_ok(&t, "ListCertificates", "{}"));

    free(limits.throttle);
    test_api_stop(&t);
}


static void
test_request(test_api_t *t, unsigned n, const char *more)
{
    char  body[512];

    snprintf(body, sizeof(body), "{'DomainName': 'n%u.example.com'%s}", n,
             more);
    test_make(t, body);
}


static void
test_request_fault(test_api_t *t, unsigned n, const char *more,
    const char *message)
{
    char  body[512];

    snprintf(body, sizeof(body), "{'DomainName': 'n%u.example.com'%s}", n,
             more);
    test_api_fault(t, "RequestCertificate", body, "LimitExceededException",
                   message);
}


static void
test_delete(test_api_t *t)
{
    json_decref(test_api_ok(t, "DeleteCertificate",
                            test_with_arn("{'CertificateArn': '%s'}")));
}


static int64_t
test_used(test_api_t *t, acm_quota_e quota)
{
    int64_t      n;
    acm_snap_t  *snap;

    test_ok(acm_store_begin(t->store, &snap, NULL));
    n = acm_quota_used(snap, quota, TEST_ACCOUNT, t->caller.region,
                       "internal", t->now);
    acm_store_end(snap);

    return n;
}


static const char  test_total[] =
    "Cannot request more certificates in this account. Contact Customer "
    "Service for details";


static void
test_certificates(void **state)
{
    uint64_t           generation;
    test_api_t         t;
    acm_api_limits_t   limits;

    (void) state;

    test_limits(&t, &limits);

    /* what there is counts, whenever the quota came */

    test_request(&t, 1, "");
    limits.quotas[ACM_QUOTA_CERTIFICATES] = 2;
    test_request(&t, 2, "");

    generation = acm_store_generation(t.store);
    test_request_fault(&t, 3, "", test_total);
    assert_true(acm_store_generation(t.store) == generation);
    assert_int_equal(test_used(&t, ACM_QUOTA_CERTIFICATES), 2);

    /* the same request again is no other one */

    test_request(&t, 2, "");
    assert_int_equal(test_used(&t, ACM_QUOTA_CERTIFICATES), 2);
    assert_int_equal(test_used(&t, ACM_QUOTA_REQUESTED), 2);

    /* other regions, and private ones, have their own */

    t.caller.region = "eu-central-1";
    test_request(&t, 3, "");
    t.caller.region = TEST_REGION;
    test_request(&t, 4, ", 'CertificateAuthorityArn': 'arn:aws:acm-pca:"
                 TEST_REGION ":" TEST_ACCOUNT
                 ":certificate-authority/internal'");

    /* one that has gone makes room */

    test_request(&t, 2, "");
    test_delete(&t);
    assert_int_equal(test_used(&t, ACM_QUOTA_CERTIFICATES), 1);
    test_request(&t, 5, "");
    test_request_fault(&t, 6, "", test_total);

    /* one is made meanwhile, by nobody who asks first */

    limits.quotas[ACM_QUOTA_CERTIFICATES] = 1;
    test_request_fault(&t, 6, "", test_total);
    limits.quotas[ACM_QUOTA_CERTIFICATES] = 0;
    test_request(&t, 6, "");

    test_api_stop(&t);
}


static const char  test_year[] =
    "Error: you have reached your limit of 3 certificates in the last year.";


static void
test_years(void **state)
{
    unsigned           i;
    test_api_t         t;
    acm_store_stat_t   stat;
    acm_api_limits_t   limits;

    (void) state;

    test_limits(&t, &limits);
    limits.quotas[ACM_QUOTA_REQUESTED] = 3;

    /* two on one day, one on the next; deleted ones count */

    test_request(&t, 1, "");
    test_request(&t, 2, "");
    test_delete(&t);

    t.now += DAY;
    test_request(&t, 3, "");
    test_request_fault(&t, 4, "", test_year);
    assert_int_equal(test_used(&t, ACM_QUOTA_REQUESTED), 3);

    /* on the last day of a year they count, and a day later no more */

    t.now += (ACM_QUOTA_DAYS - 2) * DAY;
    test_request_fault(&t, 4, "", test_year);

    t.now += DAY;
    assert_int_equal(test_used(&t, ACM_QUOTA_REQUESTED), 1);
    test_request(&t, 4, "");
    test_request(&t, 5, "");
    test_request_fault(&t, 6, "", test_year);

    t.now += DAY;
    test_request(&t, 6, "");
    test_request_fault(&t, 7, "", test_year);

    /* long after */

    t.now += 3 * ACM_QUOTA_DAYS * DAY;
    assert_int_equal(test_used(&t, ACM_QUOTA_REQUESTED), 0);

    for (i = 10; i < 13; i++) {
        test_request(&t, i, "");
    }

    test_request_fault(&t, 13, "", test_year);

    /* days that are over were forgotten: the two numbers, and today */

    test_ok(acm_store_stat(t.store, &stat, NULL));
    assert_int_equal(stat.entries[ACM_DB_QUOTA], 3);

    /* a clock that goes back forgets nothing */

    t.now -= 10 * DAY;
    test_request_fault(&t, 13, "", test_year);

    test_api_stop(&t);
}


/* The ring of a year that has certificates on each day. */

static void
test_ring(void **state)
{
    unsigned           i;
    test_api_t         t;
    acm_store_stat_t   stat;
    acm_api_limits_t   limits;

    (void) state;

    test_limits(&t, &limits);
    limits.quotas[ACM_QUOTA_REQUESTED] = ACM_QUOTA_DAYS;

    for (i = 0; i < ACM_QUOTA_DAYS + 40; i++) {
        test_request(&t, i, "");
        assert_int_equal(test_used(&t, ACM_QUOTA_REQUESTED),
                         i < ACM_QUOTA_DAYS ? i + 1 : ACM_QUOTA_DAYS);
        t.now += DAY;
    }

    t.now -= DAY;
    test_request_fault(&t, 999, "", NULL);

    test_ok(acm_store_stat(t.store, &stat, NULL));
    assert_int_equal(stat.entries[ACM_DB_QUOTA], 2 + ACM_QUOTA_DAYS);

    test_api_stop(&t);
}


/* A certificate that signs itself, as the body of a request. */

static void
test_import_body(int64_t now, const char *more)
{
    BIO        *leaf, *key, *out, *b64;
    char       *text;
    long        n;
    X509       *x;
    unsigned    i;
    EVP_PKEY   *pkey;
    X509_NAME  *name;

    pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    x = X509_new();
    assert_non_null(pkey);

    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    ASN1_TIME_set(X509_getm_notBefore(x), (time_t) now - DAY);
    ASN1_TIME_set(X509_getm_notAfter(x), (time_t) now + 30 * DAY);
    X509_set_pubkey(x, pkey);
    name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               (unsigned char *) "i.example.com", -1, -1, 0);
    X509_set_issuer_name(x, name);
    assert_true(X509_sign(x, pkey, EVP_sha256()) != 0);

    leaf = BIO_new(BIO_s_mem());
    key = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(leaf, x);
    PEM_write_bio_PrivateKey(key, pkey, NULL, NULL, 0, NULL, NULL);

    snprintf(test_body, sizeof(test_body), "{");

    for (i = 0; i < 2; i++) {
        out = BIO_new(BIO_s_mem());
        b64 = BIO_new(BIO_f_base64());
        BIO_set_flags(b64, BIO_FLAGS_BASE64_NO_NL);
        BIO_push(b64, out);
        n = BIO_get_mem_data(i == 0 ? leaf : key, &text);
        BIO_write(b64, text, (int) n);
        (void) BIO_flush(b64);
        n = BIO_get_mem_data(out, &text);
        snprintf(test_body + strlen(test_body), 8192, "%s'%s': '%.*s'",
                 i == 0 ? "" : ", ", i == 0 ? "Certificate" : "PrivateKey",
                 (int) n, text);
        BIO_free_all(b64);
    }

    snprintf(test_body + strlen(test_body), 1024, "%s}", more);

    BIO_free(leaf);
    BIO_free(key);
    X509_free(x);
    EVP_PKEY_free(pkey);
}


static void
test_import(test_api_t *t, const char *fault, const char *message)
{
    json_t  *json;

    test_import_body(t->now, "");

    if (fault != NULL) {
        test_api_fault(t, "ImportCertificate", test_body, fault, message);
        return;
    }

    json = test_api_ok(t, "ImportCertificate", test_body);
    snprintf(test_arn, sizeof(test_arn), "%s",
             json_string_value(json_object_get(json, "CertificateArn")));
    json_decref(json);
}


static void
test_imports(void **state)
{
    char               more[ACM_MAX_ARN + 32];
    test_api_t         t;
    acm_api_limits_t   limits;

    (void) state;

    static const char  there[] =
        "You have reached the maximum number of certificates. Delete "
        "certificates that are not in use, or contact AWS Support to request "
        "an increase.";
    static const char  year[] =
        "You have imported the maximum number of 3 certificates in the last "
        "year.";

    test_limits(&t, &limits);
    limits.quotas[ACM_QUOTA_IMPORTED] = 2;
    limits.quotas[ACM_QUOTA_IMPORTED_YEAR] = 3;

    test_import(&t, NULL, NULL);
    test_import(&t, NULL, NULL);

    /* what is wrong is told first */

    test_api_fault(&t, "ImportCertificate",
                   "{'Certificate': 'eA==', 'PrivateKey': 'eA=='}",
                   "ValidationException", NULL);
    test_import(&t, "LimitExceededException", there);

    /* again, under its ARN, is no other one */

    snprintf(more, sizeof(more), ", 'CertificateArn': '%s'", test_arn);
    test_import_body(t.now, more);
    json_decref(test_api_ok(&t, "ImportCertificate", test_body));
    assert_int_equal(test_used(&t, ACM_QUOTA_IMPORTED), 2);
    assert_int_equal(test_used(&t, ACM_QUOTA_IMPORTED_YEAR), 2);

    test_delete(&t);
    test_import(&t, NULL, NULL);
    test_delete(&t);
    test_import(&t, "LimitExceededException", year);

    /* requested ones are others */

    assert_int_equal(test_used(&t, ACM_QUOTA_CERTIFICATES), 0);
    test_request(&t, 1, "");
    assert_int_equal(test_used(&t, ACM_QUOTA_IMPORTED), 1);

    t.now += ACM_QUOTA_DAYS * DAY;
    test_import(&t, NULL, NULL);

    test_api_stop(&t);
}


static void
test_private(void **state)
{
    test_api_t         t;
    acm_api_limits_t   limits;

    (void) state;

    static const char  ca[] =
        ", 'CertificateAuthorityArn': 'arn:aws:acm-pca:" TEST_REGION ":"
        TEST_ACCOUNT ":certificate-authority/internal'";

    test_limits(&t, &limits);
    limits.quotas[ACM_QUOTA_PRIVATE] = 2;

    /* of a CA, ever */

    test_request(&t, 1, ca);
    test_delete(&t);
    t.now += 2 * ACM_QUOTA_DAYS * DAY;
    test_request(&t, 2, ca);
    test_request_fault(&t, 3, ca, "Error: you have reached your limit of 2 "
                       "private certificates of arn:aws:acm-pca:" TEST_REGION
                       ":" TEST_ACCOUNT ":certificate-authority/internal.");
    test_request(&t, 3, "");

    test_api_stop(&t);
}


static void
test_names(void **state)
{
    test_api_t         t;
    acm_api_limits_t   limits;

    (void) state;

    test_limits(&t, &limits);
    limits.quotas[ACM_QUOTA_NAMES] = 3;

    test_request(&t, 1, ", 'SubjectAlternativeNames': ['a.example.com',"
                 "'N1.example.com', 'b.example.com']");
    test_request_fault(&t, 1, ", 'SubjectAlternativeNames': ['a.example.com',"
                       "'b.example.com', 'c.example.com']",
                       "Certificate has too many domains.");

    limits.quotas[ACM_QUOTA_NAMES] = 0;
    test_request(&t, 1, ", 'SubjectAlternativeNames': ['a.example.com',"
                 "'b.example.com', 'c.example.com']");

    test_api_stop(&t);
}


/* A store from before: its numbers are made up for, once, whoever counts
   meanwhile. */

static void
test_older(void **state)
{
    char               region[16];
    unsigned           i;
    uint64_t           generation;
    acm_rc_t           rc;
    test_api_t         t;
    acm_snap_t        *snap;
    acm_batch_t        batch;
    acm_entry_t        entry;
    acm_api_limits_t   limits;

    (void) state;

    test_limits(&t, &limits);

    for (i = 0; i < 3; i++) {
        test_request(&t, i, "");
    }

    /* more regions than are counted at a time */

    for (i = 0; i < 1100; i++) {
        snprintf(region, sizeof(region), "r%04u", i);
        t.caller.region = region;
        test_request(&t, 1, "");
    }

    t.caller.region = TEST_REGION;

    test_import(&t, NULL, NULL);
    t.caller.region = "eu-central-1";
    test_request(&t, 9, "");

    /* as if nobody had counted */

    acm_batch_init(&batch);
    test_ok(acm_store_begin(t.store, &snap, NULL));

    for (rc = acm_store_seek(snap, ACM_DB_QUOTA, NULL, 0, &entry);
         rc == ACM_OK; rc = acm_store_next(snap, ACM_DB_QUOTA, &entry))
    {
        if (entry.key[entry.key_len - 1] == 'c'
            || entry.key[entry.key_len - 1] == 'i')
        {
            acm_batch_delete(&batch, ACM_DB_QUOTA, entry.key, entry.key_len);
        }
    }

    acm_store_end(snap);
    test_ok(acm_store_commit(t.store, &batch, NULL));
    acm_batch_free(&batch);

    /* one more, and one less, before it is made up for */

    test_delete(&t);
    t.caller.region = TEST_REGION;
    test_request(&t, 10, "");
    assert_int_equal(test_used(&t, ACM_QUOTA_CERTIFICATES), 1);

    test_ok(acm_quota_init(t.store, NULL));
    assert_int_equal(test_used(&t, ACM_QUOTA_CERTIFICATES), 4);
    assert_int_equal(test_used(&t, ACM_QUOTA_IMPORTED), 1);
    t.caller.region = "eu-central-1";
    assert_int_equal(test_used(&t, ACM_QUOTA_CERTIFICATES), 0);

    for (i = 0; i < 1100; i++) {
        snprintf(region, sizeof(region), "r%04u", i);
        t.caller.region = region;
        assert_int_equal(test_used(&t, ACM_QUOTA_CERTIFICATES), 1);
    }

    generation = acm_store_generation(t.store);
    test_ok(acm_quota_init(t.store, NULL));
    assert_true(acm_store_generation(t.store) == generation);

    test_api_stop(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_buckets),
        cmocka_unit_test(test_takers),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_years),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_imports),
        cmocka_unit_test(test_private),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_older)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
