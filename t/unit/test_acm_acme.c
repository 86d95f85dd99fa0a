
/*
 * Copyright (C) The ngx_acm authors
 *
 * What a CA answers, right and wrong, and what it is asked.
 */


#include "acm_acme.h"
#include "acm_challenge.h"
#include "acm_json.h"
#include "test.h"


#define CA  "https://ca.example.net/acme/"


static acm_http_t *
test_http(const char *type, const char *body, size_t len)
{
    acm_http_t  *http;

    http = acm_http_new(ACM_HTTP_POST, CA "x");
    assert_non_null(http);

    if (type != NULL) {
        test_ok(acm_http_header(http, "Content-Type", 12, type,
                                strlen(type)));
    }

    http->status = 200;
    acm_buf_add(&http->answer, body, len);
    test_ok(acm_buf_rc(&http->answer));

    return http;
}


static acm_http_t *
test_json(const char *body)
{
    return test_http("application/json", body, strlen(body));
}


static void
test_readable(const char *text)
{
    size_t  i;

    assert_true(strlen(text) < ACM_MAX_ERROR);

    for (i = 0; text[i] != '\0'; i++) {
        assert_true(text[i] >= ' ' && text[i] < 0x7f);
    }
}


static acm_rc_t
test_directory_of(const char *body, acm_directory_t *d)
{
    acm_rc_t     rc;
    acm_err_t    err;
    acm_http_t  *http;

    http = test_json(body);
    memset(&err, 0x55, sizeof(err));
    rc = acm_acme_directory(http, d, &err);

    if (rc != ACM_OK) {
        test_readable(err.text);
        assert_null(d->json);
    }

    acm_http_free(http);

    return rc;
}


#define NONCE    "\"newNonce\":\"" CA "n\""
#define ACCOUNT  "\"newAccount\":\"" CA "a\""
#define ORDER    "\"newOrder\":\"" CA "o\""


static void
test_directory(void **state)
{
    static const char *const  bad[] = {
        "", "{", "[]", "null", "\"x\"", "1", "{}", "\xff", "{\"a\":1}x",
        "{" NONCE "," ACCOUNT "}", "{" NONCE "," ORDER "}",
        "{" ACCOUNT "," ORDER "}",
        "{" NONCE "," ACCOUNT ",\"newOrder\":1}",
        "{" NONCE "," ACCOUNT ",\"newOrder\":null}",
        "{" NONCE "," ACCOUNT ",\"newOrder\":[\"" CA "o\"]}",
        "{" NONCE "," ACCOUNT ",\"newOrder\":\"http://ca.example.net/\"}",
        "{" NONCE "," ACCOUNT ",\"newOrder\":\"" CA "o\\n\"}",
        "{" NONCE "," ACCOUNT ",\"newOrder\":\"" CA "o\\u0000\"}",
        "{" NONCE "," ACCOUNT "," ORDER "," ORDER "}",
        "<html>"
    };

    char              body[4096];
    size_t            i, n;
    acm_err_t         err;
    acm_http_t       *http;
    acm_directory_t   d;

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(test_directory_of(bad[i], &d), ACM_INVALID);
    }

    test_ok(test_directory_of("{" NONCE "," ACCOUNT "," ORDER "}", &d));
    assert_string_equal(d.new_nonce, CA "n");
    assert_string_equal(d.new_account, CA "a");
    assert_string_equal(d.new_order, CA "o");
    assert_null(d.revoke_cert);
    assert_null(d.key_change);
    assert_null(d.renewal_info);
    assert_null(d.terms);
    assert_null(d.profiles);
    assert_int_equal(d.nidentities, 0);
    assert_false(d.eab_required);
    json_decref(d.json);

    test_ok(test_directory_of("{" NONCE "," ACCOUNT "," ORDER ",\"junk\":[],"
                "\"revokeCert\":\"" CA "r\",\"keyChange\":\"ftp://x\","
                "\"renewalInfo\":\"" CA "i\",\"meta\":{"
                "\"termsOfService\":\"http://ca.example.net/tos\","
                "\"caaIdentities\":[\"a.example.net\",1,null,\"b c\","
                "\"\",\"x\\ny\",\"b.example.net\"],"
                "\"profiles\":{\"short\":\"6 days\"},"
                "\"externalAccountRequired\":true}}", &d));
    assert_string_equal(d.revoke_cert, CA "r");
    assert_null(d.key_change);
    assert_string_equal(d.renewal_info, CA "i");
    assert_string_equal(d.terms, "http://ca.example.net/tos");
    assert_int_equal(d.nidentities, 2);
    assert_string_equal(d.identities[1], "b.example.net");
    assert_non_null(d.profiles);
    assert_true(d.eab_required);
    json_decref(d.json);

    /* a meta of wrong types */

    test_ok(test_directory_of("{" NONCE "," ACCOUNT "," ORDER ",\"meta\":{"
                "\"termsOfService\":\"a\\nb\",\"caaIdentities\":\"x\","
                "\"profiles\":[],\"externalAccountRequired\":\"true\"}}",
                &d));
    assert_null(d.terms);
    assert_null(d.profiles);
    assert_int_equal(d.nidentities, 0);
    assert_false(d.eab_required);
    json_decref(d.json);

    test_ok(test_directory_of("{" NONCE "," ACCOUNT "," ORDER
                              ",\"meta\":[1]}", &d));
    json_decref(d.json);

    /* as many identities as are kept, and one more */

    n = (size_t) snprintf(body, sizeof(body), "{" NONCE "," ACCOUNT "," ORDER
                          ",\"meta\":{\"caaIdentities\":[\"a\"");

    for (i = 1; i < ACM_MAX_IDENTITIES + 1; i++) {
        n += (size_t) snprintf(body + n, sizeof(body) - n, ",\"a\"");
    }

    snprintf(body + n, sizeof(body) - n, "]}}");
    test_ok(test_directory_of(body, &d));
    assert_int_equal(d.nidentities, ACM_MAX_IDENTITIES);
    json_decref(d.json);

    /* another content type, and none */

    http = test_http("text/html\x01", "{}", 2);
    assert_int_equal(acm_acme_directory(http, &d, &err), ACM_INVALID);
    acm_http_free(http);
    http = test_http("text/html", "{" NONCE "," ACCOUNT "," ORDER "}",
                     strlen("{" NONCE "," ACCOUNT "," ORDER "}"));
    assert_int_equal(acm_acme_directory(http, &d, &err), ACM_INVALID);
    assert_non_null(strstr(err.text, "text/html"));
    acm_http_free(http);
    http = test_http("application/json; charset=utf-8",
                     "{" NONCE "," ACCOUNT "," ORDER "}",
                     strlen("{" NONCE "," ACCOUNT "," ORDER "}"));
    test_ok(acm_acme_directory(http, &d, &err));
    json_decref(d.json);
    acm_http_free(http);
}


