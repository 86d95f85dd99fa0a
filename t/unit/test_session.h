
/*
 * Copyright (C) The ngx_acm authors
 *
 * A session with a CA.  The tests are the CA: they see each request, and
 * which key it was signed by, and answer it or do not.
 */


#ifndef _TEST_SESSION_H_INCLUDED_
#define _TEST_SESSION_H_INCLUDED_


#include <openssl/ecdsa.h>

#include "acm_json.h"
#include "acm_session.h"
#include "test_store.h"


#define NOW      1800000000LL
#define BASE     "https://ca.test"
#define DIR      BASE "/dir"
#define ACCOUNT  BASE "/acct/1"
#define HOUR     3600000LL               /* ticks */
#define SENT     16


typedef struct {
    acm_store_t        *store;
    acm_keyring_t      *ring;
    acm_key_secret_t    master;
    acm_issuer_t        issuer;
    acm_transport_t     transport;
    acm_session_t      *session;

    acm_http_t         *sent[SENT];
    size_t              nsent;
    unsigned            nonce;
    unsigned            dry:1;           /* no nonces */

    EVP_PKEY           *old;
    EVP_PKEY           *new;
    acm_call_t          call;            /* newOrder */
    unsigned            called;
} test_t;


static inline acm_rc_t
test_send(void *data, acm_http_t *http, acm_err_t *err)
{
    test_t  *t = data;

    (void) err;

    assert_true(t->nsent < SENT);
    t->sent[t->nsent++] = http;

    return ACM_OK;
}


static inline void
test_cancel(void *data, acm_http_t *http)
{
    size_t   i;
    test_t  *t = data;

    for (i = 0; i < t->nsent; i++) {
        if (t->sent[i] == http) {
            t->sent[i] = t->sent[--t->nsent];
            return;
        }
    }

    fail_msg("a request was cancelled that is not under way");
}


static inline void
test_session(test_t *t)
{
    acm_session_conf_t  conf;

    memset(&conf, 0, sizeof(conf));
    conf.issuer = &t->issuer;
    conf.directory = DIR;
    conf.ring = t->ring;
    conf.transport = &t->transport;

    t->session = acm_session_new(&conf);
    assert_non_null(t->session);
}


static inline void
test_start(test_t *t)
{
    acm_err_t  err;

    memset(t, 0, sizeof(test_t));
    acm_now_set(NOW);
    acm_ticks_set(HOUR);

    t->store = test_open_memory();
    test_ok(acm_key_random(&t->master, &err));
    test_ok(acm_keyring_open(t->store, &t->master, 1, &t->ring, &err));

    t->issuer.name = "le";
    t->issuer.account_key = ACM_KEY_EC_P256;
    t->issuer.terms = 1;
    t->transport.send = test_send;
    t->transport.cancel = test_cancel;
    t->transport.data = t;

    test_session(t);
}


static inline void
test_stop(test_t *t)
{
    acm_session_free(t->session);
    acm_call_reset(&t->call);
    acm_keyring_close(t->ring);
    acm_store_close(t->store);
    EVP_PKEY_free(t->old);
    EVP_PKEY_free(t->new);
}


static inline void
test_header(acm_http_t *http, const char *name, const char *value)
{
    test_ok(acm_http_header(http, name, strlen(name), value, strlen(value)));
}


/* A status of 0: no answer came. */

static inline void
test_answer(test_t *t, acm_http_t *http, int status, const char *body)
{
    char  nonce[32];

    test_cancel(t, http);

    if (status == 0) {
        http->rc = acm_fail(&http->why, ACM_ERROR, "timed out");
        http->done(http);
        return;
    }

    http->rc = ACM_OK;
    http->status = status;
    test_header(http, "Content-Type", (status < 300) ? "application/json"
                                      : "application/problem+json");

    if (!t->dry) {
        snprintf(nonce, sizeof(nonce), "n%u", ++t->nonce);
        test_header(http, "Replay-Nonce", nonce);
    }

    if (status == 201) {
        test_header(http, "Location", ACCOUNT);
    }

    acm_buf_add(&http->answer, body, strlen(body));
    http->done(http);
}


static inline void
test_refuse(test_t *t, acm_http_t *http, const char *type)
{
    char  body[256];

    snprintf(body, sizeof(body), "{\"type\":\"urn:ietf:params:acme:error:%s\","
             "\"detail\":\"no\"}", type);

    test_answer(t, http, 403, body);
}


/* Runs until nothing but signed requests is under way; the first of them. */

