
/*
 * Copyright (C) The ngx_acm authors
 *
 * Decisions, and their texts, which are those of AWS.
 */


#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acm_policy_impl.h"


typedef enum {
    ACM_MATCH_NONE = 0,
    ACM_MATCH_ALLOW,
    ACM_MATCH_DENY
} acm_match_e;


static acm_rc_t acm_policy_check(const acm_access_t *req);
static acm_match_e acm_policy_kind(acm_judge_t *j, acm_policy_e kind,
    acm_decision_t *out);
static acm_match_e acm_policy_one(acm_judge_t *j, size_t *number);
static int acm_policy_applies(acm_judge_t *j, const acm_statement_t *st);
static int acm_policy_action(const acm_judge_t *j,
    const acm_patterns_t *patterns);
static int acm_policy_resource(acm_judge_t *j,
    const acm_patterns_t *patterns);
static int acm_policy_foreign(const acm_user_t *user,
    const acm_access_t *req);
static void acm_policy_message(const acm_user_t *user,
    const acm_access_t *req, acm_decision_t *out);


/* with their articles */

static const char *const  acm_policy_kinds[] = {
    "a service control policy",
    "a permissions boundary",
    "a session policy",
    "an identity-based policy",
    "",
    "a resource-based policy"
};


acm_rc_t
acm_policy_decide(const acm_user_t *user, const acm_access_t *req,
    acm_decision_t *out)
{
    size_t        k;
    acm_match_e   match[ACM_POLICY_MAX];
    acm_judge_t   j;

    memset(out, 0, sizeof(acm_decision_t));
    memset(&j, 0, sizeof(acm_judge_t));

    out->by = ACM_POLICY_IDENTITY;

    j.user = user;
    j.req = req;
    j.rc = acm_policy_check(req);

    /* any that denies comes before all that allow */

    for (k = 0; j.rc == ACM_OK && k < ACM_POLICY_MAX; k++) {
        match[k] = acm_policy_kind(&j, (acm_policy_e) k, out);

        if (j.rc == ACM_OK && match[k] == ACM_MATCH_DENY) {
            out->result = ACM_ACCESS_EXPLICIT;
            out->by = (acm_policy_e) k;
            acm_policy_message(user, req, out);
            return ACM_OK;
        }
    }

    if (j.rc != ACM_OK) {
        out->policy = NULL;
        out->statement = 0;
        out->by = ACM_POLICY_IDENTITY;
        acm_policy_message(user, req, out);
        return j.rc;
    }

    for (k = 0; k < ACM_POLICY_MAX; k++) {
        if (match[k] != ACM_MATCH_ALLOW) {
            break;
        }
    }

    if (k != ACM_POLICY_MAX || acm_policy_foreign(user, req)) {
        out->by = (k != ACM_POLICY_MAX) ? (acm_policy_e) k
                                        : ACM_POLICY_RESOURCE;
        out->policy = NULL;
        out->statement = 0;
        acm_policy_message(user, req, out);
        return ACM_OK;
    }

    out->result = ACM_ACCESS_ALLOWED;
    out->by = ACM_POLICY_IDENTITY;

    return ACM_OK;
}


static acm_rc_t
acm_policy_check(const acm_access_t *req)
{
    size_t  i, k;

    if (req->action == NULL || *req->action == '\0') {
        return ACM_INVALID;
    }

    if (strlen(req->action) > ACM_MAX_ACCESS_VALUE
        || (req->resource != NULL
            && strlen(req->resource) > ACM_MAX_ACCESS_VALUE)
        || req->ncontext > ACM_MAX_ACCESS_KEYS)
    {
        return ACM_TOOBIG;
    }

    for (i = 0; i < req->ncontext; i++) {

        if (req->context[i].n > ACM_MAX_ACCESS_VALUES) {
            return ACM_TOOBIG;
        }

        for (k = 0; k < req->context[i].n; k++) {
            if (req->context[i].values[k].len > ACM_MAX_ACCESS_VALUE) {
                return ACM_TOOBIG;
            }
        }
    }

    return ACM_OK;
}


/* All policies of a kind together; out gets the statement that counts. */

static acm_match_e
acm_policy_kind(acm_judge_t *j, acm_policy_e kind, acm_decision_t *out)
{
    size_t                 i, number;
    acm_match_e            m, result;
    const acm_policies_t  *p;

    p = &j->user->policies[kind];

    /* of an account's root only these limit what it may */

    if (j->user->kind == ACM_USER_ROOT
        && kind != ACM_POLICY_SCP && kind != ACM_POLICY_SESSION)
    {
        return ACM_MATCH_ALLOW;
    }

    if (!p->set) {
        return (kind == ACM_POLICY_IDENTITY) ? ACM_MATCH_NONE
                                             : ACM_MATCH_ALLOW;
    }

    result = ACM_MATCH_NONE;

    for (i = 0; i < p->n; i++) {
        j->policy = p->list[i];
        m = acm_policy_one(j, &number);

        if (j->rc != ACM_OK) {
            return ACM_MATCH_NONE;
        }

        if (m > result) {
            result = m;
            out->policy = j->policy->name;
            out->statement = number;
        }

        if (m == ACM_MATCH_DENY) {
            break;
        }
    }

    return result;
}


