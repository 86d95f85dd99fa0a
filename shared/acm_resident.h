
/*
 * Copyright (C) The ngx_acm authors
 *
 * What a handshake reads of a store stays in memory, also if the store is
 * larger than that: somebody who may wait looks, round after round, which of
 * its pages have gone, and reads them again.  That is the index of names, up
 * to a limit, and the records of the names that are asked for most.  To be
 * touched in each round also tells the system that they are in use.
 *
 * Pages are not locked: a system that is out of memory may take them.
 */


#ifndef _ACM_RESIDENT_H_INCLUDED_
#define _ACM_RESIDENT_H_INCLUDED_


#include "acm_certificate.h"


#define ACM_RESIDENT_EVERY   10000   /* ms between rounds */
#define ACM_RESIDENT_WALK    600000  /* ms between walks through the index, if
                                        the store changes and no page goes */
#define ACM_RESIDENT_LOOK    8192    /* pages looked at in one step */
#define ACM_RESIDENT_READ    256     /* pages that are read in one */
#define ACM_RESIDENT_SLICE   2000    /* us of walking, in one */
#define ACM_RESIDENT_SAMPLE  4096    /* pages of an index of which a round
                                        looks at all; of a larger one it looks
                                        at one of ... first */
#define ACM_RESIDENT_EACH    16
#define ACM_RESIDENT_ROUND   16384   /* pages of the store looked at in a
                                        round, to count those in memory */
#define ACM_RESIDENT_PASSES  3       /* over the same pages, in a round */
#define ACM_RESIDENT_HOT     8192    /* pages of records */


typedef enum {
    ACM_RESIDENT_REST = 0,           /* until the next round */
    ACM_RESIDENT_RECORDS,
    ACM_RESIDENT_INDEX,
    ACM_RESIDENT_NAMES,
    ACM_RESIDENT_BRANCHES,
    ACM_RESIDENT_COUNT
} acm_resident_e;


/* addresses; void when the store is mapped elsewhere */

typedef struct {
    uintptr_t       *at;
    size_t           n;
    size_t           size;
} acm_pages_t;


/*
 * The i-th of the names that are asked for most: ACM_OK with what serves it;
 * ACM_NOTFOUND: nothing does; ACM_BUSY: there are no more.
 */
typedef acm_rc_t (*acm_resident_hot_pt)(void *data, acm_snap_t *snap,
    size_t i, acm_found_t *found);


typedef struct {
    uint64_t         store;          /* octets of the file */
    uint64_t         resident;       /* of these in memory */
    uint64_t         wanted;         /* octets of the index, and of records */
    uint64_t         kept;           /* of these in memory; not above the
                                        limit */
    uint64_t         reads;          /* pages that had to be read again */
    uint64_t         rounds;
} acm_resident_stat_t;


typedef struct {
    uint64_t              limit;     /* octets */
    acm_resident_hot_pt   hot;       /* or NULL */
    void                 *data;
    acm_resident_stat_t   stat;      /* of the last round */

    /* where it is */

    acm_resident_e        phase;
    size_t                page;      /* octets of one */
    int64_t               next;      /* ms: of the next round */
    int64_t               walked;    /* ms */
    uint64_t              generation;        /* that was walked through */
    uint64_t              maps;
    acm_pages_t           index;
    acm_pages_t           records;
    acm_pages_t           found;     /* by the walk that is under way */
    uint64_t              nindex;    /* pages, with those past the limit */
    uint64_t              nfound;
    uintptr_t             last;
    size_t                i;
    size_t                present;
    size_t                absent;
    unsigned              passes;
    unsigned              turn;      /* which of ... it is */
    size_t                sample;    /* ACM_RESIDENT_SAMPLE */
    unsigned              all:1;     /* one of the sample was not there */
    unsigned              gone:1;    /* pages were, in this round */
    unsigned              complete:1;        /* the index is known */
    uint8_t               key[ACM_MAX_STORE_KEY];
    size_t                key_len;
    uint64_t              offset;    /* of the file */
    uint64_t              counted;
} acm_resident_t;


/* r is zeros. */
void acm_resident_init(acm_resident_t *r, uint64_t limit,
    acm_resident_hot_pt hot, void *data);
void acm_resident_done(acm_resident_t *r);

/*
 * A step; more: the round goes on, soon.  now: ms of a clock that is not set.
 * ACM_NOTFOUND: this store is not in a file.  No snapshot may be open.
 */
acm_rc_t acm_resident_step(acm_resident_t *r, acm_store_t *store,
    int64_t now, int *more, acm_err_t *err);

/* How many octets of the store's file are in memory; looks at all of it. */
acm_rc_t acm_resident_count(acm_store_t *store, uint64_t *octets,
    acm_err_t *err);


#endif /* _ACM_RESIDENT_H_INCLUDED_ */
