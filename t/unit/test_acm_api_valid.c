
/*
 * Copyright (C) The ngx_acm authors
 *
 * What clients are told when constraints are not met, and the patterns; tags
 * and their encoding; calls without memory.
 */


#include "test_api.h"


#define TEST_ARN_PATTERN                                                      \
    "arn:[\\w+=/,.@-]+:acm:[\\w+=/,.@-]*:[0-9]+:[\\w+=,.@-]+"                 \
    "(/[\\w+=,.@-]+)*"
#define TEST_DOMAIN_PATTERN                                                   \
    "(\\*\\.)?(((?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9])\\.)+"                     \
    "((?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9])"


typedef struct {
    const char  *operation;
    const char  *body;
    const char  *message;
} test_text_t;


static const test_text_t  test_texts[] = {

    { "DescribeCertificate", "{}",
      "1 validation error detected: Value null at 'certificateArn' failed to "
      "satisfy constraint: Member must not be null" },

    { "DescribeCertificate", "{'CertificateArn': 'arn:x'}",
      "2 validation errors detected: Value 'arn:x' at 'certificateArn' failed "
      "to satisfy constraint: Member must have length greater than or equal "
      "to 20; Value 'arn:x' at 'certificateArn' failed to satisfy constraint: "
      "Member must satisfy regular expression pattern: " TEST_ARN_PATTERN },

    { "RequestCertificate", "{'DomainName': '10.0.0.1'}",
      "1 validation error detected: Value '10.0.0.1' at 'domainName' failed "
      "to satisfy constraint: Member must satisfy regular expression pattern: "
      TEST_DOMAIN_PATTERN },

    { "RequestCertificate", "{'DomainName': 'a.example.com',"
      " 'SubjectAlternativeNames': ['']}",
      "1 validation error detected: Value '[]' at 'subjectAlternativeNames' "
      "failed to satisfy constraint: Member must satisfy constraint: [Member "
      "must have length less than or equal to 253, Member must have length "
      "greater than or equal to 1, Member must satisfy regular expression "
      "pattern: " TEST_DOMAIN_PATTERN "]" },

    { "RequestCertificate", "{'DomainName': 'a.example.com',"
      " 'DomainValidationOptions': [{'DomainName': 'a.example.com'}]}",
      "1 validation error detected: Value null at 'domainValidationOptions.1."
      "member.validationDomain' failed to satisfy constraint: Member must not "
      "be null" },

    { "RequestCertificate", "{'DomainName': 'a.example.com',"
      " 'KeyAlgorithm': 'x'}",
      "1 validation error detected: Value 'x' at 'keyAlgorithm' failed to "
      "satisfy constraint: Member must satisfy enum value set: [RSA_1024, "
      "RSA_2048, EC_secp384r1, EC_prime256v1, EC_secp521r1, RSA_3072, "
      "RSA_4096]" },

    { "RequestCertificate", "{'DomainName': 'a.example.com',"
      " 'SubjectAlternativeNames': []}",
      "1 validation error detected: Value '[]' at 'subjectAlternativeNames' "
      "failed to satisfy constraint: Member must have length greater than or "
      "equal to 1" },

    { "ListCertificates", "{'Includes': {'keyTypes': ['blah']}}",
      "1 validation error detected: Value '[blah]' at 'includes.keyTypes' "
      "failed to satisfy constraint: Member must satisfy constraint: [Member "
      "must satisfy enum value set: [RSA_1024, RSA_2048, EC_secp384r1, "
      "EC_prime256v1, EC_secp521r1, RSA_3072, RSA_4096]]" },

    { "ListCertificates", "{'MaxItems': 1001}",
      "1 validation error detected: Value '1001' at 'maxItems' failed to "
      "satisfy constraint: Member must have value less than or equal to "
      "1000" },

    { "ListCertificates", "{'MaxItems': 0}",
      "1 validation error detected: Value '0' at 'maxItems' failed to satisfy "
      "constraint: Member must have value greater than or equal to 1" },

    { "ExportCertificate", "{'CertificateArn': '" TEST_NONE "',"
      " 'Passphrase': 'YWJj'}",
      "1 validation error detected: Value at 'passphrase' failed to satisfy "
      "constraint: Member must have length greater than or equal to 4" },

    { "TagResource", "{'ResourceArn': '" TEST_NONE "', 'Tags': [{'Key': ''},"
      " {'Key': 'a', 'Value': '\\u20ac'}]}",
      "2 validation errors detected: Value '' at 'tags.1.member.key' failed to "
      "satisfy constraint: Member must have length greater than or equal to "
      "1; Value '\xe2\x82\xac' at 'tags.2.member.value' failed to satisfy "
      "constraint: Member must satisfy regular expression pattern: "
      "[\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@]*" }
};


