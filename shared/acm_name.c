
/*
 * Copyright (C) The ngx_acm authors
 */


#include <arpa/inet.h>
#include <string.h>

#include <idn2.h>

#include "acm_name.h"


#define ACM_MAX_DNS_LABEL  63  /* octets, RFC 1035 */


static acm_rc_t acm_name_to_ascii(const char *name, size_t len, char *out,
    size_t max, acm_err_t *err);
static acm_rc_t acm_name_idn(const char *name, size_t len, char *out,
    size_t max, acm_err_t *err);
static acm_rc_t acm_name_labels(const char *name, acm_err_t *err);
static acm_rc_t acm_name_label(const char *label, size_t len, acm_err_t *err);
static acm_rc_t acm_name_alabel(const char *label, size_t len,
    acm_err_t *err);
static int acm_name_digits(const char *label);
static char acm_name_lower(char c);


acm_rc_t
acm_name_sni(const uint8_t *data, size_t len, char *out)
{
    char    c, name[ACM_MAX_NAME + 1];
    size_t  i, label;

    if (len != 0 && data[len - 1] == '.') {
        len--;
    }

    if (len == 0 || len > ACM_MAX_NAME) {
        return ACM_INVALID;
    }

    label = 0;

    for (i = 0; i < len; i++) {
        c = acm_name_lower((char) data[i]);
        name[i] = c;

        if (c == '.') {
            if (label == 0) {
                return ACM_INVALID;
            }

            label = 0;
            continue;
        }

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
              || c == '-' || c == '_'))
        {
            return ACM_INVALID;
        }

        label++;

        if (label > ACM_MAX_DNS_LABEL) {
            return ACM_INVALID;
        }
    }

    if (label == 0 || acm_name_is_ip(name, len)) {
        return ACM_INVALID;
    }

    memcpy(out, name, len);
    out[len] = '\0';

    return ACM_OK;
}


acm_rc_t
acm_name_request(const char *name, size_t len, char *out, acm_err_t *err)
{
    char      normal[ACM_MAX_NAME + 1];
    size_t    star;
    acm_rc_t  rc;

    if (len == 0) {
        return acm_fail(err, ACM_INVALID, "the name is empty");
    }

    if (len > ACM_MAX_NAME_UTF8) {
        return acm_fail(err, ACM_INVALID, "name of %zu octets: a name has "
                        "at most %d", len, ACM_MAX_NAME);
    }

    if (memchr(name, '\0', len) != NULL) {
        return acm_fail(err, ACM_INVALID, "name with a NUL octet");
    }

    if (acm_name_is_ip(name, len)) {
        return acm_fail(err, ACM_INVALID, "name \"%.*s\": is an IP address; "
                        "use a DNS name", (int) len, name);
    }

    star = (len >= 2 && name[0] == '*' && name[1] == '.') ? 2 : 0;

    memcpy(normal, name, star);

    rc = acm_name_to_ascii(name + star, len - star, normal + star,
                           ACM_MAX_NAME - star, err);
    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_name_labels(normal + star, err);
    if (rc != ACM_OK) {
        return rc;
    }

    memcpy(out, normal, strlen(normal) + 1);

    return ACM_OK;
}


/* Writes lower-case ASCII of at most max octets and a NUL. */

static acm_rc_t
acm_name_to_ascii(const char *name, size_t len, char *out, size_t max,
    acm_err_t *err)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if ((unsigned char) name[i] >= 0x80) {
            return acm_name_idn(name, len, out, max, err);
        }
    }

    if (len != 0 && name[len - 1] == '.') {
        len--;
    }

    if (len > max) {
        return acm_fail(err, ACM_INVALID, "name \"%.80s...\": is longer than "
                        "%d octets", name, ACM_MAX_NAME);
    }

    for (i = 0; i < len; i++) {
        out[i] = acm_name_lower(name[i]);
    }

    out[len] = '\0';

    return ACM_OK;
}


