
/*
 * Copyright (C) The ngx_acm authors
 *
 * Events for sinks that speak JSON, and the answer of EventBridge.
 */


#include <string.h>

#include "acm_json.h"
#include "acm_sink_format.h"


static json_t *acm_sink_detail(const acm_event_t *event);
static acm_rc_t acm_sink_dump(json_t *json, acm_buf_t *out);
static json_t *acm_put_events_entry(const acm_event_t *event,
    const char *source, const char *bus);
static acm_sink_e acm_put_events_result(const json_t *entry, acm_err_t *why);


static const char *const  acm_event_words[] = {
    "", "approaching", "expired", "available", "action", "revoked", "health",
    "alarm"
};


const char *
acm_event_word(acm_event_e kind)
{
    return (kind >= ACM_EVENT_APPROACHING && kind <= ACM_EVENT_ALARM)
           ? acm_event_words[kind] : "unknown";
}


acm_event_e
acm_event_word_parse(const char *word, size_t len)
{
    unsigned  i;

    for (i = ACM_EVENT_APPROACHING; i <= ACM_EVENT_ALARM; i++) {
        if (strlen(acm_event_words[i]) == len
            && memcmp(acm_event_words[i], word, len) == 0)
        {
            return (acm_event_e) i;
        }
    }

    return (acm_event_e) 0;
}


static json_t *
acm_sink_detail(const acm_event_t *event)
{
    json_t  *detail;

    if (acm_json_parse(event->detail, strlen(event->detail),
                       ACM_MAX_EVENT_DETAIL, &detail, NULL)
        != ACM_OK)
    {
        return NULL;
    }

    return detail;
}


/* Takes the reference; NULL: there was no memory for it. */

static acm_rc_t
acm_sink_dump(json_t *json, acm_buf_t *out)
{
    acm_rc_t   rc;
    acm_str_t  text;

    if (json == NULL) {
        return ACM_NOMEM;
    }

    rc = acm_json_text(json, 0, &text, NULL);
    json_decref(json);

    if (rc == ACM_OK) {
        acm_buf_add(out, text.data, text.len - 1);
        acm_free(text.data);
        rc = acm_buf_rc(out);
    }

    return rc;
}


/* source is an URI reference, which "aws.acm" is; type is free text. */

acm_rc_t
acm_cloudevent_json(const acm_event_t *event, acm_buf_t *out)
{
    char     at[32];
    json_t  *json, *detail;

    detail = acm_sink_detail(event);

    json = json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s, s:s, s:s, s:s, s:o}",
                     "specversion", "1.0", "id", event->id,
                     "source", acm_event_source(event->kind),
                     "type", acm_event_type(event->kind),
                     "subject", (event->resource[0] != '\0')
                                ? event->resource : NULL,
                     "time", acm_time_text(event->at, at),
                     "datacontenttype", "application/json",
                     "awsaccount", event->account,
                     "awsregion", event->region, "data", detail);

    return acm_sink_dump(json, out);
}


acm_rc_t
acm_put_events_json(const acm_event_t *const *events, size_t *n,
    const char *source, const char *bus, acm_buf_t *out)
{
    size_t     i, max;
    json_t    *entry;
    acm_rc_t   rc;
    acm_buf_t  one;

    max = (*n > ACM_MAX_PUT_EVENTS) ? ACM_MAX_PUT_EVENTS : *n;

    acm_buf_text(out, "{\"Entries\":[");

    for (i = 0; i < max; i++) {
        acm_buf_init(&one, ACM_MAX_SINK_BODY);

        entry = acm_put_events_entry(events[i], source, bus);
        rc = acm_sink_dump(entry, &one);

        if (rc == ACM_OK && (i == 0 || out->len + one.len <= ACM_MAX_PUT_BODY))
        {
            if (i != 0) {
                acm_buf_u8(out, ',');
            }

            acm_buf_add(out, one.data, one.len);

        } else {
            max = i;
        }

        acm_buf_free(&one);

        if (rc != ACM_OK) {
            return rc;
        }
    }

    acm_buf_text(out, "]}");

    *n = max;

    return acm_buf_rc(out);
}


