
/*
 * Copyright (C) The ngx_acm authors
 *
 * Deliveries: which letters are handed out, and what becomes of them.
 */


#include <stdio.h>
#include <string.h>

#include "acm_outbox_impl.h"
#include "acm_sched.h"


#define ACM_OUTBOX_ROUNDS  4         /* of reading, at a time */


static void acm_outbox_sink_free(acm_outbox_sink_t *s);
static acm_rc_t acm_outbox_fill(acm_outbox_t *o, acm_outbox_sink_t *s,
    size_t max, int64_t now, acm_err_t *err);
static acm_rc_t acm_outbox_fetch(acm_outbox_t *o, acm_outbox_sink_t *s,
    acm_snap_t *snap);
static acm_rc_t acm_outbox_fetch_dead(acm_outbox_sink_t *s,
    acm_snap_t *snap);
static acm_rc_t acm_outbox_letter(acm_outbox_sink_t *s, uint64_t number,
    const uint8_t *data, size_t len);
static int acm_outbox_wanted(const acm_outbox_sink_t *s, acm_event_e kind);
static void acm_outbox_broken(acm_outbox_t *o, acm_outbox_sink_t *s,
    uint64_t number);
static void acm_outbox_expire(acm_outbox_sink_t *s, int64_t now);
static size_t acm_outbox_waiting(const acm_outbox_sink_t *s);
static int64_t acm_outbox_backoff(acm_outbox_t *o, acm_outbox_sink_t *s);
static void acm_outbox_error(acm_outbox_sink_t *s, const char *why,
    int64_t now);
static void acm_outbox_refuse(acm_letter_t *letter, const char *why);
static void acm_outbox_visible(const char *why, acm_err_t *err);


acm_outbox_t *
acm_outbox_new(acm_store_t *store, uint64_t seed, acm_outbox_note_pt note,
    void *data)
{
    acm_outbox_t  *o;

    o = acm_calloc(1, sizeof(acm_outbox_t));

    if (o == NULL) {
        return NULL;
    }

    o->store = store;
    o->note = note;
    o->data = data;
    o->random = seed | 1;

    return o;
}


void
acm_outbox_free(acm_outbox_t *o)
{
    size_t  i;

    if (o == NULL) {
        return;
    }

    for (i = 0; i < o->n; i++) {
        acm_outbox_sink_free(o->sinks[i]);
    }

    acm_free(o);
}


static void
acm_outbox_sink_free(acm_outbox_sink_t *s)
{
    size_t  i;

    for (i = 0; i < s->n; i++) {
        acm_letter_free(s->letters[i]);
    }

    acm_sink_free(&s->rec);
    acm_free(s);
}


void
acm_letter_free(acm_letter_t *letter)
{
    acm_event_free(&letter->event);
    acm_free(letter->why);
    acm_free(letter);
}


acm_rc_t
acm_outbox_add(acm_outbox_t *o, const acm_outbox_conf_t *conf)
{
    size_t              i, len;
    acm_outbox_sink_t  *s;

    len = strlen(conf->name);

    if (len == 0 || len > ACM_MAX_SINK_NAME) {
        return ACM_INVALID;
    }

    for (i = 0; i < o->n; i++) {
        if (strcmp(o->sinks[i]->rec.name, conf->name) == 0) {
            return ACM_CONFLICT;
        }
    }

    if (o->n == ACM_MAX_SINKS) {
        return ACM_TOOBIG;
    }

    s = acm_calloc(1, sizeof(acm_outbox_sink_t));

    if (s == NULL) {
        return ACM_NOMEM;
    }

    s->conf = *conf;
    s->rec.name = acm_strdup(conf->name);
    s->rec.last_error = acm_strdup("");

    if (s->rec.name == NULL || s->rec.last_error == NULL) {
        acm_outbox_sink_free(s);
        return ACM_NOMEM;
    }

    s->conf.name = s->rec.name;
    s->conf.expire = (conf->expire > 0) ? conf->expire : ACM_SINK_EXPIRE;

    o->sinks[o->n++] = s;

    return ACM_OK;
}


