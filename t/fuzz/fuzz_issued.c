
/*
 * Copyright (C) The ngx_acm authors
 *
 * Chains in PEM as a CA sends them, for one key and two names.
 */


#include <string.h>

#include "acm_issued.h"


#define FUZZ_NOW  1795600000LL


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* made for this; it protects nothing */

static uint8_t  fuzz_key[] = {
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

static char  *fuzz_names[] = { "www.example.com", "example.com" };


static void
fuzz_that(int holds)
{
    if (!holds) {
        __builtin_trap();
    }
}


static void
fuzz_id(const acm_str_t *der)
{
    char       id[ACM_ARI_ID_LEN];
    acm_err_t  err;

    memset(id, 'x', sizeof(id));

    if (acm_ari_id(der, id, &err) == ACM_OK) {
        fuzz_that(memchr(id, '\0', sizeof(id)) != NULL);
        fuzz_that(strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "abcdefghijklmnopqrstuvwxyz0123456789-_.")
                  == strlen(id));
    }
}


/* kept from one input to the next, as from one order to the next */

static acm_x509_seen_t  fuzz_seen;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t         i;
    acm_buf_t      pem;
    acm_err_t      err;
    acm_str_t      key, der;
    acm_bundle_t   bundle;
    acm_issued_key_t  ours;

    key.data = fuzz_key;
    key.len = sizeof(fuzz_key);

    memset(&ours, 0, sizeof(acm_issued_key_t));
    ours.type = ACM_KEY_EC_P256;
    ours.der_secret = &key;
    ours.seen = &fuzz_seen;

    acm_buf_init(&pem, 1048576);
    acm_buf_add(&pem, data, size);

    memset(&err, 0xff, sizeof(err));

    if (acm_issued_check(&pem, &ours, fuzz_names, 2, FUZZ_NOW, &bundle, &err)
        == ACM_OK)
    {
        fuzz_that(bundle.info.nnames == 2 && bundle.nchain <= ACM_MAX_CHAIN);
        fuzz_that(!bundle.info.ca && !bundle.info.self_signed);
        fuzz_that(bundle.info.not_before <= FUZZ_NOW
                  && bundle.info.not_after >= FUZZ_NOW);
        fuzz_that(bundle.info.scts < 1000);

        for (i = 0; i < 2; i++) {
            fuzz_that(strcmp(bundle.info.names[i], fuzz_names[0]) == 0
                      || strcmp(bundle.info.names[i], fuzz_names[1]) == 0);
        }

        fuzz_id(&bundle.leaf);
        acm_bundle_free(&bundle);

    } else {
        fuzz_that(memchr(err.text, '\0', sizeof(err.text)) != NULL);
    }

    if (acm_chain_is(&pem, "Root A")) {
        fuzz_that(!acm_chain_is(&pem, "Root Old"));
    }

    der.data = pem.data;
    der.len = pem.len;
    fuzz_id(&der);
    acm_buf_free(&pem);

    return 0;
}
