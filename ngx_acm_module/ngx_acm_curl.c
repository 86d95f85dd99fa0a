
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

#include "ngx_acm_curl_impl.h"


#define NGX_ACM_CURL_PER_HOST     8          /* connections */
#define NGX_ACM_CURL_TOTAL        64
#define NGX_ACM_CURL_IDLE         16         /* connections kept */


typedef struct {
    ngx_queue_t          queue;
    ngx_connection_t    *c;
} ngx_acm_curl_socket_t;


static ngx_int_t ngx_acm_curl_global(ngx_acm_curl_t *curl, ngx_log_t *log);
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


/* one in a process: libcurl and its timer know it by address */

ngx_acm_curl_t  ngx_acm_curl;


ngx_int_t
ngx_acm_curl_init(acm_transport_t *transport, void (*after)(void *data),
    void *data, ngx_log_t *log)
{
    CURLM           *multi;
    ngx_uint_t       rc;
    ngx_acm_curl_t  *curl;

    curl = &ngx_acm_curl;

    ngx_acm_curl_transport(transport, curl);

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
    ngx_memzero(&curl->now, sizeof(ngx_event_t));

    curl->ident.fd = (ngx_socket_t) -1;
    curl->timer.handler = ngx_acm_curl_timeout;
    curl->timer.data = &curl->ident;
    curl->timer.log = log;
    curl->timer.cancelable = 1;

    curl->now.handler = ngx_acm_curl_timeout;
    curl->now.data = &curl->ident;
    curl->now.log = log;

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

    if (curl->now.posted) {
        ngx_delete_posted_event(&curl->now);
    }
}


void
ngx_acm_curl_free(ngx_acm_curl_t *curl, ngx_acm_curl_request_t *req)
{
    ngx_queue_remove(&req->queue);

    *req->handle = NULL;

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


/*
 * libcurl: call in so many milliseconds; must not be called from here.  Each
 * request begins with "at once", which is as soon as others had their turn: a
 * timer of nginx would take a millisecond or two.
 */

static int
ngx_acm_curl_timer(CURLM *multi, long timeout, void *data)
{
    ngx_acm_curl_t *curl = data;

    /* nginx leaves a timer as it is if the change is small */

    if (curl->timer.timer_set) {
        ngx_del_timer(&curl->timer);
    }

    if (curl->now.posted) {
        ngx_delete_posted_event(&curl->now);
    }

    if (timeout == 0) {
        ngx_post_event(&curl->now, &ngx_posted_next_events);

    } else if (timeout > 0) {
        ngx_add_timer(&curl->timer, (ngx_msec_t) timeout);
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
        req->complete(req, code);
        n++;
    }

    if (n && curl->multi && curl->after) {
        curl->after(curl->data);
    }
}
