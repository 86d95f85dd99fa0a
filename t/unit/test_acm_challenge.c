
/*
 * Copyright (C) The ngx_acm authors
 *
 * Answers to challenges and permanent labels.
 */


#include "acm_challenge.h"
#include "test_store.h"


#define NOW   1800000000LL
#define UUID  "00000000-0000-4000-8000-000000000001"
#define TXT   "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuF"


static acm_store_t *
test_open(void)
{
    acm_store_t      *store;

    store = test_open_memory();

    return store;
}


static void
test_fill(acm_challenge_t *c, acm_challenge_e kind, const char *subject,
    const char *value, int64_t expires)
{
    memset(c, 0, sizeof(acm_challenge_t));
    c->kind = kind;
    c->subject = (char *) subject;
    c->value = (char *) value;
    memcpy(c->uuid, UUID, sizeof(c->uuid));
    c->expires = expires;
}


static acm_rc_t
test_put(acm_store_t *store, acm_challenge_e kind, const char *subject,
    const char *value, int64_t expires)
{
    acm_rc_t         rc;
    acm_err_t        err;
    acm_batch_t      batch;
    acm_challenge_t  c;

    test_fill(&c, kind, subject, value, expires);
    acm_batch_init(&batch);
    acm_challenge_put(&batch, &c);
    rc = batch.rc;

    if (rc == ACM_OK) {
        rc = acm_store_commit(store, &batch, &err);
    }

    acm_batch_free(&batch);

    return rc;
}


static void
test_raw(acm_store_t *store, acm_db_e db, const char *key, size_t len,
    const char *data, size_t n)
{
    acm_err_t    err;
    acm_batch_t  batch;

    acm_batch_init(&batch);
    acm_batch_put(&batch, db, key, len, data, n);
    test_ok(acm_store_commit(store, &batch, &err));
    acm_batch_free(&batch);
}


/* value: NULL if there is to be no answer */

static void
test_get(acm_store_t *store, acm_challenge_e kind, const char *subject,
    size_t len, int64_t now, const char *value)
{
    acm_rc_t         rc;
    acm_err_t        err;
    acm_snap_t      *snap;
    acm_challenge_t  c;

    test_ok(acm_store_begin(store, &snap, &err));
    rc = acm_challenge_get(snap, kind, subject, len, now, &c);
    acm_store_end(snap);

    if (value == NULL) {
        assert_int_equal(rc, ACM_NOTFOUND);
        return;
    }

    assert_int_equal(rc, ACM_OK);
    assert_string_equal(c.value, value);
    assert_int_equal(c.kind, kind);
    assert_string_equal(c.uuid, UUID);
    acm_challenge_free(&c);
}


