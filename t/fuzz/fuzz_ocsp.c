
/*
 * Copyright (C) The ngx_acm authors
 *
 * OCSP responses, for one certificate, as they come and signed anew by its
 * issuer; and records of them.
 */


#include <string.h>

#include <openssl/ocsp.h>

#include "acm_staple.h"


#define FUZZ_NOW  1795600000LL


int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* made for this; it protects nothing */

static const uint8_t  fuzz_key[] = {
    0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20, 0x64, 0x97, 0x67, 0x51, 0xa8,
    0xfb, 0x61, 0xe6, 0x10, 0x2a, 0x1c, 0x34, 0x48, 0x59, 0xca, 0x1d, 0xb0,
    0xfd, 0xc3, 0x77, 0x71, 0x92, 0x45, 0x3e, 0xa8, 0x50, 0x1b, 0x13, 0x45,
    0x4a, 0x7d, 0xb8, 0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
    0x03, 0x01, 0x07, 0xa1, 0x44, 0x03, 0x42, 0x00, 0x04, 0x5e, 0xb6, 0xc8,
    0x32, 0x5c, 0x57, 0x12, 0x7f, 0x42, 0xbb, 0xe4, 0xbb, 0xf9, 0x17, 0x69,
    0x08, 0x13, 0x58, 0x3f, 0x8b, 0x06, 0xff, 0x30, 0x3e, 0x65, 0xff, 0xa1,
    0x07, 0x0f, 0x08, 0xb7, 0x5a, 0x5c, 0xbc, 0x9a, 0x7c, 0x1e, 0x4e, 0xca,
    0x59, 0x6f, 0xda, 0x62, 0xb1, 0xcf, 0x2c, 0xf2, 0x45, 0x63, 0xdf, 0x5d,
    0x85, 0x8e, 0xf6, 0x5c, 0xc5, 0x18, 0xec, 0x31, 0x7c, 0x91, 0xfb, 0xda,
    0x29
};

static X509      *fuzz_ca, *fuzz_leaf;
static EVP_PKEY  *fuzz_pkey;


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
    const uint8_t  *pos;

    (void) argc;
    (void) argv;

    pos = fuzz_key;
    fuzz_pkey = d2i_AutoPrivateKey(NULL, &pos, sizeof(fuzz_key));
    fuzz_that(fuzz_pkey != NULL);

    fuzz_ca = fuzz_x509("CA", 1, fuzz_pkey, NULL);
    fuzz_leaf = fuzz_x509("leaf", 2, fuzz_pkey, fuzz_ca);

    return 0;
}


/* What the issuer signs is checked to its end. */

static void
fuzz_signed(const uint8_t *data, size_t size)
{
    acm_err_t           err;
    acm_str_t           der;
    OCSP_RESPONSE      *response;
    OCSP_BASICRESP     *basic;
    acm_ocsp_answer_t   answer;

    response = d2i_OCSP_RESPONSE(NULL, &data, (long) size);
    basic = (response != NULL) ? OCSP_response_get1_basic(response) : NULL;
    OCSP_RESPONSE_free(response);

    if (basic == NULL) {
        return;
    }

    der.data = NULL;
    response = NULL;

    if (OCSP_basic_sign(basic, fuzz_ca, fuzz_pkey, EVP_sha256(), NULL,
                        OCSP_NOCERTS | OCSP_NOTIME)
        == 1)
    {
        response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL,
                                        basic);
        der.len = (size_t) i2d_OCSP_RESPONSE(response, &der.data);
    }

    if (der.data != NULL
        && acm_ocsp_check(fuzz_leaf, fuzz_ca, &der, FUZZ_NOW, &answer, &err)
           == ACM_OK)
    {
        fuzz_that(answer.status != ACM_OCSP_NONE && answer.reason != NULL);
        fuzz_that(answer.this_update <= FUZZ_NOW + ACM_OCSP_SLACK
                  && answer.next_update > FUZZ_NOW);
        fuzz_that(answer.status == ACM_OCSP_REVOKED
                  || (answer.revoked_at == 0 && *answer.reason == '\0'));
    }

    OPENSSL_free(der.data);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
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

    /* no signature can be guessed */

    fuzz_that(acm_ocsp_check(fuzz_leaf, fuzz_ca, &der, FUZZ_NOW, &answer,
                             &err)
              != ACM_OK);

    fuzz_signed(data, size);

    if (acm_staple_decode(data, size, &staple) == ACM_OK) {
        acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
        fuzz_that(acm_staple_encode(&staple, &buf) == ACM_OK);
        acm_buf_free(&buf);
        acm_staple_free(&staple);
    }

    return 0;
}
