
/*
 * Copyright (C) The ngx_acm authors
 *
<<<<<<< HEAD
 * For tests: puts what a CA would ask for by DNS into the store of a running
 * nginx, as its owner, and prints the label of the domain.
 *
 *   challenge STORE DOMAIN SECONDS [VALUE ...]
 *
 * The values are answered for so many seconds; 0 ends them.
=======
 * For tests: puts what a CA would ask for into the store of a running nginx,
 * as its owner.
 *
 *   challenge STORE http TOKEN SECONDS KEY_AUTHORIZATION
 *   challenge STORE alpn NAME SECONDS KEY_AUTHORIZATION
 *   challenge STORE [dns] DOMAIN SECONDS [VALUE ...]
 *
 * It is answered for so many seconds; 0 ends that.  For a domain its label
 * is printed.
>>>>>>> 30581d7 (HTTP: answered http-01 in every server)
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../shared/acm_challenge.h"


#define CHALLENGE_ACCOUNT  "123456789012"


static int challenge_owner(const char *path);
<<<<<<< HEAD
static acm_rc_t challenge_put(acm_store_t *store, const char *domain,
    int64_t expires, char **values, char *label, acm_err_t *err);
=======
static acm_rc_t challenge_put(acm_store_t *store, acm_challenge_e kind,
    char **args, acm_err_t *err);
>>>>>>> 30581d7 (HTTP: answered http-01 in every server)


int
main(int argc, char **argv)
{
<<<<<<< HEAD
    char              label[ACM_LABEL_LEN + 1];
    acm_rc_t          rc;
    acm_err_t         err;
    acm_store_t      *store;
    acm_store_conf_t  conf;

    if (argc < 4) {
        fprintf(stderr, "usage: challenge STORE DOMAIN SECONDS "
                "[VALUE ...]\n");
=======
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
>>>>>>> 30581d7 (HTTP: answered http-01 in every server)
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
<<<<<<< HEAD
        rc = challenge_put(store, argv[2],
                           acm_now() + strtol(argv[3], NULL, 10), argv + 4,
                           label, &err);
=======
        rc = challenge_put(store, kind, args, &err);
>>>>>>> 30581d7 (HTTP: answered http-01 in every server)
        acm_store_close(store);
    }

    if (rc != ACM_OK) {
        fprintf(stderr, "challenge: %s: %s\n", acm_rc_text(rc), err.text);
        return 1;
    }

<<<<<<< HEAD
    printf("%s\n", label);

=======
>>>>>>> 30581d7 (HTTP: answered http-01 in every server)
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


<<<<<<< HEAD
static acm_rc_t
challenge_put(acm_store_t *store, const char *domain, int64_t expires,
    char **values, char *label, acm_err_t *err)
{
=======
/* args: subject, seconds, values */

static acm_rc_t
challenge_put(acm_store_t *store, acm_challenge_e kind, char **args,
    acm_err_t *err)
{
    char             label[ACM_LABEL_LEN + 1];
>>>>>>> 30581d7 (HTTP: answered http-01 in every server)
    acm_rc_t         rc;
    acm_batch_t      batch;
    acm_challenge_t  c;

<<<<<<< HEAD
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

=======
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

>>>>>>> 30581d7 (HTTP: answered http-01 in every server)
    acm_batch_free(&batch);

    return rc;
}
