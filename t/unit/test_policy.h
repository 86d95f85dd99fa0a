
/*
 * Copyright (C) The ngx_acm authors
 *
 * A user, a request and a decision in a few words, for tests of policies.
 */


#ifndef _TEST_POLICY_H_INCLUDED_
#define _TEST_POLICY_H_INCLUDED_


#include <stdlib.h>
#include <string.h>

#include "acm_policy.h"


#define TEST_ACCOUNT  "123456789012"
#define TEST_CERT     "arn:aws:acm:us-east-1:" TEST_ACCOUNT ":certificate/"
#define TEST_NOW      1795611642    /* 2026-11-25T13:00:42Z */
#define TEST_KEYS     16
#define TEST_VALUES   16

#define TEST_ALLOW_ALL                                                        \
    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\","        \
    "\"Action\":\"*\",\"Resource\":\"*\"}}"


typedef struct {
    acm_user_t           user;
    acm_access_t         req;
    acm_decision_t       out;
    acm_context_t        context[TEST_KEYS];
    acm_str_t            values[TEST_KEYS][TEST_VALUES];
    char                 text[4096];
    const acm_policy_t  *list[ACM_POLICY_MAX][TEST_VALUES];
} test_case_t;


static inline void
test_case_init(test_case_t *c)
{
    memset(c, 0, sizeof(test_case_t));

    c->user.account = TEST_ACCOUNT;
    c->user.name = "alice";
    c->user.id = "AIDAEXAMPLE";
    c->user.arn = "arn:aws:iam::" TEST_ACCOUNT ":user/alice";
    c->user.principal = c->user.arn;

    c->req.action = "acm:RequestCertificate";
    c->req.resource = TEST_CERT "*";
    c->req.context = c->context;
    c->req.now = TEST_NOW;
    c->req.source_ip = "192.0.2.7";
    c->req.region = "us-east-1";
    c->req.user_agent = "aws-cli/2";
    c->req.secure = 1;
}


static inline void
test_case_add(test_case_t *c, acm_policy_e kind, const acm_policy_t *policy)
{
    acm_policies_t  *p;

    p = &c->user.policies[kind];
    p->list = c->list[kind];

    if (p->n == TEST_VALUES) {
        abort();
    }

    p->list[p->n++] = policy;
    p->set = 1;
}


/* "key=a|b;key=c"; "key=" has one empty value, "key" none; what there is no
   room for is left out */

static inline void
test_case_context(test_case_t *c, const char *text)
{
    char           *p, *end, *next;
    acm_context_t  *x;

    c->req.ncontext = 0;
    snprintf(c->text, sizeof(c->text), "%s", text);

    for (p = c->text; *p != '\0' && c->req.ncontext < TEST_KEYS; p = end) {
        end = p + strcspn(p, ";");

        if (*end != '\0') {
            *end++ = '\0';
        }

        x = &c->context[c->req.ncontext];
        x->key = p;
        x->values = c->values[c->req.ncontext];
        x->n = 0;
        c->req.ncontext++;

        p += strcspn(p, "=");

        if (*p == '\0') {
            continue;
        }

        *p++ = '\0';

        do {
            next = p + strcspn(p, "|");
            c->values[x - c->context][x->n].data = (uint8_t *) p;
            c->values[x - c->context][x->n].len = next - p;
            x->n++;
            p = next + 1;
        } while (*next != '\0' && x->n < TEST_VALUES);
    }
}


#ifdef _TEST_H_INCLUDED_

/* "'" stands for a quotation mark; without err a failure is printed */

static inline acm_policy_t *
test_policy(const char *text, acm_err_t *err)
{
    char          *copy, *p;
    acm_rc_t       rc;
    acm_err_t      e;
    acm_policy_t  *policy;

    copy = strdup(text);
    policy = NULL;

    for (p = copy; *p != '\0'; p++) {
        if (*p == '\'') {
            *p = '"';
        }
    }

    rc = acm_policy_parse(copy, strlen(copy), "p", &policy, err ? err : &e);
    free(copy);

    if (rc != ACM_OK) {
        if (err == NULL) {
            print_error("%s: %s\n", text, e.text);
        }

        return NULL;
    }

    return policy;
}


static inline acm_policy_t *
test_statement(const char *effect, const char *rest)
{
    char           text[4096];
    acm_policy_t  *policy;

    snprintf(text, sizeof(text), "{'Version':'2012-10-17','Statement':"
             "{'Effect':'%s',%s}}", effect, rest);
    policy = test_policy(text, NULL);
    assert_non_null(policy);

    return policy;
}

#endif


#endif /* _TEST_POLICY_H_INCLUDED_ */
