
/*
 * Copyright (C) The ngx_acm authors
 */


#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "acm_bare.h"
#include "acm_pem.h"


#define ACM_MIN_SECURITY_BITS  112   /* OpenSSL's security level 2 */


/* the certificates of an import while they are checked */

typedef struct {
    X509             *leaf;
    acm_bare_t        bare;          /* of the leaf */
    acm_str_t         der;           /* the leaf again */
    X509             *chain[ACM_MAX_CHAIN];
    size_t            nchain;
    EVP_PKEY         *pkey;          /* NULL: it is in key_der only */
    acm_str_t         key_der;       /* as it is stored, or nothing yet */
    const acm_str_t  *der_secret;    /* the key as it was given, or NULL */
    acm_x509_seen_t  *seen;          /* of the chain, or NULL */
    unsigned          works:1;       /* the key has signed already */
} acm_import_t;


static acm_rc_t acm_import_finish(acm_import_t *imp, acm_rc_t rc,
    const acm_str_t *chain_pem, int64_t now, acm_bundle_t *bundle,
    acm_err_t *err);
static acm_rc_t acm_import_leaf(acm_import_t *imp, const acm_str_t *pem,
    acm_err_t *err);
static acm_rc_t acm_import_leaf_decode(acm_import_t *imp,
    const acm_pem_input_t *in, const acm_pem_block_t *block, acm_err_t *err);
static acm_rc_t acm_import_unbare(acm_import_t *imp, acm_err_t *err);
static acm_rc_t acm_import_key_ours(acm_import_t *imp,
    const acm_issued_key_t *key, acm_err_t *err);
static acm_rc_t acm_import_key(acm_import_t *imp, const acm_str_t *pem,
    acm_err_t *err);
static acm_rc_t acm_import_key_read(acm_import_t *imp, acm_pem_input_t *in,
    acm_err_t *err);
static acm_rc_t acm_import_chain(acm_import_t *imp, const acm_str_t *pem,
    acm_err_t *err);
static acm_rc_t acm_import_chain_read(acm_import_t *imp, acm_pem_input_t *in,
    acm_err_t *err);
static acm_rc_t acm_import_check(acm_import_t *imp, int64_t now,
    acm_x509_info_t *info, acm_err_t *err);
static acm_rc_t acm_import_check_key(acm_import_t *imp, acm_err_t *err);
static int acm_import_key_works(X509 *x, EVP_PKEY *pkey);
static acm_rc_t acm_import_check_issuer(const acm_import_t *imp, size_t i,
    acm_err_t *err);
static int acm_import_certifies(const acm_import_t *imp, size_t i);
static acm_rc_t acm_import_check_dates(X509 *x, const char *what,
    int64_t now, acm_err_t *err);
static acm_rc_t acm_import_check_key_strength(X509 *x, const char *what,
    acm_err_t *err);
static acm_rc_t acm_import_check_strength(X509 *x, const char *what,
    int root, acm_err_t *err);
static acm_rc_t acm_import_encode(acm_import_t *imp, acm_bundle_t *bundle,
    acm_err_t *err);


acm_rc_t
acm_bundle_parse(const acm_str_t *cert_pem, const acm_str_t *key_pem,
    const acm_str_t *chain_pem, int64_t now, acm_bundle_t *bundle,
    acm_err_t *err)
{
    return acm_bundle_parse_seen(cert_pem, key_pem, chain_pem, now, NULL,
                                 bundle, err);
}


acm_rc_t
acm_bundle_parse_seen(const acm_str_t *cert_pem, const acm_str_t *key_pem,
    const acm_str_t *chain_pem, int64_t now, acm_x509_seen_t *seen,
    acm_bundle_t *bundle, acm_err_t *err)
{
    acm_rc_t      rc;
    acm_import_t  imp;

    memset(&imp, 0, sizeof(acm_import_t));

    imp.seen = seen;

    ERR_clear_error();

    rc = acm_import_leaf(&imp, cert_pem, err);

    if (rc == ACM_OK) {
        rc = acm_import_key(&imp, key_pem, err);
    }

    return acm_import_finish(&imp, rc, chain_pem, now, bundle, err);
}


