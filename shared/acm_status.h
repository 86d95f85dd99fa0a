
/*
 * Copyright (C) The ngx_acm authors
 *
 * The status: what certificates there are, which of them need somebody, and
 * what is to be done.  A model is gathered from a snapshot as JSON, which
 * programs get as it is, and pages for people are made from it.
 *
 * Called in workers: each call reads a bounded number of records.  A list
 * goes on where it stopped by a cursor, which names the last record seen.
 */


#ifndef _ACM_STATUS_H_INCLUDED_
#define _ACM_STATUS_H_INCLUDED_


#include <jansson.h>

#include "acm_issuer.h"
#include "acm_record.h"


#define ACM_STATUS_PAGE        50    /* rows of a page for people */
#define ACM_MAX_STATUS_PAGE    100
#define ACM_STATUS_JSON        200   /* certificates in an answer */
#define ACM_MAX_STATUS_JSON    1000
#define ACM_STATUS_STUCK       20    /* shown in the overview, of */
#define ACM_STATUS_COUNTED     200   /* that are looked for */
#define ACM_STATUS_NEXT        10    /* that end next, in the overview */
#define ACM_MAX_STATUS_SCAN    20000 /* records read for one answer */
#define ACM_STATUS_TIME        25    /* milliseconds of reading, then the page
                                        offers to go on */
#define ACM_STATUS_AHEAD       86400 /* seconds: what is tried again later
                                        than that does not come first */
#define ACM_MAX_STATUS_DUE     4000  /* records read of the due index, then
                                        the list goes on by expiry */
#define ACM_MAX_STATUS_ASKED   40000 /* its entries passed over: windows that
                                        are to be asked for */
#define ACM_MAX_STATUS_ARGS    4096  /* octets of a query */
#define ACM_MAX_STATUS_Q       253   /* octets of what is searched for */
#define ACM_MAX_STATUS_CURSOR  1024  /* octets, in hex mostly */
#define ACM_MAX_STATUS_FAULT   160   /* octets, with NUL */
#define ACM_MAX_STATUS_LIMITS  20    /* rate limits shown of an issuer */
#define ACM_MAX_STATUS_EXPIRES (3660 * 86400LL)


typedef enum {
    ACM_FORMAT_JSON = 0,
    ACM_FORMAT_HTML,
    ACM_FORMAT_MAX
} acm_format_e;

typedef enum {
    ACM_SORT_NONE = 0,           /* as the page likes it */
    ACM_SORT_ATTENTION,          /* what is stuck, then what ends first */
    ACM_SORT_EXPIRY,
    ACM_SORT_NAME,               /* from the right: by domain */
    ACM_SORT_STORE               /* by ARN; the cursor is the key itself */
} acm_sort_e;

typedef enum {
    ACM_PAGE_HOME = 0,
    ACM_PAGE_LIST,
    ACM_PAGE_CERT,
    ACM_PAGE_NONE
} acm_page_e;

/* what a certificate is in the eyes of who looks after it */

typedef enum {
    ACM_STATE_OK = 0,
    ACM_STATE_RENEWING,
    ACM_STATE_PENDING,           /* the first one is under way */
    ACM_STATE_ENDING,            /* nobody renews it, and it ends soon */
    ACM_STATE_STUCK,             /* failed, is tried again */
    ACM_STATE_FAILED,            /* for good */
    ACM_STATE_EXPIRED,
    ACM_STATE_REVOKED,
    ACM_STATE_INACTIVE,
    ACM_STATE_MAX
} acm_state_e;


typedef struct {
    acm_format_e   format;
    acm_sort_e     sort;
    acm_status_e   status;       /* 0: all */
    acm_type_e     type;         /* 0: all */
    int64_t        expires;      /* seconds from now, 0: all */
    size_t         limit;        /* rows, 0: not said */
    char           q[ACM_MAX_STATUS_Q + 1];      /* lower case */
    char           issuer[ACM_MAX_LABEL + 1];
    char           after[ACM_MAX_STATUS_CURSOR + 1];
    size_t         after_len;
    char           fault[ACM_MAX_STATUS_FAULT];  /* what was not understood */
    unsigned       stuck:1;      /* only what needs somebody */
    unsigned       formatted:1;  /* format was said */
} acm_status_query_t;


