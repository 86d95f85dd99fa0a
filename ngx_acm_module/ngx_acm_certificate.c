
/*
 * Copyright (C) The ngx_acm authors
 *
 * acm_certificate, as servers of http, stream and mail have it.
 */


#include "ngx_acm_server.h"


static ngx_int_t ngx_acm_certificate_add_name(ngx_conf_t *cf,
    ngx_acm_want_t *want, ngx_str_t *name, ngx_uint_t address,
    acm_err_t *err);
static char *ngx_acm_certificate_mode(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_str_t *value);
static char *ngx_acm_certificate_parameter(ngx_conf_t *cf,
    ngx_acm_want_t *want, ngx_str_t *value, ngx_str_t *fallback);
static ngx_uint_t ngx_acm_certificate_on_demand(ngx_conf_t *cf);
static char *ngx_acm_certificate_validation(ngx_conf_t *cf,
    ngx_acm_want_t *want, ngx_str_t *value);
static char *ngx_acm_certificate_keys(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_str_t *value);
static char *ngx_acm_certificate_placeholder(ngx_conf_t *cf,
    ngx_acm_want_t *want, ngx_array_t **certs, ngx_array_t **keys,
    ngx_str_t *fallback);


char *
ngx_acm_certificate(ngx_conf_t *cf, ngx_acm_want_t **to, ngx_array_t **certs,
    ngx_array_t **keys)
{
    char             *rv;
    ngx_str_t        *value, fallback;
    ngx_uint_t        i;
    ngx_acm_want_t   *want, **wants;
    ngx_acm_conf_t   *amcf;

    if (*to) {
        return "is duplicate";
    }

    want = ngx_pcalloc(cf->pool, sizeof(ngx_acm_want_t));
    if (want == NULL) {
        return NGX_CONF_ERROR;
    }

    want->file = cf->conf_file->file.name.data;
    want->line = cf->conf_file->line;

    if (ngx_array_init(&want->names, cf->pool, 4, sizeof(char *)) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    rv = ngx_acm_certificate_mode(cf, want, &value[1]);

    ngx_str_null(&fallback);

    for (i = 2; rv == NGX_CONF_OK && i < cf->args->nelts; i++) {
        rv = ngx_acm_certificate_parameter(cf, want, &value[i], &fallback);
    }

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (want->nkeys == 0) {
        want->keys[want->nkeys++] = ACM_KEY_EC_P256;
    }

    amcf = ngx_acm_get_conf(cf->cycle);

    wants = ngx_array_push(&amcf->wants);
    if (wants == NULL) {
        return NGX_CONF_ERROR;
    }

    *wants = want;
    *to = want;

    return ngx_acm_certificate_placeholder(cf, want, certs, keys, &fallback);
}


ngx_int_t
ngx_acm_certificate_init(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_acm_server_t *s, const char *cure)
{
    if (s->certificates->nelts != 1 || s->certificate_keys->nelts != 1) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"acm_certificate\" in %s:%ui and \"ssl_certificate\" "
                      "are in one server: remove one of them",
                      want->file, want->line);
        return NGX_ERROR;
    }

    if (want->mode == NGX_ACM_AUTO && want->names.nelts == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"acm_certificate auto\" in %s:%ui has no names: %s",
                      want->file, want->line, cure);
        return NGX_ERROR;
    }

    if (s->ctx == NULL) {
        return NGX_OK;
    }

    if (ngx_acm_session_context(want, s) != NGX_OK) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "acm: setting a session context failed");
        return NGX_ERROR;
    }

    if (ngx_acm_displaced(s->ctx)) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"acm_certificate\" in %s:%ui takes the place of what "
                      "another module, as \"ssl_certificate_by_lua\" does, "
                      "would choose a certificate by in server \"%V\": it is "
                      "not called; remove one of them",
                      want->file, want->line, &s->name);
    }

    SSL_CTX_set_cert_cb(s->ctx, ngx_acm_ssl_cert_cb, want);
    ngx_acm_staple_init(ngx_acm_get_conf(cf->cycle), s->ctx);

    return NGX_OK;
}


void
ngx_acm_certificate_deaf(ngx_conf_t *cf, ngx_acm_want_t *want,
    const char *cure)
{
    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "\"acm_certificate\" in %s:%ui serves no client, since the "
                  "server does no TLS: %s", want->file, want->line, cure);
}


