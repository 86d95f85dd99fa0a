
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the pages of the status share.
 */


#ifndef _ACM_STATUS_IMPL_H_INCLUDED_
#define _ACM_STATUS_IMPL_H_INCLUDED_


#include "acm_status.h"


#define ACM_STATUS_MOST   50             /* rows of lists from elsewhere */


/* The query as arguments of a link, in an attribute. */
void acm_status_link(acm_buf_t *b, const acm_status_query_t *query);

/* Certificates as a table. */
void acm_status_table(acm_buf_t *b, const json_t *list, const char *home,
    int64_t now);
/* Its state in a word with a colour; how long it is good for. */
void acm_status_pill(acm_buf_t *b, const json_t *o);
void acm_status_left(acm_buf_t *b, const json_t *o);
/* What is wrong with a certificate, and what is to be done; nothing if there
   is nothing. */
void acm_status_trouble(acm_buf_t *b, const json_t *o, int64_t now);

/* "in 3 hours", "now" */
void acm_status_when(acm_buf_t *b, const char *s, int64_t now);

/* A table of objects: the columns are all members that any has. */
void acm_status_rows(acm_buf_t *b, const char *title, const char *note,
    const json_t *list, int64_t now);

/* Any JSON; and the name of a member: "Last error at". */
void acm_status_value(acm_buf_t *b, const json_t *value, int64_t now);
void acm_status_label(acm_buf_t *b, const char *name);


#endif /* _ACM_STATUS_IMPL_H_INCLUDED_ */
