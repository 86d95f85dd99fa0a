
/*
 * Copyright (C) The ngx_acm authors
 *
 * Only a name that was taken from both budgets gets a place, so what a flood
 * can push out is bounded too.  A name that has a place is asked for again
 * when its answer is too old, which is ever more seldom, and costs nothing.
 */


#include <arpa/inet.h>
#include <openssl/evp.h>
#include <string.h>

#include "acm_demand.h"
#include "acm_limit.h"


#define ACM_DEMAND_HASH      4096            /* chains, a power of two */


typedef struct {
    uint64_t            key;                 /* 0: not in use */
    int64_t             tat;                 /* milliseconds, acm_limit.h */
} acm_demand_bucket_t;


typedef struct {
    acm_rate_t           rate;
    acm_demand_bucket_t  buckets[ACM_DEMAND_SETS][ACM_DEMAND_WAYS];
} acm_demand_budget_t;


struct acm_demand_s {
    uint64_t             seed;
    acm_demand_budget_t  domains;
    acm_demand_budget_t  clients;
    acm_demand_name_t    names[ACM_MAX_DEMAND_NAMES];
    size_t               nnames;             /* that were ever in use */
    acm_demand_name_t   *hash[ACM_DEMAND_HASH];
    acm_demand_name_t    unused;             /* lists: their heads */
    acm_demand_name_t    waiting;
    acm_demand_name_t    answered;           /* the oldest first */
    size_t               nwaiting;
    size_t               nasked;
};


static uint64_t acm_demand_hash(const acm_demand_t *d, uint64_t salt,
    const void *data, size_t len);
static void acm_demand_list(acm_demand_name_t *head);
static void acm_demand_push(acm_demand_name_t *head, acm_demand_name_t *n);
static void acm_demand_pull(acm_demand_name_t *n);
static acm_demand_name_t **acm_demand_chain(acm_demand_t *d, uint64_t hook,
    const char *name);
static acm_demand_name_t *acm_demand_find(acm_demand_t *d, uint64_t hook,
    const char *name);
static acm_demand_name_t *acm_demand_add(acm_demand_t *d, uint64_t hook,
    const char *name);
static void acm_demand_remove(acm_demand_t *d, acm_demand_name_t *n);
static int acm_demand_holds(const acm_demand_name_t *n, int64_t now);
static void acm_demand_queue(acm_demand_t *d, acm_demand_name_t *n,
    const char *ip);
static acm_demand_bucket_t *acm_demand_bucket(acm_demand_budget_t *budget,
    uint64_t key, int64_t now);
static uint64_t acm_demand_network(const acm_demand_t *d,
    const uint8_t *addr, size_t len);
static acm_demand_e acm_demand_pay(acm_demand_t *d, const char *name,
    const uint8_t *addr, size_t len, int64_t now);
static int64_t acm_demand_backoff(int64_t first, int64_t max, uint32_t n);


acm_demand_t *
acm_demand_new(uint64_t seed)
{
    acm_demand_t  *d;

    d = acm_calloc(1, sizeof(acm_demand_t));

    if (d == NULL) {
        return NULL;
    }

    d->seed = seed;
    d->domains.rate.number = ACM_DEMAND_PER_DOMAIN;
    d->domains.rate.period = ACM_DEMAND_DOMAIN_TIME;
    d->clients.rate.number = ACM_DEMAND_PER_CLIENT;
    d->clients.rate.period = ACM_DEMAND_CLIENT_TIME;

    acm_demand_list(&d->unused);
    acm_demand_list(&d->waiting);
    acm_demand_list(&d->answered);

    return d;
}


void
acm_demand_free(acm_demand_t *d)
{
    acm_free(d);
}


/* Never 0.  Clients choose names: so they must not be able to choose which
   of them meet. */

