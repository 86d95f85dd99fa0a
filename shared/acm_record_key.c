
/*
 * Copyright (C) The ngx_acm authors
 *
 * Keys of records in the store, ARNs, words for enums, typed reads.
 */


#include <stdio.h>
#include <string.h>

#include "acm_name.h"
#include "acm_record.h"


/* at, kind, uuid */
#define ACM_DUE_KEY_LEN  (8 + 1 + ACM_UUID_LEN)


static size_t acm_key_part(uint8_t *buf, const char *part);
static int acm_arn_part(const char **pos, const char *last, acm_str_t *part);
static int acm_arn_label(const acm_str_t *part);
static int acm_str_is(const acm_str_t *part, const char *text);


size_t
acm_cert_key(uint8_t *buf, const char *account, const char *region,
    const char *uuid)
{
    size_t  len;

    len = acm_seal_key(buf, account, region);

    if (len == 0 || !acm_uuid_ok(uuid)) {
        return 0;
    }

    buf[len++] = '/';
    memcpy(buf + len, uuid, ACM_UUID_LEN);

    return len + ACM_UUID_LEN;
}


size_t
acm_material_key(uint8_t *buf, const char *uuid, uint32_t version)
{
    size_t    i;
    uint8_t  *pos;

    if (!acm_uuid_ok(uuid)) {
        return 0;
    }

    memcpy(buf, uuid, ACM_UUID_LEN);

    pos = buf + ACM_UUID_LEN;

    for (i = 0; i < 4; i++) {
        pos[i] = (uint8_t) (version >> (24 - 8 * i));
    }

    return ACM_UUID_LEN + 4;
}


size_t
acm_name_key(uint8_t *buf, const char *name, acm_key_e key, const char *uuid)
{
    size_t  len;

    len = acm_name_prefix(buf, name);

    if (len == 0 || !acm_uuid_ok(uuid)) {
        return 0;
    }

    buf[len++] = (uint8_t) key;
    memcpy(buf + len, uuid, ACM_UUID_LEN);

    return len + ACM_UUID_LEN;
}


size_t
acm_name_prefix(uint8_t *buf, const char *name)
{
    size_t  len;

    len = strlen(name);

    if (len == 0 || len > ACM_MAX_NAME) {
        return 0;
    }

    /* its NUL belongs to the key: "com.example" is no prefix of
       "com.example-a" then */

    acm_name_reverse(name, (char *) buf);

    return len + 1;
}


size_t
acm_due_key(uint8_t *buf, int64_t at, acm_due_e kind, const char *uuid)
{
    size_t    i;
    uint64_t  t;

    if (!acm_uuid_ok(uuid)) {
        return 0;
    }

    /* what was due before the epoch is due at it: keys sort as numbers */

    t = (at < 0) ? 0 : (uint64_t) at;

    for (i = 0; i < 8; i++) {
        buf[i] = (uint8_t) (t >> (56 - 8 * i));
    }

    buf[8] = (uint8_t) kind;
    memcpy(buf + 9, uuid, ACM_UUID_LEN);

    return ACM_DUE_KEY_LEN;
}


acm_rc_t
acm_due_key_parse(const uint8_t *key, size_t len, int64_t *at,
    acm_due_e *kind, char *uuid)
{
    char          text[ACM_UUID_LEN + 1];
    uint8_t       k;
    uint64_t      t;
    acm_reader_t  r;

    if (len != ACM_DUE_KEY_LEN) {
        return ACM_CORRUPT;
    }

    acm_reader_init(&r, key, len);

    t = acm_read_u64(&r);
    k = acm_read_u8(&r);

    memcpy(text, key + 9, ACM_UUID_LEN);
    text[ACM_UUID_LEN] = '\0';

    if (t > INT64_MAX || k < ACM_DUE_ISSUE || k > ACM_DUE_ARI
        || !acm_uuid_ok(text))
    {
        return ACM_CORRUPT;
    }

    *at = (int64_t) t;
    *kind = (acm_due_e) k;
    memcpy(uuid, text, ACM_UUID_LEN + 1);

    return ACM_OK;
}


