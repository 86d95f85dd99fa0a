
/*
 * Copyright (C) The ngx_acm authors
 *
 * What a look at a record tells is what its decoder tells, and no record that
 * is damaged does harm.
 */


#include "acm_peek.h"
#include "test.h"


#define UUID  "00000000-0000-4000-8000-000000000001"


static char  test_long[ACM_MAX_NAMES + 1][ACM_MAX_NAME + 2];
static char  *test_names[ACM_MAX_NAMES + 1];


/* All that is looked at is there, and some that is not; names are as long as
   they may be. */

static void
test_full(acm_cert_t *c)
{
    size_t  i;

    memset(c, 0, sizeof(acm_cert_t));

    for (i = 0; i <= ACM_MAX_NAMES; i++) {
        memset(test_long[i], 'a' + (int) (i % 26), ACM_MAX_NAME);
        test_long[i][ACM_MAX_NAME] = '\0';
        test_names[i] = test_long[i];
    }

    c->account = "123456789012";
    c->region = "us-east-1";
    memcpy(c->uuid, UUID, sizeof(c->uuid));
    c->type = ACM_TYPE_PRIVATE;
    c->status = ACM_STATUS_FAILED;
    c->key = ACM_KEY_EC_P521;
    c->domain = test_long[1];
    c->names = test_names;
    c->nnames = ACM_MAX_NAMES;
    c->issuer = "internal";
    memset(c->identity, 9, ACM_HASH_LEN);
    c->version = 3;
    c->subject = "CN=www.example.com";
    c->issuer_dn = "CN=CA";
    c->serial = "01:02";
    c->sigalg = "ecdsa-with-SHA256";
    c->not_before = 1000;
    c->not_after = INT64_MAX;
    c->created_at = 900;
    c->issued_at = 1001;
    c->imported_at = 1002;
    c->last_error = "it failed";
    c->findings = "a line";
    c->renewal = ACM_RENEWAL_FAILED;
    c->exported = 1;
    c->exportable = 2;
    c->revoked_at = 1003;
    c->usages = 0xf00ff00f;
    c->proof = ACM_PROOF_HTTP;
    c->culprit = "www.example.com";
    c->ocsp_at = 5;
}


static void
test_same(const acm_cert_t *a, const acm_cert_t *b)
{
    size_t  i;

    assert_string_equal(a->account, b->account);
    assert_string_equal(a->region, b->region);
    assert_string_equal(a->uuid, b->uuid);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->key, b->key);
    assert_string_equal(a->domain, b->domain);
    assert_int_equal(a->nnames, b->nnames);

    for (i = 0; i < a->nnames; i++) {
        assert_string_equal(a->names[i], b->names[i]);
    }

    assert_memory_equal(a->identity, b->identity, ACM_HASH_LEN);
    assert_int_equal(a->version, b->version);
    assert_string_equal(a->serial, b->serial);
    assert_int_equal(a->not_before, b->not_before);
    assert_int_equal(a->not_after, b->not_after);
    assert_int_equal(a->created_at, b->created_at);
    assert_int_equal(a->issued_at, b->issued_at);
    assert_int_equal(a->imported_at, b->imported_at);
    assert_int_equal(a->renewal, b->renewal);
    assert_int_equal(a->exported, b->exported);
    assert_int_equal(a->exportable, b->exportable);
    assert_int_equal(a->revoked_at, b->revoked_at);
    assert_int_equal(a->usages, b->usages);
    assert_int_equal(a->proof, b->proof);
}


/* What decodes is seen; in memory that ends where the record does. */

static acm_rc_t
test_look(const uint8_t *data, size_t len, acm_peek_t *peek)
{
    uint8_t     *copy;
    acm_rc_t     rc;
    acm_cert_t   cert;

    copy = malloc(len + 1);
    memcpy(copy + 1, data, len);

    rc = acm_cert_peek(copy + 1, len, peek);

    if (acm_cert_decode(copy + 1, len, &cert) == ACM_OK) {
        test_ok(rc);
        test_same(&peek->cert, &cert);
        acm_cert_free(&cert);
    }

    free(copy);

    return rc;
}


