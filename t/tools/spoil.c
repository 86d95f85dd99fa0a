
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
 */


#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../shared/acm_state.h"


static acm_rc_t spoil(acm_store_t *store, const char *how, acm_err_t *err);


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
                "| leaf | cert\n");
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