static inline acm_http_t *
test_run(test_t *t)
{
    size_t       i;
    acm_http_t  *http;

    for ( ;; ) {
        (void) acm_session_run(t->session, acm_ticks());

        http = NULL;

        for (i = 0; i < t->nsent && http == NULL; i++) {
            if (t->sent[i]->method == ACM_HTTP_GET
                || (t->sent[i]->method == ACM_HTTP_HEAD && !t->dry))
            {
                http = t->sent[i];
            }
        }

        if (http == NULL) {
            break;
        }

        test_answer(t, http, 200, (http->method == ACM_HTTP_HEAD) ? ""
                    : "{\"newNonce\":\"" BASE "/nonce\","
                      "\"newAccount\":\"" BASE "/new-account\","
                      "\"newOrder\":\"" BASE "/new-order\","
                      "\"revokeCert\":\"" BASE "/revoke\","
                      "\"keyChange\":\"" BASE "/key-change\"}");
    }

    for (i = 0; i < t->nsent; i++) {
        if (t->sent[i]->method == ACM_HTTP_POST) {
            return t->sent[i];
        }
    }

    return NULL;
}


/* The next request, which is for this URL. */

static inline acm_http_t *
test_asked(test_t *t, const char *url)
{
    acm_http_t  *http;

    http = test_run(t);
    assert_non_null(http);
    assert_string_equal(http->url, url);

    return http;
}


static inline int
test_verify(EVP_PKEY *pkey, const char *data, size_t len, acm_buf_t *sig)
{
    int             ok, der_len;
    uint8_t        *der;
    ECDSA_SIG      *pair;
    EVP_MD_CTX     *ctx;

    assert_int_equal(sig->len, 64);

    der = NULL;
    pair = ECDSA_SIG_new();
    assert_int_equal(ECDSA_SIG_set0(pair, BN_bin2bn(sig->data, 32, NULL),
                                    BN_bin2bn(sig->data + 32, 32, NULL)), 1);
    der_len = i2d_ECDSA_SIG(pair, &der);
    assert_true(der_len > 0);

    ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL,
                                          pkey), 1);
    ok = (EVP_DigestVerify(ctx, der, (size_t) der_len,
                           (const uint8_t *) data, len) == 1);

    EVP_MD_CTX_free(ctx);
    ECDSA_SIG_free(pair);
    OPENSSL_free(der);

    return ok;
}


/* 1 if the request is signed by this key. */

static inline int
test_by(acm_http_t *http, EVP_PKEY *pkey)
{
    int         ok;
    char       *data;
    json_t     *jws;
    size_t      len;
    acm_buf_t   sig;

    test_ok(acm_json_parse(http->body.data, http->body.len, ACM_MAX_JWS,
                           &jws, NULL));

    len = strlen(acm_json_string(jws, "protected")) + 1
          + strlen(acm_json_string(jws, "payload"));
    data = malloc(len + 1);
    assert_non_null(data);
    snprintf(data, len + 1, "%s.%s", acm_json_string(jws, "protected"),
             acm_json_string(jws, "payload"));

    acm_buf_init(&sig, 256);
    test_ok(acm_b64url_decode(&sig, acm_json_string(jws, "signature"),
                              strlen(acm_json_string(jws, "signature"))));

    ok = test_verify(pkey, data, len, &sig);

    acm_buf_free(&sig);
    free(data);
    json_decref(jws);

    return ok;
}


static inline acm_rc_t
test_account(test_t *t, acm_account_t *a, uint64_t *revision)
{
    acm_rc_t     rc;
    acm_err_t    err;
    acm_snap_t  *snap;

    test_ok(acm_store_begin(t->store, &snap, &err));
    rc = acm_account_get(snap, "le", DIR, a, revision);
    acm_store_end(snap);

    return rc;
}


static inline EVP_PKEY *
test_key(test_t *t, int next)
{
    uint64_t        revision;
    EVP_PKEY       *pkey;
    acm_err_t       err;
    acm_account_t   a;

    test_ok(test_account(t, &a, &revision));
    test_ok(acm_account_key(t->ring, &a, next, &pkey, &err));
    acm_account_free(&a);

    return pkey;
}


static inline void
test_done(acm_call_t *call)
{
    test_t  *t = call->data;

    t->called++;
}


/* An order is wanted. */

static inline void
test_order(test_t *t)
{
    acm_call_reset(&t->call);
    memset(&t->call, 0, sizeof(acm_call_t));
    t->call.payload = "{}";
    t->call.done = test_done;
    t->call.data = t;
    t->called = 0;

    acm_session_call(t->session, &t->call);
}


static inline void
test_wish(test_t *t, acm_account_wish_e wish)
{
    acm_err_t  err;

    test_ok(acm_account_wish(t->store, "le", DIR, wish, &err));
}


static inline void
test_registered(test_t *t)
{
    test_start(t);
    acm_session_want(t->session, 1);
    test_answer(t, test_asked(t, BASE "/new-account"), 201,
                "{\"status\":\"valid\"}");
    assert_null(test_run(t));
    t->old = test_key(t, 0);
}


/* The order goes on, by this key. */

static inline void
test_ordered(test_t *t, EVP_PKEY *pkey)
{
    acm_http_t  *http;

    http = test_asked(t, BASE "/new-order");
    assert_true(test_by(http, pkey));
    test_answer(t, http, 201, "{}");
    assert_int_equal(t->called, 1);
    assert_int_equal(t->call.rc, ACM_OK);
}


#endif /* _TEST_SESSION_H_INCLUDED_ */
