
/*
 * Copyright (C) The ngx_acm authors
 *
 * The pages of lists, of one certificate, and of errors.
 */


#include <stdio.h>
#include <string.h>

#include "acm_html.h"
#include "acm_json.h"
#include "acm_status_impl.h"


typedef struct {
    const char  *value;
    const char  *text;
} acm_option_t;

typedef struct {
    const char  *name;
    const char  *label;
} acm_member_t;


static void acm_list_form(acm_buf_t *b, const acm_status_query_t *query,
    const char *home);
static void acm_list_select(acm_buf_t *b, const char *name,
    const char *label, const acm_option_t *options, const char *chosen);
static void acm_list_pager(acm_buf_t *b, const json_t *root,
    const acm_status_query_t *query, const char *home);
static void acm_cert_names(acm_buf_t *b, const json_t *o);
static void acm_cert_facts(acm_buf_t *b, const json_t *o,
    const acm_member_t *members, int64_t now);
static void acm_cert_records(acm_buf_t *b, const json_t *o);
static void acm_cert_history(acm_buf_t *b, const json_t *o, int64_t now);
static void acm_cert_rest(acm_buf_t *b, const json_t *o, int64_t now);
static int acm_cert_known(const char *name);


static const acm_option_t  acm_list_statuses[] = {
    { "", "any" },
    { "STUCK", "stuck" },
    { "ISSUED", "issued" },
    { "PENDING_VALIDATION", "pending validation" },
    { "EXPIRED", "expired" },
    { "VALIDATION_TIMED_OUT", "validation timed out" },
    { "FAILED", "failed" },
    { "REVOKED", "revoked" },
    { "INACTIVE", "inactive" },
    { NULL, NULL }
};

static const acm_option_t  acm_list_types[] = {
    { "", "any" },
    { "AMAZON_ISSUED", "issued by a CA" },
    { "PRIVATE", "by the built-in CA" },
    { "IMPORTED", "imported" },
    { NULL, NULL }
};

static const acm_option_t  acm_list_sorts[] = {
    { "attention", "what needs you" },
    { "expiry", "expiry" },
    { "name", "domain" },
    { "store", "ARN" },
    { NULL, NULL }
};

static const acm_option_t  acm_list_expires[] = {
    { "", "any time" },
    { "24h", "24 hours" },
    { "7d", "7 days" },
    { "30d", "30 days" },
    { "90d", "90 days" },
    { NULL, NULL }
};


/* of a certificate's page, in two columns */

static const acm_member_t  acm_cert_life[] = {
    { "NotBefore", "Valid from" },
    { "NotAfter", "Valid to" },
    { "NextStep", "Next step" },
    { "NextStepAt", "Next step at" },
    { "RenewAt", "Renewal planned for" },
    { "RenewalWindowStart", "CA's renewal window from" },
    { "RenewalWindowEnd", "to" },
    { "AskedForWindowAt", "Asked for again at" },
    { "RenewalStatus", "Renewal" },
    { "RenewalStatusReason", "Reason" },
    { "FailureReason", "Reason" },
    { "RenewalUpdatedAt", "Since" },
    { "Attempts", "Failed in a row" },
    { "LastErrorAt", "Last error at" },
    { "FirstServedAt", "First served" },
    { "LastServedAt", "Last served" },
    { "HandshakeCount", "Handshakes, at least" },
    { "UnusedAt", "Unused since" },
    { "RevokedAt", "Revoked" },
    { "RevocationReason", "Because of" },
    { "RevocationStatus", "At the CA" },
    { "OcspStatus", "Its OCSP responder says" },
    { "OcspThisUpdate", "Since" },
    { "OcspNextUpdate", "Until" },
    { "OcspLastErrorAt", "Not reached at" },
    { "OcspLastError", "Because" },
    { NULL, NULL }
};

