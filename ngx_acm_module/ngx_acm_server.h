
/*
 * Copyright (C) The ngx_acm authors
 *
 * What servers of http, stream and mail have in common: their certificates,
 * their sessions, their first look at a client.
 */


#ifndef _NGX_ACM_SERVER_H_INCLUDED_
#define _NGX_ACM_SERVER_H_INCLUDED_


#include "ngx_acm.h"


/* a server with TLS, whatever its certificate */

typedef struct {
    const char                *kind;         /* "http", "stream", "mail" */
    ngx_str_t                  name;         /* of the server, or empty */
    SSL_CTX                   *ctx;          /* NULL: it has no TLS */
    ngx_array_t               *certificates; /* of ngx_str_t */
    ngx_array_t               *certificate_keys;
    ngx_uint_t                 verify;       /* how clients are verified */
    ngx_uint_t                 verify_depth;
    ngx_str_t                 *client_certificate;
    ngx_str_t                 *trusted_certificate;
    ngx_str_t                 *crl;
} ngx_acm_server_t;

/* conf: what one of nginx's three ssl modules knows of a server */

#define ngx_acm_server_set(s, of, server_name, conf)                          \
    (s)->kind = of;                                                           \
    (s)->name = server_name;                                                  \
    (s)->ctx = (conf)->ssl.ctx;                                               \
    (s)->certificates = (conf)->certificates;                                 \
    (s)->certificate_keys = (conf)->certificate_keys;                         \
    (s)->verify = (conf)->verify;                                             \
    (s)->verify_depth = (conf)->verify_depth;                                 \
    (s)->client_certificate = &(conf)->client_certificate;                    \
    (s)->trusted_certificate = &(conf)->trusted_certificate;                  \
    (s)->crl = &(conf)->crl


/* the directive: ngx_acm_certificate.c */

/*
 * Parses it.  certs and keys are those of nginx's own ssl module, still unset:
 * they get the fallback, so that nginx makes a context.
 */
char *ngx_acm_certificate(ngx_conf_t *cf, ngx_acm_want_t **want,
    ngx_array_t **certs, ngx_array_t **keys);
/* Adds a name of "server_name"; ".name" is two.  It says what is wrong. */
ngx_int_t ngx_acm_certificate_name(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_str_t *name, ngx_uint_t regex);
/* When the server's context is there, and its names are known; cure: where
   names would be given. */
ngx_int_t ngx_acm_certificate_init(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_acm_server_t *s, const char *cure);
/* Warns that no client can ask the server for its certificate. */
void ngx_acm_certificate_deaf(ngx_conf_t *cf, ngx_acm_want_t *want,
    const char *cure);


/* sessions: ngx_acm_session.c */

/* What a client must show to the server: ACM_HASH_LEN octets. */
ngx_int_t ngx_acm_session_policy(ngx_acm_server_t *s, u_char *hash);
/* Sessions depend on server, directive and policy, not on the placeholder of
   this cycle. */
ngx_int_t ngx_acm_session_context(ngx_acm_want_t *want, ngx_acm_server_t *s);


/* the servers of one address */

typedef struct {
    EVP_MD_CTX                *md;           /* NULL: not begun */
    u_char                     first[ACM_HASH_LEN];
    ngx_uint_t                 n;
    unsigned                   wanted:1;     /* one has acm_certificate */
    unsigned                   mixed:1;      /* policies differ */
} ngx_acm_address_t;

typedef struct ngx_acm_hello_s  ngx_acm_hello_t;

ngx_int_t ngx_acm_address_begin(ngx_acm_address_t *a);
ngx_int_t ngx_acm_address_add(ngx_acm_address_t *a, ngx_acm_want_t *want,
    ngx_acm_server_t *s);
/* A name of the server that was added last. */
ngx_int_t ngx_acm_address_name(ngx_acm_address_t *a, ngx_str_t *name);
/* Frees it.  hello: of its default server; NULL: that has no context. */
ngx_int_t ngx_acm_address_end(ngx_acm_address_t *a, ngx_acm_hello_t *hello);


/* another module's certificate callback: ngx_acm_displaced.c */

/* 1 if the context has one; 0 also if that cannot be seen. */
ngx_uint_t ngx_acm_displaced(SSL_CTX *ctx);


/* ClientHello: ngx_acm_hello.c */

/*
 * Takes the ClientHello callback of a server's context, and calls the one that
 * was there behind its own.  challenge answers a CA (tls-alpn-01).  NULL
 * without memory.
 */
ngx_acm_hello_t *ngx_acm_hello_watch(ngx_conf_t *cf, ngx_ssl_t *challenge,
    SSL_CTX *ctx);
/* Binds sessions to the address and the name that a client asks for; hash, of
   ACM_HASH_LEN octets, changes when what they depend on does. */
ngx_int_t ngx_acm_hello_bind(ngx_acm_hello_t *hello, const u_char *hash);


/* tls-alpn-01: ngx_acm_alpn.c */

/* The context that answers; NULL: it has been logged, or there is no
   memory. */
ngx_ssl_t *ngx_acm_alpn_create(ngx_conf_t *cf);
/* In a ClientHello callback; NGX_DECLINED: it is no CA. */
ngx_int_t ngx_acm_alpn_answer(SSL_CTX *ctx, ngx_ssl_conn_t *ssl);
/* Whether it was, later on. */
ngx_uint_t ngx_acm_alpn_answered(ngx_ssl_conn_t *ssl);


#endif /* _NGX_ACM_SERVER_H_INCLUDED_ */
