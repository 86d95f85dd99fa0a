
/*
 * Copyright (C) The ngx_acm authors
 */


#include "acm_metrics_cert.h"


static acm_rc_t acm_metrics_cert_read(acm_metrics_certs_t *c,
    acm_snap_t *snap, const acm_entry_t *entry);
static void acm_metrics_cert_time(acm_metrics_t *m,
    const acm_metric_cert_t *row, int64_t t);


void
acm_metrics_certs_init(acm_metrics_certs_t *c, int open, size_t max)
{
    acm_metrics_init(&c->info, open, max);
    acm_metrics_init(&c->not_before, open, max);
    acm_metrics_init(&c->not_after, open, max);
    acm_metrics_init(&c->renewal, open, max);

    c->max = max;

    acm_metrics_family(&c->info, "acm_certificate_info", ACM_METRIC_GAUGE,
                       "What a certificate is; the value is always 1.");
    acm_metrics_family(&c->not_before,
                       "acm_certificate_not_before_timestamp_seconds",
                       ACM_METRIC_GAUGE,
                       "When the certificate begins to be valid.");
    acm_metrics_family(&c->not_after,
                       "acm_certificate_not_after_timestamp_seconds",
                       ACM_METRIC_GAUGE, "When the certificate expires.");
    acm_metrics_family(&c->renewal,
                       "acm_certificate_renewal_timestamp_seconds",
                       ACM_METRIC_GAUGE,
                       "When the renewal is planned; absent if none is.");
}


void
acm_metrics_certs_free(acm_metrics_certs_t *c)
{
    acm_metrics_free(&c->info);
    acm_metrics_free(&c->not_before);
    acm_metrics_free(&c->not_after);
    acm_metrics_free(&c->renewal);
}


acm_rc_t
acm_metrics_cert(acm_metrics_certs_t *c, const acm_metric_cert_t *row)
{
    size_t  len;

    len = c->info.out.len + c->not_before.out.len + c->not_after.out.len
          + c->renewal.out.len;

    /* all else is still to be told */

    if (len + ACM_METRICS_ROW > c->max) {
        return ACM_TOOBIG;
    }

    acm_metrics_label(&c->info, "id", row->id);
    acm_metrics_label(&c->info, "arn", row->arn);
    acm_metrics_label(&c->info, "domain", row->domain);
    acm_metrics_label(&c->info, "type", row->type);
    acm_metrics_label(&c->info, "issuer", row->issuer);
    acm_metrics_label(&c->info, "status", row->status);
    acm_metrics_label(&c->info, "key_algorithm", row->key);
    acm_metrics_label(&c->info, "source", row->source);
    acm_metrics_value(&c->info, 1);

    acm_metrics_cert_time(&c->not_before, row, row->not_before);
    acm_metrics_cert_time(&c->not_after, row, row->not_after);
    acm_metrics_cert_time(&c->renewal, row, row->renew_at);

    return ACM_OK;
}


static void
acm_metrics_cert_time(acm_metrics_t *m, const acm_metric_cert_t *row,
    int64_t t)
{
    if (t == 0) {
        return;
    }

    acm_metrics_label(m, "id", row->id);
    acm_metrics_label(m, "domain", row->domain);
    acm_metrics_label(m, "type", row->type);
    acm_metrics_label(m, "issuer", row->issuer);
    acm_metrics_label(m, "source", row->source);
    acm_metrics_value(m, t);
}


acm_rc_t
acm_metrics_certs_read(acm_metrics_certs_t *c, acm_snap_t *snap,
    int64_t now, size_t limit, size_t *shown)
{
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_rc_t     rc, code;
    acm_entry_t  entry;

    *shown = 0;

    if (limit == 0) {
        return ACM_OK;
    }

    /* the time alone: the key of the first UUID there could be */

    len = acm_time_key(key, (now > ACM_METRICS_PAST) ? now - ACM_METRICS_PAST
                                                     : 0,
                       "00000000-0000-0000-0000-000000000000");

    for (rc = acm_store_seek(snap, ACM_DB_EXPIRY, key, len, &entry);
         (rc == ACM_OK || rc == ACM_CORRUPT) && *shown < limit;
         rc = acm_store_next(snap, ACM_DB_EXPIRY, &entry))
    {
        if (rc == ACM_CORRUPT) {
            continue;
        }

        code = acm_metrics_cert_read(c, snap, &entry);

        if (code == ACM_NOMEM) {
            return code;
        }

        if (code == ACM_TOOBIG) {
            break;
        }

        if (code == ACM_OK) {
            (*shown)++;
        }
    }

    if (rc != ACM_OK && rc != ACM_CORRUPT && rc != ACM_NOTFOUND) {
        return rc;
    }

    return acm_buf_rc(&c->info.out);
}


static acm_rc_t
acm_metrics_cert_read(acm_metrics_certs_t *c, acm_snap_t *snap,
    const acm_entry_t *entry)
{
    char               arn[ACM_MAX_ARN];
    acm_rc_t           rc;
    acm_ref_t          ref;
    acm_cert_t         cert;
    acm_metric_cert_t  row;

    rc = acm_ref_decode(entry->data, entry->len, &ref);

    if (rc == ACM_OK) {
        rc = acm_cert_get(snap, ref.account, ref.region, ref.uuid, &cert,
                          NULL);
    }

    if (rc != ACM_OK) {
        return rc;
    }

    row.id = cert.uuid;
    row.arn = acm_arn_text(arn, cert.account, cert.region, cert.uuid);
    row.domain = cert.domain;
    row.type = acm_type_text(cert.type);
    row.issuer = (*cert.issued_by != '\0') ? cert.issued_by : cert.issuer;
    row.status = acm_status_text(cert.status);
    row.key = acm_key_algorithm(cert.key);
    row.source = "store";
    row.not_before = cert.not_before;
    row.not_after = cert.not_after;
    row.renew_at = (cert.due == ACM_DUE_RENEW || cert.due == ACM_DUE_ARI)
                   ? cert.renew_at : 0;

    rc = acm_metrics_cert(c, &row);
    acm_cert_free(&cert);

    return rc;
}


void
acm_metrics_certs_end(acm_metrics_certs_t *c, acm_metrics_t *m)
{
    acm_metrics_join(m, &c->info);
    acm_metrics_join(m, &c->not_before);
    acm_metrics_join(m, &c->not_after);
    acm_metrics_join(m, &c->renewal);
}
