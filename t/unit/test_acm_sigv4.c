
/*
 * Copyright (C) The ngx_acm authors
 *
 * Signatures: of AWS's own test suite, of requests that were recorded from
 * its clients, and of our requests as botocore signs them.
 */


#include "test.h"
#include "test_sigv4.h"


#define TEST_TOKEN  "IQoJb3JpZ2luX2VjEXAMPLE//+token=="


typedef struct {
    const char  *name;
    const char  *text;
    const char  *signature;
} test_vector_t;


/* signed for us-east-1 and "service" at 20150830T123600Z; with Host and
   X-Amz-Date, which all have */

static const test_vector_t  test_vectors[] = {
    { "get-header-key-duplicate",
      "GET / HTTP/1.1\n"
      "My-Header1:value2\n"
      "My-Header1:value2\n"
      "My-Header1:value1",
      "c9d5ea9f3f72853aea855b47ea873832"
      "890dbdd183b4468f858259531a5138ea" },
    { "get-header-value-multiline",
      "GET / HTTP/1.1\n"
      "My-Header1:value1  value2  value3",
      "cfd34249e4b1c8d6b91ef74165d41a32"
      "e5fab3306300901bb65a51a73575eefd" },
    { "get-header-value-order",
      "GET / HTTP/1.1\n"
      "My-Header1:value4\n"
      "My-Header1:value1\n"
      "My-Header1:value3\n"
      "My-Header1:value2",
      "08c7e5a9acfcfeb3ab6b2185e75ce8b1"
      "deb5e634ec47601a50643f830c755c01" },
    { "get-header-value-trim",
      "GET / HTTP/1.1\n"
      "My-Header1: value1\n"
      "My-Header2: \"a   b   c\"",
      "acc3ed3afb60bb290fc8d2dd0098b991"
      "1fcaa05412b367055dee359757a9c736" },
    { "get-unreserved",
      "GET /-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
      "tuvwxyz HTTP/1.1",
      "07ef7494c76fa4850883e2b006601f94"
      "0f8a34d404d0cfa977f52a65bbf5f24f" },
    { "get-utf8",
      "GET /\341\210\264 HTTP/1.1",
      "8318018e0b0f223aa2bbf98705b62bb7"
      "87dc9c0e678f255a891fd03141be5d85" },
    { "get-vanilla-empty-query-key",
      "GET /?Param1=value1 HTTP/1.1",
      "a67d582fa61cc504c4bae71f336f98b9"
      "7f1ea3c7a6bfe1b6e45aec72011b9aeb" },
    { "get-vanilla-query-order-encoded",
      "GET /?Param-3=Value3&Param=Value2&%E1%88%B4=Value1 HTTP/1.1",
      "371d3713e185cc334048618a97f809c9"
      "ffe339c62934c032af5a0e595648fcac" },
    { "get-vanilla-query-order-key-case",
      "GET /?Param2=value2&Param1=value1 HTTP/1.1",
      "b97d918cfa904a5beff61c982a1b6f45"
      "8b799221646efd99d3219ec94cdf2500" },
    { "get-vanilla-query-order-key",
      "GET /?Param1=value2&Param1=Value1 HTTP/1.1",
      "eedbc4e291e521cf13422ffca22be7d2"
      "eb8146eecf653089df300a15b2382bd1" },
    { "get-vanilla-query-order-value",
      "GET /?Param1=value2&Param1=value1 HTTP/1.1",
      "5772eed61e12b33fae39ee5e7012498b"
      "51d56abc0abb7c60486157bd471c4694" },
    { "get-vanilla-query-unreserved",
      "GET /?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqr"
      "stuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno"
      "pqrstuvwxyz HTTP/1.1",
      "9c3e54bfcdf0b19771a7f523ee5669cd"
      "f59bc7cc0884027167c21bb143a40197" },
    { "get-vanilla-utf8-query",
      "GET /?\341\210\264=bar HTTP/1.1",
      "2cdec8eed098649ff3a119c94853b13c"
      "643bcf08f8b0a1d91e12c9027818dd04" },
    { "get-vanilla-with-session-token",
      "GET / HTTP/1.1\n"
      "X-Amz-Security-Token:6e86291e8372ff2a2260956d9b8aae1d763fbf315fa"
      "00fa31553b73ebf194267",
      "07ec1639c89043aa0e3e2de82b96708f"
      "198cceab042d4a97044c66dd9f74e7f8" },
    { "get-vanilla",
      "GET / HTTP/1.1",
      "5fa00fa31553b73ebf1942676e86291e"
      "8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-relative-relative",
      "GET /example1/example2/../.. HTTP/1.1",
      "5fa00fa31553b73ebf1942676e86291e"
      "8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-relative",
      "GET /example/.. HTTP/1.1",
      "5fa00fa31553b73ebf1942676e86291e"
      "8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-slash-dot-slash",
      "GET /./ HTTP/1.1",
      "5fa00fa31553b73ebf1942676e86291e"
      "8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-slash-pointless-dot",
      "GET /./example HTTP/1.1",
      "ef75d96142cf21edca26f06005da7988"
      "e4f8dc83a165a80865db7089db637ec5" },
    { "get-slash",
      "GET // HTTP/1.1",
      "5fa00fa31553b73ebf1942676e86291e"
      "8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-slashes",
      "GET //example// HTTP/1.1",
      "9a624bd73a37c9a373b5312afbebe7a7"
      "14a789de108f0bdfe846570885f57e84" },
    { "get-space",
      "GET /example space/ HTTP/1.1",
      "652487583200325589f1fba4c7e578f7"
      "2c47cb61beeca81406b39ddec1366741" },
    { "get-special-character",
      "GET /example/$delete HTTP/1.1",
      "a853c9b21b528b19643d00910d35b83a"
      "10c366a10833ceefb45edd6c80e40f27" },
    { "post-header-key-sort",
      "POST / HTTP/1.1\n"
      "My-Header1:value1",
      "c5410059b04c1ee005303aed430f6e66"
      "45f61f4dc9e1461ec8f8916fdf18852c" },
    { "post-header-value-case",
      "POST / HTTP/1.1\n"
      "My-Header1:VALUE1",
      "cdbc9802e29d2942e5e10b5bccfdd67c"
      "5f22c7c4e8ae67b53629efa58b974b7d" },
    { "post-sts-header-before",
      "POST / HTTP/1.1\n"
      "X-Amz-Security-Token:AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPB"
      "SM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8"
      "YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsbur"
      "EDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo"
      "0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9"
      "KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==",
      "85d96828115b5dc0cfc3bd16ad9e210d"
      "d772bbebba041836c64533a82be05ead" },
    { "post-vanilla-empty-query-value",
      "POST /?Param1=value1 HTTP/1.1",
      "28038455d6de14eafc1f9222cf5aa6f1"
      "a96197d7deb8263271d420d138af7f11" },
    { "post-vanilla",
      "POST / HTTP/1.1",
      "5da7c1a2acd57cee7505fc6676e4e544"
      "621c30862966e37dddb68e92efbe5d6b" },
    { "post-x-www-form-urlencoded-parameters",
      "POST / HTTP/1.1\n"
      "Content-Type:application/x-www-form-urlencoded; charset=utf8\n"
      "\n"
      "Param1=value1",
      "1a72ec8f64bd914b0e42e42607c7fbce"
      "7fb2c7465f63e3092b3b0d39fa77a6fe" },
    { "post-x-www-form-urlencoded",
      "POST / HTTP/1.1\n"
      "Content-Type:application/x-www-form-urlencoded\n"
      "\n"
      "Param1=value1",
      "ff11897932ad3f4e8b18135d722051e5"
      "ac45fc38421b1da7b9d196a0fe09473a" }
};


