
/*
 * Copyright (C) The ngx_acm authors
 */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "acm.h"


#define ACM_TIME_FIRST  (-62167219200LL)  /* 0000-01-01T00:00:00Z */
#define ACM_TIME_LAST   253402300799LL    /* 9999-12-31T23:59:59Z */
#define ACM_TIME_LEN    20


static void acm_fail_set(acm_err_t *err, const char *text);
static const char *acm_ssl_reason(unsigned long code, char *buf, size_t size);
static int acm_alloc_fails(void);
static uint64_t acm_uuid_time(void);


/*
 * The only mutable state of the library, written by tests alone: fixed
 * clocks and a countdown to a failing allocation.  The processes that use the
 * library are single-threaded, so neither is atomic.
 */

static int64_t        acm_fixed_now = -1;
static int64_t        acm_fixed_ticks = -1;
static unsigned long  acm_alloc_countdown;


acm_rc_t
acm_fail(acm_err_t *err, acm_rc_t rc, const char *fmt, ...)
{
    char     text[ACM_MAX_ERROR];
    va_list  args;

    if (err == NULL) {
        return rc;
    }

    /* not straight into err: its old text may be one of the arguments */

    va_start(args, fmt);

    if (vsnprintf(text, sizeof(text), fmt, args) < 0) {
        text[0] = '\0';
    }

    va_end(args);

    acm_fail_set(err, text);

    return rc;
}


acm_rc_t
acm_fail_ssl(acm_err_t *err, acm_rc_t rc, const char *fmt, ...)
{
    int            n;
    char           reason[128], text[ACM_MAX_ERROR];
    va_list        args;
    unsigned long  code;

    code = ERR_peek_error();

    if (err != NULL) {
        va_start(args, fmt);
        n = vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);

        if (n < 0) {
            n = 0;
            text[0] = '\0';
        }

        if (code != 0 && (size_t) n < sizeof(text)) {
            (void) snprintf(text + n, sizeof(text) - (size_t) n, ": %s",
                            acm_ssl_reason(code, reason, sizeof(reason)));
        }

        acm_fail_set(err, text);
    }

    ERR_clear_error();

    return rc;
}


/* Texts end up in logs, and may quote a CA or an attacker. */

static void
acm_fail_set(acm_err_t *err, const char *text)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < ACM_MAX_ERROR - 1 && text[i] != '\0'; i++) {
        c = (unsigned char) text[i];
        err->text[i] = (c < 0x20 || c >= 0x7f) ? '?' : (char) c;
    }

    err->text[i] = '\0';
}


static const char *
acm_ssl_reason(unsigned long code, char *buf, size_t size)
{
    const char  *reason;

    if (ERR_SYSTEM_ERROR(code)) {
        return strerror_r((int) ERR_GET_REASON(code), buf, size);
    }

    reason = ERR_reason_error_string(code);
    if (reason != NULL) {
        return reason;
    }

    ERR_error_string_n(code, buf, size);

    return buf;
}


const char *
acm_rc_text(acm_rc_t rc)
{
    switch (rc) {
    case ACM_OK:
        return "ok";
    case ACM_ERROR:
        return "error";
    case ACM_NOMEM:
        return "out of memory";
    case ACM_NOTFOUND:
        return "not found";
    case ACM_CONFLICT:
        return "conflict";
    case ACM_INVALID:
        return "invalid";
    case ACM_TOOBIG:
        return "too big";
    case ACM_FULL:
        return "full";
    case ACM_VERSION:
        return "newer version";
    case ACM_CORRUPT:
        return "corrupt";
    case ACM_DENIED:
        return "denied";
    case ACM_BUSY:
        return "busy";
    }

    return "unknown";
}


int64_t
acm_now(void)
{
    if (acm_fixed_now >= 0) {
        return acm_fixed_now;
    }

    return (int64_t) time(NULL);
}


int64_t
acm_ticks(void)
{
    struct timespec  ts;

    if (acm_fixed_ticks >= 0) {
        return acm_fixed_ticks;
    }

    if (acm_fixed_now >= 0) {
        return acm_fixed_now * 1000;
    }

    if (clock_gettime(CLOCK_MONOTONIC, &ts) != 0) {
        return (int64_t) time(NULL) * 1000;
    }

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


void
acm_now_set(int64_t now)
{
    acm_fixed_now = now;
}


void
acm_ticks_set(int64_t ticks)
{
    acm_fixed_ticks = ticks;
}


char *
acm_time_text(int64_t t, char *buf)
{
    char       text[80];
    time_t     clock;
    struct tm  tm;

    /* four digits of year are all that RFC 3339 has */

    if (t < ACM_TIME_FIRST) {
        t = ACM_TIME_FIRST;
    }

    if (t > ACM_TIME_LAST) {
        t = ACM_TIME_LAST;
    }

    clock = (time_t) t;

    if ((int64_t) clock != t || gmtime_r(&clock, &tm) == NULL) {
        memset(&tm, 0, sizeof(struct tm));
        tm.tm_mday = 1;
    }

    /* room for any int, which the compiler cannot rule out */

    (void) snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ",
                    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                    tm.tm_hour, tm.tm_min, tm.tm_sec);

    memcpy(buf, text, ACM_TIME_LEN);
    buf[ACM_TIME_LEN] = '\0';

    return buf;
}


