
/*
 * Copyright (C) The ngx_acm authors
 *
 * The operations and shapes of ACM's API, as tables that util/gen_api makes
 * from a model of it.
 */


#ifndef _ACM_API_MODEL_H_INCLUDED_
#define _ACM_API_MODEL_H_INCLUDED_


#include "acm.h"


typedef enum {
    ACM_SHAPE_STRUCTURE = 0,
    ACM_SHAPE_LIST,
    ACM_SHAPE_STRING,
    ACM_SHAPE_BLOB,              /* base64 on the wire */
    ACM_SHAPE_INTEGER,
    ACM_SHAPE_BOOLEAN,
    ACM_SHAPE_TIMESTAMP          /* seconds, a number */
} acm_shape_e;


typedef struct acm_shape_s      acm_shape_t;

/* 1 if the whole text matches */
typedef int (*acm_model_pt)(const char *text, size_t len);


typedef struct {
    const char              *name;
    const acm_shape_t       *shape;
    unsigned                 required:1;
} acm_member_t;


struct acm_shape_s {
    const char              *name;
    acm_shape_e              type;
    uint32_t                 min;        /* characters, octets, elements, or
                                            the value itself */
    uint32_t                 max;        /* 0: none */
    const char              *pattern;    /* as clients are shown it */
    acm_model_pt           match;
    const char *const       *values;     /* of an enumeration; ends in NULL */
    const acm_member_t      *members;    /* ends in a NULL name */
    const acm_shape_t       *element;
    unsigned                 alone:1;    /* a union: exactly one member */
    unsigned                 sensitive:1;
};


/* in the order of names */

typedef enum {
    ACM_OPERATION_ADD_TAGS_TO_CERTIFICATE,
    ACM_OPERATION_DELETE_CERTIFICATE,
    ACM_OPERATION_DESCRIBE_CERTIFICATE,
    ACM_OPERATION_EXPORT_CERTIFICATE,
    ACM_OPERATION_GET_ACCOUNT_CONFIGURATION,
    ACM_OPERATION_GET_CERTIFICATE,
    ACM_OPERATION_IMPORT_CERTIFICATE,
    ACM_OPERATION_LIST_CERTIFICATE_DOMAIN_VALIDATIONS,
    ACM_OPERATION_LIST_CERTIFICATES,
    ACM_OPERATION_LIST_TAGS_FOR_CERTIFICATE,
    ACM_OPERATION_LIST_TAGS_FOR_RESOURCE,
    ACM_OPERATION_PUT_ACCOUNT_CONFIGURATION,
    ACM_OPERATION_REMOVE_TAGS_FROM_CERTIFICATE,
    ACM_OPERATION_RENEW_CERTIFICATE,
    ACM_OPERATION_REQUEST_CERTIFICATE,
    ACM_OPERATION_RESEND_VALIDATION_EMAIL,
    ACM_OPERATION_REVOKE_CERTIFICATE,
    ACM_OPERATION_SEARCH_CERTIFICATES,
    ACM_OPERATION_TAG_RESOURCE,
    ACM_OPERATION_UNTAG_RESOURCE,
    ACM_OPERATION_UPDATE_CERTIFICATE_OPTIONS,
    ACM_OPERATION_MAX
} acm_operation_e;


typedef struct {
    const char              *name;
    const acm_shape_t       *input;      /* or NULL: no members */
} acm_operation_t;


extern const acm_operation_t  acm_operations[ACM_OPERATION_MAX];


/* of the patterns: acm_api_pattern.c */

int acm_model_arn(const char *text, size_t len);
int acm_model_pca_arn(const char *text, size_t len);
int acm_model_domain(const char *text, size_t len);
int acm_model_word(const char *text, size_t len);
int acm_model_token(const char *text, size_t len);
int acm_model_serial(const char *text, size_t len);
int acm_model_tag(const char *text, size_t len);


/* letters, separators and numbers of Unicode: first and last of each range */

extern const uint32_t  acm_unicode_tag[][2];
extern const size_t    acm_unicode_ntag;


#endif /* _ACM_API_MODEL_H_INCLUDED_ */
