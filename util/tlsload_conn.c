
/*
 * Copyright (C) The ngx_acm authors
 *
 * Connections: from connect() to the server's FIN.
 */


#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tlsload.h"


static void tlsload_connected(tlsload_thread_t *t, tlsload_conn_t *c);
static void tlsload_handshake(tlsload_thread_t *t, tlsload_conn_t *c);
static void tlsload_done(tlsload_thread_t *t, tlsload_conn_t *c);
static void tlsload_check(tlsload_thread_t *t, tlsload_conn_t *c);
static void tlsload_ticket(tlsload_thread_t *t, tlsload_conn_t *c);
static void tlsload_leave(tlsload_thread_t *t, tlsload_conn_t *c);
static void tlsload_closing(tlsload_thread_t *t, tlsload_conn_t *c);


static atomic_ullong  tlsload_counted;  /* -m */


static int
tlsload_counting(double now)
{
    return now >= tlsload_opt.begin && now < tlsload_opt.end;
}


static void
tlsload_error(tlsload_thread_t *t, uint64_t *counter, const char *what)
{
    double          now;
    const char     *text;
    unsigned long   e;

    e = ERR_peek_error();
    text = e ? ERR_reason_error_string(e) : strerror(errno);
    now = tlsload_now();

    if (tlsload_counting(now)) {
        (*counter)++;

        if (tlsload_opt.log) {
            fprintf(tlsload_opt.log, "%.6f - %s: %s\n", now, what, text);
        }
    }

    if (t->st.sample[0] == '\0') {
        snprintf(t->st.sample, sizeof(t->st.sample), "%s: %s", what, text);
    }

    ERR_clear_error();
}


static void
tlsload_close(tlsload_conn_t *c)
{
    struct linger  l = { 1, 0 };

    SSL_free(c->ssl);
    c->ssl = NULL;

    if (c->fd != -1) {
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
        close(c->fd);                   /* leaves the epoll set, too */
        c->fd = -1;
    }

    c->state = TLSLOAD_IDLE;
}


/* The next one has another name. */

static void
tlsload_forget(tlsload_conn_t *c)
{
    SSL_SESSION_free(c->session);
    c->session = NULL;
    c->resume = 0;
}


static void
tlsload_want(tlsload_thread_t *t, tlsload_conn_t *c, uint32_t events)
{
    struct epoll_event  ev = { .events = events, .data.ptr = c };

    if (c->want == events) {
        return;
    }

    if (epoll_ctl(t->epoll, c->want ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd,
                  &ev))
    {
        tlsload_die("epoll_ctl() failed");
    }

    c->want = events;
}


/* TLS 1.3: tickets come behind the handshake. */

static int
tlsload_new_session(SSL *ssl, SSL_SESSION *session)
{
    tlsload_conn_t  *c;

    c = SSL_get_app_data(ssl);

    SSL_SESSION_free(c->session);
    c->session = session;

    return 1;
}


void
tlsload_conn_init(tlsload_thread_t *t)
{
    int  i;

    for (i = 0; i < tlsload_opt.conns; i++) {
        t->conns[i].fd = -1;
    }

    t->epoll = epoll_create1(0);

    if (t->epoll == -1) {
        tlsload_die("epoll_create1() failed");
    }

    if (tlsload_opt.resume) {
        SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_CLIENT
                                       | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(t->ctx, tlsload_new_session);
    }
}


/* returns 0, or -1 if the connection could not be started */

static int
tlsload_connect(tlsload_thread_t *t, tlsload_conn_t *c)
{
    int   one;
    char  name[TLSLOAD_MAX_NAME];

    one = 1;
    c->want = 0;
    c->start = tlsload_now();
    c->deadline = c->start + TLSLOAD_STEP;

    if (c->resume == 0) {
        c->name = tlsload_name(t);
    }

    c->fd = socket(tlsload_opt.addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (c->fd == -1) {
        tlsload_error(t, &t->st.connect, "socket()");
        return -1;
    }

    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

    c->ssl = SSL_new(t->ctx);

    if (c->ssl == NULL || !SSL_set_fd(c->ssl, c->fd)) {
        tlsload_die("SSL_new() failed");
    }

    tlsload_name_text(c->name, name);
    SSL_set_app_data(c->ssl, c);
    SSL_set_tlsext_host_name(c->ssl, name);
    SSL_set_connect_state(c->ssl);

    if (c->session) {
        SSL_set_session(c->ssl, c->session);
    }

    if (!tlsload_opt.tls12) {

        /* a ticket is for one use, the next one will come */

        SSL_SESSION_free(c->session);
        c->session = NULL;
    }

    if (connect(c->fd, (struct sockaddr *) &tlsload_opt.addr,
                tlsload_opt.addrlen)
        == -1 && errno != EINPROGRESS)
    {
        tlsload_error(t, &t->st.connect, "connect()");
        tlsload_close(c);
        return -1;
    }

    c->state = TLSLOAD_CONNECTING;
    tlsload_want(t, c, EPOLLOUT);

    return 0;
}


int
tlsload_conn_start(tlsload_thread_t *t, double now)
{
    int              i, rc;
    tlsload_conn_t  *c;

    rc = 0;

    for (i = 0; i < tlsload_opt.conns; i++) {
        c = &t->conns[i];

        if (c->state != TLSLOAD_IDLE
            || (tlsload_opt.rate > 0 && now < t->due))
        {
            continue;
        }

        t->due += tlsload_opt.rate > 0
                  ? tlsload_opt.threads / tlsload_opt.rate : 0;

        if (tlsload_connect(t, c) == -1) {
            rc = -1;
        }
    }

    return rc;
}


void
tlsload_conn_step(tlsload_thread_t *t, tlsload_conn_t *c)
{
    if (c->state == TLSLOAD_CONNECTING) {
        tlsload_connected(t, c);
    }

    if (c->state == TLSLOAD_HANDSHAKE) {
        tlsload_handshake(t, c);
    }

    if (c->state == TLSLOAD_TICKET) {
        tlsload_ticket(t, c);
    }

    if (c->state == TLSLOAD_CLOSING) {
        tlsload_closing(t, c);
    }
}


static void
tlsload_connected(tlsload_thread_t *t, tlsload_conn_t *c)
{
    int        err;
    socklen_t  len;

    err = 0;
    len = sizeof(err);
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);

    if (err) {
        errno = err;
        tlsload_error(t, &t->st.connect, "connect()");
        tlsload_close(c);
        return;
    }

    c->state = TLSLOAD_HANDSHAKE;
}


