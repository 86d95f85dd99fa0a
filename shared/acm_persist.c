
/*
 * Copyright (C) The ngx_acm authors
 */


#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "acm_persist.h"


/* a part of a record */

typedef struct {
    const char  *text;
    size_t       len;
} acm_persist_part_t;


static int acm_persist_has(const char *list, const char *name, size_t len);
static acm_persist_part_t acm_persist_next(const char **p, const char *end);
static int acm_persist_is(const acm_persist_part_t *part, const char *text);
static int acm_persist_expired(const acm_persist_part_t *part, int64_t now);


void
acm_persist_add(char *list, const char *name)
{
    char    lower[ACM_MAX_NAME + 1];
    size_t  i, len, used;

    len = strlen(name);

    if (len > 1 && name[len - 1] == '.') {
        len--;
    }

    if (len == 0 || len > ACM_MAX_NAME) {
        return;
    }

    for (i = 0; i < len; i++) {
        lower[i] = (name[i] >= 'A' && name[i] <= 'Z') ? (char) (name[i] | 32)
                                                      : name[i];
    }

    lower[len] = '\0';
    used = strlen(list);

    if (strspn(lower, "abcdefghijklmnopqrstuvwxyz0123456789-.") != len
        || acm_persist_has(list, lower, len)
        || used + len + 2 > ACM_MAX_PERSIST_CAS)
    {
        return;
    }

    (void) snprintf(list + used, ACM_MAX_PERSIST_CAS - used, "%s%s",
                    (used != 0) ? " " : "", lower);
}


void
acm_persist_list(char *list, const json_t *names)
{
    size_t       i;
    const char  *name;

    for (i = 0; i < json_array_size(names); i++) {
        name = json_string_value(json_array_get(names, i));

        if (name != NULL) {
            acm_persist_add(list, name);
        }
    }
}


static int
acm_persist_has(const char *list, const char *name, size_t len)
{
    size_t  n;

    while (*list != '\0') {
        n = strcspn(list, " ");

        if (n == len && strncasecmp(list, name, len) == 0) {
            return 1;
        }

        list += n + (list[n] == ' ');
    }

    return 0;
}


acm_rc_t
acm_persist_value(const acm_persist_t *p, char *buf)
{
    int          n;
    const char  *s;

    if (*p->cas == '\0' || p->account == NULL || *p->account == '\0') {
        return ACM_INVALID;
    }

    /* RFC 8659 s4.2: value = *(%x21-3A / %x3C-7E); and it is quoted */

    for (s = p->account; *s != '\0'; s++) {
        if (*s < 0x21 || *s > 0x7e || *s == ';' || *s == '"' || *s == '\\') {
            return ACM_INVALID;
        }
    }

    n = snprintf(buf, ACM_MAX_PERSIST, "%.*s; accounturi=%s%s",
                 (int) strcspn(p->cas, " "), p->cas, p->account,
                 p->wildcard ? "; policy=wildcard" : "");

    return (n < 0 || n >= ACM_MAX_PERSIST) ? ACM_TOOBIG : ACM_OK;
}


/*
 * Names of parameters and the policy in any case, the URL to the letter.  A
 * parameter that is there twice makes a record that no CA can be sure of.
 */

int
acm_persist_match(const acm_persist_t *p, const uint8_t *data, size_t len)
{
    size_t              n;
    unsigned            accounts, policies, untils, ours, wildcard;
    const char         *s, *end, *sep;
    acm_persist_part_t  part, tag;

    s = (const char *) data;
    end = s + len;
    accounts = policies = untils = ours = wildcard = 0;

    part = acm_persist_next(&s, end);
    n = (part.len != 0 && part.text[part.len - 1] == '.') ? part.len - 1
                                                          : part.len;

    if (n == 0 || (*p->cas != '\0'
                   && !acm_persist_has(p->cas, part.text, n)))
    {
        return 0;
    }

    while (s < end) {
        part = acm_persist_next(&s, end);
        sep = (part.len != 0) ? memchr(part.text, '=', part.len) : NULL;

        if (sep == NULL) {
            continue;
        }

        tag.text = part.text;
        tag.len = (size_t) (sep - part.text);
        sep++;
        part.len -= (size_t) (sep - part.text);
        part.text = sep;

        if (acm_persist_is(&tag, "accounturi")) {
            accounts++;
            ours = (strlen(p->account) == part.len
                    && memcmp(part.text, p->account, part.len) == 0);

        } else if (acm_persist_is(&tag, "policy")) {
            policies++;
            wildcard = (acm_persist_is(&part, "wildcard") != 0);

        } else if (acm_persist_is(&tag, "persistuntil")) {
            untils++;

            if (acm_persist_expired(&part, p->now)) {
                return 0;
            }
        }
    }

    return accounts == 1 && ours && policies <= 1 && untils <= 1
           && (!p->wildcard || wildcard);
}


/* up to the next ";", without the spaces around it */

static acm_persist_part_t
acm_persist_next(const char **p, const char *end)
{
    const char          *s, *last;
    acm_persist_part_t   part;

    s = *p;
    last = (s < end) ? memchr(s, ';', (size_t) (end - s)) : NULL;
    last = (last == NULL) ? end : last;
    *p = (last < end) ? last + 1 : end;

    while (s < last && (*s == ' ' || *s == '\t')) {
        s++;
    }

    while (s < last && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    part.text = s;
    part.len = (size_t) (last - s);

    return part;
}


static int
acm_persist_is(const acm_persist_part_t *part, const char *text)
{
    return strlen(text) == part->len
           && strncasecmp(part->text, text, part->len) == 0;
}


/* seconds since 1970; what is no number is the past for a CA */

static int
acm_persist_expired(const acm_persist_part_t *part, int64_t now)
{
    size_t   i;
    int64_t  until;

    until = 0;

    if (part->len == 0 || part->len > 18) {
        return 1;
    }

    for (i = 0; i < part->len; i++) {
        if (part->text[i] < '0' || part->text[i] > '9') {
            return 1;
        }

        until = until * 10 + (part->text[i] - '0');
    }

    return until <= now;
}
