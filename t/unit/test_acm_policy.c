
/*
 * Copyright (C) The ngx_acm authors
 *
 * Decisions: actions and resources, the order of policies, messages.
 */


#include "test.h"
#include "test_policy.h"


typedef struct {
    const char  *elements;
    const char  *action;
    const char  *resource;
    int          holds;
} test_element_t;


static const test_element_t  test_elements[] = {

    /* actions: case does not count */

    { "'Action':'acm:GetCertificate','Resource':'*'", "acm:GetCertificate",
      TEST_CERT "x", 1 },
    { "'Action':'ACM:getcertificate','Resource':'*'", "acm:GetCertificate",
      TEST_CERT "x", 1 },
    { "'Action':'acm:g?tC*','Resource':'*'", "acm:GetCertificate",
      TEST_CERT "x", 1 },
    { "'Action':'acm:Get','Resource':'*'", "acm:GetCertificate",
      TEST_CERT "x", 0 },
    { "'Action':'acm-pca:*','Resource':'*'", "acm:GetCertificate",
      TEST_CERT "x", 0 },
    { "'Action':['acm:A','acm:List*'],'Resource':'*'",
      "acm:ListCertificates", NULL, 1 },
    { "'Action':'*','Resource':'*'", "acm:GetCertificate", TEST_CERT "x",
      1 },
    { "'Action':'*:*','Resource':'*'", "acm:GetCertificate", TEST_CERT "x",
      1 },
    { "'NotAction':'acm:Get*','Resource':'*'", "acm:GetCertificate",
      TEST_CERT "x", 0 },
    { "'NotAction':'acm:Get*','Resource':'*'", "acm:DeleteCertificate",
      TEST_CERT "x", 1 },
    { "'NotAction':['acm:Get*','acm:Del*'],'Resource':'*'",
      "acm:DeleteCertificate", TEST_CERT "x", 0 },

    /* resources: case counts, part by part */

    { "'Action':'*','Resource':'" TEST_CERT "x'", "acm:GetCertificate",
      TEST_CERT "x", 1 },
    { "'Action':'*','Resource':'" TEST_CERT "X'", "acm:GetCertificate",
      TEST_CERT "x", 0 },
    { "'Action':'*','Resource':'" TEST_CERT "x'", "acm:GetCertificate",
      TEST_CERT "xy", 0 },
    { "'Action':'*','Resource':'" TEST_CERT "?'", "acm:GetCertificate",
      TEST_CERT "x", 1 },
    { "'Action':'*','Resource':'" TEST_CERT "*'", "acm:RequestCertificate",
      TEST_CERT "*", 1 },
    { "'Action':'*','Resource':'" TEST_CERT "x'", "acm:ImportCertificate",
      TEST_CERT "*", 0 },
    { "'Action':'*','Resource':'arn:aws:acm:eu-*:*:certificate/*'",
      "acm:GetCertificate", TEST_CERT "x", 0 },
    { "'Action':'*','Resource':'arn:aws:acm:us-*:*:certificate/*'",
      "acm:GetCertificate", TEST_CERT "x", 1 },
    { "'Action':'*','Resource':'arn:*:certificate/*'",
      "acm:GetCertificate", TEST_CERT "x", 0 },
    { "'Action':'*','Resource':'arn:aws:acm:*'", "acm:GetCertificate",
      TEST_CERT "x", 1 },
    { "'Action':'*','Resource':'arn:aws:*:certificate/x'",
      "acm:GetCertificate", TEST_CERT "x", 0 },
    { "'Action':'*','Resource':'" TEST_CERT "*'", "acm:ListCertificates",
      NULL, 0 },
    { "'Action':'*','Resource':'" TEST_CERT "*'", "acm:ListCertificates",
      "*", 0 },
    { "'Action':'*','Resource':['" TEST_CERT "y','*']",
      "acm:ListCertificates", "*", 1 },
    { "'Action':'*','NotResource':'" TEST_CERT "x'", "acm:GetCertificate",
      TEST_CERT "x", 0 },
    { "'Action':'*','NotResource':'" TEST_CERT "x'", "acm:GetCertificate",
      TEST_CERT "y", 1 },
    { "'Action':'*','NotResource':'" TEST_CERT "x'", "acm:ListCertificates",
      NULL, 1 },
    { "'Action':'*','NotResource':['" TEST_CERT "x','" TEST_CERT "y']",
      "acm:GetCertificate", TEST_CERT "y", 0 },

    /* variables */

    { "'Action':'*','Resource':'" TEST_CERT "${aws:username}'",
      "acm:GetCertificate", TEST_CERT "alice", 1 },
    { "'Action':'*','Resource':'" TEST_CERT "${aws:username}'",
      "acm:GetCertificate", TEST_CERT "bob", 0 },
    { "'Action':'*','Resource':'" TEST_CERT "${*}'",
      "acm:GetCertificate", TEST_CERT "x", 0 },
    { "'Action':'*','Resource':'" TEST_CERT "${*}'",
      "acm:RequestCertificate", TEST_CERT "*", 1 },
    { "'Action':'*','Resource':'" TEST_CERT "${aws:PrincipalTag/none}'",
      "acm:GetCertificate", TEST_CERT "", 0 },
    { NULL, NULL, NULL, 0 }
};


