
/*
 * Copyright (C) The ngx_acm authors
 *
 * Everything that is read from the table is bounded here, too: a process
 * that was killed may have left it half written.  Such a table gives wrong
 * hints, and nothing worse.
 */


#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "acm_warm.h"


#define ACM_WARM_MAGIC     "ACMW"
#define ACM_WARM_VERSION   1
#define ACM_WARM_MULT      0x9e3779b97f4a7c15ULL


typedef struct {
    uint32_t  weight;
    uint16_t  place;
} acm_warm_rank_t;


static size_t acm_warm_bucket(const acm_warm_t *warm, const uint8_t *key,
    size_t len);
static size_t acm_warm_count(const acm_warm_t *warm);
static size_t acm_warm_find(const acm_warm_t *warm, size_t bucket,
    const uint8_t *key, size_t len);
static size_t acm_warm_place(acm_warm_t *warm, uint32_t uses);
static void acm_warm_unlink(acm_warm_t *warm, size_t place);
static void acm_warm_weigh(acm_warm_t *warm);
static int acm_warm_rank(const void *one, const void *two);
static acm_rc_t acm_warm_parse(acm_warm_t *warm, const uint8_t *data,
    size_t len, acm_err_t *err);
static int acm_warm_digest(const uint8_t *data, size_t len,
    uint8_t hash[ACM_HASH_LEN]);


void
acm_warm_note(acm_warm_t *warm, const uint8_t *key, size_t len, uint32_t uses)
{
    size_t            bucket, place;
    uint32_t         *weight;
    acm_warm_name_t  *name;

    if (len == 0 || len > ACM_WARM_KEY) {
        return;
    }

    bucket = acm_warm_bucket(warm, key, len);
    place = acm_warm_find(warm, bucket, key, len);

    if (place != 0) {
        weight = &warm->weights[place - 1];
        *weight = (uses > UINT32_MAX - *weight) ? UINT32_MAX : *weight + uses;

    } else {
        place = acm_warm_place(warm, uses);

        if (place == 0) {
            return;
        }

        warm->weights[place - 1] = uses;

        name = &warm->names[place - 1];
        memcpy(name->key, key, len);
        name->len = (uint16_t) len;
        name->next = warm->buckets[bucket];
        warm->buckets[bucket] = (uint16_t) place;
    }

    warm->changes++;

    if (warm->n >= ACM_WARM_NAMES && place - 1 == warm->least) {
        acm_warm_weigh(warm);
    }
}


static size_t
acm_warm_bucket(const acm_warm_t *warm, const uint8_t *key, size_t len)
{
    size_t    i;
    uint64_t  h;

    h = warm->seed ^ len;

    for (i = 0; i < len; i++) {
        h = (h ^ key[i]) * ACM_WARM_MULT;
        h ^= h >> 29;
    }

    return (size_t) ((h ^ h >> 32) % ACM_WARM_NAMES);
}


static size_t
acm_warm_count(const acm_warm_t *warm)
{
    return (warm->n < ACM_WARM_NAMES) ? warm->n : ACM_WARM_NAMES;
}


/* Its place + 1; 0: it is not there. */

static size_t
acm_warm_find(const acm_warm_t *warm, size_t bucket, const uint8_t *key,
    size_t len)
{
    size_t                  i, place;
    const acm_warm_name_t  *name;

    place = warm->buckets[bucket];

    for (i = 0; place != 0 && place <= ACM_WARM_NAMES && i < ACM_WARM_NAMES;
         i++)
    {
        name = &warm->names[place - 1];

        if (name->len == len && memcmp(name->key, key, len) == 0) {
            return place;
        }

        place = name->next;
    }

    return 0;
}


/* A place + 1 for another; 0: all are taken by what was used as often. */

static size_t
acm_warm_place(acm_warm_t *warm, uint32_t uses)
{
    size_t  place;

    place = acm_warm_count(warm);

    if (place < ACM_WARM_NAMES) {
        warm->n = (uint32_t) place + 1;

        if (warm->n == ACM_WARM_NAMES) {
            /* the new one is looked at when it has its weight */
            warm->least = (uint32_t) place;
        }

        return place + 1;
    }

    place = warm->least % ACM_WARM_NAMES;

    if (uses <= warm->weights[place]) {
        return 0;
    }

    acm_warm_unlink(warm, place);

    return place + 1;
}


static void
acm_warm_unlink(acm_warm_t *warm, size_t place)
{
    size_t            i, len;
    uint16_t         *p;
    acm_warm_name_t  *name;

    name = &warm->names[place];
    len = (name->len <= ACM_WARM_KEY) ? name->len : ACM_WARM_KEY;

    p = &warm->buckets[acm_warm_bucket(warm, name->key, len)];

    for (i = 0; *p != 0 && *p <= ACM_WARM_NAMES && i < ACM_WARM_NAMES; i++) {

        if (*p == place + 1) {
            *p = name->next;
            return;
        }

        p = &warm->names[*p - 1].next;
    }
}


static void
acm_warm_weigh(acm_warm_t *warm)
{
    uint32_t  i;

    warm->least = 0;

    for (i = 1; i < ACM_WARM_NAMES; i++) {
        if (warm->weights[i] < warm->weights[warm->least]) {
            warm->least = i;
        }
    }
}


