
/*
 * Copyright (C) The ngx_acm authors
 *
 * The half of acm_x509.h that is about certificates and requests.
 */


#include <string.h>
#include <time.h>

#include <arpa/inet.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ct.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "acm_ocsp.h"


#define ACM_MAX_LABEL_DNS  63        /* RFC 1035 s2.3.4 */
#define ACM_MAX_SIGALG     80


static acm_rc_t acm_x509_info_fill(X509 *x, acm_key_e key,
    acm_x509_info_t *info, acm_err_t *err);
static unsigned acm_x509_scts(X509 *x);
static acm_rc_t acm_x509_info_dn(const X509_NAME *name, const char *what,
    char **text, acm_err_t *err);
static acm_rc_t acm_x509_info_serial(X509 *x, char **text, acm_err_t *err);
static acm_rc_t acm_x509_info_sigalg(X509 *x, char **text, acm_err_t *err);
static acm_rc_t acm_x509_info_san(const GENERAL_NAMES *sans,
    acm_x509_info_t *info, acm_err_t *err);
static acm_rc_t acm_x509_info_ip(const ASN1_OCTET_STRING *ip,
    acm_x509_info_t *info, acm_err_t *err);
static acm_rc_t acm_x509_info_cn(X509 *x, char **cn, acm_err_t *err);
static acm_rc_t acm_x509_info_add(acm_x509_info_t *info, const uint8_t *data,
    size_t len, acm_err_t *err);
static char *acm_x509_lower(const uint8_t *data, size_t len);
static int acm_x509_is_host(const uint8_t *data, size_t len);
static int acm_x509_is_ipv4(const uint8_t *data, size_t len);
static size_t acm_x509_ip_parse(const char *s, uint8_t *ip);
static acm_rc_t acm_x509_time(const ASN1_TIME *at, int64_t *t);
static acm_rc_t acm_x509_san_add(GENERAL_NAMES *sans, const char *name,
    acm_err_t *err);


acm_rc_t
acm_x509_encode(X509 *x, acm_str_t *der, acm_err_t *err)
{
    int             n;
    size_t          len;
    uint8_t        *data;
    unsigned char  *out;

    out = NULL;

    n = i2d_X509(x, &out);
    if (n <= 0) {
        return acm_fail_ssl(err, ACM_ERROR, "cannot encode a certificate");
    }

    len = (size_t) n;

    if (len > ACM_MAX_CERT_DER) {
        OPENSSL_free(out);
        return acm_fail(err, ACM_TOOBIG, "certificate has %zu octets; the "
                        "limit is %d", len, ACM_MAX_CERT_DER);
    }

    data = acm_memdup(out, len);
    OPENSSL_free(out);

    if (data == NULL) {
        return acm_fail(err, ACM_NOMEM, "out of memory for a certificate");
    }

    der->data = data;
    der->len = len;

    return ACM_OK;
}


acm_rc_t
acm_x509_decode(const uint8_t *der, size_t len, X509 **x, acm_err_t *err)
{
    X509           *cert;
    const uint8_t  *pos;

    if (len > ACM_MAX_CERT_DER) {
        return acm_fail(err, ACM_TOOBIG, "certificate has %zu octets; the "
                        "limit is %d", len, ACM_MAX_CERT_DER);
    }

    pos = der;

    cert = d2i_X509(NULL, &pos, (long) len);
    if (cert == NULL) {
        return acm_fail_ssl(err, ACM_INVALID, "certificate cannot be decoded");
    }

    if (pos != der + len) {
        X509_free(cert);
        return acm_fail(err, ACM_INVALID, "certificate is followed by %zu "
                        "octets that do not belong to it",
                        (size_t) (der + len - pos));
    }

    *x = cert;

    return ACM_OK;
}


acm_rc_t
acm_x509_info(X509 *x, acm_x509_info_t *info, acm_err_t *err)
{
    return acm_x509_info_key(x, ACM_KEY_NONE, info, err);
}


acm_rc_t
acm_x509_info_key(X509 *x, acm_key_e key, acm_x509_info_t *info,
    acm_err_t *err)
{
    acm_rc_t         rc;
    acm_x509_info_t  out;

    memset(&out, 0, sizeof(acm_x509_info_t));

    rc = acm_x509_info_fill(x, key, &out, err);

    ERR_clear_error();

    if (rc != ACM_OK) {
        acm_x509_info_free(&out);
        return rc;
    }

    *info = out;

    return ACM_OK;
}


