
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the files of the engine share.
 */


#ifndef _ACM_ENGINE_IMPL_H_INCLUDED_
#define _ACM_ENGINE_IMPL_H_INCLUDED_


#include "acm_engine.h"


/* Follows the clock, and notes if it went back. */
void acm_engine_clock(acm_engine_t *e, int64_t now);
/* 1: all requests have been looked at, as far as need be. */
int acm_engine_ensured(acm_engine_t *e, int64_t now);
/* Otherwise: some of them, in one commit. */
acm_rc_t acm_engine_ensure(acm_engine_t *e, int64_t now);

/* 1: it is wanted: configured, requested over the API, or on demand. */
int acm_engine_configured(acm_engine_t *e, const acm_cert_t *cert);
/* 1: one of the configured ones has this identity. */
int acm_engine_requested(acm_engine_t *e, const uint8_t *identity);
/* Makes the sorted list of these. */
acm_rc_t acm_engine_identities(acm_engine_t *e, acm_err_t *err);

/* Which places that are kept for urgent orders may be used. */
acm_urgency_e acm_engine_urgent(const acm_cert_t *cert, int64_t now);

/* 1: no order can be begun, of whatever urgency, and no issuer is another kind
   or in trouble: what is due for one need not be read. */
int acm_engine_full(acm_engine_t *e);

/* Why a certificate that is due for renewal is not renewed, as it is not
   served; "" if it is. */
void acm_engine_idle(acm_engine_t *e, acm_snap_t *snap,
    const acm_cert_t *cert, int64_t now, char *why, size_t size);

/* 1: it was requested over the API, and is not there after so long. */
int acm_engine_late(const acm_cert_t *cert, int64_t now);

/*
 * Gives such a request up, if no issuer that it has can ever make it: `why`
 * is what stands in the way.  ACM_NOTFOUND: it may go on.
 */
acm_rc_t acm_engine_hopeless(acm_engine_t *e, const acm_cert_t *cert,
    uint64_t revision, int64_t now, acm_err_t *why, acm_err_t *err);
/* What a built-in CA could not do, or is not there for: the reason, and next
   is given up if that was the last attempt. */
acm_reason_e acm_engine_private(acm_engine_t *e, acm_cert_t *next,
    const acm_issuer_t *issuer, int64_t now);

/* The issuer that is to be asked now; NULL if none of them is configured. */
const acm_issuer_t *acm_engine_turn(acm_engine_t *e, const acm_cert_t *cert);

/*
 * Puts off, in one commit, the due ones from this key on whose CA is known to
 * be in trouble; some of them.  ACM_NOTFOUND: there are none.
 */
acm_rc_t acm_engine_put_off(acm_engine_t *e, const uint8_t *from, size_t len,
    int64_t now, acm_err_t *err);

/* The nth of issuers' names with spaces between; count: how many.  NULL if
   it is not configured. */
const acm_issuer_t *acm_engine_nth(acm_engine_t *e, const char *issuers,
    uint32_t n, size_t *count);

/* One revocation that is due; ACM_NOTFOUND: none, e->revoke_at is when. */
#define ACM_REVOKE_INFLIGHT  60              /* seconds, then looked at */
acm_rc_t acm_engine_revoke(acm_engine_t *e, int64_t now, acm_err_t *err);

/* By name; NULL if it is not configured. */
const acm_issuer_t *acm_engine_issuer(acm_engine_t *e, const char *name,
    size_t len);


#endif /* _ACM_ENGINE_IMPL_H_INCLUDED_ */
