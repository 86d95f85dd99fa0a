
/*
 * Copyright (C) The ngx_acm authors
 *
 * The TXT record of dns-persist-01 (draft-ietf-acme-dns-persist): an
 * issue-value of RFC 8659 s4.2 that names the CA and our account there.
 */


#ifndef _ACM_PERSIST_H_INCLUDED_
#define _ACM_PERSIST_H_INCLUDED_


#include "acm_acme.h"


#define ACM_MAX_PERSIST_CAS  1024        /* octets of a CA's names, NUL */
#define ACM_MAX_PERSIST      (ACM_MAX_PERSIST_CAS + ACM_MAX_URL + 32)


/* what a record has to say; the caller's texts */

typedef struct {
    const char  *cas;                    /* names of the CA, with spaces; "":
                                            whichever CA it is for */
    const char  *account;                /* URL */
    int64_t      now;                    /* seconds, for persistUntil */
    unsigned     wildcard:1;             /* needs policy=wildcard */
} acm_persist_t;


/*
 * Adds a name of a CA to a list of ACM_MAX_PERSIST_CAS octets, in lower case
 * and without a final dot.  Left out: what is no host name, has no room, or
 * is there.
 */
void acm_persist_add(char *list, const char *name);

/* All texts of a challenge's "issuer-domain-names", NULL for none. */
void acm_persist_list(char *list, const json_t *names);

/*
 * The record to create, for the first name of p->cas.  buf: ACM_MAX_PERSIST
 * octets.  ACM_INVALID: no name, no account, or an URL with octets that no
 * record can have; ACM_TOOBIG.
 */
acm_rc_t acm_persist_value(const acm_persist_t *p, char *buf);

/* 1 if a record, the strings of which are joined, is enough for the CA. */
int acm_persist_match(const acm_persist_t *p, const uint8_t *data,
    size_t len);


#endif /* _ACM_PERSIST_H_INCLUDED_ */
