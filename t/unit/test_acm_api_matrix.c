
/*
 * Copyright (C) The ngx_acm authors
 *
 * Every operation that is about a certificate, in every state that one can
 * have, and the order of checks.
 */


#include "acm_certificate_impl.h"
#include "test_import.h"


typedef enum {
    TEST_PENDING,
    TEST_PENDING_EMAIL,
    TEST_ISSUED,                 /* Export is DISABLED */
    TEST_ISSUED_EMAIL,
    TEST_EXPORTABLE,
    TEST_EXPORTED,
    TEST_EXPORTED_USED,
    TEST_USED,
    TEST_RENEWING_EMAIL,         /* a renewal waits for a mail */
    TEST_PRIVATE,
    TEST_PRIVATE_EXPORTED,
    TEST_PRIVATE_USED,
    TEST_PRIVATE_PENDING,
    TEST_PRIVATE_FAILED,
    TEST_IMPORTED,
    TEST_IMPORTED_USED,
    TEST_IMPORTED_EXPIRED,
    TEST_FAILED,
    TEST_TIMED_OUT,
    TEST_EXPIRED,                /* Export is ENABLED */
    TEST_EXPIRED_USED,
    TEST_REVOKED,
    TEST_STATES
} test_state_e;


typedef struct {
    const char  *name;
    const char  *body;           /* with an ARN; NULL: of an import */
} test_op_t;

#define TEST_OPS  12

static const test_op_t  test_ops[TEST_OPS] = {
    { "DescribeCertificate", "{'CertificateArn': '%s'}" },
    { "ListTagsForCertificate", "{'CertificateArn': '%s'}" },
    { "AddTagsToCertificate", "{'CertificateArn': '%s', 'Tags': [{'Key':"
      " 'k', 'Value': 'v'}]}" },
    { "RemoveTagsFromCertificate", "{'CertificateArn': '%s', 'Tags':"
      " [{'Key': 'k'}]}" },
    { "GetCertificate", "{'CertificateArn': '%s'}" },
    { "ExportCertificate", "{'CertificateArn': '%s', 'Passphrase':"
      " 'c2VjcmV0'}" },
    { "RenewCertificate", "{'CertificateArn': '%s'}" },
    { "RevokeCertificate", "{'CertificateArn': '%s', 'RevocationReason':"
      " 'SUPERSEDED'}" },
    { "UpdateCertificateOptions", "{'CertificateArn': '%s', 'Options':"
      " {'CertificateTransparencyLoggingPreference': 'DISABLED'}}" },
    { "ResendValidationEmail", "{'CertificateArn': '%s', 'Domain':"
      " 'www.example.com', 'ValidationDomain': 'example.com'}" },
    { "ImportCertificate", NULL },
    { "DeleteCertificate", "{'CertificateArn': '%s'}" }
};


/* for each operation: Ok, Validation-, request in Progress-, Conflict-,
   invalid State-, in Use exception */

static const char *const  test_matrix[TEST_STATES] = {
    [TEST_PENDING]          = "OOOOPPPCSSVO",
    [TEST_PENDING_EMAIL]    = "OOOOPPPCSOVO",
    [TEST_ISSUED]           = "OOOOOVVVOSVO",
    [TEST_ISSUED_EMAIL]     = "OOOOOVVVOSVO",
    [TEST_EXPORTABLE]       = "OOOOOOVVOSVO",
    [TEST_EXPORTED]         = "OOOOOOOOOSVO",
    [TEST_EXPORTED_USED]    = "OOOOOOOUOSVU",
    [TEST_USED]             = "OOOOOVOVOSVU",
    [TEST_RENEWING_EMAIL]   = "OOOOOVVVOOVO",
    [TEST_PRIVATE]          = "OOOOOOVVSSVO",
    [TEST_PRIVATE_EXPORTED] = "OOOOOOOOSSVO",
    [TEST_PRIVATE_USED]     = "OOOOOOOVSSVU",
    [TEST_PRIVATE_PENDING]  = "OOOOPPPCSSVO",
    [TEST_PRIVATE_FAILED]   = "OOOOPVVVSSVO",
    [TEST_IMPORTED]         = "OOOOOVVVSSOO",
    [TEST_IMPORTED_USED]    = "OOOOOVVVSSOU",
    [TEST_IMPORTED_EXPIRED] = "OOOOOVVVSSOO",
    [TEST_FAILED]           = "OOOOPVVVSSVO",
    [TEST_TIMED_OUT]        = "OOOOPVVVSSVO",
    [TEST_EXPIRED]          = "OOOOOOVVSSVO",
    [TEST_EXPIRED_USED]     = "OOOOOOVVSSVU",
    [TEST_REVOKED]          = "OOOOOOVOSSVO"
};


