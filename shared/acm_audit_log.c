
/*
 * Copyright (C) The ngx_acm authors
 *
 * The file of the audit log, and its head.
 */


#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "acm_audit.h"


#define ACM_AUDIT_HEAD        256            /* octets of the file */
#define ACM_AUDIT_HEAD_WORDS  "ngx_acm audit 1"
#define ACM_AUDIT_CHECK       16             /* hexadecimal digits */
#define ACM_AUDIT_SUMMED      (ACM_AUDIT_HEAD - ACM_AUDIT_CHECK - 1)
#define ACM_AUDIT_OPEN        (O_RDWR|O_APPEND|O_CLOEXEC|O_NOCTTY|O_NONBLOCK)
#define ACM_AUDIT_STEP        200000         /* nanoseconds between tries */


/* what the head says */

typedef struct {
    acm_audit_link_t           link;
    uint64_t                   dev;
    uint64_t                   ino;
    uint64_t                   size;         /* of the file, behind it */
} acm_audit_head_t;


struct acm_audit_log_s {
    char                       path[ACM_MAX_AUDIT_PATH];
    char                       head_path[ACM_MAX_AUDIT_PATH];
    pthread_mutex_t            mutex;
    int                        head;
    int                        fd;           /* of the file, -1: not yet */
    pthread_mutex_t            next_mutex;
    int                        next;         /* of one that is later, or -1 */
    uint64_t                   dev;          /* of fd */
    uint64_t                   ino;
    unsigned                   sync:1;
};


static acm_rc_t acm_audit_lock(acm_audit_log_t *log, acm_err_t *err);
static void acm_audit_unlock(acm_audit_log_t *log);
static acm_rc_t acm_audit_append(acm_audit_log_t *log,
    const acm_audit_t *call, acm_err_t *err);
static acm_rc_t acm_audit_recover(acm_audit_log_t *log,
    acm_audit_head_t *head, int64_t now, acm_err_t *err);
static acm_rc_t acm_audit_end(acm_audit_log_t *log, acm_audit_head_t *head,
    int64_t now, acm_err_t *err);
static acm_rc_t acm_audit_behind(acm_audit_log_t *log,
    acm_audit_head_t *head, uint64_t size, int64_t now, acm_err_t *err);
static acm_rc_t acm_audit_torn(acm_audit_log_t *log, acm_audit_head_t *head,
    const uint8_t *torn, size_t len, int64_t now, acm_err_t *err);
static acm_rc_t acm_audit_first(acm_audit_log_t *log, acm_audit_head_t *head,
    uint64_t size, acm_err_t *err);
static acm_rc_t acm_audit_follow(acm_audit_log_t *log,
    const acm_audit_head_t *head, acm_err_t *err);
static int acm_audit_moved(int fd);
static int acm_audit_next(acm_audit_log_t *log, int fd);
static int acm_audit_same(const acm_audit_log_t *log,
    const acm_audit_head_t *head);
static acm_rc_t acm_audit_take(acm_audit_log_t *log, int fd,
    acm_err_t *err);
static acm_rc_t acm_audit_put_line(acm_audit_log_t *log,
    acm_audit_head_t *head, const acm_audit_link_t *link,
    const acm_buf_t *line, acm_err_t *err);
static acm_rc_t acm_audit_size(acm_audit_log_t *log, uint64_t *size,
    acm_err_t *err);
static acm_rc_t acm_audit_last(acm_audit_log_t *log, uint64_t size,
    uint8_t **data, size_t *len, acm_err_t *err);
static acm_rc_t acm_audit_head_get(int fd, acm_audit_head_t *head);
static acm_rc_t acm_audit_head_put(acm_audit_log_t *log,
    const acm_audit_head_t *head, acm_err_t *err);
static acm_rc_t acm_audit_errno(acm_err_t *err, const char *what,
    const char *path);
static void acm_audit_sum(const char *text, char *hex);


