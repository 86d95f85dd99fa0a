
/*
 * Copyright (C) The ngx_acm authors
 */


#include <pthread.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include "acm_bare.h"
#include "acm_der.h"


#define ACM_MAX_SCALAR       66      /* octets: P-521 */
#define ACM_MAX_POINT        (1 + 2 * ACM_MAX_SCALAR)
#define ACM_MAX_EC_DER       300     /* octets of an ECPrivateKey */


typedef struct {
    acm_key_e    key;
    int          nid;
    size_t       size;               /* octets of a scalar, of a coordinate */
    EC_GROUP    *group;
} acm_curve_t;


static void acm_bare_init(void);
static int acm_bare_read(X509 *x, acm_bare_t *bare);
static const acm_curve_t *acm_bare_curve(acm_key_e key);
static int acm_bare_oid(const acm_str_t *oid, int nid);
static int acm_bare_pkcs8(const acm_curve_t *curve, acm_str_t *in);
static int acm_bare_scalar(const acm_curve_t *curve, const acm_bare_t *bare,
    const acm_str_t *in, int pkcs8, uint8_t *scalar);
static int acm_bare_match(const acm_curve_t *curve, const acm_bare_t *bare,
    const uint8_t *scalar);
static acm_rc_t acm_bare_encode(const acm_curve_t *curve,
    const acm_bare_t *bare, const uint8_t *scalar, acm_str_t *der_secret);
static uint8_t *acm_bare_head(uint8_t *p, uint8_t tag, size_t len);
static int acm_bare_tbs(const acm_str_t *der, acm_str_t *tbs);


static acm_curve_t  acm_curves[] = {
    { ACM_KEY_EC_P256, NID_X9_62_prime256v1, 32, NULL },
    { ACM_KEY_EC_P384, NID_secp384r1, 48, NULL },
    { ACM_KEY_EC_P521, NID_secp521r1, 66, NULL }
};

#define ACM_NCURVES  (sizeof(acm_curves) / sizeof(acm_curve_t))

/* made once and never freed, all or nothing */

static int              acm_bare_ready;
static pthread_once_t   acm_bare_once = PTHREAD_ONCE_INIT;


static void
acm_bare_init(void)
{
    size_t  i;

    for (i = 0; i < ACM_NCURVES; i++) {
        acm_curves[i].group = EC_GROUP_new_by_curve_name(acm_curves[i].nid);

        if (acm_curves[i].group == NULL) {
            return;
        }
    }

    acm_bare_ready = 1;
}


acm_rc_t
acm_bare_decode(const uint8_t *der, size_t len, X509 **x, acm_bare_t *bare,
    acm_err_t *err)
{
    X509  *cert;

    memset(bare, 0, sizeof(acm_bare_t));

    (void) pthread_once(&acm_bare_once, acm_bare_init);

    cert = acm_bare_ready ? acm_der_x509(der, len) : NULL;

    if (cert != NULL && acm_bare_read(cert, bare)) {
        ERR_clear_error();
        *x = cert;
        return ACM_OK;
    }

    X509_free(cert);
    ERR_clear_error();

    memset(bare, 0, sizeof(acm_bare_t));

    return acm_x509_decode(der, len, x, err);
}


acm_rc_t
acm_bare_look(const uint8_t *der, size_t len, X509 **x, acm_err_t *err)
{
    X509  *cert;

    cert = acm_der_x509(der, len);

    ERR_clear_error();

    if (cert == NULL) {
        return acm_x509_decode(der, len, x, err);
    }

    *x = cert;

    return ACM_OK;
}


static int
acm_bare_read(X509 *x, acm_bare_t *bare)
{
    int                 type, md, pkey;
    size_t              i;
    X509_ALGOR         *algorithm;
    const void         *param;
    const uint8_t      *point;
    int                 len;
    const ASN1_OBJECT  *object;

    if (X509_PUBKEY_get0_param(NULL, &point, &len, &algorithm,
                               X509_get_X509_PUBKEY(x))
        != 1)
    {
        return 0;
    }

    X509_ALGOR_get0(&object, &type, &param, algorithm);

    if (OBJ_obj2nid(object) != NID_X9_62_id_ecPublicKey
        || type != V_ASN1_OBJECT)
    {
        return 0;
    }

    for (i = 0; i < ACM_NCURVES; i++) {
        if (OBJ_obj2nid(param) == acm_curves[i].nid) {
            break;
        }
    }

    if (i == ACM_NCURVES || (size_t) len != 1 + 2 * acm_curves[i].size
        || point[0] != POINT_CONVERSION_UNCOMPRESSED)
    {
        return 0;
    }

    if (OBJ_find_sigid_algs(X509_get_signature_nid(x), &md, &pkey) != 1
        || (pkey != NID_X9_62_id_ecPublicKey && pkey != NID_rsaEncryption)
        || (md != NID_sha256 && md != NID_sha384 && md != NID_sha512)
        || X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x))
           == 0)
    {
        return 0;
    }

    bare->key = acm_curves[i].key;
    bare->point = point;
    bare->len = (size_t) len;
    bare->md = EVP_get_digestbynid(md);

    return bare->md != NULL;
}


