
/*
 * Copyright (C) The ngx_acm authors
 */


#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "acm_buf.h"
#include "acm_ca.h"


#define ACM_CA_BACKDATE    3600          /* seconds, of CA certificates */
#define ACM_CA_MAX_SERIAL  16            /* octets */


/* what a certificate is to be; the issuer is x itself when NULL */

typedef struct {
    X509        *issuer;
    EVP_PKEY    *issuer_key;
    EVP_PKEY    *key;
    int64_t      not_before;
    int64_t      not_after;
    const char  *basic_constraints;
    const char  *key_usage;
} acm_ca_form_t;


static acm_rc_t acm_ca_names(X509 *x, const char *name, const char *kind,
    acm_err_t *err);
static acm_rc_t acm_ca_issue_root(const char *name, EVP_PKEY *key,
    int64_t now, X509 **root, acm_err_t *err);
static acm_rc_t acm_ca_issue_issuing(const char *name, acm_ca_t *ca,
    X509 *root, EVP_PKEY *root_key, int64_t now, acm_err_t *err);
static acm_rc_t acm_ca_fill(X509 *x, const acm_ca_form_t *form,
    acm_err_t *err);
static acm_rc_t acm_ca_serial(X509 *x, acm_err_t *err);
static acm_rc_t acm_ca_extension(X509 *x, X509 *issuer, int nid,
    const char *value, acm_err_t *err);
static acm_rc_t acm_ca_crl(X509 *x, const char *url, acm_err_t *err);
static acm_rc_t acm_ca_open(const acm_ca_t *ca, X509 **issuing,
    EVP_PKEY **key, acm_err_t *err);
static acm_rc_t acm_ca_leaf(X509 *x, char *const *names, size_t nnames,
    const acm_ca_form_t *form, const char *crl_url, acm_err_t *err);
static acm_rc_t acm_ca_finish(X509 *x, EVP_PKEY *issuer_key, acm_str_t *der,
    acm_err_t *err);


acm_rc_t
acm_ca_create(const char *name, acm_key_e key, int64_t now, acm_ca_t *ca,
    acm_err_t *err)
{
    X509      *root;
    acm_rc_t   rc;
    EVP_PKEY  *root_key;

    root = NULL;
    root_key = NULL;
    memset(ca, 0, sizeof(acm_ca_t));
    ca->key = (key == ACM_KEY_NONE) ? ACM_KEY_EC_P256 : key;

    rc = acm_key_generate(ca->key, &root_key, err);

    if (rc == ACM_OK) {
        rc = acm_ca_issue_root(name, root_key, now, &root, err);
    }

    if (rc == ACM_OK) {
        rc = acm_x509_encode(root, &ca->root, err);
    }

    if (rc == ACM_OK) {
        rc = acm_key_encode(root_key, &ca->root_key_secret, err);
    }

    if (rc == ACM_OK) {
        rc = acm_ca_issue_issuing(name, ca, root, root_key, now, err);
    }

    if (rc != ACM_OK) {
        acm_ca_free(ca);
    }

    X509_free(root);
    EVP_PKEY_free(root_key);

    return rc;
}


