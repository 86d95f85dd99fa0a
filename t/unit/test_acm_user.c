
/*
 * Copyright (C) The ngx_acm authors
 *
 * The file of users: what is in it, what is refused, its mode.
 */


#include <sys/stat.h>

#include "test.h"
#include "test_user.h"


static int
test_may(const acm_user_t *user, const char *action, acm_decision_t *out)
{
    acm_access_t  req;

    memset(&req, 0, sizeof(req));
    req.action = action;
    req.now = TEST_NOW;

    test_ok(acm_policy_decide(user, &req, out));

    return out->result == ACM_ACCESS_ALLOWED;
}


static const acm_user_t *
test_key(acm_users_t *users, const char *id, acm_sigv4_key_t *key)
{
    memset(key, 0, sizeof(acm_sigv4_key_t));
    test_ok(acm_users_find(users, id, key));

    return key->user;
}


static void
test_read(void **state)
{
    acm_err_t          err;
    acm_users_t       *users;
    acm_decision_t     out;
    acm_sigv4_key_t    key;
    const acm_user_t  *user, *session;

    (void) state;

    if (test_parse(test_file, &users, &err) != ACM_OK) {
        fail_msg("%s", err.text);
    }

    assert_int_equal(acm_users_keys(users), 5);

    user = test_key(users, "AKIAALICEALICEALICE1", &key);
    assert_int_equal(key.len, 40);
    assert_memory_equal(key.secret, TEST_SECRET, 40);
    assert_int_equal(key.active, 1);
    assert_int_equal(key.expires, 0);
    assert_int_equal(key.token.len, 0);
    assert_int_equal(user->kind, ACM_USER_IAM);
    assert_string_equal(user->account, "123456789012");
    assert_string_equal(user->name, "alice");
    assert_string_equal(user->id, "AIDAALICE");
    assert_string_equal(user->arn,
                        "arn:aws:iam::123456789012:user/dept/alice");
    assert_string_equal(user->principal, user->arn);
    assert_int_equal(user->ntags, 2);
    assert_string_equal(user->tags[0].value, "red");
    assert_string_equal(user->tags[1].value, "");
    assert_ptr_equal(user, acm_users_get(users, ACM_USER_IAM, "123456789012",
                                         "alice"));

    /* her own, her group's, its managed one; within all bounds */

    assert_true(test_may(user, "acm:AddTagsToCertificate", &out));
    assert_string_equal(out.policy, "own");
    assert_true(test_may(user, "acm:DeleteCertificate", &out));
    assert_true(test_may(user, "acm:ListCertificates", &out));
    assert_string_equal(out.policy, "AWSCertificateManagerReadOnly");
    assert_false(test_may(user, "acm:RequestCertificate", &out));
    assert_int_equal(out.by, ACM_POLICY_IDENTITY);
    assert_false(test_may(user, "acm:RevokeCertificate", &out));
    assert_int_equal(out.by, ACM_POLICY_SCP);
    assert_false(test_may(user, "iam:GetUser", &out));
    assert_int_equal(out.by, ACM_POLICY_BOUNDARY);

    (void) test_key(users, "AKIAALICEALICEALICE2", &key);
    assert_int_equal(key.active, 0);
    assert_ptr_equal(key.user, user);

    session = test_key(users, "ASIAALICEALICEALICE3", &key);
    assert_int_equal(key.token.len, 6);
    assert_memory_equal(key.token.data, "tok+/=", 6);
    assert_int_equal(key.expires, TEST_NOW);
    assert_string_equal(session->arn, user->arn);
    assert_true(test_may(session, "acm:ListCertificates", &out));
    assert_false(test_may(session, "acm:DeleteCertificate", &out));
    assert_int_equal(out.by, ACM_POLICY_SESSION);

    user = test_key(users, "ASIADEPLOYDEPLOYDEPL", &key);
    assert_int_equal(user->kind, ACM_USER_ROLE);
    assert_int_equal(key.expires, TEST_NOW);
    assert_string_equal(user->arn,
                        "arn:aws:sts::123456789012:assumed-role/deploy/ci");
    assert_string_equal(user->principal,
                        "arn:aws:iam::123456789012:role/x/deploy");
    assert_string_equal(user->id, "AROADEPLOY:ci");
    assert_string_equal(user->tags[0].value, "blue");
    assert_true(test_may(user, "acm:ListCertificates", &out));

    user = test_key(users, "AKIAROOTROOTROOTROOT", &key);
    assert_string_equal(user->arn, "arn:aws:iam::123456789012:root");
    assert_true(test_may(user, "iam:GetUser", &out));
    assert_false(test_may(user, "acm:RevokeCertificate", &out));

    user = acm_users_get(users, ACM_USER_IAM, "123456789012", "bob");
    assert_true(test_may(user, "acm:DeleteCertificate", &out));

    /* of another account, with no policy */

    user = acm_users_get(users, ACM_USER_IAM, "999999999999", "alice");
    assert_non_null(user);
    assert_false(test_may(user, "acm:ListCertificates", &out));
    assert_string_equal(out.message, "User: arn:aws:iam::999999999999:user/"
                        "alice is not authorized to perform: "
                        "acm:ListCertificates because no identity-based "
                        "policy allows the acm:ListCertificates action");

    assert_non_null(acm_users_get(users, ACM_USER_ROLE, "123456789012",
                                  "deploy"));
    assert_null(acm_users_get(users, ACM_USER_ROLE, "123456789012",
                              "alice"));
    assert_null(acm_users_get(users, ACM_USER_IAM, "123456789012", "Alice"));
    assert_null(acm_users_get(users, ACM_USER_IAM, "1", "alice"));

    memset(&key, 0, sizeof(key));
    assert_int_equal(acm_users_find(users, "AKIAALICEALICEALICE", &key),
                     ACM_NOTFOUND);
    assert_int_equal(acm_users_find(users, "", &key), ACM_NOTFOUND);
    assert_int_equal(acm_users_find(users, "akiaalicealicealice1", &key),
                     ACM_NOTFOUND);
    assert_int_equal(key.len, 0);

    acm_users_free(users);
}


