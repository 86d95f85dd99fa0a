
/*
 * Copyright (C) The ngx_acm authors
 *
 * Documents that are refused, and limits.
 */


#include "test.h"
#include "test_policy.h"


typedef struct {
    const char  *text;
    const char  *error;
} test_bad_t;


#define TEST_BAD(rest)  "{'Version':'2012-10-17','Statement':[{'Effect':"     \
                        "'Deny','Action':'*','Resource':'*'},{" rest "}]}"
#define TEST_BAD_COND(c)                                                      \
    TEST_BAD("'Effect':'Allow','Action':'*','Resource':'*','Condition':" c)


static const test_bad_t  test_bads[] = {
    { "", "policy \"p\": no valid JSON" },
    { "[]", "policy \"p\": no JSON object" },
    { "{", "no valid JSON at line 1" },
    { "{}", "policy \"p\": Statement is missing" },
    { "{'Statement':[]}", "0 statements, 1 to 160" },
    { "{'Statement':'x'}", "Statement is missing, or neither" },
    { "{'Statements':[]}", "unknown member \"Statements\"" },
    { "{'Version':'2012-10-18','Statement':[]}", "write \"2012-10-17\"" },
    { "{'Version':2012,'Statement':[]}", "write \"2012-10-17\"" },
    { "{'Statement':[1]}", "policy \"p\", statement 1: is no object" },
    { TEST_BAD("'Effect':'allow','Action':'*','Resource':'*'"),
      "policy \"p\", statement 2: Effect must be" },
    { TEST_BAD("'Action':'*','Resource':'*'"), "Effect must be" },
    { TEST_BAD("'Effect':'Allow','Resource':'*'"),
      "statement 2: neither Action and NotAction" },
    { TEST_BAD("'Effect':'Allow','Action':'*','NotAction':'*',"
               "'Resource':'*'"), "both Action and NotAction" },
    { TEST_BAD("'Effect':'Allow','Action':'*'"),
      "neither Resource and NotResource" },
    { TEST_BAD("'Effect':'Allow','Action':'*','Resource':'*',"
               "'NotResource':'*'"), "both Resource and NotResource" },
    { TEST_BAD("'Effect':'Allow','Action':[],'Resource':'*'"),
      "Action must be a text or a list of 1 to" },
    { TEST_BAD("'Effect':'Allow','NotAction':[1],'Resource':'*'"),
      "NotAction must be a text" },
    { TEST_BAD("'Effect':'Allow','Action':{},'Resource':'*'"),
      "Action must be a text" },
    { TEST_BAD("'Effect':'Allow','Action':'GetCertificate',"
               "'Resource':'*'"), "does not begin with a service" },
    { TEST_BAD("'Effect':'Allow','Action':'a*:Get','Resource':'*'"),
      "does not begin with a service" },
    { TEST_BAD("'Effect':'Allow','Action':'acm:','Resource':'*'"),
      "has no operation" },
    { TEST_BAD("'Effect':'Allow','Action':'acm:Get ','Resource':'*'"),
      "has no operation" },
    { TEST_BAD("'Effect':'Allow','Action':'acm:${aws:username}',"
               "'Resource':'*'"), "has no operation" },
    { TEST_BAD("'Effect':'Allow','Action':'*','Resource':'certificate/*'"),
      "neither \"*\" nor an ARN" },
    { TEST_BAD("'Effect':'Allow','Action':'*','Resource':''"),
      "neither \"*\" nor an ARN" },
    { TEST_BAD("'Effect':'Allow','Action':'*','Resource':'arn:aws:acm:us-\\n"
               "east-1:1:certificate/x'"), "white space" },
    { TEST_BAD("'Effect':'Allow','Action':'*','Resource':"
               "'arn:aws:acm:us-east-1:${aws:username}:certificate/x'"),
      "before its fifth colon" },
    { TEST_BAD("'Effect':'Allow','Action':'*','Resource':"
               "'" TEST_CERT "${aws:username'"),
      "does not begin with a variable" },
    { TEST_BAD("'Effect':'Allow','Action':'*','Resource':"
               "'" TEST_CERT "${username}'"),
      "does not begin with a variable" },
    { TEST_BAD("'Effect':'Allow','Action':'*','Resource':'" TEST_CERT
               "${aws:username, x}'"), "is written like" },
    { TEST_BAD("'Effect':'Allow','Action':'*','Resource':'*',"
               "'Principal':'*'"), "Principal is for policies of resources" },
    { TEST_BAD("'Effect':'Allow','Action':'*','Resource':'*',"
               "'condition':{}"), "unknown member \"condition\"" },
    { TEST_BAD("'Sid':'a b','Effect':'Allow','Action':'*','Resource':'*'"),
      "Sid must be" },
    { TEST_BAD("'Effect':'Allow','Effect':'Deny','Action':'*'"),
      "no valid JSON" },
    { "{'Statement':[{'Sid':'a','Effect':'Allow','Action':'*',"
      "'Resource':'*'},{'Sid':'a','Effect':'Allow','Action':'*',"
      "'Resource':'*'}]}", "statement 2: Sid \"a\" is that of statement 1" },
    { TEST_BAD_COND("[]"), "Condition must be an object" },
    { TEST_BAD_COND("{'StringEqual':{}}"), "is no condition operator" },
    { TEST_BAD_COND("{'stringEquals':{}}"), "is no condition operator" },
    { TEST_BAD_COND("{'ForSomeValue:StringEquals':{}}"),
      "is no condition operator" },
    { TEST_BAD_COND("{'NullIfExists':{'a:b':'true'}}"),
      "write \"Null\" alone" },
    { TEST_BAD_COND("{'ForAllValues:Null':{'a:b':'true'}}"),
      "write \"Null\" alone" },
    { TEST_BAD_COND("{'StringEquals':'x'}"), "must be an object of "
      "condition keys" },
    { TEST_BAD_COND("{'StringEquals':{'DomainNames':'x'}}"),
      "is no condition key" },
    { TEST_BAD_COND("{'StringEquals':{'acm:DomainName':'x'}}"),
      "no condition key of ACM" },
    { TEST_BAD_COND("{'StringEquals':{'a:b':null}}"), "must be a text" },
    { TEST_BAD_COND("{'StringEquals':{'a:b':{}}}"), "must be a text" },
    { TEST_BAD_COND("{'StringEquals':{'a:b':[[]]}}"), "is neither text" },
    { TEST_BAD_COND("{'NumericEquals':{'a:b':'x'}}"),
      "\"x\" of \"a:b\" is not a number" },
    { TEST_BAD_COND("{'NumericEquals':{'a:b':'${aws:username}'}}"),
      "is not a number" },
    { TEST_BAD_COND("{'NumericEquals':{'a:b':''}}"), "is not a number" },
    { TEST_BAD_COND("{'NumericEquals':{'a:b':'1.'}}"), "is not a number" },
    { TEST_BAD_COND("{'NumericEquals':{'a:b':"
                    "'123456789012345678901234567890123'}}"),
      "is not a number" },
    { TEST_BAD_COND("{'DateEquals':{'a:b':'2026-13-01'}}"),
      "is not a time" },
    { TEST_BAD_COND("{'DateEquals':{'a:b':'2026-11-25T24:00Z'}}"),
      "is not a time" },
    { TEST_BAD_COND("{'DateEquals':{'a:b':'2026-11-25T13:00'}}"),
      "is not a time" },
    { TEST_BAD_COND("{'DateEquals':{'a:b':'2026-11-25T13:00.1Z'}}"),
      "is not a time" },
    { TEST_BAD_COND("{'DateEquals':{'a:b':'2026-11-25T13:00:00+0200'}}"),
      "is not a time" },
    { TEST_BAD_COND("{'Bool':{'a:b':'yes'}}"), "is not true or false" },
    { TEST_BAD_COND("{'Null':{'a:b':'x'}}"), "is not true or false" },
    { TEST_BAD_COND("{'IpAddress':{'a:b':'1.2.3.4/33'}}"),
      "is not an address" },
    { TEST_BAD_COND("{'IpAddress':{'a:b':'1.2.3'}}"), "is not an address" },
    { TEST_BAD_COND("{'IpAddress':{'a:b':'1.2.3.4/'}}"),
      "is not an address" },
    { TEST_BAD_COND("{'IpAddress':{'a:b':'1.2.3.4/-1'}}"),
      "is not an address" },
    { TEST_BAD_COND("{'ArnLike':{'a:b':'arn:aws:acm:*'}}"),
      "is not an ARN of six parts" },
    { TEST_BAD_COND("{'StringEquals':{'a:b':'${'}}"),
      "does not begin with a variable" },
    { NULL, NULL }
};