static const acm_member_t  acm_cert_what[] = {
    { "Status", "Status" },
    { "Type", "Type" },
    { "KeyAlgorithm", "Key" },
    { "IssuerName", "Issuers asked" },
    { "IssuedBy", "Issued by" },
    { "Issuer", "Issuer in it" },
    { "Subject", "Subject" },
    { "Serial", "Serial number" },
    { "SignatureAlgorithm", "Signature" },
    { "SignedCertificateTimestamps", "Timestamps in it" },
    { "Version", "Version" },
    { "CreatedAt", "Requested" },
    { "IssuedAt", "Issued" },
    { "ImportedAt", "Imported" },
    { "OnDemand", "On demand" },
    { "Configured", "Configured" },
    { "Exportable", "May be exported" },
    { "Exported", "Was exported" },
    { "CertificateArn", "ARN" },
    { NULL, NULL }
};

/* told elsewhere on that page */

static const char *const  acm_cert_told[] = {
    "DomainName", "SubjectAlternativeNames", "State", "Urgency", "DaysLeft",
    "SecondsLeft", "WhatToDo", "Findings", "LastError", "Overdue",
    "DomainValidationRecords", "History", "Versions", NULL
};


static void
acm_list_select(acm_buf_t *b, const char *name, const char *label,
    const acm_option_t *options, const char *chosen)
{
    acm_html(b, "<label>%s<select name=\"%s\">", label, name);

    for ( ; options->value != NULL; options++) {
        acm_html(b, "<option value=\"%s\"", options->value);

        if (strcmp(options->value, chosen) == 0) {
            acm_buf_text(b, " selected");
        }

        acm_html(b, ">%s</option>", options->text);
    }

    acm_buf_text(b, "</select></label>\n");
}


static void
acm_list_form(acm_buf_t *b, const acm_status_query_t *query,
    const char *home)
{
    char         expires[32];
    const char  *sort;

    sort = acm_list_sorts[query->sort ? query->sort - 1 : 0].value;
    expires[0] = '\0';

    if (query->expires) {
        (void) snprintf(expires, sizeof(expires), "%lld%s",
                        (long long) query->expires
                        / (query->expires <= 86400 ? 3600 : 86400),
                        query->expires <= 86400 ? "h" : "d");
    }

    acm_html(b,
        "<form action=\"%scertificates\" role=\"search\">\n"
        "<label class=\"q\">Name, domain or ARN<input type=\"search\" "
        "name=\"q\" value=\"%s\" placeholder=\"www.example.com\" "
        "autocapitalize=\"none\" spellcheck=\"false\"></label>\n",
        home, query->q);

    acm_list_select(b, "status", "Status", acm_list_statuses,
                    query->stuck ? "STUCK"
                    : query->status ? acm_status_text(query->status) : "");
    acm_list_select(b, "type", "Type", acm_list_types,
                    query->type ? acm_type_text(query->type) : "");
    acm_list_select(b, "expires", "Ends within", acm_list_expires, expires);
    acm_list_select(b, "sort", "Sorted by", acm_list_sorts, sort);

    if (*query->issuer != '\0') {
        acm_html(b, "<label>Issuer<input name=\"issuer\" value=\"%s\">"
                 "</label>\n", query->issuer);
    }

    acm_buf_text(b, "<button>Show</button>\n</form>\n");
}


static void
acm_list_pager(acm_buf_t *b, const json_t *root,
    const acm_status_query_t *query, const char *home)
{
    const char  *next;

    next = acm_json_string(root, "Next");

    if (next == NULL && query->after_len == 0) {
        return;
    }

    acm_buf_text(b, "<p class=\"pager\">");

    if (query->after_len) {
        acm_html(b, "<a href=\"%scertificates?format=html", home);
        acm_status_link(b, query);
        acm_buf_text(b, "\">From the start</a>");
    }

    if (next != NULL) {
        acm_html(b, "<a rel=\"next\" href=\"%scertificates?format=html",
                 home);
        acm_status_link(b, query);
        acm_html(b, "&amp;after=%q\">%s</a>", next,
                 json_object_get(root, "Cut") ? "Continue the search"
                                              : "Next page");

    } else {
        acm_buf_text(b, "<span class=\"meta\">These are the last ones."
                     "</span>");
    }

    acm_buf_text(b, "</p>\n");
}


