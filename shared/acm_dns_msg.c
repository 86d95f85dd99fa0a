
/*
 * Copyright (C) The ngx_acm authors
 */


#include <ldns/ldns.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "acm_dns_msg.h"


#define ACM_DNS_HEADER  12


static acm_rc_t acm_dns_read(ldns_pkt *pkt, acm_dns_msg_t *msg);
static acm_rc_t acm_dns_section(ldns_rr_list *list,
    acm_dns_section_e section, acm_dns_msg_t *msg);
static acm_rc_t acm_dns_rr(ldns_rr *rr, acm_dns_record_t *r);
static acm_rc_t acm_dns_rdata(ldns_rr *rr, acm_dns_record_t *r);
static acm_rc_t acm_dns_txt(ldns_rr *rr, acm_dns_record_t *r);
static acm_rc_t acm_dns_caa(ldns_rr *rr, acm_dns_record_t *r);
static acm_rc_t acm_dns_data(const uint8_t *data, size_t len,
    acm_dns_record_t *r);
static acm_rc_t acm_dns_dname(ldns_rdf *rdf, char **name);
static const acm_dns_record_t *acm_dns_cname(const acm_dns_msg_t *msg,
    const char *name, int *twice);
static size_t acm_dns_u16(const uint8_t *p);


static const char *const  acm_dns_rcodes[] = {
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
    "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE"
};


acm_rc_t
acm_dns_query(const char *name, uint16_t type, int recurse, acm_buf_t *out,
    acm_err_t *err)
{
    size_t        len;
    uint8_t      *wire, id[2];
    acm_rc_t      rc;
    ldns_pkt     *pkt;
    ldns_rdf     *dname;
    ldns_status   status;

    if (RAND_bytes(id, sizeof(id)) != 1) {
        return acm_fail_ssl(err, ACM_ERROR, "no random numbers");
    }

    dname = ldns_dname_new_frm_str(name);
    if (dname == NULL) {
        return acm_fail(err, ACM_INVALID, "\"%s\" is not a DNS name", name);
    }

    pkt = ldns_pkt_query_new(dname, (ldns_rr_type) type, LDNS_RR_CLASS_IN,
                             recurse ? LDNS_RD : 0);
    if (pkt == NULL) {
        ldns_rdf_deep_free(dname);
        return ACM_NOMEM;
    }

    ldns_pkt_set_id(pkt, (uint16_t) acm_dns_u16(id));
    ldns_pkt_set_edns_udp_size(pkt, ACM_DNS_EDNS_SIZE);

    wire = NULL;
    status = ldns_pkt2wire(&wire, pkt, &len);

    if (status == LDNS_STATUS_OK) {
        acm_buf_add(out, wire, len);
        rc = acm_buf_rc(out);

    } else {
        rc = acm_fail(err, ACM_ERROR, "no DNS query for \"%s\": %s", name,
                      ldns_get_errorstr_by_id(status));
    }

    free(wire);
    ldns_pkt_free(pkt);

    return rc;
}


