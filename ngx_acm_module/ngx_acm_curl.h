
/*
 * Copyright (C) The ngx_acm authors
 *
 * The transport of shared/acm_http.h: libcurl's multi interface on nginx's
 * event loop, in the helper only.  Never waits for anything.
 */


#ifndef _NGX_ACM_CURL_H_INCLUDED_
#define _NGX_ACM_CURL_H_INCLUDED_


#include "ngx_acm.h"


#define NGX_ACM_CURL_HOST     16         /* connections to one host */
#define NGX_ACM_CURL_TOTAL    64
#define NGX_ACM_CURL_CONNECT  10000      /* milliseconds */
#define NGX_ACM_CURL_HEADERS  65536      /* octets of all header fields */


/*
 * Fills in the transport.  after is called when a round of answers was
 * handed out; requests may be sent and cancelled from there and from within
 * an answer's done.
 */
ngx_int_t ngx_acm_curl_init(acm_transport_t *transport,
    void (*after)(void *data), void *data, ngx_log_t *log);
/* Ends all connections and forgets all requests; none is told. */
void ngx_acm_curl_done(void);


#endif /* _NGX_ACM_CURL_H_INCLUDED_ */
