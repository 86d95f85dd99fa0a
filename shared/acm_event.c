
/*
 * Copyright (C) The ngx_acm authors
 */


#include <string.h>

#include "acm_event.h"
#include "acm_json.h"
#include "acm_record_impl.h"


static json_t *acm_event_object(const acm_event_t *event);


static const acm_field_t  acm_event_fields[] = {
    acm_field(1, ACM_FIELD_UUID, acm_event_t, id, 1, ACM_UUID_LEN),
    acm_field(2, ACM_FIELD_ENUM, acm_event_t, kind, ACM_EVENT_APPROACHING,
              ACM_EVENT_ALARM),
    acm_field(3, ACM_FIELD_TIME, acm_event_t, at, 0, 0),
    acm_field(4, ACM_FIELD_STR, acm_event_t, account, 1, ACM_MAX_LABEL),
    acm_field(5, ACM_FIELD_STR, acm_event_t, region, 1, ACM_MAX_LABEL),
    acm_field(6, ACM_FIELD_STR, acm_event_t, resource, 0,
              ACM_MAX_EVENT_RESOURCE),
    acm_field(7, ACM_FIELD_STR, acm_event_t, detail, 1, ACM_MAX_EVENT_DETAIL)
};

static const acm_layout_t  acm_event_layout =
    acm_layout(ACM_REC_EVENT, acm_event_t, acm_event_fields);


acm_rc_t
acm_event_encode(const acm_event_t *event, acm_buf_t *out)
{
    return acm_record_encode(&acm_event_layout, event, out);
}


acm_rc_t
acm_event_decode(const uint8_t *data, size_t len, acm_event_t *event)
{
    return acm_record_decode(&acm_event_layout, data, len, event);
}


void
acm_event_free(acm_event_t *event)
{
    acm_record_free(&acm_event_layout, event);
}


const char *
acm_event_type(acm_event_e kind)
{
    switch (kind) {

    case ACM_EVENT_APPROACHING:
        return "ACM Certificate Approaching Expiration";

    case ACM_EVENT_EXPIRED:
        return "ACM Certificate Expired";

    case ACM_EVENT_AVAILABLE:
        return "ACM Certificate Available";

    case ACM_EVENT_ACTION:
        return "ACM Certificate Renewal Action Required";

    case ACM_EVENT_REVOKED:
        return "ACM Certificate Revoked";

    case ACM_EVENT_HEALTH:
        return "AWS Health Event";

    case ACM_EVENT_ALARM:
        return "ngx_acm Alarm";
    }

    return "unknown";
}


const char *
acm_event_source(acm_event_e kind)
{
    if (kind == ACM_EVENT_ALARM) {
        return "ngx_acm";
    }

    return (kind == ACM_EVENT_HEALTH) ? "aws.health" : "aws.acm";
}


void
acm_event_put(acm_batch_t *batch, acm_event_t *event)
{
    json_t       *resource;
    acm_rc_t      rc;
    acm_buf_t     buf;
    acm_event_t   clean;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);

    rc = (event->id[0] == '\0') ? acm_uuid(event->id) : ACM_OK;

    /* a path may be no UTF-8, and no sink could take it then */

    resource = acm_json_clean(event->resource);

    if (rc == ACM_OK && resource == NULL) {
        rc = ACM_NOMEM;
    }

    if (rc == ACM_OK) {
        clean = *event;
        clean.resource = (char *) json_string_value(resource);
        rc = acm_event_encode(&clean, &buf);
    }

    if (rc == ACM_OK) {
        acm_batch_append(batch, ACM_DB_EVENT, buf.data, buf.len);

    } else if (batch->rc == ACM_OK) {
        batch->rc = rc;
    }

    json_decref(resource);
    acm_buf_free(&buf);
}


void
acm_event_put_json(acm_batch_t *batch, acm_event_t *event, json_t *detail)
{
    acm_rc_t   rc;
    acm_str_t  text;

    rc = (detail == NULL) ? ACM_NOMEM : acm_json_text(detail, 0, &text, NULL);

    json_decref(detail);

    if (rc != ACM_OK) {
        batch->rc = (batch->rc == ACM_OK) ? rc : batch->rc;
        return;
    }

    text.data[text.len - 1] = '\0';
    event->detail = (char *) text.data;

    acm_event_put(batch, event);

    event->detail = NULL;
    acm_free(text.data);
}


acm_rc_t
acm_event_json(const acm_event_t *event, acm_buf_t *out)
{
    acm_rc_t    rc;
    json_t     *json;
    acm_str_t   text;

    json = acm_event_object(event);

    if (json == NULL) {
        return ACM_NOMEM;
    }

    rc = acm_json_text(json, 0, &text, NULL);
    json_decref(json);

    if (rc != ACM_OK) {
        return rc;
    }

    /* the line feed is the sink's business */

    acm_buf_add(out, text.data, text.len - 1);
    acm_free(text.data);

    return acm_buf_rc(out);
}


/* Members in the order of the user guide. */

static json_t *
acm_event_object(const acm_event_t *event)
{
    char     at[32];
    json_t  *detail, *resources;

    if (acm_json_parse(event->detail, strlen(event->detail),
                       ACM_MAX_EVENT_DETAIL, &detail, NULL)
        != ACM_OK)
    {
        return NULL;
    }

    resources = (event->resource[0] == '\0')
                ? json_array() : json_pack("[s]", event->resource);

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}",
                     "version", "0", "id", event->id,
                     "detail-type", acm_event_type(event->kind),
                     "source", acm_event_source(event->kind),
                     "account", event->account,
                     "time", acm_time_text(event->at, at),
                     "region", event->region, "resources", resources,
                     "detail", detail);
}
