
/*
 * Copyright (C) The ngx_acm authors
 *
 * What a CA wants to see proved is held against what it was asked for.
 */


#include "sim.h"


#define CHALLENGE(type, token)                                                \
    "{\"type\":\"" type "\",\"status\":\"pending\","                          \
    "\"url\":\"https://ca0.test/c/0/0\",\"token\":\"" token "\"}"

#define AUTHZ(id)                                                             \
    "{\"status\":\"pending\",\"identifier\":{" id "},\"challenges\":["        \
    CHALLENGE("http-01", "t0-0-0") "," CHALLENGE("dns-01", "t0-0-1") "]}"

#define WILD(value)                                                           \
    AUTHZ("\"type\":\"dns\",\"value\":\"" value "\"},"                        \
          "\"wildcard\":true,\"x\":{")

#define DNS(value)  "\"type\":\"dns\",\"value\":\"" value "\""

#define ORDER(ids)                                                            \
    "{\"status\":\"pending\",\"identifiers\":[" ids "],"                      \
    "\"finalize\":\"https://ca0.test/f/0\",\"authorizations\":["              \
    "\"https://ca0.test/z/0/0\",\"https://ca0.test/z/0/1\"]}"


static void
test_id(void **state)
{
    static const struct {
        acm_acme_id_t   id;
        const char     *name;
        acm_id_e        is;
    } rows[] = {
        { { "dns", "a.example", 0 }, "a.example", ACM_ID_SAME },
        { { "dns", "A.ExAmple.", 0 }, "a.example", ACM_ID_SAME },
        { { "dns", "xn--BCHER-kva.example", 0 }, "xn--bcher-kva.example",
          ACM_ID_SAME },
        { { "dns", "b.example", 0 }, "a.example", ACM_ID_OTHER },
        { { "dns", "a.example.com", 0 }, "a.example", ACM_ID_OTHER },
        { { "dns", "a.exampl", 0 }, "a.example", ACM_ID_OTHER },
        { { "dns", "example", 0 }, "a.example", ACM_ID_OTHER },
        { { "dns", "a.example..", 0 }, "a.example", ACM_ID_OTHER },
        { { "dns", ".", 0 }, "a.example", ACM_ID_OTHER },
        { { "DNS", "a.example", 0 }, "a.example", ACM_ID_OTHER },
        { { "ip", "a.example", 0 }, "a.example", ACM_ID_OTHER },
        { { "email", "a.example", 0 }, "a.example", ACM_ID_OTHER },

        { { "dns", "a.example", 1 }, "*.a.example", ACM_ID_SAME },
        { { "dns", "A.example.", 1 }, "*.a.example", ACM_ID_SAME },
        { { "dns", "a.example", 1 }, "a.example", ACM_ID_OTHER },
        { { "dns", "a.example", 0 }, "*.a.example", ACM_ID_BASE },
        { { "dns", "b.example", 1 }, "*.a.example", ACM_ID_OTHER },

        { { "ip", "192.0.2.1", 0 }, "192.0.2.1", ACM_ID_SAME },
        { { "dns", "192.0.2.1", 0 }, "192.0.2.1", ACM_ID_OTHER },
        { { "ip", "192.0.2.1", 1 }, "192.0.2.1", ACM_ID_OTHER },
        { { "ip", "192.0.2.10", 0 }, "192.0.2.1", ACM_ID_OTHER },
        { { "ip", "2001:db8::1", 0 }, "2001:db8::1", ACM_ID_SAME },
        { { "ip", "2001:DB8:0:0:0::0001", 0 }, "2001:db8::1", ACM_ID_SAME },
        { { "ip", "2001:0db8:0000:0000:0000:0000:0000:0001", 0 },
          "2001:db8::1", ACM_ID_SAME },
        { { "ip", "2001:db8::2", 0 }, "2001:db8::1", ACM_ID_OTHER },
        { { "ip", "::ffff:c000:201", 0 }, "192.0.2.1", ACM_ID_OTHER },
        { { "ip", "::ffff:c000:201", 0 }, "::ffff:192.0.2.1", ACM_ID_SAME }
    };

    size_t  i;

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (acm_acme_id(&rows[i].id, rows[i].name) != rows[i].is) {
            fail_msg("%s \"%s\", \"%s\"", rows[i].id.type, rows[i].id.name,
                     rows[i].name);
        }
    }
}


