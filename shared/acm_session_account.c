
/*
 * Copyright (C) The ngx_acm authors
 *
 * Our account at a CA: registration (RFC 8555 s7.3), contacts, a new key
 * (s7.3.5), deactivation (s7.3.6).  What is to be asked is found from the
 * record each time, so that it goes on where a crash broke it off.
 */


#include <stdio.h>
#include <string.h>

#include "acm_persist.h"
#include "acm_session_impl.h"


static acm_rc_t acm_session_load(acm_session_t *s);
static acm_rc_t acm_session_open(acm_session_t *s);
static acm_session_ask_e acm_session_wanted(acm_session_t *s);
static void acm_session_refused(acm_session_t *s, acm_session_ask_e ask,
    acm_call_t *call);
static void acm_session_key_unknown(acm_session_t *s);
static void acm_session_granted(acm_session_t *s, acm_session_ask_e ask,
    acm_call_t *call);
static void acm_session_registered(acm_session_t *s, acm_call_t *call);
static void acm_session_status(acm_session_t *s, acm_call_t *call);
static void acm_session_unchanged(acm_session_t *s);
static void acm_session_rolled(acm_session_t *s);
static void acm_session_forgotten(acm_session_t *s);
static void acm_session_dead(acm_session_t *s, const char *why);
static int acm_session_learned(acm_session_t *s);


acm_rc_t
acm_session_ready(acm_session_t *s)
{
    acm_rc_t           rc;
    acm_session_ask_e  ask;

    if (s->asking != ACM_SESSION_NOTHING) {

        if (s->have_account) {

            /* its call waits for a nonce, or for the CA: what is in the store
               by now is read after the answer, which is of this account */

            return ACM_OK;
        }

        acm_session_cancel(s, &s->ask);

        s->asking = ACM_SESSION_NOTHING;
        s->ask.session = NULL;
    }

    rc = acm_session_load(s);

    if (rc != ACM_OK) {
        return rc;
    }

    if (acm_session_learned(s)) {
        rc = acm_session_save(s);

        return (rc == ACM_OK) ? acm_session_ready(s) : rc;
    }

    ask = acm_session_wanted(s);

    if (ask == ACM_SESSION_NOTHING) {

        if (s->account.status == ACM_ACCOUNT_DEACTIVATED) {
            acm_session_dead(s, "the account is deactivated");
            return ACM_DENIED;
        }

        return ACM_OK;
    }

    return acm_session_ask(s, ask);
}


/*
 * What records of dns-account-01 and dns-persist-01 are made of goes into the
 * account's record, for those that do not speak to the CA.  1: has changed.
 */

static int
acm_session_learned(acm_session_t *s)
{
    char            cas[ACM_MAX_PERSIST_CAS];
    size_t          i;
    uint32_t        methods;
    acm_account_t  *a;

    a = &s->account;
    methods = 0;
    cas[0] = '\0';

    for (i = 0; i < s->conf.issuer->nmethods; i++) {
        methods |= (uint32_t) s->conf.issuer->methods[i];
    }

    methods &= ACM_METHOD_DNS_ACCOUNT_01 | ACM_METHOD_DNS_PERSIST_01;

    if (methods & ACM_METHOD_DNS_PERSIST_01) {
        for (i = 0; i < s->directory.nidentities; i++) {
            acm_persist_add(cas, s->directory.identities[i]);
        }
    }

    if (*a->url == '\0' || a->status == ACM_ACCOUNT_DEACTIVATED
        || (a->methods == methods && strcmp(a->cas, cas) == 0)
        || acm_session_text(&a->cas, cas) != ACM_OK)
    {
        return 0;
    }

    a->methods = methods;

    return 1;
}


int
acm_session_rolling(acm_session_t *s)
{
    return s->have_account && s->account.next.len != 0;
}


