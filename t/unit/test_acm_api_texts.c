
/*
 * Copyright (C) The ngx_acm authors
 *
 * What clients are told by operations that are no imports, a row for each
 * text; the certificate of "%s" is public, issued, and may be exported.
 */


#include "test_api.h"


#define TEST_V  "ValidationException"
#define TEST_D  "InvalidDomainValidationOptionsException"


typedef struct {
    const char  *operation;
    const char  *body;
    const char  *fault;
    const char  *message;        /* with the ARN for "%s" */
} test_row_t;


static const test_row_t  test_rows[] = {

    /* what is requested */

    { "RequestCertificate", "{'DomainName': 'a.example.com',"
      " 'KeyAlgorithm': 'RSA_1024'}", TEST_V,
      "Encryption Algorithm RSA_1024 is not supported in us-east-1 region" },
    { "RequestCertificate", "{'DomainName': 'a.example.com',"
      " 'KeyAlgorithm': 'RSA_4096'}", TEST_V,
      "Encryption Algorithm RSA_4096 is not supported in us-east-1 region" },
    { "RequestCertificate", "{'DomainName': 'a.example.com',"
      " 'KeyAlgorithm': 'EC_secp521r1'}", TEST_V,
      "Encryption Algorithm EC_secp521r1 is not supported in us-east-1 "
      "region" },
    { "RequestCertificate", "{'DomainName': 'a.example.com',"
      " 'ManagedBy': 'CLOUDFRONT'}", TEST_V,
      "ManagedBy is not supported here." },
    { "RequestCertificate", "{'DomainName': 'a.example.com',"
      " 'SubjectAlternativeNames': ['*.example.com'],"
      " 'ValidationMethod': 'HTTP'}", TEST_V,
      "HTTP validation is not possible for the wildcard *.example.com." },
    { "RequestCertificate", "{'DomainName': 'a.example.com',"
      " 'CertificateAuthorityArn': 'arn:aws:acm-pca:us-east-1:123456789012:"
      "certificate-authority/none'}", "InvalidArnException",
      "Could not find certificate authority arn:aws:acm-pca:us-east-1:"
      "123456789012:certificate-authority/none in account 123456789012." },
    { "RequestCertificate", "{'DomainName': 'a.example.com',"
      " 'CertificateAuthorityArn': 'arn:aws:acm:us-east-1:123456789012:"
      "certificate-authority/none'}", TEST_V, NULL },
    { "RequestCertificate", "{'DomainName': 'a.example.com',"
      " 'DomainValidationOptions': [{'DomainName': 'b.example.com',"
      " 'ValidationDomain': 'example.com'}]}", TEST_D,
      "The validation domain example.com is not valid for the domain "
      "b.example.com of this request." },
    { "RequestCertificate", "{'DomainName': 'a.example.com',"
      " 'DomainValidationOptions': [{'DomainName': 'a.example.com',"
      " 'ValidationDomain': 'ample.com'}]}", TEST_D,
      "The validation domain ample.com is not valid for the domain "
      "a.example.com of this request." },
    { "RequestCertificate", "{'DomainName': 'ab--c.example.com'}", TEST_V,
      NULL },
    { "RequestCertificate", "{'DomainName': 'xn--a.example.com'}", TEST_V,
      NULL },
    { "RequestCertificate", "{'DomainName': 'a.example.com',"
      " 'IdempotencyToken': 'a-b'}", TEST_V,
      "1 validation error detected: Value 'a-b' at 'idempotencyToken' failed "
      "to satisfy constraint: Member must satisfy regular expression pattern: "
      "\\w+" },
    { "RequestCertificate", "{'DomainName': 'a.example.com',"
      " 'IdempotencyToken': 'tf1234567890123456789012345678901'}", TEST_V,
      "1 validation error detected: Value 'tf1234567890123456789012345678901' "
      "at 'idempotencyToken' failed to satisfy constraint: Member must have "
      "length less than or equal to 32" },
    { "RequestCertificate", "{'DomainName': 'a.example.com',"
      " 'Tags': [{'Key': 'AWS:x'}]}", "InvalidTagException",
      "Invalid Tag Key: \"AWS:x\". AWS internal tags cannot be changed with "
      "this API" },
    { "RequestCertificate", "{'DomainName': 'a.example.com',"
      " 'ValidationMethod': 'MAIL', 'Options': {'Export': 'YES'}}", TEST_V,
      "2 validation errors detected: Value 'YES' at 'options.export' failed "
      "to satisfy constraint: Member must satisfy enum value set: [ENABLED, "
      "DISABLED]; Value 'MAIL' at 'validationMethod' failed to satisfy "
      "constraint: Member must satisfy enum value set: [EMAIL, DNS, HTTP]" },

    /* lists */

    { "ListCertificates", "{'SortBy': 'CREATED_AT'}", TEST_V,
      "SortBy and SortOrder must be specified together." },
    { "ListCertificates", "{'SortOrder': 'ASCENDING'}", TEST_V,
      "SortBy and SortOrder must be specified together." },
    { "ListCertificates", "{'NextToken': 'not-a-token'}", TEST_V,
      "The NextToken is not valid for this request." },
    { "ListCertificates", "{'NextToken': ''}", TEST_V,
      "1 validation error detected: Value '' at 'nextToken' failed to satisfy "
      "constraint: Member must have length greater than or equal to 1" },
    { "ListCertificates", "{'MaxItems': -1}", TEST_V,
      "1 validation error detected: Value '-1' at 'maxItems' failed to "
      "satisfy constraint: Member must have value greater than or equal to "
      "1" },
    { "ListCertificates", "{'MaxItems': 1e99}", "SerializationException",
      NULL },
    { "ListCertificates", "{'CertificateStatuses': ['issued']}", TEST_V,
      NULL },
    { "ListCertificates", "{'Includes': {'keyTypes': ['RSA-2048']}}", TEST_V,
      NULL },
    { "SearchCertificates", "{'MaxResults': 501}", TEST_V,
      "1 validation error detected: Value '501' at 'maxResults' failed to "
      "satisfy constraint: Member must have value less than or equal to "
      "500" },
    { "SearchCertificates", "{'NextToken': 'x'}", TEST_V,
      "The NextToken is not valid for this request." },
    { "ListCertificateDomainValidations", "{'CertificateArn': '%s',"
      " 'NextToken': 'x'}", "InvalidArgsException",
      "The NextToken is not valid for this request." },
    { "ListCertificateDomainValidations", "{'CertificateArn': '%s',"
      " 'NextToken': '100'}", "InvalidArgsException",
      "The NextToken is not valid for this request." },

    /* tags */

    { "AddTagsToCertificate", "{'CertificateArn': '%s', 'Tags': []}", TEST_V,
      "1 validation error detected: Value '[]' at 'tags' failed to satisfy "
      "constraint: Member must have length greater than or equal to 1" },
    { "AddTagsToCertificate", "{'CertificateArn': '%s', 'Tags': [{'Value':"
      " 'a'}]}", TEST_V,
      "1 validation error detected: Value null at 'tags.1.member.key' failed "
      "to satisfy constraint: Member must not be null" },
    { "AddTagsToCertificate", "{'CertificateArn': '%s', 'Tags': [{'Key':"
      " 'Name', 'Value': '*.example.com'}]}", TEST_V,
      "1 validation error detected: Value '*.example.com' at 'tags.1.member."
      "value' failed to satisfy constraint: Member must satisfy regular "
      "expression pattern: [\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@]*" },
    { "AddTagsToCertificate", "{'CertificateArn': '%s', 'Tags': [{'Key':"
      " 'aws:xxx'}]}", "InvalidTagException",
      "Invalid Tag Key: \"aws:xxx\". AWS internal tags cannot be changed with "
      "this API" },

    /* keys that are taken along */

    { "ExportCertificate", "{'CertificateArn': '%s'}", TEST_V,
      "1 validation error detected: Value null at 'passphrase' failed to "
      "satisfy constraint: Member must not be null" },
    { "ExportCertificate", "{'CertificateArn': '%s', 'Passphrase':"
      " 'c2VjcmV0Cg=='}", TEST_V,
      "The passphrase ends in a line end. Remove it from the file." },
    { "ExportCertificate", "{'CertificateArn': '%s', 'Passphrase':"
      " 'c2UjcmV0'}", TEST_V,
      "The passphrase can contain any ASCII character except #, $, or "
      "%%." },
    { "ExportCertificate", "{'CertificateArn': '%s', 'Passphrase':"
      " 'c2UkcmV0'}", TEST_V,
      "The passphrase can contain any ASCII character except #, $, or "
      "%%." },
    { "ExportCertificate", "{'CertificateArn': '%s', 'Passphrase':"
      " 'c2UlcmV0'}", TEST_V,
      "The passphrase can contain any ASCII character except #, $, or "
      "%%." },
    { "ExportCertificate", "{'CertificateArn': '%s', 'Passphrase':"
      " 'w6nDqcOpw6k='}", TEST_V,
      "The passphrase can contain any ASCII character except #, $, or "
      "%%." },

    /* options, and what is there already */

    { "UpdateCertificateOptions", "{'CertificateArn': '%s', 'Options':"
      " {'Export': 'DISABLED'}}", TEST_V,
      "The Export option cannot be changed after the certificate was "
      "requested." },
    { "UpdateCertificateOptions", "{'CertificateArn': '%s', 'Options':"
      " {'ValidationMethod': 'EMAIL'}}", TEST_V,
      "The validation method can be changed to DNS only." },
    { "UpdateCertificateOptions", "{'CertificateArn': '%s'}", TEST_V,
      "1 validation error detected: Value null at 'options' failed to satisfy "
      "constraint: Member must not be null" },
    { "RevokeCertificate", "{'CertificateArn': '%s', 'RevocationReason':"
      " 'BECAUSE'}", TEST_V, NULL },

    /* the account */

    { "PutAccountConfiguration", "{}", TEST_V,
      "1 validation error detected: Value null at 'idempotencyToken' failed "
      "to satisfy constraint: Member must not be null" },
    { "PutAccountConfiguration", "{'IdempotencyToken': 'a'}", TEST_V,
      "Configuration for events is empty." },
    { "PutAccountConfiguration", "{'IdempotencyToken': 'a', 'ExpiryEvents':"
      " {'DaysBeforeExpiry': 0}}", TEST_V,
      "1 validation error detected: Value '0' at 'expiryEvents."
      "daysBeforeExpiry' failed to satisfy constraint: Member must have value "
      "greater than or equal to 1" },
    { "PutAccountConfiguration", "{'IdempotencyToken': 'a', 'ExpiryEvents':"
      " {'DaysBeforeExpiry': 3651}}", TEST_V,
      "1 validation error detected: Value '3651' at 'expiryEvents."
      "daysBeforeExpiry' failed to satisfy constraint: Member must have value "
      "less than or equal to 3650" },

    /* of operations that there are not */

    { "CreateAcmeEndpoint", "{}", "UnknownOperationException", "" },
    { "listCertificates", "{}", "UnknownOperationException", "" }
};


