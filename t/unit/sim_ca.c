
/*
 * Copyright (C) The ngx_acm authors
 *
 * The CAs of the simulated world, and the way to them.  A CA acts when a
 * request is sent and answers later: who dies meanwhile never hears of it.
 * It verifies no signature, but nonces, and that answers to challenges are
 * there before it is told to look.
 */


#include "acm_issued.h"
#include "acm_json.h"
#include "sim.h"


#define SIM_KEEP     (2 * 3600 * 1000LL)     /* orders, ticks */


static void sim_ca_set(sim_t *s, unsigned n);
static void sim_act(sim_ca_t *ca, acm_http_t *http, sim_step_e step,
    sim_order_t *o, unsigned index, json_t *payload, acm_buf_t *body);


void
sim_ca_init(sim_t *s, unsigned n)
{
    sim_ca_t      *ca;
    acm_err_t      err;
    acm_issuer_t  *issuer;

    ca = &s->cas[n];

    sim_ca_set(s, n);
    snprintf(s->names[n], sizeof(s->names[n]), "ca%u", n);

    /* long before the beginning: the clock is turned back, too */

    test_ok(acm_ca_create(s->names[n], ACM_KEY_EC_P256,
                          SIM_START - 2 * SIM_YEAR, &ca->ca, &err));

    ca->spent = calloc(SIM_NONCES / 8, 1);
    assert_non_null(ca->spent);

    issuer = &s->issuers[n];
    issuer->name = s->names[n];
    issuer->directory = ca->directory;
    issuer->account_key = ACM_KEY_EC_P256;
    issuer->methods[0] = ACM_METHOD_HTTP_01;
    issuer->methods[1] = ACM_METHOD_TLS_ALPN_01;
    issuer->nmethods = 2;
    issuer->orders = ACM_ORDERS;
    issuer->retry[0] = 60;
    issuer->retry[1] = 600;
    issuer->retry[2] = 6000;
    issuer->retry[3] = 86400;
    issuer->nretry = 4;
    issuer->terms = 1;
}


static void
sim_ca_set(sim_t *s, unsigned n)
{
    sim_ca_t  *ca;

    ca = &s->cas[n];
    ca->sim = s;
    ca->n = n;
    ca->delay = 50;
    ca->validation = 1500;
    ca->processing = 500;
    ca->lifetime = 90 * SIM_DAY;
    ca->invalid_cert = -1;

    snprintf(ca->base, sizeof(ca->base), "https://ca%u.test", n);
    snprintf(ca->directory, sizeof(ca->directory),
             "https://ca%u.test/directory", n);
}


/* All but what renewal information needs. */

static void
sim_order_strip(sim_order_t *o)
{
    size_t  i;

    for (i = 0; i < o->nnames; i++) {
        free(o->names[i]);
    }

    acm_buf_free(&o->pem);
    free(o->names);
    free(o->posted);

    o->names = NULL;
    o->posted = NULL;
    o->nnames = 0;
}


static void
sim_orders_free(sim_ca_t *ca)
{
    size_t  i;

    for (i = 0; i < ca->norders; i++) {
        sim_order_strip(ca->orders[i]);
        free(ca->orders[i]);
    }

    free(ca->orders);
}


void
sim_ca_free(sim_ca_t *ca)
{
    sim_orders_free(ca);
    free(ca->spent);
    acm_ca_free(&ca->ca);
}


void
sim_ca_again(sim_ca_t *ca)
{
    sim_t     *s;
    uint8_t   *spent;
    acm_ca_t   keys;
    unsigned   n;

    sim_orders_free(ca);

    s = ca->sim;
    n = ca->n;
    keys = ca->ca;
    spent = ca->spent;
    memset(spent, 0, ca->nonces / 8 + 1);

    memset(ca, 0, sizeof(sim_ca_t));

    ca->ca = keys;
    ca->spent = spent;
    sim_ca_set(s, n);
}


void
sim_fault(sim_ca_t *ca, sim_step_e step, int status, const char *problem)
{
    sim_fault_t  *f;

    f = &ca->fault[step];

    memset(f, 0, sizeof(sim_fault_t));

    f->times = SIM_LASTING;
    f->status = status;
    f->problem = problem;
}


