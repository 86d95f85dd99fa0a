
/*
 * Copyright (C) The ngx_acm authors
 *
 * The file of users: names, policies, tags.
 */


#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acm_user_impl.h"


#define ACM_NAME_CHARS  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
                        "0123456789_+=,.@-"


static acm_rc_t acm_users_path(acm_users_parse_t *p, const json_t *json,
    const char **path);
static acm_rc_t acm_users_reference(acm_users_parse_t *p,
    const json_t *json, const char *member, const acm_policy_t **policy);
static const acm_policy_t *acm_users_local(const acm_users_parse_t *p,
    const char *ref);
static acm_rc_t acm_users_managed(acm_users_parse_t *p, const char *document,
    const char *ref, const acm_policy_t **policy);


acm_rc_t
acm_users_bad(acm_users_parse_t *p, acm_rc_t rc, const char *fmt, ...)
{
    char     text[ACM_MAX_ERROR];
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    return acm_fail(p->err, rc, "%s%s%.400s", p->where,
                    *p->where ? ": " : "", text);
}


acm_rc_t
acm_users_nomem(acm_users_parse_t *p)
{
    return acm_fail(p->err, ACM_NOMEM, "no memory for users");
}


acm_rc_t
acm_users_members(acm_users_parse_t *p, const json_t *json,
    const char *const *known)
{
    size_t       i;
    json_t      *value;
    const char  *name;

    if (!json_is_object(json)) {
        return acm_users_bad(p, ACM_INVALID, "must be an object");
    }

    json_object_foreach((json_t *) json, name, value) {

        for (i = 0; known[i] != NULL; i++) {
            if (strcmp(known[i], name) == 0) {
                break;
            }
        }

        if (known[i] == NULL) {
            return acm_users_bad(p, ACM_INVALID, "unknown member \"%.64s\"; "
                                 "names are case-sensitive", name);
        }
    }

    return ACM_OK;
}


acm_rc_t
acm_users_list(acm_users_parse_t *p, const json_t *json, const char *name,
    size_t max, json_t **list, size_t *n)
{
    *n = 0;
    *list = json_object_get(json, name);

    if (*list == NULL) {
        return ACM_OK;
    }

    if (!json_is_array(*list)) {
        return acm_users_bad(p, ACM_INVALID, "%s must be a list, in [ ]",
                             name);
    }

    if (json_array_size(*list) > max) {
        return acm_users_bad(p, ACM_TOOBIG, "%s has %zu entries, %zu are "
                             "allowed", name, json_array_size(*list), max);
    }

    *n = json_array_size(*list);

    return ACM_OK;
}


acm_rc_t
acm_users_name(acm_users_parse_t *p, const json_t *json, const char *member,
    size_t max, const char **name)
{
    const char  *s;

    s = acm_json_string(json, member);

    if (s == NULL || *s == '\0' || strlen(s) > max
        || s[strspn(s, ACM_NAME_CHARS)] != '\0')
    {
        return acm_users_bad(p, ACM_INVALID, "%s must be 1 to %zu letters, "
                             "digits or characters of \"_+=,.@-\"", member,
                             max);
    }

    *name = acm_arena_text(&p->users->arena, s, strlen(s));

    return (*name != NULL) ? ACM_OK : acm_users_nomem(p);
}


acm_rc_t
acm_users_text(acm_users_parse_t *p, const json_t *json, const char *member,
    size_t max, int optional, const char **text)
{
    size_t       i;
    json_t      *value;
    const char  *s;

    *text = NULL;
    value = json_object_get(json, member);

    if (value == NULL && optional) {
        return ACM_OK;
    }

    s = json_string_value(value);

    for (i = 0; s != NULL && s[i] != '\0'; i++) {
        if (s[i] <= ' ' || s[i] > '~') {
            break;
        }
    }

    /* never the value itself: it may be a secret */

    if (s == NULL || s[i] != '\0' || i == 0 || i > max) {
        return acm_users_bad(p, ACM_INVALID, "%s must be a text of 1 to %zu "
                             "visible characters without blanks", member,
                             max);
    }

    *text = acm_arena_text(&p->users->arena, s, i);

    return (*text != NULL) ? ACM_OK : acm_users_nomem(p);
}


