
/*
 * Copyright (C) The ngx_acm authors
 */


#include "test.h"
#include "test_dns.h"


#define NAME  "_acme-challenge.example.com"

/* header: id 1234, a response; one question, n answers */
#define HEADER(n)  "\x12\x34\x81\x80\0\1\0" n "\0\0\0\0"
#define OWNER      "\x0f_acme-challenge\7example\3com\0"
#define QUESTION   OWNER "\0\x10\0\1"
#define RR(type)   "\0" type "\0\1\0\0\0\x3c"
#define A_NET      "\1a\x08validate\7example\3net\0"
#define B_ORG      "\1b\x08validate\7example\3org\0"


static acm_rc_t
parse(const char *wire, size_t len, acm_dns_msg_t *msg)
{
    char       *copy;
    acm_rc_t    rc;
    acm_err_t   err;

    /* its own allocation: a read past the end is seen */

    copy = malloc(len);
    memcpy(copy, wire, len);
    rc = acm_dns_msg_parse((uint8_t *) copy, len, msg, &err);
    free(copy);

    return rc;
}


#define PARSE(s, msg)  parse(s, sizeof(s) - 1, msg)


static void
test_query(void **state)
{
    char           out[ACM_MAX_DNS_NAME + 1];
    acm_buf_t      buf;
    acm_err_t      err;
    acm_dns_msg_t  msg;

    (void) state;

    acm_buf_init(&buf, ACM_MAX_DNS_WIRE);
    test_ok(acm_dns_query("WWW.Example.com.", ACM_DNS_CAA, 1, &buf, &err));

    /* header, name, type, class, and an OPT record of 11 octets */

    assert_int_equal(buf.len, 12 + 17 + 4 + 11);
    assert_int_equal(buf.data[2], 1);
    assert_int_equal(buf.data[5], 1);
    assert_int_equal(buf.data[11], 1);
    assert_memory_equal(buf.data + 29, "\1\1\0\1", 4);
    assert_memory_equal(buf.data + 33, "\0\0\x29\x04\xd0", 5);

    /* a query is not a response; as one it is */

    assert_int_equal(acm_dns_msg_parse(buf.data, buf.len, &msg, &err),
                     ACM_INVALID);
    buf.data[2] |= 0x84;
    test_ok(acm_dns_msg_parse(buf.data, buf.len, &msg, &err));
    assert_string_equal(msg.qname, "www.example.com");
    assert_int_equal(msg.qtype, ACM_DNS_CAA);
    assert_int_equal(msg.aa, 1);
    assert_int_equal(msg.tc, 0);
    assert_int_equal(msg.n, 0);
    acm_dns_msg_free(&msg);

    buf.len = 0;
    test_ok(acm_dns_query(".", ACM_DNS_NS, 0, &buf, &err));
    assert_int_equal(buf.data[2], 0);
    assert_int_equal(buf.len, 12 + 5 + 11);

    assert_int_equal(acm_dns_query("a..b", ACM_DNS_A, 1, &buf, &err),
                     ACM_INVALID);
    acm_buf_free(&buf);

    test_ok(acm_dns_name("A.Example.COM.", out));
    assert_string_equal(out, "a.example.com");
    test_ok(acm_dns_name(".", out));
    assert_string_equal(out, ".");
    assert_int_equal(acm_dns_name("a..b", out), ACM_INVALID);
    test_ok(acm_dns_name("a\\.b.example", out));
    assert_string_equal(acm_dns_parent(out), "example");
    assert_string_equal(acm_dns_parent("com"), ".");
    assert_string_equal(acm_dns_parent("x\\\\.com"), "com");
    assert_null(acm_dns_parent("."));
}


