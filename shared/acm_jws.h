
/*
 * Copyright (C) The ngx_acm authors
 *
 * JSON Web Signatures as ACME uses them (RFC 7515, RFC 7638, RFC 8555 s6.2):
 * flattened JSON, account keys of type ES256, ES384 and RS256, external
 * account binding.  Pure functions.
 */


#ifndef _ACM_JWS_H_INCLUDED_
#define _ACM_JWS_H_INCLUDED_


#include <openssl/evp.h>

#include "acm_buf.h"


#define ACM_MAX_JWS          131072  /* octets of a signed request */
#define ACM_MAX_NONCE        512     /* octets of an anti-replay nonce */
#define ACM_MAX_URL          2048    /* octets of any URL of a CA */
#define ACM_THUMBPRINT_LEN   43      /* base64url of a SHA-256 */
#define ACM_MAX_EAB_KEY      1024    /* octets of an EAB key file */


/* what is signed; nonce may be NULL (the inner JWS of a key change) */

typedef struct {
    EVP_PKEY      *pkey;
    const char    *kid;              /* account URL; NULL: the key itself */
    const char    *nonce;
    const char    *url;
} acm_jws_t;


/* base64url without padding (RFC 7515 s2).  The decoder is strict: no
   padding, no other characters, no stray bits: ACM_INVALID. */
void acm_b64url(acm_buf_t *out, const void *data, size_t len);
acm_rc_t acm_b64url_decode(acm_buf_t *out, const char *s, size_t len);

/* The public half as a JWK with its members in the order of RFC 7638. */
acm_rc_t acm_jwk(EVP_PKEY *pkey, acm_buf_t *out, acm_err_t *err);

/* text holds ACM_THUMBPRINT_LEN + 1 octets. */
acm_rc_t acm_jwk_thumbprint(EVP_PKEY *pkey, char *text, acm_err_t *err);

/*
 * Signs payload (NULL: POST-as-GET) and appends the flattened JWS.
 * ACM_INVALID for a key of another type; ACM_TOOBIG by the buffer's limit.
 */
acm_rc_t acm_jws_sign(const acm_jws_t *jws, const char *payload,
    acm_buf_t *out, acm_err_t *err);

/*
 * The externalAccountBinding member (RFC 8555 s7.3.4): the account's JWK
 * signed by HS256 with a key that the CA gave out.
 */
acm_rc_t acm_jws_eab(EVP_PKEY *pkey, const char *kid, const char *url,
    const acm_str_t *key_secret, acm_buf_t *out, acm_err_t *err);

/* The TXT value of dns-01 (RFC 8555 s8.4): ACM_THUMBPRINT_LEN + 1 octets. */
acm_rc_t acm_jws_digest(const char *key_auth, char *text, acm_err_t *err);


#endif /* _ACM_JWS_H_INCLUDED_ */
