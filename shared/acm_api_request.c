
/*
 * Copyright (C) The ngx_acm authors
 *
 * RequestCertificate.  The answer is there before the helper begins; what a
 * client has to put into DNS is complete with it.
 */


#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "acm_api_impl.h"
#include "acm_certificate_impl.h"
#include "acm_challenge.h"
#include "acm_token.h"
#include "acm_watch.h"


/* a request, read */

typedef struct {
    char                  names[ACM_MAX_NAMES][ACM_MAX_NAME + 1];
    char                 *list[ACM_MAX_NAMES];
    size_t                n;
    acm_key_e             key;
    acm_proof_e           proof;
    uint8_t               mail[ACM_MAX_NAMES];   /* as of a record */
    unsigned              mailed:1;
    acm_tags_t            tags;
    acm_buf_t             encoded;       /* the tags */
    const acm_issuer_t   *ca;            /* of a private certificate */
    const char           *token;         /* or "" */
    unsigned              exportable:1;
    unsigned              unlogged:1;
    uint8_t               hash[ACM_HASH_LEN];
} acm_wish_t;


static acm_rc_t acm_wish_read(acm_api_t *api, acm_wish_t *wish);
static acm_rc_t acm_wish_names(acm_api_t *api, acm_wish_t *wish);
static acm_rc_t acm_wish_name(acm_api_t *api, acm_wish_t *wish,
    const char *name);
static acm_rc_t acm_wish_issuer(acm_api_t *api, acm_wish_t *wish);
static acm_rc_t acm_wish_key(acm_api_t *api, acm_wish_t *wish);
static acm_rc_t acm_wish_proof(acm_api_t *api, acm_wish_t *wish);
static acm_rc_t acm_wish_domains(acm_api_t *api, acm_wish_t *wish);
static void acm_wish_options(acm_api_t *api, acm_wish_t *wish);
static acm_rc_t acm_wish_hash(acm_api_t *api, acm_wish_t *wish);
static int acm_wish_order(const void *a, const void *b);
static acm_rc_t acm_wish_known(acm_api_t *api, const acm_wish_t *wish,
    acm_batch_t *batch, uint64_t *revision);
static acm_rc_t acm_wish_labels(acm_api_t *api, const acm_wish_t *wish);
static acm_rc_t acm_wish_commit(acm_api_t *api, acm_wish_t *wish,
    acm_batch_t *batch, uint64_t revision);
static acm_rc_t acm_wish_answer(acm_api_t *api, const char *uuid);


acm_rc_t
acm_api_request_certificate(acm_api_t *api)
{
    acm_rc_t      rc;
    uint64_t      revision;
    acm_wish_t   *wish;
    acm_batch_t   batch;

    wish = acm_calloc(1, sizeof(acm_wish_t));

    if (wish == NULL) {
        return acm_api_nomem(api);
    }

    acm_buf_init(&wish->encoded, ACM_MAX_STORE_VALUE);
    acm_batch_init(&batch);

    rc = acm_wish_read(api, wish);

    if (rc == ACM_OK) {
        rc = acm_wish_known(api, wish, &batch, &revision);
    }

    if (rc == ACM_NOTFOUND) {
        rc = acm_wish_commit(api, wish, &batch, revision);
    }

    acm_batch_free(&batch);
    acm_buf_free(&wish->encoded);
    acm_tags_free(&wish->tags);
    acm_free(wish);

    return rc;
}


static acm_rc_t
acm_wish_read(acm_api_t *api, acm_wish_t *wish)
{
    acm_rc_t     rc;
    const char  *token;

    token = json_string_value(json_object_get(api->in, "IdempotencyToken"));
    wish->token = (token == NULL) ? "" : token;

    rc = acm_wish_names(api, wish);

    if (rc == ACM_OK) {
        rc = acm_wish_issuer(api, wish);
    }

    if (rc == ACM_OK) {
        rc = acm_wish_key(api, wish);
    }

    if (rc == ACM_OK) {
        rc = acm_wish_proof(api, wish);
    }

    if (rc == ACM_OK) {
        rc = acm_wish_domains(api, wish);
    }

    if (rc == ACM_OK) {
        acm_wish_options(api, wish);
        rc = acm_api_tags_in(api, "Tags", &wish->tags);
    }

    if (rc == ACM_OK
        && acm_tags_encode(&wish->tags, &wish->encoded) == ACM_TOOBIG)
    {
        rc = acm_api_fault(api, "TooManyTagsException", "the tags have more "
                           "than %d octets", ACM_MAX_TAGS_LEN);
    }

    return (rc == ACM_OK) ? acm_wish_hash(api, wish) : rc;
}


