
/*
 * Copyright (C) The ngx_acm authors
 *
 * The file of users: accounts, and who is in them.
 */


#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "acm_user_impl.h"


static acm_rc_t acm_users_accounts(acm_users_parse_t *p, const json_t *json);
static acm_rc_t acm_users_account(acm_users_parse_t *p, const json_t *json);
static acm_rc_t acm_users_account_id(acm_users_parse_t *p,
    const json_t *json);
static acm_rc_t acm_users_named(acm_users_parse_t *p, const json_t *json);
static acm_rc_t acm_users_named_one(acm_users_parse_t *p,
    const json_t *json);
static acm_rc_t acm_users_groups(acm_users_parse_t *p, const json_t *json);
static acm_rc_t acm_users_group(acm_users_parse_t *p, const json_t *json);
static acm_rc_t acm_users_root(acm_users_parse_t *p, const json_t *json);
static acm_rc_t acm_users_all(acm_users_parse_t *p, const json_t *json,
    const char *member, acm_user_e kind);
static acm_rc_t acm_users_user(acm_users_parse_t *p, const json_t *json);
static acm_rc_t acm_users_role(acm_users_parse_t *p, const json_t *json);
static acm_rc_t acm_users_member_of(acm_users_parse_t *p,
    const json_t *json);
static acm_rc_t acm_users_new(acm_users_parse_t *p, acm_user_e kind,
    acm_user_t **user);
static acm_rc_t acm_users_sort(acm_users_parse_t *p);
static int acm_users_key_order(const void *a, const void *b);


static const char *const  acm_account_members[] = {
    "AccountId", "Comment", "RootUser", "ServiceControlPolicies", "Policies",
    "Groups", "Users", "Roles", NULL
};

static const char *const  acm_group_members[] = {
    "GroupName", "Comment", "GroupId", "Path", "Arn", "CreateDate",
    "GroupPolicyList", "AttachedManagedPolicies", NULL
};

static const char *const  acm_user_members[] = {
    "UserName", "Comment", "UserId", "Path", "Arn", "CreateDate",
    "PasswordLastUsed", "UserPolicyList", "GroupList",
    "AttachedManagedPolicies", "PermissionsBoundary", "Tags", "AccessKeys",
    NULL
};

static const char *const  acm_role_members[] = {
    "RoleName", "Comment", "RoleId", "Path", "Arn", "CreateDate",
    "Description", "MaxSessionDuration", "RoleLastUsed",
    "AssumeRolePolicyDocument", "InstanceProfileList", "RolePolicyList",
    "AttachedManagedPolicies", "PermissionsBoundary", "Tags", "Sessions",
    NULL
};


acm_rc_t
acm_users_parse(const char *text, size_t len, acm_users_secret_pt secret,
    void *data, acm_users_t **users, acm_err_t *err)
{
    int                 n;
    json_t             *json;
    acm_rc_t            rc;
    acm_err_t           e;
    const char         *near;
    acm_users_parse_t   p;

    memset(&p, 0, sizeof(acm_users_parse_t));

    p.secret = secret;
    p.data = data;
    p.err = err;
    p.users = acm_calloc(1, sizeof(acm_users_t));

    if (p.users == NULL) {
        return acm_users_nomem(&p);
    }

    acm_json_wipe_begin();

    rc = acm_json_parse(text, len, ACM_MAX_USERS_FILE, &json, &e);

    if (rc == ACM_OK) {
        rc = acm_users_accounts(&p, json);
        json_decref(json);

    } else {

        /* what the fault is near to may be a secret */

        near = strstr(e.text, " near ");
        n = (near != NULL) ? (int) (near - e.text) : (int) sizeof(e.text);
        (void) acm_fail(err, rc, "%.*s", n, e.text);
    }

    acm_json_wipe_end();

    if (rc == ACM_OK) {
        p.where[0] = '\0';
        rc = acm_users_sort(&p);
    }

    if (rc != ACM_OK) {
        acm_users_free(p.users);
        return rc;
    }

    *users = p.users;

    return ACM_OK;
}


