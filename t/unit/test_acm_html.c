
/*
 * Copyright (C) The ngx_acm authors
 *
 * Pages: escaping, times, and that nothing hostile gets through.
 */


#include "acm_html.h"
#include "acm_json.h"
#include "acm_status.h"
#include "fill_shown.h"
#include "test.h"


#define NOW  1800000000LL


static void
test_escape(void **state)
{
    size_t      i;
    acm_buf_t   b;

    static const struct {
        const char  *in;
        const char  *out;
    } t[] = {
        { "", "" },
        { "a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;" },
        { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
          "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "a\nb\tc", "a\nb\tc" },
        { "\x01\x1b\x7f\r", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
          "\xef\xbf\xbd" },
        { "\xff", "\xef\xbf\xbd" },
        { "\xc3", "\xef\xbf\xbd" },
        { "\xc3<", "\xef\xbf\xbd&lt;" },
        { "\xe2\x82<", "\xef\xbf\xbd\xef\xbf\xbd&lt;" },
        { "\xc0\xbc", "\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xe0\x80\xbc", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xe2\x80\xae" "a", "\xef\xbf\xbd" "a" },
        { "\xe2\x81\xa6", "\xef\xbf\xbd" },
        { "\xc2\x85", "\xef\xbf\xbd" }
    };

    (void) state;

    for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        acm_buf_init(&b, 1024);
        acm_html_escape(&b, t[i].in, strlen(t[i].in));
        acm_buf_u8(&b, 0);
        assert_string_equal((char *) b.data, t[i].out);
        acm_buf_free(&b);
    }
}


static void
test_cut(void **state)
{
    char       *text;
    acm_buf_t   b;

    (void) state;

    text = malloc(ACM_MAX_HTML_TEXT + 1);
    memset(text, 'a', ACM_MAX_HTML_TEXT + 1);

    acm_buf_init(&b, ACM_MAX_HTML);
    acm_html_escape(&b, text, ACM_MAX_HTML_TEXT);
    assert_int_equal(b.len, ACM_MAX_HTML_TEXT);
    acm_buf_free(&b);

    acm_html_escape(&b, text, ACM_MAX_HTML_TEXT + 1);
    assert_int_equal(b.len, ACM_MAX_HTML_TEXT + 3);
    acm_buf_free(&b);

    free(text);
}


static void
test_form(void **state)
{
    acm_buf_t  b;

    (void) state;

    acm_buf_init(&b, 1024);
    acm_html(&b, "<a href=\"?q=%q\">%s%s</a> %d %D %z 100%%", "a b&\"/~",
             "<", NULL, (int64_t) -5, (int64_t) 1234567, (size_t) 2, "xyz");
    acm_html(&b, " %D %D %D", (int64_t) -1234, (int64_t) 999,
             (int64_t) 1000);
    acm_buf_u8(&b, 0);
    assert_string_equal((char *) b.data, "<a href=\"?q=a%20b%26%22%2F~\">"
                        "&lt;</a> -5 1,234,567 xy 100% -1,234 999 1,000");
    acm_buf_free(&b);
}


static void
test_times(void **state)
{
    char     text[32], span[32];
    size_t   i;
    int64_t  t;

    static const char *const  bad[] = {
        "", "x", "2026-11-25", "2026-11-25T05:00:00", "2026-13-25T05:00:00Z",
        "2026-11-25T05:00:00Zx", "2026-00-01T00:00:00Z",
        "1969-01-01T00:00:00Z", "2026-11-25T05:00:00+"
    };

    (void) state;

    for (t = 0; t < 250000000000LL; t += 86399 * 365LL + 12345) {
        assert_int_equal(acm_html_time_parse(acm_time_text(t, text)), t);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(acm_html_time_parse(bad[i]), -1);
    }

    assert_int_equal(acm_html_time_parse(NULL), -1);

    assert_string_equal(acm_html_span(0, span), "0 seconds");
    assert_string_equal(acm_html_span(1, span), "1 second");
    assert_string_equal(acm_html_span(-119, span), "119 seconds");
    assert_string_equal(acm_html_span(120, span), "2 minutes");
    assert_string_equal(acm_html_span(7199, span), "119 minutes");
    assert_string_equal(acm_html_span(7200, span), "2 hours");
    assert_string_equal(acm_html_span(172799, span), "47 hours");
    assert_string_equal(acm_html_span(172800, span), "2 days");
    assert_string_equal(acm_html_span(730 * 86400LL, span), "2 years");
    (void) acm_html_span(INT64_MIN, span);
    (void) acm_html_span(INT64_MAX, span);
}


static void
test_csp(void **state)
{
    char  csp[ACM_MAX_HTML_CSP];

    (void) state;

    test_ok(acm_html_csp(csp));
    assert_non_null(strstr(csp, "default-src 'none'; style-src 'sha256-"));
    assert_non_null(strstr(csp, "frame-ancestors 'none'"));
    assert_null(strstr(csp, "unsafe"));
}


/* All pages of a model whose texts are all hostile. */

static json_t *
test_evil(void)
{
    size_t       i;
    json_t      *cert, *list, *o, *step;

    static const char *const  names[] = {
        "CertificateArn", "DomainName", "Status", "State", "Urgency", "Type",
        "IssuerName", "IssuedBy", "NotAfter", "NextStep", "NextStepAt",
        "LastError", "LastErrorAt", "WhatToDo", "Serial", "Key", "Error",
        "Next", "Name", "Directory", "Account", "AccountStatus",
        "AccountError", "Module", "Value", "Path", "For", "BlockedUntil",
        "At", "What", "Text", "\"><script>"
    };

    cert = json_object();

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        json_object_set_new(cert, names[i], json_string("<script x=\"'>&"));
    }

    json_object_set_new(cert, "SecondsLeft", json_integer(5));
    step = json_deep_copy(cert);
    list = json_array();
    json_array_append(list, step);
    o = json_array();
    json_array_append_new(o, json_string("<script>"));
    json_array_append_new(o, json_string("<script>2"));

    json_object_set(cert, "History", list);
    json_object_set(cert, "DomainValidationRecords", list);
    json_object_set(cert, "RateLimits", list);
    json_object_set(cert, "SubjectAlternativeNames", o);
    json_object_set_new(cert, "Findings", o);

    o = json_deep_copy(cert);
    json_object_set_new(o, "Certificates", json_array());
    json_array_append(json_object_get(o, "Certificates"), cert);
    json_object_set(o, "Helper", step);
    json_object_set(o, "Handshakes", step);
    json_object_set(o, "Store", step);
    json_object_set(o, "Sinks", list);
    json_object_set(o, "StaticCertificates", list);
    json_object_set(o, "Issuers", json_object_get(o, "Certificates"));
    json_object_set_new(o, "Overview", json_object());
    json_object_set_new(json_object_get(o, "Overview"), "Stuck",
                        json_deep_copy(o));
    json_object_set(json_object_get(o, "Overview"), "ExpiresNext",
                    json_object_get(json_object_get(o, "Overview"), "Stuck"));
    json_object_set_new(json_object_get(o, "Overview"), "Counts",
                        json_deep_copy(step));

    json_decref(step);
    json_decref(list);
    json_decref(cert);

    return o;
}


