
/*
 * Copyright (C) The ngx_acm authors
 *
 * Pages for people.  All that comes from elsewhere goes through one writer,
 * which escapes it; the pages have no script, no style attribute and nothing
 * from another place, and a policy that forbids them.
 */


#ifndef _ACM_HTML_H_INCLUDED_
#define _ACM_HTML_H_INCLUDED_


#include "acm_buf.h"


#define ACM_MAX_HTML         (4 << 20)   /* octets of a page */
#define ACM_MAX_HTML_TEXT    16384       /* octets of one text in it */
#define ACM_MAX_HTML_CSP     256         /* octets, with NUL */


/*
 * Text as it may stand in an element or in a quoted attribute.  What is no
 * UTF-8, a control character or one that turns the direction of writing
 * becomes U+FFFD; what is longer than ACM_MAX_HTML_TEXT is cut, with "...".
 */
void acm_html_escape(acm_buf_t *b, const char *s, size_t len);

/* A part of an URL: all but letters, digits and "-._~" as "%XX". */
void acm_html_url(acm_buf_t *b, const char *s, size_t len);

/*
 * The form is written as it is, but for
 *   %s  const char *: escaped, NULL is nothing
 *   %q  const char *: a part of an URL
 *   %d  int64_t: a number
 *   %D  int64_t: a number with commas
 *   %z  size_t and const char *: escaped
 *   %%  a percent sign
 * A form is always a constant.
 */
void acm_html(acm_buf_t *b, const char *form, ...);

/* The head of a page to <main>, and all behind it.  home: relative URL, in
   front of all links: "./", "../" or "./NAME/"; now: seconds. */
void acm_html_begin(acm_buf_t *b, const char *title, const char *home,
    int64_t now);
void acm_html_end(acm_buf_t *b);

/* "3 days", "5 hours", "12 seconds"; buf holds 32 octets. */
char *acm_html_span(int64_t seconds, char *buf);

/* <time>, with how far it is from now behind it; s: RFC 3339 in UTC.  What
   is none is written as text. */
void acm_html_time(acm_buf_t *b, const char *s, int64_t now);

/* Seconds of "2026-11-25T05:00:00Z", -1 for what is none. */
int64_t acm_html_time_parse(const char *s);

/* The value of Content-Security-Policy. */
acm_rc_t acm_html_csp(char csp[ACM_MAX_HTML_CSP]);


#endif /* _ACM_HTML_H_INCLUDED_ */
