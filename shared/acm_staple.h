
/*
 * Copyright (C) The ngx_acm authors
 *
 * OCSP responses in the store, for workers to staple (RFC 6066 s8), and the
 * part of the helper that fetches them: each when the store's index says so,
 * a few at a time, checked before it is kept.  A responder that fails is
 * asked again with a rising wait; the response before stays while it is good.
 */


#ifndef _ACM_STAPLE_H_INCLUDED_
#define _ACM_STAPLE_H_INCLUDED_


#include "acm_certificate.h"
#include "acm_http.h"
#include "acm_ocsp.h"


#define ACM_STAPLE_JOBS        16        /* responders asked at a time */
#define ACM_STAPLE_SCAN        256       /* entries of the index looked at in
                                            one turn */
#define ACM_STAPLE_RETRY       60        /* seconds, then doubled */
#define ACM_STAPLE_RETRY_MAX   21600
#define ACM_STAPLE_LEAST       60        /* seconds between two responses */
#define ACM_STAPLE_MOST        86400


/* the last response of a certificate; release with acm_staple_free() */

typedef struct {
    uint32_t      version;               /* of the material it is for */
    acm_ocsp_e    status;
    acm_str_t     response;              /* DER, only if it is good */
    int64_t       this_update;           /* seconds */
    int64_t       next_update;
    uint32_t      failures;              /* in a row */
    char         *last_error;            /* "" after a success */
    int64_t       last_error_at;
} acm_staple_t;


acm_rc_t acm_staple_encode(const acm_staple_t *staple, acm_buf_t *out);
acm_rc_t acm_staple_decode(const uint8_t *data, size_t len,
    acm_staple_t *staple);
void acm_staple_free(acm_staple_t *staple);

/* ACM_NOTFOUND: none was asked for, or not for this version. */
acm_rc_t acm_staple_get(acm_snap_t *snap, const char *uuid, uint32_t version,
    acm_staple_t *staple);


/* Told after each commit, for the log: what the responder said, or, with
   answer NULL, why there is no answer.  All are only lent. */
typedef void (*acm_stapler_report_pt)(void *data, const acm_cert_t *cert,
    const acm_ocsp_answer_t *answer, const char *why);

typedef struct acm_stapler_job_s  acm_stapler_job_t;

typedef struct {
    acm_store_t             *store;
    acm_transport_t         *transport;
    const char              *responder;  /* asked instead of what
                                            certificates name, or NULL */
    const char              *ca_file;    /* for https; NULL: the system's */
    acm_stapler_report_pt    report;     /* or NULL */
    void                    *data;

    /* internal, all zero at first */

    acm_stapler_job_t       *jobs;       /* under way */
    size_t                   njobs;
    size_t                   from_len;   /* where the next turn begins; 0: at
                                            the start of the index */
    uint8_t                  from[ACM_MAX_STORE_KEY];
} acm_stapler_t;


/*
 * Asks for what is due at `now`, up to ACM_STAPLE_JOBS at a time.  ACM_OK:
 * something was done, call again soon; ACM_NOTFOUND: *next is when something
 * will be due, or `now` if there was nothing among those that a turn looks at
 * (INT64_MAX: never, or when an answer has come).  Else a fault of the store.
 */
acm_rc_t acm_stapler_tick(acm_stapler_t *stapler, int64_t now, int64_t *next,
    acm_err_t *err);

/* Forgets what is under way: it stays due. */
void acm_stapler_done(acm_stapler_t *stapler);


#endif /* _ACM_STAPLE_H_INCLUDED_ */