/* what is said, with the ARN for %s; operations by their place above */

static const struct {
    test_state_e   state;
    unsigned       op;
    const char    *text;
} test_texts[] = {
    { TEST_PENDING, 4, "The certificate %s is in status PENDING_VALIDATION "
      "and has not been issued yet." },
    { TEST_PENDING, 5, "The certificate %s is in status PENDING_VALIDATION "
      "and has not been issued yet." },
    { TEST_FAILED, 4, "The certificate %s is in status FAILED and has not "
      "been issued yet." },
    { TEST_TIMED_OUT, 4, "The certificate %s is in status "
      "VALIDATION_TIMED_OUT and has not been issued yet." },
    { TEST_ISSUED, 5, "Certificate ARN: %s is not a private certificate" },
    { TEST_IMPORTED, 5, "Certificate ARN: %s is not a private certificate" },
    { TEST_PRIVATE_FAILED, 5, "The certificate %s is in status FAILED and "
      "cannot be exported." },
    { TEST_PENDING, 6, "The certificate %s has not been issued yet." },
    { TEST_EXPORTABLE, 6, "Certificate ARN %s has not been exported so it is "
      "not eligible for the Renew Certificate API." },
    { TEST_PRIVATE, 6, "Certificate ARN %s has not been exported so it is not "
      "eligible for the Renew Certificate API." },
    { TEST_IMPORTED, 6, "Certificate ARN %s was imported so it is not "
      "eligible for the Renew Certificate API." },
    { TEST_EXPIRED, 6, "Certificate ARN %s is in status EXPIRED so it is not "
      "eligible for the Renew Certificate API." },
    { TEST_REVOKED, 6, "Certificate ARN %s is in status REVOKED so it is not "
      "eligible for the Renew Certificate API." },
    { TEST_PENDING, 7, "The certificate %s has not been issued yet." },
    { TEST_EXPORTABLE, 7, "Certificate ARN %s has not been exported so it "
      "cannot be revoked." },
    { TEST_IMPORTED, 7, "Certificate ARN %s was imported and cannot be "
      "revoked." },
    { TEST_FAILED, 7, "Certificate ARN %s is in status FAILED and cannot be "
      "revoked." },
    { TEST_PRIVATE, 8, "The UpdateCertificateOptions command is not permitted "
      "for private certificates." },
    { TEST_IMPORTED, 8, "The UpdateCertificateOptions command is not "
      "permitted for imported certificates." },
    { TEST_PENDING, 8, "The UpdateCertificateOptions command is not permitted "
      "for a certificate in status PENDING_VALIDATION." },
    { TEST_ISSUED, 9, "The certificate %s does not wait for an approval by "
      "email." },
    { TEST_ISSUED, 10, "Certificate %s was not imported: only an imported "
      "certificate can be imported again." },
    { TEST_USED, 11, "Certificate %s in account 123456789012 is in use. It is "
      "used by arn:aws:nginx:us-east-1:123456789012:server/www.example.com."
    }
};


/* the certificate that is imported, and again */

static char  *test_leaf, *test_leaf_key;


/* Sets what no call sets. */

static void
test_set(test_api_t *t, acm_status_e status, acm_renewal_e renewal)
{
    uint64_t     revision;
    acm_cert_t   cert, next;
    acm_snap_t  *snap;

    test_ok(acm_store_begin(t->store, &snap, NULL));
    test_ok(acm_cert_get(snap, TEST_ACCOUNT, TEST_REGION,
                         test_arn + strlen(TEST_ARN), &cert, &revision));
    acm_store_end(snap);

    next = cert;
    next.status = status;
    next.renewal = renewal;

    if (renewal != ACM_RENEWAL_NONE) {
        next.due = ACM_DUE_RENEW;
        next.due_at = t->now + 3600;

    } else if (status != ACM_STATUS_ISSUED) {
        next.due = ACM_DUE_NONE;
        next.due_at = 0;
    }

    test_ok(acm_certificate_update(t->store, &cert, revision, &next, NULL,
                                   t->now, NULL));
    acm_cert_free(&cert);
}


