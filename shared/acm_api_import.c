
/*
 * Copyright (C) The ngx_acm authors
 *
 * ImportCertificate.  What can be wrong is looked for in the order and told in
 * the words of ACM; acm_bundle_parse(), which has the last word, has checks
 * and words of its own.
 */


#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "acm_api_impl.h"
#include "acm_bare.h"


#define ACM_MAX_OCSP_URL  1000       /* octets, as ACM's */


/* an import while it is looked at */

typedef struct {
    acm_str_t   leaf_pem;
    acm_str_t   key_pem;
    acm_str_t   chain_pem;
    X509       *leaf;
    EVP_PKEY   *pkey;
    X509       *chain[ACM_MAX_CHAIN];
    size_t      nchain;
    acm_tags_t  tags;
} acm_input_t;


static acm_rc_t acm_input_read(acm_api_t *api, acm_input_t *in);
static int acm_input_fine(acm_api_t *api, const acm_input_t *in,
    acm_bundle_t *bundle);
static int acm_input_usual(acm_api_t *api, const acm_input_t *in,
    const acm_bundle_t *bundle);
static acm_rc_t acm_input_check(acm_api_t *api, acm_input_t *in,
    acm_bundle_t *bundle);
static void acm_input_free(acm_input_t *in);
static size_t acm_input_count(const acm_str_t *pem, const char *text);
static size_t acm_input_certs(const acm_str_t *pem);
static int acm_input_locked(const acm_str_t *pem);
static acm_rc_t acm_input_leaf(acm_api_t *api, acm_input_t *in);
static acm_rc_t acm_input_key(acm_api_t *api, acm_input_t *in);
static int acm_input_password(char *buf, int size, int rwflag, void *data);
static acm_rc_t acm_input_key_type(acm_api_t *api, EVP_PKEY *pkey);
static acm_rc_t acm_input_dates(acm_api_t *api, const acm_input_t *in);
static acm_rc_t acm_input_issuer(acm_api_t *api, X509 *x);
static int acm_input_urls(X509 *x);
static acm_rc_t acm_input_chain(acm_api_t *api, acm_input_t *in);
static acm_rc_t acm_input_order(acm_api_t *api, const acm_input_t *in);
static int acm_input_signed(X509 *x, X509 *issuer);
static acm_rc_t acm_import_old(acm_api_t *api, acm_cert_t *cert,
    uint64_t *revision);
static acm_rc_t acm_import_same(acm_api_t *api, const acm_cert_t *cert,
    const acm_bundle_t *bundle);
static int acm_import_named(char *const *names, size_t n);
static acm_rc_t acm_import_new(acm_api_t *api, const acm_tags_t *tags,
    const acm_bundle_t *bundle, acm_cert_t *cert);
static acm_rc_t acm_import_install(acm_api_t *api, acm_cert_t *cert,
    uint64_t revision, const acm_bundle_t *bundle);


acm_rc_t
acm_api_import(acm_api_t *api)
{
    acm_rc_t       rc;
    uint64_t       revision;
    acm_cert_t     cert;
    acm_input_t    in;
    acm_bundle_t   bundle;

    memset(&cert, 0, sizeof(acm_cert_t));
    memset(&bundle, 0, sizeof(acm_bundle_t));
    memset(&in, 0, sizeof(acm_input_t));

    revision = 0;
    rc = (api->uuid[0] != '\0') ? acm_import_old(api, &cert, &revision)
                                : acm_api_tags_in(api, "Tags", &in.tags);

    if (rc == ACM_OK) {
        rc = acm_input_read(api, &in);
    }

    if (rc == ACM_OK && !acm_input_fine(api, &in, &bundle)) {
        rc = acm_input_check(api, &in, &bundle);
    }

    if (rc == ACM_OK) {
        rc = (revision != 0) ? acm_import_same(api, &cert, &bundle)
                             : acm_import_new(api, &in.tags, &bundle,
                                              &cert);
    }

    if (rc == ACM_OK) {
        rc = acm_import_install(api, &cert, revision, &bundle);
    }

    acm_input_free(&in);
    acm_bundle_free(&bundle);
    acm_cert_free(&cert);
    ERR_clear_error();

    return rc;
}


