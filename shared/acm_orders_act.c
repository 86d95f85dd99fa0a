
/*
 * Copyright (C) The ngx_acm authors
 *
 * What an order's machine asks for, carried out: requests, waits, commits,
 * checks.
 */


#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "acm_name.h"
#include "acm_orders_impl.h"


#define ACM_PREFLIGHT_DIRECTORY  20          /* milliseconds between looks */


static acm_rc_t acm_job_call(acm_job_t *job);
static int acm_job_reads(const acm_job_t *job, acm_action_e action);
static acm_rc_t acm_job_save(acm_job_t *job, acm_err_t *err);
static acm_rc_t acm_job_publish(acm_job_t *job, acm_err_t *err);
static acm_rc_t acm_job_check(acm_job_t *job, acm_err_t *err);
static acm_rc_t acm_job_directory(acm_job_t *job);
static int acm_job_needs_account(const acm_issuer_t *issuer);
static acm_rc_t acm_job_remember(acm_job_t *job);
static void acm_job_checked(acm_preflight_t *check);
static acm_rc_t acm_job_answer(acm_job_t *job, const acm_order_authz_t *a,
    acm_batch_t *batch, int put, acm_err_t *err);
static acm_rc_t acm_job_label(acm_job_t *job, const acm_order_authz_t *a,
    char *label, acm_err_t *err);
static void acm_alpn_subject(const char *name, char *buf, size_t size);


acm_rc_t
acm_job_act(acm_job_t *job, acm_action_e action, int64_t ticks,
    acm_err_t *err)
{
    (void) ticks;

    if ((job->saving || job->unsaved) && !acm_job_reads(job, action)) {
        job->later = 1;
        return job->saving ? ACM_OK : acm_job_put(job, err);
    }

    switch (action) {

    case ACM_ACT_CALL:
        return acm_job_call(job);

    case ACM_ACT_WAIT:
        acm_job_wait(job, job->order.wake);
        return ACM_OK;

    case ACM_ACT_SAVE:
        return acm_job_save(job, err);

    case ACM_ACT_PUBLISH:
        return acm_job_publish(job, err);

    case ACM_ACT_CHECK:
        return acm_job_check(job, err);

    case ACM_ACT_DONE:
        return acm_job_done(job, err);

    case ACM_ACT_FAILED:
        return acm_job_failed(job, err);
    }

    return ACM_OK;
}


static acm_rc_t
acm_job_call(acm_job_t *job)
{
    acm_session_call(job->order.session, &job->order.call);

    return ACM_OK;
}


void
acm_order_batch_put(acm_batch_t *batch, const acm_order_rec_t *rec)
{
    acm_rc_t   rc;
    acm_buf_t  buf;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    rc = acm_order_encode(rec, &buf);

    if (rc == ACM_OK) {
        acm_batch_put(batch, ACM_DB_ORDER, rec->uuid, ACM_UUID_LEN, buf.data,
                      buf.len);

    } else if (batch->rc == ACM_OK) {
        batch->rc = rc;
    }

    acm_buf_free(&buf);
}


void
acm_order_batch_delete(acm_batch_t *batch, const char *uuid)
{
    acm_batch_delete(batch, ACM_DB_ORDER, uuid, ACM_UUID_LEN);
}


/* What changes nothing, here or at the CA. */

static int
acm_job_reads(const acm_job_t *job, acm_action_e action)
{
    return action == ACM_ACT_WAIT
           || (action == ACM_ACT_CALL && job->order.call.payload == NULL);
}


/*
 * The CA has made the order: where it is goes to the disk while its
 * authorizations are read, and is there before anything else is done.
 */

static acm_rc_t
acm_job_save(acm_job_t *job, acm_err_t *err)
{
    acm_rc_t  rc;

    rc = acm_job_put(job, err);

    if (rc == ACM_OK) {
        acm_job_go(job, ACM_EVENT_GO);
    }

    return rc;
}


acm_rc_t
acm_job_put(acm_job_t *job, acm_err_t *err)
{
    acm_rc_t     rc;
    acm_batch_t  batch;

    acm_batch_init(&batch);
    acm_order_batch_put(&batch, &job->order.rec);

    rc = batch.rc;

    if (rc == ACM_OK) {
        acm_job_group(job, &batch);
        job->saving = 1;
        job->unsaved = 0;

    } else {
        (void) acm_fail(err, rc, "an order cannot be written down: %s",
                        acm_rc_text(rc));
    }

    acm_batch_free(&batch);

    return rc;
}


/* The answers are in the store, for every worker, before the CA is told. */

