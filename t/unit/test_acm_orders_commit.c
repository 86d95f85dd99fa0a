
/*
 * Copyright (C) The ngx_acm authors
 *
 * Orders over ACME in a simulated world: what goes on while commits are made,
 * what does not, and what is one commit.
 */


#include "sim.h"

#include "acm_order_impl.h"
#include "acm_orders_impl.h"


/* While a commit is under way other orders go on, but not those that it is
   of; and what they change meanwhile is one commit. */

static void
test_aside(void **state)
{
    size_t     i, during;
    sim_t     *s;
    uint64_t   before;

    (void) state;

    s = sim_new(20, 1);
    s->sync = 400;
    s->cas[0].delay = 30;
    during = 0;

    for (i = 0; i < 100000 && sim_until(s, 1, 0) < 20; i++) {
        before = sim_requests(s);
        sim_step(s, INT64_MAX);

        if (s->batch == NULL) {
            continue;
        }

        during += (size_t) (sim_requests(s) - before);

        if (sim_entries(s, ACM_DB_ORDER) == 0 && sim_until(s, 1, 0) == 0) {

            /* none is begun yet: the CA has heard of none */

            assert_int_equal(s->cas[0].count[SIM_ORDER], 0);
        }
    }

    assert_in_range(during, 20, 1000000);
    assert_in_range(s->commits, 10, 60);
    sim_check_quiet(s);

    for (i = 0; i < 20; i++) {
        assert_int_equal(s->seen[i].orders, 1);
    }

    sim_free(s);
}


/* On a slow disk more waits than one commit may have: it is two, and none of
   the orders is begun or ended again, which would be a fault. */

static void
test_aside_large(void **state)
{
    size_t   i;
    sim_t   *s;

    (void) state;

    s = sim_new(30, ACM_MAX_NAMES);
    s->sync = 60000;

    assert_int_equal(sim_until(s, 1, 3600), 30);
    assert_int_equal(s->faults, 0);

    for (i = 0; i < 30; i++) {
        assert_int_equal(s->seen[i].orders, 1);
    }

    sim_free(s);
}


/* The disk is full for a while: it is told, and each order is made once. */

static void
test_aside_full(void **state)
{
    size_t   i;
    sim_t   *s;

    (void) state;

    s = sim_new(20, 1);
    sim_run(s, 0);

    while (s->cas[0].count[SIM_AUTHZ] < 10) {
        sim_step(s, INT64_MAX);
    }

    assert_int_equal(s->faults, 0);
    s->full = 1;
    sim_run(s, 3);
    assert_in_range(s->faults, 1, 10);
    s->full = 0;

    assert_int_equal(sim_until(s, 1, 60), 20);
    sim_check_quiet(s);

    for (i = 0; i < 20; i++) {
        assert_int_equal(s->seen[i].orders, 1);
    }

    sim_free(s);
}


/* Where the only order in the store is; to be freed, NULL: not known. */

static char *
sim_order_url(sim_t *s)
{
    char             *url;
    acm_snap_t       *snap;
    acm_entry_t       entry;
    acm_order_rec_t   rec;

    url = NULL;
    test_ok(acm_store_begin(s->store, &snap, NULL));
    test_ok(acm_store_seek(snap, ACM_DB_ORDER, NULL, 0, &entry));
    test_ok(acm_order_decode(entry.data, entry.len, &rec));
    acm_store_end(snap);

    if (rec.url != NULL && *rec.url != '\0') {
        url = strdup(rec.url);
    }

    acm_order_rec_free(&rec);

    return url;
}


/* While the order's URL goes to the disk its authorizations are read, and
   nothing is changed before it is there, which may take two commits. */

