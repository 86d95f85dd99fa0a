
/*
 * Copyright (C) The ngx_acm authors
 *
 * By the first octet: a key file; or the answer to an update, its id set
 * right.  Nobody without the secret makes an answer that is accepted.
 */


#include <string.h>

#include "acm_dns_update.h"


#define KEY  "key acm.example { algorithm hmac-sha256; secret "               \
             "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=; };"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    acm_err_t          err;
    acm_dns_update_t   update;
    acm_tsig_secret_t  key;

    if (size == 0) {
        return 0;
    }

    if (data[0] == 'k') {
        if (acm_tsig_parse((const char *) data, size, &key, &err) == ACM_OK
            && (key.len < ACM_MIN_TSIG_SECRET
                || key.len > ACM_MAX_TSIG_SECRET || key.name[0] == '\0'))
        {
            __builtin_trap();
        }

        return 0;
    }

    if (size < 3
        || acm_tsig_parse(KEY, sizeof(KEY) - 1, &key, &err) != ACM_OK)
    {
        return 0;
    }

    memset(&update, 0, sizeof(update));
    update.id = (uint16_t) (data[1] << 8 | data[2]);
    update.mac_len = 32;

    if (acm_dns_update_answer(&update, &key, 1800000000, data + 1, size - 1,
                              &err)
        == ACM_OK)
    {
        __builtin_trap();
    }

    return 0;
}