/* botocore 1.43.11, aws-cli 1.45.11, @aws-sdk/client-acm 3.1168.0, the SDK of
   Go 1.17.1, which Terraform's provider has too, curl 7.88.1 --aws-sigv4 */

#define TEST_PLAIN  5            /* those before the ones of sessions */

static const char *const  test_recorded[] = {
    "POST / HTTP/1.1\n"
    "Host: 127.0.0.1:33421\n"
    "Accept-Encoding: identity\n"
    "X-Amz-Target: CertificateManager.ListCertificates\n"
    "Content-Type: application/x-amz-json-1.1\n"
    "User-Agent: Botocore/1.43.11 ua/2.1 lang/python#3.11.7\n"
    "X-Amz-Date: 20261125T130042Z\n"
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/"
    "eu-central-1/acm/aws4_request, SignedHeaders=content-type;host;"
    "x-amz-date;x-amz-target, Signature="
    "a49c7713ffe31380027624c925db2aac288dd6d3b0972c0c5ae200d50d49190e\n"
    "amz-sdk-invocation-id: 094d4e88-fbfb-4878-8a49-f1da6df88fcd\n"
    "amz-sdk-request: attempt=1\n"
    "Content-Length: 2\n"
    "\n"
    "{}",

    "POST / HTTP/1.1\n"
    "Host: 127.0.0.1:33421\n"
    "Accept-Encoding: identity\n"
    "X-Amz-Target: CertificateManager.DescribeCertificate\n"
    "Content-Type: application/x-amz-json-1.1\n"
    "User-Agent: aws-cli/1.45.11 md/Botocore#1.43.11 ua/2.1\n"
    "X-Amz-Date: 20261125T130042Z\n"
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/"
    "eu-central-1/acm/aws4_request, SignedHeaders=content-type;host;"
    "x-amz-date;x-amz-target, Signature="
    "74fe306b59daf6bb7f9aee535c7dac326f3844a1062059c767fe972b03c967ba\n"
    "amz-sdk-request: attempt=1\n"
    "Content-Length: 108\n"
    "\n"
    "{\"CertificateArn\": \"arn:aws:acm:eu-central-1:111122223333:"
    "certificate/12345678-1234-4234-8234-123456789012\"}",

    TEST_JS,

    "POST / HTTP/1.1\n"
    "Host: 127.0.0.1:33422\n"
    "User-Agent: aws-sdk-go-v2/1.17.1 os/linux lang/go/1.19.8 "
    "md/GOOS/linux md/GOARCH/amd64 api/acm/1.15.2\n"
    "Content-Length: 107\n"
    "Amz-Sdk-Invocation-Id: e841ba22-f3d6-4083-9bf0-9ba1af5fcc97\n"
    "Amz-Sdk-Request: attempt=1; max=3\n"
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/"
    "eu-central-1/acm/aws4_request, SignedHeaders=amz-sdk-invocation-id;"
    "amz-sdk-request;content-length;content-type;host;x-amz-date;"
    "x-amz-target, Signature="
    "02a08f8760fad65bac8e7d513be070629f91a3a6d64d519d5bd0acd0445c9017\n"
    "Content-Type: application/x-amz-json-1.1\n"
    "X-Amz-Date: 20261125T130042Z\n"
    "X-Amz-Target: CertificateManager.DescribeCertificate\n"
    "Accept-Encoding: gzip\n"
    "\n"
    "{\"CertificateArn\":\"arn:aws:acm:eu-central-1:111122223333:"
    "certificate/12345678-1234-4234-8234-123456789012\"}",

    "POST / HTTP/1.1\n"
    "Host: 127.0.0.1:33421\n"
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/"
    "eu-central-1/acm/aws4_request, SignedHeaders=content-type;host;"
    "x-amz-date;x-amz-target, Signature="
    "d7ff75ff406a6111efbb76b61fef29112898b14b2eab8cbc1ea718119e797f4c\n"
    "X-Amz-Date: 20261125T130042Z\n"
    "User-Agent: curl/7.88.1\n"
    "Accept: */*\n"
    "Content-Type: application/x-amz-json-1.1\n"
    "X-Amz-Target: CertificateManager.ListCertificates\n"
    "Content-Length: 15\n"
    "\n"
    "{\"MaxItems\": 5}",

    /* of sessions */

    "POST / HTTP/1.1\n"
    "Host: 127.0.0.1:33422\n"
    "User-Agent: aws-sdk-go-v2/1.17.1 os/linux lang/go/1.19.8 "
    "md/GOOS/linux md/GOARCH/amd64 api/acm/1.15.2\n"
    "Content-Length: 107\n"
    "Amz-Sdk-Invocation-Id: 58a32ac1-f4f6-40db-a89b-3f7da1a9713d\n"
    "Amz-Sdk-Request: attempt=1; max=3\n"
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/"
    "eu-central-1/acm/aws4_request, SignedHeaders=amz-sdk-invocation-id;"
    "amz-sdk-request;content-length;content-type;host;x-amz-date;"
    "x-amz-security-token;x-amz-target, Signature="
    "fca6684d6370b646f31f0ebe1da4f0cac296582c18a3697928f3ab7bb9dce96e\n"
    "Content-Type: application/x-amz-json-1.1\n"
    "X-Amz-Date: 20261125T130042Z\n"
    "X-Amz-Security-Token: " TEST_TOKEN "\n"
    "X-Amz-Target: CertificateManager.DescribeCertificate\n"
    "Accept-Encoding: gzip\n"
    "\n"
    "{\"CertificateArn\":\"arn:aws:acm:eu-central-1:111122223333:"
    "certificate/12345678-1234-4234-8234-123456789012\"}",

    "POST / HTTP/1.1\n"
    "Host: 127.0.0.1:33421\n"
    "X-Amz-Target: CertificateManager.ListCertificates\n"
    "Content-Type: application/x-amz-json-1.1\n"
    "X-Amz-Date: 20261125T130043Z\n"
    "X-Amz-Security-Token: " TEST_TOKEN "\n"
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/"
    "eu-central-1/acm/aws4_request, SignedHeaders=content-type;host;"
    "x-amz-date;x-amz-security-token;x-amz-target, Signature="
    "512456037bed9966cb8c5a615a85b5b359d695329c123be299388933cca7a481\n"
    "amz-sdk-request: attempt=1\n"
    "Content-Length: 2\n"
    "\n"
    "{}",

    "POST / HTTP/1.1\n"
    "content-type: application/x-amz-json-1.1\n"
    "x-amz-target: CertificateManager.RequestCertificate\n"
    "content-length: 57\n"
    "x-amz-user-agent: aws-sdk-js/3.1168.0\n"
    "host: 127.0.0.1:33421\n"
    "amz-sdk-invocation-id: 233f6f29-6d5d-42a3-9c8d-9965f4f3600f\n"
    "amz-sdk-request: attempt=1; max=1\n"
    "x-amz-date: 20261125T130044Z\n"
    "x-amz-security-token: " TEST_TOKEN "\n"
    "x-amz-content-sha256: "
    "11ed06e66385002949efddd05c005f700480e9961e5773f3f4f1182d36eb8275\n"
    "authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/"
    "eu-central-1/acm/aws4_request, SignedHeaders=amz-sdk-invocation-id;"
    "amz-sdk-request;content-length;content-type;host;"
    "x-amz-content-sha256;x-amz-date;x-amz-security-token;x-amz-target;"
    "x-amz-user-agent, Signature="
    "1f27864a26a55c187570ce97b86a7a491d4da0caa97d0cd75b6415caa0c8ceb3\n"
    "Connection: keep-alive\n"
    "\n"
    "{\"DomainName\":\"www.example.com\",\"ValidationMethod\":\"DNS\"}"
};


