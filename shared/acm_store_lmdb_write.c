
/*
 * Copyright (C) The ngx_acm authors
 *
 * The LMDB store: commits, and the reserve that deletes and renewals need.
 */


#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "acm_store_lmdb.h"


static int acm_lmdb_rises(acm_db_e db);
static acm_rc_t acm_lmdb_apply(acm_lmdb_t *s, const acm_batch_t *batch,
    acm_err_t *err);
static acm_rc_t acm_lmdb_expect(acm_lmdb_t *s, MDB_txn *txn,
    const acm_op_t *op, acm_err_t *err);
static int acm_lmdb_served_write(acm_lmdb_t *s, MDB_txn *txn,
    const acm_lmdb_changes_t *changes);
static int acm_lmdb_mistrust(acm_lmdb_t *s, MDB_txn *txn);
static acm_rc_t acm_lmdb_change(acm_lmdb_t *s, MDB_txn *txn,
    const acm_op_t *op, size_t place, acm_lmdb_changes_t *changes,
    acm_err_t *err);
static acm_rc_t acm_lmdb_count(acm_lmdb_t *s, MDB_txn *txn,
    const acm_op_t *op, acm_err_t *err);
static uint64_t acm_lmdb_need(acm_lmdb_t *s, const acm_batch_t *batch);


int
acm_lmdb_put(acm_lmdb_t *s, MDB_txn *txn, const acm_op_t *op)
{
    int      rc;
    MDB_val  key, value;

    key.mv_data = op->key;
    key.mv_size = op->key_len;
    value.mv_data = NULL;
    value.mv_size = ACM_ENVELOPE_LEN + op->len;

    rc = MDB_KEYEXIST;

    if (acm_lmdb_rises(op->db)) {
        rc = mdb_put(txn, s->e->dbi[op->db], &key, &value,
                     MDB_RESERVE | MDB_APPEND);
    }

    if (rc == MDB_KEYEXIST) {
        rc = mdb_put(txn, s->e->dbi[op->db], &key, &value, MDB_RESERVE);
    }

    if (rc != 0) {
        return rc;
    }

    acm_envelope_write(value.mv_data, op, mdb_txn_id(txn));

    if (op->len != 0) {
        memcpy((uint8_t *) value.mv_data + ACM_ENVELOPE_LEN, op->data,
               op->len);
    }

    return 0;
}


/* Where a new key is above all others as a rule.  If it is, a full page stays
   full: otherwise its last entry would go to the new page with this one, and
   of four that fit into a page only three would be in it. */

static int
acm_lmdb_rises(acm_db_e db)
{
    return db == ACM_DB_CERTIFICATE || db == ACM_DB_MATERIAL
           || db == ACM_DB_HISTORY || db == ACM_DB_EVENT;
}


acm_rc_t
acm_lmdb_commit_alone(acm_lmdb_t *s, const acm_batch_t *batch,
    acm_err_t *err)
{
    int       dead;
    acm_rc_t  code;
    uint64_t  ahead;

    ahead = 0;
    code = acm_lmdb_usable(s, err);

    if (code == ACM_OK) {
        code = acm_lmdb_reserve(s, batch, &ahead, err);
    }

    if (code != ACM_OK) {
        return code;
    }

    code = acm_lmdb_apply(s, batch, err);

    if (code == ACM_FULL) {
        /* a dead reader may hold back the pages */
        dead = 0;

        if (mdb_reader_check(s->e->env, &dead) == 0 && dead > 0) {
            code = acm_lmdb_apply(s, batch, err);
        }
    }

    if (code == ACM_OK) {
        acm_lmdb_extend(s);
    }

    return code;
}


static acm_rc_t
acm_lmdb_apply(acm_lmdb_t *s, const acm_batch_t *batch, acm_err_t *err)
{
    MDB_txn             *txn;
    acm_rc_t             code;
    acm_lmdb_changes_t   changes;

    memset(&changes, 0, sizeof(acm_lmdb_changes_t));
    code = acm_lmdb_write_begin(s, &txn, err);

    if (code != ACM_OK) {
        return code;
    }

    code = acm_lmdb_expected(s, txn, batch, err);

    if (code == ACM_OK) {
        code = acm_lmdb_write(s, txn, batch, 0, &changes, err);
    }

    if (code != ACM_OK) {
        mdb_txn_abort(txn);
        return code;
    }

    return acm_lmdb_write_end(s, txn, &changes, err);
}


