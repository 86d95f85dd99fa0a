
/*
 * Copyright (C) The ngx_acm authors
 *
 * Amazon CloudWatch, or what speaks its protocol: the helper tells it, twice
 * a day, how many days each certificate has left.
 */


#include "ngx_acm.h"
#include "ngx_acm_curl.h"
#include "ngx_acm_sink.h"
#include "../shared/acm_cloudwatch.h"
#include "../shared/acm_sigv4.h"


#define NGX_ACM_CLOUDWATCH_EVERY   43200     /* seconds */
#define NGX_ACM_CLOUDWATCH_RETRY   60        /* seconds, then doubled */
#define NGX_ACM_CLOUDWATCH_MAX     3600


struct ngx_acm_cloudwatch_s {
    ngx_str_t                  url;
    ngx_str_t                  ca;           /* trusted certificates */
    char                      *region;
    char                      *space;        /* Namespace */
    ngx_acm_sink_secret_t     *secret;       /* aws of it */
    time_t                     every;        /* seconds */
};


/* of the helper */

typedef struct {
    ngx_acm_conf_t            *amcf;
    acm_transport_t            transport;
    acm_http_t                *http;         /* under way */
    acm_sigv4_lines_t          lines;
    acm_cloudwatch_t           where;        /* as of the last success */
    acm_cloudwatch_t           next;
    time_t                     at;           /* not before */
    time_t                     wait;         /* after a failure */
    unsigned                   ready:1;
} ngx_acm_cloudwatch_run_t;


static ngx_int_t ngx_acm_cloudwatch_secret(ngx_conf_t *cf,
    ngx_acm_cloudwatch_t *cw, ngx_str_t *value);
static ngx_int_t ngx_acm_cloudwatch_parameter(ngx_conf_t *cf,
    ngx_acm_cloudwatch_t *cw, ngx_str_t *value);
static ngx_int_t ngx_acm_cloudwatch_space(ngx_conf_t *cf,
    ngx_acm_cloudwatch_t *cw, ngx_str_t *value);
static ngx_uint_t ngx_acm_cloudwatch_due(ngx_acm_cloudwatch_run_t *run,
    time_t last);
static acm_rc_t ngx_acm_cloudwatch_body(ngx_acm_cloudwatch_run_t *run,
    acm_store_t *store, acm_buf_t *body, acm_err_t *err);
static acm_rc_t ngx_acm_cloudwatch_send(ngx_acm_cloudwatch_run_t *run,
    acm_buf_t *body, acm_err_t *err);
static void ngx_acm_cloudwatch_done(acm_http_t *http);
static void ngx_acm_cloudwatch_free(ngx_acm_cloudwatch_run_t *run);
static void ngx_acm_cloudwatch_failed(ngx_acm_cloudwatch_run_t *run,
    const char *why, ngx_log_t *log);


static ngx_acm_cloudwatch_run_t  ngx_acm_cloudwatch_run_state;


char *
ngx_acm_cloudwatch(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    ngx_str_t             *value;
    ngx_uint_t             i;
    ngx_acm_cloudwatch_t  *cw;

    if (amcf->cloudwatch) {
        return "is duplicate";
    }

    cw = ngx_pcalloc(cf->pool, sizeof(ngx_acm_cloudwatch_t));
    if (cw == NULL) {
        return NGX_CONF_ERROR;
    }

    amcf->cloudwatch = cw;

    value = cf->args->elts;

    if (!acm_http_url_ok((char *) value[1].data)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URL \"%V\": use https, or http to a "
                           "loopback address, like "
                           "\"https://monitoring.eu-west-1.amazonaws.com/\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    cw->url = value[1];
    cw->space = (char *) ACM_CLOUDWATCH_NAMESPACE;
    cw->every = NGX_ACM_CLOUDWATCH_EVERY;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_acm_cloudwatch_parameter(cf, cw, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (cw->region == NULL || cw->secret == NULL) {
        return "needs \"region=\" and \"credentials=\"";
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_acm_cloudwatch_parameter(ngx_conf_t *cf, ngx_acm_cloudwatch_t *cw,
    ngx_str_t *value)
{
    u_char     *p;
    ngx_str_t   s;

    p = ngx_strlchr(value->data, value->data + value->len, '=');

    if (p == NULL) {
        goto invalid;
    }

    s.data = p + 1;
    s.len = value->data + value->len - s.data;

    if (ngx_strncmp(value->data, "region=", 7) == 0) {
        return ngx_acm_sink_word(cf, "region=", &s, 64, &cw->region);
    }

    if (ngx_strncmp(value->data, "credentials=", 12) == 0) {
        return ngx_acm_cloudwatch_secret(cf, cw, &s);
    }

    if (ngx_strncmp(value->data, "namespace=", 10) == 0) {
        return ngx_acm_cloudwatch_space(cf, cw, &s);
    }

    if (ngx_strncmp(value->data, "trusted_certificate=", 20) == 0) {
        return ngx_acm_sink_trusted(cf, &cw->ca, &s);
    }

    if (ngx_strncmp(value->data, "every=", 6) == 0) {
        cw->every = ngx_parse_time(&s, 1);

        if (cw->every < 1) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid time in \"%V\": use at least 1s",
                               value);
            return NGX_ERROR;
        }

        return NGX_OK;
    }

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\": \"region=\", "
                       "\"credentials=\", \"namespace=\", \"every=\" and "
                       "\"trusted_certificate=\" are the only ones", value);

    return NGX_ERROR;
}


static ngx_int_t
ngx_acm_cloudwatch_space(ngx_conf_t *cf, ngx_acm_cloudwatch_t *cw,
    ngx_str_t *value)
{
    acm_err_t  err;

    if (acm_cloudwatch_namespace((char *) value->data, value->len, &err)
        != ACM_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"namespace=%V\": %s", value, err.text);
        return NGX_ERROR;
    }

    cw->space = (char *) value->data;

    return NGX_OK;
}


