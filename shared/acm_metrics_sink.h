
/*
 * Copyright (C) The ngx_acm authors
 *
 * The metrics of sinks.
 */


#ifndef _ACM_METRICS_SINK_H_INCLUDED_
#define _ACM_METRICS_SINK_H_INCLUDED_


#include "acm_metrics.h"
#include "acm_outbox.h"


/* Of each sink that the store knows, ACM_MAX_SINKS at most.  ACM_OK,
   ACM_NOMEM. */
acm_rc_t acm_metrics_sinks(acm_metrics_t *m, acm_snap_t *snap);


#endif /* _ACM_METRICS_SINK_H_INCLUDED_ */
