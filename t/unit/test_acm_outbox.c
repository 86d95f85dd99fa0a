
/*
 * Copyright (C) The ngx_acm authors
 *
 * Deliveries: in order, at least once, nothing lost or doubled but by a
 * crash; dead letters; the size of the outbox.
 */


#include "test.h"
#include "acm_outbox.h"


#define NOW     1800000000
#define DAY     86400
#define WEEK    (7 * DAY)
#define MOST    4096


/* what a sink has been given */

typedef struct {
    char       ids[MOST][ACM_UUID_LEN + 1];
    unsigned   times[MOST];
    size_t     n;
} seen_t;


typedef struct {
    acm_store_t   *store;
    char          *dir;
    acm_outbox_t  *o;
    char           made[MOST][ACM_UUID_LEN + 1];
    size_t         nmade;
    unsigned       notes[ACM_OUTBOX_FORGOTTEN + 1];
    seen_t         seen[4];
} fix_t;


static void
note(void *data, acm_outbox_note_e what, const char *sink, uint64_t n,
    const char *text)
{
    fix_t  *f = data;

    assert_non_null(sink);
    assert_non_null(text);

    f->notes[what] += (unsigned) n;
}


static fix_t *
fix_new(int lmdb)
{
    fix_t             *f;
    acm_err_t          err;
    acm_store_conf_t   conf;

    f = calloc(1, sizeof(fix_t));
    assert_non_null(f);

    memset(&conf, 0, sizeof(acm_store_conf_t));
    conf.create = 1;
    conf.map_size = 1ULL << 30;

    if (lmdb) {
        f->dir = test_mkdir();
        conf.path = f->dir;
        test_ok(acm_store_lmdb_open(&conf, &f->store, &err));

    } else {
        conf.path = "mem";
        test_ok(acm_store_mem_open(&conf, &f->store, &err));
    }

    return f;
}


static void
fix_free(fix_t *f)
{
    acm_outbox_free(f->o);
    acm_store_close(f->store);

    if (f->dir != NULL) {
        test_rmdir(f->dir);
    }

    free(f);
}


/* As after a crash: all that is in memory is gone. */

static void
fix_start(fix_t *f, size_t n, int64_t now)
{
    size_t              i;
    acm_err_t           err;
    acm_outbox_conf_t   conf;

    static const char *const  names[] = { "one", "two", "three", "four" };

    acm_outbox_free(f->o);

    f->o = acm_outbox_new(f->store, 7, note, f);
    assert_non_null(f->o);

    for (i = 0; i < n; i++) {
        memset(&conf, 0, sizeof(acm_outbox_conf_t));
        conf.name = names[i];
        test_ok(acm_outbox_add(f->o, &conf));
    }

    test_ok(acm_outbox_begin(f->o, now, &err));
}


static void
event_set(acm_event_t *e, acm_event_e kind, int64_t at)
{
    memset(e, 0, sizeof(acm_event_t));

    e->kind = kind;
    e->at = at;
    e->account = (char *) "123456789012";
    e->region = (char *) "us-east-1";
    e->resource = (char *) "arn:aws:acm:us-east-1:123456789012:certificate/x";
    e->detail = (char *) "{\"DaysToExpiry\":3}";
}


/* Makes n events of a kind, in batches of at most 100. */

static void
make_kind(fix_t *f, size_t n, acm_event_e kind, int64_t at)
{
    size_t       i;
    acm_err_t    err;
    acm_batch_t  batch;
    acm_event_t  e;

    while (n > 0) {
        acm_batch_init(&batch);

        for (i = 0; i < n && i < 1000; i++) {
            event_set(&e, kind, at);
            acm_event_put(&batch, &e);

            if (f->nmade < MOST) {
                memcpy(f->made[f->nmade++], e.id, ACM_UUID_LEN + 1);
            }
        }

        n -= i;

        test_ok(acm_store_commit(f->store, &batch, &err));
        acm_batch_free(&batch);
    }
}


static void
make(fix_t *f, size_t n, int64_t at)
{
    make_kind(f, n, ACM_EVENT_AVAILABLE, at);
}


static void
see(seen_t *s, const char *id)
{
    size_t  i;

    for (i = s->n; i > 0; i--) {
        if (strcmp(s->ids[i - 1], id) == 0) {
            s->times[i - 1]++;
            return;
        }
    }

    assert_true(s->n < MOST);
    memcpy(s->ids[s->n], id, ACM_UUID_LEN + 1);
    s->times[s->n++] = 1;
}


