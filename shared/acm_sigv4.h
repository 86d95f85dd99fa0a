
/*
 * Copyright (C) The ngx_acm authors
 *
 * AWS Signature Version 4: signs our own requests to services of AWS, and
 * verifies requests to ours, in the form with the Authorization header.
 * Requests signed in the query ("presigned"), unsigned payloads and chunked
 * signatures are refused: no client of such an API uses them.
 */


#ifndef _ACM_SIGV4_H_INCLUDED_
#define _ACM_SIGV4_H_INCLUDED_


#include "acm_buf.h"


#define ACM_MAX_SIGV4_HEADERS  128     /* header fields of a request */
#define ACM_MAX_SIGV4_FIELDS   65536   /* octets of their names and values */
#define ACM_MAX_SIGV4_TARGET   8192    /* octets of path and query */
#define ACM_MAX_SIGV4_PARAMS   64      /* parameters of a query */
#define ACM_MAX_SIGV4_AUTH     8192    /* octets of Authorization */
#define ACM_MAX_SIGV4_KEY_ID   128     /* octets, as of AWS */
#define ACM_MAX_SIGV4_SECRET   128     /* octets of a secret access key */
#define ACM_MAX_SIGV4_TOKEN    8192    /* octets of a session token */
#define ACM_MAX_SIGV4_MESSAGE  1024    /* octets, with NUL */
#define ACM_SIGV4_SKEW         300     /* seconds, as of AWS for JSON */
#define ACM_MAX_SIGV4_SKEW     900     /* seconds */
#define ACM_SIGV4_TIME_LEN     16      /* 20261125T050000Z */
#define ACM_SIGV4_LINES        7


typedef struct {
    acm_str_t                  name;
    acm_str_t                  value;
} acm_sigv4_header_t;


/*
 * A request as it is on the wire; everything is borrowed.  When verifying,
 * target and headers must be what was received: nothing decoded, merged,
 * joined or left out.
 */

typedef struct {
    acm_str_t                  method;
    acm_str_t                  target;     /* path, "?" and query */
    const acm_sigv4_header_t  *headers;
    size_t                     nheaders;
    acm_str_t                  payload;
    const uint8_t             *hash;       /* its SHA-256, if not NULL */
} acm_sigv4_request_t;


/* who signs for which service; NUL-terminated, borrowed */

typedef struct {
    const char                *key_id;
    const char                *secret;
    const char                *token;      /* of a session; or NULL */
    const char                *region;
    const char                *service;
} acm_sigv4_signer_t;


/* "Name: value", each for one curl_slist_append(); owned */

typedef struct {
    char                      *lines[ACM_SIGV4_LINES];
    size_t                     n;
} acm_sigv4_lines_t;


/*
 * Signs a POST of JSON, as for PutEvents or PutMetricData.  lines become
 * Host, Content-Type, X-Amz-Date, X-Amz-Content-Sha256, Authorization and, if
 * they are not NULL, X-Amz-Target (target) and X-Amz-Security-Token; all of
 * them must be sent.  now: seconds.  ACM_INVALID for a URL that
 * acm_http_url_ok() refuses, or fields that cannot be.
 */
acm_rc_t acm_sigv4_post(const acm_sigv4_signer_t *signer, const char *url,
    const char *type, const char *target, const acm_str_t *payload,
    int64_t now, acm_sigv4_lines_t *lines, acm_err_t *err);

/* Wipes them, too. */
void acm_sigv4_lines_free(acm_sigv4_lines_t *lines);

/*
 * Appends the value of Authorization for any request.  All of its headers are
 * signed; Host and X-Amz-Date, and X-Amz-Security-Token for a session, must
 * be among them.
 */
acm_rc_t acm_sigv4_sign(const acm_sigv4_signer_t *signer,
    const acm_sigv4_request_t *r, acm_buf_t *out, acm_err_t *err);


/* an access key, as a lookup finds it */

typedef struct {
    uint8_t                    secret[ACM_MAX_SIGV4_SECRET];
    size_t                     len;        /* of the secret, at least 1 */
    acm_str_t                  token;      /* borrowed until the end of
                                              acm_sigv4_verify(); len 0: not
                                              of a session */
    int64_t                    expires;    /* seconds; 0: never */
    void                      *user;       /* whatever the caller wants */
    unsigned                   active:1;
} acm_sigv4_key_t;


/*
 * Fills key, which is zeroed before and wiped after.  ACM_NOTFOUND if there
 * is no such key; other results become a fault of the server.  It should take
 * as long for a key that is not there as for one that is.
 */
typedef acm_rc_t (*acm_sigv4_find_pt)(void *data, const char *key_id,
    acm_sigv4_key_t *key);


typedef struct {
    const char                *region;     /* NULL: any, of [a-z0-9-] */
    const char                *service;    /* "acm" */
    int64_t                    now;        /* seconds */
    int64_t                    skew;       /* seconds; 0: ACM_SIGV4_SKEW; at
                                              most ACM_MAX_SIGV4_SKEW */
    acm_sigv4_find_pt          find;
    void                      *data;
    unsigned                   root:1;     /* target must be just "/" */
} acm_sigv4_policy_t;


typedef struct {
    char                       key_id[ACM_MAX_SIGV4_KEY_ID + 1];
    char                       region[ACM_MAX_LABEL + 1];
    char                       service[ACM_MAX_LABEL + 1];
    int64_t                    at;         /* seconds: when it was signed */
    uint8_t                    signature[ACM_HASH_LEN];
    void                      *user;
} acm_sigv4_user_t;


/*
 * What is told to the client; the message is visible ASCII and blanks.  key_id
 * and region are what the request says, if it could be true, or "".
 */

typedef struct {
    const char                *type;       /* "InvalidSignatureException" */
    int                        status;
    char                       message[ACM_MAX_SIGV4_MESSAGE];
    char                       key_id[ACM_MAX_SIGV4_KEY_ID + 1];
    char                       region[ACM_MAX_LABEL + 1];
    unsigned                   quotes:1;   /* the message has parts of
                                              Authorization: not for logs,
                                              it may be a password */
} acm_sigv4_fault_t;


/*
 * Who sent this request.  ACM_DENIED: not accepted, for a reason that fault
 * has in the words of AWS; ACM_NOMEM and ACM_ERROR: a fault of the server,
 * fault has InternalFailure.  user is set with ACM_OK only.  It takes as long
 * for unknown keys as for known ones.
 *
 * Refused beyond what AWS documents: repeated Host, Date, Content-Type,
 * Content-Length, Authorization and X-Amz-* fields; control characters; X-Amz-*
 * fields, Content-Type, Host or the date not signed (save
 * X-Amz-Content-Sha256, which must be the hash of the payload anyway).
 *
 * A request can be replayed until at + skew: see acm_replay.h.
 */
acm_rc_t acm_sigv4_verify(const acm_sigv4_request_t *r,
    const acm_sigv4_policy_t *policy, acm_sigv4_user_t *user,
    acm_sigv4_fault_t *fault);


#endif /* _ACM_SIGV4_H_INCLUDED_ */
