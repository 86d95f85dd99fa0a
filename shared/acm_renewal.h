
/*
 * Copyright (C) The ngx_acm authors
 *
 * RenewalEligibility and RenewalSummary, as ACM shows them: what each event
 * in the life of a certificate makes of them.
 */


#ifndef _ACM_RENEWAL_H_INCLUDED_
#define _ACM_RENEWAL_H_INCLUDED_


#include "acm_acme.h"
#include "acm_certificate.h"


/* ELIGIBLE: issued by us, valid, and in use or exported */
int acm_renewal_eligible(const acm_cert_t *cert);

/* An attempt begins: for next, the record as it will be. */
void acm_renewal_started(acm_cert_t *next, int64_t now);

/* It failed, for a reason of ACM's; status and reason follow. */
void acm_renewal_failed(acm_cert_t *next, acm_reason_e reason, int64_t now);

/* What ACM calls the trouble that a CA reported. */
acm_reason_e acm_renewal_reason(const acm_problem_t *problem);

/*
 * Somebody asks for a renewal: it is due now.  ACM_INVALID says in err why
 * it cannot be renewed; ACM_BUSY: asked for already; ACM_NOTFOUND.
 */
acm_rc_t acm_renewal_force(acm_store_t *store, const char *account,
    const char *region, const char *uuid, int64_t now, acm_err_t *err);


#endif /* _ACM_RENEWAL_H_INCLUDED_ */