static acm_rc_t
acm_users_accounts(acm_users_parse_t *p, const json_t *json)
{
    size_t     i, n;
    json_t    *list;
    acm_rc_t   rc;

    static const char *const  known[] = { "Comment", "Accounts", NULL };

    rc = acm_users_members(p, json, known);

    if (rc == ACM_OK) {
        rc = acm_users_list(p, json, "Accounts", ACM_MAX_ACCOUNTS, &list, &n);
    }

    for (i = 0; rc == ACM_OK && i < n; i++) {
        (void) snprintf(p->where, sizeof(p->where), "account %zu", i + 1);
        rc = acm_users_account(p, json_array_get(list, i));
    }

    return rc;
}


/* Names are known before they are referred to. */

static acm_rc_t
acm_users_account(acm_users_parse_t *p, const json_t *json)
{
    acm_rc_t  rc;

    p->named = NULL;
    p->groups = NULL;
    memset(&p->scp, 0, sizeof(acm_policies_t));

    rc = acm_users_members(p, json, acm_account_members);

    if (rc == ACM_OK) {
        rc = acm_users_account_id(p, json);
    }

    if (rc == ACM_OK) {
        rc = acm_users_named(p, json);
    }

    if (rc == ACM_OK && json_object_get(json, "ServiceControlPolicies")) {
        (void) snprintf(p->where, sizeof(p->where), "account %s", p->account);
        p->nfound = 0;
        rc = acm_users_attached(p, json, "ServiceControlPolicies");

        if (rc == ACM_OK) {
            rc = acm_users_collected(p, &p->scp);
        }
    }

    if (rc == ACM_OK) {
        rc = acm_users_groups(p, json);
    }

    if (rc == ACM_OK) {
        rc = acm_users_root(p, json);
    }

    if (rc == ACM_OK) {
        rc = acm_users_all(p, json, "Users", ACM_USER_IAM);
    }

    if (rc == ACM_OK) {
        rc = acm_users_all(p, json, "Roles", ACM_USER_ROLE);
    }

    return rc;
}


static acm_rc_t
acm_users_account_id(acm_users_parse_t *p, const json_t *json)
{
    size_t       i;
    const char  *id;

    id = acm_json_string(json, "AccountId");

    if (id == NULL || strlen(id) != ACM_ACCOUNT_LEN
        || strspn(id, "0123456789") != ACM_ACCOUNT_LEN)
    {
        return acm_users_bad(p, ACM_INVALID, "AccountId must be a text of %d "
                             "digits, like \"123456789012\"",
                             ACM_ACCOUNT_LEN);
    }

    for (i = 0; i < p->users->nusers; i++) {
        if (strcmp(p->users->users[i]->account, id) == 0) {
            return acm_users_bad(p, ACM_INVALID, "AccountId \"%s\" is there "
                                 "already; make one of both", id);
        }
    }

    p->account = acm_arena_text(&p->users->arena, id, strlen(id));

    return (p->account != NULL) ? ACM_OK : acm_users_nomem(p);
}


static acm_rc_t
acm_users_named(acm_users_parse_t *p, const json_t *json)
{
    size_t     i, n;
    json_t    *list;
    acm_rc_t   rc;

    rc = acm_users_list(p, json, "Policies", ACM_MAX_NAMED, &list, &n);

    for (i = 0; rc == ACM_OK && i < n; i++) {
        (void) snprintf(p->where, sizeof(p->where), "account %s, Policies "
                        "%zu", p->account, i + 1);
        rc = acm_users_named_one(p, json_array_get(list, i));
    }

    return rc;
}


