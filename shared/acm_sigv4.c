
/*
 * Copyright (C) The ngx_acm authors
 *
 * Canonical requests and signing keys.
 */


#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "acm_sigv4_impl.h"


#define ACM_SIGV4_LAST  253402300799LL  /* 9999-12-31T23:59:59Z */


/* of a query, in an encoded form that begins at name of some buffer */

typedef struct {
    size_t     name;
    size_t     name_len;
    size_t     value;
    size_t     value_len;
} acm_sigv4_param_t;


static acm_rc_t acm_sigv4_canonical(const acm_sigv4_request_t *r,
    const char *hash, const acm_str_t *names, acm_buf_t *out);
static acm_rc_t acm_sigv4_path(const acm_str_t *path, acm_buf_t *out);
static acm_rc_t acm_sigv4_query(const acm_str_t *query, acm_buf_t *out);
static acm_rc_t acm_sigv4_params(const acm_str_t *query, acm_buf_t *text,
    acm_sigv4_param_t *params, size_t *n);
static int acm_sigv4_order(const acm_buf_t *text, const acm_sigv4_param_t *a,
    const acm_sigv4_param_t *b);
static int acm_sigv4_compare(const uint8_t *a, size_t alen, const uint8_t *b,
    size_t blen);
static acm_rc_t acm_sigv4_headers(const acm_sigv4_request_t *r,
    const acm_str_t *names, acm_buf_t *out);
static void acm_sigv4_value(const acm_str_t *value, acm_buf_t *out);
static void acm_sigv4_encode(uint8_t c, acm_buf_t *out);
static int acm_sigv4_digit(uint8_t c);
static acm_rc_t acm_sigv4_to_sign(const acm_buf_t *canonical,
    const acm_sigv4_scope_t *scope, acm_buf_t *out);
static acm_rc_t acm_sigv4_key(const acm_sigv4_scope_t *scope, uint8_t *key);
static int acm_sigv4_hmac(const uint8_t *key, size_t klen, const void *data,
    size_t len, uint8_t *mac);
static int acm_sigv4_number(const acm_str_t *s, size_t start, size_t len);
static int acm_sigv4_blank(uint8_t c);


acm_rc_t
acm_sigv4_hash(const acm_sigv4_request_t *r, char *hex, acm_err_t *err)
{
    uint8_t  hash[ACM_HASH_LEN];

    if (r->hash != NULL) {
        (void) acm_hex(r->hash, ACM_HASH_LEN, hex);
        return ACM_OK;
    }

    if (EVP_Digest(r->payload.data, r->payload.len, hash, NULL, EVP_sha256(),
                   NULL)
        != 1)
    {
        return acm_fail_ssl(err, ACM_ERROR, "cannot hash a payload");
    }

    (void) acm_hex(hash, ACM_HASH_LEN, hex);

    return ACM_OK;
}


acm_rc_t
acm_sigv4_mac(const acm_sigv4_request_t *r, const char *hash,
    const acm_sigv4_scope_t *scope, uint8_t *mac, acm_err_t *err)
{
    uint8_t    key[ACM_HASH_LEN];
    acm_rc_t   rc;
    acm_buf_t  canonical, text;

    acm_buf_init(&canonical, ACM_MAX_SIGV4_CANONICAL);
    acm_buf_init(&text, ACM_MAX_SIGV4_CANONICAL);

    rc = acm_sigv4_canonical(r, hash, &scope->names, &canonical);

    if (rc == ACM_OK) {
        rc = acm_sigv4_to_sign(&canonical, scope, &text);
    }

    if (rc == ACM_OK) {
        rc = acm_sigv4_key(scope, key);

        if (rc == ACM_OK
            && !acm_sigv4_hmac(key, sizeof(key), text.data, text.len, mac))
        {
            rc = ACM_ERROR;
        }

        OPENSSL_cleanse(key, sizeof(key));
    }

    /* a session's token may be in it */

    acm_buf_free_secret(&canonical);
    acm_buf_free(&text);

    if (rc == ACM_ERROR) {
        return acm_fail_ssl(err, rc, "cannot make a signature");
    }

    if (rc == ACM_NOMEM) {
        return acm_fail(err, rc, "no memory for a signature");
    }

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "the request has no canonical form");
    }

    return ACM_OK;
}