static acm_rc_t
acm_input_read(acm_api_t *api, acm_input_t *in)
{
    acm_rc_t  rc;

    ERR_clear_error();

    rc = acm_api_blob(api, "Certificate", &in->leaf_pem);

    if (rc == ACM_OK) {
        rc = acm_api_blob(api, "PrivateKey", &in->key_pem);
    }

    if (rc == ACM_OK) {
        rc = acm_api_blob(api, "CertificateChain", &in->chain_pem);
    }

    return rc;
}


/* To know that nothing is wrong takes a third of the time that it takes to
   say what is. */

static int
acm_input_fine(acm_api_t *api, const acm_input_t *in, acm_bundle_t *bundle)
{
    acm_err_t  err;

    if (acm_bundle_parse_seen(&in->leaf_pem, &in->key_pem, &in->chain_pem,
                              api->now, api->seen, bundle, &err)
        != ACM_OK)
    {
        return 0;
    }

    if (acm_input_usual(api, in, bundle)) {
        return 1;
    }

    acm_bundle_free(bundle);

    return 0;
}


/* 1: nor has ACM anything against it. */

static int
acm_input_usual(acm_api_t *api, const acm_input_t *in,
    const acm_bundle_t *bundle)
{
    int         usual;
    X509       *x;
    acm_err_t   err;

    if (bundle->nchain == 0
        || acm_input_certs(&in->leaf_pem) != 1
        || acm_input_count(&in->chain_pem, "-----BEGIN ") != bundle->nchain
        || acm_input_locked(&in->key_pem)
        || bundle->info.not_after <= api->now
        || bundle->info.not_before > api->now
        || acm_bare_look(bundle->leaf.data, bundle->leaf.len, &x, &err)
           != ACM_OK)
    {
        return 0;
    }

    usual = X509_get_version(x) == X509_VERSION_3
            && X509_NAME_entry_count(X509_get_issuer_name(x)) != 0
            && acm_input_urls(x);

    X509_free(x);

    return usual;
}


/* One thing after the other, in their order. */

static acm_rc_t
acm_input_check(acm_api_t *api, acm_input_t *in, acm_bundle_t *bundle)
{
    acm_rc_t  rc;

    ERR_clear_error();

    rc = acm_input_leaf(api, in);

    if (rc == ACM_OK) {
        rc = acm_input_key(api, in);
    }

    if (rc == ACM_OK) {
        rc = acm_input_dates(api, in);
    }

    if (rc == ACM_OK) {
        rc = acm_input_issuer(api, in->leaf);
    }

    if (rc == ACM_OK) {
        rc = acm_input_chain(api, in);
    }

    if (rc == ACM_OK) {
        rc = acm_input_order(api, in);
    }

    if (rc == ACM_OK) {
        rc = acm_bundle_parse(&in->leaf_pem, &in->key_pem, &in->chain_pem,
                              api->now, bundle, &api->err);
    }

    if (rc == ACM_INVALID || rc == ACM_TOOBIG) {
        rc = acm_api_fault(api, "ValidationException", "%s", api->err.text);
    }

    return rc;
}


static void
acm_input_free(acm_input_t *in)
{
    size_t  i;

    for (i = 0; i < in->nchain; i++) {
        X509_free(in->chain[i]);
    }

    X509_free(in->leaf);
    EVP_PKEY_free(in->pkey);
    acm_free(in->leaf_pem.data);
    acm_free(in->chain_pem.data);
    acm_tags_free(&in->tags);
    acm_free_secret(in->key_pem.data, in->key_pem.len);
}


static size_t
acm_input_count(const acm_str_t *pem, const char *text)
{
    size_t          len, n;
    const uint8_t  *pos, *last;

    pos = pem->data;
    last = pos + pem->len;
    len = strlen(text);

    for (n = 0; pem->len != 0; n++) {
        pos = memmem(pos, (size_t) (last - pos), text, len);

        if (pos == NULL) {
            break;
        }

        pos += len;
    }

    return n;
}


static size_t
acm_input_certs(const acm_str_t *pem)
{
    return acm_input_count(pem, "-----BEGIN CERTIFICATE-----")
           + acm_input_count(pem, "-----BEGIN X509 CERTIFICATE-----");
}


