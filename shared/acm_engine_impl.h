
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the files of the engine share.
 */


#ifndef _ACM_ENGINE_IMPL_H_INCLUDED_
#define _ACM_ENGINE_IMPL_H_INCLUDED_


#include "acm_engine.h"


/* 1: a place that is kept for urgent orders may be used. */
int acm_engine_urgent(const acm_cert_t *cert, int64_t now);

/* Why a certificate that is due for renewal is not renewed, as it is not
   served; "" if it is. */
void acm_engine_idle(acm_engine_t *e, acm_snap_t *snap,
    const acm_cert_t *cert, int64_t now, char *why, size_t size);

/* The issuer that is to be asked now; NULL if none of them is configured. */
const acm_issuer_t *acm_engine_turn(acm_engine_t *e, const acm_cert_t *cert);

/* The nth of issuers' names with spaces between; count: how many.  NULL if
   it is not configured. */
const acm_issuer_t *acm_engine_nth(acm_engine_t *e, const char *issuers,
    uint32_t n, size_t *count);

/* By name; NULL if it is not configured. */
const acm_issuer_t *acm_engine_issuer(acm_engine_t *e, const char *name,
    size_t len);


#endif /* _ACM_ENGINE_IMPL_H_INCLUDED_ */