static acm_rc_t
test_order_of(const char *body, acm_acme_order_t *o)
{
    acm_rc_t     rc;
    acm_err_t    err;
    acm_http_t  *http;

    http = test_json(body);
    memset(&err, 0x55, sizeof(err));
    rc = acm_acme_order(http, o, &err);

    if (rc != ACM_OK) {
        test_readable(err.text);
        assert_null(o->json);
    }

    acm_http_free(http);

    return rc;
}


#define FINALIZE  "\"finalize\":\"" CA "f\""
#define AUTHZ     "\"authorizations\":[\"" CA "1\"]"


static acm_rc_t
test_order_with(size_t n, acm_acme_order_t *o)
{
    char       *body;
    size_t      i;
    acm_rc_t    rc;
    acm_buf_t   buf;

    acm_buf_init(&buf, 65536);
    acm_buf_text(&buf, "{\"status\":\"pending\"," FINALIZE
                 ",\"authorizations\":[\"" CA "0\"");

    for (i = 1; i < n; i++) {
        acm_buf_text(&buf, ",\"" CA "1\"");
    }

    acm_buf_text(&buf, "]}");
    acm_buf_u8(&buf, '\0');
    test_ok(acm_buf_rc(&buf));
    body = (char *) buf.data;
    rc = test_order_of(body, o);
    acm_buf_free(&buf);

    return rc;
}


