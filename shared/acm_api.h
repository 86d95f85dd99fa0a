
/*
 * Copyright (C) The ngx_acm authors
 *
 * ACM's API: AWS JSON 1.1 over POST, as unmodified clients speak it.  From a
 * request of a caller who is known already to an answer; no nginx, no
 * network.  A call takes as long as its commits take, so it belongs on a
 * thread that may wait.
 */


#ifndef _ACM_API_H_INCLUDED_
#define _ACM_API_H_INCLUDED_


#include "acm_api_model.h"
#include "acm_issuer.h"
#include "acm_json.h"
#include "acm_keyring.h"
#include "acm_quota.h"
#include "acm_throttle.h"
#include "acm_x509.h"


#define ACM_API_TYPE           "application/x-amz-json-1.1"
#define ACM_API_TARGET         "CertificateManager."
#define ACM_API_SERVICE        "acm"
#define ACM_MAX_API_BODY       (4 << 20)     /* octets of a request */
#define ACM_MAX_API_MESSAGE    32768         /* octets of a fault's text */
#define ACM_MAX_API_DENIED     2048          /* octets, with NUL */
#define ACM_MAX_API_KEYS       128           /* of conditions, of one call */


/* who calls, as SigV4 has found out; all borrowed, none NULL but where it
   says so */

typedef struct {
    const char                *account;
    const char                *region;       /* of the credential scope; in
                                                what is called back, where the
                                                certificates are */
    const char                *asked;        /* of the scope, when called
                                                back */
    const char                *arn;          /* of the user */
    const char                *key_id;       /* access key */
    const char                *address;      /* the client's, as text */
    const char                *agent;        /* User-Agent, or "" */
    const char                *tls_version;  /* "TLSv1.3"; or NULL */
    const char                *tls_cipher;   /* or NULL */
    const char                *host;         /* Host, or NULL */
    void                      *user;         /* the finder's */
    int64_t                    ticks;        /* acm_ticks(), for rates */
    unsigned                   secure:1;     /* over TLS */
} acm_api_caller_t;


/* a condition key of IAM and its values */

typedef struct {
    const char                *key;          /* "acm:DomainNames" */
    const acm_str_t           *values;
    size_t                     n;
} acm_api_key_t;


/* what somebody wants to do */

typedef struct {
    const char                *action;       /* "acm:DescribeCertificate" */
    const char                *resource;     /* an ARN; NULL: of none */
    const acm_api_key_t       *keys;
    size_t                     nkeys;
    int64_t                    now;          /* seconds */
} acm_api_access_t;


/*
 * ACM_OK: allowed.  Else denied, and message (ACM_MAX_API_DENIED octets) is
 * what the client is told.  Called from the thread of the call.
 */
typedef acm_rc_t (*acm_api_authorize_pt)(void *data,
    const acm_api_caller_t *caller, const acm_api_access_t *access,
    char *message);


/* what is known when a call is over; all borrowed */

typedef struct {
    const char                *operation;    /* or "" if it is unknown */
    const char                *resource;     /* an ARN, or "" */
    const char                *request_id;
    const json_t              *parameters;   /* secrets are hidden; or NULL */
    const json_t              *response;     /* or NULL */
    const char                *fault;        /* "ValidationException"; NULL:
                                                it went well */
    const char                *message;
    int                        status;
    int64_t                    now;          /* seconds */
    unsigned                   changes:1;    /* an operation that may */
} acm_api_event_t;

typedef void (*acm_api_audit_pt)(void *data, const acm_api_caller_t *caller,
    const acm_api_event_t *event);


/* a server that may use certificates, of InUseBy: one of these three */

typedef struct {
    const char                *name;         /* of the server */
    char                       uuid[ACM_UUID_LEN + 1];  /* or "" */
    uint64_t                   id;           /* as in acm_used_by_t, or 0 */
    uint8_t                    identity[ACM_HASH_LEN];
} acm_api_server_t;


/* what a client may not exceed; 0 is no limit */

typedef struct {
    acm_throttle_t            *throttle;     /* NULL: no rates */
    acm_rate_t                 rates[ACM_OPERATION_MAX];
    uint32_t                   quotas[ACM_QUOTA_MAX];
} acm_api_limits_t;


/* how it is configured; all borrowed, shared by all threads */

typedef struct {
    const acm_issuer_t        *issuers;
    size_t                     nissuers;
    const char                *default_issuers;  /* names, with spaces */
    const char                *zone;         /* validation zone, or NULL */
    const char                *home;         /* region that all others are,
                                                or NULL */
    const acm_api_server_t    *servers;      /* acm_api_servers_sort() */
    size_t                     nservers;
    int64_t                    in_use;       /* seconds since one with an id
                                                had it; 0: it never has */
    acm_api_authorize_pt       authorize;    /* NULL: all is allowed */
    acm_api_audit_pt           audit;        /* NULL: none */
    void                      *data;         /* of both */
    uint32_t                   page;         /* certificates, by default */
    const acm_api_limits_t    *limits;       /* NULL: none */
    unsigned                   all_key_types:1;    /* listed by default */
} acm_api_conf_t;


/* of HTTP; borrowed.  target: X-Amz-Target, type: Content-Type, len 0 if there
   is none. */

typedef struct {
    acm_str_t                  method;
    acm_str_t                  target;
    acm_str_t                  type;
    acm_str_t                  body;
    acm_x509_seen_t           *seen;         /* chains imported before, for
                                                this thread alone; or NULL */
} acm_api_request_t;


typedef struct {
    int                        status;
    acm_str_t                  body;         /* acm_free() */
    char                       request_id[ACM_UUID_LEN + 1];
    const char                *fault;        /* its type, NULL: none */
    acm_err_t                  err;          /* of a fault of ours, for the
                                                log; or "" */
    unsigned                   changed:1;    /* wake the helper */
} acm_api_answer_t;


/*
 * One call.  The ring, and the store under it, belong to this thread
 * meanwhile.  There always is an answer; without memory its body may be
 * empty.
 */
void acm_api_call(const acm_api_conf_t *conf, acm_keyring_t *ring,
    const acm_api_caller_t *caller, const acm_api_request_t *request,
    int64_t now, acm_api_answer_t *answer);

/* The answer for a fault that was found before a call could be made; message
   may be NULL. */
void acm_api_refuse(int status, const char *type, const char *message,
    acm_api_answer_t *answer);

/* The operation of a target; NULL if there is none such. */
const char *acm_api_name(const acm_str_t *target);

/* Puts servers into the order in which they are looked for. */
void acm_api_servers_sort(acm_api_server_t *servers, size_t n);

/* 1 if the operation of this target may change something. */
int acm_api_changes(const acm_str_t *target);


#endif /* _ACM_API_H_INCLUDED_ */