acm_rc_t
acm_lmdb_write_begin(acm_lmdb_t *s, MDB_txn **txn, acm_err_t *err)
{
    int       rc;
    acm_rc_t  code;

    *txn = NULL;
    rc = acm_lmdb_txn(s, txn, 0);

    if (rc != 0) {
        return acm_lmdb_fail(s, err, rc, "cannot be written");
    }

    /* a newer version may have come to the store meanwhile */
    code = acm_lmdb_schema_read(s, *txn);

    if (code == ACM_OK && s->schema > ACM_STORE_SCHEMA) {
        code = acm_fail(err, ACM_VERSION, "store \"%s\" has schema %u and "
                        "this version writes %u: use the newer version",
                        s->e->path, s->schema, (unsigned) ACM_STORE_SCHEMA);

    } else if (code != ACM_OK) {
        code = acm_fail(err, ACM_CORRUPT, "store \"%s\" has no valid schema "
                        "record: restore it from a backup", s->e->path);
    }

    if (code != ACM_OK) {
        mdb_txn_abort(*txn);
    }

    return code;
}


acm_rc_t
acm_lmdb_expected(acm_lmdb_t *s, MDB_txn *txn, const acm_batch_t *batch,
    acm_err_t *err)
{
    size_t    i;
    acm_rc_t  code;

    code = ACM_OK;

    for (i = 0; code == ACM_OK && i < batch->nops; i++) {
        if (batch->ops[i].op == ACM_OP_EXPECT) {
            code = acm_lmdb_expect(s, txn, &batch->ops[i], err);
        }
    }

    return code;
}


acm_rc_t
acm_lmdb_write(acm_lmdb_t *s, MDB_txn *txn, const acm_batch_t *batch,
    size_t place, acm_lmdb_changes_t *changes, acm_err_t *err)
{
    size_t    i;
    acm_rc_t  code;

    code = ACM_OK;

    for (i = 0; code == ACM_OK && i < batch->nops; i++) {
        code = acm_lmdb_change(s, txn, &batch->ops[i], place + i, changes,
                               err);
    }

    return code;
}


acm_rc_t
acm_lmdb_write_end(acm_lmdb_t *s, MDB_txn *txn,
    const acm_lmdb_changes_t *changes, acm_err_t *err)
{
    int  rc;

    if (changes->n == 0) {
        mdb_txn_abort(txn);
        return ACM_OK;
    }

    rc = acm_lmdb_served_write(s, txn, changes);

    if (rc != 0) {
        mdb_txn_abort(txn);
        return acm_lmdb_fail(s, err, rc, "cannot be written");
    }

    rc = mdb_txn_commit(txn);

    return (rc == 0) ? ACM_OK : acm_lmdb_fail(s, err, rc, "commit failed");
}


/*
 * Each commit writes it, so that a commit of a version which does not is found
 * out: it is of the commit before, then, and not of the last one.
 */

static int
acm_lmdb_served_write(acm_lmdb_t *s, MDB_txn *txn,
    const acm_lmdb_changes_t *changes)
{
    int        rc;
    size_t     i;
    uint8_t    data[ACM_SERVED_LEN];
    uint64_t   served;
    acm_op_t   op;

    rc = acm_lmdb_served_read(s, txn, mdb_txn_id(txn) - 1, &served);

    if (rc != 0) {
        return rc;
    }

    if (served == 0) {
        rc = acm_lmdb_mistrust(s, txn);

        if (rc != 0) {
            return rc;
        }
    }

    if (changes->served || served == 0) {
        served = mdb_txn_id(txn);
    }

    for (i = 0; i < ACM_SERVED_LEN; i++) {
        data[i] = (uint8_t) (served >> (56 - 8 * i));
    }

    memset(&op, 0, sizeof(acm_op_t));
    op.db = ACM_DB_META;
    op.key = (uint8_t *) ACM_SERVED_KEY;
    op.key_len = ACM_SERVED_KEY_LEN;
    op.data = data;
    op.len = ACM_SERVED_LEN;

    return acm_lmdb_put(s, txn, &op);
}


