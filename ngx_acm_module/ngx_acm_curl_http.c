
/*
 * Copyright (C) The ngx_acm authors
 *
 * HTTP requests: their options, and what becomes of their answers.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_acm.h"
#include "ngx_acm_curl_impl.h"


#define NGX_ACM_CURL_MAX_HEAD     65536      /* octets, 1xx answers too */
#define NGX_ACM_CURL_MAX_FIELDS   256

#define NGX_ACM_CURL_AGENT        "ngx_acm/" ACM_VERSION_TEXT


static acm_rc_t ngx_acm_curl_send(void *data, acm_http_t *http,
    acm_err_t *err);
static void ngx_acm_curl_cancel(void *data, acm_http_t *http);
static ngx_uint_t ngx_acm_curl_limits(ngx_acm_curl_request_t *req);
static ngx_uint_t ngx_acm_curl_trust(ngx_acm_curl_request_t *req);
static ngx_uint_t ngx_acm_curl_method(ngx_acm_curl_request_t *req);
static ngx_uint_t ngx_acm_curl_field(ngx_acm_curl_request_t *req,
    const char *name, const char *value);
static ngx_uint_t ngx_acm_curl_append(ngx_acm_curl_request_t *req,
    const char *field);
static void ngx_acm_curl_http_complete(ngx_acm_curl_request_t *req,
    CURLcode code);
static void ngx_acm_curl_finish(ngx_acm_curl_request_t *req, CURLcode code);
static const char *ngx_acm_curl_host(acm_http_t *http, int *len);
static curl_socket_t ngx_acm_curl_socket(void *data, curlsocktype purpose,
    struct curl_sockaddr *addr);
static size_t ngx_acm_curl_header(char *line, size_t size, size_t n,
    void *data);
static size_t ngx_acm_curl_body(char *p, size_t size, size_t n, void *data);
static size_t ngx_acm_curl_give_up(ngx_acm_curl_request_t *req, acm_rc_t rc,
    const char *what);


void
ngx_acm_curl_transport(acm_transport_t *transport, ngx_acm_curl_t *curl)
{
    transport->send = ngx_acm_curl_send;
    transport->cancel = ngx_acm_curl_cancel;
    transport->data = curl;
}


static acm_rc_t
ngx_acm_curl_send(void *data, acm_http_t *http, acm_err_t *err)
{
    ngx_acm_curl_t *curl = data;

    CURLMcode                code;
    ngx_acm_curl_request_t  *req;

    if (curl->multi == NULL) {
        return acm_fail(err, ACM_BUSY, "\"%s\": no request can be sent now",
                        http->url);
    }

    if (!http->plain && !acm_http_url_ok(http->url)) {
        return acm_fail(err, ACM_INVALID, "\"%s\" is not asked: it must "
                        "start with \"https://\" and a host", http->url);
    }

    req = acm_calloc(1, sizeof(ngx_acm_curl_request_t));

    if (req == NULL) {
        return acm_fail(err, ACM_NOMEM, "\"%s\": no memory", http->url);
    }

    req->http = http;
    req->handle = &http->handle;
    req->complete = ngx_acm_curl_http_complete;
    req->easy = curl_easy_init();
    ngx_queue_insert_tail(&curl->requests, &req->queue);

    if (req->easy == NULL || ngx_acm_curl_limits(req)
        || ngx_acm_curl_trust(req) || ngx_acm_curl_method(req))
    {
        ngx_acm_curl_free(curl, req);
        return acm_fail(err, ACM_NOMEM, "\"%s\": the request cannot be made: "
                        "no memory, or libcurl is too old", http->url);
    }

    code = curl_multi_add_handle(curl->multi, req->easy);

    if (code != CURLM_OK) {
        ngx_acm_curl_free(curl, req);
        return acm_fail(err, ACM_ERROR, "\"%s\": the request cannot be sent: "
                        "%s", http->url, curl_multi_strerror(code));
    }

    http->handle = req;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, curl->log, 0, "acm curl: send \"%s\"",
                   http->url);

    return ACM_OK;
}


