
/*
 * Copyright (C) The ngx_acm authors
 *
 * Each token has two entries: one by its hash, and an empty one by its time,
 * by which it is found when it is over.
 */


#include <string.h>

#include "acm_record_impl.h"
#include "acm_token.h"


#define ACM_TOKEN_KEY       (1 + ACM_HASH_LEN)
#define ACM_TOKEN_TIME_KEY  (1 + 8 + ACM_HASH_LEN)


static const acm_field_t  acm_token_fields[] = {
    acm_field(1, ACM_FIELD_TEXT, acm_token_t, ref.account, 1, ACM_MAX_LABEL),
    acm_field(2, ACM_FIELD_TEXT, acm_token_t, ref.region, 1, ACM_MAX_LABEL),
    acm_field(3, ACM_FIELD_UUID, acm_token_t, ref.uuid, 1, ACM_UUID_LEN),
    acm_field(4, ACM_FIELD_TIME, acm_token_t, at, 0, 0)
};

static const acm_layout_t  acm_token_layout =
    acm_layout(ACM_REC_TOKEN, acm_token_t, acm_token_fields);


static void acm_token_key(uint8_t *key, const uint8_t *hash);
static void acm_token_time_key(uint8_t *key, const uint8_t *hash, int64_t at);


acm_rc_t
acm_token_get(acm_snap_t *snap, const uint8_t *hash, int64_t now,
    acm_token_t *token, uint64_t *revision)
{
    uint8_t      key[ACM_TOKEN_KEY];
    acm_rc_t     rc;
    acm_entry_t  entry;

    *revision = 0;
    acm_token_key(key, hash);

    rc = acm_store_get(snap, ACM_DB_TOKEN, key, sizeof(key), &entry);

    if (rc != ACM_OK) {
        return rc;
    }

    *revision = entry.revision;

    rc = acm_record_decode(&acm_token_layout, entry.data, entry.len, token);

    if (rc != ACM_OK) {
        return rc;
    }

    /* also when the clock went back */

    return (now - token->at >= ACM_TOKEN_LIFE
            || token->at - now >= ACM_TOKEN_LIFE) ? ACM_NOTFOUND : ACM_OK;
}


void
acm_token_put(acm_batch_t *batch, const uint8_t *hash,
    const acm_token_t *token, uint64_t revision)
{
    uint8_t    key[ACM_TOKEN_KEY], time[ACM_TOKEN_TIME_KEY];
    acm_rc_t   rc;
    acm_buf_t  buf;

    acm_token_key(key, hash);
    acm_token_time_key(time, hash, token->at);
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    rc = acm_record_encode(&acm_token_layout, token, &buf);

    if (rc == ACM_OK) {
        acm_batch_expect(batch, ACM_DB_TOKEN, key, sizeof(key), revision);
        acm_batch_put(batch, ACM_DB_TOKEN, key, sizeof(key), buf.data,
                      buf.len);
        acm_batch_put(batch, ACM_DB_TOKEN, time, sizeof(time), "", 0);

    } else if (batch->rc == ACM_OK) {
        batch->rc = rc;
    }

    acm_buf_free(&buf);
}


void
acm_token_sweep(acm_batch_t *batch, acm_snap_t *snap, int64_t now)
{
    size_t        n;
    int64_t       at;
    uint8_t       key[ACM_TOKEN_KEY];
    uint8_t       times[ACM_TOKEN_SWEEP][ACM_TOKEN_TIME_KEY];
    acm_rc_t      rc;
    acm_token_t   token;
    acm_entry_t   entry;
    acm_reader_t  r;

    n = 0;

    for (rc = acm_store_seek(snap, ACM_DB_TOKEN, "t", 1, &entry);
         n < ACM_TOKEN_SWEEP
         && (rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL));
         rc = acm_store_next(snap, ACM_DB_TOKEN, &entry))
    {
        if (entry.key_len != ACM_TOKEN_TIME_KEY || entry.key[0] != 't') {
            break;
        }

        acm_reader_init(&r, entry.key + 1, 8);
        at = (int64_t) acm_read_u64(&r);

        if (now - at < ACM_TOKEN_LIFE) {
            break;
        }

        memcpy(times[n++], entry.key, ACM_TOKEN_TIME_KEY);
    }

    while (n-- != 0) {
        acm_batch_delete(batch, ACM_DB_TOKEN, times[n], ACM_TOKEN_TIME_KEY);

        acm_reader_init(&r, times[n] + 1, 8);
        at = (int64_t) acm_read_u64(&r);
        acm_token_key(key, times[n] + 9);

        rc = acm_store_get(snap, ACM_DB_TOKEN, key, sizeof(key), &entry);

        if (rc == ACM_OK) {
            rc = acm_record_decode(&acm_token_layout, entry.data, entry.len,
                                   &token);
        }

        /* it may have been given again later; one that is damaged could never
           be given again */

        if (rc == ACM_CORRUPT || (rc == ACM_OK && token.at == at)) {
            acm_batch_delete(batch, ACM_DB_TOKEN, key, sizeof(key));
        }
    }
}


static void
acm_token_key(uint8_t *key, const uint8_t *hash)
{
    key[0] = 'r';
    memcpy(key + 1, hash, ACM_HASH_LEN);
}


static void
acm_token_time_key(uint8_t *key, const uint8_t *hash, int64_t at)
{
    unsigned  i;

    key[0] = 't';

    for (i = 0; i < 8; i++) {
        key[1 + i] = (uint8_t) ((uint64_t) ((at < 0) ? 0 : at)
                                >> (56 - 8 * i));
    }

    memcpy(key + 9, hash, ACM_HASH_LEN);
}
