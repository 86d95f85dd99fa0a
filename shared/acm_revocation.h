
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates that were revoked: one record for each, from the moment that
 * somebody wants it until ACM_REVOKED_KEPT after its end.  Those of a built-in
 * CA are its list, what a CRL is made of; to a CA over ACME each is a job as
 * well, which lives until the CA has answered, whatever becomes of the
 * certificate here (RFC 8555 s7.6).
 */


#ifndef _ACM_REVOCATION_H_INCLUDED_
#define _ACM_REVOCATION_H_INCLUDED_


#include "acm_record.h"


#define ACM_MAX_REVOKING       8     /* asked for at CAs at a time */
#define ACM_REVOKE_BACKOFF     10    /* seconds after a failure, then doubled */
#define ACM_REVOKE_BACKOFF_MAX 3600
#define ACM_REVOKE_AHEAD       86400 /* seconds; what is due later than that
                                        was put off by a clock that was ahead
                                        */
#define ACM_REVOKE_PAST        259200    /* seconds after the certificate has
                                        expired that a CA is asked still: it
                                        may be our clock that is wrong */
#define ACM_REVOKE_TRIES       10    /* against others that write */
#define ACM_REVOKED_KEPT       604800    /* seconds after the certificate has
                                        expired: a list that is made in this
                                        time has it once more (RFC 5280 s5.1)
                                        */
#define ACM_REVOKED_STEP       500   /* records read in one step */
#define ACM_REVOKED_SWEEP      86400 /* seconds from one sweep to the next */

#define ACM_META_SWEPT         "swept"       /* in ACM_DB_META: when the last
                                        sweep ended */


typedef struct {
    char              *issuer;       /* block that it came from */
    char              *account;
    char              *region;
    char               uuid[ACM_UUID_LEN + 1];
    uint32_t           version;
    char              *domain;
    char              *serial;       /* "0a:1b", as in the certificate's */
    uint8_t            hash[ACM_HASH_LEN];   /* SHA-256 of the leaf */
    uint8_t            ca[ACM_HASH_LEN];     /* and of what signed it */
    acm_revoking_e     state;
    acm_revocation_e   reason;
    int64_t            at;           /* seconds, when it was wanted */
    int64_t            not_after;
    int64_t            ended_at;     /* done, or refused; 0: neither */
    acm_str_t          leaf;         /* DER, while it is wanted */
    int64_t            due_at;       /* seconds, while it is wanted */
    uint32_t           attempts;
    char              *error;        /* of the last attempt; "" */
    uint32_t           bare;         /* 1: the CA does not take the reason */
} acm_revocation_t;


acm_rc_t acm_revocation_encode(const acm_revocation_t *r, acm_buf_t *out);
acm_rc_t acm_revocation_decode(const uint8_t *data, size_t len,
    acm_revocation_t *r);
/* Accepts a zeroed one. */
void acm_revocation_free(acm_revocation_t *r);

/* ACM_NOTFOUND; revision may be NULL.  hash: SHA-256 of the leaf. */
acm_rc_t acm_revocation_get(acm_snap_t *snap, const char *issuer,
    const uint8_t hash[ACM_HASH_LEN], acm_revocation_t *r,
    uint64_t *revision);

/* The same for a leaf of a certificate, by any of its issuers. */
acm_rc_t acm_revocation_find(acm_snap_t *snap, const acm_cert_t *cert,
    const acm_str_t *leaf, acm_revocation_t *r);

/* called for each; not ACM_OK ends the walk */
typedef acm_rc_t (*acm_revocation_pt)(void *data, const acm_revocation_t *r);

/* All of an issuer, or of all issuers if it is NULL; ACM_CORRUPT after all
   others if there are some that cannot be read. */
acm_rc_t acm_revocation_each(acm_snap_t *snap, const char *issuer,
    acm_revocation_pt handler, void *data);

/* The same in pieces, for a snapshot each; all zero before the first. */

typedef struct {
    uint8_t            key[ACM_MAX_STORE_KEY + 1];
    size_t             len;
    int                end;
} acm_revocation_walk_t;

acm_rc_t acm_revocation_some(acm_snap_t *snap, const char *issuer,
    acm_revocation_walk_t *w, size_t max, acm_revocation_pt handler,
    void *data);

/*
 * Revokes what a certificate, as read at `revision`, has as `version` (0: in
 * use), in one commit.  The version in use is served no more; its certificate
 * becomes REVOKED, and what is configured is due to be issued anew at once.
 * ACM_OK also if that was done before; if it was refused, the CA is asked
 * again while the certificate has not expired.  ACM_INVALID: it was imported,
 * is not issued or has expired, or nobody knows which issuer made it;
 * ACM_NOTFOUND: the version is not kept; ACM_CONFLICT.
 */
acm_rc_t acm_certificate_revoke(acm_store_t *store, const acm_cert_t *cert,
    uint64_t revision, uint32_t version, acm_revocation_e reason,
    int64_t now, acm_err_t *err);

/*
 * The first that is due at `now`: ACM_OK and its record.  ACM_NOTFOUND: none,
 * *next is when one will be (INT64_MAX: never).  Entries that lead nowhere
 * are passed over.
 */
acm_rc_t acm_revocation_due(acm_snap_t *snap, int64_t now,
    acm_revocation_t *r, uint64_t *revision, int64_t *next);

/* What leads to one that is due, for whoever checks. */
acm_rc_t acm_revocation_entry(acm_snap_t *snap, const acm_revocation_t *r,
    acm_entry_t *entry);

/*
 * Writes down how a job stands: `r`, whose due_at was `due_at` when it was
 * read at `revision`, which gets the new one.  Once it has ended, the leaf is
 * dropped, the certificate (if it is still there) says so and has it in its
 * history, and of a refusal there is an alarm.
 */
acm_rc_t acm_revocation_update(acm_store_t *store, acm_revocation_t *r,
    uint64_t *revision, int64_t due_at, int64_t now, acm_err_t *err);

/* where it is; all zero before the first step */

typedef struct {
    uint8_t            key[ACM_MAX_STORE_KEY];
    size_t             len;
    uint64_t           removed;      /* of all steps */
} acm_revoked_sweep_t;


/*
 * One step: removes what nobody needs any more and did not at the sweep
 * before, ACM_REVOKED_SWEEP ago or more; nothing if that is less.  more: there
 * are others.  What cannot be read stays, and what is still wanted.  After a
 * failure the next step begins anew.
 */
acm_rc_t acm_revoked_sweep(acm_revoked_sweep_t *sweep, acm_store_t *store,
    int64_t now, int *more, acm_err_t *err);

/*
 * Whenever the clock may have been set back: a sweep that was ahead of it is
 * not that before the next one.  ahead: there was one.
 */
acm_rc_t acm_revoked_clock(acm_store_t *store, int64_t now, int *ahead,
    acm_err_t *err);

/* RFC 5280 s5.3.1, of both spellings; -1: none is said. */
int acm_revocation_code(acm_revocation_e reason);
/* By its name in ACM's API; ACM_REVOKED_NOT if there is none. */
acm_revocation_e acm_revocation_parse(const char *name);
/* "PENDING", "DONE", "REFUSED", or "" */
const char *acm_revoking_text(acm_revoking_e state);


#endif /* _ACM_REVOCATION_H_INCLUDED_ */
