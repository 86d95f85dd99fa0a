
/*
 * Copyright (C) The ngx_acm authors
 *
 * When a certificate that was requested over the API is given up before it
 * was ever issued, and why: Status FAILED, FailureReason.  What is configured
 * is tried for ever.
 */


#ifndef _ACM_FAILED_H_INCLUDED_
#define _ACM_FAILED_H_INCLUDED_


#include "acm_acme.h"
#include "acm_record.h"


/* how many attempts in a row have failed, the last of them by such a word */

#define ACM_FAILED_REFUSED   1       /* the CA will not have the name */
#define ACM_FAILED_CAA       3
#define ACM_FAILED_CAA_LOOKS 5       /* of our own at CAA, before an order */
#define ACM_FAILED_OTHER     4       /* anything else that does not pass */
#define ACM_FAILED_PRIVATE   5       /* the built-in CA is not there, or has
                                        ended */

#define ACM_VALIDATION_TIME  (72 * 3600)     /* seconds, and it is over */


/* 1: it may be given up at all */
int acm_failed_may(const acm_cert_t *cert);

/*
 * After an order that failed: gives it up if that was the last attempt, and
 * returns 1.  next: the record with this attempt in it.  denied: the name
 * that our own look found CAA to deny, or NULL.
 */
int acm_failed_order(acm_cert_t *next, const acm_problem_t *problem,
    const char *denied);

/* Gives it up; culprit: one of its names, or NULL. */
void acm_failed_set(acm_cert_t *next, acm_reason_e reason,
    const char *culprit);

/* A name that is in no public domain, so that no public CA issues for it;
   NULL if there is none. */
const char *acm_failed_unknown(const acm_cert_t *cert);


#endif /* _ACM_FAILED_H_INCLUDED_ */
