
/*
 * Copyright (C) The ngx_acm authors
 *
 * Orders and their session at a CA that is hostile.  The CA is the simulated
 * one of the unit tests; the input says what becomes of each of its answers,
 * and what befalls us: deaths of the process, changes of the clock, checks and
 * commits that fail.  The first two octets are the configuration.  When the
 * input is at an end all is well again, and the next order must come through.
 *
 * Keys and certificates are made once, and requests are not signed: Makefile.
 */


#include <strings.h>

#include "acm_jws.h"
#include "hostile.h"


#define FUZZ_JOBS      2             /* orders at a time */
#define FUZZ_ORDERS    4             /* after each other */
#define FUZZ_HOSTILE   1500          /* answers that may be altered */
#define FUZZ_BEFALLS   64
#define FUZZ_RECORD    4096          /* octets */

/* A pending order is asked for each 15 seconds, and each eighth time all its
   authorizations are; whatever is asked may need a nonce. */
#define FUZZ_POLLS     (ACM_ORDER_LIFE * 1000 / ACM_ORDER_POLL_MAX + 20)
#define FUZZ_REQUESTS                                                         \
    (FUZZ_POLLS + (FUZZ_POLLS / ACM_ORDER_POLLS + 3) * HOSTILE_AUTHZ          \
     + ACM_ORDER_FINALIZES + ACM_MAX_ALTERNATES + 20)

/* of a process in a second: all authorizations are read, and told to look at */
#define FUZZ_BURST     (FUZZ_JOBS * (2 * HOSTILE_AUTHZ + 30))

/* badNonce in a row: of each order and of the session, which ask so many times
   later again; waits double, from a second until an order's life is over */
#define FUZZ_TRIES     12
#define FUZZ_NONCES    ((FUZZ_JOBS + 1) * FUZZ_TRIES                          \
                        * (ACM_MAX_NONCE_TRIES + 1))


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
acm_rc_t __real_acm_account_key(acm_keyring_t *ring, const acm_account_t *a,
    int next, EVP_PKEY **pkey, acm_err_t *err);
acm_rc_t __wrap_acm_account_key(acm_keyring_t *ring, const acm_account_t *a,
    int next, EVP_PKEY **pkey, acm_err_t *err);
acm_rc_t __wrap_acm_jws_sign(const acm_jws_t *jws, const char *payload,
    acm_buf_t *out, acm_err_t *err);


/* an order and its caller */

typedef struct {
    acm_order_t        order;
    acm_order_event_e  event;
    unsigned           used:1;
    unsigned           pending:1;        /* event is to be given */
    unsigned           waiting:1;        /* for order.wake */
    unsigned           published:1;
    uint8_t            saved[FUZZ_RECORD];
    size_t             len;
} fuzz_job_t;


static sim_t           *fuzz_sim;
static acm_session_t   *fuzz_session;
static fuzz_job_t       fuzz_jobs[FUZZ_JOBS];
static acm_account_t    fuzz_account;
static EVP_PKEY        *fuzz_account_key;
static sim_issue_e      fuzz_issue;
static size_t           fuzz_nnames;
static unsigned         fuzz_jobs_left;
static unsigned         fuzz_befalls;    /* left */
static unsigned         fuzz_calm;
static unsigned         fuzz_requests;   /* since something began or ended */
static unsigned         fuzz_nonces;     /* refused in a row */
static unsigned         fuzz_burst;
static int64_t          fuzz_second;     /* ticks */
static unsigned         fuzz_done;       /* orders that came through */
static char             fuzz_text[ACM_MAX_ERROR];    /* why one did not */


acm_rc_t
__wrap_acm_account_key(acm_keyring_t *ring, const acm_account_t *a, int next,
    EVP_PKEY **pkey, acm_err_t *err)
{
    if (!next && a->sealed.len == fuzz_account.sealed.len
        && memcmp(a->sealed.data, fuzz_account.sealed.data, a->sealed.len)
           == 0)
    {
        EVP_PKEY_up_ref(fuzz_account_key);
        *pkey = fuzz_account_key;
        return ACM_OK;
    }

    return __real_acm_account_key(ring, a, next, pkey, err);
}


/* https, or http to this machine, said in other words than the code has. */

