
/*
 * Copyright (C) The ngx_acm authors
 *
 * What tls-alpn-01 needs (RFC 8737 s3, for addresses RFC 8738 s6): what a
 * ClientHello asks for, and the certificate that answers it.  No I/O; called
 * in workers.
 */


#ifndef _ACM_ALPN_CERT_H_INCLUDED_
#define _ACM_ALPN_CERT_H_INCLUDED_


#include <openssl/evp.h>
#include <openssl/x509.h>

#include "acm.h"


#define ACM_ALPN_PROTOCOL  "acme-tls/1"
#define ACM_ALPN_OID       "1.3.6.1.5.5.7.1.31"  /* id-pe-acmeIdentifier */


/* 1 if this ALPN extension of a ClientHello has this protocol and no other. */
int acm_alpn_only(const uint8_t *ext, size_t len);

/*
 * The name in a server_name extension (RFC 6066 s3) in its normal form; name
 * holds ACM_MAX_NAME + 1 octets.  ACM_INVALID: not exactly one host name.
 */
acm_rc_t acm_alpn_sni(const uint8_t *ext, size_t len, char *name);

/*
 * Makes a key and a self-signed certificate for name, which is as in SNI and
 * in normal form: a host name, or an address as a name below in-addr.arpa or
 * ip6.arpa, whose SAN is an iPAddress then.  The critical extension holds
 * the SHA-256 of key_auth.  Both belong to the caller.  ACM_INVALID: name
 * cannot be in a certificate; ACM_ERROR: OpenSSL failed.
 */
acm_rc_t acm_alpn_certificate(const char *name, const char *key_auth,
    X509 **x, EVP_PKEY **pkey, acm_err_t *err);

/*
 * The address of a reverse name ("1.2.0.192.in-addr.arpa") as text; out
 * holds ACM_ALPN_ADDR octets.  0: it is the name of no address.
 */
#define ACM_ALPN_ADDR      46
int acm_alpn_address(const char *name, char *out);


#endif /* _ACM_ALPN_CERT_H_INCLUDED_ */
