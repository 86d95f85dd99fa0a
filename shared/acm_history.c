
/*
 * Copyright (C) The ngx_acm authors
 *
 * Keys of the map: the uuid and a number that rises with each step of the
 * certificate, which its record counts.
 */


#include <stdio.h>
#include <string.h>

#include "acm_history.h"
#include "acm_record_impl.h"
#include "acm_watch.h"


#define ACM_HISTORY_KEY_LEN   (ACM_UUID_LEN + 4)


static void acm_history_key(uint8_t *key, const char *uuid, uint32_t number);
static void acm_history_version(acm_batch_t *batch, const acm_cert_t *old,
    acm_cert_t *next, int64_t now);
static void acm_history_watched(acm_batch_t *batch, const acm_cert_t *old,
    acm_cert_t *next, int64_t now);


static const acm_field_t  acm_history_fields[] = {
    acm_field(1, ACM_FIELD_ENUM, acm_history_t, kind, ACM_HISTORY_REQUESTED,
              ACM_HISTORY_GIVEN_UP),
    acm_field(2, ACM_FIELD_TIME, acm_history_t, at, 0, 0),
    acm_field(3, ACM_FIELD_U32, acm_history_t, version, 0, 0),
    acm_field(4, ACM_FIELD_U32, acm_history_t, attempt, 0, 0),
    acm_field(5, ACM_FIELD_STR, acm_history_t, text, 0, ACM_MAX_STEP_TEXT)
};

static const acm_layout_t  acm_history_layout =
    acm_layout(ACM_REC_STEP, acm_history_t, acm_history_fields);


/* in the order of the enumeration */

static const char *const  acm_history_texts[] = {
    "",
    "requested",
    "attempt",
    "failed",
    "finding",
    "issued",
    "renewed",
    "imported",
    "imported again",
    "rolled back",
    "warned",
    "overdue",
    "expired",
    "retired",
    "revoked",
    "renewal asked for",
    "renewal window",
    "revocation",
    "given up"
};


const char *
acm_history_text(acm_history_e kind)
{
    return (kind <= ACM_HISTORY_GIVEN_UP) ? acm_history_texts[kind]
                                        : "unknown";
}


void
acm_history_put(acm_batch_t *batch, acm_cert_t *cert,
    const acm_history_t *step)
{
    uint8_t    key[ACM_HISTORY_KEY_LEN];
    acm_rc_t   rc;
    acm_buf_t  buf;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    rc = acm_record_encode(&acm_history_layout, step, &buf);

    if (rc == ACM_OK) {
        acm_history_key(key, cert->uuid, cert->steps);
        acm_batch_put(batch, ACM_DB_HISTORY, key, sizeof(key), buf.data,
                      buf.len);

        /* unsigned: what was there before the counter began is not there */

        acm_history_key(key, cert->uuid, cert->steps - ACM_MAX_HISTORY);
        acm_batch_delete(batch, ACM_DB_HISTORY, key, sizeof(key));

        cert->steps++;

    } else if (batch->rc == ACM_OK) {
        batch->rc = rc;
    }

    acm_buf_free(&buf);
}


static void
acm_history_key(uint8_t *key, const char *uuid, uint32_t number)
{
    memcpy(key, uuid, ACM_UUID_LEN);

    key[ACM_UUID_LEN] = (uint8_t) (number >> 24);
    key[ACM_UUID_LEN + 1] = (uint8_t) (number >> 16);
    key[ACM_UUID_LEN + 2] = (uint8_t) (number >> 8);
    key[ACM_UUID_LEN + 3] = (uint8_t) number;
}


/* Text that is too long is cut, at the end of a character. */

void
acm_history_add(acm_batch_t *batch, acm_cert_t *cert, acm_history_e kind,
    int64_t now, const char *text)
{
    char           cut[ACM_MAX_STEP_TEXT + 1];
    size_t         len;
    acm_history_t  step;

    len = strlen(text);

    if (len > ACM_MAX_STEP_TEXT) {
        len = ACM_MAX_STEP_TEXT;

        while (len > 0 && ((uint8_t) text[len] & 0xc0) == 0x80) {
            len--;
        }
    }

    memcpy(cut, text, len);
    cut[len] = '\0';

    step.kind = kind;
    step.at = now;
    step.version = cert->version;
    step.attempt = cert->attempts;
    step.text = cut;

    acm_history_put(batch, cert, &step);
}