static void
fuzz_may_ask(const char *url)
{
    size_t  n;

    if (strncasecmp(url, "https://", 8) == 0) {
        n = strcspn(url + 8, "/?");
        hostile_that(n > 0 && memchr(url + 8, '@', n) == NULL);
        return;
    }

    hostile_that(strncasecmp(url, "http://", 7) == 0);
    url += 7;
    hostile_that(strcspn(url, "@") >= strcspn(url, "/?"));

    if (*url == '[') {
        hostile_that(strncmp(url, "[::1]", 5) == 0
                  && (url[5] == '\0' || strchr(":/?", url[5]) != NULL));
        return;
    }

    n = strcspn(url, ":/?");
    hostile_that((n == 9 && strncasecmp(url, "localhost", 9) == 0)
              || (strncmp(url, "127.", 4) == 0
                  && strspn(url, "0123456789.") == n));
}


/* The CA is told to look when all answers are there, and not before. */

static void
fuzz_may_tell(void)
{
    unsigned  i;

    for (i = 0; i < FUZZ_JOBS; i++) {
        hostile_that(!fuzz_jobs[i].used
                  || fuzz_jobs[i].order.state != ACM_ORDER_CHALLENGE
                  || fuzz_jobs[i].published);
    }
}


acm_rc_t
__wrap_acm_jws_sign(const acm_jws_t *jws, const char *payload, acm_buf_t *out,
    acm_err_t *err)
{
    char       text[2 * ACM_MAX_URL + ACM_MAX_NONCE + 100];
    acm_buf_t  head;

    (void) err;

    hostile_that(jws->pkey != NULL);

    if (payload != NULL && strcmp(payload, "{}") == 0) {
        fuzz_may_tell();
    }

    /* none of these has what JSON would have in other words */

    snprintf(text, sizeof(text), "{\"alg\":\"ES256\",\"nonce\":\"%s\","
             "\"url\":\"%s\",\"kid\":\"%s\"}",
             (jws->nonce == NULL) ? "" : jws->nonce, jws->url,
             (jws->kid == NULL) ? "" : jws->kid);
    acm_buf_init(&head, ACM_MAX_JWS);
    acm_buf_text(&head, text);

    acm_buf_text(out, "{\"protected\":\"");
    acm_b64url(out, head.data, head.len);
    acm_buf_text(out, "\",\"payload\":\"");
    acm_b64url(out, payload, (payload == NULL) ? 0 : strlen(payload));
    acm_buf_text(out, "\",\"signature\":\"\"}");

    acm_buf_free(&head);

    return acm_buf_rc(out);
}


/* Something began or ended: requests are counted anew. */

static void
fuzz_anew(void)
{
    fuzz_requests = 0;
    fuzz_nonces = 0;
}


static void
fuzz_count(const sim_t *s, const acm_http_t *http)
{
    int               refused;
    const acm_buf_t  *body;

    body = &http->answer;
    refused = (http->rc == ACM_OK && http->status / 100 != 2);

    if (refused && body->len != 0
        && memmem(body->data, body->len, "badNonce", 8) != NULL)
    {
        hostile_that(++fuzz_nonces <= FUZZ_NONCES);
        return;
    }

    if (http->method == ACM_HTTP_HEAD) {
        return;
    }

    fuzz_nonces = 0;
    hostile_that(++fuzz_requests <= FUZZ_REQUESTS
                                    * (fuzz_jobs[1].used ? 2 : 1));

    if (s->ticks >= fuzz_second + 1000) {
        fuzz_second = s->ticks;
        fuzz_burst = 0;
    }

    hostile_that(++fuzz_burst <= FUZZ_BURST);
}


static acm_rc_t
fuzz_send(void *data, acm_http_t *http, acm_err_t *err)
{
    sim_t     *s = data;

    unsigned   n;
    sim_ca_t  *ca;

    fuzz_may_ask(http->url);

    for (n = 0; n < SIM_CAS; n++) {
        if (strncmp(http->url, s->cas[n].base, strlen(s->cas[n].base)) == 0) {
            break;
        }
    }

    hostile_that(n == 0 || !s->issuers[0].same_origin
              || strncasecmp(http->url, s->cas[0].base,
                             strlen(s->cas[0].base)) == 0);

    if (n == SIM_CAS) {

        /* the CA under names of just that length */

        if (strncmp(http->url, "https://evl.test", 16) != 0
            && strncmp(http->url, "http://127.0.0.1", 16) != 0)
        {
            return acm_fail(err, ACM_ERROR, "no such host");
        }

        n = 0;
    }

    ca = &s->cas[n];
    ca->made = hostile_cert(fuzz_issue, fuzz_nnames);

    hostile_take(ca, http);
    fuzz_count(s, http);

    return ACM_OK;
}


