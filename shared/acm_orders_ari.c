
/*
 * Copyright (C) The ngx_acm authors
 *
 * When the CA would like a certificate to be renewed (RFC 9773): a window,
 * asked for twice a day or as the CA says.  A point in it is chosen once and
 * kept as long as the window stays.
 */


#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "acm_issued.h"
#include "acm_orders_impl.h"
#include "acm_sched.h"


static acm_rc_t acm_ari_ask_url(acm_job_t *job, const acm_cert_t *cert,
    acm_err_t *err);
static void acm_ari_window(acm_job_t *job, const acm_cert_t *cert,
    acm_cert_t *next, acm_buf_t *told);
static int64_t acm_ari_again(acm_job_t *job, const acm_cert_t *cert,
    int64_t now);


acm_rc_t
acm_orders_ask_ari(acm_orders_t *o, const acm_issuer_t *issuer,
    const acm_cert_t *cert, uint64_t revision, int64_t now, acm_err_t *err)
{
    acm_rc_t          rc;
    acm_job_t        *job;
    acm_cert_t        next;
    acm_slot_t       *slot;
    acm_order_rec_t   rec;

    slot = acm_orders_slot(o, issuer->name);

    if (slot == NULL) {
        return acm_fail(err, ACM_NOTFOUND, "issuer \"%s\" is not asked over "
                        "ACME", issuer->name);
    }

    /* when next, if there is no answer, is written down first */

    next = *cert;
    next.ari_at = acm_add_sat(now,
                              (acm_session_directory(slot->session) == NULL)
                              ? ACM_ARI_SOON : ACM_ARI_RETRY);
    acm_certificate_schedule(&next);

    rc = acm_certificate_update(acm_keyring_store(o->conf.ring), cert,
                                revision, &next, NULL, now, err);

    if (rc != ACM_OK || acm_session_directory(slot->session) == NULL) {
        acm_session_want(slot->session, 0);
        return rc;
    }

    if (acm_session_directory(slot->session)->renewal_info == NULL
        || acm_orders_has(o, cert->uuid))
    {
        return rc;
    }

    memset(&rec, 0, sizeof(acm_order_rec_t));

    rec.url = acm_strdup("");
    rec.account = acm_strdup(cert->account);
    rec.region = acm_strdup(cert->region);
    memcpy(rec.uuid, cert->uuid, sizeof(rec.uuid));
    rec.version = cert->version;

    job = NULL;

    if (rec.url != NULL && rec.account != NULL && rec.region != NULL) {
        job = acm_job_new(o, slot, &rec);
    }

    if (job == NULL) {
        acm_order_rec_free(&rec);
        return acm_fail(err, ACM_NOMEM, "no memory for a request");
    }

    job->ari = 1;

    rc = acm_ari_ask_url(job, cert, err);

    if (rc != ACM_OK) {
        job->gone = 1;
        return (rc == ACM_NOTFOUND) ? ACM_OK : rc;
    }

    job->call.url = job->ari_url;
    job->call.get = 1;
    job->call.done = acm_job_ari_answered;
    job->call.data = job;

    acm_session_call(slot->session, &job->call);

    return ACM_OK;
}


