
/*
 * Copyright (C) The ngx_acm authors
 *
 * apiload: calls, their answers, and handshakes.
 */


#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "apiload.h"


#define APILOAD_TRIES     1000               /* connections, for one with -p */
#define APILOAD_TIMEOUT   10                 /* seconds, for one answer */
#define APILOAD_TEXT      8192
#define APILOAD_FIELDS    4


static atomic_uint  serial;


static int
apiload_fail(apiload_thread_t *t, const char *what)
{
    t->failed++;

    if (t->why[0] == '\0') {
        snprintf(t->why, sizeof(t->why), "%s: status %d: %.150s", what,
                 t->status, t->answer);
    }

    return -1;
}


static int
apiload_send(int fd, const char *data, size_t len)
{
    ssize_t  n;

    while (len > 0) {
        n = send(fd, data, len, MSG_NOSIGNAL);

        if (n <= 0) {
            return -1;
        }

        data += n;
        len -= (size_t) n;
    }

    return 0;
}


/* One answer with a length; its body becomes t->answer. */

static int
apiload_answer(apiload_thread_t *t)
{
    char     *body, *p;
    size_t    len, length;
    ssize_t   n;

    len = 0;
    t->status = 0;
    t->answer[0] = '\0';

    do {
        n = recv(t->fd, t->answer + len, APILOAD_ANSWER - 1 - len, 0);

        if (n <= 0) {
            return -1;
        }

        len += (size_t) n;
        t->answer[len] = '\0';
        body = strstr(t->answer, "\r\n\r\n");
    } while (body == NULL);

    body += 4;
    p = strcasestr(t->answer, "\nContent-Length:");

    if (p == NULL || p > body || len < 12) {
        return -1;
    }

    t->status = (int) strtol(t->answer + 9, NULL, 10);
    length = strtoul(p + 16, NULL, 10);
    len -= (size_t) (body - t->answer);
    memmove(t->answer, body, len + 1);

    while (len < length) {
        n = recv(t->fd, t->answer + len, APILOAD_ANSWER - 1 - len, 0);

        if (n <= 0) {
            return -1;
        }

        len += (size_t) n;
    }

    t->answer[len] = '\0';

    return 0;
}


static int
apiload_connect(void)
{
    int             fd, on;
    struct timeval  tv;

    fd = socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0);

    if (fd == -1) {
        return -1;
    }

    on = 1;
    tv.tv_sec = APILOAD_TIMEOUT;
    tv.tv_usec = 0;

    (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));

    if (connect(fd, (struct sockaddr *) &conf.addr, sizeof(conf.addr)) == -1)
    {
        (void) close(fd);
        return -1;
    }

    return fd;
}


/* A connection to the worker that is wanted. */

static int
apiload_open(apiload_thread_t *t)
{
    char      text[256];
    unsigned  tries;

    for (tries = 0; tries < APILOAD_TRIES; tries++) {
        t->fd = apiload_connect();

        if (t->fd == -1) {
            return apiload_fail(t, "connect");
        }

        if (conf.pid == 0) {
            return 0;
        }

        snprintf(text, sizeof(text), "GET /worker HTTP/1.1\r\nHost: %s\r\n"
                 "\r\n", conf.host);

        if (apiload_send(t->fd, text, strlen(text)) == 0
            && apiload_answer(t) == 0 && t->status == 200
            && (pid_t) strtol(t->answer, NULL, 10) == conf.pid)
        {
            return 0;
        }

        (void) close(t->fd);
        t->fd = -1;
    }

    return apiload_fail(t, "no connection to the worker");
}


/* One call, signed; 0 if it was answered with 200. */

static int
apiload_call(apiload_thread_t *t, const char *operation, const char *body)
{
    int                  rc;
    char                 head[APILOAD_TEXT], target[128];
    time_t               now;
    struct tm            tm;
    char                 date[ACM_SIGV4_TIME_LEN + 1];
    acm_buf_t            auth;
    acm_sigv4_header_t   fields[APILOAD_FIELDS];
    acm_sigv4_request_t  r;

    static const char  type[] = "application/x-amz-json-1.1";

    now = time(NULL);
    (void) gmtime_r(&now, &tm);
    (void) strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &tm);
    snprintf(target, sizeof(target), "CertificateManager.%s", operation);

