
/*
 * Copyright (C) The ngx_acm authors
 *
 * Whether the names of a certificate have the CNAME records that prove them,
 * for built-in CAs with "dns_proof".  The engine asks again when there is an
 * answer, and takes it: what is proved is issued in the same step.
 */


#include "../shared/acm_proof.h"
#include "ngx_acm.h"
#include "ngx_acm_dns.h"


#define NGX_ACM_PROOFS         32            /* certificates at a time, of */
#define NGX_ACM_PROOFS_SHARE   24            /* one account, so that one whose
                                                name servers are slow holds up
                                                no other */
#define NGX_ACM_PROOF_TIMEOUT  5000          /* milliseconds, one question */
#define NGX_ACM_PROOF_KEPT     60            /* seconds, if nobody asks again */


typedef enum {
    NGX_ACM_PROOF_FREE = 0,
    NGX_ACM_PROOF_ASKING,
    NGX_ACM_PROOF_YES,
    NGX_ACM_PROOF_NO
} ngx_acm_proof_e;


typedef struct {
    ngx_acm_proof_e            state;
    char                       uuid[ACM_UUID_LEN + 1];
    char                       account[ACM_MAX_LABEL + 1];
    char                     **names;
    size_t                     nnames;
    size_t                     name;         /* that is looked at */
    acm_proof_t                proof;
    time_t                     at;           /* of the answer */
    ngx_event_t                event;        /* to begin with the name */
} ngx_acm_proving_t;


typedef struct {
    ngx_acm_conf_t            *amcf;
    acm_store_t               *store;
    void                     (*wake)(void *data);
    void                      *data;
    ngx_log_t                 *log;
    ngx_acm_proving_t          provings[NGX_ACM_PROOFS];
} ngx_acm_prover_t;


static ngx_acm_proving_t *ngx_acm_proof_find(const char *uuid);
static ngx_acm_proving_t *ngx_acm_proof_new(const acm_cert_t *cert);
static ngx_acm_proving_t *ngx_acm_proof_place(const char *account);
static void ngx_acm_proof_free(ngx_acm_proving_t *p);
static void ngx_acm_proof_begin(ngx_event_t *ev);
static acm_rc_t ngx_acm_proof_record(ngx_acm_proving_t *p);
static void ngx_acm_proof_ask(ngx_acm_proving_t *p);
static void ngx_acm_proof_answer(void *data, acm_rc_t rc,
    const uint8_t *wire, size_t len, const char *why);
static void ngx_acm_proof_end(ngx_acm_proving_t *p, ngx_acm_proof_e state);


/* of the helper */

static ngx_acm_prover_t  ngx_acm_prover;


void
ngx_acm_proof_start(ngx_acm_conf_t *amcf, acm_store_t *store,
    void (*wake)(void *data), void *data, ngx_log_t *log)
{
    ngx_acm_prover.amcf = amcf;
    ngx_acm_prover.store = store;
    ngx_acm_prover.wake = wake;
    ngx_acm_prover.data = data;
    ngx_acm_prover.log = log;
}


void
ngx_acm_proof_stop(void)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_ACM_PROOFS; i++) {
        ngx_acm_proof_free(&ngx_acm_prover.provings[i]);
    }

    ngx_acm_dns_done();
    ngx_acm_prover.amcf = NULL;
}


/* A snapshot is open here: what is read comes later. */

acm_demand_e
ngx_acm_proof(void *data, const acm_cert_t *cert, int64_t now, int64_t *at)
{
    ngx_acm_proving_t  *p;

    p = ngx_acm_proof_find(cert->uuid);

    if (p == NULL) {

        /* whoever finds no place is asked about when one is free */

        (void) ngx_acm_proof_new(cert);
        return ACM_DEMAND_WAIT;
    }

    switch (p->state) {

    case NGX_ACM_PROOF_YES:
        ngx_acm_proof_free(p);
        return ACM_DEMAND_YES;

    case NGX_ACM_PROOF_NO:
        ngx_acm_proof_free(p);
        *at = acm_add_sat(now, acm_proof_wait(cert, now));
        return ACM_DEMAND_NOT_NOW;

    default:
        return ACM_DEMAND_WAIT;
    }
}


static ngx_acm_proving_t *
ngx_acm_proof_find(const char *uuid)
{
    ngx_uint_t          i;
    ngx_acm_proving_t  *p;

    for (i = 0; i < NGX_ACM_PROOFS; i++) {
        p = &ngx_acm_prover.provings[i];

        if (p->state != NGX_ACM_PROOF_FREE
            && ngx_strcmp(p->uuid, uuid) == 0)
        {
            return p;
        }
    }

    return NULL;
}


static ngx_acm_proving_t *
ngx_acm_proof_new(const acm_cert_t *cert)
{
    size_t              n;
    ngx_acm_proving_t  *p;

    if (ngx_acm_prover.amcf == NULL) {
        return NULL;
    }

    p = ngx_acm_proof_place(cert->account);
    if (p == NULL) {
        return NULL;
    }

    p->names = acm_calloc(cert->nnames, sizeof(char *));

    for (n = 0; p->names != NULL && n < cert->nnames; n++) {
        p->names[n] = acm_strdup(cert->names[n]);
        p->nnames++;

        if (p->names[n] == NULL) {
            ngx_acm_proof_free(p);
            return NULL;
        }
    }

    if (p->names == NULL) {
        return NULL;
    }

    p->state = NGX_ACM_PROOF_ASKING;
    ngx_memcpy(p->uuid, cert->uuid, sizeof(p->uuid));
    (void) ngx_cpystrn((u_char *) p->account, (u_char *) cert->account,
                       sizeof(p->account));

    p->event.handler = ngx_acm_proof_begin;
    p->event.data = p;
    p->event.log = ngx_acm_prover.log;

    ngx_post_event(&p->event, &ngx_posted_events);

    return p;
}