static void
test_bad(void **state)
{
    size_t         i;
    acm_err_t      err;
    acm_policy_t  *policy;

    (void) state;

    for (i = 0; test_bads[i].text != NULL; i++) {
        err.text[0] = '\0';
        policy = test_policy(test_bads[i].text, &err);

        if (policy != NULL || strstr(err.text, test_bads[i].error) == NULL) {
            fail_msg("%s: \"%s\", not \"%s\"", test_bads[i].text, err.text,
                     test_bads[i].error);
        }
    }
}


/* n copies of an item between head and tail */

static acm_rc_t
test_repeat(const char *head, const char *item, size_t n, const char *tail,
    acm_policy_t **policy)
{
    char       *text, *p;
    size_t      i, size;
    acm_rc_t    rc;
    acm_err_t   err;

    size = strlen(head) + n * (strlen(item) + 1) + strlen(tail) + 1;
    text = malloc(size);
    p = text + snprintf(text, size, "%s", head);

    for (i = 0; i < n; i++) {
        p += snprintf(p, size - (p - text), "%s%s", i ? "," : "", item);
    }

    snprintf(p, size - (p - text), "%s", tail);

    for (p = text; *p != '\0'; p++) {
        if (*p == '\'') {
            *p = '"';
        }

        if (*p == '#') {
            *p = 'a' + (p - text) % 26;
        }
    }

    *policy = NULL;
    rc = acm_policy_parse(text, strlen(text), "p", policy, &err);
    free(text);
    acm_policy_free(*policy);
    *policy = NULL;

    return rc;
}


