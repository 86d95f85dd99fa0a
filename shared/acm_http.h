
/*
 * Copyright (C) The ngx_acm authors
 *
 * HTTP as the ACME client asks for it: a request goes to a transport, which
 * calls back once with the answer or with the reason why there is none.  The
 * helper's transport is libcurl; tests have one of their own.
 */


#ifndef _ACM_HTTP_H_INCLUDED_
#define _ACM_HTTP_H_INCLUDED_


#include <sys/socket.h>

#include "acm_buf.h"


#define ACM_MAX_HTTP_BODY    1048576     /* octets of an answer */
#define ACM_MAX_HTTP_SENT    1048576     /* octets of a request's body */
#define ACM_MAX_HTTP_FIELD   2048        /* octets of a header field */
#define ACM_MAX_HTTP_LINKS   8
#define ACM_HTTP_TIMEOUT     30000       /* milliseconds, the whole of it */
#define ACM_MAX_RETRY_AFTER  (10 * 86400) /* seconds that are believed */


typedef enum {
    ACM_HTTP_GET,
    ACM_HTTP_HEAD,
    ACM_HTTP_POST
} acm_http_method_e;


typedef struct acm_http_s  acm_http_t;

struct acm_http_s {
    acm_http_method_e    method;
    char                *url;            /* owned */
    const char          *type;           /* Content-Type of the body */
    const char          *accept;
    acm_buf_t            body;
    const char *const   *fields;         /* borrowed: more header fields, as
                                            "Name: value" */
    size_t               nfields;
    const char          *ca_file;        /* borrowed; NULL: the system's */
    const char          *address;        /* borrowed: where the host is, IPv6
                                            in brackets; NULL: looked up */
    long                 timeout;        /* milliseconds, of the whole */
    unsigned             acme:1;         /* to a CA, for who counts them */
    unsigned             fresh:1;        /* on a connection of its own: on one
                                            that was kept, and is closed by
                                            then, it may be sent twice */
    unsigned             plain:1;        /* http to any host is meant */
    unsigned             stranger:1;     /* who named the host may not reach
                                            what acm_http_local() is 1 for */

    /* the answer */

    acm_rc_t             rc;             /* ACM_OK: there is one */
    acm_err_t            why;            /* else: why there is none */
    int                  status;
    char                *answer_type;    /* all owned, NULL if not there */
    char                *location;
    char                *nonce;
    char                *retry_after;
    char                *date;
    char                *links[ACM_MAX_HTTP_LINKS];
    size_t               nlinks;
    acm_buf_t            answer;

    void               (*done)(acm_http_t *http);
    void                *data;           /* of whoever asked */
    void                *handle;         /* of the transport */
};


typedef struct {
    /* Takes the request; done is called later, never from within.  Other
       results than ACM_OK: it was not taken. */
    acm_rc_t           (*send)(void *data, acm_http_t *http,
                                acm_err_t *err);
    /* Forgets a request that was taken; done is not called. */
    void               (*cancel)(void *data, acm_http_t *http);
    void                *data;
} acm_transport_t;


/* NULL without memory.  url is copied. */
acm_http_t *acm_http_new(acm_http_method_e method, const char *url);
void acm_http_free(acm_http_t *http);

/*
 * For transports: takes note of one header field that matters; name without
 * colon.  What is too long, or has control characters, is left out, as
 * is a nonce that is no base64url (RFC 8555 s6.5.1).
 */
acm_rc_t acm_http_header(acm_http_t *http, const char *name, size_t nlen,
    const char *value, size_t vlen);

/* For transports: forgets the fields of an answer that was not the last. */
void acm_http_headers_reset(acm_http_t *http);

/* 1 if the Content-Type is this one, whatever its parameters. */
int acm_http_is_type(const acm_http_t *http, const char *type);

/*
 * 1 for an URL that may be asked: https, or http to a loopback address, with
 * a host, no user, no fragment, no octets but visible ASCII, at most
 * ACM_MAX_URL octets.
 */
int acm_http_url_ok(const char *url);

/* 1 for an address of this machine, or of its link, where clouds keep what
   only the machine may know: loopback, link-local, none; also IPv4 in IPv6. */
int acm_http_local(const struct sockaddr *sa);

/* 1 if an URL's host is this machine by its loopback address. */
int acm_http_is_near(const char *url);

/* 1 if an URL's host has a name of a public domain, as of acm_limit.h. */
int acm_http_is_public(const char *url);

/* 1 if both have the same scheme, host and port. */
int acm_http_same_origin(const char *a, const char *b);

/*
 * Seconds that a Retry-After field asks to wait from now: a number or a date
 * (RFC 9110 s10.2.3).  -1 if there is none or it makes no sense; never over
 * ACM_MAX_RETRY_AFTER.
 */
int64_t acm_http_retry_after(const acm_http_t *http, int64_t now);

/* A copy of the target of the nth link with this relation (RFC 8288), as the
   CA sent it; NULL if there is none, or no memory. */
char *acm_http_link(const acm_http_t *http, const char *rel, size_t n);

/* An RFC 9110 date in any of its three forms; -1 if it is none. */
int64_t acm_http_date(const char *s, int64_t now);


#endif /* _ACM_HTTP_H_INCLUDED_ */
