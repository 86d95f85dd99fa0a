
/*
 * Copyright (C) The ngx_acm authors
 *
 * Problems (RFC 7807, RFC 8555 s6.7): what they mean for us, whose they are
 * and what to do about them.
 */


#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acm_acme.h"
#include "acm_json.h"


#define ACM_PROBLEM_URN  "urn:ietf:params:acme:error:"


typedef struct {
    acm_problem_e   type;
    const char     *name;
    acm_fault_e     fault;
    const char     *cure;
} acm_problem_row_t;


static void acm_problem_fill(const json_t *json, acm_problem_t *p);
static const acm_problem_row_t *acm_problem_sub(const json_t *json,
    acm_problem_t *p);
static void acm_problem_name(acm_problem_t *p, const char *name);
static void acm_problem_cure(acm_problem_t *p, const char *cure);
static void acm_problem_status(acm_problem_t *p);
static const acm_problem_row_t *acm_problem_row(const char *type);
static void acm_problem_add(acm_problem_t *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));


static const acm_problem_row_t  acm_problems[] = {

    { ACM_PROBLEM_ACCOUNT_DOES_NOT_EXIST, "accountDoesNotExist",
      ACM_FAULT_ACCOUNT, NULL },

    { ACM_PROBLEM_ALREADY_REPLACED, "alreadyReplaced", ACM_FAULT_NAME,
      NULL },

    { ACM_PROBLEM_ALREADY_REVOKED, "alreadyRevoked", ACM_FAULT_NAME, NULL },

    { ACM_PROBLEM_BAD_CSR, "badCSR", ACM_FAULT_NAME,
      "the CA does not take such names or keys: try another \"key\"" },

    { ACM_PROBLEM_BAD_NONCE, "badNonce", ACM_FAULT_CA, NULL },

    { ACM_PROBLEM_BAD_PUBLIC_KEY, "badPublicKey", ACM_FAULT_ACCOUNT,
      "set another \"account_key\"" },

    { ACM_PROBLEM_BAD_REVOCATION_REASON, "badRevocationReason",
      ACM_FAULT_NAME, NULL },

    { ACM_PROBLEM_BAD_SIGNATURE_ALGORITHM, "badSignatureAlgorithm",
      ACM_FAULT_ACCOUNT, "set another \"account_key\"" },

    { ACM_PROBLEM_CAA, "caa", ACM_FAULT_NAME,
      "change the CAA record so that it allows this CA" },

    { ACM_PROBLEM_COMPOUND, "compound", ACM_FAULT_NAME, NULL },

    { ACM_PROBLEM_CONNECTION, "connection", ACM_FAULT_NAME,
      "the CA must reach this server: check address records, firewall and "
      "port" },

    { ACM_PROBLEM_DNS, "dns", ACM_FAULT_NAME,
      "check the name's DNS records and servers" },

    { ACM_PROBLEM_EXTERNAL_ACCOUNT_REQUIRED, "externalAccountRequired",
      ACM_FAULT_ACCOUNT, "get a key from the CA and set \"eab\"" },

    { ACM_PROBLEM_INCORRECT_RESPONSE, "incorrectResponse", ACM_FAULT_NAME,
      "the name must lead to this server, or its TXT record to our answer" },

    { ACM_PROBLEM_INVALID_CONTACT, "invalidContact", ACM_FAULT_ACCOUNT,
      "correct \"contact\"" },

    { ACM_PROBLEM_INVALID_PROFILE, "invalidProfile", ACM_FAULT_ACCOUNT,
      "choose a \"profile\" that the CA offers" },

    { ACM_PROBLEM_MALFORMED, "malformed", ACM_FAULT_NAME, NULL },

    { ACM_PROBLEM_ORDER_NOT_READY, "orderNotReady", ACM_FAULT_CA, NULL },

    { ACM_PROBLEM_RATE_LIMITED, "rateLimited", ACM_FAULT_LIMIT, NULL },

    { ACM_PROBLEM_REJECTED_IDENTIFIER, "rejectedIdentifier", ACM_FAULT_NAME,
      "the CA will not issue for this name: remove it, or use another "
      "issuer" },

    { ACM_PROBLEM_SERVER_INTERNAL, "serverInternal", ACM_FAULT_CA, NULL },

    { ACM_PROBLEM_TLS, "tls", ACM_FAULT_NAME,
      "the name must lead to this server's TLS port" },

    { ACM_PROBLEM_UNAUTHORIZED, "unauthorized", ACM_FAULT_NAME,
      "the name must lead to this server, or its TXT record to our answer" },

    { ACM_PROBLEM_UNSUPPORTED_CONTACT, "unsupportedContact",
      ACM_FAULT_ACCOUNT, "correct \"contact\"" },

    { ACM_PROBLEM_UNSUPPORTED_IDENTIFIER, "unsupportedIdentifier",
      ACM_FAULT_NAME, "the CA issues for no such name: remove it, or use "
      "another issuer" },

    { ACM_PROBLEM_USER_ACTION_REQUIRED, "userActionRequired",
      ACM_FAULT_ACCOUNT, "read and accept the CA's new terms of service" }
};


