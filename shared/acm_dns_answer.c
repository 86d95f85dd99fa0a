
/*
 * Copyright (C) The ngx_acm authors
 *
 * The answers are put together and written by ldns.
 */


#include <string.h>

#include "acm_dns_impl.h"


#define ACM_DNS_BADVERS      16      /* RFC 6891 s9 */

#define ACM_DNS_REFRESH      7200    /* of the SOA; there is no secondary */
#define ACM_DNS_RETRY        900
#define ACM_DNS_EXPIRE       1209600


/* what a name of the zone is */

typedef enum {
    ACM_DNS_OUTSIDE,
    ACM_DNS_APEX,
    ACM_DNS_HOST,                    /* the name server */
    ACM_DNS_EMPTY,                   /* a name above the name server */
    ACM_DNS_LABEL,                   /* one label; maybe one of ours */
    ACM_DNS_NONE
} acm_dns_place_e;


/* a failure of ldns sticks, it is always the memory */

typedef struct {
    ldns_pkt                *pkt;
    const acm_dns_zone_t    *zone;
    const acm_dns_query_t   *query;
    acm_rc_t                 rc;
} acm_dns_reply_t;


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
