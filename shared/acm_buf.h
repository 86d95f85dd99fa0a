
/*
 * Copyright (C) The ngx_acm authors
 *
 * A growing buffer with a limit fixed at its start.  A failure sticks: later
 * calls do nothing, so a writer checks once, at the end, with acm_buf_rc().
 */


#ifndef _ACM_BUF_H_INCLUDED_
#define _ACM_BUF_H_INCLUDED_


#include "acm.h"


typedef struct {
    uint8_t   *data;
    size_t     len;
    size_t     size;
    size_t     max;
    acm_rc_t   rc;
} acm_buf_t;


/* No allocation yet; max in octets. */
void acm_buf_init(acm_buf_t *b, size_t max);
void acm_buf_free(acm_buf_t *b);
/* Wipes the whole allocation first. */
void acm_buf_free_secret(acm_buf_t *b);

void acm_buf_add(acm_buf_t *b, const void *data, size_t len);
void acm_buf_text(acm_buf_t *b, const char *s);
/* Big endian, so that encoded keys sort as numbers. */
void acm_buf_u8(acm_buf_t *b, uint8_t v);
void acm_buf_u16(acm_buf_t *b, uint16_t v);
void acm_buf_u32(acm_buf_t *b, uint32_t v);
void acm_buf_u64(acm_buf_t *b, uint64_t v);

/* ACM_OK, ACM_NOMEM or ACM_TOOBIG */
acm_rc_t acm_buf_rc(const acm_buf_t *b);


/* A bounded reader; a short read sticks and yields zeros. */

typedef struct {
    const uint8_t  *pos;
    const uint8_t  *end;
    acm_rc_t        rc;      /* ACM_OK or ACM_CORRUPT */
} acm_reader_t;


void acm_reader_init(acm_reader_t *r, const void *data, size_t len);
uint8_t acm_read_u8(acm_reader_t *r);
uint16_t acm_read_u16(acm_reader_t *r);
uint32_t acm_read_u32(acm_reader_t *r);
uint64_t acm_read_u64(acm_reader_t *r);
/* Points into the input; NULL and a sticking error when it is too short. */
const uint8_t *acm_read_bytes(acm_reader_t *r, size_t len);


#endif /* _ACM_BUF_H_INCLUDED_ */
