
/*
 * Copyright (C) The ngx_acm authors
 *
 * What a request for the status asks for.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "acm_html.h"
#include "acm_status.h"


#define ACM_STATUS_MAX_ARGS  64          /* looked at */


typedef struct {
    const char  *word;
    int          value;
} acm_word_t;


static void acm_status_arg(acm_status_query_t *query, const char *name,
    const char *value, size_t len);
static void acm_status_text_arg(acm_status_query_t *query, char *field,
    size_t max, const char *name, const char *value, size_t len);
static int acm_status_word(acm_status_query_t *query,
    const acm_word_t *words, const char *name, const char *value);
static void acm_status_expires(acm_status_query_t *query, const char *value);
static void acm_status_limit(acm_status_query_t *query, const char *value);
static void acm_status_fault(acm_status_query_t *query, const char *name,
    const char *value, const char *cure);
static size_t acm_status_decode(const char *s, size_t len, char *out);
static int acm_status_hex(char c);
static int acm_status_weight(const char *s, size_t len);
static int acm_status_tail(const char *path, size_t *len, const char *tail);
static void acm_status_home(const char *path, size_t len, char *home,
    size_t max);


static const acm_word_t  acm_formats[] = {
    { "json", ACM_FORMAT_JSON },
    { "html", ACM_FORMAT_HTML },
    { NULL, 0 }
};

static const acm_word_t  acm_sorts[] = {
    { "attention", ACM_SORT_ATTENTION },
    { "expiry", ACM_SORT_EXPIRY },
    { "name", ACM_SORT_NAME },
    { "store", ACM_SORT_STORE },
    { NULL, 0 }
};

static const acm_word_t  acm_statuses[] = {
    { "STUCK", -1 },
    { "PENDING_VALIDATION", ACM_STATUS_PENDING_VALIDATION },
    { "ISSUED", ACM_STATUS_ISSUED },
    { "INACTIVE", ACM_STATUS_INACTIVE },
    { "EXPIRED", ACM_STATUS_EXPIRED },
    { "VALIDATION_TIMED_OUT", ACM_STATUS_VALIDATION_TIMED_OUT },
    { "REVOKED", ACM_STATUS_REVOKED },
    { "FAILED", ACM_STATUS_FAILED },
    { NULL, 0 }
};

static const acm_word_t  acm_types[] = {
    { "AMAZON_ISSUED", ACM_TYPE_ISSUED },
    { "IMPORTED", ACM_TYPE_IMPORTED },
    { "PRIVATE", ACM_TYPE_PRIVATE },
    { NULL, 0 }
};


void
acm_status_query(const char *args, size_t len, acm_status_query_t *query)
{
    char         name[16], value[ACM_MAX_STATUS_CURSOR + 2];
    size_t       n, part, equal;
    const char  *p;

    memset(query, 0, sizeof(acm_status_query_t));

    if (len > ACM_MAX_STATUS_ARGS) {
        acm_status_fault(query, "the query", "", "it is too long");
        return;
    }

    for (n = 0; len != 0 && n < ACM_STATUS_MAX_ARGS; n++) {
        p = memchr(args, '&', len);
        part = (p == NULL) ? len : (size_t) (p - args);
        p = memchr(args, '=', part);
        equal = (p == NULL) ? part : (size_t) (p - args);

        if (equal < sizeof(name)) {
            memcpy(name, args, equal);
            name[equal] = '\0';

            equal += (equal < part);

            if (part - equal > 3 * ACM_MAX_STATUS_CURSOR) {
                acm_status_fault(query, name, "", "it is too long");

            } else {
                equal = acm_status_decode(args + equal, part - equal, value);
                acm_status_arg(query, name, value, equal);
            }
        }

        part += (part < len);
        args += part;
        len -= part;
    }
}


/* At most ACM_MAX_STATUS_CURSOR + 1 octets, so that one too many is seen. */

static size_t
acm_status_decode(const char *s, size_t len, char *out)
{
    int     high, low;
    size_t  i, n;

    for (i = 0, n = 0; i < len && n <= ACM_MAX_STATUS_CURSOR; i++) {
        out[n] = (s[i] == '+') ? ' ' : s[i];

        if (s[i] == '%' && i + 2 < len) {
            high = acm_status_hex(s[i + 1]);
            low = acm_status_hex(s[i + 2]);

            if (high >= 0 && low >= 0) {
                out[n] = (char) (high * 16 + low);
                i += 2;
            }
        }

        n++;
    }

    out[n] = '\0';

    return n;
}


static int
acm_status_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


