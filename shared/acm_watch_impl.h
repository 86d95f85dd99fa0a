
/*
 * Copyright (C) The ngx_acm authors
 *
 * The ladder as it is stored.
 */


#ifndef _ACM_WATCH_IMPL_H_INCLUDED_
#define _ACM_WATCH_IMPL_H_INCLUDED_


#include "acm_watch.h"


#define ACM_META_LADDER   "ladder"    /* key of the acm_ladder_rec_t */


typedef struct {
    acm_str_t   rungs;           /* u32 each */
    uint32_t    swept;           /* 1: all certificates are watched by it */
} acm_ladder_rec_t;


/*
 * The ladder of the store, or the default one; swept and revision (0:
 * absent) may both be NULL.
 */
acm_rc_t acm_ladder_read(acm_snap_t *snap, acm_ladder_t *ladder, int *swept,
    uint64_t *revision);
/* Sinks that are behind, and certificates of files. */
acm_rc_t acm_watch_alarms(acm_watch_t *watch, int64_t now, acm_err_t *err);

void acm_ladder_put(acm_batch_t *batch, const acm_ladder_t *ladder,
    int swept);


#endif /* _ACM_WATCH_IMPL_H_INCLUDED_ */