static ngx_int_t
ngx_acm_cloudwatch_secret(ngx_conf_t *cf, ngx_acm_cloudwatch_t *cw,
    ngx_str_t *value)
{
    char        text[ACM_MAX_SECRET_FILE + 1];
    size_t      len;
    acm_err_t   err;
    ngx_int_t   rc;

    rc = ngx_acm_sink_secret(cf, &cw->secret, value, text, sizeof(text),
                             &len);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    if (acm_aws_parse(text, len, &cw->secret->aws, &err) != ACM_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "credentials file \"%V\": %s", value, err.text);
        rc = NGX_ERROR;
    }

    ngx_explicit_memzero(text, sizeof(text));

    return rc;
}


void
ngx_acm_cloudwatch_forget(ngx_acm_conf_t *amcf)
{
    if (amcf->cloudwatch && amcf->cloudwatch->secret) {
        ngx_explicit_memzero(amcf->cloudwatch->secret,
                             sizeof(ngx_acm_sink_secret_t));
    }
}


void
ngx_acm_cloudwatch_run(ngx_acm_conf_t *amcf, acm_store_t *store,
    void (*wake)(void *data), void *data, ngx_log_t *log)
{
    acm_rc_t                   rc;
    acm_err_t                  err;
    acm_buf_t                  body;
    ngx_atomic_t              *sent;
    ngx_acm_cloudwatch_run_t  *run;

    run = &ngx_acm_cloudwatch_run_state;

    if (amcf->cloudwatch == NULL) {
        return;
    }

    if (!run->ready) {

        if (ngx_acm_curl_init(&run->transport, wake, data, log) != NGX_OK) {
            return;
        }

        run->ready = 1;
        run->amcf = amcf;
    }

    sent = &ngx_acm_shared(amcf)->metrics.cloudwatch;

    if (run->http || !ngx_acm_cloudwatch_due(run, (time_t) *sent)) {
        return;
    }

    err.text[0] = '\0';
    acm_buf_init(&body, ACM_MAX_CLOUDWATCH_BODY);

    rc = ngx_acm_cloudwatch_body(run, store, &body, &err);

    if (rc == ACM_OK) {
        rc = ngx_acm_cloudwatch_send(run, &body, &err);
    }

    acm_buf_free(&body);

    if (rc == ACM_NOTFOUND) {
        run->where.len = 0;
        *sent = (ngx_atomic_uint_t) ngx_time();

    } else if (rc != ACM_OK) {
        ngx_acm_cloudwatch_failed(run, err.text[0] ? err.text
                                                   : acm_rc_text(rc), log);
    }
}


/* The last time is known over a reload.  One that is to come is of a clock
   that was ahead. */

static ngx_uint_t
ngx_acm_cloudwatch_due(ngx_acm_cloudwatch_run_t *run, time_t last)
{
    time_t  now;

    now = ngx_time();

    if (run->at - now > NGX_ACM_CLOUDWATCH_MAX) {
        run->at = now;
    }

    if (now < run->at) {
        return 0;
    }

    return run->where.len != 0 || last > now
           || now - last >= run->amcf->cloudwatch->every;
}


/* From where the last success left off; a failure changes nothing. */

