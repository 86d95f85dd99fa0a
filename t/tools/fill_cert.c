
/*
 * Copyright (C) The ngx_acm authors
 */


#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fill_cert.h"


#define FILL_SERIAL      "\x40\x66\x69\x6c\x6c\x00\x00\x00\x00"
#define FILL_SERIAL_LEN  9
#define FILL_CA_LIFE     (3650 * 86400)
#define FILL_PLACES      4               /* of a name in one certificate */
#define FILL_MAX_DER     8192


/* what all certificates of one key have in common */

typedef struct {
    EVP_PKEY           *pkey;
    acm_str_t           key_secret;
    acm_x509_info_t     info;
    uint8_t            *tbs;
    size_t              len;
    size_t              serial;              /* offsets */
    size_t              names[FILL_PLACES];
    size_t              nnames;
} fill_leaf_t;


struct fill_ca_s {
    EVP_PKEY           *pkey;
    X509               *x;
    acm_str_t           der;
    acm_key_e           type;
    int64_t             now;
    uint8_t            *algorithm;           /* DER of a signature's */
    size_t              algorithm_len;
    EVP_MD_CTX         *md;
    size_t              nkeys;
    fill_leaf_t         leaf[FILL_KEYS];
    uint8_t             out[FILL_MAX_DER];
    char                name[FILL_NAME_LEN + 1];
    char                subject[FILL_NAME_LEN + 4];
    char                serial[FILL_SERIAL_LEN * 3];
    char               *list[1];
};


static acm_rc_t
fill_read(const char *dir, fill_ca_t *ca)
{
    char   path[4096];
    FILE  *f;

    snprintf(path, sizeof(path), "%s/ca.key", dir);
    f = fopen(path, "r");

    if (f == NULL) {
        return ACM_NOTFOUND;
    }

    ca->pkey = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);

    snprintf(path, sizeof(path), "%s/ca.pem", dir);
    f = fopen(path, "r");

    if (f == NULL) {
        return ACM_ERROR;
    }

    ca->x = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);

    return (ca->pkey && ca->x) ? ACM_OK : ACM_ERROR;
}


static int
fill_write(const char *dir, const char *name, X509 *x, X509 *chain,
    EVP_PKEY *pkey)
{
    int    ok;
    char   path[4096];
    FILE  *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "w");

    if (f == NULL) {
        return 0;
    }

    ok = (x == NULL || PEM_write_X509(f, x) == 1)
         && (chain == NULL || PEM_write_X509(f, chain) == 1)
         && (pkey == NULL
             || PEM_write_PrivateKey(f, pkey, NULL, NULL, 0, NULL, NULL)
                == 1);

    return (fclose(f) == 0) && ok;
}


static int
fill_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    int              ok;
    X509V3_CTX       ctx;
    X509_EXTENSION  *ext;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);

    ok = ext && X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);

    return ok;
}


/* A certificate as public CAs make them, but for SCTs and URLs. */

static X509 *
fill_x509(const char *name, EVP_PKEY *pkey, X509 *issuer, EVP_PKEY *signer,
    int ca, int64_t now)
{
    int            ok;
    X509          *x;
    X509_NAME     *subject;
    ASN1_INTEGER  *serial;

    x = X509_new();

    if (x == NULL) {
        return NULL;
    }

    subject = X509_get_subject_name(x);
    serial = X509_get_serialNumber(x);

    ok = X509_set_version(x, 2)
         && ASN1_STRING_set(serial, FILL_SERIAL, FILL_SERIAL_LEN)
         && X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                       (const uint8_t *) name, -1, -1, 0)
         && X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer)
                                           : subject)
         && ASN1_TIME_set(X509_getm_notBefore(x), (time_t) (now - 3600))
         && ASN1_TIME_set(X509_getm_notAfter(x),
                          (time_t) (now - 3600 + (ca ? FILL_CA_LIFE
                                                     : FILL_LIFE)))
         && X509_set_pubkey(x, pkey)
         && fill_extension(x, issuer ? issuer : x, NID_basic_constraints,
                           ca ? "critical,CA:TRUE" : "critical,CA:FALSE")
         && fill_extension(x, issuer ? issuer : x, NID_key_usage,
                           ca ? "critical,keyCertSign,cRLSign"
                              : "critical,digitalSignature")
         && fill_extension(x, issuer ? issuer : x,
                           NID_subject_key_identifier, "hash")
         && (issuer == NULL
             || fill_extension(x, issuer, NID_authority_key_identifier,
                               "keyid"));

    if (ok && !ca) {
        char  san[FILL_NAME_LEN + 5];

        snprintf(san, sizeof(san), "DNS:%s", name);

        ok = fill_extension(x, issuer, NID_ext_key_usage,
                            "serverAuth,clientAuth")
             && fill_extension(x, issuer, NID_subject_alt_name, san);
    }

    if (!ok || X509_sign(x, signer, EVP_sha256()) == 0) {
        X509_free(x);
        return NULL;
    }

    return x;
}


/* Root and intermediate; the root's key is not kept. */

