
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the files of the API share.
 */


#ifndef _ACM_API_IMPL_H_INCLUDED_
#define _ACM_API_IMPL_H_INCLUDED_


#include "acm_api.h"
#include "acm_api_model.h"
#include "acm_api_plan.h"
#include "acm_certificate.h"
#include "acm_name.h"
#include "acm_peek.h"
#include "acm_tags.h"


#define ACM_MAX_API_VALUE      1024      /* octets shown of a bad value */
#define ACM_MAX_API_PATH       512

#define ACM_MAX_API_SCAN       1000      /* records read in one snapshot */
#define ACM_MAX_SCAN           10000     /* records read for one page in the
                                            order of an index */


/* one call */

typedef struct {
    const acm_api_conf_t      *conf;
    const acm_api_caller_t    *caller;
    acm_keyring_t             *ring;
    acm_store_t               *store;
    acm_snap_t                *snap;     /* while one is open; or NULL */
    acm_x509_seen_t           *seen;     /* of the thread; or NULL */
    int64_t                    now;
    const acm_operation_t     *operation;
    json_t                    *in;       /* checked against its shape */
    json_t                    *out;      /* or NULL for an empty object */
    char                       arn[ACM_MAX_ARN];    /* or "" */
    char                       uuid[ACM_UUID_LEN + 1];
    const char                *fault;
    int                        status;
    json_t                    *more;     /* members of a fault, or NULL */
    char                      *message;  /* of ACM_MAX_API_MESSAGE, with NUL */
    acm_err_t                  err;      /* of what was called */
    unsigned                   changed:1;
} acm_api_t;


/* ACM_CONFLICT: done again from the beginning. */
typedef acm_rc_t (*acm_api_op_pt)(acm_api_t *api);


/* The snapshot that is open, or one of its own: most of what is read for an
   answer is read in one. */
acm_rc_t acm_api_begin(acm_api_t *api, acm_snap_t **snap);
void acm_api_end(acm_api_t *api, acm_snap_t *snap);

/* Sets the fault, 400, and returns ACM_DENIED. */
acm_rc_t acm_api_fault(acm_api_t *api, const char *type, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));
acm_rc_t acm_api_nomem(acm_api_t *api);

/* ResourceNotFoundException for api->arn. */
acm_rc_t acm_api_not_found(acm_api_t *api);

/* The certificate of api->uuid; faults as for a client.  revision may be
   NULL. */
acm_rc_t acm_api_cert(acm_api_t *api, acm_cert_t *cert, uint64_t *revision);

/* The leaf of a certificate, as acm_bare_look() gives it; X509_free() it. */
acm_rc_t acm_api_leaf(acm_api_t *api, const acm_cert_t *cert, X509 **x);

/* Sets api->out to an object with this one member, which it takes over. */
acm_rc_t acm_api_answer(acm_api_t *api, const char *name, json_t *value);

/* Octets of a blob, whose base64 was checked; acm_free_secret() them.  len is
   0 if there is no such member. */
acm_rc_t acm_api_blob(acm_api_t *api, const char *name, acm_str_t *blob);

/* How many octets base64 stands for; SIZE_MAX if it is none. */
size_t acm_api_base64_len(const char *text, size_t len);

/*
 * Checks JSON against a shape.  ACM_CORRUPT: a wrong type, why says so;
 * ACM_INVALID: constraints are not met, message (ACM_MAX_API_MESSAGE) is what
 * ACM tells then; ACM_NOMEM.  Members that are null are taken out.
 */
acm_rc_t acm_api_validate(const acm_shape_t *shape, json_t *json,
    char *message, acm_err_t *why);

/* Words of the API for numbers of records: "SHA256WITHRSA", and a name that
   a certificate is shown with: "" if it has none. */
const char *acm_api_sigalg(const char *sigalg);
const char *acm_api_key(acm_key_e key);      /* "RSA_2048" */
acm_key_e acm_api_key_parse(const char *name);
const char *acm_api_proof(const acm_cert_t *cert);
acm_proof_e acm_api_proof_parse(const char *name);
const char *acm_api_domain(const acm_cert_t *cert);
acm_status_e acm_api_status(const acm_cert_t *cert, int64_t now);