static const test_text_t  test_types[] = {
    { "ListCertificates", "[]", NULL },
    { "ListCertificates", "{'MaxItems': '5'}",
      "STRING_VALUE can not be converted to an Integer" },
    { "ListCertificates", "{'MaxItems': 5.5}", NULL },
    { "ListCertificates", "{'CertificateStatuses': 'ISSUED'}", NULL },
    { "ListCertificates", "{'CertificateStatuses': [null]}", NULL },
    { "ListCertificates", "{'Includes': []}", NULL },
    { "DescribeCertificate", "{'CertificateArn': 1}",
      "NUMBER_VALUE can not be converted to a String" },
    { "ExportCertificate", "{'CertificateArn': '" TEST_NONE "',"
      " 'Passphrase': 'YWJ'}", NULL },
    { "SearchCertificates", "{'FilterStatement': {'And': [], 'Or': []}}",
      NULL },
    { "ListCertificates", "{'MaxItems': 5", NULL },
    { "ListCertificates", "{'MaxItems': 5, 'MaxItems': 6}", NULL },
    { "DescribeCertificate", "{'CertificateArn': '\\u0000'}", NULL }
};


static void
test_messages(void **state)
{
    size_t      i;
    test_api_t  t;

    (void) state;

    test_api_start(&t);

    for (i = 0; i < sizeof(test_texts) / sizeof(test_texts[0]); i++) {
        test_api_fault(&t, test_texts[i].operation, test_texts[i].body,
                       "ValidationException", test_texts[i].message);
        assert_int_equal(t.status, 400);
    }

    for (i = 0; i < sizeof(test_types) / sizeof(test_types[0]); i++) {
        test_api_fault(&t, test_types[i].operation, test_types[i].body,
                       "SerializationException", test_types[i].message);
    }

    /* what is null is not there, and what is not known is passed over */

    json_decref(test_api_ok(&t, "ListCertificates",
                            "{'MaxItems': null, 'Other': [1, {'a': 'b'}]}"));

    test_api_stop(&t);
}


/* A message has room for a bounded number of faults. */

static void
test_many(void **state)
{
    char        *body, *out;
    size_t       i;
    test_api_t   t;

    (void) state;

    test_api_start(&t);

    body = malloc(200000);
    out = body;
    out += snprintf(out, 512, "{\"ResourceArn\": \"" TEST_NONE "\", \"Tags\":"
                    " [");

    for (i = 0; i < 50; i++) {
        out += snprintf(out, 512, "%s{\"Key\": \"", (i == 0) ? "" : ", ");
        memset(out, '*', 1500);
        out += 1500;
        out += snprintf(out, 512, "\"}");
    }

    out += snprintf(out, 512, "]}");

    json_decref(test_api_raw(&t, "TagResource", body, (size_t) (out - body)));
    assert_string_equal(t.fault, "ValidationException");
    assert_non_null(strstr(t.message, " validation errors detected: "));

    free(body);
    test_api_stop(&t);
}


typedef struct {
    acm_model_pt   match;
    const char      *text;
    int              matches;
} test_pattern_t;


