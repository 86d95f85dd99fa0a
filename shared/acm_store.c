
/*
 * Copyright (C) The ngx_acm authors
 */


#include <string.h>
#include <time.h>
#include <zlib.h>

#include "acm_store_impl.h"


#define ACM_BATCH_FIRST      8       /* operations of the first allocation */


typedef struct {
    unsigned long   type;
    const char     *name;
} acm_fs_t;


static acm_op_t *acm_batch_add(acm_batch_t *batch, acm_op_e type,
    acm_db_e db, const void *key, size_t key_len, const void *data,
    size_t len);
static acm_rc_t acm_batch_reserve(acm_batch_t *batch);
static acm_rc_t acm_store_key_check(acm_snap_t *snap, acm_db_e db,
    size_t len);
static uint64_t acm_store_clock(void);
static uint32_t acm_envelope_crc(acm_db_e db, const uint8_t *revision,
    const acm_entry_t *entry);


static const char *const  acm_db_names[ACM_DB_MAX] = {
    "meta",
    "certificate",
    "material",
    "chain",
    "name",
    "due",
    "identity",
    "issuer",
    "seal",
    "order",
    "challenge",
    "validation",
    "account",
    "limit",
    "event",
    "sink",
    "dead",
    "history",
    "expiry",
    "watch",
    "used",
    "setting",
    "token",
    "quota",
    "revocation",
    "created",
    "ocsp",
    "staple",
    "state"
};


/* linux/magic.h and statfs(2); not all are in the headers of every system */

static const acm_fs_t  acm_network_fs[] = {
    { 0x6969UL,     "nfs" },
    { 0xff534d42UL, "cifs" },
    { 0xfe534d42UL, "smb2" },
    { 0x517bUL,     "smb" },
    { 0x564cUL,     "ncp" },
    { 0x73757245UL, "coda" },
    { 0x5346414fUL, "afs" },
    { 0x6b414653UL, "afs" },
    { 0x00c36400UL, "ceph" },
    { 0x01021997UL, "9p" },
    { 0x0bd00bd0UL, "lustre" },
    { 0x47504653UL, "gpfs" },
    { 0x01161970UL, "gfs2" },
    { 0x7461636fUL, "ocfs2" },
    { 0x20030528UL, "orangefs" },
    { 0x786f4256UL, "vboxsf" },
    { 0xbacbacbcUL, "vmhgfs" }
};


void
acm_batch_init(acm_batch_t *batch)
{
    memset(batch, 0, sizeof(acm_batch_t));
}


void
acm_batch_free(acm_batch_t *batch)
{
    size_t  i;

    for (i = 0; i < batch->nops; i++) {
        /* the payload lies behind the key in one allocation */
        acm_free(batch->ops[i].key);
    }

    acm_free(batch->ops);
    acm_batch_init(batch);
}


void
acm_batch_put(acm_batch_t *batch, acm_db_e db, const void *key,
    size_t key_len, const void *data, size_t len)
{
    (void) acm_batch_add(batch, ACM_OP_PUT, db, key, key_len, data, len);
}


void
acm_batch_delete(acm_batch_t *batch, acm_db_e db, const void *key,
    size_t key_len)
{
    (void) acm_batch_add(batch, ACM_OP_DELETE, db, key, key_len, NULL, 0);
}


void
acm_batch_expect(acm_batch_t *batch, acm_db_e db, const void *key,
    size_t key_len, uint64_t revision)
{
    acm_op_t  *op;

    op = acm_batch_add(batch, ACM_OP_EXPECT, db, key, key_len, NULL, 0);

    if (op != NULL) {
        op->revision = revision;
    }
}


void
acm_batch_append(acm_batch_t *batch, acm_db_e db, const void *data,
    size_t len)
{
    static const uint8_t  unknown[ACM_NUMBER_LEN];

    (void) acm_batch_add(batch, ACM_OP_APPEND, db, unknown, ACM_NUMBER_LEN,
                         data, len);
}


