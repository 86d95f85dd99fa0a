
/*
 * Copyright (C) The ngx_acm authors
 *
 * Verification of an audit log: it finds the same however the log comes, and
 * what it finds no fault with stays so with a line of ours behind it.
 */


#include <string.h>

#include "acm_audit.h"


typedef struct {
    uint64_t   sum;
    uint64_t   n;
} fuzz_found_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_found(void *data, acm_audit_finding_e finding, uint64_t line,
    const char *text)
{
    fuzz_found_t  *f = data;

    if (strlen(text) == 0 || strlen(text) >= ACM_MAX_AUDIT_FINDING) {
        __builtin_trap();
    }

    f->n++;
    f->sum = f->sum * 31 + (uint64_t) finding * 7 + line;
}


static void
fuzz_feed(acm_audit_check_t *c, fuzz_found_t *f, const uint8_t *data,
    size_t size, size_t step)
{
    size_t  n;

    memset(f, 0, sizeof(fuzz_found_t));
    acm_audit_check_init(c, fuzz_found, f);

    for ( ; size > 0; size -= n, data += n) {
        n = (size < step) ? size : step;

        if (acm_audit_check(c, data, n) != ACM_OK) {
            __builtin_trap();
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t            faults;
    acm_buf_t           line;
    acm_audit_t         call;
    fuzz_found_t        whole, parts;
    acm_audit_link_t    link;
    acm_audit_check_t   c;

    fuzz_feed(&c, &whole, data, size, size);
    acm_audit_check_end(&c, 1);
    faults = c.faults;
    link = c.last;

    fuzz_feed(&c, &parts, data, size, 7);
    acm_audit_check_end(&c, 1);

    if (whole.sum != parts.sum || whole.n != parts.n || c.faults != faults) {
        __builtin_trap();
    }

    /* any text is a text of a record */

    memset(&call, 0, sizeof(acm_audit_t));
    acm_buf_init(&line, ACM_MAX_AUDIT_LINE + 1);

    if (size != 0 && data[size - 1] == '\0') {
        call.account = (const char *) data;
        call.arn = (const char *) data;
        call.agent = (const char *) data;
        call.operation = (const char *) data;
    }

    if (link.number < UINT64_MAX / 4
        && acm_audit_record(&call, &link, &line, NULL) != ACM_OK)
    {
        __builtin_trap();
    }

    if (faults == 0 && (size == 0 || data[size - 1] == '\n')) {
        fuzz_feed(&c, &parts, data, size, 100);

        if (acm_audit_check(&c, line.data, line.len) != ACM_OK) {
            __builtin_trap();
        }

        acm_audit_check_end(&c, 1);

        if (c.faults != 0 && link.number <= 999999999999999999) {
            __builtin_trap();
        }
    }

    acm_buf_free(&line);

    return 0;
}
