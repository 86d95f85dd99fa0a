
/*
 * Copyright (C) The ngx_acm authors
 *
 * SearchCertificates.
 */


#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "acm_api_impl.h"


typedef struct {
    acm_scan_t     scan;                 /* the first member */
    const json_t  *statement;
    const char    *by;
    char           uuid[ACM_UUID_LEN + 1];
} acm_search_t;


static const char *acm_search_arn(const json_t *statement);
static int acm_search_match(acm_scan_t *scan, const acm_cert_t *cert);
static int acm_search_statement(acm_api_t *api, const json_t *statement,
    const acm_cert_t *cert);
static int acm_search_filter(acm_api_t *api, const json_t *filter,
    const acm_cert_t *cert);
static int acm_search_x509(acm_api_t *api, const json_t *filter,
    const acm_cert_t *cert);
static int acm_search_metadata(acm_api_t *api, const json_t *filter,
    const acm_cert_t *cert);
static int acm_search_is(const json_t *filter, const char *name,
    const char *value);
static int acm_search_flag(const json_t *filter, const char *name,
    int value);
static int acm_search_usage(const json_t *filter, const char *name,
    uint32_t usages);
static int acm_search_text(const json_t *filter, const char *value);
static int acm_search_range(const json_t *range, int64_t at);
static size_t acm_search_key(acm_scan_t *scan, const acm_cert_t *cert,
    uint8_t *key);
static size_t acm_search_time(uint8_t *key, int64_t at);
static size_t acm_search_word(uint8_t *key, const char *text);
static json_t *acm_search_result(acm_api_t *api, const acm_cert_t *cert);
static json_t *acm_search_attributes(acm_api_t *api, const acm_cert_t *cert);
static json_t *acm_search_alternatives(const acm_cert_t *cert);
static json_t *acm_search_meta(acm_api_t *api, const acm_cert_t *cert);


acm_rc_t
acm_api_search(acm_api_t *api)
{
    acm_rc_t       rc;
    acm_str_t      account, region;
    const char    *arn, *order;
    acm_plan_t    *plan;
    acm_search_t   search;

    memset(&search, 0, sizeof(acm_search_t));

    order = json_string_value(json_object_get(api->in, "SortOrder"));

    search.statement = json_object_get(api->in, "FilterStatement");
    search.by = json_string_value(json_object_get(api->in, "SortBy"));
    search.scan.api = api;
    search.scan.match = acm_search_match;
    search.scan.show = acm_search_result;
    search.scan.list = "Results";
    search.scan.size = "MaxResults";
    search.scan.max = 100;

    if (search.by != NULL) {
        search.scan.key = acm_search_key;
        search.scan.index = (strcmp(search.by, "CREATED_AT") == 0)
                            ? ACM_DB_CREATED
                            : (strcmp(search.by, "NOT_AFTER") == 0)
                              ? ACM_DB_EXPIRY : ACM_DB_META;
        search.scan.falling = (order != NULL
                               && strcmp(order, "DESCENDING") == 0);
    }

    arn = acm_search_arn(search.statement);

    if (arn != NULL) {

        /* of another account or region it will not match */

        search.scan.only = search.uuid;

        if (acm_arn_parse(arn, strlen(arn), &account, &region, search.uuid,
                          NULL)
            != ACM_OK)
        {
            search.uuid[0] = '\0';
        }
    }

    plan = acm_alloc(sizeof(acm_plan_t));

    if (plan == NULL) {
        return acm_api_nomem(api);
    }

    search.scan.plan = plan;
    plan->uuids = NULL;
    acm_plan_statement(plan, api, search.statement);

    rc = acm_api_scan(&search.scan);

    acm_free(plan->uuids);
    acm_free(plan);

    return rc;
}


/* The ARN that all that is found must have, or NULL. */

static const char *
acm_search_arn(const json_t *statement)
{
    size_t         i;
    const char    *arn;
    const json_t  *list;

    list = json_object_get(statement, "And");

    for (i = 0; i < json_array_size(list); i++) {
        arn = acm_search_arn(json_array_get(list, i));

        if (arn != NULL) {
            return arn;
        }
    }

    return json_string_value(json_object_get(json_object_get(statement,
                                                             "Filter"),
                                             "CertificateArn"));
}


static int
acm_search_match(acm_scan_t *scan, const acm_cert_t *cert)
{
    acm_search_t  *search;

    search = (acm_search_t *) scan;

    return acm_search_statement(scan->api, search->statement, cert);
}