/* where a request leads; uuid of ACM_PAGE_CERT */

typedef struct {
    acm_page_e     page;
    char           uuid[ACM_UUID_LEN + 1];
    char           home[ACM_MAX_NAME + 4];   /* relative URL, in front of all
                                                links */
} acm_status_where_t;


/* Adds to the JSON of a certificate what the caller knows; whole: for the
   page of this one. */
typedef void (*acm_status_more_pt)(void *data, const acm_cert_t *cert,
    json_t *o, int whole);

typedef struct {
    acm_snap_t          *snap;
    int64_t              now;        /* seconds */
    size_t               scan;       /* records that may still be read */
    int64_t              until;      /* ticks, after which it is enough */
    const char          *account;    /* where a certificate is looked for */
    const char *const   *regions;
    size_t               nregions;
    acm_status_more_pt   more;       /* or NULL */
    void                *data;
} acm_status_view_t;


/* Requests: acm_status.c */

/*
 * The arguments of a request, "q=www&status=ISSUED".  What is not understood
 * is left out, and told in query->fault.  Never fails: of an over-long text
 * nothing is taken.
 */
void acm_status_query(const char *args, size_t len,
    acm_status_query_t *query);
/* The same as arguments of a link, without cursor and format. */
void acm_status_query_text(const acm_status_query_t *query, acm_buf_t *out);

/* The path of a request, decoded, and how much of it is the location: what it
   asks for. */
void acm_status_where(const char *path, size_t len, size_t base,
    acm_status_where_t *where);

/* HTML if an Accept field (RFC 9110 s12.5.1) names text/html with a weight
   that is not below the one of application/json; else JSON. */
acm_format_e acm_status_accept(const char *accept, size_t len);


/* The model: acm_status_list.c, acm_status_model.c.  New references, NULL
   without memory. */

/* A view with the limits of one answer. */
void acm_status_view_init(acm_status_view_t *view, acm_snap_t *snap,
    int64_t now);

/* "Certificates"; "Next" if there may be more, with "Cut" if it is so because
   enough was read; "Looked": records read. */
json_t *acm_status_list(acm_status_view_t *view,
    const acm_status_query_t *query);

/* "Counts", "Stuck", "ExpiresNext"; stat tells how much there is. */
json_t *acm_status_overview(acm_status_view_t *view,
    const acm_store_stat_t *stat);

/* One certificate with "History" and "Versions".  ACM_NOTFOUND. */
acm_rc_t acm_status_cert(acm_status_view_t *view, const char *uuid,
    json_t **json, acm_err_t *err);

/* A certificate by its UUID: ACM_NOTFOUND.  Release with acm_cert_free(). */
acm_rc_t acm_status_find(acm_status_view_t *view, const char *uuid,
    acm_cert_t *cert);

/* What is told of a certificate; whole: on a page of its own. */
json_t *acm_status_row(acm_status_view_t *view, const acm_cert_t *cert,
    int whole);

/* The rate limits of an issuer: of the account, and of the domains that have
   least left. */
json_t *acm_status_limits(acm_snap_t *snap, const acm_issuer_t *issuer,
    int64_t now);

acm_state_e acm_status_state(const acm_cert_t *cert, int64_t now);
/* "ok", "stuck" and so on */
const char *acm_state_text(acm_state_e state);
/* Somebody has to do something. */
int acm_status_stuck(const acm_cert_t *cert, int64_t now);
/* What is to be done; NULL if the error says it, or there is nothing. */
const char *acm_status_cure(const acm_cert_t *cert, int64_t now);


/* Pages for people: acm_status_html.c.  home: of acm_status_where_t; root:
   what programs get.  ACM_TOOBIG, ACM_NOMEM. */

acm_rc_t acm_status_html_home(acm_buf_t *b, const json_t *root,
    const char *home, int64_t now);
acm_rc_t acm_status_html_list(acm_buf_t *b, const json_t *root,
    const acm_status_query_t *query, const char *home, int64_t now);
acm_rc_t acm_status_html_cert(acm_buf_t *b, const json_t *root,
    const char *home, int64_t now);
/* A page that says only why there is none. */
acm_rc_t acm_status_html_error(acm_buf_t *b, const char *title,
    const char *text, const char *home, int64_t now);


#endif /* _ACM_STATUS_H_INCLUDED_ */