static void
test_use(test_api_t *t)
{
    memcpy(t->server.uuid, test_arn + strlen(TEST_ARN), ACM_UUID_LEN);
    t->server.name = "www.example.com";
    t->conf.servers = &t->server;
    t->conf.nservers = 1;
}


static void
test_reach_import(test_api_t *t, test_state_e state)
{
    json_t  *json;

    test_import_body(test_leaf, test_leaf_key, NULL, "");
    json = test_api_ok(t, "ImportCertificate", test_body);
    snprintf(test_arn, sizeof(test_arn), "%s",
             json_string_value(json_object_get(json, "CertificateArn")));
    json_decref(json);

    if (state == TEST_IMPORTED_USED) {
        test_use(t);
    }

    /* what is imported instead is valid */

    if (state == TEST_IMPORTED_EXPIRED) {
        test_set(t, ACM_STATUS_EXPIRED, ACM_RENEWAL_NONE);
    }
}


static void
test_reach(test_api_t *t, test_state_e state)
{
    int  email, exportable, private;

    if (state >= TEST_IMPORTED && state <= TEST_IMPORTED_EXPIRED) {
        test_reach_import(t, state);
        return;
    }

    email = (state == TEST_PENDING_EMAIL || state == TEST_ISSUED_EMAIL
             || state == TEST_RENEWING_EMAIL);
    private = (state >= TEST_PRIVATE && state <= TEST_PRIVATE_FAILED);
    exportable = (state == TEST_EXPORTABLE || state == TEST_EXPORTED
                  || state == TEST_EXPORTED_USED || state >= TEST_EXPIRED);

    snprintf(test_body, sizeof(test_body), "{'DomainName': 'www.example.com',"
             " 'KeyAlgorithm': 'EC_prime256v1', 'ValidationMethod': '%s',"
             " 'Options': {'Export': '%s'}%s}", email ? "EMAIL" : "DNS",
             exportable ? "ENABLED" : "DISABLED",
             private ? ", 'CertificateAuthorityArn': 'arn:aws:acm-pca:"
                       TEST_REGION ":" TEST_ACCOUNT
                       ":certificate-authority/internal'" : "");
    test_make(t, test_body);

    switch (state) {

    case TEST_PENDING:
    case TEST_PENDING_EMAIL:
    case TEST_PRIVATE_PENDING:
        return;

    case TEST_FAILED:
    case TEST_PRIVATE_FAILED:
        test_set(t, ACM_STATUS_FAILED, ACM_RENEWAL_NONE);
        return;

    case TEST_TIMED_OUT:
        test_set(t, ACM_STATUS_VALIDATION_TIMED_OUT, ACM_RENEWAL_NONE);
        return;

    default:
        test_api_run(t);
    }

    if (state == TEST_EXPORTED || state == TEST_EXPORTED_USED
        || state == TEST_PRIVATE_EXPORTED || state == TEST_REVOKED)
    {
        json_decref(test_api_ok(t, "ExportCertificate",
                                test_with_arn(test_ops[5].body)));
    }

    if (state == TEST_REVOKED) {
        json_decref(test_api_ok(t, "RevokeCertificate",
                                test_with_arn(test_ops[7].body)));
    }

    if (state == TEST_EXPORTED_USED || state == TEST_USED
        || state == TEST_PRIVATE_USED || state == TEST_EXPIRED_USED)
    {
        test_use(t);
    }

    if (state == TEST_RENEWING_EMAIL) {
        test_set(t, ACM_STATUS_ISSUED, ACM_RENEWAL_PENDING_VALIDATION);
    }

    if (state == TEST_EXPIRED || state == TEST_EXPIRED_USED) {
        t->now += 400 * 86400;
    }
}


static const char *
test_letter(char c)
{
    switch (c) {

    case 'V':
        return "ValidationException";

    case 'P':
        return "RequestInProgressException";

    case 'C':
        return "ConflictException";

    case 'S':
        return "InvalidStateException";

    case 'U':
        return "ResourceInUseException";

    default:
        return "";
    }
}


