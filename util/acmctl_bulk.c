
/*
 * Copyright (C) The ngx_acm authors
 *
 * acmctl import --bulk: one record of JSON in each line, of a file, of
 * standard input, or of a child that walks a directory.  Threads parse and
 * check the records of a few groups while this one reads the next and commits
 * the first; those are all that is in memory.
 */


#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acmctl_bulk.h"


#define ACMCTL_MAX_THREADS   16
#define ACMCTL_BULK_GROUPS   4                   /* while one is synced, the
                                                    others are parsed */
#define ACMCTL_BULK_GROUP    512                 /* records */
#define ACMCTL_BULK_OCTETS   (8 * 1024 * 1024)   /* of the lines of a group,
                                                    before its last one */
#define ACMCTL_BULK_BUFFER   (256 * 1024)


typedef struct {
    char             *line;
    size_t            len;
    size_t            number;                    /* of the line, from 1 */
    char             *place;                     /* a path, or NULL */
} acmctl_line_t;


typedef struct {
    acmctl_line_t     lines[ACMCTL_BULK_GROUP];
    acm_imported_t    items[ACMCTL_BULK_GROUP];
    size_t            n;
    size_t            octets;
    size_t            next;                      /* to be parsed */
    size_t            parsed;
} acmctl_group_t;


typedef struct {
    acmctl_t         *ctl;
    int               in;
    uint8_t          *buffer;                    /* of it: keys come by it */
    size_t            pos;                       /* in the buffer, */
    size_t            end;                       /* of what it has */
    int               fault;                     /* errno of reading; or 0 */
    size_t            line;                      /* read so far */
    acmctl_group_t    groups[ACMCTL_BULK_GROUPS];
    size_t            given;                     /* groups, to the threads */
    size_t            work;                      /* that they are at */
    unsigned          stop;
    pthread_mutex_t   lock;                      /* of these three, and of next
                                                    and parsed */
    pthread_cond_t    more;
    pthread_cond_t    done;
    pthread_t         threads[ACMCTL_MAX_THREADS];
    size_t            nthreads;
    size_t            imported;
    size_t            there;
    size_t            refused;
} acmctl_bulk_t;


static int acmctl_bulk_open(const char *from, int *in, pid_t *child);
static int acmctl_bulk_walk(const char *dir, int *in, pid_t *child);
static int acmctl_bulk_run(acmctl_bulk_t *b);
static int acmctl_bulk_start(acmctl_bulk_t *b);
static void acmctl_bulk_stop(acmctl_bulk_t *b);
static void acmctl_bulk_give(acmctl_bulk_t *b);
static void acmctl_bulk_wait(acmctl_bulk_t *b, size_t number);
static acmctl_group_t *acmctl_bulk_group(acmctl_bulk_t *b, size_t number);
static void *acmctl_bulk_thread(void *data);
static int acmctl_bulk_read(acmctl_bulk_t *b, acmctl_group_t *g);
static int acmctl_bulk_byte(acmctl_bulk_t *b);
static int acmctl_bulk_fill(acmctl_bulk_t *b);
static int acmctl_bulk_line(acmctl_bulk_t *b, acmctl_line_t *l);
static int acmctl_bulk_commit(acmctl_bulk_t *b, acmctl_group_t *g);
static void acmctl_bulk_tell(acmctl_bulk_t *b, const acmctl_line_t *l,
    const acm_imported_t *item);
static void acmctl_bulk_clear(acmctl_group_t *g);
static int acmctl_bulk_child(pid_t child);


