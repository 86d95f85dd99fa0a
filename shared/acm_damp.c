
/*
 * Copyright (C) The ngx_acm authors
 */


#include <string.h>

#include "acm_damp.h"


#define ACM_DAMP_SECOND  1000        /* milliseconds */


static int acm_damp_over(const acm_damped_t *d, int64_t ticks);


int
acm_damp(acm_damp_t *damp, const uint8_t key[ACM_DAMP_KEY], int64_t ticks,
    uint64_t *others)
{
    size_t         i;
    acm_damped_t  *d, *room;

    *others = 0;
    room = NULL;

    for (i = 0; i < ACM_DAMP_MAX; i++) {
        d = &damp->list[i];

        if (acm_damp_over(d, ticks)) {
            room = (room != NULL) ? room : d;

        } else if (memcmp(d->key, key, ACM_DAMP_KEY) == 0) {
            break;
        }
    }

    if (i == ACM_DAMP_MAX) {

        if (room == NULL) {
            damp->others++;
            return 0;
        }

        d = room;
        memcpy(d->key, key, ACM_DAMP_KEY);
        d->wait = ACM_DAMP_FIRST * ACM_DAMP_SECOND;

    } else if (ticks < d->at) {
        return 0;

    } else if (d->wait < ACM_DAMP_LAST * ACM_DAMP_SECOND / 2) {
        d->wait *= 2;

    } else {
        d->wait = ACM_DAMP_LAST * ACM_DAMP_SECOND;
    }

    d->at = ticks + d->wait;

    *others = damp->others;
    damp->others = 0;

    return 1;
}


static int
acm_damp_over(const acm_damped_t *d, int64_t ticks)
{
    return d->wait == 0 || ticks >= d->at + d->wait;
}
