
/*
 * Copyright (C) The ngx_acm authors
 *
 * Which certificates are served: map ACM_DB_USED.  Workers take samples, so
 * that what is recorded is late by up to an hour, and the count is too low.
 */


#ifndef _ACM_USED_H_INCLUDED_
#define _ACM_USED_H_INCLUDED_


#include "acm_record.h"


#define ACM_MAX_NOTES     512        /* merged into one batch */
#define ACM_USED_SERVERS  8          /* that had it last */
#define ACM_USED_BY_LEN   16         /* u64 server, u64 seconds */


typedef struct {
    int64_t       first;             /* seconds */
    int64_t       last;
    uint32_t      count;             /* handshakes, at least so many */
    uint8_t       by[ACM_USED_SERVERS * ACM_USED_BY_LEN];
} acm_used_t;


/* a server that takes what there is for a name, and when it had this */

typedef struct {
    uint64_t      server;            /* acm_used_server(); 0: none */
    int64_t       last;              /* seconds */
} acm_used_by_t;


/* what a worker has seen: served up to `at`, in `count` handshakes */

typedef struct {
    char          uuid[ACM_UUID_LEN + 1];
    int64_t       at;                /* seconds */
    uint32_t      count;
    uint64_t      server;            /* 0: one that is configured so */
} acm_used_note_t;


/* ACM_TOOBIG, ACM_INVALID; ACM_VERSION, ACM_CORRUPT: as of acm_record.h. */
acm_rc_t acm_used_encode(const acm_used_t *used, acm_buf_t *out);
acm_rc_t acm_used_decode(const uint8_t *data, size_t len, acm_used_t *used);

/* What a server of this name is called in records; never 0. */
uint64_t acm_used_server(const char *name, size_t len);
/* Which server had it, of ACM_USED_SERVERS places. */
void acm_used_by(const acm_used_t *used, size_t place, acm_used_by_t *by);

/* ACM_NOTFOUND: it was never served, as far as is known. */
acm_rc_t acm_used_get(acm_snap_t *snap, const char *uuid, acm_used_t *used);

/* Whose UUID it is; ACM_NOTFOUND for none, or if it was never issued. */
acm_rc_t acm_used_owner(acm_snap_t *snap, const char *uuid, acm_ref_t *ref);

/*
 * A builder: merges a note into what is recorded, as of the snapshot.  What
 * is from a future, of a clock that was ahead once, is brought back to now.
 * The caller knows that the certificate is there.  A failure sticks.
 */
void acm_used_merge(acm_batch_t *batch, acm_snap_t *snap,
    const acm_used_note_t *note, int64_t now);

/* A builder: forgets a certificate that is deleted. */
void acm_used_delete(acm_batch_t *batch, const char *uuid);

/*
 * 1: a certificate that was issued or imported was not served for `unused`
 * seconds, and is older than that.  since (may be NULL) gets when it was
 * served last, or else made.  What cannot be read counts as served now.
 */
int acm_used_idle(acm_snap_t *snap, const acm_cert_t *cert, int64_t unused,
    int64_t now, int64_t *since);


#endif /* _ACM_USED_H_INCLUDED_ */