static acm_rc_t
acm_x509_info_fill(X509 *x, acm_key_e key, acm_x509_info_t *info,
    acm_err_t *err)
{
    acm_rc_t   rc;
    EVP_PKEY  *pkey;

    if (X509_get_version(x) != X509_VERSION_3) {
        return acm_fail(err, ACM_INVALID, "certificate is of version %ld; "
                        "only version 3 can hold names", X509_get_version(x)
                        + 1);
    }

    if (X509_get_extension_flags(x) & EXFLAG_INVALID) {
        return acm_fail_ssl(err, ACM_INVALID, "certificate has a malformed "
                            "or repeated extension");
    }

    info->key = key;

    if (key == ACM_KEY_NONE) {
        pkey = X509_get0_pubkey(x);
        info->key = pkey != NULL ? acm_key_type(pkey) : ACM_KEY_NONE;
    }

    if (info->key == ACM_KEY_NONE) {
        return acm_fail(err, ACM_INVALID, "public key of the certificate is "
                        "not supported; use RSA of 2048, 3072 or 4096 bits "
                        "or EC on the named curve P-256, P-384 or P-521");
    }

    rc = acm_x509_dates(x, &info->not_before, &info->not_after, err);
    if (rc != ACM_OK) {
        return rc;
    }

    info->scts = acm_x509_scts(x);
    info->usages = acm_x509_usages(x);
    info->ca = X509_check_ca(x) == 1;
    info->self_signed = key == ACM_KEY_NONE && X509_self_signed(x, 1) == 1;
    info->ocsp = acm_ocsp_named(x) != 0;

    rc = acm_x509_info_dn(X509_get_subject_name(x), "subject", &info->subject,
                          err);
    if (rc == ACM_OK) {
        rc = acm_x509_info_dn(X509_get_issuer_name(x), "issuer",
                              &info->issuer, err);
    }

    if (rc == ACM_OK) {
        rc = acm_x509_info_serial(x, &info->serial, err);
    }

    if (rc == ACM_OK) {
        rc = acm_x509_info_sigalg(x, &info->sigalg, err);
    }

    if (rc == ACM_OK) {
        rc = acm_x509_names(x, info, err);
    }

    return rc;
}


void
acm_x509_info_free(acm_x509_info_t *info)
{
    size_t  i;

    for (i = 0; i < info->nnames; i++) {
        acm_free(info->names[i]);
    }

    acm_free(info->names);
    acm_free(info->domain);
    acm_free(info->subject);
    acm_free(info->issuer);
    acm_free(info->serial);
    acm_free(info->sigalg);

    memset(info, 0, sizeof(acm_x509_info_t));
}


static unsigned
acm_x509_scts(X509 *x)
{
    int             n;
    STACK_OF(SCT)  *list;

    list = X509_get_ext_d2i(x, NID_ct_precert_scts, NULL, NULL);
    n = (list == NULL) ? 0 : sk_SCT_num(list);

    SCT_LIST_free(list);

    return (n < 0) ? 0 : (unsigned) n;
}


static acm_rc_t
acm_x509_info_dn(const X509_NAME *name, const char *what, char **text,
    acm_err_t *err)
{
    BIO       *bio;
    char      *data;
    long       len;
    acm_rc_t   rc;

    bio = BIO_new(BIO_s_mem());

    if (bio == NULL
        || X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) < 0
        || BIO_write(bio, "", 1) != 1)
    {
        rc = acm_fail_ssl(err, ACM_INVALID, "%s of the certificate cannot be "
                          "written as text", what);
        goto done;
    }

    len = BIO_get_mem_data(bio, &data);

    if (len > ACM_MAX_DN + 1) {
        rc = acm_fail(err, ACM_TOOBIG, "%s of the certificate has %ld octets; "
                      "the limit is %d", what, len - 1, ACM_MAX_DN);
        goto done;
    }

    *text = acm_memdup(data, (size_t) len);

    rc = *text != NULL ? ACM_OK
                       : acm_fail(err, ACM_NOMEM, "out of memory for the %s "
                                  "of a certificate", what);

done:

    BIO_free(bio);

    return rc;
}