static void
test_saving(void **state)
{
    int        fails;
    char      *url;
    sim_t     *s;
    int64_t    end;

    (void) state;

    for (fails = 0; fails < 2; fails++) {
        s = sim_new(1, 2);
        s->cas[0].delay = 30;

        while (s->cas[0].count[SIM_ORDER] == 0 || s->batch == NULL) {
            sim_step(s, INT64_MAX);
        }

        end = s->ticks + 5000;
        s->done_at = end;

        if (fails) {
            s->made = 1;
            s->made_rc = acm_fail(&s->made_err, ACM_FULL, "the disk is full");
        }

        while (s->ticks < end - 1) {
            assert_non_null(s->batch);
            sim_step(s, end - 1);
        }

        assert_int_equal(s->cas[0].count[SIM_AUTHZ], 2);
        assert_int_equal(s->cas[0].count[SIM_CHALLENGE], 0);
        assert_int_equal(sim_entries(s, ACM_DB_CHALLENGE), 0);

        while (s->cas[0].count[SIM_CHALLENGE] == 0) {
            sim_step(s, INT64_MAX);
        }

        url = sim_order_url(s);
        assert_non_null(url);
        free(url);

        assert_int_equal(sim_until(s, 1, 60), 1);
        assert_int_equal(s->seen[0].orders, 1);
        assert_int_equal(s->faults, fails);
        sim_check_quiet(s);
        sim_free(s);
    }
}


/* An order that fails meanwhile ends behind that commit, which would bring it
   back. */

static void
test_saving_ends(void **state)
{
    sim_t    *s;
    int64_t   end;

    (void) state;

    s = sim_new(1, 1);
    s->cas[0].delay = 30;
    sim_fault(&s->cas[0], SIM_AUTHZ, 403, "unauthorized");

    while (s->cas[0].count[SIM_ORDER] == 0 || s->batch == NULL) {
        sim_step(s, INT64_MAX);
    }

    end = s->ticks + 5000;
    s->done_at = end;

    while (s->ticks < end - 1) {
        sim_step(s, end - 1);
    }

    assert_int_equal(s->cas[0].count[SIM_AUTHZ], 1);
    assert_int_equal(acm_orders_count(s->engine.orders), 1);
    assert_int_equal(s->reports[ACM_ORDERS_FAILED], 0);

    sim_step(s, end);
    sim_step(s, INT64_MAX);

    assert_int_equal(s->reports[ACM_ORDERS_FAILED], 1);
    assert_int_equal(acm_orders_count(s->engine.orders), 0);
    assert_int_equal(sim_entries(s, ACM_DB_ORDER), 0);

    sim_lift(&s->cas[0]);
    assert_int_equal(sim_until(s, 1, 86400), 1);
    sim_check_quiet(s);
    sim_free(s);
}


/* The process ends while what failed to be written waits for an answer. */

static void
test_saving_quits(void **state)
{
    char       *url;
    sim_t      *s;
    acm_err_t   err;

    (void) state;

    s = sim_new(1, 2);
    s->cas[0].delay = 30;

    while (s->cas[0].count[SIM_ORDER] == 0 || s->batch == NULL) {
        sim_step(s, INT64_MAX);
    }

    s->done_at = s->ticks + 5;
    s->made = 1;
    s->made_rc = acm_fail(&s->made_err, ACM_FULL, "the disk is full");

    while (s->batch != NULL) {
        sim_step(s, s->done_at);
    }

    assert_int_equal(s->faults, 1);
    assert_null(sim_order_url(s));

    test_ok(acm_orders_release(s->engine.orders, &err));

    url = sim_order_url(s);
    assert_non_null(url);
    free(url);
    sim_free(s);
}


/* With one place at the CA, the next order is begun in the commit that
   installs the certificate before it; and not a commit earlier. */

static void
test_vacant(void **state)
{
    size_t     n;
    sim_t     *s;
    uint64_t   commits;

    (void) state;

    s = sim_new(10, 1);
    s->issuers[0].orders = 1;
    commits = 0;

    for (n = 0; n != 10; n = sim_until(s, 1, 0)) {

        if (n == 1 && commits == 0) {
            commits = s->commits;
        }

        sim_step(s, INT64_MAX);

        assert_in_range(s->cas[0].count[SIM_ORDER], 0,
                        s->cas[0].count[SIM_DOWNLOAD] + 1);
    }

    /* where it is, what the CA will find, and the end with a beginning */

    assert_int_equal(s->commits - commits, 3 * 9);

    sim_check_quiet(s);
    sim_free(s);
}


