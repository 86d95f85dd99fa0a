
/*
 * Copyright (C) The ngx_acm authors
 *
 * Requests and answers, header fields, URLs.
 */


#include <string.h>
#include <strings.h>
#include <time.h>

#include "acm_http.h"
#include "acm_jws.h"
#include "acm_name.h"


typedef struct {
    const char  *host;
    size_t       host_len;
    const char  *port;
    size_t       port_len;
    int          tls;
} acm_origin_t;


static int acm_http_origin(const char *url, acm_origin_t *o);
static int acm_http_loopback(const char *host, size_t len);
static const char *acm_http_default_port(const acm_origin_t *o,
    size_t *len);
static int acm_link_rel(const char *params, const char *rel);


acm_http_t *
acm_http_new(acm_http_method_e method, const char *url)
{
    acm_http_t  *http;

    http = acm_calloc(1, sizeof(acm_http_t));

    if (http == NULL) {
        return NULL;
    }

    http->url = acm_strdup(url);

    if (http->url == NULL) {
        acm_free(http);
        return NULL;
    }

    http->method = method;
    http->timeout = ACM_HTTP_TIMEOUT;

    acm_buf_init(&http->body, ACM_MAX_JWS);
    acm_buf_init(&http->answer, ACM_MAX_HTTP_BODY);

    return http;
}


void
acm_http_free(acm_http_t *http)
{
    if (http == NULL) {
        return;
    }

    acm_http_headers_reset(http);

    acm_free(http->url);
    acm_buf_free(&http->body);
    acm_buf_free(&http->answer);
    acm_free(http);
}


void
acm_http_headers_reset(acm_http_t *http)
{
    size_t  i;

    for (i = 0; i < http->nlinks; i++) {
        acm_free(http->links[i]);
        http->links[i] = NULL;
    }

    acm_free(http->answer_type);
    acm_free(http->location);
    acm_free(http->nonce);
    acm_free(http->retry_after);
    acm_free(http->date);

    http->date = NULL;
    http->answer_type = NULL;
    http->location = NULL;
    http->nonce = NULL;
    http->retry_after = NULL;
    http->nlinks = 0;
}


acm_rc_t
acm_http_header(acm_http_t *http, const char *name, size_t nlen,
    const char *value, size_t vlen)
{
    char    **slot, *copy;
    size_t    i;

    while (vlen > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        vlen--;
    }

    while (vlen > 0 && (value[vlen - 1] == ' ' || value[vlen - 1] == '\t')) {
        vlen--;
    }

    if (nlen == 12 && strncasecmp(name, "Content-Type", 12) == 0) {
        slot = &http->answer_type;

    } else if (nlen == 8 && strncasecmp(name, "Location", 8) == 0) {
        slot = &http->location;

    } else if (nlen == 12 && strncasecmp(name, "Replay-Nonce", 12) == 0) {
        slot = &http->nonce;

    } else if (nlen == 11 && strncasecmp(name, "Retry-After", 11) == 0) {
        slot = &http->retry_after;

    } else if (nlen == 4 && strncasecmp(name, "Date", 4) == 0) {
        slot = &http->date;

    } else if (nlen == 4 && strncasecmp(name, "Link", 4) == 0
               && http->nlinks < ACM_MAX_HTTP_LINKS)
    {
        slot = &http->links[http->nlinks];

    } else {
        return ACM_OK;
    }

    if (vlen == 0 || vlen > ACM_MAX_HTTP_FIELD || *slot != NULL) {
        return ACM_OK;
    }

    for (i = 0; i < vlen; i++) {
        if (value[i] < ' ' || value[i] >= 0x7f) {
            return ACM_OK;
        }
    }

    copy = acm_alloc(vlen + 1);

    if (copy == NULL) {
        return ACM_NOMEM;
    }

    memcpy(copy, value, vlen);
    copy[vlen] = '\0';

    if (slot == &http->links[http->nlinks]) {
        http->nlinks++;
    }

    *slot = copy;

    return ACM_OK;
}


int
acm_http_is_type(const acm_http_t *http, const char *type)
{
    size_t  len;

    if (http->answer_type == NULL) {
        return 0;
    }

    len = strcspn(http->answer_type, "; \t");

    return len == strlen(type)
           && strncasecmp(http->answer_type, type, len) == 0;
}


int
acm_http_url_ok(const char *url)
{
    size_t        i;
    acm_origin_t  o;

    for (i = 0; url[i] != '\0'; i++) {
        if (i == ACM_MAX_URL || url[i] <= ' ' || url[i] >= 0x7f
            || strchr("\"\\<>^`{|}#", url[i]) != NULL)
        {
            return 0;
        }
    }

    if (!acm_http_origin(url, &o)) {
        return 0;
    }

    return o.tls || acm_http_loopback(o.host, o.host_len);
}


int
acm_http_is_near(const char *url)
{
    acm_origin_t  o;

    return acm_http_origin(url, &o) && acm_http_loopback(o.host, o.host_len);
}


