
/*
 * Copyright (C) The ngx_acm authors
 */


#include "test.h"
#include "test_dns.h"
#include "acm_dns_check.h"


#define NAME    "_acme-challenge.www.example.com"
#define TARGET  "abc.acm.example.net"
#define VALUE   "DELEGATEDTOKENDELEGATEDTOKENDELEGATEDTOKEN1"


/* what the resolver knows: never the TXT records */

static const char *const  world[] = {
    "example.com. NS ns1.example.com.",
    NAME ". CNAME " TARGET ".",
    "wrong.example.com. CNAME other.example.net.",
    "loop.example.com. CNAME loop2.example.com.",
    "loop2.example.com. CNAME loop.example.com.",
    "self.example.com. CNAME self.example.com.",
    "c0.example.com. CNAME c1.example.com.",
    "c1.example.com. CNAME c2.example.com.",
    "c2.example.com. CNAME c3.example.com.",
    "c3.example.com. CNAME c4.example.com.",
    "c4.example.com. CNAME c5.example.com.",
    "c5.example.com. CNAME " TARGET ".",
    "plain.example.com. TXT \"x\"",
    "ns1.example.com. A 192.0.2.9",
    "acm.example.net. NS NS1.example.net.",
    "acm.example.net. NS ns2.example.net.",
    "ns1.example.net. A 192.0.2.1",
    "ns2.example.net. A 192.0.2.2",
    "ns2.example.net. AAAA 2001:db8::2",
    "noaddr.example.net. NS ns3.example.net.",
    "alias.example.org. CNAME nowhere.example.org.",
    "v6.example.org. AAAA 2001:db8::1",
    "www.example.org. CNAME v6.example.org.",
    NULL
};

static const char *const  has[] = {
    TARGET ". TXT \"other\"",
    TARGET ". TXT \"" VALUE "\"",
    "plain.example.com. TXT \"" VALUE "\"",
    NULL
};

static const char *const  hasnot[] = {
    TARGET ". TXT \"DELEGATEDTOKENDELEGATED\"",
    TARGET ". TXT \"TOKENDELEGATEDTOKEN1\"",
    NULL
};


typedef struct {
    const char          *addr;
    const char *const   *zone;      /* NULL: silent */
    int                  aa;
} server_t;


static unsigned  asked;


static acm_dns_check_e
run(acm_dns_check_t *check, const server_t *servers)
{
    size_t            i, len;
    uint8_t          *wire;
    acm_dns_ask_t     ask;

    asked = 0;

    while (acm_dns_check_next(check, &ask)) {
        assert_true(++asked < 100);

        if (ask.server == NULL) {
            assert_int_not_equal(ask.type, ACM_DNS_TXT);
            wire = test_dns_answer(world, ask.name, ask.type, 0, &len);
            (void) acm_dns_check_answer(check, ACM_OK, wire, len, NULL);
            free(wire);
            continue;
        }

        assert_int_equal(ask.type, ACM_DNS_TXT);

        for (i = 0; servers[i].addr != NULL; i++) {
            if (strcmp(servers[i].addr, ask.server) == 0) {
                break;
            }
        }

        if (servers[i].zone == NULL) {
            (void) acm_dns_check_answer(check, ACM_BUSY, NULL, 0, "timeout");
            continue;
        }

        wire = test_dns_answer(servers[i].zone, ask.name, ask.type,
                               servers[i].aa, &len);
        (void) acm_dns_check_answer(check, ACM_OK, wire, len, NULL);
        free(wire);
    }

    return check->state;
}


static void
txt(const char *name, const char *target, const server_t *servers,
    acm_dns_check_e state, const char *text)
{
    acm_dns_check_t  check;

    test_ok(acm_dns_check_txt(&check, name, target, VALUE));

    if (run(&check, servers) != state || strcmp(check.text, text) != 0) {
        fail_msg("%s: %d, \"%s\"", name, check.state, check.text);
    }

    acm_dns_check_free(&check);
}


