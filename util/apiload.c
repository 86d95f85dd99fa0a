
/*
 * Copyright (C) The ngx_acm authors
 *
 * apiload - calls of the API of ACM, and handshakes meanwhile, for util/bench.
 *
 *   apiload [options] describe|names|list|sorted|search|change|import|
 *                     handshake HOST:PORT
 *
 * Each connection is a thread that makes one call after the other, and is
 * kept alive.  Every request is signed anew (AWS Signature Version 4), every
 * answer is looked at.  With -p only such connections are used, and only such
 * handshakes counted, as this process answers: "GET /worker" has to say who
 * it is.  Prints one line of key=value pairs; exit status 1 if an answer was
 * not what it should be.
 *
 * The access key is that of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
 */


#include <arpa/inet.h>
#include <dirent.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apiload.h"


#define APILOAD_THREADS   64


static const apiload_mode_t  modes[] = {
    { "describe", apiload_describe },
    { "names", apiload_names },
    { "list", apiload_list },
    { "sorted", apiload_sorted },
    { "search", apiload_search },
    { "change", apiload_change },
    { "import", apiload_import },
    { "handshake", apiload_handshake },
    { NULL, NULL }
};

apiload_conf_t  conf;

static double  begin, end;                   /* what counts */


double
apiload_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static void
apiload_sleep(double until)
{
    double           left;
    struct timespec  ts;

    left = until - apiload_now();

    if (left > 0) {
        ts.tv_sec = (time_t) left;
        ts.tv_nsec = (long) ((left - (double) ts.tv_sec) * 1e9);
        (void) nanosleep(&ts, NULL);
    }
}


/* Nanoseconds on a CPU of all threads of the worker. */

static double
apiload_cpu(pid_t pid)
{
    DIR            *dir;
    FILE           *file;
    char            path[300], text[64];
    double          sum;
    struct dirent  *e;

    snprintf(path, sizeof(path), "/proc/%d/task", (int) pid);
    dir = opendir(path);
    sum = 0;

    while (dir != NULL && (e = readdir(dir)) != NULL) {
        snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat",
                 (int) pid, e->d_name);
        file = (e->d_name[0] == '.') ? NULL : fopen(path, "r");

        if (file != NULL) {
            sum += fgets(text, sizeof(text), file) ? strtod(text, NULL) : 0;
            fclose(file);
        }
    }

    if (dir != NULL) {
        closedir(dir);
    }

    return sum;
}


static void
apiload_count(apiload_thread_t *t, double took)
{
    if (t->calls == t->size) {
        t->size = t->size ? 2 * t->size : 4096;
        t->times = realloc(t->times, t->size * sizeof(float));

        if (t->times == NULL) {
            abort();
        }
    }

    t->times[t->calls++] = (float) (took * 1000);
}


static void *
apiload_run(void *data)
{
    int                rc;
    double             start, took;
    apiload_thread_t  *t;

    t = data;
    t->fd = -1;

    while (apiload_now() < end && t->failed < 100 && !conf.done) {

        if (conf.rate > 0) {
            apiload_sleep(t->due);
            t->due += conf.threads / conf.rate;
        }

        start = apiload_now();
        t->took = 0;
        rc = conf.mode->call(t);
        took = (t->took > 0) ? t->took : apiload_now() - start;

        if (rc == 1) {
            t->others++;

        } else if (rc == 0 && start >= begin && start + took < end) {
            apiload_count(t, took);
        }
    }

    if (t->fd != -1) {
        (void) close(t->fd);
    }

    return NULL;
}


static int
apiload_order(const void *a, const void *b)
{
    float  x, y;

    x = *(const float *) a;
    y = *(const float *) b;

    return (x > y) - (x < y);
}


