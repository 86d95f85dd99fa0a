
/*
 * Copyright (C) The ngx_acm authors
 */


#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "acm_x509.h"


#define ACM_MIN_SECURITY_BITS  112   /* OpenSSL's security level 2 */


typedef struct {
    const char       *what;          /* names the input in error texts */
    size_t            n;             /* blocks read so far */
    BIO              *bio;
    acm_x509_seen_t  *seen;          /* or NULL */
} acm_pem_input_t;


/* raw: no pass phrase is ever asked for, as nothing here decrypts */

typedef struct {
    char           *name;
    char           *header;
    unsigned char  *data;
    long            len;
} acm_pem_block_t;


/* the certificates of an import while they are checked */

typedef struct {
    X509             *leaf;
    X509             *chain[ACM_MAX_CHAIN];
    size_t            nchain;
    EVP_PKEY         *pkey;
    const acm_str_t  *der_secret;    /* the key as it was given, or NULL */
    acm_x509_seen_t  *seen;          /* of the chain, or NULL */
    unsigned          works:1;       /* the key has signed already */
} acm_import_t;


static acm_rc_t acm_pem_open(acm_pem_input_t *in, const char *what,
    const acm_str_t *pem, acm_err_t *err);
static acm_rc_t acm_pem_next(acm_pem_input_t *in, acm_pem_block_t *block,
    acm_err_t *err);
static void acm_pem_block_free(acm_pem_block_t *block);
static acm_rc_t acm_pem_encrypted(const acm_pem_input_t *in, acm_err_t *err);
static acm_rc_t acm_pem_read_x509(acm_pem_input_t *in, X509 **x,
    acm_err_t *err);
static acm_rc_t acm_pem_read_key(acm_pem_input_t *in, EVP_PKEY **pkey,
    acm_err_t *err);
static acm_rc_t acm_pem_block_key(const acm_pem_input_t *in,
    const acm_pem_block_t *block, EVP_PKEY **pkey, acm_err_t *err);
static EVP_PKEY *acm_pem_pkcs8(const uint8_t *der, size_t len);
static acm_rc_t acm_import_finish(acm_import_t *imp, acm_rc_t rc,
    const acm_str_t *chain_pem, int64_t now, acm_bundle_t *bundle,
    acm_err_t *err);
static acm_rc_t acm_import_leaf(acm_import_t *imp, const acm_str_t *pem,
    acm_err_t *err);
static acm_rc_t acm_import_key(acm_import_t *imp, const acm_str_t *pem,
    acm_err_t *err);
static acm_rc_t acm_import_chain(acm_import_t *imp, const acm_str_t *pem,
    acm_err_t *err);
static acm_rc_t acm_import_check(acm_import_t *imp, int64_t now,
    acm_x509_info_t *info, acm_err_t *err);
static acm_rc_t acm_import_check_key(acm_import_t *imp, acm_err_t *err);
static int acm_import_key_works(X509 *x, EVP_PKEY *pkey);
static acm_rc_t acm_import_check_issuer(const acm_import_t *imp, size_t i,
    acm_err_t *err);
static int acm_import_certifies(X509 *issuer, X509 *x);
static acm_rc_t acm_import_check_dates(X509 *x, const char *what,
    int64_t now, acm_err_t *err);
static acm_rc_t acm_import_check_strength(X509 *x, const char *what,
    int root, acm_err_t *err);
static acm_rc_t acm_import_encode(const acm_import_t *imp,
    acm_bundle_t *bundle, acm_err_t *err);
static acm_rc_t acm_pem_take(BIO *bio, acm_str_t *pem, acm_err_t *err);


