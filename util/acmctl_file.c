
/*
 * Copyright (C) The ngx_acm authors
 *
 * Files that acmctl reads and writes: certificates and keys.
 */


#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "acmctl.h"


static int acmctl_read_fd(const char *path, int fd, acm_str_t *data);


int
acmctl_read_file(const char *path, acm_str_t *data)
{
    int  rc;

    rc = acmctl_read_found(path, data);

    return (rc != ACMCTL_NONE) ? rc : acmctl_fail("cannot open \"%s\": %s",
                                                  path, strerror(errno));
}


int
acmctl_read_found(const char *path, acm_str_t *data)
{
    int  fd, rc;

    data->len = 0;
    data->data = NULL;

    fd = open(path, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {
        return (errno == ENOENT || errno == ENOTDIR)
               ? ACMCTL_NONE : acmctl_fail("cannot open \"%s\": %s", path,
                                           strerror(errno));
    }

    rc = acmctl_read_fd(path, fd, data);

    close(fd);

    return rc;
}


static int
acmctl_read_fd(const char *path, int fd, acm_str_t *data)
{
    ssize_t      n;
    const char  *why;

    data->data = acm_alloc(ACM_MAX_PEM + 1);

    if (data->data == NULL) {
        return acmctl_fail("no memory");
    }

    do {
        n = read(fd, data->data + data->len, ACM_MAX_PEM + 1 - data->len);
        data->len += (n > 0) ? (size_t) n : 0;
    } while (n > 0 || (n == -1 && errno == EINTR));

    if (n == 0 && data->len <= ACM_MAX_PEM) {
        return ACMCTL_OK;
    }

    why = (n == -1) ? strerror(errno) : "more than 2 MB";

    acm_free_secret(data->data, data->len);
    data->data = NULL;
    data->len = 0;

    return acmctl_fail("cannot read \"%s\": %s", path, why);
}


int
acmctl_write_file(const char *dir, const char *name, const acm_str_t *data)
{
    int       fd, ok;
    char      path[4096];
    size_t    done;
    ssize_t   n;

    n = snprintf(path, sizeof(path), "%s/%s", dir, name);

    if (n < 0 || (size_t) n >= sizeof(path)) {
        return acmctl_fail("the path of \"%s\" is too long", name);
    }

    fd = open(path, O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600);

    if (fd == -1) {
        return acmctl_fail("cannot make \"%s\": %s", path, strerror(errno));
    }

    for (done = 0; done < data->len; done += (n > 0) ? (size_t) n : 0) {
        n = write(fd, data->data + done, data->len - done);

        if (n == -1 && errno != EINTR) {
            break;
        }
    }

    ok = (done == data->len && fsync(fd) == 0);
    ok = (close(fd) == 0) && ok;

    if (!ok) {
        (void) acmctl_fail("cannot write \"%s\": %s", path, strerror(errno));
        (void) unlink(path);  /* half a file, in the way of the next */
    }

    return ok ? ACMCTL_OK : ACMCTL_FAULT;
}
