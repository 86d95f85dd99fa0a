
/*
 * Copyright (C) The ngx_acm authors
 *
 * CA certificates that were decoded before.
 */


#include <string.h>

#include "acm_x509.h"


static void acm_x509_seen_drop(acm_x509_seen_t *seen);
static void acm_x509_seen_forget(acm_x509_seen_t *seen, const X509 *x);


acm_rc_t
acm_x509_decode_seen(acm_x509_seen_t *seen, const uint8_t *der, size_t len,
    X509 **x, acm_err_t *err)
{
    size_t    i;
    uint8_t  *copy;
    acm_rc_t  rc;

    for (i = 0; seen != NULL && i < ACM_MAX_SEEN; i++) {

        if (seen->x[i] != NULL && seen->der[i].len == len
            && memcmp(seen->der[i].data, der, len) == 0
            && X509_up_ref(seen->x[i]) == 1)
        {
            *x = seen->x[i];
            return ACM_OK;
        }
    }

    rc = acm_x509_decode(der, len, x, err);

    if (rc != ACM_OK || seen == NULL) {
        return rc;
    }

    copy = acm_memdup(der, len);

    if (copy == NULL || X509_up_ref(*x) != 1) {

        /* it is only decoded again next time */

        acm_free(copy);
        return ACM_OK;
    }

    i = seen->next;
    seen->next = (i + 1) % ACM_MAX_SEEN;

    acm_x509_seen_forget(seen, seen->x[i]);
    X509_free(seen->x[i]);
    acm_free(seen->der[i].data);

    seen->x[i] = *x;
    seen->der[i].data = copy;
    seen->der[i].len = len;

    return ACM_OK;
}


/* Its address may be another's soon. */

static void
acm_x509_seen_forget(acm_x509_seen_t *seen, const X509 *x)
{
    size_t  i;

    for (i = 0; i < ACM_MAX_SEEN; i++) {
        if (seen->pair[i][0] == x || seen->pair[i][1] == x) {
            seen->pair[i][0] = NULL;
            seen->pair[i][1] = NULL;
        }
    }
}


int
acm_x509_seen_pair(const acm_x509_seen_t *seen, const X509 *x,
    const X509 *issuer)
{
    size_t  i;

    for (i = 0; seen != NULL && i < ACM_MAX_SEEN; i++) {
        if (seen->pair[i][0] == x && seen->pair[i][1] == issuer) {
            return 1;
        }
    }

    return 0;
}


void
acm_x509_seen_add(acm_x509_seen_t *seen, X509 *x, X509 *issuer)
{
    size_t  i, n;

    if (seen == NULL) {
        return;
    }

    /* those that were not kept, or not long enough, are not noted */

    for (i = 0, n = 0; i < ACM_MAX_SEEN; i++) {
        n += (seen->x[i] == x) + (seen->x[i] == issuer);
    }

    if (n == 2) {
        seen->pair[seen->next_pair][0] = x;
        seen->pair[seen->next_pair][1] = issuer;
        seen->next_pair = (seen->next_pair + 1) % ACM_MAX_SEEN;
    }
}


int
acm_x509_seen_chain(const acm_x509_seen_t *seen, const acm_str_t *pem,
    X509 **chain, size_t *nchain)
{
    size_t  i;

    if (seen == NULL || seen->nchain == 0 || seen->pem.len != pem->len
        || memcmp(seen->pem.data, pem->data, pem->len) != 0)
    {
        return 0;
    }

    for (i = 0; i < seen->nchain; i++) {
        (void) X509_up_ref(seen->chain[i]);    /* fails on overflow only */
        chain[i] = seen->chain[i];
    }

    *nchain = seen->nchain;

    return 1;
}


void
acm_x509_seen_keep(acm_x509_seen_t *seen, const acm_str_t *pem,
    X509 *const *chain, size_t nchain)
{
    size_t    i;
    uint8_t  *copy;

    if (seen == NULL || nchain == 0) {
        return;
    }

    copy = acm_memdup(pem->data, pem->len);

    if (copy == NULL) {
        return;              /* it is only read again next time */
    }

    acm_x509_seen_drop(seen);

    seen->pem.data = copy;
    seen->pem.len = pem->len;

    for (i = 0; i < nchain; i++) {
        (void) X509_up_ref(chain[i]);          /* as above */
        seen->chain[i] = chain[i];
    }

    seen->nchain = nchain;
}


static void
acm_x509_seen_drop(acm_x509_seen_t *seen)
{
    size_t  i;

    for (i = 0; i < seen->nchain; i++) {
        X509_free(seen->chain[i]);
    }

    acm_free(seen->pem.data);
    memset(&seen->pem, 0, sizeof(acm_str_t));
    seen->nchain = 0;
}


void
acm_x509_seen_free(acm_x509_seen_t *seen)
{
    size_t  i;

    acm_x509_seen_drop(seen);

    for (i = 0; i < ACM_MAX_SEEN; i++) {
        X509_free(seen->x[i]);
        acm_free(seen->der[i].data);
    }

    memset(seen, 0, sizeof(acm_x509_seen_t));
}
