
/*
 * Copyright (C) The ngx_acm authors
 *
 * For tests: puts what a CA would ask for by DNS into the store of a running
 * nginx, as its owner, and prints the label of the domain.
 *
 *   challenge STORE DOMAIN SECONDS [VALUE ...]
 *
 * The values are answered for so many seconds; 0 ends them.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../shared/acm_challenge.h"


#define CHALLENGE_ACCOUNT  "123456789012"


static int challenge_owner(const char *path);
static acm_rc_t challenge_put(acm_store_t *store, const char *domain,
    int64_t expires, char **values, char *label, acm_err_t *err);


int
main(int argc, char **argv)
{
    char              label[ACM_LABEL_LEN + 1];
    acm_rc_t          rc;
    acm_err_t         err;
    acm_store_t      *store;
    acm_store_conf_t  conf;

    if (argc < 4) {
        fprintf(stderr, "usage: challenge STORE DOMAIN SECONDS "
                "[VALUE ...]\n");
        return 2;
    }

    if (challenge_owner(argv[1]) == -1) {
        perror(argv[1]);
        return 1;
    }

    memset(&conf, 0, sizeof(acm_store_conf_t));
    conf.path = argv[1];
    err.text[0] = '\0';

    rc = acm_store_lmdb_open(&conf, &store, &err);

    if (rc == ACM_OK) {
        rc = challenge_put(store, argv[2],
                           acm_now() + strtol(argv[3], NULL, 10), argv + 4,
                           label, &err);
        acm_store_close(store);
    }

    if (rc != ACM_OK) {
        fprintf(stderr, "challenge: %s: %s\n", acm_rc_text(rc), err.text);
        return 1;
    }

    printf("%s\n", label);

    return 0;
}


/* The store's files must stay the worker's. */

static int
challenge_owner(const char *path)
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
challenge_put(acm_store_t *store, const char *domain, int64_t expires,
    char **values, char *label, acm_err_t *err)
{
    acm_rc_t         rc;
    acm_batch_t      batch;
    acm_challenge_t  c;

    rc = acm_validation_ensure(store, CHALLENGE_ACCOUNT, domain, acm_now(),
                               label, err);

    if (rc != ACM_OK || *values == NULL) {
        return rc;
    }

    memset(&c, 0, sizeof(acm_challenge_t));

    c.kind = ACM_CHALLENGE_DNS;
    c.subject = label;
    c.expires = expires;

    rc = acm_uuid(c.uuid);

    acm_batch_init(&batch);

    while (rc == ACM_OK && *values != NULL) {
        c.value = *values++;
        acm_challenge_put(&batch, &c);
    }

    if (rc == ACM_OK) {
        rc = acm_store_commit(store, &batch, err);
    }

    acm_batch_free(&batch);

    return rc;
}
