
/*
 * Copyright (C) The ngx_acm authors
 *
 * acm_api: the directive, and what nginx itself answers at such a location:
 * clients of ACM want JSON even then.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "../shared/acm_api.h"
#include "ngx_acm.h"
#include "ngx_http_acm.h"


typedef struct {
    ngx_str_t                  body;         /* in place of nginx's */
    unsigned                   sent:1;
} ngx_http_acm_error_t;


static ngx_int_t ngx_http_acm_filter_init(ngx_conf_t *cf);
static ngx_uint_t ngx_http_acm_api_at(ngx_http_request_t *r);
static const char *ngx_http_acm_api_fault(ngx_uint_t status);
static ngx_int_t ngx_http_acm_api_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_acm_api_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);


static ngx_http_module_t  ngx_http_acm_filter_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_acm_filter_init,              /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_acm_filter_module = {
    NGX_MODULE_V1,
    &ngx_http_acm_filter_module_ctx,       /* module context */
    NULL,                                  /* module directives */
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


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


void *
ngx_http_acm_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_acm_loc_conf_t  *alcf;

    /*
     * set by ngx_pcalloc():
     *
     *     alcf->pool = NULL;
     *     alcf->api = 0;
     *     alcf->all_key_types = 0;
     */

    alcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_acm_loc_conf_t));
    if (alcf == NULL) {
        return NULL;
    }

    alcf->metrics = NGX_HTTP_ACM_METRICS;

    return alcf;
}


/*
 * A chain of certificates may have 2 MB, and base64 makes more of it: nginx's
 * own default of 1 MB is not enough.  What is larger stays.
 */

char *
ngx_http_acm_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_acm_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    if (!conf->api) {
        return NGX_CONF_OK;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->client_max_body_size != 0
        && clcf->client_max_body_size < ACM_MAX_API_BODY)
    {
        clcf->client_max_body_size = ACM_MAX_API_BODY;
    }

    if (clcf->client_body_buffer_size < ACM_MAX_API_BODY) {
        clcf->client_body_buffer_size = ACM_MAX_API_BODY;
    }

    /* pages for people */

    clcf->error_pages = NULL;

    return NGX_CONF_OK;
}


