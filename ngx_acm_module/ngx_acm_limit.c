
/*
 * Copyright (C) The ngx_acm authors
 *
 * The directives inside acm {} that make the API refuse what ACM refuses, and
 * say what counts as in use.
 */


#include "ngx_acm.h"


#define NGX_ACM_MAX_RATE       1000          /* calls, in a second or minute */
#define NGX_ACM_MAX_QUOTA      1000000000


typedef struct {
    acm_operation_e            operation;
    uint32_t                   number;       /* in a second */
} ngx_acm_rate_t;


typedef struct {
    const char                *name;
    acm_quota_e                quota;
    uint32_t                   number;       /* ACM's */
    ngx_int_t                  max;
} ngx_acm_quota_t;


/* what the two directives do not have in common */

typedef struct {
    const char                *what;
    const char                *use;
    ngx_uint_t                 n;            /* of names, at most 64 */
    const char              *(*name)(ngx_uint_t i);
    void                     (*acm)(acm_api_limits_t *limits);
    char                    *(*set)(ngx_conf_t *cf, acm_api_limits_t *limits,
                                    ngx_uint_t i, ngx_str_t *value);
} ngx_acm_limit_t;


static char *ngx_acm_api_limit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_acm_api_limit_of(ngx_conf_t *cf, const ngx_acm_limit_t *limit,
    acm_api_limits_t *limits, ngx_str_t *value, uint64_t *given);
static const char *ngx_acm_api_rate_name(ngx_uint_t i);
static void ngx_acm_api_rate_acm(acm_api_limits_t *limits);
static char *ngx_acm_api_rate_set(ngx_conf_t *cf, acm_api_limits_t *limits,
    ngx_uint_t i, ngx_str_t *value);
static ngx_int_t ngx_acm_api_rate_parse(ngx_str_t *s, acm_rate_t *rate);
static const char *ngx_acm_api_quota_name(ngx_uint_t i);
static void ngx_acm_api_quota_acm(acm_api_limits_t *limits);
static char *ngx_acm_api_quota_set(ngx_conf_t *cf, acm_api_limits_t *limits,
    ngx_uint_t i, ngx_str_t *value);