static void
test_order(void **state)
{
    static const char *const  bad[] = {
        "{}", "{" FINALIZE "," AUTHZ "}",
        "{\"status\":1," FINALIZE "," AUTHZ "}",
        "{\"status\":\"Pending\"," FINALIZE "," AUTHZ "}",
        "{\"status\":\"\"," FINALIZE "," AUTHZ "}",
        "{\"status\":\"pending\\u000a\"," FINALIZE "," AUTHZ "}",
        "{\"status\":\"pending\"," AUTHZ "}",
        "{\"status\":\"pending\",\"finalize\":{}," AUTHZ "}",
        "{\"status\":\"pending\",\"finalize\":\"http://a/\"," AUTHZ "}",
        "{\"status\":\"pending\"," FINALIZE "}",
        "{\"status\":\"pending\"," FINALIZE ",\"authorizations\":[]}",
        "{\"status\":\"pending\"," FINALIZE ",\"authorizations\":{}}",
        "{\"status\":\"pending\"," FINALIZE ",\"authorizations\":[1]}",
        "{\"status\":\"pending\"," FINALIZE ",\"authorizations\":[\"\"]}",
        "{\"status\":\"pending\"," FINALIZE ",\"authorizations\":[\"" CA
            "1\",\"http://ca.example.net/\"]}",
        "{\"status\":\"valid\"," FINALIZE "," AUTHZ "}",
        "{\"status\":\"valid\"," FINALIZE "," AUTHZ ",\"certificate\":1}",
        "{\"status\":\"valid\"," FINALIZE "," AUTHZ
            ",\"certificate\":\"http://ca.example.net/\"}"
    };

    size_t            i;
    acm_acme_order_t  o;

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(test_order_of(bad[i], &o), ACM_INVALID);
    }

    test_ok(test_order_of("{\"status\":\"pending\"," FINALIZE "," AUTHZ
                          ",\"expires\":\"2026-11-26T09:44:54Z\",\"error\":"
                          "\"none\",\"identifiers\":7}", &o));
    assert_int_equal(o.status, ACM_ACME_PENDING);
    assert_int_equal(o.nauthz, 1);
    assert_string_equal(o.authz[0], CA "1");
    assert_string_equal(o.finalize, CA "f");
    assert_null(o.certificate);
    assert_null(o.error);
    assert_int_equal(o.expires, 1795686294);
    json_decref(o.json);

    test_ok(test_order_of("{\"status\":\"valid\"," FINALIZE ","
                          "\"certificate\":\"" CA "c\"}", &o));
    assert_int_equal(o.status, ACM_ACME_VALID);
    assert_string_equal(o.certificate, CA "c");
    assert_int_equal(o.nauthz, 0);
    assert_int_equal(o.expires, 0);
    json_decref(o.json);

    test_ok(test_order_of("{\"status\":\"invalid\"," FINALIZE "," AUTHZ
                          ",\"error\":{\"type\":\"x\"}}", &o));
    assert_int_equal(o.status, ACM_ACME_INVALID);
    assert_non_null(o.error);
    json_decref(o.json);

    test_ok(test_order_with(ACM_MAX_AUTHZ, &o));
    assert_int_equal(o.nauthz, ACM_MAX_AUTHZ);
    json_decref(o.json);
    assert_int_equal(test_order_with(ACM_MAX_AUTHZ + 1, &o), ACM_TOOBIG);
}


static void
test_statuses(void **state)
{
    static const struct {
        const char         *text;
        acm_acme_status_e   status;
    } rows[] = {
        { "pending", ACM_ACME_PENDING }, { "ready", ACM_ACME_READY },
        { "processing", ACM_ACME_PROCESSING }, { "valid", ACM_ACME_VALID },
        { "invalid", ACM_ACME_INVALID },
        { "deactivated", ACM_ACME_DEACTIVATED },
        { "expired", ACM_ACME_EXPIRED }, { "revoked", ACM_ACME_REVOKED }
    };

    char                body[4096];
    size_t              i;
    acm_err_t           err;
    acm_http_t         *http;
    acm_acme_status_e   status;

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(body, sizeof(body), "{\"status\":\"%s\"}", rows[i].text);
        http = test_json(body);
        test_ok(acm_acme_status(http, &status, &err));
        assert_int_equal(status, rows[i].status);
        acm_http_free(http);

        snprintf(body, sizeof(body), "{\"status\":\"%sx\"}", rows[i].text);
        http = test_json(body);
        assert_int_equal(acm_acme_status(http, &status, &err), ACM_INVALID);
        assert_non_null(strstr(err.text, rows[i].text));
        acm_http_free(http);
    }

    /* a hostile one is cut, and fit for a log */

    memset(body, 'a', sizeof(body));
    memcpy(body, "{\"status\":\"\\n\xc3\xbc%s%n", 19);
    snprintf(body + 3000, 100, "\"}");
    http = test_json(body);
    assert_int_equal(acm_acme_status(http, &status, &err), ACM_INVALID);
    test_readable(err.text);
    assert_true(strlen(err.text) < 100);
    acm_http_free(http);
}