static void
acm_status_arg(acm_status_query_t *query, const char *name,
    const char *value, size_t len)
{
    int     n;
    size_t  i;

    if (strcmp(name, "after") == 0) {
        if (len <= ACM_MAX_STATUS_CURSOR) {
            memcpy(query->after, value, len);
            query->after_len = len;
        }

    } else if (len == 0) {
        /* of a form that was sent with an empty field */

    } else if (strcmp(name, "q") == 0) {
        acm_status_text_arg(query, query->q, ACM_MAX_STATUS_Q, name, value,
                            len);

        for (i = 0; query->q[i] != '\0'; i++) {
            if (query->q[i] >= 'A' && query->q[i] <= 'Z') {
                query->q[i] = (char) (query->q[i] | 0x20);
            }
        }

    } else if (strcmp(name, "issuer") == 0) {
        acm_status_text_arg(query, query->issuer, ACM_MAX_LABEL, name, value,
                            len);

    } else if (strcmp(name, "status") == 0) {
        n = acm_status_word(query, acm_statuses, name, value);
        query->stuck = (n == -1);
        query->status = (acm_status_e) ((n == -1) ? 0 : n);

    } else if (strcmp(name, "type") == 0) {
        query->type = (acm_type_e) acm_status_word(query, acm_types, name,
                                                   value);

    } else if (strcmp(name, "sort") == 0) {
        query->sort = (acm_sort_e) acm_status_word(query, acm_sorts, name,
                                                   value);

    } else if (strcmp(name, "format") == 0) {
        query->format = (acm_format_e) acm_status_word(query, acm_formats,
                                                       name, value);
        query->formatted = (strcmp(acm_formats[query->format].word, value)
                            == 0);

    } else if (strcmp(name, "expires") == 0) {
        acm_status_expires(query, value);

    } else if (strcmp(name, "limit") == 0) {
        acm_status_limit(query, value);
    }
}


/* Without blanks around it, which come with what was pasted. */

static void
acm_status_text_arg(acm_status_query_t *query, char *field, size_t max,
    const char *name, const char *value, size_t len)
{
    while (len != 0 && *value == ' ') {
        value++;
        len--;
    }

    while (len != 0 && value[len - 1] == ' ') {
        len--;
    }

    if (len > max || memchr(value, '\0', len) != NULL) {
        acm_status_fault(query, name, "", "it is too long, or no text");
        return;
    }

    memcpy(field, value, len);
    field[len] = '\0';
}


static int
acm_status_word(acm_status_query_t *query, const acm_word_t *words,
    const char *name, const char *value)
{
    size_t  i, n;
    char    cure[120];

    n = 0;
    cure[0] = '\0';

    for (i = 0; words[i].word != NULL; i++) {
        if (strcmp(words[i].word, value) == 0) {
            return words[i].value;
        }

        if (n < sizeof(cure)) {
            n += (size_t) snprintf(cure + n, sizeof(cure) - n, "%s%s",
                                   n ? ", " : "one of ", words[i].word);
        }
    }

    acm_status_fault(query, name, value, cure);

    return 0;
}


/* "30d", "12h" or "30": days; what has expired is among them */

static void
acm_status_expires(acm_status_query_t *query, const char *value)
{
    char     *end;
    int64_t   n, unit;

    n = (*value >= '0' && *value <= '9') ? strtoll(value, &end, 10) : -1;

    if (n >= 0 && n <= ACM_MAX_STATUS_EXPIRES) {
        unit = (strcmp(end, "h") == 0) ? 3600
               : (*end == '\0' || strcmp(end, "d") == 0) ? 86400 : 0;

        if (unit && n > 0 && n <= ACM_MAX_STATUS_EXPIRES / unit) {
            query->expires = n * unit;
            return;
        }
    }

    acm_status_fault(query, "expires", value, "say \"30d\" or \"12h\"");
}


/* What is no number of rows asks for as many as there may be. */

static void
acm_status_limit(acm_status_query_t *query, const char *value)
{
    size_t  n;

    for (n = 0; *value >= '0' && *value <= '9'; value++) {
        n = n * 10 + (size_t) (*value - '0');

        if (n > ACM_MAX_STATUS_JSON) {
            break;
        }
    }

    query->limit = (*value != '\0' || n < 1 || n > ACM_MAX_STATUS_JSON)
                   ? ACM_MAX_STATUS_JSON : n;
}


static void
acm_status_fault(acm_status_query_t *query, const char *name,
    const char *value, const char *cure)
{
    if (*query->fault == '\0') {
        (void) snprintf(query->fault, ACM_MAX_STATUS_FAULT,
                        "%s%s%.24s was not understood: %s", name,
                        *value ? "=" : "", value, cure);
    }
}


