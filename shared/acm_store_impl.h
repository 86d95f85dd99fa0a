
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the back ends of the store share; no header for users.
 */


#ifndef _ACM_STORE_IMPL_H_INCLUDED_
#define _ACM_STORE_IMPL_H_INCLUDED_


#include "acm_store.h"


#define ACM_ENVELOPE_LEN     12      /* u64 revision, u32 CRC-32 */
#define ACM_SCHEMA_KEY       "schema"
#define ACM_SCHEMA_KEY_LEN   6
#define ACM_SCHEMA_LEN       4       /* u32 */
#define ACM_COUNT_LEN        8       /* i64, in two's complement */
#define ACM_SERVED_KEY       "served"
#define ACM_SERVED_KEY_LEN   6
#define ACM_SERVED_LEN       8       /* u64 */
#define ACM_STATES_KEY       "states"    /* in ACM_DB_META: what is in
                                            ACM_DB_STATE, acm_state.h */
#define ACM_STATES_KEY_LEN   6
#define ACM_MISTRUST_KEY     "mistrusted"    /* empty, of the last commit that
                                            found that index out of date */
#define ACM_MISTRUST_KEY_LEN 10


/*
 * The functions of a back end.  The checks which do not depend on it were
 * made by acm_store.c: map numbers, key lengths, the sticky failure of a
 * batch, one snapshot at a time, read only handles.
 */

typedef struct {
    void      (*close)(acm_store_t *store);
    uint64_t  (*generation)(acm_store_t *store);
    acm_rc_t  (*begin)(acm_store_t *store, acm_err_t *err);
    void      (*end)(acm_store_t *store);
    acm_rc_t  (*get)(acm_store_t *store, acm_db_e db, acm_entry_t *entry);
    acm_rc_t  (*seek)(acm_store_t *store, acm_db_e db, acm_entry_t *entry);
    acm_rc_t  (*next)(acm_store_t *store, acm_db_e db, acm_entry_t *entry);
    acm_rc_t  (*before)(acm_store_t *store, acm_db_e db, acm_entry_t *entry);
    acm_rc_t  (*entries)(acm_store_t *store, acm_db_e db, uint64_t *n);
    acm_rc_t  (*map)(acm_store_t *store, acm_store_map_t *map);
    /* of the last commit that acm_db_served() is about, or later; in a
       snapshot */
    uint64_t  (*served)(acm_store_t *store);
    acm_rc_t  (*commit)(acm_store_t *store, const acm_batch_t *batch,
                        acm_err_t *err);
    acm_rc_t  (*stat)(acm_store_t *store, acm_store_stat_t *stat,
                      acm_err_t *err);
    unsigned  (*housekeep)(acm_store_t *store);
    acm_rc_t  (*backup)(acm_store_t *store, const char *dir, acm_err_t *err);
    acm_rc_t  (*share)(acm_store_t *store, acm_store_t **other,
                       acm_err_t *err);
} acm_store_ops_t;


struct acm_snap_s {
    acm_store_t  *store;
    uint64_t      generation;
};


/* the first member of a back end's own structure */

struct acm_store_s {
    const acm_store_ops_t  *ops;
    acm_snap_t              snap;
    acm_store_watch_pt      watch;        /* or NULL */
    void                   *data;
    uint64_t                seen;         /* generation of the last look at */
    uint64_t                served;
    unsigned                open:1;       /* snap is in use */
    unsigned                readonly:1;
    acm_db_e                skim;         /* of the snapshot, or ACM_DB_MAX */
};


/* what the two meta pages of data.mdb say; zeros for an empty file */

typedef struct {
    uint64_t   size;                 /* octets of the file */
    uint64_t   last_page;
    uint64_t   txn;
    uint32_t   page_size;            /* octets */
    unsigned   found:1;              /* the file exists and is not empty */
    unsigned   again:1;              /* may be in the making: try again */
} acm_store_file_t;


/* The octets of a map of this size that batches which add leave alone. */
uint64_t acm_store_reserve(uint64_t map_size);

/* The octets before a payload; head holds ACM_ENVELOPE_LEN octets. */
void acm_envelope_write(uint8_t *head, const acm_op_t *op,
    uint64_t revision);

/* Sets the key of an ACM_OP_APPEND; nothing for others. */
void acm_op_number(const acm_op_t *op, uint64_t generation, size_t place);

/* Sets the value of an ACM_OP_COUNT from what is there, NULL for nothing;
   ACM_CONFLICT above its maximum. */
acm_rc_t acm_op_count(const acm_op_t *op, const acm_entry_t *entry,
    acm_err_t *err);

/* Sets data, len and revision of an entry whose key and key_len are set. */
acm_rc_t acm_envelope_read(acm_db_e db, acm_entry_t *entry,
    const void *value, size_t len);

/* The same, whatever its checksum is. */
acm_rc_t acm_envelope_look(acm_entry_t *entry, const void *value, size_t len,
    uint32_t *crc);

/* 1 for a map that has a part in which certificate is served to whom. */
int acm_db_served(acm_db_e db);

/* Encodes and decodes the payload of the schema record. */
void acm_schema_write(uint8_t *data, uint32_t schema);
acm_rc_t acm_schema_read(const acm_entry_t *entry, unsigned *schema);

/* Everything that can be said of a store's files before they are opened. */
acm_rc_t acm_store_file_check(const char *path, acm_store_file_t *file,
    acm_err_t *err);

/* Gives a fresh, compacted copy this transaction id. */
acm_rc_t acm_store_file_stamp(int fd, uint64_t txn);

/* 1 if this process has a descriptor of the named file of a store. */
int acm_store_file_is_open(const char *path, const char *name);

/* ACM_OK when the directory holds no file. */
acm_rc_t acm_store_dir_empty(const char *dir, acm_err_t *err);


#endif /* _ACM_STORE_IMPL_H_INCLUDED_ */