static acm_rc_t
test_authz_of(const char *body, acm_acme_authz_t *a)
{
    acm_rc_t     rc;
    acm_err_t    err;
    acm_http_t  *http;

    http = test_json(body);
    memset(&err, 0x55, sizeof(err));
    rc = acm_acme_authz(http, a, &err);

    if (rc != ACM_OK) {
        test_readable(err.text);
        assert_null(a->json);
    }

    acm_http_free(http);

    return rc;
}


#define NAME  "\"identifier\":{\"type\":\"dns\",\"value\":\"www.example.com\"}"
#define ID(value)                                                             \
    "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":"   \
    value "}}"
#define HEAD  "{\"status\":\"pending\"," NAME ",\"challenges\":["
#define URL   "\"url\":\"" CA "1\",\"status\":\"pending\""


static void
test_authz(void **state)
{
    static const char *const  bad[] = {
        "{\"status\":\"pending\",\"challenges\":[]}",
        "{\"status\":\"pending\",\"identifier\":\"www.example.com\"}",
        "{\"status\":\"pending\",\"identifier\":{\"value\":\"a.b\"}}",
        "{\"status\":\"pending\",\"identifier\":{\"type\":1,\"value\":"
            "\"a.b\"}}",
        "{\"status\":\"pending\",\"identifier\":{\"type\":\"\",\"value\":"
            "\"a.b\"}}",
        ID("1"),
        ID("\"\""),
        ID("\"*.\""),
        ID("\"a b\""),
        ID("\"a\\n\""),
        ID("\"\xc3\xbc.de\""),
        "{" NAME ",\"challenges\":[]}",
        "{\"status\":\"done\"," NAME ",\"challenges\":[]}",
        HEAD "{\"type\":\"http-01\",\"url\":\"" CA "1\"}]}",
        HEAD "{\"type\":\"http-01\",\"url\":\"" CA "1\",\"status\":\"x\"}]}",
        HEAD "{\"type\":\"http-01\"," URL ",\"token\":\"\"}]}",
        HEAD "{\"type\":\"dns-01\"," URL ",\"token\":\"a=\"}]}",
        HEAD "{\"type\":\"dns-01\"," URL ",\"token\":\"a+\"}]}",
        HEAD "{\"type\":\"dns-01\"," URL ",\"token\":\"a/../b\"}]}",
        HEAD "{\"type\":\"http-01\"," URL ",\"token\":\"<script>\"}]}",
        HEAD "{\"type\":\"tls-alpn-01\"," URL ",\"token\":\"a.b\"}]}"
    };

    size_t            i;
    acm_acme_authz_t  a;

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(test_authz_of(bad[i], &a), ACM_INVALID);
    }

    test_ok(test_authz_of("{\"status\":\"valid\"," NAME "}", &a));
    assert_int_equal(a.status, ACM_ACME_VALID);
    assert_string_equal(a.id.name, "www.example.com");
    assert_int_equal(a.nchallenges, 0);
    assert_false(a.id.wildcard);
    json_decref(a.json);

    test_ok(test_authz_of("{\"status\":\"pending\"," NAME ","
                          "\"wildcard\":true,\"challenges\":[{\"type\":"
                          "\"dns-01\"," URL ",\"token\":\"b2xkLXRva2Vu\","
                          "\"error\":{}}]}", &a));
    assert_true(a.id.wildcard);
    assert_int_equal(a.nchallenges, 1);
    assert_int_equal(a.challenges[0].method, ACM_METHOD_DNS_01);
    assert_int_equal(a.challenges[0].status, ACM_ACME_PENDING);
    assert_string_equal(a.challenges[0].url, CA "1");
    assert_string_equal(a.challenges[0].token, "b2xkLXRva2Vu");
    assert_non_null(a.challenges[0].error);
    json_decref(a.json);

    /* "*." where it has no place, and a wildcard member of another type */

    test_ok(test_authz_of("{\"wildcard\":\"true\",\"status\":\"valid\","
                          "\"identifier\":{\"type\":\"dns\",\"value\":"
                          "\"a.example\"}}", &a));
    assert_false(a.id.wildcard);
    json_decref(a.json);
    test_ok(test_authz_of(ID("\"*.a.example\""), &a));
    assert_string_equal(a.id.name, "a.example");
    assert_true(a.id.wildcard);
    json_decref(a.json);
}


