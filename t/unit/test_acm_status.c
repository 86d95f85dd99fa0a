
/*
 * Copyright (C) The ngx_acm authors
 *
 * The status: requests, lists that visit each certificate once, limits.
 */


#include <inttypes.h>

#include "acm_json.h"
#include "acm_status.h"
#include "fill_shown.h"
#include "test.h"


#define NOW    1800000000LL
#define ZEROS  "00000000000000000000000000000000000000000000000000000"        \
               "00000000000000000000000000000000000000000000000000000"


static void
test_parse(const char *args, acm_status_query_t *q)
{
    acm_status_query(args, strlen(args), q);
}


static void
test_query(void **state)
{
    char                text[2 * ACM_MAX_STATUS_ARGS];
    size_t              i;
    acm_status_query_t  q;

    static const char *const  good[] = {
        "", "&", "&&=&", "q=", "status=&type=&sort=&issuer=&expires=",
        "other=1", "q", "format=html"
    };

    static const char *const  bad[] = {
        "status=X", "type=issued", "sort=date", "format=xml", "expires=x",
        "expires=-1d", "expires=30x", "expires=99999999999999999999d",
        "expires=0", "expires=4000d", "q=%00", "issuer=a%00b"
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        acm_status_query(good[i], strlen(good[i]), &q);
        assert_string_equal(q.fault, "");
        assert_int_equal(q.status, 0);
        assert_string_equal(q.q, "");
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        acm_status_query(bad[i], strlen(bad[i]), &q);
        assert_string_not_equal(q.fault, "");
        assert_true(strlen(q.fault) < ACM_MAX_STATUS_FAULT);
    }

    test_parse("q=+WwW.%45x%zz+&status=ISSUED&type=IMPORTED&sort=name"
               "&expires=36h&limit=7&issuer=a%26b&format=json&after=ab",
               &q);
    assert_string_equal(q.fault, "");
    assert_string_equal(q.q, "www.ex%zz");
    assert_string_equal(q.issuer, "a&b");
    assert_int_equal(q.status, ACM_STATUS_ISSUED);
    assert_int_equal(q.type, ACM_TYPE_IMPORTED);
    assert_int_equal(q.sort, ACM_SORT_NAME);
    assert_int_equal(q.expires, 36 * 3600);
    assert_int_equal(q.limit, 7);
    assert_int_equal(q.formatted, 1);
    assert_int_equal(q.format, ACM_FORMAT_JSON);
    assert_int_equal(q.after_len, 2);

    test_parse("status=STUCK&expires=30", &q);
    assert_int_equal(q.stuck, 1);
    assert_int_equal(q.status, 0);
    assert_int_equal(q.expires, 30 * 86400);

    /* limits: at them, and one past */

    memset(text, 'a', sizeof(text));
    memcpy(text, "q=", 2);
    acm_status_query(text, 2 + ACM_MAX_STATUS_Q, &q);
    assert_int_equal(strlen(q.q), ACM_MAX_STATUS_Q);
    acm_status_query(text, 2 + ACM_MAX_STATUS_Q + 1, &q);
    assert_string_equal(q.q, "");
    assert_string_not_equal(q.fault, "");

    memcpy(text, "after=", 6);
    acm_status_query(text, 6 + ACM_MAX_STATUS_CURSOR, &q);
    assert_int_equal(q.after_len, ACM_MAX_STATUS_CURSOR);
    acm_status_query(text, 6 + ACM_MAX_STATUS_CURSOR + 1, &q);
    assert_int_equal(q.after_len, 0);

    memcpy(text, "limit=1&", 8);
    acm_status_query(text, ACM_MAX_STATUS_ARGS, &q);
    assert_int_equal(q.limit, 1);
    acm_status_query(text, ACM_MAX_STATUS_ARGS + 1, &q);
    assert_int_equal(q.limit, 0);
    assert_string_not_equal(q.fault, "");

    test_parse("limit=1000", &q);
    assert_int_equal(q.limit, ACM_MAX_STATUS_JSON);
    test_parse("limit=1001", &q);
    assert_int_equal(q.limit, ACM_MAX_STATUS_JSON);
}


/* What a link says is what was asked for. */

static void
test_query_text(void **state)
{
    acm_buf_t           b;
    acm_status_query_t  q, r;

    static const char  args[] = "q=a%26b%22%3c&status=STUCK&type=IMPORTED&"
                                "sort=expiry&issuer=x%20y&expires=36h&"
                                "limit=9";

    (void) state;

    acm_status_query(args, sizeof(args) - 1, &q);
    acm_buf_init(&b, ACM_MAX_STATUS_ARGS);
    acm_status_query_text(&q, &b);
    test_ok(acm_buf_rc(&b));
    acm_status_query((char *) b.data, b.len, &r);
    assert_memory_equal(&q, &r, sizeof(q));
    acm_buf_free(&b);
}


