
/*
 * Copyright (C) The ngx_acm authors
 *
 * A damaged record is passed over: it holds up nothing else, and what it might
 * have said is not taken as lost.
 */


#include "acm_outbox.h"
#include "acm_quota.h"
#include "acm_state.h"
#include "acm_sweep.h"
#include "acm_used.h"
#include "test_watch.h"


static unsigned  test_notes[ACM_OUTBOX_DAMAGED + 1];


static void
test_note(void *data, acm_outbox_note_e what, const char *sink, uint64_t n,
    const char *text)
{
    (void) data;
    (void) n;

    assert_non_null(sink);
    assert_non_null(text);

    test_notes[what]++;
}


/* A watch over a store on disk. */

static char *
test_disk(test_t *t)
{
    char  *dir;

    test_start(t);
    acm_store_close(t->store);

    dir = test_mkdir();
    t->store = test_open_at(dir, 64 << 20);
    assert_non_null(t->store);
    t->watch.store = t->store;
    t->watch.account = "123456789012";
    t->watch.region = "us-east-1";

    memset(test_notes, 0, sizeof(test_notes));

    return dir;
}


static void
test_end(test_t *t, char *dir)
{
    acm_store_close(t->store);
    test_rmdir(dir);
}


static void
test_events(test_t *t, unsigned n, int64_t now)
{
    acm_event_t  e;
    acm_batch_t  batch;

    acm_batch_init(&batch);

    while (n-- != 0) {
        memset(&e, 0, sizeof(e));
        e.kind = ACM_EVENT_AVAILABLE;
        e.at = now;
        e.account = (char *) "123456789012";
        e.region = (char *) "us-east-1";
        e.resource = (char *) "";
        e.detail = (char *) "{}";
        acm_event_put(&batch, &e);
    }

    test_ok(acm_store_commit(t->store, &batch, NULL));
    acm_batch_free(&batch);
}


static acm_outbox_t *
test_outbox(test_t *t, size_t n, int64_t now)
{
    size_t              i;
    acm_outbox_t       *o;
    acm_outbox_conf_t   conf;

    static const char *const  names[] = { "one", "two" };

    o = acm_outbox_new(t->store, 7, test_note, NULL);
    assert_non_null(o);

    for (i = 0; i < n; i++) {
        memset(&conf, 0, sizeof(conf));
        conf.name = names[i];
        test_ok(acm_outbox_add(o, &conf));
    }

    test_ok(acm_outbox_begin(o, now, NULL));

    return o;
}


/* How many letters a sink gets; refused: none of them is of use. */

static size_t
test_deliver(acm_outbox_t *o, size_t sink, acm_sink_e result, int64_t now)
{
    size_t         i, n, all;
    acm_letter_t  *letters[ACM_OUTBOX_WINDOW];

    all = 0;

    do {
        test_ok(acm_outbox_take(o, sink, ACM_OUTBOX_WINDOW, now, letters, &n,
                                NULL));

        for (i = 0; i < n; i++) {
            acm_outbox_done(o, sink, letters[i], result, "no", now);
        }

        test_ok(acm_outbox_flush(o, now, NULL));
        all += n;

    } while (n != 0);

    return all;
}


static void
test_sink(test_t *t, const char *name, acm_sink_t *sink)
{
    acm_snap_t  *snap;

    test_ok(acm_store_begin(t->store, &snap, NULL));
    test_ok(acm_sink_get(snap, name, sink, NULL));
    acm_store_end(snap);
}


/* The record of a sink: the others go on, and so does it. */

