
/*
 * Copyright (C) The ngx_acm authors
 *
 * What is refused: each with the type and the text of AWS, in its order; and
 * where other verifiers of SigV4 fell.
 */


#include "test.h"
#include "test_sigv4.h"


#define TEST_TEXT                                                             \
    "POST / HTTP/1.1\n"                                                       \
    "Host: localhost\n"                                                       \
    "Content-Type: application/x-amz-json-1.1\n"                              \
    "X-Amz-Date: 20261125T130042Z\n"                                          \
    "X-Amz-Target: CertificateManager.ListCertificates\n"                     \
    "\n"                                                                      \
    "{}"

#define TEST_INCOMPLETE  "IncompleteSignatureException"
#define TEST_INVALID     "InvalidSignatureException"
#define TEST_UNKNOWN     "UnrecognizedClientException"
#define TEST_SCOPE       "20261125/eu-central-1/acm/aws4_request"
#define TEST_SIGNED      "SignedHeaders=content-type;host;x-amz-date;"        \
                         "x-amz-target"
#define TEST_AUTH        "AWS4-HMAC-SHA256 "

#define TEST_MISMATCH                                                         \
    "The request signature we calculated does not match the signature you "   \
    "provided. Check your AWS Secret Access Key and signing method. Consult " \
    "the service documentation for details."


static acm_sigv4_policy_t  test_policy;
static acm_sigv4_user_t    test_user;
static acm_sigv4_fault_t   test_fault;


static void
test_policy_reset(void)
{
    memset(&test_policy, 0, sizeof(test_policy));

    test_policy.region = "eu-central-1";
    test_policy.service = "acm";
    test_policy.now = TEST_NOW;
    test_policy.find = test_find;
}


/* A signed request; what is added after it is not signed. */

static void
test_sign_as(test_request_t *t, const char *text, const char *key_id,
    const char *secret)
{
    static char  auth[ACM_MAX_SIGV4_AUTH + 1];
    acm_buf_t    out;

    acm_sigv4_signer_t  signer = {
        key_id, secret, NULL, "eu-central-1", "acm"
    };

    assert_true(test_request_read(t, text, strlen(text)));
    acm_buf_init(&out, ACM_MAX_SIGV4_AUTH);
    test_ok(acm_sigv4_sign(&signer, &t->r, &out, NULL));
    memcpy(auth, out.data, out.len);
    auth[out.len] = '\0';
    acm_buf_free(&out);
    test_request_add(t, "Authorization", auth);
    test_policy_reset();
}


static void
test_sign(test_request_t *t, const char *text)
{
    test_sign_as(t, text, TEST_KEY_ID, TEST_SECRET);
}


/* type NULL: accepted; message NULL: any */

static void
test_want(const test_request_t *t, const char *type, const char *message)
{
    acm_rc_t  rc;

    rc = acm_sigv4_verify(&t->r, &test_policy, &test_user, &test_fault);

    if (type == NULL) {
        test_ok(rc);
        return;
    }

    assert_int_equal(rc, ACM_DENIED);
    assert_int_equal(test_fault.status, 400);
    assert_string_equal(test_fault.type, type);
    assert_int_equal(test_user.key_id[0], 0);
    assert_int_equal(test_user.signature[0], 0);

    if (message != NULL) {
        assert_string_equal(test_fault.message, message);
    }
}


typedef struct {
    const char  *text;               /* all but Authorization */
    const char  *auth;               /* NULL: none */
    const char  *type;
    const char  *message;
} test_case_t;


#define TEST_BARE  "POST / HTTP/1.1\nHost: a"
#define TEST_DATED TEST_BARE "\nX-Amz-Date: 20261125T130042Z"
#define TEST_ALL   "SignedHeaders=host;x-amz-date, Signature=0"

