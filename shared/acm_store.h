
/*
 * Copyright (C) The ngx_acm authors
 *
 * The store contract: what every back end promises.  A store is a set of
 * named, ordered maps from octets to octets.  Readers take a snapshot;
 * writers hand over a batch, which is applied wholly and durably or not at
 * all.  Transactions of a back end are never seen outside it, so that the
 * same batches can be carried to a replicated engine.
 *
 * One process opens a store once, after fork() and never in the nginx master;
 * acm_store_share() makes more handles on it.  A handle is used by one thread
 * at a time.  A snapshot is short: it never lives across a return to an event
 * loop, and its thread uses no other handle meanwhile.
 */


#ifndef _ACM_STORE_H_INCLUDED_
#define _ACM_STORE_H_INCLUDED_


#include "acm_buf.h"


#define ACM_STORE_SCHEMA      1
#define ACM_MAX_STORE_KEY     480          /* octets; LMDB's limit is 511 */
#define ACM_MAX_STORE_VALUE   (1 << 20)    /* octets of one value */
#define ACM_MAX_BATCH         4096         /* operations in one batch */
#define ACM_NUMBER_LEN        8            /* octets of an appended key */
#define ACM_STORE_MAP_SIZE    (64ULL << 30)/* default map: sparse */
#define ACM_STORE_MIN_MAP     (1ULL << 20)
#define ACM_STORE_READERS     4096
#define ACM_STORE_AGAIN       100          /* ms between attempts to open a
                                              store anew that was lost */
/* a batch that adds (batch->grow) leaves this share of the map untouched,
   so that deletes and renewals still find room: one in ..., and at least
   as many octets: a change copies each page that it touches */
#define ACM_STORE_RESERVE     10
#define ACM_STORE_MIN_RESERVE (256ULL << 10)


/* Numbers and names are on disk: only append. */

typedef enum {
    ACM_DB_META = 0,       /* schema, master key id */
    ACM_DB_CERTIFICATE,    /* account/region/uuid -> certificate */
    ACM_DB_MATERIAL,       /* uuid version -> leaf, chain ids, sealed key */
    ACM_DB_CHAIN,          /* SHA-256 -> DER, stored once */
    ACM_DB_NAME,           /* reversed name NUL key uuid -> what serves it */
    ACM_DB_DUE,            /* time kind uuid -> account/region/uuid */
    ACM_DB_IDENTITY,       /* SHA-256 of a configured request -> uuid */
    ACM_DB_ISSUER,         /* issuer name -> built-in CA */
    ACM_DB_SEAL,           /* account/region -> wrapped data key */
    ACM_DB_ORDER,          /* uuid of a certificate -> its ACME order */
    ACM_DB_CHALLENGE,      /* kind and what is asked for -> the answer */
    ACM_DB_VALIDATION,     /* account/domain -> permanent label, and back */
    ACM_DB_ACCOUNT,        /* issuer name -> ACME account */
    ACM_DB_LIMIT,          /* issuer/what is limited -> token bucket */
    ACM_DB_EVENT,          /* number -> event: the outbox */
    ACM_DB_SINK,           /* sink -> how far it has got */
    ACM_DB_DEAD,           /* sink number -> event that it never took */
    ACM_DB_HISTORY,        /* uuid number -> step of a certificate */
    ACM_DB_EXPIRY,         /* not_after uuid -> account/region/uuid */
    ACM_DB_WATCH,          /* time uuid -> account/region/uuid */
    ACM_DB_USED,           /* uuid -> when it was served last */
    ACM_DB_SETTING,        /* account/region -> account configuration */
    ACM_DB_TOKEN,          /* SHA-256 of a request, or time and that -> uuid */
    ACM_DB_QUOTA,          /* account/region and what is counted -> number */
    ACM_DB_REVOCATION,     /* issuer and SHA-256 of a leaf -> revocation, or
                              time and that -> nothing */
    ACM_DB_CREATED,        /* account/region/time uuid -> nothing */
    ACM_DB_OCSP,           /* time uuid -> account/region/uuid */
    ACM_DB_STAPLE,         /* uuid -> its last OCSP response */
    ACM_DB_STATE,          /* account/region/kind uuid -> nothing */
    ACM_DB_MAX
} acm_db_e;


typedef struct acm_store_s  acm_store_t;
typedef struct acm_snap_s   acm_snap_t;


typedef struct {
    const char   *path;          /* directory, which exists */
    uint64_t      map_size;      /* octets; 0: as it was made, or default */
    unsigned      create:1;      /* may make an absent store */
    unsigned      readonly:1;    /* commits are refused */
    unsigned      nowait:1;      /* ACM_BUSY at once when it is raced for, or
                                    half made, which may be a damage too */
    unsigned      lookups:1;     /* no walks: acm_store_scattered() */
} acm_store_conf_t;


