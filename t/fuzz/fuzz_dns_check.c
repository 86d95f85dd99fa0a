
/*
 * Copyright (C) The ngx_acm authors
 *
 * The check of a TXT value, or of addresses, with the answers to all its
 * questions: each behind two octets of length, and the question put in by
 * us, so that the machine gets far.
 */


#include <string.h>

#include "acm_dns_check.h"


/* five CNAMEs and one end, a zone above each label, addresses of eight
   servers, four of each asked, and all but the last twice */
#define MAX_QUESTIONS  (2 * (6 + 128 + 16) + 32)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* The header and question of a query as those of a response, then data. */

static int
fuzz_answer(const acm_dns_ask_t *ask, const uint8_t *data, size_t size,
    acm_buf_t *out)
{
    /* what did not fit before is forgotten */

    acm_buf_free(out);

    if (size < 3
        || acm_dns_query(ask->name, ask->type, 0, out, NULL) != ACM_OK)
    {
        return 0;
    }

    /* without the EDNS record, which has eleven octets */

    out->len -= 11;
    out->data[2] = 0x84;
    out->data[3] = data[0] & 3;
    out->data[7] = data[1] & 7;
    out->data[11] = 0;

    acm_buf_add(out, data + 2, size - 2);

    return acm_buf_rc(out) == ACM_OK;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t            len, n;
    acm_rc_t          rc;
    acm_buf_t         out;
    acm_dns_ask_t     ask;
    acm_dns_check_t   check;

    if (size == 0) {
        return 0;
    }

    rc = (data[0] & 1)
         ? acm_dns_addresses(&check, "www.example.com")
         : acm_dns_check_txt(&check, "_acme-challenge.www.example.com",
                             (data[0] & 2) ? "a.b" : NULL, "value");

    if (rc != ACM_OK) {
        __builtin_trap();
    }

    data++;
    size--;

    acm_buf_init(&out, ACM_MAX_DNS_WIRE);

    for (n = 0; acm_dns_check_next(&check, &ask); n++) {
        if (n == MAX_QUESTIONS) {
            __builtin_trap();
        }

        len = (size < 2) ? 0 : (size_t) data[0] << 8 | data[1];

        if (size < 2 || len > size - 2
            || !fuzz_answer(&ask, data + 2, len, &out))
        {
            (void) acm_dns_check_answer(&check, ACM_BUSY, NULL, 0, NULL);

        } else {
            (void) acm_dns_check_answer(&check, ACM_OK, out.data, out.len,
                                        NULL);
        }

        if (size < 2 || len > size - 2) {
            size = 0;
            continue;
        }

        data += len + 2;
        size -= len + 2;
    }

    if ((check.state != ACM_CHECK_SEEN && check.text[0] == '\0')
        || memchr(check.text, '\0', sizeof(check.text)) == NULL)
    {
        __builtin_trap();
    }

    acm_dns_check_free(&check);
    acm_buf_free(&out);

    return 0;
}
