
/*
 * Copyright (C) The ngx_acm authors
 *
 * Runs the checks of DNS that precede an attempt, to their end.
 */


#ifndef _NGX_ACM_PREFLIGHT_H_INCLUDED_
#define _NGX_ACM_PREFLIGHT_H_INCLUDED_


#include "ngx_acm_dns.h"
#include "../shared/acm_caa.h"
#include "../shared/acm_dns_check.h"


/*
 * NGX_OK: nothing stands in the way; NGX_AGAIN: not known or not yet, try
 * later; NGX_DECLINED: somebody has to do what the text says.  The text is
 * the machine's, "" for NGX_OK.
 */
typedef void (*ngx_acm_preflight_pt)(void *data, ngx_int_t rc,
    const char *text);


/*
 * The machine is the caller's, initialized, and must live until the handler
 * is called or the run is cancelled.  The handler may free it.  NGX_AGAIN:
 * the handler will be called; another result, as above, is there already,
 * or is NGX_ERROR, and the handler is not called.
 */
ngx_int_t ngx_acm_preflight_caa(ngx_acm_conf_t *amcf, acm_caa_t *caa,
    ngx_acm_preflight_pt handler, void *data, ngx_log_t *log);
ngx_int_t ngx_acm_preflight_check(ngx_acm_conf_t *amcf,
    acm_dns_check_t *check, ngx_acm_preflight_pt handler, void *data,
    ngx_log_t *log);

/* Ends all runs with this data; their handlers are not called. */
void ngx_acm_preflight_cancel(void *data);


#endif /* _NGX_ACM_PREFLIGHT_H_INCLUDED_ */
