
/*
 * Copyright (C) The ngx_acm authors
 *
 * base64url, and the records of ACME: orders, accounts, challenges and
 * labels.  What can be read can be written, and is then the same.
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


/* 1 if it is a record of one of the types, which is then written to out. */

static int
fuzz_record(const uint8_t *data, size_t size, acm_buf_t *out)
{
    acm_rc_t          rc;
    acm_account_t     a;
    acm_order_rec_t   rec;
    acm_challenge_t   c;
    acm_validation_t  v;

    if (acm_order_decode(data, size, &rec) == ACM_OK) {
        rc = acm_order_encode(&rec, out);
        acm_order_rec_free(&rec);

    } else if (acm_account_decode(data, size, &a) == ACM_OK) {
        rc = acm_account_encode(&a, out);
        acm_account_free(&a);

    } else if (acm_challenge_decode(data, size, &c) == ACM_OK) {
        rc = acm_challenge_encode(&c, out);
        acm_challenge_free(&c);

    } else if (acm_validation_decode(data, size, &v) == ACM_OK) {
        rc = acm_validation_encode(&v, out);
        acm_validation_free(&v);

    } else {
        return 0;
    }

    if (rc != ACM_OK) {
        __builtin_trap();
    }

    return 1;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    acm_buf_t  first, second;

    fuzz_base64(data, size);

    acm_buf_init(&first, ACM_MAX_STORE_VALUE);
    acm_buf_init(&second, ACM_MAX_STORE_VALUE);

    if (fuzz_record(data, size, &first)) {

        if (first.len > size
            || !fuzz_record(first.data, first.len, &second))
        {
            __builtin_trap();
        }

        fuzz_same(&second, first.data, first.len);
    }

    acm_buf_free(&first);
    acm_buf_free(&second);

    return 0;
}
