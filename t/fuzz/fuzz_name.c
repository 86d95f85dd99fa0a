
/*
 * Copyright (C) The ngx_acm authors
 *
 * Names of ClientHellos and of requests: what is accepted is in normal form.
 */


#include <string.h>

#include "acm_name.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char        out[ACM_MAX_NAME + 1], again[ACM_MAX_NAME + 1];
    acm_err_t   err;

    if (acm_name_sni(data, size, out) == ACM_OK
        && (strlen(out) > ACM_MAX_NAME
            || acm_name_sni((uint8_t *) out, strlen(out), again) != ACM_OK
            || strcmp(out, again) != 0))
    {
        __builtin_trap();
    }

    if (acm_name_request((const char *) data, size, out, &err) == ACM_OK
        && (acm_name_request(out, strlen(out), again, &err) != ACM_OK
            || strcmp(out, again) != 0))
    {
        __builtin_trap();
    }

    (void) acm_name_is_ip((const char *) data, size);

    return 0;
}
