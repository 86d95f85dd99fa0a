
/*
 * Copyright (C) The ngx_acm authors
 *
 * Who is asked for OCSP responses, when, and what is kept of the answers.
 */


#include "acm_event.h"
#include "test_ocsp.h"
#include "test_store.h"

#include "acm_watch.h"


#define ACCOUNT  "123456789012"
#define REGION   "us-east-1"
#define MANY     (ACM_STAPLE_JOBS + 1)


typedef struct {
    acm_store_t       *store;
    acm_keyring_t     *ring;
    acm_key_secret_t   master;
    acm_stapler_t      stapler;
    acm_transport_t    transport;
    acm_http_t        *asked[MANY];
    size_t             nasked;
    size_t             cancelled;
    acm_rc_t           refuse;           /* of the transport */
    unsigned           good;             /* reports */
    unsigned           bad;
    char               why[ACM_MAX_ERROR];
} test_t;


static acm_rc_t
test_send(void *data, acm_http_t *http, acm_err_t *err)
{
    test_t  *t = data;

    if (t->refuse != ACM_OK) {
        return acm_fail(err, t->refuse, "no more sockets");
    }

    assert_true(t->nasked < MANY);
    t->asked[t->nasked++] = http;

    return ACM_OK;
}


static void
test_cancel(void *data, acm_http_t *http)
{
    test_t  *t = data;

    (void) http;
    t->cancelled++;
}


static void
test_report(void *data, const acm_cert_t *cert,
    const acm_ocsp_answer_t *answer, const char *why)
{
    test_t  *t = data;

    assert_string_equal(cert->domain, "leaf");

    if (answer != NULL) {
        t->good++;

    } else {
        t->bad++;
        snprintf(t->why, sizeof(t->why), "%s", why);
    }
}


static void
test_start(test_t *t)
{
    memset(t, 0, sizeof(test_t));
    t->store = test_open_memory();
    test_ok(acm_key_random(&t->master, NULL));
    test_ok(acm_keyring_open(t->store, &t->master, 1, &t->ring, NULL));

    t->transport.send = test_send;
    t->transport.cancel = test_cancel;
    t->transport.data = t;
    t->stapler.store = t->store;
    t->stapler.transport = &t->transport;
    t->stapler.report = test_report;
    t->stapler.data = t;

    acm_now_set(NOW);
}


static void
test_stop(test_t *t)
{
    acm_stapler_done(&t->stapler);
    acm_keyring_close(t->ring);
    acm_store_close(t->store);
}


/* x with its CA; uuid: NULL, or of ACM_UUID_LEN + 1 octets */

static void
test_import(test_t *t, X509 *x, int chain, char *uuid)
{
    char            id[ACM_UUID_LEN + 1];
    acm_err_t       err;
    acm_bundle_t    b;
    acm_install_t   install;

    memset(&b, 0, sizeof(b));
    memset(&install, 0, sizeof(install));
    install.now = acm_now();
    install.issued_by = "";
    id[0] = '\0';

    test_ok(acm_x509_info(x, &b.info, &err));
    test_ok(acm_x509_encode(x, &b.leaf, &err));
    test_ok(acm_key_encode(key_leaf, &b.key_secret, &err));

    if (chain) {
        test_ok(acm_x509_encode(ca, &b.chain[0], &err));
        b.nchain = 1;
    }

    test_ok(acm_certificate_import(t->ring, ACCOUNT, REGION, &b, &install,
                                   (uuid != NULL) ? uuid : id, &err));
    acm_bundle_free(&b);
}


static void
test_get(test_t *t, const char *uuid, acm_cert_t *cert,
    acm_staple_t *staple, acm_rc_t want)
{
    acm_snap_t  *snap;

    memset(staple, 0, sizeof(acm_staple_t));

    test_ok(acm_store_begin(t->store, &snap, NULL));
    test_ok(acm_cert_get(snap, ACCOUNT, REGION, uuid, cert, NULL));
    assert_int_equal(acm_staple_get(snap, uuid, cert->version, staple), want);
    acm_store_end(snap);
}


/* The answer to the last one that was asked. */

static void
test_answered(test_t *t, const test_answer_t *a, int status,
    const char *type)
{
    acm_str_t    der;
    acm_http_t  *http;

    http = t->asked[--t->nasked];
    http->rc = ACM_OK;
    http->status = status;
    http->answer_type = acm_strdup(type);

    if (a != NULL) {
        test_respond(a, &der);
        acm_buf_add(&http->answer, der.data, der.len);
        acm_free(der.data);
    }

    http->done(http);
}


