
/*
 * Copyright (C) The ngx_acm authors
 *
 * The census, and the metrics of single certificates.
 */


#include "acm_census.h"
#include "acm_metrics_cert.h"
#include "test_store.h"


#define TEST_NOW  1800000000LL
#define TEST_DAY  86400


static void
test_cert(acm_cert_t *cert, unsigned n, const char *domain)
{
    static char  *names[1];

    memset(cert, 0, sizeof(acm_cert_t));

    names[0] = (char *) domain;

    cert->account = "123456789012";
    cert->region = "us-east-1";
    snprintf(cert->uuid, sizeof(cert->uuid),
             "%08x-0000-4000-8000-000000000000", n);
    cert->type = ACM_TYPE_ISSUED;
    cert->status = ACM_STATUS_ISSUED;
    cert->key = ACM_KEY_EC_P256;
    cert->domain = (char *) domain;
    cert->names = names;
    cert->nnames = 1;
    cert->issuer = "first second";
    cert->issued_by = "second";
    cert->subject = "";
    cert->issuer_dn = "";
    cert->serial = "";
    cert->sigalg = "";
    cert->last_error = "";
    cert->findings = "";
    cert->version = 1;
    cert->not_before = TEST_NOW - 60 * TEST_DAY;
    cert->not_after = TEST_NOW + 30 * TEST_DAY;
    cert->renew_at = TEST_NOW + TEST_DAY;
    cert->due = ACM_DUE_RENEW;
    cert->due_at = cert->renew_at;
}


static void
test_put(acm_store_t *store, const acm_cert_t *cert)
{
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_buf_t    buf;
    acm_ref_t    ref;
    acm_err_t    err;
    acm_batch_t  batch;

    acm_batch_init(&batch);
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    test_ok(acm_cert_encode(cert, &buf));
    len = acm_cert_key(key, cert->account, cert->region, cert->uuid);
    acm_batch_put(&batch, ACM_DB_CERTIFICATE, key, len, buf.data, buf.len);
    acm_buf_free(&buf);

    if (cert->version != 0) {
        memset(&ref, 0, sizeof(ref));
        snprintf(ref.account, sizeof(ref.account), "%s", cert->account);
        snprintf(ref.region, sizeof(ref.region), "%s", cert->region);
        snprintf(ref.uuid, sizeof(ref.uuid), "%s", cert->uuid);

        test_ok(acm_ref_encode(&ref, &buf));
        len = acm_time_key(key, cert->not_after, cert->uuid);
        acm_batch_put(&batch, ACM_DB_EXPIRY, key, len, buf.data, buf.len);
        acm_buf_free(&buf);
    }

    test_ok(acm_store_commit(store, &batch, &err));
    acm_batch_free(&batch);
}


static unsigned
test_walk(acm_store_t *store, acm_census_t *census)
{
    acm_rc_t            rc;
    unsigned            steps;
    acm_err_t           err;
    acm_census_walk_t  *walk;

    walk = calloc(1, sizeof(acm_census_walk_t));
    assert_non_null(walk);

    steps = 0;

    do {
        rc = acm_census_step(walk, store, TEST_NOW, census, &err);
        steps++;
    } while (rc == ACM_OK);

    assert_int_equal(rc, ACM_NOTFOUND);
    assert_int_equal(walk->begun, 0);
    free(walk);

    return steps;
}


