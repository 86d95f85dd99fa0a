
/*
 * Copyright (C) The ngx_acm authors
 *
 * The overview.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acm_html.h"
#include "acm_json.h"
#include "acm_status_impl.h"


#define ACM_STATUS_CARDS 5               /* of what is stuck, open */
#define ACM_STATUS_DEAD  120             /* seconds without a tick */


static void acm_home_verdict(acm_buf_t *b, const json_t *root,
    const char *home, int64_t now);
static void acm_home_tile(acm_buf_t *b, const char *class, const char *home,
    const char *link, const json_t *counts, const char *name,
    const char *label);
static void acm_home_alive(acm_buf_t *b, const json_t *helper, int64_t now);
static int acm_home_dead(const json_t *helper, int64_t now);
static void acm_home_stuck(acm_buf_t *b, const json_t *overview,
    const char *home, int64_t now);
static void acm_home_next(acm_buf_t *b, const json_t *overview,
    const char *home, int64_t now);
static void acm_home_statics(acm_buf_t *b, const json_t *list, int64_t now);
static void acm_home_static(acm_buf_t *b, const json_t *o, int64_t now);
static int acm_home_static_cmp(const void *one, const void *two);
static void acm_home_issuers(acm_buf_t *b, const json_t *root, int64_t now);
static void acm_home_issuer(acm_buf_t *b, const json_t *o, int64_t now);
static void acm_home_limit(acm_buf_t *b, const json_t *o, int64_t now);
static void acm_home_store(acm_buf_t *b, const json_t *root);
static void acm_home_memory(acm_buf_t *b, const json_t *o, int64_t waits);
static void acm_home_size(acm_buf_t *b, int64_t octets);
static void acm_home_members(acm_buf_t *b, const char *title,
    const json_t *o, int64_t now);
static int64_t acm_home_int(const json_t *o, const char *name);


acm_rc_t
acm_status_html_home(acm_buf_t *b, const json_t *root, const char *home,
    int64_t now)
{
    json_t      *overview;
    const char  *error;

    overview = acm_json_object(root, "Overview");
    error = acm_json_string(root, "Error");

    acm_html_begin(b, "ACM: overview", home, now);

    if (error != NULL) {
        acm_html(b, "<h1>The store cannot be read</h1>\n"
                 "<p class=\"note\">%s</p>\n", error);
    }

    if (overview != NULL) {
        acm_home_verdict(b, root, home, now);
        acm_home_stuck(b, acm_json_object(overview, "Stuck"), home, now);

        acm_html(b,
            "<h2>Find</h2>\n"
            "<form action=\"%scertificates\" role=\"search\">"
            "<label class=\"q\">Name, domain or ARN<input type=\"search\" "
            "name=\"q\" placeholder=\"www.example.com\" "
            "autocapitalize=\"none\" spellcheck=\"false\"></label>"
            "<button>Find</button></form>\n", home);

        acm_home_next(b, acm_json_object(overview, "ExpiresNext"), home, now);
    }

    acm_home_statics(b, acm_json_array(root, "StaticCertificates"), now);
    acm_home_issuers(b, root, now);

    acm_buf_text(b, "<div class=\"cols\"><div>");
    acm_home_members(b, "Helper", acm_json_object(root, "Helper"), now);
    acm_buf_text(b, "</div><div>");
    acm_home_store(b, root);
    acm_buf_text(b, "</div><div>");
    acm_home_members(b, "Handshakes", acm_json_object(root, "Handshakes"),
                     now);
    acm_buf_text(b, "</div><div>");
    acm_home_members(b, "Count of all certificates",
                     acm_json_object(root, "Census"), now);
    acm_buf_text(b, "</div><div>");
    acm_home_members(b, "On demand", acm_json_object(root, "OnDemand"), now);
    acm_buf_text(b, "</div></div>\n");

    acm_status_rows(b, "Events", "where they are sent to",
                    acm_json_array(root, "Sinks"), now);
    acm_html_end(b);

    return acm_buf_rc(b);
}


static int64_t
acm_home_int(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(o, name));
}


static void
acm_home_tile(acm_buf_t *b, const char *class, const char *home,
    const char *link, const json_t *counts, const char *name,
    const char *label)
{
    int64_t  n;

    n = acm_home_int(counts, name);

    acm_html(b, "<li class=\"%s\"><a href=\"%scertificates?format=html%s\">"
             "<b>%D%s</b> <span>%s</span></a></li>\n", n ? class : "", home,
             link, n,
             (json_object_get(counts, "AtLeast") && n >= ACM_MAX_STATUS_SCAN
              && strcmp(name, "Certificates") != 0) ? "+" : "",
             label);
}


