
/*
 * Copyright (C) The ngx_acm authors
 *
 * Sinks that are programs.  One process of ours is between: nginx reaps its
 * own children by itself, so it waits for the program, ends it when its time
 * is over, and tells the helper through a pipe what became of it.  Between
 * fork() and _exit() it does nothing that needs locks: libcurl's threads may
 * have held them.
 */


#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "ngx_acm_sink.h"


#define NGX_ACM_EXEC_REFUSED   65            /* EX_DATAERR */
#define NGX_ACM_EXEC_STEP      20            /* milliseconds between looks */
#define NGX_ACM_EXEC_SAID      256           /* octets kept of its stderr */
#define NGX_ACM_EXEC_ENV       8
#define NGX_ACM_EXEC_PATH                                                     \
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


/* what the process between tells; at most PIPE_BUF octets */

typedef struct {
    int                  status;             /* of waitpid() */
    int                  late;
    int                  error;              /* errno of fork() */
    size_t               len;
    char                 said[NGX_ACM_EXEC_SAID];
} ngx_acm_exec_report_t;


typedef struct {
    ngx_acm_sink_t      *sink;
    ngx_connection_t    *c;                  /* the pipe */
    int                  input;              /* the event */
    int                  pipe[2];
    char                *env[NGX_ACM_EXEC_ENV];
    ngx_uint_t           nenv;
} ngx_acm_exec_t;


static ngx_int_t ngx_acm_exec_prepare(ngx_acm_exec_t *x);
static ngx_int_t ngx_acm_exec_env(ngx_acm_exec_t *x, const char *name,
    const char *value);
static ngx_int_t ngx_acm_exec_watch(ngx_acm_exec_t *x);
static void ngx_acm_exec_between(ngx_acm_exec_t *x);
static void ngx_acm_exec_program(ngx_acm_exec_t *x, int said);
static void ngx_acm_exec_wait(ngx_acm_exec_t *x, pid_t pid, int said,
    ngx_acm_exec_report_t *report);
static void ngx_acm_exec_listen(int said, int wait,
    ngx_acm_exec_report_t *report);
static void ngx_acm_exec_signals(void);
static void ngx_acm_exec_close(int from);
static void ngx_acm_exec_event(ngx_event_t *ev);
static void ngx_acm_exec_result(ngx_acm_sink_t *s,
    ngx_acm_exec_report_t *report);
static void ngx_acm_exec_free(ngx_acm_exec_t *x);


ngx_int_t
ngx_acm_sink_exec(ngx_acm_sink_t *s)
{
    pid_t            pid;
    ngx_acm_exec_t  *x;

    if (geteuid() == 0) {
        ngx_acm_sink_results(s, ACM_SINK_FAILED, "programs are not run as "
                             "root: set \"user\" to another one, and have a "
                             "master process");
        return NGX_DONE;
    }

    x = acm_calloc(1, sizeof(ngx_acm_exec_t));

    if (x == NULL) {
        return NGX_DONE;
    }

    x->sink = s;
    x->input = -1;
    x->pipe[0] = -1;
    x->pipe[1] = -1;

    s->work = x;

    if (ngx_acm_exec_prepare(x) != NGX_OK
        || ngx_acm_exec_watch(x) != NGX_OK)
    {
        ngx_acm_exec_free(x);
        return NGX_DONE;
    }

    pid = fork();

    if (pid == -1) {
        ngx_acm_sink_results(s, ACM_SINK_FAILED, "fork() failed");
        ngx_acm_exec_free(x);
        return NGX_DONE;
    }

    if (pid == 0) {
        ngx_acm_exec_between(x);
        _exit(0);
    }

    (void) close(x->pipe[1]);
    (void) close(x->input);

    x->pipe[1] = -1;
    x->input = -1;

    return NGX_AGAIN;
}


/* All that needs memory, and files: the event is in one without a name. */

