
/*
 * Copyright (C) The ngx_acm authors
 *
 * The users in memory, and what the files that read them share.
 */


#ifndef _ACM_USER_IMPL_H_INCLUDED_
#define _ACM_USER_IMPL_H_INCLUDED_


#include "acm_policy_impl.h"
#include "acm_user.h"


#define ACM_MAX_USER_WHERE  256


typedef struct {
    const char                *id;
    const char                *secret;
    size_t                     len;
    acm_str_t                  token;
    int64_t                    expires;      /* seconds; 0: never */
    const acm_user_t          *user;
    unsigned                   active:1;
} acm_user_key_t;


typedef struct acm_user_policy_s  acm_user_policy_t;

struct acm_user_policy_s {
    acm_user_policy_t         *next;
    const char                *name;
    const char                *document;     /* of a managed one, else NULL */
    acm_policy_t              *policy;
};


typedef struct acm_user_group_s  acm_user_group_t;

struct acm_user_group_s {
    acm_user_group_t          *next;
    const char                *name;
    acm_policies_t             policies;
};


struct acm_users_s {
    acm_arena_t                arena;
    acm_user_policy_t         *owned;        /* all that must be freed */
    acm_user_key_t            *keys;         /* sorted by id */
    size_t                     nkeys;
    size_t                     keys_size;
    acm_user_t               **users;        /* sorted */
    size_t                     nusers;
    size_t                     users_size;
};


typedef struct {
    acm_users_t               *users;
    acm_users_secret_pt        secret;
    void                      *data;
    acm_err_t                 *err;

    const char                *account;
    acm_user_policy_t         *named;        /* of the account */
    acm_user_policy_t         *managed;
    acm_user_group_t          *groups;
    acm_policies_t             scp;

    const acm_policy_t        *found[ACM_MAX_USER_POLICIES];
    size_t                     nfound;
    char                       where[ACM_MAX_USER_WHERE];
} acm_users_parse_t;


/* Orders as the array of users is sorted. */
int acm_user_order(const void *a, const void *b);

/* The error, with the place; rc. */
acm_rc_t acm_users_bad(acm_users_parse_t *p, acm_rc_t rc, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));
acm_rc_t acm_users_nomem(acm_users_parse_t *p);

/* An object with no other members than these, the last NULL. */
acm_rc_t acm_users_members(acm_users_parse_t *p, const json_t *json,
    const char *const *known);

/* A list, or none with n 0. */
acm_rc_t acm_users_list(acm_users_parse_t *p, const json_t *json,
    const char *name, size_t max, json_t **list, size_t *n);

/* A name of [A-Za-z0-9_+=,.@-], copied. */
acm_rc_t acm_users_name(acm_users_parse_t *p, const json_t *json,
    const char *member, size_t max, const char **name);

/* A text of visible ASCII, or NULL if it may be missing and is. */
acm_rc_t acm_users_text(acm_users_parse_t *p, const json_t *json,
    const char *member, size_t max, int optional, const char **text);

/* "arn:aws:iam::ACCOUNT:KIND/PATH/NAME"; Arn, if it is there, must be it. */
acm_rc_t acm_users_arn(acm_users_parse_t *p, const json_t *json,
    const char *kind, const char *name, const char **arn);

/* Policies; they are collected in p->found. */
acm_rc_t acm_users_inline(acm_users_parse_t *p, const json_t *json,
    const char *member);
acm_rc_t acm_users_attached(acm_users_parse_t *p, const json_t *json,
    const char *member);
acm_rc_t acm_users_boundary(acm_users_parse_t *p, const json_t *json,
    acm_policies_t *policies);
acm_rc_t acm_users_document(acm_users_parse_t *p, const json_t *json,
    const char *name, acm_policy_t **policy);
/* Parses a document; the users own the policy. */
acm_rc_t acm_users_own(acm_users_parse_t *p, const json_t *json,
    const char *name, acm_policy_t **policy);
acm_rc_t acm_users_found(acm_users_parse_t *p, const acm_policy_t *policy);
acm_rc_t acm_users_collected(acm_users_parse_t *p, acm_policies_t *policies);

acm_rc_t acm_users_tags(acm_users_parse_t *p, const json_t *json,
    acm_user_t *user);

/* Access keys of a user, or sessions of a role. */
acm_rc_t acm_users_access_keys(acm_users_parse_t *p, const json_t *json,
    const acm_user_t *user);


#endif /* _ACM_USER_IMPL_H_INCLUDED_ */