void
sim_lift(sim_ca_t *ca)
{
    memset(ca->fault, 0, sizeof(ca->fault));

    ca->invalid = NULL;
    ca->chaos = 0;
    ca->stuck = 0;
    ca->not_ready = 0;
    ca->back = 0;
}


static void
sim_header(acm_http_t *http, const char *name, const char *value)
{
    test_ok(acm_http_header(http, name, strlen(name), value, strlen(value)));
}


static void
sim_problem(acm_http_t *http, int status, const char *type)
{
    char  text[512];

    http->status = status;
    sim_header(http, "Content-Type", "application/problem+json");
    snprintf(text, sizeof(text), "{\"type\":\"urn:ietf:params:acme:error:%s\""
             ",\"detail\":\"simulated\"}", type);
    acm_buf_free(&http->answer);
    acm_buf_text(&http->answer, text);
}


static sim_order_t *
sim_find(sim_ca_t *ca, unsigned id)
{
    return (id >= ca->old && id < ca->norders) ? ca->orders[id] : NULL;
}


/* Time passes for an order, too. */

static void
sim_order_age(sim_ca_t *ca, sim_order_t *o)
{
    size_t       i;
    int64_t      now;
    sim_seen_t  *seen;

    now = ca->sim->ticks;

    if (o->state == SIM_PENDING && !ca->stuck) {

        for (i = 0; i < o->nnames; i++) {
            if (o->posted[i] == 0 || now < o->posted[i] + ca->validation) {
                break;
            }
        }

        if (i == o->nnames) {
            o->state = SIM_READY;

            if (ca->invalid != NULL
                && (ca->invalid_cert < 0 || ca->invalid_cert == o->cert))
            {
                o->state = SIM_INVALID;

                if (o->cert >= 0) {
                    seen = &ca->sim->seen[o->cert];
                    seen->failed = realloc(seen->failed, (seen->nfailed + 1)
                                                         * sizeof(int64_t));
                    seen->failed[seen->nfailed++] = now;
                }
            }
        }
    }

    if (o->state == SIM_PROCESSING && now >= o->finalized + ca->processing) {
        o->state = SIM_VALID;
        ca->issued++;
    }
}


static void
sim_forget(sim_ca_t *ca)
{
    while (ca->old < ca->norders
           && ca->orders[ca->old]->created < ca->sim->ticks - SIM_KEEP)
    {
        sim_order_strip(ca->orders[ca->old++]);
    }
}


static void
sim_order_json(sim_ca_t *ca, const sim_order_t *o, acm_buf_t *body)
{
    char    text[256];
    size_t  i;

    static const char *const  states[] = {
        "pending", "ready", "processing", "valid", "invalid"
    };

    snprintf(text, sizeof(text), "{\"status\":\"%s\",\"finalize\":"
             "\"%s/f/%u\",\"identifiers\":[", states[o->state], ca->base,
             o->id);
    acm_buf_text(body, text);

    for (i = 0; i < o->nnames; i++) {
        acm_buf_text(body, i ? ",{\"type\":\"dns\",\"value\":\""
                             : "{\"type\":\"dns\",\"value\":\"");
        acm_buf_text(body, o->names[i]);
        acm_buf_text(body, "\"}");
    }

    acm_buf_text(body, "],\"authorizations\":[");

    for (i = 0; i < o->nnames; i++) {
        snprintf(text, sizeof(text), "%s\"%s/z/%u/%zu\"", i ? "," : "",
                 ca->base, o->id, i);
        acm_buf_text(body, text);
    }

    acm_buf_text(body, "]");

    if (o->state == SIM_VALID) {
        snprintf(text, sizeof(text), ",\"certificate\":\"%s/d/%u\"",
                 ca->base, o->id);
        acm_buf_text(body, text);
    }

    acm_buf_text(body, "}");
}


