
/*
 * Copyright (C) The ngx_acm authors
 *
 * The helper's HTTP client: libcurl in nginx's event loop.
 */


#ifndef _NGX_ACM_CURL_H_INCLUDED_
#define _NGX_ACM_CURL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "../shared/acm_http.h"


/*
 * Fills in the transport; there is one in a process, in the helper, for all
 * who ask: the "after" of the first of them is called for all.  It may be
 * made anew after the last ngx_acm_curl_done().  "done" of requests is called
 * from event handlers, and may send and cancel others; "after" (may be NULL)
 * is called once behind each lot of them.  Blocks nowhere, except to read
 * the file of CA certificates when it connects.
 *
 * A failed request has ACM_BUSY (it took too long), ACM_TOOBIG, ACM_NOMEM or
 * ACM_ERROR, and a text that names the host.
 */
ngx_int_t ngx_acm_curl_init(acm_transport_t *transport,
    void (*after)(void *data), void *data, ngx_log_t *log);

/* One for each init; the last one forgets all requests, as cancel does, and
   closes all connections. */
void ngx_acm_curl_done(void);


#endif /* _NGX_ACM_CURL_H_INCLUDED_ */