static acm_rc_t
acm_sigv4_canonical(const acm_sigv4_request_t *r, const char *hash,
    const acm_str_t *names, acm_buf_t *out)
{
    acm_rc_t   rc;
    acm_str_t  path, query;

    acm_sigv4_split(&r->target, &path, &query);

    acm_buf_add(out, r->method.data, r->method.len);
    acm_buf_text(out, "\n");

    rc = acm_sigv4_path(&path, out);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_buf_text(out, "\n");

    rc = acm_sigv4_query(&query, out);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_buf_text(out, "\n");

    rc = acm_sigv4_headers(r, names, out);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_buf_text(out, "\n");
    acm_buf_add(out, names->data, names->len);
    acm_buf_text(out, "\n");
    acm_buf_text(out, hash);

    return acm_buf_rc(out);
}


/*
 * Services other than S3 take the path as it was sent, "%" and all, without
 * dot segments and empty ones, and encode it once more.
 */

static acm_rc_t
acm_sigv4_path(const acm_str_t *path, acm_buf_t *out)
{
    size_t     i, start;
    acm_str_t  rest, part;

    if (path->len == 0 || path->data[0] != '/') {
        return ACM_INVALID;
    }

    rest = *path;
    start = out->len;

    while (acm_buf_rc(out) == ACM_OK && acm_sigv4_cut(&rest, '/', &part)) {

        if (part.len == 0 || (part.len == 1 && part.data[0] == '.')) {
            continue;
        }

        if (part.len == 2 && memcmp(part.data, "..", 2) == 0) {

            while (out->len > start && out->data[--out->len] != '/') {
                /* void */
            }

            continue;
        }

        acm_buf_text(out, "/");

        for (i = 0; i < part.len; i++) {
            acm_sigv4_encode(part.data[i], out);
        }
    }

    if (out->len == start || path->data[path->len - 1] == '/') {
        acm_buf_text(out, "/");
    }

    return acm_buf_rc(out);
}


static acm_rc_t
acm_sigv4_query(const acm_str_t *query, acm_buf_t *out)
{
    size_t             i, j, n;
    acm_rc_t           rc;
    acm_buf_t          text;
    acm_sigv4_param_t  params[ACM_MAX_SIGV4_PARAMS], p;

    acm_buf_init(&text, 3 * ACM_MAX_SIGV4_TARGET);

    rc = acm_sigv4_params(query, &text, params, &n);

    if (rc == ACM_OK) {
        rc = acm_buf_rc(&text);
    }

    if (rc != ACM_OK) {
        acm_buf_free(&text);
        return rc;
    }

    for (i = 1; i < n; i++) {
        p = params[i];

        for (j = i; j > 0; j--) {
            if (acm_sigv4_order(&text, &params[j - 1], &p) <= 0) {
                break;
            }

            params[j] = params[j - 1];
        }

        params[j] = p;
    }

    for (i = 0; i < n; i++) {
        acm_buf_text(out, (i == 0) ? "" : "&");
        acm_buf_add(out, text.data + params[i].name, params[i].name_len);
        acm_buf_text(out, "=");

        if (params[i].value_len != 0) {
            acm_buf_add(out, text.data + params[i].value,
                        params[i].value_len);
        }
    }

    acm_buf_free(&text);

    return ACM_OK;
}


