
/*
 * Copyright (C) The ngx_acm authors
 *
 * The audit log of the API: one line for each call, a JSON record as of AWS
 * CloudTrail, and each line bound to the one before by SHA-256.
 *
 * A line ends with
 *
 *     ,"ngxAcmChain":{"number":N,"previous":"HEX","hash":"HEX"}}
 *
 * and a line feed.  The hash is that of all octets of the line in front of
 * ,"hash": and previous is the hash of the line with the number before: zeros
 * for number 1.  Numbers go on over files, restarts and processes.  There is
 * no secret in it: who may write both the log and its head (below) can make
 * another chain of it, unless a number and its hash were noted elsewhere.
 */


#ifndef _ACM_AUDIT_H_INCLUDED_
#define _ACM_AUDIT_H_INCLUDED_


#include <sys/types.h>

#include "acm_buf.h"
#include "acm_json.h"


#define ACM_AUDIT_VERSION      "1.11"        /* of CloudTrail's records */
#define ACM_AUDIT_SOURCE       "acm.amazonaws.com"
#define ACM_AUDIT_HIDDEN       "HIDDEN_DUE_TO_SECURITY_REASONS"
#define ACM_AUDIT_HEAD_NAME    "audit.head"  /* in the directory of the
                                                store */
#define ACM_AUDIT_RESUME       "ResumeAuditLog"
#define ACM_AUDIT_SUMMARY      "SummarizeRefusedCalls"

#define ACM_MAX_AUDIT_LINE     262144        /* octets, without line feed */
#define ACM_MAX_AUDIT_PART     98304         /* octets of requestParameters,
                                                of responseElements */
#define ACM_MAX_AUDIT_TEXT     1024          /* octets of long texts */
#define ACM_MAX_AUDIT_WORD     256           /* octets of short ones */
#define ACM_MAX_AUDIT_PATH     4096          /* octets, with NUL */
#define ACM_MAX_AUDIT_FINDING  256           /* octets, with NUL */
#define ACM_AUDIT_REFUSED      100           /* lines of a process, in a */
#define ACM_AUDIT_PERIOD       60            /* seconds */
#define ACM_AUDIT_FAULTS       8             /* told apart in a summary */
#define ACM_AUDIT_WAIT         1000          /* milliseconds: for the lock */
#define ACM_AUDIT_HEX          (2 * ACM_HASH_LEN)


/* calls that were refused, and are in the log by their number only */

typedef struct {
    int64_t                    from;         /* seconds, of the first one */
    int64_t                    to;           /* of the last one */
    uint64_t                   n;
    size_t                     nfaults;
    struct {
        const char            *fault;        /* static */
        uint64_t               n;
    } faults[ACM_AUDIT_FAULTS];              /* less than n in all, if there
                                                were more kinds */
} acm_audit_refused_t;


/*
 * A call that is over.  Everything is borrowed; what is not known may be
 * NULL.
 */

typedef struct {
    const char                *account;      /* of the caller; NULL: nobody
                                                whom we know */
    const char                *arn;          /* of a user, role or root */
    const char                *principal;    /* unique id; NULL: made of arn */
    const char                *key_id;       /* access key, as it was sent */
    const char                *address;
    const char                *agent;        /* User-Agent */
    const char                *source;       /* NULL: ACM_AUDIT_SOURCE */
    const char                *operation;
    const char                *region;
    const char                *recipient;    /* account; NULL: the caller's */
    const char                *resource;     /* ARN of the certificate */
    const char                *request_id;
    const char                *fault;        /* NULL: it went well */
    const char                *message;      /* of the fault */
    const json_t              *parameters;   /* as the client sent them */
    const json_t              *response;     /* as the client gets it */
    const char                *tls_version;  /* "TLSv1.3"; NULL: no TLS */
    const char                *tls_cipher;
    const char                *tls_host;     /* Host, as it was sent */
    const acm_audit_refused_t *refused;      /* it is no call, but these */
    int64_t                    now;          /* seconds */
    unsigned                   changes:1;    /* an operation that may */
} acm_audit_t;


/* where a chain has got to; number 0: it has not begun, hash is zeros */

typedef struct {
    uint64_t                   number;
    uint8_t                    hash[ACM_HASH_LEN];
} acm_audit_link_t;


/*
 * Appends the line that follows `link`, line feed included, to line, and
 * makes it the new link.  Private keys and passphrases are hidden, whether
 * they were before or not.  ACM_TOOBIG if the buffer's limit is less than
 * ACM_MAX_AUDIT_LINE + 1 and was passed.
 */
acm_rc_t acm_audit_record(const acm_audit_t *call, acm_audit_link_t *link,
    acm_buf_t *line, acm_err_t *err);

/* The same for a line that says: behind the link len octets of a line that
   was not finished were found, with this hash. */
acm_rc_t acm_audit_resume(const uint8_t *torn, size_t len, int64_t now,
    acm_audit_link_t *link, acm_buf_t *line, acm_err_t *err);

/*
 * Of calls that are refused before it is known who makes them, or because
 * there are too many, ACM_AUDIT_REFUSED have a line in ACM_AUDIT_PERIOD, so
 * that nobody can fill a disk without a key.  The others are counted, and
 * told of by one line (ACM_AUDIT_SUMMARY) when the period is over.
 */

typedef struct {
    acm_audit_refused_t        out;          /* without a line */
    int64_t                    began;        /* the period, seconds */
    uint32_t                   lines;        /* in it */
} acm_audit_limit_t;


