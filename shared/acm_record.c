
/*
 * Copyright (C) The ngx_acm authors
 *
 * Encoding of records: one table a type says which fields there are; one
 * encoder and one decoder walk it.
 */


#include <string.h>

#include "acm_record_impl.h"


static acm_rc_t acm_field_encode(const acm_field_t *f, const uint8_t *rec,
    acm_buf_t *out);
static acm_rc_t acm_field_octets(const acm_field_t *f, const void *data,
    size_t len, acm_buf_t *out);
static acm_rc_t acm_field_enum(const acm_field_t *f, const uint8_t *pos,
    acm_buf_t *out);
static acm_rc_t acm_field_names(const acm_field_t *f, const uint8_t *rec,
    acm_buf_t *out);
static acm_rc_t acm_record_fields(const acm_layout_t *layout,
    acm_reader_t *r, uint8_t *rec);
static acm_rc_t acm_record_absent(const acm_field_t *f, uint8_t *rec);
static acm_rc_t acm_field_decode(const acm_field_t *f, const uint8_t *data,
    size_t len, uint8_t *rec);
static acm_rc_t acm_field_bytes(const acm_field_t *f, const uint8_t *data,
    size_t len, uint8_t *pos);
static acm_rc_t acm_field_str(const uint8_t *data, size_t len, char **out);
static acm_rc_t acm_field_number(const acm_field_t *f, const uint8_t *data,
    size_t len, uint8_t *pos);
static acm_rc_t acm_field_name_list(const acm_field_t *f, const uint8_t *data,
    size_t len, uint8_t *rec);
static void acm_names_free(uint8_t *pos, size_t n);


