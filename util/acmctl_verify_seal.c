
/*
 * Copyright (C) The ngx_acm authors
 *
 * acmctl verify: what is sealed can be opened.
 */


#include <string.h>

#include "../shared/acm_account.h"
#include "../shared/acm_order.h"
#include "acmctl_verify.h"


/* A data key opens if something can be sealed with it. */

void
acmctl_verify_seal(acmctl_verify_t *v, const acm_entry_t *e)
{
    char        name[ACM_MAX_STORE_KEY + 1], *region;
    uint8_t     octet;
    acm_err_t   err;
    acm_str_t   plain, sealed;

    memcpy(name, e->key, e->key_len);
    name[e->key_len] = '\0';

    region = strchr(name, '/');

    if (region == NULL) {
        acmctl_fault(v, "data key \"%s\" has no account and region", name);
        return;
    }

    *region++ = '\0';

    octet = 0;
    plain.data = &octet;
    plain.len = 1;

    if (acm_keyring_seal(v->ctl->ring, v->snap, name, region, "verify", 0,
                         &plain, &sealed, &err)
        != ACM_OK)
    {
        acmctl_fault(v, "%s", err.text);
        return;
    }

    acm_free(sealed.data);
}


void
acmctl_verify_account(acmctl_verify_t *v, const acm_entry_t *e)
{
    int             next;
    acm_rc_t        rc;
    EVP_PKEY       *pkey;
    acm_err_t       err;
    acm_account_t   a;

    rc = acm_account_decode(e->data, e->len, &a);

    if (rc != ACM_OK) {
        acmctl_fault(v, "an account at issuer \"%.*s\" cannot be read: %s",
                     (int) strnlen((const char *) e->key, e->key_len),
                     (const char *) e->key, acm_rc_text(rc));
        return;
    }

    /* the one in use, and the one that is to take its place */

    for (next = 0; next < 2; next++) {

        if (next && a.next.len == 0) {
            continue;
        }

        if (acm_account_open(v->ctl->ring, v->snap, &a, next, &pkey, &err)
            != ACM_OK)
        {
            acmctl_fault(v, "account at issuer \"%s\", directory \"%s\", "
                         "key version %u: %s", a.issuer, a.directory,
                         (unsigned) a.version + (unsigned) next, err.text);
            continue;
        }

        v->keys++;
        EVP_PKEY_free(pkey);
    }

    acm_account_free(&a);
}


void
acmctl_verify_order(acmctl_verify_t *v, const acm_entry_t *e)
{
    char              arn[ACM_MAX_ARN];
    acm_rc_t          rc;
    EVP_PKEY         *pkey;
    acm_err_t         err;
    acm_str_t         key_secret;
    acm_order_rec_t   rec;

    rc = acm_order_decode(e->data, e->len, &rec);

    if (rc != ACM_OK) {
        acmctl_fault(v, "the order of certificate \"%.*s\" cannot be read: "
                     "%s", (int) e->key_len, (const char *) e->key,
                     acm_rc_text(rc));
        return;
    }

    (void) acm_arn_text(arn, rec.account, rec.region, rec.uuid);

    rc = acm_keyring_unseal(v->ctl->ring, v->snap, rec.account, rec.region,
                            arn, rec.version, &rec.sealed, &key_secret,
                            &err);

    if (rc == ACM_OK) {
        rc = acm_key_decode(rec.key, key_secret.data, key_secret.len, &pkey,
                            &err);
        acm_free_secret(key_secret.data, key_secret.len);
    }

    if (rc != ACM_OK) {
        acmctl_fault(v, "the order of certificate %s, its key: %s", rec.uuid,
                     err.text);

    } else {
        v->keys++;
        EVP_PKEY_free(pkey);
    }

    acm_order_rec_free(&rec);
}


void
acmctl_verify_cas(acmctl_verify_t *v)
{
    char          name[ACM_MAX_STORE_KEY + 1];
    size_t        len;
    acm_rc_t      rc;
    acm_ca_t      ca;
    acm_err_t     err;
    acm_entry_t   e;

    len = 0;

    for ( ;; ) {

        if (acm_store_begin(v->ctl->store, &v->snap, &err) != ACM_OK) {
            acmctl_fault(v, "%s", err.text);
            return;
        }

        rc = acm_store_seek(v->snap, ACM_DB_ISSUER, name, len, &e);

        if (rc == ACM_OK || rc == ACM_CORRUPT) {
            len = e.key_len;
            memcpy(name, e.key, len);
            name[len] = '\0';
        }

        acm_store_end(v->snap);

        if (rc == ACM_NOTFOUND) {
            return;
        }

        if (rc != ACM_OK && rc != ACM_CORRUPT) {
            acmctl_fault(v, "map \"%s\" cannot be read to its end: %s",
                         acm_db_name(ACM_DB_ISSUER), acm_rc_text(rc));
            return;
        }

        if (rc != ACM_OK
            || acm_issue_load(v->ctl->ring, name, &ca, NULL, &err) != ACM_OK)
        {
            acmctl_fault(v, "built-in CA \"%s\": %s", name,
                         rc == ACM_OK ? err.text : acm_rc_text(rc));

        } else {
            v->keys += 2;
            acm_ca_free(&ca);
        }

        /* the least key behind this one */
        len++;
    }
}