acm_rc_t
acm_ca_renew_issuing(const char *name, int64_t now, acm_ca_t *ca,
    acm_err_t *err)
{
    X509      *root;
    acm_rc_t   rc;
    EVP_PKEY  *root_key;

    root_key = NULL;

    rc = acm_x509_decode(ca->root.data, ca->root.len, &root, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_key_decode(ca->key, ca->root_key_secret.data,
                        ca->root_key_secret.len, &root_key, err);

    if (rc == ACM_OK) {
        rc = acm_ca_issue_issuing(name, ca, root, root_key, now, err);
    }

    X509_free(root);
    EVP_PKEY_free(root_key);

    return rc;
}


void
acm_ca_free(acm_ca_t *ca)
{
    acm_free(ca->root.data);
    acm_free(ca->issuing.data);
    acm_free_secret(ca->root_key_secret.data, ca->root_key_secret.len);
    acm_free_secret(ca->issuing_key_secret.data, ca->issuing_key_secret.len);

    memset(ca, 0, sizeof(acm_ca_t));
}


static acm_rc_t
acm_ca_issue_root(const char *name, EVP_PKEY *key, int64_t now, X509 **root,
    acm_err_t *err)
{
    X509           *x;
    acm_rc_t        rc;
    acm_ca_form_t   form;

    x = X509_new();

    if (x == NULL) {
        return acm_fail_ssl(err, ACM_NOMEM, "no memory for a certificate");
    }

    memset(&form, 0, sizeof(acm_ca_form_t));
    form.issuer_key = key;
    form.key = key;
    form.not_before = now - ACM_CA_BACKDATE;
    form.not_after = acm_add_sat(now, ACM_CA_ROOT_LIFETIME);
    form.basic_constraints = "critical,CA:TRUE";
    form.key_usage = "critical,keyCertSign,cRLSign";

    rc = acm_ca_names(x, name, "root", err);

    if (rc == ACM_OK) {
        rc = acm_ca_fill(x, &form, err);
    }

    if (rc == ACM_OK && X509_sign(x, key, acm_x509_digest(key)) == 0) {
        rc = acm_fail_ssl(err, ACM_ERROR, "signing a root failed");
    }

    if (rc != ACM_OK) {
        X509_free(x);
        return rc;
    }

    *root = x;

    return ACM_OK;
}


/* Replaces the issuing CA in ca only when the new one is complete. */

static acm_rc_t
acm_ca_issue_issuing(const char *name, acm_ca_t *ca, X509 *root,
    EVP_PKEY *root_key, int64_t now, acm_err_t *err)
{
    X509           *x;
    int64_t         root_start, root_end;
    acm_rc_t        rc;
    EVP_PKEY       *key;
    acm_str_t       der, der_secret;
    acm_ca_form_t   form;

    key = NULL;
    memset(&der, 0, sizeof(acm_str_t));
    memset(&der_secret, 0, sizeof(acm_str_t));
    memset(&form, 0, sizeof(acm_ca_form_t));

    x = X509_new();

    if (x == NULL) {
        return acm_fail_ssl(err, ACM_NOMEM, "no memory for a certificate");
    }

    rc = acm_x509_dates(root, &root_start, &root_end, err);

    if (rc == ACM_OK) {
        rc = acm_key_generate(ca->key, &key, err);
    }

    if (rc == ACM_OK) {
        form.issuer = root;
        form.issuer_key = root_key;
        form.key = key;
        form.not_before = now - ACM_CA_BACKDATE;
        form.not_after = acm_add_sat(now, ACM_CA_ISSUING_LIFETIME);
        form.basic_constraints = "critical,CA:TRUE,pathlen:0";
        form.key_usage = "critical,keyCertSign,cRLSign";

        if (form.not_after > root_end) {
            form.not_after = root_end;
        }

        if (form.not_before < root_start) {
            form.not_before = root_start;
        }

        rc = acm_ca_names(x, name, "issuing CA", err);
    }

    if (rc == ACM_OK && form.not_after <= now) {
        rc = acm_fail(err, ACM_INVALID, "the root of CA \"%s\" has ended: "
                      "configure an issuer of another name", name);
    }

    if (rc == ACM_OK) {
        rc = acm_ca_fill(x, &form, err);
    }

    if (rc == ACM_OK) {
        rc = acm_ca_finish(x, root_key, &der, err);
    }

    if (rc == ACM_OK) {
        rc = acm_key_encode(key, &der_secret, err);
    }

    X509_free(x);
    EVP_PKEY_free(key);

    if (rc != ACM_OK) {
        acm_free(der.data);
        return rc;
    }

    acm_free(ca->issuing.data);
    acm_free_secret(ca->issuing_key_secret.data, ca->issuing_key_secret.len);

    ca->issuing = der;
    ca->issuing_key_secret = der_secret;

    return ACM_OK;
}


/* "O=ngx_acm, CN=internal root 1f2e3d4c": two CAs of one name can be told
   apart. */

static acm_rc_t
acm_ca_names(X509 *x, const char *name, const char *kind, acm_err_t *err)
{
    char        hex[9];
    uint8_t     rnd[4];
    acm_rc_t    rc;
    acm_buf_t   cn;
    X509_NAME  *dn;

    if (RAND_bytes(rnd, sizeof(rnd)) != 1) {
        return acm_fail_ssl(err, ACM_ERROR, "no random numbers");
    }

    acm_buf_init(&cn, ACM_MAX_CN);
    acm_buf_text(&cn, name);
    acm_buf_text(&cn, " ");
    acm_buf_text(&cn, kind);
    acm_buf_text(&cn, " ");
    acm_buf_text(&cn, acm_hex(rnd, sizeof(rnd), hex));

    dn = X509_get_subject_name(x);
    rc = acm_buf_rc(&cn);

    if (rc != ACM_OK) {
        rc = acm_fail(err, rc, "the name of CA \"%s\" is too long", name);

    } else if (X509_NAME_add_entry_by_txt(dn, "O", MBSTRING_ASC,
                                          (const uint8_t *) "ngx_acm", -1,
                                          -1, 0)
               == 0
               || X509_NAME_add_entry_by_txt(dn, "CN", MBSTRING_ASC, cn.data,
                                             (int) cn.len, -1, 0)
                  == 0)
    {
        rc = acm_fail_ssl(err, ACM_ERROR, "naming CA \"%s\" failed", name);
    }

    acm_buf_free(&cn);

    return rc;
}


/* Everything but subject, SAN and signature. */

static acm_rc_t
acm_ca_fill(X509 *x, const acm_ca_form_t *form, acm_err_t *err)
{
    X509      *issuer;
    acm_rc_t   rc;

    issuer = (form->issuer != NULL) ? form->issuer : x;

    rc = acm_ca_serial(x, err);

    if (rc != ACM_OK) {
        return rc;
    }

    if (X509_set_version(x, X509_VERSION_3) == 0
        || ASN1_TIME_set(X509_getm_notBefore(x), (time_t) form->not_before)
           == NULL
        || ASN1_TIME_set(X509_getm_notAfter(x), (time_t) form->not_after)
           == NULL
        || X509_set_issuer_name(x, X509_get_subject_name(issuer)) == 0
        || X509_set_pubkey(x, form->key) == 0)
    {
        return acm_fail_ssl(err, ACM_ERROR, "filling a certificate failed");
    }

    rc = acm_ca_extension(x, issuer, NID_basic_constraints,
                          form->basic_constraints, err);

    if (rc == ACM_OK) {
        rc = acm_ca_extension(x, issuer, NID_key_usage, form->key_usage,
                              err);
    }

    if (rc == ACM_OK) {
        rc = acm_ca_extension(x, issuer, NID_subject_key_identifier, "hash",
                              err);
    }

    if (rc == ACM_OK) {
        rc = acm_ca_extension(x, issuer, NID_authority_key_identifier,
                              "keyid:always", err);
    }

    return rc;
}


/* 128 random bits, positive and not zero: RFC 5280 s4.1.2.2 */

static acm_rc_t
acm_ca_serial(X509 *x, acm_err_t *err)
{
    int       ok;
    BIGNUM   *bn;
    uint8_t   rnd[ACM_CA_MAX_SERIAL];

    if (RAND_bytes(rnd, sizeof(rnd)) != 1) {
        return acm_fail_ssl(err, ACM_ERROR, "no random numbers");
    }

    if (rnd[0] == 0) {
        rnd[0] = 1;
    }

    bn = BN_bin2bn(rnd, sizeof(rnd), NULL);

    ok = (bn != NULL
          && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) != NULL);

    BN_free(bn);

    if (!ok) {
        return acm_fail_ssl(err, ACM_ERROR, "setting a serial number "
                            "failed");
    }

    return ACM_OK;
}


