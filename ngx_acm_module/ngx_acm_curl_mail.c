
/*
 * Copyright (C) The ngx_acm authors
 *
 * Mails, by SMTP.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_acm_curl_impl.h"


static ngx_uint_t ngx_acm_curl_mail_options(ngx_acm_curl_request_t *req);
static size_t ngx_acm_curl_mail_read(char *p, size_t size, size_t n,
    void *data);
static size_t ngx_acm_curl_mail_ignore(char *p, size_t size, size_t n,
    void *data);
static void ngx_acm_curl_mail_complete(ngx_acm_curl_request_t *req,
    CURLcode code);
static ngx_uint_t ngx_acm_curl_mail_others(ngx_acm_mail_t *mail);
static void ngx_acm_curl_mail_finish(ngx_acm_curl_request_t *req,
    CURLcode code);


acm_rc_t
ngx_acm_curl_mail(ngx_acm_mail_t *mail, acm_err_t *err)
{
    CURLMcode                code;
    ngx_acm_curl_t          *curl;
    ngx_acm_curl_request_t  *req;

    curl = &ngx_acm_curl;

    if (curl->multi == NULL) {
        return acm_fail(err, ACM_BUSY, "\"%s\": no mail can be sent now",
                        mail->url);
    }

    req = acm_calloc(1, sizeof(ngx_acm_curl_request_t));

    if (req == NULL) {
        return acm_fail(err, ACM_NOMEM, "\"%s\": no memory", mail->url);
    }

    req->mail = mail;
    req->handle = &mail->handle;
    req->complete = ngx_acm_curl_mail_complete;
    req->easy = curl_easy_init();
    ngx_queue_insert_tail(&curl->requests, &req->queue);

    if (req->easy == NULL || ngx_acm_curl_mail_options(req)) {
        ngx_acm_curl_free(curl, req);
        return acm_fail(err, ACM_NOMEM, "\"%s\": the mail cannot be made: no "
                        "memory, or libcurl has no SMTP", mail->url);
    }

    code = curl_multi_add_handle(curl->multi, req->easy);

    if (code != CURLM_OK) {
        ngx_acm_curl_free(curl, req);
        return acm_fail(err, ACM_ERROR, "\"%s\": the mail cannot be sent: %s",
                        mail->url, curl_multi_strerror(code));
    }

    mail->handle = req;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, curl->log, 0, "acm curl: mail \"%s\"",
                   mail->url);

    return ACM_OK;
}


void
ngx_acm_curl_mail_cancel(ngx_acm_mail_t *mail)
{
    if (mail->handle) {
        ngx_acm_curl_free(&ngx_acm_curl, mail->handle);
    }
}


static ngx_uint_t
ngx_acm_curl_mail_options(ngx_acm_curl_request_t *req)
{
    CURL               *e;
    long                tls;
    size_t              i;
    ngx_uint_t          rc;
    ngx_acm_mail_t     *mail;
    struct curl_slist  *to;

    e = req->easy;
    mail = req->mail;

    rc = ngx_acm_curl_common(req, mail->timeout);
    rc |= ngx_acm_curl_tls(req, mail->ca_file);

    tls = mail->required ? CURLUSESSL_ALL
                         : mail->starttls ? CURLUSESSL_TRY : CURLUSESSL_NONE;

    rc |= curl_easy_setopt(e, CURLOPT_URL, mail->url);
    rc |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    rc |= curl_easy_setopt(e, CURLOPT_USE_SSL, tls);
    rc |= curl_easy_setopt(e, CURLOPT_MAIL_FROM, mail->from);

    if (mail->user) {
        rc |= curl_easy_setopt(e, CURLOPT_USERNAME, mail->user);
        rc |= curl_easy_setopt(e, CURLOPT_PASSWORD, mail->password);
    }

    for (i = 0; i < mail->nto; i++) {
        to = curl_slist_append(req->fields, mail->to[i]);

        if (to == NULL) {
            return 1;
        }

        req->fields = to;
    }

    rc |= curl_easy_setopt(e, CURLOPT_MAIL_RCPT, req->fields);
    rc |= curl_easy_setopt(e, CURLOPT_MAIL_RCPT_ALLLOWFAILS,
                           (long) mail->partial);
    rc |= curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
    rc |= curl_easy_setopt(e, CURLOPT_READFUNCTION, ngx_acm_curl_mail_read);
    rc |= curl_easy_setopt(e, CURLOPT_READDATA, req);
    rc |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION,
                           ngx_acm_curl_mail_ignore);

    return rc;
}


static size_t
ngx_acm_curl_mail_read(char *p, size_t size, size_t n, void *data)
{
    ngx_acm_curl_request_t *req = data;

    size_t           len;
    ngx_acm_mail_t  *mail;

    mail = req->mail;
    len = ngx_min(size * n, mail->text.len - req->octets);

    ngx_memcpy(p, mail->text.data + req->octets, len);
    req->octets += len;

    return len;
}


static size_t
ngx_acm_curl_mail_ignore(char *p, size_t size, size_t n, void *data)
{
    return size * n;
}


static void
ngx_acm_curl_mail_complete(ngx_acm_curl_request_t *req, CURLcode code)
{
    ngx_uint_t       sent;
    ngx_acm_mail_t  *mail;

    mail = req->mail;
    sent = (req->octets != 0);

    ngx_acm_curl_mail_finish(req, code);
    ngx_acm_curl_free(&ngx_acm_curl, req);

    if (mail->rc == ACM_INVALID && !sent && ngx_acm_curl_mail_others(mail)) {
        return;
    }

    mail->done(mail);
}


/*
 * An address that is no more must not take the mail from the others: it is
 * sent to whoever is left.  Only then, since whoever can be reached later
 * would miss it.  1: it is under way.
 */

