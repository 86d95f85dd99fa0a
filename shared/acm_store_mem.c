
/*
 * Copyright (C) The ngx_acm authors
 *
 * The in-memory twin of the LMDB store, for tests: sorted arrays.  Values
 * carry the same envelope, so that its checks are the same too.
 */


#include <string.h>
#include "acm_store_impl.h"


#define ACM_MEM_FIRST        16      /* entries of the first allocation */


typedef struct {
    size_t     key_len;
    size_t     len;                  /* of the value, with its envelope */
    uint8_t   *value;                /* in the same allocation */
    uint8_t    key[];
} acm_mem_entry_t;


typedef struct {
    acm_mem_entry_t  **entries;
    size_t             n;
    size_t             size;
    size_t             pos;          /* of the last entry given */
    unsigned           placed:1;     /* pos is valid */
} acm_mem_map_t;


/* one step of a commit; either entry may be absent */

typedef struct {
    acm_db_e          db;
    acm_mem_entry_t  *old;
    acm_mem_entry_t  *entry;
} acm_mem_step_t;


typedef struct {
    acm_store_t     store;           /* the first member */
    uint64_t        generation;
    uint64_t        served;          /* the last one of acm_db_served() */
    uint64_t        limit;           /* octets */
    uint64_t        used;            /* octets of keys and values */
    acm_mem_map_t   maps[ACM_DB_MAX];
} acm_mem_t;


static void acm_mem_close(acm_store_t *store);
static uint64_t acm_mem_generation(acm_store_t *store);
static acm_rc_t acm_mem_begin(acm_store_t *store, acm_err_t *err);
static void acm_mem_end(acm_store_t *store);
static acm_rc_t acm_mem_get(acm_store_t *store, acm_db_e db,
    acm_entry_t *entry);
static acm_rc_t acm_mem_seek(acm_store_t *store, acm_db_e db,
    acm_entry_t *entry);
static acm_rc_t acm_mem_next(acm_store_t *store, acm_db_e db,
    acm_entry_t *entry);
static acm_rc_t acm_mem_before(acm_store_t *store, acm_db_e db,
    acm_entry_t *entry);
static acm_rc_t acm_mem_entries(acm_store_t *store, acm_db_e db,
    uint64_t *n);
static acm_rc_t acm_mem_map(acm_store_t *store, acm_store_map_t *map);
static uint64_t acm_mem_served(acm_store_t *store);
static acm_rc_t acm_mem_at(acm_mem_map_t *map, acm_db_e db,
    acm_entry_t *entry);
static int acm_mem_find(const acm_mem_map_t *map, const uint8_t *key,
    size_t len, size_t *pos);
static int acm_mem_compare(const acm_mem_entry_t *entry, const uint8_t *key,
    size_t len);
static acm_rc_t acm_mem_commit(acm_store_t *store, const acm_batch_t *batch,
    acm_err_t *err);
static acm_rc_t acm_mem_expect(acm_mem_t *m, const acm_batch_t *batch,
    acm_err_t *err);
static acm_rc_t acm_mem_schema(acm_mem_t *m, unsigned *schema);
static acm_rc_t acm_mem_prepare(acm_mem_t *m, const acm_batch_t *batch,
    acm_mem_step_t *steps, acm_err_t *err);
static acm_rc_t acm_mem_count(acm_mem_t *m, const acm_batch_t *batch,
    size_t place, acm_err_t *err);
static acm_rc_t acm_mem_reserve(acm_mem_map_t *map, size_t n);
static size_t acm_mem_apply(acm_mem_t *m, const acm_batch_t *batch,
    acm_mem_step_t *steps);
static void acm_mem_set(acm_mem_t *m, acm_db_e db, const acm_mem_entry_t *old,
    acm_mem_entry_t *entry);
static void acm_mem_undo(acm_mem_t *m, size_t n, acm_mem_step_t *steps);
static acm_rc_t acm_mem_stat(acm_store_t *store, acm_store_stat_t *stat,
    acm_err_t *err);
static unsigned acm_mem_housekeep(acm_store_t *store);
static acm_rc_t acm_mem_backup(acm_store_t *store, const char *dir,
    acm_err_t *err);