static void
test_txt(void **state)
{
    size_t                   i;
    acm_err_t                err;
    acm_dns_msg_t            msg;
    acm_dns_follow_t         f;
    const acm_dns_record_t  *r;

    (void) state;

    /* two strings of one record are one value */

    test_ok(PARSE(HEADER("\1") QUESTION OWNER RR("\x10") "\0\x1a"
                  "\x0cTOKENPARTONE\x0cTOKENPARTTWO", &msg));
    test_ok(acm_dns_follow(&msg, NAME, ACM_DNS_TXT, &f, &err));
    assert_int_equal(f.n, 1);
    assert_int_equal(f.cnames, 0);
    i = 0;
    r = acm_dns_record(&msg, NAME, ACM_DNS_TXT, &i);
    assert_string_equal((char *) r->data, "TOKENPARTONETOKENPARTTWO");
    assert_int_equal(r->len, 24);
    assert_int_equal(r->ttl, 60);
    acm_dns_msg_free(&msg);

    /* two records are two */

    test_ok(PARSE(HEADER("\2") QUESTION
                  OWNER RR("\x10") "\0\x0d\x0cTOKENPARTONE"
                  OWNER RR("\x10") "\0\x0d\x0cTOKENPARTTWO", &msg));
    test_ok(acm_dns_follow(&msg, NAME, ACM_DNS_TXT, &f, &err));
    assert_int_equal(f.n, 2);
    assert_string_equal((char *) msg.records[0].data, "TOKENPARTONE");
    assert_string_equal((char *) msg.records[1].data, "TOKENPARTTWO");
    acm_dns_msg_free(&msg);

    /* an empty string; NUL inside */

    test_ok(PARSE(HEADER("\1") QUESTION OWNER RR("\x10") "\0\1\0", &msg));
    assert_int_equal(msg.records[0].len, 0);
    acm_dns_msg_free(&msg);
    test_ok(PARSE(HEADER("\1") QUESTION OWNER RR("\x10") "\0\4\3a\0b", &msg));
    assert_int_equal(msg.records[0].len, 3);
    acm_dns_msg_free(&msg);
}


static void
test_cname(void **state)
{
    size_t                   i;
    acm_err_t                err;
    acm_dns_msg_t            msg;
    acm_dns_follow_t         f;
    const acm_dns_record_t  *r;

    (void) state;

    /* a chain of two, the last first */

    test_ok(PARSE(HEADER("\3") QUESTION
                  B_ORG RR("\x10") "\0\x0f\x0e" "DELEGATEDTOKEN"
                  A_NET RR("\5") "\0\x18" B_ORG
                  OWNER RR("\5") "\0\x18" A_NET, &msg));
    test_ok(acm_dns_follow(&msg, NAME, ACM_DNS_TXT, &f, &err));
    assert_string_equal(f.name, "b.validate.example.org");
    assert_int_equal(f.cnames, 2);
    assert_int_equal(f.n, 1);
    i = 0;
    r = acm_dns_record(&msg, f.name, ACM_DNS_TXT, &i);
    assert_string_equal((char *) r->data, "DELEGATEDTOKEN");

    test_ok(acm_dns_follow(&msg, NAME, ACM_DNS_CNAME, &f, &err));
    assert_string_equal(f.name, NAME);
    assert_int_equal(f.n, 1);
    acm_dns_msg_free(&msg);

    /* a loop */

    test_ok(PARSE(HEADER("\2") QUESTION OWNER RR("\5") "\0\x18" A_NET
                  A_NET RR("\5") "\0\x1d" OWNER, &msg));
    assert_int_equal(acm_dns_follow(&msg, NAME, ACM_DNS_TXT, &f, &err),
                     ACM_INVALID);
    acm_dns_msg_free(&msg);

    /* two that differ, two that do not */

    test_ok(PARSE(HEADER("\2") QUESTION OWNER RR("\5") "\0\x18" A_NET
                  OWNER RR("\5") "\0\x18" B_ORG, &msg));
    assert_int_equal(acm_dns_follow(&msg, NAME, ACM_DNS_TXT, &f, &err),
                     ACM_INVALID);
    acm_dns_msg_free(&msg);

    test_ok(PARSE(HEADER("\2") QUESTION OWNER RR("\5") "\0\x18" A_NET
                  OWNER RR("\5") "\0\x18" A_NET, &msg));
    test_ok(acm_dns_follow(&msg, NAME, ACM_DNS_TXT, &f, &err));
    acm_dns_msg_free(&msg);
}


