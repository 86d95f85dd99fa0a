
/*
 * Copyright (C) The ngx_acm authors
 *
 * The sections of a query are walked here and not by ldns: it follows up to
 * 65535 compression pointers per name and makes objects of records that
 * nobody looks at.
 */


#include <ldns/ldns.h>
#include <string.h>

#include "acm_dns_answer.h"


#define ACM_DNS_MAX_NAME     255     /* octets of a name on the wire */
#define ACM_DNS_QR           0x80    /* in octet 2 */
#define ACM_DNS_TC           0x02
#define ACM_DNS_RD           0x01
#define ACM_DNS_DO           0x8000  /* in an OPT's TTL */
#define ACM_DNS_BADVERS      16      /* RFC 6891 s9 */

#define ACM_DNS_REFRESH      7200    /* of the SOA; there is no secondary */
#define ACM_DNS_RETRY        900
#define ACM_DNS_EXPIRE       1209600


#define acm_dns_opcode(data)  (((data)[2] >> 3) & 0x0f)


/* what a name of the zone is */

typedef enum {
    ACM_DNS_OUTSIDE,
    ACM_DNS_APEX,
    ACM_DNS_HOST,                    /* the name server */
    ACM_DNS_EMPTY,                   /* a name above the name server */
    ACM_DNS_LABEL,                   /* one label; maybe one of ours */
    ACM_DNS_NONE
} acm_dns_place_e;


typedef struct {
    const uint8_t  *data;
    ldns_rdf       *name;            /* as asked */
    uint16_t        type;
    uint16_t        class;
    uint16_t        size;            /* of the OPT */
    unsigned        version;
    unsigned        edns:1;
    unsigned        dnssec:1;        /* the DO bit */
} acm_dns_query_t;


/* a failure of ldns sticks, it is always the memory */

typedef struct {
    ldns_pkt                *pkt;
    const acm_dns_zone_t    *zone;
    const acm_dns_query_t   *query;
    acm_rc_t                 rc;
} acm_dns_reply_t;


static int acm_dns_silent(const uint8_t *query, size_t len);
static int acm_dns_parse(const uint8_t *data, size_t len,
    acm_dns_query_t *q);
static int acm_dns_parse_question(acm_reader_t *r, acm_dns_query_t *q);
static int acm_dns_parse_record(acm_reader_t *r, int additional,
    acm_dns_query_t *q);
static acm_rc_t acm_dns_short(const uint8_t *query, int rcode, uint8_t *out,
    size_t *out_len);
static acm_rc_t acm_dns_reply(acm_dns_reply_t *reply, size_t max,
    uint8_t *out, size_t *out_len);
static void acm_dns_begin(acm_dns_reply_t *reply, int rcode);
static acm_rc_t acm_dns_end(acm_dns_reply_t *reply, size_t max, uint8_t *out,
    size_t *out_len);
static int acm_dns_refused(const acm_dns_query_t *q);
static acm_dns_place_e acm_dns_place(const acm_dns_zone_t *zone,
    const ldns_rdf *name, char *label);
static int acm_dns_below(const uint8_t *name, size_t len,
    const uint8_t *zone, size_t zlen);
static void acm_dns_label_text(const uint8_t *name, char *label);
static void acm_dns_fill(acm_dns_reply_t *reply, acm_dns_place_e place,
    const char *label);
static void acm_dns_fill_label(acm_dns_reply_t *reply, const char *label);
static void acm_dns_fill_apex(acm_dns_reply_t *reply);
static void acm_dns_negative(acm_dns_reply_t *reply, int rcode);
static void acm_dns_hinfo(acm_dns_reply_t *reply);
static void acm_dns_soa(acm_dns_reply_t *reply, ldns_pkt_section section,
    uint32_t ttl);
static void acm_dns_addresses(acm_dns_reply_t *reply,
    ldns_pkt_section section, const char *owner, uint16_t type);
static ldns_rr *acm_dns_rr(acm_dns_reply_t *reply, const char *owner,
    ldns_rr_type type, uint32_t ttl);