acm_rc_t
acm_name_identifier(const char *name, size_t len, char *out, acm_err_t *err)
{
    int              family;
    char             text[INET6_ADDRSTRLEN];
    struct in6_addr  addr;

    if (!acm_name_is_ip(name, len)) {
        return acm_name_request(name, len, out, err);
    }

    if (name[0] == '[') {
        name++;
        len -= 2;
    }

    family = (memchr(name, ':', len) == NULL) ? AF_INET : AF_INET6;

    if (len >= sizeof(text)) {
        return acm_fail(err, ACM_INVALID, "an address of over %d octets",
                        INET6_ADDRSTRLEN - 1);
    }

    memcpy(text, name, len);
    text[len] = '\0';

    if (inet_pton(family, text, &addr) != 1
        || inet_ntop(family, &addr, out, ACM_MAX_NAME + 1) == NULL)
    {
        return acm_fail(err, ACM_INVALID, "\"%s\" is no address", text);
    }

    return ACM_OK;
}


/*
 * The whole name at once, as some scripts have dots of their own.  The mapping
 * of UTS 46 is what lets people write upper case; what it yields must then
 * be valid IDNA 2008.
 */

static acm_rc_t
acm_name_idn(const char *name, size_t len, char *out, size_t max,
    acm_err_t *err)
{
    int       rc;
    char      text[ACM_MAX_NAME_UTF8 + 1];
    size_t    i, n;
    uint8_t  *ascii;

    memcpy(text, name, len);
    text[len] = '\0';

    ascii = NULL;

    rc = idn2_lookup_u8((const uint8_t *) text, &ascii,
                        IDN2_NFC_INPUT|IDN2_NONTRANSITIONAL);

    if (rc == IDN2_MALLOC) {
        return acm_fail(err, ACM_NOMEM, "no memory to convert a name");
    }

    if (rc != IDN2_OK) {
        return acm_fail(err, ACM_INVALID, "name \"%s\": is no valid "
                        "internationalized name: %s", text, idn2_strerror(rc));
    }

    n = strlen((const char *) ascii);

    if (n > 0 && ascii[n - 1] == '.') {
        n--;
    }

    if (n > max) {
        idn2_free(ascii);
        return acm_fail(err, ACM_INVALID, "name \"%.160s\": is longer than %d "
                        "octets in its ASCII form", text, ACM_MAX_NAME);
    }

    for (i = 0; i < n; i++) {
        out[i] = acm_name_lower((char) ascii[i]);
    }

    out[n] = '\0';

    idn2_free(ascii);

    return ACM_OK;
}


/* The rules for a whole name, without the label "*". */

static acm_rc_t
acm_name_labels(const char *name, acm_err_t *err)
{
    size_t       len, n;
    acm_err_t    why;
    const char  *label;

    label = name;

    for (n = 1; /* void */; n++) {
        len = strcspn(label, ".");

        if (acm_name_label(label, len, &why) != ACM_OK) {
            return acm_fail(err, ACM_INVALID, "name \"%s\": label %zu: %s",
                            name, n, why.text);
        }

        if (label[len] == '\0') {
            break;
        }

        label += len + 1;
    }

    if (n < 2) {
        return acm_fail(err, ACM_INVALID, "name \"%s\": needs at least two "
                        "labels, as in \"example.com\"", name);
    }

    if (acm_name_digits(label)) {
        return acm_fail(err, ACM_INVALID, "name \"%s\": the last label is "
                        "all digits; use a DNS name", name);
    }

    return ACM_OK;
}


static acm_rc_t
acm_name_label(const char *label, size_t len, acm_err_t *err)
{
    char    c;
    size_t  i;

    if (len == 0) {
        return acm_fail(err, ACM_INVALID, "is empty; remove the extra dot");
    }

    if (len > ACM_MAX_DNS_LABEL) {
        return acm_fail(err, ACM_INVALID, "has %zu octets; at most %d are "
                        "allowed", len, ACM_MAX_DNS_LABEL);
    }

    for (i = 0; i < len; i++) {
        c = label[i];

        if (c == '*') {
            return acm_fail(err, ACM_INVALID, "has a \"*\"; it may only be "
                            "the whole first label");
        }

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return acm_fail(err, ACM_INVALID, "has the octet 0x%02x; use "
                            "letters, digits and hyphens",
                            (unsigned int) (unsigned char) c);
        }
    }

    if (label[0] == '-' || label[len - 1] == '-') {
        return acm_fail(err, ACM_INVALID, "has a hyphen at an end; "
                        "remove it");
    }

    if (len >= 4 && label[2] == '-' && label[3] == '-') {
        return acm_name_alabel(label, len, err);
    }

    return ACM_OK;
}


