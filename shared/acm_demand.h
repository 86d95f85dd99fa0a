
/*
 * Copyright (C) The ngx_acm authors
 *
 * Certificates on demand: for which of the names that clients ask for a hook
 * is asked, and when again.  What is remembered has a fixed size, whatever
 * clients send.  No I/O; time comes from the caller: seconds of a clock that
 * does not go back.
 */


#ifndef _ACM_DEMAND_H_INCLUDED_
#define _ACM_DEMAND_H_INCLUDED_


#include "acm.h"


#define ACM_MAX_DEMAND_NAMES     4096    /* remembered, with their answer */
#define ACM_MAX_DEMAND_WAITING   256     /* names to be asked for */
#define ACM_MAX_DEMAND_ASKED     8       /* at a time */
#define ACM_DEMAND_REFUSED       300     /* seconds, then doubled */
#define ACM_MAX_DEMAND_REFUSED   3600
#define ACM_DEMAND_LATER         5       /* seconds, then doubled */
#define ACM_MAX_DEMAND_LATER     300
#define ACM_DEMAND_ACCEPTED      60      /* seconds until it is in the store */
#define ACM_DEMAND_PER_DOMAIN    10      /* new names of a registered domain */
#define ACM_DEMAND_DOMAIN_TIME   3600    /* in so many seconds */
#define ACM_DEMAND_PER_CLIENT    10      /* new names of a client's network */
#define ACM_DEMAND_CLIENT_TIME   60
#define ACM_DEMAND_SETS          1024    /* of buckets, a power of two */
#define ACM_DEMAND_WAYS          4
#define ACM_MAX_DEMAND_FILE      1048576 /* octets of a list of names */
#define ACM_DEMAND_IP            46      /* octets of an address as text */


typedef enum {
    ACM_DEMAND_NEW = 0,          /* nothing is known of it */
    ACM_DEMAND_WAIT,             /* it will be asked for, or is just now */
    ACM_DEMAND_YES,
    ACM_DEMAND_NO,
    ACM_DEMAND_NOT_NOW,
    ACM_DEMAND_OVER_CLIENT,      /* too many new names from there */
    ACM_DEMAND_OVER_DOMAIN,      /* or of this domain */
    ACM_DEMAND_FULL              /* too many wait already */
} acm_demand_e;


typedef struct acm_demand_s       acm_demand_t;
typedef struct acm_demand_name_s  acm_demand_name_t;

struct acm_demand_name_s {
    acm_demand_name_t   *prev;           /* of its list; internal */
    acm_demand_name_t   *next;
    acm_demand_name_t   *chain;          /* of the same hash */

    uint64_t             hook;           /* whom to ask */
    char                 name[ACM_MAX_NAME + 1];
    char                 ip[ACM_DEMAND_IP];      /* of the client, or "" */
    acm_demand_e         state;
    int64_t              until;          /* how long the answer holds */
    uint32_t             refused;        /* in a row */
    uint32_t             delayed;
    unsigned             wanted:1;       /* by a client */
    unsigned             renewal:1;      /* by a certificate */
};


/* NULL without memory; seed: any random number. */
acm_demand_t *acm_demand_new(uint64_t seed);
void acm_demand_free(acm_demand_t *d);

/* What is known of a name (normal form) at a hook, for a client who wants it;
   ACM_DEMAND_NEW also when an answer does not hold any longer. */
acm_demand_e acm_demand_known(acm_demand_t *d, uint64_t hook,
    const char *name, int64_t now);

/*
 * Puts a name, of which nothing is known, among those to be asked for:
 * ACM_DEMAND_WAIT.  addr: the client's, len 4, 16 or 0.  A name that is new
 * is taken from the budgets of its registered domain and of the network (/24,
 * /56); if one of them has none left, neither is touched.
 */
acm_demand_e acm_demand_take(acm_demand_t *d, uint64_t hook,
    const char *name, const uint8_t *addr, size_t len, int64_t now);

/*
 * The same for a renewal, without budgets.  ACM_DEMAND_YES is given once for
 * each time that the hook said so; ACM_DEMAND_NOT_NOW: ask again in *wait
 * seconds; ACM_DEMAND_WAIT: there is no answer yet.
 */
acm_demand_e acm_demand_renew(acm_demand_t *d, uint64_t hook,
    const char *name, int64_t now, int64_t *wait);

/* The next one to ask for, NULL if there is none or enough are asked for. */
acm_demand_name_t *acm_demand_next(acm_demand_t *d);
/* The answer for it: ACM_DEMAND_YES, _NO or _NOT_NOW. */
void acm_demand_answer(acm_demand_t *d, acm_demand_name_t *n,
    acm_demand_e answer, int64_t now);
/* Forgets what a hook did not allow, for it may say something else now. */
void acm_demand_forget(acm_demand_t *d, uint64_t hook);

/* How many names are asked for just now. */
size_t acm_demand_asked(const acm_demand_t *d);


/* a list of names and wildcards, sorted */

typedef struct {
    char               **names;
    size_t               nnames;
    size_t               bad;            /* lines that were no name */
    size_t               bad_line;       /* the first of them, 0: none */
} acm_demand_list_t;


/*
 * Reads a list: one name or wildcard a line, "#" begins a comment.  A bad
 * line is left out and counted; why says what is wrong with the first.
 * ACM_TOOBIG, ACM_NOMEM; the list is then empty.
 */
acm_rc_t acm_demand_list_parse(acm_demand_list_t *list, const char *text,
    size_t len, acm_err_t *why);
/* 1 if the name (normal form), or its wildcard, is in the list. */
int acm_demand_list_has(const acm_demand_list_t *list, const char *name);
void acm_demand_list_free(acm_demand_list_t *list);

/* 1 for a name that may be asked for at all: what a certificate can be for,
   in normal form, and no wildcard. */
int acm_demand_name_ok(const char *name);


#endif /* _ACM_DEMAND_H_INCLUDED_ */
