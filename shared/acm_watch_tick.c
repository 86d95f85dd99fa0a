
/*
 * Copyright (C) The ngx_acm authors
 *
 * Walks for the watch: over what is due in its index, over all certificates
 * when the ladder has changed, and, slowly and for ever, over the expiry
 * index and over what was never issued, to see that no certificate has dropped
 * out of the indices that would bring it forward.
 */


#include <string.h>

#include "acm_ahead.h"
#include "acm_certificate_impl.h"
#include "acm_staple.h"
#include "acm_state.h"
#include "acm_used.h"
#include "acm_watch_impl.h"


#define ACM_WATCH_GROUP    32        /* certificates in one commit */
#define ACM_WATCH_SLICE    256       /* entries read in one slice */
#define ACM_WATCH_PATROL   60        /* seconds between slices of a patrol */
#define ACM_WATCH_STEADY   60        /* seconds until a clock is believed */
#define ACM_WATCH_LATER    3600      /* for a record that cannot be read, s */
#define ACM_WATCH_SLACK    60        /* seconds that a clock may go back */


/* certificates that change in one commit */

typedef struct {
    acm_batch_t    batch;
    size_t         n;
    acm_cert_t     old[ACM_WATCH_GROUP];
    acm_cert_t     next[ACM_WATCH_GROUP];
    unsigned       patrol:1;     /* what is served is looked at, too */
    unsigned       chained:1;    /* one is renewed for its chain */
} acm_watch_group_t;


static acm_rc_t acm_watch_ready(acm_watch_t *w, int64_t now, acm_err_t *err);
static acm_rc_t acm_watch_due(acm_watch_t *w, int64_t now, int64_t *next,
    acm_err_t *err);
static acm_rc_t acm_watch_sweep(acm_watch_t *w, int64_t now, acm_err_t *err);
static acm_rc_t acm_watch_mistrust(acm_watch_t *w, acm_err_t *err);
static acm_rc_t acm_watch_swept(acm_watch_t *w, acm_err_t *err);
static acm_rc_t acm_watch_patrol(acm_watch_t *w, int64_t now,
    acm_err_t *err);
static void acm_watch_ends(acm_watch_t *w, acm_snap_t *snap,
    acm_watch_group_t *group, int64_t now);
static void acm_watch_endless(acm_watch_t *w, acm_snap_t *snap,
    acm_watch_group_t *group, int64_t now);
static void acm_watch_one(acm_watch_t *w, acm_snap_t *snap,
    acm_watch_group_t *group, acm_cert_t *cert, uint64_t revision,
    int64_t now);
static int acm_watch_early(acm_watch_t *w, acm_snap_t *snap,
    const acm_cert_t *cert, int64_t now);
static int acm_watch_unasked(acm_snap_t *snap, const acm_cert_t *cert,
    int64_t now);
static int acm_watch_broken(acm_snap_t *snap, acm_watch_group_t *group,
    const acm_cert_t *cert, int64_t now);
static int acm_watch_missing(acm_snap_t *snap, const acm_cert_t *cert);
static int acm_watch_unnamed(acm_snap_t *snap, const acm_cert_t *cert);
static int acm_watch_absent(acm_snap_t *snap, acm_db_e db,
    const uint8_t *key, size_t len);
static acm_rc_t acm_watch_owner(acm_snap_t *snap, const acm_entry_t *entry,
    acm_rc_t rc, acm_ref_t *ref);
static acm_rc_t acm_watch_commit(acm_watch_t *w, acm_watch_group_t *group,
    acm_err_t *err);


