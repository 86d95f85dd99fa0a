
/*
 * Copyright (C) The ngx_acm authors
 *
 * libcurl says which sockets it waits for, and for how long; nginx waits.
 * Only this file knows libcurl.
 */


#include <curl/curl.h>

#include "ngx_acm_curl.h"


typedef struct ngx_acm_curl_req_s  ngx_acm_curl_req_t;

struct ngx_acm_curl_req_s {
    CURL                *easy;
    struct curl_slist   *headers;
    acm_http_t          *http;           /* NULL: cancelled */
    size_t               header_size;
    ngx_queue_t          queue;
    char                 error[CURL_ERROR_SIZE];
};


typedef struct {
    CURLM               *multi;
    void               (*after)(void *data);
    void                *data;
    ngx_log_t           *log;
    ngx_event_t          timer;
    void                *ident[4];       /* what the timer's log reads */
    ngx_queue_t          requests;
    unsigned             global:1;       /* libcurl is set up */
} ngx_acm_curl_t;


static acm_rc_t ngx_acm_curl_send(void *data, acm_http_t *http,
    acm_err_t *err);
static acm_rc_t ngx_acm_curl_options(ngx_acm_curl_req_t *req,
    acm_http_t *http);
static acm_rc_t ngx_acm_curl_method(ngx_acm_curl_req_t *req,
    acm_http_t *http);
static acm_rc_t ngx_acm_curl_header_add(ngx_acm_curl_req_t *req,
    const char *name, const char *value);
static void ngx_acm_curl_cancel(void *data, acm_http_t *http);
static void ngx_acm_curl_free(ngx_acm_curl_req_t *req);
static size_t ngx_acm_curl_body(char *data, size_t size, size_t n,
    void *arg);
static size_t ngx_acm_curl_field(char *data, size_t size, size_t n,
    void *arg);
static int ngx_acm_curl_socket(CURL *easy, curl_socket_t s, int what,
    void *arg, void *socketp);
static ngx_connection_t *ngx_acm_curl_watch(ngx_acm_curl_t *curl,
    curl_socket_t s);
static ngx_int_t ngx_acm_curl_want(ngx_event_t *ev, ngx_int_t event,
    ngx_uint_t on);
static int ngx_acm_curl_timeout(CURLM *multi, long ms, void *arg);
static void ngx_acm_curl_timer(ngx_event_t *ev);
static void ngx_acm_curl_ready(ngx_event_t *ev);
static void ngx_acm_curl_action(ngx_acm_curl_t *curl, curl_socket_t s,
    int mask);
static void ngx_acm_curl_answers(ngx_acm_curl_t *curl);
static void ngx_acm_curl_answer(ngx_acm_curl_req_t *req, CURLcode code);


static ngx_acm_curl_t  ngx_acm_curl;


ngx_int_t
ngx_acm_curl_init(acm_transport_t *transport, void (*after)(void *data),
    void *data, ngx_log_t *log)
{
    ngx_acm_curl_t  *curl;

    curl = &ngx_acm_curl;

    if (!curl->global) {
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
            ngx_log_error(NGX_LOG_CRIT, log, 0,
                          "acm: curl_global_init() failed");
            return NGX_ERROR;
        }

        curl->global = 1;
    }

    curl->multi = curl_multi_init();

    if (curl->multi == NULL
        || curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION,
                             ngx_acm_curl_socket)
        || curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl)
        || curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION,
                             ngx_acm_curl_timeout)
        || curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl)
        || curl_multi_setopt(curl->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                             (long) NGX_ACM_CURL_HOST)
        || curl_multi_setopt(curl->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                             (long) NGX_ACM_CURL_TOTAL))
    {
        ngx_log_error(NGX_LOG_CRIT, log, 0, "acm: curl_multi_init() failed");
        return NGX_ERROR;
    }

    curl->after = after;
    curl->data = data;
    curl->log = log;
    curl->ident[3] = (void *) -1;

    ngx_memzero(&curl->timer, sizeof(ngx_event_t));

    curl->timer.handler = ngx_acm_curl_timer;
    curl->timer.data = curl->ident;
    curl->timer.log = log;
    curl->timer.cancelable = 1;

    ngx_queue_init(&curl->requests);

    transport->send = ngx_acm_curl_send;
    transport->cancel = ngx_acm_curl_cancel;
    transport->data = curl;

    return NGX_OK;
}


