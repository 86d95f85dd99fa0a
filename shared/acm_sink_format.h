
/*
 * Copyright (C) The ngx_acm authors
 *
 * An event in the forms that sinks want, what they answer, and the secrets
 * they are spoken to with.
 */


#ifndef _ACM_SINK_FORMAT_H_INCLUDED_
#define _ACM_SINK_FORMAT_H_INCLUDED_


#include "acm_outbox.h"


#define ACM_MAX_SINK_BODY      (1 << 20)   /* octets of one message */
#define ACM_MAX_ADDRESS        254         /* octets, RFC 5321 s4.5.3.1.3 */
#define ACM_MAX_RECIPIENTS     16
#define ACM_MAX_SECRET_FILE    4096        /* octets */
#define ACM_MIN_WEBHOOK        24          /* octets of a secret, decoded */
#define ACM_MAX_WEBHOOK        64
#define ACM_WEBHOOK_SIGNATURE  48          /* octets, "v1," and NUL */
#define ACM_MAX_PUT_EVENTS     10          /* events of one request */
#define ACM_MAX_PUT_BODY       204800      /* octets: no more is added */
#define ACM_MAX_PASSWORD       256         /* octets */


/* "available" and so on, as events= has it; parse: 0 if it is none. */
const char *acm_event_word(acm_event_e kind);
acm_event_e acm_event_word_parse(const char *word, size_t len);

/* CloudEvents 1.0, the JSON format, structured: one line, no line feed. */
acm_rc_t acm_cloudevent_json(const acm_event_t *event, acm_buf_t *out);

/* RFC 5424; priority is facility * 8 + severity, host and tag may be "". */
acm_rc_t acm_syslog_text(const acm_event_t *event, unsigned priority,
    const char *host, const char *tag, acm_buf_t *out);

/* 1 for user@host of visible ASCII without quotes, comments and brackets. */
int acm_address_ok(const char *s, size_t len);

/*
 * A mail (RFC 5322) with CRLF; addresses must be good.  The Message-ID is of
 * the event, so that a mail that comes twice is known.
 */
acm_rc_t acm_mail_text(const acm_event_t *event, const char *from,
    const char *const *to, size_t nto, acm_buf_t *out);


/* a signed webhook, as of Standard Webhooks */

typedef struct {
    uint8_t   octets[ACM_MAX_WEBHOOK];
    size_t    len;
} acm_webhook_secret_t;

/* Base64, with or without "whsec_" in front. */
acm_rc_t acm_webhook_parse(const char *text, size_t len,
    acm_webhook_secret_t *secret, acm_err_t *err);
acm_rc_t acm_webhook_sign(const acm_webhook_secret_t *secret,
    const char *id, int64_t at, const void *body, size_t len,
    char signature[ACM_WEBHOOK_SIGNATURE], acm_err_t *err);


/* PutEvents of EventBridge */

/*
 * The body for up to n events; *n becomes how many are in it.  source: not
 * "aws.", which is reserved; bus may be NULL.  The id of an event is in its
 * detail, as "EventId", since EventBridge makes one of its own.
 */
acm_rc_t acm_put_events_json(const acm_event_t *const *events, size_t *n,
    const char *source, const char *bus, acm_buf_t *out);

/*
 * What has become of each of n events, by an answer with status 200, and why.
 * ACM_INVALID: it is none, and nothing is known.
 */
acm_rc_t acm_put_events_answer(const void *data, size_t len, size_t n,
    acm_sink_e *results, acm_err_t *why, acm_err_t *err);

/* "AccessDeniedException: ..." of an answer that is a fault; buf is "" if
   there is nothing to be told. */
void acm_put_events_fault(const void *data, size_t len, acm_err_t *text);


typedef struct {
    char      id[128 + 1];
    char      secret[128 + 1];
    char      token[2048 + 1];
} acm_aws_secret_t;

/* The first section of a credentials file as the AWS CLI has it. */
acm_rc_t acm_aws_parse(const char *text, size_t len, acm_aws_secret_t *c,
    acm_err_t *err);


/*
 * A file that only its owner may read.  text gets it, with NUL, and size is
 * the room; ACM_NOTFOUND, ACM_DENIED, ACM_TOOBIG.
 */
acm_rc_t acm_secret_read(const char *path, char *text, size_t size,
    size_t *len, acm_err_t *err);


#endif /* _ACM_SINK_FORMAT_H_INCLUDED_ */
