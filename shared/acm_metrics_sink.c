
/*
 * Copyright (C) The ngx_acm authors
 */


#include "acm_metrics_sink.h"


typedef enum {
    ACM_SINK_BACKLOG,
    ACM_SINK_COUNT,
    ACM_SINK_DEAD,
    ACM_SINK_ATTEMPTS,
    ACM_SINK_LAST,
    ACM_SINK_VALUES
} acm_sink_value_e;


typedef struct {
    const char     *name;
    acm_metric_e    type;
    const char     *help;
} acm_sink_family_t;


static int64_t acm_metrics_sink(const acm_sink_t *sink, acm_snap_t *snap,
    acm_sink_value_e what);


static const acm_sink_family_t  acm_sink_families[ACM_SINK_VALUES] = {

    { "acm_sink_backlog", ACM_METRIC_GAUGE,
      "Events that a sink has not got yet." },

    { "acm_sink_delivered", ACM_METRIC_COUNTER,
      "Events that a sink has got." },

    { "acm_sink_dead", ACM_METRIC_COUNTER,
      "Events that a sink never took." },

    { "acm_sink_failed_attempts", ACM_METRIC_GAUGE,
      "Deliveries that failed in a row." },

    { "acm_sink_last_delivery_timestamp_seconds", ACM_METRIC_GAUGE,
      "When a sink got its last event; 0 if it had none." }
};


acm_rc_t
acm_metrics_sinks(acm_metrics_t *m, acm_snap_t *snap)
{
    size_t       i, n;
    acm_rc_t     rc;
    unsigned     f;
    acm_sink_t  *sinks;
    acm_entry_t  entry;

    sinks = acm_calloc(ACM_MAX_SINKS, sizeof(acm_sink_t));

    if (sinks == NULL) {
        return ACM_NOMEM;
    }

    n = 0;

    for (rc = acm_store_seek(snap, ACM_DB_SINK, NULL, 0, &entry);
         (rc == ACM_OK || rc == ACM_CORRUPT) && n < ACM_MAX_SINKS;
         rc = acm_store_next(snap, ACM_DB_SINK, &entry))
    {
        if (rc == ACM_OK
            && acm_sink_decode(entry.data, entry.len, &sinks[n]) == ACM_OK)
        {
            n++;
        }
    }

    for (f = 0; f < ACM_SINK_VALUES && n != 0; f++) {
        acm_metrics_family(m, acm_sink_families[f].name,
                           acm_sink_families[f].type,
                           acm_sink_families[f].help);

        for (i = 0; i < n; i++) {
            acm_metrics_label(m, "sink", sinks[i].name);
            acm_metrics_value(m, acm_metrics_sink(&sinks[i], snap,
                                                  (acm_sink_value_e) f));
        }
    }

    for (i = 0; i < n; i++) {
        acm_sink_free(&sinks[i]);
    }

    acm_free(sinks);

    return ACM_OK;
}


static int64_t
acm_metrics_sink(const acm_sink_t *sink, acm_snap_t *snap,
    acm_sink_value_e what)
{
    switch (what) {

    case ACM_SINK_BACKLOG:
        return (int64_t) acm_outbox_backlog(snap, (uint64_t) sink->acked);

    case ACM_SINK_COUNT:
        return sink->delivered;

    case ACM_SINK_DEAD:
        return sink->dead;

    case ACM_SINK_ATTEMPTS:
        return sink->attempts;

    default: /* ACM_SINK_LAST */
        return sink->delivered_at;
    }
}
