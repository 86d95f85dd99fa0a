
/*
 * Copyright (C) The ngx_acm authors
 *
 * Signatures that were used: three octets each are what is done, which
 * signature it is about, and when.  A list with a line for each says the same,
 * as they are too few for one to be driven out.
 */


#include <string.h>

#include "acm_replay.h"


#define FUZZ_NAMES  512
#define FUZZ_FAR    4            /* what brings the time on by a long way */


typedef struct {
    int64_t   expires;
    int       used;
} fuzz_entry_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static acm_replay_t  fuzz_replay;


static int
fuzz_used(fuzz_entry_t *e, int64_t expires, int64_t now)
{
    if (e->used && e->expires >= now) {
        return 1;
    }

    e->used = 1;
    e->expires = (expires < now + ACM_REPLAY_LIFE) ? expires
                                                    : now + ACM_REPLAY_LIFE;

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t        now, expires;
    uint8_t        signature[ACM_HASH_LEN];
    unsigned       last;
    fuzz_entry_t   entries[FUZZ_NAMES];

    memset(&fuzz_replay, 0, sizeof(acm_replay_t));
    memset(entries, 0, sizeof(entries));
    memset(signature, 0, sizeof(signature));

    now = 1800000000;

    for ( /* void */ ; size >= 3; data += 3, size -= 3) {

        /* they differ in the first octet or only in the last */

        last = (data[0] & 1) && data[1] != 0;
        signature[0] = last ? 0 : data[1];
        signature[ACM_HASH_LEN - 1] = last ? data[1] : 0;

        now += (data[2] & 0x0f) * ((data[0] & FUZZ_FAR) ? 100 : 1);
        expires = now + (data[2] >> 4) * ((data[0] & 2) ? 100 : 1);

        if (acm_replay_used(&fuzz_replay, signature, expires, now)
            != fuzz_used(&entries[last << 8 | data[1]], expires, now))
        {
            __builtin_trap();
        }
    }

    return 0;
}