static int
apiload_report(apiload_thread_t *t, double cpu)
{
    float     *all;
    size_t     n;
    uint64_t   failed, others;
    unsigned   i;

    n = 0;
    failed = 0;
    others = 0;

    for (i = 0; i < conf.threads; i++) {
        n += t[i].calls;
        failed += t[i].failed;
        others += t[i].others;

        if (t[i].why[0] != '\0') {
            fprintf(stderr, "apiload: %s\n", t[i].why);
        }
    }

    all = malloc((n + 1) * sizeof(float));

    if (all == NULL) {
        return 1;
    }

    for (n = 0, i = 0; i < conf.threads; i++) {
        if (t[i].calls != 0) {
            memcpy(all + n, t[i].times, t[i].calls * sizeof(float));
            n += t[i].calls;
        }

        free(t[i].times);
    }

    qsort(all, n, sizeof(float), apiload_order);

    printf("calls=%zu failed=%llu others=%llu rate=%.1f p50_ms=%.3f "
           "p99_ms=%.3f cpu_us=%.1f\n", n, (unsigned long long) failed,
           (unsigned long long) others, (double) n / (end - begin),
           n ? (double) all[n / 2] : 0, n ? (double) all[n * 99 / 100] : 0,
           n ? cpu / 1000 / (double) n : 0);

    free(all);

    return failed != 0 || n == 0;
}


/* A file of JSON: the members of ImportCertificate, without braces, in a line
   for each certificate. */

static void
apiload_imports(const char *path)
{
    char    *line;
    FILE    *file;
    size_t   size;
    ssize_t  n;

    file = fopen(path, "r");

    if (file == NULL) {
        perror(path);
        exit(2);
    }

    line = NULL;
    size = 0;

    while ((n = getline(&line, &size, file)) > 0) {
        line[strcspn(line, "\n")] = '\0';

        conf.imports = realloc(conf.imports,
                               (conf.nimports + 1) * sizeof(char *));

        if (conf.imports == NULL) {
            abort();
        }

        conf.imports[conf.nimports++] = line;
        line = NULL;
        size = 0;
    }

    free(line);
    fclose(file);
}


/* What "names" has printed: a line for each certificate. */

static void
apiload_certs(const char *path)
{
    char             line[256], *p;
    FILE            *file;
    size_t           size;
    apiload_cert_t  *c;

    file = fopen(path, "r");
    size = 0;
    conf.certificates = 0;

    if (file == NULL) {
        perror(path);
        exit(2);
    }

    while (fgets(line, sizeof(line), file) != NULL) {

        if (conf.certificates == size) {
            size = size ? 2 * size : 1024;
            conf.certs = realloc(conf.certs, size * sizeof(apiload_cert_t));

            if (conf.certs == NULL) {
                abort();
            }
        }

        p = strchr(line, ' ');

        if (p == NULL || p - line != ACM_UUID_LEN) {
            continue;
        }

        *p++ = '\0';
        p[strcspn(p, "\n")] = '\0';

        c = &conf.certs[conf.certificates++];
        memcpy(c->uuid, line, sizeof(c->uuid));
        snprintf(c->name, sizeof(c->name), "%.*s", APILOAD_NAME - 1, p);
    }

    fclose(file);
}


