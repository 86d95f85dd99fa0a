
/*
 * Copyright (C) The ngx_acm authors
 *
 * The authoritative answer for the validation zone: one DNS message in, one
 * out.  The zone has a SOA, one name server, and below its apex the labels
 * of domains that are validated, with their TXT values.  Pure: what the
 * store holds comes through a callback.  Called by workers, for UDP and TCP.
 */


#ifndef _ACM_DNS_ANSWER_H_INCLUDED_
#define _ACM_DNS_ANSWER_H_INCLUDED_


#include "acm_challenge.h"


#define ACM_DNS_TTL          0       /* TXT, and that there is none: the next
                                        order has other values */
#define ACM_DNS_ZONE_TTL     3600    /* SOA, NS, A, AAAA of the name server */
#define ACM_DNS_PLAIN_SIZE   512     /* UDP without EDNS, RFC 1035 s4.2.1 */
#define ACM_DNS_UDP_SIZE     1232    /* with EDNS: fits any path unsplit */
#define ACM_DNS_TCP_SIZE     65535
#define ACM_DNS_HEADER_LEN   12

#define ACM_MAX_DNS_QUERY    4096    /* octets of a query */
#define ACM_MAX_DNS_ANSWER   4096    /* no answer can be longer */
#define ACM_MAX_DNS_RRS      16      /* records in a query */
#define ACM_MAX_DNS_ADDRS    8       /* addresses of the name server */
/* a label and a dot must fit in front of it */
#define ACM_MAX_DNS_ZONE     (ACM_MAX_NAME - ACM_LABEL_LEN - 1)


typedef struct {
    uint8_t     octets[16];
    size_t      len;                 /* 4 or 16 */
} acm_dns_addr_t;


/* ACM_NOTFOUND: no such label; label is in lower case, ends with NUL. */

typedef acm_rc_t (*acm_dns_lookup_pt)(void *data, const char *label,
    char values[ACM_MAX_TXT][ACM_TXT_LEN + 1], size_t *n);


typedef struct {
    const char            *name;     /* normal form, as the next two */
    const char            *ns;       /* host name of the name server */
    const char            *mailbox;  /* "hostmaster.example.com" */
    const acm_dns_addr_t  *addrs;    /* of the name server; only used if its */
    size_t                 naddrs;   /* name is in the zone */
    uint32_t               serial;
    acm_dns_lookup_pt      lookup;
    void                  *data;     /* for lookup */
} acm_dns_zone_t;


/*
 * Answers query.  max is ACM_DNS_UDP_SIZE, which the query may lower, or
 * ACM_DNS_TCP_SIZE; out holds ACM_MAX_DNS_ANSWER octets.  What does not fit
 * is left out and TC set.  A lookup that fails makes a SERVFAIL.
 * ACM_INVALID: it must not be answered, being shorter than a header, a
 * response, or over-long.
 */
acm_rc_t acm_dns_answer(const acm_dns_zone_t *zone, const uint8_t *query,
    size_t len, size_t max, uint8_t *out, size_t *out_len);

/* The empty answer that says "ask by TCP"; as above, without any lookup. */
acm_rc_t acm_dns_truncated(const uint8_t *query, size_t len, uint8_t *out,
    size_t *out_len);

/* 1 if name is the zone's apex or below it; both in normal form. */
int acm_dns_in_zone(const char *name, const char *zone);


#endif /* _ACM_DNS_ANSWER_H_INCLUDED_ */
