
/*
 * Copyright (C) The ngx_acm authors
 *
 * What the files of the outbox share.
 */


#ifndef _ACM_OUTBOX_IMPL_H_INCLUDED_
#define _ACM_OUTBOX_IMPL_H_INCLUDED_


#include "acm_outbox.h"


typedef enum {
    ACM_LETTER_WAITING = 0,
    ACM_LETTER_HANDED,
    ACM_LETTER_DELIVERED,
    ACM_LETTER_REFUSED
} acm_letter_e;


typedef struct {
    acm_outbox_conf_t    conf;           /* its name is in rec.name */
    acm_sink_t           rec;            /* as it is to be written */
    uint64_t             revision;
    uint64_t             passed;         /* what is in the window ends here */
    uint64_t             idle;           /* generation without more */
    acm_letter_t        *letters[ACM_OUTBOX_WINDOW];
    size_t               n;
    size_t               handed;
    uint64_t             ndead;          /* to be told once written */
    uint64_t             ndropped;
    unsigned             dirty:1;        /* rec differs from the store */
    unsigned             urgent:1;       /* and must not wait */
    unsigned             counted:1;      /* the attempt is written already */
    unsigned             failing:1;      /* this attempt has failed */
    unsigned             redoing:1;      /* the window is of dead letters */
} acm_outbox_sink_t;


struct acm_outbox_s {
    acm_store_t         *store;
    acm_outbox_note_pt   note;
    void                *data;
    uint64_t             random;
    uint64_t             generation;     /* of what was read */
    acm_outbox_sink_t   *sinks[ACM_MAX_SINKS];
    size_t               n;
    unsigned             loaded:1;
};


void acm_letter_free(acm_letter_t *letter);

/* Reads what others have written since. */
acm_rc_t acm_outbox_look(acm_outbox_t *o, int64_t now, acm_err_t *err);

/* In the place of a record that is damaged, without an expectation, which it
   would not meet: s as it was read last, or from the oldest event on. */
void acm_outbox_mend(acm_batch_t *batch, acm_snap_t *snap,
    const acm_outbox_sink_t *s, const char *name, int64_t now);

/* Once a day: it is still configured. */
void acm_outbox_seen(acm_outbox_sink_t *s, int64_t now);

/* 1 unless the sink is one of ours and does not want the event. */
int acm_outbox_wants(acm_outbox_t *o, const char *name,
    const acm_entry_t *entry);

/* Builders: the record of a sink with its revision expected; a dead letter. */
void acm_outbox_put(acm_batch_t *batch, const acm_sink_t *sink,
    uint64_t revision);
void acm_outbox_bury(acm_batch_t *batch, const char *sink, uint64_t number,
    const acm_str_t *event, const char *why, int64_t now);

/* Deletes the oldest n dead letters of a sink, those in the snapshot; returns
   how many. */
size_t acm_outbox_drop(acm_batch_t *batch, acm_snap_t *snap,
    const char *sink, size_t n);


#endif /* _ACM_OUTBOX_IMPL_H_INCLUDED_ */
