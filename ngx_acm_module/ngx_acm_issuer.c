
/*
 * Copyright (C) The ngx_acm authors
 *
 * Issuers: the block, and the directives inside it.
 */


#include "ngx_acm_issuer.h"


static char *ngx_acm_issuer_done(ngx_conf_t *cf, ngx_acm_issuer_t *issuer);
static char *ngx_acm_issuer_flag(ngx_conf_t *cf, ngx_flag_t *flag);
static char *ngx_acm_issuer_url(ngx_conf_t *cf, const char **url);
static char *ngx_acm_issuer_key_type(ngx_conf_t *cf, acm_key_e *key);
static char *ngx_acm_issuer_ca(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_acm_issuer_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_acm_issuer_lifetime(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_acm_issuer_crl(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_acm_issuer_acme(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_acm_issuer_staging(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_acm_issuer_terms(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_acm_issuer_account_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_acm_issuer_same_origin(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_acm_issuer_preflight(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_acm_issuer_dns_proof(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_acm_issuer_public_names(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_command_t  ngx_acm_issuer_commands[] = {

    /*
     * Syntax:  ca;
     * Default: -
     * Context: issuer
     *
     * A built-in CA: a root and an issuing CA under it, made at first use and
     * kept in the store.  Clients need its root: "acmctl ca NAME".  What it
     * signed while the clock was ahead, so that no client takes it yet, is
     * signed anew: at once when nginx sees the clock go back, else a minute
     * after a start or reload.  A root that was made by such a clock signs
     * nothing before it begins.
     */
    { ngx_string("ca"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_NOARGS,
      ngx_acm_issuer_ca,
      0,
      0,
      NULL },

    /*
     * Syntax:  key ecdsa:256 | ecdsa:384 | rsa:2048 | rsa:3072 | rsa:4096;
     * Default: key ecdsa:256;
     * Context: issuer
     *
     * The key type of the built-in CA itself.
     */
    { ngx_string("key"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_TAKE1,
      ngx_acm_issuer_key,
      0,
      0,
      NULL },

    /*
     * Syntax:  lifetime time;
     * Default: lifetime 395d;
     * Context: issuer
     *
     * How long certificates of the built-in CA are valid: 5s to 3650d.
     */
    { ngx_string("lifetime"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_TAKE1,
      ngx_acm_issuer_lifetime,
      0,
      0,
      NULL },

    /*
     * Syntax:  crl_distribution_point url;
     * Default: -
     * Context: issuer
     *
     * The address of the revocation list, written into each certificate of
     * the built-in CA.
     */
    { ngx_string("crl_distribution_point"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_TAKE1,
      ngx_acm_issuer_crl,
      0,
      0,
      NULL },

    /*
     * Syntax:  acme url;
     * Default: -
     * Context: issuer
     *
     * A CA that is asked over ACME (RFC 8555), by the address of its
     * directory: https, or http at a loopback address.
     */
    { ngx_string("acme"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_TAKE1,
      ngx_acm_issuer_acme,
      0,
      0,
      NULL },

    /*
     * Syntax:  staging url;
     * Default: -
     * Context: issuer
     *
     * The directory of the CA's staging environment.  A certificate that
     * failed is tried there until it works, and only then again at the CA
     * itself, whose limits on failures are strict.
     */
    { ngx_string("staging"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_TAKE1,
      ngx_acm_issuer_staging,
      0,
      0,
      NULL },

    /*
     * Syntax:  contact url ...;
     * Default: -
     * Context: issuer
     *
     * How the CA can reach the operator: "mailto:" and an address.
     */
    { ngx_string("contact"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_1MORE,
      ngx_acm_issuer_contact,
      0,
      0,
      NULL },

    /*
     * Syntax:  accept_terms on | off;
     * Default: accept_terms off;
     * Context: issuer
     *
     * Says that you agree to the CA's terms of service, without which most
     * make no account.
     */
    { ngx_string("accept_terms"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_FLAG,
      ngx_acm_issuer_terms,
      0,
      0,
      NULL },

    /*
     * Syntax:  eab kid file;
     * Default: -
     * Context: issuer
     *
     * External account binding: the key id that the CA gave out, and a file
     * with the key that belongs to it, in base64url.
     */
    { ngx_string("eab"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_TAKE2,
      ngx_acm_issuer_eab,
      0,
      0,
      NULL },

    /*
     * Syntax:  trusted_certificate file;
     * Default: the system's
     * Context: issuer
     *
     * Roots in PEM that the CA's own TLS certificate is verified with.
     */
    { ngx_string("trusted_certificate"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_TAKE1,
      ngx_acm_issuer_trusted,
      0,
      0,
      NULL },

    /*
     * Syntax:  account_key ecdsa:256 | ecdsa:384 | rsa:2048 | rsa:3072 |
     *          rsa:4096;
     * Default: account_key ecdsa:256;
     * Context: issuer
     *
     * The type of the account's key, when the account is made.
     */
    { ngx_string("account_key"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_TAKE1,
      ngx_acm_issuer_account_key,
      0,
      0,
      NULL },

    /*
     * Syntax:  profile name;
     * Default: -
     * Context: issuer
     *
     * The certificate profile to order, of those that the CA offers.
     */
    { ngx_string("profile"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_TAKE1,
      ngx_acm_issuer_profile,
      0,
      0,
      NULL },

    /*
     * Syntax:  preferred_chain name;
     * Default: -
     * Context: issuer
     *
     * If the CA offers several chains, the one whose last certificate is, or
     * is issued by, this common name.
     */
    { ngx_string("preferred_chain"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_TAKE1,
      ngx_acm_issuer_chain,
      0,
      0,
      NULL },

    /*
     * Syntax:  challenge method ...;
     * Default: challenge http-01 tls-alpn-01 dns-01;
     * Context: issuer
     *
     * How names are proved, in order: http-01, tls-alpn-01, dns-01,
     * dns-account-01, dns-persist-01.  Each attempt after a failure, or
     * after a look at DNS that found something, begins with the next one.
     * By default dns-01 is left out without "validation_zone" or
     * "dns_update".
     */
    { ngx_string("challenge"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_1MORE,
      ngx_acm_issuer_challenge,
      0,
      0,
      NULL },

    /*
     * Syntax:  orders number;
     * Default: orders 32;
     * Context: issuer
     *
     * How many orders may be under way at a time, up to 1024.  An eighth of
     * them is kept for certificates that are near their end, a quarter for
     * those and for new names together.
     */
    { ngx_string("orders"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_TAKE1,
      ngx_acm_issuer_orders,
      0,
      0,
      NULL },

    /*
     * Syntax:  retry time ...;
     * Default: retry 1m 10m 100m 1d;
     * Context: issuer
     *
     * How long a certificate waits after its first failure, its second, and
     * so on; the last one is repeated.  Up to a quarter is added by chance.
     * Near the end of a certificate that is to be renewed it is at most a
     * quarter of the time left, down to 15 minutes.
     */
    { ngx_string("retry"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_1MORE,
      ngx_acm_issuer_retry,
      0,
      0,
      NULL },

    /*
     * Syntax:  rate [account=number/time] [domain=number/time] | off;
     * Default: rate account=300/3h domain=50/7d; for letsencrypt.org, else off
     * Context: issuer
     *
     * How many orders are made for the account, and for names of one
     * registered domain.  Renewals at the CA's own suggestion are not counted.
     */
    { ngx_string("rate"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_TAKE12,
      ngx_acm_issuer_rate,
      0,
      0,
      NULL },

    /*
     * Syntax:  same_origin on | off;
     * Default: same_origin off;
     * Context: issuer
     *
     * Refuses every URL of the CA that is not at its directory's host.
     */
    { ngx_string("same_origin"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_FLAG,
      ngx_acm_issuer_same_origin,
      0,
      0,
      NULL },

    /*
     * Syntax:  preflight on | off;
     * Default: preflight on;
     * Context: issuer
     *
     * Whether DNS, CAA records and answers are looked at before the CA is
     * asked to look.  What is found is in "acm_status".  The next look is
     * half a minute later, then twice as long each time, up to an hour; no
     * later than "retry" says.
     */
    { ngx_string("preflight"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_FLAG,
      ngx_acm_issuer_preflight,
      0,
      0,
      NULL },

    /*
     * Syntax:  public_names on | off;
     * Default: see below
     * Context: issuer
     *
     * Whether the CA issues for public names only, so that a request over
     * the API for another one, like www.example.internal, is given up at
     * once: names below a suffix that a registry runs, by the public suffix
     * list.  By default on if the CA itself has such a name and no
     * "trusted_certificate", which is what private ones have.
     */
    { ngx_string("public_names"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_FLAG,
      ngx_acm_issuer_public_names,
      0,
      0,
      NULL },

    /*
     * Syntax:  dns_proof on | off;
     * Default: dns_proof off;
     * Context: issuer
     *
     * With "ca;": whether the CA issues what is requested over the API with
     * ValidationMethod DNS, and renews it, only while each name has the CNAME
     * record that DescribeCertificate shows, by the "resolver".  The record is
     * looked for ten seconds later, then after a quarter of the time that the
     * request is old, up to ten minutes.  What is requested in another way is
     * issued without: who may request only so is for the policies of users
     * to say, by "acm:ValidationMethod".
     */
    { ngx_string("dns_proof"),
      NGX_ACM_ISSUER_CONF|NGX_CONF_FLAG,
      ngx_acm_issuer_dns_proof,
      0,
      0,
      NULL },

    ngx_null_command
};


ngx_module_t  ngx_acm_issuer_module = {
    NGX_MODULE_V1,
    NULL,                                  /* module context */
    ngx_acm_issuer_commands,               /* module directives */
    NGX_ACM_MODULE,                        /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


char *
ngx_acm_issuer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    char              *rv;
    size_t             n;
    u_char             ch;
    ngx_str_t         *value;
    ngx_acm_issuer_t  *issuer;

    value = cf->args->elts;

    for (n = 0; n < value[1].len; n++) {
        ch = (u_char) (value[1].data[n] | 0x20);

        if (!((ch >= 'a' && ch <= 'z') || value[1].data[n] == '-'
              || value[1].data[n] == '.'
              || (value[1].data[n] >= '0' && value[1].data[n] <= '9')
              || (value[1].data[n] == '_' && n > 0)))
        {
            break;
        }
    }

    if (n == 0 || n != value[1].len || n > ACM_MAX_CN / 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid issuer name \"%V\": use up to %d "
                           "letters, digits, \".\", \"-\" and \"_\"",
                           &value[1], ACM_MAX_CN / 2);
        return NGX_CONF_ERROR;
    }

    issuer = ngx_acm_issuer_find(amcf, &value[1]);

    if (issuer) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate issuer \"%V\", the first is in %s:%ui",
                           &value[1], issuer->file, issuer->line);
        return NGX_CONF_ERROR;
    }

    if (amcf->issuers.nelts == NGX_ACM_MAX_ISSUERS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d issuers", NGX_ACM_MAX_ISSUERS);
        return NGX_CONF_ERROR;
    }

    issuer = ngx_acm_issuer_add(cf, amcf, &value[1]);
    if (issuer == NULL) {
        return NGX_CONF_ERROR;
    }

    rv = ngx_acm_parse_block(cf, NGX_ACM_ISSUER_CONF);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_acm_issuer_done(cf, issuer);
}


ngx_acm_issuer_t *
ngx_acm_issuer_add(ngx_conf_t *cf, ngx_acm_conf_t *amcf, ngx_str_t *name)
{
    ngx_acm_issuer_t  *issuer;

    issuer = ngx_array_push(&amcf->issuers);
    if (issuer == NULL) {
        return NULL;
    }

    ngx_memzero(issuer, sizeof(ngx_acm_issuer_t));

    issuer->name = *name;
    issuer->file = cf->conf_file->file.name.data;
    issuer->line = cf->conf_file->line;
    issuer->issuer.name = (char *) name->data;
    issuer->issuer.ca_key = ACM_KEY_EC_P256;
    issuer->issuer.lifetime = ACM_CA_LEAF_LIFETIME;
    issuer->issuer.account_key = ACM_KEY_EC_P256;
    issuer->issuer.preflight = 1;
    issuer->terms = NGX_CONF_UNSET;
    issuer->same_origin = NGX_CONF_UNSET;
    issuer->preflight = NGX_CONF_UNSET;
    issuer->public_names = NGX_CONF_UNSET;
    issuer->dns_proof = NGX_CONF_UNSET;

    return issuer;
}


static char *
ngx_acm_issuer_ca(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_issuer_last((ngx_acm_conf_t *) conf)->ca = 1;

    return NGX_CONF_OK;
}


static char *
ngx_acm_issuer_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_acm_issuer_key_type(cf,
                &ngx_acm_issuer_last((ngx_acm_conf_t *) conf)->issuer.ca_key);
}


static char *
ngx_acm_issuer_key_type(ngx_conf_t *cf, acm_key_e *result)
{
    acm_key_e   key;
    ngx_str_t  *value;

    value = cf->args->elts;

    key = acm_key_parse((char *) value[1].data, value[1].len);

    if (key == ACM_KEY_NONE || key == ACM_KEY_RSA_1024
        || key == ACM_KEY_EC_P521)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid key \"%V\": use ecdsa:256, ecdsa:384, "
                           "rsa:2048, rsa:3072 or rsa:4096", &value[1]);
        return NGX_CONF_ERROR;
    }

    *result = key;

    return NGX_CONF_OK;
}


static char *
ngx_acm_issuer_lifetime(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_int_t          lifetime;
    ngx_str_t         *value;
    ngx_acm_issuer_t  *issuer;

    value = cf->args->elts;
    issuer = ngx_acm_issuer_last((ngx_acm_conf_t *) conf);

    lifetime = ngx_parse_time(&value[1], 1);

    if (lifetime == NGX_ERROR || lifetime < ACM_CA_MIN_LIFETIME
        || lifetime > ACM_CA_ISSUING_LIFETIME)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid lifetime \"%V\": use %d seconds to %d "
                           "days, like \"395d\"", &value[1],
                           ACM_CA_MIN_LIFETIME,
                           (int) (ACM_CA_ISSUING_LIFETIME / 86400));
        return NGX_CONF_ERROR;
    }

    issuer->issuer.lifetime = lifetime;

    return NGX_CONF_OK;
}


static char *
ngx_acm_issuer_crl(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t         *value;
    ngx_acm_issuer_t  *issuer;

    value = cf->args->elts;
    issuer = ngx_acm_issuer_last((ngx_acm_conf_t *) conf);

    if (value[1].len < 8 || value[1].len > 1000
        || (ngx_strncasecmp(value[1].data, (u_char *) "http://", 7) != 0
            && ngx_strncasecmp(value[1].data, (u_char *) "https://", 8)
               != 0))
    {
        return "is no http:// or https:// URL of up to 1000 characters";
    }

    issuer->issuer.crl_url = (char *) value[1].data;

    return NGX_CONF_OK;
}


/* What can be said only when the block is complete. */

static char *
ngx_acm_issuer_done(ngx_conf_t *cf, ngx_acm_issuer_t *issuer)
{
    acm_issuer_t  *i;

    i = &issuer->issuer;

    if (issuer->ca == (i->directory != NULL)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      issuer->ca
                      ? "issuer \"%V\" in %s:%ui is of two kinds: remove "
                        "\"ca;\" or \"acme URL;\""
                      : "issuer \"%V\" in %s:%ui says no kind: add \"ca;\" "
                        "or \"acme URL;\"",
                      &issuer->name, issuer->file, issuer->line);
        return NGX_CONF_ERROR;
    }

    if (issuer->dns_proof == 1 && !issuer->ca) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "issuer \"%V\" in %s:%ui has \"dns_proof on;\", which "
                      "is of built-in CAs: remove it, other CAs look "
                      "themselves", &issuer->name, issuer->file,
                      issuer->line);
        return NGX_CONF_ERROR;
    }

    i->dns_proof = (issuer->dns_proof == 1);
    i->terms = (issuer->terms == 1);
    i->same_origin = (issuer->same_origin == 1);
    i->preflight = (issuer->preflight != 0);
    i->public_names = (issuer->public_names == NGX_CONF_UNSET)
                      ? (i->directory && i->ca_file == NULL
                         && acm_http_is_public(i->directory))
                      : (issuer->public_names == 1);

    if (i->orders == 0) {
        i->orders = ACM_ORDERS;
    }

    if (i->nretry == 0) {
        i->retry[i->nretry++] = 60;
        i->retry[i->nretry++] = 600;
        i->retry[i->nretry++] = 6000;
        i->retry[i->nretry++] = 86400;
    }

    if (!issuer->rated && i->directory
        && ngx_strstr(i->directory, ".letsencrypt.org/"))
    {
        /* what is published at letsencrypt.org/docs/rate-limits */

        i->account_rate.number = 300;
        i->account_rate.period = 3 * 3600;
        i->domain_rate.number = 50;
        i->domain_rate.period = 7 * 86400;
    }

    return NGX_CONF_OK;
}


void
ngx_acm_issuer_defaults(ngx_acm_conf_t *amcf)
{
    acm_issuer_t      *i;
    ngx_uint_t         n;
    ngx_acm_issuer_t  *issuer;

    issuer = amcf->issuers.elts;

    for (n = 0; n < amcf->issuers.nelts; n++) {
        i = &issuer[n].issuer;

        if (i->directory == NULL || i->nmethods) {
            continue;
        }

        if (amcf->no_port_80) {
            i->methods[i->nmethods++] = ACM_METHOD_TLS_ALPN_01;
            i->methods[i->nmethods++] = ACM_METHOD_HTTP_01;

        } else {
            i->methods[i->nmethods++] = ACM_METHOD_HTTP_01;
            i->methods[i->nmethods++] = ACM_METHOD_TLS_ALPN_01;
        }

        if (amcf->validation || amcf->updates) {
            i->methods[i->nmethods++] = ACM_METHOD_DNS_01;
        }
    }
}


static char *
ngx_acm_issuer_acme(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_acm_issuer_url(cf,
             &ngx_acm_issuer_last((ngx_acm_conf_t *) conf)->issuer.directory);
}


static char *
ngx_acm_issuer_staging(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_acm_issuer_url(cf,
               &ngx_acm_issuer_last((ngx_acm_conf_t *) conf)->issuer.staging);
}


static char *
ngx_acm_issuer_url(ngx_conf_t *cf, const char **url)
{
    ngx_str_t  *value;

    if (*url) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (!acm_http_url_ok((char *) value[1].data)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URL \"%V\": use https://, or http:// at "
                           "a loopback address, and at most %d characters",
                           &value[1], ACM_MAX_URL);
        return NGX_CONF_ERROR;
    }

    *url = (char *) value[1].data;

    return NGX_CONF_OK;
}


static char *
ngx_acm_issuer_flag(ngx_conf_t *cf, ngx_flag_t *flag)
{
    ngx_str_t  *value;

    if (*flag != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcasecmp(value[1].data, (u_char *) "on") == 0) {
        *flag = 1;

    } else if (ngx_strcasecmp(value[1].data, (u_char *) "off") == 0) {
        *flag = 0;

    } else {
        return "must be \"on\" or \"off\"";
    }

    return NGX_CONF_OK;
}


static char *
ngx_acm_issuer_terms(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_acm_issuer_flag(cf,
                        &ngx_acm_issuer_last((ngx_acm_conf_t *) conf)->terms);
}


static char *
ngx_acm_issuer_same_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_acm_issuer_flag(cf,
                  &ngx_acm_issuer_last((ngx_acm_conf_t *) conf)->same_origin);
}


static char *
ngx_acm_issuer_preflight(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_acm_issuer_flag(cf,
                    &ngx_acm_issuer_last((ngx_acm_conf_t *) conf)->preflight);
}


static char *
ngx_acm_issuer_public_names(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_acm_issuer_flag(cf,
                 &ngx_acm_issuer_last((ngx_acm_conf_t *) conf)->public_names);
}


static char *
ngx_acm_issuer_dns_proof(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_acm_issuer_flag(cf,
                    &ngx_acm_issuer_last((ngx_acm_conf_t *) conf)->dns_proof);
}


static char *
ngx_acm_issuer_account_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_acm_issuer_key_type(cf,
           &ngx_acm_issuer_last((ngx_acm_conf_t *) conf)->issuer.account_key);
}