static const acm_curve_t *
acm_bare_curve(acm_key_e key)
{
    size_t  i;

    for (i = 0; i < ACM_NCURVES; i++) {
        if (acm_curves[i].key == key) {
            return &acm_curves[i];
        }
    }

    return NULL;
}


acm_rc_t
acm_bare_key(const acm_bare_t *bare, const uint8_t *der, size_t len,
    int pkcs8, acm_str_t *der_secret)
{
    acm_rc_t            rc;
    uint8_t             scalar[ACM_MAX_SCALAR];
    acm_str_t           in;
    const acm_curve_t  *curve;

    in.data = (uint8_t *) der;
    in.len = len;

    rc = ACM_NOTFOUND;
    curve = acm_bare_curve(bare->key);

    if (curve != NULL
        && (!pkcs8 || acm_bare_pkcs8(curve, &in))
        && acm_bare_scalar(curve, bare, &in, pkcs8, scalar)
        && acm_bare_match(curve, bare, scalar))
    {
        rc = acm_bare_encode(curve, bare, scalar, der_secret);
    }

    OPENSSL_cleanse(scalar, sizeof(scalar));

    return rc;
}


acm_rc_t
acm_bare_write(EVP_PKEY *pkey, acm_str_t *der_secret)
{
    int                 size;
    BIGNUM             *d;
    uint8_t             scalar[ACM_MAX_SCALAR];
    acm_rc_t            rc;
    acm_bare_t          bare;
    unsigned char      *point;
    const acm_curve_t  *curve;

    rc = ACM_NOTFOUND;
    d = NULL;
    point = NULL;
    curve = acm_bare_curve(acm_key_type(pkey));
    size = (curve != NULL) ? (int) curve->size : 0;

    memset(&bare, 0, sizeof(acm_bare_t));

    (void) ERR_set_mark();

    if (curve != NULL
        && EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1
        && BN_bn2binpad(d, scalar, size) == size)
    {
        bare.len = EVP_PKEY_get1_encoded_public_key(pkey, &point);
        bare.point = point;

        if (bare.len == 1 + 2 * curve->size
            && point[0] == POINT_CONVERSION_UNCOMPRESSED)
        {
            rc = acm_bare_encode(curve, &bare, scalar, der_secret);
        }
    }

    (void) ERR_pop_to_mark();

    BN_clear_free(d);
    OPENSSL_free(point);
    OPENSSL_cleanse(scalar, sizeof(scalar));

    return rc;
}


static int
acm_bare_oid(const acm_str_t *oid, int nid)
{
    const ASN1_OBJECT  *object;

    object = OBJ_nid2obj(nid);

    return object != NULL
           && OBJ_length(object) == oid->len
           && memcmp(OBJ_get0_data(object), oid->data, oid->len) == 0;
}


/* Goes into a PrivateKeyInfo. */

static int
acm_bare_pkcs8(const acm_curve_t *curve, acm_str_t *in)
{
    acm_str_t  info, version, algorithm, type, group, key;

    if (!acm_der_next(in, ACM_DER_SEQUENCE, &info) || in->len != 0
        || !acm_der_next(&info, ACM_DER_INTEGER, &version)
        || version.len != 1 || version.data[0] != 0
        || !acm_der_next(&info, ACM_DER_SEQUENCE, &algorithm)
        || !acm_der_next(&info, ACM_DER_OCTETS, &key) || info.len != 0)
    {
        return 0;
    }

    if (!acm_der_next(&algorithm, ACM_DER_OID, &type)
        || !acm_bare_oid(&type, NID_X9_62_id_ecPublicKey)
        || !acm_der_next(&algorithm, ACM_DER_OID, &group)
        || !acm_bare_oid(&group, curve->nid) || algorithm.len != 0)
    {
        return 0;
    }

    *in = key;

    return 1;
}


/* The public key may be missing; if it is there it must be the right one.  The
   curve may be where PrivateKeyInfo has it already (RFC 5915 s4). */

static int
acm_bare_scalar(const acm_curve_t *curve, const acm_bare_t *bare,
    const acm_str_t *in, int pkcs8, uint8_t *scalar)
{
    acm_der_ec_t  ec;

    if (!acm_der_ec(in, &ec) || ec.scalar.len != curve->size
        || (ec.oid.len == 0 && !pkcs8)
        || (ec.oid.len != 0 && !acm_bare_oid(&ec.oid, curve->nid)))
    {
        return 0;
    }

    if (ec.point.len != 0
        && (ec.point.len != bare->len
            || memcmp(ec.point.data, bare->point, bare->len) != 0))
    {
        return 0;
    }

    memcpy(scalar, ec.scalar.data, curve->size);

    return 1;
}


/* Whether the scalar times the base point is the certificate's point: it is
   its key then, and works, and the point is on the curve. */

