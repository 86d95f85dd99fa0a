
/*
 * Copyright (C) The ngx_acm authors
 */


#include <string.h>

#include "acm_buf.h"


#define ACM_BUF_FIRST  256  /* octets of the first allocation */


static int acm_buf_reserve(acm_buf_t *b, size_t len);
static uint64_t acm_read_uint(acm_reader_t *r, size_t size);
static void acm_buf_uint(acm_buf_t *b, uint64_t v, size_t size);


void
acm_buf_init(acm_buf_t *b, size_t max)
{
    b->data = NULL;
    b->len = 0;
    b->size = 0;
    b->max = max;
    b->rc = ACM_OK;
}


void
acm_buf_free(acm_buf_t *b)
{
    if (b == NULL) {
        return;
    }

    acm_free(b->data);
    acm_buf_init(b, b->max);
}


void
acm_buf_free_secret(acm_buf_t *b)
{
    if (b == NULL) {
        return;
    }

    acm_free_secret(b->data, b->size);
    acm_buf_init(b, b->max);
}


void
acm_buf_add(acm_buf_t *b, const void *data, size_t len)
{
    if (b->rc != ACM_OK || len == 0) {
        return;
    }

    if (!acm_buf_reserve(b, len)) {
        return;
    }

    memcpy(b->data + b->len, data, len);
    b->len += len;
}


static int
acm_buf_reserve(acm_buf_t *b, size_t len)
{
    size_t    size;
    uint8_t  *data;

    if (len > b->max - b->len) {
        b->rc = ACM_TOOBIG;
        return 0;
    }

    if (len <= b->size - b->len) {
        return 1;
    }

    size = (b->size > b->max / 2) ? b->max : 2 * b->size;

    if (size < ACM_BUF_FIRST) {
        size = (b->max < ACM_BUF_FIRST) ? b->max : ACM_BUF_FIRST;
    }

    if (size < b->len + len) {
        size = b->len + len;
    }

    data = acm_realloc_secret(b->data, b->len, size);
    if (data == NULL) {
        b->rc = ACM_NOMEM;
        return 0;
    }

    b->data = data;
    b->size = size;

    return 1;
}


void
acm_buf_text(acm_buf_t *b, const char *s)
{
    acm_buf_add(b, s, strlen(s));
}


void
acm_buf_u8(acm_buf_t *b, uint8_t v)
{
    acm_buf_add(b, &v, 1);
}


void
acm_buf_u16(acm_buf_t *b, uint16_t v)
{
    acm_buf_uint(b, v, 2);
}


void
acm_buf_u32(acm_buf_t *b, uint32_t v)
{
    acm_buf_uint(b, v, 4);
}


void
acm_buf_u64(acm_buf_t *b, uint64_t v)
{
    acm_buf_uint(b, v, 8);
}


static void
acm_buf_uint(acm_buf_t *b, uint64_t v, size_t size)
{
    size_t   i;
    uint8_t  octets[8];

    for (i = size; i > 0; i--) {
        octets[i - 1] = (uint8_t) (v & 0xff);
        v >>= 8;
    }

    acm_buf_add(b, octets, size);
}


acm_rc_t
acm_buf_rc(const acm_buf_t *b)
{
    return b->rc;
}


void
acm_reader_init(acm_reader_t *r, const void *data, size_t len)
{
    /* an empty input may come as NULL, to which nothing may be added */

    r->pos = (data != NULL) ? data : (const void *) "";
    r->end = r->pos + ((data != NULL) ? len : 0);
    r->rc = ACM_OK;
}


uint8_t
acm_read_u8(acm_reader_t *r)
{
    return (uint8_t) acm_read_uint(r, 1);
}


uint16_t
acm_read_u16(acm_reader_t *r)
{
    return (uint16_t) acm_read_uint(r, 2);
}


uint32_t
acm_read_u32(acm_reader_t *r)
{
    return (uint32_t) acm_read_uint(r, 4);
}


uint64_t
acm_read_u64(acm_reader_t *r)
{
    return acm_read_uint(r, 8);
}


static uint64_t
acm_read_uint(acm_reader_t *r, size_t size)
{
    size_t          i;
    uint64_t        v;
    const uint8_t  *p;

    p = acm_read_bytes(r, size);
    if (p == NULL) {
        return 0;
    }

    v = 0;

    for (i = 0; i < size; i++) {
        v = (v << 8) | p[i];
    }

    return v;
}


const uint8_t *
acm_read_bytes(acm_reader_t *r, size_t len)
{
    const uint8_t  *p;

    if (r->rc != ACM_OK) {
        return NULL;
    }

    if (len > (size_t) (r->end - r->pos)) {
        r->rc = ACM_CORRUPT;
        return NULL;
    }

    p = r->pos;
    r->pos += len;

    return p;
}
