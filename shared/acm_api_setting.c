
/*
 * Copyright (C) The ngx_acm authors
 *
 * GetAccountConfiguration and PutAccountConfiguration.
 */


#include <string.h>

#include "acm_api_impl.h"
#include "acm_setting.h"
#include "acm_token.h"
#include "acm_watch.h"


static acm_rc_t acm_account_read(acm_api_t *api, acm_setting_t *setting,
    uint64_t *revision);


acm_rc_t
acm_api_get_account(acm_api_t *api)
{
    acm_rc_t        rc;
    acm_setting_t   setting;

    rc = acm_account_read(api, &setting, NULL);

    if (rc != ACM_OK) {
        return rc;
    }

    return acm_api_answer(api, "ExpiryEvents",
                          json_pack("{s:I}", "DaysBeforeExpiry",
                                    (json_int_t) setting.days_before));
}


/* A token that was given within an hour has had its effect. */

acm_rc_t
acm_api_put_account(acm_api_t *api)
{
    int             damaged;
    size_t          len;
    json_t         *events, *days;
    int64_t         n;
    uint8_t         key[ACM_MAX_STORE_KEY];
    uint64_t        revision;
    acm_rc_t        rc;
    acm_batch_t     batch;
    const char     *token;
    acm_setting_t   setting;

    token = json_string_value(json_object_get(api->in, "IdempotencyToken"));
    events = json_object_get(api->in, "ExpiryEvents");

    if (events == NULL) {
        return acm_api_fault(api, "ValidationException", "Configuration for "
                             "events is empty.");
    }

    days = json_object_get(events, "DaysBeforeExpiry");
    n = (days == NULL) ? ACM_DAYS_BEFORE : json_integer_value(days);

    if (n > ACM_MAX_DAYS_BEFORE) {
        return acm_api_fault(api, "ValidationException", "1 validation error "
                             "detected: Value '%lld' at 'expiryEvents."
                             "daysBeforeExpiry' failed to satisfy "
                             "constraint: Member must have value less than "
                             "or equal to %d", (long long) n,
                             ACM_MAX_DAYS_BEFORE);
    }

    rc = acm_account_read(api, &setting, &revision);
    damaged = (rc == ACM_CORRUPT);

    if (damaged) {
        memset(&setting, 0, sizeof(acm_setting_t));

    } else if (rc != ACM_OK) {
        return rc;
    }

    if (strcmp(setting.token, token) == 0 && setting.token_at <= api->now
        && api->now - setting.token_at < ACM_TOKEN_LIFE)
    {
        return ACM_OK;
    }

    setting.days_before = (uint32_t) n;
    setting.token_at = api->now;
    memcpy(setting.token, token, strlen(token) + 1);

    acm_batch_init(&batch);

    len = acm_seal_key(key, api->caller->account, api->caller->region);

    /* one that is damaged is expected in vain, and has nothing to lose */

    if (!damaged) {
        acm_batch_expect(&batch, ACM_DB_SETTING, key, len, revision);
    }

    acm_setting_put(&batch, api->caller->account, api->caller->region,
                    &setting);

    rc = acm_store_commit(api->store, &batch, &api->err);
    acm_batch_free(&batch);

    if (rc == ACM_OK) {
        api->changed = 1;
    }

    return rc;
}


static acm_rc_t
acm_account_read(acm_api_t *api, acm_setting_t *setting, uint64_t *revision)
{
    acm_rc_t     rc;
    acm_snap_t  *snap;

    rc = acm_store_begin(api->store, &snap, &api->err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_setting_get(snap, api->caller->account, api->caller->region,
                         setting, revision);
    acm_store_end(snap);

    if (rc != ACM_OK) {
        return acm_fail(&api->err, rc, "the configuration of account %s "
                        "cannot be read: %s", api->caller->account,
                        acm_rc_text(rc));
    }

    return ACM_OK;
}
