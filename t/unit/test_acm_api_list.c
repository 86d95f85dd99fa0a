
/*
 * Copyright (C) The ngx_acm authors
 *
 * Lists and searches, the configuration of an account, who may do what.
 */


#include "test_api.h"


/* A store of a version that did not have the index of times. */

static void
test_unindexed(test_api_t *t)
{
    uint8_t       key[ACM_MAX_STORE_KEY];
    size_t        len;
    acm_snap_t   *snap;
    acm_batch_t   batch;
    acm_entry_t   entry;

    test_ok(acm_store_begin(t->store, &snap, NULL));
    test_ok(acm_store_before(snap, ACM_DB_CREATED, NULL, 0, &entry));
    len = entry.key_len;
    memcpy(key, entry.key, len);
    acm_store_end(snap);

    acm_batch_init(&batch);
    acm_batch_delete(&batch, ACM_DB_CREATED, key, len);
    test_ok(acm_store_commit(t->store, &batch, NULL));
    acm_batch_free(&batch);
}


/* All of them in pages of n, as one text of UUIDs. */

static void
test_order(test_api_t *t, const char *order, unsigned n, char *text)
{
    size_t       i;
    char         token[1024];
    json_t      *json, *list;
    const char  *next;

    text[0] = '\0';
    token[0] = '\0';

    do {
        snprintf(test_body, sizeof(test_body), "{'MaxItems': %u, 'SortBy':"
                 " 'CREATED_AT', 'SortOrder': '%s'%s%s%s}", n, order,
                 token[0] ? ", 'NextToken': '" : "", token,
                 token[0] ? "'" : "");
        json = test_api_ok(t, "ListCertificates", test_body);
        list = json_object_get(json, "CertificateSummaryList");

        for (i = 0; i < json_array_size(list); i++) {
            snprintf(text + strlen(text), ACM_UUID_LEN + 2, "%s,",
                     json_string_value(json_object_get(
                         json_array_get(list, i), "CertificateArn"))
                     + strlen(TEST_ARN));
        }

        next = json_string_value(json_object_get(json, "NextToken"));
        snprintf(token, sizeof(token), "%s", next ? next : "");
        json_decref(json);
    } while (token[0] != '\0');
}


/* The index and the walk over all give the same order, and each the other's
   in reverse; neither shows what is of another region. */

static void
test_created(void **state)
{
    char         up[2][1024], down[2][1024], all[1024];
    size_t       i, n;
    test_api_t   t;

    (void) state;

    test_api_start(&t);

    for (n = 0; n < 12; n++) {
        t.caller.region = (n % 4 == 3) ? "us-east-2" : TEST_REGION;
        t.now += n % 3;
        snprintf(test_body, sizeof(test_body),
                 "{'DomainName': 'a%zu.example.com'}", n);
        test_make(&t, test_body);
    }

    t.caller.region = TEST_REGION;

    for (i = 0; i < 2; i++) {
        test_order(&t, "ASCENDING", 2, up[i]);
        test_order(&t, "ASCENDING", 9, all);
        assert_string_equal(up[i], all);
        test_order(&t, "DESCENDING", 2, down[i]);
        test_order(&t, "DESCENDING", 10, all);
        assert_string_equal(down[i], all);
        test_unindexed(&t);
    }

    assert_string_equal(up[0], up[1]);
    assert_string_equal(down[0], down[1]);
    assert_int_equal(strlen(up[0]), 9 * (ACM_UUID_LEN + 1));

    for (i = 0; i < 9; i++) {
        assert_memory_equal(up[0] + i * (ACM_UUID_LEN + 1),
                            down[0] + (8 - i) * (ACM_UUID_LEN + 1),
                            ACM_UUID_LEN);
    }

    test_api_stop(&t);
}


/* Pages hold no certificate twice, and none is left out, whatever is deleted
   in between. */

