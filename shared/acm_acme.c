
/*
 * Copyright (C) The ngx_acm authors
 *
 * Parsers of what a CA answers.
 */


#include <string.h>
#include <time.h>

#include "acm_acme.h"
#include "acm_challenge.h"
#include "acm_json.h"
#include "acm_name.h"


static acm_rc_t acm_acme_json(const acm_http_t *http, json_t **json,
    acm_err_t *err);
static const char *acm_acme_url(const json_t *json, const char *name);
static acm_rc_t acm_acme_missing(json_t **json, const char *object,
    const char *member, acm_err_t *err);
static int acm_acme_plain(const char *s, size_t max);
static void acm_directory_meta(acm_directory_t *d);
static acm_rc_t acm_acme_status_of(const json_t *json, const char *object,
    acm_acme_status_e *status, acm_err_t *err);
static acm_rc_t acm_order_authz(acm_acme_order_t *o, acm_err_t *err);
static acm_rc_t acm_acme_identifier(const json_t *json, acm_acme_id_t *id);
static acm_rc_t acm_authz_challenge(const json_t *json,
    acm_acme_challenge_t *c, acm_err_t *err);
static int acm_token_ok(const char *token);
static int64_t acm_acme_time(const json_t *json, const char *name);
static int acm_acme_digits(const char *s, const char *form);
static int64_t acm_acme_zone(const char *s);


static const struct {
    const char         *text;
    acm_acme_status_e   status;
} acm_acme_statuses[] = {
    { "pending", ACM_ACME_PENDING },
    { "ready", ACM_ACME_READY },
    { "processing", ACM_ACME_PROCESSING },
    { "valid", ACM_ACME_VALID },
    { "invalid", ACM_ACME_INVALID },
    { "deactivated", ACM_ACME_DEACTIVATED },
    { "expired", ACM_ACME_EXPIRED },
    { "revoked", ACM_ACME_REVOKED }
};

static const struct {
    const char    *text;
    acm_method_e   method;
} acm_methods[] = {
    { "http-01", ACM_METHOD_HTTP_01 },
    { "tls-alpn-01", ACM_METHOD_TLS_ALPN_01 },
    { "dns-01", ACM_METHOD_DNS_01 },
    { "dns-account-01", ACM_METHOD_DNS_ACCOUNT_01 },
    { "dns-persist-01", ACM_METHOD_DNS_PERSIST_01 }
};


static acm_rc_t
acm_acme_json(const acm_http_t *http, json_t **json, acm_err_t *err)
{
    if (!acm_http_is_type(http, "application/json")) {
        return acm_fail(err, ACM_INVALID, "the CA answered with content of "
                        "type \"%.64s\" instead of application/json",
                        (http->answer_type == NULL) ? ""
                                                    : http->answer_type);
    }

    return acm_json_parse(http->answer.data, http->answer.len,
                          ACM_MAX_HTTP_BODY, json, err);
}


static const char *
acm_acme_url(const json_t *json, const char *name)
{
    const char  *url;

    url = acm_json_string(json, name);

    return (url != NULL && acm_http_url_ok(url)) ? url : NULL;
}


static acm_rc_t
acm_acme_missing(json_t **json, const char *object, const char *member,
    acm_err_t *err)
{
    json_decref(*json);
    *json = NULL;

    return acm_fail(err, ACM_INVALID, "the CA's %s has no valid \"%s\"",
                    object, member);
}


/* 1 for some visible ASCII, at most max octets. */

static int
acm_acme_plain(const char *s, size_t max)
{
    size_t  i;

    for (i = 0; s[i] != '\0'; i++) {
        if (i == max || s[i] <= ' ' || s[i] >= 0x7f) {
            return 0;
        }
    }

    return i != 0;
}


