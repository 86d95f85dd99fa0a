
/*
 * Copyright (C) The ngx_acm authors
 *
 * The directive of the mail server, and what it has in common with that of
 * sinks: secrets in files.
 */


#include <sys/mman.h>

#include "ngx_acm_sink.h"


static ngx_int_t ngx_acm_smtp_url(ngx_conf_t *cf, ngx_acm_smtp_t *smtp,
    ngx_str_t *value);
static ngx_int_t ngx_acm_smtp_parameter(ngx_conf_t *cf,
    ngx_acm_smtp_t *smtp, ngx_str_t *value);
static ngx_int_t ngx_acm_smtp_password(ngx_conf_t *cf, ngx_acm_smtp_t *smtp,
    ngx_str_t *value);
static void ngx_acm_sink_unmap(void *data);


char *
ngx_acm_smtp(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    ngx_str_t       *value;
    ngx_uint_t       i;
    ngx_acm_smtp_t  *smtp;

    if (amcf->smtp) {
        return "is duplicate";
    }

    smtp = ngx_pcalloc(cf->pool, sizeof(ngx_acm_smtp_t));
    if (smtp == NULL) {
        return NGX_CONF_ERROR;
    }

    amcf->smtp = smtp;
    smtp->starttls = 1;

    value = cf->args->elts;

    if (ngx_acm_smtp_url(cf, smtp, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_acm_smtp_parameter(cf, smtp, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (smtp->from == NULL) {
        return "needs \"from=\" with the address of the sender";
    }

    if ((smtp->user != NULL) != (smtp->secret != NULL)) {
        return "needs both \"user=\" and \"password_file=\", or none";
    }

    if (smtp->user != NULL && !smtp->said) {
        smtp->required = 1;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_acm_smtp_url(ngx_conf_t *cf, ngx_acm_smtp_t *smtp, ngx_str_t *value)
{
    u_char     *p;
    size_t      host, port;
    ngx_int_t   n;

    p = value->data;

    if (ngx_strncmp(p, "smtp://", 7) == 0) {
        p += 7;

    } else if (ngx_strncmp(p, "smtps://", 8) == 0) {
        p += 8;

    } else {
        p = value->data + value->len;
    }

    if (*p == '[') {
        host = strspn((char *) p + 1, "0123456789abcdefABCDEF:.") + 1;
        host = (p[host] == ']') ? host + 1 : 0;

    } else {
        host = strspn((char *) p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                      "abcdefghijklmnopqrstuvwxyz0123456789-.");
    }

    n = 25;
    port = 0;

    if (host != 0 && p[host] == ':') {
        port = strspn((char *) p + host + 1, "0123456789");
        n = ngx_atoi(p + host + 1, port);
        port++;
    }

    if (host == 0 || p[host + port] != '\0' || n < 1 || n > 65535) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid mail server \"%V\": use an URL like "
                           "\"smtp://mail.example.com:587\", smtp or smtps",
                           value);
        return NGX_ERROR;
    }

    smtp->url = *value;

    return NGX_OK;
}


static ngx_int_t
ngx_acm_smtp_parameter(ngx_conf_t *cf, ngx_acm_smtp_t *smtp,
    ngx_str_t *value)
{
    ngx_str_t  s;

    if (ngx_strncmp(value->data, "from=", 5) == 0) {
        s.data = value->data + 5;
        s.len = value->len - 5;

        if (!acm_address_ok((char *) s.data, s.len)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid \"%V\": use an address like "
                               "\"from=acm@example.com\"", value);
            return NGX_ERROR;
        }

        smtp->from = (char *) s.data;
        return NGX_OK;
    }

    if (ngx_strncmp(value->data, "user=", 5) == 0) {
        s.data = value->data + 5;
        s.len = value->len - 5;
        return ngx_acm_sink_word(cf, "user=", &s, 256, &smtp->user);
    }

    if (ngx_strncmp(value->data, "password_file=", 14) == 0) {
        s.data = value->data + 14;
        s.len = value->len - 14;
        return ngx_acm_smtp_password(cf, smtp, &s);
    }

    if (ngx_strncmp(value->data, "trusted_certificate=", 20) == 0) {
        s.data = value->data + 20;
        s.len = value->len - 20;
        return ngx_acm_sink_trusted(cf, &smtp->ca, &s);
    }

    if (ngx_strcmp(value->data, "starttls=on") == 0) {
        smtp->said = 1;
        return NGX_OK;
    }

    if (ngx_strcmp(value->data, "starttls=required") == 0) {
        smtp->said = 1;
        smtp->required = 1;
        return NGX_OK;
    }

    if (ngx_strcmp(value->data, "starttls=off") == 0) {
        smtp->said = 1;
        smtp->starttls = 0;
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\": \"from=\", \"user=\", "
                       "\"password_file=\", \"trusted_certificate=\" and "
                       "\"starttls=on|required|off\" are the only ones",
                       value);

    return NGX_ERROR;
}


static ngx_int_t
ngx_acm_smtp_password(ngx_conf_t *cf, ngx_acm_smtp_t *smtp, ngx_str_t *value)
{
    char        text[ACM_MAX_PASSWORD + 2];
    size_t      len;
    ngx_int_t   rc;

    rc = ngx_acm_sink_secret(cf, &smtp->secret, value, text, sizeof(text),
                             &len);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    /* one line */

    text[strcspn(text, "\r\n")] = '\0';

    if (text[0] == '\0') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "password file \"%V\" is empty", value);
        rc = NGX_ERROR;
    }

    ngx_memcpy(smtp->secret->password, text, sizeof(text));
    ngx_explicit_memzero(text, sizeof(text));

    return rc;
}