/* ARN of a built-in CA; buf holds ACM_MAX_ARN. */
char *acm_api_ca_arn(const acm_api_t *api, const char *issuer, char *buf);
/* The built-in CA of an ARN; NULL if there is none such here. */
const acm_issuer_t *acm_api_ca(const acm_api_t *api, const char *arn);

/* A DistinguishedName of SearchCertificates. */
json_t *acm_api_dn(const X509_NAME *name);

/* Names of servers that use it, as ARNs; and whether there is any. */
json_t *acm_api_in_use_by(const acm_api_t *api, const acm_cert_t *cert);
int acm_api_in_use(const acm_api_t *api, const acm_cert_t *cert);

/* RenewalEligibility: in use, or exported since it was issued or renewed. */
int acm_api_eligible(const acm_api_t *api, const acm_cert_t *cert);

/* DomainValidationOptions with a status, and one of them.  NULL without
   memory. */
json_t *acm_api_validations(acm_api_t *api, const acm_cert_t *cert,
    const char *status);
json_t *acm_api_record(acm_api_t *api, const acm_cert_t *cert,
    const char *name);
/* "SUCCESS" and so on */
const char *acm_api_proved(const acm_cert_t *cert);
/* Its host names, IP addresses left out. */
json_t *acm_api_names(const acm_cert_t *cert, size_t max);
/* The usages of a certificate, read from its leaf if the record is older, and
   the names of those of a base: ACM_USAGE_KEY, or ACM_USAGE_EXT. */
uint32_t acm_api_usages(acm_api_t *api, const acm_cert_t *cert);
json_t *acm_api_usage_names(uint32_t usages, uint32_t base);


/* certificates page by page */

typedef struct acm_scan_s  acm_scan_t;

/* 1: the certificate is one of those asked for */
typedef int (*acm_scan_match_pt)(acm_scan_t *scan, const acm_cert_t *cert);
/* What is sorted by, at most ACM_MAX_SCAN_KEY octets; returns how many. */
typedef size_t (*acm_scan_key_pt)(acm_scan_t *scan, const acm_cert_t *cert,
    uint8_t *key);
/* What is shown of it. */
typedef json_t *(*acm_scan_show_pt)(acm_api_t *api, const acm_cert_t *cert);

#define ACM_MAX_SCAN_KEY       255

typedef struct {
    uint8_t                    key[ACM_MAX_SCAN_KEY];
    uint8_t                    len;
    char                       uuid[ACM_UUID_LEN + 1];
} acm_scan_entry_t;

struct acm_scan_s {
    acm_api_t                 *api;
    acm_scan_match_pt          match;
    acm_scan_key_pt            key;      /* NULL: by UUID */
    acm_scan_show_pt           show;
    const char                *list;     /* members of the answer and of the */
    const char                *size;     /* request that have the page */
    size_t                     max;      /* by default */
    const char                *only;     /* NULL: there may be any; UUID, or ""
                                            for none */
    acm_plan_t                *plan;     /* or NULL */
    acm_db_e                   index;    /* ACM_DB_CREATED, ACM_DB_EXPIRY with
                                            a plan: key is the eight octets of
                                            its time; ACM_DB_META: of none */
    unsigned                   falling:1;

    /* internal, all zero at first */

    acm_scan_entry_t          *found;    /* a heap, the last one first */
    size_t                     nfound;
    acm_scan_entry_t           after;    /* the end of the page before */
    acm_scan_entry_t           last;     /* that was read */
    acm_peek_t                *peek;     /* what is looked at */
    size_t                     read;     /* records */
    size_t                     walked;   /* entries of the index */
    uint64_t                   query;    /* what the token belongs to */
    unsigned                   paged:1;  /* after is set */
    unsigned                   more:1;
    unsigned                   listed:1; /* found is a list, in order */
    unsigned                   cut:1;    /* enough was read for one page */
};

