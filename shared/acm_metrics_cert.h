
/*
 * Copyright (C) The ngx_acm authors
 *
 * The metrics of single certificates, those that expire first first.  The
 * number is bounded by the caller; what is left out is counted.
 */


#ifndef _ACM_METRICS_CERT_H_INCLUDED_
#define _ACM_METRICS_CERT_H_INCLUDED_


#include "acm_metrics.h"
#include "acm_record.h"


/* seconds: what ended longer ago is no longer among them */
#define ACM_METRICS_PAST     (7 * 86400)

/* octets that one row takes at most, in all families */
#define ACM_METRICS_ROW      (4 * (ACM_MAX_METRIC_NAME                        \
                                   + ACM_MAX_METRIC_LABELS + 64))


/* one row; texts are borrowed, none may be NULL; times in seconds, 0: none */

typedef struct {
    const char   *id;            /* UUID, or a name of its own */
    const char   *arn;           /* or "" */
    const char   *domain;
    const char   *type;
    const char   *issuer;
    const char   *status;
    const char   *key;           /* "EC-prime256v1" */
    const char   *source;        /* "store" or "static" */
    int64_t       not_before;
    int64_t       not_after;
    int64_t       renew_at;
} acm_metric_cert_t;


/* the families, filled side by side */

typedef struct {
    acm_metrics_t  info;
    acm_metrics_t  not_before;
    acm_metrics_t  not_after;
    acm_metrics_t  renewal;
    size_t         max;
} acm_metrics_certs_t;


/* max: octets of all families. */
void acm_metrics_certs_init(acm_metrics_certs_t *c, int open, size_t max);
void acm_metrics_certs_free(acm_metrics_certs_t *c);

/* ACM_TOOBIG: there is no room for this one; the others are as they were. */
acm_rc_t acm_metrics_cert(acm_metrics_certs_t *c,
    const acm_metric_cert_t *row);

/*
 * The first `limit` certificates of the expiry index at time `now`, as far as
 * there is room; *shown is how many rows that gave.  What cannot be read is
 * passed over.  ACM_OK, ACM_NOMEM, or a fault of the store.
 */
acm_rc_t acm_metrics_certs_read(acm_metrics_certs_t *c, acm_snap_t *snap,
    int64_t now, size_t limit, size_t *shown);

/* Appends all families, with the lines that describe them. */
void acm_metrics_certs_end(acm_metrics_certs_t *c, acm_metrics_t *m);


#endif /* _ACM_METRICS_CERT_H_INCLUDED_ */