static acm_rc_t
acm_job_publish(acm_job_t *job, acm_err_t *err)
{
    acm_rc_t     rc;
    acm_batch_t  batch;

    acm_batch_init(&batch);

    rc = acm_job_answers(job, &batch, 1, err);

    if (rc == ACM_OK) {
        acm_job_group(job, &batch);
    }

    acm_batch_free(&batch);

    return rc;
}


acm_rc_t
acm_job_answers(acm_job_t *job, acm_batch_t *batch, int put, acm_err_t *err)
{
    size_t              i;
    acm_rc_t            rc;
    acm_order_authz_t  *a;

    for (i = 0; i < job->order.nauthz; i++) {
        a = &job->order.authz[i];

        if (a->method == ACM_METHOD_NONE
            || a->method == ACM_METHOD_DNS_PERSIST_01)
        {
            continue;
        }

        rc = acm_job_answer(job, a, batch, put, err);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    return batch->rc;
}


static acm_rc_t
acm_job_answer(acm_job_t *job, const acm_order_authz_t *a,
    acm_batch_t *batch, int put, acm_err_t *err)
{
    char              auth[ACM_MAX_KEY_AUTH + 1], subject[ACM_MAX_NAME + 1];
    char              value[ACM_THUMBPRINT_LEN + 1];
    acm_rc_t          rc;
    const char       *thumbprint;
    acm_challenge_t   c;

    thumbprint = acm_session_thumbprint(job->order.session);

    if (thumbprint == NULL) {

        /* the account was lost meanwhile: the CA will refuse in any case */

        return ACM_OK;
    }

    (void) snprintf(auth, sizeof(auth), "%s.%s", a->token, thumbprint);

    memset(&c, 0, sizeof(acm_challenge_t));
    memcpy(c.uuid, job->order.rec.uuid, sizeof(c.uuid));

    c.expires = acm_add_sat(acm_now(), ACM_ORDERS_FINISH);
    c.subject = subject;
    c.value = auth;

    if (a->method == ACM_METHOD_HTTP_01) {
        c.kind = ACM_CHALLENGE_HTTP;
        c.subject = a->token;

    } else if (a->method == ACM_METHOD_TLS_ALPN_01) {
        c.kind = ACM_CHALLENGE_ALPN;
        acm_alpn_subject(a->name, subject, sizeof(subject));

    } else {
        c.kind = ACM_CHALLENGE_DNS;
        c.value = value;

        rc = acm_jws_digest(auth, value, err);

        if (rc == ACM_OK) {
            rc = acm_job_label(job, a, subject, err);
        }

        if (rc != ACM_OK) {
            return rc;
        }
    }

    if (put) {
        acm_challenge_put(batch, &c);

    } else {
        acm_challenge_delete(batch, &c);
    }

    return ACM_OK;
}


static acm_rc_t
acm_job_label(acm_job_t *job, const acm_order_authz_t *a, char *label,
    acm_err_t *err)
{
    return acm_validation_ensure(acm_keyring_store(job->orders->conf.ring),
                                 job->order.rec.account, a->name, acm_now(),
                                 label, err);
}


/* RFC 8738 s6: an address is asked for by its reverse name. */

static void
acm_alpn_subject(const char *name, char *buf, size_t size)
{
    int             i;
    char           *p;
    struct in_addr  v4;
    struct in6_addr v6;
    const uint8_t  *o;

    if (inet_pton(AF_INET, name, &v4) == 1) {
        o = (const uint8_t *) &v4;
        (void) snprintf(buf, size, "%u.%u.%u.%u.in-addr.arpa", o[3], o[2],
                        o[1], o[0]);

    } else if (inet_pton(AF_INET6, name, &v6) == 1) {
        o = (const uint8_t *) &v6;
        p = buf;

        for (i = 15; i >= 0; i--) {
            (void) snprintf(p, size - (size_t) (p - buf), "%x.%x.",
                            o[i] & 15, o[i] >> 4);
            p += 4;
        }

        (void) snprintf(p, size - (size_t) (p - buf), "ip6.arpa");

    } else {
        (void) snprintf(buf, size, "%s", name);
    }
}


/* These have the account's URL in their records. */

static int
acm_job_needs_account(const acm_issuer_t *issuer)
{
    size_t  i;

    for (i = 0; i < issuer->nmethods; i++) {
        if (issuer->methods[i] == ACM_METHOD_DNS_ACCOUNT_01
            || issuer->methods[i] == ACM_METHOD_DNS_PERSIST_01)
        {
            return 1;
        }
    }

    return 0;
}


/* The CA's names for CAA are in its directory: that comes first. */

static acm_rc_t
acm_job_directory(acm_job_t *job)
{
    if (acm_session_blocked(job->order.session) > acm_ticks()) {
        (void) acm_order_fail(&job->order, ACM_FAULT_CA, "%s",
                              acm_session_error(job->order.session));
        acm_job_go(job, ACM_EVENT_GO);
        return ACM_OK;
    }

    acm_session_want(job->order.session,
                     acm_job_needs_account(job->order.issuer));
    acm_job_wait(job, acm_ticks() + ACM_PREFLIGHT_DIRECTORY);

    job->event = ACM_EVENT_GO;

    return ACM_OK;
}


static acm_rc_t
acm_job_check(acm_job_t *job, acm_err_t *err)
{
    acm_rc_t        rc;
    acm_preflight_t    *check;
    acm_checker_t  *checker;

    checker = job->orders->conf.checker;

    if (checker == NULL || checker->start == NULL) {
        job->order.checked = 1;
        acm_job_go(job, ACM_EVENT_GO);
        return ACM_OK;
    }

    check = &job->check;

    if (job->order.state == ACM_ORDER_NEW
        && (acm_session_directory(job->order.session) == NULL
            || (acm_session_account(job->order.session) == NULL
                && acm_job_needs_account(job->order.issuer))))
    {
        return acm_job_directory(job);
    }

    acm_buf_free(&check->findings);
    acm_buf_init(&check->findings, ACM_MAX_FINDINGS);

    check->stage = (job->order.state == ACM_ORDER_NEW) ? ACM_PREFLIGHT_BEFORE
                                                       : ACM_PREFLIGHT_ANSWERS;
    check->order = &job->order;
    check->rc = ACM_OK;
    check->caa = 0;
    check->denied = NULL;
    check->done = acm_job_checked;
    check->data = job;

    rc = acm_job_remember(job);

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "no memory for a check");
    }

    rc = checker->start(checker->data, check, err);

    if (rc == ACM_OK) {
        job->checking = 1;
        return ACM_OK;
    }

    /* a check that cannot be made is none that failed */

    job->order.checked = 1;
    acm_job_go(job, ACM_EVENT_GO);

    return ACM_OK;
}