static void
fuzz_answered(acm_call_t *call)
{
    fuzz_job_t  *job;

    job = call->data;
    hostile_that(!job->pending && !job->waiting);

    job->event = ACM_EVENT_REPLY;
    job->pending = 1;
}


/* What is written down is what will be read. */

static void
fuzz_save(fuzz_job_t *job)
{
    acm_buf_t        buf, again;
    acm_order_rec_t  rec;

    acm_buf_init(&buf, FUZZ_RECORD);
    acm_buf_init(&again, FUZZ_RECORD);

    hostile_that(acm_order_encode(&job->order.rec, &buf) == ACM_OK);
    hostile_that(acm_order_decode(buf.data, buf.len, &rec) == ACM_OK);
    hostile_that(*rec.url == '\0' || acm_http_url_ok(rec.url));
    hostile_that(acm_order_encode(&rec, &again) == ACM_OK);
    hostile_that(buf.len == again.len
              && memcmp(buf.data, again.data, buf.len) == 0);

    memcpy(job->saved, buf.data, buf.len);
    job->len = buf.len;

    acm_order_rec_free(&rec);
    acm_buf_free(&buf);
    acm_buf_free(&again);
}


static void
fuzz_order(fuzz_job_t *job, acm_order_rec_t *rec)
{
    acm_order_init(&job->order, rec, &fuzz_sim->issuers[0], fuzz_session);

    job->order.call.done = fuzz_answered;
    job->order.call.data = job;
    job->event = ACM_EVENT_GO;
    job->pending = 1;
    job->waiting = 0;
    job->published = 0;
    job->used = 1;

    acm_session_hold(fuzz_session, 1);
    fuzz_anew();
}


static void
fuzz_begin(fuzz_job_t *job)
{
    size_t           i;
    sim_t           *s;
    acm_order_rec_t  rec;

    s = fuzz_sim;
    memset(&rec, 0, sizeof(rec));

    rec.account = acm_strdup("123456789012");
    rec.region = acm_strdup("us-east-1");
    snprintf(rec.uuid, sizeof(rec.uuid), "%s",
             "01234567-89ab-4cde-8f01-23456789abcd");
    rec.issuer = acm_strdup("ca0");
    rec.directory = acm_strdup(s->issuers[0].directory);
    rec.version = 1;
    rec.key = ACM_KEY_EC_P256;
    rec.sealed.data = acm_calloc(1, 64);
    rec.sealed.len = 64;
    rec.csr.data = acm_calloc(1, 64);
    rec.csr.len = 64;
    rec.nnames = fuzz_nnames;
    rec.names = acm_calloc(fuzz_nnames, sizeof(char *));

    for (i = 0; i < fuzz_nnames; i++) {
        rec.names[i] = acm_strdup(s->requests[0].names[i]);
    }

    rec.url = acm_strdup("");
    rec.replaces = acm_strdup((fuzz_jobs_left & 1) ? "YWtp.c2VyaWFs" : "");
    rec.method = fuzz_jobs_left;
    rec.created_at = acm_now();

    fuzz_jobs_left--;
    fuzz_order(job, &rec);
    fuzz_save(job);
}


static void
fuzz_end(fuzz_job_t *job)
{
    acm_session_cancel(fuzz_session, &job->order.call);
    acm_session_hold(fuzz_session, -1);
    acm_order_free(&job->order);
    job->used = 0;
    job->pending = 0;
    job->waiting = 0;
    fuzz_anew();
}


static void
fuzz_open(void)
{
    sim_t               *s;
    acm_session_conf_t   conf;

    s = fuzz_sim;
    memset(&conf, 0, sizeof(conf));

    conf.issuer = &s->issuers[0];
    conf.directory = s->issuers[0].directory;
    conf.ring = s->ring;
    conf.transport = &s->transport;

    fuzz_session = acm_session_new(&conf);
    hostile_that(fuzz_session != NULL);
}


/* The process dies, and another one goes on with what was saved. */

static void
fuzz_die(void)
{
    unsigned         i, used;
    fuzz_job_t      *job;
    acm_order_rec_t  rec;

    used = 0;

    for (i = 0; i < FUZZ_JOBS; i++) {
        used |= (unsigned) fuzz_jobs[i].used << i;

        if (fuzz_jobs[i].used) {
            fuzz_end(&fuzz_jobs[i]);
        }
    }

    acm_session_free(fuzz_session);
    hostile_that(fuzz_sim->npending == 0);
    fuzz_open();
    fuzz_burst = 0;

    for (i = 0; i < FUZZ_JOBS; i++) {
        job = &fuzz_jobs[i];

        if (used & (1u << i)) {
            hostile_that(acm_order_decode(job->saved, job->len, &rec)
                         == ACM_OK);
            rec.resumed++;
            fuzz_order(job, &rec);
            fuzz_save(job);
        }
    }
}


