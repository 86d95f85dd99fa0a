
/*
 * Copyright (C) The ngx_acm authors
 *
 * What of an order survives a process; and that its end is one.
 */


#include "acm_order.h"
#include "test.h"


#define UUID  "00000000-0000-4000-8000-000000000001"


static char  *test_names[] = { "www.example.com", "*.example.com" };


static void
test_fill(acm_order_rec_t *rec)
{
    memset(rec, 0, sizeof(acm_order_rec_t));

    rec->account = "123456789012";
    rec->region = "us-east-1";
    memcpy(rec->uuid, UUID, sizeof(rec->uuid));
    rec->issuer = "le";
    rec->directory = "https://ca.example.net/dir";
    rec->version = 7;
    rec->key = ACM_KEY_EC_P256;
    rec->sealed.data = (uint8_t *) "\0sealed\xff";
    rec->sealed.len = 8;
    rec->csr.data = (uint8_t *) "\x30\x00";
    rec->csr.len = 2;
    rec->names = test_names;
    rec->nnames = 2;
    rec->url = "https://ca.example.net/order/1";
    rec->replaces = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE";
    rec->staging = 1;
    rec->method = 3;
    rec->resumed = 2;
    rec->resume_at = 1800000100;
    rec->created_at = 1800000000;
}


static void
test_round(void **state)
{
    acm_buf_t        buf, again;
    acm_order_rec_t  in, out;

    (void) state;

    test_fill(&in);
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    test_ok(acm_order_encode(&in, &buf));
    test_ok(acm_order_decode(buf.data, buf.len, &out));

    assert_string_equal(out.account, in.account);
    assert_string_equal(out.region, in.region);
    assert_string_equal(out.uuid, in.uuid);
    assert_string_equal(out.issuer, in.issuer);
    assert_string_equal(out.directory, in.directory);
    assert_int_equal(out.version, 7);
    assert_int_equal(out.key, ACM_KEY_EC_P256);
    assert_int_equal(out.sealed.len, 8);
    assert_memory_equal(out.sealed.data, in.sealed.data, 8);
    assert_int_equal(out.csr.len, 2);
    assert_int_equal(out.nnames, 2);
    assert_string_equal(out.names[0], "www.example.com");
    assert_string_equal(out.names[1], "*.example.com");
    assert_string_equal(out.url, in.url);
    assert_string_equal(out.replaces, in.replaces);
    assert_int_equal(out.staging, 1);
    assert_int_equal(out.method, 3);
    assert_int_equal(out.resumed, 2);
    assert_int_equal(out.resume_at, 1800000100);
    assert_int_equal(out.created_at, 1800000000);

    /* one encoding only */

    acm_buf_init(&again, ACM_MAX_STORE_VALUE);
    test_ok(acm_order_encode(&out, &again));
    assert_int_equal(again.len, buf.len);
    assert_memory_equal(again.data, buf.data, buf.len);
    acm_buf_free(&again);
    acm_order_rec_free(&out);
    acm_buf_free(&buf);

    /* as it is before the CA has heard of it: texts are there, but empty */

    in.url = NULL;
    in.replaces = "";
    in.staging = 0;
    in.method = 0;
    in.resumed = 0;
    in.resume_at = 0;
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    test_ok(acm_order_encode(&in, &buf));
    test_ok(acm_order_decode(buf.data, buf.len, &out));
    assert_string_equal(out.url, "");
    assert_string_equal(out.replaces, "");
    assert_int_equal(out.resumed, 0);
    acm_order_rec_free(&out);
    acm_order_rec_free(&out);
    acm_buf_free(&buf);
}


static void
test_damaged(void **state)
{
    size_t           i, whole;
    uint8_t         *copy;
    unsigned         bit;
    acm_rc_t         rc;
    acm_buf_t        buf;
    acm_order_rec_t  in, out;

    (void) state;

    test_fill(&in);
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    test_ok(acm_order_encode(&in, &buf));

    /*
     * Cut off: corrupt, but between two fields that need not be there.  Each
     * copy is of just that size, so that reading on is noticed.
     */

    for (i = 0, whole = 0; i < buf.len; i++) {
        copy = malloc(i + (i == 0));
        memcpy(copy, buf.data, i);
        rc = acm_order_decode(copy, i, &out);
        free(copy);

        if (rc == ACM_OK) {
            whole++;
            acm_order_rec_free(&out);
            continue;
        }

        assert_int_equal(rc, ACM_CORRUPT);
    }

    assert_int_equal(whole, 7);

    for (i = 0; i < buf.len; i++) {
        for (bit = 1; bit < 256; bit <<= 1) {
            buf.data[i] ^= (uint8_t) bit;

            if (acm_order_decode(buf.data, buf.len, &out) == ACM_OK) {
                acm_order_rec_free(&out);
            }

            buf.data[i] ^= (uint8_t) bit;
        }
    }

    /* something behind it */

    acm_buf_u8(&buf, 0);
    assert_int_equal(acm_order_decode(buf.data, buf.len, &out), ACM_CORRUPT);
    buf.len--;

    /* a newer version, another type */

    buf.data[1]++;
    assert_int_equal(acm_order_decode(buf.data, buf.len, &out), ACM_VERSION);
    buf.data[1]--;
    buf.data[0]++;
    assert_int_equal(acm_order_decode(buf.data, buf.len, &out), ACM_CORRUPT);
    buf.data[0]--;
    test_ok(acm_order_decode(buf.data, buf.len, &out));
    acm_order_rec_free(&out);

    /* no memory, at each place */

    for (i = 1, rc = ACM_NOMEM; rc != ACM_OK; i++) {
        acm_alloc_fail_at(i);
        rc = acm_order_decode(buf.data, buf.len, &out);
        acm_alloc_fail_at(0);
        assert_true(rc == ACM_OK || rc == ACM_NOMEM);
    }

    acm_order_rec_free(&out);
    acm_buf_free(&buf);
}


