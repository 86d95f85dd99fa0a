
/*
 * Copyright (C) The ngx_acm authors
 *
 * Lists of names on demand: what is read is found again.
 */


#include <string.h>

#include "acm_demand.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t              i;
    acm_err_t           err;
    acm_demand_list_t   list;

    if (acm_demand_list_parse(&list, (const char *) data, size, &err)
        != ACM_OK)
    {
        return 0;
    }

    for (i = 0; i < list.nnames; i++) {
        if (!acm_demand_list_has(&list, list.names[i])
            || (list.names[i][0] != '*'
                && !acm_demand_name_ok(list.names[i])))
        {
            __builtin_trap();
        }
    }

    if ((list.bad == 0) != (list.bad_line == 0)) {
        __builtin_trap();
    }

    acm_demand_list_free(&list);

    return 0;
}