static void
ngx_acm_curl_cancel(void *data, acm_http_t *http)
{
    ngx_acm_curl_t *curl = data;

    if (http->handle) {
        ngx_acm_curl_free(curl, http->handle);
    }
}


ngx_uint_t
ngx_acm_curl_common(ngx_acm_curl_request_t *req, long timeout)
{
    CURL        *e;
    ngx_uint_t   rc;

    e = req->easy;

    rc = curl_easy_setopt(e, CURLOPT_PRIVATE, req);
    rc |= curl_easy_setopt(e, CURLOPT_ERRORBUFFER, req->error);
    rc |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);

    /* a name that is being resolved is not waited for when it is over */
#if (LIBCURL_VERSION_NUM >= 0x075700)
    rc |= curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
#endif

    rc |= curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, timeout);
    rc |= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                           (long) NGX_ACM_CURL_CONNECT);

    /* whatever the environment says */

    rc |= curl_easy_setopt(e, CURLOPT_PROXY, "");
    rc |= curl_easy_setopt(e, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);

    return rc;
}


ngx_uint_t
ngx_acm_curl_tls(ngx_acm_curl_request_t *req, const char *ca_file)
{
    CURL        *e;
    ngx_uint_t   rc;

    e = req->easy;

    rc = curl_easy_setopt(e, CURLOPT_SSLVERSION,
                          (long) CURL_SSLVERSION_TLSv1_2);
    rc |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    rc |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);

    if (ca_file) {

        /* these only, and not those in the system's directory as well */

        rc |= curl_easy_setopt(e, CURLOPT_CAINFO, ca_file);
        rc |= curl_easy_setopt(e, CURLOPT_CAPATH, NULL);

        /* a changed file counts at once */
#if (LIBCURL_VERSION_NUM >= 0x075700)
        rc |= curl_easy_setopt(e, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif
    }

    return rc;
}


/* The following set options; a sum that is not 0 means a failure. */

static ngx_uint_t
ngx_acm_curl_limits(ngx_acm_curl_request_t *req)
{
    CURL        *e;
    ngx_uint_t   rc;

    e = req->easy;

    rc = ngx_acm_curl_common(req, req->http->timeout);
    rc |= curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE,
                           (curl_off_t) ACM_MAX_HTTP_BODY);

    rc |= curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, ngx_acm_curl_header);
    rc |= curl_easy_setopt(e, CURLOPT_HEADERDATA, req);
    rc |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, ngx_acm_curl_body);
    rc |= curl_easy_setopt(e, CURLOPT_WRITEDATA, req);

    return rc;
}


static ngx_uint_t
ngx_acm_curl_trust(ngx_acm_curl_request_t *req)
{
    CURL        *e;
    ngx_uint_t   rc;
    acm_http_t  *http;

    e = req->easy;
    http = req->http;

    rc = ngx_acm_curl_tls(req, http->ca_file);

    /* acm_http_url_ok() lets "http" pass for loopback addresses only */

    rc |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR,
                           ngx_strncasecmp((u_char *) http->url,
                                           (u_char *) "http:", 5) == 0
                           ? "http" : "https");
    rc |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    rc |= curl_easy_setopt(e, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);

    if (http->stranger || http->fresh) {

        /* strangers do not use one that others have to such a host */

        rc |= curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
    }

    if (http->stranger) {
        rc |= curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION,
                               ngx_acm_curl_socket);
        rc |= curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, req);
    }

    return rc;
}


/* By then it is known where a name leads to. */

static curl_socket_t
ngx_acm_curl_socket(void *data, curlsocktype purpose,
    struct curl_sockaddr *addr)
{
    ngx_acm_curl_request_t *req = data;

    if (acm_http_local(&addr->addr)) {
        req->local = 1;
        return CURL_SOCKET_BAD;
    }

    return socket(addr->family, addr->socktype|SOCK_CLOEXEC, addr->protocol);
}


