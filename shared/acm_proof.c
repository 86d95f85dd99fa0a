
/*
 * Copyright (C) The ngx_acm authors
 *
 * The permanent CNAME record that proves a name for an account.
 */


#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "acm_proof.h"


static int acm_proof_leads(const acm_proof_t *p, const char *name);


void
acm_proof_record(const char *zone, const char *label, const char *name,
    char *owner, char *value)
{
    char      hex[ACM_HASH_LEN + 1], letters[11];
    uint8_t   hash[ACM_HASH_LEN];
    unsigned  i;

    if (name[0] == '*' && name[1] == '.') {
        name += 2;
    }

    if (zone != NULL) {
        (void) snprintf(owner, ACM_MAX_PROOF_OWNER, "_acme-challenge.%s.",
                        name);
        (void) snprintf(value, ACM_MAX_PROOF_VALUE, "%s.%s.", label, zone);
        return;
    }

    memset(hash, 0, sizeof(hash));
    (void) EVP_Q_digest(NULL, "SHA256", NULL, label, ACM_LABEL_LEN, hash,
                        NULL);

    for (i = 0; i < 10; i++) {
        letters[i] = (char) ('a' + hash[ACM_HASH_LEN / 2 + i] % 26);
    }

    letters[10] = '\0';
    (void) acm_hex(hash, ACM_HASH_LEN / 2, hex);

    (void) snprintf(owner, ACM_MAX_PROOF_OWNER, "_%s.%s.", label, name);
    (void) snprintf(value, ACM_MAX_PROOF_VALUE, "_%s.%s.%s.", hex, letters,
                    ACM_PROOF_VALIDATIONS);
}


acm_rc_t
acm_proof_init(acm_proof_t *p, const char *owner, const char *value)
{
    char  normal[ACM_MAX_DNS_NAME + 1];

    memset(p, 0, sizeof(acm_proof_t));

    if (acm_dns_name(owner, p->name) != ACM_OK
        || acm_dns_name(value, normal) != ACM_OK
        || strlen(normal) >= sizeof(p->value))
    {
        return ACM_INVALID;
    }

    memcpy(p->value, normal, strlen(normal) + 1);

    return ACM_OK;
}


acm_rc_t
acm_proof_answer(acm_proof_t *p, const uint8_t *wire, size_t len)
{
    size_t                   i;
    acm_rc_t                 rc;
    acm_err_t                err;
    acm_dns_msg_t            msg;
    const acm_dns_record_t  *r;

    err.text[0] = '\0';
    rc = acm_dns_reply(wire, len, p->name, ACM_DNS_CNAME, &msg, &err);

    if (rc != ACM_OK) {
        (void) snprintf(p->why, sizeof(p->why), "the CNAME of \"%s\" is not "
                        "known: %s", p->name,
                        err.text[0] ? err.text : acm_rc_text(rc));
        return ACM_ERROR;
    }

    i = 0;
    r = acm_dns_record(&msg, p->name, ACM_DNS_CNAME, &i);

    if (r == NULL) {
        (void) snprintf(p->why, sizeof(p->why), "\"%s\" has no CNAME record: "
                        "create one to \"%s\"", p->name, p->value);
        rc = ACM_NOTFOUND;

    } else if (acm_proof_leads(p, r->name)) {
        rc = ACM_OK;

    } else if (++p->cnames == ACM_MAX_PROOF_CNAMES) {
        (void) snprintf(p->why, sizeof(p->why), "more than %d CNAME records, "
                        "the last one of \"%s\", and none leads to \"%s\": "
                        "shorten the chain", ACM_MAX_PROOF_CNAMES, p->name,
                        p->value);
        rc = ACM_NOTFOUND;

    } else {
        (void) snprintf(p->name, sizeof(p->name), "%s", r->name);
        rc = ACM_BUSY;
    }

    acm_dns_msg_free(&msg);

    return rc;
}


/* Some providers refuse a value that begins with "_". */

static int
acm_proof_leads(const acm_proof_t *p, const char *name)
{
    return strcmp(name, p->value) == 0
           || (p->value[0] == '_' && strcmp(name, p->value + 1) == 0);
}


int64_t
acm_proof_wait(const acm_cert_t *cert, int64_t now)
{
    int64_t  age;

    age = (cert->version == 0) ? now - cert->created_at : INT64_MAX;

    if (age / 4 < ACM_PROOF_WAIT) {
        return ACM_PROOF_WAIT;
    }

    return (age / 4 > ACM_PROOF_WAIT_MAX) ? ACM_PROOF_WAIT_MAX : age / 4;
}
