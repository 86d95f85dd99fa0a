
/*
 * Copyright (C) The ngx_acm authors
 *
 * DNS queries on nginx's event loop.  Used by the helper only: what it asks
 * is asked beside everything else, but never for a handshake.
 */


#ifndef _NGX_ACM_DNS_H_INCLUDED_
#define _NGX_ACM_DNS_H_INCLUDED_


#include "ngx_acm.h"


/* The answer, valid for the call; or a failure and a short reason.  The
   handler may ask again, cancel, and end all. */
typedef void (*ngx_acm_dns_pt)(void *data, acm_rc_t rc, const uint8_t *wire,
    size_t len, const char *why);


/*
 * Asks server, "IP", "IP:port" or "[IPv6]:port", without recursion; NULL:
 * the resolver of acm {} or the system's, with it.  timeout: milliseconds
 * for all tries.  The handler is called once, never before this returns;
 * NGX_ERROR: it will not be.
 */
ngx_int_t ngx_acm_dns_query(ngx_acm_conf_t *amcf, const char *server,
    const char *name, int type, ngx_msec_t timeout, ngx_acm_dns_pt handler,
    void *data, ngx_log_t *log);

/* Calls no handler any more with this data. */
void ngx_acm_dns_cancel(void *data);

/* Ends everything; no handler is called.  A later query starts anew. */
void ngx_acm_dns_done(void);


#endif /* _NGX_ACM_DNS_H_INCLUDED_ */
