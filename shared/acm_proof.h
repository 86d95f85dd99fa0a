
/*
 * Copyright (C) The ngx_acm authors
 *
 * The permanent CNAME record that proves a name for an account, and whether
 * it is there.  No I/O: the caller asks a resolver.
 */


#ifndef _ACM_PROOF_H_INCLUDED_
#define _ACM_PROOF_H_INCLUDED_


#include "acm_challenge.h"
#include "acm_dns_msg.h"


#define ACM_MAX_PROOF_CNAMES   5         /* as ACM follows */
#define ACM_MAX_PROOF_OWNER    (sizeof("_acme-challenge.") + ACM_MAX_NAME     \
                                + ACM_LABEL_LEN + 4)
#define ACM_MAX_PROOF_VALUE    (ACM_MAX_NAME + ACM_MAX_PROOF_OWNER)
#define ACM_PROOF_VALIDATIONS  "acm-validations.aws"

#define ACM_PROOF_WAIT         10        /* seconds, then a quarter of the age
                                            of the request */
#define ACM_PROOF_WAIT_MAX     600


typedef struct {
    char        name[ACM_MAX_DNS_NAME + 1];  /* whose CNAME is to be asked */
    char        value[ACM_MAX_PROOF_VALUE];  /* where it has to lead */
    unsigned    cnames;                      /* followed */
    char        why[ACM_MAX_FINDING];
} acm_proof_t;


/*
 * The record of a name, or of a wildcard, whose label acm_validation_get() has
 * given, both with a dot at the end.  zone: the validation zone that answers
 * for the label, or NULL: then it has the form of ACM's.  owner and value hold
 * ACM_MAX_PROOF_OWNER and ACM_MAX_PROOF_VALUE octets.
 */
void acm_proof_record(const char *zone, const char *label, const char *name,
    char *owner, char *value);

/* To look for such a record.  ACM_INVALID: its owner is no DNS name. */
acm_rc_t acm_proof_init(acm_proof_t *p, const char *owner,
    const char *value);

/*
 * What a resolver says of the CNAME of p->name.  ACM_OK: it is proved;
 * ACM_BUSY: now p->name is another one; else p->why says what is wrong.
 */
acm_rc_t acm_proof_answer(acm_proof_t *p, const uint8_t *wire, size_t len);

/* When to look again for what was not there, seconds from now. */
int64_t acm_proof_wait(const acm_cert_t *cert, int64_t now);


#endif /* _ACM_PROOF_H_INCLUDED_ */
