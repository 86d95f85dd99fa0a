
/*
 * Copyright (C) The ngx_acm authors
 *
 * Payloads of what is asked of a CA.
 */


#include <stdio.h>
#include <string.h>

#include "acm_acme.h"
#include "acm_json.h"
#include "acm_name.h"


#define ACM_ACCOUNT_LABEL  16            /* octets, of dns-account-01 */


static acm_rc_t acm_acme_dump(json_t *json, acm_buf_t *out);
static int acm_acme_put_contacts(json_t *json, char *const *contacts,
    size_t n);
static json_t *acm_acme_identifiers(char *const *names, size_t n);
static json_t *acm_acme_b64(const acm_str_t *der);
static void acm_acme_base32(const uint8_t *octets, char *text);


/* Takes the reference; a json of NULL is a lack of memory. */

static acm_rc_t
acm_acme_dump(json_t *json, acm_buf_t *out)
{
    char    *text;

    if (json == NULL) {
        return ACM_NOMEM;
    }

    text = json_dumps(json, JSON_COMPACT);

    json_decref(json);

    if (text == NULL) {
        return ACM_NOMEM;
    }

    acm_buf_add(out, text, strlen(text) + 1);

    free(text);

    return acm_buf_rc(out);
}


static int
acm_acme_put_contacts(json_t *json, char *const *contacts, size_t n)
{
    int      rc;
    size_t   i;
    json_t  *list;

    list = json_array();
    rc = 0;

    for (i = 0; i < n; i++) {
        rc |= json_array_append_new(list, json_string(contacts[i]));
    }

    rc |= json_object_set_new(json, "contact", list);

    return rc;
}


acm_rc_t
acm_acme_new_account(char *const *contacts, size_t ncontacts, int terms,
    const char *eab, acm_buf_t *out)
{
    int      rc;
    json_t  *json;

    json = json_object();
    rc = 0;

    if (ncontacts != 0) {
        rc |= acm_acme_put_contacts(json, contacts, ncontacts);
    }

    if (terms) {
        rc |= json_object_set_new(json, "termsOfServiceAgreed", json_true());
    }

    if (eab != NULL) {
        rc |= json_object_set_new(json, "externalAccountBinding",
                                  json_loads(eab, 0, NULL));
    }

    if (rc != 0) {
        json_decref(json);
        return ACM_NOMEM;
    }

    return acm_acme_dump(json, out);
}


acm_rc_t
acm_acme_contacts(char *const *contacts, size_t ncontacts, acm_buf_t *out)
{
    json_t  *json;

    json = json_object();

    if (acm_acme_put_contacts(json, contacts, ncontacts) != 0) {
        json_decref(json);
        return ACM_NOMEM;
    }

    return acm_acme_dump(json, out);
}


acm_rc_t
acm_acme_new_order(const acm_acme_want_t *want, acm_buf_t *out)
{
    int      rc;
    json_t  *json;

    json = json_object();

    rc = json_object_set_new(json, "identifiers",
                             acm_acme_identifiers(want->names,
                                                  want->nnames));

    if (want->profile != NULL && *want->profile != '\0') {
        rc |= json_object_set_new(json, "profile",
                                  json_string(want->profile));
    }

    if (want->replaces != NULL && *want->replaces != '\0') {
        rc |= json_object_set_new(json, "replaces",
                                  json_string(want->replaces));
    }

    if (rc != 0) {
        json_decref(json);
        return ACM_NOMEM;
    }

    return acm_acme_dump(json, out);
}


/* RFC 8555 s7.1.3, RFC 8738 s3 */

static json_t *
acm_acme_identifiers(char *const *names, size_t n)
{
    int      rc;
    size_t   i;
    json_t  *list, *id;

    list = json_array();
    rc = 0;

    for (i = 0; i < n; i++) {
        id = json_object();

        rc |= json_object_set_new(id, "type",
                                  json_string(acm_name_is_ip(names[i],
                                                             strlen(names[i]))
                                              ? "ip" : "dns"));
        rc |= json_object_set_new(id, "value", json_string(names[i]));
        rc |= json_array_append_new(list, id);
    }

    if (rc != 0) {
        json_decref(list);
        return NULL;
    }

    return list;
}