static acm_rc_t
acm_x509_info_serial(X509 *x, char **text, acm_err_t *err)
{
    char                *p;
    size_t               i, len;
    const uint8_t       *data;
    const ASN1_INTEGER  *serial;

    serial = X509_get0_serialNumber(x);
    data = ASN1_STRING_get0_data(serial);
    len = (size_t) ASN1_STRING_length(serial);

    if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER) {
        return acm_fail(err, ACM_INVALID, "serial number of the certificate "
                        "is negative (RFC 5280 s4.1.2.2)");
    }

    if (len > ACM_MAX_SERIAL) {
        return acm_fail(err, ACM_TOOBIG, "serial number of the certificate "
                        "has %zu octets; the limit is %d", len,
                        ACM_MAX_SERIAL);
    }

    p = acm_alloc(len != 0 ? 3 * len : 3);
    if (p == NULL) {
        return acm_fail(err, ACM_NOMEM, "out of memory for a serial number");
    }

    (void) acm_hex((const uint8_t *) "", 1, p);

    for (i = 0; i < len; i++) {
        (void) acm_hex(data + i, 1, p + 3 * i);

        if (i + 1 < len) {
            p[3 * i + 2] = ':';
        }
    }

    *text = p;

    return ACM_OK;
}


static acm_rc_t
acm_x509_info_sigalg(X509 *x, char **text, acm_err_t *err)
{
    char                buf[ACM_MAX_SIGALG];
    const ASN1_OBJECT  *object;
    const X509_ALGOR   *algorithm;

    X509_get0_signature(NULL, &algorithm, x);
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);

    if (OBJ_obj2txt(buf, sizeof(buf), object, 0) <= 0) {
        return acm_fail_ssl(err, ACM_INVALID, "signature algorithm of the "
                            "certificate cannot be read");
    }

    *text = acm_strdup(buf);

    if (*text == NULL) {
        return acm_fail(err, ACM_NOMEM, "out of memory for a signature "
                        "algorithm");
    }

    return ACM_OK;
}


acm_rc_t
acm_x509_names(X509 *x, acm_x509_info_t *info, acm_err_t *err)
{
    char           *cn;
    acm_rc_t        rc;
    GENERAL_NAMES  *sans;

    cn = NULL;
    rc = ACM_OK;

    sans = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

    if (sans != NULL) {
        rc = acm_x509_info_san(sans, info, err);
        GENERAL_NAMES_free(sans);
    }

    if (rc == ACM_OK) {
        rc = acm_x509_info_cn(x, &cn, err);
    }

    if (rc != ACM_OK) {
        goto failed;
    }

    if (info->nnames == 0) {

        if (cn == NULL) {
            rc = acm_fail(err, ACM_INVALID, "certificate has no name: it "
                          "needs a host name or an address as a subject "
                          "alternative name");
            goto failed;
        }

        rc = acm_x509_info_add(info, (uint8_t *) cn, strlen(cn), err);
        if (rc != ACM_OK) {
            goto failed;
        }

        info->cn_only = 1;
    }

    if (cn == NULL) {
        cn = acm_strdup(info->names[0]);

        if (cn == NULL) {
            return acm_fail(err, ACM_NOMEM, "out of memory for a name");
        }
    }

    info->domain = cn;

    return ACM_OK;

failed:

    acm_free(cn);

    return rc;
}


static acm_rc_t
acm_x509_info_san(const GENERAL_NAMES *sans, acm_x509_info_t *info,
    acm_err_t *err)
{
    int                   i, type;
    void                 *value;
    size_t                len;
    acm_rc_t              rc;
    const uint8_t        *data;
    const ASN1_STRING    *name;

    for (i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
        value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(sans, i), &type);
        rc = ACM_OK;

        if (type == GEN_IPADD) {
            rc = acm_x509_info_ip(value, info, err);

        } else if (type == GEN_DNS) {
            name = value;
            data = ASN1_STRING_get0_data(name);
            len = (size_t) ASN1_STRING_length(name);

            if (!acm_x509_is_host(data, len)) {
                return acm_fail(err, ACM_INVALID, "subject alternative name "
                                "%d, \"%.*s\", is not a host name of ASCII "
                                "letters, digits, hyphens and dots; write an "
                                "international name as an A-label, \"xn--\"",
                                i + 1, len > 80 ? 80 : (int) len,
                                (const char *) data);
            }

            /* an address in the wrong kind of entry matches nothing */

            if (!acm_x509_is_ipv4(data, len)) {
                rc = acm_x509_info_add(info, data, len, err);
            }
        }

        if (rc != ACM_OK) {
            return rc;
        }
    }

    return ACM_OK;
}