static void
test_pages(void **state)
{
    char         token[1024], arn[ACM_MAX_ARN];
    size_t       i, n, seen;
    json_t      *json, *list;
    test_api_t   t;
    const char  *next;

    static const char *const  sorts[] = {
        "", ", 'SortBy': 'CREATED_AT', 'SortOrder': 'ASCENDING'",
        ", 'SortBy': 'CREATED_AT', 'SortOrder': 'DESCENDING'"
    };

    (void) state;

    for (i = 0; i < 3; i++) {
        test_api_start(&t);

        for (n = 0; n < 10; n++) {
            t.now += n % 3;
            snprintf(test_body, sizeof(test_body),
                     "{'DomainName': 'a%zu.example.com'}", n);
            test_make(&t, test_body);
        }

        token[0] = '\0';
        seen = 0;

        for ( ;; ) {
            snprintf(test_body, sizeof(test_body), "{'MaxItems': 3%s%s%s%s}",
                     sorts[i], token[0] ? ", 'NextToken': '" : "", token,
                     token[0] ? "'" : "");
            json = test_api_ok(&t, "ListCertificates", test_body);
            list = json_object_get(json, "CertificateSummaryList");
            n = json_array_size(list);
            seen += n;

            /* the one that the page ended with goes */

            snprintf(arn, sizeof(arn), "%s",
                     json_string_value(json_object_get(
                         json_array_get(list, n - 1), "CertificateArn")));
            next = json_string_value(json_object_get(json, "NextToken"));
            snprintf(token, sizeof(token), "%s", next ? next : "");
            json_decref(json);

            if (token[0] == '\0') {
                break;
            }

            assert_int_equal(n, 3);
            snprintf(test_arn, sizeof(test_arn), "%s", arn);
            json_decref(test_api_ok(&t, "DeleteCertificate",
                            test_with_arn("{'CertificateArn': '%s'}")));
        }

        assert_int_equal(seen, 10);

        /* a token of something else */

        json = test_api_ok(&t, "ListCertificates", "{'MaxItems': 1}");
        snprintf(test_body, sizeof(test_body), "{'NextToken': '%s',"
                 " 'CertificateStatuses': ['ISSUED']}",
                 json_string_value(json_object_get(json, "NextToken")));
        json_decref(json);
        test_api_fault(&t, "ListCertificates", test_body,
                       "ValidationException", NULL);
        test_api_fault(&t, "ListCertificates", "{'NextToken': 'x'}",
                       "ValidationException", NULL);
        test_api_fault(&t, "ListCertificates", "{'SortBy': 'CREATED_AT'}",
                       "ValidationException", NULL);

        test_api_stop(&t);
    }
}


static size_t
test_found(test_api_t *t, const char *operation, const char *member,
    const char *body)
{
    size_t   n;
    json_t  *json;

    json = test_api_ok(t, operation, body);
    n = json_array_size(json_object_get(json, member));
    json_decref(json);

    return n;
}


