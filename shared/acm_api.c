
/*
 * Copyright (C) The ngx_acm authors
 *
 * From a request to an operation, and from its result to an answer.
 */


#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acm_api_impl.h"


#define ACM_API_TRIES  8             /* of an operation that was raced for */


/* of the model's operations, in their order */

typedef struct {
    acm_api_op_pt          handler;
    const char            *resource; /* member that has the ARN, or NULL */
    unsigned               changes:1;
} acm_api_handler_t;


static int acm_api_secret(const acm_str_t *target);
static void acm_api_run(acm_api_t *api, const acm_api_request_t *request);
static const acm_operation_t *acm_api_find(const acm_str_t *target);
static int acm_api_type_ok(const acm_str_t *type);
static acm_rc_t acm_api_parse(acm_api_t *api, const acm_str_t *body);
static acm_rc_t acm_api_check(acm_api_t *api);
static acm_rc_t acm_api_resource(acm_api_t *api, const char *member);
static int acm_api_str_is(const acm_str_t *str, const char *text);
static void acm_api_failed(acm_api_t *api, acm_rc_t rc);
static void acm_api_finish(acm_api_t *api, acm_api_answer_t *answer);
static json_t *acm_api_fault_json(const char *type, const char *message);
static void acm_api_audit(acm_api_t *api, const acm_api_answer_t *answer);
static void acm_api_hide(json_t *in, int keep);


static const acm_api_handler_t  acm_api_handlers[ACM_OPERATION_MAX] = {
    { acm_api_add_tags, "CertificateArn", 1 },
    { acm_api_delete, "CertificateArn", 1 },
    { acm_api_describe, "CertificateArn", 0 },
    { acm_api_export, "CertificateArn", 1 },
    { acm_api_get_account, NULL, 0 },
    { acm_api_get, "CertificateArn", 0 },
    { acm_api_import, "CertificateArn", 1 },
    { acm_api_domain_validations, "CertificateArn", 0 },
    { acm_api_list, NULL, 0 },
    { acm_api_list_tags, "CertificateArn", 0 },
    { acm_api_list_tags, "ResourceArn", 0 },
    { acm_api_put_account, NULL, 1 },
    { acm_api_remove_tags, "CertificateArn", 1 },
    { acm_api_renew, "CertificateArn", 1 },
    { acm_api_request_certificate, NULL, 1 },
    { acm_api_resend, "CertificateArn", 1 },
    { acm_api_revoke, "CertificateArn", 1 },
    { acm_api_search, NULL, 0 },
    { acm_api_add_tags, "ResourceArn", 1 },
    { acm_api_untag, "ResourceArn", 1 },
    { acm_api_update_options, "CertificateArn", 1 }
};


void
acm_api_call(const acm_api_conf_t *conf, acm_keyring_t *ring,
    const acm_api_caller_t *caller, const acm_api_request_t *request,
    int64_t now, acm_api_answer_t *answer)
{
    int               secret;
    acm_api_t         api;
    acm_api_caller_t  at_home;

    memset(&api, 0, sizeof(acm_api_t));
    memset(answer, 0, sizeof(acm_api_answer_t));

    (void) acm_uuid(answer->request_id);

    api.conf = conf;
    api.caller = &at_home;

    at_home = *caller;
    at_home.asked = caller->region;

    if (conf->home != NULL) {
        at_home.region = conf->home;
    }

    api.ring = ring;
    api.store = acm_keyring_store(ring);
    api.now = now;
    api.seen = request->seen;
    api.message = acm_calloc(1, ACM_MAX_API_MESSAGE);

    if (api.message == NULL) {
        acm_api_refuse(503, "ServiceUnavailable", NULL, answer);
        return;
    }

    /* jansson has copies of what it reads */

    secret = acm_api_secret(&request->target);

    if (secret) {
        acm_json_wipe_begin();
    }

    acm_api_run(&api, request);
    acm_api_finish(&api, answer);
    acm_api_audit(&api, answer);

    json_decref(api.out);
    json_decref(api.more);

    if (api.in != NULL) {
        acm_api_hide(api.in, 0);
        json_decref(api.in);
    }

    if (secret) {
        acm_json_wipe_end();
    }

    acm_free(api.message);
}