static void
test_challenges(void **state)
{
    char              body[4096];
    size_t            i, n;
    acm_acme_authz_t  a;

    (void) state;

    /* odd ones leave the others alone */

    test_ok(test_authz_of(HEAD
                "{\"type\":\"new-99\",\"token\":\"a b\",\"status\":\"x\"},"
                "{\"type\":\"new-98\",\"token\":[],\"url\":7},"
                "{\"type\":5}, {}, 3, null, \"x\", [],"
                "{\"type\":\"http-01\",\"url\":\"http://ca.example.net/\","
                "\"status\":\"pending\",\"token\":\"a\"},"
                "{\"type\":\"http-01\"," URL "},"
                "{\"type\":\"HTTP-01\"," URL ",\"token\":\"a\"},"
                "{\"type\":\"dns-persist-01\"," URL ",\"token\":\"a b\","
                "\"issuer-domain-names\":[\"ca.example.net\"]},"
                "{\"type\":\"tls-alpn-01\"," URL ",\"token\":\"_-9\"}]}",
                &a));
    assert_int_equal(a.nchallenges, 13);

    for (i = 0; i < 11; i++) {
        assert_int_equal(a.challenges[i].method, ACM_METHOD_NONE);
    }

    assert_null(a.challenges[0].token);
    assert_int_equal(a.challenges[11].method, ACM_METHOD_DNS_PERSIST_01);
    assert_null(a.challenges[11].token);
    assert_non_null(a.challenges[11].issuers);
    assert_int_equal(a.challenges[12].method, ACM_METHOD_TLS_ALPN_01);
    assert_string_equal(a.challenges[12].token, "_-9");
    json_decref(a.json);

    for (n = ACM_MAX_CHALLENGES; n <= ACM_MAX_CHALLENGES + 1; n++) {
        memcpy(body, HEAD, sizeof(HEAD));

        for (i = 0; i < n; i++) {
            snprintf(body + strlen(body), sizeof(body) - strlen(body),
                     "%s{\"type\":\"http-01\"," URL ",\"token\":\"a\"}",
                     (i == 0) ? "" : ",");
        }

        snprintf(body + strlen(body), sizeof(body) - strlen(body), "]}");

        if (n == ACM_MAX_CHALLENGES) {
            test_ok(test_authz_of(body, &a));
            assert_int_equal(a.nchallenges, n);
            json_decref(a.json);

        } else {
            assert_int_equal(test_authz_of(body, &a), ACM_TOOBIG);
        }
    }

    for (n = ACM_MAX_TOKEN; n <= ACM_MAX_TOKEN + 1; n++) {
        snprintf(body, sizeof(body), HEAD "{\"type\":\"http-01\"," URL
                 ",\"token\":\"%0*d\"}]}", (int) n, 0);

        if (n == ACM_MAX_TOKEN) {
            test_ok(test_authz_of(body, &a));
            assert_int_equal(strlen(a.challenges[0].token), n);
            json_decref(a.json);

        } else {
            assert_int_equal(test_authz_of(body, &a), ACM_INVALID);
        }
    }

    for (n = ACM_MAX_NAME; n <= ACM_MAX_NAME + 1; n++) {
        snprintf(body, sizeof(body), ID("\"%0*d\""), (int) n, 0);

        if (n == ACM_MAX_NAME) {
            test_ok(test_authz_of(body, &a));
            json_decref(a.json);

        } else {
            assert_int_equal(test_authz_of(body, &a), ACM_INVALID);
        }
    }

    for (n = ACM_MAX_ID_TYPE; n <= ACM_MAX_ID_TYPE + 1; n++) {
        snprintf(body, sizeof(body), "{\"status\":\"valid\",\"identifier\":"
                 "{\"type\":\"%0*d\",\"value\":\"a\"}}", (int) n, 0);

        if (n == ACM_MAX_ID_TYPE) {
            test_ok(test_authz_of(body, &a));
            json_decref(a.json);

        } else {
            assert_int_equal(test_authz_of(body, &a), ACM_INVALID);
        }
    }
}


static int64_t
test_time(const char *text)
{
    char               body[512];
    int64_t            at;
    acm_acme_order_t   o;

    snprintf(body, sizeof(body), "{\"status\":\"ready\"," FINALIZE
             ",\"expires\":\"%s\"}", text);
    test_ok(test_order_of(body, &o));
    at = o.expires;
    json_decref(o.json);

    return at;
}