/* The one sentence that somebody reads at night, and the numbers. */

static void
acm_home_verdict(acm_buf_t *b, const json_t *root, const char *home,
    int64_t now)
{
    int      more;
    json_t  *counts, *stuck;
    size_t   n;
    int64_t  failing;

    counts = acm_json_object(acm_json_object(root, "Overview"), "Counts");
    stuck = acm_json_object(acm_json_object(root, "Overview"), "Stuck");
    n = (size_t) acm_home_int(counts, "Stuck");
    more = (json_object_get(stuck, "Next") != NULL);
    failing = acm_home_int(acm_json_object(root, "Census"), "Failing");

    /* the helper has counted more than could be looked at */

    if (more && failing > (int64_t) n) {
        n = (size_t) failing;
        more = 0;
    }

    if (acm_home_dead(acm_json_object(root, "Helper"), now)) {
        acm_buf_text(b, "<h1>The helper is not alive: nothing is issued or "
                     "renewed</h1>\n<p class=\"lead\">See the error log; a "
                     "reload of nginx starts it anew.</p>\n");

    } else if (acm_home_int(counts, "Certificates") == 0) {
        acm_buf_text(b, "<h1>There is no certificate yet</h1>\n"
                     "<p class=\"lead\">\"acm_certificate auto;\" in a "
                     "server asks for the first one.</p>\n");

    } else if (n == 0) {
        acm_html(b, "<h1>Nothing needs you</h1>\n");

    } else {
        acm_html(b, "<h1>%s%D certificate%s you</h1>\n",
                 more ? "At least " : "", (int64_t) n,
                 (n == 1) ? " needs" : "s need");
    }

    acm_buf_text(b, "<ul class=\"tiles\">\n");
    acm_home_tile(b, "", home, "", counts, "Certificates", "certificates");
    acm_html(b, "<li class=\"%s\"><a href=\"%scertificates?format=html&amp;"
             "status=STUCK\"><b>%D%s</b> <span>stuck or failed</span></a>"
             "</li>\n", n ? "bad" : "ok", home, (int64_t) n, more ? "+" : "");
    acm_home_tile(b, "bad", home, "&amp;sort=expiry", counts, "Expired",
                  "expired");
    acm_home_tile(b, "warn", home, "&amp;sort=expiry&amp;expires=7d", counts,
                  "ExpiresIn7Days", "end in 7 days");
    acm_home_tile(b, "", home, "&amp;sort=expiry&amp;expires=30d", counts,
                  "ExpiresIn30Days", "end in 30 days");
    acm_home_alive(b, acm_json_object(root, "Helper"), now);
    acm_buf_text(b, "</ul>\n");
}


static int
acm_home_dead(const json_t *helper, int64_t now)
{
    int64_t  tick, next;

    tick = acm_html_time_parse(acm_json_string(helper, "LastTickAt"));
    next = acm_html_time_parse(acm_json_string(helper, "NextStepAt"));

    if (json_object_get(helper, "Up") != NULL) {
        return !json_is_true(json_object_get(helper, "Up"));
    }

    return acm_home_int(helper, "Pid") == 0
           || (tick < now - ACM_STATUS_DEAD && next >= 0
               && next < now - ACM_STATUS_DEAD);
}


static void
acm_home_alive(acm_buf_t *b, const json_t *helper, int64_t now)
{
    int          dead;
    int64_t      queue;

    dead = acm_home_dead(helper, now);
    queue = acm_home_int(helper, "Queue");

    acm_html(b, "<li class=\"%s\"><div><b>%s</b> <span>helper, %D due"
             "</span></div></li>\n", dead ? "bad" : "ok",
             dead ? "dead" : "alive", queue);
}