int
acm_session_idle(acm_session_t *s)
{
    acm_store_t  *store;

    store = acm_keyring_store(s->conf.ring);

    if (s->generation == acm_store_generation(store)
        && !acm_session_rolling(s))
    {
        return 1;
    }

    return acm_session_load(s) != ACM_OK
           || acm_session_wanted(s) == ACM_SESSION_NOTHING;
}


/* The record, again when the store has changed: acmctl may have a wish. */

static acm_rc_t
acm_session_load(acm_session_t *s)
{
    acm_rc_t        rc;
    uint64_t        generation, revision;
    acm_err_t       err;
    acm_snap_t     *snap;
    acm_store_t    *store;
    acm_account_t   a;

    err.text[0] = '\0';
    store = acm_keyring_store(s->conf.ring);
    generation = acm_store_generation(store);

    if (s->have_account && s->generation == generation) {
        return ACM_OK;
    }

    rc = acm_store_begin(store, &snap, &err);

    if (rc == ACM_OK) {
        rc = acm_account_get(snap, s->conf.issuer->name, s->conf.directory,
                             &a, &revision);
        acm_store_end(snap);

        if (rc != ACM_OK && rc != ACM_NOTFOUND) {
            (void) acm_fail(&err, rc, "the account at issuer \"%s\" cannot "
                            "be read: %s", s->conf.issuer->name,
                            acm_rc_text(rc));
        }
    }

    if (rc == ACM_OK && s->have_account && revision == s->revision) {
        acm_account_free(&a);
        s->generation = generation;
        return ACM_OK;
    }

    if (rc == ACM_NOTFOUND) {

        if (s->have_account) {
            acm_session_forgotten(s);
        }

        if (s->queue == NULL && !s->needed) {

            /* nobody needs one yet */

            s->generation = generation;
            return ACM_BUSY;
        }

        rc = acm_account_create(s->conf.ring, s->conf.issuer,
                                s->conf.directory, acm_now(), &a, &err);

        /* its revision is read in the next round */

        if (rc == ACM_OK) {
            acm_account_free(&a);
            return acm_session_load(s);
        }
    }

    if (rc != ACM_OK) {
        acm_session_fault(s, ACM_FAULT_CA, &err);
        return rc;
    }

    if (s->have_account) {
        acm_account_free(&s->account);
    }

    s->account = a;
    s->revision = revision;
    s->generation = generation;
    s->have_account = 1;

    return acm_session_open(s);
}


static acm_rc_t
acm_session_open(acm_session_t *s)
{
    acm_rc_t   rc;
    acm_err_t  err;

    EVP_PKEY_free(s->pkey);
    EVP_PKEY_free(s->next_key);

    s->pkey = NULL;
    s->next_key = NULL;
    err.text[0] = '\0';

    rc = acm_account_key(s->conf.ring, &s->account, 0, &s->pkey, &err);

    if (rc == ACM_OK) {
        rc = acm_jwk_thumbprint(s->pkey, s->thumbprint, &err);
    }

    if (rc == ACM_OK && s->account.next.len != 0) {
        rc = acm_account_key(s->conf.ring, &s->account, 1, &s->next_key,
                             &err);
    }

    if (rc != ACM_OK) {
        acm_account_free(&s->account);
        s->have_account = 0;
        acm_session_fault(s, ACM_FAULT_CA, &err);
    }

    return rc;
}


acm_rc_t
acm_session_save(acm_session_t *s)
{
    acm_rc_t      rc;
    acm_err_t     err;
    acm_store_t  *store;

    err.text[0] = '\0';
    store = acm_keyring_store(s->conf.ring);

    rc = acm_account_put(store, &s->account, s->revision, &err);

    /* whatever happened: what counts is what is in the store */

    acm_account_free(&s->account);
    s->have_account = 0;

    if (rc != ACM_OK && rc != ACM_CONFLICT) {
        acm_session_fault(s, ACM_FAULT_CA, &err);
        return rc;
    }

    return ACM_OK;
}


