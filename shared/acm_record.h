
/*
 * Copyright (C) The ngx_acm authors
 *
 * The records of the store: C structures, their encoding, their keys.  Each
 * encoded record starts with its type and format version; a version that is
 * newer than ours gives ACM_VERSION and is never rewritten.  Decoded records
 * own their memory: release each with its _free(), which accepts zeroed ones.
 */


#ifndef _ACM_RECORD_H_INCLUDED_
#define _ACM_RECORD_H_INCLUDED_


#include "acm_ca.h"
#include "acm_store.h"


#define ACM_MAX_REC_DN       8192    /* octets of a subject or issuer, text */
#define ACM_MAX_REC_SERIAL   256     /* octets of a serial number, text */
#define ACM_MAX_SIGALG   128

#define ACM_MAX_FINDINGS     8192    /* octets, of one certificate */
#define ACM_MAX_ISSUERS_TEXT 520     /* octets: eight names of issuers */

#define ACM_MAX_TAGS_LEN     65535   /* octets of a certificate's tags */

#define ACM_MASTER_ID    8           /* octets that name a master key */
#define ACM_META_MASTER  "master"    /* key of the acm_master_rec_t */


/* Numbers are on disk: never renumber. */

typedef enum {
    ACM_REC_CERT = 1,
    ACM_REC_MATERIAL = 2,
    ACM_REC_NAME = 3,
    ACM_REC_CA = 4,
    ACM_REC_SEAL = 5,
    ACM_REC_REF = 6,
    ACM_REC_MASTER = 7,
    ACM_REC_CHALLENGE = 8,
    ACM_REC_VALIDATION = 9,
    ACM_REC_ORDER = 10,
    ACM_REC_ACCOUNT = 11,
    ACM_REC_BUCKET = 12,
    ACM_REC_EVENT = 13,
    ACM_REC_SINK = 14,
    ACM_REC_DEAD = 15,
    ACM_REC_STEP = 16,
    ACM_REC_USED = 17,
    ACM_REC_SETTING = 18,
    ACM_REC_LADDER = 19,
    ACM_REC_ALARM = 20,
    ACM_REC_TOKEN = 21,
    ACM_REC_REVOCATION = 22,
    ACM_REC_STAPLE = 23
} acm_rec_e;

typedef enum {
    ACM_TYPE_ISSUED = 1,        /* AMAZON_ISSUED: by an issuer of ours */
    ACM_TYPE_IMPORTED = 2,
    ACM_TYPE_PRIVATE = 3        /* by a built-in CA */
} acm_type_e;

typedef enum {
    ACM_STATUS_PENDING_VALIDATION = 1,
    ACM_STATUS_ISSUED = 2,
    ACM_STATUS_INACTIVE = 3,
    ACM_STATUS_EXPIRED = 4,
    ACM_STATUS_VALIDATION_TIMED_OUT = 5,
    ACM_STATUS_REVOKED = 6,
    ACM_STATUS_FAILED = 7
} acm_status_e;

typedef enum {
    ACM_DUE_NONE = 0,
    ACM_DUE_ISSUE = 1,          /* first issuance */
    ACM_DUE_RENEW = 2,
    ACM_DUE_EXPIRE = 3,         /* nobody renews it: mark it expired */
    ACM_DUE_ARI = 4             /* ask when it should be renewed */
} acm_due_e;

/* RenewalStatus */

typedef enum {
    ACM_RENEWAL_NONE = 0,
    ACM_RENEWAL_PENDING_AUTO_RENEWAL = 1,
    ACM_RENEWAL_PENDING_VALIDATION = 2,
    ACM_RENEWAL_SUCCESS = 3,
    ACM_RENEWAL_FAILED = 4
} acm_renewal_e;

/* FailureReason and RenewalStatusReason, in the order of ACM's API */

