
/*
 * Copyright (C) The ngx_acm authors
 *
 * From the outbox to the sinks: each sink gets the events in their order, at
 * least once; how far it has got is in the store.  What a sink refuses for
 * good, or does not take in time, becomes a dead letter of this sink.  No
 * I/O but the store's, and no clock: now is in seconds.
 */


#ifndef _ACM_OUTBOX_H_INCLUDED_
#define _ACM_OUTBOX_H_INCLUDED_


#include "acm_event.h"


#define ACM_MAX_SINKS         32
#define ACM_MAX_SINK_NAME     128         /* octets */
#define ACM_MAX_SINK_ERROR    ACM_MAX_ERROR
#define ACM_OUTBOX_WINDOW     64          /* events of a sink in memory */
#define ACM_OUTBOX_WALK       1024        /* events passed over at a time */
#define ACM_OUTBOX_KEEP       1000        /* last ones kept for the status */
#define ACM_OUTBOX_SLACK      64          /* over that before it is tidied */
#define ACM_OUTBOX_TIDY       512         /* removed at a time */
#define ACM_MAX_OUTBOX        100000      /* events, whatever sinks do */
#define ACM_MAX_DEAD          1000        /* dead letters of one sink */
#define ACM_MAX_BACKLOG       10000       /* events counted for the status */
#define ACM_SINK_EXPIRE       (7 * 86400) /* seconds */
#define ACM_SINK_FORGET       (30 * 86400) /* after a sink was removed */
#define ACM_SINK_BACKOFF_MIN  1           /* seconds, then doubled */
#define ACM_SINK_BACKOFF_MAX  900
#define ACM_SINK_MAX_WAIT     3600        /* that a sink may ask for */


/* how far a sink has got */

typedef struct {
    char       *name;
    int64_t     acked;           /* number of the last event done with */
    uint32_t    attempts;        /* failed in a row */
    int64_t     not_before;      /* seconds */
    char       *last_error;      /* "": none ever; see attempts */
    int64_t     last_error_at;
    int64_t     delivered;       /* events, ever */
    int64_t     delivered_at;    /* the last of them */
    int64_t     dead;            /* that became dead letters, ever */
    int64_t     dropped;         /* dead letters that made room for others */
    uint32_t    ndead;           /* dead letters that are there */
    int64_t     seen_at;         /* when it was configured last */
    int64_t     redo;            /* dead letters up to redo_to are tried */
    int64_t     redo_to;         /* again, done up to redo; 0: none */
} acm_sink_t;


typedef struct {
    acm_str_t   event;           /* encoded */
    char       *why;
    int64_t     at;
} acm_dead_t;


acm_rc_t acm_sink_encode(const acm_sink_t *sink, acm_buf_t *out);
acm_rc_t acm_sink_decode(const uint8_t *data, size_t len, acm_sink_t *sink);
void acm_sink_free(acm_sink_t *sink);

acm_rc_t acm_dead_encode(const acm_dead_t *dead, acm_buf_t *out);
acm_rc_t acm_dead_decode(const uint8_t *data, size_t len, acm_dead_t *dead);
void acm_dead_free(acm_dead_t *dead);

/* Keys, into ACM_MAX_STORE_KEY octets; return the length.  The key of a dead
   letter is the sink's name, NUL, and the number of the event. */
size_t acm_dead_key(uint8_t *buf, const char *sink, uint64_t number);
/* 0 if it is none of this sink */
uint64_t acm_dead_key_parse(const uint8_t *key, size_t len,
    const char *sink);
size_t acm_number_key(uint8_t *buf, uint64_t number);
uint64_t acm_number_parse(const uint8_t *key, size_t len);

/* ACM_NOTFOUND; revision may be NULL. */
acm_rc_t acm_sink_get(acm_snap_t *snap, const char *name, acm_sink_t *sink,
    uint64_t *revision);

/* The number of the last event, 0 if there is none. */
acm_rc_t acm_outbox_last(acm_snap_t *snap, uint64_t *number);
/* The number of the event with this id; ACM_NOTFOUND. */
acm_rc_t acm_outbox_find(acm_snap_t *snap, const char *id,
    uint64_t *number);
/* How many events are behind this number, ACM_MAX_BACKLOG at most. */
size_t acm_outbox_backlog(acm_snap_t *snap, uint64_t number);

/*
 * For acmctl: a sink gets its dead letters once more, or all events from the
 * one with this id (NULL: the dead letters).  Whoever delivers takes notice.
 * ACM_NOTFOUND: no such sink, or event; ACM_CONFLICT: try again.
 */