#define test_count(a)  (sizeof(a) / sizeof((a)[0]))


static void
test_policy(acm_sigv4_policy_t *policy)
{
    memset(policy, 0, sizeof(acm_sigv4_policy_t));

    policy->region = "eu-central-1";
    policy->service = "acm";
    policy->now = TEST_NOW;
    policy->find = test_find;
    policy->root = 1;
}


static void
test_suite(void **state)
{
    size_t              i;
    acm_err_t           err;
    acm_buf_t           auth;
    acm_sigv4_key_t     key;
    test_request_t      t;
    acm_sigv4_user_t    user;
    acm_sigv4_fault_t   fault;
    acm_sigv4_policy_t  policy;

    static const acm_sigv4_signer_t  signer = {
        TEST_KEY_ID, TEST_SECRET, NULL, "us-east-1", "service"
    };

    (void) state;

    for (i = 0; i < test_count(test_vectors); i++) {
        assert_true(test_request_read(&t, test_vectors[i].text,
                                      strlen(test_vectors[i].text)));
        test_request_add(&t, "Host", "example.amazonaws.com");
        test_request_add(&t, "X-Amz-Date", "20150830T123600Z");

        acm_buf_init(&auth, ACM_MAX_SIGV4_AUTH);
        test_ok(acm_sigv4_sign(&signer, &t.r, &auth, &err));
        acm_buf_u8(&auth, '\0');

        if (strcmp(strstr((char *) auth.data, "Signature=") + 10,
                   test_vectors[i].signature)
            != 0)
        {
            print_error("%s: %s\n", test_vectors[i].name, auth.data);
            fail();
        }

        /* and is verified */

        test_request_add(&t, "Authorization", (char *) auth.data);
        memset(&key, 0, sizeof(key));
        (void) test_find(NULL, TEST_KEY_ID, &key);

        if (strstr(test_vectors[i].text, "X-Amz-Security-Token:") != NULL) {
            key.token = t.headers[0].value;
        }

        test_policy(&policy);
        policy.region = NULL;
        policy.service = "service";
        policy.now = 1440938160;
        policy.data = &key;
        policy.root = 0;

        if (acm_sigv4_verify(&t.r, &policy, &user, &fault) != ACM_OK) {
            print_error("%s: %s\n", test_vectors[i].name, fault.message);
            fail();
        }

        assert_string_equal(user.region, "us-east-1");
        acm_buf_free(&auth);
        test_request_free(&t);
    }
}