static acm_match_e
acm_policy_one(acm_judge_t *j, size_t *number)
{
    size_t                  i;
    acm_match_e             result;
    const acm_statement_t  *st;

    result = ACM_MATCH_NONE;
    *number = 0;

    for (i = 0; i < j->policy->nstatements; i++) {
        st = &j->policy->statements[i];

        if (result == ACM_MATCH_ALLOW && !st->deny) {
            continue;
        }

        if (!acm_policy_applies(j, st)) {

            if (j->rc != ACM_OK) {
                return ACM_MATCH_NONE;
            }

            continue;
        }

        *number = i + 1;

        if (st->deny) {
            return ACM_MATCH_DENY;
        }

        result = ACM_MATCH_ALLOW;
    }

    return result;
}


static int
acm_policy_applies(acm_judge_t *j, const acm_statement_t *st)
{
    size_t  i;

    j->unknown = 0;

    if (!acm_policy_action(j, &st->action)
        || !acm_policy_resource(j, &st->resource))
    {
        return 0;
    }

    for (i = 0; i < st->nconditions; i++) {
        if (!acm_policy_condition(j, &st->conditions[i])) {
            return 0;
        }
    }

    /* what nobody knows is no exception that would have been made */

    return j->rc == ACM_OK && (st->deny || !j->unknown);
}


static int
acm_policy_action(const acm_judge_t *j, const acm_patterns_t *patterns)
{
    size_t                i, len;
    const char           *action;
    const acm_pattern_t  *p;

    action = j->req->action;
    len = strlen(action);

    for (i = 0; i < patterns->n; i++) {
        p = &patterns->list[i];

        if (acm_pattern_match(p->tokens, p->n, (const uint8_t *) action, len,
                              1))
        {
            return !patterns->negated;
        }
    }

    return patterns->negated;
}


static int
acm_policy_resource(acm_judge_t *j, const acm_patterns_t *patterns)
{
    size_t          i;
    uint16_t        buf[ACM_MAX_POLICY_EXPANDED];
    const char     *resource;
    acm_pattern_t   p;

    resource = (j->req->resource != NULL) ? j->req->resource : "*";

    for (i = 0; i < patterns->n; i++) {

        if (!acm_policy_expand(j, &patterns->list[i], buf, &p)) {

            if (j->rc != ACM_OK) {
                return 0;
            }

            j->unknown |= patterns->negated;
            continue;
        }

        if (acm_pattern_arn(&p, (const uint8_t *) resource,
                            strlen(resource)))
        {
            return !patterns->negated;
        }
    }

    return patterns->negated;
}


/* Of ACM's resources only: a CA may be shared, a role is passed. */

static int
acm_policy_foreign(const acm_user_t *user, const acm_access_t *req)
{
    size_t       i, len;
    const char  *p;

    if (req->resource == NULL || strcmp(req->resource, "*") == 0
        || strncmp(req->action, "acm:", 4) != 0)
    {
        return 0;
    }

    p = req->resource;

    for (i = 0; i < 4; i++) {
        p = strchr(p, ':');

        if (p == NULL) {
            return 1;
        }

        p++;
    }

    len = strcspn(p, ":");

    return len != strlen(user->account) || memcmp(p, user->account, len) != 0;
}


static void
acm_policy_message(const acm_user_t *user, const acm_access_t *req,
    acm_decision_t *out)
{
    int          n;
    char        *p;
    const char  *kind, *on, *resource, *action;

    kind = acm_policy_kinds[out->by];
    action = (req->action != NULL) ? req->action : "";
    on = "";
    resource = "";

    if (req->resource != NULL && strcmp(req->resource, "*") != 0) {
        on = " on resource: ";
        resource = req->resource;
    }

    n = snprintf(out->message, sizeof(out->message),
                 "User: %.640s is not authorized to perform: %.128s%s%.512s",
                 user->arn, action, on, resource);

    if (n < 0) {
        n = 0;
        out->message[0] = '\0';
    }

    if (out->result == ACM_ACCESS_EXPLICIT) {
        (void) snprintf(out->message + n, sizeof(out->message) - (size_t) n,
                        " with an explicit deny in %s", kind);

    } else {

        /* "a" or "an" makes place for "no" */

        (void) snprintf(out->message + n, sizeof(out->message) - (size_t) n,
                        " because no %s allows the %.128s action",
                        strchr(kind, ' ') + 1, action);
    }

    for (p = out->message; *p != '\0'; p++) {
        if (*p < ' ' || *p > '~') {
            *p = '?';
        }
    }
}
