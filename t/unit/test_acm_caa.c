
/*
 * Copyright (C) The ngx_acm authors
 */


#include "test.h"
#include "test_dns.h"
#include "acm_caa.h"


#define ACCOUNT  "https://ca.example.net/acct/7"


static const char *const  us[] = { "ca.example.net", "CA.example.com" };
static const char *const  other[] = { "other-ca.example.org" };


static const char *const  zone[] = {
    "example.com. CAA 0 issue \"other-ca.example.org\"",
    "ok.example.com. CAA 0 issue \"ca.example.net\"",
    "deep.www.example.com. A 192.0.2.10",
    "empty.example.com. CAA 0 iodef \"mailto:sec@example.com\"",
    "none.example.com. CAA 0 issue \";\"",
    "wild.example.com. CAA 0 issue \"other-ca.example.org\"",
    "wild.example.com. CAA 0 issuewild \"ca.example.net\"",
    "nowild.example.com. CAA 0 issue \"ca.example.net\"",
    "nowild.example.com. CAA 0 issuewild \";\"",
    "two.example.com. CAA 0 issue \"other-ca.example.org\"",
    "two.example.com. CAA 0 issue \"ca.example.net\"",
    "case.example.com. CAA 0 ISSUE \"CA.Example.Net\"",
    "space.example.com. CAA 0 issue \"  ca.example.net  ;  \"",
    "onlyw.example.com. CAA 0 issuewild \"other-ca.example.org\"",
    "bad.example.com. CAA 0 issue \"ca.example.net; %%%%%\"",
    "crit.example.com. CAA 128 strange \"x\"",
    "crit.example.com. CAA 0 issue \"ca.example.net\"",
    "odd.example.com. CAA 0 strange \"x\"",
    "known.example.com. CAA 128 issue \"ca.example.net\"",
    "second.example.com. CAA 0 issue \"ca.example.com\"",
    "acct.example.com. CAA 0 issue \"ca.example.net; accounturi=" ACCOUNT
        "\"",
    "acct8.example.com. CAA 0 issue \"ca.example.net; accounturi=" ACCOUNT
        "8\"",
    "meth.example.com. CAA 0 issue \"ca.example.net; "
        "validationmethods=http-01,dns-01\"",
    "meth2.example.com. CAA 0 issue \"ca.example.net; "
        "validationmethods=tls-alpn-01\"",
    /* the target's set counts, its parent's does not */
    "alias.example.org. CNAME host.example.net.",
    "host.example.net. CAA 0 issue \";\"",
    "alias2.example.org. CNAME host.sub.example.net.",
    "host.sub.example.net. A 192.0.2.1",
    "sub.example.net. CAA 0 issue \";\"",
    "loop.example.org. CNAME loop2.example.org.",
    "loop2.example.org. CNAME loop.example.org.",
    "tld. CAA 0 issue \"other-ca.example.org\"",
    NULL
};


static acm_caa_e
run(acm_caa_t *caa)
{
    size_t       len;
    uint8_t     *wire;
    const char  *name;

    for (name = acm_caa_next(caa); name != NULL; name = acm_caa_next(caa)) {
        wire = test_dns_answer(zone, name, ACM_DNS_CAA, 0, &len);
        (void) acm_caa_answer(caa, ACM_OK, wire, len, NULL);
        free(wire);
    }

    return caa->state;
}