static acm_rc_t
acm_users_path(acm_users_parse_t *p, const json_t *json, const char **path)
{
    size_t   n;
    json_t  *value;

    *path = "/";
    value = json_object_get(json, "Path");

    if (value == NULL) {
        return ACM_OK;
    }

    *path = json_string_value(value);
    n = (*path != NULL) ? strlen(*path) : 0;

    if (n == 0 || n > ACM_MAX_USER_PATH || (*path)[0] != '/'
        || (*path)[n - 1] != '/'
        || (*path)[strspn(*path, ACM_NAME_CHARS "/")] != '\0')
    {
        return acm_users_bad(p, ACM_INVALID, "Path must begin and end with "
                             "\"/\" and have up to %d letters, digits or "
                             "characters of \"_+=,.@-\"", ACM_MAX_USER_PATH);
    }

    return ACM_OK;
}


acm_rc_t
acm_users_arn(acm_users_parse_t *p, const json_t *json, const char *kind,
    const char *name, const char **arn)
{
    char         buf[ACM_MAX_USER_PATH + ACM_MAX_POLICY_NAME + 64];
    json_t      *value;
    acm_rc_t     rc;
    const char  *path;

    rc = acm_users_path(p, json, &path);

    if (rc != ACM_OK) {
        return rc;
    }

    (void) snprintf(buf, sizeof(buf), "arn:aws:iam::%s:%s%s%s", p->account,
                    kind, path, name);

    value = json_object_get(json, "Arn");

    if (value != NULL
        && (!json_is_string(value)
            || strcmp(json_string_value(value), buf) != 0))
    {
        return acm_users_bad(p, ACM_INVALID, "Arn is not that of name, path "
                             "and account, \"%.200s\"; remove it", buf);
    }

    *arn = acm_arena_text(&p->users->arena, buf, strlen(buf));

    return (*arn != NULL) ? ACM_OK : acm_users_nomem(p);
}


acm_rc_t
acm_users_inline(acm_users_parse_t *p, const json_t *json,
    const char *member)
{
    size_t         i, n;
    json_t        *list, *one;
    acm_rc_t       rc;
    const char    *name;
    acm_policy_t  *policy;

    static const char *const  known[] = {
        "PolicyName", "Comment", "PolicyDocument", NULL
    };

    rc = acm_users_list(p, json, member, ACM_MAX_USER_POLICIES, &list, &n);

    for (i = 0; rc == ACM_OK && i < n; i++) {
        one = json_array_get(list, i);
        rc = acm_users_members(p, one, known);

        if (rc == ACM_OK) {
            rc = acm_users_name(p, one, "PolicyName", ACM_MAX_POLICY_NAME,
                                &name);
        }

        if (rc == ACM_OK) {
            rc = acm_users_document(p, one, name, &policy);
        }

        if (rc == ACM_OK) {
            rc = acm_users_found(p, policy);
        }
    }

    return rc;
}


acm_rc_t
acm_users_document(acm_users_parse_t *p, const json_t *json,
    const char *name, acm_policy_t **policy)
{
    json_t  *document;

    document = json_object_get(json, "PolicyDocument");

    if (document == NULL) {
        return acm_users_bad(p, ACM_INVALID, "policy \"%s\" has no "
                             "PolicyDocument", name);
    }

    return acm_users_own(p, document, name, policy);
}


acm_rc_t
acm_users_own(acm_users_parse_t *p, const json_t *json, const char *name,
    acm_policy_t **policy)
{
    acm_rc_t            rc;
    acm_err_t           err;
    acm_user_policy_t  *own;

    own = acm_arena_alloc(&p->users->arena, 1, sizeof(acm_user_policy_t));

    if (own == NULL) {
        return acm_users_nomem(p);
    }

    rc = acm_policy_load(json, name, policy, &err);

    if (rc != ACM_OK) {
        return (rc == ACM_NOMEM) ? acm_users_nomem(p)
                                 : acm_users_bad(p, rc, "%s", err.text);
    }

    own->policy = *policy;
    own->next = p->users->owned;
    p->users->owned = own;

    return ACM_OK;
}