static acm_rc_t
acm_ca_extension(X509 *x, X509 *issuer, int nid, const char *value,
    acm_err_t *err)
{
    int               ok;
    X509V3_CTX        ctx;
    X509_EXTENSION   *ext;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);

    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);

    ok = (ext != NULL && X509_add_ext(x, ext, -1) == 1);

    X509_EXTENSION_free(ext);

    if (!ok) {
        return acm_fail_ssl(err, ACM_ERROR, "making extension %s failed",
                            OBJ_nid2sn(nid));
    }

    return ACM_OK;
}


/* Built by hand: OpenSSL's text form would give "," in a URL a meaning. */

static acm_rc_t
acm_ca_crl(X509 *x, const char *url, acm_err_t *err)
{
    int               ok;
    DIST_POINT       *point;
    GENERAL_NAME     *name;
    GENERAL_NAMES    *names;
    CRL_DIST_POINTS  *points;
    ASN1_IA5STRING   *uri;

    ok = 0;
    points = CRL_DIST_POINTS_new();
    point = DIST_POINT_new();
    names = GENERAL_NAMES_new();
    name = GENERAL_NAME_new();
    uri = ASN1_IA5STRING_new();

    if (points == NULL || point == NULL || names == NULL || name == NULL
        || uri == NULL || ASN1_STRING_set(uri, url, -1) == 0)
    {
        goto done;
    }

    GENERAL_NAME_set0_value(name, GEN_URI, uri);
    uri = NULL;

    point->distpoint = DIST_POINT_NAME_new();

    if (point->distpoint == NULL || sk_GENERAL_NAME_push(names, name) == 0) {
        goto done;
    }

    name = NULL;
    point->distpoint->type = 0;
    point->distpoint->name.fullname = names;
    names = NULL;

    if (sk_DIST_POINT_push(points, point) == 0) {
        goto done;
    }

    point = NULL;

    ok = (X509_add1_ext_i2d(x, NID_crl_distribution_points, points, 0,
                            X509V3_ADD_DEFAULT)
          == 1);

done:

    ASN1_IA5STRING_free(uri);
    GENERAL_NAME_free(name);
    GENERAL_NAMES_free(names);
    DIST_POINT_free(point);
    CRL_DIST_POINTS_free(points);

    if (!ok) {
        return acm_fail_ssl(err, ACM_ERROR, "making a CRL distribution "
                            "point failed");
    }

    return ACM_OK;
}