static void
acm_home_stuck(acm_buf_t *b, const json_t *overview, const char *home,
    int64_t now)
{
    size_t       i;
    json_t      *list, *o;
    const char  *arn, *next;

    list = acm_json_array(overview, "Certificates");

    for (i = 0; i < json_array_size(list); i++) {
        o = json_array_get(list, i);
        arn = acm_json_string(o, "CertificateArn");
        arn = (arn == NULL) ? NULL : strrchr(arn, '/');
        next = acm_json_string(o, "NextStepAt");

        if (i == ACM_STATUS_CARDS) {
            acm_html(b, "<details><summary>%d more</summary>\n",
                     (int64_t) (json_array_size(list) - i));
        }

        acm_buf_text(b, "<article class=\"card stuck\"><div class=\"row\">"
                     "<h3>");
        acm_html(b, "<a href=\"%scertificate/%q?format=html\">%s</a></h3>",
                 home, arn ? arn + 1 : "", acm_json_string(o, "DomainName"));
        acm_status_pill(b, o);
        acm_status_left(b, o);
        acm_buf_text(b, "<span class=\"meta\">");

        if (acm_home_int(o, "Attempts")) {
            acm_html(b, "failed %D time%s; ", acm_home_int(o, "Attempts"),
                     (acm_home_int(o, "Attempts") == 1) ? "" : "s");
        }

        if (next != NULL) {
            acm_buf_text(b, "tried again ");
            acm_status_when(b, next, now);

        } else {
            acm_buf_text(b, "not tried again");
        }

        acm_buf_text(b, "</span></div>\n");
        acm_status_trouble(b, o, now);
        acm_buf_text(b, "</article>\n");
    }

    if (i > ACM_STATUS_CARDS) {
        acm_buf_text(b, "</details>\n");
    }

    if (json_object_get(overview, "Cut") != NULL) {
        acm_html(b, "<p class=\"meta\">The %D certificates that come up "
                 "first were looked at, not all. ",
                 acm_home_int(overview, "Looked"));
    }

    if (json_object_get(overview, "Next") != NULL
        || json_array_size(list) == ACM_STATUS_STUCK)
    {
        acm_html(b, "<a href=\"%scertificates?format=html&amp;status=STUCK"
                 "\">Look at all that are stuck</a>\n", home);
    }

    if (json_object_get(overview, "Cut") != NULL) {
        acm_buf_text(b, "</p>\n");
    }
}


static void
acm_home_next(acm_buf_t *b, const json_t *overview, const char *home,
    int64_t now)
{
    json_t  *list;

    list = acm_json_array(overview, "Certificates");

    if (json_array_size(list) == 0) {
        return;
    }

    acm_buf_text(b, "<h2>What ends next</h2>\n");
    acm_status_table(b, list, home, now);

    acm_html(b, "<p class=\"pager\"><a href=\"%scertificates?format=html&amp;"
             "sort=expiry\">All by expiry</a></p>\n", home);
}


/* Of other servers; what ends first comes first. */

static void
acm_home_statics(acm_buf_t *b, const json_t *list, int64_t now)
{
    size_t    i, n;
    json_t  **sorted;

    n = json_array_size(list);
    sorted = (n == 0) ? NULL : acm_calloc(n, sizeof(json_t *));

    if (sorted == NULL) {
        return;
    }

    for (i = 0; i < n; i++) {
        sorted[i] = json_array_get(list, i);
    }

    qsort(sorted, n, sizeof(json_t *), acm_home_static_cmp);

    acm_html(b, "<h2>Certificate files <small>%D, of servers with "
             "ssl_certificate; nobody renews them here</small></h2>\n"
             "<div class=\"wrap\"><table>\n<thead><tr><th>Server</th>"
             "<th>Good for</th><th>Ends</th><th>Issuer</th><th>File</th>"
             "</tr></thead>\n<tbody>\n", (int64_t) n);

    for (i = 0; i < n && i < ACM_STATUS_MOST; i++) {
        acm_home_static(b, sorted[i], now);
    }

    acm_buf_text(b, "</tbody>\n</table></div>\n");

    if (n > ACM_STATUS_MOST) {
        acm_html(b, "<p class=\"meta\">and %D more, in the JSON of this "
                 "page</p>\n", (int64_t) (n - ACM_STATUS_MOST));
    }

    acm_free(sorted);
}


static int
acm_home_static_cmp(const void *one, const void *two)
{
    const char           *a, *b;
    const json_t *const  *x, *const *y;

    x = one;
    y = two;
    a = acm_json_string(*x, "NotAfter");
    b = acm_json_string(*y, "NotAfter");

    return strcmp((a == NULL) ? "" : a, (b == NULL) ? "" : b);
}


