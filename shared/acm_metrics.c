
/*
 * Copyright (C) The ngx_acm authors
 */


#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "acm_metrics.h"


#define ACM_NANO  ((uint64_t) 1000000000)


static void acm_metrics_sample(acm_metrics_t *m, const char *suffix,
    const char *bound, const char *value);
static void acm_metrics_done(acm_metrics_t *m);
static void acm_metrics_escape(acm_buf_t *b, const char *s);
static size_t acm_utf8_len(const uint8_t *s, size_t left);
static char *acm_seconds_text(uint64_t nanoseconds, char *buf, size_t size);


void
acm_metrics_init(acm_metrics_t *m, int open, size_t max)
{
    memset(m, 0, sizeof(acm_metrics_t));

    acm_buf_init(&m->out, max);
    acm_buf_init(&m->labels, ACM_MAX_METRIC_LABELS);

    m->open = (open != 0);
}


void
acm_metrics_free(acm_metrics_t *m)
{
    acm_buf_free(&m->out);
    acm_buf_free(&m->labels);
}


void
acm_metrics_family(acm_metrics_t *m, const char *name, acm_metric_e type,
    const char *help)
{
    const char  *suffix;

    static const char *const  types[] = { "gauge", "counter", "histogram" };

    if (strlen(name) > ACM_MAX_METRIC_NAME) {
        m->out.rc = ACM_TOOBIG;
        return;
    }

    m->name = name;
    m->type = type;

    /* OpenMetrics names the family of a counter without "_total" */

    suffix = (type == ACM_METRIC_COUNTER && !m->open) ? "_total" : "";

    acm_buf_text(&m->out, "# HELP ");
    acm_buf_text(&m->out, name);
    acm_buf_text(&m->out, suffix);
    acm_buf_text(&m->out, " ");
    acm_buf_text(&m->out, help);
    acm_buf_text(&m->out, "\n# TYPE ");
    acm_buf_text(&m->out, name);
    acm_buf_text(&m->out, suffix);
    acm_buf_text(&m->out, " ");
    acm_buf_text(&m->out, types[type]);
    acm_buf_text(&m->out, "\n");
}


void
acm_metrics_label(acm_metrics_t *m, const char *name, const char *value)
{
    if (m->labels.len != 0) {
        acm_buf_text(&m->labels, ",");
    }

    acm_buf_text(&m->labels, name);
    acm_buf_text(&m->labels, "=\"");
    acm_metrics_escape(&m->labels, (value != NULL) ? value : "");
    acm_buf_text(&m->labels, "\"");
}


void
acm_metrics_value(acm_metrics_t *m, int64_t value)
{
    char  text[32];

    (void) snprintf(text, sizeof(text), "%" PRId64, value);

    acm_metrics_sample(m, "", NULL, text);
    acm_metrics_done(m);
}


void
acm_metrics_count(acm_metrics_t *m, uint64_t value)
{
    char  text[32];

    (void) snprintf(text, sizeof(text), "%" PRIu64, value);

    acm_metrics_sample(m, "", NULL, text);
    acm_metrics_done(m);
}


void
acm_metrics_seconds(acm_metrics_t *m, uint64_t nanoseconds)
{
    char  text[48];

    acm_metrics_sample(m, "", NULL,
                       acm_seconds_text(nanoseconds, text, sizeof(text)));
    acm_metrics_done(m);
}


void
acm_metrics_histogram(acm_metrics_t *m, const acm_histogram_t *h)
{
    char      text[48];
    size_t    i;
    uint64_t  sum;

    sum = 0;

    for (i = 0; i <= h->n; i++) {
        sum += h->counts[i];

        (void) snprintf(text, sizeof(text), "%" PRIu64, sum);
        acm_metrics_sample(m, "_bucket", (i < h->n) ? h->bounds[i] : "+Inf",
                           text);
    }

    /* the count is what the last bucket says: read once, they agree */

    acm_metrics_sample(m, "_count", NULL, text);
    acm_metrics_sample(m, "_sum", NULL,
                       acm_seconds_text(h->sum, text, sizeof(text)));
    acm_metrics_done(m);
}


