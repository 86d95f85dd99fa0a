
/*
 * Copyright (C) The ngx_acm authors
 *
 * The names that are asked for most, so that a new worker has them ready
 * before it is asked: a table without pointers, which fits into memory that
 * processes share, and its form in a file.  What is in it is a hint: names
 * may be gone, and whoever reads it looks each of them up.  Callers lock it.
 */


#ifndef _ACM_WARM_H_INCLUDED_
#define _ACM_WARM_H_INCLUDED_


#include "acm_buf.h"


#define ACM_WARM_NAMES    1024
#define ACM_WARM_KEY      (ACM_HASH_LEN + ACM_MAX_NAME)  /* octets, at most */
#define ACM_WARM_HALF     60         /* seconds in which weights halve */
/* octets of a file, at most */
#define ACM_WARM_MAX      (8 + ACM_WARM_NAMES * (6 + ACM_WARM_KEY)            \
                           + ACM_HASH_LEN)


typedef struct {
    uint16_t         next;           /* of its bucket, + 1; 0: the last one */
    uint16_t         len;
    uint8_t          key[ACM_WARM_KEY];
} acm_warm_name_t;


/* zeros but for the seed, which is random, since names come from clients */

typedef struct {
    uint64_t         seed;
    uint64_t         changes;        /* how often it was changed */
    int64_t          halved;         /* seconds */
    uint32_t         n;
    uint32_t         least;          /* which one weighs least, if n is
                                        ACM_WARM_NAMES */
    uint16_t         buckets[ACM_WARM_NAMES];            /* first, + 1 */
    uint32_t         weights[ACM_WARM_NAMES];  /* uses, the older the less they
                                                  count */
    acm_warm_name_t  names[ACM_WARM_NAMES];
} acm_warm_t;


/*
 * A key was used so many times since this was told last.  In a full table it
 * takes the place of the least used one, if it was used more.  One that is
 * empty or longer than ACM_WARM_KEY is not taken.
 */
void acm_warm_note(acm_warm_t *warm, const uint8_t *key, size_t len,
    uint32_t uses);
/* As time goes on: halves all weights, at most once in ACM_WARM_HALF. */
void acm_warm_age(acm_warm_t *warm, int64_t now);

/* Places in order, the most used first; returns how many. */
size_t acm_warm_order(const acm_warm_t *warm,
    uint16_t order[ACM_WARM_NAMES]);

/* For a buffer of ACM_WARM_MAX.  ACM_NOMEM. */
acm_rc_t acm_warm_encode(const acm_warm_t *warm, acm_buf_t *out);
/* Notes what is in a file, or nothing if it is damaged (ACM_CORRUPT) or of
   another version (ACM_VERSION). */
acm_rc_t acm_warm_decode(acm_warm_t *warm, const uint8_t *data, size_t len,
    acm_err_t *err);


#endif /* _ACM_WARM_H_INCLUDED_ */