static void
test_all_rows(void **state)
{
    char               body[2048], want[2048];
    size_t             i;
    test_api_t         t;
    const test_row_t  *r;

    (void) state;

    test_api_start(&t);
    test_make(&t, "{'DomainName': 'www.example.com', 'Options': {'Export':"
              " 'ENABLED'}, 'ValidationMethod': 'DNS', 'KeyAlgorithm':"
              " 'EC_prime256v1'}");
    test_api_run(&t);

    for (i = 0; i < sizeof(test_rows) / sizeof(test_rows[0]); i++) {
        r = &test_rows[i];

        snprintf(body, sizeof(body), r->body, test_arn);
        snprintf(want, sizeof(want), r->message ? r->message : "", test_arn);
        json_decref(test_api(&t, r->operation, body));

        if (strcmp(t.fault, r->fault) != 0
            || (r->message != NULL && strcmp(t.message, want) != 0))
        {
            print_error("%s %s: %s: %s\n", r->operation, body, t.fault,
                        t.message);
            fail();
        }

        assert_int_equal(t.changed, 0);
        assert_int_equal(t.status,
                         strcmp(r->fault, "UnknownOperationException") ? 400
                                                                       : 404);
    }

    test_api_stop(&t);
}


/* One name more than there can be, and one that is too long for a CN. */

