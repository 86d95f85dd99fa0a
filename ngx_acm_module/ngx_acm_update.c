
/*
 * Copyright (C) The ngx_acm authors
 *
 * The client of updated zones: a TCP connection for each update, since the
 * answers to several would have to be told apart.  Results are put aside,
 * and an event hands them out.
 */


#include "ngx_acm_update.h"
#include <ngx_event_connect.h>


#define NGX_ACM_UPDATE_CHUNK   1024          /* octets read at once */


typedef struct {
    ngx_queue_t                queue;        /* waiting, flight, done */
    ngx_acm_update_zone_t     *zone;
    ngx_acm_update_pt          handler;      /* NULL: nobody waits for it */
    void                      *data;
    ngx_connection_t          *connection;
    acm_dns_update_t           update;
    acm_buf_t                  out;          /* with its length in front */
    size_t                     sent;
    acm_buf_t                  in;           /* the same */
    acm_rc_t                   rc;
    unsigned                   add:1;
    unsigned                   connected:1;
    char                       name[ACM_MAX_DNS_NAME + 1];
    char                       value[ACM_MAX_UPDATE_TXT + 1];
    char                       why[ACM_MAX_ERROR];
} ngx_acm_update_t;


/* one in a process */

typedef struct {
    ngx_queue_t                waiting;
    ngx_queue_t                flight;
    ngx_queue_t                done;
    ngx_uint_t                 nwaiting;
    ngx_uint_t                 nflight;
    ngx_event_t                event;
    void                      *ident[4];     /* what the event's log reads */
    unsigned                   ready:1;
} ngx_acm_updates_t;


static void ngx_acm_update_init(void);
static void ngx_acm_update_event(ngx_event_t *ev);
static ngx_acm_update_t *ngx_acm_update_next(void);
static void ngx_acm_update_start(ngx_acm_update_t *u, ngx_log_t *log);
static acm_rc_t ngx_acm_update_message(ngx_acm_update_t *u, acm_err_t *err);
static void ngx_acm_update_io(ngx_event_t *ev);
static ngx_int_t ngx_acm_update_write(ngx_acm_update_t *u);
static ngx_int_t ngx_acm_update_read(ngx_acm_update_t *u);
static void ngx_acm_update_expired(ngx_acm_update_t *u);
static void ngx_acm_update_lost(ngx_acm_update_t *u, ngx_err_t err);
static void ngx_acm_update_finish(ngx_acm_update_t *u, acm_rc_t rc,
    const char *why);
static void ngx_acm_update_mute(ngx_queue_t *updates, void *data);
static void ngx_acm_update_free_all(ngx_queue_t *updates);
static void ngx_acm_update_free(ngx_acm_update_t *u);


static ngx_acm_updates_t  ngx_acm_updates;


ngx_int_t
ngx_acm_update_send(ngx_acm_conf_t *amcf, const char *name,
    const char *value, ngx_uint_t add, ngx_acm_update_pt handler, void *data,
    ngx_log_t *log)
{
    char                    normal[ACM_MAX_DNS_NAME + 1];
    ngx_acm_update_t       *u;
    ngx_acm_update_zone_t  *zone;

    ngx_acm_update_init();

    if (acm_dns_name(name, normal) != ACM_OK) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "acm: \"%s\" cannot be updated: no DNS name", name);
        return NGX_ERROR;
    }

    zone = ngx_acm_update_find(amcf, normal);

    if (zone == NULL) {
        return NGX_DECLINED;
    }

    if (ngx_strlen(value) > ACM_MAX_UPDATE_TXT
        || ngx_acm_updates.nwaiting == NGX_ACM_UPDATE_WAITING)
    {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "acm: \"%s\" cannot be updated: %s", name,
                      ngx_acm_updates.nwaiting == NGX_ACM_UPDATE_WAITING
                      ? "too many updates are waiting"
                      : "the value is too long");
        return NGX_ERROR;
    }

    u = ngx_calloc(sizeof(ngx_acm_update_t), log);
    if (u == NULL) {
        return NGX_ERROR;
    }

    u->zone = zone;
    u->handler = handler;
    u->data = data;
    u->add = (add != 0);

    ngx_memcpy(u->name, normal, ngx_strlen(normal) + 1);
    ngx_memcpy(u->value, value, ngx_strlen(value) + 1);

    acm_buf_init(&u->out, ACM_MAX_DNS_WIRE);
    acm_buf_init(&u->in, ACM_MAX_DNS_WIRE + 2 + NGX_ACM_UPDATE_CHUNK);

    ngx_queue_insert_tail(&ngx_acm_updates.waiting, &u->queue);
    ngx_acm_updates.nwaiting++;

    ngx_post_event(&ngx_acm_updates.event, &ngx_posted_events);

    return NGX_OK;
}