static void
acm_home_static(acm_buf_t *b, const json_t *o, int64_t now)
{
    json_t      *names, *life;
    int64_t      from, to, left;
    const char  *file;

    names = acm_json_array(o, "ServerNames");
    file = acm_json_string(o, "File");
    from = acm_html_time_parse(acm_json_string(o, "NotBefore"));
    to = acm_html_time_parse(acm_json_string(o, "NotAfter"));
    left = to - now;

    life = json_pack("{s:I, s:s}", "SecondsLeft", (json_int_t) left,
                     "Urgency", (left <= 0) ? "expired"
                     : (left < (to - from) / 10) ? "critical"
                     : (left < (to - from) / 4) ? "soon" : "ok");

    acm_buf_text(b, "<tr><td class=\"name\">");

    if (json_array_size(names) != 0) {
        acm_status_value(b, names, now);

    } else {
        acm_html(b, "%s", acm_json_string(o, "Subject"));
    }

    acm_buf_text(b, "</td><td data-l=\"Good for\"><span>");
    acm_status_left(b, life);
    acm_html(b, "</span></td><td data-l=\"Ends\"><time datetime=\"%s\">%z"
             "</time></td>", acm_json_string(o, "NotAfter"), (size_t) 10,
             (to < 0) ? "unknown   " : acm_json_string(o, "NotAfter"));
    acm_html(b, "<td class=\"say\" data-l=\"Issuer\">%s</td>"
             "<td class=\"say\" data-l=\"File\"><span class=\"mono\">%s"
             "</span></td></tr>\n", acm_json_string(o, "Issuer"),
             file ? file : acm_json_string(o, "Sha256"));

    json_decref(life);
}


static void
acm_home_issuers(acm_buf_t *b, const json_t *root, int64_t now)
{
    size_t   i;
    json_t  *list;

    list = acm_json_array(root, "Issuers");

    if (json_array_size(list) == 0) {
        return;
    }

    acm_buf_text(b, "<h2>Issuers</h2>\n<div class=\"wrap\"><table>\n<thead>"
                 "<tr><th>Issuer</th><th>Account</th><th>Orders that may be "
                 "made</th><th>Last error</th></tr></thead>\n<tbody>\n");

    for (i = 0; i < json_array_size(list); i++) {
        acm_home_issuer(b, json_array_get(list, i), now);
    }

    acm_buf_text(b, "</tbody>\n</table></div>\n");
}


static void
acm_home_issuer(acm_buf_t *b, const json_t *o, int64_t now)
{
    size_t       i;
    json_t      *limits;
    const char  *status, *error;

    acm_html(b, "<tr><td class=\"name\">%s<span class=\"meta\">%s</span></td>"
             "<td data-l=\"Account\">", acm_json_string(o, "Name"),
             acm_json_string(o, "Directory")
             ? acm_json_string(o, "Directory") : "built-in CA");

    status = acm_json_string(o, "AccountStatus");

    if (status != NULL) {
        acm_html(b, "<span><span class=\"pill %s\">%s</span> "
                 "<span class=\"meta\">%s</span></span>",
                 (strcmp(status, "VALID") == 0) ? "ok"
                 : (strcmp(status, "DEACTIVATED") == 0) ? "bad" : "",
                 status, acm_json_string(o, "Account"));
    }

    if (acm_json_string(o, "AccountError") != NULL) {
        acm_html(b, "<span class=\"meta t bad\">%s</span>",
                 acm_json_string(o, "AccountError"));
    }

    acm_buf_text(b, "</td><td data-l=\"Orders\"><span>");

    limits = acm_json_array(o, "RateLimits");

    for (i = 0; i < json_array_size(limits); i++) {
        acm_home_limit(b, json_array_get(limits, i), now);
    }

    if (json_array_size(limits) == 0) {
        acm_buf_text(b, "no limit");
    }

    acm_buf_text(b, "</span></td><td class=\"say\" data-l=\"Last error\">");

    error = acm_json_string(o, "LastError");

    if (error != NULL) {
        acm_html(b, "<span>%s <span class=\"meta\">", error);
        acm_html_time(b, acm_json_string(o, "LastErrorAt"), now);
        acm_buf_text(b, "</span></span>");

    } else {
        acm_buf_text(b, "<span class=\"meta\">none</span>");
    }

    acm_buf_text(b, "</td></tr>\n");
}


