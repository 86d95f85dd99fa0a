
/*
 * Copyright (C) The ngx_acm authors
 */


#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "acm_issued.h"
#include "acm_jws.h"


static acm_rc_t acm_issued_split(const acm_buf_t *pem, acm_str_t *leaf,
    acm_str_t *chain, acm_err_t *err);
static acm_rc_t acm_issued_names(const acm_x509_info_t *info,
    char *const *names, size_t nnames, acm_err_t *err);
static int acm_issued_holds(char *const *names, size_t n, const char *name);
static X509 *acm_chain_top(const acm_buf_t *pem);
static int acm_chain_no_phrase(char *buf, int size, int rwflag, void *data);
static int acm_dn_has(X509_NAME *dn, const char *common_name);


static const char  acm_pem_begin[] = "-----BEGIN ";
static const char  acm_pem_end[] = "-----END CERTIFICATE-----";


acm_rc_t
acm_issued_check(const acm_buf_t *pem, const acm_issued_key_t *key,
    char *const *names, size_t nnames, int64_t now, acm_bundle_t *bundle,
    acm_err_t *err)
{
    acm_rc_t   rc;
    acm_str_t  leaf, chain;

    rc = acm_issued_split(pem, &leaf, &chain, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_bundle_issued(&leaf, &chain, key, now, bundle, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_issued_names(&bundle->info, names, nnames, err);

    if (rc == ACM_OK && bundle->info.self_signed) {
        rc = acm_fail(err, ACM_INVALID, "the certificate is self-signed");
    }

    if (rc == ACM_OK && bundle->info.cn_only) {
        rc = acm_fail(err, ACM_INVALID, "the certificate has its name as "
                      "common name only, which clients ignore");
    }

    if (rc == ACM_OK && bundle->info.not_after - bundle->info.not_before
                        > ACM_ISSUED_MAX_LIFE)
    {
        rc = acm_fail(err, ACM_INVALID, "the certificate is valid for over "
                      "%d days", (int) (ACM_ISSUED_MAX_LIFE / 86400));
    }

    if (rc == ACM_OK && bundle->info.ca) {
        rc = acm_fail(err, ACM_INVALID, "the certificate is one of a CA");
    }

    if (rc != ACM_OK) {
        acm_bundle_free(bundle);
    }

    return rc;
}


/* RFC 8555 s9.1: the leaf comes first, then each its issuer. */

static acm_rc_t
acm_issued_split(const acm_buf_t *pem, acm_str_t *leaf, acm_str_t *chain,
    acm_err_t *err)
{
    size_t    len;
    uint8_t  *end;

    len = sizeof(acm_pem_end) - 1;

    if (pem->len == 0) {
        return acm_fail(err, ACM_INVALID, "the CA sent an empty "
                        "certificate");
    }

    end = memmem(pem->data, pem->len, acm_pem_end, len);

    if (end == NULL) {
        return acm_fail(err, ACM_INVALID, "the CA sent no certificate in "
                        "PEM");
    }

    end += len;

    leaf->data = pem->data;
    leaf->len = (size_t) (end - pem->data);
    chain->data = end;
    chain->len = pem->len - leaf->len;

    /* text alone is no chain; what has begun, and was cut off, is one that
       must not be taken for none */

    if (memmem(chain->data, chain->len, acm_pem_begin,
               sizeof(acm_pem_begin) - 1)
        == NULL)
    {
        chain->len = 0;
    }

    return ACM_OK;
}


static acm_rc_t
acm_issued_names(const acm_x509_info_t *info, char *const *names,
    size_t nnames, acm_err_t *err)
{
    size_t  i;

    for (i = 0; i < nnames; i++) {
        if (!acm_issued_holds(info->names, info->nnames, names[i])) {
            return acm_fail(err, ACM_INVALID, "the certificate lacks the "
                            "name \"%s\"", names[i]);
        }
    }

    for (i = 0; i < info->nnames; i++) {
        if (!acm_issued_holds(names, nnames, info->names[i])) {
            return acm_fail(err, ACM_INVALID, "the certificate has the name "
                            "\"%s\", which was not asked for",
                            info->names[i]);
        }
    }

    /* the common name may be one that is no subjectAltName */

    if (!acm_issued_holds(names, nnames, info->domain)) {
        return acm_fail(err, ACM_INVALID, "the certificate has the common "
                        "name \"%s\", which was not asked for",
                        info->domain);
    }

    return ACM_OK;
}


static int
acm_issued_holds(char *const *names, size_t n, const char *name)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) {
            return 1;
        }
    }

    return 0;
}


