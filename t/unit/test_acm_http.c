
/*
 * Copyright (C) The ngx_acm authors
 *
 * Header fields, dates, links and URLs of a hostile CA.
 */


#include <arpa/inet.h>

#include "acm_cloudwatch.h"
#include "acm_http.h"
#include "acm_jws.h"
#include "test.h"


#define NOW  1795602400LL                /* 2026-11-25T10:26:40Z */


static void
test_field(acm_http_t *http, const char *name, const char *value)
{
    test_ok(acm_http_header(http, name, strlen(name), value,
                            strlen(value)));
}


static void
test_headers(void **state)
{
    char         text[ACM_MAX_HTTP_FIELD + 2];
    size_t       i;
    acm_http_t  *http;

    (void) state;

    http = acm_http_new(ACM_HTTP_GET, "https://ca.example.net/");
    assert_non_null(http);
    assert_string_equal(http->url, "https://ca.example.net/");
    assert_int_equal(http->rc, ACM_OK);

    test_field(http, "content-TYPE", " \tapplication/json; charset=utf-8 ");
    test_field(http, "Location", "https://ca.example.net/acct/1");
    test_field(http, "location", "https://other.example.net/");
    test_field(http, "Locations", "https://ca.example.net/x");
    test_field(http, "Replay-Nonce", "AZaz09-_");
    test_field(http, "X-Replay-Nonce", "other");

    assert_string_equal(http->answer_type, "application/json; charset=utf-8");
    assert_string_equal(http->location, "https://ca.example.net/acct/1");
    assert_string_equal(http->nonce, "AZaz09-_");
    assert_null(http->retry_after);
    assert_true(acm_http_is_type(http, "application/json"));
    assert_true(acm_http_is_type(http, "APPLICATION/json"));
    assert_false(acm_http_is_type(http, "application/jso"));
    assert_false(acm_http_is_type(http, "application/json2"));
    acm_http_free(http);

    /* left out: empty, control octets, not ASCII, too long */

    http = acm_http_new(ACM_HTTP_HEAD, "https://ca.example.net/");
    assert_false(acm_http_is_type(http, ""));
    test_field(http, "Location", "");
    test_field(http, "Location", " \t ");
    test_field(http, "Location", "https://a/\r\nX: y");
    test_field(http, "Location", "https://a/\tb");
    test_field(http, "Location", "https://a/\xc3\xbc");
    test_field(http, "Location", "https://a/\x7f");
    test_ok(acm_http_header(http, "Location", 8, "https://a\0b", 11));
    assert_null(http->location);

    memset(text, 'a', sizeof(text));
    test_ok(acm_http_header(http, "Location", 8, text,
                            ACM_MAX_HTTP_FIELD + 1));
    assert_null(http->location);
    test_ok(acm_http_header(http, "Location", 8, text, ACM_MAX_HTTP_FIELD));
    assert_int_equal(strlen(http->location), ACM_MAX_HTTP_FIELD);

    /* RFC 8555 s6.5.1: nonces that are none are ignored */

    test_field(http, "Replay-Nonce", "bm9u\"Y2U");
    test_field(http, "Replay-Nonce", "bm9uY2U=");
    test_field(http, "Replay-Nonce", "bm9u Y2U");
    test_field(http, "Replay-Nonce", "bm9u+Y2/");
    test_ok(acm_http_header(http, "Replay-Nonce", 12, text,
                            ACM_MAX_NONCE + 1));
    assert_null(http->nonce);
    test_ok(acm_http_header(http, "Replay-Nonce", 12, text, ACM_MAX_NONCE));
    assert_int_equal(strlen(http->nonce), ACM_MAX_NONCE);

    for (i = 0; i < ACM_MAX_HTTP_LINKS + 1; i++) {
        test_field(http, "Link", "<https://a/>;rel=\"index\"");
    }

    assert_int_equal(http->nlinks, ACM_MAX_HTTP_LINKS);
    acm_http_free(http);
    acm_http_free(NULL);
}


static int64_t
test_retry(const char *value)
{
    int64_t      wait;
    acm_http_t  *http;

    http = acm_http_new(ACM_HTTP_GET, "https://ca.example.net/");
    test_field(http, "Retry-After", value);
    wait = acm_http_retry_after(http, NOW);
    acm_http_free(http);

    return wait;
}