static acm_rc_t
acm_wish_names(acm_api_t *api, acm_wish_t *wish)
{
    size_t         i;
    acm_rc_t       rc;
    const json_t  *list;

    rc = acm_wish_name(api, wish,
             json_string_value(json_object_get(api->in, "DomainName")));

    list = json_object_get(api->in, "SubjectAlternativeNames");

    for (i = 0; rc == ACM_OK && i < json_array_size(list); i++) {
        rc = acm_wish_name(api, wish,
                           json_string_value(json_array_get(list, i)));
    }

    return rc;
}


static acm_rc_t
acm_wish_name(acm_api_t *api, acm_wish_t *wish, const char *name)
{
    char    out[ACM_MAX_NAME + 1];
    size_t  i, max;

    if (acm_name_request(name, strlen(name), out, &api->err) != ACM_OK) {
        return acm_api_fault(api, "ValidationException", "%s: %s", name,
                             api->err.text);
    }

    for (i = 0; i < wish->n; i++) {
        if (strcmp(wish->names[i], out) == 0) {
            return ACM_OK;
        }
    }

    max = acm_api_limit(api, ACM_QUOTA_NAMES);

    if (max != 0 && wish->n == max) {
        return acm_api_fault(api, "LimitExceededException", "Certificate has "
                             "too many domains.");
    }

    /* no limit that could be raised: a client must not try again */

    if (wish->n == ACM_MAX_NAMES) {
        return acm_api_fault(api, "ValidationException", "Certificate has too "
                             "many domains.");
    }

    memcpy(wish->names[wish->n], out, strlen(out) + 1);
    wish->list[wish->n] = wish->names[wish->n];
    wish->n++;

    return ACM_OK;
}


static acm_rc_t
acm_wish_issuer(acm_api_t *api, acm_wish_t *wish)
{
    const char  *arn;

    arn = json_string_value(json_object_get(api->in,
                                            "CertificateAuthorityArn"));

    if (json_object_get(api->in, "ManagedBy") != NULL) {
        return acm_api_fault(api, "ValidationException", "ManagedBy is not "
                             "supported here.");
    }

    if (arn == NULL) {
        return ACM_OK;
    }

    wish->ca = acm_api_ca(api, arn);

    if (wish->ca == NULL) {
        return acm_api_fault(api, "InvalidArnException", "Could not find "
                             "certificate authority %s in account %s.", arn,
                             api->caller->account);
    }

    return ACM_OK;
}


static acm_rc_t
acm_wish_key(acm_api_t *api, acm_wish_t *wish)
{
    const char  *name;

    name = json_string_value(json_object_get(api->in, "KeyAlgorithm"));

    wish->key = (name == NULL) ? ACM_KEY_RSA_2048 : acm_api_key_parse(name);

    if (wish->key != ACM_KEY_RSA_1024
        && (wish->ca != NULL || wish->key == ACM_KEY_RSA_2048
            || wish->key == ACM_KEY_EC_P256 || wish->key == ACM_KEY_EC_P384))
    {
        return ACM_OK;
    }

    return acm_api_fault(api, "ValidationException", "Encryption Algorithm %s "
                         "is not supported in %s region", name,
                         api->caller->region);
}


static acm_rc_t
acm_wish_proof(acm_api_t *api, acm_wish_t *wish)
{
    size_t       i;
    const char  *name;

    if (wish->ca != NULL) {
        return ACM_OK;
    }

    name = json_string_value(json_object_get(api->in, "ValidationMethod"));

    wish->proof = (name == NULL) ? ACM_PROOF_EMAIL
                                 : acm_api_proof_parse(name);

    for (i = 0; wish->proof == ACM_PROOF_HTTP && i < wish->n; i++) {
        if (wish->names[i][0] == '*') {
            return acm_api_fault(api, "ValidationException", "HTTP validation "
                                 "is not possible for the wildcard %s.",
                                 wish->names[i]);
        }
    }

    return ACM_OK;
}


