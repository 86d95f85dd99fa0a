
/*
 * Copyright (C) The ngx_acm authors
 *
 * acmctl: events, dead letters, sinks.
 */


#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acmctl.h"
#include "../shared/acm_json_sinks.h"
#include "../shared/acm_sink_format.h"


#define ACMCTL_TRIES  10             /* while nginx writes the same record */
#define ACMCTL_PIECE  128            /* events read in one snapshot */


typedef struct {
    const char   *sink;
    const char   *from;
    int           dead;
    int           json;
} acmctl_events_t;


/* where a list of events is read on, and what all its keys begin with */

typedef struct {
    acm_db_e      db;
    uint8_t       key[ACM_MAX_STORE_KEY + 1];
    size_t        len;
    size_t        prefix;
    int           end;
} acmctl_walk_t;


static int acmctl_events_list(acmctl_t *ctl, const acmctl_events_t *opt);
static int acmctl_events_behind(acmctl_t *ctl, const acmctl_events_t *opt,
    acmctl_walk_t *walk);
static int acmctl_events_dead(acmctl_t *ctl, const acmctl_events_t *opt);
static int acmctl_events_walk(acmctl_t *ctl, const acmctl_events_t *opt,
    acmctl_walk_t *walk);
static int acmctl_events_piece(acmctl_t *ctl, const acmctl_events_t *opt,
    acmctl_walk_t *walk, FILE *out);
static acm_rc_t acmctl_events_letter(const acm_entry_t *e,
    const acmctl_events_t *opt, FILE *out);
static acm_rc_t acmctl_events_print(const uint8_t *data, size_t len,
    const acm_dead_t *dead, const acmctl_events_t *opt, FILE *out);
static int acmctl_events_replay(acmctl_t *ctl, const acmctl_events_t *opt);
static int acmctl_events_sinks(acmctl_t *ctl);
static int acmctl_events_test(acmctl_t *ctl);


int
acmctl_events(acmctl_t *ctl, int argc, char **argv)
{
    static const struct option  options[] = {
        { "sink", required_argument, NULL, 's' },
        { "from", required_argument, NULL, 'f' },
        { "dead", no_argument, NULL, 'd' },
        { "json", no_argument, NULL, 'j' },
        { NULL, 0, NULL, 0 }
    };

    int               ch;
    const char       *verb;
    acmctl_events_t   opt;

    memset(&opt, 0, sizeof(acmctl_events_t));

    while ((ch = getopt_long(argc, argv, "", options, NULL)) != -1) {

        switch (ch) {
        case 's': opt.sink = optarg; break;
        case 'f': opt.from = optarg; break;
        case 'd': opt.dead = 1; break;
        case 'j': opt.json = 1; break;
        default:  return ACMCTL_USAGE;
        }
    }

    verb = (optind == argc) ? "list" : argv[optind++];

    if (optind != argc) {
        return ACMCTL_USAGE;
    }

    if (strcmp(verb, "list") == 0 && opt.from == NULL) {
        return opt.dead ? acmctl_events_dead(ctl, &opt)
                        : acmctl_events_list(ctl, &opt);
    }

    if (strcmp(verb, "replay") == 0 && opt.sink != NULL
        && opt.dead == (opt.from == NULL))
    {
        return acmctl_events_replay(ctl, &opt);
    }

    if (strcmp(verb, "sinks") == 0) {
        return acmctl_events_sinks(ctl);
    }

    if (strcmp(verb, "test") == 0) {
        return acmctl_events_test(ctl);
    }

    return ACMCTL_USAGE;
}


/* All that are there, or those that a sink has not taken yet. */

static int
acmctl_events_list(acmctl_t *ctl, const acmctl_events_t *opt)
{
    acmctl_walk_t  walk;

    if (acmctl_open(ctl, 0, 0) != ACMCTL_OK) {
        return ACMCTL_FAULT;
    }

    memset(&walk, 0, sizeof(acmctl_walk_t));
    walk.db = ACM_DB_EVENT;

    if (opt->sink != NULL
        && acmctl_events_behind(ctl, opt, &walk) != ACMCTL_OK)
    {
        return ACMCTL_FAULT;
    }

    return acmctl_events_walk(ctl, opt, &walk);
}