acm_rc_t
acm_bundle_issued(const acm_str_t *cert_pem, const acm_str_t *chain_pem,
    const acm_issued_key_t *key, int64_t now, acm_bundle_t *bundle,
    acm_err_t *err)
{
    acm_rc_t      rc;
    acm_import_t  imp;

    memset(&imp, 0, sizeof(acm_import_t));

    ERR_clear_error();

    imp.der_secret = key->der_secret;
    imp.seen = key->seen;

    rc = acm_import_leaf(&imp, cert_pem, err);

    if (rc == ACM_OK) {
        rc = acm_import_key_ours(&imp, key, err);
    }

    return acm_import_finish(&imp, rc, chain_pem, now, bundle, err);
}


/* The chain, and all checks, unless something is wrong already (rc). */

static acm_rc_t
acm_import_finish(acm_import_t *imp, acm_rc_t rc, const acm_str_t *chain_pem,
    int64_t now, acm_bundle_t *bundle, acm_err_t *err)
{
    size_t        i;
    acm_bundle_t  out;

    memset(&out, 0, sizeof(acm_bundle_t));

    if (rc == ACM_OK) {
        rc = acm_import_chain(imp, chain_pem, err);
    }

    if (rc == ACM_OK) {
        rc = acm_import_check(imp, now, &out.info, err);
    }

    if (rc == ACM_OK) {
        rc = acm_import_encode(imp, &out, err);
    }

    for (i = 0; i < imp->nchain; i++) {
        X509_free(imp->chain[i]);
    }

    acm_free(imp->der.data);
    acm_free_secret(imp->key_der.data, imp->key_der.len);

    /* without its public key nobody else has a use for it */

    if (imp->bare.key != ACM_KEY_NONE) {
        X509_free(imp->leaf);
        imp->leaf = NULL;
    }

    out.x = imp->leaf;
    out.pkey = imp->pkey;

    ERR_clear_error();

    if (rc != ACM_OK) {
        acm_bundle_free(&out);
        return rc;
    }

    *bundle = out;

    return ACM_OK;
}


void
acm_bundle_free(acm_bundle_t *bundle)
{
    size_t  i;

    for (i = 0; i < bundle->nchain; i++) {
        acm_free(bundle->chain[i].data);
    }

    acm_free(bundle->leaf.data);
    acm_free_secret(bundle->key_secret.data, bundle->key_secret.len);
    acm_x509_info_free(&bundle->info);
    X509_free(bundle->x);
    EVP_PKEY_free(bundle->pkey);

    memset(bundle, 0, sizeof(acm_bundle_t));
}


static acm_rc_t
acm_import_leaf(acm_import_t *imp, const acm_str_t *pem, acm_err_t *err)
{
    acm_rc_t          rc;
    acm_pem_input_t   in;
    acm_pem_block_t   block;

    rc = acm_pem_open(&in, "certificate", pem, err);
    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_pem_next_cert(&in, &block, err);

    if (rc == ACM_NOTFOUND) {
        rc = acm_fail(err, ACM_INVALID, "certificate: there is no certificate "
                      "in PEM; it starts with \"-----BEGIN CERTIFICATE-----\""
                      " on a line of its own");

    } else if (rc == ACM_OK) {
        rc = acm_import_leaf_decode(imp, &in, &block, err);
        acm_pem_block_free(&block);
    }

    if (rc == ACM_OK) {
        rc = acm_pem_next_cert(&in, &block, err);

        if (rc == ACM_NOTFOUND) {
            rc = ACM_OK;

        } else if (rc == ACM_OK) {
            acm_pem_block_free(&block);
            rc = acm_fail(err, ACM_INVALID, "certificate: there is more than "
                          "one certificate; put all but the first into the "
                          "chain");
        }
    }

    acm_pem_close(&in);

    return rc;
}


