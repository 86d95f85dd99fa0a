
/*
 * Copyright (C) The ngx_acm authors
 *
 * base64url, and the records of ACME: orders, accounts, challenges and
 * labels.  What can be read has one encoding only.
 */


#include <string.h>

#include "acm_account.h"
#include "acm_jws.h"
#include "acm_order.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_same(const acm_buf_t *out, const uint8_t *data, size_t size)
{
    if (acm_buf_rc(out) != ACM_OK || out->len != size
        || memcmp(out->data, data, size) != 0)
    {
        __builtin_trap();
    }
}


static void
fuzz_base64(const uint8_t *data, size_t size)
{
    acm_buf_t  octets, text;

    acm_buf_init(&octets, ACM_MAX_STORE_VALUE);
    acm_buf_init(&text, ACM_MAX_STORE_VALUE);

    if (acm_b64url_decode(&octets, (const char *) data, size) == ACM_OK
        && size != 0)
    {
        acm_b64url(&text, octets.data, octets.len);
        fuzz_same(&text, data, size);
    }

    acm_buf_free(&octets);
    acm_buf_free(&text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    acm_buf_t         out;
    acm_account_t     a;
    acm_order_rec_t   rec;
    acm_challenge_t   c;
    acm_validation_t  v;

    fuzz_base64(data, size);

    acm_buf_init(&out, ACM_MAX_STORE_VALUE);

    if (acm_order_decode(data, size, &rec) == ACM_OK) {
        (void) acm_order_encode(&rec, &out);
        fuzz_same(&out, data, size);
        acm_order_rec_free(&rec);

    } else if (acm_account_decode(data, size, &a) == ACM_OK) {
        (void) acm_account_encode(&a, &out);
        fuzz_same(&out, data, size);
        acm_account_free(&a);

    } else if (acm_challenge_decode(data, size, &c) == ACM_OK) {
        (void) acm_challenge_encode(&c, &out);
        fuzz_same(&out, data, size);
        acm_challenge_free(&c);

    } else if (acm_validation_decode(data, size, &v) == ACM_OK) {
        (void) acm_validation_encode(&v, &out);
        fuzz_same(&out, data, size);
        acm_validation_free(&v);
    }

    acm_buf_free(&out);

    return 0;
}