/* No deeper than the request, which the parser has bounded. */

static int
acm_search_statement(acm_api_t *api, const json_t *statement,
    const acm_cert_t *cert)
{
    size_t         i;
    const json_t  *list, *one;

    list = json_object_get(statement, "And");

    if (list != NULL) {
        for (i = 0; i < json_array_size(list); i++) {
            if (!acm_search_statement(api, json_array_get(list, i), cert)) {
                return 0;
            }
        }

        return 1;
    }

    list = json_object_get(statement, "Or");

    if (list != NULL) {
        for (i = 0; i < json_array_size(list); i++) {
            if (acm_search_statement(api, json_array_get(list, i), cert)) {
                return 1;
            }
        }

        return 0;
    }

    one = json_object_get(statement, "Not");

    if (one != NULL) {
        return !acm_search_statement(api, one, cert);
    }

    one = json_object_get(statement, "Filter");

    return (one == NULL) ? 1 : acm_search_filter(api, one, cert);
}


static int
acm_search_filter(acm_api_t *api, const json_t *filter,
    const acm_cert_t *cert)
{
    char           arn[ACM_MAX_ARN];
    const json_t  *one;

    one = json_object_get(filter, "X509AttributeFilter");

    if (one != NULL) {
        return acm_search_x509(api, one, cert);
    }

    one = json_object_get(filter, "AcmCertificateMetadataFilter");

    if (one != NULL) {
        return acm_search_metadata(api, one, cert);
    }

    (void) acm_arn_text(arn, cert->account, cert->region, cert->uuid);

    return acm_search_is(filter, "CertificateArn", arn);
}


static int
acm_search_x509(acm_api_t *api, const json_t *filter, const acm_cert_t *cert)
{
    size_t         i;
    uint32_t       usages;
    const json_t  *one;

    one = json_object_get(json_object_get(filter, "Subject"), "CommonName");

    if (one != NULL && !acm_search_text(one, cert->domain)) {
        return 0;
    }

    one = json_object_get(json_object_get(filter, "SubjectAlternativeName"),
                          "DnsName");

    if (one != NULL) {
        for (i = 0; i < cert->nnames; i++) {
            if (acm_search_text(one, cert->names[i])) {
                break;
            }
        }

        if (i == cert->nnames) {
            return 0;
        }
    }

    /* a snapshot is open: what an older record does not have is not known */

    (void) api;
    usages = cert->usages;

    return acm_search_usage(filter, "KeyUsage", usages)
           && acm_search_usage(filter, "ExtendedKeyUsage", usages)
           && acm_search_is(filter, "KeyAlgorithm", acm_api_key(cert->key))
           && acm_search_is(filter, "SerialNumber", cert->serial)
           && acm_search_range(json_object_get(filter, "NotAfter"),
                               cert->not_after)
           && acm_search_range(json_object_get(filter, "NotBefore"),
                               cert->not_before);
}


static int
acm_search_metadata(acm_api_t *api, const json_t *filter,
    const acm_cert_t *cert)
{
    acm_status_e  status;

    status = acm_api_status(cert, api->now);

    return acm_search_is(filter, "Status", acm_status_text(status))
           && acm_search_is(filter, "RenewalStatus",
                            acm_renewal_text(cert->renewal))
           && acm_search_is(filter, "Type", acm_type_text(cert->type))
           && acm_search_is(filter, "ExportOption",
                            cert->exportable ? "ENABLED" : "DISABLED")
           && acm_search_is(filter, "ValidationMethod", acm_api_proof(cert))
           && acm_search_is(filter, "ManagedBy", "")
           && acm_search_is(filter, "AcmeEndpointArn", "")
           && acm_search_is(filter, "AcmeAccountId", "")
           && acm_search_is(filter, "CertificateKeyPairOrigin",
                            (cert->type == ACM_TYPE_IMPORTED)
                            ? "CUSTOMER_PROVIDED" : "AWS_MANAGED")
           && acm_search_flag(filter, "Exported", cert->exported != 0)
           && acm_search_flag(filter, "InUse", acm_api_in_use(api, cert));
}


static int
acm_search_is(const json_t *filter, const char *name, const char *value)
{
    const char  *text;

    text = json_string_value(json_object_get(filter, name));

    return text == NULL || strcmp(text, value) == 0;
}


