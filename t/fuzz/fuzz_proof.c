
/*
 * Copyright (C) The ngx_acm authors
 *
 * What a resolver says of the CNAME that proves a name: each answer is behind
 * two octets of length, and the question put in by us.
 */


#include <string.h>

#include "acm_dns_msg.h"
#include "acm_proof.h"


#define FUZZ_OWNER  "_x1.www.example.com."
#define FUZZ_VALUE  "_x2.abc.acm-validations.aws."


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_that(int holds)
{
    if (!holds) {
        __builtin_trap();
    }
}


/* The header and question of a query as those of a response, then data. */

static acm_rc_t
fuzz_answer(acm_proof_t *p, const uint8_t *data, size_t size)
{
    acm_rc_t   rc;
    acm_buf_t  out;

    acm_buf_init(&out, ACM_MAX_DNS_WIRE);

    /* what it goes on with can be asked for */

    fuzz_that(acm_dns_query(p->name, ACM_DNS_CNAME, 1, &out, NULL)
              == ACM_OK);

    /* without the EDNS record, which has eleven octets */

    out.len -= 11;
    out.data[2] = 0x80;
    out.data[3] = data[0] & 3;
    out.data[7] = data[1] & 7;
    out.data[11] = 0;

    acm_buf_add(&out, data + 2, size - 2);
    rc = acm_proof_answer(p, out.data, out.len);
    acm_buf_free(&out);

    return rc;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t        len, n;
    acm_rc_t      rc;
    acm_proof_t   p;

    fuzz_that(acm_proof_init(&p, FUZZ_OWNER, FUZZ_VALUE) == ACM_OK);

    for (n = 0, rc = ACM_BUSY; rc == ACM_BUSY && size >= 2; n++) {
        len = (size_t) data[0] << 8 | data[1];
        data += 2;
        size -= 2;
        len = (len < size) ? len : size;

        if (len < 2) {
            break;
        }

        fuzz_that(n < ACM_MAX_PROOF_CNAMES);

        rc = fuzz_answer(&p, data, len);

        data += len;
        size -= len;
    }

    fuzz_that(rc == ACM_OK || rc == ACM_BUSY || rc == ACM_ERROR
              || rc == ACM_NOTFOUND);
    fuzz_that(rc == ACM_OK || rc == ACM_BUSY || p.why[0] != '\0');
    fuzz_that(strnlen(p.why, sizeof(p.why)) < sizeof(p.why));

    for (n = 0; p.why[n] != '\0'; n++) {
        fuzz_that(p.why[n] >= ' ' && p.why[n] < 0x7f);
    }

    return 0;
}