static acm_rc_t
acm_ari_ask_url(acm_job_t *job, const acm_cert_t *cert, acm_err_t *err)
{
    char             id[ACM_ARI_ID_LEN];
    acm_rc_t         rc;
    acm_buf_t        url;
    acm_snap_t      *snap;
    const char      *base;
    acm_material_t   m;

    rc = acm_store_begin(acm_keyring_store(job->orders->conf.ring), &snap,
                         err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_material_get(snap, cert->uuid, cert->version, &m);

    acm_store_end(snap);

    if (rc != ACM_OK) {
        return acm_fail(err, rc, "certificate %s: %s", cert->uuid,
                        acm_rc_text(rc));
    }

    rc = acm_ari_id(&m.leaf, id, err);

    acm_material_free(&m);

    if (rc != ACM_OK) {
        return rc;
    }

    base = acm_session_directory(job->slot->session)->renewal_info;

    acm_buf_init(&url, ACM_MAX_URL + 1);
    acm_buf_text(&url, base);

    if (base[strlen(base) - 1] != '/') {
        acm_buf_text(&url, "/");
    }

    acm_buf_text(&url, id);
    acm_buf_u8(&url, '\0');

    rc = acm_buf_rc(&url);

    if (rc == ACM_OK) {
        job->ari_url = (char *) url.data;

    } else {
        acm_buf_free(&url);
        (void) acm_fail(err, rc, "an URL of over %d octets", ACM_MAX_URL);
    }

    return rc;
}


void
acm_job_ari_answered(acm_call_t *call)
{
    acm_job_go(call->data, ACM_EVENT_REPLY);
}


acm_rc_t
acm_job_ari_step(acm_job_t *job, acm_err_t *err)
{
    acm_rc_t                rc;
    uint64_t                revision;
    acm_buf_t               told;
    acm_cert_t              cert, next;
    acm_snap_t             *snap;
    acm_store_t            *store;
    acm_orders_conf_t      *conf;
    const acm_order_rec_t  *rec;

    rec = &job->order.rec;
    conf = &job->orders->conf;
    store = acm_keyring_store(conf->ring);

    rc = acm_store_begin(store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_cert_get(snap, rec->account, rec->region, rec->uuid, &cert,
                      &revision);

    acm_store_end(snap);

    /* the answer is about the version that was asked for */

    if (rc != ACM_OK || cert.renew_at == 0 || cert.version != rec->version) {
        job->gone = 1;

        if (rc == ACM_OK) {
            acm_cert_free(&cert);
        }

        return ACM_OK;
    }

    next = cert;

    acm_buf_init(&told, ACM_MAX_ERROR);
    acm_ari_window(job, &cert, &next, &told);
    acm_certificate_schedule(&next);

    rc = acm_certificate_update(store, &cert, revision, &next, NULL,
                                acm_now(), err);

    if (rc == ACM_OK && told.len != 0 && acm_buf_rc(&told) == ACM_OK
        && conf->report != NULL)
    {
        conf->report(conf->data, ACM_ORDERS_WINDOW, &next, NULL,
                     (char *) told.data);
    }

    acm_buf_free(&told);
    acm_cert_free(&cert);

    if (rc == ACM_CONFLICT) {
        return acm_job_ari_step(job, err);
    }

    job->gone = (rc == ACM_OK);

    return rc;
}


static void
acm_ari_window(acm_job_t *job, const acm_cert_t *cert, acm_cert_t *next,
    acm_buf_t *told)
{
    char            start[32], end[32], line[ACM_MAX_ERROR];
    char            url[ACM_MAX_ACME_TEXT + 1];
    int64_t         now, last, least;
    uint32_t        random;
    acm_acme_ari_t  ari;

    now = acm_now();
    next->ari_at = acm_ari_again(job, cert, now);

    if (job->call.rc != ACM_OK
        || acm_acme_ari(job->call.http, &ari, NULL) != ACM_OK)
    {
        return;
    }

    if ((ari.start == cert->ari_start && ari.end == cert->ari_end)
        || ari.start < cert->issued_at || ari.start >= cert->not_after
        || RAND_bytes((unsigned char *) &random, sizeof(random)) != 1)
    {
        /* chosen already; or a window that is none of this certificate, but
           of the one before, perhaps: that would be renewed for ever */

        json_decref(ari.json);
        return;
    }

    /* a CA that wants it later than is safe is not followed to the end */

    last = cert->not_after - (cert->not_after - cert->not_before) / 20;

    next->ari_start = ari.start;
    next->ari_end = ari.end;
    next->renew_at = acm_sched_window(ari.start, ari.end, last, random);

    least = (cert->not_after - cert->not_before) / 20;
    least = acm_add_sat(cert->issued_at, (least < ACM_RENEW_LEAST)
                                         ? least : ACM_RENEW_LEAST);

    if (next->renew_at < least) {

        /* it says that what was just issued is to be replaced: believed,
           but not again and again */

        next->renew_at = least;
    }

    (void) acm_time_text(ari.start, start);
    (void) acm_time_text(ari.end, end);
    (void) snprintf(line, sizeof(line), "the CA suggests renewal between %s "
                    "and %s%s%s", start, end,
                    (ari.explanation == NULL) ? "" : ", see ",
                    (ari.explanation == NULL) ? ""
                    : acm_acme_clean(ari.explanation, url));

    acm_buf_add(told, line, strlen(line) + 1);

    json_decref(ari.json);
}


/* As the CA says, but at least once a day and at most once a minute. */

static int64_t
acm_ari_again(acm_job_t *job, const acm_cert_t *cert, int64_t now)
{
    int64_t  wait, least;

    wait = ACM_ARI_RETRY;
    least = acm_sched_backoff_min(cert->not_after - cert->not_before);

    if (job->call.rc == ACM_OK && job->call.retry_after >= 0) {
        wait = job->call.retry_after;

    } else if (wait > (cert->not_after - cert->not_before) / 4) {
        wait = (cert->not_after - cert->not_before) / 4;
    }

    if (wait < least) {
        wait = least;
    }

    if (wait > ACM_ARI_MOST) {
        wait = ACM_ARI_MOST;
    }

    return acm_add_sat(now, wait);
}
