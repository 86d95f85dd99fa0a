
/*
 * Copyright (C) The ngx_acm authors
 *
 * tlsload, a closed-loop TLS handshake load generator.
 *
 * Every connection makes one handshake with a server name drawn from a
 * numbered list, checks that the certificate is for that name, says
 * close_notify, waits until the server has closed, and starts again.  So the
 * number of handshakes under way is constant, and the server has finished all
 * its work for one before the next begins on that connection.
 *
 * The client closes with RST only after the server's FIN, so no side is left
 * with sockets in TIME_WAIT, and ephemeral ports do not run out.
 */


#ifndef _TLSLOAD_H_INCLUDED_
#define _TLSLOAD_H_INCLUDED_


#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include <openssl/ssl.h>


#define TLSLOAD_HIST      2000000       /* latencies up to 2 s, 1 us each */
#define TLSLOAD_STEP      10.0          /* seconds one connection may take */
#define TLSLOAD_CLOSE     2.0           /* seconds to wait for server's FIN */
#define TLSLOAD_MAX_PIDS  64
#define TLSLOAD_MAX_NAME  256


typedef enum {
    TLSLOAD_IDLE,
    TLSLOAD_CONNECTING,
    TLSLOAD_HANDSHAKE,
    TLSLOAD_TICKET,
    TLSLOAD_CLOSING
} tlsload_state_e;


typedef struct {
    int               fd;
    tlsload_state_e   state;
    uint32_t          want;             /* epoll events now asked for */
    long              name;
    double            start;
    double            deadline;
    SSL              *ssl;
    SSL_SESSION      *session;          /* -u: to resume next */
    int               resume;           /* -u: how often yet */
} tlsload_conn_t;


typedef struct {
    uint64_t          ok;
    uint64_t          resumed;          /* of those */
    uint64_t          mismatch;
    uint64_t          no_close;
    uint64_t          connect;          /* errors */
    uint64_t          tls;
    uint64_t          closed;
    uint64_t          timeout;
    uint32_t         *hist;
    char              sample[512];      /* text of one error */
} tlsload_stats_t;


typedef struct {
    pthread_t         tid;
    uint64_t          rng;
    SSL_CTX          *ctx;
    int               epoll;
    double            due;              /* -r: when the next one starts */
    tlsload_conn_t   *conns;
    tlsload_stats_t   st;
} tlsload_thread_t;


typedef struct {
    struct sockaddr_storage  addr;
    socklen_t         addrlen;
    long              names;
    long              offset;
    const char       *format;
    double            zipf;
    double           *cdf;              /* zipf only */
    long              stride;           /* -P: coprime to names; or 1 */
    int               sequential;
    double            seconds;
    double            warmup;
    uint64_t          max;
    int               conns;
    int               threads;
    int               resume;           /* -u */
    int               tls12;
    int               no_verify;
    int               no_check;
    const char       *groups;
    const char       *sigalgs;
    const char       *roots;
    double            rate;
    uint64_t          seed;
    FILE             *log;              /* -l */
    int               pids[TLSLOAD_MAX_PIDS];
    int               npids;
    double            begin;            /* the measured interval */
    double            end;
} tlsload_opt_t;


extern tlsload_opt_t   tlsload_opt;
extern atomic_int      tlsload_stop;


/* Fills tlsload_opt, or says what is wrong and exits. */
void tlsload_options(int argc, char **argv);

/* The number of the next name; and its text. */
void tlsload_name_init(void);
long tlsload_name(tlsload_thread_t *t);
void tlsload_name_text(long n, char text[TLSLOAD_MAX_NAME]);

/* Connections of one thread: starts those that are idle and due (0, or -1 if
   one could not be), goes on with one, ends those that are too slow, all. */
void tlsload_conn_init(tlsload_thread_t *t);
int tlsload_conn_start(tlsload_thread_t *t, double now);
void tlsload_conn_step(tlsload_thread_t *t, tlsload_conn_t *c);
void tlsload_conn_sweep(tlsload_thread_t *t, double now);
void tlsload_conn_free(tlsload_thread_t *t);

double tlsload_now(void);
void tlsload_die(const char *msg);


#endif /* _TLSLOAD_H_INCLUDED_ */
