
/*
 * Copyright (C) The ngx_acm authors
 *
 * The ladder over whole lives, the events it makes, the history, and the
 * walks that keep the indices whole.
 */


#include "test_watch.h"


/* Takes the events out; returns how many, with each as JSON in order. */

static json_t *
test_events(test_t *t)
{
    acm_buf_t     buf;
    acm_snap_t   *snap;
    acm_batch_t   batch;
    acm_entry_t   entry;
    acm_event_t   event;
    json_t       *list;

    list = json_array();
    acm_batch_init(&batch);
    test_ok(acm_store_begin(t->store, &snap, NULL));

    for (acm_rc_t rc = acm_store_seek(snap, ACM_DB_EVENT, NULL, 0, &entry);
         rc == ACM_OK;
         rc = acm_store_next(snap, ACM_DB_EVENT, &entry))
    {
        test_ok(acm_event_decode(entry.data, entry.len, &event));
        acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
        test_ok(acm_event_json(&event, &buf));
        acm_buf_u8(&buf, '\0');
        assert_null(strchr((char *) buf.data, '\n'));
        assert_int_equal(json_array_append_new(list,
                             json_loads((char *) buf.data, 0, NULL)), 0);
        acm_buf_free(&buf);
        acm_event_free(&event);
        acm_batch_delete(&batch, ACM_DB_EVENT, entry.key, entry.key_len);
    }

    acm_store_end(snap);
    test_ok(acm_store_commit(t->store, &batch, NULL));
    acm_batch_free(&batch);

    return list;
}


static size_t
test_count(json_t *events, const char *type)
{
    size_t   i, n;
    json_t  *e;

    n = 0;

    json_array_foreach(events, i, e) {
        n += (strcmp(json_string_value(json_object_get(e, "detail-type")),
                     type) == 0);
    }

    return n;
}


/* The days of the rungs told over a life in which nothing is renewed. */

static void
test_life(int64_t life, const char *rungs, const char *approach)
{
    char         told[256], near[1024];
    size_t       i;
    test_t       t;
    int64_t      now, next;
    json_t      *events, *e, *detail;
    acm_cert_t   c;
    const char  *type;

    test_start(&t);
    test_issued(&c, life, START);
    test_store(&t, &c, START);

    json_decref(test_events(&t));
    told[0] = '\0';
    near[0] = '\0';

    for (now = START; now <= c.not_after; now = next) {
        next = test_run(&t, now);
        assert_true(next > now);

        events = test_events(&t);

        json_array_foreach(events, i, e) {
            type = json_string_value(json_object_get(e, "detail-type"));
            detail = json_object_get(e, "detail");

            if (strcmp(type, "ACM Certificate Renewal Action Required")
                == 0)
            {
                snprintf(told + strlen(told), sizeof(told) - strlen(told),
                         "%lld ", (long long) json_integer_value(
                         json_object_get(detail, "DaysToExpiry")));
            }

            if (strcmp(type, "ACM Certificate Approaching Expiration")
                == 0)
            {
                snprintf(near + strlen(near), sizeof(near) - strlen(near),
                         "%lld ", (long long) json_integer_value(
                         json_object_get(detail, "DaysToExpiry")));
            }

            if (strcmp(type, "ACM Certificate Expired") == 0) {
                assert_int_equal(now, c.not_after);
            }
        }

        if (now == c.not_after) {
            assert_int_equal(test_count(events, "ACM Certificate Expired"),
                             1);
        }

        json_decref(events);
    }

    assert_string_equal(told, rungs);

    if (approach != NULL) {
        assert_string_equal(near, approach);
    }

    acm_store_close(t.store);
}


static void
test_lives(void **state)
{
    (void) state;

    test_life(395 * DAY, "45 30 15 7 3 1 ", NULL);
    test_life(198 * DAY, "45 30 15 7 3 1 ", NULL);

    /* 30 days is when it is renewed: silent */

    test_life(90 * DAY, "15 7 3 1 ", "27 26 25 24 23 22 21 20 19 18 17 16 "
              "15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 ");
    test_life(45 * DAY, "7 3 1 ", "14 13 12 11 10 9 8 7 6 5 4 3 2 1 ");

    /* 2 days, 1 day, 11.2, 4.8 and 1.6 hours */

    test_life(6 * DAY, "2 1 1 1 1 ", "3 2 1 ");
}