static void
test_sinks(void **state)
{
    char          *dir;
    test_t         t;
    acm_sink_t     sink;
    acm_outbox_t  *o;

    (void) state;

    dir = test_disk(&t);
    o = test_outbox(&t, 2, START);

    test_events(&t, 3, START);
    assert_int_equal(test_deliver(o, 0, ACM_SINK_REFUSED, START), 3);
    test_events(&t, 4, START);
    assert_int_equal(test_deliver(o, 0, ACM_SINK_DELIVERED, START), 4);

    /* it is known how far it was: nothing comes twice */

    test_spoil(t.store, ACM_DB_SINK, "one", 3);
    test_events(&t, 1, START);
    assert_int_equal(test_deliver(o, 1, ACM_SINK_DELIVERED, START), 8);
    assert_int_equal(test_deliver(o, 0, ACM_SINK_DELIVERED, START), 1);
    assert_int_equal(test_notes[ACM_OUTBOX_DAMAGED], 1);

    test_sink(&t, "one", &sink);
    assert_int_equal(sink.delivered, 5);
    assert_int_equal(sink.ndead, 3);
    acm_sink_free(&sink);

    /* a write is the first to meet it */

    test_events(&t, 1, START);
    assert_int_equal(test_deliver(o, 0, ACM_SINK_DELIVERED, START), 1);
    test_spoil(t.store, ACM_DB_SINK, "one", 3);
    acm_outbox_wait(o, 0, 5, START);
    assert_int_equal(acm_outbox_flush(o, START, NULL), ACM_CORRUPT);
    test_ok(acm_outbox_flush(o, START, NULL));
    test_sink(&t, "one", &sink);
    assert_int_equal(sink.not_before, START + 5);
    acm_sink_free(&sink);

    /* it is not known: nothing is lost */

    acm_outbox_free(o);
    test_spoil(t.store, ACM_DB_SINK, "one", 3);
    test_events(&t, 1, START);
    o = test_outbox(&t, 2, START);
    assert_int_equal(test_deliver(o, 1, ACM_SINK_DELIVERED, START), 2);
    assert_int_equal(test_deliver(o, 0, ACM_SINK_DELIVERED, START), 10);
    assert_int_equal(test_notes[ACM_OUTBOX_DAMAGED], 3);

    test_sink(&t, "one", &sink);
    assert_string_equal(sink.name, "one");
    assert_int_equal(sink.ndead, 3);
    acm_sink_free(&sink);

    acm_outbox_free(o);
    test_end(&t, dir);
}


static uint64_t
test_count(test_t *t, acm_db_e db)
{
    acm_store_stat_t  st;

    test_ok(acm_store_stat(t->store, &st, NULL));

    return st.entries[db];
}


static void
test_tidy(acm_outbox_t *o, int64_t now)
{
    int        more;
    acm_err_t  err;

    do {
        test_ok(acm_outbox_tidy(o, now, &more, &err));
    } while (more);
}


/* That of a sink which was removed: events are tidied, and kept for as long as
   for any other. */

static void
test_removed(void **state)
{
    char          *dir;
    test_t         t;
    acm_outbox_t  *o;

    (void) state;

    dir = test_disk(&t);
    acm_outbox_free(test_outbox(&t, 2, START));
    test_events(&t, ACM_OUTBOX_KEEP + ACM_OUTBOX_SLACK + 1, START);

    test_spoil(t.store, ACM_DB_SINK, "two", 3);
    o = test_outbox(&t, 1, START + 40 * DAY);
    (void) test_deliver(o, 0, ACM_SINK_DELIVERED, START);

    test_tidy(o, START + 40 * DAY);
    assert_int_equal(test_notes[ACM_OUTBOX_DAMAGED], 1);
    assert_int_equal(test_count(&t, ACM_DB_EVENT),
                     ACM_OUTBOX_KEEP + ACM_OUTBOX_SLACK + 1);

    test_tidy(o, START + 40 * DAY + ACM_SINK_FORGET + 1);
    assert_int_equal(test_count(&t, ACM_DB_EVENT), ACM_OUTBOX_KEEP);
    assert_int_equal(test_count(&t, ACM_DB_SINK), 1);
    assert_int_equal(test_notes[ACM_OUTBOX_DAMAGED], 1);

    acm_outbox_free(o);
    test_end(&t, dir);
}


