
/*
 * Copyright (C) The ngx_acm authors
 *
 * Signatures that were used, so that a request that changes something is
 * not done again for whoever recorded it.  A set of fixed size in memory that
 * processes and threads share, without a lock: a place is one word, which is
 * changed at once, so that whoever is killed leaves nothing half done.  One
 * who comes after a restart is not stopped.  Idempotency of the operations is
 * what holds then; this is a second line.
 *
 * Where no place is free, what would expire first is forgotten first, and can
 * be replayed for the rest of its time.  Only requests that were verified are
 * put in, so only somebody with a key can bring that about.
 */


#ifndef _ACM_REPLAY_H_INCLUDED_
#define _ACM_REPLAY_H_INCLUDED_


#include "acm_sigv4.h"


#define ACM_REPLAY_SETS  2048
#define ACM_REPLAY_WAYS  32      /* places that a signature may have */
#define ACM_REPLAY_SEED  16      /* octets */
#define ACM_REPLAY_LIFE  (2 * ACM_MAX_SIGV4_SKEW)  /* seconds, at most */


/* zeros but for the seed, which is random: places are not to be guessed */

typedef struct {
    uint8_t   seed[ACM_REPLAY_SEED];
    uint64_t  slots[ACM_REPLAY_SETS][ACM_REPLAY_WAYS];
} acm_replay_t;


/*
 * 1 if the signature (ACM_HASH_LEN octets) is in the set.  0 if not, and now
 * it is, until the second "expires": that of the signature plus the skew that
 * is allowed, at most ACM_REPLAY_LIFE from now.  now: seconds.  Of several who
 * come with the same one at the same time at most one gets 0.
 */
int acm_replay_used(acm_replay_t *replay, const uint8_t *signature,
    int64_t expires, int64_t now);


#endif /* _ACM_REPLAY_H_INCLUDED_ */
