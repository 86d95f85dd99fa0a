
/*
 * Copyright (C) The ngx_acm authors
 */


#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acm_dns_check.h"


static acm_rc_t acm_check_init(acm_dns_check_t *check, const char *name);
static const char *acm_check_last(const acm_dns_check_t *check);
static acm_dns_check_e acm_check_finding(acm_dns_check_t *check,
    acm_dns_check_e state, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void acm_check_unanswered(acm_dns_check_t *check, const char *why);
static void acm_check_chain(acm_dns_check_t *check, const acm_dns_msg_t *msg);
static void acm_check_chain_end(acm_dns_check_t *check);
static void acm_check_zone(acm_dns_check_t *check, const acm_dns_msg_t *msg);
static void acm_check_server(acm_dns_check_t *check,
    const acm_dns_msg_t *msg);
static void acm_check_add(acm_dns_check_t *check, const acm_dns_record_t *r);
static void acm_check_server_next(acm_dns_check_t *check);
static void acm_check_txt(acm_dns_check_t *check, const acm_dns_msg_t *msg);
static int acm_check_txt_is(const acm_dns_check_t *check,
    const acm_dns_record_t *r);
static void acm_check_txt_silent(acm_dns_check_t *check, const char *why);
static void acm_check_txt_next(acm_dns_check_t *check);
static void acm_check_result(acm_dns_check_t *check);
static void acm_check_address(acm_dns_check_t *check,
    const acm_dns_msg_t *msg);
static void acm_check_located(acm_dns_check_t *check,
    const acm_dns_msg_t *msg, const char *name);


acm_rc_t
acm_dns_check_txt(acm_dns_check_t *check, const char *name,
    const char *target, const char *value)
{
    char      normal[ACM_MAX_DNS_NAME + 1];
    acm_rc_t  rc;

    rc = acm_check_init(check, name);

    if (rc != ACM_OK) {
        return rc;
    }

    check->step = ACM_CHECK_CHAIN;
    check->value = value;

    if (target == NULL) {
        return ACM_OK;
    }

    rc = acm_dns_name(target, normal);

    if (rc == ACM_OK) {
        check->target = acm_strdup(normal);
        rc = (check->target == NULL) ? ACM_NOMEM : ACM_OK;
    }

    if (rc != ACM_OK) {
        acm_dns_check_free(check);
    }

    return rc;
}


acm_rc_t
acm_dns_check_persist(acm_dns_check_t *check, const char *name,
    const acm_persist_t *persist, const char *value)
{
    acm_rc_t  rc;

    rc = acm_dns_check_txt(check, name, NULL, value);

    check->persist = *persist;

    return rc;
}


acm_rc_t
acm_dns_addresses(acm_dns_check_t *check, const char *name)
{
    acm_rc_t  rc;

    rc = acm_check_init(check, name);

    check->step = ACM_CHECK_ADDRESS;
    check->type = ACM_DNS_A;

    return rc;
}


static acm_rc_t
acm_check_init(acm_dns_check_t *check, const char *name)
{
    char  normal[ACM_MAX_DNS_NAME + 1];

    memset(check, 0, sizeof(acm_dns_check_t));

    /* final, until all is there */

    check->state = ACM_CHECK_FAILED;

    if (acm_dns_name(name, normal) != ACM_OK || strcmp(normal, ".") == 0) {
        return ACM_INVALID;
    }

    check->chain[0] = acm_strdup(normal);
    if (check->chain[0] == NULL) {
        return ACM_NOMEM;
    }

    check->nchain = 1;
    check->state = ACM_CHECK_ASK;

    return ACM_OK;
}


void
acm_dns_check_free(acm_dns_check_t *check)
{
    size_t  i;

    if (check == NULL) {
        return;
    }

    for (i = 0; i < check->nchain; i++) {
        acm_free(check->chain[i]);
    }

    for (i = 0; i < check->nservers; i++) {
        acm_free(check->servers[i].name);
    }

    acm_free(check->target);

    memset(check, 0, sizeof(acm_dns_check_t));
    check->state = ACM_CHECK_FAILED;
}


static const char *
acm_check_last(const acm_dns_check_t *check)
{
    return check->chain[check->nchain - 1];
}


int
acm_dns_check_next(const acm_dns_check_t *check, acm_dns_ask_t *ask)
{
    const acm_dns_server_t  *server;

    if (check->state != ACM_CHECK_ASK) {
        return 0;
    }

    server = &check->servers[check->server];
    ask->server = NULL;
    ask->name = acm_check_last(check);

    switch (check->step) {

    case ACM_CHECK_CHAIN:
        ask->type = ACM_DNS_CNAME;
        break;

    case ACM_CHECK_ZONE:
        ask->name = check->zone;
        ask->type = ACM_DNS_NS;
        break;

    case ACM_CHECK_SERVER:
        ask->name = server->name;
        ask->type = check->type;
        break;

    case ACM_CHECK_TXT:
        ask->server = server->addr[check->addr];
        ask->type = ACM_DNS_TXT;
        break;

    case ACM_CHECK_ADDRESS:
        ask->type = check->type;
        break;
    }

    return 1;
}


acm_dns_check_e
acm_dns_check_answer(acm_dns_check_t *check, acm_rc_t rc,
    const uint8_t *wire, size_t len, const char *why)
{
    acm_err_t      err;
    acm_dns_ask_t  ask;
    acm_dns_msg_t  msg;

    if (!acm_dns_check_next(check, &ask)) {
        return check->state;
    }

    if (rc != ACM_OK) {
        acm_check_unanswered(check, (why != NULL) ? why : acm_rc_text(rc));
        return check->state;
    }

    err.text[0] = '\0';
    rc = acm_dns_reply(wire, len, ask.name, ask.type, &msg, &err);

    if (rc != ACM_OK) {
        acm_check_unanswered(check, (err.text[0] != '\0') ? err.text
                                                          : acm_rc_text(rc));
        return check->state;
    }

    check->tries = 0;

    switch (check->step) {
    case ACM_CHECK_CHAIN:
        acm_check_chain(check, &msg);
        break;
    case ACM_CHECK_ZONE:
        acm_check_zone(check, &msg);
        break;
    case ACM_CHECK_SERVER:
        acm_check_server(check, &msg);
        break;
    case ACM_CHECK_TXT:
        acm_check_txt(check, &msg);
        break;
    case ACM_CHECK_ADDRESS:
        acm_check_address(check, &msg);
        break;
    }

    acm_dns_msg_free(&msg);

    return check->state;
}


static acm_dns_check_e
acm_check_finding(acm_dns_check_t *check, acm_dns_check_e state,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);

    if (vsnprintf(check->text, sizeof(check->text), fmt, args) < 0) {
        check->text[0] = '\0';
    }

    va_end(args);

    check->state = state;

    return state;
}