static void
sim_authz_json(sim_ca_t *ca, const sim_order_t *o, unsigned i,
    acm_buf_t *body)
{
    char         text[1024], error[256];
    unsigned     k;
    const char  *state, *type;

    static const char *const  types[] = { "http-01", "dns-01",
                                          "tls-alpn-01" };

    state = "pending";
    error[0] = '\0';

    if (o->state == SIM_INVALID) {
        state = "invalid";
        snprintf(error, sizeof(error), ",\"error\":{\"type\":"
                 "\"urn:ietf:params:acme:error:%s\",\"detail\":\"simulated\"}",
                 ca->invalid ? ca->invalid : "unauthorized");

    } else if (o->state != SIM_PENDING
               || (o->posted[i] != 0 && !ca->stuck && ca->invalid == NULL
                   && ca->sim->ticks >= o->posted[i] + ca->validation))
    {
        state = "valid";
    }

    snprintf(text, sizeof(text), "{\"status\":\"%s\",\"identifier\":"
             "{\"type\":\"dns\",\"value\":\"%s\"},\"challenges\":[", state,
             o->names[i]);
    acm_buf_text(body, text);

    for (k = 0; k < 3; k++) {
        type = types[k];
        snprintf(text, sizeof(text), "%s{\"type\":\"%s\",\"status\":\"%s\","
                 "\"url\":\"%s/c/%u/%u\",\"token\":\"t%u-%u-%u\"%s}",
                 k ? "," : "", type, state, ca->base, o->id, i, ca->n, o->id,
                 i, error);
        acm_buf_text(body, text);
    }

    acm_buf_text(body, "]}");
}


/* newOrder: RFC 8555 s7.4, RFC 9773 s5 */

static void
sim_new_order(sim_ca_t *ca, acm_http_t *http, json_t *payload,
    acm_buf_t *body)
{
    char          text[64];
    size_t        i, k;
    json_t       *list;
    const char   *replaces;
    sim_order_t  *o, *old;

    list = acm_json_array(payload, "identifiers");

    if (list == NULL) {
        sim_problem(http, 400, "malformed");
        return;
    }

    replaces = acm_json_string(payload, "replaces");

    if (replaces != NULL) {
        ca->replaces++;

        for (k = 0; k < ca->norders; k++) {
            old = ca->orders[k];

            if (strcmp(old->ari, replaces) == 0) {

                if (old->replaced) {
                    sim_problem(http, 409, "alreadyReplaced");
                    return;
                }

                old->replaced = 1;
            }
        }
    }

    sim_forget(ca);

    o = calloc(1, sizeof(sim_order_t));
    assert_non_null(o);

    o->id = (unsigned) ca->norders;
    o->nnames = json_array_size(list);
    o->names = calloc(o->nnames + 1, sizeof(char *));
    o->posted = calloc(o->nnames + 1, sizeof(int64_t));
    o->created = ca->sim->ticks;
    o->dated = sim_now(ca->sim);
    acm_buf_init(&o->pem, ACM_MAX_HTTP_BODY);

    for (i = 0; i < o->nnames; i++) {
        o->names[i] = strdup(acm_json_string(json_array_get(list, i),
                                             "value"));
    }

    o->cert = (o->nnames != 0) ? sim_which(ca->sim, o->names[0]) : -1;

    if (o->cert < 0 && !ca->hostile) {
        ca->wrong = "an order for names that nobody wants";

    } else if (o->cert >= 0) {
        ca->sim->seen[o->cert].orders++;
        ca->sim->seen[o->cert].last[ca->n] = o->id;
    }

    if ((ca->norders & (ca->norders - 1)) == 0) {
        ca->orders = realloc(ca->orders, (2 * ca->norders + 1)
                                         * sizeof(sim_order_t *));
        assert_non_null(ca->orders);
    }

    ca->orders[ca->norders++] = o;

    http->status = 201;
    snprintf(text, sizeof(text), "%s/o/%u", ca->base, o->id);
    sim_header(http, "Location", text);
    sim_order_json(ca, o, body);
}


