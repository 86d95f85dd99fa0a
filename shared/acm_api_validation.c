
/*
 * Copyright (C) The ngx_acm authors
 *
 * How names are proved, as clients of ACM are shown it: a CNAME record, five
 * addresses, or a redirection.  A client may create the record at once, and
 * "*.example.com" has the one of "example.com".
 */


#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acm_api_impl.h"
#include "acm_proof.h"


static json_t *acm_api_validation(acm_api_t *api, const acm_cert_t *cert,
    size_t i, const char *status);
static const char *acm_api_mail_domain(const acm_cert_t *cert, size_t i);
static json_t *acm_api_emails(const acm_cert_t *cert, size_t i);
static const char *acm_api_base(const char *name);
static json_t *acm_api_redirect(acm_api_t *api, const char *name);
static acm_rc_t acm_api_label(acm_api_t *api, const acm_cert_t *cert,
    const char *name, char *label);
static const char *acm_api_culprit(const acm_cert_t *cert, const char *name,
    const char *status);
static json_t *acm_api_change(acm_api_t *api, const acm_cert_t *cert,
    size_t i);


/* "*.example.com" and "www.example.com" are answered for elsewhere */

static const char *const  acm_api_mailboxes[] = {
    "administrator", "hostmaster", "postmaster", "webmaster", "admin"
};


