
/*
 * Copyright (C) The ngx_acm authors
 *
 * The file of the audit log: rotation, restart, half a line, a full disk; and
 * kill -9 of one of four processes that write, all the time.  ACM_KILLS sets
 * how often, 60 by default.
 */


#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "acm_audit.h"
#include "test.h"


#define TEST_WRITERS  4
#define TEST_THREADS  4
#define TEST_BIG      20000          /* octets: more than a page */


typedef struct {
    unsigned   of[ACM_AUDIT_HEAD + 1];
    unsigned   n;
    int        quiet;
} test_found_t;


typedef struct {
    char               *dir;
    char                path[300];
    char                head[300];
    acm_audit_log_t    *log;
} test_log_t;


static acm_audit_t
test_call(void)
{
    acm_audit_t  call;

    memset(&call, 0, sizeof(acm_audit_t));

    call.account = "123456789012";
    call.arn = "arn:aws:iam::123456789012:user/Alice";
    call.operation = "ListCertificates";
    call.now = 1458259249;

    return call;
}


static void
test_touch(const char *path)
{
    int  fd;

    fd = open(path, O_WRONLY|O_CREAT|O_APPEND, 0600);
    assert_true(fd != -1);
    close(fd);
}


static void
test_begin(test_log_t *t)
{
    t->dir = test_mkdir();
    snprintf(t->path, sizeof(t->path), "%s/audit.json", t->dir);
    snprintf(t->head, sizeof(t->head), "%s/audit.head", t->dir);
    test_touch(t->path);
    test_ok(acm_audit_open(t->path, t->head, 0, -1, &t->log, NULL));
}


static void
test_end(test_log_t *t)
{
    acm_audit_close(t->log);
    test_rmdir(t->dir);
}


static void
test_write(test_log_t *t, unsigned n)
{
    acm_err_t    err;
    acm_audit_t  call;

    call = test_call();
    err.text[0] = '\0';

    while (n--) {
        if (acm_audit_write(t->log, &call, NULL) != ACM_OK) {
            print_error("%s\n", err.text);
            fail();
        }
    }
}


static void
test_found(void *data, acm_audit_finding_e finding, uint64_t line,
    const char *text)
{
    test_found_t  *f = data;

    f->of[finding]++;
    f->n++;

    if (!f->quiet && acm_audit_fault(finding)) {
        print_error("line %llu: %s\n", (unsigned long long) line, text);
    }
}


static void
test_feed(acm_audit_check_t *c, const char *path)
{
    FILE    *f;
    char     buf[4096];
    size_t   n;

    f = fopen(path, "re");
    assert_non_null(f);

    while ((n = fread(buf, 1, sizeof(buf), f)) > 0) {
        test_ok(acm_audit_check(c, buf, n));
    }

    fclose(f);
}


/* Verifies these files; returns the last number. */

static uint64_t
test_verify(test_log_t *t, const char *const *paths, test_found_t *found,
    uint64_t *faults)
{
    acm_audit_check_t  c;

    acm_audit_check_init(&c, test_found, found);
    (void) acm_audit_head_read(t->head, &c.head, NULL);

    for ( ; *paths != NULL; paths++) {
        test_feed(&c, *paths);
        acm_audit_check_end(&c, paths[1] == NULL);
    }

    *faults = c.faults;

    return c.last.number;
}


static uint64_t
test_good(test_log_t *t, const char *older)
{
    uint64_t       last, faults;
    test_found_t   found;
    const char    *paths[3];

    memset(&found, 0, sizeof(found));
    paths[0] = older ? older : t->path;
    paths[1] = older ? t->path : NULL;
    paths[2] = NULL;

    last = test_verify(t, paths, &found, &faults);
    assert_int_equal(faults, 0);

    return last;
}


static void
test_append(const char *path, const char *text, size_t len)
{
    int  fd;

    fd = open(path, O_WRONLY|O_APPEND);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}


