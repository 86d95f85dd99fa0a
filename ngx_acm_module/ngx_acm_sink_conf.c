
/*
 * Copyright (C) The ngx_acm authors
 *
 * The directives of sinks.
 */


#include "ngx_acm_sink.h"


typedef struct {
    const char       *prefix;
    ngx_acm_sink_e    type;
    ngx_int_t       (*parse)(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
                              ngx_str_t *value);
} ngx_acm_sink_type_t;


typedef struct {
    const char       *name;                  /* with "=" */
    ngx_uint_t        types;                 /* bits 1 << type */
    ngx_int_t       (*parse)(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
                              ngx_str_t *value);
} ngx_acm_sink_param_t;


static ngx_int_t ngx_acm_sink_parse_file(ngx_conf_t *cf,
    ngx_acm_sink_conf_t *s, ngx_str_t *value);
static ngx_int_t ngx_acm_sink_parse_syslog(ngx_conf_t *cf,
    ngx_acm_sink_conf_t *s, ngx_str_t *value);
static ngx_int_t ngx_acm_sink_parse_url(ngx_conf_t *cf,
    ngx_acm_sink_conf_t *s, ngx_str_t *value);
static ngx_int_t ngx_acm_sink_parse_mail(ngx_conf_t *cf,
    ngx_acm_sink_conf_t *s, ngx_str_t *value);
static ngx_int_t ngx_acm_sink_parse_exec(ngx_conf_t *cf,
    ngx_acm_sink_conf_t *s, ngx_str_t *value);
static ngx_int_t ngx_acm_sink_name(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value);
static ngx_int_t ngx_acm_sink_events(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value);
static ngx_int_t ngx_acm_sink_expire(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value);
static ngx_int_t ngx_acm_sink_timeout(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value);
static ngx_int_t ngx_acm_sink_header(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value);
static ngx_int_t ngx_acm_sink_trust(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value);
static ngx_int_t ngx_acm_sink_webhook(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value);
static ngx_int_t ngx_acm_sink_aws(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value);
static ngx_int_t ngx_acm_sink_region(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value);
static ngx_int_t ngx_acm_sink_bus(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value);
static ngx_int_t ngx_acm_sink_source(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value);
static ngx_acm_sink_conf_t *ngx_acm_sink_add(ngx_conf_t *cf,
    ngx_acm_conf_t *amcf);
static ngx_int_t ngx_acm_sink_parameter(ngx_conf_t *cf,
    ngx_acm_sink_conf_t *s, ngx_str_t *value, ngx_uint_t *seen);
static ngx_int_t ngx_acm_sink_finish(ngx_conf_t *cf, ngx_acm_conf_t *amcf,
    ngx_acm_sink_conf_t *s, ngx_str_t *value);
static ngx_int_t ngx_acm_sink_default_name(ngx_conf_t *cf,
    ngx_acm_sink_conf_t *s, ngx_str_t *value);

#define NGX_ACM_SINK_ALL   0xff
#define NGX_ACM_SINK_URLS  (1 << NGX_ACM_SINK_HTTP                            \
                            | 1 << NGX_ACM_SINK_EVENTBRIDGE)


static ngx_acm_sink_type_t  ngx_acm_sink_types[] = {
    { "file:", NGX_ACM_SINK_FILE, ngx_acm_sink_parse_file },
    { "syslog:", NGX_ACM_SINK_SYSLOG, ngx_acm_sink_parse_syslog },
    { "mailto:", NGX_ACM_SINK_MAIL, ngx_acm_sink_parse_mail },
    { "exec:", NGX_ACM_SINK_EXEC, ngx_acm_sink_parse_exec },
    { "eventbridge:", NGX_ACM_SINK_EVENTBRIDGE, ngx_acm_sink_parse_url },
    { "", NGX_ACM_SINK_HTTP, ngx_acm_sink_parse_url }
};