#define apiload_str(s)  (acm_str_t) { strlen(s), (uint8_t *) (uintptr_t) (s) }

    fields[0].name = apiload_str("content-type");
    fields[0].value = apiload_str(type);
    fields[1].name = apiload_str("host");
    fields[1].value = apiload_str(conf.host);
    fields[2].name = apiload_str("x-amz-date");
    fields[2].value = apiload_str(date);
    fields[3].name = apiload_str("x-amz-target");
    fields[3].value = apiload_str(target);

    memset(&r, 0, sizeof(acm_sigv4_request_t));
    r.method = apiload_str("POST");
    r.target = apiload_str("/");
    r.headers = fields;
    r.nheaders = APILOAD_FIELDS;
    r.payload = apiload_str(body);

    acm_buf_init(&auth, APILOAD_TEXT / 2);

    if (acm_sigv4_sign(&conf.signer, &r, &auth, NULL) != ACM_OK) {
        return apiload_fail(t, "cannot sign");
    }

    snprintf(head, sizeof(head), "POST / HTTP/1.1\r\nHost: %s\r\n"
             "Content-Type: %s\r\nX-Amz-Date: %s\r\nX-Amz-Target: %s\r\n"
             "Authorization: %.*s\r\nContent-Length: %zu\r\n\r\n",
             conf.host, type, date, target, (int) auth.len,
             (char *) auth.data, strlen(body));
    acm_buf_free(&auth);

    if (t->fd == -1 && apiload_open(t) == -1) {
        return -1;
    }

    rc = (apiload_send(t->fd, head, strlen(head)) == 0
          && apiload_send(t->fd, body, strlen(body)) == 0)
         ? apiload_answer(t) : -1;

    if (rc == -1) {
        (void) close(t->fd);
        t->fd = -1;
    }

    return (rc == 0 && t->status == 200) ? 0 : apiload_fail(t, operation);
}


/* xorshift: any certificate is as likely as any other */

static uint64_t
apiload_random(apiload_thread_t *t)
{
    t->random ^= t->random << 13;
    t->random ^= t->random >> 7;
    t->random ^= t->random << 17;

    return t->random;
}


int
apiload_describe(apiload_thread_t *t)
{
    char                   body[256], want[APILOAD_NAME + 32];
    const apiload_cert_t  *c;

    c = &conf.certs[apiload_random(t) % conf.certificates];

    snprintf(body, sizeof(body), "{\"CertificateArn\":\"arn:aws:acm:"
             APILOAD_REGION ":" APILOAD_ACCOUNT ":certificate/%s\"}",
             c->uuid);
    snprintf(want, sizeof(want), "\"DomainName\":\"%s\"", c->name);

    if (apiload_call(t, "DescribeCertificate", body) == -1) {
        return -1;
    }

    return (strstr(t->answer, c->uuid) && strstr(t->answer, want))
           ? 0 : apiload_fail(t, "another certificate");
}


/* The one that has a name. */

int
apiload_search(apiload_thread_t *t)
{
    char                   body[APILOAD_NAME + 256];
    const apiload_cert_t  *c;

    c = &conf.certs[apiload_random(t) % conf.certificates];

    snprintf(body, sizeof(body), "{\"FilterStatement\":{\"Filter\":{"
             "\"X509AttributeFilter\":{\"SubjectAlternativeName\":{"
             "\"DnsName\":{\"ComparisonOperator\":\"EQUALS\",\"Value\":"
             "\"%s\"}}}}}}", c->name);

    if (apiload_call(t, "SearchCertificates", body) == -1) {
        return -1;
    }

    return (strstr(t->answer, c->uuid) != NULL)
           ? 0 : apiload_fail(t, "another certificate");
}


/* A member of the answer that is a text without escapes. */

static void
apiload_member(const char *json, const char *name, char *to, size_t size)
{
    size_t       len;
    const char  *p;

    to[0] = '\0';
    p = strstr(json, name);

    if (p != NULL) {
        p += strlen(name);
        len = strcspn(p, "\"");

        if (len < size) {
            memcpy(to, p, len);
            to[len] = '\0';
        }
    }
}


/* From page to page, and at the end from the start again. */

static int
apiload_page(apiload_thread_t *t, int sorted)
{
    char         body[APILOAD_TEXT];
    unsigned     n, want;
    const char  *p;

    snprintf(body, sizeof(body), "{\"MaxItems\":%u,\"Includes\":{"
             "\"keyTypes\":[\"EC_prime256v1\",\"RSA_2048\"]}%s%s%s%s}",
             conf.page, sorted ? ",\"SortBy\":\"CREATED_AT\","
             "\"SortOrder\":\"DESCENDING\"" : "",
             t->token[0] ? ",\"NextToken\":\"" : "", t->token,
             t->token[0] ? "\"" : "");

    if (apiload_call(t, "ListCertificates", body) == -1) {
        t->token[0] = '\0';
        return -1;
    }

    apiload_member(t->answer, "\"NextToken\":\"", t->token, sizeof(t->token));

    n = 0;

    for (p = t->answer; (p = strstr(p, "\"CertificateArn\"")) != NULL; p++) {
        n++;
    }

    /* a page is full, unless it is the last one */

    want = (conf.page < conf.certificates) ? conf.page : conf.certificates;

    return (n == want || (t->token[0] == '\0' && n > 0))
           ? 0 : apiload_fail(t, "not a full page");
}


/* Prints UUID and name of all, and is done after the last page. */

