
/*
 * Copyright (C) The ngx_acm authors
 *
 * Policy documents, and requests they are asked about.  Unless it begins
 * with "{", the first line is the context, "key=value|value;key=...".
 */


#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/test_policy.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static const char *const  fuzz_requests[][2] = {
    { "acm:RequestCertificate", TEST_CERT "*" },
    { "acm:DeleteCertificate", TEST_CERT "0467aaae-bd3c-406e" },
    { "acm:ListCertificates", NULL },
    { "iam:PassRole", "arn:aws:iam::999999999999:role/x" }
};


/* What was decided is told in visible ASCII, and only if it was no. */

static void
fuzz_decide(test_case_t *c)
{
    size_t     i, n;
    acm_rc_t   rc;

    rc = acm_policy_decide(&c->user, &c->req, &c->out);

    if (rc != ACM_OK && c->out.result != ACM_ACCESS_IMPLICIT) {
        __builtin_trap();
    }

    n = strnlen(c->out.message, sizeof(c->out.message));

    if (n == sizeof(c->out.message)
        || (c->out.result == ACM_ACCESS_ALLOWED) != (n == 0))
    {
        __builtin_trap();
    }

    for (i = 0; i < n; i++) {
        if (c->out.message[i] < ' ' || c->out.message[i] > '~') {
            __builtin_trap();
        }
    }
}


static void
fuzz_requests_all(test_case_t *c, const acm_policy_t *policy,
    const acm_policy_t *all, const acm_policy_t *none)
{
    size_t        i;
    acm_access_e  alone;

    for (i = 0; i < sizeof(fuzz_requests) / sizeof(fuzz_requests[0]); i++) {
        c->req.action = fuzz_requests[i][0];
        c->req.resource = fuzz_requests[i][1];

        memset(c->user.policies, 0, sizeof(c->user.policies));
        test_case_add(c, ACM_POLICY_IDENTITY, policy);
        fuzz_decide(c);
        alone = c->out.result;

        /* beside one that allows all, only its denials are left */

        test_case_add(c, ACM_POLICY_IDENTITY, all);
        fuzz_decide(c);

        if ((alone == ACM_ACCESS_EXPLICIT)
            != (c->out.result == ACM_ACCESS_EXPLICIT)
            || (c->out.result == ACM_ACCESS_IMPLICIT
                && acm_policy_decide(&c->user, &c->req, &c->out) == ACM_OK))
        {
            __builtin_trap();
        }

        /* as a bound it adds nothing, and a denial of all is one */

        memset(c->user.policies, 0, sizeof(c->user.policies));
        test_case_add(c, ACM_POLICY_BOUNDARY, policy);
        test_case_add(c, ACM_POLICY_IDENTITY, all);
        fuzz_decide(c);

        if (c->out.result != alone) {
            __builtin_trap();
        }

        test_case_add(c, ACM_POLICY_SCP, none);
        fuzz_decide(c);

        if (c->out.result != ACM_ACCESS_EXPLICIT) {
            __builtin_trap();
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char            context[1024];
    size_t          n;
    acm_err_t       err;
    test_case_t     c;
    acm_policy_t   *policy, *all, *none;
    const uint8_t  *end;

    static const char  deny[] = "{\"Statement\":{\"Effect\":\"Deny\","
                                "\"Action\":\"*\",\"Resource\":\"*\"}}";
    static const acm_user_tag_t  tag = { "team", "*:${aws:username}" };

    context[0] = '\0';

    if (size != 0 && data[0] != '{') {
        end = memchr(data, '\n', size);

        if (end == NULL) {
            return 0;
        }

        n = (size_t) (end - data);

        if (n < sizeof(context)) {
            memcpy(context, data, n);
            context[n] = '\0';
        }

        size -= n + 1;
        data = end + 1;
    }

    if (acm_policy_parse((const char *) data, size, "p", &policy, &err)
        != ACM_OK)
    {
        if (strstr(err.text, "policy \"p\"") == NULL) {
            __builtin_trap();
        }

        return 0;
    }

    if (acm_policy_parse(TEST_ALLOW_ALL, strlen(TEST_ALLOW_ALL), "all", &all,
                         NULL)
        != ACM_OK
        || acm_policy_parse(deny, strlen(deny), "none", &none, NULL)
           != ACM_OK)
    {
        __builtin_trap();
    }

    test_case_init(&c);
    test_case_context(&c, context);
    c.user.tags = &tag;
    c.user.ntags = 1;

    fuzz_requests_all(&c, policy, all, none);

    acm_policy_free(policy);
    acm_policy_free(all);
    acm_policy_free(none);

    return 0;
}
