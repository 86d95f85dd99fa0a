
/*
 * Copyright (C) The ngx_acm authors
 *
 * Requests over the API that come to nothing, as far as no CA says so.
 */


#include <string.h>

#include "acm_engine_impl.h"
#include "acm_failed.h"
#include "acm_issue.h"


static int acm_engine_public(acm_engine_t *e, const acm_cert_t *cert);


int
acm_engine_late(const acm_cert_t *cert, int64_t now)
{
    return acm_failed_may(cert)
           && now - cert->created_at >= ACM_VALIDATION_TIME;
}


acm_rc_t
acm_engine_hopeless(acm_engine_t *e, const acm_cert_t *cert,
    uint64_t revision, int64_t now, acm_err_t *why, acm_err_t *err)
{
    acm_rc_t     rc;
    acm_cert_t   next;
    const char  *name;

    if (!acm_failed_may(cert) || !acm_engine_public(e, cert)) {
        return ACM_NOTFOUND;
    }

    name = acm_failed_unknown(cert);

    if (name == NULL) {
        return ACM_NOTFOUND;
    }

    (void) acm_fail(why, ACM_INVALID, "\"%s\" is no name below a public "
                    "suffix: no public CA issues for it; correct it, or "
                    "request it from a private CA", name);

    next = *cert;
    next.last_error = why->text;
    next.last_error_at = now;
    acm_failed_set(&next, ACM_REASON_INVALID_PUBLIC_DOMAIN, name);

    rc = acm_certificate_update(e->store, cert, revision, &next, NULL, now,
                                err);

    if (rc == ACM_OK && e->report != NULL) {
        e->report(e->data, ACM_STEP_FAILED, &next, why->text);
    }

    return rc;
}


/* Whether all of its issuers are known, and issue for public names only. */

static int
acm_engine_public(acm_engine_t *e, const acm_cert_t *cert)
{
    size_t               i, n;
    const acm_issuer_t  *issuer;

    (void) acm_engine_nth(e, cert->issuer, 0, &n);

    for (i = 0; i < n; i++) {
        issuer = acm_engine_nth(e, cert->issuer, (uint32_t) i, &n);

        if (issuer == NULL || !issuer->public_names) {
            return 0;
        }
    }

    return n != 0;
}


acm_reason_e
acm_engine_private(acm_engine_t *e, acm_cert_t *next,
    const acm_issuer_t *issuer, int64_t now)
{
    acm_reason_e  reason;

    if (issuer == NULL) {
        reason = ACM_REASON_PCA_RESOURCE_NOT_FOUND;

    } else if (acm_issue_ended(e->ring, issuer->name, now)) {
        reason = ACM_REASON_PCA_INVALID_STATE;

    } else {
        return ACM_REASON_PCA_REQUEST_FAILED;
    }

    if (acm_failed_may(next) && next->attempts >= ACM_FAILED_PRIVATE) {
        acm_failed_set(next, reason, NULL);
    }

    return reason;
}
