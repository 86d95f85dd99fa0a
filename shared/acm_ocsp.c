
/*
 * Copyright (C) The ngx_acm authors
 */


#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "acm_jws.h"
#include "acm_ocsp.h"


/* what the name of a host consists of */

#define ACM_OCSP_HOST  "abcdefghijklmnopqrstuvwxyz"                          \
                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."


static char *acm_ocsp_location(const ACCESS_DESCRIPTION *ad);
static acm_rc_t acm_ocsp_open(const acm_str_t *der, OCSP_BASICRESP **basic,
    acm_err_t *err);
static acm_rc_t acm_ocsp_signed(OCSP_BASICRESP *basic, X509 *issuer,
    int64_t now, acm_err_t *err);
static acm_rc_t acm_ocsp_find(OCSP_BASICRESP *basic, X509 *leaf,
    X509 *issuer, int64_t now, acm_ocsp_answer_t *answer, acm_err_t *err);
static acm_rc_t acm_ocsp_times(const ASN1_GENERALIZEDTIME *this_update,
    const ASN1_GENERALIZEDTIME *next_update, int64_t now,
    acm_ocsp_answer_t *answer, acm_err_t *err);


const char *
acm_ocsp_text(acm_ocsp_e status)
{
    switch (status) {

    case ACM_OCSP_GOOD:
        return "GOOD";

    case ACM_OCSP_REVOKED:
        return "REVOKED";

    case ACM_OCSP_UNKNOWN:
        return "UNKNOWN";

    default:
        return "";
    }
}


char *
acm_ocsp_url(X509 *leaf)
{
    int                     i;
    char                   *url;
    AUTHORITY_INFO_ACCESS  *aia;

    aia = X509_get_ext_d2i(leaf, NID_info_access, NULL, NULL);
    url = NULL;

    for (i = 0; url == NULL && i < sk_ACCESS_DESCRIPTION_num(aia); i++) {
        url = acm_ocsp_location(sk_ACCESS_DESCRIPTION_value(aia, i));
    }

    AUTHORITY_INFO_ACCESS_free(aia);
    ERR_clear_error();

    return url;
}


int
acm_ocsp_named(X509 *leaf)
{
    char  *url;

    url = acm_ocsp_url(leaf);

    acm_free(url);

    return url != NULL;
}


static char *
acm_ocsp_location(const ACCESS_DESCRIPTION *ad)
{
    int                    len;
    char                  *url;
    const unsigned char   *data;
    const ASN1_IA5STRING  *uri;

    if (OBJ_obj2nid(ad->method) != NID_ad_OCSP
        || ad->location->type != GEN_URI)
    {
        return NULL;
    }

    uri = ad->location->d.uniformResourceIdentifier;
    data = ASN1_STRING_get0_data(uri);
    len = ASN1_STRING_length(uri);

    if (len < 0 || !acm_ocsp_url_ok(data, (size_t) len)) {
        return NULL;
    }

    url = acm_calloc(1, (size_t) len + 1);

    if (url != NULL) {
        memcpy(url, data, (size_t) len);
    }

    return url;
}


int
acm_ocsp_url_ok(const uint8_t *url, size_t len)
{
    size_t  i;

    if (len > ACM_MAX_URL
        || !((len > 7 && strncasecmp((const char *) url, "http://", 7) == 0)
             || (len > 8
                 && strncasecmp((const char *) url, "https://", 8) == 0)))
    {
        return 0;
    }

    /* what no URL has may not reach a request line */

    for (i = 0; i < len; i++) {
        if (url[i] <= ' ' || url[i] > '~') {
            return 0;
        }
    }

    return 1;
}


/* No public CA does it: it leads to where the host of nginx may go, and who
   gave us the certificate may not.  What is no plain name in an URL may be
   read as an address by whoever connects: "%31", "user:password@". */

int
acm_ocsp_by_address(const char *url)
{
    size_t       all, len, i;
    const char  *host;

    host = strstr(url, "://");
    host = (host != NULL) ? host + 3 : url;
    all = strcspn(host, "/?#");
    len = strspn(host, ACM_OCSP_HOST);

    if (len != all
        && (host[len] != ':'
            || strspn(host + len + 1, "0123456789") != all - len - 1))
    {
        return 1;
    }

    if (len != 0 && host[len - 1] == '.') {
        len--;
    }

    /* a last label that starts with a digit is a number: no name has one */

    for (i = len; i > 0 && host[i - 1] != '.'; i--) { /* void */ }

    return len == 0 || (host[i] >= '0' && host[i] <= '9');
}


