
/*
 * Copyright (C) The ngx_acm authors
 *
 * What a certificate is looked for and sorted by, read from its record into
 * memory that is there already: for walks over many.
 */


#ifndef _ACM_PEEK_H_INCLUDED_
#define _ACM_PEEK_H_INCLUDED_


#include "acm_record.h"


/* each with its NUL */
#define ACM_MAX_PEEK_NAMES  (ACM_MAX_NAMES * (ACM_MAX_NAME + 1))


typedef struct {
    acm_cert_t   cert;           /* strings that are not looked at are "" */
    char        *list[ACM_MAX_NAMES];
    char         account[ACM_MAX_LABEL + 1];
    char         region[ACM_MAX_LABEL + 1];
    char         domain[ACM_MAX_NAME + 1];
    char         serial[ACM_MAX_REC_SERIAL + 1];
    char         names[ACM_MAX_PEEK_NAMES + 1];
} acm_peek_t;


/* acm_free() it; NULL without memory. */
acm_peek_t *acm_cert_peek_make(void);

/*
 * Sets of peek->cert account, region, uuid, type, status, key, domain, names,
 * identity, version, serial, the times from not_before to imported_at,
 * renewal, exported, exportable, revoked_at, usages and proof, until the next
 * one is looked at.  ACM_CORRUPT, ACM_VERSION; not all that is wrong with a
 * record is found.
 */
acm_rc_t acm_cert_peek(const uint8_t *data, size_t len, acm_peek_t *peek);


#endif /* _ACM_PEEK_H_INCLUDED_ */