static json_t *
acm_acme_b64(const acm_str_t *der)
{
    json_t     *json;
    acm_buf_t   buf;

    acm_buf_init(&buf, ACM_MAX_JWS);
    acm_b64url(&buf, der->data, der->len);

    json = (acm_buf_rc(&buf) != ACM_OK) ? NULL
           : json_stringn((char *) buf.data, buf.len);

    acm_buf_free(&buf);

    return json;
}


acm_rc_t
acm_acme_finalize(const acm_str_t *csr_der, acm_buf_t *out)
{
    json_t  *json;

    json = json_object();

    if (json_object_set_new(json, "csr", acm_acme_b64(csr_der)) != 0) {
        json_decref(json);
        return ACM_NOMEM;
    }

    return acm_acme_dump(json, out);
}


acm_rc_t
acm_acme_revoke(const acm_str_t *der, int reason, acm_buf_t *out)
{
    int      rc;
    json_t  *json;

    json = json_object();

    rc = json_object_set_new(json, "certificate", acm_acme_b64(der));

    if (reason >= 0) {
        rc |= json_object_set_new(json, "reason", json_integer(reason));
    }

    if (rc != 0) {
        json_decref(json);
        return ACM_NOMEM;
    }

    return acm_acme_dump(json, out);
}


/* The inner payload of a key change, RFC 8555 s7.3.5. */

acm_rc_t
acm_acme_key_change(const char *account, EVP_PKEY *old_key, acm_buf_t *out,
    acm_err_t *err)
{
    int         rc;
    json_t     *json;
    acm_rc_t    code;
    acm_buf_t   jwk;

    acm_buf_init(&jwk, 2048);

    code = acm_jwk(old_key, &jwk, err);

    if (code != ACM_OK) {
        acm_buf_free(&jwk);
        return code;
    }

    json = json_object();

    rc = json_object_set_new(json, "account", json_string(account));
    rc |= json_object_set_new(json, "oldKey",
                              json_loadb((char *) jwk.data, jwk.len, 0,
                                         NULL));
    acm_buf_free(&jwk);

    if (rc != 0) {
        json_decref(json);
        return ACM_NOMEM;
    }

    return acm_acme_dump(json, out);
}


acm_rc_t
acm_method_host(acm_method_e method, const char *name, const char *account,
    char *host, size_t size)
{
    int      n;
    char     label[ACM_ACCOUNT_LABEL + 1];
    uint8_t  md[ACM_HASH_LEN];

    if (name[0] == '*' && name[1] == '.') {
        name += 2;
    }

    switch (method) {

    case ACM_METHOD_DNS_01:
        n = snprintf(host, size, "_acme-challenge.%s", name);
        break;

    case ACM_METHOD_DNS_ACCOUNT_01:

        /* draft-ietf-acme-dns-account-label: base32 of ten octets */

        if (account == NULL
            || EVP_Digest(account, strlen(account), md, NULL, EVP_sha256(),
                          NULL)
               != 1)
        {
            return ACM_INVALID;
        }

        acm_acme_base32(md, label);

        n = snprintf(host, size, "_%s._acme-challenge.%s", label, name);
        break;

    case ACM_METHOD_DNS_PERSIST_01:
        n = snprintf(host, size, "_validation-persist.%s", name);
        break;

    default:
        return ACM_INVALID;
    }

    return (n < 0 || (size_t) n >= size) ? ACM_TOOBIG : ACM_OK;
}


/* RFC 4648 s6, lower case, of ten octets: no padding */

static void
acm_acme_base32(const uint8_t *octets, char *text)
{
    size_t    i;
    uint32_t  v;
    unsigned  bits;

    static const char  set[] = "abcdefghijklmnopqrstuvwxyz234567";

    v = 0;
    bits = 0;

    for (i = 0; i < ACM_ACCOUNT_LABEL; i++) {

        if (bits < 5) {
            v = (v << 8) | *octets++;
            bits += 8;
        }

        bits -= 5;
        text[i] = set[(v >> bits) & 31];
        v &= (1U << bits) - 1;
    }

    text[i] = '\0';
}
