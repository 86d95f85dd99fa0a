
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates and EC keys read without the decoders of OpenSSL 3, which take
 * ten times as long as all else about them.  What is unusual in any way is
 * left to those decoders, and so are all errors.  Any thread may call these.
 */


#ifndef _ACM_DER_H_INCLUDED_
#define _ACM_DER_H_INCLUDED_


#include "acm_x509.h"


#define ACM_DER_INTEGER      0x02
#define ACM_DER_BIT_STRING   0x03
#define ACM_DER_OCTETS       0x04
#define ACM_DER_OID          0x06
#define ACM_DER_SEQUENCE     0x30
#define ACM_DER_CONTEXT_0    0xa0
#define ACM_DER_CONTEXT_1    0xa1


/* parts of an ECPrivateKey (RFC 5915 s3), as they stand in it */

typedef struct {
    acm_str_t    scalar;
    acm_str_t    oid;            /* of the curve; len 0: there is none */
    acm_str_t    point;          /* likewise */
} acm_der_ec_t;


/*
 * A certificate of at most ACM_MAX_CERT_DER octets, with nothing behind it,
 * whose public key stays octets: X509_verify(), X509_get0_pubkey() and the
 * like fail on it.  NULL: there is none, or no memory; OpenSSL's errors are
 * left for the caller to clear.
 */
X509 *acm_der_x509(const uint8_t *der, size_t len);

/* Takes a value of at most 255 octets off; 0 if there is another or none. */
int acm_der_next(acm_str_t *in, uint8_t tag, acm_str_t *value);

/* 1 if der is one key, and nothing else; the parts are not looked into. */
int acm_der_ec(const acm_str_t *der, acm_der_ec_t *ec);

/* What the process keeps for all of them; when no certificate is left. */
void acm_der_done(void);


#endif /* _ACM_DER_H_INCLUDED_ */
