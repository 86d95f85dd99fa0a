
/*
 * Copyright (C) The ngx_acm authors
 *
 * Requests that users sign, as they are verified.
 */


#include "test.h"
#include "test_user.h"


/* who signed; NULL: the fault's text */

typedef struct {
    const char  *id;
    const char  *secret;
    const char  *token;
    int64_t      now;
    const char  *arn;
    const char  *fault;
} test_signed_t;


static const test_signed_t  test_signeds[] = {
    { "AKIAALICEALICEALICE1", TEST_SECRET, NULL, TEST_NOW,
      "arn:aws:iam::123456789012:user/dept/alice", NULL },
    { "AKIAALICEALICEALICE1", "0123456789abcdef", NULL, TEST_NOW, NULL,
      "The request signature we calculated does not match" },
    { "AKIAALICEALICEALICE1", TEST_SECRET, "x", TEST_NOW, NULL,
      "The security token included in the request is invalid" },
    { "AKIAALICEALICEALICE2", "0123456789abcdef", NULL, TEST_NOW, NULL,
      "The security token included in the request is invalid." },
    { "AKIAALICEALICEALICE9", TEST_SECRET, NULL, TEST_NOW, NULL,
      "The security token included in the request is invalid." },
    { "ASIAALICEALICEALICE3", "0123456789abcdef", "tok+/=", TEST_NOW - 1,
      "arn:aws:iam::123456789012:user/dept/alice", NULL },
    { "ASIAALICEALICEALICE3", "0123456789abcdef", "tok+/=", TEST_NOW, NULL,
      "The security token included in the request is expired" },
    { "ASIAALICEALICEALICE3", "0123456789abcdef", NULL, TEST_NOW - 1, NULL,
      "The security token included in the request is invalid" },
    { "ASIADEPLOYDEPLOYDEPL", TEST_SECRET, "t2", TEST_NOW - 1,
      "arn:aws:sts::123456789012:assumed-role/deploy/ci", NULL },
    { NULL, NULL, NULL, 0, NULL, NULL }
};


static void
test_header(acm_sigv4_header_t *h, const char *name, const char *value)
{
    h->name.data = (uint8_t *) name;
    h->name.len = strlen(name);
    h->value.data = (uint8_t *) value;
    h->value.len = strlen(value);
}


static void
test_signature(void **state)
{
    size_t                i;
    acm_rc_t              rc;
    acm_buf_t             auth;
    acm_err_t             err;
    acm_users_t          *users;
    const test_signed_t  *t;
    acm_sigv4_user_t      who;
    acm_sigv4_fault_t     fault;
    acm_sigv4_header_t    headers[5];
    acm_sigv4_policy_t    policy;
    acm_sigv4_signer_t    signer;
    acm_sigv4_request_t   r;

    (void) state;

    test_ok(test_parse(test_file, &users, &err));

    for (i = 0; test_signeds[i].id != NULL; i++) {
        t = &test_signeds[i];

        memset(&r, 0, sizeof(r));
        memset(&signer, 0, sizeof(signer));
        memset(&policy, 0, sizeof(policy));

        test_header(&headers[0], "Host", "127.0.0.1");
        test_header(&headers[1], "X-Amz-Date", "20261125T130042Z");
        test_header(&headers[2], "Content-Type",
                    "application/x-amz-json-1.1");
        r.nheaders = 3;

        if (t->token != NULL) {
            test_header(&headers[r.nheaders++], "X-Amz-Security-Token",
                        t->token);
        }

        r.method.data = (uint8_t *) "POST";
        r.method.len = 4;
        r.target.data = (uint8_t *) "/";
        r.target.len = 1;
        r.headers = headers;
        r.payload.data = (uint8_t *) "{}";
        r.payload.len = 2;

        signer.key_id = t->id;
        signer.secret = t->secret;
        signer.token = t->token;
        signer.region = "us-east-1";
        signer.service = "acm";

        acm_buf_init(&auth, ACM_MAX_SIGV4_AUTH);
        test_ok(acm_sigv4_sign(&signer, &r, &auth, &err));
        test_header(&headers[r.nheaders], "Authorization", "");
        headers[r.nheaders].value.data = auth.data;
        headers[r.nheaders++].value.len = auth.len;

        policy.service = "acm";
        policy.now = t->now;
        policy.find = acm_users_find;
        policy.data = users;

        rc = acm_sigv4_verify(&r, &policy, &who, &fault);

        if (t->arn != NULL) {
            test_ok(rc);
            assert_string_equal(((const acm_user_t *) who.user)->arn, t->arn);

        } else {
            assert_int_equal(rc, ACM_DENIED);
            assert_int_equal(strncmp(fault.message, t->fault,
                                     strlen(t->fault)), 0);
        }

        acm_buf_free(&auth);
    }

    acm_users_free(users);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_signature)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
