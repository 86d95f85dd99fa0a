
/*
 * Copyright (C) The ngx_acm authors
 *
 * A DNS answer, and the CNAMEs in it from the name asked for.  What is read
 * keeps its promises: limits, names that can be asked for again.
 */


#include <string.h>

#include "acm_dns_msg.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_name(const char *name)
{
    char  out[ACM_MAX_DNS_NAME + 1];

    if (strlen(name) > ACM_MAX_DNS_NAME || acm_dns_name(name, out) != ACM_OK
        || strcmp(name, out) != 0)
    {
        __builtin_trap();
    }

    while (name != NULL) {
        name = acm_dns_parent(name);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t            i;
    acm_err_t         err;
    acm_dns_msg_t     msg;
    acm_dns_follow_t  f;

    if (acm_dns_msg_parse(data, size, &msg, &err) != ACM_OK) {
        return 0;
    }

    if (msg.n > ACM_MAX_DNS_RECORDS) {
        __builtin_trap();
    }

    for (i = 0; i < msg.n; i++) {
        fuzz_name(msg.records[i].owner);

        if (msg.records[i].name != NULL) {
            fuzz_name(msg.records[i].name);
        }

        if (msg.records[i].data != NULL
            && msg.records[i].data[msg.records[i].len] != '\0')
        {
            __builtin_trap();
        }
    }

    if (msg.qname != NULL
        && acm_dns_follow(&msg, msg.qname, msg.qtype, &f, &err) == ACM_OK
        && (f.cnames > ACM_MAX_CNAMES || f.n > msg.n))
    {
        __builtin_trap();
    }

    acm_dns_msg_free(&msg);

    return 0;
}