static ngx_acm_sink_param_t  ngx_acm_sink_params[] = {
    { "name=", NGX_ACM_SINK_ALL, ngx_acm_sink_name },
    { "events=", NGX_ACM_SINK_ALL, ngx_acm_sink_events },
    { "expire=", NGX_ACM_SINK_ALL, ngx_acm_sink_expire },
    { "timeout=", NGX_ACM_SINK_URLS|1 << NGX_ACM_SINK_MAIL
                  |1 << NGX_ACM_SINK_EXEC, ngx_acm_sink_timeout },
    { "header=", 1 << NGX_ACM_SINK_HTTP, ngx_acm_sink_header },
    { "secret=", 1 << NGX_ACM_SINK_HTTP, ngx_acm_sink_webhook },
    { "trusted_certificate=", NGX_ACM_SINK_URLS, ngx_acm_sink_trust },
    { "region=", 1 << NGX_ACM_SINK_EVENTBRIDGE, ngx_acm_sink_region },
    { "bus=", 1 << NGX_ACM_SINK_EVENTBRIDGE, ngx_acm_sink_bus },
    { "source=", 1 << NGX_ACM_SINK_EVENTBRIDGE, ngx_acm_sink_source },
    { "credentials=", 1 << NGX_ACM_SINK_EVENTBRIDGE, ngx_acm_sink_aws },
    { NULL, 0, NULL }
};


char *
ngx_acm_event_sink(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    ngx_int_t             rc;
    ngx_str_t            *value, rest;
    ngx_uint_t            i, seen;
    ngx_acm_sink_conf_t  *s;
    ngx_acm_sink_type_t  *type;

    value = cf->args->elts;

    s = ngx_acm_sink_add(cf, amcf);
    if (s == NULL) {
        return NGX_CONF_ERROR;
    }

    for (type = ngx_acm_sink_types; type->prefix[0] != '\0'; type++) {
        if (ngx_strncmp(value[1].data, type->prefix,
                        ngx_strlen(type->prefix))
            == 0)
        {
            break;
        }
    }

    s->type = type->type;
    rest.data = value[1].data + ngx_strlen(type->prefix);
    rest.len = value[1].len - ngx_strlen(type->prefix);

    if (type->parse(cf, s, &rest) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    seen = 0;

    for (i = 2; i < cf->args->nelts; i++) {

        rc = ngx_acm_sink_parameter(cf, s, &value[i], &seen);

        if (rc == NGX_DECLINED && s->type == NGX_ACM_SINK_EXEC) {

            if (s->argc == NGX_ACM_SINK_ARGS) {
                return "has too many arguments for its program";
            }

            s->argv[s->argc++] = (char *) value[i].data;
            continue;
        }

        if (rc == NGX_DECLINED) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" of an event sink of "
                               "this kind", &value[i]);
        }

        if (rc != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return ngx_acm_sink_finish(cf, amcf, s, &value[1]) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_acm_sink_conf_t *
ngx_acm_sink_add(ngx_conf_t *cf, ngx_acm_conf_t *amcf)
{
    ngx_acm_sink_conf_t  *s;

    if (amcf->sinks == NULL) {
        amcf->sinks = ngx_array_create(cf->pool, 4,
                                       sizeof(ngx_acm_sink_conf_t));
        if (amcf->sinks == NULL) {
            return NULL;
        }
    }

    if (amcf->sinks->nelts == ACM_MAX_SINKS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d event sinks", ACM_MAX_SINKS);
        return NULL;
    }

    s = ngx_array_push(amcf->sinks);
    if (s == NULL) {
        return NULL;
    }

    ngx_memzero(s, sizeof(ngx_acm_sink_conf_t));

    s->expire = ACM_SINK_EXPIRE;
    s->timeout = NGX_ACM_SINK_TIMEOUT;
    s->source = "ngx_acm";
    s->conf_file = cf->conf_file->file.name.data;
    s->line = cf->conf_file->line;

    return s;
}


/* NGX_DECLINED: none of this kind of sink. */

static ngx_int_t
ngx_acm_sink_parameter(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value, ngx_uint_t *seen)
{
    size_t                 len;
    ngx_str_t              rest;
    ngx_uint_t             i;
    ngx_acm_sink_param_t  *param;

    for (i = 0; ngx_acm_sink_params[i].name; i++) {
        param = &ngx_acm_sink_params[i];
        len = ngx_strlen(param->name);

        if (!(param->types & (1 << s->type))
            || ngx_strncmp(value->data, param->name, len) != 0)
        {
            continue;
        }

        if ((*seen & (1 << i)) && param->parse != ngx_acm_sink_header) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate \"%V\"",
                               value);
            return NGX_ERROR;
        }

        *seen |= 1 << i;

        rest.data = value->data + len;
        rest.len = value->len - len;

        if (rest.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" has no value",
                               value);
            return NGX_ERROR;
        }

        return param->parse(cf, s, &rest);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_acm_sink_finish(ngx_conf_t *cf, ngx_acm_conf_t *amcf,
    ngx_acm_sink_conf_t *s, ngx_str_t *value)
{
    ngx_uint_t            i;
    ngx_acm_sink_conf_t  *other;

    if (s->name.len == 0
        && ngx_acm_sink_default_name(cf, s, value) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (s->name.len > ACM_MAX_SINK_NAME) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the name \"%V\" of the event sink is longer than "
                           "%d characters: add \"name=\" with a shorter one",
                           &s->name, ACM_MAX_SINK_NAME);
        return NGX_ERROR;
    }

    other = amcf->sinks->elts;

    for (i = 0; i < amcf->sinks->nelts - 1; i++) {

        if (other[i].name.len == s->name.len
            && ngx_strcmp(other[i].name.data, s->name.data) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate event sink \"%V\", the first is in "
                               "%s:%ui: add \"name=\" with another name",
                               &s->name, other[i].conf_file, other[i].line);
            return NGX_ERROR;
        }
    }

    if (s->type == NGX_ACM_SINK_EVENTBRIDGE
        && (s->region == NULL || s->secret == NULL))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "event sink \"%V\" needs \"region=\" and "
                           "\"credentials=\"", &s->name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* The path of an URL may be a secret: it is left out. */

