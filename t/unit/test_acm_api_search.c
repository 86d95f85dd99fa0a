
/*
 * Copyright (C) The ngx_acm authors
 *
 * Pages of SearchCertificates and of lists with a filter: complete in each
 * order whatever is deleted meanwhile, and how many records one reads.
 */


#include "acm_certificate_impl.h"
#include "acm_store_impl.h"
#include "test_api.h"


#define TEST_MANY  (2 * ACM_MAX_SCAN + 500)


static const char *const  test_sorts[] = {
    "CREATED_AT", "NOT_AFTER", "STATUS", "RENEWAL_STATUS", "EXPORTED",
    "IN_USE", "NOT_BEFORE", "KEY_ALGORITHM", "TYPE", "CERTIFICATE_ARN",
    "COMMON_NAME", "REVOKED_AT", "RENEWAL_ELIGIBILITY", "ISSUED_AT",
    "MANAGED_BY", "EXPORT_OPTION", "VALIDATION_METHOD", "IMPORTED_AT",
    "ACME_ACCOUNT_ID", "ACME_ENDPOINT_ARN", "CERTIFICATE_KEY_PAIR_ORIGIN"
};

#define TEST_SORTS  (sizeof(test_sorts) / sizeof(test_sorts[0]))


/* One page: appends the UUIDs to text, and sets token to the next one or "". */

static size_t
test_page(test_api_t *t, const char *rest, char *token, char *text)
{
    char         body[8192];
    size_t       i, n;
    json_t      *json, *list;
    const char  *next;

    snprintf(body, sizeof(body), "{%s%s%s%s}", rest,
             token[0] ? ", 'NextToken': '" : "", token, token[0] ? "'" : "");

    json = test_api_ok(t, "SearchCertificates", body);
    list = json_object_get(json, "Results");
    n = json_array_size(list);

    for (i = 0; i < n; i++) {
        snprintf(text + strlen(text), ACM_UUID_LEN + 2, "%s,",
                 json_string_value(json_object_get(json_array_get(list, i),
                                                   "CertificateArn"))
                 + strlen(TEST_ARN));
    }

    next = json_string_value(json_object_get(json, "NextToken"));
    snprintf(token, 1024, "%s", next ? next : "");
    json_decref(json);

    return n;
}


/* Of several types, states, times, keys and names. */

static void
test_assortment(test_api_t *t)
{
    unsigned  n;

    static const char *const  bodies[] = {
        "{'DomainName': 'd.example.com', 'ValidationMethod': 'DNS'}",
        "{'DomainName': 'c.example.com', 'KeyAlgorithm': 'EC_prime256v1',"
        " 'ValidationMethod': 'DNS', 'Options': {'Export': 'ENABLED'}}",
        "{'DomainName': 'b.example.com', 'KeyAlgorithm': 'EC_secp384r1',"
        " 'CertificateAuthorityArn': 'arn:aws:acm-pca:us-east-1:123456789012:"
        "certificate-authority/internal'}",
        "{'DomainName': 'a.example.com', 'ValidationMethod': 'EMAIL'}"
    };

    for (n = 0; n < 8; n++) {
        t->now += n % 3;
        snprintf(test_body, sizeof(test_body), "%s", bodies[n % 4]);
        test_body[strlen("{'DomainName': '")] = (char) ('a' + (7 * n) % 8);
        test_make(t, test_body);

        if (n < 3) {
            test_api_run(t);
        }
    }
}


/* Each order is that of one page that has them all, and the other way round
   the reverse; pages go on where what they ended with was deleted. */

static void
test_pages(void **state)
{
    char         rest[256], token[1024], all[1024], text[1024], gone[64];
    size_t       i, n;
    unsigned     falling;
    test_api_t   t;

    (void) state;

    for (i = 0; i < TEST_SORTS; i++) {

        for (falling = 0; falling < 2; falling++) {
            test_api_start(&t);
            test_assortment(&t);

            all[0] = text[0] = token[0] = '\0';

            snprintf(rest, sizeof(rest), "'SortBy': '%s', 'SortOrder': '%s',"
                     " 'MaxResults': 100", test_sorts[i],
                     falling ? "DESCENDING" : "ASCENDING");
            assert_int_equal(test_page(&t, rest, token, all), 8);
            assert_string_equal(token, "");

            snprintf(strstr(rest, "100"), 4, "3");

            do {
                n = strlen(text);
                assert_true(test_page(&t, rest, token, text) > 0);

                /* the last one of the page goes */

                snprintf(gone, sizeof(gone), "%.*s", ACM_UUID_LEN,
                         text + strlen(text) - ACM_UUID_LEN - 1);
                snprintf(test_arn, sizeof(test_arn), TEST_ARN "%s", gone);
                json_decref(test_api_ok(&t, "DeleteCertificate",
                                test_with_arn("{'CertificateArn': '%s'}")));
                assert_true(strlen(text) - n <= 3 * (ACM_UUID_LEN + 1));
            } while (token[0] != '\0');

            assert_string_equal(text, all);
            test_api_stop(&t);
        }
    }
}


