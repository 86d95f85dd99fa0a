
/*
 * Copyright (C) The ngx_acm authors
 *
 * acmctl: accounts at CAs, and the DNS records that prove names.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acmctl.h"
#include "../shared/acm_account.h"
#include "../shared/acm_challenge.h"
#include "../shared/acm_name.h"
#include "../shared/acm_persist.h"


#define ACMCTL_MAX_ACCOUNTS  64
#define ACMCTL_NAMES         128             /* read in one snapshot */


/* whose records; zone: NULL if there is none */

typedef struct {
    const char   *zone;
    const char   *domain;
    const char   *label;
    int           wildcard;
} acmctl_dns_t;


/* the directories of one issuer, as one is worked on after the other */

typedef struct {
    const char   *issuer;
    char         *directories[ACMCTL_MAX_ACCOUNTS];
    size_t        n;
} acmctl_accounts_t;


/* names of the account of ctl, which key begins with; read on from there */

typedef struct {
    acm_validation_t  list[ACMCTL_NAMES];
    size_t            n;
    uint8_t           key[ACM_MAX_STORE_KEY + 1];
    size_t            len;
    size_t            prefix;
    int               end;
} acmctl_names_t;


static acm_rc_t acmctl_account_print(void *data, const acm_account_t *a);
static acm_rc_t acmctl_account_note(void *data, const acm_account_t *a);
static int acmctl_account_none(const char *issuer);
static int acmctl_account_wish(acmctl_t *ctl, const char *verb,
    const char *issuer);
static int acmctl_dns_name(acmctl_t *ctl, const char *zone,
    const char *name);
static int acmctl_dns_all(acmctl_t *ctl, const char *zone);
static int acmctl_dns_slice(acmctl_t *ctl, acmctl_names_t *names);
static acm_rc_t acmctl_dns_count(void *data, const acm_account_t *a);
static int acmctl_dns_print(acmctl_t *ctl, const char *zone,
    const char *domain, const char *label);
static acm_rc_t acmctl_dns_account(void *data, const acm_account_t *a);
static void acmctl_dns_txt(const char *domain, const acm_account_t *a,
    int wildcard);


int
acmctl_account(acmctl_t *ctl, int argc, char **argv)
{
    int        rc;
    acm_err_t  err;

    if (argc == 1 || (argc == 2 && strcmp(argv[1], "list") == 0)) {
        rc = acmctl_open(ctl, 0, 0);

        if (rc == ACMCTL_OK
            && acm_account_each(ctl->store, acmctl_account_print, NULL,
                                &err)
               != ACM_OK)
        {
            rc = acmctl_fail("%s", err.text);
        }

        return rc;
    }

    if (argc != 3 || (strcmp(argv[1], "rollover") != 0
                      && strcmp(argv[1], "deactivate") != 0
                      && strcmp(argv[1], "forget") != 0))
    {
        return ACMCTL_USAGE;
    }

    rc = acmctl_open(ctl, 0, 0);

    if (rc != ACMCTL_OK) {
        return rc;
    }

    if (strcmp(argv[1], "forget") != 0) {
        return acmctl_account_wish(ctl, argv[1], argv[2]);
    }

    switch (acm_account_forget(ctl->store, argv[2], NULL, &err)) {

    case ACM_OK:
        return ACMCTL_OK;

    case ACM_NOTFOUND:
        return acmctl_account_none(argv[2]);

    default:
        return acmctl_fail("%s", err.text);
    }
}


static int
acmctl_account_none(const char *issuer)
{
    return acmctl_fail("no account at issuer \"%s\": it is made with the "
                       "first order", issuer);
}


/* At each directory of the issuer. */

static int
acmctl_account_wish(acmctl_t *ctl, const char *verb, const char *issuer)
{
    int                  rc, go;
    size_t               i;
    acm_rc_t             code;
    acm_err_t            err;
    acmctl_accounts_t    found;
    acm_account_wish_e   wish;

    wish = (strcmp(verb, "rollover") == 0) ? ACM_ACCOUNT_ROLLOVER
                                           : ACM_ACCOUNT_DEACTIVATE;

    memset(&found, 0, sizeof(acmctl_accounts_t));
    found.issuer = issuer;

    code = acm_account_each(ctl->store, acmctl_account_note, &found, &err);

    /* one that cannot be read may be another issuer's */

    go = (code == ACM_OK || code == ACM_CORRUPT) && found.n != 0;

    rc = go ? ACMCTL_OK
         : (code == ACM_OK) ? acmctl_account_none(issuer)
                            : acmctl_fail("%s", err.text);

    for (i = 0; i < found.n; i++) {
        if (go && acm_account_wish(ctl->store, issuer, found.directories[i],
                                   wish, &err)
                  != ACM_OK)
        {
            rc = acmctl_fail("%s", err.text);
        }

        acm_free(found.directories[i]);
    }

    return rc;
}