static char *ngx_acm_api_in_use(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static acm_api_limits_t *ngx_acm_limits(ngx_conf_t *cf, ngx_acm_conf_t *amcf);


static ngx_acm_limit_t  ngx_acm_limit_rate = {
    "operation",
    "an operation and a number, like \"ListCertificates=8r/s\"",
    ACM_OPERATION_MAX,
    ngx_acm_api_rate_name,
    ngx_acm_api_rate_acm,
    ngx_acm_api_rate_set
};


static ngx_acm_limit_t  ngx_acm_limit_quota = {
    "quota",
    "\"certificates=\", \"certificates_per_year=\", \"imported=\", "
        "\"imported_per_year=\", \"private=\" or \"names=\" and a number",
    ACM_QUOTA_MAX,
    ngx_acm_api_quota_name,
    ngx_acm_api_quota_acm,
    ngx_acm_api_quota_set
};


static ngx_command_t  ngx_acm_limit_commands[] = {

    /*
     * Syntax:  api_rate [acm] [operation=number[r/s|r/m] |
     *              operation=off ...] | off;
     * Default: api_rate off;
     * Context: acm
     *
     * How often each operation of "acm_api" may be called by an account in a
     * region, over all workers: up to the number at once, and after that as
     * fast as the number in a second, or minute, says, 1 to 1000.  Further
     * calls get a ThrottlingException, "Rate exceeded".  "acm" sets the
     * numbers that ACM documents; operations behind it have others, or none,
     * as in "api_rate acm DescribeCertificate=50r/s ImportCertificate=off".
     * A call counts when its signature is right, whatever becomes of it.
     */
    { ngx_string("api_rate"),
      NGX_ACM_MAIN_CONF|NGX_CONF_1MORE,
      ngx_acm_api_limit,
      0,
      offsetof(ngx_acm_conf_t, rate_set),
      &ngx_acm_limit_rate },

    /*
     * Syntax:  api_quota [acm] [name=number | name=off ...] | off;
     * Default: api_quota off;
     * Context: acm
     *
     * How many certificates "acm_api" gives an account in a region; more get
     * a LimitExceededException.  "acm" sets the numbers that ACM documents;
     * names behind it have others, or none, as in "api_quota acm names=100":
     *
     * certificates (2500) that are there, without imported and private ones;
     * certificates_per_year (5000) requested in the last 365 days, today
     * included, with those that were deleted; imported (2500) that are there;
     * imported_per_year (5000); private (1000000) of each private CA, ever;
     * names (10, at most 100) of one request.
     *
     * A day is one of UTC.  Certificates of "acm_certificate auto" and on
     * demand count as being there, but are not refused.  All is counted with
     * "off", too, and since before a quota was set.
     */
    { ngx_string("api_quota"),
      NGX_ACM_MAIN_CONF|NGX_CONF_1MORE,
      ngx_acm_api_limit,
      0,
      offsetof(ngx_acm_conf_t, quota_set),
      &ngx_acm_limit_quota },

    /*
     * Syntax:  api_in_use time | off;
     * Default: api_in_use 1d;
     * Context: acm
     *
     * How long a certificate that a server with "acm_certificate sni" has
     * served is in use by it: the API shows that, and does not delete it.
     * What it is not the certificate for any more, as there is a newer one,
     * is not in use.  A handshake is known after a minute, and as one of up
     * to an hour before; with less than four hours, up to a quarter of the
     * time before.  "off": such servers use no certificate.
     */
    { ngx_string("api_in_use"),
      NGX_ACM_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_acm_api_in_use,
      0,
      0,
      NULL },

    ngx_null_command
};


ngx_module_t  ngx_acm_limit_module = {
    NGX_MODULE_V1,
    NULL,                                  /* module context */
    ngx_acm_limit_commands,                /* module directives */
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


/* what ACM documents; other operations have no number there */

static const ngx_acm_rate_t  ngx_acm_rates[] = {
    { ACM_OPERATION_ADD_TAGS_TO_CERTIFICATE, 5 },
    { ACM_OPERATION_DELETE_CERTIFICATE, 10 },
    { ACM_OPERATION_DESCRIBE_CERTIFICATE, 10 },
    { ACM_OPERATION_EXPORT_CERTIFICATE, 10 },
    { ACM_OPERATION_GET_ACCOUNT_CONFIGURATION, 1 },
    { ACM_OPERATION_GET_CERTIFICATE, 10 },
    { ACM_OPERATION_IMPORT_CERTIFICATE, 1 },
    { ACM_OPERATION_LIST_CERTIFICATES, 8 },
    { ACM_OPERATION_LIST_TAGS_FOR_CERTIFICATE, 10 },
    { ACM_OPERATION_PUT_ACCOUNT_CONFIGURATION, 1 },
    { ACM_OPERATION_REMOVE_TAGS_FROM_CERTIFICATE, 5 },
    { ACM_OPERATION_RENEW_CERTIFICATE, 5 },
    { ACM_OPERATION_REQUEST_CERTIFICATE, 5 },
    { ACM_OPERATION_RESEND_VALIDATION_EMAIL, 1 },
    { ACM_OPERATION_UPDATE_CERTIFICATE_OPTIONS, 5 }
};


static const ngx_acm_quota_t  ngx_acm_quotas[] = {
    { "certificates", ACM_QUOTA_CERTIFICATES, 2500,
      NGX_ACM_MAX_QUOTA },
    { "certificates_per_year", ACM_QUOTA_REQUESTED, 5000,
      NGX_ACM_MAX_QUOTA },
    { "imported", ACM_QUOTA_IMPORTED, 2500, NGX_ACM_MAX_QUOTA },
    { "imported_per_year", ACM_QUOTA_IMPORTED_YEAR, 5000,
      NGX_ACM_MAX_QUOTA },
    { "private", ACM_QUOTA_PRIVATE, 1000000, NGX_ACM_MAX_QUOTA },
    { "names", ACM_QUOTA_NAMES, 10, ACM_MAX_NAMES }
};


static char *
ngx_acm_api_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    char                   *rv;
    uint64_t                given;
    ngx_str_t              *value;
    ngx_flag_t             *set;
    ngx_uint_t              i;
    acm_api_limits_t       *limits;
    const ngx_acm_limit_t  *limit;

    set = (ngx_flag_t *) ((char *) conf + cmd->offset);

    if (*set) {
        return "is duplicate";
    }

    *set = 1;
    limit = cmd->post;
    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    limits = ngx_acm_limits(cf, amcf);
    if (limits == NULL) {
        return NGX_CONF_ERROR;
    }

    i = 1;

    if (ngx_strcmp(value[1].data, "acm") == 0) {
        limit->acm(limits);
        i++;
    }

    given = 0;

    for ( /* void */ ; i < cf->args->nelts; i++) {
        rv = ngx_acm_api_limit_of(cf, limit, limits, &value[i], &given);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


/* given: a bit for each name that has its number already */

static char *
ngx_acm_api_limit_of(ngx_conf_t *cf, const ngx_acm_limit_t *limit,
    acm_api_limits_t *limits, ngx_str_t *value, uint64_t *given)
{
    u_char      *p;
    size_t       len;
    ngx_str_t    s;
    ngx_uint_t   i;

    p = ngx_strlchr(value->data, value->data + value->len, '=');
    len = p ? (size_t) (p - value->data) : 0;

    for (i = 0; i < limit->n; i++) {
        if (p && ngx_strlen(limit->name(i)) == len
            && ngx_strncmp(limit->name(i), value->data, len) == 0)
        {
            break;
        }
    }

    if (i == limit->n) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": use \"acm\" first, or "
                           "%s", value, limit->use);
        return NGX_CONF_ERROR;
    }

    if (*given & (uint64_t) 1 << i) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate %s \"%s\"",
                           limit->what, limit->name(i));
        return NGX_CONF_ERROR;
    }

    *given |= (uint64_t) 1 << i;

    s.data = p + 1;
    s.len = value->len - len - 1;

    return limit->set(cf, limits, i, &s);
}


