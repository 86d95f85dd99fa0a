
/*
 * Copyright (C) The ngx_acm authors
 *
 * Keys and certificates: generation, PEM and DER, the checks of an import.
 * No I/O.  Called by the helper and by acmctl; workers use only the two
 * decoders.  Everything returned belongs to the caller.
 */


#ifndef _ACM_X509_H_INCLUDED_
#define _ACM_X509_H_INCLUDED_


#include <openssl/evp.h>
#include <openssl/x509.h>

#include "acm.h"


#define ACM_MAX_DN      4096    /* octets of a distinguished name as text */
#define ACM_MAX_SERIAL  64      /* octets of a serial number */
#define ACM_MAX_SEEN    8       /* CA certificates kept decoded */


/* Numbers are stored in records: never renumber. */

typedef enum {
    ACM_KEY_NONE = 0,
    ACM_KEY_RSA_1024 = 1,
    ACM_KEY_RSA_2048 = 2,
    ACM_KEY_RSA_3072 = 3,
    ACM_KEY_RSA_4096 = 4,
    ACM_KEY_EC_P256 = 5,
    ACM_KEY_EC_P384 = 6,
    ACM_KEY_EC_P521 = 7
} acm_key_e;


/* what a certificate says, in our words; release with acm_x509_info_free() */

typedef struct {
    char        *domain;         /* CN if it is a name, else the first SAN */
    char       **names;          /* dNSName and iPAddress, lower case */
    size_t       nnames;
    char        *subject;        /* RFC 2253 */
    char        *issuer;         /* RFC 2253 */
    char        *serial;         /* lower-case hex, colons between octets */
    char        *sigalg;         /* "ecdsa-with-SHA256" */
    int64_t      not_before;
    int64_t      not_after;
    acm_key_e    key;
    unsigned     scts;           /* embedded, RFC 6962 s3.3 */
    uint32_t     usages;         /* as of acm_x509_usages() */
    unsigned     self_signed:1;
    unsigned     ca:1;
    unsigned     cn_only:1;      /* no SAN: clients will refuse it */
    unsigned     ocsp:1;         /* it names a responder */
} acm_x509_info_t;


/* CA certificates read last, as they come with every leaf; all zero at first,
   release with acm_x509_seen_free() */

typedef struct {
    X509             *x[ACM_MAX_SEEN];
    acm_str_t         der[ACM_MAX_SEEN];
    size_t            next;
    X509             *pair[ACM_MAX_SEEN][2];   /* the second certifies the
                                                  first; both are in x */
    size_t            next_pair;
    acm_str_t         pem;           /* the last chain as it came, and */
    X509             *chain[ACM_MAX_CHAIN];    /* what it was */
    size_t            nchain;
} acm_x509_seen_t;


/* what a certificate is issued for: a key of ours */

typedef struct {
    acm_key_e         type;
    const acm_str_t  *der_secret;    /* traditional */
    EVP_PKEY         *pkey;          /* the same, as it was made, or NULL */
    acm_x509_seen_t  *seen;          /* or NULL */
} acm_issued_key_t;


/* a checked import: DER throughout, the key in traditional form */

typedef struct {
    acm_str_t         leaf;
    acm_str_t         chain[ACM_MAX_CHAIN];
    size_t            nchain;
    acm_str_t         key_secret;
    acm_x509_info_t   info;
    X509             *x;             /* the leaf, or NULL: decode it */
    EVP_PKEY         *pkey;          /* the key, likewise */
} acm_bundle_t;


/* "ecdsa:256", "ecdsa:384", "rsa:2048" and so on; ACM_KEY_NONE if unknown.
   The other way gives the same words; never NULL. */
acm_key_e acm_key_parse(const char *s, size_t len);
const char *acm_key_text(acm_key_e key);
/* ACM's words: "RSA-2048", "EC-prime256v1" */
const char *acm_key_algorithm(acm_key_e key);

/* Makes a key pair.  RSA takes a second: never in a worker. */
acm_rc_t acm_key_generate(acm_key_e key, EVP_PKEY **pkey, acm_err_t *err);
acm_key_e acm_key_type(EVP_PKEY *pkey);
/* OpenSSL's number of an EC key's curve; NID_undef for other keys */
int acm_key_nid(acm_key_e key);

/* Traditional DER (RFC 5915, RFC 8017): the form that decodes fastest. */
acm_rc_t acm_key_encode(EVP_PKEY *pkey, acm_str_t *der_secret, acm_err_t *err);
acm_rc_t acm_key_decode(acm_key_e key, const uint8_t *der, size_t len,
    EVP_PKEY **pkey, acm_err_t *err);

acm_rc_t acm_x509_encode(X509 *x, acm_str_t *der, acm_err_t *err);
acm_rc_t acm_x509_decode(const uint8_t *der, size_t len, X509 **x,
    acm_err_t *err);

/* Decodes, or gives another reference to one of the last: decoding takes
   OpenSSL longer than checking a signature.  seen may be NULL. */
acm_rc_t acm_x509_decode_seen(acm_x509_seen_t *seen, const uint8_t *der,
    size_t len, X509 **x, acm_err_t *err);
void acm_x509_seen_free(acm_x509_seen_t *seen);

/* Whether it was noted that issuer certifies x, and the note of it. */
int acm_x509_seen_pair(const acm_x509_seen_t *seen, const X509 *x,
    const X509 *issuer);