static acm_rc_t
acm_users_named_one(acm_users_parse_t *p, const json_t *json)
{
    acm_rc_t            rc;
    const char         *name, *arn;
    acm_policy_t       *policy;
    acm_user_policy_t  *named;

    static const char *const  known[] = {
        "PolicyName", "Comment", "PolicyId", "Path", "Arn", "CreateDate",
        "UpdateDate", "AttachmentCount", "PermissionsBoundaryUsageCount",
        "IsAttachable", "DefaultVersionId", "Description", "PolicyDocument",
        NULL
    };

    rc = acm_users_members(p, json, known);

    if (rc == ACM_OK) {
        rc = acm_users_name(p, json, "PolicyName", ACM_MAX_POLICY_NAME,
                            &name);
    }

    if (rc == ACM_OK) {
        rc = acm_users_arn(p, json, "policy", name, &arn);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    if (acm_policy_managed(name) != NULL) {
        return acm_users_bad(p, ACM_INVALID, "PolicyName \"%s\" is that of a "
                             "policy of AWS; take another one", name);
    }

    for (named = p->named; named != NULL; named = named->next) {
        if (strcasecmp(named->name, name) == 0) {
            return acm_users_bad(p, ACM_INVALID, "PolicyName \"%s\" is there "
                                 "already; rename one of them", name);
        }
    }

    named = acm_arena_alloc(&p->users->arena, 1, sizeof(acm_user_policy_t));

    if (named == NULL) {
        return acm_users_nomem(p);
    }

    rc = acm_users_document(p, json, name, &policy);

    if (rc != ACM_OK) {
        return rc;
    }

    named->name = name;
    named->policy = policy;
    named->next = p->named;
    p->named = named;

    return ACM_OK;
}


static acm_rc_t
acm_users_groups(acm_users_parse_t *p, const json_t *json)
{
    size_t     i, n;
    json_t    *list;
    acm_rc_t   rc;

    rc = acm_users_list(p, json, "Groups", ACM_MAX_USER_GROUPS, &list, &n);

    for (i = 0; rc == ACM_OK && i < n; i++) {
        (void) snprintf(p->where, sizeof(p->where), "account %s, Groups %zu",
                        p->account, i + 1);
        rc = acm_users_group(p, json_array_get(list, i));
    }

    return rc;
}


static acm_rc_t
acm_users_group(acm_users_parse_t *p, const json_t *json)
{
    acm_rc_t           rc;
    const char        *arn;
    acm_user_group_t  *group, *g;

    p->nfound = 0;

    group = acm_arena_alloc(&p->users->arena, 1, sizeof(acm_user_group_t));

    if (group == NULL) {
        return acm_users_nomem(p);
    }

    rc = acm_users_name(p, json, "GroupName", ACM_MAX_POLICY_NAME,
                        &group->name);

    if (rc != ACM_OK) {
        return rc;
    }

    (void) snprintf(p->where, sizeof(p->where), "account %s, group \"%s\"",
                    p->account, group->name);

    for (g = p->groups; g != NULL; g = g->next) {
        if (strcasecmp(g->name, group->name) == 0) {
            return acm_users_bad(p, ACM_INVALID, "is there already; rename "
                                 "one of them");
        }
    }

    rc = acm_users_members(p, json, acm_group_members);

    if (rc == ACM_OK) {
        rc = acm_users_arn(p, json, "group", group->name, &arn);
    }

    if (rc == ACM_OK) {
        rc = acm_users_inline(p, json, "GroupPolicyList");
    }

    if (rc == ACM_OK) {
        rc = acm_users_attached(p, json, "AttachedManagedPolicies");
    }

    if (rc == ACM_OK) {
        rc = acm_users_collected(p, &group->policies);
    }

    group->next = p->groups;
    p->groups = group;

    return rc;
}


static acm_rc_t
acm_users_root(acm_users_parse_t *p, const json_t *json)
{
    char         arn[64];
    json_t      *root;
    acm_rc_t     rc;
    acm_user_t  *user;

    static const char *const  known[] = { "Comment", "AccessKeys", NULL };

    /* also of an account without its own, so that no id comes twice */

    rc = acm_users_new(p, ACM_USER_ROOT, &user);

    if (rc != ACM_OK) {
        return rc;
    }

    (void) snprintf(arn, sizeof(arn), "arn:aws:iam::%s:root", p->account);

    user->name = "root";
    user->id = p->account;
    user->arn = acm_arena_text(&p->users->arena, arn, strlen(arn));
    user->principal = user->arn;

    if (user->arn == NULL) {
        return acm_users_nomem(p);
    }

    root = json_object_get(json, "RootUser");

    if (root == NULL) {
        return ACM_OK;
    }

    (void) snprintf(p->where, sizeof(p->where), "account %s, RootUser",
                    p->account);

    rc = acm_users_members(p, root, known);

    return (rc == ACM_OK) ? acm_users_access_keys(p, root, user) : rc;
}


static acm_rc_t
acm_users_all(acm_users_parse_t *p, const json_t *json, const char *member,
    acm_user_e kind)
{
    size_t     i, n;
    json_t    *list, *one;
    acm_rc_t   rc;

    rc = acm_users_list(p, json, member, ACM_MAX_USERS, &list, &n);

    for (i = 0; rc == ACM_OK && i < n; i++) {
        (void) snprintf(p->where, sizeof(p->where), "account %s, %s %zu",
                        p->account, member, i + 1);

        p->nfound = 0;
        one = json_array_get(list, i);
        rc = (kind == ACM_USER_IAM) ? acm_users_user(p, one)
                                    : acm_users_role(p, one);
    }

    return rc;
}


static acm_rc_t
acm_users_user(acm_users_parse_t *p, const json_t *json)
{
    acm_rc_t     rc;
    acm_user_t  *user;

    rc = acm_users_new(p, ACM_USER_IAM, &user);

    if (rc == ACM_OK) {
        rc = acm_users_name(p, json, "UserName", ACM_MAX_USER_NAME,
                            &user->name);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    (void) snprintf(p->where, sizeof(p->where), "account %s, user \"%s\"",
                    p->account, user->name);

    rc = acm_users_members(p, json, acm_user_members);

    if (rc == ACM_OK) {
        rc = acm_users_text(p, json, "UserId", ACM_MAX_LABEL, 1, &user->id);
    }

    if (rc == ACM_OK) {
        rc = acm_users_arn(p, json, "user", user->name, &user->arn);
        user->principal = user->arn;
    }

    if (rc == ACM_OK) {
        rc = acm_users_tags(p, json, user);
    }

    if (rc == ACM_OK) {
        rc = acm_users_inline(p, json, "UserPolicyList");
    }

    if (rc == ACM_OK) {
        rc = acm_users_attached(p, json, "AttachedManagedPolicies");
    }

    if (rc == ACM_OK) {
        rc = acm_users_member_of(p, json);
    }

    if (rc == ACM_OK) {
        rc = acm_users_collected(p, &user->policies[ACM_POLICY_IDENTITY]);
    }

    if (rc == ACM_OK) {
        rc = acm_users_boundary(p, json,
                                &user->policies[ACM_POLICY_BOUNDARY]);
    }

    return (rc == ACM_OK) ? acm_users_access_keys(p, json, user) : rc;
}


static acm_rc_t
acm_users_role(acm_users_parse_t *p, const json_t *json)
{
    acm_rc_t     rc;
    acm_user_t  *user;

    rc = acm_users_new(p, ACM_USER_ROLE, &user);

    if (rc == ACM_OK) {
        rc = acm_users_name(p, json, "RoleName", ACM_MAX_USER_NAME,
                            &user->name);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    (void) snprintf(p->where, sizeof(p->where), "account %s, role \"%s\"",
                    p->account, user->name);

    rc = acm_users_members(p, json, acm_role_members);

    if (rc == ACM_OK) {
        rc = acm_users_text(p, json, "RoleId", ACM_MAX_LABEL, 1, &user->id);
    }

    if (rc == ACM_OK) {
        rc = acm_users_arn(p, json, "role", user->name, &user->arn);
        user->principal = user->arn;
    }

    if (rc == ACM_OK) {
        rc = acm_users_tags(p, json, user);
    }

    if (rc == ACM_OK) {
        rc = acm_users_inline(p, json, "RolePolicyList");
    }

    if (rc == ACM_OK) {
        rc = acm_users_attached(p, json, "AttachedManagedPolicies");
    }

    if (rc == ACM_OK) {
        rc = acm_users_collected(p, &user->policies[ACM_POLICY_IDENTITY]);
    }

    if (rc == ACM_OK) {
        rc = acm_users_boundary(p, json,
                                &user->policies[ACM_POLICY_BOUNDARY]);
    }

    return (rc == ACM_OK) ? acm_users_access_keys(p, json, user) : rc;
}


static acm_rc_t
acm_users_member_of(acm_users_parse_t *p, const json_t *json)
{
    size_t             i, k, n;
    json_t            *list;
    acm_rc_t           rc;
    const char        *name;
    acm_user_group_t  *g;

    rc = acm_users_list(p, json, "GroupList", ACM_MAX_USER_GROUPS, &list, &n);

    for (i = 0; rc == ACM_OK && i < n; i++) {
        name = json_string_value(json_array_get(list, i));

        for (g = p->groups; g != NULL; g = g->next) {
            if (name != NULL && strcasecmp(g->name, name) == 0) {
                break;
            }
        }

        if (g == NULL) {
            return acm_users_bad(p, ACM_INVALID, "GroupList: there is no "
                                 "group \"%.64s\" in this account; add it to "
                                 "Groups", name ? name : "");
        }

        for (k = 0; rc == ACM_OK && k < g->policies.n; k++) {
            rc = acm_users_found(p, g->policies.list[k]);
        }
    }

    return rc;
}


static acm_rc_t
acm_users_new(acm_users_parse_t *p, acm_user_e kind, acm_user_t **user)
{
    size_t         size;
    acm_users_t   *users;
    acm_user_t   **list;

    users = p->users;

    if (users->nusers == users->users_size) {
        size = users->users_size ? 2 * users->users_size : 16;
        list = acm_realloc(users->users, size * sizeof(acm_user_t *));

        if (list == NULL) {
            return acm_users_nomem(p);
        }

        users->users = list;
        users->users_size = size;
    }

    *user = acm_arena_alloc(&users->arena, 1, sizeof(acm_user_t));

    if (*user == NULL) {
        return acm_users_nomem(p);
    }

    (*user)->kind = kind;
    (*user)->account = p->account;
    (*user)->policies[ACM_POLICY_SCP] = p->scp;

    users->users[users->nusers++] = *user;

    return ACM_OK;
}


/* What must be found fast is sorted, and what comes twice stands together. */

static acm_rc_t
acm_users_sort(acm_users_parse_t *p)
{
    size_t        i;
    acm_users_t  *u;

    u = p->users;

    if (u->nusers != 0) {
        qsort(u->users, u->nusers, sizeof(acm_user_t *), acm_user_order);
    }

    for (i = 1; i < u->nusers; i++) {
        if (acm_user_order(&u->users[i - 1], &u->users[i]) == 0) {
            return acm_users_bad(p, ACM_INVALID, "account %s has two %s "
                                 "\"%s\"; rename one of them",
                                 u->users[i]->account,
                                 u->users[i]->kind == ACM_USER_IAM
                                 ? "users" : "roles", u->users[i]->name);
        }
    }

    if (u->nkeys != 0) {
        qsort(u->keys, u->nkeys, sizeof(acm_user_key_t),
              acm_users_key_order);
    }

    for (i = 1; i < u->nkeys; i++) {
        if (acm_users_key_order(&u->keys[i - 1], &u->keys[i]) == 0) {
            return acm_users_bad(p, ACM_INVALID, "AccessKeyId \"%s\" is of "
                                 "both %s and %s; give one of them another "
                                 "key", u->keys[i].id,
                                 u->keys[i - 1].user->arn,
                                 u->keys[i].user->arn);
        }
    }

    return ACM_OK;
}


static int
acm_users_key_order(const void *a, const void *b)
{
    const acm_user_key_t  *x, *y;

    x = a;
    y = b;

    return strcmp(x->id, y->id);
}
