
/*
 * Copyright (C) The ngx_acm authors
 *
 * Signed updates of zones on other name servers (RFC 2136), on nginx's event
 * loop: TXT records of dns-01 come and go.  Used by the helper only; workers
 * forget the keys.
 */


#ifndef _NGX_ACM_UPDATE_H_INCLUDED_
#define _NGX_ACM_UPDATE_H_INCLUDED_


#include "ngx_acm.h"
#include "../shared/acm_dns_update.h"


#define NGX_ACM_MAX_UPDATES      256     /* dns_update directives */
#define NGX_ACM_UPDATE_FLIGHT    16      /* updates under way, of all zones */
#define NGX_ACM_UPDATE_ZONE      4       /* and of one */
#define NGX_ACM_UPDATE_WAITING   1024    /* for one of these places */
#define NGX_ACM_UPDATE_TIMEOUT   10000   /* milliseconds, from connect() on */
#define NGX_ACM_UPDATE_TTL       60      /* seconds */
#define NGX_ACM_UPDATE_MAX_TTL   86400


/* one dns_update */

typedef struct {
    char                  name[ACM_MAX_NAME + 1];
    char                  via[ACM_MAX_NAME + 1];     /* "": none */
    ngx_addr_t            addr;
    acm_tsig_secret_t    *key_secret;    /* own page, not dumped */
    uint32_t              ttl;           /* seconds */
    u_char               *file;
    ngx_uint_t            line;
} ngx_acm_update_zone_t;


/* ACM_OK: done, why is "".  ACM_BUSY: trying again may help.  Else somebody
   has to do what the text says.  The handler may send, cancel, and end all. */
typedef void (*ngx_acm_update_pt)(void *data, acm_rc_t rc, const char *why);


/*
 * Adds the TXT record of this name and value, or removes it and no other of
 * the name; to do it twice does no harm.  Updates of one name are made one
 * after the other, in the order they were sent.  Strings are copied, amcf
 * must stay.  The handler is called once, never before this returns.
 * NGX_DECLINED: no zone serves the name; NGX_ERROR: no DNS name, a value of
 * more than ACM_MAX_UPDATE_TXT octets, no memory or too many waiting; then
 * it is not called.
 */
ngx_int_t ngx_acm_update_send(ngx_acm_conf_t *amcf, const char *name,
    const char *value, ngx_uint_t add, ngx_acm_update_pt handler, void *data,
    ngx_log_t *log);

/* Calls no handler any more with this data.  What waits is not sent; what is
   under way goes on, and a later update of the name comes after it. */
void ngx_acm_update_cancel(void *data);

/* Ends everything; no handler is called.  A later update starts anew. */
void ngx_acm_update_done(void);

/* 1 if a dns_update serves the name. */
ngx_uint_t ngx_acm_update_zone(ngx_acm_conf_t *amcf, const char *name);

/* The longest zone that the name, in normal form, is in; or NULL. */
ngx_acm_update_zone_t *ngx_acm_update_find(ngx_acm_conf_t *amcf,
    const char *name);

/* The name that a CNAME at this one must lead to, because of "via"; NULL if
   records are put at the name itself.  buf holds 2 * ACM_MAX_DNS_NAME. */
const char *ngx_acm_update_alias(ngx_acm_conf_t *amcf, const char *name,
    char *buf);

/* Wipes this process's copy of the keys: for workers. */
void ngx_acm_update_forget(ngx_acm_conf_t *amcf);


#endif /* _NGX_ACM_UPDATE_H_INCLUDED_ */
