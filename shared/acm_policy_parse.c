
/*
 * Copyright (C) The ngx_acm authors
 *
 * Policy documents.
 */


#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "acm_policy_impl.h"


#define ACM_POLICY_NUMBER  32       /* octets of a JSON number as text */


static acm_rc_t acm_parse_document(acm_parse_t *p, const json_t *json);
static acm_rc_t acm_parse_version(acm_parse_t *p, const json_t *json);
static acm_rc_t acm_parse_statement(acm_parse_t *p, const json_t *json,
    acm_statement_t *st);
static acm_rc_t acm_parse_members(acm_parse_t *p, const json_t *json);
static acm_rc_t acm_parse_sid(acm_parse_t *p, const json_t *json,
    acm_statement_t *st);
static acm_rc_t acm_parse_either(acm_parse_t *p, const json_t *json,
    const char *name, const char *other, acm_patterns_t *patterns);
static acm_rc_t acm_parse_action(acm_parse_t *p, const char *s);
static acm_rc_t acm_parse_resource(acm_parse_t *p, const char *s);
static acm_rc_t acm_parse_conditions(acm_parse_t *p, const json_t *json,
    acm_statement_t *st);
static acm_rc_t acm_parse_operator(acm_parse_t *p, const char *name,
    acm_condition_t *cond);
static acm_rc_t acm_parse_key(acm_parse_t *p, const char *op,
    const char *key);
static acm_rc_t acm_parse_values(acm_parse_t *p, const char *op,
    const json_t *json, acm_condition_t *cond);
static acm_rc_t acm_parse_value(acm_parse_t *p, const char *op,
    const json_t *json, const acm_condition_t *cond, acm_pattern_t *out);
static const char *acm_parse_scalar(const json_t *json, char *buf);
static size_t acm_parse_count(const json_t *json);
static const json_t *acm_parse_item(const json_t *json, size_t i);


/* Of ACM's keys any other is a slip, and a statement that never applies. */

static const char *const  acm_policy_keys[] = {
    "acm:CertificateAuthority",
    "acm:CertificateTransparencyLogging",
    "acm:DomainNames",
    "acm:Export",
    "acm:KeyAlgorithm",
    "acm:ValidationMethod",
    NULL
};


acm_rc_t
acm_policy_parse(const char *text, size_t len, const char *name,
    acm_policy_t **policy, acm_err_t *err)
{
    json_t     *json;
    acm_rc_t    rc;
    acm_err_t   e;

    rc = acm_json_parse(text, len, ACM_MAX_POLICY_TEXT, &json, &e);

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "policy \"%.128s\": %.300s", name, e.text);
    }

    rc = acm_policy_load(json, name, policy, err);

    json_decref(json);

    return rc;
}


acm_rc_t
acm_policy_load(const json_t *json, const char *name, acm_policy_t **policy,
    acm_err_t *err)
{
    acm_rc_t      rc;
    acm_parse_t   p;

    memset(&p, 0, sizeof(acm_parse_t));

    p.err = err;
    p.policy = acm_calloc(1, sizeof(acm_policy_t));

    if (p.policy == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for a policy");
    }

    p.policy->name = acm_arena_text(&p.policy->arena, name, strlen(name));

    rc = (p.policy->name == NULL)
         ? acm_fail(err, ACM_NOMEM, "no memory for a policy")
         : acm_parse_document(&p, json);

    if (rc != ACM_OK) {
        acm_policy_free(p.policy);
        return rc;
    }

    *policy = p.policy;

    return ACM_OK;
}


void
acm_policy_free(acm_policy_t *policy)
{
    if (policy == NULL) {
        return;
    }

    acm_arena_free(&policy->arena);
    acm_free(policy);
}


const char *
acm_policy_name(const acm_policy_t *policy)
{
    return policy->name;
}