/* One that is renewed in time says nothing but that. */

static void
test_quiet(void **state)
{
    test_t        t;
    int64_t       now;
    json_t       *events;
    uint64_t      revision;
    acm_cert_t    c, old, next;
    acm_snap_t   *snap;
    acm_err_t     err;

    static const int  lives[] = { 395, 198, 90, 45, 6 };

    (void) state;

    for (unsigned i = 0; i < 5; i++) {
        test_start(&t);
        test_issued(&c, lives[i] * DAY, START);
        test_store(&t, &c, START);

        events = test_events(&t);
        assert_int_equal(json_array_size(events), 1);
        assert_int_equal(test_count(events, "ACM Certificate Available"), 1);
        json_decref(events);

        for (now = START; now < c.renew_at + 60; now += DAY / 4) {
            (void) test_run(&t, now);
        }

        test_ok(acm_store_begin(t.store, &snap, NULL));
        test_ok(acm_cert_get(snap, c.account, c.region, c.uuid, &old,
                             &revision));
        acm_store_end(snap);

        next = old;
        next.version = 2;
        next.not_before = now;
        next.not_after = now + lives[i] * DAY;
        next.renew_at = acm_sched_renew_at(next.not_before, next.not_after);
        next.due_at = next.renew_at;
        test_ok(acm_certificate_update(t.store, &old, revision, &next, NULL,
                                       now, &err));
        acm_cert_free(&old);

        events = test_events(&t);
        assert_int_equal(json_array_size(events), 2);
        assert_int_equal(test_count(events, "ACM Certificate Available"), 1);
        assert_int_equal(test_count(events, "AWS Health Event"), 1);
        json_decref(events);

        acm_store_close(t.store);
    }
}


static void
test_members(json_t *o, const char *const *names)
{
    size_t       n;
    void        *iter;

    n = 0;

    for (iter = json_object_iter(o); iter != NULL;
         iter = json_object_iter_next(o, iter))
    {
        assert_non_null(names[n]);
        assert_string_equal(json_object_iter_key(iter), names[n]);
        n++;
    }

    assert_null(names[n]);
}


static const char *const  test_envelope[] = {
    "version", "id", "detail-type", "source", "account", "time", "region",
    "resources", "detail", NULL
};


static json_t *
test_event_of(json_t *events, const char *type)
{
    size_t   i;
    json_t  *e;

    json_array_foreach(events, i, e) {
        if (strcmp(json_string_value(json_object_get(e, "detail-type")),
                   type)
            == 0)
        {
            test_members(e, test_envelope);
            return json_object_get(e, "detail");
        }
    }

    return NULL;
}


/* Each structure of the user guide, member by member. */