ngx_int_t
ngx_acm_sink_trusted(ngx_conf_t *cf, ngx_str_t *ca, ngx_str_t *value)
{
    ngx_file_info_t  fi;

    *ca = *value;

    if (ngx_conf_full_name(cf->cycle, ca, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_file_info(ca->data, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"trusted_certificate=%V\" is no file", ca);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Read here, by root; NGX_DECLINED: not at all, for "nginx -s". */

ngx_int_t
ngx_acm_sink_secret(ngx_conf_t *cf, ngx_acm_sink_secret_t **secret,
    ngx_str_t *file, char *text, size_t size, size_t *len)
{
    void                *page;
    acm_err_t            err;
    ngx_pool_cleanup_t  *cln;

    if (ngx_conf_full_name(cf->cycle, file, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->cycle->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    page = mmap(NULL, sizeof(ngx_acm_sink_secret_t), PROT_READ|PROT_WRITE,
                MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno,
                      "acm: mmap() of a key page failed");
        return NGX_ERROR;
    }

    (void) madvise(page, sizeof(ngx_acm_sink_secret_t), MADV_DONTDUMP);

    *secret = page;

    cln->handler = ngx_acm_sink_unmap;
    cln->data = page;

    /* "nginx -s" needs no key, and its user may not be able to read it */

    if (ngx_process == NGX_PROCESS_SIGNALLER) {
        return NGX_DECLINED;
    }

    if (acm_secret_read((char *) file->data, text, size, len, &err)
        != ACM_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s", err.text);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_acm_sink_unmap(void *data)
{
    ngx_explicit_memzero(data, sizeof(ngx_acm_sink_secret_t));

    (void) munmap(data, sizeof(ngx_acm_sink_secret_t));
}


void
ngx_acm_sink_forget(ngx_acm_conf_t *amcf)
{
    ngx_uint_t            i;
    ngx_acm_sink_conf_t  *s;

    if (amcf->smtp && amcf->smtp->secret) {
        ngx_explicit_memzero(amcf->smtp->secret,
                             sizeof(ngx_acm_sink_secret_t));
    }

    if (amcf->sinks == NULL) {
        return;
    }

    s = amcf->sinks->elts;

    for (i = 0; i < amcf->sinks->nelts; i++) {
        if (s[i].secret) {
            ngx_explicit_memzero(s[i].secret, sizeof(ngx_acm_sink_secret_t));
        }
    }
}


ngx_int_t
ngx_acm_sink_word(ngx_conf_t *cf, const char *what, ngx_str_t *value,
    size_t max, char **out)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] <= ' ' || value->data[i] >= 0x7f
            || value->data[i] == '"' || value->data[i] == '\\')
        {
            break;
        }
    }

    if (i != value->len || value->len > max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%s%V\": use up to %uz visible ASCII "
                           "characters", what, value, max);
        return NGX_ERROR;
    }

    *out = (char *) value->data;

    return NGX_OK;
}