int
acmctl_bulk(acmctl_t *ctl, const char *from)
{
    int             rc;
    pid_t           child;
    acmctl_bulk_t  *b;

    b = acm_calloc(1, sizeof(acmctl_bulk_t));

    if (b == NULL) {
        return acmctl_fail("no memory");
    }

    b->ctl = ctl;
    child = -1;

    /* what root may read is opened before its rights are given up */

    rc = acmctl_bulk_open(from, &b->in, &child);

    if (rc == ACMCTL_OK) {
        rc = acmctl_open(ctl, 1, 1);

        if (rc == ACMCTL_OK) {
            rc = acmctl_bulk_run(b);

            fprintf(stderr, "acmctl: %zu imported, %zu there already, %zu "
                    "refused\n", b->imported, b->there, b->refused);
        }

        close(b->in);
        acm_free_secret(b->buffer, ACMCTL_BULK_BUFFER);
    }

    if (child != -1 && acmctl_bulk_child(child) != ACMCTL_OK) {
        rc = ACMCTL_FAULT;
    }

    acm_free(b);

    return rc;
}


static int
acmctl_bulk_open(const char *from, int *in, pid_t *child)
{
    struct stat  st;

    if (strcmp(from, "-") == 0) {
        *in = STDIN_FILENO;
        return ACMCTL_OK;
    }

    if (stat(from, &st) == 0 && S_ISDIR(st.st_mode)) {
        return acmctl_bulk_walk(from, in, child);
    }

    *in = open(from, O_RDONLY|O_CLOEXEC);

    return (*in != -1)
           ? ACMCTL_OK : acmctl_fail("cannot open \"%s\": %s", from,
                                     strerror(errno));
}


/* A child goes on as root, and dies of a pipe that nobody reads. */

static int
acmctl_bulk_walk(const char *dir, int *in, pid_t *child)
{
    int    fds[2], rc;
    FILE  *out;

    if (pipe2(fds, O_CLOEXEC) == -1) {
        return acmctl_fail("pipe: %s", strerror(errno));
    }

    *child = fork();

    if (*child == -1) {
        return acmctl_fail("fork: %s", strerror(errno));
    }

    if (*child == 0) {
        close(fds[0]);
        out = fdopen(fds[1], "w");
        rc = (out != NULL) ? acmctl_bulk_tree(dir, out) : ACMCTL_FAULT;

        if (out != NULL && fclose(out) != 0) {
            rc = ACMCTL_FAULT;
        }

        _exit(rc);
    }

    close(fds[1]);
    *in = fds[0];

    return ACMCTL_OK;
}


static int
acmctl_bulk_child(pid_t child)
{
    int  status;

    while (waitpid(child, &status, 0) == -1) {
        if (errno != EINTR) {
            return acmctl_fail("waitpid: %s", strerror(errno));
        }
    }

    return (WIFEXITED(status) && WEXITSTATUS(status) == ACMCTL_OK)
           ? ACMCTL_OK : ACMCTL_FAULT;
}


static int
acmctl_bulk_run(acmctl_bulk_t *b)
{
    int     rc, end;
    size_t  i, done;

    b->buffer = acm_calloc(1, ACMCTL_BULK_BUFFER);

    if (b->buffer == NULL) {
        return acmctl_fail("no memory");
    }

    rc = acmctl_bulk_start(b);
    end = 0;

    for (done = 0; rc == ACMCTL_OK; done++) {

        while (!end && b->given - done < ACMCTL_BULK_GROUPS) {
            end = acmctl_bulk_read(b, acmctl_bulk_group(b, b->given));
            acmctl_bulk_give(b);
        }

        if (done == b->given) {
            break;
        }

        acmctl_bulk_wait(b, done);

        rc = acmctl_bulk_commit(b, acmctl_bulk_group(b, done));
        acmctl_bulk_clear(acmctl_bulk_group(b, done));
    }

    acmctl_bulk_stop(b);

    for (i = 0; i < ACMCTL_BULK_GROUPS; i++) {
        acmctl_bulk_clear(&b->groups[i]);
    }

    if (rc == ACMCTL_OK && end != ACMCTL_END) {
        rc = end;
    }

    return (b->refused == 0) ? rc : ACMCTL_FAULT;
}


static acmctl_group_t *
acmctl_bulk_group(acmctl_bulk_t *b, size_t number)
{
    return &b->groups[number % ACMCTL_BULK_GROUPS];
}