static int
acm_search_flag(const json_t *filter, const char *name, int value)
{
    const json_t  *flag;

    flag = json_object_get(filter, name);

    return flag == NULL || json_is_true(flag) == value;
}


static int
acm_search_usage(const json_t *filter, const char *name, uint32_t usages)
{
    unsigned     i;
    const char  *text;

    text = json_string_value(json_object_get(filter, name));

    if (text == NULL) {
        return 1;
    }

    if (strcmp(name, "KeyUsage") == 0) {
        for (i = 0; i < ACM_USAGE_KEYS; i++) {
            if (strcmp(acm_usage_key_text(i), text) == 0) {
                return (usages & ACM_USAGE_KEY << i) != 0;
            }
        }

        return 0;
    }

    for (i = 0; i < ACM_USAGE_EXTS; i++) {
        if (strcmp(acm_usage_ext_text(i), text) == 0) {
            return (usages & ACM_USAGE_EXT << i) != 0;
        }
    }

    return 0;
}


static int
acm_search_text(const json_t *filter, const char *value)
{
    const char  *operator, *text;

    text = json_string_value(json_object_get(filter, "Value"));
    operator = json_string_value(json_object_get(filter,
                                                 "ComparisonOperator"));

    if (strcmp(operator, "CONTAINS") == 0) {
        return strcasestr(value, text) != NULL;
    }

    return strcasecmp(value, text) == 0;
}


static int
acm_search_range(const json_t *range, int64_t at)
{
    const json_t  *end, *start;

    if (range == NULL) {
        return 1;
    }

    start = json_object_get(range, "Start");
    end = json_object_get(range, "End");

    return at != 0
           && (start == NULL || (double) at >= json_number_value(start))
           && (end == NULL || (double) at <= json_number_value(end));
}


static size_t
acm_search_key(acm_scan_t *scan, const acm_cert_t *cert, uint8_t *key)
{
    acm_api_t    *api;
    const char   *by;
    acm_status_e  status;

    api = scan->api;
    by = ((acm_search_t *) scan)->by;
    status = acm_api_status(cert, api->now);

    if (strcmp(by, "CREATED_AT") == 0) {
        return acm_search_time(key, cert->created_at);
    }

    if (strcmp(by, "NOT_AFTER") == 0) {
        return acm_search_time(key, cert->not_after);
    }

    if (strcmp(by, "NOT_BEFORE") == 0) {
        return acm_search_time(key, cert->not_before);
    }

    if (strcmp(by, "ISSUED_AT") == 0) {
        return acm_search_time(key, cert->issued_at);
    }

    if (strcmp(by, "IMPORTED_AT") == 0) {
        return acm_search_time(key, cert->imported_at);
    }

    if (strcmp(by, "REVOKED_AT") == 0) {
        return acm_search_time(key, cert->revoked_at);
    }

    if (strcmp(by, "STATUS") == 0) {
        return acm_search_word(key, acm_status_text(status));
    }

    if (strcmp(by, "RENEWAL_STATUS") == 0) {
        return acm_search_word(key, acm_renewal_text(cert->renewal));
    }

    if (strcmp(by, "TYPE") == 0) {
        return acm_search_word(key, acm_type_text(cert->type));
    }

    if (strcmp(by, "KEY_ALGORITHM") == 0) {
        return acm_search_word(key, acm_api_key(cert->key));
    }

    if (strcmp(by, "COMMON_NAME") == 0) {
        return acm_search_word(key, cert->domain);
    }

    if (strcmp(by, "VALIDATION_METHOD") == 0) {
        return acm_search_word(key, acm_api_proof(cert));
    }

    if (strcmp(by, "EXPORTED") == 0) {
        return acm_search_time(key, cert->exported);
    }

    if (strcmp(by, "EXPORT_OPTION") == 0) {
        return acm_search_time(key, cert->exportable);
    }

    if (strcmp(by, "IN_USE") == 0) {
        return acm_search_time(key, acm_api_in_use(api, cert));
    }

    if (strcmp(by, "RENEWAL_ELIGIBILITY") == 0) {
        return acm_search_time(key, acm_api_eligible(api, cert));
    }

    if (strcmp(by, "CERTIFICATE_KEY_PAIR_ORIGIN") == 0) {
        return acm_search_time(key, cert->type == ACM_TYPE_IMPORTED);
    }

    /* by what none has, and by ARN: UUIDs are compared at last anyway */

    return 0;
}


