
/*
 * Copyright (C) The ngx_acm authors
 *
 * A certificate and a key in DER, each behind two octets of length, then the
 * issuer's public key.  The first octet has the type of the key, and whether
 * it is in PKCS#8.  What is read the fast way is the same the usual way.
 */


#include <string.h>

#include "acm_bare.h"
#include "acm_buf.h"
#include "acm_leaf.h"
#include "acm_name.h"
#include "acm_ocsp.h"


#define FUZZ_PKCS8    8
#define FUZZ_REQUEST  80             /* octets, about those of OCSP */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_that(int holds)
{
    if (!holds) {
        __builtin_trap();
    }
}


/* A copy of what is behind two octets of length, or of all that is left: what
   reads too far leaves it. */

static acm_str_t
fuzz_part(acm_reader_t *in)
{
    size_t     len, left;
    acm_str_t  part;

    len = acm_read_u16(in);
    left = (size_t) (in->end - in->pos);

    part.len = (len < left) ? len : left;
    part.data = acm_alloc(part.len + (part.len == 0));
    fuzz_that(part.data != NULL);

    if (part.len != 0) {
        memcpy(part.data, acm_read_bytes(in, part.len), part.len);
    }

    return part;
}


static void
fuzz_leaf(acm_key_e key, const acm_str_t *cert, const acm_str_t *secret)
{
    X509        *x;
    size_t       i;
    uint8_t      sig[1024];
    size_t       len;
    acm_leaf_t   leaf;
    EVP_MD_CTX  *ctx;

    if (acm_leaf_open(&leaf, key, cert, secret, NULL) != ACM_OK) {
        return;
    }

    fuzz_that(leaf.nnames != 0 && leaf.nnames <= ACM_MAX_NAMES
              && leaf.bytes > cert->len);

    for (i = 0; i < leaf.nnames; i++) {
        fuzz_that(*leaf.names[i] != '\0'
                  && strlen(leaf.names[i]) <= ACM_MAX_NAME);
    }

    fuzz_that(acm_x509_decode(cert->data, cert->len, &x, NULL) == ACM_OK);
    fuzz_that(acm_x509_match(x, leaf.pkey));

    if (EVP_PKEY_get_base_id(leaf.pkey) == EVP_PKEY_EC) {
        ctx = EVP_MD_CTX_new();
        len = sizeof(sig);

        if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, leaf.pkey)
            == 1)
        {
            (void) EVP_DigestSign(ctx, sig, &len, (uint8_t *) "x", 1);
        }

        EVP_MD_CTX_free(ctx);
    }

    X509_free(x);
    acm_leaf_close(&leaf);
}


/* The names and extensions of a certificate are the same however it is
   decoded. */

static void
fuzz_look(const acm_str_t *cert)
{
    X509             *x, *full;
    char             *url, *other, *get;
    size_t            i;
    acm_rc_t          rc;
    acm_err_t         err;
    acm_str_t         request;
    acm_x509_info_t   a, b;

    rc = acm_bare_look(cert->data, cert->len, &x, &err);

    fuzz_that(rc == acm_x509_decode(cert->data, cert->len, &full, &err));

    if (rc != ACM_OK) {
        return;
    }

    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));

    rc = acm_x509_names(x, &a, &err);
    fuzz_that(rc == acm_x509_names(full, &b, &err));

    if (rc == ACM_OK) {
        fuzz_that(a.nnames == b.nnames && a.cn_only == b.cn_only
                  && strcmp(a.domain, b.domain) == 0);

        for (i = 0; i < a.nnames; i++) {
            fuzz_that(strcmp(a.names[i], b.names[i]) == 0);
        }
    }

    acm_x509_info_free(&a);
    acm_x509_info_free(&b);

    url = acm_ocsp_url(x);
    other = acm_ocsp_url(full);

    fuzz_that((url == NULL) == (other == NULL)
              && (url == NULL || strcmp(url, other) == 0));

    if (url != NULL) {
        fuzz_that(acm_ocsp_url_ok((uint8_t *) url, strlen(url)));
        (void) acm_ocsp_by_address(url);

        request.data = cert->data;
        request.len = (cert->len < FUZZ_REQUEST) ? cert->len : FUZZ_REQUEST;
        get = acm_ocsp_get(url, &request);
        fuzz_that(get == NULL || strlen(get) <= ACM_MAX_OCSP_GET);
        acm_free(get);
    }

    acm_free(url);
    acm_free(other);

    if (acm_x509_info(full, &a, &err) == ACM_OK) {
        acm_x509_info_free(&a);
    }

    X509_free(x);
    X509_free(full);
}


static void
fuzz_signed(const acm_bare_t *bare, X509 *x, const acm_str_t *cert,
    const uint8_t *issuer, size_t len)
{
    int        md, kind, ok;
    X509      *full;
    EVP_PKEY  *pkey;

    pkey = d2i_PUBKEY(NULL, &issuer, (long) len);

    if (pkey == NULL) {
        return;
    }

    ok = acm_bare_signed(bare, x, cert, pkey);

    /* whether it is the kind of key is not asked there */

    if (OBJ_find_sigid_algs(X509_get_signature_nid(x), &md, &kind) == 1
        && EVP_PKEY_type(kind) == EVP_PKEY_get_base_id(pkey)
        && acm_x509_decode(cert->data, cert->len, &full, NULL) == ACM_OK)
    {
        fuzz_that(ok == (X509_verify(full, pkey) == 1));
        X509_free(full);
    }

    EVP_PKEY_free(pkey);
}


/* A key that was made of another form has the certificate's point. */

static void
fuzz_key(const acm_bare_t *bare, const acm_str_t *secret, int pkcs8)
{
    size_t      len;
    uint8_t     point[256];
    EVP_PKEY   *pkey;
    acm_str_t   der;

    if (acm_bare_key(bare, secret->data, secret->len, pkcs8, &der)
        != ACM_OK)
    {
        return;
    }

    fuzz_that(acm_key_decode(bare->key, der.data, der.len, &pkey, NULL)
              == ACM_OK);
    fuzz_that(EVP_PKEY_get_octet_string_param(pkey, "pub", point,
                                              sizeof(point), &len)
              == 1);
    fuzz_that(len == bare->len && memcmp(point, bare->point, len) == 0);

    EVP_PKEY_free(pkey);
    acm_free_secret(der.data, der.len);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    X509           *x;
    uint8_t         mode;
    acm_str_t       cert, secret;
    acm_bare_t      bare;
    acm_reader_t    in;

    acm_reader_init(&in, data, size);

    mode = acm_read_u8(&in);
    cert = fuzz_part(&in);
    secret = fuzz_part(&in);

    fuzz_look(&cert);

    if (mode % 8 != ACM_KEY_NONE) {
        fuzz_leaf(mode % 8, &cert, &secret);
    }

    if (acm_bare_decode(cert.data, cert.len, &x, &bare, NULL) == ACM_OK) {

        if (bare.key != ACM_KEY_NONE) {
            fuzz_that(bare.len > 64 && bare.len % 2 == 1
                      && bare.point[0] == 4);
            fuzz_key(&bare, &secret, mode & FUZZ_PKCS8);
            fuzz_signed(&bare, x, &cert, in.pos,
                        (size_t) (in.end - in.pos));
        }

        X509_free(x);
    }

    acm_free(cert.data);
    acm_free(secret.data);

    return 0;
}