static void
test_good(void **state)
{
    char            uuid[ACM_UUID_LEN + 1] = "";
    test_t          t;
    int64_t         next;
    acm_err_t       err;
    acm_cert_t      cert;
    acm_staple_t    staple;
    test_answer_t   a;

    (void) state;

    test_start(&t);
    test_import(&t, leaf, 1, uuid);

    test_ok(acm_stapler_tick(&t.stapler, NOW, &next, &err));
    assert_int_equal(t.nasked, 1);
    assert_int_equal(t.asked[0]->method, ACM_HTTP_GET);
    assert_memory_equal(t.asked[0]->url, "http://ocsp.example/a/M", 23);
    assert_string_equal(t.asked[0]->accept, ACM_OCSP_RESPONSE_TYPE);

    /* once only */

    assert_int_equal(acm_stapler_tick(&t.stapler, NOW, &next, &err),
                     ACM_NOTFOUND);
    assert_int_equal(t.nasked, 1);

    a = test_answer();
    test_answered(&t, &a, 200, ACM_OCSP_RESPONSE_TYPE);
    assert_int_equal(t.good, 1);

    test_get(&t, uuid, &cert, &staple, ACM_OK);
    assert_int_equal(staple.status, ACM_OCSP_GOOD);
    assert_true(staple.response.len > 0);
    assert_true(staple.next_update == a.to);
    assert_true(cert.ocsp_at == NOW + ACM_STAPLE_MOST);
    acm_staple_free(&staple);
    acm_cert_free(&cert);

    assert_int_equal(acm_stapler_tick(&t.stapler, NOW, &next, &err),
                     ACM_NOTFOUND);
    assert_true(next == NOW + ACM_STAPLE_MOST);

    /* another version asks anew, and the response is not for it */

    test_import(&t, other_leaf, 1, uuid);
    test_get(&t, uuid, &cert, &staple, ACM_NOTFOUND);
    acm_cert_free(&cert);
    test_ok(acm_stapler_tick(&t.stapler, NOW, &next, &err));
    assert_int_equal(t.nasked, 1);

    /* it goes while its responder is asked */

    test_ok(acm_certificate_delete(t.store, ACCOUNT, REGION, uuid, &err));
    a.of = other_leaf;
    test_answered(&t, &a, 200, ACM_OCSP_RESPONSE_TYPE);
    assert_int_equal(t.good, 1);
    assert_int_equal(acm_stapler_tick(&t.stapler, NOW, &next, &err),
                     ACM_NOTFOUND);
    assert_true(next == INT64_MAX);

    test_stop(&t);
}


/* What does not help leaves what is there, and waits longer each time. */

static void
test_failures(void **state)
{
    char            uuid[ACM_UUID_LEN + 1] = "";
    test_t          t;
    size_t          i;
    int64_t         now, next, wait;
    acm_err_t       err;
    acm_cert_t      cert;
    acm_staple_t    staple;
    test_answer_t   a;

    (void) state;

    test_start(&t);
    test_import(&t, leaf, 1, uuid);

    test_ok(acm_stapler_tick(&t.stapler, NOW, &next, &err));
    a = test_answer();
    test_answered(&t, &a, 200, ACM_OCSP_RESPONSE_TYPE);

    now = NOW + ACM_STAPLE_MOST;

    for (i = 0; i < 16; i++) {
        acm_now_set(now);
        test_ok(acm_stapler_tick(&t.stapler, now, &next, &err));
        assert_int_equal(t.nasked, 1);

        if (i == 0) {
            t.asked[0]->rc = ACM_BUSY;
            (void) acm_fail(&t.asked[0]->why, ACM_BUSY, "it took too long");
            t.nasked = 0;
            t.asked[0]->done(t.asked[0]);
            assert_string_equal(t.why, "it took too long");

        } else if (i == 1) {
            test_answered(&t, &a, 500, ACM_OCSP_RESPONSE_TYPE);
            assert_non_null(strstr(t.why, "HTTP status 500"));

        } else if (i == 2) {
            test_answered(&t, &a, 200, "text/html");
            assert_non_null(strstr(t.why, ACM_OCSP_RESPONSE_TYPE));

        } else {
            a.of = other_leaf;
            test_answered(&t, &a, 200, ACM_OCSP_RESPONSE_TYPE);
            assert_non_null(strstr(t.why, "another certificate"));
        }

        assert_int_equal(t.bad, i + 1);

        test_get(&t, uuid, &cert, &staple, ACM_OK);
        assert_int_equal(staple.failures, i + 1);
        assert_string_equal(staple.last_error, t.why);
        assert_int_equal(staple.status, ACM_OCSP_GOOD);
        assert_true(staple.response.len > 0);

        wait = cert.ocsp_at - now;
        assert_in_range(wait, ACM_STAPLE_RETRY / 2, ACM_STAPLE_RETRY_MAX);

        if (i == 15) {
            assert_true(wait >= ACM_STAPLE_RETRY_MAX / 2);
        }

        now = cert.ocsp_at;
        acm_staple_free(&staple);
        acm_cert_free(&cert);
    }

    test_stop(&t);
}


