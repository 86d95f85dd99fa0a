
/*
 * Copyright (C) The ngx_acm authors
 */


#include <string.h>

#include "acm_peek.h"
#include "acm_record_impl.h"


#define ACM_PEEK_NEEDED  8       /* the tags up to this one are all there */
#define ACM_PEEK_LAST    56      /* no tag behind it is looked at */


static int acm_peek_head(acm_peek_t *peek, unsigned tag, const uint8_t *data,
    size_t len);
static int acm_peek_more(acm_peek_t *peek, unsigned tag, const uint8_t *data,
    size_t len);
static int acm_peek_text(char *text, size_t max, const uint8_t *data,
    size_t len);
static int acm_peek_names(acm_peek_t *peek, const uint8_t *data, size_t len);
static int acm_peek_octet(unsigned *value, unsigned min, unsigned max,
    const uint8_t *data, size_t len);
static int acm_peek_u32(uint32_t *value, const uint8_t *data, size_t len);
static int acm_peek_time(int64_t *value, const uint8_t *data, size_t len);


acm_peek_t *
acm_cert_peek_make(void)
{
    acm_cert_t  *c;
    acm_peek_t  *peek;

    static char  none[1];

    peek = acm_calloc(1, sizeof(acm_peek_t));

    if (peek == NULL) {
        return NULL;
    }

    c = &peek->cert;

    c->account = peek->account;
    c->region = peek->region;
    c->domain = peek->domain;
    c->serial = peek->serial;
    c->names = peek->list;
    c->issuer = none;
    c->subject = none;
    c->issuer_dn = none;
    c->sigalg = none;
    c->last_error = none;
    c->issued_by = none;
    c->findings = none;
    c->culprit = none;

    return peek;
}


acm_rc_t
acm_cert_peek(const uint8_t *data, size_t len, acm_peek_t *peek)
{
    size_t          n;
    unsigned        tag, last;
    acm_cert_t     *c;
    const uint8_t  *pos, *end;

    if (len < 2 || data[0] != ACM_REC_CERT || data[1] == 0) {
        return ACM_CORRUPT;
    }

    if (data[1] > ACM_REC_FORMAT) {
        return ACM_VERSION;
    }

    c = &peek->cert;

    memset(c->identity, 0, ACM_HASH_LEN);
    peek->serial[0] = '\0';
    c->version = 0;
    c->not_before = 0;
    c->not_after = 0;
    c->created_at = 0;
    c->issued_at = 0;
    c->imported_at = 0;
    c->renewal = ACM_RENEWAL_NONE;
    c->exported = 0;
    c->exportable = 0;
    c->revoked_at = 0;
    c->usages = 0;
    c->proof = ACM_PROOF_NONE;

    pos = data + 2;
    end = data + len;
    last = 0;

    while (pos != end) {

        if (end - pos < 3) {
            return ACM_CORRUPT;
        }

        tag = pos[0];
        n = (size_t) pos[1] << 8 | pos[2];
        pos += 3;

        if (n == 0 || n > (size_t) (end - pos) || tag <= last
            || (last < ACM_PEEK_NEEDED && tag != last + 1))
        {
            return ACM_CORRUPT;
        }

        if (tag > ACM_PEEK_LAST) {
            break;
        }

        if (!((tag <= ACM_PEEK_NEEDED) ? acm_peek_head(peek, tag, pos, n)
                                       : acm_peek_more(peek, tag, pos, n)))
        {
            return ACM_CORRUPT;
        }

        last = tag;
        pos += n;
    }

    return (last < ACM_PEEK_NEEDED) ? ACM_CORRUPT : ACM_OK;
}


/* By the tags of acm_record_type.c: those up to ACM_PEEK_NEEDED, and those
   behind it. */