static acm_rc_t
acmctl_account_print(void *data, const acm_account_t *a)
{
    char  created[32];

    static const char *const  states[] = {
        "unknown", "new", "valid", "deactivated"
    };

    (void) data;
    (void) acm_time_text(a->created_at, created);

    printf("%s\n", a->issuer);
    printf("  directory  %s\n", a->directory);
    printf("  status     %s\n", states[a->status]);
    printf("  url        %s\n", a->url);
    printf("  contacts   %s\n", a->contacts);
    printf("  key        %s, version %u\n", acm_key_text(a->key),
           (unsigned) a->version);
    printf("  created    %s\n", created);

    if (a->wish != ACM_ACCOUNT_NOTHING) {
        printf("  wanted     %s\n",
               (a->wish == ACM_ACCOUNT_ROLLOVER) ? "a new key"
                                                 : "deactivation");
    }

    if (*a->error != '\0') {
        printf("  error      %s\n", a->error);
    }

    return ACM_OK;
}


static acm_rc_t
acmctl_account_note(void *data, const acm_account_t *a)
{
    acmctl_accounts_t  *found = data;

    if (strcmp(a->issuer, found->issuer) == 0) {

        if (found->n == ACMCTL_MAX_ACCOUNTS) {
            return ACM_TOOBIG;
        }

        found->directories[found->n] = acm_strdup(a->directory);

        if (found->directories[found->n] == NULL) {
            return ACM_NOMEM;
        }

        found->n++;
    }

    return ACM_OK;
}