static acm_rc_t
acm_sigv4_params(const acm_str_t *query, acm_buf_t *text,
    acm_sigv4_param_t *params, size_t *n)
{
    acm_rc_t            rc;
    acm_str_t           rest, part, name;
    acm_sigv4_param_t  *p;

    *n = 0;
    rest = *query;

    while (acm_sigv4_cut(&rest, '&', &part)) {

        if (part.len == 0) {
            continue;
        }

        if (*n == ACM_MAX_SIGV4_PARAMS) {
            return ACM_TOOBIG;
        }

        p = &params[(*n)++];

        /* what is left of the part after its first "=" is the value */

        (void) acm_sigv4_cut(&part, '=', &name);

        p->name = text->len;
        rc = acm_sigv4_recode(&name, text);
        p->name_len = text->len - p->name;

        p->value = text->len;

        if (rc == ACM_OK && part.data != NULL) {
            rc = acm_sigv4_recode(&part, text);
        }

        p->value_len = text->len - p->value;

        if (rc != ACM_OK) {
            return rc;
        }
    }

    return ACM_OK;
}


/* Names first: "Param" is before "Param-3", though "=" is not before "-". */

static int
acm_sigv4_order(const acm_buf_t *text, const acm_sigv4_param_t *a,
    const acm_sigv4_param_t *b)
{
    int  rc;

    if (text->data == NULL) {
        return 0;
    }

    rc = acm_sigv4_compare(text->data + a->name, a->name_len,
                           text->data + b->name, b->name_len);

    if (rc != 0) {
        return rc;
    }

    return acm_sigv4_compare(text->data + a->value, a->value_len,
                             text->data + b->value, b->value_len);
}


static int
acm_sigv4_compare(const uint8_t *a, size_t alen, const uint8_t *b,
    size_t blen)
{
    int     rc;
    size_t  len;

    len = (alen < blen) ? alen : blen;
    rc = (len == 0) ? 0 : memcmp(a, b, len);

    if (rc != 0) {
        return rc;
    }

    return (alen > blen) - (alen < blen);
}


/*
 * A signed name that is not there, or is there twice, is no request that a
 * client could have meant.
 */

static acm_rc_t
acm_sigv4_headers(const acm_sigv4_request_t *r, const acm_str_t *names,
    acm_buf_t *out)
{
    size_t                     i, n;
    acm_str_t                  rest, name, last;
    const acm_sigv4_header_t  *h;

    rest = *names;
    last.data = NULL;
    last.len = 0;

    while (acm_sigv4_cut(&rest, ';', &name)) {

        if (name.len == 0
            || acm_sigv4_compare(last.data, last.len, name.data, name.len)
               >= 0)
        {
            return ACM_INVALID;
        }

        for (i = 0; i < name.len; i++) {
            if (name.data[i] >= 'A' && name.data[i] <= 'Z') {
                return ACM_INVALID;
            }
        }

        acm_buf_add(out, name.data, name.len);
        acm_buf_text(out, ":");

        n = 0;

        for (i = 0; i < r->nheaders; i++) {
            h = &r->headers[i];

            if (h->name.len == name.len
                && strncasecmp((const char *) h->name.data,
                               (const char *) name.data, name.len)
                   == 0)
            {
                acm_buf_text(out, (n++ == 0) ? "" : ",");
                acm_sigv4_value(&h->value, out);
            }
        }

        if (n == 0) {
            return ACM_INVALID;
        }

        acm_buf_text(out, "\n");
        last = name;
    }

    return acm_buf_rc(out);
}


/* Trimmed, and runs of blanks are one: in quotes, too, as all clients do. */

static void
acm_sigv4_value(const acm_str_t *value, acm_buf_t *out)
{
    size_t     i, start;
    acm_str_t  s;

    s = acm_sigv4_trim(value);
    i = 0;

    while (i < s.len) {
        start = i;

        while (i < s.len && !acm_sigv4_blank(s.data[i])) {
            i++;
        }

        acm_buf_add(out, s.data + start, i - start);

        if (i < s.len) {
            acm_buf_text(out, " ");
        }

        while (i < s.len && acm_sigv4_blank(s.data[i])) {
            i++;
        }
    }
}


