
/*
 * Copyright (C) The ngx_acm authors
 *
 * acmctl: events, dead letters, sinks.
 */


#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "acmctl.h"
#include "../shared/acm_json_sinks.h"
#include "../shared/acm_sink_format.h"


#define ACMCTL_TRIES  10             /* while nginx writes the same record */


typedef struct {
    const char   *sink;
    const char   *from;
    int           dead;
    int           json;
} acmctl_events_t;


static int acmctl_events_list(acmctl_t *ctl, const acmctl_events_t *opt);
static int acmctl_events_dead(acmctl_t *ctl, const acmctl_events_t *opt);
static int acmctl_events_behind(acmctl_t *ctl, acm_snap_t *snap,
    const acmctl_events_t *opt, uint64_t *number);
static void acmctl_events_print(const uint8_t *data, size_t len,
    const char *why, int64_t at, int json);
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
    int           rc;
    uint8_t       key[ACM_NUMBER_LEN];
    uint64_t      number;
    acm_err_t     err;
    acm_rc_t      found;
    acm_snap_t   *snap;
    acm_entry_t   entry;

    rc = acmctl_open(ctl, 0, 0);

    if (rc != ACMCTL_OK) {
        return rc;
    }

    if (acm_store_begin(ctl->store, &snap, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    number = 0;
    rc = acmctl_events_behind(ctl, snap, opt, &number);

    for (found = acm_store_seek(snap, ACM_DB_EVENT, key,
                                acm_number_key(key, number), &entry);
         rc == ACMCTL_OK && (found == ACM_OK || found == ACM_CORRUPT);
         found = acm_store_next(snap, ACM_DB_EVENT, &entry))
    {
        if (found == ACM_OK) {
            acmctl_events_print(entry.data, entry.len, NULL, 0, opt->json);
        }
    }

    acm_store_end(snap);

    return rc;
}


static int
acmctl_events_behind(acmctl_t *ctl, acm_snap_t *snap,
    const acmctl_events_t *opt, uint64_t *number)
{
    acm_sink_t  sink;

    (void) ctl;

    if (opt->sink == NULL) {
        return ACMCTL_OK;
    }

    if (acm_sink_get(snap, opt->sink, &sink, NULL) != ACM_OK) {
        return acmctl_fail("no sink \"%s\", see \"acmctl events sinks\"",
                           opt->sink);
    }

    *number = (uint64_t) sink.acked + 1;

    acm_sink_free(&sink);

    return ACMCTL_OK;
}


static int
acmctl_events_dead(acmctl_t *ctl, const acmctl_events_t *opt)
{
    int           rc;
    size_t        len;
    acm_err_t     err;
    acm_rc_t      found;
    acm_dead_t    dead;
    acm_snap_t   *snap;
    acm_entry_t   entry;

    rc = acmctl_open(ctl, 0, 0);

    if (rc != ACMCTL_OK) {
        return rc;
    }

    if (acm_store_begin(ctl->store, &snap, &err) != ACM_OK) {
        return acmctl_fail("%s", err.text);
    }

    /* the key begins with the sink and a NUL */

    len = (opt->sink == NULL) ? 0 : strlen(opt->sink) + 1;

    for (found = acm_store_seek(snap, ACM_DB_DEAD, opt->sink, len, &entry);
         found == ACM_OK || found == ACM_CORRUPT;
         found = acm_store_next(snap, ACM_DB_DEAD, &entry))
    {
        if (len != 0 && (entry.key_len < len
                         || memcmp(entry.key, opt->sink, len) != 0))
        {
            break;
        }

        if (found != ACM_OK
            || acm_dead_decode(entry.data, entry.len, &dead) != ACM_OK)
        {
            continue;
        }

        if (opt->sink == NULL && !opt->json) {
            printf("%.*s ", (int) (entry.key_len - ACM_NUMBER_LEN - 1),
                   (const char *) entry.key);
        }

        acmctl_events_print(dead.event.data, dead.event.len, dead.why,
                            dead.at, opt->json);
        acm_dead_free(&dead);
    }

    acm_store_end(snap);

    return ACMCTL_OK;
}


/* One line each. */

static void
acmctl_events_print(const uint8_t *data, size_t len, const char *why,
    int64_t at, int json)
{
    char         time[32], when[32];
    acm_buf_t    buf;
    acm_event_t  event;

    if (acm_event_decode(data, len, &event) != ACM_OK) {
        return;
    }

    acm_buf_init(&buf, ACM_MAX_SINK_BODY);

    if (json) {
        if (acm_event_json(&event, &buf) == ACM_OK) {
            printf("%.*s\n", (int) buf.len, (const char *) buf.data);
        }

    } else {
        printf("%s %s %s %s", acm_time_text(event.at, time), event.id,
               acm_event_word(event.kind),
               (event.resource[0] != '\0') ? event.resource : "-");

        if (why != NULL) {
            printf(" dead at %s: %s", acm_time_text(at, when), why);
        }

        putchar('\n');
    }

    acm_buf_free(&buf);
    acm_event_free(&event);
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
