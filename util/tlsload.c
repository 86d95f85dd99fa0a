
/*
 * Copyright (C) The ngx_acm authors
 */


#define OPENSSL_SUPPRESS_DEPRECATED     /* EC_KEY_METHOD for -x, ENGINE */

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/engine.h>

#include "tlsload.h"


atomic_int  tlsload_stop;


double
tlsload_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


void
tlsload_die(const char *msg)
{
    fprintf(stderr, "tlsload: %s\n", msg);
    exit(2);
}


/* As if the time was over. */

static void
tlsload_term(int signo)
{
    (void) signo;
    atomic_store(&tlsload_stop, 1);
}


/* -x: the peer's ECDSA signature is taken as right without the computation */

static int
tlsload_accept(int type, const unsigned char *dgst, int dlen,
    const unsigned char *sig, int slen, EC_KEY *key)
{
    (void) type, (void) dgst, (void) dlen, (void) sig, (void) slen, (void) key;
    return 1;
}


static int
tlsload_accept_object(const unsigned char *dgst, int dlen,
    const ECDSA_SIG *sig, EC_KEY *key)
{
    (void) dgst, (void) dlen, (void) sig, (void) key;
    return 1;
}


static void
tlsload_skip_verify(void)
{
    EC_KEY_METHOD  *m;

    m = EC_KEY_METHOD_new(EC_KEY_OpenSSL());

    if (m == NULL) {
        tlsload_die("EC_KEY_METHOD_new() failed");
    }

    EC_KEY_METHOD_set_verify(m, tlsload_accept, tlsload_accept_object);
    EC_KEY_set_default_method(m);
}


#ifndef OPENSSL_NO_ENGINE

/*
 * With an engine for a type of keys OpenSSL 3 reads public keys of this type
 * itself and asks no decoders of providers, which are half of what a handshake
 * costs a client.  Its methods are those that OpenSSL has anyway.
 */

static int
tlsload_methods(ENGINE *e, EVP_PKEY_METHOD **method, const int **nids,
    int nid)
{
    static const int  types[] = { EVP_PKEY_EC, EVP_PKEY_RSA };

    (void) e;

    if (method == NULL) {
        *nids = types;
        return sizeof(types) / sizeof(types[0]);
    }

    *method = (EVP_PKEY_METHOD *) EVP_PKEY_meth_find(nid);

    return *method != NULL;
}


static void
tlsload_fast_keys(void)
{
    ENGINE  *e;

    e = ENGINE_new();

    if (e == NULL || !ENGINE_set_id(e, "tlsload")
        || !ENGINE_set_name(e, "public keys, read fast")
        || !ENGINE_set_pkey_meths(e, tlsload_methods) || !ENGINE_add(e)
        || !ENGINE_register_pkey_meths(e))
    {
        tlsload_die("cannot register an engine");
    }

    ENGINE_free(e);
}

#endif


static SSL_CTX *
tlsload_ctx(void)
{
    int       v;
    SSL_CTX  *ctx;

    v = tlsload_opt.tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
    ctx = SSL_CTX_new(TLS_client_method());

    if (ctx == NULL
        || !SSL_CTX_set_min_proto_version(ctx, v)
        || !SSL_CTX_set_max_proto_version(ctx, v))
    {
        tlsload_die("cannot make an SSL_CTX");
    }

    if (tlsload_opt.groups
        && !SSL_CTX_set1_groups_list(ctx, tlsload_opt.groups))
    {
        tlsload_die("bad -g");
    }

    if (tlsload_opt.sigalgs
        && !SSL_CTX_set1_sigalgs_list(ctx, tlsload_opt.sigalgs))
    {
        tlsload_die("bad -a");
    }

    SSL_CTX_set_verify(ctx, tlsload_opt.roots ? SSL_VERIFY_PEER
                                              : SSL_VERIFY_NONE, NULL);

    if (tlsload_opt.roots
        && !SSL_CTX_load_verify_file(ctx, tlsload_opt.roots))
    {
        tlsload_die("cannot load the roots of -C");
    }

    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);

    return ctx;
}


static tlsload_thread_t *
tlsload_threads(void)
{
    int                i;
    tlsload_thread_t  *t;

    t = calloc((size_t) tlsload_opt.threads, sizeof(tlsload_thread_t));

    if (t == NULL) {
        tlsload_die("out of memory");
    }

    for (i = 0; i < tlsload_opt.threads; i++) {
        t[i].rng = (tlsload_opt.seed * 1000003 + (uint64_t) i + 1)
                   * UINT64_C(0x9E3779B97F4A7C15) | 1;
        t[i].ctx = tlsload_ctx();
        t[i].conns = calloc((size_t) tlsload_opt.conns,
                            sizeof(tlsload_conn_t));
        t[i].st.hist = calloc(TLSLOAD_HIST, sizeof(uint32_t));

        if (t[i].conns == NULL || t[i].st.hist == NULL) {
            tlsload_die("out of memory");
        }

        tlsload_conn_init(&t[i]);
    }

    return t;
}