acm_rc_t
acm_sigv4_recode(const acm_str_t *s, acm_buf_t *out)
{
    int      high, low;
    size_t   i;
    uint8_t  c;

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if (c == '%') {

            if (s->len - i < 3) {
                return ACM_INVALID;
            }

            high = acm_sigv4_digit(s->data[i + 1]);
            low = acm_sigv4_digit(s->data[i + 2]);

            if (high < 0 || low < 0) {
                return ACM_INVALID;
            }

            c = (uint8_t) (high * 16 + low);
            i += 2;
        }

        acm_sigv4_encode(c, out);
    }

    return acm_buf_rc(out);
}


static void
acm_sigv4_encode(uint8_t c, acm_buf_t *out)
{
    char  text[3];

    static const char  hex[] = "0123456789ABCDEF";

    if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
        || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
        || c == '~')
    {
        acm_buf_u8(out, c);
        return;
    }

    text[0] = '%';
    text[1] = hex[c >> 4];
    text[2] = hex[c & 15];

    acm_buf_add(out, text, sizeof(text));
}


static int
acm_sigv4_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


static acm_rc_t
acm_sigv4_to_sign(const acm_buf_t *canonical, const acm_sigv4_scope_t *scope,
    acm_buf_t *out)
{
    char     hex[ACM_SIGV4_HEX_LEN + 1];
    uint8_t  hash[ACM_HASH_LEN];

    if (EVP_Digest(canonical->data, canonical->len, hash, NULL, EVP_sha256(),
                   NULL)
        != 1)
    {
        return ACM_ERROR;
    }

    acm_buf_text(out, ACM_SIGV4_ALGORITHM "\n");
    acm_buf_add(out, scope->time.data, scope->time.len);
    acm_buf_text(out, "\n");
    acm_buf_add(out, scope->time.data, ACM_SIGV4_DATE_LEN);
    acm_buf_text(out, "/");
    acm_buf_add(out, scope->region.data, scope->region.len);
    acm_buf_text(out, "/");
    acm_buf_add(out, scope->service.data, scope->service.len);
    acm_buf_text(out, "/" ACM_SIGV4_TERM "\n");
    acm_buf_text(out, acm_hex(hash, sizeof(hash), hex));

    return acm_buf_rc(out);
}


static acm_rc_t
acm_sigv4_key(const acm_sigv4_scope_t *scope, uint8_t *key)
{
    int      ok;
    uint8_t  secret[4 + ACM_MAX_SIGV4_SECRET];
    uint8_t  date[ACM_HASH_LEN], region[ACM_HASH_LEN], service[ACM_HASH_LEN];

    memcpy(secret, "AWS4", 4);
    memcpy(secret + 4, scope->secret, scope->secret_len);

    ok = acm_sigv4_hmac(secret, 4 + scope->secret_len, scope->time.data,
                        ACM_SIGV4_DATE_LEN, date)
         && acm_sigv4_hmac(date, sizeof(date), scope->region.data,
                           scope->region.len, region)
         && acm_sigv4_hmac(region, sizeof(region), scope->service.data,
                           scope->service.len, service)
         && acm_sigv4_hmac(service, sizeof(service), ACM_SIGV4_TERM,
                           sizeof(ACM_SIGV4_TERM) - 1, key);

    OPENSSL_cleanse(secret, sizeof(secret));
    OPENSSL_cleanse(date, sizeof(date));
    OPENSSL_cleanse(region, sizeof(region));
    OPENSSL_cleanse(service, sizeof(service));

    return ok ? ACM_OK : ACM_ERROR;
}


static int
acm_sigv4_hmac(const uint8_t *key, size_t klen, const void *data, size_t len,
    uint8_t *mac)
{
    unsigned int  n;

    return HMAC(EVP_sha256(), key, (int) klen, data, len, mac, &n) != NULL
           && n == ACM_HASH_LEN;
}