static json_t *
acm_put_events_entry(const acm_event_t *event, const char *source,
    const char *bus)
{
    json_t     *detail, *entry, *resources;
    acm_rc_t    rc;
    acm_buf_t   text;

    detail = acm_sink_detail(event);

    if (detail == NULL
        || json_object_set_new(detail, "EventId", json_string(event->id))
           != 0)
    {
        json_decref(detail);
        return NULL;
    }

    acm_buf_init(&text, ACM_MAX_SINK_BODY);

    rc = acm_sink_dump(detail, &text);
    entry = NULL;

    if (rc == ACM_OK) {
        resources = (event->resource[0] == '\0')
                    ? json_array() : json_pack("[s]", event->resource);

        entry = json_pack("{s:I, s:s, s:s, s:s%, s:o, s:s*}",
                          "Time", (json_int_t) event->at, "Source", source,
                          "DetailType", acm_event_type(event->kind),
                          "Detail", (char *) text.data, text.len,
                          "Resources", resources, "EventBusName", bus);
    }

    acm_buf_free(&text);

    return entry;
}


acm_rc_t
acm_put_events_answer(const void *data, size_t len, size_t n,
    acm_sink_e *results, acm_err_t *why, acm_err_t *err)
{
    size_t     i;
    json_t    *json, *entries;
    acm_rc_t   rc;

    rc = acm_json_parse(data, len, ACM_MAX_SINK_BODY, &json, err);

    if (rc != ACM_OK) {
        return rc;
    }

    why->text[0] = '\0';
    entries = acm_json_array(json, "Entries");

    if (entries == NULL || json_array_size(entries) != n) {
        json_decref(json);
        return acm_fail(err, ACM_INVALID, "the answer does not tell of %zu "
                        "events", n);
    }

    for (i = 0; i < n; i++) {
        results[i] = acm_put_events_result(json_array_get(entries, i), why);
    }

    json_decref(json);

    return ACM_OK;
}


/* What is wrong with the event itself will not get better. */

static acm_sink_e
acm_put_events_result(const json_t *entry, acm_err_t *why)
{
    size_t       i;
    const char  *id, *code, *text;

    static const char *const  refused[] = {
        "MalformedDetail", "InvalidArgument", "ValidationException"
    };

    id = acm_json_string(entry, "EventId");
    code = acm_json_string(entry, "ErrorCode");
    text = acm_json_string(entry, "ErrorMessage");

    if (code == NULL && id != NULL) {
        return ACM_SINK_DELIVERED;
    }

    (void) acm_fail(why, ACM_ERROR, "%s%s%s", (code != NULL) ? code : "no id",
                    (text != NULL) ? ": " : "", (text != NULL) ? text : "");

    for (i = 0; code != NULL && i < sizeof(refused) / sizeof(refused[0]); i++)
    {
        if (strcmp(code, refused[i]) == 0) {
            return ACM_SINK_REFUSED;
        }
    }

    return ACM_SINK_FAILED;
}


void
acm_put_events_fault(const void *data, size_t len, acm_err_t *text)
{
    json_t      *json;
    const char  *type, *what, *p;

    text->text[0] = '\0';

    if (acm_json_parse(data, len, ACM_MAX_SINK_BODY, &json, NULL) != ACM_OK) {
        return;
    }

    type = acm_json_string(json, "__type");
    what = acm_json_string(json, "message");

    if (what == NULL) {
        what = acm_json_string(json, "Message");
    }

    if (type != NULL) {
        p = strrchr(type, '#');
        type = (p != NULL) ? p + 1 : type;

        (void) acm_fail(text, ACM_ERROR, "%.100s%s%.300s", type,
                        (what != NULL) ? ": " : "",
                        (what != NULL) ? what : "");
    }

    json_decref(json);
}
