
/*
 * Copyright (C) The ngx_acm authors
 *
 * What becomes of the answers of simulated CAs.
 */


#include "hostile.h"


#define HOSTILE_RAW    255           /* octets of a body */
#define HOSTILE_KEPT   8             /* answers that may come again */
#define HOSTILE_BODY   4096          /* octets of one that is kept */
#define HOSTILE_TEXT   16384         /* octets of a JSON text */


static const uint8_t   *hostile_pos;
static const uint8_t   *hostile_end;
static const uint8_t   *hostile_again;   /* where it begins anew; or NULL */
static unsigned         hostile_left;    /* answers that may be altered */

static char             hostile_body[HOSTILE_KEPT][HOSTILE_BODY];
static size_t           hostile_len[HOSTILE_KEPT];
static unsigned         hostile_kept;


void
hostile_begin(const uint8_t *data, size_t size, int again, unsigned answers)
{
    hostile_pos = data;
    hostile_end = (size == 0) ? data : data + size;
    hostile_again = (again && size != 0) ? data : NULL;
    hostile_left = answers;
    hostile_kept = 0;
}


unsigned
hostile_u8(void)
{
    if (hostile_pos == hostile_end) {

        if (hostile_again == NULL || hostile_left == 0) {
            return 0;
        }

        hostile_pos = hostile_again;
    }

    return *hostile_pos++;
}


int
hostile_over(void)
{
    return hostile_left == 0
           || (hostile_pos == hostile_end && hostile_again == NULL);
}


/* texts of a CA */

static const char *const  hostile_hosts[] = {
    "https://ca0.test", "https://ca0.test", "https://ca0.test",
    "https://ca1.test", "https://evl.test", "http://127.0.0.1",
    "http://ca0.test", "ftp://ca0.test", "https://u@ca0.test",
    "https://ca0.test:443", "HTTPS://CA0.TEST", "http://127.0.0.1.test",
    "https://", "//ca0.test", "file://", "http://[::1]", "https://[::1]:1",
    "http://localhost@ca0.test", "http://2130706433", "https:\\\\ca0.test"
};

static const char *const  hostile_paths[] = {
    "/z/", "/c/", "/o/", "/f/", "/d/", "/order", "/account", "/nonce",
    "/directory", "/ari/", "/revoke", "/acct/", "", "/#", "/ ", "/?a=\"<"
};

static const char *const  hostile_names[] = {
    "status", "finalize", "authorizations", "certificate", "expires",
    "error", "identifier", "value", "wildcard", "challenges", "url",
    "token", "type", "issuer-domain-names", "newNonce", "newAccount",
    "newOrder", "keyChange", "revokeCert", "renewalInfo", "meta",
    "externalAccountRequired", "caaIdentities", "subproblems", "detail",
    "suggestedWindow", "start", "end", "identifiers", "profiles"
};

static const char *const  hostile_texts[] = {
    "pending", "ready", "processing", "valid", "invalid", "deactivated",
    "expired", "revoked", "", "http-01", "dns-01", "tls-alpn-01",
    "dns-account-01", "dns-persist-01", "unknown-01", "dns", "ip",
    "h0.example0.com", "*.h1.example0.com", "victim.example.com", "*.",
    "2027-01-15T08:00:00Z", "2027-01-15T08:59:00Z", "9999-12-31T23:59:59Z",
    "1970-01-01T00:00:01Z", "2027-02-31T00:00:00Z", "t0-0-0", "../../token",
    "192.0.2.1", "ca.example.net"
};

static const char *const  hostile_problems[] = {
    "badNonce", "accountDoesNotExist", "unauthorized", "rateLimited",
    "malformed", "orderNotReady", "alreadyReplaced", "serverInternal",
    "userActionRequired", "invalidContact", "rejectedIdentifier", "caa",
    "dns", "connection", "compound", "externalAccountRequired", "badCSR",
    "unheardOf"
};

static const char *const  hostile_types[] = {
    "application/json", "application/problem+json", "text/html",
    "application/pem-certificate-chain", "application/json; charset=utf-8",
    "", "APPLICATION/JSON", "application/jsonx"
};

static const char *const  hostile_waits[] = {
    "0", "1", "5", "60", "3599", "3600", "86400", "864000",
    "99999999999999999999", "-1", "x", "Fri, 15 Jan 2027 09:00:00 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT"
};

static const char *const  hostile_nonce[] = {
    "n0", "n1", "n18446744073709551616", "", "n0\"", "a b", "-_-_"
};

static const int  hostile_status[] = {
    0, 200, 201, 204, 100, 202, 301, 307, 400, 401, 403, 404, 405, 409, 429,
    500, 502, 503, 504, 599, 999, -1
};