acm_rc_t
acm_status_html_list(acm_buf_t *b, const json_t *root,
    const acm_status_query_t *query, const char *home, int64_t now)
{
    json_t  *list;

    list = acm_json_array(root, "Certificates");

    acm_html_begin(b, "Certificates", home, now);
    acm_buf_text(b, "<h1>Certificates</h1>\n");
    acm_list_form(b, query, home);

    if (*query->fault != '\0') {
        acm_html(b, "<p class=\"note\" role=\"status\">%s</p>\n",
                 query->fault);
    }

    if (acm_json_string(root, "Error") != NULL) {
        acm_html(b, "<p class=\"note\">%s</p>\n",
                 acm_json_string(root, "Error"));
    }

    if (json_object_get(root, "Cut") != NULL) {
        acm_html(b, "<p class=\"note\" role=\"status\">%D certificates were "
                 "looked at for this page, and there are more.</p>\n",
                 (int64_t) json_integer_value(json_object_get(root,
                                                              "Looked")));
    }

    if (json_array_size(list) != 0) {
        acm_status_table(b, list, home, now);

    } else if (json_object_get(root, "Cut") == NULL) {
        acm_buf_text(b, "<p class=\"card empty\">No certificate is like "
                     "that.</p>\n");
    }

    acm_list_pager(b, root, query, home);
    acm_html_end(b);

    return acm_buf_rc(b);
}


static void
acm_cert_names(acm_buf_t *b, const json_t *o)
{
    size_t   i;
    json_t  *names;

    names = acm_json_array(o, "SubjectAlternativeNames");

    if (json_array_size(names) < 2) {
        return;
    }

    acm_html(b, "<h2>Names <small>%d</small></h2>\n<p class=\"card\">",
             (int64_t) json_array_size(names));

    for (i = 0; i < json_array_size(names); i++) {
        acm_html(b, "%s<span class=\"mono\">%s</span>", i ? ", " : "",
                 json_string_value(json_array_get(names, i)));
    }

    acm_buf_text(b, "</p>\n");
}


static void
acm_cert_facts(acm_buf_t *b, const json_t *o, const acm_member_t *members,
    int64_t now)
{
    json_t  *value;

    acm_buf_text(b, "<dl>");

    for ( ; members->name != NULL; members++) {
        value = json_object_get(o, members->name);

        if (value == NULL || (json_is_array(value)
                              && json_array_size(value) == 0))
        {
            continue;
        }

        acm_html(b, "<dt>%s</dt><dd>", members->label);

        if (strcmp(members->name, "CertificateArn") == 0
            || strcmp(members->name, "Serial") == 0)
        {
            acm_html(b, "<span class=\"mono\">%s</span>",
                     json_string_value(value));

        } else {
            acm_status_value(b, value, now);
        }

        acm_buf_text(b, "</dd>\n");
    }

    acm_buf_text(b, "</dl>\n");
}


static void
acm_cert_records(acm_buf_t *b, const json_t *o)
{
    size_t   i;
    json_t  *list, *r;

    list = acm_json_array(o, "DomainValidationRecords");

    if (json_array_size(list) == 0) {
        return;
    }

    acm_buf_text(b,
        "<h2>DNS records to create <small>once; they stay for all "
        "renewals</small></h2>\n<div class=\"wrap\"><table>\n<thead><tr>"
        "<th>Name</th><th>Type</th><th>Value</th></tr></thead>\n<tbody>\n");

    for (i = 0; i < json_array_size(list); i++) {
        r = json_array_get(list, i);

        acm_html(b, "<tr><td class=\"name\"><code>%s</code></td>"
                 "<td data-l=\"Type\">%s</td><td data-l=\"Value\"><code>%s"
                 "</code></td></tr>\n", acm_json_string(r, "Name"),
                 acm_json_string(r, "Type"), acm_json_string(r, "Value"));
    }

    acm_buf_text(b, "</tbody>\n</table></div>\n");
}