static void
test_retry_after(void **state)
{
    char  text[64];

    (void) state;

    assert_int_equal(test_retry(""), -1);
    assert_int_equal(test_retry("0"), 0);
    assert_int_equal(test_retry("1"), 1);
    assert_int_equal(test_retry("0120"), 120);
    assert_int_equal(test_retry(" 21600 "), 21600);
    assert_int_equal(test_retry("-1"), -1);
    assert_int_equal(test_retry("+1"), -1);
    assert_int_equal(test_retry("1.5"), -1);
    assert_int_equal(test_retry("1s"), -1);
    assert_int_equal(test_retry("1 1"), -1);
    assert_int_equal(test_retry("0x10"), -1);
    assert_int_equal(test_retry("soon"), -1);

    snprintf(text, sizeof(text), "%d", ACM_MAX_RETRY_AFTER);
    assert_int_equal(test_retry(text), ACM_MAX_RETRY_AFTER);
    snprintf(text, sizeof(text), "%d", ACM_MAX_RETRY_AFTER + 1);
    assert_int_equal(test_retry(text), ACM_MAX_RETRY_AFTER);
    assert_int_equal(test_retry("99999999999999999999"),
                     ACM_MAX_RETRY_AFTER);
    assert_int_equal(test_retry("18446744073709551617"),
                     ACM_MAX_RETRY_AFTER);

    /* dates: 2026-11-25T10:26:40Z is now */

    assert_int_equal(test_retry("Wed, 25 Nov 2026 10:28:40 GMT"), 120);
    assert_int_equal(test_retry("Wednesday, 25-Nov-26 10:28:40 GMT"), 120);
    assert_int_equal(test_retry("Wed Nov 25 10:28:40 2026"), 120);
    assert_int_equal(test_retry("Wed, 25 Nov 2026 10:26:40 GMT"), -1);
    assert_int_equal(test_retry("Wed, 25 Nov 2026 09:26:40 GMT"), -1);
    assert_int_equal(test_retry("Thu, 01 Jan 1970 00:00:00 GMT"), -1);
    assert_int_equal(test_retry("Fri, 31 Dec 9999 23:59:59 GMT"),
                     ACM_MAX_RETRY_AFTER);
    assert_int_equal(test_retry("Wed, 25 Nov 2026 10:28:40"), -1);
    assert_int_equal(test_retry("Wed, 25 Nov 2026 10:28:40 CET"), -1);
    assert_int_equal(test_retry("Wed, 25 Nov 2026 10:28:40 GMT x"), -1);
    assert_int_equal(test_retry("2026-11-25T10:28:40Z"), -1);
}


static void
test_dates(void **state)
{
    int64_t  at;

    (void) state;

    at = 784111777;                      /* the examples of RFC 9110 s5.6.7 */
    assert_int_equal(acm_http_date("Sun, 06 Nov 1994 08:49:37 GMT", NOW), at);
    assert_int_equal(acm_http_date("Sunday, 06-Nov-94 08:49:37 GMT", NOW),
                     at);
    assert_int_equal(acm_http_date("Sun Nov  6 08:49:37 1994", NOW), at);

    /* days that are none, and a leap second */

    assert_int_equal(acm_http_date("Mon, 31 Feb 2028 00:00:00 GMT", NOW), -1);
    assert_int_equal(acm_http_date("Mon, 29 Feb 2027 00:00:00 GMT", NOW), -1);
    assert_int_equal(acm_http_date("Tue, 29 Feb 2028 00:00:00 GMT", NOW),
                     1835395200);
    assert_int_equal(acm_http_date("Mon, 00 Feb 2028 00:00:00 GMT", NOW), -1);
    assert_int_equal(acm_http_date("Mon, 01 Feb 2028 24:00:00 GMT", NOW), -1);
    assert_int_equal(acm_http_date("Sat, 31 Dec 2016 23:59:60 GMT", NOW),
                     1483228800);
    assert_int_equal(acm_http_date("Wed, 31 Dec 1969 23:59:59 GMT", NOW), -1);
    assert_int_equal(acm_http_date("", NOW), -1);

    /* two digits, from 49 years ago to 50 years from now */

    assert_int_equal(acm_http_date("Friday, 25-Nov-76 00:00:00 GMT", NOW),
                     3373488000);
    assert_int_equal(acm_http_date("Friday, 25-Nov-77 00:00:00 GMT", NOW),
                     249264000);
    assert_int_equal(acm_http_date("Friday, 01-Jan-00 00:00:00 GMT",
                                   4102444799),
                     4102444800);        /* the last second of 2099 */
    assert_int_equal(acm_http_date("Friday, 31-Dec-99 00:00:00 GMT",
                                   4102444800),
                     4102358400);
}