acm_rc_t
acm_watch_tick(acm_watch_t *w, int64_t now, int64_t *next, acm_err_t *err)
{
    acm_rc_t  rc;

    *next = INT64_MAX;

    if (now < w->latest - ACM_WATCH_SLACK) {

        /* what was told by a clock that was ahead was not true */

        w->sweeping = 1;
        w->cursor_len = 0;
        w->patrol_at = now;
        w->early_at = now;
        w->latest = now;
    }

    if (now > w->latest) {
        w->latest = now;
    }

    if (!w->ready) {
        rc = acm_watch_ready(w, now, err);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    rc = acm_watch_due(w, now, next, err);

    if (rc != ACM_NOTFOUND) {
        return rc;
    }

    if (w->sweeping) {
        return acm_watch_sweep(w, now, err);
    }

    if (now >= w->patrol_at) {
        return acm_watch_patrol(w, now, err);
    }

    if (w->patrol_at < *next) {
        *next = w->patrol_at;
    }

    return ACM_NOTFOUND;
}


/* A new ladder holds for all from now on, and is swept in from there. */

static acm_rc_t
acm_watch_ready(acm_watch_t *w, int64_t now, acm_err_t *err)
{
    int             swept, behind;
    acm_rc_t        rc;
    int64_t         n;
    uint64_t        revision, all, created;
    acm_snap_t     *snap;
    acm_batch_t     batch;
    acm_ladder_t    ladder;

    rc = acm_store_begin(w->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_ladder_read(snap, &ladder, &swept, &revision);

    /* older versions did not have these indices */

    behind = (acm_store_entries(snap, ACM_DB_CERTIFICATE, &all) == ACM_OK
              && acm_store_entries(snap, ACM_DB_CREATED, &created) == ACM_OK
              && created < all)
             || (acm_state_behind(snap, &n) == ACM_OK && n != 0);

    acm_store_end(snap);

    if (rc != ACM_OK && rc != ACM_CORRUPT) {
        return acm_fail(err, rc, "the ladder of warnings cannot be read: %s",
                        acm_rc_text(rc));
    }

    if (rc == ACM_CORRUPT || revision == 0 || behind
        || ladder.nrungs != w->ladder->nrungs
        || memcmp(ladder.rungs, w->ladder->rungs, sizeof(ladder.rungs)) != 0)
    {
        swept = 0;

        acm_batch_init(&batch);
        acm_ladder_put(&batch, w->ladder, 0);
        rc = acm_commit(w->store, &batch, err);
        acm_batch_free(&batch);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    w->ready = 1;
    w->sweeping = !swept;
    w->cursor_len = 0;
    w->patrol_at = now;

    /* as after a boot: who knows only one time does not know if it is right */

    w->early_at = acm_add_sat(now, ACM_WATCH_STEADY);

    return ACM_OK;
}


static acm_rc_t
acm_watch_due(acm_watch_t *w, int64_t now, int64_t *next, acm_err_t *err)
{
    char                uuid[ACM_UUID_LEN + 1];
    size_t              limit;
    int64_t             at;
    acm_rc_t            rc;
    acm_ref_t           ref;
    uint64_t            revision;
    acm_cert_t          cert;
    acm_snap_t         *snap;
    acm_entry_t         entry;
    acm_watch_group_t   group;

    rc = acm_store_begin(w->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_batch_init(&group.batch);
    group.n = 0;
    group.patrol = 0;
    group.chained = 0;
    limit = w->single ? 1 : ACM_WATCH_GROUP;

    for (rc = acm_store_seek(snap, ACM_DB_WATCH, NULL, 0, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_WATCH, &entry))
    {
        if (acm_time_key_parse(entry.key, entry.key_len, &at, uuid)
            != ACM_OK)
        {
            continue;
        }

        if (at > now) {
            *next = at;
            rc = ACM_NOTFOUND;
            break;
        }

        if (group.n == limit || group.batch.nops > ACM_MAX_BATCH / 2) {
            break;
        }

        if (rc != ACM_OK
            || acm_ref_decode(entry.data, entry.len, &ref) != ACM_OK
            || acm_cert_get(snap, ref.account, ref.region, ref.uuid, &cert,
                            &revision)
               != ACM_OK)
        {
            /* the patrol brings back what is in order again */

            acm_batch_delete(&group.batch, ACM_DB_WATCH, entry.key,
                             entry.key_len);
            continue;
        }

        if (cert.watch_at != at) {
            acm_batch_delete(&group.batch, ACM_DB_WATCH, entry.key,
                             entry.key_len);
            acm_cert_free(&cert);
            continue;
        }

        acm_watch_one(w, snap, &group, &cert, revision, now);
    }

    acm_store_end(snap);

    if (group.batch.nops != 0) {
        return acm_watch_commit(w, &group, err);
    }

    acm_batch_free(&group.batch);

    if (rc != ACM_OK && rc != ACM_NOTFOUND) {
        return acm_fail(err, rc, "the watch index cannot be read: %s",
                        acm_rc_text(rc));
    }

    return ACM_NOTFOUND;
}


/*
 * All certificates, in order: for a new ladder, for a store that was made
 * before there was one, or after the clock was wrong.
 */

static acm_rc_t
acm_watch_sweep(acm_watch_t *w, int64_t now, acm_err_t *err)
{
    size_t              n, limit, from_len;
    uint8_t             from[ACM_MAX_STORE_KEY];
    acm_rc_t            rc;
    acm_cert_t          cert;
    acm_snap_t         *snap;
    acm_entry_t         entry;
    acm_watch_group_t   group;

    rc = acm_store_begin(w->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    if (w->cursor_len == 0) {
        rc = acm_state_emptied(snap, &w->emptied);

        if (rc != ACM_OK) {
            acm_store_end(snap);
            return (rc == ACM_CORRUPT) ? acm_watch_mistrust(w, err)
                   : acm_fail(err, rc, "the state of indices cannot be read: "
                              "%s", acm_rc_text(rc));
        }
    }

    acm_batch_init(&group.batch);
    group.n = 0;
    group.patrol = 0;
    group.chained = 0;
    n = 0;

    limit = w->single ? 1 : ACM_WATCH_GROUP;

    memcpy(from, w->cursor, w->cursor_len);
    from_len = w->cursor_len;

    for (rc = acm_store_seek(snap, ACM_DB_CERTIFICATE, w->cursor,
                             w->cursor_len, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_CERTIFICATE, &entry))
    {
        memcpy(w->cursor, entry.key, entry.key_len);
        w->cursor_len = entry.key_len;

        if (n++ == ACM_WATCH_SLICE || group.n == limit
            || group.batch.nops > ACM_MAX_BATCH / 2)
        {
            break;
        }

        if (rc == ACM_OK
            && acm_cert_decode(entry.data, entry.len, &cert) == ACM_OK)
        {
            acm_watch_one(w, snap, &group, &cert, entry.revision, now);
        }
    }

    acm_store_end(snap);

    if (rc != ACM_OK && rc != ACM_NOTFOUND && entry.key == NULL) {
        acm_batch_free(&group.batch);
        return acm_fail(err, rc, "certificates cannot be read: %s",
                        acm_rc_text(rc));
    }

    n = (rc == ACM_NOTFOUND);
    rc = acm_watch_commit(w, &group, err);

    if (rc != ACM_OK || w->single) {
        memcpy(w->cursor, from, from_len);
        w->cursor_len = from_len;

        return rc;
    }

    return n ? acm_watch_swept(w, err) : ACM_OK;
}


/* A record that is damaged is expected in vain. */

static acm_rc_t
acm_watch_mistrust(acm_watch_t *w, acm_err_t *err)
{
    acm_rc_t     rc;
    acm_batch_t  batch;

    acm_batch_init(&batch);
    acm_state_mistrust(&batch);

    rc = acm_commit(w->store, &batch, err);
    acm_batch_free(&batch);

    return rc;
}


static acm_rc_t
acm_watch_swept(acm_watch_t *w, acm_err_t *err)
{
    int64_t      n;
    acm_rc_t     rc;
    acm_snap_t  *snap;
    acm_batch_t  batch;

    rc = acm_store_begin(w->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_batch_init(&batch);
    acm_ladder_put(&batch, w->ladder, 1);

    /* whoever makes or deletes one meanwhile counts it */

    if (acm_state_behind(snap, &n) == ACM_OK && n != 0) {
        acm_state_expect(&batch, w->emptied);
        acm_state_count(&batch, n);
    }

    acm_store_end(snap);

    rc = acm_commit(w->store, &batch, err);
    acm_batch_free(&batch);

    if (rc == ACM_OK) {
        w->sweeping = 0;
    }

    /* what was put into an index that has been emptied since is put there
       once more */

    if (rc == ACM_OK || rc == ACM_CONFLICT) {
        w->cursor_len = 0;
        rc = ACM_OK;
    }

    return rc;
}


/* A slice of each index, which then goes on behind it. */

static acm_rc_t
acm_watch_patrol(acm_watch_t *w, int64_t now, acm_err_t *err)
{
    int64_t             behind;
    acm_rc_t            rc;
    acm_snap_t         *snap;
    acm_watch_group_t   group;

    rc = acm_store_begin(w->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    /* an older version has been here since, an acmctl perhaps */

    if (acm_state_behind(snap, &behind) == ACM_OK && behind != 0) {
        w->sweeping = 1;
        w->cursor_len = 0;
    }

    acm_batch_init(&group.batch);
    group.n = 0;
    group.patrol = 1;
    group.chained = 0;

    acm_watch_ends(w, snap, &group, now);
    acm_watch_endless(w, snap, &group, now);

    acm_store_end(snap);

    w->patrol_at = acm_add_sat(now, ACM_WATCH_PATROL);

    rc = acm_watch_commit(w, &group, err);

    return (rc == ACM_OK) ? acm_watch_alarms(w, now, err) : rc;
}


static void
acm_watch_ends(acm_watch_t *w, acm_snap_t *snap, acm_watch_group_t *group,
    int64_t now)
{
    size_t        n;
    acm_rc_t      rc;
    acm_ref_t     ref;
    uint64_t      revision;
    acm_cert_t    cert;
    acm_entry_t   entry;

    n = 0;

    for (rc = acm_store_seek(snap, ACM_DB_EXPIRY, w->patrol, w->patrol_len,
                             &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_EXPIRY, &entry))
    {
        memcpy(w->patrol, entry.key, entry.key_len);
        w->patrol_len = entry.key_len;

        if (n++ == ACM_WATCH_SLICE || group->n == ACM_WATCH_GROUP) {
            break;
        }

        if (acm_watch_owner(snap, &entry, rc, &ref) == ACM_OK
            && acm_cert_get(snap, ref.account, ref.region, ref.uuid, &cert,
                            &revision)
               == ACM_OK)
        {
            acm_watch_one(w, snap, group, &cert, revision, now);
        }
    }

    if (rc != ACM_OK && entry.key == NULL) {
        w->patrol_len = 0;
    }
}


/* A damaged entry has the UUID in its key: its material says whose it is. */

static acm_rc_t
acm_watch_owner(acm_snap_t *snap, const acm_entry_t *entry, acm_rc_t rc,
    acm_ref_t *ref)
{
    char     uuid[ACM_UUID_LEN + 1];
    int64_t  at;

    if (rc == ACM_OK) {
        rc = acm_ref_decode(entry->data, entry->len, ref);
    }

    if (rc == ACM_CORRUPT
        && acm_time_key_parse(entry->key, entry->key_len, &at, uuid)
           == ACM_OK)
    {
        rc = acm_used_owner(snap, uuid, ref);
    }

    return rc;
}


/* What was never issued is in no index of ends. */

static void
acm_watch_endless(acm_watch_t *w, acm_snap_t *snap, acm_watch_group_t *group,
    int64_t now)
{
    size_t        n, len;
    uint8_t       key[ACM_MAX_STORE_KEY];
    acm_rc_t      rc;
    acm_cert_t    cert;
    acm_entry_t   entry, record;

    n = 0;

    for (rc = acm_store_seek(snap, ACM_DB_STATE, w->endless, w->endless_len,
                             &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_STATE, &entry))
    {
        memcpy(w->endless, entry.key, entry.key_len);
        w->endless_len = entry.key_len;

        if (n++ == ACM_WATCH_SLICE || group->n == ACM_WATCH_GROUP) {
            break;
        }

        memcpy(key, entry.key, entry.key_len);
        len = acm_state_cert(key, entry.key_len, ACM_STATE_ENDLESS);

        if (len == 0
            || acm_store_get(snap, ACM_DB_CERTIFICATE, key, len, &record)
               != ACM_OK
            || acm_cert_decode(record.data, record.len, &cert) != ACM_OK)
        {
            continue;
        }

        if (cert.not_after != 0) {

            /* the other index has it */

            acm_cert_free(&cert);
            continue;
        }

        acm_watch_one(w, snap, group, &cert, record.revision, now);
    }

    if (rc != ACM_OK && entry.key == NULL) {
        w->endless_len = 0;
    }
}


/* Takes the certificate over: into the group, if it changes. */

static void
acm_watch_one(acm_watch_t *w, acm_snap_t *snap, acm_watch_group_t *group,
    acm_cert_t *cert, uint64_t revision, int64_t now)
{
    int            ahead, broken, early, missing, unasked;
    acm_cert_t     next;
    acm_ladder_t   ladder;

    next = *cert;

    acm_ladder_get(snap, cert->account, cert->region, &ladder);

    ahead = acm_ahead(cert, now);

    if (ahead) {
        acm_ahead_mend(&next, now);
    }

    early = acm_watch_early(w, snap, &next, now);

    broken = acm_watch_broken(snap, group, cert, now);

    if (early || broken) {
        next.due = ACM_DUE_RENEW;
        next.due_at = now;
    }

    unasked = acm_watch_unasked(snap, cert, now);

    if (unasked) {
        next.ocsp_at = now;
    }

    acm_watch_look(&next, &ladder, now);

    missing = acm_watch_missing(snap, cert);

    if (!ahead && !broken && !early && !missing && !unasked
        && next.watch_at == cert->watch_at
        && next.warned == cert->warned && next.overdue == cert->overdue
        && next.approached == cert->approached
        && next.status == cert->status)
    {
        acm_cert_free(cert);
        return;
    }

    acm_batch_expect_cert(&group->batch, cert, revision);
    acm_batch_change(&group->batch, cert, &next, now);

    if (missing) {
        acm_batch_indices(&group->batch, &next, 1);
        acm_batch_names(&group->batch, &next, 1);
    }

    group->old[group->n] = *cert;
    group->next[group->n] = next;
    group->n++;
}


/* 1: no client takes it yet, as the clock was ahead when a CA of our own signed
   it; what another CA signed begins by that one's clock */

static int
acm_watch_early(acm_watch_t *w, acm_snap_t *snap, const acm_cert_t *cert,
    int64_t now)
{
    return w->early != NULL && now >= w->early_at
           && acm_ahead_early(cert, now)
           && w->early(w->engine, snap, cert, now);
}


/*
 * 1: it cannot be served from the store any more, and a renewal would help.
 * A chain certificate is that of many: who is renewed first writes it anew.
 */

static int
acm_watch_broken(acm_snap_t *snap, acm_watch_group_t *group,
    const acm_cert_t *cert, int64_t now)
{
    size_t           i;
    acm_rc_t         rc;
    acm_entry_t      entry;
    acm_material_t   m;

    if (!group->patrol || !acm_watch_renews(cert) || cert->version == 0
        || cert->status != ACM_STATUS_ISSUED || cert->due_at <= now
        || acm_put_off(cert, now))
    {
        return 0;
    }

    rc = acm_material_read(snap, cert->uuid, cert->version, &m, NULL);

    if (rc != ACM_OK) {
        return rc == ACM_CORRUPT;
    }

    for (i = 0; i < m.nchain && !group->chained; i++) {
        if (acm_store_get(snap, ACM_DB_CHAIN, m.chain[i], ACM_HASH_LEN,
                          &entry)
            == ACM_CORRUPT)
        {
            group->chained = 1;
            rc = ACM_CORRUPT;
        }
    }

    acm_material_free(&m);

    return rc == ACM_CORRUPT;
}


/* 1: its responder is asked no more, though it was, as by a clock that was
   ahead the certificate had expired */

static int
acm_watch_unasked(acm_snap_t *snap, const acm_cert_t *cert, int64_t now)
{
    acm_staple_t  staple;

    if (cert->ocsp_at != 0 || cert->version == 0
        || cert->status == ACM_STATUS_REVOKED || cert->not_after <= now
        || acm_staple_get(snap, cert->uuid, cert->version, &staple) != ACM_OK)
    {
        return 0;
    }

    acm_staple_free(&staple);

    return 1;
}


/* 1: an entry that should bring it forward is not there, or damaged */

static int
acm_watch_missing(acm_snap_t *snap, const acm_cert_t *cert)
{
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    unsigned     kind;
    acm_entry_t  entry;

    kind = acm_state_kind(cert);

    if (kind != 0) {
        len = acm_state_key(key, cert->account, cert->region, kind,
                            cert->uuid);

        if (acm_watch_absent(snap, ACM_DB_STATE, key, len)) {
            return 1;
        }
    }

    if (cert->due != ACM_DUE_NONE) {
        len = acm_due_key(key, cert->due_at, cert->due, cert->uuid);

        if (acm_watch_absent(snap, ACM_DB_DUE, key, len)) {
            return 1;
        }
    }

    if (cert->watch_at != 0) {
        len = acm_time_key(key, cert->watch_at, cert->uuid);

        if (acm_watch_absent(snap, ACM_DB_WATCH, key, len)) {
            return 1;
        }
    }

    /* the stapler may have it in hand */

    if (cert->ocsp_at != 0) {
        len = acm_time_key(key, cert->ocsp_at, cert->uuid);

        if (acm_store_get(snap, ACM_DB_OCSP, key, len, &entry)
            == ACM_CORRUPT)
        {
            return 1;
        }
    }

    len = acm_created_key(key, cert->account, cert->region, cert->created_at,
                          cert->uuid);

    if (acm_watch_absent(snap, ACM_DB_CREATED, key, len)) {
        return 1;
    }

    if (cert->not_after == 0) {
        return 0;
    }

    len = acm_time_key(key, cert->not_after, cert->uuid);

    return acm_watch_absent(snap, ACM_DB_EXPIRY, key, len)
           || acm_watch_unnamed(snap, cert);
}


/* 1: one of its names is served by another one, or by none, as the entry is
   damaged */

static int
acm_watch_unnamed(acm_snap_t *snap, const acm_cert_t *cert)
{
    size_t       i, len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_entry_t  entry;

    if (cert->version == 0) {
        return 0;
    }

    for (i = 0; i < cert->nnames; i++) {
        len = acm_name_key(key, cert->names[i], cert->key, cert->uuid);

        if (len != 0
            && acm_store_get(snap, ACM_DB_NAME, key, len, &entry)
               == ACM_CORRUPT)
        {
            return 1;
        }
    }

    return 0;
}


static int
acm_watch_absent(acm_snap_t *snap, acm_db_e db, const uint8_t *key,
    size_t len)
{
    acm_rc_t     rc;
    acm_entry_t  entry;

    rc = acm_store_get(snap, db, key, len, &entry);

    return rc == ACM_NOTFOUND || rc == ACM_CORRUPT;
}


/* Of a group that was raced for, one at a time is looked at again. */

static acm_rc_t
acm_watch_commit(acm_watch_t *w, acm_watch_group_t *group, acm_err_t *err)
{
    size_t    i;
    acm_rc_t  rc;

    rc = acm_commit(w->store, &group->batch, err);

    for (i = 0; i < group->n; i++) {

        if (rc == ACM_OK && w->report != NULL) {
            w->report(w->data, &group->old[i], &group->next[i]);
        }

        acm_cert_free(&group->old[i]);
    }

    acm_batch_free(&group->batch);

    w->single = (rc == ACM_CONFLICT);

    return (rc == ACM_CONFLICT) ? ACM_OK : rc;
}