acm_rc_t
acm_acme_directory(const acm_http_t *http, acm_directory_t *d,
    acm_err_t *err)
{
    acm_rc_t  rc;

    memset(d, 0, sizeof(acm_directory_t));

    rc = acm_acme_json(http, &d->json, err);

    if (rc != ACM_OK) {
        return rc;
    }

    d->new_nonce = acm_acme_url(d->json, "newNonce");
    d->new_account = acm_acme_url(d->json, "newAccount");
    d->new_order = acm_acme_url(d->json, "newOrder");
    d->revoke_cert = acm_acme_url(d->json, "revokeCert");
    d->key_change = acm_acme_url(d->json, "keyChange");
    d->renewal_info = acm_acme_url(d->json, "renewalInfo");

    if (d->new_nonce == NULL) {
        return acm_acme_missing(&d->json, "directory", "newNonce", err);
    }

    if (d->new_account == NULL) {
        return acm_acme_missing(&d->json, "directory", "newAccount", err);
    }

    if (d->new_order == NULL) {
        return acm_acme_missing(&d->json, "directory", "newOrder", err);
    }

    acm_directory_meta(d);

    return ACM_OK;
}


static void
acm_directory_meta(acm_directory_t *d)
{
    size_t       i;
    json_t      *meta, *list;
    const char  *s;

    meta = acm_json_object(d->json, "meta");

    if (meta == NULL) {
        return;
    }

    s = acm_json_string(meta, "termsOfService");
    d->terms = (s != NULL && acm_acme_plain(s, ACM_MAX_URL)) ? s : NULL;
    d->profiles = acm_json_object(meta, "profiles");
    d->eab_required = json_is_true(json_object_get(meta,
                                             "externalAccountRequired"));

    list = acm_json_array(meta, "caaIdentities");

    for (i = 0; i < json_array_size(list); i++) {
        s = json_string_value(json_array_get(list, i));

        if (s != NULL && acm_acme_plain(s, ACM_MAX_NAME)
            && d->nidentities < ACM_MAX_IDENTITIES)
        {
            d->identities[d->nidentities++] = s;
        }
    }
}


static acm_rc_t
acm_acme_status_of(const json_t *json, const char *object,
    acm_acme_status_e *status, acm_err_t *err)
{
    char         buf[ACM_MAX_ACME_TEXT + 1];
    size_t       i;
    const char  *s;

    s = acm_json_string(json, "status");

    if (s == NULL) {
        return acm_fail(err, ACM_INVALID, "the CA's %s has no \"status\"",
                        object);
    }

    for (i = 0; i < sizeof(acm_acme_statuses) / sizeof(acm_acme_statuses[0]);
         i++)
    {
        if (strcmp(acm_acme_statuses[i].text, s) == 0) {
            *status = acm_acme_statuses[i].status;
            return ACM_OK;
        }
    }

    return acm_fail(err, ACM_INVALID, "the CA's %s has unknown status "
                    "\"%.32s\"", object, acm_acme_clean(s, buf));
}


