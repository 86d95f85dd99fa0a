
/*
 * Copyright (C) The ngx_acm authors
 *
 * The ladder, and what is due of it: arithmetic on one certificate.
 */


#include <string.h>

#include "acm_record_impl.h"
#include "acm_sched.h"
#include "acm_setting.h"
#include "acm_watch_impl.h"


#define ACM_DAY   86400


static void acm_watch_pending(acm_cert_t *cert, int64_t now);
static int64_t acm_watch_life(const acm_cert_t *cert);
static void acm_watch_end(acm_cert_t *cert, int64_t now);
static int64_t acm_watch_warn(acm_cert_t *cert, const acm_ladder_t *ladder,
    int64_t now);
static int64_t acm_watch_approach(acm_cert_t *cert,
    const acm_ladder_t *ladder, int64_t now);
static int64_t acm_watch_late(acm_cert_t *cert, int64_t now);
static int64_t acm_earlier(int64_t a, int64_t b);


static const acm_field_t  acm_ladder_fields[] = {
    acm_field(1, ACM_FIELD_BLOB, acm_ladder_rec_t, rungs, 0,
              ACM_MAX_RUNGS * 4),
    acm_field(2, ACM_FIELD_U32, acm_ladder_rec_t, swept, 0, 0)
};

static const acm_layout_t  acm_ladder_layout =
    acm_layout(ACM_REC_LADDER, acm_ladder_rec_t, acm_ladder_fields);


void
acm_ladder_default(acm_ladder_t *ladder)
{
    size_t  i;

    static const uint32_t  days[] = { 45, 30, 15, 7, 3, 1 };

    memset(ladder, 0, sizeof(acm_ladder_t));

    ladder->nrungs = sizeof(days) / sizeof(days[0]);
    ladder->days_before = ACM_DAYS_BEFORE;

    for (i = 0; i < ladder->nrungs; i++) {
        ladder->rungs[i] = days[i] * ACM_DAY;
    }
}


void
acm_ladder_get(acm_snap_t *snap, const char *account, const char *region,
    acm_ladder_t *ladder)
{
    acm_setting_t  setting;

    (void) acm_ladder_read(snap, ladder, NULL, NULL);

    if (acm_setting_get(snap, account, region, &setting, NULL) == ACM_OK) {
        ladder->days_before = setting.days_before;
    }
}


acm_rc_t
acm_ladder_read(acm_snap_t *snap, acm_ladder_t *ladder, int *swept,
    uint64_t *revision)
{
    acm_rc_t          rc;
    uint32_t          i;
    acm_entry_t       entry;
    acm_reader_t      r;
    acm_ladder_rec_t  rec;

    acm_ladder_default(ladder);

    if (swept != NULL) {
        *swept = 0;
        *revision = 0;
    }

    rc = acm_store_get(snap, ACM_DB_META, ACM_META_LADDER,
                       sizeof(ACM_META_LADDER) - 1, &entry);

    if (rc != ACM_OK) {
        return (rc == ACM_NOTFOUND) ? ACM_OK : rc;
    }

    rc = acm_record_decode(&acm_ladder_layout, entry.data, entry.len, &rec);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_reader_init(&r, rec.rungs.data, rec.rungs.len);
    ladder->nrungs = (uint32_t) (rec.rungs.len / 4);
    memset(ladder->rungs, 0, sizeof(ladder->rungs));

    for (i = 0; i < ladder->nrungs; i++) {
        ladder->rungs[i] = acm_read_u32(&r);
    }

    if (swept != NULL) {
        *swept = (rec.swept != 0);
        *revision = entry.revision;
    }

    acm_record_free(&acm_ladder_layout, &rec);

    return ACM_OK;
}


void
acm_ladder_put(acm_batch_t *batch, const acm_ladder_t *ladder, int swept)
{
    size_t            i;
    acm_rc_t          rc;
    acm_buf_t         buf, rungs;
    acm_ladder_rec_t  rec;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    acm_buf_init(&rungs, ACM_MAX_RUNGS * 4);

    for (i = 0; i < ladder->nrungs; i++) {
        acm_buf_u32(&rungs, ladder->rungs[i]);
    }

    rec.rungs.data = rungs.data;
    rec.rungs.len = rungs.len;
    rec.swept = (uint32_t) swept;

    rc = acm_buf_rc(&rungs);

    if (rc == ACM_OK) {
        rc = acm_record_encode(&acm_ladder_layout, &rec, &buf);
    }

    if (rc == ACM_OK) {
        acm_batch_put(batch, ACM_DB_META, ACM_META_LADDER,
                      sizeof(ACM_META_LADDER) - 1, buf.data, buf.len);

    } else if (batch->rc == ACM_OK) {
        batch->rc = rc;
    }

    acm_buf_free(&rungs);
    acm_buf_free(&buf);
}


int
acm_watch_renews(const acm_cert_t *cert)
{
    return cert->type != ACM_TYPE_IMPORTED
           && (cert->due == ACM_DUE_ISSUE || cert->due == ACM_DUE_RENEW
               || cert->due == ACM_DUE_ARI);
}


int64_t
acm_watch_overdue_at(const acm_cert_t *cert)
{
    int64_t  at, slack;

    at = (cert->renew_at != 0) ? cert->renew_at
         : acm_sched_renew_at(cert->not_before, cert->not_after);

    slack = (cert->not_after > at) ? (cert->not_after - at) / 10 : 0;

    return acm_add_sat(at, (slack > 1) ? slack : 1);
}