/* Octets of a snapshot: valid until acm_store_end(). */

typedef struct {
    const uint8_t  *key;
    size_t          key_len;
    const uint8_t  *data;
    size_t          len;
    uint64_t        revision;    /* generation that wrote it; never 0 */
} acm_entry_t;


typedef struct {
    uint64_t   generation;
    uint64_t   map_size;         /* octets */
    uint64_t   used;             /* octets of pages in use */
    uint64_t   size;             /* octets of the file, with free pages */
    unsigned   readers;          /* reader slots in use, this process's too */
    unsigned   max_readers;
    uint64_t   lag;              /* generations that the oldest snapshot of any
                                    process is behind: it keeps their pages */
    int64_t    lag_pid;          /* whose it is; 0: there is none */
    unsigned   schema;           /* of the file; newer than ours: read only */
    uint64_t   entries[ACM_DB_MAX];
    uint64_t   octets[ACM_DB_MAX];   /* of a map's pages */
} acm_store_stat_t;


/* The file that is mapped into memory, in which the octets of snapshots are. */

typedef struct {
    int        fd;               /* the store's own */
    uint64_t   size;             /* octets in use, with free pages */
    uint64_t   maps;             /* how often it was mapped anew: addresses
                                    from before are void */
} acm_store_map_t;


typedef enum {
    ACM_OP_PUT,
    ACM_OP_DELETE,               /* of an absent key is no error */
    ACM_OP_EXPECT,               /* revision as given, 0 for absent */
    ACM_OP_APPEND,               /* put under the next number */
    ACM_OP_COUNT                 /* a number becomes larger or smaller */
} acm_op_e;


typedef struct {
    acm_op_e    op;
    acm_db_e    db;
    uint8_t    *key;
    size_t      key_len;
    uint8_t    *data;
    size_t      len;
    uint64_t    revision;
    int64_t     add;             /* of a count, and what it may become */
    int64_t     max;
} acm_op_t;


typedef struct {
    acm_op_t   *ops;
    size_t      nops;
    size_t      size;
    acm_rc_t    rc;              /* first failure of a builder; sticks */
    unsigned    grow:1;          /* adds: stays out of the reserve */
} acm_batch_t;


/*
 * The LMDB store.  Errors, each with the path and the cure in err:
 * ACM_NOTFOUND no store there and create is 0, or it is still being made;
 * ACM_DENIED files of a foreign user, or a network file system;
 * ACM_CORRUPT no LMDB file of ours; ACM_BUSY raced with another opener.
 * A newer schema opens, but is read only: commits give ACM_VERSION.
 * With create, the maps and the schema record are made in one batch.
 */
acm_rc_t acm_store_lmdb_open(const acm_store_conf_t *conf,
    acm_store_t **store, acm_err_t *err);

/* The in-memory twin, for tests; map_size limits the sum of octets. */
acm_rc_t acm_store_mem_open(const acm_store_conf_t *conf,
    acm_store_t **store, acm_err_t *err);

/*
 * Another handle on the same store, for another thread; closed like any other
 * one, in any order.  No snapshot of this handle may be open (ACM_BUSY).  The
 * in-memory twin has none (ACM_INVALID).
 */
acm_rc_t acm_store_share(acm_store_t *store, acm_store_t **other,
    acm_err_t *err);

/* Accepts NULL.  No snapshot may be open. */
void acm_store_close(acm_store_t *store);

/* The number of the last committed batch; no system call. */
uint64_t acm_store_generation(acm_store_t *store);

/*
 * 1 if what was found in a snapshot of that generation still says which
 * certificate is served to whom, as nothing else was committed since then than
 * what has no part in it.  The store is looked into only if there was a commit
 * since the last call.  No snapshot of this handle may be open.
 */
int acm_store_current(acm_store_t *store, uint64_t generation);

/* One snapshot at a time per handle: ACM_BUSY for a second one. */
acm_rc_t acm_store_begin(acm_store_t *store, acm_snap_t **snap,
    acm_err_t *err);
void acm_store_end(acm_snap_t *snap);
uint64_t acm_snap_generation(acm_snap_t *snap);

/* ACM_NOTFOUND; ACM_CORRUPT when the value's checksum does not hold. */
acm_rc_t acm_store_get(acm_snap_t *snap, acm_db_e db, const void *key,
    size_t len, acm_entry_t *entry);

/*
 * The first entry whose key is not less than the given one (len 0: the very
 * first), then each next one.  ACM_NOTFOUND at the end.  A corrupt value
 * gives ACM_CORRUPT with key set, and acm_store_next() goes on behind it.
 */