acm_rc_t
acm_dns_msg_parse(const uint8_t *wire, size_t len, acm_dns_msg_t *msg,
    acm_err_t *err)
{
    size_t        n;
    acm_rc_t      rc;
    ldns_pkt     *pkt;
    ldns_status   status;

    if (len < ACM_DNS_HEADER) {
        return acm_fail(err, ACM_INVALID, "a DNS answer of %zu octets is too "
                        "short", len);
    }

    /* before anything is allocated: what the header promises */

    n = acm_dns_u16(wire + 6) + acm_dns_u16(wire + 8)
        + acm_dns_u16(wire + 10);

    if (len > ACM_MAX_DNS_WIRE || n > ACM_MAX_DNS_COUNT) {
        return acm_fail(err, ACM_TOOBIG, "a DNS answer of %zu octets with "
                        "%zu records is too big", len, n);
    }

    if (acm_dns_u16(wire + 4) > 1) {
        return acm_fail(err, ACM_INVALID, "a DNS answer with more than one "
                        "question");
    }

    status = ldns_wire2pkt(&pkt, wire, len);

    if (status != LDNS_STATUS_OK) {
        return acm_fail(err, ACM_INVALID, "a malformed DNS answer: %s",
                        ldns_get_errorstr_by_id(status));
    }

    memset(msg, 0, sizeof(acm_dns_msg_t));

    rc = ACM_INVALID;

    if (ldns_pkt_qr(pkt) && ldns_pkt_get_opcode(pkt) == LDNS_PACKET_QUERY) {
        rc = acm_dns_read(pkt, msg);
    }

    ldns_pkt_free(pkt);

    if (rc != ACM_OK) {
        acm_dns_msg_free(msg);

        return acm_fail(err, rc, (rc == ACM_TOOBIG)
                        ? "a DNS answer with too many records"
                        : "a DNS answer that is no response to a query, or "
                          "has malformed records");
    }

    return ACM_OK;
}


acm_rc_t
acm_dns_reply(const uint8_t *wire, size_t len, const char *name,
    uint16_t type, acm_dns_msg_t *msg, acm_err_t *err)
{
    char      buf[16];
    acm_rc_t  rc;

    rc = acm_dns_msg_parse(wire, len, msg, err);

    if (rc != ACM_OK) {
        return rc;
    }

    if (msg->rcode != ACM_DNS_NOERROR && msg->rcode != ACM_DNS_NXDOMAIN) {
        rc = acm_fail(err, ACM_BUSY, "%s",
                      acm_dns_rcode_text(msg->rcode, buf));

    } else if (msg->qname == NULL || msg->qtype != type
               || strcmp(msg->qname, name) != 0)
    {
        rc = acm_fail(err, ACM_INVALID, "an answer to another question");

    } else if (msg->tc) {
        rc = acm_fail(err, ACM_BUSY, "the answer is truncated");
    }

    if (rc != ACM_OK) {
        acm_dns_msg_free(msg);
    }

    return rc;
}


