
/*
 * Copyright (C) The ngx_acm authors
 *
 * The list of names that certificates are issued for on demand.
 */


#include <stdlib.h>
#include <string.h>

#include "acm_demand.h"
#include "acm_name.h"


static acm_rc_t acm_demand_list_line(acm_demand_list_t *list, size_t *size,
    const char *line, size_t len, size_t number, acm_err_t *why);
static int acm_demand_list_order(const void *a, const void *b);


acm_rc_t
acm_demand_list_parse(acm_demand_list_t *list, const char *text, size_t len,
    acm_err_t *why)
{
    size_t       size, number, n;
    acm_rc_t     rc;
    const char  *p, *last, *end;

    memset(list, 0, sizeof(acm_demand_list_t));

    if (len > ACM_MAX_DEMAND_FILE) {
        return acm_fail(why, ACM_TOOBIG, "a list of over %d octets",
                        ACM_MAX_DEMAND_FILE);
    }

    size = 0;
    number = 0;
    last = text + len;

    for (p = text; p < last; p = end + 1) {
        end = memchr(p, '\n', (size_t) (last - p));

        if (end == NULL) {
            end = last;
        }

        n = (size_t) (end - p);

        if (memchr(p, '#', n) != NULL) {
            n = (size_t) ((const char *) memchr(p, '#', n) - p);
        }

        while (n > 0 && (*p == ' ' || *p == '\t')) {
            p++;
            n--;
        }

        while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'
                         || p[n - 1] == '\r'))
        {
            n--;
        }

        number++;

        rc = (n == 0) ? ACM_OK : acm_demand_list_line(list, &size, p, n,
                                                      number, why);

        if (rc != ACM_OK) {
            acm_demand_list_free(list);
            return acm_fail(why, rc, "no memory for a list of names");
        }
    }

    if (list->nnames != 0) {
        qsort(list->names, list->nnames, sizeof(char *),
              acm_demand_list_order);
    }

    return ACM_OK;
}


static acm_rc_t
acm_demand_list_line(acm_demand_list_t *list, size_t *size, const char *line,
    size_t len, size_t number, acm_err_t *why)
{
    char        buf[ACM_MAX_NAME + 1], **names;
    acm_err_t   err;

    if (acm_name_request(line, len, buf, &err) != ACM_OK) {

        if (list->bad++ == 0) {
            list->bad_line = number;
            (void) acm_fail(why, ACM_INVALID, "%s", err.text);
        }

        return ACM_OK;
    }

    if (list->nnames == *size) {
        *size = (*size == 0) ? 64 : *size * 2;

        names = acm_realloc(list->names, *size * sizeof(char *));

        if (names == NULL) {
            return ACM_NOMEM;
        }

        list->names = names;
    }

    list->names[list->nnames] = acm_strdup(buf);

    if (list->names[list->nnames] == NULL) {
        return ACM_NOMEM;
    }

    list->nnames++;

    return ACM_OK;
}


static int
acm_demand_list_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}


int
acm_demand_list_has(const acm_demand_list_t *list, const char *name)
{
    char         wildcard[ACM_MAX_NAME + 3];
    const char  *p;

    if (list->nnames == 0) {
        return 0;
    }

    p = name;

    if (bsearch(&p, list->names, list->nnames, sizeof(char *),
                acm_demand_list_order)
        != NULL)
    {
        return 1;
    }

    if (!acm_name_wildcard(name, wildcard)) {
        return 0;
    }

    p = wildcard;

    return bsearch(&p, list->names, list->nnames, sizeof(char *),
                   acm_demand_list_order)
           != NULL;
}


void
acm_demand_list_free(acm_demand_list_t *list)
{
    size_t  i;

    for (i = 0; i < list->nnames; i++) {
        acm_free(list->names[i]);
    }

    acm_free(list->names);

    list->names = NULL;
    list->nnames = 0;
}


int
acm_demand_name_ok(const char *name)
{
    char       buf[ACM_MAX_NAME + 1];
    acm_err_t  err;

    return name[0] != '*'
           && acm_name_request(name, strlen(name), buf, &err) == ACM_OK
           && strcmp(buf, name) == 0;
}
