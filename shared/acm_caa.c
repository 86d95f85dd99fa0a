
/*
 * Copyright (C) The ngx_acm authors
 */


#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "acm_caa.h"


#define ACM_CAA_CRITICAL  0x80
#define ACM_CAA_PRINT     160        /* octets of a value in a text */


typedef struct {
    const uint8_t  *pos;
    const uint8_t  *end;
} acm_caa_scan_t;


/* one "tag = value" */

typedef struct {
    const uint8_t  *tag;
    const uint8_t  *value;
    size_t          tag_len;
    size_t          value_len;
} acm_caa_param_t;


static acm_caa_e acm_caa_failed(acm_caa_t *caa, const char *why);
static acm_caa_e acm_caa_set(acm_caa_t *caa, const acm_dns_msg_t *msg,
    const char *owner);
static acm_caa_e acm_caa_critical(acm_caa_t *caa, const acm_dns_record_t *r);
static acm_caa_e acm_caa_denied(acm_caa_t *caa, const acm_dns_record_t *r,
    acm_caa_match_e match, size_t n);
static void acm_caa_cure(const acm_caa_t *caa, acm_caa_match_e match,
    char *buf, size_t size);
static int acm_caa_known(const char *tag);
static int acm_caa_is_us(const acm_caa_t *caa, const uint8_t *domain,
    size_t len);
static void acm_caa_space(acm_caa_scan_t *s);
static size_t acm_caa_label(acm_caa_scan_t *s);
static size_t acm_caa_domain(acm_caa_scan_t *s);
static int acm_caa_param(acm_caa_scan_t *s, acm_caa_param_t *p);
static int acm_caa_tag_is(const acm_caa_param_t *p, const char *tag);
static int acm_caa_methods(const acm_caa_param_t *p, const char *method,
    int *match);


acm_rc_t
acm_caa_init(acm_caa_t *caa, const char *name, int wildcard,
    const char *const *identities, size_t n, const char *account,
    const char *method)
{
    char  normal[ACM_MAX_DNS_NAME + 1];

    memset(caa, 0, sizeof(acm_caa_t));

    if (n > ACM_MAX_CAA_IDENTITIES) {
        return ACM_TOOBIG;
    }

    if (name[0] == '*' && name[1] == '.') {
        name += 2;
        wildcard = 1;
    }

    if (acm_dns_name(name, normal) != ACM_OK || strcmp(normal, ".") == 0
        || strlen(normal) > ACM_MAX_NAME)
    {
        return ACM_INVALID;
    }

    memcpy(caa->name, normal, strlen(normal) + 1);

    caa->identities = identities;
    caa->n = n;
    caa->account = account;
    caa->method = method;
    caa->wildcard = wildcard ? 1 : 0;
    caa->state = (n == 0) ? ACM_CAA_ALLOWED : ACM_CAA_ASK;

    return ACM_OK;
}


const char *
acm_caa_next(const acm_caa_t *caa)
{
    return (caa->state == ACM_CAA_ASK) ? caa->name + caa->at : NULL;
}


acm_caa_e
acm_caa_answer(acm_caa_t *caa, acm_rc_t rc, const uint8_t *wire, size_t len,
    const char *why)
{
    acm_err_t         err;
    const char       *name, *parent;
    acm_dns_msg_t     msg;
    acm_dns_follow_t  f;

    if (caa->state != ACM_CAA_ASK) {
        return caa->state;
    }

    if (rc != ACM_OK) {
        return acm_caa_failed(caa, (why != NULL) ? why : acm_rc_text(rc));
    }

    name = caa->name + caa->at;

    err.text[0] = '\0';
    rc = acm_dns_reply(wire, len, name, ACM_DNS_CAA, &msg, &err);

    if (rc != ACM_OK) {
        return acm_caa_failed(caa, (err.text[0] != '\0') ? err.text
                                                         : acm_rc_text(rc));
    }

    if (acm_dns_follow(&msg, name, ACM_DNS_CAA, &f, &err) != ACM_OK) {
        (void) acm_caa_failed(caa, err.text);

    } else if (f.n != 0) {

        /* the closest set alone decides, RFC 8659 s3 */

        caa->state = acm_caa_set(caa, &msg, f.name);

    } else {

        /* on with the parent of the name, never of a CNAME's target */

        caa->tries = 0;
        parent = acm_dns_parent(name);

        if (parent == NULL || strcmp(parent, ".") == 0) {
            caa->state = ACM_CAA_ALLOWED;

        } else {
            caa->at = (size_t) (parent - caa->name);
        }
    }

    acm_dns_msg_free(&msg);

    return caa->state;
}