static void
test_link(const char *value, const char *first, const char *second)
{
    char        *url;
    acm_http_t  *http;

    http = acm_http_new(ACM_HTTP_GET, "https://ca.example.net/");
    test_field(http, "Link", value);

    url = acm_http_link(http, "alternate", 0);

    if (first == NULL) {
        assert_null(url);

    } else {
        assert_non_null(url);
        assert_string_equal(url, first);
    }

    acm_free(url);

    url = acm_http_link(http, "alternate", 1);

    if (second == NULL) {
        assert_null(url);

    } else {
        assert_non_null(url);
        assert_string_equal(url, second);
    }

    acm_free(url);
    acm_http_free(http);
}


static void
test_links(void **state)
{
    char        *url;
    acm_http_t  *http;

    (void) state;

    test_link("<https://a/1>;rel=\"alternate\"", "https://a/1", NULL);
    test_link("<https://a/1>; rel=alternate", "https://a/1", NULL);
    test_link("<https://a/1> ; REL = \"Alternate\"", "https://a/1", NULL);
    test_link("<https://a/1>;rel=\"index alternate\"", "https://a/1", NULL);
    test_link("<https://a/1>;rel=\"alternate index\"", "https://a/1", NULL);
    test_link("<https://a/1>;rel=index,<https://a/2>;rel=alternate,"
              "<https://a/3>;title=x;rel=alternate",
              "https://a/2", "https://a/3");
    test_link(" , <https://a/1,2>;rel=alternate ,, <b>;rel=alternate ,",
              "https://a/1,2", "b");

    /* none of these is one */

    test_link("<https://a/1>;rel=\"index\"", NULL, NULL);
    test_link("<https://a/1>;rel=alternates", NULL, NULL);
    test_link("<https://a/1>;rel=\"alternate-x\"", NULL, NULL);
    test_link("<https://a/1>;xrel=alternate", NULL, NULL);
    test_link("<https://a/1>;rel=index;rel=alternate", NULL, NULL);
    test_link("<https://a/1>;title=\"rel=alternate\"", NULL, NULL);
    test_link("<https://a/1>;title=\";rel=alternate;\"", NULL, NULL);
    test_link("<https://a/1>;title=\"\\\";rel=alternate\"", NULL, NULL);
    test_link("<https://a/1>;rel", NULL, NULL);
    test_link("<https://a/1>;rel=", NULL, NULL);
    test_link("<https://a/1>;rel=\"", NULL, NULL);
    test_link("<https://a/1>", NULL, NULL);
    test_link("<https://a/1;rel=alternate", NULL, NULL);
    test_link("https://a/1;rel=alternate", NULL, NULL);
    test_link("<", NULL, NULL);

    /* what is quoted is no link of its own */

    test_link("<https://a/1>;title=\"<https://b/>;rel=alternate,\";"
              "rel=alternate", "https://a/1", NULL);
    test_link("<https://a/1>;title=\"x, <b>;rel=alternate\";rel=index",
              NULL, NULL);

    /* several fields */

    http = acm_http_new(ACM_HTTP_GET, "https://ca.example.net/");
    test_field(http, "Link", "<https://a/dir>;rel=\"index\"");
    test_field(http, "Link", "<https://a/1>;rel=\"alternate\"");
    test_field(http, "Link",
               "<u>;rel=up, <https://a/2>;rel=\"alternate\"");

    url = acm_http_link(http, "alternate", 0);
    assert_string_equal(url, "https://a/1");
    acm_free(url);
    url = acm_http_link(http, "alternate", 1);
    assert_string_equal(url, "https://a/2");
    acm_free(url);
    assert_null(acm_http_link(http, "alternate", 2));
    url = acm_http_link(http, "up", 0);
    assert_string_equal(url, "u");
    acm_free(url);
    acm_http_free(http);
}


/* A request takes what sinks put into one. */

