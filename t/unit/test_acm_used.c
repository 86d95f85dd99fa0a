
/*
 * Copyright (C) The ngx_acm authors
 *
 * When certificates were served; the engine gives up what is not, and takes
 * it up again.
 */


#include "acm_json.h"
#include "test_engine.h"


static char  *test_www[] = { "www.example.com" };


static acm_rc_t
test_get(test_t *t, const char *uuid, acm_used_t *used)
{
    acm_rc_t     rc;
    acm_snap_t  *snap;

    test_ok(acm_store_begin(t->store, &snap, NULL));
    rc = acm_used_get(snap, uuid, used);
    acm_store_end(snap);

    return rc;
}


static void
test_served(test_t *t, const char *uuid, int64_t at, uint32_t count,
    int64_t now)
{
    acm_err_t        err;
    acm_used_note_t  note;

    memcpy(note.uuid, uuid, sizeof(note.uuid));
    note.at = at;
    note.count = count;

    test_ok(acm_engine_served(&t->engine, &note, 1, now, &err));
}


static int
test_idle(test_t *t, const acm_cert_t *cert, int64_t unused, int64_t now,
    int64_t *since)
{
    int          rc;
    acm_snap_t  *snap;

    test_ok(acm_store_begin(t->store, &snap, NULL));
    rc = acm_used_idle(snap, cert, unused, now, since);
    acm_store_end(snap);

    return rc;
}


static void
test_record(void **state)
{
    json_t      *json;
    acm_buf_t    buf;
    acm_used_t   used, again;

    (void) state;

    memset(&used, 0, sizeof(used));
    used.first = START;
    used.last = START + 5;
    used.count = UINT32_MAX;

    /* servers are left out if there are none, and only then */

    acm_buf_init(&buf, 1024);
    test_ok(acm_used_encode(&used, &buf));
    assert_int_equal(buf.len, 2 + 3 * 3 + 8 + 8 + 4);
    acm_buf_free(&buf);

    used.by[sizeof(used.by) - 1] = 1;

    acm_buf_init(&buf, 1024);
    test_ok(acm_used_encode(&used, &buf));
    assert_int_equal(buf.len, 2 + 4 * 3 + 8 + 8 + 4 + sizeof(used.by));
    assert_int_equal(buf.data[0], ACM_REC_USED);
    test_ok(acm_used_decode(buf.data, buf.len, &again));
    assert_int_equal(again.first, used.first);
    assert_int_equal(again.last, used.last);
    assert_int_equal(again.count, used.count);
    assert_memory_equal(again.by, used.by, sizeof(used.by));

    assert_int_equal(acm_used_decode(buf.data, buf.len - 1, &again),
                     ACM_CORRUPT);
    buf.data[1]++;
    assert_int_equal(acm_used_decode(buf.data, buf.len, &again),
                     ACM_VERSION);
    acm_buf_free(&buf);

    json = json_object();
    assert_int_equal(acm_json_used(json, &used), 0);
    assert_string_equal(acm_json_string(json, "LastServedAt"),
                        "2027-01-15T08:00:05Z");
    assert_string_equal(acm_json_string(json, "FirstServedAt"),
                        "2027-01-15T08:00:00Z");
    json_decref(json);
}


