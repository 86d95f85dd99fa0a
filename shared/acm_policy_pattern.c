
/*
 * Copyright (C) The ngx_acm authors
 *
 * Policy documents: from texts to patterns, and what is wrong.
 */


#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acm_policy_impl.h"


static acm_rc_t acm_parse_variable(acm_parse_t *p, const char **s,
    uint16_t *token);
static acm_rc_t acm_parse_new_variable(acm_parse_t *p,
    acm_variable_t **var);


acm_rc_t
acm_parse_pattern(acm_parse_t *p, const char *s, acm_form_t form,
    acm_pattern_t *out)
{
    size_t     n, colons;
    uint16_t  *tokens;
    acm_rc_t   rc;

    tokens = acm_arena_alloc(&p->policy->arena, strlen(s), sizeof(uint16_t));

    if (tokens == NULL) {
        return acm_parse_nomem(p);
    }

    form.vars &= p->policy->variables;

    n = 0;
    colons = 0;

    while (*s != '\0') {

        if (form.vars && s[0] == '$' && s[1] == '{') {

            if (form.resource && colons < ACM_ARN_PARTS - 1) {
                return acm_parse_bad(p, ACM_INVALID, "resource has a "
                                     "variable, \"%.64s\", before its fifth "
                                     "colon; move it behind", s);
            }

            rc = acm_parse_variable(p, &s, &tokens[n]);

            if (rc != ACM_OK) {
                return rc;
            }

            out->vars |= ((tokens[n++] & ACM_TOKEN_VAR) != 0);
            continue;
        }

        switch (*s) {

        case '*':
            tokens[n] = form.wild ? ACM_TOKEN_ANY : '*';
            break;

        case '?':
            tokens[n] = form.wild ? ACM_TOKEN_ONE : '?';
            break;

        case ':':
            tokens[n] = ACM_TOKEN_COLON;
            colons++;
            break;

        default:
            tokens[n] = (unsigned char) *s;
        }

        n++;
        s++;
    }

    out->tokens = tokens;
    out->n = n;

    return ACM_OK;
}


/* ${*}, ${?}, ${$}, ${key} or ${key, 'text'}; moves s behind it. */

static acm_rc_t
acm_parse_variable(acm_parse_t *p, const char **s, uint16_t *token)
{
    size_t           n;
    acm_rc_t         rc;
    const char      *start, *c, *text;
    acm_variable_t  *var;

    start = *s;
    c = start + 2;
    text = NULL;
    var = NULL;

    if ((*c == '*' || *c == '?' || *c == '$') && c[1] == '}') {
        *token = (unsigned char) *c;
        *s = c + 2;
        return ACM_OK;
    }

    n = strcspn(c, ",}");

    if (n == 0 || n > ACM_MAX_POLICY_KEY || c[n] == '\0'
        || memchr(c, ':', n) == NULL)
    {
        return acm_parse_bad(p, ACM_INVALID, "\"%.64s\" does not begin with a "
                             "variable; write it like ${aws:username}, or "
                             "${$}{ for the characters themselves", start);
    }

    rc = acm_parse_new_variable(p, &var);

    if (rc != ACM_OK) {
        return rc;
    }

    *token = (uint16_t) (ACM_TOKEN_VAR | (p->policy->nvars - 1));

    var->key = acm_arena_text(&p->policy->arena, c, n);
    c += n;

    if (*c == ',') {
        c += 1 + strspn(c + 1, " ");
        text = c + 1;
        n = (*c == '\'') ? strcspn(text, "'") : 0;

        if (*c != '\'' || text[n] != '\'' || text[n + 1] != '}') {
            return acm_parse_bad(p, ACM_INVALID, "\"%.64s\": the text of a "
                                 "variable that is not known is written like "
                                 "${aws:PrincipalTag/team, 'none'}", start);
        }

        var->fallback = acm_arena_text(&p->policy->arena, text, n);
        c = text + n + 1;
    }

    if (var->key == NULL || (text != NULL && var->fallback == NULL)) {
        return acm_parse_nomem(p);
    }

    *s = c + 1;

    return ACM_OK;
}


static acm_rc_t
acm_parse_new_variable(acm_parse_t *p, acm_variable_t **var)
{
    acm_policy_t    *policy;
    acm_variable_t  *vars;

    policy = p->policy;

    if (policy->nvars == ACM_MAX_POLICY_VARS) {
        return acm_parse_bad(p, ACM_TOOBIG, "over %d variables in a document",
                             ACM_MAX_POLICY_VARS);
    }

    if (policy->nvars == p->vars) {
        p->vars = p->vars ? 2 * p->vars : 8;

        vars = acm_arena_alloc(&policy->arena, p->vars,
                               sizeof(acm_variable_t));

        if (vars == NULL) {
            return acm_parse_nomem(p);
        }

        if (policy->nvars != 0) {
            memcpy(vars, policy->vars, policy->nvars
                                       * sizeof(acm_variable_t));
        }

        policy->vars = vars;
    }

    *var = &policy->vars[policy->nvars++];

    return ACM_OK;
}


acm_rc_t
acm_parse_bad(acm_parse_t *p, acm_rc_t rc, const char *fmt, ...)
{
    char     text[ACM_MAX_ERROR], where[64];
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    where[0] = '\0';

    if (p->number != 0) {
        (void) snprintf(where, sizeof(where), ", statement %zu", p->number);
    }

    return acm_fail(p->err, rc, "policy \"%.128s\"%s: %.350s",
                    p->policy->name, where, text);
}


acm_rc_t
acm_parse_nomem(acm_parse_t *p)
{
    return acm_fail(p->err, ACM_NOMEM, "no memory for policy \"%.128s\"",
                    p->policy->name);
}
