
/*
 * Copyright (C) The ngx_acm authors
 *
 * The example policies of ACM's user guide, each with what it is for, and
 * the policies that AWS manages.
 */


#include "test.h"
#include "test_policy.h"


#define TEST_DENY(condition)                                                  \
    "{'Version':'2012-10-17','Statement':{'Effect':'Deny','Action':"          \
    "'acm:RequestCertificate','Resource':'*','Condition':{" condition "}}}"


#define TEST_EMAIL                                                            \
    TEST_DENY("'StringLike':{'acm:ValidationMethod':'EMAIL'},'ArnNotLike':"   \
              "{'aws:PrincipalArn':['arn:aws:iam::123456789012:role/"         \
              "AllowedEmailValidation']}")

#define TEST_WILDCARD                                                         \
    TEST_DENY("'ForAnyValue:StringLike':{'acm:DomainNames':['${*}.*']}")

#define TEST_DOMAINS                                                          \
    TEST_DENY("'ForAnyValue:StringNotLike':"                                  \
              "{'acm:DomainNames':['*.amazonaws.com']}")

#define TEST_SUBDOMAINS                                                       \
    TEST_DENY("'ForAllValues:StringNotLike':{'acm:DomainNames':"              \
              "['support.amazonaws.com','developer.amazonaws.com']}")

#define TEST_P384                                                             \
    TEST_DENY("'StringNotLike':{'acm:KeyAlgorithm':'EC_secp384r1'}")

#define TEST_NO_RSA                                                           \
    TEST_DENY("'StringLike':{'acm:KeyAlgorithm':'RSA*'}")

#define TEST_CA  "arn:aws:acm-pca:region:account:certificate-authority/CA_ID"

#define TEST_ONE_CA                                                           \
    TEST_DENY("'StringNotLike':{'acm:CertificateAuthority':'" TEST_CA "'}")

#define TEST_PUBLIC                                                           \
    TEST_DENY("'Null':{'acm:CertificateAuthority':'false'}")

#define TEST_EXPORT                                                           \
    "{'Version':'2012-10-17','Statement':[{'Sid':"                            \
    "'DenyACMCertificateRequest','Effect':'Deny','Action':"                   \
    "['acm:RequestCertificate'],'Resource':['*'],'Condition':"                \
    "{'StringEquals':{'acm:Export':'ENABLED'}}}]}"


/* a policy that denies, beside one that allows everything */

typedef struct {
    const char  *policy;
    const char  *role;          /* NULL: a user */
    const char  *context;
    int          allowed;
} test_deny_t;


static const test_deny_t  test_denies[] = {

    /* 1: no validation by mail, but for one role */

    { TEST_EMAIL, NULL, "acm:ValidationMethod=EMAIL", 0 },
    { TEST_EMAIL, NULL, "acm:ValidationMethod=DNS", 1 },
    { TEST_EMAIL, "AllowedEmailValidation", "acm:ValidationMethod=EMAIL", 1 },
    { TEST_EMAIL, "Other", "acm:ValidationMethod=EMAIL", 0 },

    /* 2: no wildcards; ${*} is a star, not a pattern */

    { TEST_WILDCARD, NULL, "acm:DomainNames=www.example.com", 1 },
    { TEST_WILDCARD, NULL, "acm:DomainNames=*.example.com", 0 },
    { TEST_WILDCARD, NULL, "acm:DomainNames=example.com|*.example.com", 0 },

    /* 3: names below one domain */

    { TEST_DOMAINS, NULL, "acm:DomainNames=a.amazonaws.com", 1 },
    { TEST_DOMAINS, NULL, "acm:DomainNames=*.amazonaws.com", 1 },
    { TEST_DOMAINS, NULL, "acm:DomainNames=amazonaws.com", 0 },
    { TEST_DOMAINS, NULL, "acm:DomainNames=a.amazonaws.com|b.example", 0 },

    /* the guide says that each name must be one of the two; the operator
       says that one of them is enough */

    { TEST_SUBDOMAINS, NULL, "acm:DomainNames=support.amazonaws.com", 1 },
    { TEST_SUBDOMAINS, NULL,
      "acm:DomainNames=support.amazonaws.com|developer.amazonaws.com", 1 },
    { TEST_SUBDOMAINS, NULL, "acm:DomainNames=www.example.com", 0 },
    { TEST_SUBDOMAINS, NULL,
      "acm:DomainNames=www.example.com|www.example.net", 0 },
    { TEST_SUBDOMAINS, NULL,
      "acm:DomainNames=support.amazonaws.com|www.example.com", 1 },

    /* 4: keys */

    { TEST_P384, NULL, "acm:KeyAlgorithm=EC_secp384r1", 1 },
    { TEST_P384, NULL, "acm:KeyAlgorithm=EC_prime256v1", 0 },
    { TEST_P384, NULL, "acm:KeyAlgorithm=RSA_2048", 0 },
    { TEST_NO_RSA, NULL, "acm:KeyAlgorithm=RSA_2048", 0 },
    { TEST_NO_RSA, NULL, "acm:KeyAlgorithm=RSA_4096", 0 },
    { TEST_NO_RSA, NULL, "acm:KeyAlgorithm=EC_prime256v1", 1 },

    /* 5: CAs; a request of none is none of this one */

    { TEST_ONE_CA, NULL, "acm:CertificateAuthority=" TEST_CA, 1 },
    { TEST_ONE_CA, NULL, "acm:CertificateAuthority=" TEST_CA "2", 0 },
    { TEST_ONE_CA, NULL, "", 0 },
    { TEST_PUBLIC, NULL, "acm:CertificateAuthority=" TEST_CA, 0 },
    { TEST_PUBLIC, NULL, "", 1 },

    /* certificates that can be exported */

    { TEST_EXPORT, NULL, "acm:Export=ENABLED", 0 },
    { TEST_EXPORT, NULL, "acm:Export=DISABLED", 1 },

    { NULL, NULL, NULL, 0 }
};


