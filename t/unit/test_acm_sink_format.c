
/*
 * Copyright (C) The ngx_acm authors
 *
 * Events as sinks get them, what they answer, secrets in files.
 */


#include "test.h"
#include <sys/stat.h>
#include "acm_http.h"
#include "acm_json.h"
#include "acm_sink_format.h"


#define ID   "00000000-0000-4000-8000-000000000001"
#define ARN  "arn:aws:acm:us-east-1:123456789012:certificate/" ID


static void
event_set(acm_event_t *e, const char *detail)
{
    memset(e, 0, sizeof(acm_event_t));
    memcpy(e->id, ID, ACM_UUID_LEN + 1);

    e->kind = ACM_EVENT_APPROACHING;
    e->at = 1795582800;
    e->account = (char *) "123456789012";
    e->region = (char *) "us-east-1";
    e->resource = (char *) ARN;
    e->detail = (char *) detail;
}


static char *
text(acm_buf_t *buf)
{
    acm_buf_u8(buf, '\0');
    test_ok(acm_buf_rc(buf));

    return (char *) buf->data;
}


static void
test_words(void **state)
{
    int  i;

    (void) state;

    for (i = ACM_EVENT_APPROACHING; i <= ACM_EVENT_ALARM; i++) {
        assert_int_equal(acm_event_word_parse(acm_event_word(i),
                                              strlen(acm_event_word(i))), i);
    }

    assert_int_equal(acm_event_word_parse("", 0), 0);
    assert_int_equal(acm_event_word_parse("expire", 6), 0);
    assert_string_equal(acm_event_word((acm_event_e) 8), "unknown");
}


static void
test_cloudevent(void **state)
{
    json_t       *json;
    acm_buf_t     buf;
    acm_event_t   e;

    (void) state;

    event_set(&e, "{\"DaysToExpiry\":30}");
    acm_buf_init(&buf, ACM_MAX_SINK_BODY);
    test_ok(acm_cloudevent_json(&e, &buf));
    test_ok(acm_json_parse(buf.data, buf.len, ACM_MAX_SINK_BODY, &json,
                           NULL));

    assert_string_equal(acm_json_string(json, "specversion"), "1.0");
    assert_string_equal(acm_json_string(json, "id"), ID);
    assert_string_equal(acm_json_string(json, "source"), "aws.acm");
    assert_string_equal(acm_json_string(json, "subject"), ARN);
    assert_string_equal(acm_json_string(json, "time"),
                        "2026-11-25T05:00:00Z");
    assert_int_equal(json_integer_value(json_object_get(
                         acm_json_object(json, "data"), "DaysToExpiry")), 30);
    json_decref(json);

    /* no resource, no subject: it must not be empty */

    e.resource = (char *) "";
    buf.len = 0;
    test_ok(acm_cloudevent_json(&e, &buf));
    assert_null(strstr(text(&buf), "subject"));
    acm_buf_free(&buf);

    e.detail = (char *) "no JSON";
    acm_buf_init(&buf, ACM_MAX_SINK_BODY);
    assert_int_equal(acm_cloudevent_json(&e, &buf), ACM_NOMEM);
    acm_buf_free(&buf);
}


static void
test_syslog(void **state)
{
    acm_buf_t    buf;
    acm_event_t  e;

    static const char  head[] =
        "<190>1 2026-11-25T05:00:00Z host?name acm - approaching - {";

    (void) state;

    event_set(&e, "{}");
    acm_buf_init(&buf, ACM_MAX_SINK_BODY);
    test_ok(acm_syslog_text(&e, 190, "host name", "acm", &buf));
    assert_memory_equal(text(&buf), head, sizeof(head) - 1);
    assert_null(strchr((char *) buf.data, '\n'));
    acm_buf_free(&buf);

    acm_buf_init(&buf, ACM_MAX_SINK_BODY);
    test_ok(acm_syslog_text(&e, 190, "", "", &buf));
    assert_non_null(strstr(text(&buf), "Z - - - approaching - {"));
    acm_buf_free(&buf);
}


static void
test_address(void **state)
{
    size_t  i;
    char    s[ACM_MAX_ADDRESS + 2];

    static const char *const  good[] = {
        "a@b", "ops+acm@mail.example.com", "o'neil@x.example"
    };

    static const char *const  bad[] = {
        "", "a", "@b", "a@", "a@b@c", "a b@c", "a@b c", "<a@b>", "a@b,c@d",
        "a@b\r\nBcc: c@d", "a@-b", "a@b.", "a@.b", "\"a\"@b", "a@[1.2.3.4]",
        "\xc3\xa4@b"
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(acm_address_ok(good[i], strlen(good[i])));
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(acm_address_ok(bad[i], strlen(bad[i])));
    }

    memset(s, 'a', sizeof(s));
    s[1] = '@';
    assert_true(acm_address_ok(s, ACM_MAX_ADDRESS));
    assert_false(acm_address_ok(s, ACM_MAX_ADDRESS + 1));

    /* RFC 5321 s4.5.3.1.1 */

    s[1] = 'a';
    s[64] = '@';
    assert_true(acm_address_ok(s, 100));
    s[64] = 'a';
    s[65] = '@';
    assert_false(acm_address_ok(s, 100));
}


