
/*
 * Copyright (C) The ngx_acm authors
 *
 * How many certificates an account may have in a region, and may get in a
 * year: map ACM_DB_QUOTA.  The numbers are always counted, with the change
 * that they are of, so that a quota that comes later finds them right.
 *
 * What is counted over a year is counted for ever; at the first one of a day
 * the number that was reached before is kept for 365 days.  The year is the
 * number now less that of its first day, whatever was deleted since then.
 */


#ifndef _ACM_QUOTA_H_INCLUDED_
#define _ACM_QUOTA_H_INCLUDED_


#include "acm_record.h"


#define ACM_QUOTA_DAYS  365          /* of a year, today included */


typedef enum {
    ACM_QUOTA_CERTIFICATES = 0,      /* that are there, of public issuers */
    ACM_QUOTA_REQUESTED,             /* in a year */
    ACM_QUOTA_IMPORTED,              /* that are there */
    ACM_QUOTA_IMPORTED_YEAR,
    ACM_QUOTA_PRIVATE,               /* of a private CA, ever */
    ACM_QUOTA_NAMES,                 /* of one request */
    ACM_QUOTA_MAX
} acm_quota_e;


/* Builders: a certificate is made, or deleted; acm_batch_change() and
   acm_certificate_delete() do it. */
void acm_quota_made(acm_batch_t *batch, const acm_cert_t *cert);
void acm_quota_deleted(acm_batch_t *batch, const acm_cert_t *cert);

/*
 * A builder: somebody asks for this certificate, which is new; goes behind
 * what makes it.  limits: ACM_QUOTA_MAX numbers, 0 for none.  ACM_DENIED:
 * *reached is used up, and nothing was added.  What others take meanwhile
 * makes the commit fail, with ACM_CONFLICT.
 */
acm_rc_t acm_quota_take(acm_batch_t *batch, acm_snap_t *snap,
    const uint32_t *limits, const acm_cert_t *cert, int64_t now,
    acm_quota_e *reached);

/* What is used up so far; of the year that ends with today.  issuer: of
   ACM_QUOTA_PRIVATE. */
int64_t acm_quota_used(acm_snap_t *snap, acm_quota_e quota,
    const char *account, const char *region, const char *issuer,
    int64_t now);

/* Counts what a store of an older version has, once. */
acm_rc_t acm_quota_init(acm_store_t *store, acm_err_t *err);


#endif /* _ACM_QUOTA_H_INCLUDED_ */