static acm_rc_t
acm_wish_domains(acm_api_t *api, acm_wish_t *wish)
{
    char         name[ACM_MAX_NAME + 1];
    size_t       i, n;
    json_t      *list, *o;
    const char  *domain, *validation;

    list = json_object_get(api->in, "DomainValidationOptions");

    for (i = 0; i < json_array_size(list); i++) {
        o = json_array_get(list, i);
        domain = json_string_value(json_object_get(o, "DomainName"));
        validation = json_string_value(json_object_get(o,
                                                       "ValidationDomain"));

        if (acm_name_request(domain, strlen(domain), name, NULL) != ACM_OK) {
            name[0] = '\0';
        }

        for (n = 0; n < wish->n; n++) {
            if (strcmp(wish->names[n], name) == 0) {
                break;
            }
        }

        if (n == wish->n || !acm_api_superdomain(name, validation)) {
            return acm_api_fault(api,
                                 "InvalidDomainValidationOptionsException",
                                 "The validation domain %s is not valid for "
                                 "the domain %s of this request.", validation,
                                 domain);
        }

        if (wish->proof == ACM_PROOF_EMAIL) {
            wish->mail[n] = (uint8_t) strlen(validation);
            wish->mailed = 1;
        }
    }

    return ACM_OK;
}


static void
acm_wish_options(acm_api_t *api, acm_wish_t *wish)
{
    json_t      *options;
    const char  *export, *log;

    options = json_object_get(api->in, "Options");
    export = json_string_value(json_object_get(options, "Export"));
    log = json_string_value(json_object_get(options,
                                "CertificateTransparencyLoggingPreference"));

    /* a private one can always be exported */

    wish->exportable = wish->ca != NULL
                       || (export != NULL && strcmp(export, "ENABLED") == 0);
    wish->unlogged = (log != NULL && strcmp(log, "DISABLED") == 0);
}


/* As with ACM, a request without a token has one that is constant, and which
   private authority is asked is no part of it. */

static acm_rc_t
acm_wish_hash(acm_api_t *api, acm_wish_t *wish)
{
    int          rc;
    char        *sorted[ACM_MAX_NAMES];
    size_t       i;
    EVP_MD_CTX  *md;

    memcpy(sorted, wish->list, sizeof(sorted));
    qsort(sorted, wish->n, sizeof(char *), acm_wish_order);

    md = EVP_MD_CTX_new();

    rc = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1
         && EVP_DigestUpdate(md, api->caller->account,
                             strlen(api->caller->account) + 1)
            == 1
         && EVP_DigestUpdate(md, api->caller->region,
                             strlen(api->caller->region) + 1)
            == 1
         && EVP_DigestUpdate(md, (wish->ca == NULL) ? "i" : "p", 1) == 1
         && EVP_DigestUpdate(md, wish->token, strlen(wish->token) + 1) == 1
         && EVP_DigestUpdate(md, wish->names[0], strlen(wish->names[0]) + 1)
            == 1;

    for (i = 0; rc && i < wish->n; i++) {
        rc = EVP_DigestUpdate(md, sorted[i], strlen(sorted[i]) + 1) == 1;
    }

    if (rc && wish->encoded.len != 0) {
        rc = EVP_DigestUpdate(md, "", 1) == 1
             && EVP_DigestUpdate(md, wish->encoded.data, wish->encoded.len)
                == 1;
    }

    rc = rc && EVP_DigestFinal_ex(md, wish->hash, NULL) == 1;

    EVP_MD_CTX_free(md);

    return rc ? ACM_OK
              : acm_fail_ssl(&api->err, ACM_ERROR, "a request cannot be "
                             "hashed");
}


static int
acm_wish_order(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}


/* ACM_NOTFOUND: it is new; else it is answered. */

