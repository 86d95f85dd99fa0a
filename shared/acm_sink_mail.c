
/*
 * Copyright (C) The ngx_acm authors
 *
 * Events as mails (RFC 5322) and for syslog (RFC 5424).
 */


#include <stdio.h>
#include <string.h>
#include <time.h>

#include "acm_json.h"
#include "acm_sink_format.h"


#define ACM_MAIL_WIDTH    76       /* of quoted-printable, RFC 2045 s6.7 */
#define ACM_MAX_SUBJECT   200      /* octets */


static void acm_mail_subject(const acm_event_t *event, const json_t *detail,
    acm_buf_t *out);
static const char *acm_mail_which(const acm_event_t *event,
    const json_t *detail);
static void acm_mail_visible(const char *s, size_t max, acm_buf_t *out);
static void acm_mail_date(int64_t at, acm_buf_t *out);
static acm_rc_t acm_mail_body(const acm_event_t *event, const json_t *detail,
    acm_buf_t *out);
static void acm_mail_quote(const uint8_t *p, size_t len, acm_buf_t *out);
static void acm_syslog_word(const char *s, size_t max, acm_buf_t *out);


acm_rc_t
acm_syslog_text(const acm_event_t *event, unsigned priority,
    const char *host, const char *tag, acm_buf_t *out)
{
    int   n;
    char  head[64], at[32];

    n = snprintf(head, sizeof(head), "<%u>1 %s ", priority,
                 acm_time_text(event->at, at));

    if (n < 0 || (size_t) n >= sizeof(head)) {
        return ACM_INVALID;
    }

    acm_buf_add(out, head, (size_t) n);
    acm_syslog_word(host, 255, out);
    acm_syslog_word(tag, 48, out);
    acm_buf_text(out, "- ");
    acm_syslog_word(acm_event_word(event->kind), 32, out);
    acm_buf_text(out, "- ");

    return acm_event_json(event, out);
}


/* Visible ASCII and a space behind it; "-" for nothing. */

static void
acm_syslog_word(const char *s, size_t max, acm_buf_t *out)
{
    size_t  i;

    for (i = 0; s[i] != '\0' && i < max; i++) {
        acm_buf_u8(out, (s[i] > ' ' && s[i] < 0x7f) ? (uint8_t) s[i] : '?');
    }

    acm_buf_text(out, (i == 0) ? "- " : " ");
}


int
acm_address_ok(const char *s, size_t len)
{
    size_t  i, at;

    at = 0;

    if (len == 0 || len > ACM_MAX_ADDRESS) {
        return 0;
    }

    for (i = 0; i < len; i++) {

        if (s[i] == '@') {
            if (at != 0 || i == 0 || i > 64) {
                return 0;
            }

            at = i;
            continue;
        }

        if (s[i] <= ' ' || s[i] >= 0x7f || strchr("\"(),:;<>[\\]", s[i])) {
            return 0;
        }

        if (at != 0 && !((s[i] >= 'a' && s[i] <= 'z')
                         || (s[i] >= 'A' && s[i] <= 'Z')
                         || (s[i] >= '0' && s[i] <= '9')
                         || s[i] == '-' || s[i] == '.'))
        {
            return 0;
        }
    }

    return at != 0 && at + 1 < len && s[at + 1] != '.' && s[at + 1] != '-'
           && s[len - 1] != '.';
}


acm_rc_t
acm_mail_text(const acm_event_t *event, const char *from,
    const char *const *to, size_t nto, acm_buf_t *out)
{
    size_t     i;
    json_t    *detail;
    acm_rc_t   rc;

    rc = acm_json_parse(event->detail, strlen(event->detail),
                        ACM_MAX_EVENT_DETAIL, &detail, NULL);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_buf_text(out, "From: ");
    acm_buf_text(out, from);
    acm_buf_text(out, "\r\nTo: ");

    for (i = 0; i < nto; i++) {
        acm_buf_text(out, (i == 0) ? "" : ",\r\n ");
        acm_buf_text(out, to[i]);
    }

    acm_mail_subject(event, detail, out);

    acm_buf_text(out, "\r\nDate: ");
    acm_mail_date(event->at, out);

    acm_buf_text(out, "\r\nMessage-ID: <");
    acm_buf_text(out, event->id);
    acm_buf_text(out, strchr(from, '@') ? strchr(from, '@') : "@localhost");
    acm_buf_text(out, ">\r\nAuto-Submitted: auto-generated\r\n"
                 "MIME-Version: 1.0\r\n"
                 "Content-Type: text/plain; charset=utf-8\r\n"
                 "Content-Transfer-Encoding: quoted-printable\r\n\r\n");

    rc = acm_mail_body(event, detail, out);

    json_decref(detail);

    return (rc != ACM_OK) ? rc : acm_buf_rc(out);
}