static acm_rc_t
acm_parse_document(acm_parse_t *p, const json_t *json)
{
    size_t         i, n;
    json_t        *list, *value;
    acm_rc_t       rc;
    const char    *name;

    if (!json_is_object(json)) {
        return acm_parse_bad(p, ACM_INVALID, "a document is an object with "
                             "Version and Statement");
    }

    /* as it would be without white space */

    n = json_dumpb(json, NULL, 0, JSON_COMPACT);

    if (n > ACM_MAX_POLICY) {
        return acm_parse_bad(p, ACM_TOOBIG, "%zu octets without white space, "
                             "%d are allowed; make several of it", n,
                             ACM_MAX_POLICY);
    }

    json_object_foreach((json_t *) json, name, value) {
        if (strcmp(name, "Version") != 0 && strcmp(name, "Id") != 0
            && strcmp(name, "Statement") != 0)
        {
            return acm_parse_bad(p, ACM_INVALID, "unknown member \"%.64s\"; "
                                 "a document has Version, Id and Statement",
                                 name);
        }
    }

    rc = acm_parse_version(p, json);

    if (rc != ACM_OK) {
        return rc;
    }

    list = json_object_get(json, "Statement");

    if (!json_is_object(list) && !json_is_array(list)) {
        return acm_parse_bad(p, ACM_INVALID, "Statement is missing, or "
                             "neither a statement nor a list of them");
    }

    n = json_is_array(list) ? json_array_size(list) : 1;

    if (n == 0 || n > ACM_MAX_POLICY_STATEMENTS) {
        return acm_parse_bad(p, n ? ACM_TOOBIG : ACM_INVALID,
                             "%zu statements, 1 to %d are allowed", n,
                             ACM_MAX_POLICY_STATEMENTS);
    }

    p->policy->statements = acm_arena_alloc(&p->policy->arena, n,
                                            sizeof(acm_statement_t));

    if (p->policy->statements == NULL) {
        return acm_parse_nomem(p);
    }

    for (i = 0; i < n; i++) {
        p->number = i + 1;

        rc = acm_parse_statement(p, json_is_array(list)
                                    ? json_array_get(list, i) : list,
                                 &p->policy->statements[i]);

        if (rc != ACM_OK) {
            return rc;
        }

        p->policy->nstatements = i + 1;
    }

    return ACM_OK;
}


static acm_rc_t
acm_parse_version(acm_parse_t *p, const json_t *json)
{
    json_t      *value;
    const char  *version;

    value = json_object_get(json, "Version");

    if (value == NULL) {

        /* the default, in which variables are plain text */

        return ACM_OK;
    }

    version = json_string_value(value);

    if (version != NULL && strcmp(version, "2012-10-17") == 0) {
        p->policy->variables = 1;
        return ACM_OK;
    }

    if (version != NULL && strcmp(version, "2008-10-17") == 0) {
        return ACM_OK;
    }

    return acm_parse_bad(p, ACM_INVALID, "Version \"%.32s\" is unknown; write "
                         "\"2012-10-17\"", version ? version : "");
}


