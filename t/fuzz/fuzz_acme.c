
/*
 * Copyright (C) The ngx_acm authors
 *
 * Answers of a CA.  The first octet says of what kind the rest is.  What is
 * let through has valid URLs and tokens, and texts that are fit for a log.
 */


#include <string.h>

#include "acm_acme.h"
#include "acm_challenge.h"
#include "acm_json.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_that(int holds)
{
    if (!holds) {
        __builtin_trap();
    }
}


static void
fuzz_text(const char *s, size_t max)
{
    size_t  i;

    for (i = 0; s[i] != '\0'; i++) {
        fuzz_that(i < max && s[i] >= ' ' && s[i] < 0x7f);
    }
}


static void
fuzz_url(const char *url)
{
    fuzz_that(url == NULL || acm_http_url_ok(url));
}


static void
fuzz_problem(const acm_problem_t *p)
{
    fuzz_that(p->type != ACM_PROBLEM_NONE && p->fault != ACM_FAULT_NONE);
    fuzz_text(p->text, ACM_MAX_ERROR - 1);
}


static void
fuzz_directory(const acm_http_t *http)
{
    size_t           i;
    acm_err_t        err;
    acm_directory_t  d;

    memset(&err, 0xff, sizeof(err));

    if (acm_acme_directory(http, &d, &err) != ACM_OK) {
        fuzz_that(d.json == NULL);
        fuzz_text(err.text, ACM_MAX_ERROR - 1);
        return;
    }

    fuzz_that(d.new_nonce != NULL && d.new_account != NULL
              && d.new_order != NULL);
    fuzz_url(d.new_nonce);
    fuzz_url(d.new_account);
    fuzz_url(d.new_order);
    fuzz_url(d.revoke_cert);
    fuzz_url(d.key_change);
    fuzz_url(d.renewal_info);
    fuzz_that(d.nidentities <= ACM_MAX_IDENTITIES);

    for (i = 0; i < d.nidentities; i++) {
        fuzz_text(d.identities[i], ACM_MAX_NAME);
    }

    if (d.terms != NULL) {
        fuzz_text(d.terms, ACM_MAX_URL);
    }

    json_decref(d.json);
}


static void
fuzz_order(const acm_http_t *http)
{
    size_t             i;
    acm_err_t          err;
    acm_problem_t      p;
    acm_acme_order_t   o;

    static char  *names[] = { (char *) "www.example.com",
                              (char *) "*.example.com",
                              (char *) "2001:db8::1" };

    memset(&err, 0xff, sizeof(err));

    if (acm_acme_order(http, &o, &err) != ACM_OK) {
        fuzz_that(o.json == NULL);
        fuzz_text(err.text, ACM_MAX_ERROR - 1);
        return;
    }

    fuzz_that(o.nauthz <= ACM_MAX_AUTHZ && o.finalize != NULL
              && o.expires >= 0);
    fuzz_that(o.status != ACM_ACME_PENDING || o.nauthz != 0);
    fuzz_that(o.status != ACM_ACME_VALID || o.certificate != NULL);
    fuzz_url(o.finalize);
    fuzz_url(o.certificate);

    for (i = 0; i < o.nauthz; i++) {
        fuzz_that(o.authz[i] != NULL);
        fuzz_url(o.authz[i]);
    }

    for (i = 1; i <= 3; i++) {
        if (acm_acme_order_names(&o, names, i, &err) != ACM_OK) {
            fuzz_text(err.text, ACM_MAX_ERROR - 1);
        }
    }

    acm_acme_error(o.error, "www.example.com", &p);
    fuzz_problem(&p);

    json_decref(o.json);
}


static void
fuzz_authz(const acm_http_t *http)
{
    size_t                 i;
    acm_err_t              err;
    acm_problem_t          p;
    acm_acme_authz_t       a;
    acm_acme_challenge_t  *c;

    memset(&err, 0xff, sizeof(err));

    if (acm_acme_authz(http, &a, &err) != ACM_OK) {
        fuzz_that(a.json == NULL);
        fuzz_text(err.text, ACM_MAX_ERROR - 1);
        return;
    }

    fuzz_that(a.nchallenges <= ACM_MAX_CHALLENGES && a.id.name[0] != '\0');
    fuzz_text(a.id.name, ACM_MAX_NAME);
    fuzz_that(acm_acme_id(&a.id, "2001:db8::1") != ACM_ID_BASE);
    fuzz_text(a.id.type, ACM_MAX_ID_TYPE);

    for (i = 0; i < a.nchallenges; i++) {
        c = &a.challenges[i];
        acm_acme_error(c->error, a.id.name, &p);
        fuzz_problem(&p);

        if (c->method == ACM_METHOD_NONE) {
            continue;
        }

        fuzz_that(c->url != NULL && c->status != 0);
        fuzz_url(c->url);

        if (c->method == ACM_METHOD_DNS_PERSIST_01) {
            fuzz_that(c->token == NULL);
            continue;
        }

        fuzz_that(c->token != NULL && strlen(c->token) <= ACM_MAX_TOKEN
                  && c->token[0] != '\0' && strpbrk(c->token, "/.<\" \n")
                                            == NULL);
    }

    json_decref(a.json);
}


static void
fuzz_ari(const acm_http_t *http)
{
    acm_err_t        err;
    acm_acme_ari_t   a;

    memset(&err, 0xff, sizeof(err));

    if (acm_acme_ari(http, &a, &err) != ACM_OK) {
        fuzz_that(a.json == NULL);
        fuzz_text(err.text, ACM_MAX_ERROR - 1);
        return;
    }

    fuzz_that(a.start > 0 && a.start < a.end);
    fuzz_url(a.explanation);
    json_decref(a.json);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    acm_err_t          err;
    acm_http_t        *http;
    const char        *type;
    acm_problem_t      p;
    acm_acme_status_e  status;

    if (size == 0) {
        return 0;
    }

    http = acm_http_new(ACM_HTTP_POST, "https://ca.example.net/");

    if (http == NULL) {
        return 0;
    }

    type = (data[0] % 6 == 4) ? "application/problem+json"
                              : "application/json";
    http->status = 200 + (data[0] / 6) * 10;
    (void) acm_http_header(http, "Content-Type", 12, type, strlen(type));
    acm_buf_add(&http->answer, data + 1, size - 1);

    switch (data[0] % 6) {

    case 0:
        fuzz_directory(http);
        break;

    case 1:
        fuzz_order(http);
        break;

    case 2:
        fuzz_authz(http);
        break;

    case 3:
        fuzz_ari(http);
        break;

    case 4:
        acm_acme_problem(http, &p);
        fuzz_problem(&p);
        break;

    default:
        (void) acm_acme_status(http, &status, &err);
        break;
    }

    acm_http_free(http);

    return 0;
}