static void
ngx_acm_update_init(void)
{
    ngx_acm_updates_t  *all;

    all = &ngx_acm_updates;

    if (all->ready) {
        return;
    }

    ngx_queue_init(&all->waiting);
    ngx_queue_init(&all->flight);
    ngx_queue_init(&all->done);

    /* the debug log reads a connection's descriptor behind ev->data */

    all->ident[3] = (void *) -1;

    all->event.data = all->ident;
    all->event.handler = ngx_acm_update_event;
    all->event.log = ngx_cycle->log;

    all->ready = 1;
}


/* The posted event: results, then what waits for a place. */

static void
ngx_acm_update_event(ngx_event_t *ev)
{
    ngx_queue_t        *q;
    ngx_acm_update_t   *u;
    ngx_acm_updates_t  *all;

    all = &ngx_acm_updates;

    while (all->ready && !ngx_queue_empty(&all->done)) {
        q = ngx_queue_head(&all->done);
        u = ngx_queue_data(q, ngx_acm_update_t, queue);

        ngx_queue_remove(&u->queue);
        ngx_queue_init(&u->queue);

        if (u->handler != NULL) {
            u->handler(u->data, u->rc, u->why);
        }

        ngx_acm_update_free(u);
    }

    if (!all->ready) {
        return;
    }

    for ( ;; ) {
        u = ngx_acm_update_next();

        if (u == NULL) {
            return;
        }

        ngx_queue_remove(&u->queue);
        all->nwaiting--;

        ngx_queue_insert_tail(&all->flight, &u->queue);
        all->nflight++;

        ngx_acm_update_start(u, ev->log);
    }
}


/*
 * The first one that may be sent: two updates of one name under way might
 * change places, and a server that is silent must leave room for others.
 */

static ngx_acm_update_t *
ngx_acm_update_next(void)
{
    ngx_uint_t          n;
    ngx_queue_t        *q, *p;
    ngx_acm_update_t   *u, *other;
    ngx_acm_updates_t  *all;

    all = &ngx_acm_updates;

    if (all->nflight == NGX_ACM_UPDATE_FLIGHT) {
        return NULL;
    }

    for (q = ngx_queue_head(&all->waiting);
         q != ngx_queue_sentinel(&all->waiting);
         q = ngx_queue_next(q))
    {
        u = ngx_queue_data(q, ngx_acm_update_t, queue);
        n = 0;

        for (p = ngx_queue_head(&all->flight);
             p != ngx_queue_sentinel(&all->flight);
             p = ngx_queue_next(p))
        {
            other = ngx_queue_data(p, ngx_acm_update_t, queue);
            n += (other->zone == u->zone);

            if (ngx_strcmp(other->name, u->name) == 0) {
                n = NGX_ACM_UPDATE_ZONE;
                break;
            }
        }

        if (n < NGX_ACM_UPDATE_ZONE) {
            return u;
        }
    }

    return NULL;
}


static void
ngx_acm_update_start(ngx_acm_update_t *u, ngx_log_t *log)
{
    acm_rc_t                rc;
    acm_err_t               err;
    ngx_int_t               n;
    ngx_connection_t       *c;
    ngx_peer_connection_t   peer;

    err.text[0] = '\0';
    rc = ngx_acm_update_message(u, &err);

    if (rc != ACM_OK) {
        ngx_acm_update_finish(u, rc, err.text);
        return;
    }

    ngx_log_debug4(NGX_LOG_DEBUG_EVENT, log, 0,
                   "acm update: %s \"%s\" in \"%s\" at %V",
                   u->add ? "add" : "remove", u->name, u->zone->name,
                   &u->zone->addr.name);

    ngx_memzero(&peer, sizeof(ngx_peer_connection_t));

    peer.sockaddr = u->zone->addr.sockaddr;
    peer.socklen = u->zone->addr.socklen;
    peer.name = &u->zone->addr.name;
    peer.get = ngx_event_get_peer;
    peer.log = log;
    peer.log_error = NGX_ERROR_INFO;

    ngx_set_socket_errno(0);

    n = ngx_event_connect_peer(&peer);

    if (n != NGX_OK && n != NGX_AGAIN) {
        ngx_acm_update_lost(u, ngx_socket_errno);
        return;
    }

    c = peer.connection;

    c->data = u;
    c->read->handler = ngx_acm_update_io;
    c->write->handler = ngx_acm_update_io;
    c->write->cancelable = 1;

    u->connection = c;

    ngx_add_timer(c->write, NGX_ACM_UPDATE_TIMEOUT);

    if (n == NGX_OK) {
        u->connected = 1;
        ngx_acm_update_io(c->write);
    }
}