static void
test_answers(void **state)
{
    char              text[ACM_MAX_KEY_AUTH + 2];
    acm_err_t         err;
    acm_batch_t       batch;
    acm_store_t      *store;
    acm_challenge_t   c;

    (void) state;

    store = test_open();
    test_get(store, ACM_CHALLENGE_HTTP, "token", 5, NOW, NULL);
    test_ok(test_put(store, ACM_CHALLENGE_HTTP, "token", "token.print",
                     NOW + 60));
    test_ok(test_put(store, ACM_CHALLENGE_ALPN, "www.example.com", "a.b",
                     NOW + 60));

    test_get(store, ACM_CHALLENGE_HTTP, "token", 5, NOW, "token.print");
    test_get(store, ACM_CHALLENGE_HTTP, "token/x", 5, NOW, "token.print");
    test_get(store, ACM_CHALLENGE_ALPN, "www.example.com", 15, NOW, "a.b");

    /* nothing but exactly this */

    test_get(store, ACM_CHALLENGE_HTTP, "token", 4, NOW, NULL);
    test_get(store, ACM_CHALLENGE_HTTP, "token\0", 6, NOW, NULL);
    test_get(store, ACM_CHALLENGE_HTTP, "Token", 5, NOW, NULL);
    test_get(store, ACM_CHALLENGE_HTTP, "tokens", 6, NOW, NULL);
    test_get(store, ACM_CHALLENGE_HTTP, "", 0, NOW, NULL);
    test_get(store, ACM_CHALLENGE_HTTP, "<script>", 8, NOW, NULL);
    test_get(store, ACM_CHALLENGE_HTTP, "../../x", 7, NOW, NULL);
    test_get(store, ACM_CHALLENGE_ALPN, "token", 5, NOW, NULL);
    test_get(store, ACM_CHALLENGE_DNS, "token", 5, NOW, NULL);
    test_get(store, ACM_CHALLENGE_HTTP, "www.example.com", 15, NOW, NULL);
    memset(text, 'a', sizeof(text));
    test_get(store, ACM_CHALLENGE_HTTP, text, ACM_MAX_KEY_AUTH, NOW, NULL);
    test_get(store, ACM_CHALLENGE_HTTP, text, SIZE_MAX, NOW, NULL);

    /* until it expires, and a new one instead of the old one */

    test_get(store, ACM_CHALLENGE_HTTP, "token", 5, NOW + 59, "token.print");
    test_get(store, ACM_CHALLENGE_HTTP, "token", 5, NOW + 60, NULL);
    test_ok(test_put(store, ACM_CHALLENGE_HTTP, "token", "token.new",
                     NOW + 99));
    test_get(store, ACM_CHALLENGE_HTTP, "token", 5, NOW + 60, "token.new");

    test_fill(&c, ACM_CHALLENGE_HTTP, "token", "whatever", 0);
    acm_batch_init(&batch);
    acm_challenge_delete(&batch, &c);
    test_ok(acm_store_commit(store, &batch, &err));
    acm_batch_free(&batch);
    test_get(store, ACM_CHALLENGE_HTTP, "token", 5, NOW, NULL);
    test_get(store, ACM_CHALLENGE_ALPN, "www.example.com", 15, NOW, "a.b");

    /* limits */

    text[ACM_MAX_KEY_AUTH] = '\0';
    test_ok(test_put(store, ACM_CHALLENGE_HTTP, "t", text, NOW));
    text[ACM_MAX_KEY_AUTH] = 'a';
    text[ACM_MAX_KEY_AUTH + 1] = '\0';
    assert_int_equal(test_put(store, ACM_CHALLENGE_HTTP, "t", text, NOW),
                     ACM_TOOBIG);
    assert_int_equal(test_put(store, ACM_CHALLENGE_DNS, "t", text, NOW),
                     ACM_INVALID);
    assert_int_equal(test_put(store, ACM_CHALLENGE_HTTP, "", "a", NOW),
                     ACM_INVALID);
    assert_int_equal(test_put(store, ACM_CHALLENGE_HTTP, "t", "", NOW),
                     ACM_INVALID);
    acm_store_close(store);
}


static size_t
test_txt(acm_store_t *store, const char *label, int64_t now,
    char values[ACM_MAX_TXT][ACM_TXT_LEN + 1])
{
    size_t       n;
    acm_rc_t     rc;
    acm_err_t    err;
    acm_snap_t  *snap;

    n = 99;
    test_ok(acm_store_begin(store, &snap, &err));
    rc = acm_challenge_txt(snap, label, NULL, now, values, &n);
    acm_store_end(snap);

    assert_true(rc == ACM_OK || rc == ACM_NOTFOUND);
    assert_true(n <= ACM_MAX_TXT);

    return (rc == ACM_OK) ? n : SIZE_MAX;
}


static size_t
test_of(acm_store_t *store, const char *label, const char *uuid)
{
    char         values[ACM_MAX_TXT][ACM_TXT_LEN + 1];
    size_t       n;
    acm_err_t    err;
    acm_snap_t  *snap;

    test_ok(acm_store_begin(store, &snap, &err));
    test_ok(acm_challenge_txt(snap, label, uuid, NOW, values, &n));
    acm_store_end(snap);

    return n;
}