static const char *
test_call_body(const test_op_t *op)
{
    char  more[ACM_MAX_ARN + 32];

    if (op->body != NULL) {
        return test_with_arn(op->body);
    }

    snprintf(more, sizeof(more), ", 'CertificateArn': '%s'", test_arn);
    test_import_body(test_leaf, test_leaf_key, NULL, more);

    return test_body;
}


static void
test_cells(void **state)
{
    char         text[2 * ACM_MAX_ARN];
    size_t       i;
    unsigned     op, s;
    test_api_t   t;

    (void) state;

    for (s = 0; s < TEST_STATES; s++) {
        for (op = 0; op < TEST_OPS; op++) {
            test_api_start(&t);
            test_reach(&t, s);

            json_decref(test_api(&t, test_ops[op].name,
                                 test_call_body(&test_ops[op])));

            if (strcmp(t.fault, test_letter(test_matrix[s][op])) != 0) {
                print_error("state %u: %s: %s: %s\n", s, test_ops[op].name,
                            t.fault, t.message);
                fail();
            }

            for (i = 0; i < sizeof(test_texts) / sizeof(test_texts[0]); i++) {
                if (test_texts[i].state == s && test_texts[i].op == op) {
                    snprintf(text, sizeof(text), test_texts[i].text,
                             test_arn);
                    assert_string_equal(t.message, text);
                }
            }

            test_api_stop(&t);
        }
    }
}


/* RenewalEligibility and RenewalSummary, from event to event. */

static void
test_renewals(void **state)
{
    json_t      *c;
    test_api_t   t;

    (void) state;

    test_api_start(&t);
    test_reach(&t, TEST_EXPORTABLE);

    c = test_describe(&t);
    test_is(c, "RenewalEligibility", "INELIGIBLE");
    assert_null(json_object_get(c, "RenewalSummary"));
    json_decref(c);

    test_use(&t);
    c = test_describe(&t);
    test_is(c, "RenewalEligibility", "ELIGIBLE");
    assert_null(json_object_get(c, "RenewalSummary"));
    json_decref(c);

    t.conf.nservers = 0;
    c = test_describe(&t);
    test_is(c, "RenewalEligibility", "INELIGIBLE");
    json_decref(c);

    json_decref(test_api_ok(&t, "ExportCertificate",
                            test_with_arn(test_ops[5].body)));
    c = test_describe(&t);
    test_is(c, "RenewalEligibility", "ELIGIBLE");
    assert_null(json_object_get(c, "RenewalSummary"));
    json_decref(c);

    t.now += 7;
    json_decref(test_api_ok(&t, "RenewCertificate",
                            test_with_arn(test_ops[6].body)));
    c = test_describe(&t);
    test_is(c, "RenewalEligibility", "ELIGIBLE");
    test_is(c, "Status", "ISSUED");
    test_is(json_object_get(c, "RenewalSummary"), "RenewalStatus",
            "PENDING_AUTO_RENEWAL");
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(c, "RenewalSummary"), "UpdatedAt")),
                     t.now);
    json_decref(c);

    t.now++;
    test_api_run(&t);
    c = test_describe(&t);
    test_is(c, "RenewalEligibility", "INELIGIBLE");
    test_is(json_object_get(c, "RenewalSummary"), "RenewalStatus", "SUCCESS");
    test_is(json_object_get(c, "RenewalSummary"), "RenewalStatusReason",
            NULL);
    json_decref(c);

    test_use(&t);
    c = test_describe(&t);
    test_is(c, "RenewalEligibility", "ELIGIBLE");
    json_decref(c);

    t.now += 400 * 86400;
    c = test_describe(&t);
    test_is(c, "Status", "EXPIRED");
    test_is(c, "RenewalEligibility", "INELIGIBLE");
    json_decref(c);

    test_api_stop(&t);
}


/* Each reason, with both ways to spell one, comes back as it was given. */