static acm_caa_e
acm_caa_failed(acm_caa_t *caa, const char *why)
{
    caa->tries++;

    if (caa->tries < ACM_MAX_CAA_TRIES) {
        return caa->state;
    }

    (void) snprintf(caa->text, sizeof(caa->text),
                    "CAA lookup failed at \"%s\": %.200s; without an answer "
                    "a CA may not issue for \"%s%s\": check the resolver and "
                    "the name servers of the domain; it is tried again "
                    "later", caa->name + caa->at, why,
                    caa->wildcard ? "*." : "", caa->name);

    caa->state = ACM_CAA_FAILED;

    return caa->state;
}


static acm_caa_e
acm_caa_set(acm_caa_t *caa, const acm_dns_msg_t *msg, const char *owner)
{
    size_t                   i, n;
    const char              *tag;
    acm_caa_match_e          match, best;
    const acm_dns_record_t  *r, *first;

    tag = "issue";
    i = 0;

    for (r = acm_dns_record(msg, owner, ACM_DNS_CAA, &i);
         r != NULL;
         r = acm_dns_record(msg, owner, ACM_DNS_CAA, &i))
    {
        if ((r->flags & ACM_CAA_CRITICAL) && !acm_caa_known(r->tag)) {
            return acm_caa_critical(caa, r);
        }

        /* only if there is none, wildcards go by "issue", s4.3 */

        if (caa->wildcard && strcmp(r->tag, "issuewild") == 0) {
            tag = "issuewild";
        }
    }

    best = ACM_CAA_MALFORMED;
    first = NULL;
    n = 0;
    i = 0;

    for (r = acm_dns_record(msg, owner, ACM_DNS_CAA, &i);
         r != NULL;
         r = acm_dns_record(msg, owner, ACM_DNS_CAA, &i))
    {
        if (strcmp(r->tag, tag) != 0) {
            continue;
        }

        match = acm_caa_match(caa, r->data, r->len);

        if (match == ACM_CAA_MATCH) {
            return ACM_CAA_ALLOWED;
        }

        n++;

        if (first == NULL || match > best) {
            first = r;
            best = match;
        }
    }

    /* a set without the property is no restriction, s4.2 */

    return (n == 0) ? ACM_CAA_ALLOWED : acm_caa_denied(caa, first, best, n);
}


static acm_caa_e
acm_caa_critical(acm_caa_t *caa, const acm_dns_record_t *r)
{
    char  value[ACM_CAA_PRINT];

    (void) snprintf(caa->text, sizeof(caa->text),
                    "CAA set at \"%.253s\": the critical property of the "
                    "record \"%.253s. CAA %u %.60s \"%s\"\" is not known, so "
                    "no CA may issue for \"%s%s\"; remove that record, or "
                    "set its flags to 0", r->owner, r->owner, r->flags,
                    r->tag, acm_dns_print(r->data, r->len, value,
                                          sizeof(value)),
                    caa->wildcard ? "*." : "", caa->name);

    return ACM_CAA_DENIED;
}


