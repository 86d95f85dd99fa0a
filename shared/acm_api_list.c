
/*
 * Copyright (C) The ngx_acm authors
 *
 * ListCertificates.
 */


#include <string.h>

#include "acm_api_impl.h"


#define ACM_LIST_NAMES  100          /* of one summary */


/* in scan->api->in, found once */

typedef struct {
    acm_scan_t     scan;             /* the first member */
    const json_t  *statuses;
    const json_t  *origins;
    const json_t  *keys;
    const json_t  *key_usages;
    const json_t  *ext_usages;
    const char    *export;
    const char    *managed_by;
} acm_list_t;


static int acm_list_match(acm_scan_t *scan, const acm_cert_t *cert);
static int acm_list_key(const acm_list_t *list, const acm_cert_t *cert);
static int acm_list_has(const json_t *list, const char *text);
static int acm_list_usages(const json_t *list, uint32_t usages,
    uint32_t base);
static size_t acm_list_created(acm_scan_t *scan, const acm_cert_t *cert,
    uint8_t *key);
static json_t *acm_list_summary(acm_api_t *api, const acm_cert_t *cert);


acm_rc_t
acm_api_list(acm_api_t *api)
{
    json_t      *includes;
    acm_rc_t     rc;
    acm_list_t   list;
    const char  *by, *order;
    acm_plan_t  *plan;

    by = json_string_value(json_object_get(api->in, "SortBy"));
    order = json_string_value(json_object_get(api->in, "SortOrder"));

    if ((by == NULL) != (order == NULL)) {
        return acm_api_fault(api, "ValidationException", "SortBy and "
                             "SortOrder must be specified together.");
    }

    memset(&list, 0, sizeof(acm_list_t));

    includes = json_object_get(api->in, "Includes");

    list.statuses = json_object_get(api->in, "CertificateStatuses");
    list.origins = json_object_get(api->in, "CertificateKeyPairOrigins");
    list.keys = json_object_get(includes, "keyTypes");
    list.key_usages = json_object_get(includes, "keyUsage");
    list.ext_usages = json_object_get(includes, "extendedKeyUsage");
    list.export = json_string_value(json_object_get(includes,
                                                    "exportOption"));
    list.managed_by = json_string_value(json_object_get(includes,
                                                        "managedBy"));

    list.scan.api = api;
    list.scan.match = acm_list_match;
    list.scan.show = acm_list_summary;
    list.scan.list = "CertificateSummaryList";
    list.scan.size = "MaxItems";
    list.scan.max = api->conf->page;

    if (by != NULL) {
        list.scan.key = acm_list_created;
        list.scan.index = ACM_DB_CREATED;
        list.scan.falling = (strcmp(order, "DESCENDING") == 0);
    }

    plan = acm_alloc(sizeof(acm_plan_t));

    if (plan == NULL) {
        return acm_api_nomem(api);
    }

    list.scan.plan = plan;
    plan->uuids = NULL;
    acm_plan_statuses(plan, api, list.statuses);

    rc = acm_api_scan(&list.scan);

    acm_free(plan->uuids);
    acm_free(plan);

    return rc;
}


static int
acm_list_match(acm_scan_t *scan, const acm_cert_t *cert)
{
    acm_list_t  *list;

    list = (acm_list_t *) scan;

    if (list->managed_by != NULL
        || (list->export != NULL
            && strcmp(list->export, cert->exportable ? "ENABLED" : "DISABLED")
               != 0))
    {
        return 0;
    }

    if (json_array_size(list->statuses) != 0
        && !acm_list_has(list->statuses,
                         acm_status_text(acm_api_status(cert,
                                                        scan->api->now))))
    {
        return 0;
    }

    if (json_array_size(list->origins) != 0
        && !acm_list_has(list->origins,
                         (cert->type == ACM_TYPE_IMPORTED)
                         ? "CUSTOMER_PROVIDED" : "AWS_MANAGED"))
    {
        return 0;
    }

    if (!acm_list_key(list, cert)) {
        return 0;
    }

    /* an older record does not have them: then nothing is known of it */

    return acm_list_usages(list->key_usages, cert->usages, ACM_USAGE_KEY)
           && acm_list_usages(list->ext_usages, cert->usages, ACM_USAGE_EXT);
}


/* Without a filter ACM shows what its first version had. */

static int
acm_list_key(const acm_list_t *list, const acm_cert_t *cert)
{
    if (json_array_size(list->keys) != 0) {
        return acm_list_has(list->keys, acm_api_key(cert->key));
    }

    if (list->scan.api->conf->all_key_types) {
        return 1;
    }

    return (cert->key == ACM_KEY_RSA_1024 || cert->key == ACM_KEY_RSA_2048)
           && *acm_api_domain(cert) != '\0';
}