acm_rc_t
acm_ca_sign(const acm_ca_t *ca, EVP_PKEY *public_key, char *const *names,
    size_t nnames, int64_t now, int64_t lifetime, const char *crl_url,
    acm_str_t *leaf_der, acm_err_t *err)
{
    X509           *x, *issuing;
    int64_t         start, end, back;
    EVP_PKEY       *key;
    acm_rc_t        rc;
    acm_key_e       type;
    acm_ca_form_t   form;

    type = acm_key_type(public_key);

    if (type == ACM_KEY_NONE || type == ACM_KEY_RSA_1024) {
        return acm_fail(err, ACM_INVALID, "the public key to certify is too "
                        "weak or of no supported type");
    }

    if (lifetime < ACM_CA_MIN_LIFETIME) {
        return acm_fail(err, ACM_INVALID, "a lifetime of %lld seconds is too "
                        "short, the least is %d", (long long) lifetime,
                        ACM_CA_MIN_LIFETIME);
    }

    rc = acm_ca_open(ca, &issuing, &key, err);

    if (rc != ACM_OK) {
        return rc;
    }

    x = X509_new();

    if (x == NULL) {
        rc = acm_fail_ssl(err, ACM_NOMEM, "no memory for a certificate");
        goto done;
    }

    rc = acm_x509_dates(issuing, &start, &end, err);

    if (rc != ACM_OK) {
        goto done;
    }

    if (now >= end || now < start) {
        rc = acm_fail(err, ACM_INVALID, "the issuing CA %s: check the clock",
                      now < start ? "has not begun" : "has ended");
        goto done;
    }

    back = lifetime / 10;

    if (back > ACM_CA_BACKDATE) {
        back = ACM_CA_BACKDATE;
    }

    memset(&form, 0, sizeof(acm_ca_form_t));
    form.issuer = issuing;
    form.issuer_key = key;
    form.key = public_key;
    form.not_before = now - back;
    form.not_after = acm_add_sat(form.not_before, lifetime);
    form.basic_constraints = "critical,CA:FALSE";

    /* RSA can also carry the key exchange of TLS 1.2 */

    form.key_usage = EVP_PKEY_is_a(public_key, "RSA")
                     ? "critical,digitalSignature,keyEncipherment"
                     : "critical,digitalSignature";

    if (form.not_before < start) {
        form.not_before = start;
    }

    if (form.not_after > end) {
        form.not_after = end;
    }

    rc = acm_ca_leaf(x, names, nnames, &form, crl_url, err);

    if (rc == ACM_OK) {
        rc = acm_ca_finish(x, key, leaf_der, err);
    }

done:

    X509_free(x);
    X509_free(issuing);
    EVP_PKEY_free(key);

    return rc;
}


