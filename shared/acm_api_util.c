
/*
 * Copyright (C) The ngx_acm authors
 *
 * What several operations need: certificates, blobs, words.
 */


#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "acm_api_impl.h"
#include "acm_bare.h"


#define ACM_BASE64_PAD  0xfe
#define ACM_BASE64_BAD  0xff


typedef struct {
    const char  *name;
    const char  *text;
} acm_api_word_t;


static unsigned acm_base64_digit(char c);


static const acm_api_word_t  acm_api_sigalgs[] = {
    { "sha256WithRSAEncryption", "SHA256WITHRSA" },
    { "sha384WithRSAEncryption", "SHA384WITHRSA" },
    { "sha512WithRSAEncryption", "SHA512WITHRSA" },
    { "sha1WithRSAEncryption", "SHA1WITHRSA" },
    { "ecdsa-with-SHA256", "SHA256WITHECDSA" },
    { "ecdsa-with-SHA384", "SHA384WITHECDSA" },
    { "ecdsa-with-SHA512", "SHA512WITHECDSA" }
};

/* in the order of acm_key_e */

static const char *const  acm_api_keys[] = {
    "", "RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1",
    "EC_secp384r1", "EC_secp521r1"
};

static const char *const  acm_api_proofs[] = { "", "EMAIL", "DNS", "HTTP" };


acm_rc_t
acm_api_not_found(acm_api_t *api)
{
    if (api->operation == &acm_operations[ACM_OPERATION_IMPORT_CERTIFICATE]) {
        return acm_api_fault(api, "ResourceNotFoundException", "Could not "
                             "find certificate %s.", api->arn);
    }

    return acm_api_fault(api, "ResourceNotFoundException", "Could not find "
                         "certificate %s in account %s.", api->arn,
                         api->caller->account);
}


acm_rc_t
acm_api_begin(acm_api_t *api, acm_snap_t **snap)
{
    *snap = api->snap;

    return (api->snap != NULL) ? ACM_OK
                               : acm_store_begin(api->store, snap,
                                                 &api->err);
}


void
acm_api_end(acm_api_t *api, acm_snap_t *snap)
{
    if (snap != api->snap) {
        acm_store_end(snap);
    }
}


acm_rc_t
acm_api_cert(acm_api_t *api, acm_cert_t *cert, uint64_t *revision)
{
    acm_rc_t     rc;
    acm_snap_t  *snap;

    memset(cert, 0, sizeof(acm_cert_t));

    rc = acm_api_begin(api, &snap);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_cert_get(snap, api->caller->account, api->caller->region,
                      api->uuid, cert, revision);
    acm_api_end(api, snap);

    if (rc == ACM_NOTFOUND) {
        return acm_api_not_found(api);
    }

    if (rc != ACM_OK) {
        return acm_fail(&api->err, rc, "certificate %s cannot be read: %s",
                        api->uuid, acm_rc_text(rc));
    }

    return ACM_OK;
}


acm_rc_t
acm_api_leaf(acm_api_t *api, const acm_cert_t *cert, X509 **x)
{
    acm_rc_t         rc;
    acm_snap_t      *snap;
    acm_material_t   m;

    rc = acm_api_begin(api, &snap);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_material_get(snap, cert->uuid, cert->version, &m);
    acm_api_end(api, snap);

    if (rc == ACM_NOTFOUND) {

        /* another version came meanwhile */

        return ACM_CONFLICT;
    }

    if (rc != ACM_OK) {
        return acm_fail(&api->err, rc, "certificate %s: its material cannot "
                        "be read: %s", cert->uuid, acm_rc_text(rc));
    }

    rc = acm_bare_look(m.leaf.data, m.leaf.len, x, &api->err);
    acm_material_free(&m);

    return rc;
}


acm_rc_t
acm_api_answer(acm_api_t *api, const char *name, json_t *value)
{
    api->out = json_pack("{s:o}", name, value);

    return (api->out == NULL) ? acm_api_nomem(api) : ACM_OK;
}


acm_rc_t
acm_api_blob(acm_api_t *api, const char *name, acm_str_t *blob)
{
    size_t         i, len;
    uint32_t       v;
    unsigned       digit, n;
    const char    *text;
    const json_t  *json;

    memset(blob, 0, sizeof(acm_str_t));

    json = json_object_get(api->in, name);

    if (json == NULL) {
        return ACM_OK;
    }

    text = json_string_value(json);
    len = acm_api_base64_len(text, json_string_length(json));

    blob->data = acm_alloc(len + 3);

    if (blob->data == NULL) {
        return acm_api_nomem(api);
    }

    v = 0;
    n = 0;

    for (i = 0; text[i] != '\0'; i++) {
        digit = acm_base64_digit(text[i]);

        if (digit >= ACM_BASE64_PAD) {
            continue;
        }

        v = v << 6 | digit;
        n += 6;

        if (n >= 8) {
            n -= 8;
            blob->data[blob->len++] = (uint8_t) (v >> n);
        }
    }

    return ACM_OK;
}


/* RFC 4648 s4; line ends are passed over. */

