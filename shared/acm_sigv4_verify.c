
/*
 * Copyright (C) The ngx_acm authors
 *
 * Who sent a request.  The checks are in the order in which AWS makes them,
 * since clients and their users see one answer only, and its texts are those
 * of AWS.  What needs no key is in acm_sigv4_parse.c.
 */


#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "acm_sigv4_impl.h"


#define ACM_SIGV4_UNKNOWN  "UnrecognizedClientException"


static acm_rc_t acm_sigv4_lookup(acm_sigv4_ctx_t *c, acm_sigv4_user_t *user);
static void acm_sigv4_claimed(acm_sigv4_ctx_t *c);
static int acm_sigv4_key_id_ok(const acm_str_t *s);
static acm_rc_t acm_sigv4_compute(acm_sigv4_ctx_t *c,
    const acm_sigv4_key_t *key, int *match, uint8_t *mac);
static acm_rc_t acm_sigv4_decide(acm_sigv4_ctx_t *c,
    const acm_sigv4_key_t *key, int found, int match);
static int acm_sigv4_token_ok(const acm_str_t *a, const acm_str_t *b);
static int acm_sigv4_unhex(const acm_str_t *s, uint8_t *out);
static acm_rc_t acm_sigv4_internal(acm_sigv4_ctx_t *c, acm_rc_t rc);


/* a secret for keys that are not there, as long as those of AWS */

static const char  acm_sigv4_dummy[] =
    "0000000000000000000000000000000000000000";


acm_rc_t
acm_sigv4_verify(const acm_sigv4_request_t *r,
    const acm_sigv4_policy_t *policy, acm_sigv4_user_t *user,
    acm_sigv4_fault_t *fault)
{
    acm_rc_t         rc;
    acm_sigv4_ctx_t  c;

    memset(&c, 0, sizeof(acm_sigv4_ctx_t));
    memset(fault, 0, sizeof(acm_sigv4_fault_t));
    memset(user, 0, sizeof(acm_sigv4_user_t));

    c.r = r;
    c.policy = policy;
    c.fault = fault;

    c.skew = (policy->skew > 0) ? policy->skew : ACM_SIGV4_SKEW;

    if (c.skew > ACM_MAX_SIGV4_SKEW) {
        c.skew = ACM_MAX_SIGV4_SKEW;
    }

    rc = acm_sigv4_fields(&c);

    if (rc == ACM_OK) {
        rc = acm_sigv4_take(&c);
    }

    if (rc == ACM_OK) {
        rc = acm_sigv4_auth(&c);
    }

    if (rc == ACM_OK) {
        rc = acm_sigv4_signed(&c);
    }

    if (rc == ACM_OK) {
        rc = acm_sigv4_when(&c);
    }

    if (rc == ACM_OK) {
        rc = acm_sigv4_credential(&c);
    }

    if (rc == ACM_OK) {
        rc = acm_sigv4_lookup(&c, user);
    }

    if (rc == ACM_OK && policy->root && !acm_sigv4_same(&r->target, "/")) {
        rc = acm_sigv4_deny(&c, "UnknownOperationException", "%s", "");
    }

    if (rc != ACM_OK) {
        memset(user, 0, sizeof(acm_sigv4_user_t));
        acm_sigv4_claimed(&c);
    }

    return rc;
}


/* Whatever it was refused for; what has no such parts may be a secret. */

static void
acm_sigv4_claimed(acm_sigv4_ctx_t *c)
{
    size_t              n;
    acm_str_t           rest, part, key_id, region;
    acm_sigv4_policy_t  any;

    memset(&any, 0, sizeof(acm_sigv4_policy_t));
    memset(&key_id, 0, sizeof(acm_str_t));
    memset(&region, 0, sizeof(acm_str_t));

    rest = c->credential;

    for (n = 0; acm_sigv4_cut(&rest, '/', &part); n++) {
        if (n == 0) {
            key_id = part;

        } else if (n == 2) {
            region = part;
        }
    }

    if (n != ACM_SIGV4_PARTS) {
        return;
    }

    if (acm_sigv4_key_id_ok(&key_id)) {
        acm_sigv4_copy(c->fault->key_id, &key_id);
    }

    if (acm_sigv4_region_ok(&any, &region)) {
        acm_sigv4_copy(c->fault->region, &region);
    }
}


/* The same work is done whether there is such a key or not. */

static acm_rc_t
acm_sigv4_lookup(acm_sigv4_ctx_t *c, acm_sigv4_user_t *user)
{
    int              match;
    acm_rc_t         rc, found;
    acm_sigv4_key_t  key;

    memset(&key, 0, sizeof(acm_sigv4_key_t));

    found = ACM_NOTFOUND;

    if (acm_sigv4_key_id_ok(&c->part[0])) {
        acm_sigv4_copy(c->key_id, &c->part[0]);
        found = c->policy->find(c->policy->data, c->key_id, &key);
    }

    if ((found != ACM_OK && found != ACM_NOTFOUND)
        || (found == ACM_OK
            && (key.len == 0 || key.len > ACM_MAX_SIGV4_SECRET)))
    {
        OPENSSL_cleanse(&key, sizeof(acm_sigv4_key_t));
        return acm_sigv4_internal(c, ACM_ERROR);
    }

    if (found != ACM_OK) {
        key.len = sizeof(acm_sigv4_dummy) - 1;
        memcpy(key.secret, acm_sigv4_dummy, key.len);
    }

    rc = acm_sigv4_compute(c, &key, &match, user->signature);

    if (rc == ACM_OK) {
        rc = acm_sigv4_decide(c, &key, found == ACM_OK, match);

    } else {
        rc = acm_sigv4_internal(c, rc);
    }

    if (rc == ACM_OK) {
        memcpy(user->key_id, c->key_id, sizeof(c->key_id));
        acm_sigv4_copy(user->region, &c->part[2]);
        acm_sigv4_copy(user->service, &c->part[3]);
        user->at = c->at;
        user->user = key.user;
    }

    OPENSSL_cleanse(&key, sizeof(acm_sigv4_key_t));

    return rc;
}