void
ngx_acm_curl_done(void)
{
    ngx_queue_t         *q;
    ngx_acm_curl_t      *curl;
    ngx_acm_curl_req_t  *req;

    curl = &ngx_acm_curl;

    if (curl->multi == NULL) {
        return;
    }

    while (!ngx_queue_empty(&curl->requests)) {
        q = ngx_queue_head(&curl->requests);
        req = ngx_queue_data(q, ngx_acm_curl_req_t, queue);
        ngx_acm_curl_free(req);
    }

    /* closes the idle connections, and tells us to forget their sockets */

    curl_multi_cleanup(curl->multi);
    curl->multi = NULL;

    if (curl->timer.timer_set) {
        ngx_del_timer(&curl->timer);
    }
}


static acm_rc_t
ngx_acm_curl_send(void *data, acm_http_t *http, acm_err_t *err)
{
    ngx_acm_curl_t  *curl = data;

    CURLMcode            code;
    ngx_acm_curl_req_t  *req;

    req = acm_calloc(1, sizeof(ngx_acm_curl_req_t));

    if (req == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for a request");
    }

    req->http = http;
    req->easy = curl_easy_init();

    ngx_queue_insert_tail(&curl->requests, &req->queue);

    if (req->easy == NULL || ngx_acm_curl_options(req, http) != ACM_OK
        || ngx_acm_curl_method(req, http) != ACM_OK)
    {
        ngx_acm_curl_free(req);
        return acm_fail(err, ACM_NOMEM, "libcurl cannot make a request");
    }

    code = curl_multi_add_handle(curl->multi, req->easy);

    if (code != CURLM_OK) {
        ngx_acm_curl_free(req);
        return acm_fail(err, ACM_ERROR, "libcurl takes no request: %s",
                        curl_multi_strerror(code));
    }

    http->handle = req;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, curl->log, 0, "acm curl: %s",
                   http->url);

    return ACM_OK;
}


static acm_rc_t
ngx_acm_curl_options(ngx_acm_curl_req_t *req, acm_http_t *http)
{
    CURL  *e;

    e = req->easy;

    /* whether it may be http is for whoever asks to say */

    if (curl_easy_setopt(e, CURLOPT_URL, http->url)
        || curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https,http")
        || curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L)
        || curl_easy_setopt(e, CURLOPT_PROXY, "")
        || curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L)
        || curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, http->timeout)
        || curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                            (long) NGX_ACM_CURL_CONNECT)
        || curl_easy_setopt(e, CURLOPT_SSLVERSION,
                            (long) CURL_SSLVERSION_TLSv1_2)
        || curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L)
        || curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L)
        || curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L)
        || curl_easy_setopt(e, CURLOPT_USERAGENT,
                            "ngx_acm/" ACM_VERSION_TEXT)
        || curl_easy_setopt(e, CURLOPT_ERRORBUFFER, req->error)
        || curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, ngx_acm_curl_body)
        || curl_easy_setopt(e, CURLOPT_WRITEDATA, req)
        || curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, ngx_acm_curl_field)
        || curl_easy_setopt(e, CURLOPT_HEADERDATA, req)
        || curl_easy_setopt(e, CURLOPT_MAXFILESIZE,
                            (long) ACM_MAX_HTTP_BODY)
        || curl_easy_setopt(e, CURLOPT_PRIVATE, req))
    {
        return ACM_NOMEM;
    }

    if (http->ca_file != NULL
        && (curl_easy_setopt(e, CURLOPT_CAINFO, http->ca_file)
            || curl_easy_setopt(e, CURLOPT_CAPATH, NULL)))
    {
        return ACM_NOMEM;
    }

    return ACM_OK;
}


static acm_rc_t
ngx_acm_curl_method(ngx_acm_curl_req_t *req, acm_http_t *http)
{
    CURL  *e;

    e = req->easy;

    switch (http->method) {

    case ACM_HTTP_GET:
        break;

    case ACM_HTTP_HEAD:

        if (curl_easy_setopt(e, CURLOPT_NOBODY, 1L)) {
            return ACM_NOMEM;
        }

        break;

    case ACM_HTTP_POST:

        if (curl_easy_setopt(e, CURLOPT_POST, 1L)
            || curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE,
                                (long) http->body.len)
            || curl_easy_setopt(e, CURLOPT_POSTFIELDS, http->body.data)
            || ngx_acm_curl_header_add(req, "Content-Type", http->type)
               != ACM_OK
            || ngx_acm_curl_header_add(req, "Expect", "") != ACM_OK)
        {
            return ACM_NOMEM;
        }

        break;
    }

    if (http->accept != NULL
        && ngx_acm_curl_header_add(req, "Accept", http->accept) != ACM_OK)
    {
        return ACM_NOMEM;
    }

    return curl_easy_setopt(e, CURLOPT_HTTPHEADER, req->headers)
           ? ACM_NOMEM : ACM_OK;
}


