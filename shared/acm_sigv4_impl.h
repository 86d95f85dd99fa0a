
/*
 * Copyright (C) The ngx_acm authors
 *
 * What signing and verifying have in common.
 */


#ifndef _ACM_SIGV4_IMPL_H_INCLUDED_
#define _ACM_SIGV4_IMPL_H_INCLUDED_


#include "acm_sigv4.h"


#define ACM_SIGV4_ALGORITHM      "AWS4-HMAC-SHA256"
#define ACM_SIGV4_TERM           "aws4_request"
#define ACM_SIGV4_DATE_LEN       8
#define ACM_SIGV4_HEX_LEN        (2 * ACM_HASH_LEN)
#define ACM_SIGV4_PARTS          5   /* of a credential */

#define ACM_SIGV4_INCOMPLETE     "IncompleteSignatureException"
#define ACM_SIGV4_INVALID        "InvalidSignatureException"

/* octets; the limits above keep a canonical request below it */
#define ACM_MAX_SIGV4_CANONICAL  262144


/* what a signature is made for, besides the request */

typedef struct {
    acm_str_t       names;           /* SignedHeaders, as it is sent */
    acm_str_t       time;            /* 20261125T050000Z */
    acm_str_t       region;
    acm_str_t       service;
    const uint8_t  *secret;
    size_t          secret_len;
} acm_sigv4_scope_t;


/* a request that is being verified; data of what is not there is NULL */

typedef struct {
    const acm_sigv4_request_t  *r;
    const acm_sigv4_policy_t   *policy;
    acm_sigv4_fault_t          *fault;
    int64_t                     skew;

    acm_str_t                   auth;
    acm_str_t                   time;
    acm_str_t                   token;      /* data NULL: none */
    acm_str_t                   hash;       /* likewise */
    unsigned                    amz_date:1;

    acm_str_t                   credential;
    acm_str_t                   names;
    acm_str_t                   signature;

    acm_str_t                   part[ACM_SIGV4_PARTS];
    int64_t                     at;
    char                        key_id[ACM_MAX_SIGV4_KEY_ID + 1];
} acm_sigv4_ctx_t;


/* The hash of the payload: ACM_SIGV4_HEX_LEN + 1 octets. */
acm_rc_t acm_sigv4_hash(const acm_sigv4_request_t *r, char *hex,
    acm_err_t *err);

/*
 * The signature: ACM_HASH_LEN octets.  ACM_INVALID if the names are not
 * sorted and there, or if target is malformed.
 */
acm_rc_t acm_sigv4_mac(const acm_sigv4_request_t *r, const char *hash,
    const acm_sigv4_scope_t *scope, uint8_t *mac, acm_err_t *err);

/* Seconds of a time in the basic format of ISO 8601; ACM_INVALID. */
acm_rc_t acm_sigv4_time(const acm_str_t *s, int64_t *t);

/* buf holds ACM_SIGV4_TIME_LEN + 1 octets. */
void acm_sigv4_time_text(int64_t t, char *buf);

/* Names compare whatever their case is; b is NUL-terminated. */
int acm_sigv4_is(const acm_str_t *a, const char *b);
int acm_sigv4_begins(const acm_str_t *a, const char *b);

/* Without blanks and tabs at both ends. */
acm_str_t acm_sigv4_trim(const acm_str_t *s);

/* Cuts the part up to c, or all, off rest; 0 when nothing was left.  A
   consumed rest has no data. */
int acm_sigv4_cut(acm_str_t *rest, char c, acm_str_t *part);

/* Path and query of a target. */
void acm_sigv4_split(const acm_str_t *target, acm_str_t *path,
    acm_str_t *query);

/* Percent-decodes, encodes what RFC 3986 does not call unreserved. */
acm_rc_t acm_sigv4_recode(const acm_str_t *s, acm_buf_t *out);

/*
 * The checks in their order: header fields, the ones that are needed, the
 * parts of Authorization, what must be signed, the time, the credential.
 * ACM_DENIED with a fault.
 */
acm_rc_t acm_sigv4_fields(acm_sigv4_ctx_t *c);
acm_rc_t acm_sigv4_take(acm_sigv4_ctx_t *c);
acm_rc_t acm_sigv4_auth(acm_sigv4_ctx_t *c);
acm_rc_t acm_sigv4_signed(acm_sigv4_ctx_t *c);
acm_rc_t acm_sigv4_when(acm_sigv4_ctx_t *c);
acm_rc_t acm_sigv4_credential(acm_sigv4_ctx_t *c);

/* 1 if a region is that of the policy, or, if it has none, can be one. */
int acm_sigv4_region_ok(const acm_sigv4_policy_t *p, const acm_str_t *region);

/* Sets the fault; ACM_DENIED. */
acm_rc_t acm_sigv4_deny(acm_sigv4_ctx_t *c, const char *type,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Copies what is known to fit, with a NUL. */
void acm_sigv4_copy(char *buf, const acm_str_t *s);

/* 1 if they are the same, case and all. */
int acm_sigv4_same(const acm_str_t *a, const char *b);


#endif /* _ACM_SIGV4_IMPL_H_INCLUDED_ */