static void acm_dns_rdf(acm_dns_reply_t *reply, ldns_rr *rr, ldns_rdf *rdf);
static void acm_dns_string(acm_dns_reply_t *reply, ldns_rr *rr,
    const char *s);
static void acm_dns_push(acm_dns_reply_t *reply, ldns_pkt_section section,
    ldns_rr *rr);


acm_rc_t
acm_dns_answer(const acm_dns_zone_t *zone, const uint8_t *query, size_t len,
    size_t max, uint8_t *out, size_t *out_len)
{
    int              rcode;
    acm_rc_t         rc;
    acm_dns_query_t  q;
    acm_dns_reply_t  reply;

    *out_len = 0;

    if (acm_dns_silent(query, len)) {
        return ACM_INVALID;
    }

    rcode = acm_dns_parse(query, len, &q);

    if (rcode != LDNS_RCODE_NOERROR) {
        ldns_rdf_deep_free(q.name);
        return acm_dns_short(query, rcode, out, out_len);
    }

    memset(&reply, 0, sizeof(acm_dns_reply_t));

    reply.zone = zone;
    reply.query = &q;

    rc = acm_dns_reply(&reply, max, out, out_len);

    ldns_pkt_free(reply.pkt);
    ldns_rdf_deep_free(q.name);

    return rc;
}


acm_rc_t
acm_dns_truncated(const uint8_t *query, size_t len, uint8_t *out,
    size_t *out_len)
{
    int              rcode;
    acm_rc_t         rc;
    acm_dns_query_t  q;
    acm_dns_reply_t  reply;

    *out_len = 0;

    if (acm_dns_silent(query, len)) {
        return ACM_INVALID;
    }

    rcode = acm_dns_parse(query, len, &q);

    if (rcode != LDNS_RCODE_NOERROR) {
        ldns_rdf_deep_free(q.name);
        return acm_dns_short(query, rcode, out, out_len);
    }

    memset(&reply, 0, sizeof(acm_dns_reply_t));

    reply.query = &q;

    acm_dns_begin(&reply, LDNS_RCODE_NOERROR);

    if (reply.rc == ACM_OK) {
        ldns_pkt_set_tc(reply.pkt, true);
    }

    rc = acm_dns_end(&reply, ACM_DNS_UDP_SIZE, out, out_len);

    ldns_pkt_free(reply.pkt);
    ldns_rdf_deep_free(q.name);

    return rc;
}


/* A response is never answered: two servers would go on for ever. */

static int
acm_dns_silent(const uint8_t *query, size_t len)
{
    return len < ACM_DNS_HEADER_LEN || len > ACM_MAX_DNS_QUERY
           || (query[2] & ACM_DNS_QR) != 0;
}


/* An rcode; NOERROR if it is one question of good form. */

static int
acm_dns_parse(const uint8_t *data, size_t len, acm_dns_query_t *q)
{
    size_t        i, n[3], count;
    acm_reader_t  r;

    memset(q, 0, sizeof(acm_dns_query_t));

    q->data = data;

    if (acm_dns_opcode(data) != LDNS_PACKET_QUERY) {
        return LDNS_RCODE_NOTIMPL;
    }

    acm_reader_init(&r, data, len);

    (void) acm_read_bytes(&r, 4);

    if (acm_read_u16(&r) != 1) {
        return LDNS_RCODE_FORMERR;
    }

    for (i = 0; i < 3; i++) {
        n[i] = acm_read_u16(&r);
    }

    count = n[0] + n[1] + n[2];

    if (count > ACM_MAX_DNS_RRS || !acm_dns_parse_question(&r, q)) {
        return LDNS_RCODE_FORMERR;
    }

    for (i = 0; i < count; i++) {
        if (!acm_dns_parse_record(&r, i >= n[0] + n[1], q)) {
            return LDNS_RCODE_FORMERR;
        }
    }

    if (r.rc != ACM_OK || r.pos != r.end) {
        return LDNS_RCODE_FORMERR;
    }

    if (q->type == 0 || q->type == LDNS_RR_TYPE_OPT) {
        return LDNS_RCODE_FORMERR;
    }

    return LDNS_RCODE_NOERROR;
}