static ngx_int_t
ngx_acm_sink_default_name(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value)
{
    u_char  *p;

    s->name = *value;

    if ((1 << s->type) & NGX_ACM_SINK_URLS) {
        p = (u_char *) ngx_strstr(value->data, "://");
        p = p ? p + 3 : value->data;

        s->name.len = (size_t) (p - value->data)
                      + strcspn((char *) p, "/?");

    } else if (s->type == NGX_ACM_SINK_SYSLOG) {
        s->name.len = strcspn((char *) value->data, ",");
    }

    p = ngx_pnalloc(cf->pool, s->name.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, s->name.data, s->name.len);
    p[s->name.len] = '\0';
    s->name.data = p;

    return NGX_OK;
}


static ngx_int_t
ngx_acm_sink_parse_file(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value)
{
    if (value->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"file:\" has no path");
        return NGX_ERROR;
    }

    s->file = ngx_conf_open_file(cf->cycle, value);

    return s->file ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_acm_sink_parse_syslog(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value)
{
    ngx_syslog_peer_t  *peer;

    /* as of error_log; it reads the directive itself */

    peer = ngx_pcalloc(cf->pool, sizeof(ngx_syslog_peer_t));
    if (peer == NULL || ngx_syslog_process_conf(cf, peer) != NGX_CONF_OK) {
        return NGX_ERROR;
    }

    s->addr = peer->server;
    s->priority = peer->facility * 8 + peer->severity;
    s->tag = peer->tag;
    s->nohostname = peer->nohostname;

    return NGX_OK;
}


