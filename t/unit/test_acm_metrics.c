
/*
 * Copyright (C) The ngx_acm authors
 *
 * Metrics as text.
 */


#include "acm_metrics.h"
#include "test.h"


static void
test_is(acm_metrics_t *m, const char *text)
{
    assert_int_equal(acm_metrics_end(m), ACM_OK);
    acm_buf_u8(&m->out, 0);
    test_ok(acm_buf_rc(&m->out));
    assert_string_equal((char *) m->out.data, text);
    acm_metrics_free(m);
}


static void
test_text(void **state)
{
    acm_metrics_t  m;

    (void) state;

    acm_metrics_init(&m, 0, 4096);
    acm_metrics_family(&m, "acm_up", ACM_METRIC_GAUGE, "Is it up?");
    acm_metrics_value(&m, -1);
    acm_metrics_family(&m, "acm_orders", ACM_METRIC_COUNTER, "Orders.");
    acm_metrics_label(&m, "issuer", "a");
    acm_metrics_label(&m, "problem", "dns");
    acm_metrics_count(&m, UINT64_MAX);
    acm_metrics_count(&m, 0);
    test_is(&m,
            "# HELP acm_up Is it up?\n"
            "# TYPE acm_up gauge\n"
            "acm_up -1\n"
            "# HELP acm_orders_total Orders.\n"
            "# TYPE acm_orders_total counter\n"
            "acm_orders_total{issuer=\"a\",problem=\"dns\"} "
            "18446744073709551615\n"
            "acm_orders_total 0\n");

    acm_metrics_init(&m, 1, 4096);
    acm_metrics_family(&m, "acm_orders", ACM_METRIC_COUNTER, "Orders.");
    acm_metrics_count(&m, 7);
    test_is(&m,
            "# HELP acm_orders Orders.\n"
            "# TYPE acm_orders counter\n"
            "acm_orders_total 7\n"
            "# EOF\n");

    acm_metrics_init(&m, 1, 4096);
    test_is(&m, "# EOF\n");
}


