
/*
 * Copyright (C) The ngx_acm authors
 *
 * Orders certificates from an ACME CA as fast as it gives them, for
 * util/bench: what a client can reach that keeps nothing, and proves nothing
 * since the CA takes every challenge for granted.
 *
 *   acmeload [-c clients] [-n certificates] [-t seconds] -r root.pem URL
 *
 * Each client has a connection and one order at a time; all have one account.
 * Each certificate has a new key and request.  The exit status is 1 after an
 * error, and 3 if the CA did not come to an end with a request in -t seconds.
 */


#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../shared/acm_acme.h"
#include "../shared/acm_x509.h"


#define LOAD_CLIENTS   4
#define LOAD_MAX       64
#define LOAD_POLLS     5000                  /* a millisecond between them */
#define LOAD_SLOW      3                     /* exit status */


/* of all clients */

static EVP_PKEY         *load_pkey;
static acm_directory_t   load_directory;
static char             *load_account;       /* URL */
static const char       *load_root;
static long              load_timeout = 10;
static unsigned long     load_wanted = 1000;
static unsigned long     load_begun;         /* by atomic operations */
static unsigned long     load_requests;


typedef struct {
    CURL                *easy;
    struct curl_slist   *fields;
    acm_http_t          *http;               /* the last answer */
    char                *nonce;
} load_client_t;


static void load_die(const char *what, const char *why, int status);
static void load_client(load_client_t *c);
static void load_free(load_client_t *c);
static acm_http_t *load_get(load_client_t *c, acm_http_method_e method,
    const char *url);
static acm_http_t *load_post(load_client_t *c, const char *url,
    const char *payload);
static acm_http_t *load_send(load_client_t *c);
static size_t load_header(char *line, size_t size, size_t n, void *data);
static size_t load_body(char *p, size_t size, size_t n, void *data);
static void load_start(load_client_t *c, const char *url);
static void *load_run(void *data);
static void load_order(load_client_t *c, unsigned long n);
static char *load_wait(load_client_t *c, const char *url,
    acm_acme_status_e status);
static void load_finalize(load_client_t *c, const char *url, char *name);
static double load_clock(clockid_t id);


static void
load_die(const char *what, const char *why, int status)
{
    (void) fprintf(stderr, "acmeload: %s: %s\n", what, why);

    /* other threads go on meanwhile */

    _exit(status);
}


static void
load_client(load_client_t *c)
{
    memset(c, 0, sizeof(load_client_t));

    c->easy = curl_easy_init();
    c->fields = curl_slist_append(NULL, "Content-Type: application/jose+json");

    if (c->easy == NULL || c->fields == NULL) {
        load_die("libcurl", "no memory", 1);
    }

    (void) curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
    (void) curl_easy_setopt(c->easy, CURLOPT_PROXY, "");
    (void) curl_easy_setopt(c->easy, CURLOPT_CAINFO, load_root);
    (void) curl_easy_setopt(c->easy, CURLOPT_TIMEOUT, load_timeout);
    (void) curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->fields);
    (void) curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, load_header);
    (void) curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
    (void) curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, load_body);
    (void) curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
}


static void
load_free(load_client_t *c)
{
    acm_http_free(c->http);
    acm_free(c->nonce);
    curl_slist_free_all(c->fields);
    curl_easy_cleanup(c->easy);
}


static acm_http_t *
load_get(load_client_t *c, acm_http_method_e method, const char *url)
{
    acm_http_free(c->http);
    c->http = acm_http_new(method, url);

    (void) curl_easy_setopt(c->easy, CURLOPT_HTTPGET, 1L);
    (void) curl_easy_setopt(c->easy, CURLOPT_NOBODY,
                            (long) (method == ACM_HTTP_HEAD));

    return load_send(c);
}


/* payload: NULL for POST-as-GET */

static acm_http_t *
load_post(load_client_t *c, const char *url, const char *payload)
{
    acm_err_t  err;
    acm_jws_t  jws;

    acm_http_free(c->http);
    c->http = acm_http_new(ACM_HTTP_POST, url);

    jws.pkey = load_pkey;
    jws.kid = load_account;
    jws.nonce = c->nonce;
    jws.url = url;

    if (acm_jws_sign(&jws, payload, &c->http->body, &err) != ACM_OK) {
        load_die(url, err.text, 1);
    }

    (void) curl_easy_setopt(c->easy, CURLOPT_POST, 1L);
    (void) curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE,
                            (long) c->http->body.len);
    (void) curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, c->http->body.data);

    return load_send(c);
}


