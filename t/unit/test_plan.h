
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates of every sort, made at random, for tests of what is found.
 */


#ifndef _TEST_PLAN_H_INCLUDED_
#define _TEST_PLAN_H_INCLUDED_


#include "acm_certificate_impl.h"
#include "acm_state.h"
#include "acm_store_impl.h"
#include "test_api.h"


#define TEST_CERTS     300
#define TEST_HOSTS     24
#define TEST_MAX_NAMES 4
#define TEST_MAX_TEXT  (TEST_CERTS * (ACM_UUID_LEN + 1) + 1)


typedef struct {
    acm_cert_t   cert;
    char         names[TEST_MAX_NAMES][64];
    char        *list[TEST_MAX_NAMES];
    char         domain[64];
} test_cert_t;


static test_cert_t   test_certs[TEST_CERTS];
static uint32_t      test_seed;


static inline unsigned
test_dice(unsigned n)
{
    return test_random(&test_seed) % n;
}


/* Few hosts, so that many have the same; some are no ordinary names. */

static inline void
test_host(char *name)
{
    unsigned  n;

    n = test_dice(TEST_HOSTS);

    snprintf(name, 64, (n < 2) ? "192.0.2.%u" : (n == 2) ? "H%u.Example.com"
                       : (n < 5) ? "*.h%u.example.com" : "h%u.example.com",
             n);
}


/* A status, and what goes with it. */

static inline void
test_status(acm_cert_t *c)
{
    c->status = (acm_status_e) (1 + test_dice(ACM_STATUS_FAILED));

    if (test_dice(3) != 0) {
        c->status = ACM_STATUS_ISSUED;
    }

    c->version = 1;
    c->not_after = TEST_START + (int64_t) test_dice(40) - 10;

    if (test_dice(8) == 0 || c->status == ACM_STATUS_PENDING_VALIDATION
        || c->status == ACM_STATUS_FAILED)
    {
        c->version = test_dice(8) == 0;
        c->not_after = 0;
    }
}


static inline void
test_new(test_cert_t *t, unsigned n)
{
    char         uuid[ACM_UUID_LEN + 1];
    size_t       i;
    acm_cert_t  *c;

    memset(t, 0, sizeof(test_cert_t));
    c = &t->cert;

    c->account = (char *) ((n % 10 == 9) ? "210987654321" : TEST_ACCOUNT);
    c->region = (char *) ((n % 10 == 8) ? "us-east-2" : TEST_REGION);
    snprintf(uuid, sizeof(uuid), "%04x%04x-0000-4000-8000-%012x",
             test_dice(65536), test_dice(65536), n);
    memcpy(c->uuid, uuid, sizeof(uuid));
    c->type = (acm_type_e) (1 + test_dice(3));
    c->key = (acm_key_e) (1 + test_dice(7));
    c->nnames = 1 + test_dice(TEST_MAX_NAMES);
    c->names = t->list;

    for (i = 0; i < c->nnames; i++) {
        test_host(t->names[i]);
        t->list[i] = t->names[i];
    }

    memcpy(t->domain, t->names[0], sizeof(t->domain));

    if (test_dice(16) == 0) {
        test_host(t->domain);
    }

    c->domain = t->domain;
    c->issuer = (char *) "internal";
    c->subject = c->issuer_dn = c->issued_by = c->serial = (char *) "";
    c->sigalg = c->last_error = c->findings = (char *) "";
    c->created_at = TEST_START - test_dice(40);
    test_status(c);
}


static inline void
test_put(test_api_t *t, const acm_cert_t *old, const acm_cert_t *next,
    int older)
{
    acm_batch_t  batch;

    acm_batch_init(&batch);
    acm_batch_moves(&batch, old, next);

    if (older) {
        acm_state_entry(&batch, next, 0);
        acm_state_count(&batch, (old == NULL) ? -1 : 0);
    }

    test_ok(acm_store_commit(t->store, &batch, NULL));
    acm_batch_free(&batch);
}


/* So many entries that lead to no certificate, of states or of ends. */

static inline void
test_junk(test_api_t *t, acm_db_e db, unsigned n, int64_t at)
{
    char         uuid[ACM_UUID_LEN + 1];
    size_t       len;
    uint8_t      key[ACM_MAX_STORE_KEY];
    acm_cert_t   foreign;
    acm_batch_t  batch;

    memset(&foreign, 0, sizeof(acm_cert_t));
    foreign.account = (char *) "210987654321";
    foreign.region = (char *) TEST_REGION;

    acm_batch_init(&batch);

    while (n > 0) {
        snprintf(uuid, sizeof(uuid), "%08x-1111-4000-8000-000000000000",
                 n * 40503);

        if (db == ACM_DB_STATE) {
            len = acm_state_key(key, TEST_ACCOUNT, TEST_REGION,
                                ACM_STATE_ENDLESS + ACM_STATUS_FAILED, uuid);
            acm_batch_put(&batch, db, key, len, "", 0);

        } else {
            len = acm_time_key(key, at, uuid);
            memcpy(foreign.uuid, uuid, sizeof(uuid));
            acm_batch_ref(&batch, db, key, len, &foreign);
        }

        if (--n % 1000 == 0) {
            test_ok(acm_store_commit(t->store, &batch, NULL));
            acm_batch_free(&batch);
            acm_batch_init(&batch);
        }
    }

    acm_batch_free(&batch);
}


#endif /* _TEST_PLAN_H_INCLUDED_ */