static const char *
hostile_url(void)
{
    unsigned     n;
    const char  *host, *path;

    static char  url[256];

    host = hostile_of(hostile_hosts);
    path = hostile_of(hostile_paths);
    n = hostile_u8();
    snprintf(url, sizeof(url), "%s%s%u/%u", host, path, n % 4, n / 4 % 4);

    return url;
}


/* so many octets of the input */

static json_t *
hostile_string(unsigned n)
{
    char      text[256];
    unsigned  i;

    for (i = 0; i < n && i < sizeof(text); i++) {
        text[i] = (char) hostile_u8();
    }

    return json_stringn_nocheck(text, i);
}


static json_t *
hostile_long(unsigned n)
{
    char  text[10241];

    n = n * 40 + 1;
    memset(text, 'a', n);

    return json_stringn_nocheck(text, n);
}


static json_t *hostile_value(unsigned depth);


static json_t *
hostile_list(unsigned depth)
{
    json_t    *list;
    unsigned   i, n, what;

    static const unsigned  sizes[] = { 0, 1, 1, 2, 3, 17, 101 };

    list = json_array();
    n = hostile_of(sizes);
    what = hostile_u8();

    for (i = 0; i < n; i++) {
        json_array_append_new(list, (what % 3 == 0 && depth < 3 && i < 3)
                                    ? hostile_value(depth + 1)
                                    : json_string(hostile_url()));
    }

    return list;
}


static json_t *
hostile_object(unsigned depth)
{
    json_t    *json;
    unsigned   n;

    json = json_object();

    for (n = hostile_u8() % 5; n > 0 && depth < 3; n--) {
        json_object_set_new(json, hostile_of(hostile_names),
                            hostile_value(depth + 1));
    }

    return json;
}


static json_t *
hostile_value(unsigned depth)
{
    char      text[64];
    unsigned  op;

    op = hostile_u8();

    switch (op % 12) {

    case 0:
        return json_string(hostile_texts[op / 12]);

    case 1:
    case 2:
        return json_string(hostile_of(hostile_texts));

    case 3:
    case 4:
        return json_string(hostile_url());

    case 5:
        return hostile_list(depth);

    case 6:
        return hostile_object(depth);

    case 7:
        snprintf(text, sizeof(text), "urn:ietf:params:acme:error:%s",
                 hostile_of(hostile_problems));
        return json_pack("{s:s,s:s,s:i}", "type", text, "detail", "it was so",
                         "status", 400);

    case 8:
        return hostile_string(op / 12);

    case 9:
        return (op & 16) ? json_null() : json_boolean(op & 32);

    case 10:
        return json_integer((int) hostile_u8() - 128);

    default:
        return hostile_long(hostile_u8());
    }
}


/* what of an answer is altered */

static json_t *
hostile_node(json_t *root)
{
    json_t    *node, *list;
    unsigned   op;

    op = hostile_u8();
    node = NULL;

    switch (op % 5) {

    case 2:
        list = json_object_get(root, "challenges");
        node = json_array_get(list, op / 5 % 4);
        break;

    case 3:
        node = json_object_get(root, "identifier");
        break;

    case 4:
        node = json_object_get(root, (op & 16) ? "error"
                                               : "suggestedWindow");
        break;

    default:
        break;
    }

    return json_is_object(node) ? node : root;
}


static void
hostile_answer(acm_http_t *http, const char *text, size_t len)
{
    acm_buf_free(&http->answer);
    acm_buf_init(&http->answer, ACM_MAX_HTTP_BODY);
    acm_buf_add(&http->answer, text, len);
}


static void
hostile_json(acm_http_t *http, unsigned times)
{
    size_t       len;
    json_t      *root, *node;
    const char  *name;

    static char  text[HOSTILE_TEXT];

    root = (http->answer.len == 0) ? NULL
           : json_loadb((char *) http->answer.data, http->answer.len, 0, NULL);

    if (!json_is_object(root)) {
        json_decref(root);
        root = json_object();
    }

    while (times-- > 0) {
        node = hostile_node(root);
        name = hostile_of(hostile_names);

        if (hostile_u8() % 8 == 7) {
            json_object_del(node, name);

        } else {
            json_object_set_new(node, name, hostile_value(0));
        }
    }

    len = json_dumpb(root, text, sizeof(text), JSON_COMPACT);

    if (len <= sizeof(text)) {
        hostile_answer(http, text, len);
    }

    json_decref(root);
}


static void
hostile_field(acm_http_t *http, const char *name, const char *value, int anew)
{
    char  **slot;

    slot = (name[0] == 'L' && name[1] == 'o') ? &http->location
           : (name[2] == 'p') ? &http->nonce
           : (name[2] == 't') ? &http->retry_after
           : (name[0] == 'C') ? &http->answer_type
           : (name[0] == 'D') ? &http->date : NULL;

    if (slot != NULL && anew) {
        acm_free(*slot);
        *slot = NULL;
    }

    (void) acm_http_header(http, name, strlen(name), value, strlen(value));
}


