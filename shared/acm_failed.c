
/*
 * Copyright (C) The ngx_acm authors
 */


#include <string.h>

#include "acm_failed.h"
#include "acm_limit.h"


static acm_reason_e acm_failed_reason(const acm_problem_t *p,
    uint32_t *attempts);
static const char *acm_failed_name(const acm_cert_t *cert, const char *name);


int
acm_failed_may(const acm_cert_t *cert)
{
    return cert->managed && cert->version == 0
           && cert->status == ACM_STATUS_PENDING_VALIDATION;
}


int
acm_failed_order(acm_cert_t *next, const acm_problem_t *problem,
    const char *denied)
{
    uint32_t      attempts;
    acm_reason_e  reason;

    if (!acm_failed_may(next)) {
        return 0;
    }

    if (denied != NULL) {

        if (next->checks < ACM_FAILED_CAA_LOOKS) {
            return 0;
        }

        acm_failed_set(next, ACM_REASON_CAA_ERROR, denied);
        return 1;
    }

    reason = acm_failed_reason(problem, &attempts);

    if (reason == ACM_REASON_NONE || next->attempts < attempts) {
        return 0;
    }

    acm_failed_set(next, reason, problem->name);

    return 1;
}


/* NONE: it may pass. */

static acm_reason_e
acm_failed_reason(const acm_problem_t *p, uint32_t *attempts)
{
    switch (p->type) {

    case ACM_PROBLEM_REJECTED_IDENTIFIER:
        *attempts = ACM_FAILED_REFUSED;
        return ACM_REASON_DOMAIN_NOT_ALLOWED;

    case ACM_PROBLEM_UNSUPPORTED_IDENTIFIER:
        *attempts = ACM_FAILED_REFUSED;
        return ACM_REASON_INVALID_PUBLIC_DOMAIN;

    case ACM_PROBLEM_CAA:
        *attempts = ACM_FAILED_CAA;
        return ACM_REASON_CAA_ERROR;

    case ACM_PROBLEM_BAD_CSR:
    case ACM_PROBLEM_BAD_PUBLIC_KEY:
    case ACM_PROBLEM_BAD_SIGNATURE_ALGORITHM:
    case ACM_PROBLEM_EXTERNAL_ACCOUNT_REQUIRED:
    case ACM_PROBLEM_INVALID_CONTACT:
    case ACM_PROBLEM_INVALID_PROFILE:
    case ACM_PROBLEM_MALFORMED:
    case ACM_PROBLEM_UNSUPPORTED_CONTACT:
    case ACM_PROBLEM_USER_ACTION_REQUIRED:
        *attempts = ACM_FAILED_OTHER;
        return ACM_REASON_OTHER;

    default:
        *attempts = 0;
        return ACM_REASON_NONE;
    }
}


void
acm_failed_set(acm_cert_t *next, acm_reason_e reason, const char *culprit)
{
    next->status = ACM_STATUS_FAILED;
    next->reason = reason;
    next->culprit = (char *) acm_failed_name(next, culprit);
    next->due = ACM_DUE_NONE;
    next->due_at = 0;
    next->turn = 0;
}


/* What a CA calls it is as it is only if it is one of ours. */

static const char *
acm_failed_name(const acm_cert_t *cert, const char *name)
{
    size_t  i;

    for (i = 0; name != NULL && i < cert->nnames; i++) {
        if (strcmp(cert->names[i], name) == 0) {
            return cert->names[i];
        }
    }

    return (cert->nnames == 1) ? cert->names[0] : "";
}


const char *
acm_failed_unknown(const acm_cert_t *cert)
{
    size_t  i;

    for (i = 0; i < cert->nnames; i++) {
        if (!acm_public_name(cert->names[i])) {
            return cert->names[i];
        }
    }

    return NULL;
}
