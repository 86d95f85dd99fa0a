
/*
 * Copyright (C) The ngx_acm authors
 *
 * The first look at a client: the ClientHello callback of a server's context.
 * OpenSSL calls that of the listening socket's default server, for all its
 * servers, before it looks for a session to resume.
 */


#include <malloc.h>

#include "ngx_acm_server.h"


/* since then nginx has a callback of its own there, in which it chooses the
   server, and with it the session context */
#if (nginx_version >= 1029002)
#define NGX_ACM_HELLO_NGINX  ngx_ssl_client_hello_callback
#else
#define NGX_ACM_HELLO_NGINX  NULL
#endif


struct ngx_acm_hello_s {
    SSL_CTX                   *challenge;
    SSL_client_hello_cb_fn     next;         /* NULL: none */
    void                      *data;
    u_char                     hash[ACM_HASH_LEN];
    unsigned                   bound:1;      /* sessions, by hash */
};


/* where OpenSSL keeps the callback in a context, in octets; 0: not known */

typedef struct {
    size_t                     callback;
    size_t                     data;
} ngx_acm_hello_place_t;


static int ngx_acm_hello_callback(ngx_ssl_conn_t *ssl, int *alert, void *arg);
static ngx_int_t ngx_acm_hello_context(ngx_acm_hello_t *hello,
    ngx_ssl_conn_t *ssl, ngx_connection_t *c);
static void ngx_acm_hello_next(ngx_acm_hello_t *hello, SSL_CTX *ctx);
static void ngx_acm_hello_find(ngx_acm_hello_place_t *place);
static size_t ngx_acm_hello_offset(SSL_CTX *ctx, void *value);


ngx_acm_hello_t *
ngx_acm_hello_watch(ngx_conf_t *cf, ngx_ssl_t *challenge, SSL_CTX *ctx)
{
    ngx_acm_hello_t  *hello;

    hello = ngx_pcalloc(cf->pool, sizeof(ngx_acm_hello_t));
    if (hello == NULL) {
        return NULL;
    }

    hello->challenge = challenge->ctx;

    ngx_acm_hello_next(hello, ctx);

    SSL_CTX_set_client_hello_cb(ctx, ngx_acm_hello_callback, hello);

    return hello;
}


ngx_int_t
ngx_acm_hello_bind(ngx_acm_hello_t *hello, const u_char *hash)
{
    u_char  both[2 * ACM_HASH_LEN];

    /* it may be the default server of several addresses */

    ngx_memcpy(both, hello->hash, ACM_HASH_LEN);
    ngx_memcpy(both + ACM_HASH_LEN, hash, ACM_HASH_LEN);

    if (EVP_Digest(both, sizeof(both), hello->hash, NULL, EVP_sha256(), NULL)
        == 0)
    {
        return NGX_ERROR;
    }

    hello->bound = 1;

    return NGX_OK;
}


static int
ngx_acm_hello_callback(ngx_ssl_conn_t *ssl, int *alert, void *arg)
{
    ngx_acm_hello_t *hello = arg;

    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = ngx_ssl_get_connection(ssl);

    rc = (c->type == SOCK_STREAM)
         ? ngx_acm_alpn_answer(hello->challenge, ssl) : NGX_DECLINED;

    if (rc == NGX_OK) {
        return SSL_CLIENT_HELLO_SUCCESS;
    }

    /* nginx's own callback sees to it that a session stays with its server */

    if (rc == NGX_DECLINED && hello->bound
        && (hello->next == NULL || hello->next != NGX_ACM_HELLO_NGINX))
    {
        rc = ngx_acm_hello_context(hello, ssl, c);
    }

    if (rc == NGX_ERROR) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }

    return hello->next ? hello->next(ssl, alert, hello->data)
                       : SSL_CLIENT_HELLO_SUCCESS;
}


/*
 * Servers of one address do not ask clients for the same, and OpenSSL looks
 * for a session before nginx chooses the server: so a session is good for the
 * address and the name it was made for only.
 */

static ngx_int_t
ngx_acm_hello_context(ngx_acm_hello_t *hello, ngx_ssl_conn_t *ssl,
    ngx_connection_t *c)
{
    u_char                buf[EVP_MAX_MD_SIZE];
    size_t                len;
    ngx_int_t             rc;
    EVP_MD_CTX           *md;
    unsigned int          n;
    const unsigned char  *name;

    if (ngx_connection_local_sockaddr(c, NULL, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &name, &len)
        == 0)
    {
        name = NULL;
        len = 0;
    }

    md = EVP_MD_CTX_new();

    rc = (md
          && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1
          && EVP_DigestUpdate(md, hello->hash, ACM_HASH_LEN) == 1
          && EVP_DigestUpdate(md, c->local_sockaddr, c->local_socklen) == 1
          && EVP_DigestUpdate(md, name, len) == 1
          && EVP_DigestFinal_ex(md, buf, &n) == 1
          && SSL_set_session_id_context(ssl, buf, n) == 1)
         ? NGX_OK : NGX_DECLINED;

    EVP_MD_CTX_free(md);

    if (rc != NGX_OK) {
        ngx_ssl_error(NGX_LOG_ERR, c->log, 0,
                      "acm: setting a session context failed");
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Whose turn it is afterwards: nginx's own callback, or that of a module such
 * as lua.  OpenSSL sets a callback but does not tell which one is set.  It
 * keeps it at the same place of all contexts; so it is read where a callback
 * that is known was seen in a context made for that.
 */

static void
ngx_acm_hello_next(ngx_acm_hello_t *hello, SSL_CTX *ctx)
{
    static ngx_acm_hello_place_t  place;

    if (place.callback == 0) {
        ngx_acm_hello_find(&place);
    }

    if (place.callback == 0) {
        hello->next = NGX_ACM_HELLO_NGINX;
        return;
    }

    ngx_memcpy(&hello->next, (u_char *) ctx + place.callback,
               sizeof(SSL_client_hello_cb_fn));
    ngx_memcpy(&hello->data, (u_char *) ctx + place.data, sizeof(void *));
}


static void
ngx_acm_hello_find(ngx_acm_hello_place_t *place)
{
    size_t            callback, data;
    SSL_CTX          *ctx;
    ngx_acm_hello_t   known;

    ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL) {
        ERR_clear_error();
        return;
    }

    SSL_CTX_set_client_hello_cb(ctx, ngx_acm_hello_callback, &known);

    callback = ngx_acm_hello_offset(ctx, (void *) ngx_acm_hello_callback);
    data = ngx_acm_hello_offset(ctx, &known);

    SSL_CTX_set_client_hello_cb(ctx, NULL, NULL);

    /* it must be this, and not something else that looks like it */

    if (callback && data
        && ngx_acm_hello_offset(ctx, (void *) ngx_acm_hello_callback) == 0
        && ngx_acm_hello_offset(ctx, &known) == 0)
    {
        place->callback = callback;
        place->data = data;
    }

    SSL_CTX_free(ctx);
}


/* Where a pointer is in a context; 0: nowhere, or more than once. */

static size_t
ngx_acm_hello_offset(SSL_CTX *ctx, void *value)
{
    void    *p;
    size_t   i, size, found;

    found = 0;
    size = malloc_usable_size(ctx);

    for (i = 0; i + sizeof(void *) <= size; i += sizeof(void *)) {

        ngx_memcpy(&p, (u_char *) ctx + i, sizeof(void *));

        if (p != value) {
            continue;
        }

        if (found) {
            return 0;
        }

        found = i;
    }

    return found;
}
