
/*
 * Copyright (C) The ngx_acm authors
 *
 * tlsload - a closed-loop TLS handshake load generator.
 *
 * Every connection does one full handshake (never a resumption) with a server
 * name drawn from a numbered list, checks that the certificate is for that
 * name, says close_notify, waits until the server has closed, and starts
 * again.  So the number of handshakes under way is constant, and the server
 * has finished all its work for one before the next begins on that connection.
 *
 * The client closes with RST only after the server's FIN, so no side is left
 * with sockets in TIME_WAIT, and ephemeral ports do not run out.
 */

#define _GNU_SOURCE
#define OPENSSL_SUPPRESS_DEPRECATED     /* EC_KEY_METHOD, for -x only */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define HIST_US      2000000            /* latencies up to 2 s, 1 us each */
#define STEP_LIMIT   10.0               /* seconds one connection may take */
#define CLOSE_LIMIT  2.0                /* seconds to wait for server's FIN */
#define MAX_PIDS     64

enum state { IDLE, CONNECTING, HANDSHAKE, CLOSING };

struct conn {
    int          fd;
    enum state   state;
    uint32_t     want;                  /* epoll events now asked for */
    long         name;
    double       start, deadline;
    SSL         *ssl;
};

struct stats {
    uint64_t     ok, mismatch, no_close;
    uint64_t     err_connect, err_tls, err_closed, err_timeout;
    uint32_t    *hist;
    double       first, last;           /* times of first and last handshake */
    char         sample[512];           /* text of one error */
};

struct worker {
    pthread_t    tid;
    int          id;
    uint64_t     rng;
    SSL_CTX     *ctx;
    struct conn *conns;
    double       due;                   /* -r: when the next one starts */
    struct stats st;
};

static struct {
    struct sockaddr_storage  addr;
    socklen_t    addrlen;
    long         names, offset;
    const char  *format;
    double       zipf;
    double      *cdf;                   /* zipf only */
    int          sequential;
    double       seconds, warmup;
    uint64_t     max;
    int          conns, threads;
    int          tls12, no_verify, no_check;
    const char  *groups, *sigalgs, *roots;
    double       rate;
    uint64_t     seed;
    int          pids[MAX_PIDS], npids;
} opt = {
    .names = 1, .format = "name%d.example.test", .seconds = 5, .warmup = 1,
    .conns = 16, .threads = 1, .seed = 1
};

static double            t_begin, t_end;      /* measured interval */
static atomic_long       next_name;           /* -S */
static atomic_ullong     counted;             /* -m */
static atomic_int        stop;


static double
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + ts.tv_nsec / 1e9;
}


static void
die(const char *msg)
{
    fprintf(stderr, "tlsload: %s\n", msg);
    exit(2);
}


static void
usage(FILE *f)
{
    fputs(
"usage: tlsload [options] HOST:PORT\n"
"\n"
"Closed-loop TLS handshake load: full handshakes, no resumption, one per\n"
"connection.  Prints one line of key=value pairs.  Exit status 1 if there was\n"
"any error or any certificate for another name, else 0.\n"
"\n"
"  names\n"
"    -n N       number of server names (default 1)\n"
"    -f FORMAT  printf format of a name, with one %d (name%d.example.test)\n"
"    -o N       number of the first name (default 0)\n"
"    -z S       draw names from a Zipf law with exponent S (default: uniform)\n"
"    -S         take the names in turn, not at random\n"
"    -s SEED    seed for the random draws (default 1)\n"
"    -k         do not check that the certificate is for the name\n"
"  load\n"
"    -c N       connections per thread (default 16)\n"
"    -t N       threads (default 1)\n"
"    -d SEC     seconds to measure (default 5)\n"
"    -w SEC     seconds of warm-up, not counted (default 1)\n"
"    -m N       stop after N counted handshakes\n"
"    -r N       at most N handshakes a second, evenly spread (default: all\n"
"               that the server answers)\n"
"  TLS\n"
"    -2         TLS 1.2 (default: TLS 1.3)\n"
"    -g GROUPS  key exchange groups, as SSL_CTX_set1_groups_list() takes them\n"
"    -a ALGS    signature algorithms, as SSL_CTX_set1_sigalgs_list() does\n"
"    -x         do not verify ECDSA signatures of the server: a cheaper\n"
"               client, so that one core of client can saturate one core\n"
"               of server\n"
"    -C FILE    verify chain and validity against the roots in FILE\n"
"               (default: neither is verified)\n"
"  server\n"
"    -p PID,... processes of the server: prints their CPU time as well\n"
"\n"
"Latency runs from connect() to the end of the client's handshake, with all\n"
"-c x -t connections under way; use -c 1 for the latency of an idle server.\n",
        f);
}