static void
test_recordings(void **state)
{
    size_t              i, j;
    acm_sigv4_key_t     key;
    test_request_t      t;
    acm_sigv4_user_t    user;
    acm_sigv4_fault_t   fault;
    acm_sigv4_policy_t  policy;

    (void) state;

    for (i = 0; i < test_count(test_recorded); i++) {
        assert_true(test_request_read(&t, test_recorded[i],
                                      strlen(test_recorded[i])));
        test_policy(&policy);
        memset(&key, 0, sizeof(key));
        (void) test_find(NULL, TEST_KEY_ID, &key);
        policy.data = &key;

        if (i >= TEST_PLAIN) {
            key.token.data = (uint8_t *) TEST_TOKEN;
            key.token.len = strlen(TEST_TOKEN);
        }

        if (acm_sigv4_verify(&t.r, &policy, &user, &fault) != ACM_OK) {
            print_error("%zu: %s\n", i, fault.message);
            fail();
        }

        assert_string_equal(user.key_id, TEST_KEY_ID);
        assert_string_equal(user.region, "eu-central-1");
        assert_string_equal(user.service, "acm");
        assert_ptr_equal(user.user, key.user);
        assert_in_range(user.at, TEST_NOW, TEST_NOW + 2);
        assert_null(fault.type);

        /* names in any case, blanks around values, fields in any order */

        for (j = 0; j < t.r.nheaders / 2; j++) {
            acm_sigv4_header_t  h;

            h = t.headers[j];
            t.headers[j] = t.headers[t.r.nheaders - 1 - j];
            t.headers[t.r.nheaders - 1 - j] = h;
            t.headers[j].name.data[0] ^= 0x20;
        }

        test_ok(acm_sigv4_verify(&t.r, &policy, &user, &fault));

        /* of another service, region, user */

        policy.service = "acm-pca";
        assert_int_equal(acm_sigv4_verify(&t.r, &policy, &user, &fault),
                         ACM_DENIED);
        policy.service = "acm";
        policy.region = "us-east-1";
        assert_int_equal(acm_sigv4_verify(&t.r, &policy, &user, &fault),
                         ACM_DENIED);
        assert_int_equal(user.key_id[0], 0);
        assert_null(user.user);
        policy.region = NULL;
        key.secret[0] ^= 1;
        assert_int_equal(acm_sigv4_verify(&t.r, &policy, &user, &fault),
                         ACM_DENIED);

        test_request_free(&t);
    }
}