typedef enum {
    ACM_REASON_NONE = 0,
    ACM_REASON_NO_AVAILABLE_CONTACTS = 1,
    ACM_REASON_ADDITIONAL_VERIFICATION_REQUIRED = 2,
    ACM_REASON_DOMAIN_NOT_ALLOWED = 3,
    ACM_REASON_INVALID_PUBLIC_DOMAIN = 4,
    ACM_REASON_DOMAIN_VALIDATION_DENIED = 5,
    ACM_REASON_CAA_ERROR = 6,
    ACM_REASON_PCA_LIMIT_EXCEEDED = 7,
    ACM_REASON_PCA_INVALID_ARN = 8,
    ACM_REASON_PCA_INVALID_STATE = 9,
    ACM_REASON_PCA_REQUEST_FAILED = 10,
    ACM_REASON_PCA_NAME_CONSTRAINTS_VALIDATION = 11,
    ACM_REASON_PCA_RESOURCE_NOT_FOUND = 12,
    ACM_REASON_PCA_INVALID_ARGS = 13,
    ACM_REASON_PCA_INVALID_DURATION = 14,
    ACM_REASON_PCA_ACCESS_DENIED = 15,
    ACM_REASON_SLR_NOT_FOUND = 16,
    ACM_REASON_OTHER = 17,
    ACM_REASON_PENDING_DOMAIN_VALIDATION = 18   /* of events only */
} acm_reason_e;

/* ValidationMethod, as a request over the API said */

typedef enum {
    ACM_PROOF_NONE = 0,
    ACM_PROOF_EMAIL = 1,
    ACM_PROOF_DNS = 2,
    ACM_PROOF_HTTP = 3
} acm_proof_e;

/* RevocationReason */

typedef enum {
    ACM_REVOKED_NOT = 0,
    ACM_REVOKED_UNSPECIFIED = 1,
    ACM_REVOKED_KEY_COMPROMISE = 2,
    ACM_REVOKED_CA_COMPROMISE = 3,
    ACM_REVOKED_AFFILIATION_CHANGED = 4,
    ACM_REVOKED_SUPERCEDED = 5,
    ACM_REVOKED_SUPERSEDED = 6,
    ACM_REVOKED_CESSATION_OF_OPERATION = 7,
    ACM_REVOKED_CERTIFICATE_HOLD = 8,
    ACM_REVOKED_REMOVE_FROM_CRL = 9,
    ACM_REVOKED_PRIVILEGE_WITHDRAWN = 10,
    ACM_REVOKED_A_A_COMPROMISE = 11
} acm_revocation_e;

/* how the revocation stands at the CA */

typedef enum {
    ACM_REVOKING_NONE = 0,
    ACM_REVOKING_WANTED = 1,    /* the CA is to be asked */
    ACM_REVOKING_DONE = 2,
    ACM_REVOKING_REFUSED = 3
} acm_revoking_e;


