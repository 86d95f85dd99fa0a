
/*
 * Copyright (C) The ngx_acm authors
 *
 * Records of the audit log, member by member as in ACM's user guide, and
 * their chain: what is changed, missing, swapped or torn is found.
 */


#include <openssl/sha.h>

#include "acm_audit.h"
#include "test.h"


#define TEST_ARN   "arn:aws:acm:us-east-1:123456789012:certificate/"          \
                   "12345678-1234-1234-1234-123456789012"
#define TEST_ALICE "arn:aws:iam::123456789012:user/Alice"
#define TEST_LINES 50


static acm_audit_t
test_call(void)
{
    acm_audit_t  call;

    memset(&call, 0, sizeof(acm_audit_t));

    call.account = "123456789012";
    call.arn = TEST_ALICE;
    call.principal = "AIDACKCEVSQ6C2EXAMPLE";
    call.key_id = "AKIAIOSFODNN7EXAMPLE";
    call.address = "192.0.2.0";
    call.agent = "aws-cli/1.9.15";
    call.region = "us-east-1";
    call.request_id = "77dacef3-ec9c-11e5-ac34-d1e4dfe1a11b";
    call.now = 1458259249;

    return call;
}


/* The record of a call, parsed; its line is checked on the way. */

static json_t *
test_record(const acm_audit_t *call)
{
    json_t            *json, *chain;
    uint8_t            previous[ACM_HASH_LEN];
    acm_err_t          err;
    acm_buf_t          line;
    acm_audit_link_t   link, parsed;

    memset(&link, 0, sizeof(link));
    acm_buf_init(&line, ACM_MAX_AUDIT_LINE + 1);

    test_ok(acm_audit_record(call, &link, &line, &err));
    assert_int_equal(link.number, 1);
    assert_int_equal(line.data[line.len - 1], '\n');
    assert_null(memchr(line.data, '\n', line.len - 1));
    test_ok(acm_audit_parse(line.data, line.len - 1, &parsed, previous));
    assert_int_equal(parsed.number, 1);
    assert_memory_equal(parsed.hash, link.hash, ACM_HASH_LEN);

    test_ok(acm_json_parse(line.data, line.len - 1, ACM_MAX_AUDIT_LINE, &json,
                           &err));
    chain = acm_json_object(json, "ngxAcmChain");
    assert_non_null(chain);
    assert_int_equal(json_integer_value(json_object_get(chain, "number")), 1);

    acm_buf_free(&line);

    return json;
}


static json_t *
test_json(const char *text)
{
    json_t  *json;

    json = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(json);

    return json;
}


/* A member is as this text; "" is not there. */

static void
test_is(json_t *json, const char *name, const char *text)
{
    char    *got;
    json_t  *want;

    if (*text == '\0') {
        assert_null(json_object_get(json, name));
        return;
    }

    want = test_json(text);

    if (!json_equal(json_object_get(json, name), want)) {
        got = json_dumps(json_object_get(json, name), JSON_ENCODE_ANY);
        print_error("%s: %s\n", name, got);
        free(got);
        fail();
    }

    json_decref(want);
}


/* The samples of the guide: what the client sent, what is logged. */

