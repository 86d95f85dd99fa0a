
/*
 * Copyright (C) The ngx_acm authors
 *
 * The messages of ACME: RFC 8555, RFC 8738 (IP identifiers), RFC 9773 (ARI)
 * and profiles.  Builders write payloads; parsers check what a CA sent, and
 * everything that they let through is bounded and fit for a log.
 */


#ifndef _ACM_ACME_H_INCLUDED_
#define _ACM_ACME_H_INCLUDED_


#include "acm_http.h"
#include "acm_json.h"
#include "acm_jws.h"


#define ACM_MAX_ACME_TEXT    256     /* octets of a text of a CA */
#define ACM_MAX_PROFILE      64      /* octets of the name of a profile */
#define ACM_MAX_IDENTITIES   16      /* caaIdentities of one CA */
#define ACM_MAX_AUTHZ        ACM_MAX_NAMES
#define ACM_MAX_CHALLENGES   16      /* of one authorization */
#define ACM_MAX_ID_TYPE      32      /* octets of the type of an identifier */
#define ACM_MAX_SUBPROBLEMS  ACM_MAX_NAMES


/* RFC 8555 s6.7, RFC 9773 s7.4, and the draft on profiles */

typedef enum {
    ACM_PROBLEM_NONE = 0,
    ACM_PROBLEM_OTHER,               /* of a type we do not know */
    ACM_PROBLEM_ACCOUNT_DOES_NOT_EXIST,
    ACM_PROBLEM_ALREADY_REPLACED,
    ACM_PROBLEM_ALREADY_REVOKED,
    ACM_PROBLEM_BAD_CSR,
    ACM_PROBLEM_BAD_NONCE,
    ACM_PROBLEM_BAD_PUBLIC_KEY,
    ACM_PROBLEM_BAD_REVOCATION_REASON,
    ACM_PROBLEM_BAD_SIGNATURE_ALGORITHM,
    ACM_PROBLEM_CAA,
    ACM_PROBLEM_COMPOUND,
    ACM_PROBLEM_CONNECTION,
    ACM_PROBLEM_DNS,
    ACM_PROBLEM_EXTERNAL_ACCOUNT_REQUIRED,
    ACM_PROBLEM_INCORRECT_RESPONSE,
    ACM_PROBLEM_INVALID_CONTACT,
    ACM_PROBLEM_INVALID_PROFILE,
    ACM_PROBLEM_MALFORMED,
    ACM_PROBLEM_ORDER_NOT_READY,
    ACM_PROBLEM_RATE_LIMITED,
    ACM_PROBLEM_REJECTED_IDENTIFIER,
    ACM_PROBLEM_SERVER_INTERNAL,
    ACM_PROBLEM_TLS,
    ACM_PROBLEM_UNAUTHORIZED,
    ACM_PROBLEM_UNSUPPORTED_CONTACT,
    ACM_PROBLEM_UNSUPPORTED_IDENTIFIER,
    ACM_PROBLEM_USER_ACTION_REQUIRED
} acm_problem_e;


/* who can mend it, which decides what is done next */

typedef enum {
    ACM_FAULT_NONE = 0,
    ACM_FAULT_NAME,                  /* whoever runs the name: back off */
    ACM_FAULT_CA,                    /* the CA: try the next issuer */
    ACM_FAULT_LIMIT,                 /* a rate limit: wait as told */
    ACM_FAULT_ACCOUNT                /* our account there: the operator */
} acm_fault_e;


typedef struct {
    acm_problem_e  type;
    acm_fault_e    fault;
    int            status;           /* of HTTP, or 0 */
    char           text[ACM_MAX_ERROR];  /* type, detail, identifiers, cure */
    char           name[ACM_MAX_NAME + 1];   /* what it is about; "" */
} acm_problem_t;


typedef struct {
    json_t        *json;             /* owns all texts below */
    const char    *new_nonce;
    const char    *new_account;
    const char    *new_order;
    const char    *revoke_cert;      /* NULL if not there, as all below */
    const char    *key_change;
    const char    *renewal_info;
    const char    *terms;
    const char    *identities[ACM_MAX_IDENTITIES];   /* for CAA */
    size_t         nidentities;
    json_t        *profiles;         /* name: description */
    unsigned       eab_required:1;
} acm_directory_t;


typedef enum {
    ACM_ACME_PENDING = 1,
    ACM_ACME_READY,
    ACM_ACME_PROCESSING,
    ACM_ACME_VALID,
    ACM_ACME_INVALID,
    ACM_ACME_DEACTIVATED,
    ACM_ACME_EXPIRED,
    ACM_ACME_REVOKED
} acm_acme_status_e;


typedef struct {
    json_t            *json;
    acm_acme_status_e  status;
    const char        *authz[ACM_MAX_AUTHZ];
    size_t             nauthz;
    const char        *finalize;
    const char        *certificate;  /* or NULL */
    json_t            *error;        /* a problem, or NULL */
    int64_t            expires;      /* seconds, or 0 */
} acm_acme_order_t;