static int
acm_peek_head(acm_peek_t *peek, unsigned tag, const uint8_t *data, size_t len)
{
    int          rc;
    unsigned     v;
    acm_cert_t  *c;

    c = &peek->cert;
    v = 0;

    switch (tag) {

    case 1:
        return acm_peek_text(peek->account, ACM_MAX_LABEL, data, len);

    case 2:
        return acm_peek_text(peek->region, ACM_MAX_LABEL, data, len);

    case 3:
        return acm_peek_text(c->uuid, ACM_UUID_LEN, data, len)
               && acm_uuid_ok(c->uuid);

    case 4:
        rc = acm_peek_octet(&v, ACM_TYPE_ISSUED, ACM_TYPE_PRIVATE, data, len);
        c->type = (acm_type_e) v;
        return rc;

    case 5:
        rc = acm_peek_octet(&v, ACM_STATUS_PENDING_VALIDATION,
                            ACM_STATUS_FAILED, data, len);
        c->status = (acm_status_e) v;
        return rc;

    case 6:
        rc = acm_peek_octet(&v, ACM_KEY_RSA_1024, ACM_KEY_EC_P521, data, len);
        c->key = (acm_key_e) v;
        return rc;

    case 7:
        return acm_peek_text(peek->domain, ACM_MAX_NAME, data, len);

    default:
        return acm_peek_names(peek, data, len);
    }
}


static int
acm_peek_more(acm_peek_t *peek, unsigned tag, const uint8_t *data, size_t len)
{
    int          rc;
    unsigned     v;
    acm_cert_t  *c;

    c = &peek->cert;
    v = 0;

    switch (tag) {

    case 10:
        if (len != ACM_HASH_LEN) {
            return 0;
        }

        memcpy(c->identity, data, ACM_HASH_LEN);
        return 1;

    case 11:
        return acm_peek_u32(&c->version, data, len);

    case 14:
        return acm_peek_text(peek->serial, ACM_MAX_REC_SERIAL, data, len);

    case 16:
        return acm_peek_time(&c->not_before, data, len);

    case 17:
        return acm_peek_time(&c->not_after, data, len);

    case 18:
        return acm_peek_time(&c->created_at, data, len);

    case 19:
        return acm_peek_time(&c->issued_at, data, len);

    case 20:
        return acm_peek_time(&c->imported_at, data, len);

    case 38:
        rc = acm_peek_octet(&v, ACM_RENEWAL_NONE, ACM_RENEWAL_FAILED, data,
                            len);
        c->renewal = (acm_renewal_e) v;
        return rc;

    case 46:
        return acm_peek_u32(&c->exported, data, len);

    case 47:
        return acm_peek_u32(&c->exportable, data, len);

    case 48:
        return acm_peek_time(&c->revoked_at, data, len);

    case 55:
        return acm_peek_u32(&c->usages, data, len);

    case 56:
        rc = acm_peek_octet(&v, ACM_PROOF_NONE, ACM_PROOF_HTTP, data, len);
        c->proof = (acm_proof_e) v;
        return rc;

    default:
        return 1;
    }
}


/* text: of max octets and a NUL */

static int
acm_peek_text(char *text, size_t max, const uint8_t *data, size_t len)
{
    if (len > max || memchr(data, '\0', len) != NULL) {
        return 0;
    }

    memcpy(text, data, len);
    text[len] = '\0';

    return 1;
}


/* Copied as they are; the length of each is where the one before ends. */

static int
acm_peek_names(acm_peek_t *peek, const uint8_t *data, size_t len)
{
    char    *pos, *end;
    size_t   n, size;

    if (len > ACM_MAX_PEEK_NAMES) {
        return 0;
    }

    memcpy(peek->names, data, len);

    pos = peek->names;
    end = pos + len;

    for (n = 0; pos != end; n++) {
        size = (uint8_t) *pos;
        *pos++ = '\0';

        if (n == ACM_MAX_NAMES || size == 0 || size > ACM_MAX_NAME
            || size > (size_t) (end - pos) || memchr(pos, '\0', size) != NULL)
        {
            return 0;
        }

        peek->list[n] = pos;
        pos += size;
    }

    *pos = '\0';
    peek->cert.nnames = n;

    return 1;
}


static int
acm_peek_octet(unsigned *value, unsigned min, unsigned max,
    const uint8_t *data, size_t len)
{
    *value = data[0];

    return len == 1 && *value >= min && *value <= max;
}


static int
acm_peek_u32(uint32_t *value, const uint8_t *data, size_t len)
{
    if (len != 4) {
        return 0;
    }

    *value = (uint32_t) data[0] << 24 | (uint32_t) data[1] << 16
             | (uint32_t) data[2] << 8 | data[3];

    return 1;
}


static int
acm_peek_time(int64_t *value, const uint8_t *data, size_t len)
{
    size_t    i;
    uint64_t  at;

    if (len != 8) {
        return 0;
    }

    for (at = 0, i = 0; i < 8; i++) {
        at = at << 8 | data[i];
    }

    *value = (int64_t) at;

    return 1;
}
