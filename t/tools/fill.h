
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates by the thousand, for tests of what shows them: records and
 * indexes without any material.
 */


#ifndef _FILL_H_INCLUDED_
#define _FILL_H_INCLUDED_


#include <stdio.h>
#include <string.h>

#include "acm_record.h"


#define FILL_ACCOUNT   "123456789012"
#define FILL_REGION    "us-east-1"
#define FILL_PER_BATCH 500

#define FILL_EVIL                                                             \
    "<script>alert(1)</script>\"' onload=x & \xe2\x80\xae \xff\x01"


static inline void
fill_uuid(size_t i, char *uuid)
{
    snprintf(uuid, ACM_UUID_LEN + 1, "%08x-0000-4000-8000-0000%08x",
             (unsigned) i * 2654435761u, (unsigned) i);
}


/* One in 40 is stuck, with "evil" by a CA that says what it likes. */

static inline void
fill_trouble(acm_cert_t *c, size_t i, int64_t now, int evil)
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
    c->last_error = (char *) (evil ? FILL_EVIL : troubles[n].error);
    c->findings = (char *) troubles[n].findings;
    c->last_error_at = *c->last_error ? now - 300 - (int64_t) (i % 5000) : 0;
    c->due = c->not_after ? ACM_DUE_RENEW : ACM_DUE_ISSUE;
    c->due_at = now + 1800 + (int64_t) (i % 5000);
}


/* names holds 3 texts of 128 octets each. */

static inline void
fill_cert(acm_cert_t *c, size_t i, int64_t now, int evil, char names[3][128],
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

    c->account = (char *) FILL_ACCOUNT;
    c->region = (char *) FILL_REGION;
    fill_uuid(i, c->uuid);
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
        fill_trouble(c, i, now, evil);

        if (c->not_after && i % 80 == 7) {
            c->not_after = now + (int64_t) (i % 9) * 86400 - 4000;
            c->not_before = c->not_after - 90 * 86400;
        }
    }
}


static inline acm_rc_t
fill_put(acm_batch_t *batch, acm_db_e db, const uint8_t *key, size_t len,
    acm_rc_t rc, acm_buf_t *buf)
{
    if (rc == ACM_OK && len != 0) {
        acm_batch_put(batch, db, key, len, buf->data, buf->len);
        rc = batch->rc;
    }

    acm_buf_free(buf);

    return (len == 0) ? ACM_INVALID : rc;
}


/* Record and indexes of one certificate. */

static inline acm_rc_t
fill_one(acm_batch_t *batch, const acm_cert_t *c)
{
    size_t          i, len;
    uint8_t         key[ACM_MAX_STORE_KEY];
    acm_rc_t        rc;
    acm_buf_t       buf;
    acm_ref_t       ref;
    acm_name_rec_t  name;

    acm_buf_init(&buf, ACM_MAX_STORE_VALUE);
    len = acm_cert_key(key, c->account, c->region, c->uuid);
    rc = acm_cert_encode(c, &buf);
    rc = fill_put(batch, ACM_DB_CERTIFICATE, key, len, rc, &buf);

    memset(&ref, 0, sizeof(acm_ref_t));
    snprintf(ref.account, sizeof(ref.account), "%s", c->account);
    snprintf(ref.region, sizeof(ref.region), "%s", c->region);
    memcpy(ref.uuid, c->uuid, sizeof(ref.uuid));

    if (rc == ACM_OK && c->due != ACM_DUE_NONE) {
        len = acm_due_key(key, c->due_at, c->due, c->uuid);
        rc = acm_ref_encode(&ref, &buf);
        rc = fill_put(batch, ACM_DB_DUE, key, len, rc, &buf);
    }

    if (rc == ACM_OK && c->not_after) {
        len = acm_time_key(key, c->not_after, c->uuid);
        rc = acm_ref_encode(&ref, &buf);
        rc = fill_put(batch, ACM_DB_EXPIRY, key, len, rc, &buf);
    }

    memset(&name, 0, sizeof(acm_name_rec_t));
    memcpy(name.uuid, c->uuid, sizeof(name.uuid));
    name.version = c->version;
    name.key = c->key;
    name.not_before = c->not_before;
    name.not_after = c->not_after;

    for (i = 0; rc == ACM_OK && c->version && i < c->nnames; i++) {
        len = acm_name_key(key, c->names[i], c->key, c->uuid);
        rc = acm_name_rec_encode(&name, &buf);
        rc = fill_put(batch, ACM_DB_NAME, key, len, rc, &buf);
    }

    return rc;
}


/* The certificates from "from" to before "to". */

static inline acm_rc_t
fill_store(acm_store_t *store, size_t from, size_t to, int64_t now, int evil,
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
        fill_cert(&cert, i, now, evil, names, list);
        rc = fill_one(&batch, &cert);

        if (rc == ACM_OK
            && (i + 1 == to || (i - from) % FILL_PER_BATCH
                               == FILL_PER_BATCH - 1))
        {
            rc = acm_store_commit(store, &batch, err);
            acm_batch_free(&batch);
            acm_batch_init(&batch);
        }
    }

    acm_batch_free(&batch);

    return rc;
}


#endif /* _FILL_H_INCLUDED_ */
