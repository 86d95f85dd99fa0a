
/*
 * Copyright (C) The ngx_acm authors
 *
 * DNS messages: queries to be sent, answers as plain structs.  The answers
 * come from anybody; ldns reads the wire, here is what may be believed of
 * it.  Names are in presentation form: lower case, no trailing dot ("." is
 * the root), odd octets as "\ddd".
 */


#ifndef _ACM_DNS_MSG_H_INCLUDED_
#define _ACM_DNS_MSG_H_INCLUDED_


#include "acm_buf.h"


#define ACM_MAX_DNS_WIRE     65535   /* octets of a message */
#define ACM_MAX_DNS_RECORDS  256     /* kept of one message */
#define ACM_MAX_DNS_COUNT    1024    /* records of all kinds in a message */
#define ACM_MAX_DNS_NAME     1016    /* octets: 254, each may be "\ddd" */
#define ACM_MAX_CNAMES       8       /* followed in one answer */
#define ACM_DNS_EDNS_SIZE    1232    /* octets by UDP: no fragments */
#define ACM_MAX_FINDING      2048    /* octets of what a check found, NUL */


/* RFC 1035, 3596, 8659 */

typedef enum {
    ACM_DNS_A = 1,
    ACM_DNS_NS = 2,
    ACM_DNS_CNAME = 5,
    ACM_DNS_SOA = 6,
    ACM_DNS_TXT = 16,
    ACM_DNS_AAAA = 28,
    ACM_DNS_CAA = 257
} acm_dns_type_e;


/* RFC 1035 s4.1.1; others are only given a name */

typedef enum {
    ACM_DNS_NOERROR = 0,
    ACM_DNS_SERVFAIL = 2,
    ACM_DNS_NXDOMAIN = 3,
    ACM_DNS_REFUSED = 5
} acm_dns_rcode_e;


typedef enum {
    ACM_DNS_ANSWER = 0,
    ACM_DNS_AUTHORITY
} acm_dns_section_e;


typedef struct {
    char               *owner;
    char               *name;        /* CNAME, NS; SOA: the primary */
    uint8_t            *data;        /* A, AAAA: 4, 16; TXT; CAA: the value */
    size_t              len;         /* of data, which ends with a NUL more */
    char               *tag;         /* CAA, lower case */
    uint32_t            ttl;         /* seconds */
    uint32_t            serial;      /* SOA */
    uint32_t            minimum;     /* SOA: seconds, RFC 2308 s4 */
    uint16_t            type;        /* acm_dns_type_e, and no other */
    uint8_t             flags;       /* CAA */
    acm_dns_section_e   section;
} acm_dns_record_t;


typedef struct {
    char               *qname;       /* NULL: no question came back */
    acm_dns_record_t   *records;
    size_t              n;
    uint16_t            id;
    uint16_t            qtype;
    uint16_t            rcode;       /* with the bits of EDNS */
    unsigned            aa:1;
    unsigned            tc:1;
} acm_dns_msg_t;


/* what one answer says of a name */

typedef struct {
    const char         *name;        /* at the end of the chain; in msg, or
                                        the caller's */
    size_t              cnames;      /* followed */
    size_t              n;           /* records of that name and type */
} acm_dns_follow_t;


/*
 * Appends a query with a random id, class IN, EDNS of ACM_DNS_EDNS_SIZE.
 * recurse: the RD flag.  ACM_INVALID: not a DNS name.
 */
acm_rc_t acm_dns_query(const char *name, uint16_t type, int recurse,
    acm_buf_t *out, acm_err_t *err);

/*
 * Reads a response.  Records of other classes and types are left out, and
 * so is the additional section.  ACM_INVALID: not a well-formed response to
 * a query; ACM_TOOBIG: one of the limits above.  Free after success only.
 */
acm_rc_t acm_dns_msg_parse(const uint8_t *wire, size_t len, acm_dns_msg_t *msg,
    acm_err_t *err);
void acm_dns_msg_free(acm_dns_msg_t *msg);

/*
 * As acm_dns_msg_parse(), and it answers this question: the same name (in the
 * form used here) and type, not truncated, NOERROR or NXDOMAIN.  err is a
 * short reason otherwise, "SERVFAIL", and the result ACM_BUSY if asking
 * again may help.
 */
acm_rc_t acm_dns_reply(const uint8_t *wire, size_t len, const char *name,
    uint16_t type, acm_dns_msg_t *msg, acm_err_t *err);

/*
 * Follows the CNAMEs in the answer section from name, whatever the order of
 * records (RFC 1034 s3.6.2).  Not having the type is no error: n is 0.
 * ACM_INVALID: a loop, more than ACM_MAX_CNAMES, or two at one name.
 */
acm_rc_t acm_dns_follow(const acm_dns_msg_t *msg, const char *name,
    uint16_t type, acm_dns_follow_t *f, acm_err_t *err);

/* The next record of name and type in the answer section, from *i on, which
   becomes the index after it; NULL at the end. */
const acm_dns_record_t *acm_dns_record(const acm_dns_msg_t *msg,
    const char *name, uint16_t type, size_t *i);

/* Brings a name to the form used here; out holds ACM_MAX_DNS_NAME + 1. */
acm_rc_t acm_dns_name(const char *name, char *out);

/* The name above, a part of the argument, or "."; NULL for the root. */
const char *acm_dns_parent(const char *name);

/* "SERVFAIL"; buf is for those that have no name, 16 octets. */
const char *acm_dns_rcode_text(unsigned rcode, char *buf);

/* Octets as they may be printed in quotes, cut at size; returns buf. */
char *acm_dns_print(const void *data, size_t len, char *buf, size_t size);


#endif /* _ACM_DNS_MSG_H_INCLUDED_ */