static acm_rc_t
ngx_acm_curl_header_add(ngx_acm_curl_req_t *req, const char *name,
    const char *value)
{
    u_char              line[256], *p;
    struct curl_slist  *list;

    p = ngx_snprintf(line, sizeof(line) - 1, *value ? "%s: %s" : "%s:", name,
                     value);
    *p = '\0';

    list = curl_slist_append(req->headers, (char *) line);

    if (list == NULL) {
        return ACM_NOMEM;
    }

    req->headers = list;

    return ACM_OK;
}


static void
ngx_acm_curl_cancel(void *data, acm_http_t *http)
{
    ngx_acm_curl_req_t  *req;

    req = http->handle;

    if (req != NULL) {
        http->handle = NULL;
        ngx_acm_curl_free(req);
    }
}


static void
ngx_acm_curl_free(ngx_acm_curl_req_t *req)
{
    ngx_queue_remove(&req->queue);

    if (req->easy != NULL) {
        (void) curl_multi_remove_handle(ngx_acm_curl.multi, req->easy);
        curl_easy_cleanup(req->easy);
    }

    curl_slist_free_all(req->headers);
    acm_free(req);
}


/* Another size than was given makes libcurl give up. */

static size_t
ngx_acm_curl_body(char *data, size_t size, size_t n, void *arg)
{
    ngx_acm_curl_req_t *req = arg;

    acm_buf_add(&req->http->answer, data, size * n);

    return (acm_buf_rc(&req->http->answer) == ACM_OK) ? size * n : 0;
}


static size_t
ngx_acm_curl_field(char *data, size_t size, size_t n, void *arg)
{
    ngx_acm_curl_req_t *req = arg;

    char        *colon;
    size_t       len;
    acm_http_t  *http;

    len = size * n;
    http = req->http;

    req->header_size += len;

    if (req->header_size > NGX_ACM_CURL_HEADERS) {
        return 0;
    }

    while (len > 0 && (data[len - 1] == CR || data[len - 1] == LF)) {
        len--;
    }

    if (len >= 5 && ngx_strncmp(data, "HTTP/", 5) == 0) {

        /* of a 1xx answer before it, nothing is kept */

        acm_http_headers_reset(http);
        return size * n;
    }

    colon = memchr(data, ':', len);

    if (colon != NULL
        && acm_http_header(http, data, colon - data, colon + 1,
                           len - (colon - data) - 1)
           != ACM_OK)
    {
        return 0;
    }

    return size * n;
}


/* libcurl tells what it wants to know of a socket. */