static int
acm_dns_parse_question(acm_reader_t *r, acm_dns_query_t *q)
{
    size_t          len, pos;
    uint8_t         n;
    const uint8_t  *name;

    name = r->pos;
    len = 0;

    do {
        n = acm_read_u8(r);

        /* a pointer could only lead into the header */

        if (n > LDNS_MAX_LABELLEN) {
            return 0;
        }

        (void) acm_read_bytes(r, n);
        len += (size_t) n + 1;

        if (r->rc != ACM_OK || len > ACM_DNS_MAX_NAME) {
            return 0;
        }

    } while (n != 0);

    q->type = acm_read_u16(r);
    q->class = acm_read_u16(r);

    pos = 0;

    return r->rc == ACM_OK
           && ldns_wire2dname(&q->name, name, len, &pos) == LDNS_STATUS_OK;
}


/* Only an OPT means something to us; the rest must be of good form. */

static int
acm_dns_parse_record(acm_reader_t *r, int additional, acm_dns_query_t *q)
{
    size_t    len;
    uint8_t   n;
    uint16_t  type, class;
    uint32_t  ttl;

    len = 0;

    do {
        n = acm_read_u8(r);
        len += (size_t) n + 1;

        if (n >= 0xc0) {
            (void) acm_read_u8(r);
            break;
        }

        if (n > LDNS_MAX_LABELLEN || len > ACM_DNS_MAX_NAME) {
            return 0;
        }

        (void) acm_read_bytes(r, n);

    } while (n != 0 && r->rc == ACM_OK);

    type = acm_read_u16(r);
    class = acm_read_u16(r);
    ttl = acm_read_u32(r);
    (void) acm_read_bytes(r, acm_read_u16(r));

    if (r->rc != ACM_OK) {
        return 0;
    }

    if (type != LDNS_RR_TYPE_OPT) {
        return 1;
    }

    /* one at most, owned by the root: RFC 6891 s6.1.1 */

    if (!additional || q->edns || len != 1) {
        return 0;
    }

    q->edns = 1;
    q->size = class;
    q->version = (ttl >> 16) & 0xff;
    q->dnssec = (ttl & ACM_DNS_DO) != 0;

    return 1;
}


/* A header alone: the question could not be read, or is not for us. */

static acm_rc_t
acm_dns_short(const uint8_t *query, int rcode, uint8_t *out, size_t *out_len)
{
    memset(out, 0, ACM_DNS_HEADER_LEN);

    out[0] = query[0];
    out[1] = query[1];
    out[2] = (uint8_t) (ACM_DNS_QR | (acm_dns_opcode(query) << 3)
                        | (query[2] & ACM_DNS_RD));
    out[3] = (uint8_t) rcode;

    *out_len = ACM_DNS_HEADER_LEN;

    return ACM_OK;
}