static acm_rc_t
acm_x509_info_ip(const ASN1_OCTET_STRING *ip, acm_x509_info_t *info,
    acm_err_t *err)
{
    int   family, len;
    char  text[INET6_ADDRSTRLEN];

    len = ASN1_STRING_length(ip);
    family = len == 4 ? AF_INET : AF_INET6;

    if ((len != 4 && len != 16)
        || inet_ntop(family, ASN1_STRING_get0_data(ip), text, sizeof(text))
           == NULL)
    {
        return acm_fail(err, ACM_INVALID, "subject alternative name of the "
                        "kind address has %d octets; 4 or 16 are right", len);
    }

    return acm_x509_info_add(info, (uint8_t *) text, strlen(text), err);
}


/* The last common name is the most specific one; no error if it is unfit. */

static acm_rc_t
acm_x509_info_cn(X509 *x, char **cn, acm_err_t *err)
{
    int               i, n, len;
    char             *text;
    uint8_t           ip[16];
    unsigned char    *utf8;
    const X509_NAME  *subject;

    subject = X509_get_subject_name(x);
    n = -1;

    for ( ;; ) {
        i = X509_NAME_get_index_by_NID(subject, NID_commonName, n);

        if (i < 0) {
            break;
        }

        n = i;
    }

    if (n < 0) {
        return ACM_OK;
    }

    len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(
                                         X509_NAME_get_entry(subject, n)));
    if (len < 0) {
        ERR_clear_error();
        return ACM_OK;
    }

    text = acm_x509_lower(utf8, (size_t) len);
    OPENSSL_free(utf8);

    if (text == NULL) {
        return acm_fail(err, ACM_NOMEM, "out of memory for a common name");
    }

    if (strlen(text) != (size_t) len
        || (!acm_x509_is_host((uint8_t *) text, (size_t) len)
            && acm_x509_ip_parse(text, ip) == 0))
    {
        acm_free(text);
        return ACM_OK;
    }

    *cn = text;

    return ACM_OK;
}


/* Adds a name in lower case, unless it is there already. */

static acm_rc_t
acm_x509_info_add(acm_x509_info_t *info, const uint8_t *data, size_t len,
    acm_err_t *err)
{
    char    *name, **names;
    size_t   i;

    name = acm_x509_lower(data, len);
    if (name == NULL) {
        goto nomem;
    }

    for (i = 0; i < info->nnames; i++) {

        if (strcmp(info->names[i], name) == 0) {
            acm_free(name);
            return ACM_OK;
        }
    }

    if (info->nnames == ACM_MAX_NAMES) {
        acm_free(name);
        return acm_fail(err, ACM_TOOBIG, "certificate has more than %d names; "
                        "split it", ACM_MAX_NAMES);
    }

    names = acm_realloc(info->names, (info->nnames + 1) * sizeof(char *));
    if (names == NULL) {
        acm_free(name);
        goto nomem;
    }

    names[info->nnames++] = name;
    info->names = names;

    return ACM_OK;

nomem:

    return acm_fail(err, ACM_NOMEM, "out of memory for a name");
}


static char *
acm_x509_lower(const uint8_t *data, size_t len)
{
    char    *s;
    size_t   i;

    s = acm_alloc(len + 1);
    if (s == NULL) {
        return NULL;
    }

    for (i = 0; i < len; i++) {
        s[i] = (char) data[i];

        if (data[i] >= 'A' && data[i] <= 'Z') {
            s[i] = (char) (data[i] | 0x20);
        }
    }

    s[len] = '\0';

    return s;
}


/* Underscores are common in internal names, so they are let through. */

static int
acm_x509_is_host(const uint8_t *data, size_t len)
{
    size_t   i, label;
    uint8_t  c;

    if (len == 0 || len > ACM_MAX_NAME) {
        return 0;
    }

    i = 0;

    if (len > 2 && data[0] == '*' && data[1] == '.') {
        i = 2;
    }

    for (label = 0; i < len; i++) {
        c = data[i];

        if (c == '.') {

            if (label == 0) {
                return 0;
            }

            label = 0;
            continue;
        }

        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
            && (c < '0' || c > '9') && c != '-' && c != '_')
        {
            return 0;
        }

        if (++label > ACM_MAX_LABEL_DNS) {
            return 0;
        }
    }

    return label != 0;
}


static int
acm_x509_is_ipv4(const uint8_t *data, size_t len)
{
    char     text[INET_ADDRSTRLEN];
    uint8_t  ip[16];

    if (len >= sizeof(text)) {
        return 0;
    }

    memcpy(text, data, len);
    text[len] = '\0';

    return acm_x509_ip_parse(text, ip) == 4;
}


/* The octets of an address, 4 or 16; 0 if s is none. */