acm_rc_t
acm_outbox_take(acm_outbox_t *o, size_t sink, size_t max, int64_t now,
    acm_letter_t **letters, size_t *n, acm_err_t *err)
{
    size_t              i;
    acm_rc_t            rc;
    acm_outbox_sink_t  *s;

    *n = 0;
    s = o->sinks[sink];

    rc = acm_outbox_look(o, now, err);

    if (rc != ACM_OK || s->handed != 0) {
        return rc;
    }

    /* a clock that was wrong must not silence a sink for long */

    if (s->rec.not_before > now
        && s->rec.not_before - now <= ACM_SINK_MAX_WAIT)
    {
        return ACM_OK;
    }

    rc = acm_outbox_fill(o, s, max, now, err);

    if (rc != ACM_OK || acm_outbox_waiting(s) == 0) {
        return rc;
    }

    s->failing = 0;
    s->counted = 0;

    if (s->rec.attempts != 0) {

        /* whatever becomes of this process, the next attempt waits */

        s->rec.attempts += (s->rec.attempts != UINT32_MAX);
        s->rec.not_before = acm_add_sat(now, acm_outbox_backoff(o, s));
        s->dirty = 1;

        rc = acm_outbox_flush(o, now, err);

        if (rc != ACM_OK) {
            return rc;
        }

        s->counted = 1;
    }

    for (i = 0; i < s->n && *n < max; i++) {
        if (s->letters[i]->state == ACM_LETTER_WAITING) {
            s->letters[i]->state = ACM_LETTER_HANDED;
            letters[(*n)++] = s->letters[i];
        }
    }

    s->handed = *n;

    return ACM_OK;
}


/* Makes sure that max letters wait, if there are so many. */

static acm_rc_t
acm_outbox_fill(acm_outbox_t *o, acm_outbox_sink_t *s, size_t max,
    int64_t now, acm_err_t *err)
{
    size_t       i, waiting;
    acm_rc_t     rc;
    acm_snap_t  *snap;

    for (i = 0; i < ACM_OUTBOX_ROUNDS; i++) {
        acm_outbox_expire(s, now);

        waiting = acm_outbox_waiting(s);

        if (waiting >= max
            || (waiting != 0 && (s->n == ACM_OUTBOX_WINDOW || s->redoing
                                 || s->rec.redo_to != 0)))
        {
            return ACM_OK;
        }

        if (s->n == ACM_OUTBOX_WINDOW
            || (s->n != 0 && (s->redoing || s->rec.redo_to != 0)))
        {
            rc = acm_outbox_flush(o, now, err);

            if (rc != ACM_OK) {
                return rc;
            }
        }

        if (s->idle == o->generation && s->rec.redo_to == 0) {
            return ACM_OK;
        }

        rc = acm_store_begin(o->store, &snap, err);

        if (rc != ACM_OK) {
            return rc;
        }

        if (s->rec.redo_to != 0 && s->n == 0) {
            rc = acm_outbox_fetch_dead(s, snap);

        } else {
            rc = acm_outbox_fetch(o, s, snap);
        }

        acm_store_end(snap);

        if (rc == ACM_BUSY || rc == ACM_NOTFOUND) {

            /* none, or none in so many events: others have work to do, too */

            acm_outbox_expire(s, now);
            return ACM_OK;
        }

        if (rc != ACM_OK) {
            return acm_fail(err, rc, "the outbox cannot be read: %s",
                            acm_rc_text(rc));
        }
    }

    /* a window after the other had expired: the rest comes next time */

    acm_outbox_expire(s, now);

    return ACM_OK;
}


/* ACM_NOTFOUND: no letter was added, and there are no more. */

static acm_rc_t
acm_outbox_fetch(acm_outbox_t *o, acm_outbox_sink_t *s, acm_snap_t *snap)
{
    size_t        n, walked;
    uint8_t       key[ACM_NUMBER_LEN];
    acm_rc_t      rc;
    uint64_t      number;
    acm_entry_t   entry;

    n = s->n;
    walked = 0;

    for (rc = acm_store_seek(snap, ACM_DB_EVENT, key,
                             acm_number_key(key, s->passed + 1), &entry);
         rc == ACM_OK || rc == ACM_CORRUPT;
         rc = acm_store_next(snap, ACM_DB_EVENT, &entry))
    {
        if (s->n == ACM_OUTBOX_WINDOW || walked++ == ACM_OUTBOX_WALK) {
            return (s->n == n) ? ACM_BUSY : ACM_OK;
        }

        number = acm_number_parse(entry.key, entry.key_len);

        if (rc == ACM_OK) {
            rc = acm_outbox_letter(s, number, entry.data, entry.len);
        }

        if (rc == ACM_NOMEM) {
            return rc;
        }

        if (rc == ACM_CORRUPT || rc == ACM_VERSION) {
            acm_outbox_broken(o, s, number);
        }

        s->passed = number;

        if (s->n != 0) {
            s->letters[s->n - 1]->upto = number;
        }
    }

    if (rc != ACM_NOTFOUND) {
        return rc;
    }

    s->idle = acm_snap_generation(snap);

    return (s->n == n) ? ACM_NOTFOUND : ACM_OK;
}


/* The same among the dead letters. */