static acm_rc_t
acm_dns_reply(acm_dns_reply_t *reply, size_t max, uint8_t *out,
    size_t *out_len)
{
    char                    label[ACM_LABEL_LEN + 1];
    acm_rc_t                rc;
    acm_dns_place_e         place;
    const acm_dns_query_t  *q;

    q = reply->query;

    if (max <= ACM_DNS_UDP_SIZE) {
        max = q->size < max ? q->size : max;

        if (!q->edns || max < ACM_DNS_PLAIN_SIZE) {
            max = ACM_DNS_PLAIN_SIZE;
        }

    } else if (max > ACM_MAX_DNS_ANSWER) {
        max = ACM_MAX_DNS_ANSWER;
    }

    if (q->edns && q->version != 0) {
        acm_dns_begin(reply, LDNS_RCODE_NOERROR);

        if (reply->rc == ACM_OK) {
            ldns_pkt_set_edns_extended_rcode(reply->pkt,
                                             ACM_DNS_BADVERS >> 4);
        }

        return acm_dns_end(reply, max, out, out_len);
    }

    place = ACM_DNS_OUTSIDE;

    if (!acm_dns_refused(q)) {
        place = acm_dns_place(reply->zone, q->name, label);
    }

    if (place == ACM_DNS_OUTSIDE) {
        acm_dns_begin(reply, LDNS_RCODE_REFUSED);
        return acm_dns_end(reply, max, out, out_len);
    }

    acm_dns_begin(reply, LDNS_RCODE_NOERROR);
    acm_dns_fill(reply, place, label);

    rc = acm_dns_end(reply, max, out, out_len);

    if (rc != ACM_TOOBIG) {
        return rc;
    }

    /* it cannot hold a part of a set of records: nothing, and TC */

    ldns_pkt_free(reply->pkt);

    acm_dns_begin(reply, LDNS_RCODE_NOERROR);

    if (reply->rc == ACM_OK) {
        ldns_pkt_set_aa(reply->pkt, true);
        ldns_pkt_set_tc(reply->pkt, true);
    }

    return acm_dns_end(reply, max, out, out_len);
}


/* Header, question, OPT. */

static void
acm_dns_begin(acm_dns_reply_t *reply, int rcode)
{
    ldns_rr                *rr;
    const acm_dns_query_t  *q;

    q = reply->query;

    reply->pkt = ldns_pkt_new();

    if (reply->pkt == NULL) {
        reply->rc = ACM_NOMEM;
        return;
    }

    ldns_pkt_set_id(reply->pkt,
                    (uint16_t) ((q->data[0] << 8) | q->data[1]));
    ldns_pkt_set_qr(reply->pkt, true);
    ldns_pkt_set_opcode(reply->pkt, LDNS_PACKET_QUERY);
    ldns_pkt_set_rd(reply->pkt, (q->data[2] & ACM_DNS_RD) != 0);
    ldns_pkt_set_rcode(reply->pkt, (uint8_t) rcode);

    if (q->edns) {
        ldns_pkt_set_edns_udp_size(reply->pkt, ACM_DNS_UDP_SIZE);
        ldns_pkt_set_edns_do(reply->pkt, q->dnssec);
    }

    rr = acm_dns_rr(reply, NULL, q->type, 0);

    if (rr != NULL) {
        ldns_rr_set_question(rr, true);
        ldns_rr_set_class(rr, (ldns_rr_class) q->class);
    }

    acm_dns_push(reply, LDNS_SECTION_QUESTION, rr);
}


/* ACM_TOOBIG if it has more than max octets. */

static acm_rc_t
acm_dns_end(acm_dns_reply_t *reply, size_t max, uint8_t *out,
    size_t *out_len)
{
    size_t    len;
    uint8_t  *wire;

    if (reply->rc != ACM_OK) {
        return reply->rc;
    }

    if (ldns_pkt2wire(&wire, reply->pkt, &len) != LDNS_STATUS_OK) {
        return ACM_NOMEM;
    }

    if (len > max) {
        LDNS_FREE(wire);
        return ACM_TOOBIG;
    }

    memcpy(out, wire, len);
    *out_len = len;

    LDNS_FREE(wire);

    return ACM_OK;
}


static int
acm_dns_refused(const acm_dns_query_t *q)
{
    if (q->class != LDNS_RR_CLASS_IN) {
        return 1;
    }

    /* transfers, and other types that are only of messages: RFC 6895 s3.1 */

    return q->type >= 128 && q->type < 256 && q->type != LDNS_RR_TYPE_ANY;
}


