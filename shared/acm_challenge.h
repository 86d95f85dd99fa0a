
/*
 * Copyright (C) The ngx_acm authors
 *
 * What a CA may ask for while it validates a name: key authorizations by
 * token (http-01), by name (tls-alpn-01), and TXT values by label of the
 * validation zone (dns-01); and those permanent labels themselves, one per
 * account and domain.  The helper writes; every worker answers from here.
 */


#ifndef _ACM_CHALLENGE_H_INCLUDED_
#define _ACM_CHALLENGE_H_INCLUDED_


#include "acm_record.h"


#define ACM_MAX_TOKEN        128     /* octets of a token, RFC 8555 s8.3 */
#define ACM_MAX_KEY_AUTH     (ACM_MAX_TOKEN + 1 + 43)
#define ACM_LABEL_LEN        32      /* of a permanent label: 0-9, a-f */
#define ACM_TXT_LEN          43      /* base64url of a SHA-256 */
#define ACM_MAX_TXT          16      /* values of one label at a time */


/* Numbers are on disk: never renumber. */

typedef enum {
    ACM_CHALLENGE_HTTP = 1,          /* subject: token */
    ACM_CHALLENGE_ALPN = 2,          /* subject: name as in SNI */
    ACM_CHALLENGE_DNS = 3            /* subject: label */
} acm_challenge_e;


typedef struct {
    acm_challenge_e   kind;
    char             *subject;
    char             *value;         /* key authorization, or TXT value */
    char              uuid[ACM_UUID_LEN + 1];  /* whose order */
    int64_t           expires;       /* seconds; unanswered from then on */
} acm_challenge_t;


typedef struct {
    char             *account;
    char             *domain;        /* no "*." */
    char              label[ACM_LABEL_LEN + 1];
    int64_t           created_at;
} acm_validation_t;


acm_rc_t acm_challenge_encode(const acm_challenge_t *c, acm_buf_t *out);
acm_rc_t acm_challenge_decode(const uint8_t *data, size_t len,
    acm_challenge_t *c);
void acm_challenge_free(acm_challenge_t *c);
acm_rc_t acm_validation_encode(const acm_validation_t *v, acm_buf_t *out);
acm_rc_t acm_validation_decode(const uint8_t *data, size_t len,
    acm_validation_t *v);
void acm_validation_free(acm_validation_t *v);

/* Builders: a failure sticks in the batch. */
void acm_challenge_put(acm_batch_t *batch, const acm_challenge_t *c);
void acm_challenge_delete(acm_batch_t *batch, const acm_challenge_t *c);

/*
 * The live answer for exactly this token or name; subject need not end with
 * NUL.  ACM_NOTFOUND: none, or it has expired.
 */
acm_rc_t acm_challenge_get(acm_snap_t *snap, acm_challenge_e kind,
    const char *subject, size_t len, int64_t now, acm_challenge_t *c);

/*
 * The TXT values that are live for a label of the validation zone (lower
 * case, ends with NUL), or with uuid those of this order; *n may become 0.
 * ACM_NOTFOUND: no such label.
 */
acm_rc_t acm_challenge_txt(acm_snap_t *snap, const char *label,
    const char *uuid, int64_t now, char values[ACM_MAX_TXT][ACM_TXT_LEN + 1],
    size_t *n);

/* Deletes what has expired, a bounded number; they are answered no more in
   any case.  *n: how many. */
acm_rc_t acm_challenge_sweep(acm_store_t *store, int64_t now, size_t *n,
    acm_err_t *err);

/* Puts into the batch that all answers of an order are deleted, whoever made
   them: also those that a process made which died. */
acm_rc_t acm_challenge_drop(acm_store_t *store, const char *uuid,
    acm_batch_t *batch, acm_err_t *err);

/*
 * The permanent label of a domain, made at first use.  A wildcard has the
 * label of its domain.  label holds ACM_LABEL_LEN + 1 octets.
 */
acm_rc_t acm_validation_ensure(acm_store_t *store, const char *account,
    const char *domain, int64_t now, char *label, acm_err_t *err);
/* The zone those labels are in, as last configured; zone holds ACM_MAX_NAME
   + 1 octets.  _set commits only a change.  ACM_NOTFOUND: none. */
acm_rc_t acm_validation_zone_get(acm_snap_t *snap, char *zone);
acm_rc_t acm_validation_zone_set(acm_store_t *store, const char *zone,
    acm_err_t *err);

/* ACM_NOTFOUND if it has none yet. */
acm_rc_t acm_validation_get(acm_snap_t *snap, const char *account,
    const char *domain, char *label);


#endif /* _ACM_CHALLENGE_H_INCLUDED_ */