static void
test_body(void **state)
{
    char        *text;
    acm_http_t  *http;

    (void) state;

    assert_true(ACM_MAX_HTTP_SENT >= ACM_MAX_CLOUDWATCH_BODY);

    text = malloc(ACM_MAX_HTTP_SENT);
    assert_non_null(text);
    memset(text, 'a', ACM_MAX_HTTP_SENT);

    http = acm_http_new(ACM_HTTP_POST, "https://ca.example.net/");
    acm_buf_add(&http->body, text, ACM_MAX_HTTP_SENT);
    test_ok(acm_buf_rc(&http->body));
    acm_buf_u8(&http->body, 'a');
    assert_int_equal(acm_buf_rc(&http->body), ACM_TOOBIG);

    acm_http_free(http);
    free(text);
}


static void
test_urls(void **state)
{
    static const char *const  good[] = {
        "https://ca.example.net", "https://ca.example.net/",
        "HTTPS://CA.example.net:14000/dir?a=b&c=%20",
        "https://a_b.example.net:1/", "https://ca.example.net:65535",
        "https://192.0.2.1/", "https://[2001:db8::1]/x",
        "https://[2001:db8::1]:8443/", "https://ca?x", "https://ca.:443/",
        "https://ca.example.net/a@b:c",
        "http://127.0.0.1/", "http://127.1.2.3:4000/dir",
        "http://localhost:4000", "http://LOCALHOST/", "http://[::1]:80/"
    };
    static const char *const  bad[] = {
        "", "https", "https://", "https:///x", "https://?x", "https:/a/b",
        "ftp://ca.example.net/", "//ca.example.net/", "/dir",
        "file:///etc/passwd", "javascript:alert(1)", "data:,x",
        "http://ca.example.net/", "http://192.0.2.1/", "http://128.0.0.1/",
        "http://127.0.0.1.example.net/", "http://127.1/",
        "http://localhost.example.net/", "http://[::2]/", "http://0.0.0.0/",
        "http://[::ffff:192.0.2.1]/",
        "https://user@ca.example.net/", "https://u:p@ca.example.net/",
        "https://ca.example.net%40evil.example.org/",
        "https://127.0.0.1:1@evil.example.org/",
        "http://127.0.0.1:80@evil.example.org/",
        "http://localhost\\@evil.example.org/",
        "https://ca.example.net/#f", "https://ca.example.net#@evil/",
        "https://ca.example.net/a b", "https://ca.example.net/\t",
        "https://ca.example.net/\r\nHost: x", "https://ca.example.net/\x01",
        "https://ca.example.net/\x7f", "https://ca.example.net/\xc3\xbc",
        "https://b\xc3\xbc" "cher.example.net/", " https://ca.example.net/",
        "https://ca.example.net/\"", "https://ca.example.net/\\",
        "https://ca.example.net/<", "https://ca.example.net/{",
        "https://ca.example.net:", "https://ca.example.net:/",
        "https://ca.example.net:0/", "https://ca.example.net:65536/",
        "https://ca.example.net:99999/", "https://ca.example.net:000443/",
        "https://ca.example.net:44a/", "https://ca.example.net:-1/",
        "https://ca.example.net:443:443/", "https://:443/",
        "https://[::1", "https://[::1]x/", "https://[::1]443/", "https://[]/",
        "https://[ca.example.net]/", "https://[127.0.0.1]/", "https://::1/",
        "https://[::1%25lo]/", "https://[v1.a:b]/", "https://[[::1]]/",
        "https://.example.net/", "https://ca..example.net/",
        "https://ca,example.net/", "https://ca;x/", "https://ca$/",
        "https://ca%2eexample.net/", "https://*.example.net/"
    };

    char    url[ACM_MAX_URL + 2];
    size_t  i;

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!acm_http_url_ok(good[i])) {
            print_error("%s\n", good[i]);
            fail();
        }
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (acm_http_url_ok(bad[i])) {
            print_error("%s\n", bad[i]);
            fail();
        }
    }

    memset(url, 'a', sizeof(url));
    memcpy(url, "https://ca.example.net/", 23);
    url[ACM_MAX_URL] = '\0';
    assert_true(acm_http_url_ok(url));
    url[ACM_MAX_URL] = 'a';
    url[ACM_MAX_URL + 1] = '\0';
    assert_false(acm_http_url_ok(url));

    memset(url, 'a', sizeof(url));
    memcpy(url, "https://", 8);
    url[8 + ACM_MAX_NAME] = '\0';
    assert_true(acm_http_url_ok(url));
    url[8 + ACM_MAX_NAME] = 'a';
    url[8 + ACM_MAX_NAME + 1] = '\0';
    assert_false(acm_http_url_ok(url));
}