static void
test_peek(void **state)
{
    size_t       i;
    acm_buf_t    full, small;
    acm_cert_t   c;
    acm_peek_t  *peek;

    (void) state;

    acm_alloc_fail_at(1);
    assert_null(acm_cert_peek_make());
    acm_alloc_fail_at(0);

    peek = acm_cert_peek_make();
    assert_non_null(peek);

    acm_buf_init(&full, ACM_MAX_STORE_VALUE);
    acm_buf_init(&small, ACM_MAX_STORE_VALUE);

    test_full(&c);
    test_ok(acm_cert_encode(&c, &full));
    test_ok(test_look(full.data, full.len, peek));
    test_same(&peek->cert, &c);

    /* what the record before had is not seen in this one */

    memset(c.identity, 0, ACM_HASH_LEN);
    c.serial = "";
    c.version = c.exported = c.exportable = c.usages = 0;
    c.not_before = c.not_after = c.created_at = c.issued_at = 0;
    c.imported_at = c.revoked_at = 0;
    c.renewal = ACM_RENEWAL_NONE;
    c.proof = ACM_PROOF_NONE;
    c.nnames = 1;
    c.domain = c.culprit = "b.example.com";
    test_ok(acm_cert_encode(&c, &small));
    test_ok(test_look(small.data, small.len, peek));
    test_same(&peek->cert, &c);

    assert_int_equal(test_look(small.data, 0, peek), ACM_CORRUPT);

    for (i = 1; i < small.len; i++) {
        (void) test_look(small.data, i, peek);
    }

    for (i = 0; i < 8 * small.len; i++) {
        small.data[i / 8] ^= (uint8_t) (1 << i % 8);
        (void) test_look(small.data, small.len, peek);
        small.data[i / 8] ^= (uint8_t) (1 << i % 8);
    }

    small.data[1]++;
    assert_int_equal(test_look(small.data, small.len, peek), ACM_VERSION);
    small.data[1]--;
    small.data[0]++;
    assert_int_equal(test_look(small.data, small.len, peek), ACM_CORRUPT);

    acm_buf_free(&full);
    acm_buf_free(&small);
    acm_free(peek);
}


/* What the encoder would not write: one name more than may be, a name of
   another length, a serial number at its limit and past it. */

static void
test_limits(void **state)
{
    size_t       at, len, more;
    acm_buf_t    buf, copy;
    acm_cert_t   c;
    acm_peek_t  *peek;

    static char  serial[ACM_MAX_REC_SERIAL + 1];

    (void) state;

    peek = acm_cert_peek_make();
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    acm_buf_init(&copy, ACM_MAX_STORE_VALUE);

    test_full(&c);
    memset(serial, '1', ACM_MAX_REC_SERIAL);
    c.serial = serial;
    c.nnames = 1;
    c.subject = c.issuer_dn = "";
    test_ok(acm_cert_encode(&c, &buf));
    test_ok(test_look(buf.data, buf.len, peek));
    test_same(&peek->cert, &c);

    /* names are behind the domain: tag, length, length of the first */

    for (at = 2; buf.data[at] != 8; at += 3 + len) {
        len = (size_t) buf.data[at + 1] << 8 | buf.data[at + 2];
    }

    for (more = 0; more < 2; more++) {
        acm_buf_add(&copy, buf.data, at + 1);
        acm_buf_u16(&copy, (uint16_t) (2 * (ACM_MAX_NAMES + more)));

        for (len = 0; len < ACM_MAX_NAMES + more; len++) {
            acm_buf_add(&copy, "\001a", 2);
        }

        assert_int_equal(test_look(copy.data, copy.len, peek),
                         more ? ACM_CORRUPT : ACM_OK);
        acm_buf_free(&copy);
        acm_buf_init(&copy, ACM_MAX_STORE_VALUE);

        acm_buf_add(&copy, buf.data, at + 1);
        acm_buf_u16(&copy, (uint16_t) (ACM_MAX_NAME + 1 + more));
        acm_buf_u8(&copy, (uint8_t) (ACM_MAX_NAME + more));
        acm_buf_add(&copy, test_long[0], ACM_MAX_NAME);
        acm_buf_add(&copy, "a", more);
        assert_int_equal(test_look(copy.data, copy.len, peek),
                         more ? ACM_CORRUPT : ACM_OK);

        /* and of the serial number, which may come next here */

        acm_buf_u8(&copy, 14);
        acm_buf_u16(&copy, (uint16_t) (ACM_MAX_REC_SERIAL + more));
        acm_buf_add(&copy, serial, ACM_MAX_REC_SERIAL);
        acm_buf_add(&copy, "1", more);
        copy.data[at + 3] = ACM_MAX_NAME;

        if (more) {
            copy.data[at + 2]--;
            memmove(copy.data + at + 4 + ACM_MAX_NAME,
                    copy.data + at + 5 + ACM_MAX_NAME,
                    copy.len - at - 5 - ACM_MAX_NAME);
            copy.len--;
        }

        assert_int_equal(test_look(copy.data, copy.len, peek),
                         more ? ACM_CORRUPT : ACM_OK);
        acm_buf_free(&copy);
        acm_buf_init(&copy, ACM_MAX_STORE_VALUE);
    }

    acm_buf_free(&buf);
    acm_free(peek);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_peek),
        cmocka_unit_test(test_limits)
    };

    return cmocka_run_group_tests_name("acm_peek", tests, NULL, NULL);
}