static acm_session_ask_e
acm_session_wanted(acm_session_t *s)
{
    char            contacts[ACM_MAX_CONTACT_TEXT + 1];
    acm_account_t  *a;

    a = &s->account;

    if (a->status == ACM_ACCOUNT_DEACTIVATED) {
        return ACM_SESSION_NOTHING;
    }

    if (*a->url == '\0') {
        return (s->queue != NULL || s->needed) ? ACM_SESSION_REGISTER
                                               : ACM_SESSION_NOTHING;
    }

    /* the old key may be dead already: first of all */

    if (a->next.len != 0) {
        return ACM_SESSION_KEY_CHECK;
    }

    if (s->suspect) {
        return ACM_SESSION_STATUS;
    }

    /* answers to challenges hold the key's thumbprint: not meanwhile */

    if (a->wish == ACM_ACCOUNT_ROLLOVER && s->held == 0) {
        return ACM_SESSION_KEY_CHANGE;
    }

    if (a->wish == ACM_ACCOUNT_DEACTIVATE) {
        return ACM_SESSION_DEACTIVATION;
    }

    acm_account_contacts(s->conf.issuer, contacts);

    if (s->queue != NULL && !s->contactless
        && strcmp(contacts, a->contacts) != 0)
    {
        return ACM_SESSION_CONTACTS;
    }

    return ACM_SESSION_NOTHING;
}


void
acm_session_asked(acm_call_t *call)
{
    acm_session_t      *s;
    acm_session_ask_e   ask;

    s = call->data;
    ask = s->asking;

    s->asking = ACM_SESSION_NOTHING;
    s->ask.session = NULL;

    if (!s->have_account) {

        /* lost since: the answer is of an account that is no more */

    } else if (call->rc == ACM_OK) {
        acm_session_granted(s, ask, call);

    } else {
        acm_session_refused(s, ask, call);
    }

    if (s->asking == ACM_SESSION_NOTHING) {
        acm_call_reset(call);
    }
}


static void
acm_session_granted(acm_session_t *s, acm_session_ask_e ask,
    acm_call_t *call)
{
    char  contacts[ACM_MAX_CONTACT_TEXT + 1];

    s->fails = 0;
    s->error.text[0] = '\0';

    switch (ask) {

    case ACM_SESSION_NOTHING:
        return;

    case ACM_SESSION_REGISTER:
        acm_session_registered(s, call);
        return;

    case ACM_SESSION_CONTACTS:
        acm_account_contacts(s->conf.issuer, contacts);

        if (acm_session_text(&s->account.contacts, contacts) == ACM_OK) {
            (void) acm_session_save(s);
        }

        return;

    case ACM_SESSION_STATUS:
        acm_session_status(s, call);
        return;

    case ACM_SESSION_KEY_CHANGE:
    case ACM_SESSION_KEY_CHECK:
        acm_session_rolled(s);
        return;

    case ACM_SESSION_DEACTIVATION:
        s->account.status = ACM_ACCOUNT_DEACTIVATED;
        s->account.wish = ACM_ACCOUNT_NOTHING;
        (void) acm_session_save(s);
        acm_session_report(s, 0, "the account was deactivated");
        return;
    }
}


