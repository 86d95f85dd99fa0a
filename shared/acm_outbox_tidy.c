
/*
 * Copyright (C) The ngx_acm authors
 *
 * The outbox does not grow for ever: what all sinks have taken goes, but for
 * the last events; and a sink that takes nothing must not fill the store.
 */


#include <string.h>

#include "acm_outbox_impl.h"


static acm_rc_t acm_outbox_mend_gone(acm_outbox_t *o, int64_t now,
    acm_err_t *err);
static acm_rc_t acm_outbox_tidy_sinks(acm_outbox_t *o, acm_snap_t *snap,
    acm_batch_t *batch, int64_t now, uint64_t *low, const char **gone);
static int acm_outbox_known(acm_outbox_t *o, const char *name);
static acm_rc_t acm_outbox_tidy_events(acm_snap_t *snap, acm_batch_t *batch,
    uint64_t low, size_t n);
static acm_rc_t acm_outbox_overflow(acm_outbox_t *o, size_t n, int64_t now,
    acm_err_t *err);
static acm_rc_t acm_outbox_overflow_sink(acm_outbox_t *o, acm_snap_t *snap,
    acm_batch_t *batch, const char *name, uint64_t number, int64_t now,
    uint64_t *ndead);


acm_rc_t
acm_outbox_tidy(acm_outbox_t *o, int64_t now, int *more, acm_err_t *err)
{
    char                gone[ACM_MAX_SINK_NAME + 1];
    size_t              i;
    acm_rc_t            rc;
    uint64_t            low, events;
    acm_snap_t         *snap;
    const char         *name;
    acm_batch_t         batch;
    acm_store_stat_t    stat;

    *more = 0;

    for (i = 0; i < o->n; i++) {
        acm_outbox_seen(o->sinks[i], now);
    }

    rc = acm_outbox_flush(o, now, err);

    if (rc == ACM_OK) {
        rc = acm_outbox_mend_gone(o, now, err);
    }

    if (rc == ACM_OK) {
        rc = acm_store_stat(o->store, &stat, err);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    events = stat.entries[ACM_DB_EVENT];

    if (events > ACM_MAX_OUTBOX) {
        *more = 1;
        return acm_outbox_overflow(o, (size_t) (events - ACM_MAX_OUTBOX),
                                   now, err);
    }

    rc = acm_store_begin(o->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_batch_init(&batch);
    name = NULL;

    rc = acm_outbox_tidy_sinks(o, snap, &batch, now, &low, &name);

    gone[0] = '\0';

    if (name != NULL) {
        memcpy(gone, name, strlen(name) + 1);
        acm_free((char *) name);
    }

    if (rc == ACM_OK && events > ACM_OUTBOX_KEEP + ACM_OUTBOX_SLACK) {
        rc = acm_outbox_tidy_events(snap, &batch, low,
                                    (size_t) (events - ACM_OUTBOX_KEEP));
    }

    acm_store_end(snap);

    if (rc != ACM_OK) {
        (void) acm_fail(err, rc, "the outbox cannot be tidied: %s",
                        acm_rc_text(rc));

    } else if (batch.nops != 0) {
        *more = 1;
        rc = acm_store_commit(o->store, &batch, err);

        if (rc == ACM_CONFLICT) {
            rc = ACM_OK;

        } else if (rc == ACM_OK && gone[0] != '\0' && o->note != NULL) {
            o->note(o->data, ACM_OUTBOX_FORGOTTEN, gone, 0, "");
        }
    }

    acm_batch_free(&batch);

    return rc;
}


/*
 * The damaged record of a sink that is not configured does not say how long:
 * it may come back, and find its events, for as long as one removed today.
 */

static acm_rc_t
acm_outbox_mend_gone(acm_outbox_t *o, int64_t now, acm_err_t *err)
{
    char          name[ACM_MAX_SINK_NAME + 1];
    acm_rc_t      rc;
    acm_sink_t    sink;
    acm_snap_t   *snap;
    acm_batch_t   batch;
    acm_entry_t   entry;

    rc = acm_store_begin(o->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_batch_init(&batch);

    for (rc = acm_store_seek(snap, ACM_DB_SINK, NULL, 0, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_SINK, &entry))
    {
        if (rc == ACM_OK) {
            rc = acm_sink_decode(entry.data, entry.len, &sink);
        }

        if (rc == ACM_OK) {
            acm_sink_free(&sink);
            continue;
        }

        if (rc != ACM_CORRUPT) {
            break;
        }

        if (entry.key_len > ACM_MAX_SINK_NAME
            || memchr(entry.key, '\0', entry.key_len) != NULL)
        {
            /* no sink was ever called that */

            acm_batch_delete(&batch, ACM_DB_SINK, entry.key, entry.key_len);
            continue;
        }

        memcpy(name, entry.key, entry.key_len);
        name[entry.key_len] = '\0';

        acm_outbox_mend(&batch, snap, NULL, name, now);

        if (o->note != NULL) {
            o->note(o->data, ACM_OUTBOX_DAMAGED, name, 1, "");
        }
    }

    acm_store_end(snap);

    rc = (rc == ACM_NOTFOUND) ? ACM_OK : rc;

    if (rc != ACM_OK) {
        (void) acm_fail(err, rc, "the records of sinks cannot be read: %s",
                        acm_rc_text(rc));

    } else if (batch.nops != 0) {
        rc = acm_store_commit(o->store, &batch, err);
    }

    acm_batch_free(&batch);

    return rc;
}


/*
 * What the slowest has got to; and a sink that was removed long ago goes, its
 * dead letters first.
 */

static acm_rc_t
acm_outbox_tidy_sinks(acm_outbox_t *o, acm_snap_t *snap, acm_batch_t *batch,
    int64_t now, uint64_t *low, const char **gone)
{
    acm_rc_t      rc;
    acm_sink_t    sink;
    acm_entry_t   entry;

    *low = UINT64_MAX;

    for (rc = acm_store_seek(snap, ACM_DB_SINK, NULL, 0, &entry);
         rc == ACM_OK;
         rc = acm_store_next(snap, ACM_DB_SINK, &entry))
    {
        rc = acm_sink_decode(entry.data, entry.len, &sink);

        if (rc != ACM_OK) {
            return rc;
        }

        if (batch->nops == 0 && !acm_outbox_known(o, sink.name)
            && sink.seen_at < now - ACM_SINK_FORGET
            && acm_outbox_drop(batch, snap, sink.name, ACM_OUTBOX_TIDY)
               < ACM_OUTBOX_TIDY)
        {
            acm_batch_expect(batch, ACM_DB_SINK, entry.key, entry.key_len,
                             entry.revision);
            acm_batch_delete(batch, ACM_DB_SINK, entry.key, entry.key_len);

            *gone = acm_strdup(sink.name);

        } else if ((uint64_t) sink.acked < *low) {
            *low = (uint64_t) sink.acked;
        }

        acm_sink_free(&sink);
    }

    return (rc == ACM_NOTFOUND) ? ACM_OK : rc;
}


static int
acm_outbox_known(acm_outbox_t *o, const char *name)
{
    size_t  i;

    for (i = 0; i < o->n; i++) {
        if (strcmp(o->sinks[i]->rec.name, name) == 0) {
            return 1;
        }
    }

    return 0;
}


static acm_rc_t
acm_outbox_tidy_events(acm_snap_t *snap, acm_batch_t *batch, uint64_t low,
    size_t n)
{
    acm_rc_t     rc;
    acm_entry_t  entry;

    if (n > ACM_OUTBOX_TIDY) {
        n = ACM_OUTBOX_TIDY;
    }

    for (rc = acm_store_seek(snap, ACM_DB_EVENT, NULL, 0, &entry);
         (rc == ACM_OK || rc == ACM_CORRUPT) && n != 0;
         rc = acm_store_next(snap, ACM_DB_EVENT, &entry))
    {
        if (acm_number_parse(entry.key, entry.key_len) > low) {
            break;
        }

        acm_batch_delete(batch, ACM_DB_EVENT, entry.key, entry.key_len);
        n--;
    }

    return ACM_OK;
}


/* The oldest events go, whether they were taken or not. */

static acm_rc_t
acm_outbox_overflow(acm_outbox_t *o, size_t n, int64_t now, acm_err_t *err)
{
    char         *names[2 * ACM_MAX_SINKS];
    size_t        i, nnames;
    acm_rc_t      rc;
    uint64_t      ndead[2 * ACM_MAX_SINKS], number;
    acm_snap_t   *snap;
    acm_batch_t   batch;
    acm_entry_t   entry;

    rc = acm_store_begin(o->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_batch_init(&batch);
    number = 0;
    nnames = 0;

    /* each may be buried, and make another one go, in each of the sinks */

    if (n > ACM_MAX_BATCH / (6 * ACM_MAX_SINKS)) {
        n = ACM_MAX_BATCH / (6 * ACM_MAX_SINKS);
    }

    for (rc = acm_store_seek(snap, ACM_DB_EVENT, NULL, 0, &entry);
         (rc == ACM_OK || rc == ACM_CORRUPT) && n != 0;
         rc = acm_store_next(snap, ACM_DB_EVENT, &entry))
    {
        number = acm_number_parse(entry.key, entry.key_len);
        acm_batch_delete(&batch, ACM_DB_EVENT, entry.key, entry.key_len);
        n--;
    }

    for (rc = acm_store_seek(snap, ACM_DB_SINK, NULL, 0, &entry);
         (rc == ACM_OK || rc == ACM_CORRUPT) && nnames < 2 * ACM_MAX_SINKS;
         rc = acm_store_next(snap, ACM_DB_SINK, &entry))
    {
        names[nnames] = acm_calloc(1, entry.key_len + 1);

        if (names[nnames] == NULL) {
            rc = ACM_NOMEM;
            break;
        }

        memcpy(names[nnames], entry.key, entry.key_len);
        ndead[nnames++] = 0;
    }

    rc = (rc == ACM_NOTFOUND) ? ACM_OK : rc;

    for (i = 0; rc == ACM_OK && i < nnames; i++) {
        rc = acm_outbox_overflow_sink(o, snap, &batch, names[i], number, now,
                                      &ndead[i]);
    }

    acm_store_end(snap);

    if (rc != ACM_OK) {
        (void) acm_fail(err, rc, "the outbox is full and cannot be tidied: "
                        "%s", acm_rc_text(rc));

    } else {
        rc = acm_store_commit(o->store, &batch, err);
    }

    for (i = 0; i < nnames; i++) {
        if (rc == ACM_OK && ndead[i] != 0 && o->note != NULL) {
            o->note(o->data, ACM_OUTBOX_OVERFLOW, names[i], ndead[i], "");
        }

        acm_free(names[i]);
    }

    acm_batch_free(&batch);

    return (rc == ACM_CONFLICT) ? ACM_OK : rc;
}


/* Buries what a sink has not taken up to a number. */

static acm_rc_t
acm_outbox_overflow_sink(acm_outbox_t *o, acm_snap_t *snap,
    acm_batch_t *batch, const char *name, uint64_t number, int64_t now,
    uint64_t *ndead)
{
    size_t       dropped;
    uint8_t      key[ACM_NUMBER_LEN];
    acm_rc_t     rc;
    uint64_t     revision;
    acm_str_t    event;
    acm_sink_t   sink;
    acm_entry_t  entry;

    rc = acm_sink_get(snap, name, &sink, &revision);

    if (rc != ACM_OK || (uint64_t) sink.acked >= number) {
        if (rc == ACM_OK) {
            acm_sink_free(&sink);
        }

        return rc;
    }

    for (rc = acm_store_seek(snap, ACM_DB_EVENT, key,
                             acm_number_key(key, (uint64_t) sink.acked + 1),
                             &entry);
         (rc == ACM_OK || rc == ACM_CORRUPT)
         && acm_number_parse(entry.key, entry.key_len) <= number;
         rc = acm_store_next(snap, ACM_DB_EVENT, &entry))
    {
        if (rc != ACM_OK || !acm_outbox_wants(o, name, &entry)) {
            continue;
        }

        event.data = (uint8_t *) entry.data;
        event.len = entry.len;

        acm_outbox_bury(batch, name,
                        acm_number_parse(entry.key, entry.key_len), &event,
                        "the outbox was full", now);
        (*ndead)++;
    }

    sink.acked = (int64_t) number;
    sink.dead += (int64_t) *ndead;
    sink.ndead += (uint32_t) *ndead;

    if (sink.ndead > ACM_MAX_DEAD) {
        dropped = acm_outbox_drop(batch, snap, name,
                                  sink.ndead - ACM_MAX_DEAD);
        sink.ndead -= (uint32_t) dropped;
        sink.dropped += (int64_t) dropped;
    }

    acm_outbox_put(batch, &sink, revision);
    acm_sink_free(&sink);

    return batch->rc;
}