/* What each order is by, as far as there is anything in it. */

static void
test_sorted(void **state)
{
    char         last[64], *text;
    size_t       i, n;
    double       at;
    json_t      *json, *list, *one;
    test_api_t   t;

    static const struct {
        const char  *by;
        const char  *part;       /* NULL: of X509Attributes */
        const char  *member;
    } words[] = {
        { "STATUS", "AcmCertificateMetadata", "Status" },
        { "TYPE", "AcmCertificateMetadata", "Type" },
        { "KEY_ALGORITHM", NULL, "KeyAlgorithm" },
        { "CREATED_AT", "AcmCertificateMetadata", "CreatedAt" },
        { "NOT_AFTER", NULL, "NotAfter" },
        { "ISSUED_AT", "AcmCertificateMetadata", "IssuedAt" },
        { "RENEWAL_ELIGIBILITY", "AcmCertificateMetadata",
          "RenewalEligibility" }
    };

    (void) state;

    test_api_start(&t);
    test_assortment(&t);

    /* one that was exported is eligible, as any other must not be */

    json = test_api_ok(&t, "SearchCertificates", "{'FilterStatement':"
                       " {'And': [{'Filter': {'AcmCertificateMetadataFilter':"
                       " {'Type': 'PRIVATE'}}}, {'Filter':"
                       " {'AcmCertificateMetadataFilter': {'Status':"
                       " 'ISSUED'}}}]}}");
    one = json_array_get(json_object_get(json, "Results"), 0);
    snprintf(test_arn, sizeof(test_arn), "%s",
             json_string_value(json_object_get(one, "CertificateArn")));
    json_decref(json);
    json_decref(test_api_ok(&t, "ExportCertificate",
                            test_with_arn("{'CertificateArn': '%s',"
                                          " 'Passphrase': 'cGFzcw=='}")));

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        snprintf(test_body, sizeof(test_body), "{'SortBy': '%s'}",
                 words[i].by);
        json = test_api_ok(&t, "SearchCertificates", test_body);
        list = json_object_get(json, "Results");
        assert_int_equal(json_array_size(list), 8);
        last[0] = '\0';
        at = 0;

        for (n = 0; n < 8; n++) {
            one = json_array_get(list, n);
            one = (words[i].part == NULL)
                  ? json_object_get(one, "X509Attributes")
                  : json_object_get(json_object_get(one,
                                        "CertificateMetadata"),
                                    words[i].part);
            one = json_object_get(one, words[i].member);

            if (json_is_string(one)) {
                text = (char *) json_string_value(one);

                /* "INELIGIBLE" is 0, and what is less comes first */

                assert_true(strcmp(words[i].by, "RENEWAL_ELIGIBILITY") == 0
                            ? n == 7 || strcmp(text, "INELIGIBLE") == 0
                            : strcmp(last, text) <= 0);
                snprintf(last, sizeof(last), "%s", text);

            } else {
                assert_true(at <= json_number_value(one));
                at = json_number_value(one);
            }
        }

        if (strcmp(words[i].by, "RENEWAL_ELIGIBILITY") == 0) {
            assert_string_equal(last, "ELIGIBLE");
        }

        json_decref(json);
    }

    test_api_stop(&t);
}


/* what a call reads: the calls of the back end */

static const acm_store_ops_t  *test_ops;
static size_t                  test_reads;


static acm_rc_t
test_get(acm_store_t *store, acm_db_e db, acm_entry_t *entry)
{
    test_reads += (db == ACM_DB_CERTIFICATE);
    return test_ops->get(store, db, entry);
}


static acm_rc_t
test_seek(acm_store_t *store, acm_db_e db, acm_entry_t *entry)
{
    test_reads += (db == ACM_DB_CERTIFICATE);
    return test_ops->seek(store, db, entry);
}


static acm_rc_t
test_next(acm_store_t *store, acm_db_e db, acm_entry_t *entry)
{
    test_reads += (db == ACM_DB_CERTIFICATE);
    return test_ops->next(store, db, entry);
}


/* Pending certificates, the last of which is named after its number. */

static void
test_fill(test_api_t *t)
{
    char         uuid[ACM_UUID_LEN + 1], name[64], *names[1];
    unsigned     n;
    acm_cert_t   cert;
    acm_batch_t  batch;

    acm_batch_init(&batch);
    names[0] = name;

    for (n = 0; n < TEST_MANY; n++) {
        snprintf(uuid, sizeof(uuid), "%08x-0000-4000-8000-000000000000", n);
        snprintf(name, sizeof(name), "n%u.example.com", n);

        memset(&cert, 0, sizeof(cert));
        cert.account = (char *) TEST_ACCOUNT;
        cert.region = (char *) TEST_REGION;
        cert.domain = name;
        cert.names = names;
        cert.nnames = 1;
        cert.issuer = (char *) "internal";
        cert.subject = cert.issuer_dn = cert.issued_by = (char *) "";
        cert.serial = cert.sigalg = cert.last_error = (char *) "";
        cert.findings = (char *) "";
        memcpy(cert.uuid, uuid, sizeof(uuid));
        cert.type = ACM_TYPE_ISSUED;
        cert.status = ACM_STATUS_PENDING_VALIDATION;
        cert.key = ACM_KEY_RSA_2048;
        cert.created_at = TEST_START - TEST_MANY + n;
        acm_batch_cert(&batch, &cert);
        acm_batch_indices(&batch, &cert, 1);

        if (n % 1000 == 999 || n == TEST_MANY - 1) {
            test_ok(acm_store_commit(t->store, &batch, NULL));
            acm_batch_free(&batch);
            acm_batch_init(&batch);
        }
    }

    acm_batch_free(&batch);
}


