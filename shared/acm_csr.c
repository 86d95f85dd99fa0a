
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificate signing requests: the part of acm_x509.h for other issuers.
 */


#include <openssl/x509v3.h>

#include "acm_x509.h"


static acm_rc_t acm_x509_csr_fill(X509_REQ *req, EVP_PKEY *pkey,
    char *const *names, size_t nnames, acm_err_t *err);


acm_rc_t
acm_x509_csr(EVP_PKEY *pkey, char *const *names, size_t nnames,
    X509_REQ **req, acm_err_t *err)
{
    acm_rc_t   rc;
    X509_REQ  *made;

    made = X509_REQ_new();
    if (made == NULL) {
        return acm_fail_ssl(err, ACM_NOMEM, "cannot make a signing request");
    }

    rc = acm_x509_csr_fill(made, pkey, names, nnames, err);

    if (rc != ACM_OK) {
        X509_REQ_free(made);
        return rc;
    }

    *req = made;

    return ACM_OK;
}


static acm_rc_t
acm_x509_csr_fill(X509_REQ *req, EVP_PKEY *pkey, char *const *names,
    size_t nnames, acm_err_t *err)
{
    int                        cn;
    acm_rc_t                   rc;
    X509_NAME                 *subject;
    X509_EXTENSION            *ext;
    STACK_OF(X509_EXTENSION)  *exts;

    ext = NULL;
    exts = NULL;
    cn = nnames != 0 && strlen(names[0]) <= ACM_MAX_CN;

    rc = acm_x509_san(names, nnames, !cn, &ext, err);
    if (rc != ACM_OK) {
        return rc;
    }

    rc = ACM_ERROR;
    subject = X509_REQ_get_subject_name(req);

    if (X509v3_add_ext(&exts, ext, -1) == NULL
        || X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1
        || (cn && X509_NAME_add_entry_by_NID(subject, NID_commonName,
                                             MBSTRING_ASC,
                                             (unsigned char *) names[0], -1,
                                             -1, 0)
                  != 1)
        || X509_REQ_set_pubkey(req, pkey) != 1
        || X509_REQ_add_extensions(req, exts) != 1
        || X509_REQ_sign(req, pkey, acm_x509_digest(pkey)) <= 0)
    {
        (void) acm_fail_ssl(err, rc, "cannot make a signing request");
        goto done;
    }

    rc = ACM_OK;

done:

    X509_EXTENSION_free(ext);
    sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);

    return rc;
}


acm_rc_t
acm_csr_der(EVP_PKEY *pkey, char *const *names, size_t nnames,
    acm_str_t *der, acm_err_t *err)
{
    int        len;
    uint8_t   *octets;
    acm_rc_t   rc;
    X509_REQ  *req;

    rc = acm_x509_csr(pkey, names, nnames, &req, err);

    if (rc != ACM_OK) {
        return rc;
    }

    octets = NULL;
    len = i2d_X509_REQ(req, &octets);

    X509_REQ_free(req);

    if (len <= 0) {
        return acm_fail_ssl(err, ACM_ERROR, "cannot encode a signing "
                            "request");
    }

    der->data = acm_memdup(octets, (size_t) len);
    der->len = (size_t) len;

    OPENSSL_free(octets);

    if (der->data == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for a signing request");
    }

    return ACM_OK;
}