int
acmctl_dns(acmctl_t *ctl, int argc, char **argv)
{
    int          i, rc;
    char         text[ACM_MAX_NAME + 1];
    acm_err_t    err;
    acm_snap_t  *snap;
    const char  *zone;

    rc = acmctl_open(ctl, 0, 0);

    if (rc != ACMCTL_OK) {
        return rc;
    }

    if (acm_store_begin(ctl->store, &snap, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    zone = (acm_validation_zone_get(snap, text) == ACM_OK) ? text : NULL;

    acm_store_end(snap);

    i = 0;

    if (zone == NULL) {

        /* what cannot be read is told with each name */

        (void) acm_account_each(ctl->store, acmctl_dns_count, &i, &err);
    }

    if (zone == NULL && i == 0) {
        return acmctl_fail("the store knows no zone: set "
                           "\"validation_zone\" and start nginx");
    }

    if (argc == 1) {
        return acmctl_dns_all(ctl, zone);
    }

    for (i = 1; i < argc; i++) {
        rc |= acmctl_dns_name(ctl, zone, argv[i]);
    }

    return rc;
}


/* The label of a name that has none yet is made: it stays for ever. */

static int
acmctl_dns_name(acmctl_t *ctl, const char *zone, const char *name)
{
    char        label[ACM_LABEL_LEN + 1], domain[ACM_MAX_NAME + 1];
    acm_err_t   err;

    if (acm_name_request(name, strlen(name), domain, &err) != ACM_OK
        || acm_validation_ensure(ctl->store, ctl->account, domain, acm_now(),
                                 label, &err)
           != ACM_OK)
    {
        return acmctl_fail("\"%s\": %s", name, err.text);
    }

    return acmctl_dns_print(ctl, zone, domain, label);
}


/* accounts that need no zone */

static acm_rc_t
acmctl_dns_count(void *data, const acm_account_t *a)
{
    int  *n = data;

    *n += (a->status == ACM_ACCOUNT_VALID
           && (a->methods & ACM_METHOD_DNS_PERSIST_01) != 0);

    return ACM_OK;
}


/* A piece is read, then printed: accounts are read in snapshots of their own,
   and the output may be slow. */

static int
acmctl_dns_all(acmctl_t *ctl, const char *zone)
{
    int             rc;
    size_t          i;
    acmctl_names_t  names;

    if (strlen(ctl->account) > ACM_MAX_LABEL) {
        return acmctl_fail("the account is too long");
    }

    memset(&names, 0, sizeof(acmctl_names_t));

    names.key[0] = 'n';
    memcpy(names.key + 1, ctl->account, strlen(ctl->account));
    names.prefix = strlen(ctl->account) + 2;
    names.len = names.prefix;

    rc = ACMCTL_OK;

    while (!names.end) {
        rc |= acmctl_dns_slice(ctl, &names);

        for (i = 0; i < names.n; i++) {
            rc |= acmctl_dns_print(ctl, zone, names.list[i].domain,
                                   names.list[i].label);
            acm_validation_free(&names.list[i]);
        }
    }

    return rc;
}


static int
acmctl_dns_slice(acmctl_t *ctl, acmctl_names_t *names)
{
    int           rc;
    acm_rc_t      code;
    acm_err_t     err;
    acm_snap_t   *snap;
    acm_entry_t   entry;

    names->n = 0;
    names->end = 1;

    if (acm_store_begin(ctl->store, &snap, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    rc = ACMCTL_OK;

    for (code = acm_store_seek(snap, ACM_DB_VALIDATION, names->key,
                               names->len, &entry);
         code == ACM_OK || (code == ACM_CORRUPT && entry.key != NULL);
         code = acm_store_next(snap, ACM_DB_VALIDATION, &entry))
    {
        if (entry.key_len < names->prefix
            || memcmp(entry.key, names->key, names->prefix) != 0)
        {
            code = ACM_NOTFOUND;
            break;
        }

        if (names->n == ACMCTL_NAMES) {
            names->end = 0;
            break;
        }

        if (code == ACM_OK) {
            code = acm_validation_decode(entry.data, entry.len,
                                         &names->list[names->n]);
        }

        if (code == ACM_OK) {
            names->n++;

        } else {
            rc = acmctl_fail("name \"%.*s\": %s",
                             (int) (entry.key_len - names->prefix),
                             (const char *) entry.key + names->prefix,
                             acm_rc_text(code));
        }

        /* the least key behind this one */
        memcpy(names->key, entry.key, entry.key_len);
        names->key[entry.key_len] = 0;
        names->len = entry.key_len + 1;
    }

    acm_store_end(snap);

    if (names->end && code != ACM_NOTFOUND) {
        rc = acmctl_fail("the list is cut short: %s", acm_rc_text(code));
    }

    return rc;
}


static int
acmctl_dns_print(acmctl_t *ctl, const char *zone, const char *domain,
    const char *label)
{
    acm_err_t     err;
    acmctl_dns_t  dns;

    dns.wildcard = (domain[0] == '*');

    if (domain[0] == '*' && domain[1] == '.') {
        domain += 2;
    }

    if (zone != NULL) {
        printf("_acme-challenge.%s. CNAME %s.%s.\n", domain, label, zone);
    }

    dns.zone = zone;
    dns.domain = domain;
    dns.label = label;

    if (acm_account_each(ctl->store, acmctl_dns_account, &dns, &err)
        != ACM_OK)
    {
        return acmctl_fail("%s", err.text);
    }

    return ACMCTL_OK;
}


/* What an account has of its own, if its issuer has such a method. */

static acm_rc_t
acmctl_dns_account(void *data, const acm_account_t *a)
{
    acmctl_dns_t  *dns = data;

    char  host[2 * sizeof("_acme-challenge.") + ACM_MAX_NAME];

    if (a->status != ACM_ACCOUNT_VALID || *a->url == '\0') {
        return ACM_OK;
    }

    if ((a->methods & ACM_METHOD_DNS_ACCOUNT_01) && dns->zone != NULL
        && acm_method_host(ACM_METHOD_DNS_ACCOUNT_01, dns->domain, a->url,
                           host, sizeof(host))
           == ACM_OK)
    {
        printf("%s. CNAME %s.%s.\n", host, dns->label, dns->zone);
    }

    if (a->methods & ACM_METHOD_DNS_PERSIST_01) {
        acmctl_dns_txt(dns->domain, a, dns->wildcard);
    }

    return ACM_OK;
}


static void
acmctl_dns_txt(const char *domain, const acm_account_t *a, int wildcard)
{
    char           value[ACM_MAX_PERSIST];
    acm_persist_t  p;

    memset(&p, 0, sizeof(acm_persist_t));

    p.cas = a->cas;
    p.account = a->url;
    p.wildcard = (wildcard != 0);

    if (acm_persist_value(&p, value) == ACM_OK) {
        printf("_validation-persist.%s. TXT \"%s\"\n", domain, value);
    }
}