/* 1 for those that have PrivateKey or Passphrase in them. */

static int
acm_api_secret(const acm_str_t *target)
{
    const acm_operation_t    *op;
    const acm_api_handler_t  *h;

    op = acm_api_find(target);

    if (op == NULL) {
        return 0;
    }

    h = &acm_api_handlers[op - acm_operations];

    return h->handler == acm_api_import || h->handler == acm_api_export;
}


static void
acm_api_run(acm_api_t *api, const acm_api_request_t *request)
{
    acm_rc_t                  rc;
    unsigned                  tries;
    const acm_api_handler_t  *h;

    api->operation = acm_api_find(&request->target);

    if (api->operation == NULL || !acm_api_str_is(&request->method, "POST")
        || !acm_api_type_ok(&request->type))
    {
        (void) acm_api_fault(api, "UnknownOperationException", "%s", "");
        api->status = 404;
        return;
    }

    h = &acm_api_handlers[api->operation - acm_operations];
    rc = acm_api_rate(api);

    if (rc == ACM_OK) {
        rc = acm_api_parse(api, &request->body);
    }

    if (rc == ACM_OK) {
        rc = acm_api_check(api);
    }

    if (rc == ACM_OK && h->resource != NULL) {
        rc = acm_api_resource(api, h->resource);
    }

    /* whoever may not ask is not told what there is */

    if (rc == ACM_OK || rc == ACM_NOTFOUND || rc == ACM_INVALID) {
        if (api->conf->authorize != NULL
            && acm_api_authorize(api) != ACM_OK)
        {
            rc = ACM_DENIED;

        } else if (rc == ACM_NOTFOUND) {
            rc = acm_api_not_found(api);

        } else if (rc == ACM_INVALID) {
            rc = acm_api_fault(api, "InvalidArnException", "The ARN %s is not "
                               "that of a certificate.", api->arn);
        }
    }

    for (tries = 0; rc == ACM_OK && tries < ACM_API_TRIES; tries++) {
        rc = h->handler(api);

        if (rc != ACM_CONFLICT) {
            break;
        }

        /* the helper, or another call, was there meanwhile */

        json_decref(api->out);
        api->out = NULL;
        rc = ACM_OK;
    }

    if (tries == ACM_API_TRIES) {
        rc = acm_api_fault(api, "ConflictException", "The certificate is "
                           "being changed by another request. Try again "
                           "later.");
    }

    if (rc != ACM_OK) {
        acm_api_failed(api, rc);
    }
}


static const acm_operation_t *
acm_api_find(const acm_str_t *target)
{
    size_t     i, prefix;
    acm_str_t  name;

    prefix = sizeof(ACM_API_TARGET) - 1;

    if (target->len <= prefix
        || memcmp(target->data, ACM_API_TARGET, prefix) != 0)
    {
        return NULL;
    }

    name.data = target->data + prefix;
    name.len = target->len - prefix;

    for (i = 0; i < ACM_OPERATION_MAX; i++) {
        if (acm_api_str_is(&name, acm_operations[i].name)) {
            return &acm_operations[i];
        }
    }

    return NULL;
}


const char *
acm_api_name(const acm_str_t *target)
{
    const acm_operation_t  *op;

    op = acm_api_find(target);

    return (op != NULL) ? op->name : NULL;
}


int
acm_api_changes(const acm_str_t *target)
{
    const acm_operation_t  *op;

    op = acm_api_find(target);

    return op != NULL && acm_api_handlers[op - acm_operations].changes;
}


/* None is taken for the right one: SigV4 has seen to it that no browser was
   made to send this. */

static int
acm_api_type_ok(const acm_str_t *type)
{
    size_t  len;

    static const char  json[] = "application/x-amz-json-1.";

    len = sizeof(json) - 1;

    return type->len == 0
           || acm_api_str_is(type, "application/json")
           || (type->len > len && memcmp(type->data, json, len) == 0);
}


