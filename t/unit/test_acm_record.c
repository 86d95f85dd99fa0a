
/*
 * Copyright (C) The ngx_acm authors
 */


#include "acm_json.h"
#include "test.h"


#define UUID  "00000000-0000-4000-8000-000000000001"


static char  *test_names[] = { "www.example.com", "*.example.com" };


static void
test_cert_fill(acm_cert_t *c)
{
    memset(c, 0, sizeof(acm_cert_t));

    c->account = "123456789012";
    c->region = "us-east-1";
    memcpy(c->uuid, UUID, sizeof(c->uuid));
    c->type = ACM_TYPE_PRIVATE;
    c->status = ACM_STATUS_ISSUED;
    c->key = ACM_KEY_EC_P256;
    c->domain = "www.example.com";
    c->names = test_names;
    c->nnames = 2;
    c->issuer = "internal";
    memset(c->identity, 9, ACM_HASH_LEN);
    c->version = 3;
    c->subject = "CN=www.example.com";
    c->issuer_dn = "CN=CA";
    c->serial = "01:02";
    c->sigalg = "ecdsa-with-SHA256";
    c->not_before = 1000;
    c->not_after = 2000;
    c->created_at = 900;
    c->issued_at = 1000;
    c->due = ACM_DUE_RENEW;
    c->due_at = 1500;
    c->attempts = 2;
    c->last_error = "it failed";
    c->last_error_at = 1400;
}


static void
test_cert(void **state)
{
    size_t      i;
    uint8_t    *copy;
    acm_rc_t    rc;
    acm_buf_t   buf;
    acm_cert_t  in, out;

    (void) state;

    test_cert_fill(&in);
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    test_ok(acm_cert_encode(&in, &buf));
    assert_true(buf.len < 500);

    test_ok(acm_cert_decode(buf.data, buf.len, &out));
    assert_string_equal(out.account, in.account);
    assert_string_equal(out.region, in.region);
    assert_string_equal(out.uuid, in.uuid);
    assert_int_equal(out.type, in.type);
    assert_int_equal(out.status, in.status);
    assert_int_equal(out.key, in.key);
    assert_int_equal(out.nnames, 2);
    assert_string_equal(out.names[1], "*.example.com");
    assert_memory_equal(out.identity, in.identity, ACM_HASH_LEN);
    assert_int_equal(out.version, 3);
    assert_int_equal(out.not_after, 2000);
    assert_int_equal(out.due, ACM_DUE_RENEW);
    assert_int_equal(out.due_at, 1500);
    assert_int_equal(out.attempts, 2);
    assert_string_equal(out.last_error, "it failed");
    acm_cert_free(&out);

    /*
     * Every truncation and every changed octet: never a crash.  A cut between
     * two fields can leave a record that is whole without the optional ones;
     * the store's checksum finds that.
     */

    copy = malloc(buf.len);

    for (i = 0; i < buf.len; i++) {
        memcpy(copy, buf.data, i);
        rc = acm_cert_decode(copy, i, &out);

        if (rc == ACM_OK) {
            assert_true(i > 0);
            acm_cert_free(&out);
        }
    }

    for (i = 0; i < buf.len; i++) {
        memcpy(copy, buf.data, buf.len);
        copy[i] ^= 0x41;
        rc = acm_cert_decode(copy, buf.len, &out);

        if (rc == ACM_OK) {
            acm_cert_free(&out);
        }
    }

    /* a newer format */

    memcpy(copy, buf.data, buf.len);
    copy[1]++;
    assert_int_equal(acm_cert_decode(copy, buf.len, &out), ACM_VERSION);

    /* another type */

    memcpy(copy, buf.data, buf.len);
    copy[0]++;
    assert_int_not_equal(acm_cert_decode(copy, buf.len, &out), ACM_OK);

    for (i = 1; i < 100; i++) {
        acm_alloc_fail_at(i);
        rc = acm_cert_decode(buf.data, buf.len, &out);
        acm_alloc_fail_at(0);

        if (rc == ACM_OK) {
            acm_cert_free(&out);
            break;
        }

        assert_int_equal(rc, ACM_NOMEM);
    }

    free(copy);
    acm_buf_free(&buf);
}