static const test_case_t  test_cases[] = {
    { TEST_BARE, NULL, "MissingAuthenticationTokenException",
      "Missing Authentication Token" },
    { "POST /?X-Amz-Algorithm=AWS4-HMAC-SHA256 HTTP/1.1\nHost: a", NULL,
      "MissingAuthenticationTokenException", "Missing Authentication Token" },
    { "POST /?X-Amz-Algorithm=AWS4-HMAC-SHA256 HTTP/1.1\nHost: a", "Basic a",
      TEST_INVALID, "" },
    { "POST /?a&X%2dAmz%2DAlgorithm HTTP/1.1\nHost: a", "", TEST_INVALID, "" },
    { TEST_BARE, "", TEST_INCOMPLETE, "Unsupported AWS 'algorithm': ''." },
    { TEST_BARE, "Basic YTpi", TEST_INCOMPLETE,
      "Unsupported AWS 'algorithm': 'Basic'." },
    { TEST_BARE, "AWS4-ECDSA-P256-SHA256 Credential", TEST_INCOMPLETE,
      "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'." },
    { TEST_BARE, "aws4-hmac-sha256 Credential", TEST_INCOMPLETE,
      "Unsupported AWS 'algorithm': 'aws4-hmac-sha256'." },
    { TEST_BARE, TEST_AUTH "Credential=a, Signature", TEST_INCOMPLETE,
      "'Signature' not a valid key=value pair (missing equal-sign) in "
      "Authorization header: 'AWS4-HMAC-SHA256 Credential=a, Signature'" },
    { TEST_BARE, TEST_AUTH "\xff\"", TEST_INCOMPLETE,
      "'?\"' not a valid key=value pair (missing equal-sign) in "
      "Authorization header: 'AWS4-HMAC-SHA256 ?\"'" },
    { TEST_BARE, "AWS4-HMAC-SHA256", TEST_INCOMPLETE,
      "Authorization header requires 'Credential' parameter. Authorization "
      "header requires 'Signature' parameter. Authorization header requires "
      "'SignedHeaders' parameter. Authorization header requires existence of "
      "either a 'X-Amz-Date' or a 'Date' header. "
      "Authorization=AWS4-HMAC-SHA256" },
    { TEST_DATED, TEST_AUTH "Credential=a, SignedHeaders=host",
      TEST_INCOMPLETE, "Authorization header requires 'Signature' parameter. "
      "Authorization=AWS4-HMAC-SHA256" },
    { TEST_BARE "\nDate: x", TEST_AUTH "Credential=a,,Signature=b,c=d",
      TEST_INCOMPLETE, "Authorization header requires 'SignedHeaders' "
      "parameter. Authorization=AWS4-HMAC-SHA256" },
    { TEST_BARE "\nDate: x", TEST_AUTH "Signature=b,SignedHeaders=",
      TEST_INCOMPLETE, "Authorization header requires 'Credential' "
      "parameter. Authorization=AWS4-HMAC-SHA256" },
    { TEST_BARE "\nX-Amz-Date: x", TEST_AUTH "Credential=a, Signature=b, "
      "SignedHeaders=x-amz-date", TEST_INVALID, "'Host' or ':authority' must "
      "be a 'SignedHeader' in the AWS Authorization." },
    { TEST_BARE "\nX-Amz-Date: x", TEST_AUTH "Credential=a, Signature=b, "
      "SignedHeaders=hos;hostx", TEST_INVALID, "'Host' or ':authority' must "
      "be a 'SignedHeader' in the AWS Authorization." },
    { TEST_BARE "\nX-Amz-Date: x", TEST_AUTH "Credential=a, Signature=b, "
      "SignedHeaders=host", TEST_INVALID, "'X-Amz-Date' must be a "
      "'SignedHeader' in the AWS Authorization." },
    { TEST_BARE "\nDate: x", TEST_AUTH "Credential=a, Signature=b, "
      "SignedHeaders=host", TEST_INVALID, "'Date' must be a "
      "'SignedHeader' in the AWS Authorization." },
    { TEST_BARE "\nX-Amz-Date: Wed, 25 Nov 2026 13:00:42 GMT", TEST_AUTH
      "Credential=a, " TEST_ALL, TEST_INCOMPLETE, "Date must be in ISO-8601 "
      "'basic format'. Got 'Wed, 25 Nov 2026 13:00:42 GMT'. See "
      "http://en.wikipedia.org/wiki/ISO_8601" },
    { TEST_DATED, TEST_AUTH "Credential=a/b/c/d, " TEST_ALL, TEST_INCOMPLETE,
      "Credential must have exactly 5 slash-delimited elements, e.g. "
      "keyid/date/region/service/term, got 'a/b/c/d'" },
    { TEST_DATED, TEST_AUTH "Credential=a/b/c/d/e/f, " TEST_ALL,
      TEST_INCOMPLETE, "Credential must have exactly 5 slash-delimited "
      "elements, e.g. keyid/date/region/service/term, got 'a/b/c/d/e/f'" },
    { TEST_DATED, TEST_AUTH "Credential=a/b/c/d/e, " TEST_ALL, TEST_INVALID,
      "Credential should be scoped to a valid region, not 'c'. Credential "
      "should be scoped to correct service: 'acm'. Credential should be "
      "scoped with a valid terminator: 'aws4_request', not 'e'. Date in "
      "Credential scope does not match YYYYMMDD from ISO-8601 version of date "
      "from HTTP: 'b' != '20261125', from '20261125T130042Z'." },
    { TEST_DATED, TEST_AUTH "Credential=a/20261124/eu-central-1/acm/"
      "aws4_request, " TEST_ALL, TEST_INVALID, "Date in "
      "Credential scope does not match YYYYMMDD from ISO-8601 version of date "
      "from HTTP: '20261124' != '20261125', from '20261125T130042Z'." },
    { TEST_DATED, TEST_AUTH "Credential=a/20261125/eu-central-1/s3/"
      "aws4_request, " TEST_ALL, TEST_INVALID, "Credential should be scoped "
      "to correct service: 'acm'." },
    { TEST_DATED, TEST_AUTH "Credential=AKIDOTHER/" TEST_SCOPE ", " TEST_ALL,
      TEST_UNKNOWN,
      "The security token included in the request is invalid." },
    { TEST_DATED, TEST_AUTH "Credential=/" TEST_SCOPE ", " TEST_ALL,
      TEST_UNKNOWN,
      "The security token included in the request is invalid." },
    { TEST_DATED, TEST_AUTH "Credential=AKIDEXAMPLE/" TEST_SCOPE ", "
      TEST_ALL, TEST_INVALID, TEST_MISMATCH },
    { TEST_DATED, TEST_AUTH "Credential=a, Credential=AKIDEXAMPLE/" TEST_SCOPE
      ", " TEST_ALL, TEST_INVALID, TEST_MISMATCH }
};