acm_rc_t
acm_audit_open(const char *path, const char *head, int sync,
    int fd, acm_audit_log_t **log, acm_err_t *err)
{
    acm_rc_t          rc;
    acm_audit_log_t  *l;

    if (strlen(path) >= ACM_MAX_AUDIT_PATH
        || strlen(head) >= ACM_MAX_AUDIT_PATH)
    {
        return acm_fail(err, ACM_TOOBIG, "the path of the audit log is "
                        "longer than %d octets", ACM_MAX_AUDIT_PATH - 1);
    }

    l = acm_calloc(1, sizeof(acm_audit_log_t));

    if (l == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for the audit log");
    }

    memcpy(l->path, path, strlen(path));
    memcpy(l->head_path, head, strlen(head));
    l->sync = (sync != 0);
    l->fd = -1;
    l->next = -1;

    l->head = open(head, O_RDWR|O_CREAT|O_CLOEXEC|O_NOFOLLOW, 0600);

    if (l->head == -1) {
        rc = acm_audit_errno(err, "cannot open the head of the audit log",
                             head);
        acm_free(l);
        return rc;
    }

    if (pthread_mutex_init(&l->mutex, NULL) != 0
        || pthread_mutex_init(&l->next_mutex, NULL) != 0)
    {
        (void) close(l->head);
        acm_free(l);
        return acm_fail(err, ACM_NOMEM, "no mutex for the audit log");
    }

    /* before it is moved away; what is wrong is told when it is written to;
       O_NONBLOCK: a FIFO would wait for somebody who reads it */

    l->next = open(path, ACM_AUDIT_OPEN);

    if (l->next == -1 && errno == ENOENT && fd != -1) {
        l->next = acm_audit_moved(fd);
    }

    *log = l;

    return ACM_OK;
}


void
acm_audit_close(acm_audit_log_t *log)
{
    if (log == NULL) {
        return;
    }

    if (log->fd != -1) {
        (void) close(log->fd);
    }

    if (log->next != -1) {
        (void) close(log->next);
    }

    (void) close(log->head);
    (void) pthread_mutex_destroy(&log->mutex);
    (void) pthread_mutex_destroy(&log->next_mutex);
    acm_free(log);
}


acm_rc_t
acm_audit_write(acm_audit_log_t *log, const acm_audit_t *call,
    acm_err_t *err)
{
    acm_rc_t  rc;

    (void) pthread_mutex_lock(&log->mutex);

    rc = acm_audit_lock(log, err);

    if (rc == ACM_OK) {
        rc = acm_audit_append(log, call, err);
        acm_audit_unlock(log);
    }

    (void) pthread_mutex_unlock(&log->mutex);

    return rc;
}


/*
 * A lock of the process: workers have descriptors of their own, and the
 * kernel takes it back from a dead one.  One that is stopped may keep it: so
 * there is an end to waiting.
 */

static acm_rc_t
acm_audit_lock(acm_audit_log_t *log, acm_err_t *err)
{
    long             tries;
    struct flock     lock;
    struct timespec  step;

    memset(&lock, 0, sizeof(struct flock));
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;

    step.tv_sec = 0;
    step.tv_nsec = ACM_AUDIT_STEP;

    for (tries = ACM_AUDIT_WAIT * 1000000L / ACM_AUDIT_STEP; tries; tries--) {

        if (fcntl(log->head, F_SETLK, &lock) == 0) {
            return ACM_OK;
        }

        if (errno != EACCES && errno != EAGAIN && errno != EINTR) {
            return acm_audit_errno(err, "cannot lock the head of the audit "
                                   "log", log->head_path);
        }

        (void) nanosleep(&step, NULL);
    }

    return acm_fail(err, ACM_BUSY, "the head of the audit log \"%s\" was "
                    "locked for %d ms: is a process stopped?",
                    log->head_path, ACM_AUDIT_WAIT);
}