static const acm_store_ops_t  acm_mem_ops = {
    acm_mem_close,
    acm_mem_generation,
    acm_mem_begin,
    acm_mem_end,
    acm_mem_get,
    acm_mem_seek,
    acm_mem_next,
    acm_mem_before,
    acm_mem_entries,
    acm_mem_map,
    acm_mem_served,
    acm_mem_commit,
    acm_mem_stat,
    acm_mem_housekeep,
    acm_mem_backup,
    NULL
};


acm_rc_t
acm_store_mem_open(const acm_store_conf_t *conf, acm_store_t **store,
    acm_err_t *err)
{
    uint8_t      data[ACM_SCHEMA_LEN];
    acm_rc_t     rc;
    acm_mem_t   *m;
    acm_batch_t  batch;

    m = acm_calloc(1, sizeof(acm_mem_t));

    if (m == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for a store");
    }

    m->store.ops = &acm_mem_ops;
    m->limit = (conf->map_size == 0) ? ACM_STORE_MAP_SIZE : conf->map_size;

    acm_schema_write(data, ACM_STORE_SCHEMA);
    acm_batch_init(&batch);
    acm_batch_put(&batch, ACM_DB_META, ACM_SCHEMA_KEY, ACM_SCHEMA_KEY_LEN,
                  data, sizeof(data));

    rc = acm_store_commit(&m->store, &batch, err);

    acm_batch_free(&batch);

    if (rc != ACM_OK) {
        acm_mem_close(&m->store);
        return rc;
    }

    m->store.readonly = conf->readonly;
    *store = &m->store;

    return ACM_OK;
}


static void
acm_mem_close(acm_store_t *store)
{
    size_t      i;
    unsigned    db;
    acm_mem_t  *m;

    m = (acm_mem_t *) store;

    for (db = 0; db < ACM_DB_MAX; db++) {
        for (i = 0; i < m->maps[db].n; i++) {
            acm_free(m->maps[db].entries[i]);
        }

        acm_free(m->maps[db].entries);
    }

    acm_free(m);
}


static uint64_t
acm_mem_generation(acm_store_t *store)
{
    return ((acm_mem_t *) store)->generation;
}


static acm_rc_t
acm_mem_begin(acm_store_t *store, acm_err_t *err)
{
    unsigned    db;
    acm_mem_t  *m;

    (void) err;

    m = (acm_mem_t *) store;
    store->snap.generation = m->generation;

    for (db = 0; db < ACM_DB_MAX; db++) {
        m->maps[db].placed = 0;
    }

    return ACM_OK;
}


static void
acm_mem_end(acm_store_t *store)
{
    (void) store;
}


static acm_rc_t
acm_mem_get(acm_store_t *store, acm_db_e db, acm_entry_t *entry)
{
    size_t          pos;
    acm_mem_map_t  *map;

    map = &((acm_mem_t *) store)->maps[db];

    if (!acm_mem_find(map, entry->key, entry->key_len, &pos)) {
        return ACM_NOTFOUND;
    }

    entry->key = map->entries[pos]->key;

    return acm_envelope_read(db, entry, map->entries[pos]->value,
                             map->entries[pos]->len);
}


static acm_rc_t
acm_mem_seek(acm_store_t *store, acm_db_e db, acm_entry_t *entry)
{
    acm_mem_map_t  *map;

    map = &((acm_mem_t *) store)->maps[db];
    map->pos = 0;

    if (entry->key_len != 0) {
        (void) acm_mem_find(map, entry->key, entry->key_len, &map->pos);
    }

    return acm_mem_at(map, db, entry);
}


static acm_rc_t
acm_mem_next(acm_store_t *store, acm_db_e db, acm_entry_t *entry)
{
    acm_mem_map_t  *map;

    map = &((acm_mem_t *) store)->maps[db];

    if (!map->placed) {
        return ACM_NOTFOUND;
    }

    map->pos++;

    return acm_mem_at(map, db, entry);
}


static acm_rc_t
acm_mem_before(acm_store_t *store, acm_db_e db, acm_entry_t *entry)
{
    acm_mem_map_t  *map;

    map = &((acm_mem_t *) store)->maps[db];
    map->pos = map->n;

    if (entry->key_len != 0) {
        (void) acm_mem_find(map, entry->key, entry->key_len, &map->pos);
    }

    if (map->pos == 0) {
        map->placed = 0;
        return ACM_NOTFOUND;
    }

    map->pos--;

    return acm_mem_at(map, db, entry);
}