static void
test_empty(void **state)
{
    acm_err_t         err;
    acm_users_t      *users;
    acm_sigv4_key_t   key;

    (void) state;

    test_ok(test_parse("{}", &users, &err));
    memset(&key, 0, sizeof(key));
    assert_int_equal(acm_users_find(users, "x", &key), ACM_NOTFOUND);
    assert_null(acm_users_get(users, ACM_USER_IAM, "1", "x"));
    acm_users_free(users);
    acm_users_free(NULL);
}


/* An SCP list with nothing in it allows nothing; none is no bound. */

static void
test_scp(void **state)
{
    acm_err_t         err;
    acm_users_t      *users;
    acm_decision_t    out;

    (void) state;

    test_ok(test_parse(TEST_FILE("'ServiceControlPolicies':[],'Users':["
                                 "{'UserName':'a','AttachedManagedPolicies':"
                                 "['AWSCertificateManagerFullAccess']}]"),
                       &users, &err));
    assert_false(test_may(acm_users_get(users, ACM_USER_IAM, "123456789012",
                                        "a"), "acm:ListCertificates", &out));
    assert_int_equal(out.by, ACM_POLICY_SCP);
    acm_users_free(users);
}


typedef struct {
    const char  *text;
    const char  *error;
} test_bad_t;


#define TEST_ALICE  "account 123456789012, user \"alice\""


