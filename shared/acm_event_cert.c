
/*
 * Copyright (C) The ngx_acm authors
 *
 * The events of certificates, with the members that ACM's user guide gives
 * them ("Amazon EventBridge support for ACM", "AWS health events").
 */


#include <string.h>

#include "acm_acme.h"
#include "acm_event.h"
#include "acm_json.h"
#include "acm_watch.h"


#define ACM_HEALTH_RENEWAL   "AWS_ACM_RENEWAL_STATE_CHANGE"
#define ACM_HEALTH_PRIVATE   "AWS_ACM_RENEWAL_FAILURE"
#define ACM_HEALTH_CAA       "CAA_CHECK_FAILURE"

/* validated where the name points to; the others are in the DNS */
#define ACM_METHODS_HERE     (ACM_METHOD_HTTP_01 | ACM_METHOD_TLS_ALPN_01)


static void acm_event_version(acm_batch_t *batch, const acm_cert_t *old,
    const acm_cert_t *next, int64_t now);
static void acm_event_action(acm_batch_t *batch, const acm_cert_t *cert,
    int64_t now);
static void acm_event_expired(acm_batch_t *batch, const acm_cert_t *cert,
    int64_t now);
static void acm_event_revoked(acm_batch_t *batch, const acm_cert_t *cert,
    int64_t now);
static void acm_event_overdue(acm_batch_t *batch, const acm_cert_t *cert,
    int64_t now);
static void acm_event_failed(acm_batch_t *batch, const acm_cert_t *cert,
    int64_t now);
static void acm_event_health(acm_batch_t *batch, const acm_cert_t *cert,
    const char *code, const char *text, int64_t now);
static json_t *acm_event_detail(const acm_cert_t *cert);
static void acm_event_use(json_t *detail, const acm_cert_t *cert);
static void acm_event_time(json_t *detail, const char *name, int64_t at);
static void acm_event_cert(acm_batch_t *batch, acm_event_e kind,
    const acm_cert_t *cert, json_t *detail, int64_t now);
static const char *acm_event_method(const acm_cert_t *cert);


void
acm_event_changes(acm_batch_t *batch, const acm_cert_t *old,
    const acm_cert_t *next, int64_t now)
{
    json_t  *detail;

    static const acm_cert_t  nothing;

    if (old == NULL) {
        old = &nothing;
    }

    if (next->version != old->version && !next->rolled_back) {
        acm_event_version(batch, old, next, now);
    }

    if (next->approached != 0
        && (old->approached == 0 || next->approached < old->approached))
    {
        detail = json_pack("{s:I, s:s}", "DaysToExpiry",
                           (json_int_t) (next->approached - 1),
                           "CommonName", next->domain);
        acm_event_cert(batch, ACM_EVENT_APPROACHING, next, detail, now);
    }

    if (next->warned != 0
        && (old->warned == 0 || next->warned < old->warned))
    {
        acm_event_action(batch, next, now);
    }

    if (next->status == ACM_STATUS_EXPIRED && old->status != next->status
        && next->type != ACM_TYPE_IMPORTED)
    {
        acm_event_expired(batch, next, now);
    }

    if (next->status == ACM_STATUS_REVOKED && old->status != next->status) {
        acm_event_revoked(batch, next, now);
    }

    if (next->status == ACM_STATUS_FAILED && old->status != next->status) {
        acm_event_failed(batch, next, now);
    }

    if (next->overdue && !old->overdue) {
        acm_event_overdue(batch, next, now);
    }
}


static void
acm_event_version(acm_batch_t *batch, const acm_cert_t *old,
    const acm_cert_t *next, int64_t now)
{
    json_t      *detail;
    const char  *action;

    if (next->type == ACM_TYPE_IMPORTED) {
        action = (old->version == 0) ? "IMPORT" : "REIMPORT";

    } else {
        action = (old->version == 0) ? "ISSUANCE" : "RENEWAL";
    }

    detail = json_pack("{s:s}", "Action", action);

    if (detail != NULL) {
        (void) json_object_update_new(detail, acm_event_detail(next));
        acm_event_time(detail, "CertificateCreatedDate", next->not_before);
        acm_event_time(detail, "CertificateExpirationDate", next->not_after);
        (void) json_object_set_new(detail, "DaysToExpiry",
                                   json_integer(acm_watch_days(
                                                next->not_after, now)));
        acm_event_use(detail, next);
    }

    acm_event_cert(batch, ACM_EVENT_AVAILABLE, next, detail, now);

    if (next->type != ACM_TYPE_IMPORTED && old->version != 0) {
        acm_event_health(batch, next, ACM_HEALTH_RENEWAL,
                         "The certificate has been renewed.", now);
    }
}


