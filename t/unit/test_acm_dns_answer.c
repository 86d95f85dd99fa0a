
/*
 * Copyright (C) The ngx_acm authors
 */


#include <ldns/ldns.h>

#include "acm_dns_answer.h"
#include "test.h"


#define ZONE    "acm-v.example.net"
#define ONE     "0123456789abcdef0123456789abcdef"
#define MANY    "11111111111111111111111111111111"
#define NONE    "22222222222222222222222222222222"
#define BROKEN  "33333333333333333333333333333333"
#define VALUE   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"


typedef struct {
    uint8_t    data[ACM_MAX_DNS_QUERY + 1];
    size_t     len;
} test_query_t;


static unsigned  test_lookups;


static acm_rc_t
test_lookup(void *data, const char *label,
    char values[ACM_MAX_TXT][ACM_TXT_LEN + 1], size_t *n)
{
    size_t  i;

    (void) data;

    assert_int_equal(strlen(label), ACM_LABEL_LEN);
    test_lookups++;

    if (strcmp(label, BROKEN) == 0) {
        return ACM_CORRUPT;
    }

    *n = strcmp(label, ONE) == 0 ? 1
         : strcmp(label, MANY) == 0 ? ACM_MAX_TXT : 0;

    for (i = 0; i < *n; i++) {
        snprintf(values[i], ACM_TXT_LEN + 1, "%s%c", VALUE,
                 (char) ('a' + i));
    }

    return (*n != 0 || strcmp(label, NONE) == 0) ? ACM_OK : ACM_NOTFOUND;
}


