
/*
 * Copyright (C) The ngx_acm authors
 *
 * Parts of pages.
 */


#include <stdio.h>
#include <string.h>

#include "acm_html.h"
#include "acm_json.h"
#include "acm_status_impl.h"


#define ACM_STATUS_NAMES  3              /* names in a row, of many */


static const char *acm_part_uuid(const json_t *o);
static void acm_part_name(acm_buf_t *b, const json_t *o, const char *home);
static void acm_part_row(acm_buf_t *b, const json_t *o, const char *home,
    int64_t now);
static const char *acm_part_class(const char *state);


void
acm_status_link(acm_buf_t *b, const acm_status_query_t *query)
{
    acm_buf_t  text;

    acm_buf_init(&text, 4 * ACM_MAX_STATUS_ARGS);
    acm_status_query_text(query, &text);

    if (acm_buf_rc(&text) == ACM_OK) {
        acm_html_escape(b, (char *) text.data, text.len);
    }

    acm_buf_free(&text);
}


/* The UUID in an ARN that is one. */

static const char *
acm_part_uuid(const json_t *o)
{
    const char  *arn;

    arn = acm_json_string(o, "CertificateArn");
    arn = (arn == NULL) ? NULL : strrchr(arn, '/');

    return (arn != NULL && acm_uuid_ok(arn + 1)) ? arn + 1 : NULL;
}


static const char *
acm_part_class(const char *state)
{
    size_t  i;

    static const struct {
        const char  *state;
        const char  *class;
    } classes[] = {
        { "ok", "ok" },
        { "soon", "warn" },
        { "critical", "bad" },
        { "expired", "bad" },
        { "stuck", "bad" },
        { "failed", "bad" },
        { "revoked", "bad" },
        { "ending", "warn" },
        { "pending", "warn" },
        { "renewing", "ok" }
    };

    for (i = 0; state && i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strcmp(state, classes[i].state) == 0) {
            return classes[i].class;
        }
    }

    return "";
}


void
acm_status_pill(acm_buf_t *b, const json_t *o)
{
    const char  *state, *status;

    state = acm_json_string(o, "State");
    status = acm_json_string(o, "Status");

    acm_html(b, "<span class=\"pill %s\">%s</span>", acm_part_class(state),
             state ? state : status);
}


void
acm_status_left(acm_buf_t *b, const json_t *o)
{
    char         span[32];
    int64_t      left;
    json_t      *seconds;
    const char  *urgency;

    seconds = json_object_get(o, "SecondsLeft");

    if (!json_is_integer(seconds)) {
        acm_buf_text(b, "<span class=\"meta\">not issued yet</span>");
        return;
    }

    left = json_integer_value(seconds);
    urgency = acm_json_string(o, "Urgency");

    acm_html(b, "<span class=\"t %s\">%s%s%s</span>", acm_part_class(urgency),
             (left <= 0) ? "expired " : "", acm_html_span(left, span),
             (left <= 0) ? " ago" : " left");

    if (urgency != NULL && strcmp(urgency, "critical") == 0) {
        acm_buf_text(b, " <span class=\"t bad\">(ends soon)</span>");
    }
}


static void
acm_part_name(acm_buf_t *b, const json_t *o, const char *home)
{
    size_t       i, n;
    json_t      *names;
    const char  *uuid, *name, *domain;

    uuid = acm_part_uuid(o);
    domain = acm_json_string(o, "DomainName");

    if (domain == NULL) {
        domain = acm_json_string(o, "Key");
    }

    if (uuid != NULL) {
        acm_html(b, "<a href=\"%scertificate/%q?format=html\">%s</a>", home,
                 uuid, domain);

    } else {
        acm_html(b, "%s", domain);
    }

    names = acm_json_array(o, "SubjectAlternativeNames");
    n = 0;

    for (i = 0; i < json_array_size(names) && n <= ACM_STATUS_NAMES; i++) {
        name = json_string_value(json_array_get(names, i));

        if (name == NULL || (domain && strcmp(name, domain) == 0)) {
            continue;
        }

        if (n++ == ACM_STATUS_NAMES) {
            acm_html(b, " and %d more",
                     (int64_t) (json_array_size(names) - i));
            break;
        }

        acm_buf_text(b, (n == 1) ? "<span class=\"meta\">" : ", ");
        acm_html(b, "%s", name);
    }

    if (n) {
        acm_buf_text(b, "</span>");
    }
}


