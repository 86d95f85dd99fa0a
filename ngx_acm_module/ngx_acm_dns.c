
/*
 * Copyright (C) The ngx_acm authors
 *
 * The one file that knows c-ares.  Its callbacks run in the middle of its
 * own work, where it must not be destroyed: so they only put results aside,
 * and an event delivers them.
 */


#include "ngx_acm_dns.h"
#include "../shared/acm_dns_msg.h"

/* ares_send() is what there is in 1.18 as well as in newer ones */
#define CARES_NO_DEPRECATED
#include <ares.h>


#define NGX_ACM_DNS_CHANNELS   16            /* to explicit servers, at once */
#define NGX_ACM_DNS_WAITING    1024          /* queries for such a channel */
#define NGX_ACM_DNS_FRESH      60            /* seconds, of the resolver's */
#define NGX_ACM_DNS_TRY        2000          /* milliseconds, the first try */
#define NGX_ACM_DNS_TRIES      3
#define NGX_ACM_DNS_SERVER     64
#define NGX_ACM_DNS_WHY        128


typedef struct {
    ngx_queue_t                queue;
    ngx_queue_t                requests;     /* that c-ares has */
    ngx_queue_t                sockets;
    ares_channel               channel;
    ngx_event_t                timer;
    void                      *ident[4];     /* what the timer's log reads */
    ngx_acm_conf_t            *amcf;         /* whose resolver, or NULL */
    time_t                     created;
} ngx_acm_dns_channel_t;


typedef struct {
    ngx_queue_t                queue;
    ngx_connection_t          *connection;
    ngx_acm_dns_channel_t     *ch;
    unsigned                   reading:1;
    unsigned                   writing:1;
} ngx_acm_dns_socket_t;


typedef struct {
    ngx_queue_t                queue;        /* waiting, a channel's, done */
    ngx_event_t                timer;
    void                      *ident[4];
    ngx_acm_dns_channel_t     *ch;
    ngx_acm_dns_pt             handler;      /* NULL: nobody waits for it */
    void                      *data;
    ngx_msec_t                 timeout;
    acm_buf_t                  query;
    acm_rc_t                   rc;
    uint8_t                   *wire;
    size_t                     len;
    char                       server[NGX_ACM_DNS_SERVER];
    char                       why[NGX_ACM_DNS_WHY];
} ngx_acm_dns_request_t;


/* one in a process */

typedef struct {
    ngx_queue_t                channels;     /* to explicit servers */
    ngx_queue_t                waiting;
    ngx_queue_t                done;
    ngx_queue_t                old;          /* resolver's, with requests */
    ngx_acm_dns_channel_t     *resolver;
    ngx_uint_t                 nchannels;
    ngx_uint_t                 nwaiting;
    ngx_event_t                event;
    void                      *ident[4];
    unsigned                   ready:1;
} ngx_acm_dns_t;


static ngx_int_t ngx_acm_dns_init(void);
static void ngx_acm_dns_start(ngx_acm_dns_request_t *r,
    ngx_acm_dns_channel_t *ch);
static ngx_acm_dns_channel_t *ngx_acm_dns_resolver(ngx_acm_conf_t *amcf,
    ngx_log_t *log);
static ngx_acm_dns_channel_t *ngx_acm_dns_channel(const char *servers,
    ngx_msec_t timeout, ngx_log_t *log);
static void ngx_acm_dns_channel_free(ngx_acm_dns_channel_t *ch);
static void ngx_acm_dns_socket(void *data, ares_socket_t fd, int readable,
    int writable);
static ngx_acm_dns_socket_t *ngx_acm_dns_socket_get(
    ngx_acm_dns_channel_t *ch, ares_socket_t fd);
static void ngx_acm_dns_watch(ngx_acm_dns_socket_t *s, int readable,
    int writable);
static void ngx_acm_dns_socket_free(ngx_acm_dns_socket_t *s);
static void ngx_acm_dns_event(ngx_event_t *ev);
static void ngx_acm_dns_timer(ngx_event_t *ev);
static void ngx_acm_dns_schedule(ngx_acm_dns_channel_t *ch);
static void ngx_acm_dns_callback(void *arg, int status, int timeouts,
    unsigned char *abuf, int alen);
