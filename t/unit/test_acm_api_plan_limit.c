
/*
 * Copyright (C) The ngx_acm authors
 *
 * How much a search by indices reads: each limit at it, and past it.
 */


#include "test_plan.h"


/* what a call reads: calls of the back end for certificates, and for ends */

static const acm_store_ops_t  *test_ops;
static size_t                  test_reads;
static size_t                  test_ends;


static acm_rc_t
test_get(acm_store_t *store, acm_db_e db, acm_entry_t *entry)
{
    test_reads += (db == ACM_DB_CERTIFICATE);
    return test_ops->get(store, db, entry);
}


static acm_rc_t
test_seek(acm_store_t *store, acm_db_e db, acm_entry_t *entry)
{
    test_ends += (db == ACM_DB_EXPIRY);
    return test_ops->seek(store, db, entry);
}


static acm_rc_t
test_next(acm_store_t *store, acm_db_e db, acm_entry_t *entry)
{
    test_reads += (db == ACM_DB_CERTIFICATE);
    return test_ops->next(store, db, entry);
}


/* The first page: how many certificates are read one by one, found or not; a
   walk over all reads as many as there are. */

static size_t
test_count(test_api_t *t, const char *body, int more)
{
    json_t  *json;

    test_reads = 0;
    test_ends = 0;
    json = test_api_ok(t, "SearchCertificates", body);
    assert_int_equal(json_object_get(json, "NextToken") != NULL, more);
    json_decref(json);

    return test_reads;
}


/* An Or of n names that nobody has; 15 go into one list. */

static const char *
test_names(unsigned n)
{
    unsigned     i;
    static char  body[16384];

    snprintf(body, sizeof(body), "{'FilterStatement': {'Or': [");

    for (i = 0; i < n; i++) {
        snprintf(body + strlen(body), sizeof(body) - strlen(body),
                 "%s{'Filter': {'X509AttributeFilter': {'Subject':"
                 " {'CommonName': {'ComparisonOperator': 'EQUALS', 'Value':"
                 " 'none%u.example.com'}}}}}",
                 (i == 0) ? "{'Or': [" : (i % 15 == 0) ? "]}, {'Or': [" : ", ",
                 i);
    }

    snprintf(body + strlen(body), sizeof(body) - strlen(body), "]}]}}");

    return body;
}


/* Each limit at it, and one past it. */

static void
test_limits(void **state)
{
    size_t           own, odd;
    unsigned         i;
    test_api_t       t;
    acm_store_ops_t  ops;

    static const char  failed[] = "'FilterStatement': {'Filter':"
        " {'AcmCertificateMetadataFilter': {'Status': 'FAILED'}}}";
    static char  by[3][256];

    (void) state;

    test_seed = 4;
    test_api_start(&t);

    /* all of one account, all issued but for one that failed */

    for (own = 0; own < 200; own++) {
        test_new(&test_certs[own], 0);
        snprintf(test_certs[own].cert.uuid, ACM_UUID_LEN + 1,
                 "%08zx-0000-4000-8000-000000000000", own << 20);
        test_certs[own].cert.status = (own == 7) ? ACM_STATUS_FAILED
                                                 : ACM_STATUS_ISSUED;
        test_certs[own].cert.version = (own != 7);
        test_certs[own].cert.not_after = (own == 7) ? 0 : TEST_START + 9;
        test_put(&t, NULL, &test_certs[own].cert, 0);
    }

    test_ops = t.store->ops;
    ops = *test_ops;
    ops.get = test_get;
    ops.seek = test_seek;
    ops.next = test_next;
    t.store->ops = &ops;

    /* ranges: one of each name, and one of what is not found by its names */

    odd = test_count(&t, test_names(ACM_MAX_RANGES - 1), 0);
    assert_in_range(odd, 1, own / 2);
    assert_int_equal(test_count(&t, test_names(ACM_MAX_RANGES), 0), own);

    for (i = 0; i < 3; i++) {
        snprintf(by[i], sizeof(by[i]), "{%s%s}", failed,
                 (i == 0) ? "" : (i == 1) ? ", 'SortBy': 'CREATED_AT'"
                                          : ", 'SortBy': 'TYPE'");
    }

    /* candidates: one is a certificate */

    test_junk(&t, ACM_DB_STATE, ACM_MAX_SCAN - 1, 0);
    assert_int_equal(test_count(&t, by[0], 0), ACM_MAX_SCAN + 1);
    assert_int_equal(test_count(&t, by[1], 0), ACM_MAX_SCAN + 1);

    /* what is past it is on another page, or found in the order of an index */

    test_junk(&t, ACM_DB_STATE, ACM_MAX_SCAN, 0);
    assert_int_equal(test_count(&t, by[0], 1), ACM_MAX_SCAN + 1);
    assert_int_equal(test_count(&t, by[1], 0), own + 1);

    test_junk(&t, ACM_DB_STATE, ACM_MAX_PLAN - 1, 0);
    assert_int_equal(test_count(&t, by[2], 0), ACM_MAX_PLAN + 1);
    test_junk(&t, ACM_DB_STATE, ACM_MAX_PLAN, 0);
    assert_int_equal(test_count(&t, by[2], 0), own + 1);

    t.store->ops = test_ops;
    test_api_stop(&t);
}


static acm_rc_t
test_no_begin(acm_store_t *store, acm_err_t *err)
{
    (void) store;

    return acm_fail(err, ACM_BUSY, "no reader is free");
}


/* A store that cannot be read when a search goes on. */