typedef struct {
    char          *account;
    char          *region;
    char           uuid[ACM_UUID_LEN + 1];
    acm_type_e     type;
    acm_status_e   status;
    acm_key_e      key;
    char          *domain;
    char         **names;
    size_t         nnames;
    char          *issuer;       /* issuer blocks in order, with spaces
                                    between; "" for an import */
    uint8_t        identity[ACM_HASH_LEN];  /* all zero: not configured */
    uint32_t       version;      /* of the material; 0 before the first */
    char          *subject;
    char          *issuer_dn;
    char          *serial;
    char          *sigalg;
    int64_t        not_before;   /* seconds, 0 before the first issuance */
    int64_t        not_after;
    int64_t        created_at;
    int64_t        issued_at;
    int64_t        imported_at;
    acm_due_e      due;
    int64_t        due_at;       /* seconds, key of the due index */
    uint32_t       attempts;     /* failed in a row */
    char          *last_error;   /* "" after a success */
    int64_t        last_error_at;
    char          *issued_by;    /* which of the issuers it was */
    uint32_t       turn;         /* which of the issuers is next */
    uint32_t       rehearsed;    /* 1: the staging directory issued it */
    uint32_t       scts;
    int64_t        renew_at;     /* seconds, 0: not */
    int64_t        ari_at;       /* when a window is asked for, 0: not */
    int64_t        ari_start;    /* the CA's window, 0: none yet */
    int64_t        ari_end;
    char          *findings;     /* of our own checks, a line each: the
                                    name, what is wrong, the cure */
    uint32_t       checks;       /* of our own that failed in a row */
    uint32_t       method;       /* acm_method_e wanted, 0: any */
    uint32_t       demanded;     /* 1: for a client, not by configuration */
    acm_renewal_e  renewal;
    acm_reason_e   reason;       /* why the last attempt failed */
    int64_t        renewal_at;   /* when renewal or reason changed, seconds */
    int64_t        watch_at;     /* seconds, key of the watch index; 0: not */
    uint32_t       warned;       /* the last rung told of, in seconds before
                                    the end; 0: none yet */
    uint32_t       approached;   /* days to expiry told of last, plus one */
    uint32_t       overdue;      /* 1: told that renewal is overdue */
    uint32_t       steps;        /* ever written to its history */
    uint32_t       exported;     /* 1: since it was issued or renewed */
    uint32_t       exportable;   /* 1: Options.Export is ENABLED */
    int64_t        revoked_at;
    acm_revocation_e  revocation;
    uint32_t       forced;       /* 1: somebody asked for the renewal */
    uint32_t       rolled_back;  /* 1: this version is an old one again */
    int64_t        unused_at;    /* when its renewal was given up because
                                    nobody asks for it; 0: it was not */
    acm_str_t      tags;         /* as of acm_tags.h */
    uint32_t       managed;      /* 1: it was requested over the API, and is
                                    wanted until it is deleted */
    uint32_t       usages;       /* as of acm_x509_usages(); 0: not known */
    acm_proof_e    proof;
    uint32_t       unlogged;     /* 1: CertificateTransparencyLogging... is
                                    DISABLED */
    acm_revoking_e revoking;     /* of the version in use, if it is REVOKED */
    char          *culprit;      /* name that a FAILED one failed for; "": not
                                    one alone */
    acm_str_t      mail;         /* an octet for each name: how many octets of
                                    its end are the domain whose postmaster is
                                    asked, 0: all; or nothing */
    int64_t        ocsp_at;      /* when its responder is asked, seconds; 0:
                                    it has none */
} acm_cert_t;


typedef struct {
    char          *account;
    char          *region;
    acm_key_e      key;
    acm_str_t      leaf;
    size_t         nchain;
    uint8_t        chain[ACM_MAX_CHAIN][ACM_HASH_LEN];
    acm_str_t      sealed;       /* the key, traditional DER, sealed */
} acm_material_t;


/* the value of the name index; small, copied by value */

typedef struct {
    char           uuid[ACM_UUID_LEN + 1];
    uint32_t       version;
    acm_key_e      key;
    int64_t        not_before;
    int64_t        not_after;
} acm_name_rec_t;


/* a built-in CA as stored: keys sealed under the data key of CAs */

typedef struct {
    acm_key_e      key;
    acm_str_t      root;
    acm_str_t      root_sealed;
    acm_str_t      issuing;
    acm_str_t      issuing_sealed;
} acm_ca_rec_t;


typedef struct {
    uint8_t        master_id[ACM_MASTER_ID];  /* of the key that wraps it */
    acm_str_t      wrapped;
} acm_seal_rec_t;


/* which certificate: value of the due and identity indices; no allocation */

typedef struct {
    char           account[ACM_MAX_LABEL + 1];
    char           region[ACM_MAX_LABEL + 1];
    char           uuid[ACM_UUID_LEN + 1];
} acm_ref_t;


/* whose store this is: the one record of ACM_META_MASTER */

typedef struct {
    uint8_t        id[ACM_MASTER_ID];
} acm_master_rec_t;


/*
 * Encoders append to out.  ACM_TOOBIG: a field is over its limit;
 * ACM_INVALID: one is missing or no value of its type.  Decoders set the
 * record on ACM_OK only; its strings are then never NULL.  ACM_VERSION,
 * ACM_CORRUPT, ACM_NOMEM.
 */


acm_rc_t acm_cert_encode(const acm_cert_t *cert, acm_buf_t *out);
acm_rc_t acm_cert_decode(const uint8_t *data, size_t len, acm_cert_t *cert);
void acm_cert_free(acm_cert_t *cert);