static void
acm_event_action(acm_batch_t *batch, const acm_cert_t *cert, int64_t now)
{
    json_t      *detail;
    const char  *code;

    detail = acm_event_detail(cert);

    if (detail != NULL) {
        (void) json_object_set_new(detail, "RenewalStatusReason",
                                   json_string(acm_reason_text(
                                       cert->reason == ACM_REASON_NONE
                                       ? ACM_REASON_OTHER : cert->reason)));
        (void) json_object_set_new(detail, "DaysToExpiry",
                                   json_integer(acm_watch_days(
                                                cert->not_after, now)));
        acm_event_time(detail, "CertificateExpirationDate", cert->not_after);
        acm_event_use(detail, cert);
    }

    acm_event_cert(batch, ACM_EVENT_ACTION, cert, detail, now);

    if (cert->reason == ACM_REASON_CAA_ERROR) {
        code = ACM_HEALTH_CAA;

    } else if (cert->type == ACM_TYPE_PRIVATE) {
        code = ACM_HEALTH_PRIVATE;

    } else {
        code = ACM_HEALTH_RENEWAL;
    }

    acm_event_health(batch, cert, code, (cert->last_error[0] != '\0')
                                        ? cert->last_error
                                        : "The certificate has not been "
                                          "renewed yet.", now);
}


static void
acm_event_expired(acm_batch_t *batch, const acm_cert_t *cert, int64_t now)
{
    json_t  *detail;

    detail = acm_event_detail(cert);

    if (detail != NULL) {
        acm_event_time(detail, "CertificateCreatedDate", cert->not_before);
        acm_event_time(detail, "CertificateExpirationDate", cert->not_after);
        acm_event_use(detail, cert);
    }

    acm_event_cert(batch, ACM_EVENT_EXPIRED, cert, detail, now);
    acm_event_health(batch, cert, ACM_HEALTH_RENEWAL,
                     "The certificate has expired.", now);
}


static void
acm_event_revoked(acm_batch_t *batch, const acm_cert_t *cert, int64_t now)
{
    json_t  *detail;

    detail = json_pack("{s:s, s:s}",
                       "CertificateType", acm_type_text(cert->type),
                       "CommonName", cert->domain);

    if (detail != NULL) {
        acm_event_time(detail, "CertificateExpirationDate", cert->not_after);
        (void) json_object_set_new(detail, "Exportable",
                                   json_boolean(cert->exportable != 0
                                       || cert->type == ACM_TYPE_PRIVATE));
    }

    acm_event_cert(batch, ACM_EVENT_REVOKED, cert, detail, now);
}


/* Ours: AWS has nothing that looks after its own renewal. */

static void
acm_event_overdue(acm_batch_t *batch, const acm_cert_t *cert, int64_t now)
{
    json_t  *detail;

    detail = acm_event_detail(cert);

    if (detail != NULL) {
        (void) json_object_set_new(detail, "Alarm",
                                   json_string(cert->version == 0
                                               ? "ISSUANCE_OVERDUE"
                                               : "RENEWAL_OVERDUE"));
        (void) json_object_set_new(detail, "LastError",
                                   acm_json_clean(cert->last_error));
        (void) json_object_set_new(detail, "Attempts",
                                   json_integer(cert->attempts));

        if (cert->version != 0) {
            acm_event_time(detail, "CertificateExpirationDate",
                           cert->not_after);
            (void) json_object_set_new(detail, "DaysToExpiry",
                                       json_integer(acm_watch_days(
                                                    cert->not_after, now)));
        }
    }

    acm_event_cert(batch, ACM_EVENT_ALARM, cert, detail, now);
}


/* Ours too: whoever requested it would have to ask again and again. */

static void
acm_event_failed(acm_batch_t *batch, const acm_cert_t *cert, int64_t now)
{
    json_t  *detail;

    detail = acm_event_detail(cert);

    if (detail != NULL) {
        (void) json_object_set_new(detail, "Alarm",
                                   json_string("ISSUANCE_FAILED"));
        (void) json_object_set_new(detail, "FailureReason",
                                   json_string(acm_reason_text(
                                               cert->reason)));
        (void) json_object_set_new(detail, "LastError",
                                   acm_json_clean(cert->last_error));
        (void) json_object_set_new(detail, "Attempts",
                                   json_integer(cert->attempts));
    }

    acm_event_cert(batch, ACM_EVENT_ALARM, cert, detail, now);
}


