
/*
 * Copyright (C) The ngx_acm authors
 *
 * The first line: arguments and path of a request; the rest: JSON of which
 * all pages are made, or text that is escaped.
 */


#include <string.h>

#include "acm_html.h"
#include "acm_json.h"
#include "acm_status.h"


#define FUZZ_NOW  1800000000LL


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_that(int holds)
{
    if (!holds) {
        __builtin_trap();
    }
}


/* Escaped text has nothing that ends an element or an attribute. */

static void
fuzz_escape(const char *s, size_t len)
{
    size_t     i;
    acm_buf_t  b;

    acm_buf_init(&b, ACM_MAX_HTML);
    acm_html_escape(&b, s, len);
    fuzz_that(acm_buf_rc(&b) == ACM_OK);

    for (i = 0; i < b.len; i++) {
        fuzz_that(strchr("<>\"'", b.data[i]) == NULL || b.data[i] == 0);
        fuzz_that(b.data[i] >= ' ' || b.data[i] == '\n'
                  || b.data[i] == '\t');
    }

    acm_buf_free(&b);
}


/* What a page has of tags is ours: none is a script, none has an event. */

static void
fuzz_page(acm_buf_t *b, acm_rc_t rc)
{
    size_t  i, open;

    fuzz_that(rc == ACM_OK || rc == ACM_TOOBIG);

    for (i = 0, open = 0; rc == ACM_OK && i < b->len; i++) {
        if (b->data[i] == '<') {
            fuzz_that(!open);
            open = 1;
            fuzz_that(b->len - i < 7
                      || memcmp(b->data + i, "<script", 7) != 0);

        } else if (b->data[i] == '>' && open) {
            open = 0;
        }
    }

    fuzz_that(rc != ACM_OK || !open);
    acm_buf_free(b);
}


static void
fuzz_query(const char *s, size_t len, acm_status_query_t *q)
{
    acm_buf_t            b;
    acm_status_where_t   w;
    acm_status_query_t   again;

    acm_status_where(s, len, len / 2, &w);
    fuzz_that(strlen(w.home) < sizeof(w.home));
    (void) acm_status_accept(s, len);

    acm_status_query(s, len, q);
    fuzz_that(strlen(q->q) <= ACM_MAX_STATUS_Q);
    fuzz_that(strlen(q->issuer) <= ACM_MAX_LABEL);
    fuzz_that(strlen(q->fault) < ACM_MAX_STATUS_FAULT);
    fuzz_that(q->after_len <= ACM_MAX_STATUS_CURSOR);
    fuzz_that(q->limit <= ACM_MAX_STATUS_JSON);

    /* a link leads to the same list */

    acm_buf_init(&b, ACM_MAX_STATUS_ARGS);
    acm_status_query_text(q, &b);
    fuzz_that(acm_buf_rc(&b) == ACM_OK);
    acm_status_query((char *) b.data, b.len, &again);
    fuzz_that(strcmp(again.q, q->q) == 0 && again.sort == q->sort
              && again.status == q->status && again.stuck == q->stuck
              && again.expires == q->expires && again.limit == q->limit
              && strcmp(again.issuer, q->issuer) == 0
              && *again.fault == '\0');
    acm_buf_free(&b);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t               *root;
    size_t                len;
    acm_err_t             err;
    acm_buf_t             b;
    const uint8_t        *end;
    acm_status_query_t    q;

    end = (size == 0) ? NULL : memchr(data, '\n', size);
    len = (end == NULL) ? size : (size_t) (end - data);

    fuzz_query((const char *) data, len, &q);
    fuzz_escape((const char *) data, size);

    len += (end != NULL);

    if (acm_json_parse(data + len, size - len, ACM_MAX_HTML, &root, &err)
        != ACM_OK)
    {
        return 0;
    }

    acm_buf_init(&b, ACM_MAX_HTML);
    fuzz_page(&b, acm_status_html_home(&b, root, "./", FUZZ_NOW));
    fuzz_page(&b, acm_status_html_list(&b, root, &q, "./", FUZZ_NOW));
    fuzz_page(&b, acm_status_html_cert(&b, root, "../", FUZZ_NOW));
    json_decref(root);

    return 0;
}