static size_t
acm_search_time(uint8_t *key, int64_t at)
{
    unsigned  i;

    for (i = 0; i < 8; i++) {
        key[i] = (uint8_t) ((uint64_t) at >> (56 - 8 * i));
    }

    return 8;
}


static size_t
acm_search_word(uint8_t *key, const char *text)
{
    size_t  len;

    len = strlen(text);

    if (len > ACM_MAX_SCAN_KEY) {
        len = ACM_MAX_SCAN_KEY;
    }

    memcpy(key, text, len);

    return len;
}


static json_t *
acm_search_result(acm_api_t *api, const acm_cert_t *cert)
{
    char  arn[ACM_MAX_ARN];

    return json_pack("{s:s, s:o, s:{s:o}}", "CertificateArn",
                     acm_arn_text(arn, cert->account, cert->region,
                                  cert->uuid),
                     "X509Attributes", acm_search_attributes(api, cert),
                     "CertificateMetadata", "AcmCertificateMetadata",
                     acm_search_meta(api, cert));
}


static json_t *
acm_search_attributes(acm_api_t *api, const acm_cert_t *cert)
{
    X509      *x;
    json_t    *o;
    uint32_t   usages;

    usages = acm_api_usages(api, cert);

    o = json_pack("{s:s, s:o, s:o, s:o}", "KeyAlgorithm",
                  acm_key_algorithm(cert->key), "SubjectAlternativeNames",
                  acm_search_alternatives(cert), "KeyUsages",
                  acm_api_usage_names(usages, ACM_USAGE_KEY),
                  "ExtendedKeyUsages",
                  acm_api_usage_names(usages, ACM_USAGE_EXT));

    if (o == NULL
        || acm_api_set_text(o, "SerialNumber", cert->serial) != 0
        || acm_api_set_time(o, "NotBefore", cert->not_before) != 0
        || acm_api_set_time(o, "NotAfter", cert->not_after) != 0)
    {
        json_decref(o);
        return NULL;
    }

    if (cert->version == 0 || acm_api_leaf(api, cert, &x) != ACM_OK) {
        return o;
    }

    if (json_object_set_new(o, "Subject",
                            acm_api_dn(X509_get_subject_name(x)))
        != 0
        || json_object_set_new(o, "Issuer",
                               acm_api_dn(X509_get_issuer_name(x)))
           != 0)
    {
        json_decref(o);
        o = NULL;
    }

    X509_free(x);

    return o;
}


static json_t *
acm_search_alternatives(const acm_cert_t *cert)
{
    size_t       i;
    json_t      *list;
    const char  *kind;

    list = json_array();

    for (i = 0; list != NULL && i < cert->nnames; i++) {
        kind = acm_name_is_ip(cert->names[i], strlen(cert->names[i]))
               ? "IpAddress" : "DnsName";

        if (json_array_append_new(list,
                                  json_pack("{s:o}", kind,
                                            acm_json_clean(cert->names[i])))
            != 0)
        {
            json_decref(list);
            list = NULL;
        }
    }

    return list;
}


static json_t *
acm_search_meta(acm_api_t *api, const acm_cert_t *cert)
{
    json_t  *o;

    o = json_pack("{s:s, s:s, s:s, s:b, s:b, s:s, s:s}",
                  "Status", acm_status_text(acm_api_status(cert, api->now)),
                  "Type", acm_type_text(cert->type),
                  "ExportOption", cert->exportable ? "ENABLED" : "DISABLED",
                  "InUse", acm_api_in_use(api, cert),
                  "Exported", (int) cert->exported,
                  "RenewalEligibility",
                  acm_api_eligible(api, cert) ? "ELIGIBLE" : "INELIGIBLE",
                  "CertificateKeyPairOrigin",
                  (cert->type == ACM_TYPE_IMPORTED) ? "CUSTOMER_PROVIDED"
                                                    : "AWS_MANAGED");

    if (o == NULL
        || acm_api_set_time(o, "CreatedAt", cert->created_at) != 0
        || acm_api_set_time(o, "ImportedAt", cert->imported_at) != 0
        || acm_api_set_time(o, "IssuedAt", cert->issued_at) != 0
        || acm_api_set_time(o, "RevokedAt", cert->revoked_at) != 0
        || acm_api_set_text(o, "RenewalStatus",
                            acm_renewal_text(cert->renewal))
           != 0
        || acm_api_set_text(o, "ValidationMethod", acm_api_proof(cert)) != 0)
    {
        json_decref(o);
        return NULL;
    }

    return o;
}
