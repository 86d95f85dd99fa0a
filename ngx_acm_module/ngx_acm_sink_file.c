
/*
 * Copyright (C) The ngx_acm authors
 *
 * Sinks on this machine: files of JSON lines, and syslog.
 */


#include "ngx_acm_sink.h"


static void ngx_acm_sink_look(ngx_acm_sink_t *s);
static ngx_uint_t ngx_acm_sink_whole(ngx_acm_sink_t *s, off_t size);
static void ngx_acm_sink_short(ngx_acm_sink_t *s, size_t *ends, size_t skip,
    size_t n);
static void ngx_acm_sink_errno(ngx_acm_sink_t *s, const char *what,
    ngx_err_t e);
static ngx_int_t ngx_acm_sink_connect(ngx_acm_sink_t *s);


/* Whole lines in one write(); USR1 makes nginx reopen the file. */

ngx_int_t
ngx_acm_sink_file(ngx_acm_sink_t *s)
{
    size_t   i, skip, ends[ACM_OUTBOX_WINDOW];
    ssize_t  n;

    skip = 0;

    ngx_acm_sink_look(s);

    if (s->torn) {

        /* half a line, which could not be taken back, ends here */

        acm_buf_u8(&s->text, LF);
        skip = 1;
    }

    for (i = 0; i < s->n; i++) {

        if (acm_event_json(&s->letters[i]->event, &s->text) != ACM_OK) {
            s->text.rc = ACM_OK;
            return NGX_DONE;
        }

        acm_buf_u8(&s->text, LF);
        ends[i] = s->text.len;
    }

    if (acm_buf_rc(&s->text) != ACM_OK) {
        s->text.rc = ACM_OK;
        return NGX_DONE;
    }

    do {
        n = write(s->conf->file->fd, s->text.data, s->text.len);
    } while (n == -1 && ngx_errno == NGX_EINTR);

    if (n == -1) {
        ngx_acm_sink_errno(s, "write() failed", ngx_errno);
        return NGX_DONE;
    }

    if ((size_t) n == s->text.len) {
        s->torn = 0;
        ngx_acm_sink_results(s, ACM_SINK_DELIVERED, NULL);
        return NGX_DONE;
    }

    ngx_acm_sink_short(s, ends, skip, (size_t) n);

    return NGX_DONE;
}


/*
 * A file that is new to this process: the one before may have been killed
 * amid a line.  A pipe that nobody reads must not hold up the helper.
 */

static void
ngx_acm_sink_look(ngx_acm_sink_t *s)
{
    int              flags;
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    fd = s->conf->file->fd;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        return;
    }

    if (S_ISFIFO(fi.st_mode)) {
        flags = fcntl(fd, F_GETFL);

        if (flags != -1 && !(flags & O_NONBLOCK)) {
            (void) fcntl(fd, F_SETFL, flags|O_NONBLOCK);
        }
    }

    if (s->looked && s->dev == fi.st_dev && s->ino == fi.st_ino) {
        return;
    }

    s->dev = fi.st_dev;
    s->ino = fi.st_ino;
    s->looked = 1;
    s->torn = ngx_is_file(&fi) && !ngx_acm_sink_whole(s, ngx_file_size(&fi));
}


/* Its descriptor is for writing only.  If it cannot be read, nobody knows. */

static ngx_uint_t
ngx_acm_sink_whole(ngx_acm_sink_t *s, off_t size)
{
    u_char           last;
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    last = LF;

    if (size == 0) {
        return 1;
    }

    fd = ngx_open_file(s->conf->file->name.data,
                       NGX_FILE_RDONLY|NGX_FILE_NONBLOCK|O_CLOEXEC,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        return 1;
    }

    /* its name may be another file's by now */

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR || fi.st_dev != s->dev
        || fi.st_ino != s->ino || pread(fd, &last, 1, size - 1) != 1)
    {
        last = LF;
    }

    (void) ngx_close_file(fd);

    return last == LF;
}


/* Takes half a line back, if nobody has written behind it. */