static void
test_rotation(void **state)
{
    char          older[320];
    test_log_t    t, second;

    (void) state;

    test_begin(&t);
    second = t;
    test_ok(acm_audit_open(t.path, t.head, 1, -1, &second.log, NULL));

    test_write(&t, 3);
    test_write(&second, 2);
    assert_int_equal(test_good(&t, NULL), 5);

    snprintf(older, sizeof(older), "%s/audit.json.1", t.dir);
    assert_int_equal(rename(t.path, older), 0);

    /* nobody has made a new one yet */

    test_write(&second, 1);
    test_write(&t, 1);
    test_touch(t.path);

    /* nor given it to the workers */

    if (geteuid() != 0) {
        assert_int_equal(chmod(t.path, 0), 0);
        test_write(&second, 1);
        assert_int_equal(chmod(t.path, 0600), 0);

    } else {
        assert_int_equal(chown(t.dir, 65534, (gid_t) -1), 0);
        assert_int_equal(seteuid(65534), 0);
        test_write(&second, 1);
        assert_int_equal(seteuid(0), 0);
    }

    /* and now all write to it */

    test_write(&t, 1);
    test_write(&second, 2);
    test_write(&t, 1);

    assert_int_equal(test_good(&t, older), 12);

    /* as a restart, with a new file at once */

    acm_audit_close(t.log);
    acm_audit_close(second.log);
    assert_int_equal(rename(t.path, older), 0);
    test_touch(t.path);
    test_ok(acm_audit_open(t.path, t.head, 0, -1, &t.log, NULL));
    test_write(&t, 2);
    assert_int_equal(test_good(&t, older), 14);

    /* copied and cut, as logrotate's copytruncate */

    assert_int_equal(rename(t.path, older), 0);
    test_touch(t.path);
    test_write(&t, 2);
    assert_int_equal(truncate(t.path, 0), 0);
    test_write(&t, 2);
    assert_int_equal(test_good(&t, NULL), 18);

    test_end(&t);
}


/* Whoever comes between a file's move and the next one of its name. */

static void
test_moved(void **state)
{
    int           fd;
    char          moved[320], later[320], last[320];
    uint64_t      faults;
    acm_err_t     err;
    const char   *paths[4];
    test_log_t    t, idle, late;
    acm_audit_t   call;
    test_found_t  found;

    (void) state;

    test_begin(&t);
    idle = t;
    late = t;
    call = test_call();
    snprintf(moved, sizeof(moved), "%s/audit.json.1", t.dir);
    snprintf(later, sizeof(later), "%s/audit.json.2", t.dir);
    snprintf(last, sizeof(last), "%s/audit.json.3", t.dir);

    /* as nginx has it: it can only be written */

    fd = open(t.path, O_WRONLY|O_APPEND);
    assert_true(fd != -1);

    test_ok(acm_audit_open(t.path, t.head, 0, -1, &idle.log, NULL));
    assert_int_equal(rename(t.path, moved), 0);

    /* opened before, and not written to yet; and opened just now */

    test_write(&idle, 1);
    test_ok(acm_audit_open(t.path, t.head, 0, fd, &late.log, NULL));
    close(fd);
    test_write(&late, 2);
    acm_audit_close(late.log);

    /* without a descriptor there is no file */

    test_ok(acm_audit_open(t.path, t.head, 0, -1, &late.log, NULL));
    assert_int_equal(acm_audit_write(late.log, &call, &err), ACM_NOTFOUND);
    acm_audit_close(late.log);

    /* another one, of which "idle" hears only, and one that nobody writes to
       before it is moved, too */

    test_touch(t.path);
    acm_audit_reopened(idle.log);
    acm_audit_reopened(t.log);
    test_write(&t, 3);
    assert_int_equal(rename(t.path, later), 0);
    test_write(&idle, 2);

    test_touch(t.path);
    acm_audit_reopened(idle.log);
    acm_audit_reopened(idle.log);
    assert_int_equal(rename(t.path, last), 0);
    test_write(&t, 1);

    paths[0] = moved;
    paths[1] = later;
    paths[2] = last;
    paths[3] = NULL;
    memset(&found, 0, sizeof(found));
    assert_int_equal(test_verify(&t, paths, &found, &faults), 9);
    assert_int_equal(faults, 0);

    acm_audit_close(idle.log);
    test_end(&t);
}


