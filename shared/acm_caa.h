
/*
 * Copyright (C) The ngx_acm authors
 *
 * May a CA issue for a name: RFC 8659, with the parameters of RFC 8657.  A
 * machine that does no I/O: it says what to ask, and is told the answers.
 * Since the CA decides in the end, this only is to know a refusal before an
 * attempt is spent on it, and to say which record is to be changed.
 */


#ifndef _ACM_CAA_H_INCLUDED_
#define _ACM_CAA_H_INCLUDED_


#include "acm_dns_msg.h"


#define ACM_MAX_CAA_IDENTITIES  16   /* names of one CA */
#define ACM_MAX_CAA_TRIES       2    /* of one look-up that fails */
#define ACM_MAX_CAA_VALUE       1024 /* octets that are looked at */


typedef enum {
    ACM_CAA_ASK = 0,
    ACM_CAA_ALLOWED,
    ACM_CAA_DENIED,                  /* until a record is changed */
    ACM_CAA_FAILED                   /* not known: may not issue, try later */
} acm_caa_e;


/* what one value says of the CA, better ones later */

typedef enum {
    ACM_CAA_MALFORMED = 0,
    ACM_CAA_NOBODY,                  /* ";" */
    ACM_CAA_OTHER,
    ACM_CAA_METHOD,                  /* this CA, by another method */
    ACM_CAA_ACCOUNT,                 /* this CA, another account */
    ACM_CAA_MATCH
} acm_caa_match_e;


typedef struct {
    acm_caa_e           state;
    char                name[ACM_MAX_NAME + 1];
    size_t              at;          /* where in it the name asked begins */
    const char *const  *identities;  /* the caller's, as the next two */
    size_t              n;
    const char         *account;
    const char         *method;
    unsigned            tries;
    unsigned            wildcard:1;
    char                text[ACM_MAX_FINDING];  /* DENIED, FAILED: why */
} acm_caa_t;


/*
 * name: normal form; a "*." in front is the same as wildcard.  identities:
 * the CA's caaIdentities; none: it is ALLOWED without a question.  account:
 * the account's URL, NULL if there is none yet, which matches no accounturi.
 * method: "dns-01", as in RFC 8657 s4; NULL: not compared.  The strings stay
 * the caller's and must outlive the machine; nothing is to be freed.
 * ACM_INVALID: not a name; ACM_TOOBIG: too many identities.
 */
acm_rc_t acm_caa_init(acm_caa_t *caa, const char *name, int wildcard,
    const char *const *identities, size_t n, const char *account,
    const char *method);

/* The name to ask for its CAA records, of a resolver that follows CNAMEs;
   NULL: the state is final. */
const char *acm_caa_next(const acm_caa_t *caa);

/* What came: rc and why (may be NULL) if nothing did.  The new state. */
acm_caa_e acm_caa_answer(acm_caa_t *caa, acm_rc_t rc, const uint8_t *wire,
    size_t len, const char *why);

/* What the value of an issue or issuewild property says. */
acm_caa_match_e acm_caa_match(const acm_caa_t *caa, const uint8_t *value,
    size_t len);


#endif /* _ACM_CAA_H_INCLUDED_ */
