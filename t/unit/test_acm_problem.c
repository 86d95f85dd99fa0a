
/*
 * Copyright (C) The ngx_acm authors
 *
 * Problems of RFC 8555 and later ones, and hostile ones.
 */


#include "acm_acme.h"
#include "acm_json.h"
#include "test.h"


#define URN  "urn:ietf:params:acme:error:"


static void
test_problem_of(int status, const char *type, const char *body,
    acm_problem_t *p)
{
    size_t       i;
    acm_http_t  *http;

    http = acm_http_new(ACM_HTTP_POST, "https://ca.example.net/");
    assert_non_null(http);

    if (type != NULL) {
        test_ok(acm_http_header(http, "Content-Type", 12, type,
                                strlen(type)));
    }

    http->status = status;
    acm_buf_text(&http->answer, body);
    memset(p, 0x55, sizeof(acm_problem_t));
    acm_acme_problem(http, p);
    acm_http_free(http);

    assert_int_equal(p->status, status);
    assert_int_not_equal(p->type, ACM_PROBLEM_NONE);
    assert_int_not_equal(p->fault, ACM_FAULT_NONE);
    assert_true(strlen(p->text) > 0);
    assert_true(strlen(p->text) < ACM_MAX_ERROR);

    for (i = 0; p->text[i] != '\0'; i++) {
        assert_true(p->text[i] >= ' ' && p->text[i] < 0x7f);
    }
}


#define JSON  "application/problem+json"


static void
test_types(void **state)
{
    static const struct {
        const char     *name;
        acm_problem_e   type;
        acm_fault_e     fault;
    } rows[] = {

        /* RFC 8555 s6.7 */

        { "accountDoesNotExist", ACM_PROBLEM_ACCOUNT_DOES_NOT_EXIST,
          ACM_FAULT_ACCOUNT },
        { "alreadyRevoked", ACM_PROBLEM_ALREADY_REVOKED, ACM_FAULT_NAME },
        { "badCSR", ACM_PROBLEM_BAD_CSR, ACM_FAULT_NAME },
        { "badNonce", ACM_PROBLEM_BAD_NONCE, ACM_FAULT_CA },
        { "badPublicKey", ACM_PROBLEM_BAD_PUBLIC_KEY, ACM_FAULT_ACCOUNT },
        { "badRevocationReason", ACM_PROBLEM_BAD_REVOCATION_REASON,
          ACM_FAULT_NAME },
        { "badSignatureAlgorithm", ACM_PROBLEM_BAD_SIGNATURE_ALGORITHM,
          ACM_FAULT_ACCOUNT },
        { "caa", ACM_PROBLEM_CAA, ACM_FAULT_NAME },
        { "compound", ACM_PROBLEM_COMPOUND, ACM_FAULT_NAME },
        { "connection", ACM_PROBLEM_CONNECTION, ACM_FAULT_NAME },
        { "dns", ACM_PROBLEM_DNS, ACM_FAULT_NAME },
        { "externalAccountRequired", ACM_PROBLEM_EXTERNAL_ACCOUNT_REQUIRED,
          ACM_FAULT_ACCOUNT },
        { "incorrectResponse", ACM_PROBLEM_INCORRECT_RESPONSE,
          ACM_FAULT_NAME },
        { "invalidContact", ACM_PROBLEM_INVALID_CONTACT, ACM_FAULT_ACCOUNT },
        { "malformed", ACM_PROBLEM_MALFORMED, ACM_FAULT_NAME },
        { "orderNotReady", ACM_PROBLEM_ORDER_NOT_READY, ACM_FAULT_CA },
        { "rateLimited", ACM_PROBLEM_RATE_LIMITED, ACM_FAULT_LIMIT },
        { "rejectedIdentifier", ACM_PROBLEM_REJECTED_IDENTIFIER,
          ACM_FAULT_NAME },
        { "serverInternal", ACM_PROBLEM_SERVER_INTERNAL, ACM_FAULT_CA },
        { "tls", ACM_PROBLEM_TLS, ACM_FAULT_NAME },
        { "unauthorized", ACM_PROBLEM_UNAUTHORIZED, ACM_FAULT_NAME },
        { "unsupportedContact", ACM_PROBLEM_UNSUPPORTED_CONTACT,
          ACM_FAULT_ACCOUNT },
        { "unsupportedIdentifier", ACM_PROBLEM_UNSUPPORTED_IDENTIFIER,
          ACM_FAULT_NAME },
        { "userActionRequired", ACM_PROBLEM_USER_ACTION_REQUIRED,
          ACM_FAULT_ACCOUNT },

        /* RFC 9773 s7.4, profiles */

        { "alreadyReplaced", ACM_PROBLEM_ALREADY_REPLACED, ACM_FAULT_NAME },
        { "invalidProfile", ACM_PROBLEM_INVALID_PROFILE, ACM_FAULT_ACCOUNT }
    };

    char           body[512];
    size_t         i;
    acm_problem_t  p;

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(body, sizeof(body), "{\"type\":\"" URN "%s\",\"detail\":"
                 "\"because\",\"status\":500}", rows[i].name);
        test_problem_of(400, JSON, body, &p);
        assert_int_equal(p.type, rows[i].type);
        assert_int_equal(p.fault, rows[i].fault);
        assert_string_equal(acm_problem_text(p.type), rows[i].name);
        assert_true(strncmp(p.text, rows[i].name, strlen(rows[i].name)) == 0);
        assert_non_null(strstr(p.text, ": because"));

        /* as the whole type only */

        snprintf(body, sizeof(body), "{\"type\":\"" URN "%sx\"}",
                 rows[i].name);
        test_problem_of(400, JSON, body, &p);
        assert_int_equal(p.type, ACM_PROBLEM_OTHER);
        snprintf(body, sizeof(body), "{\"type\":\"%s\"}", rows[i].name);
        test_problem_of(400, JSON, body, &p);
        assert_int_equal(p.type, ACM_PROBLEM_OTHER);
    }

    assert_int_equal(i, ACM_PROBLEM_USER_ACTION_REQUIRED - ACM_PROBLEM_OTHER);
    assert_string_equal(acm_problem_text(ACM_PROBLEM_NONE), "error");
    assert_string_equal(acm_problem_text(ACM_PROBLEM_OTHER), "error");
}