/* One attempt; returns how many letters there were. */

static size_t
try(fix_t *f, size_t sink, acm_sink_e result, int64_t now)
{
    size_t         i, n;
    acm_err_t      err;
    acm_letter_t  *letters[ACM_OUTBOX_WINDOW];

    test_ok(acm_outbox_take(f->o, sink, ACM_OUTBOX_WINDOW, now, letters, &n,
                            &err));

    for (i = 0; i < n; i++) {
        if (result == ACM_SINK_DELIVERED) {
            see(&f->seen[sink], letters[i]->event.id);
        }

        acm_outbox_done(f->o, sink, letters[i], result, "no\nway", now);
    }

    return n;
}


static size_t
drain(fix_t *f, size_t sink, acm_sink_e result, int64_t now)
{
    size_t     n, total;
    acm_err_t  err;

    total = 0;

    do {
        n = try(f, sink, result, now);
        total += n;

        if (acm_outbox_unwritten(f->o) >= ACM_OUTBOX_WINDOW) {
            test_ok(acm_outbox_flush(f->o, now, &err));
        }

    } while (n != 0);

    test_ok(acm_outbox_flush(f->o, now, &err));

    return total;
}


static void
sink_get(fix_t *f, const char *name, acm_sink_t *sink)
{
    acm_err_t    err;
    acm_snap_t  *snap;

    test_ok(acm_store_begin(f->store, &snap, &err));
    test_ok(acm_sink_get(snap, name, sink, NULL));
    acm_store_end(snap);
}


static size_t
count(fix_t *f, acm_db_e db)
{
    acm_err_t         err;
    acm_store_stat_t  stat;

    test_ok(acm_store_stat(f->store, &stat, &err));

    return (size_t) stat.entries[db];
}


/* All that was made from the nth on, once each, in order. */

static void
check_seen(fix_t *f, size_t sink, size_t from)
{
    size_t  i;

    assert_int_equal(f->seen[sink].n, f->nmade - from);

    for (i = 0; i < f->seen[sink].n; i++) {
        assert_string_equal(f->seen[sink].ids[i], f->made[from + i]);
        assert_int_equal(f->seen[sink].times[i], 1);
    }
}


static void
order(int lmdb)
{
    fix_t       *f;
    acm_sink_t   sink;

    f = fix_new(lmdb);

    make(f, 5, NOW);
    fix_start(f, 2, NOW);

    /* a new sink starts now */

    assert_int_equal(drain(f, 0, ACM_SINK_DELIVERED, NOW), 0);

    make(f, 150, NOW);
    assert_int_equal(drain(f, 0, ACM_SINK_DELIVERED, NOW), 150);
    assert_int_equal(drain(f, 0, ACM_SINK_DELIVERED, NOW), 0);
    check_seen(f, 0, 5);

    /* the other one has lost nothing, after a restart either */

    fix_start(f, 2, NOW);
    assert_int_equal(drain(f, 0, ACM_SINK_DELIVERED, NOW), 0);
    assert_int_equal(drain(f, 1, ACM_SINK_DELIVERED, NOW), 150);
    check_seen(f, 1, 5);

    sink_get(f, "one", &sink);
    assert_int_equal(sink.delivered, 150);
    assert_int_equal(sink.delivered_at, NOW);
    assert_int_equal(sink.attempts, 0);
    acm_sink_free(&sink);

    fix_free(f);
}


static void
test_order(void **state)
{
    (void) state;
    order(0);
    order(1);
}


/* Two days without it, restarts in between: nothing lost, nothing doubled,
   and the other sink does not wait. */