static ngx_uint_t
ngx_acm_curl_method(ngx_acm_curl_request_t *req)
{
    CURL        *e;
    size_t       i;
    u_char       to[NGX_SOCKADDR_STRLEN + sizeof("::[]:")];
    ngx_uint_t   rc;
    acm_http_t  *http;

    e = req->easy;
    http = req->http;

    rc = curl_easy_setopt(e, CURLOPT_URL, http->url);
    rc |= curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);

    if (http->address) {

        /* any host and port: to the same port of this address */

        *ngx_snprintf(to, sizeof(to) - 1, "::%s:", http->address) = '\0';

        req->connect = curl_slist_append(NULL, (char *) to);
        rc |= (req->connect == NULL);
        rc |= curl_easy_setopt(e, CURLOPT_CONNECT_TO, req->connect);
    }

    rc |= curl_easy_setopt(e, CURLOPT_USERAGENT, NGX_ACM_CURL_AGENT);
    rc |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
                           (long) CURL_HTTP_VERSION_2TLS);

    rc |= ngx_acm_curl_field(req, "Accept", http->accept ? http->accept
                                                         : "*/*");

    switch (http->method) {

    case ACM_HTTP_GET:
        rc |= curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
        break;

    case ACM_HTTP_HEAD:
        rc |= curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
        break;

    case ACM_HTTP_POST:

        /* the body is not copied: it lives as long as the request */

        rc |= curl_easy_setopt(e, CURLOPT_POST, 1L);
        rc |= curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t) http->body.len);
        rc |= curl_easy_setopt(e, CURLOPT_POSTFIELDS,
                               http->body.len ? (char *) http->body.data
                                              : "");

        if (http->type) {
            rc |= ngx_acm_curl_field(req, "Content-Type", http->type);
        }

        /* no "100-continue", and no second of waiting for it */
        rc |= ngx_acm_curl_field(req, "Expect", NULL);
        break;
    }

    for (i = 0; i < http->nfields; i++) {
        rc |= ngx_acm_curl_append(req, http->fields[i]);
    }

    rc |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, req->fields);

    return rc;
}


/* value NULL: libcurl must not send this field */

static ngx_uint_t
ngx_acm_curl_field(ngx_acm_curl_request_t *req, const char *name,
    const char *value)
{
    u_char  buf[256], *p;

    p = ngx_snprintf(buf, sizeof(buf) - 1, value ? "%s: %s" : "%s:", name,
                     value);
    *p = '\0';

    return ngx_acm_curl_append(req, (char *) buf);
}


static ngx_uint_t
ngx_acm_curl_append(ngx_acm_curl_request_t *req, const char *field)
{
    struct curl_slist  *fields;

    fields = curl_slist_append(req->fields, field);

    if (fields == NULL) {
        return 1;
    }

    req->fields = fields;

    return 0;
}


static void
ngx_acm_curl_http_complete(ngx_acm_curl_request_t *req, CURLcode code)
{
    acm_http_t  *http;

    http = req->http;

    ngx_acm_curl_finish(req, code);
    ngx_acm_curl_free(&ngx_acm_curl, req);

    ngx_acm_metrics_request(http);
    http->done(http);
}


static void
ngx_acm_curl_finish(ngx_acm_curl_request_t *req, CURLcode code)
{
    int          len;
    long         status;
    acm_rc_t     rc;
    acm_http_t  *http;
    const char  *host, *what, *reason, *trust;

    http = req->http;

    if (req->rc != ACM_OK) {
        http->rc = req->rc;
        return;
    }

    if (code == CURLE_OK) {
        status = 0;
        (void) curl_easy_getinfo(req->easy, CURLINFO_RESPONSE_CODE, &status);

        http->rc = ACM_OK;
        http->status = (int) status;
        return;
    }

    host = ngx_acm_curl_host(http, &len);
    what = ngx_acm_curl_what(code, &rc);
    reason = (req->error[0] != '\0') ? req->error : curl_easy_strerror(code);
    trust = "";

    if (code == CURLE_COULDNT_CONNECT && req->local) {
        reason = "its address is of this host or its link, where only what "
                 "is configured is asked";
    }

    if (code == CURLE_PEER_FAILED_VERIFICATION) {
        trust = http->ca_file ? http->ca_file
                              : "the system's CA certificates";
    }

    http->rc = acm_fail(&http->why, rc, "\"%.*s\" %s: %s%s%s", len, host,
                        what, reason, trust[0] ? "; checked with " : "",
                        trust);
}


