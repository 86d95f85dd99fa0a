
/*
 * Copyright (C) The ngx_acm authors
 *
 * The sections of a query are walked here and not by ldns: it follows up to
 * 65535 compression pointers per name and makes objects of records that
 * nobody looks at.
 */


#include <string.h>

#include "acm_dns_impl.h"


#define ACM_DNS_MAX_NAME     255     /* octets of a name on the wire */
#define ACM_DNS_DO           0x8000  /* in an OPT's TTL */


static int acm_dns_parse_question(acm_reader_t *r, acm_dns_query_t *q);
static int acm_dns_parse_record(acm_reader_t *r, int additional,
    acm_dns_query_t *q);


/* A response is never answered: two servers would go on for ever. */

int
acm_dns_silent(const uint8_t *query, size_t len)
{
    return len < ACM_DNS_HEADER_LEN || len > ACM_MAX_DNS_QUERY
           || (query[2] & ACM_DNS_QR) != 0;
}


/* An rcode; NOERROR if it is one question of good form. */

int
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
