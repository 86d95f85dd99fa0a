
/*
 * Copyright (C) The ngx_acm authors
 *
 * Sinks on the network: webhooks, EventBridge, mail.
 */


#include "../shared/acm_sigv4.h"
#include "ngx_acm_sink.h"


#define NGX_ACM_SINK_TYPE  "application/cloudevents+json; charset=utf-8"


typedef struct {
    acm_http_t         *http;
    size_t              n;                   /* letters that it is of */
    acm_sigv4_lines_t   lines;               /* of EventBridge */
    char                id[sizeof("webhook-id: ") + ACM_UUID_LEN];
    char                at[64];
    char                signature[sizeof("webhook-signature: ")
                                  + ACM_WEBHOOK_SIGNATURE];
    const char         *fields[NGX_ACM_SINK_HEADERS + 3];
} ngx_acm_sink_request_t;


static ngx_acm_sink_request_t *ngx_acm_sink_request(ngx_acm_sink_t *s);
static ngx_int_t ngx_acm_sink_sign(ngx_acm_sink_t *s,
    ngx_acm_sink_request_t *req);
static ngx_int_t ngx_acm_sink_send(ngx_acm_sink_t *s,
    ngx_acm_sink_request_t *req, void (*done)(acm_http_t *http));
static void ngx_acm_sink_hook_done(acm_http_t *http);
static void ngx_acm_sink_put_done(acm_http_t *http);
static void ngx_acm_sink_put_answer(ngx_acm_sink_t *s, acm_http_t *http,
    size_t n);
static void ngx_acm_sink_status(ngx_acm_sink_t *s, acm_http_t *http,
    ngx_uint_t refused);
static void ngx_acm_sink_request_free(ngx_acm_sink_request_t *req);
static void ngx_acm_sink_mail_done(ngx_acm_mail_t *mail);


ngx_int_t
ngx_acm_sink_http(ngx_acm_sink_t *s)
{
    ngx_uint_t               i;
    ngx_acm_sink_request_t  *req;

    req = ngx_acm_sink_request(s);

    if (req == NULL
        || acm_cloudevent_json(&s->letters[0]->event, &req->http->body)
           != ACM_OK)
    {
        ngx_acm_sink_http_stop(s);
        return NGX_DONE;
    }

    req->n = 1;
    req->http->type = NGX_ACM_SINK_TYPE;

    for (i = 0; i < s->conf->nheaders; i++) {
        req->fields[req->http->nfields++] = s->conf->headers[i];
    }

    if (s->conf->secret && ngx_acm_sink_sign(s, req) != NGX_OK) {
        ngx_acm_sink_http_stop(s);
        return NGX_DONE;
    }

    return ngx_acm_sink_send(s, req, ngx_acm_sink_hook_done);
}


static ngx_acm_sink_request_t *
ngx_acm_sink_request(ngx_acm_sink_t *s)
{
    ngx_acm_sink_request_t  *req;

    req = acm_calloc(1, sizeof(ngx_acm_sink_request_t));

    if (req == NULL) {
        return NULL;
    }

    req->http = acm_http_new(ACM_HTTP_POST, (char *) s->conf->url.data);

    if (req->http == NULL) {
        acm_free(req);
        return NULL;
    }

    req->http->fields = req->fields;
    req->http->timeout = (long) s->conf->timeout;
    req->http->ca_file = s->conf->ca.len ? (char *) s->conf->ca.data : NULL;
    req->http->data = s;

    s->work = req;

    return req;
}


/* Standard Webhooks */

static ngx_int_t
ngx_acm_sink_sign(ngx_acm_sink_t *s, ngx_acm_sink_request_t *req)
{
    char         signature[ACM_WEBHOOK_SIGNATURE], *id;
    int64_t      now;
    acm_err_t    err;
    acm_http_t  *http;

    http = req->http;
    id = s->letters[0]->event.id;
    now = acm_now();

    if (acm_webhook_sign(&s->conf->secret->webhook, id, now, http->body.data,
                         http->body.len, signature, &err)
        != ACM_OK)
    {
        return NGX_ERROR;
    }

    ngx_sprintf((u_char *) req->id, "webhook-id: %s%Z", id);
    ngx_sprintf((u_char *) req->at, "webhook-timestamp: %L%Z", now);
    ngx_sprintf((u_char *) req->signature, "webhook-signature: %s%Z",
                signature);

    req->fields[http->nfields++] = req->id;
    req->fields[http->nfields++] = req->at;
    req->fields[http->nfields++] = req->signature;

    return NGX_OK;
}


