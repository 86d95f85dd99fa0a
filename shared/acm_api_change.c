
/*
 * Copyright (C) The ngx_acm authors
 *
 * What changes a certificate that is there: DeleteCertificate,
 * RenewCertificate, RevokeCertificate, UpdateCertificateOptions,
 * ResendValidationEmail.
 */


#include <string.h>

#include "acm_api_impl.h"
#include "acm_challenge.h"
#include "acm_renewal.h"
#include "acm_revocation.h"


static acm_rc_t acm_change_used(acm_api_t *api, const acm_cert_t *cert);
static acm_rc_t acm_renew_may(acm_api_t *api, const acm_cert_t *cert);
static acm_rc_t acm_revoke_do(acm_api_t *api, const acm_cert_t *cert,
    uint64_t revision);
static acm_rc_t acm_revoke_may(acm_api_t *api, const acm_cert_t *cert);
static acm_rc_t acm_options_may(acm_api_t *api, const acm_cert_t *cert);
static acm_rc_t acm_options_set(acm_api_t *api, acm_cert_t *next);
static acm_rc_t acm_resend_may(acm_api_t *api, const acm_cert_t *cert);


acm_rc_t
acm_api_delete(acm_api_t *api)
{
    acm_rc_t    rc;
    acm_cert_t  cert;

    rc = acm_api_cert(api, &cert, NULL);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_change_used(api, &cert);
    acm_cert_free(&cert);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_certificate_delete(api->store, api->caller->account,
                                api->caller->region, api->uuid, &api->err);

    if (rc == ACM_NOTFOUND) {
        return acm_api_not_found(api);
    }

    if (rc == ACM_OK) {
        api->changed = 1;
    }

    return rc;
}


/* ResourceInUseException, which says by whom. */

static acm_rc_t
acm_change_used(acm_api_t *api, const acm_cert_t *cert)
{
    json_t    *list;
    acm_rc_t   rc;

    if (!acm_api_in_use(api, cert)) {
        return ACM_OK;
    }

    list = acm_api_in_use_by(api, cert);

    if (list == NULL) {
        return acm_api_nomem(api);
    }

    rc = acm_api_fault(api, "ResourceInUseException", "Certificate %s in "
                       "account %s is in use. It is used by %s%s.", api->arn,
                       api->caller->account,
                       json_string_value(json_array_get(list, 0)),
                       (json_array_size(list) > 1) ? " and others" : "");

    json_decref(list);

    return rc;
}


acm_rc_t
acm_api_renew(acm_api_t *api)
{
    acm_rc_t    rc;
    acm_cert_t  cert;

    rc = acm_api_cert(api, &cert, NULL);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_renew_may(api, &cert);
    acm_cert_free(&cert);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_renewal_force(api->store, api->caller->account,
                           api->caller->region, api->uuid, api->now,
                           &api->err);

    if (rc == ACM_BUSY) {
        return acm_api_fault(api, "RequestInProgressException", "The renewal "
                             "of certificate %s is in progress already.",
                             api->arn);
    }

    if (rc == ACM_INVALID) {
        return acm_api_fault(api, "ValidationException", "%s", api->err.text);
    }

    if (rc == ACM_NOTFOUND) {
        return acm_api_not_found(api);
    }

    if (rc == ACM_OK) {
        api->changed = 1;
    }

    return rc;
}


static acm_rc_t
acm_renew_may(acm_api_t *api, const acm_cert_t *cert)
{
    acm_status_e  status;

    status = acm_api_status(cert, api->now);

    if (cert->type != ACM_TYPE_IMPORTED
        && status == ACM_STATUS_PENDING_VALIDATION)
    {
        return acm_api_fault(api, "RequestInProgressException", "The "
                             "certificate %s has not been issued yet.",
                             api->arn);
    }

    if (cert->type == ACM_TYPE_IMPORTED) {
        return acm_api_fault(api, "ValidationException", "Certificate ARN %s "
                             "was imported so it is not eligible for the "
                             "Renew Certificate API.", api->arn);
    }

    if (status != ACM_STATUS_ISSUED) {
        return acm_api_fault(api, "ValidationException", "Certificate ARN %s "
                             "is in status %s so it is not eligible for the "
                             "Renew Certificate API.", api->arn,
                             acm_status_text(status));
    }

    if (!acm_api_eligible(api, cert)) {
        return acm_api_fault(api, "ValidationException", "Certificate ARN %s "
                             "has not been exported so it is not eligible "
                             "for the Renew Certificate API.", api->arn);
    }

    return ACM_OK;
}


