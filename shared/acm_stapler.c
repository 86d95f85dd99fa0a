
/*
 * Copyright (C) The ngx_acm authors
 *
 * The record is the only state: what is under way when the process ends is
 * still due.
 */


#include <openssl/rand.h>
#include <string.h>

#include "acm_certificate_impl.h"
#include "acm_event.h"
#include "acm_sched.h"
#include "acm_staple.h"
#include "acm_watch.h"


#define ACM_STAPLE_RACES   3         /* times that a commit is tried */


struct acm_stapler_job_s {
    acm_stapler_job_t   *next;
    acm_stapler_t       *stapler;
    acm_ref_t            ref;
    int64_t              at;         /* the index entry */
    uint32_t             version;
    X509                *leaf;
    X509                *issuer;
    acm_http_t          *http;
};


static acm_rc_t acm_stapler_due(acm_stapler_t *s, int64_t now, int64_t *next,
    acm_ref_t *ref, int64_t *due, acm_err_t *err);
static int acm_stapler_busy(const acm_stapler_t *s, const char *uuid);
static acm_rc_t acm_stapler_begin(acm_stapler_t *s, const acm_ref_t *ref,
    int64_t at, int64_t now, acm_err_t *err);
static acm_rc_t acm_stapler_move(acm_stapler_job_t *job, int64_t at,
    acm_err_t *err);
static acm_rc_t acm_stapler_read(acm_stapler_t *s, acm_stapler_job_t *job,
    acm_err_t *err);
static acm_rc_t acm_stapler_decode(acm_snap_t *snap,
    const acm_material_t *m, acm_stapler_job_t *job, acm_err_t *err);
static acm_rc_t acm_stapler_send(acm_stapler_job_t *job, acm_err_t *err);
static void acm_stapler_answer(acm_http_t *http);
static acm_rc_t acm_stapler_look(acm_stapler_job_t *job, int64_t now,
    acm_ocsp_answer_t *answer, acm_err_t *err);
static acm_rc_t acm_stapler_keep(acm_stapler_job_t *job, int64_t now,
    const acm_ocsp_answer_t *answer, const char *why, acm_err_t *err);
static acm_rc_t acm_stapler_commit(acm_stapler_job_t *job, int64_t now,
    const acm_ocsp_answer_t *answer, const char *why, acm_err_t *err);
static int64_t acm_stapler_next(acm_stapler_job_t *job,
    acm_staple_t *staple, int64_t now, const acm_ocsp_answer_t *answer,
    const char *why);
static int acm_stapler_over(const acm_cert_t *cert, int64_t now);
static void acm_stapler_revoked(acm_cert_t *next, int64_t now);
static uint16_t acm_stapler_jitter(void);
static void acm_stapler_end(acm_stapler_job_t *job);


acm_rc_t
acm_stapler_tick(acm_stapler_t *s, int64_t now, int64_t *next,
    acm_err_t *err)
{
    int64_t    at;
    acm_rc_t   rc;
    acm_ref_t  ref;

    at = 0;
    *next = INT64_MAX;

    if (s->njobs >= ACM_STAPLE_JOBS) {
        return ACM_NOTFOUND;
    }

    rc = acm_stapler_due(s, now, next, &ref, &at, err);

    return (rc == ACM_OK) ? acm_stapler_begin(s, &ref, at, now, err) : rc;
}


/*
 * The first that is due and not under way.  However many entries of no use are
 * in front, each turn begins where the one before has ended.
 */