static void
acm_part_row(acm_buf_t *b, const json_t *o, const char *home, int64_t now)
{
    const char  *issuer, *next;

    acm_buf_text(b, "<tr><td class=\"name\">");
    acm_part_name(b, o, home);
    acm_buf_text(b, "</td><td data-l=\"State\">");
    acm_status_pill(b, o);
    acm_buf_text(b, "</td><td data-l=\"Good for\"><span>");
    acm_status_left(b, o);
    acm_buf_text(b, "</span></td><td data-l=\"Ends\">");

    if (acm_json_string(o, "NotAfter") != NULL) {
        acm_html(b, "<time datetime=\"%s\">%z</time>",
                 acm_json_string(o, "NotAfter"),
                 strnlen(acm_json_string(o, "NotAfter"), 10),
                 acm_json_string(o, "NotAfter"));
    }

    acm_buf_text(b, "</td><td data-l=\"Next\">");

    next = acm_json_string(o, "NextStep");

    if (next != NULL) {
        acm_html(b, "<span>%s <span class=\"ago\">", next);
        acm_status_when(b, acm_json_string(o, "NextStepAt"), now);
        acm_buf_text(b, "</span></span>");
    }

    issuer = acm_json_string(o, "IssuedBy");

    if (issuer == NULL) {
        issuer = acm_json_string(o, "IssuerName");
    }

    acm_html(b, "</td><td data-l=\"Issuer\">%s</td></tr>\n",
             issuer ? issuer : acm_json_string(o, "Type"));
}


void
acm_status_table(acm_buf_t *b, const json_t *list, const char *home,
    int64_t now)
{
    size_t  i;

    acm_buf_text(b, "<div class=\"wrap\"><table>\n<thead><tr><th>Certificate"
                 "</th><th>State</th><th>Good for</th><th>Ends</th>"
                 "<th>Next step</th><th>Issuer</th></tr></thead>\n"
                 "<tbody>\n");

    for (i = 0; i < json_array_size(list); i++) {
        acm_part_row(b, json_array_get(list, i), home, now);
    }

    acm_buf_text(b, "</tbody>\n</table></div>\n");
}


/* "in 3 hours" */

void
acm_status_when(acm_buf_t *b, const char *s, int64_t now)
{
    char     span[32];
    int64_t  t;

    t = acm_html_time_parse(s);

    if (t < 0) {
        acm_html(b, "%s", s);
        return;
    }

    acm_html(b, "<time datetime=\"%s\">", s);

    if (t <= now) {
        acm_buf_text(b, "now</time>");

    } else {
        acm_html(b, "in %s</time>", acm_html_span(t - now, span));
    }
}


void
acm_status_trouble(acm_buf_t *b, const json_t *o, int64_t now)
{
    size_t       i;
    json_t      *findings;
    const char  *todo, *error;

    error = acm_json_string(o, "LastError");
    todo = acm_json_string(o, "WhatToDo");
    findings = acm_json_array(o, "Findings");

    if (error != NULL) {
        acm_html(b, "<p class=\"err\">%s", error);

        if (acm_json_string(o, "LastErrorAt") != NULL) {
            acm_buf_text(b, " <span class=\"meta\">(");
            acm_html_time(b, acm_json_string(o, "LastErrorAt"), now);
            acm_buf_text(b, ")</span>");
        }

        acm_buf_text(b, "</p>\n");
    }

    if (todo == NULL && json_array_size(findings) == 0) {
        return;
    }

    acm_buf_text(b, "<div class=\"todo\"><b>What to do:</b>");

    if (todo != NULL) {
        acm_html(b, " %s", todo);
    }

    if (json_array_size(findings) != 0) {
        acm_buf_text(b, "\n<ul>");

        for (i = 0; i < json_array_size(findings); i++) {
            acm_html(b, "<li>%s</li>\n",
                     json_string_value(json_array_get(findings, i)));
        }

        acm_buf_text(b, "</ul>");
    }

    acm_buf_text(b, "</div>\n");
}