void
acm_batch_count(acm_batch_t *batch, acm_db_e db, const void *key,
    size_t key_len, int64_t add, int64_t max)
{
    acm_op_t  *op;

    static const uint8_t  unknown[ACM_COUNT_LEN];

    op = acm_batch_add(batch, ACM_OP_COUNT, db, key, key_len, unknown,
                       ACM_COUNT_LEN);

    if (op != NULL) {
        op->add = add;
        op->max = max;
    }
}


int64_t
acm_count_read(const acm_entry_t *entry)
{
    size_t    i;
    uint64_t  n;

    if (entry->len != ACM_COUNT_LEN) {
        return 0;
    }

    n = 0;

    for (i = 0; i < ACM_COUNT_LEN; i++) {
        n = n << 8 | entry->data[i];
    }

    return (int64_t) n;
}


acm_rc_t
acm_op_count(const acm_op_t *op, const acm_entry_t *entry, acm_err_t *err)
{
    size_t    i;
    int64_t   n;
    uint64_t  v;

    n = (entry == NULL) ? 0 : acm_count_read(entry);

    if (__builtin_add_overflow(n, op->add, &n)) {
        n = (op->add > 0) ? INT64_MAX : INT64_MIN;
    }

    if (n > op->max) {
        return acm_fail(err, ACM_CONFLICT, "a number of map \"%s\" would be "
                        "%lld, and must not be above %lld",
                        acm_db_name(op->db), (long long) n,
                        (long long) op->max);
    }

    v = (uint64_t) n;

    for (i = ACM_COUNT_LEN; i > 0; i--) {
        op->data[i - 1] = (uint8_t) v;
        v >>= 8;
    }

    return ACM_OK;
}


void
acm_op_number(const acm_op_t *op, uint64_t generation, size_t place)
{
    size_t    i;
    uint64_t  number;

    if (op->op != ACM_OP_APPEND) {
        return;
    }

    number = generation * ACM_MAX_BATCH + place;

    for (i = ACM_NUMBER_LEN; i > 0; i--) {
        op->key[i - 1] = (uint8_t) number;
        number >>= 8;
    }
}


static acm_op_t *
acm_batch_add(acm_batch_t *batch, acm_op_e type, acm_db_e db,
    const void *key, size_t key_len, const void *data, size_t len)
{
    uint8_t   *p;
    acm_op_t  *op;

    if (batch->rc != ACM_OK) {
        return NULL;
    }

    if (db >= ACM_DB_MAX || key_len == 0) {
        batch->rc = ACM_INVALID;
        return NULL;
    }

    if (key_len > ACM_MAX_STORE_KEY || len > ACM_MAX_STORE_VALUE) {
        batch->rc = ACM_TOOBIG;
        return NULL;
    }

    batch->rc = acm_batch_reserve(batch);

    if (batch->rc != ACM_OK) {
        return NULL;
    }

    p = acm_alloc(key_len + len);

    if (p == NULL) {
        batch->rc = ACM_NOMEM;
        return NULL;
    }

    memcpy(p, key, key_len);

    if (len != 0) {
        memcpy(p + key_len, data, len);
    }

    op = &batch->ops[batch->nops++];
    op->op = type;
    op->db = db;
    op->key = p;
    op->key_len = key_len;
    op->data = p + key_len;
    op->len = len;
    op->revision = 0;
    op->add = 0;
    op->max = 0;

    return op;
}


static acm_rc_t
acm_batch_reserve(acm_batch_t *batch)
{
    size_t     size;
    acm_op_t  *ops;

    if (batch->nops == ACM_MAX_BATCH) {
        return ACM_TOOBIG;
    }

    if (batch->nops < batch->size) {
        return ACM_OK;
    }

    size = (batch->size == 0) ? ACM_BATCH_FIRST : batch->size * 2;
    ops = acm_realloc(batch->ops, size * sizeof(acm_op_t));

    if (ops == NULL) {
        return ACM_NOMEM;
    }

    batch->ops = ops;
    batch->size = size;

    return ACM_OK;
}


void
acm_store_close(acm_store_t *store)
{
    if (store == NULL) {
        return;
    }

    if (store->open) {
        acm_store_end(&store->snap);
    }

    store->ops->close(store);
}


uint64_t
acm_store_generation(acm_store_t *store)
{
    return store->ops->generation(store);
}