#define TEST_HEAD  "{'Version':'2012-10-17','Statement':{'Effect':'Deny',"    \
                   "'Resource':'*','Action':'*','Condition':"


static void
test_limits(void **state)
{
    char           key[ACM_MAX_POLICY_KEY + 16], head[1024], *big;
    size_t         i, n;
    acm_err_t      err;
    acm_policy_t  *p;

    (void) state;

    for (i = 0; i < 2; i++) {
        assert_int_equal(test_repeat("{'Statement':[", "{'Effect':'Deny',"
                                     "'Action':'*','Resource':'*'}",
                                     ACM_MAX_POLICY_STATEMENTS + i, "]}", &p),
                         i ? ACM_TOOBIG : ACM_OK);

        assert_int_equal(test_repeat("{'Statement':{'Effect':'Deny',"
                                     "'Resource':'*','Action':[", "'*'",
                                     ACM_MAX_POLICY_LIST + i, "]}}", &p),
                         i ? ACM_TOOBIG : ACM_OK);

        assert_int_equal(test_repeat(TEST_HEAD "{'Null':{'a:b':[", "true",
                                     ACM_MAX_POLICY_LIST + i, "]}}}}", &p),
                         i ? ACM_TOOBIG : ACM_OK);

        assert_int_equal(test_repeat(TEST_HEAD "{'StringEquals':{'a:b':[",
                                     "'${a:b}'", ACM_MAX_POLICY_VARS + i,
                                     "]}}}}", &p),
                         i ? ACM_TOOBIG : ACM_OK);

        /* keys must differ */

        n = ACM_MAX_POLICY_CONDITIONS + i;
        big = malloc(n * 32 + 256);
        n = snprintf(big, 256, TEST_HEAD "{'Null':{");

        for (size_t k = 0; k < ACM_MAX_POLICY_CONDITIONS + i; k++) {
            n += snprintf(big + n, 32, "%s'a:%zu':true", k ? "," : "", k);
        }

        snprintf(big + n, 32, "}}}}");
        p = test_policy(big, &err);
        assert_int_equal(p == NULL, i);
        acm_policy_free(p);
        free(big);

        /* octets of a key, and of a variable */

        memset(key, 'k', sizeof(key));
        memcpy(key, "a:", 2);
        key[ACM_MAX_POLICY_KEY + i] = '\0';

        snprintf(head, sizeof(head), TEST_HEAD "{'Null':{'%s':true}}}}", key);
        p = test_policy(head, &err);
        assert_int_equal(p == NULL, i);
        acm_policy_free(p);

        snprintf(head, sizeof(head), TEST_HEAD "{'StringEquals':{'a:b':"
                 "'${%s}'}}}}", key);
        p = test_policy(head, &err);
        assert_int_equal(p == NULL, i);
        acm_policy_free(p);
    }
}


