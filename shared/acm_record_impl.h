
/*
 * Copyright (C) The ngx_acm authors
 *
 * How records are encoded: for the files that hold the tables of fields.
 * An encoded record is
 *
 *     u8 type, u8 format version, then fields: u8 tag, u16 length, octets
 *
 * with tags in rising order.  A field that is zero or empty is left out, so
 * that there is one encoding of a record only.
 */


#ifndef _ACM_RECORD_IMPL_H_INCLUDED_
#define _ACM_RECORD_IMPL_H_INCLUDED_


#include "acm_record.h"


#define ACM_REC_FORMAT   1


typedef enum {
    ACM_FIELD_STR,             /* char *, min to max octets */
    ACM_FIELD_TEXT,            /* char [max + 1] */
    ACM_FIELD_UUID,            /* char [ACM_UUID_LEN + 1] */
    ACM_FIELD_BLOB,            /* acm_str_t */
    ACM_FIELD_OCTETS,          /* uint8_t [max] */
    ACM_FIELD_ENUM,            /* min to max; one octet */
    ACM_FIELD_U32,
    ACM_FIELD_TIME,            /* int64_t */
    ACM_FIELD_NAMES,           /* char **, each u8 length and octets */
    ACM_FIELD_CHAIN            /* uint8_t [][ACM_HASH_LEN] */
} acm_field_e;


typedef struct {
    uint8_t        tag;
    acm_field_e    kind;
    size_t         offset;
    uint32_t       min;        /* not zero: must be there */
    uint32_t       max;
    size_t         count;      /* offset of the number of elements */
} acm_field_t;


typedef struct {
    acm_rec_e           type;
    size_t              size;
    const acm_field_t  *fields;
    size_t              nfields;
} acm_layout_t;


#define acm_field(tag, kind, type, member, min, max)                          \
    { tag, kind, offsetof(type, member), min, max, 0 }

#define acm_layout(rec, type, fields)                                         \
    { rec, sizeof(type), fields, sizeof(fields) / sizeof(fields[0]) }


/* By a table; results as for the typed functions of acm_record.h. */
acm_rc_t acm_record_encode(const acm_layout_t *layout, const void *rec,
    acm_buf_t *out);
acm_rc_t acm_record_decode(const acm_layout_t *layout, const uint8_t *data,
    size_t len, void *rec);
void acm_record_free(const acm_layout_t *layout, void *rec);


#endif /* _ACM_RECORD_IMPL_H_INCLUDED_ */
