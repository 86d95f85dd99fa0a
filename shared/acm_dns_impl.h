
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the files of the DNS responder share: a query that has been read.
 */


#ifndef _ACM_DNS_IMPL_H_INCLUDED_
#define _ACM_DNS_IMPL_H_INCLUDED_


#include <ldns/ldns.h>

#include "acm_dns_answer.h"


#define ACM_DNS_QR           0x80    /* in octet 2 */
#define ACM_DNS_RD           0x01


#define acm_dns_opcode(data)  (((data)[2] >> 3) & 0x0f)


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


/* 1 if it must not be answered. */
int acm_dns_silent(const uint8_t *query, size_t len);

/* An rcode; NOERROR if it is one question of good form.  q->name is the
   caller's to free in any case; data is only pointed to. */
int acm_dns_parse(const uint8_t *data, size_t len, acm_dns_query_t *q);


#endif /* _ACM_DNS_IMPL_H_INCLUDED_ */