static acm_rc_t
acm_dns_read(ldns_pkt *pkt, acm_dns_msg_t *msg)
{
    ldns_rr   *rr;
    acm_rc_t   rc;

    msg->id = ldns_pkt_id(pkt);
    msg->aa = ldns_pkt_aa(pkt) ? 1 : 0;
    msg->tc = ldns_pkt_tc(pkt) ? 1 : 0;
    msg->rcode = (uint16_t) ((unsigned) ldns_pkt_get_rcode(pkt)
                             | (unsigned) ldns_pkt_edns_extended_rcode(pkt)
                               << 4);

    rr = ldns_rr_list_rr(ldns_pkt_question(pkt), 0);

    if (rr != NULL) {
        msg->qtype = (uint16_t) ldns_rr_get_type(rr);

        rc = acm_dns_dname(ldns_rr_owner(rr), &msg->qname);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    rc = acm_dns_section(ldns_pkt_answer(pkt), ACM_DNS_ANSWER, msg);

    if (rc == ACM_OK) {
        rc = acm_dns_section(ldns_pkt_authority(pkt), ACM_DNS_AUTHORITY, msg);
    }

    return rc;
}


static acm_rc_t
acm_dns_section(ldns_rr_list *list, acm_dns_section_e section,
    acm_dns_msg_t *msg)
{
    size_t             i, n;
    ldns_rr           *rr;
    acm_rc_t           rc;
    acm_dns_record_t  *r;

    n = ldns_rr_list_rr_count(list);

    if (n == 0) {
        return ACM_OK;
    }

    r = acm_realloc(msg->records, (msg->n + n) * sizeof(acm_dns_record_t));
    if (r == NULL) {
        return ACM_NOMEM;
    }

    msg->records = r;

    for (i = 0; i < n; i++) {
        rr = ldns_rr_list_rr(list, i);

        switch ((unsigned) ldns_rr_get_type(rr)) {
        case ACM_DNS_A:
        case ACM_DNS_NS:
        case ACM_DNS_CNAME:
        case ACM_DNS_SOA:
        case ACM_DNS_TXT:
        case ACM_DNS_AAAA:
        case ACM_DNS_CAA:
            break;
        default:
            continue;
        }

        if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN) {
            continue;
        }

        if (msg->n == ACM_MAX_DNS_RECORDS) {
            return ACM_TOOBIG;
        }

        r = &msg->records[msg->n++];
        memset(r, 0, sizeof(acm_dns_record_t));
        r->section = section;

        rc = acm_dns_rr(rr, r);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    return ACM_OK;
}


static acm_rc_t
acm_dns_rr(ldns_rr *rr, acm_dns_record_t *r)
{
    acm_rc_t  rc;

    r->type = (uint16_t) ldns_rr_get_type(rr);
    r->ttl = ldns_rr_ttl(rr);

    if (r->ttl > 0x7fffffff) {

        /* RFC 2181 s8 */

        r->ttl = 0;
    }

    rc = acm_dns_dname(ldns_rr_owner(rr), &r->owner);

    return (rc == ACM_OK) ? acm_dns_rdata(rr, r) : rc;
}


static acm_rc_t
acm_dns_rdata(ldns_rr *rr, acm_dns_record_t *r)
{
    size_t     n;
    ldns_rdf  *rdf;

    n = ldns_rr_rd_count(rr);

    if (r->type == ACM_DNS_TXT) {
        return acm_dns_txt(rr, r);
    }

    if (r->type == ACM_DNS_CAA) {
        return acm_dns_caa(rr, r);
    }

    rdf = (n == 0) ? NULL : ldns_rr_rdf(rr, 0);

    if (rdf == NULL) {
        return ACM_INVALID;
    }

    if (r->type == ACM_DNS_A || r->type == ACM_DNS_AAAA) {
        if (ldns_rdf_size(rdf) != (r->type == ACM_DNS_A ? 4u : 16u)) {
            return ACM_INVALID;
        }

        return acm_dns_data(ldns_rdf_data(rdf), ldns_rdf_size(rdf), r);
    }

    if (r->type == ACM_DNS_SOA) {
        if (n != 7 || ldns_rdf_size(ldns_rr_rdf(rr, 2)) != 4
            || ldns_rdf_size(ldns_rr_rdf(rr, 6)) != 4)
        {
            return ACM_INVALID;
        }

        r->serial = ldns_rdf2native_int32(ldns_rr_rdf(rr, 2));
        r->minimum = ldns_rdf2native_int32(ldns_rr_rdf(rr, 6));
    }

    return acm_dns_dname(rdf, &r->name);
}


/* The strings of one record are one value (RFC 1035 s3.3.14), records never
   are. */

static acm_rc_t
acm_dns_txt(ldns_rr *rr, acm_dns_record_t *r)
{
    size_t          i, n;
    uint8_t        *p;
    ldns_rdf       *rdf;
    const uint8_t  *s;

    n = ldns_rr_rd_count(rr);

    for (i = 0; i < n; i++) {
        rdf = ldns_rr_rdf(rr, i);
        s = ldns_rdf_data(rdf);

        if (ldns_rdf_size(rdf) == 0 || ldns_rdf_size(rdf) != s[0] + 1u) {
            return ACM_INVALID;
        }

        p = acm_realloc(r->data, r->len + s[0] + 1);
        if (p == NULL) {
            return ACM_NOMEM;
        }

        memcpy(p + r->len, s + 1, s[0]);

        r->data = p;
        r->len += s[0];
        p[r->len] = '\0';
    }

    return (n == 0) ? acm_dns_data(NULL, 0, r) : ACM_OK;
}


/*
 * RFC 8659 s4.1.  A tag that is none is kept as "?": the record still is a
 * part of the set, and the critical flag still counts.
 */

static acm_rc_t
acm_dns_caa(ldns_rr *rr, acm_dns_record_t *r)
{
    char      *tag;
    size_t     i, n;
    uint8_t    c;
    ldns_rdf  *rdf;

    n = ldns_rr_rd_count(rr);

    if (n < 2 || n > 3 || ldns_rdf_size(ldns_rr_rdf(rr, 0)) != 1) {
        return ACM_INVALID;
    }

    r->flags = ldns_rdf_data(ldns_rr_rdf(rr, 0))[0];

    rdf = ldns_rr_rdf(rr, 1);
    n = ldns_rdf_size(rdf);

    if (n == 0 || ldns_rdf_data(rdf)[0] != n - 1) {
        return ACM_INVALID;
    }

    tag = acm_calloc(1, (n == 1) ? 2 : n);
    if (tag == NULL) {
        return ACM_NOMEM;
    }

    r->tag = tag;
    tag[0] = '?';

    for (i = 1; i < n; i++) {
        c = ldns_rdf_data(rdf)[i];

        if (c >= 'A' && c <= 'Z') {
            c |= 0x20;
        }

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
            tag[0] = '?';
            tag[1] = '\0';
            break;
        }

        tag[i - 1] = (char) c;
    }

    if (ldns_rr_rd_count(rr) == 2) {
        return acm_dns_data(NULL, 0, r);
    }

    rdf = ldns_rr_rdf(rr, 2);

    return acm_dns_data(ldns_rdf_data(rdf), ldns_rdf_size(rdf), r);
}