static acm_rc_t
fill_make(const char *dir, fill_ca_t *ca, acm_err_t *err)
{
    int        ok;
    X509      *root;
    acm_rc_t   rc;
    EVP_PKEY  *key;

    if (mkdir(dir, 0755) == -1 && access(dir, W_OK) == -1) {
        return acm_fail(err, ACM_ERROR, "\"%s\" cannot be made", dir);
    }

    rc = acm_key_generate(ACM_KEY_EC_P256, &key, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_key_generate(ACM_KEY_EC_P256, &ca->pkey, err);

    if (rc != ACM_OK) {
        EVP_PKEY_free(key);
        return rc;
    }

    root = fill_x509("Root of tests", key, NULL, key, 1, ca->now);
    ca->x = root ? fill_x509("CA of tests", ca->pkey, root, key, 1, ca->now)
                 : NULL;

    ok = ca->x && fill_write(dir, "root.pem", root, NULL, NULL)
         && fill_write(dir, "ca.pem", ca->x, NULL, NULL)
         && fill_write(dir, "ca.key", NULL, NULL, ca->pkey);

    X509_free(root);
    EVP_PKEY_free(key);

    return ok ? ACM_OK
              : acm_fail_ssl(err, ACM_ERROR, "no CA in \"%s\"", dir);
}


/* Where the octets are that differ between certificates. */

static acm_rc_t
fill_places(fill_leaf_t *leaf, const char *name, acm_err_t *err)
{
    uint8_t  *p, *end;

    p = leaf->tbs;
    end = leaf->tbs + leaf->len;

    p = memmem(p, (size_t) (end - p), FILL_SERIAL, FILL_SERIAL_LEN);

    while (p) {
        if (leaf->serial == 0) {
            leaf->serial = (size_t) (p - leaf->tbs);

        } else if (leaf->nnames == FILL_PLACES) {
            break;

        } else {
            leaf->names[leaf->nnames++] = (size_t) (p - leaf->tbs);
        }

        p++;
        p = memmem(p, (size_t) (end - p), name, FILL_NAME_LEN);
    }

    return (leaf->nnames == 2) ? ACM_OK
           : acm_fail(err, ACM_ERROR, "a certificate has its name %zu times",
                      leaf->nnames);
}


static acm_rc_t
fill_leaf(fill_ca_t *ca, fill_leaf_t *leaf, acm_err_t *err)
{
    int        len;
    char       name[FILL_NAME_LEN + 1];
    X509      *x;
    acm_rc_t   rc;

    snprintf(name, sizeof(name), FILL_NAME, 0);

    rc = acm_key_generate(ca->type, &leaf->pkey, err);

    if (rc == ACM_OK) {
        rc = acm_key_encode(leaf->pkey, &leaf->key_secret, err);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    x = fill_x509(name, leaf->pkey, ca->x, ca->pkey, 0, ca->now);

    if (x == NULL) {
        return acm_fail_ssl(err, ACM_ERROR, "no certificate");
    }

    rc = acm_x509_info(x, &leaf->info, err);

    len = i2d_re_X509_tbs(x, &leaf->tbs);

    if (rc == ACM_OK && (len <= 0 || len > FILL_MAX_DER - 512)) {
        rc = acm_fail_ssl(err, ACM_ERROR, "no DER of a certificate");
    }

    if (rc == ACM_OK && ca->algorithm == NULL) {
        ca->algorithm_len = (size_t) i2d_X509_ALGOR(X509_get0_tbs_sigalg(x),
                                                    &ca->algorithm);
    }

    X509_free(x);

    if (rc != ACM_OK) {
        return rc;
    }

    leaf->len = (size_t) len;

    return fill_places(leaf, name, err);
}


acm_rc_t
fill_ca_open(const char *dir, acm_key_e key, int64_t now, fill_ca_t **out,
    acm_err_t *err)
{
    size_t      i;
    acm_rc_t    rc;
    fill_ca_t  *ca;

    ca = calloc(1, sizeof(fill_ca_t));

    if (ca == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for a CA");
    }

    ca->type = key;
    ca->now = now;
    ca->nkeys = (key == ACM_KEY_RSA_2048) ? FILL_RSA_KEYS : FILL_KEYS;
    ca->md = EVP_MD_CTX_new();
    ca->list[0] = ca->name;

    rc = fill_read(dir, ca);

    if (rc == ACM_NOTFOUND) {
        rc = fill_make(dir, ca, err);

    } else if (rc != ACM_OK) {
        (void) acm_fail_ssl(err, rc, "the CA in \"%s\" cannot be read", dir);
    }

    if (rc == ACM_OK) {
        rc = acm_x509_encode(ca->x, &ca->der, err);
    }

    for (i = 0; rc == ACM_OK && i < ca->nkeys; i++) {
        rc = fill_leaf(ca, &ca->leaf[i], err);
    }

    if (rc != ACM_OK) {
        fill_ca_close(ca);
        return rc;
    }

    *out = ca;

    return ACM_OK;
}


void
fill_ca_close(fill_ca_t *ca)
{
    size_t        i;
    fill_leaf_t  *leaf;

    for (i = 0; i < ca->nkeys; i++) {
        leaf = &ca->leaf[i];

        EVP_PKEY_free(leaf->pkey);
        acm_free_secret(leaf->key_secret.data, leaf->key_secret.len);
        acm_x509_info_free(&leaf->info);
        OPENSSL_free(leaf->tbs);
    }

    OPENSSL_free(ca->algorithm);
    EVP_MD_CTX_free(ca->md);
    EVP_PKEY_free(ca->pkey);
    X509_free(ca->x);
    acm_free(ca->der.data);
    free(ca);
}


/* The two octets of a length that needs them, behind a tag. */

static uint8_t *
fill_header(uint8_t *p, uint8_t tag, size_t len)
{
    *p++ = tag;

    if (len > 255) {
        *p++ = 0x82;
        *p++ = (uint8_t) (len >> 8);

    } else if (len > 127) {
        *p++ = 0x81;
    }

    *p++ = (uint8_t) len;

    return p;
}


/* The information that a certificate's record has. */

static void
fill_info(fill_ca_t *ca, fill_leaf_t *leaf, const uint8_t *serial,
    acm_bundle_t *bundle)
{
    size_t  i;

    for (i = 0; i < FILL_SERIAL_LEN; i++) {
        snprintf(ca->serial + 3 * i, 4, "%02x%s", serial[i],
                 (i + 1 < FILL_SERIAL_LEN) ? ":" : "");
    }

    snprintf(ca->subject, sizeof(ca->subject), "CN=%s", ca->name);

    bundle->info = leaf->info;
    bundle->info.domain = ca->name;
    bundle->info.names = ca->list;
    bundle->info.nnames = 1;
    bundle->info.subject = ca->subject;
    bundle->info.serial = ca->serial;
}


acm_rc_t
fill_ca_sign(fill_ca_t *ca, uint32_t i, uint32_t turn, acm_bundle_t *bundle,
    acm_err_t *err)
{
    size_t        n, len;
    uint8_t       sig[512], *p, *serial;
    fill_leaf_t  *leaf;

    leaf = &ca->leaf[i % ca->nkeys];
    serial = leaf->tbs + leaf->serial;

    for (n = 0; n < 4; n++) {
        serial[FILL_SERIAL_LEN - 1 - n] = (uint8_t) (i >> 8 * n);
        serial[FILL_SERIAL_LEN - 5 - n] = (uint8_t) (turn >> 8 * n);
    }

    snprintf(ca->name, sizeof(ca->name), FILL_NAME, i);

    for (n = 0; n < leaf->nnames; n++) {
        memcpy(leaf->tbs + leaf->names[n], ca->name, FILL_NAME_LEN);
    }

    len = sizeof(sig);

    if (EVP_MD_CTX_reset(ca->md) == 0
        || EVP_DigestSignInit(ca->md, NULL, EVP_sha256(), NULL, ca->pkey) != 1
        || EVP_DigestSign(ca->md, sig, &len, leaf->tbs, leaf->len) != 1)
    {
        return acm_fail_ssl(err, ACM_ERROR, "a certificate cannot be signed");
    }

    p = fill_header(ca->out, 0x30, leaf->len + ca->algorithm_len + len + 3);

    memcpy(p, leaf->tbs, leaf->len);
    p += leaf->len;
    memcpy(p, ca->algorithm, ca->algorithm_len);
    p += ca->algorithm_len;

    p = fill_header(p, 0x03, len + 1);
    *p++ = 0;
    memcpy(p, sig, len);
    p += len;

    memset(bundle, 0, sizeof(acm_bundle_t));
    bundle->leaf.data = ca->out;
    bundle->leaf.len = (size_t) (p - ca->out);
    bundle->chain[0] = ca->der;
    bundle->nchain = 1;
    bundle->key_secret = leaf->key_secret;

    fill_info(ca, leaf, serial, bundle);

    return ACM_OK;
}


acm_rc_t
fill_ca_files(fill_ca_t *ca, const char *dir, uint32_t from, uint32_t to,
    acm_err_t *err)
{
    int            ok;
    char           name[32];
    X509          *x;
    acm_rc_t       rc;
    uint32_t       i;
    acm_bundle_t   bundle;

    for (i = from; i < to; i++) {
        rc = fill_ca_sign(ca, i, 1, &bundle, err);

        if (rc != ACM_OK) {
            return rc;
        }

        rc = acm_x509_decode(bundle.leaf.data, bundle.leaf.len, &x, err);

        if (rc != ACM_OK) {
            return rc;
        }

        snprintf(name, sizeof(name), "%u.crt", i);
        ok = fill_write(dir, name, x, ca->x, NULL);
        X509_free(x);

        snprintf(name, sizeof(name), "%u.key", i);

        if (!ok
            || !fill_write(dir, name, NULL, NULL, ca->leaf[i % ca->nkeys].pkey))
        {
            return acm_fail(err, ACM_ERROR, "\"%s\" cannot be written", name);
        }
    }

    return ACM_OK;
}