static acm_rc_t
acm_import_leaf_decode(acm_import_t *imp, const acm_pem_input_t *in,
    const acm_pem_block_t *block, acm_err_t *err)
{
    size_t     len;
    acm_rc_t   rc;
    acm_err_t  why;

    len = (size_t) block->len;

    rc = acm_bare_decode(block->data, len, &imp->leaf, &imp->bare, &why);

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "%s: block %zu: %s", in->what, in->n,
                        why.text);
    }

    rc = acm_x509_encode(imp->leaf, &imp->der, err);

    /* one that was not in DER is not what its signature is looked for in */

    if (rc == ACM_OK && imp->bare.key != ACM_KEY_NONE
        && (imp->der.len != len || memcmp(imp->der.data, block->data, len)))
    {
        rc = acm_import_unbare(imp, err);
    }

    return rc;
}


/* Nothing is wrong, but it takes OpenSSL's objects to say what is. */

static acm_rc_t
acm_import_unbare(acm_import_t *imp, acm_err_t *err)
{
    X509_free(imp->leaf);
    imp->leaf = NULL;
    imp->bare.key = ACM_KEY_NONE;

    return acm_x509_decode(imp->der.data, imp->der.len, &imp->leaf, err);
}


/* The key that it was ordered with, as it is stored. */

