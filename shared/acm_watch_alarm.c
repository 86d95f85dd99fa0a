
/*
 * Copyright (C) The ngx_acm authors
 *
 * What else the watch looks at: sinks that do not take their events, and
 * certificates that others renew.  What was told of is kept in the store, so
 * that it is told of once.
 */


#include <string.h>

#include "acm_ahead.h"
#include "acm_certificate_impl.h"
#include "acm_event.h"
#include "acm_json.h"
#include "acm_outbox.h"
#include "acm_record_impl.h"
#include "acm_watch_impl.h"


#define ACM_ALARM_SINK       "sink "     /* in front of its name */
#define ACM_ALARM_STATIC     "static "   /* in front of its SHA-256 */
#define ACM_SINK_ALIVE       (2 * ACM_SINK_MAX_WAIT)

#define ACM_MAX_ALARM_KEY    (sizeof(ACM_ALARM_STATIC) + ACM_MAX_SINK_NAME)


/* what was told of */

typedef struct {
    int64_t     at;              /* seconds */
    uint32_t    days;            /* to expiry, plus one */
} acm_alarm_t;


static acm_rc_t acm_alarm_sinks(acm_watch_t *w, acm_snap_t *snap,
    int64_t now, acm_batch_t *batch);
static int acm_alarm_behind(acm_snap_t *snap, const acm_sink_t *sink,
    int64_t now, int64_t *oldest);
static void acm_alarm_sink(acm_watch_t *w, acm_batch_t *batch,
    const acm_sink_t *sink, int64_t oldest, int64_t now);
static acm_rc_t acm_alarm_static(acm_watch_t *w, acm_snap_t *snap,
    const acm_static_t *s, int64_t now, acm_batch_t *batch);
static acm_rc_t acm_alarm_gone(acm_watch_t *w, acm_snap_t *snap,
    acm_batch_t *batch);
static size_t acm_alarm_key(uint8_t *key, const char *kind, const void *id,
    size_t len);
static acm_rc_t acm_alarm_get(acm_snap_t *snap, const uint8_t *key,
    size_t len, acm_alarm_t *alarm);
static void acm_alarm_put(acm_batch_t *batch, const uint8_t *key, size_t len,
    const acm_alarm_t *alarm);
static void acm_alarm_event(acm_watch_t *w, acm_batch_t *batch,
    acm_event_e kind, const char *resource, json_t *detail, int64_t now);


static const acm_field_t  acm_alarm_fields[] = {
    acm_field(1, ACM_FIELD_TIME, acm_alarm_t, at, 0, 0),
    acm_field(2, ACM_FIELD_U32, acm_alarm_t, days, 0, 0)
};

static const acm_layout_t  acm_alarm_layout =
    acm_layout(ACM_REC_ALARM, acm_alarm_t, acm_alarm_fields);