void acm_x509_seen_add(acm_x509_seen_t *seen, X509 *x, X509 *issuer);

/* The certificates of a chain, referenced once more, if the last one was the
   same text; 0 if not.  And the note of one. */
int acm_x509_seen_chain(const acm_x509_seen_t *seen, const acm_str_t *pem,
    X509 **chain, size_t *nchain);
void acm_x509_seen_keep(acm_x509_seen_t *seen, const acm_str_t *pem,
    X509 *const *chain, size_t nchain);

/* Reads out what acm_x509_info_t lists.  ACM_INVALID for a version 1
   certificate, no name, a dNSName that is not an A-label name (RFC 5280
   s7.2), an unsupported key. */
acm_rc_t acm_x509_info(X509 *x, acm_x509_info_t *info, acm_err_t *err);
/* Fills in names, domain and cn_only of what is all zero; release it, whatever
   comes back. */
acm_rc_t acm_x509_names(X509 *x, acm_x509_info_t *info, acm_err_t *err);
void acm_x509_info_free(acm_x509_info_t *info);

/* The same of a certificate whose key type is known, and which is not
   self-signed; ACM_KEY_NONE: nothing is known. */
acm_rc_t acm_x509_info_key(X509 *x, acm_key_e key, acm_x509_info_t *info,
    acm_err_t *err);

/*
 * Key usages and extended key usages, as bits: ACM_USAGE_KEY times 1 << n for
 * the nth KeyUsageName of ACM's API, ACM_USAGE_EXT times 1 << n for the nth
 * ExtendedKeyUsageName, and ACM_USAGE_READ.
 */
#define ACM_USAGE_KEY        0x00000001U
#define ACM_USAGE_KEYS       11
#define ACM_USAGE_EXT        0x00000800U
#define ACM_USAGE_EXTS       12
#define ACM_USAGE_READ       0x80000000U
uint32_t acm_x509_usages(X509 *x);
const char *acm_usage_key_text(unsigned n);
const char *acm_usage_ext_text(unsigned n);
const char *acm_usage_ext_name(const ASN1_OBJECT *object);

/* notBefore and notAfter, seconds since the epoch */
acm_rc_t acm_x509_dates(X509 *x, int64_t *not_before, int64_t *not_after,
    acm_err_t *err);

/*
 * The names as a subjectAltName extension: host names as dNSName, IPv4 and
 * IPv6 addresses as iPAddress.  ACM_INVALID for anything else.
 */
acm_rc_t acm_x509_san(char *const *names, size_t nnames, int critical,
    X509_EXTENSION **ext, acm_err_t *err);

/* The digest to sign with: as strong as the key. */
const EVP_MD *acm_x509_digest(EVP_PKEY *pkey);

/* 1 if the certificate holds exactly the public half of pkey. */
int acm_x509_match(X509 *x, EVP_PKEY *pkey);

/*
 * A certificate signing request (RFC 2986) with the names as SAN, the first
 * as CN when it fits ACM_MAX_CN, and no other attribute.
 */
acm_rc_t acm_x509_csr(EVP_PKEY *pkey, char *const *names, size_t nnames,
    X509_REQ **req, acm_err_t *err);

/* The same as DER. */
acm_rc_t acm_csr_der(EVP_PKEY *pkey, char *const *names, size_t nnames,
    acm_str_t *der, acm_err_t *err);

/*
 * Parses and checks the three parts of an import as ACM does: exactly one
 * leaf; an unencrypted key that matches it; each chain certificate certifies
 * the one before it (by name and signature); all inside their validity at
 * `now`; key type supported and everything strong enough for OpenSSL's
 * security level 2 (112 bits: no RSA under 2048 bits, no SHA-1 signatures).
 * chain may be empty.  Text outside PEM blocks, CRLF and EC PARAMETERS
 * blocks are tolerated.  Never prompts.
 * Limits: ACM_MAX_PEM each, ACM_MAX_CHAIN.  On success release with
 * acm_bundle_free(); on failure nothing is left to release.
 */
acm_rc_t acm_bundle_parse(const acm_str_t *cert_pem, const acm_str_t *key_pem,
    const acm_str_t *chain_pem, int64_t now, acm_bundle_t *bundle,
    acm_err_t *err);
void acm_bundle_free(acm_bundle_t *bundle);

/* The same for many one after another: seen is what the last ones had. */
acm_rc_t acm_bundle_parse_seen(const acm_str_t *cert_pem,
    const acm_str_t *key_pem, const acm_str_t *chain_pem, int64_t now,
    acm_x509_seen_t *seen, acm_bundle_t *bundle, acm_err_t *err);

/* The same for what was issued for a key of ours.  One that this process has
   made is not asked whether it works: it has signed the request. */
acm_rc_t acm_bundle_issued(const acm_str_t *cert_pem,
    const acm_str_t *chain_pem, const acm_issued_key_t *key, int64_t now,
    acm_bundle_t *bundle, acm_err_t *err);

/* PEM of DER parts, LF line ends; the key as unencrypted PKCS #8. */
acm_rc_t acm_pem_certificate(const acm_str_t *der, acm_str_t *pem,
    acm_err_t *err);
acm_rc_t acm_pem_key(acm_key_e key, const acm_str_t *der_secret,
    acm_str_t *pem_secret, acm_err_t *err);


#endif /* _ACM_X509_H_INCLUDED_ */