static void
acm_check_unanswered(acm_dns_check_t *check, const char *why)
{
    const char        *name;
    acm_dns_ask_t      ask;
    acm_dns_server_t  *server;

    if (check->step == ACM_CHECK_TXT) {
        acm_check_txt_silent(check, why);
        return;
    }

    check->tries++;

    if (check->tries < ACM_MAX_CHECK_TRIES) {
        return;
    }

    check->tries = 0;

    if (check->step == ACM_CHECK_SERVER) {
        server = &check->servers[check->server];
        (void) snprintf(server->why, sizeof(server->why),
                        "no address: %.40s", why);
        acm_check_server_next(check);
        return;
    }

    name = acm_check_last(check);
    (void) acm_dns_check_next(check, &ask);

    (void) acm_check_finding(check, ACM_CHECK_FAILED,
                             "DNS lookup for \"%.253s\" failed at "
                             "\"%.253s\": %.200s; check the resolver and the "
                             "name servers of the domain", name, ask.name,
                             why);
}


/* A name is asked for its CNAME only: a resolver that has not seen the TXT
   record must not remember so. */

static void
acm_check_chain(acm_dns_check_t *check, const acm_dns_msg_t *msg)
{
    size_t                   i;
    const acm_dns_record_t  *r;

    i = 0;
    r = acm_dns_record(msg, acm_check_last(check), ACM_DNS_CNAME, &i);

    if (r == NULL) {
        acm_check_chain_end(check);
        return;
    }

    for (i = 0; i < check->nchain; i++) {
        if (strcmp(check->chain[i], r->name) == 0) {
            (void) acm_check_finding(check, ACM_CHECK_FAILED,
                                     "the CNAME of \"%.253s\" leads to "
                                     "\"%.253s\", which leads back to it: "
                                     "remove the loop",
                                     acm_check_last(check), r->name);
            return;
        }
    }

    if (check->nchain == ACM_MAX_CHECK_CNAMES + 1) {
        (void) acm_check_finding(check, ACM_CHECK_FAILED,
                                 "more than %d CNAME records lead from "
                                 "\"%.253s\" on: let it point to the last "
                                 "one directly", ACM_MAX_CHECK_CNAMES,
                                 check->chain[0]);
        return;
    }

    check->chain[check->nchain] = acm_strdup(r->name);

    if (check->chain[check->nchain] == NULL) {
        (void) acm_check_finding(check, ACM_CHECK_WAIT, "out of memory");
        return;
    }

    check->nchain++;
}