static void
test_put_material(test_t *t, const char *uuid, uint32_t version, int hash)
{
    size_t           len;
    uint8_t          key[ACM_MAX_STORE_KEY];
    acm_buf_t        buf;
    acm_batch_t      batch;
    acm_material_t   m;

    memset(&m, 0, sizeof(m));

    m.account = (char *) "123456789012";
    m.region = (char *) "us-east-1";
    m.key = ACM_KEY_EC_P256;
    m.leaf.data = (uint8_t *) "leaf";
    m.leaf.len = 4;
    m.sealed = m.leaf;
    m.nchain = 1;
    memset(m.chain[0], hash, ACM_HASH_LEN);

    acm_buf_init(&buf, 1024);
    test_ok(acm_material_encode(&m, &buf));
    len = acm_material_key(key, uuid, version);

    acm_batch_init(&batch);
    acm_batch_put(&batch, ACM_DB_MATERIAL, key, len, buf.data, buf.len);
    acm_batch_put(&batch, ACM_DB_CHAIN, m.chain[0], ACM_HASH_LEN, "chain", 5);
    test_ok(acm_store_commit(t->store, &batch, NULL));

    acm_batch_free(&batch);
    acm_buf_free(&buf);
}


static const char  test_uuid[] = "00000000-0000-4000-8000-000000000000";


/* Material: what it refers to stays, what nothing refers to goes; and another
   version says whose it is. */

static void
test_material(void **state)
{
    int            more;
    char          *dir;
    size_t         len;
    test_t         t;
    uint8_t        key[ACM_MAX_STORE_KEY], hash[ACM_HASH_LEN];
    acm_ref_t      ref;
    acm_err_t      err;
    acm_snap_t    *snap;
    acm_batch_t    batch;
    acm_entry_t    e;
    acm_sweep_t    sweep;

    (void) state;

    dir = test_disk(&t);
    test_put_material(&t, test_uuid, 1, 1);
    test_put_material(&t, test_uuid, 2, 2);

    /* a value that is damaged, and one that is whole and no material */

    memset(hash, 4, sizeof(hash));
    acm_batch_init(&batch);
    acm_batch_put(&batch, ACM_DB_MATERIAL, "key", 3, hash, sizeof(hash));
    acm_batch_put(&batch, ACM_DB_CHAIN, hash, sizeof(hash), "chain", 5);
    memset(hash, 3, sizeof(hash));
    acm_batch_put(&batch, ACM_DB_CHAIN, hash, sizeof(hash), "chain", 5);
    test_ok(acm_store_commit(t.store, &batch, NULL));
    acm_batch_free(&batch);

    len = acm_material_key(key, test_uuid, 1);
    test_spoil(t.store, ACM_DB_MATERIAL, key, len);

    memset(&sweep, 0, sizeof(sweep));

    do {
        test_ok(acm_sweep_step(&sweep, t.store, &more, &err));
    } while (more);

    assert_int_equal(sweep.removed, 1);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    assert_int_equal(acm_store_get(snap, ACM_DB_CHAIN, hash, ACM_HASH_LEN,
                                   &e), ACM_NOTFOUND);
    test_ok(acm_used_owner(snap, test_uuid, &ref));
    assert_string_equal(ref.region, "us-east-1");
    acm_store_end(snap);

    len = acm_material_key(key, test_uuid, 2);
    test_spoil(t.store, ACM_DB_MATERIAL, key, len);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    assert_int_equal(acm_used_owner(snap, test_uuid, &ref), ACM_CORRUPT);
    acm_store_end(snap);

    test_end(&t, dir);
}


static unsigned  test_alarms;


static void
test_alarm(void *data, const char *kind, const char *name, const char *text)
{
    (void) data;
    (void) name;
    (void) text;

    test_alarms += (strcmp(kind, "event sink") == 0);
}


/* What was told of, the first event that a sink waits for, and another sink:
   it is told of all the same. */