static void
test_times(void **state)
{
    static const char *const  bad[] = {
        "", "2026", "2026-11-25", "2026-11-25T09:44:54",
        "2026-11-25 09:44:54Z", "2026-11-25T09:44Z", "2026-11-25T09:44:54ZZ",
        "2026-11-25T09:44:54 Z", " 2026-11-25T09:44:54Z",
        "2026-1-25T09:44:54Z", "2026-11- 5T09:44:54Z", "26-11-25T09:44:54Z",
        "12026-11-25T09:44:54Z", "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z",
        "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
        "2026-11-25T24:00:00Z", "2026-11-25T09:60:00Z",
        "2026-11-25T09:44:61Z", "2026-11-25T09:44:54.Z",
        "2026-11-25T09:44:54,5Z", "2026-11-25T09:44:54.5",
        "2026-11-25T09:44:54+0100", "2026-11-25T09:44:54+1:00",
        "2026-11-25T09:44:54+01:00Z", "2026-11-25T09:44:54+24:00",
        "2026-11-25T09:44:54+00:60", "2026-11-25T09:44:54+01",
        "2026-11-25T09:44:54~01:00", "2026-11-25T-1:44:54Z",
        "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z", "-001-01-01T00:00:00Z",
        "1970-01-01T00:30:00+01:00"
    };

    size_t  i;

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (test_time(bad[i]) != 0) {
            print_error("%s\n", bad[i]);
            fail();
        }
    }

    assert_int_equal(test_time("2026-11-25T09:44:54Z"), 1795599894);
    assert_int_equal(test_time("2026-11-25t09:44:54z"), 1795599894);
    assert_int_equal(test_time("2026-11-25T09:44:54.123456789Z"),
                     1795599894);
    assert_int_equal(test_time("2026-11-25T10:44:54+01:00"), 1795599894);
    assert_int_equal(test_time("2026-11-25T04:14:54.9-05:30"), 1795599894);
    assert_int_equal(test_time("2026-11-25T09:44:54-00:00"), 1795599894);
    assert_int_equal(test_time("2028-02-29T00:00:00Z"), 1835395200);
    assert_int_equal(test_time("2016-12-31T23:59:60Z"), 1483228799);
    assert_int_equal(test_time("9999-12-31T23:59:59Z"), 253402300799);
    assert_int_equal(test_time("1970-01-01T00:00:01Z"), 1);
}


static void
test_ari(void **state)
{
    static const struct {
        const char  *body;
        acm_rc_t     rc;
    } rows[] = {
        { "{\"suggestedWindow\":{\"start\":\"2026-11-25T09:14:54Z\","
          "\"end\":\"2026-11-25T09:34:54Z\"}}", ACM_OK },
        { "{\"suggestedWindow\":{\"start\":\"2026-12-04T09:44:54Z\","
          "\"end\":\"2026-12-03T09:44:54Z\"}}", ACM_INVALID },
        { "{\"suggestedWindow\":{\"start\":\"2026-12-04T09:44:54Z\","
          "\"end\":\"2026-12-04T10:44:54+01:00\"}}", ACM_INVALID },
        { "{\"suggestedWindow\":{\"start\":\"2026-12-04T09:44:54Z\"}}",
          ACM_INVALID },
        { "{\"suggestedWindow\":{\"end\":\"2026-12-04T09:44:54Z\"}}",
          ACM_INVALID },
        { "{\"suggestedWindow\":{\"start\":1,\"end\":2}}", ACM_INVALID },
        { "{\"suggestedWindow\":[]}", ACM_INVALID },
        { "{\"suggestedWindow\":null}", ACM_INVALID },
        { "{}", ACM_INVALID }
    };

    size_t           i;
    acm_rc_t         rc;
    acm_err_t        err;
    acm_http_t      *http;
    acm_acme_ari_t   a;

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        http = test_json(rows[i].body);
        rc = acm_acme_ari(http, &a, &err);
        assert_int_equal(rc, rows[i].rc);

        if (rc == ACM_OK) {
            assert_int_equal(a.start, 1795598094);
            assert_int_equal(a.end, 1795599294);
            assert_null(a.explanation);
            json_decref(a.json);

        } else {
            assert_null(a.json);
        }

        acm_http_free(http);
    }

    http = test_json("{\"suggestedWindow\":{\"start\":"
                     "\"2026-11-25T09:14:54Z\",\"end\":"
                     "\"2026-11-25T09:34:54Z\"},\"explanationURL\":"
                     "\"https://ca.example.net/why\"}");
    test_ok(acm_acme_ari(http, &a, &err));
    assert_string_equal(a.explanation, "https://ca.example.net/why");
    json_decref(a.json);
    acm_http_free(http);
}