static void
acm_check_chain_end(acm_dns_check_t *check)
{
    const char  *last;

    last = acm_check_last(check);

    if (check->target != NULL && strcmp(check->target, last) != 0) {
        if (check->nchain == 1) {
            (void) acm_check_finding(check, ACM_CHECK_FAILED,
                                     "\"%.253s\" has no CNAME record: create "
                                     "\"%.253s. CNAME %.253s.\"", last, last,
                                     check->target);

        } else {
            (void) acm_check_finding(check, ACM_CHECK_FAILED,
                                     "the CNAME record of \"%.200s\" leads to "
                                     "\"%.200s\": change it to \"%.200s. "
                                     "CNAME %.200s.\"", check->chain[0], last,
                                     check->chain[0], check->target);
        }

        return;
    }

    check->step = ACM_CHECK_ZONE;
    check->zone = last;
}


static void
acm_check_zone(acm_dns_check_t *check, const acm_dns_msg_t *msg)
{
    size_t                   i, n;
    const acm_dns_record_t  *r;

    i = 0;

    for (r = acm_dns_record(msg, check->zone, ACM_DNS_NS, &i);
         r != NULL && check->nservers < ACM_MAX_DNS_SERVERS;
         r = acm_dns_record(msg, check->zone, ACM_DNS_NS, &i))
    {
        for (n = 0; n < check->nservers; n++) {
            if (strcmp(check->servers[n].name, r->name) == 0) {
                break;
            }
        }

        if (n != check->nservers) {
            continue;
        }

        check->servers[n].name = acm_strdup(r->name);

        if (check->servers[n].name == NULL) {
            (void) acm_check_finding(check, ACM_CHECK_WAIT, "out of memory");
            return;
        }

        check->nservers++;
    }

    if (check->nservers != 0) {
        check->step = ACM_CHECK_SERVER;
        check->type = ACM_DNS_A;
        return;
    }

    check->zone = acm_dns_parent(check->zone);

    if (check->zone == NULL || strcmp(check->zone, ".") == 0) {
        (void) acm_check_finding(check, ACM_CHECK_FAILED,
                                 "no zone has \"%.253s\": no name above it "
                                 "has NS records; register or delegate the "
                                 "domain", acm_check_last(check));
    }
}