/* random numbers: xorshift64* */

static uint64_t
rnd(struct worker *w)
{
    w->rng ^= w->rng >> 12;
    w->rng ^= w->rng << 25;
    w->rng ^= w->rng >> 27;

    return w->rng * UINT64_C(2685821657736338717);
}


static long
draw_name(struct worker *w)
{
    long    lo, hi, mid;
    double  u;

    if (opt.sequential) {
        return opt.offset + atomic_fetch_add(&next_name, 1) % opt.names;
    }

    if (opt.cdf == NULL) {
        return opt.offset + (long) (rnd(w) % (uint64_t) opt.names);
    }

    u = (double) (rnd(w) >> 11) / (double) (UINT64_C(1) << 53);

    for (lo = 0, hi = opt.names - 1; lo < hi; /* void */) {
        mid = (lo + hi) / 2;

        if (opt.cdf[mid] < u) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }

    return opt.offset + lo;
}


static void
make_zipf(void)
{
    long    i;
    double  sum = 0;

    opt.cdf = malloc((size_t) opt.names * sizeof(double));
    if (opt.cdf == NULL) {
        die("out of memory");
    }

    for (i = 0; i < opt.names; i++) {
        sum += 1 / pow((double) (i + 1), opt.zipf);
        opt.cdf[i] = sum;
    }

    for (i = 0; i < opt.names; i++) {
        opt.cdf[i] /= sum;
    }
}


/* -x: the peer's ECDSA signature is taken as right without the computation */

static int
accept_sig(int type, const unsigned char *dgst, int dlen,
    const unsigned char *sig, int slen, EC_KEY *key)
{
    (void) type, (void) dgst, (void) dlen, (void) sig, (void) slen, (void) key;
    return 1;
}


static int
accept_sig_obj(const unsigned char *dgst, int dlen, const ECDSA_SIG *sig,
    EC_KEY *key)
{
    (void) dgst, (void) dlen, (void) sig, (void) key;
    return 1;
}


static void
skip_ecdsa_verify(void)
{
    EC_KEY_METHOD  *m;

    m = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
    if (m == NULL) {
        die("EC_KEY_METHOD_new() failed");
    }

    EC_KEY_METHOD_set_verify(m, accept_sig, accept_sig_obj);
    EC_KEY_set_default_method(m);
}


static SSL_CTX *
make_ctx(void)
{
    int       v = opt.tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
    SSL_CTX  *ctx;

    ctx = SSL_CTX_new(TLS_client_method());

    if (ctx == NULL
        || !SSL_CTX_set_min_proto_version(ctx, v)
        || !SSL_CTX_set_max_proto_version(ctx, v))
    {
        die("cannot make an SSL_CTX");
    }

    if (opt.groups && !SSL_CTX_set1_groups_list(ctx, opt.groups)) {
        die("bad -g");
    }

    if (opt.sigalgs && !SSL_CTX_set1_sigalgs_list(ctx, opt.sigalgs)) {
        die("bad -a");
    }

    SSL_CTX_set_verify(ctx, opt.roots ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                       NULL);

    if (opt.roots && !SSL_CTX_load_verify_file(ctx, opt.roots)) {
        die("cannot load the roots of -C");
    }

    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);

    return ctx;
}