void
acm_status_query_text(const acm_status_query_t *query, acm_buf_t *out)
{
    size_t  i;

    if (*query->q != '\0') {
        acm_html(out, "&q=%q", query->q);
    }

    for (i = 0; acm_statuses[i].word != NULL; i++) {
        if (query->stuck ? acm_statuses[i].value == -1
                         : acm_statuses[i].value == (int) query->status)
        {
            acm_html(out, "&status=%q", acm_statuses[i].word);
        }
    }

    for (i = 0; acm_types[i].word != NULL; i++) {
        if (acm_types[i].value == (int) query->type) {
            acm_html(out, "&type=%q", acm_types[i].word);
        }
    }

    for (i = 0; acm_sorts[i].word != NULL; i++) {
        if (acm_sorts[i].value == (int) query->sort) {
            acm_html(out, "&sort=%q", acm_sorts[i].word);
        }
    }

    if (*query->issuer != '\0') {
        acm_html(out, "&issuer=%q", query->issuer);
    }

    if (query->expires) {
        acm_html(out, "&expires=%d%s",
                 query->expires / (query->expires % 86400 ? 3600 : 86400),
                 query->expires % 86400 ? "h" : "d");
    }

    if (query->limit) {
        acm_html(out, "&limit=%d", (int64_t) query->limit);
    }
}


static int
acm_status_tail(const char *path, size_t *len, const char *tail)
{
    size_t  n;

    n = strlen(tail);

    if (*len < n || memcmp(path + *len - n, tail, n) != 0) {
        return 0;
    }

    *len -= n;

    return 1;
}


void
acm_status_where(const char *path, size_t len, size_t base,
    acm_status_where_t *where)
{
    size_t       n;
    const char  *up;

    memset(where, 0, sizeof(acm_status_where_t));

    /* "/status" and "/status/" are the same location */

    base -= (base != 0 && base <= len && path[base - 1] == '/');
    base = (base > len) ? 0 : base;
    up = "./";
    n = len - base;

    if (acm_status_tail(path + base, &n, "/certificates")) {
        where->page = ACM_PAGE_LIST;

    } else {
        for (n = len; n != base && path[n - 1] != '/'; n--) {
            /* void */
        }

        if (n - base >= sizeof("/certificate/") - 1
            && memcmp(path + n - (sizeof("/certificate/") - 1),
                      "/certificate/", sizeof("/certificate/") - 1)
               == 0)
        {
            where->page = ACM_PAGE_NONE;
            up = "../";

            if (len - n == ACM_UUID_LEN) {
                memcpy(where->uuid, path + n, ACM_UUID_LEN);
            }

            if (acm_uuid_ok(where->uuid)) {
                where->page = ACM_PAGE_CERT;
            }

        } else {
            while (n != 0 && path[n - 1] != '/') {
                n--;
            }

            acm_status_home(path + n, len - n, where->home,
                            sizeof(where->home));
            return;
        }
    }

    memcpy(where->home, up, strlen(up) + 1);
}


/* "./status/" of "/x/status", so that links do not depend on what a proxy in
   front calls it.  What is too long, or needs escapes, has none. */

static void
acm_status_home(const char *path, size_t len, char *home, size_t max)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (!((path[i] >= 'a' && path[i] <= 'z')
              || (path[i] >= 'A' && path[i] <= 'Z')
              || (path[i] >= '0' && path[i] <= '9')
              || path[i] == '-' || path[i] == '.' || path[i] == '_'))
        {
            len = 0;
        }
    }

    if (len == 0 || len + 4 > max) {
        memcpy(home, "./", 3);
        return;
    }

    (void) snprintf(home, max, "./%.*s/", (int) len, path);
}


/* The weight of one media range in thousandths, 1000 without one. */

static int
acm_status_weight(const char *s, size_t len)
{
    int          n, digits;
    const char  *end;

    end = s + len;

    for ( ; s + 2 < end; s++) {

        if (*s != ';' && *s != ' ') {
            continue;
        }

        if ((s[1] | 0x20) != 'q' || s[2] != '=') {
            continue;
        }

        n = 0;
        digits = 0;

        for (s += 3; s < end && digits < 4; s++) {
            if (*s >= '0' && *s <= '9') {
                n = n * 10 + (*s - '0');
                digits++;

            } else if (*s != '.') {
                break;
            }
        }

        for ( ; digits < 4; digits++) {
            n *= 10;
        }

        return (n > 1000) ? 1000 : n;
    }

    return 1000;
}


acm_format_e
acm_status_accept(const char *accept, size_t len)
{
    int          html, json, weight;
    size_t       part, type;
    const char  *p;

    html = 0;
    json = 0;

    while (len != 0) {
        p = memchr(accept, ',', len);
        part = (p == NULL) ? len : (size_t) (p - accept);

        while (part != 0 && (*accept == ' ' || *accept == '\t')) {
            accept++;
            part--;
            len--;
        }

        for (type = 0; type < part && accept[type] != ';'
                       && accept[type] != ' '; type++)
        {
            /* void */
        }

        weight = acm_status_weight(accept + type, part - type);

        if (type == 9 && strncasecmp(accept, "text/html", 9) == 0) {
            html = weight;

        } else if (type == 16
                   && strncasecmp(accept, "application/json", 16) == 0)
        {
            json = weight;
        }

        part += (part < len);
        accept += part;
        len -= part;
    }

    return (html != 0 && html >= json) ? ACM_FORMAT_HTML : ACM_FORMAT_JSON;
}