static void
test_where(void **state)
{
    size_t              i;
    acm_status_where_t  w;

    static const struct {
        const char  *path;
        size_t       base;
        acm_page_e   page;
        const char  *home;
    } t[] = {
        { "/status", 7, ACM_PAGE_HOME, "./status/" },
        { "/status/", 7, ACM_PAGE_HOME, "./" },
        { "/status/", 8, ACM_PAGE_HOME, "./" },
        { "/a/status", 9, ACM_PAGE_HOME, "./status/" },
        { "/", 1, ACM_PAGE_HOME, "./" },
        { "/a b", 4, ACM_PAGE_HOME, "./" },
        { "/a\"<>", 5, ACM_PAGE_HOME, "./" },
        { "/status/certificates", 7, ACM_PAGE_LIST, "./" },
        { "/status/certificates", 8, ACM_PAGE_LIST, "./" },
        { "/status/certificates", 0, ACM_PAGE_LIST, "./" },
        { "/certificates", 13, ACM_PAGE_HOME, "./certificates/" },
        { "/certificates", 1, ACM_PAGE_LIST, "./" },
        { "/certificates/certificates", 13, ACM_PAGE_LIST, "./" },
        { "/status/certificate/", 7, ACM_PAGE_NONE, "../" },
        { "/status/certificate/x", 7, ACM_PAGE_NONE, "../" },
        { "/status/certificate/00000000-0000-4000-8000-00000000000A", 7,
          ACM_PAGE_NONE, "../" },
        { "/status/certificate/00000000-0000-4000-8000-00000000000a", 7,
          ACM_PAGE_CERT, "../" },
        { "/status/certificate/00000000-0000-4000-8000-00000000000a/", 7,
          ACM_PAGE_HOME, "./" }
    };

    (void) state;

    for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        acm_status_where(t[i].path, strlen(t[i].path), t[i].base, &w);

        if (w.page != t[i].page || strcmp(w.home, t[i].home) != 0) {
            fail_msg("%s: %d %s", t[i].path, w.page, w.home);
        }
    }
}


static void
test_accept(void **state)
{
    size_t  i;

    static const struct {
        const char    *accept;
        acm_format_e   format;
    } t[] = {
        { "", ACM_FORMAT_JSON },
        { "*/*", ACM_FORMAT_JSON },
        { "text/html", ACM_FORMAT_HTML },
        { "TEXT/HTML;q=0.5", ACM_FORMAT_HTML },
        { "text/html;q=0", ACM_FORMAT_JSON },
        { "text/html;q=0.000", ACM_FORMAT_JSON },
        { "application/json", ACM_FORMAT_JSON },
        { "application/json, text/html", ACM_FORMAT_HTML },
        { "application/json, text/html;q=0.9", ACM_FORMAT_JSON },
        { "text/html; q=0.8,application/json; q=0.75", ACM_FORMAT_HTML },
        { "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
          ACM_FORMAT_HTML },
        { "text/htmlx", ACM_FORMAT_JSON },
        { ",,;,text/html", ACM_FORMAT_HTML },
        { "text/html;q=", ACM_FORMAT_JSON },
        { "image/webp, */*", ACM_FORMAT_JSON }
    };

    (void) state;

    for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        if (acm_status_accept(t[i].accept, strlen(t[i].accept))
            != t[i].format)
        {
            fail_msg("%s", t[i].accept);
        }
    }
}


static acm_store_t *
test_store(size_t n)
{
    acm_err_t          err;
    acm_store_t       *store;
    acm_store_conf_t   conf;

    memset(&conf, 0, sizeof(conf));
    conf.create = 1;
    conf.map_size = 512 << 20;

    test_ok(acm_store_mem_open(&conf, &store, &err));
    test_ok(shown_store(store, 0, n, NOW, 0, &err));

    return store;
}


/* Pages through all of a query; returns how many rows there were, each at
   most once, and how many pages. */