/* What befalls us, whatever the CA does. */

static void
fuzz_befall(sim_t *s)
{
    unsigned  op;

    static const int64_t  slept[] = { 1, 60, 3500, 3600, SIM_DAY,
                                      30 * SIM_DAY };
    static const int64_t  skews[] = { 0, 1, -1, 600, -600, 3000, -3599,
                                      SIM_DAY, -SIM_DAY };

    op = hostile_u8();

    switch (op % 6) {

    case 0:
        s->slept += hostile_of(slept);
        break;

    case 1:
        s->skew = hostile_of(skews);
        break;

    case 2:
    case 3:
        fuzz_die();
        break;

    case 4:
        fuzz_issue = op / 6 % SIM_ISSUE_WAYS;
        break;

    default:
        op /= 6;
        s->cas[0].stuck = (op & 1) != 0;
        s->cas[0].not_ready = (op & 2) != 0;
        s->cas[0].back = (op & 4) != 0;
        s->cas[0].forgotten = (op & 8) != 0;
        s->cas[0].invalid = (op & 16) ? "dns" : NULL;
        break;
    }

    acm_now_set(sim_now(s));
    fuzz_anew();
}


/* A commit or a check; it may fail. */

static void
fuzz_go(fuzz_job_t *job, int fails)
{
    if (fails && hostile_u8() % 8 == 7) {
        (void) acm_order_fail(&job->order, ACM_FAULT_NAME, "it would fail");
    }

    job->event = ACM_EVENT_GO;
    job->pending = 1;
}


/* Nothing is proved but what was ordered, and each name once. */

static void
fuzz_wanted(const acm_order_t *o, size_t at)
{
    size_t                    i, n;
    const acm_order_authz_t  *a, *b;

    a = &o->authz[at];
    n = 0;

    for (i = 0; i < o->rec.nnames; i++) {
        n += (strcmp(o->rec.names[i], a->wanted) == 0);
    }

    hostile_that(n == 1);
    hostile_that(strcmp(a->wanted + (a->wanted[0] == '*' ? 2 : 0), a->name)
                 == 0);

    for (i = 0; i < at; i++) {
        b = &o->authz[i];
        hostile_that(b->wanted == NULL || strcmp(a->wanted, b->wanted) != 0);
    }
}


static void
fuzz_publish(fuzz_job_t *job)
{
    size_t                    i;
    const acm_order_authz_t  *a;

    for (i = 0; i < job->order.nauthz; i++) {
        a = &job->order.authz[i];

        if (a->valid || a->posted) {
            continue;
        }

        hostile_that(a->method != ACM_METHOD_NONE);
        fuzz_wanted(&job->order, i);
        hostile_that(a->challenge != NULL && a->cas != NULL);
        hostile_that(a->method == ACM_METHOD_DNS_PERSIST_01
                  || (a->token[0] != '\0'
                      && strlen(a->token) <= ACM_MAX_TOKEN));
    }

    hostile_that(acm_session_thumbprint(fuzz_session) != NULL);
    job->published = 1;
}


static void
fuzz_act(fuzz_job_t *job, acm_action_e action)
{
    acm_order_t  *o;

    o = &job->order;

    switch (action) {

    case ACM_ACT_CALL:
        hostile_that(!job->pending && !job->waiting);
        acm_session_call(fuzz_session, &o->call);
        return;

    case ACM_ACT_WAIT:
        hostile_that(o->wake > fuzz_sim->ticks);
        hostile_that(o->wake <= fuzz_sim->ticks + ACM_ORDER_LIFE * 1000LL);
        job->waiting = 1;
        return;

    case ACM_ACT_SAVE:
        hostile_that(*o->rec.url != '\0');
        fuzz_save(job);
        fuzz_go(job, 0);
        return;

    case ACM_ACT_PUBLISH:
        fuzz_publish(job);
        fuzz_go(job, 1);
        return;

    case ACM_ACT_CHECK:
        o->checked = 1;
        fuzz_go(job, 1);
        return;

    case ACM_ACT_DONE:
        hostile_that(o->state == ACM_ORDER_DONE);
        fuzz_done += hostile_cert_check(&o->pem, &o->rec);
        hostile_that(!fuzz_calm || fuzz_done == 1);
        break;

    case ACM_ACT_FAILED:
        hostile_that(o->state == ACM_ORDER_FAILED);
        hostile_that(o->problem.text[0] != '\0');
        hostile_that(o->problem.type != ACM_PROBLEM_NONE
                     && o->problem.fault != ACM_FAULT_NONE);
        snprintf(fuzz_text, sizeof(fuzz_text), "%s", o->problem.text);
        break;
    }

    /* and so it stays */

    hostile_that(acm_order_step(o, ACM_EVENT_TIMER, fuzz_sim->ticks) == action);
    fuzz_end(job);

    if (!fuzz_calm && !hostile_over() && fuzz_jobs_left != 0) {
        fuzz_begin(job);
    }
}