acm_rc_t acm_material_encode(const acm_material_t *m, acm_buf_t *out);
acm_rc_t acm_material_decode(const uint8_t *data, size_t len,
    acm_material_t *m);
void acm_material_free(acm_material_t *m);

acm_rc_t acm_name_rec_encode(const acm_name_rec_t *n, acm_buf_t *out);
acm_rc_t acm_name_rec_decode(const uint8_t *data, size_t len,
    acm_name_rec_t *n);

acm_rc_t acm_ca_rec_encode(const acm_ca_rec_t *ca, acm_buf_t *out);
acm_rc_t acm_ca_rec_decode(const uint8_t *data, size_t len, acm_ca_rec_t *ca);
void acm_ca_rec_free(acm_ca_rec_t *ca);

acm_rc_t acm_seal_rec_encode(const acm_seal_rec_t *s, acm_buf_t *out);
acm_rc_t acm_seal_rec_decode(const uint8_t *data, size_t len,
    acm_seal_rec_t *s);
void acm_seal_rec_free(acm_seal_rec_t *s);

acm_rc_t acm_ref_encode(const acm_ref_t *ref, acm_buf_t *out);
acm_rc_t acm_ref_decode(const uint8_t *data, size_t len, acm_ref_t *ref);

acm_rc_t acm_master_rec_encode(const acm_master_rec_t *m, acm_buf_t *out);
acm_rc_t acm_master_rec_decode(const uint8_t *data, size_t len,
    acm_master_rec_t *m);


/* Keys.  Each writes into buf, at least ACM_MAX_STORE_KEY octets, and returns
   the length; 0 if a part is empty, over its limit or holds "/". */

size_t acm_cert_key(uint8_t *buf, const char *account, const char *region,
    const char *uuid);
size_t acm_material_key(uint8_t *buf, const char *uuid, uint32_t version);
size_t acm_name_key(uint8_t *buf, const char *name, acm_key_e key,
    const char *uuid);
/* what all keys of one name start with */
size_t acm_name_prefix(uint8_t *buf, const char *name);
size_t acm_due_key(uint8_t *buf, int64_t at, acm_due_e kind,
    const char *uuid);
acm_rc_t acm_due_key_parse(const uint8_t *key, size_t len, int64_t *at,
    acm_due_e *kind, char *uuid);
/* of the expiry and the watch index */
size_t acm_time_key(uint8_t *buf, int64_t at, const char *uuid);
acm_rc_t acm_time_key_parse(const uint8_t *key, size_t len, int64_t *at,
    char *uuid);
/* Of ACM_DB_CREATED: that of acm_seal_key(), "/", and a key of a time. */
size_t acm_created_key(uint8_t *buf, const char *account, const char *region,
    int64_t at, const char *uuid);
size_t acm_seal_key(uint8_t *buf, const char *account, const char *region);

/* "arn:aws:acm:REGION:ACCOUNT:certificate/UUID"; buf holds ACM_MAX_ARN. */
char *acm_arn_text(char *buf, const char *account, const char *region,
    const char *uuid);
/* The parts point into arn.  ACM_INVALID says in err which part is wrong. */
acm_rc_t acm_arn_parse(const char *arn, size_t len, acm_str_t *account,
    acm_str_t *region, char *uuid, acm_err_t *err);

/* ACM's words: "PENDING_VALIDATION", "IMPORTED", "issue" */
const char *acm_status_text(acm_status_e status);
const char *acm_type_text(acm_type_e type);
const char *acm_due_text(acm_due_e due);
const char *acm_renewal_text(acm_renewal_e renewal);
const char *acm_reason_text(acm_reason_e reason);
const char *acm_revocation_text(acm_revocation_e revocation);

/* Typed reads: ACM_NOTFOUND, ACM_VERSION, ACM_CORRUPT.  revision may be
   NULL. */
acm_rc_t acm_cert_get(acm_snap_t *snap, const char *account,
    const char *region, const char *uuid, acm_cert_t *cert,
    uint64_t *revision);
acm_rc_t acm_material_get(acm_snap_t *snap, const char *uuid,
    uint32_t version, acm_material_t *m);


#endif /* _ACM_RECORD_H_INCLUDED_ */