static int
acmctl_bulk_start(acmctl_bulk_t *b)
{
    int   rc;
    long  n;

    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->more, NULL);
    pthread_cond_init(&b->done, NULL);

    /* not by the first thread that comes to it */
    json_object_seed(0);

    n = sysconf(_SC_NPROCESSORS_ONLN);

    if (n < 1) {
        n = 1;

    } else if (n > ACMCTL_MAX_THREADS) {
        n = ACMCTL_MAX_THREADS;
    }

    while (b->nthreads < (size_t) n) {
        rc = pthread_create(&b->threads[b->nthreads], NULL,
                            acmctl_bulk_thread, b);

        if (rc != 0) {
            return acmctl_fail("cannot start a thread: %s", strerror(rc));
        }

        b->nthreads++;
    }

    return ACMCTL_OK;
}


static void
acmctl_bulk_stop(acmctl_bulk_t *b)
{
    size_t  i;

    pthread_mutex_lock(&b->lock);
    b->stop = 1;
    pthread_cond_broadcast(&b->more);
    pthread_mutex_unlock(&b->lock);

    for (i = 0; i < b->nthreads; i++) {
        (void) pthread_join(b->threads[i], NULL);
    }

    pthread_cond_destroy(&b->done);
    pthread_cond_destroy(&b->more);
    pthread_mutex_destroy(&b->lock);
}


static void
acmctl_bulk_give(acmctl_bulk_t *b)
{
    pthread_mutex_lock(&b->lock);
    b->given++;
    pthread_cond_broadcast(&b->more);
    pthread_mutex_unlock(&b->lock);
}


static void
acmctl_bulk_wait(acmctl_bulk_t *b, size_t number)
{
    acmctl_group_t  *g;

    g = acmctl_bulk_group(b, number);

    pthread_mutex_lock(&b->lock);

    while (g->parsed < g->n) {
        pthread_cond_wait(&b->done, &b->lock);
    }

    /* its place is filled anew: no thread may look at it till then */

    if (b->work == number) {
        b->work++;
    }

    pthread_mutex_unlock(&b->lock);
}


static void *
acmctl_bulk_thread(void *data)
{
    size_t            i;
    acmctl_bulk_t    *b;
    acmctl_group_t   *g;
    acm_x509_seen_t   seen;

    b = data;
    memset(&seen, 0, sizeof(acm_x509_seen_t));
    acm_json_wipe_begin();

    pthread_mutex_lock(&b->lock);

    while (!b->stop) {

        if (b->work == b->given) {
            pthread_cond_wait(&b->more, &b->lock);
            continue;
        }

        g = acmctl_bulk_group(b, b->work);

        if (g->next >= g->n) {
            b->work++;
            continue;
        }

        i = g->next++;

        pthread_mutex_unlock(&b->lock);

        acmctl_bulk_parse(g->lines[i].line, g->lines[i].len, &seen,
                          &g->items[i], &g->lines[i].place);

        pthread_mutex_lock(&b->lock);

        if (++g->parsed == g->n) {
            pthread_cond_signal(&b->done);
        }
    }

    pthread_mutex_unlock(&b->lock);

    acm_json_wipe_end();
    acm_x509_seen_free(&seen);

    return NULL;
}


/* ACMCTL_END, or a fault: with this group, which may be empty, it ends. */

static int
acmctl_bulk_read(acmctl_bulk_t *b, acmctl_group_t *g)
{
    int  rc;

    memset(g, 0, sizeof(acmctl_group_t));

    while (g->n < ACMCTL_BULK_GROUP && g->octets < ACMCTL_BULK_OCTETS) {
        rc = acmctl_bulk_line(b, &g->lines[g->n]);

        if (rc != ACMCTL_OK) {
            return rc;
        }

        g->octets += g->lines[g->n++].len;
    }

    return ACMCTL_OK;
}


/* The next line that is not empty; one that is too long has no text. */