static void ngx_acm_dns_finish(ngx_acm_dns_request_t *r);
static void ngx_acm_dns_expired(ngx_event_t *ev);
static void ngx_acm_dns_deliver(ngx_event_t *ev);
static void ngx_acm_dns_reap(void);
static void ngx_acm_dns_request_free(ngx_acm_dns_request_t *r);
static void ngx_acm_dns_mute(ngx_queue_t *requests, void *data);
static void ngx_acm_dns_event_init(ngx_event_t *ev, void **ident, void *data,
    ngx_event_handler_pt handler);


static ngx_acm_dns_t  ngx_acm_dns;


ngx_int_t
ngx_acm_dns_query(ngx_acm_conf_t *amcf, const char *server, const char *name,
    int type, ngx_msec_t timeout, ngx_acm_dns_pt handler, void *data,
    ngx_log_t *log)
{
    acm_err_t               err;
    ngx_acm_dns_t          *dns;
    ngx_acm_dns_channel_t  *ch;
    ngx_acm_dns_request_t  *r;

    dns = &ngx_acm_dns;

    if (ngx_acm_dns_init() != NGX_OK) {
        return NGX_ERROR;
    }

    r = ngx_calloc(sizeof(ngx_acm_dns_request_t), log);
    if (r == NULL) {
        return NGX_ERROR;
    }

    r->handler = handler;
    r->data = data;
    r->timeout = timeout;
    r->rc = ACM_BUSY;
    ngx_queue_init(&r->queue);
    acm_buf_init(&r->query, ACM_MAX_DNS_WIRE);
    ngx_acm_dns_event_init(&r->timer, r->ident, r, ngx_acm_dns_expired);

    err.text[0] = '\0';

    if (acm_dns_query(name, (uint16_t) type, server == NULL, &r->query, &err)
        != ACM_OK)
    {
        ngx_log_error(NGX_LOG_ERR, log, 0, "acm: %s", err.text);
        goto failed;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, log, 0,
                   "acm dns: ask %s for \"%s\" type %d",
                   server ? server : "resolver", name, type);

    if (server == NULL) {
        ch = ngx_acm_dns_resolver(amcf, log);

        if (ch == NULL) {
            goto failed;
        }

        ngx_acm_dns_start(r, ch);

        return NGX_OK;
    }

    if (ngx_strlen(server) >= NGX_ACM_DNS_SERVER
        || ngx_strchr(server, ',') != NULL
        || dns->nwaiting == NGX_ACM_DNS_WAITING)
    {
        goto failed;
    }

    ngx_memcpy(r->server, server, ngx_strlen(server));
    ngx_queue_insert_tail(&dns->waiting, &r->queue);
    dns->nwaiting++;

    /* the event starts it, if there are not too many channels */

    ngx_post_event(&dns->event, &ngx_posted_events);

    return NGX_OK;

failed:

    ngx_acm_dns_request_free(r);

    return NGX_ERROR;
}


void
ngx_acm_dns_cancel(void *data)
{
    ngx_queue_t            *q;
    ngx_acm_dns_t          *dns;
    ngx_acm_dns_channel_t  *ch;

    dns = &ngx_acm_dns;

    if (!dns->ready) {
        return;
    }

    ngx_acm_dns_mute(&dns->waiting, data);
    ngx_acm_dns_mute(&dns->done, data);

    if (dns->resolver) {
        ngx_acm_dns_mute(&dns->resolver->requests, data);
    }

    for (q = ngx_queue_head(&dns->old);
         q != ngx_queue_sentinel(&dns->old);
         q = ngx_queue_next(q))
    {
        ch = ngx_queue_data(q, ngx_acm_dns_channel_t, queue);
        ngx_acm_dns_mute(&ch->requests, data);
    }

    for (q = ngx_queue_head(&dns->channels);
         q != ngx_queue_sentinel(&dns->channels);
         q = ngx_queue_next(q))
    {
        ch = ngx_queue_data(q, ngx_acm_dns_channel_t, queue);
        ngx_acm_dns_mute(&ch->requests, data);
    }
}


static void
ngx_acm_dns_mute(ngx_queue_t *requests, void *data)
{
    ngx_queue_t            *q;
    ngx_acm_dns_request_t  *r;

    for (q = ngx_queue_head(requests);
         q != ngx_queue_sentinel(requests);
         q = ngx_queue_next(q))
    {
        r = ngx_queue_data(q, ngx_acm_dns_request_t, queue);

        if (r->data == data) {
            r->handler = NULL;
        }
    }
}


