
/*
 * Copyright (C) The ngx_acm authors
 *
 * An issuer block: the built-in CA or a CA that is asked over ACME.  All
 * strings are borrowed from the configuration.
 */


#ifndef _ACM_ISSUER_H_INCLUDED_
#define _ACM_ISSUER_H_INCLUDED_


#include "acm_acme.h"
#include "acm_x509.h"


#define ACM_MAX_CONTACTS     8
#define ACM_MAX_RETRY        8           /* steps of a "retry" ladder */
#define ACM_MAX_METHODS      5
#define ACM_MAX_ORDERS       1024        /* in flight, per issuer */
#define ACM_ORDERS           32
#define ACM_MAX_TURN         8           /* issuers of one certificate */


/* so many in so many seconds; 0: no limit */

typedef struct {
    uint32_t         number;
    int64_t          period;
} acm_rate_t;


typedef struct acm_issuer_s  acm_issuer_t;

struct acm_issuer_s {
    const char      *name;

    /* of the built-in CA */

    acm_key_e        ca_key;
    int64_t          lifetime;           /* of its certificates, seconds */
    const char      *crl_url;            /* or NULL */
    unsigned         dns_proof:1;        /* it looks for the records of names
                                            that are requested over the API */

    /* over ACME: directory is not NULL */

    const char      *directory;
    const char      *staging;            /* a directory, or NULL */
    char           **contacts;
    size_t           ncontacts;
    const char      *eab_kid;            /* or NULL */
    acm_str_t        eab_key_secret;
    const char      *ca_file;            /* or NULL: the system's roots */
    acm_key_e        account_key;
    const char      *profile;            /* or NULL */
    const char      *preferred_chain;    /* common name, or NULL */
    acm_method_e     methods[ACM_MAX_METHODS];   /* first one first */
    size_t           nmethods;
    size_t           orders;             /* at most so many in flight */
    int64_t          retry[ACM_MAX_RETRY];       /* seconds */
    size_t           nretry;
    acm_rate_t       account_rate;       /* orders of the account */
    acm_rate_t       domain_rate;        /* of one registered domain */
    unsigned         terms:1;            /* of service are agreed to */
    unsigned         same_origin:1;      /* all URLs as the directory's */
    unsigned         preflight:1;        /* DNS, CAA and so on are looked at */
    unsigned         public_names:1;     /* it issues for no others */
};


#endif /* _ACM_ISSUER_H_INCLUDED_ */
