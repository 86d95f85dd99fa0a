
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the files of acm_html share.
 */


#ifndef _ACM_HTML_IMPL_H_INCLUDED_
#define _ACM_HTML_IMPL_H_INCLUDED_


/* the one style sheet; its hash is in the policy */
extern const char  acm_html_css[];


#endif /* _ACM_HTML_IMPL_H_INCLUDED_ */
