
/*
 * Copyright (C) The ngx_acm authors
 *
 * A file of users for tests.
 */


#ifndef _TEST_USER_H_INCLUDED_
#define _TEST_USER_H_INCLUDED_


#include "acm_user.h"
#include "test_policy.h"


#define TEST_SECRET    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define TEST_KEY(id)   "{'AccessKeyId':'" id "','SecretAccessKey':'"          \
                       TEST_SECRET "'}"
#define TEST_FILE(s)   "{'Accounts':[{'AccountId':'123456789012'," s "}]}"
#define TEST_USERS(s)  TEST_FILE("'Users':[{'UserName':'alice'," s "}]")

#define TEST_DOC(effect, action)                                              \
    "{'Version':'2012-10-17','Statement':{'Effect':'" effect "','Action':'"   \
    action "','Resource':'*'}}"


static const char  test_file[] =
    "{'Comment':'x','Accounts':[{"
    "'AccountId':'123456789012',"
    "'RootUser':{'AccessKeys':[" TEST_KEY("AKIAROOTROOTROOTROOT") "]},"
    "'ServiceControlPolicies':['Guard'],"
    "'Policies':[{'PolicyName':'Guard','PolicyDocument':{'Statement':["
        "{'Effect':'Allow','Action':'*','Resource':'*'},"
        "{'Effect':'Deny','Action':'acm:RevokeCertificate',"
        "'Resource':'*'}]}},"
        "{'PolicyName':'Edge','Path':'/a/','PolicyDocument':"
            TEST_DOC("Allow", "acm:*") "}],"
    "'Groups':[{'GroupName':'ops','GroupPolicyList':[{'PolicyName':'del',"
        "'PolicyDocument':" TEST_DOC("Allow", "acm:DeleteCertificate") "}],"
        "'AttachedManagedPolicies':[{'PolicyName':"
        "'AWSCertificateManagerReadOnly','PolicyArn':"
        "'arn:aws:iam::aws:policy/AWSCertificateManagerReadOnly'}]}],"
    "'Users':[{'UserName':'alice','UserId':'AIDAALICE','Path':'/dept/',"
        "'Arn':'arn:aws:iam::123456789012:user/dept/alice',"
        "'CreateDate':'2026-11-25','GroupList':['Ops'],"
        "'UserPolicyList':[{'PolicyName':'own','PolicyDocument':"
            TEST_DOC("Allow", "acm:Add*") "}],"
        "'PermissionsBoundary':{'PermissionsBoundaryType':'Policy',"
        "'PermissionsBoundaryArn':"
        "'arn:aws:iam::123456789012:policy/a/Edge'},"
        "'Tags':[{'Key':'team','Value':'red'},{'Key':'e','Value':''}],"
        "'AccessKeys':[" TEST_KEY("AKIAALICEALICEALICE1") ","
        "{'AccessKeyId':'AKIAALICEALICEALICE2','SecretAccessKey':"
        "'0123456789abcdef','Status':'Inactive'},"
        "{'AccessKeyId':'ASIAALICEALICEALICE3','SecretAccessKey':"
        "'0123456789abcdef','SessionToken':'tok+/=','Expiration':"
        "'2026-11-25T13:00:42Z','SessionPolicy':"
            TEST_DOC("Allow", "acm:List*") "}]},"
        "{'UserName':'bob','AttachedManagedPolicies':"
        "['AWSCertificateManagerFullAccess']}],"
    "'Roles':[{'RoleName':'deploy','RoleId':'AROADEPLOY','Path':'/x/',"
        "'AssumeRolePolicyDocument':{},'AttachedManagedPolicies':['Edge'],"
        "'Tags':[{'Key':'team','Value':'blue'}],"
        "'Sessions':[{'RoleSessionName':'ci','AccessKeyId':"
        "'ASIADEPLOYDEPLOYDEPL','SecretAccessKey':'" TEST_SECRET "',"
        "'SessionToken':'t2','Expiration':1795611642}]}]},"
    "{'AccountId':'999999999999','Users':[{'UserName':'alice'}]}]}";


static inline char *
test_text(const char *s)
{
    char  *text, *p;

    text = strdup(s);

    for (p = text; *p != '\0'; p++) {
        if (*p == '\'') {
            *p = '"';
        }
    }

    return text;
}


static inline acm_rc_t
test_parse(const char *s, acm_users_t **users, acm_err_t *err)
{
    char      *text;
    acm_rc_t   rc;

    text = test_text(s);
    *users = NULL;
    rc = acm_users_parse(text, strlen(text), NULL, NULL, users, err);
    free(text);

    return rc;
}


#endif /* _TEST_USER_H_INCLUDED_ */
