
/*
 * Copyright (C) The ngx_acm authors
 *
 * Requests as text, and changes of them, for the test and the fuzzer of
 * SigV4.  Nothing of the library's canonical form is used to tell whether a
 * changed request still says the same.
 */


#ifndef _TEST_SIGV4_H_INCLUDED_
#define _TEST_SIGV4_H_INCLUDED_


#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "acm_sigv4.h"


#define TEST_KEY_ID   "AKIDEXAMPLE"
#define TEST_SECRET   "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define TEST_HEADERS  160
#define TEST_NOW      1795611642    /* 2026-11-25T13:00:42Z */

/* a request as the JavaScript SDK sent it at TEST_NOW + 1 */
#define TEST_JS                                                               \
    "POST / HTTP/1.1\n"                                                       \
    "content-type: application/x-amz-json-1.1\n"                              \
    "x-amz-target: CertificateManager.RequestCertificate\n"                   \
    "content-length: 57\n"                                                    \
    "x-amz-user-agent: aws-sdk-js/3.1168.0\n"                                 \
    "user-agent: aws-sdk-js/3.1168.0 ua/2.1 lang/js api/acm#3.1168.0\n"       \
    "host: 127.0.0.1:33421\n"                                                 \
    "amz-sdk-invocation-id: 0467aaae-bd3c-406e-bdae-af24f65ceabf\n"           \
    "amz-sdk-request: attempt=1; max=1\n"                                     \
    "x-amz-date: 20261125T130043Z\n"                                          \
    "x-amz-content-sha256: 11ed06e66385002949efddd05c005f70"                  \
    "0480e9961e5773f3f4f1182d36eb8275\n"                                      \
    "authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/"        \
    "eu-central-1/acm/aws4_request, SignedHeaders=amz-sdk-invocation-id;"     \
    "amz-sdk-request;content-length;content-type;host;"                       \
    "x-amz-content-sha256;x-amz-date;x-amz-target;x-amz-user-agent, "         \
    "Signature=3820133b2569bef583dd24471df2914f"                              \
    "7caddc9062784b954784ac5f94f9b868\n"                                      \
    "Connection: keep-alive\n"                                                \
    "\n"                                                                      \
    "{\"DomainName\":\"www.example.com\",\"ValidationMethod\":\"DNS\"}"


/* names and values point into text, which belongs to the request */

typedef struct {
    acm_sigv4_request_t  r;
    acm_sigv4_header_t   headers[TEST_HEADERS];
    char                *text;
} test_request_t;


/* where changes come from: a generator, or the input of a fuzzer */

typedef uint32_t (*test_next_pt)(void *data);


static inline void
test_request_free(test_request_t *t)
{
    free(t->text);
}


/* 0 if it is no request; the last space of the first line is before HTTP/ */

static inline int
test_request_read(test_request_t *t, const void *text, size_t len)
{
    char  *p, *end, *line, *colon, *space;

    memset(t, 0, sizeof(test_request_t));
    t->text = malloc(len + 1);

    if (t->text == NULL) {
        return 0;
    }

    memcpy(t->text, text, len);
    t->text[len] = '\0';
    t->r.headers = t->headers;

    end = t->text + len;
    p = t->text;

    while ((line = p) < end) {
        p = memchr(line, '\n', (size_t) (end - line));
        p = (p == NULL) ? end : p;

        if (p == line) {
            p++;
            break;
        }

        if (t->r.method.data == NULL) {
            colon = memchr(line, ' ', (size_t) (p - line));
            space = memrchr(line, ' ', (size_t) (p - line));

            if (colon == NULL || colon == space) {
                return 0;
            }

            t->r.method.data = (uint8_t *) line;
            t->r.method.len = (size_t) (colon - line);
            t->r.target.data = (uint8_t *) colon + 1;
            t->r.target.len = (size_t) (space - colon - 1);

        } else {
            colon = memchr(line, ':', (size_t) (p - line));

            if (colon == NULL || t->r.nheaders == TEST_HEADERS) {
                return 0;
            }

            t->headers[t->r.nheaders].name.data = (uint8_t *) line;
            t->headers[t->r.nheaders].name.len = (size_t) (colon - line);
            t->headers[t->r.nheaders].value.data = (uint8_t *) colon + 1;
            t->headers[t->r.nheaders].value.len = (size_t) (p - colon - 1);
            t->r.nheaders++;
        }

        p++;
    }

    if (p < end) {
        t->r.payload.data = (uint8_t *) p;
        t->r.payload.len = (size_t) (end - p);
    }

    return t->r.method.data != NULL;
}