static void
test_mail(void **state)
{
    char         *s, *line, *end, detail[8000];
    size_t        i;
    acm_buf_t     buf;
    acm_event_t   e;

    static const char *const  to[] = { "ops@example.com", "b@c" };

    (void) state;

    event_set(&e, "{\"CommonName\":\"www.example.com\\r\\nBcc: x@y\","
              "\"Text\":\"\xc3\xa4=\"}");
    acm_buf_init(&buf, ACM_MAX_SINK_BODY);
    test_ok(acm_mail_text(&e, "acm@example.com", to, 2, &buf));
    s = text(&buf);

    assert_non_null(strstr(s, "From: acm@example.com\r\n"));
    assert_non_null(strstr(s, "To: ops@example.com,\r\n b@c\r\n"));
    assert_non_null(strstr(s, "Subject: ACM Certificate Approaching "
                           "Expiration: www.example.com??Bcc: x@y, "
                           "2026-11-25T05:00:00Z\r\n"));
    assert_non_null(strstr(s, "Date: Wed, 25 Nov 2026 05:00:00 +0000\r\n"));
    assert_non_null(strstr(s, "Message-ID: <" ID "@example.com>\r\n"));
    assert_non_null(strstr(s, "=C3=A4=3D"));
    assert_null(strstr(s, "\nBcc:"));
    acm_buf_free(&buf);

    /* a long text is folded; the name is one to be told by its resource */

    i = (size_t) snprintf(detail, sizeof(detail), "{\"x\":\"");
    memset(detail + i, 'y', 7000);
    memcpy(detail + i + 7000, "\"}", 3);

    event_set(&e, detail);
    acm_buf_init(&buf, ACM_MAX_SINK_BODY);
    test_ok(acm_mail_text(&e, "acm@example.com", to, 1, &buf));
    s = text(&buf);
    assert_non_null(strstr(s, "Expiration: " ARN ", "));

    for (line = s; *line != '\0'; line = end + 2) {
        end = strstr(line, "\r\n");
        assert_non_null(end);
        assert_true(end - line <= 200);

        if (line > strstr(s, "\r\n\r\n")) {
            assert_true(end - line <= 76);
        }
    }

    acm_buf_free(&buf);
}


/* The example of the specification of Standard Webhooks. */