static uint64_t
acm_demand_hash(const acm_demand_t *d, uint64_t salt, const void *data,
    size_t len)
{
    uint8_t      md[EVP_MAX_MD_SIZE], buf[2 * sizeof(uint64_t)
                                          + ACM_MAX_NAME];
    uint64_t     hash;

    if (len > ACM_MAX_NAME) {
        len = ACM_MAX_NAME;
    }

    memcpy(buf, &d->seed, sizeof(uint64_t));
    memcpy(buf + sizeof(uint64_t), &salt, sizeof(uint64_t));
    memcpy(buf + 2 * sizeof(uint64_t), data, len);

    if (EVP_Digest(buf, 2 * sizeof(uint64_t) + len, md, NULL, EVP_sha256(),
                   NULL)
        != 1)
    {
        return 1;
    }

    memcpy(&hash, md, sizeof(uint64_t));

    return (hash == 0) ? 1 : hash;
}


static void
acm_demand_list(acm_demand_name_t *head)
{
    head->prev = head;
    head->next = head;
}


static void
acm_demand_push(acm_demand_name_t *head, acm_demand_name_t *n)
{
    n->next = head;
    n->prev = head->prev;
    n->prev->next = n;
    head->prev = n;
}


static void
acm_demand_pull(acm_demand_name_t *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
}


static acm_demand_name_t **
acm_demand_chain(acm_demand_t *d, uint64_t hook, const char *name)
{
    uint64_t  hash;

    hash = acm_demand_hash(d, hook, name, strlen(name));

    return &d->hash[hash & (ACM_DEMAND_HASH - 1)];
}


static acm_demand_name_t *
acm_demand_find(acm_demand_t *d, uint64_t hook, const char *name)
{
    acm_demand_name_t  *n;

    for (n = *acm_demand_chain(d, hook, name); n != NULL; n = n->chain) {
        if (n->hook == hook && strcmp(n->name, name) == 0) {
            return n;
        }
    }

    return NULL;
}


/* In the place of the one that was answered longest ago, if there is no other
   place; it is in no list yet. */

static acm_demand_name_t *
acm_demand_add(acm_demand_t *d, uint64_t hook, const char *name)
{
    size_t               len;
    acm_demand_name_t   *n, **chain;

    len = strlen(name);

    if (len > ACM_MAX_NAME) {
        return NULL;
    }

    if (d->unused.next == &d->unused && d->nnames == ACM_MAX_DEMAND_NAMES
        && d->answered.next != &d->answered)
    {
        acm_demand_remove(d, d->answered.next);
    }

    if (d->unused.next != &d->unused) {
        n = d->unused.next;
        acm_demand_pull(n);

    } else if (d->nnames < ACM_MAX_DEMAND_NAMES) {
        n = &d->names[d->nnames++];

    } else {
        return NULL;
    }

    memset(n, 0, sizeof(acm_demand_name_t));

    n->hook = hook;
    memcpy(n->name, name, len + 1);

    chain = acm_demand_chain(d, hook, name);
    n->chain = *chain;
    *chain = n;

    return n;
}


/* One that is in the list of answered ones. */

static void
acm_demand_remove(acm_demand_t *d, acm_demand_name_t *n)
{
    acm_demand_name_t  **chain;

    chain = acm_demand_chain(d, n->hook, n->name);

    while (*chain != n) {
        chain = &(*chain)->chain;
    }

    *chain = n->chain;

    acm_demand_pull(n);
    acm_demand_push(&d->unused, n);
}


/* One that would hold for longer than any does was given while the clock was
   ahead. */

static int
acm_demand_holds(const acm_demand_name_t *n, int64_t now)
{
    return now < n->until && n->until - now <= ACM_MAX_DEMAND_REFUSED;
}


acm_demand_e
acm_demand_known(acm_demand_t *d, uint64_t hook, const char *name,
    int64_t now)
{
    acm_demand_name_t  *n;

    n = acm_demand_find(d, hook, name);

    if (n == NULL) {
        return ACM_DEMAND_NEW;
    }

    if (n->state == ACM_DEMAND_WAIT) {
        return ACM_DEMAND_WAIT;
    }

    return acm_demand_holds(n, now) ? n->state : ACM_DEMAND_NEW;
}


