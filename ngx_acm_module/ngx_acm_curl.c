
/*
 * Copyright (C) The ngx_acm authors
 *
 * libcurl tells which sockets and which timer it waits for; nginx waits, and
 * tells libcurl.  Events are level-triggered: libcurl need not read all that
 * there is.  Host names are resolved by libcurl in a thread of its own.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <curl/curl.h>

#include "ngx_acm_curl.h"


#define NGX_ACM_CURL_CONNECT      10000      /* milliseconds */
#define NGX_ACM_CURL_SLOW         20         /* seconds without an octet */
#define NGX_ACM_CURL_PER_HOST     8          /* connections */
#define NGX_ACM_CURL_TOTAL        64
#define NGX_ACM_CURL_IDLE         16         /* connections kept */
#define NGX_ACM_CURL_MAX_HEAD     65536      /* octets, 1xx answers too */
#define NGX_ACM_CURL_MAX_FIELDS   256

#define NGX_ACM_CURL_AGENT        "ngx_acm/" ACM_VERSION_TEXT


typedef struct {
    ngx_queue_t          queue;
    acm_http_t          *http;
    CURL                *easy;
    struct curl_slist   *fields;             /* of the request */
    struct curl_slist   *connect;            /* to another address */
    size_t               octets;             /* of the answer's header */
    ngx_uint_t           nfields;
    acm_rc_t             rc;                 /* why we gave it up */
    unsigned             body:1;             /* the header is complete */
    char                 error[CURL_ERROR_SIZE];
} ngx_acm_curl_request_t;


typedef struct {
    ngx_queue_t          queue;
    ngx_connection_t    *c;
} ngx_acm_curl_socket_t;


typedef struct {
    CURLM               *multi;
    ngx_queue_t          requests;
    ngx_queue_t          sockets;
    ngx_event_t          timer;
    ngx_connection_t     ident;              /* what the timer's log reads */
    ngx_log_t           *log;
    void               (*after)(void *data);
    void                *data;
    ngx_uint_t           users;
    unsigned             global:1;           /* curl_global_init() */
} ngx_acm_curl_t;


static ngx_int_t ngx_acm_curl_global(ngx_acm_curl_t *curl, ngx_log_t *log);
static acm_rc_t ngx_acm_curl_send(void *data, acm_http_t *http,
    acm_err_t *err);
static void ngx_acm_curl_cancel(void *data, acm_http_t *http);
static ngx_uint_t ngx_acm_curl_limits(ngx_acm_curl_request_t *req);
static ngx_uint_t ngx_acm_curl_trust(ngx_acm_curl_request_t *req);
static ngx_uint_t ngx_acm_curl_method(ngx_acm_curl_request_t *req);
static ngx_uint_t ngx_acm_curl_field(ngx_acm_curl_request_t *req,
    const char *name, const char *value);
static void ngx_acm_curl_free(ngx_acm_curl_t *curl,
    ngx_acm_curl_request_t *req);
static int ngx_acm_curl_socket(CURL *easy, curl_socket_t fd, int what,
    void *data, void *socket);
static ngx_acm_curl_socket_t *ngx_acm_curl_open(ngx_acm_curl_t *curl,
    curl_socket_t fd);
static void ngx_acm_curl_watch(ngx_event_t *ev, ngx_int_t event,
    ngx_uint_t on);
static void ngx_acm_curl_close(ngx_acm_curl_socket_t *s);
static int ngx_acm_curl_timer(CURLM *multi, long timeout, void *data);
static void ngx_acm_curl_event(ngx_event_t *ev);
static void ngx_acm_curl_timeout(ngx_event_t *ev);
static void ngx_acm_curl_action(curl_socket_t fd, int mask);
static void ngx_acm_curl_complete(ngx_acm_curl_t *curl);
static void ngx_acm_curl_finish(ngx_acm_curl_request_t *req, CURLcode code);
static const char *ngx_acm_curl_what(CURLcode code, acm_rc_t *rc);
static const char *ngx_acm_curl_host(acm_http_t *http, int *len);
static size_t ngx_acm_curl_header(char *line, size_t size, size_t n,
    void *data);