size_t
acm_time_key(uint8_t *buf, int64_t at, const char *uuid)
{
    size_t  i, len;

    len = strnlen(uuid, ACM_UUID_LEN + 1);

    if (len != ACM_UUID_LEN || at < 0) {
        return 0;
    }

    for (i = 0; i < 8; i++) {
        buf[i] = (uint8_t) ((uint64_t) at >> (56 - 8 * i));
    }

    memcpy(buf + 8, uuid, ACM_UUID_LEN);

    return 8 + ACM_UUID_LEN;
}


acm_rc_t
acm_time_key_parse(const uint8_t *key, size_t len, int64_t *at, char *uuid)
{
    char      text[ACM_UUID_LEN + 1];
    size_t    i;
    uint64_t  t;

    if (len != 8 + ACM_UUID_LEN) {
        return ACM_CORRUPT;
    }

    for (t = 0, i = 0; i < 8; i++) {
        t = (t << 8) | key[i];
    }

    memcpy(text, key + 8, ACM_UUID_LEN);
    text[ACM_UUID_LEN] = '\0';

    if (t > INT64_MAX || !acm_uuid_ok(text)) {
        return ACM_CORRUPT;
    }

    *at = (int64_t) t;
    memcpy(uuid, text, ACM_UUID_LEN + 1);

    return ACM_OK;
}


size_t
acm_created_key(uint8_t *buf, const char *account, const char *region,
    int64_t at, const char *uuid)
{
    size_t  len, n;

    len = acm_seal_key(buf, account, region);

    if (len == 0) {
        return 0;
    }

    buf[len++] = '/';
    n = acm_time_key(buf + len, at, uuid);

    return (n == 0) ? 0 : len + n;
}


size_t
acm_seal_key(uint8_t *buf, const char *account, const char *region)
{
    size_t  len, n;

    len = acm_key_part(buf, account);

    if (len == 0) {
        return 0;
    }

    buf[len++] = '/';

    n = acm_key_part(buf + len, region);

    return (n == 0) ? 0 : len + n;
}


static size_t
acm_key_part(uint8_t *buf, const char *part)
{
    size_t  len;

    len = strnlen(part, ACM_MAX_LABEL + 1);

    if (len == 0 || len > ACM_MAX_LABEL || memchr(part, '/', len) != NULL) {
        return 0;
    }

    memcpy(buf, part, len);

    return len;
}


char *
acm_arn_text(char *buf, const char *account, const char *region,
    const char *uuid)
{
    (void) snprintf(buf, ACM_MAX_ARN, "arn:aws:acm:%s:%s:certificate/%s",
                    region, account, uuid);

    return buf;
}


