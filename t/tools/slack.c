
/*
 * Copyright (C) The ngx_acm authors
 *
 * To be preloaded: behind one TLS context, the one whose number SLACK says,
 * lies a pointer into the middle of its certificates' structure, as memory
 * that was freed may leave it there.
 */


#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>


#define SLACK        64
#define INTO         64
#define MIN_CONTEXT  1024                /* octets; other things are smaller */
#define MIN_CERT     256


void *
CRYPTO_zalloc(size_t num, const char *file, int line)
{
    static int     contexts;
    static char   *end;
    static void *(*next)(size_t, const char *, int);

    char        *p, *into;
    const char  *which;

    if (next == NULL) {
        *(void **) &next = dlsym(RTLD_NEXT, "CRYPTO_zalloc");
    }

    p = next(num + SLACK, file, line);

    if (p == NULL || file == NULL) {
        return p;
    }

    memset(p + num, 0, SLACK);

    if (num > MIN_CONTEXT && strstr(file, "ssl/ssl_lib.c")) {
        which = getenv("SLACK");
        end = (which && contexts++ == strtol(which, NULL, 10)) ? p + num : NULL;

    } else if (end && num > MIN_CERT && strstr(file, "ssl/ssl_cert.c"))
    {
        into = p + INTO;
        memcpy(end, &into, sizeof(char *));
        end = NULL;
    }

    return p;
}
