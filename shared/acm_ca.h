
/*
 * Copyright (C) The ngx_acm authors
 *
 * The built-in certification authority: a root, an issuing CA under it, and
 * end-entity certificates as ACM's guide lists their extensions.  Pure
 * functions of keys, names and times; the helper stores what they make.
 */


#ifndef _ACM_CA_H_INCLUDED_
#define _ACM_CA_H_INCLUDED_


#include "acm_x509.h"


#define ACM_CA_ROOT_LIFETIME     (20 * 365 * 86400LL)   /* seconds */
#define ACM_CA_ISSUING_LIFETIME  (10 * 365 * 86400LL)
#define ACM_CA_LEAF_LIFETIME     (395 * 86400LL)
#define ACM_CA_MIN_LIFETIME      5                       /* seconds */


/* all DER; keys in traditional form */

typedef struct {
    acm_key_e    key;
    acm_str_t    root;
    acm_str_t    root_key_secret;
    acm_str_t    issuing;
    acm_str_t    issuing_key_secret;
} acm_ca_t;


/*
 * Makes a root and an issuing CA named after the issuer.  EC P-256 unless
 * key says otherwise.  Valid from an hour before now.
 */
acm_rc_t acm_ca_create(const char *name, acm_key_e key, int64_t now,
    acm_ca_t *ca, acm_err_t *err);

/* A new issuing CA under the same root, when the old one nears its end. */
acm_rc_t acm_ca_renew_issuing(const char *name, int64_t now, acm_ca_t *ca,
    acm_err_t *err);

void acm_ca_free(acm_ca_t *ca);

/*
 * Signs an end-entity certificate for the names and the public key: random
 * 128-bit serial, SAN (critical if there is no CN), basic constraints, AKI,
 * SKI, key usage, extended key usage serverAuth, CRL distribution point when
 * crl_url is not NULL.  Starts at now minus a tenth of the lifetime or one
 * hour, whichever is less, so that a client whose clock is a little behind
 * accepts it; lasts `lifetime` seconds in all, but never outside the issuing
 * CA's own validity.  ACM_INVALID if the CA has ended or not begun, if the
 * lifetime is under ACM_CA_MIN_LIFETIME, or if the key is weak or unknown.
 */
acm_rc_t acm_ca_sign(const acm_ca_t *ca, EVP_PKEY *public_key,
    char *const *names, size_t nnames, int64_t now, int64_t lifetime,
    const char *crl_url, acm_str_t *leaf_der, acm_err_t *err);

/* The issuing CA's notAfter, seconds; -1 if it cannot be read. */
int64_t acm_ca_not_after(const acm_ca_t *ca);


#endif /* _ACM_CA_H_INCLUDED_ */