static void
test_order(void **state)
{
    size_t              i;
    test_request_t      t;
    const test_case_t  *c;

    (void) state;

    test_policy_reset();

    for (i = 0; i < sizeof(test_cases) / sizeof(test_cases[0]); i++) {
        c = &test_cases[i];
        assert_true(test_request_read(&t, c->text, strlen(c->text)));

        if (c->auth != NULL) {
            test_request_add(&t, "Authorization", c->auth);
        }

        test_want(&t, c->type, c->message);
        test_request_free(&t);
    }
}


static void
test_time(void **state)
{
    size_t          i;
    test_request_t  t;

    static const char *const  bad[] = {
        "", "20261125T130042", "20261125T130042Z0", "20261125t130042Z",
        "20261125T130042z", "2026-11-25T13:00:42Z", "20261131T130042Z",
        "20260229T130042Z", "20261125T240000Z", "20261125T136042Z",
        "20261125T130060Z", "20261325T130042Z", "20260025T130042Z",
        "20261100T130042Z", "2026112 T130042Z", "+0261125T130042Z"
    };

    (void) state;

    test_sign(&t, TEST_TEXT);
    test_want(&t, NULL, NULL);

    test_policy.now = TEST_NOW + ACM_SIGV4_SKEW;
    test_want(&t, NULL, NULL);
    test_policy.now++;
    test_want(&t, TEST_INVALID, "Signature expired: 20261125T130042Z is now "
              "earlier than 20261125T130043Z (20261125T130543Z - 5 min.)");
    test_policy.now = TEST_NOW - ACM_SIGV4_SKEW;
    test_want(&t, NULL, NULL);
    test_policy.now--;
    test_want(&t, TEST_INVALID, "Signature not yet current: 20261125T130042Z "
              "is still later than 20261125T130041Z (20261125T125541Z + "
              "5 min.)");

    test_policy.skew = ACM_MAX_SIGV4_SKEW;
    test_policy.now = TEST_NOW + ACM_MAX_SIGV4_SKEW;
    test_want(&t, NULL, NULL);
    test_policy.skew = ACM_MAX_SIGV4_SKEW + 1;
    test_policy.now++;
    test_want(&t, TEST_INVALID, "Signature expired: 20261125T130042Z is now "
              "earlier than 20261125T130043Z (20261125T131543Z - 15 min.)");
    test_policy.skew = 1;
    test_want(&t, TEST_INVALID, "Signature expired: 20261125T130042Z is now "
              "earlier than 20261125T131542Z (20261125T131543Z - 1 sec.)");
    test_request_free(&t);

    /* clocks that are far off */

    test_sign(&t, TEST_TEXT);
    test_policy.now = INT64_MAX;
    test_want(&t, TEST_INVALID, "Signature expired: 20261125T130042Z is now "
              "earlier than 99991231T235959Z (99991231T235959Z - 5 min.)");
    test_policy.now = INT64_MIN;
    test_want(&t, TEST_INVALID, "Signature not yet current: 20261125T130042Z "
              "is still later than 19700101T000000Z (19700101T000000Z + "
              "5 min.)");
    test_request_free(&t);

    /* midnight: the scope's day is that of the request */

    test_sign(&t, "POST / HTTP/1.1\nHost: a\nX-Amz-Date: 20261125T235959Z\n");
    test_policy.now = TEST_NOW + 39557 + 1;
    test_want(&t, NULL, NULL);
    test_request_free(&t);

    /* only in this form */

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        test_sign(&t, TEST_TEXT);
        t.headers[2].value.data = (uint8_t *) bad[i];
        t.headers[2].value.len = strlen(bad[i]);
        test_want(&t, TEST_INCOMPLETE, NULL);
        assert_non_null(strstr(test_fault.message, "'basic format'"));
        test_request_free(&t);
    }
}