acm_rc_t
acm_users_attached(acm_users_parse_t *p, const json_t *json,
    const char *member)
{
    size_t               i, n;
    json_t              *list;
    acm_rc_t             rc;
    const acm_policy_t  *policy;

    rc = acm_users_list(p, json, member, ACM_MAX_USER_POLICIES, &list, &n);

    for (i = 0; rc == ACM_OK && i < n; i++) {
        rc = acm_users_reference(p, json_array_get(list, i), member,
                                 &policy);

        if (rc == ACM_OK) {
            rc = acm_users_found(p, policy);
        }
    }

    return rc;
}


acm_rc_t
acm_users_boundary(acm_users_parse_t *p, const json_t *json,
    acm_policies_t *policies)
{
    json_t              *value;
    acm_rc_t             rc;
    const acm_policy_t  *policy;

    value = json_object_get(json, "PermissionsBoundary");

    if (value == NULL) {
        return ACM_OK;
    }

    rc = acm_users_reference(p, value, "PermissionsBoundary", &policy);

    if (rc != ACM_OK) {
        return rc;
    }

    p->nfound = 0;
    rc = acm_users_found(p, policy);

    return (rc == ACM_OK) ? acm_users_collected(p, policies) : rc;
}


/* A name or an ARN, by itself or in the objects of IAM. */

static acm_rc_t
acm_users_reference(acm_users_parse_t *p, const json_t *json,
    const char *member, const acm_policy_t **policy)
{
    acm_rc_t     rc;
    const char  *ref, *document;

    static const char *const  known[] = {
        "PolicyName", "PolicyArn", "PermissionsBoundaryType",
        "PermissionsBoundaryArn", NULL
    };

    ref = json_string_value(json);

    if (json_is_object(json)) {
        rc = acm_users_members(p, json, known);

        if (rc != ACM_OK) {
            return rc;
        }

        ref = acm_json_string(json, "PolicyArn");

        if (ref == NULL) {
            ref = acm_json_string(json, "PermissionsBoundaryArn");
        }

        if (ref == NULL) {
            ref = acm_json_string(json, "PolicyName");
        }
    }

    if (ref == NULL) {
        return acm_users_bad(p, ACM_INVALID, "%s: a policy is named by its "
                             "name or its ARN", member);
    }

    document = acm_policy_managed(ref);

    if (document != NULL) {
        return acm_users_managed(p, document, ref, policy);
    }

    *policy = acm_users_local(p, ref);

    if (*policy == NULL) {
        return acm_users_bad(p, ACM_INVALID, "%s: there is no policy "
                             "\"%.128s\"; add it to Policies of the account, "
                             "or name one of AWS's for ACM", member, ref);
    }

    return ACM_OK;
}


static const acm_policy_t *
acm_users_local(const acm_users_parse_t *p, const char *ref)
{
    char                arn[64];
    const char         *slash;
    acm_user_policy_t  *named;

    (void) snprintf(arn, sizeof(arn), "arn:aws:iam::%s:policy/", p->account);

    /* names are unique, whatever their path is */

    if (strncmp(ref, arn, strlen(arn)) == 0) {
        slash = strrchr(ref, '/');
        ref = slash + 1;
    }

    for (named = p->named; named != NULL; named = named->next) {
        if (strcasecmp(named->name, ref) == 0) {
            return named->policy;
        }
    }

    return NULL;
}


