
/*
 * Copyright (C) The ngx_acm authors
 *
 * Signatures that were used, so that a request that changes something is
 * not done again for whoever recorded it.  A set of fixed size in the memory
 * of one process: an attacker who reaches another worker is not stopped, nor
 * is one who comes after a restart.  Idempotency of the operations is what
 * holds then; this is a second line.
 *
 * When the set is full, what was put in first is forgotten first, and can be
 * replayed for the rest of its time.  Only requests that were verified are
 * put in, so only somebody with a key can bring that about.
 */


#ifndef _ACM_REPLAY_H_INCLUDED_
#define _ACM_REPLAY_H_INCLUDED_


#include "acm.h"


#define ACM_REPLAY_SIZE        8192     /* signatures, by default: 512 KB */
#define ACM_MAX_REPLAY_SIZE    1048576


typedef struct acm_replay_s  acm_replay_t;


/* NULL without memory, or for a size that is not 1 to ACM_MAX_REPLAY_SIZE. */
acm_replay_t *acm_replay_new(size_t size);
void acm_replay_free(acm_replay_t *replay);

/*
 * 1 if the signature (ACM_HASH_LEN octets) is in the set.  0 if not, and now
 * it is, until the second "expires": that of the signature plus the skew that
 * is allowed.  now: seconds.
 */
int acm_replay_used(acm_replay_t *replay, const uint8_t *signature,
    int64_t expires, int64_t now);

/*
 * Takes a signature out: of a request that failed, or that the client may
 * send again as it is, since clients that retry within one second sign alike.
 */
void acm_replay_forget(acm_replay_t *replay, const uint8_t *signature);

/* How many were forgotten before their time. */
uint64_t acm_replay_evicted(const acm_replay_t *replay);


#endif /* _ACM_REPLAY_H_INCLUDED_ */
