
/*
 * Copyright (C) The ngx_acm authors
 *
 * How many lines of the audit log are about calls that were refused.
 */


#include <string.h>

#include "acm_audit.h"


int
acm_audit_allowed(acm_audit_limit_t *l, const char *fault, int64_t now)
{
    /* also if the clock was set back */

    if (l->lines == 0 || now < l->began
        || now - l->began >= ACM_AUDIT_PERIOD)
    {
        l->began = now;
        l->lines = 0;
    }

    if (l->lines < ACM_AUDIT_REFUSED) {
        l->lines++;
        return 1;
    }

    acm_audit_count(l, fault, now);

    return 0;
}


void
acm_audit_count(acm_audit_limit_t *l, const char *fault, int64_t now)
{
    size_t                i;
    acm_audit_refused_t  *r;

    r = &l->out;

    if (r->n++ == 0) {
        r->from = now;
    }

    r->to = now;

    for (i = 0; i < r->nfaults; i++) {
        if (strcmp(r->faults[i].fault, fault) == 0) {
            r->faults[i].n++;
            return;
        }
    }

    if (r->nfaults < ACM_AUDIT_FAULTS) {
        r->faults[r->nfaults].fault = fault;
        r->faults[r->nfaults++].n = 1;
    }
}


int
acm_audit_summary(acm_audit_limit_t *l, int64_t now, int all,
    acm_audit_refused_t *refused)
{
    if (l->out.n == 0
        || (!all && now >= l->out.from
            && now - l->out.from < ACM_AUDIT_PERIOD))
    {
        return 0;
    }

    *refused = l->out;
    memset(&l->out, 0, sizeof(acm_audit_refused_t));

    return 1;
}