static const acm_dns_addr_t  test_addrs[] = {
    { { 192, 0, 2, 1 }, 4 },
    { { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, 16 },
    { { 192, 0, 2, 2 }, 4 }
};

static const acm_dns_zone_t  test_outside = {
    ZONE, "ns.example.org", "hostmaster." ZONE, NULL, 0, 7, test_lookup, NULL
};

static const acm_dns_zone_t  test_inside = {
    ZONE, "ns.a.b." ZONE, "hostmaster." ZONE, test_addrs, 3, 7, test_lookup,
    NULL
};

static const acm_dns_zone_t  test_itself = {
    ZONE, ZONE, "hostmaster." ZONE, test_addrs, 3, 7, test_lookup, NULL
};


static void
put16(test_query_t *q, unsigned n)
{
    q->data[q->len++] = (uint8_t) (n >> 8);
    q->data[q->len++] = (uint8_t) n;
}


static void
put_name(test_query_t *q, const char *name)
{
    size_t  n;

    while (*name != '\0') {
        n = strcspn(name, ".");
        q->data[q->len++] = (uint8_t) n;
        memcpy(q->data + q->len, name, n);
        q->len += n;
        name += n + (name[n] == '.');
    }

    q->data[q->len++] = 0;
}


/* id 4660, RD */

static void
query(test_query_t *q, const char *name, unsigned type)
{
    memset(q, 0, sizeof(test_query_t));

    put16(q, 0x1234);
    put16(q, 0x0100);
    put16(q, 1);
    put16(q, 0);
    put16(q, 0);
    put16(q, 0);
    put_name(q, name);
    put16(q, type);
    put16(q, LDNS_RR_CLASS_IN);
}


static void
put_opt(test_query_t *q, unsigned size, unsigned version, unsigned flags)
{
    q->data[q->len++] = 0;
    put16(q, LDNS_RR_TYPE_OPT);
    put16(q, size);
    put16(q, version);
    put16(q, flags);
    put16(q, 0);
    q->data[11]++;
}


/* What was answered, in a word: rcode, flags, counts of the sections. */

static ldns_pkt *
answer(const acm_dns_zone_t *zone, const test_query_t *q, size_t max,
    char *text, size_t size)
{
    size_t     len;
    uint8_t   *copy, out[ACM_MAX_DNS_ANSWER];
    ldns_pkt  *pkt;
    ldns_status  rc;

    /* an allocation of this size, so that an over-read is seen */

    copy = malloc(q->len + 1);
    assert_non_null(copy);
    memcpy(copy, q->data, q->len);
    test_ok(acm_dns_answer(zone, copy, q->len, max, out, &len));
    free(copy);

    rc = ldns_wire2pkt(&pkt, out, len);

    if (rc != LDNS_STATUS_OK) {
        print_error("%s\n", ldns_get_errorstr_by_id(rc));
    }

    assert_int_equal(rc, LDNS_STATUS_OK);
    assert_int_equal(ldns_pkt_id(pkt), q->data[0] << 8 | q->data[1]);
    assert_true(ldns_pkt_qr(pkt));
    assert_false(ldns_pkt_ra(pkt));
    assert_false(ldns_pkt_ad(pkt));
    assert_int_equal(ldns_pkt_rd(pkt), q->data[2] & 1);

    snprintf(text, size, "%d%s%s %u/%u/%u/%u",
             ldns_pkt_get_rcode(pkt) | ldns_pkt_edns_extended_rcode(pkt) << 4,
             ldns_pkt_aa(pkt) ? " aa" : "", ldns_pkt_tc(pkt) ? " tc" : "",
             ldns_pkt_qdcount(pkt), ldns_pkt_ancount(pkt),
             ldns_pkt_nscount(pkt), ldns_pkt_arcount(pkt));

    return pkt;
}


static char *
rr_text(const ldns_rr_list *list, size_t n)
{
    char  *s;

    s = ldns_rr2str(ldns_rr_list_rr(list, n));
    assert_non_null(s);
    s[strcspn(s, "\n")] = '\0';

    return s;
}


typedef struct {
    const acm_dns_zone_t  *zone;
    const char            *name;
    unsigned               type;
    const char            *expect;
    const char            *rr;       /* the first of the first section */
} test_case_t;


#define SOA_NO  ZONE ".\t0\tIN\tSOA\t"
#define SOA_OUT "ns.example.org. hostmaster." ZONE ". 7 7200 900 1209600 0"
#define SOA_IN  "ns.a.b." ZONE ". hostmaster." ZONE ". 7 7200 900 1209600 0"


static void
test_table(void **state)
{
    static const test_case_t  t[] = {
        { &test_outside, ONE "." ZONE, 16, "0 aa 1/1/0/0",
          ONE "." ZONE ".\t0\tIN\tTXT\t\"" VALUE "a\"" },
        { &test_outside, ONE "." ZONE, 1, "0 aa 1/0/1/0", SOA_NO SOA_OUT },
        { &test_outside, ONE "." ZONE, 257, "0 aa 1/0/1/0", NULL },
        { &test_outside, ONE "." ZONE, 5, "0 aa 1/0/1/0", NULL },
        { &test_outside, ONE "." ZONE, 255, "0 aa 1/1/0/0",
          ONE "." ZONE ".\t0\tIN\tHINFO\t\"RFC8482\" \"\"" },
        { &test_outside, NONE "." ZONE, 16, "0 aa 1/0/1/0", SOA_NO SOA_OUT },
        { &test_outside, BROKEN "." ZONE, 16, "2 1/0/0/0", NULL },
        { &test_outside, BROKEN "." ZONE, 1, "2 1/0/0/0", NULL },
        { &test_outside, BROKEN "." ZONE, 255, "2 1/0/0/0", NULL },
        { &test_outside, "x." BROKEN "." ZONE, 16, "3 aa 1/0/1/0", NULL },
        { &test_outside, "unknown." ZONE, 16, "3 aa 1/0/1/0",
          SOA_NO SOA_OUT },
        { &test_outside, "44444444444444444444444444444444." ZONE, 16,
          "3 aa 1/0/1/0", SOA_NO SOA_OUT },
        { &test_outside, "4444444444444444444444444444444." ZONE, 16,
          "3 aa 1/0/1/0", NULL },
        { &test_outside, "444444444444444444444444444444444." ZONE, 16,
          "3 aa 1/0/1/0", NULL },
        { &test_outside, "unknown." ZONE, 255, "3 aa 1/0/1/0", NULL },
        { &test_outside, "x." ONE "." ZONE, 16, "3 aa 1/0/1/0", NULL },
        { &test_outside, "_acme-challenge." ZONE, 16, "3 aa 1/0/1/0", NULL },
        { &test_outside, "*." ZONE, 16, "3 aa 1/0/1/0", NULL },

        /* the apex */

        { &test_outside, ZONE, 6, "0 aa 1/1/0/0",
          ZONE ".\t3600\tIN\tSOA\t" SOA_OUT },
        { &test_outside, ZONE, 2, "0 aa 1/1/0/0",
          ZONE ".\t3600\tIN\tNS\tns.example.org." },
        { &test_outside, ZONE, 16, "0 aa 1/0/1/0", SOA_NO SOA_OUT },
        { &test_outside, ZONE, 43, "0 aa 1/0/1/0", NULL },
        { &test_outside, ZONE, 255, "0 aa 1/1/0/0", NULL },
        { &test_outside, ZONE, 1, "0 aa 1/0/1/0", NULL },

        /* a name server in the zone, two labels below it */

        { &test_inside, ZONE, 2, "0 aa 1/1/0/3",
          ZONE ".\t3600\tIN\tNS\tns.a.b." ZONE "." },
        { &test_inside, ZONE, 1, "0 aa 1/0/1/0", SOA_NO SOA_IN },
        { &test_inside, "ns.a.b." ZONE, 1, "0 aa 1/2/0/0",
          "ns.a.b." ZONE ".\t3600\tIN\tA\t192.0.2.1" },
        { &test_inside, "ns.a.b." ZONE, 28, "0 aa 1/1/0/0",
          "ns.a.b." ZONE ".\t3600\tIN\tAAAA\t2001:db8::1" },
        { &test_inside, "ns.a.b." ZONE, 16, "0 aa 1/0/1/0", NULL },
        { &test_inside, "ns.a.b." ZONE, 255, "0 aa 1/1/0/0", NULL },
        { &test_inside, "a.b." ZONE, 1, "0 aa 1/0/1/0", SOA_NO SOA_IN },
        { &test_inside, "b." ZONE, 255, "0 aa 1/0/1/0", SOA_NO SOA_IN },
        { &test_inside, "c.b." ZONE, 1, "3 aa 1/0/1/0", NULL },
        { &test_inside, "x.ns.a.b." ZONE, 1, "3 aa 1/0/1/0", NULL },
        { &test_itself, ZONE, 1, "0 aa 1/2/0/0",
          ZONE ".\t3600\tIN\tA\t192.0.2.1" },
        { &test_itself, ZONE, 28, "0 aa 1/1/0/0", NULL },
        { &test_itself, ZONE, 2, "0 aa 1/1/0/3", NULL },

        /* not ours */

        { &test_outside, "example.net", 6, "5 1/0/0/0", NULL },
        { &test_outside, "", 2, "5 1/0/0/0", NULL },
        { &test_outside, "net", 2, "5 1/0/0/0", NULL },
        { &test_outside, "x" ZONE, 16, "5 1/0/0/0", NULL },
        { &test_outside, ONE ".example.com", 16, "5 1/0/0/0", NULL },
        { &test_outside, ZONE ".x", 16, "5 1/0/0/0", NULL },
        { &test_outside, "ns.example.org", 1, "5 1/0/0/0", NULL },
        { &test_outside, ZONE, 252, "5 1/0/0/0", NULL },
        { &test_outside, ZONE, 251, "5 1/0/0/0", NULL },
        { &test_outside, ZONE, 250, "5 1/0/0/0", NULL },
        { &test_outside, ZONE, 253, "5 1/0/0/0", NULL },

        /* not a type that can be asked for */

        { &test_outside, ZONE, 0, "1 0/0/0/0", NULL },
        { &test_outside, ZONE, 41, "1 0/0/0/0", NULL },
        { NULL, NULL, 0, NULL, NULL }
    };

    char                 text[64], *s;
    size_t               i;
    ldns_pkt            *pkt;
    test_query_t         q;
    const ldns_rr_list  *list;

    (void) state;

    for (i = 0; t[i].name != NULL; i++) {
        query(&q, t[i].name, t[i].type);
        pkt = answer(t[i].zone, &q, ACM_DNS_UDP_SIZE, text, sizeof(text));

        if (strcmp(text, t[i].expect) != 0) {
            print_error("%s type %u: %s\n", t[i].name, t[i].type, text);
        }

        assert_string_equal(text, t[i].expect);

        if (t[i].rr != NULL) {
            list = ldns_pkt_ancount(pkt) ? ldns_pkt_answer(pkt)
                                         : ldns_pkt_authority(pkt);
            s = rr_text(list, 0);
            assert_string_equal(s, t[i].rr);
            free(s);
        }

        ldns_pkt_free(pkt);
    }
}


/* The question's case is echoed to the bit, in the answer's owner too. */

static void
test_case(void **state)
{
    char          text[64], *s;
    size_t        len;
    uint8_t       out[ACM_MAX_DNS_ANSWER];
    ldns_pkt     *pkt;
    test_query_t  q;
    static char   name[] = "0123456789aBcDeF0123456789ABCdef.aCm-V.ExAmple.NeT";

    (void) state;

    query(&q, name, LDNS_RR_TYPE_TXT);
    test_ok(acm_dns_answer(&test_outside, q.data, q.len, ACM_DNS_UDP_SIZE,
                           out, &len));
    assert_true(len > q.len);
    assert_memory_equal(out + 12, q.data + 12, q.len - 12);

    /* a pointer to the question */
    assert_int_equal(out[q.len], 0xc0);
    assert_int_equal(out[q.len + 1], 12);

    pkt = answer(&test_outside, &q, ACM_DNS_UDP_SIZE, text, sizeof(text));
    assert_string_equal(text, "0 aa 1/1/0/0");
    s = rr_text(ldns_pkt_answer(pkt), 0);
    assert_memory_equal(s, name, sizeof(name) - 1);
    free(s);
    ldns_pkt_free(pkt);

    query(&q, "NS.a.B.ACM-V.example.net", LDNS_RR_TYPE_A);
    pkt = answer(&test_inside, &q, ACM_DNS_UDP_SIZE, text, sizeof(text));
    assert_string_equal(text, "0 aa 1/2/0/0");
    ldns_pkt_free(pkt);

    query(&q, "uNkNown.ACM-V.example.net", LDNS_RR_TYPE_A);
    test_ok(acm_dns_answer(&test_outside, q.data, q.len, ACM_DNS_UDP_SIZE,
                           out, &len));
    assert_memory_equal(out + 12, q.data + 12, q.len - 12);
}


static void
test_edns(void **state)
{
    char          text[64];
    ldns_pkt     *pkt;
    test_query_t  q;

    (void) state;

    query(&q, ONE "." ZONE, LDNS_RR_TYPE_TXT);
    put_opt(&q, 4096, 0, 0x8000);
    pkt = answer(&test_outside, &q, ACM_DNS_UDP_SIZE, text, sizeof(text));
    assert_string_equal(text, "0 aa 1/1/0/0");
    assert_true(ldns_pkt_edns(pkt));
    assert_true(ldns_pkt_edns_do(pkt));
    assert_int_equal(ldns_pkt_edns_udp_size(pkt), ACM_DNS_UDP_SIZE);
    ldns_pkt_free(pkt);

    query(&q, "www.example.org", LDNS_RR_TYPE_TXT);
    put_opt(&q, 0, 0, 0);
    pkt = answer(&test_outside, &q, ACM_DNS_UDP_SIZE, text, sizeof(text));
    assert_string_equal(text, "5 1/0/0/0");
    assert_true(ldns_pkt_edns(pkt));
    assert_false(ldns_pkt_edns_do(pkt));
    ldns_pkt_free(pkt);

    /* a version that is not known, before anything else is looked at */

    test_lookups = 0;
    query(&q, BROKEN "." ZONE, LDNS_RR_TYPE_TXT);
    put_opt(&q, 1232, 0x0001, 0);
    pkt = answer(&test_outside, &q, ACM_DNS_UDP_SIZE, text, sizeof(text));
    assert_string_equal(text, "16 1/0/0/0");
    assert_int_equal(ldns_pkt_edns_version(pkt), 0);
    assert_int_equal(test_lookups, 0);
    ldns_pkt_free(pkt);

    /* two of them; one with a name; one in another section */

    query(&q, ONE "." ZONE, LDNS_RR_TYPE_TXT);
    put_opt(&q, 1232, 0, 0);
    put_opt(&q, 1232, 0, 0);
    pkt = answer(&test_outside, &q, ACM_DNS_UDP_SIZE, text, sizeof(text));
    assert_string_equal(text, "1 0/0/0/0");
    ldns_pkt_free(pkt);

    query(&q, ONE "." ZONE, LDNS_RR_TYPE_TXT);
    put_name(&q, "x");
    q.len--;
    put_opt(&q, 1232, 0, 0);
    pkt = answer(&test_outside, &q, ACM_DNS_UDP_SIZE, text, sizeof(text));
    assert_string_equal(text, "1 0/0/0/0");
    ldns_pkt_free(pkt);

    query(&q, ONE "." ZONE, LDNS_RR_TYPE_TXT);
    put_opt(&q, 1232, 0, 0);
    q.data[11] = 0;
    q.data[9] = 1;
    pkt = answer(&test_outside, &q, ACM_DNS_UDP_SIZE, text, sizeof(text));
    assert_string_equal(text, "1 0/0/0/0");
    ldns_pkt_free(pkt);
}


typedef struct {
    unsigned     size;           /* of the OPT; 0: none */
    size_t       max;
    const char  *expect;
} test_size_t;


/* 16 values and their question make 964 octets, an OPT 11 more. */

static void
test_truncation(void **state)
{
    static const test_size_t  t[] = {
        { 0, ACM_DNS_UDP_SIZE, "0 aa tc 1/0/0/0" },
        { 1, ACM_DNS_UDP_SIZE, "0 aa tc 1/0/0/0" },
        { 512, ACM_DNS_UDP_SIZE, "0 aa tc 1/0/0/0" },
        { 974, ACM_DNS_UDP_SIZE, "0 aa tc 1/0/0/0" },
        { 975, ACM_DNS_UDP_SIZE, "0 aa 1/16/0/0" },
        { 4096, ACM_DNS_UDP_SIZE, "0 aa 1/16/0/0" },
        { 0, ACM_DNS_TCP_SIZE, "0 aa 1/16/0/0" },
        { 512, ACM_DNS_TCP_SIZE, "0 aa 1/16/0/0" },
        { 0, 0, NULL }
    };

    char          text[64];
    size_t        i, len;
    uint8_t       out[ACM_MAX_DNS_ANSWER];
    ldns_pkt     *pkt;
    test_query_t  q;

    (void) state;

    for (i = 0; t[i].expect != NULL; i++) {
        query(&q, MANY "." ZONE, LDNS_RR_TYPE_TXT);

        if (t[i].size != 0) {
            put_opt(&q, t[i].size, 0, 0);
        }

        pkt = answer(&test_outside, &q, t[i].max, text, sizeof(text));

        if (strcmp(text, t[i].expect) != 0) {
            print_error("%u, %zu: %s, %zu octets\n", t[i].size, t[i].max,
                        text, ldns_pkt_size(pkt));
        }

        assert_string_equal(text, t[i].expect);
        assert_int_equal(ldns_pkt_edns(pkt), t[i].size != 0);
        ldns_pkt_free(pkt);
    }

    /* asked to */

    query(&q, ONE "." ZONE, LDNS_RR_TYPE_TXT);
    put_opt(&q, 1232, 0, 0);
    test_ok(acm_dns_truncated(q.data, q.len, out, &len));
    assert_int_equal(len, q.len);
    assert_int_equal(out[2], 0x83);
    assert_memory_equal(out + 12, q.data + 12, q.len - 23);

    q.data[2] |= 0x80;
    assert_int_equal(acm_dns_truncated(q.data, q.len, out, &len),
                     ACM_INVALID);
    q.data[2] = 0x08;
    test_ok(acm_dns_truncated(q.data, q.len, out, &len));
    assert_int_equal(len, 12);
    assert_int_equal(out[3], 4);
}


static void
test_broken(void **state)
{
    char          text[64];
    size_t        i, len;
    uint8_t       out[ACM_MAX_DNS_ANSWER];
    ldns_pkt     *pkt;
    test_query_t  q, full;

    (void) state;

    /* every length: nothing without a header, FORMERR without the rest */

    query(&full, ONE "." ZONE, LDNS_RR_TYPE_TXT);
    put_opt(&full, 1232, 0, 0);

    for (i = 0; i < full.len; i++) {
        q = full;
        q.len = i;

        if (i < 12) {
            assert_int_equal(acm_dns_answer(&test_outside, q.data, i,
                                            ACM_DNS_UDP_SIZE, out, &len),
                             ACM_INVALID);
            assert_int_equal(len, 0);
            continue;
        }

        pkt = answer(&test_outside, &q, ACM_DNS_UDP_SIZE, text,
                     sizeof(text));
        assert_string_equal(text, "1 0/0/0/0");
        ldns_pkt_free(pkt);
    }

    /* something behind it */

    q = full;
    q.data[q.len++] = 0;
    pkt = answer(&test_outside, &q, ACM_DNS_UDP_SIZE, text, sizeof(text));
    assert_string_equal(text, "1 0/0/0/0");
    ldns_pkt_free(pkt);

    /* a response */

    q = full;
    q.data[2] |= 0x80;
    assert_int_equal(acm_dns_answer(&test_outside, q.data, q.len,
                                    ACM_DNS_UDP_SIZE, out, &len),
                     ACM_INVALID);

    /* all other opcodes, whatever follows */

    for (i = 1; i < 16; i++) {
        q = full;
        q.data[2] = (uint8_t) (i << 3);
        pkt = answer(&test_outside, &q, ACM_DNS_UDP_SIZE, text,
                     sizeof(text));
        assert_string_equal(text, "4 0/0/0/0");
        assert_int_equal(ldns_pkt_get_opcode(pkt), i);
        ldns_pkt_free(pkt);
    }

    /* none, two questions */

    for (i = 0; i <= 2; i += 2) {
        q = full;
        q.data[5] = (uint8_t) i;
        pkt = answer(&test_outside, &q, ACM_DNS_UDP_SIZE, text,
                     sizeof(text));
        assert_string_equal(text, "1 0/0/0/0");
        ldns_pkt_free(pkt);
    }

    /* a pointer, to itself, to the header; a label of a reserved kind */

    for (i = 0; i < 4; i++) {
        q = full;
        q.data[12] = (i < 3) ? 0xc0 : 0x40;
        q.data[13] = (i == 0) ? 12 : (i == 1) ? 0 : 0xff;
        pkt = answer(&test_outside, &q, ACM_DNS_UDP_SIZE, text,
                     sizeof(text));
        assert_string_equal(text, "1 0/0/0/0");
        ldns_pkt_free(pkt);
    }

    /* classes */

    for (i = 0; i < 256; i++) {
        query(&q, ONE "." ZONE, LDNS_RR_TYPE_TXT);
        q.data[q.len - 1] = (uint8_t) i;
        pkt = answer(&test_outside, &q, ACM_DNS_UDP_SIZE, text,
                     sizeof(text));
        assert_string_equal(text, i == 1 ? "0 aa 1/1/0/0" : "5 1/0/0/0");
        ldns_pkt_free(pkt);
    }

    /* NUL and a dot in a label are no other label */

    query(&q, ONE "." ZONE, LDNS_RR_TYPE_TXT);
    q.data[20] = '\0';
    q.data[21] = '.';
    pkt = answer(&test_outside, &q, ACM_DNS_UDP_SIZE, text, sizeof(text));
    assert_string_equal(text, "3 aa 1/0/1/0");
    ldns_pkt_free(pkt);
}


static void
test_limits(void **state)
{
    char          text[64], name[256];
    size_t        i, len;
    uint8_t       out[ACM_MAX_DNS_ANSWER];
    ldns_pkt     *pkt;
    test_query_t  q;

    (void) state;

    /* records in a query, and one more */

    query(&q, ONE "." ZONE, LDNS_RR_TYPE_TXT);

    for (i = 0; i <= ACM_MAX_DNS_RRS; i++) {
        put_name(&q, "x");
        put16(&q, LDNS_RR_TYPE_A);
        put16(&q, LDNS_RR_CLASS_IN);
        put16(&q, 0);
        put16(&q, 0);
        put16(&q, 4);
        put16(&q, 0);
        put16(&q, 0);
        q.data[11]++;

        pkt = answer(&test_outside, &q, ACM_DNS_UDP_SIZE, text,
                     sizeof(text));
        assert_string_equal(text, i < ACM_MAX_DNS_RRS ? "0 aa 1/1/0/0"
                                                      : "1 0/0/0/0");
        ldns_pkt_free(pkt);
    }

    /* octets of a query, and one more */

    query(&q, ONE "." ZONE, LDNS_RR_TYPE_TXT);
    put_name(&q, "");
    put16(&q, LDNS_RR_TYPE_NULL);
    put16(&q, LDNS_RR_CLASS_IN);
    put16(&q, 0);
    put16(&q, 0);
    put16(&q, (unsigned) (ACM_MAX_DNS_QUERY - q.len - 2));
    q.data[11] = 1;
    q.len = ACM_MAX_DNS_QUERY;
    pkt = answer(&test_outside, &q, ACM_DNS_UDP_SIZE, text, sizeof(text));
    assert_string_equal(text, "0 aa 1/1/0/0");
    ldns_pkt_free(pkt);
    assert_int_equal(acm_dns_answer(&test_outside, q.data,
                                    ACM_MAX_DNS_QUERY + 1, ACM_DNS_UDP_SIZE,
                                    out, &len),
                     ACM_INVALID);

    /* octets of a name: 255 on the wire, and one more */

    memset(name, 'a', sizeof(name));
    name[63] = name[127] = name[191] = '.';
    name[253] = '\0';
    query(&q, name, LDNS_RR_TYPE_TXT);
    pkt = answer(&test_outside, &q, ACM_DNS_UDP_SIZE, text, sizeof(text));
    assert_string_equal(text, "5 1/0/0/0");
    ldns_pkt_free(pkt);

    name[253] = 'a';
    name[254] = '\0';
    query(&q, name, LDNS_RR_TYPE_TXT);
    pkt = answer(&test_outside, &q, ACM_DNS_UDP_SIZE, text, sizeof(text));
    assert_string_equal(text, "1 0/0/0/0");
    ldns_pkt_free(pkt);
}


/* The longest zone, name and set of addresses. */

static void
test_longest(void **state)
{
    char            text[64], zone[ACM_MAX_DNS_ZONE + 1], name[300];
    char            mailbox[300];
    size_t          i;
    ldns_pkt       *pkt;
    test_query_t    q;
    acm_dns_addr_t  addrs[ACM_MAX_DNS_ADDRS];
    acm_dns_zone_t  z;

    (void) state;

    memset(zone, 'z', sizeof(zone));
    zone[63] = zone[127] = zone[191] = '.';
    zone[ACM_MAX_DNS_ZONE] = '\0';

    memset(addrs, 0, sizeof(addrs));

    for (i = 0; i < ACM_MAX_DNS_ADDRS; i++) {
        addrs[i].len = 16;
        addrs[i].octets[15] = (uint8_t) i;
    }

    snprintf(mailbox, sizeof(mailbox), "hostmaster.%s", zone);
    snprintf(name, sizeof(name), "ns.%s", zone);

    z = test_outside;
    z.name = zone;
    z.ns = name;
    z.mailbox = mailbox;
    z.addrs = addrs;
    z.naddrs = ACM_MAX_DNS_ADDRS;

    query(&q, zone, LDNS_RR_TYPE_NS);
    put_opt(&q, 1232, 0, 0);
    pkt = answer(&z, &q, ACM_DNS_UDP_SIZE, text, sizeof(text));
    assert_string_equal(text, "0 aa 1/1/0/8");
    ldns_pkt_free(pkt);

    snprintf(name, sizeof(name), "%s.%s", MANY, zone);
    assert_int_equal(strlen(name), ACM_MAX_NAME);
    z.ns = mailbox;
    query(&q, name, LDNS_RR_TYPE_TXT);
    put_opt(&q, 1232, 0, 0);
    pkt = answer(&z, &q, ACM_DNS_UDP_SIZE, text, sizeof(text));
    assert_string_equal(text, "0 aa 1/16/0/0");
    ldns_pkt_free(pkt);
}


static void
test_in_zone(void **state)
{
    (void) state;

    assert_int_equal(acm_dns_in_zone("a.b", "a.b"), 1);
    assert_int_equal(acm_dns_in_zone("x.a.b", "a.b"), 1);
    assert_int_equal(acm_dns_in_zone("xa.b", "a.b"), 0);
    assert_int_equal(acm_dns_in_zone("b", "a.b"), 0);
    assert_int_equal(acm_dns_in_zone("a.c", "a.b"), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_case),
        cmocka_unit_test(test_edns),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_in_zone)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