static void
test_limits(void **state)
{
    int               i, n;
    char              line[64];
    size_t            len;
    uint8_t          *wire;
    acm_err_t         err;
    ldns_pkt         *pkt;
    acm_dns_msg_t     msg;
    acm_dns_follow_t  f;

    (void) state;

    for (n = ACM_MAX_CNAMES; n <= ACM_MAX_CNAMES + 1; n++) {
        pkt = test_dns_reply("c0.", ACM_DNS_A, 0);

        for (i = 0; i < n; i++) {
            snprintf(line, sizeof(line), "c%d. CNAME c%d.", i, i + 1);
            test_dns_push(pkt, LDNS_SECTION_ANSWER, line);
        }

        wire = test_dns_wire(pkt, &len);
        test_ok(acm_dns_msg_parse(wire, len, &msg, &err));
        assert_int_equal(acm_dns_follow(&msg, "c0", ACM_DNS_A, &f, &err),
                         n == ACM_MAX_CNAMES ? ACM_OK : ACM_INVALID);
        acm_dns_msg_free(&msg);
        free(wire);
    }

    for (n = ACM_MAX_DNS_RECORDS; n <= ACM_MAX_DNS_RECORDS + 1; n++) {
        pkt = test_dns_reply("a.", ACM_DNS_A, 0);

        for (i = 0; i < n; i++) {
            snprintf(line, sizeof(line), "a. A 127.0.%d.%d", i / 256,
                     i % 256);
            test_dns_push(pkt, LDNS_SECTION_ANSWER, line);
        }

        wire = test_dns_wire(pkt, &len);
        assert_int_equal(acm_dns_msg_parse(wire, len, &msg, &err),
                         n == ACM_MAX_DNS_RECORDS ? ACM_OK : ACM_TOOBIG);

        if (n == ACM_MAX_DNS_RECORDS) {
            assert_int_equal(msg.n, n);
            acm_dns_msg_free(&msg);
        }

        free(wire);
    }

    /* other types are not kept, but there is an end to them too */

    for (n = ACM_MAX_DNS_COUNT; n <= ACM_MAX_DNS_COUNT + 1; n++) {
        pkt = test_dns_reply("a.", ACM_DNS_A, 0);

        for (i = 0; i < n; i++) {
            snprintf(line, sizeof(line), "a. MX %d a.", i);
            test_dns_push(pkt, LDNS_SECTION_ANSWER, line);
        }

        wire = test_dns_wire(pkt, &len);
        assert_int_equal(acm_dns_msg_parse(wire, len, &msg, &err),
                         n == ACM_MAX_DNS_COUNT ? ACM_OK : ACM_TOOBIG);

        if (n == ACM_MAX_DNS_COUNT) {
            assert_int_equal(msg.n, 0);
            acm_dns_msg_free(&msg);
        }

        free(wire);
    }

    wire = calloc(1, ACM_MAX_DNS_WIRE + 1);
    memcpy(wire, HEADER("\0") QUESTION, sizeof(HEADER("\0") QUESTION) - 1);
    test_ok(acm_dns_msg_parse(wire, ACM_MAX_DNS_WIRE, &msg, &err));
    acm_dns_msg_free(&msg);
    assert_int_equal(acm_dns_msg_parse(wire, ACM_MAX_DNS_WIRE + 1, &msg, &err),
                     ACM_TOOBIG);
    free(wire);
}


