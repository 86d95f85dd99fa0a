
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the two files of the issuer block share.
 */


#ifndef _NGX_ACM_ISSUER_H_INCLUDED_
#define _NGX_ACM_ISSUER_H_INCLUDED_


#include "ngx_acm.h"


/* the issuer whose block is being parsed is the last one */

#define ngx_acm_issuer_last(amcf)                                             \
    ((ngx_acm_issuer_t *) (amcf)->issuers.elts + (amcf)->issuers.nelts - 1)


char *ngx_acm_issuer_contact(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_acm_issuer_eab(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_acm_issuer_trusted(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_acm_issuer_profile(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_acm_issuer_chain(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_acm_issuer_challenge(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_acm_issuer_orders(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_acm_issuer_retry(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_acm_issuer_rate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_ACM_ISSUER_H_INCLUDED_ */