/* No space for another header: it is left out. */

static inline void
test_request_add(test_request_t *t, const char *name, const char *value)
{
    if (t->r.nheaders < TEST_HEADERS) {
        t->headers[t->r.nheaders].name.data = (uint8_t *) name;
        t->headers[t->r.nheaders].name.len = strlen(name);
        t->headers[t->r.nheaders].value.data = (uint8_t *) value;
        t->headers[t->r.nheaders++].value.len = strlen(value);
    }
}


static inline int
test_name_is(const acm_str_t *name, const char *s, size_t len)
{
    return name->len == len
           && strncasecmp((char *) name->data, s, len) == 0;
}


/* The words of a value, one blank between. */

static inline void
test_words(acm_buf_t *out, const acm_str_t *value)
{
    size_t  i, word;

    word = 0;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] == ' ' || value->data[i] == '\t') {
            word = (word != 0);

        } else {
            acm_buf_text(out, (word == 1) ? " " : "");
            acm_buf_u8(out, value->data[i]);
            word = 2;
        }
    }

    acm_buf_text(out, "\n");
}


/* The last parameter of this name; its value to the comma. */

static inline const char *
test_param(const char *auth, const char *name, size_t *len)
{
    const char  *p, *found;

    found = NULL;

    for (p = auth; (p = strstr(p, name)) != NULL; p++) {
        if (p > auth && strchr(", \t", p[-1]) != NULL) {
            found = p + strlen(name);
        }
    }

    *len = (found == NULL) ? 0 : strcspn(found, ",");

    while (*len != 0 && strchr(" \t", found[*len - 1]) != NULL) {
        (*len)--;
    }

    return found;
}


static inline void
test_meaning_of(acm_buf_t *out, const acm_sigv4_request_t *r,
    const char *name, size_t len)
{
    size_t  i;

    acm_buf_add(out, name, len);
    acm_buf_text(out, ":");

    for (i = 0; i < r->nheaders; i++) {
        if (test_name_is(&r->headers[i].name, name, len)) {
            test_words(out, &r->headers[i].value);
        }
    }
}


/* All that must not change in a request that is accepted. */

static inline void
test_meaning(acm_buf_t *out, const acm_sigv4_request_t *r)
{
    char               *auth;
    size_t              i, n, len;
    const char         *p, *names;
    const acm_str_t    *name;

    static const char *const  params[] = {
        "Credential=", "SignedHeaders=", "Signature="
    };

    auth = NULL;
    acm_buf_add(out, r->method.data, r->method.len);
    acm_buf_text(out, "\n");
    acm_buf_add(out, r->target.data, r->target.len);
    acm_buf_text(out, "\n");
    acm_buf_add(out, r->payload.data, r->payload.len);
    acm_buf_text(out, "\n");

    for (i = 0; i < r->nheaders; i++) {
        name = &r->headers[i].name;

        if (test_name_is(name, "authorization", 13)) {
            free(auth);
            auth = strndup((char *) r->headers[i].value.data,
                           r->headers[i].value.len);
        }
    }

    if (auth == NULL) {
        return;
    }

    for (i = 0; i < 3; i++) {
        p = test_param(auth, params[i], &len);
        acm_buf_text(out, params[i]);
        acm_buf_add(out, p, len);
        acm_buf_text(out, "\n");
    }

    names = test_param(auth, "SignedHeaders=", &len);

    for (i = 0; i < len; i += n + 1) {
        for (n = 0; i + n < len && names[i + n] != ';'; n++) {
            /* void */
        }

        test_meaning_of(out, r, names + i, n);
    }

    free(auth);
    test_meaning_of(out, r, "x-amz-target", 12);
    test_meaning_of(out, r, "x-amz-date", 10);
    test_meaning_of(out, r, "x-amz-security-token", 20);
    test_meaning_of(out, r, "x-amz-content-sha256", 20);
    test_meaning_of(out, r, "content-type", 12);
    test_meaning_of(out, r, "host", 4);
}