/* 1 if a line may be written, else it is counted.  fault is static.  Zeros are
   a limit that was not used yet. */
int acm_audit_allowed(acm_audit_limit_t *l, const char *fault, int64_t now);

/* One that has no line in any case. */
void acm_audit_count(acm_audit_limit_t *l, const char *fault, int64_t now);

/* 1 if a summary is to be written: it is taken out of the limit.  all: though
   the period may not be over. */
int acm_audit_summary(acm_audit_limit_t *l, int64_t now, int all,
    acm_audit_refused_t *refused);


/*
 * Reads the chain of a line without line feed: ACM_OK if its own hash fits,
 * ACM_CORRUPT if not (link and previous are what it says), ACM_INVALID if
 * there is none.
 */
acm_rc_t acm_audit_parse(const uint8_t *line, size_t len,
    acm_audit_link_t *link, uint8_t previous[ACM_HASH_LEN]);


/* Lower-case hex, ACM_AUDIT_HEX digits; 1, or 0 if it is not. */
int acm_audit_hash(const void *hex, uint8_t hash[ACM_HASH_LEN]);


/*
 * The file.  All processes of a store write to one, one line after the other:
 * fcntl() locks the head, a small file that has the last number and hash, and
 * the kernel unlocks it should a process die.  A file that was moved away is
 * written to until there is another one of its name, for all processes at
 * the same moment.
 *
 * A line is in the file before the head says so.  What is behind the head
 * when the next one writes is taken over if it is whole; half a line is ended
 * and told of by a line of its own (ACM_AUDIT_RESUME).
 */

typedef struct acm_audit_log_s  acm_audit_log_t;


/*
 * Opens the head, which is made if it is not there, and the log, if it is
 * there; else it is opened when it is written to, and must exist then.  After
 * fork(), not before.  sync: each line is on disk before the write returns.
 * fd: -1, or any descriptor of the file that had the name last, for now:
 * that one is written to if there is none of the name.
 */
acm_rc_t acm_audit_open(const char *path, const char *head, int sync,
    int fd, acm_audit_log_t **log, acm_err_t *err);

/* There is another file of the name: it is kept open, so that it is found even
   if it is moved away before this process writes.  Does not wait. */
void acm_audit_reopened(acm_audit_log_t *log);

void acm_audit_close(acm_audit_log_t *log);

/* Threads may call it.  After an error there is no line, or, if it was the
   head that could not be written, one that the next call takes over.  ACM_BUSY
   if others had the lock for ACM_AUDIT_WAIT, ACM_FULL, ACM_DENIED,
   ACM_NOTFOUND, ACM_ERROR, ACM_NOMEM. */
acm_rc_t acm_audit_write(acm_audit_log_t *log, const acm_audit_t *call,
    acm_err_t *err);

/* The head, as it is on disk; ACM_NOTFOUND if there is none, ACM_CORRUPT if it
   is damaged.  Not in a process that writes: it would lose its lock. */
acm_rc_t acm_audit_head_read(const char *path, acm_audit_link_t *link,
    acm_err_t *err);


/* verification */

typedef enum {
    ACM_AUDIT_BEGINS = 0,      /* notice: the first line of all */
    ACM_AUDIT_RESUMED,         /* notice: half a line, which is told of */
    ACM_AUDIT_CHANGED,         /* from here on faults */
    ACM_AUDIT_MISSING,
    ACM_AUDIT_REPEATED,        /* again, or not in its place */
    ACM_AUDIT_REPLACED,        /* the line before is not the one it was */
    ACM_AUDIT_TORN,            /* not finished */
    ACM_AUDIT_TOO_LONG,
    ACM_AUDIT_HEAD             /* not what the head says */
} acm_audit_finding_e;

#define acm_audit_fault(finding)  ((finding) >= ACM_AUDIT_CHANGED)


/* line: of the file that is read; text: what is wrong there */
typedef void (*acm_audit_finding_pt)(void *data, acm_audit_finding_e finding,
    uint64_t line, const char *text);


typedef struct {
    acm_audit_finding_pt       found;
    void                      *data;
    acm_audit_link_t           head;         /* number 0: not compared */
    acm_audit_link_t           last;         /* good line */
    uint64_t                   lines;        /* all of them */
    uint64_t                   faults;

    /* internal */

    acm_buf_t                  part;         /* of a line */
    uint64_t                   line;         /* of this file */
    uint64_t                   bad;          /* since the last good one */
    uint64_t                   held_line;    /* bad, not told of yet; or 0 */
    uint64_t                   held_len;
    uint8_t                    held[ACM_HASH_LEN];
    unsigned                   held_chain:1; /* it has one */
    unsigned                   begun:1;
    unsigned                   skip:1;       /* the rest of a line */
    unsigned                   met:1;        /* the head's number */
} acm_audit_check_t;


/*
 * Files are given oldest first, in pieces of any size, each ended by
 * acm_audit_check_end(); last: there are no more.  All memory is released by
 * the last one.  ACM_NOMEM or ACM_OK, whatever is found.
 */
void acm_audit_check_init(acm_audit_check_t *c, acm_audit_finding_pt found,
    void *data);
acm_rc_t acm_audit_check(acm_audit_check_t *c, const void *data, size_t len);
void acm_audit_check_end(acm_audit_check_t *c, int last);


#endif /* _ACM_AUDIT_H_INCLUDED_ */