static acm_dns_place_e
acm_dns_place(const acm_dns_zone_t *zone, const ldns_rdf *name, char *label)
{
    int              above;
    size_t           len, nlen, zlen;
    uint8_t         *data, *ns;
    ldns_rdf        *lower, *host, *apex;
    acm_dns_place_e  place;

    lower = ldns_rdf_clone(name);
    host = ldns_dname_new_frm_str(zone->ns);
    apex = ldns_dname_new_frm_str(zone->name);

    place = ACM_DNS_OUTSIDE;

    if (lower == NULL || host == NULL || apex == NULL) {
        goto done;
    }

    ldns_dname2canonical(lower);
    ldns_dname2canonical(host);
    ldns_dname2canonical(apex);

    data = ldns_rdf_data(lower);
    len = ldns_rdf_size(lower);
    ns = ldns_rdf_data(host);
    nlen = ldns_rdf_size(host);
    zlen = ldns_rdf_size(apex);

    if (!acm_dns_below(data, len, ldns_rdf_data(apex), zlen)) {
        goto done;
    }

    above = acm_dns_below(ns, nlen, data, len);

    if (len == zlen) {
        place = ACM_DNS_APEX;

    } else if (above) {
        place = (len == nlen) ? ACM_DNS_HOST : ACM_DNS_EMPTY;

    } else if (len == zlen + ACM_LABEL_LEN + 1 && data[0] == ACM_LABEL_LEN) {
        acm_dns_label_text(data, label);
        place = ACM_DNS_LABEL;

    } else {
        place = ACM_DNS_NONE;
    }

done:

    ldns_rdf_deep_free(apex);
    ldns_rdf_deep_free(host);
    ldns_rdf_deep_free(lower);

    return place;
}


/* 1 if name is zone or below it; both in wire form and lower case */

static int
acm_dns_below(const uint8_t *name, size_t len, const uint8_t *zone,
    size_t zlen)
{
    size_t  n;

    while (len > zlen) {
        n = (size_t) name[0] + 1;
        name += n;
        len -= n;
    }

    return len == zlen && memcmp(name, zone, zlen) == 0;
}


/* The first label; what cannot be in one of ours becomes "-". */

static void
acm_dns_label_text(const uint8_t *name, char *label)
{
    size_t   i;
    uint8_t  c;

    for (i = 0; i < ACM_LABEL_LEN; i++) {
        c = name[i + 1];

        if ((c < '0' || c > '9') && (c < 'a' || c > 'z')) {
            c = '-';
        }

        label[i] = (char) c;
    }

    label[ACM_LABEL_LEN] = '\0';
}


static void
acm_dns_fill(acm_dns_reply_t *reply, acm_dns_place_e place,
    const char *label)
{
    uint16_t  type;

    if (reply->rc != ACM_OK) {
        return;
    }

    ldns_pkt_set_aa(reply->pkt, true);

    type = reply->query->type;

    switch (place) {

    case ACM_DNS_LABEL:
        acm_dns_fill_label(reply, label);
        break;

    case ACM_DNS_NONE:
    case ACM_DNS_OUTSIDE:
        acm_dns_negative(reply, LDNS_RCODE_NXDOMAIN);
        return;

    case ACM_DNS_APEX:
        acm_dns_fill_apex(reply);
        break;

    case ACM_DNS_HOST:
        acm_dns_addresses(reply, LDNS_SECTION_ANSWER, NULL, type);
        break;

    case ACM_DNS_EMPTY:
        break;
    }

    if (reply->rc != ACM_OK
        || ldns_pkt_get_rcode(reply->pkt) != LDNS_RCODE_NOERROR)
    {
        return;
    }

    if (type == LDNS_RR_TYPE_ANY && place != ACM_DNS_EMPTY) {
        acm_dns_hinfo(reply);

    } else if (ldns_pkt_ancount(reply->pkt) == 0) {
        acm_dns_negative(reply, LDNS_RCODE_NOERROR);
    }
}