/* One octet of s is changed, left out or put in; s gets memory of its own,
   that is kept. */

static inline void
test_change_octet(acm_str_t *s, char **keep, test_next_pt next, void *data)
{
    size_t    at;
    uint8_t  *copy;

    copy = malloc(s->len + 1);

    if (copy == NULL) {
        return;
    }

    if (s->len != 0) {
        memcpy(copy, s->data, s->len);
    }

    at = next(data) % (s->len + 1);
    s->data = copy;

    if (at == s->len || next(data) % 8 == 0) {
        memmove(copy + at + 1, copy + at, s->len - at);
        copy[at] = (uint8_t) next(data);
        s->len++;

    } else if (next(data) % 8 == 0) {
        memmove(copy + at, copy + at + 1, s->len - at - 1);
        s->len--;

    } else if (next(data) % 2 == 0) {
        copy[at] ^= (uint8_t) (1U << next(data) % 8);

    } else {
        copy[at] = (uint8_t) next(data);
    }

    free(*keep);
    *keep = (char *) copy;
}


/* keep: what free() is called for afterwards, NULL at first */

static inline void
test_change(test_request_t *t, char **keep, test_next_pt next, void *data)
{
    size_t              i, j;
    acm_sigv4_header_t  h;

    static const char *const  more[][2] = {
        { "X-Amz-Target", "CertificateManager.DeleteCertificate" },
        { "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD" },
        { "X-Amz-Security-Token", "token" },
        { "X-Amz-Date", "20261125T130042Z" },
        { "X-Amz-Meta", "new" },
        { "Content-Type", "text/plain" },
        { "Host", "127.0.0.1" },
        { "Authorization", "AWS4-HMAC-SHA256 Credential=a" }
    };

    i = (t->r.nheaders == 0) ? 0 : next(data) % t->r.nheaders;

    switch (next(data) % 12) {
    case 0:
        test_change_octet(&t->r.method, keep, next, data);
        break;
    case 1:
        test_change_octet(&t->r.target, keep, next, data);
        break;
    case 2:
        test_change_octet(&t->r.payload, keep, next, data);
        break;
    case 3:
        test_change_octet(&t->headers[i].name, keep, next, data);
        break;
    case 4:
        t->headers[i] = t->headers[--t->r.nheaders];
        break;
    case 5:
        h = t->headers[i];

        if (t->r.nheaders < TEST_HEADERS) {
            t->headers[t->r.nheaders++] = h;
        }

        break;
    case 6:
        j = next(data) % t->r.nheaders;
        h = t->headers[i];
        t->headers[i].value = t->headers[j].value;
        t->headers[j].value = h.value;
        break;
    case 7:
        j = next(data) % (sizeof(more) / sizeof(more[0]));
        test_request_add(t, more[j][0], more[j][1]);
        break;
    default:
        test_change_octet(&t->headers[i].value, keep, next, data);
    }
}


/* knows TEST_KEY_ID; data: NULL, or what is to be found */

static inline acm_rc_t
test_find(void *data, const char *key_id, acm_sigv4_key_t *key)
{
    if (strcmp(key_id, TEST_KEY_ID) != 0) {
        return ACM_NOTFOUND;
    }

    if (data != NULL) {
        *key = *(acm_sigv4_key_t *) data;
        return ACM_OK;
    }

    key->len = strlen(TEST_SECRET);
    memcpy(key->secret, TEST_SECRET, key->len);
    key->active = 1;
    key->user = (void *) TEST_KEY_ID;

    return ACM_OK;
}


#endif /* _TEST_SIGV4_H_INCLUDED_ */