void
acm_metrics_join(acm_metrics_t *m, const acm_metrics_t *from)
{
    if (from->out.rc != ACM_OK) {
        m->out.rc = from->out.rc;
        return;
    }

    acm_buf_add(&m->out, from->out.data, from->out.len);
}


acm_rc_t
acm_metrics_end(acm_metrics_t *m)
{
    if (m->open) {
        acm_buf_text(&m->out, "# EOF\n");
    }

    return acm_buf_rc(&m->out);
}


static void
acm_metrics_sample(acm_metrics_t *m, const char *suffix, const char *bound,
    const char *value)
{
    if (acm_buf_rc(&m->labels) != ACM_OK) {
        m->out.rc = acm_buf_rc(&m->labels);
        return;
    }

    acm_buf_text(&m->out, m->name);
    acm_buf_text(&m->out, (m->type == ACM_METRIC_COUNTER) ? "_total"
                                                          : suffix);

    if (m->labels.len != 0 || bound != NULL) {
        acm_buf_text(&m->out, "{");
        acm_buf_add(&m->out, m->labels.data, m->labels.len);

        if (bound != NULL) {
            acm_buf_text(&m->out, (m->labels.len != 0) ? ",le=\"" : "le=\"");
            acm_buf_text(&m->out, bound);
            acm_buf_text(&m->out, "\"");
        }

        acm_buf_text(&m->out, "}");
    }

    acm_buf_text(&m->out, " ");
    acm_buf_text(&m->out, value);
    acm_buf_text(&m->out, "\n");
}


/* Labels are for one sample; their memory goes on being used. */

static void
acm_metrics_done(acm_metrics_t *m)
{
    m->labels.len = 0;
}


static void
acm_metrics_escape(acm_buf_t *b, const char *s)
{
    size_t          n, left;
    const uint8_t  *p;

    p = (const uint8_t *) s;
    left = strlen(s);

    if (left > ACM_MAX_METRIC_LABEL) {

        /* no cut in the middle of a character */

        left = ACM_MAX_METRIC_LABEL;

        while (left > 0 && (p[left] & 0xc0) == 0x80) {
            left--;
        }
    }

    while (left > 0) {
        n = acm_utf8_len(p, left);

        if (n == 0) {
            acm_buf_text(b, "?");
            n = 1;

        } else if (*p == '\\') {
            acm_buf_text(b, "\\\\");

        } else if (*p == '"') {
            acm_buf_text(b, "\\\"");

        } else if (*p == '\n') {
            acm_buf_text(b, "\\n");

        } else if (*p < ' ' || *p == 0x7f) {
            acm_buf_text(b, "?");

        } else {
            acm_buf_add(b, p, n);
        }

        p += n;
        left -= n;
    }
}


/* Octets of the character that s begins with, 0 if it is none (RFC 3629). */

static size_t
acm_utf8_len(const uint8_t *s, size_t left)
{
    size_t    i, n;
    uint32_t  c, least;

    if (s[0] < 0x80) {
        return 1;
    }

    if (s[0] >= 0xc2 && s[0] <= 0xdf) {
        n = 2;
        c = s[0] & 0x1f;
        least = 0x80;

    } else if (s[0] >= 0xe0 && s[0] <= 0xef) {
        n = 3;
        c = s[0] & 0x0f;
        least = 0x800;

    } else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        n = 4;
        c = s[0] & 0x07;
        least = 0x10000;

    } else {
        return 0;
    }

    if (n > left) {
        return 0;
    }

    for (i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }

        c = (c << 6) | (s[i] & 0x3f);
    }

    if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return 0;
    }

    return n;
}


/* No floating point: the point stays one in every locale. */

static char *
acm_seconds_text(uint64_t nanoseconds, char *buf, size_t size)
{
    size_t  len;

    (void) snprintf(buf, size, "%" PRIu64 ".%09" PRIu64,
                    nanoseconds / ACM_NANO, nanoseconds % ACM_NANO);

    for (len = strlen(buf); buf[len - 1] == '0'; len--) {
        buf[len - 1] = '\0';
    }

    if (buf[len - 1] == '.') {
        buf[len - 1] = '\0';
    }

    return buf;
}