static void
acm_session_registered(acm_session_t *s, acm_call_t *call)
{
    char               contacts[ACM_MAX_CONTACT_TEXT + 1];
    acm_rc_t           rc;
    acm_err_t          err;
    acm_account_t     *a;
    acm_acme_status_e  status;

    a = &s->account;
    status = ACM_ACME_VALID;

    if (call->http->location == NULL
        || !acm_http_url_ok(call->http->location))
    {
        (void) acm_fail(&err, ACM_INVALID, "the CA made an account, but gave "
                        "no valid Location of it");
        acm_session_fault(s, ACM_FAULT_CA, &err);
        return;
    }

    if (acm_session_foreign(s, call->http->location)) {

        /* kept, it would be refused whenever it is asked for */

        (void) acm_fail(&err, ACM_DENIED, "the CA made an account with an URL "
                        "of another host, which \"same_origin\" forbids: "
                        "%.200s", call->http->location);
        acm_session_fault(s, ACM_FAULT_CA, &err);
        return;
    }

    /* some CAs leave the body out when the account was there before */

    if (acm_acme_status(call->http, &status, &err) == ACM_OK
        && status != ACM_ACME_VALID)
    {
        a->status = ACM_ACCOUNT_DEACTIVATED;
        (void) acm_session_save(s);
        return;
    }

    acm_account_contacts(s->conf.issuer, contacts);

    rc = acm_session_text(&a->url, call->http->location);

    if (rc == ACM_OK && call->http->status == 201) {
        rc = acm_session_text(&a->contacts, contacts);
    }

    if (rc != ACM_OK) {
        (void) acm_fail(&err, rc, "no memory for an account");
        acm_session_fault(s, ACM_FAULT_CA, &err);
        return;
    }

    a->status = ACM_ACCOUNT_VALID;

    if (a->wish == ACM_ACCOUNT_DEACTIVATE) {

        /* of the one that the CA knew before, not of this one */

        a->wish = ACM_ACCOUNT_NOTHING;
    }

    acm_session_report(s, 0, "account \"%.200s\" registered", a->url);

    (void) acm_session_save(s);
}


static void
acm_session_status(acm_session_t *s, acm_call_t *call)
{
    acm_err_t          err;
    acm_acme_status_e  status;

    s->suspect = 0;

    if (acm_acme_status(call->http, &status, &err) == ACM_OK
        && status != ACM_ACME_VALID)
    {
        s->account.status = ACM_ACCOUNT_DEACTIVATED;
        (void) acm_session_save(s);

    } else if (acm_session_rolling(s)) {
        acm_session_unchanged(s);
    }
}


/* The CA refused the new key, knows it not, and has the old one. */

static void
acm_session_unchanged(acm_session_t *s)
{
    acm_account_t  *a;

    a = &s->account;

    acm_free(a->next.data);

    a->next.data = NULL;
    a->next.len = 0;
    a->wish = ACM_ACCOUNT_NOTHING;

    (void) acm_session_text(&a->error, s->unchanged.text);

    acm_session_report(s, 1, "%s", s->unchanged.text);
    s->unchanged.text[0] = '\0';

    (void) acm_session_save(s);
}


/* The new key is the CA's: the old one can be forgotten. */

static void
acm_session_rolled(acm_session_t *s)
{
    acm_account_t  *a;

    a = &s->account;

    acm_free(a->sealed.data);

    a->sealed = a->next;
    a->next.data = NULL;
    a->next.len = 0;
    s->unchanged.text[0] = '\0';
    a->version++;
    a->wish = ACM_ACCOUNT_NOTHING;

    (void) acm_session_text(&a->error, "");

    /* in any case: the keys that are open are those before this */

    (void) acm_session_save(s);

    acm_session_report(s, 0, "the account has a new key");
}