static void
test_counts(void **state)
{
    acm_cert_t     cert;
    acm_store_t   *store;
    acm_census_t   c;

    (void) state;

    store = test_open_memory();

    assert_int_equal(test_walk(store, &c), 1);
    assert_int_equal(c.at, TEST_NOW);
    assert_int_equal(c.certificates[ACM_TYPE_ISSUED][ACM_STATUS_ISSUED], 0);

    /* each window at its edge */

    test_cert(&cert, 1, "a.example.com");
    cert.not_after = TEST_NOW + TEST_DAY;
    cert.renew_at = TEST_NOW;
    test_put(store, &cert);

    test_cert(&cert, 2, "b.example.com");
    cert.not_after = TEST_NOW + TEST_DAY + 1;
    test_put(store, &cert);

    test_cert(&cert, 3, "c.example.com");
    test_put(store, &cert);

    test_cert(&cert, 4, "d.example.com");
    cert.not_after = TEST_NOW + 30 * TEST_DAY + 1;
    test_put(store, &cert);

    /* no certificate yet, and its last attempt failed */

    test_cert(&cert, 5, "e.example.com");
    cert.version = 0;
    cert.status = ACM_STATUS_PENDING_VALIDATION;
    cert.not_before = cert.not_after = cert.renew_at = 0;
    cert.due = ACM_DUE_ISSUE;
    cert.last_error = "no";
    test_put(store, &cert);

    /* nobody renews it: expired, but not in trouble */

    test_cert(&cert, 6, "f.example.com");
    cert.type = ACM_TYPE_IMPORTED;
    cert.status = ACM_STATUS_EXPIRED;
    cert.not_after = TEST_NOW - 1;
    cert.renew_at = 0;
    cert.due = ACM_DUE_NONE;
    test_put(store, &cert);

    test_walk(store, &c);

    assert_int_equal(c.certificates[ACM_TYPE_ISSUED][ACM_STATUS_ISSUED], 4);
    assert_int_equal(c.certificates[ACM_TYPE_ISSUED]
                                   [ACM_STATUS_PENDING_VALIDATION], 1);
    assert_int_equal(c.certificates[ACM_TYPE_IMPORTED][ACM_STATUS_EXPIRED],
                     1);
    assert_int_equal(c.expiring[0], 1);
    assert_int_equal(c.expiring[1], 2);
    assert_int_equal(c.expiring[2], 3);
    assert_int_equal(c.failing, 1);
    assert_int_equal(c.overdue, 0);
    assert_int_equal(c.expired, 0);
    assert_int_equal(c.unreadable, 0);

    /* late by a tenth of what was left, and one that the watch told of */

    test_cert(&cert, 7, "g.example.com");
    cert.not_after = TEST_NOW + 900;
    cert.renew_at = TEST_NOW - 100;
    test_put(store, &cert);

    test_cert(&cert, 8, "h.example.com");
    cert.not_after = TEST_NOW + 901;
    cert.renew_at = TEST_NOW - 99;
    test_put(store, &cert);

    test_cert(&cert, 9, "i.example.com");
    cert.version = 0;
    cert.status = ACM_STATUS_PENDING_VALIDATION;
    cert.not_before = cert.not_after = cert.renew_at = 0;
    cert.due = ACM_DUE_ISSUE;
    cert.overdue = 1;
    test_put(store, &cert);

    test_cert(&cert, 10, "j.example.com");
    cert.status = ACM_STATUS_EXPIRED;
    cert.not_after = TEST_NOW;
    cert.renew_at = TEST_NOW - 30 * TEST_DAY;
    test_put(store, &cert);

    test_walk(store, &c);

    assert_int_equal(c.overdue, 2);
    assert_string_equal(c.first_overdue, "g.example.com");
    assert_int_equal(c.expired, 1);
    assert_string_equal(c.first_expired, "j.example.com");

    acm_store_close(store);
}


static void
test_slices(void **state)
{
    unsigned       i;
    acm_err_t      err;
    acm_cert_t     cert;
    acm_batch_t    batch;
    acm_store_t   *store;
    acm_census_t   c;

    (void) state;

    store = test_open_memory();

    for (i = 0; i < ACM_CENSUS_SLICE; i++) {
        test_cert(&cert, i, "a.example.com");
        test_put(store, &cert);
    }

    assert_int_equal(test_walk(store, &c), 1);
    assert_int_equal(c.certificates[ACM_TYPE_ISSUED][ACM_STATUS_ISSUED],
                     ACM_CENSUS_SLICE);

    for (i = 0; i < ACM_CENSUS_SLICE + 1; i++) {
        test_cert(&cert, ACM_CENSUS_SLICE + i, "b.example.com");
        test_put(store, &cert);
    }

    /* one that nobody can read */

    acm_batch_init(&batch);
    acm_batch_put(&batch, ACM_DB_CERTIFICATE, "zzz", 3, "garbage", 7);
    test_ok(acm_store_commit(store, &batch, &err));
    acm_batch_free(&batch);

    assert_int_equal(test_walk(store, &c), 3);
    assert_int_equal(c.certificates[ACM_TYPE_ISSUED][ACM_STATUS_ISSUED],
                     2 * ACM_CENSUS_SLICE + 1);
    assert_int_equal(c.unreadable, 1);

    acm_store_close(store);
}


