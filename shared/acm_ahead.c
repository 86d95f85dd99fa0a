
/*
 * Copyright (C) The ngx_acm authors
 */


#include "acm_ahead.h"
#include "acm_certificate.h"
#include "acm_failed.h"
#include "acm_sched.h"
#include "acm_staple.h"


static int acm_ahead_issued(const acm_cert_t *cert, int64_t latest);
static int acm_ahead_asked(const acm_cert_t *cert, int64_t now);
static int acm_ahead_off(const acm_cert_t *cert, int64_t now,
    int64_t latest);
static int acm_ahead_ended(const acm_cert_t *cert, int64_t now,
    int64_t latest);


int
acm_ahead(const acm_cert_t *cert, int64_t now)
{
    int64_t  latest;

    latest = acm_add_sat(now, ACM_CLOCK_SLACK);

    return acm_ahead_issued(cert, latest) || acm_ahead_asked(cert, latest)
           || acm_ahead_off(cert, now, latest)
           || acm_ahead_ended(cert, now, latest)
           || cert->unused_at > latest;
}


/* By that clock much of its life was over, so that it is renewed late; unless
   the CA has said when. */

static int
acm_ahead_issued(const acm_cert_t *cert, int64_t latest)
{
    return (cert->due == ACM_DUE_RENEW || cert->due == ACM_DUE_ARI)
           && cert->issued_at > latest && cert->ari_start == 0
           && cert->renew_at > acm_sched_renew_at(cert->not_before,
                                                  cert->not_after);
}


/* Nobody is asked less often than this. */

static int
acm_ahead_asked(const acm_cert_t *cert, int64_t latest)
{
    return (cert->due == ACM_DUE_ARI
            && cert->ari_at > acm_add_sat(latest, ACM_ARI_MOST))
           || cert->ocsp_at > acm_add_sat(latest, ACM_STAPLE_MOST);
}


/*
 * When it was asked for tells only of its first attempt, and if that waits for
 * longer still: what a clock that is right put off stays so.
 */

static int
acm_ahead_off(const acm_cert_t *cert, int64_t now, int64_t latest)
{
    if (!acm_put_off(cert, now)) {
        return 0;
    }

    return cert->last_error_at > latest
           || (cert->last_error_at == 0 && cert->created_at > latest
               && cert->due_at >= cert->created_at);
}


/* A request that was given up as its time was over, or its private CA had
   ended; by the clock as it is now it has time still. */

static int
acm_ahead_ended(const acm_cert_t *cert, int64_t now, int64_t latest)
{
    if (!cert->managed || cert->version != 0 || cert->created_at > latest
        || now - cert->created_at >= ACM_VALIDATION_TIME)
    {
        return 0;
    }

    if (cert->status != ACM_STATUS_FAILED || cert->type != ACM_TYPE_PRIVATE) {
        return cert->status == ACM_STATUS_VALIDATION_TIMED_OUT;
    }

    return cert->attempts < ACM_FAILED_PRIVATE
           || cert->reason == ACM_REASON_PCA_REQUEST_FAILED
           || (cert->reason == ACM_REASON_PCA_INVALID_STATE
               && cert->last_error_at > latest);
}


int
acm_ahead_early(const acm_cert_t *cert, int64_t now)
{
    return (cert->due == ACM_DUE_RENEW || cert->due == ACM_DUE_ARI)
           && cert->due_at > now && !acm_put_off(cert, now)
           && cert->version != 0 && cert->status == ACM_STATUS_ISSUED
           && cert->not_before > acm_add_sat(now, ACM_CLOCK_SLACK);
}


int
acm_put_off(const acm_cert_t *cert, int64_t now)
{
    return (cert->due == ACM_DUE_ISSUE || cert->due == ACM_DUE_RENEW)
           && cert->due_at > now && cert->due_at != cert->renew_at;
}


void
acm_ahead_mend(acm_cert_t *cert, int64_t now)
{
    int64_t  latest;

    latest = acm_add_sat(now, ACM_CLOCK_SLACK);

    if (acm_ahead_issued(cert, latest)) {
        cert->renew_at = acm_sched_renew_at(cert->not_before,
                                            cert->not_after);

        /* if it is now that the clock is wrong: not long ago, for ever */

        cert->issued_at = (cert->not_before > now) ? cert->not_before : now;
    }

    if (acm_ahead_ended(cert, now, latest)) {
        cert->status = ACM_STATUS_PENDING_VALIDATION;
        cert->reason = ACM_REASON_NONE;
        cert->culprit = (char *) "";
        cert->due = ACM_DUE_ISSUE;
    }

    if (cert->unused_at > latest) {

        /* it is looked at again when it is to be renewed, not now */

        cert->unused_at = 0;
        cert->due = ACM_DUE_RENEW;
    }

    if (cert->due == ACM_DUE_ISSUE || cert->due == ACM_DUE_RENEW
        || cert->due == ACM_DUE_ARI)
    {
        acm_due_again(cert, now);
    }

    if (cert->ocsp_at > acm_add_sat(latest, ACM_STAPLE_MOST)) {
        cert->ocsp_at = now;
    }

    if (cert->last_error_at > now) {
        cert->last_error_at = now;
    }
}


void
acm_due_again(acm_cert_t *cert, int64_t now)
{
    if (cert->version == 0) {
        cert->due = ACM_DUE_ISSUE;
        cert->due_at = now;
        return;
    }

    if (cert->renew_at > now && !cert->forced
        && cert->status != ACM_STATUS_REVOKED)
    {
        cert->ari_at = (cert->ari_at > now) ? now : cert->ari_at;
        acm_certificate_schedule(cert);
        return;
    }

    cert->due = ACM_DUE_RENEW;
    cert->due_at = (cert->renew_at != 0) ? now
                   : acm_sched_renew_at(cert->not_before, cert->not_after);

    if (cert->due_at < now || cert->forced
        || cert->status == ACM_STATUS_REVOKED)
    {
        cert->due_at = now;
    }
}