static void
test_merge(void **state)
{
    test_t           t;
    int64_t          since;
    acm_err_t        err;
    acm_used_t       used;
    acm_cert_t       cert;
    acm_batch_t      batch;
    acm_request_t    req;
    acm_used_note_t  notes[ACM_MAX_NOTES + 1];

    (void) state;

    test_request(&req, test_www, 1);
    test_start(&t, 90 * DAY, &req, 1);
    test_run(&t, START);
    test_cert(&t, &req, &cert);

    assert_int_equal(test_get(&t, cert.uuid, &used), ACM_NOTFOUND);
    assert_int_equal(test_get(&t, "x", &used), ACM_NOTFOUND);

    /* never served: since it was made */

    assert_int_equal(test_idle(&t, &cert, 10, START + 9, &since), 0);
    assert_int_equal(test_idle(&t, &cert, 10, START + 10, &since), 1);
    assert_int_equal(since, START);

    test_served(&t, cert.uuid, START + 100, 3, START + 100);
    test_ok(test_get(&t, cert.uuid, &used));
    assert_int_equal(used.first, START + 100);
    assert_int_equal(used.last, START + 100);
    assert_int_equal(used.count, 3);

    assert_int_equal(test_idle(&t, &cert, 10, START + 109, NULL), 0);
    assert_int_equal(test_idle(&t, &cert, 10, START + 110, &since), 1);
    assert_int_equal(since, START + 100);
    assert_int_equal(test_idle(&t, &cert, INT64_MAX, INT64_MAX - 1, NULL), 0);

    /* made by a clock that was ahead: its last use is what is known */

    cert.created_at = START + 1000;
    assert_int_equal(test_idle(&t, &cert, 10, START + 109, NULL), 0);
    assert_int_equal(test_idle(&t, &cert, 10, START + 110, &since), 1);
    assert_int_equal(since, START + 100);
    cert.created_at = START;

    /* out of order, and ahead of the clock */

    test_served(&t, cert.uuid, START + 50, 1, START + 101);
    test_ok(test_get(&t, cert.uuid, &used));
    assert_int_equal(used.first, START + 50);
    assert_int_equal(used.last, START + 100);
    assert_int_equal(used.count, 4);

    test_served(&t, cert.uuid, START + 999, UINT32_MAX, START + 200);
    test_ok(test_get(&t, cert.uuid, &used));
    assert_int_equal(used.last, START + 200);
    assert_int_equal(used.count, UINT32_MAX);

    test_served(&t, cert.uuid, START + 60, 1, START + 60);
    test_ok(test_get(&t, cert.uuid, &used));
    assert_int_equal(used.last, START + 60);
    assert_int_equal(used.count, UINT32_MAX);

    /* damaged: it begins anew, and till then it is not unused */

    acm_batch_init(&batch);
    acm_batch_put(&batch, ACM_DB_USED, cert.uuid, ACM_UUID_LEN, "\021\001x",
                  3);
    test_ok(acm_store_commit(t.store, &batch, &err));
    acm_batch_free(&batch);
    assert_int_equal(test_get(&t, cert.uuid, &used), ACM_CORRUPT);
    assert_int_equal(test_idle(&t, &cert, 1, START + 999, NULL), 0);

    test_served(&t, cert.uuid, START + 300, 2, START + 300);
    test_ok(test_get(&t, cert.uuid, &used));
    assert_int_equal(used.first, START + 300);
    assert_int_equal(used.count, 2);

    /* as many as may be: none of them is there */

    memset(notes, 0, sizeof(notes));
    memcpy(notes[1].uuid, "00000000-0000-4000-8000-000000000000", 36);
    memcpy(notes[2].uuid, "ffffffff-ffff-4fff-8fff-ffffffffffff", 36);
    test_ok(acm_engine_served(&t.engine, notes, ACM_MAX_NOTES, START, &err));
    assert_int_equal(acm_engine_served(&t.engine, notes, ACM_MAX_NOTES + 1,
                                       START, &err), ACM_TOOBIG);
    assert_int_equal(test_get(&t, notes[1].uuid, &used), ACM_NOTFOUND);

    /* it goes with the certificate, and does not come back */

    test_ok(acm_certificate_delete(t.store, cert.account, cert.region,
                                   cert.uuid, &err));
    assert_int_equal(test_get(&t, cert.uuid, &used), ACM_NOTFOUND);
    test_served(&t, cert.uuid, START + 400, 1, START + 400);
    assert_int_equal(test_get(&t, cert.uuid, &used), ACM_NOTFOUND);

    acm_cert_free(&cert);
    test_stop(&t);
}


/* Given up when it is due, left alone by the look at all that is configured,
   and taken up by a handshake. */