acm_demand_e
acm_demand_take(acm_demand_t *d, uint64_t hook, const char *name,
    const uint8_t *addr, size_t len, int64_t now)
{
    char                ip[ACM_DEMAND_IP];
    acm_demand_e        rc;
    acm_demand_name_t  *n;

    if (d->nwaiting == ACM_MAX_DEMAND_WAITING) {
        return ACM_DEMAND_FULL;
    }

    ip[0] = '\0';

    if (len == 4 || len == 16) {
        (void) inet_ntop((len == 4) ? AF_INET : AF_INET6, addr, ip,
                         sizeof(ip));
    }

    n = acm_demand_find(d, hook, name);

    if (n != NULL) {

        if (n->state == ACM_DEMAND_WAIT) {
            n->wanted = 1;
            return ACM_DEMAND_WAIT;
        }

        acm_demand_pull(n);
        acm_demand_queue(d, n, ip);
        n->wanted = 1;

        return ACM_DEMAND_WAIT;
    }

    rc = acm_demand_pay(d, name, addr, len, now);

    if (rc != ACM_DEMAND_WAIT) {
        return rc;
    }

    n = acm_demand_add(d, hook, name);

    if (n == NULL) {
        return ACM_DEMAND_FULL;
    }

    acm_demand_queue(d, n, ip);
    n->wanted = 1;

    return ACM_DEMAND_WAIT;
}


acm_demand_e
acm_demand_renew(acm_demand_t *d, uint64_t hook, const char *name,
    int64_t now, int64_t *wait)
{
    acm_demand_name_t  *n;

    *wait = 0;

    n = acm_demand_find(d, hook, name);

    if (n != NULL) {

        if (n->state == ACM_DEMAND_WAIT) {

            /* whoever began it, the answer is for both */

            n->renewal = 1;
            return ACM_DEMAND_WAIT;
        }

        if (n->renewal && n->state == ACM_DEMAND_YES
            && acm_demand_holds(n, now))
        {
            acm_demand_remove(d, n);
            return ACM_DEMAND_YES;
        }

        if (n->state == ACM_DEMAND_NO && acm_demand_holds(n, now)) {
            return ACM_DEMAND_NO;
        }

        if (n->state == ACM_DEMAND_NOT_NOW && acm_demand_holds(n, now)) {
            *wait = n->until - now;
            return ACM_DEMAND_NOT_NOW;
        }
    }

    if (d->nwaiting == ACM_MAX_DEMAND_WAITING) {
        return ACM_DEMAND_WAIT;
    }

    if (n != NULL) {
        acm_demand_pull(n);

    } else {
        n = acm_demand_add(d, hook, name);
    }

    if (n != NULL) {
        acm_demand_queue(d, n, "");
        n->renewal = 1;
    }

    return ACM_DEMAND_WAIT;
}


static void
acm_demand_queue(acm_demand_t *d, acm_demand_name_t *n, const char *ip)
{
    memcpy(n->ip, ip, strlen(ip) + 1);
    n->state = ACM_DEMAND_WAIT;
    n->wanted = 0;
    n->renewal = 0;

    acm_demand_push(&d->waiting, n);
    d->nwaiting++;
}


acm_demand_name_t *
acm_demand_next(acm_demand_t *d)
{
    acm_demand_name_t  *n;

    if (d->nasked == ACM_MAX_DEMAND_ASKED || d->nwaiting == 0) {
        return NULL;
    }

    n = d->waiting.next;

    acm_demand_pull(n);
    acm_demand_list(n);

    d->nwaiting--;
    d->nasked++;

    return n;
}