static int
acm_input_locked(const acm_str_t *pem)
{
    return acm_input_count(pem, "-----BEGIN ENCRYPTED PRIVATE KEY") != 0
           || acm_input_count(pem, "Proc-Type: 4,ENCRYPTED") != 0;
}


static acm_rc_t
acm_input_leaf(acm_api_t *api, acm_input_t *in)
{
    BIO     *bio;
    size_t   n;

    n = acm_input_certs(&in->leaf_pem);

    if (n > 1) {
        return acm_api_fault(api, "ValidationException", "The certificate "
                             "field contains more than one certificate. You "
                             "can specify only one certificate in this "
                             "field.");
    }

    bio = BIO_new_mem_buf(in->leaf_pem.data, (int) in->leaf_pem.len);

    if (bio == NULL) {
        return acm_api_nomem(api);
    }

    if (n == 1) {
        in->leaf = PEM_read_bio_X509(bio, NULL, acm_input_password, NULL);
    }

    BIO_free(bio);

    if (in->leaf == NULL) {
        return acm_api_fault(api, "ValidationException", "Unable to parse "
                             "certificate. Please ensure the certificate is "
                             "in PEM format.");
    }

    if (X509_get_version(in->leaf) != X509_VERSION_3) {
        return acm_api_fault(api, "ValidationException", "The certificate is "
                             "of version %ld, and must be of version 3.",
                             X509_get_version(in->leaf) + 1);
    }

    return ACM_OK;
}


static acm_rc_t
acm_input_key(acm_api_t *api, acm_input_t *in)
{
    BIO       *bio;
    acm_rc_t   rc;

    if (acm_input_locked(&in->key_pem)) {
        return acm_api_fault(api, "ValidationException", "Your private key "
                             "should not be encrypted.");
    }

    bio = BIO_new_mem_buf(in->key_pem.data, (int) in->key_pem.len);

    if (bio == NULL) {
        return acm_api_nomem(api);
    }

    in->pkey = PEM_read_bio_PrivateKey(bio, NULL, acm_input_password, NULL);

    BIO_free(bio);

    if (in->pkey == NULL) {
        return acm_api_fault(api, "ValidationException", "Passed PEM was not "
                             "a private key.");
    }

    rc = acm_input_key_type(api, in->pkey);

    if (rc != ACM_OK) {
        return rc;
    }

    if (!acm_x509_match(in->leaf, in->pkey)) {
        return acm_api_fault(api, "ValidationException", "The private key "
                             "does not match the certificate.");
    }

    return ACM_OK;
}


static acm_rc_t
acm_input_key_type(acm_api_t *api, EVP_PKEY *pkey)
{
    if (acm_key_type(pkey) != ACM_KEY_NONE) {
        return ACM_OK;
    }

    if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA) {
        return acm_api_fault(api, "ValidationException", "The private key "
                             "length %d is not supported for key algorithm.",
                             EVP_PKEY_get_bits(pkey));
    }

    return acm_api_fault(api, "ValidationException", "The private key is not "
                         "supported.");
}


static int
acm_input_password(char *buf, int size, int rwflag, void *data)
{
    (void) buf;
    (void) size;
    (void) rwflag;
    (void) data;

    return -1;
}


static acm_rc_t
acm_input_dates(acm_api_t *api, const acm_input_t *in)
{
    int64_t  not_before, not_after;

    if (acm_x509_dates(in->leaf, &not_before, &not_after, NULL) != ACM_OK) {
        return acm_api_fault(api, "ValidationException", "Unable to parse "
                             "certificate. Please ensure the certificate is "
                             "in PEM format.");
    }

    if (not_after <= api->now) {
        return acm_api_fault(api, "ValidationException", "The certificate has "
                             "expired, is not valid.");
    }

    if (not_before > api->now) {
        return acm_api_fault(api, "ValidationException", "The certificate is "
                             "not in effect yet, is not valid.");
    }

    return ACM_OK;
}


/* What ACM demands of the issuer's half of a certificate. */

static acm_rc_t
acm_input_issuer(acm_api_t *api, X509 *x)
{
    if (X509_NAME_entry_count(X509_get_issuer_name(x)) == 0) {
        return acm_api_fault(api, "ValidationException", "The certificate has "
                             "no issuer: the field must not be empty.");
    }

    if (!acm_input_urls(x)) {
        return acm_api_fault(api, "ValidationException", "The OCSP URL of "
                             "the certificate is longer than %d characters.",
                             ACM_MAX_OCSP_URL);
    }

    return ACM_OK;
}