typedef enum {
    ACM_METHOD_NONE = 0,
    ACM_METHOD_HTTP_01 = 1,
    ACM_METHOD_TLS_ALPN_01 = 2,
    ACM_METHOD_DNS_01 = 4,
    ACM_METHOD_DNS_ACCOUNT_01 = 8,
    ACM_METHOD_DNS_PERSIST_01 = 16
} acm_method_e;


typedef struct {
    acm_method_e       method;       /* NONE: of a type we do not know */
    acm_acme_status_e  status;
    const char        *url;
    const char        *token;        /* NULL for dns-persist-01 */
    json_t            *error;
    json_t            *issuers;      /* of dns-persist-01, or NULL */
} acm_acme_challenge_t;


typedef struct {
    const char            *type;     /* "dns", "ip", or any other */
    const char            *name;     /* as the CA writes it, without "*." */
    int                    wildcard;
} acm_acme_id_t;


/* what an identifier of a CA is to a name of ours */

typedef enum {
    ACM_ID_OTHER = 0,
    ACM_ID_BASE,                     /* of a wildcard, but does not say so */
    ACM_ID_SAME
} acm_id_e;


typedef struct {
    json_t                *json;
    acm_acme_status_e      status;
    acm_acme_id_t          id;
    acm_acme_challenge_t   challenges[ACM_MAX_CHALLENGES];
    size_t                 nchallenges;
} acm_acme_authz_t;


typedef struct {
    json_t        *json;
    int64_t        start;            /* seconds; start < end */
    int64_t        end;
    const char    *explanation;      /* URL, or NULL */
} acm_acme_ari_t;


/*
 * Parsers: ACM_INVALID says what is wrong.  Texts live as long as the
 * object; release each with json_decref(o.json).
 */
acm_rc_t acm_acme_directory(const acm_http_t *http, acm_directory_t *d,
    acm_err_t *err);
acm_rc_t acm_acme_order(const acm_http_t *http, acm_acme_order_t *o,
    acm_err_t *err);
acm_rc_t acm_acme_authz(const acm_http_t *http, acm_acme_authz_t *a,
    acm_err_t *err);
acm_rc_t acm_acme_ari(const acm_http_t *http, acm_acme_ari_t *a,
    acm_err_t *err);

/* name: in normal form, "*." and IP allowed */
acm_id_e acm_acme_id(const acm_acme_id_t *id, const char *name);

/* ACM_INVALID: an order that says for which names it is, and these (normal
   form, each once) are others. */
acm_rc_t acm_acme_order_names(const acm_acme_order_t *o, char *const *names,
    size_t nnames, acm_err_t *err);

/* The status member of an account, challenge and so on. */
acm_rc_t acm_acme_status(const acm_http_t *http, acm_acme_status_e *status,
    acm_err_t *err);

/*
 * The problem of an answer that is none of success: from its document if it
 * has one (RFC 7807), else from the HTTP status.  Never fails.
 */
void acm_acme_problem(const acm_http_t *http, acm_problem_t *p);
/* The same for the "error" member of an order or challenge; what: of what,
   for the text, e.g. the name. */
void acm_acme_error(const json_t *error, const char *what,
    acm_problem_t *p);

/* "rateLimited"; never NULL */
const char *acm_problem_text(acm_problem_e type);
/* "http-01"; acm_method_parse() gives ACM_METHOD_NONE if unknown. */
const char *acm_method_text(acm_method_e method);
acm_method_e acm_method_parse(const char *s, size_t len);

/*
 * Where the TXT record of a dns method is: "_acme-challenge" in front of the
 * name, whose "*." does not matter, or what dns-account-01 and
 * dns-persist-01 have there.  account: its URL.  ACM_INVALID: no dns method,
 * or no account; ACM_TOOBIG.
 */
acm_rc_t acm_method_host(acm_method_e method, const char *name,
    const char *account, char *host, size_t size);

/* A text of a CA for a log: control octets and non-ASCII replaced, cut at
   ACM_MAX_ACME_TEXT; buf holds that and one more. */
char *acm_acme_clean(const char *s, char *buf);


/* what an order asks for; names in normal form, "*." and IP allowed */

typedef struct {
    char *const   *names;
    size_t         nnames;
    const char    *profile;          /* or NULL */
    const char    *replaces;         /* ARI certificate id, or NULL */
} acm_acme_want_t;


/* Builders of payloads: JSON text with NUL, in out. */
acm_rc_t acm_acme_new_account(char *const *contacts, size_t ncontacts,
    int terms, const char *eab, acm_buf_t *out);
acm_rc_t acm_acme_contacts(char *const *contacts, size_t ncontacts,
    acm_buf_t *out);
acm_rc_t acm_acme_new_order(const acm_acme_want_t *want, acm_buf_t *out);
acm_rc_t acm_acme_finalize(const acm_str_t *csr_der, acm_buf_t *out);
acm_rc_t acm_acme_key_change(const char *account, EVP_PKEY *old_key,
    acm_buf_t *out, acm_err_t *err);
/* reason: of RFC 5280 s5.3.1; -1: none is said */
acm_rc_t acm_acme_revoke(const acm_str_t *der, int reason, acm_buf_t *out);


#endif /* _ACM_ACME_H_INCLUDED_ */
