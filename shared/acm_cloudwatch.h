
/*
 * Copyright (C) The ngx_acm authors
 *
 * PutMetricData of Amazon CloudWatch: the metric DaysToExpiry of each
 * certificate, with the dimension CertificateArn, as ACM has it.  AWS JSON
 * 1.0; a walk over the expiry index makes one request after the other.
 */


#ifndef _ACM_CLOUDWATCH_H_INCLUDED_
#define _ACM_CLOUDWATCH_H_INCLUDED_


#include "acm_record.h"


#define ACM_MAX_CLOUDWATCH_DATA  1000        /* of one request */
#define ACM_MAX_CLOUDWATCH_BODY  1000000     /* octets of one request */
#define ACM_MAX_CLOUDWATCH_NAMESPACE  255    /* octets */
#define ACM_CLOUDWATCH_TYPE      "application/x-amz-json-1.0"
#define ACM_CLOUDWATCH_TARGET    "GraniteServiceVersion20100801.PutMetricData"
/* "AWS/" in front is reserved for AWS itself */
#define ACM_CLOUDWATCH_NAMESPACE "CertificateManager"


/* where the walk is; all zero at first */

typedef struct {
    uint8_t    key[ACM_MAX_STORE_KEY];
    size_t     len;
} acm_cloudwatch_t;


/* ACM_INVALID says what a namespace may hold. */
acm_rc_t acm_cloudwatch_namespace(const char *s, size_t len, acm_err_t *err);

/*
 * The body of the next request, for at most `max` certificates, of those
 * that have not expired at `now` (seconds); *n is how many there are, and
 * where moves behind them.  ACM_NOTFOUND: there are no more.  out is empty
 * before.
 */
acm_rc_t acm_cloudwatch_body(acm_snap_t *snap, const char *space,
    int64_t now, size_t max, acm_cloudwatch_t *where, acm_buf_t *out,
    size_t *n);


#endif /* _ACM_CLOUDWATCH_H_INCLUDED_ */