typedef struct {
    const char  *url;
    const char  *service;
    const char  *type;
    const char  *target;
    const char  *token;
    const char  *payload;
    const char  *host;
    const char  *signature;
} test_post_t;


static const test_post_t  test_posts[] = {
    { "https://events.eu-central-1.amazonaws.com:443/", "events",
      "application/x-amz-json-1.1", "AWSEvents.PutEvents", NULL,
      "{\"Entries\":[]}", "Host: events.eu-central-1.amazonaws.com",
      "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;"
      "x-amz-target, Signature="
      "af9bde01b1a2e70b0386a53917a99dd866e4e207de05465a015a66963f40310c" },
    { "https://monitoring.eu-central-1.amazonaws.com", "monitoring",
      "application/x-amz-json-1.0",
      "GraniteServiceVersion20100801.PutMetricData", TEST_TOKEN,
      "{\"Namespace\":\"ACM\"}",
      "Host: monitoring.eu-central-1.amazonaws.com",
      "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;"
      "x-amz-security-token;x-amz-target, Signature="
      "2d7f9c606c6ad7ed2596fa8f5b8b58bf2894257ec617c43115fac4b2761d7f47" },
    { "http://127.0.0.1:8080/a%20b/", "events", "application/json", NULL,
      NULL, "", "Host: 127.0.0.1:8080", "" }
};