static void
test_tables(void **state)
{
    size_t     i;
    acm_caa_t  caa;

    static const struct {
        const char  *name;
        int          wildcard;
        int          other;
        acm_caa_e    state;
    } table[] = {
        { "deep.www.example.com", 0, 0, ACM_CAA_DENIED },
        { "deep.www.example.com", 0, 1, ACM_CAA_ALLOWED },
        { "ok.example.com", 0, 0, ACM_CAA_ALLOWED },
        { "ok.example.com", 0, 1, ACM_CAA_DENIED },
        { "sub.ok.example.com", 0, 0, ACM_CAA_ALLOWED },
        { "empty.example.com", 0, 0, ACM_CAA_ALLOWED },
        { "none.example.com", 0, 0, ACM_CAA_DENIED },
        { "none.example.com", 1, 0, ACM_CAA_DENIED },
        { "wild.example.com", 0, 0, ACM_CAA_DENIED },
        { "wild.example.com", 1, 0, ACM_CAA_ALLOWED },
        { "*.wild.example.com", 0, 0, ACM_CAA_ALLOWED },
        { "nowild.example.com", 0, 0, ACM_CAA_ALLOWED },
        { "nowild.example.com", 1, 0, ACM_CAA_DENIED },
        { "two.example.com", 0, 0, ACM_CAA_ALLOWED },
        { "case.example.com", 0, 0, ACM_CAA_ALLOWED },
        { "space.example.com", 0, 0, ACM_CAA_ALLOWED },
        { "onlyw.example.com", 0, 0, ACM_CAA_ALLOWED },
        { "onlyw.example.com", 1, 0, ACM_CAA_DENIED },
        { "bad.example.com", 0, 0, ACM_CAA_DENIED },
        { "crit.example.com", 0, 0, ACM_CAA_DENIED },
        { "odd.example.com", 0, 0, ACM_CAA_ALLOWED },
        { "known.example.com", 0, 0, ACM_CAA_ALLOWED },
        { "second.example.com", 0, 0, ACM_CAA_ALLOWED },
        { "acct.example.com", 0, 0, ACM_CAA_ALLOWED },
        { "acct8.example.com", 0, 0, ACM_CAA_DENIED },
        { "meth.example.com", 0, 0, ACM_CAA_ALLOWED },
        { "meth2.example.com", 0, 0, ACM_CAA_DENIED },
        { "alias.example.org", 0, 0, ACM_CAA_DENIED },
        { "alias2.example.org", 0, 0, ACM_CAA_ALLOWED },
        { "loop.example.org", 0, 0, ACM_CAA_FAILED },
        { "www.tld", 0, 0, ACM_CAA_DENIED },
        { "nothing.example", 0, 0, ACM_CAA_ALLOWED }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        test_ok(acm_caa_init(&caa, table[i].name, table[i].wildcard,
                             table[i].other ? other : us,
                             table[i].other ? 1 : 2, ACCOUNT, "dns-01"));

        if (run(&caa) != table[i].state) {
            fail_msg("%s %d %d: %d, \"%s\"", table[i].name,
                     table[i].wildcard, table[i].other, caa.state, caa.text);
        }
    }
}


