
/*
 * Copyright (C) The ngx_acm authors
 *
 * Made by util/gen_api: do not edit.
 */


#include "acm_api_model.h"


static const acm_shape_t  acm_s_CertificateFilterStatement;


static const acm_shape_t  acm_s_Arn = {
    .name = "Arn", .type = ACM_SHAPE_STRING, .min = 20, .max = 2048,
    .pattern = "arn:[\\w+=/,.@-]+:acm:[\\w+=/,.@-]*:[0-9]+:[\\w+=,.@-]+(/["
               "\\w+=,.@-]+)*",
    .match = acm_model_arn
};

static const acm_shape_t  acm_s_TagKey = {
    .name = "TagKey", .type = ACM_SHAPE_STRING, .min = 1, .max = 128,
    .pattern = "[\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@]*",
    .match = acm_model_tag
};

static const acm_shape_t  acm_s_TagValue = {
    .name = "TagValue", .type = ACM_SHAPE_STRING, .max = 256,
    .pattern = "[\\p{L}\\p{Z}\\p{N}_.:\\/=+\\-@]*",
    .match = acm_model_tag
};

static const acm_member_t  acm_m_Tag[] = {
    { "Key", &acm_s_TagKey, 1 },
    { "Value", &acm_s_TagValue, 0 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_Tag = {
    .name = "Tag", .type = ACM_SHAPE_STRUCTURE, .members = acm_m_Tag
};

static const acm_shape_t  acm_s_TagList = {
    .name = "TagList", .type = ACM_SHAPE_LIST, .min = 1, .max = 50,
    .element = &acm_s_Tag
};

static const acm_member_t  acm_m_AddTagsToCertificateRequest[] = {
    { "CertificateArn", &acm_s_Arn, 1 },
    { "Tags", &acm_s_TagList, 1 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_AddTagsToCertificateRequest = {
    .name = "AddTagsToCertificateRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_AddTagsToCertificateRequest
};

static const acm_member_t  acm_m_DeleteCertificateRequest[] = {
    { "CertificateArn", &acm_s_Arn, 1 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_DeleteCertificateRequest = {
    .name = "DeleteCertificateRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_DeleteCertificateRequest
};

static const acm_shape_t  acm_s_DescribeCertificateRequest = {
    .name = "DescribeCertificateRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_DeleteCertificateRequest
};

static const acm_shape_t  acm_s_PassphraseBlob = {
    .name = "PassphraseBlob", .type = ACM_SHAPE_BLOB, .min = 4, .max = 128,
    .sensitive = 1
};

static const acm_member_t  acm_m_ExportCertificateRequest[] = {
    { "CertificateArn", &acm_s_Arn, 1 },
    { "Passphrase", &acm_s_PassphraseBlob, 1 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_ExportCertificateRequest = {
    .name = "ExportCertificateRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_ExportCertificateRequest
};

static const acm_shape_t  acm_s_GetCertificateRequest = {
    .name = "GetCertificateRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_DeleteCertificateRequest
};

static const acm_shape_t  acm_s_CertificateBodyBlob = {
    .name = "CertificateBodyBlob", .type = ACM_SHAPE_BLOB, .min = 1,
    .max = 32768, .sensitive = 1
};

static const acm_shape_t  acm_s_CertificateChainBlob = {
    .name = "CertificateChainBlob", .type = ACM_SHAPE_BLOB, .min = 1,
    .max = 2097152, .sensitive = 1
};

static const acm_shape_t  acm_s_PrivateKeyBlob = {
    .name = "PrivateKeyBlob", .type = ACM_SHAPE_BLOB, .min = 1, .max = 5120,
    .sensitive = 1
};

static const acm_member_t  acm_m_ImportCertificateRequest[] = {
    { "Certificate", &acm_s_CertificateBodyBlob, 1 },
    { "PrivateKey", &acm_s_PrivateKeyBlob, 1 },
    { "CertificateArn", &acm_s_Arn, 0 },
    { "CertificateChain", &acm_s_CertificateChainBlob, 0 },
    { "Tags", &acm_s_TagList, 0 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_ImportCertificateRequest = {
    .name = "ImportCertificateRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_ImportCertificateRequest
};

static const acm_shape_t  acm_s_MaxItems = {
    .name = "MaxItems", .type = ACM_SHAPE_INTEGER, .min = 1, .max = 1000
};

static const acm_shape_t  acm_s_NextToken = {
    .name = "NextToken", .type = ACM_SHAPE_STRING, .min = 1, .max = 10000,
    .pattern = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]*",
    .match = acm_model_token
};

static const acm_member_t  acm_m_ListCertificateDomainValidationsRequest[] = {
    { "CertificateArn", &acm_s_Arn, 1 },
    { "MaxItems", &acm_s_MaxItems, 0 },
    { "NextToken", &acm_s_NextToken, 0 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_ListCertificateDomainValidationsRequest = {
    .name = "ListCertificateDomainValidationsRequest",
    .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_ListCertificateDomainValidationsRequest
};

static const char *const  acm_v_CertificateKeyPairOrigin[] = {
    "ACME",
    "AWS_MANAGED",
    "CUSTOMER_PROVIDED",
    NULL
};

static const acm_shape_t  acm_s_CertificateKeyPairOrigin = {
    .name = "CertificateKeyPairOrigin", .type = ACM_SHAPE_STRING,
    .values = acm_v_CertificateKeyPairOrigin
};

static const acm_shape_t  acm_s_CertificateKeyPairOrigins = {
    .name = "CertificateKeyPairOrigins", .type = ACM_SHAPE_LIST,
    .element = &acm_s_CertificateKeyPairOrigin
};

static const char *const  acm_v_CertificateStatus[] = {
    "PENDING_VALIDATION",
    "ISSUED",
    "INACTIVE",
    "EXPIRED",
    "VALIDATION_TIMED_OUT",
    "REVOKED",
    "FAILED",
    NULL
};

static const acm_shape_t  acm_s_CertificateStatus = {
    .name = "CertificateStatus", .type = ACM_SHAPE_STRING,
    .values = acm_v_CertificateStatus
};

static const acm_shape_t  acm_s_CertificateStatuses = {
    .name = "CertificateStatuses", .type = ACM_SHAPE_LIST,
    .element = &acm_s_CertificateStatus
};

static const char *const  acm_v_CertificateExport[] = {
    "ENABLED",
    "DISABLED",
    NULL
};

static const acm_shape_t  acm_s_CertificateExport = {
    .name = "CertificateExport", .type = ACM_SHAPE_STRING,
    .values = acm_v_CertificateExport
};

static const char *const  acm_v_ExtendedKeyUsageName[] = {
    "TLS_WEB_SERVER_AUTHENTICATION",
    "TLS_WEB_CLIENT_AUTHENTICATION",
    "CODE_SIGNING",
    "EMAIL_PROTECTION",
    "TIME_STAMPING",
    "OCSP_SIGNING",
    "IPSEC_END_SYSTEM",
    "IPSEC_TUNNEL",
    "IPSEC_USER",
    "ANY",
    "NONE",
    "CUSTOM",
    NULL
};

static const acm_shape_t  acm_s_ExtendedKeyUsageName = {
    .name = "ExtendedKeyUsageName", .type = ACM_SHAPE_STRING,
    .values = acm_v_ExtendedKeyUsageName
};

static const acm_shape_t  acm_s_ExtendedKeyUsageFilterList = {
    .name = "ExtendedKeyUsageFilterList", .type = ACM_SHAPE_LIST,
    .element = &acm_s_ExtendedKeyUsageName
};

static const char *const  acm_v_KeyAlgorithm[] = {
    "RSA_1024",
    "RSA_2048",
    "EC_secp384r1",
    "EC_prime256v1",
    "EC_secp521r1",
    "RSA_3072",
    "RSA_4096",
    NULL
};

static const acm_shape_t  acm_s_KeyAlgorithm = {
    .name = "KeyAlgorithm", .type = ACM_SHAPE_STRING,
    .values = acm_v_KeyAlgorithm
};

static const acm_shape_t  acm_s_KeyAlgorithmList = {
    .name = "KeyAlgorithmList", .type = ACM_SHAPE_LIST,
    .element = &acm_s_KeyAlgorithm
};

static const char *const  acm_v_KeyUsageName[] = {
    "DIGITAL_SIGNATURE",
    "NON_REPUDIATION",
    "KEY_ENCIPHERMENT",
    "DATA_ENCIPHERMENT",
    "KEY_AGREEMENT",
    "CERTIFICATE_SIGNING",
    "CRL_SIGNING",
    "ENCIPHER_ONLY",
    "DECIPHER_ONLY",
    "ANY",
    "CUSTOM",
    NULL
};

static const acm_shape_t  acm_s_KeyUsageName = {
    .name = "KeyUsageName", .type = ACM_SHAPE_STRING,
    .values = acm_v_KeyUsageName
};

static const acm_shape_t  acm_s_KeyUsageFilterList = {
    .name = "KeyUsageFilterList", .type = ACM_SHAPE_LIST,
    .element = &acm_s_KeyUsageName
};

static const char *const  acm_v_CertificateManagedBy[] = {
    "CLOUDFRONT",
    NULL
};

static const acm_shape_t  acm_s_CertificateManagedBy = {
    .name = "CertificateManagedBy", .type = ACM_SHAPE_STRING,
    .values = acm_v_CertificateManagedBy
};

static const acm_member_t  acm_m_Filters[] = {
    { "exportOption", &acm_s_CertificateExport, 0 },
    { "extendedKeyUsage", &acm_s_ExtendedKeyUsageFilterList, 0 },
    { "keyTypes", &acm_s_KeyAlgorithmList, 0 },
    { "keyUsage", &acm_s_KeyUsageFilterList, 0 },
    { "managedBy", &acm_s_CertificateManagedBy, 0 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_Filters = {
    .name = "Filters", .type = ACM_SHAPE_STRUCTURE, .members = acm_m_Filters
};

static const char *const  acm_v_SortBy[] = {
    "CREATED_AT",
    NULL
};

static const acm_shape_t  acm_s_SortBy = {
    .name = "SortBy", .type = ACM_SHAPE_STRING, .values = acm_v_SortBy
};

static const char *const  acm_v_SortOrder[] = {
    "ASCENDING",
    "DESCENDING",
    NULL
};

static const acm_shape_t  acm_s_SortOrder = {
    .name = "SortOrder", .type = ACM_SHAPE_STRING, .values = acm_v_SortOrder
};

static const acm_member_t  acm_m_ListCertificatesRequest[] = {
    { "CertificateKeyPairOrigins", &acm_s_CertificateKeyPairOrigins, 0 },
    { "CertificateStatuses", &acm_s_CertificateStatuses, 0 },
    { "Includes", &acm_s_Filters, 0 },
    { "MaxItems", &acm_s_MaxItems, 0 },
    { "NextToken", &acm_s_NextToken, 0 },
    { "SortBy", &acm_s_SortBy, 0 },
    { "SortOrder", &acm_s_SortOrder, 0 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_ListCertificatesRequest = {
    .name = "ListCertificatesRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_ListCertificatesRequest
};

static const acm_shape_t  acm_s_ListTagsForCertificateRequest = {
    .name = "ListTagsForCertificateRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_DeleteCertificateRequest
};

static const acm_member_t  acm_m_ListTagsForResourceRequest[] = {
    { "ResourceArn", &acm_s_Arn, 1 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_ListTagsForResourceRequest = {
    .name = "ListTagsForResourceRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_ListTagsForResourceRequest
};

static const acm_shape_t  acm_s_PositiveInteger = {
    .name = "PositiveInteger", .type = ACM_SHAPE_INTEGER, .min = 1
};

static const acm_member_t  acm_m_ExpiryEventsConfiguration[] = {
    { "DaysBeforeExpiry", &acm_s_PositiveInteger, 0 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_ExpiryEventsConfiguration = {
    .name = "ExpiryEventsConfiguration", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_ExpiryEventsConfiguration
};

static const acm_shape_t  acm_s_IdempotencyToken = {
    .name = "IdempotencyToken", .type = ACM_SHAPE_STRING, .min = 1, .max = 32,
    .pattern = "\\w+",
    .match = acm_model_word
};

static const acm_member_t  acm_m_PutAccountConfigurationRequest[] = {
    { "IdempotencyToken", &acm_s_IdempotencyToken, 1 },
    { "ExpiryEvents", &acm_s_ExpiryEventsConfiguration, 0 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_PutAccountConfigurationRequest = {
    .name = "PutAccountConfigurationRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_PutAccountConfigurationRequest
};

static const acm_shape_t  acm_s_RemoveTagsFromCertificateRequest = {
    .name = "RemoveTagsFromCertificateRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_AddTagsToCertificateRequest
};

static const acm_shape_t  acm_s_RenewCertificateRequest = {
    .name = "RenewCertificateRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_DeleteCertificateRequest
};

static const acm_shape_t  acm_s_PcaArn = {
    .name = "PcaArn", .type = ACM_SHAPE_STRING, .min = 20, .max = 2048,
    .pattern = "arn:[\\w+=/,.@-]+:acm-pca:[\\w+=/,.@-]*:[0-9]+:[\\w+=,.@-]"
               "+(/[\\w+=,.@-]+)*",
    .match = acm_model_pca_arn
};

static const acm_shape_t  acm_s_DomainNameString = {
    .name = "DomainNameString", .type = ACM_SHAPE_STRING, .min = 1,
    .max = 253,
    .pattern = "(\\*\\.)?(((?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9])\\.)+((?!-)["
               "A-Za-z0-9-]{1,62}[A-Za-z0-9])",
    .match = acm_model_domain
};

static const acm_member_t  acm_m_DomainValidationOption[] = {
    { "DomainName", &acm_s_DomainNameString, 1 },
    { "ValidationDomain", &acm_s_DomainNameString, 1 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_DomainValidationOption = {
    .name = "DomainValidationOption", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_DomainValidationOption
};

static const acm_shape_t  acm_s_DomainValidationOptionList = {
    .name = "DomainValidationOptionList", .type = ACM_SHAPE_LIST, .min = 1,
    .max = 100, .element = &acm_s_DomainValidationOption
};

static const char *const  acm_v_CertificateTransparencyLoggingPreference[] = {
    "ENABLED",
    "DISABLED",
    NULL
};

static const acm_shape_t  acm_s_CertificateTransparencyLoggingPreference = {
    .name = "CertificateTransparencyLoggingPreference",
    .type = ACM_SHAPE_STRING,
    .values = acm_v_CertificateTransparencyLoggingPreference
};

static const char *const  acm_v_ValidationMethod[] = {
    "EMAIL",
    "DNS",
    "HTTP",
    NULL
};

static const acm_shape_t  acm_s_ValidationMethod = {
    .name = "ValidationMethod", .type = ACM_SHAPE_STRING,
    .values = acm_v_ValidationMethod
};

static const acm_member_t  acm_m_CertificateOptions[] = {
    { "CertificateTransparencyLoggingPreference",
      &acm_s_CertificateTransparencyLoggingPreference, 0 },
    { "Export", &acm_s_CertificateExport, 0 },
    { "ValidationMethod", &acm_s_ValidationMethod, 0 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_CertificateOptions = {
    .name = "CertificateOptions", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_CertificateOptions
};

static const acm_shape_t  acm_s_DomainList = {
    .name = "DomainList", .type = ACM_SHAPE_LIST, .min = 1, .max = 100,
    .element = &acm_s_DomainNameString
};

static const acm_member_t  acm_m_RequestCertificateRequest[] = {
    { "DomainName", &acm_s_DomainNameString, 1 },
    { "CertificateAuthorityArn", &acm_s_PcaArn, 0 },
    { "DomainValidationOptions", &acm_s_DomainValidationOptionList, 0 },
    { "IdempotencyToken", &acm_s_IdempotencyToken, 0 },
    { "KeyAlgorithm", &acm_s_KeyAlgorithm, 0 },
    { "ManagedBy", &acm_s_CertificateManagedBy, 0 },
    { "Options", &acm_s_CertificateOptions, 0 },
    { "SubjectAlternativeNames", &acm_s_DomainList, 0 },
    { "Tags", &acm_s_TagList, 0 },
    { "ValidationMethod", &acm_s_ValidationMethod, 0 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_RequestCertificateRequest = {
    .name = "RequestCertificateRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_RequestCertificateRequest
};

static const acm_member_t  acm_m_ResendValidationEmailRequest[] = {
    { "CertificateArn", &acm_s_Arn, 1 },
    { "Domain", &acm_s_DomainNameString, 1 },
    { "ValidationDomain", &acm_s_DomainNameString, 1 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_ResendValidationEmailRequest = {
    .name = "ResendValidationEmailRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_ResendValidationEmailRequest
};

static const char *const  acm_v_RevocationReason[] = {
    "UNSPECIFIED",
    "KEY_COMPROMISE",
    "CA_COMPROMISE",
    "AFFILIATION_CHANGED",
    "SUPERCEDED",
    "SUPERSEDED",
    "CESSATION_OF_OPERATION",
    "CERTIFICATE_HOLD",
    "REMOVE_FROM_CRL",
    "PRIVILEGE_WITHDRAWN",
    "A_A_COMPROMISE",
    NULL
};

static const acm_shape_t  acm_s_RevocationReason = {
    .name = "RevocationReason", .type = ACM_SHAPE_STRING,
    .values = acm_v_RevocationReason
};

static const acm_member_t  acm_m_RevokeCertificateRequest[] = {
    { "CertificateArn", &acm_s_Arn, 1 },
    { "RevocationReason", &acm_s_RevocationReason, 1 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_RevokeCertificateRequest = {
    .name = "RevokeCertificateRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_RevokeCertificateRequest
};

static const acm_shape_t  acm_s_CertificateFilterStatementList = {
    .name = "CertificateFilterStatementList", .type = ACM_SHAPE_LIST,
    .min = 1, .max = 15, .element = &acm_s_CertificateFilterStatement
};

static const acm_shape_t  acm_s_FilterString = {
    .name = "FilterString", .type = ACM_SHAPE_STRING, .min = 1, .max = 256
};

static const acm_shape_t  acm_s_NullableBoolean = {
    .name = "NullableBoolean", .type = ACM_SHAPE_BOOLEAN
};

static const char *const  acm_v_RenewalStatus[] = {
    "PENDING_AUTO_RENEWAL",
    "PENDING_VALIDATION",
    "SUCCESS",
    "FAILED",
    NULL
};

static const acm_shape_t  acm_s_RenewalStatus = {
    .name = "RenewalStatus", .type = ACM_SHAPE_STRING,
    .values = acm_v_RenewalStatus
};

static const char *const  acm_v_CertificateType[] = {
    "IMPORTED",
    "AMAZON_ISSUED",
    "PRIVATE",
    NULL
};

static const acm_shape_t  acm_s_CertificateType = {
    .name = "CertificateType", .type = ACM_SHAPE_STRING,
    .values = acm_v_CertificateType
};

static const acm_member_t  acm_m_AcmCertificateMetadataFilter[] = {
    { "AcmeAccountId", &acm_s_FilterString, 0 },
    { "AcmeEndpointArn", &acm_s_Arn, 0 },
    { "CertificateKeyPairOrigin", &acm_s_CertificateKeyPairOrigin, 0 },
    { "ExportOption", &acm_s_CertificateExport, 0 },
    { "Exported", &acm_s_NullableBoolean, 0 },
    { "InUse", &acm_s_NullableBoolean, 0 },
    { "ManagedBy", &acm_s_CertificateManagedBy, 0 },
    { "RenewalStatus", &acm_s_RenewalStatus, 0 },
    { "Status", &acm_s_CertificateStatus, 0 },
    { "Type", &acm_s_CertificateType, 0 },
    { "ValidationMethod", &acm_s_ValidationMethod, 0 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_AcmCertificateMetadataFilter = {
    .name = "AcmCertificateMetadataFilter", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_AcmCertificateMetadataFilter, .alone = 1
};

static const acm_shape_t  acm_s_TStamp = {
    .name = "TStamp", .type = ACM_SHAPE_TIMESTAMP
};

static const acm_member_t  acm_m_TimestampRange[] = {
    { "End", &acm_s_TStamp, 0 },
    { "Start", &acm_s_TStamp, 0 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_TimestampRange = {
    .name = "TimestampRange", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_TimestampRange
};

static const acm_shape_t  acm_s_SerialNumber = {
    .name = "SerialNumber", .type = ACM_SHAPE_STRING, .min = 2, .max = 59,
    .pattern = "[0-9a-f]{2}(:[0-9a-f]{2}){1,19}",
    .match = acm_model_serial
};

static const char *const  acm_v_ComparisonOperator[] = {
    "CONTAINS",
    "EQUALS",
    NULL
};

static const acm_shape_t  acm_s_ComparisonOperator = {
    .name = "ComparisonOperator", .type = ACM_SHAPE_STRING,
    .values = acm_v_ComparisonOperator
};

static const acm_member_t  acm_m_CommonNameFilter[] = {
    { "ComparisonOperator", &acm_s_ComparisonOperator, 1 },
    { "Value", &acm_s_FilterString, 1 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_CommonNameFilter = {
    .name = "CommonNameFilter", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_CommonNameFilter
};

static const acm_member_t  acm_m_SubjectFilter[] = {
    { "CommonName", &acm_s_CommonNameFilter, 0 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_SubjectFilter = {
    .name = "SubjectFilter", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_SubjectFilter, .alone = 1
};

static const acm_shape_t  acm_s_DnsNameFilter = {
    .name = "DnsNameFilter", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_CommonNameFilter
};

static const acm_member_t  acm_m_SubjectAlternativeNameFilter[] = {
    { "DnsName", &acm_s_DnsNameFilter, 0 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_SubjectAlternativeNameFilter = {
    .name = "SubjectAlternativeNameFilter", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_SubjectAlternativeNameFilter, .alone = 1
};

static const acm_member_t  acm_m_X509AttributeFilter[] = {
    { "ExtendedKeyUsage", &acm_s_ExtendedKeyUsageName, 0 },
    { "KeyAlgorithm", &acm_s_KeyAlgorithm, 0 },
    { "KeyUsage", &acm_s_KeyUsageName, 0 },
    { "NotAfter", &acm_s_TimestampRange, 0 },
    { "NotBefore", &acm_s_TimestampRange, 0 },
    { "SerialNumber", &acm_s_SerialNumber, 0 },
    { "Subject", &acm_s_SubjectFilter, 0 },
    { "SubjectAlternativeName", &acm_s_SubjectAlternativeNameFilter, 0 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_X509AttributeFilter = {
    .name = "X509AttributeFilter", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_X509AttributeFilter, .alone = 1
};

static const acm_member_t  acm_m_CertificateFilter[] = {
    { "AcmCertificateMetadataFilter", &acm_s_AcmCertificateMetadataFilter, 0 },
    { "CertificateArn", &acm_s_Arn, 0 },
    { "X509AttributeFilter", &acm_s_X509AttributeFilter, 0 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_CertificateFilter = {
    .name = "CertificateFilter", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_CertificateFilter, .alone = 1
};

static const acm_member_t  acm_m_CertificateFilterStatement[] = {
    { "And", &acm_s_CertificateFilterStatementList, 0 },
    { "Filter", &acm_s_CertificateFilter, 0 },
    { "Not", &acm_s_CertificateFilterStatement, 0 },
    { "Or", &acm_s_CertificateFilterStatementList, 0 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_CertificateFilterStatement = {
    .name = "CertificateFilterStatement", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_CertificateFilterStatement, .alone = 1
};

static const acm_shape_t  acm_s_SearchMaxResults = {
    .name = "SearchMaxResults", .type = ACM_SHAPE_INTEGER, .min = 1,
    .max = 500
};

static const char *const  acm_v_SearchCertificatesSortBy[] = {
    "CREATED_AT",
    "NOT_AFTER",
    "STATUS",
    "RENEWAL_STATUS",
    "EXPORTED",
    "IN_USE",
    "NOT_BEFORE",
    "KEY_ALGORITHM",
    "TYPE",
    "CERTIFICATE_ARN",
    "COMMON_NAME",
    "REVOKED_AT",
    "RENEWAL_ELIGIBILITY",
    "ISSUED_AT",
    "MANAGED_BY",
    "EXPORT_OPTION",
    "VALIDATION_METHOD",
    "IMPORTED_AT",
    "ACME_ACCOUNT_ID",
    "ACME_ENDPOINT_ARN",
    "CERTIFICATE_KEY_PAIR_ORIGIN",
    NULL
};

static const acm_shape_t  acm_s_SearchCertificatesSortBy = {
    .name = "SearchCertificatesSortBy", .type = ACM_SHAPE_STRING,
    .values = acm_v_SearchCertificatesSortBy
};

static const char *const  acm_v_SearchCertificatesSortOrder[] = {
    "ASCENDING",
    "DESCENDING",
    NULL
};

static const acm_shape_t  acm_s_SearchCertificatesSortOrder = {
    .name = "SearchCertificatesSortOrder", .type = ACM_SHAPE_STRING,
    .values = acm_v_SearchCertificatesSortOrder
};

static const acm_member_t  acm_m_SearchCertificatesRequest[] = {
    { "FilterStatement", &acm_s_CertificateFilterStatement, 0 },
    { "MaxResults", &acm_s_SearchMaxResults, 0 },
    { "NextToken", &acm_s_NextToken, 0 },
    { "SortBy", &acm_s_SearchCertificatesSortBy, 0 },
    { "SortOrder", &acm_s_SearchCertificatesSortOrder, 0 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_SearchCertificatesRequest = {
    .name = "SearchCertificatesRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_SearchCertificatesRequest
};

static const acm_member_t  acm_m_TagResourceRequest[] = {
    { "ResourceArn", &acm_s_Arn, 1 },
    { "Tags", &acm_s_TagList, 1 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_TagResourceRequest = {
    .name = "TagResourceRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_TagResourceRequest
};

static const acm_shape_t  acm_s_TagKeyList = {
    .name = "TagKeyList", .type = ACM_SHAPE_LIST, .min = 1, .max = 50,
    .element = &acm_s_TagKey
};

static const acm_member_t  acm_m_UntagResourceRequest[] = {
    { "ResourceArn", &acm_s_Arn, 1 },
    { "TagKeys", &acm_s_TagKeyList, 1 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_UntagResourceRequest = {
    .name = "UntagResourceRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_UntagResourceRequest
};

static const acm_member_t  acm_m_UpdateCertificateOptionsRequest[] = {
    { "CertificateArn", &acm_s_Arn, 1 },
    { "Options", &acm_s_CertificateOptions, 1 },
    { NULL, NULL, 0 }
};

static const acm_shape_t  acm_s_UpdateCertificateOptionsRequest = {
    .name = "UpdateCertificateOptionsRequest", .type = ACM_SHAPE_STRUCTURE,
    .members = acm_m_UpdateCertificateOptionsRequest
};


const acm_operation_t  acm_operations[ACM_OPERATION_MAX] = {
    { "AddTagsToCertificate",
      &acm_s_AddTagsToCertificateRequest },
    { "DeleteCertificate",
      &acm_s_DeleteCertificateRequest },
    { "DescribeCertificate",
      &acm_s_DescribeCertificateRequest },
    { "ExportCertificate",
      &acm_s_ExportCertificateRequest },
    { "GetAccountConfiguration",
      NULL },
    { "GetCertificate",
      &acm_s_GetCertificateRequest },
    { "ImportCertificate",
      &acm_s_ImportCertificateRequest },
    { "ListCertificateDomainValidations",
      &acm_s_ListCertificateDomainValidationsRequest },
    { "ListCertificates",
      &acm_s_ListCertificatesRequest },
    { "ListTagsForCertificate",
      &acm_s_ListTagsForCertificateRequest },
    { "ListTagsForResource",
      &acm_s_ListTagsForResourceRequest },
    { "PutAccountConfiguration",
      &acm_s_PutAccountConfigurationRequest },
    { "RemoveTagsFromCertificate",
      &acm_s_RemoveTagsFromCertificateRequest },
    { "RenewCertificate",
      &acm_s_RenewCertificateRequest },
    { "RequestCertificate",
      &acm_s_RequestCertificateRequest },
    { "ResendValidationEmail",
      &acm_s_ResendValidationEmailRequest },
    { "RevokeCertificate",
      &acm_s_RevokeCertificateRequest },
    { "SearchCertificates",
      &acm_s_SearchCertificatesRequest },
    { "TagResource",
      &acm_s_TagResourceRequest },
    { "UntagResource",
      &acm_s_UntagResourceRequest },
    { "UpdateCertificateOptions",
      &acm_s_UpdateCertificateOptionsRequest }
};
