
/*
 * Copyright (C) The ngx_acm authors
 *
 * The sinks of a store as JSON.
 */


#ifndef _ACM_JSON_SINKS_H_INCLUDED_
#define _ACM_JSON_SINKS_H_INCLUDED_


#include "acm_json.h"
#include "acm_outbox.h"


/* An array with an object for each sink that the store knows; NULL without
   memory.  now: seconds. */
json_t *acm_json_sinks(acm_snap_t *snap, int64_t now);


#endif /* _ACM_JSON_SINKS_H_INCLUDED_ */