void
acm_warm_age(acm_warm_t *warm, int64_t now)
{
    size_t  i;

    /* a clock that was set back starts anew */

    if (now >= warm->halved && now < warm->halved + ACM_WARM_HALF) {
        return;
    }

    for (i = 0; i < acm_warm_count(warm); i++) {
        warm->weights[i] /= 2;
    }

    warm->halved = now;
}


static int
acm_warm_rank(const void *one, const void *two)
{
    const acm_warm_rank_t  *a = one, *b = two;

    if (a->weight != b->weight) {
        return (a->weight > b->weight) ? -1 : 1;
    }

    return (int) a->place - (int) b->place;
}


size_t
acm_warm_order(const acm_warm_t *warm, uint16_t order[ACM_WARM_NAMES])
{
    size_t           i, n;
    acm_warm_rank_t  ranks[ACM_WARM_NAMES];

    n = acm_warm_count(warm);

    for (i = 0; i < n; i++) {
        ranks[i].weight = warm->weights[i];
        ranks[i].place = (uint16_t) i;
    }

    qsort(ranks, n, sizeof(acm_warm_rank_t), acm_warm_rank);

    for (i = 0; i < n; i++) {
        order[i] = ranks[i].place;
    }

    return n;
}


acm_rc_t
acm_warm_encode(const acm_warm_t *warm, acm_buf_t *out)
{
    size_t                  i, n, len;
    uint8_t                 hash[ACM_HASH_LEN];
    uint16_t                order[ACM_WARM_NAMES];
    const acm_warm_name_t  *name;

    n = acm_warm_order(warm, order);

    acm_buf_text(out, ACM_WARM_MAGIC);
    acm_buf_u16(out, ACM_WARM_VERSION);
    acm_buf_u16(out, (uint16_t) n);

    for (i = 0; i < n; i++) {
        name = &warm->names[order[i]];
        len = (name->len <= ACM_WARM_KEY) ? name->len : ACM_WARM_KEY;

        acm_buf_u32(out, warm->weights[order[i]]);
        acm_buf_u16(out, (uint16_t) len);
        acm_buf_add(out, name->key, len);
    }

    if (acm_buf_rc(out) == ACM_OK
        && !acm_warm_digest(out->data, out->len, hash))
    {
        return ACM_NOMEM;
    }

    acm_buf_add(out, hash, ACM_HASH_LEN);

    return acm_buf_rc(out);
}


acm_rc_t
acm_warm_decode(acm_warm_t *warm, const uint8_t *data, size_t len,
    acm_err_t *err)
{
    acm_rc_t  rc;
    uint8_t   hash[ACM_HASH_LEN];

    if (len < ACM_HASH_LEN || len > ACM_WARM_MAX
        || !acm_warm_digest(data, len - ACM_HASH_LEN, hash)
        || memcmp(data + len - ACM_HASH_LEN, hash, ACM_HASH_LEN) != 0)
    {
        return acm_fail(err, ACM_CORRUPT, "its checksum is wrong");
    }

    len -= ACM_HASH_LEN;

    /* all of it, before any of it is taken */

    rc = acm_warm_parse(NULL, data, len, err);

    return (rc == ACM_OK) ? acm_warm_parse(warm, data, len, err) : rc;
}


static acm_rc_t
acm_warm_parse(acm_warm_t *warm, const uint8_t *data, size_t len,
    acm_err_t *err)
{
    size_t          i, n, key_len;
    uint32_t        weight;
    acm_reader_t    r;
    const uint8_t  *magic, *key;

    acm_reader_init(&r, data, len);

    magic = acm_read_bytes(&r, sizeof(ACM_WARM_MAGIC) - 1);

    if (magic == NULL
        || memcmp(magic, ACM_WARM_MAGIC, sizeof(ACM_WARM_MAGIC) - 1) != 0)
    {
        return acm_fail(err, ACM_CORRUPT, "it is no list of names");
    }

    if (acm_read_u16(&r) != ACM_WARM_VERSION && r.rc == ACM_OK) {
        return acm_fail(err, ACM_VERSION, "it is of another version");
    }

    n = acm_read_u16(&r);

    if (n > ACM_WARM_NAMES) {
        return acm_fail(err, ACM_CORRUPT, "it has more than %d names",
                        ACM_WARM_NAMES);
    }

    for (i = 0; i < n; i++) {
        weight = acm_read_u32(&r);
        key_len = acm_read_u16(&r);
        key = acm_read_bytes(&r, key_len);

        if (key == NULL || key_len == 0 || key_len > ACM_WARM_KEY) {
            return acm_fail(err, ACM_CORRUPT, "name %zu is damaged", i);
        }

        if (warm != NULL) {
            acm_warm_note(warm, key, key_len, weight);
        }
    }

    if (r.rc != ACM_OK || r.pos != r.end) {
        return acm_fail(err, ACM_CORRUPT, "its length is wrong");
    }

    return ACM_OK;
}


static int
acm_warm_digest(const uint8_t *data, size_t len, uint8_t hash[ACM_HASH_LEN])
{
    return EVP_Digest(data, len, hash, NULL, EVP_sha256(), NULL) == 1;
}
