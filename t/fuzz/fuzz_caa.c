
/*
 * Copyright (C) The ngx_acm authors
 *
 * The first octet chooses: the value of one property, or the answers to all
 * questions, each behind two octets of length; its other bits are what the
 * machine is asked.
 */


#include <string.h>

#include "acm_caa.h"


#define ACCOUNT  "https://ca.example.net/acct/7"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t       len, n;
    uint8_t      mode;
    acm_caa_t    caa;
    const char  *name;

    static const char *const  ids[] = { "ca.example.net", "a.b" };

    if (size == 0) {
        return 0;
    }

    mode = *data++;
    size--;

    if (acm_caa_init(&caa, "www.example.com", mode & 2, ids, 2,
                     (mode & 4) ? ACCOUNT : NULL,
                     (mode & 8) ? "dns-01" : NULL)
        != ACM_OK)
    {
        __builtin_trap();
    }

    if (mode & 1) {
        if (acm_caa_match(&caa, data, size) == ACM_CAA_MATCH
            && memmem(data, size, ".", 1) == NULL)
        {
            __builtin_trap();
        }

        return 0;
    }

    for (n = 0; ; n++) {
        name = acm_caa_next(&caa);

        if (name == NULL) {
            break;
        }

        /* three names, each asked twice */

        if (n == 3 * ACM_MAX_CAA_TRIES) {
            __builtin_trap();
        }

        len = (size < 2) ? 0 : (size_t) data[0] << 8 | data[1];

        if (size < 2 || len > size - 2) {
            (void) acm_caa_answer(&caa, ACM_BUSY, NULL, 0, "timeout");
            continue;
        }

        (void) acm_caa_answer(&caa, ACM_OK, data + 2, len, NULL);

        data += len + 2;
        size -= len + 2;
    }

    if (caa.state == ACM_CAA_ASK
        || (caa.state != ACM_CAA_ALLOWED && caa.text[0] == '\0')
        || memchr(caa.text, '\0', sizeof(caa.text)) == NULL)
    {
        __builtin_trap();
    }

    return 0;
}