static acm_caa_e
acm_caa_denied(acm_caa_t *caa, const acm_dns_record_t *r,
    acm_caa_match_e match, size_t n)
{
    char         cure[3 * ACM_CAA_PRINT], value[ACM_CAA_PRINT], others[48];
    const char  *why;

    why = NULL;

    switch (match) {
    case ACM_CAA_MALFORMED:
        why = "is malformed and so allows no CA";
        break;
    case ACM_CAA_NOBODY:
        why = "allows no CA at all";
        break;
    case ACM_CAA_OTHER:
        why = "names another CA";
        break;
    case ACM_CAA_METHOD:
        why = "is for other validation methods";
        break;
    case ACM_CAA_ACCOUNT:
        why = "is for another account";
        break;
    case ACM_CAA_MATCH:
        break;
    }

    others[0] = '\0';

    if (n > 1) {
        (void) snprintf(others, sizeof(others),
                        ", one of %zu that do not match", n);
    }

    acm_caa_cure(caa, match, cure, sizeof(cure));

    (void) snprintf(caa->text, sizeof(caa->text),
                    "CAA set at \"%.200s\" does not let the CA issue for "
                    "\"%s%.200s\": \"%.200s. CAA %u %s \"%s\"\" %s%s; add: "
                    "%.200s. CAA 0 %s \"%s\"",
                    r->owner, caa->wildcard ? "*." : "", caa->name, r->owner,
                    r->flags, r->tag,
                    acm_dns_print(r->data, r->len, value, sizeof(value)),
                    why, others, r->owner, r->tag, cure);

    return ACM_CAA_DENIED;
}


/* The value that would match; as narrow as the record that does not. */

static void
acm_caa_cure(const acm_caa_t *caa, acm_caa_match_e match, char *buf,
    size_t size)
{
    size_t       n;
    const char  *id;

    id = caa->identities[0];
    (void) acm_dns_print(id, strlen(id), buf, size / 3);
    n = strlen(buf);

    if (match == ACM_CAA_ACCOUNT && caa->account != NULL) {
        (void) snprintf(buf + n, size - n, "; accounturi=%s", caa->account);

    } else if (match == ACM_CAA_METHOD) {
        (void) snprintf(buf + n, size - n, "; validationmethods=%s",
                        caa->method);
    }
}


static int
acm_caa_known(const char *tag)
{
    size_t  i;

    /* those that say nothing of certificates for servers are known too */

    static const char *const  tags[] = {
        "issue", "issuewild", "iodef", "issuemail", "contactemail",
        "contactphone"
    };

    for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        if (strcmp(tag, tags[i]) == 0) {
            return 1;
        }
    }

    return 0;
}


/*
 * RFC 8659 s4.2, RFC 8657 s3, s4:
 *
 * issue-value = *WSP [issuer-domain-name *WSP] [";" *WSP [parameters *WSP]]
 * parameters = (parameter *WSP ";" *WSP parameters) / parameter
 */

acm_caa_match_e
acm_caa_match(const acm_caa_t *caa, const uint8_t *value, size_t len)
{
    int              us, match, naccounts, nmethods, account, method;
    size_t           n;
    acm_caa_scan_t   s;
    acm_caa_param_t  p;

    if (len > ACM_MAX_CAA_VALUE) {
        return ACM_CAA_MALFORMED;
    }

    s.pos = value;
    s.end = value + len;

    acm_caa_space(&s);
    value = s.pos;
    n = acm_caa_domain(&s);
    us = acm_caa_is_us(caa, value, n);
    acm_caa_space(&s);

    naccounts = 0;
    nmethods = 0;
    account = 1;
    method = 1;

    if (s.pos != s.end) {
        if (*s.pos++ != ';') {
            return ACM_CAA_MALFORMED;
        }

        acm_caa_space(&s);

        while (s.pos != s.end) {
            if (!acm_caa_param(&s, &p)) {
                return ACM_CAA_MALFORMED;
            }

            if (acm_caa_tag_is(&p, "accounturi")) {
                naccounts++;
                account = (caa->account != NULL
                           && strlen(caa->account) == p.value_len
                           && memcmp(caa->account, p.value, p.value_len)
                              == 0);

            } else if (acm_caa_tag_is(&p, "validationmethods")) {
                nmethods++;

                if (!acm_caa_methods(&p, caa->method, &match)) {
                    return ACM_CAA_MALFORMED;
                }

                method = match;
            }
        }
    }

    if (n == 0) {
        return ACM_CAA_NOBODY;
    }

    if (!us) {
        return ACM_CAA_OTHER;
    }

    /* more than one of either cannot be satisfied */

    if (nmethods > 1 || !method) {
        return ACM_CAA_METHOD;
    }

    return (naccounts > 1 || !account) ? ACM_CAA_ACCOUNT : ACM_CAA_MATCH;
}