static void *
tlsload_run(void *arg)
{
    int                 i, n;
    double              now, swept;
    tlsload_thread_t   *t = arg;
    struct epoll_event  ev[64];

    swept = 0;

    for ( ;; ) {
        now = tlsload_now();

        if (now >= tlsload_opt.end || atomic_load(&tlsload_stop)) {
            break;
        }

        if (tlsload_conn_start(t, now) == -1) {
            usleep(10000);              /* a refusing server: do not spin */
        }

        n = epoll_wait(t->epoll, ev, 64, tlsload_opt.rate > 0 ? 1 : 50);

        for (i = 0; i < n; i++) {
            tlsload_conn_step(t, ev[i].data.ptr);
        }

        if (now - swept > 0.5) {
            swept = now;
            tlsload_conn_sweep(t, now);
        }
    }

    tlsload_conn_free(t);

    return NULL;
}


/* Time on the CPU of the processes given by -p, in seconds. */

static double
tlsload_server_cpu(void)
{
    int                  i;
    char                 path[64];
    FILE                *f;
    double               sum;
    unsigned long long   ns;

    sum = 0;

    for (i = 0; i < tlsload_opt.npids; i++) {
        snprintf(path, sizeof(path), "/proc/%d/schedstat",
                 tlsload_opt.pids[i]);
        f = fopen(path, "r");

        if (f == NULL) {
            continue;
        }

        if (fscanf(f, "%llu", &ns) == 1) {
            sum += (double) ns / 1e9;
        }

        fclose(f);
    }

    return sum;
}


static double
tlsload_quantile(const tlsload_stats_t *st, double q)
{
    long      i;
    uint64_t  seen, rank;

    seen = 0;
    rank = (uint64_t) ceil(q * (double) st->ok);

    for (i = 0; i < TLSLOAD_HIST - 1; i++) {
        seen += st->hist[i];

        if (seen >= rank) {
            break;
        }
    }

    return (double) i / 1000;
}


/* All threads' in those of the first. */

static void
tlsload_sum(tlsload_stats_t *sum, const tlsload_stats_t *st)
{
    long  i;

    sum->ok += st->ok;
    sum->resumed += st->resumed;
    sum->mismatch += st->mismatch;
    sum->no_close += st->no_close;
    sum->connect += st->connect;
    sum->tls += st->tls;
    sum->closed += st->closed;
    sum->timeout += st->timeout;

    if (sum->sample[0] == '\0') {
        memcpy(sum->sample, st->sample, sizeof(sum->sample));
    }

    for (i = 0; i < TLSLOAD_HIST; i++) {
        sum->hist[i] += st->hist[i];
    }
}


static int
tlsload_report(const tlsload_stats_t *st, double wall, double cpu)
{
    uint64_t  errors;

    errors = st->connect + st->tls + st->closed + st->timeout;

    printf("hs_per_s=%.1f handshakes=%" PRIu64 " resumed=%" PRIu64
           " seconds=%.3f p50_ms=%.3f p99_ms=%.3f max_ms=%.3f errors=%" PRIu64
           " mismatch=%" PRIu64 " not_closed=%" PRIu64,
           wall > 0 ? (double) st->ok / wall : 0, st->ok, st->resumed, wall,
           tlsload_quantile(st, 0.50), tlsload_quantile(st, 0.99),
           tlsload_quantile(st, 1.0), errors, st->mismatch, st->no_close);

    if (tlsload_opt.npids) {
        printf(" server_cpu_us_per_hs=%.1f server_cpu_pct=%.1f",
               st->ok ? cpu * 1e6 / (double) st->ok : 0,
               wall > 0 ? cpu * 100 / wall : 0);
    }

    printf("\n");

    if (errors == 0 && st->mismatch == 0) {
        return 0;
    }

    fprintf(stderr, "tlsload: connect=%" PRIu64 " tls=%" PRIu64 " closed=%"
            PRIu64 " timeout=%" PRIu64 ", for example: %s\n",
            st->connect, st->tls, st->closed, st->timeout, st->sample);

    return 1;
}


int
main(int argc, char **argv)
{
    int                i;
    double             cpu, start, end;
    tlsload_thread_t  *t;

    tlsload_options(argc, argv);

#ifndef OPENSSL_NO_ENGINE
    tlsload_fast_keys();
#endif

    if (tlsload_opt.no_verify) {
        tlsload_skip_verify();
    }

    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, tlsload_term);

    t = tlsload_threads();
    start = tlsload_now();

    tlsload_opt.begin = start + tlsload_opt.warmup;
    tlsload_opt.end = tlsload_opt.begin + tlsload_opt.seconds;

    for (i = 0; i < tlsload_opt.threads; i++) {
        t[i].due = start;
    }

    /* with -w 0 the first ones count, too */

    cpu = tlsload_server_cpu();

    for (i = 0; i < tlsload_opt.threads; i++) {
        if (pthread_create(&t[i].tid, NULL, tlsload_run, &t[i])) {
            tlsload_die("pthread_create() failed");
        }
    }

    while (tlsload_opt.warmup > 0 && tlsload_now() < tlsload_opt.begin
           && !atomic_load(&tlsload_stop))
    {
        usleep(1000);
        cpu = tlsload_server_cpu();
    }

    for (i = 0; i < tlsload_opt.threads; i++) {
        pthread_join(t[i].tid, NULL);
    }

    cpu = tlsload_server_cpu() - cpu;
    end = tlsload_now();

    for (i = 1; i < tlsload_opt.threads; i++) {
        tlsload_sum(&t[0].st, &t[i].st);
    }

    if (end > tlsload_opt.end) {
        end = tlsload_opt.end;
    }

    if (tlsload_opt.log) {
        fclose(tlsload_opt.log);
    }

    return tlsload_report(&t[0].st, end - tlsload_opt.begin, cpu);
}
