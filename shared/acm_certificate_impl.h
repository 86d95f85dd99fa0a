
/*
 * Copyright (C) The ngx_acm authors
 *
 * How a certificate's record, material, names and due entry get into a
 * batch.  A failure sticks in the batch, as with those of acm_store.h.
 */


#ifndef _ACM_CERTIFICATE_IMPL_H_INCLUDED_
#define _ACM_CERTIFICATE_IMPL_H_INCLUDED_


#include "acm_certificate.h"
#include "acm_revocation.h"


/* The record itself, and the precondition that it is as read. */
void acm_batch_cert(acm_batch_t *batch, const acm_cert_t *cert);
void acm_batch_expect_cert(acm_batch_t *batch, const acm_cert_t *cert,
    uint64_t revision);

/*
 * A revocation and its entry in what is due, with the precondition that it is
 * as read at `revision`.  due_at: where its entry was; 0: it had none.
 */
void acm_batch_revocation(acm_batch_t *batch, const acm_revocation_t *r,
    uint64_t revision, int64_t due_at);

/* Which certificate, as the value of an index entry. */
void acm_batch_ref(acm_batch_t *batch, acm_db_e db, const void *key,
    size_t len, const acm_cert_t *cert);

/*
 * A certificate from old (NULL: there was none) to next: the record, its
 * entries in all indices, its history, and the events of the change.
 */
void acm_batch_change(acm_batch_t *batch, const acm_cert_t *old,
    acm_cert_t *next, int64_t now);

/* The same without history and events. */
void acm_batch_moves(acm_batch_t *batch, const acm_cert_t *old,
    const acm_cert_t *next);

/* Puts or deletes the entries of the indices of times and of the state; and
   those of all names. */
void acm_batch_indices(acm_batch_t *batch, const acm_cert_t *cert, int put);
void acm_batch_names(acm_batch_t *batch, const acm_cert_t *cert,
    int put);

/* Material and chain, but for what `like` has of it, which may be NULL; drops
   the versions that are not kept any more. */
acm_rc_t acm_batch_material(acm_batch_t *batch, acm_keyring_t *ring,
    acm_store_t *store, const acm_cert_t *next, const acm_bundle_t *bundle,
    const acm_bundle_t *like, acm_err_t *err);

/* Deletes the material of all versions up to and including `last`. */
acm_rc_t acm_batch_versions(acm_batch_t *batch, acm_snap_t *snap,
    const char *uuid, uint32_t last, acm_err_t *err);

/* Commits, or tells why the batch could not be built. */
acm_rc_t acm_commit(acm_store_t *store, acm_batch_t *batch,
    acm_err_t *err);


#endif /* _ACM_CERTIFICATE_IMPL_H_INCLUDED_ */