static size_t
acm_x509_ip_parse(const char *s, uint8_t *ip)
{
    if (inet_pton(AF_INET, s, ip) == 1) {
        return 4;
    }

    return inet_pton(AF_INET6, s, ip) == 1 ? 16 : 0;
}


acm_rc_t
acm_x509_dates(X509 *x, int64_t *not_before, int64_t *not_after,
    acm_err_t *err)
{
    int64_t  from, to;

    if (acm_x509_time(X509_get0_notBefore(x), &from) != ACM_OK
        || acm_x509_time(X509_get0_notAfter(x), &to) != ACM_OK)
    {
        return acm_fail(err, ACM_INVALID, "validity dates of the certificate "
                        "are malformed");
    }

    *not_before = from;
    *not_after = to;

    return ACM_OK;
}


static acm_rc_t
acm_x509_time(const ASN1_TIME *at, int64_t *t)
{
    struct tm  tm;

    /* an absent time would be read as the current one */

    if (at == NULL || ASN1_TIME_to_tm(at, &tm) != 1) {
        ERR_clear_error();
        return ACM_INVALID;
    }

    *t = timegm(&tm);

    return ACM_OK;
}


int
acm_x509_match(X509 *x, EVP_PKEY *pkey)
{
    int        same;
    EVP_PKEY  *public;

    public = X509_get0_pubkey(x);

    same = public != NULL && EVP_PKEY_eq(public, pkey) == 1;

    ERR_clear_error();

    return same;
}


acm_rc_t
acm_x509_san(char *const *names, size_t nnames, int critical,
    X509_EXTENSION **ext, acm_err_t *err)
{
    size_t           i;
    acm_rc_t         rc;
    GENERAL_NAMES   *sans;
    X509_EXTENSION  *made;

    if (nnames == 0) {
        return acm_fail(err, ACM_INVALID, "a certificate needs a name");
    }

    if (nnames > ACM_MAX_NAMES) {
        return acm_fail(err, ACM_TOOBIG, "%zu names are too many for one "
                        "certificate; the limit is %d", nnames,
                        ACM_MAX_NAMES);
    }

    rc = ACM_OK;

    sans = sk_GENERAL_NAME_new_null();
    if (sans == NULL) {
        return acm_fail_ssl(err, ACM_NOMEM, "cannot make a list of names");
    }

    for (i = 0; i < nnames && rc == ACM_OK; i++) {
        rc = acm_x509_san_add(sans, names[i], err);
    }

    if (rc == ACM_OK) {
        made = X509V3_EXT_i2d(NID_subject_alt_name, critical, sans);

        if (made != NULL) {
            *ext = made;

        } else {
            rc = acm_fail_ssl(err, ACM_ERROR, "cannot encode the names");
        }
    }

    GENERAL_NAMES_free(sans);

    return rc;
}


static acm_rc_t
acm_x509_san_add(GENERAL_NAMES *sans, const char *name, acm_err_t *err)
{
    int            type;
    size_t         len;
    uint8_t        ip[16];
    const void    *data;
    ASN1_STRING   *value;
    GENERAL_NAME  *san;

    data = name;
    type = GEN_DNS;
    len = acm_x509_ip_parse(name, ip);

    if (len != 0) {
        data = ip;
        type = GEN_IPADD;

    } else {
        len = strlen(name);

        if (!acm_x509_is_host(data, len)) {
            return acm_fail(err, ACM_INVALID, "\"%.80s\" cannot stand in a "
                            "certificate: it is no host name and no address",
                            name);
        }
    }

    san = GENERAL_NAME_new();
    value = ASN1_STRING_type_new(type == GEN_DNS ? V_ASN1_IA5STRING
                                                 : V_ASN1_OCTET_STRING);

    if (san == NULL || value == NULL
        || ASN1_STRING_set(value, data, (int) len) != 1
        || sk_GENERAL_NAME_push(sans, san) == 0)
    {
        GENERAL_NAME_free(san);
        ASN1_STRING_free(value);
        return acm_fail_ssl(err, ACM_NOMEM, "cannot make a name");
    }

    GENERAL_NAME_set0_value(san, type, value);

    return ACM_OK;
}


/* A digest as strong as the key. */

const EVP_MD *
acm_x509_digest(EVP_PKEY *pkey)
{
    switch (acm_key_type(pkey)) {

    case ACM_KEY_EC_P384:
        return EVP_sha384();

    case ACM_KEY_EC_P521:
        return EVP_sha512();

    default:
        return EVP_sha256();
    }
}