static void
acm_check_server(acm_dns_check_t *check, const acm_dns_msg_t *msg)
{
    size_t                   i;
    acm_err_t                err;
    acm_dns_server_t        *server;
    acm_dns_follow_t         f;
    const acm_dns_record_t  *r;

    server = &check->servers[check->server];

    if (acm_dns_follow(msg, server->name, check->type, &f, &err) == ACM_OK) {
        i = 0;

        for (r = acm_dns_record(msg, f.name, check->type, &i);
             r != NULL;
             r = acm_dns_record(msg, f.name, check->type, &i))
        {
            acm_check_add(check, r);
        }
    }

    if (server->naddrs == 0 && server->why[0] == '\0') {
        (void) snprintf(server->why, sizeof(server->why), "no address");
    }

    acm_check_server_next(check);
}


static void
acm_check_add(acm_dns_check_t *check, const acm_dns_record_t *r)
{
    int                af;
    char               text[INET6_ADDRSTRLEN];
    acm_dns_server_t  *server;

    server = &check->servers[check->server];
    af = (r->type == ACM_DNS_A) ? AF_INET : AF_INET6;

    /* half of them for each family: one may have no route here */

    if (server->naddrs == ACM_MAX_SERVER_ADDRS
        || (af == AF_INET && server->naddrs == ACM_MAX_SERVER_ADDRS / 2)
        || inet_ntop(af, r->data, text, sizeof(text)) == NULL)
    {
        return;
    }

    if (check->port == 0) {
        (void) snprintf(server->addr[server->naddrs], ACM_DNS_ADDR_LEN,
                        "%s", text);

    } else {
        (void) snprintf(server->addr[server->naddrs], ACM_DNS_ADDR_LEN,
                        (af == AF_INET) ? "%s:%u" : "[%s]:%u", text,
                        check->port);
    }

    server->naddrs++;
}


static void
acm_check_server_next(acm_dns_check_t *check)
{
    if (check->type == ACM_DNS_A) {
        check->type = ACM_DNS_AAAA;
        return;
    }

    check->type = ACM_DNS_A;
    check->server++;

    if (check->server == check->nservers) {
        check->step = ACM_CHECK_TXT;
        check->server = (size_t) -1;
        acm_check_txt_next(check);
    }
}


static void
acm_check_txt(acm_dns_check_t *check, const acm_dns_msg_t *msg)
{
    size_t                   i;
    const char              *name;
    acm_dns_server_t        *server;
    const acm_dns_record_t  *r;

    if (!msg->aa) {
        acm_check_txt_silent(check, "is not authoritative for it");
        return;
    }

    server = &check->servers[check->server];
    server->state = ACM_SERVER_MISSING;
    server->answered = check->addr;

    name = acm_check_last(check);
    i = 0;

    for (r = acm_dns_record(msg, name, ACM_DNS_TXT, &i);
         r != NULL;
         r = acm_dns_record(msg, name, ACM_DNS_TXT, &i))
    {
        if (acm_check_txt_is(check, r)) {
            server->state = ACM_SERVER_SEEN;
        }
    }

    acm_check_txt_next(check);
}


static int
acm_check_txt_is(const acm_dns_check_t *check, const acm_dns_record_t *r)
{
    if (check->persist.account != NULL) {
        return acm_persist_match(&check->persist, r->data, r->len);
    }

    return r->len == strlen(check->value)
           && memcmp(r->data, check->value, r->len) == 0;
}


/* One address gave nothing: the next of the same server may. */

static void
acm_check_txt_silent(acm_dns_check_t *check, const char *why)
{
    acm_dns_server_t  *server;

    server = &check->servers[check->server];

    (void) snprintf(server->why, sizeof(server->why), "%.*s",
                    ACM_DNS_WHY_LEN - 1, why);

    if (check->addr + 1 < server->naddrs) {
        check->addr++;
        return;
    }

    acm_check_txt_next(check);
}


static void
acm_check_txt_next(acm_dns_check_t *check)
{
    check->addr = 0;

    do {
        check->server++;

        if (check->server == check->nservers) {
            check->server = 0;
            acm_check_result(check);
            return;
        }

    } while (check->servers[check->server].naddrs == 0);
}


