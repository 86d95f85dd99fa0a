
/*
 * Copyright (C) The ngx_acm authors
 *
 * OCSP responses, for one certificate; and records of them.
 */


#include <openssl/x509.h>

#include "acm_staple.h"


#define FUZZ_NOW  1795600000LL


int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static X509  *fuzz_ca, *fuzz_leaf;


static void
fuzz_that(int holds)
{
    if (!holds) {
        __builtin_trap();
    }
}


static X509 *
fuzz_x509(const char *cn, long serial, EVP_PKEY *pkey, X509 *issuer)
{
    X509       *x;
    X509_NAME  *name;

    x = X509_new();
    name = X509_get_subject_name(x);

    ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               (const unsigned char *) cn, -1, -1, 0);
    X509_set_issuer_name(x, (issuer == NULL) ? name
                            : X509_get_subject_name(issuer));
    ASN1_TIME_set(X509_getm_notBefore(x), FUZZ_NOW - 86400);
    ASN1_TIME_set(X509_getm_notAfter(x), FUZZ_NOW + 86400);
    X509_set_pubkey(x, pkey);
    fuzz_that(X509_sign(x, pkey, EVP_sha256()) > 0);

    return x;
}


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    EVP_PKEY  *pkey;

    (void) argc;
    (void) argv;

    pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    fuzz_that(pkey != NULL);

    fuzz_ca = fuzz_x509("CA", 1, pkey, NULL);
    fuzz_leaf = fuzz_x509("leaf", 2, pkey, fuzz_ca);

    EVP_PKEY_free(pkey);

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    acm_err_t           err;
    acm_str_t           der;
    acm_buf_t           buf;
    acm_staple_t        staple;
    acm_ocsp_answer_t   answer;

    der.data = (uint8_t *) data;
    der.len = size;

    /* nobody but us has the key */

    fuzz_that(acm_ocsp_check(fuzz_leaf, fuzz_ca, &der, FUZZ_NOW, &answer,
                             &err)
              != ACM_OK);

    if (acm_staple_decode(data, size, &staple) == ACM_OK) {
        acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
        fuzz_that(acm_staple_encode(&staple, &buf) == ACM_OK);
        acm_buf_free(&buf);
        acm_staple_free(&staple);
    }

    return 0;
}