/* A check takes a while: by then the directory may have been read anew, and
   the account's record, in which it may be another one. */

static acm_rc_t
acm_job_remember(acm_job_t *job)
{
    const char             *account;
    const acm_directory_t  *d;

    acm_job_forget(job);

    d = acm_session_directory(job->order.session);
    account = acm_session_account(job->order.session);

    if (account != NULL) {
        job->account = acm_strdup(account);

        if (job->account == NULL) {
            return ACM_NOMEM;
        }
    }

    if (d != NULL) {
        job->directory = *d;
        json_incref(d->json);
        job->check.directory = &job->directory;
    }

    job->check.account = job->account;

    return ACM_OK;
}


void
acm_job_forget(acm_job_t *job)
{
    if (job->check.directory != NULL) {
        json_decref(job->directory.json);
    }

    acm_free(job->account);

    job->account = NULL;
    job->check.account = NULL;
    job->check.directory = NULL;
}


static void
acm_job_checked(acm_preflight_t *check)
{
    acm_job_t    *job;
    acm_order_t  *order;

    job = check->data;
    order = &job->order;

    job->checking = 0;

    if (check->rc == ACM_OK) {
        order->checked = 1;
        job->looks = 0;
        acm_job_go(job, ACM_EVENT_GO);
        return;
    }

    acm_buf_u8(&check->findings, '\0');

    if (check->rc == ACM_BUSY && check->stage == ACM_PREFLIGHT_ANSWERS
        && job->looks < ACM_PREFLIGHT_TRIES)
    {
        /* a record takes its time to every server: the order can wait */

        acm_job_wait(job, acm_ticks()
                          + ((int64_t) ACM_PREFLIGHT_WAIT << job->looks));
        job->looks++;
        job->event = ACM_EVENT_GO;
        job->redo = 1;
        return;
    }

    (void) acm_order_fail(order, ACM_FAULT_NAME, "not asked for, as it would "
                          "fail: %s",
                          (acm_buf_rc(&check->findings) == ACM_OK)
                          ? (char *) check->findings.data : "");

    order->unspent = 1;
    order->problem.type = check->caa ? ACM_PROBLEM_CAA : ACM_PROBLEM_DNS;

    acm_job_go(job, ACM_EVENT_GO);
}
