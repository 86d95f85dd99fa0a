
/*
 * Copyright (C) The ngx_acm authors
 *
 * EC private keys of many certificates, of which a signature touches little.
 */


#ifndef _ACM_EC_H_INCLUDED_
#define _ACM_EC_H_INCLUDED_


#include <openssl/ec.h>

#include "acm_x509.h"


/*
 * The key of an ECPrivateKey (RFC 5915 s3) that has both of what is optional,
 * as OpenSSL encodes it.  It signs without a copy for the provider.  That its
 * halves, and the curve, belong together is for the caller to check.  NULL:
 * it is encoded otherwise, or there is no memory; OpenSSL's errors are left.
 * Release with EC_KEY_free().  Any thread may call this, and sign.
 */
EC_KEY *acm_ec_key(acm_key_e key, const acm_str_t *der_secret);

/* What the process keeps for all of them; when none is left. */
void acm_ec_done(void);


#endif /* _ACM_EC_H_INCLUDED_ */