static ngx_acm_proving_t *
ngx_acm_proof_place(const char *account)
{
    ngx_uint_t          i, own;
    ngx_acm_proving_t  *p, *place;

    own = 0;
    place = NULL;

    for (i = 0; i < NGX_ACM_PROOFS; i++) {
        p = &ngx_acm_prover.provings[i];

        if (p->state > NGX_ACM_PROOF_ASKING
            && ngx_time() - p->at >= NGX_ACM_PROOF_KEPT)
        {
            /* its certificate was deleted, most likely */

            ngx_acm_proof_free(p);
        }

        if (p->state == NGX_ACM_PROOF_FREE) {
            place = p;

        } else if (ngx_strcmp(p->account, account) == 0) {
            own++;
        }
    }

    return (own < NGX_ACM_PROOFS_SHARE) ? place : NULL;
}


static void
ngx_acm_proof_free(ngx_acm_proving_t *p)
{
    size_t  n;

    if (p->event.posted) {
        ngx_delete_posted_event(&p->event);
    }

    ngx_acm_dns_cancel(p);

    for (n = 0; n < p->nnames; n++) {
        acm_free(p->names[n]);
    }

    acm_free(p->names);
    ngx_memzero(p, sizeof(ngx_acm_proving_t));
}


/* The next name. */

static void
ngx_acm_proof_begin(ngx_event_t *ev)
{
    ngx_acm_proving_t *p = ev->data;

    if (p->name == p->nnames) {
        ngx_acm_proof_end(p, NGX_ACM_PROOF_YES);
        return;
    }

    if (ngx_acm_proof_record(p) != ACM_OK) {
        (void) ngx_snprintf((u_char *) p->proof.why,
                            sizeof(p->proof.why) - 1,
                            "it has no validation record%Z");
        ngx_acm_proof_end(p, NGX_ACM_PROOF_NO);
        return;
    }

    ngx_acm_proof_ask(p);
}


static acm_rc_t
ngx_acm_proof_record(ngx_acm_proving_t *p)
{
    char         label[ACM_LABEL_LEN + 1];
    char         owner[ACM_MAX_PROOF_OWNER], value[ACM_MAX_PROOF_VALUE];
    acm_rc_t     rc;
    acm_snap_t  *snap;
    const char  *zone;

    zone = ngx_acm_prover.amcf->validation
           ? ngx_acm_prover.amcf->validation->name : NULL;

    rc = acm_store_begin(ngx_acm_prover.store, &snap, NULL);

    if (rc != ACM_OK) {
        return rc;
    }

    rc = acm_validation_get(snap, p->account, p->names[p->name], label);
    acm_store_end(snap);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_proof_record(zone, label, p->names[p->name], owner, value);

    return acm_proof_init(&p->proof, owner, value);
}


static void
ngx_acm_proof_ask(ngx_acm_proving_t *p)
{
    if (ngx_acm_dns_query(ngx_acm_prover.amcf, NULL, p->proof.name,
                          ACM_DNS_CNAME, NGX_ACM_PROOF_TIMEOUT,
                          ngx_acm_proof_answer, p, ngx_acm_prover.log)
        != NGX_OK)
    {
        (void) ngx_snprintf((u_char *) p->proof.why,
                            sizeof(p->proof.why) - 1,
                            "the resolver cannot be asked%Z");
        ngx_acm_proof_end(p, NGX_ACM_PROOF_NO);
    }
}


static void
ngx_acm_proof_answer(void *data, acm_rc_t rc, const uint8_t *wire, size_t len,
    const char *why)
{
    ngx_acm_proving_t *p = data;

    if (rc != ACM_OK) {
        (void) ngx_snprintf((u_char *) p->proof.why,
                            sizeof(p->proof.why) - 1,
                            "the resolver was asked for \"%s\": %s%Z",
                            p->proof.name, why ? why : acm_rc_text(rc));
        ngx_acm_proof_end(p, NGX_ACM_PROOF_NO);
        return;
    }

    rc = acm_proof_answer(&p->proof, wire, len);

    switch (rc) {

    case ACM_OK:
        p->name++;
        ngx_post_event(&p->event, &ngx_posted_events);
        break;

    case ACM_BUSY:
        ngx_acm_proof_ask(p);
        break;

    default:
        ngx_acm_proof_end(p, NGX_ACM_PROOF_NO);
    }
}


static void
ngx_acm_proof_end(ngx_acm_proving_t *p, ngx_acm_proof_e state)
{
    if (state == NGX_ACM_PROOF_NO) {
        ngx_log_error(NGX_LOG_INFO, ngx_acm_prover.log, 0,
                      "acm: \"%s\" is not proved: %s", p->names[p->name],
                      p->proof.why);
    }

    p->state = state;
    p->at = ngx_time();

    ngx_acm_prover.wake(ngx_acm_prover.data);
}
