
/*
 * Copyright (C) The ngx_acm authors
 *
 * Whose turn it is: which issuer makes a certificate, and what comes before
 * other things.
 */


#include <string.h>

#include "acm_engine_impl.h"


/* New, or with less than half of the time left that a renewal has. */

int
acm_engine_urgent(const acm_cert_t *cert, int64_t now)
{
    if (cert->version == 0) {
        return 1;
    }

    return now > cert->not_after - (cert->not_after - cert->renew_at) / 2;
}


/*
 * Whose turn it is, of the certificate's issuers: one whose CA is not known
 * to be in trouble, if there is one.
 */

const acm_issuer_t *
acm_engine_turn(acm_engine_t *e, const acm_cert_t *cert)
{
    size_t               i, n;
    const acm_issuer_t  *issuer, *first;

    first = acm_engine_nth(e, cert->issuer, cert->turn, &n);

    for (i = 0; i < n; i++) {
        issuer = acm_engine_nth(e, cert->issuer,
                                (uint32_t) ((cert->turn + i) % n), &n);

        if (issuer != NULL
            && (issuer->directory == NULL || e->orders == NULL
                || acm_orders_blocked(e->orders, issuer) == 0))
        {
            return issuer;
        }
    }

    return first;
}


/* The nth of issuers' names with spaces between. */

const acm_issuer_t *
acm_engine_nth(acm_engine_t *e, const char *issuers, uint32_t n,
    size_t *count)
{
    size_t               len;
    const acm_issuer_t  *issuer;

    issuer = NULL;

    for (*count = 0; *issuers != '\0'; (*count)++) {
        len = strcspn(issuers, " ");

        if (*count == n) {
            issuer = acm_engine_issuer(e, issuers, len);
        }

        issuers += len + (issuers[len] == ' ');
    }

    return issuer;
}


const acm_issuer_t *
acm_engine_issuer(acm_engine_t *e, const char *name, size_t len)
{
    size_t  i;

    for (i = 0; i < e->nissuers; i++) {
        if (strlen(e->issuers[i].name) == len
            && memcmp(e->issuers[i].name, name, len) == 0)
        {
            return &e->issuers[i];
        }
    }

    return NULL;
}