static void
test_element(void **state)
{
    size_t                 i;
    test_case_t            c;
    acm_policy_t          *allow;
    const test_element_t  *t;

    (void) state;

    for (i = 0; test_elements[i].elements != NULL; i++) {
        t = &test_elements[i];

        test_case_init(&c);
        c.req.action = t->action;
        c.req.resource = t->resource;

        allow = test_statement("Allow", t->elements);
        test_case_add(&c, ACM_POLICY_IDENTITY, allow);
        test_ok(acm_policy_decide(&c.user, &c.req, &c.out));

        if ((c.out.result == ACM_ACCESS_ALLOWED) != t->holds) {
            fail_msg("%s: %s on %s is%s allowed", t->elements, t->action,
                     t->resource ? t->resource : "nothing",
                     t->holds ? " not" : "");
        }

        acm_policy_free(allow);
    }
}


#define TEST_USER  "User: arn:aws:iam::123456789012:user/alice is not "       \
                   "authorized to perform: "

/* what each kind of policy says: - nothing, a allow, d deny, n no match */

typedef struct {
    const char    *kinds;      /* SCP, boundary, session, identity */
    const char    *action;
    const char    *resource;
    acm_access_e   result;
    const char    *message;
} test_order_t;


static const test_order_t  test_orders[] = {
    { "----", "acm:ListCertificates", NULL, ACM_ACCESS_IMPLICIT,
      TEST_USER "acm:ListCertificates because no identity-based policy "
      "allows the acm:ListCertificates action" },
    { "---n", "acm:ListCertificates", "*", ACM_ACCESS_IMPLICIT,
      TEST_USER "acm:ListCertificates because no identity-based policy "
      "allows the acm:ListCertificates action" },
    { "---n", "acm:GetCertificate", TEST_CERT "x", ACM_ACCESS_IMPLICIT,
      TEST_USER "acm:GetCertificate on resource: " TEST_CERT "x because no "
      "identity-based policy allows the acm:GetCertificate action" },
    { "---n", "acm:RequestCertificate", TEST_CERT "*", ACM_ACCESS_IMPLICIT,
      TEST_USER "acm:RequestCertificate on resource: " TEST_CERT "* because "
      "no identity-based policy allows the acm:RequestCertificate action" },
    { "---d", "acm:GetCertificate", TEST_CERT "x", ACM_ACCESS_EXPLICIT,
      TEST_USER "acm:GetCertificate on resource: " TEST_CERT "x with an "
      "explicit deny in an identity-based policy" },
    { "---d", "acm:ListCertificates", NULL, ACM_ACCESS_EXPLICIT,
      TEST_USER "acm:ListCertificates with an explicit deny in an "
      "identity-based policy" },
    { "---a", "acm:GetCertificate", TEST_CERT "x", ACM_ACCESS_ALLOWED, "" },
    { "aaaa", "acm:GetCertificate", TEST_CERT "x", ACM_ACCESS_ALLOWED, "" },
    { "daaa", "acm:GetCertificate", TEST_CERT "x", ACM_ACCESS_EXPLICIT,
      TEST_USER "acm:GetCertificate on resource: " TEST_CERT "x with an "
      "explicit deny in a service control policy" },
    { "adaa", "acm:GetCertificate", TEST_CERT "x", ACM_ACCESS_EXPLICIT,
      TEST_USER "acm:GetCertificate on resource: " TEST_CERT "x with an "
      "explicit deny in a permissions boundary" },
    { "aada", "acm:GetCertificate", TEST_CERT "x", ACM_ACCESS_EXPLICIT,
      TEST_USER "acm:GetCertificate on resource: " TEST_CERT "x with an "
      "explicit deny in a session policy" },
    { "nnnd", "acm:GetCertificate", TEST_CERT "x", ACM_ACCESS_EXPLICIT,
      TEST_USER "acm:GetCertificate on resource: " TEST_CERT "x with an "
      "explicit deny in an identity-based policy" },
    { "dddd", "acm:ListCertificates", NULL, ACM_ACCESS_EXPLICIT,
      TEST_USER "acm:ListCertificates with an explicit deny in a service "
      "control policy" },
    { "naaa", "acm:ListCertificates", NULL, ACM_ACCESS_IMPLICIT,
      TEST_USER "acm:ListCertificates because no service control policy "
      "allows the acm:ListCertificates action" },
    { "anaa", "acm:ListCertificates", NULL, ACM_ACCESS_IMPLICIT,
      TEST_USER "acm:ListCertificates because no permissions boundary "
      "allows the acm:ListCertificates action" },
    { "aana", "acm:ListCertificates", NULL, ACM_ACCESS_IMPLICIT,
      TEST_USER "acm:ListCertificates because no session policy allows the "
      "acm:ListCertificates action" },
    { "aaan", "acm:ListCertificates", NULL, ACM_ACCESS_IMPLICIT,
      TEST_USER "acm:ListCertificates because no identity-based policy "
      "allows the acm:ListCertificates action" },
    { "aaa-", "acm:ListCertificates", NULL, ACM_ACCESS_IMPLICIT,
      TEST_USER "acm:ListCertificates because no identity-based policy "
      "allows the acm:ListCertificates action" },
    { "---a", "acm:GetCertificate", "arn:aws:acm:r:999999999999:certificate/x",
      ACM_ACCESS_IMPLICIT,
      TEST_USER "acm:GetCertificate on resource: arn:aws:acm:r:999999999999:"
      "certificate/x because no resource-based policy allows the "
      "acm:GetCertificate action" },
    { "---a", "acm:GetCertificate", "nonsense", ACM_ACCESS_IMPLICIT,
      TEST_USER "acm:GetCertificate on resource: nonsense because no "
      "resource-based policy allows the acm:GetCertificate action" },
    { "---a", "iam:PassRole", "arn:aws:iam::999999999999:role/x",
      ACM_ACCESS_ALLOWED, "" },
    { "---a", "acm:GetCertificate", TEST_CERT "\n", ACM_ACCESS_ALLOWED, "" },
    { "---n", "acm:GetCertificate", TEST_CERT "\n", ACM_ACCESS_IMPLICIT,
      TEST_USER "acm:GetCertificate on resource: " TEST_CERT "? because no "
      "identity-based policy allows the acm:GetCertificate action" },
    { NULL, NULL, NULL, ACM_ACCESS_ALLOWED, NULL }
};