static void
test_down(void **state)
{
    fix_t      *f;
    int64_t     now;
    size_t      tries, i;
    acm_err_t   err;
    acm_sink_t  sink;

    (void) state;

    f = fix_new(0);
    fix_start(f, 2, NOW);
    tries = 0;

    for (now = NOW; now < NOW + 2 * DAY; now += 30) {

        if ((now - NOW) % 600 == 0) {
            make(f, 3, now);
        }

        if ((now - NOW) % 7200 == 0) {
            test_ok(acm_outbox_flush(f->o, now, &err));
            fix_start(f, 2, now);
        }

        tries += (try(f, 0, ACM_SINK_FAILED, now) != 0);
        test_ok(acm_outbox_flush(f->o, now, &err));

        (void) drain(f, 1, ACM_SINK_DELIVERED, now);
        assert_int_equal(f->seen[1].n, f->nmade);
    }

    /* with its longest wait, 15 minutes and half of that by chance */

    assert_in_range(tries, 2 * DAY / 900 - 1, 2 * DAY / 450 + 20);
    assert_int_equal(f->notes[ACM_OUTBOX_DOWN], 1);
    assert_int_equal(f->notes[ACM_OUTBOX_DEAD], 0);

    sink_get(f, "one", &sink);
    assert_int_equal(sink.attempts, tries);
    assert_string_equal(sink.last_error, "no?way");
    assert_true(sink.not_before > now - 900);
    acm_sink_free(&sink);

    for (i = 0; i < 1000; i++) {
        now += 1;
        (void) drain(f, 0, ACM_SINK_DELIVERED, now);
    }

    check_seen(f, 0, 0);
    check_seen(f, 1, 0);
    assert_int_equal(f->notes[ACM_OUTBOX_UP], tries);

    fix_free(f);
}


/* A crash after each number of deliveries and before each commit. */

static void
test_crash(void **state)
{
    fix_t      *f;
    size_t      stop, i, n, doubled;
    acm_err_t   err;
    acm_letter_t  *letters[ACM_OUTBOX_WINDOW];

    (void) state;

    for (stop = 0; stop < 140; stop++) {
        f = fix_new(0);
        fix_start(f, 1, NOW);
        make(f, 130, NOW);

        for (i = 0; i < stop; i++) {
            test_ok(acm_outbox_take(f->o, 0, 1, NOW, letters, &n, &err));

            if (n == 0) {
                break;
            }

            see(&f->seen[0], letters[0]->event.id);
            acm_outbox_done(f->o, 0, letters[0], ACM_SINK_DELIVERED, NULL,
                            NOW);
        }

        if (stop % 3 == 0) {
            test_ok(acm_outbox_flush(f->o, NOW, &err));
        }

        fix_start(f, 1, NOW);
        (void) drain(f, 0, ACM_SINK_DELIVERED, NOW);

        assert_int_equal(f->seen[0].n, 130);
        doubled = 0;

        for (i = 0; i < 130; i++) {
            assert_string_equal(f->seen[0].ids[i], f->made[i]);
            doubled += (f->seen[0].times[i] != 1);
            assert_true(f->seen[0].times[i] <= 2);
        }

        assert_true(doubled <= ACM_OUTBOX_WINDOW);

        if (stop % 3 == 0) {
            assert_int_equal(doubled, 0);
        }

        fix_free(f);
    }
}


/* An attempt of a sink that has failed is counted before it is made. */

static void
test_counted(void **state)
{
    size_t         n;
    fix_t         *f;
    acm_err_t      err;
    acm_sink_t     sink;
    acm_letter_t  *letters[4];

    (void) state;

    f = fix_new(0);
    fix_start(f, 1, NOW);
    make(f, 2, NOW);

    (void) try(f, 0, ACM_SINK_FAILED, NOW);
    test_ok(acm_outbox_flush(f->o, NOW, &err));

    test_ok(acm_outbox_take(f->o, 0, 1, NOW, letters, &n, &err));
    assert_int_equal(n, 0);

    test_ok(acm_outbox_take(f->o, 0, 1, NOW + 2, letters, &n, &err));
    assert_int_equal(n, 1);

    sink_get(f, "one", &sink);
    assert_int_equal(sink.attempts, 2);
    assert_true(sink.not_before > NOW + 2);
    acm_sink_free(&sink);

    acm_outbox_untake(f->o, 0, letters[0]);

    /* the sink asks for a pause, but not for ever */

    acm_outbox_wait(f->o, 0, 7 * DAY, NOW + 2);
    test_ok(acm_outbox_take(f->o, 0, 1, NOW + 1 + ACM_SINK_MAX_WAIT, letters,
                            &n, &err));
    assert_int_equal(n, 0);
    test_ok(acm_outbox_take(f->o, 0, 1, NOW + 2 + ACM_SINK_MAX_WAIT, letters,
                            &n, &err));
    assert_int_equal(n, 1);
    acm_outbox_done(f->o, 0, letters[0], ACM_SINK_DELIVERED, NULL, NOW);

    fix_free(f);
}


/* A part of an attempt may fail: the rest is not sent again. */