/* Responders know SHA-1 here, and many nothing else: RFC 5019 s2.1.1. */

acm_rc_t
acm_ocsp_request(X509 *leaf, X509 *issuer, acm_str_t *der, acm_err_t *err)
{
    int             len;
    OCSP_CERTID    *id;
    OCSP_REQUEST   *request;
    unsigned char  *out;

    ERR_clear_error();

    out = NULL;
    len = 0;
    id = OCSP_cert_to_id(EVP_sha1(), leaf, issuer);
    request = OCSP_REQUEST_new();

    if (id != NULL && request != NULL
        && OCSP_request_add0_id(request, id) != NULL)
    {
        id = NULL;
        len = i2d_OCSP_REQUEST(request, &out);
    }

    OCSP_CERTID_free(id);
    OCSP_REQUEST_free(request);

    if (len <= 0) {
        return acm_fail_ssl(err, ACM_ERROR, "cannot make an OCSP request");
    }

    der->len = (size_t) len;
    der->data = acm_memdup(out, der->len);
    OPENSSL_free(out);

    if (der->data == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for an OCSP request");
    }

    return ACM_OK;
}


char *
acm_ocsp_get(const char *url, const acm_str_t *request)
{
    char     *out, *p;
    size_t    len, i, n;
    uint8_t   text[ACM_MAX_OCSP_GET * 4 / 3 + 5];

    static const char  hex[] = "0123456789ABCDEF";

    len = strlen(url);

    if (request->len > ACM_MAX_OCSP_GET
        || len > ACM_MAX_OCSP_GET || strchr(url, '?') != NULL)
    {
        return NULL;
    }

    n = (size_t) EVP_EncodeBlock(text, request->data, (int) request->len);

    out = acm_calloc(1, len + 1 + 3 * n + 1);

    if (out == NULL) {
        return NULL;
    }

    memcpy(out, url, len);
    p = out + len;

    if (len != 0 && p[-1] != '/') {
        *p++ = '/';
    }

    for (i = 0; i < n; i++) {

        if (text[i] == '+' || text[i] == '/' || text[i] == '=') {
            *p++ = '%';
            *p++ = hex[text[i] >> 4];
            *p++ = hex[text[i] & 0xf];

        } else {
            *p++ = (char) text[i];
        }
    }

    *p = '\0';

    if (p - out > ACM_MAX_OCSP_GET) {
        acm_free(out);
        return NULL;
    }

    return out;
}


acm_rc_t
acm_ocsp_check(X509 *leaf, X509 *issuer, const acm_str_t *der, int64_t now,
    acm_ocsp_answer_t *answer, acm_err_t *err)
{
    acm_rc_t         rc;
    OCSP_BASICRESP  *basic;

    ERR_clear_error();
    memset(answer, 0, sizeof(acm_ocsp_answer_t));
    answer->reason = "";

    rc = acm_ocsp_open(der, &basic, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_ocsp_signed(basic, issuer, now, err);

    if (rc == ACM_OK) {
        rc = acm_ocsp_find(basic, leaf, issuer, now, answer, err);
    }

    OCSP_BASICRESP_free(basic);
    ERR_clear_error();

    return rc;
}


static acm_rc_t
acm_ocsp_open(const acm_str_t *der, OCSP_BASICRESP **basic, acm_err_t *err)
{
    int              status;
    OCSP_RESPONSE   *response;
    const uint8_t   *pos;

    if (der->len > ACM_MAX_OCSP) {
        return acm_fail(err, ACM_TOOBIG, "the OCSP response has %zu octets; "
                        "the limit is %d", der->len, ACM_MAX_OCSP);
    }

    pos = der->data;
    response = (der->len == 0) ? NULL
               : d2i_OCSP_RESPONSE(NULL, &pos, (long) der->len);

    if (response == NULL || pos != der->data + der->len) {
        OCSP_RESPONSE_free(response);
        return acm_fail_ssl(err, ACM_INVALID, "the answer is no OCSP "
                            "response");
    }

    status = OCSP_response_status(response);
    *basic = NULL;

    if (status == OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        *basic = OCSP_response_get1_basic(response);
    }

    OCSP_RESPONSE_free(response);

    if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        return acm_fail(err, ACM_INVALID, "the OCSP responder says \"%s\"",
                        OCSP_response_status_str(status));
    }

    if (*basic == NULL) {
        return acm_fail_ssl(err, ACM_INVALID, "the OCSP response is not a "
                            "basic one");
    }

    return ACM_OK;
}


