
/*
 * Copyright (C) The ngx_acm authors
 *
 * For tests: makes a fault in a store, or a copy of one: in its index of when
 * certificates were made, or in what is served.
 *
 *   spoil STORE gone    the first entry is not there
 *   spoil STORE time    it has another time
 *   spoil STORE lead    one more, which leads to no certificate
 *   spoil STORE junk    one more, which nobody can read
 *   spoil STORE state   one of the index of states, for an issued one
 *   spoil STORE leaf    the version written last cannot be read
 *   spoil STORE cert    nor the certificate that it is of
 *   spoil STORE map:NAME    one more of this map, its text is "spoilt NAME."
 *   spoil STORE seal:NAME   the sealed key of the first account, or order
 */


#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../shared/acm_account.h"
#include "../../shared/acm_order.h"
#include "../../shared/acm_state.h"


static acm_rc_t spoil(acm_store_t *store, const char *how, acm_err_t *err);
static acm_rc_t spoil_map(acm_store_t *store, const char *name,
    acm_err_t *err);
static acm_rc_t spoil_seal(acm_store_t *store, const char *name,
    acm_err_t *err);
static acm_rc_t spoil_sealed(acm_db_e db, const acm_entry_t *e,
    acm_buf_t *buf);


int
main(int argc, char **argv)
{
    acm_rc_t          rc;
    acm_err_t         err;
    acm_store_t      *store;
    struct stat       st;
    acm_store_conf_t  conf;

    if (argc != 3) {
        fprintf(stderr, "usage: spoil STORE gone | time | lead | junk | state "
                "| leaf | cert | map:NAME | seal:NAME\n");
        return 2;
    }

    /* as its owner, who goes on with it */

    if (geteuid() == 0
        && (stat(argv[1], &st) == -1 || setegid(st.st_gid) == -1
            || seteuid(st.st_uid) == -1))
    {
        perror(argv[1]);
        return 1;
    }

    memset(&conf, 0, sizeof(acm_store_conf_t));
    conf.path = argv[1];
    err.text[0] = '\0';

    rc = acm_store_lmdb_open(&conf, &store, &err);

    if (rc == ACM_OK) {
        rc = spoil(store, argv[2], &err);
        acm_store_close(store);
    }

    if (rc != ACM_OK) {
        fprintf(stderr, "spoil: %s: %s\n", acm_rc_text(rc), err.text);
        return 1;
    }

    return 0;
}


static acm_rc_t
spoil(acm_store_t *store, const char *how, acm_err_t *err)
{
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    uint64_t     last;
    acm_snap_t  *snap;
    acm_db_e     db;
    acm_batch_t  batch;
    acm_entry_t  entry;

    if (strncmp(how, "map:", 4) == 0) {
        return spoil_map(store, how + 4, err);
    }

    if (strncmp(how, "seal:", 5) == 0) {
        return spoil_seal(store, how + 5, err);
    }

    db = (strcmp(how, "leaf") == 0) ? ACM_DB_MATERIAL
         : (strcmp(how, "cert") == 0) ? ACM_DB_CERTIFICATE : ACM_DB_CREATED;
    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    len = 0;
    last = 0;

    for (rc = acm_store_seek(snap, db, NULL, 0, &entry);
         rc == ACM_OK && (last == 0 || db != ACM_DB_CREATED);
         rc = acm_store_next(snap, db, &entry))
    {
        if (entry.revision > last) {
            last = entry.revision;
            len = entry.key_len;
            memcpy(key, entry.key, len);
        }
    }

    acm_store_end(snap);

    if ((rc != ACM_OK && rc != ACM_NOTFOUND) || last == 0) {
        return acm_fail(err, ACM_INVALID, "there is nothing to spoil");
    }

    acm_batch_init(&batch);

    if (strcmp(how, "gone") == 0 || strcmp(how, "time") == 0) {
        acm_batch_delete(&batch, ACM_DB_CREATED, key, len);
    }

    if (strcmp(how, "time") == 0) {
        key[len - ACM_UUID_LEN - 1] ^= 1;

    } else if (strcmp(how, "lead") == 0) {
        key[len - 1] = (key[len - 1] == '0') ? '1' : '0';

    } else if (strcmp(how, "junk") == 0) {
        len = 3;

    } else if (strcmp(how, "state") == 0) {

        /* a kind instead of the time */

        db = ACM_DB_STATE;
        len -= 7;
        key[len - ACM_UUID_LEN - 1] = ACM_STATUS_FAILED;
        memmove(key + len - ACM_UUID_LEN, key + len + 7 - ACM_UUID_LEN,
                ACM_UUID_LEN);
    }

    if (strcmp(how, "gone") != 0) {
        acm_batch_put(&batch, db, key, len, "", 0);
    }

    rc = acm_store_commit(store, &batch, err);
    acm_batch_free(&batch);

    return rc;
}


static acm_rc_t
spoil_map(acm_store_t *store, const char *name, acm_err_t *err)
{
    int          n;
    char         text[64];
    acm_rc_t     rc;
    unsigned     db;
    acm_batch_t  batch;

    for (db = 0; db < ACM_DB_MAX; db++) {
        if (strcmp(acm_db_name((acm_db_e) db), name) == 0) {
            break;
        }
    }

    if (db == ACM_DB_MAX) {
        return acm_fail(err, ACM_INVALID, "no map \"%s\"", name);
    }

    n = snprintf(text, sizeof(text), "spoilt %s.", name);

    acm_batch_init(&batch);
    acm_batch_put(&batch, (acm_db_e) db, "~", 1, text, (size_t) n);

    rc = acm_store_commit(store, &batch, err);
    acm_batch_free(&batch);

    return rc;
}


static acm_rc_t
spoil_seal(acm_store_t *store, const char *name, acm_err_t *err)
{
    acm_rc_t     rc;
    acm_db_e     db;
    acm_buf_t    buf;
    acm_snap_t  *snap;
    acm_batch_t  batch;
    acm_entry_t  entry;

    db = (strcmp(name, "order") == 0) ? ACM_DB_ORDER : ACM_DB_ACCOUNT;
    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    acm_batch_init(&batch);

    rc = acm_store_seek(snap, db, NULL, 0, &entry);

    if (rc == ACM_OK) {
        rc = spoil_sealed(db, &entry, &buf);
        acm_batch_put(&batch, db, entry.key, entry.key_len, buf.data,
                      buf.len);
    }

    acm_store_end(snap);

    if (rc == ACM_OK) {
        rc = acm_store_commit(store, &batch, err);

    } else {
        (void) acm_fail(err, rc, "there is nothing to spoil");
    }

    acm_batch_free(&batch);
    acm_buf_free(&buf);

    return rc;
}


/* Its last octet is another one. */

static acm_rc_t
spoil_sealed(acm_db_e db, const acm_entry_t *e, acm_buf_t *buf)
{
    acm_rc_t         rc;
    acm_account_t    a;
    acm_order_rec_t  rec;

    if (db == ACM_DB_ORDER) {
        rc = acm_order_decode(e->data, e->len, &rec);

        if (rc == ACM_OK) {
            rec.sealed.data[rec.sealed.len - 1] ^= 1;
            rc = acm_order_encode(&rec, buf);
            acm_order_rec_free(&rec);
        }

        return rc;
    }

    rc = acm_account_decode(e->data, e->len, &a);

    if (rc == ACM_OK) {
        a.sealed.data[a.sealed.len - 1] ^= 1;
        rc = acm_account_encode(&a, buf);
        acm_account_free(&a);
    }

    return rc;
}