static void
test_structures(void **state)
{
    test_t        t;
    json_t       *events, *d, *e;
    acm_cert_t    c, next;
    acm_batch_t   batch;

    static const char *const  available[] = {
        "Action", "CertificateType", "CommonName", "DomainValidationMethod",
        "CertificateCreatedDate", "CertificateExpirationDate",
        "DaysToExpiry", "InUse", "Exported", NULL
    };
    static const char *const  approaching[] = {
        "DaysToExpiry", "CommonName", NULL
    };
    static const char *const  action[] = {
        "CertificateType", "CommonName", "DomainValidationMethod",
        "RenewalStatusReason", "DaysToExpiry", "CertificateExpirationDate",
        "InUse", "Exported", NULL
    };
    static const char *const  expired[] = {
        "CertificateType", "CommonName", "DomainValidationMethod",
        "CertificateCreatedDate", "CertificateExpirationDate", "InUse",
        "Exported", NULL
    };
    static const char *const  revoked[] = {
        "CertificateType", "CommonName", "CertificateExpirationDate",
        "Exportable", NULL
    };
    static const char *const  health[] = {
        "eventArn", "service", "eventTypeCode", "eventTypeCategory",
        "startTime", "lastUpdatedTime", "eventDescription",
        "affectedEntities", NULL
    };

    (void) state;

    test_start(&t);
    test_issued(&c, 395 * DAY, START);
    c.reason = ACM_REASON_CAA_ERROR;
    c.last_error = "CAA says \xff no";

    acm_batch_init(&batch);
    acm_event_changes(&batch, NULL, &c, START);

    next = c;
    next.approached = 32;
    next.warned = 30 * DAY;
    acm_event_changes(&batch, &c, &next, c.not_after - 30 * DAY);

    next = c;
    next.status = ACM_STATUS_EXPIRED;
    acm_event_changes(&batch, &c, &next, c.not_after);

    next = c;
    next.status = ACM_STATUS_REVOKED;
    next.exportable = 1;
    acm_event_changes(&batch, &c, &next, START + DAY);

    test_ok(acm_store_commit(t.store, &batch, NULL));
    acm_batch_free(&batch);

    events = test_events(&t);
    assert_int_equal(json_array_size(events), 7);

    d = test_event_of(events, "ACM Certificate Available");
    test_members(d, available);
    assert_string_equal(json_string_value(json_object_get(d, "Action")),
                        "ISSUANCE");
    assert_int_equal(json_integer_value(json_object_get(d, "DaysToExpiry")),
                     395);
    assert_string_equal(json_string_value(json_object_get(d,
                            "CertificateCreatedDate")),
                        "2027-01-15T08:00:00Z");
    assert_true(json_is_true(json_object_get(d, "InUse")));
    assert_true(json_is_false(json_object_get(d, "Exported")));

    e = json_array_get(events, 0);
    assert_string_equal(json_string_value(json_object_get(e, "source")),
                        "aws.acm");
    assert_string_equal(json_string_value(json_object_get(e, "version")),
                        "0");
    assert_string_equal(json_string_value(json_object_get(e, "time")),
                        "2027-01-15T08:00:00Z");
    assert_string_equal(json_string_value(json_array_get(
                            json_object_get(e, "resources"), 0)),
                        "arn:aws:acm:us-east-1:123456789012:certificate/"
                        "11111111-2222-4333-8444-555555555555");

    d = test_event_of(events, "ACM Certificate Approaching Expiration");
    test_members(d, approaching);
    assert_int_equal(json_integer_value(json_object_get(d, "DaysToExpiry")),
                     31);

    d = test_event_of(events, "ACM Certificate Renewal Action Required");
    test_members(d, action);
    assert_string_equal(json_string_value(json_object_get(d,
                            "RenewalStatusReason")), "CAA_ERROR");
    assert_int_equal(json_integer_value(json_object_get(d, "DaysToExpiry")),
                     30);

    test_members(test_event_of(events, "ACM Certificate Expired"), expired);
    test_members(test_event_of(events, "ACM Certificate Revoked"), revoked);

    d = test_event_of(events, "AWS Health Event");
    test_members(d, health);
    assert_string_equal(json_string_value(json_object_get(d,
                            "eventTypeCode")), "CAA_CHECK_FAILURE");
    assert_string_equal(json_string_value(json_object_get(d,
                            "eventTypeCategory")), "scheduledChange");
    assert_string_equal(json_string_value(json_object_get(d, "service")),
                        "ACM");

    json_decref(events);

    /* codes: a private CA's, and the rest; an import never expires aloud */

    acm_batch_init(&batch);
    c.type = ACM_TYPE_PRIVATE;
    c.reason = ACM_REASON_PCA_REQUEST_FAILED;
    c.last_error = "";
    next = c;
    next.warned = DAY;
    acm_event_changes(&batch, &c, &next, c.not_after - DAY);
    c.type = ACM_TYPE_IMPORTED;
    next = c;
    next.status = ACM_STATUS_EXPIRED;
    acm_event_changes(&batch, &c, &next, c.not_after);
    test_ok(acm_store_commit(t.store, &batch, NULL));
    acm_batch_free(&batch);

    events = test_events(&t);
    assert_int_equal(json_array_size(events), 2);
    d = test_event_of(events, "AWS Health Event");
    assert_string_equal(json_string_value(json_object_get(d,
                            "eventTypeCode")), "AWS_ACM_RENEWAL_FAILURE");
    json_decref(events);

    acm_store_close(t.store);
}


/* A clock a year ahead ends it; once it is right again all is as before. */