/* The answer, which is one of success and lives until the next is asked for. */

static acm_http_t *
load_send(load_client_t *c)
{
    long            status;
    CURLcode        code;
    acm_http_t     *http;
    acm_problem_t   problem;

    http = c->http;

    (void) curl_easy_setopt(c->easy, CURLOPT_URL, http->url);

    code = curl_easy_perform(c->easy);

    if (code != CURLE_OK) {
        load_die(http->url, curl_easy_strerror(code),
                 (code == CURLE_OPERATION_TIMEDOUT) ? LOAD_SLOW : 1);
    }

    status = 0;
    (void) curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);

    http->rc = ACM_OK;
    http->status = (int) status;

    if (status < 200 || status > 299) {
        acm_acme_problem(http, &problem);
        load_die(http->url, problem.text, 1);
    }

    acm_free(c->nonce);
    c->nonce = http->nonce;
    http->nonce = NULL;

    (void) __atomic_fetch_add(&load_requests, 1, __ATOMIC_RELAXED);

    return http;
}


static size_t
load_header(char *line, size_t size, size_t n, void *data)
{
    char           *colon;
    size_t          len;
    load_client_t  *c = data;

    for (len = size * n; len > 0 && strchr("\r\n", line[len - 1]); len--) {
        /* void */
    }

    colon = memchr(line, ':', len);

    if (colon != NULL) {
        (void) acm_http_header(c->http, line, (size_t) (colon - line),
                               colon + 1, (size_t) (line + len - colon - 1));
    }

    return size * n;
}


static size_t
load_body(char *p, size_t size, size_t n, void *data)
{
    load_client_t  *c = data;

    acm_buf_add(&c->http->answer, p, size * n);

    return (acm_buf_rc(&c->http->answer) == ACM_OK) ? size * n : 0;
}


/* The directory, and the account of all. */

static void
load_start(load_client_t *c, const char *url)
{
    acm_buf_t  payload;
    acm_err_t  err;

    if (acm_acme_directory(load_get(c, ACM_HTTP_GET, url), &load_directory,
                           &err)
        != ACM_OK
        || acm_key_generate(ACM_KEY_EC_P256, &load_pkey, &err) != ACM_OK)
    {
        load_die(url, err.text, 1);
    }

    (void) load_get(c, ACM_HTTP_HEAD, load_directory.new_nonce);

    acm_buf_init(&payload, ACM_MAX_JWS);
    (void) acm_acme_new_account(NULL, 0, 1, NULL, &payload);

    load_account = acm_strdup(load_post(c, load_directory.new_account,
                                        (char *) payload.data)->location);
    acm_buf_free(&payload);
}


static void *
load_run(void *data)
{
    unsigned long  n;

    for ( ;; ) {
        n = __atomic_fetch_add(&load_begun, 1, __ATOMIC_RELAXED);

        if (n >= load_wanted) {
            return NULL;
        }

        load_order(data, n);
    }
}


static void
load_order(load_client_t *c, unsigned long n)
{
    char               name[64], *names[1], *url, *order;
    acm_buf_t          payload;
    acm_err_t          err;
    acm_acme_want_t    want;
    acm_acme_authz_t   authz;
    acm_acme_order_t   m;

    (void) snprintf(name, sizeof(name), "load%lu.example.com", n);

    memset(&want, 0, sizeof(acm_acme_want_t));
    names[0] = name;
    want.names = names;
    want.nnames = 1;

    acm_buf_init(&payload, ACM_MAX_JWS);
    (void) acm_acme_new_order(&want, &payload);

    if (acm_acme_order(load_post(c, load_directory.new_order,
                                 (char *) payload.data),
                       &m, &err)
        != ACM_OK || m.nauthz != 1)
    {
        load_die(name, "no order was made", 1);
    }

    order = acm_strdup(c->http->location);

    if (acm_acme_authz(load_post(c, m.authz[0], NULL), &authz, &err)
        != ACM_OK || authz.nchallenges == 0)
    {
        load_die(name, "no challenge is offered", 1);
    }

    (void) load_post(c, authz.challenges[0].url, "{}");
    acm_free(load_wait(c, order, ACM_ACME_READY));
    load_finalize(c, m.finalize, name);
    url = load_wait(c, order, ACM_ACME_VALID);

    if (!acm_http_is_type(load_post(c, url, NULL),
                          "application/pem-certificate-chain"))
    {
        load_die(url, "is no certificate", 1);
    }

    json_decref(authz.json);
    json_decref(m.json);
    acm_buf_free(&payload);
    acm_free(order);
    acm_free(url);
}


