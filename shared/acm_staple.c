
/*
 * Copyright (C) The ngx_acm authors
 */


#include <string.h>

#include "acm_record_impl.h"
#include "acm_staple.h"


static const acm_field_t  acm_staple_fields[] = {
    acm_field(1, ACM_FIELD_U32, acm_staple_t, version, 0, 0),
    acm_field(2, ACM_FIELD_ENUM, acm_staple_t, status, ACM_OCSP_NONE,
              ACM_OCSP_UNKNOWN),
    acm_field(3, ACM_FIELD_BLOB, acm_staple_t, response, 0, ACM_MAX_OCSP),
    acm_field(4, ACM_FIELD_TIME, acm_staple_t, this_update, 0, 0),
    acm_field(5, ACM_FIELD_TIME, acm_staple_t, next_update, 0, 0),
    acm_field(6, ACM_FIELD_U32, acm_staple_t, failures, 0, 0),
    acm_field(7, ACM_FIELD_STR, acm_staple_t, last_error, 0, ACM_MAX_ERROR),
    acm_field(8, ACM_FIELD_TIME, acm_staple_t, last_error_at, 0, 0)
};

static const acm_layout_t  acm_staple_layout =
    acm_layout(ACM_REC_STAPLE, acm_staple_t, acm_staple_fields);


acm_rc_t
acm_staple_encode(const acm_staple_t *staple, acm_buf_t *out)
{
    return acm_record_encode(&acm_staple_layout, staple, out);
}


acm_rc_t
acm_staple_decode(const uint8_t *data, size_t len, acm_staple_t *staple)
{
    return acm_record_decode(&acm_staple_layout, data, len, staple);
}


void
acm_staple_free(acm_staple_t *staple)
{
    acm_record_free(&acm_staple_layout, staple);
}


acm_rc_t
acm_staple_get(acm_snap_t *snap, const char *uuid, uint32_t version,
    acm_staple_t *staple)
{
    acm_rc_t     rc;
    acm_entry_t  entry;

    rc = acm_store_get(snap, ACM_DB_STAPLE, uuid, ACM_UUID_LEN, &entry);

    if (rc == ACM_OK) {
        rc = acm_staple_decode(entry.data, entry.len, staple);
    }

    if (rc == ACM_OK && staple->version != version) {
        acm_staple_free(staple);
        return ACM_NOTFOUND;
    }

    return rc;
}