static void
test_reasons(void **state)
{
    char         body[1024];
    size_t       i;
    json_t      *c;
    test_api_t   t;

    static const char *const  reasons[] = {
        "UNSPECIFIED", "KEY_COMPROMISE", "CA_COMPROMISE",
        "AFFILIATION_CHANGED", "SUPERCEDED", "SUPERSEDED",
        "CESSATION_OF_OPERATION", "CERTIFICATE_HOLD", "REMOVE_FROM_CRL",
        "PRIVILEGE_WITHDRAWN", "A_A_COMPROMISE"
    };

    (void) state;

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        test_api_start(&t);
        test_reach(&t, TEST_EXPORTED);

        snprintf(body, sizeof(body), "{'CertificateArn': '%s',"
                 " 'RevocationReason': '%s'}", test_arn, reasons[i]);
        c = test_api_ok(&t, "RevokeCertificate", body);
        test_is(c, "CertificateArn", test_arn);
        json_decref(c);

        c = test_describe(&t);
        test_is(c, "Status", "REVOKED");
        test_is(c, "RevocationReason", reasons[i]);
        assert_int_equal(json_integer_value(json_object_get(c, "RevokedAt")),
                         t.now);
        json_decref(c);

        test_api_stop(&t);
    }
}


static acm_rc_t
test_nobody(void *data, const acm_api_caller_t *caller,
    const acm_api_access_t *access, char *message)
{
    (void) caller;
    (void) access;

    snprintf(message, ACM_MAX_API_DENIED, "no");

    return *(acm_rc_t *) data;
}


/* Each is wrong in one more way than the one before it: the first counts. */

static void
test_order(void **state)
{
    acm_rc_t           rc;
    test_api_t         t;
    acm_api_limits_t   limits;

    static const char  other[] =
        "{'CertificateArn': 'arn:aws:acm:" TEST_REGION ":" TEST_ACCOUNT
        ":acme-endpoint/a'}";

    (void) state;

    test_api_start(&t);
    t.conf.authorize = test_nobody;
    t.conf.data = &rc;

    rc = ACM_DENIED;

    test_api_fault(&t, "Nonsense", "{", "UnknownOperationException", "");
    test_api_fault(&t, "DescribeCertificate", "{", "SerializationException",
                   NULL);
    test_api_fault(&t, "DescribeCertificate", "{'CertificateArn': 5}",
                   "SerializationException", NULL);
    test_api_fault(&t, "DescribeCertificate", "{}", "ValidationException",
                   NULL);
    test_api_fault(&t, "DescribeCertificate", other, "AccessDeniedException",
                   "no");
    test_api_fault(&t, "DescribeCertificate",
                   "{'CertificateArn': '" TEST_NONE "'}",
                   "AccessDeniedException", "no");

    rc = ACM_OK;

    test_api_fault(&t, "DescribeCertificate", other, "InvalidArnException",
                   "The ARN arn:aws:acm:" TEST_REGION ":" TEST_ACCOUNT
                   ":acme-endpoint/a is not that of a certificate.");
    test_api_fault(&t, "DescribeCertificate",
                   "{'CertificateArn': '" TEST_NONE "'}",
                   "ResourceNotFoundException", "Could not find certificate "
                   TEST_NONE " in account " TEST_ACCOUNT ".");

    /* the state before what is wanted of it, and that before a quota */

    test_reach(&t, TEST_PENDING);
    test_api_fault(&t, "UpdateCertificateOptions",
                   test_with_arn("{'CertificateArn': '%s', 'Options':"
                                 " {'Export': 'ENABLED'}}"),
                   "InvalidStateException", NULL);
    test_api_fault(&t, "ResendValidationEmail",
                   test_with_arn("{'CertificateArn': '%s', 'Domain':"
                                 " 'other.com', 'ValidationDomain':"
                                 " 'example.org'}"),
                   "InvalidStateException", NULL);

    /* a quota is met */

    test_import_body(test_leaf, test_leaf_key, NULL, "");
    json_decref(test_api_ok(&t, "ImportCertificate", test_body));

    memset(&limits, 0, sizeof(limits));
    limits.quotas[ACM_QUOTA_CERTIFICATES] = 1;
    limits.quotas[ACM_QUOTA_IMPORTED] = 1;
    t.conf.limits = &limits;

    test_api_fault(&t, "RequestCertificate", "{'DomainName': '*.example.com',"
                   " 'ValidationMethod': 'HTTP'}", "ValidationException",
                   "HTTP validation is not possible for the wildcard "
                   "*.example.com.");
    test_import_body("x", test_leaf_key, NULL, "");
    test_api_fault(&t, "ImportCertificate", test_body, "ValidationException",
                   NULL);
    test_import_body(test_leaf, test_leaf_key, NULL, "");
    test_api_fault(&t, "ImportCertificate", test_body,
                   "LimitExceededException", NULL);

    test_api_stop(&t);
}