static void
acm_dns_fill_label(acm_dns_reply_t *reply, const char *label)
{
    char      values[ACM_MAX_TXT][ACM_TXT_LEN + 1];
    size_t    i, n;
    ldns_rr  *rr;
    acm_rc_t  rc;

    n = 0;
    rc = reply->zone->lookup(reply->zone->data, label, values, &n);

    if (rc == ACM_NOTFOUND) {
        acm_dns_negative(reply, LDNS_RCODE_NXDOMAIN);
        return;
    }

    if (rc != ACM_OK) {
        ldns_pkt_set_aa(reply->pkt, false);
        ldns_pkt_set_rcode(reply->pkt, LDNS_RCODE_SERVFAIL);
        return;
    }

    if (reply->query->type != LDNS_RR_TYPE_TXT) {
        return;
    }

    for (i = 0; i < n && i < ACM_MAX_TXT; i++) {
        rr = acm_dns_rr(reply, NULL, LDNS_RR_TYPE_TXT, ACM_DNS_TTL);
        acm_dns_string(reply, rr, values[i]);
        acm_dns_push(reply, LDNS_SECTION_ANSWER, rr);
    }
}


static void
acm_dns_fill_apex(acm_dns_reply_t *reply)
{
    int                    inside;
    ldns_rr               *rr;
    uint16_t               type;
    const acm_dns_zone_t  *zone;

    zone = reply->zone;
    type = reply->query->type;
    inside = acm_dns_in_zone(zone->ns, zone->name);

    if (type == LDNS_RR_TYPE_SOA) {
        acm_dns_soa(reply, LDNS_SECTION_ANSWER, ACM_DNS_ZONE_TTL);

    } else if (type == LDNS_RR_TYPE_NS) {
        rr = acm_dns_rr(reply, NULL, LDNS_RR_TYPE_NS, ACM_DNS_ZONE_TTL);
        acm_dns_rdf(reply, rr, ldns_dname_new_frm_str(zone->ns));
        acm_dns_push(reply, LDNS_SECTION_ANSWER, rr);

        if (inside) {
            acm_dns_addresses(reply, LDNS_SECTION_ADDITIONAL, zone->ns,
                              LDNS_RR_TYPE_A);
            acm_dns_addresses(reply, LDNS_SECTION_ADDITIONAL, zone->ns,
                              LDNS_RR_TYPE_AAAA);
        }

    } else if (strcmp(zone->ns, zone->name) == 0) {
        acm_dns_addresses(reply, LDNS_SECTION_ANSWER, NULL, type);
    }
}


/* RFC 2308: the SOA says how long the "no" may be kept. */

static void
acm_dns_negative(acm_dns_reply_t *reply, int rcode)
{
    ldns_pkt_set_rcode(reply->pkt, (uint8_t) rcode);
    acm_dns_soa(reply, LDNS_SECTION_AUTHORITY, ACM_DNS_TTL);
}


/* RFC 8482 s4.2 */

static void
acm_dns_hinfo(acm_dns_reply_t *reply)
{
    ldns_rr  *rr;

    rr = acm_dns_rr(reply, NULL, LDNS_RR_TYPE_HINFO, ACM_DNS_TTL);
    acm_dns_string(reply, rr, "RFC8482");
    acm_dns_string(reply, rr, "");
    acm_dns_push(reply, LDNS_SECTION_ANSWER, rr);
}


static void
acm_dns_soa(acm_dns_reply_t *reply, ldns_pkt_section section, uint32_t ttl)
{
    size_t                 i;
    ldns_rr               *rr;
    uint32_t               n[5];
    const acm_dns_zone_t  *zone;

    zone = reply->zone;

    n[0] = zone->serial;
    n[1] = ACM_DNS_REFRESH;
    n[2] = ACM_DNS_RETRY;
    n[3] = ACM_DNS_EXPIRE;
    n[4] = ACM_DNS_TTL;

    rr = acm_dns_rr(reply, zone->name, LDNS_RR_TYPE_SOA, ttl);
    acm_dns_rdf(reply, rr, ldns_dname_new_frm_str(zone->ns));
    acm_dns_rdf(reply, rr, ldns_dname_new_frm_str(zone->mailbox));

    for (i = 0; i < 5; i++) {
        acm_dns_rdf(reply, rr,
                    ldns_native2rdf_int32(LDNS_RDF_TYPE_INT32, n[i]));
    }

    acm_dns_push(reply, section, rr);
}