static ngx_int_t
ngx_acm_sink_send(ngx_acm_sink_t *s, ngx_acm_sink_request_t *req,
    void (*done)(acm_http_t *http))
{
    acm_err_t         err;
    acm_transport_t  *transport;

    req->http->done = done;
    transport = ngx_acm_sink_transport();

    if (transport->send(transport->data, req->http, &err) != ACM_OK) {
        ngx_acm_sink_results(s, ACM_SINK_FAILED, err.text);
        ngx_acm_sink_http_stop(s);
        return NGX_DONE;
    }

    return NGX_AGAIN;
}


static void
ngx_acm_sink_hook_done(acm_http_t *http)
{
    ngx_acm_sink_t           *s;
    ngx_acm_sink_request_t   *req;

    s = http->data;
    req = s->work;
    s->work = NULL;

    if (http->rc != ACM_OK) {
        ngx_acm_sink_results(s, ACM_SINK_FAILED, http->why.text);

    } else if (http->status >= 200 && http->status < 300) {
        ngx_acm_sink_results(s, ACM_SINK_DELIVERED, NULL);

    } else {
        ngx_acm_sink_status(s, http, http->status == 400
                                     || http->status == 413
                                     || http->status == 415
                                     || http->status == 422);
    }

    ngx_acm_sink_request_free(req);
    ngx_acm_sink_ended(s);
}


static void
ngx_acm_sink_status(ngx_acm_sink_t *s, acm_http_t *http, ngx_uint_t refused)
{
    u_char     why[ACM_MAX_SINK_ERROR], *p;
    int64_t    wait;
    acm_err_t  fault;

    fault.text[0] = '\0';

    if (s->conf->type == NGX_ACM_SINK_EVENTBRIDGE) {
        acm_put_events_fault(http->answer.data, http->answer.len, &fault);
    }

    p = ngx_snprintf(why, sizeof(why) - 1, "HTTP status %d%s%s",
                     http->status, fault.text[0] ? ", " : "", fault.text);
    *p = '\0';

    ngx_acm_sink_results(s, refused ? ACM_SINK_REFUSED : ACM_SINK_FAILED,
                         (char *) why);

    wait = acm_http_retry_after(http, acm_now());

    if (!refused && wait > 0) {
        ngx_acm_sink_wait(s, wait);
    }
}


ngx_int_t
ngx_acm_sink_eventbridge(ngx_acm_sink_t *s)
{
    size_t                    i;
    acm_str_t                 payload;
    acm_err_t                 err;
    acm_http_t               *http;
    acm_aws_secret_t         *aws;
    const acm_event_t        *events[ACM_MAX_PUT_EVENTS];
    acm_sigv4_signer_t        signer;
    ngx_acm_sink_request_t   *req;

    req = ngx_acm_sink_request(s);

    if (req == NULL) {
        return NGX_DONE;
    }

    http = req->http;
    req->n = s->n;

    for (i = 0; i < s->n; i++) {
        events[i] = &s->letters[i]->event;
    }

    if (acm_put_events_json(events, &req->n, s->conf->source, s->conf->bus,
                            &http->body)
        != ACM_OK)
    {
        ngx_acm_sink_http_stop(s);
        return NGX_DONE;
    }

    aws = &s->conf->secret->aws;

    signer.key_id = aws->id;
    signer.secret = aws->secret;
    signer.token = aws->token[0] ? aws->token : NULL;
    signer.region = s->conf->region;
    signer.service = "events";

    payload.data = http->body.data;
    payload.len = http->body.len;

    if (acm_sigv4_post(&signer, http->url, "application/x-amz-json-1.1",
                       "AWSEvents.PutEvents", &payload, acm_now(),
                       &req->lines, &err)
        != ACM_OK)
    {
        ngx_acm_sink_results(s, ACM_SINK_FAILED, err.text);
        ngx_acm_sink_http_stop(s);
        return NGX_DONE;
    }

    http->fields = (const char *const *) req->lines.lines;
    http->nfields = req->lines.n;

    return ngx_acm_sink_send(s, req, ngx_acm_sink_put_done);
}