static void
test_clock(void **state)
{
    test_t        t;
    int64_t       now;
    json_t       *events;
    unsigned      attempts;
    acm_cert_t    c, read;
    acm_snap_t   *snap;

    (void) state;

    for (attempts = 0; attempts < 2; attempts++) {
        test_issued(&c, 90 * DAY, START);
        c.attempts = attempts;
        acm_ladder_default(&t.ladder);
        acm_watch_look(&c, &t.ladder, c.not_after);
        assert_int_equal(c.renewal, ACM_RENEWAL_FAILED);
        acm_watch_look(&c, &t.ladder, c.not_after - 1);
        assert_int_equal(c.renewal, attempts
                                    ? ACM_RENEWAL_PENDING_AUTO_RENEWAL
                                    : ACM_RENEWAL_NONE);
        assert_int_equal(c.renewal_at, attempts ? c.not_after - 1 : 0);
    }

    test_start(&t);
    test_issued(&c, 90 * DAY, START);
    test_store(&t, &c, START);
    (void) test_run(&t, START);
    json_decref(test_events(&t));

    (void) test_run(&t, START + 365 * DAY);
    events = test_events(&t);
    assert_int_equal(test_count(events, "ACM Certificate Expired"), 1);
    json_decref(events);

    now = START + DAY;
    assert_true(test_run(&t, now) <= now + 60);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_cert_get(snap, c.account, c.region, c.uuid, &read, NULL));
    acm_store_end(snap);
    assert_int_equal(read.status, ACM_STATUS_ISSUED);
    assert_int_equal(read.warned, 0);
    assert_int_equal(read.overdue, 0);
    assert_int_equal(read.renewal, ACM_RENEWAL_NONE);
    assert_int_equal(read.renewal_at, 0);
    assert_int_equal(read.watch_at, acm_watch_overdue_at(&c));
    acm_cert_free(&read);

    events = test_events(&t);
    assert_int_equal(json_array_size(events), 0);
    json_decref(events);

    /* the rungs are told when they come */

    (void) test_run(&t, c.not_after - 15 * DAY);
    events = test_events(&t);
    assert_int_equal(test_count(events, "ACM Certificate Renewal Action "
                                "Required"), 1);
    json_decref(events);

    acm_store_close(t.store);
}


/* Entries that are lost, or never were, come back; a new ladder is swept
   in. */

static void
test_heal(void **state)
{
    size_t        len;
    test_t        t;
    uint8_t       key[ACM_MAX_STORE_KEY];
    acm_cert_t    c, read;
    acm_snap_t   *snap;
    acm_entry_t   entry;
    acm_batch_t   batch;

    (void) state;

    test_start(&t);
    test_issued(&c, 90 * DAY, START);
    test_store(&t, &c, START);
    (void) test_run(&t, START);

    acm_batch_init(&batch);
    len = acm_due_key(key, c.due_at, c.due, c.uuid);
    acm_batch_delete(&batch, ACM_DB_DUE, key, len);
    len = acm_time_key(key, c.watch_at, c.uuid);
    acm_batch_delete(&batch, ACM_DB_WATCH, key, len);
    test_ok(acm_store_commit(t.store, &batch, NULL));
    acm_batch_free(&batch);

    (void) test_run(&t, START + 61);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    len = acm_due_key(key, c.due_at, c.due, c.uuid);
    test_ok(acm_store_get(snap, ACM_DB_DUE, key, len, &entry));
    len = acm_time_key(key, c.watch_at, c.uuid);
    test_ok(acm_store_get(snap, ACM_DB_WATCH, key, len, &entry));
    acm_store_end(snap);

    /* a store of a version that had no such indices */

    acm_batch_init(&batch);
    acm_batch_delete(&batch, ACM_DB_WATCH, key, len);
    len = acm_time_key(key, c.not_after, c.uuid);
    acm_batch_delete(&batch, ACM_DB_EXPIRY, key, len);
    acm_batch_delete(&batch, ACM_DB_META, ACM_META_LADDER,
                     sizeof(ACM_META_LADDER) - 1);
    test_ok(acm_store_commit(t.store, &batch, NULL));
    acm_batch_free(&batch);

    t.watch.ready = 0;
    t.ladder.rungs[0] = 80 * DAY;
    t.ladder.rungs[1] = 20 * DAY;
    t.ladder.nrungs = 2;
    memset(&t.ladder.rungs[2], 0, 4 * sizeof(uint32_t));
    (void) test_run(&t, START + 100);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_store_get(snap, ACM_DB_EXPIRY, key, len, &entry));
    test_ok(acm_cert_get(snap, c.account, c.region, c.uuid, &read, NULL));
    len = acm_time_key(key, read.watch_at, c.uuid);
    test_ok(acm_store_get(snap, ACM_DB_WATCH, key, len, &entry));
    acm_store_end(snap);
    acm_cert_free(&read);

    assert_int_equal(t.watch.sweeping, 0);

    acm_store_close(t.store);
}