static acm_rc_t
acm_parse_statement(acm_parse_t *p, const json_t *json, acm_statement_t *st)
{
    acm_rc_t     rc;
    const char  *effect;

    rc = acm_parse_members(p, json);

    if (rc == ACM_OK) {
        rc = acm_parse_sid(p, json, st);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    effect = acm_json_string(json, "Effect");

    if (effect == NULL
        || (strcmp(effect, "Allow") != 0 && strcmp(effect, "Deny") != 0))
    {
        return acm_parse_bad(p, ACM_INVALID, "Effect must be \"Allow\" or "
                             "\"Deny\", spelled so");
    }

    st->deny = (*effect == 'D');

    rc = acm_parse_either(p, json, "Action", "NotAction", &st->action);

    if (rc == ACM_OK) {
        rc = acm_parse_either(p, json, "Resource", "NotResource",
                              &st->resource);
    }

    if (rc == ACM_OK) {
        rc = acm_parse_conditions(p, json, st);
    }

    return rc;
}


static acm_rc_t
acm_parse_members(acm_parse_t *p, const json_t *json)
{
    size_t       i;
    json_t      *value;
    const char  *name;

    static const char *const  known[] = {
        "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource",
        "Condition", NULL
    };

    if (!json_is_object(json)) {
        return acm_parse_bad(p, ACM_INVALID, "is no object");
    }

    json_object_foreach((json_t *) json, name, value) {

        for (i = 0; known[i] != NULL; i++) {
            if (strcmp(known[i], name) == 0) {
                break;
            }
        }

        if (known[i] != NULL) {
            continue;
        }

        if (strcmp(name, "Principal") == 0
            || strcmp(name, "NotPrincipal") == 0)
        {
            return acm_parse_bad(p, ACM_INVALID, "%s is for policies of "
                                 "resources; remove it: whom this one is "
                                 "attached to is the principal", name);
        }

        return acm_parse_bad(p, ACM_INVALID, "unknown member \"%.64s\"; names "
                             "are case-sensitive", name);
    }

    return ACM_OK;
}


static acm_rc_t
acm_parse_sid(acm_parse_t *p, const json_t *json, acm_statement_t *st)
{
    size_t       i;
    json_t      *value;
    const char  *sid;

    value = json_object_get(json, "Sid");

    if (value == NULL) {
        return ACM_OK;
    }

    sid = json_string_value(value);

    if (sid == NULL
        || sid[strspn(sid, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                      "abcdefghijklmnopqrstuvwxyz0123456789")]
           != '\0')
    {
        return acm_parse_bad(p, ACM_INVALID, "Sid must be a text of letters "
                             "and digits");
    }

    /* several may be empty */

    for (i = 0; *sid != '\0' && i < p->policy->nstatements; i++) {
        if (p->policy->statements[i].sid != NULL
            && strcmp(p->policy->statements[i].sid, sid) == 0)
        {
            return acm_parse_bad(p, ACM_INVALID, "Sid \"%.64s\" is that of "
                                 "statement %zu; rename one of them", sid,
                                 i + 1);
        }
    }

    st->sid = acm_arena_text(&p->policy->arena, sid, strlen(sid));

    return (st->sid != NULL) ? ACM_OK : acm_parse_nomem(p);
}


/* Action or NotAction, Resource or NotResource. */

static acm_rc_t
acm_parse_either(acm_parse_t *p, const json_t *json, const char *name,
    const char *other, acm_patterns_t *patterns)
{
    size_t        i;
    json_t       *value, *negated;
    acm_rc_t      rc;
    acm_form_t    form;
    const char   *s;

    value = json_object_get(json, name);
    negated = json_object_get(json, other);

    if ((value == NULL) == (negated == NULL)) {
        return acm_parse_bad(p, ACM_INVALID, "%s %s and %s; a statement has "
                             "one of them", value ? "both" : "neither", name,
                             other);
    }

    if (value == NULL) {
        value = negated;
        name = other;
        patterns->negated = 1;
    }

    patterns->n = acm_parse_count(value);

    if (patterns->n == 0 || patterns->n > ACM_MAX_POLICY_LIST) {
        return acm_parse_bad(p, patterns->n ? ACM_TOOBIG : ACM_INVALID,
                             "%s must be a text or a list of 1 to %d texts",
                             name, ACM_MAX_POLICY_LIST);
    }

    patterns->list = acm_arena_alloc(&p->policy->arena, patterns->n,
                                     sizeof(acm_pattern_t));

    if (patterns->list == NULL) {
        return acm_parse_nomem(p);
    }

    memset(&form, 0, sizeof(acm_form_t));

    form.wild = 1;
    form.resource = (strstr(name, "Resource") != NULL);
    form.vars = form.resource;

    for (i = 0; i < patterns->n; i++) {
        s = json_string_value(acm_parse_item(value, i));

        if (s == NULL) {
            return acm_parse_bad(p, ACM_INVALID, "%s must be a text or a "
                                 "list of texts", name);
        }

        rc = form.resource ? acm_parse_resource(p, s)
                           : acm_parse_action(p, s);

        if (rc == ACM_OK) {
            rc = acm_parse_pattern(p, s, form, &patterns->list[i]);
        }

        if (rc != ACM_OK) {
            return rc;
        }
    }

    return ACM_OK;
}


static acm_rc_t
acm_parse_action(acm_parse_t *p, const char *s)
{
    size_t  n;

    if (strcmp(s, "*") == 0 || strcmp(s, "*:*") == 0) {
        return ACM_OK;
    }

    n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
               "0123456789-");

    if (n == 0 || s[n] != ':') {
        return acm_parse_bad(p, ACM_INVALID, "action \"%.64s\" does not begin "
                             "with a service, without wildcards; write it "
                             "like \"acm:GetCertificate\"", s);
    }

    s += n + 1;
    n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
               "0123456789-*?");

    if (n == 0 || s[n] != '\0') {
        return acm_parse_bad(p, ACM_INVALID, "action \"%.64s\" has no "
                             "operation after the colon, or other characters "
                             "than letters, digits, * and ?", s);
    }

    return ACM_OK;
}


