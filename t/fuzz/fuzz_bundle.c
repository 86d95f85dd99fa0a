
/*
 * Copyright (C) The ngx_acm authors
 *
 * The three PEM parts of an import, separated by lines of "%%".
 */


#include <string.h>

#include "acm_x509.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t          n;
    acm_err_t       err;
    acm_str_t       part[3];
    const uint8_t  *end, *sep;
    acm_bundle_t    bundle;

    memset(part, 0, sizeof(part));
    end = data + size;

    for (n = 0; n < 3; n++) {
        part[n].data = (uint8_t *) data;
        sep = memmem(data, (size_t) (end - data), "%%\n", 3);

        if (sep == NULL || n == 2) {
            part[n].len = (size_t) (end - data);
            break;
        }

        part[n].len = (size_t) (sep - data);
        data = sep + 3;
    }

    if (acm_bundle_parse(&part[0], &part[1], &part[2], 1800000000, &bundle,
                         &err)
        == ACM_OK)
    {
        acm_bundle_free(&bundle);
    }

    return 0;
}