/* The page that is asked for, as api->out. */
acm_rc_t acm_api_scan(acm_scan_t *scan);

/* Of it, the candidates of a plan, and those of an index in its order.
   ACM_DENIED: there are too many, or not all are in the indices. */
acm_rc_t acm_scan_listed(acm_scan_t *scan);
acm_rc_t acm_scan_ordered(acm_scan_t *scan);
acm_rc_t acm_scan_look(acm_scan_t *scan, acm_snap_t *snap, const char *uuid,
    const acm_cert_t **cert);
void acm_scan_take(acm_scan_t *scan, const acm_cert_t *cert);
int acm_scan_order(const acm_scan_t *scan, const acm_scan_entry_t *a,
    const acm_scan_entry_t *b);

/* Where all is that a filter statement, or a list of statuses, can find; and
   what was never issued. */
void acm_plan_statement(acm_plan_t *plan, const acm_api_t *api,
    const json_t *statement);
void acm_plan_statuses(acm_plan_t *plan, const acm_api_t *api,
    const json_t *list);
void acm_plan_endless(acm_plan_t *plan, const acm_api_t *api);

/* The candidates.  ACM_DENIED: more than so many entries have to be read, or
   the indices do not have all, as of an older version. */
acm_rc_t acm_plan_read(acm_plan_t *plan, acm_api_t *api, size_t max);

/* 1 if an entry of the index of ends is of another account or region. */
int acm_plan_foreign(const acm_api_t *api, const acm_entry_t *entry);

/* ThrottlingException, or ACM_OK: one more call is counted. */
acm_rc_t acm_api_rate(acm_api_t *api);
/* 0: there is none. */
uint32_t acm_api_limit(const acm_api_t *api, acm_quota_e quota);
/* A builder, behind what makes a certificate: counts it as asked for;
   LimitExceededException if there are too many. */
acm_rc_t acm_api_quota(acm_api_t *api, const acm_cert_t *cert,
    acm_batch_t *batch);

/* 1 if domain is name itself or above it; name is in normal form. */
int acm_api_superdomain(const char *name, const char *domain);

/* Tags of the request; faults of ours are told. */
acm_rc_t acm_api_tags_in(acm_api_t *api, const char *member,
    acm_tags_t *tags);

/* 0 or a failed allocation: adds to an object what is not NULL or not 0. */
int acm_api_set_text(json_t *o, const char *name, const char *text);
int acm_api_set_time(json_t *o, const char *name, int64_t at);


/* the operations */

acm_rc_t acm_api_add_tags(acm_api_t *api);
acm_rc_t acm_api_delete(acm_api_t *api);
acm_rc_t acm_api_describe(acm_api_t *api);
acm_rc_t acm_api_domain_validations(acm_api_t *api);
acm_rc_t acm_api_export(acm_api_t *api);
acm_rc_t acm_api_get(acm_api_t *api);
acm_rc_t acm_api_get_account(acm_api_t *api);
acm_rc_t acm_api_import(acm_api_t *api);
acm_rc_t acm_api_list(acm_api_t *api);
acm_rc_t acm_api_list_tags(acm_api_t *api);
acm_rc_t acm_api_put_account(acm_api_t *api);
acm_rc_t acm_api_remove_tags(acm_api_t *api);
acm_rc_t acm_api_renew(acm_api_t *api);
acm_rc_t acm_api_request_certificate(acm_api_t *api);
acm_rc_t acm_api_resend(acm_api_t *api);
acm_rc_t acm_api_revoke(acm_api_t *api);
acm_rc_t acm_api_search(acm_api_t *api);
acm_rc_t acm_api_untag(acm_api_t *api);
acm_rc_t acm_api_update_options(acm_api_t *api);

/* AccessDeniedException, or ACM_OK. */
acm_rc_t acm_api_authorize(acm_api_t *api);


#endif /* _ACM_API_IMPL_H_INCLUDED_ */
