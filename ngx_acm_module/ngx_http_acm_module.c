
/*
 * Copyright (C) The ngx_acm authors
 *
 * The http module: acm_certificate, acm_status and acm_api.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_acm.h"
#include "ngx_http_acm.h"


#define NGX_HTTP_ACM_MAX_METRICS  100000


typedef struct {
    ngx_acm_want_t            *want;
    unsigned                   api:1;        /* all of it is acm_api */
} ngx_http_acm_srv_conf_t;


static void *ngx_http_acm_create_srv_conf(ngx_conf_t *cf);
static ngx_int_t ngx_http_acm_init(ngx_conf_t *cf);
static void ngx_http_acm_ports(ngx_conf_t *cf,
    ngx_http_core_main_conf_t *cmcf);
static ngx_int_t ngx_http_acm_init_server(ngx_conf_t *cf,
    ngx_http_core_srv_conf_t *cscf);
static ngx_int_t ngx_http_acm_server_names(ngx_conf_t *cf,
    ngx_http_core_srv_conf_t *cscf, ngx_acm_want_t *want);
static ngx_int_t ngx_http_acm_server_name(ngx_conf_t *cf,
    ngx_http_server_name_t *sn, ngx_acm_want_t *want);
static ngx_int_t ngx_http_acm_add_name(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_str_t *name, ngx_uint_t address, acm_err_t *err);
static char *ngx_http_acm_validation(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_str_t *value);
static char *ngx_http_acm_certificate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_acm_mode(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_str_t *value);
static char *ngx_http_acm_parameter(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_str_t *value, ngx_str_t *fallback);
static ngx_uint_t ngx_http_acm_on_demand(ngx_conf_t *cf);
static char *ngx_http_acm_keys(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_str_t *value);
static char *ngx_http_acm_placeholder(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_str_t *fallback);
static char *ngx_http_acm_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_command_t  ngx_http_acm_commands[] = {

    /*
     * Syntax:  acm_certificate auto [name ...] | sni | arn
     *          [issuer=name[,name]] [key=type[,type]]
     *          [validation=http|tls-alpn|dns]
     *          [fallback=self_signed|reject|file]
     *          [on_demand=url|file:path];
     * Default: -
     * Context: server
     *
     * Where the server's certificate comes from; the server needs no
     * "ssl_certificate".
     *
     * "auto": a certificate for the names given here, or for the names of
     * "server_name", is issued and renewed for ever.
     *
     * "sni": whatever the store holds for the name that the client asks for.
     *
     * An ARN: this one certificate, for the names that are in it.
     *
     * "on_demand" is for "sni": a certificate is issued for a name that a
     * client asks for and the store has none for, if a hook allows it.  The
     * hook is an URL, https or http at a loopback address, that is asked with
     * the arguments "domain" and "ip" of the client: 2xx is yes, 4xx is no,
     * all else is not now; or a file with a name or a wildcard a line, which
     * is read again when it has changed.  The handshake itself does not wait
     * and gets the fallback.
     *
     * "issuer" and "key" are for "auto" and "on_demand", "validation" is for
     * "auto": the issuers instead of the default ones, how names are proved
     * to a CA instead of what the issuer's "challenge" says, and one or two
     * of ecdsa:256 (the default), ecdsa:384, rsa:2048, rsa:3072 and rsa:4096;
     * of an ECDSA and an RSA certificate each client gets the one that it can
     * use.  Names may be IP addresses.
     *
     * "fallback" is what a client gets when there is no certificate for the
     * name it asks for: a self-signed one (the default), an alert, or the
     * certificate, chain and key in a PEM file.
     */
    { ngx_string("acm_certificate"),
      NGX_HTTP_SRV_CONF|NGX_CONF_1MORE,
      ngx_http_acm_certificate,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    /*
     * Syntax:  acm_status [metrics=number];
     * Default: -
     * Context: location
     *
     * Answers with the state of certificates, helper and store: a page for
     * whoever accepts HTML or says "format=html", else JSON.  What it has to
     * say is under "Status".
     *
     * Metrics for Prometheus are what "/metrics" below the location answers
     * with, the argument "format=prometheus", or whoever accepts that format
     * or OpenMetrics.  "metrics" is how many certificates have metrics of
     * their own, those that expire first; 1000 by default, 0 for none.
     * "/healthz" below the location answers with 200 and "ok", or with 503
     * and what is wrong, a line each.
     */
    { ngx_string("acm_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_acm_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /*
     * Syntax:  acm_api [key_types=rsa|all];
     * Default: -
     * Context: location
     *
     * Answers clients of AWS Certificate Manager: aws-cli, SDKs, Terraform.
     * Users, and what they may do, are in the file of "users".  The location
     * should be "/", since clients know no other path.  Needs nginx with
     * threads: calls are made in the default thread pool.
     *
     * A body may have 4 MB and is held in memory, whatever the defaults of
     * "client_max_body_size" and "client_body_buffer_size" are.
     *
     * Without a filter of key types ListCertificates shows RSA keys of 1024
     * and 2048 bits only, as ACM does; with "key_types=all" it shows all.
     */
    { ngx_string("acm_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_acm_api,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    ngx_null_command
};


static ngx_http_module_t  ngx_http_acm_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_acm_init,                     /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    ngx_http_acm_create_srv_conf,          /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_acm_create_loc_conf,          /* create location configuration */
    ngx_http_acm_merge_loc_conf            /* merge location configuration */
};


ngx_module_t  ngx_http_acm_module = {
    NGX_MODULE_V1,
    &ngx_http_acm_module_ctx,              /* module context */
    ngx_http_acm_commands,                 /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_http_acm_create_srv_conf(ngx_conf_t *cf)
{
    /*
     * set by ngx_pcalloc():
     *
     *     ascf->want = NULL;
     */

    return ngx_pcalloc(cf->pool, sizeof(ngx_http_acm_srv_conf_t));
}


static ngx_int_t
ngx_http_acm_init(ngx_conf_t *cf)
{
    ngx_ssl_t                   *challenge;
    ngx_uint_t                   i;
    ngx_http_ssl_srv_conf_t     *sscf;
    ngx_http_core_srv_conf_t   **cscfp;
    ngx_http_core_main_conf_t   *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    cscfp = cmcf->servers.elts;

    ngx_http_acm_ports(cf, cmcf);

    challenge = ngx_acm_alpn_create(cf);
    if (challenge == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < cmcf->servers.nelts; i++) {
        if (ngx_http_acm_init_server(cf, cscfp[i]) != NGX_OK
            || ngx_http_acm_static_init(cf, cscfp[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }

        /* whatever its certificate: it may be the default server of others */

        sscf = cscfp[i]->ctx->srv_conf[ngx_http_ssl_module.ctx_index];

        if (sscf->ssl.ctx) {
            ngx_acm_alpn_watch(challenge, sscf->ssl.ctx);
        }
    }

    return ngx_http_acm_challenge_init(cf);
}


/* A CA comes to port 80 for http-01: without it that is not tried first. */

static void
ngx_http_acm_ports(ngx_conf_t *cf, ngx_http_core_main_conf_t *cmcf)
{
    ngx_uint_t            i;
    ngx_acm_conf_t       *amcf;
    ngx_http_conf_port_t *port;

    amcf = ngx_acm_get_conf(cf->cycle);

    if (cmcf->ports == NULL) {
        return;
    }

    port = cmcf->ports->elts;

    for (i = 0; i < cmcf->ports->nelts; i++) {
        if (port[i].port == htons(80)) {
            return;
        }
    }

    amcf->no_port_80 = 1;
}


static ngx_int_t
ngx_http_acm_init_server(ngx_conf_t *cf, ngx_http_core_srv_conf_t *cscf)
{
    ngx_acm_want_t           *want;
    ngx_http_ssl_srv_conf_t  *sscf;
    ngx_http_acm_srv_conf_t  *ascf;

    ascf = cscf->ctx->srv_conf[ngx_http_acm_module.ctx_index];
    sscf = cscf->ctx->srv_conf[ngx_http_ssl_module.ctx_index];
    want = ascf->want;

    if (want == NULL) {
        return NGX_OK;
    }

    if (sscf->ssl.ctx == NULL || sscf->certificates->nelts != 1
        || sscf->certificate_keys->nelts != 1)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"acm_certificate\" in %s:%ui and \"ssl_certificate\" "
                      "are in one server: remove one of them",
                      want->file, want->line);
        return NGX_ERROR;
    }

    if (want->mode == NGX_ACM_AUTO && want->names.nelts == 0
        && ngx_http_acm_server_names(cf, cscf, want) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_acm_ssl_session_context(want, sscf->ssl.ctx) != NGX_OK) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "acm: setting a session context failed");
        return NGX_ERROR;
    }

    SSL_CTX_set_cert_cb(sscf->ssl.ctx, ngx_acm_ssl_cert_cb, want);

    return NGX_OK;
}


static ngx_int_t
ngx_http_acm_server_names(ngx_conf_t *cf, ngx_http_core_srv_conf_t *cscf,
    ngx_acm_want_t *want)
{
    ngx_uint_t               i;
    ngx_http_server_name_t  *sn;

    sn = cscf->server_names.elts;

    for (i = 0; i < cscf->server_names.nelts; i++) {
        if (ngx_http_acm_server_name(cf, &sn[i], want) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (want->names.nelts == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"acm_certificate auto\" in %s:%ui has no names: add "
                      "\"server_name\" to the server or names to the "
                      "directive", want->file, want->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_acm_server_name(ngx_conf_t *cf, ngx_http_server_name_t *sn,
    ngx_acm_want_t *want)
{
    u_char     *p;
    acm_err_t   err;
    ngx_str_t   name, wildcard;

    name = sn->name;

    if (name.len == 0) {
        /* requests without a Host: no client asks TLS for that */
        return NGX_OK;
    }

#if (NGX_PCRE)
    if (sn->regex) {
        (void) acm_fail(&err, ACM_INVALID,
                        "a regular expression is no name");
        goto failed;
    }
#endif

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

        if (ngx_http_acm_add_name(cf, want, &name, 0, &err) != NGX_OK) {
            goto failed;
        }

        name = wildcard;
    }

    if (ngx_http_acm_add_name(cf, want, &name, 0, &err) == NGX_OK) {
        return NGX_OK;
    }

failed:

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"acm_certificate auto\" in %s:%ui: server name \"%V\" "
                  "cannot be in a certificate: %s; list the names that can: "
                  "\"acm_certificate auto www.example.com;\"",
                  want->file, want->line, &sn->name, err.text);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_acm_add_name(ngx_conf_t *cf, ngx_acm_want_t *want,
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
ngx_http_acm_certificate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_acm_srv_conf_t *ascf = conf;

    char             *rv;
    ngx_str_t        *value, fallback;
    ngx_uint_t        i;
    ngx_acm_want_t   *want, **wants;
    ngx_acm_conf_t   *amcf;

    if (ascf->want) {
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

    rv = ngx_http_acm_mode(cf, want, &value[1]);

    ngx_str_null(&fallback);

    for (i = 2; rv == NGX_CONF_OK && i < cf->args->nelts; i++) {
        rv = ngx_http_acm_parameter(cf, want, &value[i], &fallback);
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
    ascf->want = want;

    return ngx_http_acm_placeholder(cf, want, &fallback);
}


static char *
ngx_http_acm_mode(ngx_conf_t *cf, ngx_acm_want_t *want, ngx_str_t *value)
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
ngx_http_acm_parameter(ngx_conf_t *cf, ngx_acm_want_t *want,
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
        || (want->mode == NGX_ACM_SNI && !ngx_http_acm_on_demand(cf)))
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
        return ngx_http_acm_keys(cf, want, &s);
    }

    if (ngx_strncmp(value->data, "validation=", 11) == 0
        && want->mode == NGX_ACM_AUTO)
    {
        return ngx_http_acm_validation(cf, want, value);
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

    if (ngx_http_acm_add_name(cf, want, value, 1, &err) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "name \"%V\" cannot be in a certificate: %s",
                           value, err.text);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* whatever the order of the parameters */

static ngx_uint_t
ngx_http_acm_on_demand(ngx_conf_t *cf)
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
ngx_http_acm_validation(ngx_conf_t *cf, ngx_acm_want_t *want,
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
ngx_http_acm_keys(ngx_conf_t *cf, ngx_acm_want_t *want, ngx_str_t *value)
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
ngx_http_acm_placeholder(ngx_conf_t *cf, ngx_acm_want_t *want,
    ngx_str_t *fallback)
{
    ngx_str_t                *cert, *key;
    ngx_acm_conf_t           *amcf;
    ngx_http_ssl_srv_conf_t  *sscf;

    sscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_ssl_module);
    amcf = ngx_acm_get_conf(cf->cycle);

    if (sscf->certificates != NGX_CONF_UNSET_PTR
        || sscf->certificate_keys != NGX_CONF_UNSET_PTR)
    {
        return "and \"ssl_certificate\" are in one server: remove one of "
               "them";
    }

    sscf->certificates = ngx_array_create(cf->pool, 1, sizeof(ngx_str_t));
    sscf->certificate_keys = ngx_array_create(cf->pool, 1,
                                              sizeof(ngx_str_t));

    if (sscf->certificates == NULL || sscf->certificate_keys == NULL) {
        return NGX_CONF_ERROR;
    }

    cert = ngx_array_push(sscf->certificates);
    key = ngx_array_push(sscf->certificate_keys);

    if (cert == NULL || key == NULL) {
        return NGX_CONF_ERROR;
    }

    if (fallback->len && ngx_strcmp(fallback->data, "reject") == 0) {
        want->reject = 1;

    } else if (fallback->len
               && ngx_strcmp(fallback->data, "self_signed") != 0)
    {
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


static char *
ngx_http_acm_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_acm_loc_conf_t *alcf = conf;

    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    value = cf->args->elts;

    if (cf->args->nelts == 2) {

        if (ngx_strncmp(value[1].data, "metrics=", 8) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": \"metrics=\" is "
                               "the only one", &value[1]);
            return NGX_CONF_ERROR;
        }

        alcf->metrics = ngx_atoi(value[1].data + 8, value[1].len - 8);

        if (alcf->metrics == NGX_ERROR
            || alcf->metrics > NGX_HTTP_ACM_MAX_METRICS)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid number in \"%V\": use 0 to %d",
                               &value[1], NGX_HTTP_ACM_MAX_METRICS);
            return NGX_CONF_ERROR;
        }
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_acm_status_handler;

    return NGX_CONF_OK;
}


ngx_uint_t
ngx_http_acm_metrics_limit(ngx_http_request_t *r)
{
    ngx_http_acm_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_acm_module);

    return (ngx_uint_t) alcf->metrics;
}


void
ngx_http_acm_api_server(ngx_conf_t *cf)
{
    ngx_http_acm_srv_conf_t  *ascf;

    ascf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_acm_module);
    ascf->api = 1;
}


ngx_uint_t
ngx_http_acm_api_server_has(ngx_http_request_t *r)
{
    ngx_http_acm_srv_conf_t  *ascf;

    ascf = ngx_http_get_module_srv_conf(r, ngx_http_acm_module);

    return ascf->api;
}