/* Date serves where X-Amz-Date is not. */

static void
test_date(void **state)
{
    test_request_t  t;

    static const char  text[] =
        TEST_BARE "\nDate: 20261125T130042Z\n"
        "Authorization: " TEST_AUTH "Credential=" TEST_KEY_ID "/" TEST_SCOPE
        ",SignedHeaders=date;host,Signature="
        "565e6f69b4f3a8e1c03b0b00246d8b271a56c57fe8778d26980a65fd405d047b";

    (void) state;

    test_policy_reset();
    assert_true(test_request_read(&t, text, strlen(text)));
    test_want(&t, NULL, NULL);
    assert_int_equal(test_user.at, TEST_NOW);

    t.headers[1].value.data[15]++;
    test_want(&t, TEST_INVALID, TEST_MISMATCH);
    test_request_free(&t);

    /* it does not count beside the other, but if it is signed it must hold */

    test_sign(&t, TEST_BARE "\nX-Amz-Date: 20261125T130042Z\nDate: x");
    test_want(&t, NULL, NULL);
    t.headers[2].value.data = (uint8_t *) "y";
    t.headers[2].value.len = 1;
    test_want(&t, TEST_INVALID, TEST_MISMATCH);
    test_request_free(&t);
}


/* What decides something must be signed, and be there once. */