static int
acm_list_has(const json_t *list, const char *text)
{
    size_t  i;

    for (i = 0; i < json_array_size(list); i++) {
        if (strcmp(json_string_value(json_array_get(list, i)), text) == 0) {
            return 1;
        }
    }

    return 0;
}


static int
acm_list_usages(const json_t *list, uint32_t usages, uint32_t base)
{
    unsigned  n, max;

    if (json_array_size(list) == 0) {
        return 1;
    }

    max = (base == ACM_USAGE_KEY) ? ACM_USAGE_KEYS : ACM_USAGE_EXTS;

    for (n = 0; n < max; n++) {
        if ((usages & base << n)
            && acm_list_has(list, (base == ACM_USAGE_KEY)
                                  ? acm_usage_key_text(n)
                                  : acm_usage_ext_text(n)))
        {
            return 1;
        }
    }

    return 0;
}


static size_t
acm_list_created(acm_scan_t *scan, const acm_cert_t *cert, uint8_t *key)
{
    unsigned  i;

    (void) scan;

    for (i = 0; i < 8; i++) {
        key[i] = (uint8_t) ((uint64_t) cert->created_at >> (56 - 8 * i));
    }

    return 8;
}


static json_t *
acm_list_summary(acm_api_t *api, const acm_cert_t *cert)
{
    char       arn[ACM_MAX_ARN];
    json_t    *o;
    uint32_t   usages;

    usages = acm_api_usages(api, cert);

    o = json_pack("{s:s, s:s, s:s, s:s, s:o, s:b, s:s, s:s, s:b, s:s, s:o, "
                  "s:o}",
                  "CertificateArn",
                  acm_arn_text(arn, cert->account, cert->region, cert->uuid),
                  "Status", acm_status_text(acm_api_status(cert, api->now)),
                  "Type", acm_type_text(cert->type),
                  "KeyAlgorithm", acm_key_algorithm(cert->key),
                  "SubjectAlternativeNameSummaries",
                  acm_api_names(cert, ACM_LIST_NAMES),
                  "HasAdditionalSubjectAlternativeNames",
                  cert->nnames > ACM_LIST_NAMES,
                  "ExportOption", cert->exportable ? "ENABLED" : "DISABLED",
                  "CertificateKeyPairOrigin",
                  (cert->type == ACM_TYPE_IMPORTED) ? "CUSTOMER_PROVIDED"
                                                    : "AWS_MANAGED",
                  "InUse", acm_api_in_use(api, cert),
                  "RenewalEligibility",
                  acm_api_eligible(api, cert) ? "ELIGIBLE" : "INELIGIBLE",
                  "KeyUsages", acm_api_usage_names(usages, ACM_USAGE_KEY),
                  "ExtendedKeyUsages",
                  acm_api_usage_names(usages, ACM_USAGE_EXT));

    if (o == NULL
        || acm_api_set_text(o, "DomainName", acm_api_domain(cert)) != 0
        || acm_api_set_time(o, "CreatedAt", cert->created_at) != 0
        || acm_api_set_time(o, "IssuedAt", cert->issued_at) != 0
        || acm_api_set_time(o, "ImportedAt", cert->imported_at) != 0
        || acm_api_set_time(o, "NotBefore", cert->not_before) != 0
        || acm_api_set_time(o, "NotAfter", cert->not_after) != 0
        || acm_api_set_time(o, "RevokedAt", cert->revoked_at) != 0
        || (cert->type != ACM_TYPE_IMPORTED
            && json_object_set_new(o, "Exported",
                                   json_boolean(cert->exported))
               != 0))
    {
        json_decref(o);
        return NULL;
    }

    return o;
}


uint32_t
acm_api_usages(acm_api_t *api, const acm_cert_t *cert)
{
    X509      *x;
    uint32_t   usages;

    if (cert->usages != 0 || cert->version == 0
        || acm_api_leaf(api, cert, &x) != ACM_OK)
    {
        return cert->usages;
    }

    usages = acm_x509_usages(x);
    X509_free(x);

    return usages;
}


json_t *
acm_api_usage_names(uint32_t usages, uint32_t base)
{
    json_t    *list;
    unsigned   n, max;

    max = (base == ACM_USAGE_KEY) ? ACM_USAGE_KEYS : ACM_USAGE_EXTS;
    list = json_array();

    for (n = 0; list != NULL && n < max; n++) {
        if (!(usages & base << n)) {
            continue;
        }

        if (json_array_append_new(list,
                                  json_string((base == ACM_USAGE_KEY)
                                              ? acm_usage_key_text(n)
                                              : acm_usage_ext_text(n)))
            != 0)
        {
            json_decref(list);
            list = NULL;
        }
    }

    return list;
}