static void
hostile_header(acm_http_t *http)
{
    char      text[320];
    unsigned  op;

    op = hostile_u8();

    switch (op % 8) {

    case 0:
        hostile_field(http, "Location", hostile_url(), 1);
        return;

    case 1:
        hostile_field(http, "Replay-Nonce", hostile_of(hostile_nonce), 1);
        return;

    case 2:
        hostile_field(http, "Retry-After", hostile_of(hostile_waits), 1);
        return;

    case 3:
        hostile_field(http, "Content-Type", hostile_of(hostile_types), 1);
        return;

    case 4:
        hostile_field(http, "Date", hostile_of(hostile_waits), 1);
        return;

    default:
        snprintf(text, sizeof(text), "<%s>;rel=\"%s\"", hostile_url(),
                 (op & 64) ? "up" : "alternate");

        for (op = op / 8 % 4 + 1; op > 0; op--) {
            hostile_field(http, "Link", text, 0);
        }
    }
}


static void
hostile_raw(acm_http_t *http)
{
    char      text[HOSTILE_RAW];
    unsigned  i, n;

    n = hostile_u8();

    for (i = 0; i < n && i < HOSTILE_RAW; i++) {
        text[i] = (char) hostile_u8();
    }

    hostile_answer(http, text, i);
}


static void
hostile_flip(acm_http_t *http)
{
    size_t  at;

    at = hostile_u8();
    at = at << 8 | hostile_u8();

    if (http->answer.len != 0) {
        http->answer.data[at % http->answer.len] ^= (uint8_t) hostile_u8();
    }
}


/* What was said before, of whatever it was. */

static void
hostile_replay(acm_http_t *http)
{
    unsigned  n;

    n = hostile_u8() % HOSTILE_KEPT;

    if (hostile_kept > n) {
        hostile_answer(http, hostile_body[n], hostile_len[n]);
    }
}


static void
hostile_keep(const acm_http_t *http)
{
    unsigned  n;

    if (http->rc == ACM_OK && http->answer.len != 0
        && http->answer.len <= HOSTILE_BODY)
    {
        n = hostile_kept++ % HOSTILE_KEPT;
        hostile_len[n] = http->answer.len;
        memcpy(hostile_body[n], http->answer.data, http->answer.len);
    }
}


/* A transport gives up on what is too big, or takes too long. */

static void
hostile_lost(acm_http_t *http, unsigned how)
{
    acm_http_headers_reset(http);
    acm_buf_free(&http->answer);
    http->status = (how & 1) ? 200 : 0;
    http->rc = acm_fail(&http->why, (how & 2) ? ACM_TOOBIG : ACM_ERROR,
                        "sent an answer that is none");
}


/* A fault of the simulated CA, which has then done what was asked, or not. */

static void
hostile_fault(sim_ca_t *ca)
{
    unsigned      op;
    sim_step_e    step;
    sim_fault_t   f;

    memset(&f, 0, sizeof(sim_fault_t));

    op = hostile_u8();
    f.times = 1;
    f.done = op & 1;
    f.cut = (op & 2) != 0;
    f.no_location = (op & 4) != 0;
    f.no_nonce = (op & 8) != 0;

    if (op & 16) {
        f.status = hostile_of(hostile_status);
    }

    if (op & 32) {
        f.status = (f.status == 0) ? 400 : f.status;
        f.problem = hostile_of(hostile_problems);
    }

    if (op & 64) {
        f.type = hostile_of(hostile_types);
    }

    if (op & 128) {
        f.retry_after = hostile_of(hostile_waits);
    }

    for (step = 0; step < SIM_STEPS; step++) {
        ca->fault[step] = f;
    }
}


void
hostile_take(sim_ca_t *ca, acm_http_t *http)
{
    unsigned  op;

    op = hostile_over() ? 0 : hostile_u8();
    hostile_left -= (hostile_left != 0);

    ca->delay = 1 + ((op & 128) ? hostile_u8() * 117 : 10);

    if (op % 16 == 1 || op % 16 == 2) {
        hostile_fault(ca);
    }

    sim_take(ca, http);
    memset(ca->fault, 0, sizeof(ca->fault));
    hostile_keep(http);

    switch (op % 16) {

    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
        hostile_json(http, op / 16 % 4 + 1);
        break;

    case 8:
    case 9:
        hostile_header(http);
        break;

    case 10:
        hostile_raw(http);
        break;

    case 11:
        hostile_flip(http);
        break;

    case 12:
        http->status = hostile_of(hostile_status);
        break;

    case 13:
        hostile_replay(http);
        break;

    case 14:
        hostile_lost(http, op / 16);
        break;

    default:
        break;
    }

    if ((op & 64) && op % 16 > 2) {
        hostile_header(http);
    }

    if (http->method == ACM_HTTP_HEAD) {
        acm_buf_free(&http->answer);
    }
}