acm_rc_t
acm_arn_parse(const char *arn, size_t len, acm_str_t *account,
    acm_str_t *region, char *uuid, acm_err_t *err)
{
    char         id[ACM_UUID_LEN + 1];
    size_t       prefix;
    acm_str_t    part, rgn, acc;
    const char  *pos, *last;

    if (len >= ACM_MAX_ARN) {
        return acm_fail(err, ACM_INVALID, "the ARN is longer than %d octets",
                        ACM_MAX_ARN - 1);
    }

    pos = arn;
    last = arn + len;

    if (!acm_arn_part(&pos, last, &part) || !acm_str_is(&part, "arn")) {
        return acm_fail(err, ACM_INVALID, "an ARN starts with \"arn:\"");
    }

    if (!acm_arn_part(&pos, last, &part) || !acm_str_is(&part, "aws")) {
        return acm_fail(err, ACM_INVALID,
                        "the partition of the ARN is not \"aws\"");
    }

    if (!acm_arn_part(&pos, last, &part) || !acm_str_is(&part, "acm")) {
        return acm_fail(err, ACM_INVALID,
                        "the service of the ARN is not \"acm\"");
    }

    if (!acm_arn_part(&pos, last, &rgn) || !acm_arn_label(&rgn)) {
        return acm_fail(err, ACM_INVALID, "the region of the ARN is empty, "
                        "too long, or holds an unfit character");
    }

    if (!acm_arn_part(&pos, last, &acc) || !acm_arn_label(&acc)) {
        return acm_fail(err, ACM_INVALID, "the account of the ARN is empty, "
                        "too long, or holds an unfit character");
    }

    prefix = sizeof("certificate/") - 1;

    if ((size_t) (last - pos) < prefix
        || memcmp(pos, "certificate/", prefix) != 0)
    {
        return acm_fail(err, ACM_INVALID, "the resource of the ARN does not "
                        "start with \"certificate/\"");
    }

    pos += prefix;

    if (last - pos == ACM_UUID_LEN) {
        memcpy(id, pos, ACM_UUID_LEN);
        id[ACM_UUID_LEN] = '\0';
    }

    if (last - pos != ACM_UUID_LEN || !acm_uuid_ok(id)) {
        return acm_fail(err, ACM_INVALID, "the ARN does not end in a "
                        "lower-case UUID of %d octets", ACM_UUID_LEN);
    }

    *account = acc;
    *region = rgn;
    memcpy(uuid, id, ACM_UUID_LEN + 1);

    return ACM_OK;
}


static int
acm_arn_part(const char **pos, const char *last, acm_str_t *part)
{
    const char  *colon;

    colon = (*pos == last) ? NULL : memchr(*pos, ':', (size_t) (last - *pos));

    if (colon == NULL) {
        return 0;
    }

    part->data = (uint8_t *) *pos;
    part->len = (size_t) (colon - *pos);

    *pos = colon + 1;

    return 1;
}


static int
acm_arn_label(const acm_str_t *part)
{
    size_t   i;
    uint8_t  c;

    if (part->len == 0 || part->len > ACM_MAX_LABEL) {
        return 0;
    }

    for (i = 0; i < part->len; i++) {
        c = part->data[i];

        if (c <= ' ' || c >= 0x7f || c == '/') {
            return 0;
        }
    }

    return 1;
}


static int
acm_str_is(const acm_str_t *part, const char *text)
{
    return part->len == strlen(text)
           && memcmp(part->data, text, part->len) == 0;
}


acm_rc_t
acm_cert_get(acm_snap_t *snap, const char *account, const char *region,
    const char *uuid, acm_cert_t *cert, uint64_t *revision)
{
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    acm_cert_t   found;
    acm_entry_t  entry;

    len = acm_cert_key(key, account, region, uuid);

    if (len == 0) {
        return ACM_NOTFOUND;
    }

    rc = acm_store_get(snap, ACM_DB_CERTIFICATE, key, len, &entry);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_cert_decode(entry.data, entry.len, &found);

    if (rc != ACM_OK) {
        return rc;
    }

    /* a record that stands under a foreign key is as bad as a damaged one */

    if (strcmp(found.account, account) != 0
        || strcmp(found.region, region) != 0
        || strcmp(found.uuid, uuid) != 0)
    {
        acm_cert_free(&found);
        return ACM_CORRUPT;
    }

    *cert = found;

    if (revision != NULL) {
        *revision = entry.revision;
    }

    return ACM_OK;
}


acm_rc_t
acm_material_get(acm_snap_t *snap, const char *uuid, uint32_t version,
    acm_material_t *m)
{
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    acm_entry_t  entry;

    len = acm_material_key(key, uuid, version);

    if (len == 0) {
        return ACM_NOTFOUND;
    }

    rc = acm_store_get(snap, ACM_DB_MATERIAL, key, len, &entry);

    if (rc != ACM_OK) {
        return rc;
    }

    return acm_material_decode(entry.data, entry.len, m);
}