static const test_bad_t  test_bads[] = {
    { "", "no valid JSON" },
    { "{'Accounts':[{'AccountId':'123456789012'}]", "no valid JSON at line" },
    { "{'SecretAccessKey':'0123456789abcdef' 'Status'}",
      "no valid JSON at line 1: '}' expected" },
    { "{'SecretAccessKey':'0123456789abcdef", "no valid JSON at line 1: "
      "premature end of input" },
    { "{'Account':[]}", "unknown member \"Account\"" },
    { "{'Accounts':{}}", "Accounts must be a list" },
    { "{'Accounts':[1]}", "account 1: must be an object" },
    { "{'Accounts':[{}]}", "account 1: AccountId must be" },
    { "{'Accounts':[{'AccountId':123456789012}]}", "AccountId must be" },
    { "{'Accounts':[{'AccountId':'12345678901x'}]}", "AccountId must be" },
    { "{'Accounts':[{'AccountId':'123456789012'},"
      "{'AccountId':'123456789012'}]}", "account 2: AccountId \"123456789012\""
      " is there already" },
    { TEST_FILE("'users':[]"), "unknown member \"users\"" },
    { TEST_FILE("'Users':[{}]"), "account 123456789012, Users 1: UserName" },
    { TEST_FILE("'Users':[{'UserName':'a b'}]"), "UserName must be" },
    { TEST_FILE("'Users':[{'UserName':'a'},{'UserName':'A'}]"),
      "account 123456789012 has two users \"A\"" },
    { TEST_FILE("'Roles':[{'RoleName':'a'},{'RoleName':'a'}]"),
      "has two roles \"a\"" },
    { TEST_FILE("'Users':[{'UserName':'a'}],'Groups':[{'GroupName':'g'},"
                "{'GroupName':'G'}]"),
      "account 123456789012, group \"G\": is there already" },
    { TEST_FILE("'Groups':[{'GroupName':''}]"),
      "account 123456789012, Groups 1: GroupName must be" },
    { TEST_FILE("'RootUser':[]"), "RootUser: must be an object" },
    { TEST_FILE("'RootUser':{'Tags':[]}"), "unknown member \"Tags\"" },
    { TEST_USERS("'Path':'x'"), TEST_ALICE ": Path must begin" },
    { TEST_USERS("'Path':'/x'"), "Path must begin" },
    { TEST_USERS("'Path':'/x*/'"), "Path must begin" },
    { TEST_USERS("'Path':1"), "Path must begin" },
    { TEST_USERS("'Arn':'arn:aws:iam::123456789012:user/x'"),
      "Arn is not that of name" },
    { TEST_USERS("'PermissionBoundary':'x'"),
      TEST_ALICE ": unknown member \"PermissionBoundary\"" },
    { TEST_USERS("'GroupList':['x']"), TEST_ALICE ": GroupList: there is no "
      "group \"x\"" },
    { TEST_USERS("'GroupList':[1]"), "there is no group" },
    { TEST_USERS("'AttachedManagedPolicies':['x']"),
      TEST_ALICE ": AttachedManagedPolicies: there is no policy \"x\"" },
    { TEST_USERS("'AttachedManagedPolicies':[1]"), "named by its name" },
    { TEST_USERS("'AttachedManagedPolicies':[{}]"), "named by its name" },
    { TEST_USERS("'AttachedManagedPolicies':[{'Name':'x'}]"),
      "unknown member \"Name\"" },
    { TEST_USERS("'AttachedManagedPolicies':"
                 "['arn:aws:iam::999999999999:policy/x']"),
      "there is no policy" },
    { TEST_USERS("'PermissionsBoundary':'x'"), "PermissionsBoundary: there "
      "is no policy" },
    { TEST_USERS("'PermissionsBoundary':[]"), "named by its name" },
    { TEST_USERS("'UserPolicyList':[{'PolicyName':'p'}]"),
      TEST_ALICE ": policy \"p\" has no PolicyDocument" },
    { TEST_USERS("'UserPolicyList':[{'PolicyDocument':{}}]"),
      "PolicyName must be" },
    { TEST_USERS("'UserPolicyList':[{'PolicyName':'p','PolicyDocument':"
                 TEST_DOC("Alow", "*") "}]"),
      TEST_ALICE ": policy \"p\", statement 1: Effect must be" },
    { TEST_USERS("'UserPolicyList':[{'PolicyName':'p','PolicyDocument':"
                 "'%7B%7D'}]"), "policy \"p\": a document is an object" },
    { TEST_FILE("'Policies':[{'PolicyName':'AWSCertificateManagerReadOnly'}]"),
      "account 123456789012, Policies 1: PolicyName "
      "\"AWSCertificateManagerReadOnly\" is that of a policy of AWS" },
    { TEST_FILE("'Policies':[{'PolicyName':'p','PolicyDocument':"
                TEST_DOC("Deny", "*") "},{'PolicyName':'P','PolicyDocument':"
                TEST_DOC("Deny", "*") "}]"),
      "Policies 2: PolicyName \"P\" is there already" },
    { TEST_FILE("'ServiceControlPolicies':['x']"), "there is no policy" },
    { TEST_USERS("'Tags':[{'Key':'a'}]"), "Tags 1 must have a Key" },
    { TEST_USERS("'Tags':[{'Key':'','Value':''}]"), "Tags 1 must have" },
    { TEST_USERS("'Tags':[{'Key':'a','Value':''},{'Key':'A','Value':''}]"),
      "Tags: Key \"A\" is there already" },
    { TEST_USERS("'AccessKeys':[{}]"), TEST_ALICE ", AccessKeys 1: "
      "AccessKeyId must be" },
    { TEST_USERS("'AccessKeys':[" TEST_KEY("AKIDEXAMPLE") "]"),
      "AccessKeyId must be at least 16" },
    { TEST_USERS("'AccessKeys':[" TEST_KEY("AKIDEXAMPLE-EXAMPLE") "]"),
      "AccessKeyId must be at least 16" },
    { TEST_USERS("'AccessKeys':[" TEST_KEY("AKIDEXAMPLEEXAMPLE") ","
                 TEST_KEY("AKIDEXAMPLEEXAMPLE") "]"),
      "AccessKeyId \"AKIDEXAMPLEEXAMPLE\" is of both" },
    { TEST_USERS("'AccessKeys':[{'AccessKeyId':'AKIDEXAMPLEEXAMPLE'}]"),
      "either SecretAccessKey or SecretAccessKeyFile" },
    { TEST_USERS("'AccessKeys':[{'AccessKeyId':'AKIDEXAMPLEEXAMPLE',"
                 "'SecretAccessKey':'short'}]"),
      "under 16 characters; make one with \"acmctl user key add\"" },
    { TEST_USERS("'AccessKeys':[{'AccessKeyId':'AKIDEXAMPLEEXAMPLE',"
                 "'SecretAccessKey':'0123456789 abcdef'}]"),
      "SecretAccessKey must be a text" },
    { TEST_USERS("'AccessKeys':[{'AccessKeyId':'AKIDEXAMPLEEXAMPLE',"
                 "'SecretAccessKeyFile':'x'}]"), "absolute path" },
    { TEST_USERS("'AccessKeys':[{'AccessKeyId':'AKIDEXAMPLEEXAMPLE',"
                 "'SecretAccessKey':'0123456789abcdef','Status':'active'}]"),
      "Status must be" },
    { TEST_USERS("'AccessKeys':[{'AccessKeyId':'AKIDEXAMPLEEXAMPLE',"
                 "'SecretAccessKey':'0123456789abcdef','Expiration':"
                 "'tomorrow'}]"), "Expiration must be" },
    { TEST_USERS("'AccessKeys':[{'AccessKeyId':'AKIDEXAMPLEEXAMPLE',"
                 "'SecretAccessKey':'0123456789abcdef','Expiration':0}]"),
      "Expiration must be" },
    { TEST_USERS("'AccessKeys':[{'AccessKeyId':'AKIDEXAMPLEEXAMPLE',"
                 "'SecretAccessKey':'0123456789abcdef','SessionPolicy':{}}]"),
      "SessionToken is missing" },
    { TEST_USERS("'AccessKeys':[{'AccessKeyId':'AKIDEXAMPLEEXAMPLE',"
                 "'SecretAccessKey':'0123456789abcdef','SessionToken':''}]"),
      "SessionToken must be" },
    { TEST_USERS("'AccessKeys':[{'AccessKeyId':'AKIDEXAMPLEEXAMPLE',"
                 "'SecretAccessKey':'0123456789abcdef',"
                 "'RoleSessionName':'x'}]"), "unknown member" },
    { TEST_FILE("'Roles':[{'RoleName':'r','Sessions':[{'AccessKeyId':"
                "'AKIDEXAMPLEEXAMPLE','SecretAccessKey':'0123456789abcdef',"
                "'RoleSessionName':'x'}]}]"), "role \"r\", Sessions 1: "
      "SessionToken is missing" },
    { TEST_FILE("'Roles':[{'RoleName':'r','Sessions':[{'AccessKeyId':"
                "'AKIDEXAMPLEEXAMPLE','SecretAccessKey':'0123456789abcdef',"
                "'SessionToken':'x'}]}]"), "RoleSessionName must be" },
    { NULL, NULL }
};