/* goes on "ca.example.com" ... */

const char *
ngx_acm_curl_what(CURLcode code, acm_rc_t *rc)
{
    *rc = ACM_ERROR;

    switch (code) {

    case CURLE_OPERATION_TIMEDOUT:
        *rc = ACM_BUSY;
        return "took too long";

    case CURLE_OUT_OF_MEMORY:

        /* libcurl says so of an over-long header line, too */

        *rc = ACM_NOMEM;
        return "was not heard out";

    case CURLE_FILESIZE_EXCEEDED:
        *rc = ACM_TOOBIG;
        return "announced an answer that is too big";

    case CURLE_COULDNT_RESOLVE_HOST:
        return "has no address";

    case CURLE_COULDNT_CONNECT:
        return "cannot be reached";

    case CURLE_PEER_FAILED_VERIFICATION:
        return "has a certificate that does not hold";

    case CURLE_SSL_CONNECT_ERROR:
        return "does not speak TLS as we do";

    case CURLE_SSL_CACERT_BADFILE:
        return "cannot be checked, the file of CA certificates is unusable";

    default:
        return "gave no answer";
    }
}


static const char *
ngx_acm_curl_host(acm_http_t *http, int *len)
{
    const char  *p;

    p = ngx_strstr(http->url, "://");
    p = p ? p + 3 : http->url;

    *len = (int) strcspn(p, "/?");

    return p;
}


static size_t
ngx_acm_curl_header(char *line, size_t size, size_t n, void *data)
{
    ngx_acm_curl_request_t *req = data;

    char      *colon;
    size_t     len;
    acm_rc_t   rc;

    len = size * n;
    req->octets += len;

    if (req->octets > NGX_ACM_CURL_MAX_HEAD
        || ++req->nfields > NGX_ACM_CURL_MAX_FIELDS)
    {
        return ngx_acm_curl_give_up(req, ACM_TOOBIG,
                                    "sent a header that is too big");
    }

    while (len > 0 && (line[len - 1] == CR || line[len - 1] == LF)) {
        len--;
    }

    if (len >= 5 && ngx_strncmp(line, "HTTP/", 5) == 0) {

        /* what came before was a 1xx answer */

        acm_http_headers_reset(req->http);
        req->body = 0;

        return size * n;
    }

    if (len == 0) {
        req->body = 1;
    }

    colon = memchr(line, ':', len);

    if (colon == NULL || req->body) {
        /* fields behind the body are none of ours */
        return size * n;
    }

    rc = acm_http_header(req->http, line, (size_t) (colon - line), colon + 1,
                         (size_t) (line + len - colon - 1));

    if (rc != ACM_OK) {
        return ngx_acm_curl_give_up(req, rc, "was not heard out: no memory");
    }

    return size * n;
}


static size_t
ngx_acm_curl_body(char *p, size_t size, size_t n, void *data)
{
    ngx_acm_curl_request_t *req = data;

    acm_rc_t  rc;

    /* the buffer has ACM_MAX_HTTP_BODY as its limit */

    acm_buf_add(&req->http->answer, p, size * n);

    rc = acm_buf_rc(&req->http->answer);

    if (rc == ACM_OK) {
        return size * n;
    }

    return ngx_acm_curl_give_up(req, rc, rc == ACM_TOOBIG
                                ? "sent an answer that is too big"
                                : "was not heard out: no memory");
}


/* Returns what ends the transfer. */

static size_t
ngx_acm_curl_give_up(ngx_acm_curl_request_t *req, acm_rc_t rc,
    const char *what)
{
    int          len;
    const char  *host;

    host = ngx_acm_curl_host(req->http, &len);

    req->rc = acm_fail(&req->http->why, rc, "\"%.*s\" %s (limits: %d octets, "
                       "header %d)", len, host, what, ACM_MAX_HTTP_BODY,
                       NGX_ACM_CURL_MAX_HEAD);

    return 0;
}