static int
counting(double t)
{
    return t >= t_begin && t < t_end;
}


static void
note_error(struct worker *w, uint64_t *counter, const char *what)
{
    unsigned long  e = ERR_peek_error();

    if (counting(now())) {
        (*counter)++;
    }

    if (w->st.sample[0] == '\0') {
        snprintf(w->st.sample, sizeof(w->st.sample), "%s: %s", what,
                 e ? ERR_reason_error_string(e) : strerror(errno));
    }

    ERR_clear_error();
}


static void
conn_close(struct conn *c)
{
    struct linger  l = { 1, 0 };

    if (c->ssl) {
        SSL_free(c->ssl);
        c->ssl = NULL;
    }

    if (c->fd != -1) {
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
        close(c->fd);               /* leaves the epoll set, too */
        c->fd = -1;
    }

    c->state = IDLE;
}


static void
conn_want(int ep, struct conn *c, uint32_t events)
{
    struct epoll_event  ev = { .events = events, .data.ptr = c };

    if (c->want == events) {
        return;
    }

    if (epoll_ctl(ep, c->want ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &ev)) {
        die("epoll_ctl() failed");
    }

    c->want = events;
}


/* returns 0, or -1 if the connection could not be started */

static int
conn_start(struct worker *w, int ep, struct conn *c)
{
    int   one = 1;
    char  name[256];

    c->want = 0;
    c->start = now();
    c->deadline = c->start + STEP_LIMIT;
    c->name = draw_name(w);

    c->fd = socket(opt.addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd == -1) {
        note_error(w, &w->st.err_connect, "socket()");
        return -1;
    }

    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

    c->ssl = SSL_new(w->ctx);
    if (c->ssl == NULL || !SSL_set_fd(c->ssl, c->fd)) {
        die("SSL_new() failed");
    }

    snprintf(name, sizeof(name), opt.format, (int) c->name);
    SSL_set_tlsext_host_name(c->ssl, name);
    SSL_set_connect_state(c->ssl);

    if (connect(c->fd, (struct sockaddr *) &opt.addr, opt.addrlen) == -1
        && errno != EINPROGRESS)
    {
        note_error(w, &w->st.err_connect, "connect()");
        conn_close(c);
        return -1;
    }

    c->state = CONNECTING;
    conn_want(ep, c, EPOLLOUT);

    return 0;
}


static void
handshake_done(struct worker *w, struct conn *c)
{
    char    name[256];
    double  t = now();
    long    us;
    X509   *cert;

    if (!counting(t)) {
        return;
    }

    if (w->st.ok++ == 0) {
        w->st.first = t;
    }

    w->st.last = t;

    us = (long) ((t - c->start) * 1e6);
    w->st.hist[us < HIST_US ? us : HIST_US - 1]++;

    if (!opt.no_check) {
        snprintf(name, sizeof(name), opt.format, (int) c->name);
        cert = SSL_get0_peer_certificate(c->ssl);

        if (cert == NULL || X509_check_host(cert, name, 0, 0, NULL) != 1) {
            if (w->st.mismatch++ == 0) {
                snprintf(w->st.sample, sizeof(w->st.sample),
                         "certificate is not for %s", name);
            }
        }
    }

    if (opt.max && atomic_fetch_add(&counted, 1) + 1 >= opt.max) {
        atomic_store(&stop, 1);
    }
}