static acm_rc_t
acm_ca_open(const acm_ca_t *ca, X509 **issuing, EVP_PKEY **key,
    acm_err_t *err)
{
    acm_rc_t  rc;

    rc = acm_x509_decode(ca->issuing.data, ca->issuing.len, issuing, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_key_decode(ca->key, ca->issuing_key_secret.data,
                        ca->issuing_key_secret.len, key, err);

    if (rc != ACM_OK) {
        X509_free(*issuing);
    }

    return rc;
}


static acm_rc_t
acm_ca_leaf(X509 *x, char *const *names, size_t nnames,
    const acm_ca_form_t *form, const char *crl_url, acm_err_t *err)
{
    int              cn;
    acm_rc_t         rc;
    X509_NAME       *dn;
    X509_EXTENSION  *san;

    if (nnames == 0 || nnames > ACM_MAX_NAMES) {
        return acm_fail(err, ACM_INVALID, "a certificate has 1 to %d names",
                        ACM_MAX_NAMES);
    }

    /* an over-long name stands in the SAN alone, which is critical then */

    dn = X509_get_subject_name(x);
    cn = (strlen(names[0]) <= ACM_MAX_CN);

    if (cn
        && X509_NAME_add_entry_by_txt(dn, "CN", MBSTRING_ASC,
                                      (const uint8_t *) names[0], -1, -1, 0)
           == 0)
    {
        return acm_fail_ssl(err, ACM_ERROR, "setting the subject failed");
    }

    rc = acm_ca_fill(x, form, err);

    if (rc == ACM_OK) {
        rc = acm_ca_extension(x, form->issuer, NID_ext_key_usage,
                              "serverAuth", err);
    }

    if (rc == ACM_OK && crl_url != NULL) {
        rc = acm_ca_crl(x, crl_url, err);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_x509_san(names, nnames, !cn, &san, err);

    if (rc != ACM_OK) {
        return rc;
    }

    if (X509_add_ext(x, san, -1) != 1) {
        rc = acm_fail_ssl(err, ACM_ERROR, "adding the names failed");
    }

    X509_EXTENSION_free(san);

    return rc;
}


static acm_rc_t
acm_ca_finish(X509 *x, EVP_PKEY *issuer_key, acm_str_t *der, acm_err_t *err)
{
    if (X509_sign(x, issuer_key, acm_x509_digest(issuer_key)) == 0) {
        return acm_fail_ssl(err, ACM_ERROR, "signing a certificate failed");
    }

    return acm_x509_encode(x, der, err);
}


int64_t
acm_ca_not_after(const acm_ca_t *ca)
{
    X509     *x;
    int64_t   start, end;
    acm_rc_t  rc;

    if (acm_x509_decode(ca->issuing.data, ca->issuing.len, &x, NULL)
        != ACM_OK)
    {
        return -1;
    }

    rc = acm_x509_dates(x, &start, &end, NULL);

    X509_free(x);

    return (rc == ACM_OK) ? end : -1;
}