acm_rc_t
acm_record_encode(const acm_layout_t *layout, const void *rec, acm_buf_t *out)
{
    size_t    i;
    acm_rc_t  rc;

    acm_buf_u8(out, (uint8_t) layout->type);
    acm_buf_u8(out, ACM_REC_FORMAT);

    for (i = 0; i < layout->nfields; i++) {
        rc = acm_field_encode(&layout->fields[i], rec, out);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    return acm_buf_rc(out);
}


static acm_rc_t
acm_field_encode(const acm_field_t *f, const uint8_t *rec, acm_buf_t *out)
{
    char           *s;
    size_t          n;
    int64_t         t;
    uint32_t        v;
    acm_str_t       str;
    const uint8_t  *pos;

    pos = rec + f->offset;

    switch (f->kind) {

    case ACM_FIELD_STR:
        memcpy(&s, pos, sizeof(char *));
        return acm_field_octets(f, s, (s == NULL) ? 0 : strlen(s), out);

    case ACM_FIELD_TEXT:
    case ACM_FIELD_UUID:
        s = (char *) pos;

        if (f->kind == ACM_FIELD_UUID && !acm_uuid_ok(s)) {
            return ACM_INVALID;
        }

        return acm_field_octets(f, s, strnlen(s, (size_t) f->max + 1), out);

    case ACM_FIELD_BLOB:
        memcpy(&str, pos, sizeof(acm_str_t));
        return acm_field_octets(f, str.data, str.len, out);

    case ACM_FIELD_OCTETS:
        n = f->max;

        if (f->min == 0 && *pos == 0 && memcmp(pos, pos + 1, n - 1) == 0) {
            n = 0;
        }

        return acm_field_octets(f, pos, n, out);

    case ACM_FIELD_CHAIN:
        memcpy(&n, rec + f->count, sizeof(size_t));

        if (n > f->max) {
            return ACM_TOOBIG;
        }

        if (n != 0) {
            acm_buf_u8(out, f->tag);
            acm_buf_u16(out, (uint16_t) (n * ACM_HASH_LEN));
            acm_buf_add(out, pos, n * ACM_HASH_LEN);
        }

        return ACM_OK;

    case ACM_FIELD_ENUM:
        return acm_field_enum(f, pos, out);

    case ACM_FIELD_U32:
        memcpy(&v, pos, sizeof(uint32_t));

        if (v != 0) {
            acm_buf_u8(out, f->tag);
            acm_buf_u16(out, 4);
            acm_buf_u32(out, v);
        }

        return ACM_OK;

    case ACM_FIELD_TIME:
        memcpy(&t, pos, sizeof(int64_t));

        if (t != 0) {
            acm_buf_u8(out, f->tag);
            acm_buf_u16(out, 8);
            acm_buf_u64(out, (uint64_t) t);
        }

        return ACM_OK;

    case ACM_FIELD_NAMES:
        return acm_field_names(f, rec, out);
    }

    return ACM_INVALID;
}


static acm_rc_t
acm_field_octets(const acm_field_t *f, const void *data, size_t len,
    acm_buf_t *out)
{
    if (len > f->max) {
        return ACM_TOOBIG;
    }

    if (len < f->min) {
        return ACM_INVALID;
    }

    if (len != 0) {
        acm_buf_u8(out, f->tag);
        acm_buf_u16(out, (uint16_t) len);
        acm_buf_add(out, data, len);
    }

    return ACM_OK;
}


static acm_rc_t
acm_field_enum(const acm_field_t *f, const uint8_t *pos, acm_buf_t *out)
{
    unsigned  v;

    /* all our enums are of the compiler's default, unsigned int */

    memcpy(&v, pos, sizeof(unsigned));

    if (v < f->min || v > f->max) {
        return ACM_INVALID;
    }

    if (v != 0) {
        acm_buf_u8(out, f->tag);
        acm_buf_u16(out, 1);
        acm_buf_u8(out, (uint8_t) v);
    }

    return ACM_OK;
}


static acm_rc_t
acm_field_names(const acm_field_t *f, const uint8_t *rec, acm_buf_t *out)
{
    char    **names;
    size_t    i, len, n, total;

    memcpy(&names, rec + f->offset, sizeof(char **));
    memcpy(&n, rec + f->count, sizeof(size_t));

    if (n < f->min) {
        return ACM_INVALID;
    }

    if (n > f->max) {
        return ACM_TOOBIG;
    }

    total = 0;

    for (i = 0; i < n; i++) {
        len = strlen(names[i]);

        if (len == 0) {
            return ACM_INVALID;
        }

        if (len > ACM_MAX_NAME) {
            return ACM_TOOBIG;
        }

        total += 1 + len;
    }

    acm_buf_u8(out, f->tag);
    acm_buf_u16(out, (uint16_t) total);

    for (i = 0; i < n; i++) {
        len = strlen(names[i]);

        acm_buf_u8(out, (uint8_t) len);
        acm_buf_add(out, names[i], len);
    }

    return ACM_OK;
}


acm_rc_t
acm_record_decode(const acm_layout_t *layout, const uint8_t *data, size_t len,
    void *rec)
{
    uint8_t        format;
    acm_rc_t       rc;
    acm_reader_t   r;

    memset(rec, 0, layout->size);

    acm_reader_init(&r, data, len);

    if (acm_read_u8(&r) != (uint8_t) layout->type) {
        return ACM_CORRUPT;
    }

    format = acm_read_u8(&r);

    if (r.rc != ACM_OK || format == 0) {
        return ACM_CORRUPT;
    }

    if (format > ACM_REC_FORMAT) {
        return ACM_VERSION;
    }

    rc = acm_record_fields(layout, &r, rec);

    if (rc != ACM_OK) {
        acm_record_free(layout, rec);
    }

    return rc;
}


/* Fields come in the order of the table, so a tag that is unknown, out of
   order or there twice is one that no row is left for. */

static acm_rc_t
acm_record_fields(const acm_layout_t *layout, acm_reader_t *r, uint8_t *rec)
{
    size_t              i, len;
    uint8_t             tag;
    acm_rc_t            rc;
    const uint8_t      *data;
    const acm_field_t  *f;

    tag = (r->pos == r->end) ? 0 : acm_read_u8(r);

    for (i = 0; i < layout->nfields; i++) {
        f = &layout->fields[i];

        if (tag != f->tag) {
            rc = acm_record_absent(f, rec);

            if (rc != ACM_OK) {
                return rc;
            }

            continue;
        }

        len = acm_read_u16(r);
        data = acm_read_bytes(r, len);

        if (r->rc != ACM_OK || len == 0) {
            return ACM_CORRUPT;
        }

        rc = acm_field_decode(f, data, len, rec);

        if (rc != ACM_OK) {
            return rc;
        }

        if (r->pos == r->end) {
            tag = 0;
            continue;
        }

        tag = acm_read_u8(r);

        if (tag == 0) {
            return ACM_CORRUPT;
        }
    }

    return (tag == 0 && r->pos == r->end) ? ACM_OK : ACM_CORRUPT;
}


static acm_rc_t
acm_record_absent(const acm_field_t *f, uint8_t *rec)
{
    char  *s;

    if (f->min != 0) {
        return ACM_CORRUPT;
    }

    if (f->kind == ACM_FIELD_STR) {
        s = acm_strdup("");

        if (s == NULL) {
            return ACM_NOMEM;
        }

        memcpy(rec + f->offset, &s, sizeof(char *));
    }

    return ACM_OK;
}


static acm_rc_t
acm_field_decode(const acm_field_t *f, const uint8_t *data, size_t len,
    uint8_t *rec)
{
    size_t    n;
    uint8_t  *pos;

    pos = rec + f->offset;

    switch (f->kind) {

    case ACM_FIELD_ENUM:
    case ACM_FIELD_U32:
    case ACM_FIELD_TIME:
        return acm_field_number(f, data, len, pos);

    case ACM_FIELD_NAMES:
        return acm_field_name_list(f, data, len, rec);

    case ACM_FIELD_CHAIN:
        n = len / ACM_HASH_LEN;

        if (n > f->max || n * ACM_HASH_LEN != len) {
            return ACM_CORRUPT;
        }

        memcpy(pos, data, len);
        memcpy(rec + f->count, &n, sizeof(size_t));
        return ACM_OK;

    default:
        return acm_field_bytes(f, data, len, pos);
    }
}


static acm_rc_t
acm_field_bytes(const acm_field_t *f, const uint8_t *data, size_t len,
    uint8_t *pos)
{
    char       *s;
    acm_rc_t    rc;
    acm_str_t   str;

    if (len > f->max || len < f->min) {
        return ACM_CORRUPT;
    }

    switch (f->kind) {

    case ACM_FIELD_STR:
        rc = acm_field_str(data, len, &s);

        if (rc == ACM_OK) {
            memcpy(pos, &s, sizeof(char *));
        }

        return rc;

    case ACM_FIELD_BLOB:
        str.len = len;
        str.data = acm_memdup(data, len);

        if (str.data == NULL) {
            return ACM_NOMEM;
        }

        memcpy(pos, &str, sizeof(acm_str_t));
        return ACM_OK;

    case ACM_FIELD_OCTETS:
        if (len != f->max) {
            return ACM_CORRUPT;
        }

        memcpy(pos, data, len);
        return ACM_OK;

    case ACM_FIELD_TEXT:
    case ACM_FIELD_UUID:
        if (memchr(data, '\0', len) != NULL) {
            return ACM_CORRUPT;
        }

        /* the record was zeroed, so the NUL is there */

        memcpy(pos, data, len);

        return (f->kind == ACM_FIELD_UUID && !acm_uuid_ok((char *) pos))
               ? ACM_CORRUPT : ACM_OK;

    default:
        return ACM_CORRUPT;
    }
}


static acm_rc_t
acm_field_str(const uint8_t *data, size_t len, char **out)
{
    char  *s;

    if (memchr(data, '\0', len) != NULL) {
        return ACM_CORRUPT;
    }

    s = acm_alloc(len + 1);

    if (s == NULL) {
        return ACM_NOMEM;
    }

    memcpy(s, data, len);
    s[len] = '\0';

    *out = s;

    return ACM_OK;
}


static acm_rc_t
acm_field_number(const acm_field_t *f, const uint8_t *data, size_t len,
    uint8_t *pos)
{
    int64_t       t;
    uint32_t      v;
    unsigned      e;
    acm_reader_t  r;

    acm_reader_init(&r, data, len);

    switch (f->kind) {

    case ACM_FIELD_U32:
        v = acm_read_u32(&r);
        memcpy(pos, &v, sizeof(uint32_t));
        break;

    case ACM_FIELD_TIME:
        t = (int64_t) acm_read_u64(&r);
        memcpy(pos, &t, sizeof(int64_t));
        break;

    default:
        e = acm_read_u8(&r);

        if (e < f->min || e > f->max) {
            return ACM_CORRUPT;
        }

        memcpy(pos, &e, sizeof(unsigned));
    }

    return (r.rc == ACM_OK && r.pos == r.end) ? ACM_OK : ACM_CORRUPT;
}


static acm_rc_t
acm_field_name_list(const acm_field_t *f, const uint8_t *data, size_t len,
    uint8_t *rec)
{
    char          **names;
    size_t          i, n, size;
    acm_rc_t        rc;
    acm_reader_t    r;

    acm_reader_init(&r, data, len);

    for (n = 0; r.pos != r.end; n++) {
        size = acm_read_u8(&r);

        if (size == 0 || size > ACM_MAX_NAME || n == f->max
            || acm_read_bytes(&r, size) == NULL)
        {
            return ACM_CORRUPT;
        }
    }

    names = acm_calloc(n, sizeof(char *));

    if (names == NULL) {
        return ACM_NOMEM;
    }

    /* hung up first: whoever frees the record frees what is there so far */

    memcpy(rec + f->offset, &names, sizeof(char **));
    memcpy(rec + f->count, &n, sizeof(size_t));

    acm_reader_init(&r, data, len);

    for (i = 0; i < n; i++) {
        size = acm_read_u8(&r);
        rc = acm_field_str(acm_read_bytes(&r, size), size, &names[i]);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    return ACM_OK;
}


void
acm_record_free(const acm_layout_t *layout, void *rec)
{
    void               *p;
    size_t              i, n;
    uint8_t            *pos;
    acm_str_t           str;
    const acm_field_t  *f;

    for (i = 0; i < layout->nfields; i++) {
        f = &layout->fields[i];
        pos = (uint8_t *) rec + f->offset;

        if (f->kind == ACM_FIELD_STR) {
            memcpy(&p, pos, sizeof(void *));
            acm_free(p);

        } else if (f->kind == ACM_FIELD_BLOB) {
            memcpy(&str, pos, sizeof(acm_str_t));
            acm_free(str.data);

        } else if (f->kind == ACM_FIELD_NAMES) {
            memcpy(&n, (uint8_t *) rec + f->count, sizeof(size_t));
            acm_names_free(pos, n);
        }
    }

    memset(rec, 0, layout->size);
}


static void
acm_names_free(uint8_t *pos, size_t n)
{
    char    **names;
    size_t    i;

    memcpy(&names, pos, sizeof(char **));

    if (names == NULL) {
        return;
    }

    for (i = 0; i < n; i++) {
        acm_free(names[i]);
    }

    acm_free(names);
}
