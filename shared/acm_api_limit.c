
/*
 * Copyright (C) The ngx_acm authors
 *
 * What ACM limits: how often an operation may be called, how many
 * certificates there may be.
 */


#include "acm_api_impl.h"


acm_rc_t
acm_api_rate(acm_api_t *api)
{
    size_t                   op;
    const acm_api_limits_t  *limits;

    limits = api->conf->limits;
    op = (size_t) (api->operation - acm_operations);

    if (limits == NULL || limits->throttle == NULL
        || acm_throttle_take(limits->throttle, &limits->rates[op],
                             api->caller->account, api->caller->region,
                             api->operation->name, api->caller->ticks))
    {
        return ACM_OK;
    }

    api->more = json_pack("{s:[{s:s, s:s++}]}", "throttlingReasons",
                          "reason", "RequestRateExceeded", "resource",
                          "acm", ":", api->operation->name);

    return acm_api_fault(api, "ThrottlingException", "Rate exceeded");
}


uint32_t
acm_api_limit(const acm_api_t *api, acm_quota_e quota)
{
    return (api->conf->limits == NULL) ? 0 : api->conf->limits->quotas[quota];
}


acm_rc_t
acm_api_quota(acm_api_t *api, const acm_cert_t *cert, acm_batch_t *batch)
{
    char         ca[ACM_MAX_ARN];
    acm_rc_t     rc;
    uint32_t     n;
    acm_snap_t  *snap;
    acm_quota_e  quota;

    static const uint32_t  none[ACM_QUOTA_MAX];

    rc = acm_store_begin(api->store, &snap, &api->err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_quota_take(batch, snap,
                        (api->conf->limits == NULL)
                        ? none : api->conf->limits->quotas,
                        cert, api->now, &quota);
    acm_store_end(snap);

    if (rc == ACM_OK) {
        return ACM_OK;
    }

    n = acm_api_limit(api, quota);

    switch (quota) {

    case ACM_QUOTA_REQUESTED:
        return acm_api_fault(api, "LimitExceededException", "Error: you have "
                             "reached your limit of %u certificates in the "
                             "last year.", (unsigned) n);

    case ACM_QUOTA_IMPORTED:
        return acm_api_fault(api, "LimitExceededException", "You have reached "
                             "the maximum number of certificates. Delete "
                             "certificates that are not in use, or contact "
                             "AWS Support to request an increase.");

    case ACM_QUOTA_IMPORTED_YEAR:
        return acm_api_fault(api, "LimitExceededException", "You have "
                             "imported the maximum number of %u certificates "
                             "in the last year.", (unsigned) n);

    case ACM_QUOTA_PRIVATE:
        return acm_api_fault(api, "LimitExceededException", "Error: you have "
                             "reached your limit of %u private certificates "
                             "of %s.", (unsigned) n,
                             acm_api_ca_arn(api, cert->issuer, ca));

    default: /* ACM_QUOTA_CERTIFICATES */
        return acm_api_fault(api, "LimitExceededException", "Cannot request "
                             "more certificates in this account. Contact "
                             "Customer Service for details");
    }
}
