
/*
 * Copyright (C) The ngx_acm authors
 *
 * Values of an issuer's directives that say how a CA is asked over ACME.
 */


#include "ngx_acm_issuer.h"


#define NGX_ACM_MAX_RATE  1000000


static char *ngx_acm_issuer_rate_of(ngx_conf_t *cf, ngx_str_t *value,
    size_t skip, acm_rate_t *rate);


char *
ngx_acm_issuer_contact(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    u_char        *p;
    ngx_str_t     *value;
    ngx_uint_t     i, total;
    acm_issuer_t  *issuer;

    issuer = &ngx_acm_issuer_last((ngx_acm_conf_t *) conf)->issuer;

    if (issuer->ncontacts) {
        return "is duplicate: name all contacts in one";
    }

    value = cf->args->elts;
    total = 0;

    if (cf->args->nelts - 1 > ACM_MAX_CONTACTS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "more than %d contacts",
                           ACM_MAX_CONTACTS);
        return NGX_CONF_ERROR;
    }

    issuer->contacts = ngx_palloc(cf->pool,
                                  cf->args->nelts * sizeof(char *));
    if (issuer->contacts == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        for (p = value[i].data; *p > ' ' && *p < 0x7f; p++) { /* void */ }

        total += value[i].len + 1;

        if (*p != '\0' || ngx_strlchr(value[i].data, p, ':') == NULL
            || total > ACM_MAX_CONTACT_TEXT)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid contact \"%V\": use an URL, like "
                               "\"mailto:ops@example.com\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        issuer->contacts[issuer->ncontacts++] = (char *) value[i].data;
    }

    return NGX_CONF_OK;
}


/* The key is a secret: it is read here, by root, and never by a worker. */

char *
ngx_acm_issuer_eab(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    u_char            text[ACM_MAX_EAB_KEY + 1];
    ssize_t           n;
    ngx_fd_t          fd;
    acm_buf_t         key;
    ngx_str_t        *value;
    acm_issuer_t     *issuer;
    ngx_file_info_t   fi;

    issuer = &ngx_acm_issuer_last((ngx_acm_conf_t *) conf)->issuer;

    if (issuer->eab_kid) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[2], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(value[2].data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", &value[2]);
        return NGX_CONF_ERROR;
    }

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR && (ngx_file_access(&fi) & 077))
    {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "mode %ui%ui%ui of \"%V\" lets others at the "
                           "key: \"chmod 600\" it",
                           (ngx_uint_t) (ngx_file_access(&fi) >> 6 & 7),
                           (ngx_uint_t) (ngx_file_access(&fi) >> 3 & 7),
                           (ngx_uint_t) (ngx_file_access(&fi) & 7),
                           &value[2]);
    }

    n = ngx_read_fd(fd, text, sizeof(text));

    ngx_close_file(fd);

    while (n > 0 && (text[n - 1] == LF || text[n - 1] == CR
                     || text[n - 1] == ' ' || text[n - 1] == '='))
    {
        n--;
    }

    acm_buf_init(&key, ACM_MAX_EAB_KEY);

    if (n <= 0 || n > ACM_MAX_EAB_KEY
        || acm_b64url_decode(&key, (char *) text, n) != ACM_OK)
    {
        ngx_explicit_memzero(text, sizeof(text));
        acm_buf_free_secret(&key);
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" holds no key in base64url of up to %d "
                           "characters, as the CA gives it out",
                           &value[2], ACM_MAX_EAB_KEY);
        return NGX_CONF_ERROR;
    }

    ngx_explicit_memzero(text, sizeof(text));

    issuer->eab_kid = (char *) value[1].data;
    issuer->eab_key_secret.len = key.len;
    issuer->eab_key_secret.data = ngx_pnalloc(cf->pool, key.len);

    if (issuer->eab_key_secret.data) {
        ngx_memcpy(issuer->eab_key_secret.data, key.data, key.len);
    }

    acm_buf_free_secret(&key);

    return issuer->eab_key_secret.data ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_acm_issuer_trusted(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t        *value;
    acm_issuer_t     *issuer;
    ngx_file_info_t   fi;

    issuer = &ngx_acm_issuer_last((ngx_acm_conf_t *) conf)->issuer;

    if (issuer->ca_file) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_file_info(value[1].data, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_file_info_n " \"%V\" failed", &value[1]);
        return NGX_CONF_ERROR;
    }

    issuer->ca_file = (char *) value[1].data;

    return NGX_CONF_OK;
}