static void
test_records(void **state)
{
    char          label[ACM_LABEL_LEN + 1], other[ACM_LABEL_LEN + 1];
    char          values[ACM_MAX_TXT][ACM_TXT_LEN + 1];
    char          text[ACM_TXT_LEN + 1], key[ACM_MAX_STORE_KEY];
    size_t        i;
    acm_err_t     err;
    acm_store_t  *store;

    (void) state;

    store = test_open();
    test_ok(acm_validation_ensure(store, "123456789012", "example.com", NOW,
                                  label, &err));
    test_ok(acm_validation_ensure(store, "123456789012", "example.org", NOW,
                                  other, &err));
    assert_string_not_equal(label, other);

    assert_int_equal(test_txt(store, label, NOW, values), 0);
    assert_true(test_txt(store, "00000000000000000000000000000000", NOW,
                         values) == SIZE_MAX);
    assert_true(test_txt(store, "", NOW, values) == SIZE_MAX);
    assert_true(test_txt(store, "x", NOW, values) == SIZE_MAX);

    /* the name and its wildcard at the same time; and a neighbour */

    test_ok(test_put(store, ACM_CHALLENGE_DNS, label, TXT "A", NOW + 60));
    test_ok(test_put(store, ACM_CHALLENGE_DNS, label, TXT "E", NOW + 90));
    test_ok(test_put(store, ACM_CHALLENGE_DNS, other, TXT "I", NOW + 90));
    test_ok(test_put(store, ACM_CHALLENGE_DNS, label, "short", NOW + 90));
    assert_int_equal(test_txt(store, label, NOW, values), 2);
    assert_string_equal(values[0], TXT "A");
    assert_string_equal(values[1], TXT "E");
    assert_int_equal(test_txt(store, label, NOW + 60, values), 1);
    assert_string_equal(values[0], TXT "E");
    assert_int_equal(test_txt(store, label, NOW + 90, values), 0);
    assert_int_equal(test_txt(store, other, NOW, values), 1);

    /* of one order */

    assert_int_equal(test_of(store, label, UUID), 2);
    assert_int_equal(test_of(store, label,
                             "00000000-0000-4000-8000-000000000002"), 0);

    /* put again, it lives longer */

    test_ok(test_put(store, ACM_CHALLENGE_DNS, label, TXT "A", NOW + 300));
    assert_int_equal(test_txt(store, label, NOW + 90, values), 1);

    /* one that cannot be read does not hide the others */

    key[0] = ACM_CHALLENGE_DNS;
    memcpy(key + 1, label, ACM_LABEL_LEN);
    memcpy(key + 1 + ACM_LABEL_LEN, "\0000", 2);
    test_raw(store, ACM_DB_CHALLENGE, key, 1 + ACM_LABEL_LEN + 2, "junk", 4);
    assert_int_equal(test_txt(store, label, NOW, values), 2);

    /* more than fit */

    for (i = 0; i < ACM_MAX_TXT + 4; i++) {
        snprintf(text, sizeof(text), "%043zu", i);
        test_ok(test_put(store, ACM_CHALLENGE_DNS, other, text, NOW + 60));
    }

    assert_int_equal(test_txt(store, other, NOW, values), ACM_MAX_TXT);
    acm_store_close(store);
}


static void
test_sweep(void **state)
{
    char          text[64];
    size_t        i, n, sum;
    acm_err_t     err;
    acm_store_t  *store;

    (void) state;

    store = test_open();
    test_ok(acm_challenge_sweep(store, NOW, &n, &err));
    assert_int_equal(n, 0);

    for (i = 0; i < 300; i++) {
        snprintf(text, sizeof(text), "token-%zu", i);
        test_ok(test_put(store, ACM_CHALLENGE_HTTP, text, "a.b", NOW));
    }

    test_ok(test_put(store, ACM_CHALLENGE_HTTP, "zz", "a.b", NOW + 1));

    /* corrupt ones, also the very first one, stop nothing */

    test_raw(store, ACM_DB_CHALLENGE, "\x01!", 2, "junk", 4);
    test_raw(store, ACM_DB_CHALLENGE, "\x01token-150x", 11, "", 0);


    for (sum = 0, i = 0; i < 10; i++) {
        test_ok(acm_challenge_sweep(store, NOW, &n, &err));
        assert_true(n <= 256);
        sum += n;
    }

    assert_true(sum >= 302);
    test_get(store, ACM_CHALLENGE_HTTP, "token-0", 7, NOW - 1, NULL);
    test_get(store, ACM_CHALLENGE_HTTP, "token-299", 9, NOW - 1, NULL);
    test_get(store, ACM_CHALLENGE_HTTP, "zz", 2, NOW, "a.b");
    acm_store_close(store);
}