size_t
acm_api_base64_len(const char *text, size_t len)
{
    size_t    digits, i, pads;
    unsigned  digit;

    digits = 0;
    pads = 0;

    for (i = 0; i < len; i++) {
        if (text[i] == '\r' || text[i] == '\n') {
            continue;
        }

        digit = acm_base64_digit(text[i]);

        if (digit == ACM_BASE64_BAD
            || (digit != ACM_BASE64_PAD && pads != 0))
        {
            return SIZE_MAX;
        }

        if (digit == ACM_BASE64_PAD) {
            pads++;

        } else {
            digits++;
        }
    }

    if ((digits + pads) % 4 != 0 || pads > 2) {
        return SIZE_MAX;
    }

    return digits / 4 * 3 + (digits % 4 == 3 ? 2 : digits % 4 == 2 ? 1 : 0);
}


static unsigned
acm_base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (unsigned) (c - 'A');
    }

    if (c >= 'a' && c <= 'z') {
        return (unsigned) (c - 'a') + 26;
    }

    if (c >= '0' && c <= '9') {
        return (unsigned) (c - '0') + 52;
    }

    switch (c) {

    case '+':
        return 62;

    case '/':
        return 63;

    case '=':
        return ACM_BASE64_PAD;

    default:
        return ACM_BASE64_BAD;
    }
}


const char *
acm_api_sigalg(const char *sigalg)
{
    size_t  i;

    for (i = 0; i < sizeof(acm_api_sigalgs) / sizeof(acm_api_sigalgs[0]); i++)
    {
        if (strcmp(acm_api_sigalgs[i].name, sigalg) == 0) {
            return acm_api_sigalgs[i].text;
        }
    }

    return sigalg;
}


const char *
acm_api_key(acm_key_e key)
{
    return (key <= ACM_KEY_EC_P521) ? acm_api_keys[key] : "";
}


acm_key_e
acm_api_key_parse(const char *name)
{
    unsigned  i;

    for (i = 1; i <= ACM_KEY_EC_P521; i++) {
        if (strcmp(acm_api_keys[i], name) == 0) {
            return (acm_key_e) i;
        }
    }

    return ACM_KEY_NONE;
}


/* What was configured in nginx is proved by whatever works, most like DNS. */

const char *
acm_api_proof(const acm_cert_t *cert)
{
    if (cert->type != ACM_TYPE_ISSUED) {
        return "";
    }

    return (cert->proof == ACM_PROOF_NONE) ? "DNS"
                                           : acm_api_proofs[cert->proof];
}


acm_proof_e
acm_api_proof_parse(const char *name)
{
    unsigned  i;

    for (i = ACM_PROOF_EMAIL; i <= ACM_PROOF_HTTP; i++) {
        if (strcmp(acm_api_proofs[i], name) == 0) {
            return (acm_proof_e) i;
        }
    }

    return ACM_PROOF_NONE;
}


/* IP addresses are not shown. */

const char *
acm_api_domain(const acm_cert_t *cert)
{
    return acm_name_is_ip(cert->domain, strlen(cert->domain)) ? ""
                                                              : cert->domain;
}


/* It has ended when it has, whether the helper took note or not. */

acm_status_e
acm_api_status(const acm_cert_t *cert, int64_t now)
{
    if (cert->status == ACM_STATUS_ISSUED && cert->not_after != 0
        && cert->not_after <= now)
    {
        return ACM_STATUS_EXPIRED;
    }

    return cert->status;
}


char *
acm_api_ca_arn(const acm_api_t *api, const char *issuer, char *buf)
{
    /* of several issuers the first */

    (void) snprintf(buf, ACM_MAX_ARN, "arn:aws:acm-pca:%s:%s:"
                    "certificate-authority/%.*s", api->caller->region,
                    api->caller->account, (int) strcspn(issuer, " "), issuer);

    return buf;
}


const acm_issuer_t *
acm_api_ca(const acm_api_t *api, const char *arn)
{
    char                 text[ACM_MAX_ARN];
    size_t               i;
    const acm_issuer_t  *issuer;

    for (i = 0; i < api->conf->nissuers; i++) {
        issuer = &api->conf->issuers[i];

        if (issuer->directory == NULL
            && strcmp(acm_api_ca_arn(api, issuer->name, text), arn) == 0)
        {
            return issuer;
        }
    }

    return NULL;
}


int
acm_api_set_text(json_t *o, const char *name, const char *text)
{
    if (text == NULL || *text == '\0') {
        return 0;
    }

    return json_object_set_new(o, name, acm_json_clean(text));
}


int
acm_api_set_time(json_t *o, const char *name, int64_t at)
{
    if (at == 0) {
        return 0;
    }

    return json_object_set_new(o, name, json_integer((json_int_t) at));
}


int
acm_api_superdomain(const char *name, const char *domain)
{
    size_t  dlen, nlen;

    if (name[0] == '*' && name[1] == '.') {
        name += 2;
    }

    nlen = strlen(name);
    dlen = strlen(domain);

    if (dlen > nlen || strcasecmp(name + nlen - dlen, domain) != 0) {
        return 0;
    }

    return dlen == nlen || (dlen != 0 && name[nlen - dlen - 1] == '.');
}