static void
acm_check_result(acm_dns_check_t *check)
{
    size_t                   i, missing, seen;
    const acm_dns_server_t  *server, *which;

    missing = 0;
    seen = 0;
    which = &check->servers[0];

    for (i = 0; i < check->nservers; i++) {
        server = &check->servers[i];

        if (server->state == ACM_SERVER_SEEN) {
            seen++;

        } else if (server->state == ACM_SERVER_MISSING) {
            which = server;
            missing++;
        }
    }

    if (missing != 0 && seen == 0 && check->persist.account != NULL) {
        (void) acm_check_finding(check, ACM_CHECK_FAILED,
                                 "no TXT record of \"%.253s\" lets the CA "
                                 "issue for our account%s: create \"%.253s. "
                                 "TXT \"%.1200s\"\"", acm_check_last(check),
                                 check->persist.wildcard
                                 ? ", and wildcards" : "",
                                 acm_check_last(check), check->value);

    } else if (missing != 0) {
        (void) acm_check_finding(check, ACM_CHECK_WAIT,
                                 "name server \"%.200s\" (%s) does not have "
                                 "\"%.253s. TXT \"%.400s\"\", %zu of %zu do: "
                                 "wait, or look why the zone is not updated",
                                 which->name, which->addr[which->answered],
                                 acm_check_last(check), check->value, seen,
                                 check->nservers);

    } else if (seen == 0) {
        (void) acm_check_finding(check, ACM_CHECK_FAILED,
                                 "none of the %zu name servers of zone "
                                 "\"%.200s\" answered for \"%.253s\", "
                                 "\"%.200s\" (%s): %s; check that they run, "
                                 "that port 53 is open for UDP and TCP, and "
                                 "the NS records above the zone",
                                 check->nservers, check->zone,
                                 acm_check_last(check), which->name,
                                 (which->naddrs != 0) ? which->addr[0]
                                                      : "no address",
                                 which->why);

    } else {
        check->state = ACM_CHECK_SEEN;
    }
}


static void
acm_check_address(acm_dns_check_t *check, const acm_dns_msg_t *msg)
{
    acm_err_t         err;
    const char       *name;
    acm_dns_follow_t  f;

    name = acm_check_last(check);

    if (acm_dns_follow(msg, name, check->type, &f, &err) != ACM_OK) {
        (void) acm_check_finding(check, ACM_CHECK_FAILED,
                                 "\"%.253s\" has no address: %.400s; "
                                 "repair the CNAME records", name, err.text);
        return;
    }

    if (f.n != 0) {
        check->state = ACM_CHECK_SEEN;
        acm_check_located(check, msg, f.name);
        return;
    }

    if (check->type == ACM_DNS_A) {
        check->type = ACM_DNS_AAAA;
        return;
    }

    if (f.cnames != 0) {
        (void) acm_check_finding(check, ACM_CHECK_FAILED,
                                 "\"%.253s\" has no address: its CNAME leads "
                                 "to \"%.253s\", which has none: create an A "
                                 "record there, or change the CNAME", name,
                                 f.name);
        return;
    }

    (void) acm_check_finding(check, ACM_CHECK_FAILED,
                             "\"%.253s\" has no address: create an A record, "
                             "\"%.253s. A <address of this server>\"", name,
                             name);
}


static void
acm_check_located(acm_dns_check_t *check, const acm_dns_msg_t *msg,
    const char *name)
{
    int                      af;
    char                     text[INET6_ADDRSTRLEN];
    size_t                   i;
    const acm_dns_record_t  *r;

    i = 0;
    r = acm_dns_record(msg, name, check->type, &i);
    af = (check->type == ACM_DNS_A) ? AF_INET : AF_INET6;

    if (r != NULL && inet_ntop(af, r->data, text, sizeof(text)) != NULL) {
        (void) snprintf(check->address, sizeof(check->address),
                        (af == AF_INET) ? "%s" : "[%s]", text);
    }
}