/*
 * A program that knows nothing of the index of states may have made what
 * belongs into it, and changed what is in it: it is filled anew.  So it is in
 * a copy of which it was not known whether such a program had been there.
 * A store that is new, and one that only such programs wrote, has none.
 */

static int
acm_lmdb_mistrust(acm_lmdb_t *s, MDB_txn *txn)
{
    int       rc;
    MDB_val   key, value;
    acm_op_t  op;

    key.mv_data = (void *) ACM_SERVED_KEY;
    key.mv_size = ACM_SERVED_KEY_LEN;

    rc = mdb_get(txn, s->e->dbi[ACM_DB_META], &key, &value);

    if (rc != 0) {
        return (rc == MDB_NOTFOUND) ? 0 : rc;
    }

    key.mv_data = (void *) ACM_STATES_KEY;
    key.mv_size = ACM_STATES_KEY_LEN;

    rc = mdb_del(txn, s->e->dbi[ACM_DB_META], &key, NULL);

    if ((rc == 0 || rc == MDB_NOTFOUND) && s->e->present[ACM_DB_STATE]) {
        rc = mdb_drop(txn, s->e->dbi[ACM_DB_STATE], 0);
    }

    if (rc != 0 && rc != MDB_NOTFOUND) {
        return rc;
    }

    memset(&op, 0, sizeof(acm_op_t));
    op.db = ACM_DB_META;
    op.key = (uint8_t *) ACM_MISTRUST_KEY;
    op.key_len = ACM_MISTRUST_KEY_LEN;

    return acm_lmdb_put(s, txn, &op);
}


/* One operation, of which place is the place in its transaction. */

static acm_rc_t
acm_lmdb_change(acm_lmdb_t *s, MDB_txn *txn, const acm_op_t *op,
    size_t place, acm_lmdb_changes_t *changes, acm_err_t *err)
{
    int       rc;
    MDB_val   key;
    acm_rc_t  code;

    switch (op->op) {

    case ACM_OP_EXPECT:
        return ACM_OK;

    case ACM_OP_DELETE:
        key.mv_data = op->key;
        key.mv_size = op->key_len;
        rc = mdb_del(txn, s->e->dbi[op->db], &key, NULL);

        if (rc == MDB_NOTFOUND) {
            return ACM_OK;
        }

        break;

    case ACM_OP_COUNT:
        code = acm_lmdb_count(s, txn, op, err);

        if (code != ACM_OK || op->add == 0) {
            return code;
        }

        rc = acm_lmdb_put(s, txn, op);
        break;

    default: /* ACM_OP_PUT, ACM_OP_APPEND */
        acm_op_number(op, mdb_txn_id(txn), place);
        rc = acm_lmdb_put(s, txn, op);
        break;
    }

    if (rc != 0) {
        return acm_lmdb_fail(s, err, rc, "cannot be written");
    }

    changes->n++;
    changes->served |= (acm_db_served(op->db) != 0);

    return ACM_OK;
}


/* Sees what this transaction has written already. */

static acm_rc_t
acm_lmdb_count(acm_lmdb_t *s, MDB_txn *txn, const acm_op_t *op,
    acm_err_t *err)
{
    int          rc;
    MDB_val      key, value;
    acm_entry_t  entry;

    key.mv_data = op->key;
    key.mv_size = op->key_len;
    entry.key = op->key;
    entry.key_len = op->key_len;

    rc = mdb_get(txn, s->e->dbi[op->db], &key, &value);

    if (rc != 0 && rc != MDB_NOTFOUND) {
        return acm_lmdb_fail(s, err, rc, "cannot be read");
    }

    if (rc != 0
        || acm_envelope_read(op->db, &entry, value.mv_data, value.mv_size)
           != ACM_OK)
    {
        return acm_op_count(op, NULL, err);
    }

    return acm_op_count(op, &entry, err);
}