/* How many events tell of it. */

static void
test_alarm(test_t *t, size_t want)
{
    size_t        n;
    acm_rc_t      rc;
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
        n += (strstr(event.detail, "\"OCSP_REVOKED\"") != NULL
              && strstr(event.detail, "\"keyCompromise\"") != NULL);
        acm_event_free(&event);
    }

    acm_store_end(snap);
    assert_int_equal(n, want);
}


/* Revoked: no client is told, and what we renew is renewed at once. */

static void
test_revoked(void **state)
{
    char            uuid[ACM_UUID_LEN + 1] = "";
    test_t          t;
    int64_t         next;
    uint64_t        revision;
    acm_err_t       err;
    acm_cert_t      cert, ours;
    acm_snap_t     *snap;
    acm_staple_t    staple;
    test_answer_t   a;

    (void) state;

    test_start(&t);
    test_import(&t, leaf, 1, uuid);

    /* as if an issuer had made it */

    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_cert_get(snap, ACCOUNT, REGION, uuid, &cert, &revision));
    acm_store_end(snap);

    ours = cert;
    ours.type = ACM_TYPE_ISSUED;
    ours.renew_at = NOW + 30 * DAY;
    acm_certificate_schedule(&ours);
    test_ok(acm_certificate_update(t.store, &cert, revision, &ours, NULL, NOW,
                                   &err));
    acm_cert_free(&cert);

    test_ok(acm_stapler_tick(&t.stapler, NOW, &next, &err));

    a = test_answer();
    a.status = V_OCSP_CERTSTATUS_REVOKED;
    a.reason = OCSP_REVOKED_STATUS_KEYCOMPROMISE;
    test_answered(&t, &a, 200, ACM_OCSP_RESPONSE_TYPE);

    test_get(&t, uuid, &cert, &staple, ACM_OK);
    assert_int_equal(staple.status, ACM_OCSP_REVOKED);
    assert_int_equal(staple.response.len, 0);
    assert_int_equal(cert.due, ACM_DUE_RENEW);
    assert_true(cert.due_at == NOW);
    acm_staple_free(&staple);
    acm_cert_free(&cert);

    test_alarm(&t, 1);

    /* once: its back-off is not taken away by the next answer */

    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_cert_get(snap, ACCOUNT, REGION, uuid, &cert, &revision));
    acm_store_end(snap);

    ours = cert;
    ours.due_at = NOW + HOUR;
    test_ok(acm_certificate_update(t.store, &cert, revision, &ours, NULL, NOW,
                                   &err));
    next = cert.ocsp_at;
    acm_cert_free(&cert);

    acm_now_set(next);
    test_ok(acm_stapler_tick(&t.stapler, next, &next, &err));
    test_answered(&t, &a, 200, ACM_OCSP_RESPONSE_TYPE);
    test_get(&t, uuid, &cert, &staple, ACM_OK);
    assert_true(cert.due_at == NOW + HOUR);
    acm_staple_free(&staple);
    acm_cert_free(&cert);
    test_alarm(&t, 1);

    test_stop(&t);
}


static void
test_none(void **state)
{
    char            uuid[ACM_UUID_LEN + 1] = "";
    test_t          t;
    int64_t         next;
    acm_err_t       err;
    acm_cert_t      cert;
    acm_staple_t    staple;

    (void) state;

    /* it names none; there is no issuer to check an answer by */

    test_start(&t);
    test_import(&t, leaf, 0, uuid);
    test_get(&t, uuid, &cert, &staple, ACM_NOTFOUND);
    assert_true(cert.ocsp_at == 0);
    acm_cert_free(&cert);

    assert_int_equal(acm_stapler_tick(&t.stapler, NOW, &next, &err),
                     ACM_NOTFOUND);
    assert_true(next == INT64_MAX);

    /* what cannot be sent waits as what failed */

    test_import(&t, leaf, 1, uuid);
    t.refuse = ACM_NOMEM;
    test_ok(acm_stapler_tick(&t.stapler, NOW, &next, &err));
    assert_string_equal(t.why, "no more sockets");
    assert_int_equal(acm_stapler_tick(&t.stapler, NOW, &next, &err),
                     ACM_NOTFOUND);
    assert_true(next > NOW && next <= NOW + 2 * ACM_STAPLE_RETRY);

    test_stop(&t);
}