static void
test_part(void **state)
{
    size_t         i, n;
    fix_t         *f;
    acm_err_t      err;
    acm_letter_t  *letters[10];

    (void) state;

    f = fix_new(0);
    fix_start(f, 1, NOW);
    make(f, 10, NOW);

    test_ok(acm_outbox_take(f->o, 0, 10, NOW, letters, &n, &err));
    assert_int_equal(n, 10);

    for (i = 0; i < n; i++) {
        acm_outbox_done(f->o, 0, letters[i],
                        (i == 3) ? ACM_SINK_FAILED : ACM_SINK_DELIVERED, "x",
                        NOW);
    }

    test_ok(acm_outbox_flush(f->o, NOW, &err));
    test_ok(acm_outbox_take(f->o, 0, 10, NOW + 2, letters, &n, &err));
    assert_int_equal(n, 1);
    assert_string_equal(letters[0]->event.id, f->made[3]);
    acm_outbox_done(f->o, 0, letters[0], ACM_SINK_DELIVERED, NULL, NOW + 2);

    assert_int_equal(drain(f, 0, ACM_SINK_DELIVERED, NOW + 2), 0);

    fix_free(f);
}


static void
test_dead(void **state)
{
    fix_t       *f;
    size_t       i;
    acm_err_t    err;
    acm_sink_t   sink;

    (void) state;

    f = fix_new(0);
    fix_start(f, 2, NOW);

    /* to the limit, and one past it */

    make(f, ACM_MAX_DEAD, NOW);
    assert_int_equal(drain(f, 0, ACM_SINK_REFUSED, NOW), ACM_MAX_DEAD);
    assert_int_equal(count(f, ACM_DB_DEAD), ACM_MAX_DEAD);
    assert_int_equal(f->notes[ACM_OUTBOX_DROPPED], 0);

    make(f, 1, NOW);
    assert_int_equal(drain(f, 0, ACM_SINK_REFUSED, NOW), 1);
    assert_int_equal(count(f, ACM_DB_DEAD), ACM_MAX_DEAD);
    assert_int_equal(f->notes[ACM_OUTBOX_DROPPED], 1);
    assert_int_equal(f->notes[ACM_OUTBOX_DEAD], ACM_MAX_DEAD + 1);

    sink_get(f, "one", &sink);
    assert_int_equal(sink.dead, ACM_MAX_DEAD + 1);
    assert_int_equal(sink.ndead, ACM_MAX_DEAD);
    assert_int_equal(sink.dropped, 1);
    acm_sink_free(&sink);

    /* asked for again: half of them is taken now */

    assert_int_equal(acm_outbox_replay(f->store, "six", NULL, &err),
                     ACM_NOTFOUND);
    test_ok(acm_outbox_replay(f->store, "one", NULL, &err));

    for (i = 0; i < 5; i++) {
        (void) try(f, 0, ACM_SINK_DELIVERED, NOW + 10 * DAY);
    }

    assert_int_equal(f->seen[0].n, 5 * ACM_OUTBOX_WINDOW);
    assert_string_equal(f->seen[0].ids[0], f->made[1]);

    (void) drain(f, 0, ACM_SINK_REFUSED, NOW);
    assert_int_equal(count(f, ACM_DB_DEAD),
                     ACM_MAX_DEAD - 5 * ACM_OUTBOX_WINDOW);

    sink_get(f, "one", &sink);
    assert_int_equal(sink.ndead, ACM_MAX_DEAD - 5 * ACM_OUTBOX_WINDOW);
    assert_int_equal(sink.redo_to, 0);
    acm_sink_free(&sink);

    /* the outbox goes on */

    make(f, 3, NOW);
    assert_int_equal(drain(f, 0, ACM_SINK_DELIVERED, NOW), 3);

    fix_free(f);
}


static void
test_expire(void **state)
{
    fix_t  *f;

    (void) state;

    f = fix_new(0);
    fix_start(f, 1, NOW);

    make(f, 70, NOW);
    make(f, 70, NOW + 2 * DAY);

    assert_int_equal(drain(f, 0, ACM_SINK_DELIVERED, NOW + WEEK), 70);
    assert_int_equal(f->notes[ACM_OUTBOX_DEAD], 70);
    assert_int_equal(count(f, ACM_DB_DEAD), 70);
    assert_string_equal(f->seen[0].ids[0], f->made[70]);

    fix_free(f);
}