static void
test_samples(void **state)
{
    size_t       i;
    json_t      *json;
    acm_audit_t  call;

    static const struct {
        const char  *operation;
        unsigned     changes;
        const char  *request;
        const char  *response;
        const char  *parameters;
        const char  *elements;
    } samples[] = {
        { "AddTagsToCertificate", 1,
          "{\"CertificateArn\":\"" TEST_ARN "\",\"Tags\":[{\"Key\":\"Admin\","
          "\"Value\":\"Alice\"}]}", "{}",
          "{\"tags\":[{\"value\":\"Alice\",\"key\":\"Admin\"}],"
          "\"certificateArn\":\"" TEST_ARN "\"}", "null" },
        { "DeleteCertificate", 1, "{\"CertificateArn\":\"" TEST_ARN "\"}",
          "{}", "{\"certificateArn\":\"" TEST_ARN "\"}", "null" },
        { "DescribeCertificate", 0, "{\"CertificateArn\":\"" TEST_ARN "\"}",
          "{\"Certificate\":{\"DomainName\":\"example.com\"}}",
          "{\"certificateArn\":\"" TEST_ARN "\"}", "null" },
        { "ExportCertificate", 1,
          "{\"CertificateArn\":\"" TEST_ARN "\",\"Passphrase\":\"c2VjcmV0\"}",
          "{\"Certificate\":\"C\",\"CertificateChain\":\"CC\","
          "\"PrivateKey\":\"K\"}",
          "{\"certificateArn\":\"" TEST_ARN "\","
          "\"passphrase\":\"HIDDEN_DUE_TO_SECURITY_REASONS\"}",
          "{\"certificateChain\":\"CC\",\"certificate\":\"C\","
          "\"privateKey\":\"HIDDEN_DUE_TO_SECURITY_REASONS\"}" },
        { "ImportCertificate", 1,
          "{\"Certificate\":\"YWJj\",\"PrivateKey\":\"a2V5\","
          "\"CertificateChain\":\"YWI=\"}", NULL,
          "{\"privateKey\":\"HIDDEN_DUE_TO_SECURITY_REASONS\","
          "\"certificateChain\":{\"hb\":[\"...\"],\"offset\":0,"
          "\"isReadOnly\":false,\"bigEndian\":true,"
          "\"nativeByteOrder\":false,\"mark\":-1,\"position\":0,\"limit\":2,"
          "\"capacity\":2,\"address\":0,\"sha256\":\"fb8e20fc2e4c3f248c60c39b"
          "d652f3c1347298bb977b8b4d5903b85055620603\"},"
          "\"certificate\":{\"hb\":[\"...\"],\"offset\":0,"
          "\"isReadOnly\":false,\"bigEndian\":true,"
          "\"nativeByteOrder\":false,\"mark\":-1,\"position\":0,\"limit\":3,"
          "\"capacity\":3,\"address\":0,\"sha256\":\"ba7816bf8f01cfea414140de"
          "5dae2223b00361a396177a9cb410ff61f20015ad\"}}",
          "{\"certificateArn\":\"" TEST_ARN "\"}" },
        { "ListCertificates", 0,
          "{\"MaxItems\":1000,\"CertificateStatuses\":[\"ISSUED\"]}",
          "{\"CertificateSummaryList\":[]}",
          "{\"maxItems\":1000,\"certificateStatuses\":[\"ISSUED\"]}",
          "null" },
        { "ListTagsForCertificate", 0,
          "{\"CertificateArn\":\"" TEST_ARN "\"}", "{\"Tags\":[]}",
          "{\"certificateArn\":\"" TEST_ARN "\"}", "null" },
        { "RemoveTagsFromCertificate", 1,
          "{\"CertificateArn\":\"" TEST_ARN "\",\"Tags\":[{\"Key\":\"Admin\","
          "\"Value\":\"Bob\"}]}", NULL,
          "{\"certificateArn\":\"" TEST_ARN "\",\"tags\":[{\"value\":\"Bob\","
          "\"key\":\"Admin\"}]}", "null" },
        { "RequestCertificate", 1,
          "{\"DomainName\":\"example.com\",\"ValidationMethod\":\"DNS\","
          "\"IdempotencyToken\":\"8186023d89681c3ad5\","
          "\"Options\":{\"Export\":\"ENABLED\"},"
          "\"KeyAlgorithm\":\"RSA_2048\"}",
          "{\"CertificateArn\":\"" TEST_ARN "\"}",
          "{\"domainName\":\"example.com\",\"validationMethod\":\"DNS\","
          "\"idempotencyToken\":\"8186023d89681c3ad5\","
          "\"options\":{\"export\":\"ENABLED\"},"
          "\"keyAlgorithm\":\"RSA_2048\"}",
          "{\"certificateArn\":\"" TEST_ARN "\"}" },
        { "RevokeCertificate", 1,
          "{\"CertificateArn\":\"" TEST_ARN "\","
          "\"RevocationReason\":\"UNSPECIFIED\"}", NULL,
          "{\"certificateArn\":\"" TEST_ARN "\","
          "\"revocationReason\":\"UNSPECIFIED\"}",
          "{\"certificateArn\":\"" TEST_ARN "\"}" },
        { "ResendValidationEmail", 1,
          "{\"Domain\":\"example.com\",\"CertificateArn\":\"" TEST_ARN "\","
          "\"ValidationDomain\":\"example.com\"}", "{}",
          "{\"domain\":\"example.com\",\"certificateArn\":\"" TEST_ARN "\","
          "\"validationDomain\":\"example.com\"}", "null" },
        { "GetCertificate", 0, "{\"CertificateArn\":\"" TEST_ARN "\"}",
          "{\"Certificate\":\"C\",\"CertificateChain\":\"CC\"}",
          "{\"certificateArn\":\"" TEST_ARN "\"}",
          "{\"certificateChain\":\"CC\",\"certificate\":\"C\"}" },
        { "GetAccountConfiguration", 0, "{}",
          "{\"ExpiryEvents\":{\"DaysBeforeExpiry\":45}}", "null", "null" }
    };

    (void) state;

    for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        json_t  *request, *response;

        request = test_json(samples[i].request);
        response = samples[i].response ? test_json(samples[i].response)
                                       : NULL;

        call = test_call();
        call.operation = samples[i].operation;
        call.changes = samples[i].changes & 1;
        call.parameters = request;
        call.response = response;
        call.resource = TEST_ARN;

        json = test_record(&call);

        test_is(json, "eventVersion", "\"1.11\"");
        test_is(json, "userIdentity",
                "{\"type\":\"IAMUser\","
                "\"principalId\":\"AIDACKCEVSQ6C2EXAMPLE\","
                "\"arn\":\"" TEST_ALICE "\",\"accountId\":\"123456789012\","
                "\"accessKeyId\":\"AKIAIOSFODNN7EXAMPLE\","
                "\"userName\":\"Alice\"}");
        test_is(json, "eventTime", "\"2016-03-18T00:00:49Z\"");
        test_is(json, "eventSource", "\"acm.amazonaws.com\"");
        assert_string_equal(acm_json_string(json, "eventName"),
                            samples[i].operation);
        test_is(json, "awsRegion", "\"us-east-1\"");
        test_is(json, "sourceIPAddress", "\"192.0.2.0\"");
        test_is(json, "userAgent", "\"aws-cli/1.9.15\"");
        test_is(json, "errorCode", "");
        test_is(json, "errorMessage", "");
        test_is(json, "requestParameters", samples[i].parameters);
        test_is(json, "responseElements", samples[i].elements);
        test_is(json, "requestID",
                "\"77dacef3-ec9c-11e5-ac34-d1e4dfe1a11b\"");
        assert_true(acm_uuid_ok(acm_json_string(json, "eventID")));
        test_is(json, "readOnly", call.changes ? "false" : "true");
        test_is(json, "eventType", "\"AwsApiCall\"");
        test_is(json, "managementEvent", "true");
        test_is(json, "recipientAccountId", "\"123456789012\"");
        test_is(json, "eventCategory", "\"Management\"");
        test_is(json, "tlsDetails", "");

        json_decref(json);
        json_decref(request);
        json_decref(response);
    }
}