ngx_int_t
ngx_acm_certificate_name(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_str_t *given, ngx_uint_t regex)
{
    u_char     *p;
    acm_err_t   err;
    ngx_str_t   name, wildcard;

    name = *given;

    if (name.len == 0) {
        /* requests without a Host: no client asks TLS for that */
        return NGX_OK;
    }

    if (regex) {
        (void) acm_fail(&err, ACM_INVALID,
                        "a regular expression is no name");
        goto failed;
    }

    if (name.data[0] == '.') {

        /* ".example.com" is short for the name and all below it */

        wildcard.len = name.len + 1;
        wildcard.data = ngx_pnalloc(cf->pool, wildcard.len + 1);
        if (wildcard.data == NULL) {
            return NGX_ERROR;
        }

        p = wildcard.data;
        *p++ = '*';
        ngx_memcpy(p, name.data, name.len);
        wildcard.data[wildcard.len] = '\0';

        name.data++;
        name.len--;

        if (ngx_acm_certificate_add_name(cf, want, &name, 0, &err)
            != NGX_OK)
        {
            goto failed;
        }

        name = wildcard;
    }

    if (ngx_acm_certificate_add_name(cf, want, &name, 0, &err) == NGX_OK) {
        return NGX_OK;
    }

failed:

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"acm_certificate auto\" in %s:%ui: server name \"%V\" "
                  "cannot be in a certificate: %s; list the names that can: "
                  "\"acm_certificate auto www.example.com;\"",
                  want->file, want->line, given, err.text);

    return NGX_ERROR;
}


static ngx_int_t
ngx_acm_certificate_add_name(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_str_t *name, ngx_uint_t address, acm_err_t *err)
{
    char         buf[ACM_MAX_NAME + 1], **names;
    acm_rc_t     rc;
    ngx_str_t    copy;
    ngx_uint_t   i;

    rc = address
         ? acm_name_identifier((char *) name->data, name->len, buf, err)
         : acm_name_request((char *) name->data, name->len, buf, err);

    if (rc != ACM_OK) {
        return NGX_ERROR;
    }

    names = want->names.elts;

    for (i = 0; i < want->names.nelts; i++) {
        if (ngx_strcmp(names[i], buf) == 0) {
            return NGX_OK;
        }
    }

    if (want->names.nelts == ACM_MAX_NAMES) {
        (void) acm_fail(err, ACM_TOOBIG, "a certificate holds at most %d "
                        "names", ACM_MAX_NAMES);
        return NGX_ERROR;
    }

    names = ngx_array_push(&want->names);
    if (names == NULL) {
        (void) acm_fail(err, ACM_NOMEM, "no memory");
        return NGX_ERROR;
    }

    copy.data = (u_char *) buf;
    copy.len = ngx_strlen(buf) + 1;

    *names = (char *) ngx_pstrdup(cf->pool, &copy);

    if (*names == NULL) {
        (void) acm_fail(err, ACM_NOMEM, "no memory");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static char *
ngx_acm_certificate_mode(ngx_conf_t *cf, ngx_acm_want_t *want, ngx_str_t *value)
{
    acm_err_t  err;
    acm_str_t  account, region;

    if (ngx_strcmp(value->data, "auto") == 0) {
        want->mode = NGX_ACM_AUTO;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value->data, "sni") == 0) {
        want->mode = NGX_ACM_SNI;
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value->data, "arn:", 4) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\": use \"auto\", \"sni\" or "
                           "the ARN of a certificate", value);
        return NGX_CONF_ERROR;
    }

    if (acm_arn_parse((char *) value->data, value->len, &account, &region,
                      want->uuid, &err)
        != ACM_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid ARN \"%V\": %s",
                           value, err.text);
        return NGX_CONF_ERROR;
    }

    if (account.len > ACM_MAX_LABEL || region.len > ACM_MAX_LABEL) {
        return "has an over-long ARN";
    }

    ngx_memcpy(want->account, account.data, account.len);
    ngx_memcpy(want->region, region.data, region.len);

    want->mode = NGX_ACM_ARN;

    return NGX_CONF_OK;
}


static char *
ngx_acm_certificate_parameter(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_str_t *value, ngx_str_t *fallback)
{
    acm_err_t  err;
    ngx_str_t  s;

    if (ngx_strncmp(value->data, "fallback=", 9) == 0 && value->len > 9) {
        fallback->data = value->data + 9;
        fallback->len = value->len - 9;
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value->data, "on_demand=", 10) == 0) {
        s.data = value->data + 10;
        s.len = value->len - 10;
        return ngx_acm_demand_parameter(cf, want, &s);
    }

    if (want->mode == NGX_ACM_ARN
        || (want->mode == NGX_ACM_SNI && !ngx_acm_certificate_on_demand(cf)))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": only \"fallback=\" "
                           "goes without \"auto\" or \"on_demand=\"", value);
        return NGX_CONF_ERROR;
    }

    if (ngx_strncmp(value->data, "issuer=", 7) == 0 && value->len > 7) {
        want->issuer.data = value->data + 7;
        want->issuer.len = value->len - 7;
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value->data, "key=", 4) == 0) {
        s.data = value->data + 4;
        s.len = value->len - 4;
        return ngx_acm_certificate_keys(cf, want, &s);
    }

    if (ngx_strncmp(value->data, "validation=", 11) == 0
        && want->mode == NGX_ACM_AUTO)
    {
        return ngx_acm_certificate_validation(cf, want, value);
    }

    if (ngx_strlchr(value->data, value->data + value->len, '=')
        || want->mode != NGX_ACM_AUTO)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": \"issuer=\", "
                           "\"key=\", \"validation=\", \"on_demand=\" and "
                           "\"fallback=\" are known", value);
        return NGX_CONF_ERROR;
    }

    if (ngx_acm_certificate_add_name(cf, want, value, 1, &err) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "name \"%V\" cannot be in a certificate: %s",
                           value, err.text);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* whatever the order of the parameters */