static void
test_words(void **state)
{
    char          buf[ACM_MAX_ACME_TEXT + 1], text[ACM_MAX_ACME_TEXT + 2];
    unsigned      i;
    acm_method_e  method;

    (void) state;

    for (i = 1; i <= ACM_METHOD_DNS_PERSIST_01; i <<= 1) {
        method = (acm_method_e) i;
        assert_int_equal(acm_method_parse(acm_method_text(method),
                                       strlen(acm_method_text(method))), i);
        assert_int_equal(acm_method_parse(acm_method_text(method),
                                   strlen(acm_method_text(method)) - 1),
                         ACM_METHOD_NONE);
    }

    assert_string_equal(acm_method_text(ACM_METHOD_NONE), "none");
    assert_int_equal(acm_method_parse("", 0), ACM_METHOD_NONE);
    assert_int_equal(acm_method_parse("none", 4), ACM_METHOD_NONE);

    memset(text, 'a', sizeof(text));
    text[ACM_MAX_ACME_TEXT + 1] = '\0';
    assert_int_equal(strlen(acm_acme_clean(text, buf)), ACM_MAX_ACME_TEXT);
    text[ACM_MAX_ACME_TEXT] = '\0';
    assert_string_equal(acm_acme_clean(text, buf), text);
    assert_string_equal(acm_acme_clean("a\n\x1b[1m\x7f\xff", buf),
                        "a??[1m??");
    assert_string_equal(acm_acme_clean("", buf), "");
}


/*
 * printf %s URL | openssl dgst -sha256 -binary | head -c 10 | base32
 */

static void
test_host(void **state)
{
    char  name[ACM_MAX_NAME + 1], host[ACM_MAX_NAME + 64];

    (void) state;

    test_ok(acm_method_host(ACM_METHOD_DNS_01, "*.www.example.com", NULL,
                            host, sizeof(host)));
    assert_string_equal(host, "_acme-challenge.www.example.com");

    test_ok(acm_method_host(ACM_METHOD_DNS_PERSIST_01, "*.example.com", NULL,
                            host, sizeof(host)));
    assert_string_equal(host, "_validation-persist.example.com");

    test_ok(acm_method_host(ACM_METHOD_DNS_ACCOUNT_01, "example.com",
                            "https://ca.example.net/acme/acct/1", host,
                            sizeof(host)));
    assert_string_equal(host, "_kwxqezwuqccdw3bc._acme-challenge.example.com");

    test_ok(acm_method_host(ACM_METHOD_DNS_ACCOUNT_01, "*.example.com",
                            "https://example.com/acme/acct/ExampleAccount",
                            host, sizeof(host)));
    assert_string_equal(host, "_ujmmovf2vn55tgye._acme-challenge.example.com");

    assert_int_equal(acm_method_host(ACM_METHOD_DNS_ACCOUNT_01, "a.example",
                                     NULL, host, sizeof(host)), ACM_INVALID);
    assert_int_equal(acm_method_host(ACM_METHOD_HTTP_01, "a.example", NULL,
                                     host, sizeof(host)), ACM_INVALID);
    assert_int_equal(acm_method_host(ACM_METHOD_NONE, "a.example", NULL,
                                     host, sizeof(host)), ACM_INVALID);

    /* at the size, and one less */

    memset(name, 'a', ACM_MAX_NAME);
    name[ACM_MAX_NAME] = '\0';
    test_ok(acm_method_host(ACM_METHOD_DNS_ACCOUNT_01, name, "u", host,
                            ACM_MAX_NAME + 35));
    assert_int_equal(strlen(host), ACM_MAX_NAME + 34);
    assert_int_equal(acm_method_host(ACM_METHOD_DNS_ACCOUNT_01, name, "u",
                                     host, ACM_MAX_NAME + 34), ACM_TOOBIG);
}


static char *
test_payload(acm_rc_t rc, acm_buf_t *buf)
{
    test_ok(rc);
    assert_int_equal(buf->data[buf->len - 1], '\0');
    assert_int_equal(strlen((char *) buf->data), buf->len - 1);

    return (char *) buf->data;
}