static void
test_identity(const char *arn, const char *principal, const char *want)
{
    json_t       *json;
    acm_audit_t   call;

    call = test_call();
    call.arn = arn;
    call.principal = principal;

    json = test_record(&call);
    test_is(json, "userIdentity", want);
    json_decref(json);
}


static void
test_identities(void **state)
{
    json_t       *json;
    acm_audit_t   call;

    (void) state;

    test_identity("arn:aws:iam::123456789012:root", NULL,
                  "{\"type\":\"Root\",\"principalId\":\"123456789012\","
                  "\"arn\":\"arn:aws:iam::123456789012:root\","
                  "\"accountId\":\"123456789012\","
                  "\"accessKeyId\":\"AKIAIOSFODNN7EXAMPLE\"}");

    test_identity("arn:aws:iam::123456789012:user/a/b/Bob", NULL,
                  "{\"type\":\"IAMUser\","
                  "\"principalId\":\"AIDAZRFBVGQOJHABCSFNM\","
                  "\"arn\":\"arn:aws:iam::123456789012:user/a/b/Bob\","
                  "\"accountId\":\"123456789012\","
                  "\"accessKeyId\":\"AKIAIOSFODNN7EXAMPLE\","
                  "\"userName\":\"Bob\"}");

    test_identity("arn:aws:sts::123456789012:assumed-role/Admin/me",
                  "AROACKCEVSQ6C2EXAMPLE:me",
                  "{\"type\":\"AssumedRole\","
                  "\"principalId\":\"AROACKCEVSQ6C2EXAMPLE:me\","
                  "\"arn\":\"arn:aws:sts::123456789012:assumed-role/Admin/"
                  "me\",\"accountId\":\"123456789012\","
                  "\"accessKeyId\":\"AKIAIOSFODNN7EXAMPLE\","
                  "\"sessionContext\":{\"sessionIssuer\":{\"type\":\"Role\","
                  "\"principalId\":\"AROARQZPSOILYFPCOGZH3\","
                  "\"arn\":\"arn:aws:iam::123456789012:role/Admin\","
                  "\"accountId\":\"123456789012\",\"userName\":\"Admin\"},"
                  "\"attributes\":{\"mfaAuthenticated\":\"false\"}}}");

    test_identity("arn:aws:iam::123456789012:role/Admin", NULL,
                  "{\"type\":\"Role\","
                  "\"principalId\":\"AROARQZPSOILYFPCOGZH3\","
                  "\"arn\":\"arn:aws:iam::123456789012:role/Admin\","
                  "\"accountId\":\"123456789012\","
                  "\"accessKeyId\":\"AKIAIOSFODNN7EXAMPLE\","
                  "\"userName\":\"Admin\"}");

    /* nobody whom we know */

    call = test_call();
    call.account = NULL;
    call.arn = NULL;
    call.recipient = "123456789012";
    call.fault = "UnrecognizedClientException";
    call.message = "The security token included in the request is invalid.";

    json = test_record(&call);
    test_is(json, "userIdentity",
            "{\"type\":\"Unknown\",\"principalId\":\"\","
            "\"accessKeyId\":\"AKIAIOSFODNN7EXAMPLE\"}");
    test_is(json, "eventName", "\"UnknownOperation\"");
    test_is(json, "errorCode", "\"UnrecognizedClientException\"");
    test_is(json, "errorMessage",
            "\"The security token included in the request is invalid.\"");
    test_is(json, "requestParameters", "null");
    test_is(json, "responseElements", "null");
    test_is(json, "recipientAccountId", "\"123456789012\"");
    json_decref(json);

    /* who did not sign, and has called none of our accounts */

    call.key_id = "";
    call.recipient = NULL;

    json = test_record(&call);
    test_is(json, "userIdentity",
            "{\"type\":\"AWSAccount\",\"principalId\":\"\","
            "\"accountId\":\"ANONYMOUS_PRINCIPAL\"}");
    assert_null(json_object_get(json, "recipientAccountId"));
    json_decref(json);
}


