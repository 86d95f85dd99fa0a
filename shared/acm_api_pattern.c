
/*
 * Copyright (C) The ngx_acm authors
 *
 * The regular expressions of ACM's model, each as a function: there are few,
 * none needs to go back far, and none can be made slow.  A text may hold any
 * octets of UTF-8.
 */


#include <string.h>

#include "acm_api_model.h"


static int acm_model_is_word(uint8_t c);
static int acm_model_in(uint8_t c, const char *others);
static size_t acm_model_run(const char **pos, const char *last,
    const char *others);
static int acm_model_service(const char *text, size_t len,
    const char *service);
static const char *acm_model_label(const char *pos, const char *last,
    size_t min);
static uint32_t acm_model_char(const char **pos, const char *last);
static int acm_model_tag_char(uint32_t c);


/* \w without flags: ASCII */

static int
acm_model_is_word(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '_';
}


static int
acm_model_in(uint8_t c, const char *others)
{
    return acm_model_is_word(c)
           || (c != '\0' && strchr(others, c) != NULL);
}


/* Passes over [\w...]*; how many there were. */

static size_t
acm_model_run(const char **pos, const char *last, const char *others)
{
    size_t  n;

    for (n = 0; *pos != last && acm_model_in((uint8_t) **pos, others);
         (*pos)++)
    {
        n++;
    }

    return n;
}


/*
 * arn:[\w+=/,.@-]+:SERVICE:[\w+=/,.@-]*:[0-9]+:[\w+=,.@-]+(/[\w+=,.@-]+)*
 */

static int
acm_model_service(const char *text, size_t len, const char *service)
{
    size_t       n;
    const char  *pos, *last;

    pos = text;
    last = text + len;
    n = strlen(service);

    if (len < 4 || memcmp(pos, "arn:", 4) != 0) {
        return 0;
    }

    pos += 4;

    if (acm_model_run(&pos, last, "+=/,.@-") == 0
        || (size_t) (last - pos) < n || memcmp(pos, service, n) != 0)
    {
        return 0;
    }

    pos += n;

    (void) acm_model_run(&pos, last, "+=/,.@-");

    if (pos == last || *pos++ != ':') {
        return 0;
    }

    for (n = 0; pos != last && *pos >= '0' && *pos <= '9'; pos++) {
        n++;
    }

    if (n == 0 || pos == last || *pos++ != ':') {
        return 0;
    }

    for ( ;; ) {
        if (acm_model_run(&pos, last, "+=,.@-") == 0) {
            return 0;
        }

        if (pos == last) {
            return 1;
        }

        if (*pos++ != '/') {
            return 0;
        }
    }
}


int
acm_model_arn(const char *text, size_t len)
{
    return acm_model_service(text, len, ":acm:");
}


int
acm_model_pca_arn(const char *text, size_t len)
{
    return acm_model_service(text, len, ":acm-pca:");
}


/*
 * (\*\.)?(((?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9])\.)+
 * ((?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9])
 */

int
acm_model_domain(const char *text, size_t len)
{
    size_t       labels;
    const char  *pos, *last, *end;

    pos = text;
    last = text + len;
    labels = 0;

    if (len >= 2 && pos[0] == '*' && pos[1] == '.') {
        pos += 2;
    }

    for ( ;; ) {
        end = memchr(pos, '.', (size_t) (last - pos));

        if (end == NULL) {
            return labels != 0 && acm_model_label(pos, last, 2) == last;
        }

        if (acm_model_label(pos, end, 1) != end) {
            return 0;
        }

        labels++;
        pos = end + 1;
    }
}


/* Its end if it is a label, of 63 octets at most; else NULL. */

static const char *
acm_model_label(const char *pos, const char *last, size_t min)
{
    size_t       len;
    const char  *p;

    len = (size_t) (last - pos);

    if (len < min || len > 63 || *pos == '-' || last[-1] == '-') {
        return NULL;
    }

    for (p = pos; p != last; p++) {
        if (*p == '_' || !acm_model_in((uint8_t) *p, "-")) {
            return NULL;
        }
    }

    return last;
}


/* \w+ */

int
acm_model_word(const char *text, size_t len)
{
    const char  *pos;

    pos = text;

    return len != 0 && acm_model_run(&pos, text + len, "") == len;
}


/* [\u0009\u000A\u000D\u0020-\u00FF]* */

int
acm_model_token(const char *text, size_t len)
{
    uint32_t     c;
    const char  *pos, *last;

    pos = text;
    last = text + len;

    while (pos != last) {
        c = acm_model_char(&pos, last);

        if (c != '\t' && c != '\n' && c != '\r' && (c < 0x20 || c > 0xff)) {
            return 0;
        }
    }

    return 1;
}


/* [0-9a-f]{2}(:[0-9a-f]{2}){1,19} */

int
acm_model_serial(const char *text, size_t len)
{
    size_t  i;

    if (len < 5 || len > 59 || len % 3 != 2) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (i % 3 == 2) {
            if (text[i] != ':') {
                return 0;
            }

        } else if (text[i] == '\0'
                   || strchr("0123456789abcdef", text[i]) == NULL)
        {
            return 0;
        }
    }

    return 1;
}


/* [\p{L}\p{Z}\p{N}_.:\/=+\-@]* */

int
acm_model_tag(const char *text, size_t len)
{
    const char  *pos, *last;

    pos = text;
    last = text + len;

    while (pos != last) {
        if (!acm_model_tag_char(acm_model_char(&pos, last))) {
            return 0;
        }
    }

    return 1;
}


/* The next character of a text that is known to be UTF-8. */

static uint32_t
acm_model_char(const char **pos, const char *last)
{
    uint8_t   lead;
    uint32_t  c;

    lead = (uint8_t) *(*pos)++;

    if (lead < 0x80) {
        return lead;
    }

    c = (lead >= 0xf0) ? lead & 0x07u
                       : (lead >= 0xe0) ? lead & 0x0fu : lead & 0x1fu;

    while (*pos != last && ((uint8_t) **pos & 0xc0) == 0x80) {
        c = c << 6 | ((uint8_t) **pos & 0x3fu);
        (*pos)++;
    }

    return c;
}


static int
acm_model_tag_char(uint32_t c)
{
    size_t  low, high, middle;

    if (c < 0x80 && acm_model_in((uint8_t) c, ".:/=+-@ ")) {
        return 1;
    }

    low = 0;
    high = acm_unicode_ntag;

    while (low < high) {
        middle = (low + high) / 2;

        if (c > acm_unicode_tag[middle][1]) {
            low = middle + 1;

        } else if (c < acm_unicode_tag[middle][0]) {
            high = middle;

        } else {
            return 1;
        }
    }

    return 0;
}