static void
test_names(void **state)
{
    char        *out;
    size_t       i, n;
    json_t      *c;
    test_api_t   t;

    (void) state;

    test_api_start(&t);

    for (n = 99; n <= 100; n++) {
        out = test_body;
        out += snprintf(out, 256, "{'DomainName': 'a.example.com',"
                        " 'ValidationMethod': 'DNS',"
                        " 'SubjectAlternativeNames': [");

        for (i = 0; i < n; i++) {
            out += snprintf(out, 64, "%s'N%zu.example.com'", i ? ", " : "",
                            i);
        }

        snprintf(out, 8, "]}");

        if (n == 99) {
            test_make(&t, test_body);
            c = test_describe(&t);
            assert_int_equal(json_array_size(json_object_get(c,
                                             "SubjectAlternativeNames")),
                             100);
            json_decref(c);

        } else {
            test_api_fault(&t, "RequestCertificate", test_body, TEST_V,
                           "Certificate has too many domains.");
        }
    }

    test_make(&t, "{'DomainName': 'a23456789012345678901234567890123456789012"
              ".b2345678.example.com', 'KeyAlgorithm': 'EC_prime256v1'}");
    c = test_describe(&t);
    test_is(c, "Subject", "CN=a23456789012345678901234567890123456789012"
            ".b2345678.example.com");
    json_decref(c);

    test_make(&t, "{'DomainName': 'a23456789012345678901234567890123456789012"
              ".b2345678901.example.com', 'KeyAlgorithm': 'EC_prime256v1'}");
    test_api_run(&t);
    c = test_describe(&t);
    test_is(c, "Status", "ISSUED");
    test_is(c, "Subject", "");
    json_decref(c);

    test_api_stop(&t);
}