void
ngx_acm_dns_done(void)
{
    ngx_queue_t            *q;
    ngx_acm_dns_t          *dns;
    ngx_acm_dns_request_t  *r;

    dns = &ngx_acm_dns;

    if (!dns->ready) {
        return;
    }

    /* destroying a channel ends its requests, they come to "done" */

    if (dns->resolver) {
        ngx_queue_insert_tail(&dns->old, &dns->resolver->queue);
        dns->resolver = NULL;
    }

    while (!ngx_queue_empty(&dns->old)) {
        q = ngx_queue_head(&dns->old);
        ngx_acm_dns_channel_free(ngx_queue_data(q, ngx_acm_dns_channel_t,
                                                queue));
    }

    while (!ngx_queue_empty(&dns->channels)) {
        q = ngx_queue_head(&dns->channels);
        ngx_acm_dns_channel_free(ngx_queue_data(q, ngx_acm_dns_channel_t,
                                                queue));
    }

    while (!ngx_queue_empty(&dns->waiting)) {
        q = ngx_queue_head(&dns->waiting);
        r = ngx_queue_data(q, ngx_acm_dns_request_t, queue);
        ngx_acm_dns_request_free(r);
    }

    while (!ngx_queue_empty(&dns->done)) {
        q = ngx_queue_head(&dns->done);
        r = ngx_queue_data(q, ngx_acm_dns_request_t, queue);
        ngx_acm_dns_request_free(r);
    }

    if (dns->event.posted) {
        ngx_delete_posted_event(&dns->event);
    }

    ares_library_cleanup();
    ngx_memzero(dns, sizeof(ngx_acm_dns_t));
}


static ngx_int_t
ngx_acm_dns_init(void)
{
    int             rc;
    ngx_acm_dns_t  *dns;

    dns = &ngx_acm_dns;

    if (dns->ready) {
        return NGX_OK;
    }

    rc = ares_library_init(ARES_LIB_INIT_ALL);

    if (rc != ARES_SUCCESS) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "acm: ares_library_init() failed: %s",
                      ares_strerror(rc));
        return NGX_ERROR;
    }

    ngx_queue_init(&dns->channels);
    ngx_queue_init(&dns->waiting);
    ngx_queue_init(&dns->done);
    ngx_queue_init(&dns->old);

    ngx_acm_dns_event_init(&dns->event, dns->ident, dns,
                           ngx_acm_dns_deliver);
    dns->ready = 1;

    return NGX_OK;
}


/* The debug log reads a connection's descriptor behind ev->data. */

static void
ngx_acm_dns_event_init(ngx_event_t *ev, void **ident, void *data,
    ngx_event_handler_pt handler)
{
    ident[0] = data;
    ident[3] = (void *) -1;

    ev->data = ident;
    ev->handler = handler;
    ev->log = ngx_cycle->log;
    ev->cancelable = 1;
}


/* From here on the request is c-ares's, and ends in its callback. */

static void
ngx_acm_dns_start(ngx_acm_dns_request_t *r, ngx_acm_dns_channel_t *ch)
{
    r->ch = ch;

    ngx_queue_insert_tail(&ch->requests, &r->queue);
    ngx_add_timer(&r->timer, r->timeout);

    ares_send(ch->channel, r->query.data, (int) r->query.len,
              ngx_acm_dns_callback, r);

    ngx_acm_dns_schedule(ch);
}


/*
 * The channel of the resolver lives on, but not for long: c-ares reads the
 * system's resolv.conf only once, and does not come back to EDNS after one
 * server has refused it.
 */

static ngx_acm_dns_channel_t *
ngx_acm_dns_resolver(ngx_acm_conf_t *amcf, ngx_log_t *log)
{
    ngx_acm_dns_t          *dns;
    ngx_acm_dns_channel_t  *ch;

    dns = &ngx_acm_dns;
    ch = dns->resolver;

    if (ch != NULL) {
        if (ch->amcf == amcf
            && ngx_time() - ch->created < NGX_ACM_DNS_FRESH)
        {
            return ch;
        }

        /* what is under way ends there */

        ngx_queue_insert_tail(&dns->old, &ch->queue);
        ngx_post_event(&dns->event, &ngx_posted_events);
    }

    dns->resolver = ngx_acm_dns_channel((char *) amcf->resolver.data,
                                        NGX_ACM_DNS_TRY, log);

    if (dns->resolver != NULL) {
        dns->resolver->amcf = amcf;
    }

    return dns->resolver;
}


