
/*
 * Copyright (C) The ngx_acm authors
 *
 * Whether the lines of an audit log are those that were written.
 */


#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acm_audit.h"


static void acm_audit_line(acm_audit_check_t *c, const uint8_t *line,
    size_t len);
static void acm_audit_next(acm_audit_check_t *c,
    const acm_audit_link_t *link, const uint8_t *previous);
static void acm_audit_long(acm_audit_check_t *c);
static int acm_audit_resumes(acm_audit_check_t *c, const uint8_t *line,
    size_t len);
static void acm_audit_held(acm_audit_check_t *c);
static void acm_audit_find(acm_audit_check_t *c, acm_audit_finding_e finding,
    uint64_t line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));


void
acm_audit_check_init(acm_audit_check_t *c, acm_audit_finding_pt found,
    void *data)
{
    memset(c, 0, sizeof(acm_audit_check_t));

    c->found = found;
    c->data = data;

    acm_buf_init(&c->part, ACM_MAX_AUDIT_LINE);
}


acm_rc_t
acm_audit_check(acm_audit_check_t *c, const void *data, size_t len)
{
    size_t          n;
    const uint8_t  *p, *end, *lf;

    p = data;

    for (end = p + len; p < end; p = lf + 1) {
        lf = memchr(p, '\n', (size_t) (end - p));
        n = (size_t) ((lf == NULL ? end : lf) - p);

        if (c->part.len + n > ACM_MAX_AUDIT_LINE && !c->skip) {
            acm_audit_long(c);
        }

        if (c->skip) {
            c->skip = (lf == NULL);

        } else if (lf == NULL || c->part.len != 0) {
            acm_buf_add(&c->part, p, n);

            if (acm_buf_rc(&c->part) != ACM_OK) {
                return ACM_NOMEM;
            }

            if (lf != NULL) {
                acm_audit_line(c, c->part.data, c->part.len);
                c->part.len = 0;
            }

        } else {
            acm_audit_line(c, p, n);
        }

        if (lf == NULL) {
            break;
        }
    }

    return ACM_OK;
}


void
acm_audit_check_end(acm_audit_check_t *c, int last)
{
    acm_audit_held(c);

    if (c->part.len != 0) {
        c->line++;
        c->lines++;
        c->bad++;
        acm_audit_find(c, ACM_AUDIT_TORN, c->line,
                       "this last line is not finished");
    }

    c->part.len = 0;
    c->skip = 0;
    c->line = 0;

    if (!last) {
        return;
    }

    acm_buf_free(&c->part);

    if (c->head.number > c->last.number) {
        acm_audit_find(c, ACM_AUDIT_HEAD, 0,
                       "numbers %llu to %llu are missing at the end",
                       (unsigned long long) c->last.number + 1,
                       (unsigned long long) c->head.number);

    } else if (c->head.number != 0 && !c->met) {
        acm_audit_find(c, ACM_AUDIT_HEAD, 0,
                       "number %llu, which was the last one, is not there",
                       (unsigned long long) c->head.number);
    }
}


static void
acm_audit_line(acm_audit_check_t *c, const uint8_t *line, size_t len)
{
    uint8_t           previous[ACM_HASH_LEN];
    acm_rc_t          rc;
    acm_audit_link_t  link;

    c->line++;
    c->lines++;

    rc = acm_audit_parse(line, len, &link, previous);

    if (rc != ACM_OK) {
        acm_audit_held(c);

        /* the line behind it may tell of it */

        (void) SHA256(line, len, c->held);

        c->held_line = c->line;
        c->held_len = len;
        c->held_chain = (rc == ACM_CORRUPT);
        c->bad++;

        return;
    }

    if (c->held_line != 0 && acm_audit_resumes(c, line, len)) {
        acm_audit_find(c, ACM_AUDIT_RESUMED, c->held_line,
                       "half a line, of a process that was killed or a disk "
                       "that was full; number %llu tells of it",
                       (unsigned long long) link.number);
        c->held_line = 0;
        c->bad--;
    }

    acm_audit_held(c);
    acm_audit_next(c, &link, previous);
}