static void
test_webhook(void **state)
{
    char                   signature[ACM_WEBHOOK_SIGNATURE], s[128];
    acm_err_t              err;
    acm_webhook_secret_t   secret;

    static const char  key[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
    static const char  body[] = "{\"test\": 2432232314}";

    (void) state;

    test_ok(acm_webhook_parse(key, sizeof(key) - 1, &secret, &err));
    assert_int_equal(secret.len, 24);
    test_ok(acm_webhook_sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek",
                             1614265330, body, sizeof(body) - 1, signature,
                             &err));
    assert_string_equal(signature,
                        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");

    /* to both limits, and one past them: 24 and 64 octets */

    memset(s, 'A', sizeof(s));
    test_ok(acm_webhook_parse(s, 32, &secret, &err));
    s[31] = '=';
    assert_int_equal(acm_webhook_parse(s, 32, &secret, &err), ACM_INVALID);
    s[31] = 'A';

    memcpy(s + 86, "==", 2);
    test_ok(acm_webhook_parse(s, 88, &secret, &err));
    assert_int_equal(secret.len, ACM_MAX_WEBHOOK);
    memcpy(s + 86, "A=", 2);
    assert_int_equal(acm_webhook_parse(s, 88, &secret, &err), ACM_INVALID);

    assert_int_equal(acm_webhook_parse("", 0, &secret, &err), ACM_INVALID);
    assert_int_equal(acm_webhook_parse("====", 4, &secret, &err),
                     ACM_INVALID);
}


static void
test_put_events(void **state)
{
    size_t        n, i;
    char          detail[ACM_MAX_EVENT_DETAIL + 1];
    json_t       *json, *entry;
    acm_err_t     err, why;
    acm_buf_t     buf;
    acm_http_t   *http;
    acm_event_t   e;
    acm_sink_e    results[ACM_MAX_PUT_EVENTS];

    const acm_event_t  *list[ACM_MAX_PUT_EVENTS + 1];

    static const char  answer[] =
        "{\"FailedEntryCount\":2,\"Entries\":[{\"EventId\":\"1\"},"
        "{\"ErrorCode\":\"InternalFailure\",\"ErrorMessage\":\"x\"},"
        "{\"ErrorCode\":\"MalformedDetail\"},{}]}";

    (void) state;

    event_set(&e, "{\"a\":1}");

    for (i = 0; i <= ACM_MAX_PUT_EVENTS; i++) {
        list[i] = &e;
    }

    n = ACM_MAX_PUT_EVENTS + 1;
    acm_buf_init(&buf, ACM_MAX_SINK_BODY);
    test_ok(acm_put_events_json(list, &n, "mine", "bus", &buf));
    assert_int_equal(n, ACM_MAX_PUT_EVENTS);
    test_ok(acm_json_parse(buf.data, buf.len, ACM_MAX_SINK_BODY, &json,
                           NULL));
    entry = json_array_get(acm_json_array(json, "Entries"), 9);
    assert_string_equal(acm_json_string(entry, "Source"), "mine");
    assert_string_equal(acm_json_string(entry, "EventBusName"), "bus");
    assert_string_equal(acm_json_string(entry, "Detail"),
                        "{\"a\":1,\"EventId\":\"" ID "\"}");
    assert_string_equal(acm_json_string(entry, "DetailType"),
                        "ACM Certificate Approaching Expiration");
    json_decref(json);
    acm_buf_free(&buf);

    /* as much as goes into a request; one goes always */

    i = (size_t) snprintf(detail, sizeof(detail), "{\"a\":[");

    while (i < ACM_MAX_EVENT_DETAIL - 8) {
        memcpy(detail + i, "\"\\\"\",", 5);
        i += 5;
    }

    memcpy(detail + i, "1]}", 4);
    e.detail = detail;
    n = ACM_MAX_PUT_EVENTS;
    http = acm_http_new(ACM_HTTP_POST, "https://bus.example.net/");
    assert_non_null(http);
    test_ok(acm_put_events_json(list, &n, "mine", NULL, &http->body));
    assert_in_range(n, 1, ACM_MAX_PUT_EVENTS - 1);
    assert_true(http->body.len <= ACM_MAX_PUT_BODY + 20);
    acm_http_free(http);

    test_ok(acm_put_events_answer(answer, sizeof(answer) - 1, 4, results,
                                  &why, &err));
    assert_int_equal(results[0], ACM_SINK_DELIVERED);
    assert_int_equal(results[1], ACM_SINK_FAILED);
    assert_int_equal(results[2], ACM_SINK_REFUSED);
    assert_int_equal(results[3], ACM_SINK_FAILED);

    assert_int_equal(acm_put_events_answer(answer, sizeof(answer) - 1, 3,
                                           results, &why, &err),
                     ACM_INVALID);
    assert_int_equal(acm_put_events_answer("[]", 2, 1, results, &why, &err),
                     ACM_INVALID);

    acm_put_events_fault("{\"__type\":\"a#B\",\"Message\":\"c\"}", 30, &err);
    assert_string_equal(err.text, "B: c");
    acm_put_events_fault("x", 1, &err);
    assert_string_equal(err.text, "");
}


static void
test_aws(void **state)
{
    acm_err_t          err;
    acm_aws_secret_t   c;

    static const char  good[] =
        "# mine\n[default]\naws_access_key_id=AKID\r\n"
        "aws_secret_access_key = s/e+c \n[other]\naws_access_key_id = no\n";

    static const char *const  bad[] = {
        "", "aws_access_key_id=x\n", "aws_access_key_id=\n",
        "[a]\n[b]\naws_access_key_id=x\naws_secret_access_key=y\n",
        "aws_access_key_id=x y\naws_secret_access_key=y\n"
    };

    size_t  i;

    (void) state;

    test_ok(acm_aws_parse(good, sizeof(good) - 1, &c, &err));
    assert_string_equal(c.id, "AKID");
    assert_string_equal(c.secret, "s/e+c");
    assert_string_equal(c.token, "");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(acm_aws_parse(bad[i], strlen(bad[i]), &c, &err),
                         ACM_INVALID);
    }
}


static void
test_file(void **state)
{
    char       *dir, path[600], buf[8];
    FILE       *f;
    size_t      len;
    acm_err_t   err;

    (void) state;

    dir = test_mkdir();
    snprintf(path, sizeof(path), "%s/secret", dir);

    assert_int_equal(acm_secret_read(path, buf, 8, &len, &err),
                     ACM_NOTFOUND);
    assert_int_equal(acm_secret_read(dir, buf, 8, &len, &err), ACM_DENIED);

    f = fopen(path, "w");
    fputs("1234567", f);
    fclose(f);

    chmod(path, 0640);
    assert_int_equal(acm_secret_read(path, buf, 8, &len, &err), ACM_DENIED);
    chmod(path, 0600);
    test_ok(acm_secret_read(path, buf, 8, &len, &err));
    assert_string_equal(buf, "1234567");
    assert_int_equal(len, 7);
    assert_int_equal(acm_secret_read(path, buf, 7, &len, &err), ACM_TOOBIG);

    test_rmdir(dir);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_cloudevent),
        cmocka_unit_test(test_syslog),
        cmocka_unit_test(test_address),
        cmocka_unit_test(test_mail),
        cmocka_unit_test(test_webhook),
        cmocka_unit_test(test_put_events),
        cmocka_unit_test(test_aws),
        cmocka_unit_test(test_file)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
