
/*
 * Copyright (C) The ngx_acm authors
 *
 * The record that proves a name, what a resolver says of it, and a built-in CA
 * that waits for it.
 */


#include "acm_proof.h"
#include "test_api.h"
#include "test_dns.h"


static void
test_record(void **state)
{
    char  owner[ACM_MAX_PROOF_OWNER], value[ACM_MAX_PROOF_VALUE];
    char  again[ACM_MAX_PROOF_OWNER], other[ACM_MAX_PROOF_VALUE];
    char  label[ACM_LABEL_LEN + 1], name[ACM_MAX_NAME + 1];

    (void) state;

    memset(label, 'a', ACM_LABEL_LEN);
    label[ACM_LABEL_LEN] = '\0';

    acm_proof_record(NULL, label, "www.example.com", owner, value);
    acm_proof_record(NULL, label, "*.www.example.com", again, other);

    assert_string_equal(owner, again);
    assert_string_equal(value, other);

    assert_int_equal(owner[0], '_');
    assert_memory_equal(owner + 1, label, ACM_LABEL_LEN);
    assert_string_equal(owner + 1 + ACM_LABEL_LEN, ".www.example.com.");

    assert_int_equal(value[0], '_');
    assert_int_equal(strspn(value + 1, "0123456789abcdef"), ACM_HASH_LEN);
    assert_int_equal(strspn(value + 2 + ACM_HASH_LEN,
                            "abcdefghijklmnopqrstuvwxyz"), 10);
    assert_string_equal(value + 12 + ACM_HASH_LEN, ".acm-validations.aws.");

    acm_proof_record("v.example.net", label, "*.example.com", owner, value);
    assert_string_equal(owner, "_acme-challenge.example.com.");
    assert_memory_equal(value, label, ACM_LABEL_LEN);
    assert_string_equal(value + ACM_LABEL_LEN, ".v.example.net.");

    /* the longest ones have room */

    memset(name, 'n', ACM_MAX_NAME);
    name[ACM_MAX_NAME] = '\0';
    acm_proof_record(NULL, label, name, owner, value);
    assert_int_equal(strlen(owner), 1 + ACM_LABEL_LEN + 1 + ACM_MAX_NAME + 1);
    acm_proof_record(name, label, name, owner, value);
    assert_int_equal(strlen(owner), strlen("_acme-challenge.")
                                    + ACM_MAX_NAME + 1);
    assert_int_equal(strlen(value), ACM_LABEL_LEN + 1 + ACM_MAX_NAME + 1);
}


/* Asks until there is an answer; returns how often. */

static unsigned
test_look(acm_proof_t *p, const char *const *zone, acm_rc_t *rc)
{
    size_t    len;
    uint8_t  *wire;
    unsigned  n;

    n = 0;

    do {
        wire = test_dns_answer(zone, p->name, ACM_DNS_CNAME, 0, &len);
        *rc = acm_proof_answer(p, wire, len);
        free(wire);
        assert_true(++n <= ACM_MAX_PROOF_CNAMES);
    } while (*rc == ACM_BUSY);

    return n;
}


