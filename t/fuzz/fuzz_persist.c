
/*
 * Copyright (C) The ngx_acm authors
 *
 * TXT records of dns-persist-01.
 */


#include <string.h>

#include "acm_persist.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int            any;
    char           list[ACM_MAX_PERSIST_CAS], name[256];
    acm_persist_t  p;

    p.account = "https://ca.example.net/acme/acct/1";
    p.now = 1000;
    p.wildcard = 0;
    p.cas = "";

    any = acm_persist_match(&p, data, size);

    p.cas = "ca.example b.example";
    p.wildcard = 1;

    if (acm_persist_match(&p, data, size) && !any) {
        __builtin_trap();
    }

    size = (size < sizeof(name)) ? size : sizeof(name) - 1;
    memcpy(name, data, size);
    name[size] = '\0';

    list[0] = '\0';
    acm_persist_add(list, name);
    acm_persist_add(list, name);

    if (strchr(list, ' ') != NULL) {
        __builtin_trap();
    }

    return 0;
}