/* Asks at once, and then again; returns the certificate's URL, or "". */

static char *
load_wait(load_client_t *c, const char *url, acm_acme_status_e status)
{
    char              *certificate;
    unsigned           i;
    acm_err_t          err;
    acm_acme_order_t   m;

    for (i = 0; i < LOAD_POLLS; i++) {

        if (acm_acme_order(load_post(c, url, NULL), &m, &err) != ACM_OK) {
            load_die(url, err.text, 1);
        }

        certificate = acm_strdup(m.certificate == NULL ? "" : m.certificate);
        json_decref(m.json);

        if (m.status == status) {
            return certificate;
        }

        acm_free(certificate);

        if (m.status == ACM_ACME_INVALID) {
            load_die(url, "the order is invalid", 1);
        }

        (void) usleep(1000);
    }

    load_die(url, "the order does not go on", LOAD_SLOW);

    return NULL;
}


static void
load_finalize(load_client_t *c, const char *url, char *name)
{
    EVP_PKEY   *pkey;
    acm_buf_t   payload;
    acm_err_t   err;
    acm_str_t   csr;

    if (acm_key_generate(ACM_KEY_EC_P256, &pkey, &err) != ACM_OK
        || acm_csr_der(pkey, &name, 1, &csr, &err) != ACM_OK)
    {
        load_die(name, err.text, 1);
    }

    acm_buf_init(&payload, ACM_MAX_JWS);
    (void) acm_acme_finalize(&csr, &payload);
    (void) load_post(c, url, (char *) payload.data);

    acm_buf_free(&payload);
    acm_free(csr.data);
    EVP_PKEY_free(pkey);
}


static double
load_clock(clockid_t id)
{
    struct timespec  t;

    (void) clock_gettime(id, &t);

    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}


int
main(int argc, char **argv)
{
    int             opt;
    double          took, cpu;
    size_t          i, n;
    pthread_t       threads[LOAD_MAX];
    load_client_t   clients[LOAD_MAX];

    n = LOAD_CLIENTS;

    while ((opt = getopt(argc, argv, "c:n:t:r:")) != -1) {
        switch (opt) {
        case 'c': n = strtoul(optarg, NULL, 10); break;
        case 'n': load_wanted = strtoul(optarg, NULL, 10); break;
        case 't': load_timeout = strtol(optarg, NULL, 10); break;
        case 'r': load_root = optarg; break;
        default: n = 0;
        }
    }

    if (optind != argc - 1 || load_root == NULL || n < 1 || n > LOAD_MAX
        || load_wanted < 1 || load_timeout < 1)
    {
        (void) fprintf(stderr, "usage: acmeload [-c clients, at most %d] [-n "
                       "certificates] [-t seconds] -r root.pem URL\n",
                       LOAD_MAX);
        return 2;
    }

    (void) curl_global_init(CURL_GLOBAL_DEFAULT);

    /* connections, and a nonce for each */

    for (i = 0; i < n; i++) {
        load_client(&clients[i]);

        if (i == 0) {
            load_start(&clients[i], argv[optind]);

        } else {
            (void) load_get(&clients[i], ACM_HTTP_HEAD,
                            load_directory.new_nonce);
        }
    }

    load_requests = 0;
    took = load_clock(CLOCK_MONOTONIC);
    cpu = load_clock(CLOCK_PROCESS_CPUTIME_ID);

    for (i = 0; i < n; i++) {
        if (pthread_create(&threads[i], NULL, load_run, &clients[i]) != 0) {
            load_die("pthread_create()", "failed", 1);
        }
    }

    for (i = 0; i < n; i++) {
        (void) pthread_join(threads[i], NULL);
        load_free(&clients[i]);
    }

    took = load_clock(CLOCK_MONOTONIC) - took;
    cpu = load_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu;

    (void) printf("certificates=%lu seconds=%.3f minute=%.0f cpu_ms=%.2f "
                  "requests=%.2f\n", load_wanted, took,
                  (double) load_wanted / took * 60,
                  cpu * 1000 / (double) load_wanted,
                  (double) load_requests / (double) load_wanted);

    json_decref(load_directory.json);
    acm_free(load_account);
    EVP_PKEY_free(load_pkey);

    return 0;
}
