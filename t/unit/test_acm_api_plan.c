
/*
 * Copyright (C) The ngx_acm authors
 *
 * What SearchCertificates and ListCertificates find by way of indices is what
 * a walk over all certificates finds, in the same order: for filters, orders
 * and pages made at random.
 */


#include <strings.h>

#include "test_plan.h"


#define TEST_ROUNDS  1500


static void
test_fill(test_api_t *t, int older)
{
    unsigned  n;

    for (n = 0; n < TEST_CERTS; n++) {
        test_new(&test_certs[n], n);
        test_put(t, NULL, &test_certs[n].cert, older);
    }
}


static json_t *
test_name_filter(void)
{
    char      name[64];
    unsigned  n;
    json_t   *value;

    test_host(name);
    n = test_dice(4);

    if (n == 0) {
        name[1 + test_dice(3)] ^= ' ';
    }

    value = json_pack("{s:s, s:s}", "ComparisonOperator",
                      (n == 1) ? "CONTAINS" : "EQUALS", "Value",
                      (n == 1) ? name + test_dice(4) : name);

    return (test_dice(2) == 0)
           ? json_pack("{s:{s:{s:{s:o}}}}", "Filter", "X509AttributeFilter",
                       "Subject", "CommonName", value)
           : json_pack("{s:{s:{s:{s:o}}}}", "Filter", "X509AttributeFilter",
                       "SubjectAlternativeName", "DnsName", value);
}


static json_t *
test_filter(void)
{
    json_t  *range;

    switch (test_dice(7)) {

    case 0:
    case 1:
        return test_name_filter();

    case 2:
        range = json_object();

        if (test_dice(4) != 0) {
            json_object_set_new(range, "Start",
                                json_real(TEST_START - 12.5
                                          + test_dice(90) / 2.0));
        }

        if (test_dice(4) != 0) {
            json_object_set_new(range, "End",
                                json_real(TEST_START - 12.5
                                          + test_dice(90) / 2.0));
        }

        return json_pack("{s:{s:{s:o}}}", "Filter", "X509AttributeFilter",
                         "NotAfter", range);

    case 3:
        return json_pack("{s:{s:{s:s}}}", "Filter", "X509AttributeFilter",
                         "KeyAlgorithm",
                         acm_api_key((acm_key_e) (1 + test_dice(7))));

    case 4:
        return json_pack("{s:{s:{s:s}}}", "Filter",
                         "AcmCertificateMetadataFilter", "Type",
                         acm_type_text((acm_type_e) (1 + test_dice(3))));

    default:
        return json_pack("{s:{s:{s:s}}}", "Filter",
                         "AcmCertificateMetadataFilter", "Status",
                         acm_status_text((acm_status_e)
                                         (1 + test_dice(7))));
    }
}


static json_t *
test_statement(unsigned depth)
{
    json_t    *list;
    unsigned   i, n;

    n = (depth == 0) ? 9 : test_dice(10);

    if (n == 0) {
        return json_pack("{s:o}", "Not", test_statement(depth - 1));
    }

    if (n > 5) {
        return test_filter();
    }

    list = json_array();

    for (i = 1 + test_dice(4); i > 0; i--) {
        json_array_append_new(list, test_statement(depth - 1));
    }

    return json_pack("{s:o}", (n > 2) ? "And" : "Or", list);
}


/* What is found by one filter is wanted twice. */

static json_t *
test_again(void)
{
    json_t  *filter;

    filter = test_filter();

    return json_pack("{s:[{s:[O, o]}, o]}", "And", "Or", filter,
                     test_filter(), filter);
}


/* the same as the module says it, in other words */

static const char *
test_status_of(const test_api_t *t, const acm_cert_t *c)
{
    return (c->status == ACM_STATUS_ISSUED && c->not_after != 0
            && c->not_after <= t->now)
           ? "EXPIRED" : acm_status_text(c->status);
}