/* An order for two names at a CA with a fault; another CA is there. */

static sim_t *
test_world(const char *first, const char *second, sim_step_e step,
    const char *body, unsigned times)
{
    sim_t         *s;
    char         **names;
    sim_fault_t   *f;

    s = sim_new(1, 2);
    s->requests[0].issuer = "ca0 ca1";

    names = (char **) s->requests[0].names;
    free(names[0]);
    free(names[1]);
    names[0] = strdup(first);
    names[1] = strdup(second);

    f = &s->cas[0].fault[step];
    f->times = times;
    f->body = body;
    f->done = 1;

    return s;
}


static void
test_names(void **state)
{
    size_t       i;
    sim_t       *s;
    acm_cert_t   c;

    static const struct {
        sim_step_e   step;
        const char  *body;
        const char  *says;               /* NULL: it comes through */
        unsigned     times;
    } rows[] = {
        { SIM_AUTHZ, AUTHZ(DNS("H0.Example0.COM.")), NULL, 1 },
        { SIM_AUTHZ, AUTHZ(DNS("victim.example.com")),
          "dns \"victim.example.com\" is ours, which was not ordered", 1 },
        { SIM_AUTHZ, AUTHZ(DNS("victim.example.com")),
          "dns \"victim.example.com\" is ours, which was not ordered",
          SIM_LASTING },
        { SIM_AUTHZ, AUTHZ(DNS("example0.com")), "was not ordered", 1 },
        { SIM_AUTHZ, AUTHZ(DNS("a.h0.example0.com")), "was not ordered", 1 },
        { SIM_AUTHZ, WILD("h0.example0.com"),
          "dns \"*.h0.example0.com\" is ours, which was not ordered", 1 },
        { SIM_AUTHZ, AUTHZ("\"type\":\"ip\",\"value\":\"192.0.2.1\""),
          "ip \"192.0.2.1\" is ours, which was not ordered", 1 },
        { SIM_AUTHZ, AUTHZ("\"type\":\"ip\",\"value\":\"h0.example0.com\""),
          "was not ordered", 1 },
        { SIM_AUTHZ, AUTHZ("\"value\":\"h0.example0.com\""),
          "no valid \"identifier\"", 1 },
        { SIM_AUTHZ, AUTHZ(DNS("h1.example0.com")),
          "dns \"h1.example0.com\" is ours, twice in one order", 1 },

        { SIM_ORDER, ORDER("{" DNS("H1.example0.com.") "},{"
                           DNS("h0.example0.com") "}"), NULL, 1 },
        { SIM_ORDER, ORDER("{" DNS("h0.example0.com") "}"),
          "made an order for 1 names, but was asked for 2", 1 },
        { SIM_ORDER, ORDER("{" DNS("h0.example0.com") "},{"
                           DNS("h1.example0.com") "},{"
                           DNS("victim.example.com") "}"),
          "made an order for 3 names, but was asked for 2", 1 },
        { SIM_ORDER, ORDER("{" DNS("h0.example0.com") "},{"
                           DNS("victim.example.com") "}"),
          "\"victim.example.com\", which was not asked for", 1 },
        { SIM_ORDER, ORDER("{" DNS("h0.example0.com") "},{"
                           DNS("h0.example0.com") "}"),
          "\"h0.example0.com\", which was not asked for", 1 },
        { SIM_ORDER, ORDER("{" DNS("h0.example0.com") "},{"
                           DNS("*.h1.example0.com") "}"),
          "\"*.h1.example0.com\", which was not asked for", 1 },
        { SIM_ORDER, ORDER("{" DNS("h0.example0.com") "},7"),
          "no valid \"identifiers\"", 1 }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        s = test_world("h0.example0.com", "h1.example0.com", rows[i].step,
                       rows[i].body, rows[i].times);

        assert_int_equal(sim_until(s, 1, 60), 1);
        sim_check_quiet(s);
        assert_int_equal(s->cas[0].count[SIM_ORDER], 1);
        sim_cert(s, 0, &c);

        if (rows[i].says == NULL) {
            assert_string_equal(c.issued_by, "ca0");

        } else {

            /* its fault, it was told nothing, and the next one issues */

            assert_string_equal(c.issued_by, "ca1");
            assert_int_equal(s->cas[0].count[SIM_CHALLENGE], 0);
            assert_int_equal(sim_entries(s, ACM_DB_CHALLENGE), 0);
        }

        acm_cert_free(&c);
        sim_free(s);

        if (rows[i].says == NULL) {
            continue;
        }

        /* and what the operator reads, if there is no other */

        s = test_world("h0.example0.com", "h1.example0.com", rows[i].step,
                       rows[i].body, rows[i].times);
        s->requests[0].issuer = "ca0";
        sim_run(s, 20);
        sim_cert(s, 0, &c);

        if (strstr(c.last_error, rows[i].says) == NULL) {
            fail_msg("\"%s\", not \"%s\"", c.last_error, rows[i].says);
        }

        assert_string_equal(c.culprit, "");
        acm_cert_free(&c);
        sim_free(s);
    }
}


