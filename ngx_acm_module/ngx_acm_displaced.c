
/*
 * Copyright (C) The ngx_acm authors
 *
 * Whether another module has a certificate callback in a server's context.
 * OpenSSL keeps it in a structure that the context points to, and tells of
 * neither.  They are at the same place in all contexts; so it is looked for
 * in a context made for that, where the callback is known.
 */


#include <malloc.h>
#include <sys/syscall.h>

#include "ngx_acm_server.h"


#define NGX_ACM_DISPLACED_PEEK  1024     /* octets of what may be it */


/* in octets; 0: not known */

typedef struct {
    size_t      pointer;                 /* in the context */
    size_t      callback;                /* in what it points to */
    ngx_uint_t  looked;
} ngx_acm_displaced_place_t;


static void ngx_acm_displaced_find(ngx_acm_displaced_place_t *place);
static void ngx_acm_displaced_scan(SSL_CTX *ctx, ngx_fd_t *fds,
    ngx_acm_displaced_place_t *place);
static size_t ngx_acm_displaced_peek(ngx_fd_t *fds, u_char *p, u_char *buf);
static void *ngx_acm_displaced_word(void *p, size_t offset);


ngx_uint_t
ngx_acm_displaced(SSL_CTX *ctx)
{
    static ngx_acm_displaced_place_t  place;

    void  *p;

    if (!place.looked) {
        ngx_acm_displaced_find(&place);
        place.looked = 1;
    }

    if (place.pointer == 0) {
        return 0;
    }

    p = ngx_acm_displaced_word(ctx, place.pointer);

    return ngx_acm_displaced_word(p, place.callback) != NULL;
}


static void
ngx_acm_displaced_find(ngx_acm_displaced_place_t *place)
{
    void      *p;
    SSL_CTX   *ctx;
    ngx_fd_t   fds[2];

    ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL) {
        ERR_clear_error();
        return;
    }

    if (pipe2(fds, O_CLOEXEC|O_NONBLOCK) == 0) {

        SSL_CTX_set_cert_cb(ctx, ngx_acm_ssl_cert_cb, place);
        ngx_acm_displaced_scan(ctx, fds, place);
        SSL_CTX_set_cert_cb(ctx, NULL, NULL);

        (void) close(fds[0]);
        (void) close(fds[1]);
    }

    /* it must be this, and not something else that looks like it */

    if (place->pointer) {
        p = ngx_acm_displaced_word(ctx, place->pointer);

        if (ngx_acm_displaced_word(p, place->callback) != NULL) {
            place->pointer = 0;
        }
    }

    SSL_CTX_free(ctx);
}


static void
ngx_acm_displaced_scan(SSL_CTX *ctx, ngx_fd_t *fds,
    ngx_acm_displaced_place_t *place)
{
    void    *p;
    u_char   buf[NGX_ACM_DISPLACED_PEEK];
    size_t   i, k, size, n;

    size = malloc_usable_size(ctx);

    for (i = sizeof(void *); i + sizeof(void *) <= size; i += sizeof(void *)) {

        p = ngx_acm_displaced_word(ctx, i);
        n = ngx_acm_displaced_peek(fds, p, buf);

        for (k = 0; k + 2 * sizeof(void *) <= n; k += sizeof(void *)) {

            /* what lies before it in memory leads to it, too, but further */

            if (ngx_acm_displaced_word(buf, k) == (void *) ngx_acm_ssl_cert_cb
                && ngx_acm_displaced_word(buf, k + sizeof(void *)) == place
                && (place->pointer == 0 || k < place->callback))
            {
                place->pointer = i;
                place->callback = k;
                break;
            }
        }
    }

    ngx_explicit_memzero(buf, sizeof(buf));
}


/* What may be no pointer at all is read by the kernel, which does not mind. */

static size_t
ngx_acm_displaced_peek(ngx_fd_t *fds, u_char *p, u_char *buf)
{
    ssize_t  n;

    n = syscall(SYS_write, fds[1], p, NGX_ACM_DISPLACED_PEEK);

    if (n > 0) {
        n = read(fds[0], buf, NGX_ACM_DISPLACED_PEEK);
    }

    return (n > 0) ? (size_t) n : 0;
}


static void *
ngx_acm_displaced_word(void *p, size_t offset)
{
    void  *word;

    ngx_memcpy(&word, (u_char *) p + offset, sizeof(void *));

    return word;
}