static acm_rc_t
acm_api_parse(acm_api_t *api, const acm_str_t *body)
{
    acm_rc_t  rc;

    if (body->len == 0) {
        api->in = json_object();
        return (api->in == NULL) ? acm_api_nomem(api) : ACM_OK;
    }

    rc = acm_json_parse(body->data, body->len, ACM_MAX_API_BODY, &api->in,
                        &api->err);

    if (rc == ACM_NOMEM) {
        return acm_api_nomem(api);
    }

    if (rc != ACM_OK) {
        api->in = NULL;
        return acm_api_fault(api, "SerializationException", "%s",
                             api->err.text);
    }

    return ACM_OK;
}


static acm_rc_t
acm_api_check(acm_api_t *api)
{
    acm_rc_t  rc;

    if (api->operation->input == NULL) {
        return ACM_OK;
    }

    rc = acm_api_validate(api->operation->input, api->in, api->message,
                          &api->err);

    switch (rc) {

    case ACM_OK:
        return ACM_OK;

    case ACM_INVALID:
        api->fault = "ValidationException";
        api->status = 400;
        return ACM_DENIED;

    case ACM_CORRUPT:
        return acm_api_fault(api, "SerializationException", "%s",
                             api->err.text);

    default:
        return acm_api_nomem(api);
    }
}


/* Which certificate is meant.  ACM_NOTFOUND: none of this account, region and
   partition can be; ACM_INVALID: it is one of no certificate, where there can
   be no other. */

static acm_rc_t
acm_api_resource(acm_api_t *api, const char *member)
{
    acm_rc_t     rc;
    acm_str_t    account, region;
    const char  *arn, *kind;

    static const char  certificate[] = "certificate/";

    arn = json_string_value(json_object_get(api->in, member));

    if (arn == NULL) {
        return ACM_OK;
    }

    if (strlen(arn) >= sizeof(api->arn)) {
        memcpy(api->arn, arn, sizeof(api->arn) - 1);
        return ACM_NOTFOUND;
    }

    memcpy(api->arn, arn, strlen(arn) + 1);

    /* the shape of it was checked */

    kind = strrchr(arn, ':') + 1;

    if (strcmp(member, "CertificateArn") == 0
        && strncmp(kind, certificate, sizeof(certificate) - 1) != 0)
    {
        return ACM_INVALID;
    }

    rc = acm_arn_parse(arn, strlen(arn), &account, &region, api->uuid,
                       &api->err);

    if (rc != ACM_OK || !acm_api_str_is(&account, api->caller->account)
        || (!acm_api_str_is(&region, api->caller->region)
            && !acm_api_str_is(&region, api->caller->asked)))
    {
        return ACM_NOTFOUND;
    }

    /* policies know the ARN by which it was given out */

    (void) acm_arn_text(api->arn, api->caller->account, api->caller->region,
                        api->uuid);

    return ACM_OK;
}


static int
acm_api_str_is(const acm_str_t *str, const char *text)
{
    return str->len == strlen(text) && memcmp(str->data, text, str->len) == 0;
}


acm_rc_t
acm_api_fault(acm_api_t *api, const char *type, const char *fmt, ...)
{
    va_list  args;

    api->fault = type;
    api->status = 400;

    va_start(args, fmt);
    (void) vsnprintf(api->message, ACM_MAX_API_MESSAGE, fmt, args);
    va_end(args);

    return ACM_DENIED;
}


acm_rc_t
acm_api_nomem(acm_api_t *api)
{
    return acm_fail(&api->err, ACM_NOMEM, "no memory for a call of the API");
}


/* What went wrong and is no fault of the client's. */

