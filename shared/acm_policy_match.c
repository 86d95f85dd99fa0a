
/*
 * Copyright (C) The ngx_acm authors
 *
 * Patterns: wildcards, parts of ARNs, variables.  What a variable stands for
 * is never a wildcard nor a border between parts, whatever somebody called
 * himself or his tags.
 */


#include <string.h>

#include "acm_policy_impl.h"


#define ACM_ARENA_BLOCK  4096


static uint8_t acm_pattern_lower(unsigned c);


void *
acm_arena_alloc(acm_arena_t *a, size_t n, size_t size)
{
    size_t              total, room;
    uint8_t            *p;
    acm_arena_block_t  *b;

    if (size != 0 && n > (SIZE_MAX / 2) / size) {
        return NULL;
    }

    total = (n * size + sizeof(uint64_t)) & ~(sizeof(uint64_t) - 1);
    b = a->blocks;

    if (b == NULL || b->size - b->used < total) {
        room = (total > ACM_ARENA_BLOCK) ? total : ACM_ARENA_BLOCK;

        b = acm_calloc(1, sizeof(acm_arena_block_t) + room);

        if (b == NULL) {
            return NULL;
        }

        b->size = room;
        b->next = a->blocks;
        a->blocks = b;
    }

    p = (uint8_t *) b->data + b->used;
    b->used += total;

    return p;
}


char *
acm_arena_text(acm_arena_t *a, const char *s, size_t len)
{
    char  *p;

    p = acm_arena_alloc(a, len + 1, 1);

    if (p != NULL) {
        memcpy(p, s, len);
    }

    return p;
}


void
acm_arena_free(acm_arena_t *a)
{
    acm_arena_block_t  *b, *next;

    for (b = a->blocks; b != NULL; b = next) {
        next = b->next;
        acm_free_secret(b, sizeof(acm_arena_block_t) + b->size);
    }

    a->blocks = NULL;
}


static uint8_t
acm_pattern_lower(unsigned c)
{
    return (uint8_t) ((c >= 'A' && c <= 'Z') ? c + 'a' - 'A' : c);
}


int
acm_pattern_match(const uint16_t *tokens, size_t n, const uint8_t *s,
    size_t len, int nocase)
{
    size_t    i, k, star, from;
    unsigned  t;

    i = 0;
    k = 0;
    star = SIZE_MAX;
    from = 0;

    while (k < len) {
        t = (i < n) ? tokens[i] : ACM_TOKEN_VAR;

        if (t == ACM_TOKEN_COLON) {
            t = ':';
        }

        if (t == ACM_TOKEN_ANY) {
            star = i++;
            from = k;

        } else if (t == ACM_TOKEN_ONE || t == s[k]
                   || (nocase && t < 0x100
                       && acm_pattern_lower(t) == acm_pattern_lower(s[k])))
        {
            i++;
            k++;

        } else if (star != SIZE_MAX) {

            /* only the last "*" needs to be tried again */

            i = star + 1;
            k = ++from;

        } else {
            return 0;
        }
    }

    while (i < n && tokens[i] == ACM_TOKEN_ANY) {
        i++;
    }

    return i == n;
}


int
acm_pattern_same(const acm_pattern_t *p, const acm_str_t *s, int nocase)
{
    size_t    i;
    unsigned  t;

    if (p->n != s->len) {
        return 0;
    }

    for (i = 0; i < p->n; i++) {
        t = p->tokens[i];

        if (t == ACM_TOKEN_COLON) {
            t = ':';
        }

        if (t != s->data[i]
            && !(nocase && t < 0x100
                 && acm_pattern_lower(t) == acm_pattern_lower(s->data[i])))
        {
            return 0;
        }
    }

    return 1;
}


int
acm_pattern_arn(const acm_pattern_t *p, const uint8_t *s, size_t len)
{
    size_t          i, n, parts;
    const uint8_t  *colon;

    i = 0;

    for (parts = 1; parts < ACM_ARN_PARTS; parts++) {
        n = 0;

        while (i + n < p->n && p->tokens[i + n] != ACM_TOKEN_COLON) {
            n++;
        }

        if (i + n == p->n) {
            break;
        }

        colon = (len != 0) ? memchr(s, ':', len) : NULL;

        if (colon == NULL
            || !acm_pattern_match(p->tokens + i, n, s, (size_t) (colon - s),
                                  0))
        {
            return 0;
        }

        len -= (size_t) (colon - s) + 1;
        s = colon + 1;
        i += n + 1;
    }

    return acm_pattern_match(p->tokens + i, p->n - i, s, len, 0);
}


int
acm_policy_expand(acm_judge_t *j, const acm_pattern_t *p, uint16_t *out,
    acm_pattern_t *expanded)
{
    size_t                 i, k, n;
    acm_str_t              s;
    acm_values_t           v;
    const acm_variable_t  *var;

    *expanded = *p;

    if (!p->vars) {
        return 1;
    }

    n = 0;

    for (i = 0; i < p->n; i++) {

        if (!(p->tokens[i] & ACM_TOKEN_VAR)) {
            if (n == ACM_MAX_POLICY_EXPANDED) {
                j->rc = ACM_TOOBIG;
                return 0;
            }

            out[n++] = p->tokens[i];
            continue;
        }

        var = &j->policy->vars[p->tokens[i] & ~ACM_TOKEN_VAR];

        if (acm_policy_key(j, var->key, &v)) {

            /* which of several would it be? */

            if (v.n != 1) {
                return 0;
            }

            s = v.list[0];

        } else if (var->fallback != NULL) {
            s.data = (uint8_t *) var->fallback;
            s.len = strlen(var->fallback);

        } else {
            return 0;
        }

        if (s.len > ACM_MAX_POLICY_EXPANDED - n) {
            j->rc = ACM_TOOBIG;
            return 0;
        }

        for (k = 0; k < s.len; k++) {
            out[n++] = s.data[k];
        }
    }

    expanded->tokens = out;
    expanded->n = n;
    expanded->vars = 0;

    return 1;
}