/* What is asked for in any case comes back in one, once, in its order. */

static void
test_doubles(void **state)
{
    char        *text, *again;
    size_t       i;
    json_t      *c, *list, *records;
    test_api_t   t;

    static const char *const  names[] = {
        "shop.example.com", "api.example.com", "*.example.com", "example.com"
    };

    (void) state;

    test_api_start(&t);
    test_make(&t, "{'DomainName': 'Shop.Example.com', 'ValidationMethod':"
              " 'DNS', 'SubjectAlternativeNames': ['shop.example.com',"
              " 'api.example.com', 'API.example.com', '*.example.com',"
              " 'example.com', 'api.example.com']}");

    c = test_describe(&t);
    test_is(c, "DomainName", "shop.example.com");
    list = json_object_get(c, "SubjectAlternativeNames");
    records = json_object_get(c, "DomainValidationOptions");
    assert_int_equal(json_array_size(list), 4);
    assert_int_equal(json_array_size(records), 4);

    for (i = 0; i < 4; i++) {
        assert_string_equal(json_string_value(json_array_get(list, i)),
                            names[i]);
        test_is(json_array_get(records, i), "DomainName", names[i]);
    }

    assert_true(json_equal(json_object_get(json_array_get(records, 2),
                                           "ResourceRecord"),
                           json_object_get(json_array_get(records, 3),
                                           "ResourceRecord")));
    assert_false(json_equal(json_object_get(json_array_get(records, 0),
                                            "ResourceRecord"),
                            json_object_get(json_array_get(records, 3),
                                            "ResourceRecord")));

    text = json_dumps(c, 0);
    json_decref(c);
    c = test_describe(&t);
    again = json_dumps(c, 0);
    assert_string_equal(text, again);
    json_decref(c);
    free(text);
    free(again);

    test_api_stop(&t);
}


/* Whose postmaster is asked: who was named, or the name without its star, and
   without "www". */

static void
test_mails(void **state)
{
    char         text[128];
    size_t       i, n;
    json_t      *c, *json, *list, *options;
    test_api_t   t;

    static const struct {
        const char  *name;
        const char  *domain;
        const char  *mail;
    } names[] = {
        { "*.shop.example.com", "example.com", "example.com" },
        { "www.example.org", "www.example.org", "example.org" },
        { "www.example.net", "www.example.net", "www.example.net" },
        { "*.b.example.com", "b.example.com", "b.example.com" },
        { "a.example.com", "a.example.com", "a.example.com" }
    };

    static const char *const  boxes[] = {
        "administrator", "hostmaster", "postmaster", "webmaster", "admin"
    };

    (void) state;

    test_api_start(&t);
    test_make(&t, "{'DomainName': '*.shop.example.com', 'ValidationMethod':"
              " 'EMAIL', 'SubjectAlternativeNames': ['www.example.org',"
              " 'www.example.net', '*.b.example.com', 'a.example.com'],"
              " 'DomainValidationOptions': [{'DomainName':"
              " '*.shop.example.com', 'ValidationDomain': 'Example.com'},"
              " {'DomainName': 'www.example.net', 'ValidationDomain':"
              " 'www.example.net'}]}");

    c = test_describe(&t);
    options = json_object_get(c, "DomainValidationOptions");
    assert_int_equal(json_array_size(options), 5);
    json = test_api_ok(&t, "ListCertificateDomainValidations",
                       test_with_arn("{'CertificateArn': '%s'}"));

    for (i = 0; i < 5; i++) {
        test_is(json_array_get(options, i), "DomainName", names[i].name);
        test_is(json_array_get(options, i), "ValidationDomain",
                names[i].domain);
        test_is(json_array_get(options, i), "ResourceRecord", NULL);
        list = json_object_get(json_array_get(options, i),
                               "ValidationEmails");
        assert_int_equal(json_array_size(list), 5);

        for (n = 0; n < 5; n++) {
            snprintf(text, sizeof(text), "%s@%s", boxes[n], names[i].mail);
            assert_string_equal(json_string_value(json_array_get(list, n)),
                                text);
        }

        assert_true(json_equal(list, json_object_get(json_object_get(
                        json_object_get(json_object_get(json_array_get(
                            json_object_get(json,
                                            "DomainValidationSummaryList"),
                            i), "ActiveValidationConfiguration"),
                            "ValidationChallenge"),
                            "EmailValidationChallenge"),
                            "ValidationEmails")));
    }

    json_decref(json);
    json_decref(c);

    /* with DNS it is taken, and means nothing */

    test_make(&t, "{'DomainName': 'a.example.com', 'ValidationMethod': 'DNS',"
              " 'DomainValidationOptions': [{'DomainName': 'a.example.com',"
              " 'ValidationDomain': 'example.com'}]}");
    c = test_describe(&t);
    test_is(json_array_get(json_object_get(c, "DomainValidationOptions"), 0),
            "ValidationDomain", "a.example.com");
    json_decref(c);

    test_api_stop(&t);
}