static void
test_texts(void **state)
{
    size_t     i;
    acm_caa_t  caa;

    static const struct {
        const char  *name;
        const char  *text;
    } table[] = {
        { "deep.www.example.com",
          "CAA set at \"example.com\" does not let the CA issue for "
          "\"deep.www.example.com\": \"example.com. CAA 0 issue "
          "\"other-ca.example.org\"\" names another CA; add: example.com. "
          "CAA 0 issue \"ca.example.net\"" },
        { "*.onlyw.example.com",
          "CAA set at \"onlyw.example.com\" does not let the CA issue for "
          "\"*.onlyw.example.com\": \"onlyw.example.com. CAA 0 issuewild "
          "\"other-ca.example.org\"\" names another CA; add: "
          "onlyw.example.com. CAA 0 issuewild \"ca.example.net\"" },
        { "none.example.com",
          "CAA set at \"none.example.com\" does not let the CA issue for "
          "\"none.example.com\": \"none.example.com. CAA 0 issue \";\"\" "
          "allows no CA at all; add: none.example.com. CAA 0 issue "
          "\"ca.example.net\"" },
        { "acct8.example.com",
          "CAA set at \"acct8.example.com\" does not let the CA issue for "
          "\"acct8.example.com\": \"acct8.example.com. CAA 0 issue "
          "\"ca.example.net; accounturi=" ACCOUNT "8\"\" is for another "
          "account; add: acct8.example.com. CAA 0 issue \"ca.example.net; "
          "accounturi=" ACCOUNT "\"" },
        { "meth2.example.com",
          "CAA set at \"meth2.example.com\" does not let the CA issue for "
          "\"meth2.example.com\": \"meth2.example.com. CAA 0 issue "
          "\"ca.example.net; validationmethods=tls-alpn-01\"\" is for other "
          "validation methods; add: meth2.example.com. CAA 0 issue "
          "\"ca.example.net; validationmethods=dns-01\"" },
        { "crit.example.com",
          "CAA set at \"crit.example.com\": the critical property of the "
          "record \"crit.example.com. CAA 128 strange \"x\"\" is not known, "
          "so no CA may issue for \"crit.example.com\"; remove that record, "
          "or set its flags to 0" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        test_ok(acm_caa_init(&caa, table[i].name, 0, us, 2, ACCOUNT,
                             "dns-01"));
        assert_int_equal(run(&caa), ACM_CAA_DENIED);
        assert_string_equal(caa.text, table[i].text);
    }
}


static void
test_failures(void **state)
{
    size_t       len;
    uint8_t     *wire;
    acm_caa_t    caa;

    (void) state;

    /* SERVFAIL: asked again, then a text of its own */

    test_ok(acm_caa_init(&caa, "www.example.com", 0, us, 2, NULL, NULL));
    assert_string_equal(acm_caa_next(&caa), "www.example.com");
    wire = test_dns_wire(test_dns_reply("www.example.com.", ACM_DNS_CAA, 2),
                         &len);
    assert_int_equal(acm_caa_answer(&caa, ACM_OK, wire, len, NULL),
                     ACM_CAA_ASK);
    assert_string_equal(acm_caa_next(&caa), "www.example.com");
    assert_int_equal(acm_caa_answer(&caa, ACM_OK, wire, len, NULL),
                     ACM_CAA_FAILED);
    assert_null(acm_caa_next(&caa));
    assert_non_null(strstr(caa.text, "CAA lookup failed at "
                           "\"www.example.com\": SERVFAIL;"));
    free(wire);

    /* a timeout once, an answer then; a timeout at the parent */

    test_ok(acm_caa_init(&caa, "www.example.net", 0, us, 2, NULL, NULL));
    assert_int_equal(acm_caa_answer(&caa, ACM_BUSY, NULL, 0, "timeout"),
                     ACM_CAA_ASK);
    wire = test_dns_answer(zone, "www.example.net", ACM_DNS_CAA, 0, &len);
    assert_int_equal(acm_caa_answer(&caa, ACM_OK, wire, len, NULL),
                     ACM_CAA_ASK);
    assert_string_equal(acm_caa_next(&caa), "example.net");

    /* an answer to the old question is none to this one */

    assert_int_equal(acm_caa_answer(&caa, ACM_OK, wire, len, NULL),
                     ACM_CAA_ASK);
    assert_int_equal(acm_caa_answer(&caa, ACM_BUSY, NULL, 0, "timeout"),
                     ACM_CAA_FAILED);
    assert_non_null(strstr(caa.text, "failed at \"example.net\": timeout"));
    assert_int_equal(acm_caa_answer(&caa, ACM_OK, wire, len, NULL),
                     ACM_CAA_FAILED);
    free(wire);

    /* rubbish */

    test_ok(acm_caa_init(&caa, "a.example", 0, us, 2, NULL, NULL));
    (void) acm_caa_answer(&caa, ACM_OK, (uint8_t *) "x", 1, NULL);
    assert_int_equal(acm_caa_answer(&caa, ACM_OK, (uint8_t *) "x", 1, NULL),
                     ACM_CAA_FAILED);
}


static void
test_values(void **state)
{
    char       value[ACM_MAX_CAA_VALUE + 2];
    size_t     i;
    acm_caa_t  caa;

    static const struct {
        const char       *value;
        acm_caa_match_e   match;
    } table[] = {
        { "ca.example.net", ACM_CAA_MATCH },
        { "\t ca.example.net \t", ACM_CAA_MATCH },
        { "CA.EXAMPLE.NET;", ACM_CAA_MATCH },
        { "ca.example.net ; a=b ; c = d", ACM_CAA_MATCH },
        { "ca.example.net;a=", ACM_CAA_MATCH },
        { "ca.example.net;a=b=c", ACM_CAA_MATCH },
        { "ca.example.net; x-y=1", ACM_CAA_MATCH },
        { "", ACM_CAA_NOBODY },
        { ";", ACM_CAA_NOBODY },
        { " ; ", ACM_CAA_NOBODY },
        { "; a=b", ACM_CAA_NOBODY },
        { "ca.example", ACM_CAA_OTHER },
        { "xca.example.net", ACM_CAA_OTHER },
        { "ca.example.net.x", ACM_CAA_OTHER },
        { "ca.example.net; a", ACM_CAA_MALFORMED },
        { "ca.example.net; =b", ACM_CAA_MALFORMED },
        { "ca.example.net; a=b;", ACM_CAA_MALFORMED },
        { "ca.example.net; ; a=b", ACM_CAA_MALFORMED },
        { "ca.example.net; a-=b", ACM_CAA_MALFORMED },
        { "ca.example.net; a=b c", ACM_CAA_MALFORMED },
        { "ca.example.net a=b", ACM_CAA_MALFORMED },
        { "ca.example.net.", ACM_CAA_MALFORMED },
        { "ca..example.net", ACM_CAA_MALFORMED },
        { "-ca.example.net", ACM_CAA_MALFORMED },
        { "ca.example.net-", ACM_CAA_MALFORMED },
        { "ca_x.example.net", ACM_CAA_MALFORMED },
        { "ca.example.net; a=\x80", ACM_CAA_MALFORMED },
        { "ca.example.net; accounturi=" ACCOUNT, ACM_CAA_MATCH },
        { "ca.example.net; AccountURI=" ACCOUNT, ACM_CAA_MATCH },
        { "ca.example.net; accounturi=" ACCOUNT "/", ACM_CAA_ACCOUNT },
        { "ca.example.net; accounturi=", ACM_CAA_ACCOUNT },
        { "ca.example.net; accounturi=" ACCOUNT ";accounturi=" ACCOUNT,
          ACM_CAA_ACCOUNT },
        { "ca.example.net; validationmethods=dns-01", ACM_CAA_MATCH },
        { "ca.example.net; validationmethods=a,dns-01,b", ACM_CAA_MATCH },
        { "ca.example.net; validationmethods=dns-0", ACM_CAA_METHOD },
        { "ca.example.net; validationmethods=dns-011", ACM_CAA_METHOD },
        { "ca.example.net; validationmethods=", ACM_CAA_METHOD },
        { "ca.example.net; validationmethods=,dns-01", ACM_CAA_MALFORMED },
        { "ca.example.net; validationmethods=dns-01,", ACM_CAA_MALFORMED },
        { "ca.example.net; validationmethods=dns_01", ACM_CAA_MALFORMED },
        { "ca.example.net; validationmethods=dns-01; "
          "validationmethods=dns-01", ACM_CAA_METHOD },
        { "ca.example.net; validationmethods=dns-01; accounturi=x",
          ACM_CAA_ACCOUNT },
        { "other.example; accounturi=" ACCOUNT, ACM_CAA_OTHER }
    };

    (void) state;

    test_ok(acm_caa_init(&caa, "a.example", 0, us, 2, ACCOUNT, "dns-01"));

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (acm_caa_match(&caa, (uint8_t *) table[i].value,
                          strlen(table[i].value)) != table[i].match)
        {
            fail_msg("\"%s\"", table[i].value);
        }
    }

    /* no account yet; methods not compared */

    test_ok(acm_caa_init(&caa, "a.example", 0, us, 2, NULL, NULL));
    assert_int_equal(acm_caa_match(&caa, (uint8_t *)
                         "ca.example.net;accounturi=", 26), ACM_CAA_ACCOUNT);
    assert_int_equal(acm_caa_match(&caa, (uint8_t *)
                         "ca.example.net;validationmethods=x", 34),
                     ACM_CAA_MATCH);

    memset(value, ' ', sizeof(value));
    memcpy(value, us[0], strlen(us[0]));
    assert_int_equal(acm_caa_match(&caa, (uint8_t *) value,
                                   ACM_MAX_CAA_VALUE), ACM_CAA_MATCH);
    assert_int_equal(acm_caa_match(&caa, (uint8_t *) value,
                                   ACM_MAX_CAA_VALUE + 1),
                     ACM_CAA_MALFORMED);
}