static void
apiload_options(int argc, char **argv)
{
    int    ch;
    char  *p;

    conf.threads = 4;
    conf.certificates = 1;
    conf.page = 100;
    conf.seconds = 3;
    conf.warm = 0.3;
    conf.name = "localhost";
    conf.ca = "";

    while ((ch = getopt(argc, argv, "a:c:d:f:i:n:p:r:s:u:w:")) != -1) {

        switch (ch) {

        case 'a':
            conf.ca = optarg;
            break;

        case 'c':
            conf.threads = (unsigned) strtoul(optarg, NULL, 10);
            break;

        case 'd':
            conf.seconds = strtod(optarg, NULL);
            break;

        case 'f':
            conf.name = optarg;
            break;

        case 'i':
            apiload_imports(optarg);
            break;

        case 'n':
            conf.certificates = (unsigned) strtoul(optarg, NULL, 10);
            break;

        case 'p':
            conf.pid = (pid_t) strtol(optarg, NULL, 10);
            break;

        case 'r':
            conf.rate = strtod(optarg, NULL);
            break;

        case 's':
            conf.page = (unsigned) strtoul(optarg, NULL, 10);
            break;

        case 'u':
            apiload_certs(optarg);
            break;

        case 'w':
            conf.warm = strtod(optarg, NULL);
            break;

        default:
            exit(2);
        }
    }

    p = (argc - optind == 2) ? strchr(argv[optind + 1], ':') : NULL;
    conf.mode = modes;

    while (p != NULL && conf.mode->name != NULL
           && strcmp(argv[optind], conf.mode->name) != 0)
    {
        conf.mode++;
    }

    if (p == NULL || conf.threads == 0 || conf.threads > APILOAD_THREADS
        || conf.certificates == 0
        || strlen(argv[optind + 1]) >= sizeof(conf.host)
        || conf.mode->name == NULL
        || ((conf.mode->call == apiload_describe
             || conf.mode->call == apiload_search) && conf.certs == NULL)
        || ((conf.mode->call == apiload_import
             || conf.mode->call == apiload_change) && conf.nimports == 0))
    {
        fprintf(stderr, "usage: apiload [-c connections] [-d seconds] "
                "[-w seconds before] [-r a second]\n"
                "    [-p pid] [-n certificates] [-s page] [-a CA's ARN] "
                "[-i file] [-f name] [-u names]\n"
                "    describe|names|list|sorted|search|change|import|"
                "handshake HOST:PORT\n");
        exit(2);
    }

    snprintf(conf.host, sizeof(conf.host), "%s", argv[optind + 1]);

    *p = '\0';
    conf.addr.sin_family = AF_INET;
    conf.addr.sin_port = htons((uint16_t) strtoul(p + 1, NULL, 10));

    if (inet_pton(AF_INET, argv[optind + 1], &conf.addr.sin_addr) != 1) {
        fprintf(stderr, "apiload: \"%s\" is no address\n", argv[optind + 1]);
        exit(2);
    }
}


int
main(int argc, char **argv)
{
    double             cpu, start;
    SSL_CTX           *ssl;
    unsigned           i;
    apiload_thread_t   threads[APILOAD_THREADS], *t;

    apiload_options(argc, argv);

    conf.signer.key_id = getenv("AWS_ACCESS_KEY_ID");
    conf.signer.secret = getenv("AWS_SECRET_ACCESS_KEY");
    conf.signer.region = APILOAD_REGION;
    conf.signer.service = "acm";

    if ((conf.signer.key_id == NULL || conf.signer.secret == NULL)
        && conf.mode->call != apiload_handshake)
    {
        fprintf(stderr, "apiload: AWS_ACCESS_KEY_ID or "
                "AWS_SECRET_ACCESS_KEY is not set\n");
        return 2;
    }

    (void) signal(SIGPIPE, SIG_IGN);

    ssl = SSL_CTX_new(TLS_client_method());

    if (ssl == NULL) {
        return 1;
    }

    (void) SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);

    start = apiload_now();
    begin = start + conf.warm;
    end = begin + conf.seconds;

    cpu = 0;
    memset(threads, 0, sizeof(threads));

    for (i = 0; i < conf.threads; i++) {
        t = &threads[i];
        t->number = i;
        t->ssl = ssl;
        t->random = (i + 1) * 0x9e3779b97f4a7c15ULL;
        t->due = start + (conf.rate > 0 ? i / conf.rate : 0);
        t->answer = malloc(APILOAD_ANSWER);

        if (t->answer == NULL
            || pthread_create(&t->id, NULL, apiload_run, t) != 0)
        {
            fprintf(stderr, "apiload: no thread\n");
            return 1;
        }
    }

    if (conf.mode->call != apiload_names) {
        apiload_sleep(begin);
        cpu = apiload_cpu(conf.pid);
        apiload_sleep(end);
        cpu = apiload_cpu(conf.pid) - cpu;
    }

    for (i = 0; i < conf.threads; i++) {
        (void) pthread_join(threads[i].id, NULL);
        free(threads[i].answer);
    }

    SSL_CTX_free(ssl);
    free(conf.certs);

    if (conf.mode->call == apiload_names) {
        return conf.done ? 0 : apiload_report(threads, 0);
    }

    return apiload_report(threads, cpu);
}