static void
acm_audit_next(acm_audit_check_t *c, const acm_audit_link_t *link,
    const uint8_t *previous)
{
    uint64_t  next;

    static const uint8_t  zero[ACM_HASH_LEN];

    next = c->last.number + 1;

    if (link->number == 1 && memcmp(previous, zero, ACM_HASH_LEN) != 0) {
        acm_audit_find(c, ACM_AUDIT_REPLACED, c->line,
                       "number 1 follows another line");

    } else if (!c->begun) {
        if (link->number != 1) {
            acm_audit_find(c, ACM_AUDIT_BEGINS, c->line,
                           "the first line has number %llu: those before are "
                           "not known", (unsigned long long) link->number);
        }

    } else if (link->number == 1) {
        acm_audit_find(c, ACM_AUDIT_REPEATED, c->line,
                       "another chain begins, after number %llu",
                       (unsigned long long) c->last.number);

    } else if (link->number < next) {
        acm_audit_find(c, ACM_AUDIT_REPEATED, c->line,
                       "number %llu is here again or out of place, after "
                       "number %llu", (unsigned long long) link->number,
                       (unsigned long long) c->last.number);
        return;

    } else if (link->number > next + c->bad) {
        acm_audit_find(c, ACM_AUDIT_MISSING, c->line,
                       "in front of it numbers are missing: %llu to %llu%s",
                       (unsigned long long) next,
                       (unsigned long long) link->number - 1,
                       c->bad ? ", but for changed lines" : "");

    } else if (link->number == next
               && memcmp(previous, c->last.hash, ACM_HASH_LEN) != 0)
    {
        acm_audit_find(c, ACM_AUDIT_REPLACED, c->line,
                       "number %llu in front of it is not the line that it "
                       "was", (unsigned long long) c->last.number);
    }

    c->begun = 1;
    c->bad = 0;
    c->last = *link;

    if (link->number == c->head.number) {
        c->met = 1;

        if (memcmp(link->hash, c->head.hash, ACM_HASH_LEN) != 0) {
            acm_audit_find(c, ACM_AUDIT_HEAD, c->line,
                           "number %llu is not the line that was the last "
                           "one", (unsigned long long) link->number);
        }
    }
}


static void
acm_audit_long(acm_audit_check_t *c)
{
    acm_audit_held(c);

    c->part.len = 0;
    c->skip = 1;
    c->line++;
    c->lines++;
    c->bad++;

    acm_audit_find(c, ACM_AUDIT_TOO_LONG, c->line,
                   "more than %d octets: no line of this log",
                   ACM_MAX_AUDIT_LINE);
}


/* Does it tell of the line that is held? */

static int
acm_audit_resumes(acm_audit_check_t *c, const uint8_t *line, size_t len)
{
    int           rc;
    char          hex[ACM_AUDIT_HEX + 1];
    json_t       *json, *o;
    acm_err_t     err;
    const char   *name, *hash;

    if (acm_json_parse(line, len, ACM_MAX_AUDIT_LINE, &json, &err)
        != ACM_OK)
    {
        return 0;
    }

    o = acm_json_object(json, "additionalEventData");
    name = acm_json_string(json, "eventName");
    hash = acm_json_string(o, "tornHash");

    rc = (name != NULL && strcmp(name, ACM_AUDIT_RESUME) == 0
          && hash != NULL
          && strcmp(hash, acm_hex(c->held, ACM_HASH_LEN, hex)) == 0
          && (uint64_t) json_integer_value(json_object_get(o, "tornOctets"))
             == c->held_len);

    json_decref(json);

    return rc;
}


/* Nothing told of it: somebody has changed it. */

static void
acm_audit_held(acm_audit_check_t *c)
{
    if (c->held_line == 0) {
        return;
    }

    acm_audit_find(c, ACM_AUDIT_CHANGED, c->held_line, "%s",
                   c->held_chain ? "the line was changed: its hash does not "
                                   "fit"
                                 : "no line of this log, or a changed one");
    c->held_line = 0;
}


static void
acm_audit_find(acm_audit_check_t *c, acm_audit_finding_e finding,
    uint64_t line, const char *fmt, ...)
{
    char     text[ACM_MAX_AUDIT_FINDING];
    va_list  args;

    if (acm_audit_fault(finding)) {
        c->faults++;
    }

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    c->found(c->data, finding, line, text);
}
