
/*
 * Copyright (C) The ngx_acm authors
 *
 * Base of libacm: result codes, strings, errors, clock and memory.  Every
 * file of this folder includes it.  Nothing here knows nginx.
 */


#ifndef _ACM_H_INCLUDED_
#define _ACM_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define ACM_VERSION_TEXT     "0.1.0"

#define ACM_MAX_ERROR        512     /* octets of an error text, with NUL */
#define ACM_MAX_NAMES        100     /* names in one certificate */
#define ACM_MAX_NAME         253     /* octets of one host name, RFC 1035 */
#define ACM_MAX_CN           64      /* ub-common-name, RFC 5280 */
#define ACM_MAX_CHAIN        10      /* certificates above the leaf */
#define ACM_MAX_CERT_DER     32768   /* octets of one DER certificate */
#define ACM_MAX_KEY_DER      16384   /* octets of one DER private key */
#define ACM_MAX_PEM          2097152 /* octets of one PEM input: ACM, 2 MB */
#define ACM_MAX_LABEL        128     /* account, region, issuer: octets */
#define ACM_UUID_LEN         36
#define ACM_HASH_LEN         32      /* SHA-256 */
#define ACM_MAX_ARN          512


/* results: zero is success, every failure is negative */

typedef enum {
    ACM_OK = 0,
    ACM_ERROR = -1,        /* a library call failed; the text says which */
    ACM_NOMEM = -2,
    ACM_NOTFOUND = -3,
    ACM_CONFLICT = -4,     /* a precondition of a batch does not hold */
    ACM_INVALID = -5,      /* bad input; the text is fit for its author */
    ACM_TOOBIG = -6,       /* a named limit was passed */
    ACM_FULL = -7,         /* the store's map or the disk is full */
    ACM_VERSION = -8,      /* written by a newer version; never rewritten */
    ACM_CORRUPT = -9,      /* checksum, structure or seal does not hold */
    ACM_DENIED = -10,      /* foreign owner, wrong key, unfit file system */
    ACM_BUSY = -11         /* try again later */
} acm_rc_t;


typedef struct {
    char      text[ACM_MAX_ERROR];
} acm_err_t;


/* not NUL-terminated; the bytes belong to whoever is named by the user */

typedef struct {
    size_t    len;
    uint8_t  *data;
} acm_str_t;


/*
 * Fills err (may be NULL) with a formatted text, cut at the limit, control
 * characters replaced, and returns rc, so that a failing function can end
 * with "return acm_fail(err, ACM_INVALID, ...)".
 */
acm_rc_t acm_fail(acm_err_t *err, acm_rc_t rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As above; appends OpenSSL's first queued reason and clears its queue. */
acm_rc_t acm_fail_ssl(acm_err_t *err, acm_rc_t rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A short lower-case word for a result, "not found"; never NULL. */
const char *acm_rc_text(acm_rc_t rc);

/*
 * Wall-clock seconds since the epoch.  acm_now_set() fixes the clock for
 * tests; a negative value gives the real one back.
 */
int64_t acm_now(void);
void acm_now_set(int64_t now);

/*
 * Milliseconds of a clock that only goes forward, for waits that need not
 * outlive the process.  acm_now_set() rules it too, unless acm_ticks_set()
 * fixes it; a negative value gives it back.
 */
int64_t acm_ticks(void);
void acm_ticks_set(int64_t ticks);

/* RFC 3339 in UTC, "2026-11-25T05:00:00Z"; buf holds at least 32 octets. */
char *acm_time_text(int64_t t, char *buf);

/* Sums and differences that stop at the ends of the type. */
int64_t acm_add_sat(int64_t a, int64_t b);

/*
 * Memory.  acm_alloc_fail_at(n) makes the nth allocation from now fail, for
 * fault loops, and returns what was left of the count before; 0 switches that
 * off.  acm_free_secret() wipes before freeing; all accept NULL.
 */
void *acm_alloc(size_t size);
void *acm_calloc(size_t n, size_t size);
void *acm_realloc(void *p, size_t size);
/* For secrets, of which realloc() leaves copies: of the old octets the first
   "used" are there, and wiped where they were.  NULL leaves p as it is. */
void *acm_realloc_secret(void *p, size_t used, size_t size);
void *acm_memdup(const void *p, size_t len);
char *acm_strdup(const char *s);
void acm_free(void *p);
void acm_free_secret(void *p, size_t len);
unsigned long acm_alloc_fail_at(unsigned long n);

/* Lower-case hex of data; buf holds 2 * len + 1 octets. */
char *acm_hex(const uint8_t *data, size_t len, char *buf);

/* A UUID of version 7 as text: 60 bits of time, rising in each thread, so that
   new records come behind the others and fill their pages, and 62 random
   bits.  buf holds ACM_UUID_LEN + 1 octets. */
acm_rc_t acm_uuid(char *buf);

/* 1 if s is a lower-case UUID of exactly ACM_UUID_LEN octets. */
int acm_uuid_ok(const char *s);


#endif /* _ACM_H_INCLUDED_ */