static int
acm_bare_match(const acm_curve_t *curve, const acm_bare_t *bare,
    const uint8_t *scalar)
{
    int        ok;
    BN_CTX    *ctx;
    BIGNUM    *d;
    uint8_t    out[ACM_MAX_POINT];
    EC_POINT  *point;

    ctx = BN_CTX_secure_new();
    d = BN_secure_new();
    point = EC_POINT_new(curve->group);

    ok = ctx != NULL && d != NULL && point != NULL
         && BN_bin2bn(scalar, (int) curve->size, d) != NULL;

    if (ok) {
        BN_set_flags(d, BN_FLG_CONSTTIME);

        ok = !BN_is_zero(d)
             && BN_cmp(d, EC_GROUP_get0_order(curve->group)) < 0
             && EC_POINT_mul(curve->group, point, d, NULL, NULL, ctx) == 1
             && EC_POINT_point2oct(curve->group, point,
                                   POINT_CONVERSION_UNCOMPRESSED, out,
                                   sizeof(out), ctx)
                == bare->len
             && memcmp(out, bare->point, bare->len) == 0;
    }

    EC_POINT_clear_free(point);
    BN_clear_free(d);
    BN_CTX_free(ctx);
    ERR_clear_error();

    return ok;
}


static acm_rc_t
acm_bare_encode(const acm_curve_t *curve, const acm_bare_t *bare,
    const uint8_t *scalar, acm_str_t *der_secret)
{
    size_t              oid, len;
    uint8_t             der[ACM_MAX_EC_DER], *p;
    const ASN1_OBJECT  *object;

    object = OBJ_nid2obj(curve->nid);
    oid = OBJ_length(object);

    /* all heads but that of the bit string of P-521 have two octets */

    len = 3 + 2 + curve->size + 2 + 2 + oid + 2 + 2 + 1 + bare->len
          + (bare->len + 1 >= 0x80 ? 2 : 0);

    p = acm_bare_head(der, ACM_DER_SEQUENCE, len);

    p = acm_bare_head(p, ACM_DER_INTEGER, 1);
    *p++ = 1;

    p = acm_bare_head(p, ACM_DER_OCTETS, curve->size);
    memcpy(p, scalar, curve->size);
    p += curve->size;

    p = acm_bare_head(p, ACM_DER_CONTEXT_0, 2 + oid);
    p = acm_bare_head(p, ACM_DER_OID, oid);
    memcpy(p, OBJ_get0_data(object), oid);
    p += oid;

    p = acm_bare_head(p, ACM_DER_CONTEXT_1,
                     bare->len + 1 + (bare->len + 1 >= 0x80 ? 3 : 2));
    p = acm_bare_head(p, ACM_DER_BIT_STRING, bare->len + 1);
    *p++ = 0;
    memcpy(p, bare->point, bare->len);
    p += bare->len;

    der_secret->len = (size_t) (p - der);
    der_secret->data = acm_memdup(der, der_secret->len);

    OPENSSL_cleanse(der, sizeof(der));

    return (der_secret->data != NULL) ? ACM_OK : ACM_NOMEM;
}


static uint8_t *
acm_bare_head(uint8_t *p, uint8_t tag, size_t len)
{
    *p++ = tag;

    if (len >= 0x80) {
        *p++ = 0x81;
    }

    *p++ = (uint8_t) len;

    return p;
}


/* X509_verify() would look for the digest where the certificate comes from. */

int
acm_bare_signed(const acm_bare_t *bare, X509 *x, const acm_str_t *der,
    EVP_PKEY *issuer)
{
    int                     ok;
    acm_str_t               tbs;
    EVP_MD_CTX             *ctx;
    const X509_ALGOR       *outer;
    const ASN1_BIT_STRING  *sig;

    X509_get0_signature(&sig, &outer, x);

    /* RFC 5280 s4.1.1.2; and a signature has whole octets */

    if (X509_ALGOR_cmp(outer, X509_get0_tbs_sigalg(x)) != 0
        || (sig->flags & 0x07) != 0 || !acm_bare_tbs(der, &tbs))
    {
        return 0;
    }

    ctx = EVP_MD_CTX_new();

    ok = ctx != NULL
         && EVP_DigestVerifyInit(ctx, NULL, bare->md, NULL, issuer) == 1
         && EVP_DigestVerify(ctx, ASN1_STRING_get0_data(sig),
                             (size_t) ASN1_STRING_length(sig), tbs.data,
                             tbs.len)
            == 1;

    EVP_MD_CTX_free(ctx);
    ERR_clear_error();

    return ok;
}


/* What is signed: the first value in a certificate, with its head. */

static int
acm_bare_tbs(const acm_str_t *der, acm_str_t *tbs)
{
    int             tag, class;
    long            len;
    const uint8_t  *pos, *start, *last;

    pos = der->data;
    last = pos + der->len;

    if (ASN1_get_object(&pos, &len, &tag, &class, (long) der->len)
        != V_ASN1_CONSTRUCTED)
    {
        return 0;
    }

    start = pos;

    if (ASN1_get_object(&pos, &len, &tag, &class, (long) (last - pos))
        != V_ASN1_CONSTRUCTED)
    {
        return 0;
    }

    tbs->data = (uint8_t *) start;
    tbs->len = (size_t) (pos - start) + (size_t) len;

    return 1;
}