static void
conn_step(struct worker *w, int ep, struct conn *c)
{
    int        rc, err;
    char       junk[8192];
    ssize_t    n;
    socklen_t  len;

    if (c->state == CONNECTING) {
        len = sizeof(err);
        err = 0;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);

        if (err) {
            errno = err;
            note_error(w, &w->st.err_connect, "connect()");
            conn_close(c);
            return;
        }

        c->state = HANDSHAKE;
    }

    if (c->state == HANDSHAKE) {
        ERR_clear_error();
        rc = SSL_do_handshake(c->ssl);

        if (rc != 1) {
            err = SSL_get_error(c->ssl, rc);

            if (err == SSL_ERROR_WANT_READ) {
                conn_want(ep, c, EPOLLIN);

            } else if (err == SSL_ERROR_WANT_WRITE) {
                conn_want(ep, c, EPOLLOUT);

            } else {
                note_error(w, err == SSL_ERROR_SSL ? &w->st.err_tls
                                                   : &w->st.err_closed,
                           "handshake");
                conn_close(c);
            }

            return;
        }

        handshake_done(w, c);

        SSL_shutdown(c->ssl);           /* sends close_notify */
        SSL_free(c->ssl);
        c->ssl = NULL;

        c->state = CLOSING;
        c->deadline = now() + CLOSE_LIMIT;
        conn_want(ep, c, EPOLLIN);
    }

    if (c->state == CLOSING) {
        do {
            n = recv(c->fd, junk, sizeof(junk), 0);
        } while (n > 0);

        if (n == -1 && errno == EAGAIN) {
            return;
        }

        conn_close(c);
    }
}


static void *
run(void *arg)
{
    int                 ep, i, n;
    double              t, swept = 0;
    struct conn        *c;
    struct worker      *w = arg;
    struct epoll_event  ev[64];

    ep = epoll_create1(0);
    if (ep == -1) {
        die("epoll_create1() failed");
    }

    for ( ;; ) {
        t = now();

        if (t >= t_end || atomic_load(&stop)) {
            break;
        }

        for (i = 0, n = 0; i < opt.conns; i++) {
            c = &w->conns[i];

            if (c->state != IDLE || (opt.rate > 0 && t < w->due)) {
                continue;
            }

            w->due += opt.rate > 0 ? opt.threads / opt.rate : 0;

            if (conn_start(w, ep, c) == -1) {
                n = 1;
            }
        }

        if (n) {
            usleep(10000);              /* a refusing server: do not spin */
        }

        n = epoll_wait(ep, ev, 64, opt.rate > 0 ? 1 : 50);

        for (i = 0; i < n; i++) {
            conn_step(w, ep, ev[i].data.ptr);
        }

        if (t - swept < 0.5) {
            continue;
        }

        swept = t;

        for (i = 0; i < opt.conns; i++) {
            c = &w->conns[i];

            if (c->state != IDLE && c->deadline < t) {
                if (c->state == CLOSING) {
                    w->st.no_close++;

                } else {
                    errno = ETIMEDOUT;
                    note_error(w, &w->st.err_timeout, "handshake");
                }

                conn_close(c);
            }
        }
    }

    for (i = 0; i < opt.conns; i++) {
        conn_close(&w->conns[i]);
    }

    close(ep);
    return NULL;
}


/* user and system time of the processes given by -p, in seconds */

static double
server_cpu(void)
{
    int      i, n;
    char     path[64], buf[1024], *p;
    FILE    *f;
    double   sum = 0, ticks;

    for (i = 0; i < opt.npids; i++) {
        snprintf(path, sizeof(path), "/proc/%d/stat", opt.pids[i]);

        f = fopen(path, "r");
        if (f == NULL) {
            continue;
        }

        /* utime and stime are the 12th and 13th field behind the name */

        p = fgets(buf, sizeof(buf), f) ? strrchr(buf, ')') : NULL;

        for (n = 0; p && n < 12; n++) {
            p = strchr(p + 1, ' ');
        }

        if (p) {
            ticks = strtod(p, &p);
            sum += (ticks + strtod(p, NULL)) / (double) sysconf(_SC_CLK_TCK);
        }

        fclose(f);
    }

    return sum;
}