static void
test_init(void **state)
{
    size_t       i;
    acm_caa_t    caa;
    const char  *many[ACM_MAX_CAA_IDENTITIES + 1];

    (void) state;

    /* no identities: nothing to compare, no question */

    test_ok(acm_caa_init(&caa, "none.example.com", 0, NULL, 0, NULL, NULL));
    assert_int_equal(caa.state, ACM_CAA_ALLOWED);
    assert_null(acm_caa_next(&caa));

    assert_int_equal(acm_caa_init(&caa, "a..b", 0, us, 2, NULL, NULL),
                     ACM_INVALID);
    assert_int_equal(acm_caa_init(&caa, "", 0, us, 2, NULL, NULL),
                     ACM_INVALID);
    assert_int_equal(acm_caa_init(&caa, ".", 0, us, 2, NULL, NULL),
                     ACM_INVALID);
    assert_int_equal(acm_caa_init(&caa, "*.", 0, us, 2, NULL, NULL),
                     ACM_INVALID);

    for (i = 0; i <= ACM_MAX_CAA_IDENTITIES; i++) {
        many[i] = "x.example";
    }

    many[ACM_MAX_CAA_IDENTITIES - 1] = us[0];

    test_ok(acm_caa_init(&caa, "ok.example.com", 0, many,
                         ACM_MAX_CAA_IDENTITIES, NULL, NULL));
    assert_int_equal(run(&caa), ACM_CAA_ALLOWED);
    assert_int_equal(acm_caa_init(&caa, "a.b", 0, many,
                                  ACM_MAX_CAA_IDENTITIES + 1, NULL, NULL),
                     ACM_TOOBIG);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_init)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
