
/*
 * Copyright (C) The ngx_acm authors
 *
 * The outbox and the store: how far sinks have got is read and written, with
 * a revision expected, since acmctl may ask for a replay at any moment.
 */


#include <string.h>

#include "acm_outbox_impl.h"


static acm_rc_t acm_outbox_load(acm_outbox_t *o, acm_snap_t *snap,
    acm_batch_t *batch, int64_t now);
static acm_rc_t acm_outbox_load_sink(acm_outbox_t *o, acm_outbox_sink_t *s,
    acm_snap_t *snap, acm_batch_t *batch, int64_t now);
static size_t acm_outbox_dead(acm_snap_t *snap, const char *name);
static void acm_outbox_put_over(acm_batch_t *batch, const acm_sink_t *sink);
static void acm_outbox_forget_window(acm_outbox_sink_t *s);
static acm_rc_t acm_outbox_write(acm_outbox_sink_t *s, acm_snap_t *snap,
    acm_batch_t *batch, acm_sink_t *out, int64_t now);
static acm_rc_t acm_outbox_write_dead(acm_outbox_sink_t *s,
    acm_snap_t *snap, acm_batch_t *batch, acm_letter_t *letter,
    acm_sink_t *out, int64_t now);
static size_t acm_outbox_settled(const acm_outbox_sink_t *s);
static void acm_outbox_written(acm_outbox_t *o, acm_outbox_sink_t *s,
    const acm_sink_t *out);
static acm_rc_t acm_outbox_flush_sink(acm_outbox_t *o, acm_outbox_sink_t **s,
    size_t *n, int64_t now, acm_err_t *err);


acm_rc_t
acm_outbox_begin(acm_outbox_t *o, int64_t now, acm_err_t *err)
{
    o->loaded = 0;

    return acm_outbox_look(o, now, err);
}


acm_rc_t
acm_outbox_look(acm_outbox_t *o, int64_t now, acm_err_t *err)
{
    acm_rc_t      rc;
    acm_snap_t   *snap;
    acm_batch_t   batch;

    while (!o->loaded || o->generation != acm_store_generation(o->store)) {

        rc = acm_store_begin(o->store, &snap, err);

        if (rc != ACM_OK) {
            return rc;
        }

        acm_batch_init(&batch);

        rc = acm_outbox_load(o, snap, &batch, now);

        if (rc == ACM_OK) {
            o->generation = acm_snap_generation(snap);
        }

        acm_store_end(snap);

        if (rc != ACM_OK) {
            (void) acm_fail(err, rc, "the records of sinks cannot be read: "
                            "%s", acm_rc_text(rc));

        } else if (batch.nops != 0) {
            rc = acm_store_commit(o->store, &batch, err);

            /* read them once more, with their revision */
            rc = (rc == ACM_CONFLICT) ? ACM_OK : rc;
            o->loaded = 0;

        } else {
            o->loaded = 1;
        }

        acm_batch_free(&batch);

        if (rc != ACM_OK) {
            return rc;
        }

        if (o->loaded) {
            return ACM_OK;
        }
    }

    return ACM_OK;
}