/* All pages, until there are no more: how many there were, and how many
   certificates; none of them reads more than it may. */

static size_t
test_walk(test_api_t *t, const char *operation, const char *rest,
    const char *member, size_t most, size_t *found)
{
    char         body[2048], token[1024];
    size_t       pages;
    json_t      *json;
    const char  *next;

    token[0] = '\0';
    *found = 0;
    pages = 0;

    do {
        snprintf(body, sizeof(body), "{%s%s%s%s}", rest,
                 token[0] ? ", 'NextToken': '" : "", token,
                 token[0] ? "'" : "");
        test_reads = 0;
        json = test_api_ok(t, operation, body);
        assert_true(test_reads <= most);

        *found += json_array_size(json_object_get(json, member));
        next = json_string_value(json_object_get(json, "NextToken"));
        snprintf(token, sizeof(token), "%s", next ? next : "");
        json_decref(json);
        pages++;
    } while (token[0] != '\0');

    return pages;
}


/* A filter that hardly any meets: pages may be short, or empty. */

static void
test_reading(void **state)
{
    char              rest[512];
    size_t            found, i, pages;
    test_api_t        t;
    acm_store_ops_t   ops;

    /* and what begins each snapshot */

    static const size_t  most = ACM_MAX_SCAN + 2 * ACM_MAX_SCAN
                                               / ACM_MAX_API_SCAN + 4;

    static const struct {
        const char  *operation;
        const char  *member;
        const char  *rest;
    } calls[] = {
        { "ListCertificates", "CertificateSummaryList",
          "'CertificateStatuses': ['ISSUED']" },
        { "ListCertificates", "CertificateSummaryList",
          "'CertificateStatuses': ['ISSUED'], 'SortBy': 'CREATED_AT',"
          " 'SortOrder': 'DESCENDING'" },
        { "ListCertificates", "CertificateSummaryList",
          "'Includes': {'keyTypes': ['RSA_4096']}, 'SortBy': 'CREATED_AT',"
          " 'SortOrder': 'ASCENDING'" },
        { "SearchCertificates", "Results",
          "'FilterStatement': {'Filter': {'AcmCertificateMetadataFilter':"
          " {'Status': 'ISSUED'}}}" },
        { "SearchCertificates", "Results",
          "'FilterStatement': {'Filter': {'AcmCertificateMetadataFilter':"
          " {'Status': 'ISSUED'}}}, 'SortBy': 'CREATED_AT'" }
    };

    (void) state;

    test_api_start(&t);
    test_fill(&t);

    test_ops = t.store->ops;
    ops = *test_ops;
    ops.get = test_get;
    ops.seek = test_seek;
    ops.next = test_next;
    t.store->ops = &ops;

    for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        pages = test_walk(&t, calls[i].operation, calls[i].rest,
                          calls[i].member, most, &found);
        assert_int_equal(pages, 3);
        assert_int_equal(found, 0);
    }

    /* without a filter: each of a page, and the next */

    for (i = 0; i < 2; i++) {
        snprintf(rest, sizeof(rest), "'MaxResults': 500%s",
                 i ? ", 'SortBy': 'CREATED_AT'" : "");
        pages = test_walk(&t, "SearchCertificates", rest, "Results", 1003,
                          &found);
        assert_int_equal(found, TEST_MANY);
        assert_int_equal(pages, TEST_MANY / 500);
    }

    /* one that is named is not looked for; it may be nobody's */

    for (i = 0; i < 4; i++) {
        snprintf(rest, sizeof(rest), "'FilterStatement': {'And': [{'Filter':"
                 " {'AcmCertificateMetadataFilter': {'Status':"
                 " 'PENDING_VALIDATION'}}}, {'Filter': {'CertificateArn':"
                 " 'arn:aws:acm:%s:" TEST_ACCOUNT ":certificate/%s00000ff-0000"
                 "-4000-8000-000000000000'}}]}%s",
                 (i == 1) ? "us-east-2" : TEST_REGION, (i == 2) ? "f" : "0",
                 (i == 3) ? ", 'SortBy': 'IN_USE'" : "");
        pages = test_walk(&t, "SearchCertificates", rest, "Results", 2,
                          &found);
        assert_int_equal(pages, 1);
        assert_int_equal(found, (i == 0 || i == 3));
    }

    t.store->ops = test_ops;
    test_api_stop(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_sorted),
        cmocka_unit_test(test_reading),
    };

    return cmocka_run_group_tests_name("acm_api_search", tests, NULL, NULL);
}