acm_rc_t
acm_acme_status(const acm_http_t *http, acm_acme_status_e *status,
    acm_err_t *err)
{
    json_t    *json;
    acm_rc_t   rc;

    rc = acm_acme_json(http, &json, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_acme_status_of(json, "answer", status, err);

    json_decref(json);

    return rc;
}


acm_rc_t
acm_acme_order(const acm_http_t *http, acm_acme_order_t *o, acm_err_t *err)
{
    acm_rc_t  rc;

    memset(o, 0, sizeof(acm_acme_order_t));

    rc = acm_acme_json(http, &o->json, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_acme_status_of(o->json, "order", &o->status, err);

    if (rc == ACM_OK) {
        rc = acm_order_authz(o, err);
    }

    if (rc != ACM_OK) {
        json_decref(o->json);
        o->json = NULL;
        return rc;
    }

    o->finalize = acm_acme_url(o->json, "finalize");
    o->certificate = acm_acme_url(o->json, "certificate");
    o->error = acm_json_object(o->json, "error");
    o->expires = acm_acme_time(o->json, "expires");

    if (o->finalize == NULL) {
        return acm_acme_missing(&o->json, "order", "finalize", err);
    }

    if (o->status == ACM_ACME_VALID && o->certificate == NULL) {
        return acm_acme_missing(&o->json, "order", "certificate", err);
    }

    return ACM_OK;
}


static acm_rc_t
acm_order_authz(acm_acme_order_t *o, acm_err_t *err)
{
    size_t       i, n;
    json_t      *list;
    const char  *url;

    list = acm_json_array(o->json, "authorizations");
    n = json_array_size(list);

    if (n > ACM_MAX_AUTHZ) {
        return acm_fail(err, ACM_TOOBIG, "the CA's order has over %d "
                        "authorizations", ACM_MAX_AUTHZ);
    }

    for (i = 0; i < n; i++) {
        url = json_string_value(json_array_get(list, i));

        if (url == NULL || !acm_http_url_ok(url)) {
            return acm_fail(err, ACM_INVALID, "the CA's order has no valid "
                            "\"authorizations\"");
        }

        o->authz[o->nauthz++] = url;
    }

    /* nothing to do, and yet pending: that would never end */

    if (n == 0 && o->status == ACM_ACME_PENDING) {
        return acm_fail(err, ACM_INVALID, "the CA's order has no valid "
                        "\"authorizations\"");
    }

    return ACM_OK;
}


acm_rc_t
acm_acme_authz(const acm_http_t *http, acm_acme_authz_t *a, acm_err_t *err)
{
    size_t     i, n;
    json_t    *list;
    acm_rc_t   rc;

    memset(a, 0, sizeof(acm_acme_authz_t));

    rc = acm_acme_json(http, &a->json, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_acme_status_of(a->json, "authorization", &a->status, err);

    if (rc == ACM_OK) {
        rc = acm_acme_identifier(acm_json_object(a->json, "identifier"),
                                 &a->id);

        if (rc != ACM_OK) {
            (void) acm_fail(err, rc, "the CA's authorization has no valid "
                            "\"identifier\"");
        }
    }

    if (json_is_true(json_object_get(a->json, "wildcard"))) {
        a->id.wildcard = 1;
    }

    list = acm_json_array(a->json, "challenges");
    n = json_array_size(list);

    if (rc == ACM_OK && n > ACM_MAX_CHALLENGES) {
        rc = acm_fail(err, ACM_TOOBIG, "the CA's authorization has over %d "
                      "challenges", ACM_MAX_CHALLENGES);
    }

    for (i = 0; rc == ACM_OK && i < n; i++) {
        rc = acm_authz_challenge(json_array_get(list, i),
                                 &a->challenges[a->nchallenges++], err);
    }

    if (rc != ACM_OK) {
        json_decref(a->json);
        a->json = NULL;
    }

    return rc;
}


static acm_rc_t
acm_acme_identifier(const json_t *json, acm_acme_id_t *id)
{
    id->type = acm_json_string(json, "type");
    id->name = acm_json_string(json, "value");
    id->wildcard = 0;

    if (id->type == NULL || !acm_acme_plain(id->type, ACM_MAX_ID_TYPE)
        || id->name == NULL || !acm_acme_plain(id->name, ACM_MAX_NAME)
        || strcmp(id->name, "*.") == 0)
    {
        return ACM_INVALID;
    }

    /* RFC 8555 s7.1.4: in an authorization a member says so instead, but some
       CAs have both */

    if (id->name[0] == '*' && id->name[1] == '.') {
        id->name += 2;
        id->wildcard = 1;
    }

    return ACM_OK;
}


acm_id_e
acm_acme_id(const acm_acme_id_t *id, const char *name)
{
    int          wildcard;
    const char  *type;

    type = acm_name_is_ip(name, strlen(name)) ? "ip" : "dns";
    wildcard = (name[0] == '*' && name[1] == '.');

    if (strcmp(id->type, type) != 0
        || (id->wildcard && !wildcard)
        || !acm_name_same(wildcard ? name + 2 : name, id->name))
    {
        return ACM_ID_OTHER;
    }

    return (id->wildcard == wildcard) ? ACM_ID_SAME : ACM_ID_BASE;
}


acm_rc_t
acm_acme_order_names(const acm_acme_order_t *o, char *const *names,
    size_t nnames, acm_err_t *err)
{
    char            seen[ACM_MAX_NAMES];
    size_t          i, k, n;
    json_t         *list;
    acm_acme_id_t   id;

    list = json_object_get(o->json, "identifiers");

    if (list == NULL) {
        return ACM_OK;
    }

    memset(seen, 0, sizeof(seen));

    n = json_array_size(list);

    for (i = 0; i < n && n == nnames; i++) {

        if (acm_acme_identifier(json_array_get(list, i), &id) != ACM_OK) {
            return acm_fail(err, ACM_INVALID, "the CA's order has no valid "
                            "\"identifiers\"");
        }

        for (k = 0; k < nnames; k++) {
            if (!seen[k] && acm_acme_id(&id, names[k]) == ACM_ID_SAME) {
                break;
            }
        }

        if (k == nnames) {
            return acm_fail(err, ACM_INVALID, "the CA made an order for "
                            "\"%s%s\", which was not asked for",
                            id.wildcard ? "*." : "", id.name);
        }

        seen[k] = 1;
    }

    if (n != nnames) {
        return acm_fail(err, ACM_INVALID, "the CA made an order for %zu "
                        "names, but was asked for %zu", n, nnames);
    }

    return ACM_OK;
}


static acm_rc_t
acm_authz_challenge(const json_t *json, acm_acme_challenge_t *c,
    acm_err_t *err)
{
    acm_rc_t     rc;
    const char  *type;

    type = acm_json_string(json, "type");

    c->method = (type == NULL) ? ACM_METHOD_NONE
                               : acm_method_parse(type, strlen(type));
    c->url = acm_acme_url(json, "url");
    c->token = acm_json_string(json, "token");
    c->error = acm_json_object(json, "error");
    c->issuers = acm_json_array(json, "issuer-domain-names");

    /* the others may be of use, whatever one of a new type looks like */

    if (c->method == ACM_METHOD_NONE) {
        c->token = NULL;
        return ACM_OK;
    }

    rc = acm_acme_status_of(json, "challenge", &c->status, err);

    if (rc != ACM_OK) {
        return rc;
    }

    if (c->url == NULL) {
        c->method = ACM_METHOD_NONE;
    }

    if (c->method == ACM_METHOD_DNS_PERSIST_01) {
        c->token = NULL;
        return ACM_OK;
    }

    if (c->token != NULL && !acm_token_ok(c->token)) {
        return acm_fail(err, ACM_INVALID, "the CA's challenge has a token "
                        "that is none: RFC 8555 s8.1 allows letters, "
                        "digits, \"-\" and \"_\"");
    }

    if (c->token == NULL) {
        c->method = ACM_METHOD_NONE;
    }

    return ACM_OK;
}


static int
acm_token_ok(const char *token)
{
    size_t  n;

    n = strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
               "0123456789-_");

    return n > 0 && n <= ACM_MAX_TOKEN && token[n] == '\0';
}


acm_rc_t
acm_acme_ari(const acm_http_t *http, acm_acme_ari_t *a, acm_err_t *err)
{
    json_t    *window;
    acm_rc_t   rc;

    memset(a, 0, sizeof(acm_acme_ari_t));

    rc = acm_acme_json(http, &a->json, err);

    if (rc != ACM_OK) {
        return rc;
    }

    window = acm_json_object(a->json, "suggestedWindow");

    a->start = acm_acme_time(window, "start");
    a->end = acm_acme_time(window, "end");
    a->explanation = acm_acme_url(a->json, "explanationURL");

    /* RFC 9773 s4.2: an end at or before the start is as no answer */

    if (a->start == 0 || a->end == 0 || a->start >= a->end) {
        return acm_acme_missing(&a->json, "renewal information",
                                "suggestedWindow", err);
    }

    return ACM_OK;
}


/*
 * RFC 3339: 0 if there is none or it is none.  strptime() alone would take
 * blanks, fewer digits, and days that the month does not have.
 */

static int64_t
acm_acme_time(const json_t *json, const char *name)
{
    int          sec;
    int64_t      zone;
    time_t       t;
    struct tm    tm;
    const char  *s;

    s = acm_json_string(json, name);

    if (s == NULL || !acm_acme_digits(s, "0000-00-00T00:00:00")) {
        return 0;
    }

    memset(&tm, 0, sizeof(struct tm));

    tm.tm_year = (s[0] - '0') * 1000 + (s[1] - '0') * 100
                 + (s[2] - '0') * 10 + (s[3] - '0') - 1900;
    tm.tm_mon = (s[5] - '0') * 10 + (s[6] - '0') - 1;
    tm.tm_mday = (s[8] - '0') * 10 + (s[9] - '0');
    tm.tm_hour = (s[11] - '0') * 10 + (s[12] - '0');
    tm.tm_min = (s[14] - '0') * 10 + (s[15] - '0');
    sec = (s[17] - '0') * 10 + (s[18] - '0');

    if (tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_hour > 23 || tm.tm_min > 59
        || sec > 60)
    {
        return 0;
    }

    zone = acm_acme_zone(s + 19);
    sec += (sec == 60) ? -1 : 0;

    t = timegm(&tm);

    if (zone < 0 || tm.tm_mday != (s[8] - '0') * 10 + (s[9] - '0')) {
        return 0;
    }

    t += sec + 86400 - (time_t) zone;

    return (t > 0) ? (int64_t) t : 0;
}


/* 1 if s begins like the form, in which "0" is any digit. */

static int
acm_acme_digits(const char *s, const char *form)
{
    for ( ; *form != '\0'; s++, form++) {

        if (*form == '0' && *s >= '0' && *s <= '9') {
            continue;
        }

        if (*form == '0' || (*s != *form && !(*form == 'T' && *s == 't'))) {
            return 0;
        }
    }

    return 1;
}


/* A fraction, which is left out, and a zone: seconds east of Greenwich and
   a day more, so that a negative number is an error. */

static int64_t
acm_acme_zone(const char *s)
{
    size_t   n;
    int64_t  hours, minutes, offset;

    if (*s == '.') {
        n = strspn(s + 1, "0123456789");

        if (n == 0) {
            return -1;
        }

        s += 1 + n;
    }

    if ((*s == 'Z' || *s == 'z') && s[1] == '\0') {
        return 86400;
    }

    if ((*s != '+' && *s != '-') || !acm_acme_digits(s + 1, "00:00")
        || s[6] != '\0')
    {
        return -1;
    }

    hours = (s[1] - '0') * 10 + s[2] - '0';
    minutes = (s[4] - '0') * 10 + s[5] - '0';

    if (hours > 23 || minutes > 59) {
        return -1;
    }

    offset = hours * 3600 + minutes * 60;

    return 86400 + ((*s == '-') ? -offset : offset);
}


acm_method_e
acm_method_parse(const char *s, size_t len)
{
    size_t  i;

    for (i = 0; i < sizeof(acm_methods) / sizeof(acm_methods[0]); i++) {
        if (strlen(acm_methods[i].text) == len
            && memcmp(acm_methods[i].text, s, len) == 0)
        {
            return acm_methods[i].method;
        }
    }

    return ACM_METHOD_NONE;
}


const char *
acm_method_text(acm_method_e method)
{
    size_t  i;

    for (i = 0; i < sizeof(acm_methods) / sizeof(acm_methods[0]); i++) {
        if (acm_methods[i].method == method) {
            return acm_methods[i].text;
        }
    }

    return "none";
}


char *
acm_acme_clean(const char *s, char *buf)
{
    size_t  i;

    for (i = 0; i < ACM_MAX_ACME_TEXT && s[i] != '\0'; i++) {
        buf[i] = (s[i] < ' ' || s[i] >= 0x7f) ? '?' : s[i];
    }

    buf[i] = '\0';

    return buf;
}