static void
test_unread(void **state)
{
    char             body[512];
    json_t          *json;
    size_t           n;
    test_api_t       t;
    acm_store_ops_t  ops;

    static const char  failed[] = "'FilterStatement': {'Filter':"
        " {'AcmCertificateMetadataFilter': {'Status': 'FAILED'}}}";

    (void) state;

    test_seed = 7;
    test_api_start(&t);

    for (n = 0; n < 3; n++) {
        test_new(&test_certs[n], 0);
        test_certs[n].cert.status = ACM_STATUS_FAILED;
        test_certs[n].cert.version = 0;
        test_certs[n].cert.not_after = 0;
        test_put(&t, NULL, &test_certs[n].cert, 0);
    }

    snprintf(body, sizeof(body), "{%s, 'MaxResults': 1}", failed);
    json = test_api_ok(&t, "SearchCertificates", body);
    snprintf(body, sizeof(body), "{%s, 'MaxResults': 1, 'NextToken': '%s'}",
             failed, json_string_value(json_object_get(json, "NextToken")));
    json_decref(json);

    test_ops = t.store->ops;
    ops = *test_ops;
    ops.begin = test_no_begin;
    t.store->ops = &ops;
    t.quiet = 1;

    json = test_api(&t, "SearchCertificates", body);
    assert_int_equal(t.status, 503);
    json_decref(json);

    t.store->ops = test_ops;
    json = test_api_ok(&t, "SearchCertificates", body);
    assert_int_equal(json_array_size(json_object_get(json, "Results")), 1);
    json_decref(json);

    test_api_stop(&t);
}


/* Of what others have a page reads so much, too. */

static void
test_foreign(void **state)
{
    unsigned         i, n;
    test_api_t       t;
    acm_store_ops_t  ops;

    static const char  body[] = "{'SortBy': 'NOT_AFTER', 'MaxResults': 5}";

    (void) state;

    test_seed = 5;
    test_api_start(&t);

    for (n = 0; n < 4; n++) {
        test_new(&test_certs[n], 0);
        test_certs[n].cert.status = ACM_STATUS_ISSUED;
        test_certs[n].cert.version = 1;
        test_certs[n].cert.not_after = TEST_START + 9;
        test_put(&t, NULL, &test_certs[n].cert, 0);
    }

    test_ops = t.store->ops;
    ops = *test_ops;
    ops.get = test_get;
    ops.seek = test_seek;
    ops.next = test_next;
    t.store->ops = &ops;

    /* 4 * 4 * 4 is more than 4 * 5, and not more than 4 * 16 */

    for (i = 0; i < 2; i++) {
        (void) test_count(&t, i ? "{'SortBy': 'NOT_AFTER', 'MaxResults': 16}"
                                : "{'SortBy': 'NOT_AFTER', 'MaxResults': 15}",
                          0);
        assert_int_equal(test_ends == 0, i);
    }

    test_junk(&t, ACM_DB_EXPIRY, ACM_MAX_PLAN - 5, TEST_START);
    (void) test_count(&t, body, 0);
    assert_int_equal(test_ends, ACM_MAX_PLAN);
    test_junk(&t, ACM_DB_EXPIRY, ACM_MAX_PLAN - 4, TEST_START);
    (void) test_count(&t, body, 1);
    assert_int_equal(test_ends, ACM_MAX_PLAN);

    t.store->ops = test_ops;
    test_api_stop(&t);
}


static acm_rc_t
test_damaged(acm_store_t *store, acm_db_e db, acm_entry_t *entry)
{
    if (db == ACM_DB_CERTIFICATE && entry->key_len > ACM_UUID_LEN
        && memcmp(entry->key + entry->key_len - ACM_UUID_LEN,
                  test_certs[3].cert.uuid, ACM_UUID_LEN) == 0)
    {
        return ACM_CORRUPT;
    }

    return test_ops->get(store, db, entry);
}


/* One that is seen in a walk and cannot be read then is not shown, and hides
   no other: in the order of UUIDs, in that of an index, and in another. */

static void
test_hidden(void **state)
{
    char             body[512];
    json_t          *json;
    size_t           i, n, pages;
    test_api_t       t;
    acm_store_ops_t  ops;
    const char      *next;

    static const char *const  sorts[] = {
        "", ", 'SortBy': 'CREATED_AT'", ", 'SortBy': 'NOT_AFTER'",
        ", 'SortBy': 'COMMON_NAME'"
    };

    (void) state;

    test_seed = 6;
    test_api_start(&t);

    for (n = 0; n < 10; n++) {
        test_new(&test_certs[n], 0);
        test_put(&t, NULL, &test_certs[n].cert, 0);
    }

    test_ops = t.store->ops;
    ops = *test_ops;
    ops.get = test_damaged;
    t.store->ops = &ops;

    for (i = 0; i < 4; i++) {
        snprintf(body, sizeof(body), "{'MaxResults': 3%s}", sorts[i]);
        n = 0;
        pages = 0;

        do {
            json = test_api_ok(&t, "SearchCertificates", body);
            n += json_array_size(json_object_get(json, "Results"));
            next = json_string_value(json_object_get(json, "NextToken"));
            snprintf(body, sizeof(body), "{'MaxResults': 3%s, 'NextToken':"
                     " '%s'}", sorts[i], next ? next : "");
            pages++;
            json_decref(json);
        } while (strstr(body, "''") == NULL);

        assert_int_equal(n, 9);
        assert_in_range(pages, 3, 4);
    }

    t.store->ops = test_ops;
    test_api_stop(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_unread),
        cmocka_unit_test(test_hidden)
    };

    return cmocka_run_group_tests_name("acm_api_plan_limit", tests, NULL,
                                       NULL);
}
