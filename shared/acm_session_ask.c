
/*
 * Copyright (C) The ngx_acm authors
 *
 * What a session asks the CA for its account's own sake: how each request is
 * made, and put before those that wait.
 */


#include "acm_session_impl.h"


static void acm_ask_queue(acm_session_t *s, acm_session_ask_e ask);
static acm_rc_t acm_ask_register(acm_session_t *s, acm_err_t *err);
static acm_rc_t acm_ask_key_change(acm_session_t *s, acm_err_t *err);


acm_rc_t
acm_session_ask(acm_session_t *s, acm_session_ask_e ask)
{
    acm_rc_t     rc;
    acm_err_t    err;
    const char  *url;

    err.text[0] = '\0';

    acm_buf_free(&s->payload);
    acm_buf_init(&s->payload, ACM_MAX_JWS);

    url = s->account.url;
    rc = ACM_OK;

    switch (ask) {

    case ACM_SESSION_NOTHING:
        return ACM_OK;

    case ACM_SESSION_REGISTER:
        url = s->directory.new_account;
        rc = acm_ask_register(s, &err);
        break;

    case ACM_SESSION_CONTACTS:
        rc = acm_acme_contacts(s->conf.issuer->contacts,
                               s->conf.issuer->ncontacts, &s->payload);
        break;

    case ACM_SESSION_STATUS:
    case ACM_SESSION_KEY_CHECK:
        break;

    case ACM_SESSION_KEY_CHANGE:
        url = s->directory.key_change;
        rc = acm_ask_key_change(s, &err);

        if (rc == ACM_BUSY) {

            /* the new key is committed first: look at the record again */

            return acm_session_ready(s);
        }

        break;

    case ACM_SESSION_DEACTIVATION:
        acm_buf_add(&s->payload, "{\"status\":\"deactivated\"}",
                    sizeof("{\"status\":\"deactivated\"}"));
        rc = acm_buf_rc(&s->payload);
        break;
    }

    if (rc == ACM_OK) {
        rc = acm_session_text(&s->ask_url, url);
    }

    if (rc != ACM_OK) {
        if (err.text[0] == '\0') {
            (void) acm_fail(&err, rc, "no memory for a request");
        }

        acm_session_fault(s, ACM_FAULT_ACCOUNT, &err);
        return rc;
    }

    acm_ask_queue(s, ask);

    return ACM_OK;
}


/* Before all calls that wait: they need it. */

static void
acm_ask_queue(acm_session_t *s, acm_session_ask_e ask)
{
    acm_call_t  *call;

    call = &s->ask;

    acm_call_reset(call);

    call->url = s->ask_url;
    call->payload = (s->payload.len == 0) ? NULL : (char *) s->payload.data;
    call->done = acm_session_asked;
    call->data = s;
    call->own = 1;
    call->get = 0;
    call->fresh = (ask == ACM_SESSION_KEY_CHANGE);
    call->jwk = (ask == ACM_SESSION_REGISTER);
    call->session = s;
    call->tries = 0;
    call->sent = 0;
    call->next = s->queue;

    if (s->queue == NULL) {
        s->tail = &call->next;
    }

    s->queue = call;
    s->asking = ask;
}


static acm_rc_t
acm_ask_register(acm_session_t *s, acm_err_t *err)
{
    acm_rc_t             rc;
    acm_buf_t            eab;
    const char          *text;
    const acm_issuer_t  *issuer;

    issuer = s->conf.issuer;
    text = NULL;

    if (s->directory.eab_required && issuer->eab_kid == NULL) {
        return acm_fail(err, ACM_INVALID, "issuer \"%s\" wants an external "
                        "account binding: get a key id and key from the CA "
                        "and set \"eab\"", issuer->name);
    }

    acm_buf_init(&eab, ACM_MAX_JWS);

    rc = ACM_OK;

    if (issuer->eab_kid != NULL) {
        rc = acm_jws_eab(s->pkey, issuer->eab_kid, s->directory.new_account,
                         &issuer->eab_key_secret, &eab, err);
        acm_buf_u8(&eab, '\0');
        text = (char *) eab.data;
    }

    if (rc == ACM_OK) {
        rc = acm_acme_new_account(issuer->contacts, issuer->ncontacts,
                                  issuer->terms, text, &s->payload);
    }

    acm_buf_free(&eab);

    return rc;
}


/* The outer request is signed by the old key, the payload by the new one. */

static acm_rc_t
acm_ask_key_change(acm_session_t *s, acm_err_t *err)
{
    acm_rc_t   rc;
    acm_buf_t  inner;
    acm_jws_t  jws;

    if (s->directory.key_change == NULL) {
        s->account.wish = ACM_ACCOUNT_NOTHING;
        rc = acm_session_text(&s->account.error, ACM_SESSION_NO_CHANGE);
        return (rc == ACM_OK && acm_session_save(s) == ACM_OK) ? ACM_BUSY
                                                               : ACM_ERROR;
    }

    if (s->next_key == NULL) {
        rc = acm_account_next(s->conf.ring, &s->account, err);

        if (rc != ACM_OK) {
            return rc;
        }

        return (acm_session_save(s) == ACM_OK) ? ACM_BUSY : ACM_ERROR;
    }

    acm_buf_init(&inner, ACM_MAX_JWS);

    rc = acm_acme_key_change(s->account.url, s->pkey, &inner, err);

    if (rc == ACM_OK) {
        jws.pkey = s->next_key;
        jws.kid = NULL;
        jws.nonce = NULL;
        jws.url = s->directory.key_change;

        rc = acm_jws_sign(&jws, (char *) inner.data, &s->payload, err);
        acm_buf_u8(&s->payload, '\0');
    }

    acm_buf_free(&inner);

    return (rc == ACM_OK) ? acm_buf_rc(&s->payload) : rc;
}
