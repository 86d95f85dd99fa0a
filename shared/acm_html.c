
/*
 * Copyright (C) The ngx_acm authors
 */


#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acm_html.h"
#include "acm_html_impl.h"


static size_t acm_html_rune(const uint8_t *p, size_t len, uint32_t *rune);
static int acm_html_shown(uint32_t rune);
static void acm_html_number(acm_buf_t *b, int64_t n, int commas);
static int acm_html_digits(const char *s, const char *form);


/* The octets of one character, 0 if there is no valid one (RFC 3629). */

static size_t
acm_html_rune(const uint8_t *p, size_t len, uint32_t *rune)
{
    size_t    i, n;
    uint32_t  c;

    static const uint32_t  least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    c = p[0];

    if (c < 0x80) {
        *rune = c;
        return 1;
    }

    n = (c >= 0xf0) ? 4 : (c >= 0xe0) ? 3 : 2;

    if (c < 0xc2 || c > 0xf4 || n > len) {
        return 0;
    }

    c &= 0xffU >> (n + 1);

    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        c = (c << 6) | (p[i] & 0x3f);
    }

    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return 0;
    }

    *rune = c;

    return n;
}


/* No controls, nothing that is invisible or turns what stands beside it. */

static int
acm_html_shown(uint32_t c)
{
    if (c < 0x20) {
        return c == '\n' || c == '\t';
    }

    if (c >= 0x7f && c < 0xa0) {
        return 0;
    }

    if (c == 0xad || c == 0x61c || c == 0xfeff || c >= 0xe0000) {
        return 0;
    }

    return !((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e)
             || (c >= 0x2060 && c <= 0x206f) || (c >= 0xfff9 && c <= 0xfffb)
             || (c & 0xfffe) == 0xfffe);
}


void
acm_html_escape(acm_buf_t *b, const char *s, size_t len)
{
    int             cut;
    size_t          n;
    uint32_t        c;
    const uint8_t  *p, *end;

    if (len == 0) {
        return;                      /* s may be NULL */
    }

    cut = (len > ACM_MAX_HTML_TEXT);
    p = (const uint8_t *) s;
    end = p + (cut ? ACM_MAX_HTML_TEXT : len);

    while (p < end) {
        n = acm_html_rune(p, (size_t) (end - p), &c);

        if (n == 0 || !acm_html_shown(c)) {
            acm_buf_text(b, "\xef\xbf\xbd");
            p += (n == 0) ? 1 : n;
            continue;
        }

        switch (c) {

        case '&':
            acm_buf_text(b, "&amp;");
            break;

        case '<':
            acm_buf_text(b, "&lt;");
            break;

        case '>':
            acm_buf_text(b, "&gt;");
            break;

        case '"':
            acm_buf_text(b, "&quot;");
            break;

        case '\'':
            acm_buf_text(b, "&#39;");
            break;

        default:
            acm_buf_add(b, p, n);
            break;
        }

        p += n;
    }

    if (cut) {
        acm_buf_text(b, "...");
    }
}


void
acm_html_url(acm_buf_t *b, const char *s, size_t len)
{
    char     hex[4];
    size_t   i;
    uint8_t  c;

    for (i = 0; i < len && i < ACM_MAX_HTML_TEXT; i++) {
        c = (uint8_t) s[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
            || c == '~')
        {
            acm_buf_u8(b, c);

        } else {
            (void) snprintf(hex, sizeof(hex), "%%%02X", c);
            acm_buf_add(b, hex, 3);
        }
    }
}


static void
acm_html_number(acm_buf_t *b, int64_t n, int commas)
{
    char    text[32];
    size_t  i, len;

    (void) snprintf(text, sizeof(text), "%lld", (long long) n);
    len = strlen(text);

    for (i = 0; i < len; i++) {
        acm_buf_u8(b, (uint8_t) text[i]);

        if (commas && text[i] != '-' && i + 1 < len && (len - i) % 3 == 1) {
            acm_buf_u8(b, ',');
        }
    }
}


void
acm_html(acm_buf_t *b, const char *form, ...)
{
    size_t       len;
    va_list      args;
    const char  *s;

    va_start(args, form);

    for ( ;; ) {
        len = strcspn(form, "%");
        acm_buf_add(b, form, len);
        form += len;

        if (*form == '\0') {
            break;
        }

        switch (form[1]) {

        case 's':
        case 'q':
            s = va_arg(args, const char *);
            s = (s == NULL) ? "" : s;

            if (form[1] == 's') {
                acm_html_escape(b, s, strlen(s));

            } else {
                acm_html_url(b, s, strlen(s));
            }

            break;

        case 'd':
        case 'D':
            acm_html_number(b, va_arg(args, int64_t), form[1] == 'D');
            break;

        case 'z':
            len = va_arg(args, size_t);
            acm_html_escape(b, va_arg(args, const char *), len);
            break;

        default:
            acm_buf_u8(b, '%');
            break;
        }

        form += 2;
    }

    va_end(args);
}