static void
test_post_one(const test_post_t *p, acm_rc_t want, acm_sigv4_lines_t *lines)
{
    acm_err_t  err;
    acm_str_t  payload;

    acm_sigv4_signer_t  signer = {
        TEST_KEY_ID, TEST_SECRET, p->token, "eu-central-1", p->service
    };

    payload.data = (uint8_t *) p->payload;
    payload.len = strlen(p->payload);

    assert_int_equal(acm_sigv4_post(&signer, p->url, p->type, p->target,
                                    &payload, TEST_NOW, lines, &err), want);
}


static void
test_post(void **state)
{
    size_t             i, n;
    test_post_t        p;
    acm_sigv4_lines_t  lines;

    (void) state;

    for (i = 0; i < test_count(test_posts); i++) {
        p = test_posts[i];
        test_post_one(&p, ACM_OK, &lines);

        n = 5 + (p.target != NULL) + (p.token != NULL);
        assert_int_equal(lines.n, n);
        assert_string_equal(lines.lines[0], p.host);
        assert_string_equal(lines.lines[2], "X-Amz-Date: 20261125T130042Z");
        assert_non_null(strstr(lines.lines[n - 1], p.signature));
        acm_sigv4_lines_free(&lines);
        assert_int_equal(lines.n, 0);
    }

    p = test_posts[0];
    p.url = "http://events.example.com/";
    test_post_one(&p, ACM_INVALID, &lines);
    p.url = "https://events.example.com?a=b";
    test_post_one(&p, ACM_INVALID, &lines);
    p.url = "https://events.example.com/?a=%zz";
    test_post_one(&p, ACM_INVALID, &lines);
    p.url = "https://events.example.com/?a=b";
    test_post_one(&p, ACM_OK, &lines);
    acm_sigv4_lines_free(&lines);
    p.type = "a\r\nb: c";
    test_post_one(&p, ACM_INVALID, &lines);
    p = test_posts[0];
    p.service = "a/b";
    test_post_one(&p, ACM_INVALID, &lines);
    p.service = "";
    test_post_one(&p, ACM_INVALID, &lines);
    p = test_posts[0];
    p.token = "";
    test_post_one(&p, ACM_INVALID, &lines);
    assert_int_equal(lines.n, 0);

    /* every allocation fails once */

    for (i = 1; ; i++) {
        acm_alloc_fail_at(i);
        p = test_posts[1];
        acm_str_t           payload = { 0, NULL };
        acm_sigv4_signer_t  signer = {
            TEST_KEY_ID, TEST_SECRET, p.token, "eu-central-1", p.service
        };

        if (acm_sigv4_post(&signer, p.url, p.type, p.target, &payload,
                           TEST_NOW, &lines, NULL)
            == ACM_OK)
        {
            break;
        }

        assert_int_equal(lines.n, 0);
    }

    acm_alloc_fail_at(0);
    acm_sigv4_lines_free(&lines);
    assert_true(i > 10);
}