static void
acm_session_refused(acm_session_t *s, acm_session_ask_e ask,
    acm_call_t *call)
{
    acm_problem_t  problem;

    problem = call->problem;

    /* no answer, or one that has nothing to do with the question */

    if (problem.fault == ACM_FAULT_CA || problem.fault == ACM_FAULT_LIMIT) {
        acm_session_failed(s, &problem, call->retry_after);
        return;
    }

    switch (ask) {

    case ACM_SESSION_KEY_CHECK:
        acm_session_key_unknown(s);
        return;

    case ACM_SESSION_KEY_CHANGE:

        /* a request that came twice is refused the second time */

        (void) acm_fail(&s->unchanged, ACM_DENIED, "%s",
                        (problem.text[0] == '\0') ? "the CA refused a new "
                        "account key" : problem.text);
        (void) acm_session_ask(s, ACM_SESSION_KEY_CHECK);
        return;

    case ACM_SESSION_DEACTIVATION:
        s->account.wish = ACM_ACCOUNT_NOTHING;

        (void) acm_session_text(&s->account.error, problem.text);
        (void) acm_session_save(s);

        acm_session_report(s, 1, "%s", problem.text);
        return;

    case ACM_SESSION_STATUS:

        if (problem.type == ACM_PROBLEM_ACCOUNT_DOES_NOT_EXIST) {
            s->suspect = 0;
            acm_session_account_lost(s);
            return;
        }

        s->suspect = 0;

        if (problem.type == ACM_PROBLEM_UNAUTHORIZED
            && !acm_session_rolling(s))
        {
            /* RFC 8555 s7.3.6: that is what a dead account is told */

            s->account.status = ACM_ACCOUNT_DEACTIVATED;
            (void) acm_session_save(s);
        }

        break;

    case ACM_SESSION_CONTACTS:

        if (problem.type == ACM_PROBLEM_ACCOUNT_DOES_NOT_EXIST) {
            acm_session_account_lost(s);
            return;
        }

        if (problem.type == ACM_PROBLEM_INVALID_CONTACT
            || problem.type == ACM_PROBLEM_UNSUPPORTED_CONTACT)
        {
            /* the account is as good as it was: renewals must not stop */

            s->contactless = 1;
            acm_session_report(s, 1, "the contacts stay as they were: %s",
                               problem.text);
            return;
        }

        break;

    case ACM_SESSION_NOTHING:
    case ACM_SESSION_REGISTER:
        break;
    }

    problem.fault = ACM_FAULT_ACCOUNT;

    acm_session_failed(s, &problem, call->retry_after);
}


/* The CA does not know the new key yet, or will not have it. */

static void
acm_session_key_unknown(acm_session_t *s)
{
    if (s->directory.key_change == NULL) {
        (void) acm_fail(&s->unchanged, ACM_DENIED, ACM_SESSION_NO_CHANGE);
    }

    if (s->unchanged.text[0] != '\0') {

        /* but has it the old one? */

        (void) acm_session_ask(s, ACM_SESSION_STATUS);

    } else if (acm_session_ask(s, ACM_SESSION_KEY_CHANGE) == ACM_OK) {
        acm_session_report(s, 0, "asking for a new account key");
    }
}


/* An operator did that, and nothing of the old account counts any more. */

static void
acm_session_forgotten(acm_session_t *s)
{
    acm_account_free(&s->account);
    s->have_account = 0;
    s->unchanged.text[0] = '\0';

    if (s->dead) {
        s->dead = 0;
        s->fails = 0;
        s->blocked = 0;
        s->error.text[0] = '\0';
    }
}


/*
 * Only an operator can mend that.  Nobody is asked to find it out again, so
 * it need not be long until then.
 */

static void
acm_session_dead(acm_session_t *s, const char *why)
{
    acm_err_t  err;

    (void) acm_fail(&err, ACM_DENIED, "%s: remove it with \"acmctl account "
                    "forget %s\" to make a new one", why,
                    s->conf.issuer->name);

    s->dead = 1;
    s->fails = ACM_SESSION_DEAD;

    acm_session_fault(s, ACM_FAULT_ACCOUNT, &err);
}


void
acm_session_account_lost(acm_session_t *s)
{
    if (!s->have_account || *s->account.url == '\0') {
        return;
    }

    s->account.status = ACM_ACCOUNT_NEW;
    s->unchanged.text[0] = '\0';

    if (acm_session_text(&s->account.url, "") == ACM_OK) {
        acm_session_report(s, 1, "the CA does not know our account: "
                           "registering it again");
        (void) acm_session_save(s);
    }
}


void
acm_session_account_suspect(acm_session_t *s)
{
    s->suspect = 1;
}


acm_rc_t
acm_session_text(char **slot, const char *text)
{
    char  *copy;

    copy = acm_strdup(text);

    if (copy == NULL) {
        return ACM_NOMEM;
    }

    acm_free(*slot);
    *slot = copy;

    return ACM_OK;
}