static acm_rc_t
acm_users_managed(acm_users_parse_t *p, const char *document,
    const char *ref, const acm_policy_t **policy)
{
    json_t             *json;
    acm_rc_t            rc;
    const char         *name;
    acm_policy_t       *parsed;
    acm_user_policy_t  *m;

    for (m = p->managed; m != NULL; m = m->next) {
        if (m->document == document) {
            *policy = m->policy;
            return ACM_OK;
        }
    }

    name = strrchr(ref, '/');
    name = (name != NULL) ? name + 1 : ref;

    m = acm_arena_alloc(&p->users->arena, 1, sizeof(acm_user_policy_t));

    if (m == NULL) {
        return acm_users_nomem(p);
    }

    rc = acm_json_parse(document, strlen(document), ACM_MAX_POLICY_TEXT,
                        &json, NULL);

    if (rc != ACM_OK) {
        return acm_users_bad(p, rc, "policy \"%s\" cannot be read", name);
    }

    rc = acm_users_own(p, json, name, &parsed);
    json_decref(json);

    if (rc != ACM_OK) {
        return rc;
    }

    m->document = document;
    m->policy = parsed;
    m->next = p->managed;
    p->managed = m;
    *policy = parsed;

    return ACM_OK;
}


acm_rc_t
acm_users_found(acm_users_parse_t *p, const acm_policy_t *policy)
{
    size_t  i;

    for (i = 0; i < p->nfound; i++) {
        if (p->found[i] == policy) {
            return ACM_OK;
        }
    }

    if (p->nfound == ACM_MAX_USER_POLICIES) {
        return acm_users_bad(p, ACM_TOOBIG, "over %d policies, those of its "
                             "groups included; make fewer of them",
                             ACM_MAX_USER_POLICIES);
    }

    p->found[p->nfound++] = policy;

    return ACM_OK;
}


acm_rc_t
acm_users_collected(acm_users_parse_t *p, acm_policies_t *policies)
{
    policies->list = acm_arena_alloc(&p->users->arena, p->nfound,
                                     sizeof(acm_policy_t *));

    if (policies->list == NULL) {
        return acm_users_nomem(p);
    }

    memcpy(policies->list, p->found, p->nfound * sizeof(acm_policy_t *));
    policies->n = p->nfound;
    policies->set = 1;

    return ACM_OK;
}


acm_rc_t
acm_users_tags(acm_users_parse_t *p, const json_t *json, acm_user_t *user)
{
    size_t           i, k, n;
    json_t          *list, *one;
    acm_rc_t         rc;
    const char      *key, *value;
    acm_user_tag_t  *tags;

    static const char *const  known[] = { "Key", "Value", NULL };

    rc = acm_users_list(p, json, "Tags", ACM_MAX_USER_TAGS, &list, &n);

    if (rc != ACM_OK) {
        return rc;
    }

    tags = acm_arena_alloc(&p->users->arena, n, sizeof(acm_user_tag_t));

    if (tags == NULL) {
        return acm_users_nomem(p);
    }

    for (i = 0; i < n; i++) {
        one = json_array_get(list, i);
        rc = acm_users_members(p, one, known);

        if (rc != ACM_OK) {
            return rc;
        }

        key = acm_json_string(one, "Key");
        value = acm_json_string(one, "Value");

        if (key == NULL || value == NULL || *key == '\0'
            || strlen(key) > ACM_MAX_USER_TAG_KEY
            || strlen(value) > ACM_MAX_USER_TAG)
        {
            return acm_users_bad(p, ACM_INVALID, "Tags %zu must have a Key "
                                 "of 1 to %d octets and a Value of up to %d",
                                 i + 1, ACM_MAX_USER_TAG_KEY,
                                 ACM_MAX_USER_TAG);
        }

        for (k = 0; k < i; k++) {
            if (strcasecmp(tags[k].key, key) == 0) {
                return acm_users_bad(p, ACM_INVALID, "Tags: Key \"%s\" is "
                                     "there already", key);
            }
        }

        tags[i].key = acm_arena_text(&p->users->arena, key, strlen(key));
        tags[i].value = acm_arena_text(&p->users->arena, value,
                                       strlen(value));

        if (tags[i].key == NULL || tags[i].value == NULL) {
            return acm_users_nomem(p);
        }
    }

    user->tags = tags;
    user->ntags = n;

    return ACM_OK;
}