static acm_rc_t
test_step(void *data, const acm_history_t *step)
{
    unsigned  *n = data;

    if (*n == 0) {
        assert_int_equal(step->kind, ACM_HISTORY_FAILED);
        assert_string_equal(step->text, "error 199");
    }

    (*n)++;

    return ACM_OK;
}


static void
test_history(void **state)
{
    char          text[ACM_MAX_STEP_TEXT + 32];
    test_t        t;
    unsigned      i, n;
    acm_cert_t    c, next;
    acm_snap_t   *snap;
    acm_entry_t   entry;
    acm_batch_t   batch;

    (void) state;

    test_start(&t);
    test_issued(&c, 90 * DAY, START);
    test_store(&t, &c, START);
    assert_int_equal(c.steps, 1);

    for (i = 0; i < 200; i++) {
        snprintf(text, sizeof(text), "error %u", i);
        next = c;
        next.last_error = text;
        next.last_error_at = START + i;
        acm_batch_init(&batch);
        acm_batch_change(&batch, &c, &next, START + i);
        test_ok(acm_store_commit(t.store, &batch, NULL));
        acm_batch_free(&batch);
        c.steps = next.steps;
    }

    assert_int_equal(c.steps, 201);

    n = 0;
    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_history_read(snap, &c, test_step, &n));
    assert_int_equal(n, ACM_MAX_HISTORY);

    for (n = 0, i = 0; acm_store_seek(snap, ACM_DB_HISTORY, entry.key,
                                      i ? entry.key_len : 0, &entry)
                       == ACM_OK && i < 1; i++)
    {
        do {
            n++;
        } while (acm_store_next(snap, ACM_DB_HISTORY, &entry) == ACM_OK);
    }

    acm_store_end(snap);
    assert_int_equal(n, ACM_MAX_HISTORY);

    /* a text at its limit, and one octet more, cut at a character */

    memset(text, 'x', sizeof(text));
    text[ACM_MAX_STEP_TEXT - 1] = (char) 0xc3;
    text[ACM_MAX_STEP_TEXT] = (char) 0xa4;
    text[ACM_MAX_STEP_TEXT + 1] = '\0';
    next = c;
    next.findings = text;
    acm_batch_init(&batch);
    acm_history_changes(&batch, &c, &next, START);
    test_ok(batch.rc);
    acm_batch_free(&batch);

    acm_batch_init(&batch);
    acm_history_delete(&batch, &c);
    test_ok(acm_store_commit(t.store, &batch, NULL));
    acm_batch_free(&batch);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    assert_int_equal(acm_store_seek(snap, ACM_DB_HISTORY, NULL, 0, &entry),
                     ACM_NOTFOUND);
    acm_store_end(snap);
    acm_store_close(t.store);
}


/* RenewalEligibility and RenewalSummary, row by row. */

