
/*
 * Copyright (C) The ngx_acm authors
 *
 * Host names as they stand in certificates and in SNI: normal form, rules
 * for what may be requested, wildcards, and the reversed form that the name
 * index is sorted by.  Pure functions; called in every process.
 */


#ifndef _ACM_NAME_H_INCLUDED_
#define _ACM_NAME_H_INCLUDED_


#include "acm.h"


#define ACM_MAX_NAME_UTF8    1012    /* octets of a name to be converted */


/*
 * Brings a name from a ClientHello to its normal form: lower case, one
 * trailing dot removed.  out holds ACM_MAX_NAME + 1 octets.  ACM_INVALID for
 * anything that cannot be a DNS host name: empty, over-long, empty label,
 * octets outside [a-z0-9_-.], a wildcard, an IP literal (RFC 6066 s3).
 */
acm_rc_t acm_name_sni(const uint8_t *data, size_t len, char *out);

/*
 * Checks a name that a certificate is requested for and writes its normal
 * form (lower case A-labels, no trailing dot).  A U-label is converted by
 * IDNA 2008 (libidn2).  Rules: at least two labels, labels of 1 to 63 octets
 * of letters, digits and hyphens, none at either end, at most ACM_MAX_NAME
 * octets in all, "*" only as the whole first label, a label with "--" at
 * positions 3 and 4 must start with "xn--" and decode to valid IDNA, the last
 * label not all digits.  err says what is wrong with which part.
 */
acm_rc_t acm_name_request(const char *name, size_t len, char *out,
    acm_err_t *err);

/* The same, but an IP address is taken too, as its canonical text (RFC 5952),
   for certificates that RFC 8738 describes. */
acm_rc_t acm_name_identifier(const char *name, size_t len, char *out,
    acm_err_t *err);

/* 1 if text is another way to write the name, which is in normal form or an
   address: case, a dot at the end, zeros of an address do not matter. */
int acm_name_same(const char *name, const char *text);

/* 1 if name (normal form) is covered by pattern, one left-most "*" label. */
int acm_name_match(const char *pattern, const char *name);

/* "*.example.com" for "www.example.com": writes to out (ACM_MAX_NAME + 3
   octets) and returns 1, or 0 if the name has fewer than three labels. */
int acm_name_wildcard(const char *name, char *out);

/* "com.example.www" for "www.example.com"; out holds ACM_MAX_NAME + 1. */
void acm_name_reverse(const char *name, char *out);

/* 1 if the octets are an IPv4 or IPv6 literal, with or without brackets. */
int acm_name_is_ip(const char *s, size_t len);


#endif /* _ACM_NAME_H_INCLUDED_ */