int
acm_store_current(acm_store_t *store, uint64_t generation)
{
    acm_snap_t  *snap;

    if (acm_store_generation(store) != store->seen) {

        if (acm_store_begin(store, &snap, NULL) != ACM_OK) {
            return 0;
        }

        store->served = store->ops->served(store);
        store->seen = snap->generation;

        acm_store_end(snap);
    }

    /* one from later is of another store that was in this place */

    return store->served <= generation && generation <= store->seen;
}


int
acm_db_served(acm_db_e db)
{
    switch (db) {

    case ACM_DB_CERTIFICATE:
    case ACM_DB_MATERIAL:
    case ACM_DB_CHAIN:
    case ACM_DB_NAME:
    case ACM_DB_IDENTITY:
    case ACM_DB_SEAL:
    case ACM_DB_STAPLE:
        return 1;

    default:
        return 0;
    }
}


acm_rc_t
acm_store_begin(acm_store_t *store, acm_snap_t **snap, acm_err_t *err)
{
    acm_rc_t  rc;

    if (store->open) {
        return acm_fail(err, ACM_BUSY, "the store has a snapshot open: "
                        "end it before the next one");
    }

    rc = store->ops->begin(store, err);

    if (rc != ACM_OK) {
        return rc;
    }

    store->open = 1;
    store->skim = ACM_DB_MAX;
    store->snap.store = store;
    *snap = &store->snap;

    return ACM_OK;
}


void
acm_store_skim(acm_snap_t *snap, acm_db_e db)
{
    snap->store->skim = db;
}


void
acm_store_end(acm_snap_t *snap)
{
    if (snap == NULL || !snap->store->open) {
        return;
    }

    snap->store->ops->end(snap->store);
    snap->store->open = 0;
}


uint64_t
acm_snap_generation(acm_snap_t *snap)
{
    return snap->generation;
}


acm_rc_t
acm_store_get(acm_snap_t *snap, acm_db_e db, const void *key, size_t len,
    acm_entry_t *entry)
{
    acm_rc_t  rc;

    memset(entry, 0, sizeof(acm_entry_t));

    rc = acm_store_key_check(snap, db, len);

    if (rc != ACM_OK) {
        return rc;
    }

    if (len == 0) {
        return ACM_INVALID;
    }

    entry->key = key;
    entry->key_len = len;

    return snap->store->ops->get(snap->store, db, entry);
}


acm_rc_t
acm_store_seek(acm_snap_t *snap, acm_db_e db, const void *key, size_t len,
    acm_entry_t *entry)
{
    acm_rc_t  rc;

    memset(entry, 0, sizeof(acm_entry_t));

    rc = acm_store_key_check(snap, db, len);

    if (rc != ACM_OK) {
        return rc;
    }

    entry->key = key;
    entry->key_len = len;

    return snap->store->ops->seek(snap->store, db, entry);
}


acm_rc_t
acm_store_next(acm_snap_t *snap, acm_db_e db, acm_entry_t *entry)
{
    acm_rc_t  rc;

    memset(entry, 0, sizeof(acm_entry_t));

    rc = acm_store_key_check(snap, db, 0);

    if (rc != ACM_OK) {
        return rc;
    }

    return snap->store->ops->next(snap->store, db, entry);
}


acm_rc_t
acm_store_before(acm_snap_t *snap, acm_db_e db, const void *key, size_t len,
    acm_entry_t *entry)
{
    acm_rc_t  rc;

    memset(entry, 0, sizeof(acm_entry_t));

    rc = acm_store_key_check(snap, db, len);

    if (rc != ACM_OK) {
        return rc;
    }

    entry->key = key;
    entry->key_len = len;

    return snap->store->ops->before(snap->store, db, entry);
}


acm_rc_t
acm_store_entries(acm_snap_t *snap, acm_db_e db, uint64_t *n)
{
    acm_rc_t  rc;

    *n = 0;
    rc = acm_store_key_check(snap, db, 0);

    return (rc == ACM_OK) ? snap->store->ops->entries(snap->store, db, n)
                          : rc;
}