static void
test_renewal(void **state)
{
    test_t         t;
    uint64_t       revision;
    acm_cert_t     c;
    acm_snap_t    *snap;
    acm_err_t      err;
    acm_problem_t  problem;

    (void) state;

    test_start(&t);
    test_issued(&c, 90 * DAY, START);

    assert_true(acm_renewal_eligible(&c));
    c.due = ACM_DUE_NONE;
    assert_false(acm_renewal_eligible(&c));
    c.exported = 1;
    assert_true(acm_renewal_eligible(&c));
    c.status = ACM_STATUS_EXPIRED;
    assert_false(acm_renewal_eligible(&c));
    c.status = ACM_STATUS_ISSUED;
    c.type = ACM_TYPE_IMPORTED;
    assert_false(acm_renewal_eligible(&c));

    test_issued(&c, 90 * DAY, START);
    acm_renewal_started(&c, START + 1);
    assert_int_equal(c.renewal, ACM_RENEWAL_PENDING_AUTO_RENEWAL);
    assert_int_equal(c.renewal_at, START + 1);

    memset(&problem, 0, sizeof(problem));
    problem.type = ACM_PROBLEM_DNS;
    acm_renewal_failed(&c, acm_renewal_reason(&problem), START + 2);
    assert_int_equal(c.renewal, ACM_RENEWAL_PENDING_VALIDATION);
    assert_string_equal(acm_reason_text(c.reason),
                        "PENDING_DOMAIN_VALIDATION");

    problem.type = ACM_PROBLEM_CAA;
    acm_renewal_failed(&c, acm_renewal_reason(&problem), START + 2);
    assert_int_equal(c.renewal, ACM_RENEWAL_PENDING_VALIDATION);
    assert_string_equal(acm_reason_text(c.reason), "CAA_ERROR");

    acm_renewal_failed(&c, ACM_REASON_PCA_ACCESS_DENIED, START + 3);
    assert_string_equal(acm_renewal_text(c.renewal),
                        "PENDING_AUTO_RENEWAL");

    acm_watch_look(&c, &t.ladder, c.not_after);
    assert_int_equal(c.status, ACM_STATUS_EXPIRED);
    assert_int_equal(c.renewal, ACM_RENEWAL_FAILED);

    /* asked for: due at once, and only once */

    test_issued(&c, 90 * DAY, START);
    test_store(&t, &c, START);
    test_ok(acm_renewal_force(t.store, c.account, c.region, c.uuid,
                              START + 5, &err));
    assert_int_equal(acm_renewal_force(t.store, c.account, c.region, c.uuid,
                                       START + 5, &err), ACM_BUSY);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_cert_get(snap, c.account, c.region, c.uuid, &c, &revision));
    acm_store_end(snap);
    assert_int_equal(c.due_at, START + 5);
    assert_int_equal(c.renewal, ACM_RENEWAL_PENDING_AUTO_RENEWAL);
    acm_cert_free(&c);

    acm_store_close(t.store);
}


/* DaysBeforeExpiry of an account moves its daily events, not the ladder. */

static void
test_setting(void **state)
{
    test_t          t;
    json_t         *events;
    uint64_t        revision;
    acm_cert_t      c;
    acm_snap_t     *snap;
    acm_batch_t     batch;
    acm_ladder_t    ladder;
    acm_setting_t   setting;

    (void) state;

    test_start(&t);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    test_ok(acm_setting_get(snap, "123456789012", "us-east-1", &setting,
                            &revision));
    acm_store_end(snap);
    assert_int_equal(setting.days_before, 45);
    assert_int_equal(revision, 0);

    setting.days_before = 10;
    acm_batch_init(&batch);
    acm_setting_put(&batch, "123456789012", "us-east-1", &setting);
    test_ok(acm_store_commit(t.store, &batch, NULL));
    acm_batch_free(&batch);

    test_ok(acm_store_begin(t.store, &snap, NULL));
    acm_ladder_get(snap, "123456789012", "us-east-1", &ladder);
    acm_store_end(snap);
    assert_int_equal(ladder.days_before, 10);
    assert_int_equal(ladder.nrungs, 6);

    /* an import of 20 days, told of from the tenth on */

    test_issued(&c, 20 * DAY, START);
    c.type = ACM_TYPE_IMPORTED;
    c.due = ACM_DUE_NONE;
    c.renew_at = 0;
    acm_watch_look(&c, &ladder, START);
    assert_int_equal(c.watch_at, c.not_after - 10 * DAY);
    test_store(&t, &c, START);
    (void) test_run(&t, c.not_after - 10 * DAY);
    events = test_events(&t);
    assert_int_equal(test_count(events, "ACM Certificate Approaching "
                                "Expiration"), 2);
    assert_int_equal(test_count(events, "ACM Certificate Renewal Action "
                                "Required"), 0);
    json_decref(events);

    acm_store_close(t.store);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_lives),
        cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_structures),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_heal),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_renewal),
        cmocka_unit_test(test_setting)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
