
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates by the hundred thousand in a store: parts of "fill".
 */


#ifndef _FILL_H_INCLUDED_
#define _FILL_H_INCLUDED_


#include "../../shared/acm_certificate.h"
#include "fill_cert.h"


typedef struct {
    acm_store_t      *store;
    acm_keyring_t    *ring;
    fill_ca_t        *ca;
    acm_key_e         key;
    const char       *issuer;            /* NULL: they are imported */
    int64_t           now;
    uint32_t          from;
    uint32_t          to;
    uint32_t          due;               /* of an issuer's, to be renewed now */
    double            rate;              /* of replacements, a second */
} fill_t;


/* All of them, that can be served, in batches. */
acm_rc_t fill_served(fill_t *f, acm_err_t *err);

/* New versions of any of them at a rate, until SIGTERM; says how many. */
acm_rc_t fill_replace(fill_t *f, acm_err_t *err);


#endif /* _FILL_H_INCLUDED_ */