acm_rc_t acm_store_seek(acm_snap_t *snap, acm_db_e db, const void *key,
    size_t len, acm_entry_t *entry);
acm_rc_t acm_store_next(acm_snap_t *snap, acm_db_e db, acm_entry_t *entry);

/* Until acm_store_end() seek and next do not look at checksums of this map: for
   a walk that looks for what is then read with one.  A value may be damaged in
   any way.  The in-memory twin always looks. */
void acm_store_skim(acm_snap_t *snap, acm_db_e db);

/* The last entry whose key is less than the given one (len 0: the very last);
   acm_store_next() is not to be used behind it. */
acm_rc_t acm_store_before(acm_snap_t *snap, acm_db_e db, const void *key,
    size_t len, acm_entry_t *entry);

/* How many entries a map has; does not look at them. */
acm_rc_t acm_store_entries(acm_snap_t *snap, acm_db_e db, uint64_t *n);

/* ACM_NOTFOUND: there is none. */
acm_rc_t acm_store_map(acm_snap_t *snap, acm_store_map_t *map);

/* Builders copy what they are given.  A failure sticks in batch->rc. */
void acm_batch_init(acm_batch_t *batch);
void acm_batch_free(acm_batch_t *batch);
void acm_batch_put(acm_batch_t *batch, acm_db_e db, const void *key,
    size_t key_len, const void *data, size_t len);
void acm_batch_delete(acm_batch_t *batch, acm_db_e db, const void *key,
    size_t key_len);
void acm_batch_expect(acm_batch_t *batch, acm_db_e db, const void *key,
    size_t key_len, uint64_t revision);

/*
 * Puts data under a key of ACM_NUMBER_LEN octets, big-endian, that is above
 * those of all commits before, and of this batch: the number of the commit
 * and the operation's place in it.  Numbers rise, with gaps, and are never
 * given out twice.
 */
void acm_batch_append(acm_batch_t *batch, acm_db_e db, const void *data,
    size_t len);

/*
 * Adds to a number, which acm_count_read() reads; one that is absent or
 * damaged is 0.  It must not be above max then, not even if nothing is added:
 * else the commit gives ACM_CONFLICT.  Others may count meanwhile, so that it
 * needs no expectation.
 */
void acm_batch_count(acm_batch_t *batch, acm_db_e db, const void *key,
    size_t key_len, int64_t add, int64_t max);

/* The number of a counter; 0 if it is none. */
int64_t acm_count_read(const acm_entry_t *entry);

/* Copies the operations of another batch, which may be NULL. */
void acm_batch_join(acm_batch_t *batch, const acm_batch_t *from);

/*
 * Checks all preconditions, then applies puts and deletes in order, then
 * syncs.  Durable on ACM_OK.  ACM_CONFLICT: a precondition does not hold,
 * nothing was changed.  ACM_FULL: no room; nothing was changed.  Must not be
 * called while this handle has a snapshot open (ACM_BUSY).
 */
acm_rc_t acm_store_commit(acm_store_t *store, acm_batch_t *batch,
    acm_err_t *err);

/* Told of each commit that got as far as the back end: its result, and the
   nanoseconds that it took.  NULL: nobody is told. */
typedef void (*acm_store_watch_pt)(void *data, acm_rc_t rc, uint64_t took);

void acm_store_watch(acm_store_t *store, acm_store_watch_pt watch,
    void *data);

acm_rc_t acm_store_stat(acm_store_t *store, acm_store_stat_t *stat,
    acm_err_t *err);

/* Frees reader slots of dead processes; returns how many. */
unsigned acm_store_housekeep(acm_store_t *store);

/* A compacting copy into an empty, existing directory, from a snapshot. */
acm_rc_t acm_store_backup(acm_store_t *store, const char *dir,
    acm_err_t *err);

/*
 * Puts a compacted copy in the place of an LMDB store that no process has
 * open, this one neither; before and after get the octets of the file.
 * ACM_BUSY: somebody has it open, or wrote to it meanwhile; whatever is
 * returned, what was committed is there.
 */
acm_rc_t acm_store_compact(const char *path, uint64_t *before,
    uint64_t *after, acm_err_t *err);

/* 1 if a statfs(2) f_type is of a network file system, which LMDB cannot
   use; name (may be NULL) gets its common name. */
int acm_store_is_network_fs(unsigned long type, const char **name);

/*
 * 1 if so many octets of a store are more than half of the memory: then what
 * the system reads ahead of a lookup, 31 pages for one, pushes out pages that
 * other lookups need.
 */
int acm_store_scattered(uint64_t data, uint64_t memory);

/* "certificate" and so on: the map's name on disk. */
const char *acm_db_name(acm_db_e db);


#endif /* _ACM_STORE_H_INCLUDED_ */