static void
test_page(acm_buf_t *b, acm_rc_t rc)
{
    test_ok(rc);
    acm_buf_u8(b, 0);
    assert_null(strcasestr((char *) b->data, "<script"));
    assert_non_null(strstr((char *) b->data, "&lt;script"));
    assert_null(strstr((char *) b->data, "style=\""));
    assert_null(strstr((char *) b->data, "http://"));
    assert_non_null(strstr((char *) b->data, "</html>\n"));
    acm_buf_free(b);
}


static void
test_hostile(void **state)
{
    json_t              *root;
    acm_buf_t            b;
    acm_status_query_t   q;

    (void) state;

    root = test_evil();
    acm_status_query("q=%3Cscript%3E&issuer=%3cscript%3e%22&sort=%3Cscript"
                     "%3E", 55, &q);
    acm_buf_init(&b, ACM_MAX_HTML);

    test_page(&b, acm_status_html_home(&b, root, "./", NOW));
    test_page(&b, acm_status_html_list(&b, root, &q, "./", NOW));
    test_page(&b, acm_status_html_cert(&b, root, "../", NOW));
    test_page(&b, acm_status_html_error(&b, "<script>", "<script>", "./",
                                        NOW));
    json_decref(root);

    /* nothing at all */

    root = json_object();
    test_ok(acm_status_html_home(&b, root, "./", NOW));
    acm_buf_free(&b);
    test_ok(acm_status_html_cert(&b, root, "./", NOW));
    acm_buf_free(&b);
    acm_status_query("", 0, &q);
    test_ok(acm_status_html_list(&b, root, &q, "./", NOW));
    acm_buf_free(&b);

    /* a page has its limit */

    acm_buf_init(&b, 100);
    assert_int_equal(acm_status_html_home(&b, root, "./", NOW), ACM_TOOBIG);
    acm_buf_free(&b);
    json_decref(root);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_form),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_csp),
        cmocka_unit_test(test_hostile)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
