
/*
 * Copyright (C) The ngx_acm authors
 */


#include <string.h>

#include "acm_record_impl.h"
#include "acm_setting.h"
#include "acm_watch.h"


static const acm_field_t  acm_setting_fields[] = {
    acm_field(1, ACM_FIELD_U32, acm_setting_t, days_before, 0, 0),
    acm_field(2, ACM_FIELD_TEXT, acm_setting_t, token, 0,
              ACM_MAX_IDEMPOTENCY_TOKEN),
    acm_field(3, ACM_FIELD_TIME, acm_setting_t, token_at, 0, 0)
};

static const acm_layout_t  acm_setting_layout =
    acm_layout(ACM_REC_SETTING, acm_setting_t, acm_setting_fields);


acm_rc_t
acm_setting_get(acm_snap_t *snap, const char *account, const char *region,
    acm_setting_t *setting, uint64_t *revision)
{
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    acm_entry_t  entry;

    memset(setting, 0, sizeof(acm_setting_t));
    setting->days_before = ACM_DAYS_BEFORE;

    if (revision != NULL) {
        *revision = 0;
    }

    len = acm_seal_key(key, account, region);

    if (len == 0) {
        return ACM_OK;
    }

    rc = acm_store_get(snap, ACM_DB_SETTING, key, len, &entry);

    if (rc != ACM_OK) {
        return (rc == ACM_NOTFOUND) ? ACM_OK : rc;
    }

    rc = acm_record_decode(&acm_setting_layout, entry.data, entry.len,
                           setting);

    if (rc == ACM_OK && revision != NULL) {
        *revision = entry.revision;
    }

    return rc;
}


void
acm_setting_put(acm_batch_t *batch, const char *account, const char *region,
    const acm_setting_t *setting)
{
    size_t     len;
    uint8_t    key[ACM_MAX_STORE_KEY];
    acm_rc_t   rc;
    acm_buf_t  buf;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    len = acm_seal_key(key, account, region);
    rc = acm_record_encode(&acm_setting_layout, setting, &buf);

    if (rc == ACM_OK) {
        acm_batch_put(batch, ACM_DB_SETTING, key, len, buf.data, buf.len);

    } else if (batch->rc == ACM_OK) {
        batch->rc = rc;
    }

    acm_buf_free(&buf);
}