static void
test_post_limits(void **state)
{
    char               *s;
    size_t              i, n;
    acm_buf_t           out;
    test_request_t      t;
    acm_sigv4_signer_t  signer;

    (void) state;

    assert_true(test_request_read(&t, "POST /", 6) == 0);
    test_request_free(&t);
    assert_true(test_request_read(&t, "POST / HTTP/1.1", 15));
    acm_buf_init(&out, 65536);

    signer.key_id = TEST_KEY_ID;
    signer.secret = TEST_SECRET;
    signer.token = NULL;
    signer.region = "eu-central-1";
    signer.service = "events";

    assert_int_equal(acm_sigv4_sign(&signer, &t.r, &out, NULL), ACM_INVALID);
    test_request_add(&t, "Host", "a");
    test_request_add(&t, "X-Amz-Date", "20261325T130042Z");
    assert_int_equal(acm_sigv4_sign(&signer, &t.r, &out, NULL), ACM_INVALID);
    t.headers[1].value.data = (uint8_t *) "20261125T130042Z";
    test_ok(acm_sigv4_sign(&signer, &t.r, &out, NULL));

    s = malloc(ACM_MAX_SIGV4_FIELDS + 2);
    memset(s, 'a', ACM_MAX_SIGV4_FIELDS + 1);
    s[ACM_MAX_SIGV4_FIELDS + 1] = '\0';

    i = ACM_MAX_SIGV4_FIELDS + 1;
    signer.key_id = s + i - ACM_MAX_SIGV4_KEY_ID;
    test_ok(acm_sigv4_sign(&signer, &t.r, &out, NULL));
    signer.key_id--;
    assert_int_equal(acm_sigv4_sign(&signer, &t.r, &out, NULL), ACM_INVALID);
    signer.key_id = TEST_KEY_ID;

    signer.secret = s + i - ACM_MAX_SIGV4_SECRET;
    test_ok(acm_sigv4_sign(&signer, &t.r, &out, NULL));
    signer.secret--;
    assert_int_equal(acm_sigv4_sign(&signer, &t.r, &out, NULL), ACM_INVALID);
    signer.secret = TEST_SECRET;

    signer.region = s + i - ACM_MAX_LABEL;
    test_ok(acm_sigv4_sign(&signer, &t.r, &out, NULL));
    signer.region--;
    assert_int_equal(acm_sigv4_sign(&signer, &t.r, &out, NULL), ACM_INVALID);
    signer.region = "eu-central-1";

    signer.token = s + i - ACM_MAX_SIGV4_TOKEN;
    assert_int_equal(acm_sigv4_sign(&signer, &t.r, &out, NULL), ACM_INVALID);
    test_request_add(&t, "X-Amz-Security-Token", signer.token);
    test_ok(acm_sigv4_sign(&signer, &t.r, &out, NULL));
    signer.token--;
    assert_int_equal(acm_sigv4_sign(&signer, &t.r, &out, NULL), ACM_INVALID);
    signer.token = NULL;
    t.r.nheaders--;

    s[0] = '/';
    t.r.target.data = (uint8_t *) s;
    t.r.target.len = ACM_MAX_SIGV4_TARGET;
    test_ok(acm_sigv4_sign(&signer, &t.r, &out, NULL));
    t.r.target.len++;
    assert_int_equal(acm_sigv4_sign(&signer, &t.r, &out, NULL), ACM_TOOBIG);
    t.r.target.data = (uint8_t *) "/";
    t.r.target.len = 1;
    s[0] = 'a';

    /* parameters of the query; a bare "&" is none */

    memset(s, '&', 256);
    memcpy(s, "/?", 2);

    for (n = 0; n < ACM_MAX_SIGV4_PARAMS; n++) {
        s[2 + 2 * n] = 'a';
    }

    t.r.target.data = (uint8_t *) s;
    t.r.target.len = 2 + 2 * n;
    test_ok(acm_sigv4_sign(&signer, &t.r, &out, NULL));
    s[2 + 2 * n] = 'a';
    t.r.target.len++;
    assert_int_equal(acm_sigv4_sign(&signer, &t.r, &out, NULL), ACM_TOOBIG);
    t.r.target.data = (uint8_t *) "/";
    t.r.target.len = 1;
    memset(s, 'a', 256);

    test_request_add(&t, "X", s + 1 + 5 + 26 + 1);
    test_ok(acm_sigv4_sign(&signer, &t.r, &out, NULL));
    t.headers[2].value.data--;
    t.headers[2].value.len++;
    assert_int_equal(acm_sigv4_sign(&signer, &t.r, &out, NULL), ACM_TOOBIG);

    for (t.r.nheaders = 2; t.r.nheaders < ACM_MAX_SIGV4_HEADERS; /* void */) {
        test_request_add(&t, "x", "y");
    }

    test_ok(acm_sigv4_sign(&signer, &t.r, &out, NULL));
    test_request_add(&t, "x", "y");
    assert_int_equal(acm_sigv4_sign(&signer, &t.r, &out, NULL), ACM_TOOBIG);

    acm_buf_free(&out);
    test_request_free(&t);
    free(s);
}