/* Refused calls: a line each up to the limit, one past it is counted. */

static void
test_refused(void **state)
{
    char                  name[16];
    json_t               *json;
    unsigned              i;
    acm_audit_t           call;
    acm_audit_limit_t     l;
    acm_audit_refused_t   r;

    static char  names[ACM_AUDIT_FAULTS + 1][16];

    (void) state;

    memset(&l, 0, sizeof(l));

    for (i = 0; i < ACM_AUDIT_REFUSED; i++) {
        assert_int_equal(acm_audit_allowed(&l, "A", 1000 + i % 60), 1);
    }

    assert_int_equal(acm_audit_summary(&l, 1059, 1, &r), 0);
    assert_int_equal(acm_audit_allowed(&l, "A", 1059), 0);
    assert_int_equal(acm_audit_allowed(&l, "B", 1059), 0);
    acm_audit_count(&l, "A", 1060);

    /* the period after, and the summary of the one before */

    assert_int_equal(acm_audit_summary(&l, 1060, 0, &r), 0);
    assert_int_equal(acm_audit_allowed(&l, "A", 1000 + ACM_AUDIT_PERIOD), 1);
    assert_int_equal(acm_audit_summary(&l, 1058 + ACM_AUDIT_PERIOD, 0, &r),
                     0);
    assert_int_equal(acm_audit_summary(&l, 1059 + ACM_AUDIT_PERIOD, 0, &r),
                     1);
    assert_int_equal(r.n, 3);

    call = test_call();
    call.refused = &r;
    call.now = 1200;

    json = test_record(&call);
    test_is(json, "eventName", "\"SummarizeRefusedCalls\"");
    test_is(json, "eventType", "\"AwsServiceEvent\"");
    test_is(json, "userIdentity",
            "{\"type\":\"AWSService\",\"invokedBy\":\"ngx_acm\"}");
    test_is(json, "additionalEventData",
            "{\"from\":\"1970-01-01T00:17:39Z\","
            "\"to\":\"1970-01-01T00:17:40Z\",\"refusedCalls\":3,"
            "\"errorCodes\":{\"A\":2,\"B\":1}}");
    json_decref(json);

    assert_int_equal(acm_audit_summary(&l, 9999, 1, &r), 0);

    /* a clock that was set back does not stop it */

    for (i = 0; acm_audit_allowed(&l, "A", 5000); i++) {
        assert_true(i < ACM_AUDIT_REFUSED);
    }

    assert_int_equal(i, ACM_AUDIT_REFUSED);
    assert_int_equal(acm_audit_allowed(&l, "A", 4000), 1);
    assert_int_equal(acm_audit_summary(&l, 4000, 0, &r), 1);

    /* kinds at the limit, and one past it: counted, but not told apart */

    for (i = 0; i <= ACM_AUDIT_FAULTS; i++) {
        snprintf(names[i], sizeof(names[i]), "F%u", i);
        acm_audit_count(&l, names[i], 4000);
    }

    assert_int_equal(acm_audit_summary(&l, 4000, 1, &r), 1);
    assert_int_equal(r.n, ACM_AUDIT_FAULTS + 1);
    assert_int_equal(r.nfaults, ACM_AUDIT_FAULTS);
    snprintf(name, sizeof(name), "F%d", ACM_AUDIT_FAULTS - 1);
    assert_string_equal(r.faults[ACM_AUDIT_FAULTS - 1].fault, name);
}