/* ARNs that are none, of others, and of nothing. */

static void
test_arns(void **state)
{
    char         body[8192];
    size_t       i, n;
    test_api_t   t;

    static char  longest[2048 + 1], longer[2049 + 1];

    static const struct {
        const char  *arn;
        const char  *fault;
    } arns[] = {
        { TEST_NONE, "ResourceNotFoundException" },
        { "arn:aws:acm:eu-west-1:" TEST_ACCOUNT ":certificate/"
          "11111111-2222-4333-8444-555555555555",
          "ResourceNotFoundException" },
        { "arn:aws:acm:" TEST_REGION ":999999999999:certificate/"
          "11111111-2222-4333-8444-555555555555",
          "ResourceNotFoundException" },
        { "arn:aws-cn:acm:" TEST_REGION ":" TEST_ACCOUNT ":certificate/"
          "11111111-2222-4333-8444-555555555555",
          "ResourceNotFoundException" },
        { TEST_ARN "_0000000-0000-0000-0000-000000000000",
          "ResourceNotFoundException" },
        { TEST_ARN "x", "ResourceNotFoundException" },
        { TEST_ARN "../../x", "ResourceNotFoundException" },
        { TEST_ARN "11111111-2222-4333-8444-55555555555A",
          "ResourceNotFoundException" },
        { "arn:aws:acm:" TEST_REGION ":" TEST_ACCOUNT ":certificate",
          "InvalidArnException" },
        { "arn:aws:acm:" TEST_REGION ":" TEST_ACCOUNT ":acme-endpoint/x",
          "InvalidArnException" },
        { "arn:aws:iam::" TEST_ACCOUNT ":server-certificate/x",
          "ValidationException" },
        { "arn:aws:acm:" TEST_REGION ":" TEST_ACCOUNT ":certificate/",
          "ValidationException" },
        { "arn:aws:acm:" TEST_REGION ":" TEST_ACCOUNT ":certificate/a b",
          "ValidationException" },
        { "not-an-arn", "ValidationException" },
        { "", "ValidationException" },
        { longest, "ResourceNotFoundException" },
        { longer, "ValidationException" }
    };

    static const char *const  operations[] = {
        "DescribeCertificate", "DeleteCertificate", "GetCertificate",
        "ListTagsForCertificate", "RenewCertificate",
        "ListCertificateDomainValidations"
    };

    (void) state;

    test_api_start(&t);
    memset(longest, 'a', sizeof(longest) - 1);
    memcpy(longest, TEST_ARN, strlen(TEST_ARN));
    memset(longer, 'a', sizeof(longer) - 1);
    memcpy(longer, TEST_ARN, strlen(TEST_ARN));

    for (n = 0; n < sizeof(operations) / sizeof(operations[0]); n++) {
        for (i = 0; i < sizeof(arns) / sizeof(arns[0]); i++) {
            snprintf(body, sizeof(body), "{'CertificateArn': '%s'}",
                     arns[i].arn);
            json_decref(test_api(&t, operations[n], body));

            if (strcmp(t.fault, arns[i].fault) != 0) {
                print_error("%s %s: %s: %s\n", operations[n], arns[i].arn,
                            t.fault, t.message);
                fail();
            }
        }
    }

    /* of a resource that has tags and is no certificate there is none here */

    test_api_fault(&t, "ListTagsForResource", "{'ResourceArn': 'arn:aws:acm:"
                   TEST_REGION ":" TEST_ACCOUNT ":acme-endpoint/x'}",
                   "ResourceNotFoundException", NULL);

    test_api_stop(&t);
}


static int
test_start(void **state)
{
    test_cert_t  c;

    (void) state;

    memset(&c, 0, sizeof(c));
    c.pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    c.subject = c.issuer = "www.example.com";
    c.san = "DNS:www.example.com";
    c.from = -60;
    c.to = 800 * 86400;
    test_leaf = test_cert(&c);
    test_leaf_key = test_key(c.pkey, 0, NULL);
    EVP_PKEY_free(c.pkey);

    return 0;
}


static int
test_end(void **state)
{
    (void) state;

    free(test_leaf);
    free(test_leaf_key);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_renewals),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_arns),
    };

    return cmocka_run_group_tests_name("acm_api_matrix", tests, test_start,
                                       test_end);
}