static acm_rc_t
acm_parse_resource(acm_parse_t *p, const char *s)
{
    const char  *c;

    if (strcmp(s, "*") == 0) {
        return ACM_OK;
    }

    if (strncmp(s, "arn:", 4) != 0) {
        return acm_parse_bad(p, ACM_INVALID, "resource \"%.64s\" is neither "
                             "\"*\" nor an ARN; write it like "
                             "\"arn:aws:acm:*:*:certificate/*\"", s);
    }

    for (c = s; *c != '\0'; c++) {

        /* tags may have blanks */

        if (c[0] == '$' && c[1] == '{') {
            c += strcspn(c, "}") - 1;
            continue;
        }

        if ((unsigned char) *c <= ' ' || *c == 0x7f) {
            return acm_parse_bad(p, ACM_INVALID, "resource \"%.64s\" has "
                                 "white space in it; remove it", s);
        }
    }

    return ACM_OK;
}


static acm_rc_t
acm_parse_conditions(acm_parse_t *p, const json_t *json, acm_statement_t *st)
{
    size_t            n;
    json_t           *conditions, *keys, *value;
    acm_rc_t          rc;
    const char       *op, *key;
    acm_condition_t   cond, *c;

    conditions = json_object_get(json, "Condition");

    if (conditions == NULL) {
        return ACM_OK;
    }

    if (!json_is_object(conditions)) {
        return acm_parse_bad(p, ACM_INVALID, "Condition must be an object of "
                             "operators");
    }

    n = 0;

    json_object_foreach(conditions, op, keys) {
        n += json_object_size(keys);
    }

    if (n > ACM_MAX_POLICY_CONDITIONS) {
        return acm_parse_bad(p, ACM_TOOBIG, "Condition has %zu keys, %d are "
                             "allowed", n, ACM_MAX_POLICY_CONDITIONS);
    }

    st->conditions = acm_arena_alloc(&p->policy->arena, n,
                                     sizeof(acm_condition_t));

    if (st->conditions == NULL) {
        return acm_parse_nomem(p);
    }

    json_object_foreach(conditions, op, keys) {

        memset(&cond, 0, sizeof(acm_condition_t));

        rc = acm_parse_operator(p, op, &cond);

        if (rc != ACM_OK) {
            return rc;
        }

        if (!json_is_object(keys)) {
            return acm_parse_bad(p, ACM_INVALID, "%.64s must be an object of "
                                 "condition keys", op);
        }

        json_object_foreach(keys, key, value) {

            c = &st->conditions[st->nconditions++];
            *c = cond;

            rc = acm_parse_key(p, op, key);

            if (rc != ACM_OK) {
                return rc;
            }

            c->key = acm_arena_text(&p->policy->arena, key, strlen(key));

            if (c->key == NULL) {
                return acm_parse_nomem(p);
            }

            rc = acm_parse_values(p, op, value, c);

            if (rc != ACM_OK) {
                return rc;
            }
        }
    }

    return ACM_OK;
}


static acm_rc_t
acm_parse_operator(acm_parse_t *p, const char *name, acm_condition_t *cond)
{
    size_t       len;
    const char  *s;

    static const char  all[] = "ForAllValues:";
    static const char  any[] = "ForAnyValue:";
    static const char  if_exists[] = "IfExists";

    s = name;

    if (strncmp(s, all, sizeof(all) - 1) == 0) {
        cond->set = ACM_SET_ALL;
        s += sizeof(all) - 1;

    } else if (strncmp(s, any, sizeof(any) - 1) == 0) {
        cond->set = ACM_SET_ANY;
        s += sizeof(any) - 1;
    }

    len = strlen(s);

    if (len > sizeof(if_exists) - 1
        && strcmp(s + len - (sizeof(if_exists) - 1), if_exists) == 0)
    {
        cond->if_exists = 1;
        len -= sizeof(if_exists) - 1;
    }

    cond->op = acm_policy_operator(s, len);

    if (cond->op == NULL) {
        return acm_parse_bad(p, ACM_INVALID, "\"%.64s\" is no condition "
                             "operator here; names are case-sensitive, like "
                             "\"ForAnyValue:StringLikeIfExists\"", name);
    }

    if (cond->op->type == ACM_COND_NULL
        && (cond->if_exists || cond->set != ACM_SET_NONE))
    {
        return acm_parse_bad(p, ACM_INVALID, "\"%.64s\": write \"Null\" alone",
                             name);
    }

    return ACM_OK;
}