static acm_rc_t
acm_outbox_fetch_dead(acm_outbox_sink_t *s, acm_snap_t *snap)
{
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    uint64_t     number;
    acm_dead_t   dead;
    acm_entry_t  entry;

    s->redoing = 1;

    for (rc = acm_store_seek(snap, ACM_DB_DEAD, key,
                             acm_dead_key(key, s->rec.name,
                                          (uint64_t) s->rec.redo + 1),
                             &entry);
         rc == ACM_OK || rc == ACM_CORRUPT;
         rc = acm_store_next(snap, ACM_DB_DEAD, &entry))
    {
        number = acm_dead_key_parse(entry.key, entry.key_len, s->rec.name);

        if (number == 0 || number > (uint64_t) s->rec.redo_to) {
            break;
        }

        if (s->n == ACM_OUTBOX_WINDOW) {
            return ACM_OK;
        }

        if (rc != ACM_OK
            || acm_dead_decode(entry.data, entry.len, &dead) != ACM_OK)
        {
            continue;
        }

        rc = acm_outbox_letter(s, number, dead.event.data, dead.event.len);

        acm_dead_free(&dead);

        if (rc == ACM_NOMEM) {
            return rc;
        }
    }

    if (s->n != 0) {
        return ACM_OK;
    }

    /* all have been tried: on with the outbox */

    s->redoing = 0;
    s->rec.redo = 0;
    s->rec.redo_to = 0;
    s->dirty = 1;
    s->urgent = 1;

    /* no letter was added, but there may be some there */

    s->idle = 0;

    return ACM_BUSY;
}


/* Adds a letter, unless the sink does not want it. */

static acm_rc_t
acm_outbox_letter(acm_outbox_sink_t *s, uint64_t number, const uint8_t *data,
    size_t len)
{
    acm_rc_t       rc;
    acm_letter_t  *letter;

    letter = acm_calloc(1, sizeof(acm_letter_t));

    if (letter == NULL) {
        return ACM_NOMEM;
    }

    rc = acm_event_decode(data, len, &letter->event);

    if (rc != ACM_OK) {
        acm_free(letter);
        return rc;
    }

    if (!s->redoing && !acm_outbox_wanted(s, letter->event.kind)) {
        acm_letter_free(letter);
        return ACM_OK;
    }

    letter->number = number;
    letter->upto = number;

    s->letters[s->n++] = letter;

    return ACM_OK;
}


static int
acm_outbox_wanted(const acm_outbox_sink_t *s, acm_event_e kind)
{
    return s->conf.kinds == 0 || (s->conf.kinds & (1u << kind)) != 0;
}


int
acm_outbox_wants(acm_outbox_t *o, const char *name, const acm_entry_t *entry)
{
    int          wanted;
    size_t       i;
    acm_event_t  event;

    for (i = 0; i < o->n; i++) {
        if (strcmp(o->sinks[i]->rec.name, name) == 0) {
            break;
        }
    }

    if (i == o->n || o->sinks[i]->conf.kinds == 0
        || acm_event_decode(entry->data, entry->len, &event) != ACM_OK)
    {
        return 1;
    }

    wanted = acm_outbox_wanted(o->sinks[i], event.kind);

    acm_event_free(&event);

    return wanted;
}


static void
acm_outbox_broken(acm_outbox_t *o, acm_outbox_sink_t *s, uint64_t number)
{
    if (o->note != NULL) {
        o->note(o->data, ACM_OUTBOX_BROKEN, s->rec.name, number,
                "it cannot be read and is left out");
    }
}


/* Dead letters are tried again because somebody asked for it. */

static void
acm_outbox_expire(acm_outbox_sink_t *s, int64_t now)
{
    char           why[ACM_MAX_SINK_ERROR];
    size_t         i;
    acm_letter_t  *letter;

    if (s->redoing) {
        return;
    }

    for (i = 0; i < s->n; i++) {
        letter = s->letters[i];

        if (letter->state != ACM_LETTER_WAITING
            || letter->event.at > now - s->conf.expire)
        {
            continue;
        }

        (void) snprintf(why, sizeof(why), "older than \"expire=\"%s%.400s",
                        s->rec.attempts ? ", last error: " : "",
                        s->rec.attempts ? s->rec.last_error : "");

        acm_outbox_refuse(letter, why);
        s->rec.dead++;
        s->dirty = 1;
        s->urgent = 1;
    }
}


static size_t
acm_outbox_waiting(const acm_outbox_sink_t *s)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < s->n; i++) {
        n += (s->letters[i]->state == ACM_LETTER_WAITING);
    }

    return n;
}