static void
acm_cert_history(acm_buf_t *b, const json_t *o, int64_t now)
{
    size_t       i;
    int64_t      attempt;
    json_t      *list, *step;
    const char  *text;

    list = acm_json_array(o, "History");

    acm_html(b, "<h2>History <small>%s</small></h2>\n",
             json_array_size(list) ? "the latest step first" : "");

    if (json_array_size(list) == 0) {
        acm_buf_text(b, "<p class=\"card empty\">No step is written down "
                     "yet.</p>\n");
        return;
    }

    acm_buf_text(b, "<div class=\"wrap\"><table>\n<thead><tr><th>When</th>"
                 "<th>What</th><th>Version</th><th>Attempt</th><th>Details"
                 "</th></tr></thead>\n<tbody>\n");

    for (i = 0; i < json_array_size(list); i++) {
        step = json_array_get(list, i);
        text = acm_json_string(step, "Text");
        attempt = json_integer_value(json_object_get(step, "Attempt"));

        acm_buf_text(b, "<tr><td data-l=\"When\"><span>");
        acm_html_time(b, acm_json_string(step, "At"), now);
        acm_html(b, "</span></td><td data-l=\"What\">%s</td>"
                 "<td data-l=\"Version\">%d</td><td data-l=\"Attempt\">",
                 acm_json_string(step, "What"),
                 (int64_t) json_integer_value(json_object_get(step,
                                                              "Version")));

        if (attempt) {
            acm_html(b, "%d", attempt);
        }

        acm_html(b, "</td><td class=\"say\" data-l=\"Details\">%s</td></tr>\n",
                 text);
    }

    acm_buf_text(b, "</tbody>\n</table></div>\n");
}


static int
acm_cert_known(const char *name)
{
    size_t  i;

    for (i = 0; acm_cert_life[i].name != NULL; i++) {
        if (strcmp(acm_cert_life[i].name, name) == 0) {
            return 1;
        }
    }

    for (i = 0; acm_cert_what[i].name != NULL; i++) {
        if (strcmp(acm_cert_what[i].name, name) == 0) {
            return 1;
        }
    }

    for (i = 0; acm_cert_told[i] != NULL; i++) {
        if (strcmp(acm_cert_told[i], name) == 0) {
            return 1;
        }
    }

    return 0;
}


/* What was added to the model and has no place of its own yet: nothing that
   programs get is kept from people. */

static void
acm_cert_rest(acm_buf_t *b, const json_t *o, int64_t now)
{
    int          any;
    json_t      *value;
    const char  *name;

    any = 0;

    json_object_foreach((json_t *) o, name, value) {

        if (acm_cert_known(name)) {
            continue;
        }

        if (!any) {
            acm_buf_text(b, "<h2>More</h2>\n<dl>");
            any = 1;
        }

        acm_buf_text(b, "<dt>");
        acm_status_label(b, name);
        acm_buf_text(b, "</dt><dd>");
        acm_status_value(b, value, now);
        acm_buf_text(b, "</dd>\n");
    }

    if (any) {
        acm_buf_text(b, "</dl>\n");
    }
}


acm_rc_t
acm_status_html_cert(acm_buf_t *b, const json_t *root, const char *home,
    int64_t now)
{
    const char  *domain;

    domain = acm_json_string(root, "DomainName");

    acm_html_begin(b, domain ? domain : "Certificate", home, now);

    acm_html(b, "<h1>%s</h1>\n<p class=\"lead\">", domain);
    acm_status_pill(b, root);
    acm_buf_text(b, " ");
    acm_status_left(b, root);
    acm_buf_text(b, "</p>\n");

    acm_status_trouble(b, root, now);
    acm_cert_names(b, root);
    acm_cert_records(b, root);

    acm_buf_text(b, "<div class=\"cols\"><div><h2>Life</h2>\n");
    acm_cert_facts(b, root, acm_cert_life, now);
    acm_buf_text(b, "</div><div><h2>Certificate</h2>\n");
    acm_cert_facts(b, root, acm_cert_what, now);
    acm_buf_text(b, "</div></div>\n");

    acm_status_rows(b, "Versions kept", "the newest first",
                    acm_json_array(root, "Versions"), now);
    acm_cert_rest(b, root, now);
    acm_cert_history(b, root, now);
    acm_html_end(b);

    return acm_buf_rc(b);
}


acm_rc_t
acm_status_html_error(acm_buf_t *b, const char *title, const char *text,
    const char *home, int64_t now)
{
    acm_html_begin(b, title, home, now);
    acm_html(b, "<h1>%s</h1>\n<p class=\"card\">%s</p>\n", title, text);
    acm_html_end(b);

    return acm_buf_rc(b);
}