static acm_rc_t
acm_parse_key(acm_parse_t *p, const char *op, const char *key)
{
    size_t  i;

    if (strlen(key) > ACM_MAX_POLICY_KEY) {
        return acm_parse_bad(p, ACM_TOOBIG, "%.64s: a condition key of over "
                             "%d octets", op, ACM_MAX_POLICY_KEY);
    }

    if (*key == ':' || strchr(key, ':') == NULL) {
        return acm_parse_bad(p, ACM_INVALID, "%.64s: \"%.64s\" is no "
                             "condition key; write it like "
                             "\"acm:DomainNames\"", op, key);
    }

    if (strncasecmp(key, "acm:", 4) != 0) {
        return ACM_OK;
    }

    for (i = 0; acm_policy_keys[i] != NULL; i++) {
        if (strcasecmp(acm_policy_keys[i], key) == 0) {
            return ACM_OK;
        }
    }

    return acm_parse_bad(p, ACM_INVALID, "%.64s: \"%.64s\" is no condition "
                         "key of ACM; those are CertificateAuthority, "
                         "CertificateTransparencyLogging, DomainNames, "
                         "Export, KeyAlgorithm and ValidationMethod", op,
                         key);
}


static acm_rc_t
acm_parse_values(acm_parse_t *p, const char *op, const json_t *json,
    acm_condition_t *cond)
{
    size_t    i;
    acm_rc_t  rc;

    if (json == NULL || json_is_object(json) || json_is_null(json)) {
        return acm_parse_bad(p, ACM_INVALID, "%.64s: the values of \"%.64s\" "
                             "must be a text or a list of texts", op,
                             cond->key);
    }

    cond->n = acm_parse_count(json);

    if (cond->n > ACM_MAX_POLICY_LIST) {
        return acm_parse_bad(p, ACM_TOOBIG, "%.64s: \"%.64s\" has %zu values, "
                             "%d are allowed", op, cond->key, cond->n,
                             ACM_MAX_POLICY_LIST);
    }

    cond->values = acm_arena_alloc(&p->policy->arena, cond->n,
                                   sizeof(acm_pattern_t));

    if (cond->values == NULL) {
        return acm_parse_nomem(p);
    }

    for (i = 0; i < cond->n; i++) {
        rc = acm_parse_value(p, op, acm_parse_item(json, i), cond,
                             &cond->values[i]);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    return ACM_OK;
}


static acm_rc_t
acm_parse_value(acm_parse_t *p, const char *op, const json_t *json,
    const acm_condition_t *cond, acm_pattern_t *out)
{
    char         buf[ACM_POLICY_NUMBER];
    acm_rc_t     rc;
    acm_form_t   form;
    const char  *s;

    s = acm_parse_scalar(json, buf);

    if (s == NULL) {
        return acm_parse_bad(p, ACM_INVALID, "%.64s: a value of \"%.64s\" is "
                             "neither text nor number nor true or false", op,
                             cond->key);
    }

    memset(&form, 0, sizeof(acm_form_t));

    switch (cond->op->type) {

    case ACM_COND_ARN:
    case ACM_COND_STRING_LIKE:
        form.wild = 1;
        form.vars = 1;
        break;

    case ACM_COND_STRING:
    case ACM_COND_STRING_NOCASE:
        form.vars = 1;
        break;

    case ACM_COND_NUMERIC:
    case ACM_COND_DATE:
    case ACM_COND_BOOL:
    case ACM_COND_IP:
    case ACM_COND_NULL:
        break;
    }

    rc = acm_parse_pattern(p, s, form, out);

    if (rc != ACM_OK) {
        return rc;
    }

    if (!out->vars && !acm_policy_value_ok(cond->op, s, strlen(s))) {
        return acm_parse_bad(p, ACM_INVALID, "%.64s: \"%.64s\" of \"%.64s\" "
                             "is not %s", op, s, cond->key,
                             acm_policy_value_form(cond->op));
    }

    return ACM_OK;
}


static const char *
acm_parse_scalar(const json_t *json, char *buf)
{
    if (json_is_boolean(json)) {
        return json_is_true(json) ? "true" : "false";
    }

    if (json_is_integer(json)) {
        (void) snprintf(buf, ACM_POLICY_NUMBER, "%" JSON_INTEGER_FORMAT,
                        json_integer_value(json));
        return buf;
    }

    if (json_is_real(json)) {
        (void) snprintf(buf, ACM_POLICY_NUMBER, "%.15g",
                        json_real_value(json));
        return buf;
    }

    return json_string_value(json);
}


/* A scalar counts as a list of itself. */

static size_t
acm_parse_count(const json_t *json)
{
    return json_is_array(json) ? json_array_size(json) : 1;
}


static const json_t *
acm_parse_item(const json_t *json, size_t i)
{
    return json_is_array(json) ? json_array_get(json, i) : json;
}