static acm_rc_t
acm_outbox_load(acm_outbox_t *o, acm_snap_t *snap, acm_batch_t *batch,
    int64_t now)
{
    size_t    i;
    acm_rc_t  rc;

    for (i = 0; i < o->n; i++) {
        rc = acm_outbox_load_sink(o, o->sinks[i], snap, batch, now);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    return ACM_OK;
}


static acm_rc_t
acm_outbox_load_sink(acm_outbox_t *o, acm_outbox_sink_t *s,
    acm_snap_t *snap, acm_batch_t *batch, int64_t now)
{
    int          moved;
    acm_rc_t     rc;
    uint64_t     last, revision;
    acm_sink_t   rec;

    memset(&rec, 0, sizeof(acm_sink_t));

    rc = acm_sink_get(snap, s->rec.name, &rec, &revision);

    if (rc == ACM_NOTFOUND) {

        /* new: what happened before is none of its business */

        rc = acm_outbox_last(snap, &last);

        if (rc == ACM_OK) {
            acm_outbox_forget_window(s);

            s->rec.acked = (int64_t) last;
            s->rec.seen_at = now;
            s->revision = 0;

            acm_outbox_put(batch, &s->rec, 0);
        }

        return rc;
    }

    if (rc == ACM_CORRUPT) {
        acm_outbox_mend(batch, snap, s, s->rec.name, now);

        if (batch->rc == ACM_OK && o->note != NULL) {
            o->note(o->data, ACM_OUTBOX_DAMAGED, s->rec.name,
                    s->revision == 0, "");
        }

        return batch->rc;
    }

    if (rc != ACM_OK) {
        return rc;
    }

    if (revision == s->revision) {
        acm_sink_free(&rec);
        return ACM_OK;
    }

    /* somebody wants something again, or this is the first time */

    moved = (s->revision == 0 || rec.acked != s->rec.acked
             || (s->redoing && (rec.redo != s->rec.redo
                                || rec.redo_to != s->rec.redo_to)));

    acm_free(s->rec.name);
    acm_free(s->rec.last_error);

    s->rec = rec;
    s->conf.name = s->rec.name;
    s->revision = revision;

    if (moved) {
        acm_outbox_forget_window(s);
    }

    acm_outbox_seen(s, now);

    return ACM_OK;
}


void
acm_outbox_mend(acm_batch_t *batch, acm_snap_t *snap,
    const acm_outbox_sink_t *s, const char *name, int64_t now)
{
    acm_sink_t  sink;

    if (s != NULL && s->revision != 0) {
        sink = s->rec;

    } else {
        memset(&sink, 0, sizeof(acm_sink_t));
        sink.name = (char *) name;
        sink.last_error = (char *) "";
        sink.ndead = (uint32_t) acm_outbox_dead(snap, name);
        sink.dead = sink.ndead;
    }

    sink.seen_at = now;

    acm_outbox_put_over(batch, &sink);
}


/* How many dead letters a sink has. */

static size_t
acm_outbox_dead(acm_snap_t *snap, const char *name)
{
    size_t       n;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    acm_entry_t  entry;

    n = 0;

    for (rc = acm_store_seek(snap, ACM_DB_DEAD, key,
                             acm_dead_key(key, name, 0), &entry);
         (rc == ACM_OK || rc == ACM_CORRUPT)
         && acm_dead_key_parse(entry.key, entry.key_len, name) != 0;
         rc = acm_store_next(snap, ACM_DB_DEAD, &entry))
    {
        n++;
    }

    return n;
}


/* A clock that was wrong is put right, too. */

void
acm_outbox_seen(acm_outbox_sink_t *s, int64_t now)
{
    if (s->rec.seen_at < now - 86400 || s->rec.seen_at > now + 86400) {
        s->rec.seen_at = now;
        s->dirty = 1;
    }
}


/* Letters that are handed out are freed when they come back. */

static void
acm_outbox_forget_window(acm_outbox_sink_t *s)
{
    size_t  i;

    for (i = 0; i < s->n; i++) {
        if (s->letters[i]->state == ACM_LETTER_HANDED) {
            s->letters[i]->lost = 1;

        } else {
            acm_letter_free(s->letters[i]);
        }
    }

    s->n = 0;
    s->idle = 0;
    s->redoing = 0;
    s->passed = (uint64_t) s->rec.acked;
}


acm_rc_t
acm_outbox_flush(acm_outbox_t *o, int64_t now, acm_err_t *err)
{
    size_t              i, n;
    acm_rc_t            rc;
    acm_outbox_sink_t  *sinks[ACM_MAX_SINKS];

    rc = acm_outbox_look(o, now, err);

    if (rc != ACM_OK) {
        return rc;
    }

    memcpy(sinks, o->sinks, o->n * sizeof(acm_outbox_sink_t *));

    for (i = 0; i < o->n; i += n) {
        n = o->n - i;

        rc = acm_outbox_flush_sink(o, &sinks[i], &n, now, err);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    return acm_outbox_look(o, now, err);
}


/* As many of n sinks as go into one batch. */

static acm_rc_t
acm_outbox_flush_sink(acm_outbox_t *o, acm_outbox_sink_t **s, size_t *n,
    int64_t now, acm_err_t *err)
{
    size_t        i, total;
    acm_rc_t      rc;
    acm_sink_t    out[ACM_MAX_SINKS];
    acm_snap_t   *snap;
    acm_batch_t   batch;

    rc = acm_store_begin(o->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_batch_init(&batch);
    total = *n;

    for (i = 0; rc == ACM_OK && i < total; i++) {

        /* a letter takes two operations at most, and its sink two */

        if (batch.nops > ACM_MAX_BATCH - 3 * ACM_OUTBOX_WINDOW) {
            break;
        }

        rc = acm_outbox_write(s[i], snap, &batch, &out[i], now);
    }

    acm_store_end(snap);

    *n = i;

    if (rc != ACM_OK) {
        (void) acm_fail(err, rc, "how far sinks have got cannot be written: "
                        "%s", acm_rc_text(rc));

    } else if (batch.nops != 0) {
        rc = acm_store_commit(o->store, &batch, err);
    }

    acm_batch_free(&batch);

    if (rc == ACM_CORRUPT) {

        /* a record of a sink, maybe: the next time it is written anew */

        o->loaded = 0;
    }

    if (rc == ACM_CONFLICT) {

        /* acmctl was there: what it wrote is read, and the rest written the
           next time */

        o->loaded = 0;
        *n = total;

        return acm_outbox_look(o, now, err);
    }

    for (i = 0; rc == ACM_OK && i < *n; i++) {
        acm_outbox_written(o, s[i], &out[i]);
    }

    return rc;
}


static acm_rc_t
acm_outbox_write(acm_outbox_sink_t *s, acm_snap_t *snap, acm_batch_t *batch,
    acm_sink_t *out, int64_t now)
{
    size_t         i, n, len;
    uint8_t        key[ACM_MAX_STORE_KEY];
    acm_rc_t       rc;
    acm_entry_t    entry;
    acm_letter_t  *letter;

    *out = s->rec;

    s->ndead = 0;
    s->ndropped = 0;

    n = acm_outbox_settled(s);

    for (i = 0; i < n; i++) {
        letter = s->letters[i];

        if (letter->state == ACM_LETTER_REFUSED) {
            rc = acm_outbox_write_dead(s, snap, batch, letter, out, now);

            if (rc != ACM_OK) {
                return rc;
            }

        } else if (s->redoing) {
            len = acm_dead_key(key, s->rec.name, letter->number);

            /* it may have made room for others meanwhile */

            if (acm_store_get(snap, ACM_DB_DEAD, key, len, &entry)
                != ACM_NOTFOUND)
            {
                acm_batch_delete(batch, ACM_DB_DEAD, key, len);
                out->ndead -= (out->ndead != 0);
            }
        }

        if (s->redoing) {
            out->redo = (int64_t) letter->number;

        } else {
            out->acked = (int64_t) letter->upto;
        }
    }

    if (!s->redoing && n == s->n) {
        out->acked = (int64_t) s->passed;
    }

    if (out->ndead > ACM_MAX_DEAD) {
        s->ndropped = acm_outbox_drop(batch, snap, s->rec.name,
                                      out->ndead - ACM_MAX_DEAD);
        out->ndead -= (uint32_t) s->ndropped;
        out->dropped += (int64_t) s->ndropped;
    }

    if (s->dirty || n != 0 || out->acked != s->rec.acked) {
        acm_outbox_put(batch, out, s->revision);
    }

    return batch->rc;
}


static acm_rc_t
acm_outbox_write_dead(acm_outbox_sink_t *s, acm_snap_t *snap,
    acm_batch_t *batch, acm_letter_t *letter, acm_sink_t *out, int64_t now)
{
    uint8_t       key[ACM_MAX_STORE_KEY];
    acm_rc_t      rc;
    acm_buf_t     buf;
    acm_str_t     event;
    acm_entry_t   entry;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    rc = acm_event_encode(&letter->event, &buf);

    if (rc == ACM_OK) {
        event.data = buf.data;
        event.len = buf.len;

        acm_outbox_bury(batch, s->rec.name, letter->number, &event,
                        letter->why ? letter->why : "", now);

        if (acm_store_get(snap, ACM_DB_DEAD, key,
                          acm_dead_key(key, s->rec.name, letter->number),
                          &entry)
            == ACM_NOTFOUND)
        {
            out->ndead++;
        }

        s->ndead++;
    }

    acm_buf_free(&buf);

    return rc;
}


/* Letters from the first on that are done with. */

static size_t
acm_outbox_settled(const acm_outbox_sink_t *s)
{
    size_t  n;

    for (n = 0; n < s->n; n++) {
        if (s->letters[n]->state < ACM_LETTER_DELIVERED) {
            break;
        }
    }

    return n;
}


static void
acm_outbox_written(acm_outbox_t *o, acm_outbox_sink_t *s,
    const acm_sink_t *out)
{
    char    *why;
    size_t   i, n;

    n = acm_outbox_settled(s);
    why = NULL;

    for (i = 0; i < n; i++) {
        if (s->letters[i]->state == ACM_LETTER_REFUSED
            && s->letters[i]->why != NULL)
        {
            acm_free(why);
            why = s->letters[i]->why;
            s->letters[i]->why = NULL;
        }

        acm_letter_free(s->letters[i]);
    }

    memmove(s->letters, s->letters + n, (s->n - n) * sizeof(acm_letter_t *));

    s->n -= n;
    s->rec = *out;
    s->dirty = 0;
    s->urgent = 0;

    if (s->ndead != 0 && o->note != NULL) {
        o->note(o->data, ACM_OUTBOX_DEAD, s->rec.name, s->ndead,
                (why != NULL) ? why : "");
    }

    if (s->ndropped != 0 && o->note != NULL) {
        o->note(o->data, ACM_OUTBOX_DROPPED, s->rec.name, s->ndropped, "");
    }

    s->ndead = 0;
    s->ndropped = 0;

    acm_free(why);
}


void
acm_outbox_put(acm_batch_t *batch, const acm_sink_t *sink,
    uint64_t revision)
{
    acm_batch_expect(batch, ACM_DB_SINK, sink->name, strlen(sink->name),
                     revision);
    acm_outbox_put_over(batch, sink);
}


static void
acm_outbox_put_over(acm_batch_t *batch, const acm_sink_t *sink)
{
    acm_rc_t   rc;
    acm_buf_t  buf;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    rc = acm_sink_encode(sink, &buf);

    if (rc == ACM_OK) {
        acm_batch_put(batch, ACM_DB_SINK, sink->name, strlen(sink->name),
                      buf.data, buf.len);

    } else if (batch->rc == ACM_OK) {
        batch->rc = rc;
    }

    acm_buf_free(&buf);
}


void
acm_outbox_bury(acm_batch_t *batch, const char *sink, uint64_t number,
    const acm_str_t *event, const char *why, int64_t now)
{
    uint8_t     key[ACM_MAX_STORE_KEY];
    acm_rc_t    rc;
    acm_buf_t   buf;
    acm_dead_t  dead;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    dead.event = *event;
    dead.why = (char *) why;
    dead.at = now;

    rc = acm_dead_encode(&dead, &buf);

    if (rc == ACM_OK) {
        acm_batch_put(batch, ACM_DB_DEAD, key,
                      acm_dead_key(key, sink, number), buf.data, buf.len);

    } else if (batch->rc == ACM_OK) {
        batch->rc = rc;
    }

    acm_buf_free(&buf);
}


size_t
acm_outbox_drop(acm_batch_t *batch, acm_snap_t *snap, const char *sink,
    size_t n)
{
    size_t       done;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    acm_entry_t  entry;

    done = 0;

    for (rc = acm_store_seek(snap, ACM_DB_DEAD, key,
                             acm_dead_key(key, sink, 0), &entry);
         (rc == ACM_OK || rc == ACM_CORRUPT) && done < n;
         rc = acm_store_next(snap, ACM_DB_DEAD, &entry))
    {
        if (acm_dead_key_parse(entry.key, entry.key_len, sink) == 0) {
            break;
        }

        acm_batch_delete(batch, ACM_DB_DEAD, entry.key, entry.key_len);
        done++;
    }

    return done;
}
