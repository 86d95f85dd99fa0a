
/*
 * Copyright (C) The ngx_acm authors
 *
 * Signatures that were used: the first octet is the size of the set, then
 * three octets each are what is done, which signature it is about, and when.
 * A list that is gone through from its start says the same.
 */


#include <string.h>

#include "acm_replay.h"


#define FUZZ_SIZE  16


typedef struct {
    unsigned   name;
    int64_t    expires;
    int        used;
} fuzz_entry_t;

typedef struct {
    fuzz_entry_t   entries[FUZZ_SIZE];
    size_t         size;
    size_t         head;
    uint64_t       evicted;
} fuzz_list_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_that(int holds)
{
    if (!holds) {
        __builtin_trap();
    }
}


static fuzz_entry_t *
fuzz_find(fuzz_list_t *list, unsigned name)
{
    size_t  i;

    for (i = 0; i < list->size; i++) {
        if (list->entries[i].used && list->entries[i].name == name) {
            return &list->entries[i];
        }
    }

    return NULL;
}


static int
fuzz_used(fuzz_list_t *list, unsigned name, int64_t expires, int64_t now)
{
    fuzz_entry_t  *e;

    e = fuzz_find(list, name);

    if (e != NULL && e->expires >= now) {
        return 1;
    }

    if (e == NULL) {
        e = &list->entries[list->head];
        list->head = (list->head + 1) % list->size;
        list->evicted += (e->used && e->expires >= now);
    }

    e->name = name;
    e->used = 1;
    e->expires = expires;

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t         now, expires;
    uint8_t         signature[ACM_HASH_LEN];
    unsigned        name, last;
    fuzz_list_t     list;
    fuzz_entry_t   *e;
    acm_replay_t   *replay;

    if (size == 0) {
        return 0;
    }

    memset(&list, 0, sizeof(fuzz_list_t));
    memset(signature, 0, sizeof(signature));

    list.size = 1 + data[0] % FUZZ_SIZE;
    replay = acm_replay_new(list.size);
    fuzz_that(replay != NULL);

    now = 1800000000;

    for (data++, size--; size >= 3; data += 3, size -= 3) {

        /* they differ in the first octet or only in the last */

        last = (data[0] & 1) && data[1] != 0;
        name = last << 8 | data[1];
        signature[0] = last ? 0 : data[1];
        signature[ACM_HASH_LEN - 1] = last ? data[1] : 0;

        now += data[2] & 0x0f;
        expires = now + (data[2] >> 4);

        if (data[0] & 2) {
            acm_replay_forget(replay, signature);
            e = fuzz_find(&list, name);

            if (e != NULL) {
                e->used = 0;
            }

            continue;
        }

        fuzz_that(acm_replay_used(replay, signature, expires, now)
                  == fuzz_used(&list, name, expires, now));
        fuzz_that(acm_replay_evicted(replay) == list.evicted);
    }

    acm_replay_free(replay);

    return 0;
}