static void
test_fields(void **state)
{
    size_t          i;
    test_request_t  t;

    static const char *const  added[][2] = {
        { "X-Amz-Target", "CertificateManager.DeleteCertificate" },
        { "x-amz-date", "20261125T130043Z" },
        { "HOST", "evil" },
        { "content-type", "text/plain" },
        { "Authorization", "AWS4-HMAC-SHA256 a" }
    };
    static const char *const  hostile[][2] = {
        { "a\nb", "c" }, { "a:b", "c" }, { "a b", "c" }, { "", "c" },
        { "a\x80", "c" }, { "a", "b\nc" }, { "a", "b\rc" }, { "a", "\x7f" },
        { "a", "\x01" }
    };

    (void) state;

    for (i = 0; i < sizeof(added) / sizeof(added[0]); i++) {
        test_sign(&t, TEST_TEXT);
        test_request_add(&t, added[i][0], added[i][1]);
        test_want(&t, TEST_INCOMPLETE, NULL);
        assert_non_null(strstr(test_fault.message, "must not be repeated."));
        test_request_free(&t);
    }

    for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        test_sign(&t, TEST_TEXT);
        test_request_add(&t, hostile[i][0], hostile[i][1]);
        test_want(&t, TEST_INCOMPLETE, NULL);
        test_request_free(&t);
    }

    /* not signed */

    test_sign(&t, "POST / HTTP/1.1\nHost: a\nX-Amz-Date: 20261125T130042Z\n");
    test_want(&t, NULL, NULL);
    test_request_add(&t, "X-Amz-Target", "CertificateManager.DeleteX");
    test_want(&t, TEST_INVALID, "'X-Amz-Target' must be a 'SignedHeader' in "
              "the AWS Authorization.");
    t.r.nheaders--;
    test_request_add(&t, "x-amz-new", "");
    test_want(&t, TEST_INVALID, "'x-amz-new' must be a 'SignedHeader' in the "
              "AWS Authorization.");
    t.r.nheaders--;
    test_request_add(&t, "Content-Type", "a");
    test_want(&t, TEST_INVALID, "'Content-Type' must be a 'SignedHeader' in "
              "the AWS Authorization.");
    t.r.nheaders--;
    test_request_add(&t, "User-Agent", "a");
    test_request_add(&t, "amz-sdk-request", "attempt=2");
    test_request_add(&t, "User-Agent", "\xc3\xa9");
    test_want(&t, NULL, NULL);
    test_request_free(&t);

    /* signed, and gone or reordered: the list must be as clients make it */

    test_sign(&t, TEST_TEXT);
    t.headers[3] = t.headers[--t.r.nheaders];
    test_want(&t, TEST_INVALID, TEST_MISMATCH);
    test_request_free(&t);

    test_sign(&t, "POST / HTTP/1.1\nHost: a\nX-Amz-Date: 20261125T130042Z\n");
    t.r.nheaders--;
    test_request_add(&t, "Authorization", TEST_AUTH "Credential=" TEST_KEY_ID
                     "/" TEST_SCOPE ",SignedHeaders=x-amz-date;host,"
                     "Signature=0");
    test_want(&t, TEST_INVALID, TEST_MISMATCH);
    t.r.nheaders--;
    test_request_add(&t, "Authorization", TEST_AUTH "Credential=" TEST_KEY_ID
                     "/" TEST_SCOPE ",SignedHeaders=Host;host;x-amz-date,"
                     "Signature=0");
    test_want(&t, TEST_INVALID, TEST_MISMATCH);

    /* a value of no octets may have no address */

    t.headers[2].value.data = NULL;
    t.headers[2].value.len = 0;
    test_want(&t, TEST_INCOMPLETE, "Unsupported AWS 'algorithm': ''.");
    test_request_free(&t);

    /* blanks do not matter, but their absence does */

    test_sign(&t, TEST_BARE "\nX-Amz-Date: 20261125T130042Z\nX-Amz-A: b c");
    t.headers[2].value.data = (uint8_t *) " \tb \t c\t ";
    t.headers[2].value.len = 9;
    test_want(&t, NULL, NULL);
    t.headers[2].value.data = (uint8_t *) "bc";
    t.headers[2].value.len = 2;
    test_want(&t, TEST_INVALID, TEST_MISMATCH);
    test_request_free(&t);
}


/* The payload is what counts, whatever a header says of it. */

