
/*
 * Copyright (C) The ngx_acm authors
 */


#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../shared/acm_certificate_impl.h"
#include "../../shared/acm_history.h"
#include "../../shared/acm_sched.h"
#include "../../shared/acm_state.h"
#include "../../shared/acm_watch.h"
#include "fill.h"


#define FILL_ACCOUNT  "123456789012"
#define FILL_REGION   "us-east-1"
#define FILL_DAY      86400
#define FILL_ROOM     64                 /* operations that one takes at most */


static acm_rc_t fill_one(fill_t *f, uint32_t i, acm_batch_t *batch,
    acm_err_t *err);
static void fill_issued(fill_t *f, uint32_t i, acm_cert_t *cert);
static acm_rc_t fill_renew(fill_t *f, uint32_t i, uint32_t turn,
    acm_err_t *err);
static void fill_wait(double until);


static volatile sig_atomic_t  fill_stop;


/* In the order of their keys, which is faster by far. */

static void
fill_uuid(fill_t *f, uint32_t i, char *uuid)
{
    snprintf(uuid, ACM_UUID_LEN + 1, "%08x-0000-4000-8%03x-%012x",
             i << 12, (unsigned) f->key, i);
}


acm_rc_t
fill_served(fill_t *f, acm_err_t *err)
{
    acm_rc_t     rc;
    uint32_t     i;
    acm_batch_t  batch;

    rc = acm_keyring_ensure(f->ring, FILL_ACCOUNT, FILL_REGION, err);
    i = f->from;

    while (i < f->to && rc == ACM_OK) {
        acm_batch_init(&batch);

        do {
            rc = fill_one(f, i++, &batch, err);
        } while (rc == ACM_OK && i < f->to
                 && batch.nops < ACM_MAX_BATCH - FILL_ROOM);

        if (rc == ACM_OK) {
            rc = acm_commit(f->store, &batch, err);
        }

        acm_batch_free(&batch);
    }

    return rc;
}


/*
 * What an import puts, without events: nobody is to be told of what was there
 * before.
 */

static acm_rc_t
fill_one(fill_t *f, uint32_t i, acm_batch_t *batch, acm_err_t *err)
{
    acm_rc_t       rc;
    acm_cert_t     cert;
    acm_bundle_t   bundle;
    acm_ladder_t   ladder;

    rc = fill_ca_sign(f->ca, i, 1, &bundle, err);

    if (rc != ACM_OK) {
        return rc;
    }

    memset(&cert, 0, sizeof(acm_cert_t));

    fill_uuid(f, i, cert.uuid);
    cert.account = (char *) FILL_ACCOUNT;
    cert.region = (char *) FILL_REGION;
    cert.type = ACM_TYPE_IMPORTED;
    cert.status = ACM_STATUS_ISSUED;
    cert.key = f->key;
    cert.domain = bundle.info.domain;
    cert.names = bundle.info.names;
    cert.nnames = bundle.info.nnames;
    cert.issuer = (char *) "";
    cert.issued_by = (char *) "";
    cert.last_error = (char *) "";
    cert.findings = (char *) "";
    cert.version = 1;
    cert.subject = bundle.info.subject;
    cert.issuer_dn = bundle.info.issuer;
    cert.serial = bundle.info.serial;
    cert.sigalg = bundle.info.sigalg;
    cert.usages = bundle.info.usages;
    cert.not_before = bundle.info.not_before;
    cert.not_after = bundle.info.not_after;
    cert.created_at = f->now;
    cert.imported_at = f->now;

    if (f->issuer) {
        fill_issued(f, i, &cert);
    }

    acm_ladder_default(&ladder);
    acm_certificate_schedule(&cert);
    acm_watch_look(&cert, &ladder, f->now);

    acm_history_changes(batch, NULL, &cert, f->now);
    acm_batch_indices(batch, &cert, 1);
    acm_batch_names(batch, &cert, 1);
    acm_state_count(batch, 1);

    if (f->issuer) {
        acm_batch_ref(batch, ACM_DB_IDENTITY, cert.identity, ACM_HASH_LEN,
                      &cert);
    }

    acm_batch_cert(batch, &cert);

    return acm_batch_material(batch, f->ring, f->store, &cert, &bundle, NULL,
                              err);
}


/*
 * The certificate that a configuration asks its issuer for: to be renewed
 * now, or in 5 to 60 days.
 */

static void
fill_issued(fill_t *f, uint32_t i, acm_cert_t *cert)
{
    int64_t        age;
    acm_request_t  req;

    /* in the order of time, for the indices: from the oldest on */

    age = (i < f->due) ? 61 * FILL_DAY
                       : 55 * FILL_DAY - (int64_t) i * 55 * FILL_DAY / f->to;

    cert->type = ACM_TYPE_ISSUED;
    cert->issuer = (char *) f->issuer;
    cert->issued_by = (char *) f->issuer;
    cert->not_before = f->now - age;
    cert->not_after = cert->not_before + FILL_LIFE;
    cert->created_at = cert->not_before;
    cert->issued_at = cert->not_before;
    cert->imported_at = 0;
    cert->renew_at = acm_sched_renew_at(cert->not_before, cert->not_after);

    memset(&req, 0, sizeof(acm_request_t));
    req.account = cert->account;
    req.region = cert->region;
    req.issuer = cert->issuer;
    req.key = cert->key;
    req.names = cert->names;
    req.nnames = cert->nnames;
    acm_request_identity(&req, cert->identity);
}


static void
fill_term(int signo)
{
    (void) signo;
    fill_stop = 1;
}


acm_rc_t
fill_replace(fill_t *f, acm_err_t *err)
{
    double            start, due;
    acm_rc_t          rc;
    uint32_t          turn;
    struct timespec   ts;

    signal(SIGTERM, fill_term);
    srand48(1);

    clock_gettime(CLOCK_MONOTONIC, &ts);
    start = (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
    rc = ACM_OK;

    for (turn = 0; rc == ACM_OK && !fill_stop; turn++) {
        rc = fill_renew(f, f->from + (uint32_t) (drand48()
                                                 * (f->to - f->from)),
                        turn + 2, err);

        due = start + turn / f->rate;
        fill_wait(due);
    }

    printf("replaced=%u\n", turn);

    return rc;
}


static void
fill_wait(double until)
{
    struct timespec  ts;

    ts.tv_sec = (time_t) until;
    ts.tv_nsec = (long) ((until - (double) ts.tv_sec) * 1e9);

    /* a signal ends it, which is as well */

    (void) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}


/* As an import of new material for a certificate that is there. */

static acm_rc_t
fill_renew(fill_t *f, uint32_t i, uint32_t turn, acm_err_t *err)
{
    char            uuid[ACM_UUID_LEN + 1];
    acm_rc_t        rc;
    acm_bundle_t    bundle;
    acm_install_t   install;

    memset(&install, 0, sizeof(acm_install_t));
    install.issued_by = "";

    rc = fill_ca_sign(f->ca, i, turn, &bundle, err);

    if (rc != ACM_OK) {
        return rc;
    }

    fill_uuid(f, i, uuid);

    do {
        install.now = acm_now();
        rc = acm_certificate_import(f->ring, FILL_ACCOUNT, FILL_REGION,
                                    &bundle, &install, uuid, err);
    } while (rc == ACM_CONFLICT);

    return rc;
}