int
apiload_names(apiload_thread_t *t)
{
    char         uuid[256], name[APILOAD_NAME];
    const char  *p;

    if (t->number != 0 || t->step != 0) {
        conf.done = 1;
        return 0;
    }

    if (apiload_page(t, 0) == -1) {
        return -1;
    }

    for (p = t->answer; (p = strstr(p, "\"CertificateArn\"")) != NULL; p++) {
        apiload_member(p, ":certificate/", uuid, sizeof(uuid));
        apiload_member(p, "\"DomainName\":\"", name, sizeof(name));
        printf("%s %s\n", uuid, name);
    }

    t->step = (t->token[0] == '\0');

    return 0;
}


int
apiload_list(apiload_thread_t *t)
{
    return apiload_page(t, 0);
}


int
apiload_sorted(apiload_thread_t *t)
{
    return apiload_page(t, 1);
}


/* Another tag each time: no signature is taken twice. */

int
apiload_import(apiload_thread_t *t)
{
    int          rc;
    char        *body;
    size_t       size;
    unsigned     n;
    const char  *members;

    n = atomic_fetch_add(&serial, 1);
    members = conf.imports[n % conf.nimports];
    size = strlen(members) + 128;
    body = malloc(size);

    if (body == NULL) {
        return apiload_fail(t, "no memory");
    }

    /* also other than those of a run in the same second, whose signatures
       would serve again */

    snprintf(body, size, "{%s,\"Tags\":[{\"Key\":\"n\",\"Value\":"
             "\"%u.%ld\"}]}", members, n, (long) getpid());
    rc = apiload_call(t, "ImportCertificate", body);
    free(body);

    return (rc == 0 && strstr(t->answer, "\"CertificateArn\"") == NULL)
           ? apiload_fail(t, "no certificate") : rc;
}


/* Requested from a CA, tagged, deleted; imported, tagged, deleted. */

int
apiload_change(apiload_thread_t *t)
{
    int       rc;
    char     *body;
    size_t    size;
    unsigned  step;

    size = strlen(conf.imports[0]) + APILOAD_TEXT;
    body = malloc(size);

    if (body == NULL) {
        return apiload_fail(t, "no memory");
    }

    step = t->step++ % 6;
    rc = 0;

    if (step == 0) {
        snprintf(body, size, "{\"DomainName\":\"c%u.example.com\","
                 "\"KeyAlgorithm\":\"EC_prime256v1\","
                 "\"CertificateAuthorityArn\":\"%s\"}",
                 atomic_fetch_add(&serial, 1), conf.ca);
        rc = apiload_call(t, "RequestCertificate", body);

    } else if (step == 3) {
        rc = apiload_import(t);

    } else if (t->arn[0] == '\0') {
        free(body);
        return 0;

    } else if (step == 2 || step == 5) {
        snprintf(body, size, "{\"CertificateArn\":\"%s\"}", t->arn);
        rc = apiload_call(t, "DeleteCertificate", body);

    } else {
        snprintf(body, size, "{\"CertificateArn\":\"%s\",\"Tags\":"
                 "[{\"Key\":\"k%u\",\"Value\":\"v\"}]}", t->arn, t->number);
        rc = apiload_call(t, "AddTagsToCertificate", body);
    }

    free(body);

    if (step % 3 == 0) {
        apiload_member((rc == 0) ? t->answer : "", "\"CertificateArn\":\"",
                       t->arn, sizeof(t->arn));
    }

    return rc;
}


/* A full handshake, then who made it; 1: another worker did. */

int
apiload_handshake(apiload_thread_t *t)
{
    int     n, got;
    SSL    *ssl;
    char    text[256];
    double  start;

    got = 0;
    start = apiload_now();
    t->status = 0;
    t->fd = apiload_connect();
    ssl = (t->fd == -1) ? NULL : SSL_new(t->ssl);

    if (ssl == NULL || SSL_set_fd(ssl, t->fd) != 1
        || SSL_set_tlsext_host_name(ssl, conf.name) != 1
        || SSL_connect(ssl) != 1)
    {
        got = -1;
    }

    t->took = apiload_now() - start;

    snprintf(text, sizeof(text), "GET /worker HTTP/1.0\r\nHost: %s\r\n\r\n",
             conf.name);

    if (got == 0 && SSL_write(ssl, text, (int) strlen(text)) <= 0) {
        got = -1;
    }

    while (got >= 0
           && (n = SSL_read(ssl, t->answer + got, APILOAD_TEXT - got)) > 0)
    {
        got += n;
    }

    t->answer[got > 0 ? got : 0] = '\0';

    SSL_free(ssl);

    if (t->fd != -1) {
        (void) close(t->fd);
        t->fd = -1;
    }

    if (got <= 0 || strstr(t->answer, "\r\n\r\n") == NULL) {
        return apiload_fail(t, "handshake");
    }

    return conf.pid != 0
           && (pid_t) strtol(strstr(t->answer, "\r\n\r\n") + 4, NULL, 10)
              != conf.pid;
}