static void
acm_home_limit(acm_buf_t *b, const json_t *o, int64_t now)
{
    char     span[32];
    int64_t  left, number;

    left = acm_home_int(o, "Left");
    number = acm_home_int(o, "Number");

    acm_html(b, "<span class=\"limit\">%s: %D of %D in %s ",
             acm_json_string(o, "For"), left, number,
             acm_html_span(acm_home_int(o, "Period"), span));

    if (acm_json_string(o, "BlockedUntil") != NULL) {
        acm_buf_text(b, "<span class=\"t bad\">next one ");
        acm_status_when(b, acm_json_string(o, "BlockedUntil"), now);
        acm_buf_text(b, "</span>");

    } else {
        acm_html(b, "<meter min=\"0\" max=\"%d\" low=\"%d\" value=\"%d\">"
                 "%d</meter>", number, number / 4, left, left);
    }

    acm_buf_text(b, "</span>");
}


static void
acm_home_size(acm_buf_t *b, int64_t octets)
{
    char    text[48];
    double  n;
    size_t  i;

    static const char *const  units[] = { "B", "KiB", "MiB", "GiB", "TiB" };

    n = (double) octets;

    for (i = 0; n >= 1024 && i < 4; i++) {
        n /= 1024;
    }

    (void) snprintf(text, sizeof(text), (n < 10 && i) ? "%.1f %s" : "%.0f %s",
                    n, units[i]);
    acm_html(b, "%s", text);
}


static void
acm_home_store(acm_buf_t *b, const json_t *root)
{
    int64_t  used, size;
    json_t  *o, *entries;

    o = acm_json_object(root, "Store");

    if (o == NULL) {
        return;
    }

    entries = acm_json_object(o, "Entries");
    used = acm_home_int(o, "Used");
    size = acm_home_int(o, "MapSize");

    acm_buf_text(b, "<h2>Store</h2>\n<dl><dt>Used</dt><dd>");
    acm_home_size(b, used);
    acm_buf_text(b, " of ");
    acm_home_size(b, size);
    acm_html(b, " <meter min=\"0\" max=\"%d\" high=\"%d\" optimum=\"0\" "
             "value=\"%d\"></meter></dd>\n", size, size / 10 * 8, used);

    acm_home_memory(b, acm_json_object(o, "Memory"),
                    acm_home_int(o, "DiskWaits"));

    acm_html(b, "<dt>Certificates</dt><dd>%D</dd>\n<dt>Names</dt><dd>%D</dd>"
             "\n<dt>Orders kept</dt><dd>%D</dd>\n<dt>Events kept</dt><dd>%D"
             "</dd>\n<dt>Generation</dt><dd>%D</dd>\n",
             acm_home_int(entries, "certificate"),
             acm_home_int(entries, "name"), acm_home_int(entries, "order"),
             acm_home_int(entries, "event"), acm_home_int(o, "Generation"));

    acm_html(b, "<dt>Readers</dt><dd>%D of %D</dd>\n<dt>Path</dt><dd>"
             "<span class=\"mono\">%s</span></dd></dl>\n",
             acm_home_int(o, "Readers"), acm_home_int(o, "MaxReaders"),
             acm_json_string(o, "Path"));
}


static void
acm_home_memory(acm_buf_t *b, const json_t *o, int64_t waits)
{
    if (o != NULL) {
        acm_buf_text(b, "<dt>In memory</dt><dd>");
        acm_home_size(b, acm_home_int(o, "Resident"));
        acm_buf_text(b, " of ");
        acm_home_size(b, acm_home_int(o, "File"));
        acm_buf_text(b, "</dd>\n<dt>Kept there</dt><dd>");
        acm_home_size(b, acm_home_int(o, "Kept"));
        acm_buf_text(b, " of ");
        acm_home_size(b, acm_home_int(o, "Wanted"));
        acm_buf_text(b, "</dd>\n");
    }

    acm_html(b, "<dt>Waits for the disk</dt><dd>%D</dd>\n", waits);
}


static void
acm_home_members(acm_buf_t *b, const char *title, const json_t *o,
    int64_t now)
{
    json_t      *value;
    const char  *name;

    if (o == NULL) {
        return;
    }

    acm_html(b, "<h2>%s</h2>\n<dl>", title);

    json_object_foreach((json_t *) o, name, value) {
        acm_buf_text(b, "<dt>");
        acm_status_label(b, name);
        acm_buf_text(b, "</dt><dd>");

        if (strcmp(name, "Pid") == 0) {
            acm_html(b, "%d", (int64_t) json_integer_value(value));

        } else {
            acm_status_value(b, value, now);
        }

        acm_buf_text(b, "</dd>\n");
    }

    acm_buf_text(b, "</dl>\n");
}