/* All that can be done now, and then on to what comes next: 0 if there is
   nothing any more. */

static int
fuzz_step(sim_t *s)
{
    int          busy;
    int64_t      next;
    unsigned     i;
    fuzz_job_t  *job;

    busy = 0;
    acm_ticks_set(s->ticks);
    acm_now_set(sim_now(s));

    if (!fuzz_calm && !hostile_over() && fuzz_befalls != 0
        && hostile_u8() % 32 == 31)
    {
        fuzz_befalls--;
        fuzz_befall(s);
    }

    sim_deliver(s);
    next = acm_session_run(fuzz_session, s->ticks);

    for (i = 0; i < FUZZ_JOBS; i++) {
        job = &fuzz_jobs[i];

        if (job->waiting && job->order.wake <= s->ticks) {
            job->waiting = 0;
            job->event = ACM_EVENT_TIMER;
            job->pending = 1;
        }

        if (job->pending) {
            job->pending = 0;
            fuzz_act(job, acm_order_step(&job->order, job->event, s->ticks));
            next = s->ticks;
        }

        if (job->waiting && job->order.wake < next) {
            next = job->order.wake;
        }

        busy |= job->used;
    }

    if (!busy || next <= s->ticks) {
        return busy;
    }

    next = (sim_next(s) < next) ? sim_next(s) : next;

    hostile_that(next != INT64_MAX);
    s->ticks = (next > s->ticks) ? next : s->ticks + 1;

    return 1;
}


static void
fuzz_make(sim_t *s)
{
    acm_err_t  err;

    hostile_certs_make(s);

    test_ok(acm_keyring_open(s->store, &s->master, 1, &s->ring, &err));
    test_ok(acm_account_create(s->ring, &s->issuers[0],
                               s->issuers[0].directory, acm_now(),
                               &fuzz_account, &err));
    test_ok(__real_acm_account_key(s->ring, &fuzz_account, 0,
                                   &fuzz_account_key, &err));
}


static void
fuzz_issuer(acm_issuer_t *issuer, unsigned how)
{
    static const acm_method_e  methods[4][2] = {
        { ACM_METHOD_HTTP_01, ACM_METHOD_TLS_ALPN_01 },
        { ACM_METHOD_DNS_01, ACM_METHOD_HTTP_01 },
        { ACM_METHOD_TLS_ALPN_01, ACM_METHOD_DNS_01 },
        { ACM_METHOD_DNS_PERSIST_01, ACM_METHOD_DNS_01 }
    };

    static char  *contacts[] = { (char *) "mailto:a@example.com" };

    issuer->methods[0] = methods[how % 4][0];
    issuer->methods[1] = methods[how % 4][1];
    issuer->contacts = contacts;
    issuer->ncontacts = (how >> 2) & 1;
    issuer->preferred_chain = (how & 8) ? "another root" : NULL;
    issuer->same_origin = (how & 16) != 0;
    issuer->preflight = (how & 32) != 0;
    issuer->profile = (how & 64) ? "short" : NULL;
}


/* The account as it was, or as one that the CA knows, or with a wish. */

static void
fuzz_account_set(sim_t *s, unsigned what)
{
    uint64_t        revision;
    acm_err_t       err;
    acm_snap_t     *snap;
    acm_account_t   a, old;

    test_ok(acm_store_begin(s->store, &snap, &err));
    test_ok(acm_account_get(snap, "ca0", s->issuers[0].directory, &old,
                            &revision));
    acm_store_end(snap);
    acm_account_free(&old);

    a = fuzz_account;

    if (what & 8) {
        a.status = ACM_ACCOUNT_VALID;
        a.url = (char *) "https://ca0.test/acct/1";
        s->cas[0].known = 1;
        a.wish = ((what & 0x90) == 0x10) ? ACM_ACCOUNT_ROLLOVER
                                         : ACM_ACCOUNT_NOTHING;
    }

    test_ok(acm_account_put(s->store, &a, revision, &err));
}


