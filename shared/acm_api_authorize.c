
/*
 * Copyright (C) The ngx_acm authors
 *
 * What somebody who decides about a call is told of it: action, resource, and
 * the condition keys that ACM documents.
 */


#include <stdio.h>
#include <string.h>

#include "acm_api_impl.h"


#define ACM_MAX_CONTEXT_NAME  (sizeof("aws:ResourceTag/") \
                               + 4 * ACM_MAX_TAG_KEY)


typedef struct {
    acm_api_key_t    keys[ACM_MAX_API_KEYS];
    acm_str_t        values[ACM_MAX_API_KEYS];   /* of keys that have one */
    char            *names[ACM_MAX_API_KEYS];    /* owned, or NULL */
    size_t           n;
    acm_str_t        domains[ACM_MAX_NAMES + 1];
    char             lower[ACM_MAX_NAMES + 1][ACM_MAX_NAME + 1];
    size_t           ndomains;
    acm_str_t        tag_keys[ACM_MAX_TAGS];
    size_t           ntag_keys;
    acm_cert_t       cert;               /* of the resource, or zero */
    acm_tags_t       tags;               /* its own */
    unsigned         failed:1;           /* no memory */
} acm_context_keys_t;


static const char *acm_context_resource(const acm_api_t *api, char *buf);
static void acm_context_one(acm_context_keys_t *c, const char *key,
    const char *value);
static void acm_context_tag(acm_context_keys_t *c, const char *prefix,
    const char *key, const char *value);
static void acm_context_domain(acm_context_keys_t *c, const char *name);
static void acm_context_request(acm_api_t *api, acm_context_keys_t *c);
static void acm_context_tags(acm_api_t *api, acm_context_keys_t *c);
static void acm_context_cert(acm_api_t *api, acm_context_keys_t *c);


acm_rc_t
acm_api_authorize(acm_api_t *api)
{
    char                 action[64], message[ACM_MAX_API_DENIED];
    char                 resource[ACM_MAX_ARN];
    size_t               i;
    acm_rc_t             rc;
    acm_api_access_t     access;
    acm_context_keys_t  *c;

    c = acm_calloc(1, sizeof(acm_context_keys_t));

    if (c == NULL) {
        return acm_api_nomem(api);
    }

    acm_context_cert(api, c);
    acm_context_tags(api, c);

    if (api->operation
        == &acm_operations[ACM_OPERATION_REQUEST_CERTIFICATE])
    {
        acm_context_request(api, c);
    }

    (void) snprintf(action, sizeof(action), "acm:%s", api->operation->name);
    message[0] = '\0';

    access.action = action;
    access.resource = acm_context_resource(api, resource);
    access.keys = c->keys;
    access.nkeys = c->n;
    access.now = api->now;

    /* without all keys a condition may fail to deny */

    rc = c->failed ? ACM_NOMEM
                   : api->conf->authorize(api->conf->data, api->caller,
                                          &access, message);

    for (i = 0; i < c->n; i++) {
        acm_free(c->names[i]);
    }

    acm_tags_free(&c->tags);
    acm_cert_free(&c->cert);
    acm_free(c);

    if (rc == ACM_OK) {
        return ACM_OK;
    }

    message[ACM_MAX_API_DENIED - 1] = '\0';

    return acm_api_fault(api, "AccessDeniedException", "%s", message);
}


/* Operations that are about no certificate in particular have none. */

static const char *
acm_context_resource(const acm_api_t *api, char *buf)
{
    size_t  op;

    op = (size_t) (api->operation - acm_operations);

    if (api->arn[0] != '\0') {
        return api->arn;
    }

    if (op != ACM_OPERATION_REQUEST_CERTIFICATE
        && op != ACM_OPERATION_IMPORT_CERTIFICATE)
    {
        return NULL;
    }

    return acm_arn_text(buf, api->caller->account, api->caller->region, "*");
}


static void
acm_context_one(acm_context_keys_t *c, const char *key, const char *value)
{
    if (c->n == ACM_MAX_API_KEYS) {
        c->failed = 1;
        return;
    }

    c->values[c->n].data = (uint8_t *) value;
    c->values[c->n].len = strlen(value);
    c->keys[c->n].key = key;
    c->keys[c->n].values = &c->values[c->n];
    c->keys[c->n].n = 1;
    c->n++;
}


static void
acm_context_tag(acm_context_keys_t *c, const char *prefix, const char *key,
    const char *value)
{
    char  *name;

    name = acm_alloc(ACM_MAX_CONTEXT_NAME);

    if (name == NULL || c->n == ACM_MAX_API_KEYS) {
        acm_free(name);
        c->failed = 1;
        return;
    }

    (void) snprintf(name, ACM_MAX_CONTEXT_NAME, "%s%s", prefix, key);

    c->names[c->n] = name;
    acm_context_one(c, name, (value == NULL) ? "" : value);
}


