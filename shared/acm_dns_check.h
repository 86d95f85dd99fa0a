
/*
 * Copyright (C) The ngx_acm authors
 *
 * Is DNS ready for a validation?  Machines that do no I/O: next() says what
 * to ask and whom, answer() takes what came.  For dns-01 each authoritative
 * server is asked, as a CA would be answered by any of them, and a resolver
 * may remember for hours that there was nothing (RFC 2308 s5).
 */


#ifndef _ACM_DNS_CHECK_H_INCLUDED_
#define _ACM_DNS_CHECK_H_INCLUDED_


#include "acm_dns_msg.h"
#include "acm_persist.h"


#define ACM_MAX_CHECK_CNAMES  5      /* from the name that is validated */
#define ACM_MAX_CHECK_TRIES   2      /* of one question to the resolver */
#define ACM_MAX_DNS_SERVERS   8      /* name servers of a zone, asked */
#define ACM_MAX_SERVER_ADDRS  4      /* of one name server, tried */
#define ACM_DNS_ADDR_LEN      56     /* "[IPv6]:port" with NUL */
#define ACM_DNS_WHY_LEN       64


typedef enum {
    ACM_CHECK_ASK = 0,
    ACM_CHECK_SEEN,
    ACM_CHECK_WAIT,                  /* not everywhere yet */
    ACM_CHECK_FAILED                 /* somebody has to do something */
} acm_dns_check_e;


typedef enum {
    ACM_CHECK_CHAIN = 0,             /* the CNAMEs, one by one */
    ACM_CHECK_ZONE,                  /* which zone, and its servers */
    ACM_CHECK_SERVER,                /* their addresses */
    ACM_CHECK_TXT,
    ACM_CHECK_ADDRESS                /* of the name itself */
} acm_check_step_e;


typedef enum {
    ACM_SERVER_SILENT = 0,
    ACM_SERVER_MISSING,
    ACM_SERVER_SEEN
} acm_server_e;


typedef struct {
    char               *name;
    char                addr[ACM_MAX_SERVER_ADDRS][ACM_DNS_ADDR_LEN];
    size_t              naddrs;
    acm_server_e        state;
    size_t              answered;    /* which address */
    char                why[ACM_DNS_WHY_LEN];  /* silent: the reason */
} acm_dns_server_t;


typedef struct {
    const char         *server;      /* address, NULL: the resolver */
    const char         *name;
    uint16_t            type;
} acm_dns_ask_t;


typedef struct {
    acm_dns_check_e     state;
    acm_check_step_e    step;
    char               *chain[ACM_MAX_CHECK_CNAMES + 1];  /* names */
    size_t              nchain;
    const char         *zone;        /* a part of the last of them */
    char               *target;      /* where the chain must end, or NULL */
    const char         *value;       /* the caller's */
    acm_persist_t       persist;     /* of dns-persist-01: account is set */
    uint16_t            type;        /* A or AAAA, where that is asked */
    uint16_t            port;        /* of name servers, 0: 53 */
    acm_dns_server_t    servers[ACM_MAX_DNS_SERVERS];
    size_t              nservers;
    char                address[ACM_DNS_ADDR_LEN];  /* SEEN: one of the host's,
                                        IPv6 in brackets */
    size_t              server;      /* asked about, or asked */
    size_t              addr;
    unsigned            tries;
    char                text[ACM_MAX_FINDING];  /* WAIT, FAILED: why */
} acm_dns_check_t;


/*
 * Is the TXT value visible at name, "_acme-challenge.www.example.com", on
 * all name servers that answer?  target: the name that a CNAME must lead
 * to, NULL if it does not matter.  value stays the caller's.  A failure leaves
 * nothing to be freed.
 */
acm_rc_t acm_dns_check_txt(acm_dns_check_t *check, const char *name,
    const char *target, const char *value);

/*
 * Is there a TXT record of dns-persist-01 at name, "_validation-persist." and
 * so on?  value: the one to create, for the finding.  All texts stay the
 * caller's.  A failure leaves nothing to be freed.
 */
acm_rc_t acm_dns_check_persist(acm_dns_check_t *check, const char *name,
    const acm_persist_t *persist, const char *value);

/* Has the host an address at all, for http-01 and tls-alpn-01? */
acm_rc_t acm_dns_addresses(acm_dns_check_t *check, const char *name);

void acm_dns_check_free(acm_dns_check_t *check);

/* 1: ask this (valid until the answer); 0: the state is final. */
int acm_dns_check_next(const acm_dns_check_t *check, acm_dns_ask_t *ask);

/* What came: rc and why (may be NULL) if nothing did.  The new state. */
acm_dns_check_e acm_dns_check_answer(acm_dns_check_t *check, acm_rc_t rc,
    const uint8_t *wire, size_t len, const char *why);


#endif /* _ACM_DNS_CHECK_H_INCLUDED_ */