static void
test_others(void **state)
{
    acm_http_t     *http;
    acm_problem_t   p;

    (void) state;

    /* of a type to come: the status says whose it is */

    test_problem_of(403, JSON, "{\"type\":\"" URN "newType\",\"detail\":"
                    "\"why\"}", &p);
    assert_int_equal(p.type, ACM_PROBLEM_OTHER);
    assert_int_equal(p.fault, ACM_FAULT_NAME);
    assert_string_equal(p.text, URN "newType: why");
    test_problem_of(429, JSON, "{\"type\":\"" URN "newType\"}", &p);
    assert_int_equal(p.type, ACM_PROBLEM_RATE_LIMITED);
    assert_int_equal(p.fault, ACM_FAULT_LIMIT);
    test_problem_of(500, JSON, "{\"type\":\"about:blank\"}", &p);
    assert_int_equal(p.fault, ACM_FAULT_CA);
    test_problem_of(408, JSON, "{}", &p);
    assert_int_equal(p.fault, ACM_FAULT_CA);
    test_problem_of(503, JSON, "{\"type\":\"" URN "rateLimited\"}", &p);
    assert_int_equal(p.fault, ACM_FAULT_LIMIT);

    /* no document, or one that cannot be read */

    test_problem_of(404, NULL, "", &p);
    assert_int_equal(p.fault, ACM_FAULT_CA);
    assert_non_null(strstr(p.text, "404"));
    test_problem_of(429, "text/html", "<html>", &p);
    assert_int_equal(p.type, ACM_PROBLEM_RATE_LIMITED);
    test_problem_of(301, "text/html", "", &p);
    assert_int_equal(p.fault, ACM_FAULT_CA);
    test_problem_of(400, JSON, "", &p);
    assert_int_equal(p.fault, ACM_FAULT_CA);
    test_problem_of(400, JSON, "[]", &p);
    assert_int_equal(p.fault, ACM_FAULT_CA);
    test_problem_of(400, JSON, "{\"type\":\"" URN "dns\",", &p);
    assert_int_equal(p.type, ACM_PROBLEM_OTHER);
    test_problem_of(400, "application/json", "{\"type\":\"" URN "dns\"}", &p);
    assert_int_equal(p.type, ACM_PROBLEM_OTHER);
    test_problem_of(400, JSON "; charset=utf-8", "{\"type\":\"" URN "dns\"}",
                    &p);
    assert_int_equal(p.type, ACM_PROBLEM_DNS);
    test_problem_of(0, NULL, "", &p);
    assert_int_equal(p.fault, ACM_FAULT_CA);

    /* members of wrong types */

    test_problem_of(400, JSON, "{\"type\":1,\"detail\":{},\"subproblems\":"
                    "{}}", &p);
    assert_int_equal(p.type, ACM_PROBLEM_OTHER);
    assert_string_equal(p.text, "error: no details");
    test_problem_of(400, JSON, "{\"subproblems\":[1,null,[],\"x\",{},"
                    "{\"identifier\":1},{\"identifier\":{\"value\":2}},"
                    "{\"type\":[]}]}", &p);
    assert_string_equal(p.text, "error: no details");

    /* the name that it is about: of the one that decides, else the first */

    test_problem_of(400, JSON, "{\"type\":\"" URN "compound\","
                    "\"subproblems\":[{\"type\":\"x\",\"identifier\":"
                    "{\"value\":\"a.example\"}},{\"type\":\"" URN "caa\","
                    "\"identifier\":{\"value\":\"b.example\"}}]}", &p);
    assert_int_equal(p.type, ACM_PROBLEM_CAA);
    assert_string_equal(p.name, "b.example");
    test_problem_of(400, JSON, "{\"type\":\"" URN "caa\",\"subproblems\":"
                    "[{\"type\":\"" URN "caa\",\"identifier\":{\"value\":"
                    "\"a.example\"}},{\"type\":\"" URN "caa\","
                    "\"identifier\":{\"value\":\"b.example\"}}]}", &p);
    assert_string_equal(p.name, "a.example");
    test_problem_of(400, JSON, "{\"type\":\"" URN "caa\"}", &p);
    assert_string_equal(p.name, "");

    /* no answer at all */

    http = acm_http_new(ACM_HTTP_GET, "https://ca.example.net/");
    http->rc = acm_fail(&http->why, ACM_ERROR, "connection refused");
    acm_acme_problem(http, &p);
    assert_int_equal(p.type, ACM_PROBLEM_OTHER);
    assert_int_equal(p.fault, ACM_FAULT_CA);
    assert_int_equal(p.status, 0);
    assert_non_null(strstr(p.text, "connection refused"));
    acm_http_free(http);
}