static int
test_text_is(const json_t *filter, const char *text)
{
    const char  *value;

    value = json_string_value(json_object_get(filter, "Value"));

    return (strcmp(json_string_value(json_object_get(filter,
                                                     "ComparisonOperator")),
                   "EQUALS") == 0)
           ? strcasecmp(text, value) == 0 : strcasestr(text, value) != NULL;
}


static int
test_filter_is(const test_api_t *t, const json_t *filter,
    const acm_cert_t *c)
{
    int           ok;
    size_t        i;
    const char   *name;
    json_t       *x, *end, *start;

    x = json_object_get(filter, "AcmCertificateMetadataFilter");

    if (x != NULL) {
        name = json_string_value(json_object_get(x, "Status"));

        return (name != NULL)
               ? strcmp(name, test_status_of(t, c)) == 0
               : strcmp(json_string_value(json_object_get(x, "Type")),
                        acm_type_text(c->type)) == 0;
    }

    x = json_object_get(filter, "X509AttributeFilter");
    name = json_string_value(json_object_get(x, "KeyAlgorithm"));

    if (name != NULL) {
        return strcmp(name, acm_api_key(c->key)) == 0;
    }

    if (json_object_get(x, "NotAfter") != NULL) {
        start = json_object_get(json_object_get(x, "NotAfter"), "Start");
        end = json_object_get(json_object_get(x, "NotAfter"), "End");

        return c->not_after != 0
               && !(start != NULL
                    && json_real_value(start) > (double) c->not_after)
               && !(end != NULL
                    && json_real_value(end) < (double) c->not_after);
    }

    if (json_object_get(x, "Subject") != NULL) {
        return test_text_is(json_object_get(json_object_get(x, "Subject"),
                                            "CommonName"), c->domain);
    }

    ok = 0;
    x = json_object_get(json_object_get(x, "SubjectAlternativeName"),
                        "DnsName");

    for (i = 0; i < c->nnames; i++) {
        ok |= test_text_is(x, c->names[i]);
    }

    return ok;
}


static int
test_is_met(const test_api_t *t, const json_t *statement, const acm_cert_t *c)
{
    int      all, any, one;
    size_t   i;
    json_t  *list;

    if (statement == NULL) {
        return 1;
    }

    if (json_object_get(statement, "Filter") != NULL) {
        return test_filter_is(t, json_object_get(statement, "Filter"), c);
    }

    if (json_object_get(statement, "Not") != NULL) {
        return !test_is_met(t, json_object_get(statement, "Not"), c);
    }

    list = json_object_get(statement, "And");
    list = (list != NULL) ? list : json_object_get(statement, "Or");

    for (all = 1, any = 0, i = 0; i < json_array_size(list); i++) {
        one = test_is_met(t, json_array_get(list, i), c);
        all &= one;
        any |= one;
    }

    return json_object_get(statement, "And") != NULL ? all : any;
}


static const char  *test_by;
static int          test_falling;
static test_api_t  *test_now;


static int
test_order(const void *a, const void *b)
{
    int                order;
    const acm_cert_t  *c, *d;

    c = *(const acm_cert_t *const *) a;
    d = *(const acm_cert_t *const *) b;
    order = 0;

    if (test_by == NULL) {
        return strcmp(c->uuid, d->uuid);
    }

    if (strcmp(test_by, "CREATED_AT") == 0) {
        order = (c->created_at > d->created_at)
                - (c->created_at < d->created_at);

    } else if (strcmp(test_by, "NOT_AFTER") == 0) {
        order = (c->not_after > d->not_after) - (c->not_after < d->not_after);

    } else if (strcmp(test_by, "STATUS") == 0) {
        order = strcmp(test_status_of(test_now, c),
                       test_status_of(test_now, d));

    } else if (strcmp(test_by, "COMMON_NAME") == 0) {
        order = strcmp(c->domain, d->domain);
    }

    if (order == 0) {
        order = strcmp(c->uuid, d->uuid);
    }

    return test_falling ? -order : order;
}