char *
ngx_acm_issuer_profile(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t     *value;
    acm_issuer_t  *issuer;

    value = cf->args->elts;
    issuer = &ngx_acm_issuer_last((ngx_acm_conf_t *) conf)->issuer;

    if (value[1].len == 0 || value[1].len > ACM_MAX_PROFILE) {
        return "is no name of up to 64 characters";
    }

    issuer->profile = (char *) value[1].data;

    return NGX_CONF_OK;
}


char *
ngx_acm_issuer_chain(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "is empty";
    }

    ngx_acm_issuer_last((ngx_acm_conf_t *) conf)->issuer.preferred_chain =
                                                       (char *) value[1].data;

    return NGX_CONF_OK;
}


char *
ngx_acm_issuer_challenge(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    size_t         n;
    ngx_str_t     *value;
    ngx_uint_t     i;
    acm_method_e   method;
    acm_issuer_t  *issuer;

    issuer = &ngx_acm_issuer_last((ngx_acm_conf_t *) conf)->issuer;

    if (issuer->nmethods) {
        return "is duplicate: name all methods in one, in their order";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        method = acm_method_parse((char *) value[i].data, value[i].len);

        for (n = 0; n < issuer->nmethods; n++) {
            if (issuer->methods[n] == method) {
                method = ACM_METHOD_NONE;
            }
        }

        if (method == ACM_METHOD_NONE) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid challenge \"%V\": use http-01, "
                               "tls-alpn-01, dns-01, dns-account-01 and "
                               "dns-persist-01, each once", &value[i]);
            return NGX_CONF_ERROR;
        }

        issuer->methods[issuer->nmethods++] = method;
    }

    return NGX_CONF_OK;
}


char *
ngx_acm_issuer_orders(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_int_t   n;
    ngx_str_t  *value;

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > ACM_MAX_ORDERS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number \"%V\": use 1 to %d", &value[1],
                           ACM_MAX_ORDERS);
        return NGX_CONF_ERROR;
    }

    ngx_acm_issuer_last((ngx_acm_conf_t *) conf)->issuer.orders = n;

    return NGX_CONF_OK;
}


char *
ngx_acm_issuer_retry(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_int_t      wait;
    ngx_str_t     *value;
    ngx_uint_t     i;
    acm_issuer_t  *issuer;

    issuer = &ngx_acm_issuer_last((ngx_acm_conf_t *) conf)->issuer;

    if (issuer->nretry) {
        return "is duplicate: name all waits in one";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        wait = ngx_parse_time(&value[i], 1);

        if (wait == NGX_ERROR || wait < 1 || wait > 30 * 86400
            || issuer->nretry == ACM_MAX_RETRY)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid wait \"%V\": use up to %d times of "
                               "1s to 30d, like \"1m 10m 100m 1d\"",
                               &value[i], ACM_MAX_RETRY);
            return NGX_CONF_ERROR;
        }

        issuer->retry[issuer->nretry++] = wait;
    }

    return NGX_CONF_OK;
}


char *
ngx_acm_issuer_rate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char              *rv;
    ngx_str_t         *value;
    ngx_uint_t         i;
    ngx_acm_issuer_t  *issuer;

    issuer = ngx_acm_issuer_last((ngx_acm_conf_t *) conf);

    if (issuer->rated) {
        return "is duplicate";
    }

    issuer->rated = 1;
    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "account=", 8) == 0) {
            rv = ngx_acm_issuer_rate_of(cf, &value[i], 8,
                                        &issuer->issuer.account_rate);

        } else if (ngx_strncmp(value[i].data, "domain=", 7) == 0) {
            rv = ngx_acm_issuer_rate_of(cf, &value[i], 7,
                                        &issuer->issuer.domain_rate);

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid rate \"%V\": use \"account=\", "
                               "\"domain=\" or \"off\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_acm_issuer_rate_of(ngx_conf_t *cf, ngx_str_t *value, size_t skip,
    acm_rate_t *rate)
{
    u_char     *slash, *last;
    ngx_int_t   n, period;
    ngx_str_t   s;

    n = NGX_ERROR;
    period = NGX_ERROR;
    last = value->data + value->len;
    slash = ngx_strlchr(value->data + skip, last, '/');

    if (slash) {
        n = ngx_atoi(value->data + skip, slash - value->data - skip);

        s.data = slash + 1;
        s.len = last - s.data;
        period = ngx_parse_time(&s, 1);
    }

    if (n < 1 || n > NGX_ACM_MAX_RATE || period < 1
        || period > 365 * 86400)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid rate \"%V\": use a number and a time, "
                           "like \"account=300/3h\"", value);
        return NGX_CONF_ERROR;
    }

    rate->number = n;
    rate->period = period;

    return NGX_CONF_OK;
}