/* servers: "IP:port,[IPv6]:port", or NULL for the system's. */

static ngx_acm_dns_channel_t *
ngx_acm_dns_channel(const char *servers, ngx_msec_t timeout, ngx_log_t *log)
{
    int                     rc;
    struct ares_options     options;
    ngx_acm_dns_channel_t  *ch;

    ch = ngx_calloc(sizeof(ngx_acm_dns_channel_t), log);
    if (ch == NULL) {
        return NULL;
    }

    ngx_queue_init(&ch->queue);
    ngx_queue_init(&ch->requests);
    ngx_queue_init(&ch->sockets);
    ngx_acm_dns_event_init(&ch->timer, ch->ident, ch, ngx_acm_dns_timer);
    ch->created = ngx_time();

    ngx_memzero(&options, sizeof(struct ares_options));

    /*
     * An answer of SERVFAIL is one: who asked says so, and asks again; the
     * next server's turn comes by rotation.
     */

    options.flags = ARES_FLAG_EDNS|ARES_FLAG_NOSEARCH|ARES_FLAG_NOALIASES
                    |ARES_FLAG_NOCHECKRESP;
    options.timeout = (int) timeout;
    options.tries = NGX_ACM_DNS_TRIES;
    options.ednspsz = ACM_DNS_EDNS_SIZE;
    options.sock_state_cb = ngx_acm_dns_socket;
    options.sock_state_cb_data = ch;

    rc = ares_init_options(&ch->channel, &options,
                           ARES_OPT_FLAGS|ARES_OPT_TIMEOUTMS|ARES_OPT_TRIES
                           |ARES_OPT_EDNSPSZ|ARES_OPT_SOCK_STATE_CB
                           |ARES_OPT_ROTATE);

    if (rc != ARES_SUCCESS) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "acm: ares_init_options() failed: %s",
                      ares_strerror(rc));
        ngx_free(ch);
        return NULL;
    }

    if (servers == NULL) {
        return ch;
    }

    rc = ares_set_servers_ports_csv(ch->channel, servers);

    if (rc != ARES_SUCCESS) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "acm: DNS server \"%s\" cannot be used: %s", servers,
                      ares_strerror(rc));
        ngx_acm_dns_channel_free(ch);
        return NULL;
    }

    return ch;
}


static void
ngx_acm_dns_channel_free(ngx_acm_dns_channel_t *ch)
{
    ngx_queue_t           *q;
    ngx_acm_dns_socket_t  *s;

    /* requests get their callback, sockets are reported as closed */

    ares_destroy(ch->channel);

    while (!ngx_queue_empty(&ch->sockets)) {
        q = ngx_queue_head(&ch->sockets);
        s = ngx_queue_data(q, ngx_acm_dns_socket_t, queue);
        ngx_acm_dns_socket_free(s);
    }

    if (ch->timer.timer_set) {
        ngx_del_timer(&ch->timer);
    }

    /* an unlinked one is linked to itself */

    ngx_queue_remove(&ch->queue);
    ngx_free(ch);
}


static void
ngx_acm_dns_socket(void *data, ares_socket_t fd, int readable, int writable)
{
    ngx_acm_dns_channel_t  *ch = data;

    ngx_queue_t           *q;
    ngx_acm_dns_socket_t  *s;

    for (q = ngx_queue_head(&ch->sockets);
         q != ngx_queue_sentinel(&ch->sockets);
         q = ngx_queue_next(q))
    {
        s = ngx_queue_data(q, ngx_acm_dns_socket_t, queue);

        if (s->connection->fd == fd) {
            if (readable || writable) {
                ngx_acm_dns_watch(s, readable, writable);

            } else {
                ngx_acm_dns_socket_free(s);
            }

            return;
        }
    }

    if (readable || writable) {
        s = ngx_acm_dns_socket_get(ch, fd);

        /* without it the query times out */

        if (s != NULL) {
            ngx_acm_dns_watch(s, readable, writable);
        }
    }
}