static acm_rc_t
acm_dns_data(const uint8_t *data, size_t len, acm_dns_record_t *r)
{
    r->data = acm_alloc(len + 1);
    if (r->data == NULL) {
        return ACM_NOMEM;
    }

    if (len != 0) {
        memcpy(r->data, data, len);
    }

    r->data[len] = '\0';
    r->len = len;

    return ACM_OK;
}


static acm_rc_t
acm_dns_dname(ldns_rdf *rdf, char **name)
{
    char    *s;
    size_t   len;

    if (rdf == NULL || ldns_rdf_get_type(rdf) != LDNS_RDF_TYPE_DNAME) {
        return ACM_INVALID;
    }

    ldns_dname2canonical(rdf);

    s = ldns_rdf2str(rdf);
    if (s == NULL) {
        return ACM_NOMEM;
    }

    len = strlen(s);

    if (len == 0 || len > ACM_MAX_DNS_NAME) {
        free(s);
        return ACM_INVALID;
    }

    if (len > 1) {
        s[len - 1] = '\0';
    }

    *name = acm_strdup(s);
    free(s);

    return (*name == NULL) ? ACM_NOMEM : ACM_OK;
}


void
acm_dns_msg_free(acm_dns_msg_t *msg)
{
    size_t  i;

    if (msg == NULL) {
        return;
    }

    for (i = 0; i < msg->n; i++) {
        acm_free(msg->records[i].owner);
        acm_free(msg->records[i].name);
        acm_free(msg->records[i].data);
        acm_free(msg->records[i].tag);
    }

    acm_free(msg->records);
    acm_free(msg->qname);

    memset(msg, 0, sizeof(acm_dns_msg_t));
}


const acm_dns_record_t *
acm_dns_record(const acm_dns_msg_t *msg, const char *name, uint16_t type,
    size_t *i)
{
    const acm_dns_record_t  *r;

    while (*i < msg->n) {
        r = &msg->records[(*i)++];

        if (r->section == ACM_DNS_ANSWER && r->type == type
            && strcmp(r->owner, name) == 0)
        {
            return r;
        }
    }

    return NULL;
}


