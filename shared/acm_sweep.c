
/*
 * Copyright (C) The ngx_acm authors
 */


#include <string.h>

#include "acm_sweep.h"


static acm_rc_t acm_sweep_gather(acm_sweep_t *sweep, acm_snap_t *snap);
static acm_rc_t acm_sweep_read(acm_sweep_t *sweep, acm_snap_t *snap);
static acm_rc_t acm_sweep_material(acm_sweep_t *sweep,
    const acm_entry_t *entry, acm_rc_t rc);
static void acm_sweep_found(acm_sweep_t *sweep, const acm_material_t *m);
static void acm_sweep_damaged(acm_sweep_t *sweep, const acm_entry_t *entry);
static acm_rc_t acm_sweep_remove(acm_sweep_t *sweep, acm_store_t *store,
    acm_err_t *err);
static void acm_sweep_again(acm_sweep_t *sweep);


acm_rc_t
acm_sweep_step(acm_sweep_t *sweep, acm_store_t *store, int *more,
    acm_err_t *err)
{
    acm_rc_t     rc;
    acm_snap_t  *snap;

    *more = 0;

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = sweep->reading ? acm_sweep_read(sweep, snap)
                        : acm_sweep_gather(sweep, snap);

    acm_store_end(snap);

    if (rc == ACM_NOTFOUND && !sweep->reading) {
        acm_sweep_again(sweep);
        return ACM_OK;
    }

    if (rc == ACM_NOTFOUND) {
        rc = acm_sweep_remove(sweep, store, err);

    } else if (rc != ACM_OK) {
        (void) acm_fail(err, rc, "chain certificates that are not used are "
                        "not looked for: there is a record that cannot be "
                        "read: %s; \"acmctl verify\" says which",
                        acm_rc_text(rc));
    }

    if (rc != ACM_OK) {
        acm_sweep_again(sweep);
        return rc;
    }

    *more = 1;

    return ACM_OK;
}


/* The next ones; ACM_NOTFOUND: that were all. */

static acm_rc_t
acm_sweep_gather(acm_sweep_t *sweep, acm_snap_t *snap)
{
    acm_rc_t        rc;
    acm_entry_t     entry;
    acm_unused_t   *u;

    sweep->n = 0;

    for (rc = acm_store_seek(snap, ACM_DB_CHAIN, sweep->chain,
                             sweep->chain_len, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_CHAIN, &entry))
    {
        /* one that is damaged is nothing to be removed in silence */

        if (rc != ACM_OK || entry.key_len != ACM_HASH_LEN
            || (sweep->chain_len != 0
                && memcmp(entry.key, sweep->chain, ACM_HASH_LEN) == 0))
        {
            continue;
        }

        if (sweep->n == ACM_SWEEP_CHAIN) {
            break;
        }

        u = &sweep->list[sweep->n++];
        memcpy(u->hash, entry.key, ACM_HASH_LEN);
        u->revision = entry.revision;
    }

    if (rc != ACM_OK && rc != ACM_NOTFOUND) {
        return rc;
    }

    if (sweep->n == 0) {
        return ACM_NOTFOUND;
    }

    memcpy(sweep->chain, sweep->list[sweep->n - 1].hash, ACM_HASH_LEN);
    sweep->chain_len = ACM_HASH_LEN;
    sweep->material_len = 0;
    sweep->reading = 1;

    return ACM_OK;
}


/* A piece of all material; ACM_NOTFOUND: what is left in the list was in
   none. */

static acm_rc_t
acm_sweep_read(acm_sweep_t *sweep, acm_snap_t *snap)
{
    size_t       n;
    acm_rc_t     rc;
    acm_entry_t  entry;

    n = 0;

    /* what a damaged one refers to may be seen all the same */

    acm_store_skim(snap, ACM_DB_MATERIAL);

    for (rc = acm_store_seek(snap, ACM_DB_MATERIAL, sweep->material,
                             sweep->material_len, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_MATERIAL, &entry))
    {
        if (n++ == ACM_SWEEP_STEP) {
            memcpy(sweep->material, entry.key, entry.key_len);
            sweep->material_len = entry.key_len;
            return ACM_OK;
        }

        rc = acm_sweep_material(sweep, &entry, rc);

        if (rc != ACM_OK) {
            return rc;
        }

        if (sweep->n == 0) {
            sweep->reading = 0;
            return ACM_OK;
        }
    }

    return rc;
}


static acm_rc_t
acm_sweep_material(acm_sweep_t *sweep, const acm_entry_t *entry, acm_rc_t rc)
{
    acm_material_t  m;

    if (rc == ACM_OK) {
        rc = acm_material_decode(entry->data, entry->len, &m);
    }

    if (rc == ACM_OK) {
        acm_sweep_found(sweep, &m);
        acm_material_free(&m);

    } else if (rc == ACM_CORRUPT) {
        acm_sweep_damaged(sweep, entry);
        rc = ACM_OK;
    }

    return rc;
}


static void
acm_sweep_found(acm_sweep_t *sweep, const acm_material_t *m)
{
    size_t  i, j;

    for (i = 0; i < m->nchain; i++) {

        for (j = 0; j < sweep->n; j++) {
            if (memcmp(sweep->list[j].hash, m->chain[i], ACM_HASH_LEN) == 0) {
                sweep->list[j] = sweep->list[--sweep->n];
                break;
            }
        }
    }
}


/* What its octets have in them stays. */

static void
acm_sweep_damaged(acm_sweep_t *sweep, const acm_entry_t *entry)
{
    size_t  i;

    for (i = sweep->n; i-- > 0; /* void */ ) {
        if (entry->data != NULL
            && memmem(entry->data, entry->len, sweep->list[i].hash,
                      ACM_HASH_LEN)
               != NULL)
        {
            sweep->list[i] = sweep->list[--sweep->n];
        }
    }
}


/* One by one: that somebody has written one anew keeps only that one. */

static acm_rc_t
acm_sweep_remove(acm_sweep_t *sweep, acm_store_t *store, acm_err_t *err)
{
    size_t         i;
    acm_rc_t       rc;
    acm_batch_t    batch;
    acm_unused_t  *u;

    sweep->reading = 0;

    for (i = 0; i < sweep->n; i++) {
        u = &sweep->list[i];

        acm_batch_init(&batch);
        acm_batch_expect(&batch, ACM_DB_CHAIN, u->hash, ACM_HASH_LEN,
                         u->revision);
        acm_batch_delete(&batch, ACM_DB_CHAIN, u->hash, ACM_HASH_LEN);

        rc = acm_store_commit(store, &batch, err);

        acm_batch_free(&batch);

        if (rc == ACM_OK) {
            sweep->removed++;

        } else if (rc != ACM_CONFLICT) {
            return rc;
        }
    }

    return ACM_OK;
}


static void
acm_sweep_again(acm_sweep_t *sweep)
{
    uint64_t  removed;

    removed = sweep->removed;
    memset(sweep, 0, sizeof(acm_sweep_t));
    sweep->removed = removed;
}
