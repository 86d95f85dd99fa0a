
/*
 * Copyright (C) The ngx_acm authors
 *
 * What a certificate may be used for, in the words of ACM's API.
 */


#include <string.h>

#include <openssl/x509v3.h>

#include "acm_x509.h"


#define ACM_USAGE_ANY_KEY     9
#define ACM_USAGE_NONE_EXT    10
#define ACM_USAGE_CUSTOM_EXT  11


/* a bit of the extension, or the number of an object */

typedef struct {
    const char  *name;
    uint32_t     value;
} acm_usage_t;


static const acm_usage_t  acm_key_usages[ACM_USAGE_KEYS] = {
    { "DIGITAL_SIGNATURE", KU_DIGITAL_SIGNATURE },
    { "NON_REPUDIATION", KU_NON_REPUDIATION },
    { "KEY_ENCIPHERMENT", KU_KEY_ENCIPHERMENT },
    { "DATA_ENCIPHERMENT", KU_DATA_ENCIPHERMENT },
    { "KEY_AGREEMENT", KU_KEY_AGREEMENT },
    { "CERTIFICATE_SIGNING", KU_KEY_CERT_SIGN },
    { "CRL_SIGNING", KU_CRL_SIGN },
    { "ENCIPHER_ONLY", KU_ENCIPHER_ONLY },
    { "DECIPHER_ONLY", KU_DECIPHER_ONLY },
    { "ANY", 0 },
    { "CUSTOM", 0 }
};

static const acm_usage_t  acm_ext_usages[ACM_USAGE_EXTS] = {
    { "TLS_WEB_SERVER_AUTHENTICATION", NID_server_auth },
    { "TLS_WEB_CLIENT_AUTHENTICATION", NID_client_auth },
    { "CODE_SIGNING", NID_code_sign },
    { "EMAIL_PROTECTION", NID_email_protect },
    { "TIME_STAMPING", NID_time_stamp },
    { "OCSP_SIGNING", NID_OCSP_sign },
    { "IPSEC_END_SYSTEM", NID_ipsecEndSystem },
    { "IPSEC_TUNNEL", NID_ipsecTunnel },
    { "IPSEC_USER", NID_ipsecUser },
    { "ANY", NID_anyExtendedKeyUsage },
    { "NONE", NID_undef },
    { "CUSTOM", NID_undef }
};


static uint32_t acm_usage_key(X509 *x);
static unsigned acm_usage_ext(const ASN1_OBJECT *object);


uint32_t
acm_x509_usages(X509 *x)
{
    int                  i;
    uint32_t             bits, flags;
    unsigned             n;
    EXTENDED_KEY_USAGE  *list;

    bits = ACM_USAGE_READ;
    flags = acm_usage_key(x);

    if (flags == UINT32_MAX) {

        /* no extension, no restriction, RFC 5280 s4.2.1.3 */

        bits |= ACM_USAGE_KEY << ACM_USAGE_ANY_KEY;

    } else {
        for (n = 0; n < ACM_USAGE_ANY_KEY; n++) {
            if (flags & acm_key_usages[n].value) {
                bits |= ACM_USAGE_KEY << n;
            }
        }
    }

    list = X509_get_ext_d2i(x, NID_ext_key_usage, NULL, NULL);

    if (list == NULL) {
        return bits | ACM_USAGE_EXT << ACM_USAGE_NONE_EXT;
    }

    for (i = 0; i < sk_ASN1_OBJECT_num(list); i++) {
        bits |= ACM_USAGE_EXT
                << acm_usage_ext(sk_ASN1_OBJECT_value(list, i));
    }

    EXTENDED_KEY_USAGE_free(list);

    return bits;
}


/* As X509_get_key_usage(), which has a digest made of the certificate; all
   bits if there is no such extension, none if there is no making it out. */

static uint32_t
acm_usage_key(X509 *x)
{
    int               crit, len;
    uint32_t          flags;
    const uint8_t    *data;
    ASN1_BIT_STRING  *bits;

    bits = X509_get_ext_d2i(x, NID_key_usage, &crit, NULL);

    if (bits == NULL) {
        return (crit == -1) ? UINT32_MAX : 0;
    }

    data = ASN1_STRING_get0_data(bits);
    len = ASN1_STRING_length(bits);

    flags = (len > 0) ? data[0] : 0;
    flags |= (len > 1) ? (uint32_t) data[1] << 8 : 0;

    ASN1_BIT_STRING_free(bits);

    return flags;
}


const char *
acm_usage_key_text(unsigned n)
{
    return (n < ACM_USAGE_KEYS) ? acm_key_usages[n].name : "CUSTOM";
}


const char *
acm_usage_ext_text(unsigned n)
{
    return (n < ACM_USAGE_EXTS) ? acm_ext_usages[n].name : "CUSTOM";
}


const char *
acm_usage_ext_name(const ASN1_OBJECT *object)
{
    return acm_ext_usages[acm_usage_ext(object)].name;
}


static unsigned
acm_usage_ext(const ASN1_OBJECT *object)
{
    int       nid;
    unsigned  n;

    nid = OBJ_obj2nid(object);

    for (n = 0; n < ACM_USAGE_NONE_EXT; n++) {
        if (nid == (int) acm_ext_usages[n].value) {
            return n;
        }
    }

    return ACM_USAGE_CUSTOM_EXT;
}