static void
test_types(void **state)
{
    char              rcode[16];
    size_t            i, len;
    uint8_t          *wire;
    acm_err_t         err;
    ldns_pkt         *pkt;
    acm_dns_msg_t     msg;

    static const char *const  lines[] = {
        "X.example. A 192.0.2.1",
        "x.example. AAAA 2001:db8::1",
        "x.example. NS NS1.Example.",
        "x.example. CAA 128 ISSUE \"CA.example; a=b\"",
        "x.example. CAA 0 issue \"\"",
        "example. SOA ns1.example. h.example. 7 1 2 3 300"
    };

    (void) state;

    pkt = test_dns_reply("x.example.", ACM_DNS_A, 0);

    for (i = 0; i < 5; i++) {
        test_dns_push(pkt, LDNS_SECTION_ANSWER, lines[i]);
    }

    test_dns_push(pkt, LDNS_SECTION_AUTHORITY, lines[5]);
    wire = test_dns_wire(pkt, &len);
    test_ok(acm_dns_msg_parse(wire, len, &msg, &err));
    free(wire);

    assert_int_equal(msg.n, 6);
    assert_string_equal(msg.records[0].owner, "x.example");
    assert_memory_equal(msg.records[0].data, "\xc0\0\2\1", 4);
    assert_int_equal(msg.records[1].len, 16);
    assert_string_equal(msg.records[2].name, "ns1.example");
    assert_string_equal(msg.records[3].tag, "issue");
    assert_string_equal((char *) msg.records[3].data, "CA.example; a=b");
    assert_int_equal(msg.records[3].flags, 128);
    assert_int_equal(msg.records[4].len, 0);
    assert_string_equal(msg.records[5].name, "ns1.example");
    assert_int_equal(msg.records[5].section, ACM_DNS_AUTHORITY);
    assert_int_equal(msg.records[5].serial, 7);
    assert_int_equal(msg.records[5].minimum, 300);

    /* what stands in the authority section is no answer */

    i = 0;
    assert_null(acm_dns_record(&msg, "example", ACM_DNS_SOA, &i));
    acm_dns_msg_free(&msg);

    test_ok(PARSE("\x12\x34\x81\x82\0\1\0\0\0\0\0\0" QUESTION, &msg));
    assert_int_equal(msg.rcode, ACM_DNS_SERVFAIL);
    assert_string_equal(acm_dns_rcode_text(msg.rcode, rcode), "SERVFAIL");
    assert_string_equal(acm_dns_rcode_text(23, rcode), "RCODE 23");
    acm_dns_msg_free(&msg);

    /* BADVERS: the upper bits are in the OPT record */

    test_ok(PARSE("\x12\x34\x81\x80\0\1\0\0\0\0\0\1" QUESTION
                  "\0\0\x29\x04\xd0\1\0\0\0\0\0", &msg));
    assert_int_equal(msg.rcode, 16);
    acm_dns_msg_free(&msg);

    /* no question comes back */

    test_ok(PARSE("\x12\x34\x81\x85\0\0\0\0\0\0\0\0", &msg));
    assert_null(msg.qname);
    assert_int_equal(msg.rcode, ACM_DNS_REFUSED);
    acm_dns_msg_free(&msg);
}