acm_rc_t
acm_sigv4_time(const acm_str_t *s, int64_t *t)
{
    size_t     i;
    struct tm  tm, given;

    static const char  form[] = "00000000T000000Z";

    if (s->len != ACM_SIGV4_TIME_LEN) {
        return ACM_INVALID;
    }

    for (i = 0; i < s->len; i++) {
        if (form[i] == '0' ? acm_sigv4_number(s, i, 1) < 0
                           : s->data[i] != (uint8_t) form[i])
        {
            return ACM_INVALID;
        }
    }

    memset(&tm, 0, sizeof(struct tm));

    tm.tm_year = acm_sigv4_number(s, 0, 4) - 1900;
    tm.tm_mon = acm_sigv4_number(s, 4, 2) - 1;
    tm.tm_mday = acm_sigv4_number(s, 6, 2);
    tm.tm_hour = acm_sigv4_number(s, 9, 2);
    tm.tm_min = acm_sigv4_number(s, 11, 2);
    tm.tm_sec = acm_sigv4_number(s, 13, 2);

    given = tm;
    *t = timegm(&tm);

    /* timegm() makes another time of one that is none */

    if (tm.tm_mon != given.tm_mon || tm.tm_mday != given.tm_mday
        || tm.tm_hour != given.tm_hour || tm.tm_min != given.tm_min
        || tm.tm_sec != given.tm_sec)
    {
        return ACM_INVALID;
    }

    return ACM_OK;
}


/* -1 if there are other octets than digits. */

static int
acm_sigv4_number(const acm_str_t *s, size_t start, size_t len)
{
    int     n;
    size_t  i;

    n = 0;

    for (i = start; i < start + len; i++) {
        if (s->data[i] < '0' || s->data[i] > '9') {
            return -1;
        }

        n = 10 * n + s->data[i] - '0';
    }

    return n;
}


void
acm_sigv4_time_text(int64_t t, char *buf)
{
    time_t     seconds;
    struct tm  tm;

    if (t < 0) {
        t = 0;
    }

    if (t > ACM_SIGV4_LAST) {
        t = ACM_SIGV4_LAST;
    }

    seconds = (time_t) t;
    buf[0] = '\0';

    if (gmtime_r(&seconds, &tm) != NULL) {
        (void) strftime(buf, ACM_SIGV4_TIME_LEN + 1, "%Y%m%dT%H%M%SZ", &tm);
    }
}


int
acm_sigv4_is(const acm_str_t *a, const char *b)
{
    return a->len == strlen(b) && acm_sigv4_begins(a, b);
}


int
acm_sigv4_begins(const acm_str_t *a, const char *b)
{
    size_t  len;

    len = strlen(b);

    return a->len >= len
           && strncasecmp((const char *) a->data, b, len) == 0;
}


acm_str_t
acm_sigv4_trim(const acm_str_t *s)
{
    acm_str_t  part;

    part = *s;

    while (part.len != 0 && acm_sigv4_blank(part.data[0])) {
        part.data++;
        part.len--;
    }

    while (part.len != 0 && acm_sigv4_blank(part.data[part.len - 1])) {
        part.len--;
    }

    return part;
}


static int
acm_sigv4_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}


int
acm_sigv4_cut(acm_str_t *rest, char c, acm_str_t *part)
{
    uint8_t  *p;

    *part = *rest;

    if (rest->data == NULL) {
        return 0;
    }

    p = (rest->len == 0) ? NULL : memchr(rest->data, c, rest->len);

    if (p == NULL) {
        rest->data = NULL;
        rest->len = 0;
        return 1;
    }

    part->len = (size_t) (p - rest->data);
    rest->data = p + 1;
    rest->len -= part->len + 1;

    return 1;
}


void
acm_sigv4_split(const acm_str_t *target, acm_str_t *path, acm_str_t *query)
{
    *query = *target;
    (void) acm_sigv4_cut(query, '?', path);
}
