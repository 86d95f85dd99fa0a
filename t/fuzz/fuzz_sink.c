
/*
 * Copyright (C) The ngx_acm authors
 *
 * What sinks answer, and the files they need.  The first octet chooses: the
 * answer of PutEvents, credentials, the secret of a webhook, an address, the
 * record of a sink or of a dead letter; or the rest is the resource and the
 * detail of an event that is written in all forms.
 */


#include <stdlib.h>
#include <string.h>

#include "acm_sink_format.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* No line is too long, none ends in CR or LF alone, and the header has the
   fields it must have. */

static void
check_mail(const acm_buf_t *mail)
{
    size_t  i, column;

    column = 0;

    for (i = 0; i < mail->len; i++) {

        if (mail->data[i] == '\r') {
            if (i + 1 == mail->len || mail->data[i + 1] != '\n') {
                __builtin_trap();
            }

        } else if (mail->data[i] == '\n') {
            if (i == 0 || mail->data[i - 1] != '\r') {
                __builtin_trap();
            }

            column = 0;

        } else if (++column > 998 || mail->data[i] < ' '
                   || mail->data[i] > '~')
        {
            __builtin_trap();
        }
    }
}


static void
event(const char *text, size_t len)
{
    char          *s;
    size_t         n;
    acm_buf_t      buf;
    acm_event_t    e;

    const acm_event_t  *list[1];
    static const char *const  to[] = { "a@b.example", "c@d.example" };

    s = malloc(len + 1);

    if (s == NULL) {
        return;
    }

    memcpy(s, text, len);
    s[len] = '\0';

    n = strcspn(s, "{");

    memset(&e, 0, sizeof(acm_event_t));
    memcpy(e.id, "00000000-0000-4000-8000-000000000000", ACM_UUID_LEN + 1);

    e.kind = ACM_EVENT_ALARM;
    e.account = (char *) "123456789012";
    e.region = (char *) "us-east-1";
    e.detail = strdup(s + n);
    s[n] = '\0';
    e.resource = s;
    list[0] = &e;

    acm_buf_init(&buf, ACM_MAX_SINK_BODY);

    if (e.detail != NULL) {

        if (acm_mail_text(&e, to[0], to, 2, &buf) == ACM_OK) {
            check_mail(&buf);
        }

        /* what is too long for one may fit for another */

        acm_buf_free(&buf);
        (void) acm_syslog_text(&e, 14, s, s, &buf);
        acm_buf_free(&buf);
        (void) acm_cloudevent_json(&e, &buf);
        acm_buf_free(&buf);
        n = 1;
        (void) acm_put_events_json(list, &n, "x", NULL, &buf);
    }

    acm_buf_free(&buf);
    free(e.detail);
    free(s);
}


static void
records(const uint8_t *data, size_t size)
{
    acm_dead_t  dead;
    acm_sink_t  sink;

    if (acm_sink_decode(data, size, &sink) == ACM_OK) {
        acm_sink_free(&sink);
    }

    if (acm_dead_decode(data, size, &dead) == ACM_OK) {
        acm_dead_free(&dead);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                 i, n;
    acm_err_t              why, err;
    const char            *text;
    acm_sink_e             results[ACM_MAX_PUT_EVENTS];
    acm_aws_secret_t       aws;
    acm_webhook_secret_t   secret;

    if (size == 0) {
        return 0;
    }

    text = (const char *) data + 1;
    size--;

    switch (data[0] % 7) {

    case 0:
        n = 1 + data[0] / 7 % ACM_MAX_PUT_EVENTS;

        if (acm_put_events_answer(text, size, n, results, &why, &err)
            == ACM_OK)
        {
            for (i = 0; i < n; i++) {
                if (results[i] > ACM_SINK_FAILED) {
                    __builtin_trap();
                }
            }
        }

        break;

    case 1:
        acm_put_events_fault(text, size, &err);
        break;

    case 2:
        if (acm_aws_parse(text, size, &aws, &err) == ACM_OK
            && (strlen(aws.id) == 0 || strlen(aws.secret) == 0))
        {
            __builtin_trap();
        }

        break;

    case 3:
        if (acm_webhook_parse(text, size, &secret, &err) == ACM_OK
            && (secret.len < ACM_MIN_WEBHOOK || secret.len > ACM_MAX_WEBHOOK))
        {
            __builtin_trap();
        }

        break;

    case 4:
        if (acm_address_ok(text, size)
            && (memchr(text, '@', size) == NULL
                || memchr(text, '\n', size) != NULL
                || memchr(text, ' ', size) != NULL))
        {
            __builtin_trap();
        }

        break;

    case 5:
        records(data + 1, size);
        break;

    default:
        event(text, size);
    }

    return 0;
}