static void
fuzz_start(unsigned what, unsigned how)
{
    sim_t     *s;
    unsigned   i;

    if (fuzz_sim == NULL) {
        (void) setenv("CMOCKA_TEST_ABORT", "1", 1);
        fuzz_sim = sim_new(1, HOSTILE_NAMES);
        fuzz_make(fuzz_sim);
        fuzz_sim->transport.send = fuzz_send;
    }

    s = fuzz_sim;
    sim_again(s);

    for (i = 0; i < SIM_CAS; i++) {
        s->cas[i].hostile = 1;
    }

    fuzz_issuer(&s->issuers[0], how);
    fuzz_account_set(s, what);

    fuzz_nnames = 1 + (what >> 1) % 3;
    fuzz_issue = SIM_ISSUE_RIGHT;
    fuzz_jobs_left = FUZZ_ORDERS;
    fuzz_befalls = FUZZ_BEFALLS;
    fuzz_calm = 0;
    fuzz_done = 0;
    fuzz_burst = 0;
    fuzz_second = 0;

    fuzz_open();
}


/* An operator's to mend: a CA said that our account is no more, or that it is
   what is none; what is asked of that is refused for ever. */

static int
fuzz_dead(sim_t *s)
{
    int            dead;
    uint64_t       revision;
    acm_snap_t    *snap;
    acm_account_t  a;

    test_ok(acm_store_begin(s->store, &snap, NULL));
    test_ok(acm_account_get(snap, "ca0", s->issuers[0].directory, &a,
                            &revision));
    acm_store_end(snap);

    dead = (a.status == ACM_ACCOUNT_DEACTIVATED
            || strcmp(a.url, "https://ca0.test/acct/1") != 0);
    acm_account_free(&a);

    return dead;
}


/* All is well again, and when what was believed has been forgotten, so is the
   next order. */

static void
fuzz_heal(sim_t *s)
{
    int64_t   next;
    unsigned  i;

    hostile_begin(NULL, 0, 0, 0);
    fuzz_calm = 1;
    fuzz_issue = SIM_ISSUE_RIGHT;
    s->skew = 0;
    sim_lift(&s->cas[0]);
    s->cas[0].forgotten = 0;
    fuzz_anew();

    /* longer than the directory is kept, and than any wait */

    s->ticks += (ACM_MAX_RETRY_AFTER + SIM_DAY) * 1000;
    acm_ticks_set(s->ticks);
    acm_now_set(sim_now(s));

    /* an old directory serves until the new one is there */

    acm_session_want(fuzz_session, 1);

    while (acm_session_run(fuzz_session, s->ticks) == s->ticks + 1
           || s->npending != 0)
    {
        next = sim_next(s);
        s->ticks = (s->npending != 0 && next > s->ticks) ? next
                                                         : s->ticks + 1;
        acm_ticks_set(s->ticks);
        acm_now_set(sim_now(s));
        sim_deliver(s);
    }

    fuzz_done = 0;
    fuzz_jobs_left = 2;

    /* the first may still go by a directory of before */

    for (i = 0; i < 2 && fuzz_done == 0; i++) {
        fuzz_begin(&fuzz_jobs[0]);

        while (fuzz_step(s)) {
            /* void */
        }
    }

    if (fuzz_done == 0 && !fuzz_dead(s)) {
        fprintf(stderr, "the CA is well, but an order fails: %s\n",
                fuzz_text);
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sim_t     *s;
    unsigned   i;

    if (size < 2) {
        return 0;
    }

    hostile_begin(data + 2, size - 2, (data[0] & 0xf1) == 0xf0, FUZZ_HOSTILE);
    fuzz_start(data[0], data[1]);
    s = fuzz_sim;

    for (i = 0; i < 1u + (data[0] & 1); i++) {
        fuzz_begin(&fuzz_jobs[i]);
    }

    while (fuzz_step(s)) {
        /* void */
    }

    if (data[1] & 128) {
        fuzz_heal(s);
    }

    acm_session_free(fuzz_session);
    fuzz_session = NULL;
    hostile_that(s->npending == 0);

    return 0;
}