static size_t ngx_acm_curl_body(char *p, size_t size, size_t n, void *data);
static size_t ngx_acm_curl_give_up(ngx_acm_curl_request_t *req, acm_rc_t rc,
    const char *what);


/* one in a process: libcurl and its timer know it by address */

static ngx_acm_curl_t  ngx_acm_curl;


ngx_int_t
ngx_acm_curl_init(acm_transport_t *transport, void (*after)(void *data),
    void *data, ngx_log_t *log)
{
    CURLM           *multi;
    ngx_uint_t       rc;
    ngx_acm_curl_t  *curl;

    curl = &ngx_acm_curl;

    transport->send = ngx_acm_curl_send;
    transport->cancel = ngx_acm_curl_cancel;
    transport->data = curl;

    if (curl->multi) {
        curl->users++;
        return NGX_OK;
    }

    if (ngx_acm_curl_global(curl, log) != NGX_OK) {
        return NGX_ERROR;
    }

    multi = curl_multi_init();

    rc = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION,
                           ngx_acm_curl_socket);
    rc |= curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, curl);
    rc |= curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION,
                            ngx_acm_curl_timer);
    rc |= curl_multi_setopt(multi, CURLMOPT_TIMERDATA, curl);
    rc |= curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                            (long) NGX_ACM_CURL_PER_HOST);
    rc |= curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                            (long) NGX_ACM_CURL_TOTAL);
    rc |= curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS,
                            (long) NGX_ACM_CURL_IDLE);

    if (rc != 0) {
        (void) curl_multi_cleanup(multi);
        ngx_log_error(NGX_LOG_CRIT, log, 0, "acm: curl_multi_init() failed");
        return NGX_ERROR;
    }

    ngx_queue_init(&curl->requests);
    ngx_queue_init(&curl->sockets);
    ngx_memzero(&curl->timer, sizeof(ngx_event_t));

    curl->ident.fd = (ngx_socket_t) -1;
    curl->timer.handler = ngx_acm_curl_timeout;
    curl->timer.data = &curl->ident;
    curl->timer.log = log;
    curl->timer.cancelable = 1;

    curl->multi = multi;
    curl->after = after;
    curl->data = data;
    curl->log = log;
    curl->users = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_acm_curl_global(ngx_acm_curl_t *curl, ngx_log_t *log)
{
    CURLcode  code;

    if (curl->global) {
        return NGX_OK;
    }

    code = curl_global_init(CURL_GLOBAL_DEFAULT);

    if (code != CURLE_OK) {
        ngx_log_error(NGX_LOG_CRIT, log, 0,
                      "acm: curl_global_init() failed: %s",
                      curl_easy_strerror(code));
        return NGX_ERROR;
    }

    curl->global = 1;

    if (!(curl_version_info(CURLVERSION_NOW)->features
          & CURL_VERSION_ASYNCHDNS))
    {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "acm: this libcurl waits for DNS answers, and the "
                      "helper with it: use one with \"AsynchDNS\"");
    }

    return NGX_OK;
}