static void
test_bad(void **state)
{
    size_t        i;
    acm_err_t     err;
    acm_users_t  *users;

    (void) state;

    for (i = 0; test_bads[i].text != NULL; i++) {
        err.text[0] = '\0';

        if (test_parse(test_bads[i].text, &users, &err) == ACM_OK
            || strstr(err.text, test_bads[i].error) == NULL)
        {
            fail_msg("%s: \"%s\", not \"%s\"", test_bads[i].text, err.text,
                     test_bads[i].error);
        }

        /* secrets are in no message */

        assert_null(strstr(err.text, "abcdef"));
        assert_null(strstr(err.text, TEST_SECRET));
    }
}


/* n copies of an item, with "#" as their number, of four digits */

static acm_rc_t
test_repeat(const char *head, const char *item, size_t n, const char *tail)
{
    char         *text, *p, *c;
    size_t        i;
    acm_rc_t      rc;
    acm_err_t     err;
    acm_users_t  *users;

    text = malloc(strlen(head) + n * (strlen(item) + 16) + strlen(tail) + 1);
    p = text + snprintf(text, strlen(head) + 1, "%s", head);

    for (i = 0; i < n; i++) {
        c = strchr(item, '#');
        p += snprintf(p, strlen(item) + 16, "%s%.*s%06zu%s", i ? "," : "",
                      (int) (c - item), item, i, c + 1);
    }

    snprintf(p, strlen(tail) + 1, "%s", tail);

    rc = test_parse(text, &users, &err);
    free(text);

    if (rc == ACM_OK) {
        acm_users_free(users);

    } else if (rc != ACM_TOOBIG) {
        fail_msg("%s", err.text);
    }

    return rc;
}


