
/*
 * Copyright (C) The ngx_acm authors
 *
 * The records of sinks and of dead letters, and what reads them.
 */


#include <string.h>

#include "acm_outbox.h"
#include "acm_record_impl.h"


static acm_rc_t acm_outbox_replay_put(acm_store_t *store, acm_sink_t *sink,
    uint64_t revision, acm_err_t *err);


static const acm_field_t  acm_sink_fields[] = {
    acm_field(1, ACM_FIELD_STR, acm_sink_t, name, 1, ACM_MAX_SINK_NAME),
    acm_field(2, ACM_FIELD_TIME, acm_sink_t, acked, 0, 0),
    acm_field(3, ACM_FIELD_U32, acm_sink_t, attempts, 0, 0),
    acm_field(4, ACM_FIELD_TIME, acm_sink_t, not_before, 0, 0),
    acm_field(5, ACM_FIELD_STR, acm_sink_t, last_error, 0,
              ACM_MAX_SINK_ERROR),
    acm_field(6, ACM_FIELD_TIME, acm_sink_t, last_error_at, 0, 0),
    acm_field(7, ACM_FIELD_TIME, acm_sink_t, delivered, 0, 0),
    acm_field(8, ACM_FIELD_TIME, acm_sink_t, delivered_at, 0, 0),
    acm_field(9, ACM_FIELD_TIME, acm_sink_t, dead, 0, 0),
    acm_field(10, ACM_FIELD_TIME, acm_sink_t, dropped, 0, 0),
    acm_field(11, ACM_FIELD_U32, acm_sink_t, ndead, 0, 0),
    acm_field(12, ACM_FIELD_TIME, acm_sink_t, seen_at, 0, 0),
    acm_field(13, ACM_FIELD_TIME, acm_sink_t, redo, 0, 0),
    acm_field(14, ACM_FIELD_TIME, acm_sink_t, redo_to, 0, 0)
};

static const acm_layout_t  acm_sink_layout =
    acm_layout(ACM_REC_SINK, acm_sink_t, acm_sink_fields);


static const acm_field_t  acm_dead_fields[] = {
    acm_field(1, ACM_FIELD_BLOB, acm_dead_t, event, 1, 65535),
    acm_field(2, ACM_FIELD_STR, acm_dead_t, why, 0, ACM_MAX_SINK_ERROR),
    acm_field(3, ACM_FIELD_TIME, acm_dead_t, at, 0, 0)
};

static const acm_layout_t  acm_dead_layout =
    acm_layout(ACM_REC_DEAD, acm_dead_t, acm_dead_fields);


acm_rc_t
acm_sink_encode(const acm_sink_t *sink, acm_buf_t *out)
{
    return acm_record_encode(&acm_sink_layout, sink, out);
}


acm_rc_t
acm_sink_decode(const uint8_t *data, size_t len, acm_sink_t *sink)
{
    return acm_record_decode(&acm_sink_layout, data, len, sink);
}


void
acm_sink_free(acm_sink_t *sink)
{
    acm_record_free(&acm_sink_layout, sink);
}


acm_rc_t
acm_dead_encode(const acm_dead_t *dead, acm_buf_t *out)
{
    return acm_record_encode(&acm_dead_layout, dead, out);
}


acm_rc_t
acm_dead_decode(const uint8_t *data, size_t len, acm_dead_t *dead)
{
    return acm_record_decode(&acm_dead_layout, data, len, dead);
}


void
acm_dead_free(acm_dead_t *dead)
{
    acm_record_free(&acm_dead_layout, dead);
}


size_t
acm_number_key(uint8_t *buf, uint64_t number)
{
    size_t  i;

    for (i = ACM_NUMBER_LEN; i > 0; i--) {
        buf[i - 1] = (uint8_t) number;
        number >>= 8;
    }

    return ACM_NUMBER_LEN;
}


uint64_t
acm_number_parse(const uint8_t *key, size_t len)
{
    acm_reader_t  r;

    acm_reader_init(&r, key, len);

    return (len == ACM_NUMBER_LEN) ? acm_read_u64(&r) : 0;
}


size_t
acm_dead_key(uint8_t *buf, const char *sink, uint64_t number)
{
    size_t  len;

    len = strlen(sink) + 1;

    if (len - 1 > ACM_MAX_SINK_NAME) {
        return 0;
    }

    memcpy(buf, sink, len);

    return len + acm_number_key(buf + len, number);
}


uint64_t
acm_dead_key_parse(const uint8_t *key, size_t len, const char *sink)
{
    size_t  n;

    n = strlen(sink) + 1;

    if (len != n + ACM_NUMBER_LEN || memcmp(key, sink, n) != 0) {
        return 0;
    }

    return acm_number_parse(key + n, ACM_NUMBER_LEN);
}