static void
test_no_head(void **state)
{
    test_log_t        t;
    acm_audit_link_t  link;

    (void) state;

    test_begin(&t);
    assert_int_equal(acm_audit_head_read(t.head, &link, NULL), ACM_NOTFOUND);
    test_write(&t, 3);
    test_ok(acm_audit_head_read(t.head, &link, NULL));
    assert_int_equal(link.number, 3);

    /* a damaged one, and none */

    test_append(t.head, "x", 0);
    assert_int_equal(truncate(t.head, 100), 0);
    assert_int_equal(acm_audit_head_read(t.head, &link, NULL), ACM_CORRUPT);
    test_write(&t, 2);
    assert_int_equal(test_good(&t, NULL), 5);

    acm_audit_close(t.log);
    assert_int_equal(unlink(t.head), 0);
    test_ok(acm_audit_open(t.path, t.head, 0, -1, &t.log, NULL));
    test_write(&t, 2);
    assert_int_equal(test_good(&t, NULL), 7);

    /* with what is no line behind the last one */

    test_append(t.path, "bad\n", 4);
    assert_int_equal(truncate(t.head, 0), 0);
    test_write(&t, 1);
    test_ok(acm_audit_head_read(t.head, &link, NULL));
    assert_int_equal(link.number, 8);

    test_end(&t);
}


/* A process was killed before it had written all of it, or the head. */

static void
test_killed(void **state)
{
    char           older[320];
    uint64_t       faults;
    test_log_t     t;
    struct stat    st;
    test_found_t   found;
    const char    *paths[3];

    (void) state;

    test_begin(&t);
    test_write(&t, 3);

    /* the head is of the line before */

    {
        FILE  *f;
        char   text[257];

        f = fopen(t.head, "r+");
        assert_int_equal(fread(text, 1, 256, f), 256);
        test_write(&t, 1);
        rewind(f);
        assert_int_equal(fwrite(text, 1, 256, f), 256);
        fclose(f);
    }

    /* closing a descriptor of it has cost no lock: none was held */

    test_write(&t, 1);
    assert_int_equal(test_good(&t, NULL), 5);

    /* half a line */

    test_append(t.path, "{\"eventVersion\":\"1.1", 20);
    memset(&found, 0, sizeof(found));
    found.quiet = 1;
    paths[0] = t.path;
    paths[1] = NULL;
    (void) test_verify(&t, paths, &found, &faults);
    assert_int_equal(found.of[ACM_AUDIT_TORN], 1);
    assert_int_equal(faults, 1);

    test_write(&t, 1);
    memset(&found, 0, sizeof(found));
    assert_int_equal(test_verify(&t, paths, &found, &faults), 7);
    assert_int_equal(faults, 0);
    assert_int_equal(found.of[ACM_AUDIT_RESUMED], 1);

    /* the same, and moved away before anybody wrote */

    test_append(t.path, "{\"event", 7);
    snprintf(older, sizeof(older), "%s/audit.json.1", t.dir);
    assert_int_equal(rename(t.path, older), 0);
    test_touch(t.path);
    test_write(&t, 1);

    memset(&found, 0, sizeof(found));
    paths[0] = older;
    paths[1] = t.path;
    paths[2] = NULL;
    assert_int_equal(test_verify(&t, paths, &found, &faults), 9);
    assert_int_equal(faults, 0);
    assert_int_equal(found.of[ACM_AUDIT_RESUMED], 2);

    /* somebody cuts the last line in half: no line is lost behind it */

    test_write(&t, 2);
    assert_int_equal(stat(t.path, &st), 0);
    assert_int_equal(truncate(t.path, st.st_size - 10), 0);
    test_write(&t, 2);

    memset(&found, 0, sizeof(found));
    found.quiet = 1;
    (void) test_verify(&t, paths, &found, &faults);
    assert_int_equal(faults, 1);
    assert_int_equal(found.of[ACM_AUDIT_MISSING], 1);
    assert_int_equal(found.of[ACM_AUDIT_RESUMED], 3);

    test_end(&t);
}