static void
test_guide_deny(void **state)
{
    size_t              i;
    char                role[256];
    test_case_t         c;
    acm_policy_t       *all, *policy;
    const test_deny_t  *t;

    (void) state;

    all = test_policy(TEST_ALLOW_ALL, NULL);

    for (i = 0; test_denies[i].policy != NULL; i++) {
        t = &test_denies[i];
        policy = test_policy(t->policy, NULL);
        assert_non_null(policy);

        test_case_init(&c);
        test_case_context(&c, t->context);
        test_case_add(&c, ACM_POLICY_IDENTITY, all);
        test_case_add(&c, ACM_POLICY_SCP, all);
        test_case_add(&c, ACM_POLICY_SCP, policy);

        if (t->role != NULL) {
            snprintf(role, sizeof(role), "arn:aws:iam::123456789012:role/%s",
                     t->role);
            c.user.kind = ACM_USER_ROLE;
            c.user.principal = role;
        }

        test_ok(acm_policy_decide(&c.user, &c.req, &c.out));

        if ((c.out.result == ACM_ACCESS_ALLOWED) != t->allowed) {
            fail_msg("%s: %s is%s allowed", t->policy, t->context,
                     t->allowed ? " not" : "");
        }

        if (!t->allowed) {
            assert_non_null(strstr(c.out.message, TEST_CERT "* with an "
                            "explicit deny in a service control policy"));
        }

        /* of other actions nothing is said */

        c.req.action = "acm:DescribeCertificate";
        test_ok(acm_policy_decide(&c.user, &c.req, &c.out));
        assert_int_equal(c.out.result, ACM_ACCESS_ALLOWED);

        acm_policy_free(policy);
    }

    acm_policy_free(all);
}


typedef struct {
    const char  *policy;        /* a document, or the name of a managed one */
    const char  *action;
    const char  *resource;
    const char  *context;
    int          allowed;
} test_allow_t;


#define TEST_ALLOW(action, resource)                                          \
    "{'Version':'2012-10-17','Statement':{'Effect':'Allow','Action':"         \
    action ",'Resource':'" resource "'}}"

#define TEST_OWN                                                              \
    "{'Version':'2012-10-17','Statement':[{'Sid':'ViewOwnUserInfo',"          \
    "'Effect':'Allow','Action':['iam:GetUserPolicy',"                         \
    "'iam:ListGroupsWithUser','iam:ListAttachedUserPolicies',"                \
    "'iam:ListUserPolicies','iam:GetUser'],'Resource':"                       \
    "['arn:aws:iam::*:user/${aws:username}']},{'Sid':'NavigateInConsole',"    \
    "'Effect':'Allow','Action':['iam:GetGroupPolicy',"                        \
    "'iam:GetPolicyVersion','iam:GetPolicy','iam:ListAttachedGroupPolicies'," \
    "'iam:ListGroupPolicies','iam:ListPolicyVersions','iam:ListPolicies',"    \
    "'iam:ListUsers'],'Resource':'*'}]}"