static void
test_subproblems(void **state)
{
    size_t         i;
    acm_buf_t      buf;
    acm_problem_t  p;

    (void) state;

    test_problem_of(400, JSON, "{\"type\":\"" URN "rejectedIdentifier\","
                    "\"detail\":\"see subproblems\",\"subproblems\":[{"
                    "\"type\":\"" URN "rejectedIdentifier\",\"detail\":"
                    "\"no punycode\",\"identifier\":{\"type\":\"dns\","
                    "\"value\":\"xn--bcher-kva.example.com\"}}]}", &p);
    assert_int_equal(p.type, ACM_PROBLEM_REJECTED_IDENTIFIER);
    assert_non_null(strstr(p.text, "\"xn--bcher-kva.example.com\": "
                           "rejectedIdentifier: no punycode"));
    assert_non_null(strstr(p.text, "remove it"));

    /* the kind of a compound is that of its first part which is known */

    test_problem_of(403, JSON, "{\"type\":\"" URN "compound\","
                    "\"subproblems\":[{\"type\":\"x\",\"detail\":\"one\"},"
                    "{\"type\":\"" URN "caa\",\"identifier\":{\"value\":"
                    "\"a.example\"}},{\"type\":\"" URN "dns\",\"detail\":"
                    "\"two\"}]}", &p);
    assert_int_equal(p.type, ACM_PROBLEM_CAA);
    assert_int_equal(p.fault, ACM_FAULT_NAME);
    assert_non_null(strstr(p.text, "; error: one"));
    assert_non_null(strstr(p.text, "; \"a.example\": caa: no details"));
    assert_non_null(strstr(p.text, "; dns: two"));
    assert_non_null(strstr(p.text, "CAA record"));

    /* a type of its own stays */

    test_problem_of(403, JSON, "{\"type\":\"" URN "unauthorized\","
                    "\"subproblems\":[{\"type\":\"" URN "caa\"}]}", &p);
    assert_int_equal(p.type, ACM_PROBLEM_UNAUTHORIZED);

    /* of a request, not of what was found at a name */

    assert_null(strstr(p.text, "must lead"));

    /* any number */

    acm_buf_init(&buf, 65536);
    acm_buf_text(&buf, "{\"type\":\"" URN "compound\",\"subproblems\":[{}");

    for (i = 1; i < ACM_MAX_SUBPROBLEMS; i++) {
        acm_buf_text(&buf, ",{\"detail\":\"0123456789\"}");
    }

    acm_buf_text(&buf, ",{\"type\":\"" URN "caa\"}]}");
    acm_buf_u8(&buf, '\0');
    test_problem_of(403, JSON, (char *) buf.data, &p);
    assert_int_equal(p.type, ACM_PROBLEM_COMPOUND);
    acm_buf_free(&buf);
}


