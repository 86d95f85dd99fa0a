
/*
 * Copyright (C) The ngx_acm authors
 *
 * RSA keys whose first signature costs little more than the others.
 */


#ifndef _ACM_RSA_H_INCLUDED_
#define _ACM_RSA_H_INCLUDED_


#include <openssl/evp.h>


/*
 * OpenSSL's provider gets its copy of the key now, and the copy signs with a
 * blinding that is made faster.  If that cannot be, the key stays OpenSSL's,
 * and works.  Errors of OpenSSL are left for the caller to clear.  Any thread
 * may call this, and use the key.
 */
void acm_rsa_prepare(EVP_PKEY *pkey);

/* What the process keeps for all of them; when none is left. */
void acm_rsa_done(void);


#endif /* _ACM_RSA_H_INCLUDED_ */