static acm_rc_t
test_encode(const acm_order_rec_t *rec)
{
    acm_rc_t         rc;
    acm_buf_t        buf;
    acm_order_rec_t  out;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    rc = acm_order_encode(rec, &buf);

    if (rc == ACM_OK) {
        test_ok(acm_order_decode(buf.data, buf.len, &out));
        assert_int_equal(out.nnames, rec->nnames);
        assert_int_equal(out.csr.len, rec->csr.len);
        acm_order_rec_free(&out);
    }

    acm_buf_free(&buf);

    return rc;
}


static void
test_limits(void **state)
{
    char             *names[ACM_MAX_NAMES + 1];
    char              name[ACM_MAX_NAME + 2], url[ACM_MAX_URL + 2];
    char              replaces[ACM_MAX_REPLACES + 2];
    size_t            i;
    uint8_t          *octets;
    acm_order_rec_t   rec;

    (void) state;

    test_fill(&rec);
    memset(name, 'a', sizeof(name));
    name[ACM_MAX_NAME] = '\0';

    for (i = 0; i < ACM_MAX_NAMES + 1; i++) {
        names[i] = name;
    }

    rec.names = names;
    rec.nnames = ACM_MAX_NAMES;
    memset(url, 'a', sizeof(url));
    url[ACM_MAX_URL] = '\0';
    rec.url = url;
    rec.directory = url;
    memset(replaces, 'a', sizeof(replaces));
    replaces[ACM_MAX_REPLACES] = '\0';
    rec.replaces = replaces;
    octets = calloc(1, ACM_MAX_CSR + 1);
    rec.csr.data = octets;
    rec.csr.len = ACM_MAX_CSR;
    rec.sealed.data = octets;
    rec.sealed.len = ACM_MAX_KEY_DER + ACM_SEAL_OVERHEAD;
    test_ok(test_encode(&rec));

    rec.nnames++;
    assert_int_equal(test_encode(&rec), ACM_TOOBIG);
    rec.nnames = 0;
    assert_int_equal(test_encode(&rec), ACM_INVALID);
    rec.nnames = 1;

    name[ACM_MAX_NAME] = 'a';
    name[ACM_MAX_NAME + 1] = '\0';
    assert_int_equal(test_encode(&rec), ACM_TOOBIG);
    name[0] = '\0';
    assert_int_equal(test_encode(&rec), ACM_INVALID);
    name[0] = 'a';
    name[1] = '\0';

    url[ACM_MAX_URL] = 'a';
    url[ACM_MAX_URL + 1] = '\0';
    assert_int_equal(test_encode(&rec), ACM_TOOBIG);
    url[ACM_MAX_URL] = '\0';

    replaces[ACM_MAX_REPLACES] = 'a';
    replaces[ACM_MAX_REPLACES + 1] = '\0';
    assert_int_equal(test_encode(&rec), ACM_TOOBIG);
    replaces[ACM_MAX_REPLACES] = '\0';

    rec.csr.len++;
    assert_int_equal(test_encode(&rec), ACM_TOOBIG);
    rec.csr.len = 0;
    assert_int_equal(test_encode(&rec), ACM_INVALID);
    rec.csr.len = 1;
    rec.sealed.len++;
    assert_int_equal(test_encode(&rec), ACM_TOOBIG);
    rec.sealed.len = 1;
    rec.key = ACM_KEY_NONE;
    assert_int_equal(test_encode(&rec), ACM_INVALID);
    rec.key = ACM_KEY_RSA_2048;
    rec.uuid[3] = 'A';
    assert_int_equal(test_encode(&rec), ACM_INVALID);
    rec.uuid[3] = '0';
    test_ok(test_encode(&rec));
    free(octets);
}


/* One that is over while a request waits to be made again makes it no more. */

static void
test_end(void **state)
{
    acm_buf_t        buf;
    acm_order_t      o;
    acm_issuer_t     issuer;
    acm_order_rec_t  in, out;

    (void) state;

    test_fill(&in);
    memset(&issuer, 0, sizeof(issuer));
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    test_ok(acm_order_encode(&in, &buf));
    test_ok(acm_order_decode(buf.data, buf.len, &out));
    acm_buf_free(&buf);

    acm_now_set(in.created_at);
    acm_order_init(&o, &out, &issuer, NULL);
    assert_int_equal(acm_order_step(&o, ACM_EVENT_GO, 1), ACM_ACT_CALL);

    acm_call_reset(&o.call);
    o.call.problem.fault = ACM_FAULT_CA;
    assert_int_equal(acm_order_step(&o, ACM_EVENT_REPLY, 1), ACM_ACT_WAIT);

    acm_now_set(in.created_at + ACM_ORDER_LIFE);
    assert_int_equal(acm_order_step(&o, ACM_EVENT_TIMER, 2), ACM_ACT_FAILED);
    assert_int_equal(acm_order_step(&o, ACM_EVENT_TIMER, 3), ACM_ACT_FAILED);

    acm_order_free(&o);
    acm_now_set(-1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_end)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