static void
sim_finalize(sim_ca_t *ca, acm_http_t *http, sim_order_t *o, json_t *payload,
    acm_buf_t *body)
{
    X509                 *x;
    X509_REQ             *req;
    EVP_PKEY             *pkey;
    acm_buf_t             csr;
    acm_str_t             leaf;
    acm_err_t             err;
    const char           *text;
    const unsigned char  *p;

    if (o->state != SIM_READY || ca->not_ready) {
        sim_problem(http, 403, "orderNotReady");
        return;
    }

    http->status = 200;

    if (ca->back) {
        sim_order_json(ca, o, body);
        return;
    }

    text = acm_json_string(payload, "csr");

    if (text == NULL && ca->hostile) {
        sim_problem(http, 400, "malformed");
        return;
    }

    o->state = SIM_PROCESSING;
    o->finalized = ca->sim->ticks;

    if (ca->made != NULL) {
        acm_buf_add(&o->pem, ca->made->data, ca->made->len);
        sim_order_age(ca, o);
        sim_order_json(ca, o, body);
        return;
    }

    assert_non_null(text);

    acm_buf_init(&csr, ACM_MAX_CSR);
    test_ok(acm_b64url_decode(&csr, text, strlen(text)));

    p = csr.data;
    req = d2i_X509_REQ(NULL, &p, (long) csr.len);
    assert_non_null(req);
    pkey = X509_REQ_get_pubkey(req);
    assert_non_null(pkey);

    sim_issue(ca, o, pkey, &leaf);
    test_ok(acm_ari_id(&leaf, o->ari, &err));
    test_ok(acm_x509_decode(leaf.data, leaf.len, &x, &err));
    test_ok(acm_x509_dates(x, &o->not_before, &o->not_after, &err));

    X509_free(x);
    acm_free(leaf.data);
    acm_buf_free(&csr);
    EVP_PKEY_free(pkey);
    X509_REQ_free(req);

    sim_order_age(ca, o);
    sim_order_json(ca, o, body);
}


static void
sim_renewal(sim_ca_t *ca, acm_http_t *http, const char *id, acm_buf_t *body)
{
    char          start[32], end[32], text[160];
    size_t        i;
    int64_t       now, from, to, nb;
    sim_order_t  *o;

    now = sim_true(ca->sim);
    nb = now;

    for (i = 0; i < ca->norders; i++) {
        o = ca->orders[i];

        if (strcmp(o->ari, id) == 0) {
            nb = o->not_before;
        }
    }

    from = nb + ca->lifetime / 4 * 3;
    to = nb + ca->lifetime / 5 * 4;

    if (ca->ari == SIM_ARI_NOW) {
        from = now - 1;
        to = now + 3600;

    } else if (ca->ari == SIM_ARI_PAST) {
        from = now - 7200;
        to = now - 3600;

    } else if (ca->ari == SIM_ARI_INVERTED) {
        from = to + 3600;

    } else if (ca->ari == SIM_ARI_LATE) {
        from = nb + ca->lifetime - 60;
        to = nb + ca->lifetime - 1;

    } else if (ca->ari == SIM_ARI_FOREIGN) {
        from = SIM_START - 300 * SIM_DAY;
        to = SIM_START - 200 * SIM_DAY;

    } else if (ca->ari == SIM_ARI_STALE) {
        from = SIM_START - SIM_DAY;
        to = SIM_START + 30 * SIM_DAY;
    }

    http->status = 200;

    if (ca->ari_retry != NULL) {
        sim_header(http, "Retry-After", ca->ari_retry);
    }

    acm_time_text(from, start);
    acm_time_text(to, end);
    snprintf(text, sizeof(text), "{\"suggestedWindow\":{\"start\":\"%s\","
             "\"end\":\"%s\"}}", start, end);
    acm_buf_text(body, text);
}


/* What of a request's URL says what it is about. */

static sim_step_e
sim_parse(sim_ca_t *ca, const char *url, unsigned *id, unsigned *index,
    const char **rest)
{
    char    *end;
    size_t   i;

    static const struct { const char *path; sim_step_e step; }  paths[] = {
        { "/directory", SIM_DIRECTORY },
        { "/nonce", SIM_NONCE },
        { "/account", SIM_ACCOUNT },
        { "/order", SIM_ORDER },
        { "/z/", SIM_AUTHZ },
        { "/c/", SIM_CHALLENGE },
        { "/o/", SIM_POLL },
        { "/f/", SIM_FINALIZE },
        { "/d/", SIM_DOWNLOAD },
        { "/ari/", SIM_ARI },
        { "/revoke", SIM_REVOKE }
    };

    url += strlen(ca->base);
    *id = 0;
    *index = 0;
    *rest = url;

    for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (strncmp(url, paths[i].path, strlen(paths[i].path)) == 0) {
            *rest = url + strlen(paths[i].path);
            *id = (unsigned) strtoul(*rest, &end, 10);
            *index = (*end == '/') ? (unsigned) strtoul(end + 1, NULL, 10)
                                   : 0;
            return paths[i].step;
        }
    }

    return SIM_OTHER;
}