acm_rc_t
acm_store_map(acm_snap_t *snap, acm_store_map_t *map)
{
    return snap->store->ops->map(snap->store, map);
}


static acm_rc_t
acm_store_key_check(acm_snap_t *snap, acm_db_e db, size_t len)
{
    if (db >= ACM_DB_MAX || !snap->store->open) {
        return ACM_INVALID;
    }

    if (len > ACM_MAX_STORE_KEY) {
        return ACM_TOOBIG;
    }

    return ACM_OK;
}


void
acm_batch_join(acm_batch_t *batch, const acm_batch_t *from)
{
    size_t           i;
    const acm_op_t  *op;

    if (from == NULL) {
        return;
    }

    if (from->rc != ACM_OK && batch->rc == ACM_OK) {
        batch->rc = from->rc;
    }

    for (i = 0; i < from->nops; i++) {
        op = &from->ops[i];

        switch (op->op) {

        case ACM_OP_PUT:
            acm_batch_put(batch, op->db, op->key, op->key_len, op->data,
                          op->len);
            break;

        case ACM_OP_DELETE:
            acm_batch_delete(batch, op->db, op->key, op->key_len);
            break;

        case ACM_OP_EXPECT:
            acm_batch_expect(batch, op->db, op->key, op->key_len,
                             op->revision);
            break;

        case ACM_OP_APPEND:
            acm_batch_append(batch, op->db, op->data, op->len);
            break;

        case ACM_OP_COUNT:
            acm_batch_count(batch, op->db, op->key, op->key_len, op->add,
                            op->max);
            break;
        }
    }
}


acm_rc_t
acm_store_commit(acm_store_t *store, acm_batch_t *batch, acm_err_t *err)
{
    acm_rc_t  rc;
    uint64_t  before;

    if (batch->rc != ACM_OK) {
        return acm_fail(err, batch->rc, "batch could not be built: %s "
                        "(operation %zu)", acm_rc_text(batch->rc),
                        batch->nops + 1);
    }

    if (store->open) {
        return acm_fail(err, ACM_BUSY, "the store has a snapshot open: "
                        "end it before a commit");
    }

    if (store->readonly) {
        return acm_fail(err, ACM_DENIED, "the store was opened read only: "
                        "open it for writing to commit");
    }

    if (store->watch == NULL) {
        return store->ops->commit(store, batch, err);
    }

    before = acm_store_clock();

    rc = store->ops->commit(store, batch, err);

    store->watch(store->data, rc, acm_store_clock() - before);

    return rc;
}


static uint64_t
acm_store_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


void
acm_store_watch(acm_store_t *store, acm_store_watch_pt watch, void *data)
{
    store->watch = watch;
    store->data = data;
}


acm_rc_t
acm_store_stat(acm_store_t *store, acm_store_stat_t *stat, acm_err_t *err)
{
    if (store->open) {
        return acm_fail(err, ACM_BUSY, "the store has a snapshot open: "
                        "end it before asking for figures");
    }

    memset(stat, 0, sizeof(acm_store_stat_t));

    return store->ops->stat(store, stat, err);
}


unsigned
acm_store_housekeep(acm_store_t *store)
{
    return store->ops->housekeep(store);
}


acm_rc_t
acm_store_backup(acm_store_t *store, const char *dir, acm_err_t *err)
{
    if (store->open) {
        return acm_fail(err, ACM_BUSY, "the store has a snapshot open: "
                        "end it before a backup");
    }

    return store->ops->backup(store, dir, err);
}


acm_rc_t
acm_store_share(acm_store_t *store, acm_store_t **other, acm_err_t *err)
{
    if (store->ops->share == NULL) {
        return acm_fail(err, ACM_INVALID, "the store in memory has one "
                        "handle");
    }

    if (store->open) {
        return acm_fail(err, ACM_BUSY, "the store has a snapshot open: "
                        "end it before it is shared");
    }

    return store->ops->share(store, other, err);
}


int
acm_store_scattered(uint64_t data, uint64_t memory)
{
    return data > memory / 2;
}


