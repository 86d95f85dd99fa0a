
/*
 * Copyright (C) The ngx_acm authors
 *
 * GetCertificate and ExportCertificate.
 */


#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <string.h>

#include "acm_api_impl.h"


#define ACM_EXPORT_SALT        20    /* octets, as ACM's own */
#define ACM_EXPORT_ITERATIONS  2048  /* clients must be able to decrypt it */


static acm_rc_t acm_get_ready(acm_api_t *api, const acm_cert_t *cert);
static acm_rc_t acm_get_material(acm_api_t *api, const acm_cert_t *cert,
    acm_bundle_t *bundle);
static acm_rc_t acm_get_pem(acm_api_t *api, const acm_bundle_t *bundle);
static acm_rc_t acm_get_set(acm_api_t *api, const char *name,
    const acm_str_t *der, size_t n);
static acm_rc_t acm_export_may(acm_api_t *api, const acm_cert_t *cert);
static acm_rc_t acm_export_passphrase(acm_api_t *api,
    const acm_str_t *passphrase);
static acm_rc_t acm_export_key(acm_api_t *api, const acm_bundle_t *bundle,
    acm_key_e key, const acm_str_t *passphrase);
static acm_rc_t acm_export_encrypt(EVP_PKEY *pkey,
    const acm_str_t *passphrase, BIO *bio);
static acm_rc_t acm_export_note(acm_api_t *api, const acm_cert_t *cert,
    uint64_t revision);


acm_rc_t
acm_api_get(acm_api_t *api)
{
    acm_rc_t       rc;
    acm_cert_t     cert;
    acm_bundle_t   bundle;

    rc = acm_api_cert(api, &cert, NULL);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_get_ready(api, &cert);

    if (rc == ACM_OK) {
        rc = acm_get_material(api, &cert, &bundle);
    }

    if (rc == ACM_OK) {
        rc = acm_get_pem(api, &bundle);
        acm_bundle_free(&bundle);
    }

    acm_cert_free(&cert);

    return rc;
}


static acm_rc_t
acm_get_ready(acm_api_t *api, const acm_cert_t *cert)
{
    if (cert->version != 0) {
        return ACM_OK;
    }

    return acm_api_fault(api, "RequestInProgressException", "The certificate "
                         "%s is in status %s and has not been issued yet.",
                         api->arn, acm_status_text(cert->status));
}