static int
acm_http_origin(const char *url, acm_origin_t *o)
{
    size_t       i, len;
    const char  *p, *end;

    if (strncasecmp(url, "https://", 8) == 0) {
        o->tls = 1;
        p = url + 8;

    } else if (strncasecmp(url, "http://", 7) == 0) {
        o->tls = 0;
        p = url + 7;

    } else {
        return 0;
    }

    len = strcspn(p, "/?");

    if (len == 0 || len > ACM_MAX_NAME + 8 || memchr(p, '@', len) != NULL) {
        return 0;
    }

    o->host = p;
    o->port = NULL;
    o->port_len = 0;

    end = (*p == '[') ? memchr(p, ']', len) : p;

    if (end == NULL) {
        return 0;
    }

    end = memchr(end, ':', (size_t) (p + len - end));
    o->host_len = (end == NULL) ? len : (size_t) (end - p);

    if (end != NULL) {
        o->port = end + 1;
        o->port_len = len - o->host_len - 1;

        if (o->port_len == 0 || o->port_len > 5) {
            return 0;
        }

        for (i = 0; i < o->port_len; i++) {
            if (o->port[i] < '0' || o->port[i] > '9') {
                return 0;
            }
        }
    }

    return o->host_len != 0;
}


static int
acm_http_loopback(const char *host, size_t len)
{
    if (len == 9 && strncasecmp(host, "localhost", 9) == 0) {
        return 1;
    }

    if (len == 5 && strncmp(host, "[::1]", 5) == 0) {
        return 1;
    }

    return len > 4 && strncmp(host, "127.", 4) == 0
           && acm_name_is_ip(host, len);
}


int
acm_http_same_origin(const char *a, const char *b)
{
    size_t        la, lb;
    const char   *pa, *pb;
    acm_origin_t  oa, ob;

    if (!acm_http_origin(a, &oa) || !acm_http_origin(b, &ob)) {
        return 0;
    }

    pa = acm_http_default_port(&oa, &la);
    pb = acm_http_default_port(&ob, &lb);

    return oa.tls == ob.tls && oa.host_len == ob.host_len
           && strncasecmp(oa.host, ob.host, oa.host_len) == 0
           && la == lb && memcmp(pa, pb, la) == 0;
}


static const char *
acm_http_default_port(const acm_origin_t *o, size_t *len)
{
    if (o->port != NULL) {
        *len = o->port_len;
        return o->port;
    }

    *len = o->tls ? 3 : 2;

    return o->tls ? "443" : "80";
}


int64_t
acm_http_retry_after(const acm_http_t *http, int64_t now)
{
    int64_t      v;
    const char  *s;

    s = http->retry_after;

    if (s == NULL) {
        return -1;
    }

    if (*s < '0' || *s > '9') {
        v = acm_http_date(s, now);

        if (v < 0 || v <= now) {
            return -1;
        }

        v -= now;

    } else {

        for (v = 0; *s >= '0' && *s <= '9'; s++) {
            if (v < ACM_MAX_RETRY_AFTER) {
                v = v * 10 + (*s - '0');
            }
        }

        if (*s != '\0') {
            return -1;
        }
    }

    return (v > ACM_MAX_RETRY_AFTER) ? ACM_MAX_RETRY_AFTER : v;
}


int64_t
acm_http_date(const char *s, int64_t now)
{
    int          year;
    time_t       t;
    size_t       i;
    struct tm    tm;
    const char  *end;

    static const char *const  forms[] = {
        "%a, %d %b %Y %H:%M:%S GMT",         /* IMF-fixdate */
        "%A, %d-%b-%y %H:%M:%S GMT",         /* RFC 850 */
        "%a %b %d %H:%M:%S %Y"               /* asctime */
    };

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        memset(&tm, 0, sizeof(struct tm));

        end = strptime(s, forms[i], &tm);

        if (end == NULL || *end != '\0') {
            continue;
        }

        if (i == 1) {

            /* two digits: no more than 50 years from now */

            t = (time_t) now;
            year = tm.tm_year % 100;

            if (gmtime_r(&t, &tm) != NULL) {
                year += tm.tm_year - tm.tm_year % 100;

                if (year > tm.tm_year + 50) {
                    year -= 100;
                }
            }

            memset(&tm, 0, sizeof(struct tm));
            (void) strptime(s, forms[i], &tm);
            tm.tm_year = year;
        }

        t = timegm(&tm);

        return (t < 0) ? -1 : (int64_t) t;
    }

    return -1;
}


char *
acm_http_link(const acm_http_t *http, const char *rel, size_t n)
{
    char        *url;
    size_t       i, len;
    const char  *p, *end;

    for (i = 0; i < http->nlinks; i++) {

        for (p = strchr(http->links[i], '<'); p != NULL; p = strchr(end, '<'))
        {
            end = strchr(++p, '>');

            if (end == NULL) {
                break;
            }

            if (!acm_link_rel(end + 1, rel) || n-- != 0) {
                continue;
            }

            len = (size_t) (end - p);
            url = acm_alloc(len + 1);

            if (url != NULL) {
                memcpy(url, p, len);
                url[len] = '\0';
            }

            return url;
        }
    }

    return NULL;
}


/* params: `;rel="alternate"` and so on, up to the next link or the end */

static int
acm_link_rel(const char *params, const char *rel)
{
    size_t       len;
    const char  *p, *end;

    end = params + strcspn(params, "<");
    len = strlen(rel);

    for (p = params; p < end; p++) {

        if (strncasecmp(p, "rel=", 4) != 0) {
            continue;
        }

        p += 4;

        if (*p == '"') {
            p++;
        }

        return strncasecmp(p, rel, len) == 0
               && (p[len] == '"' || p[len] == '\0' || p[len] == ';'
                   || p[len] == ',' || p[len] == ' ');
    }

    return 0;
}
