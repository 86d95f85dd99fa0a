
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates with an EC key, and such keys, read without the decoders of
 * OpenSSL 3, which take ten times as long as all else about them.  What is
 * unusual in any way is left to those decoders, and so are all errors.
 */


#ifndef _ACM_BARE_H_INCLUDED_
#define _ACM_BARE_H_INCLUDED_


#include "acm_x509.h"


/* a certificate that OpenSSL has made no public key object of: X509_verify(),
   X509_get0_pubkey() and the like fail on it.  It is not self-issued. */

typedef struct {
    acm_key_e        key;            /* ACM_KEY_NONE: a usual one */
    const uint8_t   *point;          /* uncompressed; the certificate's */
    size_t           len;
    const EVP_MD    *md;             /* that it is signed with */
} acm_bare_t;


/* Decodes like acm_x509_decode(), to a bare certificate if it can be. */
acm_rc_t acm_bare_decode(const uint8_t *der, size_t len, X509 **x,
    acm_bare_t *bare, acm_err_t *err);

/*
 * Decodes like acm_x509_decode() to a certificate of any key, for whoever only
 * looks at its names and extensions: its public key cannot be used, nor what
 * needs a digest of it, as X509_check_purpose() and X509_get_key_usage() do.
 */
acm_rc_t acm_bare_look(const uint8_t *der, size_t len, X509 **x,
    acm_err_t *err);

/*
 * The key of a bare certificate as traditional DER, from ECPrivateKey
 * (RFC 5915) or, with pkcs8, PrivateKeyInfo (RFC 5208).  ACM_NOTFOUND: it is
 * unusual, or not that key, and nothing was made.
 */
acm_rc_t acm_bare_key(const acm_bare_t *bare, const uint8_t *der, size_t len,
    int pkcs8, acm_str_t *der_secret);

/* Any EC key likewise, as acm_key_encode() does without the encoders of
   OpenSSL 3.  ACM_NOTFOUND: it is unusual, and nothing was made. */
acm_rc_t acm_bare_write(EVP_PKEY *pkey, acm_str_t *der_secret);

/* 1 if the certificate, which der is too, is signed by this key, which must be
   of the kind that its signature names: X509_check_issued() sees to that. */
int acm_bare_signed(const acm_bare_t *bare, X509 *x, const acm_str_t *der,
    EVP_PKEY *issuer);


#endif /* _ACM_BARE_H_INCLUDED_ */