static acm_rc_t
acm_stapler_due(acm_stapler_t *s, int64_t now, int64_t *next,
    acm_ref_t *ref, int64_t *due, acm_err_t *err)
{
    char          uuid[ACM_UUID_LEN + 1];
    size_t        n, from;
    int64_t       at;
    acm_rc_t      rc;
    acm_snap_t   *snap;
    acm_entry_t   entry;

    rc = acm_store_begin(s->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    n = 0;
    from = s->from_len;
    s->from_len = 0;

    for (rc = acm_store_seek(snap, ACM_DB_OCSP, s->from, from, &entry);
         rc == ACM_OK || (rc == ACM_CORRUPT && entry.key != NULL);
         rc = acm_store_next(snap, ACM_DB_OCSP, &entry))
    {
        if (n++ == ACM_STAPLE_SCAN) {
            memcpy(s->from, entry.key, entry.key_len);
            s->from_len = entry.key_len;
            from = s->from_len;
            rc = ACM_NOTFOUND;
            break;
        }

        if (rc != ACM_OK
            || acm_time_key_parse(entry.key, entry.key_len, &at, uuid)
               != ACM_OK
            || acm_stapler_busy(s, uuid))
        {
            continue;
        }

        if (at > now) {
            *next = at;
            rc = ACM_NOTFOUND;
            break;
        }

        if (acm_ref_decode(entry.data, entry.len, ref) == ACM_OK) {
            s->from_len = from;
            *due = at;
            break;
        }
    }

    acm_store_end(snap);

    /* there is more, behind or in front */

    if (rc == ACM_NOTFOUND && from != 0) {
        *next = now;
    }

    if (rc != ACM_OK && rc != ACM_NOTFOUND) {
        return acm_fail(err, rc, "the index of OCSP responses cannot be "
                        "read: %s", acm_rc_text(rc));
    }

    return rc;
}


static int
acm_stapler_busy(const acm_stapler_t *s, const char *uuid)
{
    acm_stapler_job_t  *job;

    for (job = s->jobs; job != NULL; job = job->next) {
        if (strcmp(job->ref.uuid, uuid) == 0) {
            return 1;
        }
    }

    return 0;
}


static acm_rc_t
acm_stapler_begin(acm_stapler_t *s, const acm_ref_t *ref, int64_t at,
    int64_t now, acm_err_t *err)
{
    acm_rc_t            rc;
    acm_err_t           why;
    acm_stapler_job_t  *job;

    job = acm_calloc(1, sizeof(acm_stapler_job_t));

    if (job == NULL) {
        return acm_fail(err, ACM_NOMEM, "no memory for an OCSP request");
    }

    job->stapler = s;
    job->ref = *ref;
    job->at = at;
    job->next = s->jobs;
    s->jobs = job;
    s->njobs++;

    why.text[0] = '\0';

    rc = acm_stapler_read(s, job, &why);

    if (rc == ACM_OK) {
        rc = acm_stapler_send(job, &why);
    }

    if (rc == ACM_OK) {
        return ACM_OK;
    }

    /* it must not be the first in the index for ever */

    rc = (rc == ACM_NOTFOUND)
         ? acm_stapler_move(job, 0, err)
         : acm_stapler_keep(job, now, NULL, why.text[0] ? why.text
                                                        : acm_rc_text(rc),
                            err);

    if (rc == ACM_CORRUPT
        && acm_stapler_move(job, acm_add_sat(now, ACM_STAPLE_RETRY_MAX), err)
           == ACM_OK)
    {
        /* it is out of the way; now it can be told */

        rc = acm_fail(err, rc, "certificate %s cannot be read: %s; restore "
                      "it from a backup", job->ref.uuid, acm_rc_text(rc));
    }

    acm_stapler_end(job);

    return rc;
}


/* An entry of no certificate, or of another time (at is 0), or of one that
   cannot be read. */

static acm_rc_t
acm_stapler_move(acm_stapler_job_t *job, int64_t at, acm_err_t *err)
{
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc;
    acm_buf_t    buf;
    acm_batch_t  batch;

    acm_batch_init(&batch);
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    len = acm_time_key(key, job->at, job->ref.uuid);
    acm_batch_delete(&batch, ACM_DB_OCSP, key, len);

    rc = (at != 0) ? acm_ref_encode(&job->ref, &buf) : ACM_OK;

    if (rc == ACM_OK && at != 0) {
        len = acm_time_key(key, at, job->ref.uuid);
        acm_batch_put(&batch, ACM_DB_OCSP, key, len, buf.data, buf.len);
    }

    if (rc == ACM_OK) {
        rc = acm_commit(job->stapler->store, &batch, err);
    }

    acm_buf_free(&buf);
    acm_batch_free(&batch);

    return rc;
}


static acm_rc_t
acm_stapler_read(acm_stapler_t *s, acm_stapler_job_t *job, acm_err_t *err)
{
    acm_rc_t         rc;
    acm_cert_t       cert;
    acm_snap_t      *snap;
    acm_material_t   m;

    rc = acm_store_begin(s->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_cert_get(snap, job->ref.account, job->ref.region, job->ref.uuid,
                      &cert, NULL);

    if (rc == ACM_OK) {
        job->version = cert.version;

        /* later than it says: it could not be read for a while */

        rc = (cert.ocsp_at != 0 && cert.ocsp_at <= job->at) ? ACM_OK
                                                            : ACM_NOTFOUND;
        acm_cert_free(&cert);
    }

    if (rc == ACM_OK) {
        rc = acm_material_get(snap, job->ref.uuid, job->version, &m);
        rc = (rc == ACM_NOTFOUND) ? ACM_CORRUPT : rc;
    }

    if (rc == ACM_OK) {
        rc = acm_stapler_decode(snap, &m, job, err);
        acm_material_free(&m);
    }

    acm_store_end(snap);

    return rc;
}


static acm_rc_t
acm_stapler_decode(acm_snap_t *snap, const acm_material_t *m,
    acm_stapler_job_t *job, acm_err_t *err)
{
    acm_rc_t     rc;
    acm_entry_t  entry;

    if (m->nchain == 0) {
        return acm_fail(err, ACM_INVALID, "there is no issuer in the chain "
                        "to check an OCSP response by; import it with its "
                        "chain");
    }

    rc = acm_store_get(snap, ACM_DB_CHAIN, m->chain[0], ACM_HASH_LEN,
                       &entry);
    rc = (rc == ACM_NOTFOUND) ? ACM_CORRUPT : rc;

    if (rc == ACM_OK) {
        rc = acm_x509_decode(entry.data, entry.len, &job->issuer, err);
    }

    if (rc == ACM_OK) {
        rc = acm_x509_decode(m->leaf.data, m->leaf.len, &job->leaf, err);
    }

    return rc;
}


static acm_rc_t
acm_stapler_send(acm_stapler_job_t *job, acm_err_t *err)
{
    char             *url, *get;
    acm_rc_t          rc;
    acm_str_t         request;
    acm_stapler_t    *s;

    s = job->stapler;

    rc = acm_ocsp_request(job->leaf, job->issuer, &request, err);

    if (rc != ACM_OK) {
        return rc;
    }

    url = (s->responder != NULL) ? acm_strdup(s->responder)
                                 : acm_ocsp_url(job->leaf);
    get = (url != NULL) ? acm_ocsp_get(url, &request) : NULL;

    if (url == NULL || (s->responder == NULL && acm_ocsp_by_address(url))) {
        rc = acm_fail(err, ACM_INVALID, "the certificate names no OCSP "
                      "responder that can be asked; to ask one by its "
                      "address, configure it");
        goto done;
    }

    job->http = (get != NULL) ? acm_http_new(ACM_HTTP_GET, get)
                              : acm_http_new(ACM_HTTP_POST, url);

    if (job->http == NULL) {
        rc = acm_fail(err, ACM_NOMEM, "no memory for an OCSP request");
        goto done;
    }

    if (get == NULL) {
        job->http->type = ACM_OCSP_REQUEST_TYPE;
        acm_buf_add(&job->http->body, request.data, request.len);
        rc = acm_buf_rc(&job->http->body);
    }

    if (rc == ACM_OK) {
        job->http->accept = ACM_OCSP_RESPONSE_TYPE;
        job->http->plain = 1;
        job->http->stranger = (s->responder == NULL);
        job->http->ca_file = s->ca_file;
        job->http->done = acm_stapler_answer;
        job->http->data = job;

        rc = s->transport->send(s->transport->data, job->http, err);
    }

    if (rc != ACM_OK) {
        acm_http_free(job->http);
        job->http = NULL;
    }

done:

    acm_free(get);
    acm_free(url);
    acm_free(request.data);

    return rc;
}


static void
acm_stapler_answer(acm_http_t *http)
{
    int64_t             now;
    acm_rc_t            rc;
    acm_err_t           why, err;
    acm_ocsp_answer_t   answer;
    acm_stapler_job_t  *job = http->data;

    now = acm_now();
    why.text[0] = '\0';

    rc = acm_stapler_look(job, now, &answer, &why);

    /* if it cannot be written down, it is still due */

    (void) acm_stapler_keep(job, now, (rc == ACM_OK) ? &answer : NULL,
                            why.text, &err);

    acm_stapler_end(job);
}


static acm_rc_t
acm_stapler_look(acm_stapler_job_t *job, int64_t now,
    acm_ocsp_answer_t *answer, acm_err_t *err)
{
    acm_str_t    der;
    acm_http_t  *http;

    http = job->http;

    if (http->rc != ACM_OK) {
        return acm_fail(err, http->rc, "%s", http->why.text);
    }

    if (http->status != 200) {
        return acm_fail(err, ACM_INVALID, "the OCSP responder answers with "
                        "HTTP status %d", http->status);
    }

    if (!acm_http_is_type(http, ACM_OCSP_RESPONSE_TYPE)) {
        return acm_fail(err, ACM_INVALID, "the OCSP responder answers with "
                        "something else than " ACM_OCSP_RESPONSE_TYPE);
    }

    der.data = http->answer.data;
    der.len = http->answer.len;

    return acm_ocsp_check(job->leaf, job->issuer, &der, now, answer, err);
}


/* What changed meanwhile is read again; what was replaced is left alone. */

static acm_rc_t
acm_stapler_keep(acm_stapler_job_t *job, int64_t now,
    const acm_ocsp_answer_t *answer, const char *why, acm_err_t *err)
{
    unsigned  n;
    acm_rc_t  rc;

    for (n = 0; n < ACM_STAPLE_RACES; n++) {
        rc = acm_stapler_commit(job, now, answer, why, err);

        if (rc != ACM_CONFLICT) {
            return rc;
        }
    }

    return ACM_OK;
}


static acm_rc_t
acm_stapler_commit(acm_stapler_job_t *job, int64_t now,
    const acm_ocsp_answer_t *answer, const char *why, acm_err_t *err)
{
    int            revoked;
    acm_rc_t       rc;
    uint64_t       revision;
    acm_buf_t      buf;
    acm_cert_t     cert, next;
    acm_snap_t    *snap;
    acm_batch_t    also;
    acm_staple_t   staple;

    rc = acm_store_begin(job->stapler->store, &snap, err);

    if (rc != ACM_OK) {
        return rc;
    }

    memset(&staple, 0, sizeof(acm_staple_t));

    rc = acm_cert_get(snap, job->ref.account, job->ref.region, job->ref.uuid,
                      &cert, &revision);

    /* a damaged one is replaced */

    if (rc == ACM_OK
        && acm_staple_get(snap, cert.uuid, cert.version, &staple) != ACM_OK)
    {
        memset(&staple, 0, sizeof(acm_staple_t));
    }

    acm_store_end(snap);

    if (rc != ACM_OK) {
        return (rc == ACM_NOTFOUND) ? ACM_OK : rc;
    }

    if (job->version != 0 && cert.version != job->version) {
        acm_staple_free(&staple);
        acm_cert_free(&cert);
        return ACM_OK;
    }

    next = cert;
    revoked = (answer != NULL && answer->status == ACM_OCSP_REVOKED
               && staple.status != ACM_OCSP_REVOKED);

    next.ocsp_at = acm_stapler_next(job, &staple, now, answer, why);

    if (acm_stapler_over(&cert, now)) {
        next.ocsp_at = 0;

    } else if (revoked) {
        acm_stapler_revoked(&next, now);
    }

    acm_batch_init(&also);
    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    if (revoked) {
        acm_event_withdrawn(&also, &cert, answer->reason, answer->revoked_at,
                            now);
    }

    staple.version = cert.version;
    rc = acm_staple_encode(&staple, &buf);

    if (rc == ACM_OK) {
        acm_batch_put(&also, ACM_DB_STAPLE, cert.uuid, ACM_UUID_LEN,
                      buf.data, buf.len);
        rc = acm_certificate_update(job->stapler->store, &cert, revision,
                                    &next, &also, now, err);
    }

    if (rc == ACM_OK && job->stapler->report != NULL) {
        job->stapler->report(job->stapler->data, &cert, answer, why);
    }

    acm_buf_free(&buf);
    acm_batch_free(&also);
    acm_staple_free(&staple);
    acm_cert_free(&cert);

    return rc;
}


/* Sets the record; gives when to ask again. */

static int64_t
acm_stapler_next(acm_stapler_job_t *job, acm_staple_t *staple, int64_t now,
    const acm_ocsp_answer_t *answer, const char *why)
{
    int64_t   wait;
    uint16_t  jitter;

    jitter = acm_stapler_jitter();

    acm_free(staple->last_error);
    staple->last_error = NULL;

    if (answer == NULL) {
        staple->last_error = acm_strdup(why);
        staple->last_error_at = now;

        if (staple->failures != UINT32_MAX) {
            staple->failures++;
        }

        return acm_add_sat(now, acm_sched_backoff(staple->failures,
                                                  ACM_STAPLE_RETRY,
                                                  ACM_STAPLE_RETRY_MAX,
                                                  jitter));
    }

    acm_free(staple->response.data);
    memset(&staple->response, 0, sizeof(acm_str_t));

    staple->failures = 0;
    staple->last_error_at = 0;
    staple->status = answer->status;
    staple->this_update = answer->this_update;
    staple->next_update = answer->next_update;

    /* clients are told nothing but good */

    if (answer->status == ACM_OCSP_GOOD) {
        staple->response.data = acm_memdup(job->http->answer.data,
                                           job->http->answer.len);

        if (staple->response.data != NULL) {
            staple->response.len = job->http->answer.len;
        }
    }

    /* in the middle of what is left, RFC 5019 s6.1: others do so too */

    wait = (answer->next_update - now) / 2;
    wait += wait / 8 * jitter / 65536;

    wait = (wait < ACM_STAPLE_LEAST) ? ACM_STAPLE_LEAST : wait;
    wait = (wait > ACM_STAPLE_MOST) ? ACM_STAPLE_MOST : wait;

    return acm_add_sat(now, wait);
}


/* Nobody is served with it again; the watch knows better, if it is the clock
   that was wrong. */

static int
acm_stapler_over(const acm_cert_t *cert, int64_t now)
{
    return cert->status == ACM_STATUS_REVOKED || cert->not_after <= now;
}


/* Nobody trusts it any more: one that we renew is replaced now. */

static void
acm_stapler_revoked(acm_cert_t *next, int64_t now)
{
    if (next->renew_at == 0 || !acm_watch_renews(next)) {
        return;
    }

    next->renew_at = now;
    acm_certificate_schedule(next);
}


static uint16_t
acm_stapler_jitter(void)
{
    uint16_t  n;

    /* without randomness all wait the same: that is no harm */

    return (RAND_bytes((unsigned char *) &n, sizeof(n)) == 1) ? n : 0;
}


static void
acm_stapler_end(acm_stapler_job_t *job)
{
    acm_stapler_t       *s;
    acm_stapler_job_t  **p;

    s = job->stapler;

    for (p = &s->jobs; *p != NULL; p = &(*p)->next) {
        if (*p == job) {
            *p = job->next;
            s->njobs--;
            break;
        }
    }

    X509_free(job->leaf);
    X509_free(job->issuer);
    acm_http_free(job->http);
    acm_free(job);
}


void
acm_stapler_done(acm_stapler_t *s)
{
    acm_stapler_job_t  *job;

    while (s->jobs != NULL) {
        job = s->jobs;

        if (job->http != NULL) {
            s->transport->cancel(s->transport->data, job->http);
        }

        acm_stapler_end(job);
    }
}