static ngx_int_t
ngx_acm_sink_parse_url(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value)
{
    if (!acm_http_url_ok((char *) value->data)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid event sink \"%V\": use \"file:\", "
                           "\"syslog:\", \"mailto:\", \"exec:\", an https "
                           "URL, or an http URL at a loopback address, "
                           "\"eventbridge:\" in front of it for PutEvents",
                           value);
        return NGX_ERROR;
    }

    s->url = *value;

    return NGX_OK;
}


static ngx_int_t
ngx_acm_sink_parse_mail(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value)
{
    u_char  *p, *end;
    size_t   len;

    end = value->data + value->len;

    for (p = value->data; p <= end; p += len + 1) {
        len = strcspn((char *) p, ",");

        if (!acm_address_ok((char *) p, len)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid address in \"mailto:%V\": use "
                               "addresses like \"ops@example.com\" with "
                               "commas between them", value);
            return NGX_ERROR;
        }

        if (s->nto == ACM_MAX_RECIPIENTS) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "more than %d addresses in \"mailto:\": use "
                               "a list on the mail server",
                               ACM_MAX_RECIPIENTS);
            return NGX_ERROR;
        }

        s->to[s->nto] = ngx_pcalloc(cf->pool, len + 1);
        if (s->to[s->nto] == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(s->to[s->nto++], p, len);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acm_sink_parse_exec(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value)
{
    ngx_file_info_t  fi;

    if (value->len == 0 || value->data[0] != '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"exec:%V\" must be the whole path of a program",
                           value);
        return NGX_ERROR;
    }

    if (ngx_file_info(value->data, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "program \"%V\" cannot be found", value);
        return NGX_ERROR;
    }

    if (!ngx_is_file(&fi) || !(ngx_file_access(&fi) & 0111)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is no program: run \"chmod +x\" on it",
                           value);
        return NGX_ERROR;
    }

    s->argv[s->argc++] = (char *) value->data;

    return NGX_OK;
}


static ngx_int_t
ngx_acm_sink_name(ngx_conf_t *cf, ngx_acm_sink_conf_t *s, ngx_str_t *value)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] <= ' ' || value->data[i] >= 0x7f) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid \"name=%V\": use visible ASCII "
                               "characters", value);
            return NGX_ERROR;
        }
    }

    s->name = *value;

    return NGX_OK;
}


static ngx_int_t
ngx_acm_sink_events(ngx_conf_t *cf, ngx_acm_sink_conf_t *s, ngx_str_t *value)
{
    u_char       *p, *end;
    size_t        len;
    acm_event_e   kind;

    end = value->data + value->len;

    for (p = value->data; p <= end; p += len + 1) {
        len = strcspn((char *) p, ",");
        kind = acm_event_word_parse((char *) p, len);

        if (kind == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid \"events=%V\": use approaching, "
                               "expired, available, action, revoked, health "
                               "and alarm, with commas between them", value);
            return NGX_ERROR;
        }

        s->kinds |= 1u << kind;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acm_sink_expire(ngx_conf_t *cf, ngx_acm_sink_conf_t *s, ngx_str_t *value)
{
    s->expire = ngx_parse_time(value, 1);

    if (s->expire == (time_t) NGX_ERROR || s->expire < 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"expire=%V\": use a time like \"7d\"",
                           value);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acm_sink_timeout(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value)
{
    ngx_int_t  timeout;

    timeout = ngx_parse_time(value, 0);

    if (timeout == NGX_ERROR || timeout < 1
        || timeout > NGX_ACM_SINK_MAX_TIMEOUT)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"timeout=%V\": use a time of up to %d "
                           "seconds, like \"30s\"", value,
                           NGX_ACM_SINK_MAX_TIMEOUT / 1000);
        return NGX_ERROR;
    }

    s->timeout = (ngx_msec_t) timeout;

    return NGX_OK;
}


