
/*
 * Copyright (C) The ngx_acm authors
 *
 * Header fields, one a line, as of an answer; and the first line as an URL.
 */


#include <string.h>

#include "acm_http.h"
#include "acm_jws.h"


#define FUZZ_NOW  1800000000LL


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_that(int holds)
{
    if (!holds) {
        __builtin_trap();
    }
}


static void
fuzz_text(const char *s, size_t max)
{
    size_t  i;

    for (i = 0; s != NULL && s[i] != '\0'; i++) {
        fuzz_that(i < max && s[i] >= ' ' && s[i] < 0x7f);
    }
}


/* What may be asked has the origin of itself, and no user. */

static void
fuzz_url(const char *url, const char *other)
{
    size_t  len;

    (void) acm_http_same_origin(url, other);

    if (!acm_http_url_ok(url)) {
        return;
    }

    fuzz_text(url, ACM_MAX_URL);
    len = strcspn(url, ":");
    fuzz_that(strncmp(url + len, "://", 3) == 0);
    len = strcspn(url + len + 3, "/?");
    fuzz_that(memchr(strchr(url, ':') + 3, '@', len) == NULL);
    fuzz_that(strchr(url, '#') == NULL);
    fuzz_that(acm_http_same_origin(url, url));
    fuzz_that(acm_http_same_origin(url, other)
              == acm_http_same_origin(other, url));
}


static void
fuzz_answer(const acm_http_t *http)
{
    char     *url;
    size_t    i, n;
    int64_t   wait, date;

    static const char *const  rels[] = { "alternate", "up", "" };

    wait = acm_http_retry_after(http, FUZZ_NOW);
    fuzz_that(wait >= -1 && wait <= ACM_MAX_RETRY_AFTER);

    if (http->retry_after != NULL) {
        date = acm_http_date(http->retry_after, FUZZ_NOW);
        fuzz_that(date >= -1 && date < 253402300801LL);
    }

    fuzz_text(http->answer_type, ACM_MAX_HTTP_FIELD);
    fuzz_text(http->location, ACM_MAX_HTTP_FIELD);
    fuzz_text(http->retry_after, ACM_MAX_HTTP_FIELD);
    fuzz_text(http->nonce, ACM_MAX_NONCE);
    fuzz_that(http->nlinks <= ACM_MAX_HTTP_LINKS);
    (void) acm_http_is_type(http, "application/json");

    for (i = 0; i < sizeof(rels) / sizeof(rels[0]); i++) {
        for (n = 0; ; n++) {
            url = acm_http_link(http, rels[i], n);

            if (url == NULL) {
                break;
            }

            fuzz_text(url, ACM_MAX_HTTP_FIELD);
            fuzz_url(url, "https://ca.example.net/");
            acm_free(url);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char           *first;
    size_t          len;
    acm_http_t     *http;
    const uint8_t  *end, *colon;

    http = acm_http_new(ACM_HTTP_GET, "https://ca.example.net/");

    if (http == NULL || size == 0) {
        acm_http_free(http);
        return 0;
    }

    end = memchr(data, '\n', size);
    len = (end == NULL) ? size : (size_t) (end - data);
    first = acm_alloc(len + 1);

    if (first != NULL) {
        memcpy(first, data, len);
        first[len] = '\0';
        fuzz_url(first, "https://ca.example.net:443/x");
        (void) acm_http_date(first, FUZZ_NOW);
    }

    acm_free(first);

    while (size != 0) {
        end = memchr(data, '\n', size);
        len = (end == NULL) ? size : (size_t) (end - data);
        colon = memchr(data, ':', len);

        if (colon != NULL) {
            (void) acm_http_header(http, (const char *) data,
                                   (size_t) (colon - data),
                                   (const char *) colon + 1,
                                   len - (size_t) (colon - data) - 1);
        }

        len += (end != NULL);
        data += len;
        size -= len;
    }

    fuzz_answer(http);
    acm_http_free(http);

    return 0;
}