acm_rc_t
acm_watch_alarms(acm_watch_t *w, int64_t now, acm_err_t *err)
{
    size_t        i;
    acm_rc_t      rc;
    acm_snap_t   *snap;
    acm_batch_t   batch;

    rc = acm_store_begin(w->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_batch_init(&batch);

    rc = acm_alarm_sinks(w, snap, now, &batch);

    for (i = 0; rc == ACM_OK && i < w->nstatics; i++) {
        rc = acm_alarm_static(w, snap, &w->statics[i], now, &batch);
    }

    if (rc == ACM_OK) {
        rc = acm_alarm_gone(w, snap, &batch);
    }

    acm_store_end(snap);

    if (rc == ACM_OK && batch.nops != 0) {
        rc = acm_commit(w->store, &batch, err);

    } else if (rc != ACM_OK) {
        (void) acm_fail(err, rc, "what was told of cannot be read: %s",
                        acm_rc_text(rc));
    }

    acm_batch_free(&batch);

    return rc;
}


static acm_rc_t
acm_alarm_sinks(acm_watch_t *w, acm_snap_t *snap, int64_t now,
    acm_batch_t *batch)
{
    int          behind;
    size_t       len;
    int64_t      oldest;
    uint8_t      key[ACM_MAX_STORE_KEY], name[ACM_MAX_STORE_KEY];
    size_t       name_len;
    acm_rc_t     rc;
    acm_sink_t   sink;
    acm_alarm_t  alarm;
    acm_entry_t  entry;

    name_len = 0;

    for ( ;; ) {
        rc = acm_store_seek(snap, ACM_DB_SINK, name, name_len, &entry);

        if ((rc != ACM_OK && (rc != ACM_CORRUPT || entry.key == NULL))
            || entry.key_len >= ACM_MAX_STORE_KEY)
        {
            return (rc == ACM_NOTFOUND || rc == ACM_CORRUPT) ? ACM_OK : rc;
        }

        /* the next one is behind this one; other maps are read meanwhile */

        memcpy(name, entry.key, entry.key_len);
        name[entry.key_len] = '\0';
        name_len = entry.key_len + 1;

        if (rc != ACM_OK
            || acm_sink_decode(entry.data, entry.len, &sink) != ACM_OK)
        {
            continue;
        }

        len = acm_alarm_key(key, ACM_ALARM_SINK, sink.name,
                            strlen(sink.name));
        rc = acm_alarm_get(snap, key, len, &alarm);
        behind = acm_alarm_behind(snap, &sink, now, &oldest);

        if (behind && rc == ACM_NOTFOUND) {
            alarm.at = now;
            alarm.days = 0;
            acm_alarm_put(batch, key, len, &alarm);
            acm_alarm_sink(w, batch, &sink, oldest, now);

        } else if (!behind && rc == ACM_OK) {
            acm_batch_delete(batch, ACM_DB_META, key, len);
        }

        acm_sink_free(&sink);

        if (rc != ACM_OK && rc != ACM_NOTFOUND) {
            return rc;
        }
    }
}


/* One that was removed is not tried any more: it is nobody's trouble. */

static int
acm_alarm_behind(acm_snap_t *snap, const acm_sink_t *sink, int64_t now,
    int64_t *oldest)
{
    size_t       n;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    acm_entry_t  entry;
    acm_event_t  event;

    if (sink->attempts == 0 || sink->last_error_at < now - ACM_SINK_ALIVE) {
        return 0;
    }

    /* the first one that can be read */

    for (n = 0, rc = acm_store_seek(snap, ACM_DB_EVENT, key,
                                    acm_number_key(key,
                                                   (uint64_t) sink->acked + 1),
                                    &entry);
         n < ACM_OUTBOX_WALK
         && (rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL));
         n++, rc = acm_store_next(snap, ACM_DB_EVENT, &entry))
    {
        if (rc == ACM_OK
            && acm_event_decode(entry.data, entry.len, &event) == ACM_OK)
        {
            *oldest = event.at;
            acm_event_free(&event);

            return *oldest <= now - ACM_WATCH_SINK;
        }
    }

    return 0;
}


static void
acm_alarm_sink(acm_watch_t *w, acm_batch_t *batch, const acm_sink_t *sink,
    int64_t oldest, int64_t now)
{
    char     at[32];
    json_t  *detail;

    detail = json_pack("{s:s, s:o, s:s, s:I, s:o}", "Alarm", "SINK_BEHIND",
                       "Sink", acm_json_clean(sink->name),
                       "OldestEventTime", acm_time_text(oldest, at),
                       "Attempts", (json_int_t) sink->attempts,
                       "LastError", acm_json_clean(sink->last_error));

    acm_alarm_event(w, batch, ACM_EVENT_ALARM, "", detail, now);

    if (w->alarm != NULL) {
        w->alarm(w->data, "event sink", sink->name, sink->last_error);
    }
}


/*
 * Daily from DaysBeforeExpiry on, as for an imported one; but in the last
 * third of a short life only.
 */