static void
test_limits(void **state)
{
    size_t    i;
    acm_rc_t  want;

    static const char  user[] = "{'Accounts':[{'AccountId':'123456789012',"
                                "'Users':[{'UserName':'a',";

    (void) state;

    for (i = 0; i < 2; i++) {
        char  head[512];

        want = i ? ACM_TOOBIG : ACM_OK;

        assert_int_equal(test_repeat("{'Accounts':[",
                                     "{'AccountId':'123456#'}",
                                     ACM_MAX_ACCOUNTS + i, "]}"), want);
        assert_int_equal(test_repeat("{'Accounts':[{'AccountId':"
                                     "'123456789012','Users':[",
                                     "{'UserName':'u#'}", ACM_MAX_USERS + i,
                                     "]}]}"), want);
        assert_int_equal(test_repeat("{'Accounts':[{'AccountId':"
                                     "'123456789012','Groups':[",
                                     "{'GroupName':'u#'}",
                                     ACM_MAX_USER_GROUPS + i, "]}]}"), want);
        assert_int_equal(test_repeat("{'Accounts':[{'AccountId':"
                                     "'123456789012','Policies':[",
                                     "{'PolicyName':'p#','PolicyDocument':"
                                     TEST_DOC("Deny", "*") "}",
                                     ACM_MAX_NAMED + i, "]}]}"), want);

        snprintf(head, sizeof(head), "%s'Tags':[", user);
        assert_int_equal(test_repeat(head, "{'Key':'#','Value':''}",
                                     ACM_MAX_USER_TAGS + i, "]}]}]}"), want);

        snprintf(head, sizeof(head), "%s'AccessKeys':[", user);
        assert_int_equal(test_repeat(head, TEST_KEY("AKIAEXAMPLE#"),
                                     ACM_MAX_USER_KEYS + i, "]}]}]}"), want);

        snprintf(head, sizeof(head), "%s'AttachedManagedPolicies':["
                 "'AWSPrivateCAFullAccess'],'UserPolicyList':[", user);
        assert_int_equal(test_repeat(head, "{'PolicyName':'p#',"
                                     "'PolicyDocument':"
                                     TEST_DOC("Deny", "*") "}",
                                     ACM_MAX_USER_POLICIES - 1 + i,
                                     "]}]}]}"), want);
    }
}