/* all answers of one order, and none of another */

static void
test_drop(void **state)
{
    acm_buf_t        buf;
    acm_err_t        err;
    acm_snap_t      *snap;
    acm_batch_t      batch;
    acm_store_t     *store;
    acm_challenge_t  c;

    (void) state;

    store = test_open();
    test_fill(&c, ACM_CHALLENGE_HTTP, "other", "a.b", NOW + 1);
    c.uuid[0] = '7';
    acm_buf_init(&buf, 4096);
    test_ok(acm_challenge_encode(&c, &buf));
    test_raw(store, ACM_DB_CHALLENGE, "\x01other", 6, (char *) buf.data,
             buf.len);
    acm_buf_free(&buf);

    test_raw(store, ACM_DB_CHALLENGE, "\x01!", 2, "junk", 4);
    test_ok(test_put(store, ACM_CHALLENGE_HTTP, "mine", "a.b", NOW + 1));
    test_ok(test_put(store, ACM_CHALLENGE_ALPN, "mine", "a.b", NOW + 1));

    acm_batch_init(&batch);
    test_ok(acm_challenge_drop(store, UUID, &batch, &err));
    test_ok(acm_store_commit(store, &batch, &err));
    acm_batch_free(&batch);

    test_get(store, ACM_CHALLENGE_HTTP, "mine", 4, NOW, NULL);
    test_get(store, ACM_CHALLENGE_ALPN, "mine", 4, NOW, NULL);

    test_ok(acm_store_begin(store, &snap, &err));
    test_ok(acm_challenge_get(snap, ACM_CHALLENGE_HTTP, "other", 5, NOW,
                              &c));
    acm_challenge_free(&c);
    acm_store_end(snap);
    acm_store_close(store);
}


/* of a newer version: its first octets are the type and the version */

static void
test_newer(void **state)
{
    size_t           n;
    acm_buf_t        buf;
    acm_err_t        err;
    acm_store_t     *store;
    acm_challenge_t  c;

    (void) state;

    store = test_open();
    test_fill(&c, ACM_CHALLENGE_HTTP, "token", "a.b", NOW - 1);
    acm_buf_init(&buf, 4096);
    test_ok(acm_challenge_encode(&c, &buf));
    buf.data[1]++;
    assert_int_equal(acm_challenge_decode(buf.data, buf.len, &c),
                     ACM_VERSION);
    test_raw(store, ACM_DB_CHALLENGE, "\x01token", 6, (char *) buf.data,
             buf.len);
    acm_buf_free(&buf);

    test_ok(acm_challenge_sweep(store, NOW, &n, &err));
    assert_int_equal(n, 0);
    acm_store_close(store);
}


