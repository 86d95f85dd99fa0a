
/*
 * Copyright (C) The ngx_acm authors
 *
 * For tests: puts certificates without material into the store of a running
 * nginx, as its owner.
 *
 *   fill STORE FROM TO [evil]
 */


#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fill.h"


static int
fill_owner(const char *path)
{
    struct stat  st;

    if (stat(path, &st) == -1) {
        return -1;
    }

    if (geteuid() != 0) {
        return 0;
    }

    return (setgid(st.st_gid) == -1 || setuid(st.st_uid) == -1) ? -1 : 0;
}


int
main(int argc, char **argv)
{
    acm_rc_t           rc;
    acm_err_t          err;
    acm_store_t       *store;
    acm_store_conf_t   conf;

    if (argc < 4) {
        fprintf(stderr, "usage: fill STORE FROM TO [evil]\n");
        return 2;
    }

    if (fill_owner(argv[1]) == -1) {
        perror(argv[1]);
        return 1;
    }

    memset(&conf, 0, sizeof(acm_store_conf_t));
    conf.path = argv[1];
    err.text[0] = '\0';

    rc = acm_store_lmdb_open(&conf, &store, &err);

    if (rc == ACM_OK) {
        rc = fill_store(store, strtoul(argv[2], NULL, 10),
                        strtoul(argv[3], NULL, 10), acm_now(), argc > 4,
                        &err);
        acm_store_close(store);
    }

    if (rc != ACM_OK) {
        fprintf(stderr, "fill: %s: %s\n", acm_rc_text(rc), err.text);
        return 1;
    }

    return 0;
}