/* What, which, when. */

static void
acm_mail_subject(const acm_event_t *event, const json_t *detail,
    acm_buf_t *out)
{
    char  at[32];

    acm_buf_text(out, "\r\nSubject: ");
    acm_buf_text(out, acm_event_type(event->kind));
    acm_buf_text(out, ": ");
    acm_mail_visible(acm_mail_which(event, detail), ACM_MAX_SUBJECT, out);
    acm_buf_text(out, ", ");
    acm_buf_text(out, acm_time_text(event->at, at));
}


static const char *
acm_mail_which(const acm_event_t *event, const json_t *detail)
{
    size_t       i;
    const char  *s;

    static const char *const  members[] = {
        "CommonName", "DomainName", "Name"
    };

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        s = acm_json_string(detail, members[i]);

        if (s != NULL && *s != '\0') {
            return s;
        }
    }

    return event->resource;
}


/* No line ends, no other octets but ASCII: no field can be added. */

static void
acm_mail_visible(const char *s, size_t max, acm_buf_t *out)
{
    size_t  i;

    for (i = 0; s[i] != '\0' && i < max; i++) {
        acm_buf_u8(out, (s[i] >= ' ' && s[i] < 0x7f) ? (uint8_t) s[i] : '?');
    }
}


static void
acm_mail_date(int64_t at, acm_buf_t *out)
{
    int        n;
    char       text[64];
    time_t     t;
    struct tm  tm;

    static const char *const  days[] = {
        "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"
    };

    static const char *const  months[] = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
        "Nov", "Dec"
    };

    t = (time_t) at;

    if (gmtime_r(&t, &tm) == NULL) {
        t = 0;
        (void) gmtime_r(&t, &tm);
    }

    n = snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d +0000",
                 days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
                 tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);

    acm_buf_add(out, text, (size_t) n);
}


static acm_rc_t
acm_mail_body(const acm_event_t *event, const json_t *detail, acm_buf_t *out)
{
    char       at[32];
    acm_rc_t   rc;
    acm_buf_t  body;
    acm_str_t  text;

    acm_buf_init(&body, ACM_MAX_SINK_BODY);

    acm_buf_text(&body, acm_event_type(event->kind));
    acm_buf_text(&body, "\n\nTime:     ");
    acm_buf_text(&body, acm_time_text(event->at, at));
    acm_buf_text(&body, "\nResource: ");
    acm_buf_text(&body, (event->resource[0] != '\0') ? event->resource : "-");
    acm_buf_text(&body, "\nAccount:  ");
    acm_buf_text(&body, event->account);
    acm_buf_text(&body, "\nRegion:   ");
    acm_buf_text(&body, event->region);
    acm_buf_text(&body, "\nEvent:    ");
    acm_buf_text(&body, event->id);
    acm_buf_text(&body, "\n\n");

    rc = acm_json_text(detail, 1, &text, NULL);

    if (rc == ACM_OK) {
        acm_buf_add(&body, text.data, text.len);
        acm_free(text.data);
        rc = acm_buf_rc(&body);
    }

    if (rc == ACM_OK) {
        acm_mail_quote(body.data, body.len, out);
    }

    acm_buf_free(&body);

    return rc;
}


/* RFC 2045 s6.7; a leading dot is left to the transport. */

static void
acm_mail_quote(const uint8_t *p, size_t len, acm_buf_t *out)
{
    char    hex[3];
    size_t  i, column, width;

    column = 0;

    for (i = 0; i < len; i++) {

        if (p[i] == '\n') {
            acm_buf_text(out, "\r\n");
            column = 0;
            continue;
        }

        width = 1;

        /* a blank before the end of a line would be lost */

        if (p[i] < ' ' || p[i] >= 0x7f || p[i] == '='
            || (p[i] == ' ' && (i + 1 == len || p[i + 1] == '\n')))
        {
            width = 3;
        }

        if (column + width > ACM_MAIL_WIDTH - 1) {
            acm_buf_text(out, "=\r\n");
            column = 0;
        }

        if (width == 1) {
            acm_buf_u8(out, p[i]);

        } else {
            (void) snprintf(hex, sizeof(hex), "%02X", p[i]);
            acm_buf_u8(out, '=');
            acm_buf_add(out, hex, 2);
        }

        column += width;
    }

    if (column != 0) {
        acm_buf_text(out, "\r\n");
    }
}