acm_rc_t
acm_sink_get(acm_snap_t *snap, const char *name, acm_sink_t *sink,
    uint64_t *revision)
{
    acm_rc_t     rc;
    acm_entry_t  entry;

    rc = acm_store_get(snap, ACM_DB_SINK, name, strlen(name), &entry);

    if (rc != ACM_OK) {
        return rc;
    }

    if (revision != NULL) {
        *revision = entry.revision;
    }

    return acm_sink_decode(entry.data, entry.len, sink);
}


/* The store has no way from the end: a search by halves. */

acm_rc_t
acm_outbox_last(acm_snap_t *snap, uint64_t *number)
{
    uint8_t      key[ACM_NUMBER_LEN];
    acm_rc_t     rc;
    uint64_t     low, high, mid;
    acm_entry_t  entry;

    low = 0;
    high = UINT64_MAX;

    /* there is one at low, if it is not 0, and none behind high */

    while (low < high) {
        mid = low + (high - low) / 2 + 1;

        rc = acm_store_seek(snap, ACM_DB_EVENT, key,
                            acm_number_key(key, mid), &entry);

        if (rc == ACM_NOTFOUND) {
            high = mid - 1;
            continue;
        }

        if (rc != ACM_OK && rc != ACM_CORRUPT) {
            return rc;
        }

        low = acm_number_parse(entry.key, entry.key_len);

        if (low < mid) {
            return ACM_CORRUPT;
        }
    }

    *number = low;

    return ACM_OK;
}


acm_rc_t
acm_outbox_find(acm_snap_t *snap, const char *id, uint64_t *number)
{
    int          found;
    acm_rc_t     rc;
    acm_entry_t  entry;
    acm_event_t  event;

    for (rc = acm_store_seek(snap, ACM_DB_EVENT, NULL, 0, &entry);
         rc == ACM_OK || rc == ACM_CORRUPT;
         rc = acm_store_next(snap, ACM_DB_EVENT, &entry))
    {
        if (rc != ACM_OK
            || acm_event_decode(entry.data, entry.len, &event) != ACM_OK)
        {
            continue;
        }

        found = (strcmp(event.id, id) == 0);

        acm_event_free(&event);

        if (found) {
            *number = acm_number_parse(entry.key, entry.key_len);
            return ACM_OK;
        }
    }

    return rc;
}


size_t
acm_outbox_backlog(acm_snap_t *snap, uint64_t number)
{
    size_t       n;
    uint8_t      key[ACM_NUMBER_LEN];
    acm_rc_t     rc;
    acm_entry_t  entry;

    if (number == UINT64_MAX) {
        return 0;
    }

    n = 0;

    for (rc = acm_store_seek(snap, ACM_DB_EVENT, key,
                             acm_number_key(key, number + 1), &entry);
         (rc == ACM_OK || rc == ACM_CORRUPT) && n < ACM_MAX_BACKLOG;
         rc = acm_store_next(snap, ACM_DB_EVENT, &entry))
    {
        n++;
    }

    return n;
}


acm_rc_t
acm_outbox_replay(acm_store_t *store, const char *name, const char *id,
    acm_err_t *err)
{
    acm_rc_t     rc;
    uint64_t     number, revision;
    acm_snap_t  *snap;
    acm_sink_t   sink;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    memset(&sink, 0, sizeof(acm_sink_t));
    number = 0;

    rc = acm_sink_get(snap, name, &sink, &revision);

    if (rc != ACM_OK) {
        (void) acm_fail(err, rc, "sink \"%s\": %s; a sink is known once "
                        "nginx has started with it", name, acm_rc_text(rc));

    } else if (id != NULL) {
        rc = acm_outbox_find(snap, id, &number);

        if (rc != ACM_OK) {
            (void) acm_fail(err, rc, "event \"%s\": %s; those that are there "
                            "are listed by \"acmctl events\"", id,
                            acm_rc_text(rc));
        }
    }

    acm_store_end(snap);

    if (rc == ACM_OK) {
        sink.attempts = 0;
        sink.not_before = 0;

        if (id != NULL) {
            sink.acked = (int64_t) (number - 1);

        } else {
            sink.redo = 0;
            sink.redo_to = INT64_MAX;
        }

        rc = acm_outbox_replay_put(store, &sink, revision, err);
    }

    acm_sink_free(&sink);

    return rc;
}


static acm_rc_t
acm_outbox_replay_put(acm_store_t *store, acm_sink_t *sink,
    uint64_t revision, acm_err_t *err)
{
    acm_rc_t     rc;
    acm_buf_t    buf;
    acm_batch_t  batch;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    acm_batch_init(&batch);

    rc = acm_sink_encode(sink, &buf);

    if (rc == ACM_OK) {
        acm_batch_expect(&batch, ACM_DB_SINK, sink->name, strlen(sink->name),
                         revision);
        acm_batch_put(&batch, ACM_DB_SINK, sink->name, strlen(sink->name),
                      buf.data, buf.len);

        rc = acm_store_commit(store, &batch, err);

    } else {
        (void) acm_fail(err, rc, "sink \"%s\": %s", sink->name,
                        acm_rc_text(rc));
    }

    acm_batch_free(&batch);
    acm_buf_free(&buf);

    return rc;
}