static int
acmctl_bulk_line(acmctl_bulk_t *b, acmctl_line_t *l)
{
    int      ch;
    size_t   size;
    char    *line;

    l->line = NULL;
    l->len = 0;
    size = 0;

    do {
        ch = acmctl_bulk_byte(b);
    } while (ch == '\n' && ++b->line);

    if (ch == EOF) {
        return (b->fault != 0) ? acmctl_fail("line %zu cannot be read: %s",
                                             b->line + 1, strerror(b->fault))
                               : ACMCTL_END;
    }

    l->number = ++b->line;

    for (/* void */; ch != EOF && ch != '\n'; ch = acmctl_bulk_byte(b)) {

        if (l->len == size && size < ACMCTL_MAX_LINE) {
            size = (size == 0) ? 8192 : size * 2;
            line = acm_realloc_secret(l->line, l->len, size);

            if (line == NULL) {
                return acmctl_fail("no memory");
            }

            l->line = line;
        }

        if (l->len < size) {
            l->line[l->len] = (char) ch;
        }

        l->len++;
    }

    if (l->len > ACMCTL_MAX_LINE) {
        acm_free_secret(l->line, ACMCTL_MAX_LINE);
        l->line = NULL;
        l->len = 0;
    }

    return ACMCTL_OK;
}


static int
acmctl_bulk_byte(acmctl_bulk_t *b)
{
    if (b->pos == b->end && !acmctl_bulk_fill(b)) {
        return EOF;
    }

    return b->buffer[b->pos++];
}


/* A pipe may give less than it did before: what stays behind that is wiped. */

static int
acmctl_bulk_fill(acmctl_bulk_t *b)
{
    size_t   had;
    ssize_t  n;

    do {
        n = read(b->in, b->buffer, ACMCTL_BULK_BUFFER);
    } while (n == -1 && errno == EINTR);

    b->fault = (n == -1) ? errno : 0;
    had = b->end;

    b->pos = 0;
    b->end = (n > 0) ? (size_t) n : 0;

    if (b->end < had) {
        OPENSSL_cleanse(b->buffer + b->end, had - b->end);
    }

    return n > 0;
}


static int
acmctl_bulk_commit(acmctl_bulk_t *b, acmctl_group_t *g)
{
    size_t     i;
    acm_rc_t   rc;
    acm_err_t  err;

    rc = acm_import_many(b->ctl->ring, b->ctl->account, b->ctl->region,
                         g->items, g->n, 1, acm_now(), &err);

    for (i = 0; i < g->n; i++) {
        acmctl_bulk_tell(b, &g->lines[i], &g->items[i]);
    }

    /* who reads this may rely on it */

    if (fflush(stdout) != 0) {
        return acmctl_fail("cannot write to standard output: %s",
                           strerror(errno));
    }

    return (rc == ACM_OK) ? ACMCTL_OK
                          : acmctl_fail("stopped at line %zu: %s",
                                        g->lines[0].number, err.text);
}


static void
acmctl_bulk_tell(acmctl_bulk_t *b, const acmctl_line_t *l,
    const acm_imported_t *item)
{
    char  arn[ACM_MAX_ARN];

    if (item->rc != ACM_OK) {
        b->refused++;

        if (l->place != NULL) {
            (void) acmctl_fail("\"%s\" cannot be imported: %s", l->place,
                               item->err.text);
        } else {
            (void) acmctl_fail("line %zu cannot be imported: %s", l->number,
                               item->err.text);
        }

        return;
    }

    printf("%s %s%s\n", acm_arn_text(arn, b->ctl->account, b->ctl->region,
                                     item->uuid),
           item->bundle.info.domain, item->there ? " is there already" : "");

    if (item->there) {
        b->there++;

    } else {
        b->imported++;
    }
}


static void
acmctl_bulk_clear(acmctl_group_t *g)
{
    size_t  i;

    for (i = 0; i < g->n; i++) {
        acm_free_secret(g->lines[i].line, g->lines[i].len);
        acm_free(g->lines[i].place);
        acm_bundle_free(&g->items[i].bundle);
    }

    memset(g, 0, sizeof(acmctl_group_t));
}
