
/*
 * Copyright (C) The ngx_acm authors
 *
 * Sinks of events: what event_sink and smtp say, and the parts of the helper
 * that deliver.
 */


#ifndef _NGX_ACM_SINK_H_INCLUDED_
#define _NGX_ACM_SINK_H_INCLUDED_


#include "ngx_acm.h"
#include "ngx_acm_curl.h"
#include "../shared/acm_sink_format.h"


#define NGX_ACM_SINK_TIMEOUT      30000      /* milliseconds, of one delivery */
#define NGX_ACM_SINK_MAX_TIMEOUT  600000
#define NGX_ACM_SINK_HEADERS      16         /* header= of one sink */
#define NGX_ACM_SINK_ARGS         64         /* words of a command */


typedef enum {
    NGX_ACM_SINK_FILE = 0,
    NGX_ACM_SINK_SYSLOG,
    NGX_ACM_SINK_HTTP,
    NGX_ACM_SINK_MAIL,
    NGX_ACM_SINK_EXEC,
    NGX_ACM_SINK_EVENTBRIDGE
} ngx_acm_sink_e;


/* in a page of its own, not dumped; of which one is used */

typedef struct {
    acm_webhook_secret_t    webhook;
    acm_aws_secret_t        aws;
    char                    password[ACM_MAX_PASSWORD + 2];
} ngx_acm_sink_secret_t;


/* one event_sink; strings have a NUL */

typedef struct {
    ngx_acm_sink_e          type;
    ngx_str_t               name;
    uint32_t                kinds;           /* 0: all */
    time_t                  expire;
    ngx_msec_t              timeout;         /* milliseconds */
    ngx_open_file_t        *file;
    ngx_addr_t              addr;            /* of syslog */
    ngx_uint_t              priority;
    ngx_str_t               tag;
    ngx_flag_t              nohostname;
    ngx_str_t               url;
    ngx_str_t               ca;              /* trusted certificates */
    char                   *headers[NGX_ACM_SINK_HEADERS];
    ngx_uint_t              nheaders;
    ngx_acm_sink_secret_t  *secret;          /* NULL: none */
    char                   *region;
    char                   *bus;
    char                   *source;
    char                   *to[ACM_MAX_RECIPIENTS];
    ngx_uint_t              nto;
    char                   *argv[NGX_ACM_SINK_ARGS + 1];
    ngx_uint_t              argc;
    u_char                 *conf_file;
    ngx_uint_t              line;
} ngx_acm_sink_conf_t;


struct ngx_acm_smtp_s {
    ngx_str_t               url;
    char                   *from;
    char                   *user;
    ngx_acm_sink_secret_t  *secret;          /* the password */
    ngx_str_t               ca;
    unsigned                starttls:1;
    unsigned                required:1;
    unsigned                said:1;          /* "starttls=" was given */
};


/* What both directives have: a file of certificates, a secret in text and in
   a page of its own (NGX_DECLINED: not read, for "nginx -s"), a word. */
ngx_int_t ngx_acm_sink_trusted(ngx_conf_t *cf, ngx_str_t *ca,
    ngx_str_t *value);
ngx_int_t ngx_acm_sink_secret(ngx_conf_t *cf,
    ngx_acm_sink_secret_t **secret, ngx_str_t *file, char *text,
    size_t size, size_t *len);
ngx_int_t ngx_acm_sink_word(ngx_conf_t *cf, const char *what,
    ngx_str_t *value, size_t max, char **out);

/* Wipes this process's copy of secrets: for workers. */
void ngx_acm_sink_forget(ngx_acm_conf_t *amcf);


/* a sink at work */

typedef struct ngx_acm_sink_s  ngx_acm_sink_t;

struct ngx_acm_sink_s {
    ngx_acm_sink_conf_t    *conf;
    size_t                  index;           /* of the outbox */
    acm_letter_t           *letters[ACM_OUTBOX_WINDOW];
    size_t                  n;               /* handed to it just now */
    acm_buf_t               text;            /* of the delivery */
    void                   *work;            /* of its kind, or NULL */
    dev_t                   dev;             /* of the file looked at */
    ino_t                   ino;
    unsigned                looked:1;
    unsigned                torn:1;          /* half a line in the file */
};


/*
 * Each delivers the letters it has: at once, or it returns NGX_AGAIN and calls
 * ngx_acm_sink_ended() later.  NGX_DONE: at once.
 */
ngx_int_t ngx_acm_sink_file(ngx_acm_sink_t *s);
ngx_int_t ngx_acm_sink_syslog(ngx_acm_sink_t *s);
ngx_int_t ngx_acm_sink_http(ngx_acm_sink_t *s);
ngx_int_t ngx_acm_sink_eventbridge(ngx_acm_sink_t *s);
ngx_int_t ngx_acm_sink_mail(ngx_acm_sink_t *s);
ngx_int_t ngx_acm_sink_exec(ngx_acm_sink_t *s);

/* How to end what is under way; nothing is called any more. */
void ngx_acm_sink_file_stop(ngx_acm_sink_t *s);
void ngx_acm_sink_http_stop(ngx_acm_sink_t *s);
void ngx_acm_sink_mail_stop(ngx_acm_sink_t *s);
void ngx_acm_sink_exec_stop(ngx_acm_sink_t *s);

/* What has become of the letter i of a sink.  NULL letters are done. */
void ngx_acm_sink_result(ngx_acm_sink_t *s, size_t i, acm_sink_e result,
    const char *why);
/* The same of all that are left. */
void ngx_acm_sink_results(ngx_acm_sink_t *s, acm_sink_e result,
    const char *why);
/* Those that are left were not even tried. */
void ngx_acm_sink_untake(ngx_acm_sink_t *s);
/* It asks for so many seconds of peace. */
void ngx_acm_sink_wait(ngx_acm_sink_t *s, int64_t seconds);
/* A delivery that came to its end later. */
void ngx_acm_sink_ended(ngx_acm_sink_t *s);

/* "smtp", or NULL. */
ngx_acm_smtp_t *ngx_acm_sink_smtp(void);
acm_transport_t *ngx_acm_sink_transport(void);


#endif /* _NGX_ACM_SINK_H_INCLUDED_ */
