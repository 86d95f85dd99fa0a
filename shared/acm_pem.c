
/*
 * Copyright (C) The ngx_acm authors
 *
 * PEM (RFC 7468), read block by block and written.
 */


#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "acm_pem.h"


static acm_rc_t acm_pem_next(acm_pem_input_t *in, acm_pem_block_t *block,
    acm_err_t *err);
static acm_rc_t acm_pem_encrypted(const acm_pem_input_t *in, acm_err_t *err);
static EVP_PKEY *acm_pem_pkcs8(const uint8_t *der, size_t len);
static acm_rc_t acm_pem_take(BIO *bio, acm_str_t *pem, acm_err_t *err);


acm_rc_t
acm_pem_open(acm_pem_input_t *in, const char *what, const acm_str_t *pem,
    acm_err_t *err)
{
    size_t          len;
    const uint8_t  *data;

    in->what = what;
    in->n = 0;

    data = pem->data;
    len = pem->len;

    if (len > ACM_MAX_PEM) {
        return acm_fail(err, ACM_TOOBIG, "%s has %zu octets; the limit is %d",
                        what, len, ACM_MAX_PEM);
    }

    /* a byte order mark would hide the first block */

    if (len >= 3 && data[0] == 0xef && data[1] == 0xbb && data[2] == 0xbf) {
        data += 3;
        len -= 3;
    }

    in->bio = BIO_new_mem_buf(len != 0 ? (const void *) data : "", (int) len);

    if (in->bio == NULL) {
        return acm_fail_ssl(err, ACM_NOMEM, "cannot read the %s", what);
    }

    return ACM_OK;
}


/* The next block whatever its kind; ACM_NOTFOUND at the end. */

static acm_rc_t
acm_pem_next(acm_pem_input_t *in, acm_pem_block_t *block, acm_err_t *err)
{
    unsigned long  code;

    memset(block, 0, sizeof(acm_pem_block_t));

    /* secure: its own buffers, which may have had a key, are wiped */

    if (PEM_read_bio_ex(in->bio, &block->name, &block->header, &block->data,
                        &block->len,
                        PEM_FLAG_SECURE|PEM_FLAG_EAY_COMPATIBLE)
        == 1)
    {
        in->n++;
        return ACM_OK;
    }

    code = ERR_peek_last_error();

    if (ERR_GET_LIB(code) == ERR_LIB_PEM
        && ERR_GET_REASON(code) == PEM_R_NO_START_LINE)
    {
        ERR_clear_error();
        return ACM_NOTFOUND;
    }

    return acm_fail_ssl(err, ACM_INVALID, "%s: block %zu is no well-formed "
                        "PEM; copy it again, from its BEGIN to its END line",
                        in->what, in->n + 1);
}


void
acm_pem_close(acm_pem_input_t *in)
{
    BIO_free(in->bio);
}


void
acm_pem_block_free(acm_pem_block_t *block)
{
    OPENSSL_secure_free(block->name);
    OPENSSL_secure_free(block->header);
    OPENSSL_secure_clear_free(block->data, (size_t) block->len);
}


static acm_rc_t
acm_pem_encrypted(const acm_pem_input_t *in, acm_err_t *err)
{
    return acm_fail(err, ACM_INVALID, "%s: block %zu is encrypted; decrypt it "
                    "first, for example by \"openssl pkey\"", in->what, in->n);
}


acm_rc_t
acm_pem_next_cert(acm_pem_input_t *in, acm_pem_block_t *block,
    acm_err_t *err)
{
    acm_rc_t  rc;

    rc = acm_pem_next(in, block, err);

    if (rc != ACM_OK) {
        return rc;
    }

    if (strcmp(block->name, PEM_STRING_X509) != 0
        && strcmp(block->name, PEM_STRING_X509_OLD) != 0)
    {
        rc = acm_fail(err, ACM_INVALID, "%s: block %zu is \"%.40s\" and not a "
                      "certificate; leave it out", in->what, in->n,
                      block->name);

    } else if (block->header[0] != '\0') {
        rc = acm_pem_encrypted(in, err);
    }

    if (rc != ACM_OK) {
        acm_pem_block_free(block);
    }

    return rc;
}


acm_rc_t
acm_pem_next_key(acm_pem_input_t *in, acm_pem_block_t *block, acm_err_t *err)
{
    acm_rc_t  rc;

    for ( ;; ) {
        rc = acm_pem_next(in, block, err);

        if (rc != ACM_OK || strcmp(block->name, PEM_STRING_ECPARAMETERS) != 0)
        {
            return rc;
        }

        acm_pem_block_free(block);
    }
}