void
acm_event_refused(acm_batch_t *batch, const acm_cert_t *cert,
    const char *serial, const char *text, int64_t now)
{
    json_t  *detail;

    detail = json_pack("{s:s, s:s, s:s, s:o}", "CommonName", cert->domain,
                       "Alarm", "REVOCATION_REFUSED", "Serial", serial,
                       "LastError", acm_json_clean(text));

    acm_event_cert(batch, ACM_EVENT_ALARM, cert, detail, now);
}


void
acm_event_withdrawn(acm_batch_t *batch, const acm_cert_t *cert,
    const char *reason, int64_t at, int64_t now)
{
    json_t  *detail;

    detail = json_pack("{s:s, s:s, s:s, s:s}", "CommonName", cert->domain,
                       "Alarm", "OCSP_REVOKED", "Serial", cert->serial,
                       "RevocationReason", reason);

    if (detail != NULL) {
        acm_event_time(detail, "RevokedAt", at);
    }

    acm_event_cert(batch, ACM_EVENT_ALARM, cert, detail, now);
}


/* The members that AWS Health gives to all events of its services. */

static void
acm_event_health(acm_batch_t *batch, const acm_cert_t *cert,
    const char *code, const char *text, int64_t now)
{
    char     arn[ACM_MAX_ARN], id[ACM_UUID_LEN + 1], at[32], health[256];
    json_t  *detail;

    if (acm_uuid(id) != ACM_OK) {
        batch->rc = (batch->rc == ACM_OK) ? ACM_ERROR : batch->rc;
        return;
    }

    (void) acm_arn_text(arn, cert->account, cert->region, cert->uuid);
    (void) acm_time_text(now, at);
    (void) snprintf(health, sizeof(health),
                    "arn:aws:health:%s::event/ACM/%s/%s_%s", cert->region,
                    code, code, id);

    detail = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:o}], "
                       "s:[{s:s}]}",
                       "eventArn", health, "service", "ACM",
                       "eventTypeCode", code,
                       "eventTypeCategory", "scheduledChange",
                       "startTime", at, "lastUpdatedTime", at,
                       "eventDescription", "language", "en_US",
                       "latestDescription", acm_json_clean(text),
                       "affectedEntities", "entityValue", arn);

    acm_event_cert(batch, ACM_EVENT_HEALTH, cert, detail, now);
}


/* What most of them begin with. */

static json_t *
acm_event_detail(const acm_cert_t *cert)
{
    json_t      *detail;
    const char  *method;

    detail = json_pack("{s:s, s:s}",
                       "CertificateType", acm_type_text(cert->type),
                       "CommonName", cert->domain);

    method = acm_event_method(cert);

    if (detail != NULL && method != NULL) {
        (void) json_object_set_new(detail, "DomainValidationMethod",
                                   json_string(method));
    }

    return detail;
}


/* What ends most of them. */

static void
acm_event_use(json_t *detail, const acm_cert_t *cert)
{
    (void) json_object_set_new(detail, "InUse",
                               json_boolean(acm_watch_renews(cert)));
    (void) json_object_set_new(detail, "Exported",
                               json_boolean(cert->exported != 0));
}


static void
acm_event_time(json_t *detail, const char *name, int64_t at)
{
    char  text[32];

    (void) json_object_set_new(detail, name,
                               json_string(acm_time_text(at, text)));
}


/* Takes the reference to detail. */

static void
acm_event_cert(acm_batch_t *batch, acm_event_e kind, const acm_cert_t *cert,
    json_t *detail, int64_t now)
{
    char         arn[ACM_MAX_ARN];
    acm_event_t  event;

    memset(&event, 0, sizeof(acm_event_t));

    event.kind = kind;
    event.at = now;
    event.account = cert->account;
    event.region = cert->region;
    event.resource = acm_arn_text(arn, cert->account, cert->region,
                                  cert->uuid);

    acm_event_put_json(batch, &event, detail);
}


/* NULL: there was nothing to be validated. */

static const char *
acm_event_method(const acm_cert_t *cert)
{
    if (cert->type != ACM_TYPE_ISSUED) {
        return NULL;
    }

    return (cert->method & ~(uint32_t) ACM_METHODS_HERE) ? "DNS" : "HTTP";
}