void
acm_history_changes(acm_batch_t *batch, const acm_cert_t *old,
    acm_cert_t *next, int64_t now)
{
    static const acm_cert_t  nothing;

    if (old == NULL) {
        old = &nothing;

        if (next->version == 0) {
            acm_history_add(batch, next, ACM_HISTORY_REQUESTED, now, "");
        }
    }

    if (next->forced && !old->forced) {
        acm_history_add(batch, next, ACM_HISTORY_FORCED, now, "");
    }

    if (next->version != old->version) {
        acm_history_version(batch, old, next, now);

    } else if (next->last_error != NULL && next->last_error[0] != '\0'
               && (next->last_error_at != old->last_error_at
                   || strcmp(next->last_error, old->last_error) != 0))
    {
        acm_history_add(batch, next, ACM_HISTORY_FAILED, now,
                        next->last_error);

    } else if (next->attempts > old->attempts) {
        acm_history_add(batch, next, ACM_HISTORY_STARTED, now, "");
    }

    if (next->findings != NULL && next->findings[0] != '\0'
        && (old->findings == NULL
            || strcmp(next->findings, old->findings) != 0))
    {
        acm_history_add(batch, next, ACM_HISTORY_FINDING, now,
                        next->findings);
    }

    acm_history_watched(batch, old, next, now);
}


static void
acm_history_version(acm_batch_t *batch, const acm_cert_t *old,
    acm_cert_t *next, int64_t now)
{
    acm_history_e  kind;

    if (next->rolled_back != 0) {
        kind = ACM_HISTORY_ROLLED_BACK;

    } else if (next->type == ACM_TYPE_IMPORTED) {
        kind = (old->version == 0) ? ACM_HISTORY_IMPORTED
                                   : ACM_HISTORY_REIMPORTED;

    } else {
        kind = (old->version == 0) ? ACM_HISTORY_ISSUED
                                   : ACM_HISTORY_RENEWED;
    }

    acm_history_add(batch, next, kind, now, next->serial);
}


static void
acm_history_watched(acm_batch_t *batch, const acm_cert_t *old,
    acm_cert_t *next, int64_t now)
{
    char  text[64];

    if (next->warned != 0
        && (old->warned == 0 || next->warned < old->warned))
    {
        (void) snprintf(text, sizeof(text), "%u days to expiry",
                        acm_watch_days(next->not_after, now));
        acm_history_add(batch, next, ACM_HISTORY_WARNED, now, text);
    }

    if (next->overdue && !old->overdue) {
        acm_history_add(batch, next, ACM_HISTORY_OVERDUE, now, "");
    }

    if (next->status == ACM_STATUS_EXPIRED && old->status != next->status) {
        acm_history_add(batch, next, ACM_HISTORY_EXPIRED, now, "");
    }

    if (next->status == ACM_STATUS_REVOKED && old->status != next->status) {
        acm_history_add(batch, next, ACM_HISTORY_REVOKED, now,
                        acm_revocation_text(next->revocation));
    }

    if (next->status == ACM_STATUS_FAILED && old->status != next->status) {
        acm_history_add(batch, next, ACM_HISTORY_GIVEN_UP, now,
                        acm_reason_text(next->reason));

    } else if (next->status != ACM_STATUS_REVOKED && acm_watch_renews(old)
               && !acm_watch_renews(next))
    {
        acm_history_add(batch, next, ACM_HISTORY_RETIRED, now, "");
    }

    if (next->ari_start != 0 && next->ari_start != old->ari_start) {
        acm_history_add(batch, next, ACM_HISTORY_WINDOW, now,
                        acm_time_text(next->ari_start, text));
    }
}


void
acm_history_delete(acm_batch_t *batch, const acm_cert_t *cert)
{
    uint8_t   key[ACM_HISTORY_KEY_LEN];
    uint32_t  n;

    for (n = 0; n < ACM_MAX_HISTORY && n < cert->steps; n++) {
        acm_history_key(key, cert->uuid, cert->steps - 1 - n);
        acm_batch_delete(batch, ACM_DB_HISTORY, key, sizeof(key));
    }
}


acm_rc_t
acm_history_read(acm_snap_t *snap, const acm_cert_t *cert,
    acm_history_pt handler, void *data)
{
    uint8_t        key[ACM_HISTORY_KEY_LEN];
    uint32_t       n;
    acm_rc_t       rc;
    acm_entry_t    entry;
    acm_history_t  step;

    for (n = 0; n < ACM_MAX_HISTORY && n < cert->steps; n++) {
        acm_history_key(key, cert->uuid, cert->steps - 1 - n);

        rc = acm_store_get(snap, ACM_DB_HISTORY, key, sizeof(key), &entry);

        if (rc == ACM_NOTFOUND) {
            continue;
        }

        if (rc == ACM_OK) {
            rc = acm_record_decode(&acm_history_layout, entry.data,
                                   entry.len, &step);
        }

        if (rc != ACM_OK) {
            return rc;
        }

        rc = handler(data, &step);
        acm_record_free(&acm_history_layout, &step);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    return ACM_OK;
}