static const acm_dns_record_t *
acm_dns_cname(const acm_dns_msg_t *msg, const char *name, int *twice)
{
    size_t                   i;
    const acm_dns_record_t  *r, *next;

    i = 0;
    r = acm_dns_record(msg, name, ACM_DNS_CNAME, &i);

    *twice = 0;

    /* the same record twice does no harm */

    while (r != NULL) {
        next = acm_dns_record(msg, name, ACM_DNS_CNAME, &i);

        if (next == NULL) {
            break;
        }

        if (strcmp(next->name, r->name) != 0) {
            *twice = 1;
            break;
        }
    }

    return r;
}


acm_rc_t
acm_dns_follow(const acm_dns_msg_t *msg, const char *name, uint16_t type,
    acm_dns_follow_t *f, acm_err_t *err)
{
    int                      twice;
    size_t                   i, n, steps;
    const char              *at;
    const acm_dns_record_t  *r;

    at = name;

    for (steps = 0; type != ACM_DNS_CNAME; steps++) {
        r = acm_dns_cname(msg, at, &twice);

        if (r == NULL) {
            break;
        }

        if (twice) {
            return acm_fail(err, ACM_INVALID, "\"%s\" has two CNAME records",
                            at);
        }

        /* a loop ends here too: it has more steps than any number */

        if (steps == ACM_MAX_CNAMES) {
            return acm_fail(err, ACM_INVALID, "the CNAME records from \"%s\" "
                            "on are a loop or more than %d", name,
                            ACM_MAX_CNAMES);
        }

        at = r->name;
    }

    i = 0;
    n = 0;

    while (acm_dns_record(msg, at, type, &i) != NULL) {
        n++;
    }

    f->name = at;
    f->cnames = steps;
    f->n = n;

    return ACM_OK;
}


acm_rc_t
acm_dns_name(const char *name, char *out)
{
    char      *s;
    acm_rc_t   rc;
    ldns_rdf  *rdf;

    rdf = ldns_dname_new_frm_str(name);
    if (rdf == NULL) {
        return ACM_INVALID;
    }

    rc = acm_dns_dname(rdf, &s);

    if (rc == ACM_OK) {
        memcpy(out, s, strlen(s) + 1);
        acm_free(s);
    }

    ldns_rdf_deep_free(rdf);

    return rc;
}


const char *
acm_dns_parent(const char *name)
{
    const char  *p;

    if (strcmp(name, ".") == 0) {
        return NULL;
    }

    for (p = name; *p != '\0'; p++) {
        if (*p == '\\' && p[1] != '\0') {

            /* the digits of "\ddd" are never mistaken for a dot */

            p++;

        } else if (*p == '.') {
            return (p[1] == '\0') ? p : p + 1;
        }
    }

    return ".";
}


const char *
acm_dns_rcode_text(unsigned rcode, char *buf)
{
    if (rcode < sizeof(acm_dns_rcodes) / sizeof(acm_dns_rcodes[0])) {
        return acm_dns_rcodes[rcode];
    }

    (void) snprintf(buf, 16, "RCODE %u", rcode & 0xffff);

    return buf;
}


char *
acm_dns_print(const void *data, size_t len, char *buf, size_t size)
{
    size_t          i, n;
    const uint8_t  *p;

    p = data;
    n = 0;

    for (i = 0; i < len; i++) {

        /* room for one escaped octet, "..." and NUL */

        if (n + 8 > size) {
            memcpy(buf + n, "...", 3);
            n += 3;
            break;
        }

        if (p[i] < 0x20 || p[i] >= 0x7f) {
            n += (size_t) snprintf(buf + n, 5, "\\%03u", p[i]);
            continue;
        }

        if (p[i] == '"' || p[i] == '\\') {
            buf[n++] = '\\';
        }

        buf[n++] = (char) p[i];
    }

    buf[n] = '\0';

    return buf;
}


static size_t
acm_dns_u16(const uint8_t *p)
{
    return (size_t) p[0] << 8 | p[1];
}