static int
ngx_acm_curl_socket(CURL *easy, curl_socket_t s, int what, void *arg,
    void *socketp)
{
    ngx_acm_curl_t    *curl = arg;
    ngx_connection_t  *c = socketp;

    if (what == CURL_POLL_REMOVE) {

        if (c != NULL) {
            (void) ngx_acm_curl_want(c->read, NGX_READ_EVENT, 0);
            (void) ngx_acm_curl_want(c->write, NGX_WRITE_EVENT, 0);

            /* the socket is libcurl's, the connection is ours */

            if (c->read->posted) {
                ngx_delete_posted_event(c->read);
            }

            if (c->write->posted) {
                ngx_delete_posted_event(c->write);
            }

            c->read->closed = 1;
            c->write->closed = 1;

            ngx_free_connection(c);
            c->fd = (ngx_socket_t) -1;

            (void) curl_multi_assign(curl->multi, s, NULL);
        }

        return 0;
    }

    if (c == NULL) {
        c = ngx_acm_curl_watch(curl, s);

        if (c == NULL) {
            return -1;
        }
    }

    if (ngx_acm_curl_want(c->read, NGX_READ_EVENT,
                          what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        != NGX_OK
        || ngx_acm_curl_want(c->write, NGX_WRITE_EVENT,
                             what == CURL_POLL_OUT
                             || what == CURL_POLL_INOUT)
           != NGX_OK)
    {
        return -1;
    }

    return 0;
}


static ngx_connection_t *
ngx_acm_curl_watch(ngx_acm_curl_t *curl, curl_socket_t s)
{
    ngx_connection_t  *c;

    c = ngx_get_connection(s, curl->log);

    if (c == NULL) {
        return NULL;
    }

    c->data = curl;
    c->read->handler = ngx_acm_curl_ready;
    c->write->handler = ngx_acm_curl_ready;
    c->read->log = curl->log;
    c->write->log = curl->log;

    if (curl_multi_assign(curl->multi, s, c) != CURLM_OK) {
        ngx_free_connection(c);
        c->fd = (ngx_socket_t) -1;
        return NULL;
    }

    return c;
}


/*
 * Level-triggered, as libcurl does not read until there is no more: with
 * NGX_CLEAR_EVENT epoll would be edge-triggered.
 */

static ngx_int_t
ngx_acm_curl_want(ngx_event_t *ev, ngx_int_t event, ngx_uint_t on)
{
    if (on && !ev->active) {
        return ngx_add_event(ev, event, NGX_LEVEL_EVENT);
    }

    if (!on && ev->active) {
        return ngx_del_event(ev, event, 0);
    }

    return NGX_OK;
}


static int
ngx_acm_curl_timeout(CURLM *multi, long ms, void *arg)
{
    ngx_acm_curl_t *curl = arg;

    if (ms < 0) {
        if (curl->timer.timer_set) {
            ngx_del_timer(&curl->timer);
        }

        return 0;
    }

    /* never from within: libcurl does not like to be called back at once */

    if (ms == 0) {
        ngx_post_event(&curl->timer, &ngx_posted_events);
        return 0;
    }

    ngx_add_timer(&curl->timer, (ngx_msec_t) ms);

    return 0;
}


static void
ngx_acm_curl_timer(ngx_event_t *ev)
{
    ev->timedout = 0;

    if (ngx_acm_curl.multi) {
        ngx_acm_curl_action(&ngx_acm_curl, CURL_SOCKET_TIMEOUT, 0);
    }
}


static void
ngx_acm_curl_ready(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    ngx_acm_curl_action(c->data, c->fd,
                        ev->write ? CURL_CSELECT_OUT : CURL_CSELECT_IN);
}


static void
ngx_acm_curl_action(ngx_acm_curl_t *curl, curl_socket_t s, int mask)
{
    int        running;
    CURLMcode  code;

    code = curl_multi_socket_action(curl->multi, s, mask, &running);

    if (code != CURLM_OK) {
        ngx_log_error(NGX_LOG_ERR, curl->log, 0,
                      "acm: curl_multi_socket_action() failed: %s",
                      curl_multi_strerror(code));
    }

    ngx_acm_curl_answers(curl);
}


static void
ngx_acm_curl_answers(ngx_acm_curl_t *curl)
{
    int                  left, n;
    CURLMsg             *msg;
    CURLcode             code;
    ngx_acm_curl_req_t  *req;

    n = 0;

    for ( ;; ) {
        msg = curl_multi_info_read(curl->multi, &left);

        if (msg == NULL) {
            break;
        }

        if (msg->msg != CURLMSG_DONE) {
            continue;
        }

        code = msg->data.result;

        if (curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &req)
            == CURLE_OK)
        {
            ngx_acm_curl_answer(req, code);
            n++;
        }
    }

    if (n) {
        curl->after(curl->data);
    }
}


static void
ngx_acm_curl_answer(ngx_acm_curl_req_t *req, CURLcode code)
{
    long         status;
    acm_http_t  *http;

    http = req->http;
    http->handle = NULL;
    status = 0;

    (void) curl_easy_getinfo(req->easy, CURLINFO_RESPONSE_CODE, &status);

    http->status = (int) status;
    http->rc = ACM_OK;

    if (acm_buf_rc(&http->answer) == ACM_TOOBIG
        || code == CURLE_FILESIZE_EXCEEDED
        || req->header_size > NGX_ACM_CURL_HEADERS)
    {
        http->rc = acm_fail(&http->why, ACM_TOOBIG, "%.200s: an answer of "
                            "over %d octets", http->url, ACM_MAX_HTTP_BODY);

    } else if (code != CURLE_OK) {
        http->rc = acm_fail(&http->why,
                            (code == CURLE_OPERATION_TIMEDOUT) ? ACM_BUSY
                                                               : ACM_ERROR,
                            "%.200s: %.200s", http->url,
                            req->error[0] ? req->error
                                          : curl_easy_strerror(code));
    }

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, ngx_acm_curl.log, 0,
                   "acm curl: %s: %d, %d", http->url, http->status, code);

    ngx_acm_curl_free(req);

    http->done(http);
}