int
acm_store_is_network_fs(unsigned long type, const char **name)
{
    size_t  i;

    /* f_type is a signed 32-bit number on some systems */
    type &= 0xffffffffUL;

    for (i = 0; i < sizeof(acm_network_fs) / sizeof(acm_fs_t); i++) {
        if (acm_network_fs[i].type == type) {
            if (name != NULL) {
                *name = acm_network_fs[i].name;
            }

            return 1;
        }
    }

    return 0;
}


const char *
acm_db_name(acm_db_e db)
{
    return (db < ACM_DB_MAX) ? acm_db_names[db] : "unknown";
}


void
acm_envelope_write(uint8_t *head, const acm_op_t *op, uint64_t revision)
{
    uint32_t     crc;
    unsigned     i;
    acm_entry_t  entry;

    for (i = 0; i < 8; i++) {
        head[i] = (uint8_t) (revision >> (56 - 8 * i));
    }

    entry.key = op->key;
    entry.key_len = op->key_len;
    entry.data = op->data;
    entry.len = op->len;

    crc = acm_envelope_crc(op->db, head, &entry);

    for (i = 0; i < 4; i++) {
        head[8 + i] = (uint8_t) (crc >> (24 - 8 * i));
    }
}


acm_rc_t
acm_envelope_read(acm_db_e db, acm_entry_t *entry, const void *value,
    size_t len)
{
    uint32_t  crc;
    acm_rc_t  rc;

    rc = acm_envelope_look(entry, value, len, &crc);

    if (rc != ACM_OK || acm_envelope_crc(db, value, entry) != crc) {
        entry->data = NULL;
        entry->len = 0;
        entry->revision = 0;
        return ACM_CORRUPT;
    }

    return ACM_OK;
}


acm_rc_t
acm_envelope_look(acm_entry_t *entry, const void *value, size_t len,
    uint32_t *crc)
{
    acm_reader_t    r;
    const uint8_t  *head;

    head = value;
    entry->data = NULL;
    entry->len = 0;
    entry->revision = 0;

    if (len < ACM_ENVELOPE_LEN
        || len > ACM_ENVELOPE_LEN + ACM_MAX_STORE_VALUE)
    {
        return ACM_CORRUPT;
    }

    acm_reader_init(&r, head, ACM_ENVELOPE_LEN);
    entry->revision = acm_read_u64(&r);
    *crc = acm_read_u32(&r);

    entry->data = head + ACM_ENVELOPE_LEN;
    entry->len = len - ACM_ENVELOPE_LEN;

    return (entry->revision == 0) ? ACM_CORRUPT : ACM_OK;
}


/*
 * The key and the map are covered too, so that a value which a damaged page
 * shows under a foreign key is found out.
 */

static uint32_t
acm_envelope_crc(acm_db_e db, const uint8_t *revision,
    const acm_entry_t *entry)
{
    uLong    crc;
    uint8_t  number;

    number = (uint8_t) db;

    crc = crc32(0, &number, 1);
    crc = crc32(crc, revision, 8);
    crc = crc32(crc, entry->key, (uInt) entry->key_len);

    if (entry->len != 0) {
        /* a NULL buffer would reset the sum */
        crc = crc32(crc, entry->data, (uInt) entry->len);
    }

    return (uint32_t) crc;
}


void
acm_schema_write(uint8_t *data, uint32_t schema)
{
    unsigned  i;

    for (i = 0; i < ACM_SCHEMA_LEN; i++) {
        data[i] = (uint8_t) (schema >> (24 - 8 * i));
    }
}


acm_rc_t
acm_schema_read(const acm_entry_t *entry, unsigned *schema)
{
    uint32_t      value;
    acm_reader_t  r;

    /* a newer schema may append to the record */
    acm_reader_init(&r, entry->data, entry->len);
    value = acm_read_u32(&r);

    if (r.rc != ACM_OK || value == 0) {
        return ACM_CORRUPT;
    }

    *schema = value;

    return ACM_OK;
}


uint64_t
acm_store_reserve(uint64_t map_size)
{
    uint64_t  reserve;

    reserve = map_size / ACM_STORE_RESERVE;

    return (reserve < ACM_STORE_MIN_RESERVE) ? ACM_STORE_MIN_RESERVE
                                             : reserve;
}