acm_rc_t
acm_pem_block_key(const acm_pem_input_t *in, const acm_pem_block_t *block,
    EVP_PKEY **pkey, acm_err_t *err)
{
    int             type;
    size_t          len;
    EVP_PKEY       *p;
    const uint8_t  *pos;

    pos = block->data;
    len = (size_t) block->len;
    type = EVP_PKEY_NONE;

    if (strcmp(block->name, PEM_STRING_PKCS8) == 0
        || strstr(block->header, "ENCRYPTED") != NULL)
    {
        return acm_pem_encrypted(in, err);
    }

    if (strcmp(block->name, PEM_STRING_RSA) == 0) {
        type = EVP_PKEY_RSA;

    } else if (strcmp(block->name, PEM_STRING_ECPRIVATEKEY) == 0) {
        type = EVP_PKEY_EC;

    } else if (strcmp(block->name, PEM_STRING_PKCS8INF) != 0) {
        return acm_fail(err, ACM_INVALID, "%s: block %zu is \"%.40s\" and not "
                        "an RSA or EC private key in PEM", in->what, in->n,
                        block->name);
    }

    if (len > ACM_MAX_KEY_DER) {
        return acm_fail(err, ACM_TOOBIG, "%s: block %zu has %zu octets; the "
                        "limit is %d", in->what, in->n, len, ACM_MAX_KEY_DER);
    }

    if (type == EVP_PKEY_NONE) {
        p = acm_pem_pkcs8(pos, len);

    } else {
        p = d2i_PrivateKey(type, NULL, &pos, (long) len);

        if (p != NULL && pos != block->data + len) {
            EVP_PKEY_free(p);
            p = NULL;
        }
    }

    if (p == NULL) {
        return acm_fail_ssl(err, ACM_INVALID, "%s: block %zu is not a "
                            "well-formed private key", in->what, in->n);
    }

    *pkey = p;

    return ACM_OK;
}


static EVP_PKEY *
acm_pem_pkcs8(const uint8_t *der, size_t len)
{
    EVP_PKEY             *pkey;
    const uint8_t        *pos;
    PKCS8_PRIV_KEY_INFO  *p8;

    pos = der;

    p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &pos, (long) len);
    if (p8 == NULL) {
        return NULL;
    }

    pkey = pos == der + len ? EVP_PKCS82PKEY(p8) : NULL;

    PKCS8_PRIV_KEY_INFO_free(p8);

    return pkey;
}


acm_rc_t
acm_pem_certificate(const acm_str_t *der, acm_str_t *pem, acm_err_t *err)
{
    BIO       *bio;
    acm_rc_t   rc;

    bio = BIO_new(BIO_s_mem());

    if (bio == NULL
        || PEM_write_bio(bio, PEM_STRING_X509, "", der->data, (long) der->len)
           <= 0)
    {
        rc = acm_fail_ssl(err, ACM_ERROR, "cannot write a certificate as PEM");

    } else {
        rc = acm_pem_take(bio, pem, err);
    }

    BIO_free(bio);

    return rc;
}


acm_rc_t
acm_pem_key(acm_key_e key, const acm_str_t *der_secret,
    acm_str_t *pem_secret, acm_err_t *err)
{
    BIO       *bio;
    acm_rc_t   rc;
    EVP_PKEY  *pkey;

    rc = acm_key_decode(key, der_secret->data, der_secret->len, &pkey, err);
    if (rc != ACM_OK) {
        return rc;
    }

    /* BIO_free() wipes what a memory BIO holds */

    bio = BIO_new(BIO_s_mem());

    if (bio == NULL
        || PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)
           != 1)
    {
        rc = acm_fail_ssl(err, ACM_ERROR, "cannot write a private key as PEM");

    } else {
        rc = acm_pem_take(bio, pem_secret, err);
    }

    BIO_free(bio);
    EVP_PKEY_free(pkey);

    return rc;
}


static acm_rc_t
acm_pem_take(BIO *bio, acm_str_t *pem, acm_err_t *err)
{
    char     *text;
    long      len;
    uint8_t  *data;

    len = BIO_get_mem_data(bio, &text);

    data = acm_memdup(text, (size_t) len);
    if (data == NULL) {
        return acm_fail(err, ACM_NOMEM, "out of memory for PEM");
    }

    pem->data = data;
    pem->len = (size_t) len;

    return ACM_OK;
}
