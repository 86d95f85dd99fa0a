
/*
 * Copyright (C) The ngx_acm authors
 *
 * The index of what is not simply issued: map ACM_DB_STATE.  A certificate
 * that is issued and found by each of its names and by its end has no entry,
 * so that a store of many has few.  Whoever looks in the indices of names or
 * of ends finds here what those do not have.
 */


#ifndef _ACM_STATE_H_INCLUDED_
#define _ACM_STATE_H_INCLUDED_


#include "acm_record.h"


/* A kind is a status and one of these; 0 for a certificate without an entry.
   Those from ACM_STATE_APART on are not found by their names, those from
   ACM_STATE_ENDLESS on not by their end either. */

#define ACM_STATE_APART    8     /* a name is an address, or it is revoked */
#define ACM_STATE_ENDLESS  16    /* it was never issued */
#define ACM_STATE_MAX      24


unsigned acm_state_kind(const acm_cert_t *cert);

/* That of acm_seal_key(), "/", u8 kind, UUID; or 0. */
size_t acm_state_key(uint8_t *buf, const char *account, const char *region,
    unsigned kind, const char *uuid);

/* Makes the key of an entry that of its certificate; 0: its kind is less. */
size_t acm_state_cert(uint8_t *key, size_t len, unsigned kind);

/* Builders: the entry of old, which may be all zero, becomes that of next;
   puts or deletes the entry of a certificate. */
void acm_state_moves(acm_batch_t *batch, const acm_cert_t *old,
    const acm_cert_t *next);
void acm_state_entry(acm_batch_t *batch, const acm_cert_t *cert, int put);

/* A builder: so many more certificates have the entry that they should. */
void acm_state_count(acm_batch_t *batch, int64_t add);

/* How many do not, in a store that an older version wrote. */
acm_rc_t acm_state_behind(acm_snap_t *snap, int64_t *n);

/* The revision of the last commit that removed all entries, as an older
   version had been there; 0: none did.  ACM_CORRUPT: when is not known. */
acm_rc_t acm_state_emptied(acm_snap_t *snap, uint64_t *revision);

/* A builder: the batch fails with ACM_CONFLICT if there was another since. */
void acm_state_expect(acm_batch_t *batch, uint64_t revision);
/* A builder: this commit might be it. */
void acm_state_mistrust(acm_batch_t *batch);


#endif /* _ACM_STATE_H_INCLUDED_ */
