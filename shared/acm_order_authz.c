
/*
 * Copyright (C) The ngx_acm authors
 *
 * The authorizations of an order: which challenge is taken on, and why an
 * order failed.
 */


#include <string.h>

#include "acm_name.h"
#include "acm_order_impl.h"
#include "acm_persist.h"


static acm_action_e acm_order_claim(acm_order_t *o,
    const acm_acme_id_t *id);
static int acm_order_taken(const acm_order_t *o, const char *name);
static int acm_order_suits(const char *name, acm_method_e method);
static acm_action_e acm_order_choose(acm_order_t *o,
    const acm_acme_authz_t *m);


acm_action_e
acm_order_next_authz(acm_order_t *o, int64_t ticks)
{
    size_t  i;

    while (o->current < o->nauthz && o->authz[o->current].valid) {
        o->current++;
    }

    if (o->current < o->nauthz) {
        return acm_order_ask(o, o->authz[o->current].url);
    }

    for (i = 0; i < o->nauthz; i++) {
        if (!o->authz[i].valid && !o->authz[i].posted) {
            o->state = ACM_ORDER_PUBLISH;
            return ACM_ACT_PUBLISH;
        }
    }

    /* nothing is left to prove: the order will say so */

    o->state = ACM_ORDER_POLL;

    return acm_order_poll(o, ticks);
}


acm_action_e
acm_order_authz(acm_order_t *o, int64_t ticks)
{
    size_t             i;
    acm_rc_t           rc;
    acm_err_t          err;
    acm_action_e       action;
    const json_t      *error;
    acm_acme_authz_t   m;

    rc = acm_acme_authz(o->call.http, &m, &err);

    if (rc == ACM_NOMEM) {
        return acm_order_scarce(o);
    }

    if (rc != ACM_OK) {
        return acm_order_fail(o, ACM_FAULT_CA, "%s", err.text);
    }

    /* one that is valid may be of any name: nothing is answered for it */

    action = (m.status == ACM_ACME_VALID) ? ACM_ACT_CALL
                                          : acm_order_claim(o, &m.id);

    if (action != ACM_ACT_CALL) {
        json_decref(m.json);
        return action;
    }

    switch (m.status) {

    case ACM_ACME_VALID:

        /* RFC 8555 s7.5.1: proved before */

        o->authz[o->current].valid = 1;
        break;

    case ACM_ACME_PENDING:

        if (!o->authz[o->current].posted) {
            action = acm_order_choose(o, &m);
        }

        break;

    case ACM_ACME_INVALID:
    case ACM_ACME_DEACTIVATED:
    case ACM_ACME_EXPIRED:
    case ACM_ACME_REVOKED:
        error = NULL;

        for (i = 0; i < m.nchallenges; i++) {
            error = (m.challenges[i].error != NULL) ? m.challenges[i].error
                                                    : error;
        }

        acm_acme_error(error, o->authz[o->current].wanted, &o->problem);
        o->state = ACM_ORDER_FAILED;
        action = ACM_ACT_FAILED;
        break;

    case ACM_ACME_READY:
    case ACM_ACME_PROCESSING:
        action = acm_order_fail(o, ACM_FAULT_CA, "the CA's authorization "
                                "has a status that none has");
        break;
    }

    json_decref(m.json);

    if (action != ACM_ACT_CALL) {
        return action;
    }

    o->current++;

    return acm_order_next_authz(o, ticks);
}


/*
 * Which of the order's names the authorization at hand is for.  Whatever is
 * answered proves to the CA, and to whomever it serves, that a name is ours:
 * it is so only for names that were asked for, and once for each.
 */

static acm_action_e
acm_order_claim(acm_order_t *o, const acm_acme_id_t *id)
{
    int                 twice;
    size_t              i;
    acm_id_e            is, best;
    const char         *name, *found;
    acm_order_authz_t  *a;

    a = &o->authz[o->current];
    best = ACM_ID_OTHER;
    found = NULL;
    twice = 0;

    for (i = 0; i < o->rec.nnames; i++) {
        name = o->rec.names[i];
        is = acm_acme_id(id, name);

        if (is != ACM_ID_OTHER && acm_order_taken(o, name)) {
            twice = 1;

        } else if (is > best) {
            best = is;
            found = name;
        }
    }

    /* read again, it is what it was */

    if (found != NULL && (a->wanted == NULL || a->wanted == found)) {
        a->wanted = found;
        return ACM_ACT_CALL;
    }

    return acm_order_fail(o, ACM_FAULT_CA, "the CA wants to see that %s "
                          "\"%s%s\" is ours, %s",
                          id->type, id->wildcard ? "*." : "", id->name,
                          twice ? "twice in one order"
                                : "which was not ordered");
}