static void
test_told(void **state)
{
    char           key[64], *dir;
    test_t         t;
    int64_t        now;
    acm_err_t      err;
    acm_snap_t    *snap;
    acm_entry_t    e;
    acm_static_t   s;
    acm_outbox_t  *o;

    (void) state;

    dir = test_disk(&t);
    t.watch.alarm = test_alarm;
    test_alarms = 0;
    now = START + ACM_WATCH_SINK + 60;

    memset(&s, 0, sizeof(s));
    memset(s.hash, 7, sizeof(s.hash));
    s.name = "www.example.com";
    s.resource = "/etc/nginx/www.pem";
    s.not_before = now - 90 * DAY;
    s.not_after = now + DAY;
    t.watch.statics = &s;
    t.watch.nstatics = 1;

    o = test_outbox(&t, 2, START);
    test_events(&t, 2, START);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_store_seek(snap, ACM_DB_EVENT, NULL, 0, &e));
    memcpy(key, e.key, e.key_len);
    acm_store_end(snap);

    test_spoil(t.store, ACM_DB_EVENT, key, ACM_NUMBER_LEN);
    test_spoil(t.store, ACM_DB_SINK, "one", 3);
    (void) test_deliver(o, 1, ACM_SINK_FAILED, now);
    test_spoil(t.store, ACM_DB_SINK, "one", 3);

    test_ok(acm_watch_alarms(&t.watch, now, &err));
    assert_int_equal(test_alarms, 1);
    test_ok(acm_watch_alarms(&t.watch, now, &err));
    assert_int_equal(test_alarms, 1);

    test_spoil(t.store, ACM_DB_META, "sink two", 8);
    memcpy(key, "static ", 7);
    memset(key + 7, 7, ACM_HASH_LEN);
    test_spoil(t.store, ACM_DB_META, key, 7 + ACM_HASH_LEN);
    test_ok(acm_watch_alarms(&t.watch, now, &err));
    assert_int_equal(test_alarms, 2);

    /* one that is not configured any more, damaged or not */

    test_spoil(t.store, ACM_DB_META, key, 7 + ACM_HASH_LEN);
    t.watch.nstatics = 0;
    test_ok(acm_watch_alarms(&t.watch, now, &err));

    test_ok(acm_store_begin(t.store, &snap, NULL));
    assert_int_equal(acm_store_get(snap, ACM_DB_META, key, 7 + ACM_HASH_LEN,
                                   &e), ACM_NOTFOUND);
    acm_store_end(snap);

    acm_outbox_free(o);
    test_end(&t, dir);
}


#define TEST_SLICE  256          /* of a patrol, see acm_watch_tick.c */


/* The first entry of a slice of an index: the patrol does not begin anew. */

static void
test_patrol(void **state)
{
    char         uuid[ACM_UUID_LEN + 1], *dir;
    size_t       len;
    test_t       t;
    uint8_t      key[ACM_MAX_STORE_KEY];
    unsigned     i;
    acm_batch_t  batch;

    (void) state;

    dir = test_disk(&t);
    acm_batch_init(&batch);

    for (i = 0; i <= TEST_SLICE + 1; i++) {
        snprintf(uuid, sizeof(uuid), "00000000-0000-4000-8000-%012x", i);
        len = acm_time_key(key, START, uuid);
        acm_batch_put(&batch, ACM_DB_EXPIRY, key, len, "x", 1);
        acm_batch_put(&batch, ACM_DB_STATE, uuid, ACM_UUID_LEN, "x", 1);
    }

    test_ok(acm_store_commit(t.store, &batch, NULL));
    acm_batch_free(&batch);

    snprintf(uuid, sizeof(uuid), "00000000-0000-4000-8000-%012x", TEST_SLICE);
    len = acm_time_key(key, START, uuid);
    test_spoil(t.store, ACM_DB_EXPIRY, key, len);
    test_spoil(t.store, ACM_DB_STATE, uuid, ACM_UUID_LEN);

    (void) test_run(&t, START);
    assert_int_equal(t.watch.patrol_len, len);
    assert_memory_equal(t.watch.patrol, key, len);
    assert_int_equal(t.watch.endless_len, ACM_UUID_LEN);
    assert_memory_equal(t.watch.endless, uuid, ACM_UUID_LEN);

    (void) test_run(&t, START + 3600);
    assert_int_equal(t.watch.patrol_len, 0);
    assert_int_equal(t.watch.endless_len, 0);

    test_end(&t, dir);
}