static void
test_origin(void **state)
{
    (void) state;

    assert_true(acm_http_same_origin("https://ca.example.net/dir",
                                     "HTTPS://CA.example.NET:443?x"));
    assert_true(acm_http_same_origin("https://ca.example.net:0443",
                                     "https://ca.example.net/"));
    assert_true(acm_http_same_origin("http://127.0.0.1:4000/a",
                                     "http://127.0.0.1:4000/b"));
    assert_true(acm_http_same_origin("http://localhost:80/",
                                     "http://localhost"));
    assert_true(acm_http_same_origin("https://[::1]:443/", "https://[::1]"));
    assert_false(acm_http_same_origin("https://ca.example.net/",
                                      "http://ca.example.net/"));
    assert_false(acm_http_same_origin("https://ca.example.net/",
                                      "https://ca.example.net:8443/"));
    assert_false(acm_http_same_origin("https://ca.example.net:80/",
                                      "http://ca.example.net/"));
    assert_false(acm_http_same_origin("https://ca.example.net/",
                                      "https://ca.example.net.evil.org/"));
    assert_false(acm_http_same_origin("https://ca.example.net/",
                                      "https://ca.example.ne/"));
    assert_false(acm_http_same_origin("https://ca.example.net/",
                                      "https://ca.example.net@evil.org/"));
    assert_false(acm_http_same_origin("https://ca.example.net/",
                                      "https://ca.example.net:443@evil/"));
    assert_false(acm_http_same_origin("", ""));
    assert_false(acm_http_same_origin("x", "x"));
}


static void
test_memory(void **state)
{
    acm_http_t  *http;

    (void) state;

    acm_alloc_fail_at(1);
    assert_null(acm_http_new(ACM_HTTP_GET, "https://a/"));
    acm_alloc_fail_at(2);
    assert_null(acm_http_new(ACM_HTTP_GET, "https://a/"));
    acm_alloc_fail_at(0);

    http = acm_http_new(ACM_HTTP_GET, "https://a/");
    acm_alloc_fail_at(1);
    assert_int_equal(acm_http_header(http, "Link", 4, "<a>;rel=up", 10),
                     ACM_NOMEM);
    acm_alloc_fail_at(0);
    assert_int_equal(http->nlinks, 0);
    test_ok(acm_http_header(http, "Link", 4, "<a>;rel=up", 10));
    acm_alloc_fail_at(1);
    assert_null(acm_http_link(http, "up", 0));
    acm_alloc_fail_at(0);
    acm_http_free(http);
}


/* What is ours, and what is next to it on both sides. */

static void
test_local(void **state)
{
    size_t                i;
    struct sockaddr       other;
    struct sockaddr_in    sin;
    struct sockaddr_in6   sin6;

    static const struct { const char *text; int local; }  all[] = {
        { "126.255.255.255", 0 }, { "127.0.0.1", 1 },
        { "127.255.255.255", 1 }, { "128.0.0.0", 0 }, { "0.0.0.0", 1 },
        { "0.255.255.255", 1 }, { "1.0.0.0", 0 }, { "169.253.255.255", 0 },
        { "169.254.0.0", 1 }, { "169.254.169.254", 1 }, { "169.255.0.0", 0 },
        { "10.0.0.1", 0 }, { "::", 1 }, { "::1", 1 }, { "::7f00:1", 1 },
        { "::ffff:127.0.0.1", 1 }, { "::ffff:128.0.0.1", 0 },
        { "::ffff:169.254.169.254", 1 }, { "fe7f::1", 0 }, { "fe80::1", 1 },
        { "febf::1", 1 }, { "fec0::1", 0 }, { "2001:db8::1", 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        memset(&sin, 0, sizeof(sin));
        memset(&sin6, 0, sizeof(sin6));
        sin.sin_family = AF_INET;
        sin6.sin6_family = AF_INET6;

        if (inet_pton(AF_INET, all[i].text, &sin.sin_addr) == 1) {
            assert_int_equal(acm_http_local((struct sockaddr *) &sin),
                             all[i].local);
            continue;
        }

        assert_int_equal(inet_pton(AF_INET6, all[i].text, &sin6.sin6_addr), 1);
        assert_int_equal(acm_http_local((struct sockaddr *) &sin6),
                         all[i].local);
    }

    memset(&other, 0, sizeof(other));
    other.sa_family = AF_UNIX;
    assert_int_equal(acm_http_local(&other), 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_body),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_origin),
        cmocka_unit_test(test_local),
        cmocka_unit_test(test_memory)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