/* What a watch that has just begun does at a time. */

static void
test_watch(test_t *t, int64_t now)
{
    int64_t       next;
    acm_rc_t      rc;
    acm_watch_t   watch;
    acm_ladder_t  ladder;

    acm_ladder_default(&ladder);
    memset(&watch, 0, sizeof(acm_watch_t));
    watch.store = t->store;
    watch.ladder = &ladder;

    do {
        rc = acm_watch_tick(&watch, now, &next, NULL);
    } while (rc == ACM_OK);

    assert_int_equal(rc, ACM_NOTFOUND);
}


/* Expired by a clock that is ahead for a moment, it is asked for again; what
   has expired is not, nor what never had a responder. */

static void
test_ahead(void **state)
{
    char           uuid[ACM_UUID_LEN + 1] = "", none[ACM_UUID_LEN + 1] = "";
    size_t         i;
    test_t         t;
    int64_t        next, end;
    acm_err_t      err;
    acm_cert_t     cert;
    acm_staple_t   staple;
    test_answer_t  a;

    (void) state;

    for (i = 0; i < 2; i++) {
        test_start(&t);
        uuid[0] = '\0';
        none[0] = '\0';
        test_import(&t, leaf, 1, uuid);
        test_import(&t, leaf, 0, none);
        test_get(&t, uuid, &cert, &staple, ACM_NOTFOUND);
        end = cert.not_after;
        acm_cert_free(&cert);

        test_ok(acm_stapler_tick(&t.stapler, NOW, &next, &err));
        acm_now_set(end + (int64_t) i);
        a = test_answer();
        test_answered(&t, &a, 200, ACM_OCSP_RESPONSE_TYPE);

        test_watch(&t, end + (int64_t) i);
        test_get(&t, uuid, &cert, &staple, ACM_OK);
        assert_true(cert.ocsp_at == 0);
        acm_staple_free(&staple);
        acm_cert_free(&cert);

        /* a second before its end it is right again */

        test_watch(&t, end - 1);
        test_get(&t, uuid, &cert, &staple, ACM_OK);
        assert_true(cert.ocsp_at == end - 1);
        acm_staple_free(&staple);
        acm_cert_free(&cert);

        test_get(&t, none, &cert, &staple, ACM_NOTFOUND);
        assert_true(cert.ocsp_at == 0);
        acm_cert_free(&cert);

        acm_now_set(end - 1);
        test_ok(acm_stapler_tick(&t.stapler, end - 1, &next, &err));
        assert_int_equal(t.nasked, 1);
        test_stop(&t);
    }
}


/* A record that is damaged does not keep the others waiting; and when it is
   there again, it goes on. */

static void
test_damaged(void **state)
{
    char          uuid[ACM_UUID_LEN + 1] = "";
    size_t        len, value_len;
    test_t        t;
    int64_t       next, later;
    uint8_t       key[ACM_MAX_STORE_KEY], value[8192];
    acm_err_t     err;
    acm_snap_t   *snap;
    acm_batch_t   batch;
    acm_entry_t   entry;

    (void) state;

    test_start(&t);
    test_import(&t, leaf, 1, uuid);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_store_seek(snap, ACM_DB_CERTIFICATE, NULL, 0, &entry));
    len = entry.key_len;
    value_len = entry.len;
    assert_true(value_len <= sizeof(value));
    memcpy(key, entry.key, len);
    memcpy(value, entry.data, value_len);
    acm_store_end(snap);

    acm_batch_init(&batch);
    acm_batch_put(&batch, ACM_DB_CERTIFICATE, key, len, "x", 1);
    test_ok(acm_store_commit(t.store, &batch, &err));
    acm_batch_free(&batch);

    uuid[0] = '\0';
    test_import(&t, leaf, 1, uuid);

    assert_int_equal(acm_stapler_tick(&t.stapler, NOW, &next, &err),
                     ACM_CORRUPT);
    assert_non_null(strstr(err.text, "restore it from a backup"));
    test_ok(acm_stapler_tick(&t.stapler, NOW, &next, &err));
    assert_int_equal(t.nasked, 1);
    test_answered(&t, NULL, 404, "text/html");

    acm_batch_init(&batch);
    acm_batch_put(&batch, ACM_DB_CERTIFICATE, key, len, value, value_len);
    test_ok(acm_store_commit(t.store, &batch, &err));
    acm_batch_free(&batch);

    /* the other one failed, and comes before it */

    later = NOW + ACM_STAPLE_RETRY_MAX;
    test_ok(acm_stapler_tick(&t.stapler, later - 1, &next, &err));
    assert_int_equal(acm_stapler_tick(&t.stapler, later - 1, &next, &err),
                     ACM_NOTFOUND);
    assert_true(next == later);
    test_ok(acm_stapler_tick(&t.stapler, later, &next, &err));
    assert_int_equal(t.nasked, 2);
    acm_now_set(later);
    test_answered(&t, NULL, 404, "text/html");
    test_answered(&t, NULL, 404, "text/html");

    /* the entry that was moved is of no use any more */

    test_ok(acm_stapler_tick(&t.stapler, later, &next, &err));
    assert_int_equal(t.nasked, 0);
    assert_int_equal(acm_stapler_tick(&t.stapler, later, &next, &err),
                     ACM_NOTFOUND);

    test_stop(&t);
}


