
/*
 * Copyright (C) The ngx_acm authors
 *
 * The list of names that are asked for most: its checksum is made good, then
 * what was read is the same when it is written and read again.
 */


#include <string.h>

#include <openssl/evp.h>

#include "acm_warm.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t    hash[ACM_HASH_LEN];
    acm_err_t  err;
    acm_buf_t  in, out;

    static acm_warm_t  warm, again;

    memset(&warm, 0, sizeof(acm_warm_t));
    memset(&again, 0, sizeof(acm_warm_t));

    if (acm_warm_decode(&warm, data, size, &err) != ACM_OK && warm.n != 0) {
        __builtin_trap();
    }

    acm_buf_init(&in, ACM_WARM_MAX);
    acm_buf_init(&out, ACM_WARM_MAX);

    acm_buf_add(&in, data, size);

    if (EVP_Digest(data, size, hash, NULL, EVP_sha256(), NULL) != 1) {
        __builtin_trap();
    }

    acm_buf_add(&in, hash, ACM_HASH_LEN);

    if (acm_warm_decode(&warm, in.data, in.len, &err) == ACM_OK
        && (acm_warm_encode(&warm, &out) != ACM_OK
            || acm_warm_decode(&again, out.data, out.len, &err) != ACM_OK
            || again.n != warm.n))
    {
        __builtin_trap();
    }

    acm_buf_free(&in);
    acm_buf_free(&out);

    return 0;
}