static ngx_acm_dns_socket_t *
ngx_acm_dns_socket_get(ngx_acm_dns_channel_t *ch, ares_socket_t fd)
{
    ngx_connection_t      *c;
    ngx_acm_dns_socket_t  *s;

    s = ngx_calloc(sizeof(ngx_acm_dns_socket_t), ngx_cycle->log);
    if (s == NULL) {
        return NULL;
    }

    c = ngx_get_connection(fd, ngx_cycle->log);
    if (c == NULL) {
        ngx_free(s);
        return NULL;
    }

    c->data = s;
    c->recv = NULL;
    c->send = NULL;
    c->read->handler = ngx_acm_dns_event;
    c->write->handler = ngx_acm_dns_event;
    c->read->log = ngx_cycle->log;
    c->write->log = ngx_cycle->log;

    s->connection = c;
    s->ch = ch;
    ngx_queue_insert_tail(&ch->sockets, &s->queue);

    return s;
}


static void
ngx_acm_dns_watch(ngx_acm_dns_socket_t *s, int readable, int writable)
{
    ngx_connection_t  *c;

    c = s->connection;

    /* level triggered: c-ares need not read all there is */

    if (readable && !s->reading
        && ngx_add_event(c->read, NGX_READ_EVENT, 0) == NGX_OK)
    {
        s->reading = 1;
    }

    if (writable && !s->writing
        && ngx_add_event(c->write, NGX_WRITE_EVENT, 0) == NGX_OK)
    {
        s->writing = 1;
    }

    if (!readable && s->reading) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, 0);
        s->reading = 0;
    }

    if (!writable && s->writing) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
        s->writing = 0;
    }
}


/* c-ares closes the descriptor, after this. */

static void
ngx_acm_dns_socket_free(ngx_acm_dns_socket_t *s)
{
    ngx_connection_t  *c;

    c = s->connection;

    ngx_acm_dns_watch(s, 0, 0);

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

    ngx_queue_remove(&s->queue);
    ngx_free(s);
}


static void
ngx_acm_dns_event(ngx_event_t *ev)
{
    ares_socket_t           fd;
    ngx_connection_t       *c;
    ngx_acm_dns_socket_t   *s;
    ngx_acm_dns_channel_t  *ch;

    c = ev->data;
    s = c->data;
    ch = s->ch;
    fd = c->fd;

    /* the socket may be gone afterwards, the channel is not */

    if (ev->write) {
        ares_process_fd(ch->channel, ARES_SOCKET_BAD, fd);

    } else {
        ares_process_fd(ch->channel, fd, ARES_SOCKET_BAD);
    }

    ngx_acm_dns_schedule(ch);
}


static void
ngx_acm_dns_timer(ngx_event_t *ev)
{
    void                  **ident;
    ngx_acm_dns_channel_t  *ch;

    ident = ev->data;
    ch = ident[0];

    ares_process_fd(ch->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);

    ngx_acm_dns_schedule(ch);
}


static void
ngx_acm_dns_schedule(ngx_acm_dns_channel_t *ch)
{
    ngx_msec_t       ms;
    struct timeval   tv, *next;

    next = ares_timeout(ch->channel, NULL, &tv);

    if (next != NULL) {
        ms = (ngx_msec_t) next->tv_sec * 1000
             + (ngx_msec_t) (next->tv_usec + 999) / 1000;

        ngx_add_timer(&ch->timer, ngx_max(ms, 1));

    } else if (ch->timer.timer_set) {
        ngx_del_timer(&ch->timer);
    }
}


static void
ngx_acm_dns_callback(void *arg, int status, int timeouts,
    unsigned char *abuf, int alen)
{
    ngx_acm_dns_request_t  *r = arg;

    const char  *why;

    (void) timeouts;

    r->len = 0;

    if (status == ARES_SUCCESS && abuf != NULL && alen > 0) {
        r->wire = ngx_alloc((size_t) alen, ngx_cycle->log);

        if (r->wire != NULL) {
            ngx_memcpy(r->wire, abuf, (size_t) alen);
            r->len = (size_t) alen;
            r->rc = ACM_OK;

        } else {
            r->rc = ACM_NOMEM;
        }

    } else {
        why = (status == ARES_ETIMEOUT) ? "timed out"
                                        : ares_strerror(status);
        r->rc = (status == ARES_ENOMEM) ? ACM_NOMEM : ACM_BUSY;
        ngx_cpystrn((u_char *) r->why, (u_char *) why, NGX_ACM_DNS_WHY);
    }

    ngx_acm_dns_finish(r);
}


