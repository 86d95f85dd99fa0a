
/*
 * Copyright (C) The ngx_acm authors
 *
 * For tests: puts what a CA would ask for into the store of a running nginx,
 * as its owner.
 *
 *   challenge STORE http TOKEN SECONDS KEY_AUTHORIZATION
 *   challenge STORE alpn NAME SECONDS KEY_AUTHORIZATION
 *   challenge STORE [dns] DOMAIN SECONDS [VALUE ...]
 *
 * It is answered for so many seconds; 0 ends that.  For a domain its label
 * is printed.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../shared/acm_challenge.h"


#define CHALLENGE_ACCOUNT  "123456789012"


static int challenge_owner(const char *path);
static acm_rc_t challenge_put(acm_store_t *store, acm_challenge_e kind,
    char **args, acm_err_t *err);


int
main(int argc, char **argv)
{
    char             **args;
    acm_rc_t           rc;
    acm_err_t          err;
    acm_store_t       *store;
    acm_challenge_e    kind;
    acm_store_conf_t   conf;

    kind = ACM_CHALLENGE_DNS;
    args = argv + 2;

    if (argc > 2 && strcmp(*args, "http") == 0) {
        kind = ACM_CHALLENGE_HTTP;
        args++;

    } else if (argc > 2 && strcmp(*args, "alpn") == 0) {
        kind = ACM_CHALLENGE_ALPN;
        args++;

    } else if (argc > 2 && strcmp(*args, "dns") == 0) {
        args++;
    }

    if (argv + argc - args < 2 + (kind != ACM_CHALLENGE_DNS)) {
        fprintf(stderr, "usage: challenge STORE [http | alpn | dns] SUBJECT "
                "SECONDS [VALUE ...]\n");
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
        rc = challenge_put(store, kind, args, &err);
        acm_store_close(store);
    }

    if (rc != ACM_OK) {
        fprintf(stderr, "challenge: %s: %s\n", acm_rc_text(rc), err.text);
        return 1;
    }

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


/* args: subject, seconds, values */

static acm_rc_t
challenge_put(acm_store_t *store, acm_challenge_e kind, char **args,
    acm_err_t *err)
{
    char             label[ACM_LABEL_LEN + 1];
    acm_rc_t         rc;
    acm_batch_t      batch;
    acm_challenge_t  c;

    memset(&c, 0, sizeof(acm_challenge_t));

    c.kind = kind;
    c.subject = args[0];
    c.expires = acm_now() + strtol(args[1], NULL, 10);

    rc = acm_uuid(c.uuid);

    if (rc == ACM_OK && kind == ACM_CHALLENGE_DNS) {
        rc = acm_validation_ensure(store, CHALLENGE_ACCOUNT, args[0],
                                   acm_now(), label, err);
        c.subject = label;
    }

    acm_batch_init(&batch);

    for (args += 2; rc == ACM_OK && *args != NULL; args++) {
        c.value = *args;
        acm_challenge_put(&batch, &c);
    }

    if (rc == ACM_OK && c.value != NULL) {
        rc = acm_store_commit(store, &batch, err);
    }

    if (rc == ACM_OK && kind == ACM_CHALLENGE_DNS) {
        printf("%s\n", label);
    }

    acm_batch_free(&batch);

    return rc;
}