static void
test_filter(void **state)
{
    fix_t              *f;
    acm_err_t           err;
    acm_outbox_conf_t   conf;

    (void) state;

    f = fix_new(0);

    f->o = acm_outbox_new(f->store, 7, note, f);
    memset(&conf, 0, sizeof(acm_outbox_conf_t));
    conf.name = "one";
    conf.kinds = 1u << ACM_EVENT_EXPIRED;
    test_ok(acm_outbox_add(f->o, &conf));
    assert_int_equal(acm_outbox_add(f->o, &conf), ACM_CONFLICT);
    conf.name = "";
    assert_int_equal(acm_outbox_add(f->o, &conf), ACM_INVALID);
    test_ok(acm_outbox_begin(f->o, NOW, &err));

    make(f, 3000, NOW);
    make_kind(f, 2, ACM_EVENT_EXPIRED, NOW);
    make(f, 10, NOW);

    /* a walk ends after a while, for others' sake */

    assert_int_equal(try(f, 0, ACM_SINK_DELIVERED, NOW), 0);
    assert_int_equal(try(f, 0, ACM_SINK_DELIVERED, NOW), 0);
    assert_int_equal(try(f, 0, ACM_SINK_DELIVERED, NOW), 2);
    assert_int_equal(drain(f, 0, ACM_SINK_DELIVERED, NOW), 0);

    fix_free(f);
}


static void
tidy(fix_t *f, int64_t now)
{
    int        more;
    acm_err_t  err;

    do {
        test_ok(acm_outbox_tidy(f->o, now, &more, &err));
    } while (more);
}


static void
test_tidy(void **state)
{
    fix_t       *f;
    acm_err_t    err;
    acm_snap_t  *snap;
    acm_sink_t   sink;

    (void) state;

    f = fix_new(0);
    fix_start(f, 0, NOW);

    /* nobody wants them: the last ones stay */

    make(f, ACM_OUTBOX_KEEP + ACM_OUTBOX_SLACK, NOW);
    tidy(f, NOW);
    assert_int_equal(count(f, ACM_DB_EVENT),
                     ACM_OUTBOX_KEEP + ACM_OUTBOX_SLACK);
    make(f, 1, NOW);
    tidy(f, NOW);
    assert_int_equal(count(f, ACM_DB_EVENT), ACM_OUTBOX_KEEP);

    /* one is slow, one is removed */

    fix_start(f, 2, NOW);
    make(f, 600, NOW);
    (void) drain(f, 0, ACM_SINK_DELIVERED, NOW);
    tidy(f, NOW);
    assert_int_equal(count(f, ACM_DB_EVENT), ACM_OUTBOX_KEEP);
    make(f, 1000, NOW);
    (void) drain(f, 0, ACM_SINK_DELIVERED, NOW);
    tidy(f, NOW);
    assert_int_equal(count(f, ACM_DB_EVENT), 1600);

    fix_start(f, 1, NOW + 29 * DAY);
    tidy(f, NOW + ACM_SINK_FORGET);
    assert_int_equal(count(f, ACM_DB_EVENT), 1600);
    assert_int_equal(count(f, ACM_DB_SINK), 2);

    tidy(f, NOW + ACM_SINK_FORGET + 1);
    assert_int_equal(count(f, ACM_DB_SINK), 1);
    assert_int_equal(count(f, ACM_DB_EVENT), ACM_OUTBOX_KEEP);
    assert_int_equal(f->notes[ACM_OUTBOX_FORGOTTEN], 0);

    /* from an event on again */

    test_ok(acm_outbox_replay(f->store, "one", f->made[f->nmade - 5], &err));
    assert_int_equal(acm_outbox_replay(f->store, "one", "x", &err),
                     ACM_NOTFOUND);

    memset(&f->seen[0], 0, sizeof(seen_t));
    assert_int_equal(drain(f, 0, ACM_SINK_DELIVERED, NOW), 5);
    check_seen(f, 0, f->nmade - 5);

    test_ok(acm_store_begin(f->store, &snap, &err));
    test_ok(acm_sink_get(snap, "one", &sink, NULL));
    assert_int_equal(acm_outbox_backlog(snap, (uint64_t) sink.acked), 0);
    assert_int_equal(acm_outbox_backlog(snap, 0), ACM_OUTBOX_KEEP);
    acm_sink_free(&sink);
    acm_store_end(snap);

    fix_free(f);
}