static size_t
test_pages(acm_store_t *store, const char *args, size_t scan, size_t *pages)
{
    size_t               i, n;
    json_t              *list, *rows, *seen;
    acm_err_t            err;
    acm_snap_t          *snap;
    const char          *arn, *next, *regions[] = { SHOWN_REGION };
    acm_status_view_t    view;
    acm_status_query_t   q;

    seen = json_object();
    acm_status_query(args, strlen(args), &q);
    assert_string_equal(q.fault, "");
    *pages = 0;
    n = 0;

    for ( ;; ) {
        test_ok(acm_store_begin(store, &snap, &err));
        acm_status_view_init(&view, snap, NOW);
        view.account = SHOWN_ACCOUNT;
        view.regions = regions;
        view.nregions = 1;
        view.scan = scan;
        list = acm_status_list(&view, &q);
        acm_store_end(snap);

        assert_non_null(list);
        (*pages)++;
        rows = acm_json_array(list, "Certificates");
        assert_true(json_array_size(rows) <= q.limit);

        for (i = 0; i < json_array_size(rows); i++, n++) {
            arn = acm_json_string(json_array_get(rows, i), "CertificateArn");
            assert_non_null(arn);
            assert_null(json_object_get(seen, arn));
            json_object_set_new(seen, arn, json_true());
        }

        assert_true(json_integer_value(json_object_get(list, "Looked"))
                    <= (json_int_t) scan);

        next = acm_json_string(list, "Next");
        q.after_len = 0;

        if (next != NULL) {
            assert_true(strlen(next) <= ACM_MAX_STATUS_CURSOR);
            q.after_len = strlen(next);
            memcpy(q.after, next, q.after_len);
        }

        json_decref(list);

        if (q.after_len == 0) {
            json_decref(seen);
            return n;
        }
    }
}


static size_t
test_expected(size_t n, const acm_status_query_t *q)
{
    char        names[3][128], *list[3];
    size_t      i, found;
    acm_cert_t  c;

    for (i = 0, found = 0; i < n; i++) {
        shown_cert(&c, i, NOW, 0, names, list);

        found += (!q->stuck || acm_status_stuck(&c, NOW))
                 && (!q->status || q->status == c.status)
                 && (!q->type || q->type == c.type)
                 && (!q->expires
                     || (c.not_after && c.not_after <= NOW + q->expires))
                 && (!*q->issuer || strstr(c.issuer, q->issuer) != NULL)
                 && (!*q->q || strstr(c.names[0], q->q) != NULL
                     || (c.nnames > 1 && strstr(c.names[1], q->q) != NULL)
                     || (c.nnames > 2 && strstr(c.names[2], q->q) != NULL));
    }

    return found;
}


/* Every sort and filter finds each certificate once, however the pages are
   cut, and the same ones. */

static void
test_lists(void **state)
{
    char                 args[160];
    size_t               i, j, k, pages, n, expected;
    acm_store_t         *store;
    acm_status_query_t   q;

    static const char *const  sorts[] = {
        "", "&sort=attention", "&sort=expiry", "&sort=name", "&sort=store"
    };

    static const char *const  filters[] = {
        "", "&status=STUCK", "&status=PENDING_VALIDATION", "&type=IMPORTED",
        "&issuer=other", "&expires=7d", "&q=shop", "&q=site-7.example",
        "&q=example.net", "&q=site-33.example.net", "&q=nothing",
        "&q=example.com&status=ISSUED"
    };

    static const size_t  scans[] = { 7, ACM_MAX_STATUS_SCAN };

    (void) state;

    acm_ticks_set(1000);
    store = test_store(1000);

    for (i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++) {
        for (j = 0; j < sizeof(filters) / sizeof(filters[0]); j++) {
            for (k = 0; k < 2; k++) {
                snprintf(args, sizeof(args), "limit=%d%s%s", k ? 100 : 9,
                         sorts[i], filters[j]);
                acm_status_query(args, strlen(args), &q);
                expected = test_expected(1000, &q);
                n = test_pages(store, args, scans[k], &pages);

                if (n != expected) {
                    fail_msg("%s: %zu of %zu", args, n, expected);
                }
            }
        }
    }

    assert_int_equal(test_pages(store, "limit=10&sort=expiry", 100000,
                                &pages), 1000);
    assert_true(pages >= 100 && pages <= 101);

    acm_store_close(store);
    acm_ticks_set(-1);
}


/* So much is due that the list goes on by expiry before all of it is read:
   each certificate is there once all the same. */

