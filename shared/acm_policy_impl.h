
/*
 * Copyright (C) The ngx_acm authors
 *
 * A parsed policy, and what its files share.
 */


#ifndef _ACM_POLICY_IMPL_H_INCLUDED_
#define _ACM_POLICY_IMPL_H_INCLUDED_


#include "acm_json.h"
#include "acm_policy.h"


/* an octet of a pattern, or one of these; with ACM_TOKEN_VAR the rest is the
   number of a variable */

#define ACM_TOKEN_ANY     0x0100    /* "*" */
#define ACM_TOKEN_ONE     0x0101    /* "?" */
#define ACM_TOKEN_COLON   0x0102    /* one of the text, not of a variable */
#define ACM_TOKEN_VAR     0x8000

#define ACM_ARN_PARTS     6


/* memory that is given back at once */

typedef struct acm_arena_block_s  acm_arena_block_t;

struct acm_arena_block_s {
    acm_arena_block_t  *next;
    size_t              size;        /* of data */
    size_t              used;
    uint64_t            data[];      /* aligned for anything used here */
};


typedef struct {
    acm_arena_block_t  *blocks;
} acm_arena_t;


typedef struct {
    const uint16_t     *tokens;
    size_t              n;
    unsigned            vars:1;      /* there are variables among them */
} acm_pattern_t;


typedef struct {
    acm_pattern_t      *list;
    size_t              n;
    unsigned            set:1;
    unsigned            negated:1;   /* NotAction, NotResource */
} acm_patterns_t;


typedef enum {
    ACM_COND_STRING = 0,
    ACM_COND_STRING_NOCASE,
    ACM_COND_STRING_LIKE,
    ACM_COND_NUMERIC,
    ACM_COND_DATE,
    ACM_COND_BOOL,
    ACM_COND_IP,
    ACM_COND_ARN,
    ACM_COND_NULL
} acm_cond_e;


typedef enum {
    ACM_COMPARE_EQ = 0,
    ACM_COMPARE_LT,
    ACM_COMPARE_LE,
    ACM_COMPARE_GT,
    ACM_COMPARE_GE
} acm_compare_e;


typedef enum {
    ACM_SET_NONE = 0,
    ACM_SET_ALL,
    ACM_SET_ANY
} acm_set_e;


typedef struct {
    const char         *name;
    acm_cond_e          type;
    acm_compare_e       compare;
    unsigned            negated;
} acm_operator_t;


/* one key of one operator */

typedef struct {
    const acm_operator_t  *op;
    acm_set_e           set;
    unsigned            if_exists:1;
    const char         *key;
    acm_pattern_t      *values;
    size_t              n;
} acm_condition_t;


typedef struct {
    unsigned            deny:1;
    const char         *sid;         /* NULL: none */
    acm_patterns_t      action;
    acm_patterns_t      resource;
    acm_condition_t    *conditions;
    size_t              nconditions;
} acm_statement_t;


typedef struct {
    const char         *key;
    const char         *fallback;    /* NULL: none */
} acm_variable_t;


struct acm_policy_s {
    acm_arena_t         arena;
    const char         *name;
    acm_statement_t    *statements;
    size_t              nstatements;
    acm_variable_t     *vars;
    size_t              nvars;
    unsigned            variables:1; /* of Version 2012-10-17 */
};


/* the values of a key; what is made has its place in buf */

typedef struct {
    const acm_str_t    *list;
    size_t              n;
    acm_str_t           one;
    char                buf[32];
} acm_values_t;


typedef struct {
    const acm_user_t    *user;
    const acm_access_t  *req;
    const acm_policy_t  *policy;
    acm_rc_t             rc;         /* a failure ends everything */
    unsigned             unknown:1;  /* a variable, under a negation */
} acm_judge_t;


/* a document that is being parsed */

typedef struct {
    acm_policy_t        *policy;
    size_t               number;     /* of the statement, from 1 */
    size_t               vars;       /* that there is room for */
    acm_err_t           *err;
} acm_parse_t;


/* what a pattern may have in it */

typedef struct {
    unsigned             wild:1;
    unsigned             vars:1;
    unsigned             resource:1;
} acm_form_t;


/* Zeroed memory, NULL without; strings get a NUL. */
void *acm_arena_alloc(acm_arena_t *a, size_t n, size_t size);
char *acm_arena_text(acm_arena_t *a, const char *s, size_t len);
/* Wipes it, too. */
void acm_arena_free(acm_arena_t *a);

/* The same as acm_policy_parse() for what is parsed already. */
acm_rc_t acm_policy_load(const json_t *json, const char *name,
    acm_policy_t **policy, acm_err_t *err);

acm_rc_t acm_parse_pattern(acm_parse_t *p, const char *s, acm_form_t form,
    acm_pattern_t *out);

/* Sets the error, with policy and statement; rc. */
acm_rc_t acm_parse_bad(acm_parse_t *p, acm_rc_t rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
acm_rc_t acm_parse_nomem(acm_parse_t *p);

/* NULL if there is none; name has neither prefix nor suffix. */
const acm_operator_t *acm_policy_operator(const char *name, size_t len);

/* 1 if a value of a policy, without variables, is one for the operator. */
int acm_policy_value_ok(const acm_operator_t *op, const char *s, size_t len);

/* Seconds of a time as conditions have it; 0 if it is none. */
int acm_policy_time(const char *s, int64_t *t);

/* What a value must look like, for a message. */
const char *acm_policy_value_form(const acm_operator_t *op);

/* 1 if the condition holds. */
int acm_policy_condition(acm_judge_t *j, const acm_condition_t *cond);

/* The values of a key; 0 if it is not there. */
int acm_policy_key(const acm_judge_t *j, const char *key, acm_values_t *v);

/*
 * Replaces the variables.  Tokens are set to out, which has room for
 * ACM_MAX_POLICY_EXPANDED, or to those of the pattern.  0: a variable is not
 * known; or it does not fit, and j->rc is set.
 */
int acm_policy_expand(acm_judge_t *j, const acm_pattern_t *p, uint16_t *out,
    acm_pattern_t *expanded);

/* 1 if the whole value matches: "*" and "?" are wildcards; literally; ASCII
   letters whatever their case is. */
int acm_pattern_match(const uint16_t *tokens, size_t n, const uint8_t *s,
    size_t len, int nocase);
int acm_pattern_same(const acm_pattern_t *p, const acm_str_t *s, int nocase);

/* Parts between colons are matched each for itself; the last part of the
   pattern takes the rest. */
int acm_pattern_arn(const acm_pattern_t *p, const uint8_t *s, size_t len);


#endif /* _ACM_POLICY_IMPL_H_INCLUDED_ */