static ngx_uint_t
ngx_acm_certificate_on_demand(ngx_conf_t *cf)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_strncmp(value[i].data, "on_demand=", 10) == 0) {
            return 1;
        }
    }

    return 0;
}


static char *
ngx_acm_certificate_validation(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_str_t *value)
{
    u_char  *method;

    method = value->data + sizeof("validation=") - 1;

    if (ngx_strcmp(method, "http") == 0) {
        want->method = ACM_METHOD_HTTP_01;

    } else if (ngx_strcmp(method, "tls-alpn") == 0) {
        want->method = ACM_METHOD_TLS_ALPN_01;

    } else if (ngx_strcmp(method, "dns") == 0) {
        want->method = ACM_METHOD_DNS_01;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": use \"http\", "
                           "\"tls-alpn\" or \"dns\"", value);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_acm_certificate_keys(ngx_conf_t *cf, ngx_acm_want_t *want, ngx_str_t *value)
{
    u_char     *p, *last, *end;
    acm_key_e   key;

    if (want->nkeys) {
        return "has a duplicate \"key\"";
    }

    last = value->data + value->len;

    for (p = value->data; p <= last; p = end + 1) {

        end = ngx_strlchr(p, last, ',');
        if (end == NULL) {
            end = last;
        }

        key = acm_key_parse((char *) p, end - p);

        if (key == ACM_KEY_NONE || key == ACM_KEY_RSA_1024
            || key == ACM_KEY_EC_P521)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid key \"%V\": use ecdsa:256, "
                               "ecdsa:384, rsa:2048, rsa:3072 or rsa:4096, "
                               "or two of them with a comma", value);
            return NGX_CONF_ERROR;
        }

        if (want->nkeys == NGX_ACM_KEY_TYPES
            || (want->nkeys == 1
                && (want->keys[0] >= ACM_KEY_EC_P256)
                   == (key >= ACM_KEY_EC_P256)))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "too many keys in \"%V\": one ECDSA and one "
                               "RSA key can be used", value);
            return NGX_CONF_ERROR;
        }

        want->keys[want->nkeys++] = key;
    }

    return NGX_CONF_OK;
}


/*
 * nginx makes no SSL context for a server without a certificate: so the
 * fallback is put where "ssl_certificate" would be.
 */

static char *
ngx_acm_certificate_placeholder(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_array_t **certs, ngx_array_t **keys, ngx_str_t *fallback)
{
    ngx_str_t       *cert, *key;
    ngx_acm_conf_t  *amcf;

    amcf = ngx_acm_get_conf(cf->cycle);

    if (*certs != NGX_CONF_UNSET_PTR || *keys != NGX_CONF_UNSET_PTR) {
        return "and \"ssl_certificate\" are in one server: remove one of "
               "them";
    }

    *certs = ngx_array_create(cf->pool, 1, sizeof(ngx_str_t));
    *keys = ngx_array_create(cf->pool, 1, sizeof(ngx_str_t));

    if (*certs == NULL || *keys == NULL) {
        return NGX_CONF_ERROR;
    }

    cert = ngx_array_push(*certs);
    key = ngx_array_push(*keys);

    if (cert == NULL || key == NULL) {
        return NGX_CONF_ERROR;
    }

    if (fallback->len && ngx_strcmp(fallback->data, "reject") == 0) {
        want->reject = 1;

    } else if (fallback->len
               && ngx_strcmp(fallback->data, "self_signed") != 0)
    {
        /* nginx would look for the file in a callback, whose place is taken */

        if (ngx_strlchr(fallback->data, fallback->data + fallback->len, '$')) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid fallback \"%V\": variables cannot be "
                               "used, name one file", fallback);
            return NGX_CONF_ERROR;
        }

        if (ngx_conf_full_name(cf->cycle, fallback, 1) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        *cert = *fallback;
        *key = *fallback;

        return NGX_CONF_OK;
    }

    if (amcf->placeholder.data == NULL
        && ngx_acm_ssl_placeholder(cf, &amcf->placeholder,
                                   &amcf->placeholder_key)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    *cert = amcf->placeholder;
    *key = amcf->placeholder_key;

    return NGX_CONF_OK;
}