/* Signed when it is sent: the signature has a time. */

static acm_rc_t
ngx_acm_update_message(ngx_acm_update_t *u, acm_err_t *err)
{
    char                    name[2 * ACM_MAX_DNS_NAME];
    char                    normal[ACM_MAX_DNS_NAME + 1];
    acm_rc_t                rc;
    acm_buf_t               wire;
    ngx_acm_update_zone_t  *zone;

    zone = u->zone;

    ngx_sprintf((u_char *) name, "%s%s%s%Z", u->name,
                zone->via[0] ? "." : "", zone->via);

    if (acm_dns_name(name, normal) != ACM_OK) {
        return acm_fail(err, ACM_INVALID, "names with \"via=%s\" behind them "
                        "have at most %d octets: use a shorter zone there",
                        zone->via, ACM_MAX_NAME);
    }

    acm_buf_init(&wire, ACM_MAX_DNS_WIRE - 2);

    rc = acm_dns_update(zone->via[0] ? zone->via : zone->name, name,
                        u->value, zone->ttl, u->add, zone->key_secret,
                        acm_now(), &u->update, &wire, err);

    if (rc == ACM_OK) {

        /* RFC 1035 s4.2.2 */

        acm_buf_u16(&u->out, (uint16_t) wire.len);
        acm_buf_add(&u->out, wire.data, wire.len);

        rc = acm_buf_rc(&u->out);
    }

    acm_buf_free(&wire);

    return rc;
}


/* Whatever happens on the connection; the update may be freed by it. */

static void
ngx_acm_update_io(ngx_event_t *ev)
{
    int                i;
    socklen_t          len;
    ngx_connection_t  *c;
    ngx_acm_update_t  *u;

    c = ev->data;
    u = c->data;

    if (ev->timedout) {
        ngx_acm_update_expired(u);
        return;
    }

    if (!u->connected) {
        i = 0;
        len = sizeof(int);

        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &i, &len) == -1)
        {
            i = ngx_socket_errno;
        }

        if (i != 0) {
            ngx_acm_update_lost(u, i);
            return;
        }

        if (!ev->write) {
            return;
        }

        u->connected = 1;
    }

    if (ngx_acm_update_write(u) == NGX_OK) {
        (void) ngx_acm_update_read(u);
    }
}


/* NGX_OK: all is sent, and the update still there. */

static ngx_int_t
ngx_acm_update_write(ngx_acm_update_t *u)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = u->connection;

    while (u->sent < u->out.len) {
        n = c->send(c, u->out.data + u->sent, u->out.len - u->sent);

        if (n == NGX_ERROR || n == 0) {
            ngx_acm_update_lost(u, 0);
            return NGX_ERROR;
        }

        if (n == NGX_AGAIN) {
            break;
        }

        u->sent += (size_t) n;
    }

    /* with poll and select: no writing is waited for any more, or it is */

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_acm_update_lost(u, 0);
        return NGX_ERROR;
    }

    return (u->sent == u->out.len) ? NGX_OK : NGX_AGAIN;
}


static ngx_int_t
ngx_acm_update_read(ngx_acm_update_t *u)
{
    size_t             len;
    u_char             buf[NGX_ACM_UPDATE_CHUNK];
    ssize_t            n;
    acm_rc_t           rc;
    acm_err_t          err;
    ngx_connection_t  *c;

    c = u->connection;

    for ( ;; ) {
        n = c->recv(c, buf, NGX_ACM_UPDATE_CHUNK);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR || n == 0) {
            ngx_acm_update_lost(u, 0);
            return NGX_ERROR;
        }

        acm_buf_add(&u->in, buf, (size_t) n);

        if (acm_buf_rc(&u->in) != ACM_OK) {
            ngx_acm_update_finish(u, acm_buf_rc(&u->in), "no memory");
            return NGX_ERROR;
        }

        if (u->in.len < 2) {
            continue;
        }

        len = (size_t) u->in.data[0] << 8 | u->in.data[1];

        if (u->in.len < 2 + len) {
            continue;
        }

        err.text[0] = '\0';
        rc = acm_dns_update_answer(&u->update, u->zone->key_secret, acm_now(),
                                   u->in.data + 2, len, &err);

        ngx_acm_update_finish(u, rc, (rc == ACM_OK) ? "" : err.text);

        return NGX_DONE;
    }

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_acm_update_lost(u, 0);
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