static void
test_due(void **state)
{
    char          names[3][128], *list[3];
    size_t        i, n, pages;
    acm_err_t     err;
    acm_cert_t    c;
    acm_batch_t   batch;
    acm_store_t  *store;

    (void) state;

    acm_ticks_set(1000);
    store = test_store(0);
    n = ACM_MAX_STATUS_DUE + 1000;

    for (i = 0; i < n; i++) {
        shown_cert(&c, i, NOW, 0, names, list);
        c.due_at = NOW + (int64_t) i / 2000;
        c.due = (i % 5 == 1) ? ACM_DUE_ARI : ACM_DUE_RENEW;

        acm_batch_init(&batch);
        shown_put(&batch, &c);
        test_ok(acm_store_commit(store, &batch, &err));
        acm_batch_free(&batch);
    }

    assert_int_equal(test_pages(store, "limit=100", ACM_MAX_STATUS_SCAN,
                                &pages), n);
    assert_true(pages <= n / 100 + 3);
    assert_int_equal(test_pages(store, "limit=100", 999, &pages), n);

    acm_store_close(store);
    acm_ticks_set(-1);
}


/* The clock ends a search, too. */

static void
test_time(void **state)
{
    size_t              looked;
    json_t             *list;
    acm_err_t           err;
    acm_snap_t         *snap;
    acm_store_t        *store;
    acm_status_view_t   view;
    acm_status_query_t  q;

    (void) state;

    store = test_store(500);
    acm_ticks_set(1000);
    test_parse("q=nothing", &q);

    test_ok(acm_store_begin(store, &snap, &err));
    acm_status_view_init(&view, snap, NOW);
    view.until = 999;
    list = acm_status_list(&view, &q);
    acm_store_end(snap);

    looked = (size_t) json_integer_value(json_object_get(list, "Looked"));
    assert_true(looked < 64);
    assert_true(json_is_true(json_object_get(list, "Cut")));
    json_decref(list);

    acm_store_close(store);
    acm_ticks_set(-1);
}


/* One with many names takes longer: the clock is looked at after each. */

static void
test_time_names(void **state)
{
    char                 names[ACM_MAX_NAMES][32], *list[ACM_MAX_NAMES];
    char                 other[3][128], *others[3];
    size_t               i, n;
    json_t              *page;
    acm_err_t            err;
    acm_cert_t           cert;
    acm_snap_t          *snap;
    acm_batch_t          batch;
    acm_store_t         *store;
    acm_status_view_t    view;
    acm_status_query_t   q;

    (void) state;

    store = test_store(0);
    acm_batch_init(&batch);

    for (i = 0; i < 10; i++) {
        shown_cert(&cert, i, NOW, 0, other, others);

        for (n = 0; n < ACM_MAX_NAMES; n++) {
            snprintf(names[n], sizeof(names[n]), "n%zu.c%zu.example", n, i);
            list[n] = names[n];
        }

        cert.names = list;
        cert.domain = list[0];
        cert.nnames = ACM_MAX_NAMES;
        shown_put(&batch, &cert);
    }

    test_ok(acm_store_commit(store, &batch, &err));
    acm_batch_free(&batch);
    acm_ticks_set(1000);
    test_parse("sort=store", &q);

    for (n = 0; n < 2; n++) {
        test_ok(acm_store_begin(store, &snap, &err));
        acm_status_view_init(&view, snap, NOW);
        view.until = n ? 1000 : 999;
        page = acm_status_list(&view, &q);
        acm_store_end(snap);

        /* there is always one, and none is missing if there is time */

        assert_int_equal(json_array_size(acm_json_array(page,
                                                        "Certificates")),
                         n ? 10 : 1);
        assert_int_equal(json_is_true(json_object_get(page, "Cut")), n == 0);
        json_decref(page);
    }

    acm_store_close(store);
    acm_ticks_set(-1);
}


/* What is stuck comes first, and a cursor that is none begins anew. */

static void
test_first(void **state)
{
    size_t              i;
    json_t             *list, *rows;
    acm_err_t           err;
    acm_snap_t         *snap;
    acm_store_t        *store;
    acm_status_view_t   view;
    acm_status_query_t  q;

    static const char *const  cursors[] = {
        "", "x", "d", "d000000000000zzzz", "d0000000000000000",
        "d00000000000000000000000000000000zz", "d" ZEROS "zz",
        "z" ZEROS, "e" ZEROS "0", "D" ZEROS, "d-" ZEROS, "d" ZEROS "x"
    };

    (void) state;

    store = test_store(400);

    for (i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
        test_parse("limit=10", &q);
        q.after_len = strlen(cursors[i]);
        memcpy(q.after, cursors[i], q.after_len);

        test_ok(acm_store_begin(store, &snap, &err));
        acm_status_view_init(&view, snap, NOW);
        list = acm_status_list(&view, &q);
        acm_store_end(snap);

        rows = acm_json_array(list, "Certificates");
        assert_int_equal(json_array_size(rows), 10);
        assert_string_equal(acm_json_string(json_array_get(rows, 9),
                                            "State"), "stuck");
        assert_non_null(acm_json_string(json_array_get(rows, 9),
                                        "WhatToDo"));
        json_decref(list);
    }

    acm_store_close(store);
}