static char *
test_rows(acm_store_t *store, size_t limit, size_t max, size_t *shown)
{
    acm_err_t            err;
    acm_snap_t          *snap;
    acm_metrics_t        m;
    acm_metrics_certs_t  c;

    acm_metrics_init(&m, 0, 1 << 20);
    acm_metrics_certs_init(&c, 0, max);

    test_ok(acm_store_begin(store, &snap, &err));
    test_ok(acm_metrics_certs_read(&c, snap, TEST_NOW, limit, shown));
    acm_store_end(snap);

    acm_metrics_certs_end(&c, &m);
    acm_metrics_certs_free(&c);

    test_ok(acm_metrics_end(&m));
    acm_buf_u8(&m.out, 0);
    test_ok(acm_buf_rc(&m.out));
    acm_buf_free(&m.labels);

    return (char *) m.out.data;
}


static void
test_certificates(void **state)
{
    char         *text;
    size_t        shown, room;
    acm_cert_t    cert;
    acm_store_t  *store;

    (void) state;

    store = test_open_memory();

    test_cert(&cert, 3, "late.example.com");
    cert.not_after = TEST_NOW + 2 * TEST_DAY;
    test_put(store, &cert);

    test_cert(&cert, 7, "soon.example.com");
    cert.not_after = TEST_NOW + TEST_DAY;
    cert.type = ACM_TYPE_IMPORTED;
    cert.issuer = cert.issued_by = "";
    cert.due = ACM_DUE_EXPIRE;
    cert.renew_at = 0;
    test_put(store, &cert);

    /* ended long ago, and just in the time that counts */

    test_cert(&cert, 9, "old.example.com");
    cert.not_after = TEST_NOW - ACM_METRICS_PAST - 1;
    test_put(store, &cert);

    test_cert(&cert, 10, "past.example.com");
    cert.not_after = TEST_NOW - ACM_METRICS_PAST;
    test_put(store, &cert);

    text = test_rows(store, 1000, 1 << 20, &shown);
    assert_int_equal(shown, 3);
    assert_null(strstr(text, "old.example.com"));

    assert_non_null(strstr(text,
        "\nacm_certificate_info{id=\"00000003-0000-4000-8000-000000000000\","
        "arn=\"arn:aws:acm:us-east-1:123456789012:certificate/"
        "00000003-0000-4000-8000-000000000000\",domain=\"late.example.com\","
        "type=\"AMAZON_ISSUED\",issuer=\"second\",status=\"ISSUED\","
        "key_algorithm=\"EC-prime256v1\",source=\"store\"} 1\n"));
    assert_non_null(strstr(text,
        "\nacm_certificate_not_after_timestamp_seconds{"
        "id=\"00000007-0000-4000-8000-000000000000\","
        "domain=\"soon.example.com\",type=\"IMPORTED\",issuer=\"\","
        "source=\"store\"} 1800086400\n"));
    assert_non_null(strstr(text,
        "\nacm_certificate_renewal_timestamp_seconds{"
        "id=\"00000003-0000-4000-8000-000000000000\","
        "domain=\"late.example.com\",type=\"AMAZON_ISSUED\","
        "issuer=\"second\",source=\"store\"} 1800086400\n"));
    assert_null(strstr(strstr(text,
                              "TYPE acm_certificate_renewal"), "soon"));
    free(text);

    text = test_rows(store, 2, 1 << 20, &shown);
    assert_int_equal(shown, 2);
    assert_non_null(strstr(text, "past.example.com"));
    assert_non_null(strstr(text, "soon.example.com"));
    assert_null(strstr(text, "late.example.com"));
    room = strlen(text) + ACM_METRICS_ROW;
    free(text);

    /* room for one more, and none: it is left out, and nothing fails */

    text = test_rows(store, 1000, room, &shown);
    assert_int_equal(shown, 3);
    free(text);

    text = test_rows(store, 1000, room - 1, &shown);
    assert_int_equal(shown, 2);
    assert_null(strstr(text, "late.example.com"));
    free(text);

    text = test_rows(store, 0, 1 << 20, &shown);
    assert_int_equal(shown, 0);
    free(text);

    acm_store_close(store);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_certificates)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