void
acm_html_begin(acm_buf_t *b, const char *title, const char *home,
    int64_t now)
{
    char  text[32];

    acm_buf_text(b,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
        "<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, "
        "initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n"
        "<meta name=\"robots\" content=\"noindex\">\n"
        "<link rel=\"icon\" href=\"data:,\">\n");

    acm_html(b, "<title>%s</title>\n<style>", title);
    acm_buf_text(b, acm_html_css);

    acm_html(b,
        "</style>\n</head>\n<body>\n<header><div>"
        "<a class=\"brand\" href=\"%s\">ACM <b>certificates</b></a>"
        "<nav><a href=\"%s\">Overview</a>"
        "<a href=\"%scertificates\">All certificates</a></nav>"
        "<span class=\"asof\">as of <time datetime=\"%s\">",
        home, home, home, acm_time_text(now, text));

    text[10] = ' ';
    acm_html(b, "%z UTC</time></span></div></header>\n<main>\n", (size_t) 19,
             text);
}


void
acm_html_end(acm_buf_t *b)
{
    acm_buf_text(b, "</main>\n<footer>ngx_acm " ACM_VERSION_TEXT
                 "</footer>\n</body>\n</html>\n");
}


char *
acm_html_span(int64_t seconds, char *buf)
{
    size_t       i;
    int64_t      n;

    static const struct {
        int64_t      from;
        int64_t      unit;
        const char  *word;
    } units[] = {
        { 730 * 86400LL, 365 * 86400LL, "year" },
        { 2 * 86400, 86400, "day" },
        { 2 * 3600, 3600, "hour" },
        { 2 * 60, 60, "minute" },
        { 0, 1, "second" }
    };

    if (seconds < 0) {
        seconds = -acm_add_sat(seconds, (seconds == INT64_MIN));
    }

    for (i = 0; seconds < units[i].from; i++) {
        /* void */
    }

    n = seconds / units[i].unit;

    (void) snprintf(buf, 32, "%lld %s%s", (long long) n, units[i].word,
                    (n == 1) ? "" : "s");

    return buf;
}


static int
acm_html_digits(const char *s, const char *form)
{
    for ( ; *form != '\0'; s++, form++) {
        if (*form == '0' ? (*s < '0' || *s > '9') : *s != *form) {
            return 0;
        }
    }

    return *s == '\0';
}


int64_t
acm_html_time_parse(const char *s)
{
    int64_t  y, m, d, days;

    if (s == NULL || !acm_html_digits(s, "0000-00-00T00:00:00Z")) {
        return -1;
    }

    y = (s[0] - '0') * 1000 + (s[1] - '0') * 100 + (s[2] - '0') * 10
        + (s[3] - '0');
    m = (s[5] - '0') * 10 + (s[6] - '0');
    d = (s[8] - '0') * 10 + (s[9] - '0');

    if (y < 1970 || m < 1 || m > 12 || d < 1 || d > 31) {
        return -1;
    }

    /* years that begin in March: the leap day is their last one */

    y -= (m <= 2);
    m += (m <= 2) ? 9 : -3;
    days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + d - 1
           - 719468;

    return days * 86400
           + ((s[11] - '0') * 10 + (s[12] - '0')) * 3600
           + ((s[14] - '0') * 10 + (s[15] - '0')) * 60
           + (s[17] - '0') * 10 + (s[18] - '0');
}


void
acm_html_time(acm_buf_t *b, const char *s, int64_t now)
{
    char     span[32];
    int64_t  t;

    t = acm_html_time_parse(s);

    if (t < 0) {
        acm_html(b, "%s", s);
        return;
    }

    acm_html_span(t - now, span);

    acm_html(b, "<time datetime=\"%s\">%z %z</time> "
             "<span class=\"ago\">%s%s%s</span>", s, (size_t) 10, s,
             (size_t) 5, s + 11, (t > now) ? "in " : "", span,
             (t > now) ? "" : " ago");
}


acm_rc_t
acm_html_csp(char csp[ACM_MAX_HTML_CSP])
{
    uint8_t   hash[EVP_MAX_MD_SIZE];
    unsigned  len;
    uint8_t   text[2 * EVP_MAX_MD_SIZE];

    if (EVP_Digest(acm_html_css, strlen(acm_html_css), hash, &len,
                   EVP_sha256(), NULL)
        != 1)
    {
        return ACM_ERROR;
    }

    (void) EVP_EncodeBlock(text, hash, (int) len);

    (void) snprintf(csp, ACM_MAX_HTML_CSP, "default-src 'none'; style-src "
                    "'sha256-%s'; img-src data:; form-action 'self'; "
                    "base-uri 'none'; frame-ancestors 'none'",
                    (const char *) text);

    return ACM_OK;
}
