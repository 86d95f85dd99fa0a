
/*
 * Copyright (C) The ngx_acm authors
 *
 * The sinks, events and dead letters of a store as JSON, for those who look.
 */


#include <string.h>

#include "acm_json.h"
#include "acm_json_sinks.h"


static json_t *acm_json_sink(acm_snap_t *snap, const acm_sink_t *sink,
    int64_t now);
static void acm_json_time(json_t *o, const char *name, int64_t at);


json_t *
acm_json_sinks(acm_snap_t *snap, int64_t now)
{
    json_t       *list;
    acm_rc_t      rc;
    acm_sink_t    sink;
    acm_entry_t   entry;

    list = json_array();

    for (rc = acm_store_seek(snap, ACM_DB_SINK, NULL, 0, &entry);
         rc == ACM_OK || rc == ACM_CORRUPT;
         rc = acm_store_next(snap, ACM_DB_SINK, &entry))
    {
        if (rc == ACM_OK) {
            rc = acm_sink_decode(entry.data, entry.len, &sink);
        }

        if (rc != ACM_OK) {
            (void) json_array_append_new(list,
                                         json_pack("{s:s%, s:s}", "Name",
                                                   (char *) entry.key,
                                                   entry.key_len, "LastError",
                                                   acm_rc_text(rc)));
            continue;
        }

        (void) json_array_append_new(list, acm_json_sink(snap, &sink, now));

        acm_sink_free(&sink);
    }

    return list;
}


static json_t *
acm_json_sink(acm_snap_t *snap, const acm_sink_t *sink, int64_t now)
{
    json_t  *o;

    o = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}",
                  "Name", sink->name,
                  "Backlog", (json_int_t) acm_outbox_backlog(snap,
                                                  (uint64_t) sink->acked),
                  "Attempts", (json_int_t) sink->attempts,
                  "Delivered", (json_int_t) sink->delivered,
                  "DeadLetters", (json_int_t) sink->ndead,
                  "Dead", (json_int_t) sink->dead,
                  "DeadDropped", (json_int_t) sink->dropped);

    if (o == NULL) {
        return NULL;
    }

    acm_json_time(o, "LastDeliveredAt", sink->delivered_at);
    acm_json_time(o, "LastErrorAt", sink->last_error_at);

    if (sink->attempts != 0) {
        acm_json_time(o, "NextAttemptAt", sink->not_before);
    }

    if (sink->last_error[0] != '\0') {
        (void) json_object_set_new(o, "LastError",
                                   json_string(sink->last_error));
    }

    /* of a sink that was removed, until it is forgotten */

    if (sink->seen_at < now - 2 * 86400) {
        acm_json_time(o, "RemovedAt", sink->seen_at);
    }

    return o;
}


static void
acm_json_time(json_t *o, const char *name, int64_t at)
{
    char  text[32];

    if (at != 0) {
        (void) json_object_set_new(o, name,
                                   json_string(acm_time_text(at, text)));
    }
}