#define TEST_LAMBDA                                                           \
    "{'Version':'2012-10-17','Statement':[{'Sid':"                            \
    "'LambdaCertificateExpiryPolicy1','Effect':'Allow','Action':"             \
    "'logs:CreateLogGroup','Resource':'arn:aws:logs:us-east-1:123456789012:*"\
    "'},{'Sid':'LambdaCertificateExpiryPolicy2','Effect':'Allow','Action':"   \
    "['logs:CreateLogStream','logs:PutLogEvents'],'Resource':['arn:aws:logs:" \
    "us-east-1:123456789012:log-group:/aws/lambda/"                           \
    "handle-expiring-certificates:*']},{'Sid':"                               \
    "'LambdaCertificateExpiryPolicy3','Effect':'Allow','Action':"             \
    "['acm:DescribeCertificate','acm:GetCertificate',"                        \
    "'acm:ListCertificates','acm:ListTagsForCertificate'],'Resource':'*'},"   \
    "{'Sid':'LambdaCertificateExpiryPolicy4','Effect':'Allow','Action':"      \
    "'SNS:Publish','Resource':'*'},{'Sid':"                                   \
    "'LambdaCertificateExpiryPolicy5','Effect':'Allow','Action':"             \
    "['SecurityHub:BatchImportFindings',"                                     \
    "'SecurityHub:BatchUpdateFindings','SecurityHub:DescribeHub'],"           \
    "'Resource':'*'},{'Sid':'LambdaCertificateExpiryPolicy6','Effect':"       \
    "'Allow','Action':'cloudwatch:ListMetrics','Resource':'*'}]}"

#define TEST_LOG  "arn:aws:logs:us-east-1:123456789012:log-group:"

#define TEST_PCA  "arn:aws:acm-pca:us-east-1:123456789012:"                   \
                  "certificate-authority/1"
#define TEST_TEMPLATE  "acm-pca:TemplateArn=arn:aws:acm-pca:::template/"
#define TEST_SLR  "arn:aws:iam::123456789012:role/aws-service-role/"          \
                  "acm.amazonaws.com/AWSServiceRoleForCertificateManager"