void
acm_demand_answer(acm_demand_t *d, acm_demand_name_t *n, acm_demand_e answer,
    int64_t now)
{
    n->state = answer;

    switch (answer) {

    case ACM_DEMAND_YES:
        n->refused = 0;
        n->delayed = 0;
        n->until = now + ACM_DEMAND_ACCEPTED;
        break;

    case ACM_DEMAND_NO:
        n->until = now + acm_demand_backoff(ACM_DEMAND_REFUSED,
                                            ACM_MAX_DEMAND_REFUSED,
                                            n->refused++);
        n->delayed = 0;
        break;

    default:
        n->state = ACM_DEMAND_NOT_NOW;
        n->until = now + acm_demand_backoff(ACM_DEMAND_LATER,
                                            ACM_MAX_DEMAND_LATER,
                                            n->delayed++);
        break;
    }

    acm_demand_push(&d->answered, n);
    d->nasked--;
}


void
acm_demand_forget(acm_demand_t *d, uint64_t hook)
{
    acm_demand_name_t  *n;

    for (n = d->answered.next; n != &d->answered; n = n->next) {
        if (n->hook == hook && n->state != ACM_DEMAND_YES) {
            n->until = 0;
            n->refused = 0;
            n->delayed = 0;
        }
    }
}


size_t
acm_demand_asked(const acm_demand_t *d)
{
    return d->nasked;
}


static int64_t
acm_demand_backoff(int64_t first, int64_t max, uint32_t n)
{
    int64_t  wait;

    for (wait = first; n > 0 && wait < max; n--) {
        wait *= 2;
    }

    return (wait > max) ? max : wait;
}


/*
 * As in acm_rrl.c: a bucket is given to another only when it is full, for
 * then nothing is lost.  If none of the set is, one is shared.
 */

static acm_demand_bucket_t *
acm_demand_bucket(acm_demand_budget_t *budget, uint64_t key, int64_t now)
{
    size_t                i;
    acm_demand_bucket_t  *b, *set, *unused;

    set = budget->buckets[key & (ACM_DEMAND_SETS - 1)];
    unused = NULL;

    for (i = 0; i < ACM_DEMAND_WAYS; i++) {
        b = &set[i];

        if (b->key == key) {
            return b;
        }

        if (unused == NULL && (b->key == 0 || b->tat <= now * 1000)) {
            unused = b;
        }
    }

    if (unused == NULL) {
        return &set[(key >> 32) % ACM_DEMAND_WAYS];
    }

    unused->key = key;
    unused->tat = 0;

    return unused;
}


/* A mapped address is IPv4; without an address all are one network. */

static uint64_t
acm_demand_network(const acm_demand_t *d, const uint8_t *addr, size_t len)
{
    static const uint8_t  mapped[12] =
        { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

    if (len == 16 && memcmp(addr, mapped, sizeof(mapped)) == 0) {
        addr += sizeof(mapped);
        len = 4;
    }

    if (len != 4 && len != 16) {
        return acm_demand_hash(d, 0, "", 0);
    }

    return acm_demand_hash(d, len, addr, (len == 4) ? 3 : 7);
}


static acm_demand_e
acm_demand_pay(acm_demand_t *d, const char *name, const uint8_t *addr,
    size_t len, int64_t now)
{
    const char           *domain;
    acm_demand_bucket_t  *client, *owner;

    domain = acm_registered_domain(name);

    client = acm_demand_bucket(&d->clients, acm_demand_network(d, addr, len),
                               now);

    if (acm_limit_when(&d->clients.rate, client->tat, now) > now) {
        return ACM_DEMAND_OVER_CLIENT;
    }

    owner = acm_demand_bucket(&d->domains,
                              acm_demand_hash(d, 0, domain, strlen(domain)),
                              now);

    if (acm_limit_when(&d->domains.rate, owner->tat, now) > now) {
        return ACM_DEMAND_OVER_DOMAIN;
    }

    client->tat = acm_limit_take(&d->clients.rate, client->tat, now);
    owner->tat = acm_limit_take(&d->domains.rate, owner->tat, now);

    return ACM_DEMAND_WAIT;
}