char *
ngx_http_acm_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
#if (NGX_THREADS)

    ngx_http_acm_loc_conf_t *alcf = conf;

    ngx_str_t                 *value;
    ngx_acm_conf_t            *amcf;
    ngx_http_core_loc_conf_t  *clcf;

    if (alcf->api) {
        return "is duplicate";
    }

    alcf->api = 1;

    value = cf->args->elts;

    if (cf->args->nelts == 2) {

        if (ngx_strcmp(value[1].data, "key_types=all") == 0) {
            alcf->all_key_types = 1;

        } else if (ngx_strcmp(value[1].data, "key_types=rsa") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": use "
                               "\"key_types=all\" or \"key_types=rsa\"",
                               &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    alcf->pool = ngx_thread_pool_add(cf, NULL);
    if (alcf->pool == NULL) {
        return NGX_CONF_ERROR;
    }

    amcf = ngx_acm_get_conf(cf->cycle);

    if (amcf->api_file == NULL) {
        amcf->api_file = cf->conf_file->file.name.data;
        amcf->api_line = cf->conf_file->line;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_acm_api_handler;

    if (clcf->name.len == 1 && clcf->name.data[0] == '/') {
        ngx_http_acm_api_server(cf);
    }

    return NGX_CONF_OK;

#else
    return "needs threads: build nginx --with-threads";
#endif
}


static ngx_int_t
ngx_http_acm_filter_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_acm_api_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_acm_api_body_filter;

    return NGX_OK;
}


ngx_int_t
ngx_http_acm_api_request_id(ngx_http_request_t *r, const char *id)
{
    size_t            len;
    ngx_table_elt_t  *h;

    len = ngx_strlen(id);
    h = ngx_list_push(&r->headers_out.headers);

    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->value.data = ngx_pnalloc(r->pool, len + 1);
    if (h->value.data == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    ngx_str_set(&h->key, "x-amzn-RequestId");
    h->value.len = len;
    ngx_memcpy(h->value.data, id, len + 1);

    return NGX_OK;
}


/* 1: it came to such a location; or to a server that has nothing else, and
   was so wrong that it came to no location at all. */

static ngx_uint_t
ngx_http_acm_api_at(ngx_http_request_t *r)
{
    ngx_http_acm_loc_conf_t   *alcf;
    ngx_http_core_srv_conf_t  *cscf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_acm_module);

    if (alcf->api) {
        return 1;
    }

    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    return r->loc_conf == cscf->ctx->loc_conf
           && ngx_http_acm_api_server_has(r);
}


static const char *
ngx_http_acm_api_fault(ngx_uint_t status)
{
    switch (status) {

    case NGX_HTTP_FORBIDDEN:
    case NGX_HTTP_UNAUTHORIZED:
        return "AccessDeniedException";

    case NGX_HTTP_NOT_FOUND:
    case NGX_HTTP_NOT_ALLOWED:
        return "UnknownOperationException";

    case NGX_HTTP_REQUEST_TIME_OUT:
        return "RequestTimeoutException";

    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE:
        return "RequestEntityTooLargeException";

    case NGX_HTTP_REQUEST_URI_TOO_LARGE:
        return "RequestUriTooLongException";

    case 429:
        return "ThrottlingException";

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        return "ServiceUnavailable";

    default:
        return (status >= 500) ? "InternalFailure" : "ValidationException";
    }
}


static ngx_int_t
ngx_http_acm_api_header_filter(ngx_http_request_t *r)
{
    ngx_uint_t             status;
    acm_api_answer_t       answer;
    ngx_http_acm_error_t  *error;

    status = r->headers_out.status;

    /* a page of nginx's is text */

    if (r != r->main || status < 400 || !r->headers_out.content_type.len
        || r->headers_out.content_type.data[0] != 't'
        || ngx_http_get_module_ctx(r, ngx_http_acm_filter_module)
        || !ngx_http_acm_api_at(r))
    {
        return ngx_http_next_header_filter(r);
    }

    ngx_memzero(&answer, sizeof(acm_api_answer_t));

    acm_api_refuse((int) status, ngx_http_acm_api_fault(status), NULL,
                   &answer);

    ngx_acm_audit_count(ngx_acm_get_conf(ngx_cycle), answer.fault);

    error = ngx_pcalloc(r->pool, sizeof(ngx_http_acm_error_t));

    if (error == NULL || answer.body.len == 0
        || ngx_http_acm_api_request_id(r, answer.request_id) != NGX_OK)
    {
        acm_free(answer.body.data);
        return NGX_ERROR;
    }

    error->body.len = answer.body.len;
    error->body.data = ngx_pnalloc(r->pool, answer.body.len);

    if (error->body.data == NULL) {
        acm_free(answer.body.data);
        return NGX_ERROR;
    }

    ngx_memcpy(error->body.data, answer.body.data, answer.body.len);
    acm_free(answer.body.data);

    ngx_http_set_ctx(r, error, ngx_http_acm_filter_module);

    ngx_str_set(&r->headers_out.content_type, ACM_API_TYPE);
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.charset.len = 0;
    r->headers_out.content_length_n = error->body.len;

    if (r->headers_out.content_length) {
        r->headers_out.content_length->hash = 0;
        r->headers_out.content_length = NULL;
    }

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_acm_api_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t             *b;
    ngx_chain_t            out;
    ngx_http_acm_error_t  *error;

    error = ngx_http_get_module_ctx(r, ngx_http_acm_filter_module);

    if (error == NULL || r != r->main || in == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    for ( /* void */ ; in; in = in->next) {
        in->buf->pos = in->buf->last;
        in->buf->file_pos = in->buf->file_last;
    }

    if (error->sent) {
        return NGX_OK;
    }

    error->sent = 1;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = error->body.data;
    b->last = b->pos + error->body.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_next_body_filter(r, &out);
}
