
/*
 * Copyright (C) The ngx_acm authors
 *
 * Chain certificates that no material refers to any more.  They are shared and
 * not counted: all material is read, a piece at a time, and what was in none
 * of it goes.  Whoever commits material writes its chain in the same batch,
 * even if it is there already: an entry that was not written since the
 * reading began is in use by nothing that came meanwhile.
 */


#ifndef _ACM_SWEEP_H_INCLUDED_
#define _ACM_SWEEP_H_INCLUDED_


#include "acm_record.h"


#define ACM_SWEEP_CHAIN   1024       /* chain certificates at a time */
#ifndef ACM_SWEEP_STEP
#define ACM_SWEEP_STEP    500        /* materials read in one step */
#endif


typedef struct {
    uint8_t    hash[ACM_HASH_LEN];
    uint64_t   revision;
} acm_unused_t;


/* where it is; all zero before the first step.  Nothing of it is in the
   store: one that was cut short begins anew. */

typedef struct {
    acm_unused_t   list[ACM_SWEEP_CHAIN];    /* what was not found yet */
    size_t         n;
    unsigned       reading:1;
    uint8_t        chain[ACM_HASH_LEN];      /* the last one looked at */
    size_t         chain_len;
    uint8_t        material[ACM_MAX_STORE_KEY];
    size_t         material_len;
    uint64_t       removed;                  /* of all steps */
} acm_sweep_t;


/*
 * One step.  more: there are others.  Damaged material refers to what is among
 * its octets; what is of a newer version may refer to anything: then nothing
 * is removed, ACM_VERSION.  After a failure the next step begins anew.  No
 * snapshot may be open.
 */
acm_rc_t acm_sweep_step(acm_sweep_t *sweep, acm_store_t *store, int *more,
    acm_err_t *err);


#endif /* _ACM_SWEEP_H_INCLUDED_ */