static void
test_filters(void **state)
{
    size_t       i;
    test_api_t   t;

    static const struct {
        size_t       n;
        const char  *body;
    } lists[] = {
        { 1, "{}" },
        { 2, "{'Includes': {'keyTypes': ['EC_prime256v1', 'RSA_2048']}}" },
        { 0, "{'CertificateStatuses': ['ISSUED']}" },
        { 1, "{'CertificateStatuses': ['ISSUED'], 'Includes': {'keyTypes':"
             " ['EC_prime256v1']}}" },
        { 1, "{'CertificateStatuses': ['PENDING_VALIDATION', 'FAILED']}" },
        { 0, "{'Includes': {'managedBy': 'CLOUDFRONT'}}" },
        { 0, "{'Includes': {'exportOption': 'ENABLED'}}" },
        { 1, "{'Includes': {'keyTypes': ['EC_prime256v1'], 'exportOption':"
             " 'ENABLED', 'extendedKeyUsage':"
             " ['TLS_WEB_SERVER_AUTHENTICATION'], 'keyUsage':"
             " ['DIGITAL_SIGNATURE']}}" },
        { 0, "{'Includes': {'keyTypes': ['EC_prime256v1'],"
             " 'extendedKeyUsage': ['NONE']}}" },
        { 0, "{'CertificateKeyPairOrigins': ['ACME']}" }
    };

    static const struct {
        size_t       n;
        const char  *filter;
    } searches[] = {
        { 2, "{'Not': {'Filter': {'AcmCertificateMetadataFilter': {'Type':"
             " 'IMPORTED'}}}}" },
        { 1, "{'Filter': {'AcmCertificateMetadataFilter': {'Status':"
             " 'ISSUED'}}}" },
        { 1, "{'Filter': {'X509AttributeFilter': {'KeyAlgorithm':"
             " 'RSA_2048'}}}" },
        { 1, "{'Filter': {'X509AttributeFilter': {'SubjectAlternativeName':"
             " {'DnsName': {'Value': 'B.exam', 'ComparisonOperator':"
             " 'CONTAINS'}}}}}" },
        { 0, "{'Filter': {'X509AttributeFilter': {'SubjectAlternativeName':"
             " {'DnsName': {'Value': 'b.exam', 'ComparisonOperator':"
             " 'EQUALS'}}}}}" },
        { 2, "{'Or': [{'Filter': {'AcmCertificateMetadataFilter': {'Status':"
             " 'ISSUED'}}}, {'Filter': {'AcmCertificateMetadataFilter':"
             " {'ValidationMethod': 'EMAIL'}}}]}" },
        { 0, "{'And': [{'Filter': {'AcmCertificateMetadataFilter': {'Status':"
             " 'ISSUED'}}}, {'Filter': {'AcmCertificateMetadataFilter':"
             " {'ValidationMethod': 'EMAIL'}}}]}" },
        { 1, "{'Filter': {'X509AttributeFilter': {'NotAfter': {'Start':"
             " 1800000000.5}}}}" },
        { 0, "{'Filter': {'X509AttributeFilter': {'NotAfter': {'End':"
             " 1800000000.5}}}}" }
    };

    (void) state;

    test_api_start(&t);
    test_make(&t, "{'DomainName': 'a.example.com', 'KeyAlgorithm':"
              " 'EC_prime256v1', 'ValidationMethod': 'DNS', 'Options':"
              " {'Export': 'ENABLED'}}");
    test_api_run(&t);
    test_make(&t, "{'DomainName': 'b.example.com'}");

    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        assert_int_equal(test_found(&t, "ListCertificates",
                                    "CertificateSummaryList", lists[i].body),
                         lists[i].n);
    }

    for (i = 0; i < sizeof(searches) / sizeof(searches[0]); i++) {
        snprintf(test_body, sizeof(test_body), "{'FilterStatement': %s,"
                 " 'SortBy': 'COMMON_NAME'}", searches[i].filter);
        assert_int_equal(test_found(&t, "SearchCertificates", "Results",
                                    test_body),
                         searches[i].n);
    }

    assert_int_equal(test_found(&t, "SearchCertificates", "Results", "{}"),
                     2);

    t.conf.all_key_types = 1;
    assert_int_equal(test_found(&t, "ListCertificates",
                                "CertificateSummaryList", "{}"), 2);

    test_api_stop(&t);
}


static void
test_account(void **state)
{
    json_t      *json;
    test_api_t   t;

    (void) state;

    test_api_start(&t);

    json = test_api_ok(&t, "GetAccountConfiguration", "");
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(json, "ExpiryEvents"),
                         "DaysBeforeExpiry")), 45);
    json_decref(json);

    test_api_fault(&t, "PutAccountConfiguration", "{'IdempotencyToken': 'a'}",
                   "ValidationException",
                   "Configuration for events is empty.");
    test_api_fault(&t, "PutAccountConfiguration", "{}", "ValidationException",
                   "1 validation error detected: Value null at "
                   "'idempotencyToken' failed to satisfy constraint: Member "
                   "must not be null");

    json_decref(test_api_ok(&t, "PutAccountConfiguration",
                            "{'IdempotencyToken': 'a', 'ExpiryEvents':"
                            " {'DaysBeforeExpiry': 30}}"));
    json_decref(test_api_ok(&t, "PutAccountConfiguration",
                            "{'IdempotencyToken': 'a', 'ExpiryEvents':"
                            " {'DaysBeforeExpiry': 20}}"));
    json = test_api_ok(&t, "GetAccountConfiguration", "{}");
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(json, "ExpiryEvents"),
                         "DaysBeforeExpiry")), 30);
    json_decref(json);

    test_api_stop(&t);
}


