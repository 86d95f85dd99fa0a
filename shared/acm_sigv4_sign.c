
/*
 * Copyright (C) The ngx_acm authors
 *
 * Signatures of our own requests.
 */


#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#include "acm_http.h"
#include "acm_sigv4_impl.h"


#define ACM_MAX_SIGV4_LINE  (ACM_MAX_SIGV4_AUTH + 64)


static acm_rc_t acm_sigv4_check(const acm_sigv4_signer_t *signer,
    const acm_sigv4_request_t *r, acm_err_t *err);
static acm_rc_t acm_sigv4_check_headers(const acm_sigv4_signer_t *signer,
    const acm_sigv4_request_t *r, acm_err_t *err);
static int acm_sigv4_word(const char *s, size_t max);
static void acm_sigv4_names(const acm_sigv4_request_t *r, acm_buf_t *out);
static int acm_sigv4_before(const acm_str_t *a, const acm_str_t *b);
static const acm_sigv4_header_t *acm_sigv4_header(
    const acm_sigv4_request_t *r, const char *name);
static acm_str_t acm_sigv4_host(const char *url, acm_str_t *target);
static acm_rc_t acm_sigv4_line(acm_sigv4_lines_t *lines, const char *name,
    const acm_str_t *value);
static void acm_sigv4_set(acm_str_t *s, const char *text);


acm_rc_t
acm_sigv4_post(const acm_sigv4_signer_t *signer, const char *url,
    const char *type, const char *target, const acm_str_t *payload,
    int64_t now, acm_sigv4_lines_t *lines, acm_err_t *err)
{
    char                 time[ACM_SIGV4_TIME_LEN + 1];
    char                 hash[ACM_SIGV4_HEX_LEN + 1];
    size_t               i;
    acm_rc_t             rc;
    acm_buf_t            auth;
    acm_sigv4_header_t   headers[ACM_SIGV4_LINES], *h;
    acm_sigv4_request_t  r;

    memset(lines, 0, sizeof(acm_sigv4_lines_t));
    memset(&r, 0, sizeof(acm_sigv4_request_t));

    if (!acm_http_url_ok(url)) {
        return acm_fail(err, ACM_INVALID, "\"%s\" is not an URL that can be "
                        "asked: use https://host/path", url);
    }

    acm_sigv4_time_text(now, time);
    acm_sigv4_set(&r.method, "POST");
    r.payload = *payload;
    rc = acm_sigv4_hash(&r, hash, err);

    if (rc != ACM_OK) {
        return rc;
    }

    h = headers;

    acm_sigv4_set(&h->name, "Host");
    h++->value = acm_sigv4_host(url, &r.target);

    acm_sigv4_set(&h->name, "Content-Type");
    acm_sigv4_set(&h++->value, type);

    acm_sigv4_set(&h->name, "X-Amz-Date");
    acm_sigv4_set(&h++->value, time);

    acm_sigv4_set(&h->name, "X-Amz-Content-Sha256");
    acm_sigv4_set(&h++->value, hash);

    if (target != NULL) {
        acm_sigv4_set(&h->name, "X-Amz-Target");
        acm_sigv4_set(&h++->value, target);
    }

    if (signer->token != NULL) {
        acm_sigv4_set(&h->name, "X-Amz-Security-Token");
        acm_sigv4_set(&h++->value, signer->token);
    }

    r.headers = headers;
    r.nheaders = (size_t) (h - headers);

    acm_buf_init(&auth, ACM_MAX_SIGV4_AUTH);
    rc = acm_sigv4_sign(signer, &r, &auth, err);

    if (rc == ACM_OK) {
        acm_sigv4_set(&h->name, "Authorization");
        h->value.data = auth.data;
        h->value.len = auth.len;

        for (i = 0; i <= r.nheaders && rc == ACM_OK; i++) {
            rc = acm_sigv4_line(lines, (const char *) headers[i].name.data,
                                &headers[i].value);
        }

        if (rc != ACM_OK) {
            (void) acm_fail(err, rc, "the headers of a signed request: %s",
                            acm_rc_text(rc));
        }
    }

    acm_buf_free(&auth);

    if (rc != ACM_OK) {
        acm_sigv4_lines_free(lines);
    }

    return rc;
}


void
acm_sigv4_lines_free(acm_sigv4_lines_t *lines)
{
    size_t  i;

    for (i = 0; i < lines->n; i++) {
        acm_free_secret(lines->lines[i], strlen(lines->lines[i]));
        lines->lines[i] = NULL;
    }

    lines->n = 0;
}


