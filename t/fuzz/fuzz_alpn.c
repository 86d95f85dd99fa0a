
/*
 * Copyright (C) The ngx_acm authors
 *
 * Extensions of a ClientHello, and names of addresses: a name is in normal
 * form, an address one that has just this name.
 */


#include <string.h>

#include "acm_alpn_cert.h"
#include "acm_name.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char  addr[ACM_ALPN_ADDR], name[ACM_MAX_NAME + 1];
    char  again[ACM_MAX_NAME + 1];

    (void) acm_alpn_only(data, size);

    if (acm_alpn_sni(data, size, name) != ACM_OK
        && acm_name_sni(data, size, name) != ACM_OK)
    {
        return 0;
    }

    if (strlen(name) > ACM_MAX_NAME
        || acm_name_sni((uint8_t *) name, strlen(name), again) != ACM_OK
        || strcmp(name, again) != 0)
    {
        __builtin_trap();
    }

    if (acm_alpn_address(name, addr) && !acm_name_is_ip(addr, strlen(addr))) {
        __builtin_trap();
    }

    return 0;
}