static void
test_patterns(void **state)
{
    size_t  i;

    static const test_pattern_t  patterns[] = {
        { acm_model_arn, TEST_NONE, 1 },
        { acm_model_arn, "arn:aws-cn:acm::1:a/b/c", 1 },
        { acm_model_arn, "arn:aws:acm:us-east-1::certificate/a", 0 },
        { acm_model_arn, "arn:aws:acm:us-east-1:1:certificate/", 0 },
        { acm_model_arn, "arn:aws:acm:us-east-1:1:/a", 0 },
        { acm_model_arn, "arn:aws:acm-pca:us-east-1:1:a", 0 },
        { acm_model_arn, "arn::acm:us-east-1:1:a", 0 },
        { acm_model_arn, "arn:aws:acm:us-east-1:1:a b", 0 },
        { acm_model_arn, "arn:aws:acm:us-east-1:1a:b", 0 },
        { acm_model_arn, "arn:", 0 },
        { acm_model_arn, "", 0 },
        { acm_model_pca_arn, "arn:aws:acm-pca:us-east-1:1:a/b", 1 },
        { acm_model_pca_arn, TEST_NONE, 0 },
        { acm_model_domain, "example.com", 1 },
        { acm_model_domain, "*.example.com", 1 },
        { acm_model_domain, "a.b-c.example.COM", 1 },
        { acm_model_domain, "*.*.example.com", 0 },
        { acm_model_domain, "a*.example.com", 0 },
        { acm_model_domain, "example", 0 },
        { acm_model_domain, "example.c", 0 },
        { acm_model_domain, "example.com.", 0 },
        { acm_model_domain, ".example.com", 0 },
        { acm_model_domain, "-a.example.com", 0 },
        { acm_model_domain, "a-.example.com", 0 },
        { acm_model_domain, "a_b.example.com", 0 },
        { acm_model_domain, "*.", 0 },
        { acm_model_domain, "*", 0 },
        { acm_model_domain, "", 0 },
        { acm_model_domain,
          "a23456789012345678901234567890123456789012345678901234567890123"
          ".com", 1 },
        { acm_model_domain,
          "a234567890123456789012345678901234567890123456789012345678901234"
          ".com", 0 },
        { acm_model_word, "aZ_9", 1 },
        { acm_model_word, "", 0 },
        { acm_model_word, "a-b", 0 },
        { acm_model_serial, "0a:1b", 1 },
        { acm_model_serial, "0a", 0 },
        { acm_model_serial, "0A:1b", 0 },
        { acm_model_serial, "0a:1b:", 0 },
        { acm_model_serial, "0a-1b", 0 },
        { acm_model_token, "a\t\n\xc3\xbf", 1 },
        { acm_model_token, "\xc4\x80", 0 },
        { acm_model_token, "\x01", 0 },
        { acm_model_tag, "", 1 },
        { acm_model_tag, "a b_.:/=+-@9", 1 },
        { acm_model_tag, "\xc3\xa9\xe6\x97\xa5\xf0\x90\x8c\x80", 1 },
        { acm_model_tag, "*", 0 },
        { acm_model_tag, "a,b", 0 },
        { acm_model_tag, "\xe2\x82\xac", 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        if (patterns[i].match(patterns[i].text, strlen(patterns[i].text))
            != patterns[i].matches)
        {
            print_error("\"%s\"\n", patterns[i].text);
            fail();
        }
    }
}


static void
test_base64(void **state)
{
    size_t  i;

    static const struct {
        const char  *text;
        size_t       len;
    } texts[] = {
        { "", 0 }, { "YQ==", 1 }, { "YWI=", 2 }, { "YWJj", 3 },
        { "YW\r\nJj\n", 3 }, { "YQ=", SIZE_MAX }, { "YQ", SIZE_MAX },
        { "YWJ=j", SIZE_MAX }, { "====", SIZE_MAX }, { "YW J", SIZE_MAX },
        { "Y===", SIZE_MAX }, { "YQ=a", SIZE_MAX }, { "YW-_", SIZE_MAX }
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_true(acm_api_base64_len(texts[i].text, strlen(texts[i].text))
                    == texts[i].len);
    }
}


static void
test_tag_records(void **state)
{
    char         key[32];
    size_t       i, len;
    acm_buf_t    buf;
    acm_str_t    str;
    acm_tags_t   tags, other;

    (void) state;

    acm_tags_init(&tags);
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    test_ok(acm_tags_set(&tags, "b", "1"));
    test_ok(acm_tags_set(&tags, "a", NULL));
    test_ok(acm_tags_set(&tags, "c", ""));
    test_ok(acm_tags_set(&tags, "b", "2"));
    assert_int_equal(tags.ntags, 3);
    assert_string_equal(tags.tags[0].key, "a");
    assert_string_equal(acm_tags_find(&tags, "b")->value, "2");
    assert_null(acm_tags_find(&tags, "d"));

    test_ok(acm_tags_encode(&tags, &buf));
    str.data = buf.data;
    str.len = buf.len;
    test_ok(acm_tags_decode(&str, &other));
    assert_int_equal(other.ntags, 3);
    assert_null(other.tags[0].value);
    assert_string_equal(other.tags[2].value, "");
    acm_tags_free(&other);

    /* cut anywhere, it is none, or one with less tags */

    for (len = 1; len < buf.len; len++) {
        str.len = len;

        if (acm_tags_decode(&str, &other) == ACM_OK) {
            assert_true(other.ntags < 3);
            acm_tags_free(&other);
        }
    }

    acm_tags_remove(&tags, "b");
    acm_tags_remove(&tags, "b");
    assert_int_equal(tags.ntags, 2);

    for (i = 2; i < ACM_MAX_TAGS; i++) {
        snprintf(key, sizeof(key), "k%zu", i);
        test_ok(acm_tags_set(&tags, key, "v"));
    }

    assert_int_equal(acm_tags_set(&tags, "one more", "v"), ACM_TOOBIG);
    test_ok(acm_tags_set(&tags, "k2", "w"));

    acm_tags_free(&tags);
    acm_buf_free(&buf);
}


/* Each allocation fails in turn: there is an answer every time, and what was
   there before stays. */

static void
test_memory(void **state)
{
    char           *copy;
    size_t          i;
    json_t         *json;
    unsigned long   n;
    test_api_t      t;

    static const test_text_t  calls[] = {
        { "DescribeCertificate", "{\"CertificateArn\": \"%s\"}", NULL },
        { "GetCertificate", "{\"CertificateArn\": \"%s\"}", NULL },
        { "ExportCertificate", "{\"CertificateArn\": \"%s\","
          " \"Passphrase\": \"c2VjcmV0\"}", NULL },
        { "ListCertificates", "{\"SortBy\": \"CREATED_AT\","
          " \"SortOrder\": \"ASCENDING\"}", NULL },
        { "SearchCertificates", "{}", NULL },
        { "TagResource", "{\"ResourceArn\": \"%s\", \"Tags\": [{\"Key\":"
          " \"k\", \"Value\": \"v\"}]}", NULL },
        { "RequestCertificate", "{\"DomainName\": \"m.example.com\","
          " \"ValidationMethod\": \"DNS\", \"Tags\": [{\"Key\": \"k\"}]}",
          NULL },
        { "ListTagsForResource", "{\"ResourceArn\": \"%s\"}", NULL },
        { "RenewCertificate", "{\"CertificateArn\": \"%s\"}", NULL },
        { "DeleteCertificate", "{\"CertificateArn\": \"%s\"}", NULL }
    };

    (void) state;

    test_api_start(&t);
    test_make(&t, "{'DomainName': 'a.example.com', 'KeyAlgorithm':"
              " 'EC_prime256v1', 'Options': {'Export': 'ENABLED'}}");
    test_api_run(&t);

    t.quiet = 1;

    for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        snprintf(test_body, sizeof(test_body), calls[i].body, test_arn);
        copy = strdup(test_body);

        for (n = 1; ; n++) {
            (void) acm_alloc_fail_at(n);
            json = test_api_raw(&t, calls[i].operation, copy, strlen(copy));

            json_decref(json);

            /* when there is no memory for the answer it was done already,
               and cannot be done again */

            if (acm_alloc_fail_at(0) != 0 || t.status < 500) {
                assert_true(t.status == 200 || t.status == 400);
                break;
            }

            assert_true(t.status >= 500);
        }

        free(copy);
    }

    test_api_stop(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_tag_records),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests_name("acm_api_valid", tests, NULL, NULL);
}
