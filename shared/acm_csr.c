
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificate signing requests: the part of acm_x509.h for other issuers.
 */


#include <openssl/x509v3.h>

#include "acm_x509.h"


static acm_rc_t acm_x509_csr_make(EVP_PKEY *pkey, char *const *names,
    size_t nnames, int decoded, X509_REQ **req, acm_err_t *err);
static acm_rc_t acm_x509_csr_fill(X509_REQ *req, EVP_PKEY *pkey,
    char *const *names, size_t nnames, int decoded, acm_err_t *err);
static int acm_x509_csr_key(X509_REQ *req, EVP_PKEY *pkey, int decoded);


acm_rc_t
acm_x509_csr(EVP_PKEY *pkey, char *const *names, size_t nnames,
    X509_REQ **req, acm_err_t *err)
{
    return acm_x509_csr_make(pkey, names, nnames, 1, req, err);
}


static acm_rc_t
acm_x509_csr_make(EVP_PKEY *pkey, char *const *names, size_t nnames,
    int decoded, X509_REQ **req, acm_err_t *err)
{
    acm_rc_t   rc;
    X509_REQ  *made;

    made = X509_REQ_new();
    if (made == NULL) {
        return acm_fail_ssl(err, ACM_NOMEM, "cannot make a signing request");
    }

    rc = acm_x509_csr_fill(made, pkey, names, nnames, decoded, err);

    if (rc != ACM_OK) {
        X509_REQ_free(made);
        return rc;
    }

    *req = made;

    return ACM_OK;
}


static acm_rc_t
acm_x509_csr_fill(X509_REQ *req, EVP_PKEY *pkey, char *const *names,
    size_t nnames, int decoded, acm_err_t *err)
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
        || acm_x509_csr_key(req, pkey, decoded) != 1
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


/*
 * OpenSSL decodes what it has just encoded, with a decoder made anew: several
 * times the work of the signature.  Nobody reads the key of a request
 * that is only encoded: an EC point is put there as it is (RFC 5480 s2).
 */

static int
acm_x509_csr_key(X509_REQ *req, EVP_PKEY *pkey, int decoded)
{
    int             nid;
    size_t          len;
    ASN1_OBJECT    *group;
    unsigned char  *point;

    nid = decoded ? NID_undef : acm_key_nid(acm_key_type(pkey));

    if (nid == NID_undef) {
        return X509_REQ_set_pubkey(req, pkey);
    }

    len = EVP_PKEY_get1_encoded_public_key(pkey, &point);

    if (len == 0) {
        return 0;
    }

    group = OBJ_nid2obj(nid);

    if (group == NULL
        || X509_PUBKEY_set0_param(X509_REQ_get_X509_PUBKEY(req),
                                  OBJ_nid2obj(NID_X9_62_id_ecPublicKey),
                                  V_ASN1_OBJECT, group, point, (int) len)
           != 1)
    {
        OPENSSL_free(point);
        return 0;
    }

    return 1;
}


acm_rc_t
acm_csr_der(EVP_PKEY *pkey, char *const *names, size_t nnames,
    acm_str_t *der, acm_err_t *err)
{
    int        len;
    uint8_t   *octets;
    acm_rc_t   rc;
    X509_REQ  *req;

    req = NULL;
    rc = acm_x509_csr_make(pkey, names, nnames, 0, &req, err);

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