static void
test_labels(void **state)
{
    char          label[ACM_LABEL_LEN + 1], again[ACM_LABEL_LEN + 1];
    char          name[ACM_MAX_NAME + 8];
    size_t        i;
    acm_err_t     err;
    acm_snap_t   *snap;
    acm_store_t  *store;

    (void) state;

    store = test_open();

    test_ok(acm_store_begin(store, &snap, &err));
    assert_int_equal(acm_validation_get(snap, "a", "example.com", label),
                     ACM_NOTFOUND);
    assert_int_equal(acm_validation_get(snap, "", "example.com", label),
                     ACM_INVALID);
    assert_int_equal(acm_validation_get(snap, "a", "", label), ACM_INVALID);
    assert_int_equal(acm_validation_get(snap, "a", "*.", label),
                     ACM_INVALID);
    acm_store_end(snap);

    test_ok(acm_validation_ensure(store, "a", "example.com", NOW, label,
                                  &err));
    assert_int_equal(strlen(label), ACM_LABEL_LEN);
    assert_int_equal(strspn(label, "0123456789abcdef"), ACM_LABEL_LEN);

    /* the same for ever, and for the wildcard */

    test_ok(acm_validation_ensure(store, "a", "example.com", NOW + 99, again,
                                  &err));
    assert_string_equal(label, again);
    test_ok(acm_validation_ensure(store, "a", "*.example.com", NOW, again,
                                  &err));
    assert_string_equal(label, again);
    test_ok(acm_store_begin(store, &snap, &err));
    test_ok(acm_validation_get(snap, "a", "*.example.com", again));
    assert_string_equal(label, again);
    acm_store_end(snap);

    /* another for another account, or domain */

    test_ok(acm_validation_ensure(store, "b", "example.com", NOW, again,
                                  &err));
    assert_string_not_equal(label, again);
    test_ok(acm_validation_ensure(store, "a", "www.example.com", NOW, again,
                                  &err));
    assert_string_not_equal(label, again);
    test_ok(acm_validation_ensure(store, "c", "*.www.example.com", NOW, label,
                                  &err));
    test_ok(acm_validation_ensure(store, "c", "www.example.com", NOW, again,
                                  &err));
    assert_string_equal(label, again);

    /* limits, and names that are none */

    for (i = ACM_MAX_NAME; i <= ACM_MAX_NAME + 1; i++) {
        memset(name, 'a', i);
        name[i] = '\0';
        assert_int_equal(acm_validation_ensure(store, "a", name, NOW, label,
                                               &err),
                         (i == ACM_MAX_NAME) ? ACM_OK : ACM_INVALID);
    }

    for (i = ACM_MAX_LABEL; i <= ACM_MAX_LABEL + 1; i++) {
        memset(name, 'a', i);
        name[i] = '\0';
        assert_int_equal(acm_validation_ensure(store, name, "example.com",
                                               NOW, label, &err),
                         (i == ACM_MAX_LABEL) ? ACM_OK : ACM_INVALID);
    }

    memcpy(name, "*", 2);
    (void) acm_validation_ensure(store, "a", name, NOW, label, &err);
    acm_store_close(store);
}


static void
test_octets(void **state)
{
    size_t             i;
    uint8_t           *copy;
    acm_buf_t          buf;
    acm_challenge_t    c, out;
    acm_validation_t   v, vout;

    (void) state;

    test_fill(&c, ACM_CHALLENGE_DNS, "label", TXT "A", NOW);
    acm_buf_init(&buf, 4096);
    test_ok(acm_challenge_encode(&c, &buf));
    test_ok(acm_challenge_decode(buf.data, buf.len, &out));
    assert_string_equal(out.subject, "label");
    assert_int_equal(out.expires, NOW);
    acm_challenge_free(&out);

    for (i = 0; i < buf.len; i++) {
        copy = malloc(i + 1);
        memcpy(copy, buf.data, i);

        if (acm_challenge_decode(copy, i, &out) == ACM_OK) {
            acm_challenge_free(&out);
        }

        free(copy);
        buf.data[i] ^= 0x15;

        if (acm_challenge_decode(buf.data, buf.len, &out) == ACM_OK) {
            acm_challenge_free(&out);
        }

        buf.data[i] ^= 0x15;
    }

    acm_buf_free(&buf);

    memset(&v, 0, sizeof(v));
    v.account = "a";
    v.domain = "example.com";
    memset(v.label, 'f', ACM_LABEL_LEN);
    v.created_at = NOW;
    acm_buf_init(&buf, 4096);
    test_ok(acm_validation_encode(&v, &buf));
    test_ok(acm_validation_decode(buf.data, buf.len, &vout));
    assert_string_equal(vout.label, v.label);
    acm_validation_free(&vout);
    assert_int_equal(acm_challenge_decode(buf.data, buf.len, &out),
                     ACM_CORRUPT);
    acm_buf_free(&buf);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_newer),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_octets)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
