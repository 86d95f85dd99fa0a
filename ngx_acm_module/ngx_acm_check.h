
/*
 * Copyright (C) The ngx_acm authors
 *
 * What an order's names look like from here, before the CA is asked to look:
 * the checker of shared/acm_orders.h.
 */


#ifndef _NGX_ACM_CHECK_H_INCLUDED_
#define _NGX_ACM_CHECK_H_INCLUDED_


#include "ngx_acm.h"


typedef struct {
    ngx_acm_conf_t      *amcf;
    acm_keyring_t       *ring;
    acm_transport_t     *transport;
    void               (*after)(void *data);
    void                *data;
    ngx_log_t           *log;
} ngx_acm_checker_t;


/* Fills in the checker.  after: called with data behind each end of a check,
   as the order can go on then. */
void ngx_acm_check_init(ngx_acm_conf_t *amcf, acm_keyring_t *ring,
    acm_transport_t *transport, acm_checker_t *checker,
    void (*after)(void *data), void *data, ngx_log_t *log);

/* The TXT value of a dns method; NGX_DECLINED for others.  value holds
   ACM_THUMBPRINT_LEN + 1 octets. */
ngx_int_t ngx_acm_check_value(const acm_order_t *order,
    const acm_order_authz_t *a, char *value);

/* The order has ended: what was put into other servers' zones goes.  data is
   the ngx_acm_checker_t. */
void ngx_acm_check_clean(void *data, const acm_order_t *order);


#endif /* _NGX_ACM_CHECK_H_INCLUDED_ */