/* What is configured is made in commits of many; if one fails, each is made
   alone, and nothing twice. */

static void
test_ensured(void **state)
{
    unsigned   full;
    sim_t     *s;

    (void) state;

    for (full = 0; full < 4; full += 3) {
        s = sim_new(200, 1);

        while (sim_entries(s, ACM_DB_CERTIFICATE) < 200) {
            s->full = full;
            sim_step(s, s->ticks + 100);
            s->full = 0;
        }

        if (full == 0) {
            assert_in_range(s->commits, 1, 6);

        } else {
            assert_in_range(s->commits, 65, 1000000);
        }

        assert_int_equal(sim_until(s, 1, 600), 200);
        assert_int_equal(sim_entries(s, ACM_DB_CERTIFICATE), 200);
        assert_int_equal(sim_entries(s, ACM_DB_IDENTITY), 200);
        assert_int_equal(s->cas[0].count[SIM_ORDER], 200);

        sim_check_quiet(s);
        sim_free(s);
    }
}


/* Two requests for the same certificate: it is made once. */

static void
test_twins(void **state)
{
    sim_t        *s;
    char *const  *own;

    (void) state;

    s = sim_new(3, 1);
    own = s->requests[2].names;
    s->requests[2].names = s->requests[0].names;

    sim_run(s, 60);

    assert_int_equal(sim_entries(s, ACM_DB_CERTIFICATE), 2);
    assert_int_equal(s->cas[0].count[SIM_ORDER], 2);

    s->requests[2].names = own;
    sim_free(s);
}


/* Memory that runs out says nothing about the CA: once its order has an URL
   that order is brought to its end, and the certificate is not thrown away. */

static void
test_scarce(void **state)
{
    sim_t          *s;
    int64_t         end;
    unsigned long   n, left;

    (void) state;

    for (n = 1, left = 0; left == 0; n++) {
        s = sim_new(1, 1);

        while (s->cas[0].count[SIM_AUTHZ] == 0) {
            sim_step(s, INT64_MAX);
        }

        end = s->ticks + 5000;
        (void) acm_alloc_fail_at(n);

        while (s->ticks < end && sim_entries(s, ACM_DB_ORDER) != 0) {
            sim_step(s, end);
        }

        left = acm_alloc_fail_at(0);

        if (sim_until(s, 1, 60) != 1 || s->seen[0].orders != 1) {
            fail_msg("allocation %lu: %u orders, %s", n, s->seen[0].orders,
                     s->text);
        }

        sim_check_quiet(s);
        sim_free(s);
    }

    assert_in_range(n, 100, 100000);
}


/* It is not waited for memory for ever, nor for an order that has no URL. */

static void
test_scarce_ends(void **state)
{
    unsigned          n;
    acm_order_t       o;
    acm_issuer_t      issuer;
    acm_order_rec_t   rec;

    (void) state;

    memset(&issuer, 0, sizeof(acm_issuer_t));
    memset(&rec, 0, sizeof(acm_order_rec_t));
    rec.url = acm_strdup("https://ca.example.com/order/1");
    assert_non_null(rec.url);

    acm_order_init(&o, &rec, &issuer, NULL);

    for (n = 0; n < ACM_ORDER_SCARCE; n++) {
        assert_int_equal(acm_order_scarce(&o), ACM_ACT_WAIT);
        assert_int_equal(o.state, ACM_ORDER_RESUMED);
    }

    assert_int_equal(acm_order_scarce(&o), ACM_ACT_FAILED);
    acm_order_free(&o);

    memset(&rec, 0, sizeof(acm_order_rec_t));
    rec.url = acm_strdup("");
    assert_non_null(rec.url);
    acm_order_init(&o, &rec, &issuer, NULL);
    assert_int_equal(acm_order_scarce(&o), ACM_ACT_FAILED);
    acm_order_free(&o);
}


static acm_rc_t  (*begin_below)(acm_store_t *store, acm_err_t *err);
static sim_t      *begin_sim;
static unsigned    begin_odd, begin_checks;


