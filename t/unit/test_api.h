
/*
 * Copyright (C) The ngx_acm authors
 *
 * Calls of the API on a store in memory, with an engine beside it.
 */


#ifndef _TEST_API_H_INCLUDED_
#define _TEST_API_H_INCLUDED_


#include "acm_api_impl.h"
#include "acm_token.h"
#include "test_store.h"


#define TEST_ACCOUNT  "123456789012"
#define TEST_REGION   "us-east-1"
#define TEST_START    1800000000LL
#define TEST_ARN      "arn:aws:acm:" TEST_REGION ":" TEST_ACCOUNT             \
                      ":certificate/"
#define TEST_NONE     TEST_ARN "11111111-2222-4333-8444-555555555555"


typedef struct {
    acm_store_t        *store;
    acm_keyring_t      *ring;
    acm_key_secret_t    master;
    acm_issuer_t        issuer;
    acm_engine_t        engine;
    acm_api_conf_t      conf;
    acm_api_caller_t    caller;
    acm_api_server_t    server;
    acm_x509_seen_t     seen;
    int64_t             now;
    int                 status;          /* of the last call */
    unsigned            changed;
    unsigned            quiet;           /* faults of ours are wanted */
    char                fault[128];
    char                message[4096];
} test_api_t;


static inline void
test_api_start(test_api_t *t)
{
    memset(t, 0, sizeof(test_api_t));
    t->store = test_open_memory();
    test_ok(acm_key_random(&t->master, NULL));
    test_ok(acm_keyring_open(t->store, &t->master, 1, &t->ring, NULL));

    t->now = TEST_START;

    t->issuer.name = "internal";
    t->issuer.ca_key = ACM_KEY_EC_P256;
    t->issuer.lifetime = ACM_CA_LEAF_LIFETIME;

    t->engine.ring = t->ring;
    t->engine.store = t->store;
    t->engine.issuers = &t->issuer;
    t->engine.nissuers = 1;

    t->conf.issuers = &t->issuer;
    t->conf.nissuers = 1;
    t->conf.default_issuers = "internal";
    t->conf.page = 1000;

    t->caller.account = TEST_ACCOUNT;
    t->caller.region = TEST_REGION;
    t->caller.arn = "arn:aws:iam::" TEST_ACCOUNT ":user/test";
    t->caller.key_id = "AKIATEST";
    t->caller.address = "127.0.0.1";
    t->caller.agent = "";
}


static inline void
test_api_stop(test_api_t *t)
{
    acm_engine_done(&t->engine);
    acm_x509_seen_free(&t->seen);
    acm_keyring_close(t->ring);
    acm_store_close(t->store);
}


/* What the helper has to do. */

static inline void
test_api_run(test_api_t *t)
{
    int64_t   next;
    acm_rc_t  rc;
    unsigned  n;

    for (n = 0; n < 1000; n++) {
        rc = acm_engine_tick(&t->engine, t->now, &next, NULL);

        if (rc == ACM_NOTFOUND) {
            return;
        }

        test_ok(rc);
    }

    fail();
}


/* One call; the answer is never NULL. */

static inline json_t *
test_api_raw(test_api_t *t, const char *operation, const char *body,
    size_t len)
{
    char               target[128];
    json_t            *json;
    const char        *text;
    json_error_t       error;
    acm_api_answer_t   answer;
    acm_api_request_t  req;

    memset(&req, 0, sizeof(req));

    snprintf(target, sizeof(target), ACM_API_TARGET "%s", operation);

    req.method.data = (uint8_t *) "POST";
    req.method.len = 4;
    req.target.data = (uint8_t *) target;
    req.target.len = strlen(target);
    req.type.data = (uint8_t *) ACM_API_TYPE;
    req.type.len = sizeof(ACM_API_TYPE) - 1;
    req.body.data = (uint8_t *) body;
    req.body.len = len;
    req.seen = &t->seen;

    acm_api_call(&t->conf, t->ring, &t->caller, &req, t->now, &answer);

    t->status = answer.status;
    t->changed = answer.changed;
    assert_true(acm_uuid_ok(answer.request_id));

    json = (answer.body.len == 0)
           ? NULL
           : json_loadb((char *) answer.body.data, answer.body.len, 0,
                        &error);

    if (json == NULL && t->quiet) {
        json = json_object();
        t->fault[0] = '?';
        t->fault[1] = '\0';
        t->status = 503;
        acm_free(answer.body.data);
        return json;
    }

    assert_non_null(json);

    snprintf(t->fault, sizeof(t->fault), "%s",
             answer.fault ? answer.fault : "");
    text = json_string_value(json_object_get(json, "message"));

    if (text == NULL) {
        text = json_string_value(json_object_get(json, "Message"));
    }

    snprintf(t->message, sizeof(t->message), "%s", text ? text : "");

    if (answer.fault != NULL) {
        assert_string_equal(json_string_value(json_object_get(json,
                                                              "__type")),
                            answer.fault);
        assert_true(answer.status >= 400);

        if (answer.err.text[0] != '\0' && !t->quiet) {
            print_error("%s\n", answer.err.text);
        }

    } else {
        assert_int_equal(answer.status, 200);
    }

    acm_free(answer.body.data);

    return json;
}


/* The body with ' for ". */

static inline json_t *
test_api(test_api_t *t, const char *operation, const char *body)
{
    char    *copy, *p;
    json_t  *json;

    copy = strdup(body);

    for (p = copy; *p != '\0'; p++) {
        if (*p == '\'') {
            *p = '"';
        }
    }

    json = test_api_raw(t, operation, copy, strlen(copy));
    free(copy);

    return json;
}


/* It must succeed, or fail just so. */

static inline json_t *
test_api_ok(test_api_t *t, const char *operation, const char *body)
{
    json_t  *json;

    json = test_api(t, operation, body);

    if (t->fault[0] != '\0') {
        print_error("%s: %s: %s\n", operation, t->fault, t->message);
    }

    assert_string_equal(t->fault, "");

    return json;
}


static inline void
test_api_fault(test_api_t *t, const char *operation, const char *body,
    const char *fault, const char *message)
{
    json_decref(test_api(t, operation, body));

    assert_string_equal(t->fault, fault);

    if (message != NULL) {
        assert_string_equal(t->message, message);
    }
}


/* the certificate that a test is about */

static char  test_arn[ACM_MAX_ARN];
static char  test_body[16384];


static inline const char *
test_with_arn(const char *format)
{
    snprintf(test_body, sizeof(test_body), format, test_arn);

    return test_body;
}


static inline json_t *
test_describe(test_api_t *t)
{
    json_t  *json, *cert;

    json = test_api_ok(t, "DescribeCertificate",
                       test_with_arn("{'CertificateArn': '%s'}"));
    cert = json_incref(json_object_get(json, "Certificate"));
    json_decref(json);

    return cert;
}


static inline void
test_is(const json_t *json, const char *name, const char *value)
{
    const char  *text;

    text = json_string_value(json_object_get(json, name));

    if (value == NULL) {
        assert_null(json_object_get(json, name));

    } else {
        assert_non_null(text);
        assert_string_equal(text, value);
    }
}


static inline void
test_make(test_api_t *t, const char *body)
{
    json_t  *json;

    json = test_api_ok(t, "RequestCertificate", body);
    snprintf(test_arn, sizeof(test_arn), "%s",
             json_string_value(json_object_get(json, "CertificateArn")));
    json_decref(json);
}


#endif /* _TEST_API_H_INCLUDED_ */
