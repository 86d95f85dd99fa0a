
/*
 * Copyright (C) The ngx_acm authors
 *
 * What an order's names look like from here, before the CA is asked to look:
 * the checker of shared/acm_orders.h.
 */


#ifndef _NGX_ACM_CHECK_H_INCLUDED_
#define _NGX_ACM_CHECK_H_INCLUDED_


#include "ngx_acm.h"


/* Fills in the checker.  after: called with data behind each end of a check,
   as the order can go on then. */
void ngx_acm_check_init(ngx_acm_conf_t *amcf, acm_keyring_t *ring,
    acm_transport_t *transport, acm_checker_t *checker,
    void (*after)(void *data), void *data, ngx_log_t *log);


#endif /* _NGX_ACM_CHECK_H_INCLUDED_ */