static void
test_payload(void **state)
{
    size_t          i;
    uint8_t         hash[ACM_HASH_LEN];
    test_request_t  t;

    static const char *const  claims[] = {
        "", "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    };

    (void) state;

    test_sign(&t, TEST_TEXT);

    for (i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        test_request_add(&t, "X-Amz-Content-Sha256", claims[i]);
        test_want(&t, TEST_INVALID, TEST_MISMATCH);
        t.r.nheaders--;
    }

    /* its true hash need not be signed */

    test_request_add(&t, "X-Amz-Content-Sha256", "44136fa355b3678a1146ad16f7e8"
                     "649e94fb4fc21fe77e8310c060f61caaff8a");
    test_want(&t, NULL, NULL);

    t.r.payload.len--;
    test_want(&t, TEST_INVALID, TEST_MISMATCH);
    t.r.payload.len++;
    t.r.payload.data[0]++;
    test_want(&t, TEST_INVALID, TEST_MISMATCH);

    /* a hash in place of the payload */

    memset(hash, 0, sizeof(hash));
    t.r.hash = hash;
    test_want(&t, TEST_INVALID, TEST_MISMATCH);
    memcpy(hash, "\x44\x13\x6f\xa3\x55\xb3\x67\x8a\x11\x46\xad\x16\xf7\xe8"
           "\x64\x9e\x94\xfb\x4f\xc2\x1f\xe7\x7e\x83\x10\xc0\x60\xf6\x1c\xaa"
           "\xff\x8a", sizeof(hash));
    test_want(&t, NULL, NULL);
    test_request_free(&t);

    /* signed as such */

    test_sign(&t, TEST_BARE "\nX-Amz-Content-Sha256: UNSIGNED-PAYLOAD\n"
              "X-Amz-Date: 20261125T130042Z\n\nabc");
    test_want(&t, TEST_INVALID, TEST_MISMATCH);
    test_request_free(&t);
}


static void
test_target(void **state)
{
    size_t          i;
    test_request_t  t;

    static const char *const  same[] = {
        "//", "/./", "/?", "/a/..", "/?&&"
    };
    static const char *const  other[] = {
        "", "*", "http://localhost/", "/a", "/?a", "/?a=b", "/%2f", "/?%",
        "/?%4", "/?%4g", "/?a=%g4", "/?%41%:1", "/?=&="
    };

    (void) state;

    test_sign(&t, TEST_TEXT);

    for (i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        t.r.target.data = (uint8_t *) other[i];
        t.r.target.len = strlen(other[i]);
        test_want(&t, TEST_INVALID, TEST_MISMATCH);
    }

    for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        t.r.target.data = (uint8_t *) same[i];
        t.r.target.len = strlen(same[i]);
        test_policy.root = 0;
        test_want(&t, NULL, NULL);
        test_policy.root = 1;
        test_want(&t, "UnknownOperationException", "");
    }

    test_request_free(&t);
}


/* sessions, keys of no use, and faults of the server */

static void
test_keys(void **state)
{
    acm_sigv4_key_t  key;
    test_request_t   t;

    (void) state;

    memset(&key, 0, sizeof(key));
    (void) test_find(NULL, TEST_KEY_ID, &key);

    test_sign(&t, TEST_TEXT);
    test_policy.data = &key;
    test_want(&t, NULL, NULL);

    key.expires = TEST_NOW + 1;
    test_want(&t, NULL, NULL);
    key.expires = TEST_NOW;
    test_want(&t, "ExpiredTokenException",
              "The security token included in the request is expired");
    key.active = 0;
    test_want(&t, TEST_UNKNOWN,
              "The security token included in the request is invalid.");
    key.active = 1;
    key.expires = 0;

    /* a session without its token */

    key.token.data = (uint8_t *) "token";
    key.token.len = 5;
    test_want(&t, TEST_UNKNOWN,
              "The security token included in the request is invalid");

    /* a token that is not signed */

    test_request_add(&t, "X-Amz-Security-Token", "token");
    test_want(&t, TEST_INVALID, "'X-Amz-Security-Token' must be a "
              "'SignedHeader' in the AWS Authorization.");
    test_request_free(&t);

    test_sign(&t, TEST_BARE "\nX-Amz-Date: 20261125T130042Z\n"
              "X-Amz-Security-Token: token\n");
    test_policy.data = &key;
    test_want(&t, NULL, NULL);
    key.token.len = 4;
    test_want(&t, TEST_UNKNOWN,
              "The security token included in the request is invalid");
    key.token.len = 0;
    test_want(&t, TEST_UNKNOWN,
              "The security token included in the request is invalid");
    test_policy.data = NULL;
    test_want(&t, TEST_UNKNOWN, NULL);
    test_policy.data = &key;

    key.len = 0;
    assert_int_equal(acm_sigv4_verify(&t.r, &test_policy, &test_user,
                                      &test_fault), ACM_ERROR);
    assert_string_equal(test_fault.type, "InternalFailure");
    assert_int_equal(test_fault.status, 500);
    key.len = ACM_MAX_SIGV4_SECRET + 1;
    assert_int_equal(acm_sigv4_verify(&t.r, &test_policy, &test_user,
                                      &test_fault), ACM_ERROR);
    test_request_free(&t);

    /* whoever signs with the secret that stands in for those that are not */

    test_sign_as(&t, TEST_TEXT, "AKIDOTHER",
                 "0000000000000000000000000000000000000000");
    test_want(&t, TEST_UNKNOWN,
              "The security token included in the request is invalid.");
    test_request_free(&t);

    /* the right secret, the wrong key; upper-case hex */

    test_sign_as(&t, TEST_TEXT, "AKIDOTHER", TEST_SECRET);
    test_want(&t, TEST_UNKNOWN, NULL);
    test_request_free(&t);
    test_sign_as(&t, TEST_TEXT, TEST_KEY_ID, "another");
    test_want(&t, TEST_INVALID, TEST_MISMATCH);
    test_request_free(&t);
}