static acm_rc_t
acm_import_key_ours(acm_import_t *imp, const acm_issued_key_t *key,
    acm_err_t *err)
{
    acm_rc_t  rc;

    if (imp->bare.key != ACM_KEY_NONE) {
        rc = acm_bare_key(&imp->bare, key->der_secret->data,
                          key->der_secret->len, 0, &imp->key_der);

        if (rc != ACM_NOTFOUND) {
            return (rc == ACM_OK) ? ACM_OK
                   : acm_fail(err, rc, "out of memory for a private key");
        }

        rc = acm_import_unbare(imp, err);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    if (key->pkey != NULL && EVP_PKEY_up_ref(key->pkey) == 1) {
        imp->works = 1;
        imp->pkey = key->pkey;

        return ACM_OK;
    }

    return acm_key_decode(key->type, key->der_secret->data,
                          key->der_secret->len, &imp->pkey, err);
}


static acm_rc_t
acm_import_key(acm_import_t *imp, const acm_str_t *pem, acm_err_t *err)
{
    acm_rc_t          rc;
    EVP_PKEY         *more;
    acm_pem_input_t   in;
    acm_pem_block_t   block;

    rc = acm_pem_open(&in, "private key", pem, err);
    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_import_key_read(imp, &in, err);

    if (rc == ACM_NOTFOUND) {
        rc = acm_fail(err, ACM_INVALID, "private key: there is no private key "
                      "in PEM%s", in.n != 0 ? ", only EC parameters" : "");

    } else if (rc == ACM_OK) {
        rc = acm_pem_next_key(&in, &block, err);

        if (rc == ACM_NOTFOUND) {
            rc = ACM_OK;

        } else if (rc == ACM_OK) {
            rc = acm_pem_block_key(&in, &block, &more, err);
            acm_pem_block_free(&block);

            if (rc == ACM_OK) {
                EVP_PKEY_free(more);
                rc = acm_fail(err, ACM_INVALID, "private key: there is more "
                              "than one private key");
            }
        }
    }

    acm_pem_close(&in);

    return rc;
}


static acm_rc_t
acm_import_key_read(acm_import_t *imp, acm_pem_input_t *in, acm_err_t *err)
{
    int               pkcs8;
    acm_rc_t          rc;
    acm_pem_block_t   block;

    rc = acm_pem_next_key(in, &block, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = ACM_NOTFOUND;
    pkcs8 = (strcmp(block.name, PEM_STRING_PKCS8INF) == 0);

    if (imp->bare.key != ACM_KEY_NONE) {

        if (block.header[0] == '\0'
            && (pkcs8 || strcmp(block.name, PEM_STRING_ECPRIVATEKEY) == 0))
        {
            rc = acm_bare_key(&imp->bare, block.data, (size_t) block.len,
                              pkcs8, &imp->key_der);
        }

        if (rc == ACM_NOTFOUND && acm_import_unbare(imp, err) != ACM_OK) {
            rc = ACM_NOMEM;

        } else if (rc == ACM_NOMEM) {
            (void) acm_fail(err, rc, "out of memory for a private key");
        }
    }

    if (rc == ACM_NOTFOUND) {
        rc = acm_pem_block_key(in, &block, &imp->pkey, err);
    }

    acm_pem_block_free(&block);

    return rc;
}


static acm_rc_t
acm_import_chain(acm_import_t *imp, const acm_str_t *pem, acm_err_t *err)
{
    acm_rc_t          rc;
    acm_pem_input_t   in;

    if (acm_x509_seen_chain(imp->seen, pem, imp->chain, &imp->nchain)) {
        return ACM_OK;
    }

    rc = acm_pem_open(&in, "certificate chain", pem, err);
    if (rc != ACM_OK) {
        return rc;
    }

    do {
        rc = acm_import_chain_read(imp, &in, err);
    } while (rc == ACM_OK);

    acm_pem_close(&in);

    if (rc != ACM_NOTFOUND) {
        return rc;
    }

    /* text alone is a broken copy, not an empty chain */

    if (imp->nchain == 0 && pem->len != 0) {
        return acm_fail(err, ACM_INVALID, "certificate chain: there is no "
                        "certificate in PEM; leave the chain empty if there "
                        "is none");
    }

    acm_x509_seen_keep(imp->seen, pem, imp->chain, imp->nchain);

    return ACM_OK;
}


static acm_rc_t
acm_import_chain_read(acm_import_t *imp, acm_pem_input_t *in, acm_err_t *err)
{
    X509             *x;
    acm_rc_t          rc;
    acm_err_t         why;
    acm_pem_block_t   block;

    rc = acm_pem_next_cert(in, &block, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_x509_decode_seen(imp->seen, block.data, (size_t) block.len, &x,
                              &why);

    acm_pem_block_free(&block);

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "%s: block %zu: %s", in->what, in->n,
                        why.text);
    }

    if (imp->nchain == ACM_MAX_CHAIN) {
        X509_free(x);
        return acm_fail(err, ACM_TOOBIG, "certificate chain: there are more "
                        "than %d certificates", ACM_MAX_CHAIN);
    }

    imp->chain[imp->nchain++] = x;

    return ACM_OK;
}


static acm_rc_t
acm_import_check(acm_import_t *imp, int64_t now, acm_x509_info_t *info,
    acm_err_t *err)
{
    size_t    i;
    X509     *x;
    char      what[64];
    acm_rc_t  rc;

    rc = acm_x509_info_key(imp->leaf, imp->bare.key, info, err);

    if (rc == ACM_OK) {
        rc = acm_import_check_dates(imp->leaf, "certificate", now, err);
    }

    /* the weakest curve is as strong as RSA of 3072 bits */

    if (rc == ACM_OK && imp->bare.key == ACM_KEY_NONE) {
        rc = acm_import_check_key_strength(imp->leaf, "certificate", err);
    }

    if (rc == ACM_OK) {
        rc = acm_import_check_strength(imp->leaf, "certificate", 0, err);
    }

    if (rc == ACM_OK) {
        rc = acm_import_check_key(imp, err);
    }

    for (i = 0; i < imp->nchain && rc == ACM_OK; i++) {
        x = imp->chain[i];

        (void) BIO_snprintf(what, sizeof(what), "certificate %zu of the chain",
                            i + 1);

        rc = acm_import_check_issuer(imp, i, err);

        if (rc == ACM_OK) {
            rc = acm_import_check_dates(x, what, now, err);
        }

        if (rc == ACM_OK) {
            rc = acm_import_check_key_strength(x, what, err);
        }

        if (rc == ACM_OK) {
            rc = acm_import_check_strength(x, what,
                                           X509_self_signed(x, 0) == 1, err);
        }
    }

    return rc;
}


/* OpenSSL would take a mismatched pair and fail in each handshake. */

static acm_rc_t
acm_import_check_key(acm_import_t *imp, acm_err_t *err)
{
    if (imp->bare.key != ACM_KEY_NONE) {
        return ACM_OK;       /* it was, or it would not be bare */
    }

    if (!acm_x509_match(imp->leaf, imp->pkey)) {
        return acm_fail(err, ACM_INVALID, "private key does not match the "
                        "certificate; give the key that the certificate was "
                        "requested with");
    }

    if (!imp->works && !acm_import_key_works(imp->leaf, imp->pkey)) {
        return acm_fail(err, ACM_INVALID, "private key does not match its own "
                        "public half: it is damaged");
    }

    return ACM_OK;
}


/* The public half may be right and the private one not: sign something. */

static int
acm_import_key_works(X509 *x, EVP_PKEY *pkey)
{
    int            ok;
    size_t         len;
    EVP_MD_CTX    *ctx;
    unsigned char  sig[1024];

    len = sizeof(sig);

    ctx = EVP_MD_CTX_new();

    ok = ctx != NULL
         && EVP_PKEY_get_size(pkey) <= (int) sizeof(sig)
         && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1
         && EVP_DigestSign(ctx, sig, &len, (const unsigned char *) "acm", 3)
            == 1
         && EVP_MD_CTX_reset(ctx) == 1
         && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL,
                                 X509_get0_pubkey(x))
            == 1
         && EVP_DigestVerify(ctx, sig, len, (const unsigned char *) "acm", 3)
            == 1;

    EVP_MD_CTX_free(ctx);
    ERR_clear_error();

    return ok;
}