/* The answer, as far as the fault that is set allows. */

void
sim_answer(sim_ca_t *ca, acm_http_t *http)
{
    char          nonce[32];
    json_t       *payload;
    unsigned      id, index;
    acm_buf_t     body;
    sim_step_e    step;
    const char   *rest;
    sim_order_t  *o;
    sim_fault_t   f;

    step = sim_parse(ca, http->url, &id, &index, &rest);
    o = (step >= SIM_AUTHZ && step <= SIM_DOWNLOAD) ? sim_find(ca, id) : NULL;

    sim_signed(ca, http, &payload);
    sim_count(ca, step, o, payload);

    if (o != NULL) {
        sim_order_age(ca, o);
    }

    memset(&f, 0, sizeof(sim_fault_t));

    if (ca->fault[step].times != 0) {
        f = ca->fault[step];
        ca->fault[step].times -= (f.times != SIM_LASTING);

    } else if (ca->chaos != 0 && test_random(&ca->sim->random) % ca->chaos == 0)
    {
        f.times = 1;
        f.status = (int[]) { 0, 500, 503, 429, 404, 400 }
                   [test_random(&ca->sim->random) % 6];
        f.done = test_random(&ca->sim->random) % 2;
        f.problem = (f.status == 400) ? "badNonce" : NULL;
    }

    http->rc = ACM_OK;
    acm_buf_init(&body, ACM_MAX_HTTP_BODY);

    if (f.times == 0 || f.done) {
        if (step == SIM_ARI) {
            sim_renewal(ca, http, rest, &body);

        } else {
            sim_act(ca, http, step, o, index, payload, &body);
        }
    }

    json_decref(payload);

    if (f.times != 0 && f.status == 0 && f.type == NULL && f.body == NULL
        && !f.no_location && !f.no_nonce && !f.cut)
    {
        acm_http_headers_reset(http);
        acm_buf_free(&http->answer);
        acm_buf_free(&body);
        http->rc = acm_fail(&http->why, ACM_ERROR, "connection refused");
        return;
    }

    if (f.times != 0 && f.status != 0) {
        acm_http_headers_reset(http);
        acm_buf_free(&body);
        acm_buf_free(&http->answer);

        if (f.problem != NULL) {
            sim_problem(http, f.status, f.problem);
        }

        http->status = f.status;
    }

    if (http->answer_type == NULL) {
        sim_header(http, "Content-Type",
                   (step == SIM_DOWNLOAD) ? "application/pem-certificate-chain"
                                          : "application/json");
    }

    if (f.type != NULL) {
        acm_free(http->answer_type);
        http->answer_type = NULL;
        sim_header(http, "Content-Type", f.type);
    }

    if (f.body != NULL) {
        acm_buf_free(&body);
        acm_buf_text(&body, f.body);
    }

    if (http->answer.len == 0) {
        acm_buf_add(&http->answer, body.data, f.cut ? body.len / 2 : body.len);
    }

    acm_buf_free(&body);

    if (ca->sim->trace) {
        print_message("%" PRId64 " %s: %d %.*s\n", ca->sim->ticks, http->url,
                      http->status, (step == SIM_DOWNLOAD) ? 0
                      : (int) http->answer.len, http->answer.data);
    }

    if (f.retry_after != NULL) {
        sim_header(http, "Retry-After", f.retry_after);
    }

    if (f.no_location) {
        acm_free(http->location);
        http->location = NULL;
    }

    if (!f.no_nonce && step != SIM_DIRECTORY && step != SIM_ARI) {
        snprintf(nonce, sizeof(nonce), "n%u", (unsigned) ca->nonces++);
        assert_true(ca->nonces < SIM_NONCES);
        sim_header(http, "Replay-Nonce", nonce);
    }
}