static void
test_seconds(void **state)
{
    size_t         i;
    char           text[256];
    acm_metrics_t  m;

    static const struct {
        uint64_t     ns;
        const char  *text;
    } cases[] = {
        { 0, "0" },
        { 1, "0.000000001" },
        { 500000000, "0.5" },
        { 1000000000, "1" },
        { 10000000000ULL, "10" },
        { 1234567890123ULL, "1234.567890123" },
        { UINT64_MAX, "18446744073.709551615" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        acm_metrics_init(&m, 0, 4096);
        acm_metrics_family(&m, "x", ACM_METRIC_GAUGE, "X.");
        acm_metrics_seconds(&m, cases[i].ns);
        snprintf(text, sizeof(text),
                 "# HELP x X.\n# TYPE x gauge\nx %s\n", cases[i].text);
        test_is(&m, text);
    }
}


static void
test_histogram(void **state)
{
    acm_metrics_t    m;
    acm_histogram_t  h;

    static const char *const  bounds[] = { "0.001", "1.0" };
    static const uint64_t     counts[] = { 2, 0, 3 };

    (void) state;

    h.bounds = bounds;
    h.counts = counts;
    h.n = 2;
    h.sum = 12500000000ULL;

    acm_metrics_init(&m, 0, 4096);
    acm_metrics_family(&m, "x_seconds", ACM_METRIC_HISTOGRAM, "X.");
    acm_metrics_histogram(&m, &h);
    acm_metrics_label(&m, "a", "b");
    acm_metrics_histogram(&m, &h);
    test_is(&m,
            "# HELP x_seconds X.\n"
            "# TYPE x_seconds histogram\n"
            "x_seconds_bucket{le=\"0.001\"} 2\n"
            "x_seconds_bucket{le=\"1.0\"} 2\n"
            "x_seconds_bucket{le=\"+Inf\"} 5\n"
            "x_seconds_count 5\n"
            "x_seconds_sum 12.5\n"
            "x_seconds_bucket{a=\"b\",le=\"0.001\"} 2\n"
            "x_seconds_bucket{a=\"b\",le=\"1.0\"} 2\n"
            "x_seconds_bucket{a=\"b\",le=\"+Inf\"} 5\n"
            "x_seconds_count{a=\"b\"} 5\n"
            "x_seconds_sum{a=\"b\"} 12.5\n");
}


static void
test_escape(void **state)
{
    size_t         i;
    char           text[256];
    acm_metrics_t  m;

    static const struct {
        const char  *value;
        const char  *text;
    } cases[] = {
        { "", "" },
        { NULL, "" },
        { "plain, {a=b} #", "plain, {a=b} #" },
        { "\"", "\\\"" },
        { "\\", "\\\\" },
        { "\\n", "\\\\n" },
        { "a\nb", "a\\nb" },
        { "a\rb\tc\x7f\x01", "a?b?c??" },
        { "M\xc3\xbcnchen", "M\xc3\xbcnchen" },
        { "\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80" },
        { "\xff\xfe", "??" },
        { "\xc3", "?" },
        { "\xc3(", "?(" },
        { "\xc0\x80", "??" },
        { "\xe0\x80\x80", "???" },
        { "\xed\xa0\x80", "???" },
        { "\xf4\x90\x80\x80", "????" },
        { "\xf0\x9f\x98", "???" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        acm_metrics_init(&m, 0, 4096);
        m.name = "x";
        acm_metrics_label(&m, "l", cases[i].value);
        acm_metrics_value(&m, 1);
        snprintf(text, sizeof(text), "x{l=\"%s\"} 1\n", cases[i].text);
        test_is(&m, text);
    }
}


static void
test_limits(void **state)
{
    char           name[ACM_MAX_METRIC_NAME + 2];
    char           value[ACM_MAX_METRIC_LABEL + 3];
    size_t         i, n;
    acm_metrics_t  m, other;

    (void) state;

    memset(name, 'n', sizeof(name));
    name[ACM_MAX_METRIC_NAME + 1] = '\0';

    acm_metrics_init(&m, 0, 4096);
    acm_metrics_family(&m, name + 1, ACM_METRIC_GAUGE, "X.");
    test_ok(acm_metrics_end(&m));
    acm_metrics_family(&m, name, ACM_METRIC_GAUGE, "X.");
    assert_int_equal(acm_metrics_end(&m), ACM_TOOBIG);
    acm_metrics_free(&m);

    /* a label at its limit, one past, and with a character on the edge */

    for (n = 0; n <= 2; n++) {
        memset(value, 'v', sizeof(value));
        value[ACM_MAX_METRIC_LABEL + ((n > 0) ? 1 : 0)] = '\0';

        if (n == 2) {
            memcpy(value + ACM_MAX_METRIC_LABEL - 1, "\xc3\xbc", 2);
        }

        acm_metrics_init(&m, 0, 4096);
        m.name = "x";
        acm_metrics_label(&m, "l", value);
        acm_metrics_value(&m, 1);
        test_ok(acm_metrics_end(&m));
        assert_int_equal(m.out.len, ACM_MAX_METRIC_LABEL - ((n == 2) ? 1 : 0)
                                    + strlen("x{l=\"\"} 1\n"));
        acm_metrics_free(&m);
    }

    /* all labels of a sample */

    acm_metrics_init(&m, 0, 1 << 20);
    m.name = "x";
    memset(value, 'v', sizeof(value));
    value[ACM_MAX_METRIC_LABEL] = '\0';

    for (i = 0; i <= ACM_MAX_METRIC_LABELS / ACM_MAX_METRIC_LABEL; i++) {
        acm_metrics_label(&m, "l", value);
    }

    acm_metrics_value(&m, 1);
    assert_int_equal(acm_metrics_end(&m), ACM_TOOBIG);
    acm_metrics_free(&m);

    /* the whole text, and that it sticks over a join */

    for (n = 8; n <= 9; n++) {
        acm_metrics_init(&other, 0, n);
        other.name = "x";
        acm_metrics_value(&other, 123456);

        acm_metrics_init(&m, 0, 4096);
        acm_metrics_join(&m, &other);
        assert_int_equal(acm_metrics_end(&m),
                         (n == 9) ? ACM_OK : ACM_TOOBIG);
        acm_metrics_free(&m);
        acm_metrics_free(&other);
    }
}


static void
test_memory(void **state)
{
    unsigned long  n;
    acm_metrics_t  m;

    (void) state;

    for (n = 1; /* void */ ; n++) {
        acm_metrics_init(&m, 0, 4096);
        acm_alloc_fail_at(n);
        acm_metrics_family(&m, "x", ACM_METRIC_GAUGE, "X.");
        acm_metrics_label(&m, "l", "value");
        acm_metrics_value(&m, 1);

        if (acm_alloc_fail_at(0) != 0) {
            test_ok(acm_metrics_end(&m));
            acm_metrics_free(&m);
            break;
        }

        assert_int_equal(acm_metrics_end(&m), ACM_NOMEM);
        acm_metrics_free(&m);
    }

    assert_true(n > 2);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_seconds),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_memory)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