/* Without indices: the UUIDs of all that are met, in order. */

static void
test_expect(test_api_t *t, const json_t *statement, char *text)
{
    size_t             i, n;
    const acm_cert_t  *c, *list[TEST_CERTS];

    for (n = 0, i = 0; i < TEST_CERTS; i++) {
        c = &test_certs[i].cert;

        if (strcmp(c->account, t->caller.account) == 0
            && strcmp(c->region, t->caller.region) == 0
            && test_is_met(t, statement, c))
        {
            list[n++] = c;
        }
    }

    test_now = t;
    qsort(list, n, sizeof(acm_cert_t *), test_order);

    for (text[0] = '\0', i = 0; i < n; i++) {
        memcpy(text, list[i]->uuid, ACM_UUID_LEN);
        memcpy(text + ACM_UUID_LEN, ",", 2);
        text += ACM_UUID_LEN + 1;
    }
}


/* One of them changes, but for what it is found and sorted by here: names and
   the time at which it was made. */

static void
test_change(test_api_t *t)
{
    unsigned     n;
    acm_cert_t   old;

    n = test_dice(TEST_CERTS);
    old = test_certs[n].cert;
    test_status(&test_certs[n].cert);
    test_put(t, &old, &test_certs[n].cert, 0);
}


/* All pages; the names of operations differ, and so do those of members. */

static void
test_pages(test_api_t *t, json_t *body, int list, int changes, char *text)
{
    char          *in;
    size_t         i;
    json_t        *json, *found;
    const char    *next;

    text[0] = '\0';

    for ( ;; ) {
        in = json_dumps(body, 0);
        json = test_api_raw(t, list ? "ListCertificates"
                                    : "SearchCertificates", in, strlen(in));
        assert_string_equal(t->fault, "");
        free(in);

        found = json_object_get(json, list ? "CertificateSummaryList"
                                           : "Results");

        for (i = 0; i < json_array_size(found); i++) {
            next = json_string_value(json_object_get(json_array_get(found, i),
                                                     "CertificateArn"));
            memcpy(text, strrchr(next, '/') + 1, ACM_UUID_LEN);
            memcpy(text + ACM_UUID_LEN, ",", 2);
            text += ACM_UUID_LEN + 1;
        }

        next = json_string_value(json_object_get(json, "NextToken"));

        if (next == NULL) {
            json_decref(json);
            return;
        }

        json_object_set_new(body, "NextToken", json_string(next));
        json_decref(json);

        if (changes) {
            test_change(t);
        }
    }
}


static void
test_caller(test_api_t *t)
{
    unsigned  n;

    n = test_dice(6);
    t->caller.account = (n == 0) ? "210987654321" : TEST_ACCOUNT;
    t->caller.region = (n == 1) ? "us-east-2" : TEST_REGION;
}


static void
test_searches(test_api_t *t, unsigned rounds, int changes)
{
    json_t        *body, *statement;
    unsigned       n;

    static char  found[TEST_MAX_TEXT], wanted[TEST_MAX_TEXT];

    static const char *const  sorts[] = {
        NULL, "CREATED_AT", "COMMON_NAME", "NOT_AFTER", "STATUS", "NOT_AFTER"
    };

    for (n = 0; n < rounds; n++) {
        test_caller(t);
        test_by = sorts[test_dice(changes ? 3 : 6)];
        test_falling = test_dice(2);
        statement = changes ? test_name_filter()
                            : (test_dice(8) == 0) ? NULL
                              : (test_dice(8) == 0) ? test_again()
                                : test_statement(3);

        body = json_pack("{s:i}", "MaxResults",
                         1 + test_dice(test_dice(2) ? 6 : 60));

        if (statement != NULL) {
            json_object_set_new(body, "FilterStatement", statement);
        }

        if (test_by != NULL) {
            json_object_set_new(body, "SortBy", json_string(test_by));
            json_object_set_new(body, "SortOrder",
                                json_string(test_falling ? "DESCENDING"
                                                         : "ASCENDING"));
        }

        test_expect(t, statement, wanted);
        test_pages(t, body, 0, changes, found);

        if (strcmp(found, wanted) != 0) {
            print_error("round %u: %s\n", n, json_dumps(body, 0));
        }

        assert_string_equal(found, wanted);
        json_decref(body);
    }
}