/* A wildcard, at CAs that say of it what RFC 8555 wants, or too much, or
   nothing; a host's challenge proves none. */

static void
test_wildcard(void **state)
{
    size_t       i, k;
    sim_t       *s;
    acm_cert_t   c;

    static const struct {
        const char  *first;
        const char  *second;
        const char  *body;
        int          ok;
    } rows[] = {
        { "*.h0.example0.com", "h1.example0.com", WILD("h0.example0.com"),
          1 },
        { "*.h0.example0.com", "h1.example0.com", WILD("*.h0.example0.com"),
          1 },
        { "*.h0.example0.com", "h1.example0.com",
          AUTHZ(DNS("*.h0.example0.com")), 1 },
        { "*.h0.example0.com", "h1.example0.com",
          AUTHZ(DNS("h0.example0.com")), 1 },
        { "*.h0.example0.com", "h0.example0.com",
          AUTHZ(DNS("h0.example0.com")), 1 },
        { "*.h0.example0.com", "h1.example0.com",
          WILD("*.*.h0.example0.com"), 0 },
        { "*.h0.example0.com", "h1.example0.com", WILD("example0.com"), 0 },
        { "*.h0.example0.com", "h1.example0.com",
          AUTHZ(DNS("a.h0.example0.com")), 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        s = test_world(rows[i].first, rows[i].second, SIM_AUTHZ,
                       rows[i].body, 1);

        for (k = 0; k < SIM_CAS; k++) {
            s->issuers[k].methods[0] = ACM_METHOD_HTTP_01;
            s->issuers[k].methods[1] = ACM_METHOD_DNS_01;
        }

        s->cas[0].hostile = 1;           /* looks for no TXT record */
        s->cas[1].hostile = 1;

        assert_int_equal(sim_until(s, 1, 60), 1);
        sim_cert(s, 0, &c);
        assert_string_equal(c.issued_by, rows[i].ok ? "ca0" : "ca1");
        acm_cert_free(&c);
        sim_free(s);
    }

    s = test_world("*.h0.example0.com", "h1.example0.com", SIM_AUTHZ,
                   WILD("h0.example0.com"), 1);
    s->requests[0].issuer = "ca0";
    sim_run(s, 20);
    sim_cert(s, 0, &c);
    assert_non_null(strstr(c.last_error, "*.h0.example0.com: the CA offers "
                           "none of the challenges that are set up"));
    assert_int_equal(s->cas[0].count[SIM_CHALLENGE], 0);
    acm_cert_free(&c);
    sim_free(s);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_id),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_wildcard)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
