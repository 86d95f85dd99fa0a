
/*
 * Copyright (C) The ngx_acm authors
 *
 * For measurements: fills a store with certificates, as its owner.
 *
 *   load STORE COUNT [DUE]
 *
 * Each is like the first one that is there already, for n0000000.example.com
 * and so on: a record with its identity, names, material, and entries in all
 * indices.  The first DUE are to be renewed now, the others in 5 to 60 days.
 * The material is that of the first, sealed for it alone: none
 * of them can be served.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../shared/acm_certificate_impl.h"
#include "../../shared/acm_sched.h"
#include "../../shared/acm_watch.h"


#define LOAD_GROUP  400                  /* certificates in one commit */
#define LOAD_LIFE   (90 * 86400)
#define LOAD_DAY    86400


typedef struct {
    acm_store_t    *store;
    acm_cert_t      cert;                /* the one that all are like */
    acm_buf_t       material;
    acm_ladder_t    ladder;
    int64_t         now;
    uint32_t        count;
    uint32_t        due;
} load_t;


static int load_owner(const char *path);
static acm_rc_t load_first(load_t *l, acm_err_t *err);
static acm_rc_t load_all(load_t *l, acm_err_t *err);
static void load_one(load_t *l, uint32_t i, acm_batch_t *batch);


int
main(int argc, char **argv)
{
    load_t            l;
    acm_rc_t          rc;
    acm_err_t         err;
    acm_store_conf_t  conf;

    memset(&l, 0, sizeof(load_t));

    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: load STORE COUNT [DUE]\n");
        return 2;
    }

    l.count = (uint32_t) strtoul(argv[2], NULL, 10);
    l.due = (argc == 4) ? (uint32_t) strtoul(argv[3], NULL, 10) : 0;
    l.now = acm_now();
    acm_ladder_default(&l.ladder);
    acm_buf_init(&l.material, ACM_MAX_STORE_VALUE);

    if (load_owner(argv[1]) == -1) {
        perror(argv[1]);
        return 1;
    }

    memset(&conf, 0, sizeof(acm_store_conf_t));
    conf.path = argv[1];
    err.text[0] = '\0';

    rc = acm_store_lmdb_open(&conf, &l.store, &err);

    if (rc == ACM_OK) {
        rc = load_first(&l, &err);

        if (rc == ACM_OK) {
            rc = load_all(&l, &err);
            acm_cert_free(&l.cert);
        }

        acm_buf_free(&l.material);
        acm_store_close(l.store);
    }

    if (rc != ACM_OK) {
        fprintf(stderr, "load: %s: %s\n", acm_rc_text(rc), err.text);
        return 1;
    }

    return 0;
}


/* The store's files must stay the worker's. */

static int
load_owner(const char *path)
{
    struct stat  st;

    if (stat(path, &st) == -1) {
        return -1;
    }

    if (geteuid() != 0) {
        return 0;
    }

    if (setgid(st.st_gid) == -1 || setuid(st.st_uid) == -1) {
        return -1;
    }

    return 0;
}


static acm_rc_t
load_first(load_t *l, acm_err_t *err)
{
    size_t        len;
    uint8_t       key[ACM_MAX_STORE_KEY];
    acm_rc_t      rc;
    acm_snap_t   *snap;
    acm_entry_t   entry;

    rc = acm_store_begin(l->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_store_seek(snap, ACM_DB_CERTIFICATE, NULL, 0, &entry);

    if (rc == ACM_OK) {
        rc = acm_cert_decode(entry.data, entry.len, &l->cert);
    }

    if (rc == ACM_OK) {
        len = acm_material_key(key, l->cert.uuid, l->cert.version);
        rc = acm_store_get(snap, ACM_DB_MATERIAL, key, len, &entry);

        if (rc == ACM_OK) {
            acm_buf_add(&l->material, entry.data, entry.len);
            rc = acm_buf_rc(&l->material);
        }

        if (rc != ACM_OK) {
            acm_cert_free(&l->cert);
        }
    }

    acm_store_end(snap);

    return (rc == ACM_OK) ? rc
           : acm_fail(err, rc, "no issued certificate to take after");
}


static acm_rc_t
load_all(load_t *l, acm_err_t *err)
{
    acm_rc_t      rc;
    uint32_t      i;
    acm_batch_t   batch;

    rc = ACM_OK;
    i = 0;

    while (i < l->count && rc == ACM_OK) {
        acm_batch_init(&batch);

        do {
            load_one(l, i++, &batch);
        } while (i < l->count && i % LOAD_GROUP != 0);

        rc = acm_commit(l->store, &batch, err);
        acm_batch_free(&batch);
    }

    return rc;
}


static void
load_one(load_t *l, uint32_t i, acm_batch_t *batch)
{
    char           name[64], *names[1];
    size_t         len;
    int64_t        age;
    uint8_t        key[ACM_MAX_STORE_KEY];
    acm_cert_t     cert;
    acm_request_t  req;

    snprintf(name, sizeof(name), "n%07u.example.com", i);
    names[0] = name;

    cert = l->cert;
    cert.domain = name;
    cert.names = names;
    cert.nnames = 1;

    /* in the order of their keys, which is faster by far */

    snprintf(cert.uuid, sizeof(cert.uuid), "%08x-0000-4000-8000-0000%08x",
             i * (UINT32_MAX / l->count), i);

    /* so are those of the indices by time: from the oldest on */

    age = (i < l->due) ? 61 * LOAD_DAY
                       : 55 * LOAD_DAY - (int64_t) i * 55 * LOAD_DAY
                                         / l->count;

    cert.not_before = l->now - age;
    cert.not_after = cert.not_before + LOAD_LIFE;
    cert.created_at = cert.not_before;
    cert.issued_at = cert.not_before;
    cert.renew_at = acm_sched_renew_at(cert.not_before, cert.not_after);
    cert.ari_at = 0;
    acm_certificate_schedule(&cert);
    acm_watch_look(&cert, &l->ladder, l->now);

    memset(&req, 0, sizeof(acm_request_t));
    req.account = cert.account;
    req.region = cert.region;
    req.issuer = cert.issuer;
    req.key = cert.key;
    req.names = names;
    req.nnames = 1;
    acm_request_identity(&req, cert.identity);

    acm_batch_cert(batch, &cert);
    acm_batch_indices(batch, &cert, 1);
    acm_batch_names(batch, &cert, 1);
    acm_batch_ref(batch, ACM_DB_IDENTITY, cert.identity, ACM_HASH_LEN,
                  &cert);

    len = acm_material_key(key, cert.uuid, cert.version);
    acm_batch_put(batch, ACM_DB_MATERIAL, key, len, l->material.data,
                  l->material.len);
}