static acm_rc_t
acm_wish_known(acm_api_t *api, const acm_wish_t *wish, acm_batch_t *batch,
    uint64_t *revision)
{
    acm_rc_t      rc;
    acm_cert_t    cert;
    acm_snap_t   *snap;
    acm_token_t   token;

    rc = acm_store_begin(api->store, &snap, &api->err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_token_get(snap, wish->hash, api->now, &token, revision);

    if (rc == ACM_OK) {
        rc = acm_cert_get(snap, token.ref.account, token.ref.region,
                          token.ref.uuid, &cert, NULL);

        if (rc == ACM_OK) {
            acm_cert_free(&cert);
        }
    }

    if (rc == ACM_NOTFOUND) {
        acm_token_sweep(batch, snap, api->now);
    }

    acm_store_end(snap);

    return (rc == ACM_OK) ? acm_wish_answer(api, token.ref.uuid) : rc;
}


static acm_rc_t
acm_wish_labels(acm_api_t *api, const acm_wish_t *wish)
{
    char      label[ACM_LABEL_LEN + 1];
    size_t    i;
    acm_rc_t  rc;

    rc = ACM_OK;

    for (i = 0; wish->ca == NULL && rc == ACM_OK && i < wish->n; i++) {
        rc = acm_validation_ensure(api->store, api->caller->account,
                                   wish->names[i], api->now, label,
                                   &api->err);
    }

    return rc;
}


static acm_rc_t
acm_wish_commit(acm_api_t *api, acm_wish_t *wish, acm_batch_t *batch,
    uint64_t revision)
{
    acm_rc_t     rc;
    acm_cert_t   cert;
    acm_token_t  token;

    memset(&cert, 0, sizeof(acm_cert_t));
    memset(&token, 0, sizeof(acm_token_t));

    if (acm_uuid(cert.uuid) != ACM_OK) {
        return acm_fail_ssl(&api->err, ACM_ERROR, "no random numbers");
    }

    /* borrowed: the record is only encoded */

    cert.account = (char *) api->caller->account;
    cert.region = (char *) api->caller->region;
    cert.type = (wish->ca != NULL) ? ACM_TYPE_PRIVATE : ACM_TYPE_ISSUED;
    cert.status = ACM_STATUS_PENDING_VALIDATION;
    cert.key = wish->key;
    cert.domain = wish->names[0];
    cert.names = wish->list;
    cert.nnames = wish->n;
    cert.issuer = (char *) ((wish->ca != NULL)
                            ? wish->ca->name : api->conf->default_issuers);
    cert.method = (wish->proof == ACM_PROOF_DNS && api->conf->zone != NULL)
                  ? ACM_METHOD_DNS_01 : ACM_METHOD_NONE;
    cert.proof = wish->proof;
    cert.managed = 1;
    cert.exportable = wish->exportable;
    cert.unlogged = wish->unlogged;
    cert.tags.data = wish->encoded.data;
    cert.tags.len = wish->encoded.len;
    cert.mail.data = wish->mail;
    cert.mail.len = wish->mailed ? wish->n : 0;
    cert.created_at = api->now;
    cert.due = ACM_DUE_ISSUE;
    cert.due_at = api->now;
    cert.watch_at = acm_add_sat(api->now, ACM_WATCH_PENDING);

    memcpy(token.ref.account, cert.account, strlen(cert.account));
    memcpy(token.ref.region, cert.region, strlen(cert.region));
    memcpy(token.ref.uuid, cert.uuid, ACM_UUID_LEN);
    token.at = api->now;

    batch->grow = 1;

    acm_batch_expect_cert(batch, &cert, 0);
    acm_batch_change(batch, NULL, &cert, api->now);
    acm_token_put(batch, wish->hash, &token, revision);

    rc = acm_api_quota(api, &cert, batch);

    if (rc == ACM_OK) {
        rc = acm_wish_labels(api, wish);
    }

    if (rc == ACM_OK) {
        rc = acm_commit(api->store, batch, &api->err);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    api->changed = 1;

    return acm_wish_answer(api, cert.uuid);
}


static acm_rc_t
acm_wish_answer(acm_api_t *api, const char *uuid)
{
    (void) acm_arn_text(api->arn, api->caller->account, api->caller->region,
                        uuid);

    return acm_api_answer(api, "CertificateArn", json_string(api->arn));
}