static void
ngx_acm_sink_put_done(acm_http_t *http)
{
    ngx_acm_sink_t           *s;
    ngx_acm_sink_request_t   *req;

    s = http->data;
    req = s->work;
    s->work = NULL;

    if (http->rc != ACM_OK) {
        ngx_acm_sink_results(s, ACM_SINK_FAILED, http->why.text);

    } else if (http->status == 200) {
        ngx_acm_sink_put_answer(s, http, req->n);

    } else {

        /* 400 may be a wrong clock or a lack of rights */

        ngx_acm_sink_status(s, http, http->status == 413 && s->n == 1);
    }

    ngx_acm_sink_request_free(req);
    ngx_acm_sink_ended(s);
}


static void
ngx_acm_sink_put_answer(ngx_acm_sink_t *s, acm_http_t *http, size_t n)
{
    size_t      i;
    acm_err_t   why, err;
    acm_sink_e  results[ACM_MAX_PUT_EVENTS];

    if (acm_put_events_answer(http->answer.data, http->answer.len, n,
                              results, &why, &err)
        != ACM_OK)
    {
        ngx_acm_sink_results(s, ACM_SINK_FAILED, err.text);
        return;
    }

    for (i = 0; i < n; i++) {
        ngx_acm_sink_result(s, i, results[i], why.text);
    }

    ngx_acm_sink_untake(s);
}


static void
ngx_acm_sink_request_free(ngx_acm_sink_request_t *req)
{
    acm_sigv4_lines_free(&req->lines);
    acm_http_free(req->http);
    acm_free(req);
}


void
ngx_acm_sink_http_stop(ngx_acm_sink_t *s)
{
    acm_transport_t         *transport;
    ngx_acm_sink_request_t  *req;

    req = s->work;

    if (req) {
        transport = ngx_acm_sink_transport();
        transport->cancel(transport->data, req->http);
        ngx_acm_sink_request_free(req);
        s->work = NULL;
    }
}


ngx_int_t
ngx_acm_sink_mail(ngx_acm_sink_t *s)
{
    acm_err_t        err;
    ngx_acm_mail_t  *mail;
    ngx_acm_smtp_t  *smtp;

    smtp = ngx_acm_sink_smtp();

    if (acm_mail_text(&s->letters[0]->event, smtp->from,
                      (const char *const *) s->conf->to, s->conf->nto,
                      &s->text)
        != ACM_OK)
    {
        s->text.rc = ACM_OK;
        return NGX_DONE;
    }

    mail = acm_calloc(1, sizeof(ngx_acm_mail_t));

    if (mail == NULL) {
        return NGX_DONE;
    }

    mail->url = (char *) smtp->url.data;
    mail->user = smtp->user;
    mail->password = smtp->secret ? smtp->secret->password : NULL;
    mail->ca_file = smtp->ca.len ? (char *) smtp->ca.data : NULL;
    mail->from = smtp->from;
    mail->to = (const char *const *) s->conf->to;
    mail->nto = s->conf->nto;
    mail->text.data = s->text.data;
    mail->text.len = s->text.len;
    mail->timeout = (long) s->conf->timeout;
    mail->starttls = smtp->starttls;
    mail->required = smtp->required;
    mail->done = ngx_acm_sink_mail_done;
    mail->data = s;

    if (ngx_acm_curl_mail(mail, &err) != ACM_OK) {
        acm_free(mail);
        ngx_acm_sink_results(s, ACM_SINK_FAILED, err.text);
        return NGX_DONE;
    }

    s->work = mail;

    return NGX_AGAIN;
}


static void
ngx_acm_sink_mail_done(ngx_acm_mail_t *mail)
{
    ngx_acm_sink_t  *s;

    s = mail->data;
    s->work = NULL;

    if (mail->rc == ACM_OK) {
        ngx_acm_sink_results(s, ACM_SINK_DELIVERED, NULL);

    } else {
        ngx_acm_sink_results(s, mail->rc == ACM_INVALID ? ACM_SINK_REFUSED
                                                        : ACM_SINK_FAILED,
                             mail->why.text);
    }

    acm_free(mail);
    ngx_acm_sink_ended(s);
}


void
ngx_acm_sink_mail_stop(ngx_acm_sink_t *s)
{
    if (s->work) {
        ngx_acm_curl_mail_cancel(s->work);
        acm_free(s->work);
        s->work = NULL;
    }
}