static void
tlsload_handshake(tlsload_thread_t *t, tlsload_conn_t *c)
{
    int  rc, err;

    ERR_clear_error();
    rc = SSL_do_handshake(c->ssl);

    if (rc == 1) {
        tlsload_done(t, c);

        if (tlsload_opt.resume == 0 || c->session) {
            tlsload_leave(t, c);

        } else {
            c->state = TLSLOAD_TICKET;
            tlsload_want(t, c, EPOLLIN);
        }

        return;
    }

    err = SSL_get_error(c->ssl, rc);

    if (err == SSL_ERROR_WANT_READ) {
        tlsload_want(t, c, EPOLLIN);

    } else if (err == SSL_ERROR_WANT_WRITE) {
        tlsload_want(t, c, EPOLLOUT);

    } else {
        tlsload_error(t, err == SSL_ERROR_SSL ? &t->st.tls : &t->st.closed,
                      "handshake");
        tlsload_forget(c);
        tlsload_close(c);
    }
}


static void
tlsload_done(tlsload_thread_t *t, tlsload_conn_t *c)
{
    long    us;
    double  now;

    now = tlsload_now();

    if (!tlsload_counting(now)) {
        return;
    }

    us = (long) ((now - c->start) * 1e6);

    t->st.ok++;
    t->st.resumed += (uint64_t) SSL_session_reused(c->ssl);
    t->st.hist[us < TLSLOAD_HIST ? us : TLSLOAD_HIST - 1]++;

    if (tlsload_opt.log) {
        fprintf(tlsload_opt.log, "%.6f %ld\n", now, us);
    }

    if (!tlsload_opt.no_check) {
        tlsload_check(t, c);
    }

    if (tlsload_opt.max
        && atomic_fetch_add(&tlsload_counted, 1) + 1 >= tlsload_opt.max)
    {
        atomic_store(&tlsload_stop, 1);
    }
}


static void
tlsload_check(tlsload_thread_t *t, tlsload_conn_t *c)
{
    char   name[TLSLOAD_MAX_NAME];
    X509  *cert;

    tlsload_name_text(c->name, name);
    cert = SSL_get0_peer_certificate(c->ssl);

    if (cert && X509_check_host(cert, name, 0, 0, NULL) == 1) {
        return;
    }

    if (t->st.mismatch++ == 0) {
        snprintf(t->st.sample, sizeof(t->st.sample),
                 "certificate is not for %s", name);
    }
}


/* Until the callback has got a ticket, or the server closes without one. */

static void
tlsload_ticket(tlsload_thread_t *t, tlsload_conn_t *c)
{
    int   n;
    char  junk[64];

    n = SSL_read(c->ssl, junk, sizeof(junk));

    if (c->session || n > 0
        || SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ)
    {
        tlsload_leave(t, c);
    }
}


static void
tlsload_leave(tlsload_thread_t *t, tlsload_conn_t *c)
{
    if (c->resume++ >= tlsload_opt.resume) {
        tlsload_forget(c);
    }

    ERR_clear_error();
    SSL_shutdown(c->ssl);               /* sends close_notify */
    SSL_free(c->ssl);
    c->ssl = NULL;

    c->state = TLSLOAD_CLOSING;
    c->deadline = tlsload_now() + TLSLOAD_CLOSE;
    tlsload_want(t, c, EPOLLIN);
}


static void
tlsload_closing(tlsload_thread_t *t, tlsload_conn_t *c)
{
    char     junk[8192];
    ssize_t  n;

    (void) t;

    do {
        n = recv(c->fd, junk, sizeof(junk), 0);
    } while (n > 0);

    if (n == -1 && errno == EAGAIN) {
        return;
    }

    tlsload_close(c);
}


void
tlsload_conn_sweep(tlsload_thread_t *t, double now)
{
    int              i;
    tlsload_conn_t  *c;

    for (i = 0; i < tlsload_opt.conns; i++) {
        c = &t->conns[i];

        if (c->state == TLSLOAD_IDLE || c->deadline >= now) {
            continue;
        }

        if (c->state == TLSLOAD_CLOSING) {
            t->st.no_close++;

        } else {
            errno = ETIMEDOUT;
            tlsload_error(t, &t->st.timeout, "handshake");
            tlsload_forget(c);
        }

        tlsload_close(c);
    }
}


void
tlsload_conn_free(tlsload_thread_t *t)
{
    int  i;

    for (i = 0; i < tlsload_opt.conns; i++) {
        tlsload_forget(&t->conns[i]);
        tlsload_close(&t->conns[i]);
    }

    close(t->epoll);
}