const char *
acm_problem_text(acm_problem_e type)
{
    size_t  i;

    for (i = 0; i < sizeof(acm_problems) / sizeof(acm_problems[0]); i++) {
        if (acm_problems[i].type == type) {
            return acm_problems[i].name;
        }
    }

    return "error";
}


static const acm_problem_row_t *
acm_problem_row(const char *type)
{
    size_t  i, len;

    len = sizeof(ACM_PROBLEM_URN) - 1;

    if (strncmp(type, ACM_PROBLEM_URN, len) != 0) {
        return NULL;
    }

    for (i = 0; i < sizeof(acm_problems) / sizeof(acm_problems[0]); i++) {
        if (strcmp(acm_problems[i].name, type + len) == 0) {
            return &acm_problems[i];
        }
    }

    return NULL;
}


void
acm_acme_problem(const acm_http_t *http, acm_problem_t *p)
{
    json_t  *json;

    memset(p, 0, sizeof(acm_problem_t));

    if (http->rc != ACM_OK) {
        p->type = ACM_PROBLEM_OTHER;
        p->fault = ACM_FAULT_CA;
        acm_problem_add(p, "the CA cannot be reached: %s", http->why.text);
        return;
    }

    p->status = http->status;

    if (acm_http_is_type(http, "application/problem+json")
        && acm_json_parse(http->answer.data, http->answer.len,
                          ACM_MAX_HTTP_BODY, &json, NULL)
           == ACM_OK)
    {
        acm_problem_fill(json, p);
        json_decref(json);

    } else {
        p->type = ACM_PROBLEM_OTHER;
        acm_problem_add(p, "the CA answered with HTTP status %d and no "
                        "reason", http->status);
    }

    acm_problem_status(p);
}


void
acm_acme_error(const json_t *error, const char *what, acm_problem_t *p)
{
    memset(p, 0, sizeof(acm_problem_t));

    if (what != NULL) {
        acm_problem_add(p, "%s: ", what);
        acm_problem_name(p, what);
    }

    if (error == NULL) {
        p->type = ACM_PROBLEM_OTHER;
        p->fault = ACM_FAULT_NAME;
        acm_problem_add(p, "the CA gave no reason");
        return;
    }

    acm_problem_fill(error, p);
}


/* The HTTP status says more than a type that we do not know. */

static void
acm_problem_status(acm_problem_t *p)
{
    if (p->type != ACM_PROBLEM_OTHER) {
        return;
    }

    if (p->status == 429) {
        p->type = ACM_PROBLEM_RATE_LIMITED;
        p->fault = ACM_FAULT_LIMIT;

    } else if (p->status >= 400 && p->status < 500 && p->status != 408
               && p->fault == ACM_FAULT_NAME)
    {
        /* a problem of a new type: as RFC 8555 s6.7 has them */

        return;

    } else {
        p->fault = ACM_FAULT_CA;
    }
}