static void
test_limits(void **state)
{
    char        *names[ACM_MAX_NAMES + 1], big[ACM_MAX_NAME + 2];
    size_t       i;
    acm_buf_t    buf;
    acm_cert_t   c, out;

    (void) state;

    for (i = 0; i <= ACM_MAX_NAMES; i++) {
        names[i] = "n.example.com";
    }

    test_cert_fill(&c);
    c.names = names;
    c.nnames = ACM_MAX_NAMES;
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    test_ok(acm_cert_encode(&c, &buf));
    test_ok(acm_cert_decode(buf.data, buf.len, &out));
    assert_int_equal(out.nnames, ACM_MAX_NAMES);
    acm_cert_free(&out);
    acm_buf_free(&buf);

    c.nnames = ACM_MAX_NAMES + 1;
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    assert_int_not_equal(acm_cert_encode(&c, &buf), ACM_OK);
    acm_buf_free(&buf);

    memset(big, 'x', sizeof(big));
    big[ACM_MAX_NAME + 1] = '\0';
    names[0] = big;
    c.nnames = 1;
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    assert_int_not_equal(acm_cert_encode(&c, &buf), ACM_OK);
    acm_buf_free(&buf);
}


static void
test_others(void **state)
{
    acm_buf_t         buf;
    acm_material_t    m, m2;
    acm_name_rec_t    n, n2;
    acm_ca_rec_t      ca, ca2;
    acm_seal_rec_t    s, s2;
    acm_ref_t         ref, ref2;

    (void) state;

    memset(&m, 0, sizeof(m));
    m.account = "1";
    m.region = "r";
    m.key = ACM_KEY_RSA_2048;
    m.leaf.data = (uint8_t *) "leaf";
    m.leaf.len = 4;
    m.nchain = 2;
    memset(m.chain, 5, 2 * ACM_HASH_LEN);
    m.sealed.data = (uint8_t *) "sealed";
    m.sealed.len = 6;
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    test_ok(acm_material_encode(&m, &buf));
    test_ok(acm_material_decode(buf.data, buf.len, &m2));
    assert_int_equal(m2.nchain, 2);
    assert_memory_equal(m2.chain[1], m.chain[1], ACM_HASH_LEN);
    assert_memory_equal(m2.leaf.data, "leaf", 4);
    assert_memory_equal(m2.sealed.data, "sealed", 6);
    acm_material_free(&m2);
    acm_buf_free(&buf);

    memset(&n, 0, sizeof(n));
    memcpy(n.uuid, UUID, sizeof(n.uuid));
    n.version = 7;
    n.key = ACM_KEY_EC_P384;
    n.not_before = -5;
    n.not_after = 5;
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    test_ok(acm_name_rec_encode(&n, &buf));
    assert_true(buf.len < 100);
    test_ok(acm_name_rec_decode(buf.data, buf.len, &n2));
    assert_string_equal(n2.uuid, UUID);
    assert_int_equal(n2.version, 7);
    assert_true(n2.not_before == -5);
    assert_int_not_equal(acm_name_rec_decode(buf.data, buf.len - 1, &n2),
                         ACM_OK);
    acm_buf_free(&buf);

    memset(&ca, 0, sizeof(ca));
    ca.key = ACM_KEY_EC_P256;
    ca.root.data = ca.issuing.data = (uint8_t *) "cert";
    ca.root.len = ca.issuing.len = 4;
    ca.root_sealed.data = ca.issuing_sealed.data = (uint8_t *) "seal";
    ca.root_sealed.len = ca.issuing_sealed.len = 4;
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    test_ok(acm_ca_rec_encode(&ca, &buf));
    test_ok(acm_ca_rec_decode(buf.data, buf.len, &ca2));
    assert_memory_equal(ca2.issuing_sealed.data, "seal", 4);
    acm_ca_rec_free(&ca2);
    acm_buf_free(&buf);

    memset(&s, 0, sizeof(s));
    s.wrapped.data = (uint8_t *) "wrapped";
    s.wrapped.len = 7;
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    test_ok(acm_seal_rec_encode(&s, &buf));
    test_ok(acm_seal_rec_decode(buf.data, buf.len, &s2));
    assert_int_equal(s2.wrapped.len, 7);
    acm_seal_rec_free(&s2);
    acm_buf_free(&buf);

    memset(&ref, 0, sizeof(ref));
    snprintf(ref.account, sizeof(ref.account), "123456789012");
    snprintf(ref.region, sizeof(ref.region), "us-east-1");
    snprintf(ref.uuid, sizeof(ref.uuid), UUID);
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    test_ok(acm_ref_encode(&ref, &buf));
    test_ok(acm_ref_decode(buf.data, buf.len, &ref2));
    assert_memory_equal(&ref, &ref2, sizeof(ref));
    acm_buf_free(&buf);
}


