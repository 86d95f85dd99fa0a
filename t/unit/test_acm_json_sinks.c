
/*
 * Copyright (C) The ngx_acm authors
 *
 * The sinks of a store as JSON.
 */


#include "test_store.h"
#include "acm_json_sinks.h"


#define NOW  1800000000
#define DAY  86400


/* Two sinks and three events: one sink has failed, the other taken all. */

static void
fill(acm_store_t *store)
{
    size_t               i, n;
    acm_err_t            err;
    acm_batch_t          batch;
    acm_event_t          e;
    acm_letter_t        *letters[4];
    acm_outbox_t        *o;
    acm_outbox_conf_t    conf;

    o = acm_outbox_new(store, 7, NULL, NULL);
    assert_non_null(o);

    memset(&conf, 0, sizeof(acm_outbox_conf_t));
    conf.name = "one";
    test_ok(acm_outbox_add(o, &conf));
    conf.name = "two";
    test_ok(acm_outbox_add(o, &conf));
    test_ok(acm_outbox_begin(o, NOW, &err));

    acm_batch_init(&batch);

    for (i = 0; i < 3; i++) {
        memset(&e, 0, sizeof(acm_event_t));
        e.kind = ACM_EVENT_ALARM;
        e.at = NOW;
        e.account = (char *) "123456789012";
        e.region = (char *) "us-east-1";
        e.resource = (char *) "";
        e.detail = (char *) "{}";
        acm_event_put(&batch, &e);
    }

    test_ok(acm_store_commit(store, &batch, &err));
    acm_batch_free(&batch);

    test_ok(acm_outbox_take(o, 0, 1, NOW, letters, &n, &err));
    acm_outbox_done(o, 0, letters[0], ACM_SINK_FAILED, "no\n\xe4way", NOW);

    test_ok(acm_outbox_take(o, 1, 4, NOW, letters, &n, &err));
    assert_int_equal(n, 3);

    for (i = 0; i < n; i++) {
        acm_outbox_done(o, 1, letters[i], ACM_SINK_DELIVERED, NULL, NOW);
    }

    test_ok(acm_outbox_flush(o, NOW, &err));
    acm_outbox_free(o);
}


static void
test_sinks(void **state)
{
    json_t             *list, *o;
    acm_err_t           err;
    acm_snap_t         *snap;
    acm_store_t        *store;

    (void) state;

    store = test_open_memory();

    fill(store);

    test_ok(acm_store_begin(store, &snap, &err));
    list = acm_json_sinks(snap, NOW + 3 * DAY);
    acm_store_end(snap);

    assert_int_equal(json_array_size(list), 2);

    o = json_array_get(list, 0);
    assert_string_equal(acm_json_string(o, "Name"), "one");
    assert_string_equal(acm_json_string(o, "LastError"), "no??way");
    assert_int_equal(json_integer_value(json_object_get(o, "Backlog")), 3);
    assert_int_equal(json_integer_value(json_object_get(o, "Attempts")), 1);
    assert_non_null(acm_json_string(o, "NextAttemptAt"));
    assert_non_null(acm_json_string(o, "RemovedAt"));
    assert_null(acm_json_string(o, "LastDeliveredAt"));

    o = json_array_get(list, 1);
    assert_int_equal(json_integer_value(json_object_get(o, "Delivered")), 3);
    assert_int_equal(json_integer_value(json_object_get(o, "Backlog")), 0);
    assert_null(acm_json_string(o, "LastError"));

    json_decref(list);
    acm_store_close(store);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_sinks)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
