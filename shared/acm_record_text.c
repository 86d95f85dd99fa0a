
/*
 * Copyright (C) The ngx_acm authors
 *
 * The words of ACM's API for the numbers of records.
 */


#include "acm_record.h"


/* in the order of the enumerations */

static const char *const  acm_renewals[] = {
    "",
    "PENDING_AUTO_RENEWAL",
    "PENDING_VALIDATION",
    "SUCCESS",
    "FAILED"
};

static const char *const  acm_reasons[] = {
    "",
    "NO_AVAILABLE_CONTACTS",
    "ADDITIONAL_VERIFICATION_REQUIRED",
    "DOMAIN_NOT_ALLOWED",
    "INVALID_PUBLIC_DOMAIN",
    "DOMAIN_VALIDATION_DENIED",
    "CAA_ERROR",
    "PCA_LIMIT_EXCEEDED",
    "PCA_INVALID_ARN",
    "PCA_INVALID_STATE",
    "PCA_REQUEST_FAILED",
    "PCA_NAME_CONSTRAINTS_VALIDATION",
    "PCA_RESOURCE_NOT_FOUND",
    "PCA_INVALID_ARGS",
    "PCA_INVALID_DURATION",
    "PCA_ACCESS_DENIED",
    "SLR_NOT_FOUND",
    "OTHER",
    "PENDING_DOMAIN_VALIDATION"
};

static const char *const  acm_revocations[] = {
    "",
    "UNSPECIFIED",
    "KEY_COMPROMISE",
    "CA_COMPROMISE",
    "AFFILIATION_CHANGED",
    "SUPERCEDED",
    "SUPERSEDED",
    "CESSATION_OF_OPERATION",
    "CERTIFICATE_HOLD",
    "REMOVE_FROM_CRL",
    "PRIVILEGE_WITHDRAWN",
    "A_A_COMPROMISE"
};


const char *
acm_status_text(acm_status_e status)
{
    switch (status) {

    case ACM_STATUS_PENDING_VALIDATION:
        return "PENDING_VALIDATION";

    case ACM_STATUS_ISSUED:
        return "ISSUED";

    case ACM_STATUS_INACTIVE:
        return "INACTIVE";

    case ACM_STATUS_EXPIRED:
        return "EXPIRED";

    case ACM_STATUS_VALIDATION_TIMED_OUT:
        return "VALIDATION_TIMED_OUT";

    case ACM_STATUS_REVOKED:
        return "REVOKED";

    case ACM_STATUS_FAILED:
        return "FAILED";
    }

    return "UNKNOWN";
}


const char *
acm_type_text(acm_type_e type)
{
    switch (type) {

    case ACM_TYPE_ISSUED:
        return "AMAZON_ISSUED";

    case ACM_TYPE_IMPORTED:
        return "IMPORTED";

    case ACM_TYPE_PRIVATE:
        return "PRIVATE";
    }

    return "UNKNOWN";
}


const char *
acm_due_text(acm_due_e due)
{
    switch (due) {

    case ACM_DUE_NONE:
        return "none";

    case ACM_DUE_ISSUE:
        return "issue";

    case ACM_DUE_RENEW:
        return "renew";

    case ACM_DUE_EXPIRE:
        return "expire";

    case ACM_DUE_ARI:
        return "renewal window";
    }

    return "unknown";
}


const char *
acm_renewal_text(acm_renewal_e renewal)
{
    return (renewal <= ACM_RENEWAL_FAILED) ? acm_renewals[renewal]
                                           : "UNKNOWN";
}


const char *
acm_reason_text(acm_reason_e reason)
{
    return (reason <= ACM_REASON_PENDING_DOMAIN_VALIDATION)
           ? acm_reasons[reason] : "UNKNOWN";
}


const char *
acm_revocation_text(acm_revocation_e revocation)
{
    return (revocation <= ACM_REVOKED_A_A_COMPROMISE)
           ? acm_revocations[revocation] : "UNKNOWN";
}