/* White space does not count, up to the limit of the text. */

static void
test_sizes(void **state)
{
    char          *text;
    size_t         i, n, head;
    acm_rc_t       rc;
    acm_err_t      err;
    acm_policy_t  *p;

    static const char  start[] = "{\"Id\":\"";
    static const char  end[] = "\",\"Statement\":{\"Effect\":\"Deny\","
                               "\"Action\":\"*\",\"Resource\":\"*\"}}";

    (void) state;

    text = malloc(ACM_MAX_POLICY_TEXT + 2);

    for (i = 0; i < 4; i++) {

        /* first the document, then the text at its limit and over it */

        n = ACM_MAX_POLICY + i % 2;
        head = (i < 2) ? 0 : ACM_MAX_POLICY_TEXT + i % 2 - n + i % 2;

        memset(text, ' ', head);
        memset(text + head, 'x', n);
        memcpy(text + head, start, sizeof(start) - 1);
        n = ACM_MAX_POLICY + (i < 2 ? i : 0);
        memcpy(text + head + n - (sizeof(end) - 1), end, sizeof(end) - 1);

        rc = acm_policy_parse(text, head + n, "p", &p, &err);
        assert_int_equal(rc, i % 2 ? ACM_TOOBIG : ACM_OK);

        if (rc == ACM_OK) {
            acm_policy_free(p);
        }
    }

    free(text);

    /* nesting */

    text = malloc(1024);
    n = snprintf(text, 1024, "{\"Id\":");
    memset(text + n, '[', 20);
    memset(text + n + 20, ']', 20);
    snprintf(text + n + 40, 64, "}");
    assert_int_equal(acm_policy_parse(text, strlen(text), "p", &p, &err),
                     ACM_INVALID);
    assert_non_null(strstr(err.text, "over 16 levels"));
    free(text);
}


static void
test_memory(void **state)
{
    acm_rc_t        rc;
    acm_err_t       err;
    acm_policy_t   *p;
    unsigned long   n;

    static const char  text[] =
        "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","
        "\"Sid\":\"a\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":"
        "{\"StringEquals\":{\"x:s\":\"-${aws:PrincipalTag/team, 'a'}-\"}}}}";

    (void) state;

    for (n = 1; ; n++) {
        acm_alloc_fail_at(n);
        rc = acm_policy_parse(text, strlen(text), "p", &p, &err);

        if (acm_alloc_fail_at(0) != 0) {
            break;
        }

        assert_int_equal(rc, ACM_NOMEM);
        assert_non_null(strstr(err.text, "no memory"));
    }

    test_ok(rc);
    assert_string_equal(acm_policy_name(p), "p");
    acm_policy_free(p);
    acm_policy_free(NULL);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_memory)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
