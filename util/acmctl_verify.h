
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the files of acmctl verify share.
 */


#ifndef _ACMCTL_VERIFY_H_INCLUDED_
#define _ACMCTL_VERIFY_H_INCLUDED_


#include "acmctl.h"


typedef struct {
    acmctl_t     *ctl;
    acm_snap_t   *snap;
    unsigned      certificates;
    unsigned      keys;
    unsigned      faults;
} acmctl_verify_t;


#define acmctl_fault(v, ...)                                                  \
    ((v)->faults++, (void) acmctl_fail(__VA_ARGS__))


/* Of one entry, in the snapshot of v: a data key, the keys of an account at a
   CA, the key of an order. */
void acmctl_verify_seal(acmctl_verify_t *v, const acm_entry_t *e);
void acmctl_verify_account(acmctl_verify_t *v, const acm_entry_t *e);
void acmctl_verify_order(acmctl_verify_t *v, const acm_entry_t *e);

/* The built-in CAs, one after the other: each needs a snapshot of its own. */
void acmctl_verify_cas(acmctl_verify_t *v);


#endif /* _ACMCTL_VERIFY_H_INCLUDED_ */