static void
acm_audit_unlock(acm_audit_log_t *log)
{
    struct flock  lock;

    memset(&lock, 0, sizeof(struct flock));
    lock.l_type = F_UNLCK;
    lock.l_whence = SEEK_SET;

    (void) fcntl(log->head, F_SETLK, &lock);
}


static acm_rc_t
acm_audit_append(acm_audit_log_t *log, const acm_audit_t *call,
    acm_err_t *err)
{
    acm_rc_t          rc, known;
    acm_buf_t         line;
    acm_audit_link_t  link;
    acm_audit_head_t  head;

    known = acm_audit_head_get(log->head, &head);

    /* what is behind the head belongs to the file from before a rotation */

    if (known == ACM_OK && log->fd != -1 && acm_audit_same(log, &head)) {
        rc = acm_audit_recover(log, &head, call->now, err);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    if (known != ACM_OK) {

        /* there was no head, or it was damaged: recover() reads the file */

        memset(&head, 0, sizeof(acm_audit_head_t));
    }

    rc = acm_audit_follow(log, &head, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_audit_recover(log, &head, call->now, err);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_buf_init(&line, ACM_MAX_AUDIT_LINE + 1);
    link = head.link;

    rc = acm_audit_record(call, &link, &line, err);

    if (rc == ACM_OK) {
        rc = acm_audit_put_line(log, &head, &link, &line, err);
    }

    acm_buf_free(&line);

    return rc;
}


/* Brings head and file together; afterwards the file ends with a line. */

static acm_rc_t
acm_audit_recover(acm_audit_log_t *log, acm_audit_head_t *head, int64_t now,
    acm_err_t *err)
{
    acm_rc_t  rc;
    uint64_t  size;

    size = 0;
    rc = acm_audit_size(log, &size, err);

    if (rc != ACM_OK) {
        return rc;
    }

    if (acm_audit_same(log, head)) {

        if (size == head->size) {
            return ACM_OK;
        }

        if (size > head->size) {
            return acm_audit_behind(log, head, size, now, err);
        }

        /* cut: the number goes on, and what is missing will be seen */
    }

    if (head->link.number == 0) {
        rc = acm_audit_first(log, head, size, err);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    /* a new file, or one that was put in its place */

    head->dev = log->dev;
    head->ino = log->ino;
    head->size = size;

    return acm_audit_end(log, head, now, err);
}


/* A file that others have changed may end with half a line. */

static acm_rc_t
acm_audit_end(acm_audit_log_t *log, acm_audit_head_t *head, int64_t now,
    acm_err_t *err)
{
    size_t    len, start;
    uint8_t  *data;
    acm_rc_t  rc;

    if (head->size == 0) {
        return ACM_OK;
    }

    rc = acm_audit_last(log, head->size, &data, &len, err);

    if (rc != ACM_OK) {
        return rc;
    }

    for (start = len; start > 0 && data[start - 1] != '\n'; start--) {
        /* void */
    }

    if (start < len) {
        rc = acm_audit_torn(log, head, data + start, len - start, now, err);
    }

    acm_free(data);

    return rc;
}


/* Octets of the file that the head does not know of. */

static acm_rc_t
acm_audit_behind(acm_audit_log_t *log, acm_audit_head_t *head, uint64_t size,
    int64_t now, acm_err_t *err)
{
    size_t            len;
    uint8_t          *data, *p, *end, previous[ACM_HASH_LEN];
    acm_rc_t          rc;
    acm_audit_link_t  link;

    rc = acm_audit_last(log, size, &data, &len, err);

    if (rc != ACM_OK) {
        return rc;
    }

    p = data + ((size - head->size < len) ? len - (size - head->size) : 0);
    head->size = size;

    while (p < data + len) {
        end = memchr(p, '\n', (size_t) (data + len - p));

        if (end == NULL) {
            rc = acm_audit_torn(log, head, p, (size_t) (data + len - p), now,
                                err);
            acm_free(data);
            return rc;
        }

        /* should it not fit, then there, and not at our line */

        if (acm_audit_parse(p, (size_t) (end - p), &link, previous) == ACM_OK
            && link.number > head->link.number)
        {
            head->link = link;
        }

        p = end + 1;
    }

    acm_free(data);

    return acm_audit_head_put(log, head, err);
}


/* Ends half a line with a line feed and tells of it. */

static acm_rc_t
acm_audit_torn(acm_audit_log_t *log, acm_audit_head_t *head,
    const uint8_t *torn, size_t len, int64_t now, acm_err_t *err)
{
    acm_rc_t          rc;
    acm_buf_t         line;
    acm_audit_link_t  link;

    acm_buf_init(&line, ACM_MAX_AUDIT_LINE + 1);
    acm_buf_text(&line, "\n");

    link = head->link;

    rc = acm_audit_resume(torn, len, now, &link, &line, err);

    if (rc == ACM_OK) {
        rc = acm_audit_put_line(log, head, &link, &line, err);
    }

    acm_buf_free(&line);

    return rc;
}


/* Without a head: the chain goes on where the file ends. */

static acm_rc_t
acm_audit_first(acm_audit_log_t *log, acm_audit_head_t *head, uint64_t size,
    acm_err_t *err)
{
    size_t            len, end, start;
    uint8_t          *data, previous[ACM_HASH_LEN];
    acm_rc_t          rc;
    acm_audit_link_t  link;

    if (size == 0) {
        return ACM_OK;
    }

    rc = acm_audit_last(log, size, &data, &len, err);

    if (rc != ACM_OK) {
        return rc;
    }

    /* backwards, to the last line that is one */

    for (end = len; end > 0; end = start) {

        end -= (data[end - 1] == '\n');

        for (start = end; start > 0 && data[start - 1] != '\n'; start--) {
            /* void */
        }

        /* without its line feed it is one that was cut */

        if (end < len
            && acm_audit_parse(data + start, end - start, &link, previous)
               == ACM_OK)
        {
            head->link = link;
            break;
        }
    }

    acm_free(data);

    return rc;
}


/* The file that has the name now; under the lock all see the same. */

static acm_rc_t
acm_audit_follow(acm_audit_log_t *log, const acm_audit_head_t *head,
    acm_err_t *err)
{
    int          fd, old;
    acm_rc_t     rc;
    struct stat  st;

    if (stat(log->path, &st) == 0 && log->fd != -1
        && (uint64_t) st.st_dev == log->dev
        && (uint64_t) st.st_ino == log->ino)
    {
        return ACM_OK;
    }

    fd = open(log->path, ACM_AUDIT_OPEN);

    if (fd != -1) {
        old = acm_audit_next(log, -1);

        if (old != -1) {
            (void) close(old);
        }

        return acm_audit_take(log, fd, err);
    }

    /* moved away, and not made anew yet, or not for us yet */

    rc = acm_audit_errno(err, "cannot open the audit log", log->path);

    if (rc != ACM_NOTFOUND && rc != ACM_DENIED) {
        return rc;
    }

    if (log->fd != -1 && acm_audit_same(log, head)) {
        return ACM_OK;
    }

    /* others may have gone on meanwhile */

    fd = acm_audit_next(log, -1);

    if (fd != -1) {
        return acm_audit_take(log, fd, err);
    }

    /* better in an older file than lost */

    return (log->fd != -1 && rc == ACM_NOTFOUND) ? ACM_OK : rc;
}


/* A descriptor that can be read, too, of what nginx has open; or -1. */

static int
acm_audit_moved(int fd)
{
    char  path[64];

    (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);

    return open(path, ACM_AUDIT_OPEN);
}


void
acm_audit_reopened(acm_audit_log_t *log)
{
    int  fd;

    fd = open(log->path, ACM_AUDIT_OPEN);

    if (fd != -1) {
        fd = acm_audit_next(log, fd);
    }

    if (fd != -1) {
        (void) close(fd);
    }
}


/* Puts one in the place of the other. */

static int
acm_audit_next(acm_audit_log_t *log, int fd)
{
    int  old;

    (void) pthread_mutex_lock(&log->next_mutex);

    old = log->next;
    log->next = fd;

    (void) pthread_mutex_unlock(&log->next_mutex);

    return old;
}


static int
acm_audit_same(const acm_audit_log_t *log, const acm_audit_head_t *head)
{
    return head->dev == log->dev && head->ino == log->ino;
}


/* Takes the descriptor over. */

static acm_rc_t
acm_audit_take(acm_audit_log_t *log, int fd, acm_err_t *err)
{
    struct stat  st;

    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
        (void) close(fd);
        return acm_fail(err, ACM_INVALID, "the audit log \"%s\" is no "
                        "regular file: without reading its end there is no "
                        "chain", log->path);
    }

    if (log->fd != -1) {
        (void) close(log->fd);
    }

    log->fd = fd;
    log->dev = (uint64_t) st.st_dev;
    log->ino = (uint64_t) st.st_ino;

    return ACM_OK;
}


/* The line, then the head: a line that the head does not know is found. */

static acm_rc_t
acm_audit_put_line(acm_audit_log_t *log, acm_audit_head_t *head,
    const acm_audit_link_t *link, const acm_buf_t *line, acm_err_t *err)
{
    size_t    done;
    ssize_t   n;
    acm_rc_t  rc;

    done = 0;

    while (done < line->len) {
        n = write(log->fd, line->data + done, line->len - done);

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n == -1) {
            rc = acm_audit_errno(err, "cannot write to the audit log",
                                 log->path);

            /* what is not taken back is found as half a line */

            if (done != 0) {
                (void) !ftruncate(log->fd, (off_t) head->size);
            }

            return rc;
        }

        done += (size_t) n;
    }

    head->link = *link;
    head->size += line->len;

    if (log->sync && fdatasync(log->fd) == -1) {
        (void) acm_audit_head_put(log, head, NULL);
        return acm_audit_errno(err, "cannot sync the audit log", log->path);
    }

    return acm_audit_head_put(log, head, err);
}


static acm_rc_t
acm_audit_size(acm_audit_log_t *log, uint64_t *size, acm_err_t *err)
{
    struct stat  st;

    if (fstat(log->fd, &st) == -1) {
        return acm_audit_errno(err, "cannot look at the audit log",
                               log->path);
    }

    *size = (uint64_t) st.st_size;

    return ACM_OK;
}


/* The end of the file, at least its last line; acm_free() it. */

static acm_rc_t
acm_audit_last(acm_audit_log_t *log, uint64_t size, uint8_t **data,
    size_t *len, acm_err_t *err)
{
    size_t    done, n;
    ssize_t   got;
    uint8_t  *p;

    n = (size > 2 * ACM_MAX_AUDIT_LINE) ? 2 * ACM_MAX_AUDIT_LINE
                                        : (size_t) size;
    p = acm_alloc(n);

    if (p == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for the audit log");
    }

    for (done = 0; done < n; done += (size_t) got) {
        got = pread(log->fd, p + done, n - done, (off_t) (size - n + done));

        if (got == 0) {
            errno = EIO;
        }

        if (got <= 0) {
            acm_free(p);
            return acm_audit_errno(err, "cannot read the audit log",
                                   log->path);
        }
    }

    *data = p;
    *len = n;

    return ACM_OK;
}


acm_rc_t
acm_audit_head_read(const char *path, acm_audit_link_t *link, acm_err_t *err)
{
    int               fd;
    acm_rc_t          rc;
    acm_audit_head_t  head;

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NOCTTY|O_NONBLOCK);

    if (fd == -1) {
        return acm_audit_errno(err, "cannot open the head of the audit log",
                               path);
    }

    rc = acm_audit_head_get(fd, &head);
    (void) close(fd);

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "the head of the audit log \"%s\" is %s",
                        path, rc == ACM_NOTFOUND ? "empty" : "damaged");
    }

    *link = head.link;

    return ACM_OK;
}