static void
test_builders(void **state)
{
    static char  *contacts[] = { "mailto:a@example.com",
                                 "mailto:\"b\"@example.com" };
    static char  *names[] = { "www.example.com", "*.example.com",
                              "192.0.2.1", "2001:db8::1" };

    char             *text;
    EVP_PKEY         *pkey;
    acm_buf_t         buf, jwk;
    acm_err_t         err;
    acm_str_t         der;
    acm_acme_want_t   want;

    (void) state;

    acm_buf_init(&buf, ACM_MAX_JWS);
    text = test_payload(acm_acme_new_account(NULL, 0, 0, NULL, &buf), &buf);
    assert_string_equal(text, "{}");
    acm_buf_free(&buf);

    acm_buf_init(&buf, ACM_MAX_JWS);
    text = test_payload(acm_acme_new_account(contacts, 2, 1, "{\"a\":\"b\"}",
                                             &buf), &buf);
    assert_string_equal(text, "{\"contact\":[\"mailto:a@example.com\","
                        "\"mailto:\\\"b\\\"@example.com\"],"
                        "\"termsOfServiceAgreed\":true,"
                        "\"externalAccountBinding\":{\"a\":\"b\"}}");
    acm_buf_free(&buf);

    /* no contacts at all take those away that the CA has */

    acm_buf_init(&buf, ACM_MAX_JWS);
    text = test_payload(acm_acme_contacts(NULL, 0, &buf), &buf);
    assert_string_equal(text, "{\"contact\":[]}");
    acm_buf_free(&buf);

    memset(&want, 0, sizeof(want));
    want.names = names;
    want.nnames = 4;
    acm_buf_init(&buf, ACM_MAX_JWS);
    text = test_payload(acm_acme_new_order(&want, &buf), &buf);
    assert_string_equal(text, "{\"identifiers\":["
                        "{\"type\":\"dns\",\"value\":\"www.example.com\"},"
                        "{\"type\":\"dns\",\"value\":\"*.example.com\"},"
                        "{\"type\":\"ip\",\"value\":\"192.0.2.1\"},"
                        "{\"type\":\"ip\",\"value\":\"2001:db8::1\"}]}");
    acm_buf_free(&buf);

    want.nnames = 1;
    want.profile = "short";
    want.replaces = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE";
    acm_buf_init(&buf, ACM_MAX_JWS);
    text = test_payload(acm_acme_new_order(&want, &buf), &buf);
    assert_string_equal(text, "{\"identifiers\":[{\"type\":\"dns\","
                        "\"value\":\"www.example.com\"}],"
                        "\"profile\":\"short\",\"replaces\":"
                        "\"aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE\"}");
    acm_buf_free(&buf);

    der.data = (uint8_t *) "\x30\x00\xff";
    der.len = 3;
    acm_buf_init(&buf, ACM_MAX_JWS);
    text = test_payload(acm_acme_finalize(&der, &buf), &buf);
    assert_string_equal(text, "{\"csr\":\"MAD_\"}");
    acm_buf_free(&buf);

    acm_buf_init(&buf, ACM_MAX_JWS);
    text = test_payload(acm_acme_revoke(&der, 4, &buf), &buf);
    assert_string_equal(text, "{\"certificate\":\"MAD_\",\"reason\":4}");
    acm_buf_free(&buf);

    acm_buf_init(&buf, 4);
    assert_int_equal(acm_acme_finalize(&der, &buf), ACM_TOOBIG);
    acm_buf_free(&buf);

    test_ok(acm_key_generate(ACM_KEY_EC_P256, &pkey, &err));
    acm_buf_init(&jwk, 2048);
    acm_buf_text(&jwk, "{\"account\":\"" CA "acct/1\",\"oldKey\":");
    test_ok(acm_jwk(pkey, &jwk, &err));
    acm_buf_text(&jwk, "}");
    acm_buf_u8(&jwk, '\0');
    acm_buf_init(&buf, ACM_MAX_JWS);
    text = test_payload(acm_acme_key_change(CA "acct/1", pkey, &buf, &err),
                        &buf);
    assert_string_equal(text, (char *) jwk.data);
    acm_buf_free(&buf);
    acm_buf_free(&jwk);
    EVP_PKEY_free(pkey);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_directory),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_authz),
        cmocka_unit_test(test_challenges),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_ari),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_builders)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