static ngx_int_t
ngx_acm_sink_header(ngx_conf_t *cf, ngx_acm_sink_conf_t *s, ngx_str_t *value)
{
    size_t  i, name;

    name = strspn((char *) value->data, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                  "abcdefghijklmnopqrstuvwxyz0123456789-_");

    for (i = name; i < value->len; i++) {
        if (value->data[i] < ' ' || value->data[i] == 0x7f) {
            break;
        }
    }

    if (name == 0 || value->data[name] != ':' || i != value->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"header=%V\": use \"header=Name: "
                           "value\", in quotes", value);
        return NGX_ERROR;
    }

    if (s->nheaders == NGX_ACM_SINK_HEADERS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "more than %d \"header=\"",
                           NGX_ACM_SINK_HEADERS);
        return NGX_ERROR;
    }

    s->headers[s->nheaders++] = (char *) value->data;

    return NGX_OK;
}


static ngx_int_t
ngx_acm_sink_trust(ngx_conf_t *cf, ngx_acm_sink_conf_t *s, ngx_str_t *value)
{
    return ngx_acm_sink_trusted(cf, &s->ca, value);
}


static ngx_int_t
ngx_acm_sink_webhook(ngx_conf_t *cf, ngx_acm_sink_conf_t *s,
    ngx_str_t *value)
{
    char        text[ACM_MAX_SECRET_FILE + 1];
    size_t      len;
    acm_err_t   err;
    ngx_int_t   rc;

    rc = ngx_acm_sink_secret(cf, &s->secret, value, text, sizeof(text), &len);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    if (acm_webhook_parse(text, len, &s->secret->webhook, &err) != ACM_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "secret file \"%V\": %s",
                           value, err.text);
        rc = NGX_ERROR;
    }

    ngx_explicit_memzero(text, sizeof(text));

    return rc;
}


static ngx_int_t
ngx_acm_sink_aws(ngx_conf_t *cf, ngx_acm_sink_conf_t *s, ngx_str_t *value)
{
    char        text[ACM_MAX_SECRET_FILE + 1];
    size_t      len;
    acm_err_t   err;
    ngx_int_t   rc;

    rc = ngx_acm_sink_secret(cf, &s->secret, value, text, sizeof(text), &len);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    if (acm_aws_parse(text, len, &s->secret->aws, &err) != ACM_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "credentials file \"%V\": %s", value, err.text);
        rc = NGX_ERROR;
    }

    ngx_explicit_memzero(text, sizeof(text));

    return rc;
}


static ngx_int_t
ngx_acm_sink_region(ngx_conf_t *cf, ngx_acm_sink_conf_t *s, ngx_str_t *value)
{
    return ngx_acm_sink_word(cf, "region=", value, 64, &s->region);
}


static ngx_int_t
ngx_acm_sink_bus(ngx_conf_t *cf, ngx_acm_sink_conf_t *s, ngx_str_t *value)
{
    return ngx_acm_sink_word(cf, "bus=", value, 1600, &s->bus);
}


static ngx_int_t
ngx_acm_sink_source(ngx_conf_t *cf, ngx_acm_sink_conf_t *s, ngx_str_t *value)
{
    if (ngx_strncmp(value->data, "aws.", 4) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"source=%V\": \"aws.\" is reserved, EventBridge "
                           "refuses it", value);
        return NGX_ERROR;
    }

    return ngx_acm_sink_word(cf, "source=", value, 256, &s->source);
}


char *
ngx_acm_sink_check(ngx_conf_t *cf, ngx_acm_conf_t *amcf)
{
    ngx_uint_t            i;
    ngx_acm_sink_conf_t  *s;

    if (amcf->sinks == NULL) {
        return NGX_CONF_OK;
    }

    s = amcf->sinks->elts;

    for (i = 0; i < amcf->sinks->nelts; i++) {

        if (s[i].type == NGX_ACM_SINK_MAIL && amcf->smtp == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "event sink \"%V\" needs a mail server: add \"smtp "
                          "smtp://mail.example.com from=acm@example.com;\" "
                          "in %s:%ui", &s[i].name, s[i].conf_file,
                          s[i].line);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}
