
/*
 * Copyright (C) The ngx_acm authors
 *
 * DescribeCertificate.
 */


#include <openssl/x509v3.h>
#include <string.h>

#include "acm_api_impl.h"
#include "acm_renewal.h"


static acm_rc_t acm_api_described(acm_api_t *api);
static json_t *acm_api_detail(acm_api_t *api, const acm_cert_t *cert,
    X509 *x);
static int acm_api_detail_what(acm_api_t *api, json_t *o,
    const acm_cert_t *cert);
static int acm_api_detail_when(acm_api_t *api, json_t *o,
    const acm_cert_t *cert);
static int acm_api_detail_x509(json_t *o, const acm_cert_t *cert, X509 *x);
static int acm_api_detail_state(acm_api_t *api, json_t *o,
    const acm_cert_t *cert);
static int acm_api_detail_pending(json_t *o, const acm_cert_t *cert);
static json_t *acm_api_options(const acm_cert_t *cert);
static json_t *acm_api_renewal(acm_api_t *api, const acm_cert_t *cert);
static json_t *acm_api_subject(const X509_NAME *name);
static json_t *acm_api_organization(const X509_NAME *name);
static json_t *acm_api_key_usages(X509 *x);
static json_t *acm_api_ext_usages(X509 *x);


acm_rc_t
acm_api_describe(acm_api_t *api)
{
    acm_rc_t  rc;

    rc = acm_store_begin(api->store, &api->snap, &api->err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_api_described(api);

    acm_store_end(api->snap);
    api->snap = NULL;

    return rc;
}


static acm_rc_t
acm_api_described(acm_api_t *api)
{
    X509        *x;
    json_t      *detail;
    acm_rc_t     rc;
    acm_cert_t   cert;

    rc = acm_api_cert(api, &cert, NULL);

    if (rc != ACM_OK) {
        return rc;
    }

    x = NULL;

    if (cert.version != 0) {
        rc = acm_api_leaf(api, &cert, &x);
    }

    if (rc == ACM_OK) {
        detail = acm_api_detail(api, &cert, x);
        rc = (detail == NULL) ? acm_api_nomem(api)
                              : acm_api_answer(api, "Certificate", detail);
    }

    X509_free(x);
    acm_cert_free(&cert);

    return rc;
}


static json_t *
acm_api_detail(acm_api_t *api, const acm_cert_t *cert, X509 *x)
{
    json_t  *o;

    o = json_object();

    if (o == NULL
        || acm_api_detail_what(api, o, cert) != 0
        || acm_api_detail_when(api, o, cert) != 0
        || acm_api_detail_state(api, o, cert) != 0
        || ((x == NULL) ? acm_api_detail_pending(o, cert)
                        : acm_api_detail_x509(o, cert, x)) != 0)
    {
        json_decref(o);
        return NULL;
    }

    return o;
}


static int
acm_api_detail_what(acm_api_t *api, json_t *o, const acm_cert_t *cert)
{
    char     arn[ACM_MAX_ARN], ca[ACM_MAX_ARN];
    json_t  *list;

    (void) acm_arn_text(arn, cert->account, cert->region, cert->uuid);
    (void) acm_api_ca_arn(api, cert->issuer, ca);

    list = (cert->type == ACM_TYPE_PRIVATE)
           ? NULL : acm_api_validations(api, cert, acm_api_proved(cert));

    if (list == NULL && cert->type != ACM_TYPE_PRIVATE) {
        return -1;
    }

    if (list != NULL
        && json_object_set_new(o, "DomainValidationOptions", list) != 0)
    {
        return -1;
    }

    return acm_api_set_text(o, "CertificateArn", arn) != 0
           || acm_api_set_text(o, "DomainName", acm_api_domain(cert)) != 0
           || json_object_set_new(o, "SubjectAlternativeNames",
                                  acm_api_names(cert, ACM_MAX_NAMES))
              != 0
           || acm_api_set_text(o, "Type", acm_type_text(cert->type)) != 0
           || acm_api_set_text(o, "KeyAlgorithm",
                               acm_key_algorithm(cert->key))
              != 0
           || json_object_set_new(o, "Options", acm_api_options(cert)) != 0
           || json_object_set_new(o, "InUseBy",
                                  acm_api_in_use_by(api, cert))
              != 0
           || acm_api_set_text(o, "CertificateKeyPairOrigin",
                               (cert->type == ACM_TYPE_IMPORTED)
                               ? "CUSTOMER_PROVIDED" : "AWS_MANAGED")
              != 0
           || (cert->type == ACM_TYPE_PRIVATE
               && acm_api_set_text(o, "CertificateAuthorityArn", ca) != 0);
}


static int
acm_api_detail_when(acm_api_t *api, json_t *o, const acm_cert_t *cert)
{
    (void) api;

    return acm_api_set_time(o, "CreatedAt", cert->created_at) != 0
           || acm_api_set_time(o, "IssuedAt", cert->issued_at) != 0
           || acm_api_set_time(o, "ImportedAt", cert->imported_at) != 0
           || acm_api_set_time(o, "NotBefore", cert->not_before) != 0
           || acm_api_set_time(o, "NotAfter", cert->not_after) != 0
           || acm_api_set_time(o, "RevokedAt", cert->revoked_at) != 0
           || acm_api_set_text(o, "RevocationReason",
                               acm_revocation_text(cert->revocation))
              != 0;
}


static int
acm_api_detail_state(acm_api_t *api, json_t *o, const acm_cert_t *cert)
{
    const char    *reason;
    acm_status_e   status;

    status = acm_api_status(cert, api->now);
    reason = "";

    if (status == ACM_STATUS_FAILED) {
        reason = (cert->reason == ACM_REASON_NONE
                  || cert->reason > ACM_REASON_OTHER)
                 ? "OTHER" : acm_reason_text(cert->reason);
    }

    if (cert->renewal != ACM_RENEWAL_NONE
        && json_object_set_new(o, "RenewalSummary",
                               acm_api_renewal(api, cert))
           != 0)
    {
        return -1;
    }

    return acm_api_set_text(o, "Status", acm_status_text(status)) != 0
           || acm_api_set_text(o, "FailureReason", reason) != 0
           || acm_api_set_text(o, "RenewalEligibility",
                               acm_api_eligible(api, cert) ? "ELIGIBLE"
                                                           : "INELIGIBLE")
              != 0;
}


/* What will be, as far as it is known already. */

static int
acm_api_detail_pending(json_t *o, const acm_cert_t *cert)
{
    const char  *sigalg;

    sigalg = (cert->key == ACM_KEY_EC_P384) ? "SHA384WITHECDSA"
             : (cert->key >= ACM_KEY_EC_P256) ? "SHA256WITHECDSA"
                                              : "SHA256WITHRSA";

    return json_object_set_new(o, "Subject",
                               json_sprintf("CN=%s", cert->domain))
           != 0
           || acm_api_set_text(o, "Issuer", cert->issuer) != 0
           || acm_api_set_text(o, "SignatureAlgorithm", sigalg) != 0
           || json_object_set_new(o, "KeyUsages", json_array()) != 0
           || json_object_set_new(o, "ExtendedKeyUsages", json_array()) != 0;
}


static int
acm_api_detail_x509(json_t *o, const acm_cert_t *cert, X509 *x)
{
    return json_object_set_new(o, "Subject",
                               acm_api_subject(X509_get_subject_name(x)))
           != 0
           || json_object_set_new(o, "Issuer",
                                  acm_api_organization(
                                      X509_get_issuer_name(x)))
              != 0
           || acm_api_set_text(o, "Serial", cert->serial) != 0
           || acm_api_set_text(o, "SignatureAlgorithm",
                               acm_api_sigalg(cert->sigalg))
              != 0
           || json_object_set_new(o, "KeyUsages", acm_api_key_usages(x)) != 0
           || json_object_set_new(o, "ExtendedKeyUsages",
                                  acm_api_ext_usages(x))
              != 0;
}


static json_t *
acm_api_options(const acm_cert_t *cert)
{
    int  logged;

    logged = (cert->type == ACM_TYPE_ISSUED && !cert->unlogged);

    return json_pack("{s:s, s:s}",
                     "CertificateTransparencyLoggingPreference",
                     logged ? "ENABLED" : "DISABLED",
                     "Export", cert->exportable ? "ENABLED" : "DISABLED");
}


static json_t *
acm_api_renewal(acm_api_t *api, const acm_cert_t *cert)
{
    json_t      *list, *o;
    const char  *reason;

    reason = (cert->renewal == ACM_RENEWAL_SUCCESS
              || cert->reason > ACM_REASON_OTHER)
             ? "" : acm_reason_text(cert->reason);

    list = (cert->type == ACM_TYPE_PRIVATE)
           ? json_array()
           : acm_api_validations(api, cert,
                                 (cert->renewal == ACM_RENEWAL_SUCCESS)
                                 ? "SUCCESS" : "PENDING_VALIDATION");

    o = json_pack("{s:s, s:o}", "RenewalStatus",
                  acm_renewal_text(cert->renewal),
                  "DomainValidationOptions", list);

    if (o == NULL
        || acm_api_set_time(o, "UpdatedAt", cert->renewal_at) != 0
        || acm_api_set_text(o, "RenewalStatusReason", reason) != 0)
    {
        json_decref(o);
        return NULL;
    }

    return o;
}


/* "C=AU,O=Example,CN=localhost": in the order of the certificate. */

static json_t *
acm_api_subject(const X509_NAME *name)
{
    BIO     *bio;
    char    *data;
    long     len;
    json_t  *json;

    bio = BIO_new(BIO_s_mem());

    if (bio == NULL) {
        return NULL;
    }

    json = NULL;

    if (X509_NAME_print_ex(bio, name, 0,
                           (XN_FLAG_RFC2253 & ~XN_FLAG_DN_REV
                            & ~ASN1_STRFLGS_ESC_MSB))
        >= 0)
    {
        (void) BIO_write(bio, "", 1);
        len = BIO_get_mem_data(bio, &data);

        json = (len > 0) ? acm_json_clean(data) : json_string("");
    }

    BIO_free(bio);

    return json;
}


static json_t *
acm_api_organization(const X509_NAME *name)
{
    int              at, len;
    json_t          *json;
    ASN1_STRING     *s;
    unsigned char   *text;

    at = X509_NAME_get_index_by_NID(name, NID_organizationName, -1);

    if (at < 0) {
        at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    }

    if (at < 0) {
        return acm_api_subject(name);
    }

    s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    len = ASN1_STRING_to_UTF8(&text, s);

    if (len < 0) {
        return acm_api_subject(name);
    }

    json = json_stringn((char *) text, (size_t) len);
    OPENSSL_free(text);

    return (json == NULL) ? acm_api_subject(name) : json;
}


static json_t *
acm_api_key_usages(X509 *x)
{
    json_t    *list;
    uint32_t   usages;
    unsigned   n;

    usages = acm_x509_usages(x);
    list = json_array();

    for (n = 0; list != NULL && n < ACM_USAGE_KEYS; n++) {
        if (!(usages & ACM_USAGE_KEY << n)) {
            continue;
        }

        if (json_array_append_new(list, json_pack("{s:s}", "Name",
                                                  acm_usage_key_text(n)))
            != 0)
        {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


static json_t *
acm_api_ext_usages(X509 *x)
{
    int                  i;
    char                 oid[80];
    json_t              *list;
    const char          *name;
    ASN1_OBJECT         *object;
    EXTENDED_KEY_USAGE  *usages;

    list = json_array();
    usages = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);

    if (usages == NULL) {
        if (list != NULL
            && json_array_append_new(list, json_pack("{s:s}", "Name",
                                                     "NONE"))
               != 0)
        {
            json_decref(list);
            return NULL;
        }

        return list;
    }

    for (i = 0; list != NULL && i < sk_ASN1_OBJECT_num(usages); i++) {
        object = sk_ASN1_OBJECT_value(usages, i);
        name = acm_usage_ext_name(object);

        (void) OBJ_obj2txt(oid, sizeof(oid), object, 1);

        if (json_array_append_new(list, json_pack("{s:s, s:s}", "Name", name,
                                                  "OID", oid))
            != 0)
        {
            json_decref(list);
            list = NULL;
        }
    }

    EXTENDED_KEY_USAGE_free(usages);

    return list;
}


json_t *
acm_api_dn(const X509_NAME *name)
{
    int             at, len;
    size_t          i;
    json_t         *json, *o;
    unsigned char  *text;

    static const struct {
        int          nid;
        const char  *name;
    } members[] = {
        { NID_commonName, "CommonName" },
        { NID_countryName, "Country" },
        { NID_localityName, "Locality" },
        { NID_organizationName, "Organization" },
        { NID_organizationalUnitName, "OrganizationalUnit" },
        { NID_serialNumber, "SerialNumber" },
        { NID_stateOrProvinceName, "State" },
        { NID_title, "Title" },
        { NID_givenName, "GivenName" },
        { NID_surname, "Surname" }
    };

    o = json_object();

    for (i = 0; o != NULL && i < sizeof(members) / sizeof(members[0]); i++) {
        at = X509_NAME_get_index_by_NID(name, members[i].nid, -1);

        if (at < 0) {
            continue;
        }

        len = ASN1_STRING_to_UTF8(&text,
                  X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));

        if (len < 0) {
            continue;
        }

        json = json_stringn((char *) text, (size_t) len);
        OPENSSL_free(text);

        if (json != NULL && json_object_set_new(o, members[i].name, json) != 0)
        {
            json_decref(o);
            o = NULL;
        }
    }

    return o;
}