acm_rc_t acm_outbox_replay(acm_store_t *store, const char *name,
    const char *id, acm_err_t *err);


/* the one who delivers */

typedef struct acm_outbox_s  acm_outbox_t;


typedef struct {
    const char   *name;          /* borrowed */
    int64_t       expire;        /* seconds; 0: ACM_SINK_EXPIRE */
    uint32_t      kinds;         /* bits 1 << kind; 0: all events */
} acm_outbox_conf_t;


typedef enum {
    ACM_SINK_DELIVERED,
    ACM_SINK_REFUSED,            /* for good */
    ACM_SINK_FAILED              /* to be tried again */
} acm_sink_e;


/* an event that is handed out, until acm_outbox_done() */

typedef struct {
    acm_event_t   event;
    uint64_t      number;
    uint64_t      upto;          /* the rest is internal */
    unsigned      state;
    unsigned      lost:1;
    char         *why;
} acm_letter_t;


/* what has happened that somebody should be told; text is the sink's error */

typedef enum {
    ACM_OUTBOX_DOWN,             /* the first failure in a row */
    ACM_OUTBOX_UP,               /* delivered again */
    ACM_OUTBOX_DEAD,             /* a dead letter; n of them */
    ACM_OUTBOX_OVERFLOW,         /* the same, since the outbox is full */
    ACM_OUTBOX_DROPPED,          /* dead letters, n of them */
    ACM_OUTBOX_BROKEN,           /* an event that cannot be read */
    ACM_OUTBOX_FORGOTTEN,        /* a sink that was removed long ago */
    ACM_OUTBOX_DAMAGED           /* a sink's record, which is written anew;
                                    n: without what was known of it */
} acm_outbox_note_e;

typedef void (*acm_outbox_note_pt)(void *data, acm_outbox_note_e note,
    const char *sink, uint64_t n, const char *text);


/* NULL without memory.  seed: any random number, for jitter. */
acm_outbox_t *acm_outbox_new(acm_store_t *store, uint64_t seed,
    acm_outbox_note_pt note, void *data);
/* No letter may be handed out any more.  Writes nothing. */
void acm_outbox_free(acm_outbox_t *o);

/* One more sink, before acm_outbox_begin(); its index is how many there were
   before.  ACM_TOOBIG over ACM_MAX_SINKS, ACM_INVALID for a name that is no
   text of 1 to ACM_MAX_SINK_NAME octets, ACM_CONFLICT for the same twice. */
acm_rc_t acm_outbox_add(acm_outbox_t *o, const acm_outbox_conf_t *conf);

/* Reads how far sinks have got; a new one starts with the next event, and one
   whose record is damaged with the oldest that is there. */
acm_rc_t acm_outbox_begin(acm_outbox_t *o, int64_t now, acm_err_t *err);

/*
 * The next letters for a sink, max at most, in order; their number in *n, 0
 * if there are none, or not yet, or all of the window are handed out.  Each
 * must be given back.  If the sink failed before, its next wait is written
 * first.  After a fault of the store nothing is handed out.
 */
acm_rc_t acm_outbox_take(acm_outbox_t *o, size_t sink, size_t max,
    int64_t now, acm_letter_t **letters, size_t *n, acm_err_t *err);

/* What has become of a letter.  why: for the two that are not delivered. */
void acm_outbox_done(acm_outbox_t *o, size_t sink, acm_letter_t *letter,
    acm_sink_e result, const char *why, int64_t now);
/* Unasked for: it was not even tried, and comes next time. */
void acm_outbox_untake(acm_outbox_t *o, size_t sink, acm_letter_t *letter);
/* The sink asks not to be asked for so many seconds. */
void acm_outbox_wait(acm_outbox_t *o, size_t sink, int64_t seconds,
    int64_t now);

/* How many deliveries are not written yet; ACM_OUTBOX_WINDOW or more: now. */
size_t acm_outbox_unwritten(const acm_outbox_t *o);
/* Writes them. */
acm_rc_t acm_outbox_flush(acm_outbox_t *o, int64_t now, acm_err_t *err);

/*
 * Removes what all sinks have taken, and what is over a limit; a piece at a
 * time.  *more: there is more to do.
 */
acm_rc_t acm_outbox_tidy(acm_outbox_t *o, int64_t now, int *more,
    acm_err_t *err);


#endif /* _ACM_OUTBOX_H_INCLUDED_ */
