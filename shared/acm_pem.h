
/*
 * Copyright (C) The ngx_acm authors
 *
 * How the blocks of an import are read; no header for users.
 */


#ifndef _ACM_PEM_H_INCLUDED_
#define _ACM_PEM_H_INCLUDED_


#include <openssl/bio.h>

#include "acm_x509.h"


typedef struct {
    const char       *what;          /* names the input in error texts */
    size_t            n;             /* blocks read so far */
    BIO              *bio;
} acm_pem_input_t;


/* raw: no pass phrase is ever asked for, as nothing here decrypts */

typedef struct {
    char           *name;
    char           *header;
    unsigned char  *data;
    long            len;
} acm_pem_block_t;


/* Of at most ACM_MAX_PEM octets, which are borrowed. */
acm_rc_t acm_pem_open(acm_pem_input_t *in, const char *what,
    const acm_str_t *pem, acm_err_t *err);
void acm_pem_close(acm_pem_input_t *in);

/* The next block, which must be a certificate, or a private key (EC parameters
   before it are skipped: the key repeats them, RFC 5915 s3); ACM_NOTFOUND at
   the end.  Release with acm_pem_block_free(). */
acm_rc_t acm_pem_next_cert(acm_pem_input_t *in, acm_pem_block_t *block,
    acm_err_t *err);
acm_rc_t acm_pem_next_key(acm_pem_input_t *in, acm_pem_block_t *block,
    acm_err_t *err);
void acm_pem_block_free(acm_pem_block_t *block);

/* Decodes what acm_pem_next_key() has read. */
acm_rc_t acm_pem_block_key(const acm_pem_input_t *in,
    const acm_pem_block_t *block, EVP_PKEY **pkey, acm_err_t *err);


#endif /* _ACM_PEM_H_INCLUDED_ */
