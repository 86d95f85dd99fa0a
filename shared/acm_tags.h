
/*
 * Copyright (C) The ngx_acm authors
 *
 * Tags of a certificate: pairs of a key and a value, or a key alone.  As they
 * are stored: u16 length and octets of the key, u16 length and octets of the
 * value, or 0xffff for none; keys in rising order.
 */


#ifndef _ACM_TAGS_H_INCLUDED_
#define _ACM_TAGS_H_INCLUDED_


#include "acm_record.h"


#define ACM_MAX_TAGS           50        /* of one certificate */
#define ACM_MAX_TAG_KEY        128       /* characters */
#define ACM_MAX_TAG_VALUE      256       /* characters */


typedef struct {
    char      *key;
    char      *value;            /* NULL: none */
} acm_tag_t;


typedef struct {
    acm_tag_t  tags[ACM_MAX_TAGS];       /* in the order of keys */
    size_t     ntags;
} acm_tags_t;


void acm_tags_init(acm_tags_t *tags);
void acm_tags_free(acm_tags_t *tags);

/* Copies; replaces the value of a key that is there.  ACM_TOOBIG: too many;
   ACM_NOMEM. */
acm_rc_t acm_tags_set(acm_tags_t *tags, const char *key, const char *value);
/* Of an absent key it is nothing. */
void acm_tags_remove(acm_tags_t *tags, const char *key);
const acm_tag_t *acm_tags_find(const acm_tags_t *tags, const char *key);

/* ACM_TOOBIG: more than ACM_MAX_TAGS_LEN octets.  Nothing for no tags. */
acm_rc_t acm_tags_encode(const acm_tags_t *tags, acm_buf_t *out);
/* ACM_CORRUPT, ACM_NOMEM */
acm_rc_t acm_tags_decode(const acm_str_t *data, acm_tags_t *tags);


#endif /* _ACM_TAGS_H_INCLUDED_ */
