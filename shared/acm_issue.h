
/*
 * Copyright (C) The ngx_acm authors
 *
 * Issuance by a built-in CA: the CA's own keys in the store, and a new key
 * pair and certificate for a record.  Called by the engine only.
 */


#ifndef _ACM_ISSUE_H_INCLUDED_
#define _ACM_ISSUE_H_INCLUDED_


#include "acm_engine.h"


/*
 * A new key pair and a certificate for the names of cert, checked: it holds
 * the key and exactly the names, and serves a TLS handshake.  The CA is made
 * and stored at first use, and gets a new issuing CA when the old one ends
 * before such a certificate would.  Release the bundle with
 * acm_bundle_free().
 */
acm_rc_t acm_issue_bundle(acm_keyring_t *ring, const acm_issuer_t *issuer,
    const acm_cert_t *cert, int64_t now, acm_bundle_t *bundle,
    acm_err_t *err);

/*
 * The stored CA of an issuer, keys opened.  ACM_NOTFOUND if it was not made
 * yet.  revision may be NULL.  Release with acm_ca_free().
 */
acm_rc_t acm_issue_load(acm_keyring_t *ring, const char *issuer,
    acm_ca_t *ca, uint64_t *revision, acm_err_t *err);


/* 1 if that CA is there and its root has begun: it signs what is good now. */
int acm_issue_begun(acm_snap_t *snap, const char *issuer, int64_t now);

/* 1 if that CA has ended: what it issues from now on nobody would take. */
int acm_issue_ended(acm_keyring_t *ring, const char *issuer, int64_t now);


#endif /* _ACM_ISSUE_H_INCLUDED_ */
