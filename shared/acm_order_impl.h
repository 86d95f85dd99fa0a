
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the files of the order machine share.
 */


#ifndef _ACM_ORDER_IMPL_H_INCLUDED_
#define _ACM_ORDER_IMPL_H_INCLUDED_


#include "acm_order.h"


/* acm_order.c */

/* POST-as-GET of an URL, which is copied. */
acm_action_e acm_order_ask(acm_order_t *o, const char *url);
/* Waits for the next look at the order. */
acm_action_e acm_order_poll(acm_order_t *o, int64_t ticks);
/* Memory has run out: goes on later from what the record has. */
acm_action_e acm_order_scarce(acm_order_t *o);
/* Replaces a text by a copy of another: ACM_NOMEM. */
acm_rc_t acm_order_text(char **slot, const char *text);

/* acm_order_authz.c */

/* Reads the next authorization, or goes on when all are read. */
acm_action_e acm_order_next_authz(acm_order_t *o, int64_t ticks);
acm_action_e acm_order_authz(acm_order_t *o, int64_t ticks);
/* The same for an order that is invalid: looks for the reason. */
acm_action_e acm_order_next_reason(acm_order_t *o);
acm_action_e acm_order_reason(acm_order_t *o, int64_t ticks);


#endif /* _ACM_ORDER_IMPL_H_INCLUDED_ */
