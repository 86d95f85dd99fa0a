
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the http files share.
 */


#ifndef _NGX_HTTP_ACM_H_INCLUDED_
#define _NGX_HTTP_ACM_H_INCLUDED_


/* The content handler of acm_status; GET and HEAD only. */
ngx_int_t ngx_http_acm_status_handler(ngx_http_request_t *r);


extern ngx_module_t  ngx_http_acm_module;


#endif /* _NGX_HTTP_ACM_H_INCLUDED_ */
