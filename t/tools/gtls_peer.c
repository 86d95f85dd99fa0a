
/*
 * Copyright (C) The ngx_acm authors
 *
 * For tests, preloaded into gtlsclient, a client of HTTP/3: it asks for the
 * name in PEER_NAME, or for none, and prints the certificates that it gets.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/gnutls.h>


typedef int (*peer_set_pt)(gnutls_session_t session,
    gnutls_server_name_type_t type, const void *name, size_t len);


static int
peer_print(gnutls_session_t session)
{
    unsigned int           i, n;
    gnutls_datum_t         pem;
    const gnutls_datum_t  *list;

    list = gnutls_certificate_get_peers(session, &n);

    if (list == NULL) {
        return -1;
    }

    for (i = 0; i < n; i++) {

        if (gnutls_pem_base64_encode2("CERTIFICATE", &list[i], &pem) != 0) {
            return -1;
        }

        (void) fwrite(pem.data, 1, pem.size, stdout);

        gnutls_free(pem.data);
    }

    return fflush(stdout) ? -1 : 0;
}


int
gnutls_server_name_set(gnutls_session_t session,
    gnutls_server_name_type_t type, const void *name, size_t len)
{
    const char   *peer;
    peer_set_pt   set;

    (void) name;
    (void) len;

    gnutls_session_set_verify_function(session, peer_print);

    peer = getenv("PEER_NAME");
    if (peer == NULL) {
        return 0;
    }

    set = (peer_set_pt) dlsym(RTLD_NEXT, "gnutls_server_name_set");

    return set(session, type, peer, strlen(peer));
}
