
/*
 * Copyright (C) The ngx_acm authors
 *
 * Who may do what: the subset of IAM's policy language that an API like that
 * of ACM needs.  Documents are parsed once, decisions allocate nothing.
 *
 * The order of a decision: deny is the default; a statement that denies, in
 * any policy, is the end; then service control policies, the permissions
 * boundary, the session policy and at last a policy of the identity must
 * allow.  There are no policies of resources, so an ARN of another account
 * is always denied.
 */


#ifndef _ACM_POLICY_H_INCLUDED_
#define _ACM_POLICY_H_INCLUDED_


#include "acm.h"


#define ACM_MAX_POLICY_TEXT        131072  /* octets, as of IAM's API */
#define ACM_MAX_POLICY             10240   /* octets without white space: the
                                              largest of IAM, of a role */
#define ACM_MAX_POLICY_STATEMENTS  160     /* in a document */
#define ACM_MAX_POLICY_LIST        1024    /* values in a list */
#define ACM_MAX_POLICY_CONDITIONS  64      /* keys in a Condition */
#define ACM_MAX_POLICY_VARS        512     /* variables in a document */
#define ACM_MAX_POLICY_KEY         512     /* octets of a condition key */
#define ACM_MAX_POLICY_EXPANDED    4096    /* octets, variables replaced */
#define ACM_MAX_POLICY_DIGITS      32      /* before, and after, the point */

#define ACM_MAX_ACCESS_KEYS        256     /* of a request's context */
#define ACM_MAX_ACCESS_VALUES      256     /* of one of them */
#define ACM_MAX_ACCESS_VALUE       2048    /* octets of one */
#define ACM_MAX_ACCESS_MESSAGE     2048    /* octets, with NUL */


typedef struct acm_policy_s  acm_policy_t;


typedef enum {
    ACM_USER_IAM = 0,
    ACM_USER_ROLE,          /* a session of a role */
    ACM_USER_ROOT           /* needs no policy; SCPs bind it, nothing else */
} acm_user_e;


typedef enum {
    ACM_POLICY_SCP = 0,     /* in the order in which they are asked */
    ACM_POLICY_BOUNDARY,
    ACM_POLICY_SESSION,
    ACM_POLICY_IDENTITY,
    ACM_POLICY_MAX,
    ACM_POLICY_RESOURCE     /* only in a decision: another account's */
} acm_policy_e;


typedef struct {
    const char            *key;
    const char            *value;
} acm_user_tag_t;


/* "set" with no policy at all in it denies everything, as in IAM */

typedef struct {
    const acm_policy_t   **list;
    size_t                 n;
    unsigned               set:1;        /* 0: this kind does not apply */
} acm_policies_t;


/* a principal; all texts are NUL-terminated and belong to acm_users_t */

typedef struct {
    acm_user_e             kind;
    const char            *account;
    const char            *name;         /* of the user or the role */
    const char            *id;           /* aws:userid; NULL: none */
    const char            *arn;          /* as in messages */
    const char            *principal;    /* aws:PrincipalArn: of a session,
                                            the role's ARN */
    const acm_user_tag_t  *tags;
    size_t                 ntags;
    acm_policies_t         policies[ACM_POLICY_MAX];
} acm_user_t;


/* One key of a request's context; no values: as if the key was not there. */

typedef struct {
    const char            *key;          /* "acm:DomainNames" */
    const acm_str_t       *values;
    size_t                 n;
} acm_context_t;


/*
 * What is asked for; everything is borrowed.  The context has what only the
 * caller knows: acm:*, aws:RequestTag/K, aws:TagKeys, aws:ResourceTag/K.  Keys
 * about the user and those about the fields below are made from them.  Keys
 * compare whatever their case is; of tags that differ in case only, the one
 * that is spelled like the policy's counts, else the first.
 */

typedef struct {
    const char            *action;       /* "acm:DeleteCertificate" */
    const char            *resource;     /* an ARN; NULL: of no resource */
    const acm_context_t   *context;
    size_t                 ncontext;
    int64_t                now;          /* seconds */
    const char            *source_ip;    /* NULL: none, as on a socket */
    const char            *region;       /* NULL: not known; so the next */
    const char            *user_agent;
    unsigned               secure:1;     /* over TLS */
} acm_access_t;


typedef enum {
    ACM_ACCESS_IMPLICIT = 0,             /* nothing allows it */
    ACM_ACCESS_EXPLICIT,                 /* a statement denies it */
    ACM_ACCESS_ALLOWED
} acm_access_e;


typedef struct {
    acm_access_e           result;
    acm_policy_e           by;           /* the kind that denied, or allowed */
    const char            *policy;       /* its name, or NULL; of the policy */
    size_t                 statement;    /* from 1; 0: none */
    char                   message[ACM_MAX_ACCESS_MESSAGE];
} acm_decision_t;


/*
 * Parses a document.  name is for messages and logs.  ACM_TOOBIG or
 * ACM_INVALID: err has the number of the statement, what is wrong and what
 * to do.  Stricter than IAM: unknown and duplicate members, an empty list of
 * actions or resources, and values that no value can match are refused.
 */
acm_rc_t acm_policy_parse(const char *text, size_t len, const char *name,
    acm_policy_t **policy, acm_err_t *err);

void acm_policy_free(acm_policy_t *policy);

const char *acm_policy_name(const acm_policy_t *policy);

/*
 * The document of a policy that AWS manages, by its name or by its ARN,
 * "arn:aws:iam::aws:policy/AWSCertificateManagerReadOnly"; NULL for others.
 * acm_policy_managed_name() has the names, NULL after the last.
 */
const char *acm_policy_managed(const char *name);
const char *acm_policy_managed_name(size_t i);

/*
 * Decides.  ACM_OK: out has the result; its message, for an
 * AccessDeniedException, is empty if it is ACM_ACCESS_ALLOWED.  ACM_TOOBIG or
 * ACM_INVALID for a request that cannot be judged (a limit above, no action):
 * out denies then, too, so that to look at out alone is safe.
 *
 * A key with several values and an operator without ForAllValues: or
 * ForAnyValue: matches if any of them does.  A value with a variable that is
 * not known matches nothing, and where not matching would allow, the
 * statement does not apply.
 */
acm_rc_t acm_policy_decide(const acm_user_t *user, const acm_access_t *req,
    acm_decision_t *out);


#endif /* _ACM_POLICY_H_INCLUDED_ */