/* What brings a certificate forward, and by what name it is served: the patrol
   writes it anew. */

static void
test_indices(void **state)
{
    char         *dir;
    size_t        i;
    test_t        t;
    acm_cert_t    c;
    acm_snap_t   *snap;
    acm_entry_t   e;

    struct {
        acm_db_e   db;
        uint8_t    key[ACM_MAX_STORE_KEY];
        size_t     len;
    } index[6];

    (void) state;

    dir = test_disk(&t);
    (void) test_run(&t, START);

    test_issued(&c, 90 * DAY, START);
    c.ocsp_at = START + DAY;
    test_store(&t, &c, START);
    test_put_material(&t, c.uuid, 1, 7);

    acm_watch_look(&c, &t.ladder, START);

    memset(index, 0, sizeof(index));
    index[0].db = ACM_DB_DUE;
    index[0].len = acm_due_key(index[0].key, c.due_at, c.due, c.uuid);
    index[1].db = ACM_DB_WATCH;
    index[1].len = acm_time_key(index[1].key, c.watch_at, c.uuid);
    index[2].db = ACM_DB_OCSP;
    index[2].len = acm_time_key(index[2].key, c.ocsp_at, c.uuid);
    index[3].db = ACM_DB_CREATED;
    index[3].len = acm_created_key(index[3].key, c.account, c.region,
                                   c.created_at, c.uuid);
    index[5].db = ACM_DB_NAME;
    index[5].len = acm_name_key(index[5].key, "example.com", c.key, c.uuid);
    index[4].db = ACM_DB_EXPIRY;
    index[4].len = acm_time_key(index[4].key, c.not_after, c.uuid);

    for (i = 0; i < 6; i++) {

        /* and with the index that the patrol follows */

        test_spoil(t.store, index[i].db, index[i].key, index[i].len);

        if (index[i].db != ACM_DB_EXPIRY) {
            test_spoil(t.store, ACM_DB_EXPIRY, index[4].key, index[4].len);
        }

        (void) test_run(&t, START + 600 * (int64_t) (i + 1));
        (void) test_run(&t, START + 600 * (int64_t) (i + 1) + 61);

        test_ok(acm_store_begin(t.store, &snap, NULL));
        test_ok(acm_store_get(snap, index[i].db, index[i].key, index[i].len,
                              &e));
        test_ok(acm_store_get(snap, ACM_DB_EXPIRY, index[4].key,
                              index[4].len, &e));
        acm_store_end(snap);
    }

    test_end(&t, dir);
}


/* What is served: it is renewed at once, but not before its CA lets it; and of
   those with a chain in common one is. */

static void
test_broken(void **state)
{
    char          uuid[ACM_UUID_LEN + 1], *dir;
    size_t        len;
    test_t        t;
    uint8_t       key[ACM_MAX_STORE_KEY], hash[ACM_HASH_LEN];
    int64_t       now;
    unsigned      i, n, due;
    acm_cert_t    c, found;
    acm_snap_t   *snap;

    (void) state;

    dir = test_disk(&t);
    (void) test_run(&t, START);

    for (i = 0; i < 5; i++) {
        test_issued(&c, 90 * DAY, START);
        snprintf(uuid, sizeof(uuid), "00000000-0000-4000-8000-%012x", i);
        memcpy(c.uuid, uuid, sizeof(uuid));

        if (i == 1) {
            c.due_at = START + DAY;          /* it has failed */
        }

        if (i == 2) {
            c.type = ACM_TYPE_IMPORTED;
            c.due = ACM_DUE_NONE;
            c.due_at = 0;
        }

        test_store(&t, &c, START);
        test_put_material(&t, uuid, 1, (i < 3) ? 1 : 2);

        if (i < 3) {
            len = acm_material_key(key, uuid, 1);
            test_spoil(t.store, ACM_DB_MATERIAL, key, len);
        }
    }

    memset(hash, 2, sizeof(hash));
    test_spoil(t.store, ACM_DB_CHAIN, hash, sizeof(hash));

    now = START;

    for (n = 1; n < 4; n++) {
        now += 120;
        (void) test_run(&t, now);

        test_ok(acm_store_begin(t.store, &snap, NULL));

        for (i = 0, due = 0; i < 5; i++) {
            snprintf(uuid, sizeof(uuid), "00000000-0000-4000-8000-%012x", i);
            test_ok(acm_cert_get(snap, "123456789012", "us-east-1", uuid,
                                 &found, NULL));

            if (i == 0 || i >= 3) {
                due += (found.due == ACM_DUE_RENEW && found.due_at <= now);

            } else {
                assert_true(found.due == ACM_DUE_NONE || found.due_at > now);
            }

            acm_cert_free(&found);
        }

        acm_store_end(snap);

        assert_int_equal(due, (n < 3) ? 1 + n : 3);
    }

    test_end(&t, dir);
}