int
acm_chain_is(const acm_buf_t *pem, const char *common_name)
{
    int    found;
    X509  *x;

    if (common_name == NULL || pem->len == 0) {
        return 0;
    }

    x = acm_chain_top(pem);

    if (x == NULL) {
        return 0;
    }

    /*
     * The issuer alone: a cross-signed root on top has the wanted name as
     * its subject, and leads to another root.  A root itself has both.
     */

    found = acm_dn_has(X509_get_issuer_name(x), common_name);

    X509_free(x);

    return found;
}


/* NULL also for a chain that is damaged or too long: the last one that can
   be read would be one from the middle. */

static X509 *
acm_chain_top(const acm_buf_t *pem)
{
    BIO            *bio;
    X509           *x, *top;
    int             n;
    unsigned long   code;

    bio = BIO_new_mem_buf(pem->data, (int) pem->len);

    if (bio == NULL) {
        return NULL;
    }

    ERR_clear_error();
    top = NULL;

    for (n = 0; n <= ACM_MAX_CHAIN + 1; n++) {
        x = PEM_read_bio_X509(bio, NULL, acm_chain_no_phrase, NULL);

        if (x == NULL) {
            break;
        }

        X509_free(top);
        top = x;
    }

    code = ERR_peek_last_error();

    if (n > ACM_MAX_CHAIN + 1 || ERR_GET_LIB(code) != ERR_LIB_PEM
        || ERR_GET_REASON(code) != PEM_R_NO_START_LINE)
    {
        X509_free(top);
        top = NULL;
    }

    BIO_free(bio);
    ERR_clear_error();

    return top;
}


/* OpenSSL's own would ask at the terminal. */

static int
acm_chain_no_phrase(char *buf, int size, int rwflag, void *data)
{
    (void) buf;
    (void) size;
    (void) rwflag;
    (void) data;

    return -1;
}


static int
acm_dn_has(X509_NAME *dn, const char *common_name)
{
    int   len;
    char  text[ACM_MAX_CN * 4 + 1];

    /* the length tells a NUL within the name */

    len = X509_NAME_get_text_by_NID(dn, NID_commonName, text, sizeof(text));

    return len > 0 && (size_t) len == strlen(common_name)
           && memcmp(text, common_name, (size_t) len) == 0;
}


acm_rc_t
acm_ari_id(const acm_str_t *leaf, char *id, acm_err_t *err)
{
    X509                 *x;
    acm_rc_t              rc;
    acm_buf_t             buf;
    const ASN1_INTEGER   *serial;
    uint8_t              *der, *p;
    int                   len;
    const ASN1_OCTET_STRING  *aki;

    rc = acm_x509_decode(leaf->data, leaf->len, &x, err);

    if (rc != ACM_OK) {
        return rc;
    }

    aki = X509_get0_authority_key_id(x);
    serial = X509_get0_serialNumber(x);

    /* the content of the INTEGER as it stands in DER, a leading zero too */

    der = NULL;
    len = i2d_ASN1_INTEGER(serial, &der);

    acm_buf_init(&buf, ACM_ARI_ID_LEN);

    if (aki != NULL && len > 2 && len < 128) {
        p = der + 2;
        acm_b64url(&buf, ASN1_STRING_get0_data(aki),
                   (size_t) ASN1_STRING_length(aki));
        acm_buf_u8(&buf, '.');
        acm_b64url(&buf, p, (size_t) len - 2);
        acm_buf_u8(&buf, '\0');
        rc = acm_buf_rc(&buf);

    } else {
        rc = ACM_NOTFOUND;
    }

    if (rc == ACM_OK) {
        memcpy(id, buf.data, buf.len);

    } else {
        (void) acm_fail(err, rc, "the certificate has no authority key "
                        "identifier%s", (rc == ACM_NOTFOUND)
                        ? "" : " of a usual length");
    }

    OPENSSL_free(der);
    acm_buf_free(&buf);
    X509_free(x);

    return rc;
}
