
/*
 * Copyright (C) The ngx_acm authors
 *
 * The helper's client for HTTP and SMTP: libcurl in nginx's event loop.
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


/* a mail; everything is borrowed */

typedef struct ngx_acm_mail_s  ngx_acm_mail_t;

struct ngx_acm_mail_s {
    const char           *url;           /* smtp or smtps */
    const char           *user;          /* NULL: none */
    const char           *password;
    const char           *ca_file;       /* NULL: the system's */
    const char           *from;
    const char *const    *to;
    size_t                nto;
    acm_str_t             text;
    long                  timeout;       /* milliseconds, of the whole */
    unsigned              starttls:1;    /* if it is offered */
    unsigned              required:1;    /* or else not at all */
    unsigned              partial:1;     /* set if some are refused for good:
                                            then for the others */

    acm_rc_t              rc;            /* ACM_INVALID: refused for good */
    acm_err_t             why;

    void                (*done)(ngx_acm_mail_t *mail);
    void                 *data;
    void                 *handle;
};

/* As send and cancel of the transport. */
acm_rc_t ngx_acm_curl_mail(ngx_acm_mail_t *mail, acm_err_t *err);
void ngx_acm_curl_mail_cancel(ngx_acm_mail_t *mail);


#endif /* _NGX_ACM_CURL_H_INCLUDED_ */