static acm_rc_t
acm_audit_head_get(int fd, acm_audit_head_t *head)
{
    char     text[ACM_AUDIT_HEAD + 1], check[ACM_AUDIT_CHECK + 1], *p;
    size_t   len;
    ssize_t  n;

    n = pread(fd, text, ACM_AUDIT_HEAD, 0);

    if (n == 0) {
        return ACM_NOTFOUND;
    }

    if (n != ACM_AUDIT_HEAD) {
        return ACM_CORRUPT;
    }

    acm_audit_sum(text, check);

    len = sizeof(ACM_AUDIT_HEAD_WORDS " ") - 1;

    if (memcmp(text + ACM_AUDIT_SUMMED, check, ACM_AUDIT_CHECK) != 0
        || memcmp(text, ACM_AUDIT_HEAD_WORDS " ", len) != 0)
    {
        return ACM_CORRUPT;
    }

    text[ACM_AUDIT_SUMMED] = '\0';
    head->link.number = strtoull(text + len, &p, 10);

    if (*p != ' ' || strlen(p) < ACM_AUDIT_HEX + 2
        || !acm_audit_hash(p + 1, head->link.hash))
    {
        return ACM_CORRUPT;
    }

    head->dev = strtoull(p + 1 + ACM_AUDIT_HEX, &p, 10);
    head->ino = strtoull(p, &p, 10);
    head->size = strtoull(p, &p, 10);

    return (*p == ' ') ? ACM_OK : ACM_CORRUPT;
}