/* Certificate i of the chain must certify the one before it. */

static acm_rc_t
acm_import_check_issuer(const acm_import_t *imp, size_t i, acm_err_t *err)
{
    long    pathlen;
    X509   *x, *issuer;
    size_t  j, below;

    x = i == 0 ? imp->leaf : imp->chain[i - 1];
    issuer = imp->chain[i];

    if (X509_cmp(x, issuer) == 0) {
        return acm_fail(err, ACM_INVALID, "certificate %zu of the chain is "
                        "%s again and does not certify it; leave it out",
                        i + 1, i == 0 ? "the certificate itself"
                                      : "the one before it");
    }

    if (!acm_import_certifies(imp, i)) {
        return acm_fail(err, ACM_INVALID, "certificate %zu of the chain does "
                        "not certify %s; order the chain from the issuer of "
                        "the certificate upwards, without gaps", i + 1,
                        i == 0 ? "the certificate" : "the one before it");
    }

    for (below = 0, j = 0; j < i; j++) {

        if ((X509_get_extension_flags(imp->chain[j]) & EXFLAG_SI) == 0) {
            below++;
        }
    }

    pathlen = X509_get_pathlen(issuer);

    if (pathlen >= 0 && below > (size_t) pathlen) {
        return acm_fail(err, ACM_INVALID, "certificate %zu of the chain may "
                        "not certify a path of this length; its limit is %ld",
                        i + 1, pathlen);
    }

    return ACM_OK;
}