static const char *
ngx_acm_api_rate_name(ngx_uint_t i)
{
    return acm_operations[i].name;
}


static void
ngx_acm_api_rate_acm(acm_api_limits_t *limits)
{
    ngx_uint_t  i;

    for (i = 0; i < sizeof(ngx_acm_rates) / sizeof(ngx_acm_rate_t); i++) {
        limits->rates[ngx_acm_rates[i].operation].number =
                                                     ngx_acm_rates[i].number;
        limits->rates[ngx_acm_rates[i].operation].period = 1;
    }
}


static char *
ngx_acm_api_rate_set(ngx_conf_t *cf, acm_api_limits_t *limits, ngx_uint_t i,
    ngx_str_t *value)
{
    if (ngx_acm_api_rate_parse(value, &limits->rates[i]) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid rate \"%V\" of %s: use 1 to %d, with "
                           "\"r/s\" or \"r/m\" behind it, or \"off\"", value,
                           acm_operations[i].name, NGX_ACM_MAX_RATE);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_acm_api_rate_parse(ngx_str_t *s, acm_rate_t *rate)
{
    size_t     len;
    ngx_int_t  n;

    len = s->len;
    rate->number = 0;
    rate->period = 1;

    if (len == 3 && ngx_strncmp(s->data, "off", 3) == 0) {
        return NGX_OK;
    }

    if (len > 3 && ngx_strncmp(s->data + len - 3, "r/m", 3) == 0) {
        rate->period = 60;
        len -= 3;

    } else if (len > 3 && ngx_strncmp(s->data + len - 3, "r/s", 3) == 0) {
        len -= 3;
    }

    n = ngx_atoi(s->data, len);

    if (n < 1 || n > NGX_ACM_MAX_RATE) {
        return NGX_ERROR;
    }

    rate->number = (uint32_t) n;

    return NGX_OK;
}


static const char *
ngx_acm_api_quota_name(ngx_uint_t i)
{
    return ngx_acm_quotas[i].name;
}


static void
ngx_acm_api_quota_acm(acm_api_limits_t *limits)
{
    ngx_uint_t  i;

    for (i = 0; i < ACM_QUOTA_MAX; i++) {
        limits->quotas[ngx_acm_quotas[i].quota] = ngx_acm_quotas[i].number;
    }
}


static char *
ngx_acm_api_quota_set(ngx_conf_t *cf, acm_api_limits_t *limits, ngx_uint_t i,
    ngx_str_t *value)
{
    ngx_int_t               n;
    const ngx_acm_quota_t  *q;

    q = &ngx_acm_quotas[i];

    if (value->len == 3 && ngx_strncmp(value->data, "off", 3) == 0) {
        limits->quotas[q->quota] = 0;
        return NGX_CONF_OK;
    }

    n = ngx_atoi(value->data, value->len);

    if (n < 1 || n > q->max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid quota \"%V\" of \"%s\": use 1 to %i, or "
                           "\"off\"", value, q->name, q->max);
        return NGX_CONF_ERROR;
    }

    limits->quotas[q->quota] = (uint32_t) n;

    return NGX_CONF_OK;
}


static char *
ngx_acm_api_in_use(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_acm_conf_t  *amcf = conf;

    ngx_str_t  *value;

    if (amcf->in_use != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        amcf->in_use = 0;
        return NGX_CONF_OK;
    }

    amcf->in_use = ngx_parse_time(&value[1], 1);

    if (amcf->in_use == (time_t) NGX_ERROR || amcf->in_use == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\": use a time like \"1d\", or "
                           "\"off\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* Of both directives, one of which may be absent. */

static acm_api_limits_t *
ngx_acm_limits(ngx_conf_t *cf, ngx_acm_conf_t *amcf)
{
    if (amcf->limits == NULL) {
        amcf->limits = ngx_pcalloc(cf->pool, sizeof(acm_api_limits_t));
        amcf->api.limits = amcf->limits;
    }

    return amcf->limits;
}