static void
test_faults(void **state)
{
    int                pid, status;
    char               path[300];
    acm_err_t          err;
    test_log_t         t;
    acm_audit_t        call;
    struct rlimit      limit;
    struct stat        st;
    acm_audit_log_t   *log;

    (void) state;

    test_begin(&t);
    call = test_call();
    test_write(&t, 1);

    assert_int_equal(acm_audit_open(t.path, "/nonexistent/head", 0, -1, &log,
                                    &err),
                     ACM_NOTFOUND);

    snprintf(path, sizeof(path), "%s/none", t.dir);
    test_ok(acm_audit_open(path, t.head, 0, -1, &log, NULL));
    assert_int_equal(acm_audit_write(log, &call, &err), ACM_NOTFOUND);
    acm_audit_close(log);

    test_ok(acm_audit_open("/dev/null", t.head, 0, -1, &log, NULL));
    assert_int_equal(acm_audit_write(log, &call, &err), ACM_INVALID);
    assert_non_null(strstr(err.text, "regular file"));
    acm_audit_close(log);

    /* a full disk, in the middle of a line: it is taken back */

    assert_int_equal(stat(t.path, &st), 0);
    pid = fork();

    if (pid == 0) {
        signal(SIGXFSZ, SIG_IGN);
        limit.rlim_cur = (rlim_t) st.st_size + 100;
        limit.rlim_max = limit.rlim_cur;
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit(acm_audit_write(t.log, &call, &err) == ACM_FULL ? 0 : 1);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    test_write(&t, 1);
    assert_int_equal(test_good(&t, NULL), 2);

    /* a process that is stopped with the lock */

    pid = fork();

    if (pid == 0) {
        struct flock  lock;
        int           fd;

        memset(&lock, 0, sizeof(lock));
        lock.l_type = F_WRLCK;
        fd = open(t.head, O_RDWR);
        fcntl(fd, F_SETLKW, &lock);
        raise(SIGSTOP);
        _exit(0);
    }

    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_int_equal(acm_audit_write(t.log, &call, &err), ACM_BUSY);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    test_write(&t, 1);
    assert_int_equal(test_good(&t, NULL), 3);

    test_end(&t);
}


static void *
test_thread(void *data)
{
    int          i;
    test_log_t  *t = data;
    acm_audit_t  call;

    call = test_call();

    for (i = 0; i < 200; i++) {
        if (acm_audit_write(t->log, &call, NULL) != ACM_OK) {
            return t;
        }
    }

    return NULL;
}


static void
test_threads(void **state)
{
    int         i;
    void       *failed;
    pthread_t   threads[TEST_THREADS];
    test_log_t  t;

    (void) state;

    test_begin(&t);

    for (i = 0; i < TEST_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, test_thread, &t),
                         0);
    }

    for (i = 0; i < TEST_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }

    assert_int_equal(test_good(&t, NULL), 200 * TEST_THREADS);

    test_end(&t);
}


/* Lines of all sizes; one octet into the pipe for each that is written. */