/* into a longer text, so without a NUL */

static void
test_write(char *pos, const char *text)
{
    memcpy(pos, text, strlen(text));
}


static void
test_hostile(void **state)
{
    char            body[20000];
    json_t         *json;
    acm_err_t       err;
    acm_problem_t   p;

    (void) state;

    test_problem_of(400, JSON, "{\"type\":\"" URN "dns\",\"detail\":\"a\\n"
                    "[alert] \\u001b[2J %s%n%99999d \xc3\xbc\\r\"}", &p);
    assert_non_null(strstr(p.text, "dns: a?[alert] ?[2J %s%n%99999d ??"));

    /* what to do is said in any case */

    memset(body, 'a', sizeof(body));
    test_write(body, "{\"type\":\"" URN "caa\",\"detail\":\"");
    test_write(body + 10000, "\",\"subproblems\":[{\"identifier\":{\"value\":"
               "\"");
    snprintf(body + 19000, 100, "\"}}]}");
    test_problem_of(400, JSON, body, &p);
    assert_int_equal(p.type, ACM_PROBLEM_CAA);
    assert_int_equal(strlen(p.text), ACM_MAX_ERROR - 1);
    assert_non_null(strstr(p.text, "; change the CAA record"));

    memset(body, '%', sizeof(body));
    test_write(body, "{\"type\":\"");
    snprintf(body + 19000, 100, "\"}");
    test_problem_of(400, JSON, body, &p);
    assert_int_equal(p.type, ACM_PROBLEM_OTHER);
    assert_true(strlen(p.text) < 100);

    /* the error of an order or challenge */

    acm_acme_error(NULL, "www.example.com", &p);
    assert_int_equal(p.type, ACM_PROBLEM_OTHER);
    assert_int_equal(p.fault, ACM_FAULT_NAME);
    assert_string_equal(p.text, "www.example.com: the CA gave no reason");

    snprintf(body, sizeof(body), "{\"type\":\"" URN "tls\"}");
    test_ok(acm_json_parse(body, strlen(body), sizeof(body), &json, &err));
    acm_acme_error(json, "www.example.com", &p);
    assert_int_equal(p.type, ACM_PROBLEM_TLS);
    assert_int_equal(p.status, 0);
    assert_true(strncmp(p.text, "www.example.com: tls: ", 22) == 0);
    acm_acme_error(json, NULL, &p);
    assert_true(strncmp(p.text, "tls: ", 5) == 0);
    json_decref(json);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_subproblems),
        cmocka_unit_test(test_hostile)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