static void
test_lengths(void **state)
{
    char          text[8192 + 1024], *pad;
    size_t        i;
    acm_err_t     err;
    acm_users_t  *users;

    (void) state;

    pad = malloc(ACM_MAX_SIGV4_TOKEN + 2);
    memset(pad, 'a', ACM_MAX_SIGV4_TOKEN + 1);
    pad[ACM_MAX_SIGV4_TOKEN + 1] = '\0';

    for (i = 0; i < 2; i++) {

#define TEST_LENGTH(max, format)                                              \
        snprintf(text, sizeof(text), format, (int) ((max) + i), pad);         \
        assert_int_equal(test_parse(text, &users, &err),                      \
                         i ? ACM_INVALID : ACM_OK);                           \
        acm_users_free(users);

        TEST_LENGTH(ACM_MAX_USER_NAME, TEST_FILE("'Users':["
                    "{'UserName':'%.*s'}]"));
        TEST_LENGTH(ACM_MAX_POLICY_NAME, TEST_FILE("'Groups':["
                    "{'GroupName':'%.*s'}]"));
        TEST_LENGTH(ACM_MAX_POLICY_NAME, TEST_FILE("'Policies':["
                    "{'PolicyName':'%.*s','PolicyDocument':"
                    TEST_DOC("Deny", "*") "}]"));
        TEST_LENGTH(ACM_MAX_USER_PATH - 2, TEST_USERS("'Path':'/%.*s/'"));
        TEST_LENGTH(ACM_MAX_USER_TAG_KEY,
                    TEST_USERS("'Tags':[{'Key':'%.*s','Value':''}]"));
        TEST_LENGTH(ACM_MAX_USER_TAG,
                    TEST_USERS("'Tags':[{'Key':'k','Value':'%.*s'}]"));
        TEST_LENGTH(ACM_MAX_SIGV4_KEY_ID,
                    TEST_USERS("'AccessKeys':[" TEST_KEY("%.*s") "]"));
        TEST_LENGTH(ACM_MAX_SIGV4_SECRET,
                    TEST_USERS("'AccessKeys':[{'AccessKeyId':"
                               "'AKIDEXAMPLEEXAMPLE','SecretAccessKey':"
                               "'%.*s'}]"));
        TEST_LENGTH(ACM_MAX_SIGV4_TOKEN,
                    TEST_USERS("'AccessKeys':[{'AccessKeyId':"
                               "'AKIDEXAMPLEEXAMPLE','SecretAccessKey':'"
                               TEST_SECRET "','SessionToken':'%.*s'}]"));

        /* at least */

        snprintf(text, sizeof(text), TEST_USERS("'AccessKeys':["
                 TEST_KEY("%.*s") "]"), (int) (ACM_MIN_KEY_ID - i), pad);
        assert_int_equal(test_parse(text, &users, &err),
                         i ? ACM_INVALID : ACM_OK);
        acm_users_free(users);
    }

    free(pad);

    /* the file */

    pad = malloc(ACM_MAX_USERS_FILE + 1);
    memset(pad, ' ', ACM_MAX_USERS_FILE + 1);
    memcpy(pad, "{}", 2);
    assert_int_equal(acm_users_parse(pad, ACM_MAX_USERS_FILE, NULL, NULL,
                                     &users, &err), ACM_OK);
    acm_users_free(users);
    assert_int_equal(acm_users_parse(pad, ACM_MAX_USERS_FILE + 1, NULL, NULL,
                                     &users, &err), ACM_TOOBIG);
    free(pad);
}


static void
test_modes(void **state)
{
    size_t       i;
    acm_err_t    err;
    struct stat  st;

    static const struct {
        mode_t       mode;
        const char  *error;
    } modes[] = {
        { S_IFREG | 0600, NULL },
        { S_IFREG | 0640, NULL },
        { S_IFREG | 0400, NULL },
        { S_IFREG | 0440, NULL },
        { S_IFREG | 0644, "mode 644 lets others at it; run \"chmod o= f\"" },
        { S_IFREG | 0602, "lets others" },
        { S_IFREG | 0601, "lets others" },
        { S_IFREG | 0660, "neither 600 nor 640; run \"chmod 640 f\"" },
        { S_IFREG | 0700, "neither 600 nor 640" },
        { S_IFDIR | 0600, "is not a regular file" },
        { S_IFIFO | 0600, "is not a regular file" }
    };

    (void) state;

    memset(&st, 0, sizeof(st));
    st.st_uid = geteuid();

    for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        st.st_mode = modes[i].mode;

        if (modes[i].error == NULL) {
            test_ok(acm_users_mode(&st, "f", &err));

        } else {
            assert_int_equal(acm_users_mode(&st, "f", &err), ACM_DENIED);
            assert_non_null(strstr(err.text, modes[i].error));
        }
    }

    st.st_mode = S_IFREG | 0600;
    st.st_uid = 0;
    test_ok(acm_users_mode(&st, "f", &err));
    st.st_uid = geteuid() + 1;
    assert_int_equal(acm_users_mode(&st, "f", &err), ACM_DENIED);
    assert_non_null(strstr(err.text, "chown root f"));
}