static double
quantile(const uint32_t *hist, uint64_t total, double q)
{
    long      i;
    uint64_t  seen = 0, rank = (uint64_t) ceil(q * (double) total);

    for (i = 0; i < HIST_US - 1; i++) {
        seen += hist[i];

        if (seen >= rank) {
            break;
        }
    }

    return (double) i / 1000;
}


/* a whole number of at least min */

static long
number(const char *s, long min)
{
    char  *end;
    long   n;

    errno = 0;
    n = strtol(s, &end, 10);

    if (errno || end == s || *end != '\0' || n < min) {
        die("a number is out of range, see -h");
    }

    return n;
}


static void
parse_pids(char *s)
{
    char  *comma;

    for ( ;; ) {
        if ((comma = strchr(s, ',')) != NULL) {
            *comma++ = '\0';
        }

        if (opt.npids == MAX_PIDS) {
            die("too many -p");
        }

        opt.pids[opt.npids++] = (int) number(s, 1);

        if ((s = comma) == NULL) {
            return;
        }
    }
}


/* exactly one conversion, and that a plain or zero-padded %d */

static int
format_ok(const char *f)
{
    const char  *p = strchr(f, '%');

    if (p == NULL || strchr(p + 1, '%') || strlen(f) > 200) {
        return 0;
    }

    p++;
    p += strspn(p, "0123456789");

    return *p == 'd';
}


static void
resolve(char *hostport)
{
    char             *port = strrchr(hostport, ':');
    struct addrinfo   hints = { .ai_socktype = SOCK_STREAM }, *res;

    if (port == NULL) {
        die("HOST:PORT expected");
    }

    *port++ = '\0';

    if (hostport[0] == '[') {
        hostport++;
        hostport[strcspn(hostport, "]")] = '\0';
    }

    if (getaddrinfo(hostport, port, &hints, &res)) {
        die("cannot resolve the host");
    }

    memcpy(&opt.addr, res->ai_addr, res->ai_addrlen);
    opt.addrlen = res->ai_addrlen;
    freeaddrinfo(res);
}


static void
parse_options(int argc, char **argv)
{
    int  ch;

    static const char  letters[] = "n:f:o:z:Ss:kc:t:d:w:m:r:2g:a:xC:p:h";

    while ((ch = getopt(argc, argv, letters)) != -1) {
        switch (ch) {
        case 'n': opt.names = number(optarg, 1); break;
        case 'f': opt.format = optarg; break;
        case 'o': opt.offset = number(optarg, 0); break;
        case 'z': opt.zipf = strtod(optarg, NULL); break;
        case 'S': opt.sequential = 1; break;
        case 's': opt.seed = strtoull(optarg, NULL, 10); break;
        case 'k': opt.no_check = 1; break;
        case 'c': opt.conns = (int) number(optarg, 1); break;
        case 't': opt.threads = (int) number(optarg, 1); break;
        case 'd': opt.seconds = strtod(optarg, NULL); break;
        case 'w': opt.warmup = strtod(optarg, NULL); break;
        case 'm': opt.max = strtoull(optarg, NULL, 10); break;
        case 'r': opt.rate = strtod(optarg, NULL); break;
        case '2': opt.tls12 = 1; break;
        case 'g': opt.groups = optarg; break;
        case 'a': opt.sigalgs = optarg; break;
        case 'x': opt.no_verify = 1; break;
        case 'C': opt.roots = optarg; break;
        case 'p': parse_pids(optarg); break;
        case 'h': usage(stdout); exit(0);
        default:  usage(stderr); exit(2);
        }
    }

    if (optind != argc - 1 || opt.seconds <= 0 || opt.warmup < 0
        || !format_ok(opt.format))
    {
        usage(stderr);
        exit(2);
    }

    if (opt.zipf > 0) {
        make_zipf();
    }

    if (opt.no_verify) {
        skip_ecdsa_verify();
    }
}