static int
acm_caa_is_us(const acm_caa_t *caa, const uint8_t *domain, size_t len)
{
    size_t  i;

    for (i = 0; i < caa->n && len != 0; i++) {
        if (strlen(caa->identities[i]) == len
            && strncasecmp(caa->identities[i], (const char *) domain, len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


static void
acm_caa_space(acm_caa_scan_t *s)
{
    while (s->pos != s->end && (*s->pos == ' ' || *s->pos == '\t')) {
        s->pos++;
    }
}


/* (ALPHA / DIGIT) *( *("-") (ALPHA / DIGIT)): its length, 0 for none. */

static size_t
acm_caa_label(acm_caa_scan_t *s)
{
    uint8_t         c;
    const uint8_t  *start, *last;

    start = s->pos;
    last = s->pos;

    while (s->pos != s->end) {
        c = *s->pos;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9'))
        {
            s->pos++;
            last = s->pos;

        } else if (c == '-' && s->pos != start) {
            s->pos++;

        } else {
            break;
        }
    }

    /* hyphens at the end are not a part of it */

    s->pos = last;

    return (size_t) (last - start);
}


static size_t
acm_caa_domain(acm_caa_scan_t *s)
{
    const uint8_t  *start;

    start = s->pos;

    while (acm_caa_label(s) != 0) {
        if (s->pos == s->end || *s->pos != '.') {
            return (size_t) (s->pos - start);
        }

        s->pos++;
    }

    /* empty, or a dot without a label: what follows will be malformed */

    s->pos = start;

    return 0;
}


/* One parameter and the semicolon and space behind it; 0: malformed. */

static int
acm_caa_param(acm_caa_scan_t *s, acm_caa_param_t *p)
{
    p->tag = s->pos;
    p->tag_len = acm_caa_label(s);

    acm_caa_space(s);

    if (p->tag_len == 0 || s->pos == s->end || *s->pos++ != '=') {
        return 0;
    }

    acm_caa_space(s);

    p->value = s->pos;

    while (s->pos != s->end && *s->pos > 0x20 && *s->pos < 0x7f
           && *s->pos != ';')
    {
        s->pos++;
    }

    p->value_len = (size_t) (s->pos - p->value);

    acm_caa_space(s);

    if (s->pos == s->end) {
        return 1;
    }

    if (*s->pos++ != ';') {
        return 0;
    }

    acm_caa_space(s);

    /* a semicolon separates: another parameter must come */

    return s->pos != s->end;
}


static int
acm_caa_tag_is(const acm_caa_param_t *p, const char *tag)
{
    return p->tag_len == strlen(tag)
           && strncasecmp((const char *) p->tag, tag, p->tag_len) == 0;
}


/* "dns-01,http-01": 0 if malformed, else *match. */

static int
acm_caa_methods(const acm_caa_param_t *p, const char *method, int *match)
{
    size_t          len;
    const uint8_t  *start, *end, *q;

    *match = (method == NULL);

    start = p->value;
    end = p->value + p->value_len;

    for ( ;; ) {
        for (q = start; q != end && *q != ','; q++) {
            if (!((*q >= 'a' && *q <= 'z') || (*q >= 'A' && *q <= 'Z')
                  || (*q >= '0' && *q <= '9') || *q == '-'))
            {
                return 0;
            }
        }

        len = (size_t) (q - start);

        if (len == 0) {

            /* an empty list is well-formed, an empty label is not */

            return p->value_len == 0;
        }

        if (method != NULL && strlen(method) == len
            && memcmp(method, start, len) == 0)
        {
            *match = 1;
        }

        if (q == end) {
            return 1;
        }

        start = q + 1;
    }
}