static void
acm_context_domain(acm_context_keys_t *c, const char *name)
{
    char    *lower;
    size_t   i;

    if (name == NULL || c->ndomains > ACM_MAX_NAMES
        || strlen(name) > ACM_MAX_NAME)
    {
        return;
    }

    lower = c->lower[c->ndomains];

    for (i = 0; name[i] != '\0'; i++) {
        lower[i] = name[i];

        if (name[i] >= 'A' && name[i] <= 'Z') {
            lower[i] = (char) (name[i] | 0x20);
        }
    }

    lower[i] = '\0';

    c->domains[c->ndomains].data = (uint8_t *) lower;
    c->domains[c->ndomains].len = i;
    c->ndomains++;
}


/* What is not there has the value that the operation gives it. */

static void
acm_context_request(acm_api_t *api, acm_context_keys_t *c)
{
    size_t       i;
    json_t      *in, *list, *options;
    const char  *text;

    in = api->in;
    options = json_object_get(in, "Options");
    list = json_object_get(in, "SubjectAlternativeNames");

    acm_context_domain(c, json_string_value(json_object_get(in,
                                                            "DomainName")));

    for (i = 0; i < json_array_size(list); i++) {
        acm_context_domain(c, json_string_value(json_array_get(list, i)));
    }

    text = json_string_value(json_object_get(in, "ValidationMethod"));
    acm_context_one(c, "acm:ValidationMethod", text ? text : "EMAIL");

    text = json_string_value(json_object_get(in, "KeyAlgorithm"));
    acm_context_one(c, "acm:KeyAlgorithm", text ? text : "RSA_2048");

    text = json_string_value(json_object_get(options,
                                "CertificateTransparencyLoggingPreference"));
    acm_context_one(c, "acm:CertificateTransparencyLogging",
                    text ? text : "ENABLED");

    text = json_string_value(json_object_get(options, "Export"));
    acm_context_one(c, "acm:Export", text ? text : "DISABLED");

    text = json_string_value(json_object_get(in, "CertificateAuthorityArn"));

    if (text != NULL) {
        acm_context_one(c, "acm:CertificateAuthority", text);
    }

    if (c->ndomains != 0 && c->n < ACM_MAX_API_KEYS) {
        c->keys[c->n].key = "acm:DomainNames";
        c->keys[c->n].values = c->domains;
        c->keys[c->n].n = c->ndomains;
        c->n++;
    }
}


static void
acm_context_tags(acm_api_t *api, acm_context_keys_t *c)
{
    size_t       i;
    json_t      *list, *tag;
    const char  *key;

    list = json_object_get(api->in, "Tags");

    for (i = 0; i < json_array_size(list) && i < ACM_MAX_TAGS; i++) {
        tag = json_array_get(list, i);
        key = json_string_value(json_object_get(tag, "Key"));

        acm_context_tag(c, "aws:RequestTag/", key,
                        json_string_value(json_object_get(tag, "Value")));

        c->tag_keys[c->ntag_keys].data = (uint8_t *) key;
        c->tag_keys[c->ntag_keys].len = strlen(key);
        c->ntag_keys++;
    }

    list = json_object_get(api->in, "TagKeys");

    for (i = 0; i < json_array_size(list) && i < ACM_MAX_TAGS; i++) {
        key = json_string_value(json_array_get(list, i));

        c->tag_keys[c->ntag_keys].data = (uint8_t *) key;
        c->tag_keys[c->ntag_keys].len = strlen(key);
        c->ntag_keys++;
    }

    if (c->ntag_keys != 0 && c->n < ACM_MAX_API_KEYS) {
        c->keys[c->n].key = "aws:TagKeys";
        c->keys[c->n].values = c->tag_keys;
        c->keys[c->n].n = c->ntag_keys;
        c->n++;
    }
}


/* The tags of the certificate, if there is one; and its names for those
   operations that have them as a key. */

static void
acm_context_cert(acm_api_t *api, acm_context_keys_t *c)
{
    size_t       i, op;
    acm_rc_t     rc;
    acm_snap_t  *snap;

    op = (size_t) (api->operation - acm_operations);

    if (api->uuid[0] == '\0') {
        return;
    }

    if (acm_store_begin(api->store, &snap, NULL) != ACM_OK) {
        c->failed = 1;
        return;
    }

    rc = acm_cert_get(snap, api->caller->account, api->caller->region,
                      api->uuid, &c->cert, NULL);
    acm_store_end(snap);

    if (rc != ACM_OK) {
        c->failed = (rc != ACM_NOTFOUND);
        return;
    }

    if (acm_tags_decode(&c->cert.tags, &c->tags) != ACM_OK) {
        c->failed = 1;
        return;
    }

    for (i = 0; i < c->tags.ntags; i++) {
        acm_context_tag(c, "aws:ResourceTag/", c->tags.tags[i].key,
                        c->tags.tags[i].value);
    }

    if (op != ACM_OPERATION_EXPORT_CERTIFICATE
        && op != ACM_OPERATION_REVOKE_CERTIFICATE)
    {
        return;
    }

    for (i = 0; i < c->cert.nnames; i++) {
        acm_context_domain(c, c->cert.names[i]);
    }

    c->keys[c->n].key = "acm:DomainNames";
    c->keys[c->n].values = c->domains;
    c->keys[c->n].n = c->ndomains;
    c->n++;
}
