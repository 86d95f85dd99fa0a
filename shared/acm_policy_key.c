
/*
 * Copyright (C) The ngx_acm authors
 *
 * The values of condition keys: of the user, of the request, of the caller's
 * context.
 */


#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "acm_policy_impl.h"


#define ACM_POLICY_KEY_PRINCIPAL_TAG  "aws:PrincipalTag/"


typedef enum {
    ACM_POLICY_KEY_USERNAME = 0,
    ACM_POLICY_KEY_USERID,
    ACM_POLICY_KEY_PRINCIPAL_ARN,
    ACM_POLICY_KEY_PRINCIPAL_ACCOUNT,
    ACM_POLICY_KEY_PRINCIPAL_TYPE,
    ACM_POLICY_KEY_PRINCIPAL_SERVICE,
    ACM_POLICY_KEY_VIA_SERVICE,
    ACM_POLICY_KEY_SOURCE_IP,
    ACM_POLICY_KEY_SECURE,
    ACM_POLICY_KEY_TIME,
    ACM_POLICY_KEY_EPOCH,
    ACM_POLICY_KEY_REGION,
    ACM_POLICY_KEY_USER_AGENT
} acm_policy_key_e;


typedef struct {
    const char  *name;
    acm_policy_key_e    id;
} acm_policy_key_name_t;


static int acm_policy_key_made(const acm_judge_t *j, acm_policy_key_e id,
    acm_values_t *v);
static int acm_policy_key_text(const char *s, acm_values_t *v);
static int acm_policy_key_tag(const acm_user_t *user, const char *key,
    acm_values_t *v);
static int acm_policy_key_context(const acm_access_t *req, const char *key,
    acm_values_t *v);
static int acm_policy_key_spelled(const char *a, const char *b);


static const acm_policy_key_name_t  acm_policy_key_names[] = {
    { "aws:username", ACM_POLICY_KEY_USERNAME },
    { "aws:userid", ACM_POLICY_KEY_USERID },
    { "aws:PrincipalArn", ACM_POLICY_KEY_PRINCIPAL_ARN },
    { "aws:PrincipalAccount", ACM_POLICY_KEY_PRINCIPAL_ACCOUNT },
    { "aws:PrincipalType", ACM_POLICY_KEY_PRINCIPAL_TYPE },
    { "aws:PrincipalIsAWSService", ACM_POLICY_KEY_PRINCIPAL_SERVICE },
    { "aws:ViaAWSService", ACM_POLICY_KEY_VIA_SERVICE },
    { "aws:SourceIp", ACM_POLICY_KEY_SOURCE_IP },
    { "aws:SecureTransport", ACM_POLICY_KEY_SECURE },
    { "aws:CurrentTime", ACM_POLICY_KEY_TIME },
    { "aws:EpochTime", ACM_POLICY_KEY_EPOCH },
    { "aws:RequestedRegion", ACM_POLICY_KEY_REGION },
    { "aws:UserAgent", ACM_POLICY_KEY_USER_AGENT },
    { NULL, ACM_POLICY_KEY_USERNAME }
};


int
acm_policy_key(const acm_judge_t *j, const char *key, acm_values_t *v)
{
    size_t                 len;
    const acm_policy_key_name_t  *name;

    memset(v, 0, sizeof(acm_values_t));

    for (name = acm_policy_key_names; name->name != NULL; name++) {
        if (strcasecmp(name->name, key) == 0) {
            return acm_policy_key_made(j, name->id, v);
        }
    }

    len = sizeof(ACM_POLICY_KEY_PRINCIPAL_TAG) - 1;

    if (strncasecmp(key, ACM_POLICY_KEY_PRINCIPAL_TAG, len) == 0) {
        return acm_policy_key_tag(j->user, key + len, v);
    }

    return acm_policy_key_context(j->req, key, v);
}


static int
acm_policy_key_made(const acm_judge_t *j, acm_policy_key_e id, acm_values_t *v)
{
    const acm_user_t  *user;

    user = j->user;

    switch (id) {

    case ACM_POLICY_KEY_USERNAME:
        return acm_policy_key_text(user->kind == ACM_USER_IAM ? user->name
                                                              : NULL, v);

    case ACM_POLICY_KEY_USERID:
        return acm_policy_key_text(user->id, v);

    case ACM_POLICY_KEY_PRINCIPAL_ARN:
        return acm_policy_key_text(user->principal, v);

    case ACM_POLICY_KEY_PRINCIPAL_ACCOUNT:
        return acm_policy_key_text(user->account, v);

    case ACM_POLICY_KEY_PRINCIPAL_TYPE:
        return acm_policy_key_text(user->kind == ACM_USER_IAM
                                   ? "User" : user->kind == ACM_USER_ROLE
                                   ? "AssumedRole" : "Account", v);

    case ACM_POLICY_KEY_PRINCIPAL_SERVICE:
    case ACM_POLICY_KEY_VIA_SERVICE:
        return acm_policy_key_text("false", v);

    case ACM_POLICY_KEY_SOURCE_IP:
        return acm_policy_key_text(j->req->source_ip, v);

    case ACM_POLICY_KEY_SECURE:
        return acm_policy_key_text(j->req->secure ? "true" : "false", v);

    case ACM_POLICY_KEY_TIME:
        return acm_policy_key_text(acm_time_text(j->req->now, v->buf), v);

    case ACM_POLICY_KEY_EPOCH:
        (void) snprintf(v->buf, sizeof(v->buf), "%" PRId64, j->req->now);
        return acm_policy_key_text(v->buf, v);

    case ACM_POLICY_KEY_REGION:
        return acm_policy_key_text(j->req->region, v);

    case ACM_POLICY_KEY_USER_AGENT:
        return acm_policy_key_text(j->req->user_agent, v);
    }

    return 0;
}


static int
acm_policy_key_text(const char *s, acm_values_t *v)
{
    if (s == NULL) {
        return 0;
    }

    v->one.data = (uint8_t *) s;
    v->one.len = strlen(s);
    v->list = &v->one;
    v->n = 1;

    return 1;
}


static int
acm_policy_key_tag(const acm_user_t *user, const char *key, acm_values_t *v)
{
    size_t       i;
    const char  *found;

    found = NULL;

    for (i = 0; i < user->ntags; i++) {

        if (strcmp(user->tags[i].key, key) == 0) {
            found = user->tags[i].value;
            break;
        }

        if (found == NULL && strcasecmp(user->tags[i].key, key) == 0) {
            found = user->tags[i].value;
        }
    }

    return acm_policy_key_text(found, v);
}


static int
acm_policy_key_context(const acm_access_t *req, const char *key,
    acm_values_t *v)
{
    size_t                i;
    const acm_context_t  *found;

    found = NULL;

    for (i = 0; i < req->ncontext; i++) {

        if (strcasecmp(req->context[i].key, key) != 0) {
            continue;
        }

        if (acm_policy_key_spelled(req->context[i].key, key)) {
            found = &req->context[i];
            break;
        }

        if (found == NULL) {
            found = &req->context[i];
        }
    }

    if (found == NULL || found->n == 0) {
        return 0;
    }

    v->list = found->values;
    v->n = found->n;

    return 1;
}


/* 1 if the tags in two keys that differ in case only are spelled the same. */

static int
acm_policy_key_spelled(const char *a, const char *b)
{
    size_t  n;

    n = strcspn(a, "/");

    return strcmp(a + n, b + n) == 0;
}
