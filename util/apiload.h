
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the files of apiload share.
 */


#ifndef _APILOAD_H_INCLUDED_
#define _APILOAD_H_INCLUDED_


#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>

#include "../shared/acm_sigv4.h"


#define APILOAD_ANSWER    (4 << 20)          /* octets */
#define APILOAD_NAME      64                 /* octets, with NUL */
#define APILOAD_ACCOUNT   "123456789012"
#define APILOAD_REGION    "us-east-1"


typedef struct apiload_mode_s  apiload_mode_t;


typedef struct {
    char               uuid[ACM_UUID_LEN + 1];
    char               name[APILOAD_NAME];
} apiload_cert_t;


typedef struct {
    const apiload_mode_t *mode;
    char               host[64];             /* as in Host */
    struct sockaddr_in addr;
    unsigned           threads;
    apiload_cert_t    *certs;                /* to be described */
    unsigned           certificates;         /* of them, or of the store */
    volatile int       done;                 /* of "names" */
    unsigned           page;
    double             seconds;
    double             warm;
    double             rate;                 /* of all threads; 0: no limit */
    pid_t              pid;                  /* of the worker; 0: any */
    const char        *name;                 /* of handshakes */
    char             **imports;              /* JSON of some members each */
    unsigned           nimports;
    const char        *ca;                   /* ARN of a built-in CA */
    acm_sigv4_signer_t signer;
} apiload_conf_t;


typedef struct {
    pthread_t          id;
    int                fd;
    unsigned           number;
    uint64_t           random;
    double             due;                  /* when the next one begins */
    unsigned           step;                 /* of changes */
    char               arn[256];             /* what was made last */
    char               token[1024];          /* of the next page, or "" */
    uint64_t           calls;                /* in the time that counts */
    uint64_t           others;               /* handshakes with others */
    double             took;                 /* seconds, of a handshake */
    uint64_t           failed;
    char               why[256];
    float             *times;                /* milliseconds */
    size_t             size;
    char              *answer;               /* APILOAD_ANSWER */
    int                status;
    SSL_CTX           *ssl;
} apiload_thread_t;


struct apiload_mode_s {
    const char        *name;
    int              (*call)(apiload_thread_t *t);   /* 1: not counted */
};


extern apiload_conf_t  conf;


double apiload_now(void);

/* One of each: 0, -1 if it failed, 1 if it does not count. */
int apiload_describe(apiload_thread_t *t);
int apiload_names(apiload_thread_t *t);
int apiload_list(apiload_thread_t *t);
int apiload_sorted(apiload_thread_t *t);
int apiload_search(apiload_thread_t *t);
int apiload_change(apiload_thread_t *t);
int apiload_import(apiload_thread_t *t);
int apiload_handshake(apiload_thread_t *t);


#endif /* _APILOAD_H_INCLUDED_ */