static int
acm_import_certifies(const acm_import_t *imp, size_t i)
{
    int        ca, ok;
    X509      *x, *issuer;
    EVP_PKEY  *pkey;

    x = (i == 0) ? imp->leaf : imp->chain[i - 1];
    issuer = imp->chain[i];

    if (i != 0 && acm_x509_seen_pair(imp->seen, x, issuer)) {
        return 1;
    }

    /* 1: basic constraints; 3: a self-signed root of version 1 */

    ca = X509_check_ca(issuer);
    pkey = X509_get0_pubkey(issuer);

    ok = (ca == 1 || ca == 3) && pkey != NULL
         && X509_check_issued(issuer, x) == X509_V_OK;

    if (ok && i == 0 && imp->bare.key != ACM_KEY_NONE) {
        ok = acm_bare_signed(&imp->bare, x, &imp->der, pkey);

    } else if (ok) {
        ok = (X509_verify(x, pkey) == 1);
    }

    if (ok && i != 0) {
        acm_x509_seen_add(imp->seen, x, issuer);
    }

    ERR_clear_error();

    return ok;
}


static acm_rc_t
acm_import_check_dates(X509 *x, const char *what, int64_t now,
    acm_err_t *err)
{
    char      at[32];
    int64_t   from, to;
    acm_rc_t  rc;

    rc = acm_x509_dates(x, &from, &to, err);
    if (rc != ACM_OK) {
        return rc;
    }

    if (now < from) {
        return acm_fail(err, ACM_INVALID, "%s is not valid before %s", what,
                        acm_time_text(from, at));
    }

    if (now > to) {
        return acm_fail(err, ACM_INVALID, "%s expired at %s", what,
                        acm_time_text(to, at));
    }

    return ACM_OK;
}


/* What OpenSSL's security level 2 refuses would break handshakes. */

static acm_rc_t
acm_import_check_key_strength(X509 *x, const char *what, acm_err_t *err)
{
    EVP_PKEY  *pkey;

    pkey = X509_get0_pubkey(x);

    if (pkey == NULL || EVP_PKEY_get_security_bits(pkey)
                        < ACM_MIN_SECURITY_BITS)
    {
        return acm_fail(err, ACM_INVALID, "key of the %s is too weak for TLS "
                        "or unknown; use RSA of 2048 bits or more, or EC",
                        what);
    }

    return ACM_OK;
}


static acm_rc_t
acm_import_check_strength(X509 *x, const char *what, int root,
    acm_err_t *err)
{
    int  bits;

    /* nobody checks the signature of a root */

    if (root) {
        return ACM_OK;
    }

    if (X509_get_signature_info(x, NULL, NULL, &bits, NULL) != 1
        || bits < ACM_MIN_SECURITY_BITS)
    {
        return acm_fail(err, ACM_INVALID, "signature of the %s is too weak "
                        "for TLS or unknown; have it signed with SHA-256",
                        what);
    }

    return ACM_OK;
}


static acm_rc_t
acm_import_encode(acm_import_t *imp, acm_bundle_t *bundle, acm_err_t *err)
{
    size_t    i;
    acm_rc_t  rc;

    bundle->leaf = imp->der;
    memset(&imp->der, 0, sizeof(acm_str_t));

    rc = ACM_OK;

    for (i = 0; i < imp->nchain && rc == ACM_OK; i++) {
        rc = acm_x509_encode(imp->chain[i], &bundle->chain[i], err);

        if (rc == ACM_OK) {
            bundle->nchain++;
        }
    }

    if (rc != ACM_OK) {
        return rc;
    }

    if (imp->key_der.data != NULL) {
        bundle->key_secret = imp->key_der;
        memset(&imp->key_der, 0, sizeof(acm_str_t));

        return ACM_OK;
    }

    if (imp->der_secret == NULL) {
        return acm_key_encode(imp->pkey, &bundle->key_secret, err);
    }

    bundle->key_secret.len = imp->der_secret->len;
    bundle->key_secret.data = acm_memdup(imp->der_secret->data,
                                         imp->der_secret->len);

    if (bundle->key_secret.data == NULL) {
        return acm_fail(err, ACM_NOMEM, "out of memory for a private key");
    }

    return ACM_OK;
}