static void
test_hostile(void **state)
{
    size_t         i, n;
    acm_dns_msg_t  msg;

    static const char  good[] = HEADER("\3") QUESTION
        OWNER RR("\x10") "\0\4\3abc"
        OWNER "\1\1\0\1\0\0\0\x3c\0\x0a\0\5issue" "ca."
        OWNER RR("\5") "\0\x18" A_NET;

    static const struct {
        const char  *wire;
        size_t       len;
    } bad[] = {
#define BAD(s)  { s, sizeof(s) - 1 }
        BAD(""),
        BAD("\x12\x34\x81"),
        /* a pointer to itself, to the other, forwards, past the end */
        BAD(HEADER("\1") QUESTION "\xc0\x2d\0\x10\0\1\0\0\0\x3c\0\2\1x"),
        BAD(HEADER("\1") QUESTION "\xc0\x2f\xc0\x2d\0\x10\0\1\0\0\0\x3c\0"),
        BAD(HEADER("\1") QUESTION "\xff\xff\0\x10\0\1\0\0\0\x3c\0\2\1x"),
        BAD(HEADER("\1") QUESTION "\xc0"),
        /* rdlength and string length past the end */
        BAD(HEADER("\1") QUESTION OWNER RR("\x10") "\x40\0\xffshort"),
        BAD(HEADER("\1") QUESTION OWNER RR("\x10") "\0\6\xffshort"),
        /* label of 64, more records than there are, two questions */
        BAD(HEADER("\1") QUESTION "\x40xx\0\0\x10\0\1\0\0\0\x3c\0\2\1x"),
        BAD(HEADER("\2") QUESTION OWNER RR("\x10") "\0\2\1x"),
        BAD("\x12\x34\x81\x80\0\2\0\0\0\0\0\0" QUESTION QUESTION),
        /* A of 3, AAAA of 4, CNAME of none, CAA of one octet, with a tag
           too long */
        BAD(HEADER("\1") QUESTION OWNER RR("\1") "\0\3\1\2\3"),
        BAD(HEADER("\1") QUESTION OWNER RR("\1") "\0\0"),
        BAD(HEADER("\1") QUESTION OWNER RR("\x1c") "\0\4\1\2\3\4"),
        BAD(HEADER("\1") QUESTION OWNER RR("\5") "\0\0"),
        BAD(HEADER("\1") QUESTION OWNER "\1\1\0\1\0\0\0\0\0\1\0"),
        BAD(HEADER("\1") QUESTION OWNER "\1\1\0\1\0\0\0\0\0\3\0\5i"),
        /* a query, an update's answer */
        BAD("\x12\x34\1\0\0\1\0\0\0\0\0\0" QUESTION),
        BAD("\x12\x34\xa8\0\0\1\0\0\0\0\0\0" QUESTION)
#undef BAD
    };

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (parse(bad[i].wire, bad[i].len, &msg) == ACM_OK) {
            fail_msg("accepted: %zu", i);
        }
    }

    test_ok(parse(good, sizeof(good) - 1, &msg));
    assert_int_equal(msg.n, 3);
    acm_dns_msg_free(&msg);

    /* every prefix, and every octet changed */

    for (i = 0; i < sizeof(good) - 1; i++) {
        assert_int_not_equal(parse(good, i, &msg), ACM_OK);
    }

    for (i = 0; i < (sizeof(good) - 1) * 256; i++) {
        char  copy[sizeof(good)];

        n = i / 256;
        memcpy(copy, good, sizeof(good));
        copy[n] = (char) (i % 256);

        if (parse(copy, sizeof(good) - 1, &msg) == ACM_OK) {
            acm_dns_msg_free(&msg);
        }
    }

    /* a tag that is none stays in the set */

    test_ok(PARSE(HEADER("\1") QUESTION OWNER "\1\1\0\1\0\0\0\0\0\4\x80\2i-",
                  &msg));
    assert_string_equal(msg.records[0].tag, "?");
    acm_dns_msg_free(&msg);
}


static void
test_nomem(void **state)
{
    acm_rc_t       rc;
    acm_dns_msg_t  msg;
    unsigned long  n;

    static const char  wire[] = HEADER("\3") QUESTION
        OWNER RR("\x10") "\0\4\3abc"
        OWNER "\1\1\0\1\0\0\0\x3c\0\x0a\0\5issue" "ca."
        OWNER RR("\5") "\0\x18" A_NET;

    (void) state;

    for (n = 1; ; n++) {
        acm_alloc_fail_at(n);
        rc = parse(wire, sizeof(wire) - 1, &msg);
        acm_alloc_fail_at(0);

        if (rc == ACM_OK) {
            acm_dns_msg_free(&msg);
            break;
        }

        assert_int_equal(rc, ACM_NOMEM);
    }

    assert_true(n > 8);
}


static void
test_print(void **state)
{
    char  buf[16];

    (void) state;

    assert_string_equal(acm_dns_print("a\"b\\\x01", 5, buf, 16),
                        "a\\\"b\\\\\\001");
    assert_string_equal(acm_dns_print("0123456789abcdef", 16, buf, 16),
                        "012345678...");
    assert_string_equal(acm_dns_print("", 0, buf, 16), "");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_txt),
        cmocka_unit_test(test_cname),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_nomem),
        cmocka_unit_test(test_print)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
