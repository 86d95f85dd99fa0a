
/*
 * Copyright (C) The ngx_acm authors
 *
 * What a CA issued, looked at before anything is made of it; and what it is
 * called when its renewal is asked about (RFC 9773 s4.1).
 */


#ifndef _ACM_ISSUED_H_INCLUDED_
#define _ACM_ISSUED_H_INCLUDED_


#include "acm_buf.h"
#include "acm_x509.h"


#define ACM_ISSUED_MAX_LIFE  (3650 * 86400LL)    /* seconds */
#define ACM_ARI_ID_LEN       256                 /* octets, with NUL */


/*
 * Checks a PEM chain: the leaf holds our key and exactly our names, each
 * certificate is signed by the one behind it, the validity makes sense at
 * `now`.
 * ACM_INVALID: the CA's mistake, with the reason.  On success release the
 * bundle with acm_bundle_free().
 */
acm_rc_t acm_issued_check(const acm_buf_t *pem, const acm_issued_key_t *key,
    char *const *names, size_t nnames, int64_t now, acm_bundle_t *bundle,
    acm_err_t *err);

/* Whether the top of a PEM chain is issued by this common name, as a root is
   by itself; 0 for a chain that is damaged or too long. */
int acm_chain_is(const acm_buf_t *pem, const char *common_name);

/* base64url(AKI) "." base64url(serial) of a leaf in DER; id holds
   ACM_ARI_ID_LEN.  ACM_NOTFOUND if it has no key identifier. */
acm_rc_t acm_ari_id(const acm_str_t *leaf, char *id, acm_err_t *err);


#endif /* _ACM_ISSUED_H_INCLUDED_ */