acm_rc_t
acm_sigv4_sign(const acm_sigv4_signer_t *signer, const acm_sigv4_request_t *r,
    acm_buf_t *out, acm_err_t *err)
{
    char               hash[ACM_SIGV4_HEX_LEN + 1], hex[ACM_SIGV4_HEX_LEN + 1];
    uint8_t            mac[ACM_HASH_LEN];
    acm_rc_t           rc;
    acm_buf_t          names;
    acm_sigv4_scope_t  scope;

    rc = acm_sigv4_check(signer, r, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_buf_init(&names, ACM_MAX_SIGV4_FIELDS);
    acm_sigv4_names(r, &names);
    rc = acm_buf_rc(&names);

    if (rc != ACM_OK) {
        acm_buf_free(&names);
        return acm_fail(err, rc, "the names of the signed headers: %s",
                        acm_rc_text(rc));
    }

    scope.names.data = names.data;
    scope.names.len = names.len;
    scope.time = acm_sigv4_trim(&acm_sigv4_header(r, "X-Amz-Date")->value);
    acm_sigv4_set(&scope.region, signer->region);
    acm_sigv4_set(&scope.service, signer->service);
    scope.secret = (const uint8_t *) signer->secret;
    scope.secret_len = strlen(signer->secret);

    rc = acm_sigv4_hash(r, hash, err);

    if (rc == ACM_OK) {
        rc = acm_sigv4_mac(r, hash, &scope, mac, err);
    }

    if (rc == ACM_OK) {
        acm_buf_text(out, ACM_SIGV4_ALGORITHM " Credential=");
        acm_buf_text(out, signer->key_id);
        acm_buf_text(out, "/");
        acm_buf_add(out, scope.time.data, ACM_SIGV4_DATE_LEN);
        acm_buf_text(out, "/");
        acm_buf_text(out, signer->region);
        acm_buf_text(out, "/");
        acm_buf_text(out, signer->service);
        acm_buf_text(out, "/" ACM_SIGV4_TERM ", SignedHeaders=");
        acm_buf_add(out, names.data, names.len);
        acm_buf_text(out, ", Signature=");
        acm_buf_text(out, acm_hex(mac, sizeof(mac), hex));

        rc = acm_buf_rc(out);

        if (rc != ACM_OK) {
            (void) acm_fail(err, rc, "an Authorization header: %s",
                            acm_rc_text(rc));
        }
    }

    acm_buf_free(&names);

    return rc;
}


static acm_rc_t
acm_sigv4_check(const acm_sigv4_signer_t *signer, const acm_sigv4_request_t *r,
    acm_err_t *err)
{
    size_t  len;

    if (!acm_sigv4_word(signer->key_id, ACM_MAX_SIGV4_KEY_ID)) {
        return acm_fail(err, ACM_INVALID, "an access key id must have 1 to %d "
                        "letters, digits or \"_\"", ACM_MAX_SIGV4_KEY_ID);
    }

    len = strlen(signer->secret);

    if (len == 0 || len > ACM_MAX_SIGV4_SECRET) {
        return acm_fail(err, ACM_INVALID, "the secret of access key \"%s\" "
                        "must have 1 to %d octets", signer->key_id,
                        ACM_MAX_SIGV4_SECRET);
    }

    if (!acm_sigv4_word(signer->region, ACM_MAX_LABEL)
        || !acm_sigv4_word(signer->service, ACM_MAX_LABEL))
    {
        return acm_fail(err, ACM_INVALID, "a region and a service must have "
                        "1 to %d letters, digits, \"-\" or \"_\"",
                        ACM_MAX_LABEL);
    }

    if (r->target.len > ACM_MAX_SIGV4_TARGET) {
        return acm_fail(err, ACM_TOOBIG, "path and query have %zu octets, at "
                        "most %d can be signed", r->target.len,
                        ACM_MAX_SIGV4_TARGET);
    }

    return acm_sigv4_check_headers(signer, r, err);
}


static acm_rc_t
acm_sigv4_check_headers(const acm_sigv4_signer_t *signer,
    const acm_sigv4_request_t *r, acm_err_t *err)
{
    size_t                     i, j, octets;
    int64_t                    t;
    acm_str_t                  value;
    const acm_sigv4_header_t  *h;

    octets = 0;

    for (i = 0; i < r->nheaders; i++) {
        h = &r->headers[i];
        octets += h->name.len + h->value.len;

        for (j = 0; j < h->value.len; j++) {
            if (h->value.data[j] < ' ' && h->value.data[j] != '\t') {
                return acm_fail(err, ACM_INVALID, "header \"%.*s\" has a "
                                "control character", (int) h->name.len,
                                (const char *) h->name.data);
            }
        }
    }

    if (r->nheaders > ACM_MAX_SIGV4_HEADERS || octets > ACM_MAX_SIGV4_FIELDS) {
        return acm_fail(err, ACM_TOOBIG, "%zu headers of %zu octets, at most "
                        "%d of %d can be signed", r->nheaders, octets,
                        ACM_MAX_SIGV4_HEADERS, ACM_MAX_SIGV4_FIELDS);
    }

    h = acm_sigv4_header(r, "X-Amz-Date");

    if (h != NULL) {
        value = acm_sigv4_trim(&h->value);
    }

    if (h == NULL || acm_sigv4_time(&value, &t) != ACM_OK
        || acm_sigv4_header(r, "Host") == NULL)
    {
        return acm_fail(err, ACM_INVALID, "a request that is signed needs "
                        "Host and X-Amz-Date, such as 20261125T050000Z");
    }

    if (signer->token == NULL) {
        return ACM_OK;
    }

    if (signer->token[0] == '\0'
        || strlen(signer->token) > ACM_MAX_SIGV4_TOKEN)
    {
        return acm_fail(err, ACM_INVALID, "a session token must have 1 to %d "
                        "octets", ACM_MAX_SIGV4_TOKEN);
    }

    if (acm_sigv4_header(r, "X-Amz-Security-Token") == NULL) {
        return acm_fail(err, ACM_INVALID, "a session needs the header "
                        "X-Amz-Security-Token");
    }

    return ACM_OK;
}


static int
acm_sigv4_word(const char *s, size_t max)
{
    size_t  i;

    for (i = 0; s[i] != '\0'; i++) {
        if (!((s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= 'a' && s[i] <= 'z')
              || (s[i] >= '0' && s[i] <= '9') || s[i] == '-' || s[i] == '_'))
        {
            return 0;
        }
    }

    return i >= 1 && i <= max;
}


/* Each name once, lower-case, in order: the next is the least above it. */

static void
acm_sigv4_names(const acm_sigv4_request_t *r, acm_buf_t *out)
{
    size_t            i;
    uint8_t           c;
    const acm_str_t  *last, *next, *name;

    last = NULL;

    for ( ;; ) {
        next = NULL;

        for (i = 0; i < r->nheaders; i++) {
            name = &r->headers[i].name;

            if ((last == NULL || acm_sigv4_before(last, name))
                && (next == NULL || acm_sigv4_before(name, next)))
            {
                next = name;
            }
        }

        if (next == NULL) {
            return;
        }

        acm_buf_text(out, (last == NULL) ? "" : ";");

        for (i = 0; i < next->len; i++) {
            c = next->data[i];
            acm_buf_u8(out, (c >= 'A' && c <= 'Z') ? c | 0x20 : c);
        }

        last = next;
    }
}


static int
acm_sigv4_before(const acm_str_t *a, const acm_str_t *b)
{
    int     rc;
    size_t  len;

    len = (a->len < b->len) ? a->len : b->len;
    rc = strncasecmp((const char *) a->data, (const char *) b->data, len);

    return (rc != 0) ? rc < 0 : a->len < b->len;
}


static const acm_sigv4_header_t *
acm_sigv4_header(const acm_sigv4_request_t *r, const char *name)
{
    size_t  i;

    for (i = 0; i < r->nheaders; i++) {
        if (acm_sigv4_is(&r->headers[i].name, name)) {
            return &r->headers[i];
        }
    }

    return NULL;
}


/*
 * The host as clients send it: without the port that its scheme implies.  A
 * query without a path has no target that can be signed.
 */

static acm_str_t
acm_sigv4_host(const char *url, acm_str_t *target)
{
    size_t       len;
    acm_str_t    host;
    const char  *p, *port;

    port = (strncasecmp(url, "https:", 6) == 0) ? ":443" : ":80";

    p = strstr(url, "://") + 3;
    len = strcspn(p, "/?#");

    host.data = (uint8_t *) p;
    host.len = len;

    if (len > strlen(port)
        && memcmp(p + len - strlen(port), port, strlen(port)) == 0)
    {
        host.len -= strlen(port);
    }

    acm_sigv4_set(target, (p[len] == '\0') ? "/" : p + len);

    return host;
}


static acm_rc_t
acm_sigv4_line(acm_sigv4_lines_t *lines, const char *name,
    const acm_str_t *value)
{
    char      *line;
    acm_rc_t   rc;
    acm_buf_t  text;

    acm_buf_init(&text, ACM_MAX_SIGV4_LINE);
    acm_buf_text(&text, name);
    acm_buf_text(&text, ": ");
    acm_buf_add(&text, value->data, value->len);
    acm_buf_u8(&text, '\0');

    rc = acm_buf_rc(&text);
    line = (rc == ACM_OK) ? acm_strdup((char *) text.data) : NULL;

    acm_buf_free_secret(&text);

    if (line == NULL) {
        return (rc == ACM_OK) ? ACM_NOMEM : rc;
    }

    lines->lines[lines->n++] = line;

    return ACM_OK;
}


static void
acm_sigv4_set(acm_str_t *s, const char *text)
{
    s->data = (uint8_t *) text;
    s->len = strlen(text);
}