static void
ngx_acm_dns_finish(ngx_acm_dns_request_t *r)
{
    ngx_acm_dns_t  *dns;

    dns = &ngx_acm_dns;

    if (r->timer.timer_set) {
        ngx_del_timer(&r->timer);
    }

    ngx_queue_remove(&r->queue);
    ngx_queue_insert_tail(&dns->done, &r->queue);
    r->ch = NULL;

    ngx_post_event(&dns->event, &ngx_posted_events);
}


/* Time is up.  A query to the resolver goes on for a while, with nobody
   waiting; one that is alone on its channel ends. */

static void
ngx_acm_dns_expired(ngx_event_t *ev)
{
    void                   *data, **ident;
    ngx_acm_dns_pt          handler;
    ngx_acm_dns_request_t  *r;

    ident = ev->data;
    r = ident[0];

    handler = r->handler;
    data = r->data;
    r->handler = NULL;

    if (r->server[0] != '\0') {
        ares_cancel(r->ch->channel);
    }

    if (handler != NULL) {
        handler(data, ACM_BUSY, NULL, 0, "timed out");
    }
}


/* The posted event: results, then what waited for a channel. */

static void
ngx_acm_dns_deliver(ngx_event_t *ev)
{
    ngx_queue_t            *q;
    ngx_acm_dns_t          *dns;
    ngx_acm_dns_channel_t  *ch;
    ngx_acm_dns_request_t  *r;

    dns = &ngx_acm_dns;

    while (dns->ready && !ngx_queue_empty(&dns->done)) {
        q = ngx_queue_head(&dns->done);
        r = ngx_queue_data(q, ngx_acm_dns_request_t, queue);

        ngx_queue_remove(&r->queue);
        ngx_queue_init(&r->queue);

        if (r->handler != NULL) {
            r->handler(r->data, r->rc, r->wire, r->len,
                       r->why[0] ? r->why : acm_rc_text(r->rc));
        }

        ngx_acm_dns_request_free(r);
    }

    if (!dns->ready) {
        return;
    }

    ngx_acm_dns_reap();

    while (!ngx_queue_empty(&dns->waiting)
           && dns->nchannels < NGX_ACM_DNS_CHANNELS)
    {
        q = ngx_queue_head(&dns->waiting);
        r = ngx_queue_data(q, ngx_acm_dns_request_t, queue);

        ngx_queue_remove(&r->queue);
        ngx_queue_init(&r->queue);
        dns->nwaiting--;

        if (r->handler == NULL) {
            ngx_acm_dns_request_free(r);
            continue;
        }

        /* a try, and another of twice that, fit into the time */

        ch = ngx_acm_dns_channel(r->server, ngx_max(r->timeout / 3, 1),
                                 ev->log);

        if (ch == NULL) {
            ngx_acm_dns_finish(r);
            continue;
        }

        ngx_queue_insert_tail(&dns->channels, &ch->queue);
        dns->nchannels++;

        ngx_acm_dns_start(r, ch);
    }
}


/* Channels without requests; not in c-ares's callbacks. */

static void
ngx_acm_dns_reap(void)
{
    ngx_queue_t            *q, *next;
    ngx_acm_dns_t          *dns;
    ngx_acm_dns_channel_t  *ch;

    dns = &ngx_acm_dns;

    for (q = ngx_queue_head(&dns->old);
         q != ngx_queue_sentinel(&dns->old);
         q = next)
    {
        next = ngx_queue_next(q);
        ch = ngx_queue_data(q, ngx_acm_dns_channel_t, queue);

        if (ngx_queue_empty(&ch->requests)) {
            ngx_acm_dns_channel_free(ch);
        }
    }

    for (q = ngx_queue_head(&dns->channels);
         q != ngx_queue_sentinel(&dns->channels);
         q = next)
    {
        next = ngx_queue_next(q);
        ch = ngx_queue_data(q, ngx_acm_dns_channel_t, queue);

        if (ngx_queue_empty(&ch->requests)) {
            ngx_acm_dns_channel_free(ch);
            dns->nchannels--;
        }
    }
}


static void
ngx_acm_dns_request_free(ngx_acm_dns_request_t *r)
{
    if (r->timer.timer_set) {
        ngx_del_timer(&r->timer);
    }

    ngx_queue_remove(&r->queue);
    acm_buf_free(&r->query);

    if (r->wire != NULL) {
        ngx_free(r->wire);
    }

    ngx_free(r);
}