static const test_allow_t  test_allows[] = {
    { TEST_ALLOW("'acm:ListCertificates'", "*"), "acm:ListCertificates",
      NULL, "", 1 },
    { TEST_ALLOW("'acm:ListCertificates'", "*"), "acm:GetCertificate",
      TEST_CERT "certificate_ID", "", 0 },
    { TEST_ALLOW("'acm:GetCertificate'", TEST_CERT "certificate_ID"),
      "acm:GetCertificate", TEST_CERT "certificate_ID", "", 1 },
    { TEST_ALLOW("'acm:GetCertificate'", TEST_CERT "certificate_ID"),
      "acm:GetCertificate", TEST_CERT "other", "", 0 },
    { TEST_ALLOW("'acm:GetCertificate'", TEST_CERT "certificate_ID"),
      "acm:DeleteCertificate", TEST_CERT "certificate_ID", "", 0 },

    /* this one lets its user import again, and nothing new */

    { TEST_ALLOW("'acm:ImportCertificate'", TEST_CERT "certificate_ID"),
      "acm:ImportCertificate", TEST_CERT "certificate_ID", "", 1 },
    { TEST_ALLOW("'acm:ImportCertificate'", TEST_CERT "certificate_ID"),
      "acm:ImportCertificate", TEST_CERT "*", "", 0 },
    { TEST_ALLOW("'acm:DeleteCertificate'", TEST_CERT "certificate_ID"),
      "acm:DeleteCertificate", TEST_CERT "certificate_ID", "", 1 },
    { TEST_ALLOW("'acm:DeleteCertificate'", TEST_CERT "certificate_ID"),
      "acm:DeleteCertificate", TEST_CERT "other", "", 0 },
    { TEST_ALLOW("['acm:ExportCertificate']", "*"), "acm:ExportCertificate",
      TEST_CERT "x", "", 1 },

    { TEST_OWN, "iam:GetUser", "arn:aws:iam::123456789012:user/alice", "",
      1 },
    { TEST_OWN, "iam:GetUser", "arn:aws:iam::123456789012:user/bob", "", 0 },
    { TEST_OWN, "iam:ListUsers", NULL, "", 1 },
    { TEST_OWN, "acm:ListCertificates", NULL, "", 0 },

    { TEST_LAMBDA, "logs:CreateLogGroup", TEST_LOG "x", "", 1 },
    { TEST_LAMBDA, "logs:PutLogEvents", TEST_LOG "x", "", 0 },
    { TEST_LAMBDA, "logs:PutLogEvents", TEST_LOG
      "/aws/lambda/handle-expiring-certificates:log-stream:a", "", 1 },
    { TEST_LAMBDA, "acm:ListTagsForCertificate", TEST_CERT "x", "", 1 },
    { TEST_LAMBDA, "acm:ExportCertificate", TEST_CERT "x", "", 0 },
    { TEST_LAMBDA, "sns:Publish", NULL, "", 1 },
    { TEST_LAMBDA, "securityhub:DescribeHub", NULL, "", 1 },

    { "AWSCertificateManagerFullAccess", "acm:DeleteCertificate",
      TEST_CERT "x", "", 1 },
    { "AWSCertificateManagerFullAccess", "acm:PutAccountConfiguration",
      NULL, "", 1 },
    { "AWSCertificateManagerFullAccess", "acm-pca:IssueCertificate",
      TEST_PCA, "", 0 },
    { "AWSCertificateManagerFullAccess", "iam:CreateServiceLinkedRole",
      TEST_SLR, "iam:AWSServiceName=acm.amazonaws.com", 1 },
    { "AWSCertificateManagerFullAccess", "iam:CreateServiceLinkedRole",
      TEST_SLR, "iam:AWSServiceName=x.amazonaws.com", 0 },
    { "AWSCertificateManagerFullAccess", "iam:GetRole", TEST_SLR, "", 1 },
    { "AWSCertificateManagerFullAccess", "iam:GetRole",
      "arn:aws:iam::123456789012:role/x", "", 0 },

    { "AWSCertificateManagerReadOnly", "acm:ListCertificates", NULL, "", 1 },
    { "AWSCertificateManagerReadOnly", "acm:SearchCertificates", NULL, "",
      1 },
    { "AWSCertificateManagerReadOnly", "acm:GetAccountConfiguration", NULL,
      "", 1 },
    { "AWSCertificateManagerReadOnly", "acm:DescribeCertificate",
      TEST_CERT "x", "", 1 },
    { "AWSCertificateManagerReadOnly", "acm:ExportCertificate",
      TEST_CERT "x", "", 0 },
    { "AWSCertificateManagerReadOnly", "acm:RequestCertificate",
      TEST_CERT "*", "", 0 },

    { "CertificateManagerServiceRolePolicy", "acm-pca:IssueCertificate",
      TEST_PCA, "", 1 },
    { "CertificateManagerServiceRolePolicy", "acm:GetCertificate",
      TEST_CERT "x", "", 0 },
    { "AWSPrivateCAFullAccess", "acm-pca:DeleteCertificateAuthority",
      TEST_PCA, "", 1 },
    { "AWSPrivateCAReadOnly", "acm-pca:ListTags", TEST_PCA, "", 1 },
    { "AWSPrivateCAReadOnly", "acm-pca:ListCertificateAuthorities", NULL, "",
      1 },
    { "AWSPrivateCAReadOnly", "acm-pca:IssueCertificate", TEST_PCA, "", 0 },
    { "AWSPrivateCAAuditor", "acm-pca:CreateCertificateAuthorityAuditReport",
      TEST_PCA, "", 1 },
    { "AWSPrivateCAAuditor", "acm-pca:ListCertificateAuthorities", NULL, "",
      1 },
    { "AWSPrivateCAUser", "acm-pca:IssueCertificate", TEST_PCA,
      TEST_TEMPLATE "EndEntityCertificate/V1", 1 },
    { "AWSPrivateCAUser", "acm-pca:IssueCertificate", TEST_PCA,
      TEST_TEMPLATE "RootCACertificate/V1", 0 },
    { "AWSPrivateCAUser", "acm-pca:IssueCertificate", TEST_PCA, "", 0 },
    { "AWSPrivateCAUser", "acm-pca:RevokeCertificate", TEST_PCA, "", 1 },
    { "AWSPrivateCAPrivilegedUser", "acm-pca:IssueCertificate", TEST_PCA,
      TEST_TEMPLATE "SubordinateCACertificate_PathLen0/V1", 1 },
    { "AWSPrivateCAPrivilegedUser", "acm-pca:IssueCertificate", TEST_PCA,
      TEST_TEMPLATE "EndEntityCertificate/V1", 0 },
    { "AWSPrivateCAConnectorForKubernetesPolicy", "acm-pca:IssueCertificate",
      TEST_PCA, "", 1 },
    { "AWSPrivateCAConnectorForKubernetesPolicy",
      "acm-pca:RevokeCertificate", TEST_PCA, "", 0 },

    /* tags decide: what is mine, and what I may call so */

    { "{'Version':'2012-10-17','Statement':{'Effect':'Allow','Action':"
      "'acm:*','Resource':'*','Condition':{'StringEquals':"
      "{'aws:ResourceTag/team':'${aws:PrincipalTag/team}'}}}}",
      "acm:DeleteCertificate", TEST_CERT "x", "aws:ResourceTag/team=red", 1 },
    { "{'Version':'2012-10-17','Statement':{'Effect':'Allow','Action':"
      "'acm:*','Resource':'*','Condition':{'StringEquals':"
      "{'aws:ResourceTag/team':'${aws:PrincipalTag/team}'}}}}",
      "acm:DeleteCertificate", TEST_CERT "x", "aws:ResourceTag/team=blue",
      0 },
    { "{'Version':'2012-10-17','Statement':{'Effect':'Allow','Action':"
      "'acm:AddTagsToCertificate','Resource':'*','Condition':"
      "{'ForAllValues:StringEquals':{'aws:TagKeys':['team','env']}}}}",
      "acm:AddTagsToCertificate", TEST_CERT "x", "aws:TagKeys=env|cost", 0 },
    { "{'Version':'2012-10-17','Statement':{'Effect':'Allow','Action':"
      "'acm:AddTagsToCertificate','Resource':'*','Condition':"
      "{'ForAllValues:StringEquals':{'aws:TagKeys':['team','env']}}}}",
      "acm:AddTagsToCertificate", TEST_CERT "x", "aws:TagKeys=env", 1 },

    { NULL, NULL, NULL, NULL, 0 }
};