/* Letters, digits and "_", as with AWS: others need not be asked for. */

static int
acm_sigv4_key_id_ok(const acm_str_t *s)
{
    size_t   i;
    uint8_t  c;

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
              || (c >= '0' && c <= '9') || c == '_'))
        {
            return 0;
        }
    }

    return i >= 1 && i <= ACM_MAX_SIGV4_KEY_ID;
}


static acm_rc_t
acm_sigv4_compute(acm_sigv4_ctx_t *c, const acm_sigv4_key_t *key, int *match,
    uint8_t *mac)
{
    int                ok;
    char               hash[ACM_SIGV4_HEX_LEN + 1];
    uint8_t            given[ACM_HASH_LEN];
    acm_rc_t           rc;
    acm_sigv4_scope_t  scope;

    *match = 0;

    rc = acm_sigv4_hash(c->r, hash, NULL);

    if (rc != ACM_OK) {
        return rc;
    }

    scope.names = c->names;
    scope.time = c->time;
    scope.region = c->part[2];
    scope.service = c->part[3];
    scope.secret = key->secret;
    scope.secret_len = key->len;

    rc = acm_sigv4_mac(c->r, hash, &scope, mac, NULL);

    if (rc == ACM_NOMEM || rc == ACM_ERROR) {
        return rc;
    }

    ok = (rc == ACM_OK);

    if (!ok) {
        memset(mac, 0, ACM_HASH_LEN);
    }

    /* a hash that is sent is no statement about the payload, but a claim */

    if (c->hash.data != NULL && !acm_sigv4_same(&c->hash, hash)) {
        ok = 0;
    }

    if (!acm_sigv4_unhex(&c->signature, given)) {
        ok = 0;
    }

    *match = (CRYPTO_memcmp(given, mac, ACM_HASH_LEN) == 0) & ok;

    return ACM_OK;
}


static acm_rc_t
acm_sigv4_decide(acm_sigv4_ctx_t *c, const acm_sigv4_key_t *key, int found,
    int match)
{
    if (found && key->active) {

        if (!acm_sigv4_token_ok(&key->token, &c->token)) {
            return acm_sigv4_deny(c, ACM_SIGV4_UNKNOWN, "The security token "
                                  "included in the request is invalid");
        }

        if (key->expires != 0 && c->policy->now >= key->expires) {
            return acm_sigv4_deny(c, "ExpiredTokenException", "The security "
                                  "token included in the request is expired");
        }

    } else {
        return acm_sigv4_deny(c, ACM_SIGV4_UNKNOWN, "The security token "
                              "included in the request is invalid.");
    }

    if (!match) {
        return acm_sigv4_deny(c, ACM_SIGV4_INVALID, "The request signature we "
                              "calculated does not match the signature you "
                              "provided. Check your AWS Secret Access Key and "
                              "signing method. Consult the service "
                              "documentation for details.");
    }

    return ACM_OK;
}


/* Hashes are compared, so that the time tells nothing of the length either. */

static int
acm_sigv4_token_ok(const acm_str_t *a, const acm_str_t *b)
{
    uint8_t  x[ACM_HASH_LEN], y[ACM_HASH_LEN];

    if (a->len == 0 || b->data == NULL) {

        /* a token that is not needed is an error, too: it was not checked */

        return a->len == 0 && b->data == NULL;
    }

    return a->len <= ACM_MAX_SIGV4_TOKEN && b->len <= ACM_MAX_SIGV4_TOKEN
           && EVP_Digest(a->data, a->len, x, NULL, EVP_sha256(), NULL) == 1
           && EVP_Digest(b->data, b->len, y, NULL, EVP_sha256(), NULL) == 1
           && CRYPTO_memcmp(x, y, ACM_HASH_LEN) == 0;
}


/* Lower-case hex of exactly a hash; out is set in any case. */

static int
acm_sigv4_unhex(const acm_str_t *s, uint8_t *out)
{
    size_t   i;
    uint8_t  c, v;

    memset(out, 0, ACM_HASH_LEN);

    if (s->len != ACM_SIGV4_HEX_LEN) {
        return 0;
    }

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if (c >= '0' && c <= '9') {
            v = c - '0';

        } else if (c >= 'a' && c <= 'f') {
            v = c - 'a' + 10;

        } else {
            return 0;
        }

        out[i / 2] = (uint8_t) (out[i / 2] * 16 + v);
    }

    return 1;
}


static acm_rc_t
acm_sigv4_internal(acm_sigv4_ctx_t *c, acm_rc_t rc)
{
    (void) acm_sigv4_deny(c, "InternalFailure", "%s", "");
    c->fault->status = 500;

    return rc;
}