/* who decides, and what it is told */

typedef struct {
    char       text[4096];
    acm_rc_t   rc;
    unsigned   audited;
    char       audit[1024];
} test_policy_t;


static acm_rc_t
test_authorize(void *data, const acm_api_caller_t *caller,
    const acm_api_access_t *access, char *message)
{
    char           *out;
    size_t          i, n;
    test_policy_t  *p = data;

    (void) caller;

    out = p->text;
    out += snprintf(out, 1024, "%s %s", access->action,
                    access->resource ? access->resource : "*");

    for (i = 0; i < access->nkeys; i++) {
        out += snprintf(out, 1024, " %s=", access->keys[i].key);

        for (n = 0; n < access->keys[i].n; n++) {
            out += snprintf(out, 512, "%s%.*s", (n == 0) ? "" : ",",
                            (int) access->keys[i].values[n].len,
                            (char *) access->keys[i].values[n].data);
        }
    }

    snprintf(message, ACM_MAX_API_DENIED, "no");

    return p->rc;
}


static void
test_audit(void *data, const acm_api_caller_t *caller,
    const acm_api_event_t *event)
{
    char           *text;
    test_policy_t  *p = data;

    (void) caller;

    text = event->parameters ? json_dumps(event->parameters, JSON_SORT_KEYS)
                             : strdup("");
    snprintf(p->audit, sizeof(p->audit), "%s %s %d %s", event->operation,
             event->fault ? event->fault : "", event->status, text);
    free(text);
    p->audited++;
}


static void
test_policy(void **state)
{
    test_api_t     t;
    test_policy_t  p;

    (void) state;

    memset(&p, 0, sizeof(p));
    test_api_start(&t);

    t.conf.authorize = test_authorize;
    t.conf.audit = test_audit;
    t.conf.data = &p;

    test_make(&t, "{'DomainName': 'A.example.com', 'Tags': [{'Key': 'k',"
              " 'Value': 'v'}]}");
    assert_string_equal(p.text, "acm:RequestCertificate " TEST_ARN "*"
                        " aws:RequestTag/k=v aws:TagKeys=k"
                        " acm:ValidationMethod=EMAIL"
                        " acm:KeyAlgorithm=RSA_2048"
                        " acm:CertificateTransparencyLogging=ENABLED"
                        " acm:Export=DISABLED"
                        " acm:DomainNames=a.example.com");
    assert_int_equal(p.audited, 1);

    p.rc = ACM_DENIED;

    test_api_fault(&t, "DescribeCertificate",
                   test_with_arn("{'CertificateArn': '%s'}"),
                   "AccessDeniedException", "no");
    assert_non_null(strstr(p.text, " aws:ResourceTag/k=v"));

    /* nobody is told what there is */

    test_api_fault(&t, "DescribeCertificate",
                   "{'CertificateArn': '" TEST_NONE "'}",
                   "AccessDeniedException", "no");
    test_api_fault(&t, "DescribeCertificate",
                   "{'CertificateArn': 'arn:aws:acm:x:1:certificate/y'}",
                   "AccessDeniedException", "no");
    test_api_fault(&t, "ListCertificates", "{}", "AccessDeniedException",
                   "no");
    assert_string_equal(p.text, "acm:ListCertificates *");

    /* secrets are not in the log */

    test_api_fault(&t, "ImportCertificate",
                   "{'Certificate': 'YQ==', 'PrivateKey': 'YQ=='}",
                   "AccessDeniedException", "no");
    assert_string_equal(p.audit, "ImportCertificate AccessDeniedException 400 "
                        "{\"Certificate\": \"YQ==\", \"PrivateKey\": "
                        "\"HIDDEN_DUE_TO_SECURITY_REASONS\"}");

    test_api_fault(&t, "Nonsense", "{}", "UnknownOperationException", NULL);
    assert_int_equal(t.status, 404);
    assert_string_equal(p.audit, " UnknownOperationException 404 ");

    test_api_stop(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_created),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_policy),
    };

    return cmocka_run_group_tests_name("acm_api_list", tests, NULL, NULL);
}