static acm_rc_t
acm_audit_head_put(acm_audit_log_t *log, const acm_audit_head_t *head,
    acm_err_t *err)
{
    char    text[ACM_AUDIT_HEAD + 1], hex[ACM_AUDIT_HEX + 1];
    size_t  n;

    /* all octets at once, in one page: no process is seen halfway */

    memset(text, ' ', ACM_AUDIT_HEAD);

    n = (size_t) snprintf(text, ACM_AUDIT_SUMMED, ACM_AUDIT_HEAD_WORDS
                          " %llu %s %llu %llu %llu",
                          (unsigned long long) head->link.number,
                          acm_hex(head->link.hash, ACM_HASH_LEN, hex),
                          (unsigned long long) head->dev,
                          (unsigned long long) head->ino,
                          (unsigned long long) head->size);
    text[n] = ' ';

    acm_audit_sum(text, text + ACM_AUDIT_SUMMED);
    text[ACM_AUDIT_HEAD - 1] = '\n';

    if (pwrite(log->head, text, ACM_AUDIT_HEAD, 0) != ACM_AUDIT_HEAD) {
        return acm_audit_errno(err, "cannot write the head of the audit log",
                               log->head_path);
    }

    return ACM_OK;
}


static acm_rc_t
acm_audit_errno(acm_err_t *err, const char *what, const char *path)
{
    int       e;
    char      text[128];
    acm_rc_t  rc;

    e = errno;

    switch (e) {

    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        rc = ACM_FULL;
        break;

    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
        rc = ACM_DENIED;
        break;

    case ENOENT:
        rc = ACM_NOTFOUND;
        break;

    default:
        rc = ACM_ERROR;
    }

    return acm_fail(err, rc, "%s \"%.200s\": %s%s", what, path,
                    strerror_r(e, text, sizeof(text)),
                    (rc == ACM_DENIED) ? ": the user of the worker processes"
                    " must be able to read and write it" : "");
}


/* Digits of a hash, by which a damaged head is known. */

static void
acm_audit_sum(const char *text, char *hex)
{
    uint8_t  md[ACM_HASH_LEN];

    (void) SHA256((const uint8_t *) text, ACM_AUDIT_SUMMED, md);
    (void) acm_hex(md, ACM_AUDIT_CHECK / 2, hex);
}