static acm_rc_t
acm_alarm_static(acm_watch_t *w, acm_snap_t *snap, const acm_static_t *s,
    int64_t now, acm_batch_t *batch)
{
    size_t         len;
    int64_t        start, third;
    uint8_t        key[ACM_MAX_STORE_KEY];
    acm_rc_t       rc;
    json_t        *detail;
    acm_alarm_t    alarm;
    acm_ladder_t   ladder;

    acm_ladder_get(snap, w->account, w->region, &ladder);

    start = s->not_after - (int64_t) ladder.days_before * 86400;
    third = s->not_after - (s->not_after - s->not_before) / 3;
    start = (start > third) ? start : third;

    if (now < start) {
        return ACM_OK;
    }

    len = acm_alarm_key(key, ACM_ALARM_STATIC, s->hash, ACM_HASH_LEN);
    rc = acm_alarm_get(snap, key, len, &alarm);

    if (rc != ACM_OK && rc != ACM_NOTFOUND) {
        return rc;
    }

    /* what a clock that was ahead has told was not true: told anew */

    if (rc == ACM_OK && alarm.at <= acm_add_sat(now, ACM_CLOCK_SLACK)
        && alarm.days <= acm_watch_days(s->not_after, now) + 1)
    {
        return ACM_OK;
    }

    alarm.at = now;
    alarm.days = acm_watch_days(s->not_after, now) + 1;
    acm_alarm_put(batch, key, len, &alarm);

    if (now < s->not_after) {
        detail = json_pack("{s:I, s:o}", "DaysToExpiry",
                           (json_int_t) (alarm.days - 1),
                           "CommonName", acm_json_clean(s->name));
        acm_alarm_event(w, batch, ACM_EVENT_APPROACHING, s->resource, detail,
                        now);
        return ACM_OK;
    }

    detail = json_pack("{s:s, s:o}", "Alarm", "CERTIFICATE_EXPIRED",
                       "CommonName", acm_json_clean(s->name));
    acm_alarm_event(w, batch, ACM_EVENT_ALARM, s->resource, detail, now);

    if (w->alarm != NULL) {
        w->alarm(w->data, "certificate", s->resource, "it has expired");
    }

    return ACM_OK;
}


/* What was told of certificates that are not configured any more. */

static acm_rc_t
acm_alarm_gone(acm_watch_t *w, acm_snap_t *snap, acm_batch_t *batch)
{
    size_t         i, len;
    acm_rc_t       rc;
    acm_entry_t    entry;
    const uint8_t *hash;

    len = sizeof(ACM_ALARM_STATIC) - 1;

    for (rc = acm_store_seek(snap, ACM_DB_META, ACM_ALARM_STATIC, len,
                             &entry);
         (rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL))
         && entry.key_len == len + ACM_HASH_LEN
         && memcmp(entry.key, ACM_ALARM_STATIC, len) == 0;
         rc = acm_store_next(snap, ACM_DB_META, &entry))
    {
        hash = entry.key + len;

        for (i = 0; i < w->nstatics; i++) {
            if (memcmp(w->statics[i].hash, hash, ACM_HASH_LEN) == 0) {
                break;
            }
        }

        if (i == w->nstatics) {
            acm_batch_delete(batch, ACM_DB_META, entry.key, entry.key_len);
        }
    }

    return (rc == ACM_NOTFOUND || rc == ACM_CORRUPT) ? ACM_OK : rc;
}


static size_t
acm_alarm_key(uint8_t *key, const char *kind, const void *id, size_t len)
{
    size_t  n;

    n = strlen(kind);
    len = (len < ACM_MAX_ALARM_KEY - n) ? len : ACM_MAX_ALARM_KEY - n;

    memcpy(key, kind, n);
    memcpy(key + n, id, len);

    return n + len;
}


/* One that is damaged is no reason to be silent: it is told of once more. */

static acm_rc_t
acm_alarm_get(acm_snap_t *snap, const uint8_t *key, size_t len,
    acm_alarm_t *alarm)
{
    acm_rc_t     rc;
    acm_entry_t  entry;

    rc = acm_store_get(snap, ACM_DB_META, key, len, &entry);

    if (rc == ACM_OK) {
        rc = acm_record_decode(&acm_alarm_layout, entry.data, entry.len,
                               alarm);
    }

    return (rc == ACM_CORRUPT) ? ACM_NOTFOUND : rc;
}


static void
acm_alarm_put(acm_batch_t *batch, const uint8_t *key, size_t len,
    const acm_alarm_t *alarm)
{
    acm_rc_t   rc;
    acm_buf_t  buf;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    rc = acm_record_encode(&acm_alarm_layout, alarm, &buf);

    if (rc == ACM_OK) {
        acm_batch_put(batch, ACM_DB_META, key, len, buf.data, buf.len);

    } else if (batch->rc == ACM_OK) {
        batch->rc = rc;
    }

    acm_buf_free(&buf);
}


/* Takes the reference to detail. */

static void
acm_alarm_event(acm_watch_t *w, acm_batch_t *batch, acm_event_e kind,
    const char *resource, json_t *detail, int64_t now)
{
    acm_event_t  event;

    memset(&event, 0, sizeof(acm_event_t));

    event.kind = kind;
    event.at = now;
    event.account = (char *) w->account;
    event.region = (char *) w->region;
    event.resource = (char *) ((strlen(resource) > ACM_MAX_EVENT_RESOURCE)
                               ? "" : resource);

    acm_event_put_json(batch, &event, detail);
}