/* Lists of some statuses: an Or of filters. */

static void
test_lists(test_api_t *t, unsigned rounds)
{
    json_t        *body, *list, *statement, *words;
    unsigned       i, n;
    const char    *word;

    static char  found[TEST_MAX_TEXT], wanted[TEST_MAX_TEXT];

    t->conf.all_key_types = 1;

    for (n = 0; n < rounds; n++) {
        test_caller(t);
        test_by = test_dice(2) ? "CREATED_AT" : NULL;
        test_falling = test_dice(2);
        words = json_array();
        list = json_array();

        for (i = 1 + test_dice(3); i > 0; i--) {
            word = acm_status_text((acm_status_e) (1 + test_dice(7)));
            json_array_append_new(words, json_string(word));
            json_array_append_new(list,
                                  json_pack("{s:{s:{s:s}}}", "Filter",
                                            "AcmCertificateMetadataFilter",
                                            "Status", word));
        }

        statement = json_pack("{s:o}", "Or", list);
        body = json_pack("{s:i, s:o}", "MaxItems", 1 + test_dice(20),
                         "CertificateStatuses", words);

        if (test_by != NULL) {
            json_object_set_new(body, "SortBy", json_string(test_by));
            json_object_set_new(body, "SortOrder",
                                json_string(test_falling ? "DESCENDING"
                                                         : "ASCENDING"));
        }

        test_expect(t, statement, wanted);
        test_pages(t, body, 1, 0, found);
        assert_string_equal(found, wanted);
        json_decref(body);
        json_decref(statement);
    }
}


static void
test_random_plans(void **state)
{
    test_api_t  t;

    (void) state;

    test_seed = 1;
    test_api_start(&t);
    test_fill(&t, 0);
    test_searches(&t, TEST_ROUNDS, 0);
    test_lists(&t, TEST_ROUNDS / 10);
    test_searches(&t, TEST_ROUNDS / 10, 1);
    test_searches(&t, TEST_ROUNDS / 10, 0);
    test_api_stop(&t);
}


/* A store that an older version wrote: entries are missing. */

static void
test_older(void **state)
{
    test_api_t  t;

    (void) state;

    test_seed = 2;
    test_api_start(&t);
    test_fill(&t, 1);
    test_searches(&t, TEST_ROUNDS / 10, 0);
    test_lists(&t, TEST_ROUNDS / 10);
    test_api_stop(&t);
}


/* More candidates than a plan reads, and more of others than a page reads:
   pages are short, and nothing is missed. */

static void
test_crowded(void **state)
{
    test_api_t  t;

    (void) state;

    test_seed = 3;
    test_api_start(&t);
    test_fill(&t, 0);
    test_junk(&t, ACM_DB_STATE, ACM_MAX_SCAN + 1, 0);
    test_searches(&t, TEST_ROUNDS / 30, 0);
    test_lists(&t, TEST_ROUNDS / 30);
    test_junk(&t, ACM_DB_EXPIRY, ACM_MAX_PLAN + 1, TEST_START + 5);
    test_searches(&t, TEST_ROUNDS / 30, 0);
    test_api_stop(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_random_plans),
        cmocka_unit_test(test_older),
        cmocka_unit_test(test_crowded)
    };

    return cmocka_run_group_tests_name("acm_api_plan", tests, NULL, NULL);
}