json_t *
acm_api_validations(acm_api_t *api, const acm_cert_t *cert,
    const char *status)
{
    size_t   i;
    json_t  *list;

    list = json_array();

    for (i = 0; list != NULL && i < cert->nnames; i++) {
        if (acm_name_is_ip(cert->names[i], strlen(cert->names[i]))) {
            continue;
        }

        if (json_array_append_new(list,
                                  acm_api_validation(api, cert, i,
                                      acm_api_culprit(cert, cert->names[i],
                                                      status)))
            != 0)
        {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


/* Where one name has failed, the others wait for ever. */

static const char *
acm_api_culprit(const acm_cert_t *cert, const char *name, const char *status)
{
    return (cert->status == ACM_STATUS_FAILED && *cert->culprit != '\0'
            && strcmp(cert->culprit, name) != 0)
           ? "PENDING_VALIDATION" : status;
}


const char *
acm_api_proved(const acm_cert_t *cert)
{
    if (cert->version != 0) {
        return "SUCCESS";
    }

    return (cert->status == ACM_STATUS_PENDING_VALIDATION)
           ? "PENDING_VALIDATION" : "FAILED";
}


static json_t *
acm_api_validation(acm_api_t *api, const acm_cert_t *cert, size_t i,
    const char *status)
{
    int          rc;
    json_t      *o, *proof;
    const char  *method, *name;

    name = cert->names[i];
    o = json_pack("{s:s}", "DomainName", name);

    if (o == NULL || cert->type == ACM_TYPE_IMPORTED) {
        return o;
    }

    method = acm_api_proof(cert);

    rc = acm_api_set_text(o, "ValidationDomain",
                          acm_api_mail_domain(cert, i))
         != 0
         || acm_api_set_text(o, "ValidationStatus", status) != 0
         || acm_api_set_text(o, "ValidationMethod", method) != 0;

    if (rc == 0 && strcmp(method, "DNS") == 0) {
        proof = acm_api_record(api, cert, name);
        rc = (proof != NULL
              && json_object_set_new(o, "ResourceRecord", proof) != 0);

    } else if (rc == 0 && strcmp(method, "EMAIL") == 0) {
        rc = json_object_set_new(o, "ValidationEmails",
                                 acm_api_emails(cert, i));

    } else if (rc == 0) {
        rc = json_object_set_new(o, "HttpRedirect",
                                 acm_api_redirect(api, name));
    }

    if (rc != 0) {
        json_decref(o);
        return NULL;
    }

    return o;
}


static const char *
acm_api_base(const char *name)
{
    return (name[0] == '*' && name[1] == '.') ? name + 2 : name;
}


/* The domain that mails about a name go to: itself, or what was asked for. */

static const char *
acm_api_mail_domain(const acm_cert_t *cert, size_t i)
{
    size_t       len, mail;
    const char  *name;

    name = acm_api_base(cert->names[i]);
    len = strlen(name);
    mail = (cert->proof == ACM_PROOF_EMAIL && i < cert->mail.len)
           ? cert->mail.data[i] : 0;

    return (mail == 0 || mail > len) ? name : name + len - mail;
}


static acm_rc_t
acm_api_label(acm_api_t *api, const acm_cert_t *cert, const char *name,
    char *label)
{
    acm_rc_t     rc;
    acm_snap_t  *snap;

    rc = acm_api_begin(api, &snap);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_validation_get(snap, cert->account, name, label);
    acm_api_end(api, snap);

    return rc;
}


/*
 * The record that proves the name: in our own validation zone it lets us
 * answer for it, and a built-in CA with "dns_proof" looks for it.  NULL: the
 * name has no label.
 */

json_t *
acm_api_record(acm_api_t *api, const acm_cert_t *cert, const char *name)
{
    char  label[ACM_LABEL_LEN + 1];
    char  owner[ACM_MAX_PROOF_OWNER], value[ACM_MAX_PROOF_VALUE];

    if (acm_api_label(api, cert, name, label) != ACM_OK) {
        return NULL;
    }

    acm_proof_record(api->conf->zone, label, name, owner, value);

    return json_pack("{s:s, s:s, s:s}", "Name", owner, "Type", "CNAME",
                     "Value", value);
}


static json_t *
acm_api_emails(const acm_cert_t *cert, size_t i)
{
    size_t       n;
    json_t      *list;
    const char  *domain;

    list = json_array();
    domain = acm_api_mail_domain(cert, i);

    /* nobody has asked for "www" */

    if (strncmp(domain, "www.", 4) == 0
        && (i >= cert->mail.len || cert->mail.data[i] == 0))
    {
        domain += 4;
    }

    for (n = 0; list != NULL && n < 5; n++) {
        if (json_array_append_new(list,
                                  json_sprintf("%s@%s", acm_api_mailboxes[n],
                                               domain))
            != 0)
        {
            json_decref(list);
            list = NULL;
        }
    }

    return list;
}


static json_t *
acm_api_redirect(acm_api_t *api, const char *name)
{
    char     hex[2 * ACM_HASH_LEN + 1];
    uint8_t  hash[ACM_HASH_LEN];
    json_t  *from, *to;

    memset(hash, 0, sizeof(hash));
    (void) EVP_Q_digest(NULL, "SHA256", NULL, name, strlen(name), hash, NULL);
    (void) acm_hex(hash, ACM_HASH_LEN / 2, hex);

    from = json_sprintf("http://%s/.well-known/pki-validation/%s.txt", name,
                        hex);
    to = json_sprintf("https://validation.%s.%s/%s/.well-known/"
                      "pki-validation/%s.txt", api->caller->region,
                      ACM_PROOF_VALIDATIONS, hex, hex);

    return json_pack("{s:o, s:o}", "RedirectFrom", from, "RedirectTo", to);
}


json_t *
acm_api_names(const acm_cert_t *cert, size_t max)
{
    size_t   i;
    json_t  *list;

    list = json_array();

    for (i = 0; list != NULL && i < cert->nnames && i < max; i++) {
        if (acm_name_is_ip(cert->names[i], strlen(cert->names[i]))) {
            continue;
        }

        if (json_array_append_new(list, acm_json_clean(cert->names[i])) != 0)
        {
            json_decref(list);
            list = NULL;
        }
    }

    return list;
}


/* ListCertificateDomainValidations: page by page, a token is the number of the
   first name of a page. */

acm_rc_t
acm_api_domain_validations(acm_api_t *api)
{
    char           next[8];
    long           at;
    size_t         i, max;
    json_t        *list;
    acm_rc_t       rc;
    acm_cert_t     cert;
    const char    *token;
    const json_t  *size;

    size = json_object_get(api->in, "MaxItems");
    token = json_string_value(json_object_get(api->in, "NextToken"));
    max = (size == NULL) ? ACM_MAX_NAMES : (size_t) json_integer_value(size);
    at = 0;

    if (token != NULL) {
        at = strtol(token, NULL, 10);

        (void) snprintf(next, sizeof(next), "%ld", at);

        if (at <= 0 || at >= ACM_MAX_NAMES || strcmp(next, token) != 0) {
            return acm_api_fault(api, "InvalidArgsException", "The NextToken "
                                 "is not valid for this request.");
        }
    }

    rc = acm_api_cert(api, &cert, NULL);

    if (rc != ACM_OK) {
        return rc;
    }

    list = json_array();
    rc = (list == NULL) ? acm_api_nomem(api) : ACM_OK;

    for (i = (size_t) at; rc == ACM_OK && i < cert.nnames && max != 0; i++) {
        if (cert.type != ACM_TYPE_ISSUED
            || acm_name_is_ip(cert.names[i], strlen(cert.names[i])))
        {
            continue;
        }

        max--;

        if (json_array_append_new(list,
                                  acm_api_change(api, &cert, i))
            != 0)
        {
            json_decref(list);
            rc = acm_api_nomem(api);
        }
    }

    at = (cert.type == ACM_TYPE_ISSUED && i < cert.nnames) ? (long) i : 0;
    acm_cert_free(&cert);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_api_answer(api, "DomainValidationSummaryList", list);

    if (rc == ACM_OK && at != 0) {
        (void) snprintf(next, sizeof(next), "%ld", at);

        if (acm_api_set_text(api->out, "NextToken", next) != 0) {
            rc = acm_api_nomem(api);
        }
    }

    return rc;
}


/* A change of the method is done at once: there is never a requested one. */

static json_t *
acm_api_change(acm_api_t *api, const acm_cert_t *cert, size_t i)
{
    json_t      *active, *challenge, *record;
    const char  *method, *name;

    name = cert->names[i];
    method = acm_api_proof(cert);
    challenge = NULL;

    if (strcmp(method, "DNS") == 0) {
        record = acm_api_record(api, cert, name);

        if (record != NULL) {
            challenge = json_pack("{s:{s:o}}", "DnsValidationChallenge",
                                  "ResourceRecord", record);
        }

    } else if (strcmp(method, "EMAIL") == 0) {
        challenge = json_pack("{s:{s:o, s:s}}", "EmailValidationChallenge",
                              "ValidationEmails",
                              acm_api_emails(cert, i), "ValidationDomain",
                              acm_api_mail_domain(cert, i));
    }

    active = json_pack("{s:s, s:s}", "ValidationMethod", method,
                       "ValidationStatus",
                       acm_api_culprit(cert, name, acm_api_proved(cert)));

    if (challenge != NULL
        && json_object_set_new(active, "ValidationChallenge", challenge) != 0)
    {
        json_decref(active);
        return NULL;
    }

    return json_pack("{s:s, s:o}", "DomainName", name,
                     "ActiveValidationConfiguration", active);
}
