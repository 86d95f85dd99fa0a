
/*
 * Copyright (C) The ngx_acm authors
 *
 * A query, behind one octet that says how it came.  The answer must fit and
 * must be a message that ldns can read.
 */


#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "acm_dns_answer.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static acm_rc_t
fuzz_lookup(void *data, const char *label,
    char values[ACM_MAX_TXT][ACM_TXT_LEN + 1], size_t *n)
{
    size_t  i;

    (void) data;

    if (strlen(label) != ACM_LABEL_LEN) {
        abort();
    }

    if (label[0] == 'f') {
        return ACM_CORRUPT;
    }

    if (label[0] > '9') {
        return ACM_NOTFOUND;
    }

    *n = (size_t) (label[0] - '0') * 2;

    if (*n > ACM_MAX_TXT) {
        *n = ACM_MAX_TXT;
    }

    for (i = 0; i < *n; i++) {
        memset(values[i], 'v', ACM_TXT_LEN);
        values[i][ACM_TXT_LEN] = '\0';
    }

    return ACM_OK;
}


static const acm_dns_addr_t  fuzz_addrs[] = {
    { { 192, 0, 2, 1 }, 4 },
    { { 0x20, 0x01, 0x0d, 0xb8 }, 16 }
};

static const acm_dns_zone_t  fuzz_zones[] = {
    { "v.test", "ns.a.v.test", "hostmaster.v.test", fuzz_addrs, 2, 1,
      fuzz_lookup, NULL },
    { "v.test", "ns.example", "hostmaster.v.test", NULL, 0, 1, fuzz_lookup,
      NULL }
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t     len, max;
    uint8_t    out[ACM_MAX_DNS_ANSWER];
    acm_rc_t   rc;
    ldns_pkt  *pkt;

    if (size == 0) {
        return 0;
    }

    max = (data[0] & 1) ? ACM_DNS_TCP_SIZE : ACM_DNS_UDP_SIZE;

    if (data[0] & 4) {
        rc = acm_dns_truncated(data + 1, size - 1, out, &len);

    } else {
        rc = acm_dns_answer(&fuzz_zones[(data[0] >> 1) & 1], data + 1,
                            size - 1, max, out, &len);
    }

    if (rc == ACM_INVALID && len == 0) {
        return 0;
    }

    if (rc != ACM_OK || len < ACM_DNS_HEADER_LEN || len > max
        || memcmp(out, data + 1, 2) != 0 || !(out[2] & 0x80)
        || ldns_wire2pkt(&pkt, out, len) != LDNS_STATUS_OK)
    {
        abort();
    }

    ldns_pkt_free(pkt);

    return 0;
}