/* A fault has no response; TLS; texts from elsewhere. */

static void
test_details(void **state)
{
    char          agent[ACM_MAX_AUDIT_TEXT + 10];
    size_t        len;
    json_t       *json, *request, *response;
    const char   *text;
    acm_audit_t   call;

    (void) state;

    request = test_json("{\"A\":{\"privateKey\":[1],\"PRIVATEKEY\":{},"
                        "\"Passphrase\":null},\"SSLCertificateId\":1.5}");
    response = test_json("{\"CertificateArn\":\"" TEST_ARN "\"}");

    call = test_call();
    call.operation = "RequestCertificate";
    call.changes = 1;
    call.parameters = request;
    call.response = response;
    call.resource = TEST_ARN;
    call.fault = "LimitExceededException";
    call.message = "";
    call.tls_version = "TLSv1.3";
    call.tls_cipher = "TLS_AES_128_GCM_SHA256";
    call.tls_host = "acm.us-east-1.amazonaws.com";
    call.agent = "\xff\xfe bad\n\"";

    json = test_record(&call);
    test_is(json, "tlsDetails",
            "{\"tlsVersion\":\"TLSv1.3\","
            "\"cipherSuite\":\"TLS_AES_128_GCM_SHA256\","
            "\"clientProvidedHostHeader\":\"acm.us-east-1.amazonaws.com\"}");
    test_is(json, "responseElements", "null");
    test_is(json, "errorCode", "\"LimitExceededException\"");
    test_is(json, "userAgent", "\"?? bad\\n\\\"\"");
    test_is(json, "requestParameters",
            "{\"a\":{\"privateKey\":\"HIDDEN_DUE_TO_SECURITY_REASONS\","
            "\"pRIVATEKEY\":\"HIDDEN_DUE_TO_SECURITY_REASONS\","
            "\"passphrase\":\"HIDDEN_DUE_TO_SECURITY_REASONS\"},"
            "\"sSLCertificateId\":1.5}");
    json_decref(json);

    /* at the limit, and cut one past it, between characters */

    memset(agent, 'a', sizeof(agent));
    agent[ACM_MAX_AUDIT_TEXT] = '\0';
    call.agent = agent;
    json = test_record(&call);
    assert_string_equal(acm_json_string(json, "userAgent"), agent);
    json_decref(json);

    memcpy(agent + ACM_MAX_AUDIT_TEXT - 1, "\xc3\xa4", 3);
    json = test_record(&call);
    text = acm_json_string(json, "userAgent");
    len = strlen(text);
    assert_int_equal(len, ACM_MAX_AUDIT_TEXT - 1);
    assert_int_equal(text[len - 1], 'a');
    json_decref(json);

    json_decref(request);
    json_decref(response);
}