/* A dead sink does not fill the store. */

static void
test_overflow(void **state)
{
    fix_t       *f;
    acm_sink_t   sink;

    (void) state;

    f = fix_new(0);
    fix_start(f, 2, NOW);

    make(f, ACM_MAX_OUTBOX, NOW);
    (void) try(f, 0, ACM_SINK_FAILED, NOW);
    tidy(f, NOW);
    assert_int_equal(count(f, ACM_DB_EVENT), ACM_MAX_OUTBOX);

    make(f, 50, NOW);
    tidy(f, NOW);
    assert_int_equal(count(f, ACM_DB_EVENT), ACM_MAX_OUTBOX);
    assert_int_equal(count(f, ACM_DB_DEAD), 100);
    assert_int_equal(f->notes[ACM_OUTBOX_OVERFLOW], 100);

    sink_get(f, "one", &sink);
    assert_int_equal(sink.ndead, 50);
    assert_int_equal(sink.dead, 50);
    acm_sink_free(&sink);

    assert_int_equal(try(f, 0, ACM_SINK_DELIVERED, NOW + 2),
                     ACM_OUTBOX_WINDOW);
    assert_string_equal(f->seen[0].ids[0], f->made[50]);

    make(f, 1000, NOW);
    tidy(f, NOW);
    assert_int_equal(count(f, ACM_DB_EVENT), ACM_MAX_OUTBOX);

    sink_get(f, "two", &sink);
    assert_int_equal(sink.ndead, ACM_MAX_DEAD);
    assert_int_equal(sink.dropped, 50);
    acm_sink_free(&sink);

    fix_free(f);
}


static void
test_names(void **state)
{
    char                name[ACM_MAX_SINK_NAME + 2];
    int                 i;
    fix_t              *f;
    acm_outbox_conf_t   conf;

    (void) state;

    f = fix_new(0);
    f->o = acm_outbox_new(f->store, 1, NULL, NULL);
    memset(&conf, 0, sizeof(acm_outbox_conf_t));
    conf.name = name;

    memset(name, 'a', sizeof(name));
    name[ACM_MAX_SINK_NAME + 1] = '\0';
    assert_int_equal(acm_outbox_add(f->o, &conf), ACM_INVALID);
    name[ACM_MAX_SINK_NAME] = '\0';
    test_ok(acm_outbox_add(f->o, &conf));

    for (i = 1; i < ACM_MAX_SINKS; i++) {
        snprintf(name, sizeof(name), "%d", i);
        test_ok(acm_outbox_add(f->o, &conf));
    }

    snprintf(name, sizeof(name), "%d", i);
    assert_int_equal(acm_outbox_add(f->o, &conf), ACM_TOOBIG);

    fix_free(f);
}


/* Without memory, whenever: nothing is lost, nothing doubled. */

static void
test_memory(void **state)
{
    int             more;
    fix_t          *f;
    size_t          i, j, n;
    acm_err_t       err;
    acm_letter_t   *letters[10];
    unsigned long   at;

    (void) state;

    for (at = 1; at < 400; at++) {
        f = fix_new(0);
        fix_start(f, 2, NOW);
        make(f, 20, NOW);

        acm_alloc_fail_at(at);

        for (i = 0; i < 6; i++) {
            n = 0;
            (void) acm_outbox_take(f->o, 0, 10, NOW, letters, &n, &err);

            for (j = 0; j < n; j++) {
                see(&f->seen[0], letters[j]->event.id);
                acm_outbox_done(f->o, 0, letters[j],
                                (j % 4 == 3) ? ACM_SINK_REFUSED
                                             : ACM_SINK_DELIVERED, "x", NOW);
            }

            (void) acm_outbox_flush(f->o, NOW, &err);
            (void) acm_outbox_tidy(f->o, NOW, &more, &err);
        }

        more = (acm_alloc_fail_at(0) != 0);

        (void) drain(f, 0, ACM_SINK_DELIVERED, NOW);
        check_seen(f, 0, 0);
        fix_free(f);

        if (more) {
            break;
        }
    }

    assert_in_range(at, 20, 399);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_down),
        cmocka_unit_test(test_crash),
        cmocka_unit_test(test_counted),
        cmocka_unit_test(test_part),
        cmocka_unit_test(test_dead),
        cmocka_unit_test(test_expire),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_tidy),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_memory)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