static acm_rc_t
test_find_any(void *data, const char *key_id, acm_sigv4_key_t *key)
{
    (void) data;
    (void) key_id;

    key->active = 1;
    key->len = ACM_MAX_SIGV4_SECRET;
    memset(key->secret, 's', key->len);

    return ACM_OK;
}


static acm_rc_t
test_find_fails(void *data, const char *key_id, acm_sigv4_key_t *key)
{
    (void) data;
    (void) key_id;
    (void) key;

    return ACM_CORRUPT;
}


/* Each limit is reached, and then passed. */

static void
test_limits(void **state)
{
    char            *s, secret[ACM_MAX_SIGV4_SECRET + 1];
    size_t           i, octets;
    acm_buf_t        text;
    acm_sigv4_key_t  key;
    test_request_t   t;

    (void) state;

    s = malloc(ACM_MAX_SIGV4_FIELDS + 1);
    memset(s, 'a', ACM_MAX_SIGV4_FIELDS);
    s[ACM_MAX_SIGV4_FIELDS] = '\0';
    memset(secret, 's', ACM_MAX_SIGV4_SECRET);
    secret[ACM_MAX_SIGV4_SECRET] = '\0';

    /* key id and secret */

    test_sign_as(&t, TEST_TEXT,
                 s + ACM_MAX_SIGV4_FIELDS - ACM_MAX_SIGV4_KEY_ID, secret);
    test_policy.find = test_find_any;
    test_want(&t, NULL, NULL);
    assert_int_equal(strlen(test_user.key_id), ACM_MAX_SIGV4_KEY_ID);
    test_policy.find = test_find_fails;
    assert_int_equal(acm_sigv4_verify(&t.r, &test_policy, &test_user,
                                      &test_fault), ACM_ERROR);
    test_request_free(&t);

    /* headers */

    test_sign(&t, TEST_TEXT);

    while (t.r.nheaders < ACM_MAX_SIGV4_HEADERS) {
        test_request_add(&t, "x", "y");
    }

    test_want(&t, NULL, NULL);
    test_request_add(&t, "x", "y");
    test_want(&t, TEST_INCOMPLETE,
              "The request has more than 128 header fields.");
    test_request_free(&t);

    test_sign(&t, TEST_TEXT);
    octets = 1;

    for (i = 0; i < t.r.nheaders; i++) {
        octets += t.headers[i].name.len + t.headers[i].value.len;
    }

    test_request_add(&t, "x", s + octets);
    test_want(&t, NULL, NULL);
    t.headers[5].value.data--;
    t.headers[5].value.len++;
    test_want(&t, TEST_INCOMPLETE, NULL);
    test_request_free(&t);

    /* target, parameters, Authorization */

    test_sign(&t, TEST_TEXT);
    s[0] = '/';
    t.r.target.data = (uint8_t *) s;
    t.r.target.len = ACM_MAX_SIGV4_TARGET;
    test_want(&t, TEST_INVALID, TEST_MISMATCH);
    t.r.target.len++;
    test_want(&t, TEST_INCOMPLETE, NULL);
    s[0] = 'a';
    t.r.target.len = 1;
    t.r.target.data = (uint8_t *) "/";

    i = strlen((char *) t.headers[4].value.data);
    assert_non_null(memchr(t.headers[4].value.data, ',', i));
    memset(s, ' ', ACM_MAX_SIGV4_AUTH + 1);
    memcpy(s, t.headers[4].value.data, 17);
    memcpy(s + ACM_MAX_SIGV4_AUTH - (i - 17), t.headers[4].value.data + 17,
           i - 17);
    t.headers[4].value.data = (uint8_t *) s;
    t.headers[4].value.len = ACM_MAX_SIGV4_AUTH;
    test_want(&t, NULL, NULL);
    s[ACM_MAX_SIGV4_AUTH] = ',';
    t.headers[4].value.len++;
    test_want(&t, TEST_INCOMPLETE,
              "The Authorization header has more than 8192 octets.");
    test_request_free(&t);
    /* the token of a session */

    memset(s, 't', ACM_MAX_SIGV4_TOKEN + 1);
    memset(&key, 0, sizeof(key));
    (void) test_find(NULL, TEST_KEY_ID, &key);

    for (i = 0; i <= 1; i++) {
        key.token.data = (uint8_t *) s;
        key.token.len = ACM_MAX_SIGV4_TOKEN + i;

        acm_buf_init(&text, 65536);
        acm_buf_text(&text, TEST_BARE "\nX-Amz-Date: 20261125T130042Z\n"
                     "X-Amz-Security-Token: ");
        acm_buf_add(&text, s, key.token.len);
        acm_buf_u8(&text, '\0');
        test_sign(&t, (char *) text.data);
        test_policy.data = &key;
        test_want(&t, (i == 0) ? NULL : TEST_UNKNOWN, NULL);
        test_request_free(&t);
        acm_buf_free(&text);
    }

    free(s);
}