static void
test_limits(void **state)
{
    char         *big, worst[ACM_MAX_AUDIT_TEXT + 1], arn[1200];
    size_t        n;
    json_t       *json, *o;
    acm_audit_t   call;

    (void) state;

    /* {"a":"..."} is of eight octets besides */

    n = ACM_MAX_AUDIT_PART - 8;
    big = acm_alloc(n + 2);
    memset(big, 'x', n + 2);
    big[n] = '\0';

    o = json_object();
    json_object_set_new(o, "A", json_string(big));

    memset(worst, 1, sizeof(worst));
    worst[ACM_MAX_AUDIT_TEXT] = '\0';
    memset(arn, 1, sizeof(arn));
    memcpy(arn, "arn:aws:sts::1:assumed-role/", 28);
    arn[sizeof(arn) - 1] = '\0';
    arn[600] = '/';

    memset(&call, 0, sizeof(call));
    call.account = worst;
    call.arn = arn;
    call.key_id = worst;
    call.address = worst;
    call.agent = worst;
    call.source = worst;
    call.operation = "ExportCertificate";
    call.region = worst;
    call.recipient = worst;
    call.resource = worst;
    call.request_id = worst;
    call.parameters = o;
    call.response = o;
    call.tls_version = worst;
    call.tls_cipher = worst;
    call.tls_host = worst;

    /* the worst of all still is a line */

    json = test_record(&call);
    assert_string_equal(acm_json_string(acm_json_object(json,
                            "requestParameters"), "a"), big);
    assert_string_equal(acm_json_string(acm_json_object(json,
                            "responseElements"), "a"), big);
    json_decref(json);

    call.fault = worst;
    call.message = worst;
    json_decref(test_record(&call));

    big[n] = 'x';
    big[n + 1] = '\0';
    json_object_set_new(o, "A", json_string(big));

    json = test_record(&call);
    test_is(json, "requestParameters", "{\"ngxAcmOmittedOctets\":98305}");
    json_decref(json);

    json_decref(o);
    acm_free(big);
}


typedef struct {
    unsigned              n;
    unsigned              of[ACM_AUDIT_HEAD + 1];
    uint64_t              line;
    acm_audit_finding_e   first;
} test_found_t;


static void
test_found(void *data, acm_audit_finding_e finding, uint64_t line,
    const char *text)
{
    test_found_t  *f = data;

    assert_true(*text != '\0');
    assert_true(strlen(text) < ACM_MAX_AUDIT_FINDING - 1);

    if (f->n++ == 0) {
        f->first = finding;
        f->line = line;
    }

    f->of[finding]++;
}