static void
test_keys(void **state)
{
    char        uuid[ACM_UUID_LEN + 1], arn[ACM_MAX_ARN];
    size_t      a, b;
    int64_t     at;
    uint8_t     ka[ACM_MAX_STORE_KEY], kb[ACM_MAX_STORE_KEY];
    acm_err_t   err;
    acm_due_e   kind;
    acm_str_t   account, region;

    (void) state;

    /* times sort as numbers */

    a = acm_due_key(ka, 255, ACM_DUE_RENEW, UUID);
    b = acm_due_key(kb, 256, ACM_DUE_ISSUE, UUID);
    assert_int_equal(a, b);
    assert_true(memcmp(ka, kb, a) < 0);
    test_ok(acm_due_key_parse(ka, a, &at, &kind, uuid));
    assert_true(at == 255);
    assert_int_equal(kind, ACM_DUE_RENEW);
    assert_string_equal(uuid, UUID);
    assert_int_not_equal(acm_due_key_parse(ka, a - 1, &at, &kind, uuid),
                         ACM_OK);

    /* all keys of a name start with its prefix, of no other name */

    a = acm_name_prefix(ka, "www.example.com");
    b = acm_name_key(kb, "www.example.com", ACM_KEY_EC_P256, UUID);
    assert_true(b > a);
    assert_memory_equal(ka, kb, a);
    b = acm_name_key(kb, "www.example.com.x", ACM_KEY_EC_P256, UUID);
    assert_memory_not_equal(ka, kb, a);

    assert_int_equal(acm_cert_key(ka, "a/b", "r", UUID), 0);
    assert_int_equal(acm_cert_key(ka, "", "r", UUID), 0);
    assert_int_equal(acm_cert_key(ka, "a", "r", "x"), 0);
    assert_true(acm_material_key(ka, UUID, 1) > 0);

    acm_arn_text(arn, "123456789012", "us-east-1", UUID);
    assert_string_equal(arn, "arn:aws:acm:us-east-1:123456789012:"
                        "certificate/" UUID);
    test_ok(acm_arn_parse(arn, strlen(arn), &account, &region, uuid, &err));
    assert_int_equal(account.len, 12);
    assert_int_equal(region.len, 9);
    assert_string_equal(uuid, UUID);

    for (a = 0; a < strlen(arn); a++) {
        assert_int_not_equal(acm_arn_parse(arn, a, &account, &region, uuid,
                                           &err), ACM_OK);
        assert_true(strlen(err.text) > 0);
    }

    assert_int_not_equal(acm_arn_parse("arn:aws:iam::1:x/y", 18, &account,
                                       &region, uuid, &err), ACM_OK);
}


static void
test_json(void **state)
{
    json_t      *json;
    acm_err_t    err;
    acm_str_t    text;
    acm_cert_t   c;

    (void) state;

    test_cert_fill(&c);
    json = acm_json_cert(&c, 1400);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "Status")),
                        "ISSUED");
    assert_int_equal(json_integer_value(json_object_get(json,
                                                        "SecondsLeft")),
                     600);
    assert_string_equal(json_string_value(json_object_get(json,
                                                          "NextStepAt")),
                        "1970-01-01T00:25:00Z");
    test_ok(acm_json_text(json, 0, &text, &err));
    assert_int_equal(text.data[text.len - 1], '\n');
    acm_free(text.data);
    json_decref(json);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_cert),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_json)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