static void
test_answers(void **state)
{
    size_t       i, len;
    uint8_t     *wire;
    unsigned     n;
    acm_rc_t     rc;
    acm_proof_t  p;

    static const struct {
        unsigned      asked;
        acm_rc_t      rc;
        const char   *why;           /* a part, NULL: anything */
        const char   *zone[8];
    } rows[] = {
        { 1, ACM_OK, NULL, { "_x.a.test. CNAME _y.v.test." } },
        { 1, ACM_OK, NULL, { "_X.A.test. CNAME _Y.V.test." } },
        { 1, ACM_OK, NULL, { "_x.a.test. CNAME y.v.test." } },
        { 1, ACM_NOTFOUND, "\"_x.a.test\" has no CNAME record: create one to "
          "\"_y.v.test\"", { "a.test. A 127.0.0.1" } },
        { 1, ACM_NOTFOUND, "has no CNAME record",
          { "_x.a.test. TXT \"_y.v.test.\"" } },
        { 2, ACM_NOTFOUND, "\"other.test\" has no CNAME record",
          { "_x.a.test. CNAME other.test." } },
        { 5, ACM_OK, NULL,
          { "_x.a.test. CNAME a.test.", "a.test. CNAME b.test.",
            "b.test. CNAME c.test.", "c.test. CNAME d.test.",
            "d.test. CNAME _y.v.test." } },
        { 5, ACM_NOTFOUND, "more than 5 CNAME records",
          { "_x.a.test. CNAME a.test.", "a.test. CNAME b.test.",
            "b.test. CNAME c.test.", "c.test. CNAME d.test.",
            "d.test. CNAME e.test.", "e.test. CNAME _y.v.test." } },
        { 5, ACM_NOTFOUND, "more than 5 CNAME records",
          { "_x.a.test. CNAME a.test.", "a.test. CNAME _x.a.test." } }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        test_ok(acm_proof_init(&p, "_x.a.test.", "_y.v.test."));
        n = test_look(&p, rows[i].zone, &rc);
        assert_int_equal(rc, rows[i].rc);
        assert_int_equal(n, rows[i].asked);

        if (rows[i].why != NULL) {
            assert_non_null(strstr(p.why, rows[i].why));
        }
    }

    /* SERVFAIL, an answer to something else, and what is none */

    test_ok(acm_proof_init(&p, "_x.a.test.", "_y.v.test."));
    wire = test_dns_wire(test_dns_reply("_x.a.test.", ACM_DNS_CNAME, 2),
                         &len);
    assert_int_equal(acm_proof_answer(&p, wire, len), ACM_ERROR);
    assert_non_null(strstr(p.why, "SERVFAIL"));
    free(wire);

    wire = test_dns_wire(test_dns_reply("_z.a.test.", ACM_DNS_CNAME, 0),
                         &len);
    assert_int_equal(acm_proof_answer(&p, wire, len), ACM_ERROR);
    free(wire);

    assert_int_equal(acm_proof_answer(&p, (const uint8_t *) "x", 1),
                     ACM_ERROR);

    assert_int_equal(acm_proof_init(&p, "a..test.", "_y.v.test."),
                     ACM_INVALID);
}


static void
test_waits(void **state)
{
    acm_cert_t  cert;

    (void) state;

    memset(&cert, 0, sizeof(cert));
    cert.created_at = TEST_START;

    assert_int_equal(acm_proof_wait(&cert, TEST_START), 10);
    assert_int_equal(acm_proof_wait(&cert, TEST_START - 100), 10);
    assert_int_equal(acm_proof_wait(&cert, TEST_START + 43), 10);
    assert_int_equal(acm_proof_wait(&cert, TEST_START + 44), 11);
    assert_int_equal(acm_proof_wait(&cert, TEST_START + 2400), 600);
    assert_int_equal(acm_proof_wait(&cert, TEST_START + 2404), 600);

    cert.version = 1;
    assert_int_equal(acm_proof_wait(&cert, TEST_START), 600);
}


/* who looks, and what it says */

static acm_demand_e  test_answer;
static unsigned      test_asked;


static acm_demand_e
test_proof(void *data, const acm_cert_t *cert, int64_t now, int64_t *at)
{
    (void) data;
    assert_int_equal(cert->proof, ACM_PROOF_DNS);

    test_asked++;
    *at = now + acm_proof_wait(cert, now);

    return test_answer;
}


static void
test_state(test_api_t *t, const char *status, const char *name)
{
    json_t  *cert;

    cert = test_describe(t);
    test_is(cert, "Status", status);

    if (name != NULL) {
        test_is(json_array_get(json_object_get(cert,
                                   "DomainValidationOptions"), 0),
                "ValidationStatus", name);
    }

    json_decref(cert);
}