static uint64_t
test_check(const acm_buf_t *log, size_t step, const acm_audit_link_t *head,
    test_found_t *f)
{
    size_t             i, n;
    acm_audit_check_t  c;

    memset(f, 0, sizeof(test_found_t));
    acm_audit_check_init(&c, test_found, f);

    if (head != NULL) {
        c.head = *head;
    }

    for (i = 0; i < log->len; i += n) {
        n = (log->len - i < step) ? log->len - i : step;
        test_ok(acm_audit_check(&c, log->data + i, n));
    }

    acm_audit_check_end(&c, 1);

    return c.faults;
}


/* TEST_LINES lines, and where each begins. */

static void
test_log(acm_buf_t *log, size_t *starts, acm_audit_link_t *link)
{
    size_t        i;
    acm_audit_t   call;

    memset(link, 0, sizeof(acm_audit_link_t));
    acm_buf_init(log, 1 << 20);
    call = test_call();

    for (i = 0; i < TEST_LINES; i++) {
        starts[i] = log->len;
        call.now++;
        test_ok(acm_audit_record(&call, link, log, NULL));
    }

    starts[i] = log->len;
}


static void
test_flips(void **state)
{
    size_t            i, starts[TEST_LINES + 1];
    acm_buf_t         log;
    unsigned          bit;
    test_found_t      f;
    acm_audit_link_t  link;

    (void) state;

    test_log(&log, starts, &link);

    for (i = 1; i <= log.len; i += 997) {
        assert_int_equal(test_check(&log, i, &link, &f), 0);
        assert_int_equal(f.n, 0);
    }

    /* each octet, without help of the head; another bit each time */

    for (i = 0; i < log.len; i++) {
        bit = 1u << (i % 8);
        log.data[i] ^= bit;

        if (test_check(&log, log.len, NULL, &f) == 0) {
            print_error("octet %zu of %zu\n", i, log.len);
            fail();
        }

        log.data[i] ^= bit;
    }

    assert_int_equal(test_check(&log, log.len, &link, &f), 0);

    acm_buf_free(&log);
}


/* A log of these lines of the other one, by their number from 0. */

static void
test_pick(acm_buf_t *to, const acm_buf_t *log, const size_t *starts,
    const int *lines)
{
    acm_buf_init(to, 1 << 20);

    for ( ; *lines != -1; lines++) {
        acm_buf_add(to, log->data + starts[*lines],
                    starts[*lines + 1] - starts[*lines]);
    }
}


static void
test_tampered(void **state)
{
    size_t            i, starts[TEST_LINES + 1];
    acm_buf_t         log, other;
    test_found_t      f;
    acm_audit_link_t  link;

    static const struct {
        int                  lines[8];
        acm_audit_finding_e  first;
        uint64_t             line;
        unsigned             n;
    } picks[] = {
        { { 0, 1, 3, 4, -1 }, ACM_AUDIT_MISSING, 3, 1 },
        { { 1, 2, 3, -1 }, ACM_AUDIT_BEGINS, 1, 1 },
        { { 0, 2, 1, 3, -1 }, ACM_AUDIT_MISSING, 2, 2 },
        { { 0, 1, 1, 2, -1 }, ACM_AUDIT_REPEATED, 3, 1 },
        { { 1, 0, 2, -1 }, ACM_AUDIT_BEGINS, 1, 3 },
        { { 0, 9, 1, 2, -1 }, ACM_AUDIT_MISSING, 2, 3 },
    };

    (void) state;

    test_log(&log, starts, &link);

    for (i = 0; i < sizeof(picks) / sizeof(picks[0]); i++) {
        test_pick(&other, &log, starts, picks[i].lines);

        (void) test_check(&other, 7, NULL, &f);
        assert_int_equal(f.first, picks[i].first);
        assert_int_equal(f.line, picks[i].line);
        assert_int_equal(f.n, picks[i].n);

        acm_buf_free(&other);
    }

    /* at the end, only the head knows */

    other = log;
    other.len = starts[TEST_LINES - 2];
    assert_int_equal(test_check(&other, other.len, NULL, &f), 0);
    assert_int_equal(test_check(&other, other.len, &link, &f), 1);
    assert_int_equal(f.first, ACM_AUDIT_HEAD);

    other.len = log.len - 1;
    assert_int_equal(test_check(&other, other.len, NULL, &f), 1);
    assert_int_equal(f.first, ACM_AUDIT_TORN);
    assert_int_equal(f.line, TEST_LINES);

    /* a line and the rest of the chain made anew */

    other.len = starts[20];
    acm_buf_free(&other);
    test_log(&log, starts, &link);
    acm_buf_init(&other, 1 << 20);
    acm_buf_add(&other, log.data, starts[20]);
    {
        acm_audit_t       call;
        acm_audit_link_t  forged;

        call = test_call();
        call.now = 1;
        memset(&forged, 0, sizeof(forged));
        test_ok(acm_audit_parse(log.data + starts[19],
                                starts[20] - starts[19] - 1, &forged,
                                (uint8_t [ACM_HASH_LEN]) { 0 }));
        test_ok(acm_audit_record(&call, &forged, &other, NULL));
    }
    acm_buf_add(&other, log.data + starts[21], log.len - starts[21]);

    assert_int_equal(test_check(&other, 4096, NULL, &f), 1);
    assert_int_equal(f.first, ACM_AUDIT_REPLACED);
    assert_int_equal(f.line, 22);

    acm_buf_free(&other);
    acm_buf_free(&log);
}