static int
acm_input_urls(X509 *x)
{
    int                        i, fit;
    STACK_OF(OPENSSL_STRING)  *urls;

    fit = 1;
    urls = X509_get1_ocsp(x);

    for (i = 0; i < sk_OPENSSL_STRING_num(urls); i++) {
        if (strlen(sk_OPENSSL_STRING_value(urls, i)) > ACM_MAX_OCSP_URL) {
            fit = 0;
        }
    }

    X509_email_free(urls);

    return fit;
}


static acm_rc_t
acm_input_chain(acm_api_t *api, acm_input_t *in)
{
    BIO            *bio;
    X509           *x;
    unsigned long   code;

    if (in->chain_pem.len == 0) {
        return ACM_OK;
    }

    bio = BIO_new_mem_buf(in->chain_pem.data, (int) in->chain_pem.len);

    if (bio == NULL) {
        return acm_api_nomem(api);
    }

    while (in->nchain < ACM_MAX_CHAIN) {
        x = PEM_read_bio_X509(bio, NULL, acm_input_password, NULL);

        if (x == NULL) {
            break;
        }

        in->chain[in->nchain++] = x;
    }

    /* without one more it ends as it should; too many are told of later */

    code = ERR_peek_last_error();

    BIO_free(bio);

    if (in->nchain == 0
        || (in->nchain < ACM_MAX_CHAIN
            && ERR_GET_REASON(code) != PEM_R_NO_START_LINE))
    {
        return acm_api_fault(api, "ValidationException", "The certificate "
                             "body/chain provided is not in a valid PEM "
                             "format.");
    }

    ERR_clear_error();

    return ACM_OK;
}


static acm_rc_t
acm_input_order(acm_api_t *api, const acm_input_t *in)
{
    X509    *x;
    size_t   i;

    if (in->nchain == 0) {
        if (X509_self_signed(in->leaf, 1) == 1) {
            return ACM_OK;
        }

        ERR_clear_error();

        return acm_api_fault(api, "ValidationException", "Provided "
                             "certificate is not a valid self signed. Please "
                             "provide either a valid self-signed certificate "
                             "or certificate chain.");
    }

    for (i = 0; i < in->nchain; i++) {
        x = (i == 0) ? in->leaf : in->chain[i - 1];

        if (X509_cmp(x, in->chain[i]) == 0
            || X509_NAME_cmp(X509_get_issuer_name(x),
                             X509_get_subject_name(in->chain[i]))
               != 0)
        {
            return acm_api_fault(api, "ValidationException", "Unable to "
                                 "validate certificate chain. The "
                                 "certificate chain must start with the "
                                 "immediate signing certificate, followed by "
                                 "any intermediaries in order. The index "
                                 "within the chain of the invalid "
                                 "certificate is: %zu", i);
        }

        if (!acm_input_signed(x, in->chain[i])) {
            return acm_api_fault(api, "ValidationException", "Could not "
                                 "validate the certificate with the "
                                 "certificate chain.");
        }
    }

    return ACM_OK;
}


static int
acm_input_signed(X509 *x, X509 *issuer)
{
    int        rc;
    EVP_PKEY  *pkey;

    pkey = X509_get0_pubkey(issuer);
    rc = (pkey != NULL && X509_verify(x, pkey) == 1);

    ERR_clear_error();

    return rc;
}


static acm_rc_t
acm_import_old(acm_api_t *api, acm_cert_t *cert, uint64_t *revision)
{
    acm_rc_t  rc;

    rc = acm_api_cert(api, cert, revision);

    if (rc != ACM_OK) {
        return rc;
    }

    if (cert->type != ACM_TYPE_IMPORTED) {
        return acm_api_fault(api, "ValidationException", "Certificate %s was "
                             "not imported: only an imported certificate can "
                             "be imported again.", api->arn);
    }

    if (json_object_get(api->in, "Tags") != NULL) {
        return acm_api_fault(api, "ValidationException", "Tagging is not "
                             "permitted on re-import");
    }

    return ACM_OK;
}


