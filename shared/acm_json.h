
/*
 * Copyright (C) The ngx_acm authors
 *
 * Records as JSON, under ACM's member names where it has them; times are
 * RFC 3339 text.  Nothing secret is ever among them.
 */


#ifndef _ACM_JSON_H_INCLUDED_
#define _ACM_JSON_H_INCLUDED_


#include <jansson.h>

#include "acm_staple.h"
#include "acm_used.h"


#define ACM_MAX_JSON_DEPTH  16


/*
 * Parses text from elsewhere: an object, no deeper than ACM_MAX_JSON_DEPTH,
 * no duplicate members.  ACM_INVALID with the place, ACM_TOOBIG over max
 * octets.  json_decref() the result.
 */
acm_rc_t acm_json_parse(const void *data, size_t len, size_t max,
    json_t **json, acm_err_t *err);

/*
 * Between the two, whatever jansson gives back on this thread is wiped: for
 * texts with secrets.  They may be nested, and other threads may use jansson
 * meanwhile.  The first call of a process puts a function of ours in the place
 * of jansson's free(), for good; it takes memory from before, too.
 */
void acm_json_wipe_begin(void);
void acm_json_wipe_end(void);

/* Members of an object; NULL if there is none of this type. */
const char *acm_json_string(const json_t *json, const char *name);
json_t *acm_json_array(const json_t *json, const char *name);
json_t *acm_json_object(const json_t *json, const char *name);

/* A string; what is no UTF-8 in a text from elsewhere becomes "?". */
json_t *acm_json_clean(const char *text);

/* A new reference, or NULL without memory. now: seconds, for DaysLeft. */
json_t *acm_json_cert(const acm_cert_t *cert, int64_t now);

/* Adds FirstServedAt, LastServedAt and HandshakeCount to it; 0 or -1. */
int acm_json_used(json_t *cert, const acm_used_t *used);

/* Adds OcspStatus, OcspThisUpdate, OcspNextUpdate, OcspLastError and
   OcspLastErrorAt to it; 0 or -1. */
int acm_json_staple(json_t *cert, const acm_staple_t *staple);

/* The same as of acm_json_cert() for acm_store_stat_t. */
json_t *acm_json_store(const acm_store_stat_t *stat);

/* Compact or indented text with a final line feed; release with
   acm_free(). */
acm_rc_t acm_json_text(const json_t *json, int indent, acm_str_t *text,
    acm_err_t *err);


#endif /* _ACM_JSON_H_INCLUDED_ */