static void
ngx_acm_update_expired(ngx_acm_update_t *u)
{
    u_char  why[ACM_MAX_ERROR], *p;

    if (u->connected) {
        p = ngx_snprintf(why, ACM_MAX_ERROR - 1, "no answer within %d "
                         "seconds: see the log of the server",
                         NGX_ACM_UPDATE_TIMEOUT / 1000);

    } else {
        p = ngx_snprintf(why, ACM_MAX_ERROR - 1, "no connection within %d "
                         "seconds: check address, port and firewall, for TCP",
                         NGX_ACM_UPDATE_TIMEOUT / 1000);
    }

    *p = '\0';

    ngx_acm_update_finish(u, ACM_BUSY, (char *) why);
}


/* err: why it cannot be connected to; the log has it if 0. */

static void
ngx_acm_update_lost(ngx_acm_update_t *u, ngx_err_t err)
{
    u_char  why[ACM_MAX_ERROR], text[128], *p;

    if (u->connected) {
        p = ngx_snprintf(why, ACM_MAX_ERROR - 1, "the server ended the "
                         "connection without an answer: see its log, it must "
                         "take updates by TCP from this host");

    } else if (err == 0) {
        p = ngx_snprintf(why, ACM_MAX_ERROR - 1, "no connection can be made: "
                         "see the error log of nginx");

    } else {
        p = ngx_strerror(err, text, sizeof(text) - 1);
        *p = '\0';

        p = ngx_snprintf(why, ACM_MAX_ERROR - 1, "cannot connect: %s; check "
                         "that the server runs, and its address and port, "
                         "for TCP", text);
    }

    *p = '\0';

    ngx_acm_update_finish(u, ACM_BUSY, (char *) why);
}


static void
ngx_acm_update_finish(ngx_acm_update_t *u, acm_rc_t rc, const char *why)
{
    u_char             *p;
    ngx_acm_updates_t  *all;

    all = &ngx_acm_updates;

    u->rc = rc;

    if (rc != ACM_OK) {
        p = ngx_snprintf((u_char *) u->why, ACM_MAX_ERROR - 1,
                         "update of zone \"%s\" at %V: %s",
                         u->zone->via[0] ? u->zone->via : u->zone->name,
                         &u->zone->addr.name, why);
        *p = '\0';
    }

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, ngx_cycle->log, 0,
                   "acm update: \"%s\": %d \"%s\"", u->name, rc, u->why);

    if (u->connection != NULL) {
        ngx_close_connection(u->connection);
        u->connection = NULL;
    }

    ngx_queue_remove(&u->queue);
    all->nflight--;

    ngx_queue_insert_tail(&all->done, &u->queue);

    ngx_post_event(&all->event, &ngx_posted_events);
}


void
ngx_acm_update_cancel(void *data)
{
    ngx_queue_t        *q, *next;
    ngx_acm_update_t   *u;
    ngx_acm_updates_t  *all;

    all = &ngx_acm_updates;

    if (!all->ready) {
        return;
    }

    for (q = ngx_queue_head(&all->waiting);
         q != ngx_queue_sentinel(&all->waiting);
         q = next)
    {
        next = ngx_queue_next(q);
        u = ngx_queue_data(q, ngx_acm_update_t, queue);

        if (u->data == data) {
            all->nwaiting--;
            ngx_acm_update_free(u);
        }
    }

    ngx_acm_update_mute(&all->flight, data);
    ngx_acm_update_mute(&all->done, data);
}


static void
ngx_acm_update_mute(ngx_queue_t *updates, void *data)
{
    ngx_queue_t       *q;
    ngx_acm_update_t  *u;

    for (q = ngx_queue_head(updates);
         q != ngx_queue_sentinel(updates);
         q = ngx_queue_next(q))
    {
        u = ngx_queue_data(q, ngx_acm_update_t, queue);

        if (u->data == data) {
            u->handler = NULL;
        }
    }
}


void
ngx_acm_update_done(void)
{
    ngx_acm_updates_t  *all;

    all = &ngx_acm_updates;

    if (!all->ready) {
        return;
    }

    ngx_acm_update_free_all(&all->waiting);
    ngx_acm_update_free_all(&all->flight);
    ngx_acm_update_free_all(&all->done);

    if (all->event.posted) {
        ngx_delete_posted_event(&all->event);
    }

    ngx_memzero(all, sizeof(ngx_acm_updates_t));
}


static void
ngx_acm_update_free_all(ngx_queue_t *updates)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(updates)) {
        q = ngx_queue_head(updates);
        ngx_acm_update_free(ngx_queue_data(q, ngx_acm_update_t, queue));
    }
}


static void
ngx_acm_update_free(ngx_acm_update_t *u)
{
    if (u->connection != NULL) {
        ngx_close_connection(u->connection);
    }

    ngx_queue_remove(&u->queue);
    acm_buf_free(&u->out);
    acm_buf_free(&u->in);

    ngx_free(u);
}
