
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates by the thousand, for tests of what shows them: records and
 * indexes without any material.
 */


#ifndef _FILL_SHOWN_H_INCLUDED_
#define _FILL_SHOWN_H_INCLUDED_


#include <stdio.h>
#include <string.h>

#include "../../shared/acm_certificate_impl.h"
#include "../../shared/acm_state.h"


#define SHOWN_ACCOUNT   "123456789012"
#define SHOWN_REGION    "us-east-1"
#define SHOWN_PER_BATCH 500

#define SHOWN_EVIL                                                            \
    "<script>alert(1)</script>\"' onload=x & \xe2\x80\xae \xff\x01"


static inline void
shown_uuid(size_t i, char *uuid)
{
    snprintf(uuid, ACM_UUID_LEN + 1, "%08x-0000-4000-8000-0000%08x",
             (unsigned) i * 2654435761u, (unsigned) i);
}


/* One in 40 is stuck, with "evil" by a CA that says what it likes. */

static inline void
shown_trouble(acm_cert_t *c, size_t i, int64_t now, int evil)
{
    static const struct {
        acm_reason_e   reason;
        const char    *error;
        const char    *findings;
    } troubles[] = {
        { ACM_REASON_CAA_ERROR,
          "preflight: CAA set at \"example.net\" does not let the CA issue",
          "CAA set at \"example.net\" does not let the CA issue for this "
          "name; add: example.net. CAA 0 issue \"ca.example\"" },
        { ACM_REASON_DOMAIN_VALIDATION_DENIED,
          "authorization invalid: urn:ietf:params:acme:error:connection: "
          "192.0.2.7: Fetching http://www.example.net/.well-known/"
          "acme-challenge/x: Timeout during connect (likely firewall "
          "problem)", "" },
        { ACM_REASON_PCA_LIMIT_EXCEEDED,
          "newOrder: urn:ietf:params:acme:error:rateLimited: too many "
          "certificates (50) already issued for \"example.net\" in the last "
          "168h0m0s", "" },
        { ACM_REASON_PENDING_DOMAIN_VALIDATION, "",
          "\"_acme-challenge.www.example.net\" has no CNAME record: create "
          "\"_acme-challenge.www.example.net. CNAME "
          "k3x5.acm.example.org.\"" }
    };

    size_t  n;

    n = (i / 40) % 4;

    c->attempts = (uint32_t) (i % 7 + 1);
    c->reason = troubles[n].reason;
    c->renewal = ACM_RENEWAL_PENDING_AUTO_RENEWAL;
    c->last_error = (char *) (evil ? SHOWN_EVIL : troubles[n].error);
    c->findings = (char *) troubles[n].findings;
    c->last_error_at = *c->last_error ? now - 300 - (int64_t) (i % 5000) : 0;
    c->due = c->not_after ? ACM_DUE_RENEW : ACM_DUE_ISSUE;
    c->due_at = now + 1800 + (int64_t) (i % 5000);
}


/* names holds 3 texts of 128 octets each. */

static inline void
shown_cert(acm_cert_t *c, size_t i, int64_t now, int evil, char names[3][128],
    char **list)
{
    static const char *const  hosts[] = {
        "www", "shop", "api", "mail", "static", "id", "docs"
    };

    memset(c, 0, sizeof(acm_cert_t));

    snprintf(names[0], 128, "%s.site-%zu.example.%s", hosts[i % 7], i,
             (i % 3) ? "com" : "net");
    snprintf(names[1], 128, "site-%zu.example.%s", i, (i % 3) ? "com" : "net");
    snprintf(names[2], 128, "*.intern.site-%zu.example.%s", i,
             (i % 3) ? "com" : "net");

    if (evil && i % 40 == 7) {
        snprintf(names[0], 128, "e%zu%s", i, "<b>\"'&.example.com");
    }

    list[0] = names[0];
    list[1] = names[1];
    list[2] = names[2];

    c->account = (char *) SHOWN_ACCOUNT;
    c->region = (char *) SHOWN_REGION;
    shown_uuid(i, c->uuid);
    c->names = list;
    c->nnames = i % 3 + 1;
    c->domain = list[0];
    c->type = (i % 11 == 3) ? ACM_TYPE_IMPORTED : ACM_TYPE_ISSUED;
    c->key = (i % 5) ? ACM_KEY_EC_P256 : ACM_KEY_RSA_2048;
    c->issuer = (char *) ((c->type == ACM_TYPE_IMPORTED) ? ""
                          : (i % 4) ? "letsencrypt" : "letsencrypt other");
    c->issued_by = (char *) ((i % 4) ? "letsencrypt" : "other");
    c->last_error = (char *) "";
    c->findings = (char *) "";
    c->subject = (char *) "CN=example";
    c->issuer_dn = (char *) "CN=Example CA X3,O=Example,C=NL";
    c->serial = (char *) "03:a1:5f:00:17:2c:99:e2:71:5b:3f:44:0b:21:c8:9d";
    c->sigalg = (char *) "ecdsa-with-SHA256";
    c->created_at = now - 40 * 86400 - (int64_t) (i % 1000);
    c->status = ACM_STATUS_ISSUED;
    c->version = 3;
    c->not_before = now - (int64_t) (i * 7919 % (60 * 86400)) - 3600;
    c->not_after = c->not_before + 90 * 86400;
    c->issued_at = c->not_before;
    c->due = ACM_DUE_RENEW;
    c->due_at = c->not_before + 60 * 86400;
    c->renew_at = c->due_at;

    if (c->type == ACM_TYPE_IMPORTED) {
        c->due = ACM_DUE_EXPIRE;
        c->due_at = c->not_after;
        c->renew_at = 0;
        c->issued_by = (char *) "";
        c->imported_at = c->not_before;
    }

    if (i % 97 == 50) {
        c->status = ACM_STATUS_PENDING_VALIDATION;
        c->version = 0;
        c->not_before = c->not_after = c->issued_at = c->renew_at = 0;
        c->due = ACM_DUE_ISSUE;
        c->due_at = now + 600;
    }

    if (i % 40 == 7) {
        shown_trouble(c, i, now, evil);

        if (c->not_after && i % 80 == 7) {
            c->not_after = now + (int64_t) (i % 9) * 86400 - 4000;
            c->not_before = c->not_after - 90 * 86400;
        }
    }
}


/* Record and indexes of one certificate. */

static inline void
shown_put(acm_batch_t *batch, const acm_cert_t *c)
{
    acm_batch_cert(batch, c);
    acm_batch_indices(batch, c, 1);
    acm_batch_names(batch, c, 1);
    acm_state_count(batch, 1);
}


/* The certificates from "from" to before "to". */

static inline acm_rc_t
shown_store(acm_store_t *store, size_t from, size_t to, int64_t now, int evil,
    acm_err_t *err)
{
    char          names[3][128], *list[3];
    size_t        i;
    acm_rc_t      rc;
    acm_cert_t    cert;
    acm_batch_t   batch;

    rc = ACM_OK;
    acm_batch_init(&batch);

    for (i = from; rc == ACM_OK && i < to; i++) {
        shown_cert(&cert, i, now, evil, names, list);
        shown_put(&batch, &cert);

        if (i + 1 == to || (i - from) % SHOWN_PER_BATCH
                           == SHOWN_PER_BATCH - 1)
        {
            rc = acm_commit(store, &batch, err);
            acm_batch_free(&batch);
            acm_batch_init(&batch);
        }
    }

    acm_batch_free(&batch);

    return rc;
}


#endif /* _FILL_SHOWN_H_INCLUDED_ */