/* By another authorization than the one at hand. */

static int
acm_order_taken(const acm_order_t *o, const char *name)
{
    size_t  i;

    for (i = 0; i < o->nauthz; i++) {
        if (i != o->current && o->authz[i].wanted == name) {
            return 1;
        }
    }

    return 0;
}


/*
 * The first of the issuer's methods that the CA offers; each attempt begins
 * with another one, as the port or record of one may not be reachable.
 */

static acm_action_e
acm_order_choose(acm_order_t *o, const acm_acme_authz_t *m)
{
    char                         cas[ACM_MAX_PERSIST_CAS];
    size_t                       i, n;
    acm_rc_t                     rc;
    acm_method_e                 method;
    acm_order_authz_t           *a;
    const acm_acme_challenge_t  *c;

    a = &o->authz[o->current];
    c = NULL;

    for (n = 0; n < o->issuer->nmethods && c == NULL; n++) {

        method = o->issuer->methods[(n + o->rec.method)
                                    % o->issuer->nmethods];

        if (o->rec.only != ACM_METHOD_NONE) {
            method = (acm_method_e) o->rec.only;
        }

        for (i = 0; i < m->nchallenges; i++) {
            if (m->challenges[i].method == method
                && acm_order_suits(a->wanted, method))
            {
                c = &m->challenges[i];
                break;
            }
        }
    }

    if (c == NULL) {
        return acm_order_fail(o, ACM_FAULT_NAME, "%s: the CA offers none "
                              "of the challenges that are set up: a "
                              "wildcard needs dns-01, an address http-01 or "
                              "tls-alpn-01; see \"challenge\" and "
                              "\"validation_zone\"", a->wanted);
    }

    a->name = a->wanted + ((a->wanted[0] == '*') ? 2 : 0);

    rc = acm_order_text(&a->challenge, c->url);

    if (rc == ACM_OK) {
        rc = acm_order_text(&a->token, (c->token == NULL) ? "" : c->token);
    }

    cas[0] = '\0';
    acm_persist_list(cas, c->issuers);

    if (rc == ACM_OK) {
        rc = acm_order_text(&a->cas, cas);
    }

    if (rc != ACM_OK) {
        return acm_order_scarce(o);
    }

    /* last: with a method it has all that an answer is made of */

    a->method = c->method;

    return ACM_ACT_CALL;
}


/* What proves a host, or an address, says nothing of a whole zone, and an
   address has no zone: RFC 8738 s7. */

static int
acm_order_suits(const char *name, acm_method_e method)
{
    int  host;

    host = (method == ACM_METHOD_HTTP_01 || method == ACM_METHOD_TLS_ALPN_01);

    if (name[0] == '*') {
        return !host;
    }

    return host || !acm_name_is_ip(name, strlen(name));
}


/* The order is invalid and does not say why: an authorization will. */

acm_action_e
acm_order_next_reason(acm_order_t *o)
{
    if (o->current < o->nauthz) {
        return acm_order_ask(o, o->authz[o->current].url);
    }

    if (o->problem.type != ACM_PROBLEM_NONE) {
        o->state = ACM_ORDER_FAILED;
        return ACM_ACT_FAILED;
    }

    return acm_order_fail(o, ACM_FAULT_CA, "the CA made the order invalid "
                          "and gave no reason");
}


acm_action_e
acm_order_reason(acm_order_t *o, int64_t ticks)
{
    acm_err_t         err;
    acm_acme_authz_t  m;

    if (acm_acme_authz(o->call.http, &m, &err) != ACM_OK) {
        o->current++;
        return acm_order_next_reason(o);
    }

    if (m.status == ACM_ACME_VALID || m.status == ACM_ACME_PENDING
        || (o->vague && m.status != ACM_ACME_INVALID))
    {
        json_decref(m.json);
        o->current++;
        return acm_order_next_reason(o);
    }

    json_decref(m.json);

    return acm_order_authz(o, ticks);
}
