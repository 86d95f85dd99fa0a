
/*
 * Copyright (C) The ngx_acm authors
 *
 * What ACM calls the configuration of an account: one record per account and
 * region.
 */


#ifndef _ACM_SETTING_H_INCLUDED_
#define _ACM_SETTING_H_INCLUDED_


#include "acm_record.h"


#define ACM_MAX_IDEMPOTENCY_TOKEN   32   /* octets */


typedef struct {
    uint32_t    days_before;     /* DaysBeforeExpiry */
    char        token[ACM_MAX_IDEMPOTENCY_TOKEN + 1];
    int64_t     token_at;        /* when it was given, seconds */
} acm_setting_t;


/* The defaults if there is none; revision (may be NULL) is 0 then. */
acm_rc_t acm_setting_get(acm_snap_t *snap, const char *account,
    const char *region, acm_setting_t *setting, uint64_t *revision);

/* A builder: a failure sticks. */
void acm_setting_put(acm_batch_t *batch, const char *account,
    const char *region, const acm_setting_t *setting);


#endif /* _ACM_SETTING_H_INCLUDED_ */
