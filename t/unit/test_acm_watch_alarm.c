
/*
 * Copyright (C) The ngx_acm authors
 *
 * Alarms of what is no certificate of the store: sinks and files.
 */


#include "test_watch.h"

#include "acm_ahead.h"


static unsigned  test_alarms;


static void
test_alarm(void *data, const char *kind, const char *name, const char *text)
{
    (void) data;

    assert_non_null(kind);
    assert_non_null(name);
    assert_non_null(text);
    test_alarms++;
}


static void
test_put_sink(test_t *t, uint32_t attempts, int64_t now)
{
    acm_buf_t    buf;
    acm_sink_t   sink;
    acm_batch_t  batch;

    memset(&sink, 0, sizeof(sink));
    sink.name = "hook";
    sink.attempts = attempts;
    sink.last_error = "503";
    sink.last_error_at = now;
    sink.seen_at = now;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    test_ok(acm_sink_encode(&sink, &buf));
    acm_batch_init(&batch);
    acm_batch_put(&batch, ACM_DB_SINK, "hook", 4, buf.data, buf.len);
    test_ok(acm_store_commit(t->store, &batch, NULL));
    acm_batch_free(&batch);
    acm_buf_free(&buf);
}


/* How many alarms are in the outbox, and stay there. */

static size_t
test_in_outbox(test_t *t, acm_event_e kind)
{
    size_t        n;
    acm_rc_t      rc;
    acm_buf_t     buf;
    acm_snap_t   *snap;
    acm_entry_t   entry;
    acm_event_t   event;

    n = 0;
    test_ok(acm_store_begin(t->store, &snap, NULL));

    for (rc = acm_store_seek(snap, ACM_DB_EVENT, NULL, 0, &entry);
         rc == ACM_OK;
         rc = acm_store_next(snap, ACM_DB_EVENT, &entry))
    {
        test_ok(acm_event_decode(entry.data, entry.len, &event));
        n += (event.kind == kind);

        acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
        test_ok(acm_event_json(&event, &buf));
        acm_buf_free(&buf);
        acm_event_free(&event);
    }

    acm_store_end(snap);

    return n;
}


/* A sink is told of when an event has waited for an hour, once an outage. */

static void
test_sink_behind(void **state)
{
    test_t      t;
    acm_cert_t  c;

    (void) state;

    test_start(&t);
    t.watch.account = "123456789012";
    t.watch.region = "us-east-1";
    t.watch.alarm = test_alarm;
    test_alarms = 0;

    test_issued(&c, 395 * DAY, START);
    test_store(&t, &c, START);

    test_put_sink(&t, 7, START + ACM_WATCH_SINK - 1);
    (void) test_run(&t, START + ACM_WATCH_SINK - 1);
    assert_int_equal(test_alarms, 0);

    (void) test_run(&t, START + ACM_WATCH_SINK + 60);
    (void) test_run(&t, START + ACM_WATCH_SINK + 120);
    assert_int_equal(test_alarms, 1);
    assert_int_equal(test_in_outbox(&t, ACM_EVENT_ALARM), 1);

    /* it works, and fails again; then nobody tries it any more */

    test_put_sink(&t, 0, START + 5000);
    (void) test_run(&t, START + 5000);
    test_put_sink(&t, 3, START + 6000);
    (void) test_run(&t, START + 6000);
    assert_int_equal(test_alarms, 2);

    test_put_sink(&t, 0, START + 7000);
    (void) test_run(&t, START + 7000);
    test_put_sink(&t, 3, START + 8000);
    (void) test_run(&t, START + 8000 + DAY);
    assert_int_equal(test_alarms, 2);

    acm_store_close(t.store);
}


/* Certificates of files: daily at the end, and once when it is over. */

static void
test_statics(void **state)
{
    test_t         t;
    int64_t        now;
    acm_static_t   s;

    (void) state;

    test_start(&t);
    t.watch.account = "123456789012";
    t.watch.region = "us-east-1";
    t.watch.alarm = test_alarm;
    test_alarms = 0;

    memset(&s, 0, sizeof(s));
    memset(s.hash, 7, sizeof(s.hash));
    s.name = "www.example.com";
    s.resource = "/etc/nginx/\xff.pem";       /* no UTF-8 */
    s.not_before = START;
    s.not_after = START + 90 * DAY;
    t.watch.statics = &s;
    t.watch.nstatics = 1;

    for (now = START; now < s.not_after - 30 * DAY; now += DAY / 2) {
        (void) test_run(&t, now);
    }

    assert_int_equal(test_in_outbox(&t, ACM_EVENT_APPROACHING), 0);

    for ( /* void */ ; now < s.not_after + 3 * DAY; now += DAY / 2) {
        (void) test_run(&t, now);
    }

    assert_int_equal(test_in_outbox(&t, ACM_EVENT_APPROACHING), 30);
    assert_int_equal(test_in_outbox(&t, ACM_EVENT_ALARM), 1);
    assert_int_equal(test_alarms, 1);

    /* another one in its place */

    s.hash[0] = 8;
    s.not_before = now;
    s.not_after = now + 90 * DAY;
    (void) test_run(&t, now + 60);
    assert_int_equal(test_in_outbox(&t, ACM_EVENT_APPROACHING), 30);
    assert_int_equal(test_in_outbox(&t, ACM_EVENT_ALARM), 1);

    acm_store_close(t.store);
}


/* By a clock that was ahead a file's certificate had expired; its end is told
   of when it comes. */

static void
test_statics_ahead(void **state)
{
    test_t         t;
    int64_t        now;
    acm_static_t   s;

    (void) state;

    test_start(&t);
    t.watch.account = "123456789012";
    t.watch.region = "us-east-1";
    t.watch.alarm = test_alarm;
    test_alarms = 0;

    memset(&s, 0, sizeof(s));
    memset(s.hash, 9, sizeof(s.hash));
    s.name = "www.example.com";
    s.resource = "/etc/nginx/www.pem";
    s.not_before = START;
    s.not_after = START + 90 * DAY;
    t.watch.statics = &s;
    t.watch.nstatics = 1;

    now = s.not_after - 10 * DAY;

    /* by as much as a clock may be set back it is once */

    (void) test_run(&t, now + ACM_CLOCK_SLACK);
    assert_int_equal(test_in_outbox(&t, ACM_EVENT_APPROACHING), 1);
    (void) test_run(&t, now);
    assert_int_equal(test_in_outbox(&t, ACM_EVENT_APPROACHING), 1);

    (void) test_run(&t, s.not_after + 365 * DAY);
    assert_int_equal(test_alarms, 1);

    for ( /* void */ ; now < s.not_after + 3 * DAY; now += DAY / 2) {
        (void) test_run(&t, now);
    }

    assert_int_equal(test_in_outbox(&t, ACM_EVENT_APPROACHING), 11);
    assert_int_equal(test_in_outbox(&t, ACM_EVENT_ALARM), 2);
    assert_int_equal(test_alarms, 2);

    acm_store_close(t.store);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_sink_behind),
        cmocka_unit_test(test_statics),
        cmocka_unit_test(test_statics_ahead)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