static int64_t
acm_outbox_backoff(acm_outbox_t *o, acm_outbox_sink_t *s)
{
    o->random ^= o->random << 13;
    o->random ^= o->random >> 7;
    o->random ^= o->random << 17;

    return acm_sched_backoff(s->rec.attempts, ACM_SINK_BACKOFF_MIN,
                             ACM_SINK_BACKOFF_MAX,
                             (uint16_t) (o->random >> 32));
}


void
acm_outbox_done(acm_outbox_t *o, size_t sink, acm_letter_t *letter,
    acm_sink_e result, const char *why, int64_t now)
{
    acm_outbox_sink_t  *s;

    s = o->sinks[sink];

    if (s->handed != 0) {
        s->handed--;
    }

    if (result == ACM_SINK_FAILED) {
        letter->state = ACM_LETTER_WAITING;
        s->urgent = 1;
        s->dirty = 1;

        if (!s->failing) {
            s->failing = 1;

            if (!s->counted) {
                s->rec.attempts += (s->rec.attempts != UINT32_MAX);
            }

            s->rec.not_before = acm_add_sat(now, acm_outbox_backoff(o, s));
            acm_outbox_error(s, why, now);

            if (s->rec.attempts == 1 && o->note != NULL) {
                o->note(o->data, ACM_OUTBOX_DOWN, s->rec.name, 1,
                        s->rec.last_error);
            }
        }

    } else {
        s->dirty = 1;

        if (!s->failing && s->rec.attempts != 0) {
            if (o->note != NULL) {
                o->note(o->data, ACM_OUTBOX_UP, s->rec.name,
                        s->rec.attempts - s->counted, s->rec.last_error);
            }

            s->rec.attempts = 0;
            s->rec.not_before = 0;
            s->urgent = 1;
        }

        if (result == ACM_SINK_DELIVERED) {
            letter->state = ACM_LETTER_DELIVERED;
            s->rec.delivered++;
            s->rec.delivered_at = now;

        } else {
            acm_outbox_refuse(letter, why);
            acm_outbox_error(s, why, now);
            s->rec.dead += !s->redoing;
            s->urgent = 1;
        }
    }

    if (letter->lost) {
        acm_letter_free(letter);
    }
}


void
acm_outbox_untake(acm_outbox_t *o, size_t sink, acm_letter_t *letter)
{
    acm_outbox_sink_t  *s;

    s = o->sinks[sink];

    if (s->handed != 0) {
        s->handed--;
    }

    letter->state = ACM_LETTER_WAITING;

    if (letter->lost) {
        acm_letter_free(letter);
    }
}


void
acm_outbox_wait(acm_outbox_t *o, size_t sink, int64_t seconds, int64_t now)
{
    int64_t             at;
    acm_outbox_sink_t  *s;

    s = o->sinks[sink];

    if (seconds > ACM_SINK_MAX_WAIT) {
        seconds = ACM_SINK_MAX_WAIT;
    }

    at = acm_add_sat(now, seconds);

    if (seconds > 0 && at > s->rec.not_before) {
        s->rec.not_before = at;
        s->dirty = 1;
        s->urgent = 1;
    }
}


/* Without memory the text of before stays. */

static void
acm_outbox_error(acm_outbox_sink_t *s, const char *why, int64_t now)
{
    char       *copy;
    acm_err_t   err;

    acm_outbox_visible(why, &err);

    copy = acm_strdup(err.text);

    if (copy != NULL) {
        acm_free(s->rec.last_error);
        s->rec.last_error = copy;
    }

    s->rec.last_error_at = now;
}


static void
acm_outbox_refuse(acm_letter_t *letter, const char *why)
{
    acm_err_t  err;

    acm_outbox_visible(why, &err);

    letter->state = ACM_LETTER_REFUSED;
    acm_free(letter->why);
    letter->why = acm_strdup(err.text);
}


/* For logs and JSON: what a sink says may be anything. */

static void
acm_outbox_visible(const char *why, acm_err_t *err)
{
    char  *p;

    (void) acm_fail(err, ACM_OK, "%s", (why != NULL) ? why : "");

    for (p = err->text; *p != '\0'; p++) {
        if (*p < ' ' || *p >= 0x7f) {
            *p = '?';
        }
    }
}


size_t
acm_outbox_unwritten(const acm_outbox_t *o)
{
    size_t  i, j, n;

    n = 0;

    for (i = 0; i < o->n; i++) {

        if (o->sinks[i]->urgent) {
            return ACM_OUTBOX_WINDOW;
        }

        for (j = 0; j < o->sinks[i]->n; j++) {
            n += (o->sinks[i]->letters[j]->state >= ACM_LETTER_DELIVERED);
        }
    }

    return n;
}