static acm_rc_t
acm_mem_entries(acm_store_t *store, acm_db_e db, uint64_t *n)
{
    *n = ((acm_mem_t *) store)->maps[db].n;

    return ACM_OK;
}


static acm_rc_t
acm_mem_map(acm_store_t *store, acm_store_map_t *map)
{
    (void) store;
    (void) map;

    return ACM_NOTFOUND;
}


static uint64_t
acm_mem_served(acm_store_t *store)
{
    return ((acm_mem_t *) store)->served;
}


static acm_rc_t
acm_mem_at(acm_mem_map_t *map, acm_db_e db, acm_entry_t *entry)
{
    acm_mem_entry_t  *e;

    map->placed = (map->pos < map->n);

    if (!map->placed) {
        return ACM_NOTFOUND;
    }

    e = map->entries[map->pos];
    entry->key = e->key;
    entry->key_len = e->key_len;

    return acm_envelope_read(db, entry, e->value, e->len);
}


/* pos gets the place of the key, or the one where it would be inserted */

static int
acm_mem_find(const acm_mem_map_t *map, const uint8_t *key, size_t len,
    size_t *pos)
{
    int     rc;
    size_t  low, high, middle;

    low = 0;
    high = map->n;

    while (low < high) {
        middle = low + (high - low) / 2;
        rc = acm_mem_compare(map->entries[middle], key, len);

        if (rc == 0) {
            *pos = middle;
            return 1;
        }

        if (rc < 0) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    *pos = low;

    return 0;
}


static int
acm_mem_compare(const acm_mem_entry_t *entry, const uint8_t *key, size_t len)
{
    int     rc;
    size_t  n;

    n = (entry->key_len < len) ? entry->key_len : len;
    rc = memcmp(entry->key, key, n);

    if (rc != 0) {
        return rc;
    }

    return (entry->key_len > len) - (entry->key_len < len);
}


/*
 * Everything that can fail for want of memory comes first; what is applied
 * can then be taken back without an allocation.
 */

static acm_rc_t
acm_mem_commit(acm_store_t *store, const acm_batch_t *batch, acm_err_t *err)
{
    size_t           i, n;
    uint64_t         limit;
    acm_rc_t         rc;
    acm_mem_t       *m;
    acm_mem_step_t  *steps;

    m = (acm_mem_t *) store;

    rc = acm_mem_expect(m, batch, err);

    if (rc != ACM_OK) {
        return rc;
    }

    /* calloc of nothing may be NULL */
    steps = acm_calloc(batch->nops + 1, sizeof(acm_mem_step_t));

    if (steps == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for a commit");
    }

    n = 0;
    rc = acm_mem_prepare(m, batch, steps, err);

    if (rc != ACM_OK) {
        goto done;
    }

    n = acm_mem_apply(m, batch, steps);
    limit = m->limit;

    if (batch->grow) {
        limit -= acm_store_reserve(limit);
    }

    if (n != 0 && m->used > limit) {
        acm_mem_undo(m, batch->nops, steps);
        rc = acm_fail(err, ACM_FULL, "the store in memory is full: raise "
                      "its size or delete from it");
        goto done;
    }

    if (n != 0) {
        m->generation++;
    }

    for (i = 0; i < batch->nops; i++) {
        if ((steps[i].old != NULL || steps[i].entry != NULL)
            && acm_db_served(steps[i].db))
        {
            m->served = m->generation;
        }
    }

done:

    for (i = 0; i < batch->nops; i++) {
        acm_free((rc == ACM_OK) ? steps[i].old : steps[i].entry);
    }

    acm_free(steps);

    return rc;
}


static acm_rc_t
acm_mem_expect(acm_mem_t *m, const acm_batch_t *batch, acm_err_t *err)
{
    size_t           i;
    acm_rc_t         rc;
    unsigned         schema;
    acm_entry_t      entry;
    const acm_op_t  *op;

    rc = acm_mem_schema(m, &schema);

    if (rc == ACM_OK && schema > ACM_STORE_SCHEMA) {
        return acm_fail(err, ACM_VERSION, "the store has schema %u and this "
                        "version writes %u: use the newer version", schema,
                        (unsigned) ACM_STORE_SCHEMA);
    }

    for (i = 0; i < batch->nops; i++) {
        op = &batch->ops[i];

        if (op->op != ACM_OP_EXPECT) {
            continue;
        }

        memset(&entry, 0, sizeof(acm_entry_t));
        entry.key = op->key;
        entry.key_len = op->key_len;
        rc = acm_mem_get(&m->store, op->db, &entry);

        if (rc == ACM_CORRUPT) {
            return acm_fail(err, rc, "a value in map \"%s\" is damaged",
                            acm_db_name(op->db));
        }

        if (entry.revision != op->revision) {
            return acm_fail(err, ACM_CONFLICT, "an entry of map \"%s\" was "
                            "changed meanwhile: read it again",
                            acm_db_name(op->db));
        }
    }

    return ACM_OK;
}


static acm_rc_t
acm_mem_schema(acm_mem_t *m, unsigned *schema)
{
    acm_rc_t     rc;
    acm_entry_t  entry;

    memset(&entry, 0, sizeof(acm_entry_t));
    entry.key = (const uint8_t *) ACM_SCHEMA_KEY;
    entry.key_len = ACM_SCHEMA_KEY_LEN;

    rc = acm_mem_get(&m->store, ACM_DB_META, &entry);

    if (rc != ACM_OK) {
        return rc;
    }

    return acm_schema_read(&entry, schema);
}


static acm_rc_t
acm_mem_prepare(acm_mem_t *m, const acm_batch_t *batch,
    acm_mem_step_t *steps, acm_err_t *err)
{
    size_t            i, puts[ACM_DB_MAX];
    acm_rc_t          rc;
    unsigned          db;
    const acm_op_t   *op;
    acm_mem_entry_t  *e;

    memset(puts, 0, sizeof(puts));

    for (i = 0; i < batch->nops; i++) {
        op = &batch->ops[i];
        steps[i].db = op->db;

        if (op->op == ACM_OP_DELETE || op->op == ACM_OP_EXPECT) {
            continue;
        }

        if (op->op == ACM_OP_COUNT) {
            rc = acm_mem_count(m, batch, i, err);

            if (rc != ACM_OK) {
                return rc;
            }

            if (op->add == 0) {
                continue;
            }
        }

        acm_op_number(op, m->generation + 1, i);

        puts[op->db]++;

        e = acm_alloc(sizeof(acm_mem_entry_t) + op->key_len
                      + ACM_ENVELOPE_LEN + op->len);

        if (e == NULL) {
            return acm_fail(err, ACM_NOMEM, "no memory for a commit");
        }

        steps[i].entry = e;
        e->key_len = op->key_len;
        e->len = ACM_ENVELOPE_LEN + op->len;
        e->value = e->key + op->key_len;
        memcpy(e->key, op->key, op->key_len);
        acm_envelope_write(e->value, op, m->generation + 1);

        if (op->len != 0) {
            memcpy(e->value + ACM_ENVELOPE_LEN, op->data, op->len);
        }
    }

    for (db = 0; db < ACM_DB_MAX; db++) {
        if (acm_mem_reserve(&m->maps[db], puts[db]) != ACM_OK) {
            return acm_fail(err, ACM_NOMEM, "no memory for a commit");
        }
    }

    return ACM_OK;
}


/* From what an operation before it in the batch leaves, or the map has. */

static acm_rc_t
acm_mem_count(acm_mem_t *m, const acm_batch_t *batch, size_t place,
    acm_err_t *err)
{
    size_t           i;
    acm_entry_t      entry;
    const acm_op_t  *op, *before;

    op = &batch->ops[place];
    memset(&entry, 0, sizeof(acm_entry_t));

    for (i = place; i > 0; i--) {
        before = &batch->ops[i - 1];

        if (before->op == ACM_OP_EXPECT || before->db != op->db
            || before->key_len != op->key_len
            || memcmp(before->key, op->key, op->key_len) != 0)
        {
            continue;
        }

        if (before->op == ACM_OP_DELETE) {
            return acm_op_count(op, NULL, err);
        }

        entry.data = before->data;
        entry.len = before->len;

        return acm_op_count(op, &entry, err);
    }

    entry.key = op->key;
    entry.key_len = op->key_len;

    if (acm_mem_get(&m->store, op->db, &entry) != ACM_OK) {
        return acm_op_count(op, NULL, err);
    }

    return acm_op_count(op, &entry, err);
}


static acm_rc_t
acm_mem_reserve(acm_mem_map_t *map, size_t n)
{
    size_t             size;
    acm_mem_entry_t  **entries;

    size = (map->size == 0) ? ACM_MEM_FIRST : map->size;

    while (size < map->n + n) {
        size *= 2;
    }

    if (size == map->size) {
        return ACM_OK;
    }

    entries = acm_realloc(map->entries, size * sizeof(acm_mem_entry_t *));

    if (entries == NULL) {
        return ACM_NOMEM;
    }

    map->entries = entries;
    map->size = size;

    return ACM_OK;
}


/* returns the number of changes */

static size_t
acm_mem_apply(acm_mem_t *m, const acm_batch_t *batch, acm_mem_step_t *steps)
{
    size_t           i, n, pos;
    acm_mem_map_t   *map;
    const acm_op_t  *op;

    n = 0;

    for (i = 0; i < batch->nops; i++) {
        op = &batch->ops[i];
        map = &m->maps[op->db];

        if (op->op != ACM_OP_DELETE && steps[i].entry == NULL) {
            continue;
        }

        if (acm_mem_find(map, op->key, op->key_len, &pos)) {
            steps[i].old = map->entries[pos];
        }

        if (steps[i].old == NULL && steps[i].entry == NULL) {
            continue;
        }

        acm_mem_set(m, op->db, steps[i].old, steps[i].entry);
        n++;
    }

    return n;
}


static void
acm_mem_set(acm_mem_t *m, acm_db_e db, const acm_mem_entry_t *old,
    acm_mem_entry_t *entry)
{
    size_t                  pos;
    acm_mem_map_t          *map;
    const acm_mem_entry_t  *e;

    map = &m->maps[db];
    e = (entry != NULL) ? entry : old;
    (void) acm_mem_find(map, e->key, e->key_len, &pos);

    if (old != NULL) {
        m->used -= old->key_len + old->len;
    }

    if (entry != NULL) {
        m->used += entry->key_len + entry->len;
    }

    if (old != NULL && entry != NULL) {
        map->entries[pos] = entry;
        return;
    }

    if (entry != NULL) {
        memmove(&map->entries[pos + 1], &map->entries[pos],
                (map->n - pos) * sizeof(acm_mem_entry_t *));
        map->entries[pos] = entry;
        map->n++;
        return;
    }

    map->n--;
    memmove(&map->entries[pos], &map->entries[pos + 1],
            (map->n - pos) * sizeof(acm_mem_entry_t *));
}


static void
acm_mem_undo(acm_mem_t *m, size_t n, acm_mem_step_t *steps)
{
    while (n-- > 0) {
        if (steps[n].old != NULL || steps[n].entry != NULL) {
            acm_mem_set(m, steps[n].db, steps[n].entry, steps[n].old);
        }
    }
}


static acm_rc_t
acm_mem_stat(acm_store_t *store, acm_store_stat_t *stat, acm_err_t *err)
{
    acm_rc_t    rc;
    unsigned    db;
    acm_mem_t  *m;

    m = (acm_mem_t *) store;

    stat->generation = m->generation;
    stat->map_size = m->limit;
    stat->used = m->used;
    stat->size = m->used;
    stat->max_readers = ACM_STORE_READERS;

    for (db = 0; db < ACM_DB_MAX; db++) {
        stat->entries[db] = m->maps[db].n;
    }

    rc = acm_mem_schema(m, &stat->schema);

    if (rc != ACM_OK) {
        return acm_fail(err, ACM_CORRUPT, "the store has no schema record");
    }

    return ACM_OK;
}


static unsigned
acm_mem_housekeep(acm_store_t *store)
{
    (void) store;

    return 0;
}


static acm_rc_t
acm_mem_backup(acm_store_t *store, const char *dir, acm_err_t *err)
{
    (void) store;

    return acm_fail(err, ACM_INVALID, "a store in memory has no backup: "
                    "nothing was written to \"%s\"", dir);
}
