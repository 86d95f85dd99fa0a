
/*
 * Copyright (C) The ngx_acm authors
 *
 * Each operation of the API, in each state of a certificate.
 */


#include "test_import.h"

#include "acm_revocation.h"


/* Renewal needs an export, and so does the end. */

static void
test_export(test_api_t *t)
{
    char     text[2 * ACM_MAX_ARN];
    json_t  *c, *json;

    snprintf(text, sizeof(text), "Certificate ARN %s has not been exported "
             "so it is not eligible for the Renew Certificate API.",
             test_arn);
    test_api_fault(t, "RenewCertificate",
                   test_with_arn("{'CertificateArn': '%s'}"),
                   "ValidationException", text);
    test_api_fault(t, "RenewCertificate",
                   "{'CertificateArn': '" TEST_NONE "'}",
                   "ResourceNotFoundException", NULL);

    test_api_fault(t, "ExportCertificate",
                   test_with_arn("{'CertificateArn': '%s', 'Passphrase':"
                                 " 'c2VjcmV0Cg=='}"),
                   "ValidationException", NULL);
    json = test_api_ok(t, "ExportCertificate",
                       test_with_arn("{'CertificateArn': '%s', 'Passphrase':"
                                     " 'c2VjcmV0'}"));
    assert_non_null(strstr(json_string_value(json_object_get(json,
                                                             "PrivateKey")),
                           "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    json_decref(json);

    c = test_describe(t);
    test_is(c, "RenewalEligibility", "ELIGIBLE");
    json_decref(c);

    json_decref(test_api_ok(t, "RenewCertificate",
                            test_with_arn("{'CertificateArn': '%s'}")));
    assert_int_equal(t->changed, 1);
    test_api_fault(t, "RenewCertificate", test_body,
                   "RequestInProgressException", NULL);

    c = test_describe(t);
    test_is(json_object_get(c, "RenewalSummary"), "RenewalStatus",
            "PENDING_AUTO_RENEWAL");
    json_decref(c);

    t->now += 5;
    test_api_run(t);

    c = test_describe(t);
    test_is(json_object_get(c, "RenewalSummary"), "RenewalStatus", "SUCCESS");
    test_is(c, "RenewalEligibility", "INELIGIBLE");
    json_decref(c);
}


static acm_rc_t
test_record(void *data, const acm_revocation_t *r)
{
    memcpy(data, r->hash, ACM_HASH_LEN);

    return ACM_OK;
}


/* The only one that was revoked; to be freed. */

static void
test_revocation(test_api_t *t, acm_revocation_t *r, uint64_t *revision)
{
    uint8_t      hash[ACM_HASH_LEN];
    acm_snap_t  *snap;

    test_ok(acm_store_begin(t->store, &snap, NULL));
    test_ok(acm_revocation_each(snap, "internal", test_record, hash));
    test_ok(acm_revocation_get(snap, "internal", hash, r, revision));
    acm_store_end(snap);
}


static acm_revoking_e
test_revoking(test_api_t *t)
{
    uint64_t          revision;
    acm_revoking_e    state;
    acm_revocation_t  r;

    test_revocation(t, &r, &revision);
    state = r.state;
    acm_revocation_free(&r);

    return state;
}


/* As if it had been of another CA, which refused it. */

static void
test_refuse(test_api_t *t)
{
    uint64_t          revision;
    acm_revocation_t  r;

    test_revocation(t, &r, &revision);
    r.state = ACM_REVOKING_REFUSED;
    test_ok(acm_revocation_update(t->store, &r, &revision, 0, t->now, NULL));
    acm_revocation_free(&r);
}


static void
test_end(test_api_t *t)
{
    char     text[2 * ACM_MAX_ARN];
    json_t  *c;

    json_decref(test_api_ok(t, "ExportCertificate",
                            test_with_arn("{'CertificateArn': '%s',"
                                          " 'Passphrase': 'c2VjcmV0'}")));
    json_decref(test_api_ok(t, "RevokeCertificate",
                            test_with_arn("{'CertificateArn': '%s',"
                                 " 'RevocationReason': 'SUPERSEDED'}")));
    json_decref(test_api_ok(t, "RevokeCertificate", test_body));
    assert_int_equal(t->changed, 0);
    test_refuse(t);
    json_decref(test_api_ok(t, "RevokeCertificate", test_body));
    assert_int_equal(t->changed, 1);
    assert_int_equal(test_revoking(t), ACM_REVOKING_DONE);
    c = test_describe(t);
    test_is(c, "Status", "REVOKED");
    test_is(c, "RevocationReason", "SUPERSEDED");
    json_decref(c);

    json_decref(test_api_ok(t, "DeleteCertificate",
                            test_with_arn("{'CertificateArn': '%s'}")));
    snprintf(text, sizeof(text), "Could not find certificate %s in account "
             "%s.", test_arn, TEST_ACCOUNT);
    test_api_fault(t, "DescribeCertificate", test_body,
                   "ResourceNotFoundException", text);
    test_api_fault(t, "DeleteCertificate", test_body,
                   "ResourceNotFoundException", text);
}


/* From a request to the end. */

static void
test_life(void **state)
{
    json_t      *c, *json, *list, *record;
    test_api_t   t;

    (void) state;

    test_api_start(&t);

    test_make(&t, "{'DomainName': 'WWW.example.com', 'SubjectAlternativeNames'"
              ": ['www.example.com', '*.www.example.com'], 'ValidationMethod':"
              " 'DNS', 'KeyAlgorithm': 'EC_prime256v1', 'Tags': [{'Key': 'a',"
              " 'Value': 'b'}, {'Key': 'alone'}], 'Options': {'Export':"
              " 'ENABLED'}}");
    assert_int_equal(t.changed, 1);

    c = test_describe(&t);
    test_is(c, "CertificateArn", test_arn);
    test_is(c, "DomainName", "www.example.com");
    test_is(c, "Status", "PENDING_VALIDATION");
    test_is(c, "Type", "AMAZON_ISSUED");
    test_is(c, "KeyAlgorithm", "EC-prime256v1");
    test_is(c, "Subject", "CN=www.example.com");
    test_is(c, "RenewalEligibility", "INELIGIBLE");
    test_is(c, "Serial", NULL);
    assert_null(json_object_get(c, "NotAfter"));
    assert_int_equal(json_integer_value(json_object_get(c, "CreatedAt")),
                     TEST_START);

    list = json_object_get(c, "DomainValidationOptions");
    assert_int_equal(json_array_size(list), 2);
    record = json_object_get(json_array_get(list, 0), "ResourceRecord");
    assert_non_null(record);
    assert_true(json_equal(record,
                           json_object_get(json_array_get(list, 1),
                                           "ResourceRecord")));
    test_is(record, "Type", "CNAME");
    assert_int_equal(strlen(json_string_value(json_object_get(record,
                                                              "Name"))),
                     strlen("_0123456789abcdef0123456789abcdef"
                            ".www.example.com."));
    test_is(json_array_get(list, 1), "DomainName", "*.www.example.com");
    test_is(json_array_get(list, 1), "ValidationDomain", "www.example.com");
    test_is(json_array_get(list, 1), "ValidationStatus",
            "PENDING_VALIDATION");
    json_decref(c);

    test_api_fault(&t, "GetCertificate",
                   test_with_arn("{'CertificateArn': '%s'}"),
                   "RequestInProgressException", NULL);
    test_api_fault(&t, "RenewCertificate", test_body,
                   "RequestInProgressException", NULL);
    test_api_fault(&t, "RevokeCertificate",
                   test_with_arn("{'CertificateArn': '%s',"
                                 " 'RevocationReason': 'SUPERSEDED'}"),
                   "ConflictException", NULL);
    test_api_fault(&t, "ResendValidationEmail",
                   test_with_arn("{'CertificateArn': '%s', 'Domain':"
                                 " 'www.example.com', 'ValidationDomain':"
                                 " 'example.com'}"),
                   "InvalidStateException", NULL);

    /* the helper */

    t.now += 5;
    test_api_run(&t);

    c = test_describe(&t);
    test_is(c, "Status", "ISSUED");
    test_is(c, "SignatureAlgorithm", "SHA256WITHECDSA");
    test_is(json_array_get(json_object_get(c, "DomainValidationOptions"), 1),
            "ValidationStatus", "SUCCESS");
    test_is(json_array_get(json_object_get(c, "ExtendedKeyUsages"), 0), "Name",
            "TLS_WEB_SERVER_AUTHENTICATION");
    test_is(json_array_get(json_object_get(c, "ExtendedKeyUsages"), 0), "OID",
            "1.3.6.1.5.5.7.3.1");
    assert_null(json_object_get(c, "RenewalSummary"));
    json_decref(c);

    json = test_api_ok(&t, "GetCertificate",
                       test_with_arn("{'CertificateArn': '%s'}"));
    assert_non_null(strstr(json_string_value(json_object_get(json,
                                                     "Certificate")),
                           "-----END CERTIFICATE-----\n"));
    assert_non_null(json_object_get(json, "CertificateChain"));
    json_decref(json);

    json = test_api_ok(&t, "ListTagsForCertificate", test_body);
    list = json_object_get(json, "Tags");
    assert_int_equal(json_array_size(list), 2);
    test_is(json_array_get(list, 0), "Value", "b");
    test_is(json_array_get(list, 1), "Key", "alone");
    test_is(json_array_get(list, 1), "Value", NULL);
    json_decref(json);

    test_export(&t);
    test_end(&t);

    test_api_run(&t);
    test_api_stop(&t);
}


/* The same for an hour, with and without a token. */

static void
test_idempotency(void **state)
{
    char              first[ACM_MAX_ARN];
    size_t            i;
    test_api_t        t;
    acm_store_stat_t  stat;

    static const char *const  bodies[] = {
        "{'DomainName': 'a.example.com', 'IdempotencyToken': 'one'}",
        "{'DomainName': 'A.example.com', 'IdempotencyToken': 'one',"
        " 'SubjectAlternativeNames': ['a.example.com']}",
        "{'DomainName': 'a.example.com'}",
        "{'DomainName': 'a.example.com', 'IdempotencyToken': 'two'}",
        "{'DomainName': 'a.example.com', 'IdempotencyToken': 'one',"
        " 'Tags': [{'Key': 'x'}]}"
    };

    (void) state;

    test_api_start(&t);

    test_make(&t, bodies[0]);
    memcpy(first, test_arn, sizeof(first));
    test_make(&t, bodies[1]);
    assert_string_equal(first, test_arn);

    for (i = 2; i < 5; i++) {
        test_make(&t, bodies[i]);
        assert_string_not_equal(first, test_arn);
    }

    t.now += ACM_TOKEN_LIFE - 1;
    test_make(&t, bodies[0]);
    assert_string_equal(first, test_arn);

    t.now += 1;
    test_make(&t, bodies[0]);
    assert_string_not_equal(first, test_arn);

    /* one that is deleted is made anew */

    memcpy(first, test_arn, sizeof(first));
    json_decref(test_api_ok(&t, "DeleteCertificate",
                            test_with_arn("{'CertificateArn': '%s'}")));
    test_make(&t, bodies[0]);
    assert_string_not_equal(first, test_arn);

    /* what is over is forgotten */

    t.now += ACM_TOKEN_LIFE;
    test_make(&t, "{'DomainName': 'b.example.com'}");
    test_make(&t, "{'DomainName': 'c.example.com'}");
    test_ok(acm_store_stat(t.store, &stat, NULL));
    assert_int_equal(stat.entries[ACM_DB_TOKEN], 4);

    test_api_stop(&t);
}


static void
test_import(void **state)
{
    json_t      *c, *json;
    test_api_t   t;
    test_pem_t   pem, other;

    (void) state;

    test_api_start(&t);
    test_pem(&t, &pem, ACM_KEY_RSA_2048);
    test_pem(&t, &other, ACM_KEY_RSA_2048);

    test_import_body(pem.leaf, pem.key, NULL, "");
    test_api_fault(&t, "ImportCertificate", test_body, "ValidationException",
                   "Provided certificate is not a valid self signed. Please "
                   "provide either a valid self-signed certificate or "
                   "certificate chain.");

    test_import_body(pem.leaf, other.key, pem.chain, "");
    test_api_fault(&t, "ImportCertificate", test_body, "ValidationException",
                   "The private key does not match the certificate.");

    test_import_body(pem.leaf, pem.leaf, pem.chain, "");
    test_api_fault(&t, "ImportCertificate", test_body, "ValidationException",
                   "Passed PEM was not a private key.");

    test_import_body("x", pem.key, pem.chain, "");
    test_api_fault(&t, "ImportCertificate", test_body, "ValidationException",
                   "Unable to parse certificate. Please ensure the "
                   "certificate is in PEM format.");

    test_import_body(pem.leaf, pem.key, pem.root, "");
    test_api_fault(&t, "ImportCertificate", test_body, "ValidationException",
                   "Unable to validate certificate chain. The certificate "
                   "chain must start with the immediate signing certificate, "
                   "followed by any intermediaries in order. The index within "
                   "the chain of the invalid certificate is: 0");

    test_import_body(pem.leaf, pem.key, "-----BEGIN CERTIFICATE-----\n", "");
    test_api_fault(&t, "ImportCertificate", test_body, "ValidationException",
                   "The certificate body/chain provided is not in a valid "
                   "PEM format.");

    test_import_body(pem.leaf, pem.key, pem.chain,
                     ", 'Tags': [{'Key': 'aws:x'}]");
    test_api_fault(&t, "ImportCertificate", test_body, "InvalidTagException",
                   NULL);

    test_import_body(pem.leaf, pem.key, pem.chain,
                     ", 'Tags': [{'Key': 'x'}]");
    json = test_api_ok(&t, "ImportCertificate", test_body);
    snprintf(test_arn, sizeof(test_arn), "%s",
             json_string_value(json_object_get(json, "CertificateArn")));
    json_decref(json);

    c = test_describe(&t);
    test_is(c, "Type", "IMPORTED");
    test_is(c, "Status", "ISSUED");
    test_is(c, "KeyAlgorithm", "RSA-2048");
    assert_int_equal(json_integer_value(json_object_get(c, "ImportedAt")),
                     TEST_START);
    assert_int_equal(json_object_size(json_array_get(
                         json_object_get(c, "DomainValidationOptions"), 0)),
                     1);
    json_decref(c);

    json = test_api_ok(&t, "GetCertificate",
                       test_with_arn("{'CertificateArn': '%s'}"));
    test_is(json, "Certificate", pem.leaf);
    test_is(json, "CertificateChain", pem.chain);
    json_decref(json);

    json = test_api_ok(&t, "ListCertificates", "{}");
    assert_int_equal(json_array_size(json_object_get(json,
                                         "CertificateSummaryList")), 1);
    json_decref(json);

    /* again, under the same ARN */

    t.now++;
    test_import_body(other.leaf, other.key, other.chain, "");
    snprintf(test_body + strlen(test_body) - 1, ACM_MAX_ARN + 32,
             ", 'CertificateArn': '%s'}", test_arn);
    json = test_api_ok(&t, "ImportCertificate", test_body);
    test_is(json, "CertificateArn", test_arn);
    json_decref(json);

    test_import_body(other.leaf, other.key, other.chain, "");
    snprintf(test_body + strlen(test_body) - 1, ACM_MAX_ARN + 64,
             ", 'CertificateArn': '%s', 'Tags': [{'Key': 'k'}]}", test_arn);
    test_api_fault(&t, "ImportCertificate", test_body, "ValidationException",
                   "Tagging is not permitted on re-import");

    c = test_describe(&t);
    assert_int_equal(json_integer_value(json_object_get(c, "ImportedAt")),
                     TEST_START + 1);
    assert_int_equal(json_integer_value(json_object_get(c, "CreatedAt")),
                     TEST_START);
    json_decref(c);

    test_api_fault(&t, "ExportCertificate",
                   test_with_arn("{'CertificateArn': '%s', 'Passphrase':"
                                 " 'c2VjcmV0'}"),
                   "ValidationException", NULL);
    test_api_fault(&t, "RenewCertificate",
                   test_with_arn("{'CertificateArn': '%s'}"),
                   "ValidationException", NULL);
    test_api_fault(&t, "UpdateCertificateOptions",
                   test_with_arn("{'CertificateArn': '%s', 'Options': {}}"),
                   "InvalidStateException",
                   "The UpdateCertificateOptions command is not permitted for "
                   "imported certificates.");

    /* a server has it */

    memcpy(t.server.uuid, test_arn + strlen(TEST_ARN), ACM_UUID_LEN);
    t.server.name = "www.example.com";
    t.conf.servers = &t.server;
    t.conf.nservers = 1;

    test_api_fault(&t, "DeleteCertificate",
                   test_with_arn("{'CertificateArn': '%s'}"),
                   "ResourceInUseException", NULL);
    assert_non_null(strstr(t.message, " in account 123456789012 is in use."));
    c = test_describe(&t);
    assert_int_equal(json_array_size(json_object_get(c, "InUseBy")), 1);
    json_decref(c);

    t.conf.nservers = 0;
    json_decref(test_api_ok(&t, "DeleteCertificate",
                            test_with_arn("{'CertificateArn': '%s'}")));

    test_pem_free(&pem);
    test_pem_free(&other);
    test_api_stop(&t);
}


static void
test_tags(void **state)
{
    char        *out;
    size_t       i;
    json_t      *json;
    test_api_t   t;

    (void) state;

    test_api_start(&t);
    test_make(&t, "{'DomainName': 'a.example.com'}");

    json_decref(test_api_ok(&t, "AddTagsToCertificate",
                test_with_arn("{'CertificateArn': '%s', 'Tags': [{'Key': 'a',"
                              " 'Value': '1'}, {'Key': '\\u00e9 b'}]}")));
    json_decref(test_api_ok(&t, "RemoveTagsFromCertificate",
                test_with_arn("{'CertificateArn': '%s', 'Tags': [{'Key': 'a',"
                              " 'Value': '2'}, {'Key': 'none'}]}")));
    json_decref(test_api_ok(&t, "TagResource",
                test_with_arn("{'ResourceArn': '%s', 'Tags': [{'Key': 'c',"
                              " 'Value': ''}]}")));
    json = test_api_ok(&t, "ListTagsForResource",
                       test_with_arn("{'ResourceArn': '%s'}"));
    assert_int_equal(json_array_size(json_object_get(json, "Tags")), 3);
    json_decref(json);

    json_decref(test_api_ok(&t, "RemoveTagsFromCertificate",
                test_with_arn("{'CertificateArn': '%s', 'Tags': [{'Key': 'a',"
                              " 'Value': '1'}]}")));
    json_decref(test_api_ok(&t, "UntagResource",
                test_with_arn("{'ResourceArn': '%s', 'TagKeys': ['c', 'd']}")));

    test_api_fault(&t, "AddTagsToCertificate",
                   test_with_arn("{'CertificateArn': '%s', 'Tags': [{'Key':"
                                 " '*'}]}"),
                   "ValidationException",
                   "1 validation error detected: Value '*' at 'tags.1.member."
                   "key' failed to satisfy constraint: Member must satisfy "
                   "regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:\\/=+"
                   "\\-@]*");

    /* fifty is the limit: one is there */

    out = test_body;
    out += snprintf(out, 512, "{'CertificateArn': '%s', 'Tags': [", test_arn);

    for (i = 0; i < 50; i++) {
        out += snprintf(out, 64, "%s{'Key': 'k%zu'}", (i == 0) ? "" : ", ", i);
    }

    snprintf(out, 8, "]}");
    test_api_fault(&t, "AddTagsToCertificate", test_body,
                   "TooManyTagsException", NULL);
    snprintf(out - strlen(", {'Key': 'k49'}"), 8, "]}");
    json_decref(test_api_ok(&t, "AddTagsToCertificate", test_body));

    test_api_stop(&t);
}


static void
test_request(void **state)
{
    size_t       i;
    json_t      *c, *json;
    test_api_t   t;

    static const struct {
        const char  *body;
        const char  *fault;
        const char  *message;
    } bad[] = {
        { "{'DomainName': 'a.example.com', 'KeyAlgorithm': 'RSA_1024'}",
          "ValidationException",
          "Encryption Algorithm RSA_1024 is not supported in us-east-1 "
          "region" },
        { "{'DomainName': '*.example.com', 'ValidationMethod': 'HTTP'}",
          "ValidationException", NULL },
        { "{'DomainName': 'a.example.com', 'DomainValidationOptions':"
          " [{'DomainName': 'b.example.com', 'ValidationDomain':"
          " 'example.com'}]}",
          "InvalidDomainValidationOptionsException", NULL },
        { "{'DomainName': 'a.example.com', 'DomainValidationOptions':"
          " [{'DomainName': 'a.example.com', 'ValidationDomain':"
          " 'other.com'}]}",
          "InvalidDomainValidationOptionsException", NULL },
        { "{'DomainName': 'a.example.com', 'CertificateAuthorityArn':"
          " 'arn:aws:acm-pca:us-east-1:123456789012:certificate-authority/x'"
          "}", "InvalidArnException", NULL }
    };

    (void) state;

    test_api_start(&t);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        test_api_fault(&t, "RequestCertificate", bad[i].body, bad[i].fault,
                       bad[i].message);
    }

    /* by mail, and a private one */

    test_make(&t, "{'DomainName': 'www.example.com',"
              " 'DomainValidationOptions': [{'DomainName': 'www.example.com',"
              " 'ValidationDomain': 'example.com'}]}");
    c = test_describe(&t);
    json = json_array_get(json_object_get(c, "DomainValidationOptions"), 0);
    assert_int_equal(json_array_size(json_object_get(json,
                                                     "ValidationEmails")), 5);
    test_is(json, "ValidationMethod", "EMAIL");
    json_decref(c);

    json_decref(test_api_ok(&t, "ResendValidationEmail",
                   test_with_arn("{'CertificateArn': '%s', 'Domain':"
                                 " 'www.example.com', 'ValidationDomain':"
                                 " 'example.com'}")));
    json = test_api_ok(&t, "ListCertificateDomainValidations",
                       test_with_arn("{'CertificateArn': '%s'}"));
    assert_int_equal(json_array_size(json_object_get(json,
                                     "DomainValidationSummaryList")), 1);
    json_decref(json);

    test_api_run(&t);
    json_decref(test_api_ok(&t, "UpdateCertificateOptions",
                test_with_arn("{'CertificateArn': '%s', 'Options':"
                              " {'ValidationMethod': 'DNS'}}")));
    c = test_describe(&t);
    json = json_array_get(json_object_get(c, "DomainValidationOptions"), 0);
    test_is(json, "ValidationMethod", "DNS");
    assert_non_null(json_object_get(json, "ResourceRecord"));
    json_decref(c);

    test_make(&t, "{'DomainName': 'www.example.com',"
              " 'CertificateAuthorityArn': 'arn:aws:acm-pca:us-east-1:"
              "123456789012:certificate-authority/internal'}");
    test_api_run(&t);
    c = test_describe(&t);
    test_is(c, "Type", "PRIVATE");
    test_is(c, "Status", "ISSUED");
    test_is(c, "CertificateAuthorityArn", "arn:aws:acm-pca:us-east-1:"
            "123456789012:certificate-authority/internal");
    assert_null(json_object_get(c, "DomainValidationOptions"));
    json_decref(c);

    test_api_fault(&t, "UpdateCertificateOptions",
                   test_with_arn("{'CertificateArn': '%s', 'Options': {}}"),
                   "InvalidStateException", NULL);

    test_api_stop(&t);
}


/* What nobody can prove is given up after 72 hours. */

static void
test_timeout(void **state)
{
    json_t      *c;
    test_api_t   t;

    (void) state;

    test_api_start(&t);

    test_make(&t, "{'DomainName': 'a.example.com', 'ValidationMethod':"
              " 'DNS'}");

    /* its issuer is not configured any more */

    t.engine.nissuers = 0;
    test_api_run(&t);
    t.now += 72 * 3600 - 1;
    test_api_run(&t);
    c = test_describe(&t);
    test_is(c, "Status", "PENDING_VALIDATION");
    json_decref(c);

    t.now += 2 * 86400;
    test_api_run(&t);
    c = test_describe(&t);
    test_is(c, "Status", "VALIDATION_TIMED_OUT");
    json_decref(c);

    test_api_fault(&t, "GetCertificate",
                   test_with_arn("{'CertificateArn': '%s'}"),
                   "RequestInProgressException", NULL);
    test_api_fault(&t, "RenewCertificate", test_body, "ValidationException",
                   NULL);
    json_decref(test_api_ok(&t, "DeleteCertificate", test_body));

    test_api_stop(&t);
}


static unsigned
test_listed(test_api_t *t, const char *status)
{
    char      body[128];
    size_t    n;
    json_t   *list;

    snprintf(body, sizeof(body), "{'CertificateStatuses': ['%s'],"
             " 'Includes': {'keyTypes': ['EC_prime256v1']}}", status);
    list = test_api_ok(t, "ListCertificates", body);
    n = json_array_size(json_object_get(list, "CertificateSummaryList"));
    json_decref(list);

    return (unsigned) n;
}


/* What no CA issues for has failed, for the one name that it is. */

static void
test_failed(void **state)
{
    size_t       i;
    json_t      *c, *list;
    test_api_t   t;

    static const char *const  statuses[] = {
        "PENDING_VALIDATION", "FAILED", "PENDING_VALIDATION"
    };

    (void) state;

    test_api_start(&t);

    t.issuer.directory = "https://ca.example/directory";
    t.issuer.public_names = 1;

    test_make(&t, "{'DomainName': 'a.example.com', 'ValidationMethod':"
              " 'DNS', 'KeyAlgorithm': 'EC_prime256v1',"
              " 'SubjectAlternativeNames': ['*.example.internal',"
              " 'b.example.com']}");
    assert_int_equal(test_listed(&t, "FAILED"), 0);

    test_api_run(&t);
    c = test_describe(&t);
    test_is(c, "Status", "FAILED");
    test_is(c, "FailureReason", "INVALID_PUBLIC_DOMAIN");
    test_is(c, "RenewalEligibility", "INELIGIBLE");
    assert_null(json_object_get(c, "RenewalSummary"));
    list = json_object_get(c, "DomainValidationOptions");
    assert_int_equal(json_array_size(list), 3);

    for (i = 0; i < 3; i++) {
        test_is(json_array_get(list, i), "ValidationStatus", statuses[i]);
    }

    json_decref(c);

    assert_int_equal(test_listed(&t, "FAILED"), 1);
    assert_int_equal(test_listed(&t, "PENDING_VALIDATION"), 0);

    c = test_api_ok(&t, "ListCertificateDomainValidations",
                    test_with_arn("{'CertificateArn': '%s'}"));
    list = json_object_get(c, "DomainValidationSummaryList");

    for (i = 0; i < 3; i++) {
        test_is(json_object_get(json_array_get(list, i),
                                "ActiveValidationConfiguration"),
                "ValidationStatus", statuses[i]);
    }

    json_decref(c);

    test_api_fault(&t, "GetCertificate", test_body,
                   "RequestInProgressException", NULL);
    test_api_fault(&t, "RenewCertificate", test_body, "ValidationException",
                   NULL);
    test_api_fault(&t, "ExportCertificate",
                   test_with_arn("{'CertificateArn': '%s', 'Passphrase':"
                                 " 'c2VjcmV0'}"),
                   "ValidationException", NULL);
    test_api_fault(&t, "RevokeCertificate",
                   test_with_arn("{'CertificateArn': '%s',"
                                 " 'RevocationReason': 'SUPERSEDED'}"),
                   "ValidationException", NULL);

    /* and stays so */

    t.now += 100 * 86400;
    test_api_run(&t);
    c = test_describe(&t);
    test_is(c, "FailureReason", "INVALID_PUBLIC_DOMAIN");
    json_decref(c);

    json_decref(test_api_ok(&t, "DeleteCertificate",
                            test_with_arn("{'CertificateArn': '%s'}")));

    test_api_stop(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_idempotency),
        cmocka_unit_test(test_import),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_failed),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_request),
    };

    return cmocka_run_group_tests_name("acm_api", tests, NULL, NULL);
}