/* Of each two snapshots of an issued certificate's order the second one, in
   which it is checked, cannot be had. */

static acm_rc_t
test_begin(acm_store_t *store, acm_err_t *err)
{
    acm_job_t  *job;

    job = begin_sim->engine.orders->jobs;

    if (job == NULL || job->order.state != ACM_ORDER_DONE) {
        return begin_below(store, err);
    }

    begin_checks = job->checks;
    begin_odd = !begin_odd;

    return begin_odd ? begin_below(store, err)
                     : acm_fail(err, ACM_BUSY, "busy");
}


/* A certificate that cannot be looked at is given up, but not soon. */

static void
test_unchecked_ends(void **state)
{
    sim_t  *s;

    (void) state;

    s = sim_new(1, 1);

    while (s->cas[0].count[SIM_DOWNLOAD] == 0) {
        sim_step(s, INT64_MAX);
    }

    begin_sim = s;
    begin_odd = 0;
    begin_below = s->ops.begin;
    s->ops.begin = test_begin;

    sim_run(s, ACM_ORDERS_CHECKS * ACM_ORDERS_REDO / 1000 / 2);
    assert_non_null(s->engine.orders->jobs);
    assert_int_equal(s->engine.orders->jobs->order.state, ACM_ORDER_DONE);

    while (s->engine.orders->jobs != NULL) {
        sim_step(s, INT64_MAX);
    }

    assert_int_equal(begin_checks, ACM_ORDERS_CHECKS - 1);
    assert_int_equal(s->seen[0].orders, 1);

    /* the next one is another try */

    s->ops.begin = begin_below;
    assert_int_equal(sim_until(s, 1, SIM_DAY), 1);
    assert_int_equal(s->seen[0].orders, 2);
    sim_free(s);
}


static unsigned  test_kept;


/* While a check is made the account may be forgotten, and the directory be
   another one. */

static acm_rc_t
test_check_keeps_start(void *data, acm_preflight_t *check, acm_err_t *err)
{
    char            url[256];
    acm_session_t  *session;

    (void) data;
    (void) err;

    if (check->stage == ACM_PREFLIGHT_ANSWERS) {
        session = check->order->session;
        snprintf(url, sizeof(url), "%s", acm_session_account(session));

        assert_string_equal(check->account, url);
        assert_ptr_not_equal(check->account, acm_session_account(session));
        assert_ptr_not_equal(check->directory,
                             acm_session_directory(session));

        acm_session_account_lost(session);
        assert_null(acm_session_account(session));
        assert_string_equal(check->account, url);
        test_kept++;
    }

    check->rc = ACM_OK;
    check->done(check);

    return ACM_OK;
}


static void
test_check_keeps_cancel(void *data, acm_preflight_t *check)
{
    (void) data;
    (void) check;
}


static void
test_check_keeps(void **state)
{
    sim_t  *s;

    static acm_checker_t  checker = { .start = test_check_keeps_start,
                                      .cancel = test_check_keeps_cancel };

    (void) state;

    test_kept = 0;
    s = sim_new(1, 1);
    s->checker = &checker;
    s->issuers[0].preflight = 1;
    assert_int_equal(sim_until(s, 1, SIM_DAY), 1);
    assert_int_equal(test_kept, 1);
    sim_free(s);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_aside),
        cmocka_unit_test(test_aside_large),
        cmocka_unit_test(test_aside_full),
        cmocka_unit_test(test_saving),
        cmocka_unit_test(test_saving_ends),
        cmocka_unit_test(test_saving_quits),
        cmocka_unit_test(test_vacant),
        cmocka_unit_test(test_ensured),
        cmocka_unit_test(test_twins),
        cmocka_unit_test(test_scarce),
        cmocka_unit_test(test_scarce_ends),
        cmocka_unit_test(test_unchecked_ends),
        cmocka_unit_test(test_check_keeps)
    };

    if (getenv("ACM_TEST") != NULL) {
        cmocka_set_test_filter(getenv("ACM_TEST"));
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