/* Fifty tags in all, and what is said of one more. */

static void
test_tags(void **state)
{
    char        *out;
    size_t       i;
    test_api_t   t;

    (void) state;

    test_api_start(&t);
    test_make(&t, "{'DomainName': 'a.example.com', 'Tags': [{'Key': 'z',"
              " 'Value': '1'}]}");

    out = test_body;
    out += snprintf(out, 512, "{'CertificateArn': '%s', 'Tags': [", test_arn);

    for (i = 0; i < 49; i++) {
        out += snprintf(out, 64, "%s{'Key': 'k%zu'}", i ? ", " : "", i);
    }

    snprintf(out, 8, "]}");
    json_decref(test_api_ok(&t, "AddTagsToCertificate", test_body));

    test_api_fault(&t, "AddTagsToCertificate",
                   test_with_arn("{'CertificateArn': '%s', 'Tags': [{'Key':"
                                 " 'more', 'Value': 'v'}]}"),
                   "TooManyTagsException", NULL);
    assert_memory_equal(t.message, "the TagSet: '{k0=, k1=, ", 24);
    assert_non_null(strstr(t.message, ", z=1, more=v}' contains too many "
                           "Tags"));

    /* one that is there gets its value */

    json_decref(test_api_ok(&t, "AddTagsToCertificate",
                   test_with_arn("{'CertificateArn': '%s', 'Tags': [{'Key':"
                                 " 'z', 'Value': 'v'}]}")));

    /* more in one call are against the shape */

    out = test_body;
    out += snprintf(out, 512, "{'CertificateArn': '%s', 'Tags': [", test_arn);

    for (i = 0; i < 51; i++) {
        out += snprintf(out, 64, "%s{'Key': 'k%zu'}", i ? ", " : "", i);
    }

    snprintf(out, 8, "]}");
    test_api_fault(&t, "AddTagsToCertificate", test_body, TEST_V, NULL);
    assert_non_null(strstr(t.message, "' at 'tags' failed to satisfy "
                           "constraint: Member must have length less than or "
                           "equal to 50"));

    test_api_stop(&t);
}


/* What a list shows that asks for no types of keys: no EC, not even while it
   is pending. */

static void
test_default(void **state)
{
    json_t      *json, *list;
    test_api_t   t;

    (void) state;

    test_api_start(&t);
    test_make(&t, "{'DomainName': 'ec.example.com', 'KeyAlgorithm':"
              " 'EC_prime256v1'}");
    test_make(&t, "{'DomainName': 'rsa.example.com'}");

    json = test_api_ok(&t, "ListCertificates", "{}");
    list = json_object_get(json, "CertificateSummaryList");
    assert_int_equal(json_array_size(list), 1);
    test_is(json_array_get(list, 0), "DomainName", "rsa.example.com");
    test_is(json_array_get(list, 0), "Status", "PENDING_VALIDATION");
    test_is(json_array_get(list, 0), "KeyAlgorithm", "RSA-2048");
    test_is(json_array_get(list, 0), "ExportOption", "DISABLED");
    assert_true(json_is_false(json_object_get(json_array_get(list, 0),
                                              "Exported")));
    assert_true(json_is_false(json_object_get(json_array_get(list, 0),
                                              "InUse")));
    assert_null(json_object_get(json_array_get(list, 0), "NotAfter"));
    assert_null(json_object_get(json_array_get(list, 0), "IssuedAt"));
    assert_null(json_object_get(json, "NextToken"));
    json_decref(json);

    t.conf.all_key_types = 1;
    json = test_api_ok(&t, "ListCertificates", "{}");
    assert_int_equal(json_array_size(json_object_get(json,
                                     "CertificateSummaryList")), 2);
    json_decref(json);

    test_api_stop(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_all_rows),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_mails),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_default),
    };

    return cmocka_run_group_tests_name("acm_api_texts", tests, NULL, NULL);
}