static void
test_order(void **state)
{
    size_t               i, k;
    test_case_t          c;
    acm_policy_t        *allow, *deny, *none;
    const test_order_t  *t;

    (void) state;

    allow = test_policy(TEST_ALLOW_ALL, NULL);
    deny = test_statement("Deny", "'Action':'*','Resource':'*'");
    none = test_statement("Deny", "'Action':'x:*','Resource':'*'");

    for (i = 0; test_orders[i].kinds != NULL; i++) {
        t = &test_orders[i];
        test_case_init(&c);
        c.req.action = t->action;
        c.req.resource = t->resource;

        for (k = 0; k < ACM_POLICY_MAX; k++) {
            switch (t->kinds[k]) {
            case 'd':
                test_case_add(&c, k, allow);
                test_case_add(&c, k, deny);
                break;
            case 'a':
                test_case_add(&c, k, none);
                test_case_add(&c, k, allow);
                break;
            case 'n':
                test_case_add(&c, k, none);
                break;
            }
        }

        test_ok(acm_policy_decide(&c.user, &c.req, &c.out));
        assert_int_equal(c.out.result, t->result);
        assert_string_equal(c.out.message, t->message);

        if (t->result == ACM_ACCESS_IMPLICIT) {
            assert_null(c.out.policy);

        } else {
            assert_string_equal(c.out.policy, "p");
            assert_int_equal(c.out.statement, 1);
        }
    }

    acm_policy_free(allow);
    acm_policy_free(deny);
    acm_policy_free(none);
}