int
main(int argc, char **argv)
{
    int             i, j;
    double          cpu0, cpu1, t0, t1, wall;
    uint64_t        errors;
    struct stats    all;
    struct worker  *w;

    parse_options(argc, argv);
    resolve(argv[optind]);
    signal(SIGPIPE, SIG_IGN);

    w = calloc((size_t) opt.threads, sizeof(*w));
    if (w == NULL) {
        die("out of memory");
    }

    for (i = 0; i < opt.threads; i++) {
        w[i].id = i;
        w[i].rng = (opt.seed * 1000003 + (uint64_t) i + 1)
                   * UINT64_C(0x9E3779B97F4A7C15) | 1;
        w[i].ctx = make_ctx();
        w[i].conns = calloc((size_t) opt.conns, sizeof(struct conn));
        w[i].st.hist = calloc(HIST_US, sizeof(uint32_t));

        if (w[i].conns == NULL || w[i].st.hist == NULL) {
            die("out of memory");
        }

        for (j = 0; j < opt.conns; j++) {
            w[i].conns[j].fd = -1;
        }
    }

    t0 = now();

    for (i = 0; i < opt.threads; i++) {
        w[i].due = t0;
    }

    t_begin = t0 + opt.warmup;
    t_end = t_begin + opt.seconds;

    for (i = 0; i < opt.threads; i++) {
        if (pthread_create(&w[i].tid, NULL, run, &w[i])) {
            die("pthread_create() failed");
        }
    }

    while (now() < t_begin && !atomic_load(&stop)) {
        usleep(1000);
    }

    cpu0 = server_cpu();

    for (i = 0; i < opt.threads; i++) {
        pthread_join(w[i].tid, NULL);
    }

    cpu1 = server_cpu();
    t1 = now();

    all = w[0].st;

    for (i = 1; i < opt.threads; i++) {
        all.ok += w[i].st.ok;
        all.mismatch += w[i].st.mismatch;
        all.no_close += w[i].st.no_close;
        all.err_connect += w[i].st.err_connect;
        all.err_tls += w[i].st.err_tls;
        all.err_closed += w[i].st.err_closed;
        all.err_timeout += w[i].st.err_timeout;

        if (w[i].st.sample[0] && !all.sample[0]) {
            memcpy(all.sample, w[i].st.sample, sizeof(all.sample));
        }

        for (j = 0; j < HIST_US; j++) {
            all.hist[j] += w[i].st.hist[j];
        }
    }

    wall = (t1 < t_end ? t1 : t_end) - t_begin;
    errors = all.err_connect + all.err_tls + all.err_closed + all.err_timeout;

    printf("hs_per_s=%.1f handshakes=%" PRIu64 " seconds=%.3f p50_ms=%.3f "
           "p99_ms=%.3f max_ms=%.3f errors=%" PRIu64 " mismatch=%" PRIu64
           " not_closed=%" PRIu64,
           wall > 0 ? (double) all.ok / wall : 0, all.ok, wall,
           quantile(all.hist, all.ok, 0.50), quantile(all.hist, all.ok, 0.99),
           quantile(all.hist, all.ok, 1.0), errors, all.mismatch,
           all.no_close);

    if (opt.npids) {
        printf(" server_cpu_us_per_hs=%.1f server_cpu_pct=%.1f",
               all.ok ? (cpu1 - cpu0) * 1e6 / (double) all.ok : 0,
               wall > 0 ? (cpu1 - cpu0) * 100 / wall : 0);
    }

    printf("\n");

    if (errors || all.mismatch) {
        fprintf(stderr, "tlsload: connect=%" PRIu64 " tls=%" PRIu64 " closed=%"
                PRIu64 " timeout=%" PRIu64 ", for example: %s\n",
                all.err_connect, all.err_tls, all.err_closed, all.err_timeout,
                all.sample);
        return 1;
    }

    return 0;
}