static void
test_writer(test_log_t *t, uint32_t seed, int fd)
{
    char          *big;
    json_t        *json;
    acm_rc_t       rc;
    acm_audit_t    call;

    big = malloc(TEST_BIG + 1);
    json = json_object();
    call = test_call();
    call.parameters = json;

    for ( ;; ) {
        memset(big, 'x', TEST_BIG);
        big[test_random(&seed) % TEST_BIG] = '\0';
        json_object_set_new(json, "NextToken", json_string(big));

        rc = acm_audit_write(t->log, &call, NULL);

        if (rc == ACM_BUSY || rc == ACM_NOTFOUND) {

            /* on a machine that is busy; or it has not opened the file yet,
               and there is none in the middle of a rotation */

            continue;
        }

        if (rc != ACM_OK || write(fd, "", 1) != 1) {
            _exit(1);
        }
    }
}


static pid_t
test_spawn(test_log_t *t, uint32_t seed, int fd)
{
    pid_t  pid;

    pid = fork();
    assert_true(pid >= 0);

    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);

        if (acm_audit_open(t->path, t->head, 0, -1, &t->log, NULL)
            != ACM_OK)
        {
            _exit(1);
        }

        test_writer(t, seed, fd);
    }

    return pid;
}


static void
test_kill(void **state)
{
    int            pipes[2], status, i;
    char           buf[4096], older[60][320];
    pid_t          pids[TEST_WRITERS];
    ssize_t        n;
    uint32_t       seed, kills, round, nolder;
    uint64_t       last, written, faults;
    test_log_t     t;
    const char    *env, *paths[62];
    test_found_t   found;

    (void) state;

    env = getenv("ACM_KILLS");
    kills = (env == NULL) ? 60 : (uint32_t) strtoul(env, NULL, 10);
    seed = 4711;
    nolder = 0;
    written = 0;

    test_begin(&t);
    acm_audit_close(t.log);
    t.log = NULL;
    assert_int_equal(pipe(pipes), 0);

    for (i = 0; i < TEST_WRITERS; i++) {
        pids[i] = test_spawn(&t, test_random(&seed), pipes[1]);
    }

    for (round = 0; round < kills; round++) {

        /* all of them write, one dies at any moment */

        n = read(pipes[0], buf, sizeof(buf));
        assert_true(n > 0);
        written += (uint64_t) n;

        usleep(test_random(&seed) % 4000);

        i = (int) (test_random(&seed) % TEST_WRITERS);
        kill(pids[i], SIGKILL);
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFSIGNALED(status));

        if (round % 10 == 9 && nolder < 60) {
            snprintf(older[nolder], sizeof(older[0]), "%s/audit.json.%u",
                     t.dir, nolder);
            assert_int_equal(rename(t.path, older[nolder]), 0);
            usleep(test_random(&seed) % 2000);
            test_touch(t.path);
            nolder++;
        }

        pids[i] = test_spawn(&t, test_random(&seed), pipes[1]);
    }

    for (i = 0; i < TEST_WRITERS; i++) {
        kill(pids[i], SIGKILL);
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
    }

    close(pipes[1]);

    while ((n = read(pipes[0], buf, sizeof(buf))) > 0) {
        written += (uint64_t) n;
    }

    close(pipes[0]);

    /* the next one tidies up behind them */

    test_ok(acm_audit_open(t.path, t.head, 0, -1, &t.log, NULL));
    test_write(&t, 1);

    for (i = 0; i < (int) nolder; i++) {
        paths[i] = older[i];
    }

    paths[i] = t.path;
    paths[i + 1] = NULL;

    memset(&found, 0, sizeof(found));
    last = test_verify(&t, paths, &found, &faults);
    assert_int_equal(faults, 0);

    /* each that was acknowledged, and at most one for each that was killed
       besides, a line about half a line, and the last one */

    print_message("%llu acknowledged, %llu lines, %u of them torn\n",
                  (unsigned long long) written, (unsigned long long) last,
                  found.of[ACM_AUDIT_RESUMED]);

    assert_true(last >= written + 1);
    assert_true(last <= written + 1 + 2 * (kills + TEST_WRITERS));

    test_end(&t);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_no_head),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_kill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