static acm_rc_t
acm_get_material(acm_api_t *api, const acm_cert_t *cert,
    acm_bundle_t *bundle)
{
    acm_rc_t     rc;
    acm_snap_t  *snap;

    rc = acm_store_begin(api->store, &snap, &api->err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_material_open(api->ring, snap, cert->uuid, cert->version, bundle,
                           &api->err);
    acm_store_end(snap);

    /* another version came meanwhile */

    return (rc == ACM_NOTFOUND) ? ACM_CONFLICT : rc;
}


/* A certificate without a chain is one that needs none: clients get it as its
   own chain, as there always is one. */

static acm_rc_t
acm_get_pem(acm_api_t *api, const acm_bundle_t *bundle)
{
    acm_rc_t  rc;

    api->out = json_object();

    if (api->out == NULL) {
        return acm_api_nomem(api);
    }

    rc = acm_get_set(api, "Certificate", &bundle->leaf, 1);

    if (rc != ACM_OK) {
        return rc;
    }

    return (bundle->nchain == 0)
           ? acm_get_set(api, "CertificateChain", &bundle->leaf, 1)
           : acm_get_set(api, "CertificateChain", bundle->chain,
                         bundle->nchain);
}


static acm_rc_t
acm_get_set(acm_api_t *api, const char *name, const acm_str_t *der, size_t n)
{
    size_t      i;
    acm_rc_t    rc;
    acm_buf_t   buf;
    acm_str_t   pem;

    acm_buf_init(&buf, ACM_MAX_PEM);
    rc = ACM_OK;

    for (i = 0; rc == ACM_OK && i < n; i++) {
        rc = acm_pem_certificate(&der[i], &pem, &api->err);

        if (rc == ACM_OK) {
            acm_buf_add(&buf, pem.data, pem.len);
            acm_free(pem.data);
        }
    }

    if (rc == ACM_OK
        && (acm_buf_rc(&buf) != ACM_OK
            || json_object_set_new(api->out, name,
                                   json_stringn((char *) buf.data, buf.len))
               != 0))
    {
        rc = acm_api_nomem(api);
    }

    acm_buf_free(&buf);

    return rc;
}


acm_rc_t
acm_api_export(acm_api_t *api)
{
    uint64_t       revision;
    acm_rc_t       rc;
    acm_str_t      passphrase;
    acm_cert_t     cert;
    acm_bundle_t   bundle;

    rc = acm_api_blob(api, "Passphrase", &passphrase);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_export_passphrase(api, &passphrase);

    if (rc == ACM_OK) {
        rc = acm_api_cert(api, &cert, &revision);
    }

    if (rc != ACM_OK) {
        acm_free_secret(passphrase.data, passphrase.len);
        return rc;
    }

    rc = acm_export_may(api, &cert);

    if (rc == ACM_OK) {
        rc = acm_get_material(api, &cert, &bundle);
    }

    if (rc == ACM_OK) {
        rc = acm_get_pem(api, &bundle);

        if (rc == ACM_OK) {
            rc = acm_export_key(api, &bundle, cert.key, &passphrase);
        }

        acm_bundle_free(&bundle);
    }

    if (rc == ACM_OK) {
        rc = acm_export_note(api, &cert, revision);
    }

    acm_free_secret(passphrase.data, passphrase.len);
    acm_cert_free(&cert);

    return rc;
}


static acm_rc_t
acm_export_may(acm_api_t *api, const acm_cert_t *cert)
{
    if (cert->status == ACM_STATUS_PENDING_VALIDATION) {
        return acm_get_ready(api, cert);
    }

    if (cert->type == ACM_TYPE_IMPORTED
        || (cert->type == ACM_TYPE_ISSUED && !cert->exportable))
    {
        return acm_api_fault(api, "ValidationException", "Certificate ARN: %s "
                             "is not a private certificate", api->arn);
    }

    if (cert->version == 0) {
        return acm_api_fault(api, "ValidationException", "The certificate %s "
                             "is in status %s and cannot be exported.",
                             api->arn, acm_status_text(cert->status));
    }

    return ACM_OK;
}


/*
 * A line end at the end of a passphrase, of a file that was read, is part of
 * it, and then the key cannot be decrypted by whoever does not know: so it is
 * refused here, and taken by ACM.
 */

static acm_rc_t
acm_export_passphrase(acm_api_t *api, const acm_str_t *passphrase)
{
    size_t   i;
    uint8_t  c;

    c = passphrase->data[passphrase->len - 1];

    if (c == '\n' || c == '\r') {
        return acm_api_fault(api, "ValidationException", "The passphrase ends "
                             "in a line end. Remove it from the file.");
    }

    for (i = 0; i < passphrase->len; i++) {
        c = passphrase->data[i];

        if (c >= 0x80 || c == '\0' || c == '#' || c == '$' || c == '%') {
            return acm_api_fault(api, "ValidationException", "The passphrase "
                                 "can contain any ASCII character except #, "
                                 "$, or %%.");
        }
    }

    return ACM_OK;
}


static acm_rc_t
acm_export_key(acm_api_t *api, const acm_bundle_t *bundle, acm_key_e key,
    const acm_str_t *passphrase)
{
    BIO       *bio;
    char      *data;
    long       len;
    acm_rc_t   rc;
    EVP_PKEY  *pkey;

    rc = acm_key_decode(key, bundle->key_secret.data, bundle->key_secret.len,
                        &pkey, &api->err);

    if (rc != ACM_OK) {
        return rc;
    }

    bio = BIO_new(BIO_s_mem());
    rc = (bio == NULL) ? ACM_NOMEM
                       : acm_export_encrypt(pkey, passphrase, bio);

    if (rc != ACM_OK) {
        rc = acm_fail_ssl(&api->err, rc, "a private key cannot be "
                          "encrypted");

    } else {
        len = BIO_get_mem_data(bio, &data);

        if (json_object_set_new(api->out, "PrivateKey",
                                json_stringn(data, (size_t) len))
            != 0)
        {
            rc = acm_api_nomem(api);
        }
    }

    BIO_free(bio);
    EVP_PKEY_free(pkey);

    return rc;
}


/* PBES2 of RFC 8018 with PBKDF2, HMAC-SHA1 and AES-256-CBC, as ACM has it:
   some clients know nothing else. */

static acm_rc_t
acm_export_encrypt(EVP_PKEY *pkey, const acm_str_t *passphrase, BIO *bio)
{
    int                   rc;
    X509_SIG             *sig;
    X509_ALGOR           *pbe;
    PKCS8_PRIV_KEY_INFO  *p8;

    p8 = EVP_PKEY2PKCS8(pkey);

    if (p8 == NULL) {
        return ACM_ERROR;
    }

    pbe = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), ACM_EXPORT_ITERATIONS, NULL,
                            ACM_EXPORT_SALT, NULL, NID_hmacWithSHA1);
    sig = NULL;

    if (pbe != NULL) {
        sig = PKCS8_set0_pbe((const char *) passphrase->data,
                             (int) passphrase->len, p8, pbe);

        if (sig == NULL) {
            X509_ALGOR_free(pbe);
        }
    }

    rc = (sig != NULL && PEM_write_bio_PKCS8(bio, sig) == 1);

    X509_SIG_free(sig);
    PKCS8_PRIV_KEY_INFO_free(p8);

    return rc ? ACM_OK : ACM_ERROR;
}


static acm_rc_t
acm_export_note(acm_api_t *api, const acm_cert_t *cert, uint64_t revision)
{
    acm_cert_t  next;

    if (cert->exported) {
        return ACM_OK;
    }

    next = *cert;
    next.exported = 1;

    return acm_certificate_update(api->store, cert, revision, &next, NULL,
                                  api->now, &api->err);
}
