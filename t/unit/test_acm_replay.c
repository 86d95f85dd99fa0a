
/*
 * Copyright (C) The ngx_acm authors
 */


#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "acm_replay.h"
#include "test.h"


#define TEST_PROCESSES   4
#define TEST_SIGNATURES  20000
#define TEST_PLACES      (ACM_REPLAY_SETS * ACM_REPLAY_WAYS)


static int
test_setup(void **state)
{
    void  *p;

    p = mmap(NULL, sizeof(acm_replay_t), PROT_READ|PROT_WRITE,
             MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    *state = (p == MAP_FAILED) ? NULL : p;

    return *state ? 0 : -1;
}


static int
test_teardown(void **state)
{
    return munmap(*state, sizeof(acm_replay_t));
}


static const uint8_t *
test_signature(uint32_t n)
{
    static uint8_t  signature[ACM_HASH_LEN];

    memset(signature, 0, sizeof(signature));
    memcpy(signature + 28, &n, sizeof(n));

    return signature;
}


static void
test_use(void **state)
{
    acm_replay_t  *r = *state;

    assert_int_equal(acm_replay_used(r, test_signature(1), 100, 50), 0);
    assert_int_equal(acm_replay_used(r, test_signature(1), 100, 50), 1);
    assert_int_equal(acm_replay_used(r, test_signature(2), 100, 50), 0);
    assert_int_equal(acm_replay_used(r, test_signature(1), 100, 100), 1);

    /* it has expired: whoever verifies would not take it any more */

    assert_int_equal(acm_replay_used(r, test_signature(1), 200, 101), 0);
    assert_int_equal(acm_replay_used(r, test_signature(1), 200, 101), 1);
}


/* With another seed it is in another place. */

static void
test_seed(void **state)
{
    size_t         i, n;
    acm_replay_t  *r = *state, *other;

    other = calloc(1, sizeof(acm_replay_t));
    assert_non_null(other);
    other->seed[ACM_REPLAY_SEED - 1] = 1;

    assert_int_equal(acm_replay_used(r, test_signature(1), 100, 50), 0);
    assert_int_equal(acm_replay_used(other, test_signature(1), 100, 50), 0);

    n = 0;

    for (i = 0; i < ACM_REPLAY_SETS; i++) {
        n += (r->slots[i][0] != 0) + (other->slots[i][0] != 0);
        assert_true(r->slots[i][0] == 0 || other->slots[i][0] == 0);
    }

    assert_int_equal(n, 2);
    free(other);
}


/* One whose time is longer than any may be is not kept for ever. */

static void
test_life(void **state)
{
    acm_replay_t  *r = *state;

    assert_int_equal(acm_replay_used(r, test_signature(1), INT64_MAX, 1), 0);
    assert_int_equal(acm_replay_used(r, test_signature(1), INT64_MAX,
                                     1 + ACM_REPLAY_LIFE), 1);
    assert_int_equal(acm_replay_used(r, test_signature(1), INT64_MAX,
                                     2 + ACM_REPLAY_LIFE), 0);

    /* the clock was set back, and goes on */

    assert_int_equal(acm_replay_used(r, test_signature(2), 100000, 99700), 0);
    assert_int_equal(acm_replay_used(r, test_signature(3), 50000, 49700), 0);
    assert_int_equal(acm_replay_used(r, test_signature(3), 50000, 49701), 1);
    assert_int_equal(acm_replay_used(r, test_signature(2), 100000, 99701), 1);
}


/* Of as many as there are places in a set none is forgotten, of one more the
   one that would expire first. */

static void
test_full(void **state)
{
    size_t         i, j, n;
    uint32_t       members[ACM_REPLAY_WAYS + 1];
    acm_replay_t  *r = *state;

    assert_int_equal(acm_replay_used(r, test_signature(0), 10, 1), 0);

    for (i = 0; r->slots[i][0] == 0; i++) { /* void */ }

    n = 0;

    for (j = 0; n < ACM_REPLAY_WAYS + 1; j++) {
        memset(r->slots, 0, sizeof(r->slots));
        (void) acm_replay_used(r, test_signature((uint32_t) j), 10, 1);

        if (r->slots[i][0]) {
            members[n++] = (uint32_t) j;
        }
    }

    memset(r->slots, 0, sizeof(r->slots));

    for (i = 0; i < ACM_REPLAY_WAYS; i++) {
        assert_int_equal(acm_replay_used(r, test_signature(members[i]),
                                         i == 7 ? 19 : 20, 1), 0);
    }

    for (i = 0; i < ACM_REPLAY_WAYS; i++) {
        assert_int_equal(acm_replay_used(r, test_signature(members[i]), 20, 1),
                         1);
    }

    assert_int_equal(acm_replay_used(r, test_signature(members[i]), 20, 1), 0);

    for (i = 0; i < ACM_REPLAY_WAYS + 1; i++) {
        if (i != 7) {
            assert_int_equal(acm_replay_used(r, test_signature(members[i]), 20,
                                             1), 1);
        }
    }

    assert_int_equal(acm_replay_used(r, test_signature(members[7]), 20, 1), 0);
}


/* They are spread: long before all places are taken none is forgotten, and
   what has expired makes room for as many again. */

static void
test_many(void **state)
{
    int64_t        now;
    uint32_t       i, n;
    acm_replay_t  *r = *state;

    n = TEST_PLACES * 2 / 5;

    for (now = 1; now < 40; now += 13) {
        for (i = 0; i < n; i++) {
            assert_int_equal(acm_replay_used(r, test_signature(i), now + 12,
                                             now), 0);
        }

        for (i = 0; i < n; i++) {
            assert_int_equal(acm_replay_used(r, test_signature(i), now + 12,
                                             now + 12), 1);
        }
    }
}


/* Processes with the same signatures: each is taken by one of them at most,
   even while others expire. */

static void
test_child(acm_replay_t *r, uint8_t *taken, int k)
{
    uint32_t  i;

    for (i = 0; i < TEST_SIGNATURES; i++) {
        if (!acm_replay_used(r, test_signature(i), 700, 100)) {
            __atomic_fetch_add(&taken[i], 1, __ATOMIC_SEQ_CST);
        }

        /* of one's own; they are gone at once */

        (void) acm_replay_used(r, test_signature(i * TEST_PROCESSES
                                                 + (uint32_t) k + 1000000),
                               99 + i % 2, 100);
    }
}


static void
test_processes(void **state)
{
    int            k, status;
    pid_t          pids[TEST_PROCESSES];
    uint8_t       *taken;
    uint32_t       i, n;
    acm_replay_t  *r = *state;

    taken = mmap(NULL, TEST_SIGNATURES, PROT_READ|PROT_WRITE,
                 MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    assert_true(taken != MAP_FAILED);

    for (k = 0; k < TEST_PROCESSES; k++) {
        pids[k] = fork();

        if (pids[k] == 0) {
            test_child(r, taken, k);
            _exit(0);
        }
    }

    for (k = 0; k < TEST_PROCESSES; k++) {
        assert_int_equal(waitpid(pids[k], &status, 0), pids[k]);
        assert_int_equal(status, 0);
    }

    n = 0;

    for (i = 0; i < TEST_SIGNATURES; i++) {
        assert_true(taken[i] <= 1);
        n += taken[i];
    }

    /* that two refuse each other is rare */

    assert_true(n > TEST_SIGNATURES / 2);
    (void) munmap(taken, TEST_SIGNATURES);
}


/* Whoever is killed while it writes leaves nothing that others stop at. */

static void
test_killed(void **state)
{
    int            k, status;
    pid_t          pid;
    uint32_t       i;
    acm_replay_t  *r = *state;

    for (k = 0; k < 50; k++) {
        pid = fork();

        if (pid == 0) {
            for (i = 0; /* void */ ; i++) {
                (void) acm_replay_used(r, test_signature(i), 99 + i % 2, 100);
            }
        }

        i = 2000000 + (uint32_t) k;

        while (acm_replay_used(r, test_signature(i), 200, 100)) {
            i += 1000;
        }

        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(acm_replay_used(r, test_signature(i), 200, 100), 1);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_use, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_seed, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_life, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_full, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_many, test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_processes, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_killed, test_setup,
                                        test_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