static uint32_t
test_next(void *data)
{
    return test_random(data) >> 3;
}


/* Nothing that was changed is accepted. */

static void
test_mutations(void **state)
{
    char               *keep;
    long                changed, wanted, same;
    size_t              i;
    uint32_t            seed;
    acm_buf_t           before, after;
    const char         *env;
    test_request_t      t;
    acm_sigv4_user_t    user;
    acm_sigv4_fault_t   fault;
    acm_sigv4_policy_t  policy;

    (void) state;

    env = getenv("ACM_SIGV4_MUTATIONS");
    wanted = (env == NULL) ? 100000 : strtol(env, NULL, 10);
    seed = 4711;
    same = 0;
    test_policy(&policy);

    for (changed = 0; changed < wanted; /* void */) {
        i = test_random(&seed) % TEST_PLAIN;
        assert_true(test_request_read(&t, test_recorded[i],
                                      strlen(test_recorded[i])));
        acm_buf_init(&before, 1 << 20);
        acm_buf_init(&after, 1 << 20);
        test_meaning(&before, &t.r);
        keep = NULL;

        test_change(&t, &keep, test_next, &seed);
        test_meaning(&after, &t.r);

        if (after.len == before.len
            && memcmp(after.data, before.data, after.len) == 0)
        {
            /* may be refused, for instance for a repeated field */
            same++;

        } else {
            changed++;

            if (acm_sigv4_verify(&t.r, &policy, &user, &fault) != ACM_DENIED) {
                print_error("%.*s\nbecame %.*s", (int) before.len,
                            before.data, (int) after.len, after.data);
                fail();
            }

            assert_non_null(fault.type);
            assert_int_equal(user.key_id[0], 0);
        }

        acm_buf_free(&before);
        acm_buf_free(&after);
        free(keep);
        test_request_free(&t);
    }

    print_message("%ld changed requests, none accepted; %ld the same\n",
                  changed, same);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_suite),
        cmocka_unit_test(test_recordings),
        cmocka_unit_test(test_post),
        cmocka_unit_test(test_post_limits),
        cmocka_unit_test(test_mutations)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