static acm_rc_t
acm_lmdb_expect(acm_lmdb_t *s, MDB_txn *txn, const acm_op_t *op,
    acm_err_t *err)
{
    int          rc;
    MDB_val      key, value;
    acm_entry_t  entry;

    key.mv_data = op->key;
    key.mv_size = op->key_len;
    entry.key = op->key;
    entry.key_len = op->key_len;
    entry.revision = 0;

    rc = mdb_get(txn, s->e->dbi[op->db], &key, &value);

    if (rc != 0 && rc != MDB_NOTFOUND) {
        return acm_lmdb_fail(s, err, rc, "cannot be read");
    }

    if (rc == 0
        && acm_envelope_read(op->db, &entry, value.mv_data, value.mv_size)
           != ACM_OK)
    {
        return acm_fail(err, ACM_CORRUPT, "store \"%s\": a value in map "
                        "\"%s\" is damaged", s->e->path, acm_db_name(op->db));
    }

    if (entry.revision != op->revision) {
        return acm_fail(err, ACM_CONFLICT, "store \"%s\": an entry of map "
                        "\"%s\" was changed meanwhile: read it again",
                        s->e->path, acm_db_name(op->db));
    }

    return ACM_OK;
}


/*
 * LMDB may leave the last pages of the file unwritten when they are free.
 * With them in place the size of a file tells whether it is whole, without
 * a walk through its trees.  fallocate() never shrinks a file, so other
 * writers do not matter; a failure only costs that walk.  The offset of the
 * descriptor must not be moved: another thread may be between LMDB's lseek()
 * and its writev(), and its pages would go elsewhere.
 */

void
acm_lmdb_extend(acm_lmdb_t *s)
{
    int          fd;
    off_t        end;
    MDB_envinfo  info;
    struct stat  st;

    if (mdb_env_get_fd(s->e->env, &fd) != 0
        || mdb_env_info(s->e->env, &info) != 0)
    {
        return;
    }

    end = (off_t) ((info.me_last_pgno + 1) * s->e->page_size);

    if (fstat(fd, &st) == 0 && st.st_size < end) {
        (void) fallocate(fd, 0, end - 1, 1);    /* see above */
    }
}


/*
 * The free pages are counted only when the file's end has passed the
 * threshold.  It is a check of growth, not a promise: another process may
 * take the room before this batch does, which then fails on a full map.
 */

acm_rc_t
acm_lmdb_reserve(acm_lmdb_t *s, const acm_batch_t *batch, uint64_t *ahead,
    acm_err_t *err)
{
    int          rc;
    uint64_t     limit, need, unused, used;
    MDB_envinfo  info;

    need = *ahead + acm_lmdb_need(s, batch);
    *ahead = need;

    if (!batch->grow) {
        return ACM_OK;
    }

    (void) mdb_env_info(s->e->env, &info);    /* fails without arguments only */

    limit = s->e->limit - acm_store_reserve(s->e->limit);
    used = ((uint64_t) info.me_last_pgno + 1) * s->e->page_size;

    if (used + need <= limit) {
        return ACM_OK;
    }

    rc = acm_lmdb_txn(s, &s->txn, MDB_RDONLY);

    if (rc == 0) {
        rc = acm_lmdb_free_pages(s, s->txn, &unused);
        mdb_txn_reset(s->txn);
    }

    if (rc != 0) {
        return acm_lmdb_fail(s, err, rc, "cannot be read");
    }

    if (used - unused * s->e->page_size + need <= limit) {
        return ACM_OK;
    }

    return acm_fail(err, ACM_FULL, "store \"%s\" is full but for its "
                    "reserve: %llu of %llu octets are used; raise its size "
                    "or delete from it", s->e->path,
                    (unsigned long long) (used - unused * s->e->page_size),
                    (unsigned long long) s->e->limit);
}


/* the octets of pages a batch may add, with leaves split in halves */

static uint64_t
acm_lmdb_need(acm_lmdb_t *s, const acm_batch_t *batch)
{
    size_t           i;
    uint64_t         len, nodes, pages;
    const acm_op_t  *op;

    nodes = 0;
    pages = 0;

    for (i = 0; i < batch->nops; i++) {
        op = &batch->ops[i];

        if (op->op == ACM_OP_DELETE || op->op == ACM_OP_EXPECT) {
            continue;
        }

        /* 10 octets of node header and pointer, 16 of a page header */
        len = ACM_ENVELOPE_LEN + op->len;

        if (op->key_len + len + 10 > s->e->page_size / 2 - 16) {
            pages += (len + 16 + s->e->page_size - 1) / s->e->page_size;
            len = 8;
        }

        nodes += 10 + op->key_len + len;
    }

    pages += (2 * nodes + s->e->page_size - 1) / s->e->page_size;

    return pages * s->e->page_size;
}