static int
acmctl_events_behind(acmctl_t *ctl, const acmctl_events_t *opt,
    acmctl_walk_t *walk)
{
    acm_rc_t     rc;
    acm_err_t    err;
    acm_snap_t  *snap;
    acm_sink_t   sink;

    if (acm_store_begin(ctl->store, &snap, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    rc = acm_sink_get(snap, opt->sink, &sink, NULL);

    acm_store_end(snap);

    if (rc == ACM_NOTFOUND) {
        return acmctl_fail("no sink \"%s\", see \"acmctl events sinks\"",
                           opt->sink);
    }

    if (rc != ACM_OK) {
        return acmctl_fail("sink \"%s\": %s", opt->sink, acm_rc_text(rc));
    }

    walk->len = acm_number_key(walk->key, (uint64_t) sink.acked + 1);

    acm_sink_free(&sink);

    return ACMCTL_OK;
}


static int
acmctl_events_dead(acmctl_t *ctl, const acmctl_events_t *opt)
{
    acmctl_walk_t  walk;

    memset(&walk, 0, sizeof(acmctl_walk_t));
    walk.db = ACM_DB_DEAD;

    if (opt->sink != NULL) {

        if (strlen(opt->sink) > ACM_MAX_SINK_NAME) {
            return acmctl_fail("no sink has a name of more than %d octets",
                               ACM_MAX_SINK_NAME);
        }

        /* the key begins with the sink and a NUL */

        walk.prefix = strlen(opt->sink) + 1;
        walk.len = walk.prefix;
        memcpy(walk.key, opt->sink, walk.len);
    }

    return (acmctl_open(ctl, 0, 0) == ACMCTL_OK)
           ? acmctl_events_walk(ctl, opt, &walk) : ACMCTL_FAULT;
}


/* The output may be slow, and an open snapshot keeps pages of the store from
   being used again: a piece is made into text, then printed. */

static int
acmctl_events_walk(acmctl_t *ctl, const acmctl_events_t *opt,
    acmctl_walk_t *walk)
{
    int      rc;
    char    *text;
    FILE    *out;
    size_t   len;

    rc = ACMCTL_OK;

    while (!walk->end && !ferror(stdout)) {
        text = NULL;
        len = 0;
        out = open_memstream(&text, &len);

        if (out == NULL) {
            return acmctl_fail("no memory");
        }

        rc |= acmctl_events_piece(ctl, opt, walk, out);

        if (fclose(out) != 0) {
            rc = acmctl_fail("no memory");
        }

        if (text != NULL) {
            (void) fwrite(text, 1, len, stdout);
            free(text);
        }
    }

    return rc;
}


static int
acmctl_events_piece(acmctl_t *ctl, const acmctl_events_t *opt,
    acmctl_walk_t *walk, FILE *out)
{
    int           rc;
    size_t        n;
    acm_rc_t      code;
    acm_err_t     err;
    acm_snap_t   *snap;
    acm_entry_t   entry;

    walk->end = 1;

    if (acm_store_begin(ctl->store, &snap, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    rc = ACMCTL_OK;
    n = 0;

    for (code = acm_store_seek(snap, walk->db, walk->key, walk->len, &entry);
         code == ACM_OK || (code == ACM_CORRUPT && entry.key != NULL);
         code = acm_store_next(snap, walk->db, &entry))
    {
        if (entry.key_len < walk->prefix
            || memcmp(entry.key, walk->key, walk->prefix) != 0)
        {
            code = ACM_NOTFOUND;
            break;
        }

        if (n++ == ACMCTL_PIECE) {
            walk->end = 0;
            break;
        }

        /* the least key behind this one */
        memcpy(walk->key, entry.key, entry.key_len);
        walk->key[entry.key_len] = 0;
        walk->len = entry.key_len + 1;

        if (code == ACM_OK) {
            code = (walk->db == ACM_DB_EVENT)
                   ? acmctl_events_print(entry.data, entry.len, NULL, opt,
                                         out)
                   : acmctl_events_letter(&entry, opt, out);
        }

        if (code != ACM_OK) {
            rc = acmctl_fail("an event in the map \"%s\": %s",
                             acm_db_name(walk->db), acm_rc_text(code));
        }
    }

    acm_store_end(snap);

    if (walk->end && code != ACM_NOTFOUND) {
        rc = acmctl_fail("the list is cut short: %s", acm_rc_text(code));
    }

    return rc;
}


static acm_rc_t
acmctl_events_letter(const acm_entry_t *e, const acmctl_events_t *opt,
    FILE *out)
{
    acm_rc_t    rc;
    acm_dead_t  dead;

    rc = acm_dead_decode(e->data, e->len, &dead);

    if (rc != ACM_OK) {
        return rc;
    }

    if (opt->sink == NULL && !opt->json) {
        fprintf(out, "%.*s ", (int) strnlen((const char *) e->key, e->key_len),
                (const char *) e->key);
    }

    rc = acmctl_events_print(dead.event.data, dead.event.len, &dead, opt,
                             out);
    acm_dead_free(&dead);

    return rc;
}


/* One line each. */

static acm_rc_t
acmctl_events_print(const uint8_t *data, size_t len, const acm_dead_t *dead,
    const acmctl_events_t *opt, FILE *out)
{
    char         time[32], when[32];
    acm_rc_t     rc;
    acm_buf_t    buf;
    acm_event_t  event;

    rc = acm_event_decode(data, len, &event);

    if (rc != ACM_OK) {
        return rc;
    }

    acm_buf_init(&buf, ACM_MAX_SINK_BODY);

    if (opt->json) {
        rc = acm_event_json(&event, &buf);

        if (rc == ACM_OK) {
            fprintf(out, "%.*s\n", (int) buf.len, (const char *) buf.data);
        }

    } else {
        fprintf(out, "%s %s %s %s", acm_time_text(event.at, time), event.id,
                acm_event_word(event.kind),
                (event.resource[0] != '\0') ? event.resource : "-");

        if (dead != NULL) {
            fprintf(out, " dead at %s: %s", acm_time_text(dead->at, when),
                    dead->why);
        }

        putc('\n', out);
    }

    acm_buf_free(&buf);
    acm_event_free(&event);

    return rc;
}


static int
acmctl_events_replay(acmctl_t *ctl, const acmctl_events_t *opt)
{
    int        i, rc;
    acm_rc_t   done;
    acm_err_t  err;

    rc = acmctl_open(ctl, 0, 0);

    if (rc != ACMCTL_OK) {
        return rc;
    }

    done = ACM_CONFLICT;

    for (i = 0; done == ACM_CONFLICT && i < ACMCTL_TRIES; i++) {
        done = acm_outbox_replay(ctl->store, opt->sink, opt->from, &err);
    }

    return (done == ACM_OK) ? ACMCTL_OK : acmctl_fail("%s", err.text);
}


static int
acmctl_events_sinks(acmctl_t *ctl)
{
    int          rc;
    json_t      *json;
    acm_err_t    err;
    acm_str_t    text;
    acm_snap_t  *snap;

    rc = acmctl_open(ctl, 0, 0);

    if (rc != ACMCTL_OK) {
        return rc;
    }

    if (acm_store_begin(ctl->store, &snap, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    json = acm_json_sinks(snap, acm_now());

    acm_store_end(snap);

    if (json == NULL || acm_json_text(json, 1, &text, &err) != ACM_OK) {
        json_decref(json);
        return acmctl_fail("no memory");
    }

    printf("%.*s", (int) text.len, (const char *) text.data);

    acm_free(text.data);
    json_decref(json);

    return ACMCTL_OK;
}


static int
acmctl_events_test(acmctl_t *ctl)
{
    int          rc;
    acm_rc_t     done;
    acm_err_t    err;
    acm_batch_t  batch;
    acm_event_t  event;

    rc = acmctl_open(ctl, 0, 0);

    if (rc != ACMCTL_OK) {
        return rc;
    }

    memset(&event, 0, sizeof(acm_event_t));

    event.kind = ACM_EVENT_ALARM;
    event.at = acm_now();
    event.account = (char *) ctl->account;
    event.region = (char *) ctl->region;
    event.resource = (char *) "";
    event.detail = (char *) "{\"Name\":\"test\",\"State\":\"TEST\","
                   "\"Description\":\"A test by acmctl: nothing is "
                   "wrong.\"}";

    acm_batch_init(&batch);
    acm_event_put(&batch, &event);

    done = acm_store_commit(ctl->store, &batch, &err);

    acm_batch_free(&batch);

    if (done != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    printf("%s\n", event.id);

    return ACMCTL_OK;
}