uint32_t
acm_watch_days(int64_t at, int64_t now)
{
    int64_t  left;

    if (at <= now) {
        return 0;
    }

    left = (at - now) / ACM_DAY + ((at - now) % ACM_DAY != 0);

    return (left > UINT32_MAX) ? UINT32_MAX : (uint32_t) left;
}


void
acm_watch_look(acm_cert_t *cert, const acm_ladder_t *ladder, int64_t now)
{
    int64_t  next;

    cert->watch_at = 0;

    if (cert->version == 0 || cert->status == ACM_STATUS_REVOKED) {
        acm_watch_pending(cert, now);
        return;
    }

    if (cert->status != ACM_STATUS_ISSUED
        && cert->status != ACM_STATUS_EXPIRED)
    {
        return;
    }

    acm_watch_end(cert, now);

    if (cert->status == ACM_STATUS_EXPIRED) {
        return;
    }

    next = cert->not_after;
    next = acm_earlier(next, acm_watch_warn(cert, ladder, now));
    next = acm_earlier(next, acm_watch_approach(cert, ladder, now));
    next = acm_earlier(next, acm_watch_late(cert, now));

    cert->watch_at = next;
}


/* Of a first issuance, or what is made anew for one that was revoked, nobody
   knows how long it may take: an hour is long. */

static void
acm_watch_pending(acm_cert_t *cert, int64_t now)
{
    int64_t  at;

    if (!acm_watch_renews(cert)
        || (cert->status != ACM_STATUS_PENDING_VALIDATION
            && cert->status != ACM_STATUS_REVOKED))
    {
        cert->overdue = 0;
        return;
    }

    at = acm_add_sat((cert->version == 0) ? cert->created_at
                                          : cert->revoked_at,
                     ACM_WATCH_PENDING);

    cert->overdue = (now >= at);

    if (!cert->overdue) {
        cert->watch_at = at;
    }
}


/* A clock that was ahead may have ended what goes on. */

static void
acm_watch_end(acm_cert_t *cert, int64_t now)
{
    if (now >= cert->not_after) {

        if (cert->status != ACM_STATUS_EXPIRED && acm_watch_renews(cert)) {
            cert->renewal = ACM_RENEWAL_FAILED;
            cert->renewal_at = now;
        }

        cert->status = ACM_STATUS_EXPIRED;
        return;
    }

    if (cert->status == ACM_STATUS_EXPIRED
        && cert->renewal == ACM_RENEWAL_FAILED)
    {
        cert->renewal = (cert->attempts != 0)
                        ? ACM_RENEWAL_PENDING_AUTO_RENEWAL : ACM_RENEWAL_NONE;
        cert->renewal_at = (cert->attempts != 0) ? now : 0;
    }

    cert->status = ACM_STATUS_ISSUED;
}


/*
 * The rung that was passed last, and when the next one comes.  One that lies
 * before the renewal, and what it may take, says nothing of a certificate
 * that is well.
 */

static int64_t
acm_watch_warn(acm_cert_t *cert, const acm_ladder_t *ladder, int64_t now)
{
    size_t    i;
    int64_t   at, life, rung, quiet;
    uint32_t  passed;

    passed = 0;
    at = INT64_MAX;

    if (acm_watch_renews(cert)) {

        life = acm_watch_life(cert);
        quiet = acm_watch_overdue_at(cert);

        for (i = 0; i < ladder->nrungs; i++) {
            rung = ladder->rungs[i];

            if (life < ACM_SHORT_LIFE) {
                rung = rung * life / ACM_LADDER_LIFE;
            }

            at = cert->not_after - rung;

            if (at < quiet || at >= cert->not_after) {
                at = INT64_MAX;
                continue;
            }

            if (at > now) {
                break;
            }

            passed = (uint32_t) rung;
            at = INT64_MAX;
        }
    }

    cert->warned = passed;

    return at;
}


static int64_t
acm_watch_life(const acm_cert_t *cert)
{
    return (cert->not_after > cert->not_before)
           ? cert->not_after - cert->not_before : 0;
}


/* Daily, from a number of days before the end. */

static int64_t
acm_watch_approach(acm_cert_t *cert, const acm_ladder_t *ladder,
    int64_t now)
{
    int64_t   start, quiet;
    uint32_t  days;

    start = cert->not_after - (int64_t) ladder->days_before * ACM_DAY;

    if (acm_watch_renews(cert)) {
        quiet = acm_watch_overdue_at(cert);
        start = (start > quiet) ? start : quiet;
    }

    if (now < start) {
        cert->approached = 0;
        return start;
    }

    days = acm_watch_days(cert->not_after, now);
    cert->approached = days + 1;

    return cert->not_after - (int64_t) (days - 1) * ACM_DAY;
}


static int64_t
acm_watch_late(acm_cert_t *cert, int64_t now)
{
    int64_t  at;

    if (!acm_watch_renews(cert)) {
        cert->overdue = 0;
        return INT64_MAX;
    }

    at = acm_watch_overdue_at(cert);

    cert->overdue = (now >= at);

    return cert->overdue ? INT64_MAX : at;
}


static int64_t
acm_earlier(int64_t a, int64_t b)
{
    return (a < b) ? a : b;
}