acm_rc_t
acm_bundle_parse(const acm_str_t *cert_pem, const acm_str_t *key_pem,
    const acm_str_t *chain_pem, int64_t now, acm_bundle_t *bundle,
    acm_err_t *err)
{
    acm_rc_t      rc;
    acm_import_t  imp;

    memset(&imp, 0, sizeof(acm_import_t));

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

    imp.works = (key->pkey != NULL && EVP_PKEY_up_ref(key->pkey) == 1);
    imp.pkey = imp.works ? key->pkey : NULL;

    rc = imp.works ? ACM_OK
                   : acm_key_decode(key->type, key->der_secret->data,
                                    key->der_secret->len, &imp.pkey, err);

    if (rc == ACM_OK) {
        rc = acm_import_leaf(&imp, cert_pem, err);
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
acm_pem_open(acm_pem_input_t *in, const char *what, const acm_str_t *pem,
    acm_err_t *err)
{
    size_t          len;
    const uint8_t  *data;

    in->what = what;
    in->n = 0;
    in->seen = NULL;

    data = pem->data;
    len = pem->len;

    if (len > ACM_MAX_PEM) {
        return acm_fail(err, ACM_TOOBIG, "%s has %zu octets; the limit is %d",
                        what, len, ACM_MAX_PEM);
    }

    /* a byte order mark would hide the first block */

    if (len >= 3 && data[0] == 0xef && data[1] == 0xbb && data[2] == 0xbf) {
        data += 3;
        len -= 3;
    }

    in->bio = BIO_new_mem_buf(len != 0 ? (const void *) data : "", (int) len);

    if (in->bio == NULL) {
        return acm_fail_ssl(err, ACM_NOMEM, "cannot read the %s", what);
    }

    return ACM_OK;
}


/* The next block whatever its kind; ACM_NOTFOUND at the end. */

static acm_rc_t
acm_pem_next(acm_pem_input_t *in, acm_pem_block_t *block, acm_err_t *err)
{
    unsigned long  code;

    memset(block, 0, sizeof(acm_pem_block_t));

    if (PEM_read_bio(in->bio, &block->name, &block->header, &block->data,
                     &block->len)
        == 1)
    {
        in->n++;
        return ACM_OK;
    }

    code = ERR_peek_last_error();

    if (ERR_GET_LIB(code) == ERR_LIB_PEM
        && ERR_GET_REASON(code) == PEM_R_NO_START_LINE)
    {
        ERR_clear_error();
        return ACM_NOTFOUND;
    }

    return acm_fail_ssl(err, ACM_INVALID, "%s: block %zu is no well-formed "
                        "PEM; copy it again, from its BEGIN to its END line",
                        in->what, in->n + 1);
}


static void
acm_pem_block_free(acm_pem_block_t *block)
{
    OPENSSL_free(block->name);
    OPENSSL_free(block->header);
    OPENSSL_clear_free(block->data, (size_t) block->len);
}


static acm_rc_t
acm_pem_encrypted(const acm_pem_input_t *in, acm_err_t *err)
{
    return acm_fail(err, ACM_INVALID, "%s: block %zu is encrypted; decrypt it "
                    "first, for example by \"openssl pkey\"", in->what, in->n);
}


/* ACM_NOTFOUND at the end; any other kind of block is a mistake. */

static acm_rc_t
acm_pem_read_x509(acm_pem_input_t *in, X509 **x, acm_err_t *err)
{
    acm_rc_t         rc;
    acm_err_t        why;
    acm_pem_block_t  block;

    rc = acm_pem_next(in, &block, err);
    if (rc != ACM_OK) {
        return rc;
    }

    if (strcmp(block.name, PEM_STRING_X509) != 0
        && strcmp(block.name, PEM_STRING_X509_OLD) != 0)
    {
        rc = acm_fail(err, ACM_INVALID, "%s: block %zu is \"%.40s\" and not a "
                      "certificate; leave it out", in->what, in->n,
                      block.name);

    } else if (block.header[0] != '\0') {
        rc = acm_pem_encrypted(in, err);

    } else {
        rc = acm_x509_decode_seen(in->seen, block.data, (size_t) block.len, x,
                                  &why);

        if (rc != ACM_OK) {
            (void) acm_fail(err, rc, "%s: block %zu: %s", in->what, in->n,
                            why.text);
        }
    }

    acm_pem_block_free(&block);

    return rc;
}


/* Skips EC parameters: the key repeats them, RFC 5915 s3. */

static acm_rc_t
acm_pem_read_key(acm_pem_input_t *in, EVP_PKEY **pkey, acm_err_t *err)
{
    acm_rc_t         rc;
    acm_pem_block_t  block;

    for ( ;; ) {
        rc = acm_pem_next(in, &block, err);
        if (rc != ACM_OK) {
            return rc;
        }

        if (strcmp(block.name, PEM_STRING_ECPARAMETERS) != 0) {
            break;
        }

        acm_pem_block_free(&block);
    }

    rc = acm_pem_block_key(in, &block, pkey, err);

    acm_pem_block_free(&block);

    return rc;
}


static acm_rc_t
acm_pem_block_key(const acm_pem_input_t *in, const acm_pem_block_t *block,
    EVP_PKEY **pkey, acm_err_t *err)
{
    int             type;
    size_t          len;
    EVP_PKEY       *p;
    const uint8_t  *pos;

    pos = block->data;
    len = (size_t) block->len;
    type = EVP_PKEY_NONE;

    if (strcmp(block->name, PEM_STRING_PKCS8) == 0
        || strstr(block->header, "ENCRYPTED") != NULL)
    {
        return acm_pem_encrypted(in, err);
    }

    if (strcmp(block->name, PEM_STRING_RSA) == 0) {
        type = EVP_PKEY_RSA;

    } else if (strcmp(block->name, PEM_STRING_ECPRIVATEKEY) == 0) {
        type = EVP_PKEY_EC;

    } else if (strcmp(block->name, PEM_STRING_PKCS8INF) != 0) {
        return acm_fail(err, ACM_INVALID, "%s: block %zu is \"%.40s\" and not "
                        "an RSA or EC private key in PEM", in->what, in->n,
                        block->name);
    }

    if (len > ACM_MAX_KEY_DER) {
        return acm_fail(err, ACM_TOOBIG, "%s: block %zu has %zu octets; the "
                        "limit is %d", in->what, in->n, len, ACM_MAX_KEY_DER);
    }

    if (type == EVP_PKEY_NONE) {
        p = acm_pem_pkcs8(pos, len);

    } else {
        p = d2i_PrivateKey(type, NULL, &pos, (long) len);

        if (p != NULL && pos != block->data + len) {
            EVP_PKEY_free(p);
            p = NULL;
        }
    }

    if (p == NULL) {
        return acm_fail_ssl(err, ACM_INVALID, "%s: block %zu is not a "
                            "well-formed private key", in->what, in->n);
    }

    *pkey = p;

    return ACM_OK;
}


static EVP_PKEY *
acm_pem_pkcs8(const uint8_t *der, size_t len)
{
    EVP_PKEY             *pkey;
    const uint8_t        *pos;
    PKCS8_PRIV_KEY_INFO  *p8;

    pos = der;

    p8 = d2i_PKCS8_PRIV_KEY_INFO(NULL, &pos, (long) len);
    if (p8 == NULL) {
        return NULL;
    }

    pkey = pos == der + len ? EVP_PKCS82PKEY(p8) : NULL;

    PKCS8_PRIV_KEY_INFO_free(p8);

    return pkey;
}


static acm_rc_t
acm_import_leaf(acm_import_t *imp, const acm_str_t *pem, acm_err_t *err)
{
    X509             *more;
    acm_rc_t          rc;
    acm_pem_input_t   in;

    rc = acm_pem_open(&in, "certificate", pem, err);
    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_pem_read_x509(&in, &imp->leaf, err);

    if (rc == ACM_NOTFOUND) {
        rc = acm_fail(err, ACM_INVALID, "certificate: there is no certificate "
                      "in PEM; it starts with \"-----BEGIN CERTIFICATE-----\""
                      " on a line of its own");

    } else if (rc == ACM_OK) {
        rc = acm_pem_read_x509(&in, &more, err);

        if (rc == ACM_NOTFOUND) {
            rc = ACM_OK;

        } else if (rc == ACM_OK) {
            X509_free(more);
            rc = acm_fail(err, ACM_INVALID, "certificate: there is more than "
                          "one certificate; put all but the first into the "
                          "chain");
        }
    }

    BIO_free(in.bio);

    return rc;
}


static acm_rc_t
acm_import_key(acm_import_t *imp, const acm_str_t *pem, acm_err_t *err)
{
    acm_rc_t          rc;
    EVP_PKEY         *more;
    acm_pem_input_t   in;

    rc = acm_pem_open(&in, "private key", pem, err);
    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_pem_read_key(&in, &imp->pkey, err);

    if (rc == ACM_NOTFOUND) {
        rc = acm_fail(err, ACM_INVALID, "private key: there is no private key "
                      "in PEM%s", in.n != 0 ? ", only EC parameters" : "");

    } else if (rc == ACM_OK) {
        rc = acm_pem_read_key(&in, &more, err);

        if (rc == ACM_NOTFOUND) {
            rc = ACM_OK;

        } else if (rc == ACM_OK) {
            EVP_PKEY_free(more);
            rc = acm_fail(err, ACM_INVALID, "private key: there is more than "
                          "one private key");
        }
    }

    BIO_free(in.bio);

    return rc;
}


static acm_rc_t
acm_import_chain(acm_import_t *imp, const acm_str_t *pem, acm_err_t *err)
{
    X509             *x;
    acm_rc_t          rc;
    acm_pem_input_t   in;

    rc = acm_pem_open(&in, "certificate chain", pem, err);
    if (rc != ACM_OK) {
        return rc;
    }

    in.seen = imp->seen;

    for ( ;; ) {
        rc = acm_pem_read_x509(&in, &x, err);
        if (rc != ACM_OK) {
            break;
        }

        if (imp->nchain == ACM_MAX_CHAIN) {
            X509_free(x);
            rc = acm_fail(err, ACM_TOOBIG, "certificate chain: there are more "
                          "than %d certificates", ACM_MAX_CHAIN);
            break;
        }

        imp->chain[imp->nchain++] = x;
    }

    BIO_free(in.bio);

    if (rc != ACM_NOTFOUND) {
        return rc;
    }

    /* text alone is a broken copy, not an empty chain */

    if (imp->nchain == 0 && pem->len != 0) {
        return acm_fail(err, ACM_INVALID, "certificate chain: there is no "
                        "certificate in PEM; leave the chain empty if there "
                        "is none");
    }

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

    rc = acm_x509_info(imp->leaf, info, err);

    if (rc == ACM_OK) {
        rc = acm_import_check_dates(imp->leaf, "certificate", now, err);
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

    if (!acm_import_certifies(issuer, x)) {
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
acm_import_certifies(X509 *issuer, X509 *x)
{
    int        ca, ok;
    EVP_PKEY  *pkey;

    /* 1: basic constraints; 3: a self-signed root of version 1 */

    ca = X509_check_ca(issuer);
    pkey = X509_get0_pubkey(issuer);

    ok = (ca == 1 || ca == 3) && pkey != NULL
         && X509_check_issued(issuer, x) == X509_V_OK
         && X509_verify(x, pkey) == 1;

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
acm_import_check_strength(X509 *x, const char *what, int root,
    acm_err_t *err)
{
    int        bits;
    EVP_PKEY  *pkey;

    pkey = X509_get0_pubkey(x);

    if (pkey == NULL || EVP_PKEY_get_security_bits(pkey)
                        < ACM_MIN_SECURITY_BITS)
    {
        return acm_fail(err, ACM_INVALID, "key of the %s is too weak for TLS "
                        "or unknown; use RSA of 2048 bits or more, or EC",
                        what);
    }

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
acm_import_encode(const acm_import_t *imp, acm_bundle_t *bundle,
    acm_err_t *err)
{
    size_t    i;
    acm_rc_t  rc;

    rc = acm_x509_encode(imp->leaf, &bundle->leaf, err);

    for (i = 0; i < imp->nchain && rc == ACM_OK; i++) {
        rc = acm_x509_encode(imp->chain[i], &bundle->chain[i], err);

        if (rc == ACM_OK) {
            bundle->nchain++;
        }
    }

    if (rc != ACM_OK) {
        return rc;
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


acm_rc_t
acm_pem_certificate(const acm_str_t *der, acm_str_t *pem, acm_err_t *err)
{
    BIO       *bio;
    acm_rc_t   rc;

    bio = BIO_new(BIO_s_mem());

    if (bio == NULL
        || PEM_write_bio(bio, PEM_STRING_X509, "", der->data, (long) der->len)
           <= 0)
    {
        rc = acm_fail_ssl(err, ACM_ERROR, "cannot write a certificate as PEM");

    } else {
        rc = acm_pem_take(bio, pem, err);
    }

    BIO_free(bio);

    return rc;
}


acm_rc_t
acm_pem_key(acm_key_e key, const acm_str_t *der_secret,
    acm_str_t *pem_secret, acm_err_t *err)
{
    BIO       *bio;
    acm_rc_t   rc;
    EVP_PKEY  *pkey;

    rc = acm_key_decode(key, der_secret->data, der_secret->len, &pkey, err);
    if (rc != ACM_OK) {
        return rc;
    }

    /* BIO_free() wipes what a memory BIO holds */

    bio = BIO_new(BIO_s_mem());

    if (bio == NULL
        || PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)
           != 1)
    {
        rc = acm_fail_ssl(err, ACM_ERROR, "cannot write a private key as PEM");

    } else {
        rc = acm_pem_take(bio, pem_secret, err);
    }

    BIO_free(bio);
    EVP_PKEY_free(pkey);

    return rc;
}


static acm_rc_t
acm_pem_take(BIO *bio, acm_str_t *pem, acm_err_t *err)
{
    char     *text;
    long      len;
    uint8_t  *data;

    len = BIO_get_mem_data(bio, &text);

    data = acm_memdup(text, (size_t) len);
    if (data == NULL) {
        return acm_fail(err, ACM_NOMEM, "out of memory for PEM");
    }

    pem->data = data;
    pem->len = (size_t) len;

    return ACM_OK;
}