static void
test_servers(void **state)
{
    static const server_t  all[] = {
        { "192.0.2.1", has, 1 }, { "192.0.2.2", has, 1 },
        { "192.0.2.9", has, 1 }, { NULL, NULL, 0 }
    };
    static const server_t  one[] = {
        { "192.0.2.1", has, 1 }, { "192.0.2.2", hasnot, 1 },
        { NULL, NULL, 0 }
    };
    static const server_t  down[] = {
        { "192.0.2.1", has, 1 }, { NULL, NULL, 0 }
    };
    static const server_t  v6[] = {
        { "192.0.2.1", has, 1 }, { "2001:db8::2", hasnot, 1 },
        { NULL, NULL, 0 }
    };
    static const server_t  lame[] = {
        { "192.0.2.1", has, 0 }, { "2001:db8::2", has, 0 },
        { NULL, NULL, 0 }
    };

    (void) state;

    txt(NAME, TARGET, all, ACM_CHECK_SEEN, "");
    txt(NAME, "ABC.acm.Example.net.", all, ACM_CHECK_SEEN, "");
    txt(NAME, NULL, all, ACM_CHECK_SEEN, "");
    txt("plain.example.com", NULL, all, ACM_CHECK_SEEN, "");
    txt(NAME, TARGET, down, ACM_CHECK_SEEN, "");

    txt(NAME, TARGET, one, ACM_CHECK_WAIT, "name server \"ns2.example.net\" "
        "(192.0.2.2) does not have \"" TARGET ". TXT \"" VALUE "\"\", 1 of 2 "
        "do: wait, or look why the zone is not updated");
    txt(NAME, TARGET, v6, ACM_CHECK_WAIT, "name server \"ns2.example.net\" "
        "(2001:db8::2) does not have \"" TARGET ". TXT \"" VALUE "\"\", 1 of 2 "
        "do: wait, or look why the zone is not updated");

    txt(NAME, TARGET, lame, ACM_CHECK_FAILED, "none of the 2 name servers of "
        "zone \"acm.example.net\" answered for \"" TARGET "\", "
        "\"ns1.example.net\" (192.0.2.1): is not authoritative for it; check "
        "that they run, that port 53 is open for UDP and TCP, and the NS "
        "records above the zone");
    txt("x.noaddr.example.net", NULL, all, ACM_CHECK_FAILED, "none of the 1 "
        "name servers of zone \"noaddr.example.net\" answered for "
        "\"x.noaddr.example.net\", \"ns3.example.net\" (no address): no "
        "address; check that they run, that port 53 is open for UDP and TCP, "
        "and the NS records above the zone");
}


static void
test_chain(void **state)
{
    static const server_t  all[] = {
        { "192.0.2.1", has, 1 }, { "192.0.2.2", has, 1 },
        { "192.0.2.9", has, 1 }, { NULL, NULL, 0 }
    };

    (void) state;

    txt("_acme-challenge.no.example.com", TARGET, all, ACM_CHECK_FAILED,
        "\"_acme-challenge.no.example.com\" has no CNAME record: create "
        "\"_acme-challenge.no.example.com. CNAME " TARGET ".\"");
    txt("wrong.example.com", TARGET, all, ACM_CHECK_FAILED,
        "the CNAME record of \"wrong.example.com\" leads to "
        "\"other.example.net\": change it to \"wrong.example.com. CNAME "
        TARGET ".\"");
    txt("loop.example.com", NULL, all, ACM_CHECK_FAILED,
        "the CNAME of \"loop2.example.com\" leads to \"loop.example.com\", "
        "which leads back to it: remove the loop");
    txt("self.example.com", TARGET, all, ACM_CHECK_FAILED,
        "the CNAME of \"self.example.com\" leads to \"self.example.com\", "
        "which leads back to it: remove the loop");

    /* five CNAMEs, six */

    txt("c1.example.com", TARGET, all, ACM_CHECK_SEEN, "");
    txt("c0.example.com", TARGET, all, ACM_CHECK_FAILED,
        "more than 5 CNAME records lead from \"c0.example.com\" on: let it "
        "point to the last one directly");

    txt("a.b.nothing", NULL, all, ACM_CHECK_FAILED,
        "no zone has \"a.b.nothing\": no name above it has NS records; "
        "register or delegate the domain");
}


static void
test_failures(void **state)
{
    size_t            len;
    uint8_t          *wire;
    acm_dns_ask_t     ask;
    acm_dns_check_t   check;

    (void) state;

    test_ok(acm_dns_check_txt(&check, NAME, TARGET, VALUE));
    wire = test_dns_wire(test_dns_reply(NAME ".", ACM_DNS_CNAME, 2), &len);
    assert_int_equal(acm_dns_check_answer(&check, ACM_OK, wire, len, NULL),
                     ACM_CHECK_ASK);
    assert_int_equal(acm_dns_check_answer(&check, ACM_OK, wire, len, NULL),
                     ACM_CHECK_FAILED);
    assert_string_equal(check.text, "DNS lookup for \"" NAME "\" failed at \""
                        NAME "\": SERVFAIL; check the resolver and the name "
                        "servers of the domain");
    assert_int_equal(acm_dns_check_next(&check, &ask), 0);
    free(wire);
    acm_dns_check_free(&check);
    acm_dns_check_free(&check);

    /* a failure leaves nothing to be freed */

    assert_int_equal(acm_dns_check_txt(&check, "a..b", NULL, VALUE),
                     ACM_INVALID);
    assert_int_equal(acm_dns_check_txt(&check, NAME, "a..b", VALUE),
                     ACM_INVALID);
    assert_int_equal(check.nchain, 0);
    assert_null(check.chain[0]);
}