/* By the issuer, or by a certificate of its for OCSP: RFC 6960 s4.2.2.2. */

static acm_rc_t
acm_ocsp_signed(OCSP_BASICRESP *basic, X509 *issuer, int64_t now,
    acm_err_t *err)
{
    acm_rc_t              rc;
    X509_STORE           *trust;
    STACK_OF(X509)       *certs;
    X509_VERIFY_PARAM    *param;

    rc = ACM_OK;
    trust = X509_STORE_new();
    certs = sk_X509_new_null();

    if (trust == NULL || certs == NULL || sk_X509_push(certs, issuer) == 0
        || X509_STORE_add_cert(trust, issuer) != 1)
    {
        rc = acm_fail_ssl(err, ACM_NOMEM, "no memory for an OCSP response");
        goto done;
    }

    param = X509_STORE_get0_param(trust);

    X509_VERIFY_PARAM_set_time(param, (time_t) now);
    (void) X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);

    if (OCSP_basic_verify(basic, certs, trust, 0) != 1) {
        rc = acm_fail_ssl(err, ACM_INVALID, "the OCSP response is not signed "
                          "by the issuer of the certificate, nor for it");
    }

done:

    sk_X509_free(certs);
    X509_STORE_free(trust);

    return rc;
}


static acm_rc_t
acm_ocsp_find(OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer, int64_t now,
    acm_ocsp_answer_t *answer, acm_err_t *err)
{
    int                    ok, status, reason;
    acm_rc_t               rc;
    struct tm              tm;
    OCSP_CERTID           *id;
    ASN1_GENERALIZEDTIME  *revoked, *this_update, *next_update;

    reason = -1;
    revoked = NULL;
    id = OCSP_cert_to_id(EVP_sha1(), leaf, issuer);

    ok = id != NULL
         && OCSP_resp_find_status(basic, id, &status, &reason, &revoked,
                                  &this_update, &next_update)
            == 1;

    OCSP_CERTID_free(id);

    if (!ok) {
        return acm_fail(err, ACM_INVALID, "the OCSP response is of another "
                        "certificate");
    }

    rc = acm_ocsp_times(this_update, next_update, now, answer, err);

    if (rc != ACM_OK) {
        return rc;
    }

    answer->status = (status == V_OCSP_CERTSTATUS_GOOD) ? ACM_OCSP_GOOD
                     : (status == V_OCSP_CERTSTATUS_REVOKED)
                     ? ACM_OCSP_REVOKED : ACM_OCSP_UNKNOWN;

    if (answer->status == ACM_OCSP_REVOKED) {
        answer->revoked_at = (revoked != NULL
                              && ASN1_TIME_to_tm(revoked, &tm) == 1)
                             ? (int64_t) timegm(&tm) : answer->this_update;
        answer->reason = (reason == -1) ? ""
                         : OCSP_crl_reason_str(reason);
    }

    return ACM_OK;
}


static acm_rc_t
acm_ocsp_times(const ASN1_GENERALIZEDTIME *this_update,
    const ASN1_GENERALIZEDTIME *next_update, int64_t now,
    acm_ocsp_answer_t *answer, acm_err_t *err)
{
    char       at[32];
    struct tm  tm;

    if (this_update == NULL || ASN1_TIME_to_tm(this_update, &tm) != 1) {
        return acm_fail(err, ACM_INVALID, "the OCSP response does not say "
                        "when it was right");
    }

    answer->this_update = (int64_t) timegm(&tm);

    if (next_update == NULL) {
        answer->next_update = acm_add_sat(answer->this_update, ACM_OCSP_LIFE);

    } else if (ASN1_TIME_to_tm(next_update, &tm) == 1) {
        answer->next_update = (int64_t) timegm(&tm);
    }

    if (answer->next_update <= answer->this_update) {
        return acm_fail(err, ACM_INVALID, "the OCSP response ends before it "
                        "starts");
    }

    if (answer->this_update > acm_add_sat(now, ACM_OCSP_SLACK)) {
        return acm_fail(err, ACM_INVALID, "the OCSP response is not valid "
                        "before %s; look at the clock of this host",
                        acm_time_text(answer->this_update, at));
    }

    if (answer->next_update <= now) {
        return acm_fail(err, ACM_INVALID, "the OCSP response was valid until "
                        "%s only", acm_time_text(answer->next_update, at));
    }

    return ACM_OK;
}