int64_t
acm_add_sat(int64_t a, int64_t b)
{
    if (b > 0 && a > INT64_MAX - b) {
        return INT64_MAX;
    }

    if (b < 0 && a < INT64_MIN - b) {
        return INT64_MIN;
    }

    return a + b;
}


void *
acm_alloc(size_t size)
{
    if (acm_alloc_fails()) {
        return NULL;
    }

    return malloc(size != 0 ? size : 1);
}


void *
acm_calloc(size_t n, size_t size)
{
    if (acm_alloc_fails()) {
        return NULL;
    }

    if (n == 0 || size == 0) {
        n = 1;
        size = 1;
    }

    return calloc(n, size);
}


void *
acm_realloc(void *p, size_t size)
{
    if (acm_alloc_fails()) {
        return NULL;
    }

    return realloc(p, size != 0 ? size : 1);
}


void *
acm_realloc_secret(void *p, size_t used, size_t size)
{
    void  *copy;

    copy = acm_alloc(size);
    if (copy == NULL) {
        return NULL;
    }

    if (used != 0) {
        memcpy(copy, p, used);
    }

    acm_free_secret(p, used);

    return copy;
}


void *
acm_memdup(const void *p, size_t len)
{
    void  *copy;

    copy = acm_alloc(len);
    if (copy == NULL) {
        return NULL;
    }

    if (len != 0) {
        memcpy(copy, p, len);
    }

    return copy;
}


char *
acm_strdup(const char *s)
{
    if (s == NULL) {
        return NULL;
    }

    return acm_memdup(s, strlen(s) + 1);
}


void
acm_free(void *p)
{
    free(p);
}


void
acm_free_secret(void *p, size_t len)
{
    if (p == NULL) {
        return;
    }

    OPENSSL_cleanse(p, len);
    free(p);
}


unsigned long
acm_alloc_fail_at(unsigned long n)
{
    unsigned long  left;

    left = acm_alloc_countdown;
    acm_alloc_countdown = n;

    return left;
}


static int
acm_alloc_fails(void)
{
    if (acm_alloc_countdown == 0) {
        return 0;
    }

    acm_alloc_countdown--;

    return acm_alloc_countdown == 0;
}


char *
acm_hex(const uint8_t *data, size_t len, char *buf)
{
    size_t             i;
    static const char  digits[] = "0123456789abcdef";

    for (i = 0; i < len; i++) {
        buf[2 * i] = digits[data[i] >> 4];
        buf[2 * i + 1] = digits[data[i] & 0x0f];
    }

    buf[2 * len] = '\0';

    return buf;
}


acm_rc_t
acm_uuid(char *buf)
{
    size_t    i, n;
    char      hex[2 * 16 + 1];
    uint8_t   octets[16];
    uint64_t  at;

    if (RAND_bytes(octets, (int) sizeof(octets)) != 1) {
        ERR_clear_error();
        return ACM_ERROR;
    }

    /* RFC 9562, 5.7: milliseconds, version 7, 12 bits of which 6.2 says that
       they may be a fraction of one, variant 10 */

    at = acm_uuid_time();

    for (i = 0; i < 6; i++) {
        octets[i] = (uint8_t) (at >> (52 - 8 * i));
    }

    octets[6] = (uint8_t) (0x70 | ((at >> 8) & 0x0f));
    octets[7] = (uint8_t) at;
    octets[8] = (uint8_t) ((octets[8] & 0x3f) | 0x80);

    (void) acm_hex(octets, sizeof(octets), hex);

    for (i = 0, n = 0; i < sizeof(hex) - 1; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20) {
            buf[n++] = '-';
        }

        buf[n++] = hex[i];
    }

    buf[n] = '\0';

    return ACM_OK;
}


/* 4096 to a millisecond; never the same twice. */

static uint64_t
acm_uuid_time(void)
{
    uint64_t         at;
    struct timespec  ts;

    static __thread uint64_t  last;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    at = ((uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000) << 12;
    at |= ((uint64_t) ts.tv_nsec % 1000000) * 4096 / 1000000;

    last = (at > last) ? at : last + 1;

    return last;
}


int
acm_uuid_ok(const char *s)
{
    size_t  i;

    if (s == NULL) {
        return 0;
    }

    for (i = 0; i < ACM_UUID_LEN; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (s[i] != '-') {
                return 0;
            }

        } else if (!((s[i] >= '0' && s[i] <= '9')
                     || (s[i] >= 'a' && s[i] <= 'f')))
        {
            return 0;
        }
    }

    return s[ACM_UUID_LEN] == '\0';
}