static void
test_guide_allow(void **state)
{
    size_t               i;
    const char          *text;
    test_case_t          c;
    acm_policy_t        *policy;
    const test_allow_t  *t;

    static const acm_user_tag_t  tag = { "team", "red" };

    (void) state;

    for (i = 0; test_allows[i].policy != NULL; i++) {
        t = &test_allows[i];
        text = acm_policy_managed(t->policy);
        policy = test_policy(text ? text : t->policy, NULL);
        assert_non_null(policy);

        test_case_init(&c);
        test_case_context(&c, t->context);
        test_case_add(&c, ACM_POLICY_IDENTITY, policy);

        c.user.tags = &tag;
        c.user.ntags = 1;
        c.req.action = t->action;
        c.req.resource = t->resource;

        test_ok(acm_policy_decide(&c.user, &c.req, &c.out));

        if ((c.out.result == ACM_ACCESS_ALLOWED) != t->allowed) {
            fail_msg("%s: %s is%s allowed", t->policy, t->action,
                     t->allowed ? " not" : "");
        }

        acm_policy_free(policy);
    }
}


static void
test_managed(void **state)
{
    char           arn[256];
    size_t         i;
    acm_policy_t  *policy;

    (void) state;

    for (i = 0; acm_policy_managed_name(i) != NULL; i++) {
        policy = test_policy(acm_policy_managed(acm_policy_managed_name(i)),
                             NULL);
        assert_non_null(policy);
        acm_policy_free(policy);

        snprintf(arn, sizeof(arn), "arn:aws:iam::aws:policy/%s%s",
                 strstr(acm_policy_managed_name(i), "ServiceRole")
                 ? "aws-service-role/" : "", acm_policy_managed_name(i));
        assert_ptr_equal(acm_policy_managed(arn),
                         acm_policy_managed(acm_policy_managed_name(i)));
    }

    assert_int_equal(i, 9);
    assert_null(acm_policy_managed("AWSCertificateManagerFullAccess "));
    assert_null(acm_policy_managed("awscertificatemanagerfullaccess"));
    assert_null(acm_policy_managed("arn:aws:iam::aws:policy/"));
    assert_null(acm_policy_managed(
        "arn:aws:iam::1:policy/AWSCertificateManagerFullAccess"));
    assert_null(acm_policy_managed(
        "arn:aws:iam::aws:policy/CertificateManagerServiceRolePolicy"));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_guide_deny),
        cmocka_unit_test(test_guide_allow),
        cmocka_unit_test(test_managed)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
