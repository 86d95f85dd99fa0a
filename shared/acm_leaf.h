
/*
 * Copyright (C) The ngx_acm authors
 *
 * A certificate and its private key as handshakes use them.
 */


#ifndef _ACM_LEAF_H_INCLUDED_
#define _ACM_LEAF_H_INCLUDED_


#include "acm_x509.h"


#define ACM_LEAF_HOT         9


typedef struct {
    X509       *x;
    EVP_PKEY   *pkey;
    const void *hot[ACM_LEAF_HOT];   /* what a handshake reads of them */
    char      **names;           /* lower case; one allocation */
    size_t      nnames;
    size_t      bytes;           /* of heap, once it has signed */
} acm_leaf_t;


/*
 * Decodes both, at a fifth of what it costs to do one after the other: the
 * public key in the certificate is not decoded, pkey itself stands in its
 * place.  That they belong together is checked.  ACM_INVALID if they do not,
 * or one of them is damaged.  On success release with acm_leaf_close().
 */
acm_rc_t acm_leaf_open(acm_leaf_t *leaf, acm_key_e key, const acm_str_t *der,
    const acm_str_t *der_secret, acm_err_t *err);
void acm_leaf_close(acm_leaf_t *leaf);

/*
 * A handshake is about to use it.  What it reads is scattered, and of many
 * certificates hardly one's is in the processor's cache: it comes from memory
 * all at once, and not piece by piece when it is needed.
 */
void acm_leaf_prefetch(const acm_leaf_t *leaf);

/* What the process keeps for all of them; when none is left. */
void acm_leaf_done(void);


#endif /* _ACM_LEAF_H_INCLUDED_ */