acm_rc_t
acm_api_revoke(acm_api_t *api)
{
    acm_rc_t    rc;
    uint64_t    revision;
    acm_cert_t  cert;

    rc = acm_api_cert(api, &cert, &revision);

    if (rc != ACM_OK) {
        return rc;
    }

    if (cert.status != ACM_STATUS_REVOKED) {
        rc = acm_revoke_may(api, &cert);
    }

    /* the CA may have refused it for a reason that is gone */

    if (rc == ACM_OK && (cert.status != ACM_STATUS_REVOKED
                         || cert.revoking == ACM_REVOKING_REFUSED))
    {
        rc = acm_revoke_do(api, &cert, revision);
    }

    acm_cert_free(&cert);

    if (rc != ACM_OK) {
        return rc;
    }

    return acm_api_answer(api, "CertificateArn", json_string(api->arn));
}


static acm_rc_t
acm_revoke_may(acm_api_t *api, const acm_cert_t *cert)
{
    acm_status_e  status;

    status = acm_api_status(cert, api->now);

    if (cert->type == ACM_TYPE_IMPORTED) {
        return acm_api_fault(api, "ValidationException", "Certificate ARN %s "
                             "was imported and cannot be revoked.",
                             api->arn);
    }

    if (status == ACM_STATUS_PENDING_VALIDATION) {
        return acm_api_fault(api, "ConflictException", "The certificate %s "
                             "has not been issued yet.", api->arn);
    }

    if (status != ACM_STATUS_ISSUED) {
        return acm_api_fault(api, "ValidationException", "Certificate ARN %s "
                             "is in status %s and cannot be revoked.",
                             api->arn, acm_status_text(status));
    }

    if (!cert->exported) {
        return acm_api_fault(api, "ValidationException", "Certificate ARN %s "
                             "has not been exported so it cannot be "
                             "revoked.", api->arn);
    }

    return acm_change_used(api, cert);
}


/* From then on no server has it for any name, and the CA is told. */

static acm_rc_t
acm_revoke_do(acm_api_t *api, const acm_cert_t *cert, uint64_t revision)
{
    acm_rc_t     rc;
    const char  *reason;

    reason = json_string_value(json_object_get(api->in, "RevocationReason"));

    rc = acm_certificate_revoke(api->store, cert, revision, 0,
                                acm_revocation_parse(reason), api->now,
                                &api->err);

    if (rc == ACM_INVALID) {
        return acm_api_fault(api, "ValidationException", "%s",
                             api->err.text);
    }

    if (rc == ACM_OK) {
        api->changed = 1;
    }

    return rc;
}


acm_rc_t
acm_api_update_options(acm_api_t *api)
{
    acm_rc_t    rc;
    uint64_t    revision;
    acm_cert_t  cert, next;

    rc = acm_api_cert(api, &cert, &revision);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_options_may(api, &cert);

    if (rc == ACM_OK) {
        next = cert;
        rc = acm_options_set(api, &next);
    }

    if (rc == ACM_OK
        && (next.unlogged != cert.unlogged || next.proof != cert.proof
            || next.method != cert.method))
    {
        rc = acm_certificate_update(api->store, &cert, revision, &next, NULL,
                                    api->now, &api->err);
    }

    acm_cert_free(&cert);

    return rc;
}