static void
test_unused(void **state)
{
    test_t          t;
    int64_t         now, next;
    acm_cert_t      cert;
    acm_request_t   req;

    (void) state;

    test_request(&req, test_www, 1);
    req.unused = 1;

    test_start(&t, 90 * DAY, &req, 1);
    t.engine.unused = 30 * DAY;

    now = START;
    next = test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_ISSUED], 1);
    test_cert(&t, &req, &cert);

    /* served ten days before it is due: renewed */

    test_served(&t, cert.uuid, next - 10 * DAY, 1, next - 10 * DAY);
    acm_cert_free(&cert);
    now = next;
    next = test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_RENEWED], 1);

    /* and not since then */

    now = next;
    next = test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_IDLE], 1);
    assert_int_equal(t.steps[ACM_STEP_RENEWED], 1);
    assert_non_null(strstr(t.text, "was not served since 2027-"));

    test_cert(&t, &req, &cert);
    assert_int_equal(cert.due, ACM_DUE_NONE);
    assert_int_equal(cert.unused_at, now);
    assert_int_equal(cert.version, 2);

    /* all are looked at again: it stays as it is, and expires */

    t.engine.ensured = 0;
    now += DAY;
    test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_IDLE], 1);

    now = cert.not_after;
    acm_cert_free(&cert);
    t.engine.ensured = 0;
    test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_RENEWED], 1);

    t.engine.ensured = 0;
    test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_RENEWED], 1);

    /* somebody asks for it */

    test_cert(&t, &req, &cert);
    now += DAY;
    test_served(&t, cert.uuid, now, 1, now);
    acm_cert_free(&cert);
    assert_int_equal(t.steps[ACM_STEP_SERVED], 1);
    next = test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_RENEWED], 2);

    test_cert(&t, &req, &cert);
    assert_int_equal(cert.status, ACM_STATUS_ISSUED);
    assert_int_equal(cert.unused_at, 0);
    assert_int_equal(cert.due, ACM_DUE_RENEW);

    /* one that is in being is told of once */

    test_served(&t, cert.uuid, now, 1, now);
    assert_int_equal(t.steps[ACM_STEP_SERVED], 1);
    acm_cert_free(&cert);

    test_stop(&t);
}


/* Without the directive all are renewed, also what was given up before. */

static void
test_off(void **state)
{
    test_t          t;
    int64_t         now;
    acm_cert_t      cert;
    acm_request_t   req;

    (void) state;

    test_request(&req, test_www, 1);
    test_start(&t, 90 * DAY, &req, 1);

    now = test_run(&t, START);
    now = test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_RENEWED], 1);
    assert_int_equal(t.steps[ACM_STEP_IDLE], 0);

    req.unused = 1;
    t.engine.unused = 30 * DAY;
    test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_IDLE], 1);

    req.unused = 0;
    t.engine.unused = 0;
    t.engine.ensured = 0;
    test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_RENEWED], 2);

    test_cert(&t, &req, &cert);
    assert_int_equal(cert.unused_at, 0);
    assert_int_equal(cert.version, 3);
    acm_cert_free(&cert);

    test_stop(&t);
}


/* What somebody asked for by hand is renewed. */

static void
test_forced(void **state)
{
    test_t          t;
    int64_t         now;
    uint64_t        revision;
    acm_err_t       err;
    acm_cert_t      cert, next;
    acm_snap_t     *snap;
    acm_request_t   req;

    (void) state;

    test_request(&req, test_www, 1);
    req.unused = 1;
    test_start(&t, 90 * DAY, &req, 1);
    t.engine.unused = 30 * DAY;

    now = test_run(&t, START);
    test_cert(&t, &req, &cert);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_cert_get(snap, cert.account, cert.region, cert.uuid, &next,
                         &revision));
    acm_store_end(snap);
    next.forced = 1;
    test_ok(acm_certificate_update(t.store, &cert, revision, &next, NULL,
                                   now, &err));

    test_run(&t, now);
    assert_int_equal(t.steps[ACM_STEP_IDLE], 0);
    assert_int_equal(t.steps[ACM_STEP_RENEWED], 1);

    acm_cert_free(&cert);
    acm_cert_free(&next);
    test_stop(&t);
}


/* Any allocation may fail: the error is told, or a sample is lost. */

static void
test_nomem(void **state)
{
    test_t            t;
    acm_rc_t          rc;
    acm_err_t         err;
    acm_cert_t        cert;
    acm_used_t        used;
    unsigned long     n;
    acm_request_t     req;
    acm_used_note_t   note;

    (void) state;

    test_request(&req, test_www, 1);
    test_start(&t, 90 * DAY, &req, 1);
    test_run(&t, START);
    test_cert(&t, &req, &cert);

    memcpy(note.uuid, cert.uuid, sizeof(note.uuid));
    note.at = START + 1;
    note.count = 1;

    for (n = 1; n < 200; n++) {
        (void) acm_alloc_fail_at(n);
        rc = acm_engine_served(&t.engine, &note, 1, START + 1, &err);

        if (acm_alloc_fail_at(0) != 0) {
            break;
        }

        assert_true(rc == ACM_NOMEM || rc == ACM_OK);
    }

    assert_in_range(n, 5, 199);
    test_ok(rc);
    test_ok(test_get(&t, cert.uuid, &used));
    assert_int_equal(used.last, START + 1);

    acm_cert_free(&cert);
    test_stop(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_unused),
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_forced),
        cmocka_unit_test(test_nomem)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