static void
sim_challenge(sim_ca_t *ca, acm_http_t *http, sim_order_t *o,
    unsigned index, acm_buf_t *body)
{
    char              token[64];
    acm_rc_t          rc;
    acm_snap_t       *snap;
    acm_challenge_t   c;

    /* either method's answer must be there for every worker */

    snprintf(token, sizeof(token), "t%u-%u-%u", ca->n, o->id, index);

    test_ok(acm_store_begin(ca->sim->store, &snap, NULL));

    rc = acm_challenge_get(snap, ACM_CHALLENGE_HTTP, token, strlen(token),
                           acm_now(), &c);

    if (rc == ACM_NOTFOUND) {
        rc = acm_challenge_get(snap, ACM_CHALLENGE_ALPN, o->names[index],
                               strlen(o->names[index]), acm_now(), &c);
    }

    acm_store_end(snap);

    if (rc == ACM_NOTFOUND
        && llabs(sim_now(ca->sim) - o->dated) > ACM_ORDER_LIFE)
    {
        /* time has jumped since: answers are gone, the order is late */

    } else if (rc == ACM_OK) {
        acm_challenge_free(&c);

    } else if (!ca->hostile) {
        ca->wrong = "the CA was told to look before the answer was there";
    }

    if (o->posted[index] == 0) {
        o->posted[index] = ca->sim->ticks;
    }

    http->status = 200;
    acm_buf_text(body, "{\"type\":\"http-01\",\"status\":\"processing\"}");
}


static void
sim_act(sim_ca_t *ca, acm_http_t *http, sim_step_e step, sim_order_t *o,
    unsigned index, json_t *payload, acm_buf_t *body)
{
    char           text[512];
    const json_t  *reason;

    http->status = 200;

    if (step != SIM_DIRECTORY && step != SIM_NONCE && step != SIM_ACCOUNT) {

        if (ca->deactivated) {
            sim_problem(http, 403, "unauthorized");
            return;
        }

        if (!ca->known || ca->forgotten) {
            sim_problem(http, 400, "accountDoesNotExist");
            return;
        }
    }

    switch (step) {

    case SIM_DIRECTORY:
        snprintf(text, sizeof(text), "{\"newNonce\":\"%s/nonce\","
                 "\"newAccount\":\"%s/account\",\"newOrder\":\"%s/order\"",
                 ca->base, ca->base, ca->base);
        acm_buf_text(body, text);

        if (ca->ari != SIM_ARI_NONE) {
            snprintf(text, sizeof(text), ",\"renewalInfo\":\"%s/ari/\"",
                     ca->base);
            acm_buf_text(body, text);
        }

        if (!ca->no_revoke) {
            snprintf(text, sizeof(text), ",\"revokeCert\":\"%s/revoke\"",
                     ca->base);
            acm_buf_text(body, text);
        }

        acm_buf_text(body, "}");
        return;

    case SIM_NONCE:
        return;

    case SIM_ACCOUNT:

        if (ca->deactivated) {
            sim_problem(http, 403, "unauthorized");
            return;
        }

        http->status = ca->known ? 200 : 201;
        ca->known = 1;
        ca->forgotten = 0;
        snprintf(text, sizeof(text), "%s/acct/1", ca->base);
        sim_header(http, "Location", text);
        acm_buf_text(body, "{\"status\":\"valid\"}");
        return;

    case SIM_ORDER:
        sim_new_order(ca, http, payload, body);
        return;

    case SIM_REVOKE:
        reason = json_object_get(payload, "reason");
        ca->reason = (reason == NULL) ? -1
                     : (int) json_integer_value(reason);
        return;

    case SIM_OTHER:
        acm_buf_text(body, "{\"status\":\"valid\"}");
        return;

    case SIM_ARI:
    case SIM_STEPS:
        return;

    default:
        break;
    }

    if (o == NULL || (step != SIM_POLL && index >= o->nnames)) {
        sim_problem(http, 404, "malformed");
        return;
    }

    if (step == SIM_AUTHZ) {
        sim_authz_json(ca, o, index, body);

    } else if (step == SIM_CHALLENGE) {
        sim_challenge(ca, http, o, index, body);

    } else if (step == SIM_POLL) {
        sim_order_json(ca, o, body);

    } else if (step == SIM_FINALIZE) {
        sim_finalize(ca, http, o, payload, body);

    } else if (o->state == SIM_VALID) {
        acm_buf_add(body, o->pem.data, o->pem.len);

    } else {
        sim_problem(http, 404, "malformed");
    }
}
