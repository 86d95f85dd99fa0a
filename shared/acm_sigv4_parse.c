
/*
 * Copyright (C) The ngx_acm authors
 *
 * The checks of a signed request that come before the key: what is there, is
 * it signed, when, and for whom.
 */


#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "acm_sigv4_impl.h"


static acm_rc_t acm_sigv4_field(acm_sigv4_ctx_t *c,
    const acm_sigv4_header_t *h);
static int acm_sigv4_matters(const acm_str_t *name);
static int acm_sigv4_token_char(uint8_t c);
static int acm_sigv4_presigned(const acm_str_t *target);
static acm_rc_t acm_sigv4_missing(acm_sigv4_ctx_t *c);
static int acm_sigv4_has(const acm_str_t *names, const acm_str_t *name);
static acm_rc_t acm_sigv4_must(acm_sigv4_ctx_t *c, const acm_str_t *name);
static void acm_sigv4_say(acm_sigv4_ctx_t *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void acm_sigv4_vsay(acm_sigv4_ctx_t *c, const char *fmt, va_list args);


/* Fields that can be read in two ways are read in none. */

acm_rc_t
acm_sigv4_fields(acm_sigv4_ctx_t *c)
{
    size_t                      i, octets;
    acm_rc_t                    rc;
    const acm_sigv4_request_t  *r;

    r = c->r;

    if (r->nheaders > ACM_MAX_SIGV4_HEADERS) {
        return acm_sigv4_deny(c, ACM_SIGV4_INCOMPLETE, "The request has more "
                              "than %d header fields.", ACM_MAX_SIGV4_HEADERS);
    }

    if (r->target.len > ACM_MAX_SIGV4_TARGET) {
        return acm_sigv4_deny(c, ACM_SIGV4_INCOMPLETE, "The path and query of "
                              "the request have more than %d octets.",
                              ACM_MAX_SIGV4_TARGET);
    }

    octets = 0;

    for (i = 0; i < r->nheaders; i++) {
        octets += r->headers[i].name.len + r->headers[i].value.len;
    }

    if (octets > ACM_MAX_SIGV4_FIELDS) {
        return acm_sigv4_deny(c, ACM_SIGV4_INCOMPLETE, "The header fields of "
                              "the request have more than %d octets.",
                              ACM_MAX_SIGV4_FIELDS);
    }

    for (i = 0; i < r->method.len; i++) {
        if (!acm_sigv4_token_char(r->method.data[i])) {
            return acm_sigv4_deny(c, ACM_SIGV4_INCOMPLETE, "The method of the "
                                  "request is malformed.");
        }
    }

    for (i = 0; i < r->nheaders; i++) {
        rc = acm_sigv4_field(c, &r->headers[i]);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    return ACM_OK;
}


static acm_rc_t
acm_sigv4_field(acm_sigv4_ctx_t *c, const acm_sigv4_header_t *h)
{
    size_t                     i;
    acm_str_t                  name;
    const acm_sigv4_header_t  *other;

    name = h->name;

    for (i = 0; i < name.len && acm_sigv4_token_char(name.data[i]); i++) {
        /* void */
    }

    if (i == 0 || i < name.len) {
        return acm_sigv4_deny(c, ACM_SIGV4_INCOMPLETE, "The name of a header "
                              "field is malformed.");
    }

    for (i = 0; i < h->value.len; i++) {
        if ((h->value.data[i] < ' ' && h->value.data[i] != '\t')
            || h->value.data[i] == 0x7f)
        {
            return acm_sigv4_deny(c, ACM_SIGV4_INCOMPLETE, "Header field "
                                  "'%.*s' has a control character.",
                                  (int) name.len, (const char *) name.data);
        }
    }

    if (!acm_sigv4_matters(&name)) {
        return ACM_OK;
    }

    for (other = c->r->headers; other != h; other++) {
        if (other->name.len == name.len
            && strncasecmp((const char *) other->name.data,
                           (const char *) name.data, name.len)
               == 0)
        {
            return acm_sigv4_deny(c, ACM_SIGV4_INCOMPLETE, "Header field "
                                  "'%.*s' must not be repeated.",
                                  (int) name.len, (const char *) name.data);
        }
    }

    return ACM_OK;
}


/* What decides who asks for what. */

static int
acm_sigv4_matters(const acm_str_t *name)
{
    return acm_sigv4_begins(name, "x-amz-")
           || acm_sigv4_is(name, "authorization")
           || acm_sigv4_is(name, "content-length")
           || acm_sigv4_is(name, "content-type")
           || acm_sigv4_is(name, "date")
           || acm_sigv4_is(name, "host");
}


static int
acm_sigv4_token_char(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9')
           || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}


acm_rc_t
acm_sigv4_take(acm_sigv4_ctx_t *c)
{
    int                        query;
    size_t                     i;
    acm_str_t                  value;
    const acm_sigv4_header_t  *h;

    for (i = 0; i < c->r->nheaders; i++) {
        h = &c->r->headers[i];
        value = acm_sigv4_trim(&h->value);

        if (value.data == NULL) {
            value.data = (uint8_t *) "";
        }

        if (acm_sigv4_is(&h->name, "authorization")) {
            c->auth = value;

        } else if (acm_sigv4_is(&h->name, "x-amz-date")) {
            c->time = value;
            c->amz_date = 1;

        } else if (acm_sigv4_is(&h->name, "date") && !c->amz_date) {
            c->time = value;

        } else if (acm_sigv4_is(&h->name, "x-amz-security-token")) {
            c->token = value;

        } else if (acm_sigv4_is(&h->name, "x-amz-content-sha256")) {
            c->hash = value;
        }
    }

    query = acm_sigv4_presigned(&c->r->target);

    if (c->auth.data != NULL && query) {
        return acm_sigv4_deny(c, ACM_SIGV4_INVALID, "%s", "");
    }

    if (c->auth.data == NULL) {
        return acm_sigv4_deny(c, "MissingAuthenticationTokenException",
                              "Missing Authentication Token");
    }

    if (c->auth.len > ACM_MAX_SIGV4_AUTH) {
        return acm_sigv4_deny(c, ACM_SIGV4_INCOMPLETE, "The Authorization "
                              "header has more than %d octets.",
                              ACM_MAX_SIGV4_AUTH);
    }

    return ACM_OK;
}


/* 1 if the query has X-Amz-Algorithm. */

static int
acm_sigv4_presigned(const acm_str_t *target)
{
    int        found;
    acm_buf_t  text;
    acm_str_t  path, query, part, name;

    acm_sigv4_split(target, &path, &query);

    while (acm_sigv4_cut(&query, '&', &part)) {
        (void) acm_sigv4_cut(&part, '=', &name);

        acm_buf_init(&text, 3 * ACM_MAX_SIGV4_TARGET);

        found = name.len != 0 && acm_sigv4_recode(&name, &text) == ACM_OK
                && text.len == sizeof("X-Amz-Algorithm") - 1
                && memcmp(text.data, "X-Amz-Algorithm", text.len) == 0;

        acm_buf_free(&text);

        if (found) {
            return 1;
        }
    }

    return 0;
}


acm_rc_t
acm_sigv4_auth(acm_sigv4_ctx_t *c)
{
    acm_str_t  rest, part, key;

    rest = c->auth;
    (void) acm_sigv4_cut(&rest, ' ', &part);

    if (!acm_sigv4_same(&part, ACM_SIGV4_ALGORITHM)) {
        c->fault->quotes = 1;
        return acm_sigv4_deny(c, ACM_SIGV4_INCOMPLETE, "Unsupported AWS "
                              "'algorithm': '%.*s'.", (int) part.len,
                              (const char *) part.data);
    }

    while (acm_sigv4_cut(&rest, ',', &part)) {
        part = acm_sigv4_trim(&part);

        if (part.len == 0) {
            continue;
        }

        if (memchr(part.data, '=', part.len) == NULL) {
            c->fault->quotes = 1;
            return acm_sigv4_deny(c, ACM_SIGV4_INCOMPLETE, "'%.*s' not a "
                                  "valid key=value pair (missing equal-sign) "
                                  "in Authorization header: '%.*s'",
                                  (int) part.len, (const char *) part.data,
                                  (int) c->auth.len,
                                  (const char *) c->auth.data);
        }

        (void) acm_sigv4_cut(&part, '=', &key);

        /* the last one wins, as with AWS; nobody else reads them */

        if (acm_sigv4_same(&key, "Credential")) {
            c->credential = part;

        } else if (acm_sigv4_same(&key, "SignedHeaders")) {
            c->names = part;

        } else if (acm_sigv4_same(&key, "Signature")) {
            c->signature = part;
        }
    }

    if (c->credential.data == NULL || c->names.data == NULL
        || c->signature.data == NULL || c->time.data == NULL)
    {
        return acm_sigv4_missing(c);
    }

    return ACM_OK;
}


static acm_rc_t
acm_sigv4_missing(acm_sigv4_ctx_t *c)
{
    (void) acm_sigv4_deny(c, ACM_SIGV4_INCOMPLETE, "%s", "");

    if (c->credential.data == NULL) {
        acm_sigv4_say(c, "Authorization header requires 'Credential' "
                      "parameter. ");
    }

    if (c->signature.data == NULL) {
        acm_sigv4_say(c, "Authorization header requires 'Signature' "
                      "parameter. ");
    }

    if (c->names.data == NULL) {
        acm_sigv4_say(c, "Authorization header requires 'SignedHeaders' "
                      "parameter. ");
    }

    if (c->time.data == NULL) {
        acm_sigv4_say(c, "Authorization header requires existence of either "
                      "a 'X-Amz-Date' or a 'Date' header. ");
    }

    acm_sigv4_say(c, "Authorization=%s", ACM_SIGV4_ALGORITHM);

    return ACM_DENIED;
}


/*
 * A header that decides what is done, and is not signed, would let whoever
 * sees one request make another of it: X-Amz-Target names the operation.
 */

acm_rc_t
acm_sigv4_signed(acm_sigv4_ctx_t *c)
{
    size_t            i;
    acm_rc_t          rc;
    const acm_str_t  *name;

    static const acm_str_t  host = { 4, (uint8_t *) "host" };

    if (!acm_sigv4_has(&c->names, &host)) {
        return acm_sigv4_deny(c, ACM_SIGV4_INVALID, "'Host' or ':authority' "
                              "must be a 'SignedHeader' in the AWS "
                              "Authorization.");
    }

    for (i = 0; i < c->r->nheaders; i++) {
        name = &c->r->headers[i].name;

        if (acm_sigv4_is(name, "content-type")
            || (acm_sigv4_is(name, "date") && !c->amz_date)
            || (acm_sigv4_begins(name, "x-amz-")
                && !acm_sigv4_is(name, "x-amz-content-sha256")))
        {
            rc = acm_sigv4_must(c, name);

            if (rc != ACM_OK) {
                return rc;
            }
        }
    }

    return ACM_OK;
}


static acm_rc_t
acm_sigv4_must(acm_sigv4_ctx_t *c, const acm_str_t *name)
{
    if (acm_sigv4_has(&c->names, name)) {
        return ACM_OK;
    }

    return acm_sigv4_deny(c, ACM_SIGV4_INVALID, "'%.*s' must be a "
                          "'SignedHeader' in the AWS Authorization.",
                          (int) name->len, (const char *) name->data);
}


static int
acm_sigv4_has(const acm_str_t *names, const acm_str_t *name)
{
    acm_str_t  rest, one;

    rest = *names;

    while (acm_sigv4_cut(&rest, ';', &one)) {
        if (one.len == name->len && one.len != 0
            && strncasecmp((const char *) one.data,
                           (const char *) name->data, one.len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


acm_rc_t
acm_sigv4_when(acm_sigv4_ctx_t *c)
{
    char     now[ACM_SIGV4_TIME_LEN + 1], edge[ACM_SIGV4_TIME_LEN + 1];
    char     time[ACM_SIGV4_TIME_LEN + 1];
    int      early;
    int64_t  n;

    if (acm_sigv4_time(&c->time, &c->at) != ACM_OK) {
        return acm_sigv4_deny(c, ACM_SIGV4_INCOMPLETE, "Date must be in "
                              "ISO-8601 'basic format'. Got '%.*s'. See "
                              "http://en.wikipedia.org/wiki/ISO_8601",
                              (int) c->time.len, (const char *) c->time.data);
    }

    n = c->policy->now;
    early = c->at > acm_add_sat(n, c->skew);

    if (!early && c->at >= acm_add_sat(n, -c->skew)) {
        return ACM_OK;
    }

    acm_sigv4_copy(time, &c->time);
    acm_sigv4_time_text(n, now);
    acm_sigv4_time_text(acm_add_sat(n, early ? c->skew : -c->skew), edge);

    (void) acm_sigv4_deny(c, ACM_SIGV4_INVALID, early
                          ? "Signature not yet current: %s is still later "
                            "than %s (%s + "
                          : "Signature expired: %s is now earlier than %s "
                            "(%s - ", time, edge, now);

    if (c->skew % 60 == 0) {
        acm_sigv4_say(c, "%d min.)", (int) (c->skew / 60));

    } else {
        acm_sigv4_say(c, "%d sec.)", (int) c->skew);
    }

    return ACM_DENIED;
}


acm_rc_t
acm_sigv4_credential(acm_sigv4_ctx_t *c)
{
    size_t       n;
    acm_str_t    rest, part, *p;
    const char  *sep;

    rest = c->credential;

    for (n = 0; acm_sigv4_cut(&rest, '/', &part); n++) {
        if (n < ACM_SIGV4_PARTS) {
            c->part[n] = part;
        }
    }

    if (n != ACM_SIGV4_PARTS) {
        c->fault->quotes = 1;
        return acm_sigv4_deny(c, ACM_SIGV4_INCOMPLETE, "Credential must have "
                              "exactly 5 slash-delimited elements, e.g. "
                              "keyid/date/region/service/term, got '%.*s'",
                              (int) c->credential.len,
                              (const char *) c->credential.data);
    }

    p = c->part;
    sep = "";

    if (!acm_sigv4_region_ok(c->policy, &p[2])) {
        acm_sigv4_say(c, "Credential should be scoped to a valid region, not "
                      "'%.*s'.", (int) p[2].len, (const char *) p[2].data);
        sep = " ";
    }

    if (!acm_sigv4_same(&p[3], c->policy->service)) {
        acm_sigv4_say(c, "%sCredential should be scoped to correct service: "
                      "'%s'.", sep, c->policy->service);
        sep = " ";
    }

    if (!acm_sigv4_same(&p[4], ACM_SIGV4_TERM)) {
        acm_sigv4_say(c, "%sCredential should be scoped with a valid "
                      "terminator: '%s', not '%.*s'.", sep, ACM_SIGV4_TERM,
                      (int) p[4].len, (const char *) p[4].data);
        sep = " ";
    }

    if (p[1].len != ACM_SIGV4_DATE_LEN
        || memcmp(p[1].data, c->time.data, ACM_SIGV4_DATE_LEN) != 0)
    {
        acm_sigv4_say(c, "%sDate in Credential scope does not match YYYYMMDD "
                      "from ISO-8601 version of date from HTTP: '%.*s' != "
                      "'%.*s', from '%.*s'.", sep, (int) p[1].len,
                      (const char *) p[1].data, ACM_SIGV4_DATE_LEN,
                      (const char *) c->time.data, ACM_SIGV4_TIME_LEN,
                      (const char *) c->time.data);
        sep = " ";
    }

    if (*sep == '\0') {
        return ACM_OK;
    }

    c->fault->type = ACM_SIGV4_INVALID;
    c->fault->status = 400;
    c->fault->quotes = 1;

    return ACM_DENIED;
}


int
acm_sigv4_region_ok(const acm_sigv4_policy_t *p, const acm_str_t *region)
{
    size_t   i;
    uint8_t  c;

    if (p->region != NULL) {
        return acm_sigv4_same(region, p->region);
    }

    for (i = 0; i < region->len; i++) {
        c = region->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return 0;
        }
    }

    return i >= 1 && i <= ACM_MAX_LABEL;
}


/* Of what is known to fit. */

void
acm_sigv4_copy(char *buf, const acm_str_t *s)
{
    memcpy(buf, s->data, s->len);
    buf[s->len] = '\0';
}


int
acm_sigv4_same(const acm_str_t *a, const char *b)
{
    return a->len == strlen(b) && memcmp(a->data, b, a->len) == 0;
}


acm_rc_t
acm_sigv4_deny(acm_sigv4_ctx_t *c, const char *type, const char *fmt, ...)
{
    va_list  args;

    c->fault->type = type;
    c->fault->status = 400;
    c->fault->message[0] = '\0';

    va_start(args, fmt);
    acm_sigv4_vsay(c, fmt, args);
    va_end(args);

    return ACM_DENIED;
}


static void
acm_sigv4_say(acm_sigv4_ctx_t *c, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    acm_sigv4_vsay(c, fmt, args);
    va_end(args);
}


/* Cut at the limit.  What a client sent may be no UTF-8. */

static void
acm_sigv4_vsay(acm_sigv4_ctx_t *c, const char *fmt, va_list args)
{
    char    *p;
    size_t   len;

    p = c->fault->message;
    len = strlen(p);

    if (vsnprintf(p + len, ACM_MAX_SIGV4_MESSAGE - len, fmt, args) < 0) {
        p[len] = '\0';
    }

    for (p += len; *p != '\0'; p++) {
        if ((unsigned char) *p < ' ' || (unsigned char) *p >= 0x7f) {
            *p = '?';
        }
    }
}