/* However many entries of no use are in front of it, it is come to; as many as
   a turn looks at, less one, and one more than that. */

static void
test_useless(void **state)
{
    char         id[ACM_UUID_LEN + 1];
    test_t       t;
    size_t       i, n, len;
    int64_t      next;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_err_t    err;
    acm_batch_t  batch;

    (void) state;

    for (n = ACM_STAPLE_SCAN - 1; n <= 3 * ACM_STAPLE_SCAN; n += n) {
        test_start(&t);
        acm_batch_init(&batch);

        for (i = 0; i < n; i++) {
            test_ok(acm_uuid(id));
            len = acm_time_key(key, NOW - 1, id);
            acm_batch_put(&batch, ACM_DB_OCSP, key, len, "x", 1);
        }

        test_ok(acm_store_commit(t.store, &batch, &err));
        acm_batch_free(&batch);
        test_import(&t, leaf, 1, NULL);

        for (i = 0; i < n / ACM_STAPLE_SCAN; i++) {
            assert_int_equal(acm_stapler_tick(&t.stapler, NOW, &next, &err),
                             ACM_NOTFOUND);
            assert_true(next == NOW);
        }

        test_ok(acm_stapler_tick(&t.stapler, NOW, &next, &err));
        assert_int_equal(t.nasked, 1);

        /* then it begins at the front, where another one may have come */

        while (acm_stapler_tick(&t.stapler, NOW, &next, &err) == ACM_NOTFOUND
               && next == NOW && t.stapler.from_len != 0)
        {
            /* void */
        }

        assert_int_equal(t.nasked, 1);
        assert_int_equal(t.stapler.from_len != 0, 0);

        acm_now_set(NOW - 2);
        test_import(&t, leaf, 1, NULL);
        test_ok(acm_stapler_tick(&t.stapler, NOW, &next, &err));
        assert_int_equal(t.nasked, 2);

        test_stop(&t);
        n += (n < ACM_STAPLE_SCAN);
    }
}


/* As many at a time as there may be; a long URL is POSTed to. */

static void
test_many(void **state)
{
    char         url[400];
    test_t       t;
    size_t       i;
    int64_t      next;
    acm_err_t    err;

    (void) state;

    memset(url, 'a', sizeof(url));
    memcpy(url, "http://ocsp.example/", 20);
    url[sizeof(url) - 1] = '\0';

    test_start(&t);
    t.stapler.responder = url;

    for (i = 0; i < MANY; i++) {
        test_import(&t, leaf, 1, NULL);
    }

    for (i = 0; i < ACM_STAPLE_JOBS; i++) {
        test_ok(acm_stapler_tick(&t.stapler, NOW, &next, &err));
    }

    assert_int_equal(acm_stapler_tick(&t.stapler, NOW, &next, &err),
                     ACM_NOTFOUND);
    assert_int_equal(t.nasked, ACM_STAPLE_JOBS);
    assert_int_equal(t.asked[0]->method, ACM_HTTP_POST);
    assert_string_equal(t.asked[0]->url, url);
    assert_string_equal(t.asked[0]->type, ACM_OCSP_REQUEST_TYPE);
    assert_true(t.asked[0]->body.len > 0);

    test_answered(&t, NULL, 404, "text/html");
    test_ok(acm_stapler_tick(&t.stapler, NOW, &next, &err));
    assert_int_equal(t.nasked, ACM_STAPLE_JOBS);

    acm_stapler_done(&t.stapler);
    assert_int_equal(t.cancelled, ACM_STAPLE_JOBS);

    test_stop(&t);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_revoked),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_ahead),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_useless),
        cmocka_unit_test(test_many)
    };

    return cmocka_run_group_tests(tests, test_ocsp_setup,
                                  test_ocsp_teardown);
}
