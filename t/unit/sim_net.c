
/*
 * Copyright (C) The ngx_acm authors
 *
 * The way to the CAs of the simulated world, and what is seen on it.  A CA
 * acts when a request is sent and answers later: who dies meanwhile never
 * hears of it.
 */


#include "acm_json.h"
#include "sim.h"


static acm_rc_t sim_send(void *data, acm_http_t *http, acm_err_t *err);
static void sim_cancel(void *data, acm_http_t *http);


void
sim_transport(sim_t *s)
{
    s->transport.send = sim_send;
    s->transport.cancel = sim_cancel;
    s->transport.data = s;
}


static acm_rc_t
sim_send(void *data, acm_http_t *http, acm_err_t *err)
{
    sim_t     *s = data;

    unsigned   n;

    if (s->crashed) {
        return acm_fail(err, ACM_ERROR, "the process is no more");
    }

    n = (strncmp(http->url, "https://ca", 10) == 0)
        ? (unsigned) (http->url[10] - '0') : SIM_CAS;

    if (n >= SIM_CAS) {
        return acm_fail(err, ACM_ERROR, "no such CA: %s", http->url);
    }

    sim_take(&s->cas[n], http);

    return ACM_OK;
}


void
sim_pend(sim_t *s, acm_http_t *http, int64_t delay)
{
    if (s->npending == s->spending) {
        s->spending = 2 * s->spending + 16;
        s->pending = realloc(s->pending, s->spending * sizeof(sim_pending_t));
        assert_non_null(s->pending);
    }

    s->pending[s->npending].http = http;
    s->pending[s->npending].at = s->ticks + delay;
    s->npending++;
}


void
sim_take(sim_ca_t *ca, acm_http_t *http)
{
    sim_t          *s;
    unsigned long   left;

    s = ca->sim;

    sim_pend(s, http, ca->delay);

    /* faults of memory are ours, not theirs */

    left = acm_alloc_fail_at(0);
    sim_answer(ca, http);
    (void) acm_alloc_fail_at(left);

    if (++s->sends == s->crash_send) {
        s->crashed = 1;
    }
}


static void
sim_cancel(void *data, acm_http_t *http)
{
    sim_t   *s = data;

    size_t   i;

    for (i = 0; i < s->npending; i++) {
        if (s->pending[i].http == http) {
            s->pending[i] = s->pending[--s->npending];
            return;
        }
    }

    fail_msg("a request was cancelled that is not under way");
}


int64_t
sim_next(const sim_t *s)
{
    size_t   i;
    int64_t  at;

    at = INT64_MAX;

    for (i = 0; i < s->npending; i++) {
        at = (s->pending[i].at < at) ? s->pending[i].at : at;
    }

    return at;
}


void
sim_deliver(sim_t *s)
{
    size_t       i;
    acm_http_t  *http;

    for (i = 0; i < s->npending; /* void */) {

        if (s->pending[i].at > s->ticks) {
            i++;
            continue;
        }

        http = s->pending[i].http;
        s->pending[i] = s->pending[--s->npending];
        http->done(http);
        i = 0;
    }
}


uint64_t
sim_requests(const sim_t *s)
{
    unsigned  i;
    uint64_t  n;

    n = 0;

    for (i = 0; i < SIM_CAS; i++) {
        n += s->cas[i].requests;
    }

    return n;
}


/* Which of the certificates an order is for, by its first name. */

int
sim_which(sim_t *s, const char *name)
{
    size_t  i;

    for (i = 0; i < s->nrequests; i++) {
        if (strcmp(s->requests[i].names[0], name) == 0) {
            return (int) i;
        }
    }

    return -1;
}


/* Nonces are used once; the payload is what is asked. */

void
sim_signed(sim_ca_t *ca, acm_http_t *http, json_t **payload)
{
    json_t      *jws, *head;
    acm_buf_t    buf;
    const char  *text;
    unsigned     nonce;

    *payload = NULL;

    if (http->method != ACM_HTTP_POST) {
        return;
    }

    acm_buf_init(&buf, ACM_MAX_JWS);
    test_ok(acm_json_parse(http->body.data, http->body.len, ACM_MAX_JWS,
                           &jws, NULL));
    text = acm_json_string(jws, "protected");
    test_ok(acm_b64url_decode(&buf, text, strlen(text)));
    test_ok(acm_json_parse(buf.data, buf.len, ACM_MAX_JWS, &head, NULL));
    acm_buf_free(&buf);

    assert_string_equal(acm_json_string(head, "url"), http->url);

    text = acm_json_string(head, "nonce");
    nonce = (unsigned) strtoul(text + 1, NULL, 10);

    json_decref(head);

    if (!ca->hostile) {
        assert_true(nonce < SIM_NONCES && nonce < ca->nonces);

        if (ca->spent[nonce / 8] & (1 << nonce % 8)) {
            ca->wrong = "a nonce was used twice";
        }

        ca->spent[nonce / 8] |= (uint8_t) (1 << nonce % 8);
    }

    text = acm_json_string(jws, "payload");

    if (*text != '\0') {
        test_ok(acm_b64url_decode(&buf, text, strlen(text)));
        test_ok(acm_json_parse(buf.data, buf.len, ACM_MAX_JWS, payload,
                               NULL));
    }

    acm_buf_free(&buf);
    json_decref(jws);
}


void
sim_count(sim_ca_t *ca, sim_step_e step, const sim_order_t *o,
    json_t *payload)
{
    int          cert;
    size_t       i, n;
    int64_t      now;
    json_t      *list;
    sim_t       *s;
    const char  *name;
    sim_seen_t  *seen;

    s = ca->sim;
    now = s->ticks;

    ca->requests++;
    ca->count[step]++;

    if (now >= ca->ten_at + 10000) {
        ca->ten_at = now - now % 10000;
        ca->ten = 0;
    }

    ca->ten++;
    ca->peak = (ca->ten > ca->peak) ? ca->ten : ca->peak;

    cert = (o != NULL) ? o->cert : -1;

    if (step == SIM_ORDER) {
        list = acm_json_array(payload, "identifiers");
        name = acm_json_string(json_array_get(list, 0), "value");
        cert = (name != NULL) ? sim_which(s, name) : -1;
    }

    if (cert < 0) {
        return;
    }

    seen = &s->seen[cert];
    seen->at[seen->nat++ % SIM_WINDOW] = now;

    for (i = 1, n = 0; i <= SIM_WINDOW && i <= seen->nat; i++) {
        n += (seen->at[(seen->nat - i) % SIM_WINDOW] > now - 10000);
    }

    seen->peak = (n > seen->peak) ? n : seen->peak;

    if (o != NULL && step != SIM_DOWNLOAD && o->id != seen->last[ca->n]
        && !ca->hostile)
    {
        ca->wrong = "an older order of the same certificate goes on";
    }
}