static void
test_long(void **state)
{
    size_t            starts[TEST_LINES + 1];
    uint8_t          *big;
    acm_buf_t         log, other;
    test_found_t      f;
    acm_audit_link_t  link;

    (void) state;

    big = acm_alloc(ACM_MAX_AUDIT_LINE + 1);
    memset(big, 'x', ACM_MAX_AUDIT_LINE + 1);
    test_log(&log, starts, &link);

    acm_buf_init(&other, 1 << 20);
    acm_buf_add(&other, log.data, starts[2]);
    acm_buf_add(&other, big, ACM_MAX_AUDIT_LINE);
    acm_buf_text(&other, "\n");
    acm_buf_add(&other, log.data + starts[2], log.len - starts[2]);

    assert_int_equal(test_check(&other, 1000, NULL, &f), 1);
    assert_int_equal(f.first, ACM_AUDIT_CHANGED);
    assert_int_equal(f.line, 3);

    acm_buf_free(&other);
    acm_buf_init(&other, 1 << 20);
    acm_buf_add(&other, log.data, starts[2]);
    acm_buf_add(&other, big, ACM_MAX_AUDIT_LINE + 1);
    acm_buf_text(&other, "\n");
    acm_buf_add(&other, log.data + starts[2], log.len - starts[2]);

    assert_int_equal(test_check(&other, 1000, NULL, &f), 1);
    assert_int_equal(f.first, ACM_AUDIT_TOO_LONG);
    assert_int_equal(f.line, 3);

    acm_buf_free(&other);
    acm_buf_free(&log);
    acm_free(big);
}


static void
test_no_memory(void **state)
{
    acm_rc_t          rc;
    acm_buf_t         line;
    acm_audit_t       call;
    unsigned long     n;
    acm_audit_link_t  link, before;

    (void) state;

    call = test_call();
    call.agent = "\xff";

    for (n = 1; ; n++) {
        memset(&link, 7, sizeof(link));
        before = link;
        acm_buf_init(&line, ACM_MAX_AUDIT_LINE + 1);

        (void) acm_alloc_fail_at(n);
        rc = acm_audit_record(&call, &link, &line, NULL);

        if (acm_alloc_fail_at(0) != 0) {
            break;
        }

        assert_int_equal(rc, ACM_NOMEM);
        assert_memory_equal(&link, &before, sizeof(link));
        acm_buf_free(&line);
    }

    test_ok(rc);
    acm_buf_free(&line);
    assert_true(n > 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_identities),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_details),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_flips),
        cmocka_unit_test(test_tampered),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