/* of the certificate, and of its name */

static void
test_renewal(test_api_t *t, const char *status)
{
    json_t  *cert, *summary;

    cert = test_describe(t);
    summary = json_object_get(cert, "RenewalSummary");
    test_is(summary, "RenewalStatus", status);
    test_is(json_array_get(json_object_get(summary,
                               "DomainValidationOptions"), 0),
            "ValidationStatus", status);
    json_decref(cert);
}


static void
test_engine(void **state)
{
    test_api_t  t;

    (void) state;

    test_api_start(&t);
    t.engine.proof = test_proof;
    t.issuer.dns_proof = 1;
    test_asked = 0;

    /* nobody is asked for those that say nothing of DNS */

    test_make(&t, "{'DomainName': 'mail.example.com'}");
    test_api_run(&t);
    test_state(&t, "ISSUED", "SUCCESS");
    test_make(&t, "{'DomainName': 'ca.example.com', 'ValidationMethod':"
              " 'DNS', 'CertificateAuthorityArn': 'arn:aws:acm-pca:"
              TEST_REGION ":" TEST_ACCOUNT ":certificate-authority/"
              "internal'}");
    test_api_run(&t);
    test_state(&t, "ISSUED", NULL);
    assert_int_equal(test_asked, 0);

    /* the answer is on its way; it is no; it is yes */

    test_make(&t, "{'DomainName': 'www.example.com', 'ValidationMethod':"
              " 'DNS'}");
    test_answer = ACM_DEMAND_WAIT;
    test_api_run(&t);
    test_state(&t, "PENDING_VALIDATION", "PENDING_VALIDATION");
    assert_int_equal(test_asked, 1);

    test_answer = ACM_DEMAND_NOT_NOW;
    test_api_run(&t);
    test_state(&t, "PENDING_VALIDATION", "PENDING_VALIDATION");
    assert_int_equal(test_asked, 2);

    t.now += ACM_PROOF_WAIT - 1;
    test_api_run(&t);
    assert_int_equal(test_asked, 2);

    t.now++;
    test_answer = ACM_DEMAND_YES;
    test_api_run(&t);
    assert_int_equal(test_asked, 3);
    test_state(&t, "ISSUED", "SUCCESS");

    /* again before each renewal */

    t.now += ACM_CA_LEAF_LIFETIME - 86400;
    test_answer = ACM_DEMAND_NOT_NOW;
    test_api_run(&t);
    assert_int_equal(test_asked, 4);
    test_state(&t, "ISSUED", NULL);
    test_renewal(&t, "PENDING_VALIDATION");

    t.now += ACM_PROOF_WAIT_MAX;
    test_answer = ACM_DEMAND_YES;
    test_api_run(&t);
    assert_int_equal(test_asked, 5);
    test_renewal(&t, "SUCCESS");
    test_answer = ACM_DEMAND_NOT_NOW;

    /* for 72 hours, and no longer */

    test_make(&t, "{'DomainName': 'late.example.com', 'ValidationMethod':"
              " 'DNS'}");
    test_api_run(&t);
    t.now += 72 * 3600 - 1;
    test_api_run(&t);
    test_state(&t, "PENDING_VALIDATION", "PENDING_VALIDATION");
    t.now += ACM_PROOF_WAIT_MAX;
    test_answer = ACM_DEMAND_YES;
    test_api_run(&t);
    test_state(&t, "VALIDATION_TIMED_OUT", NULL);

    /* a CA that does not look */

    t.issuer.dns_proof = 0;
    test_asked = 0;
    test_make(&t, "{'DomainName': 'new.example.com', 'ValidationMethod':"
              " 'DNS'}");
    test_api_run(&t);
    test_state(&t, "ISSUED", "SUCCESS");
    assert_int_equal(test_asked, 0);

    test_api_stop(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_engine),
    };

    return cmocka_run_group_tests_name("acm_proof", tests, NULL, NULL);
}
