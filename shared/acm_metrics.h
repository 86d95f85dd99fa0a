
/*
 * Copyright (C) The ngx_acm authors
 *
 * Metrics as text: the format of Prometheus, version 0.0.4, or OpenMetrics
 * 1.0.  A family is begun, then each of its samples is its labels and a
 * value.  A failure sticks, as in acm_buf_t; acm_metrics_end() tells.
 */


#ifndef _ACM_METRICS_H_INCLUDED_
#define _ACM_METRICS_H_INCLUDED_


#include "acm_buf.h"


#define ACM_MAX_METRIC_NAME   96     /* octets, without "_total" */
#define ACM_MAX_METRIC_LABEL  512    /* octets of a value; the rest is cut */
#define ACM_MAX_METRIC_LABELS 8192   /* octets of all labels of a sample */

#define ACM_METRICS_TYPE      "text/plain; version=0.0.4; charset=utf-8"
#define ACM_METRICS_OPEN_TYPE                                                 \
    "application/openmetrics-text; version=1.0.0; charset=utf-8"


typedef enum {
    ACM_METRIC_GAUGE,
    ACM_METRIC_COUNTER,              /* "_total" is added to the name */
    ACM_METRIC_HISTOGRAM
} acm_metric_e;


typedef struct {
    acm_buf_t      out;
    acm_buf_t      labels;           /* of the next sample, escaped */
    const char    *name;             /* of the family, borrowed */
    acm_metric_e   type;
    unsigned       open:1;           /* OpenMetrics */
} acm_metrics_t;


/* counts[n] is of what is over the last bound; each once, not summed up */

typedef struct {
    const char *const  *bounds;      /* seconds as text, "0.5", rising */
    const uint64_t     *counts;
    size_t              n;
    uint64_t            sum;         /* nanoseconds */
} acm_histogram_t;


/* max: octets of the whole text; no allocation yet. */
void acm_metrics_init(acm_metrics_t *m, int open, size_t max);
void acm_metrics_free(acm_metrics_t *m);

/* name and help are constants; what comes next is of this family. */
void acm_metrics_family(acm_metrics_t *m, const char *name,
    acm_metric_e type, const char *help);

/*
 * A label of the next sample.  The value may be anything: it is escaped, and
 * cut at ACM_MAX_METRIC_LABEL; what is no UTF-8, and control characters but
 * the line feed, become "?".  NULL is "".
 */
void acm_metrics_label(acm_metrics_t *m, const char *name,
    const char *value);

/* Each takes the labels up. */
void acm_metrics_value(acm_metrics_t *m, int64_t value);
void acm_metrics_count(acm_metrics_t *m, uint64_t value);
void acm_metrics_seconds(acm_metrics_t *m, uint64_t nanoseconds);
void acm_metrics_histogram(acm_metrics_t *m, const acm_histogram_t *h);

/* Appends what another one has written: so families can be filled side by
   side. */
void acm_metrics_join(acm_metrics_t *m, const acm_metrics_t *from);

/* The last line, if the format has one.  ACM_OK, ACM_NOMEM, ACM_TOOBIG. */
acm_rc_t acm_metrics_end(acm_metrics_t *m);


#endif /* _ACM_METRICS_H_INCLUDED_ */