static void
test_principals(void **state)
{
    test_case_t    c;
    acm_policy_t  *deny, *list, *role;

    (void) state;

    deny = test_statement("Deny", "'Action':'*','Resource':'*'");
    list = test_statement("Allow", "'Action':'acm:ListCertificates',"
                          "'Resource':'*'");
    role = test_statement("Allow", "'Action':'*','Resource':'*','Condition':"
                          "{'ArnEquals':{'aws:PrincipalArn':"
                          "'arn:aws:iam::123456789012:role/deploy'},"
                          "'Null':{'aws:username':'true'}}");

    /* a session: two ARNs, no name */

    test_case_init(&c);
    c.user.kind = ACM_USER_ROLE;
    c.user.arn = "arn:aws:sts::123456789012:assumed-role/deploy/ci";
    c.user.principal = "arn:aws:iam::123456789012:role/deploy";
    test_case_add(&c, ACM_POLICY_IDENTITY, role);
    test_ok(acm_policy_decide(&c.user, &c.req, &c.out));
    assert_int_equal(c.out.result, ACM_ACCESS_ALLOWED);

    test_case_add(&c, ACM_POLICY_IDENTITY, deny);
    test_ok(acm_policy_decide(&c.user, &c.req, &c.out));
    assert_string_equal(c.out.message,
        "User: arn:aws:sts::123456789012:assumed-role/deploy/ci is not "
        "authorized to perform: acm:RequestCertificate on resource: "
        TEST_CERT "* with an explicit deny in an identity-based policy");

    /* root needs nothing, and an SCP binds it */

    test_case_init(&c);
    c.user.kind = ACM_USER_ROOT;
    c.user.arn = "arn:aws:iam::123456789012:root";
    test_case_add(&c, ACM_POLICY_IDENTITY, deny);
    test_case_add(&c, ACM_POLICY_BOUNDARY, deny);
    test_ok(acm_policy_decide(&c.user, &c.req, &c.out));
    assert_int_equal(c.out.result, ACM_ACCESS_ALLOWED);

    test_case_add(&c, ACM_POLICY_SCP, deny);
    test_ok(acm_policy_decide(&c.user, &c.req, &c.out));
    assert_int_equal(c.out.result, ACM_ACCESS_EXPLICIT);

    /* and the policy of its session */

    test_case_init(&c);
    c.user.kind = ACM_USER_ROOT;
    c.user.arn = "arn:aws:iam::123456789012:root";
    test_case_add(&c, ACM_POLICY_SESSION, list);
    test_ok(acm_policy_decide(&c.user, &c.req, &c.out));
    assert_int_equal(c.out.result, ACM_ACCESS_IMPLICIT);
    assert_int_equal(c.out.by, ACM_POLICY_SESSION);

    test_case_add(&c, ACM_POLICY_SESSION, deny);
    test_ok(acm_policy_decide(&c.user, &c.req, &c.out));
    assert_int_equal(c.out.result, ACM_ACCESS_EXPLICIT);

    acm_policy_free(deny);
    acm_policy_free(role);
    acm_policy_free(list);
}


/* A request over a limit is denied, whatever its policies say. */