static void
test_long(void **state)
{
    char            *s;
    test_request_t   t;

    (void) state;

    s = malloc(5000);
    memset(s, 'x', 4999);
    memcpy(s, TEST_AUTH, strlen(TEST_AUTH));
    s[4999] = '\0';

    test_policy_reset();
    assert_true(test_request_read(&t, TEST_TEXT, strlen(TEST_TEXT)));
    test_request_add(&t, "Authorization", s);
    test_want(&t, TEST_INCOMPLETE, NULL);
    assert_int_equal(strlen(test_fault.message), ACM_MAX_SIGV4_MESSAGE - 1);
    test_request_free(&t);
    free(s);
}


static void
test_region(void **state)
{
    char            *text;
    size_t           i;
    test_request_t   t;

    static const char *const  bad[] = { "", "EU", "eu_central", "a.b", "\xff" };

    (void) state;

    text = malloc(4096);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]) + 2; i++) {
        snprintf(text, 4096, TEST_AUTH "Credential=%s/20261125/%0*d%s/acm/"
                 "aws4_request, " TEST_SIGNED ", Signature=0", TEST_KEY_ID,
                 (i == 5) ? ACM_MAX_LABEL : (i == 6) ? ACM_MAX_LABEL + 1 : 0,
                 0, (i < 5) ? bad[i] : "");

        if (i == 0) {
            snprintf(text, 4096, TEST_AUTH "Credential=%s/20261125//acm/"
                     "aws4_request, " TEST_SIGNED ", Signature=0",
                     TEST_KEY_ID);
        }

        test_policy_reset();
        test_policy.region = NULL;
        assert_true(test_request_read(&t, TEST_TEXT, strlen(TEST_TEXT)));
        test_request_add(&t, "Authorization", text);
        test_want(&t, TEST_INVALID, (i == 5) ? TEST_MISMATCH : NULL);
        assert_true((i == 5) == (strstr(test_fault.message, "valid region")
                                 == NULL));
        test_request_free(&t);
    }

    free(text);
}


/* Without memory nobody is accepted who is not with it. */

static void
test_memory(void **state)
{
    acm_rc_t         rc;
    unsigned long    i;
    test_request_t   t;

    (void) state;

    test_sign(&t, "POST /?b=c&a=b HTTP/1.1\nHost: a\n"
              "X-Amz-Date: 20261125T130042Z\n\n{}");

    for (i = 1; ; i++) {
        acm_alloc_fail_at(i);
        rc = acm_sigv4_verify(&t.r, &test_policy, &test_user, &test_fault);

        if (acm_alloc_fail_at(0) != 0) {
            break;
        }

        if (rc != ACM_OK) {
            assert_true(rc == ACM_NOMEM);
            assert_string_equal(test_fault.type, "InternalFailure");
        }
    }

    test_ok(rc);
    assert_true(i > 3);
    test_request_free(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_date),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_payload),
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_region),
        cmocka_unit_test(test_memory)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
