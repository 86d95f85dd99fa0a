
/*
 * Copyright (C) The ngx_acm authors
 *
 * OCSP (RFC 6960, in the lightweight profile of RFC 5019): the request for a
 * certificate, and what an answer is worth.  No I/O; an answer is hostile
 * until it has been checked.
 */


#ifndef _ACM_OCSP_H_INCLUDED_
#define _ACM_OCSP_H_INCLUDED_


#include "acm_x509.h"


#define ACM_MAX_OCSP        16384    /* octets of a response */
#define ACM_MAX_OCSP_GET    255      /* octets of an URL, RFC 5019 s5 */
#define ACM_OCSP_SLACK      300      /* seconds that clocks may differ */
/* seconds that a response is good for that does not say for how long */
#define ACM_OCSP_LIFE       86400

#define ACM_OCSP_REQUEST_TYPE   "application/ocsp-request"
#define ACM_OCSP_RESPONSE_TYPE  "application/ocsp-response"


/* Numbers are stored in records: never renumber. */

typedef enum {
    ACM_OCSP_NONE = 0,
    ACM_OCSP_GOOD = 1,
    ACM_OCSP_REVOKED = 2,
    ACM_OCSP_UNKNOWN = 3
} acm_ocsp_e;


typedef struct {
    acm_ocsp_e     status;
    int64_t        this_update;      /* seconds */
    int64_t        next_update;
    int64_t        revoked_at;       /* 0: it is not */
    const char    *reason;           /* of the revocation, static, or "" */
} acm_ocsp_answer_t;


/* "GOOD", "REVOKED", "UNKNOWN", or "" for none. */
const char *acm_ocsp_text(acm_ocsp_e status);

/*
 * The responder that the certificate names (RFC 5280 s4.2.2.1): its first
 * http or https URL of at most ACM_MAX_URL octets, or NULL.  acm_free() it.
 */
char *acm_ocsp_url(X509 *leaf);

/* 1 for an http or https URL of at most ACM_MAX_URL visible octets. */
int acm_ocsp_url_ok(const uint8_t *url, size_t len);

/* 1 for an URL whose host is, or may be taken for, an address. */
int acm_ocsp_by_address(const char *url);

/* 1 if it names one. */
int acm_ocsp_named(X509 *leaf);

/* A request for one certificate, without a nonce, as DER; acm_free() it. */
acm_rc_t acm_ocsp_request(X509 *leaf, X509 *issuer, acm_str_t *der,
    acm_err_t *err);

/*
 * The URL to GET (RFC 6960 A.1), or NULL if it would be over
 * ACM_MAX_OCSP_GET: then the request is to be POSTed.  acm_free() it.
 */
char *acm_ocsp_get(const char *url, const acm_str_t *request);

/*
 * Checks a response: it is successful, signed by the issuer or by whom it
 * delegated that to, of this certificate, and valid at `now`.  A revoked or
 * unknown certificate is an answer: ACM_OK.
 * ACM_INVALID, ACM_TOOBIG: not to be used, err says why.
 */
acm_rc_t acm_ocsp_check(X509 *leaf, X509 *issuer, const acm_str_t *der,
    int64_t now, acm_ocsp_answer_t *answer, acm_err_t *err);


#endif /* _ACM_OCSP_H_INCLUDED_ */