static void
test_requests(void **state)
{
    char           *big;
    size_t          i;
    acm_str_t       values[ACM_MAX_ACCESS_VALUES + 1];
    test_case_t     c;
    acm_context_t   context[ACM_MAX_ACCESS_KEYS + 1];
    acm_policy_t   *all, *var;

    (void) state;

    all = test_policy(TEST_ALLOW_ALL, NULL);
    var = test_statement("Deny", "'Action':'*','Resource':'*','Condition':"
                         "{'StringEquals':{'x:s':'${x:a}${x:a}${x:b}'}}");
    big = malloc(ACM_MAX_ACCESS_VALUE + 2);
    memset(big, 'a', ACM_MAX_ACCESS_VALUE + 1);
    big[ACM_MAX_ACCESS_VALUE + 1] = '\0';

    for (i = 0; i < ACM_MAX_ACCESS_VALUES + 1; i++) {
        values[i].data = (uint8_t *) big;
        values[i].len = 1;
    }

    for (i = 0; i < ACM_MAX_ACCESS_KEYS + 1; i++) {
        context[i].key = "x:y";
        context[i].values = values;
        context[i].n = 1;
    }

    test_case_init(&c);
    test_case_add(&c, ACM_POLICY_IDENTITY, all);
    c.req.context = context;

    for (i = 0; i < 2; i++) {
        c.req.ncontext = ACM_MAX_ACCESS_KEYS + i;
        assert_int_equal(acm_policy_decide(&c.user, &c.req, &c.out),
                         i ? ACM_TOOBIG : ACM_OK);
        assert_int_equal(c.out.result,
                         i ? ACM_ACCESS_IMPLICIT : ACM_ACCESS_ALLOWED);

        c.req.ncontext = 1;
        context[0].n = ACM_MAX_ACCESS_VALUES + i;
        assert_int_equal(acm_policy_decide(&c.user, &c.req, &c.out),
                         i ? ACM_TOOBIG : ACM_OK);

        context[0].n = 1;
        values[0].len = ACM_MAX_ACCESS_VALUE + i;
        assert_int_equal(acm_policy_decide(&c.user, &c.req, &c.out),
                         i ? ACM_TOOBIG : ACM_OK);
        values[0].len = 1;
    }

    c.req.action = "";
    assert_int_equal(acm_policy_decide(&c.user, &c.req, &c.out), ACM_INVALID);
    c.req.action = NULL;
    assert_int_equal(acm_policy_decide(&c.user, &c.req, &c.out), ACM_INVALID);
    assert_int_equal(c.out.result, ACM_ACCESS_IMPLICIT);
    c.req.action = big;
    assert_int_equal(acm_policy_decide(&c.user, &c.req, &c.out), ACM_TOOBIG);
    c.req.action = "acm:RequestCertificate";
    c.req.resource = big;
    assert_int_equal(acm_policy_decide(&c.user, &c.req, &c.out), ACM_TOOBIG);
    assert_int_equal(c.out.result, ACM_ACCESS_IMPLICIT);

    /* variables that do not fit: a rule that cannot be judged */

    c.req.resource = TEST_CERT "*";
    c.req.ncontext = 3;
    context[0].key = "x:a";
    context[1].key = "x:b";
    context[2].key = "x:s";
    values[0].len = ACM_MAX_ACCESS_VALUE;
    context[1].values = values + 1;
    context[2].values = values + 1;
    test_case_add(&c, ACM_POLICY_IDENTITY, var);

    values[1].len = 0;
    assert_int_equal(2 * ACM_MAX_ACCESS_VALUE, ACM_MAX_POLICY_EXPANDED);
    test_ok(acm_policy_decide(&c.user, &c.req, &c.out));
    assert_int_equal(c.out.result, ACM_ACCESS_ALLOWED);

    values[1].len = 1;
    assert_int_equal(acm_policy_decide(&c.user, &c.req, &c.out), ACM_TOOBIG);
    assert_int_equal(c.out.result, ACM_ACCESS_IMPLICIT);

    free(big);
    acm_policy_free(all);
    acm_policy_free(var);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_element),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_principals),
        cmocka_unit_test(test_requests)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