void
ngx_acm_curl_done(void)
{
    ngx_queue_t             *q;
    ngx_acm_curl_t          *curl;
    ngx_acm_curl_socket_t   *s;
    ngx_acm_curl_request_t  *req;

    curl = &ngx_acm_curl;

    if (curl->multi == NULL || --curl->users != 0) {
        return;
    }

    while (!ngx_queue_empty(&curl->requests)) {
        q = ngx_queue_head(&curl->requests);
        req = ngx_queue_data(q, ngx_acm_curl_request_t, queue);
        ngx_acm_curl_free(curl, req);
    }

    (void) curl_multi_cleanup(curl->multi);
    curl->multi = NULL;

    /* libcurl has let go of all of them; should it not, nginx must */

    while (!ngx_queue_empty(&curl->sockets)) {
        q = ngx_queue_head(&curl->sockets);
        s = ngx_queue_data(q, ngx_acm_curl_socket_t, queue);
        ngx_acm_curl_close(s);
    }

    if (curl->timer.timer_set) {
        ngx_del_timer(&curl->timer);
    }
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


/* The following set options; a sum that is not 0 means a failure. */

static ngx_uint_t
ngx_acm_curl_limits(ngx_acm_curl_request_t *req)
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

    rc |= curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, req->http->timeout);
    rc |= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                           (long) NGX_ACM_CURL_CONNECT);
    rc |= curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    rc |= curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME,
                           (long) NGX_ACM_CURL_SLOW);
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

    rc = curl_easy_setopt(e, CURLOPT_SSLVERSION,
                          (long) CURL_SSLVERSION_TLSv1_2);
    rc |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    rc |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);

    if (http->ca_file) {

        /* these only, and not those in the system's directory as well */

        rc |= curl_easy_setopt(e, CURLOPT_CAINFO, http->ca_file);
        rc |= curl_easy_setopt(e, CURLOPT_CAPATH, NULL);

        /* a changed file counts at once */
#if (LIBCURL_VERSION_NUM >= 0x075700)
        rc |= curl_easy_setopt(e, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif
    }

    /* acm_http_url_ok() lets "http" pass for loopback addresses only */

    rc |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR,
                           ngx_strncasecmp((u_char *) http->url,
                                           (u_char *) "http:", 5) == 0
                           ? "http" : "https");
    rc |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    rc |= curl_easy_setopt(e, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);

    /* whatever the environment says */

    rc |= curl_easy_setopt(e, CURLOPT_PROXY, "");
    rc |= curl_easy_setopt(e, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);

    return rc;
}


static ngx_uint_t
ngx_acm_curl_method(ngx_acm_curl_request_t *req)
{
    CURL        *e;
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

        rc |= ngx_acm_curl_field(req, "Content-Type", http->type);

        /* no "100-continue", and no second of waiting for it */
        rc |= ngx_acm_curl_field(req, "Expect", NULL);
        break;
    }

    rc |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, req->fields);

    return rc;
}


/* value NULL: libcurl must not send this field */

static ngx_uint_t
ngx_acm_curl_field(ngx_acm_curl_request_t *req, const char *name,
    const char *value)
{
    u_char              buf[256], *p;
    struct curl_slist  *fields;

    p = ngx_snprintf(buf, sizeof(buf) - 1, value ? "%s: %s" : "%s:", name,
                     value);
    *p = '\0';

    fields = curl_slist_append(req->fields, (char *) buf);

    if (fields == NULL) {
        return 1;
    }

    req->fields = fields;

    return 0;
}


static void
ngx_acm_curl_free(ngx_acm_curl_t *curl, ngx_acm_curl_request_t *req)
{
    ngx_queue_remove(&req->queue);

    req->http->handle = NULL;

    if (req->easy) {
        (void) curl_multi_remove_handle(curl->multi, req->easy);
        curl_easy_cleanup(req->easy);
    }

    curl_slist_free_all(req->fields);
    curl_slist_free_all(req->connect);
    acm_free(req);
}


/*
 * libcurl: wait for these events of this socket.  What fails here is left to
 * the timeout of the request, since another result than 0 would end all of
 * them for good.
 */

static int
ngx_acm_curl_socket(CURL *easy, curl_socket_t fd, int what, void *data,
    void *socket)
{
    ngx_acm_curl_t        *curl = data;
    ngx_acm_curl_socket_t *s = socket;

    if (what == CURL_POLL_REMOVE) {
        if (s) {
            ngx_acm_curl_close(s);
        }

        return 0;
    }

    if (s == NULL) {
        s = ngx_acm_curl_open(curl, fd);

        if (s == NULL) {
            return 0;
        }

        (void) curl_multi_assign(curl->multi, fd, s);
    }

    ngx_acm_curl_watch(s->c->read, NGX_READ_EVENT, what & CURL_POLL_IN);
    ngx_acm_curl_watch(s->c->write, NGX_WRITE_EVENT, what & CURL_POLL_OUT);

    return 0;
}