static void
test_limits(void **state)
{
    int               i, n;
    char              line[80];
    size_t            len;
    uint8_t          *wire;
    ldns_pkt         *pkt;
    acm_dns_ask_t     ask;
    acm_dns_check_t   check;

    (void) state;

    for (n = ACM_MAX_DNS_SERVERS; n <= ACM_MAX_DNS_SERVERS + 1; n++) {
        test_ok(acm_dns_check_txt(&check, "x.example", NULL, VALUE));
        check.port = 5353;

        while (acm_dns_check_next(&check, &ask) && ask.server == NULL) {
            snprintf(line, sizeof(line), "%s.", ask.name);
            pkt = test_dns_reply(line, ask.type, 0);

            for (i = 0; i < n; i++) {
                if (ask.type == ACM_DNS_NS) {
                    snprintf(line, sizeof(line), "%s. NS ns%d.example.",
                             ask.name, i);

                } else if (ask.type == ACM_DNS_A) {
                    snprintf(line, sizeof(line), "%s. A 192.0.2.%d",
                             ask.name, i);

                } else if (ask.type == ACM_DNS_AAAA) {
                    snprintf(line, sizeof(line), "%s. AAAA 2001:db8::%d",
                             ask.name, i);

                } else {
                    break;
                }

                test_dns_push(pkt, LDNS_SECTION_ANSWER, line);
            }

            wire = test_dns_wire(pkt, &len);
            (void) acm_dns_check_answer(&check, ACM_OK, wire, len, NULL);
            free(wire);
        }

        assert_int_equal(check.nservers, ACM_MAX_DNS_SERVERS);
        assert_int_equal(check.servers[7].naddrs, ACM_MAX_SERVER_ADDRS);
        assert_string_equal(ask.server, "192.0.2.0:5353");

        i = 0;

        while (acm_dns_check_next(&check, &ask)) {
            if (i == 2) {
                assert_string_equal(ask.server, "[2001:db8::]:5353");
            }

            (void) acm_dns_check_answer(&check, ACM_BUSY, NULL, 0,
                "a reason that is longer than there is room for it in the "
                "text of one server");
            i++;
        }

        assert_int_equal(i, ACM_MAX_DNS_SERVERS * ACM_MAX_SERVER_ADDRS);
        assert_int_equal(check.state, ACM_CHECK_FAILED);
        acm_dns_check_free(&check);
    }
}


static void
test_nomem(void **state)
{
    acm_rc_t          rc;
    unsigned long     n;
    acm_dns_check_e   end;
    acm_dns_check_t   check;

    static const server_t  all[] = {
        { "192.0.2.1", has, 1 }, { "192.0.2.2", has, 1 },
        { NULL, NULL, 0 }
    };

    (void) state;

    for (n = 1; ; n++) {
        acm_alloc_fail_at(n);
        rc = acm_dns_check_txt(&check, NAME, TARGET, VALUE);
        end = (rc == ACM_OK) ? run(&check, all) : ACM_CHECK_WAIT;
        acm_alloc_fail_at(0);
        acm_dns_check_free(&check);

        /* nobody else has to do something */

        assert_int_not_equal(end, ACM_CHECK_FAILED);

        /* an answer that cannot be read is asked for again */

        if (n > 80) {
            break;
        }
    }

    assert_int_equal(end, ACM_CHECK_SEEN);
}


static void
test_addresses(void **state)
{
    size_t           i;
    acm_dns_check_t  check;

    static const struct {
        const char       *name;
        acm_dns_check_e   state;
        const char       *text;
    } table[] = {
        { "ns1.example.net", ACM_CHECK_SEEN, "" },
        { "v6.example.org", ACM_CHECK_SEEN, "" },
        { "www.example.org", ACM_CHECK_SEEN, "" },
        { "www.example.com", ACM_CHECK_FAILED, "\"www.example.com\" has no "
          "address: create an A record, \"www.example.com. A <address of this "
          "server>\"" },
        { "alias.example.org", ACM_CHECK_FAILED, "\"alias.example.org\" has "
          "no address: its CNAME leads to \"nowhere.example.org\", which has "
          "none: create an A record there, or change the CNAME" },
        { "loop.example.com", ACM_CHECK_FAILED, "\"loop.example.com\" has no "
          "address: the CNAME records from \"loop.example.com\" on are a loop "
          "or more than 8; repair the CNAME records" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        test_ok(acm_dns_addresses(&check, table[i].name));

        if (run(&check, NULL) != table[i].state
            || strcmp(check.text, table[i].text) != 0)
        {
            fail_msg("%s: %d, \"%s\"", table[i].name, check.state,
                     check.text);
        }

        assert_int_equal(check.address[0] != '\0',
                         table[i].state == ACM_CHECK_SEEN);

        if (i == 1) {
            assert_int_equal(check.address[0], '[');
        }

        acm_dns_check_free(&check);
    }

    assert_int_equal(acm_dns_addresses(&check, ""), ACM_INVALID);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_servers),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_nomem),
        cmocka_unit_test(test_addresses)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
