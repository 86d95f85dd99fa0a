
/*
 * Copyright (C) The ngx_acm authors
 *
 * Whether another module has a certificate callback in a server's context.
 * OpenSSL keeps it in a structure that the context points to, and tells of
 * neither.  They are at the same place in all contexts; so it is looked for
 * in contexts made for that, where the callback is known: in two, since what
 * lies behind one in memory may be a pointer that leads there by chance.
 */


#include <malloc.h>
#include <sys/syscall.h>

#include "ngx_acm_server.h"


#define NGX_ACM_DISPLACED_PEEK  1024     /* octets of what may be it */
#define NGX_ACM_DISPLACED_CTX   2        /* contexts it is looked for in */


/* in octets; 0: not known */

typedef struct {
    size_t      pointer;                 /* in the context */
    size_t      callback;                /* in what it points to */
    ngx_uint_t  looked;
} ngx_acm_displaced_place_t;


static void ngx_acm_displaced_find(ngx_fd_t *fds,
    ngx_acm_displaced_place_t *place);
static void ngx_acm_displaced_scan(SSL_CTX **ctx, ngx_fd_t *fds,
    ngx_acm_displaced_place_t *place);
static ngx_uint_t ngx_acm_displaced_is(SSL_CTX *ctx, ngx_fd_t *fds,
    size_t pointer, size_t callback, void *arg);
static size_t ngx_acm_displaced_peek(ngx_fd_t *fds, u_char *p, u_char *buf);
static void *ngx_acm_displaced_word(void *p, size_t offset);


ngx_uint_t
ngx_acm_displaced(SSL_CTX *ctx)
{
    static ngx_acm_displaced_place_t  place;

    u_char      buf[NGX_ACM_DISPLACED_PEEK];
    size_t      n;
    ngx_fd_t    fds[2];
    ngx_uint_t  displaced;

    displaced = 0;

    if (pipe2(fds, O_CLOEXEC|O_NONBLOCK) == -1) {
        return 0;
    }

    if (!place.looked) {
        ngx_acm_displaced_find(fds, &place);
        place.looked = 1;
    }

    if (place.pointer) {
        n = ngx_acm_displaced_peek(fds,
                                   ngx_acm_displaced_word(ctx, place.pointer),
                                   buf);

        displaced = (place.callback + sizeof(void *) <= n
                     && ngx_acm_displaced_word(buf, place.callback) != NULL);

        ngx_explicit_memzero(buf, sizeof(buf));
    }

    (void) close(fds[0]);
    (void) close(fds[1]);

    return displaced;
}


static void
ngx_acm_displaced_find(ngx_fd_t *fds, ngx_acm_displaced_place_t *place)
{
    SSL_CTX     *ctx[NGX_ACM_DISPLACED_CTX];
    ngx_uint_t   i, n;

    for (n = 0; n < NGX_ACM_DISPLACED_CTX; n++) {
        ctx[n] = SSL_CTX_new(TLS_server_method());

        if (ctx[n] == NULL) {
            ERR_clear_error();
            break;
        }

        SSL_CTX_set_cert_cb(ctx[n], ngx_acm_ssl_cert_cb, &ctx[n]);
    }

    if (n == NGX_ACM_DISPLACED_CTX) {
        ngx_acm_displaced_scan(ctx, fds, place);
    }

    /* it must be this, and not something else that looks like it */

    for (i = 0; i < n; i++) {
        SSL_CTX_set_cert_cb(ctx[i], NULL, NULL);

        if (place->pointer
            && ngx_acm_displaced_is(ctx[i], fds, place->pointer,
                                    place->callback, &ctx[i]))
        {
            place->pointer = 0;
        }

        SSL_CTX_free(ctx[i]);
    }
}


static void
ngx_acm_displaced_scan(SSL_CTX **ctx, ngx_fd_t *fds,
    ngx_acm_displaced_place_t *place)
{
    u_char   buf[NGX_ACM_DISPLACED_PEEK];
    size_t   i, k, size, n;

    size = ngx_min(malloc_usable_size(ctx[0]), malloc_usable_size(ctx[1]));

    for (i = sizeof(void *); i + sizeof(void *) <= size; i += sizeof(void *)) {

        n = ngx_acm_displaced_peek(fds, ngx_acm_displaced_word(ctx[0], i),
                                   buf);

        for (k = 0; k + 2 * sizeof(void *) <= n; k += sizeof(void *)) {

            /* what lies before it in memory leads to it, too, but further */

            if (ngx_acm_displaced_word(buf, k) == (void *) ngx_acm_ssl_cert_cb
                && ngx_acm_displaced_word(buf, k + sizeof(void *)) == &ctx[0]
                && (place->pointer == 0 || k < place->callback)
                && ngx_acm_displaced_is(ctx[1], fds, i, k, &ctx[1]))
            {
                place->pointer = i;
                place->callback = k;
                break;
            }
        }
    }

    ngx_explicit_memzero(buf, sizeof(buf));
}


/* Whether a context's callback, with this argument, is found there. */

static ngx_uint_t
ngx_acm_displaced_is(SSL_CTX *ctx, ngx_fd_t *fds, size_t pointer,
    size_t callback, void *arg)
{
    u_char      buf[NGX_ACM_DISPLACED_PEEK];
    size_t      n;
    ngx_uint_t  found;

    n = ngx_acm_displaced_peek(fds, ngx_acm_displaced_word(ctx, pointer), buf);

    found = (callback + 2 * sizeof(void *) <= n
             && ngx_acm_displaced_word(buf, callback)
                == (void *) ngx_acm_ssl_cert_cb
             && ngx_acm_displaced_word(buf, callback + sizeof(void *)) == arg);

    ngx_explicit_memzero(buf, sizeof(buf));

    return found;
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