static ngx_acm_curl_socket_t *
ngx_acm_curl_open(ngx_acm_curl_t *curl, curl_socket_t fd)
{
    ngx_connection_t       *c;
    ngx_acm_curl_socket_t  *s;

    s = acm_calloc(1, sizeof(ngx_acm_curl_socket_t));

    if (s == NULL) {
        return NULL;
    }

    c = ngx_get_connection(fd, curl->log);

    if (c == NULL) {
        acm_free(s);
        return NULL;
    }

    c->data = s;
    c->read->handler = ngx_acm_curl_event;
    c->read->log = curl->log;
    c->write->handler = ngx_acm_curl_event;
    c->write->log = curl->log;

    s->c = c;
    ngx_queue_insert_tail(&curl->sockets, &s->queue);

    return s;
}


static void
ngx_acm_curl_watch(ngx_event_t *ev, ngx_int_t event, ngx_uint_t on)
{
    if (on && !ev->active) {
        (void) ngx_add_event(ev, event, NGX_LEVEL_EVENT);

    } else if (!on && ev->active) {
        (void) ngx_del_event(ev, event, 0);
    }
}


/* The socket itself is libcurl's, and may stay open. */

static void
ngx_acm_curl_close(ngx_acm_curl_socket_t *s)
{
    ngx_connection_t  *c;

    c = s->c;

    ngx_acm_curl_watch(c->read, NGX_READ_EVENT, 0);
    ngx_acm_curl_watch(c->write, NGX_WRITE_EVENT, 0);

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    ngx_free_connection(c);

    /* events of it that nginx has already fetched are stale */
    c->fd = (ngx_socket_t) -1;

    ngx_queue_remove(&s->queue);
    acm_free(s);
}


/* libcurl: call in so many milliseconds; must not be called from here. */

static int
ngx_acm_curl_timer(CURLM *multi, long timeout, void *data)
{
    ngx_acm_curl_t *curl = data;

    /* nginx leaves a timer as it is if the change is small */

    if (curl->timer.timer_set) {
        ngx_del_timer(&curl->timer);
    }

    if (timeout >= 0) {
        ngx_add_timer(&curl->timer, (ngx_msec_t) ngx_max(timeout, 1));
    }

    return 0;
}


static void
ngx_acm_curl_event(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    ngx_acm_curl_action(c->fd, ev->write ? CURL_CSELECT_OUT
                                         : CURL_CSELECT_IN);
}


static void
ngx_acm_curl_timeout(ngx_event_t *ev)
{
    ngx_acm_curl_action(CURL_SOCKET_TIMEOUT, 0);
}


static void
ngx_acm_curl_action(curl_socket_t fd, int mask)
{
    int  running;

    (void) curl_multi_socket_action(ngx_acm_curl.multi, fd, mask, &running);

    ngx_acm_curl_complete(&ngx_acm_curl);
}


/*
 * "done" may free its request, send, cancel, and even end the transport:
 * nothing is remembered over the call.
 */

static void
ngx_acm_curl_complete(ngx_acm_curl_t *curl)
{
    int                      left;
    char                    *private;
    CURLMsg                 *msg;
    CURLcode                 code;
    acm_http_t              *http;
    ngx_uint_t               n;
    ngx_acm_curl_request_t  *req;

    n = 0;

    while (curl->multi) {
        msg = curl_multi_info_read(curl->multi, &left);

        if (msg == NULL) {
            break;
        }

        if (msg->msg != CURLMSG_DONE) {
            continue;
        }

        code = msg->data.result;
        (void) curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
                                 &private);

        req = (ngx_acm_curl_request_t *) private;
        http = req->http;

        ngx_acm_curl_finish(req, code);
        ngx_acm_curl_free(curl, req);

        http->done(http);
        n++;
    }

    if (n && curl->multi && curl->after) {
        curl->after(curl->data);
    }
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

    if (code == CURLE_PEER_FAILED_VERIFICATION) {
        trust = http->ca_file ? http->ca_file
                              : "the system's CA certificates";
    }

    http->rc = acm_fail(&http->why, rc, "\"%.*s\" %s: %s%s%s", len, host,
                        what, reason, trust[0] ? "; checked with " : "",
                        trust);
}


/* goes on "ca.example.com" ... */

static const char *
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
