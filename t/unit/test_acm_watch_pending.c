
/*
 * Copyright (C) The ngx_acm authors
 *
 * A first issuance that takes over an hour: told once, by event and report,
 * whatever is tried, and however often the watch is begun anew.
 */


#include "test_store.h"

#include "acm_certificate_impl.h"
#include "acm_event.h"
#include "acm_watch.h"


#define START  1800000000


static void
test_report(void *data, const acm_cert_t *old, const acm_cert_t *next)
{
    unsigned  *reports = data;

    assert_int_equal(old->overdue, 0);
    assert_int_equal(next->overdue, 1);
    (*reports)++;
}


static void
test_run(acm_watch_t *watch, int64_t now)
{
    int64_t    next;
    acm_rc_t   rc;
    acm_err_t  err;

    do {
        rc = acm_watch_tick(watch, now, &next, &err);
    } while (rc == ACM_OK);

    assert_int_equal(rc, ACM_NOTFOUND);
}


static unsigned
test_alarms(acm_store_t *store)
{
    acm_rc_t      rc;
    unsigned      n;
    acm_snap_t   *snap;
    acm_entry_t   entry;
    acm_event_t   event;

    n = 0;
    test_ok(acm_store_begin(store, &snap, NULL));

    for (rc = acm_store_seek(snap, ACM_DB_EVENT, NULL, 0, &entry);
         rc == ACM_OK;
         rc = acm_store_next(snap, ACM_DB_EVENT, &entry))
    {
        test_ok(acm_event_decode(entry.data, entry.len, &event));
        assert_int_equal(event.kind, ACM_EVENT_ALARM);
        assert_non_null(strstr(event.detail, "ISSUANCE_OVERDUE"));
        acm_event_free(&event);
        n++;
    }

    acm_store_end(snap);

    return n;
}


static void
test_put(acm_store_t *store, acm_cert_t *c, const acm_ladder_t *ladder)
{
    acm_batch_t  batch;

    acm_watch_look(c, ladder, START);

    acm_batch_init(&batch);
    acm_batch_change(&batch, NULL, c, START);
    test_ok(acm_store_commit(store, &batch, NULL));
    acm_batch_free(&batch);
}


/* An attempt that fails. */

static void
test_try(acm_store_t *store, const acm_cert_t *c, int64_t now)
{
    uint64_t     revision;
    acm_cert_t   old, next;
    acm_snap_t  *snap;

    test_ok(acm_store_begin(store, &snap, NULL));
    test_ok(acm_cert_get(snap, c->account, c->region, c->uuid, &old,
                         &revision));
    acm_store_end(snap);

    next = old;
    next.attempts++;
    next.last_error = "no";
    next.last_error_at = now;
    next.due_at = now + 100;
    test_ok(acm_certificate_update(store, &old, revision, &next, NULL, now,
                                   NULL));
    acm_cert_free(&old);
}


static void
test_pending(void **state)
{
    char              *names[] = { "www.example.com" };
    int64_t            now;
    unsigned           reports;
    acm_cert_t         c;
    acm_store_t       *store;
    acm_watch_t        watch;
    acm_ladder_t       ladder;

    (void) state;

    store = test_open_memory();
    acm_ladder_default(&ladder);

    memset(&c, 0, sizeof(c));
    c.account = "123456789012";
    c.region = "us-east-1";
    memcpy(c.uuid, "11111111-2222-4333-8444-555555555555", ACM_UUID_LEN);
    c.type = ACM_TYPE_ISSUED;
    c.status = ACM_STATUS_PENDING_VALIDATION;
    c.key = ACM_KEY_EC_P256;
    c.domain = names[0];
    c.names = names;
    c.nnames = 1;
    c.issuer = "le";
    c.issued_by = c.subject = c.issuer_dn = c.serial = c.sigalg = "";
    c.last_error = c.findings = "";
    c.created_at = START;
    c.due = ACM_DUE_ISSUE;
    c.due_at = START;
    test_put(store, &c, &ladder);
    assert_int_equal(c.watch_at, START + ACM_WATCH_PENDING);

    reports = 0;
    memset(&watch, 0, sizeof(watch));
    watch.store = store;
    watch.ladder = &ladder;
    watch.report = test_report;
    watch.data = &reports;

    test_run(&watch, START + ACM_WATCH_PENDING - 1);
    assert_int_equal(test_alarms(store), 0);

    for (now = START + ACM_WATCH_PENDING; now < START + 3 * 86400;
         now += 3 * 3600)
    {
        test_run(&watch, now);
        assert_int_equal(test_alarms(store), 1);
        assert_int_equal(reports, 1);

        test_try(store, &c, now);

        /* as after a restart */

        watch.ready = 0;
    }

    acm_store_close(store);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_pending)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
