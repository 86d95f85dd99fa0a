
/*
 * Copyright (C) The ngx_acm authors
 *
 * Where certificates are looked for: entries of indices that whatever meets a
 * filter is among.  A plan may be too wide, as each candidate is held against
 * the whole filter; it leaves out none.
 */


#ifndef _ACM_API_PLAN_H_INCLUDED_
#define _ACM_API_PLAN_H_INCLUDED_


#include "acm_store.h"


#define ACM_MAX_RANGES   32      /* that one plan reads */
#define ACM_MAX_PLAN     50000   /* entries of indices read for one page */


/* entries of one map */

typedef struct {
    acm_db_e      db;
    uint8_t       from[ACM_MAX_STORE_KEY];
    size_t        from_len;
    uint8_t       to[ACM_MAX_STORE_KEY];     /* the first one behind them */
    size_t        to_len;
} acm_range_t;


typedef char  acm_plan_uuid_t[ACM_UUID_LEN + 1];


typedef struct {
    acm_range_t       ranges[ACM_MAX_RANGES];
    size_t            n;
    size_t            from;      /* what is before is not of this member */
    int64_t           low;       /* all ends of validity are from this one */
    int64_t           high;      /* to this one; of any: 0 and INT64_MAX */
    acm_plan_uuid_t  *uuids;     /* candidates, in order */
    size_t            nuuids;
    unsigned          narrow:1;  /* all that can be found is in the ranges */
} acm_plan_t;


#endif /* _ACM_API_PLAN_H_INCLUDED_ */