/* When the index of states was emptied last: it is filled, and the rest of the
   watch does not wait for that. */

static void
test_mistrusted(void **state)
{
    char         *dir;
    test_t        t;
    acm_cert_t    c;
    acm_batch_t   batch;

    (void) state;

    dir = test_disk(&t);
    test_issued(&c, 90 * DAY, START);
    test_store(&t, &c, START);

    acm_batch_init(&batch);
    acm_state_mistrust(&batch);
    acm_state_count(&batch, -1);
    test_ok(acm_store_commit(t.store, &batch, NULL));
    acm_batch_free(&batch);

    test_spoil(t.store, ACM_DB_META, "mistrusted", 10);
    (void) test_run(&t, START);
    assert_int_equal(t.watch.ready, 1);
    assert_int_equal(t.watch.sweeping, 0);

    test_end(&t, dir);
}


/* One of the days that nobody asks for any more: they go all the same. */

static void
test_days(void **state)
{
    char          *dir;
    size_t         len;
    test_t         t;
    uint64_t       n;
    uint8_t        key[ACM_MAX_STORE_KEY];
    int64_t        now;
    uint32_t       limits[ACM_QUOTA_MAX];
    acm_cert_t     c;
    acm_rc_t       rc;
    acm_snap_t    *snap;
    acm_entry_t    e;
    acm_batch_t    batch;
    acm_quota_e    reached;

    (void) state;

    dir = test_disk(&t);
    memset(limits, 0, sizeof(limits));
    test_issued(&c, 90 * DAY, START);
    len = 0;

    for (now = START; now < START + 400 * DAY; now += 390 * DAY) {
        acm_batch_init(&batch);
        test_ok(acm_store_begin(t.store, &snap, NULL));
        test_ok(acm_quota_take(&batch, snap, limits, &c, now, &reached));
        acm_store_end(snap);
        test_ok(acm_store_commit(t.store, &batch, NULL));
        acm_batch_free(&batch);

        if (len != 0) {
            continue;
        }

        test_ok(acm_store_begin(t.store, &snap, NULL));

        for (rc = acm_store_seek(snap, ACM_DB_QUOTA, NULL, 0, &e);
             rc == ACM_OK;
             rc = acm_store_next(snap, ACM_DB_QUOTA, &e))
        {
            if (e.key_len > len) {
                len = e.key_len;
                memcpy(key, e.key, len);
            }
        }

        acm_store_end(snap);
        test_spoil(t.store, ACM_DB_QUOTA, key, len);
    }

    test_ok(acm_store_begin(t.store, &snap, NULL));
    assert_int_equal(acm_store_get(snap, ACM_DB_QUOTA, key, len, &e),
                     ACM_NOTFOUND);
    test_ok(acm_store_entries(snap, ACM_DB_QUOTA, &n));
    assert_true(n >= 2);
    acm_store_end(snap);

    test_end(&t, dir);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_sinks),
        cmocka_unit_test(test_removed),
        cmocka_unit_test(test_material),
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_patrol),
        cmocka_unit_test(test_indices),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_mistrusted),
        cmocka_unit_test(test_days)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