/* The addresses that are of this type; owner NULL: the name asked for. */

static void
acm_dns_addresses(acm_dns_reply_t *reply, ldns_pkt_section section,
    const char *owner, uint16_t type)
{
    size_t                 i, len;
    ldns_rr               *rr;
    ldns_rdf_type          kind;
    const acm_dns_addr_t  *addr;

    if (type == LDNS_RR_TYPE_A) {
        len = 4;
        kind = LDNS_RDF_TYPE_A;

    } else if (type == LDNS_RR_TYPE_AAAA) {
        len = 16;
        kind = LDNS_RDF_TYPE_AAAA;

    } else {
        return;
    }

    for (i = 0; i < reply->zone->naddrs && i < ACM_MAX_DNS_ADDRS; i++) {
        addr = &reply->zone->addrs[i];

        if (addr->len == len) {
            rr = acm_dns_rr(reply, owner, (ldns_rr_type) type,
                            ACM_DNS_ZONE_TTL);
            acm_dns_rdf(reply, rr,
                        ldns_rdf_new_frm_data(kind, len, addr->octets));
            acm_dns_push(reply, section, rr);
        }
    }
}


/* Owner NULL: the name asked for, in its case.  NULL after a failure. */

static ldns_rr *
acm_dns_rr(acm_dns_reply_t *reply, const char *owner, ldns_rr_type type,
    uint32_t ttl)
{
    ldns_rr   *rr;
    ldns_rdf  *name;

    if (reply->rc != ACM_OK) {
        return NULL;
    }

    rr = ldns_rr_new();
    name = owner ? ldns_dname_new_frm_str(owner)
                 : ldns_rdf_clone(reply->query->name);

    if (rr == NULL || name == NULL) {
        ldns_rr_free(rr);
        ldns_rdf_deep_free(name);
        reply->rc = ACM_NOMEM;

        return NULL;
    }

    ldns_rr_set_owner(rr, name);
    ldns_rr_set_type(rr, type);
    ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
    ldns_rr_set_ttl(rr, ttl);

    return rr;
}


/* Takes rdf, which may be NULL for want of memory. */

static void
acm_dns_rdf(acm_dns_reply_t *reply, ldns_rr *rr, ldns_rdf *rdf)
{
    if (rr != NULL && rdf != NULL && ldns_rr_push_rdf(rr, rdf)) {
        return;
    }

    ldns_rdf_deep_free(rdf);

    if (reply->rc == ACM_OK) {
        reply->rc = ACM_NOMEM;
    }
}


static void
acm_dns_string(acm_dns_reply_t *reply, ldns_rr *rr, const char *s)
{
    size_t   len;
    uint8_t  buf[ACM_TXT_LEN + 1];

    len = strlen(s);

    if (len > ACM_TXT_LEN) {
        len = ACM_TXT_LEN;
    }

    buf[0] = (uint8_t) len;
    memcpy(buf + 1, s, len);

    acm_dns_rdf(reply, rr,
                ldns_rdf_new_frm_data(LDNS_RDF_TYPE_STR, len + 1, buf));
}


/* Takes rr. */

static void
acm_dns_push(acm_dns_reply_t *reply, ldns_pkt_section section, ldns_rr *rr)
{
    if (reply->rc == ACM_OK && rr != NULL
        && ldns_pkt_push_rr(reply->pkt, section, rr))
    {
        return;
    }

    ldns_rr_free(rr);

    if (reply->rc == ACM_OK) {
        reply->rc = ACM_NOMEM;
    }
}


int
acm_dns_in_zone(const char *name, const char *zone)
{
    size_t  len, zlen;

    len = strlen(name);
    zlen = strlen(zone);

    if (len < zlen || strcmp(name + len - zlen, zone) != 0) {
        return 0;
    }

    return len == zlen || name[len - zlen - 1] == '.';
}