static void
acm_api_failed(acm_api_t *api, acm_rc_t rc)
{
    json_decref(api->out);
    api->out = NULL;
    api->changed = 0;

    if (api->fault != NULL) {
        return;
    }

    if (api->err.text[0] == '\0') {
        (void) acm_fail(&api->err, rc, "%s: %s", api->operation->name,
                        acm_rc_text(rc));
    }

    if (rc == ACM_BUSY || rc == ACM_FULL || rc == ACM_NOMEM) {
        (void) acm_api_fault(api, "ServiceUnavailable", "The service cannot "
                             "do this now. Try again later.");
        api->status = 503;
        return;
    }

    (void) acm_api_fault(api, "InternalFailure", "The request failed for a "
                         "reason that the error log of the server has.");
    api->status = 500;
}


static void
acm_api_finish(acm_api_t *api, acm_api_answer_t *answer)
{
    json_t  *json;

    answer->status = 200;
    answer->fault = api->fault;
    answer->changed = api->changed;

    if (api->fault != NULL) {
        answer->status = api->status;

        if (api->status >= 500) {
            answer->err = api->err;
        }

        json = acm_api_fault_json(api->fault, api->message);

        if (json != NULL && api->more != NULL) {
            (void) json_object_update(json, api->more);
        }

    } else {
        json = (api->out != NULL) ? api->out : json_object();
    }

    if (json == NULL
        || acm_json_text(json, 0, &answer->body, &answer->err) != ACM_OK)
    {
        answer->body.len = 0;
        answer->body.data = NULL;
        answer->status = (answer->status == 200) ? 500 : answer->status;
    }

    if (api->out != NULL) {
        acm_api_hide(api->out, 1);
    }

    if (json != api->out) {
        json_decref(json);
    }
}


static json_t *
acm_api_fault_json(const char *type, const char *message)
{
    const char  *member;

    if (message == NULL || *message == '\0') {
        return json_pack("{s:s}", "__type", type);
    }

    member = (strcmp(type, "AccessDeniedException") == 0) ? "Message"
                                                          : "message";

    return json_pack("{s:s, s:o}", "__type", type, member,
                     acm_json_clean(message));
}


void
acm_api_refuse(int status, const char *type, const char *message,
    acm_api_answer_t *answer)
{
    json_t  *json;

    if (answer->request_id[0] == '\0') {
        (void) acm_uuid(answer->request_id);
    }

    answer->status = status;
    answer->fault = type;

    json = acm_api_fault_json(type, message);

    if (json == NULL
        || acm_json_text(json, 0, &answer->body, NULL) != ACM_OK)
    {
        answer->body.len = 0;
        answer->body.data = NULL;
    }

    json_decref(json);
}


static void
acm_api_audit(acm_api_t *api, const acm_api_answer_t *answer)
{
    acm_api_event_t  event;

    if (api->conf->audit == NULL) {
        return;
    }

    memset(&event, 0, sizeof(acm_api_event_t));

    if (api->in != NULL) {
        acm_api_hide(api->in, 1);
    }

    event.operation = (api->operation == NULL) ? "" : api->operation->name;
    event.resource = api->arn;
    event.request_id = answer->request_id;
    event.parameters = api->in;
    event.response = (answer->fault == NULL) ? api->out : NULL;
    event.fault = answer->fault;
    event.message = (answer->fault == NULL) ? "" : api->message;
    event.status = answer->status;
    event.now = api->now;

    if (api->operation != NULL) {
        event.changes =
            acm_api_handlers[api->operation - acm_operations].changes;
    }

    api->conf->audit(api->conf->data, api->caller, &event);
}


/* Wipes what is secret, where it lies; keep: something is shown instead. */

static void
acm_api_hide(json_t *in, int keep)
{
    size_t       i;
    json_t      *json;

    static const char *const  secrets[] = { "PrivateKey", "Passphrase" };

    for (i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        json = json_object_get(in, secrets[i]);

        if (!json_is_string(json)) {
            continue;
        }

        OPENSSL_cleanse((void *) json_string_value(json),
                        json_string_length(json));

        if (keep) {
            (void) json_object_set_new(in, secrets[i],
                       json_string("HIDDEN_DUE_TO_SECURITY_REASONS"));
        }
    }
}