static acm_rc_t
ngx_acm_cloudwatch_body(ngx_acm_cloudwatch_run_t *run, acm_store_t *store,
    acm_buf_t *body, acm_err_t *err)
{
    size_t       n;
    acm_rc_t     rc;
    acm_snap_t  *snap;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    run->next = run->where;

    rc = acm_cloudwatch_body(snap, run->amcf->cloudwatch->space, acm_now(),
                             ACM_MAX_CLOUDWATCH_DATA, &run->next, body, &n);

    acm_store_end(snap);

    return rc;
}


static acm_rc_t
ngx_acm_cloudwatch_send(ngx_acm_cloudwatch_run_t *run, acm_buf_t *body,
    acm_err_t *err)
{
    acm_rc_t               rc;
    acm_str_t              payload;
    acm_http_t            *http;
    acm_aws_secret_t      *aws;
    acm_sigv4_signer_t     signer;
    ngx_acm_cloudwatch_t  *cw;

    cw = run->amcf->cloudwatch;
    aws = &cw->secret->aws;

    http = acm_http_new(ACM_HTTP_POST, (char *) cw->url.data);

    if (http == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for a request");
    }

    run->http = http;

    acm_buf_add(&http->body, body->data, body->len);
    rc = acm_buf_rc(&http->body);

    signer.key_id = aws->id;
    signer.secret = aws->secret;
    signer.token = aws->token[0] ? aws->token : NULL;
    signer.region = cw->region;
    signer.service = "monitoring";

    payload.data = http->body.data;
    payload.len = http->body.len;

    if (rc == ACM_OK) {
        rc = acm_sigv4_post(&signer, http->url, ACM_CLOUDWATCH_TYPE,
                            ACM_CLOUDWATCH_TARGET, &payload, acm_now(),
                            &run->lines, err);
    }

    if (rc == ACM_OK) {
        http->fields = (const char *const *) run->lines.lines;
        http->nfields = run->lines.n;
        http->ca_file = cw->ca.len ? (char *) cw->ca.data : NULL;
        http->done = ngx_acm_cloudwatch_done;
        http->data = run;

        rc = run->transport.send(run->transport.data, http, err);
    }

    if (rc != ACM_OK) {
        ngx_acm_cloudwatch_free(run);
    }

    return rc;
}


static void
ngx_acm_cloudwatch_done(acm_http_t *http)
{
    ngx_acm_cloudwatch_run_t  *run = http->data;

    u_char      why[ACM_MAX_ERROR];
    int64_t     wait;
    acm_err_t   fault;

    if (http->rc == ACM_OK && http->status == 200) {

        if (run->wait) {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "acm: cloudwatch takes metrics again");
        }

        run->where = run->next;
        run->wait = 0;

    } else if (http->rc != ACM_OK) {
        ngx_acm_cloudwatch_failed(run, http->why.text, ngx_cycle->log);

    } else {
        acm_put_events_fault(http->answer.data, http->answer.len, &fault);

        *ngx_snprintf(why, sizeof(why) - 1, "HTTP status %d%s%s",
                      http->status, fault.text[0] ? ", " : "", fault.text)
            = '\0';

        ngx_acm_cloudwatch_failed(run, (char *) why, ngx_cycle->log);

        wait = acm_http_retry_after(http, acm_now());

        if (wait > 0) {
            run->at = ngx_time() + ngx_min(wait, NGX_ACM_CLOUDWATCH_MAX);
        }
    }

    ngx_acm_cloudwatch_free(run);
}


static void
ngx_acm_cloudwatch_free(ngx_acm_cloudwatch_run_t *run)
{
    acm_sigv4_lines_free(&run->lines);
    acm_http_free(run->http);
    run->http = NULL;
}


static void
ngx_acm_cloudwatch_failed(ngx_acm_cloudwatch_run_t *run, const char *why,
    ngx_log_t *log)
{
    ngx_uint_t  level;

    /* the first of a row is for people, the others are for who looks */

    level = run->wait ? NGX_LOG_INFO : NGX_LOG_ERR;

    run->wait = run->wait ? ngx_min(run->wait * 2, NGX_ACM_CLOUDWATCH_MAX)
                          : NGX_ACM_CLOUDWATCH_RETRY;
    run->at = ngx_time() + run->wait;

    ngx_log_error(level, log, 0,
                  "acm: cloudwatch did not take metrics: %s; trying again "
                  "in %T s", why, run->wait);
}


void
ngx_acm_cloudwatch_stop(void)
{
    ngx_acm_cloudwatch_run_t  *run;

    run = &ngx_acm_cloudwatch_run_state;

    if (!run->ready) {
        return;
    }

    if (run->http) {
        run->transport.cancel(run->transport.data, run->http);
        ngx_acm_cloudwatch_free(run);
    }

    ngx_acm_curl_done();

    ngx_memzero(run, sizeof(ngx_acm_cloudwatch_run_t));
}