static void
test_overview(void **state)
{
    json_t             *o, *counts, *one;
    acm_rc_t            rc;
    acm_err_t           err;
    acm_snap_t         *snap;
    acm_store_t        *store;
    acm_store_stat_t    stat;
    acm_status_view_t   view;
    const char         *regions[] = { SHOWN_REGION };
    char                uuid[ACM_UUID_LEN + 1];

    (void) state;

    store = test_store(800);
    test_ok(acm_store_stat(store, &stat, &err));
    test_ok(acm_store_begin(store, &snap, &err));
    acm_status_view_init(&view, snap, NOW);
    o = acm_status_overview(&view, &stat);

    counts = acm_json_object(o, "Counts");
    assert_int_equal(json_integer_value(json_object_get(counts,
                                                        "Certificates")),
                     800);
    assert_true(json_integer_value(json_object_get(counts,
                                                   "ExpiresIn7Days")) > 0);
    assert_int_equal(json_array_size(acm_json_array(
                         acm_json_object(o, "Stuck"), "Certificates")),
                     ACM_STATUS_STUCK);
    assert_int_equal(json_array_size(acm_json_array(
                         acm_json_object(o, "ExpiresNext"), "Certificates")),
                     ACM_STATUS_NEXT);
    json_decref(o);

    /* one of them: among ours, and where nobody says whose it is */

    shown_uuid(50, uuid);
    view.account = SHOWN_ACCOUNT;
    view.regions = regions;
    view.nregions = 1;
    test_ok(acm_status_cert(&view, uuid, &one, &err));
    assert_string_equal(acm_json_string(one, "State"), "pending");
    assert_non_null(acm_json_array(one, "History"));
    json_decref(one);

    view.nregions = 0;
    test_ok(acm_status_cert(&view, uuid, &one, &err));
    json_decref(one);

    view.scan = 1;
    shown_uuid(799, uuid);
    rc = acm_status_cert(&view, uuid, &one, &err);
    assert_int_equal(rc, ACM_NOTFOUND);

    acm_store_end(snap);
    acm_store_close(store);
}


/* Each failure of memory gives nothing, and leaks nothing. */

static void
test_memory(void **state)
{
    json_t             *o;
    acm_err_t           err;
    acm_snap_t         *snap;
    acm_store_t        *store;
    unsigned long       n;
    acm_store_stat_t    stat;
    acm_status_view_t   view;

    (void) state;

    store = test_store(30);
    test_ok(acm_store_stat(store, &stat, &err));

    for (n = 1; n < 200; n++) {
        test_ok(acm_store_begin(store, &snap, &err));
        acm_status_view_init(&view, snap, NOW);
        acm_alloc_fail_at(n);
        o = acm_status_overview(&view, &stat);
        acm_alloc_fail_at(0);
        acm_store_end(snap);
        json_decref(o);
    }

    acm_store_close(store);
}


static size_t
test_ending(acm_store_t *store, const char *cursor)
{
    size_t              n;
    json_t             *list;
    acm_err_t           err;
    acm_snap_t         *snap;
    acm_status_view_t   view;
    acm_status_query_t  q;

    test_parse("expires=30d", &q);
    q.after_len = strlen(cursor);
    memcpy(q.after, cursor, q.after_len);

    test_ok(acm_store_begin(store, &snap, &err));
    acm_status_view_init(&view, snap, NOW);
    list = acm_status_list(&view, &q);
    acm_store_end(snap);

    n = json_array_size(acm_json_array(list, "Certificates"));
    json_decref(list);

    return n;
}


/* To a list that is begun at the end of all times everything comes to its end
   soon. */

static void
test_future(void **state)
{
    size_t        n;
    char          cursor[ACM_MAX_STATUS_CURSOR + 1];
    acm_store_t  *store;

    (void) state;

    store = test_store(400);
    n = test_ending(store, "");
    assert_in_range(n, 1, 400);

    snprintf(cursor, sizeof(cursor), "e%016" PRIx64 "%s", INT64_MAX,
             &ZEROS[16]);
    assert_in_range(test_ending(store, cursor), n, 400);

    acm_store_close(store);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_query_text),
        cmocka_unit_test(test_where),
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_due),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_time_names),
        cmocka_unit_test(test_future),
        cmocka_unit_test(test_first),
        cmocka_unit_test(test_overview),
        cmocka_unit_test(test_memory)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
