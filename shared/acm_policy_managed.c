
/*
 * Copyright (C) The ngx_acm authors
 *
 * Policies that AWS manages, in their versions of 2026.
 */


#include <string.h>

#include "acm_policy.h"


#define ACM_MANAGED_ARN  "arn:aws:iam::aws:policy/"


typedef struct {
    const char  *name;
    const char  *path;      /* between "policy/" and the name */
    const char  *document;
} acm_managed_t;


#define ACM_MANAGED_SLR                                                       \
    "arn:aws:iam::*:role/aws-service-role/acm.amazonaws.com/"                 \
    "AWSServiceRoleForCertificateManager*"

#define ACM_MANAGED_PCA_READ                                                  \
    "\"acm-pca:DescribeCertificateAuthority\","                               \
    "\"acm-pca:DescribeCertificateAuthorityAuditReport\","                    \
    "\"acm-pca:GetCertificateAuthorityCsr\","                                 \
    "\"acm-pca:GetCertificateAuthorityCertificate\","                         \
    "\"acm-pca:GetCertificate\","                                             \
    "\"acm-pca:GetPolicy\","                                                  \
    "\"acm-pca:ListPermissions\","                                            \
    "\"acm-pca:ListTags\""

#define ACM_MANAGED_PCA_CA  "arn:aws:acm-pca:*:*:certificate-authority/*"

#define ACM_MANAGED_PCA_ISSUE(template)                                       \
    "{\"Version\":\"2012-10-17\",\"Statement\":["                             \
    "{\"Effect\":\"Allow\",\"Action\":[\"acm-pca:IssueCertificate\"],"        \
    "\"Resource\":\"" ACM_MANAGED_PCA_CA "\","                                \
    "\"Condition\":{\"ArnLike\":{\"acm-pca:TemplateArn\":"                    \
    "[\"arn:aws:acm-pca:*:*:template/" template "\"]}}},"                     \
    "{\"Effect\":\"Deny\",\"Action\":[\"acm-pca:IssueCertificate\"],"         \
    "\"Resource\":\"" ACM_MANAGED_PCA_CA "\","                                \
    "\"Condition\":{\"ArnNotLike\":{\"acm-pca:TemplateArn\":"                 \
    "[\"arn:aws:acm-pca:*:*:template/" template "\"]}}},"                     \
    "{\"Effect\":\"Allow\",\"Action\":[\"acm-pca:RevokeCertificate\","        \
    "\"acm-pca:GetCertificate\",\"acm-pca:ListPermissions\"],"                \
    "\"Resource\":\"" ACM_MANAGED_PCA_CA "\"},"                               \
    "{\"Effect\":\"Allow\","                                                  \
    "\"Action\":[\"acm-pca:ListCertificateAuthorities\"],"                    \
    "\"Resource\":\"*\"}]}"


static const acm_managed_t  acm_managed[] = {

    { "AWSCertificateManagerFullAccess", "",
      "{\"Version\":\"2012-10-17\",\"Statement\":["
      "{\"Effect\":\"Allow\",\"Action\":[\"acm:*\"],\"Resource\":\"*\"},"
      "{\"Effect\":\"Allow\",\"Action\":\"iam:CreateServiceLinkedRole\","
      "\"Resource\":\"" ACM_MANAGED_SLR "\","
      "\"Condition\":{\"StringEquals\":"
      "{\"iam:AWSServiceName\":\"acm.amazonaws.com\"}}},"
      "{\"Effect\":\"Allow\",\"Action\":[\"iam:DeleteServiceLinkedRole\","
      "\"iam:GetServiceLinkedRoleDeletionStatus\",\"iam:GetRole\"],"
      "\"Resource\":\"" ACM_MANAGED_SLR "\"}]}" },

    { "AWSCertificateManagerReadOnly", "",
      "{\"Version\":\"2012-10-17\",\"Statement\":"
      "{\"Effect\":\"Allow\",\"Action\":[\"acm:DescribeCertificate\","
      "\"acm:ListCertificates\",\"acm:SearchCertificates\","
      "\"acm:GetCertificate\",\"acm:ListTagsForCertificate\","
      "\"acm:GetAccountConfiguration\"],\"Resource\":\"*\"}}" },

    { "CertificateManagerServiceRolePolicy", "aws-service-role/",
      "{\"Version\":\"2012-10-17\",\"Statement\":["
      "{\"Effect\":\"Allow\",\"Action\":[\"acm-pca:IssueCertificate\","
      "\"acm-pca:GetCertificate\"],\"Resource\":\"*\"}]}" },

    { "AWSPrivateCAFullAccess", "",
      "{\"Version\":\"2012-10-17\",\"Statement\":["
      "{\"Effect\":\"Allow\",\"Action\":[\"acm-pca:*\"],"
      "\"Resource\":\"*\"}]}" },

    { "AWSPrivateCAReadOnly", "",
      "{\"Version\":\"2012-10-17\",\"Statement\":"
      "{\"Effect\":\"Allow\",\"Action\":[" ACM_MANAGED_PCA_READ ","
      "\"acm-pca:ListCertificateAuthorities\"],\"Resource\":\"*\"}}" },

    { "AWSPrivateCAAuditor", "",
      "{\"Version\":\"2012-10-17\",\"Statement\":["
      "{\"Effect\":\"Allow\",\"Action\":[" ACM_MANAGED_PCA_READ ","
      "\"acm-pca:CreateCertificateAuthorityAuditReport\"],"
      "\"Resource\":\"" ACM_MANAGED_PCA_CA "\"},"
      "{\"Effect\":\"Allow\","
      "\"Action\":[\"acm-pca:ListCertificateAuthorities\"],"
      "\"Resource\":\"*\"}]}" },

    { "AWSPrivateCAUser", "",
      ACM_MANAGED_PCA_ISSUE("EndEntityCertificate/V*") },

    { "AWSPrivateCAPrivilegedUser", "",
      ACM_MANAGED_PCA_ISSUE("*CACertificate*/V*") },

    { "AWSPrivateCAConnectorForKubernetesPolicy", "",
      "{\"Version\":\"2012-10-17\",\"Statement\":["
      "{\"Effect\":\"Allow\","
      "\"Action\":[\"acm-pca:DescribeCertificateAuthority\","
      "\"acm-pca:GetCertificate\",\"acm-pca:IssueCertificate\"],"
      "\"Resource\":\"*\"}]}" }
};


const char *
acm_policy_managed(const char *name)
{
    size_t                i, n;
    const char           *s;
    const acm_managed_t  *m;

    for (i = 0; i < sizeof(acm_managed) / sizeof(acm_managed[0]); i++) {
        m = &acm_managed[i];
        s = name;

        if (strncmp(s, ACM_MANAGED_ARN, sizeof(ACM_MANAGED_ARN) - 1) == 0) {
            s += sizeof(ACM_MANAGED_ARN) - 1;
            n = strlen(m->path);

            if (strncmp(s, m->path, n) != 0) {
                continue;
            }

            s += n;
        }

        if (strcmp(s, m->name) == 0) {
            return m->document;
        }
    }

    return NULL;
}


const char *
acm_policy_managed_name(size_t i)
{
    return (i < sizeof(acm_managed) / sizeof(acm_managed[0]))
           ? acm_managed[i].name : NULL;
}
