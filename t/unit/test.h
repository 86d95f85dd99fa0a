
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the unit tests share.
 */


#ifndef _TEST_H_INCLUDED_
#define _TEST_H_INCLUDED_


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "acm_engine.h"


#define test_ok(call)                                                         \
    do {                                                                      \
        acm_rc_t  test_rc_ = (call);                                          \
                                                                              \
        if (test_rc_ != ACM_OK) {                                             \
            print_error("%s: %s\n", #call, acm_rc_text(test_rc_));            \
        }                                                                     \
                                                                              \
        assert_int_equal(test_rc_, ACM_OK);                                   \
    } while (0)


/* A new directory under TMPDIR; test_rmdir() removes it and its files. */
static inline char *
test_mkdir(void)
{
    char         path[256];
    const char  *tmp;

    tmp = getenv("TMPDIR");
    snprintf(path, sizeof(path), "%s/acm-unit-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(path));

    return strdup(path);
}


#include <dirent.h>
#include <unistd.h>

static inline void
test_rmdir(char *path)
{
    DIR            *dir;
    char            file[600];
    struct dirent  *d;

    dir = opendir(path);
    assert_non_null(dir);

    while ((d = readdir(dir)) != NULL) {
        snprintf(file, sizeof(file), "%s/%s", path, d->d_name);
        unlink(file);
    }

    closedir(dir);
    rmdir(path);
    free(path);
}


static inline uint32_t
test_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;

    return *state;
}


#endif /* _TEST_H_INCLUDED_ */