static ngx_int_t
ngx_acm_exec_prepare(ngx_acm_exec_t *x)
{
    char             at[32];
    ssize_t          n;
    ngx_acm_sink_t  *s;
    acm_event_t     *event;

    s = x->sink;
    event = &s->letters[0]->event;

    if (acm_event_json(event, &s->text) != ACM_OK) {
        s->text.rc = ACM_OK;
        return NGX_ERROR;
    }

    acm_buf_u8(&s->text, LF);

    x->env[x->nenv++] = acm_strdup(NGX_ACM_EXEC_PATH);

    if (x->env[0] == NULL
        || ngx_acm_exec_env(x, "ACM_EVENT_ID", event->id) != NGX_OK
        || ngx_acm_exec_env(x, "ACM_EVENT_KIND", acm_event_word(event->kind))
           != NGX_OK
        || ngx_acm_exec_env(x, "ACM_EVENT_TYPE", acm_event_type(event->kind))
           != NGX_OK
        || ngx_acm_exec_env(x, "ACM_EVENT_TIME",
                            acm_time_text(event->at, at))
           != NGX_OK
        || ngx_acm_exec_env(x, "ACM_EVENT_RESOURCE", event->resource)
           != NGX_OK
        || ngx_acm_exec_env(x, "ACM_EVENT_SINK", (char *) s->conf->name.data)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    x->input = memfd_create("acm-event", MFD_CLOEXEC);

    if (x->input == -1 || pipe2(x->pipe, O_CLOEXEC|O_NONBLOCK) == -1) {
        return NGX_ERROR;
    }

    n = write(x->input, s->text.data, s->text.len);

    if (n != (ssize_t) s->text.len || lseek(x->input, 0, SEEK_SET) == -1) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_acm_exec_env(ngx_acm_exec_t *x, const char *name, const char *value)
{
    size_t  len;
    char   *p;

    len = ngx_strlen(name) + 1 + ngx_strlen(value) + 1;
    p = acm_alloc(len);

    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf((u_char *) p, "%s=%s%Z", name, value);

    /* the last one stays NULL */
    x->env[x->nenv++] = p;

    return NGX_OK;
}


static ngx_int_t
ngx_acm_exec_watch(ngx_acm_exec_t *x)
{
    ngx_log_t         *log;
    ngx_connection_t  *c;

    log = ngx_cycle->log;

    c = ngx_get_connection(x->pipe[0], log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->data = x;
    c->read->handler = ngx_acm_exec_event;
    c->read->log = log;
    c->write->log = log;

    x->c = c;

    return ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT);
}


/* The process between: 0 is the event, 1 the pipe to the helper. */

static void
ngx_acm_exec_between(ngx_acm_exec_t *x)
{
    int                    said[2];
    pid_t                  pid;
    ssize_t                n;
    ngx_acm_exec_report_t  report;

    ngx_memzero(&report, sizeof(ngx_acm_exec_report_t));

    ngx_acm_exec_signals();

    /* the helper's lock, for one, must not outlive the helper here */

    if (dup2(x->input, 0) == -1 || dup2(x->pipe[1], 1) == -1) {
        return;
    }

    ngx_acm_exec_close(3);

    if (pipe2(said, O_CLOEXEC) == -1) {
        report.error = errno;
        pid = -1;

    } else {
        pid = fork();
        report.error = (pid == -1) ? errno : 0;
    }

    if (pid == 0) {
        ngx_acm_exec_program(x, said[1]);
        _exit(127);
    }

    if (pid != -1) {
        (void) close(said[1]);
        ngx_acm_exec_wait(x, pid, said[0], &report);
    }

    n = write(1, &report, sizeof(ngx_acm_exec_report_t));
    (void) n;
}


static void
ngx_acm_exec_program(ngx_acm_exec_t *x, int said)
{
    int      null;
    char   **argv;
    ssize_t  n;

    static const char  failed[] = "it cannot be run";

    argv = x->sink->conf->argv;

    (void) setpgid(0, 0);
    (void) umask(077);

    null = open("/dev/null", O_RDWR|O_CLOEXEC);

    /* the event is its standard input already */

    if (null == -1 || dup2(null, 1) == -1 || dup2(said, 2) == -1) {
        return;
    }

    ngx_acm_exec_close(3);

    if (chdir("/") == 0) {
        (void) execve(argv[0], argv, x->env);
    }

    n = write(2, failed, sizeof(failed) - 1);
    (void) n;
}


static void
ngx_acm_exec_wait(ngx_acm_exec_t *x, pid_t pid, int said,
    ngx_acm_exec_report_t *report)
{
    int              rc;
    int64_t          end;
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    end = (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000
          + (int64_t) x->sink->conf->timeout;

    for ( ;; ) {
        rc = waitpid(pid, &report->status, WNOHANG);

        if (rc == pid) {
            break;
        }

        if (rc == -1 && errno != EINTR) {
            report->error = errno;
            return;
        }

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);

        if ((int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000 >= end) {
            report->late = 1;

            (void) kill(-pid, SIGKILL);
            (void) kill(pid, SIGKILL);

            do {
                rc = waitpid(pid, &report->status, 0);
            } while (rc == -1 && errno == EINTR);

            break;
        }

        ngx_acm_exec_listen(said, NGX_ACM_EXEC_STEP, report);
    }

    /* what it left behind in its group goes with it */
    (void) kill(-pid, SIGKILL);

    ngx_acm_exec_listen(said, 0, report);
}


/* Keeps the beginning of what it says on stderr. */

static void
ngx_acm_exec_listen(int said, int wait, ngx_acm_exec_report_t *report)
{
    char           buf[512];
    size_t         len;
    ssize_t        n;
    struct pollfd  p;

    p.fd = said;
    p.events = POLLIN;

    if (poll(&p, 1, wait) <= 0) {
        return;
    }

    n = read(said, buf, sizeof(buf));

    if (n <= 0) {

        /* closed: the program may go on without */

        if (wait) {
            (void) poll(NULL, 0, wait);
        }

        return;
    }

    len = ngx_min((size_t) n, NGX_ACM_EXEC_SAID - report->len);

    ngx_memcpy(report->said + report->len, buf, len);
    report->len += len;
}


/* nginx has handlers, and blocks some. */

static void
ngx_acm_exec_signals(void)
{
    int       i;
    sigset_t  set;

    for (i = 1; i < NSIG; i++) {
        (void) signal(i, SIG_DFL);
    }

    (void) sigemptyset(&set);
    (void) sigprocmask(SIG_SETMASK, &set, NULL);
}


static void
ngx_acm_exec_close(int from)
{
    int  fd, last;

#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned) from, ~0U, 0) == 0) {
        return;
    }
#endif

    last = (int) sysconf(_SC_OPEN_MAX);

    for (fd = from; fd < last; fd++) {
        (void) close(fd);
    }
}


static void
ngx_acm_exec_event(ngx_event_t *ev)
{
    ssize_t                 n;
    ngx_connection_t       *c;
    ngx_acm_exec_t         *x;
    ngx_acm_sink_t         *s;
    ngx_acm_exec_report_t   report;

    c = ev->data;
    x = c->data;
    s = x->sink;

    n = read(x->pipe[0], &report, sizeof(ngx_acm_exec_report_t));

    if (n == -1 && (ngx_errno == NGX_EAGAIN || ngx_errno == NGX_EINTR)) {
        return;
    }

    ngx_acm_exec_free(x);

    if (n != sizeof(ngx_acm_exec_report_t)) {
        ngx_acm_sink_results(s, ACM_SINK_FAILED, "whoever waited for the "
                             "program was killed");

    } else {
        ngx_acm_exec_result(s, &report);
    }

    ngx_acm_sink_ended(s);
}


static void
ngx_acm_exec_result(ngx_acm_sink_t *s, ngx_acm_exec_report_t *report)
{
    u_char      why[ACM_MAX_SINK_ERROR], *p, *last;
    size_t      len;
    acm_sink_e  result;

    if (report->error == 0 && !report->late && report->status == 0) {
        ngx_acm_sink_results(s, ACM_SINK_DELIVERED, NULL);
        return;
    }

    result = ACM_SINK_FAILED;
    last = why + sizeof(why) - 1;

    if (report->error) {
        p = ngx_snprintf(why, last - why, "no process, error %d",
                         report->error);

    } else if (report->late) {
        p = ngx_snprintf(why, last - why, "ended after %M ms, its timeout",
                         s->conf->timeout);

    } else if (WIFEXITED(report->status)) {
        p = ngx_snprintf(why, last - why, "exit status %d",
                         WEXITSTATUS(report->status));

        if (WEXITSTATUS(report->status) == NGX_ACM_EXEC_REFUSED) {
            result = ACM_SINK_REFUSED;
        }

    } else {
        p = ngx_snprintf(why, last - why, "ended by signal %d",
                         WTERMSIG(report->status));
    }

    /* its first line */

    for (len = 0; len < ngx_min(report->len, NGX_ACM_EXEC_SAID); len++) {
        if (report->said[len] == LF || report->said[len] == '\0') {
            break;
        }
    }

    if (len) {
        p = ngx_snprintf(p, last - p, ": %*s", len, report->said);
    }

    *p = '\0';

    ngx_acm_sink_results(s, result, (char *) why);
}


static void
ngx_acm_exec_free(ngx_acm_exec_t *x)
{
    ngx_uint_t  i;

    x->sink->work = NULL;

    if (x->c) {

        /* the pipe, too */

        ngx_close_connection(x->c);

    } else if (x->pipe[0] != -1) {
        (void) close(x->pipe[0]);
    }

    if (x->pipe[1] != -1) {
        (void) close(x->pipe[1]);
    }

    if (x->input != -1) {
        (void) close(x->input);
    }

    for (i = 0; i < x->nenv; i++) {
        acm_free(x->env[i]);
    }

    acm_free(x);
}


/* A program that runs is left to the process between. */

void
ngx_acm_sink_exec_stop(ngx_acm_sink_t *s)
{
    if (s->work) {
        ngx_acm_exec_free(s->work);
    }
}