/* "LastErrorAt" as "Last error at"; capitals in a row stay. */

void
acm_status_label(acm_buf_t *b, const char *name)
{
    char    text[2 * ACM_MAX_LABEL];
    size_t  i, n;

    for (i = 0, n = 0; name[i] != '\0' && n + 3 < sizeof(text); i++) {

        if (i != 0 && name[i] >= 'A' && name[i] <= 'Z'
            && name[i - 1] >= 'a' && name[i - 1] <= 'z')
        {
            text[n++] = ' ';
            text[n++] = (char) ((name[i + 1] >= 'A' && name[i + 1] <= 'Z')
                                ? name[i] : name[i] | 0x20);

        } else {
            text[n++] = name[i];
        }
    }

    acm_html_escape(b, text, n);
}


void
acm_status_value(acm_buf_t *b, const json_t *value, int64_t now)
{
    size_t       i;
    json_t      *member;
    const char  *name, *sep;

    switch (json_typeof(value)) {

    case JSON_STRING:
        if (acm_html_time_parse(json_string_value(value)) >= 0) {
            acm_html_time(b, json_string_value(value), now);

        } else {
            acm_html_escape(b, json_string_value(value),
                            json_string_length(value));
        }

        break;

    case JSON_INTEGER:
        acm_html(b, "%D", (int64_t) json_integer_value(value));
        break;

    case JSON_REAL:
        acm_html(b, "%D", (int64_t) json_real_value(value));
        break;

    case JSON_TRUE:
        acm_buf_text(b, "yes");
        break;

    case JSON_FALSE:
        acm_buf_text(b, "no");
        break;

    case JSON_NULL:
        acm_buf_text(b, "-");
        break;

    case JSON_ARRAY:
        for (i = 0; i < json_array_size(value); i++) {
            acm_html(b, "%s", i ? ", " : "");
            acm_status_value(b, json_array_get(value, i), now);
        }

        break;

    case JSON_OBJECT:
        sep = "";

        json_object_foreach((json_t *) value, name, member) {
            acm_html(b, "%s", sep);
            acm_status_label(b, name);
            acm_buf_text(b, ": ");
            acm_status_value(b, member, now);
            sep = "; ";
        }

        break;
    }
}


/* Lists of objects that others make: what some have and others have not, such
   as an error, is a column as well. */

void
acm_status_rows(acm_buf_t *b, const char *title, const char *note,
    const json_t *list, int64_t now)
{
    size_t       i;
    json_t      *all, *value, *o;
    const char  *name;

    all = json_object();

    for (i = 0; i < json_array_size(list) && i < ACM_STATUS_MOST; i++) {
        (void) json_object_update_missing(all, json_array_get(list, i));
    }

    if (json_object_size(all) == 0) {
        json_decref(all);
        return;
    }

    acm_html(b, "<h2>%s <small>%s</small></h2>\n<div class=\"wrap\"><table>"
             "\n<thead><tr>", title, note);

    json_object_foreach(all, name, value) {
        acm_buf_text(b, "<th>");
        acm_status_label(b, name);
        acm_buf_text(b, "</th>");
    }

    acm_buf_text(b, "</tr></thead>\n<tbody>\n");

    for (i = 0; i < json_array_size(list) && i < ACM_STATUS_MOST; i++) {
        o = json_array_get(list, i);
        acm_buf_text(b, "<tr>");

        json_object_foreach(all, name, value) {
            acm_buf_text(b, "<td data-l=\"");
            acm_status_label(b, name);
            acm_buf_text(b, "\">");

            if (json_object_get(o, name) != NULL) {
                acm_buf_text(b, "<span>");
                acm_status_value(b, json_object_get(o, name), now);
                acm_buf_text(b, "</span>");
            }

            acm_buf_text(b, "</td>");
        }

        acm_buf_text(b, "</tr>\n");
    }

    acm_buf_text(b, "</tbody>\n</table></div>\n");
    json_decref(all);

    if (json_array_size(list) > ACM_STATUS_MOST) {
        acm_html(b, "<p class=\"meta\">and %D more, in the JSON of this page"
                 "</p>\n", (int64_t) (json_array_size(list)
                                      - ACM_STATUS_MOST));
    }
}
