
/*
 * Copyright (C) The ngx_acm authors
 *
 * Which certificate a request got, so that the same request gets the same one
 * for an hour: map ACM_DB_TOKEN.
 */


#ifndef _ACM_TOKEN_H_INCLUDED_
#define _ACM_TOKEN_H_INCLUDED_


#include "acm_record.h"


#define ACM_TOKEN_LIFE    3600           /* seconds */
#define ACM_TOKEN_SWEEP   16             /* forgotten with each new one */


typedef struct {
    acm_ref_t  ref;
    int64_t    at;                       /* seconds: when it was given */
} acm_token_t;


/*
 * What was given for a request, which the hash (ACM_HASH_LEN) stands for.
 * revision is what acm_token_put() needs; 0 if there is none.  ACM_NOTFOUND:
 * none, or it is over.
 */
acm_rc_t acm_token_get(acm_snap_t *snap, const uint8_t *hash, int64_t now,
    acm_token_t *token, uint64_t *revision);

/* Builders, a failure sticks: notes a token, with the precondition that
   nobody has done so meanwhile; forgets some that are over. */
void acm_token_put(acm_batch_t *batch, const uint8_t *hash,
    const acm_token_t *token, uint64_t revision);
void acm_token_sweep(acm_batch_t *batch, acm_snap_t *snap, int64_t now);


#endif /* _ACM_TOKEN_H_INCLUDED_ */