static ngx_uint_t
ngx_acm_curl_mail_others(ngx_acm_mail_t *mail)
{
    acm_err_t  err;

    if (mail->nto < 2 || mail->partial) {
        return 0;
    }

    mail->partial = 1;

    if (ngx_acm_curl_mail(mail, &err) == ACM_OK) {
        return 1;
    }

    /* as a whole, later */

    mail->rc = ACM_ERROR;
    mail->why = err;

    return 0;
}


/*
 * A mail is refused for good if the server says so of it or of whom it is
 * for; what it says of us, as in a greeting or of a password, may change.
 */

static void
ngx_acm_curl_mail_finish(ngx_acm_curl_request_t *req, CURLcode code)
{
    long             status;
    acm_rc_t         rc;
    const char      *what, *reason;
    ngx_acm_mail_t  *mail;

    mail = req->mail;

    if (code == CURLE_OK) {
        mail->rc = ACM_OK;

        if (mail->partial) {
            ngx_log_error(NGX_LOG_ERR, ngx_acm_curl.log, 0,
                          "acm: %s, for a part of its %uz recipients; the "
                          "others have it", mail->why.text, mail->nto);
        }

        return;
    }

    status = 0;
    (void) curl_easy_getinfo(req->easy, CURLINFO_RESPONSE_CODE, &status);

    what = ngx_acm_curl_what(code, &rc);
    reason = (req->error[0] != '\0') ? req->error : curl_easy_strerror(code);

    if (((status >= 550 && status <= 554) || status == 556)
        && (code == CURLE_SEND_ERROR || req->octets != 0))
    {
        rc = ACM_INVALID;
        what = "refused the mail";
    }

    if (status >= 400) {
        mail->rc = acm_fail(&mail->why, rc, "\"%s\" %s: %s, SMTP status %ld",
                            mail->url, what, reason, status);

    } else {
        mail->rc = acm_fail(&mail->why, rc, "\"%s\" %s: %s", mail->url, what,
                            reason);
    }
}