static void
test_write(const char *path, const char *text, mode_t mode)
{
    FILE  *f;

    (void) unlink(path);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}


static void
test_files(void **state)
{
    char             *dir, *text, path[512], secret[512], s[2048];
    acm_err_t         err;
    acm_users_t      *users;
    acm_sigv4_key_t   key;

    (void) state;

    dir = test_mkdir();
    snprintf(path, sizeof(path), "%s/users.json", dir);
    snprintf(secret, sizeof(secret), "%s/secret", dir);

    assert_int_equal(acm_users_read(path, &users, &err), ACM_NOTFOUND);
    assert_non_null(strstr(err.text, "users.json"));

    text = test_text(test_file);
    test_write(path, text, 0640);
    free(text);
    test_ok(acm_users_read(path, &users, &err));
    assert_int_equal(acm_users_keys(users), 5);
    acm_users_free(users);

    test_write(path, "{}", 0604);
    assert_int_equal(acm_users_read(path, &users, &err), ACM_DENIED);

    test_write(path, "{]", 0600);
    assert_int_equal(acm_users_read(path, &users, &err), ACM_INVALID);
    assert_non_null(strstr(err.text, "users.json\": no valid JSON"));

    /* a secret in a file of its own */

    snprintf(s, sizeof(s), TEST_USERS("'AccessKeys':[{'AccessKeyId':"
             "'AKIDEXAMPLEEXAMPLE','SecretAccessKeyFile':'%s'}]"), secret);
    text = test_text(s);
    test_write(path, text, 0600);
    free(text);

    assert_int_equal(acm_users_read(path, &users, &err), ACM_NOTFOUND);
    assert_non_null(strstr(err.text, "AccessKeys 1: SecretAccessKeyFile"));

    test_write(secret, TEST_SECRET "\n", 0600);
    test_ok(acm_users_read(path, &users, &err));
    (void) test_key(users, "AKIDEXAMPLEEXAMPLE", &key);
    assert_int_equal(key.len, 40);
    assert_memory_equal(key.secret, TEST_SECRET, 40);
    acm_users_free(users);

    test_write(secret, TEST_SECRET, 0644);
    assert_int_equal(acm_users_read(path, &users, &err), ACM_DENIED);

    test_write(secret, "two\nlines of a file", 0600);
    assert_int_equal(acm_users_read(path, &users, &err), ACM_INVALID);

    memset(s, 'a', ACM_MAX_SIGV4_SECRET + 2);
    s[ACM_MAX_SIGV4_SECRET] = '\0';
    test_write(secret, s, 0600);
    test_ok(acm_users_read(path, &users, &err));
    acm_users_free(users);

    s[ACM_MAX_SIGV4_SECRET] = 'a';
    s[ACM_MAX_SIGV4_SECRET + 1] = '\0';
    test_write(secret, s, 0600);
    assert_int_equal(acm_users_read(path, &users, &err), ACM_INVALID);

    test_rmdir(dir);
}


static void
test_memory(void **state)
{
    acm_rc_t        rc;
    acm_err_t       err;
    acm_users_t    *users;
    unsigned long   n;

    (void) state;

    for (n = 1; ; n++) {
        acm_alloc_fail_at(n);
        rc = test_parse(test_file, &users, &err);

        if (acm_alloc_fail_at(0) != 0) {
            break;
        }

        assert_int_equal(rc, ACM_NOMEM);
    }

    test_ok(rc);
    acm_users_free(users);
}


static void
test_made(void **state)
{
    char       id[2][ACM_KEY_ID_LEN + 1], secret[2][ACM_SECRET_LEN + 1];
    size_t     i;
    acm_err_t  err;

    (void) state;

    for (i = 0; i < 2; i++) {
        test_ok(acm_user_key_make("AKIA", id[i], secret[i], &err));
        assert_int_equal(strlen(id[i]), ACM_KEY_ID_LEN);
        assert_int_equal(strlen(secret[i]), ACM_SECRET_LEN);
        assert_memory_equal(id[i], "AKIA", 4);
        assert_int_equal(strspn(id[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
                         ACM_KEY_ID_LEN);
    }

    assert_string_not_equal(id[0], id[1]);
    assert_string_not_equal(secret[0], secret[1]);
    test_ok(acm_user_key_make("AIDA", id[0], NULL, &err));
    assert_memory_equal(id[0], "AIDA", 4);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_scp),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_made)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