/* RFC 5891, 4.2.1: an A-label is what its decoded form encodes to. */

static acm_rc_t
acm_name_alabel(const char *label, size_t len, acm_err_t *err)
{
    int       rc;
    char      text[ACM_MAX_DNS_LABEL + 1], *decoded;
    uint8_t  *encoded;

    if (label[0] != 'x' || label[1] != 'n') {
        return acm_fail(err, ACM_INVALID, "has \"--\" at its third octet, "
                        "which only \"xn--\" labels may have");
    }

    memcpy(text, label, len);
    text[len] = '\0';

    decoded = NULL;
    encoded = NULL;

    rc = idn2_to_unicode_8z8z(text, &decoded, 0);

    if (rc == IDN2_OK) {
        rc = idn2_lookup_u8((const uint8_t *) decoded, &encoded,
                            IDN2_NO_TR46);
    }

    if (rc == IDN2_OK && strcmp((const char *) encoded, text) != 0) {
        rc = IDN2_ALABEL_ROUNDTRIP_FAILED;
    }

    idn2_free(encoded);
    idn2_free(decoded);

    if (rc != IDN2_OK) {
        return acm_fail(err, ACM_INVALID, "is no valid \"xn--\" label: %s",
                        idn2_strerror(rc));
    }

    return ACM_OK;
}


int
acm_name_same(const char *name, const char *text)
{
    char       address[ACM_MAX_NAME + 1];
    size_t     i, len;
    acm_err_t  err;

    len = strlen(text);

    if (acm_name_is_ip(text, len)) {
        return acm_name_identifier(text, len, address, &err) == ACM_OK
               && strcmp(name, address) == 0;
    }

    if (len != 0 && text[len - 1] == '.') {
        len--;
    }

    for (i = 0; i < len; i++) {
        if (name[i] != acm_name_lower(text[i])) {
            return 0;
        }
    }

    return name[len] == '\0';
}


int
acm_name_match(const char *pattern, const char *name)
{
    const char  *dot;

    if (strcmp(pattern, name) == 0) {
        return 1;
    }

    if (pattern[0] != '*' || pattern[1] != '.') {
        return 0;
    }

    dot = strchr(name, '.');

    if (dot == NULL || dot == name) {
        return 0;
    }

    return strcmp(pattern + 1, dot) == 0;
}


int
acm_name_wildcard(const char *name, char *out)
{
    size_t       len;
    const char  *dot;

    dot = strchr(name, '.');

    if (dot == NULL || strchr(dot + 1, '.') == NULL) {
        return 0;
    }

    len = strlen(dot);

    if (len > ACM_MAX_NAME) {
        return 0;
    }

    out[0] = '*';
    memcpy(out + 1, dot, len + 1);

    return 1;
}


void
acm_name_reverse(const char *name, char *out)
{
    size_t  end, n, start;

    end = strlen(name);
    n = 0;

    if (end > ACM_MAX_NAME) {
        end = 0;
    }

    while (end > 0) {
        start = end;

        while (start > 0 && name[start - 1] != '.') {
            start--;
        }

        memcpy(out + n, name + start, end - start);
        n += end - start;

        if (start == 0) {
            break;
        }

        out[n++] = '.';
        end = start - 1;
    }

    out[n] = '\0';
}


int
acm_name_is_ip(const char *s, size_t len)
{
    char     text[INET6_ADDRSTRLEN];
    uint8_t  octets[sizeof(struct in6_addr)];

    if (len >= 2 && s[0] == '[' && s[len - 1] == ']') {
        s++;
        len -= 2;
    }

    if (len == 0 || len >= sizeof(text) || memchr(s, '\0', len) != NULL) {
        return 0;
    }

    memcpy(text, s, len);
    text[len] = '\0';

    return inet_pton(AF_INET, text, octets) == 1
           || inet_pton(AF_INET6, text, octets) == 1;
}


static int
acm_name_digits(const char *label)
{
    return label[strspn(label, "0123456789")] == '\0';
}


/* Not tolower(), which follows the locale. */

static char
acm_name_lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char) (c + ('a' - 'A')) : c;
}
