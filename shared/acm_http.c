
/*
 * Copyright (C) The ngx_acm authors
 *
 * Requests and answers, header fields, URLs.
 */


#include <ctype.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "acm_http.h"
#include "acm_jws.h"
#include "acm_limit.h"
#include "acm_name.h"


typedef struct {
    const char  *host;
    size_t       host_len;
    unsigned     port;
    int          tls;
} acm_origin_t;


/* a link-value of RFC 8288 s3; borrowed */

typedef struct {
    const char  *target;
    size_t       target_len;
    const char  *rel;
    size_t       rel_len;
} acm_link_t;


static int acm_http_nonce_ok(const char *value, size_t len);
static int acm_http_origin(const char *url, acm_origin_t *o);
static size_t acm_http_host(const char *p, size_t len);
static unsigned acm_http_port(const char *p, size_t len);
static int acm_http_loopback(const char *host, size_t len);
static int64_t acm_http_time(const struct tm *from);
static const char *acm_link_next(const char *p, acm_link_t *link);
static const char *acm_link_param(const char *p, acm_link_t *link);
static int acm_link_rel(const acm_link_t *link, const char *rel);


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

    acm_buf_init(&http->body, ACM_MAX_HTTP_SENT);
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

    if (slot == &http->nonce && !acm_http_nonce_ok(value, vlen)) {
        return ACM_OK;
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


/* RFC 8555 s6.5.1: base64url, and others must be ignored. */

static int
acm_http_nonce_ok(const char *value, size_t len)
{
    size_t  i;

    if (len > ACM_MAX_NONCE) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (!((value[i] >= 'a' && value[i] <= 'z')
              || (value[i] >= 'A' && value[i] <= 'Z')
              || (value[i] >= '0' && value[i] <= '9')
              || value[i] == '-' || value[i] == '_'))
        {
            return 0;
        }
    }

    return 1;
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


int
acm_http_local(const struct sockaddr *sa)
{
    uint8_t                     v4[4];
    const struct in6_addr      *v6;

    if (sa->sa_family == AF_INET) {
        memcpy(v4, &((const struct sockaddr_in *) sa)->sin_addr, 4);

    } else if (sa->sa_family == AF_INET6) {
        v6 = &((const struct sockaddr_in6 *) sa)->sin6_addr;

        if (!IN6_IS_ADDR_V4MAPPED(v6) && !IN6_IS_ADDR_V4COMPAT(v6)) {
            return IN6_IS_ADDR_LINKLOCAL(v6) || IN6_IS_ADDR_LOOPBACK(v6)
                   || IN6_IS_ADDR_UNSPECIFIED(v6);
        }

        memcpy(v4, v6->s6_addr + 12, 4);

    } else {
        return 1;
    }

    return v4[0] == 127 || v4[0] == 0 || (v4[0] == 169 && v4[1] == 254);
}


int
acm_http_is_public(const char *url)
{
    char          host[ACM_MAX_NAME + 1];
    size_t        i;
    acm_origin_t  o;

    if (!acm_http_origin(url, &o) || o.host_len > ACM_MAX_NAME) {
        return 0;
    }

    for (i = 0; i < o.host_len; i++) {
        host[i] = (char) tolower((unsigned char) o.host[i]);
    }

    host[i] = '\0';

    return host[0] != '[' && !acm_name_is_ip(host, o.host_len)
           && acm_public_name(host);
}


static int
acm_http_origin(const char *url, acm_origin_t *o)
{
    size_t       len;
    const char  *p;

    if (strncasecmp(url, "https://", 8) == 0) {
        o->tls = 1;
        p = url + 8;

    } else if (strncasecmp(url, "http://", 7) == 0) {
        o->tls = 0;
        p = url + 7;

    } else {
        return 0;
    }

    len = strcspn(p, "/?#");

    o->host = p;
    o->host_len = acm_http_host(p, len);

    if (o->host_len == 0) {
        return 0;
    }

    if (o->host_len == len) {
        o->port = o->tls ? 443 : 80;
        return 1;
    }

    if (p[o->host_len] != ':') {
        return 0;
    }

    o->port = acm_http_port(p + o->host_len + 1, len - o->host_len - 1);

    return o->port != 0;
}


/* The length of a name, or of an address, with its brackets; 0: none.  No
   user, and nothing that would be unescaped to one. */

static size_t
acm_http_host(const char *p, size_t len)
{
    size_t       i;
    const char  *end;

    if (len != 0 && *p == '[') {
        end = memchr(p, ']', len);
        i = (end == NULL) ? 0 : (size_t) (end + 1 - p);

        return (i != 0 && memchr(p, ':', i) != NULL && acm_name_is_ip(p, i))
               ? i : 0;
    }

    for (i = 0; i < len && p[i] != ':'; i++) {

        if (p[i] == '.' && (i == 0 || p[i - 1] == '.')) {
            return 0;
        }

        if (!((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z')
              || (p[i] >= '0' && p[i] <= '9') || p[i] == '-' || p[i] == '_'
              || p[i] == '.'))
        {
            return 0;
        }
    }

    return (i <= ACM_MAX_NAME) ? i : 0;
}


static unsigned
acm_http_port(const char *p, size_t len)
{
    size_t    i;
    unsigned  port;

    if (len == 0 || len > 5) {
        return 0;
    }

    port = 0;

    for (i = 0; i < len; i++) {

        if (p[i] < '0' || p[i] > '9') {
            return 0;
        }

        port = port * 10 + (unsigned) (p[i] - '0');
    }

    return (port <= 65535) ? port : 0;
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
    acm_origin_t  oa, ob;

    if (!acm_http_origin(a, &oa) || !acm_http_origin(b, &ob)) {
        return 0;
    }

    return oa.tls == ob.tls && oa.port == ob.port
           && oa.host_len == ob.host_len
           && strncasecmp(oa.host, ob.host, oa.host_len) == 0;
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
    struct tm    tm, today;
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

        t = (time_t) now;

        if (i == 1 && gmtime_r(&t, &today) != NULL) {

            /* two digits: no more than 50 years from now */

            year = today.tm_year - today.tm_year % 100 + tm.tm_year % 100;

            if (year > today.tm_year + 50) {
                year -= 100;

            } else if (year <= today.tm_year - 50) {
                year += 100;
            }

            tm.tm_year = year;
        }

        return acm_http_time(&tm);
    }

    return -1;
}


/* -1 for a day that its month does not have, which timegm() would turn into
   one of the next. */

static int64_t
acm_http_time(const struct tm *from)
{
    time_t     t;
    struct tm  tm;

    tm = *from;
    tm.tm_sec = 0;

    t = timegm(&tm);

    if (t < 0 || tm.tm_mday != from->tm_mday) {
        return -1;
    }

    return (int64_t) t + from->tm_sec;
}


char *
acm_http_link(const acm_http_t *http, const char *rel, size_t n)
{
    char        *url;
    size_t       i;
    acm_link_t   link;
    const char  *p;

    for (i = 0; i < http->nlinks; i++) {

        p = http->links[i];

        while ((p = acm_link_next(p, &link)) != NULL) {

            if (!acm_link_rel(&link, rel) || n-- != 0) {
                continue;
            }

            url = acm_alloc(link.target_len + 1);

            if (url != NULL) {
                memcpy(url, link.target, link.target_len);
                url[link.target_len] = '\0';
            }

            return url;
        }
    }

    return NULL;
}


/* Reads one link; returns where it ends, or NULL if there is none. */

static const char *
acm_link_next(const char *p, acm_link_t *link)
{
    const char  *end;

    p += strspn(p, ", \t");

    if (*p != '<') {
        return NULL;
    }

    end = strchr(++p, '>');

    if (end == NULL) {
        return NULL;
    }

    link->target = p;
    link->target_len = (size_t) (end - p);
    link->rel = NULL;
    link->rel_len = 0;

    for (p = end + 1; *p != '\0' && *p != ','; p = acm_link_param(p, link)) {
        /* void */
    }

    return p;
}


/* One parameter; of several "rel" the first counts, RFC 8288 s3.3. */

static const char *
acm_link_param(const char *p, acm_link_t *link)
{
    size_t       nlen, vlen;
    const char  *name, *value;

    p += strspn(p, "; \t");

    name = p;
    nlen = strcspn(p, "=;, \t");
    p += nlen;
    p += strspn(p, " \t");

    if (*p != '=') {
        return p;
    }

    p++;
    p += strspn(p, " \t");

    if (*p == '"') {
        value = ++p;

        while (*p != '\0' && *p != '"') {
            p += (p[0] == '\\' && p[1] != '\0') ? 2 : 1;
        }

        vlen = (size_t) (p - value);
        p += (*p == '"');

    } else {
        value = p;
        vlen = strcspn(p, ";, \t");
        p += vlen;
    }

    if (nlen == 3 && strncasecmp(name, "rel", 3) == 0 && link->rel == NULL) {
        link->rel = value;
        link->rel_len = vlen;
    }

    return p;
}


/* The relation is one of a list with spaces. */

static int
acm_link_rel(const acm_link_t *link, const char *rel)
{
    size_t  i, j, len;

    len = strlen(rel);

    for (i = 0; i < link->rel_len; i = j + 1) {

        for (j = i; j < link->rel_len && link->rel[j] != ' '; j++) {
            /* void */
        }

        if (j - i == len && strncasecmp(link->rel + i, rel, len) == 0) {
            return 1;
        }
    }

    return 0;
}
