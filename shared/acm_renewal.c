
/*
 * Copyright (C) The ngx_acm authors
 */


#include <string.h>

#include "acm_renewal.h"
#include "acm_watch.h"


static acm_rc_t acm_renewal_check(const acm_cert_t *cert, acm_err_t *err);


int
acm_renewal_eligible(const acm_cert_t *cert)
{
    return cert->type != ACM_TYPE_IMPORTED
           && cert->status == ACM_STATUS_ISSUED
           && (acm_watch_renews(cert) || cert->exported != 0);
}


void
acm_renewal_started(acm_cert_t *next, int64_t now)
{
    if (next->version == 0
        || next->renewal == ACM_RENEWAL_PENDING_AUTO_RENEWAL
        || next->renewal == ACM_RENEWAL_PENDING_VALIDATION
        || next->status == ACM_STATUS_EXPIRED)
    {
        return;
    }

    next->renewal = ACM_RENEWAL_PENDING_AUTO_RENEWAL;
    next->renewal_at = now;
}


void
acm_renewal_failed(acm_cert_t *next, acm_reason_e reason, int64_t now)
{
    acm_renewal_e  renewal;

    next->reason = reason;

    if (next->version == 0 || next->status == ACM_STATUS_EXPIRED) {
        return;
    }

    renewal = (reason == ACM_REASON_PENDING_DOMAIN_VALIDATION
               || reason == ACM_REASON_CAA_ERROR)
              ? ACM_RENEWAL_PENDING_VALIDATION
              : ACM_RENEWAL_PENDING_AUTO_RENEWAL;

    next->renewal = renewal;
    next->renewal_at = now;
}


acm_reason_e
acm_renewal_reason(const acm_problem_t *problem)
{
    switch (problem->type) {

    case ACM_PROBLEM_CAA:
        return ACM_REASON_CAA_ERROR;

    case ACM_PROBLEM_CONNECTION:
    case ACM_PROBLEM_DNS:
    case ACM_PROBLEM_INCORRECT_RESPONSE:
    case ACM_PROBLEM_TLS:
    case ACM_PROBLEM_UNAUTHORIZED:
        return ACM_REASON_PENDING_DOMAIN_VALIDATION;

    case ACM_PROBLEM_REJECTED_IDENTIFIER:
        return ACM_REASON_DOMAIN_NOT_ALLOWED;

    case ACM_PROBLEM_UNSUPPORTED_IDENTIFIER:
        return ACM_REASON_INVALID_PUBLIC_DOMAIN;

    case ACM_PROBLEM_EXTERNAL_ACCOUNT_REQUIRED:
    case ACM_PROBLEM_USER_ACTION_REQUIRED:
        return ACM_REASON_ADDITIONAL_VERIFICATION_REQUIRED;

    case ACM_PROBLEM_INVALID_CONTACT:
    case ACM_PROBLEM_UNSUPPORTED_CONTACT:
        return ACM_REASON_NO_AVAILABLE_CONTACTS;

    default:
        return ACM_REASON_OTHER;
    }
}


acm_rc_t
acm_renewal_force(acm_store_t *store, const char *account,
    const char *region, const char *uuid, int64_t now, acm_err_t *err)
{
    acm_rc_t     rc;
    uint64_t     revision;
    acm_cert_t   cert, next;
    acm_snap_t  *snap;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_cert_get(snap, account, region, uuid, &cert, &revision);
    acm_store_end(snap);

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "certificate %s: %s", uuid,
                        acm_rc_text(rc));
    }

    rc = acm_renewal_check(&cert, err);

    if (rc == ACM_OK) {
        next = cert;
        next.forced = 1;
        next.due = ACM_DUE_RENEW;
        next.due_at = now;
        acm_renewal_started(&next, now);

        rc = acm_certificate_update(store, &cert, revision, &next, NULL, now,
                                    err);
    }

    acm_cert_free(&cert);

    return rc;
}


static acm_rc_t
acm_renewal_check(const acm_cert_t *cert, acm_err_t *err)
{
    if (cert->type == ACM_TYPE_IMPORTED) {
        return acm_fail(err, ACM_INVALID, "certificate %s was imported: "
                        "import a new one in its place", cert->uuid);
    }

    if (cert->version == 0) {
        return acm_fail(err, ACM_BUSY, "certificate %s is not issued yet",
                        cert->uuid);
    }

    if (cert->status == ACM_STATUS_REVOKED) {
        return acm_fail(err, ACM_INVALID, "certificate %s is revoked: "
                        "request a new one", cert->uuid);
    }

    if (cert->forced) {
        return acm_fail(err, ACM_BUSY, "the renewal of certificate %s was "
                        "asked for already and is under way", cert->uuid);
    }

    return ACM_OK;
}