static acm_rc_t
acm_import_same(acm_api_t *api, const acm_cert_t *cert,
    const acm_bundle_t *bundle)
{
    uint32_t  keys, lost, usages;

    if (cert->key != bundle->info.key) {
        return acm_api_fault(api, "ValidationException", "The key type and "
                             "size cannot change on re-import: they were %s, "
                             "and are %s now.", acm_key_algorithm(cert->key),
                             acm_key_algorithm(bundle->info.key));
    }

    usages = acm_api_usages(api, cert);
    lost = usages & ~bundle->info.usages;
    keys = (ACM_USAGE_KEY << ACM_USAGE_KEYS) - 1;

    if (lost & keys) {
        return acm_api_fault(api, "ValidationException", "New certificate is "
                             "missing one or more Key Usages supported by "
                             "the currently imported certificate");
    }

    if (lost & ~keys) {
        return acm_api_fault(api, "ValidationException", "New certificate is "
                             "missing one or more Extended Key Usages "
                             "supported by the currently imported "
                             "certificate");
    }

    if (acm_import_named(cert->names, cert->nnames)
        && !acm_import_named(bundle->info.names, bundle->info.nnames))
    {
        return acm_api_fault(api, "ValidationException", "New certificate has "
                             "no domain name: not all of them can be taken "
                             "away on re-import.");
    }

    return ACM_OK;
}


/* 1 if one of them is no IP address. */

static int
acm_import_named(char *const *names, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (!acm_name_is_ip(names[i], strlen(names[i]))) {
            return 1;
        }
    }

    return 0;
}


/* A record that owns its memory, by way of the encoding. */

static acm_rc_t
acm_import_new(acm_api_t *api, const acm_tags_t *tags,
    const acm_bundle_t *bundle, acm_cert_t *cert)
{
    acm_rc_t    rc;
    acm_buf_t   buf, tags_buf;
    acm_cert_t  new;

    memset(&new, 0, sizeof(acm_cert_t));
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    acm_buf_init(&tags_buf, ACM_MAX_STORE_VALUE);

    rc = acm_tags_encode(tags, &tags_buf);

    if (rc == ACM_TOOBIG) {
        rc = acm_api_fault(api, "TooManyTagsException", "the tags have more "
                           "than %d octets", ACM_MAX_TAGS_LEN);

    } else if (rc == ACM_OK) {
        rc = acm_uuid(new.uuid);
    }

    new.account = (char *) api->caller->account;
    new.region = (char *) api->caller->region;
    new.type = ACM_TYPE_IMPORTED;
    new.status = ACM_STATUS_ISSUED;
    new.key = bundle->info.key;
    new.domain = bundle->info.domain;
    new.names = bundle->info.names;
    new.nnames = bundle->info.nnames;
    new.issuer = (char *) "";
    new.created_at = api->now;
    new.tags.data = tags_buf.data;
    new.tags.len = tags_buf.len;

    if (rc == ACM_OK) {
        rc = acm_cert_encode(&new, &buf);
    }

    if (rc == ACM_OK) {
        rc = acm_cert_decode(buf.data, buf.len, cert);
    }

    if (rc != ACM_OK && rc != ACM_DENIED) {
        (void) acm_fail(&api->err, rc, "a certificate cannot be recorded: %s",
                        acm_rc_text(rc));
    }

    acm_buf_free(&tags_buf);
    acm_buf_free(&buf);

    return rc;
}


static acm_rc_t
acm_import_install(acm_api_t *api, acm_cert_t *cert, uint64_t revision,
    const acm_bundle_t *bundle)
{
    acm_rc_t        rc;
    acm_batch_t     also;
    acm_install_t   install;

    memset(&install, 0, sizeof(acm_install_t));
    acm_batch_init(&also);

    install.now = api->now;
    install.issued_by = "";
    install.also = &also;

    rc = (revision == 0) ? acm_api_quota(api, cert, &also) : ACM_OK;

    if (rc == ACM_OK) {
        rc = acm_certificate_install(api->ring, cert, revision, bundle,
                                     &install, &api->err);
    }

    acm_batch_free(&also);

    if (rc != ACM_OK) {
        return rc;
    }

    api->changed = 1;

    (void) acm_arn_text(api->arn, cert->account, cert->region, cert->uuid);

    return acm_api_answer(api, "CertificateArn", json_string(api->arn));
}