static acm_rc_t
acm_options_may(acm_api_t *api, const acm_cert_t *cert)
{
    acm_status_e  status;

    if (cert->type != ACM_TYPE_ISSUED) {
        return acm_api_fault(api, "InvalidStateException", "The "
                             "UpdateCertificateOptions command is not "
                             "permitted for %s certificates.",
                             (cert->type == ACM_TYPE_IMPORTED)
                             ? "imported" : "private");
    }

    status = acm_api_status(cert, api->now);

    if (status != ACM_STATUS_ISSUED) {
        return acm_api_fault(api, "InvalidStateException", "The "
                             "UpdateCertificateOptions command is not "
                             "permitted for a certificate in status %s.",
                             acm_status_text(status));
    }

    return ACM_OK;
}


static acm_rc_t
acm_options_set(acm_api_t *api, acm_cert_t *next)
{
    char         label[ACM_LABEL_LEN + 1];
    size_t       i;
    json_t      *options;
    acm_rc_t     rc;
    const char  *export, *log, *method;

    options = json_object_get(api->in, "Options");
    export = json_string_value(json_object_get(options, "Export"));
    method = json_string_value(json_object_get(options, "ValidationMethod"));
    log = json_string_value(json_object_get(options,
                                "CertificateTransparencyLoggingPreference"));

    if (export != NULL
        && strcmp(export, next->exportable ? "ENABLED" : "DISABLED") != 0)
    {
        return acm_api_fault(api, "ValidationException", "The Export option "
                             "cannot be changed after the certificate was "
                             "requested.");
    }

    if (log != NULL) {
        next->unlogged = (strcmp(log, "DISABLED") == 0);
    }

    if (method == NULL) {
        return ACM_OK;
    }

    if (strcmp(method, "DNS") != 0) {
        return acm_api_fault(api, "ValidationException", "The validation "
                             "method can be changed to DNS only.");
    }

    rc = ACM_OK;

    for (i = 0; rc == ACM_OK && i < next->nnames; i++) {
        rc = acm_validation_ensure(api->store, next->account, next->names[i],
                                   api->now, label, &api->err);
    }

    next->proof = ACM_PROOF_DNS;

    if (api->conf->zone != NULL) {
        next->method = ACM_METHOD_DNS_01;
    }

    return rc;
}


/* The step that waits for the approval is taken again, at once. */

acm_rc_t
acm_api_resend(acm_api_t *api)
{
    acm_rc_t    rc;
    uint64_t    revision;
    acm_cert_t  cert, next;

    rc = acm_api_cert(api, &cert, &revision);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_resend_may(api, &cert);

    if (rc == ACM_OK && cert.due_at > api->now) {
        next = cert;
        next.due_at = api->now;

        rc = acm_certificate_update(api->store, &cert, revision, &next, NULL,
                                    api->now, &api->err);
    }

    if (rc == ACM_OK) {
        api->changed = 1;
    }

    acm_cert_free(&cert);

    return rc;
}


static acm_rc_t
acm_resend_may(acm_api_t *api, const acm_cert_t *cert)
{
    char         name[ACM_MAX_NAME + 1];
    size_t       i;
    const char  *domain, *validation;

    domain = json_string_value(json_object_get(api->in, "Domain"));
    validation = json_string_value(json_object_get(api->in,
                                                   "ValidationDomain"));

    if (cert->type != ACM_TYPE_ISSUED || cert->proof != ACM_PROOF_EMAIL
        || (cert->due != ACM_DUE_ISSUE && cert->due != ACM_DUE_RENEW)
        || (cert->status != ACM_STATUS_PENDING_VALIDATION
            && cert->renewal != ACM_RENEWAL_PENDING_VALIDATION))
    {
        return acm_api_fault(api, "InvalidStateException", "The certificate "
                             "%s does not wait for an approval by email.",
                             api->arn);
    }

    if (acm_name_request(domain, strlen(domain), name, NULL) != ACM_OK) {
        name[0] = '\0';
    }

    for (i = 0; i < cert->nnames; i++) {
        if (strcmp(cert->names[i], name) == 0
            && acm_api_superdomain(name, validation))
        {
            return ACM_OK;
        }
    }

    return acm_api_fault(api, "InvalidDomainValidationOptionsException",
                         "The validation domain %s is not valid for the "
                         "domain %s of certificate %s.", validation, domain,
                         api->arn);
}