static void
acm_problem_fill(const json_t *json, acm_problem_t *p)
{
    char                      buf[ACM_MAX_ACME_TEXT + 1];
    size_t                    i, n;
    json_t                   *list;
    const char               *type, *detail;
    const acm_problem_row_t  *row, *first;

    type = acm_json_string(json, "type");
    detail = acm_json_string(json, "detail");
    first = (type == NULL) ? NULL : acm_problem_row(type);

    acm_problem_add(p, "%.64s: %s",
                    (first != NULL) ? first->name
                    : (type != NULL) ? acm_acme_clean(type, buf) : "error",
                    (detail == NULL) ? "no details" : "");

    if (detail != NULL) {
        acm_problem_add(p, "%s", acm_acme_clean(detail, buf));
    }

    list = acm_json_array(json, "subproblems");
    n = json_array_size(list);

    for (i = 0; i < n && i < ACM_MAX_SUBPROBLEMS; i++) {
        row = acm_problem_sub(json_array_get(list, i), p);

        if (row != NULL
            && (first == NULL || first->type == ACM_PROBLEM_COMPOUND))
        {
            first = row;
            acm_problem_name(p, acm_json_string(
                                    acm_json_object(json_array_get(list, i),
                                                    "identifier"), "value"));
        }
    }

    /* of several, each with a reason: the first is as good as another */

    if (p->name[0] == '\0') {
        acm_problem_name(p, acm_json_string(
                                acm_json_object(json_array_get(list, 0),
                                                "identifier"), "value"));
    }

    p->type = (first == NULL) ? ACM_PROBLEM_OTHER : first->type;
    p->fault = (first == NULL) ? ACM_FAULT_NAME : first->fault;

    if (first != NULL && first->cure != NULL
        && (first->type != ACM_PROBLEM_UNAUTHORIZED || p->status == 0))
    {
        /* a request that is refused says nothing of where the name leads */

        acm_problem_cure(p, first->cure);
    }
}


/* Says which identifier was refused and why, RFC 8555 s6.7.1. */

static const acm_problem_row_t *
acm_problem_sub(const json_t *json, acm_problem_t *p)
{
    char                      buf[ACM_MAX_ACME_TEXT + 1];
    const char               *type, *detail, *value;
    const acm_problem_row_t  *row;

    value = acm_json_string(acm_json_object(json, "identifier"), "value");
    detail = acm_json_string(json, "detail");
    type = acm_json_string(json, "type");
    row = (type == NULL) ? NULL : acm_problem_row(type);

    if (value != NULL) {
        acm_problem_add(p, "; \"%s\": ", acm_acme_clean(value, buf));

    } else if (row != NULL || detail != NULL) {
        acm_problem_add(p, "; ");

    } else {
        return NULL;
    }

    acm_problem_add(p, "%s: %s", (row == NULL) ? "error" : row->name,
                    (detail == NULL) ? "no details"
                                     : acm_acme_clean(detail, buf));

    return row;
}


/* What is too long is no name. */

static void
acm_problem_name(acm_problem_t *p, const char *name)
{
    size_t  len;

    len = (name == NULL) ? 0 : strlen(name);

    if (len != 0 && len <= ACM_MAX_NAME) {
        memcpy(p->name, name, len + 1);
    }
}


/* What to do is never cut off by what a CA wrote. */

static void
acm_problem_cure(acm_problem_t *p, const char *cure)
{
    size_t  most;

    most = sizeof(p->text) - 1 - 2 - strlen(cure);

    if (strlen(p->text) > most) {
        p->text[most] = '\0';
    }

    acm_problem_add(p, "; %s", cure);
}


static void
acm_problem_add(acm_problem_t *p, const char *fmt, ...)
{
    size_t   len;
    va_list  args;

    len = strlen(p->text);

    va_start(args, fmt);
    (void) vsnprintf(p->text + len, sizeof(p->text) - len, fmt, args);
    va_end(args);
}