static void
ngx_acm_sink_short(ngx_acm_sink_t *s, size_t *ends, size_t skip, size_t n)
{
    off_t            pos;
    size_t           i, whole;
    ngx_file_info_t  fi;

    whole = 0;

    if (skip && n != 0) {
        whole = 1;
        s->torn = 0;
    }

    for (i = 0; i < s->n && ends[i] <= n; i++) {
        whole = ends[i];
        ngx_acm_sink_result(s, i, ACM_SINK_DELIVERED, NULL);
    }

    if (whole != n) {
        pos = lseek(s->conf->file->fd, 0, SEEK_CUR);

        if (pos == -1 || ngx_fd_info(s->conf->file->fd, &fi) == -1
            || !ngx_is_file(&fi) || ngx_file_size(&fi) != pos
            || ftruncate(s->conf->file->fd, pos - (off_t) (n - whole)) == -1)
        {
            s->torn = 1;
        }
    }

    ngx_acm_sink_errno(s, "write() was short", NGX_ENOSPC);
}


static void
ngx_acm_sink_errno(ngx_acm_sink_t *s, const char *what, ngx_err_t e)
{
    u_char  why[ACM_MAX_SINK_ERROR], text[128], *p;

    p = ngx_strerror(e, text, sizeof(text) - 1);
    *p = '\0';

    p = ngx_snprintf(why, sizeof(why) - 1, "%s: %s", what, text);
    *p = '\0';

    ngx_acm_sink_results(s, ACM_SINK_FAILED, (char *) why);
}


/* Datagrams, as nginx's own; what is lost on the way nobody knows. */

ngx_int_t
ngx_acm_sink_syslog(ngx_acm_sink_t *s)
{
    int          e;
    char        *host;
    size_t       i;
    socklen_t    len;
    ngx_int_t    fd;
    ngx_err_t    err;

    if (ngx_acm_sink_connect(s) != NGX_OK) {
        ngx_acm_sink_errno(s, "cannot connect to syslog", ngx_socket_errno);
        return NGX_DONE;
    }

    fd = (intptr_t) s->work - 1;
    host = s->conf->nohostname ? "" : (char *) ngx_cycle->hostname.data;

    for (i = 0; i < s->n; i++) {
        s->text.len = 0;

        if (acm_syslog_text(&s->letters[i]->event,
                            (unsigned) s->conf->priority, host,
                            s->conf->tag.len ? (char *) s->conf->tag.data
                                             : "", &s->text)
            != ACM_OK)
        {
            s->text.rc = ACM_OK;
            return NGX_DONE;
        }

        err = 0;

        if (send((int) fd, s->text.data, s->text.len,
                 MSG_DONTWAIT|MSG_NOSIGNAL)
            == -1)
        {
            err = ngx_socket_errno;

        } else {

            /* a near receiver that is not there says so at once */

            len = sizeof(int);

            if (getsockopt((int) fd, SOL_SOCKET, SO_ERROR, &e, &len) == 0) {
                err = e;
            }
        }

        if (err == EMSGSIZE) {
            ngx_acm_sink_result(s, i, ACM_SINK_REFUSED,
                                "too big for a datagram");
            continue;
        }

        if (err) {
            ngx_acm_sink_file_stop(s);
            ngx_acm_sink_errno(s, "send() to syslog failed", err);
            return NGX_DONE;
        }

        ngx_acm_sink_result(s, i, ACM_SINK_DELIVERED, NULL);
    }

    return NGX_DONE;
}


/* The descriptor plus one is in s->work. */

static ngx_int_t
ngx_acm_sink_connect(ngx_acm_sink_t *s)
{
    int  fd;

    if (s->work) {
        return NGX_OK;
    }

    fd = socket(s->conf->addr.sockaddr->sa_family,
                SOCK_DGRAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 0);

    if (fd == -1) {
        return NGX_ERROR;
    }

    if (connect(fd, s->conf->addr.sockaddr, s->conf->addr.socklen) == -1) {
        (void) close(fd);
        return NGX_ERROR;
    }

    s->work = (void *) (intptr_t) (fd + 1);

    return NGX_OK;
}


void
ngx_acm_sink_file_stop(ngx_acm_sink_t *s)
{
    if (s->work) {
        (void) close((int) ((intptr_t) s->work - 1));
        s->work = NULL;
    }
}
